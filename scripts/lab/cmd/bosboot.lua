#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/bosboot
-- part: all
-- bosboot -a [-b FILE] [-d DISK [-l LV]]: builds a boot image of the system it runs in, into a file or into the
-- boot logical volume of a disk, and saves the device configuration of that disk. -v checks only. Without -d
-- the device is /dev/ipldevice.

local bootdisk = require "lab.bootdisk"
local bootimage = require "lab.bootimage"
local getopt = require "lab.getopt"
local kernel = require "lab.kernel"
local modes = require "altmig.mode"
local odmcmd = require "lab.odmcmd"
local quirk = require "lab.quirk"
local sys = require "altmig.sys"

local usage = odmcmd.usage("bosboot", "bosboot {-a | -v} [-d device] [-p proto] [-k kernel] [-I | -D] [-l lvdev] [-L] "
  .. "[-M {primary|standby|both}] [-T type] [-b FileName] [-q]")
local options, rest = getopt(arg, "ab:d:DIk:l:LM:p:qT:v", usage)
if #rest > 0 or (options.a == nil) == (options.v == nil) or (options.I and options.D) or (options.v and not options.d) then usage() end

local function fail(message)
  io.stderr:write(message, "\n", "bosboot: WARNING! bosboot failed - do not attempt to boot device.\n")
  os.exit(1, true)
end

local level, release = kernel.level("")
if not level then fail("0301-154 bosboot: " .. release) end
local device = options.d and (options.d:match("^/") and options.d or "/dev/" .. options.d) or "/dev/ipldevice"

-- What cannot be opened is no device, whatever its name: on a mount without devices none can.
local opened = io.open(device, "rb")
if opened then opened:close() end
local stat = opened and sys.stat(device)
local is_disk = stat and stat.type == "block"

local image = bootimage.build { level = level, release = release, timestamp = os.time(), blocks = kernel.boot_blocks "" }
local blocks = #image // bootimage.SECTOR

local function say()
  print("")
  print(("bosboot: Boot image is %d 512 byte blocks."):format(blocks))
  io.stdout:flush()
end

if not stat and (not options.b or quirk.is("bosboot-in-copy", "refuses-device")) then
  fail(("0301-150 bosboot: Invalid or no boot device specified!\n\tThe device %s is not available."):format(device))
end
if options.v then return 0 end
if options.b then
  local ok, message = sys.write_file(options.b, image, { mode = modes.PRIVATE_FILE, atomic = false })
  if not ok then fail("0301-152 bosboot: not enough file space to create: " .. options.b .. " (" .. message .. ")") end
  say()
  -- Its savebase writes to the boot logical volume of the device; that of a plain file is none.
  if not is_disk and quirk.is("bosboot-in-copy", "builds-and-fails-in-savebase") then
    fail("savebase: cannot open /dev/ipl_blv: the boot logical volume is not available.")
  end
  return 0
end

local lvm = require "lab.lvm"
local snapshot = lvm.snapshot()
local name = options.d and device:gsub("^/dev/r?", "") or (snapshot:group("rootvg") or { disks = {} }).disks[1]
if name == "ipldevice" then name = (snapshot:group("rootvg") or { disks = {} }).disks[1] end
local d = name and snapshot:disk(name)
if not d then fail(("0301-150 bosboot: Invalid or no boot device specified!\n\tThe device %s is not available."):format(device)) end
local group = d.vg and snapshot:group(d.vg)
local wanted = options.l and options.l:gsub("^/dev/r?", "")
local lv
for _, candidate in ipairs(group and group.active and group.vgda.lvs or {}) do
  if candidate.type == "boot" and (not wanted or candidate.name == wanted) then lv = lv or candidate end
end
if not lv then
  fail(("0301-168 bosboot: The current boot logical volume, /dev/%s, does not exist on /dev/%s."):format(wanted or "hd5", name))
end
local ok, message = bootdisk.install(group.vgda, lv, image, "/etc/objrepos")
if not ok then fail("bosboot: " .. message) end
say()
return 0
