-- A flow: numbered phases, each { title, run = function(m), undo = function(m) }, and the hooks a
-- site adds around them. Order and meaning are the script's; this module only keeps them.

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

--- Runs fn(m) before phase n. What it changes belongs into m:step, so that a resume knows of it.
function flow:before(n, fn)
  check(self, n, fn, "before")
  local list = self.hooks.before
  list[n] = list[n] or {}
  table.insert(list[n], fn)
  return self
end

--- Runs fn(m) after phase n.
function flow:after(n, fn)
  check(self, n, fn, "after")
  local list = self.hooks.after
  list[n] = list[n] or {}
  table.insert(list[n], fn)
  return self
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

--- Runs one phase with its hooks.
function flow:run_phase(n, m)
  for _, fn in ipairs(self.hooks.before[n] or {}) do fn(m) end
  self.phases[n].run(m)
  for _, fn in ipairs(self.hooks.after[n] or {}) do fn(m) end
end

return flow
