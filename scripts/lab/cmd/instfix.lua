#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/instfix
-- part: all
-- instfix -i [-c] [-q] [-k Keywords]: which fixes are on the system; with c a line for each of their filesets.

local getopt = require "lab.getopt"
local odm = require "lab.odm"
local swvpd = require "lab.swvpd"

local function usage(message)
  if message then io.stderr:write("instfix: ", message, "\n") end
  io.stderr:write("Usage: instfix -i [-c] [-q] [-k Keyword ...]\n")
  os.exit(1, true)
end

local options = getopt(arg, "ik:qc", usage)
if not options.i then usage() end
local filesets = swvpd.open():filesets() or {}
local fixes, unknown = odm.open("/usr/lib/objrepos"):get "fix" or {}, {}
if options.k then
  local by_name, list = {}, {}
  for _, fix in ipairs(fixes) do by_name[fix.name] = fix end
  for keyword in options.k:gmatch("%S+") do table.insert(by_name[keyword] and list or unknown, by_name[keyword] or keyword) end
  fixes = list
end

-- Of a fix: its filesets that are here, and how each is: "-" below the level, "=" at it, "+" above.
local function rows_of(fix)
  local rows = {}
  for name, level in fix.filesets:gmatch("([^\n:]+):([%d.]+)") do
    local have = filesets[name] and filesets[name].level
    local order = have and swvpd.compare(have, level)
    if order then rows[#rows + 1] = { name, level, have, order < 0 and "-" or order > 0 and "+" or "=" } end
  end
  return rows
end

if options.c and not options.q then print("#Keyword:Fileset:ReqLevel:InstLevel:Status:Abstract") end
local status = 0
for _, fix in ipairs(fixes) do
  local all = true
  for _, row in ipairs(rows_of(fix)) do
    if row[4] == "-" then all = false end
    if options.c then print(("%s:%s:%s:%s:%s:%s"):format(fix.name, row[1], row[2], row[3], row[4], fix.abstract)) end
  end
  if not options.c then print(("    %s for %s were found."):format(all and "All filesets" or "Not all filesets", fix.name)) end
  if not all then status = 1 end
end
for _, keyword in ipairs(unknown) do
  print(("    There was no data for %s in the fix database."):format(keyword))
  status = 1
end
os.exit(status, true)
