-- The cross-check after the last merge method: do the merged files agree with each other? It reports and
-- changes nothing. A file that is not there or cannot be read is not checked.

local core = require "altmig.merge_core"
local odm = require "altmig.odm"

return function(merge)
  local function lines_of(text)
    local rows = {}
    for line in (text or ""):gmatch("[^\n]+") do
      local fields = {}
      for field in (line .. ":"):gmatch("([^:]*):") do fields[#fields + 1] = field end
      if #fields >= 3 and not line:match("^[-+#]") then rows[#rows + 1] = fields end
    end
    return rows
  end

  local function check_accounts(view)
    local users, groups, gids = {}, {}, {}
    local passwd, group = lines_of(view.text("/etc/passwd")), lines_of(view.text("/etc/group"))
    if #passwd == 0 or #group == 0 then return nil end
    for _, row in ipairs(group) do groups[row[1]], gids[row[3]] = true, row[1] end
    for _, row in ipairs(passwd) do
      users[row[1]] = true
      if row[4] and not gids[row[4]] then view.say("/etc/passwd", row[1], ("its group %s does not exist"):format(row[4])) end
    end
    for _, row in ipairs(group) do
      for name in (row[4] or ""):gmatch("[^,%s]+") do
        if not users[name] then view.say("/etc/group", row[1], ("member %s is no local account"):format(name)) end
      end
    end
    return { ["/etc/security/passwd"] = users, ["/etc/security/user"] = users, ["/etc/security/limits"] = users,
      ["/etc/security/environ"] = users, ["/etc/security/user.roles"] = users, ["/etc/security/group"] = groups }
  end

  local function check_stanza_names(view, known)
    for path, names in pairs(known or {}) do
      for _, stanza in ipairs(view.stanzas(path)) do
        if stanza.key ~= "default" and not names[stanza.key] then
          view.say(path, stanza.key, "there is no account or group of this name")
        end
      end
    end
  end

  local function check_modules(view)
    local modules = { files = true, compat = true, BUILTIN = true, NIS = true, DCE = true }
    for _, stanza in ipairs(view.stanzas("/etc/methods.cfg")) do modules[stanza.key] = true end
    for _, stanza in ipairs(view.stanzas("/etc/security/user")) do
      local registry = (stanza.attributes.registry or ""):gsub('"', "")
      if registry ~= "" and not modules[registry] then
        view.say("/etc/security/user", stanza.key, ("registry %s is not in methods.cfg"):format(registry))
      end
    end
    for _, stanza in ipairs(view.stanzas("/etc/security/login.cfg")) do
      for shell in (stanza.key == "usw" and stanza.attributes.shells or ""):gmatch("[^,%s]+") do
        if not view.exists(shell) then view.say("/etc/security/login.cfg", "usw", ("the shell %s does not exist"):format(shell)) end
      end
    end
  end

  -- Objects that name an object of another class.
  local references = {
    { "/etc/objrepos", "SRCsubsvr", "subsysname", "/etc/objrepos", "SRCsubsys", "subsysname" },
    { "/etc/objrepos", "SRCextmeth", "subsysname", "/etc/objrepos", "SRCsubsys", "subsysname" },
    { "/usr/lib/objrepos", "PdAt", "uniquetype", "/usr/lib/objrepos", "PdDv", "uniquetype" },
    { "/usr/lib/objrepos", "PdCn", "uniquetype", "/usr/lib/objrepos", "PdDv", "uniquetype" },
    { "/usr/lib/objrepos", "PdAtXtd", "uniquetype", "/usr/lib/objrepos", "PdDv", "uniquetype" },
    { "/etc/objrepos", "CuDv", "PdDvLn", "/usr/lib/objrepos", "PdDv", "uniquetype" },
    { "/etc/objrepos", "CuAt", "name", "/etc/objrepos", "CuDv", "name" },
  }

  local function check_references(view)
    for _, r in ipairs(references) do
      local from, to = view.objects(r[1], r[2]), view.objects(r[4], r[5])
      local known, told = {}, {}
      for _, row in ipairs(to or {}) do known[row[r[6]]] = true end
      for _, row in ipairs(to and from or {}) do
        local name = row[r[3]]
        if name ~= "" and not known[name] and not told[name] then
          told[name] = true
          view.say(r[1] .. "/" .. r[2], name, ("%s has no such object"):format(r[5]))
        end
      end
    end
    for _, row in ipairs(view.objects("/etc/objrepos", "SRCsubsys") or {}) do
      if not view.exists(row.path) then
        view.say("/etc/objrepos/SRCsubsys", row.subsysname, ("its program %s does not exist"):format(row.path))
      end
    end
  end

  --- Checks the merged files of the tree against each other; the findings go where those of a method go.
  ---@param ctx altmig.merge.Context
  ---@return integer? findings
  ---@return string? message
  ---@return string? code
  function merge.cross_check(ctx)
    local tree, lines, stores = ctx.tree, {}, {}
    local view = {}
    function view.text(path) return (tree:read(path)) end
    function view.exists(path)
      local target = tree:resolve(path)
      return target ~= nil and tree:exists(target) == true
    end
    function view.stanzas(path)
      local text = view.text(path)
      return text and core.parse(text, path) or {}
    end
    function view.objects(dir, class)
      if stores[dir] == nil then stores[dir] = odm.open(tree, dir) or false end
      return stores[dir] and (stores[dir]:get(class)) or nil
    end
    function view.say(path, key, rule)
      lines[#lines + 1] = ("%s %s -> %s"):format(path, key, rule)
      if ctx.report then ctx.report { severity = "warning", file = path, key = key, chosen = "none", rule = rule } end
      if ctx.log then ctx.log("altmig: cross-check: " .. lines[#lines]) end
    end
    check_stanza_names(view, check_accounts(view))
    check_modules(view)
    check_references(view)
    for _, store in pairs(stores) do
      if store then store:close() end
    end
    if #lines > 0 and ctx.save_report then
      table.sort(lines)
      local ok, message, code = ctx.save_report("cross-check", table.concat(lines, "\n") .. "\n")
      if not ok then return nil, message, code end
    end
    return #lines
  end
end
