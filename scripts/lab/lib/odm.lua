-- The object data manager of the lab's systems: one stanza-text file per class, with the face of
-- altmig.odm. Changes are kept in memory until commit(), which replaces each changed file in one
-- rename. The first change of a transaction takes the directory's lock and reads anew, so two
-- commands that change the same directory at once lose nothing.

local sys = require "altmig.sys"

local odm = {}

---@class lab.odm.Descriptor
---@field name string
---@field type string char, vchar, longchar, method, binary, short, long, ulong or link
---@field size integer room of a string, its terminating NUL included
---@field class string? of a link: the class it points into
---@field key string? of a link: the descriptor it points at

---@alias lab.odm.Object table<string, string|integer>

local strings = { char = true, vchar = true, longchar = true, method = true, binary = true, link = true }
local LOCK_NAME = ".odm_lock"
local LOCK_SECONDS = 30

local function failure(code, ...)
  return nil, table.concat({ ... }, ": "), code
end

---------------------------------------------------------------- class definitions

local definitions

-- Reads one descriptor of a class definition; nil for text it does not understand.
local function parse_descriptor(text)
  local class, _, key, name, size = text:match("^link%s+(%S+)%s+(%S+)%s+(%S+)%s+([%w_]+)%[(%d+)%]$")
  if class then return { name = name, type = "link", size = tonumber(size), class = class, key = key } end
  local kind, id, room = text:match("^([%w_]+)%s+([%w_]+)%[(%d+)%]$")
  if kind then return { name = id, type = kind, size = tonumber(room) } end
  kind, id = text:match("^([%w_]+)%s+([%w_]+)$")
  return kind and { name = id, type = kind, size = kind == "short" and 2 or 4 }
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

---------------------------------------------------------------- stanza text

local escapes = { ["\\"] = "\\\\", ['"'] = '\\"', ["\n"] = "\\n\\\n" }

local function quote(value)
  if not value:find('[\\"\n]') then return '"' .. value .. '"' end
  return '"' .. value:gsub('[\\"\n]', escapes) .. '"'
end

-- The inverse of quote: a backslash takes the next character as it is, "\n" is a newline, and a
-- backslash at the end of a line continues it.
local function unquote(text)
  local out, from = {}, 1
  while true do
    local at = text:find("\\", from, true)
    if not at then break end
    out[#out + 1] = text:sub(from, at - 1)
    local next_byte = text:sub(at + 1, at + 1)
    from = at + 2
    if next_byte == "n" then
      out[#out + 1] = "\n"
      if text:sub(from, from + 1) == "\\\n" then from = from + 2 end
    elseif next_byte ~= "\n" then
      out[#out + 1] = next_byte
    end
  end
  if from == 1 then return text end
  out[#out + 1] = text:sub(from)
  return table.concat(out)
end

-- Gathers a quoted value that starts on this line, over as many lines as it takes. Returns the raw
-- text between the quotes, or nil when the text ends first.
local function quoted_text(rest, next_line)
  local from, done = 2, {}
  while true do
    local at = rest:find('["\\]', from)
    if not at then
      done[#done + 1] = rest
      rest, from = next_line(), 1
      if not rest then return nil end
    elseif rest:sub(at, at) == "\\" then
      from = at + 2
    else
      done[#done + 1] = rest:sub(1, at - 1)
      return table.concat(done, "\n"):sub(2)
    end
  end
end

--- Reads stanza text as odmget prints it and odmadd takes it.
---@param text string
---@return {class: string, fields: lab.odm.Object, line: integer}[]? list
---@return string? message
---@return string? code
function odm.parse(text)
  local list, current, number = {}, nil, 0
  local position = 1
  local function next_line()
    if position > #text then return nil end
    local stop = text:find("\n", position, true) or #text + 1
    local line = text:sub(position, stop - 1)
    number, position = number + 1, stop + 1
    return line
  end
  for line in next_line do
    local name, rest = line:match("^%s+([%w_]+)%s*=%s*(.-)%s*$")
    if not name and current then name, rest = line:match("^([%w_]+)%s*=%s*(.-)%s*$") end
    if name then
      if not current then
        return failure("ODM_SYNTAX", "line " .. number, "'" .. name .. "' stands before any class")
      end
      if rest:sub(1, 1) == '"' then
        local at = number
        local raw = quoted_text(line:match("=%s*(.*)$"), next_line)
        if not raw then return failure("ODM_SYNTAX", "line " .. at, "string without an end") end
        current.fields[name] = unquote(raw)
      else
        current.fields[name] = math.tointeger(tonumber(rest)) or rest
      end
    elseif line:match("^[%a_][%w_]*%s*:%s*$") then
      current = { class = line:match("^([%w_]+)"), fields = {}, line = number }
      list[#list + 1] = current
    elseif not line:match("^%s*$") and not line:match("^[#*]") then
      return failure("ODM_SYNTAX", "line " .. number, "'" .. line .. "' is neither a class nor a value")
    end
  end
  return list
end

local function default_value(descriptor) return strings[descriptor.type] and "" or 0 end

-- Field names of an object of a class without definition, in a fixed order.
local function loose_names(object)
  local names = {}
  for name, value in pairs(object) do
    names[#names + 1] = { name = name, type = type(value) == "string" and "char" or "long" }
  end
  table.sort(names, function(a, b) return a.name < b.name end)
  return names
end

--- Formats objects as odmget does: an empty line, the class, one line per descriptor.
---@param class string
---@param objects lab.odm.Object[]
---@return string
function odm.format(class, objects)
  local out = {}
  local descriptors = definition(class)
  for _, object in ipairs(objects) do
    out[#out + 1] = "\n" .. class .. ":\n"
    for _, descriptor in ipairs(descriptors or loose_names(object)) do
      local value = object[descriptor.name]
      if value == nil then value = default_value(descriptor) end
      out[#out + 1] = "\t" .. descriptor.name .. " = "
        .. (strings[descriptor.type] and quote(tostring(value)) or tostring(value)) .. "\n"
    end
  end
  return table.concat(out)
end

---------------------------------------------------------------- criteria

-- A shell pattern (* ? [set]) as a Lua pattern.
local function shell_pattern(text)
  local out, at = { "^" }, 1
  while at <= #text do
    local byte = text:sub(at, at)
    local set, stop = text:match("^%[(!?%]?[^%]]*)%]()", at)
    if set then
      out[#out + 1] = "[" .. set:gsub("^!", "^"):gsub("%%", "%%%%") .. "]"
    else
      out[#out + 1] = byte == "*" and ".*" or byte == "?" and "." or byte:gsub("%p", "%%%0")
    end
    at = set and stop or at + 1
  end
  out[#out + 1] = "$"
  return table.concat(out)
end

-- Strings compare as strings; a number on either side compares both as numbers when it can.
local function compare(have, operator, want)
  if operator == "LIKE" then return tostring(have):find(shell_pattern(want)) ~= nil end
  local left, right = have, want
  if type(have) == "number" then right = tonumber(want) end
  if right == nil then return operator == "!=" end
  if operator == "=" then return left == right end
  if operator == "!=" then return left ~= right end
  if operator == "<" then return left < right end
  if operator == ">" then return left > right end
  if operator == "<=" then return left <= right end
  return left >= right
end

local function next_word(text, at)
  at = text:find("%S", at)
  if not at then return nil end
  local mark = text:sub(at, at)
  if mark == "'" or mark == '"' then
    local stop = text:find(mark, at + 1, true)
    if not stop then return nil end
    return text:sub(at + 1, stop - 1), stop + 1
  end
  local stop = text:match("^[^%s=!<>'\"]+()", at)
  if not stop then return nil end
  return text:sub(at, stop - 1), stop
end

local function next_operator(text, at)
  local word, stop = text:match("^%s*([=!<>]+)()", at)
  if not word then
    word, stop = text:match("^%s+(%a+)()", at)
    if not word or word:upper() ~= "LIKE" then return nil end
    return "LIKE", stop
  end
  local known = { ["="] = true, ["!="] = true, ["<"] = true, [">"] = true, ["<="] = true, [">="] = true }
  return known[word] and word, stop
end

--- Compiles criteria ("name = hdisk0 AND attribute LIKE p*") to a predicate. AND binds before OR.
---@param text string|nil
---@return (fun(object: lab.odm.Object): boolean)?
---@return string[]|string names the criteria ask for, or the message
---@return string? code
function odm.criteria(text)
  if text == nil or text:match("^%s*$") then return function() return true end, {} end
  local function bad() return failure("ODM_CRITERIA", "criteria '" .. text .. "'", "not understood") end
  local any, all, names, at = {}, {}, {}, 1
  while true do
    local name, operator, value
    name, at = next_word(text, at)
    if not name then return bad() end
    operator, at = next_operator(text, at)
    if not operator then return bad() end
    value, at = next_word(text, at)
    if not value then return bad() end
    names[#names + 1] = name
    all[#all + 1] = { name = name, operator = operator, value = value }
    local joint, stop = text:match("^%s*(%a+)()", at)
    if not joint then
      if text:find("%S", at) then return bad() end
      break
    end
    at = stop
    joint = joint:upper()
    if joint == "OR" then
      any[#any + 1], all = all, {}
    elseif joint ~= "AND" then
      return bad()
    end
  end
  any[#any + 1] = all
  return function(object)
    for _, terms in ipairs(any) do
      local holds = true
      for _, term in ipairs(terms) do
        local have = object[term.name]
        if have == nil or not compare(have, term.operator, term.value) then
          holds = false
          break
        end
      end
      if holds then return true end
    end
    return false
  end, names
end

-- The predicate for criteria on a class; a descriptor the class lacks is an error, not "no match".
local function predicate_for(class, text)
  local predicate, names, code = odm.criteria(text)
  if not predicate then return nil, names, code end
  local descriptors = definition(class)
  for _, name in ipairs(descriptors and names or {}) do
    if not descriptors[name] then
      return failure("ODM_CRITERIA", "criteria '" .. text .. "'",
        "class " .. class .. " has no descriptor '" .. name .. "'")
    end
  end
  return predicate
end

---------------------------------------------------------------- the store

---@class lab.odm.Store
local Store = {}
Store.__index = Store
Store.__close = function(store) store:close() end

--- Opens a directory of classes.
---@param root string directory, or the root of a system when a second argument names the directory in it
---@param path string?
---@return lab.odm.Store
function odm.open(root, path)
  return setmetatable({ dir = path and (root:gsub("/$", "") .. path) or root, loaded = {}, changed = {} }, Store)
end

--- The directory commands use: ODMDIR, else /etc/objrepos.
function odm.directory() return os.getenv("ODMDIR") or "/etc/objrepos" end

local function copy(object)
  local out = {}
  for name, value in pairs(object) do out[name] = value end
  return out
end

-- Puts an object into the shape of its class: every descriptor there, of its type, within its room.
local function shape(class, object)
  local descriptors = definition(class)
  if not descriptors then return copy(object) end
  local out = {}
  for name in pairs(object) do
    if not descriptors[name] then
      return failure("ODM_DESCRIPTOR", "class " .. class, "has no descriptor '" .. name .. "'")
    end
  end
  for _, descriptor in ipairs(descriptors) do
    local value = object[descriptor.name]
    if value == nil then
      value = default_value(descriptor)
    elseif strings[descriptor.type] then
      value = tostring(value)
      if #value >= descriptor.size and descriptor.type ~= "vchar" then
        return failure("ODM_RANGE", "class " .. class .. " descriptor " .. descriptor.name,
          ("'%s' is longer than %d bytes"):format(value, descriptor.size - 1))
      end
    else
      local number = math.tointeger(tonumber(value))
      if not number then
        return failure("ODM_RANGE", "class " .. class .. " descriptor " .. descriptor.name,
          "'" .. tostring(value) .. "' is no number")
      end
      value = number
    end
    out[descriptor.name] = value
  end
  return out
end

function Store:path(class) return self.dir .. "/" .. class end

-- The objects of a class, from memory or from its file.
function Store:objects(class)
  local objects = self.loaded[class]
  if objects then return objects end
  if not class:match("^[%a_][%w_]*$") then return failure("ODM_CLASS", "class '" .. class .. "'", "bad name") end
  local path = self:path(class)
  local file = io.open(path, "rb")
  if not file then return failure("ODM_CLASS", path, "class does not exist") end
  local text = file:read("a")
  file:close()
  local list, message, code = odm.parse(text or "")
  if not list then return nil, path .. ": " .. message, code end
  objects = {}
  for i, entry in ipairs(list) do
    if entry.class ~= class then
      return failure("ODM_SYNTAX", path, "line " .. entry.line, "object of class " .. entry.class)
    end
    objects[i], message, code = shape(class, entry.fields)
    if not objects[i] then return nil, path .. ": line " .. entry.line .. ": " .. message, code end
  end
  self.loaded[class] = objects
  return objects
end

--- Descriptors of a class, in order.
---@param class string
---@return lab.odm.Descriptor[]?
---@return string? message
---@return string? code
function Store:class(class)
  local objects, message, code = self:objects(class)
  if not objects then return nil, message, code end
  return definition(class) or loose_names(objects[1] or {})
end

--- Names of the classes of the directory, sorted.
---@return string[]?
function Store:classes()
  local names, message, code = sys.list(self.dir)
  if not names then return nil, message, code end
  local out = {}
  for _, name in ipairs(names) do
    if name:match("^[%a_][%w_]*$") and definition(name) then out[#out + 1] = name end
  end
  return out
end

--- Objects that meet the criteria, as copies, in the order of the class.
---@param class string
---@param criteria string|nil
---@return lab.odm.Object[]?
---@return string? message
---@return string? code
function Store:get(class, criteria)
  local predicate, message, code = predicate_for(class, criteria)
  if not predicate then return nil, message, code end
  local objects
  objects, message, code = self:objects(class)
  if not objects then return nil, message, code end
  local out = {}
  for _, object in ipairs(objects) do
    if predicate(object) then out[#out + 1] = copy(object) end
  end
  return out
end

--- The first object that meets the criteria; nil alone when there is none.
function Store:first(class, criteria)
  local objects, message, code = self:get(class, criteria)
  if not objects then return nil, message, code end
  return objects[1]
end

-- Takes the lock of the directory and forgets what was read before it.
function Store:begin()
  if self.lock then return true end
  local stop = os.time() + LOCK_SECONDS
  while true do
    local lock, message, code = sys.lock(self.dir .. "/" .. LOCK_NAME, { text = "" })
    if lock then
      self.lock = lock
      self.loaded = {}
      return true
    end
    if code ~= "LOCKED" or os.time() >= stop then return nil, message, code end
    sys.sleep(0.05)
  end
end

-- What a change needs: the lock and the objects as they are now.
function Store:writable(class)
  local ok, message, code = self:begin()
  if not ok then return nil, message, code end
  return self:objects(class)
end

--- Adds an object; descriptors it leaves out are empty or 0.
---@return boolean?
---@return string? message
---@return string? code
function Store:add(class, object)
  local objects, message, code = self:writable(class)
  if not objects then return nil, message, code end
  local shaped
  shaped, message, code = shape(class, object)
  if not shaped then return nil, message, code end
  objects[#objects + 1] = shaped
  self.changed[class] = true
  return true
end

--- Sets fields of every object that meets the criteria.
---@return integer? count
---@return string? message
---@return string? code
function Store:change(class, criteria, fields)
  local predicate, message, code = predicate_for(class, criteria)
  if not predicate then return nil, message, code end
  local objects
  objects, message, code = self:writable(class)
  if not objects then return nil, message, code end
  local count = 0
  for i, object in ipairs(objects) do
    if predicate(object) then
      local changed = copy(object)
      for name, value in pairs(fields) do changed[name] = value end
      objects[i], message, code = shape(class, changed)
      if not objects[i] then
        objects[i] = object
        return nil, message, code
      end
      count = count + 1
    end
  end
  if count > 0 then self.changed[class] = true end
  return count
end

--- Deletes every object that meets the criteria.
---@return integer? count
---@return string? message
---@return string? code
function Store:delete(class, criteria)
  local predicate, message, code = predicate_for(class, criteria)
  if not predicate then return nil, message, code end
  local objects
  objects, message, code = self:writable(class)
  if not objects then return nil, message, code end
  local kept = {}
  for _, object in ipairs(objects) do
    if not predicate(object) then kept[#kept + 1] = object end
  end
  local count = #objects - #kept
  if count > 0 then
    self.loaded[class] = kept
    self.changed[class] = true
  end
  return count
end

--- Makes an empty class.
function Store:create(class)
  local ok, message, code = self:begin()
  if not ok then return nil, message, code end
  if sys.lstat(self:path(class)) then return failure("ODM_CLASS", self:path(class), "class exists already") end
  self.loaded[class] = {}
  self.changed[class] = true
  return true
end

--- Writes the changed classes, each by rename, and gives the lock back.
---@return boolean?
---@return string? message
---@return string? code
function Store:commit()
  local names = {}
  for class in pairs(self.changed) do names[#names + 1] = class end
  table.sort(names)
  for _, class in ipairs(names) do
    local path = self:path(class)
    local old = sys.lstat(path)
    local ok, message, code = sys.write_file(path, odm.format(class, self.loaded[class]),
      { mode = old and old.mode & 4095 or 420, atomic = true })
    if not ok then
      self:close()
      return nil, message, code
    end
    self.changed[class] = nil
  end
  self:close()
  return true
end

--- Forgets what is not committed and gives the lock back.
function Store:close()
  if self.lock then self.lock:close() end
  self.lock = nil
  self.changed, self.loaded = {}, {}
end

return odm
