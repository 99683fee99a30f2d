#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/alt_disk_install
-- part: spot
-- alt_disk_install [-M V.R] -X [VG] | -q DISK | -W DISK | -S: the old name of alt_rootvg_op.

local altdisk = require "lab.altdisk"
local getopt = require "lab.getopt"
local odmcmd = require "lab.odmcmd"

local usage = odmcmd.usage("alt_disk_install", "alt_disk_install { -X [vg_name] | -q disk | -W disk | -S }")
local options, rest = getopt(arg, "DM:qSWX", usage)
return altdisk.operate("/usr/sbin/alt_disk_install", arg, options, { group = rest[1], disk = rest[1] }, usage)
