-- SPDX-License-Identifier: MIT
-- Completion of Lua names for the prompt. It looks at fields by rawget and along __index tables
-- only: pressing a key must never run code of the objects it looks at.

local sorted_keys = require "altmig.sorted_keys"

local complete = {}

local keywords = { "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto",
  "if", "in", "local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while" }

local function index_of(value)
  local mt = debug.getmetatable(value)
  local index = type(mt) == "table" and rawget(mt, "__index") or nil
  return type(index) == "table" and index or nil
end

--- The field of a value without running anything.
local function field(value, name)
  for _ = 1, 20 do
    if type(value) == "table" then
      local found = rawget(value, name)
      if found ~= nil then return found end
    end
    value = index_of(value)
    if value == nil then return nil end
  end
end

--- Adds the names of fields that begin with `prefix`; with `only_functions` only methods.
local function add_fields(value, prefix, only_functions, found)
  for _ = 1, 20 do
    if type(value) == "table" then
      for name, member in next, value do
        if type(name) == "string" and name:sub(1, #prefix) == prefix and name:find "^[%a_][%w_]*$"
          and (not only_functions or type(member) == "function") then
          found[name] = true
        end
      end
    end
    value = index_of(value)
    if value == nil then return end
  end
end

--- The names that may follow the text before the cursor, and the part of them that is typed.
---@param env table         # where global names are looked up
---@param before string
---@param extra string[]?   # more global names
---@return string[] names, string typed
function complete.names(env, before, extra)
  local path, separator, typed = before:match "([%a_][%w_%.:]*)([%.:])([%a_]?[%w_]*)$"
  if path and not before:match "[%.:][%.:][%w_]*$" then
    local value = env
    for name in path:gmatch "[^%.:]+" do
      value = field(value, name)
      if value == nil then return {}, typed end
    end
    local found = {}
    add_fields(value, typed, separator == ":", found)
    return sorted_keys(found), typed
  end
  typed = before:match "[%a_][%w_]*$"
  if not typed or before:sub(-#typed - 1, -#typed - 1):find "[%w_%.:\"']" then return {}, "" end
  local found = {}
  add_fields(env, typed, false, found)
  for _, list in ipairs { keywords, extra or {} } do
    for _, name in ipairs(list) do
      if name:sub(1, #typed) == typed then found[name] = true end
    end
  end
  return sorted_keys(found), typed
end

--- What all names begin with.
---@param names string[]
---@return string
function complete.common(names)
  local common = names[1] or ""
  for _, name in ipairs(names) do
    while name:sub(1, #common) ~= common do common = common:sub(1, -2) end
  end
  return common
end

--- Names in columns.
---@param names string[]
---@param width integer
---@return string
function complete.columns(names, width)
  local longest = 0
  for _, name in ipairs(names) do longest = math.max(longest, #name) end
  local across = math.max(1, width // (longest + 2))
  local lines, line = {}, {}
  for i, name in ipairs(names) do
    line[#line + 1] = i % across == 0 and name or name .. (" "):rep(longest + 2 - #name)
    if i % across == 0 or i == #names then
      lines[#lines + 1] = (table.concat(line):gsub("%s+$", ""))
      line = {}
    end
  end
  return table.concat(lines, "\n")
end

return complete
