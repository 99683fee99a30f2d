#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/bin/startsrc /usr/bin/stopsrc /usr/bin/refresh
-- part: all
-- startsrc, stopsrc, refresh {-s Subsystem | -g Group}.

local getopt = require "lab.getopt"
local src = require "lab.src"

local command = arg[0]:match("[^/]*$")

local function usage(message)
  if message then io.stderr:write(command, ": ", message, "\n") end
  io.stderr:write("Usage: ", command, " {-s Subsystem | -g GroupName} [-a Arguments] [-f]\n")
  os.exit(1, true)
end

local options = getopt(arg, "s:g:a:e:fc", usage)
if not (options.s or options.g) then usage() end
if not src.running() then
  io.stderr:write("0513-001 The System Resource Controller daemon is not active.\n")
  os.exit(1, true)
end

local function start(name)
  if src.pid(name) then
    print(("0513-029 The %s Subsystem is already active. Multiple instances are not supported."):format(name))
    return true
  end
  local ok, message = src.set(name, true)
  if not ok then
    io.stderr:write(command, ": ", message, "\n")
    return false
  end
  print(("0513-059 The %s Subsystem has been started. Subsystem PID is %s."):format(name, src.pid(name) or "?"))
  return true
end

local function stop(name)
  if not src.pid(name) then
    print(("0513-004 The Subsystem or Group, %s, is currently inoperative."):format(name))
    return true
  end
  local ok, message = src.set(name, false)
  if not ok then
    io.stderr:write(command, ": ", message, "\n")
    return false
  end
  print(("0513-044 The %s Subsystem was requested to stop."):format(name))
  return true
end

local actions = { startsrc = start, stopsrc = stop, refresh = function(name) return src.pid(name) ~= nil end }
local found, ok = false, true
for _, subsystem in ipairs(src.subsystems() or {}) do
  if subsystem.subsysname == options.s or subsystem.synonym == options.s and options.s ~= "" or subsystem.grpname == options.g then
    found = true
    ok = actions[command](subsystem.subsysname) and ok
  end
end
if not found then
  io.stderr:write(("%s The %s %s is not on file.\n"):format(options.s and "0513-085" or "0513-086", options.s or options.g,
    options.s and "Subsystem" or "Group"))
  ok = false
end
os.exit(ok, true)
