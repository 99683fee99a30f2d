-- passwd_mig and group_mig, and who has an account on the new system.

local core = require "altmig.merge_core"

return function(merge, checked, joined)
  -- The merged accounts: what passwd_mig makes of the saved files, whether it ran or not.
  local function merged_passwd(job)
    return checked(core.passwd(job:input("/etc/passwd"), job:input("/etc/security/passwd")))
  end

  -- The /etc/passwd that will be active: the new level's, where the site's files cannot be read. One
  -- broken file must not cost the site the others.
  local function active_passwd(job)
    local ok, result = pcall(merged_passwd, job)
    if ok then return result.names end
    if type(result) ~= "table" or result.code ~= "CONFIG_SYNTAX" then error(result, 0) end
    return job.ctx.shipped_new("/etc/passwd")
  end

  local function merged_group(job)
    return checked(core.group(job:input("/etc/group"), job:input("/etc/security/group"), active_passwd(job) or ""))
  end

  local function active_group(job)
    local ok, result = pcall(merged_group, job)
    if ok then return result.names end
    if type(result) ~= "table" or result.code ~= "CONFIG_SYNTAX" then error(result, 0) end
    return job.ctx.shipped_new("/etc/group")
  end

  local function names_of(text)
    local names = { "default" }
    for line in (text or ""):gmatch("[^\n]+") do names[#names + 1] = line:match("^([^:]+):") end
    return names
  end

  --- "default" and the accounts of the merged /etc/passwd.
  function merge.accounts(job) return names_of(active_passwd(job)) end

  --- "default" and the groups of the merged /etc/group.
  function merge.groups(job) return names_of(active_group(job)) end

  local function write(entry, job, result, indexes)
    job:report(result.decisions)
    if result.names then job:write(entry.files[1], result.names) end
    if result.security then job:write(entry.files[2], result.security) end
    for _, path in ipairs(indexes) do job:remove_index(path) end
    return joined { result.names_status, result.security_status }
  end

  merge.register("passwd_mig", function(entry, job)
    return write(entry, job, merged_passwd(job), { "/etc/passwd.nm.idx", "/etc/passwd.id.idx",
      "/etc/security/passwd.idx", "/etc/security/lastlog.idx" })
  end)

  merge.register("group_mig", function(entry, job) return write(entry, job, merged_group(job), {}) end)
end
