-- The merge of object classes: objects by key, three ways, field by field, and the methods that need no
-- more than a row of a table.
--
-- The result is the new level's class edited in place: what nobody changed keeps its bytes and its slot,
-- the site's own objects follow. Fields are copied by name, since the layouts of two levels differ.
-- Keys and rules of the classes are inferred (IBM's are not public): correct them in the table below.
-- Keying and comparing is odm_core's, which makes a plan of findings; what they mean, in words and where
-- more than three values decide, is said here.

local core = require "altmig.odm_core"
local odm = require "altmig.odm"
local sorted_keys = require "altmig.sorted_keys"

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

return function(merge, checked)
  local function unreadable(message) error({ code = "CONFIG_SYNTAX", message = message }, 0) end

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

  local function patched(row, changes)
    local copy = {}
    for name, value in pairs(row) do copy[name] = value end
    for name, value in pairs(changes) do copy[name] = value end
    return copy
  end
  merge.patched = patched

  -- What findings of odm_core say: what was chosen, how grave that is, and why; "unknown" where O is not known.
  local findings = {
    ["field theirs"] = { "N", "note", "not changed by the site" },
    ["field ours"] = { "C", "note", "changed by the site" },
    ["field system"] = { "N", "conflict", "both changed it: the new level's value" },
    ["field user"] = { "C", "conflict", "both changed it: the site's value stays" },
    ["object theirs"] = { "N", "note", "not changed by the site" },
    ["object ours"] = { "C", "note", "changed by the site" },
    ["object conflict"] = { "N", "conflict", "objects of the new level are not mixed with others" },
    ["removed"] = { "none", "note", "removed by the site: stays removed" },
    ["removed changed"] = { "none", "warning", "removed by the site: stays removed" },
    ["returned"] = { "N", "warning", "removed by the site, but the system needs it" },
    ["new"] = { "N", "note", "new object", unknown = "not in the old class: a removal cannot be told" },
    ["added"] = { "C", "note", "added by the site", unknown = "only in the old class: kept" },
    ["changed obsolete"] = { "C", "warning", "no longer shipped, changed by the site: kept" },
  }
  local unknown_field = "levels differ, old default not known: the site's value stays"

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
    local chosen, severity, rule = table.unpack(findings[kind], 1, 3)
    if not known then rule = findings[kind].unknown or rule end
    if kind == "field user" and o == nil then rule = unknown_field end
    return decision(path, severity, key, chosen, rule, name and { name, o, c, n })
  end

  -- The classes of fields that odm_core decides by, and those it asks about.
  local function field_classes(shape)
    local classes = {}
    for name, class in pairs(shape.classes or {}) do classes[name] = type(class) == "string" and class or "ask" end
    return classes
  end

  --- Merges the objects of a class: in the new level's order with the site's own behind.
  ---@return altmig.odm.Plan
  function merge.objects(input, shape, report)
    local path, known = input.path, input.o ~= false
    local plan = checked(core.merge { o = input.o and input.o.image, c = input.c.image, n = input.n.image, key = shape.key,
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

  --- The objects of a plan's result, in order: number, key, and which side they are of.
  local function entries_of(plan)
    local last = plan:count()
    return function(_, i)
      while i < last do
        i = i + 1
        local key, from = plan:entry(i)
        if key then return i, key, from end
      end
    end, nil, 0
  end
  merge.entries_of = entries_of

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
    if code ~= "ODM_RANGE" then checked(ok, message, code) end
    report(decision(path, "error", key, "none", message))
  end

  local function check_writable(part)
    local ok, message = part.image:writable()
    if not ok then unreadable(message) end
  end

  local function bytes_of(part)
    local data, strings = part.image:images()
    return data, strings, true
  end

  --- The bytes of the new level's class with these objects. Raises what merge.run reports when the class
  --- cannot be changed.
  ---@param entries altmig.merge.Entry[]
  ---@param erased integer[]     # slots of the new level's class that are to go
  ---@return string data
  ---@return string? strings
  ---@return boolean changed
  function merge.build_class(path, part, entries, erased, report)
    local changed = #erased > 0
    for _, entry in ipairs(entries) do changed = changed or not entry.slot or entry.changes ~= nil end
    if not changed then return part.data, part.strings, false end
    check_writable(part)
    for _, slot in ipairs(erased) do checked(part.image:erase(slot)) end
    for _, entry in ipairs(entries) do
      if not entry.slot then
        put(path, part, entry.key, nil, entry.row, report)
      elseif entry.changes then
        put(path, part, entry.key, entry.slot, entry.changes, report)
      end
    end
    return bytes_of(part)
  end

  local function same_bytes(a, b) return a and b and a.data == b.data and a.strings == b.strings end
  merge.same_bytes = same_bytes

  --- The same with what a plan made of it. Where the vendor changed nothing the site's own bytes stand.
  ---@param plan altmig.odm.Plan
  ---@return string data
  ---@return string? strings
  ---@return boolean changed
  function merge.build_plan(input, plan, report)
    local path, part = input.path, input.n
    local i, key, slot, fields = plan:next(0)
    if not i then return part.data, part.strings, false end
    if same_bytes(input.o, part) and plan:is_ours() then return input.c.data, input.c.strings, true end
    check_writable(part)
    while i do
      if fields then put(path, part, key, slot, fields, report) else checked(part.image:erase(slot)) end
      i, key, slot, fields = plan:next(i)
    end
    return bytes_of(part)
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
    if not c or same_bytes(c, input.o) or same_bytes(c, n) then
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

  --- Merges one class and makes it live. mend(plan, input, report) may change the result.
  ---@return "merged"|"kept"|"new" status
  function merge.merge_class(job, path, shape, mend)
    local input = merge.class(job, path)
    local status = merge.whole_class(job, input)
    if status then return status end
    local list, report = merge.collector()
    local plan <close> = merge.objects(input, shape, report)
    if mend then mend(plan, input, report) end
    local data, strings, changed = merge.build_plan(input, plan, report)
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
    for _, value in ipairs(part and part.image:column(field) or {}) do set[value] = true end
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
    local respelled = {} -- places of rules that only the new level has, where O is not known
    return {
      key = { { "phase", "boot_mask", "rule" } }, default = "system", classes = { seq = seq_class },
      prepare = function(plan, input)
        for i = 1, input.o and 0 or plan:count() do
          local n = plan:row(i, "n")
          if n and not plan:row(i, "c") then respelled[place(n)] = true end
        end
      end,
      keep = function(row)
        if not merge.has_path(job, program_of(row.rule)) then return false, "its program does not exist in the new level" end
        if respelled[place(row)] then return false, "the new level runs this program with other arguments" end
        return true
      end,
    }
  end

  function shapes.SRCextmeth(job)
    local known
    return {
      key = { { "subsysname", "action", "method" } }, default = "user",
      keep = function(row)
        if not known then
          known = saved_values(job, etc .. "SRCsubsys", "subsysname")
          local n = side(etc .. "SRCsubsys", job.ctx.shipped_new)
          for _, name in ipairs(n and n.image:column("subsysname") or {}) do known[name] = true end
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
    return { key = { { "subsysname" } }, default = "user", classes = classes }
  end

  local function mend_subsystems(plan, input, report)
    local owner, synonyms, names = {}, plan:column("synonym"), plan:column("subsysname")
    for i, key in entries_of(plan) do
      local name = synonyms[i]
      if name and name ~= "" then
        if owner[name] then
          report(decision(input.path, "warning", key, "merged", ("synonym %s is also of %s"):format(name, owner[name])))
        end
        owner[name] = owner[name] or names[i]
      end
    end
  end

  function shapes.SWservAt()
    return {
      key = { { when = "attribute", is = "alog_type", "attribute", "value" }, { "attribute" } },
      default = "system",
      classes = { value = function(o, c, _, rows)
        -- The merged object has the new default: it must not count as the site's when merged again.
        if rows.c.deflt == c and rows.c.deflt ~= rows.n.deflt then return "N", "note", "the site had the default" end
        return "C", "conflict", o == nil and "set by the site" or "both changed it: the site's value stays"
      end },
    }
  end

  -- A log type the site removed takes its name, size and verbosity with it; the dump device must be there.
  local function mend_services(job)
    return function(plan, input, report)
      local types, gone = {}, {}
      local attributes, values = plan:column("attribute"), plan:column("value")
      for i, attribute in ipairs(attributes) do
        if attribute == "alog_type" then types[values[i]] = true end
      end
      for _, part in ipairs { input.o or input.c, input.n } do
        for _, row in ipairs(part.rows) do
          if row.attribute == "alog_type" and not types[row.value] then gone[row.value] = true end
        end
      end
      local devices
      for i = #attributes, 1, -1 do
        local key, from = plan:entry(i)
        local attribute = key and attributes[i] or ""
        local kind = attribute:match("^(.*)_log%l+$")
        if kind and gone[kind] then
          report(decision(input.path, "note", key, "none", "belongs to a log type that is not there: dropped"))
          plan:keep(i, false)
        elseif attribute == "primary" or attribute == "secondary" then
          devices = devices or saved_values(job, etc .. "CuDv", "name")
          local device = values[i]:match("^/dev/([^/]+)$")
          if device and next(devices) and device ~= "sysdumpnull" and not devices[device] then
            report(decision(input.path, "warning", key, from, "names no device of this system", { "value", nil, values[i] }))
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
    local plan <close> = input.c and input.n and merge.objects(input, shapes.PdDv(job), function() end) or nil
    for _, name in ipairs((plan or part.image):column("uniquetype")) do types[name] = true end
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
      key = { { when = "attribute", "uniquetype", "attribute" }, { "uniquetype", "", "operation", "operation_value" } },
      default = "system", whole = true, mandatory = true, keep = of_known_type(job),
    }
  end

  function shapes.PdDv(job)
    local used
    local function in_use(row)
      used = used or saved_values(job, etc .. "CuDv", "PdDvLn")
      return used[row.uniquetype] or false, "a device of this system is of this type"
    end
    return { key = { { "uniquetype" } }, default = "system", whole = true, mandatory = true, obsolete = in_use }
  end

  local function check_types(plan, input, report)
    for i, key, from in entries_of(plan) do
      local row = from == "C" and plan:row(i)
      if row and row.uniquetype ~= ("%s/%s/%s"):format(row.class, row.subclass, row.type) then
        report(decision(input.path, "warning", key, "C", "uniquetype is not class/subclass/type"))
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
    return { key = { { "uniquetype", "attribute" } }, default = "system", classes = { deflt = deflt }, mandatory = true,
      keep = of_known_type(job) }
  end

  -- Customised attributes are kept apart, in CuAt: devices without one follow a changed default.
  local function tell_changed_defaults(job)
    return function(plan, input, report)
      local before, devices, set = {}, {}, {}
      for _, row in ipairs((merge.saved_side(job, etc .. "CuDv") or { rows = {} }).rows) do
        devices[row.PdDvLn] = devices[row.PdDvLn] or {}
        table.insert(devices[row.PdDvLn], row.name)
      end
      for _, row in ipairs((merge.saved_side(job, etc .. "CuAt") or { rows = {} }).rows) do
        set[row.name .. "\0" .. row.attribute] = row.value
      end
      local c_types, c_attributes, c_defaults = input.c.image:column("uniquetype"), nil, nil
      for i, kind in ipairs(c_types) do
        if devices[kind] then
          c_attributes, c_defaults = c_attributes or input.c.image:column("attribute"), c_defaults or input.c.image:column("deflt")
          before[kind .. "\0" .. c_attributes[i]] = c_defaults[i]
        end
      end
      local types = plan:column("uniquetype")
      for i, kind in ipairs(types) do
        local row = kind and devices[kind] and plan:row(i)
        for _, name in ipairs(row and devices[kind] or {}) do
          local value, old = set[name .. "\0" .. row.attribute], before[kind .. "\0" .. row.attribute]
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
    return { default = "system", key = { { "*" } } }
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
      key = { { "name" } }, default = "system",
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
    local shape = {
      key = { { when = "en_name", "en_name" }, { "", "*" } }, default = "user",
      keep = function(row)
        if row.en_pid ~= 0 then return false, ("it is of the process %d"):format(row.en_pid) end
        return row.en_persistenceflg ~= 0, "it does not outlive a restart"
      end,
    }
    return merge.merge_class(job, entry.files[1], shape)
  end)
end
