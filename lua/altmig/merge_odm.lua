-- The merge of object classes: objects by key, three ways, field by field, and the methods that need no
-- more than a row of a table.
--
-- The result is the new level's class edited in place: what nobody changed keeps its bytes and its slot,
-- the site's own objects follow. Fields are copied by name, since the layouts of two levels differ.
-- Keys and rules of the classes are inferred (IBM's are not public): correct them in the table below.

local core = require "altmig.odm_core"
local odm = require "altmig.odm"

---@class altmig.merge.Rows       one side of a class
---@field image altmig.odm.Class
---@field data string
---@field strings string?
---@field rows altmig.odm.Object[]
---@field slots integer[]
---@field fields table<string, altmig.odm.Descriptor>
---@field names string[]          # of the fields, in order

---@class altmig.merge.Entry      one object of the result
---@field key string
---@field row altmig.odm.Object   # as it will be
---@field slot integer?           # in the new level's class; nil: to be added
---@field changes table<string, string|number>?   # against the object in the slot
---@field from "C"|"N"|"merged"

---@class altmig.merge.Shape      how a class is merged
---@field key string[]|fun(row: table): string
---@field names string[]?         # fields of the result's layout; set by merge.objects
---@field default "user"|"system"
---@field classes table<string, "user"|"system"|function>?
---@field whole boolean?          # objects are never mixed: the new level's wins
---@field mandatory boolean?      # what the site deleted comes back: predefined data
---@field keep (fun(row: table, side: table): boolean, string?)?   # of objects that only the site has

return function(merge, checked)
  local function unreadable(message) error({ code = "CONFIG_SYNTAX", message = message }, 0) end

  ---------------------------------------------------------------- one side of a class

  -- Lists the objects of a class under their fields; false when the side has no such class.
  local function side(path, reader)
    local data = reader(path)
    if not data then return false end
    local strings = reader(path .. ".vc")
    local image, message = core.parse(path, data, strings)
    if not image then return nil, message end
    local rows, slots = image:rows()
    local fields, names = {}, {}
    for i, descriptor in ipairs(image:descriptors()) do fields[descriptor.name], names[i] = descriptor, descriptor.name end
    return { image = image, data = data, strings = strings, rows = rows, slots = slots, fields = fields, names = names }
  end

  --- O, C and N of a class; each false where there is none. A broken C or N is raised, a broken O is
  --- reported and counts as unknown.
  ---@return { path: string, o: altmig.merge.Rows|false, c: altmig.merge.Rows|false, n: altmig.merge.Rows|false }
  function merge.class(job, path)
    local ctx = job.ctx
    local c, c_problem = side(path, ctx.saved)
    if c == nil then unreadable(c_problem) end
    local n, n_problem = side(path, ctx.shipped_new)
    if n == nil then unreadable("new level's " .. n_problem) end
    local o, o_problem = side(path, ctx.shipped_old)
    if o == nil then
      job:report { { severity = "warning", file = path, chosen = "merged", rule = "old level's " .. o_problem .. ": taken as unknown" } }
    end
    return { path = path, o = o or false, c = c, n = n }
  end

  --- Makes these bytes the live classes of a directory, all files or none.
  ---@param images table<string, { [1]: string, [2]: string? }>   by class
  function merge.write_classes(job, dir, images)
    local ctx = job.ctx
    local store <close> = checked(odm.open(ctx.tree, dir))
    for name, image in pairs(images) do
      local path = dir .. "/" .. name
      checked(store:replace(name, image[1], image[2], ctx.new_stat and ctx.new_stat(path) or ctx.saved_stat(path)))
    end
    checked(store:commit())
  end

  --- Makes the bytes of a class the live class, both files or none.
  function merge.write_class(job, path, data, strings)
    local dir, name = path:match("^(.*)/([^/]*)$")
    merge.write_classes(job, dir, { [name] = { data, strings } })
  end

  --- The new level's class becomes the live one again.
  function merge.leave_new_class(job, path)
    local n = job.ctx.shipped_new(path)
    if n then merge.write_class(job, path, n, job.ctx.shipped_new(path .. ".vc")) end
  end

  ---------------------------------------------------------------- the merge of objects

  local function key_function(shape)
    local key = shape.key
    if type(key) == "function" then return key end
    local a, b, c = table.unpack(key)
    if not b then return function(row) return tostring(row[a]) end end
    if not c then return function(row) return row[a] .. "\0" .. row[b] end end
    return function(row)
      local parts = {}
      for i, name in ipairs(key) do parts[i] = tostring(row[name] or "") end
      return table.concat(parts, "\0")
    end
  end

  -- The objects of a side by key, and their keys in order. A key that comes again is another object.
  local function index(part, key)
    local map, keys = {}, {}
    if not part then return map, keys end
    for i, row in ipairs(part.rows) do
      local k = key(row)
      if map[k] then
        local again = 2
        while map[k .. "\0#" .. again] do again = again + 1 end
        k = k .. "\0#" .. again
      end
      map[k], keys[i] = row, k
    end
    return map, keys
  end

  local function same(a, b) return a == b or (a ~= nil and b ~= nil and tostring(a) == tostring(b)) end

  -- Whether two objects say the same in the fields that both layouts have.
  local function same_row(a, b)
    for name, value in pairs(a) do
      if b[name] ~= nil and not same(value, b[name]) then return false end
    end
    return true
  end
  merge.same_row = same_row

  local function readable(key) return (key:gsub("%z", " ")) end

  local function clip(value)
    if value == nil then return nil end
    value = tostring(value)
    return #value > 256 and value:sub(1, 256) or value
  end

  local function decision(path, severity, key, chosen, rule, more)
    local d = { severity = severity, file = path, key = readable(key), chosen = chosen, rule = rule }
    if more then d.attribute, d.o, d.c, d.n = more[1], clip(more[2]), clip(more[3]), clip(more[4]) end
    return d
  end

  -- Which value of a field: "C" or "N" or a value of its own, with severity and rule.
  local function choose(shape, name, o, c, n, rows)
    if o ~= nil then
      if same(c, o) then return "N", "note", "not changed by the site" end
      if same(n, o) then return "C", "note", "changed by the site" end
    end
    local class = shape.classes and shape.classes[name] or shape.default
    if type(class) == "function" then return class(o, c, n, rows) end
    if class == "system" then return "N", "conflict", "both changed it: the new level's value" end
    return "C", "conflict", o == nil and "levels differ, old default not known: the site's value stays"
      or "both changed it: the site's value stays"
  end

  -- The new level's object with the site's changes, or nil when it stays as it is.
  local function merge_fields(path, key, shape, o, c, n, report)
    local changes
    -- In a fixed order, so that a rerun reports in the same words and order.
    for _, name in ipairs(shape.names) do
      local value, mine = n[name], c[name]
      if mine ~= nil and not same(mine, value) then
        local pick, severity, rule, own = choose(shape, name, o and o[name], mine, value, { o = o, c = c, n = n })
        report(decision(path, severity, key, own and "merged" or pick, rule, { name, o and o[name], mine, value }))
        if pick == "C" then own = mine end
        if own ~= nil then
          changes = changes or {}
          changes[name] = own
        end
      end
    end
    return changes
  end

  local function patched(row, changes)
    local copy = {}
    for name, value in pairs(row) do copy[name] = value end
    for name, value in pairs(changes) do copy[name] = value end
    return copy
  end
  merge.patched = patched

  -- An object of both levels.
  local function both(path, key, shape, o, c, n, report)
    if not shape.whole then
      local changes = merge_fields(path, key, shape, o, c, n, report)
      if changes then return { key = key, row = patched(n, changes), changes = changes, from = "merged" } end
      return { key = key, row = n, from = "N" }
    end
    if same_row(c, n) then return { key = key, row = n, from = "N" } end
    if o and same_row(o, n) then
      report(decision(path, "note", key, "C", "changed by the site"))
      return { key = key, row = c, changes = c, from = "C" }
    end
    if o and same_row(o, c) then
      report(decision(path, "note", key, "N", "not changed by the site"))
    else
      report(decision(path, "conflict", key, "N", "objects of the new level are not mixed with others"))
    end
    return { key = key, row = n, from = "N" }
  end

  -- An object of the new level that the site does not have; nil when it stays out.
  local function theirs(path, key, shape, o, n, known, report)
    if o and not shape.mandatory then
      report(decision(path, same_row(o, n) and "note" or "warning", key, "none", "removed by the site: stays removed"))
      return nil
    end
    if o then
      report(decision(path, "warning", key, "N", "removed by the site, but the system needs it"))
    else
      report(decision(path, "note", key, "N", known and "new object" or "not in the old class: a removal cannot be told"))
    end
    return { key = key, row = n, from = "N" }
  end

  -- An object that only the site has; nil when it goes.
  local function ours(path, key, shape, o, c, known, report, sides)
    local keep, why = true, nil
    if o and same_row(o, c) then
      if shape.obsolete then keep, why = shape.obsolete(c, sides) else keep = false end
      if not keep then
        report(decision(path, "note", key, "none", "no longer shipped and not changed by the site: dropped"))
        return nil
      end
      report(decision(path, "warning", key, "C", "no longer shipped: kept, " .. (why or "it is used")))
      return { key = key, row = c, from = "C" }
    end
    if shape.keep then keep, why = shape.keep(c, sides) end
    if not keep then
      report(decision(path, "warning", key, "none", why .. ": dropped"))
      return nil
    end
    report(decision(path, o and "warning" or "note", key, "C", o and "no longer shipped, changed by the site: kept"
      or known and "added by the site" or "only in the old class: kept"))
    return { key = key, row = c, from = "C" }
  end

  --- The merged objects of a class, in the new level's order with the site's own behind; and the slots of
  --- the new level's class that are to go.
  ---@return altmig.merge.Entry[] entries
  ---@return integer[] erased
  function merge.objects(input, shape, report)
    local key, path, known = key_function(shape), input.path, input.o ~= false
    local o = index(input.o, key)
    local c, c_keys = index(input.c, key)
    local n, n_keys = index(input.n, key)
    local entries, erased = {}, {}
    shape.names = input.n.names
    for i, k in ipairs(n_keys) do
      local entry
      if c[k] then
        entry = both(path, k, shape, o[k], c[k], n[k], report)
      else
        entry = theirs(path, k, shape, o[k], n[k], known, report)
      end
      if entry then
        entry.slot = input.n.slots[i]
        entries[#entries + 1] = entry
      else
        erased[#erased + 1] = input.n.slots[i]
      end
    end
    local sides = { o = o, c = c, n = n, input = input }
    for _, k in ipairs(c_keys) do
      if not n[k] then entries[#entries + 1] = ours(path, k, shape, o[k], c[k], known, report, sides) end
    end
    return entries, erased
  end

  ---------------------------------------------------------------- from objects to a class

  -- A vchar holds any length.
  local text_types = { char = true, longchar = true, method = true, link = true }

  -- An object in the fields of another layout: what has no place is said, what is too long is cut.
  local function fit(path, key, row, fields, report)
    local fitting, names = {}, {}
    for name in pairs(row) do names[#names + 1] = name end
    table.sort(names)
    for _, name in ipairs(names) do
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

  --- The bytes of the new level's class with these objects. Raises what merge.run reports when the class
  --- cannot be changed.
  ---@return string data
  ---@return string? strings
  ---@return boolean changed
  function merge.build_class(path, part, entries, erased, report)
    local image, changed = part.image, #erased > 0
    for _, entry in ipairs(entries) do changed = changed or not entry.slot or entry.changes ~= nil end
    if not changed then return part.data, part.strings, false end
    local ok, message = image:writable()
    if not ok then unreadable(message) end
    for _, slot in ipairs(erased) do checked(image:erase(slot)) end
    for _, entry in ipairs(entries) do
      local code
      ok = true
      if not entry.slot then
        ok, message, code = image:add(fit(path, entry.key, entry.row, part.fields, report))
      elseif entry.changes then
        ok, message, code = image:set(entry.slot, fit(path, entry.key, entry.changes, part.fields, report))
      end
      if not ok then
        if code ~= "ODM_RANGE" then checked(ok, message, code) end
        report(decision(path, "error", entry.key, "none", message))
      end
    end
    local data, strings = image:images()
    return data, strings, true
  end

  --- Answers that need no merge; the status, or nil.
  function merge.whole_class(job, input)
    local c, n = input.c, input.n
    if not c and not n then return "new" end
    if not n then
      job:report { { severity = "note", file = input.path, chosen = "C", rule = "not shipped by the new level" } }
      merge.write_class(job, input.path, c.data, c.strings)
      return "kept"
    end
    local same_as_old = c and input.o and c.data == input.o.data and c.strings == input.o.strings
    if not c or same_as_old or (c.data == n.data and c.strings == n.strings) then
      if not c then job:report { { severity = "note", file = input.path, chosen = "N", rule = "absent before the migration" } } end
      merge.write_class(job, input.path, n.data, n.strings)
      return "new"
    end
    return nil
  end

  --- A list that goes to the report when the class is made.
  function merge.collector()
    local list = {}
    return list, function(d) list[#list + 1] = d end
  end

  --- Merges one class and makes it live. mend(entries, erased, input, report) may change the result.
  ---@return "merged"|"kept"|"new" status
  function merge.merge_class(job, path, shape, mend)
    local input = merge.class(job, path)
    local status = merge.whole_class(job, input)
    if status then return status end
    local list, report = merge.collector()
    local entries, erased = merge.objects(input, shape, report)
    if mend then mend(entries, erased, input, report) end
    local data, strings, changed = merge.build_class(path, input.n, entries, erased, report)
    job:report(list)
    merge.write_class(job, path, data, strings)
    return changed and "merged" or "new"
  end

  merge.decision = decision

  ---------------------------------------------------------------- what the shapes ask

  local etc, usr = "/etc/objrepos/", "/usr/lib/objrepos/"

  function merge.has_path(job, path)
    if not path or path:sub(1, 1) ~= "/" then return false end
    local target = job.ctx.tree:resolve(path)
    return target ~= nil and job.ctx.tree:exists(target) == true
  end

  -- Values of a field in a class of the site's, as a set; empty when it cannot be read.
  local function saved_values(job, path, field)
    local part, set = side(path, job.ctx.saved), {}
    for _, row in ipairs(part and part.rows or {}) do set[row[field]] = true end
    return set
  end
  merge.saved_side = function(job, path) return side(path, job.ctx.saved) or nil end

  local function program_of(rule) return rule:match("^%s*(%S+)") or "" end

  local shapes = {}

  -- The site's order of start where it changed it; where that is not known the new level's.
  local function seq_class(o)
    if o ~= nil then return "C", "conflict", "both changed it: the site's value stays" end
    return "N", "conflict", "levels differ, old default not known: the new level's order"
  end

  function shapes.Config_Rules(job)
    local function place(row) return ("%d %d %s"):format(row.phase, row.boot_mask, program_of(row.rule)) end
    local respelled
    return {
      key = { "phase", "boot_mask", "rule" }, default = "system", classes = { seq = seq_class },
      keep = function(row, sides)
        if not merge.has_path(job, program_of(row.rule)) then return false, "its program does not exist in the new level" end
        if not respelled then
          respelled = {}
          for key, n in pairs(sides.n) do
            if not sides.c[key] then respelled[place(n)] = true end
          end
        end
        if not sides.input.o and respelled[place(row)] then return false, "the new level runs this program with other arguments" end
        return true
      end,
    }
  end

  function shapes.SRCextmeth(job)
    local known
    return {
      key = { "subsysname", "action", "method" }, default = "user",
      keep = function(row)
        if not known then
          known = saved_values(job, etc .. "SRCsubsys", "subsysname")
          local n = side(etc .. "SRCsubsys", job.ctx.shipped_new)
          for _, subsystem in ipairs(n and n.rows or {}) do known[subsystem.subsysname] = true end
        end
        return known[row.subsysname] or false, "there is no subsystem " .. row.subsysname
      end,
    }
  end

  function shapes.SRCsubsys(job)
    local classes = {
      path = function(o, c)
        if o ~= nil and merge.has_path(job, c) then return "C", "warning", "the site runs another program: it stays" end
        return "N", "conflict", "the program of the new level"
      end,
    }
    for _, name in ipairs { "contact", "svrkey", "svrmtype", "signorm", "sigforce", "multi", "auditid" } do classes[name] = "system" end
    return { key = { "subsysname" }, default = "user", classes = classes }
  end

  local function mend_subsystems(entries, _, input, report)
    local owner = {}
    for _, entry in ipairs(entries) do
      local name = entry.row.synonym
      if name and name ~= "" then
        if owner[name] then
          report(decision(input.path, "warning", entry.key, "merged", ("synonym %s is also of %s"):format(name, owner[name])))
        end
        owner[name] = owner[name] or entry.row.subsysname
      end
    end
  end

  function shapes.SWservAt()
    return {
      key = function(row) return row.attribute == "alog_type" and "alog_type\0" .. row.value or row.attribute end,
      default = "system",
      classes = { value = function(o, c, _, rows)
        if rows.c.deflt == c then return "N", "note", "the site had the default" end
        return "C", "conflict", o == nil and "set by the site" or "both changed it: the site's value stays"
      end },
    }
  end

  -- A log type the site removed takes its name, size and verbosity with it; the dump device must be there.
  local function mend_services(job)
    return function(entries, erased, input, report)
      local types, gone = {}, {}
      for _, entry in ipairs(entries) do
        if entry.row.attribute == "alog_type" then types[entry.row.value] = true end
      end
      for _, part in ipairs { input.o or input.c, input.n } do
        for _, row in ipairs(part.rows) do
          if row.attribute == "alog_type" and not types[row.value] then gone[row.value] = true end
        end
      end
      local devices
      for i = #entries, 1, -1 do
        local entry = entries[i]
        local kind = entry.row.attribute:match("^(.*)_log%l+$")
        if kind and gone[kind] then
          report(decision(input.path, "note", entry.key, "none", "belongs to a log type that is not there: dropped"))
          if entry.slot then erased[#erased + 1] = entry.slot end
          table.remove(entries, i)
        elseif entry.row.attribute == "primary" or entry.row.attribute == "secondary" then
          devices = devices or saved_values(job, etc .. "CuDv", "name")
          local device = entry.row.value:match("^/dev/([^/]+)$")
          if device and next(devices) and device ~= "sysdumpnull" and not devices[device] then
            report(decision(input.path, "warning", entry.key, entry.from, "names no device of this system",
              { "value", nil, entry.row.value }))
          end
        end
      end
    end
  end

  -- uniquetypes of the merged PdDv: computed from the same inputs as its own method.
  local function merged_types(job)
    local ok, input = pcall(merge.class, job, usr .. "PdDv")
    if not ok then
      if type(input) ~= "table" or input.code ~= "CONFIG_SYNTAX" then error(input, 0) end
      return nil
    end
    local part = input.n or input.c
    if not part then return nil end
    local types = {}
    if input.c and input.n then
      for _, entry in ipairs((merge.objects(input, shapes.PdDv(job), function() end))) do types[entry.row.uniquetype] = true end
    else
      for _, row in ipairs(part.rows) do types[row.uniquetype] = true end
    end
    return types
  end

  -- Keeps the site's objects of device types that are still there.
  local function of_known_type(job)
    local types, asked
    return function(row)
      if not asked then types, asked = merged_types(job), true end
      return not types or types[row.uniquetype] or false, "its device type is not in the new level"
    end
  end

  function shapes.PdAtXtd(job)
    return {
      key = function(row)
        if row.attribute and row.attribute ~= "" then return row.uniquetype .. "\0" .. row.attribute end
        return ("%s\0\0%s\0%s"):format(row.uniquetype, row.operation or "", row.operation_value or "")
      end,
      default = "system", whole = true, mandatory = true, keep = of_known_type(job),
    }
  end

  function shapes.PdDv(job)
    local used
    local function in_use(row)
      used = used or saved_values(job, etc .. "CuDv", "PdDvLn")
      return used[row.uniquetype] or false, "a device of this system is of this type"
    end
    return { key = { "uniquetype" }, default = "system", whole = true, mandatory = true, obsolete = in_use }
  end

  local function check_types(entries, _, input, report)
    for _, entry in ipairs(entries) do
      local row = entry.row
      if entry.from == "C" and row.uniquetype ~= ("%s/%s/%s"):format(row.class, row.subclass, row.type) then
        report(decision(input.path, "warning", entry.key, "C", "uniquetype is not class/subclass/type"))
      end
    end
  end

  local function number_of(text)
    if text:match("^%s*[-+]?0[xX]%x+%s*$") or text:match("^%s*[-+]?%d+%s*$") then return math.tointeger(tonumber(text)) end
    return nil
  end

  --- Whether the possible values of an attribute admit a value: a list, or ranges low-high,increment.
  ---@param value string
  ---@param values string
  ---@param numeric boolean
  ---@return boolean
  function merge.admits(value, values, numeric)
    if values == "" then return true end
    local number, parts = numeric and number_of(value) or nil, {}
    for part in (values .. ","):gmatch("([^,]*),") do parts[#parts + 1] = part:match("^%s*(.-)%s*$") end
    local i = 1
    while i <= #parts do
      local low, high = parts[i]:match("^(%w+)%-(%w+)$")
      low, high = low and number_of(low), high and number_of(high)
      if numeric and low and high then
        local step = number_of(parts[i + 1] or "") or 1
        if number and number >= low and number <= high and (step <= 1 or (number - low) % step == 0) then return true end
        i = i + 1 -- the increment is no value
      elseif parts[i] == value or (number and number_of(parts[i]) == number) then
        return true
      end
      i = i + 1
    end
    return false
  end

  function shapes.PdAt(job)
    local function deflt(o, c, n, rows)
      local row = rows.n
      if (row.type or ""):find("G", 1, true) then return "N", "conflict", "defaults of a group of attributes belong together" end
      if merge.admits(c, row.values or "", (row.rep or ""):find("n", 1, true) ~= nil) then
        return "C", "conflict", o == nil and "levels differ, old default not known: the site's value is valid and stays"
          or "both changed it: the site's value is valid and stays"
      end
      return "N", "conflict", ("the site's value is not among %s"):format(n == row.deflt and row.values or n)
    end
    return { key = { "uniquetype", "attribute" }, default = "system", classes = { deflt = deflt }, mandatory = true,
      keep = of_known_type(job) }
  end

  -- Customised attributes are kept apart, in CuAt: devices without one follow a changed default.
  local function tell_changed_defaults(job)
    return function(entries, _, input, report)
      local before, devices = {}, {}
      for _, row in ipairs(input.c.rows) do before[row.uniquetype .. "\0" .. row.attribute] = row.deflt end
      for _, row in ipairs((merge.saved_side(job, etc .. "CuDv") or { rows = {} }).rows) do
        devices[row.PdDvLn] = devices[row.PdDvLn] or {}
        table.insert(devices[row.PdDvLn], row.name)
      end
      local set = {}
      for _, row in ipairs((merge.saved_side(job, etc .. "CuAt") or { rows = {} }).rows) do
        set[row.name .. "\0" .. row.attribute] = row.value
      end
      for _, entry in ipairs(entries) do
        local row = entry.row
        for _, name in ipairs(devices[row.uniquetype] or {}) do
          local value, old = set[name .. "\0" .. row.attribute], before[row.uniquetype .. "\0" .. row.attribute]
          if value == nil and old ~= nil and old ~= row.deflt then
            report(decision(input.path, "warning", name, "N", "the device follows the default, which changed",
              { row.attribute, nil, old, row.deflt }))
          elseif value ~= nil and not merge.admits(value, row.values or "", (row.rep or ""):find("n", 1, true) ~= nil) then
            report(decision(input.path, "warning", name, "C", "the device's value is not among " .. row.values,
              { row.attribute, nil, value, row.deflt }))
          end
        end
      end
    end
  end

  -- Of an object all fields are its key: the result is the union without what the vendor took out.
  function shapes.GAI()
    return { default = "system", key = function(row)
      local names, parts = {}, {}
      for name in pairs(row) do names[#names + 1] = name end
      table.sort(names)
      for i, name in ipairs(names) do parts[i] = tostring(row[name]) end
      return table.concat(parts, "\0")
    end }
  end

  local function fileset_lines(text)
    local lines, order = {}, {}
    for name, level in (text or ""):gmatch("([^%s:]+):([^%s:]+)") do
      if not lines[name] then order[#order + 1] = name end
      lines[name] = level
    end
    return lines, order
  end

  function shapes.fix(job)
    local remaining
    return {
      key = { "name" }, default = "system",
      classes = { filesets = function(_, c, n)
        local new, order = fileset_lines(n)
        local old, old_order = fileset_lines(c)
        local added
        for _, name in ipairs(old_order) do
          if not new[name] then
            new[name], added = old[name], true
            order[#order + 1] = name
          end
        end
        if not added then return "N", "note", "the new level's filesets" end
        local text = {}
        for i, name in ipairs(order) do text[i] = ("%s:%s\n"):format(name, new[name]) end
        return "merged", "note", "filesets of both", table.concat(text)
      end },
      keep = function(row)
        remaining = remaining or merge.remaining_filesets(job)
        local _, order = fileset_lines(row.filesets)
        for _, name in ipairs(order) do
          if not remaining[name] then return false, name .. " is no longer installed at its old level" end
        end
        return #order > 0, "names no fileset"
      end,
    }
  end

  local mends = {
    SRCsubsys = function() return mend_subsystems end,
    SWservAt = mend_services,
    PdDv = function() return check_types end,
    PdAt = tell_changed_defaults,
  }

  for name, shape in pairs(shapes) do
    merge.register("ODM_merge " .. name, function(entry, job)
      return merge.merge_class(job, entry.files[1], shape(job), mends[name] and mends[name](job))
    end)
  end

  -- Notifications are the site's; those of processes, and those a restart removes, do not outlive it.
  merge.register("convert_errnotify", function(entry, job)
    local all_fields = shapes.GAI().key
    local shape = {
      key = function(row) return row.en_name ~= "" and row.en_name or "\0" .. all_fields(row) end, default = "user",
      keep = function(row)
        if row.en_pid ~= 0 then return false, ("it is of the process %d"):format(row.en_pid) end
        return row.en_persistenceflg ~= 0, "it does not outlive a restart"
      end,
    }
    return merge.merge_class(job, entry.files[1], shape)
  end)
end
