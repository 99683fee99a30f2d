#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/lvlstmajor
-- part: all
-- lvlstmajor: the major numbers that are free.

local lvm = require "lab.lvm"
local odm = require "lab.odm"

local used = lvm.majors(odm.open("/etc/objrepos"))
local out, highest = {}, 33
for major in pairs(used) do highest = math.max(highest, major) end
for major = 33, highest do
  if not used[major] then out[#out + 1] = tostring(major) end
end
out[#out + 1] = (highest + 1) .. "..."
print(table.concat(out, ","))
