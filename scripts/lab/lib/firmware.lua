-- SPDX-License-Identifier: MIT
-- What happens between power and login, played on the disks of an LPAR: firmware follows the boot
-- list to a boot record and loads the boot image; its first stage finds rootvg by the base
-- customized data and varies it on; the second mounts it; init reads inittab; the configuration
-- manager looks its devices up in the ODM. Every step that would hang a real machine ends here with
-- the code its operator panel would show and a reason.

local bootdisk = require "lab.bootdisk"
local disk = require "lab.disk"
local filesystems = require "lab.filesystems"
local kernel = require "lab.kernel"
local nvram = require "lab.nvram"
local odm = require "lab.odm"
local sys = require "altmig.sys"

local firmware = {}

---@class lab.firmware.World
---@field disk string|nil boots from this disk instead of following the boot list
---@field mount fun(vgda: table, lv: table, at: string): string?, string? makes a file system readable; returns the
---   directory that is the root of the system so far
---@field oslevel fun(root: string): string?, string?

---@class lab.firmware.Result
---@field up boolean
---@field disk string?
---@field level string? oslevel -s
---@field kernel string? level of the kernel in the boot image
---@field led string? where it hangs
---@field reason string?

local function hang(led, format, ...)
  error({ led = led, reason = format:format(...) }, 0)
end

local LED <const> = {
  no_device = "20EE000B", -- firmware found nothing to boot
  image = "201",          -- damaged boot image
  base = "546",          -- no base customized data, or damaged ones
  vary_on = "552",        -- rootvg cannot be varied on
  pv = "554",             -- the boot disk is not the one the boot image knows
  lvm = "556",            -- LVM structures of rootvg are wrong
  root = "557",           -- / cannot be mounted
  mount = "518",          -- /usr, /var ... cannot be mounted
  inittab = "553",
  no_odm = "523",
  cudv = "525",           -- a customized device is missing
  crash = "888",
}

-- ---- firmware ----

local function candidates(world)
  if world.disk then return { { disk = world.disk } } end
  local lists, message = nvram.bootlists((disk.base()))
  if not lists then hang(LED.no_device, "%s", message) end
  if #lists.normal == 0 then hang(LED.no_device, "the boot list is empty") end
  return lists.normal
end

-- The first device of the boot list that has a boot record, and its image.
local function load(world)
  local reasons = {}
  for _, entry in ipairs(candidates(world)) do
    local image, reason, where = bootdisk.load(entry.disk)
    if image and image.start ~= disk.BOOT_SECTOR then
      image, reason, where = nil, "the boot record does not point at the boot logical volume", "record"
    end
    if image then return entry, image end
    if where == "image" then hang(LED.image, "%s: boot image: %s", entry.disk, reason) end
    reasons[#reasons + 1] = ("%s: %s"):format(entry.disk, reason)
  end
  hang(LED.no_device, "nothing in the boot list can be booted: %s", table.concat(reasons, "; "))
end

-- ---- first stage ----

local needed <const> = { hd4 = "/", hd2 = "/usr", hd9var = "/var", hd3 = "/tmp", hd5 = false, hd6 = false, hd8 = false }

-- A system that a copy is being made of names the copy's file systems; the copy itself must not.
local function has_copy(root)
  local store <close> = odm.open(root .. "/etc/objrepos")
  local rows = store:get("CuDv", "name = altinst_rootvg")
  return rows ~= nil and #rows > 0
end

local function check_names(entry, vgda)
  local names = {}
  for _, lv in ipairs(vgda.lvs) do
    if lv.name:match("^alt_") then
      hang(LED.lvm, "%s: logical volumes still have the names of the copy (%s)", entry.disk, lv.name)
    end
    names[lv.name] = lv
  end
  for name, label in pairs(needed) do
    if not names[name] then hang(LED.lvm, "%s: rootvg has no logical volume %s", entry.disk, name) end
    if label and names[name].label ~= label then
      hang(LED.lvm, "%s: logical volume %s has the label %s", entry.disk, name, tostring(names[name].label))
    end
  end
  if entry.blv and not names[entry.blv] then
    hang(LED.no_device, "the boot list names %s, which %s has not", entry.blv, entry.disk)
  end
  return names
end

local function vary_on(entry, image)
  local name, base = entry.disk, image.base
  if not base then hang(LED.base, "%s: %s", name, image.base_problem) end
  local record = disk.ipl_read(name)
  if not record.pvid then hang(LED.pv, "%s has no PVID", name) end
  if base.rootvg.pvid ~= record.pvid then
    hang(LED.pv, "%s has the PVID %s, the base customized data have rootvg on %s", name, record.pvid,
      base.rootvg.pvid == "" and "no disk" or base.rootvg.pvid)
  end
  local known = false
  for _, pvid in pairs(base.devices) do known = known or pvid == record.pvid end
  if not known then hang(LED.pv, "no disk of the base customized data has the PVID %s", record.pvid) end
  local lvm = disk.lvm_read(name)
  if not lvm or not lvm.vgid then hang(LED.vary_on, "%s belongs to no volume group", name) end
  if lvm.vgid ~= base.rootvg.vgid then
    hang(LED.vary_on, "%s belongs to volume group %s, rootvg is %s", name, lvm.vgid, base.rootvg.vgid)
  end
  local vgda, message = disk.vgda_read(name)
  if not vgda then hang(LED.vary_on, "%s", message or name .. ": no VGDA") end
  local member = false
  for _, pv in ipairs(vgda.pvs) do member = member or pv.pvid == record.pvid end
  if not member then hang(LED.vary_on, "%s: the VGDA does not name PVID %s", name, record.pvid) end
  return vgda, check_names(entry, vgda), record.pvid
end

-- ---- second stage ----

local function mount(world, vgda, lvs)
  local root, message = world.mount(vgda, lvs.hd4, "/")
  if not root then hang(LED.root, "/dev/hd4: %s", message) end
  local file
  file, message = filesystems.open(root)
  if not file then hang(LED.mount, "%s", message) end
  for name, label in pairs(needed) do
    local stanza = label and file:get(label)
    if label and (not stanza or stanza.attributes.dev ~= "/dev/" .. name) then
      hang(LED.mount, "/etc/filesystems does not mount /dev/%s on %s", name, label)
    end
  end
  table.sort(file.stanzas, function(a, b) return a.at < b.at end)
  for _, stanza in ipairs(file.stanzas) do
    local device = (stanza.attributes.dev or ""):match("^/dev/(.+)$")
    if device and device:match("^alt_") and not has_copy(root) then
      hang(LED.mount, "/etc/filesystems still has %s of the copy", stanza.at)
    end
    local how = stanza.attributes.mount
    if device and lvs[device] and stanza.at ~= "/" and (how == "automatic" or how == "true") then
      local ok
      ok, message = world.mount(vgda, lvs[device], stanza.at)
      if not ok then hang(LED.mount, "/dev/%s on %s: %s", device, stanza.at, message) end
    end
  end
  return root
end

local function check_inittab(root)
  local text = sys.read_file(root .. "/etc/inittab")
  if not text then hang(LED.inittab, "/etc/inittab does not exist") end
  if not ("\n" .. text):find("\ninit:%w:initdefault:") then
    hang(LED.inittab, "/etc/inittab has no entry initdefault")
  end
end

-- ---- configuration manager ----

local function check_odm(root, vgda, pvid)
  local store <close> = odm.open(root .. "/etc/objrepos")
  local function get(class, criteria)
    local rows, message = store:get(class, criteria)
    if not rows then hang(LED.no_odm, "%s", message:gsub("^" .. root:gsub("%p", "%%%0"), "")) end
    return rows
  end
  local function values(name, attribute)
    local set = {}
    for _, row in ipairs(get("CuAt", ("name = '%s' AND attribute = %s"):format(name, attribute))) do
      set[row.value] = true
    end
    return set
  end
  local function device(name, what)
    if #get("CuDv", "name = '" .. name .. "'") == 0 then hang(LED.cudv, "CuDv has no object for %s %s", what, name) end
  end
  local long, found = pvid .. ("0"):rep(16), nil
  for _, row in ipairs(get("CuAt", "attribute = pvid AND value = " .. long)) do found = row.name end
  if not found then hang(LED.cudv, "CuAt has no disk with the PVID %s", pvid) end
  device(found, "the boot disk")
  device("rootvg", "volume group")
  if not values("rootvg", "vgserial_id")[vgda.vgid] then
    hang(LED.cudv, "CuAt does not have %s as the identifier of rootvg", vgda.vgid)
  end
  if not values("rootvg", "pv")[long] then hang(LED.cudv, "CuAt does not have the PVID %s in rootvg", pvid) end
  for _, lv in ipairs(vgda.lvs) do
    device(lv.name, "logical volume")
    if not values(lv.name, "lvserial_id")[vgda.vgid .. "." .. lv.number] then
      hang(LED.cudv, "CuAt does not have %s.%d as the identifier of logical volume %s", vgda.vgid, lv.number, lv.name)
    end
    if #get("CuDvDr", "resource = devno AND value3 = '" .. lv.name .. "'") == 0 then
      hang(LED.cudv, "CuDvDr has no device number for logical volume %s", lv.name)
    end
  end
end

local function check_kernel(root, image)
  local level, message = kernel.level(root)
  if not level then hang(LED.crash, "%s", message) end
  if level ~= image.level then
    hang(LED.crash, "the kernel of the boot image is %s, the system on the disk %s", image.level, level)
  end
end

--- Plays the boot.
---@param world lab.firmware.World
---@return lab.firmware.Result
function firmware.boot(world)
  local result = { up = false }
  local ok, problem = xpcall(function()
    local entry, image = load(world)
    result.disk, result.kernel = entry.disk, image.level
    local vgda, lvs, pvid = vary_on(entry, image)
    local root = mount(world, vgda, lvs)
    check_inittab(root)
    check_odm(root, vgda, pvid)
    check_kernel(root, image)
    local level, message = world.oslevel(root)
    if not level then hang(LED.crash, "%s", message) end
    result.level = level
  end, function(e)
    if type(e) == "table" then return e end
    return { led = LED.crash, reason = debug.traceback(tostring(e), 2) }
  end)
  result.up = ok
  if not ok then result.led, result.reason = problem.led, problem.reason end
  return result
end

return firmware
