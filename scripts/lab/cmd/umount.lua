#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/umount /etc/umount /usr/sbin/unmount /sbin/umount
-- part: all
-- umount [-f] directory|device: unmounts; -f says so.

local getopt = require "lab.getopt"
local lvm = require "lab.lvm"
local mounting = require "lab.mounting"
local quirk = require "lab.quirk"
local odmcmd = require "lab.odmcmd"

local usage = odmcmd.usage("umount", "umount [-f] {-a | all | allr | Device | Directory | File | FileSystem | -n Node | -t Type}")
local options, operands = getopt(arg, "fsn:", usage)
if #operands ~= 1 then usage() end
local status = 0
for _, name in ipairs(operands) do
  local target = name:gsub("(.)/+$", "%1")
  for _, m in ipairs(lvm.snapshot():mounts()) do
    local remote = m.node ~= "" and m.node .. ":" .. m.device or m.device
    if remote == name and m.at ~= target then target = m.at end
  end
  local ok, message = mounting.unmount(target, options.f)
  if not ok then
    io.stderr:write(message, "\n")
    status = 1
  elseif options.f then
    print("forced unmount of " .. target)
    if quirk.is("doubled-lines", "yes") then io.stderr:write("forced unmount of " .. target, "\n") end
  end
end
return status
