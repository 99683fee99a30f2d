-- SPDX-License-Identifier: MIT
-- Preflight: levels, down to service pack and build, of client, master, SPOT and lpp_source. A release may go up and the
-- fixes go back all the same: what counts then is when the levels were built.

local aix = require "altmig.aix.output"
local err = require "altmig.err"
local releases = require "altmig.run.checks.releases"
local target = require "altmig.run.checks.target"

local levels = {}

local source = releases.source

local function level_of(object)
  if not (object.ver and object.rel and object.mod and object.fix) then return nil end
  return ("%s.%s.%s.%s"):format(object.ver, object.rel, object.mod, object.fix)
end

-- Filesets of a SPOT: name -> level.
local function filesets_of_spot(m, env)
  local list = {}
  for _, object in ipairs(aix.odmget(m.master:run({ "odmget", "lpp" }, { env = env }).stdout)) do
    local level = object.name and level_of(object)
    if level and (not list[object.name] or aix.compare_levels(level, list[object.name]) > 0) then list[object.name] = level end
  end
  return list
end

-- Whether a SPOT has all of a fix, of the filesets that it has at all; one at least.
local function has(filesets, fix)
  local any = false
  for name, level in pairs(fix) do
    local have = filesets[name]
    if have and aix.compare_levels(have, level) < 0 then return false end
    any = any or have ~= nil
  end
  return any
end

-- The level of a SPOT as oslevel -s writes it, from the service packs that its software database knows.
local function level_of_spot(m)
  local env = { ODMDIR = m.spot.location .. "/lib/objrepos" }
  local fixes = aix.odmget_fix(m.master:run({ "odmget", "-q", "type=p", "fix" }, { env = env }).stdout)
  local filesets, best = nil, nil
  for name, fix in pairs(fixes) do
    local level = aix.service_pack(name)
    if level and (not best or level > best) then
      filesets = filesets or filesets_of_spot(m, env)
      if has(filesets, fix) then best = level end
    end
  end
  return best, filesets
end

-- The highest level of the base system's filesets of a release, by name -> level.
local function highest(filesets, release)
  local best
  local prefix = ("%d.%d."):format(release.version, release.release)
  for name, level in pairs(filesets) do
    local base = name == "bos.mp64" or name == "bos.rte" or name:match("^bos%.rte%.")
    if base and level:sub(1, #prefix) == prefix and (not best or aix.compare_levels(level, best) > 0) then best = level end
  end
  return best
end

-- What the images of the lpp_source bring: name -> highest level, name -> lowest; and the APARs of its interim fixes.
local function read_source(m)
  local ok, _, images = xpcall(m.software_plan, err.wrap, m)
  if not ok then return nil end -- the plan's own check tells why
  local high, low, fixes = {}, {}, {}
  for _, image in ipairs(images.images) do
    if image.kind == "ifix" then fixes[(image.name or ""):match("^%u%u%d+") or ""] = true end
    for _, fileset in ipairs(image.filesets or {}) do
      local name, level = fileset.name, fileset.level
      if not high[name] or aix.compare_levels(level, high[name]) > 0 then high[name] = level end
      if not low[name] or aix.compare_levels(level, low[name]) < 0 then low[name] = level end
    end
  end
  return high, low, fixes
end

-- Year and week of the client's level; where oslevel has none, of a fileset of its own.
local function build_of_client(m)
  local level = aix.oslevel(m.levels.client)
  if level and level.build then return level.build, "oslevel -s: " .. m.levels.client end
  local row = aix.lslpp_Lqc(m.client:run({ "lslpp", "-Lqc", "bos.sysmgt.sysbr" }).stdout)["bos.sysmgt.sysbr"]
  local build = row and tonumber(row.date:match("^%d%d%d%d$") or nil)
  return build, ("lslpp -Lqc bos.sysmgt.sysbr: %s"):format(row and row.date or "")
end

local function tl_sp(level) return ("%02d-%02d"):format(level.tl, level.sp) end

--- The SPOT's level, and what follows from it.
function levels.service_packs(m, add)
  if not m.levels or not m.target then return end
  local spot, spot_filesets = level_of_spot(m)
  local evidence = ("ODMDIR=%s/lib/objrepos odmget -q type=p fix"):format(m.spot.location)
  m.target_level = spot
  local level = spot and aix.oslevel(spot)
  if not level then
    add { id = "not-looked-at", severity = "info", host = m.master.name, evidence = evidence,
      what = ("the service pack of SPOT %s is not to be seen in its software database: build dates are not compared"):format(m.spot.name),
      remedy = ("lsnim -l %s says its level; the last four digits of the levels are year and week"):format(m.spot.name) }
  else
    local master, build, of_client = aix.oslevel(m.levels.master), build_of_client(m)
    if build and level.build and level.build < build then
      add { id = "build-date", host = m.name, evidence = ("%s; %s: %s"):format(of_client, evidence, spot), source = source.builds,
        what = ("the client was built in week %04d (YYWW) and %s in week %04d: fixes that the client has would be lost, although the level "
          .. "goes up"):format(build, spot, level.build),
        remedy = ("take an lpp_source and a SPOT of week %04d or later"):format(build) }
    end
    local older = master and releases.number(master) == releases.number(level) and tl_sp(master) < tl_sp(level)
    if older then
      add { id = "master-older", severity = "warning", host = m.master.name, evidence = "oslevel -s: " .. m.levels.master,
        source = source.nimadm, what = ("the NIM master is at %s and SPOT %s at %s: a master is to be at the highest level"):format(
          m.levels.master, m.spot.name, spot), remedy = "update the master first" }
    end
  end
  levels.compare(m, add, spot_filesets, evidence)
end

--- SPOT against lpp_source, and what the client has already that is newer.
function levels.compare(m, add, spot_filesets, evidence)
  local high, low, fixes = read_source(m)
  if not high then return end
  m.source_fixes = fixes
  local in_spot, in_source = spot_filesets and highest(spot_filesets, m.target), highest(high, m.target)
  if in_spot and in_source and aix.compare_levels(in_spot, in_source) ~= 0 then
    add { id = "spot-source", severity = "warning", host = m.master.name, evidence = evidence, source = source.nimadm,
      what = ("SPOT %s has the base system up to %s, lpp_source %s up to %s: both are to be of one level"):format(m.spot.name, in_spot,
        m.lpp_source.name, in_source),
      remedy = ("nim -o cust -a fixes=update_all -a lpp_source=%s %s, or take the one that belongs to the other"):format(
        m.lpp_source.name, m.spot.name) }
  end
  local newer = {}
  for name, row in pairs(target.all_filesets(m)) do
    if high[name] and row.type ~= "R" and aix.compare_levels(row.level, high[name]) > 0 then
      newer[#newer + 1] = ("%s %s (lpp_source: %s)"):format(name, row.level, high[name])
    end
  end
  table.sort(newer)
  if newer[1] then
    add { id = "newer-on-client", severity = "info", host = m.name, evidence = "lslpp -Lqc", source = source.ours,
      what = ("the client has filesets that are newer than those of lpp_source %s, and keeps them: %s"):format(m.lpp_source.name,
        table.concat(newer, ", ", 1, math.min(#newer, 6))), remedy = "nothing; a level that is for the new release may be there by now" }
  end
  levels.mixed(m, add, high, low)
end

--- A base of the release with updates beside it: sendmail of the base looks for a library that is gone, and a SPOT made
--- of it may lack images.
function levels.mixed(m, add, high, low)
  local release = releases.of(m.target)
  local row = release and release.mixed_source
  local name = row and row.fileset
  if name and low[name] and low[name]:match(row.base) and aix.compare_levels(high[name], low[name]) > 0 then
    add { id = "mixed-lpp-source", severity = "info", host = m.master.name, source = row.source,
      evidence = ("%s: %s and %s"):format(name, low[name], high[name]),
      what = ("lpp_source %s has the base of %s and updates beside it: %s"):format(m.lpp_source.name, release.name, row.what),
      remedy = row.remedy }
  end
end

--- What NIM says of the lpp_source.
function levels.simages(m, add)
  if m.lpp_source.host == "local" then return end
  local result = m.master:run { "lsnim", "-l", m.lpp_source.name }
  local word = result.status == 0 and aix.lsnim_l(result.stdout).simages
  if word and word ~= "yes" then
    add { id = "simages", severity = "warning", host = m.master.name, source = source.nimadm,
      evidence = ("lsnim -l %s: simages = %s"):format(m.lpp_source.name, word),
      what = ("NIM says that lpp_source %s lacks images of the base system"):format(m.lpp_source.name),
      remedy = ("nim -Fo check %s   and add what it names"):format(m.lpp_source.name) }
  end
end

-- Whether a host has one of the fixes that close NIM: "all", "none", or nil where it does not say.
local function nim_fix(host)
  local result = host:run { "instfix", "-ik", table.concat(releases.nim_apars, " ") }
  if result.stdout:match("All filesets for %S+ were found") then return true, result end
  if result.stdout:match("There was no data for") then return false, result end
  return nil, result
end

--- The security fix of NIM, which takes certificates and a list of commands that are allowed: it goes on all clients
--- before the master. altmig itself uses SSH and is not stopped by it.
function levels.nim_security(m, add)
  local client, master = nim_fix(m.client), nim_fix(m.master)
  if client == nil or master == nil or client == master then return end
  add { id = "nim-security", severity = master and "warning" or "info", host = m.name, source = source.nim_fix,
    evidence = ("instfix -ik '%s' on both hosts"):format(table.concat(releases.nim_apars, " ")),
    what = master and "the NIM master has the security fix of NIM and the client has not: NIM's own commands to it are refused"
      or "the client has the security fix of NIM and the master has not",
    remedy = master and "install the fix on the client, then niminit there; altmig migrate needs none of it"
      or "install it on the master when all its clients have it" }
end

levels.order = { "service_packs", "simages", "nim_security" }

return levels
