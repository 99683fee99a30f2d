-- SPDX-License-Identifier: MIT
-- The tar of a bundle, in the interchange format of POSIX (ustar): small files with plain names. Written so that
-- any tar unpacks it; read so that nothing but such files comes out, whoever made it: no link, no device, no name
-- that leads anywhere, no size beyond what a bundle can have.

local ustar = {}

local BLOCK <const> = 512
--- Bytes of one file, of all of them, and how many there may be.
ustar.file_max = 32 << 20
ustar.max = 128 << 20
ustar.count_max = 2000

local function checksum(header)
  local sum = 8 * 32 -- its own field counts as blanks
  for i = 1, BLOCK do
    if i < 149 or i > 156 then sum = sum + header:byte(i) end
  end
  return sum
end

local function header(name, size, kind, time)
  local form = ("%s%s\0%s\0%s\0%011o\0%011o\0%s%s%s%s00%s%s%s%s%s%s"):format("\1", kind == "5" and "0000700" or "0000600", "0000000",
    "0000000", size, time, (" "):rep(8), kind, ("\0"):rep(100), "ustar\0", ("\0"):rep(32), ("\0"):rep(32), "0000000\0", "0000000\0",
    ("\0"):rep(155), ("\0"):rep(12))
  form = name .. ("\0"):rep(100 - #name) .. form:sub(2)
  return form:sub(1, 148) .. ("%06o\0 "):format(checksum(form)) .. form:sub(157)
end

local function is_plain(name)
  if #name > 99 or not name:find("^[%w%._%-/]+$") or name:sub(1, 1) == "/" then return false end
  for part in (name .. "/"):gmatch("([^/]*)/") do
    if part == "" or part == "." or part == ".." then return false end
  end
  return true
end

--- A tar of these files, in their order; directories are made of their names.
---@param files { name: string, data: string }[]
---@param time integer   seconds since 1970, of every file
---@return string
function ustar.pack(files, time)
  local parts, dirs = {}, {}
  for _, file in ipairs(files) do
    assert(is_plain(file.name), file.name)
    for at in file.name:gmatch("()/") do
      local dir = file.name:sub(1, at - 1)
      if not dirs[dir] then parts[#parts + 1] = header(dir .. "/", 0, "5", time) end
      dirs[dir] = true
    end
    parts[#parts + 1] = header(file.name, #file.data, "0", time)
    parts[#parts + 1] = file.data .. ("\0"):rep(-#file.data % BLOCK)
  end
  parts[#parts + 1] = ("\0"):rep(2 * BLOCK)
  return table.concat(parts)
end

local function fail(text) return nil, "bundle: " .. text, "BUNDLE" end

local function octal(field)
  local digits = field:match("^ *([0-7]+)[%z ]*$")
  return digits and #digits < 12 and math.tointeger(tonumber(digits, 8))
end

local function text(field) return field:match("^[^%z]*") end

--- The files of a tar, by name. nil, message, "BUNDLE" for one that holds anything else.
---@param data string
---@return table<string, string>? files, string? message, string? code
function ustar.unpack(data)
  local files, count, total, at = {}, 0, 0, 1
  while true do
    local head = data:sub(at, at + BLOCK - 1)
    if #head < BLOCK then return fail "it ends too early" end
    if head:find("^%z*$") then return files end
    if head:sub(258, 262) ~= "ustar" then return fail "it is no tar of the form ustar" end
    if octal(head:sub(149, 156)) ~= checksum(head) then return fail(("the header at %d is damaged"):format(at - 1)) end
    local prefix, name, kind = text(head:sub(346, 500)), text(head:sub(1, 100)), head:sub(157, 157)
    if prefix ~= "" and head:sub(263, 263) == "\0" then name = prefix .. "/" .. name end
    name = name:gsub("^%./", "")
    local size = octal(head:sub(125, 136))
    if not size then return fail(("%q: its size is no number"):format(name)) end
    at = at + BLOCK
    if kind == "5" then
      if size ~= 0 then return fail(("%q: a directory with content"):format(name)) end
    elseif kind ~= "0" and kind ~= "\0" then
      return fail(("%q: neither a file nor a directory"):format(name))
    else
      if not is_plain(name) then return fail(("%q is no name of a bundle"):format(name)) end
      if files[name] then return fail(("%q is there twice"):format(name)) end
      count, total = count + 1, total + size
      if size > ustar.file_max or total > ustar.max or count > ustar.count_max then return fail "it is larger than a bundle can be" end
      local content = data:sub(at, at + size - 1)
      if #content < size then return fail(("%q: it ends too early"):format(name)) end
      files[name] = content
      at = at + size + -size % BLOCK
    end
  end
end

return ustar
