#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/lspv
-- part: all
-- lspv [PV]: the disks, their PVIDs and volume groups, or what LVM knows of one.

local print = require "lab.locale".print
local getopt = require "lab.getopt"
local lvm = require "lab.lvm"
local odmcmd = require "lab.odmcmd"

local _, operands = getopt(arg, "", odmcmd.usage("lspv", "lspv [PhysicalVolume]"))
local snapshot = lvm.snapshot()

local function state(d)
  local group = d.vg and snapshot:group(d.vg)
  return group and group.active and "active" or ""
end

if #operands == 0 then
  for _, d in ipairs(snapshot.disks) do
    print(("%-16s%-36s%-16s%-12s"):format(d.name, d.pvid or "none", d.vg or "None", state(d)))
  end
  return 0
end

local name = operands[1]
local d = snapshot:disk(name)
if not d then
  odmcmd.fail("0516-304 lspv", ("Unable to find device id %s in the Device\n\tConfiguration Database."):format(name))
end
local group = d.vg and snapshot:group(d.vg)
if not group then
  odmcmd.fail("0516-320 lspv", ("Physical volume %s is not assigned to\n\ta volume group."):format(name))
end
if not group.active then io.stderr:write("0516-010 : Volume group must be varied on; use varyonvg command.\n") end

local vgda = group.vgda
local unknown = "???????"
local pps, used, count = 0, 0, 0
if group.active then
  for i, pv in ipairs(vgda.pvs) do
    if pv.pvid == d.pvid then
      pps = pv.pps
      for _, lv in ipairs(vgda.lvs) do
        if (lv.pv or 1) == i then used, count = used + lv.lps, count + 1 end
      end
    end
  end
end
local function pp(n)
  return group.active and ("%d (%d megabytes)"):format(n, n * vgda.pp_mb) or unknown
end
local function row(a, b, c, e)
  print((("%-20s%-25s%-17s%s"):format(a, b, c or "", e or ""):gsub("%s+$", "")))
end
row("PHYSICAL VOLUME:", name, "VOLUME GROUP:", d.vg)
print(("%-20s%s %-17s%s"):format("PV IDENTIFIER:", d.pvid, "VG IDENTIFIER", group.vgid))
row("PV STATE:", group.active and "active" or unknown)
row("STALE PARTITIONS:", group.active and "0" or unknown, "ALLOCATABLE:", group.active and "yes" or unknown)
row("PP SIZE:", group.active and vgda.pp_mb .. " megabyte(s)" or unknown, "LOGICAL VOLUMES:",
  group.active and count or unknown)
row("TOTAL PPs:", pp(pps), "VG DESCRIPTORS:", group.active and (#vgda.pvs == 1 and 2 or 1) or unknown)
row("FREE PPs:", pp(pps - used), "HOT SPARE:", group.active and "no" or unknown)
row("USED PPs:", pp(used), "MAX REQUEST:", group.active and "256 kilobytes" or unknown)
row("MIRROR POOL:", "None")
return group.active and 0 or 1
