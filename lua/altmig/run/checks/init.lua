-- SPDX-License-Identifier: MIT
-- What must be true before a migration starts. Every check adds findings; an inhibitor ends the run
-- with status 3 before anything is changed.

local aix = require "altmig.aix.output"
local err = require "altmig.err"
local releases = require "altmig.run.checks.releases"
local runs = require "altmig.run.runs"

local check = {}

---@class altmig.Finding
---@field id string
---@field severity "inhibitor"|"warning"|"info"
---@field host string
---@field what string
---@field evidence string?  the command and what it printed
---@field remedy string?    commands to type
---@field source string?    who says so, where it is not plain from the evidence
---@field fixable boolean    whether altmig could do it itself

local fileset = "bos.alt_disk_install.rte"

--- Level of bos.alt_disk_install.rte in the SPOT; "0.0.0.0" when it is not there.
function check.spot_level(m)
  local text = m.master:run({ "odmget", "-q", "name=" .. fileset, "lpp" },
    { env = { ODMDIR = m.spot.location .. "/lib/objrepos" } }).stdout
  local best = "0.0.0.0"
  for _, object in ipairs(aix.odmget(text)) do
    if object.name == fileset and object.ver then
      local level = ("%s.%s.%s.%s"):format(object.ver, object.rel, object.mod, object.fix)
      if aix.compare_levels(level, best) > 0 then best = level end
    end
  end
  return best
end

-- The levels of bos.alt_disk_install.rte on master and SPOT must be the same. `lines` are nimadm's words.
local function spot_finding(m)
  local installed = aix.lslpp_Lqc(m.master:run({ "lslpp", "-Lqc", fileset }).stdout)[fileset]
  local on_master = installed and installed.level or "0.0.0.0"
  local in_spot = check.spot_level(m)
  if on_master == in_spot and installed then return nil end
  local lines = {}
  if in_spot == "0.0.0.0" then
    lines[1] = '0042-001 nim: processing error encountered on "master":'
    lines[2] = ("   /usr/bin/lslpp: Fileset %s not installed.\n"):format(fileset)
    lines[3] = ("0505-204 nimadm: SPOT %s does not have %s installed."):format(m.spot.name, fileset)
  end
  lines[#lines + 1] = ("0505-205 nimadm: The level of %s installed in SPOT\n%s (%s) does not match the NIM master's level (%s).")
    :format(fileset, m.spot.name, in_spot, on_master)
  return { id = "spot-level", severity = "inhibitor", host = m.master.name, lines = lines,
    what = ("%s: %s in SPOT %s, %s on the master"):format(fileset, in_spot, m.spot.name, on_master),
    evidence = ("lslpp -Lqc %s; ODMDIR=%s/lib/objrepos odmget -q name=%s lpp"):format(fileset, m.spot.location, fileset),
    remedy = ("nimadm -M -s %s -l %s; with -P added it shows the levels and what it would do, -d DIRECTORY names images of the "
      .. "master's level where the lpp_source has none"):format(m.spot.name, m.lpp_source.name) }
end

--- Raises, after nimadm's words, when the levels differ.
function check.alt_disk_install(m)
  local finding = spot_finding(m)
  if not finding then return end
  for _, line in ipairs(finding.lines) do m:say(line) end
  m:say("Cleaning up alt_disk_migration on the NIM master.")
  m:finding_event(finding)
  err.raise { code = "SPOT_LEVEL", status = 3, host = finding.host, message = finding.what, remedy = finding.remedy }
end

local NO_LEVEL <const> = "run oslevel -s there: it reads the software database, which lppchk -v looks through"

local checks = {}

function checks.levels(m, add)
  local client = m.client:must { "oslevel", "-s" }
  local master = m.master:must { "oslevel", "-s" }
  local from, to = aix.oslevel(client), aix.oslevel(master)
  if not from or not to then
    return add { id = "oslevel", host = from and m.master.name or m.name, what = "oslevel -s does not print a level",
      evidence = "oslevel -s: " .. (from and master or client), remedy = NO_LEVEL }
  end
  local image = m:bos_level()
  if not image then
    return add { id = "bos-image", host = m:bos_image().host,
      what = ("lpp_source %s has no bos image at %s/installp/ppc/bos"):format(m.lpp_source.name, m.lpp_source.location),
      remedy = ("nim -o check %s; ls -l %s/installp/ppc"):format(m.lpp_source.name, m.lpp_source.location) }
  end
  m.from, m.target = from, { version = image.version, release = image.release }
  m.levels = { client = client:match("%S+"), master = master:match("%S+") }
  local function number(l) return l.version * 100 + l.release end
  if m.opts.update then
    if number(from) ~= number(image) then
      add { id = "level", host = m.name, evidence = "oslevel -s: " .. client,
        what = ("the client is at %d.%d, lpp_source %s brings %d.%d: an update stays within a release"):format(from.version, from.release,
          m.lpp_source.name, image.version, image.release), remedy = "another release is a migration: altmig migrate" }
    end
  elseif number(from) >= number(image) then
    add { id = "level", host = m.name, evidence = "oslevel -s: " .. client,
      what = ("the client is at %d.%d already; lpp_source %s brings %d.%d"):format(from.version, from.release, m.lpp_source.name,
        image.version, image.release),
      remedy = "technology levels and service packs of the same release are an update: altmig update, or nimadm -U" }
  end
  if number(to) < number(image) then
    add { id = "master-level", host = m.master.name, evidence = "oslevel -s: " .. master,
      what = "the NIM master is below the level of the lpp_source", remedy = "migrate the master first" }
  end
end

--- The same where only a release is named (--to): what there is to migrate with comes later.
function checks.planned_levels(m, add)
  local client, to = m.client:must { "oslevel", "-s" }, m.opts.to
  m.from, m.target = aix.oslevel(client), to
  if not m.from then
    return add { id = "oslevel", host = m.name, what = "oslevel -s does not print a level", evidence = "oslevel -s: " .. client,
      remedy = NO_LEVEL }
  end
  m.levels = { client = client:match("%S+") }
  m.arrived = releases.number(m.from) >= releases.number(to)
  if m.arrived then
    return add { id = "level", severity = "info", host = m.name, evidence = "oslevel -s: " .. client,
      what = ("the client is at %d.%d already"):format(m.from.version, m.from.release),
      remedy = "technology levels and service packs of the same release are an update: altmig update, or nimadm -U" }
  end
  local master = not m.master.unreachable and m.master:run({ "oslevel", "-s" }).stdout
  local level = master and aix.oslevel(master)
  if level and releases.number(level) < releases.number(to) then
    add { id = "master-level", severity = "warning", host = m.master.name, evidence = "oslevel -s: " .. master,
      what = ("the NIM master is at %d.%d, below what its clients are to have"):format(level.version, level.release),
      remedy = "migrate the master first", source = releases.source.nimadm }
  end
end

--- What an lpp_source of the engine host needs besides: installp of phase 6 runs on the master.
function checks.local_images(m, add)
  local source = m.lpp_source
  local images = source.location .. "/installp/ppc"
  if source.host ~= "local" or m.master:holds { "test", "-d", images } then return end
  add { id = "lpp-source-local", host = m.master.name, evidence = "test -d " .. images,
    what = ('lpp_source %s is a directory of the engine host (host = "local"); installp of phase 6 runs on %s, which has no %s')
      :format(source.name, m.master.name, images),
    remedy = ("let %s see the same images at %s (a read-only mount, or a copy), or name an lpp_source of the master"):format(
      m.master.name, source.location) }
end

--- Files of -e, -i and -o, read and understood before anything is changed.
function checks.resources(m, add)
  for _, kind in ipairs(m:named_resources()) do
    local ok, text_or_error, said = xpcall(m.read_resource, err.wrap, m, kind)
    if not ok then
      if text_or_error.status ~= 3 then error(text_or_error, 0) end
      add { id = kind, host = m[kind].host == "local" and "engine host" or m.master.name, what = text_or_error.message,
        remedy = ("fix %s, or leave the flag out"):format(m[kind].location) }
    elseif kind == "bosinst_data" then
      for _, disk in ipairs(said.disks) do
        if not m:is_target(disk) then
          add { id = "bosinst_data", severity = "warning", host = m.name,
            what = ("target_disk_data of %s names %s; the copy is made on %s"):format(m[kind].location, disk, table.concat(m.disks, " ")),
            remedy = ("name %s there, or leave target_disk_data out of it"):format(table.concat(m.disks, " ")) }
        end
      end
    end
  end
end

-- The checks of a migration, by group and in their order; and those (`plan`) that need no more than a client and the name
-- of a release.
local groups = {
  { order = { "levels", "local_images", "resources" }, plan = { "planned_levels" }, levels = checks.levels,
    local_images = checks.local_images, resources = checks.resources, planned_levels = checks.planned_levels },
  (require "altmig.run.checks.levels"),
  (require "altmig.run.checks.services"),
  (require "altmig.run.checks.storage"),
  (require "altmig.run.checks.software"),
  (require "altmig.run.checks.target"),
}

-- Without these nothing can be said of the client at all.
local essential = { levels = true, planned_levels = true, target_disk = true, nfs = true }

local function run_one(m, name, fn, add, run)
  local ok, e = xpcall(fn, err.wrap, m, add, run)
  if ok then return end
  if e.code ~= "COMMAND" then error(e, 0) end
  add { id = name, severity = essential[name] and "inhibitor" or "warning", host = e.host,
    what = ("cannot be checked (%s): %s"):format(name, e.message), evidence = ("%s: %s"):format(e.command, e.output or ""),
    remedy = e.remedy or ("run that command on %s, remove what makes it fail, then check again"):format(e.host or m.name) }
end

--- Findings that --accept may name: what they warn of puts the copy and the time at risk, never what runs.
local acceptable = { ["missing-requisite"] = true, ["hd5-size"] = true, ["tcb-enabled"] = true, ["build-date"] = true,
  ["caa-cluster"] = true, ["no-room"] = true }

-- An inhibitor that is accepted becomes a warning that says so.
local function accept(m, findings)
  for _, finding in ipairs(findings) do
    local reason = m.opts.accept and m.opts.accept[finding.id]
    if finding.severity == "inhibitor" and reason and acceptable[finding.id] then
      finding.severity = "warning"
      finding.what = ("%s (accepted%s)"):format(finding.what, reason ~= "" and ": " .. reason or "")
    elseif finding.severity == "inhibitor" and reason then
      finding.what = finding.what .. " (this cannot be accepted)"
    elseif finding.severity == "inhibitor" and acceptable[finding.id] then
      finding.remedy = ("%sif you know better: --accept %s=REASON"):format(finding.remedy and finding.remedy .. "\n" or "", finding.id)
    end
  end
end

--- Runs all checks but that of the SPOT's level; returns the findings. What belongs to `run`, the run that
--- has the client in its hands, is no finding of its own.
---@param run altmig.Run?
---@return altmig.Finding[]
function check.run(m, run)
  local findings = {}
  local function add(finding)
    finding.severity = finding.severity or "inhibitor"
    finding.fixable = false
    findings[#findings + 1] = finding
  end
  for _, group in ipairs(groups) do
    local names = not m.opts.to and group.order or not m.arrived and group.plan or {}
    for _, name in ipairs(names) do run_one(m, name, group[name], add, run) end
  end
  accept(m, findings)
  return findings
end

-- What the records say of the client's migration. Each of these is one finding, and none of their remedies
-- takes anything away from a run that works.
local of_run = {}

function of_run.running(m, run)
  local doing = run.holder.doing == "cleanup" and "cleanup" or run.holder.doing == "prompt" and "prompt that may change something"
    or "migration"
  return { id = "running", what = ("a %s of %s is running now: %s"):format(doing, m.name, runs.describe(run)),
    evidence = run.dir .. "/lock", remedy = ("wait for its end; how far it is: altmig status %s"):format(m.name) }
end

-- A migration that stopped half-way must be resumed or cleaned up before another begins.
function of_run.stopped(m, run)
  local state = run.state
  local jobs = m:running_jobs(nil, state)
  local elsewhere = run.dir ~= m.state and " --state " .. run.dir:match("^(.*)/") or ""
  return { id = "unfinished", what = ("a migration of %s stopped in phase %s%s (%s)%s"):format(m.name, state.last_phase or "0",
      state.last_step and ", step " .. state.last_step or "", state.last_time or "?",
      #jobs > 0 and ("; still working for it: " .. table.concat(jobs, ", ")) or ""),
    evidence = run.dir .. "/journal",
    remedy = ("altmig resume %s%s   (or give it up, which destroys its copy: nimadm -C -c %s -s %s%s)"):format(m.name, elsewhere, m.name,
      m.spot.name, elsewhere) }
end

function of_run.damaged(m, run)
  return { id = "journal-damaged", what = ("the journal of %s cannot be read: %s"):format(m.name, run.problem.message),
    evidence = run.dir .. "/journal", remedy = ("keep a copy of it. A cleanup puts it aside; it destroys the copy on %s if a mark in it "
      .. "says that it is altmig's: nimadm -C -c %s -s %s"):format(m.name, m.name, m.spot.name) }
end

--- Every check, the run that has the client in its hands first, then the SPOT.
---@return altmig.Finding[]
function check.all(m)
  local run = runs.of(m)
  if run and not of_run[run.word] and run.word ~= "elsewhere" then run = nil end
  local first = run and of_run[run.word] and of_run[run.word](m, run)
  local spot = spot_finding(m)
  local findings = check.run(m, run)
  if spot then
    spot.fixable = false
    table.insert(findings, 1, spot)
  end
  if first then
    first.severity, first.fixable, first.host = "inhibitor", false, "engine host"
    table.insert(findings, 1, first)
  end
  return findings
end

--- What a move to a release would meet, without a thing to migrate with. `facts` is what was seen of the client on the
--- way: what is not there was not to be seen.
---@return altmig.Finding[] findings
---@return { from: string?, processor: integer?, model: string?, memory: integer?, boot_volume: integer?, rootvg: integer? } facts
function check.plan(m)
  local findings = check.run(m)
  local vg = aix.lsvg(m.client:run({ "lsvg", "rootvg" }).stdout)
  local machine = m.client_machine or {}
  return findings, { from = m.levels and m.levels.client, processor = m.client_processor, model = machine.model, memory = m.client_memory,
    boot_volume = m.client_boot_volume, rootvg = vg.used_pps and vg.pp_size and vg.used_pps * vg.pp_size or nil }
end

--- How many findings of each severity.
---@return table<string, integer>
function check.count(findings)
  local count = { inhibitor = 0, warning = 0, info = 0 }
  for _, finding in ipairs(findings) do count[finding.severity] = count[finding.severity] + 1 end
  return count
end

return check
