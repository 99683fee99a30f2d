#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/prtconf
-- part: all
-- prtconf [-L] [-m] [-s] [-c] [-k]: what the LPAR is made of.

local getopt = require "lab.getopt"
local machine = require "lab.machine"
local odm = require "lab.odm"
local sys = require "altmig.sys"

local function usage(message)
  if message then io.stderr:write("prtconf: ", message, "\n") end
  io.stderr:write("Usage: prtconf [-c | -k | -L | -m | -s]\n")
  os.exit(1, true)
end

local options = getopt(arg, "ckLms", usage)
local node = (sys.read_file("/proc/sys/kernel/hostname") or sys.hostname()):gsub("%s+$", "")
local memory = ("Memory Size: %s MB"):format(machine.value("memory", "8192"))
if options.c then
  print("CPU Type: 64-bit")
elseif options.k then
  print("Kernel Type: 64-bit")
elseif options.L then
  print("LPAR Info: 2 " .. node)
elseif options.m then
  print(memory)
elseif options.s then
  print("Processor Clock Speed: 4024 MHz")
else
  local model = odm.open("/etc/objrepos"):first("CuAt", "name = sys0 AND attribute = modelname")
  print("System Model: " .. machine.value("model", model and model.value or ""))
  print("Machine Serial Number: 21ABCDE")
  local processor = machine.value("processor", "8")
  print("Processor Type: PowerPC_POWER" .. processor)
  print("Processor Implementation Mode: POWER " .. machine.value("mode", processor))
  print("Processor Version: PV_" .. processor .. "_Compat")
  print("Number Of Processors: 2")
  print("Processor Clock Speed: 4024 MHz")
  print("CPU Type: 64-bit")
  print("Kernel Type: 64-bit")
  print("LPAR Info: 2 " .. node)
  print(memory)
  print("Platform Firmware level: SV860_180")
  print("Firmware Version: IBM,FW860.60 (SV860_180)")
end
