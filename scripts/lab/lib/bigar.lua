-- Archives in the big format of AIX ar, without symbol tables: what liblpp.a is.

local bigar = {}

local MAGIC, HEADER, MEMBER = "<bigaf>\n", 128, 112

local function field(value, width) return ("%-" .. width .. "d"):format(value) end

local function even(text) return #text % 2 == 0 and text or text .. "\0" end

--- An archive of members, in their order.
---@param members {name: string, data: string, mode: integer?}[]
---@param date integer
---@return string
function bigar.pack(members, date)
  local out, offsets, at, previous = {}, {}, HEADER, 0
  for i, member in ipairs(members) do
    local name = even(member.name)
    local size = MEMBER + #name + 2 + #even(member.data)
    local next_at = at + size
    out[i] = field(#member.data, 20) .. field(next_at, 20) .. field(previous, 20) .. field(date, 12) .. field(0, 12)
      .. field(0, 12) .. ("%-12o"):format(member.mode or 420) .. field(#member.name, 4) .. name .. "`\n" .. even(member.data)
    offsets[i], previous, at = at, at, next_at
  end
  local table_at = at
  local names, places = {}, { field(#members, 20) }
  for i, member in ipairs(members) do
    names[i] = member.name .. "\0"
    places[#places + 1] = field(offsets[i], 20)
  end
  local content = table.concat(places) .. table.concat(names)
  local member_table = field(#content, 20) .. field(0, 20) .. field(previous, 20) .. field(date, 12) .. field(0, 12)
    .. field(0, 12) .. field(0, 12) .. field(0, 4) .. "`\n" .. even(content)
  local head = MAGIC .. field(#members > 0 and table_at or 0, 20) .. field(0, 20) .. field(0, 20)
    .. field(offsets[1] or 0, 20) .. field(previous, 20) .. field(0, 20)
  return head .. table.concat(out) .. member_table
end

--- Reads an archive: name -> data.
---@param text string
---@return table<string, string>?
---@return string? message
function bigar.unpack(text)
  if text:sub(1, 8) ~= MAGIC then return nil, "not an archive in the big format" end
  local at, last, out = tonumber(text:sub(69, 88):match("%d+")), tonumber(text:sub(89, 108):match("%d+")), {}
  while at and at > 0 do
    local head = text:sub(at + 1, at + MEMBER)
    local size, length = tonumber(head:sub(1, 20):match("%d+")), tonumber(head:sub(109, 112):match("%d+"))
    if not size or not length then return nil, ("archive damaged at offset %d"):format(at) end
    local start = at + MEMBER + length + length % 2 + 2
    if start + size > #text then return nil, ("member at offset %d reaches beyond the archive"):format(at) end
    out[text:sub(at + MEMBER + 1, at + MEMBER + length)] = text:sub(start + 1, start + size)
    if at == last then break end
    local next_at = tonumber(head:sub(21, 40):match("%d+"))
    if not next_at or next_at <= at then return nil, ("archive damaged at offset %d"):format(at) end
    at = next_at
  end
  return out
end

return bigar
