-- SPDX-License-Identifier: MIT
-- The merge of files whose lines are records that can be switched off: /etc/inittab, scripts that start daemons,
-- /etc/inetd.conf, /etc/environment. The new level's text is the frame: its commands fit its programs, its order is
-- the one they need. Into it come the site's records at the place they had, its values, its comments, and above all
-- what it had switched off: that stays off.
--
-- The record merge of merge_core is not for these: it knows a line that is commented out only as one that is gone.

local core = require "altmig.merge_core"
local lines = require "altmig.lines"

local keyed = {}

---@class altmig.keyed.Item      one line, or several that a backslash joins
---@field text string            # as it stands
---@field key string?            # nil: no record
---@field body string?           # of a record: what it says when it is on
---@field off boolean?           # switched off
---@field comment boolean?       # of no record: says nothing to the system

---@class altmig.keyed.Grammar
---@field record fun(content: string): string?          # the key of what may be a record, without the mark
---@field mark string                                   # begins a line that is switched off
---@field off (fun(text: string): string?)?             # what a line that is switched off says; default: behind the marks
---@field is_comment (fun(text: string): boolean)?      # default: begins with the mark
---@field switch_off (fun(body: string, nested: boolean): string)?   # default: the mark before it
---@field nested (fun(items: altmig.keyed.Item[]): table<integer, boolean>)?   # which lines are inside of something

---@class altmig.keyed.Rules
---@field file string
---@field grammar altmig.keyed.Grammar
---@field held table<string, boolean>?         # keys whose value is the site's also where it never changed it
---@field mandatory table<string, boolean>?    # keys that return when the site removed them
---@field was_there (fun(key: string): boolean)?   # O unknown: whether the old level had it, so that the site removed it
---@field exists (fun(body: string): boolean?)?    # whether the program of a record is there; nil: it names none
---@field same (fun(a: string, b: string): boolean)?   # whether two bodies say the same
---@field combine (fun(key: string, o: string, c: string, n: string): string?)?   # of a value that both changed

local function default_off(mark)
  return function(text)
    local rest = text:match("^%" .. mark .. "+(.*)$")
    return rest
  end
end

---@param grammar altmig.keyed.Grammar
---@param text string
---@return altmig.keyed.Item[] items, table<string, altmig.keyed.Item> by_key
local function parse(grammar, text)
  local items, by_key, seen = {}, {}, {}
  local off_of = grammar.off or default_off(grammar.mark)
  local list, i = lines.split(text), 1
  while i <= #list do
    local line = list[i]
    while line:sub(-1) == "\\" and list[i + 1] do
      i = i + 1
      line = line .. "\n" .. list[i]
    end
    i = i + 1
    local item = { text = line }
    local rest = off_of(line)
    local key = not rest and grammar.record(line) or nil
    if key then
      item.body = line
    else
      key = rest and grammar.record(rest) or nil
      item.body, item.off = rest, key ~= nil or nil
    end
    if key then
      -- One that is given again is another one.
      seen[key] = (seen[key] or 0) + 1
      item.key = seen[key] == 1 and key or ("%s (%d)"):format(key, seen[key])
      by_key[item.key] = item
    elseif line:match("^%s*$") then
      item.comment = true
    elseif grammar.is_comment then
      item.comment = grammar.is_comment(line)
    else
      item.comment = rest ~= nil
    end
    items[#items + 1] = item
  end
  return items, by_key
end

-- The lines of texts, to tell the site's own comments.
local function lines_of(...)
  local set = {}
  for _, items in ipairs { ... } do
    for _, item in ipairs(items) do set[item.text] = true end
  end
  return set
end

-- The site's own comments right above each record that stays, and at the end: by the key, "" for the end.
local function own_comments(items, shipped, stays)
  local map, above = {}, {}
  for _, item in ipairs(items) do
    if item.key and stays(item.key) then
      if #above > 0 then map[item.key] = above end
      above = {}
    elseif not item.key and item.comment and item.text:match("%S") and not shipped[item.text] then
      above[#above + 1] = item.text
    elseif not item.key and not item.comment then
      above = {}
    end
  end
  if #above > 0 then map[""] = above end
  return map
end

local function say(this, rules, severity, key, chosen, rule, o, c, n)
  local function shown(item) return item and (item.off and "off: " or "") .. item.body:sub(1, 256) or nil end
  this:report { { severity = severity, file = rules.file, key = key, chosen = chosen, rule = rule, o = shown(o), c = shown(c),
    n = shown(n) } }
end

local function same_body(rules, a, b) return a.body == b.body or (rules.same ~= nil and rules.same(a.body, b.body)) end

-- The body of a record that both have.
local function choose_body(this, rules, key, known, o, c, n)
  if same_body(rules, c, n) then return n.body end
  if rules.held and rules.held[key] then return c.body end
  if o and same_body(rules, c, o) then
    say(this, rules, "note", key, "N", "not changed by the site", o, c, n)
    return n.body
  end
  if rules.exists and rules.exists(c.body) == false and rules.exists(n.body) then
    say(this, rules, "conflict", key, "N", "the program of yours does not exist in the new level", o, c, n)
    return n.body
  end
  if o and same_body(rules, n, o) then
    say(this, rules, "note", key, "C", "not changed by the new level", o, c, n)
    return c.body
  end
  local both = o and rules.combine and rules.combine(key, o.body, c.body, n.body)
  if both and both ~= c.body then
    say(this, rules, "note", key, "merged", "yours, with what the new level adds", o, c, n)
    return both
  end
  if known then
    say(this, rules, "conflict", key, "C", "both changed it: the site's stays", o, c, n)
  else
    say(this, rules, "note", key, "C", "levels differ, old default not known: the site's stays", o, c, n)
  end
  return c.body
end

-- Whether a record that both have is off. What was off stays so, whoever had it so: nothing comes on by a migration.
local function choose_state(this, rules, key, o, c, n)
  local off = c.off or false
  if off == (n.off or false) then return off end
  if off then
    say(this, rules, "note", key, "C", "off before: stays off", o, c, n)
    return true
  end
  if o and not o.off then
    say(this, rules, "warning", key, "N", "on as it was shipped; the new level has it off: switch it on if it is needed", o, c, n)
    return true
  end
  say(this, rules, "note", key, "C", "switched on by the site: stays on", o, c, n)
  return false
end

-- A record that only the new level has: the body, and whether it is off.
local function take_new(this, rules, key, known, o, n)
  local removed = known and o or not known and rules.was_there and rules.was_there(key)
  if not removed then
    say(this, rules, "note", key, "N", known and "new record"
      or "not in the old file: a removal cannot be told", nil, nil, n)
    return n.off or false
  end
  if rules.mandatory and rules.mandatory[key] then
    say(this, rules, "warning", key, "N", "removed by the site, but the system needs it", o, nil, n)
    return n.off or false
  end
  if not n.off then say(this, rules, "note", key, "C", "removed by the site: comes switched off", o, nil, n) end
  return true
end

-- Whether a record that only the site has stays.
local function keep_own(this, rules, key, o, c)
  if not o then
    say(this, rules, "note", key, "C", "only in the old file: kept", nil, c, nil)
    return true
  end
  if same_body(rules, c, o) and (c.off or false) == (o.off or false) then
    say(this, rules, "note", key, "N", "no longer shipped and not changed by the site: dropped", o, c, nil)
    return false
  end
  if c.off then
    say(this, rules, "note", key, "N", "no longer shipped, and switched off by the site: dropped", o, c, nil)
    return false
  end
  say(this, rules, "warning", key, "C", "no longer shipped: kept", o, c, nil)
  return true
end

-- What no rule is for: lines of the site's that are neither record nor comment.
local function tell_others(this, rules, items, shipped, known)
  local first, count
  for _, item in ipairs(items) do
    if not item.key and not item.comment and not shipped[item.text] then
      first, count = first or item.text, (count or 0) + 1
    end
  end
  if not count then return end
  this:report { { severity = known and "todo" or "warning", file = rules.file, chosen = "N", c = first:sub(1, 256),
    rule = ("%d line%s of yours %s not in the new file%s: look at /lpp/save.config%s"):format(count, count == 1 and "" or "s",
      count == 1 and "is" or "are", known and "" or " (or of the old level, whose default is not known)", rules.file) } }
end

-- Where the site's own records go: behind the record they stood behind, or before the first.
local function places(c_items, kept, in_frame)
  local behind, last = {}, ""
  for _, item in ipairs(c_items) do
    if item.key and kept[item.key] then
      behind[last] = behind[last] or {}
      table.insert(behind[last], item)
    elseif item.key and in_frame[item.key] then
      last = item.key
    end
  end
  return behind
end

--- Merges one file; the result is not written.
---@param this altmig.merge.Task
---@param rules altmig.keyed.Rules
---@param input altmig.merge.Input
---@return string? text
---@return "merged"|"kept"|"new" status
function keyed.merge(this, rules, input)
  local path, grammar = rules.file, rules.grammar
  local status = core.whole(path, input)
  if status == "absent" then return nil, "new" end
  if status == "kept" then return input.c, "kept" end
  if status == "new" and not input.c then return input.n, "new" end
  local known = input.o ~= nil
  local o_items, o = parse(grammar, input.o or "")
  local c_items, c = parse(grammar, input.c)
  local n_items, n = parse(grammar, input.n)
  local shipped = lines_of(o_items, n_items)
  local nested = grammar.nested and grammar.nested(n_items) or {}
  local switch_off = grammar.switch_off or function(body) return grammar.mark .. body end
  local kept, in_frame = {}, {}
  for _, item in ipairs(c_items) do
    if item.key and n[item.key] then
      in_frame[item.key] = true
    elseif item.key and not item.off then
      kept[item.key] = keep_own(this, rules, item.key, o[item.key], item)
    elseif item.key and not o[item.key] then
      kept[item.key] = true -- a note of the site's
    end
  end
  local comments = own_comments(c_items, shipped, function(key) return kept[key] or in_frame[key] end)
  local behind, out = places(c_items, kept, in_frame), {}
  local function put_comments(key)
    for _, text in ipairs(comments[key] or {}) do out[#out + 1] = text end
  end
  local function put_own(after)
    for _, item in ipairs(behind[after] or {}) do
      put_comments(item.key)
      out[#out + 1] = item.text
    end
    behind[after] = nil
  end
  local started = false
  for i, item in ipairs(n_items) do
    local key = item.key
    if not key then
      out[#out + 1] = item.text
    else
      if not started then put_own "" end
      started = true
      put_comments(key)
      local mine, body, off = c[key], item.body
      if mine then
        body, off = choose_body(this, rules, key, known, o[key], mine, item), choose_state(this, rules, key, o[key], mine, item)
      else
        off = take_new(this, rules, key, known, o[key], item)
      end
      if body == item.body and off == (item.off or false) then
        out[#out + 1] = item.text
      else
        out[#out + 1] = off and switch_off(body, nested[i] or false) or body
      end
      put_own(key)
    end
  end
  put_own ""
  put_comments ""
  tell_others(this, rules, c_items, shipped, known)
  local text = lines.join(out)
  return text, text == input.n and "new" or text == input.c and "kept" or "merged"
end

return keyed
