-- SPDX-License-Identifier: MIT
-- ODM_merge of the three plain tables: /etc/vfs, /etc/pse.conf, /etc/xtiso.conf. The record merge
-- gives N's order with the site's own records; here is what a whole table must hold besides.

local core = require "altmig.merge_core"
local lines = require "altmig.lines"
local task = require "altmig.merge.task"

local tables = { methods = {} }

-- The fields of a live line, or nil for a comment, a control line, a blank.
local function fields_of(line)
  if line:match("^%s*[#%%]") then return nil end
  local fields = {}
  for word in line:gsub("#.*", ""):gmatch("%S+") do fields[#fields + 1] = word end
  return fields[1] and fields
end

-- The merged text of one table, corrected by `correct(lines, input, report)`.
local function merge_table(this, policy, correct)
  local path = policy.file
  local input = this:input(path)
  local result = this:records(policy, input)
  if not core.whole(path, input) then
    local list = lines.split(result.text)
    correct(list, input, function(severity, key, chosen, rule)
      this:note(severity, path, key, chosen, rule)
    end)
    result.text = lines.join(list)
    result.status = result.text == input.n and "new" or "merged"
  end
  if result.text then this:write(path, result.text) end
  return result.status == "absent" and "new" or result.status
end

-- --- vfs -----------------------------------------------------------------------------------------

--- Whether the tree has the helper that a line of /etc/vfs names; none is as good.
---@param tree table
---@param helper string?
---@return boolean
function tables.has_helper(tree, helper)
  if not helper or helper == "none" or helper == "remote" then return true end
  return task.exists(tree, helper:sub(1, 1) == "/" and helper or "/sbin/helpers/" .. helper)
end

-- The last %defaultvfs line of a text, which is the one that counts, and its number.
local function default_of(list)
  for i = #list, 1, -1 do
    if list[i]:match("^%s*%%defaultvfs%f[%s\0]") then return list[i], i end
  end
end

local function by_name(text)
  local rows, numbers = {}, {}
  for _, line in ipairs(lines.split(text)) do
    local fields = fields_of(line)
    if fields then
      rows[fields[1]] = { fields = fields, line = line }
      numbers[fields[2] or ""] = fields[1]
    end
  end
  return rows, numbers
end

-- A type number belongs to one file system, and it is a fact of the kernel: the new level's stands.
-- A helper that is gone is no helper.
local function correct_rows(this, list, input, report)
  local new, numbers = by_name(input.n)
  local names = {}
  for i, line in ipairs(list) do
    local fields = fields_of(line)
    local name = fields and fields[1]
    local shipped = name and new[name]
    if shipped then
      if not (tables.has_helper(this.ctx.tree, fields[3]) and tables.has_helper(this.ctx.tree, fields[4])) and line ~= shipped.line then
        list[i] = shipped.line
        report("conflict", name, "N", "the site's helper does not exist in the new level")
      end
      names[name] = true
    elseif name and numbers[fields[2]] then
      list[i] = "#" .. line
      report("error", name, "none", ("type %s is now %s: commented out"):format(fields[2], numbers[fields[2]]))
    elseif name then
      names[name] = true
    end
  end
  return names
end

-- A %defaultvfs that names what there is not is the new level's again; where that has none, it is a comment.
local function correct_default(list, input, names, report)
  local line, at = default_of(list)
  if not line then return end
  for name in line:gsub("^%s*%%defaultvfs", ""):gsub("#.*", ""):gmatch("%S+") do
    if not names[name] then
      local shipped = default_of(lines.split(input.n))
      if shipped == line then return end
      list[at] = shipped or "#" .. line
      report("conflict", "%defaultvfs", shipped and "N" or "none", "the site's default names no type of the merged table")
      return
    end
  end
end

tables.methods["ODM_merge vfs"] = function(_, this)
  local known = this:input("/etc/vfs").o ~= nil
  return merge_table(this, { file = "/etc/vfs", grammar = "vfs", default = known and "user" or "system",
    classes = { { record = "%defaultvfs", name = "value", class = "user" } }, mandatory = { "%defaultvfs" } }, function(list, input, report)
    correct_default(list, input, correct_rows(this, list, input, report), report)
  end)
end

-- --- pse.conf, xtiso.conf --------------------------------------------------------------------------

-- An extension configured more than once must say "+" on each of its lines.
local function correct_extensions(list, _, report)
  local seen = {}
  for i, line in ipairs(list) do
    local fields = fields_of(line)
    if fields then
      local key = fields[1]:sub(1, 1) .. " " .. (fields[2] or "")
      local all = seen[key] or { plus = false }
      seen[key], all[#all + 1] = all, i
      all.plus = all.plus or fields[1]:find("+", 1, true) ~= nil
    end
  end
  local keys = {}
  for key, all in pairs(seen) do
    if #all > 1 then keys[#keys + 1] = key end
  end
  table.sort(keys)
  for _, key in ipairs(keys) do
    local changed = false
    for _, i in ipairs(seen[key]) do
      local attributes = list[i]:match("^%s*(%S+)")
      if seen[key].plus and not attributes:find("+", 1, true) then
        list[i], changed = list[i]:gsub("^(%s*%S+)", "%1+", 1), true
      end
    end
    if changed then report("warning", key, "merged", "configured more than once: + added to every line") end
    if not seen[key].plus then report("warning", key, "merged", "configured more than once without +") end
  end
end

for _, name in ipairs { "pse.conf", "xtiso.conf" } do
  tables.methods["ODM_merge " .. name] = function(entry, this)
    return merge_table(this, { file = entry.files[1], grammar = "pse", default = "user" }, correct_extensions)
  end
end

return tables
