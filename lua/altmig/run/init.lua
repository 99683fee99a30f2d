-- SPDX-License-Identifier: MIT
-- The object `m` of a migration: its hosts, its steps, its journal, and the run of a flow.
--
-- Every change goes through a step. A step's begin and end are durable in the journal before the
-- next one starts, so that a run which was killed anywhere can be resumed: phases are run again from
-- their top, steps that are done are checked and not repeated.

local mode = require "altmig.mode"
local color = require "altmig.ui.color"
local err = require "altmig.err"
local escape = require "altmig.escape"
local flow_module = require "altmig.flow"
local gate = require "altmig.gate"
local host = require "altmig.run.host"
local journal = require "altmig.journal"
local json = require "altmig.json"
local nim = require "altmig.nim"
local output = require "altmig.ui.output"
local progress = require "altmig.ui.progress"
local report = require "altmig.report"
local resource = require "altmig.resource"
local runs = require "altmig.run.runs"
local sys = require "altmig.sys"
local trusted = require "altmig.run.trusted"

local migration = {}

---@class altmig.Migration
---@field opts table
---@field name string          NIM name of the client
---@field client altmig.Host
---@field master altmig.Host
---@field exec altmig.Executor
---@field alt any              altmig.tree of /alt_inst; a call that changes something raises when it fails
---@field copy any             the same tree, whose calls return nil, message, code
---@field disks string[]
---@field target { version: integer, release: integer }
---@field phase integer?       the phase now running
---@field copy_at string?      where the client sees what m.alt is; default "/alt_inst"
local M = {}

---@class altmig.Step
---@field run fun(m: altmig.Migration, ctx: altmig.StepContext, ...): any
---@field holds nil|fun(m: altmig.Migration, result: any, ...): boolean  does its effect still stand
---@field until_phase integer?  the effect is wanted up to and including this phase
---@field runs_spot boolean?  it runs programs of the SPOT on the client in a job, which may outlive the run
---@field key nil|fun(...): string  what tells two calls apart, when the arguments are not plain data

---@class altmig.StepContext
---@field job_id string   id for the job of this attempt
---@field attempt integer 1 for the first
---@field again boolean   an earlier attempt was begun and its end is not known, or it failed

---@type table<string, altmig.Step>
migration.steps = {}

--- Adds a step: a method of `m` that is journalled. Modules altmig.steps.* define the stock ones.
---@param name string
---@param step altmig.Step
function migration.define(name, step)
  if migration.steps[name] or M[name] then error(("step '%s' is already defined"):format(name), 2) end
  migration.steps[name] = step
end

--- Adds an ordinary method to `m` (for what only looks).
function migration.method(name, fn)
  if migration.steps[name] or M[name] then error(("method '%s' is already defined"):format(name), 2) end
  M[name] = fn
end

local mt = {}
function mt.__index(m, key)
  if M[key] then return M[key] end
  local step = migration.steps[key]
  if step then
    return function(self, ...) return self:perform(key, step, ...) end
  end
  if key == "alt" or key == "copy" then
    m:open_copy()
    return rawget(m, key)
  end
  return nil
end

-- State on disk ---------------------------------------------------------------------------------

--- The state directory: --state, ALTMIG_STATE, or the default of the user.
---@param opts table
---@return string
function migration.state_dir(opts)
  local dir = opts.state or os.getenv("ALTMIG_STATE")
  if dir and dir ~= "" then return dir end
  if sys.getuid() == 0 then return "/var/adm/ras/alt_mig" end
  return (os.getenv("XDG_STATE_HOME") or (os.getenv("HOME") or "") .. "/.local/state") .. "/altmig"
end

--- What the journal says: which phases and steps are done, begun, failed; `copies` are all copies that
--- runs of this client ever made, by the identifier of the volume group, `copy` that of the present run.
---@param records table[]
function migration.fold(records)
  local state
  local copies, working = {}, {}
  local function fresh()
    state = { phases = {}, done = {}, begun = {}, attempts = {}, order = {}, moved = {}, mounted = {}, copies = copies }
  end
  fresh()
  for _, record in ipairs(records) do
    local event = record.event
    if event == "start" then
      fresh()
      state.start = record
    elseif event == "cleaned" then
      fresh()
      state.cleaned = record.time
    elseif event == "phase_begin" then
      state.phases[record.phase] = "begun"
      state.last_phase, state.last_step, working = record.phase, nil, {}
      state.failure, state.ended = nil, nil
    elseif event == "phase_done" then
      state.phases[record.phase] = "done"
    elseif event == "phase_failed" then
      if record.phase then
        state.phases[record.phase] = "failed"
        state.last_phase = record.phase
      end
      state.failure, state.ended = record, nil
    elseif event == "begin" then
      state.begun[record.key] = record
      working[#working + 1] = record
      state.last_step = record.step
      state.attempts[record.key] = record.attempt
      state.done[record.key] = nil
    elseif event == "done" then
      -- A step may be part of another, which goes on.
      if working[#working] and working[#working].key == record.key then working[#working] = nil end
      state.last_step = working[1] and working[#working].step or record.step
      state.begun[record.key] = nil
      state.done[record.key] = record
      state.order[#state.order + 1] = record.key
    elseif event == "failed" then
      state.begun[record.key] = nil
    elseif event == "copy" then
      copies[record.vg] = { vg = record.vg, disks = record.disks, run = state.start and state.start.run, time = record.time }
      state.copy = copies[record.vg]
    elseif event == "moved" then
      state.moved[record.path] = true
    elseif event == "mounting" or event == "mounted" or event == "unmounted" then
      migration.fold_mounts(state, record)
    elseif event == "script" then -- the one that the run goes on with
      state.start.options.script, state.start.options.script_sha256 = record.path, record.sha256
    elseif event == "ended" then
      state.ended = record
    end
    state.last_time = record.time
  end
  return state
end

--- What is mounted on the executor, and what was about to be, after one more record.
---@param state table
---@param record table  "mounting": { mounts, before }; "mounted": { mounts }; "unmounted": { left }
function migration.fold_mounts(state, record)
  state.mounting = record.event == "mounting" and record or nil
  if record.event == "mounted" then
    for _, row in ipairs(record.mounts) do table.insert(state.mounted, row) end
  elseif record.event == "unmounted" then
    state.mounted = table.move(record.left, 1, #record.left, 1, {})
  end
end

--- Names of the clients that have a state directory.
function migration.list(opts)
  local dir = migration.state_dir(opts or {})
  local names = {}
  for _, name in ipairs(sys.list(dir) or {}) do
    if sys.stat(dir .. "/" .. name .. "/journal") then names[#names + 1] = name end
  end
  return names
end

--- Reads the state of a client without taking its lock.
function migration.read_state(opts, client)
  local path = migration.state_dir(opts) .. "/" .. client .. "/journal"
  if not sys.stat(path) then return nil end
  local j <close> = err.check(journal.open(path, { readonly = true }))
  return migration.fold(err.check(j:records()))
end

-- Construction ----------------------------------------------------------------------------------

local function make_state_dirs(m)
  local dir = migration.state_dir(m.opts)
  m.state = dir .. "/" .. m.name
  m.log_path = dir .. "/" .. m.name .. "_alt_mig.log"
  if m.opts.no_log then return end
  err.check(sys.makedirs(dir, mode.PRIVATE_DIR))
  err.check(sys.makedirs(m.state, mode.PRIVATE_DIR))
end

--- A migration object for a client; nothing is connected yet. With `with_flow` its flow is loaded,
--- before anything is written: a script that cannot be used leaves no trace of a run.
---@param opts table   parsed options: client, lpp_source, spot, disks, ...
---@param with_flow boolean?
---@return altmig.Migration
function migration.new(opts, with_flow)
  local m = setmetatable({ opts = opts, name = opts.client, occurrences = {} }, mt)
  m.nim = nim.load(opts.nim)
  m.client_resource = m.nim:client(opts.client)
  m.disks = opts.disks
  m.target = opts.target
  if opts.spot then m.spot = m.nim:resource("spot", opts.spot) end
  if opts.lpp_source then m.lpp_source = m.nim:resource("lpp_source", opts.lpp_source) end
  if opts.pre_script then m.pre_script = m.nim:resource("script", opts.pre_script) end
  for _, kind in ipairs { "exclude_files", "image_data", "bosinst_data" } do
    if opts[kind] then m[kind] = m.nim:resource(kind, opts[kind]) end
  end
  if opts.post_script then m.post_script = m.nim:resource("script", opts.post_script) end
  if with_flow then m.flow = m:load_flow() end
  make_state_dirs(m)
  return m
end

--- Takes the client's lock on this engine host; raises LOCKED (exit status 4). The lock tells other
--- processes who has it and what for.
---@param doing "migrate"|"resume"|"cleanup"|"prompt"
function M:lock(doing)
  if self.lock_handle then return end
  gate.check(self, "taking the client's lock")
  local text = json.encode { pid = sys.getpid(), host = sys.hostname(), start = os.time(), doing = doing }
  local handle, message, code, owner = sys.lock(self.state .. "/lock", { text = text })
  if handle then
    self.lock_handle = handle
    return
  end
  local who = owner and json.decode(owner)
  err.raise { code = code, status = code == "LOCKED" and 4 or 1,
    message = code == "LOCKED" and ("client %s is locked by another run%s"):format(self.name, who and
      (": pid %s on %s since %s"):format(who.pid, who.host, os.date("%F %T", who.start)) or "") or message,
    remedy = "wait for it, or stop it; 'altmig status' shows what it does" }
end

function M:open_journal()
  if self.journal then return end
  self.journal = err.check(journal.open(self.state .. "/journal", gate.is_closed(self) and { readonly = true } or nil))
  self.journal_guarded = nil
  if gate.is_closed(self) then gate.guard(self) end
  self.record = migration.fold(err.check(self.journal:records()))
end

--- Writes one record; durable when this returns.
function M:note(record)
  gate.check(self, "writing to the journal")
  err.check(self.journal:append(record))
end

-- Output ----------------------------------------------------------------------------------------

-- A bar on the screen makes room for a line; the next update draws it again.
local function clear_bar(m)
  local bar = rawget(m, "bar")
  if bar then bar:clear() end
end

local function write_log(m, line)
  if m.opts.no_log or gate.is_closed(m) then return end
  if not m.log_file then
    if not sys.stat(m.log_path) then err.check(sys.write_file(m.log_path, "", { mode = mode.PRIVATE_FILE })) end
    m.log_file = err.check(io.open(m.log_path, "a"))
    m.log_file:setvbuf("line")
  end
  output.log(m.log_file, line)
end

--- Emits a machine-readable event when --json was given.
function M:event(fields)
  if not self.opts.json then return end
  fields.time = os.date("!%Y-%m-%dT%H:%M:%SZ")
  fields.client, fields.phase, fields.step = self.name, self.phase, self.current_step
  output.json(fields, { lossy = true })
end

--- One or more lines of nimadm's output: to stdout and the log.
---@param text string
function M:say(text)
  if self.opts.no_log then return end
  for line in (text .. "\n"):gmatch("(.-)\n") do
    write_log(self, line)
    if self.opts.json then
      self:event { event = "line", text = line }
    elseif not self.opts.quiet then
      clear_bar(self)
      output.print(line)
      output.flush()
    end
  end
end

--- A diagnostic of altmig's own: to stderr and the log.
---@param text string
---@param kind "failed"|nil   its colour on a terminal
function M:warn(text, kind)
  for line in (text .. "\n"):gmatch("(.-)\n") do
    write_log(self, line)
    clear_bar(self)
    output.complain(kind and color.paint(self.opts, 2, kind, line) or line)
  end
  self:event { event = "warning", text = text }
end

--- To the log only, and to stdout with -V.
function M:detail(text)
  if self.opts.verbose then return self:say(text) end
  write_log(self, text)
end

--- Runs `work`, which gets a function to call with what is done ({ files=, bytes= }); tells how far
--- it is: a bar on a terminal, a line per ten percent in the log, events with --json.
---@param what string
---@param total { files: integer?, bytes: integer? }
---@param work fun(update: fun(stats: table)): any ...
---@param unit ("bytes"|"files")?
function M:track(what, total, work, unit)
  local terminal = not self.opts.json and not self.opts.quiet and not self.opts.no_log and sys.isatty(2)
  local p = progress.new { what = what, total = total, unit = unit, width = function() return sys.terminal_width(2) end,
    bar = terminal and output.draw or nil,
    log = function(line) write_log(self, "altmig: " .. line) end,
    event = function(fields) self:event(fields) end }
  rawset(self, "bar", p)
  local last
  local results = table.pack(xpcall(work, err.wrap, function(stats)
    last = stats
    p:update(stats)
  end))
  rawset(self, "bar", nil)
  p:finish(results[1] and last or nil)
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

-- The report --------------------------------------------------------------------------------------

--- The report of this run; loaded when first asked for.
---@return altmig.Report
function M:collected()
  local collected = rawget(self, "report_object")
  if not collected then
    collected = report.open(self)
    if gate.is_closed(self) then collected.save = function() gate.check(self, "writing the report") end end
    rawset(self, "report_object", collected)
  end
  return collected
end

--- Tells the administrator something: a decision of a merge, or what a step could not do. Inside a
--- step it is that step's, and goes when the step is run again; outside, it is the phase's.
--- The report is on disk before the step is recorded as done.
---@param entry altmig.report.Entry   # rule is needed; severity (default "note") and chosen give the group
function M:report_entry(entry)
  gate.check(self, "an entry of the report")
  self:collected():add(entry, self.report_step or ("phase/%s"):format(self.phase or 0), self.phase)
end

-- Steps -----------------------------------------------------------------------------------------

local function step_key(m, name, step, ...)
  local arguments = step.key and step.key(...) or json.encode(table.pack(...).n > 0 and { ... } or json.array {}, { sort = true })
  local id = ("%s/%s/%s"):format(m.phase or 0, name, arguments)
  local count = (m.occurrences[id] or 0) + 1
  m.occurrences[id] = count
  return ("%s/%d"):format(id, count)
end

-- A job's id names the client and the attempt; the key is long and holds slashes, so it is hashed.
local function job_id(m, name, key, attempt)
  return ("%s-%s-%s-%d"):format(m.name, name:gsub("[^%w]", "_"), sys.sha256(m.record.start.run .. key):sub(1, 12), attempt)
end

--- Performs a step: returns the recorded result of one that is done and still holds, else runs it
--- between its begin and end records.
function M:perform(name, step, ...)
  gate.check(self, "step " .. name)
  if not self.record.start then error(("step %s outside a run"):format(name), 3) end
  local key = step_key(self, name, step, ...)
  local done = self.record.done[key]
  if done then
    if not step.holds or step.holds(self, done.result, ...) then return done.result end
    self:detail(("altmig: %s: its effect is gone, doing it again"):format(name))
  end
  -- A step that was begun and never ended keeps its attempt, so that its job is found again.
  local begun = self.record.begun[key]
  local attempt = begun and begun.attempt or (self.record.attempts[key] or 0) + 1
  local context = { attempt = attempt, again = begun ~= nil or attempt > 1, job_id = job_id(self, name, key, attempt) }
  if not begun then
    self:note { event = "begin", phase = self.phase, step = name, key = key, attempt = attempt, job = context.job_id }
    self.record.attempts[key] = attempt
    self.record.begun[key] = { attempt = attempt, job = context.job_id, phase = self.phase, step = name }
  end
  local outer, outer_report = self.current_step, rawget(self, "report_step")
  self.current_step, self.report_step = name, key
  self:collected():begin(key)
  self:event { event = "step_begin", attempt = attempt }
  local ok, result = xpcall(function(...)
    -- A tree call at the end of a step is its result: nil and why means that the step has failed.
    local returned = err.result(step.run(self, context, ...))
    local ok, text, problem = true, "", nil
    if returned ~= nil then ok, text, problem = pcall(json.encode, returned) end
    if not ok or not text then
      err.raise { code = "STEP_RESULT", message = ("step %s: its result cannot be kept in the journal: %s"):format(name,
        err.text(problem or text)), remedy = "return a string, number, boolean or a table of them, or nothing" }
    end
    self:collected():save()
    return returned
  end, err.wrap, ...)
  if not ok then result = err.wrap(result) end
  self:event { event = ok and "step_done" or "step_failed", attempt = attempt, code = not ok and result.code or nil,
    message = not ok and result.message or nil }
  self.current_step, self.report_step = outer, outer_report
  if not ok then
    -- What the transport lost may still go on over there: such a step stays begun, so that the next
    -- attempt finds its job instead of starting a second one beside it.
    if not (result.unsettled or result.code == "CANCELLED" or result.code:match("^SSH_")) then
      self:note { event = "failed", phase = self.phase, step = name, key = key, attempt = attempt, code = result.code,
        message = result.message }
      self.record.begun[key] = nil
    end
    error(result, 0)
  end
  self:note { event = "done", phase = self.phase, step = name, key = key, attempt = attempt, result = result }
  self.record.begun[key] = nil
  self.record.done[key] = { result = result, phase = self.phase, step = name, key = key }
  table.insert(self.record.order, key)
  return result
end

--- A step of a site's own: fn() is run once, its JSON-able result is kept and returned on a resume. One
--- that raises, or returns nil and a message (and a code), has failed and is run again by a resume.
---@param name string
---@param fn fun(): any
function M:step(name, fn)
  return self:perform("site_" .. name, { run = function() return fn() end })
end

--- The result of a step that is done, whatever its arguments; nil if it is not.
function M:result_of(name)
  for _, key in ipairs(self.record.order) do
    local done = self.record.done[key]
    if done and done.step == name then return done.result end
  end
  return nil
end

--- Before a resumed phase runs: steps of earlier phases whose effect is still wanted and is gone
--- (mounts, exports) are made again.
local function restore_effects(m, phase)
  if phase > 2 and phase <= 8 then m:prove_mounts() end
  local again = {}
  for _, key in ipairs(m.record.order) do
    local done = m.record.done[key]
    local step = done and migration.steps[done.step]
    if step and step.holds and step.until_phase and done.phase and done.phase < phase and phase <= step.until_phase
      and not again[key] then
      again[key] = true
      local arguments = step.key and {} or json.decode(key:match("^[^/]*/[^/]*/(.*)/%d+$")) or {}
      if not step.holds(m, done.result, table.unpack(arguments)) then
        m:detail(("altmig: making again: %s %s"):format(done.step, table.concat(arguments, " ")))
        step.run(m, { attempt = 1, again = true, job_id = "" }, table.unpack(arguments))
      end
    end
  end
end

-- Hosts -----------------------------------------------------------------------------------------

--- Connects to master and client; prints nimadm's lines.
---@param either boolean?  one of them is enough: what can be done without the other is
function M:connect(either)
  if self.client then return end
  local function open(role, of)
    if not either then return host.connect(role, of) end
    local ok, result = xpcall(host.connect, err.wrap, role, of)
    return ok and result or host.absent(role, of, result)
  end
  self:say("Initializing the NIM master.")
  self.master = open("master", self.nim:master())
  self:say(("Initializing NIM client %s."):format(self.name))
  self.client = open("client", self.client_resource)
  if self.master.unreachable and self.client.unreachable then err.raise(self.master.unreachable) end
  self.master.notice = function(text) self:warn("altmig: " .. text) end
  self.client.notice = self.master.notice
  if self.opts.debug then
    local function trace(line) write_log(self, escape.line(line)) end
    self.master.trace, self.client.trace = trace, trace
  end
  if gate.is_closed(self) then gate.guard(self) end
  self.exec = require("altmig.run.executor").new(self)
end

--- Closes connections and files; the lock goes with them.
function M:close()
  local collected = rawget(self, "report_object")
  if collected and not gate.is_closed(self) then pcall(collected.save, collected) end
  self.report_object = nil
  if rawget(self, "copy") then
    self.copy:close()
    self.copy, self.alt = nil, nil
  end
  for _, name in ipairs { "client", "master" } do
    local h = rawget(self, name)
    if h then h:close() end
    self[name] = nil
  end
  if self.journal then self.journal:close() end
  self.journal = nil
  if self.log_file then self.log_file:close() end
  self.log_file = nil
  if self.lock_handle then self.lock_handle:close() end
  self.lock_handle = nil
end

-- Running a flow ----------------------------------------------------------------------------------

local banner = "+" .. ("-"):rep(77) .. "+"

-- The text of the flow script, with what it is called and its digest (none for the stock script).
local function read_script(path)
  if not path then return resource.read("scripts/migrate.lua") end
  local text = trusted.read(path, "flow", nil, "name the flow script with --script FILE")
  return text, "@" .. path, sys.sha256(text)
end

--- Loads the flow: the stock script, or the site's copy of it (--script). Raises unless the script can
--- be run and returns a whole flow.
---@return altmig.Flow
function M:load_flow()
  local path = self.opts.script
  local text, origin, digest = read_script(path)
  local recorded = self.opts.script_sha256
  if recorded and digest ~= recorded then
    err.raise { code = "SCRIPT_CHANGED",
      message = ("flow: %s is not the script that the migration of %s was begun with: it was changed"):format(path, self.name),
      remedy = ("look at what changed, then go on with it: altmig resume %s --script %s"):format(self.name, path) }
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
  local whole, problem = flow_module.check(result)
  if not whole then
    err.raise { code = "SCRIPT", message = ("flow: %s: %s"):format(path or origin, problem),
      remedy = "a flow script ends with: return flow.new { ... }, or with the flow it loaded and added to" }
  end
  self.script_digest = digest
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

--- Prints a failure: what, where, and what to do next.
function M:explain(e)
  local where = self.phase and ("phase %d"):format(self.phase) or "start"
  self:warn(("altmig: %s failed%s: %s%s"):format(where, e.host and (" on " .. escape.line(e.host)) or "", escape.line(e.message),
    e.message:find(e.code, 1, true) and "" or (" (%s)"):format(e.code)), "failed")
  if e.command then self:warn("  command: " .. e.command:gsub("\n", "\n           ")) end
  if e.output and e.output ~= "" then self:warn("  output:  " .. e.output:gsub("\n", "\n           ")) end
  if e.traceback then self:warn("  " .. e.traceback:gsub("\n", "\n  ")) end
  if e.remedy then self:warn("  remedy:  " .. e.remedy:gsub("\n", "\n           ")) end
  -- Of a copy that is not altmig's the remedy has said all there is to say.
  if self.phase and not (e.code == "NOT_OURS" or e.code == "COPY_REPLACED" or e.code == "COPY_EXISTS") then
    self:warn(("  the copy is kept. Go on:   altmig resume %s\n  destroy it:            nimadm -C -c %s -s %s"):format(
      self.name, self.name, self.opts.spot or "SPOT"))
  end
end

-- On failure nothing of the run stays reachable: mounts and exports go, the copy stays.
local function withdraw(m)
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
  if not pcall(M.warn, m, text) then pcall(output.complain, "%s", text) end
end

-- All that follows a failed phase: the journal, the hooks of the site, what is told, and the way out.
local function aftermath(m, flow, e)
  attempt(m, e, "recording the failure", M.note, m, { event = "phase_failed", phase = e.phase, code = e.code, message = e.message })
  for i, fn in ipairs(flow.error_hooks) do
    attempt(m, e, ("on_error hook %d"):format(i), function() err.result(fn(m, e)) end)
    err.wrap(e) -- a hook may have put anything into its fields
  end
  attempt(m, e, "the event of the failure", M.event, m, { event = "phase_failed", code = e.code, message = e.message, host = e.host,
    command = e.command, output = e.output, remedy = e.remedy })
  attempt(m, e, "explaining the failure", M.explain, m, e)
  if m.opts.repl_on_error then
    attempt(m, e, "the prompt", function()
      gate.close(m)
      require("altmig.ui.repl").run { m = m,
        message = "The migration stopped here; everything is live, for looking; :rw lets the prompt change it." }
    end)
    attempt(m, e, "the end of the prompt", gate.open, m)
  end
  attempt(m, e, "withdrawing mounts and exports", withdraw, m)
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
function M:run_flow(flow, first)
  gate.check(self, "running phases")
  local wanted = {}
  for n = 1, 12 do
    local asked = not self.opts.phases
    for _, p in ipairs(self.opts.phases or {}) do asked = asked or p == n end
    if asked and n >= (first or 1) then wanted[#wanted + 1] = n end
  end
  check_order(self, flow, wanted)
  local ok, e = xpcall(function()
    for i, n in ipairs(wanted) do
      if i == 1 then
        self.phase, self.occurrences = n, {}
        restore_effects(self, n)
      end
      run_phase(self, flow, n)
    end
  end, err.wrap)
  if ok then
    if wanted[#wanted] == 12 then self:note { event = "ended", status = 0 } end
    self.phase = nil
    return
  end
  e = err.wrap(e)
  e.phase = self.phase
  local refused = rawget(self, "refused")
  if refused and refused.code == e.code then e.remedy = refused.remedy end
  aftermath(self, flow, e)
  e.explained = true
  error(e, 0)
end

-- Identifies a run: in the ids of its jobs, and in the mark it leaves in its copy.
local function new_run()
  local file <close> = err.check(io.open("/dev/urandom", "rb"))
  return (err.check(file:read(8), "/dev/urandom: too short"):gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

--- Begins a new migration in the journal.
function M:start()
  self:note {
    event = "start", run = new_run(),
    version = require("altmig.resource").version,
    options = { client = self.name, lpp_source = self.opts.lpp_source, spot = self.opts.spot, disks = self.disks,
      pre_script = self.opts.pre_script, post_script = self.opts.post_script, no_bootlist = self.opts.no_bootlist,
      exclude_files = self.opts.exclude_files, image_data = self.opts.image_data, bosinst_data = self.opts.bosinst_data,
      mount_options = self.opts.mount_options, baseline = self.opts.baseline, restore_via = self.opts.restore_via,
      reboot = self.opts.reboot, target = self.target,
      verify_restore = self.opts.verify_restore,
      script = self.opts.script and sys.realpath(self.opts.script), script_sha256 = self.script_digest,
      nim = self.opts.nim and sys.realpath(self.opts.nim) },
  }
  self.record = migration.fold(err.check(self.journal:records()))
  rawset(self, "report_object", nil)
  local options = self.record.start.options
  self:collected():tell { client = self.name, started = self.record.start.time, levels = self.levels, target = self.target,
    lpp_source = options.lpp_source, spot = options.spot, disks = options.disks }
  for _, finding in ipairs(self.findings or {}) do
    self:collected():add({ severity = finding.severity == "info" and "note" or finding.severity, method = "preflight", key = finding.host,
      rule = finding.remedy and ("%s; remedy: %s"):format(finding.what, finding.remedy) or finding.what }, "preflight", 0)
  end
  self:collected():save()
  self:event { event = "start", run = self.record.start.run, options = self.record.start.options }
end

--- The phases with their state, for `status` and the prompt.
---@return { n: integer, title: string, state: string }[]
function M:phases()
  local flow = self:load_flow()
  local list = {}
  for n = 1, 12 do
    local title = flow.phases[n][1] and fill_in(self, flow.phases[n][1]):gsub("\n", " ") or ""
    list[n] = { n = n, title = title, state = self.record.phases[n] or "-" }
  end
  return list
end

--- The first phase that is not done; nil when all are.
function M:first_open_phase()
  for n = 1, 12 do
    if self.record.phases[n] ~= "done" then return n end
  end
  return nil
end

-- Entry points ------------------------------------------------------------------------------------

for _, name in ipairs { "eligibility", "resources", "ownership", "clone", "exports", "mounts", "configuration", "bos", "software",
  "boot", "finish", "prompt" } do
  require("altmig.run.steps." .. name)(migration)
end

-- --report FILE: also of a run that failed, and then most of all.
local function write_report(m)
  if not m.opts.report or not (m.record and m.record.start) then return end
  local ok, e = xpcall(function()
    local document = require("altmig.cmd.report").document(m.opts, m.name)
    err.check(sys.write_file(m.opts.report, require("altmig.report.print").for_file(document, m.opts.report),
      { mode = mode.PRIVATE_FILE, atomic = true }))
  end, err.wrap)
  if not ok then output.complain("altmig: the report could not be written: %s", e.message) end
end

--- Runs fn(m) with the object closed afterwards, whatever happens.
local function with(opts, fn, with_flow)
  local m = migration.new(opts, with_flow)
  local ok, result = xpcall(fn, err.wrap, m)
  if not ok then
    result = err.wrap(result)
    if not result.explained then result.explained = pcall(M.explain, m, result) end
  end
  if not m.opts.no_log then
    local status = ok and result or not ok and (result.status or result.code == "CANCELLED" and 130) or 1
    pcall(M.event, m, { event = "ended", status = status, code = not ok and result.code or nil,
      message = not ok and result.message or nil })
  end
  local closed, problem = xpcall(M.close, err.wrap, m)
  write_report(m) -- by now it is no running migration any more
  if not ok then error(result, 0) end
  if not closed then error(problem, 0) end
  return result
end

--- Runs fn(m) on an object that takes no lock, keeps no journal and writes no log: for what only looks.
---@param opts table   with no_log set
---@param fn fun(m: altmig.Migration): any
function migration.look(opts, fn) return with(opts, fn, true) end

-- Phases that are run one by one belong to one flow: that of the first ones, unless --script names another.
local function with_recorded_script(opts)
  if opts.script then return end
  local state = migration.read_state(opts, opts.client)
  local recorded = state and state.start and state.start.options or {}
  opts.script, opts.script_sha256 = recorded.script, recorded.script_sha256
end

-- A script that was named again, changed or not, is the one that the run goes on with.
local function note_script(m)
  local recorded = m.record.start.options
  if not m.opts.script or m.script_digest == recorded.script_sha256 then return end
  m:note { event = "script", path = sys.realpath(m.opts.script), sha256 = m.script_digest }
end

--- A whole migration from its command line options.
---@param opts table
---@return integer status
function migration.migrate(opts)
  local partial = opts.phases and opts.phases[1] > 1 or (opts.from and opts.from > 1)
  if partial then with_recorded_script(opts) end
  return with(opts, function(m)
    m:lock("migrate")
    m:open_journal()
    local state = m.record
    if partial and not state.start then
      err.raise { code = "NO_STATE", message = ("there is no migration of %s to go on with"):format(m.name),
        remedy = "start with phase 1" }
    end
    if not partial and state.start and not state.ended then
      err.raise { code = "UNFINISHED", status = 1,
        message = ("a migration of %s stopped in phase %s (%s)"):format(m.name, state.last_phase or "0", state.last_time or "?"),
        remedy = ("go on: altmig resume %s; or, to begin again from the start, destroy its copy first: nimadm -C -c %s -s %s"):format(
          m.name, m.name, opts.spot) }
    end
    if partial then m:require_same_run() end
    m:connect()
    m:lock_client()
    if not partial then
      local ok, e = xpcall(m.check_eligibility, err.wrap, m)
      if not ok then
        sys.cancel_clear()
        pcall(m.unlock_client, m) -- nothing was begun, so nothing is locked
        error(e, 0)
      end
      m:start()
    end
    m:say("Initializing log: " .. m.log_path)
    m:say("Starting Alternate Disk Migration.")
    note_script(m)
    m:run_flow(m.flow, opts.from)
    m:summarize()
    m:unlock_client()
    return 0
  end, true)
end

--- Options of the run the journal holds, with the switches of this call on top.
local function options_of_run(opts, client)
  local state = migration.read_state(opts, client)
  if not state or not state.start then
    err.raise { code = "NO_STATE", message = ("there is no migration of %s in %s"):format(client, migration.state_dir(opts)),
      remedy = "'altmig status' lists the migrations; --state names another directory" }
  end
  local merged = {}
  for k, v in pairs(state.start.options) do merged[k] = v end
  for k, v in pairs(opts) do merged[k] = v end
  if opts.script then merged.script_sha256 = nil end -- named again: it may have been changed
  merged.client = client
  return merged
end

--- Loads a half-done migration for the prompt: journal read, hosts connected, nothing changed, and for
--- looking only until m:writable(). Takes no lock: a run may be at work.
--- Returns nil, message, code when that cannot be.
function migration.load(client, opts)
  local ok, m = xpcall(function()
    local m = migration.new(options_of_run(opts or {}, client))
    gate.close(m)
    m.opts.quiet = true
    m:open_journal()
    m:connect()
    m.opts.quiet = nil
    return m
  end, err.wrap)
  if ok then return m end
  return nil, m.message, m.code
end

--- Whether the prompt may only look.
---@return boolean
function M:looking() return gate.is_closed(self) end

--- Who works on this client now, and how far; nil when nobody does.
---@return string?
function M:worked_on_by()
  local run = not self.lock_handle and runs.at(self.state)
  return run and run.holder and runs.describe(run) or nil
end

-- What :rw does: the lock on this host, the mark on the client, and what there is to be seen beforehand,
-- so that leaving takes away what was made here and nothing else.
local function take_over(m)
  if m.lock_handle then -- at the prompt in a failed run, which has all of it
    m.record = migration.fold(err.check(m.journal:records()))
    return
  end
  m:lock("prompt")
  m.journal:close()
  m.journal = nil
  m:open_journal() -- a run may have gone on since it was read
  m.report_object = nil
  local mark = m:client_mark()
  m:lock_client()
  m.prompt = { marked = mark == nil }
  m.prompt.before = m:reachable()
end

-- Back to looking, after take_over did not get all.
local function give_back(m)
  if not m.lock_handle then return gate.close(m) end
  if m.prompt and m.prompt.marked then pcall(m.unlock_client, m) end
  if m.journal then m.journal:close() end
  m.journal, m.prompt = nil, nil
  m.lock_handle:close()
  m.lock_handle = nil
  gate.close(m)
  m:open_journal()
end

--- Lets the prompt change something: takes the lock. true, or nil, why not, the code and what to do.
function M:writable()
  if not gate.is_closed(self) then return true end
  local held = self.lock_handle ~= nil
  gate.open(self)
  local ok, e = xpcall(take_over, err.wrap, self)
  if ok then return true end
  if held then gate.close(self) else pcall(give_back, self) end
  return nil, e.message, e.code, e.remedy
end

-- What the prompt made goes, and the lock with it; a mark that a run would have left stays.
local function leave(m)
  if m.rebooting then return end
  sys.cancel_clear() -- a signal ends the prompt, not the tidying up
  if #m:running_jobs() > 0 then
    withdraw(m) -- says that they stay, and why
  else
    m:withdraw_since(m.prompt.before, function() withdraw(m) end)
  end
  if m.prompt.marked and (m.record.ended or not m.record.start) then m:unlock_client() end
end

--- Leaves the prompt of migration.load: withdraws the mounts and exports that it made, gives the lock
--- back and closes everything. Never raises.
function M:leave_prompt()
  if rawget(self, "prompt") then
    local ok, e = xpcall(leave, err.wrap, self)
    if not ok then
      pcall(M.warn, self, "altmig: could not withdraw every mount and export that the prompt made: " .. err.wrap(e).message)
    end
  end
  pcall(M.close, self)
end

--- Goes on at the first phase that is not done, or at `from`.
---@param from integer?
---@return integer status
function M:resume(from)
  local flow = rawget(self, "flow") or self:load_flow() -- before anything is changed
  self.flow = nil -- the next one may be of a script that was corrected meanwhile
  self:lock("resume")
  self:lock_client()
  local first = from or self:first_open_phase()
  if not first then
    self:say(("altmig: the migration of %s is complete; nothing to resume."):format(self.name))
    if not self.record.ended then self:note { event = "ended", status = 0 } end
    self:unlock_client()
    return 0
  end
  self.opts.phases = nil
  self.record.ended = nil
  self:say(("altmig: resuming the migration of %s at phase %d."):format(self.name, first))
  note_script(self)
  self:run_flow(flow, first)
  self:summarize()
  self:unlock_client()
  return 0
end

--- altmig resume CLIENT.
function migration.resume(opts)
  return with(options_of_run(opts, opts.client), function(m)
    m:lock("resume")
    m:open_journal()
    m:connect()
    return m:resume(opts.from)
  end, true)
end

--- nimadm -C, altmig cleanup: undoes everything; the source disk is not touched, and no clone but altmig's.
--- opts.disk and opts.yes: the copy that is destroyed whoever made it, and that this is confirmed.
function migration.cleanup(opts)
  local ok, stored = pcall(options_of_run, opts, opts.client)
  return with(ok and stored or opts, function(m)
    m:lock("cleanup")
    local readable, e = xpcall(m.open_journal, err.wrap, m)
    if not readable then
      if e.code ~= "JOURNAL_CORRUPT" then error(e, 0) end
      -- What there is to clean up is seen on the hosts; whose the copy is, the mark in it says.
      m:warn(("altmig: %s; kept as %s/journal.bad"):format(e.message, m.state))
      if m.journal then m.journal:close() end
      m.journal = nil
      err.check(sys.rename(m.state .. "/journal", m.state .. "/journal.bad"))
      m:open_journal()
    end
    m:connect(true)
    if not m.client.unreachable then
      m:before_clean_up()
      m:lock_client()
    end
    local foreign = m:clean_up()
    m:note { event = "cleaned" }
    m:unlock_client()
    if foreign then
      foreign.message = foreign.message .. "; what else was left of the migration is removed"
      error(foreign, 0)
    end
    return 0
  end)
end

return migration
