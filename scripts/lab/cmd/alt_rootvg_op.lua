#!/usr/lpp/lab/bin/aixlua
-- path: /usr/sbin/alt_rootvg_op
-- part: spot
-- alt_rootvg_op -X [VG] | -q -d DISK | -W -d DISK | -S: works on the alternate rootvg.

local altdisk = require "lab.altdisk"
local getopt = require "lab.getopt"
local odmcmd = require "lab.odmcmd"

local usage = odmcmd.usage("alt_rootvg_op", "alt_rootvg_op { -X [vg_name] | -q -d disk | -W -d disk | -S } [-D]")
local options, rest = getopt(arg, "Dd:M:qStvWX", usage)
altdisk.begin { "/usr/sbin/alt_rootvg_op", table.unpack(arg) }
local ok, problem = pcall(function()
  if options.X then
    altdisk.drop(rest[1] or altdisk.name)
  elseif options.q then
    altdisk.query(options.d)
  elseif options.W then
    altdisk.wake(options.d)
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
