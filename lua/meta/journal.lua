---@meta altmig.journal
-- SPDX-License-Identifier: MIT

--- The file a migration is resumed from: one JSON object a line, durable before append returns.
---@class altmig.journal
local journal = {}

---@class altmig.journal.Journal
local Journal = {}

--- Opens (and creates, unless readonly) the journal and checks it. A torn last line is no error.
---@param path string
---@param opts { readonly: boolean? }?
---@return altmig.journal.Journal? journal
---@return string? message
---@return string? code      # "JOURNAL_CORRUPT" with the line number, "ENOENT" (readonly) ...
---@nodiscard
function journal.open(path, opts) end

--- Adds a record; "time" (UTC, milliseconds) is added unless it has one. Bytes that are not UTF-8
--- are kept as U+FFFD: a strange file name must not stop a migration.
---@param record table<string, any>
---@return true? ok
---@return string? message
---@return string? code      # "ENOSPC", "JSON_VALUE", "JOURNAL_BROKEN" ...
function Journal:append(record) end

---@return table[]? records
---@return string? message
---@return string? code
function Journal:records() end

function Journal:close() end

return journal
