#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/bin/genld
-- part: all
-- genld -l: what programs that run have loaded: init, and those that a scenario names as NAME:OBJECT.

local getopt = require "lab.getopt"
local machine = require "lab.machine"

local function usage(message)
  if message then io.stderr:write("genld: ", message, "\n") end
  io.stderr:write("Usage: genld [-h | -l [-d]] [-a Area] [-u]\n")
  os.exit(1, true)
end

local options = getopt(arg, "a:dhlu", usage)
if options.h or options.a or options.u then usage() end
local id = 1
for _, process in ipairs { "init:/usr/lib/libc.a[shr.o]", table.unpack(machine.read().loaded or {}) } do
  local name, object = process:match("^([^:]*):(.*)$")
  print(("Proc_pid: %8d\tProc_name: %s"):format(id, name))
  if options.l then print(("        10000000  %s\n        d00ad100  %s\n"):format(name, object)) end
  id = id + 65536
end
