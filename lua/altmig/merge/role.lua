-- SPDX-License-Identifier: MIT
-- RoleMerge: the roles and the authorizations, which have numbers of their own.

local records = require "altmig.merge.records"
local sorted_keys = require "altmig.sorted_keys"
local task = require "altmig.merge.task"

local role = { methods = {} }

-- Names of authorizations that a system defines itself. The list of AIX is not public as data: these
-- are the documented old ones; all others of the system begin with "aix".
local predefined = {}
for name in ("Backup Diagnostics DiskQuotaAdmin GroupAdmin ListAuditClasses PasswdAdmin PasswdManage Restore RoleAdmin "
  .. "UserAdmin UserAudit aix"):gmatch("%S+") do predefined[name] = true end

--- Whether the system itself defines an authorization; these never stand in the file.
---@param name string
---@return boolean
function role.is_system_authorization(name)
  return predefined[name] == true or name:match("^aix%.") ~= nil or name:match("^ALLOW_%u+$") ~= nil
end

-- Numbers of stanzas: the site's stay, new ones that clash or are missing get the next free.
local function assign_ids(this, path, text, input, least)
  local c, highest = records.by_key(records.readable(input.c, path)), least
  for _, side in ipairs { input.c or "", input.n or "", text } do
    for _, record in ipairs(records.readable(side, path)) do
      highest = math.max(highest, math.tointeger(tonumber(record.attributes.id)) or 0)
    end
  end
  local used, wanted = {}, {}
  local list = records.parse(text, path)
  for _, record in ipairs(list) do
    local mine = c[record.key] and c[record.key].id
    if mine and mine ~= "" then
      if record.attributes.id ~= mine then wanted[record.key] = { id = mine } end
      used[mine] = used[mine] or record.key
    end
  end
  for _, record in ipairs(list) do
    local id = record.attributes.id
    local mine = c[record.key] and c[record.key].id
    if record.key ~= "default" and not (mine and mine ~= "") then
      if not id or id == "" or used[id] then
        highest = highest + 1
        wanted[record.key] = { id = tostring(highest) }
        this:note("warning", path, record.key, "merged", id and ("id %s is of %s: now %d"):format(id, used[id] or "-", highest)
          or ("had no id: now %d"):format(highest), "id")
        id = tostring(highest)
      end
      used[id] = record.key
    end
  end
  return next(wanted) and records.set(text, path, wanted) or text
end

local function merge_numbered(this, path, input, classes, extra, least)
  local result = this:records({ file = path, collision = "keep", classes = classes }, input)
  local text = result.text
  if text or extra ~= "" then
    text = (text or "") .. (text and text ~= "" and extra ~= "" and "\n" or "") .. extra
    text = assign_ids(this, path, text, input, least)
  end
  return text, result.status
end

-- Through which roles a role contains itself, or nil.
local function find_cycle(roles)
  local state = {}
  local function visit(name)
    if state[name] == "done" or not roles[name] then return nil end
    if state[name] == "open" then return name end
    state[name] = "open"
    for _, inner in ipairs(records.items(roles[name].rolelist)) do
      local found = visit(inner)
      if found then return found end
    end
    state[name] = "done"
    return nil
  end
  for _, name in ipairs(sorted_keys(roles)) do
    local found = visit(name)
    if found then return found end
  end
  return nil
end

-- Authorizations that roles of the site name and nobody defines: the site's own, from before they had
-- to be listed. Returns their stanzas.
local function missing_authorizations(this, path, roles, input, shipped)
  local known, added = {}, {}
  for _, side in ipairs { input.c, input.n } do
    for name in pairs(records.by_key(records.readable(side, path))) do known[name] = true end
  end
  for _, attributes in pairs(shipped) do
    for _, name in ipairs(records.items(attributes.authorizations)) do known[name] = true end
  end
  for _, record in ipairs(roles) do
    for _, name in ipairs(records.items(record.attributes.authorizations)) do
      if not known[name] and not role.is_system_authorization(name) then
        known[name] = true
        added[#added + 1] = name .. ":\n"
        this:note("warning", path, name, "merged", "the role " .. record.key .. " names it: defined here")
      end
    end
  end
  return table.concat(added, "\n")
end

function role.methods.RoleMerge(entry, this)
  local roles_path, auth_path = entry.files[1], entry.files[2]
  local roles, auths = this:input(roles_path), this:input(auth_path)
  -- A role is a grant: without knowledge of O nothing is added to one of the site's.
  local class, classes = roles.o and "list" or "user", {}
  for _, name in ipairs { "authorizations", "rolelist", "groups" } do classes[#classes + 1] = { name = name, class = class } end
  local text, status = merge_numbered(this, roles_path, roles, classes, "", 0)
  local extra = missing_authorizations(this, auth_path, records.parse(roles.c, roles_path), auths,
    records.by_key(records.readable(roles.n, roles_path)))
  local auth_text, auth_status = merge_numbered(this, auth_path, auths, {}, extra, 10000)
  if text then
    local merged = records.by_key(records.parse(text, roles_path))
    for _, record in ipairs(records.parse(text, roles_path)) do
      for _, name in ipairs(records.items(record.attributes.rolelist)) do
        if not merged[name] then
          this:note("warning", roles_path, record.key, "C", "contains the role " .. name .. ", which is not defined", "rolelist")
        end
      end
    end
    local cycle = find_cycle(merged)
    if cycle then this:note("warning", roles_path, cycle, "C", "the role contains itself", "rolelist") end
    this:write(roles_path, text)
  end
  if auth_text then this:write(auth_path, auth_text) end
  return task.join { status, extra ~= "" and "merged" or auth_status }
end

return role
