#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/bosboot
-- part: all
-- bosboot -a [-b FILE | -d DISK [-l LV]]: builds a boot image of the system it runs in, into a file or
-- into the boot logical volume of a disk. -v checks only.

local bootdisk = require "lab.bootdisk"
local bootimage = require "lab.bootimage"
local getopt = require "lab.getopt"
local kernel = require "lab.kernel"
local modes = require "altmig.mode"
local odmcmd = require "lab.odmcmd"
local sys = require "altmig.sys"

local usage = odmcmd.usage("bosboot", "bosboot {-a | -v} [-d device] [-p proto] [-k kernel] [-I | -D] [-l lvdev] [-L] "
  .. "[-M {primary|standby|both}] [-T type] [-b FileName] [-q]")
local options, rest = getopt(arg, "ab:d:DIk:l:LM:p:qT:v", usage)
if #rest > 0 or (options.a == nil) == (options.v == nil) then usage() end

local function fail(message)
  io.stderr:write("bosboot: ", message, "\n",
    "bosboot: WARNING! bosboot failed - do not attempt to boot device.\n")
  os.exit(1, true)
end

local level, release = kernel.level("")
if not level then fail(release) end
local base = bootdisk.customized("")
local image = bootimage.build { level = level, release = release, base = base, timestamp = os.time() }
local blocks = #image // bootimage.SECTOR

local function say()
  print("")
  print(("bosboot: Boot image is %d 512 byte blocks."):format(blocks))
end

if options.v then return 0 end
if options.b then
  local ok, message = sys.write_file(options.b, image, { mode = modes.PRIVATE_FILE, atomic = false })
  if not ok then fail(message) end
  say()
  return 0
end

local lvm = require "lab.lvm"
local snapshot = lvm.snapshot()
local name = options.d and options.d:gsub("^/dev/r?", "") or (snapshot:group("rootvg") or { disks = {} }).disks[1]
local d = name and snapshot:disk(name)
if not d then fail(("The device, %s, is not available."):format(name or "the boot disk")) end
local group = d.vg and snapshot:group(d.vg)
local lv
for _, candidate in ipairs(group and group.active and group.vgda.lvs or {}) do
  local wanted = options.l and options.l:gsub("^/dev/r?", "")
  if candidate.type == "boot" and (not wanted or candidate.name == wanted) then lv = lv or candidate end
end
if not lv then fail(("%s has no boot logical volume."):format(name)) end
local ok, message = bootdisk.write(name, group.vgda, lv, 0, image)
if not ok then fail(message) end
ok, message = bootdisk.write_record(name, group.vgda, lv, #image)
if not ok then fail(message) end
say()
return 0
