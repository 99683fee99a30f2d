---@meta altmig.bigar
-- SPDX-License-Identifier: MIT

--- AIX archives (ar): the big format read and written, the small one read. liblpp.a of an installp
--- image is one. Codes: BIGAR_MAGIC, BIGAR_FIELD, BIGAR_CHAIN, BIGAR_NAME, BIGAR_TABLE, TRUNCATED.
---@class altmig.bigar
local bigar = {}

---@class altmig.bigar.Member
---@field name string
---@field data string
---@field date integer?        # seconds since the epoch
---@field uid integer?
---@field gid integer?
---@field mode integer?        # with the file type, as stat gives it; default 0100644 octal
---@field size integer?        # set by parse

--- All members in their order; symbol tables are left out.
---@param data string          # the whole archive
---@param name string?         # for messages
---@return altmig.bigar.Member[]? members, string? message, string? code
function bigar.parse(data, name) end

--- A new archive in the big format, without symbol tables.
---@param members altmig.bigar.Member[]
---@return string? data, string? message, string? code
function bigar.format(members) end

return bigar
