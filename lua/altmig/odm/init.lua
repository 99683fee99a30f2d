-- SPDX-License-Identifier: MIT
-- The object data manager: directories of binary class files, on this host or in a tree.
--
-- Changes are made to images in memory and appear at commit, all of them or none: new files are
-- written beside the old ones, a commit record names them, they are renamed, the record goes. What
-- a crash leaves after the record is finished by whoever opens the directory next; what it leaves
-- before is dropped. The string file is renamed before its class: references only grow, so a reader
-- in between sees the class as it was.

local mode = require "altmig.mode"
local sorted_keys = require "altmig.sorted_keys"
local core = require "altmig.odm_core"
local err = require "altmig.err"
local sys = require "altmig.sys"

local odm = {}

local LOCK = ".odm_lock"
local RECORD = ".odm_commit"
local NEW = ".odm_new."
local LOCK_SECONDS = 30
local FILE_MAX = 256 << 20

-- The functions of this file raise; what a script calls returns nil, message, code.
local check = err.check

local function fail(code, ...) err.raise { code = code, message = "odm: " .. table.concat({ ... }, ": ") } end

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

local function take_lock(files)
  local stop = sys.clock() + LOCK_SECONDS
  while true do
    local lock, message, code = files.lock()
    if lock then return lock end
    if code ~= "LOCKED" or sys.clock() >= stop then check(lock, message, code) end
    check(sys.sleep(0.05))
  end
end

-- Finishes the commit a record tells of. The record was written in one step, so it is whole; its
-- names are checked all the same, since they are about to be renamed.
local function finish_commit(files)
  local text, message, code = files.read(RECORD)
  if not text and code == "ENOENT" then return end
  for line in check(text, message, code):gmatch("[^\n]+") do
    local name = line:match("^([%a_][%w_]*)$") or line:match("^([%a_][%w_]*%.vc)$")
    if not name then fail("ODM_FORMAT", files.name .. "/" .. RECORD, "not a commit record") end
    local ok, why, problem = files.rename(NEW .. name, name)
    if not ok and problem ~= "ENOENT" then check(ok, why, problem) end
  end
  check(files.remove(RECORD))
end

-- Drops new files that no record tells of.
local function drop_new(files)
  for _, name in ipairs(check(files.list())) do
    if name:sub(1, #NEW) == NEW then check(files.remove(name)) end
  end
end

-- Finishes what a crash interrupted, before anything is read.
local function recover(files)
  if not files.stat(RECORD) then return end
  local lock = take_lock(files)
  local ok, problem = pcall(finish_commit, files)
  lock:close()
  if not ok then error(problem, 0) end
end

local store_metatable = {}

local function open(place, path)
  if type(place) == "userdata" then place = place:plain() end -- m.alt raises where a store looks at what calls return
  local files
  if type(place) == "string" then
    files = local_files(path and place:gsub("/$", "") .. path or place)
  else
    files = tree_files(place, path or "/etc/objrepos")
  end
  if check(files.stat()).type ~= "dir" then fail("ENOTDIR", files.name, "not a directory") end
  recover(files)
  return setmetatable({ files = files, loaded = {}, changed = {} }, store_metatable)
end

--- Opens a directory of classes.
---@param place string|altmig.tree   a directory, or the tree that holds it
---@param path string?               the directory in the tree (or below the first argument)
---@return altmig.odm.Store? store, string? message, string? code
function odm.open(place, path) return err.returned(open, place, path) end

--- The directory commands use: ODMDIR, else /etc/objrepos.
---@return string
function odm.directory()
  local dir = sys.getenv("ODMDIR")
  return dir and dir ~= "" and dir or "/etc/objrepos"
end

local function check_name(class)
  if not class:match("^[%a_][%w_]*$") then fail("ODM_CLASS", "class '" .. class .. "'", "bad name") end
end

-- The bytes of a file; nil when there is none.
local function live(files, name)
  local bytes, message, code = files.read(name)
  if not bytes and code == "ENOENT" then return nil end
  return check(bytes, message, code)
end

-- The image of a class, from memory or from its files. The class is read before its strings: see
-- the top of this file.
function Store:image(class)
  local entry = self.loaded[class]
  if entry then return entry.image end
  check_name(class)
  local path = self.files.name .. "/" .. class
  -- Another process may be in the middle of a commit of several classes, or have died there.
  if not self.lock then recover(self.files) end
  local data = live(self.files, class)
  if not data then fail("ODM_CLASS", path, "class does not exist") end
  local strings = live(self.files, class .. ".vc")
  local image = check(core.parse(path, data, strings))
  self.loaded[class] = { image = image, strings = strings }
  return image
end

-- Takes the lock of the directory and forgets what was read before it.
function Store:begin()
  if self.lock then return true end
  self.lock = take_lock(self.files)
  self.loaded = {}
  local ok, problem = pcall(finish_commit, self.files)
  if ok then ok, problem = pcall(drop_new, self.files) end
  if ok then return true end
  self:close()
  error(problem, 0)
end

-- What a change needs: the lock, and the class as it is now.
local function writable(store, class)
  Store.begin(store)
  local image = Store.image(store, class)
  check(image:writable())
  return image
end

--- Descriptors of a class, in order.
---@param class string
---@return altmig.odm.Descriptor[]? descriptors, string? message, string? code
function Store:class(class)
  return Store.image(self, class):descriptors()
end

--- Names of the classes of the directory, sorted.
---@return string[]? names, string? message, string? code
function Store:classes()
  local out = {}
  for _, name in ipairs(check(self.files.list())) do
    if name:match("^[%a_][%w_]*$") then
      local image, message, code = self:image(name)
      if image or code == "ODM_STRINGS" then -- a class without its string file is one all the same
        out[#out + 1] = name
      elseif code ~= "ODM_FORMAT" and code ~= "EISDIR" then
        check(image, message, code)
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
  return Store.image(self, class):get(criteria)
end

--- The first object that meets the criteria; nil alone when there is none.
---@param class string
---@param criteria string?
---@return altmig.odm.Object? object, string? message, string? code
function Store:first(class, criteria)
  return check(Store.get(self, class, criteria))[1]
end

--- Objects that meet the criteria, as odmget prints them.
---@param class string
---@param criteria string?
---@return string? text, string? message, string? code
function Store:format(class, criteria)
  return Store.image(self, class):format(criteria)
end

--- Adds an object; descriptors it leaves out are empty or 0.
---@param class string
---@param object altmig.odm.Object
---@return true? ok, string? message, string? code
function Store:add(class, object)
  check(writable(self, class):add(object))
  self.changed[class] = true
  return true
end

--- Sets fields of every object that meets the criteria.
---@param class string
---@param criteria string?
---@param fields altmig.odm.Object
---@return integer? count, string? message, string? code
function Store:change(class, criteria, fields)
  local count = check(writable(self, class):change(criteria, fields))
  if count > 0 then self.changed[class] = true end
  return count
end

--- Deletes every object that meets the criteria.
---@param class string
---@param criteria string?
---@return integer? count, string? message, string? code
function Store:delete(class, criteria)
  local count = check(writable(self, class):delete(criteria))
  if count > 0 then self.changed[class] = true end
  return count
end

--- Makes an empty class.
---@param class string
---@param descriptors altmig.odm.Descriptor[]
---@return true? ok, string? message, string? code
function Store:create(class, descriptors)
  local path = self.files.name .. "/" .. class
  Store.begin(self)
  if self.loaded[class] or self.files.stat(class) then fail("ODM_CLASS", path, "class exists already") end
  self.loaded[class] = { image = check(core.create(path, class, descriptors)) }
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
  check_name(class)
  Store.begin(self)
  local now, now_strings = live(self.files, class), live(self.files, class .. ".vc")
  self.changed[class] = nil
  self.loaded[class] = { image = { images = function() return data, strings end }, strings = now_strings, attributes = attributes }
  if now ~= data or (strings and now_strings ~= strings) then self.changed[class] = true end
  return true
end

-- Writes the new files of the changed classes; the names they will have, strings first.
local function write_new(store)
  local files, names = store.files, {}
  local function write(name, like, data)
    check(files.write(NEW .. name, data, files.stat(name) or files.stat(like) or store.loaded[like].attributes))
    names[#names + 1] = name
  end
  for _, class in ipairs(sorted_keys(store.changed)) do
    local entry = store.loaded[class]
    local data, strings = entry.image:images()
    if strings and strings ~= entry.strings then write(class .. ".vc", class, strings) end
    write(class, class, data)
  end
  return names
end

local function write_changes(store)
  local files = store.files
  local ok, problem = pcall(function() check(files.write(RECORD, table.concat(write_new(store), "\n") .. "\n")) end)
  if not ok then
    pcall(drop_new, files)
    error(problem, 0)
  end
  finish_commit(files)
end

--- Makes all changes appear, or none, and gives the lock back.
---@return true? ok, string? message, string? code
function Store:commit()
  local ok, problem = true, nil
  if next(self.changed) then ok, problem = pcall(write_changes, self) end
  self:close()
  if not ok then error(problem, 0) end
  return true
end

--- Forgets what was read and what is not committed, and gives the lock back. The store can be used
--- on: the next call reads the files again.
function Store:close()
  local lock = self.lock
  self.lock, self.loaded, self.changed = nil, {}, {}
  if lock then lock:close() end
end

store_metatable.__index = {}
for name, fn in pairs(Store) do
  store_metatable.__index[name] = function(...) return err.returned(fn, ...) end
end
store_metatable.__close = Store.close
store_metatable.__gc = Store.close

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

local function definitions(text)
  local classes, at = {}, 1
  text = without_comments(text)
  local function bad(position, what)
    local _, lines = text:sub(1, position - 1):gsub("\n", "")
    fail("ODM_SYNTAX", "line " .. lines + 1, what)
  end
  while true do
    at = text:find("%S", at)
    if not at then return classes end
    local word, name, body, stop = text:match("^(%a+)%s+([%a_][%w_]*)%s*{()[^}]*}()", at)
    if text:sub(at, at) == "#" then bad(at, "a line for the C preprocessor, which -p calls") end
    if word ~= "class" and word ~= "struct" then bad(at, "'class NAME { ... }' was expected") end
    local list, count = {}, 0
    local from = text:find("%S", body)
    while from < stop - 1 do
      local descriptor, after = text:match("^([^;}]*);()", from)
      if not descriptor then bad(from, "';' was expected") end
      list[#list + 1] = parse_descriptor(descriptor:match("^(.*%S)") or "")
      if not list[#list] or #list == count then bad(from, "'" .. descriptor .. "' is no descriptor") end
      count = #list
      from = text:find("%S", after)
    end
    if count == 0 then bad(at, "class without descriptors") end
    classes[#classes + 1] = { name = name, descriptors = list }
    at = text:match("^%s*;?()", stop)
  end
end

--- Reads class definitions in the grammar of odmcreate.
---@param text string
---@return {name: string, descriptors: altmig.odm.Descriptor[]}[]? classes, string? message, string? code
function odm.definitions(text) return err.returned(definitions, text) end

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
