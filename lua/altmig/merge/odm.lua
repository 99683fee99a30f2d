-- SPDX-License-Identifier: MIT
-- The methods that merge classes of the object data manager and need no more than a row of a table.
--
-- Keys and rules of the classes are not public (inferred: odm-merge-keys): correct them in the shapes below.

local class = require "altmig.merge.class"
local swvpd = require "altmig.merge.swvpd"
local task = require "altmig.merge.task"

local decision, saved_values = class.decision, class.saved_values
local etc, usr = "/etc/objrepos/", "/usr/lib/objrepos/"

local function program_of(rule) return rule:match("^%s*(%S+)") or "" end

local shapes = {}

-- The site's order of start where it changed it; where that is not known the new level's.
local function seq_class(o)
  if o ~= nil then return "C", "conflict", "both changed it: the site's value stays" end
  return "N", "conflict", "levels differ, old default not known: the new level's order"
end

function shapes.Config_Rules(this)
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
      if not this:exists(program_of(row.rule)) then return false, "its program does not exist in the new level" end
      if respelled[place(row)] then return false, "the new level runs this program with other arguments" end
      return true
    end,
  }
end

function shapes.SRCextmeth(this)
  local known
  return {
    key = { { "subsysname", "action", "method" } }, default = "user",
    keep = function(row)
      known = known or saved_values(this, etc .. "SRCsubsys", "subsysname", true)
      return known[row.subsysname] or false, "there is no subsystem " .. row.subsysname
    end,
  }
end

function shapes.SRCsubsys(this)
  local classes = {
    path = function(o, c)
      if o ~= nil and this:exists(c) then return "C", "warning", "the site runs another program: it stays" end
      return "N", "conflict", "the program of the new level"
    end,
  }
  for _, name in ipairs { "contact", "svrkey", "svrmtype", "signorm", "sigforce", "multi", "auditid" } do classes[name] = "system" end
  return { key = { { "subsysname" } }, default = "user", classes = classes }
end

local function check_synonyms(plan, input, report)
  local owner, synonyms, names = {}, plan:column("synonym"), plan:column("subsysname")
  for i, key in class.entries_of(plan) do
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
local function follow_log_types(this)
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
        devices = devices or saved_values(this, etc .. "CuDv", "name")
        local device = values[i]:match("^/dev/([^/]+)$")
        if device and next(devices) and device ~= "sysdumpnull" and not devices[device] then
          report(decision(input.path, "warning", key, from, "names no device of this system", { "value", nil, values[i] }))
        end
      end
    end
  end
end

-- uniquetypes of the merged PdDv: computed from the same inputs as its own method.
local function merged_types(this)
  local ok, input = task.try(class.read, this, usr .. "PdDv")
  if not ok then return nil end
  local part = input.n or input.c
  if not part then return nil end
  local types = {}
  local plan <close> = input.c and input.n and class.merge_objects(input, shapes.PdDv(this), function() end) or nil
  for _, name in ipairs((plan or part.image):column("uniquetype")) do types[name] = true end
  return types
end

-- Keeps the site's objects of device types that are still there.
local function of_known_type(this)
  local types, asked
  return function(row)
    if not asked then types, asked = merged_types(this), true end
    return not types or types[row.uniquetype] or false, "its device type is not in the new level"
  end
end

function shapes.PdAtXtd(this)
  return {
    key = { { when = "attribute", "uniquetype", "attribute" }, { "uniquetype", "", "operation", "operation_value" } },
    default = "system", whole = true, mandatory = true, keep = of_known_type(this),
  }
end

function shapes.PdDv(this)
  local used
  local function in_use(row)
    used = used or saved_values(this, etc .. "CuDv", "PdDvLn")
    return used[row.uniquetype] or false, "a device of this system is of this type"
  end
  return { key = { { "uniquetype" } }, default = "system", whole = true, mandatory = true, obsolete = in_use }
end

local function check_types(plan, input, report)
  for i, key, from in class.entries_of(plan) do
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

local family = { methods = {} }

--- Whether the possible values of an attribute admit a value: a list, or ranges low-high,increment.
---@param value string
---@param values string
---@param numeric boolean
---@return boolean
function family.admits(value, values, numeric)
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

function shapes.PdAt(this)
  local function deflt(o, c, n, rows)
    local row = rows.n
    if (row.type or ""):find("G", 1, true) then return "N", "conflict", "defaults of a group of attributes belong together" end
    if family.admits(c, row.values or "", (row.rep or ""):find("n", 1, true) ~= nil) then
      return "C", "conflict", o == nil and "levels differ, old default not known: the site's value is valid and stays"
        or "both changed it: the site's value is valid and stays"
    end
    return "N", "conflict", ("the site's value is not among %s"):format(n == row.deflt and row.values or n)
  end
  return { key = { { "uniquetype", "attribute" } }, default = "system", classes = { deflt = deflt }, mandatory = true,
    keep = of_known_type(this) }
end

-- Customised attributes are kept apart, in CuAt: devices without one follow a changed default.
local function tell_changed_defaults(this)
  return function(plan, input, report)
    local before, devices, set = {}, {}, {}
    for _, row in ipairs(class.saved_rows(this, etc .. "CuDv")) do
      devices[row.PdDvLn] = devices[row.PdDvLn] or {}
      table.insert(devices[row.PdDvLn], row.name)
    end
    for _, row in ipairs(class.saved_rows(this, etc .. "CuAt")) do
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
          local told = decision(input.path, "warning", name, "N", ("the device follows the default, which changed; to keep the old one: "
            .. "chdev -l %s -a %s=%s -P"):format(name, row.attribute, old), { row.attribute, nil, old, row.deflt })
          told.group = "values"
          report(told)
        elseif value ~= nil and not family.admits(value, row.values or "", (row.rep or ""):find("n", 1, true) ~= nil) then
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

function shapes.fix(this)
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
      remaining = remaining or swvpd.remaining_filesets(this)
      local _, order = fileset_lines(row.filesets)
      for _, name in ipairs(order) do
        if not remaining[name] then return false, name .. " is no longer installed at its old level" end
      end
      return #order > 0, "names no fileset"
    end,
  }
end

local revisions = {
  SRCsubsys = function() return check_synonyms end,
  SWservAt = follow_log_types,
  PdDv = function() return check_types end,
  PdAt = tell_changed_defaults,
}

for name, shape in pairs(shapes) do
  family.methods["ODM_merge " .. name] = function(entry, this)
    return class.merge(this, entry.files[1], shape(this), revisions[name] and revisions[name](this))
  end
end

-- Notifications are the site's; those of processes, and those a restart removes, do not outlive it.
function family.methods.convert_errnotify(entry, this)
  local shape = {
    key = { { when = "en_name", "en_name" }, { "", "*" } }, default = "user",
    keep = function(row)
      if row.en_pid ~= 0 then return false, ("it is of the process %d"):format(row.en_pid) end
      return row.en_persistenceflg ~= 0, "it does not outlive a restart"
    end,
  }
  return class.merge(this, entry.files[1], shape)
end

return family
