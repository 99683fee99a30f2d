-- SPDX-License-Identifier: MIT
-- merge_smit_db: SMIT's menus and dialogs. A menu item or a name header is one object; a dialog is its
-- header with all its options and comes from one side as a whole, since their order and numbers belong
-- together.

local class = require "altmig.merge.class"

local smit = { methods = {} }

local decision, same_row, same_bytes = class.decision, class.same_row, class.same_bytes
local dir = "/usr/lib/objrepos/"

local function fields_key(...)
  local names = { ... }
  return function(row)
    local parts = {}
    for i, name in ipairs(names) do parts[i] = tostring(row[name] or "") end
    return table.concat(parts, "\0")
  end
end

local option_key = fields_key("id", "id_seq_num")

-- The objects of a side that make up each dialog: headers by the options they use, and those options.
local function dialogs(headers, options)
  local map, order = {}, {}
  local function dialog(id)
    if not map[id] then
      map[id] = { headers = {}, options = {}, by_key = {} }
      order[#order + 1] = id
    end
    return map[id]
  end
  for i, row in ipairs(headers and headers.rows or {}) do
    -- A header without options is a dialog of its own.
    local d = dialog(row.option_id ~= "" and "o\0" .. row.option_id or "h\0" .. row.id)
    d.headers[#d.headers + 1] = { row = row, slot = headers.slots[i] }
    d.by_key["h\0" .. row.id] = row
  end
  for i, row in ipairs(options and options.rows or {}) do
    local d = dialog("o\0" .. row.id)
    d.options[#d.options + 1] = { row = row, slot = options.slots[i] }
    d.by_key["o\0" .. option_key(row)] = row
  end
  return map, order
end

local function same_dialog(a, b)
  if #a.headers ~= #b.headers or #a.options ~= #b.options then return false end
  for key, row in pairs(a.by_key) do
    if not b.by_key[key] or not same_row(row, b.by_key[key]) then return false end
  end
  return true
end

-- Which side a dialog of both levels comes from.
local function choose(path, key, o, c, n, report)
  if same_dialog(c, n) then return "N" end
  if o and same_dialog(o, c) then
    report(decision(path, "note", key, "N", "not changed by the site"))
    return "N"
  end
  if o and same_dialog(o, n) then
    report(decision(path, "note", key, "C", "changed by the site"))
    return "C"
  end
  report(decision(path, "conflict", key, "N", "dialogs are not mixed: the new level's"))
  return "N"
end

local function merge_dialogs(headers, options, report)
  local path = headers.path
  local known = headers.o and options.o
  local o = known and dialogs(headers.o, options.o) or {}
  local c, c_order = dialogs(headers.c, options.c)
  local n, n_order = dialogs(headers.n, options.n)
  local result = { headers = {}, options = {}, gone_headers = {}, gone_options = {} }
  -- Where the vendor changed nothing the result is what the site has.
  result.is_ours = same_bytes(headers.o, headers.n) and same_bytes(options.o, options.n)
  local ids = {}
  local function put(what, list, from)
    for _, object in ipairs(list) do
      local key = what == "headers" and object.row.id or option_key(object.row)
      if what == "headers" and from == "C" and ids[key] then
        report(decision(path, "conflict", key, "N", "there is a dialog of this name in the new level"))
        result.is_ours = false
      else
        if what == "headers" then ids[key] = true end
        table.insert(result[what], { key = key, row = object.row, slot = from == "N" and object.slot or nil, from = from })
      end
    end
  end
  local function gone(d)
    for _, object in ipairs(d.headers) do table.insert(result.gone_headers, object.slot) end
    for _, object in ipairs(d.options) do table.insert(result.gone_options, object.slot) end
  end
  local ours = {}
  for _, id in ipairs(n_order) do
    local key = id:sub(3)
    if not c[id] and o[id] then
      report(decision(path, same_dialog(o[id], n[id]) and "note" or "warning", key, "none", "removed by the site: stays removed"))
      gone(n[id])
    elseif c[id] and choose(path, key, o[id], c[id], n[id], report) == "C" then
      gone(n[id])
      ours[#ours + 1] = c[id]
    else
      if not c[id] then
        report(decision(path, "note", key, "N", known and "new dialog" or "not in the old class: a removal cannot be told"))
      end
      put("headers", n[id].headers, "N")
      put("options", n[id].options, "N")
    end
  end
  for _, id in ipairs(c_order) do
    if not n[id] then
      if o[id] and same_dialog(o[id], c[id]) then
        report(decision(path, "note", id:sub(3), "none", "no longer shipped and not changed by the site: dropped"))
      else
        report(decision(path, o[id] and "warning" or "note", id:sub(3), "C", o[id] and "no longer shipped, changed by the site: kept"
          or known and "added by the site" or "only in the old class: kept"))
        ours[#ours + 1] = c[id]
      end
    end
  end
  for _, d in ipairs(ours) do
    put("headers", d.headers, "C")
    put("options", d.options, "C")
  end
  return result
end

-- Items that lead nowhere, and titles that are not the only ones of their menu.
local function check(path, menus, targets, report)
  local titles = {}
  for _, entry in ipairs(menus) do
    if entry.row.next_type == "m" then targets["m\0" .. entry.row.id] = true end
    targets["any\0" .. entry.row.id] = true
  end
  for _, entry in ipairs(menus) do
    local row = entry.row
    local there = targets["any\0" .. row.next_id]
    if entry.from ~= "N" and row.next_id ~= "" and row.next_id:sub(1, 1) ~= "_" and not there then
      report(decision(path, "warning", entry.key, entry.from, "leads to " .. row.next_id .. ", which does not exist"))
    end
    if row.alias ~= "y" and row.next_id ~= "" then
      local key = row.next_id
      if titles[key] and (entry.from ~= "N" or titles[key] ~= "N") then
        report(decision(path, "warning", entry.key, entry.from, "another item leads to " .. key .. ": its fast path is not unique"))
      end
      titles[key] = entry.from
    end
  end
end

function smit.methods.merge_smit_db(_, this)
  local inputs, images = {}, {}
  for _, name in ipairs { "sm_menu_opt", "sm_name_hdr", "sm_cmd_hdr", "sm_cmd_opt" } do
    inputs[name] = class.read(this, dir .. name)
  end
  local list, report = class.collector()
  local merged, targets, kept = false, {}, nil
  local function done(name, entries, erased)
    local data, strings, changed = class.build(inputs[name].path, inputs[name].n, entries, erased, report)
    images[name], merged = { data, strings }, merged or changed
  end
  -- Objects that stand for themselves. inspect sees the entries of the result.
  local function merge_whole(name, key, inspect)
    local input, entries = inputs[name], {}
    local plan <close> = class.merge_objects(input, { default = "system", whole = true, key = { key } }, report)
    for i, text, from in class.entries_of(plan) do entries[#entries + 1] = { key = text, row = plan:row(i), from = from } end
    inspect(entries)
    local data, strings, changed = class.build_plan(input, plan, report)
    images[name], merged = { data, strings }, merged or changed
  end
  local function whole_side(name)
    local input = inputs[name]
    if input.c and input.n then return false end
    local part = input.n or input.c
    if part then images[name] = { part.data, part.strings } end
    if input.c then kept = true end
    return true
  end
  local function note_targets(entries)
    for _, entry in ipairs(entries) do targets["any\0" .. entry.row.id] = true end
  end
  local headers, options = inputs.sm_cmd_hdr, inputs.sm_cmd_opt
  if headers.c and headers.n and options.c and options.n then
    local result = merge_dialogs(headers, options, report)
    if result.is_ours then
      for _, name in ipairs { "sm_cmd_hdr", "sm_cmd_opt" } do images[name] = { inputs[name].c.data, inputs[name].c.strings } end
      merged = merged or not (same_bytes(headers.c, headers.n) and same_bytes(options.c, options.n))
    else
      done("sm_cmd_hdr", result.headers, result.gone_headers)
      done("sm_cmd_opt", result.options, result.gone_options)
    end
    note_targets(result.headers)
  else
    whole_side("sm_cmd_hdr")
    whole_side("sm_cmd_opt")
    for _, name in ipairs { "sm_cmd_hdr", "sm_cmd_opt" } do
      if inputs[name].n then images[name] = { inputs[name].n.data, inputs[name].n.strings } end
    end
  end
  if not whole_side("sm_name_hdr") then
    merge_whole("sm_name_hdr", { "id" }, note_targets)
  end
  if not whole_side("sm_menu_opt") then
    merge_whole("sm_menu_opt", { "id", "next_id", "next_type", "alias" }, function(entries)
      check(inputs.sm_menu_opt.path, entries, targets, report)
    end)
  end
  this:report(list)
  if next(images) then class.write_all(this, dir:sub(1, -2), images) end
  return merged and "merged" or kept and "kept" or "new"
end

return smit
