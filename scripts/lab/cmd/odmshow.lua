#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/bin/odmshow
-- part: all
-- odmshow class: prints the definition of a class.

local getopt = require "lab.getopt"
local odmcmd = require "lab.odmcmd"

local usage = odmcmd.usage("odmshow", "odmshow ObjectClass")
local _, classes = getopt(arg, "", usage)
if #classes == 0 then usage() end
local store, check = odmcmd.open("odmshow")
for _, class in ipairs(classes) do
  local descriptors = check(store:class(class))
  local objects = check(store:get(class))
  local out = { "class " .. class .. " {\n" }
  for _, d in ipairs(descriptors) do
    if d.type == "link" then
      out[#out + 1] = ("\tlink %s %s %s %s[%d];\n"):format(d.class, d.class, d.key, d.name, d.size)
    elseif d.type == "short" or d.type == "long" or d.type == "ulong" then
      out[#out + 1] = ("\t%s %s;\n"):format(d.type, d.name)
    else
      out[#out + 1] = ("\t%s %s[%d];\n"):format(d.type, d.name, d.size or 0)
    end
  end
  out[#out + 1] = "\t};\n"
  out[#out + 1] = ("/*\n\tdescriptors:\t%d\n\tobjects:\t%d\n*/\n"):format(#descriptors, #objects)
  io.write(table.concat(out))
end
