-- SPDX-License-Identifier: MIT
-- /etc/filesystems: stanzas of attributes, in order, with the comments around them kept.

local modes = require "altmig.mode"
local sys = require "altmig.sys"

local filesystems = {}

---@class lab.filesystems.Stanza
---@field at string mount point
---@field attributes table<string, string>
---@field order string[] attribute names in their order
---@field before string text in front of the stanza: comments and empty lines

---@class lab.filesystems.File
---@field stanzas lab.filesystems.Stanza[]
---@field tail string
local File = {}
File.__index = File

--- Reads the text of /etc/filesystems.
---@param text string
---@return lab.filesystems.File
function filesystems.parse(text)
  local file = setmetatable({ stanzas = {}, tail = "" }, File)
  local current, pending = nil, {}
  for line in (text:match("\n$") and text or text .. "\n"):gmatch("(.-)\n") do
    local at = line:match("^(/[^:]*):%s*$")
    local name, value = line:match("^%s+([%w_]+)%s*=%s*(.-)%s*$")
    if at then
      current = { at = at, attributes = {}, order = {}, before = table.concat(pending) }
      file.stanzas[#file.stanzas + 1] = current
      pending = {}
    elseif name and current and #pending == 0 then
      if not current.attributes[name] then current.order[#current.order + 1] = name end
      current.attributes[name] = value:match('^"(.*)"$') or value
    elseif line ~= "" or #pending > 0 or not current then
      pending[#pending + 1] = line .. "\n"
    end
  end
  file.tail = table.concat(pending)
  return file
end

--- The file of a system.
---@param root string|nil its root; the own system by default
---@return lab.filesystems.File?
---@return string? message
---@return string? code
function filesystems.open(root)
  local path = (root or "") .. "/etc/filesystems"
  local text, message, code = sys.read_file(path)
  if not text then return nil, message, code end
  local file = filesystems.parse(text)
  file.path = path
  return file
end

--- The stanza of a mount point or of a device ("/dev/hd2").
---@return lab.filesystems.Stanza?
function File:get(name)
  for _, stanza in ipairs(self.stanzas) do
    if stanza.at == name or (stanza.attributes.dev == name and name ~= "") then return stanza end
  end
end

--- Adds or replaces the stanza of a mount point.
---@param at string
---@param pairs_ string[][] {name, value} in order
function File:set(at, pairs_)
  local stanza
  for _, old in ipairs(self.stanzas) do
    if old.at == at then stanza = old end
  end
  if not stanza then
    stanza = { at = at, before = "" }
    self.stanzas[#self.stanzas + 1] = stanza
  end
  stanza.attributes, stanza.order = {}, {}
  for _, pair in ipairs(pairs_) do
    stanza.attributes[pair[1]] = pair[2]
    stanza.order[#stanza.order + 1] = pair[1]
  end
end

--- Removes stanzas for which `doomed` is true.
---@param doomed fun(stanza: lab.filesystems.Stanza): boolean
---@return integer count
function File:remove(doomed)
  local kept, count = {}, 0
  for _, stanza in ipairs(self.stanzas) do
    if doomed(stanza) then count = count + 1 else kept[#kept + 1] = stanza end
  end
  self.stanzas = kept
  return count
end

---@return string
function File:text()
  local out = {}
  for _, stanza in ipairs(self.stanzas) do
    out[#out + 1] = stanza.before .. stanza.at .. ":\n"
    for _, name in ipairs(stanza.order) do
      out[#out + 1] = ("\t%s%s= %s\n"):format(name, #name < 8 and "\t\t" or "\t", stanza.attributes[name])
    end
    out[#out + 1] = "\n"
  end
  out[#out + 1] = self.tail
  return table.concat(out)
end

--- Writes the file back, in one rename, with the mode it had.
---@return true?
---@return string? message
---@return string? code
function File:save()
  local old = sys.lstat(self.path)
  return sys.write_file(self.path, self:text(), { mode = old and old.mode & modes.ALL or modes.FILE, atomic = true })
end

return filesystems
