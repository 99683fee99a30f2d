-- SPDX-License-Identifier: MIT
-- Methods of a site: merge.define and merge.reset.
--
-- A site's method gets what the stock ones get: O, C and N of each of its files, saved before the restore
-- also where the archive does not carry them; a result with no wider mode than either side's and the
-- site's owner, written through links inside the tree; and a line of the report for every decision. What
-- cannot be read, or what comes out broken, never becomes active: the new level's file is (the site's, if
-- the new level ships none), the site's is in the save area, and the next method runs.

local core = require "altmig.merge_core"
local err = require "altmig.err"
local methods = require "altmig.merge.methods"
local policy = require "altmig.merge.policy"
local task = require "altmig.merge.task"

local site = {}

---@class altmig.merge.Definition
---@field name string                # the title nimadm's line shows
---@field files string[]             # paths in the copy
---@field grammar "stanza"|"colon"|"table"|"lines"|nil   # default "stanza"; none with run
---@field columns string[]?          # colon, table: names of the columns
---@field key string|string[]|nil    # colon, table: columns that make the key (default: the first);
---                                    stanza: "name" (default), or "set": a name is a comma list
---@field least integer?             # colon, table: columns a line must have; default: up to the last of the key
---@field separator string?          # colon: between fields; default ":"
---@field control string?            # table: lines that begin with it stay as they are
---@field order "site"|"new"|nil     # colon, table, lines: whose order the result has; default the site's
---@field classes table<string, string|altmig.merge.Class>|altmig.merge.Class[]|nil  # by attribute or column
---@field default "user"|"system"|"list"|nil   # class of all others; default "user": the site's value wins
---@field mandatory string[]?        # records that return when the site removed them
---@field collision "attributes"|"keep"|"new"|nil
---@field keep_obsolete boolean?
---@field fold_case boolean?
---@field run (fun(o: string?, c: string?, n: string?, report: fun(decision: table), path: string): string?, string?)?
---                                  # new text; nil: the new level's stays; nil, reason: it cannot be merged
---@field check (fun(text: string, path: string): boolean?, string?)?   # nil, reason: not fit to be active
---@field before string?             # title of the method it runs before; default: after all others

-- Which fields a definition may have, by its grammar.
local common = { name = "string", files = "table", before = "string", check = "function" }
local records = { grammar = "string", classes = "table", default = "string", mandatory = "table", collision = "string",
  keep_obsolete = "boolean", fold_case = "boolean" }
local columns = { columns = "table", key = true, least = "number", order = "string" }

local allowed = {
  run = { run = "function" },
  stanza = { records, key = true },
  colon = { records, columns, separator = "string" },
  table = { records, columns, control = "string" },
  lines = { grammar = "string", mandatory = "table", keep_obsolete = "boolean", order = "string" },
}

local choices = {
  default = { user = true, system = true, list = true },
  collision = { attributes = true, keep = true, new = true },
  order = { site = true, new = true },
}

local function misuse(field, reason, ...) error(("merge.define: field '%s': " .. reason):format(field, ...), 0) end

local function known_fields(kind)
  local fields = {}
  for name, what in pairs(common) do fields[name] = what end
  for key, value in pairs(allowed[kind]) do
    if type(key) == "number" then
      for name, what in pairs(value) do fields[name] = what end
    else
      fields[key] = value
    end
  end
  return fields
end

local function check_fields(definition, kind)
  local fields, names = known_fields(kind), {}
  for name in pairs(definition) do names[#names + 1] = tostring(name) end
  table.sort(names)
  for _, name in ipairs(names) do
    local want, value = fields[name], definition[name]
    if not want then misuse(name, kind == "run" and "not for a method with run" or "not for the grammar '%s'", kind) end
    if want ~= true and type(value) ~= want then misuse(name, "%s expected, got %s", want, type(value)) end
    if choices[name] and not choices[name][value] then misuse(name, "unknown value '%s'", value) end
  end
end

local function string_list(field, list)
  if #list == 0 then misuse(field, "it is empty") end
  for i = 1, #list do
    if type(list[i]) ~= "string" or list[i] == "" then misuse(field, "entry %d is no name", i) end
  end
  return list
end

local function check_files(definition)
  if type(definition.files) ~= "table" then misuse("files", "list of paths expected, got %s", type(definition.files)) end
  local seen = {}
  for _, path in ipairs(string_list("files", definition.files)) do
    if path:sub(1, 1) ~= "/" or path:find("/$") or path:find("//", 1, true) or (path .. "/"):find("/%.%.?/") or path:find("[%c*]") then
      misuse("files", "'%s' is no plain absolute path", path)
    end
    if seen[path] then misuse("files", "'%s' is named twice", path) end
    seen[path] = true
    for _, other in ipairs(methods.list) do
      for _, theirs in ipairs(other.files) do
        if theirs == path and not other.own then misuse("files", "'%s' is merged by %s", path, other.title) end
      end
    end
  end
end

local class_names = { user = true, system = true, list = true, valid = true }

-- Classes as the engine takes them, from a list or from a table by attribute.
local function check_classes(classes, known)
  local list = {}
  local function add(name, entry)
    if type(entry) == "string" then entry = { class = entry } end
    if type(entry) ~= "table" then misuse("classes", "of '%s' a class is expected, got %s", tostring(name), type(entry)) end
    name = entry.name or name
    if type(name) ~= "string" then misuse("classes", "an entry has no name") end
    if known and not known[name] then misuse("classes", "there is no column '%s'", name) end
    if not class_names[entry.class or "user"] then misuse("classes", "of '%s': unknown class '%s'", name, tostring(entry.class)) end
    if (entry.class == "valid") ~= (type(entry.valid) == "function") then
      misuse("classes", "of '%s': class 'valid' and a function 'valid' go together", name)
    end
    list[#list + 1] = { name = name, class = entry.class or "user", secret = entry.secret == true, record = entry.record,
      set = entry.set == true, valid = entry.valid }
  end
  if #classes > 0 then
    for _, entry in ipairs(classes) do add(nil, entry) end
    return list
  end
  local names = {}
  for name in pairs(classes) do names[#names + 1] = name end
  table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
  for _, name in ipairs(names) do add(name, classes[name]) end
  return list
end

-- What the engine's record merge is told, without the file.
local function specification(definition, grammar)
  local spec = { grammar = grammar, default = definition.default, mandatory = definition.mandatory, collision = definition.collision,
    keep_obsolete = definition.keep_obsolete, fold_case = definition.fold_case, new_order = definition.order == "new" }
  if definition.mandatory then string_list("mandatory", definition.mandatory) end
  local known
  if grammar == "stanza" then
    if definition.key and definition.key ~= "name" and definition.key ~= "set" then misuse("key", "'name' or 'set' expected") end
    spec.sets = definition.key == "set"
  elseif grammar ~= "lines" then
    if not definition.columns then misuse("columns", "it is missing") end
    spec.columns = string_list("columns", definition.columns)
    known = {}
    for i, name in ipairs(spec.columns) do
      if known[name] then misuse("columns", "'%s' is named twice", name) end
      known[name] = i
    end
    local key = definition.key or spec.columns[1]
    if type(key) ~= "table" then key = { key } end
    local last = 1
    for _, name in ipairs(string_list("key", key)) do
      if not known[name] then misuse("key", "there is no column '%s'", name) end
      last = math.max(last, known[name])
    end
    if definition.least and (math.type(definition.least) ~= "integer" or definition.least < 1 or definition.least > #spec.columns) then
      misuse("least", "1 to %d expected", #spec.columns)
    end
    spec.key, spec.least, spec.separator, spec.control = key, definition.least or last, definition.separator, definition.control
  end
  if definition.classes then spec.classes = check_classes(definition.classes, known) end
  -- The engine checks the rest; its words name the field too.
  local ok, message = pcall(core.parse, "", definition.name, spec)
  if not ok then error("merge.define: " .. message:gsub("^[^:]*:%d+: ", ""), 0) end
  return spec
end

-- Troubles of one file that must not cost the others, nor the migration.
local of_one_file = { CONFIG_SYNTAX = true, OUTSIDE_TREE = true, ELOOP = true }

-- The site's function: text in, text out. What it raises is the site's trouble, not the migration's.
local function call(this, definition, path, input)
  local function report(decision)
    local d = { file = path, chosen = "merged", severity = "note", rule = "site method" }
    for name, value in pairs(decision) do d[name] = value end
    if d.secret then
      for _, name in ipairs { "o", "c", "n" } do d[name] = d[name] and "<secret>" end
    end
    d.secret = nil
    this:report { d }
  end
  local ok, text, reason = pcall(definition.run, input.o, input.c, input.n, report, path)
  if not ok then
    if type(text) == "table" and text.code == "CANCELLED" then error(err.wrap(text), 0) end
    task.unreadable(("%s: run failed: %s"):format(path, type(text) == "table" and text.message or tostring(text)))
  end
  if text == nil and reason then task.unreadable(("%s: %s"):format(path, reason)) end
  if text ~= nil and type(text) ~= "string" then task.unreadable(("%s: run returned a %s"):format(path, type(text))) end
  return text
end

-- Raises unless what the merge made may be active.
local function verify(definition, spec, path, text)
  if spec then
    local parsed, message = core.parse(text, path, spec)
    if not parsed then task.unreadable(message) end
  end
  if not definition.check then return end
  local ok, fit, reason = pcall(definition.check, text, path)
  if not ok then task.unreadable(("%s: check failed: %s"):format(path, tostring(fit))) end
  if not fit then task.unreadable(("%s: the merged file is not fit to be active: %s"):format(path, reason or "check says no")) end
end

local function merge_file(this, definition, spec, path, input)
  local text
  if definition.run then
    text = call(this, definition, path, input)
  else
    spec.file = path
    text = this:records(spec, input).text
  end
  text = text or input.n or input.c
  if not text then return "new" end
  if text ~= input.c and text ~= input.n then verify(definition, spec, path, text) end
  this:write(path, text)
  return text == input.n and "new" or text == input.c and "kept" or "merged"
end

-- Nothing of this file could be merged: what the new level ships is active, or else what the site had.
local function withhold(this, path, input, problem)
  local active = input and (input.n or input.c)
  if problem.code == "CONFIG_SYNTAX" and active then this:write(path, active) end
  this:broken(path, problem.message, input and not input.n and "yours stays active")
end

local function runner(definition, spec)
  return function(_, this)
    local input
    return this:each_file(definition.files, function(path)
      input = this:input(path)
      return merge_file(this, definition, spec, path, input)
    end, function(path, problem) withhold(this, path, input, problem) end, of_one_file)
  end
end

local function position(before)
  if not before then return #methods.list + 1 end
  for i, entry in ipairs(methods.list) do
    if entry.title == before then return i end
  end
  misuse("before", "there is no method '%s'", before)
end

local function checked_definition(definition)
  if type(definition) ~= "table" then error(("merge.define: table expected, got %s"):format(type(definition)), 0) end
  local name, grammar = definition.name, definition.grammar
  if type(name) ~= "string" or not name:match("^[%w_][%w_. -]*$") then misuse("name", "it is missing or odd") end
  if methods.find(name) then misuse("name", "there is a method '%s' already", name) end
  if definition.run ~= nil and grammar ~= nil then misuse("grammar", "not for a method with run") end
  if grammar ~= nil and (grammar == "run" or not allowed[grammar]) then misuse("grammar", "unknown grammar '%s'", tostring(grammar)) end
  check_fields(definition, definition.run ~= nil and "run" or grammar or "stanza")
  check_files(definition)
  return position(definition.before), definition.run == nil and specification(definition, grammar or "stanza") or nil
end

--- Adds a method of the site's to merge.methods: a grammar with its classes, or a function. Its files
--- are saved and kept for it. Misuse raises with the name of the field. A flow script defines its
--- methods at its top: they must be known before phase 5 saves.
---@param definition altmig.merge.Definition
---@return altmig.merge.Method
function site.define(definition)
  local ok, at, spec = pcall(checked_definition, definition)
  if not ok then error(at, 2) end
  local name, files = definition.name, table.move(definition.files, 1, #definition.files, 1, {})
  local entry = { name = name, title = name, kind = "text", files = files, site = true }
  local copy = {}
  for field, value in pairs(definition) do copy[field] = value end
  copy.files = files
  entry.run = runner(copy, spec)
  table.insert(methods.list, at, entry)
  for _, path in ipairs(files) do policy.claim(path, name) end
  return entry
end

--- Takes back every method that merge.define added: a flow script may be read more than once.
function site.reset()
  for i = #methods.list, 1, -1 do
    local entry = methods.list[i]
    if entry.site then
      table.remove(methods.list, i)
      for _, path in ipairs(entry.files) do policy.release(path) end
    end
  end
end

return site
