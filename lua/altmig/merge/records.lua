-- SPDX-License-Identifier: MIT
-- What the methods ask of stanza files and tables beside their merge.

local core = require "altmig.merge_core"
local err = require "altmig.err"

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

return records
