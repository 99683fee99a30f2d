-- SPDX-License-Identifier: MIT
-- A flow: numbered phases, each { title, run = function(m), undo = function(m) }, and the hooks a
-- site adds around them. Order and meaning are the script's; this module only keeps them.

local err = require "altmig.err"

local flow = {}
flow.__index = flow

---@class altmig.Phase
---@field [1] string?                    lines printed when the phase starts; $client and $master are filled in
---@field run fun(m: altmig.Migration)
---@field undo fun(m: altmig.Migration)?

---@class altmig.Flow
---@field phases table<integer, altmig.Phase>

--- Builds a flow from a table of phases 1..12.
---@param phases table<integer, altmig.Phase>
---@return altmig.Flow
function flow.new(phases)
  local self = setmetatable({ phases = {}, hooks = { before = {}, after = {} }, error_hooks = {}, skipped = {} }, flow)
  for n, phase in pairs(phases) do
    if math.type(n) ~= "integer" or n < 1 or n > 12 then error("flow.new: phases are numbered 1 to 12", 2) end
    if type(phase) ~= "table" or type(phase.run) ~= "function" then
      error(("flow.new: phase %d needs run = function(m)"):format(n), 2)
    end
    self.phases[n] = phase
  end
  for n = 1, 12 do
    if not self.phases[n] then error(("flow.new: phase %d is missing"):format(n), 2) end
  end
  return self
end

local function check(self, n, fn, what)
  if not self.phases[n] then error(("%s: there is no phase %s"):format(what, tostring(n)), 3) end
  if type(fn) ~= "function" then error(what .. ": function expected", 3) end
end

local function add_hook(self, when, n, fn)
  local list = self.hooks[when]
  list[n] = list[n] or {}
  table.insert(list[n], fn)
  return self
end

--- Runs fn(m) before phase n. What it changes belongs into m:step, so that a resume knows of it.
function flow:before(n, fn)
  check(self, n, fn, "before")
  return add_hook(self, "before", n, fn)
end

--- Runs fn(m) after phase n.
function flow:after(n, fn)
  check(self, n, fn, "after")
  return add_hook(self, "after", n, fn)
end

--- Runs fn(m, e) when a phase fails, before anything is withdrawn.
function flow:on_error(fn)
  if type(fn) ~= "function" then error("on_error: function expected", 2) end
  table.insert(self.error_hooks, fn)
  return self
end

--- Puts fn(m) in the place of phase n; fn gets the old one as second argument.
function flow:replace(n, fn)
  check(self, n, fn, "replace")
  local old = self.phases[n]
  self.phases[n] = { old[1], undo = old.undo, run = function(m) return fn(m, old.run) end }
  return self
end

--- Leaves phase n out; the run says so.
function flow:skip(n)
  if not self.phases[n] then error(("skip: there is no phase %s"):format(tostring(n)), 2) end
  self.skipped[n] = true
  return self
end

-- A list of functions, without holes; what is wrong with it otherwise.
local function problem_of_list(list, what)
  if type(list) ~= "table" then return what .. ": a list of functions expected" end
  for key, fn in pairs(list) do
    if math.type(key) ~= "integer" or key < 1 or key > #list or type(fn) ~= "function" then
      return ("%s: entry %s is not a function of a list"):format(what, err.text(key))
    end
  end
  return nil
end

local function problem_of_phase(n, phase)
  if type(phase) ~= "table" then return ("phase %d is missing"):format(n) end
  if type(phase.run) ~= "function" then return ("phase %d needs run = function(m)"):format(n) end
  if phase[1] ~= nil and type(phase[1]) ~= "string" then return ("phase %d: its title is not a string"):format(n) end
  if phase.undo ~= nil and type(phase.undo) ~= "function" then return ("phase %d: undo is not a function"):format(n) end
  return nil
end

local function problem_of(self)
  for _, name in ipairs { "phases", "hooks", "error_hooks", "skipped" } do
    if type(self[name]) ~= "table" then return ("its %s are not a table"):format(name) end
  end
  for n = 1, 12 do
    local problem = problem_of_phase(n, self.phases[n])
    if problem then return problem end
  end
  for _, when in ipairs { "before", "after" } do
    if type(self.hooks[when]) ~= "table" then return ("its hooks %s are not a table"):format(when) end
    for n, list in pairs(self.hooks[when]) do
      local problem = not self.phases[n] and ("there is no phase %s"):format(err.text(n))
        or problem_of_list(list, ("hooks %s phase %s"):format(when, err.text(n)))
      if problem then return problem end
    end
  end
  return problem_of_list(self.error_hooks, "on_error")
end

--- Whether a value is a flow that can be run from end to end: a script may change what flow.new made.
---@param value any
---@return true? ok, string? problem
function flow.check(value)
  if getmetatable(value) ~= flow then return nil, "does not return flow.new { ... }" end
  local problem = problem_of(value)
  if problem then return nil, problem end
  return true
end

--- Runs one phase with its hooks. A function that returns nil and why has failed, as one that raises.
function flow:run_phase(n, m)
  for _, fn in ipairs(self.hooks.before[n] or {}) do err.result(fn(m)) end
  err.result(self.phases[n].run(m))
  for _, fn in ipairs(self.hooks.after[n] or {}) do err.result(fn(m)) end
end

return flow
