#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/bin/ldd
-- part: all
-- ldd File: what a program needs to run. The commands here are scripts: their interpreter finds the
-- libraries itself, so what AIX's own would need is printed.

local quirk = require "lab.quirk"
local sys = require "altmig.sys"

local path = arg[1]
if not path or arg[2] then error { message = "usage: ldd file", status = 1 } end
local st = sys.stat(path)
if not st or st.type ~= "file" then error { message = "ldd: " .. path .. ": No such file or directory", status = 1 } end
if quirk.is("ldd-in-copy", "fails") then error { message = "ldd: 0706-006 Cannot find or open file: /unix", status = 1 } end
print(path .. " needs:")
for _, library in ipairs { "/usr/lib/libc.a(shr.o)", "/usr/lib/libodm.a(shr.o)", "/unix", "/usr/lib/libcrypt.a(shr.o)" } do
  print("\t " .. library)
end
