-- RoleMerge, SysckMerge, ldapcfg_mig, ldapmap_mig and convert_errlog: text files that ask for a little
-- more than the record merge, and the error log.

local core = require "altmig.merge_core"
local sorted_keys = require "altmig.sorted_keys"

return function(merge, checked, joined)
  local function lines_of(text)
    local lines = {}
    for line in ((text or ""):gsub("\n$", "") .. "\n"):gmatch("([^\n]*)\n") do lines[#lines + 1] = line end
    if #lines == 1 and lines[1] == "" then return {} end
    return lines
  end

  local function text_of(lines) return #lines == 0 and "" or table.concat(lines, "\n") .. "\n" end

  local function by_key(records)
    local map = {}
    for _, record in ipairs(records) do map[record.key] = record.attributes end
    return map
  end

  local function parsed(text, path, grammar) return text and checked(core.parse(text, path, grammar)) or {} end

  -- What can be parsed of a side that must not stop the merge.
  local function readable(text, path, grammar) return text and core.parse(text, path, grammar) or {} end

  local function items(list)
    local out = {}
    for item in (list or ""):gsub('"', ""):gmatch("[^,%s]+") do out[#out + 1] = item end
    return out
  end

  local function note(job, severity, path, key, chosen, rule, attribute)
    job:report { { severity = severity, file = path, key = key, attribute = attribute, chosen = chosen, rule = rule } }
  end

  -- --- RoleMerge -------------------------------------------------------------------------------------

  -- Names of authorizations that a system defines itself. The list of AIX is not public as data: these
  -- are the documented old ones; all others of the system begin with "aix".
  local predefined = {}
  for name in ("Backup Diagnostics DiskQuotaAdmin GroupAdmin ListAuditClasses PasswdAdmin PasswdManage Restore RoleAdmin "
    .. "UserAdmin UserAudit aix"):gmatch("%S+") do predefined[name] = true end

  --- Whether the system itself defines an authorization; these never stand in the file.
  ---@param name string
  ---@return boolean
  function merge.is_system_authorization(name)
    return predefined[name] == true or name:match("^aix%.") ~= nil or name:match("^ALLOW_%u+$") ~= nil
  end

  -- Sets the attribute of stanzas: values by stanza name. Where a stanza lacks it, it becomes the first.
  local function set_attribute(text, path, name, values)
    local lines, headers = lines_of(text), {}
    for _, record in ipairs(parsed(text, path)) do headers[record.line] = record.key end
    local out, wanted = {}, nil
    local function flush_missing(at)
      if wanted then table.insert(out, at, ("\t%s = %s"):format(name, wanted)) end
    end
    local header_at
    for i, line in ipairs(lines) do
      if headers[i] then
        if header_at then flush_missing(header_at + 1) end
        wanted = values[headers[i]]
        out[#out + 1] = line
        header_at = #out
      else
        local lead, found = line:match("^(%s+)([%w_]+)%s*=")
        if wanted and found == name then
          line, wanted = ("%s%s = %s"):format(lead, name, wanted), nil
        end
        out[#out + 1] = line
      end
    end
    if header_at then flush_missing(header_at + 1) end
    return text_of(out)
  end

  -- Numbers of stanzas: the site's stay, new ones that clash or are missing get the next free.
  local function settle_ids(job, path, text, input, least)
    local c, highest = by_key(readable(input.c, path)), least
    for _, side in ipairs { input.c or "", input.n or "", text } do
      for _, record in ipairs(readable(side, path)) do
        highest = math.max(highest, math.tointeger(tonumber(record.attributes.id)) or 0)
      end
    end
    local used, wanted = {}, {}
    local records = parsed(text, path)
    for _, record in ipairs(records) do
      local mine = c[record.key] and c[record.key].id
      if mine and mine ~= "" then
        if record.attributes.id ~= mine then wanted[record.key] = mine end
        used[mine] = used[mine] or record.key
      end
    end
    for _, record in ipairs(records) do
      local id = record.attributes.id
      local mine = c[record.key] and c[record.key].id
      if record.key ~= "default" and not (mine and mine ~= "") then
        if not id or id == "" or used[id] then
          highest = highest + 1
          wanted[record.key] = tostring(highest)
          note(job, "warning", path, record.key, "merged", id and ("id %s is of %s: now %d"):format(id, used[id] or "-", highest)
            or ("had no id: now %d"):format(highest), "id")
          id = tostring(highest)
        end
        used[id] = record.key
      end
    end
    return next(wanted) and set_attribute(text, path, "id", wanted) or text
  end

  local function merge_numbered(job, path, input, classes, extra, least)
    local result = checked(core.records({ file = path, collision = "keep", classes = classes }, input))
    job:report(result.decisions)
    local text = result.text
    if text or extra ~= "" then
      text = (text or "") .. (text and text ~= "" and extra ~= "" and "\n" or "") .. extra
      text = settle_ids(job, path, text, input, least)
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
      for _, inner in ipairs(items(roles[name].rolelist)) do
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
  local function missing_authorizations(job, path, roles, input, shipped)
    local known, added = {}, {}
    for _, side in ipairs { input.c, input.n } do
      for name in pairs(by_key(readable(side, path))) do known[name] = true end
    end
    for _, role in pairs(shipped) do
      for _, name in ipairs(items(role.authorizations)) do known[name] = true end
    end
    for _, record in ipairs(roles) do
      for _, name in ipairs(items(record.attributes.authorizations)) do
        if not known[name] and not merge.is_system_authorization(name) then
          known[name] = true
          added[#added + 1] = name .. ":\n"
          note(job, "warning", path, name, "merged", "the role " .. record.key .. " names it: defined here")
        end
      end
    end
    return table.concat(added, "\n")
  end

  merge.register("RoleMerge", function(entry, job)
    local roles_path, auth_path = entry.files[1], entry.files[2]
    local roles, auths = job:input(roles_path), job:input(auth_path)
    -- A role is a grant: without knowledge of O nothing is added to one of the site's.
    local class, classes = roles.o and "list" or "user", {}
    for _, name in ipairs { "authorizations", "rolelist", "groups" } do classes[#classes + 1] = { name = name, class = class } end
    local text, status = merge_numbered(job, roles_path, roles, classes, "", 0)
    local extra = missing_authorizations(job, auth_path, parsed(roles.c, roles_path), auths, by_key(readable(roles.n, roles_path)))
    local auth_text, auth_status = merge_numbered(job, auth_path, auths, {}, extra, 10000)
    if text then
      local merged = by_key(parsed(text, roles_path))
      for _, record in ipairs(parsed(text, roles_path)) do
        for _, name in ipairs(items(record.attributes.rolelist)) do
          if not merged[name] then
            note(job, "warning", roles_path, record.key, "C", "contains the role " .. name .. ", which is not defined", "rolelist")
          end
        end
      end
      local cycle = find_cycle(merged)
      if cycle then note(job, "warning", roles_path, cycle, "C", "the role contains itself", "rolelist") end
      job:write(roles_path, text)
    end
    if auth_text then job:write(auth_path, auth_text) end
    return joined { status == "absent" and "new" or status, extra ~= "" and "merged" or auth_status == "absent" and "new" or auth_status }
  end)

  -- --- SysckMerge ------------------------------------------------------------------------------------

  -- What the new level says of its files is right for them; the site's stricter access stays.
  local sysck_classes = { { name = "class", class = "list" } }
  for _, name in ipairs { "owner", "group", "mode", "acl" } do sysck_classes[#sysck_classes + 1] = { name = name, class = "user" } end

  -- The text without these stanzas.
  local function without(text, path, gone)
    local lines, headers, out = lines_of(text), {}, {}
    for _, record in ipairs(parsed(text, path)) do headers[record.line] = record.key end
    local skipping = false
    for i, line in ipairs(lines) do
      if headers[i] then skipping = gone[headers[i]] == true end
      if not skipping then out[#out + 1] = line end
      if skipping and line == "" then skipping = false end
    end
    return text_of(out)
  end

  merge.register("SysckMerge", function(entry, job)
    local path = entry.files[1]
    local input = job:input(path)
    local result = checked(core.records({ file = path, default = "system", classes = sysck_classes, fold_case = true }, input))
    local text, gone = result.text, {}
    job:report(result.decisions)
    if result.status == "merged" then
      local shipped = by_key(readable(input.n, path))
      for _, record in ipairs(parsed(text, path)) do
        local kind = (record.attributes.type or ""):upper()
        if not shipped[record.key] and not kind:match("_DEV$") and record.key:sub(1, 1) == "/"
          and not merge.has_path(job, record.key) then
          gone[record.key] = true
          note(job, "warning", path, record.key, "none", "the file does not exist in the new level: dropped")
        end
      end
      if next(gone) then text = without(text, path, gone) end
    end
    if text then job:write(path, text) end
    return result.status == "absent" and "new" or result.status
  end)

  -- --- ldap.cfg --------------------------------------------------------------------------------------

  local marker = "# Kept from the previous level:"

  -- Active lines by key, in order. A value is what follows the first colon, to the last blank. Comments
  -- right above a line are of its key.
  local function settings(text, path)
    local map, order, comments, above = {}, {}, {}, {}
    for i, line in ipairs(lines_of(text)) do
      if line:match("^%s*#") then
        above[#above + 1] = line
      elseif not line:match("%S") then
        above = {}
      else
        local key = line:match("^%s*([^:%s]+)%s*:")
        if not key then error({ code = "CONFIG_SYNTAX", message = ("parse: %s: line %d: no key and colon"):format(path, i) }, 0) end
        if not map[key] then
          map[key] = {}
          order[#order + 1] = key
        end
        table.insert(map[key], line)
        comments[key] = comments[key] or {}
        table.move(above, 1, #above, #comments[key] + 1, comments[key])
        above = {}
      end
    end
    return map, order, comments
  end

  -- The comments of the site's own among these: neither level ships them, and they are no settings that
  -- were switched off.
  local function own_comments(comments, input)
    local shipped, own = { [marker] = true }, {}
    for _, text in ipairs { input.n, input.o or "" } do
      for _, line in ipairs(lines_of(text)) do shipped[line] = true end
    end
    for key, list in pairs(comments) do
      own[key] = {}
      for _, line in ipairs(list) do
        if not shipped[line] and not line:match("^%s*#+[%w_]+:") then table.insert(own[key], line) end
      end
    end
    return own
  end

  local function same_lines(a, b) return table.concat(a or {}, "\n") == table.concat(b or {}, "\n") end

  local function shown(key, list)
    if not list then return nil end
    if key:lower():find("pwd", 1, true) or key:lower():find("passw", 1, true) then return "<secret>" end
    return table.concat(list, " "):sub(1, 256)
  end

  -- The lines of a key in the result, or nil for none.
  local function choose_lines(job, path, key, known, o, c, n)
    if same_lines(c, n) then return c end
    local function say(severity, chosen, rule)
      job:report { { severity = severity, file = path, key = key, chosen = chosen, rule = rule, o = shown(key, o), c = shown(key, c),
        n = shown(key, n) } }
    end
    if known and same_lines(c, o) then
      say("note", n and "N" or "none", "not changed by the site")
      return n
    end
    if not known and not c then
      say("note", "N", "new setting")
      return n
    end
    if known and same_lines(n, o) or not n then
      say("note", c and "C" or "none", "set by the site")
    else
      say("conflict", c and "C" or "none", "both changed it: the site's value stays")
    end
    return c
  end

  -- The new level's text with the chosen lines where it speaks of their keys.
  local function fill(template, chosen, active, comments)
    local out, place = {}, {}
    local lines = lines_of(template)
    for i, line in ipairs(lines) do
      local key = line:match("^%s*#+%s*([%w_]+):") or (not line:match("^%s*#") and line:match("^%s*([^:%s]+)%s*:")) or nil
      local commented = line:match("^%s*#") ~= nil
      if key and not (commented and active[key]) and not place[key] then place[key] = i end
    end
    for i, line in ipairs(lines) do
      local commented = line:match("^%s*#") ~= nil
      local key = not commented and line:match("^%s*([^:%s]+)%s*:") or line:match("^%s*#+%s*([%w_]+):")
      if commented or not key then out[#out + 1] = line end
      if key and place[key] == i then
        if not commented and not chosen[key] then out[#out + 1] = "#" .. line end
        for _, own in ipairs(chosen[key] and comments[key] or {}) do out[#out + 1] = own end
        for _, own in ipairs(chosen[key] or {}) do out[#out + 1] = own end
      end
    end
    return out, place
  end

  merge.register("ldapcfg_mig", function(entry, job)
    local path = entry.files[1]
    local input = job:input(path)
    local status = core.whole(path, input)
    if status == "absent" then return "new" end
    local c, order, comments = settings(input.c, path)
    if not status and not c.ldapservers then
      note(job, "note", path, "ldapservers", "N", "no LDAP client was configured")
      status = "new"
    end
    if status then
      job:write(path, status == "kept" and input.c or input.n)
      return status
    end
    local n, n_order = settings(input.n, path)
    local o = input.o and settings(input.o, path) or {}
    local chosen, keys, seen = {}, {}, {}
    for _, list in ipairs { n_order, order } do
      for _, key in ipairs(list) do
        if not seen[key] then
          seen[key], keys[#keys + 1] = true, key
          chosen[key] = choose_lines(job, path, key, input.o ~= nil, o[key], c[key], n[key])
        end
      end
    end
    comments = own_comments(comments, input)
    local lines, place = fill(input.n, chosen, n, comments)
    local marked = false
    for _, key in ipairs(keys) do
      if chosen[key] and not place[key] then
        if not marked then lines[#lines + 1] = marker end
        marked = true
        for _, line in ipairs(comments[key] or {}) do lines[#lines + 1] = line end
        for _, line in ipairs(chosen[key]) do lines[#lines + 1] = line end
      end
    end
    for _, key in ipairs(keys) do
      local map = key:match("mappath$") and chosen[key] and chosen[key][1]:match(":%s*(%S+)")
      if map and not merge.has_path(job, map) then note(job, "warning", path, key, "C", map .. " does not exist") end
    end
    job:write(path, text_of(lines))
    return "merged"
  end)

  -- --- attribute maps --------------------------------------------------------------------------------

  -- Whether one attribute of AIX is mapped to several of LDAP somewhere.
  local function has_pairs(path, input)
    for _, name in ipairs { "o", "c", "n" } do
      local text = input[name]
      local pairs_of = text and core.parse(text, path, "ldapmap pairs")
      local singles = text and core.parse(text, path, "ldapmap")
      if pairs_of and singles and #pairs_of ~= #singles then return true end
    end
    return false
  end

  -- A unit gives numbers their meaning: it does not change under the same LDAP attribute. Returns N with
  -- the site's units.
  local function keep_units(job, path, grammar, input)
    local c, lines = by_key(readable(input.c, path, grammar)), lines_of(input.n)
    local changed = false
    for _, record in ipairs(readable(input.n, path, grammar)) do
      local ours, new = c[record.key], record.attributes
      if ours and ours.unit and new.unit and ours.ldap_attribute == new.ldap_attribute and ours.unit ~= new.unit then
        local head, tail = lines[record.line]:match("^(%s*%S+%s+%S+%s+%S+%s+%S+%s+)%S+(.*)$")
        lines[record.line] = head .. ours.unit .. tail
        note(job, "warning", path, record.key, "C", ("the unit stays %s, not %s: the LDAP attribute is the same"):format(ours.unit,
          new.unit), "unit")
        changed = true
      end
    end
    return changed and text_of(lines) or input.n
  end

  merge.register("ldapmap_mig", function(entry, job)
    return job:each_file(entry.files, function(path)
      local input = job:input(path)
      local grammar = has_pairs(path, input) and "ldapmap pairs" or "ldapmap"
      if not core.whole(path, input) then input.n = keep_units(job, path, grammar, input) end
      local result = checked(core.records({ file = path, grammar = grammar }, input))
      job:report(result.decisions)
      if result.text then job:write(path, result.text) end
      return result.status
    end)
  end)

  -- --- the error log ---------------------------------------------------------------------------------

  local header_bytes = 16

  -- The level the log was written by, for its name.
  local function old_level(job)
    local part = merge.saved_side(job, "/usr/lib/objrepos/lpp")
    for _, row in ipairs(part and part.rows or {}) do
      if row.name == "bos.rte" then return ("%d.%d.%d.%d"):format(row.ver, row.rel, row.mod, row.fix) end
    end
    return "old"
  end

  -- Its format belongs to its level and is not public. It is history, not configuration: kept aside, where
  -- errpt -i reads it; the error daemon makes a new one. The templates are the new level's.
  merge.register("convert_errlog", function(entry, job)
    local path = entry.files[1]
    local input = job:input(path)
    for _, row in ipairs((merge.saved_side(job, "/etc/objrepos/SWservAt") or { rows = {} }).rows) do
      if row.attribute == "errlog_file" and row.value ~= path then
        note(job, "note", row.value, nil, "C", "the error log of this system: left where it is")
      end
    end
    if not input.c or input.c == "" then return "new" end
    if input.n and #input.n >= header_bytes and input.n:sub(1, header_bytes) == input.c:sub(1, header_bytes) then
      job:write(path, input.c)
      note(job, "note", path, nil, "C", "the new level's log begins alike: kept in use")
      return "kept"
    end
    local aside = path .. "." .. old_level(job)
    local stat = checked(job.ctx.saved_stat(path))
    job:write(aside, input.c, { mode = stat.mode, uid = stat.uid, gid = stat.gid })
    if input.n then job:leave_new(path) else job:remove_index(path) end
    note(job, "note", path, nil, "merged", ("kept as %s (errpt -i); a new log is begun"):format(aside))
    return "merged"
  end)
end
