#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/bin/odmchange
-- part: all
-- odmchange -o class [-q criteria] [file]: gives objects the values of the file's one stanza.

local getopt = require "lab.getopt"
local odmcmd = require "lab.odmcmd"

local usage = odmcmd.usage("odmchange", "odmchange -o ObjectClass [-q criteria] [InputFile]")
local options, files = getopt(arg, "o:q:", usage)
if not options.o or #files > 1 then usage() end
local list = odmcmd.read("odmchange", files[1])
if #list ~= 1 or list[1].class ~= options.o then
  odmcmd.fail("odmchange", "The input must be one object of class " .. options.o .. ".")
end
local store, check = odmcmd.open("odmchange")
check(store:change(options.o, options.q, list[1].fields))
check(store:commit())
