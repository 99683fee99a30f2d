-- SPDX-License-Identifier: MIT
-- The cross-check after the last merge method: do the merged files agree with each other and with what
-- there is? It reports and changes nothing. A file that is not there or cannot be read is not checked.

local escape = require "altmig.escape"
local core = require "altmig.merge_core"
local levels = require "altmig.merge.levels"
local odm = require "altmig.odm"
local odm_core = require "altmig.odm_core"
local records = require "altmig.merge.records"
local role = require "altmig.merge.role"
local sorted_keys = require "altmig.sorted_keys"
local tables = require "altmig.merge.table"
local task = require "altmig.merge.task"

local check = {}

local etc, usr, share = "/etc/objrepos", "/usr/lib/objrepos", "/usr/share/lib/objrepos"

-- The fields of each live line of passwd or group.
local function rows_of(text)
  local rows = {}
  for line in (text or ""):gmatch("[^\n]+") do
    local fields = {}
    for field in (line .. ":"):gmatch("([^:]*):") do fields[#fields + 1] = field end
    if #fields >= 3 and not line:match("^[-+#]") then rows[#rows + 1] = fields end
  end
  return rows
end

local function plain(value) return (value or ""):gsub('"', "") end

---------------------------------------------------------------- accounts

local function check_accounts(view)
  local users, groups, gids = {}, {}, {}
  local passwd, group = rows_of(view.text("/etc/passwd")), rows_of(view.text("/etc/group"))
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

local function check_stanza_names(view)
  for path, names in pairs(check_accounts(view) or {}) do
    for _, stanza in ipairs(view.stanzas(path)) do
      if stanza.key ~= "default" and not names[stanza.key] then
        view.say(path, stanza.key, "there is no account or group of this name")
      end
    end
  end
end

-- -2 and 4294967294 are one number.
local function number_of(text)
  local number = math.tointeger(tonumber(text))
  return number and number & 0xffffffff
end

local function owners_by_number(rows)
  local owners, numbers = {}, {}
  for _, row in ipairs(rows) do
    local number = number_of(row[3])
    if number then owners[number], numbers[row[1]] = owners[number] or row[1], numbers[row[1]] or number end
  end
  return owners, numbers
end

-- What the new level owns under a number that is another name's here, or nobody's: the image's files carry
-- numbers. The files are those of the new level's inventory.
local function check_numbers(view)
  for _, kind in ipairs { { "/etc/passwd", "uid" }, { "/etc/group", "gid" } } do
    local path, what = kind[1], kind[2]
    local merged, shipped = rows_of(view.text(path)), rows_of(view.shipped(path))
    local owners, numbers = owners_by_number(merged)
    local wanted = {}
    for _, row in ipairs(#merged > 0 and shipped or {}) do
      local number = number_of(row[3])
      if number and numbers[row[1]] ~= number and (owners[number] or numbers[row[1]]) then
        wanted[#wanted + 1] = { name = row[1], number = number, owner = owners[number] }
      end
    end
    local files = #wanted > 0 and view.files_by(what) or {}
    for _, entry in ipairs(wanted) do
      local list = files[entry.number] or {}
      local shown = table.concat(list, " ", 1, math.min(#list, 20)) .. (#list > 20 and (" and %d more"):format(#list - 20) or "")
      view.say(path, entry.name, ("the new level's %s for it, %d, is %s here; files of the new level that have it: %s"):format(what,
        entry.number, entry.owner and entry.owner .. "'s" or "nobody's", #list == 0 and "none" or #list .. ": " .. shown),
        #list > 0 and "todo" or "warning")
    end
  end
end

-- Two names of one number that the new level brought together.
local function check_double_numbers(view)
  for _, path in ipairs { "/etc/passwd", "/etc/group" } do
    local known, merged = {}, rows_of(view.text(path))
    for _, row in ipairs(rows_of(view.saved(path))) do known[row[1]] = true end
    local owners = owners_by_number(merged)
    for _, row in ipairs(next(known) and merged or {}) do
      local owner = owners[number_of(row[3]) or -1]
      if owner and owner ~= row[1] and not (known[owner] and known[row[1]]) then
        view.say(path, row[1], ("has the number of %s"):format(owner))
      end
    end
  end
end

---------------------------------------------------------------- log-in and rights

local function check_modules(view)
  local modules = { files = true, compat = true, BUILTIN = true, NIS = true, DCE = true }
  for _, stanza in ipairs(view.stanzas("/etc/methods.cfg")) do modules[stanza.key] = true end
  for _, stanza in ipairs(view.stanzas("/etc/security/user")) do
    local registry = plain(stanza.attributes.registry)
    if registry ~= "" and not modules[registry] then
      view.say("/etc/security/user", stanza.key, ("registry %s is not in methods.cfg"):format(registry))
    end
  end
end

local function check_shells(view)
  for _, stanza in ipairs(view.stanzas("/etc/security/login.cfg")) do
    for _, shell in ipairs(stanza.key == "usw" and records.items(stanza.attributes.shells) or {}) do
      if not view.exists(shell) then view.say("/etc/security/login.cfg", "usw", ("the shell %s does not exist"):format(shell)) end
    end
  end
  for _, stanza in ipairs(view.stanzas("/etc/security/mkuser.default")) do
    local shell = plain(stanza.attributes.shell)
    if shell ~= "" and not view.exists(shell) then
      view.say("/etc/security/mkuser.default", stanza.key, ("the shell %s does not exist"):format(shell))
    end
  end
end

-- Who makes passwords: the algorithms of pwdalg.cfg, each with its module. "crypt" needs none.
local function check_algorithms(view)
  local path, modules = "/etc/security/pwdalg.cfg", {}
  if not view.text(path) then return end
  for _, stanza in ipairs(view.stanzas(path)) do
    local module = plain(stanza.attributes.lpa_module)
    modules[stanza.key] = module:sub(1, 1) == "/" and module or "/usr/lib/security/" .. module
  end
  local function problem(name)
    if name == "" or name == "crypt" then return nil end
    if not modules[name] then return ("%s does not define it"):format(path) end
    if view.exists(modules[name]) or view.exists(modules[name] .. "_64") then return nil end
    return ("its module %s does not exist"):format(modules[name])
  end
  local users = {}
  for _, stanza in ipairs(view.stanzas("/etc/security/passwd")) do
    local name = plain(stanza.attributes.password):match("^{([^}]+)}")
    if name then
      users[name] = users[name] or {}
      table.insert(users[name], stanza.key)
    end
  end
  for _, name in ipairs(sorted_keys(users)) do
    local why, list = problem(name), users[name]
    if why then
      view.say("/etc/security/passwd", name, ("%d account%s a password made so (%s%s), and %s: no log-in with it"):format(#list,
        #list == 1 and " has" or "s have", table.concat(list, " ", 1, math.min(#list, 5)), #list > 5 and " ..." or "", why), "todo")
    end
  end
  for _, stanza in ipairs(view.stanzas("/etc/security/login.cfg")) do
    local name = plain(stanza.attributes.pwd_algorithm)
    local why = stanza.key == "usw" and problem(name)
    if why then view.say("/etc/security/login.cfg", "usw", ("pwd_algorithm is %s, and %s"):format(name, why), "todo") end
  end
end

-- Words that a program of the new level does not take any more, or takes otherwise. Each line is told once.
local function check_words(view)
  local seen = {}
  for _, row in ipairs(levels.words) do
    for _, path in ipairs(row.files) do
      if not seen[path] then
        seen[path] = true
        for _, found in ipairs(levels.refused(path, view.text(path) or "", view.target, view.source)) do
          view.say(path, found.line, found.row.text, found.row.breaks and "todo" or "warning")
        end
      end
    end
  end
end

local function names_in(view, path)
  local names = {}
  for _, stanza in ipairs(view.stanzas(path)) do names[stanza.key] = true end
  return names
end

-- Whether a database is looked up in another place than the local files.
local function is_remote(view, database)
  for _, stanza in ipairs(view.stanzas("/etc/nscontrol.conf")) do
    if stanza.key == database then return plain(stanza.attributes.secorder):gsub("files", ""):match("%w") ~= nil end
  end
  return false
end

-- Attributes that name authorizations; authprivs names them with privileges behind.
local granting = {
  { "/etc/security/privcmds", "accessauths", "authprivs" }, { "/etc/security/privfiles", "readauths", "writeauths" },
  { "/etc/security/roles", "authorizations" },
}

local function check_authorizations(view)
  if is_remote(view, "authorizations") then return end
  local known = names_in(view, "/etc/security/authorizations")
  for _, entry in ipairs(granting) do
    for _, stanza in ipairs(view.stanzas(entry[1])) do
      for i = 2, #entry do
        for _, item in ipairs(records.items(stanza.attributes[entry[i]])) do
          local name = item:match("^[^=]*")
          if not known[name] and not role.is_system_authorization(name) then
            view.say(entry[1], stanza.key, ("%s: there is no authorization %s"):format(entry[i], name))
          end
        end
      end
    end
  end
end

local function check_roles(view)
  if is_remote(view, "roles") then return end
  local roles = names_in(view, "/etc/security/roles")
  if not next(roles) then return end
  for _, stanza in ipairs(view.stanzas("/etc/security/user.roles")) do
    for _, name in ipairs(records.items(stanza.attributes.roles)) do
      if not roles[name] then view.say("/etc/security/user.roles", stanza.key, ("there is no role %s"):format(name)) end
    end
  end
end

local function check_ldap(view)
  local path = "/etc/security/ldap/ldap.cfg"
  for line in (view.text(path) or ""):gmatch("[^\n]+") do
    local key, map = line:match("^%s*(%w+mappath)%s*:%s*(%S+)")
    if map and not view.exists(map) then view.say(path, key, ("the map %s does not exist"):format(map)) end
  end
end

---------------------------------------------------------------- tables

local function check_vfs(view)
  local path, names, default = "/etc/vfs", {}, nil
  for line in (view.text(path) or ""):gmatch("[^\n]+") do
    local words = {}
    for word in line:gsub("#.*", ""):gmatch("%S+") do words[#words + 1] = word end
    if words[1] == "%defaultvfs" then
      default = words
    elseif words[1] and words[1]:sub(1, 1) ~= "%" then
      names[words[1]] = true
      for i = 3, 4 do
        if not tables.has_helper(view.tree, words[i]) then view.say(path, words[1], ("the helper %s does not exist"):format(words[i])) end
      end
    end
  end
  for i = 2, #(default or {}) do
    if not names[default[i]] then view.say(path, default[1], ("there is no type %s"):format(default[i])) end
  end
end

-- The program of a command line; nil where the shell finds it, or finds that it is not there.
local function program_of(command)
  return command:gsub("^%s*exec%s+", ""):gsub("^%s*[\"']", ""):match("^%s*(/[^%s;&|<>\"']+)")
end

local function check_inittab(view)
  local path = "/etc/inittab"
  for line in (view.text(path) or ""):gmatch("[^\n]+") do
    local id, action, command = line:match("^([^:#][^:]*):[^:]*:([^:]*):(.*)$")
    local program = id and action ~= "off" and program_of(command)
    if program and not view.exists(program) then view.say(path, id, ("its program %s does not exist"):format(program)) end
  end
end

local function check_streams(view)
  for _, path in ipairs { "/etc/pse.conf", "/etc/xtiso.conf" } do
    for line in (view.text(path) or ""):gmatch("[^\n]+") do
      local name = line:match("^%s*[dms+]+%s+([^%s#]+)")
      local object = name and (name:sub(1, 1) == "/" and name or "/usr/lib/drivers/pse/" .. name)
      if object and not view.exists(object) then view.say(path, name, ("the extension %s does not exist"):format(object)) end
    end
  end
end

---------------------------------------------------------------- object classes

-- Objects that name an object of another class.
local references = {
  { etc, "SRCsubsvr", "subsysname", etc, "SRCsubsys", "subsysname" },
  { etc, "SRCextmeth", "subsysname", etc, "SRCsubsys", "subsysname" },
  { usr, "PdAt", "uniquetype", usr, "PdDv", "uniquetype" },
  { usr, "PdCn", "uniquetype", usr, "PdDv", "uniquetype" },
  { usr, "PdAtXtd", "uniquetype", usr, "PdDv", "uniquetype" },
  { etc, "CuDv", "PdDvLn", usr, "PdDv", "uniquetype" },
  { etc, "CuAt", "name", etc, "CuDv", "name" },
}

local function set_of(list)
  local set = {}
  for _, value in ipairs(list) do set[value] = true end
  return set
end

local function check_references(view)
  for _, r in ipairs(references) do
    local to, from = view.column(r[4], r[5], r[6]), view.column(r[1], r[2], r[3])
    local known, told = set_of(to or {}), {}
    for _, name in ipairs(to and from or {}) do
      if name ~= "" and not known[name] and not told[name] then
        told[name] = true
        view.say(r[1] .. "/" .. r[2], name, ("%s has no such object"):format(r[5]))
      end
    end
  end
end

-- A notification is of a subsystem or of a group of them.
local function check_subsystems(view)
  local names, programs = view.column(etc, "SRCsubsys", "subsysname"), view.column(etc, "SRCsubsys", "path")
  if not names then return end
  for i, program in ipairs(programs) do
    if not view.exists(program) then
      view.say(etc .. "/SRCsubsys", names[i], ("its program %s does not exist"):format(program))
    end
  end
  local known = set_of(names)
  for _, group in ipairs(view.column(etc, "SRCsubsys", "grpname")) do known[group] = true end
  for _, name in ipairs(view.column(etc, "SRCnotify", "notifyname") or {}) do
    if not known[name] then view.say(etc .. "/SRCnotify", name, "SRCsubsys has no such subsystem or group") end
  end
end

-- SMIT: what menus and selectors lead to, and the options of dialogs. The classes are in three places.
local function check_smit(view)
  local targets, options = {}, {}
  for _, dir in ipairs { usr, etc, share } do
    for _, class in ipairs { "sm_menu_opt", "sm_name_hdr", "sm_cmd_hdr" } do
      for _, id in ipairs(view.column(dir, class, "id") or {}) do targets[id] = true end
    end
    for _, id in ipairs(view.column(dir, "sm_cmd_opt", "id") or {}) do options[id] = true end
  end
  local function look(dir, class, field, known, what)
    local ids, told = view.column(dir, class, "id") or {}, {}
    for i, target in ipairs(view.column(dir, class, field) or {}) do
      if target ~= "" and target:sub(1, 1) ~= "_" and not known[target] and not told[target] then
        told[target] = true
        view.say(dir .. "/" .. class, ids[i], what:format(target))
      end
    end
  end
  for _, dir in ipairs { usr, etc, share } do
    look(dir, "sm_menu_opt", "next_id", targets, "leads to %s, which does not exist")
    look(dir, "sm_name_hdr", "next_id", targets, "leads to %s, which does not exist")
    look(dir, "sm_name_hdr", "option_id", options, "has the options %s, which do not exist")
    look(dir, "sm_cmd_hdr", "option_id", options, "has the options %s, which do not exist")
  end
end

local checks = { check_stanza_names, check_numbers, check_double_numbers, check_modules, check_shells, check_algorithms,
  check_words, check_authorizations, check_roles, check_ldap, check_vfs, check_inittab, check_streams, check_references,
  check_subsystems, check_smit }

---------------------------------------------------------------- what the checks see

-- Files of the new level's inventory, as they are in the tree, by owner or group.
local function files_by(ctx, view, what)
  local files, seen = {}, {}
  for _, dir in ipairs { usr, etc, share } do
    local data = view.shipped(dir .. "/inventory")
    local image <close> = data and odm_core.parse(dir, data, view.shipped(dir .. "/inventory.vc")) or nil
    for _, path in ipairs(image and image:column("loc0") or {}) do
      local stat = not seen[path] and path:sub(1, 1) == "/" and ctx.tree:stat(path)
      seen[path] = true
      local number = stat and stat[what] & 0xffffffff
      if number then
        files[number] = files[number] or {}
        table.insert(files[number], path)
      end
    end
  end
  return files
end

-- A reader of the context that has nothing where a file cannot be read.
local function reader(fn)
  return function(path)
    if not fn then return nil end
    local ok, data = pcall(fn, path)
    return ok and data or nil
  end
end

local function view_of(ctx, lines)
  local tree, stores, stanzas = ctx.tree, {}, {}
  local view = { tree = tree, source = ctx.source, target = ctx.target, saved = reader(ctx.saved), shipped = reader(ctx.shipped_new) }
  function view.text(path) return (tree:read(path)) end
  function view.exists(path) return task.exists(tree, path) end
  function view.stanzas(path)
    if not stanzas[path] then
      local text = view.text(path)
      stanzas[path] = text and core.parse(text, path) or {}
    end
    return stanzas[path]
  end
  -- A field of all objects of a class; nil where there is no such class.
  function view.column(dir, class, field)
    if stores[dir] == nil then stores[dir] = odm.open(tree, dir) or false end
    local image = stores[dir] and stores[dir]:image(class)
    return image and image:column(field)
  end
  function view.files_by(what) return files_by(ctx, view, what) end
  function view.say(path, key, rule, severity)
    lines[#lines + 1] = escape.line(("%s %s -> %s"):format(path, key, rule))
    if ctx.report then ctx.report { severity = severity or "warning", file = path, key = key, chosen = "none", rule = rule } end
    if ctx.log then ctx.log("altmig: cross-check: " .. lines[#lines]) end
  end
  function view.close()
    for _, store in pairs(stores) do
      if store then store:close() end
    end
  end
  return view
end

--- Checks the merged files; the findings go where those of a method go.
---@param ctx altmig.merge.Context
---@return integer findings
function check.run(ctx)
  local lines = {}
  local view = view_of(ctx, lines)
  for _, one in ipairs(checks) do one(view) end
  view.close()
  if #lines > 0 and ctx.save_report then
    table.sort(lines)
    ctx.save_report("cross-check", table.concat(lines, "\n") .. "\n")
  end
  return #lines
end

return check
