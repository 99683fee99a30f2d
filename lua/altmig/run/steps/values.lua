-- SPDX-License-Identifier: MIT
-- Values that nobody sets and that are others afterwards: attributes of disks and of sys0, and tunables. What the
-- client works with is read before anything is cloned, by commands that only read, and is in the journal. At the end
-- of phase 6 the copy tells what its disks and sys0 will have (CuAt over PdAt); of tunables only the running system
-- tells, so that these are held against it by `altmig verify CLIENT --values` once it is booted.

local err = require "altmig.err"
local odm = require "altmig.odm"
local sorted_keys = require "altmig.sorted_keys"

---@class altmig.Migration
local values = { steps = {} }

local commands = { "no", "vmo", "ioo", "schedo", "raso", "nfso" }

-- Values of a running system that say nothing of how it is set up.
local of_the_moment = {
  vmo = { memory_frames = true, pinnable_frames = true, maxperm = true, minperm = true, maxpin = true, numpsblks = true },
}

---@class altmig.Values
---@field devices table<string, table<string, string>>    # what can be set, by device and attribute
---@field tunables table<string, table<string, string>>   # by command and name

--- The rows of `lsattr -F attribute:value:user_settable` that can be set.
---@param text string
---@return table<string, string>
function values.of_lsattr(text)
  local list = {}
  for line in text:gmatch("[^\n]+") do
    local name, value, settable = line:match("^([^:]+):(.*):([^:]*)$")
    if name and settable:match("^%s*True") then list[name] = value end
  end
  return list
end

--- The rows of `no -a` and its like: "name = value".
---@param text string
---@param command string?
---@return table<string, string>
function values.of_tunables(text, command)
  local list, moment = {}, of_the_moment[command or ""] or {}
  for line in text:gmatch("[^\n]+") do
    local name, value = line:match("^%s*([%w_%%]+)%s*=%s*(.-)%s*$")
    if name and value ~= "n/a" and not moment[name] then list[name] = value end
  end
  return list
end

-- What a host says; what it cannot say is left out.
---@return altmig.Values
local function read(host)
  local found = { devices = {}, tunables = {} }
  local names, disks = { "sys0" }, host:run { "lsdev", "-C", "-c", "disk", "-F", "name" }
  for name in (disks.status == 0 and disks.stdout or ""):gmatch("[%w_]+") do names[#names + 1] = name end
  for _, name in ipairs(names) do
    local result = host:run { "lsattr", "-E", "-l", name, "-F", "attribute:value:user_settable" }
    if result.status == 0 then found.devices[name] = values.of_lsattr(result.stdout) end
  end
  for _, command in ipairs(commands) do
    local result = host:run { command, "-a" }
    if result.status == 0 then found.tunables[command] = values.of_tunables(result.stdout, command) end
  end
  return found
end

-- Before phase 1 clones anything.
values.steps.record_values = {
  key = function() return "" end,
  run = function(m)
    local found = read(m.client)
    local devices, tunables = 0, 0
    for _ in pairs(found.devices) do devices = devices + 1 end
    for _, list in pairs(found.tunables) do
      for _ in pairs(list) do tunables = tunables + 1 end
    end
    m:detail(("altmig: the values of %d devices and %d tunables of the client are recorded."):format(devices, tunables))
    return found
  end,
}

---------------------------------------------------------------- what differs

---@class altmig.values.Change
---@field key string           # a device, several of them, or a command
---@field attribute string
---@field old string
---@field new string?          # nil: it is not there any more
---@field remedy string?

-- Differences of one attribute, put together where several devices have the same.
local function grouped(changes)
  local list, groups = {}, {}
  for _, change in ipairs(changes) do
    local name = table.concat({ change.attribute, change.old, change.new or "" }, "\0")
    if not groups[name] then
      groups[name] = { names = {}, attribute = change.attribute, old = change.old, new = change.new, set = change.set }
      list[#list + 1] = groups[name]
    end
    table.insert(groups[name].names, change.key)
  end
  return list
end

--- The values of devices that differ: what was recorded against what there is.
---@param before table<string, table<string, string>>
---@param now fun(device: string, attribute: string): string?, boolean?   # the value, and whether the device is known
---@return altmig.values.Change[]
function values.of_devices(before, now)
  local changes = {}
  for _, device in ipairs(sorted_keys(before)) do
    for _, attribute in ipairs(sorted_keys(before[device])) do
      local old = before[device][attribute]
      local new, known = now(device, attribute)
      if known and new ~= old then changes[#changes + 1] = { key = device, attribute = attribute, old = old, new = new } end
    end
  end
  local list = {}
  for _, group in ipairs(grouped(changes)) do
    local shown = table.concat(group.names, " ", 1, math.min(#group.names, 8))
    if #group.names > 8 then shown = ("%s and %d more"):format(shown, #group.names - 8) end
    list[#list + 1] = { key = shown, attribute = group.attribute, old = group.old, new = group.new,
      remedy = group.new and ("chdev -l %s -a %s=%s -P"):format(group.names[1], group.attribute, group.old)
        .. (#group.names > 1 and "   and so for the others" or "") or nil }
  end
  return list
end

--- The tunables that differ.
---@param before table<string, table<string, string>>
---@param now table<string, table<string, string>>   # a command that could not be asked is not in it
---@return altmig.values.Change[]
function values.of_commands(before, now)
  local list = {}
  for _, command in ipairs(sorted_keys(before)) do
    for _, name in ipairs(now[command] and sorted_keys(before[command]) or {}) do
      local old, new = before[command][name], now[command][name]
      if new ~= old then
        list[#list + 1] = { key = command, attribute = name, old = old, new = new,
          remedy = new and ("%s -p -o %s=%s"):format(command, name, old) or nil }
      end
    end
  end
  return list
end

---------------------------------------------------------------- the copy

local etc, usr = "/etc/objrepos", "/usr/lib/objrepos"

-- Effective attributes of the copy: what is customised, else the default of the type.
local function reader_of_copy(copy)
  local customised <close> = err.check(odm.open(copy, etc))
  local predefined <close> = err.check(odm.open(copy, usr))
  local types, own, defaults = {}, {}, {}
  for _, row in ipairs(err.check(customised:get("CuDv"))) do types[row.name] = row.PdDvLn end
  for _, row in ipairs(err.check(customised:get("CuAt"))) do own[row.name .. "\0" .. row.attribute] = row.value end
  local function of_type(kind)
    if not defaults[kind] then
      defaults[kind] = {}
      for _, row in ipairs(err.check(predefined:get("PdAt", ("uniquetype = '%s'"):format(kind)))) do
        defaults[kind][row.attribute] = row.deflt
      end
    end
    return defaults[kind]
  end
  -- Everything is read here: the classes are closed when this returns.
  for _, kind in pairs(types) do of_type(kind) end
  return function(device, attribute)
    local kind = types[device]
    if not kind then return nil, false end
    return own[device .. "\0" .. attribute] or defaults[kind][attribute], true
  end
end

-- What the merges have told of already.
local function told(m)
  local list = {}
  for _, entry in ipairs(m:collected().entries) do
    if entry.group == "values" then list[(entry.key or "") .. "\0" .. (entry.attribute or "")] = true end
  end
  return list
end

-- At the end of phase 6: what the devices of the copy will have, against what they have now.
values.steps.compare_values = {
  key = function() return "" end,
  run = function(m)
    local before = m:result_of("record_values")
    if not before or not next(before.devices or {}) then return { changed = 0 } end
    local known, of_copy = told(m), reader_of_copy(m.copy)
    local list = values.of_devices(before.devices, function(device, attribute)
      if known[device .. "\0" .. attribute] then return nil, false end
      return of_copy(device, attribute)
    end)
    for _, change in ipairs(list) do
      m:report_entry { method = "values", group = "values", severity = "warning", key = change.key, attribute = change.attribute,
        c = change.old, n = change.new, chosen = "N", rule = change.new
          and ("it follows the default, which changed; to keep the old one: " .. change.remedy) or "the new level has no such attribute" }
    end
    local count = m:collected():count().values
    if count > 0 then
      m:say(("altmig: %d value%s change%s by %s: altmig report %s."):format(count, count == 1 and "" or "s", count == 1 and "s" or "",
        count == 1 and "itself" or "themselves", m.name))
    end
    return { changed = #list }
  end,
}

--- What of the recorded values is another one on the client as it runs now. Reads only.
---@param m altmig.Migration    # connected, its journal read
---@return altmig.values.Change[]? changes   # nil: nothing was recorded
function values.since(m)
  local before = m:result_of("record_values")
  if not before then return nil end
  local now = read(m.client)
  local list = values.of_devices(before.devices or {}, function(device, attribute)
    local attributes = now.devices[device]
    return attributes and attributes[attribute], attributes ~= nil
  end)
  local tunables = values.of_commands(before.tunables or {}, now.tunables)
  return table.move(tunables, 1, #tunables, #list + 1, list)
end

return values
