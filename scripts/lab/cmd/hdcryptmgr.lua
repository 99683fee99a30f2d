#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/hdcryptmgr
-- part: all
-- hdcryptmgr showvg [VG], showlv VG: which volume groups and volumes are encrypted. A system has the command with the
-- fileset bos.hdcrypt (7.2 TL5 and later).

local lvm = require "lab.lvm"
local machine = require "lab.machine"
local swvpd = require "lab.swvpd"

if not swvpd.open():find("usr", "bos.hdcrypt") then
  io.stderr:write("hdcryptmgr: 0403-006 Execute permission denied.\n")
  os.exit(127, true)
end
local encrypted = {}
for _, name in ipairs(machine.read().encrypted or {}) do encrypted[name] = true end
local action, name = arg[1], arg[2]
if action == "showvg" then
  print("VG NAME / ID         ENCRYPTION ENABLED")
  print(("%-20s %s"):format(name or "rootvg", next(encrypted) and "yes" or "no"))
elseif action == "showlv" and name then
  local group = lvm.snapshot():group(name)
  if not group then
    io.stderr:write(("hdcryptmgr: %s was not found\n"):format(name))
    os.exit(1, true)
  end
  print("LV NAME             CRYPTO ENABLED       AUTHENTICATED        ENCRYPTION (%)       CONVERSION")
  for _, lv in ipairs(group.vgda.lvs) do
    local on = encrypted[lv.name]
    print(("%-19s %-20s %-20s %-20s %s"):format(lv.name, on and "yes" or "no", on and "yes" or "NA", on and "100" or "NA", "done"))
  end
else
  io.stderr:write("Usage: hdcryptmgr <action> <..options..>\n")
  os.exit(1, true)
end
