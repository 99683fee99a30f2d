-- SPDX-License-Identifier: MIT
-- Modes of files that altmig (and its lab) makes. Lua has no octal numbers.

local mode = {
  FILE = tonumber("644", 8),
  DIR = tonumber("755", 8),
  PROGRAM = tonumber("755", 8),
  PRIVATE_FILE = tonumber("600", 8),
  PRIVATE_DIR = tonumber("700", 8),
  EXECUTE = tonumber("111", 8), -- the bits that make a file a program
  SPECIAL = tonumber("7000", 8), -- set user, set group, sticky
  ALL = tonumber("7777", 8),
}

--- A mode that has no name here: mode.octal "2750".
---@param text string
---@return integer
function mode.octal(text) return assert(tonumber(text, 8), text) end

return mode
