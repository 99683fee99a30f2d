-- SPDX-License-Identifier: MIT
-- The software database of the lab's systems: altmig.swvpd, and what installp needs to change one.

local engine = require "altmig.swvpd"

---@class lab.swvpd: altmig.swvpd
local swvpd = setmetatable({}, { __index = engine })

local CONTROL = engine.CONTROL
-- The numbers of BROKEN and APPLYING are the lab's own.
local COMMITTED, APPLIED, BROKEN, APPLYING = engine.states.committed, engine.states.applied, 1, 2
swvpd.states = { committed = COMMITTED, applied = APPLIED, broken = BROKEN, applying = APPLYING }
local HAS_ROOT, BASE, UPDATE = engine.HAS_ROOT, 0x10, engine.UPDATE

---@class lab.swvpd.Fileset
---@field name string
---@field level string "7.2.5.101"
---@field package string
---@field description string
---@field has_root boolean?
---@field date string? build date, YYWW
---@field time integer? when it was installed
---@field prereq string? requisite lines
---@field update boolean? an update, not a base level
---@field state integer?

--- The level in its usual form, without leading zeros.
function swvpd.format_level(level) return table.concat(level, ".") end

---------------------------------------------------------------- rows

local function versions(row, level)
  local numbers = assert(swvpd.parse_level(level), "bad level " .. level)
  row.ver, row.rel, row.mod, row.fix = numbers[1], numbers[2], numbers[3], numbers[4]
  return row
end

--- The lpp row of a fileset.
---@param f lab.swvpd.Fileset
---@param id integer
function swvpd.lpp_row(f, id)
  return versions({ name = f.name, size = 0, state = f.state or COMMITTED,
    cp_flag = 0x101 | (f.has_root and HAS_ROOT or 0) | (f.update and UPDATE or BASE),
    group = "", magic_letter = "I", description = f.description, lpp_id = id }, f.level)
end

--- The product row of a fileset at a level.
---@param f lab.swvpd.Fileset
function swvpd.product_row(f)
  return versions({ lpp_name = f.name, comp_id = "5765-G9800", update = f.update and 1 or 0,
    cp_flag = 0x101 | (f.has_root and HAS_ROOT or 0) | (f.update and UPDATE or BASE),
    fesn = "0000", name = f.package, state = f.state or COMMITTED, ptf = "", media = f.package == "bos" and 0 or 3,
    sceded_by = f.date or "", fixinfo = "", prereq = f.prereq or "", description = f.description, supersedes = "" },
    f.level)
end

--- The history row of an installation.
function swvpd.history_row(f, id)
  return versions({ lpp_id = id, event = 1, ptf = "", corr_svn = "", cp_mod = "", cp_fix = "", login_name = "root",
    state = 1, time = f.time or os.time(), comment = "" }, f.level)
end

--- The inventory row of a file.
---@param file {path: string, type: string, size: integer, checksum: integer, target: string?}
function swvpd.inventory_row(file, id)
  return { lpp_id = id, private = "", file_type = swvpd.file_types[file.type] or swvpd.file_types.file, format = 1, loc0 = file.path,
    loc1 = "", loc2 = file.target or "", size = file.size, checksum = file.checksum }
end

--- The control row: the next lpp_id.
function swvpd.control_row(next_id)
  return { name = CONTROL, size = 0, state = 0, cp_flag = 0, group = "", magic_letter = "", description = "",
    lpp_id = next_id }
end

---------------------------------------------------------------- a system's databases

---@class lab.swvpd.Database: altmig.swvpd.Database
local Database = setmetatable({}, { __index = engine.Database })
Database.__index = Database

--- Opens the software database of the system below `root` ("" or nil: the own one).
---@param root string|nil
---@return lab.swvpd.Database
function swvpd.open(root) return setmetatable(engine.open(root, { words = { [BROKEN] = "BROKEN", [APPLYING] = "APPLYING" } }), Database) end

--- The lpp row of a fileset that is there, or nil.
function Database:find(part, name)
  local store, message, code = self:store(part)
  if not store then return nil, message, code end
  return store:first("lpp", "name = " .. name)
end

local function next_id(store)
  local control = store:first("lpp", "name = " .. CONTROL)
  local id = control and control.lpp_id or 1
  if not control then
    for _, row in ipairs(store:get("lpp") or {}) do id = math.max(id, row.lpp_id + 1) end
  end
  for _, row in ipairs(store:get("lpp", "lpp_id >= " .. id) or {}) do
    if row.name ~= CONTROL then id = math.max(id, row.lpp_id + 1) end
  end
  return id, control
end

--- Records a fileset in one repository, in place of what was recorded of it before. An update keeps
--- the base's product row and inventory and adds its own.
---@param part string
---@param f lab.swvpd.Fileset
---@param files {path: string, type: string, size: integer, checksum: integer, target: string?}[]
---@return boolean?
---@return string? message
---@return string? code
function Database:record(part, f, files)
  local store, message, code = self:store(part)
  if not store then return nil, message, code end
  local ok
  ok, message, code = store:begin()
  if not ok then return nil, message, code end
  local old = self:find(part, f.name)
  local id, control
  if old then
    id = old.lpp_id
  else
    id, control = next_id(store)
    if control then store:change("lpp", "name = " .. CONTROL, { lpp_id = id + 1 }) end
  end
  store:delete("lpp", "name = " .. f.name)
  if f.update then
    store:delete("product", ("lpp_name = %s AND update = 1"):format(f.name))
  else
    store:delete("product", "lpp_name = " .. f.name)
    store:delete("inventory", "lpp_id = " .. id)
  end
  local steps = {
    { "lpp", swvpd.lpp_row(f, id) }, { "product", swvpd.product_row(f) }, { "history", swvpd.history_row(f, id) },
  }
  for _, file in ipairs(files) do steps[#steps + 1] = { "inventory", swvpd.inventory_row(file, id) } end
  local replaced = {}
  if f.update then
    for _, file in ipairs(files) do replaced[file.path] = true end
    for _, row in ipairs(store:get("inventory", "lpp_id = " .. id) or {}) do
      if replaced[row.loc0] then store:delete("inventory", ("lpp_id = %d AND loc0 = '%s'"):format(id, row.loc0)) end
    end
  end
  for _, step in ipairs(steps) do
    ok, message, code = store:add(step[1], step[2])
    if not ok then return nil, message, code end
  end
  return true
end

--- Sets the state of a fileset where it is recorded.
function Database:set_state(part, name, state)
  local store = assert(self:store(part))
  store:change("lpp", "name = " .. name, { state = state })
  store:change("product", "lpp_name = " .. name, { state = state })
end

--- Takes a fileset out of a repository; returns the paths it owned.
---@return string[]? paths
---@return string? message
---@return string? code
function Database:remove(part, name)
  local row, message, code = self:find(part, name)
  if not row then return message and nil or {}, message, code end
  local store = self.stores[part]
  local paths = {}
  for _, file in ipairs(store:get("inventory", "lpp_id = " .. row.lpp_id) or {}) do paths[#paths + 1] = file.loc0 end
  store:delete("inventory", "lpp_id = " .. row.lpp_id)
  store:delete("history", "lpp_id = " .. row.lpp_id)
  store:delete("product", "lpp_name = " .. name)
  store:delete("lpp", "name = " .. name)
  return paths
end

--- Commits what was changed, usr part first.
---@return boolean?
---@return string? message
---@return string? code
function Database:commit()
  for _, part in ipairs(swvpd.parts) do
    local ok, message, code = true, nil, nil
    if self.stores[part] then ok, message, code = self.stores[part]:commit() end
    if not ok then return nil, message, code end
  end
  return true
end

return swvpd
