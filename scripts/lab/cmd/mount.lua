#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/mount /etc/mount /sbin/mount
-- part: all
-- mount [-f] [-r] [-o options] [-v vfs] [-n node] [device|node:device] [directory] | all: mounts, or lists the mounts.

local filesystems = require "lab.filesystems"
local getopt = require "lab.getopt"
local lpar = require "lpar"
local lvm = require "lab.lvm"
local mounting = require "lab.mounting"
local odmcmd = require "lab.odmcmd"
local sys = require "altmig.sys"

local usage = odmcmd.usage("mount", "mount [-fpr] [-n Node] [-o Options] [-v VfsName] [[Node:]Device] [Directory]")
local options, operands = getopt(arg, "afn:o:prt:v:", usage)
local snapshot = lvm.snapshot()

local function list()
  local form = "%-8s %-16s %-16s %-6s %s %-15s"
  print("  node       mounted        mounted over    vfs       date        options      ")
  print("-------- ---------------  ---------------  ------ ------------ --------------- ")
  local proc = sys.stat("/proc/1")
  local date = os.date("%b %d %H:%M", proc and proc.mtime or nil)
  local rows = snapshot:mounts()
  rows[#rows + 1] = mounting.dead_mount()
  for _, m in ipairs(rows) do print(form:format(m.node, m.device, m.at, m.vfs, date, m.options)) end
end

local function report(ok, message)
  if ok then return 0 end
  io.stderr:write(message, "\n")
  return 1
end

local function all()
  local status, here = 0, {}
  for _, m in ipairs(snapshot:mounts()) do here[m.at] = true end
  for _, stanza in ipairs(lvm.check(filesystems.open()).stanzas) do
    local a = stanza.attributes
    local wanted = options.t and a.type == options.t or (not options.t and (a.mount == "true" or a.mount == "automatic"))
    if wanted and not here[stanza.at] then
      status = math.max(status, report(mounting.by_table(snapshot, stanza.at)))
    end
  end
  return status
end

local words = options.o
if options.r then words = words and words .. ",ro" or "ro" end
if #operands == 0 and not options.a and not options.t then
  list()
  return 0
end
if options.a or options.t or operands[1] == "all" then return all() end
if #operands == 1 then return report(mounting.by_table(snapshot, operands[1], words)) end
if #operands ~= 2 then usage() end

local device, target = operands[1], operands[2]
local node, path = device:match("^([^/:]+):(/.*)$")
node, path = options.n or node, options.n and device or path
if node then return report(mounting.nfs(node, path, target, words or "rw")) end
if options.v == "namefs" then return report(mounting.namefs(device, target, words)) end
if options.v == "procfs" then return report(lpar.mount("proc", target, "proc")) end
local lv = device:match("^/dev/(.+)$")
if lv and snapshot:lv(lv) then return report(mounting.volume(snapshot, lv, target, words)) end
local stat = sys.stat(device)
if stat and stat.type ~= "block" and not options.v then return report(mounting.namefs(device, target, words)) end
return report(nil, ("mount: 0506-324 Cannot mount %s on %s: There is a request to a device or address that does not exist."):format(
  device, target))
