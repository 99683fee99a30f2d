#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/getlvodm
-- part: all
-- getlvodm -j PV | -p PV | -v VG | -t VGID | -a LV: looks LVM names and identifiers up in the ODM.

local getopt = require "lab.getopt"
local lvm = require "lab.lvm"
local odm = require "lab.odm"
local odmcmd = require "lab.odmcmd"

local usage = odmcmd.usage("getlvodm", "getlvodm [-j PV | -p PV | -v VG | -t VGID | -a LV]")
local options, rest = getopt(arg, "j:p:v:t:a:", usage)
if #rest > 0 or next(options) == nil then usage() end
local snapshot = lvm.snapshot()

local function refuse(message)
  io.stderr:write(message, "\n")
  os.exit(3, true)
end

if options.a then
  local row = odm.open("/etc/objrepos"):first("CuAt", "name = '" .. options.a .. "' AND attribute = lvserial_id")
  if not row then refuse(("0516-306 getlvodm: Unable to find %s in the Device\n\tConfiguration Database."):format(options.a)) end
  print(row.value)
elseif options.t then
  for _, group in ipairs(snapshot.groups) do
    if group.vgid == options.t then
      print(group.name)
      return 0
    end
  end
  refuse(("0516-306 getlvodm: Unable to find volume group %s in the Device\n\tConfiguration Database."):format(options.t))
elseif options.v then
  local group = snapshot:group(options.v)
  if not group then
    refuse(("0516-306 getlvodm: Unable to find volume group %s in the Device\n\tConfiguration Database."):format(options.v))
  end
  print(group.vgid)
else
  local name = options.j or options.p
  local d = snapshot:disk(name)
  if not d then
    refuse(("0516-306 getlvodm: Unable to find %s in the Device\n\tConfiguration Database."):format(name))
  end
  if options.p then
    if not d.pvid then refuse(("0516-320 getlvodm: Physical volume %s has no identifier."):format(name)) end
    print(d.pvid .. ("0"):rep(16))
  elseif d.vg then
    print(snapshot:group(d.vg).vgid)
  else
    refuse(("0516-320 /usr/sbin/getlvodm: Physical volume %s is not assigned to\n       a volume group."):format(name))
  end
end
