-- SPDX-License-Identifier: MIT
-- Removes filesets (installp -u). Their scripts are those that their installation left on the system: pre_d before
-- anything else, then for each part unconfig, the deletion of its files, unpost_i and unpre_i. One that fails leaves the
-- fileset broken.

local instscript = require "lab.instscript"
local modes = require "altmig.mode"
local requisites = require "lab.requisite"
local swvpd = require "lab.swvpd"
local sys = require "altmig.sys"

local instremove = {}

--- Scripts of a control library that are kept for the removal.
instremove.scripts = { "pre_d", "unconfig", "unpost_i", "unpre_i" }

--- Where a package's part keeps them.
---@param part string
---@param package string
---@return string
function instremove.directory(part, package) return (part == "root" and "/lpp/" or "/usr/lpp/") .. package .. "/deinstl" end

--- Keeps the scripts that a control library has for the removal of a fileset.
---@param part string
---@param item { package: string, name: string }
---@param library table<string, string>
function instremove.keep(part, item, library)
  local dir = instremove.directory(part, item.package)
  for _, script in ipairs(instremove.scripts) do
    local text = library[item.name .. "." .. script]
    if text then
      sys.makedirs(dir, modes.DIR)
      assert(sys.write_file(("%s/%s.%s"):format(dir, item.name, script), text, { mode = modes.PROGRAM, atomic = false }))
    end
  end
  return true
end

---@class lab.instremove.Item
---@field name string
---@field level string
---@field package string
---@field description string
---@field has_root boolean

-- The filesets that are installed, with what they need.
local function installed(db)
  local products = {}
  for _, row in ipairs(assert(db:store("usr")):get("product") or {}) do
    if row.update == 0 then products[row.lpp_name] = row end
  end
  return products
end

-- The package whose installation left scripts of a fileset: its name, or a part of it.
local function package_of(name)
  local package = name
  while package do
    for _, part in ipairs { "usr", "root" } do
      for _, script in ipairs(instremove.scripts) do
        if sys.stat(("%s/%s.%s"):format(instremove.directory(part, package), name, script)) then return package end
      end
    end
    package = package:match("^(.*)%.[^.]*$")
  end
  return name
end

--- What can be removed, in the order of the selection, and what cannot.
---@param selection { name: string }[]
---@return lab.instremove.Item[] items
---@return { name: string, level: string, description: string, dependents: string[] }[] failed
---@return string[] absent
function instremove.plan(selection)
  local db = swvpd.open()
  local present, products = assert(db:filesets()), installed(db)
  local items, failed, absent, going = {}, {}, {}, {}
  for _, want in ipairs(selection) do going[want.name] = true end
  local function level(name) return present[name] and present[name].level end
  local function level_then(name) return not going[name] and level(name) or nil end
  local dependents = {}
  for name, row in pairs(products) do
    for _, top in ipairs(not going[name] and requisites.parse(row.prereq or "") or {}) do
      if requisites.holds(top, level) and not requisites.holds(top, level_then) then
        requisites.each({ top }, function(need)
          if going[need.name] then
            dependents[need.name] = dependents[need.name] or {}
            table.insert(dependents[need.name], name)
          end
        end)
      end
    end
  end
  for _, want in ipairs(selection) do
    local row = present[want.name]
    local item = row and { name = want.name, level = row.level, package = package_of(want.name), has_root = row.has_root,
      description = products[want.name] and products[want.name].description or "" }
    if not item then
      absent[#absent + 1] = want.name
    elseif dependents[want.name] then
      table.sort(dependents[want.name])
      item.dependents = dependents[want.name]
      failed[#failed + 1] = item
    else
      items[#items + 1] = item
    end
  end
  db:close()
  return items, failed, absent
end

-- Runs a script that was kept; true when there is none.
local function run_script(item, part, name, say)
  local dir = instremove.directory(part, item.package)
  local path = ("%s/%s.%s"):format(dir, item.name, name)
  if not sys.stat(path) then return true end
  return instscript.run(path, { INUTREE = part, INULIBDIR = dir, INUTEMPDIR = "/tmp", INUROOT = "/" }, item, name, say)
end

-- Deletes what the part had and no other fileset has.
local function delete_files(db, item, part)
  local paths = assert(db:remove(part, item.name))
  local owned = {}
  for _, row in ipairs(db.stores[part]:get("inventory") or {}) do owned[row.loc0] = true end
  for _, path in ipairs(paths) do
    local stat = not owned[path] and sys.lstat(path)
    if stat and stat.type ~= "dir" then sys.remove(path) end
  end
end

local function remove_part(db, item, part, say)
  local ok, message = run_script(item, part, "unconfig", say)
  if ok then
    delete_files(db, item, part)
    for _, script in ipairs { "unpost_i", "unpre_i" } do
      if ok then ok, message = run_script(item, part, script, say) end
    end
  end
  if ok then return db:commit() end
  return nil, message
end

--- Removes filesets; returns the rows of the summary.
---@param items lab.instremove.Item[]
---@param say fun(line: string)
---@return { name: string, level: string, part: string, result: string }[] rows
---@return boolean ok
function instremove.run(items, say)
  local rows, all_ok = {}, true
  for _, item in ipairs(items) do
    say("")
    say("installp: DEINSTALLING software for:")
    say(("        %s %s"):format(item.name, item.level))
    say("")
    local ok, message = run_script(item, "usr", "pre_d", say)
    for _, part in ipairs(item.has_root and { "root", "usr" } or { "usr" }) do
      local db = swvpd.open()
      if ok then ok, message = remove_part(db, item, part, say) end
      db:close()
      rows[#rows + 1] = { name = item.name, level = item.level, part = part:upper(), result = ok and "SUCCESS" or "FAILED" }
      if not ok then
        say("installp: " .. message)
        db = swvpd.open()
        for _, p in ipairs { "usr", "root" } do
          if db:find(p, item.name) then db:set_state(p, item.name, swvpd.states.broken) end
        end
        assert(db:commit())
        db:close()
        break
      end
    end
    for _, part in ipairs { "root", "usr" } do
      for _, script in ipairs(ok and instremove.scripts or {}) do
        sys.remove(("%s/%s.%s"):format(instremove.directory(part, item.package), item.name, script))
      end
    end
    all_ok = all_ok and ok ~= nil and ok ~= false
  end
  return rows, all_ok
end

return instremove
