#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/bin/odmget
-- part: all
-- odmget [-q criteria] class ...: prints the objects of classes as stanza text.

local getopt = require "lab.getopt"
local odmcmd = require "lab.odmcmd"

local usage = odmcmd.usage("odmget", "odmget [-q criteria] ObjectClass ...")
local options, classes = getopt(arg, "q:", usage)
if #classes == 0 then usage() end
local store, check = odmcmd.open("odmget")
for _, class in ipairs(classes) do
  local text, message, code = store:format(class, options.q)
  if code == "ODM_CLASS" then
    odmcmd.fail("odmget", ("Could not open object class %s, odm errno 5904\n%s"):format(class, message))
  end
  io.write(check(text, message))
end
