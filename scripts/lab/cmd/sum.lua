#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/bin/sum
-- part: all
-- sum [-r] [file ...]: the 16-bit sum that software inventories hold, and the number of KiB.

local getopt = require "lab.getopt"
local swvpd = require "lab.swvpd"
local sys = require "altmig.sys"

local _, names = getopt(arg, "r", function(message)
  io.stderr:write("sum: ", message, "\nUsage: sum [-r] [file ...]\n")
  os.exit(2)
end)

local status = 0
for _, name in ipairs(#names > 0 and names or { "-" }) do
  local data, message
  if name == "-" then data = io.read("a") else data, message = sys.read_file(name) end
  if data then
    print(("%05d %5d%s"):format(swvpd.sum(data), (#data + 1023) // 1024, name == "-" and "" or " " .. name))
  else
    io.stderr:write("sum: ", message, "\n")
    status = 2
  end
end
return status
