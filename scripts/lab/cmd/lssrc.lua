#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/bin/lssrc
-- part: all
-- lssrc -a | -s Subsystem | -g Group: state of subsystems.

local print = require "lab.locale".print
local getopt = require "lab.getopt"
local quirk = require "lab.quirk"
local src = require "lab.src"

local function usage(message)
  if message then io.stderr:write("lssrc: ", message, "\n") end
  io.stderr:write("Usage: lssrc {-a | -g GroupName | -s Subsystem}\n")
  os.exit(1, true)
end

local options = getopt(arg, "as:g:l", usage)
if not (options.a or options.s or options.g) then usage() end
if not src.running() then
  io.stderr:write("0513-001 The System Resource Controller daemon is not active.\n")
  os.exit(1, true)
end
local list, message = src.subsystems()
if not list then
  io.stderr:write("lssrc: ", message, "\n")
  os.exit(1, true)
end
local rows = {}
for _, subsystem in ipairs(list) do
  if options.a or subsystem.subsysname == options.s or subsystem.grpname == options.g then
    local pid = src.pid(subsystem.subsysname)
    rows[#rows + 1] = (" %-16s %-16s %-12s %s"):format(subsystem.subsysname, subsystem.grpname, pid or "",
      pid and "active" or "inoperative")
  end
end
if #rows == 0 then
  local out = quirk.is("lssrc-unknown", "stdout") and io.stdout or io.stderr
  out:write(("%s The %s %s is not on file.\n"):format(options.s and "0513-085" or "0513-086", options.s or options.g,
    options.s and "Subsystem" or "Group"))
  os.exit(1, true)
end
print("Subsystem         Group            PID          Status ")
print(table.concat(rows, "\n"))
