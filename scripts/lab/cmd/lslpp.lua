#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/bin/lslpp
-- part: all
-- lslpp -L | -l | -h [-q] [-c] [Fileset ...], lslpp -w [File ...], lslpp -f Fileset ...

local getopt = require "lab.getopt"
local lslpp = require "altmig.aix.lslpp"
local rpm = require "lab.rpm"
local swvpd = require "lab.swvpd"

local function usage(message)
  if message then io.stderr:write("lslpp: ", message, "\n") end
  io.stderr:write("Usage: lslpp {-L | -l | -h | -f} [-q] [-c] [FilesetName ...]\n       lslpp -w [-q] [-c] [FileName ...]\n")
  os.exit(1, true)
end

local options, names = getopt(arg, "LlhfwqcaIO:", usage)
local flags = options.L and "L" or options.h and "h" or options.w and "w" or options.f and "f" or "l"
local text, missing = swvpd.open():lslpp(flags .. (options.c and "c" or "") .. (options.q and "q" or ""), names)
if not text then
  io.stderr:write("lslpp: ", missing, "\n")
  os.exit(1, true)
end
io.write(text)

-- -L asks the RPM database too; -l knows filesets only.
local met = {}
local function wanted(package)
  local found = #names == 0
  for _, word in ipairs(names) do
    if package:find(lslpp.pattern(word)) then found, met[word] = true, true end
  end
  return found
end
if flags == "L" and options.c then io.write(rpm.lslpp_rows(wanted)) end

local status = 0
for _, word in ipairs(flags ~= "w" and missing or {}) do
  if not met[word] then
    io.stderr:write(("lslpp: 0504-132  Fileset %s not installed.\n"):format(word))
    status = 1
  end
end
os.exit(status, true)
