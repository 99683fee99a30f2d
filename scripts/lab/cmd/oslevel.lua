#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/bin/oslevel
-- part: all
-- oslevel [-r | -s] [-q]: the level of the system, from the fixes its filesets hold.

local getopt = require "lab.getopt"
local odm = require "lab.odm"
local swvpd = require "lab.swvpd"

local function usage(message)
  if message then io.stderr:write("oslevel: ", message, "\n") end
  io.stderr:write("Usage: oslevel [-r | -s] [-q]\n")
  os.exit(1, true)
end

local options = getopt(arg, "rsqf", usage)

local filesets, message = swvpd.open():filesets()
if not filesets then
  io.stderr:write("oslevel: ", message, "\n")
  os.exit(1, true)
end

-- Whether every fileset of a fix that is installed is at its level or above; one at least must be.
local function complete(fix)
  local found = false
  for name, level in fix.filesets:gmatch("([^\n:]+):([%d.]+)") do
    local fileset = filesets[name]
    if fileset then
      if swvpd.compare(fileset.level, level) < 0 then return false end
      found = true
    end
  end
  return found
end

local base = filesets["bos.rte"] and filesets["bos.rte"].level or "0.0.0.0"
local version, release = base:match("^(%d+)%.(%d+)")

-- "72-05-062320_SP" -> "7200-05-06-2320"; "7200-05_AIX_ML" -> "7200-05".
local function level_of(name)
  local short, tl, sp, date = name:match("^(%d%d)%-(%d%d)%-(%d%d)(%d%d%d%d)_SP$")
  if short then return options.s and ("%s00-%s-%s-%s"):format(short, tl, sp, date) end
  return not options.s and name:match("^(%d%d00%-%d%d)_AIX_ML$") or nil
end

local known = {}
for _, fix in ipairs(odm.open("/usr/lib/objrepos"):get("fix", "type = p") or {}) do
  local level = level_of(fix.name)
  if level and (options.q or complete(fix)) then known[#known + 1] = level end
end
table.sort(known, function(a, b) return a > b end)

if options.q then
  print("Known " .. (options.s and "Service Packs" or "Recommended Maintenance Levels"))
  print(("-"):rep(30))
  for _, level in ipairs(known) do print(level) end
elseif options.r or options.s then
  print(known[1] or ("%s%s00-00%s"):format(version, release, options.s and "-00-0000" or ""))
else
  print(("%s.%s.0.0"):format(version, release))
end
