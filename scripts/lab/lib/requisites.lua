-- Requisites of filesets: reading them, and asking whether a set of levels meets them.

local swvpd = require "lab.swvpd"

local requisites = {}

---@class lab.requisites.Item
---@field kind string prereq, coreq, ifreq, instreq or group
---@field name string?
---@field installed string? of an ifreq: the level in parentheses
---@field level string? the least level
---@field bounds {letter: string, operator: string, number: integer}[]? the form "v=7 r>1"
---@field more integer? of a group: more than so many must hold
---@field items lab.requisites.Item[]? of a group

local function parse_item(kind, rest)
  local item = { kind = kind, name = rest:match("^(%S+)") }
  rest = rest:gsub("^%S+%s*", "")
  item.installed = rest:match("%(%s*([%d.]+)%s*%)")
  rest = rest:gsub("%b()", "")
  item.level = rest:match("%d+%.%d+%.%d+%.%d+")
  for letter, operator, number in rest:gmatch("([vrmf])%s*([<>=])%s*(%d+)") do
    item.bounds = item.bounds or {}
    table.insert(item.bounds, { letter = letter, operator = operator, number = tonumber(number) })
  end
  return item
end

--- Reads requisite lines. Lines without a keyword are skipped, as installp does.
---@param text string
---@return lab.requisites.Item[]
function requisites.parse(text)
  local top = {}
  local stack = { top }
  for line in text:gmatch("[^\n]+") do
    local more = line:match(">%s*(%d+)%s*{")
    local kind, rest = line:match("%*(%l+req)%s+(.-)%s*}?%s*$")
    if more then
      local group = { kind = "group", more = tonumber(more), items = {} }
      table.insert(stack[#stack], group)
      stack[#stack + 1] = group.items
    end
    if kind and rest ~= "" then table.insert(stack[#stack], parse_item(kind, rest)) end
    if line:match("}%s*$") and #stack > 1 then stack[#stack] = nil end
  end
  return top
end

local places = { v = 1, r = 2, m = 3, f = 4 }

local function within(level, bounds)
  local numbers = swvpd.parse_level(level) or { 0, 0, 0, 0 }
  for _, bound in ipairs(bounds) do
    local have = numbers[places[bound.letter]]
    local holds = bound.operator == "=" and have == bound.number or bound.operator == "<" and have < bound.number
      or bound.operator == ">" and have > bound.number
    if not holds then return false end
  end
  return true
end

local function reaches(item, level)
  if not level then return false end
  if item.level and swvpd.compare(level, item.level) < 0 then return false end
  return not item.bounds or within(level, item.bounds)
end

--- Whether levels meet a requisite.
---@param item lab.requisites.Item
---@param level_of fun(name: string): string|nil
---@return boolean
function requisites.holds(item, level_of)
  if item.kind == "group" then
    local count = 0
    for _, inner in ipairs(item.items) do
      if requisites.holds(inner, level_of) then count = count + 1 end
    end
    return count > item.more
  end
  local level = level_of(item.name)
  if item.kind == "ifreq" then
    if not level or (item.installed and swvpd.compare(level, item.installed) ~= 0) then return true end
  end
  return reaches(item, level)
end

--- Calls fn for every requisite that names a fileset, groups unfolded.
function requisites.each(items, fn)
  for _, item in ipairs(items) do
    if item.kind == "group" then requisites.each(item.items, fn) else fn(item) end
  end
end

return requisites
