#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/bin/who
-- part: all
-- who [-b] [-r]: when the LPAR was started; nobody else is logged in.

local getopt = require "lab.getopt"
local lpar = require "lpar"
local sys = require "altmig.sys"

local odmcmd = require "lab.odmcmd"

local usage = odmcmd.usage("who", "who [-abr]")

local options = getopt(arg, "abrumT", usage)

-- When the LPAR's first process started. What the kernel says may differ by a second from call to
-- call, so the first answer of a boot is kept.
local function boot_time()
  local stat, kernel = sys.read_file("/proc/1/stat"), sys.read_file("/proc/stat")
  local base = tonumber((kernel or ""):match("btime (%d+)"))
  if not stat or not base then return nil end
  local n, ticks = 0, 0
  for word in stat:gsub("^.*%) ", ""):gmatch("%S+") do
    n = n + 1
    if n == 20 then ticks = tonumber(word) end
  end
  local world = lpar.world()
  local note = world and ("%s/lpars/%s/run/booted"):format(world.path, world.host)
  local known, time = (note and sys.read_file(note) or ""):match("^(%d+) (%d+)")
  if tonumber(known) == ticks then return tonumber(time) end
  time = base + ticks // 100
  if note then sys.write_file(note, ("%d %d\n"):format(ticks, time), { atomic = true }) end
  return time
end

if options.b or options.a then
  local time = boot_time()
  if not time then os.exit(1, true) end
  -- No seconds and no year: two boots within a minute look the same.
  print("   .        system boot " .. os.date("%b %d %H:%M", time) .. "     ")
end
if options.r or options.a then print("   .        run-level 2 " .. os.date("%b %d %H:%M", boot_time() or 0) .. "       2    0    S") end
