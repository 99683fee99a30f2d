-- SPDX-License-Identifier: MIT
-- Volume groups as the commands of an LPAR see them: names and membership by the ODM, content by
-- the VGDA on the disks, active or not by the devices that are attached.

local disk = require "lab.disk"
local lpar = require "lpar"
local odm = require "lab.odm"
local sys = require "altmig.sys"

local lvm = {}

---@class lab.lvm.Group
---@field name string
---@field vgid string
---@field pvids string[]
---@field disks string[] names of its disks, as far as they are there
---@field vgda table? nil when no disk of it is there
---@field active boolean

---@class lab.lvm.Snapshot
---@field disks {name: string, pvid: string?, vg: string?}[]
---@field groups lab.lvm.Group[]
local Snapshot = {}
Snapshot.__index = Snapshot

local VG_LINK <const> = "logical_volume/vgsubclass/vgtype"
local LV_LINK <const> = "logical_volume/lvsubclass/lvtype"

local function check(value, message)
  if value == nil then error({ message = message, status = 1 }, 0) end
  return value
end
lvm.check = check

local function attribute_rows(store, name)
  local out = {}
  for _, row in ipairs(check(store:get("CuAt", "name = '" .. name .. "'"))) do
    out[row.attribute] = out[row.attribute] or {}
    table.insert(out[row.attribute], row.value)
  end
  return out
end

local function by_number(a, b)
  local x, y = tonumber(a.name:match("%d+$")), tonumber(b.name:match("%d+$"))
  if x and y and x ~= y then return x < y end
  return a.name < b.name
end

local function any_attached(vgda, loops)
  for _, lv in ipairs(vgda.lvs) do
    local here, outside, offset = disk.lv_file(vgda, lv)
    if here and loops[("%s@%d"):format(outside, offset)] then return true end
  end
  return #vgda.lvs == 0
end

--- The disks and volume groups the ODM below `root` knows (the own system by default).
---@param root string?
---@return lab.lvm.Snapshot
function lvm.snapshot(root)
  local store = odm.open((root or "") .. "/etc/objrepos")
  local snapshot = setmetatable({ disks = {}, groups = {}, loops = check(disk.loops()) }, Snapshot)
  for _, row in ipairs(check(store:get("CuDv", "PdDvLn LIKE 'disk/*'"))) do
    local pvid = (attribute_rows(store, row.name).pvid or {})[1]
    table.insert(snapshot.disks, { name = row.name, pvid = pvid and pvid:sub(1, 16) })
  end
  table.sort(snapshot.disks, by_number)
  local on_disk = check(disk.groups())
  for _, row in ipairs(check(store:get("CuDv", "PdDvLn = '" .. VG_LINK .. "'"))) do
    local attributes = attribute_rows(store, row.name)
    local group = { name = row.name, vgid = (attributes.vgserial_id or {})[1], pvids = {}, disks = {} }
    for _, value in ipairs(attributes.pv or {}) do
      local pvid = value:sub(1, 16)
      table.insert(group.pvids, pvid)
      for _, d in ipairs(snapshot.disks) do
        if d.pvid == pvid then
          d.vg = row.name
          table.insert(group.disks, d.name)
        end
      end
    end
    local found = on_disk[group.vgid]
    group.vgda = found and found.vgda
    group.active = group.vgda ~= nil and any_attached(group.vgda, snapshot.loops)
    table.insert(snapshot.groups, group)
  end
  return snapshot
end

---@param name string
---@return {name: string, pvid: string?, vg: string?}?
function Snapshot:disk(name)
  for _, d in ipairs(self.disks) do
    if d.name == name then return d end
  end
end

---@param name string
---@return lab.lvm.Group?
function Snapshot:group(name)
  for _, group in ipairs(self.groups) do
    if group.name == name then return group end
  end
end

--- The logical volume of that name in an active group.
---@return table? lv
---@return lab.lvm.Group? group
function Snapshot:lv(name)
  for _, group in ipairs(self.groups) do
    local lv = group.active and disk.lv_find(group.vgda, name)
    if lv then return lv, group end
  end
end

--- Name of the device a file system is on, by "major:minor": {"7:3" = "hd4"}.
---@return table<string, string>
function Snapshot:devices()
  local names = {}
  for _, group in ipairs(self.groups) do
    for _, lv in ipairs(group.active and group.vgda.lvs or {}) do
      local here, outside, offset = disk.lv_file(group.vgda, lv)
      local device = here and self.loops[("%s@%d"):format(outside, offset)]
      local stat = device and sys.stat(lpar.world().prefix .. device)
      if stat and stat.rdev_major then names[stat.rdev_major .. ":" .. stat.rdev_minor] = lv.name end
    end
  end
  return names
end

--- What is mounted in this LPAR, in AIX's terms, in the order of mounting.
---@return {at: string, device: string, node: string, vfs: string, options: string, id: integer, lv: string?}[]
function Snapshot:mounts()
  local names, out = self:devices(), {}
  for _, m in ipairs(check(lpar.mounts())) do
    local entry = { at = m.target, id = m.id, node = m.node or "" }
    if m.remote then
      entry.device, entry.options = m.remote, m.nfs_options or ""
      entry.vfs = entry.node == "" and "namefs" or "nfs3"
      table.insert(out, entry)
    elseif names[m.dev] then
      entry.lv = names[m.dev]
      entry.device, entry.vfs = "/dev/" .. entry.lv, "jfs2"
      entry.options = (m.options:match("%f[%w]ro%f[%W]") and "ro" or "rw") .. ",log=" .. self:log_of(entry.lv)
      table.insert(out, entry)
    elseif m.fstype == "proc" then
      entry.device, entry.vfs, entry.options = "/proc", "procfs", "rw"
      table.insert(out, entry)
    end
  end
  return out
end

--- The log device of a file system's group, or INLINE.
---@param name string of a logical volume
function Snapshot:log_of(name)
  local _, group = self:lv(name)
  for _, lv in ipairs(group and group.vgda.lvs or {}) do
    if lv.type == "jfs2log" then return "/dev/" .. lv.name end
  end
  return "INLINE"
end

-- Types of logical volumes that are open whenever their volume group is in use.
local kept_open = { paging = true, jfs2log = true, sysdump = true }

--- "open/syncd" or "closed/syncd".
---@param group lab.lvm.Group
---@param lv table
---@param mounted table<string, any> by name of the logical volume
function lvm.lv_state(group, lv, mounted)
  if mounted[lv.name] then return "open/syncd" end
  if kept_open[lv.type] and group.name ~= "altinst_rootvg" then return "open/syncd" end
  if lv.type == "jfs2log" then
    for _, other in ipairs(group.vgda.lvs) do
      if mounted[other.name] then return "open/syncd" end
    end
  end
  return "closed/syncd"
end

--- Makes the special files of a block device: /dev/NAME and /dev/rNAME.
---@param name string
---@param device string outside path of the device
---@param root string?
function lvm.make_nodes(name, device, root)
  local stat = check(sys.stat(lpar.world().prefix .. device))
  for _, path in ipairs { "/dev/" .. name, "/dev/r" .. name } do
    path = (root or "") .. path
    sys.remove(path)
    check(sys.mknod(path, "block", 432, stat.rdev_major, stat.rdev_minor))
  end
end

function lvm.remove_nodes(name, root)
  sys.remove((root or "") .. "/dev/" .. name)
  sys.remove((root or "") .. "/dev/r" .. name)
end

--- Attaches every logical volume of a group and makes the special files.
---@param vgda table
function lvm.vary_on(vgda)
  local loops = check(disk.loops())
  for _, lv in ipairs(vgda.lvs) do
    lvm.make_nodes(lv.name, check(disk.lv_attach(vgda, lv, loops)))
  end
end

--- Majors that are in use: of the devices the system really has. An object of CuDvDr whose device
--- is gone does not count, as it does not for the kernel.
---@param store table
---@return table<integer, string> name by major
function lvm.majors(store)
  local used, there = {}, {}
  for _, row in ipairs(check(store:get("CuDv"))) do
    there[row.name] = true
    if row.ddins ~= "" then there[row.ddins] = true end
  end
  for _, row in ipairs(check(store:get("CuDvDr"))) do
    local devno = row.resource == "devno"
    local major = math.tointeger(tonumber(devno and row.value1 or row.value2))
    local name = devno and row.value3 or row.value1
    if major and there[name] then used[major] = name end
  end
  return used
end

local FIRST_MAJOR <const> = 33

--- The lowest major that is free.
function lvm.free_major(store)
  local used, major = lvm.majors(store), FIRST_MAJOR
  while used[major] do major = major + 1 end
  return major
end

local function add_attribute(store, name, attribute, value, kind)
  check(store:add("CuAt", { name = name, attribute = attribute, value = value, type = kind or "R", generic = "DU",
    rep = "s", nls_index = 0 }))
end

--- Defines a volume group in the ODM; without `lvs` it is a mere name.
---@param store table
---@param group {name: string, vgid: string, pvids: string[], major: integer?, lvs: table[]?}
function lvm.define(store, group)
  check(store:add("CuDv", { name = group.name, status = 1, chgstatus = 1, PdDvLn = VG_LINK }))
  add_attribute(store, group.name, "vgserial_id", group.vgid)
  add_attribute(store, group.name, "auto_on", group.auto_on and "y" or "n")
  for _, pvid in ipairs(group.pvids) do
    add_attribute(store, group.name, "pv", pvid .. ("0"):rep(16))
  end
  if group.major then
    check(store:add("CuDvDr", { resource = "devno", value1 = tostring(group.major), value2 = "0", value3 = group.name }))
  end
  for _, lv in ipairs(group.lvs or {}) do lvm.define_lv(store, group, lv) end
end

function lvm.define_lv(store, group, lv)
  check(store:add("CuDv", { name = lv.name, status = 1, chgstatus = 1, location = "", parent = group.name,
    connwhere = tostring(lv.number), PdDvLn = LV_LINK }))
  add_attribute(store, lv.name, "lvserial_id", group.vgid .. "." .. lv.number)
  add_attribute(store, lv.name, "type", lv.type)
  add_attribute(store, lv.name, "size", tostring(lv.lps))
  if lv.label then add_attribute(store, lv.name, "label", lv.label) end
  check(store:add("CuDep", { name = group.name, dependency = lv.name }))
  if group.major then
    check(store:add("CuDvDr", { resource = "devno", value1 = tostring(group.major), value2 = tostring(lv.number),
      value3 = lv.name }))
  end
end

--- Removes a volume group and its logical volumes from the ODM (exportvg).
---@param store table
---@param name string
function lvm.undefine(store, name)
  local doomed = { name }
  for _, row in ipairs(check(store:get("CuDv", "parent = '" .. name .. "' AND PdDvLn = '" .. LV_LINK .. "'"))) do
    doomed[#doomed + 1] = row.name
  end
  for _, gone in ipairs(doomed) do
    check(store:delete("CuDv", "name = '" .. gone .. "'"))
    check(store:delete("CuAt", "name = '" .. gone .. "'"))
    check(store:delete("CuDvDr", "resource = devno AND value3 = '" .. gone .. "'"))
  end
  check(store:delete("CuDep", "name = '" .. name .. "'"))
end

--- What AIX says when a logical volume does not fit.
lvm.no_partitions = "0516-404 allocp: This system cannot fulfill the allocation request.\n"
  .. "\tThere are not enough free partitions or not enough physical volumes \n"
  .. "\tto keep strictness and satisfy allocation requests.  The command\n"
  .. "\tshould be retried with different allocation characteristics."

return lvm
