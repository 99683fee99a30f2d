#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/chpv
-- part: all
-- chpv -C DISK: clears the owner of a disk that is in no volume group of this system, the record of LVM.
-- chpv -c DISK: clears the boot record.

local bootdisk = require "lab.bootdisk"
local disk = require "lab.disk"
local getopt = require "lab.getopt"
local lvm = require "lab.lvm"
local odmcmd = require "lab.odmcmd"

local usage = odmcmd.usage("chpv", "chpv -C PVName ... | -c PVName ...")
local options, names = getopt(arg, "Cc", usage)
if (not options.C) == (not options.c) or #names == 0 then usage() end
local snapshot = lvm.snapshot()
for _, name in ipairs(names) do
  local d = snapshot:disk(name)
  if not d or not disk.size_mb(name) then
    odmcmd.fail("0516-306 chpv", ("Unable to find physical volume %s in the Device\n\tConfiguration Database."):format(name))
  end
  if options.C and d.vg then
    odmcmd.fail("chpv", ("Physical volume %s belongs to volume group %s."):format(name, d.vg))
  end
  local ok, message
  if options.C then
    ok, message = disk.lvm_clear(name)
  else
    ok, message = bootdisk.write_record(name, nil, nil, 0)
  end
  if not ok then odmcmd.fail("chpv", message) end
end
