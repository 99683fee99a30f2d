#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/alt_disk_copy
-- part: spot
-- alt_disk_copy -d "disks" [-P phases] [-M V.R] [-i image.data] [-e exclude list] [-s script] [-BDgVr]: copies
-- rootvg to other disks.

local altdisk = require "lab.altdisk"
local getopt = require "lab.getopt"
local odmcmd = require "lab.odmcmd"
local quirk = require "lab.quirk"
local sys = require "altmig.sys"

local usage = odmcmd.usage("alt_disk_copy", 'alt_disk_copy -d "target_disks" [-i image.data] [-s script] [-e exclude_list] '
  .. "[-P phase] [-M V.R] [-BDgVr]")
local LETTERS = "Bb:c:Dd:e:f:F:gI:i:jKl:M:nOP:R:rSs:TuVw:x:z:"

local options, rest = getopt(arg, LETTERS, usage)
local targets = {}
local function add(text)
  for name in text:gmatch("%S+") do targets[#targets + 1] = name end
end
if options.d then add(options.d) end
-- "-d hdisk4 hdisk14 -B": the list need not be quoted.
while rest[1] do
  if rest[1]:match("^%-") then
    local more
    more, rest = getopt(rest, LETTERS, usage)
    for name, value in pairs(more) do options[name] = value end
  else
    add(table.remove(rest, 1))
  end
end
local not_here = { "b", "c", "f", "F", "I", "j", "K", "l", "n", "O", "R", "T", "w", "x" }
for _, letter in ipairs(not_here) do
  if options[letter] then odmcmd.fail("alt_disk_copy", ("flag -%s is not supported here"):format(letter)) end
end
if #targets == 0 then usage() end

local phases = options.P or "all"
local wanted = {}
if phases == "all" then phases = "123" end
for digit in phases:gmatch(".") do
  if not digit:match("[123]") then usage("Not a phase: " .. phases) end
  wanted[digit] = true
end

altdisk.begin { "/usr/sbin/alt_disk_copy", table.unpack(arg) }
local ok, problem = pcall(function()
  if wanted["1"] then
    altdisk.phase1 { targets = targets, migrate = options.M, debug = options.D, exclude = options.e,
      image_data = options.i }
    if not wanted["3"] then altdisk.say("Phase 1 complete.") end
  end
  if wanted["2"] and options.s then
    local result = sys.run({ options.s }, { on_line = function(line) print(line) end })
    if not result or result.status ~= 0 then altdisk.fail("alt_disk_copy: script " .. options.s .. " failed.") end
  end
  if wanted["3"] then
    if options.i and not wanted["1"] and quirk.is("phase3-image-data", "refused") then
      altdisk.fail("0505-101 alt_disk_copy: the i flag is not valid for phase 3.")
    end
    altdisk.phase3 { targets = targets, migrate = options.M, no_bootlist = options.B, skip_boot_check = options.g,
      alone = not wanted["1"] }
  end
end)
if not ok then
  -- All messages of this command, errors too, are on standard output.
  if type(problem) ~= "table" then problem = { message = tostring(problem) } end
  if not problem.said then altdisk.say("%s", problem.message) end
  return problem.status or 1
end
return 0
