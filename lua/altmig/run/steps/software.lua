-- SPDX-License-Identifier: MIT
-- Phases 4, 6 and 7: site scripts, and installp in the copy.

local aix = require "altmig.aix.output"
local err = require "altmig.err"
local footprint = require "altmig.run.footprint"
local installp = require "altmig.installp"
local plan = require "altmig.aix.plan"
local saveconf = require "altmig.save"
local show_plan = require "altmig.preview.plan"
local sys = require "altmig.sys"
local told = require("altmig.aix.installp_output").told

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

---@class altmig.software.Row
---@field fileset string
---@field level string
---@field doubtful boolean?        # the plan cannot tell whether installp takes it

-- What the plan has for installp, in its order; then what it cannot decide, since requisites may be read in two ways or
-- the administrator knows better. What certainly cannot be installed ends the phase: preflight says so too, but an
-- lpp_source may have changed since.
local function planned_rows(m)
  local made, list, impossible = m:software_plan(), {}, {}
  local accepted = m.opts.accept and m.opts.accept["missing-requisite"]
  for _, step in ipairs(made.steps) do
    if step.action ~= "restore" then list[#list + 1] = { fileset = step.fileset, level = step.level } end
  end
  for _, failures in ipairs { made.failed, made.held } do
    for _, row in ipairs(failures) do
      if accepted or not plan.is_certain(row) then
        list[#list + 1] = row.level and { fileset = row.fileset, level = row.level, doubtful = true } or nil
      else
        impossible[#impossible + 1] = ("%s %s: %s"):format(row.fileset, row.level or "", show_plan.sentence(row))
      end
    end
  end
  if #impossible == 0 then return list end
  err.raise { code = "INSTALLP", host = m.name, message = ("phase 6 cannot install %s"):format(told(impossible)),
    remedy = ("add the missing images to %s, or remove those that ask for them, then resume; altmig installp plan says more"):format(
      m.lpp_source.location) }
end

-- Whether the copy has a fileset at that level or above, whole.
local function is_done(now, row)
  local there = now[row.fileset]
  return there ~= nil and not there.state and aix.compare_levels(there.level, row.level) >= 0
end

-- The rows that the copy does not have yet.
local function not_done(now, list)
  local rows = {}
  for _, row in ipairs(list) do
    if not is_done(now, row) then rows[#rows + 1] = row end
  end
  return rows
end

local function word_of(row) return ("%s %s%s"):format(row.fileset, row.level, row.doubtful and " ?" or "") end

--- What phase 6 gives to installp: what the plan takes, in the order of the plan, but for what the copy has already. It is
--- kept in the journal; a resume takes it as long as the plan is the same, so another lpp_source is seen.
software.steps.select_filesets = {
  run = function(m) return not_done(software_of_copy(m), planned_rows(m)) end,
  holds = function(m, list)
    local known, now, rows = {}, software_of_copy(m), planned_rows(m)
    for _, row in ipairs(list) do known[word_of(row)] = true end
    local count = 0
    for _, row in ipairs(rows) do
      if known[word_of(row)] then
        count = count + 1
      elseif not is_done(now, row) then
        return false
      end
    end
    return count == #list
  end,
}

-- The output of a command that has ended; what AIX says of failures may be on either stream.
local function read_output(result, list)
  local out = installp.output(list)
  out:add(result.stdout)
  out:add(result.stderr)
  return out:finish()
end

local function refuse_failures(m, argv, result, out, besides)
  local parts = out:causes()
  if besides then parts[#parts + 1] = besides end
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
  local now, reasons, missing = software_of_copy(m), out:noted_reasons(), {}
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

-- What was done for one list is not done for another.
local function key_of_list(list) return sys.sha256(installp.list(list)):sub(1, 12) end
software.key_of_list = key_of_list

local function write_list(m, list)
  m.exec:must_script('cat > "$1"', { list_file }, { stdin = installp.list(list) })
end

--- The flags of installp where the flow states none: requisites too (g), larger file systems (X), licences (Y) only if they
--- were accepted by -Y, no boot image (b), which phase 8 makes.
---@param m altmig.Migration
---@return string
function software.installp_flags(m) return m.opts.licenses and "gXYb" or "gXb" end

---------------------------------------------------------------- the preview

local function is_missing(row) return row.list ~= nil and row.list:find("REQUISITE", 1, true) ~= nil end

-- The preview of a list. What installp refuses of the rows that the plan could not decide is left out; any other failure
-- ends the phase: the plan and installp disagree about what it takes, and only what they agree on can be relied on.
local function preview(m, list, flags)
  local dropped = {}
  while true do
    write_list(m, list)
    local argv = installp.argv { operation = "apply", preview = true, flags = (flags:gsub("b", "")), device = images, list = list_file }
    local result = m.exec:run(argv, { timeout = 3600 }) -- it reads every image
    local out = read_output(result, list)
    local doubtful, kept, certain, gone = {}, {}, 0, 0
    for _, row in ipairs(list) do doubtful[row.fileset] = row.doubtful or doubtful[row.fileset] end
    for _, row in ipairs(out:section "FAILURES") do
      if not is_missing(row) then
        if doubtful[row.name] then gone = gone + 1 else certain = certain + 1 end
      end
    end
    if gone == 0 or certain > 0 then
      refuse_failures(m, argv, result, out, certain > 0 and "altmig's plan has it all to be installed: altmig installp plan")
      return list, out, dropped
    end
    local refused = {}
    for _, row in ipairs(out:section "FAILURES") do refused[row.name] = row.heading end
    for _, row in ipairs(list) do
      if row.doubtful and refused[row.fileset] then
        dropped[#dropped + 1] = ("%s %s (%s)"):format(row.fileset, row.level, refused[row.fileset])
      else
        kept[#kept + 1] = row
      end
    end
    if #kept == #list then refuse_failures(m, argv, result, out) end
    list = kept
    if #list == 0 then return list, out, dropped end
  end
end

local function disagree(m, severity, rule, rows)
  rule = rule:format(told(rows))
  m:detail("altmig: " .. rule)
  m:report_entry { method = "software", severity = severity, chosen = "none", rule = rule }
end

-- What the preview takes that the plan has not, and the other way round. The preview counts, as it is what installp then
-- does; but what it leaves out stays wanted, unless it takes a higher level of it: that it is there is seen afterwards.
local function agree(m, list, out)
  local wanted, highest, takes, kept, more, less = {}, {}, {}, {}, {}, {}
  local reasons = out:noted_reasons()
  for _, row in ipairs(list) do wanted[row.fileset .. " " .. row.level] = true end
  for _, row in ipairs(out:section "SUCCESSES") do
    local word = row.name .. " " .. row.level
    if not takes[word] and not wanted[word] then
      more[#more + 1] = word
      kept[#kept + 1] = { fileset = row.name, level = row.level }
    end
    takes[word] = true
    if not highest[row.name] or aix.compare_levels(row.level, highest[row.name]) > 0 then highest[row.name] = row.level end
  end
  for _, row in ipairs(list) do
    local word, best = row.fileset .. " " .. row.level, highest[row.fileset]
    local reason = not takes[word] and (reasons[word] or next(takes) and "its preview does not name it")
    if reason then less[#less + 1] = ("%s (%s)"):format(word, reason) end
    if not (reason and best and aix.compare_levels(best, row.level) > 0) then kept[#kept + 1] = row end
  end
  if #more > 0 then disagree(m, "note", "installp takes more than the plan has, as requisites: %s", more) end
  if #less > 0 then disagree(m, "warning", "the plan has what the preview of installp does not take: %s", less) end
  return kept
end

-- What installp lists and the index of the plan has not: an image that altmig could not read, or a .toc that tells of one
-- that is gone. It is not installed; only what the copy has at a lower level is worth a word.
local function listed_by_installp_alone(m)
  local _, source = m:software_plan()
  local known, now, list = {}, software_of_copy(m), {}
  for _, row in ipairs(source:filesets()) do known[row.fileset.name .. " " .. row.fileset.level] = true end
  for _, row in ipairs(aix.installp_L(m.exec:must({ "installp", "-L", "-d", images }, { timeout = 3600 }))) do
    local level, there = plan.level(row.level), now[row.fileset]
    if there and level and not known[row.fileset .. " " .. level] and aix.compare_levels(level, there.level) > 0 then
      list[#list + 1] = row.fileset .. " " .. level
    end
  end
  return list
end

--- installp's own preview, held against the plan, and room: the client's file systems are grown for what the images ask for,
--- and what the preview says where that is more, beforehand: installp cannot grow what it sees over NFS. Returns the list
--- for installp.
software.steps.installp_space = {
  key = function() return "" end,
  holds = function(_, result, list) return result.key == key_of_list(list) end,
  run = function(m, _, list, flags)
    local needs = m:make_room_beside(list)
    m:say("Checking space requirements for installp install.")
    local rows, out, dropped = preview(m, list, flags)
    if #dropped > 0 then
      disagree(m, "todo", "filesets stay at their level, since installp does not take the new one: %s", dropped)
    end
    local unknown = listed_by_installp_alone(m)
    if #unknown > 0 then
      disagree(m, "warning", "installp lists what no image of the lpp_source says to hold, so the plan has not got it: %s", unknown)
    end
    m:make_room_for_installp(needs, out.room)
    return { key = key_of_list(list), list = agree(m, rows, out) }
  end,
}

---------------------------------------------------------------- the installation

-- States in which installp left a fileset that it had begun.
local function is_unfinished(state) return state ~= nil and state:match("ING$") ~= nil end

-- What an installp that was cut off has left is cleaned up in the copy: installp -C brings back what it can. What it
-- cannot bring back is broken, and installed again with the rest (inferred: installp-cleanup).
local function clean_up(m, again)
  local unfinished, broken = {}, {}
  for fileset, row in pairs(software_of_copy(m)) do
    if is_unfinished(row.state) then unfinished[#unfinished + 1] = fileset .. " " .. row.state end
    if again and row.state == "BROKEN" then broken[#broken + 1] = fileset .. " BROKEN" end
  end
  if #unfinished == 0 and #broken == 0 then return end
  table.sort(unfinished)
  table.sort(broken)
  m:say(("altmig: cleaning up what an installp that did not end has left: %s."):format(
    told(table.move(broken, 1, #broken, #unfinished + 1, unfinished))))
  local argv = installp.argv { operation = "cleanup", flags = "b", log = installp_log }
  -- Its status with nothing to do is not documented: the states decide.
  local result = m.exec:run(argv, { timeout = 3600 })
  for line in result.stdout:gmatch("[^\n]+") do m:detail(line) end
  local left = {}
  for fileset, row in pairs(software_of_copy(m)) do
    if is_unfinished(row.state) then left[#left + 1] = fileset .. " " .. row.state end
  end
  if #left == 0 then return end
  table.sort(left)
  local e = m.exec.runner:failure(argv, result, ("see %s in the copy, and what lslpp -l says there; then resume"):format(installp_log))
  e.code = "INSTALLP"
  e.message = ("installp -C in the copy of %s did not clean up: %s"):format(m.name, told(left))
  err.raise(e)
end

-- Forgets the job of an attempt that was cut off, so that another can have its id.
local function forget_job(m, job)
  m:say(("altmig: installp of an earlier attempt was cut off on %s; what it has not done is done now."):format(m.exec.runner.name))
  job:remove()
end

-- Whether an attempt whose end nobody saw has left a job that is to be waited for. One that was killed with its host, or by
-- somebody, has left no status.
local function has_earlier_job(m, ctx)
  if not ctx.again then return false end
  local job, state = m.exec.runner:find_job(ctx.job_id)
  if state == "gone" then forget_job(m, job) end
  return state ~= nil and state ~= "gone"
end

-- Runs installp for these filesets, or waits for the job that does.
local function apply(m, ctx, list, flags)
  local argv = installp.argv { operation = "apply", flags = flags, device = images, log = installp_log, list = list_file }
  local out = installp.output(list)
  local result = m:track("installp", { filesets = #list }, function(update)
    return m.exec:job(ctx.job_id, argv, { on_line = function(line)
      m:say(line)
      if #out:add(line .. "\n") > 0 then update { filesets = out:done() } end
    end })
  end, "filesets")
  return argv, result, out:finish()
end

-- What an installp came to: its summary, or its failure raised.
local function verdict(m, list, argv, result, out)
  refuse_failures(m, argv, result, out)
  refuse_missing(m, argv, result, list, out)
  return { rows = out:summary() }
end

software.steps.installp_apply = {
  key = key_of_list,
  run = function(m, ctx, list, flags)
    m:say("Installing software with the installp installer.")
    if has_earlier_job(m, ctx) then
      local argv, result, out = apply(m, ctx, list, flags)
      if not result.signal then return verdict(m, list, argv, result, out) end
      local job = m.exec.runner:find_job(ctx.job_id)
      if job then forget_job(m, job) end
    end
    clean_up(m, ctx.again)
    local rows = not_done(software_of_copy(m), list)
    if #rows < #list then
      m:say(("altmig: %d of %d filesets are installed already; installing the others."):format(#list - #rows, #list))
    end
    if #rows == 0 then return { rows = {} } end
    write_list(m, rows)
    return verdict(m, list, apply(m, ctx, rows, flags))
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
---@param list altmig.software.Row[]
---@param opts { flags: string? }?   # flags of installp -a, without an argument
function software.install_filesets(m, list, opts)
  local flags = opts and opts.flags or software.installp_flags(m)
  if #list == 0 then
    m:say("Checking space requirements for installp install.")
    m:say("Installing software with the installp installer.")
    m:say("altmig: every fileset of the copy is at the level of the lpp_source; nothing to install.")
  else
    local agreed = m:installp_space(list, flags).list
    if #agreed > 0 then m:installp_apply(agreed, flags) end
  end
  local rpms = m:select_rpms()
  if #rpms > 0 then m:install_rpms(rpms) end
  if m.opts.installp_bundle then m:install_bundle_fixes() end
  m.exec:run { "rm", "-f", list_file }
end

--- Migrates the software of the copy with installp on the executor.
---@param opts { flags: string? }?
function software.install_software(m, opts)
  saveconf.prepare(m.copy) -- installp makes its log there, and no directory for it
  m:hand_over("executor")
  m:remove_obsolete()
  m:install_filesets(m:select_filesets(), opts)
  m:hand_over("engine")
  m:merge_installed_configuration()
  m:list_installed_configuration()
end

return software
