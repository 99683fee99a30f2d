#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/mkboot
-- part: all
-- mkboot -d Device {-k Kernel | -e Expander} -f FileSystem ...: joins a kernel and a RAM file system into a boot
-- image, on standard output. mkboot -d Device -c clears the boot record of a disk. No flag takes a finished image:
-- -b has no argument, it clears the save-base fields.

local bootdisk = require "lab.bootdisk"
local bootimage = require "lab.bootimage"
local getopt = require "lab.getopt"
local kernel = require "lab.kernel"
local odmcmd = require "lab.odmcmd"
local sys = require "altmig.sys"

local usage = odmcmd.usage("mkboot", "mkboot -d Device [-b] [-D] [-c] [-h] [-i] [-I] [-l LVDev] {-k Kernel | -e Expander} [-L] [-s] "
  .. "[-r] [-p Offset] [-w] -f FileSystem")
local options, rest = getopt(arg, "bcd:De:f:hiIk:l:Lp:rsw", usage)
if #rest > 0 or not options.d or (options.k and options.e) then usage() end

local function fail(message) odmcmd.fail("mkboot", message) end

if options.c then
  local name = options.d:gsub("^/dev/r?", "")
  if not require "lab.lvm".snapshot():disk(name) then fail(("The device, %s, is not available."):format(options.d)) end
  local ok, message = bootdisk.write_record(name, nil, nil, 0)
  if not ok then fail(message) end
  return 0
end
if not (options.k or options.e) or not options.f then usage() end
for _, file in ipairs { options.k or options.e, options.f } do
  if not sys.stat(file) then fail(("0301-106 Cannot open %s."):format(file)) end
end
local level, release = kernel.level("")
if not level then fail(release) end
io.stdout:write(bootimage.build { level = level, release = release, timestamp = os.time(), blocks = kernel.boot_blocks "" })
return 0
