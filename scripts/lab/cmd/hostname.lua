#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/bin/hostname
-- part: all
-- hostname: the name of this host.

if arg[1] and arg[1] ~= "-s" then
  io.stderr:write "hostname: this system's name cannot be changed here.\n"
  return 1
end
print(require "altmig.sys".hostname())
return 0
