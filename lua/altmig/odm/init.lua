-- SPDX-License-Identifier: MIT
-- The object data manager: directories of binary class files, on this host or in a tree.
--
-- Changes are made to images in memory and appear at commit, all of them or none: new files are
-- written beside the old ones, a commit record names them, they are renamed, the record goes. What
-- a crash leaves after the record is finished by whoever opens the directory next; what it leaves
-- before is dropped. The string file is renamed before its class: references only grow, so a reader
-- in between sees the class as it was.

local mode = require "altmig.mode"
local core = require "altmig.odm_core"
local sys = require "altmig.sys"

local odm = {}

local LOCK = ".odm_lock"
local RECORD = ".odm_commit"
local NEW = ".odm_new."
local LOCK_SECONDS = 30
local FILE_MAX = 256 << 20

local function failure(code, ...) return nil, "odm: " .. table.concat({ ... }, ": "), code end

---------------------------------------------------------------- where the files are

---@class altmig.odm.Files    what a store needs of the place its files are in
---@field name string         for messages
---@field join fun(name: string): string

-- A directory of this host, with a lock against other processes.
local function local_files(dir)
  local files = { name = dir }
  local function join(name) return dir .. "/" .. name end
  function files.stat(name) return sys.stat(name and join(name) or dir) end
  function files.list() return sys.list(dir) end
  function files.read(name) return sys.read_file(join(name), FILE_MAX) end
  function files.write(name, data, old)
    local ok, message, code = sys.write_file(join(name), data, { mode = old and old.mode or mode.FILE })
    if ok and old and sys.getuid() == 0 then
      ok, message, code = sys.chown(join(name), old.uid, old.gid)
      -- Changing the owner may have cleared bits of the mode.
      if ok then ok, message, code = sys.chmod(join(name), old.mode) end
    end
    return ok, message, code
  end
  function files.rename(from, to) return sys.rename(join(from), join(to)) end
  function files.remove(name) return sys.remove(join(name)) end
  function files.lock() return sys.lock(join(LOCK), { text = "" }) end
  return files
end

-- A directory in a tree. Trees are written by one process at a time: nothing to lock.
local function tree_files(tree, dir)
  local files = { name = dir }
  local function join(name) return dir .. "/" .. name end
  function files.stat(name) return tree:stat(name and join(name) or dir, { follow = true }) end
  function files.list() return tree:list(dir) end
  function files.read(name) return tree:read(join(name), FILE_MAX) end
  function files.write(name, data, old)
    return tree:write(join(name), data, old and { mode = old.mode, uid = old.uid, gid = old.gid } or { mode = mode.FILE })
  end
  function files.rename(from, to) return tree:rename(join(from), join(to)) end
  function files.remove(name) return tree:remove(join(name)) end
  function files.lock() return { close = function() end } end
  return files
end

---------------------------------------------------------------- the store

---@class altmig.odm.Store
---@field files table
---@field loaded table<string, table>   classes read so far: { image, strings }
---@field changed table<string, boolean>
---@field lock table?
local Store = {}
Store.__index = Store
Store.__close = function(store) store:close() end
Store.__gc = Store.__close

local function take_lock(files)
  local stop = sys.clock() + LOCK_SECONDS
  while true do
    local lock, message, code = files.lock()
    if lock then return lock end
    if code ~= "LOCKED" or sys.clock() >= stop then return nil, message, code end
    local ok
    ok, message, code = sys.sleep(0.05)
    if ok == nil then return nil, message, code end
  end
end

-- Finishes the commit a record tells of. The record was written in one step, so it is whole; its
-- names are checked all the same, since they are about to be renamed.
local function finish_commit(files)
  local text, message, code = files.read(RECORD)
  if not text then
    if code == "ENOENT" then return true end
    return nil, message, code
  end
  for line in text:gmatch("[^\n]+") do
    local name = line:match("^([%a_][%w_]*)$") or line:match("^([%a_][%w_]*%.vc)$")
    if not name then return failure("ODM_FORMAT", files.name .. "/" .. RECORD, "not a commit record") end
    local ok
    ok, message, code = files.rename(NEW .. name, name)
    if not ok and code ~= "ENOENT" then return nil, message, code end
  end
  return files.remove(RECORD)
end

-- Drops new files that no record tells of.
local function drop_new(files)
  local names, message, code = files.list()
  if not names then return nil, message, code end
  for _, name in ipairs(names) do
    if name:sub(1, #NEW) == NEW then
      local ok
      ok, message, code = files.remove(name)
      if not ok then return nil, message, code end
    end
  end
  return true
end

-- What a crashed commit left is set right before anything is read.
local function mend(files)
  if not files.stat(RECORD) then return true end
  local lock, message, code = take_lock(files)
  if not lock then return nil, message, code end
  local ok
  ok, message, code = finish_commit(files)
  lock:close()
  return ok, message, code
end

--- Opens a directory of classes.
---@param place string|altmig.tree   a directory, or the tree that holds it
---@param path string?               the directory in the tree (or below the first argument)
---@return altmig.odm.Store? store, string? message, string? code
function odm.open(place, path)
  if type(place) == "userdata" then place = place:plain() end -- m.alt raises where a store looks at what calls return
  local files
  if type(place) == "string" then
    files = local_files(path and place:gsub("/$", "") .. path or place)
  else
    files = tree_files(place, path or "/etc/objrepos")
  end
  local st, message, code = files.stat()
  if not st then return nil, message, code end
  if st.type ~= "dir" then return failure("ENOTDIR", files.name, "not a directory") end
  local ok
  ok, message, code = mend(files)
  if not ok then return nil, message, code end
  return setmetatable({ files = files, loaded = {}, changed = {} }, Store)
end

--- The directory commands use: ODMDIR, else /etc/objrepos.
---@return string
function odm.directory()
  local dir = sys.getenv("ODMDIR")
  return dir and dir ~= "" and dir or "/etc/objrepos"
end

-- The image of a class, from memory or from its files. The class is read before its strings: see
-- the top of this file.
function Store:image(class)
  local entry = self.loaded[class]
  if entry then return entry.image end
  if not class:match("^[%a_][%w_]*$") then return failure("ODM_CLASS", "class '" .. class .. "'", "bad name") end
  local path = self.files.name .. "/" .. class
  local data, message, code = true, nil, nil
  -- Another process may be in the middle of a commit of several classes, or have died there.
  if not self.lock then data, message, code = mend(self.files) end
  if not data then return nil, message, code end
  data, message, code = self.files.read(class)
  if not data then
    if code == "ENOENT" then return failure("ODM_CLASS", path, "class does not exist") end
    return nil, message, code
  end
  local strings
  strings, message, code = self.files.read(class .. ".vc")
  if not strings and code ~= "ENOENT" then return nil, message, code end
  local image
  image, message, code = core.parse(path, data, strings)
  if not image then return nil, message, code end
  self.loaded[class] = { image = image, strings = strings }
  return image
end

-- Takes the lock of the directory and forgets what was read before it.
function Store:begin()
  if self.lock then return true end
  local lock, message, code = take_lock(self.files)
  if not lock then return nil, message, code end
  self.lock = lock
  self.loaded = {}
  local ok
  ok, message, code = finish_commit(self.files)
  if ok then ok, message, code = drop_new(self.files) end
  if not ok then
    self:close()
    return nil, message, code
  end
  return true
end

-- What a change needs: the lock, and the class as it is now.
function Store:writable(class)
  local ok, message, code = self:begin()
  if not ok then return nil, message, code end
  local image
  image, message, code = self:image(class)
  if not image then return nil, message, code end
  ok, message, code = image:writable()
  if not ok then return nil, message, code end
  return image
end

--- Descriptors of a class, in order.
---@param class string
---@return altmig.odm.Descriptor[]? descriptors, string? message, string? code
function Store:class(class)
  local image, message, code = self:image(class)
  if not image then return nil, message, code end
  return image:descriptors()
end

--- Names of the classes of the directory, sorted.
---@return string[]? names, string? message, string? code
function Store:classes()
  local names, message, code = self.files.list()
  if not names then return nil, message, code end
  local out = {}
  for _, name in ipairs(names) do
    if name:match("^[%a_][%w_]*$") then
      local image
      image, message, code = self:image(name)
      if image then
        out[#out + 1] = name
      elseif code ~= "ODM_FORMAT" and code ~= "EISDIR" then
        return nil, message, code
      end
    end
  end
  return out
end

--- Objects that meet the criteria, in the order of the class.
---@param class string
---@param criteria string?     "name = hdisk0 AND (attribute LIKE p* OR ...)"
---@return altmig.odm.Object[]? objects, string? message, string? code
function Store:get(class, criteria)
  local image, message, code = self:image(class)
  if not image then return nil, message, code end
  return image:get(criteria)
end

--- The first object that meets the criteria; nil alone when there is none.
---@param class string
---@param criteria string?
---@return altmig.odm.Object? object, string? message, string? code
function Store:first(class, criteria)
  local objects, message, code = self:get(class, criteria)
  if not objects then return nil, message, code end
  return objects[1]
end

--- Objects that meet the criteria, as odmget prints them.
---@param class string
---@param criteria string?
---@return string? text, string? message, string? code
function Store:format(class, criteria)
  local image, message, code = self:image(class)
  if not image then return nil, message, code end
  return image:format(criteria)
end

--- Adds an object; descriptors it leaves out are empty or 0.
---@param class string
---@param object altmig.odm.Object
---@return true? ok, string? message, string? code
function Store:add(class, object)
  local image, message, code = self:writable(class)
  if not image then return nil, message, code end
  local ok
  ok, message, code = image:add(object)
  if not ok then return nil, message, code end
  self.changed[class] = true
  return true
end

--- Sets fields of every object that meets the criteria.
---@param class string
---@param criteria string?
---@param fields altmig.odm.Object
---@return integer? count, string? message, string? code
function Store:change(class, criteria, fields)
  local image, message, code = self:writable(class)
  if not image then return nil, message, code end
  local count
  count, message, code = image:change(criteria, fields)
  if not count then return nil, message, code end
  if count > 0 then self.changed[class] = true end
  return count
end

--- Deletes every object that meets the criteria.
---@param class string
---@param criteria string?
---@return integer? count, string? message, string? code
function Store:delete(class, criteria)
  local image, message, code = self:writable(class)
  if not image then return nil, message, code end
  local count
  count, message, code = image:delete(criteria)
  if not count then return nil, message, code end
  if count > 0 then self.changed[class] = true end
  return count
end

--- Makes an empty class.
---@param class string
---@param descriptors altmig.odm.Descriptor[]
---@return true? ok, string? message, string? code
function Store:create(class, descriptors)
  local ok, message, code = self:begin()
  if not ok then return nil, message, code end
  if self.loaded[class] or self.files.stat(class) then
    return failure("ODM_CLASS", self.files.name .. "/" .. class, "class exists already")
  end
  local image
  image, message, code = core.create(self.files.name .. "/" .. class, class, descriptors)
  if not image then return nil, message, code end
  self.loaded[class] = { image = image }
  self.changed[class] = true
  return true
end

--- Makes these bytes the class at the next commit, whatever is there now; bytes that are there already
--- are not written again. attributes: of files that do not exist yet.
---@param class string
---@param data string          # bytes of the class file
---@param strings string?      # bytes of its string file
---@param attributes { mode: integer, uid: integer, gid: integer }?
---@return true? ok, string? message, string? code
function Store:replace(class, data, strings, attributes)
  if not class:match("^[%a_][%w_]*$") then return failure("ODM_CLASS", "class '" .. class .. "'", "bad name") end
  local ok, message, code = self:begin()
  if not ok then return nil, message, code end
  local function live(name)
    local bytes, why, problem = self.files.read(name)
    if not bytes and problem ~= "ENOENT" then return nil, why, problem end
    return bytes or false
  end
  local now, now_strings
  now, message, code = live(class)
  if now == nil then return nil, message, code end
  now_strings, message, code = live(class .. ".vc")
  if now_strings == nil then return nil, message, code end
  self.changed[class] = nil
  self.loaded[class] = { image = { images = function() return data, strings end }, strings = now_strings or nil,
    attributes = attributes }
  if now ~= data or (strings and now_strings ~= strings) then self.changed[class] = true end
  return true
end

-- Writes the new files of the changed classes; the names they will have, strings first.
function Store:write_new()
  local classes, names = {}, {}
  for class in pairs(self.changed) do classes[#classes + 1] = class end
  table.sort(classes)
  local function write(name, like, data)
    local ok, message, code = self.files.write(NEW .. name, data,
      self.files.stat(name) or self.files.stat(like) or self.loaded[like].attributes)
    if ok then names[#names + 1] = name end
    return ok, message, code
  end
  for _, class in ipairs(classes) do
    local entry = self.loaded[class]
    local data, strings = entry.image:images()
    local ok, message, code = true, nil, nil
    if strings and strings ~= entry.strings then ok, message, code = write(class .. ".vc", class, strings) end
    if ok then ok, message, code = write(class, class, data) end
    if not ok then return nil, message, code end
  end
  return names
end

--- Makes all changes appear, or none, and gives the lock back.
---@return true? ok, string? message, string? code
function Store:commit()
  local ok, message, code = true, nil, nil
  if next(self.changed) then
    local names
    names, message, code = self:write_new()
    if names then
      ok, message, code = self.files.write(RECORD, table.concat(names, "\n") .. "\n")
    else
      ok = nil
    end
    if ok then
      ok, message, code = finish_commit(self.files)
    else
      drop_new(self.files)
    end
  end
  self:close()
  if not ok then return nil, message, code end
  return true
end

--- Forgets what was read and what is not committed, and gives the lock back. The store can be used
--- on: the next call reads anew.
function Store:close()
  local lock = self.lock
  self.lock, self.loaded, self.changed = nil, {}, {}
  if lock then lock:close() end
end

---------------------------------------------------------------- text

--- Reads stanza text as odmget prints it and odmadd takes it.
---@param text string
---@return {class: string, fields: altmig.odm.Object, line: integer}[]? list, string? message, string? code
function odm.parse(text) return core.text(text) end

--- Formats objects as odmget does. Without descriptors the fields come in the order of their names.
---@param class string
---@param objects altmig.odm.Object[]
---@param descriptors altmig.odm.Descriptor[]?
---@return string
function odm.format(class, objects, descriptors)
  local out = {}
  for _, object in ipairs(objects) do
    local names = {}
    if descriptors then
      for i, descriptor in ipairs(descriptors) do names[i] = descriptor.name end
    else
      for name in pairs(object) do names[#names + 1] = name end
      table.sort(names)
    end
    out[#out + 1] = "\n" .. class .. ":\n"
    for _, name in ipairs(names) do
      local value = object[name]
      if value ~= nil then
        out[#out + 1] = ("\t%s = %s\n"):format(name, type(value) == "string" and core.quote(value) or tostring(value))
      end
    end
  end
  return table.concat(out)
end

-- Comments go, lines stay, so that messages can name them.
local function without_comments(text)
  local out, at = {}, 1
  while true do
    local from = text:find("/*", at, true)
    local stop = from and text:find("*/", from + 2, true)
    if not stop then break end
    out[#out + 1] = text:sub(at, from - 1) .. " " .. ("\n"):rep(select(2, text:sub(from, stop):gsub("\n", "")))
    at = stop + 2
  end
  text = table.concat(out) .. text:sub(at)
  text = ("\n" .. text):gsub("\n[ \t\r]*%*[^\n]*", "\n")
  return text:sub(2)
end

local with_size = { char = true, vchar = true, longchar = true, method = true, binary = true }
local without_size = {
  short = true, long = true, ulong = true, double = true, long64 = true, ulong64 = true, int64 = true,
  uint64 = true, ODM_LONG_LONG = true, ODM_ULONG_LONG = true,
}

local function parse_descriptor(text)
  local class, _, key, name, size = text:match("^link%s+([%w_]+)%s+([%w_]+)%s+([%w_]+)%s+([%w_]+)%s*%[%s*(%d+)%s*%]$")
  if class then return { name = name, type = "link", size = tonumber(size), class = class, key = key } end
  local kind
  kind, name, size = text:match("^([%w_]+)%s+([%w_]+)%s*%[%s*(%d+)%s*%]$")
  if kind and with_size[kind] then return { name = name, type = kind, size = tonumber(size) } end
  kind, name = text:match("^([%w_]+)%s+([%w_]+)$")
  if kind and without_size[kind] then return { name = name, type = kind } end
end

--- Reads class definitions in the grammar of odmcreate.
---@param text string
---@return {name: string, descriptors: altmig.odm.Descriptor[]}[]? classes, string? message, string? code
function odm.definitions(text)
  local classes, at = {}, 1
  text = without_comments(text)
  local function bad(position, what)
    local _, lines = text:sub(1, position - 1):gsub("\n", "")
    return failure("ODM_SYNTAX", "line " .. lines + 1, what)
  end
  while true do
    at = text:find("%S", at)
    if not at then return classes end
    local word, name, body, stop = text:match("^(%a+)%s+([%a_][%w_]*)%s*{()[^}]*}()", at)
    if text:sub(at, at) == "#" then return bad(at, "a line for the C preprocessor, which -p calls") end
    if word ~= "class" and word ~= "struct" then return bad(at, "'class NAME { ... }' was expected") end
    local list, count = {}, 0
    local from = text:find("%S", body)
    while from < stop - 1 do
      local descriptor, after = text:match("^([^;}]*);()", from)
      if not descriptor then return bad(from, "';' was expected") end
      list[#list + 1] = parse_descriptor(descriptor:match("^(.*%S)") or "")
      if not list[#list] or #list == count then return bad(from, "'" .. descriptor .. "' is no descriptor") end
      count = #list
      from = text:find("%S", after)
    end
    if count == 0 then return bad(at, "class without descriptors") end
    classes[#classes + 1] = { name = name, descriptors = list }
    at = text:match("^%s*;?()", stop)
  end
end

--- A class definition as odmshow prints it and odmcreate reads it.
---@param class string
---@param descriptors altmig.odm.Descriptor[]
---@return string
function odm.definition(class, descriptors)
  local out = { "class " .. class .. " {\n" }
  for _, d in ipairs(descriptors) do
    if d.type == "link" then
      out[#out + 1] = ("\tlink %s %s %s %s[%d];\n"):format(d.class, d.class, d.key, d.name, d.size)
    elseif with_size[d.type] then
      out[#out + 1] = ("\t%s %s[%d];\n"):format(d.type, d.name, d.size)
    else
      out[#out + 1] = ("\t%s %s;\n"):format(d.type, d.name)
    end
  end
  out[#out + 1] = "\t};\n"
  return table.concat(out)
end

return odm
