-- SPDX-License-Identifier: MIT
-- Values as text, for people.

local escape = require "altmig.escape"

local print_module = {}

local keywords = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat
  return then true until while]]):gmatch "%a+" do keywords[word] = true end

--- The string in double quotes as Lua reads it, safe on any terminal.
---@param text string
---@return string
function print_module.quote(text) return '"' .. escape.quoted(text) .. '"' end

local function is_name(key)
  return type(key) == "string" and key:find "^[%a_][%w_]*$" and not keywords[key]
end

local type_order = { number = 1, string = 2, boolean = 3 }

local function before(a, b)
  local x, y = type_order[type(a)] or 4, type_order[type(b)] or 4
  if x ~= y then return x < y end
  if x <= 2 then return a < b end
  return ("%p"):format(a) < ("%p"):format(b)
end

--- The keys of a table outside 1..n, in order.
local function other_keys(value, n)
  local keys = {}
  for key in next, value do
    if not (math.type(key) == "integer" and key >= 1 and key <= n) then keys[#keys + 1] = key end
  end
  table.sort(keys, before)
  return keys
end

local function number_text(value)
  if value ~= value then return "0/0" end
  if value == math.huge then return "math.huge" end
  if value == -math.huge then return "-math.huge" end
  if math.type(value) == "integer" then
    return value == math.mininteger and "math.mininteger" or ("%d"):format(value)
  end
  for digits = 14, 17 do
    local text = ("%." .. digits .. "g"):format(value)
    if tonumber(text) == value then return text:find "[.e]" and text or text .. ".0" end
  end
end

local function cut(text, limit)
  if #text <= limit then return print_module.quote(text) end
  return ("%s... (%d bytes)"):format(print_module.quote(text:sub(1, limit)), #text)
end

--- Text of one value, a table by its address alone; nothing a value's metamethods do can get out of here.
local function scalar(value, options)
  local kind = type(value)
  if kind == "string" then return cut(value, options.string) end
  if kind == "number" then return number_text(value) end
  if kind == "table" then return ("table: %p"):format(value) end
  local ok, text = pcall(tostring, value)
  return ok and escape.line(text) or "<" .. kind .. ">"
end

local pretty

--- The members of a table as texts, at most options.items of them.
local function members(value, options, state, depth)
  local list = {}
  local n = rawlen(value)
  for i = 1, n do
    if #list == options.items then break end
    list[#list + 1] = pretty(rawget(value, i), options, state, depth + 1)
  end
  for _, key in ipairs(other_keys(value, n)) do
    if #list == options.items then break end
    local name = is_name(key) and key or "[" .. scalar(key, options) .. "]"
    list[#list + 1] = name .. " = " .. pretty(rawget(value, key), options, state, depth + 1)
  end
  local count = n + #other_keys(value, n)
  if count > #list then list[#list + 1] = ("... (%d more)"):format(count - #list) end
  return list
end

function pretty(value, options, state, depth)
  if type(value) ~= "table" then return scalar(value, options) end
  if next(value) == nil then return "{}" end
  if state[value] then return "<cycle>" end
  if depth >= options.depth then return "{...}" end
  state[value] = true
  local list = members(value, options, state, depth)
  state[value] = nil
  local line = "{ " .. table.concat(list, ", ") .. " }"
  local indent = ("  "):rep(depth)
  if #indent + #line <= options.width and not line:find("\n", 1, true) then return line end
  local inner = ",\n" .. indent .. "  "
  return "{\n" .. indent .. "  " .. table.concat(list, inner) .. "\n" .. indent .. "}"
end

---@class altmig.print.Options
---@field depth integer?   # tables in tables shown; default 4
---@field width integer?   # columns a table may take on one line; default 80
---@field items integer?   # members of a table shown; default 200
---@field string integer?  # bytes of a string shown; default 2000

--- For people: sorted keys, limits, cycles named. Fields are read raw and only userdata, functions
--- and threads are asked for their tostring.
---@param value any
---@param options altmig.print.Options?
---@return string
function print_module.pretty(value, options)
  options = options or {}
  return pretty(value, {
    depth = options.depth or 4,
    width = options.width or 80,
    items = options.items or 200,
    string = options.string or 2000,
  }, {}, 0)
end

return print_module
