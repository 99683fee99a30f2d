#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/bin/host
-- part: all
-- host NAME | ADDRESS: the other of the two, from /etc/hosts.

local odmcmd = require "lab.odmcmd"
local quirk = require "lab.quirk"
local sys = require "altmig.sys"

local usage = odmcmd.usage("host", "host { HostName | Address }")
if #arg ~= 1 then usage() end
if arg[1]:match("^[%d.]+$") and quirk.is("reverse-lookup", "fails") then
  io.stderr:write(("host: 0827-803 Cannot find address %s.\n"):format(arg[1]))
  return 1
end
for line in (sys.read_file("/etc/hosts") or ""):gmatch("[^\n]+") do
  local words = {}
  for word in line:gsub("#.*", ""):gmatch("%S+") do words[#words + 1] = word end
  for _, word in ipairs(words) do
    if word == arg[1] and words[2] then
      if quirk.is("host-form", "bind") then
        local reversed = {}
        for part in words[1]:gmatch("%d+") do table.insert(reversed, 1, part) end
        print(arg[1] == words[1] and ("%s.in-addr.arpa domain name pointer %s."):format(table.concat(reversed, "."), words[2])
          or ("%s has address %s"):format(words[2], words[1]))
        return 0
      end
      local aliases = table.concat(words, ", ", 3)
      print(("%s is %s%s"):format(words[2], words[1], aliases ~= "" and ",  Aliases:   " .. aliases or ""))
      return 0
    end
  end
end
local address = arg[1]:match("^%d+%.%d+%.%d+%.%d+$")
io.stderr:write((address and "host: 0827-803 Cannot find address %s.\n" or "host: 0827-801 Host name %s does not exist.\n"):format(arg[1]))
return 1
