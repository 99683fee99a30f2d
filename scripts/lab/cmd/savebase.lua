#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/savebase
-- part: all
-- savebase [-o ODMROOT] [-d DISK] [-v]: saves the base customized data into the boot image of a disk.

local bootdisk = require "lab.bootdisk"
local getopt = require "lab.getopt"
local lvm = require "lab.lvm"
local odmcmd = require "lab.odmcmd"

local usage = odmcmd.usage("savebase", "savebase [-o Path] [-d File] [-v]")
local options, rest = getopt(arg, "d:m:o:v", usage)
if #rest > 0 then usage() end
local root = (options.o or ""):gsub("/etc/objrepos/?$", ""):gsub("/$", "")
local name = options.d and options.d:gsub("^/dev/r?", "")
if not name then name = (lvm.snapshot():group("rootvg") or { disks = {} }).disks[1] end
if not name then odmcmd.fail("savebase", "there is no boot disk") end
local ok, message = bootdisk.savebase(name, root)
if not ok then odmcmd.fail("savebase", message) end
if options.v then print("saving to '/dev/hd5'") end
return 0
