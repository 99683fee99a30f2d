#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/lsattr
-- part: all
-- lsattr -E[O]l Name [-a Attribute ...] [-F Format]: attributes of a device, CuAt over PdAt.

local getopt = require "lab.getopt"
local machine = require "lab.machine"
local odm = require "lab.odm"

local function fail(message)
  io.stderr:write("lsattr: ", message, "\n")
  os.exit(1, true)
end

local function usage(message)
  if message then io.stderr:write("lsattr: ", message, "\n") end
  io.stderr:write("Usage: lsattr {-E | -D}[O] [-H] -l Name [-a Attribute] ... [-F Format]\n")
  os.exit(1, true)
end

local options = getopt(arg, "EDOHl:a:+F:", usage)
if not options.l or not (options.E or options.D) then usage() end
if options.l == "proc0" then -- processors are not in the object classes of this lab
  local row = ("%-15s %-32s %-40s %s"):format("type", "PowerPC_POWER" .. machine.value("processor", "8"), "Processor type", "False")
  if options.a and table.concat(options.a, ",") ~= "type" then fail("The device proc0 has no attribute " .. options.a[1] .. ".") end
  print(row)
  return 0
end
local device = odm.open("/etc/objrepos"):first("CuDv", "name = " .. options.l)
if not device then
  fail("0514-519 The following device was not found in the customized\n\tdevice configuration database:\n\t" .. options.l)
end

local rows, by_name = {}, {}
for _, row in ipairs(odm.open("/usr/lib/objrepos"):get("PdAt", "uniquetype = '" .. device.PdDvLn .. "'") or {}) do
  local entry = { attribute = row.attribute, value = row.deflt, user_settable = row.generic:find("U") and "True" or "False" }
  rows[#rows + 1], by_name[row.attribute] = entry, entry
end
for _, row in ipairs(options.E and odm.open("/etc/objrepos"):get("CuAt", "name = " .. options.l) or {}) do
  local entry = by_name[row.attribute]
  if not entry then
    entry = { attribute = row.attribute, user_settable = row.generic:find("U") and "True" or "False" }
    rows[#rows + 1], by_name[row.attribute] = entry, entry
  end
  entry.value = row.value
end
if options.a then
  local chosen = {}
  for _, word in ipairs(options.a) do
    for name in word:gmatch("[^,]+") do
      if not by_name[name] then
        fail(('0514-528 The "%s" attribute does not exist in the predefined\n\tdevice configuration database.'):format(name))
      end
      chosen[#chosen + 1] = by_name[name]
    end
  end
  rows = chosen
end
table.sort(rows, function(a, b) return a.attribute < b.attribute end)
if options.O then
  local names, values = {}, {}
  for i, row in ipairs(rows) do names[i], values[i] = row.attribute, row.value end
  print("#" .. table.concat(names, ":"))
  print(table.concat(values, ":"))
elseif options.F then
  for _, row in ipairs(rows) do print((options.F:gsub("[%a_]+", function(word) return row[word] end))) end
else
  for _, row in ipairs(rows) do print(("%-15s %-32s %-40s %s"):format(row.attribute, row.value, "", row.user_settable)) end
end
