---@meta altmig.sandbox
-- SPDX-License-Identifier: MIT

--- Lua text that only describes something (nim.lua): it runs in an interpreter of its own without any library
--- (strings have no methods either), with a bound of time and of memory, and what it returns is copied.
---@class altmig.sandbox
local sandbox = {}

--- The value that the text returns: nil, a boolean, number or string, or a table of these, however deep within
--- reason. Anything else, a text without end, one that takes or returns more than 64 MiB: nil, message, "SANDBOX".
---@param text string
---@param name string   # of the file, for messages
---@return any value, string? message, string? code
function sandbox.evaluate(text, name) end

return sandbox
