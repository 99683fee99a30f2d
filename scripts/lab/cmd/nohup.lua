#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/bin/nohup /usr/bin/nice
-- part: all
-- nohup command [arg ...], nice [-n N] command [arg ...]: run a command by its path, not an applet of
-- that name. Hang-ups end nothing in the lab: commands run without a terminal.

local sys = require "altmig.sys"

local at = 1
if arg[1] == "-n" then
  at = 3
elseif arg[1] and arg[1]:match("^%-%d+$") then
  at = 2
end
if not arg[at] then error { message = "Usage: nohup Command [Argument ...]", status = 127 } end
local _, message, code = sys.exec({ table.unpack(arg, at) })
error { message = tostring(message), status = code == "ENOENT" and 127 or 126 }
