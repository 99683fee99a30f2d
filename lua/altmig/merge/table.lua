-- ODM_merge of the three plain tables: /etc/vfs, /etc/pse.conf, /etc/xtiso.conf. The record merge
-- gives N's order with the site's own records; here is what a whole table must hold besides.

local core = require "altmig.merge_core"

return function(merge, checked)
  -- The fields of a live line, or nil for a comment, a control line, a blank.
  local function fields_of(line)
    if line:match("^%s*[#%%]") then return nil end
    local fields = {}
    for word in line:gsub("#.*", ""):gmatch("%S+") do fields[#fields + 1] = word end
    return fields[1] and fields
  end

  local function lines_of(text)
    local lines = {}
    for line in (text or ""):gmatch("([^\n]*)\n?") do lines[#lines + 1] = line end
    lines[#lines] = lines[#lines] ~= "" and lines[#lines] or nil
    return lines
  end

  -- The merged text of one table, made fit by `mend(lines, input, report)`.
  local function merge_table(job, path, grammar, default, mend)
    local input = job:input(path)
    local result = checked(core.records({ file = path, grammar = grammar, default = default }, input))
    job:report(result.decisions)
    -- Control lines are no records: the record merge may say "new" where one of them differs.
    if not core.whole(path, input) then
      local lines = lines_of(result.text)
      mend(lines, input, function(severity, key, chosen, rule)
        job:report { { severity = severity, file = path, key = key, chosen = chosen, rule = rule } }
      end)
      result.text = table.concat(lines, "\n") .. "\n"
      result.status = result.text == input.n and "new" or "merged"
    end
    if result.text then job:write(path, result.text) end
    return result.status == "absent" and "new" or result.status
  end

  -- --- vfs -----------------------------------------------------------------------------------------

  --- Whether the tree has the helper that a line of /etc/vfs names; none is as good.
  ---@param tree table
  ---@param helper string?
  ---@return boolean
  function merge.has_helper(tree, helper)
    if not helper or helper == "none" or helper == "remote" then return true end
    local path = helper:sub(1, 1) == "/" and helper or "/sbin/helpers/" .. helper
    local target = tree:resolve(path)
    return target ~= nil and tree:exists(target) == true
  end

  -- The last %defaultvfs line and the other control lines of a text.
  local function controls_of(text)
    local default, others = nil, {}
    for _, line in ipairs(lines_of(text)) do
      local body = line:gsub("\r$", "")
      if body:match("^%%defaultvfs%f[%s]") then
        default = body
      elseif body:match("^%%") then
        others[#others + 1] = body
      end
    end
    return default, others
  end

  local function by_name(text)
    local rows, numbers = {}, {}
    for _, line in ipairs(lines_of(text)) do
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
  local function mend_rows(job, lines, input, report)
    local new, numbers = by_name(input.n)
    local names = {}
    for i, line in ipairs(lines) do
      local fields = fields_of(line)
      local name = fields and fields[1]
      local shipped = name and new[name]
      if shipped then
        if not (merge.has_helper(job.ctx.tree, fields[3]) and merge.has_helper(job.ctx.tree, fields[4])) and line ~= shipped.line then
          lines[i] = shipped.line
          report("conflict", name, "N", "the site's helper does not exist in the new level")
        end
        names[name] = true
      elseif name and numbers[fields[2]] then
        lines[i] = "#" .. line
        report("error", name, "none", ("type %s is now %s: commented out"):format(fields[2], numbers[fields[2]]))
      elseif name then
        names[name] = true
      end
    end
    return names
  end

  -- The site's %defaultvfs if it was changed and names what there is; one line of it.
  local function mend_controls(lines, input, names, report)
    local old, _ = controls_of(input.o)
    local ours, our_others = controls_of(input.c)
    local chosen, others = controls_of(input.n)
    if ours and ours ~= old then
      local fit = true
      for name in ours:gsub("^%%defaultvfs", ""):gsub("#.*", ""):gmatch("%S+") do fit = fit and names[name] == true end
      if fit then
        chosen = ours
      else
        report("conflict", "%defaultvfs", "N", "the site's default names no type of the merged table")
      end
    end
    local count = 0
    for i = 1, #lines do
      local line = lines[i]
      lines[i] = nil
      if not line:match("^%%defaultvfs%f[%s]") then count, lines[count + 1] = count + 1, line end
    end
    local at = 1
    while lines[at] and lines[at]:match("^#") do at = at + 1 end
    if chosen then table.insert(lines, at, chosen) end
    local known = {}
    for _, line in ipairs(others) do known[line] = true end
    for _, line in ipairs(our_others) do
      if not known[line] then lines[#lines + 1] = line end
    end
  end

  merge.register("ODM_merge vfs", function(_, job)
    local known = job:input("/etc/vfs").o ~= nil
    return merge_table(job, "/etc/vfs", "vfs", known and "user" or "system", function(lines, input, report)
      mend_controls(lines, input, mend_rows(job, lines, input, report), report)
    end)
  end)

  -- --- pse.conf, xtiso.conf --------------------------------------------------------------------------

  -- An extension configured more than once must say "+" on each of its lines.
  local function mend_extensions(lines, _, report)
    local seen = {}
    for i, line in ipairs(lines) do
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
        local attributes = lines[i]:match("^%s*(%S+)")
        if seen[key].plus and not attributes:find("+", 1, true) then
          lines[i], changed = lines[i]:gsub("^(%s*%S+)", "%1+", 1), true
        end
      end
      if changed then report("warning", key, "merged", "configured more than once: + added to every line") end
      if not seen[key].plus then report("warning", key, "merged", "configured more than once without +") end
    end
  end

  for _, name in ipairs { "pse.conf", "xtiso.conf" } do
    merge.register("ODM_merge " .. name, function(entry, job)
      return merge_table(job, entry.files[1], "pse", "user", mend_extensions)
    end)
  end
end
