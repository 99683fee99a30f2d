#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/alt_rootvg_op
-- part: spot
-- alt_rootvg_op -X [VG] | -q -d DISK | -W -d DISK | -S: works on the alternate rootvg.

local altdisk = require "lab.altdisk"
local getopt = require "lab.getopt"
local odmcmd = require "lab.odmcmd"

local usage = odmcmd.usage("alt_rootvg_op", "alt_rootvg_op { -X [vg_name] | -q -d disk | -W -d disk | -S } [-D]")
local options, rest = getopt(arg, "Dd:qStv:WX", usage)
local operations = 0
for _, letter in ipairs { "q", "S", "v", "W", "X" } do operations = operations + (options[letter] and 1 or 0) end
local wants_disk = options.q or options.W or options.v
if operations ~= 1 or #rest > (options.X and 1 or 0) or (wants_disk ~= nil) ~= (options.d ~= nil) then usage() end
return altdisk.operate("/usr/sbin/alt_rootvg_op", arg, options, { group = rest[1], disk = options.d }, usage)
