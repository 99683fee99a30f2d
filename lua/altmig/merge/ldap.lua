-- SPDX-License-Identifier: MIT
-- ldapcfg_mig and ldapmap_mig: the LDAP client's configuration and its attribute maps.

local core = require "altmig.merge_core"
local lines = require "altmig.lines"
local records = require "altmig.merge.records"
local task = require "altmig.merge.task"

local ldap = { methods = {} }

---------------------------------------------------------------- ldap.cfg

local marker = "# Kept from the previous level:"

-- Active lines by key, in order. A value is what follows the first colon, to the last blank. Comments
-- right above a line are of its key.
local function settings(text, path)
  local map, order, comments, above = {}, {}, {}, {}
  for i, line in ipairs(lines.split(text)) do
    if line:match("^%s*#") then
      above[#above + 1] = line
    elseif not line:match("%S") then
      above = {}
    else
      local key = line:match("^%s*([^:%s]+)%s*:")
      if not key then task.unreadable(("parse: %s: line %d: no key and colon"):format(path, i)) end
      if not map[key] then
        map[key] = {}
        order[#order + 1] = key
      end
      table.insert(map[key], line)
      comments[key] = comments[key] or {}
      table.move(above, 1, #above, #comments[key] + 1, comments[key])
      above = {}
    end
  end
  return map, order, comments
end

-- The comments of the site's own among these: neither level ships them, and they are no settings that
-- were switched off.
local function own_comments(comments, input)
  local shipped, own = { [marker] = true }, {}
  for _, text in ipairs { input.n, input.o or "" } do
    for _, line in ipairs(lines.split(text)) do shipped[line] = true end
  end
  for key, list in pairs(comments) do
    own[key] = {}
    for _, line in ipairs(list) do
      if not shipped[line] and not line:match("^%s*#+[%w_]+:") then table.insert(own[key], line) end
    end
  end
  return own
end

local function same_lines(a, b) return table.concat(a or {}, "\n") == table.concat(b or {}, "\n") end

local function shown(key, list)
  if not list then return nil end
  if key:lower():find("pwd", 1, true) or key:lower():find("passw", 1, true) then return "<secret>" end
  return table.concat(list, " "):sub(1, 256)
end

-- The lines of a key in the result, or nil for none.
local function choose_lines(this, path, key, known, o, c, n)
  if same_lines(c, n) then return c end
  local function say(severity, chosen, rule)
    this:report { { severity = severity, file = path, key = key, chosen = chosen, rule = rule, o = shown(key, o), c = shown(key, c),
      n = shown(key, n) } }
  end
  if known and same_lines(c, o) then
    say("note", n and "N" or "none", "not changed by the site")
    return n
  end
  if not known and not c then
    say("note", "N", "new setting")
    return n
  end
  if known and same_lines(n, o) or not n then
    say("note", c and "C" or "none", "set by the site")
  else
    say("conflict", c and "C" or "none", "both changed it: the site's value stays")
  end
  return c
end

-- The new level's text with the chosen lines where it speaks of their keys.
local function fill(template, chosen, active, comments)
  local out, place = {}, {}
  local list = lines.split(template)
  for i, line in ipairs(list) do
    local key = line:match("^%s*#+%s*([%w_]+):") or (not line:match("^%s*#") and line:match("^%s*([^:%s]+)%s*:")) or nil
    local commented = line:match("^%s*#") ~= nil
    if key and not (commented and active[key]) and not place[key] then place[key] = i end
  end
  for i, line in ipairs(list) do
    local commented = line:match("^%s*#") ~= nil
    local key = not commented and line:match("^%s*([^:%s]+)%s*:") or line:match("^%s*#+%s*([%w_]+):")
    if commented or not key then out[#out + 1] = line end
    if key and place[key] == i then
      if not commented and not chosen[key] then out[#out + 1] = "#" .. line end
      for _, own in ipairs(chosen[key] and comments[key] or {}) do out[#out + 1] = own end
      for _, own in ipairs(chosen[key] or {}) do out[#out + 1] = own end
    end
  end
  return out, place
end

function ldap.methods.ldapcfg_mig(entry, this)
  local path = entry.files[1]
  local input = this:input(path)
  local status = core.whole(path, input)
  if status == "absent" then return "new" end
  local c, order, comments = settings(input.c, path)
  if not status and not c.ldapservers then
    this:note("note", path, "ldapservers", "N", "no LDAP client was configured")
    status = "new"
  end
  if status then
    this:write(path, status == "kept" and input.c or input.n)
    return status
  end
  local n, n_order = settings(input.n, path)
  local o = input.o and settings(input.o, path) or {}
  local chosen, keys, seen = {}, {}, {}
  for _, list in ipairs { n_order, order } do
    for _, key in ipairs(list) do
      if not seen[key] then
        seen[key], keys[#keys + 1] = true, key
        chosen[key] = choose_lines(this, path, key, input.o ~= nil, o[key], c[key], n[key])
      end
    end
  end
  comments = own_comments(comments, input)
  local text, place = fill(input.n, chosen, n, comments)
  local marked = false
  for _, key in ipairs(keys) do
    if chosen[key] and not place[key] then
      if not marked then text[#text + 1] = marker end
      marked = true
      for _, line in ipairs(comments[key] or {}) do text[#text + 1] = line end
      for _, line in ipairs(chosen[key]) do text[#text + 1] = line end
    end
  end
  for _, key in ipairs(keys) do
    local map = key:match("mappath$") and chosen[key] and chosen[key][1]:match(":%s*(%S+)")
    if map and not this:exists(map) then this:note("warning", path, key, "C", map .. " does not exist") end
  end
  this:write(path, lines.join(text))
  return "merged"
end

---------------------------------------------------------------- attribute maps

-- Whether one attribute of AIX is mapped to several of LDAP somewhere.
local function has_pairs(path, input)
  for _, name in ipairs { "o", "c", "n" } do
    local text = input[name]
    local pairs_of = text and core.parse(text, path, "ldapmap pairs")
    local singles = text and core.parse(text, path, "ldapmap")
    if pairs_of and singles and #pairs_of ~= #singles then return true end
  end
  return false
end

-- A unit gives numbers their meaning: it does not change under the same LDAP attribute. Returns N with
-- the site's units.
local function keep_units(this, path, grammar, input)
  local c, list = records.by_key(records.readable(input.c, path, grammar)), lines.split(input.n)
  local changed = false
  for _, record in ipairs(records.readable(input.n, path, grammar)) do
    local ours, new = c[record.key], record.attributes
    if ours and ours.unit and new.unit and ours.ldap_attribute == new.ldap_attribute and ours.unit ~= new.unit then
      local head, tail = list[record.line]:match("^(%s*%S+%s+%S+%s+%S+%s+%S+%s+)%S+(.*)$")
      list[record.line] = head .. ours.unit .. tail
      this:note("warning", path, record.key, "C", ("the unit stays %s, not %s: the LDAP attribute is the same"):format(ours.unit,
        new.unit), "unit")
      changed = true
    end
  end
  return changed and lines.join(list) or input.n
end

function ldap.methods.ldapmap_mig(entry, this)
  return this:each_file(entry.files, function(path)
    local input = this:input(path)
    local grammar = has_pairs(path, input) and "ldapmap pairs" or "ldapmap"
    if not core.whole(path, input) then input.n = keep_units(this, path, grammar, input) end
    return this:merge_file({ file = path, grammar = grammar }, input)
  end)
end

return ldap
