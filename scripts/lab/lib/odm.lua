-- SPDX-License-Identifier: MIT
-- The object data manager of the lab's systems: altmig.odm's stores of binary class files, plus the
-- definitions of the classes a system has.

local core = require "altmig.odm_core"
local engine = require "altmig.odm"
local odmstale = require "lab.odmstale"

local odm = {}

---@class lab.odm.Descriptor: altmig.odm.Descriptor

---@alias lab.odm.Object altmig.odm.Object

---------------------------------------------------------------- class definitions

local definitions

-- Reads one descriptor of a class definition; nil for text it does not understand.
local function parse_descriptor(text)
  local class, _, key, name, size = text:match("^link%s+(%S+)%s+(%S+)%s+(%S+)%s+([%w_]+)%[(%d+)%]$")
  if class then return { name = name, type = "link", size = tonumber(size), class = class, key = key } end
  local kind, id, room = text:match("^([%w_]+)%s+([%w_]+)%[(%d+)%]$")
  if kind then return { name = id, type = kind, size = tonumber(room) } end
  kind, id = text:match("^([%w_]+)%s+([%w_]+)$")
  return kind and { name = id, type = kind }
end

--- Reads class definitions in the grammar of odmcreate.
---@param text string
---@return table<string, lab.odm.Descriptor[]> classes by name
function odm.parse_definitions(text)
  local classes = {}
  for name, body in text:gmatch("class%s+([%w_]+)%s*(%b{})") do
    local list = {}
    for part in body:sub(2, -2):gmatch("%s*([^;]+);") do
      local descriptor = parse_descriptor((part:gsub("%s+$", "")))
      assert(descriptor, "class " .. name .. ": '" .. part .. "' is no descriptor")
      list[#list + 1] = descriptor
      list[descriptor.name] = descriptor
    end
    classes[name] = list
  end
  return classes
end

local function definition(name)
  definitions = definitions or odm.parse_definitions(require "lab.odmclasses")
  return definitions[name]
end

--- The descriptors of a class the lab defines; nil for others.
---@param name string
---@return lab.odm.Descriptor[]?
function odm.definition(name) return definition(name) end

---------------------------------------------------------------- text

--- Reads stanza text as odmget prints it and odmadd takes it.
odm.parse = engine.parse

--- Formats objects as odmget does: an empty line, the class, one line per descriptor.
---@param class string
---@param objects lab.odm.Object[]
---@return string
function odm.format(class, objects) return engine.format(class, objects, definition(class)) end

--- The files of a class that holds the objects, as a system has them that was used for a while: bytes of the
--- class, and of its strings if it has any.
---@param class string
---@param objects lab.odm.Object[]
---@param seed string          # what the bytes follow from that no value has
---@return string data
---@return string? strings
function odm.images(class, objects, seed)
  local image = assert(core.create(class, class, assert(definition(class), "no class " .. class)))
  for _, object in ipairs(objects) do assert(image:add(object)) end
  local data, strings = image:images()
  image:close()
  return odmstale.age(data, seed .. class), strings
end

---------------------------------------------------------------- the store

-- A store that opens its directory when it is first asked for something, so that a directory that
-- is not there is the failure of that call.
---@class lab.odm.Store: altmig.odm.Store
local Store = {}
Store.__index = Store
Store.__close = function(store) store:close() end

for _, method in ipairs { "class", "classes", "get", "first", "format", "add", "change", "delete", "begin", "commit" } do
  Store[method] = function(self, ...)
    if not self.store then
      local message, code
      self.store, message, code = engine.open(self.dir)
      if not self.store then return nil, message, code end
    end
    return self.store[method](self.store, ...)
  end
end

--- Opens a directory of classes.
---@param root string directory, or the root of a system when a second argument names the directory in it
---@param path string?
---@return lab.odm.Store
function odm.open(root, path)
  return setmetatable({ dir = path and (root:gsub("/$", "") .. path) or root }, Store)
end

--- The directory commands use: ODMDIR, else /etc/objrepos.
odm.directory = engine.directory

--- Makes an empty class, by the lab's definition.
---@param class string
function Store:create(class)
  local ok, message, code = self:begin()
  if not ok then return nil, message, code end
  local descriptors = definition(class)
  if not descriptors then return nil, "odm: class '" .. class .. "': no definition", "ODM_CLASS" end
  return self.store:create(class, descriptors)
end

--- Forgets what is not committed and gives the lock back.
function Store:close()
  if self.store then self.store:close() end
  self.store = nil
end

return odm
