-- SPDX-License-Identifier: MIT
-- What the methods ask of stanza files and tables beside their merge.

local core = require "altmig.merge_core"
local err = require "altmig.err"
local lines = require "altmig.lines"

local records = {}

--- The records of a text; raises when it cannot be read.
---@param text string?
---@param path string
---@param grammar string?
---@return altmig.merge.Stanza[]
function records.parse(text, path, grammar) return text and err.check(core.parse(text, path, grammar)) or {} end

--- The same of a side that must not stop the merge: none when it cannot be read.
---@return altmig.merge.Stanza[]
function records.readable(text, path, grammar) return text and core.parse(text, path, grammar) or {} end

--- The attributes of each record by its key.
---@param list altmig.merge.Stanza[]
---@return table<string, table<string, string>>
function records.by_key(list)
  local map = {}
  for _, record in ipairs(list) do map[record.key] = record.attributes end
  return map
end

--- The keys of records by the number of their line.
---@param list altmig.merge.Stanza[]
---@return table<integer, string>
function records.headers(list)
  local keys = {}
  for _, record in ipairs(list) do keys[record.line] = record.key end
  return keys
end

--- The elements of a list between commas or blanks, without quotes.
---@param list string?
---@return string[]
function records.items(list)
  local out = {}
  for item in (list or ""):gsub('"', ""):gmatch("[^,%s]+") do out[#out + 1] = item end
  return out
end

--- A text of stanzas without some of them.
---@param text string
---@param path string
---@param gone table<string, any>   # by the name of the stanza
---@return string
function records.without(text, path, gone)
  local headers, out = records.headers(records.parse(text, path)), {}
  local skipping = false
  for i, line in ipairs(lines.split(text)) do
    if headers[i] then skipping = gone[headers[i]] ~= nil end
    if not skipping then out[#out + 1] = line end
    if skipping and line == "" then skipping = false end
  end
  return lines.join(out)
end

--- A text of stanzas with attributes of some of them set: values by the name of the stanza and of the attribute;
--- false takes one away. One that the stanza lacks becomes its first. Names must be plain; a value that goes on over
--- several lines is left alone.
---@param text string
---@param path string
---@param values table<string, table<string, string|false>>
---@return string
function records.set(text, path, values)
  local headers = records.headers(records.parse(text, path))
  local out, wanted, at = {}, {}, nil
  local function add_missing()
    local names = {}
    for name, value in pairs(wanted) do
      if value then names[#names + 1] = name end
    end
    table.sort(names, function(a, b) return a > b end)
    for _, name in ipairs(names) do table.insert(out, at + 1, ("\t%s = %s"):format(name, wanted[name])) end
  end
  for i, line in ipairs(lines.split(text)) do
    if headers[i] then
      add_missing()
      wanted, at = {}, #out + 1
      for name, value in pairs(values[headers[i]] or {}) do wanted[name] = value end
      out[#out + 1] = line
    else
      local lead, name, value = line:match("^(%s*)([%w_]+)%s*=%s*(.*)$")
      local new = name and wanted[name]
      local whole = value and (value:sub(1, 1) ~= '"' or value:find('^".*"%s*$') and #value > 1)
      if new ~= nil and whole then
        if new then out[#out + 1] = ("%s%s = %s"):format(lead, name, new) end
        wanted[name] = false -- of one given twice the last would count
      else
        if new ~= nil then wanted[name] = nil end
        out[#out + 1] = line
      end
    end
  end
  add_missing()
  return lines.join(out)
end

return records
