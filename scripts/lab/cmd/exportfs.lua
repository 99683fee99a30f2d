#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/exportfs
-- part: all
-- exportfs [-a] [-v] [-u] [-i] [-o options] [directory]: exports, unexports, lists what is exported.

local exports = require "lab.exports"
local getopt = require "lab.getopt"
local lvm = require "lab.lvm"
local modes = require "altmig.mode"
local odmcmd = require "lab.odmcmd"
local quirk = require "lab.quirk"
local sys = require "altmig.sys"

local usage = odmcmd.usage("exportfs", "exportfs [-a] [-v] [-u] [-i] [-f] [-F] [-o options] [dir]")
local options, operands = getopt(arg, "afFio:uv", usage)
if #operands > 1 or (options.a and #operands > 0) then usage() end

local function listed() return exports.read(sys.read_file("/etc/xtab") or "") end

local function find(list, path)
  for i, entry in ipairs(list) do
    if entry.path == path then return i, entry end
  end
end

local function fail(path, message) odmcmd.fail("exportfs", path .. ": " .. message) end

-- Neither a parent nor a child of an export may be exported when they are one file system.
local function check_nesting(list, path)
  local stat = sys.stat(path)
  if not stat then fail(path, "A file or directory in the path name does not exist.") end
  for _, entry in ipairs(list) do
    local other = sys.stat(entry.path)
    if other and other.dev == stat.dev and entry.path ~= path then
      local function below(a, b) return b == "/" or a:sub(1, #b + 1) == b .. "/" end
      if below(path, entry.path) then fail(path, ("parent-directory (%s) already exported"):format(entry.path)) end
      if below(entry.path, path) then fail(path, ("sub-directory (%s) already exported"):format(entry.path)) end
    end
  end
end

local function add(list, path, text)
  local parsed, message = exports.parse(text)
  if not parsed then fail(path, message) end
  check_nesting(list, path)
  for _, name in ipairs(exports.unknown_hosts(text)) do io.stderr:write("exportfs: 1831-184 unknown host ", name, "\n") end
  if #exports.unknown_hosts(text) > 0 and not quirk.is("exportfs-unknown-host", "warning") then os.exit(1) end
  local i = find(list, path)
  if i then print("exportfs: 1831-187 re-exported " .. path) end
  list[i or #list + 1] = { path = path, options = text }
  if options.v then print("exported " .. path) end
end

local function remove(list, path)
  local i = find(list, path)
  if not i then fail(path, "not currently exported") end
  table.remove(list, i)
  if options.v then print("unexported " .. path) end
end

local function save(list)
  local lines = {}
  for _, entry in ipairs(list) do
    lines[#lines + 1] = entry.path .. (entry.options ~= "" and " -" .. entry.options or "") .. "\n"
  end
  lvm.check(sys.write_file("/etc/xtab", table.concat(lines), { mode = modes.FILE }))
end

local path = operands[1] and operands[1]:gsub("(.)/+$", "%1")
if not path and not options.a then
  for _, entry in ipairs(listed()) do
    print(entry.path .. (entry.options ~= "" and " -" .. entry.options or ""))
  end
  return 0
end

-- One at a time: xtab and the server's list change together.
local lock
for _ = 1, 300 do
  lock = sys.lock("/etc/.xtab.lock", { text = "exportfs" })
  if lock then break end
  sys.sleep(0.1)
end
if not lock then fail("/etc/xtab", "busy") end
local before = listed()
local list = listed()
if options.u then
  for _, entry in ipairs(options.a and listed() or { { path = path } }) do remove(list, entry.path) end
elseif options.a then
  for _, entry in ipairs(exports.read(sys.read_file("/etc/exports") or "")) do add(list, entry.path, entry.options) end
else
  local text = options.o or ""
  if not options.i then
    local _, entry = find(exports.read(sys.read_file("/etc/exports") or ""), path)
    if not entry then fail(path, "not found in /etc/exports") end
    text = options.o or entry.options
  end
  add(list, path, text)
end
save(list)
local ok, message = exports.apply(list)
if not ok then
  save(before)
  fail(path or "-a", message)
end
lock:close()
return 0
