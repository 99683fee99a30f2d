#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/mkboot
-- part: all
-- mkboot -d DISK -l LV -b FILE [-w]: writes a boot image into the boot logical volume and the boot record
-- of the disk. mkboot -c -d DISK clears the boot record.

local bootdisk = require "lab.bootdisk"
local bootimage = require "lab.bootimage"
local getopt = require "lab.getopt"
local lvm = require "lab.lvm"
local odmcmd = require "lab.odmcmd"
local sys = require "altmig.sys"

local usage = odmcmd.usage("mkboot", "mkboot -d Device -l LVdev -b FileName [-w] | -c -d Device")
local options, rest = getopt(arg, "b:cd:hil:ws", usage)
if #rest > 0 or not options.d then usage() end
local name = options.d:gsub("^/dev/r?", "")

local function fail(message) odmcmd.fail("mkboot", message) end

local snapshot = lvm.snapshot()
local d = snapshot:disk(name)
if not d then fail(("The device, %s, is not available."):format(options.d)) end
if options.c then
  local ok, message = bootdisk.write_record(name, nil, nil, 0)
  if not ok then fail(message) end
  return 0
end
if not options.l or not options.b then usage() end
local lv, group = snapshot:lv((options.l:gsub("^/dev/r?", "")))
if not lv or lv.type ~= "boot" then fail(("%s is not a boot logical volume."):format(options.l)) end
if group.name ~= d.vg then fail(("%s is not on %s."):format(options.l, name)) end
local image, message = sys.read_file(options.b)
if not image then fail(message) end
local loaded
loaded, message = bootimage.load(image)
if not loaded then fail(("%s: %s"):format(options.b, message)) end
local ok
ok, message = bootdisk.write(name, group.vgda, lv, 0, image)
if not ok then fail(message) end
ok, message = bootdisk.write_record(name, group.vgda, lv, loaded.size)
if not ok then fail(message) end
return 0
