-- SPDX-License-Identifier: MIT
-- The step runner. Every change goes through a step: its begin and end are durable in the journal before
-- the next one starts, so that a run which was killed anywhere can be resumed. Steps that are done are
-- checked and not repeated.

local err = require "altmig.err"
local gate = require "altmig.gate"
local json = require "altmig.json"
local sys = require "altmig.sys"

---@class altmig.Migration
local step = {}

---@class altmig.Step
---@field run fun(m: altmig.Migration, ctx: altmig.StepContext, ...): any
---@field holds nil|fun(m: altmig.Migration, result: any, ...): boolean  does its effect still stand
---@field until_phase integer?  the effect is wanted up to and including this phase
---@field runs_spot boolean?  it runs programs of the SPOT on the client in a job, which may outlive the run
---@field key nil|fun(...): string  what tells two uses apart, when the arguments are not plain data

---@class altmig.StepContext
---@field job_id string   id for the job of this attempt
---@field attempt integer 1 for the first
---@field begun table?    its record of the journal, as far as this process keeps it; of a step that is journalled
---@field again boolean   an earlier attempt was begun and its end is not known, or it failed

---@type table<string, altmig.Step>
local defined = {}

--- Makes a step known by its name, as the journal has it.
---@param name string
---@param definition altmig.Step
function step.define(name, definition) defined[name] = definition end

---@param name string
---@return altmig.Step?
function step.find(name) return defined[name] end

local function key_of(m, name, definition, ...)
  local arguments = definition.key and definition.key(...)
    or json.encode(select("#", ...) > 0 and { ... } or json.array {}, { sort = true })
  local id = ("%s/%s/%s"):format(m.phase or 0, name, arguments)
  local count = (m.occurrences[id] or 0) + 1
  m.occurrences[id] = count
  return ("%s/%d"):format(id, count)
end

-- A job's id names the client and the attempt; the key is long and holds slashes, so it is hashed.
local function job_id(m, name, key, attempt)
  return ("%s-%s-%s-%d"):format(m.name, name:gsub("[^%w]", "_"), sys.sha256(m.record.start.run .. key):sub(1, 12), attempt)
end

-- Records the begin. A step that was begun and never ended keeps its attempt, so that its job is found again.
---@return altmig.StepContext
local function begin(m, name, key)
  local begun = m.record.begun[key]
  local attempt = begun and begun.attempt or (m.record.attempts[key] or 0) + 1
  local context = { attempt = attempt, again = begun ~= nil or attempt > 1, job_id = job_id(m, name, key, attempt) }
  if not begun then
    m:note { event = "begin", phase = m.phase, step = name, key = key, attempt = attempt, job = context.job_id }
    m.record.attempts[key] = attempt
    m.record.begun[key] = { attempt = attempt, job = context.job_id, phase = m.phase, step = name }
  end
  context.begun = m.record.begun[key]
  return context
end

-- A tree call at the end of a step is its result: nil and why means that the step has failed.
local function run(m, name, definition, context, ...)
  local returned = err.result(definition.run(m, context, ...))
  local ok, text, problem = true, "", nil
  if returned ~= nil then ok, text, problem = pcall(json.encode, returned) end
  if not ok or not text then
    err.raise { code = "STEP_RESULT", message = ("step %s: its result cannot be kept in the journal: %s"):format(name,
      err.text(problem or text)), remedy = "return a string, number, boolean or a table of them, or nothing" }
  end
  m:collected():save()
  return returned
end

-- Records the failure. What the transport lost may still go on over there: such a step stays begun, so that
-- the next attempt finds its job instead of starting a second one beside it.
local function failed(m, name, key, attempt, e)
  if e.job_left or e.code == "CANCELLED" or e.code:match("^SSH_") then return end
  m:note { event = "failed", phase = m.phase, step = name, key = key, attempt = attempt, code = e.code, message = e.message }
  m.record.begun[key] = nil
end

local function done(m, name, key, attempt, result)
  m:note { event = "done", phase = m.phase, step = name, key = key, attempt = attempt, result = result }
  m.record.begun[key] = nil
  m.record.done[key] = { result = result, phase = m.phase, step = name, key = key }
  table.insert(m.record.order, key)
end

--- Performs a step: returns the recorded result of one that is done and still holds, else runs it
--- between its begin and end records.
---@param name string
---@param definition altmig.Step
function step.perform(m, name, definition, ...)
  gate.check(m, "step " .. name)
  if not m.record.start then error(("step %s outside a run"):format(name), 3) end
  local key = key_of(m, name, definition, ...)
  local before = m.record.done[key]
  if before then
    if not definition.holds or definition.holds(m, before.result, ...) then return before.result end
    m:detail(("altmig: %s: its effect is gone, doing it again"):format(name))
  end
  local context = begin(m, name, key)
  local attempt = context.attempt
  local outer, outer_report = m.current_step, m.report_step
  m.current_step, m.report_step = name, key
  m:collected():begin(key)
  m:event { event = "step_begin", attempt = attempt }
  local ok, result = xpcall(run, err.wrap, m, name, definition, context, ...)
  if not ok then result = err.wrap(result) end
  m:event { event = ok and "step_done" or "step_failed", attempt = attempt, code = not ok and result.code or nil,
    message = not ok and result.message or nil }
  m.current_step, m.report_step = outer, outer_report
  if not ok then
    failed(m, name, key, attempt, result)
    error(result, 0)
  end
  done(m, name, key, attempt, result)
  return result
end

--- A step of a site's own: fn() is run once, its JSON-able result is kept and returned on a resume. One
--- that raises, or returns nil and a message (and a code), has failed and is run again by a resume.
---@param name string
---@param fn fun(): any
function step.step(m, name, fn)
  return m:perform("site_" .. name, { run = function() return fn() end })
end

--- Before a resumed phase runs: steps of earlier phases whose effect is still wanted and is gone
--- (mounts, exports) are made again.
---@param m altmig.Migration
---@param phase integer
function step.restore_effects(m, phase)
  if phase >= 2 and phase <= 9 then m:ready_copy() end
  local again = {}
  for _, key in ipairs(m.record.order) do
    local before = m.record.done[key]
    local definition = before and defined[before.step]
    if definition and definition.holds and definition.until_phase and before.phase and before.phase < phase
      and phase <= definition.until_phase and not again[key] then
      again[key] = true
      local arguments = definition.key and {} or json.decode(key:match("^[^/]*/[^/]*/(.*)/%d+$")) or {}
      if not definition.holds(m, before.result, table.unpack(arguments)) then
        m:detail(("altmig: making again: %s %s"):format(before.step, table.concat(arguments, " ")))
        local result = err.result(definition.run(m, { attempt = 1, again = true, job_id = "" }, table.unpack(arguments)))
        if result ~= nil then
          m:note { event = "done", phase = before.phase, step = before.step, key = key, attempt = m.record.attempts[key], result = result }
          before.result = result
        end
      end
    end
  end
end

return step
