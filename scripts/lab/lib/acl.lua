-- SPDX-License-Identifier: MIT
-- Access control lists of an emulated AIX. A file's list is kept, as an archive stores it, in an
-- extended attribute, which the NFS server does not carry: as it is on AIX.

local lpar = require "lpar"
local sys = require "altmig.sys"

local acl = {}

local ACL <const>, PCL <const>, MODE <const> = "trusted.aix.acl", "trusted.aix.pcl", "trusted.aix.mode"
local EXTENDED <const> = 0x02000000
local kinds = { permit = 1, deny = 2, specify = 3 }
local kind_names = { "permit", "deny", "specify" }
local attribute_bits = { SUID = 2048, SGID = 1024, SVTX = 512 }

--- What restore keeps of an archive's member besides its mode.
---@param path string
---@param member altmig.bff.Member
---@return true? ok, string? message
function acl.keep(path, member)
  local ok, message = true, nil
  if member.acl and #member.acl > 16 then ok, message = lpar.set_attribute(path, ACL, member.acl) end
  if ok and member.pcl and member.pcl:sub(9):find("[^\0]") then ok, message = lpar.set_attribute(path, PCL, member.pcl) end
  -- TCB and the like; the bit that every directory has says nothing.
  local upper = member.aix_mode & 0xFFFE0000
  if ok and upper ~= 0 then ok, message = lpar.set_attribute(path, MODE, ("%08x"):format(upper)) end
  return ok, message
end

local function database(path)
  local by_name, by_id = {}, {}
  for line in (sys.read_file(path) or ""):gmatch("[^\n]+") do
    local name, id = line:match("^([^:]+):[^:]*:(%d+):")
    if name then by_name[name], by_id[tonumber(id)] = tonumber(id), by_id[tonumber(id)] or name end
  end
  return by_name, by_id
end

local function rwx(bits)
  return (bits & 4 ~= 0 and "r" or "-") .. (bits & 2 ~= 0 and "w" or "-") .. (bits & 1 ~= 0 and "x" or "-")
end

local function bits_of(text)
  local r, w, x = (text or ""):match("^([r-])([w-])([x-])$")
  return r and (r == "r" and 4 or 0) + (w == "w" and 2 or 0) + (x == "x" and 1 or 0)
end

local function print_entries(lines, bytes, users, groups)
  local length, at = ("<I4"):unpack(bytes), 17
  while at < length do
    local size, access = ("<I2I2"):unpack(bytes, at)
    local ids = {}
    for id_at = at + 4, at + size - 1, 8 do
      local kind, id = ("<xxI2>I4"):unpack(bytes, id_at)
      ids[#ids + 1] = kind == 1 and "u:" .. (users[id] or ("%d"):format(id)) or "g:" .. (groups[id] or ("%d"):format(id))
    end
    lines[#lines + 1] = ("        %-8s %s     %s"):format(kind_names[access >> 14], rwx(access), table.concat(ids, ","))
    at = at + size
  end
end

--- As aclget prints it.
---@param path string
---@return string? text, string? message
function acl.text(path)
  local st, message = sys.stat(path)
  if not st then return nil, message end
  local bytes = lpar.attribute(path, ACL)
  local _, users = database "/etc/passwd"
  local _, groups = database "/etc/group"
  local names = {}
  for name, bit in pairs(attribute_bits) do
    if st.mode & bit ~= 0 then names[#names + 1] = name end
  end
  table.sort(names)
  local enabled = bytes and ("<I4"):unpack(bytes, 5) & EXTENDED ~= 0
  local lines = { "*", "* ACL_type   AIXC", "*", "attributes: " .. table.concat(names, ","), "base permissions",
    ("    owner(%s):  %s"):format(users[st.uid] or st.uid, rwx(st.mode >> 6)),
    ("    group(%s):  %s"):format(groups[st.gid] or st.gid, rwx(st.mode >> 3)), "    others:  " .. rwx(st.mode),
    "extended permissions", enabled and "    enabled" or "    disabled" }
  if bytes then print_entries(lines, bytes, users, groups) end
  return table.concat(lines, "\n") .. "\n"
end

local function parse_entry(line, users, groups)
  local kind, access, ids = line:match("^%s+(%a+)%s+(%S+)%s+(%S.*)$")
  local bits = bits_of(access)
  if not kinds[kind] or not bits then return nil, "0481-005 bad entry:" .. line end
  local out = {}
  for word in ids:gmatch("[^,%s]+") do
    local letter, name = word:match("^([ug]):(.+)$")
    local id = letter == "u" and users[name] or letter == "g" and groups[name] or math.tointeger(tonumber(name))
    if not id then return nil, "no such user or group: " .. word end
    out[#out + 1] = ("<I2I2>I4"):pack(8, letter == "u" and 1 or 2, id)
  end
  if #out == 0 then return nil, "entry without a user or group:" .. line end
  local body = table.concat(out)
  return ("<I2I2"):pack(4 + #body, kinds[kind] << 14 | bits) .. body
end

--- Sets the list that the text describes, as aclput does.
---@param path string
---@param text string
---@return true? ok, string? message
function acl.put(path, text)
  local st, message = sys.stat(path)
  if not st then return nil, message end
  local users, groups = database "/etc/passwd", database "/etc/group"
  local mode, base, enabled, entries = 0, {}, nil, {}
  for line in text:gmatch("[^\n]+") do
    local who, access = line:match("^%s+(%a+)[^:]*:%s+(%S+)%s*$")
    local heading = line:match("^%*") or line:match("^base permissions") or line:match("^extended permissions")
    if line:match("^attributes:") then
      for word in line:match(":(.*)"):gmatch("[^,%s]+") do
        if not attribute_bits[word] then return nil, "unknown attribute " .. word end
        mode = mode | attribute_bits[word]
      end
    elseif line:match("^%s+enabled%s*$") or line:match("^%s+disabled%s*$") then
      enabled = line:find("enabled", 1, true) ~= nil
    elseif who == "owner" or who == "group" or who == "others" then
      base[who] = bits_of(access)
    elseif not heading then
      local entry, why = parse_entry(line, users, groups)
      if not entry then return nil, why end
      entries[#entries + 1] = entry
    end
  end
  if not base.owner or not base.group or not base.others or enabled == nil then return nil, "the list is not complete" end
  local body = table.concat(entries)
  local bytes = ("<I4I4I2I2I2I2"):pack(16 + #body, mode | (enabled and EXTENDED or 0), 0, base.owner, base.group, base.others) .. body
  local ok
  ok, message = sys.chmod(path, mode | base.owner << 6 | base.group << 3 | base.others)
  if not ok then return nil, message end
  return lpar.set_attribute(path, ACL, bytes .. ("\0"):rep(-#bytes % 8))
end

return acl
