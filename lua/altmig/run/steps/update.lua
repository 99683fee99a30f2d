-- SPDX-License-Identifier: MIT
-- An update of the release that the client has (altmig update, nimadm -U): may it be done, is there anything to do, and
-- is the copy at a whole level in the end.

local aix = require "altmig.aix.output"
local err = require "altmig.err"
local software = require "altmig.run.steps.software"

---@class altmig.Migration
local update = { steps = {} }

local function refuse(code, host, message, remedy)
  err.raise { code = code, status = 3, host = host, message = message, remedy = remedy }
end

-- The highest level of a fileset among the images.
local function highest(source, fileset)
  local best
  for _, row in ipairs(source:filesets()) do
    if row.fileset.name == fileset then best = row.fileset.level end -- ascending
  end
  return best
end

-- The copy of an update that ended well and was not booted yet, with the levels that it brought: then the client has
-- them but for a boot. nil where there is none.
local function finished_copy(m)
  local now = m.record
  local of_run = now and now.ended and now.start and now.start.options or {}
  local level = of_run.update and m:result_of("verify_level")
  if not level or of_run.lpp_source ~= m.opts.lpp_source then return nil end
  local group = m:volume_group()
  if not group or not m:copy_owner(group) then return nil end
  return { level = level.level, disks = group.disks, filesets = level.filesets or {} }
end

-- Whether the bundle of -b asks for RPMs or interim fixes: whether they are there is not known before phase 6.
local function bundle_is_open(m)
  local bundle = m:installp_bundle()
  for _, one in ipairs(bundle and bundle.lines or {}) do
    if one.kind ~= "installp" then return true end
  end
  return false
end

--- Before anything is begun: raises unless the lpp_source is of the client's release and not below its level.
---@return boolean nothing_to_do   the client is at the level of the lpp_source; it has been said
function update.look_at_levels(m)
  local text = m.client:must { "oslevel", "-s" }
  local from, image = aix.oslevel(text), m:bos_level()
  if not from then refuse("OSLEVEL", m.name, "oslevel -s does not print a level: " .. text) end
  if not image then
    refuse("BOS_IMAGE", m:bos_image().host, ("lpp_source %s has no bos image, which tells its release"):format(m.lpp_source.name),
      ("nim -o check %s; ls -l %s/installp/ppc"):format(m.lpp_source.name, m.lpp_source.location))
  end
  if from.version ~= image.version or from.release ~= image.release then
    refuse("OTHER_RELEASE", m.name,
      ("the client is at %d.%d (%s), lpp_source %s is of %d.%d: an update (-U) stays within a release"):format(
        from.version, from.release, text:match("%S+"), m.lpp_source.name, image.version, image.release),
      ("name an lpp_source and a SPOT of %d.%d; another release is a migration: altmig migrate, nimadm without -U"):format(
        from.version, from.release))
  end
  local made, source, installed = m:software_plan()
  local there, have = highest(source, "bos.rte"), installed["bos.rte"] and installed["bos.rte"].level or "0"
  if there and aix.compare_levels(there, have) < 0 then
    refuse("LOWER_LEVEL", m.name, ("lpp_source %s has bos.rte %s, which is below the client's %s (%s)"):format(m.lpp_source.name, there,
      have, text:match("%S+")), "name an lpp_source of a higher level; a lower one is reached by going back to another disk")
  end
  if #made.failed + #made.held > 0 then return false end -- preflight says what is missing
  local copy = finished_copy(m)
  if bundle_is_open(m) then return false end
  for _, step in ipairs(made.steps) do
    local level = copy and copy.filesets[step.fileset]
    if not level or aix.compare_levels(level, step.level) < 0 then return false end
  end
  if copy then
    m:say(("altmig: %s has the update already, in the copy on %s, which is at %s and was not booted yet: bootlist -m normal %s; "
      .. "shutdown -Fr. Nothing was changed."):format(m.name, table.concat(copy.disks, " "), copy.level, table.concat(copy.disks, " ")))
    m:event { event = "up_to_date", level = copy.level }
    return true
  end
  m:say(("altmig: %s is at %s already: lpp_source %s has no higher level of any of its filesets; nothing was changed."):format(
    m.name, text:match("%S+"), m.lpp_source.name))
  m:event { event = "up_to_date", level = text:match("%S+") }
  return true
end

--- Which filesets to update: all of the copy that the lpp_source has higher, but for those that an interim fix locks
--- which stays (--ifix keep). They are not in the list for that, and the level will tell.
update.steps.select_updates = {
  run = function(m)
    local locked, list = {}, {}
    if m.opts.ifix == "keep" then
      for _, row in ipairs(aix.emgr_P(m.exec:run({ "emgr", "-P" }).stdout)) do locked[row.fileset] = row.label end
    end
    for _, row in ipairs(software.steps.select_filesets.run(m)) do
      if locked[row.fileset] then
        local rule = ("interim fix %s locks %s: it stays, and the fileset is not updated to %s (--ifix keep)"):format(
          locked[row.fileset], row.fileset, row.level)
        m:say("altmig: " .. rule)
        m:report_entry { method = "interim fixes", key = locked[row.fileset], severity = "warning", chosen = "C", rule = rule }
      else
        list[#list + 1] = row
      end
    end
    return list
  end,
  -- What was put into the lpp_source since then is wanted too. With --ifix keep the list is never all of the plan.
  holds = software.steps.select_filesets.holds,
}

--- Updates the filesets of the copy with installp on the client.
---@param list altmig.software.Row[]
---@param opts { flags: string? }?   # flags of installp -a, without an argument
function update.install_updates(m, list, opts)
  if #list > 0 then m:save_updated_configuration() end
  m:install_filesets(list, opts)
  m.copy:drop_caches()
  if #list > 0 then m:list_installed_configuration() end
end

local MANY <const> = 24

local function told(list)
  local text = table.concat(list, ", ", 1, math.min(#list, MANY))
  return #list > MANY and ("%s and %d more"):format(text, #list - MANY) or text
end

-- The filesets that a level misses: "bos.rte.lvm 7.1.5.42 (is at 7.1.5.32)".
local function missing_of(m, name)
  local list = {}
  for _, row in ipairs(aix.instfix_icq(m.exec:run({ "instfix", "-icqk", name }, { timeout = 1800 }).stdout)) do
    if row.keyword == name and (row.status == "-" or row.status == "!") then
      list[#list + 1] = ("%s %s (is at %s)"):format(row.fileset, row.wanted, row.installed ~= "" and row.installed or "none")
    end
  end
  return list
end

--- The level of the copy. One that is not whole is a failure: every fileset that it misses is named.
update.steps.verify_level = {
  holds = function() return false end, -- it only looks
  run = function(m)
    local problems = {}
    for _, name in ipairs(aix.incomplete_levels(m.exec:run({ "instfix", "-i" }, { timeout = 1800 }).stdout)) do
      local missing = missing_of(m, name)
      problems[#problems + 1] = ("%s is not complete%s"):format(name, #missing > 0 and ": " .. told(missing) or "")
    end
    local check = m.exec:run({ "lppchk", "-v" }, { timeout = 1800 })
    if check.status ~= 0 then
      problems[#problems + 1] = ("lppchk -v ended with status %s: %s"):format(tostring(check.status or check.signal),
        (check.stdout .. check.stderr):gsub("%s+", " "))
    end
    local text = m.exec:must({ "oslevel", "-s", "-f" }, { timeout = 1800 })
    local level = aix.oslevel(text) and text:match("%S+")
    if not level then problems[#problems + 1] = "oslevel -s does not print a level: " .. text end
    if #problems > 0 then
      err.raise { code = "LEVEL", host = m.exec.runner.name,
        message = ("the copy of %s is not at a whole level (oslevel -s: %s): %s"):format(m.name, level or "?",
          table.concat(problems, "; ")),
        remedy = ("put the missing updates into the lpp_source %s%s, then resume"):format(m.lpp_source.name,
          m.opts.ifix == "keep" and ", or leave --ifix keep out where interim fixes lock them" or "") }
    end
    m:say(("altmig: the copy of %s is at %s; every level in its fix database is complete."):format(m.name, level))
    m:collected():tell { updated_to = level }
    m:report_entry { method = "update", rule = ("the copy is at %s: oslevel -s, instfix -i and lppchk -v agree"):format(level) }
    local filesets = {}
    for _, row in ipairs(m:collected().head.filesets or {}) do
      if row.new and row.new ~= row.old then filesets[row.name] = row.new end
    end
    return { level = level, filesets = filesets }
  end,
}

return update
