-- SPDX-License-Identifier: MIT
-- The run of a flow: its phases in order, and what follows a failure. Phases are run again from their top
-- when a run is resumed.

local err = require "altmig.err"
local escape = require "altmig.escape"
local flows = require "altmig.flow"
local gate = require "altmig.gate"
local output = require "altmig.ui.output"
local resource = require "altmig.resource"
local runner = require "altmig.run.step"
local state = require "altmig.run.state"
local sys = require "altmig.sys"
local trusted = require "altmig.run.trusted"

---@class altmig.Migration
local run = {}

local banner = "+" .. ("-"):rep(77) .. "+"

-- The text of the flow script, with what it is called and its digest (none for the stock script).
local function read_script(path, update)
  if not path then return resource.read(update and "scripts/update.lua" or "scripts/migrate.lua") end
  local text = trusted.read(path, "flow", nil, "name the flow script with --script FILE")
  return text, "@" .. path, sys.sha256(text)
end

--- Loads the flow: the stock script, or the site's copy of it (--script). Raises unless the script can
--- be run and returns a whole flow.
---@return altmig.Flow
function run.load_flow(m)
  local path = m.opts.script
  local text, origin, digest = read_script(path, m.opts.update)
  local recorded = m.opts.script_sha256
  if recorded and digest ~= recorded then
    err.raise { code = "SCRIPT_CHANGED",
      message = ("flow: %s is not the script that the migration of %s was begun with: it was changed"):format(path, m.name),
      remedy = ("look at what changed, then go on with it: altmig resume %s --script %s"):format(m.name, path) }
  end
  local chunk, message = load(text, origin, "t")
  if not chunk then
    err.raise { code = "SCRIPT", message = "flow: " .. message, remedy = "correct the script and try again; nothing was begun" }
  end
  require("altmig.merge").reset() -- methods of the site come from the script, which may be read again
  local ok, result = xpcall(chunk, err.wrap)
  if not ok then
    result = err.wrap(result)
    result.message = ("flow: %s: %s"):format(path or origin, result.message)
    result.remedy = result.remedy or "correct the script and try again; nothing was begun"
    error(result, 0)
  end
  local whole, problem = flows.check(result)
  if not whole then
    err.raise { code = "SCRIPT", message = ("flow: %s: %s"):format(path or origin, problem),
      remedy = "a flow script ends with: return flow.new { ... }, or with the flow it loaded and added to" }
  end
  m.script_digest = digest
  return result
end

local function fill_in(m, text)
  return (text:gsub("%$(%a+)", { client = m.name, master = escape.line(m.nim:master().name) }))
end

local function run_phase(m, flow, n)
  m.phase, m.occurrences = n, {}
  m:collected():begin(("phase/%d"):format(n))
  m:say("\n" .. banner .. ("\nExecuting nimadm phase %d.\n"):format(n) .. banner)
  m:note { event = "phase_begin", phase = n }
  m:event { event = "phase_begin", title = flow.phases[n][1] and fill_in(m, flow.phases[n][1]) or nil }
  if flow.skipped[n] then
    m:say(("altmig: phase %d is skipped by the flow script."):format(n))
  else
    if flow.phases[n][1] then m:say(fill_in(m, flow.phases[n][1])) end
    flow:run_phase(n, m)
  end
  m:collected():save()
  m:note { event = "phase_done", phase = n }
  m.record.phases[n] = "done"
  m:event { event = "phase_done" }
end

local no_copy_to_keep = { NOT_OURS = true, COPY_REPLACED = true, COPY_EXISTS = true, COPY_GONE = true }

--- Prints a failure: what, where, and what to do next.
function run.explain(m, e)
  local where = m.phase and ("phase %d"):format(m.phase) or "start"
  m:warn(("altmig: %s failed%s: %s%s"):format(where, e.host and (" on " .. escape.line(e.host)) or "", escape.line(e.message),
    e.message:find(e.code, 1, true) and "" or (" (%s)"):format(e.code)), "failed")
  if e.command then m:warn("  command: " .. e.command:gsub("\n", "\n           ")) end
  if e.output and e.output ~= "" then m:warn("  output:  " .. e.output:gsub("\n", "\n           ")) end
  if e.record then m:warn("  record:  " .. e.record) end
  if e.traceback then m:warn("  " .. e.traceback:gsub("\n", "\n  ")) end
  if e.remedy then m:warn("  remedy:  " .. e.remedy:gsub("\n", "\n           ")) end
  -- Of a copy that is not altmig's, or is gone, the remedy has said all there is to say.
  if m.phase and not (no_copy_to_keep[e.code] or e.copy_gone) then
    m:warn(("  the copy is kept. Go on:   altmig resume %s\n  destroy it:            nimadm -C -c %s -s %s"):format(
      m.name, m.name, m.opts.spot or "SPOT"))
  end
end

--- On failure nothing of the run stays reachable: mounts and exports go, the copy stays. What cannot be taken
--- away is told; never raises.
---@param m altmig.Migration
function run.try_withdraw(m)
  sys.cancel_clear() -- an interrupt ends the phase, not the tidying up
  local ok, e = xpcall(function()
    local running = m:running_jobs()
    if #running == 0 then return m:withdraw() end
    m:warn(("altmig: %s still running; mounts and exports stay until it ends. 'altmig resume %s' goes on with it"):format(
      table.concat(running, ", "), m.name))
  end, err.wrap)
  if ok then return end
  m:warn("altmig: could not withdraw every mount and export: " .. e.message)
  if e.remedy then m:warn("  remedy:  " .. e.remedy) end
end

-- Does one part of what follows a failure. Whatever it raises is named and kept in e.also, and the next
-- part is done all the same: the hosts are not left open because something could not be printed.
local function attempt(m, e, what, fn, ...)
  local ok, problem = xpcall(fn, err.wrap, ...)
  if ok then return end
  local text = ("altmig: %s failed too: %s"):format(what, err.wrap(problem).message)
  e.also = e.also or {}
  e.also[#e.also + 1] = text
  if not pcall(m.warn, m, text) then pcall(output.complain, "%s", text) end
end

-- All that follows a failed phase: the journal, the hooks of the site, what is told, and the way out.
local function aftermath(m, flow, e)
  attempt(m, e, "recording the failure", m.note, m, { event = "phase_failed", phase = e.phase, code = e.code, message = e.message })
  for i, fn in ipairs(flow.error_hooks) do
    attempt(m, e, ("on_error hook %d"):format(i), function() err.result(fn(m, e)) end)
    err.wrap(e) -- a hook may have put anything into its fields
  end
  attempt(m, e, "the event of the failure", m.event, m, { event = "phase_failed", code = e.code, message = e.message, host = e.host,
    command = e.command, output = e.output, record = e.record, remedy = e.remedy })
  attempt(m, e, "explaining the failure", m.explain, m, e)
  if m.opts.repl_on_error then
    attempt(m, e, "the prompt", function()
      gate.close(m)
      require("altmig.ui.repl").run { m = m,
        message = "The migration stopped here; everything is live, for looking; :rw lets the prompt change it." }
    end)
    attempt(m, e, "the end of the prompt", gate.open, m)
  end
  attempt(m, e, "withdrawing mounts and exports", run.try_withdraw, m)
end

-- A phase builds on those before it: phase 11 on a copy that phase 8 never reached would set the
-- bootlist to a disk that cannot boot.
local function check_order(m, flow, wanted)
  local done = {}
  for n = 1, 12 do done[n] = m.record.phases[n] == "done" or flow.skipped[n] end
  for _, n in ipairs(wanted) do
    for before = 1, n - 1 do
      if not done[before] then
        err.raise { code = "PHASE_ORDER", message = ("phase %d of %s cannot run: phase %d is not done"):format(n, m.name, before),
          remedy = ("run phase %d first, or go on where it stopped: altmig resume %s"):format(before, m.name) }
      end
    end
    done[n] = true
  end
end

--- Runs the phases of a flow that are asked for. Raises the error of the one that failed.
---@param flow altmig.Flow
---@param first integer?   phases below are left alone
function run.run_flow(m, flow, first)
  gate.check(m, "running phases")
  local wanted = {}
  for n = 1, 12 do
    local asked = not m.opts.phases
    for _, p in ipairs(m.opts.phases or {}) do asked = asked or p == n end
    if asked and n >= (first or 1) then wanted[#wanted + 1] = n end
  end
  check_order(m, flow, wanted)
  local ok, e = xpcall(function()
    for i, n in ipairs(wanted) do
      if i == 1 then
        m.phase, m.occurrences = n, {}
        runner.restore_effects(m, n)
      end
      run_phase(m, flow, n)
    end
  end, err.wrap)
  if ok then
    if wanted[#wanted] == 12 then m:note { event = "ended", status = 0 } end
    m.phase = nil
    return
  end
  e = err.wrap(e)
  e.phase = m.phase
  local refused = m.refused
  if refused and refused.code == e.code then e.remedy = refused.remedy end
  aftermath(m, flow, e)
  e.explained = true
  error(e, 0)
end

-- Identifies a run: in the ids of its jobs, and in the mark it leaves in its copy.
local function new_run()
  local file <close> = err.check(io.open("/dev/urandom", "rb"))
  return (err.check(file:read(8), "/dev/urandom: too short"):gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

--- Begins a new migration in the journal.
function run.start(m)
  m:note {
    event = "start", run = new_run(),
    version = resource.version,
    options = { client = m.name, lpp_source = m.opts.lpp_source, spot = m.opts.spot, disks = m.disks,
      pre_script = m.opts.pre_script, post_script = m.opts.post_script, no_bootlist = m.opts.no_bootlist,
      accept_boot_image = m.opts.accept_boot_image,
      exclude_files = m.opts.exclude_files, image_data = m.opts.image_data, bosinst_data = m.opts.bosinst_data,
      installp_bundle = m.opts.installp_bundle,
      mount_options = m.opts.mount_options, baseline = m.opts.baseline, restore_via = m.opts.restore_via,
      reboot = m.opts.reboot, target = m.target,
      verify_restore = m.opts.verify_restore, update = m.opts.update, ifix = m.opts.ifix,
      licenses = m.opts.licenses, accept = m.opts.accept,
      script = m.opts.script and sys.realpath(m.opts.script), script_sha256 = m.script_digest,
      nim = m.opts.nim and sys.realpath(m.opts.nim) },
  }
  state.read_again(m)
  m.report_object = nil
  local options = m.record.start.options
  m:collected():tell { client = m.name, started = m.record.start.time, levels = m.levels, target = m.target,
    lpp_source = options.lpp_source, spot = options.spot, disks = options.disks }
  for _, finding in ipairs(m.findings or {}) do
    m:collected():add({ severity = finding.severity == "info" and "note" or finding.severity, method = "preflight", key = finding.host,
      rule = finding.remedy and ("%s; remedy: %s"):format(finding.what, finding.remedy) or finding.what }, "preflight", 0)
  end
  m:collected():save()
  m:event { event = "start", run = m.record.start.run, options = m.record.start.options }
end

--- A resumed or partial run must be the run of the journal: same disks, same resources.
function run.require_same_run(m)
  local recorded = m.record.start.options
  for _, name in ipairs { "lpp_source", "spot" } do
    if m.opts[name] ~= recorded[name] then
      err.raise { code = "OTHER_RUN",
        message = ("the migration of %s was begun with %s %s, not %s"):format(m.name, name, recorded[name], m.opts[name]) }
    end
  end
  if table.concat(m.disks, " ") ~= table.concat(recorded.disks, " ") then
    err.raise { code = "OTHER_RUN",
      message = ("the migration of %s was begun on %s"):format(m.name, table.concat(recorded.disks, " ")) }
  end
  if (m.opts.update or false) ~= (recorded.update or false) then
    err.raise { code = "OTHER_RUN", message = ("what was begun on %s is %s"):format(m.name, recorded.update
      and "an update: altmig update (nimadm -U), not a migration" or "a migration, not an update") }
  end
  m.opts.ifix = m.opts.ifix or recorded.ifix
  m.target = recorded.target
  if m.opts.baseline and m.opts.baseline ~= recorded.baseline then
    err.raise { code = "OTHER_RUN", message = ("the migration of %s was begun with %s, not with --baseline %s"):format(m.name,
      recorded.baseline and "--baseline " .. recorded.baseline or "no baseline", m.opts.baseline) }
  end
  m.opts.baseline = recorded.baseline
  m.opts.installp_bundle = m.opts.installp_bundle or recorded.installp_bundle
  m.opts.restore_via = m.opts.restore_via or recorded.restore_via
end

-- A script that was named again, changed or not, is the one that the run goes on with.
local function note_script(m)
  local recorded = m.record.start.options
  if not m.opts.script or m.script_digest == recorded.script_sha256 then return end
  m:note { event = "script", path = sys.realpath(m.opts.script), sha256 = m.script_digest }
end

--- The run of a flow from `first` to its end, with its last words; the client is free afterwards.
---@param flow altmig.Flow
---@param first integer?
---@return integer status
function run.complete(m, flow, first)
  note_script(m)
  m:run_flow(flow, first)
  m:summarize()
  m:unlock_client()
  return 0
end

--- Goes on at the first phase that is not done, or at `from`.
---@param from integer?
---@return integer status
function run.resume(m, from)
  local flow = m.flow or m:load_flow() -- before anything is changed
  m.flow = nil -- the next one may be of a script that was corrected meanwhile
  m:lock("resume")
  m:lock_client()
  m:note_boot()
  local first = from or m:first_open_phase()
  if not first then
    m:say(("altmig: the migration of %s is complete; nothing to resume."):format(m.name))
    if not m.record.ended then m:note { event = "ended", status = 0 } end
    m:unlock_client()
    return 0
  end
  m.opts.phases = nil
  m.record.ended = nil
  m:say(("altmig: resuming the migration of %s at phase %d."):format(m.name, first))
  return run.complete(m, flow, first)
end

--- The phases with their state, for `status` and the prompt.
---@return { n: integer, title: string, state: string }[]
function run.phases(m)
  local flow = m:load_flow()
  local list = {}
  for n = 1, 12 do
    local title = flow.phases[n][1] and fill_in(m, flow.phases[n][1]):gsub("\n", " ") or ""
    list[n] = { n = n, title = title, state = m.record.phases[n] or "-" }
  end
  return list
end

return run
