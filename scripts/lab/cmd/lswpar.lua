#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/lswpar
-- part: all
-- lswpar [-q] [Name ...]: workload partitions; there are none.

local getopt = require "lab.getopt"

local function usage(message)
  if message then io.stderr:write("lswpar: ", message, "\n") end
  io.stderr:write("Usage: lswpar [-q] [wparname ...]\n")
  os.exit(1, true)
end

local options, names = getopt(arg, "q", usage)
if names[1] then
  io.stderr:write(("lswpar: 0960-419 Could not find a workload partition called %s.\n"):format(names[1]))
  return 1
end
if not options.q then print("Name  State  Type  Hostname  Directory  RootVG WPAR\n" .. ("-"):rep(55)) end
return 0
