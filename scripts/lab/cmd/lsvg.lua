#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/lsvg
-- part: all
-- lsvg [-o] | [-l | -p] VG ...: volume groups, their logical or physical volumes.

local print = require "lab.locale".print
local disk = require "lab.disk"
local getopt = require "lab.getopt"
local lvm = require "lab.lvm"
local odmcmd = require "lab.odmcmd"
local quirk = require "lab.quirk"

local usage = odmcmd.usage("lsvg", "lsvg [-o] | [-l | -p] VGname ...")
local options, names = getopt(arg, "olp", usage)
local snapshot = lvm.snapshot()

local function spread(total)
  local part, out = total // 5, {}
  for i = 1, 5 do out[i] = ("%02d"):format(i < 5 and part or total - 4 * part) end
  return table.concat(out, "..")
end

local function logical_volumes(group, mounted)
  print(group.name .. ":")
  local form = "%-20s%-11s%-8s%-8s%-5s%-14s%s"
  print(form:format("LV NAME", "TYPE", "LPs", "PPs", "PVs", "LV STATE", "MOUNT POINT"))
  for _, lv in ipairs(group.vgda.lvs) do
    local at = lv.type:match("^jfs") and lv.label
    if at == "/alt_inst" and quirk.is("alt-inst-mount-point", "slash") then at = "/alt_inst/" end
    print(form:format(lv.name, lv.type, lv.lps, lv.lps * (lv.copies or 1), lv.copies or 1,
      lvm.lv_state(group, lv, mounted), at or "N/A"))
  end
end

local function physical_volumes(group)
  print(group.name .. ":")
  local form = "%-18s%-18s%-12s%-12s%s"
  print(form:format("PV_NAME", "PV STATE", "TOTAL PPs", "FREE PPs", "FREE DISTRIBUTION"))
  local _, used = disk.vg_pps(group.vgda)
  for _, pv in ipairs(group.vgda.pvs) do
    local free = math.max(0, pv.pps - used)
    used = math.max(0, used - pv.pps)
    print(form:format(disk.by_pvid(pv.pvid) or pv.pvid, "active", pv.pps, free, spread(free)))
  end
end

local function whole(group, mounted)
  local vgda = group.vgda
  local total, used = disk.vg_pps(vgda)
  local open = 0
  for _, lv in ipairs(vgda.lvs) do
    if lvm.lv_state(group, lv, mounted) == "open/syncd" then open = open + 1 end
  end
  local function row(a, b, c, d) print((("%-20s%-25s%-16s%s"):format(a, b, c or "", d or ""):gsub("%s+$", ""))) end
  local function pps(n) return ("%d (%d megabytes)"):format(n, n * vgda.pp_mb) end
  row("VOLUME GROUP:", group.name, "VG IDENTIFIER:", group.vgid)
  row("VG STATE:", "active", "PP SIZE:", vgda.pp_mb .. " megabyte(s)")
  row("VG PERMISSION:", "read/write", "TOTAL PPs:", pps(total))
  row("MAX LVs:", 256, "FREE PPs:", pps(total - used))
  row("LVs:", #vgda.lvs, "USED PPs:", pps(used))
  row("OPEN LVs:", open, "QUORUM:", "2 (Enabled)")
  row("TOTAL PVs:", #vgda.pvs, "VG DESCRIPTORS:", #vgda.pvs == 1 and 2 or #vgda.pvs + 1)
  row("STALE PVs:", 0, "STALE PPs:", 0)
  row("ACTIVE PVs:", #vgda.pvs, "AUTO ON:", vgda.auto_on and "yes" or "no")
  row("MAX PPs per VG:", 32512)
  row("MAX PPs per PV:", 1016, "MAX PVs:", 32)
  row("LTG size (Dynamic):", "256 kilobyte(s)", "AUTO SYNC:", "no")
  row("HOT SPARE:", "no", "BB POLICY:", "relocatable")
  row("PV RESTRICTION:", "none", "INFINITE RETRY:", "no")
end

if #names == 0 then
  if options.l or options.p then usage() end
  for _, group in ipairs(snapshot.groups) do
    if group.active or not options.o then print(group.name) end
  end
  return 0
end

local mounted = {}
for _, m in ipairs(snapshot:mounts()) do
  if m.lv then mounted[m.lv] = m end
end
local status = 0
for _, name in ipairs(names) do
  local group = snapshot:group(name)
  if not group then
    io.stderr:write(("0516-306 lsvg: Unable to find volume group %s in the Device\n\tConfiguration Database.\n"):format(name))
    status = 1
  elseif not group.active then
    io.stderr:write("0516-010 : Volume group must be varied on; use varyonvg command.\n")
    status = 1
  elseif options.l then
    logical_volumes(group, mounted)
  elseif options.p then
    physical_volumes(group)
  else
    whole(group, mounted)
  end
end
return status
