#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/ipl_varyon
-- part: all
-- ipl_varyon -i: which disks have a boot record, and what is on them.

local disk = require "lab.disk"
local getopt = require "lab.getopt"
local odmcmd = require "lab.odmcmd"

local usage = odmcmd.usage("ipl_varyon", "ipl_varyon -i")
local options = getopt(arg, "id:v", usage)
if not options.i then usage() end
print("\nPVNAME          BOOT DEVICE     PVID                                VOLUME GROUP ID")
for _, name in ipairs(disk.list() or {}) do
  local record, lvm = disk.ipl_read(name) or {}, disk.lvm_read(name) or {}
  print(("%-16s%-16s%-36s%s"):format(name, (record.boot_code_length or 0) > 0 and "YES" or "NO",
    (record.pvid or ("0"):rep(16)) .. ("0"):rep(16), lvm.vgid or ("0"):rep(32)))
end
