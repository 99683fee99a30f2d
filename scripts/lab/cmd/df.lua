#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/bin/df
-- part: all
-- df [-k | -m | -g] [-P] [-I | -M | -v] [file ...]: space of the mounted file systems.

local print = require "lab.locale".print
local getopt = require "lab.getopt"
local lvm = require "lab.lvm"
local mounting = require "lab.mounting"
local odmcmd = require "lab.odmcmd"
local sys = require "altmig.sys"

local usage = odmcmd.usage("df", "df [-P] [-k | -m | -g] [FileSystem ...] [File ...]")
local options, operands = getopt(arg, "PkmgItMvs", usage)
local unit, title = 512, "512-blocks"
if options.k then unit, title = 1024, "1024-blocks" end
if options.m then unit, title = 1 << 20, "MB blocks" end
if options.g then unit, title = 1 << 30, "GB blocks" end
local snapshot = lvm.snapshot()

local function number(bytes)
  if unit >= 1 << 20 then return ("%.2f"):format(bytes / unit) end
  return tostring(bytes // unit)
end

local function percent(part, whole)
  return whole > 0 and ("%d%%"):format(math.ceil(100 * part / whole)) or "- "
end

-- Space of every mount point, by path, from one run of stat.
local space = {}
do
  local argv = { "/usr/lpp/lab/bin/busybox", "stat", "-f", "-c", "%S %b %f %c %d" }
  local asked = {}
  for _, m in ipairs(snapshot:mounts()) do
    if m.vfs ~= "procfs" and sys.stat(m.at) then
      argv[#argv + 1], asked[#asked + 1] = m.at, m.at
    end
  end
  local result = lvm.check(sys.run(argv))
  local i = 0
  for size, blocks, free, files, files_free in result.stdout:gmatch("(%d+) (%d+) (%d+) (%d+) (%d+)\n") do
    i = i + 1
    space[asked[i]] = { total = blocks * size, free = free * size, files = math.tointeger(tonumber(files)),
      files_free = math.tointeger(tonumber(files_free)) }
  end
end

local function numbers(m)
  local s = space[m.at]
  if m.vfs == "procfs" or not s then return nil end
  local lv, group = snapshot:lv(m.lv or "")
  -- What the file system itself takes counts as used: AIX shows the size of the volume.
  local total = lv and lv.lps * group.vgda.pp_mb << 20 or math.tointeger(s.total)
  return total, math.min(math.tointeger(s.free), total), s.files, s.files_free
end

local function line(m)
  local device = m.node ~= "" and m.node .. ":" .. m.device or m.device
  local total, free, files, files_free = numbers(m)
  if options.P then
    local form = "%-13s %11s%10s%10s%9s %s"
    if not total then
      print(form:format(device, "-", "-", "-", "- ", m.at))
    else
      print(form:format(device, number(total), number(total - free), number(free), percent(total - free, total), m.at))
    end
    return
  end
  local form = "%-13s %11s%10s%6s%9s%7s %s"
  if not total then
    print(form:format(device, "-", "-", "- ", "-", "- ", m.at))
    return
  end
  local used_files = files and files_free and files - files_free
  print(form:format(device, number(total), number(free), percent(total - free, total), used_files or "-",
    used_files and percent(used_files, files) or "- ", m.at))
end

local function holding(path)
  local real = sys.realpath(path)
  if not real then
    io.stderr:write(("df: %s: A file or directory in the path name does not exist.\n"):format(path))
    return nil
  end
  local best
  for _, m in ipairs(snapshot:mounts()) do
    local inside = m.at == "/" or real == m.at or real:sub(1, #m.at + 1) == m.at .. "/"
    if inside and (not best or #m.at >= #best.at) then best = m end
  end
  return best
end

if options.P then
  print(("Filesystem    %s      Used Available Capacity Mounted on"):format(title))
else
  print(("Filesystem    %s      Free %%Used    Iused %%Iused Mounted on"):format(title))
end
-- What a mount says whose server is down: nothing, ever.
local dead = mounting.dead_mount()
local function hang()
  io.stdout:flush()
  while true do sys.sleep(3600) end
end

local status = 0
for _, path in ipairs(operands) do
  if dead and (path == dead.at or path:sub(1, #dead.at + 1) == dead.at .. "/") then hang() end
  local m
  for _, candidate in ipairs(snapshot:mounts()) do
    if candidate.device == path then m = candidate end
  end
  m = m or holding(path)
  if m then line(m) else status = 1 end
end
if #operands == 0 then
  for _, m in ipairs(snapshot:mounts()) do line(m) end
  if dead then hang() end
end
return status
