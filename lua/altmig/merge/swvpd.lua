-- SPDX-License-Identifier: MIT
-- merge_swvpds: the software database of the copy knows the new level's filesets, which the BOS image
-- brought, and those of the site that it does not have, with ids that mean the same in all classes.
--
-- In each repository lpp_id joins lpp, inventory and history. The new level's ids stand; a fileset of
-- the site gets a fresh one. What was installed here before is history and stays, under the id that the
-- fileset now has.

local class = require "altmig.merge.class"
local swvpd = require "altmig.swvpd"
local task = require "altmig.merge.task"

local family = { methods = {} }


local CONTROL = swvpd.CONTROL -- its lpp_id is the next one to give out
local ID_MAX = 32767
-- How lslpp comes to print OBSOLETE is not public: such filesets keep their state and are reported.
local APPLIED, COMMITTED = swvpd.states.applied, swvpd.states.committed
local DIRECTORY = swvpd.file_types.dir
local HAS_ROOT = swvpd.HAS_ROOT

local classes, directories, level_of = swvpd.classes, {}, swvpd.level_of
for i, part in ipairs(swvpd.parts) do directories[i] = swvpd.directories[part] end

local decision, patched = class.decision, class.patched

local function by_name(rows)
  local map = {}
  for _, row in ipairs(rows) do
    if row.name ~= CONTROL then map[row.name] = row end
  end
  return map
end

-- The four classes of one repository.
local function read(this, dir)
  local repository = { dir = dir }
  for _, name in ipairs(classes) do
    local input = class.read(this, dir .. "/" .. name)
    if input.c and not input.n then
      -- The new level has no such class: its layout is the old one, without an object.
      input.n = { image = input.c.image, fields = input.c.fields, rows = {}, slots = {}, erase = input.c.slots }
    end
    repository[name] = input
  end
  return repository
end

-- Numbers for filesets that come in: above all there are, else the free ones.
local function id_source(rows)
  local used, highest, free = {}, 0, 1
  for _, row in ipairs(rows) do
    local id = row.name == CONTROL and row.lpp_id - 1 or row.lpp_id
    if row.name ~= CONTROL then used[id] = true end
    if id > highest then highest = id end
  end
  local function take()
    if highest < ID_MAX then
      highest = highest + 1
      return highest
    end
    while used[free] do free = free + 1 end
    if free > ID_MAX then return nil end
    used[free] = true
    return free
  end
  return take, function() return math.min(highest + 1, ID_MAX) end
end

local function key_of(name, row)
  if name == "lpp" then return row.name end
  if name == "product" then return row.lpp_name end
  return tostring(row.lpp_id) .. (row.loc0 and "\0" .. row.loc0 or "")
end

-- The result of a class: what N has, then what is added; N's objects in `again` come once more, behind.
local function new_result(input)
  return { entries = {}, erased = input.n.erase and table.move(input.n.erase, 1, #input.n.erase, 1, {}) or {} }
end

local function keep_theirs(name, input, result, skip)
  for i, row in ipairs(input.n.rows) do
    if not (skip and skip(row)) then
      result.entries[#result.entries + 1] = { key = key_of(name, row), row = row, slot = input.n.slots[i], from = "N" }
    end
  end
end

local function add(name, result, row)
  result.entries[#result.entries + 1] = { key = key_of(name, row), row = row, from = "C" }
end

local function tell_state(path, row, report)
  if row.state ~= APPLIED and row.state ~= COMMITTED then
    report(decision(path, "warning", row.name, "C", ("was in state %d before the migration"):format(row.state)))
  end
end

-- Filesets: which of the site's come in, and the id that each of the site's has now.
local function merge_lpp(r, report)
  local input, result = r.lpp, new_result(r.lpp)
  local path = input.path
  local shipped = by_name(input.n.rows)
  local take, next_free = id_source(input.n.rows)
  local ids, carried, names = {}, {}, {}
  keep_theirs("lpp", input, result)
  for _, row in ipairs(input.c.rows) do
    local name = row.name
    if name == CONTROL or names[name] then
      if names[name] then report(decision(path, "warning", name, "none", "recorded twice: the first counts")) end
    elseif shipped[name] then
      ids[row.lpp_id] = shipped[name].lpp_id
      report(decision(path, "note", name, "N", "fileset of the new level", { "level", nil, level_of(row), level_of(shipped[name]) }))
    else
      local id = take()
      tell_state(path, row, report)
      if id then
        ids[row.lpp_id], carried[row.lpp_id], names[name] = id, name, true
        add("lpp", result, patched(row, { lpp_id = id }))
        report(decision(path, "note", name, "C", "fileset of this system", { "lpp_id", nil, row.lpp_id, id }))
      else
        report(decision(path, "error", name, "none", "no number is left for it"))
      end
    end
  end
  for i, entry in ipairs(result.entries) do
    if entry.row.name == CONTROL and entry.slot and entry.row.lpp_id ~= next_free() then
      result.entries[i].changes = { lpp_id = next_free() }
    end
  end
  if input.n.erase then -- no control object of the new level: the site's, with the number that is next now
    for _, row in ipairs(input.c.rows) do
      if row.name == CONTROL then add("lpp", result, patched(row, { lpp_id = next_free() })) end
    end
  end
  return result, ids, carried, names
end

-- A fileset that comes in brings its product objects, updates too. One of the new level has its own.
local function merge_product(r, names)
  local result = new_result(r.product)
  keep_theirs("product", r.product, result)
  for _, row in ipairs(r.product.c and r.product.c.rows or {}) do
    if names[row.lpp_name] then add("product", result, row) end
  end
  return result
end

-- What happened here comes first, then what the new level's image says.
local function merge_history(r, ids, report)
  local input, result, moved = r.history, new_result(r.history), {}
  for _, row in ipairs(input.c and input.c.rows or {}) do
    local id = ids[row.lpp_id]
    if id then
      moved[id] = true
      add("history", result, patched(row, { lpp_id = id }))
    else
      report(decision(input.path, "warning", tostring(row.lpp_id), "none", "history of a number that no fileset has"))
    end
  end
  if #result.entries == 0 then
    keep_theirs("history", input, result)
    return result
  end
  local ours = result.entries
  result.entries = {}
  keep_theirs("history", input, result, function(row) return moved[row.lpp_id] end)
  table.move(ours, 1, #ours, #result.entries + 1, result.entries)
  for i, row in ipairs(input.n.rows) do
    if moved[row.lpp_id] then
      result.erased[#result.erased + 1] = input.n.slots[i]
      add("history", result, row)
    end
  end
  return result
end

-- Files of filesets that come in, but for those that a fileset of the new level owns now.
local function merge_inventory(r, ids, carried, report)
  local input, result = r.inventory, new_result(r.inventory)
  local owned, counts = {}, {}
  keep_theirs("inventory", input, result)
  for _, row in ipairs(input.n.rows) do
    if row.file_type ~= DIRECTORY then owned[row.loc0] = true end
  end
  for _, row in ipairs(input.c and input.c.rows or {}) do
    local name = carried[row.lpp_id]
    if name then
      local count = counts[name] or { kept = 0, lost = 0 }
      counts[name] = count
      if owned[row.loc0] then
        count.lost = count.lost + 1
        report(decision(input.path, "note", name, "N", "file of a fileset of the new level now: " .. row.loc0))
      else
        if row.file_type ~= DIRECTORY then count.kept = count.kept + 1 end
        add("inventory", result, patched(row, { lpp_id = ids[row.lpp_id] }))
      end
    end
  end
  for _, entry in ipairs(input.c and r.lpp.c.rows or {}) do
    local count = counts[entry.name]
    if count and count.lost > 0 and count.kept == 0 then
      report(decision(r.lpp.path, "warning", entry.name, "C", "obsolete: filesets of the new level own all its files"))
    end
  end
  return result
end

-- One repository: all four classes or none.
local function merge_repository(this, dir)
  local r = read(this, dir)
  if not r.lpp.c then
    for _, name in ipairs(classes) do class.leave_new(this, dir .. "/" .. name) end
    return "new"
  end
  for _, name in ipairs(classes) do
    if not r[name].n then task.unreadable(r[name].path .. ": class is missing") end
  end
  local list, report = class.collector()
  local lpp, ids, carried, names = merge_lpp(r, report)
  local results = { lpp = lpp, product = merge_product(r, names), history = merge_history(r, ids, report),
    inventory = merge_inventory(r, ids, carried, report) }
  local images, changed = {}, false
  for _, name in ipairs(classes) do
    local result = results[name]
    local data, strings, differs = class.build(r[name].path, r[name].n, result.entries, result.erased, report)
    images[name] = { data, strings }
    changed = changed or differs
  end
  this:report(list)
  class.write_all(this, dir, images)
  return changed and "merged" or "new", results
end

-- usr and root parts must agree: what lppchk -v asks.
local function check_parts(this, usr, root)
  if not usr or not root then return end
  local other = {}
  for _, entry in ipairs(root.lpp.entries) do other[entry.row.name] = entry.row end
  for _, entry in ipairs(usr.lpp.entries) do
    local row = entry.row
    local part = other[row.name]
    local why
    if row.name ~= CONTROL and part and level_of(part) ~= level_of(row) then
      why = ("usr part is at %s, root part at %s"):format(level_of(row), level_of(part))
    elseif row.name ~= CONTROL and not part and (row.cp_flag or 0) & HAS_ROOT ~= 0 then
      why = "its root part is not recorded"
    end
    if why then this:report { decision("/usr/lib/objrepos/lpp", "warning", row.name, entry.from, why) } end
  end
end

function family.methods.merge_swvpds(_, this)
  local statuses, results, broken = {}, {}, false
  for _, dir in ipairs(directories) do
    local ok, status, result = task.try(merge_repository, this, dir)
    if ok then
      statuses[#statuses + 1], results[dir] = status, result
    else
      for _, name in ipairs(classes) do class.leave_new(this, dir .. "/" .. name) end
      this:broken(dir .. "/lpp", status.message)
      broken = true
    end
  end
  check_parts(this, results["/usr/lib/objrepos"], results["/etc/objrepos"])
  return broken and "unparsable" or task.join(statuses)
end

--- Filesets of the site that the new level does not bring: they are at their old level after the merge.
---@return table<string, string> levels
function family.remaining_filesets(this)
  local levels = {}
  for _, dir in ipairs(directories) do
    local ok, input = task.try(class.read, this, dir .. "/lpp")
    if ok and input.c then
      local shipped = by_name(input.n and input.n.rows or {})
      for name, row in pairs(by_name(input.c.rows)) do
        if not shipped[name] then levels[name] = level_of(row) end
      end
    end
  end
  return levels
end

return family
