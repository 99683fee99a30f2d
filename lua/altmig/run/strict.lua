-- SPDX-License-Identifier: MIT
-- Undeclared globals raise: a misspelt name is found where it is used. For the program's own code
-- and tests; scripts of users are not forced into it.

local strict = {}

---@class altmig.strict.Options
---@field allow string[]?   # patterns of names that may be assigned and read freely ("^[Tt]est")

local function caller_is_declaring()
  local info = debug.getinfo(3, "S")
  return info == nil or info.what == "C"
end

--- Makes reading or creating an undeclared global of `env` an error. C code may create globals.
--- Returns a function that takes it back.
---@param env table?        # default _G
---@param options altmig.strict.Options?
---@return fun() off
function strict.on(env, options)
  env = env or _G
  local allow = options and options.allow or {}
  local before = getmetatable(env)
  assert(before == nil, "strict: the table has a metatable already")

  local function allowed(name)
    if type(name) ~= "string" then return true end
    for _, pattern in ipairs(allow) do
      if name:find(pattern) then return true end
    end
    return false
  end

  setmetatable(env, {
    __newindex = function(t, name, value)
      if not allowed(name) and not caller_is_declaring() then
        error(("assignment to undeclared global '%s'"):format(tostring(name)), 2)
      end
      rawset(t, name, value)
    end,
    __index = function(_, name)
      if allowed(name) then return nil end
      error(("undeclared global '%s'"):format(tostring(name)), 2)
    end,
  })
  return function() setmetatable(env, nil) end
end

--- Declares a global of `env` (default _G): from now on it may be read and assigned.
---@param name string
---@param value any         # false when nothing is given: a nil would not be there
---@param env table?
function strict.declare(name, value, env)
  if value == nil then value = false end
  rawset(env or _G, name, value)
end

return strict
