#!/usr/lpp/lab/bin/aixlua
-- path: /usr/sbin/chpv
-- part: all
-- chpv -C DISK: clears the boot record.

local bootdisk = require "lab.bootdisk"
local disk = require "lab.disk"
local getopt = require "lab.getopt"
local odmcmd = require "lab.odmcmd"

local usage = odmcmd.usage("chpv", "chpv -C PVName ...")
local options, names = getopt(arg, "C", usage)
if not options.C or #names == 0 then usage() end
for _, name in ipairs(names) do
  if not disk.size_mb(name) then
    odmcmd.fail("0516-306 chpv", ("Unable to find physical volume %s in the Device\n\tConfiguration Database."):format(name))
  end
  local ok, message = bootdisk.write_record(name, nil, nil, 0)
  if not ok then odmcmd.fail("chpv", message) end
end
