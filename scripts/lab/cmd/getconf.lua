#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/bin/getconf
-- part: all
-- getconf NAME [PATH]: configuration values.

local disk = require "lab.disk"
local nvram = require "lab.nvram"

local fixed = { KERNEL_BITMODE = "64", HARDWARE_BITMODE = "64", REAL_MEMORY = "4194304", MP_CAPABLE = "1",
  ARG_MAX = "1048576", PATH = "/usr/bin:/usr/sbin:/usr/ucb", PAGESIZE = "4096", PAGE_SIZE = "4096", LPAR_CAPABLE = "1" }
local name, path = arg[1], arg[2]
if name == "DISK_SIZE" and path then
  local mb = disk.size_mb((path:gsub("^/dev/r?", "")))
  if mb then
    print(mb)
    return 0
  end
elseif name == "BOOT_DEVICE" then
  local entry = (nvram.bootlists((disk.base())) or { normal = {} }).normal[1]
  print(entry and entry.disk or "")
  return 0
elseif fixed[name] then
  print(fixed[name])
  return 0
end
io.stderr:write("getconf: Invalid argument\n")
return 1
