-- SPDX-License-Identifier: MIT
-- Phases 4, 6 and 7: site scripts, and installp in the copy.

local aix = require "altmig.aix.output"
local err = require "altmig.err"
local footprint = require "altmig.run.footprint"
local saveconf = require "altmig.save"

---@class altmig.Migration
local software = { steps = {} }

local images = footprint.images .. "/installp/ppc"
local list_file = footprint.filesets
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

-- Which filesets of the lpp_source to install: those the client had, where the source has a higher
-- level than the copy now holds. Kept in the journal, so that a resume installs the same list.
software.steps.select_filesets = {
  run = function(m)
    local had = m:result_of("installed_filesets") or {}
    local now = aix.lslpp_Lqc(m.exec:must { "lslpp", "-Lqc" })
    local best = {}
    for _, image in ipairs(aix.installp_L(m.exec:must { "installp", "-L", "-d", images })) do
      local present = now[image.fileset]
      if had[image.fileset] and aix.compare_levels(image.level, present and present.level or had[image.fileset]) > 0
        and (not best[image.fileset] or aix.compare_levels(image.level, best[image.fileset]) > 0) then
        best[image.fileset] = image.level
      end
    end
    local list = {}
    for fileset, level in pairs(best) do list[#list + 1] = { fileset = fileset, level = level } end
    table.sort(list, function(a, b) return a.fileset < b.fileset end)
    return list
  end,
}

local function installp_failures(text)
  local failed = {}
  for _, row in ipairs(aix.installp_summary(text)) do
    if row.result ~= "SUCCESS" then failed[#failed + 1] = ("%s %s %s %s"):format(row.name, row.level, row.part, row.result) end
  end
  for _, row in ipairs(aix.installp_warnings(text)) do
    if not row.reason:match("^Already ") then failed[#failed + 1] = ("%s %s: %s"):format(row.name, row.level, row.reason) end
  end
  return failed
end

local function refuse_failures(m, argv, result)
  local failed = installp_failures(result.stdout)
  if #failed > 0 or result.status ~= 0 then
    local e = m.exec.host:failure(argv, result,
      ("see %s in the copy; fix or remove the fileset, then resume"):format(installp_log))
    e.code = "INSTALLP"
    if #failed > 0 then e.message = ("installp in the copy of %s: %s"):format(m.name, table.concat(failed, "; ")) end
    err.raise(e)
  end
end

local function write_list(m, list)
  local text = {}
  for _, row in ipairs(list) do text[#text + 1] = ("%s %s\n"):format(row.fileset, row.level) end
  m.exec:must({ "sh", "-c", 'cat > "$1"', "sh", list_file }, { stdin = table.concat(text) })
end

-- installp's own preview says what each file system needs; the client's file systems are grown for
-- it beforehand, because installp cannot grow what it sees over NFS.
software.steps.installp_space = {
  key = function() return "" end,
  run = function(m, _, list)
    write_list(m, list)
    m:say("Checking space requirements for installp install.")
    local argv = { "installp", "-apgXY", "-d", images, "-f", list_file }
    local result = m.exec:run(argv, { timeout = 3600 }) -- it reads every image
    refuse_failures(m, argv, result)
    for _, row in ipairs(aix.installp_resources(result.stdout)) do m:make_room(row.mount, row.needed) end
  end,
}

software.steps.installp_apply = {
  key = function() return "" end,
  run = function(m, ctx, list)
    write_list(m, list)
    m:say("Installing software with the installp installer.")
    local argv = { "installp", "-agXYb", "-d", images, "-e", installp_log, "-f", list_file }
    local result = m:track("installp", { files = #list }, function(update)
      local applying, done = false, 0
      return m.exec:job(ctx.job_id, argv, { on_line = function(line)
        m:say(line)
        -- "installp: APPLYING software for:", then a line for each of them
        if line:find("APPLYING software for:", 1, true) then
          applying = true
        elseif applying and line:match("^%s+%S+%s+%d+%.%d+%.%d+%.%d+%s*$") then
          done = done + 1
          update { files = done }
        elseif line ~= "" then
          applying = false
        end
      end })
    end, "files")
    refuse_failures(m, argv, result)
    return { rows = aix.installp_summary(result.stdout) }
  end,
}

--- Migrates the software of the copy with installp on the executor.
function software.install_software(m)
  saveconf.prepare(m.copy) -- installp makes its log there, and no directory for it
  m:hand_over("executor")
  local list = m:select_filesets()
  if #list == 0 then
    m:say("Checking space requirements for installp install.")
    m:say("Installing software with the installp installer.")
    m:say("altmig: every fileset of the copy is at the level of the lpp_source; nothing to install.")
  else
    m:installp_space(list)
    m:installp_apply(list)
  end
  m.exec:run { "rm", "-f", list_file }
  m:hand_over("engine")
  m:list_installed_configuration()
end

return software
