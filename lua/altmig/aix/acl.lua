-- SPDX-License-Identifier: MIT
-- Access control lists of AIX (type AIXC): from the bytes an archive holds to the text that aclput
-- reads. The layout of the bytes was seen in archives of AIX; aclput takes numbers where a name is not
-- known, and needs the names in "owner(...)" no more than as remarks (inferred: acl-text).

local err = require "altmig.err"
local mode = require "altmig.mode"

local acl = {}

local header_size = 16
local extended_bit <const> = 0x02000000
local kinds = { "permit", "deny", "specify" }
local id_types = { "u", "g" }

---@class altmig.acl.Entry
---@field kind "permit"|"deny"|"specify"
---@field access integer                  rwx as 4, 2, 1
---@field ids { type: "u"|"g", id: integer }[]

---@class altmig.acl.List
---@field mode integer                    suid, sgid and sticky bits
---@field enabled boolean                 the extended entries count
---@field owner integer
---@field group integer
---@field other integer
---@field entries altmig.acl.Entry[]

local function bad(what) err.raise { code = "ACL_FORMAT", message = "ACL: " .. what } end

-- The ids of an entry, from `at` up to `last`.
local function read_ids(bytes, at, last)
  local ids = {}
  while at + 7 <= last do
    local length, kind = ("<I2I2"):unpack(bytes, at)
    if length < 8 or at + length - 1 > last then return nil end
    if not id_types[kind] then return nil end
    ids[#ids + 1] = { type = id_types[kind], id = (">I4"):unpack(bytes, at + 4) } -- the one big-endian field
    at = at + length
  end
  return at == last + 1 and #ids > 0 and ids or nil
end

--- Decodes the bytes of an archive's security block. Raises for bytes that are none.
---@param bytes string
---@return altmig.acl.List
function acl.decode(bytes)
  if #bytes < header_size then bad "shorter than its fixed part" end
  local length, bits, _, owner, group, other = ("<I4I4I2I2I2I2"):unpack(bytes)
  if length < header_size or length > #bytes then bad("length " .. length .. " cannot be") end
  local list = { mode = bits & mode.SPECIAL, enabled = bits & extended_bit ~= 0, owner = owner & 7, group = group & 7,
    other = other & 7, entries = {} }
  local at = header_size + 1
  while at <= length do
    if at + 3 > length then bad "ends within an entry" end
    local size, access = ("<I2I2"):unpack(bytes, at)
    if size < 12 or at + size - 1 > length then bad(("entry of %d bytes cannot be"):format(size)) end
    local kind = kinds[access >> 14]
    if not kind then bad "entry of an unknown kind" end
    local ids = read_ids(bytes, at + 4, at + size - 1)
    if not ids then bad "entry with ids that cannot be" end
    table.insert(list.entries, { kind = kind, access = access & 7, ids = ids })
    at = at + size
  end
  return list
end

local function rwx(bits)
  return (bits & 4 ~= 0 and "r" or "-") .. (bits & 2 ~= 0 and "w" or "-") .. (bits & 1 ~= 0 and "x" or "-")
end

---@class altmig.acl.Names
---@field u table<integer, string>
---@field g table<integer, string>

--- Names of users and groups by number, of the system that is in the tree.
---@param tree any
---@return altmig.acl.Names
function acl.names(tree)
  local names = { u = {}, g = {} }
  for kind, path in pairs { u = "/etc/passwd", g = "/etc/group" } do
    for line in (tree:read(path) or ""):gmatch("[^\n]+") do
      local name, id = line:match("^([%w_][%w_.%-]*):[^:]*:(%d+):")
      id = math.tointeger(tonumber(id))
      if id and not names[kind][id] then names[kind][id] = name end
    end
  end
  return names
end

--- The text that aclput reads, as aclget prints it.
---@param list altmig.acl.List
---@param names altmig.acl.Names
---@param uid integer
---@param gid integer
---@return string
function acl.text(list, names, uid, gid)
  local function name(kind, id) return names[kind][id] or ("%d"):format(id) end
  local attributes = {}
  for bit, word in pairs { [2048] = "SUID", [1024] = "SGID", [512] = "SVTX" } do
    if list.mode & bit ~= 0 then attributes[#attributes + 1] = word end
  end
  table.sort(attributes)
  local lines = { "*", "* ACL_type   AIXC", "*", "attributes: " .. table.concat(attributes, ","), "base permissions",
    ("    owner(%s):  %s"):format(name("u", uid), rwx(list.owner)), ("    group(%s):  %s"):format(name("g", gid), rwx(list.group)),
    "    others:  " .. rwx(list.other), "extended permissions", list.enabled and "    enabled" or "    disabled" }
  for _, entry in ipairs(list.entries) do
    local ids = {}
    for i, id in ipairs(entry.ids) do ids[i] = id.type .. ":" .. name(id.type, id.id) end
    lines[#lines + 1] = ("    %-8s %s     %s"):format(entry.kind, rwx(entry.access), table.concat(ids, ","))
  end
  return table.concat(lines, "\n") .. "\n"
end

return acl
