-- SPDX-License-Identifier: MIT
-- The merge of object classes: objects by key, three ways, field by field.
--
-- The result is the new level's class edited in place: what nobody changed keeps its bytes and its slot,
-- the site's own objects follow. Fields are copied by name, since the layouts of two levels differ.
-- Keying and comparing is odm_core's, which makes a plan of findings; where more than three values decide
-- is said here. What fails is raised.

local core = require "altmig.odm_core"
local err = require "altmig.err"
local findings = require "altmig.merge.findings"
local odm = require "altmig.odm"
local sorted_keys = require "altmig.sorted_keys"
local task = require "altmig.merge.task"

local class = {}

---@class altmig.merge.Rows       one side of a class
---@field image altmig.odm.Class
---@field data string
---@field strings string?
---@field rows altmig.odm.Object[]                    # made when asked for
---@field slots integer[]                             # the same
---@field fields table<string, altmig.odm.Descriptor>

---@class altmig.merge.Entry      one object of the result
---@field key string
---@field row altmig.odm.Object   # as it will be
---@field slot integer?           # in the new level's class; nil: to be added
---@field changes table<string, string|number>?   # against the object in the slot
---@field from "C"|"N"|"merged"

---@class altmig.merge.Shape      how a class is merged
---@field key altmig.odm.Key[]
---@field default "user"|"system"
---@field classes table<string, "user"|"system"|function>?
---@field whole boolean?          # objects are never mixed: the new level's wins
---@field mandatory boolean?      # what the site deleted comes back: predefined data
---@field keep (fun(row: table): boolean, string?)?       # of objects that only the site has
---@field obsolete (fun(row: table): boolean, string?)?   # of objects the vendor dropped and the site left alone
---@field prepare fun(plan: altmig.odm.Plan, input: table)?             # sees the plan before the first question

---------------------------------------------------------------- one side of a class

local lazy = { __index = function(part, name)
  if name == "rows" or name == "slots" then
    part.rows, part.slots = part.image:rows()
    return rawget(part, name)
  end
  return nil
end }

-- One side of a class; false when the side has no such class.
local function side(path, reader)
  local data = reader(path)
  if not data then return false end
  local strings = reader(path .. ".vc")
  local image, message = core.parse(path, data, strings)
  if not image then return nil, message end
  local fields = {}
  for _, descriptor in ipairs(image:descriptors()) do fields[descriptor.name] = descriptor end
  return setmetatable({ image = image, data = data, strings = strings, fields = fields }, lazy)
end

--- O, C and N of a class; each false where there is none. A broken C or N is raised, a broken O is
--- reported and counts as unknown.
---@return { path: string, o: altmig.merge.Rows|false, c: altmig.merge.Rows|false, n: altmig.merge.Rows|false }
function class.read(this, path)
  local ctx = this.ctx
  local c, c_problem = side(path, ctx.saved)
  if c == nil then task.unreadable(c_problem) end
  local n, n_problem = side(path, ctx.shipped_new)
  if n == nil then task.unreadable("new level's " .. n_problem) end
  local o, o_problem = side(path, ctx.shipped_old)
  if o == nil then
    this:note("warning", path, nil, "merged", "old level's " .. o_problem .. ": taken as unknown")
  end
  return { path = path, o = o or false, c = c, n = n }
end

--- Makes these bytes the live classes of a directory, all files or none.
---@param images table<string, { [1]: string, [2]: string? }>   by class
function class.write_all(this, dir, images)
  local ctx = this.ctx
  local store <close> = err.check(odm.open(ctx.tree, dir))
  for name, image in pairs(images) do
    local path = dir .. "/" .. name
    err.check(store:replace(name, image[1], image[2], ctx.new_stat and ctx.new_stat(path) or ctx.saved_stat(path)))
  end
  err.check(store:commit())
end

--- Makes the bytes of a class the live class, both files or none.
function class.write(this, path, data, strings)
  local dir, name = path:match("^(.*)/([^/]*)$")
  class.write_all(this, dir, { [name] = { data, strings } })
end

--- The new level's class becomes the live one again.
function class.leave_new(this, path)
  local n = this.ctx.shipped_new(path)
  if n then class.write(this, path, n, this.ctx.shipped_new(path .. ".vc")) end
end

---------------------------------------------------------------- the merge of objects

local function same(a, b) return a == b or (a ~= nil and b ~= nil and tostring(a) == tostring(b)) end

--- Whether two objects say the same in the fields that both layouts have.
function class.same_row(a, b)
  for name, value in pairs(a) do
    if b[name] ~= nil and not same(value, b[name]) then return false end
  end
  return true
end

local function readable(key) return (key:gsub("%z", " ")) end

local function clip(value)
  if value == nil then return nil end
  value = tostring(value)
  return #value > 256 and value:sub(1, 256) or value
end

--- A decision about an object. more: a field and its values in O, C and N.
local function decision(path, severity, key, chosen, rule, more)
  local d = { severity = severity, file = path, key = readable(key), chosen = chosen, rule = rule }
  if more then d.attribute, d.o, d.c, d.n = more[1], clip(more[2]), clip(more[3]), clip(more[4]) end
  return d
end
class.decision = decision

--- A copy of an object with other values in some fields.
function class.patched(row, changes)
  local copy = {}
  for name, value in pairs(row) do copy[name] = value end
  for name, value in pairs(changes) do copy[name] = value end
  return copy
end

local ask = {}

-- A field of which all three differ, or two without O.
ask["field ask"] = function(plan, i, shape, path, entry, key, name, o, c, n)
  local sides = { o = plan:row(entry, "o"), c = plan:row(entry, "c"), n = plan:row(entry, "n") }
  local pick, severity, rule, own = shape.classes[name](o, c, n, sides)
  if own then
    plan:choose(i, "own", own)
  elseif pick == "C" then
    plan:choose(i, "C")
  end
  return decision(path, severity, key, own and "merged" or pick, rule, { name, o, c, n })
end

-- An object that the vendor dropped and the site left alone goes, unless something needs it.
ask["obsolete"] = function(plan, _, shape, path, entry, key)
  local keep, why
  if shape.obsolete then keep, why = shape.obsolete(plan:row(entry)) end
  plan:keep(entry, keep == true)
  if not keep then return decision(path, "note", key, "none", "no longer shipped and not changed by the site: dropped") end
  return decision(path, "warning", key, "C", "no longer shipped: kept, " .. (why or "it is used"))
end

-- An object of the site's own stays, unless it cannot.
local function ask_keep(plan, shape, path, entry, key)
  if not shape.keep then return nil end
  local keep, why = shape.keep(plan:row(entry))
  if keep then return nil end
  plan:keep(entry, false)
  return decision(path, "warning", key, "none", why .. ": dropped")
end
ask["added"] = function(plan, _, shape, path, entry, key) return ask_keep(plan, shape, path, entry, key) end
ask["changed obsolete"] = ask["added"]

local function told(path, known, kind, key, name, o, c, n)
  local chosen, severity, rule = findings.of_object(kind, known, o ~= nil)
  return decision(path, severity, key, chosen, rule, name and { name, o, c, n })
end

-- The classes of fields that odm_core decides by, and those it asks about.
local function field_classes(shape)
  local classes = {}
  for name, who in pairs(shape.classes or {}) do classes[name] = type(who) == "string" and who or "ask" end
  return classes
end

--- Merges the objects of a class: in the new level's order with the site's own behind.
---@return altmig.odm.Plan
function class.merge_objects(input, shape, report)
  local path, known = input.path, input.o ~= false
  local plan = err.check(core.merge { o = input.o and input.o.image, c = input.c.image, n = input.n.image, key = shape.key,
    default = shape.default, classes = field_classes(shape), whole = shape.whole, mandatory = shape.mandatory })
  if shape.prepare then shape.prepare(plan, input) end
  local _, count = plan:count()
  for i = 1, count do
    local kind, entry, key, name, o, c, n = plan:finding(i)
    local answer = ask[kind] and ask[kind](plan, i, shape, path, entry, key, name, o, c, n)
    report(answer or told(path, known, kind, key, name, o, c, n))
  end
  return plan
end

--- Walks the objects of a plan's result, in order: number, key, and which side they are of.
---@param plan altmig.odm.Plan
function class.entries_of(plan)
  local last = plan:count()
  return function(_, i)
    while i < last do
      i = i + 1
      local key, from = plan:entry(i)
      if key then return i, key, from end
    end
  end, nil, 0
end

---------------------------------------------------------------- from objects to a class

-- A vchar holds any length.
local text_types = { char = true, longchar = true, method = true, link = true }

-- An object in the fields of another layout: what has no place is said, what is too long is cut.
local function fit(path, key, row, fields, report)
  local fitting = {}
  for _, name in ipairs(sorted_keys(row)) do
    local field, value = fields[name], row[name]
    if field then
      if type(value) == "string" and text_types[field.type] and field.size and field.size > 0 and #value >= field.size then
        report(decision(path, "warning", key, "merged", ("cut to the %d bytes the new level has for it"):format(field.size - 1),
          { name, nil, value, nil }))
        value = value:sub(1, field.size - 1)
      end
      fitting[name] = value
    elseif value ~= "" and value ~= 0 then
      report(decision(path, "warning", key, "none", "the new level has no such field", { name, nil, value, nil }))
    end
  end
  return fitting
end

-- Adds an object, or changes the one in the slot.
local function put(path, part, key, slot, fields, report)
  local ok, message, code
  fields = fit(path, key, fields, part.fields, report)
  if slot then ok, message, code = part.image:set(slot, fields) else ok, message, code = part.image:add(fields) end
  if ok then return end
  if code ~= "ODM_RANGE" then err.check(ok, message, code) end
  report(decision(path, "error", key, "none", message))
end

local function check_writable(part)
  local ok, message = part.image:writable()
  if not ok then task.unreadable(message) end
end

local function bytes_of(part)
  local data, strings = part.image:images()
  return data, strings, true
end

--- The bytes of the new level's class with these objects. Raises what class.run reports when the class
--- cannot be changed.
---@param entries altmig.merge.Entry[]
---@param erased integer[]     # slots of the new level's class that are to go
---@return string data
---@return string? strings
---@return boolean changed
function class.build(path, part, entries, erased, report)
  local changed = #erased > 0
  for _, entry in ipairs(entries) do changed = changed or not entry.slot or entry.changes ~= nil end
  if not changed then return part.data, part.strings, false end
  check_writable(part)
  for _, slot in ipairs(erased) do err.check(part.image:erase(slot)) end
  for _, entry in ipairs(entries) do
    if not entry.slot then
      put(path, part, entry.key, nil, entry.row, report)
    elseif entry.changes then
      put(path, part, entry.key, entry.slot, entry.changes, report)
    end
  end
  return bytes_of(part)
end

--- Whether two sides are the same to the byte.
local function same_bytes(a, b) return a and b and a.data == b.data and a.strings == b.strings end
class.same_bytes = same_bytes

--- The same with what a plan made of it. Where the vendor changed nothing the site's own bytes stand.
---@param plan altmig.odm.Plan
---@return string data
---@return string? strings
---@return boolean changed
function class.build_plan(input, plan, report)
  local path, part = input.path, input.n
  local i, key, slot, fields = plan:next(0)
  if not i then return part.data, part.strings, false end
  if same_bytes(input.o, part) and plan:is_ours() then return input.c.data, input.c.strings, true end
  check_writable(part)
  while i do
    if fields then put(path, part, key, slot, fields, report) else err.check(part.image:erase(slot)) end
    i, key, slot, fields = plan:next(i)
  end
  return bytes_of(part)
end

--- Answers that need no merge; the status, or nil.
function class.whole(this, input)
  local c, n = input.c, input.n
  if not c and not n then return "new" end
  if not n then
    this:note("note", input.path, nil, "C", "not shipped by the new level")
    class.write(this, input.path, c.data, c.strings)
    return "kept"
  end
  if not c or same_bytes(c, input.o) or same_bytes(c, n) then
    if not c then this:note("note", input.path, nil, "N", "absent before the migration") end
    class.write(this, input.path, n.data, n.strings)
    return "new"
  end
  return nil
end

--- A list that goes to the report when the class is made.
function class.collector()
  local list = {}
  return list, function(d) list[#list + 1] = d end
end

--- Merges one class and makes it live. revise(plan, input, report) may change the result.
---@return "merged"|"kept"|"new" status
function class.merge(this, path, shape, revise)
  local input = class.read(this, path)
  local status = class.whole(this, input)
  if status then return status end
  local list, report = class.collector()
  local plan <close> = class.merge_objects(input, shape, report)
  if revise then revise(plan, input, report) end
  local data, strings, changed = class.build_plan(input, plan, report)
  this:report(list)
  class.write(this, path, data, strings)
  return changed and "merged" or "new"
end

--- The objects of a class of the site's, which counts as empty when it cannot be read.
---@return altmig.odm.Object[]
function class.saved_rows(this, path)
  local part = side(path, this.ctx.saved)
  return part and part.rows or {}
end

--- Values of a field in a class of the site's, as a set; of the new level's too if `both`.
---@return table<string, boolean>
function class.saved_values(this, path, field, both)
  local set = {}
  for _, reader in ipairs { this.ctx.saved, both and this.ctx.shipped_new or nil } do
    local part = side(path, reader)
    for _, value in ipairs(part and part.image:column(field) or {}) do set[value] = true end
  end
  return set
end

return class
