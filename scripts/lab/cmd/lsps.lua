#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/lsps
-- part: all
-- lsps -s | -a: paging space.

local getopt = require "lab.getopt"
local odm = require "lab.odm"

local function usage(message)
  if message then io.stderr:write("lsps: ", message, "\n") end
  io.stderr:write("Usage: lsps {-s | -a}\n")
  os.exit(1, true)
end

local options = getopt(arg, "sa", usage)
if not (options.s or options.a) then usage() end
local store, spaces, total = odm.open("/etc/objrepos"), {}, 0
for _, row in ipairs(store:get("CuAt", "attribute = type AND value = paging") or {}) do
  local device = store:first("CuDv", "name = " .. row.name)
  local size = store:first("CuAt", ("name = %s AND attribute = size"):format(row.name))
  if device and size and not row.name:match("^alt_") then
    spaces[#spaces + 1] = { name = row.name, vg = device.parent, mb = tonumber(size.value) * 64 }
    total = total + spaces[#spaces].mb
  end
end
if options.s then
  print("Total Paging Space   Percent Used")
  print(("      %dMB              %2d%%"):format(total, 2))
else
  print("Page Space      Physical Volume   Volume Group    Size %Used   Active    Auto    Type   Chksum")
  for _, space in ipairs(spaces) do
    print(("%-15s %-17s %-12s %6dMB     2     yes     yes      lv       0"):format(space.name, "hdisk0", space.vg, space.mb))
  end
end
