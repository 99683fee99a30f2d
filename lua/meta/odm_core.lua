---@meta altmig.odm_core
-- SPDX-License-Identifier: MIT

--- ODM classes as images in memory, and stanza text; altmig.odm makes stores of them. Codes:
--- ODM_FORMAT, ODM_STRINGS, ODM_READONLY, ODM_CRITERIA, ODM_DESCRIPTOR, ODM_RANGE, ODM_SYNTAX.
---@class altmig.odm_core
local core = {}

--- Strings are Lua strings, binary values too, 64-bit unsigned numbers have their bits.
---@alias altmig.odm.Object table<string, string|number>

---@class altmig.odm.Descriptor
---@field name string
---@field type string          # char vchar longchar method binary short long ulong long64 ulong64 double link
---@field size integer?        # room of a string, its NUL included
---@field external boolean?    # kept in the string file
---@field class string?        # of a link: the class it points into
---@field key string?          # of a link: the descriptor it points at

---@class altmig.odm.Class : userdata
local Class = {}

---@return string
function Class:name() end

---@return altmig.odm.Descriptor[]
function Class:descriptors() end

---@return integer objects, integer slots   # slots: deleted ones included
function Class:count() end

---@param criteria string?
---@return altmig.odm.Object[]? objects, string? message, string? code
function Class:get(criteria) end

--- All objects, and the slot of each.
---@return altmig.odm.Object[] objects, integer[] slots
function Class:rows() end

--- A field of all objects; empty when the class has none of that name.
---@param name string
---@return (string|number)[]
function Class:column(name) end

--- Sets fields of the object in a slot.
---@param slot integer
---@param fields altmig.odm.Object
---@return true? ok, string? message, string? code
function Class:set(slot, fields) end

--- Deletes the object in a slot.
---@param slot integer
---@return true? ok, string? message, string? code
function Class:erase(slot) end

--- As odmget prints them.
---@param criteria string?
---@return string? text, string? message, string? code
function Class:format(criteria) end

--- Whether the class may be changed: ODM_READONLY where its names are among or behind its records.
---@return true? ok, string? message, string? code
function Class:writable() end

---@param object altmig.odm.Object
---@return true? ok, string? message, string? code
function Class:add(object) end

---@param criteria string?
---@param fields altmig.odm.Object
---@return integer? count, string? message, string? code
function Class:change(criteria, fields) end

---@param criteria string?
---@return integer? count, string? message, string? code
function Class:delete(criteria) end

--- The bytes of the class file and of its string file, if it has one.
---@return string data, string? strings
function Class:images() end

function Class:close() end

---@param path string          # for messages
---@param data string          # bytes of the class file
---@param strings string?      # bytes of its string file
---@return altmig.odm.Class? class, string? message, string? code
function core.parse(path, data, strings) end

---@param path string          # for messages
---@param name string
---@param descriptors altmig.odm.Descriptor[]
---@return altmig.odm.Class? class, string? message, string? code
function core.create(path, name, descriptors) end

--- Reads stanza text.
---@param text string
---@return {class: string, fields: altmig.odm.Object, line: integer}[]? list, string? message, string? code
function core.text(text) end

--- A way to make the key of an object: its fields by name, "" for an empty part, "*" for all fields in the
--- order of their names. Of several the first that is for the object counts.
---@class altmig.odm.Key : { [integer]: string }
---@field when string?     # only for objects with this field ...
---@field is string?       # ... and this text in it; nil: any but the empty one

---@class altmig.odm.Merge
---@field o altmig.odm.Class?          # as the old level shipped it; nil: unknown
---@field c altmig.odm.Class           # as the site has it
---@field n altmig.odm.Class           # as the new level ships it
---@field key altmig.odm.Key[]
---@field default "user"|"system"|"ask"
---@field classes table<string, "user"|"system"|"ask">?
---@field whole boolean?               # objects are never mixed
---@field mandatory boolean?           # what the site deleted comes back

--- What a merge decided, entry by entry: the objects of N, then those that only C has. The classes may not
--- be closed while it is used.
---@class altmig.odm.Plan : userdata
local Plan = {}

---@return integer entries, integer findings
function Plan:count() end

--- A finding; for one about a field also the name and the three values. Questions are "field ask" (N's
--- value stands without an answer), "obsolete" (goes), "added" and "changed obsolete" (stay).
---@param i integer
---@return "field theirs"|"field ours"|"field user"|"field system"|"field ask"|"object theirs"|"object ours"|"object conflict"|"removed"|"removed changed"|"returned"|"new"|"obsolete"|"added"|"changed obsolete" kind
---@return integer entry, string key, string? field, string|number|nil o, string|number|nil c, string|number|nil n
function Plan:finding(i) end

--- The answer to a question about a field.
---@param i integer
---@param choice "N"|"C"|"own"
---@param value string?    # of "own"
function Plan:choose(i, choice, value) end

--- Whether an entry is in the result.
---@param entry integer
---@param keep boolean
function Plan:keep(entry, keep) end

--- Key and origin of an entry; nothing when it is not in the result.
---@param entry integer
---@return string? key, "C"|"N"|"merged"? from
function Plan:entry(entry) end

--- The object as it will be, or as one side has it.
---@param entry integer
---@param side "o"|"c"|"n"|nil
---@return altmig.odm.Object?
function Plan:row(entry, side) end

--- A field of every entry as it will be; false where the entry or the field is not there.
---@param name string
---@return (string|number|false)[]
function Plan:column(name) end

--- Whether the result is C: the same objects with the same values, in the same layout.
---@return boolean
function Plan:is_ours() end

--- The next entry behind `i` (0: the first) that changes N: its number, key, the slot (nil: to be added), and
--- the fields to set (nil: to be erased).
---@param i integer
---@return integer? i, string? key, integer? slot, altmig.odm.Object? fields
function Plan:next(i) end

function Plan:close() end

--- Merges three classes; none of them is changed.
---@param merge altmig.odm.Merge
---@return altmig.odm.Plan? plan, string? message, string? code
function core.merge(merge) end

--- A string in quotes, escaped as in stanza text.
---@param text string
---@return string
function core.quote(text) end

return core
