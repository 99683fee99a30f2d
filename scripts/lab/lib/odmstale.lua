-- SPDX-License-Identifier: MIT
-- Object classes as AIX leaves them: behind the NUL of a string, and in the padding between fields, are
-- bytes of what the program's buffer held before. A class that was made in one go has zeros there, and
-- no class that a system has used for a while looks so.

local sys = require "altmig.sys"

local odmstale = {}

local CHAR, LONGCHAR, LINK, METHOD = 0, 1, 5, 6
local text_types = { [CHAR] = true, [LONGCHAR] = true, [METHOD] = true }
local widths = { [3] = 2, [4] = 4, [7] = 4, [8] = 8, [9] = 4, [10] = 8, [11] = 8 }
local HEAD = 12 -- _id, _reserved, _scratch

-- The fields of a class file: where each begins in a record of the file, its room, and whether it is a string
-- with an end; the size of a record.
local function layout(data)
  local size, count, table_at = (">I4I4I4"):unpack(data, 0x15)
  local fields, moved = {}, 0
  for i = 0, count - 1 do
    local _, kind, offset, room = (">I4I4I4I4"):unpack(data, table_at + 40 * i + 1)
    local external = (">I4"):unpack(data, table_at + 40 * i + 37) == 1
    local field = { at = offset - moved, room = external and 4 or widths[kind] or room,
      text = text_types[kind] and not external }
    if kind == LINK then field.at, field.text = field.at + 8, true end -- its two pointers are 0
    if external then moved = moved + room - 4 end
    fields[#fields + 1] = field
  end
  return fields, size - moved
end

-- A record with `old` showing wherever it holds no value.
local function over(record, old, fields)
  local out, at = { record:sub(1, HEAD) }, HEAD
  for _, field in ipairs(fields) do
    out[#out + 1] = old:sub(at + 1, field.at)
    local value = record:sub(field.at + 1, field.at + field.room)
    local stop = field.text and value:find("\0", 1, true)
    at = field.at + (stop or field.room)
    out[#out + 1] = value:sub(1, stop or -1)
  end
  out[#out + 1] = old:sub(at + 1, #record)
  return table.concat(out)
end

--- The class file with stale bytes in about three of four records, which follow from the seed and the record:
--- the same record has the same bytes wherever it was copied to.
---@param data string bytes of a class file
---@param seed string
---@return string
function odmstale.age(data, seed)
  local slots, first = (">I4"):unpack(data, 5), (">I4"):unpack(data, 0x2D)
  local fields, size = layout(data)
  local out = { data:sub(1, first) }
  for slot = 0, slots - 1 do
    local record = data:sub(first + slot * size + 1, first + (slot + 1) * size)
    local digest = sys.sha256(seed .. record:sub(5))
    if digest:byte() % 4 ~= 0 then
      record = over(record, digest:rep(size // #digest + 1):sub(1, size), fields)
    end
    out[#out + 1] = record
  end
  out[#out + 1] = data:sub(first + slots * size + 1)
  return table.concat(out)
end

return odmstale
