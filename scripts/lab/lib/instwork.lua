-- SPDX-License-Identifier: MIT
-- What installp is at work on: a fileset is APPLYING from before its files are restored until its last script has
-- ended. What is needed to bring it back, should it not come so far, is in /var/adm/sw/inst meanwhile; installp -C and a
-- failure do that: an update goes back to the level that it was applied to, a fileset that was not there is gone again,
-- and one that was is BROKEN, since nothing keeps the files of a base level.

local json = require "altmig.json"
local modes = require "altmig.mode"
local swvpd = require "lab.swvpd"
local sys = require "altmig.sys"

local instwork = {}

local DIRECTORY <const> = "/var/adm/sw/inst"

local function note_of(name) return DIRECTORY .. "/" .. name end
local function saved_at(name) return DIRECTORY .. "/" .. name .. ".save" end

local classes = { "lpp", "product", "history", "inventory" }

-- The rows of a fileset in one part.
local function rows_of(db, part, name)
  local row = db:find(part, name)
  if not row then return nil end
  local store, id = db.stores[part], "lpp_id = " .. row.lpp_id
  return { lpp = store:get("lpp", "name = " .. name), product = store:get("product", "lpp_name = " .. name),
    history = store:get("history", id), inventory = store:get("inventory", id) }
end

local function plain(rows)
  local out = {}
  for class, list in pairs(rows) do
    out[class] = json.array {}
    for i, row in ipairs(list) do
      out[class][i] = {}
      for name, value in pairs(row) do
        if type(value) == "string" or math.type(value) == "integer" then out[class][i][name] = value end
      end
    end
  end
  return out
end

--- Before anything of a fileset is changed.
---@param db lab.swvpd.Database
---@param item lab.instplan.Item
---@param paths string[]   files that an update replaces
---@return true? ok, string? message
function instwork.begin(db, item, paths)
  local note = { update = item.kind == "S", level = item.level }
  for _, part in ipairs { "usr", "root" } do
    local rows = rows_of(db, part, item.name)
    note[part] = rows and note.update and plain(rows) or rows and true or nil
  end
  local ok, message = sys.makedirs(DIRECTORY, modes.PRIVATE_DIR)
  if not ok then return nil, message end
  for _, path in ipairs(note.update and paths or {}) do
    local stat = sys.lstat(path)
    if stat and stat.type == "file" then
      local to = saved_at(item.name) .. path
      sys.makedirs(to:match("^(.*)/"), modes.PRIVATE_DIR)
      local result = sys.run { "/usr/bin/cp", "-p", path, to }
      if not result or result.status ~= 0 then return nil, "cannot save " .. path end
    end
  end
  return sys.write_file(note_of(item.name), assert(json.encode(note)))
end

local function forget(name)
  sys.run { "/usr/bin/rm", "-rf", note_of(name), saved_at(name) }
  sys.rmdir(DIRECTORY) -- unless another is in it
end

--- A fileset is whole.
---@param db lab.swvpd.Database
---@param item lab.instplan.Item
---@return true? ok, string? message
function instwork.finish(db, item)
  for _, part in ipairs { "usr", "root" } do
    if db:find(part, item.name) then db:set_state(part, item.name, swvpd.states.committed) end
  end
  local ok, message = db:commit()
  if not ok then return nil, message end
  forget(item.name)
  return true
end

local function put_rows_back(db, part, name, rows)
  local store, now = assert(db:store(part)), db:find(part, name)
  if now then
    for _, class in ipairs { "history", "inventory" } do store:delete(class, "lpp_id = " .. now.lpp_id) end
    store:delete("product", "lpp_name = " .. name)
    store:delete("lpp", "name = " .. name)
  end
  for _, class in ipairs(classes) do
    for _, row in ipairs(rows[class]) do assert(store:add(class, row)) end
  end
end

local function put_files_back(name)
  local from = saved_at(name)
  if not sys.lstat(from) then return end
  for path in (sys.run { "/usr/bin/find", from, "-type", "f", "-print" }).stdout:gmatch("[^\n]+") do
    sys.run { "/usr/bin/cp", "-p", path, path:sub(#from + 1) }
  end
end

--- Brings a fileset back, as far as that can be.
---@param db lab.swvpd.Database
---@param name string
---@return string level, "SUCCESS"|"BROKEN" result
function instwork.undo(db, name)
  local note = assert(json.decode(assert(sys.read_file(note_of(name)))))
  local result = "SUCCESS"
  for _, part in ipairs { "usr", "root" } do
    if type(note[part]) == "table" then
      put_rows_back(db, part, name, note[part])
    elseif note[part] and db:find(part, name) then
      db:set_state(part, name, swvpd.states.broken)
      result = "BROKEN"
    elseif db:find(part, name) then
      for _, path in ipairs(not note.usr and db:remove(part, name) or {}) do sys.remove(path) end
    end
  end
  if note.update then put_files_back(name) end
  assert(db:commit())
  forget(name)
  return note.level, result
end

--- The filesets that an installp which did not end was at work on.
---@return string[]
function instwork.unfinished()
  local list = {}
  for _, name in ipairs(sys.list(DIRECTORY) or {}) do
    if not name:match("%.save$") then list[#list + 1] = name end
  end
  return list
end

return instwork
