-- SPDX-License-Identifier: MIT
-- Boot images of the lab. The headers are those of an AIX boot image; what AIX keeps in an
-- undocumented form is this lab's own: an "expander" that carries a checksum over everything, a kernel
-- that is a level and filler, a RAM file system that is filler. Behind the image, where the boot record
-- says, is the base customized area that savebase writes, with a checksum of its own.

local json = require "altmig.json"
local sys = require "altmig.sys"

local bootimage = {}

local SECTOR <const> = 512
local HEADER <const> = 364
local EXPANDER <const> = SECTOR - HEADER
local DIGEST <const> = HEADER + 16 -- offset of the checksum in the image
local EXPANDER_MARK <const> = "LAB EXPANDER 1\0\0"
local BASE_MARK <const> = "LAB BASECUST 1\0\0"

bootimage.SECTOR = SECTOR
bootimage.BASE_SIZE = 0x20000
-- The kernel's own header, in front of the filler.
local KERNEL_HEAD <const> = SECTOR

-- Where the system does not say (lab.kernel): about a real one of 7.2.
local USUAL_BLOCKS <const> = 61441

local function segment(kind, offset, size)
  return string.pack(">I4I4I4I4I4I4I4I4", kind, offset, 0, 0, size, kind == 1 and size or 0, 5, 4)
end

local function headers(sizes, timestamp)
  local elf = "\127ELF\1\2\1" .. ("\0"):rep(9)
    .. string.pack(">I2I2I4I4I4I4I4I2I2I2I2I2I2", 2, 20, 1, HEADER, 52, 0, 0, 52, 32, 4, 0, 0, 0)
  local ppc = string.pack(">I4I4I4c8I4I4I4I4I4I4", 8, 24, 0x1275, "PowerPC\0", 0xFFFFFFFF, 0xC00000, 0x400000,
    0xFFFFFFFF, 0xFFFFFFFF, 0x4000)
  local rpa = string.pack(">I4I4I4c24I4I4I4I4I4I4I4I4I4I4", 24, 40, 0x12759999, "IBM,RPA-Client-Config", 0, 256, 20,
    48, 1, 0, 1, 0, 1, 0)
  local parameters = string.pack(">I4I4I4I4I4I4I4I4I4I4", 64, timestamp, EXPANDER, sizes.kernel, sizes.kernel,
    sizes.ramfs_start, sizes.ramfs, 0, 0, 0) .. ("\0"):rep(24)
  return elf .. segment(4, 180, 44) .. segment(4, 224, 76) .. segment(1, 300, 64)
    .. segment(1, HEADER, sizes.total - HEADER) .. ppc .. rpa .. parameters
end

--- The base customized area for `base`, any table: always BASE_SIZE bytes.
---@param base table
---@return string
function bootimage.pack_base(base)
  local text = json.encode(base, { sort = true })
  local area = BASE_MARK .. string.pack(">I4", #text) .. sys.sha256(text) .. text
  assert(#area <= bootimage.BASE_SIZE, "base customized data do not fit their area")
  return area .. ("\0"):rep(bootimage.BASE_SIZE - #area)
end

---@param area string
---@return table?
---@return string? reason
function bootimage.unpack_base(area)
  local start <const> = #BASE_MARK + 4 + 64
  if #area < start or area:sub(1, #BASE_MARK) ~= BASE_MARK then return nil, "no base customized data" end
  local length = string.unpack(">I4", area, #BASE_MARK + 1)
  if start + length > #area then return nil, "base customized data longer than their area" end
  local text = area:sub(start + 1, start + length)
  if sys.sha256(text) ~= area:sub(start - 63, start) then return nil, "checksum of the base customized data differs" end
  if area:find("[^\0]", start + length + 1) then return nil, "base customized data followed by garbage" end
  local base = json.decode(text)
  return base, base == nil and "base customized data unreadable" or nil
end

local function filler(seed, size)
  local block = {}
  for i = 1, 64 do block[i] = sys.sha256(seed .. i) end
  local text = table.concat(block)
  return text:rep(size // #text + 1):sub(1, size)
end

-- The checksum covers the whole image, itself taken as blanks.
local function digest(data, size)
  return sys.sha256(data:sub(1, DIGEST) .. (" "):rep(64) .. data:sub(DIGEST + 65, size))
end

--- Builds an image.
---@param spec {level: string, release: string, timestamp: integer?, blocks: integer?}
---@return string
function bootimage.build(spec)
  local sizes = { total = (spec.blocks or USUAL_BLOCKS) * SECTOR }
  sizes.ramfs = 64 * SECTOR
  sizes.ramfs_start = sizes.total - sizes.ramfs
  sizes.kernel = sizes.ramfs_start - SECTOR
  local head = json.encode({ level = spec.level, release = spec.release }, { sort = true })
  assert(#head <= KERNEL_HEAD and sizes.kernel > KERNEL_HEAD, "boot image too small")
  local body = headers(sizes, spec.timestamp or 0) .. EXPANDER_MARK .. (" "):rep(64)
    .. ("\0"):rep(EXPANDER - 16 - 64) .. head .. ("\0"):rep(KERNEL_HEAD - #head)
  body = body .. filler(spec.level, sizes.total - #body)
  return body:sub(1, DIGEST) .. digest(body, sizes.total) .. body:sub(DIGEST + 65)
end

--- The length of an image, from its first sector.
---@param head string
---@return integer?
---@return string? reason
function bootimage.size(head)
  if #head < SECTOR or head:sub(1, 4) ~= "\127ELF" or head:sub(HEADER + 1, HEADER + 16) ~= EXPANDER_MARK then
    return nil, "not a boot image"
  end
  local offset, size = string.unpack(">I4", head, 148 + 5), string.unpack(">I4", head, 148 + 17)
  if offset ~= HEADER or size < SECTOR then return nil, "not a boot image" end
  return offset + size
end

--- Loads an image as the machine would: every checksum must hold.
---@param data string the image; bytes behind it are ignored
---@return {level: string, release: string, size: integer}?
---@return string? reason
function bootimage.load(data)
  local size, reason = bootimage.size(data)
  if not size then return nil, reason end
  if #data < size then return nil, "boot image ends too early" end
  if data:sub(DIGEST + 1, DIGEST + 64) ~= digest(data, size) then
    return nil, "checksum of the boot image differs"
  end
  local head = json.decode(data:sub(SECTOR + 1, SECTOR + KERNEL_HEAD):match("^[^\0]*"))
  if type(head) ~= "table" then return nil, "no kernel in the boot image" end
  return { level = head.level, release = head.release, size = size }
end

return bootimage
