#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/lslv
-- part: all
-- lslv LV: what LVM knows of a logical volume. lslv -m LV: its physical partitions.

local bootdisk = require "lab.bootdisk"
local disk = require "lab.disk"
local getopt = require "lab.getopt"
local lvm = require "lab.lvm"
local odmcmd = require "lab.odmcmd"

local usage = odmcmd.usage("lslv", "lslv [-L] [-m] LogicalVolume")
local options, names = getopt(arg, "Lm", usage)
if #names ~= 1 then usage() end
local snapshot = lvm.snapshot()
local lv, group = snapshot:lv(names[1])
if not lv then
  io.stderr:write(("0516-306 lslv: Unable to find %s in the Device\n\tConfiguration Database.\n"):format(names[1]))
  return 1
end
if options.m then
  local partitions, on = disk.lv_partitions(group.vgda, lv), bootdisk.disks_of(group.vgda, lv)
  print(("%s:%s"):format(lv.name, lv.label and lv.label:match("^/") and lv.label or "N/A"))
  print("LP    PP1  PV1               PP2  PV2               PP3  PV3")
  for lp, partition in ipairs(partitions) do
    local words = { ("%04d "):format(lp) }
    for _, name in ipairs(on) do words[#words + 1] = ("%04d %-17s"):format(partition, name) end
    print((table.concat(words, " "):gsub("%s+$", "")))
  end
  return 0
end
local mounted = {}
for _, m in ipairs(snapshot:mounts()) do
  if m.lv then mounted[m.lv] = m end
end
local at = lv.type:match("^jfs") and lv.label
local function row(a, b, c, d)
  if #a >= 20 then a = a .. " " end
  print((("%-20s%-23s%-16s%s"):format(a, b, c or "", d or ""):gsub("%s+$", "")))
end
row("LOGICAL VOLUME:", lv.name, "VOLUME GROUP:", group.name)
print(("%-20s%s.%d %-16s%s"):format("LV IDENTIFIER:", group.vgid, lv.number, "PERMISSION:", "read/write"))
row("VG STATE:", "active/complete", "LV STATE:",
  lvm.lv_state(group, lv, mounted) == "open/syncd" and "opened/syncd" or "closed/syncd")
row("TYPE:", lv.type, "WRITE VERIFY:", "off")
row("MAX LPs:", "512", "PP SIZE:", group.vgda.pp_mb .. " megabyte(s)")
row("COPIES:", lv.copies or 1, "SCHED POLICY:", "parallel")
row("LPs:", lv.lps, "PPs:", lv.lps * (lv.copies or 1))
row("STALE PPs:", 0, "BB POLICY:", lv.type == "boot" and "non-relocatable" or "relocatable")
row("INTER-POLICY:", "minimum", "RELOCATABLE:", lv.type == "boot" and "no" or "yes")
row("INTRA-POLICY:", lv.type == "boot" and "edge" or "center", "UPPER BOUND:", 32)
row("MOUNT POINT:", at or "N/A", "LABEL:", lv.label or (lv.type == "boot" and "primary_bootlv") or "None")
row("MIRROR WRITE CONSISTENCY:", lv.type == "jfs2log" and "off" or "on/ACTIVE")
row("EACH LP COPY ON A SEPARATE PV ?:", "yes")
row("Serialize IO ?:", "NO")
