#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/mknfsexp
-- part: all
-- mknfsexp -d DIR [-t rw|ro|rm] [-h rwhosts] [-c access] [-r root] [-S flavor] [-B | -I | -N]: a line in
-- /etc/exports (-I, -B), an export now (-N, -B).

local getopt = require "lab.getopt"
local lvm = require "lab.lvm"
local modes = require "altmig.mode"
local odmcmd = require "lab.odmcmd"
local sys = require "altmig.sys"

local usage = odmcmd.usage("mknfsexp", "mknfsexp -d Directory [-t {rw|ro|rm}] [-h Hosts] [-c Hosts] [-r Hosts] [-I|-B|-N]")
local options, rest = getopt(arg, "Bc:d:h:INr:S:t:v:", usage)
if #rest > 0 or not options.d then usage() end

local function hosts(text) return text:gsub("[,%s]+", ":") end

local words = {}
if options.v then words[#words + 1] = "vers=" .. hosts(options.v) end
if options.S then words[#words + 1] = "sec=" .. hosts(options.S) end
if options.t == "ro" then
  words[#words + 1] = "ro"
elseif options.h then
  words[#words + 1] = "rw=" .. hosts(options.h)
else
  words[#words + 1] = "rw"
end
if options.c then words[#words + 1] = "access=" .. hosts(options.c) end
if options.r then words[#words + 1] = "root=" .. hosts(options.r) end
local text = table.concat(words, ",")
if not options.N then
  for line in (sys.read_file("/etc/exports") or ""):gmatch("[^\n]+") do
    if line:match("^(%S+)") == options.d then odmcmd.fail("mknfsexp", options.d .. " is already in /etc/exports.") end
  end
  lvm.check(sys.append_file("/etc/exports", ("%s -%s\n"):format(options.d, text), { mode = modes.FILE }))
end
if not options.I then
  local result = lvm.check(sys.run({ "/usr/sbin/exportfs", "-i", "-o", text, options.d }))
  io.stdout:write(result.stdout)
  io.stderr:write(result.stderr)
  return result.status
end
