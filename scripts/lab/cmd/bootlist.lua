#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/bin/bootlist /usr/sbin/bootlist
-- part: all
-- bootlist -m normal|service|both [-o | -i | device [blv=NAME] ...]: shows or sets the boot list.

local disk = require "lab.disk"
local getopt = require "lab.getopt"
local nvram = require "lab.nvram"
local odmcmd = require "lab.odmcmd"

local usage = odmcmd.usage("bootlist", "bootlist { -m Mode } [-r] [-o] [-i] [-v] [Device [Attr=Value] ...]")
local options, words = getopt(arg, "im:orvV", usage)
local modes = { normal = { "normal" }, service = { "service" }, both = { "normal", "service" } }
if not modes[options.m] then usage() end
local base = disk.base()

if options.o then
  local lists, message = nvram.bootlists(base)
  if not lists then odmcmd.fail("bootlist", message) end
  for _, mode in ipairs(modes[options.m]) do
    for _, entry in ipairs(lists[mode]) do
      -- A line for each path: the virtual disks of the lab are reached through two I/O servers.
      for path = 0, 1 do print(("%s%s pathid=%d"):format(entry.disk, entry.blv and " blv=" .. entry.blv or "", path)) end
    end
  end
  return 0
end

local entries = {}
local known = {}
for _, name in ipairs(disk.list() or {}) do known[name] = true end
for _, word in ipairs(options.i and {} or words) do
  local name, value = word:match("^(%w+)=(.*)$")
  if name == "blv" and #entries > 0 then
    entries[#entries].blv = value
  elseif name then
    if name ~= "pathid" then usage("Unknown attribute: " .. name) end
  else
    if not known[word] then odmcmd.fail("bootlist", "device " .. word .. " is not known.") end
    entries[#entries + 1] = { disk = word }
  end
end
if #entries == 0 and not options.i then usage() end
for _, entry in ipairs(entries) do
  local record = disk.ipl_read(entry.disk)
  if not record or (record.boot_code_length or 0) == 0 then
    odmcmd.fail("bootlist", entry.disk .. ": there is no boot logical volume on this disk.")
  end
  entry.blv = entry.blv or "hd5"
end
for _, mode in ipairs(modes[options.m]) do
  local ok, message = nvram.set_bootlist(base, mode, entries)
  if not ok then odmcmd.fail("bootlist", message) end
end
return 0
