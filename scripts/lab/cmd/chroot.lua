#!/usr/lpp/lab/bin/aixlua
-- path: /usr/sbin/chroot /usr/bin/chroot
-- part: all
-- chroot directory command [arg ...]: runs a command in another system.

local lpar = require "lpar"
local sys = require "altmig.sys"

if not arg[1] or not arg[2] then error { message = "Usage: chroot Directory Command [Argument ...]", status = 1 } end
local ok, message = lpar.chroot(arg[1])
if not ok then error { message = message, status = 1 } end
local _, why, code = sys.exec({ table.unpack(arg, 2) })
error { message = "chroot: " .. tostring(why), status = code == "ENOENT" and 127 or 126 }
