#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/bin/cksum
-- part: all
-- cksum [file ...]: checksum and length of files, by POSIX.

local sys = require "altmig.sys"

local status = 0
for _, name in ipairs(#arg > 0 and arg or { "-" }) do
  local data, message
  if name == "-" then data = io.read("a") else data, message = sys.read_file(name) end
  if data then
    local crc, length = sys.cksum(data)
    print(("%d %d%s"):format(crc, length, name == "-" and "" or " " .. name))
  else
    io.stderr:write("cksum: ", message, "\n")
    status = 2
  end
end
return status
