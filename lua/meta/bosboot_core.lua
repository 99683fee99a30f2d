---@meta altmig.bosboot_core
-- SPDX-License-Identifier: MIT

---@class altmig.bosboot_core
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
---@field ramfs_start integer
---@field ramfs_size integer
---@field size integer
---@field blocks integer     # of 512 bytes, as bosboot prints it

---@class altmig.BootInspection
---@field boot_record altmig.BootRecord?
---@field image altmig.BootImage?
---@field problem string?    # what speaks against booting from it
---@field code string?       # its code: "TRUNCATED" | "BOOT_RECORD_..." | "BOOT_IMAGE_..."

---Reads the beginning of a disk, its first sector alone, or a boot image.
---@param source string|userdata   # the bytes, or an altmig.reader
---@return altmig.BootInspection?
---@return string? message
---@return string? code            # only for failures of reading
---@nodiscard
function core.inspect(source) end

return core
