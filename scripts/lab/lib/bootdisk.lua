-- SPDX-License-Identifier: MIT
-- Putting boot images and boot records on the disks of an LPAR, and reading them back.

local bootimage = require "lab.bootimage"
local disk = require "lab.disk"
local odm = require "lab.odm"

local bootdisk = {}

--- The base customized data of a system: what its first boot stage must know of disks and rootvg.
---@param root string the root of the system ("" for the own)
---@return table
function bootdisk.customized(root)
  local store <close> = odm.open(root .. "/etc/objrepos")
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
    fields.base_cn_start = disk.BOOT_SECTOR + (size - bootimage.BASE_SIZE) // bootimage.SECTOR
  end
  forget_cache(name)
  local ok
  ok, message = disk.ipl_write(name, fields)
  if not ok then return nil, message end
  -- The partition entry firmware follows; its numbers are little-endian.
  local bytes
  bytes, message = disk.read(name, 0, 1)
  if not bytes then return nil, message end
  local entry = string.pack("<I4I4", sectors > 0 and disk.BOOT_SECTOR or 0, sectors)
  ok, message = disk.write(name, 0, bytes:sub(1, 454) .. entry .. bytes:sub(455 + #entry))
  if not ok then return nil, message end
  forget_cache(name)
  return true
end

--- Loads and checks the image the IPL record of a disk points at.
---@param name string
---@return {level: string, release: string, base: table, size: integer, start: integer}?
---@return string? reason
---@return string? where "record" or "image"
function bootdisk.load(name)
  local record, message = disk.ipl_read(name)
  if not record then return nil, message, "record" end
  if not record.magic then return nil, "no boot record", "record" end
  if (record.boot_code_length or 0) == 0 then return nil, "the boot record names no boot code", "record" end
  local bytes
  bytes, message = disk.read(name, record.boot_code_start, record.boot_code_length)
  if not bytes then return nil, message, "record" end
  local image
  image, message = bootimage.load(bytes)
  if not image then return nil, message, "image" end
  image.start = record.boot_code_start
  return image
end

--- Rewrites the base customized data of the image on a disk from the ODM of a system.
---@param name string
---@param root string
---@return true?
---@return string? reason
function bootdisk.savebase(name, root)
  local record, message = disk.ipl_read(name)
  if not record then return nil, message end
  if (record.boot_code_length or 0) == 0 then return nil, name .. " has no boot record" end
  local head
  head, message = disk.read(name, record.boot_code_start, 1)
  if not head then return nil, message end
  local offset
  offset, message = bootimage.base_offset(head)
  if not offset then return nil, message end
  forget_cache(name)
  -- The area need not begin on a sector: what shares its first and last sector stays.
  local sector, skip = record.boot_code_start + offset // bootimage.SECTOR, offset % bootimage.SECTOR
  local count = (skip + bootimage.BASE_SIZE + bootimage.SECTOR - 1) // bootimage.SECTOR
  local old
  old, message = disk.read(name, sector, count)
  if not old then return nil, message end
  local area = bootimage.pack_base(bootdisk.customized(root))
  local ok
  ok, message = disk.write(name, sector, old:sub(1, skip) .. area .. old:sub(skip + #area + 1))
  if not ok then return nil, message end
  forget_cache(name)
  return true
end

return bootdisk
