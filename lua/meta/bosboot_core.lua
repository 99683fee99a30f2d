---@meta altmig.bosboot_core
-- SPDX-License-Identifier: MIT

---@class altmig.bosboot_core
---@field savebase_sectors integer   # the area behind the image that savebase fills
local core = {}

---@class altmig.BootRecord   # sectors of 512 bytes unless said otherwise
---@field formatted_capacity integer
---@field boot_code_length integer   # 0: no boot record
---@field entry_offset integer       # bytes
---@field boot_lv_start integer
---@field boot_code_start integer
---@field boot_lv_length integer
---@field load_address integer
---@field basecust_normal integer
---@field basecust_service integer
---@field basecust_normal_start integer
---@field basecust_service_start integer
---@field service_code_length integer
---@field service_code_start integer
---@field pvid string?               # 16 hexadecimal digits

---@class altmig.BootSegment
---@field offset integer
---@field size integer
---@field memory_size integer
---@field address integer

---@class altmig.BootImage   # bytes
---@field parameters altmig.BootSegment
---@field code altmig.BootSegment
---@field entry integer
---@field load_base integer
---@field min_rmo_size integer
---@field timestamp integer
---@field aixmon_size integer
---@field compressed_kernel_size integer
---@field kernel_size integer
---@field kernel_start integer
---@field ramfs_start integer
---@field ramfs_size integer
---@field size integer
---@field blocks integer     # of 512 bytes, as bosboot prints it

---@class altmig.BootInspection
---@field boot_record altmig.BootRecord?
---@field image altmig.BootImage?
---@field verdict "good"|"bad"|"unknown"   # unknown: nothing that has to be wrong, and not what is known either
---@field problem string?    # what speaks against booting from it
---@field code string?       # its code: "TRUNCATED" | "BOOT_RECORD_..." | "BOOT_IMAGE_..."

---@class altmig.BootPlace   # sectors of 512 bytes unless said otherwise
---@field lv_start integer       # of the boot logical volume on this disk
---@field lv_length integer
---@field image_start integer
---@field image_size integer     # bytes
---@field entry_offset integer   # bytes from the start of the image

---Reads the beginning of a disk, its first sector alone, or a boot image.
---@param source string|userdata   # the bytes, or an altmig.reader
---@return altmig.BootInspection?
---@return string? message
---@return string? code            # only for failures of reading
---@nodiscard
function core.inspect(source) end

---Reads the headers of an image, from its first sector.
---@param bytes string
---@return altmig.BootInspection
---@nodiscard
function core.header(bytes) end

---The first sector of a disk, made bootable: place and size of image and save-base area and the active boot
---partition are set, everything else stays.
---@param sector string   # the present one
---@param place altmig.BootPlace
---@return string? sector
---@return string? message
---@return string? code   # "BOOT_SECTOR_FOREIGN" | "BOOT_PLACE_RANGE" | "BOOT_PLACE_SIZE" | "TRUNCATED"
---@nodiscard
function core.compose(sector, place) end

return core
