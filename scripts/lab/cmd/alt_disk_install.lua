#!/usr/lpp/lab/bin/aixlua
-- path: /usr/sbin/alt_disk_install
-- part: spot
-- alt_disk_install [-M V.R] -X [VG] | -q DISK | -W DISK | -S: the old name of alt_rootvg_op.

local altdisk = require "lab.altdisk"
local getopt = require "lab.getopt"
local odmcmd = require "lab.odmcmd"

local usage = odmcmd.usage("alt_disk_install", "alt_disk_install { -X [vg_name] | -q disk | -W disk | -S }")
local options, rest = getopt(arg, "DM:qSWX", usage)
altdisk.begin { "/usr/sbin/alt_disk_install", table.unpack(arg) }
local ok, problem = pcall(function()
  if options.X then
    altdisk.drop(rest[1] or altdisk.name)
  elseif options.q then
    altdisk.query(rest[1])
  elseif options.W then
    altdisk.wake(rest[1])
  elseif options.S then
    altdisk.sleep()
  else
    usage()
  end
end)
if not ok then
  if type(problem) ~= "table" then problem = { message = tostring(problem) } end
  print(problem.message)
  return problem.status or 1
end
return 0
