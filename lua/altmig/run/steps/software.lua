-- SPDX-License-Identifier: MIT
-- Phases 4, 6 and 7: site scripts, and installp in the copy.

local aix = require "altmig.aix.output"
local err = require "altmig.err"
local footprint = require "altmig.run.footprint"
local installp = require "altmig.installp"
local saveconf = require "altmig.save"
local sys = require "altmig.sys"

---@class altmig.Migration
local software = { steps = {} }

local images = footprint.images .. "/installp/ppc"
local list_file = footprint.filesets
local rpm_images = footprint.images .. "/RPMS/ppc"
local fix_packages = footprint.images .. "/emgr/ppc"
local installp_log = saveconf.root .. "/.altmig/installp.log" -- stays on the migrated system

-- A script resource, on the master, with the copy mounted there. What it gets is documented in
-- altmig-hosts(7): ALTMIG_CLIENT, ALTMIG_PHASE, ALTMIG_ROOT, ALTMIG_TARGET.
software.steps.run_script = {
  key = function(script) return script.name end,
  run = function(m, ctx, script)
    local argv = { script.location }
    local result = m.master:job(ctx.job_id, argv, {
      env = { ALTMIG_CLIENT = m.name, ALTMIG_PHASE = tostring(m.phase), ALTMIG_ROOT = m.exec.root,
        ALTMIG_TARGET = ("%d.%d"):format(m.target.version, m.target.release) },
      on_line = function(line) m:say(line) end })
    if result.status ~= 0 then
      err.raise(m.master:failure(argv, result, ("fix the script %s, then resume"):format(script.name)))
    end
  end,
}

--- The script of phase 4 or 7, or nimadm's line that there is none.
function software.customize(m, script)
  if not script then return m:say("nimadm: There is no user customization script specified for this phase.") end
  m:hand_over("executor")
  m:run_script(script)
  m:hand_over("engine")
end

-- What lslpp says of the copy: fileset -> its level, and its state where that is not as it should be. The form -l
-- asks the software database alone; -L asks the RPM database too, whose programs and files need not fit each other yet.
local sound = { COMMITTED = true, APPLIED = true, EFIXLOCKED = true, OBSOLETE = true }

local function software_of_copy(m)
  local now = {}
  for _, row in ipairs(aix.lslpp_lqc(m.exec:must { "lslpp", "-lqc" })) do
    local seen = now[row.fileset] or { level = row.level }
    if aix.compare_levels(row.level, seen.level) > 0 then seen.level = row.level end
    if not sound[row.state] then seen.state = row.state end
    now[row.fileset] = seen
  end
  return now
end

local function media_of(m) return aix.installp_L(m.exec:must { "installp", "-L", "-d", images }) end

--- The filesets of which some images have a higher level than there is, each with its highest.
---@param media { fileset: string, level: string }[]
---@param had table<string, string>   fileset -> the level that it has; others are not looked at
---@return { fileset: string, level: string }[]
function software.higher(media, had)
  local best = {}
  for _, image in ipairs(media) do
    if had[image.fileset] and aix.compare_levels(image.level, had[image.fileset]) > 0
      and (not best[image.fileset] or aix.compare_levels(image.level, best[image.fileset]) > 0) then
      best[image.fileset] = image.level
    end
  end
  local list = {}
  for fileset, level in pairs(best) do list[#list + 1] = { fileset = fileset, level = level } end
  table.sort(list, function(a, b) return a.fileset < b.fileset end)
  return list
end

--- A list with the filesets that the bundle of -b asks for besides and the copy does not have.
---@param list { fileset: string, level: string }[]
---@param media { package: string, fileset: string, level: string }[]
---@param now table<string, { level: string }>   what the copy has
---@return { fileset: string, level: string }[]
function software.with_bundle(m, list, media, now)
  local asked = m:bundle_filesets(media)
  for _, row in ipairs(list) do asked[row.fileset] = nil end
  for fileset, level in pairs(asked) do
    if not now[fileset] or aix.compare_levels(level, now[fileset].level) > 0 then
      list[#list + 1] = { fileset = fileset, level = level }
    end
  end
  table.sort(list, function(a, b) return a.fileset < b.fileset end)
  return list
end

--- Whether the bundle of -b asks for anything that is not there yet; of RPMs and interim fixes that is not known.
---@param media { package: string, fileset: string, level: string }[]
---@param had table<string, string>   fileset -> level
---@return boolean
function software.bundle_has_more(m, media, had)
  local now, bundle = {}, m:installp_bundle()
  for fileset, level in pairs(had) do now[fileset] = { level = level } end
  for _, one in ipairs(bundle and bundle.lines or {}) do
    if one.kind ~= "installp" then return true end
  end
  return #software.with_bundle(m, {}, media, now) > 0
end

--- Which filesets of the lpp_source to install: those the client had, where the source has a higher level than the
--- copy now holds. Kept in the journal, so that a resume installs the same list, unless an image of it is not there
--- any more.
software.steps.select_filesets = {
  run = function(m)
    local had, now, media = {}, software_of_copy(m), media_of(m)
    for fileset, level in pairs(m:result_of("installed_filesets") or {}) do
      had[fileset] = now[fileset] and now[fileset].level or level
    end
    return software.with_bundle(m, software.higher(media, had), media, now)
  end,
  holds = function(m, list)
    local there = {}
    for _, image in ipairs(media_of(m)) do there[image.fileset .. " " .. image.level] = true end
    for _, row in ipairs(list) do
      if not there[row.fileset .. " " .. row.level] then return false end
    end
    return true
  end,
}

local told = require("altmig.aix.installp_output").told

-- The output of a command that has ended; what AIX says of failures may be on either stream.
local function read_output(result, list)
  local out = installp.output(list)
  out:add(result.stdout)
  out:add(result.stderr)
  return out:finish()
end

local function refuse_failures(m, argv, result, out)
  local parts = out:causes()
  if #parts == 0 and result.status == 0 then return end
  local e = m.exec.runner:failure(argv, result,
    ("see %s in the copy; fix, add or remove the images in the lpp_source, then resume"):format(installp_log))
  e.code = "INSTALLP"
  e.output = out:evidence() or e.output
  if #parts > 0 then e.message = ("installp in the copy of %s: %s"):format(m.name, table.concat(parts, ". ")) end
  err.raise(e)
end

-- Status 0 of installp says that what was begun was completed, not that all was begun.
local function refuse_missing(m, argv, result, list, out)
  local now, reasons, missing = software_of_copy(m), {}, {}
  for _, row in ipairs(out.noted) do
    for _, name in ipairs(row.names) do reasons[name .. " " .. row.level] = row.text end
  end
  for _, row in ipairs(list) do
    local there = now[row.fileset]
    if not there or there.state or aix.compare_levels(there.level, row.level) < 0 then
      local reason = reasons[row.fileset .. " " .. row.level]
      missing[#missing + 1] = ("%s %s: lslpp has %s%s"):format(row.fileset, row.level,
        not there and "none" or there.level .. (there.state and " " .. there.state or ""), reason and " (" .. reason .. ")" or "")
    end
  end
  if #missing == 0 then return end
  local e = m.exec.runner:failure(argv, result,
    ("see %s in the copy; fix, add or remove the images in the lpp_source, then resume"):format(installp_log))
  e.code = "INSTALLP"
  e.message = ("installp in the copy of %s ended with status 0, but not all of it is installed: %s"):format(m.name, told(missing))
  err.raise(e)
end

local function text_of_list(list)
  local text = {}
  for _, row in ipairs(list) do text[#text + 1] = ("%s %s\n"):format(row.fileset, row.level) end
  return table.concat(text)
end

-- What was done for one list is not done for another.
local function key_of_list(list) return sys.sha256(text_of_list(list)):sub(1, 12) end
software.key_of_list = key_of_list

local function write_list(m, list)
  m.exec:must_script('cat > "$1"', { list_file }, { stdin = text_of_list(list) })
end

-- The client's file systems are grown for what the images ask for, and what installp's own preview says where that is
-- more, beforehand: installp cannot grow what it sees over NFS.
software.steps.installp_space = {
  key = key_of_list,
  run = function(m, _, list)
    write_list(m, list)
    local needs = m:make_room_beside(list)
    m:say("Checking space requirements for installp install.")
    local argv = { "installp", "-apgXY", "-d", images, "-f", list_file }
    local result = m.exec:run(argv, { timeout = 3600 }) -- it reads every image
    local out = read_output(result, list)
    refuse_failures(m, argv, result, out)
    m:make_room_for_installp(needs, out.room)
  end,
}

software.steps.installp_apply = {
  key = key_of_list,
  run = function(m, ctx, list)
    write_list(m, list)
    m:say("Installing software with the installp installer.")
    local argv = { "installp", "-agXYb", "-d", images, "-e", installp_log, "-f", list_file }
    local out = installp.output(list)
    local result = m:track("installp", { files = #list }, function(update)
      return m.exec:job(ctx.job_id, argv, { on_line = function(line)
        m:say(line)
        if #out:add(line .. "\n") > 0 then update { files = out:done() } end
      end })
    end, "files")
    out:finish()
    refuse_failures(m, argv, result, out)
    refuse_missing(m, argv, result, list, out)
    return { rows = out:summary() }
  end,
}

-- The names in a directory of the lpp_source, as the copy sees it; none where it is not there.
local function files_in(m, directory)
  local found, files = m.exec:run { "ls", directory }, {}
  for file in (found.status == 0 and found.stdout or ""):gmatch("[^\n]+") do files[#files + 1] = file end
  return files
end

-- Which RPM images of the lpp_source to install: those whose package the client has, in a newer version, and those of
-- the bundle. What a fileset requires of RPMs nobody can tell from here; geninstall takes no other along.
software.steps.select_rpms = {
  run = function(m)
    local files = files_in(m, rpm_images)
    local best = {}
    for _, file in ipairs(files) do
      local image = aix.rpm_image(file)
      if image and (not best[image.name] or aix.compare_levels(image.level, best[image.name].level) > 0) then best[image.name] = image end
    end
    local list = {}
    for _, row in pairs(next(best) and aix.lslpp_Lqc(m.client:must({ "lslpp", "-Lqc" }, { timeout = 1800 })) or {}) do
      local image = best[aix.rpm_name(row) or ""]
      if image and aix.compare_levels(image.level, row.level) > 0 then list[#list + 1] = image.package end
    end
    local seen = {}
    for _, package in ipairs(list) do seen[package] = true end
    for _, file in ipairs((m:bundle_files("rpm", files))) do
      local image = aix.rpm_image(file)
      if image and not seen[image.package] then list[#list + 1] = image.package end
    end
    table.sort(list)
    return list
  end,
}

-- geninstall hands them to the rpm of the copy. One that fails there keeps no system from booting, and can be
-- installed once it has: it is told, and is in the report.
software.steps.install_rpms = {
  key = function() return "" end,
  run = function(m, ctx, list)
    local text = {}
    for i, package in ipairs(list) do text[i] = "R:" .. package .. "\n" end
    m.exec:must_script('cat > "$1"', { list_file }, { stdin = table.concat(text) })
    m:say(("altmig: installing %d RPM image%s of the lpp_source with geninstall."):format(#list, #list == 1 and "" or "s"))
    local argv = { "geninstall", "-d", footprint.images, "-f", list_file }
    local result = m.exec:job(ctx.job_id, argv, { on_line = function(line) m:say(line) end })
    if result.status == 0 then return { installed = list } end
    local rule = ("geninstall ended with status %s for %s; on the migrated system: geninstall -d %s %s"):format(
      tostring(result.status or result.signal), table.concat(list, " "), m.lpp_source.location, "R:" .. table.concat(list, " R:"))
    m:warn("altmig: " .. rule)
    m:report_entry { file = "RPM", severity = "todo", method = "geninstall", chosen = "none", rule = rule }
    return { failed = list }
  end,
}

-- The interim fixes that the bundle of -b asks for. What emgr refuses keeps no system from booting either.
software.steps.install_bundle_fixes = {
  key = function() return "" end,
  run = function(m)
    local files = m:bundle_files("ifix", files_in(m, fix_packages))
    local done = {}
    local there = {}
    for _, row in ipairs(aix.emgr_P(m.exec:run({ "emgr", "-P" }).stdout)) do there[row.label] = true end
    for _, file in ipairs(files) do
      local label = file:match("^([^.]+)%.")
      local argv = { "emgr", "-e", fix_packages .. "/" .. file }
      local result = not there[label] and m.exec:run(argv, { timeout = 1800 })
      if not result or result.status == 0 then
        m:say(("altmig: interim fix %s of the bundle is on the copy."):format(file))
        done[#done + 1] = file
      else
        local why = (result.stderr ~= "" and result.stderr or result.stdout):match("[^\n]*")
        local rule = ("interim fix %s of the bundle is not on the copy: emgr -e ended with status %s (%s); look at "
          .. "/var/adm/ras/emgr.log there, then install it on the migrated system"):format(file,
          tostring(result.status or result.signal), why)
        m:warn("altmig: " .. rule)
        m:report_entry { severity = "todo", method = "interim fixes", key = label, chosen = "none", rule = rule }
      end
    end
    return done
  end,
}

--- Installs these filesets in the copy, and RPM images of the lpp_source; then what the bundle asks for besides.
---@param list { fileset: string, level: string }[]
function software.install_filesets(m, list)
  if #list == 0 then
    m:say("Checking space requirements for installp install.")
    m:say("Installing software with the installp installer.")
    m:say("altmig: every fileset of the copy is at the level of the lpp_source; nothing to install.")
  else
    m:installp_space(list)
    m:installp_apply(list)
  end
  local rpms = m:select_rpms()
  if #rpms > 0 then m:install_rpms(rpms) end
  if m.opts.installp_bundle then m:install_bundle_fixes() end
  m.exec:run { "rm", "-f", list_file }
end

--- Migrates the software of the copy with installp on the executor.
function software.install_software(m)
  saveconf.prepare(m.copy) -- installp makes its log there, and no directory for it
  m:hand_over("executor")
  m:remove_obsolete()
  m:install_filesets(m:select_filesets())
  m:hand_over("engine")
  m:merge_installed_configuration()
  m:list_installed_configuration()
end

return software
