#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/lsdev
-- part: all
-- lsdev [-C] [-c Class] [-s Subclass] [-l Name] [-S State] [-F Format]: configured devices.

local getopt = require "lab.getopt"
local odm = require "lab.odm"

local function usage(message)
  if message then io.stderr:write("lsdev: ", message, "\n") end
  io.stderr:write("Usage: lsdev [-C] [-c Class] [-s Subclass] [-l Name] [-S State] [-F Format] [-p Parent]\n")
  os.exit(1, true)
end

local options = getopt(arg, "CHc:s:l:S:F:p:t:r:", usage)
local texts = { ["disk/vscsi/vdisk"] = "Virtual SCSI Disk Drive", ["adapter/vdevice/IBM,v-scsi"] = "Virtual SCSI Client Adapter",
  ["adapter/vdevice/IBM,l-lan"] = "Virtual I/O Ethernet Adapter (l-lan)", ["if/EN/en"] = "Standard Ethernet Network Interface",
  ["tcpip/TCPIP/inet"] = "Internet Network Extension", ["sys/node/chrp"] = "System Object",
  ["adapter/pciex/df1000e21410f103"] = "PCIe2 2-Port 16Gb FC Adapter (df1000e21410f103)",
  ["tty/vdevice/hvterm1"] = "Asynchronous Terminal",
  ["logical_volume/vgsubclass/vgtype"] = "Volume group", ["logical_volume/lvsubclass/lvtype"] = "Logical volume" }
local states = { [0] = "Defined", "Available", "Stopped" }

local rows, message = odm.open("/etc/objrepos"):get("CuDv")
if not rows then
  io.stderr:write("lsdev: ", message, "\n")
  os.exit(1, true)
end
table.sort(rows, function(a, b) return a.name < b.name end)
local found = false
for _, row in ipairs(rows) do
  local class, subclass, kind = row.PdDvLn:match("^([^/]*)/([^/]*)/(.*)$")
  local state = states[row.status] or "Defined"
  if (not options.c or class == options.c) and (not options.s or subclass == options.s) and (not options.l or row.name == options.l)
    and (not options.p or row.parent == options.p) and (not options.S or state:sub(1, 1):lower() == options.S:sub(1, 1):lower()) then
    found = true
    if options.F then
      local values = { name = row.name, class = class, subclass = subclass, type = kind, status = state, location = row.location,
        parent = row.parent, description = texts[row.PdDvLn] or row.PdDvLn, physloc = row.location }
      print((options.F:gsub("%a+", function(word) return values[word] end)))
    else
      print(("%-12s %-9s %-14s %s"):format(row.name, state, row.location:match("%-C(%d+)%-T%d+$") and "" or row.location,
        texts[row.PdDvLn] or row.PdDvLn))
    end
  end
end
os.exit(found or not options.l, true)
