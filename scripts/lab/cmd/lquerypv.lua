#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/lquerypv
-- part: all
-- lquerypv -h FILE [START [BYTES]]: a dump, numbers in hexadecimal.
-- lquerypv -V DISK: 1 for a disk without the record of a volume group, else 0.

local disk = require "lab.disk"
local odmcmd = require "lab.odmcmd"

local usage = odmcmd.usage("lquerypv", "lquerypv {-h FileName [HexStart [HexLength]] | -V PVName}")
if arg[1] == "-V" and arg[2] and not arg[3] then
  if not disk.size_mb(arg[2]) then odmcmd.fail("0516-306 lquerypv", ("Unable to find physical volume %s."):format(arg[2])) end
  local record = disk.lvm_read(arg[2])
  print(record and record.vgid and 0 or 1)
  return 0
end
if arg[1] ~= "-h" or not arg[2] then usage() end
local start, length = tonumber(arg[3] or "0", 16), tonumber(arg[4] or "100", 16)
if not start or not length or length > 1 << 20 then usage() end
local file, message = io.open((arg[2]:gsub("^(/dev/)r?", "%1")), "rb")
if not file then odmcmd.fail("lquerypv", message) end
file:seek("set", math.tointeger(start))
local bytes = file:read(math.tointeger(length)) or ""
file:close()
for at = 1, #bytes, 16 do
  local row = bytes:sub(at, at + 15)
  local words = {}
  for i = 1, #row, 4 do
    words[#words + 1] = row:sub(i, i + 3):gsub(".", function(c) return ("%02X"):format(c:byte()) end)
  end
  print(("%08X   %-35s  |%s|"):format(start + at - 1, table.concat(words, " "), (row:gsub("[^\32-\126]", "."))))
end
