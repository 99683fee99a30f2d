-- SPDX-License-Identifier: MIT
-- Modes of files that altmig makes. Lua has no octal numbers.

local mode = {
  FILE = tonumber("644", 8),
  DIR = tonumber("755", 8),
  PRIVATE_FILE = tonumber("600", 8),
  PRIVATE_DIR = tonumber("700", 8),
  EXECUTE = tonumber("111", 8), -- the bits that make a file a program
  SPECIAL = tonumber("7000", 8), -- set user, set group, sticky
}

return mode
