-- SPDX-License-Identifier: MIT
-- The customized device classes (CuDv, CuAt, CuDep, CuDvDr, CuVPD, CuPath) of a machine of the lab,
-- from what hardware it has and which volume groups are on its disks.

local devices = {}

local LV_TYPE, VG_TYPE = "logical_volume/lvsubclass/lvtype", "logical_volume/vgsubclass/vgtype"

---@class lab.devices.Machine
---@field name string host name
---@field address string
---@field mac string
---@field disks {name: string, pvid: string?, mb: integer}[]
---@field groups {name: string, vgid: string, disks: string[], lvs: table[]}[] lvs: number, name, type, label, lps

local function device(out, name, fields)
  local row = { name = name, status = 1, chgstatus = 2, ddins = "", location = "", parent = "", connwhere = "" }
  for field, value in pairs(fields) do row[field] = value end
  table.insert(out.CuDv, row)
end

local function attribute(out, name, attr, value, more)
  local row = { name = name, attribute = attr, value = value, type = "R", generic = "DU", rep = "s", nls_index = 0 }
  for field, v in pairs(more or {}) do row[field] = v end
  table.insert(out.CuAt, row)
end

local function number(out, resource, value1, value2, value3)
  table.insert(out.CuDvDr, { resource = resource, value1 = tostring(value1), value2 = tostring(value2), value3 = value3 })
end

--- A PVID as CuAt holds it.
function devices.long_pvid(pvid) return pvid .. ("0"):rep(16) end

local function hardware(out, machine)
  device(out, "sys0", { ddins = "", PdDvLn = "sys/node/chrp", chgstatus = 1 })
  device(out, "vio0", { parent = "sysplanar0", PdDvLn = "sys/node/chrp" })
  device(out, "vscsi0", { ddins = "vscsi_initdd", location = "U9119.MME.21ABCDE-V2-C4-T1", parent = "vio0", connwhere = "0",
    PdDvLn = "adapter/vdevice/IBM,v-scsi" })
  device(out, "ent0", { ddins = "vioentdd", location = "U9119.MME.21ABCDE-V2-C2-T1", parent = "vio0", connwhere = "1",
    PdDvLn = "adapter/vdevice/IBM,l-lan" })
  device(out, "en0", { ddins = "if_en", parent = "ent0", PdDvLn = "if/EN/en" })
  device(out, "inet0", { PdDvLn = "tcpip/TCPIP/inet" })
  device(out, "vty0", { ddins = "hvterm1", parent = "vio0", connwhere = "2", PdDvLn = "tty/vdevice/hvterm1" })
  attribute(out, "sys0", "modelname", "IBM,9119-MME", { generic = "D" })
  attribute(out, "sys0", "systemid", "IBM,0221ABCDE", { generic = "D" })
  attribute(out, "sys0", "maxuproc", "2048", { rep = "nr", nls_index = 20 })
  attribute(out, "en0", "netaddr", machine.address, { nls_index = 4 })
  attribute(out, "en0", "netmask", "255.255.255.0", { nls_index = 8 })
  attribute(out, "en0", "state", "up", { rep = "sl", nls_index = 5 })
  attribute(out, "inet0", "hostname", machine.name, { nls_index = 24 })
  table.insert(out.CuVPD, { name = "ent0", vpd_type = 0, vpd = "*NA" .. machine.mac })
  number(out, "devno", 1, 0, "vty0")
end

local function disks(out, machine)
  for i, disk in ipairs(machine.disks) do
    local lun = ("8%d00000000000000"):format(i)
    device(out, disk.name, { ddins = "scsidisk", location = "", parent = "vscsi0", connwhere = lun:sub(1, 12),
      PdDvLn = "disk/vscsi/vdisk" })
    attribute(out, disk.name, "unique_id", ("3520200%s05VDASD03AIXvscsi"):format(disk.name), { generic = "D", nls_index = 79 })
    if disk.pvid then
      attribute(out, disk.name, "pvid", devices.long_pvid(disk.pvid), { generic = "D", nls_index = 2 })
    end
    table.insert(out.CuPath, { name = disk.name, parent = "vscsi0", connection = lun, alias = "", path_status = 1, path_id = 0 })
    number(out, "devno", 13, i - 1, disk.name)
  end
  number(out, "ddins", "scsidisk", 13, "")
  number(out, "ddins", "hd_pin", 10, "")
end

local function volume_groups(out, machine)
  local pvids, major = {}, 10
  for _, disk in ipairs(machine.disks) do pvids[disk.name] = disk.pvid end
  for i, group in ipairs(machine.groups) do
    local vg_major = i == 1 and major or 35 + i
    device(out, group.name, { status = 0, chgstatus = 1, PdDvLn = VG_TYPE })
    attribute(out, group.name, "vgserial_id", group.vgid, { generic = "D", rep = "n", nls_index = 637 })
    for _, name in ipairs(group.disks) do
      attribute(out, group.name, "pv", devices.long_pvid(pvids[name]), { generic = "D", rep = "sl" })
    end
    number(out, "devno", vg_major, 0, group.name)
    for _, lv in ipairs(group.lvs) do
      device(out, lv.name, { status = 0, chgstatus = 1, parent = group.name, PdDvLn = LV_TYPE })
      attribute(out, lv.name, "lvserial_id", ("%s.%d"):format(group.vgid, lv.number), { generic = "D", rep = "n", nls_index = 648 })
      attribute(out, lv.name, "type", lv.type, { nls_index = 639 })
      if lv.label and lv.label ~= "" then attribute(out, lv.name, "label", lv.label, { nls_index = 651 }) end
      attribute(out, lv.name, "size", tostring(lv.lps), { rep = "r", nls_index = 647 })
      table.insert(out.CuDep, { name = group.name, dependency = lv.name })
      number(out, "devno", vg_major, lv.number, lv.name)
    end
  end
end

--- Rows of the customized classes: class -> objects.
---@param machine lab.devices.Machine
---@return table<string, table[]>
function devices.rows(machine)
  local out = { CuDv = {}, CuAt = {}, CuDep = {}, CuDvDr = {}, CuVPD = {}, CuPath = {}, CuPathAt = {}, CuData = {} }
  hardware(out, machine)
  disks(out, machine)
  volume_groups(out, machine)
  return out
end

return devices
