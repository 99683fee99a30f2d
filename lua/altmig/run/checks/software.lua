-- SPDX-License-Identifier: MIT
-- Preflight: software of the client that a migration cannot carry, or that needs a hand.

local aix = require "altmig.aix.output"
local bundles = require "altmig.run.bundle"
local err = require "altmig.err"
local images = require "altmig.aix.packages"
local plan = require "altmig.aix.plan"
local show_plan = require "altmig.preview.plan"

local software = {}

-- What an update does with each; what is lost is worth a warning.
local function foretell(m, add)
  local ok, fates = xpcall(m.foretell_interim_fixes, err.wrap, m)
  if not ok then
    if fates.code == "COMMAND" or fates.code == "CANCELLED" or fates.code:match("^SSH_") then error(fates, 0) end
    return -- the plan cannot be made: a finding of its own
  end
  for _, fix in ipairs(fates) do
    add { id = "ifix-locked", severity = fix.fate == "lost" and "warning" or "info", host = m.name, evidence = "emgr -P",
      what = "interim fix " .. fix.rule, remedy = fix.fate == "lost" and
        ("ask for the fix of the new level and put its package into %s/emgr/ppc; or leave its filesets as they are: --ifix keep"):format(
          m.lpp_source.location) or nil }
  end
end

--- Interim fixes lock their filesets: installp of phase 6 refuses them. An update takes them from the copy.
function software.interim_fixes(m, add)
  if m.opts.update then return foretell(m, add) end
  local result = m.client:run { "emgr", "-P" }
  if result.status ~= 0 then return end
  local filesets, labels = {}, {}
  for _, row in ipairs(aix.emgr_P(result.stdout)) do
    if not filesets[row.label] then labels[#labels + 1] = row.label end
    filesets[row.label] = filesets[row.label] or {}
    table.insert(filesets[row.label], row.fileset)
  end
  for _, label in ipairs(labels) do
    add { id = "ifix-locked", host = m.name,
      what = ("interim fix %s locks %s"):format(label, table.concat(filesets[label], " ")), evidence = "emgr -P",
      remedy = ("emgr -r -L %s   (after the migration install the fix of the new level, if there is one)"):format(label) }
  end
end

--- -U: another release, a lower level, or nothing to do.
function software.levels_of_update(m, add)
  if not m.opts.update then return end
  local ok, result = xpcall(m.look_at_levels, err.wrap, m)
  if not ok then
    if result.status ~= 3 then error(result, 0) end
    if bundles.is_of_bundle(result) then return end
    return add { id = "update-level", host = result.host or m.name, what = result.message, remedy = result.remedy }
  end
  if result then
    add { id = "update-level", severity = "info", host = m.name, evidence = "oslevel -s; lslpp -lqc",
      what = ("there is nothing to update: lpp_source %s has no higher level of any fileset"):format(m.lpp_source.name),
      remedy = "nothing; altmig update would change nothing either" }
  end
end

function software.consistency(m, add)
  local result = m.client:run({ "lppchk", "-v" }, { timeout = 1800 })
  if result.status == 0 or result.status == 127 then return end
  local text = (result.stdout .. result.stderr):gsub("%s+$", "")
  add { id = "lppchk", severity = "warning", host = m.name, what = "filesets are not consistent: phase 6 may refuse them",
    evidence = "lppchk -v: " .. text, remedy = "install or correct them: installp -C; lppchk -v" }
end

--- --baseline: images of the level that the client has now.
function software.baseline(m, add)
  local word = m.opts.baseline
  if not word then return end
  local ok, level = xpcall(function()
    local directory = images.of_word(m, word)
    local found, level = pcall(images.bos_level, directory)
    directory.close()
    return found and level or error(level, 0)
  end, err.wrap)
  if not ok then
    return add { id = "baseline", host = "engine host", what = ("--baseline %s: %s"):format(word, level.message),
      remedy = "name an lpp_source, a directory or an nfs:// URL with the images of the client's present level, or leave it out" }
  end
  local row = aix.lslpp_Lqc(m.client:must { "lslpp", "-Lqc", "bos.rte" })["bos.rte"]
  local have = row and row.level or "0.0.0.0"
  if have:match("^%d+%.%d+") ~= level:match("^%d+%.%d+") then
    add { id = "baseline", host = m.name, evidence = "lslpp -Lqc bos.rte: " .. have,
      what = ("--baseline %s is at %s, the client at %s: it does not hold what this level shipped"):format(word, level, have),
      remedy = "name the images of the client's own release" }
  elseif aix.compare_levels(have, level) ~= 0 then
    add { id = "baseline", severity = "warning", host = m.name, evidence = "lslpp -Lqc bos.rte: " .. have,
      what = ("--baseline %s has bos.rte at %s, the client at %s: what updates replaced may count as changed"):format(word, level, have),
      remedy = ("name images that have bos.rte %s, or expect more conflicts in the report"):format(have) }
  end
end

-- So many findings of one kind are enough to see what it is.
local MANY <const> = 20

-- At most so many; the last says how many there are besides.
local function add_some(add, list, finding_of)
  for i = 1, math.min(#list, MANY) do add(finding_of(list[i])) end
  if #list > MANY then
    local finding = finding_of(list[MANY + 1])
    finding.what = ("%d more of this kind, the first: %s"):format(#list - MANY, finding.what)
    add(finding)
  end
end

-- What a line of a bundle asks for, and nothing of the lpp_source can be.
local function of_bundle(made, one)
  if one.kind ~= "installp" then
    for _, row in ipairs(made.others) do
      if row.kind == one.kind and row.name == one.name then return not row.image end
    end
  end
  for _, row in ipairs(one.kind == "installp" and made.failed or {}) do
    if row.fileset == one.name and row.level == one.level and #row.chain == 0 then return true end
  end
  return false
end

local what_kind = { installp = "fileset, package or pattern", rpm = "RPM in RPMS/ppc", ifix = "interim fix in emgr/ppc" }

--- -b: its lines, and that the lpp_source has all of it.
function software.bundle(m, add)
  local ok, bundle = xpcall(m.installp_bundle, err.wrap, m)
  if not ok then
    if not bundles.is_of_bundle(bundle) then error(bundle, 0) end
    return add { id = "bundle", host = bundle.host or m.master.name, what = bundle.message, remedy = bundle.remedy }
  end
  local planned, made = pcall(m.software_plan, m)
  if not bundle or not planned then return end -- the plan is looked at below
  for _, one in ipairs(bundle.lines) do
    if of_bundle(made, one) then
      add { id = "bundle", host = m.lpp_source.host == "local" and "engine host" or m.master.name, evidence = bundle.location,
        what = ("installp_bundle %s, line %d: lpp_source %s has no %s %s%s"):format(bundle.name, one.line, m.lpp_source.name,
          what_kind[one.kind], one.name, one.level and " " .. one.level or ""),
        remedy = ("add it to %s (altmig installp index %s lists what is there), or take the line out of %s"):format(
          m.lpp_source.location, m.lpp_source.name, bundle.location) }
    end
  end
end

--- What phase 6 will ask of installp, held against what the images need: what is missing shows here and not after
--- five phases.
function software.requisites(m, add)
  local ok, made, source = xpcall(m.software_plan, err.wrap, m)
  if not ok then
    if bundles.is_of_bundle(made) then return end
    if made.code == "COMMAND" or made.code == "CANCELLED" or made.code:match("^SSH_") then error(made, 0) end
    return add { id = "lpp-source-unread", host = m.lpp_source.host == "local" and "engine host" or m.master.name,
      what = ("what phase 6 is to install from lpp_source %s cannot be told: %s"):format(m.lpp_source.name, made.message),
      evidence = m.lpp_source.location, remedy = ("altmig installp index %s must list it"):format(m.lpp_source.name) }
  end
  add_some(add, source.problems, function(problem)
    return { id = "lpp-source-image", severity = "warning", host = m.master.name, evidence = problem.file,
      what = ("lpp_source %s: %s is left out: %s"):format(m.lpp_source.name, problem.file, problem.message),
      remedy = ("remove it from %s, or copy it there again"):format(m.lpp_source.location) }
  end)
  local missing = {}
  for _, row in ipairs(made.failed) do
    if #row.chain > 0 or not m.opts.installp_bundle then missing[#missing + 1] = row end -- else of a line of the bundle
  end
  table.move(made.held, 1, #made.held, #missing + 1, missing)
  add_some(add, missing, function(row)
    return { id = "missing-requisite", severity = plan.is_certain(row) and "inhibitor" or "warning", host = m.name,
      what = ("phase 6 cannot install %s %s: %s"):format(row.fileset, row.level, show_plan.sentence(row)),
      evidence = ("lslpp -lqc; lpp_name of the images of %s"):format(m.lpp_source.name),
      remedy = ("add the missing images to %s, or remove those of %s %s from it; altmig installp plan says more"):format(
        m.lpp_source.location, row.fileset, row.level) }
  end)
end

--- What phases 5 and 6 put into the copy, held against the partitions that the disks have besides.
function software.room(m, add)
  local ok, made = xpcall(m.software_plan, err.wrap, m)
  local group = ok and made.group
  if not group or group.needed <= group.free then return end
  local disks = table.concat(m.disks, " ")
  add { id = "no-room", host = m.name,
    what = ("file systems of the copy must grow, and %s has not the partitions: %s: %s"):format(disks, show_plan.partitions(group),
      show_plan.growth(made.space)),
    evidence = ("lsvg rootvg; lsvg -l rootvg; df -k; getconf DISK_SIZE; lpp_name of the images of %s"):format(m.lpp_source.name),
    remedy = ("choose a disk with %d MB more, or remove files that these file systems do not need; altmig installp plan says more")
      :format(((group.needed - group.free) * group.partition + 2047) // 2048) }
end

--- TCB keeps file attributes that are not visible over NFS.
function software.tcb(m, add)
  local result = m.client:run({ "odmget", "-q", "attribute=TCB_STATE", "PdAt" }, { env = { ODMDIR = "/usr/lib/objrepos" } })
  for _, object in ipairs(aix.odmget(result.stdout)) do
    if object.attribute == "TCB_STATE" and object.deflt == "tcb_enabled" then
      local evidence = "odmget -q attribute=TCB_STATE PdAt: deflt = tcb_enabled"
      if m.opts.restore_via == "stream" then
        return add { id = "tcb-enabled", severity = "warning", host = m.name, evidence = evidence,
          what = "the Trusted Computing Base is on: its attributes travel by the stream, and releases from 7.2 on turn it off",
          remedy = "nothing to do for the migration; what rests on tcbck must go over to trustchk (Trusted Execution)" }
      end
      add { id = "tcb-enabled", host = m.name, what = "the Trusted Computing Base is on: its attributes are not visible over NFS",
        evidence = evidence,
        remedy = "migrate with --restore-via stream, or turn it off for good (ODMDIR=/usr/lib/objrepos: "
          .. "odmget -q attribute=TCB_STATE PdAt | sed s/tcb_enabled/tcb_disabled/ > /tmp/tcb; "
          .. "odmdelete -q attribute=TCB_STATE -o PdAt; odmadd /tmp/tcb), or migrate conventionally" }
    end
  end
end

function software.trusted_execution(m, add)
  local result = m.client:run { "trustchk", "-p", "TE" }
  if result.status == 0 and result.stdout:match("TE=ON") then
    add { id = "trusted-execution", severity = "warning", host = m.name,
      what = "Trusted Execution is on: programs of the new release are not in its database", evidence = "trustchk -p TE: TE=ON",
      remedy = "trustchk -p TE=OFF; turn it on again after the migration" }
  end
end

function software.wpars(m, add)
  local result = m.client:run { "lswpar", "-q" }
  if result.status == 0 and result.stdout:match("%S") then
    add { id = "wpar", severity = "warning", host = m.name, what = "there are WPARs; they are not migrated with the system",
      evidence = "lswpar -q: " .. result.stdout:gsub("%s+$", ""), remedy = "migwpar after the migration" }
  end
end

local servers = { db2sysc = "DB2", ibmslapd = "LDAP", slapd = "LDAP" }

--- Servers whose files change while they are copied.
function software.servers(m, add)
  local seen = {}
  for line in m.client:run({ "ps", "-e", "-o", "comm" }).stdout:gmatch("[^\n]+") do
    local command = line:match("([^/%s]+)%s*$")
    local name = servers[command]
    if name and not seen[name] then
      seen[name] = true
      add { id = "server-running", severity = "warning", host = m.name,
        what = ("%s is running (%s): copied while it writes, it will not start from the copy"):format(name, command),
        evidence = "ps -e -o comm", remedy = "stop it until phase 1 is over" }
    end
  end
end

software.plan = { "interim_fixes", "consistency", "tcb", "trusted_execution", "wpars" }
software.order = { "levels_of_update", "baseline", "bundle", "requisites", "room", "interim_fixes", "consistency", "tcb",
  "trusted_execution", "wpars", "servers" }

return software
