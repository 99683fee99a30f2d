#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/trustchk
-- part: all
-- trustchk -p [Name ...]: policies of Trusted Execution. All are off here; nothing can be set.

local getopt = require "lab.getopt"

local function usage(message)
  if message then io.stderr:write("trustchk: ", message, "\n") end
  io.stderr:write("Usage: trustchk -p [TE[=ON|OFF] | CHKEXEC | CHKSHLIB | CHKSCRIPT | CHKKERNEXT | ...]\n")
  os.exit(1, true)
end

local options, names = getopt(arg, "p", usage)
if not options.p then usage("Only the p flag is supported.") end
local known = { "TE", "CHKEXEC", "CHKSHLIB", "CHKSCRIPT", "CHKKERNEXT", "STOP_UNTRUSTD", "STOP_ON_CHKFAIL", "LOCK_KERN_POLICIES",
  "TSD_FILES_LOCK", "TSD_LOCK", "TEP", "TLP" }
local is_known = {}
for _, name in ipairs(known) do is_known[name] = true end
for _, name in ipairs(names[1] and names or known) do
  if not is_known[name] then usage("Invalid policy: " .. name) end
  print(name .. "=OFF")
end
return 0
