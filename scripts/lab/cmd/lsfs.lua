#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/lsfs
-- part: all
-- lsfs [-c | -l] [-q] [-v vfs | -u group] [file system ...]: what /etc/filesystems defines.

local filesystems = require "lab.filesystems"
local getopt = require "lab.getopt"
local lvm = require "lab.lvm"
local odmcmd = require "lab.odmcmd"

local usage = odmcmd.usage("lsfs", "lsfs [-q] [-c | -l] [-v VfsType | -u MountGroup | FileSystem ...]")
local options, names = getopt(arg, "alcqu:v:", usage)
local snapshot = lvm.snapshot()
local file = lvm.check(filesystems.open())

local function size(a)
  local lv, group = snapshot:lv((a.dev or ""):match("[^/]+$") or "")
  return lv and lv.lps * group.vgda.pp_mb * 2048
end

local function automatic(a)
  return (a.mount == "true" or a.mount == "automatic") and "yes" or "no"
end

local function extra(a)
  local blocks = size(a)
  if options.q and blocks then
    print(("  (lv size: %d, fs size: %d, block size: 4096, sparse files: yes, inline log: no, inline log size: 0, "
      .. "EAformat: v1, Quota: no, DMAPI: no, VIX: yes, EFS: no, ISNAPSHOT: no, MAXEXT: 0, MountGuard: no)"):format(
      blocks, blocks))
  end
end

local function show(stanza)
  local a = stanza.attributes
  local blocks = size(a)
  if options.c then
    print(("%s:%s:%s:%s:%s:%s:%s:%s:%s"):format(stanza.at, a.dev or "", a.vfs or "", a.nodename or "", a.type or "",
      blocks or "", a.options or "rw", automatic(a), a.account == "true" and "yes" or "no"))
  else
    print(("%-15s %-10s %-22s %-5s %-7s %-10s %-4s %s"):format(a.dev or "--", a.nodename or "--", stanza.at,
      a.vfs or "--", blocks or "--", a.options or "--", automatic(a), a.account == "true" and "yes" or "no"))
  end
  extra(a)
end

local chosen = {}
if #names > 0 then
  for _, name in ipairs(names) do
    local stanza = file:get(name)
    if not stanza then
      io.stderr:write(("lsfs: 0506-915 No record matching %s was found in /etc/filesystems.\n"):format(name))
      return 1
    end
    chosen[#chosen + 1] = stanza
  end
else
  for _, stanza in ipairs(file.stanzas) do
    local a = stanza.attributes
    if (not options.v or a.vfs == options.v) and (not options.u or a.type == options.u) then chosen[#chosen + 1] = stanza end
  end
end
if options.c then
  print("#MountPoint:Device:Vfs:Nodename:Type:Size:Options:AutoMount:Acct")
else
  print("Name            Nodename   Mount Pt               VFS   Size    Options    Auto Accounting")
end
for _, stanza in ipairs(chosen) do show(stanza) end
return 0
