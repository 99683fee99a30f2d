-- SPDX-License-Identifier: MIT
-- Makers of the rows that the releases' classes.lua are written with: every field that they do not name has its usual value.

local rows = {}

local function filled(row, more)
  for name, value in pairs(more or {}) do row[name] = value end
  return row
end

--- PdDv
function rows.device(class, subclass, kind, prefix, driver, define, configure, more)
  return filled({ type = kind, class = class, subclass = subclass, prefix = prefix, devid = "", base = 1, has_vpd = 1,
    detectable = 1, chgstatus = 0, bus_ext = 0, fru = 1, led = 1, setno = 1, msgno = 1, catalog = "devices.cat",
    DvDr = driver, Define = define, Configure = configure, Change = "/etc/methods/chggen", Unconfigure = "/etc/methods/ucfgdevice",
    Undefine = "/etc/methods/undefine", Start = "", Stop = "", inventory_only = 0,
    uniquetype = class .. "/" .. subclass .. "/" .. kind }, more)
end

--- PdAt
function rows.attribute(uniquetype, name, deflt, values, more)
  return filled({ uniquetype = uniquetype, attribute = name, deflt = deflt, values = values, width = "", type = "R",
    generic = "DU", rep = "sl", nls_index = 1 }, more)
end

--- PdAt, of a number.
function rows.number(uniquetype, name, deflt, values) return rows.attribute(uniquetype, name, deflt, values, { rep = "nr" }) end

--- SRCsubsys
function rows.subsystem(name, path, group, more)
  return filled({ subsysname = name, synonym = "", cmdargs = "", path = path, uid = 0, auditid = 0, standin = "/dev/console",
    standout = "/dev/console", standerr = "/dev/console", action = 2, multi = 0, contact = 3, svrkey = 0, svrmtype = 0,
    priority = 20, signorm = 0, sigforce = 0, display = 1, waittime = 20, grpname = group }, more)
end

return rows
