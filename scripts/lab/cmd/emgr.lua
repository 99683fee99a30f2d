#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/emgr
-- part: all
-- emgr -l, -P [Package]: interim fixes on the system (lab.efix); -r -L Label takes one away, -e Package puts one on.

local efix = require "lab.efix"
local getopt = require "lab.getopt"
local quirk = require "lab.quirk"

local function usage(message)
  if message then io.stderr:write("emgr: ", message, "\n") end
  io.stderr:write("Usage: emgr -l | -P [Package] | -e EfixPackage [-p] [-X] | -r -L Label [-p]\n")
  os.exit(1, true)
end

local options, operands = getopt(arg, "e:lL:prv:PX", usage)
local RULE = "+" .. ("-"):rep(77) .. "+"

local function ended(label, operation, message)
  if message then io.stderr:write("emgr: ", message, "\n") end
  print(RULE .. "\nOperation Summary\n" .. RULE .. "\nLog file is /var/adm/ras/emgr.log\n")
  print("EPKG NUMBER       LABEL               OPERATION              RESULT            ")
  print("===========       ==============      =================      ==============    ")
  print(("%-17s %-19s %-22s %s"):format("1", label, operation, message and "FAILURE" or "SUCCESS"))
  print("\nReturn Status = " .. (message and "FAILURE" or "SUCCESS"))
  os.exit(message and 1 or 0, true)
end

if options.e then
  local fix, message = efix.install(options.e, options.p)
  ended(fix and fix.label or options.e:match("[^/]*$"):match("^[^.]*"), "INSTALL", message)
elseif options.r then
  if not options.L then usage("The L flag is required with r here.") end
  local ok, message = true, nil
  if not options.p then ok, message = efix.remove(options.L) end
  ended(options.L, "REMOVE", not ok and message or nil)
end
if not (options.l or options.P) then usage("One of the flags e, l, P and r is required.") end

local fixes = efix.list()
if #fixes == 0 then
  print("There is no efix data on this system.")
  os.exit(quirk.is("emgr-none-status", "one") and 1 or 0, true)
end

if options.P then
  print("\nPACKAGE                                                  INSTALLER   LABEL")
  print("======================================================== =========== ==========")
  for _, fix in ipairs(fixes) do
    for _, fileset in ipairs(fix.filesets) do
      if not operands[1] or operands[1] == fileset then print(("%-56s installp    %s"):format(fileset, fix.label)) end
    end
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
