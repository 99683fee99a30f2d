#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/bin/odmdelete
-- part: all
-- odmdelete -o class [-q criteria]: deletes objects and says how many.

local getopt = require "lab.getopt"
local odmcmd = require "lab.odmcmd"

local usage = odmcmd.usage("odmdelete", "odmdelete -o ObjectClass [-q criteria]")
local options, rest = getopt(arg, "o:q:", usage)
if not options.o or #rest > 0 then usage() end
local store, check = odmcmd.open("odmdelete")
local count = check(store:delete(options.o, options.q))
check(store:commit())
io.stderr:write(("0518-307 odmdelete: %d objects deleted.\n"):format(count))
