-- SPDX-License-Identifier: MIT
-- The stock flow with merge methods of a site: /etc/sudoers by a function, a file of fields between
-- colons by its grammar.
--   altmig migrate --script merge-sudoers.lua -c lpar7 -l lpp72TL5 -s spot72TL5 -d hdisk1 -Y
--
-- A method gets O (what the old level shipped, nil when not known), C (the site's file) and N (what the
-- new level ships, nil when it ships none). Its files are saved for it, also those the BOS image does not
-- carry. What it cannot merge, or makes in a way its check refuses, never becomes active.

local merge = require "altmig.merge"
local resource = require "altmig.resource"

-- --- /etc/operators: name:role:shift:hosts ------------------------------------------------------------

merge.define {
  name = "operators_mig", files = { "/etc/acme/operators" }, grammar = "colon", columns = { "name", "role", "shift", "hosts" },
  classes = { hosts = "list", role = "system" },
}

-- --- /etc/sudoers -------------------------------------------------------------------------------------

-- Words of one blank, so that layout is no change.
local function normal(text) return (text:gsub("\\\n", " "):gsub("%s+", " "):gsub("^ ", ""):gsub(" $", "")) end

-- Quotes and parentheses must close; a backslash keeps the next character.
local function is_balanced(text)
  local plain = text:gsub("\\.", ""):gsub('"[^"]*"', "")
  return not plain:find('"', 1, true) and select(2, plain:gsub("%(", "")) == select(2, plain:gsub("%)", ""))
end

-- What makes a Defaults line the same one: its scope and the names it sets. Those that add to a list or
-- take from it may come any number of times: each is itself.
local function defaults_key(scope, settings)
  if settings:find("[+-]=") then return "Defaults" .. scope .. " " .. settings end
  local names = {}
  for setting in (settings:gsub('"[^"]*"', '""') .. ","):gmatch("%s*([^,]*),") do
    names[#names + 1] = setting:gsub("^!+", ""):match("^[%w_]+")
  end
  return #names > 0 and "Defaults" .. scope .. " " .. table.concat(names, ",") or nil
end

local aliases = { User_Alias = true, Runas_Alias = true, Host_Alias = true, Cmnd_Alias = true, Cmd_Alias = true }

-- The kind of a logical line and its key; nil when it is none that sudo knows.
local function classify(line)
  local path = line:match("^[#@]includedir%s+(%S.*)$") or line:match("^[#@]include%s+(%S.*)$")
  if path then return "include", "include " .. path end
  local scope, settings = line:match("^Defaults([@:!>]?%S*)%s+(%S.*)$")
  if scope then
    local key = (scope == "" or scope:find("^[@:!>]")) and defaults_key(scope, settings)
    return key and "defaults", key
  end
  local kind, names = line:match("^(%u%l+_Alias)%s+(%S.*)$")
  if kind then
    local name = names:match("^([%u][%u%d_]*)%s*=%s*%S")
    return aliases[kind] and name and "alias", kind .. " " .. tostring(name)
  end
  local who = line:match("^(.-%S)%s*=%s*%S")
  if who and who:find("%S%s+%S") then return "rule", "rule " .. normal(who) end
  return nil
end

-- Whether a line is a comment: "#include" and "#1001", a user id, are none.
local function is_comment(line)
  return line:match("^%s*#") ~= nil and not line:match("^#include%s") and not line:match("^#includedir%s") and not line:match("^#%d")
end

-- The entries of a sudoers file: each a logical line with the comments before it, kind and key; and what
-- stands behind the last one. nil and why, when a line makes no sense.
local function parse(text)
  local entries, lead, open, number, first = {}, {}, nil, 0, nil
  for line in (text:gsub("\r\n", "\n"):gsub("\n*$", "") .. "\n"):gmatch("([^\n]*)\n") do
    number = number + 1
    if open then
      open = open .. "\n" .. line
    elseif line:match("^%s*$") or is_comment(line) then
      lead[#lead + 1] = line .. "\n"
    else
      open, first = line, number
    end
    if open and not line:match("\\$") then
      local value = normal(open)
      local kind, key = classify(value)
      if not kind then return nil, ("line %d is no alias, default, rule or include"):format(first) end
      if not is_balanced(value) then return nil, ("line %d: a quote or parenthesis does not close"):format(first) end
      entries[#entries + 1] = { kind = kind, key = key, value = value, text = table.concat(lead) .. open .. "\n", line = first }
      lead, open = {}, nil
    end
  end
  if open then return nil, ("line %d goes on behind the end of the file"):format(first) end
  return entries, table.concat(lead)
end

-- The values of all entries by key: rules of one user on one host belong together.
local function groups(entries)
  local map = {}
  for _, entry in ipairs(entries or {}) do
    map[entry.key] = (map[entry.key] and map[entry.key] .. "\n" or "") .. entry.value
  end
  return map
end

-- Whose entries of a key count: "C", "N" or "none", and why.
local function choose(o, c, n)
  if not n then
    if o and c == o then return "none", "note", "no longer shipped and not changed by the site: dropped" end
    return "C"
  end
  if c == n or (o and n == o) then return "C" end
  if o and c == o then return "N", "note", "not changed by the site" end
  return "C", "conflict", "both changed it: the site's value stays"
end

local function merge_sudoers(o_text, c_text, n_text, report)
  if not c_text or not n_text then return c_text end
  if c_text == o_text then return n_text end
  local c, tail = parse(c_text)
  if not c then return nil, tail end
  local n, problem = parse(n_text)
  if not n then
    report { severity = "error", chosen = "C", rule = "the new level's file: " .. problem }
    return c_text
  end
  local o = o_text and parse(o_text) or nil
  local os, cs, ns = groups(o), groups(c), groups(n)
  local out, taken, place = {}, {}, nil
  local function take_new(key)
    for _, entry in ipairs(n) do
      if entry.key == key then out[#out + 1] = entry.text end
    end
  end
  for _, entry in ipairs(c) do
    local key = entry.key
    if entry.kind == "rule" then place = place or #out + 1 end
    local chosen, severity, rule = choose(os[key], cs[key], ns[key])
    if not taken[key] then
      taken[key] = true
      if rule then report { severity = severity, key = key, o = os[key], c = cs[key], n = ns[key], chosen = chosen, rule = rule } end
      if chosen == "N" then take_new(key) end
    end
    if chosen == "C" then out[#out + 1] = entry.text end
  end
  -- The last rule that matches counts: what is new comes before the site's rules.
  local added = {}
  for _, entry in ipairs(n) do
    if not cs[entry.key] then
      local stays_out = os[entry.key] ~= nil
      if not stays_out then added[#added + 1] = entry.text end
      if not taken[entry.key] then
        taken[entry.key] = true
        report { severity = stays_out and os[entry.key] ~= ns[entry.key] and "warning" or "note", key = entry.key, n = ns[entry.key],
          chosen = stays_out and "none" or "N", rule = stays_out and "removed by the site: stays removed" or "new entry" }
      end
    end
  end
  table.insert(out, place or #out + 1, table.concat(added))
  return table.concat(out) .. tail
end

-- Items of a rule that are alone in their place: users, hosts, users to run as, commands.
local function items(rule)
  local who, what = rule:match("^(.-)%s*=%s*(.*)$")
  local list = {}
  local function add(text, pattern)
    for item in text:gmatch(pattern) do list[#list + 1] = item:gsub("^[%s!]+", ""):gsub("%s+$", "") end
  end
  add(who, "[^%s,]+")
  for inner in what:gmatch("%(([^)]*)%)") do add(inner, "[^,:]+") end
  add(what:gsub("%([^)]*%)", ""):gsub("%f[%u]%u+:%f[^:]", ""), "[^,]+")
  return list
end

-- No visudo, but what would lock everybody out: lines that make no sense, and aliases that are defined
-- twice or not at all. An included file may define some.
local function check_sudoers(text)
  local entries, problem = parse(text)
  if not entries then return nil, problem end
  local defined, twice, includes = {}, {}, false
  for _, entry in ipairs(entries) do
    includes = includes or entry.kind == "include"
    if entry.kind == "alias" then
      for name in (" : " .. entry.value:gsub("^%S+ ", "")):gmatch(" : ?(%u[%u%d_]*) ?=") do
        local same = entry.value:match("^%S+ ") .. name
        if twice[same] then return nil, ("line %d: the alias %s is defined twice"):format(entry.line, name) end
        defined[name], twice[same] = true, true
      end
    end
  end
  for _, entry in ipairs(entries) do
    for _, word in ipairs(entry.kind == "rule" and not includes and items(entry.value) or {}) do
      if word:match("^%u[%u%d_]+$") and word ~= "ALL" and not defined[word] then
        return nil, ("line %d: there is no alias %s"):format(entry.line, word)
      end
    end
  end
  return true
end

merge.define { name = "sudoers_mig", files = { "/etc/sudoers" }, run = merge_sudoers, check = check_sudoers }

return load((resource.read("scripts/migrate.lua")), "@$/scripts/migrate.lua", "t")()
