---@meta altmig.json
-- SPDX-License-Identifier: MIT

--- JSON text and Lua values. Integers and floats stay what they are (1 and 1.0 differ).
---@class altmig.json
---@field null lightuserdata   # JSON's null; a nil in a table is simply absent
local json = {}

---@class altmig.json.Options
---@field indent integer?   # spaces a level; default: everything on one line
---@field sort boolean?     # keys in byte order (default), so that equal values give equal text
---@field lossy boolean?    # bytes that are not UTF-8 become U+FFFD; default: error "JSON_UTF8"

--- A table whose keys are exactly 1..n is an array, any other an object with string keys; the
--- empty table is {} unless it is marked by json.array. Only raw fields are looked at.
---@param value any
---@param opts altmig.json.Options?
---@return string? text
---@return string? message   # names the keys down to the value at fault
---@return string? code      # "JSON_VALUE" | "JSON_UTF8" | "JSON_DEPTH"
function json.encode(value, opts) end

--- Arrays come back marked. A key that occurs twice in an object is an error.
---@param text string
---@return any value
---@return string? message   # with line and column
---@return string? code      # "JSON_SYNTAX" | "JSON_DEPTH"
function json.decode(text) end

--- Marks the table (a new one without argument) as an array and returns it.
---@param list table?
---@return table list
function json.array(list) end

return json
