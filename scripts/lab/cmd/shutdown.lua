#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/shutdown
-- part: all
-- shutdown [-F] [-r] [-h] [-m] [+MINUTES | now] [message]: ends the system, or restarts it (-r) by the
-- boot list. Init does it, once this command is answered.

local getopt = require "lab.getopt"
local lpar = require "lpar"
local odmcmd = require "lab.odmcmd"

local usage = odmcmd.usage("shutdown", "shutdown [-dFhiklmpruv] [-t mmddHHMM [yy]] [now | +Minutes] [message ...]")
local options, rest = getopt(arg, "dFhiklmprt:uv", usage)
local minutes = rest[1] and (rest[1] == "now" and 0 or tonumber(rest[1]:match "^%+?(%d+)$"))
if not minutes and not options.F then minutes = 1 end
if (minutes or 0) > 0 or options.t then
  odmcmd.fail("shutdown", "only an immediate shutdown is known here: -F, or now")
end
if options.k then return 0 end
print "\nSHUTDOWN PROGRAM"
print(os.date "%a %b %d %H:%M:%S %Z %Y")
print ""
io.stdout:flush()
local ok, message = lpar.kill(1, options.r and "USR1" or "USR2")
if not ok then odmcmd.fail("shutdown", message) end
return 0
