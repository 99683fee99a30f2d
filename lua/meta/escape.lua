---@meta altmig.escape
-- SPDX-License-Identifier: MIT

--- Bytes from anywhere as text that a terminal shows and does not obey: control characters, bytes
--- that are not UTF-8 and invisible characters become \n, \r, \t, \x1b or \u{202e}. Letters of all
--- languages and the backslash stay, so that escaping twice is escaping once. What the program prints
--- goes through altmig.output, which does this; here is the part for names inside a line.
---@class altmig.escape
local escape = {}

--- For a name or value inside a line: nothing in it ends the line or is a tab.
---@param text string
---@param ascii boolean?   # other characters than those of ASCII are escaped too
---@return string
function escape.line(text, ascii) end

--- For text of several lines: newlines and tabs stay.
---@param text string
---@param ascii boolean?
---@return string
function escape.lines(text, ascii) end

--- For between the double quotes of a Lua string: the backslash and the quote are escaped as well,
--- and Lua reads the text back.
---@param text string
---@param ascii boolean?
---@return string
function escape.quoted(text, ascii) end

return escape
