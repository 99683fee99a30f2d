#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/emgr
-- part: all
-- emgr -l: interim fixes on the system. A fix is a file /usr/emgrdata/DBS/LABEL with the lines
-- state=, time=, abstract= and any number of fileset=.

local getopt = require "lab.getopt"
local sys = require "altmig.sys"

local function usage(message)
  if message then io.stderr:write("emgr: ", message, "\n") end
  io.stderr:write("Usage: emgr -l\n")
  os.exit(1, true)
end

local options = getopt(arg, "lv:P", usage)
if not (options.l or options.P) then usage("Only the l and P flags are supported.") end

local fixes = {}
for _, label in ipairs(sys.list("/usr/emgrdata/DBS") or {}) do
  local fix = { label = label, filesets = {} }
  for name, value in (sys.read_file("/usr/emgrdata/DBS/" .. label) or ""):gmatch("(%w+)=([^\n]*)") do
    if name == "fileset" then table.insert(fix.filesets, value) else fix[name] = value end
  end
  fixes[#fixes + 1] = fix
end

if #fixes == 0 then
  print("There is no efix data on this system.")
  os.exit(0, true)
end

if options.P then
  print("\nPACKAGE                                                  INSTALLER   LABEL")
  print("======================================================== =========== ==========")
  for _, fix in ipairs(fixes) do
    for _, fileset in ipairs(fix.filesets) do print(("%-56s installp    %s"):format(fileset, fix.label)) end
  end
  os.exit(0, true)
end

print("\nID  STATE LABEL      INSTALL TIME      UPDATED BY ABSTRACT")
print("=== ===== ========== ================= ========== ======================================")
for i, fix in ipairs(fixes) do
  print(("%-3d %-5s %-10s %-17s %-10s %s"):format(i, (" %s "):format(fix.state or "S"), fix.label, fix.time or "", "", fix.abstract or ""))
end
print([[

STATE codes:
 S = STABLE
 M = MOUNTED
 U = UNMOUNTED
 Q = REBOOT REQUIRED
 B = BROKEN
 I = INSTALLING
 R = REMOVING
 T = TESTED
 P = PATCHED
 N = NOT PATCHED
 SP = STABLE + PATCHED
 SN = STABLE + NOT PATCHED
 QP = BOOT IMAGE MODIFIED + PATCHED
 QN = BOOT IMAGE MODIFIED + NOT PATCHED
 RQ = REMOVING + REBOOT REQUIRED]])
