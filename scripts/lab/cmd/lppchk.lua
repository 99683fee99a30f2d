#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/bin/lppchk
-- part: all
-- lppchk -v | -f | -c [Fileset ...]: parts at one level; files there; sizes and checksums right.

local getopt = require "lab.getopt"
local swvpd = require "lab.swvpd"
local sys = require "altmig.sys"

local function usage(message)
  if message then io.stderr:write("lppchk: ", message, "\n") end
  io.stderr:write("Usage: lppchk {-v | -f | -c} [-m {1|2|3}] [FilesetName ...]\n")
  os.exit(1, true)
end

local options, names = getopt(arg, "vfcm:O:", usage)
local db = swvpd.open()
local usr, root = db:part("usr"), db:part("root")
if not usr or not root then
  io.stderr:write("lppchk: The software database cannot be read.\n")
  os.exit(1, true)
end

local function selected(name)
  if #names == 0 then return true end
  for _, word in ipairs(names) do
    if name:find("^" .. word:gsub("%p", "%%%0"):gsub("%%%*", ".*") .. "$") then return true end
  end
  return false
end

local function versions()
  local bad = {}
  for name, row in pairs(usr) do
    local other = root[name]
    local whole = row.state == swvpd.states.committed or row.state == swvpd.states.applied
    if selected(name) and (not whole or row.has_root and (not other or other.level ~= row.level)) then
      bad[#bad + 1] = ("  %-30s %-15s (usr: %s, root: %s)"):format(name, row.level,
        whole and "COMMITTED" or row.state_name, other and other.level or "not installed")
    end
  end
  table.sort(bad)
  if #bad == 0 then return 0 end
  print("lppchk:  The following filesets need to be installed or corrected to bring")
  print("         the system to a consistent state:\n")
  print(table.concat(bad, "\n"))
  return 1
end

local function files()
  local status = 0
  for _, file in ipairs(db:files() or {}) do
    local name = file.fileset
    local wanted = name ~= "?" and selected(name)
    local stat = wanted and sys.lstat(file.path)
    local problem
    if wanted and not stat then
      problem = "not found"
    elseif wanted and stat.type == "file" and file.size >= 0 and stat.size ~= file.size then
      problem = ("size is %d, should be %d"):format(stat.size, file.size)
    elseif wanted and options.c and stat.type == "file" and file.checksum > 0
      and swvpd.sum(sys.read_file(file.path) or "") ~= file.checksum then
      problem = "checksum differs"
    end
    if problem then
      print(("lppchk: File %s of fileset %s: %s."):format(file.path, name, problem))
      status = 1
    end
  end
  return status
end

if not (options.v or options.f or options.c) then usage() end
os.exit(options.v and versions() or not options.v and files() or 0, true)
