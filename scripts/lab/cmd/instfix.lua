#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/instfix
-- part: all
-- instfix -i [-k Keyword]: which fixes are on the system.

local getopt = require "lab.getopt"
local odm = require "lab.odm"
local swvpd = require "lab.swvpd"

local function usage(message)
  if message then io.stderr:write("instfix: ", message, "\n") end
  io.stderr:write("Usage: instfix -i [-k Keyword]\n")
  os.exit(1, true)
end

local options = getopt(arg, "ik:qc", usage)
if not options.i then usage() end
local filesets = swvpd.open():filesets() or {}
local fixes = odm.open("/usr/lib/objrepos"):get("fix", options.k and "name = " .. options.k) or {}
local status = 0
for _, fix in ipairs(fixes) do
  local all = true
  for name, level in fix.filesets:gmatch("([^\n:]+):([%d.]+)") do
    if filesets[name] and swvpd.compare(filesets[name].level, level) < 0 then all = false end
  end
  print(("    %s for %s were found."):format(all and "All filesets" or "Not all filesets", fix.name))
  if not all then status = 1 end
end
if #fixes == 0 and options.k then
  print(("    There was no data for %s in the fix database."):format(options.k))
  status = 1
end
os.exit(status, true)
