#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/bootinfo
-- part: all
-- bootinfo -s DISK | -b | -K | -y | -p: facts of the hardware and of the last boot.

local disk = require "lab.disk"
local getopt = require "lab.getopt"
local nvram = require "lab.nvram"
local odmcmd = require "lab.odmcmd"

local usage = odmcmd.usage("bootinfo", "bootinfo { -b | -K | -p | -s DiskDevice | -y }")
local options, rest = getopt(arg, "bKps:y", usage)
if #rest > 0 or next(options) == nil then usage() end
if options.s then
  print((disk.size_mb((options.s:gsub("^/dev/r?", "")))) or 0)
elseif options.b then
  local entry = (nvram.bootlists((disk.base())) or { normal = {} }).normal[1]
  print(entry and entry.disk or "")
elseif options.p then
  print("chrp")
else
  print("64")
end
