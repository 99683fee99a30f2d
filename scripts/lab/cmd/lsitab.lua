#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/lsitab /usr/sbin/rmitab /usr/sbin/mkitab /usr/sbin/chitab
-- part: all
-- lsitab -a | Identifier, rmitab Identifier, mkitab [-i Identifier] Record, chitab Record.

local getopt = require "lab.getopt"
local modes = require "altmig.mode"
local sys = require "altmig.sys"

local INITTAB = "/etc/inittab"
local command = arg[0]:match("[^/]*$")

local function fail(message)
  io.stderr:write(command, ": ", message, "\n")
  os.exit(1, true)
end

local function usage(message)
  if message then io.stderr:write(command, ": ", message, "\n") end
  io.stderr:write("Usage: lsitab {-a | Identifier}, rmitab Identifier, mkitab [-i Identifier] Record, chitab Record\n")
  os.exit(1, true)
end

local options, operands = getopt(arg, "ai:", usage)
local text, message = sys.read_file(INITTAB)
if not text then fail(message) end
local lines = {}
for line in text:gmatch("[^\n]+") do lines[#lines + 1] = line end

local function identifier(line) return line:match("^([^:]+):") end

local function index(name)
  for i, line in ipairs(lines) do
    if identifier(line) == name and line:sub(1, 1) ~= ":" then return i end
  end
end

local function write()
  local stat = sys.stat(INITTAB)
  local ok, why = sys.write_file(INITTAB, table.concat(lines, "\n") .. "\n", { mode = stat.mode & modes.ALL, atomic = true })
  if not ok then fail(why) end
end

if command == "lsitab" then
  if options.a then
    print(table.concat(lines, "\n"))
  else
    local at = index(operands[1] or usage())
    if not at then os.exit(1, true) end
    print(lines[at])
  end
elseif command == "rmitab" then
  local at = index(operands[1] or usage())
  if not at then fail(("The entry %s is not in %s."):format(operands[1], INITTAB)) end
  table.remove(lines, at)
  write()
else
  local record = operands[1] or usage()
  local name = identifier(record)
  if not name or select(2, record:gsub(":", ":")) < 3 then fail("The record must have the form Identifier:RunLevel:Action:Command.") end
  local at = index(name)
  if command == "mkitab" then
    if at then fail(("The entry %s is in %s already."):format(name, INITTAB)) end
    local after = options.i and index(options.i) or #lines
    table.insert(lines, (after or #lines) + 1, record)
  else
    if not at then fail(("The entry %s is not in %s."):format(name, INITTAB)) end
    lines[at] = record
  end
  write()
end
