#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/blvset
-- part: all
-- blvset -d Disk -g level: the release in the boot area of a disk. It is that of the system, or what a scenario says.

local disk = require "lab.disk"
local getopt = require "lab.getopt"
local machine = require "lab.machine"
local swvpd = require "lab.swvpd"

local function usage(message)
  if message then io.stderr:write("blvset: ", message, "\n") end
  io.stderr:write("Usage: blvset -d Device -g level\n")
  os.exit(1, true)
end

local options = getopt(arg, "d:g:p:", usage)
local name = options.d and options.d:match("^/dev/r?(hdisk%d+)$")
if not name or options.g ~= "level" then usage() end
if not disk.size_mb(name) then
  io.stderr:write(("blvset: cannot open %s\n"):format(options.d))
  os.exit(1, true)
end
local row = swvpd.open():find("usr", "bos.rte")
print(machine.value("boot_level", row and ("%d.%d"):format(row.ver, row.rel) or "0.0"))
