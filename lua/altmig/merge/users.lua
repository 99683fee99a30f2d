-- SPDX-License-Identifier: MIT
-- passwd_mig and group_mig, and who has an account on the new system.

local core = require "altmig.merge_core"
local err = require "altmig.err"
local findings = require "altmig.merge.findings"
local policy = require "altmig.merge.policy"
local task = require "altmig.merge.task"

local users = { methods = {} }

-- The merged accounts: what passwd_mig makes of the saved files, whether it ran or not.
local function merged_passwd(this)
  return err.check(core.passwd(this:input("/etc/passwd"), this:input("/etc/security/passwd"), policy.mandatory.accounts))
end

-- The text that will be active: the new level's, where the site's files cannot be read. One broken file must
-- not cost the site the others.
local function active(this, merged, path)
  local ok, result = task.try(merged, this)
  if ok then return result.names end
  return this.ctx.shipped_new(path)
end

local function merged_group(this)
  return err.check(core.group(this:input("/etc/group"), this:input("/etc/security/group"),
    active(this, merged_passwd, "/etc/passwd") or "", policy.mandatory.groups))
end

local function names_of(text)
  local names = { "default" }
  for line in (text or ""):gmatch("[^\n]+") do names[#names + 1] = line:match("^([^:]+):") end
  return names
end

--- "default" and the accounts of the merged /etc/passwd.
---@return string[]
function users.accounts(this) return names_of(active(this, merged_passwd, "/etc/passwd")) end

--- The accounts of the merged /etc/passwd that came with the new level.
---@return string[]
function users.new_accounts(this)
  local had, names = {}, {}
  for _, name in ipairs(names_of(this:input("/etc/passwd").c)) do had[name] = true end
  for _, name in ipairs(users.accounts(this)) do
    if not had[name] then names[#names + 1] = name end
  end
  return names
end

-- The numbers of accounts by their names; -2 and 4294967294 are one.
local function numbers_of(text)
  local numbers = {}
  for line in (text or ""):gmatch("[^\n]+") do
    local name, uid = line:match("^([^:]+):[^:]*:([^:]*):")
    local number = math.tointeger(tonumber(uid))
    if name then numbers[name] = number and number & 0xffffffff or uid end
  end
  return numbers
end

--- Accounts of the site's own that have the name of one of the new level and another number, and that the old level
--- did not have, as far as that is known: neither their rights nor anything else of them is the level's.
---@return table<string, boolean>
function users.own_accounts(this)
  local input, own = this:input("/etc/passwd"), {}
  local o, c, n = numbers_of(input.o), numbers_of(input.c), numbers_of(input.n)
  for name, uid in pairs(c) do
    if n[name] and n[name] ~= uid and not o[name] then own[name] = true end
  end
  return own
end

--- "default" and the groups of the merged /etc/group.
---@return string[]
function users.groups(this) return names_of(active(this, merged_group, "/etc/group")) end

local function write(entry, this, result, indexes)
  this:report(findings.say(result.decisions))
  if result.names then this:write(entry.files[1], result.names) end
  if result.security then this:write(entry.files[2], result.security) end
  for _, path in ipairs(indexes) do this:remove_index(path) end
  return task.join { result.names_status, result.security_status }
end

function users.methods.passwd_mig(entry, this)
  return write(entry, this, merged_passwd(this), { "/etc/passwd.nm.idx", "/etc/passwd.id.idx",
    "/etc/security/passwd.idx", "/etc/security/lastlog.idx" })
end

function users.methods.group_mig(entry, this) return write(entry, this, merged_group(this), {}) end

return users
