#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/bin/env
-- part: all
-- env [-i] [NAME=VALUE ...] [command [arg ...]]: busybox's own would run its applets instead of the
-- commands of that name.

local sys = require "altmig.sys"

local at, kept = 1, true
if arg[at] == "-i" or arg[at] == "-" then
  at, kept = 2, false
end
local set = {}
while arg[at] and arg[at]:match("^[%a_][%w_]*=") do
  local name, value = arg[at]:match("^([^=]+)=(.*)$")
  set[#set + 1] = { name, value }
  at = at + 1
end
local busybox = "/usr/lpp/lab/bin/busybox"
if not arg[at] or not kept then
  -- Printing, and starting from nothing: here only busybox knows the whole environment.
  local words = { busybox, "env" }
  for i = 1, #arg do words[i + 2] = arg[i] end
  -- Inside a copy nothing but this variable tells the lab's commands how they behave.
  local variable = require "lab.quirk".variable
  local quirks = arg[at] and not kept and os.getenv(variable)
  if quirks then table.insert(words, 4, variable .. "=" .. quirks) end
  error { message = "env: " .. tostring(select(2, sys.exec(words))), status = 127 }
end
for _, pair in ipairs(set) do sys.setenv(pair[1], pair[2]) end
local _, message, code = sys.exec({ table.unpack(arg, at) })
error { message = "env: " .. tostring(message), status = code == "ENOENT" and 127 or 126 }
