---@meta altmig.line
-- SPDX-License-Identifier: MIT

--- Lines for the prompt. On a terminal they are edited, with history and completion; otherwise
--- they are read as they come. Only the altmig program has this module.
---@class altmig.line
local line = {}

---@class altmig.line.Reader
local Reader = {}

---@class altmig.line.Options
---@field history string?   # file, made 0600
---@field complete fun(before: string): string?, string?   # text to insert at the cursor, text to show below

---@param opts altmig.line.Options?
---@return altmig.line.Reader? reader, string? message, string? code
function line.open(opts) end

--- Forgets an interrupt and arms the handlers again; call before each command.
---@return "INT"|"TERM"|nil signal   # what is forgotten
function line.ready() end

--- The next line without its newline; nil alone at the end of input.
---@param prompt string
---@return string? text
---@return string? message
---@return string? code     # "CANCELLED": Ctrl-C
function Reader:read(prompt) end

--- Adds an entry of one or more lines to the history.
---@param text string
---@return true? ok, string? message, string? code
function Reader:remember(text) end

--- Whether lines are edited on a terminal.
---@return boolean
function Reader:editing() end

function Reader:close() end

return line
