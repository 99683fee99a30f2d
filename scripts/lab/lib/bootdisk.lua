-- SPDX-License-Identifier: MIT
-- Putting boot images and boot records on the disks of an LPAR, and reading them back.

local bootimage = require "lab.bootimage"
local disk = require "lab.disk"
local odm = require "lab.odm"

local bootdisk = {}

local BASE_SECTORS <const> = bootimage.BASE_SIZE // bootimage.SECTOR

--- The base customized data of a system: what its first boot stage must know of disks and rootvg.
---@param dir string the directory of its object classes
---@return table
function bootdisk.customized(dir)
  local store <close> = odm.open(dir)
  local base = { devices = {}, rootvg = {} }
  local function attribute(name, wanted)
    local out = {}
    for _, row in ipairs(store:get("CuAt", ("name = '%s' AND attribute = %s"):format(name, wanted)) or {}) do
      out[#out + 1] = row.value
    end
    return out
  end
  for _, row in ipairs(store:get("CuDv", "PdDvLn LIKE 'disk/*'") or {}) do
    base.devices[row.name] = (attribute(row.name, "pvid")[1] or ""):sub(1, 16)
  end
  base.rootvg.vgid = attribute("rootvg", "vgserial_id")[1] or ""
  local pvids = attribute("rootvg", "pv")
  base.rootvg.pvid = (pvids[1] or ""):sub(1, 16)
  return base
end

-- Devices cache what they read; a file changed below them must be read again.
local function forget_cache(name)
  local _, outside = disk.path(name)
  for key, device in pairs(disk.loops() or {}) do
    if key:sub(1, #outside + 5) == outside .. "/raw@" then disk.tool({ "blockdev", "--flushbufs", device }) end
  end
end

--- Writes bytes into the boot logical volume.
---@param name string the disk
---@param lv table
---@param vgda table
---@param offset integer bytes, whole sectors
---@param bytes string
---@return true?
---@return string? message
function bootdisk.write(name, vgda, lv, offset, bytes)
  local room = lv.lps * vgda.pp_mb << 20
  if offset + #bytes > room then
    return nil, ("boot image of %d bytes does not fit %s of %d bytes"):format(offset + #bytes, lv.name, room)
  end
  bytes = bytes .. ("\0"):rep(-#bytes % bootimage.SECTOR)
  forget_cache(name)
  local ok, message = disk.write(name, disk.BOOT_SECTOR + offset // bootimage.SECTOR, bytes)
  if not ok then return nil, message end
  forget_cache(name)
  return true
end

--- Writes the IPL record for an image of `size` bytes, or one without boot code for size 0.
---@param name string
---@param vgda table?
---@param lv table?
---@param size integer
---@return true?
---@return string? message
function bootdisk.write_record(name, vgda, lv, size)
  local record, message = disk.ipl_read(name)
  if not record then return nil, message end
  local sectors = (size + bootimage.SECTOR - 1) // bootimage.SECTOR
  local fields = { pvid = record.pvid, capacity = (disk.size_mb(name) or 0) * 2048 }
  if sectors > 0 then
    fields.boot_code_length, fields.boot_code_start = sectors, disk.BOOT_SECTOR
    fields.boot_code_offset = 364
    fields.boot_lv_start, fields.boot_lv_length = disk.BOOT_SECTOR, lv.lps * vgda.pp_mb * 2048
    fields.base_cn_start, fields.base_cn_length = disk.BOOT_SECTOR + sectors, BASE_SECTORS
    fields.base_cs_start, fields.base_cs_length = fields.base_cn_start, BASE_SECTORS
  end
  forget_cache(name)
  local ok
  ok, message = disk.ipl_write(name, fields)
  if not ok then return nil, message end
  -- The partition entry firmware follows; its numbers are little-endian.
  local bytes
  bytes, message = disk.read(name, 0, 1)
  if not bytes then return nil, message end
  local entry = string.pack("<I4I4", sectors > 0 and disk.BOOT_SECTOR or 0, sectors > 0 and sectors + BASE_SECTORS or 0)
  ok, message = disk.write(name, 0, bytes:sub(1, 454) .. entry .. bytes:sub(455 + #entry))
  if not ok then return nil, message end
  forget_cache(name)
  return true
end

-- Firmware knows the partition table only: an active entry of type 0x41, with numbers of PCs' byte order.
local function partition(name)
  local bytes, message = disk.read(name, 0, 1)
  if not bytes then return nil, message end
  if bytes:sub(511) ~= "\x55\xAA" then return nil, "the first sector does not end in 55 AA" end
  for at = 447, 495, 16 do
    local start, length = string.unpack("<I4I4", bytes, at + 8)
    if bytes:byte(at) == 0x80 and bytes:byte(at + 4) == 0x41 then return { start = start, length = length } end
  end
  return nil, "no active boot partition"
end

--- Loads and checks the image the IPL record of a disk points at, and what savebase wrote behind it.
---@param name string
---@return {level: string, release: string, base: table?, base_problem: string?, size: integer, start: integer}?
---@return string? reason
---@return string? where "record" or "image"
function bootdisk.load(name)
  local record, message = disk.ipl_read(name)
  if not record then return nil, message, "record" end
  if not record.magic then return nil, "no boot record", "record" end
  if (record.boot_code_length or 0) == 0 then return nil, "the boot record names no boot code", "record" end
  local entry
  entry, message = partition(name)
  if not entry then return nil, message, "record" end
  if entry.start ~= record.boot_code_start or entry.length < record.boot_code_length then
    return nil, "the boot partition is not where the boot code is", "record"
  end
  local bytes
  bytes, message = disk.read(name, record.boot_code_start, record.boot_code_length)
  if not bytes then return nil, message, "record" end
  local image
  image, message = bootimage.load(bytes)
  if not image then return nil, message, "image" end
  image.start = record.boot_code_start
  image.base, image.base_problem = nil, "the boot record names no save-base area"
  if record.base_cn_length > 0 then
    bytes = disk.read(name, record.base_cn_start, record.base_cn_length)
    image.base, image.base_problem = bootimage.unpack_base(bytes or "")
  end
  return image
end

--- Writes base customized data where the boot record of a disk says.
---@param name string
---@param dir string the directory of the object classes they are taken from
---@return true?
---@return string? reason
function bootdisk.savebase(name, dir)
  local record, message = disk.ipl_read(name)
  if not record then return nil, message end
  if (record.boot_code_length or 0) == 0 then return nil, name .. " is not a bootable disk" end
  if record.base_cn_length < BASE_SECTORS then return nil, "the boot record of " .. name .. " names no save-base area" end
  forget_cache(name)
  local ok
  ok, message = disk.write(name, record.base_cn_start, bootimage.pack_base(bootdisk.customized(dir)))
  if not ok then return nil, message end
  forget_cache(name)
  return true
end

--- Names of the disks that hold a copy of a logical volume.
---@param vgda table
---@param lv table
---@return string[]
function bootdisk.disks_of(vgda, lv)
  local names, _, pvs = {}, disk.lv_partitions(vgda, lv)
  for i, number in ipairs(pvs) do names[i] = assert(disk.by_pvid(vgda.pvs[number].pvid)) end
  return names
end

--- Image, record and save-base area, on every disk with a copy of the boot logical volume.
---@param vgda table
---@param lv table
---@param image string
---@param dir string
---@return true?
---@return string? reason
function bootdisk.install(vgda, lv, image, dir)
  for _, name in ipairs(bootdisk.disks_of(vgda, lv)) do
    local ok, message = bootdisk.write(name, vgda, lv, 0, image)
    if ok then ok, message = bootdisk.write_record(name, vgda, lv, #image) end
    if ok then ok, message = bootdisk.savebase(name, dir) end
    if not ok then return nil, message end
  end
  return true
end

return bootdisk
