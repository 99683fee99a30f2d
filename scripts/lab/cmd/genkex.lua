#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/bin/genkex
-- part: all
-- genkex: the kernel extensions that are loaded.

local getopt = require "lab.getopt"
local machine = require "lab.machine"

local function usage(message)
  if message then io.stderr:write("genkex: ", message, "\n") end
  io.stderr:write("Usage: genkex [-d] [-h]\n")
  os.exit(1, true)
end

local options = getopt(arg, "dh", usage)
if options.h or options.d then usage(options.d and "the d flag is not played here" or nil) end
print("Text address     Size File\n")
local address = 0xf1000000c0318000
for _, path in ipairs { "/unix", "/usr/lib/drivers/hd_pin", "/usr/lib/drivers/j2dd", table.unpack(machine.read().kext or {}) } do
  print(("%16x %8x %s"):format(address, 0x6000, path))
  address = address - 0x10000
end
