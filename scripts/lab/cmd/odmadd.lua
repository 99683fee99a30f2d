#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/bin/odmadd
-- part: all
-- odmadd [file ...]: adds the objects of stanza files (or of standard input), all or none.

local getopt = require "lab.getopt"
local odmcmd = require "lab.odmcmd"

local usage = odmcmd.usage("odmadd", "odmadd [InputFile ...]")
local _, files = getopt(arg, "", usage)
local inputs = {}
for i = 1, math.max(1, #files) do inputs[i] = odmcmd.read("odmadd", files[i]) end
local store, check = odmcmd.open("odmadd")
for _, list in ipairs(inputs) do
  for _, entry in ipairs(list) do check(store:add(entry.class, entry.fields)) end
end
check(store:commit())
