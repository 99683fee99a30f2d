#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/alt_disk_install
-- part: spot
-- alt_disk_install [-M V.R] -X [VG] | -q DISK | -W DISK | -S | -v NAME DISK: the old name of alt_rootvg_op, with the
-- disk as an operand. Cloning (-C) and mksysbs (-d) are not emulated.

local altdisk = require "lab.altdisk"
local getopt = require "lab.getopt"
local odmcmd = require "lab.odmcmd"

local usage = odmcmd.usage("alt_disk_install", "alt_disk_install {-d device | -C} [-BDr] [-M V.R] target_disks | -X [vg_name] | -q disk "
  .. "| -W disk | -S | -v new_vg_name disk")
local options, rest = getopt(arg, "BCDd:M:P:qrSv:WX", usage)
if options.C or options.d then odmcmd.fail("alt_disk_install", "flags -C and -d are not supported here") end
local operations = 0
for _, letter in ipairs { "q", "S", "v", "W", "X" } do operations = operations + (options[letter] and 1 or 0) end
local wants_disk = options.q or options.W or options.v
if operations ~= 1 or #rest > (options.S and 0 or 1) or wants_disk and #rest == 0 then usage() end
return altdisk.operate("/usr/sbin/alt_disk_install", arg, options, { group = rest[1], disk = rest[1] }, usage)
