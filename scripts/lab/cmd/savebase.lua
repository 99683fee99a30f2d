#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/savebase
-- part: all
-- savebase [-o Path] [-d File] [-v]: saves the base customized data of the object classes in the directory Path
-- for the boot: into a file, behind the boot image of a bootable disk, or of every disk with a copy of a boot
-- logical volume.

local bootdisk = require "lab.bootdisk"
local bootimage = require "lab.bootimage"
local getopt = require "lab.getopt"
local lvm = require "lab.lvm"
local modes = require "altmig.mode"
local odmcmd = require "lab.odmcmd"
local sys = require "altmig.sys"

local usage = odmcmd.usage("savebase", "savebase [-o Path] [-d File] [-v]")
local options, rest = getopt(arg, "d:mo:v", usage)
if #rest > 0 then usage() end

local function fail(...) odmcmd.fail("savebase", string.format(...)) end

local dir = options.o or os.getenv("ODMDIR") or "/etc/objrepos"
if not sys.stat(dir .. "/CuDv") then fail("%s: no object classes of customized devices", dir) end
local target = options.d or "/dev/ipl_blv"
local name = target:match("^/dev/r?(.+)$")
if not name then
  local ok, message = sys.write_file(target, bootimage.pack_base(bootdisk.customized(dir)), { mode = modes.PRIVATE_FILE })
  if not ok then fail("%s", message) end
  return 0
end

-- One boot logical volume: the one named, that of the disk, or that of the running system.
local snapshot = lvm.snapshot()
local lv, group
if name == "ipl_blv" then
  group = snapshot:group("rootvg")
elseif snapshot:disk(name) then
  group = snapshot:disk(name).vg and snapshot:group(snapshot:disk(name).vg)
else
  lv, group = snapshot:lv(name)
  if not lv or lv.type ~= "boot" then fail("%s is not a boot logical volume", target) end
end
for _, candidate in ipairs(not lv and group and group.active and group.vgda.lvs or {}) do
  if candidate.type == "boot" then
    if lv then fail("%s has more than one boot logical volume", target) end
    lv = candidate
  end
end
if not lv then fail("%s is not bootable", target) end
for _, one in ipairs(snapshot:disk(name) and { name } or bootdisk.disks_of(group.vgda, lv)) do
  local ok, message = bootdisk.savebase(one, dir)
  if not ok then fail("%s", message) end
end
if options.v then print(("saving to '%s'"):format(target)) end
return 0
