#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/lvlstmajor
-- part: all
-- lvlstmajor: the major numbers that are free.

local lvm = require "lab.lvm"
local odm = require "lab.odm"
local quirk = require "lab.quirk"

local used = lvm.majors(odm.open("/etc/objrepos"))
local out, highest = {}, 33
for major in pairs(used) do highest = math.max(highest, major) end
local from
for major = 33, highest do
  if not used[major] and not quirk.is("lvlstmajor-form", "ranges") then
    out[#out + 1] = tostring(major)
  elseif not used[major] then
    from = from or major
    if used[major + 1] then
      out[#out + 1] = from == major and tostring(major) or ("%d..%d"):format(from, major)
      from = nil
    end
  end
end
out[#out + 1] = (highest + 1) .. "..."
print(table.concat(out, ","))
