---@meta altmig.installp_core
-- SPDX-License-Identifier: MIT

--- What installp images say of themselves, and requisites of filesets. Codes: LPP_NAME, INVENTORY,
--- PLAN_CONFLICT.
---@class altmig.installp_core
local core = {}

---@class altmig.lpp.Name
---@field platform "R"|"I"|"N"
---@field type string                  # I install, S update, ML, ...
---@field package string
---@field filesets altmig.lpp.Fileset[]
---@field length integer               # of the text up to the line with the last brace; what follows is nothing

---@class altmig.lpp.Fileset
---@field name string
---@field level string                 # without leading zeros
---@field bosboot "N"|"B"|"b"|"Y"
---@field content "U"|"B"|"H"          # usr; usr and root; share
---@field language string
---@field description string
---@field comments string
---@field requisites string            # as written
---@field sizes { path: string, blocks: integer?, temporary: integer }[]   # blocks of 512 bytes
---@field supersedes { name: string, level: string }[]
---@field fixes { id: string, abstract: string }[]
---@field line integer

--- Reads an lpp_name.
---@param text string
---@param name string?                 # for messages
---@return altmig.lpp.Name? lpp, string? message, string? code
function core.lpp(text, name) end

---@class altmig.installp_core.Entry     a file of an inventory
---@field path string
---@field type "FILE"|"DIRECTORY"|"SYMLINK"|"LINK"|"FIFO"|"BLK_DEV"|"CHAR_DEV"|"MPX_DEV"
---@field owner string?
---@field group string?
---@field mode string?                 # "SUID,555"
---@field links string?
---@field symlinks string?
---@field target string?
---@field class string?
---@field size integer?                # nil: not given, or volatile
---@field sum integer?                 # of sum -r
---@field blocks integer?              # of sum -r: KiB
---@field volatile boolean?

--- Reads an inventory, a member of a control library.
---@param text string
---@param name string?                 # for messages
---@return altmig.installp_core.Entry[]? entries, string? message, string? code
function core.inventory(text, name) end

--- How many entries an inventory has, and the bytes of their files.
---@param text string
---@param name string?
---@return integer? count, integer|string bytes, string? code
function core.inventory_size(text, name) end

--- Reads requisite lines.
---@param text string
---@return altmig.requisite.Item[]? items, string? message, string? code
function core.requisites(text) end

---@class altmig.installp_core.Space   blocks of 512 bytes
---@field rows { filesystem: integer, needed: integer, temporary: integer, restore: integer?, short: integer?, grow_to: integer?, partitions: integer? }[]
---@field paging integer
---@field partitions integer           # of the volume group, that file systems must grow by

--- The room that filesets take, by file system: engine/core/aix/space.h.
---@param filesets { sizes: { path: string, blocks: integer?, temporary: integer? }[], restored: boolean? }[]
---@param filesystems { mount: string, size: integer?, free: integer?, copies: integer? }[]
---@param partition integer?           # the size of a physical partition, in blocks
---@return altmig.installp_core.Space? space, string? message, string? code
function core.space(filesets, filesystems, partition) end

--- The requisites of a text that do not hold, as they are written.
---@param text string
---@param levels table<string, string> # by fileset
---@return string[]? unmet, string? message, string? code
function core.unmet(text, levels) end

--- The order to install in, as numbers of the list. What cannot be met holds nothing up.
---@param filesets { name: string, level: string, requisites: string? }[]
---@param installed table<string, string>   # levels by fileset
---@return integer[]? order, string? message, string? code
function core.order(filesets, installed) end

---@class altmig.installp_core.Verdict
---@field fate "left"|"taken"|"not newer"|"superseded"|"again"|"without base"|"unmet"
---@field by integer?     # an image: who asks for it, what takes its place, or what would meet `why` were it not unmet
---@field why string?     # the requisite
---@field needs string?   # the fileset that it names; a group names none

--- What is taken of images, in which order, and why the others are not: engine/core/aix/plan.h.
---@param images { name: string, level: string, update: boolean?, requisites: string? }[]
---@param installed { name: string, level: string }[]
---@param wanted { name: string, level: string? }[]   # without a level: the highest
---@return { verdicts: altmig.installp_core.Verdict[], order: integer[] }? plan, string? message, string? code
function core.plan(images, installed, wanted) end

return core
