---@meta altmig.odm_core

--- ODM classes as images in memory, and stanza text; altmig.odm makes stores of them. Codes:
--- ODM_FORMAT, ODM_READONLY, ODM_CRITERIA, ODM_DESCRIPTOR, ODM_RANGE, ODM_SYNTAX.
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

--- As odmget prints them.
--- All objects, and the slot of each.
---@return altmig.odm.Object[] objects, integer[] slots
function Class:rows() end

--- Sets fields of the object in a slot.
---@param slot integer
---@param fields altmig.odm.Object
---@return true? ok, string? message, string? code
function Class:set(slot, fields) end

--- Deletes the object in a slot.
---@param slot integer
---@return true? ok, string? message, string? code
function Class:erase(slot) end

---@param criteria string?
---@return string? text, string? message, string? code
function Class:format(criteria) end

--- Whether the class may be changed: ODM_READONLY unless every record encodes to its own bytes.
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

--- A string in quotes, escaped as in stanza text.
---@param text string
---@return string
function core.quote(text) end

return core
