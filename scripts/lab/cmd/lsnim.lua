#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/lsnim
-- part: all
-- lsnim [-l] [-c Class] [-t Type] [-Z] [-a Attribute ...] [Object ...]: the NIM database.

local print = require "lab.locale".print
local getopt = require "lab.getopt"
local odm = require "lab.odm"

local function usage(message)
  if message then io.stderr:write("lsnim: ", message, "\n") end
  io.stderr:write("Usage: lsnim [-l] [-c Class] [-t Type] [-Z] [-a Attribute] [ObjectName ...]\n")
  os.exit(1, true)
end

local options, names = getopt(arg, "lOqZgc:t:a:+", usage)
local store = odm.open("/etc/objrepos")
local objects = store:get("nim_object")
if not objects then
  io.stderr:write("0042-001 lsnim: processing error encountered on \"master\":\n   there is no NIM database on this system\n")
  os.exit(1, true)
end

local function attributes(object)
  local rows = store:get("nim_attr", "id = '" .. object.id .. "'") or {}
  table.sort(rows, function(a, b) return a.seqno < b.seqno end)
  return rows
end

local function print_long(object)
  local rows = { { "class", object.class }, { "type", object.type } }
  for _, row in ipairs(attributes(object)) do
    table.insert(rows, row.attribute == "comments" and 3 or #rows + 1, { row.attribute, row.value })
  end
  local width = 0
  for _, row in ipairs(rows) do width = math.max(width, #row[1]) end
  print(object.name .. ":")
  for _, row in ipairs(rows) do print(("   %-" .. width .. "s = %s"):format(row[1], row[2])) end
end

local function print_colon(object)
  local head, values = { "#name" }, { object.name }
  for _, wanted in ipairs(options.a) do
    head[#head + 1] = wanted
    for _, row in ipairs(attributes(object)) do
      if row.attribute == wanted then values[#values + 1] = row.value end
    end
  end
  print(table.concat(head, ":") .. ":")
  print(table.concat(values, ":") .. ":")
end

local function print_chosen(object)
  print(object.name .. ":")
  for _, wanted in ipairs(options.a) do
    for _, row in ipairs(attributes(object)) do
      if row.attribute == wanted then print(("   %s = %s"):format(wanted, row.value)) end
    end
  end
end

local function show(object)
  if options.Z and options.a then
    print_colon(object)
  elseif options.a then
    print_chosen(object)
  elseif options.l then
    print_long(object)
  else
    print(("%-20s %-13s %s"):format(object.name, object.class, object.type))
  end
end

local status = 0
local by_name = {}
for _, object in ipairs(objects) do by_name[object.name] = object end
if #names > 0 then
  for _, name in ipairs(names) do
    if by_name[name] then
      show(by_name[name])
    else
      io.stderr:write(('0042-053 lsnim: there is no NIM object named "%s"\n'):format(name))
      status = 1
    end
  end
else
  for _, object in ipairs(objects) do
    if (not options.c or object.class == options.c) and (not options.t or object.type == options.t) then show(object) end
  end
end
os.exit(status, true)
