-- SPDX-License-Identifier: MIT
-- Requisites of filesets as the lab's installp reads them, written from the documents and not from the engine,
-- so that the engine's plan is held against something.

local aix = require "altmig.aix.output"

local requisite = {}

---@class lab.requisite.Item
---@field kind string          # prereq, coreq, ifreq, instreq or group
---@field name string?         # the fileset
---@field installed string?    # the level in parentheses
---@field level string?        # the least level; none: any
---@field bounds { letter: string, operator: string, number: integer }[]?   # the form "v=7 r>1"
---@field more integer?        # of a group: more than so many of its items must hold
---@field items lab.requisite.Item[]?

local NESTING = 32

-- nil for text that names no fileset.
local function parse_item(kind, text)
  local name = text:match("^[^%s(]+")
  if not name then return nil end
  local item = { kind = kind, name = name }
  text = text:sub(#name + 1)
  item.installed = text:match("%(%s*([%d.]+)%s*%)")
  text = text:gsub("%([^()]*%)", " ")
  for word in text:gmatch("%S+") do item.level = item.level or word:match("^%d+%.%d+%.%d+%.%d+$") end
  for letter, operator, number in text:gmatch("([vrmf])%s*([<>=])%s*(%d+)") do
    item.bounds = item.bounds or {}
    table.insert(item.bounds, { letter = letter, operator = operator, number = tonumber(number) })
  end
  return item
end

--- Reads requisite lines. What has no keyword is skipped, as there are such lines in real databases;
--- a group without an end ends with the text.
---@param text string
---@return lab.requisite.Item[]
function requisite.parse(text)
  local stack = { {} }
  local at = text:find("%S")
  while at do
    local more, after = text:match("^>%s*(%d+)%s*{()", at)
    local kind, rest, stop = text:match("^%*(%l+req)[ \t]+([^%s}][^\n}]*)()", at)
    local closed = text:match("^}()", at)
    if more then
      local group = { kind = "group", more = tonumber(more), items = {} }
      if #stack <= NESTING then
        table.insert(stack[#stack], group)
        stack[#stack + 1] = group.items
      end
      at = after
    elseif kind then
      table.insert(stack[#stack], (parse_item(kind, rest)))
      at = stop
    elseif closed then
      if #stack > 1 then stack[#stack] = nil end
      at = closed
    else
      at = text:match("^[^\n}]+()", at)
    end
    at = text:find("%S", at)
  end
  return stack[1]
end

-- How what can be read in two ways is read (lab.quirk); the first of each is what is described below.
local readings = { bounds = "version", base = "release" }

--- Chooses the readings: bounds ("version" or "number"), base ("release" or "exact").
---@param chosen table<string, string>
function requisite.read_as(chosen)
  for name in pairs(readings) do readings[name] = chosen[name] or readings[name] end
end

local places = { v = 1, r = 2, m = 3, f = 4 }

-- Whether a level is within bounds such as "v=4 r>4". A bound speaks of the version that the bounds with "="
-- before it name: "v=4 r>4" is a level above 4.4, met by 4.5 and by 5.2, not by 4.4 or 3.9. The other reading,
-- each number by itself, would make every fileset that was updated to a later version miss it, although what was
-- asked for is the least that is new enough; a requisite that means one version alone says so ("v=4 r>4 v<5").
-- So "v=4 r<4" is a level below 4.4. Without "=" before it a number is compared by itself ("v>3 r>1").
local function within(level, bounds)
  local have, named = {}, {}
  for number in level:gmatch("%d+") do have[#have + 1] = tonumber(number) end
  for _, bound in ipairs(bounds) do
    if bound.operator == "=" and readings.bounds == "version" then named[places[bound.letter]] = bound.number end
  end
  for _, bound in ipairs(bounds) do
    local place, decided = places[bound.letter], 0 -- above or below the version it speaks of
    for i = 1, place - 1 do
      if decided == 0 and named[i] and (have[i] or 0) ~= named[i] then decided = (have[i] or 0) > named[i] and 1 or -1 end
    end
    local number = have[place] or 0
    if decided == 0 and number ~= bound.number then decided = number > bound.number and 1 or -1 end
    local holds = bound.operator == ">" and decided > 0 or bound.operator == "<" and decided < 0
    if bound.operator == "=" then
      -- The last one is asked for; those before it name what a bound speaks of.
      holds = decided == 0
      for _, other in ipairs(readings.bounds == "version" and bounds or {}) do
        holds = holds or other.operator ~= "=" and places[other.letter] > place
      end
    end
    if not holds then return false end
  end
  return true
end

local function reaches(item, level)
  if not level then return false end
  if item.level and aix.compare_levels(level, item.level) < 0 then return false end
  return not item.bounds or within(level, item.bounds)
end

-- Whether a fileset is there at a base level or an update of it, which has its version and release.
local function is_of_base(level, base)
  if readings.base == "exact" then return aix.compare_levels(level, base) == 0 end
  local version, release = level:match("^0*(%d+)%.0*(%d+)")
  local wanted, wanted_release = base:match("^0*(%d+)%.0*(%d+)")
  return version ~= nil and version == wanted and release == wanted_release and aix.compare_levels(level, base) >= 0
end

--- Whether levels meet a requisite.
---@param item lab.requisite.Item
---@param level_of fun(name: string): string?    # the level a fileset is at; nil when it is not there
---@return boolean
function requisite.holds(item, level_of)
  if item.kind == "group" then
    local count = 0
    for _, inner in ipairs(item.items) do
      if requisite.holds(inner, level_of) then count = count + 1 end
    end
    return count > item.more
  end
  local level = level_of(item.name)
  if item.kind == "ifreq" and (not level or item.installed and not is_of_base(level, item.installed)) then return true end
  return reaches(item, level)
end

--- Calls fn for every requisite that names a fileset, groups unfolded.
---@param items lab.requisite.Item[]
---@param fn fun(item: lab.requisite.Item)
function requisite.each(items, fn)
  for _, item in ipairs(items) do
    if item.kind == "group" then requisite.each(item.items, fn) else fn(item) end
  end
end

return requisite
