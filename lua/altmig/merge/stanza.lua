-- SPDX-License-Identifier: MIT
-- The methods that merge stanza files, driven by one table, and the two that need a little more.
--
-- Which files secur_mig covers, and all classes, are not public (inferred: secur-mig-files): correct them here.

local core = require "altmig.merge_core"
local err = require "altmig.err"
local records = require "altmig.merge.records"
local sorted_keys = require "altmig.sorted_keys"
local task = require "altmig.merge.task"
local users = require "altmig.merge.users"
local mode = require "altmig.mode"

local stanza_files = { methods = {} }

-- Shapes: classes (who wins when both changed an attribute; default the site; what is a set), sets, fold_case,
-- algorithms (of passwords), and
--   admit   "accounts" or "groups", so that a record of the new level comes in only for one that exists; "new
--           accounts": only for an account that came with the new level
--   held    attributes that a migration does not change in a record of the site's, and does not bring into one unless
--           with the value given: what passwords must be like and how they are made is the site's decision
--   held_everywhere   these also in a record that the site does not have
local function sets(...)
  local classes = {}
  for i, name in ipairs { ... } do classes[i] = { name = name, set = true } end
  return classes
end

-- What passwords must be like, with the value that asks for nothing (documented: /etc/security/user): with that one it
-- may come. A rule that comes over night locks people out: what is older than a new maxage has expired.
local password_rules = { maxexpired = "-1", maxrepeats = "8", dictionlist = "", pwdchecks = "" }
for name in ([[minlen minalpha minother mindigit minspecialchar minloweralpha minupperalpha mindiff minage maxage histsize
  histexpire loginretries]]):gmatch("%S+") do
  password_rules[name] = "0"
end

local files = {
  ["/etc/security/privcmds"] = { classes = sets("accessauths", "authprivs", "authroles", "innateprivs", "inheritprivs", "secflags") },
  ["/etc/security/privdevs"] = { classes = sets("readprivs", "writeprivs") },
  ["/etc/security/login.cfg"] = { sets = true, classes = { { record = "usw", name = "shells", class = "list" } },
    held = { pwd_algorithm = "crypt", unix_passwd_compat = "false" }, held_everywhere = true },
  ["/etc/security/user"] = { admit = "accounts", held = password_rules },
  ["/etc/security/user.roles"] = { admit = "new accounts" }, -- a role is a grant
  ["/etc/security/limits"] = { admit = "accounts" },
  ["/etc/security/environ"] = { admit = "accounts" },
  ["/etc/security/smitacl.user"] = { admit = "accounts" },
  ["/etc/security/smitacl.group"] = { admit = "groups" },
  ["/etc/security/pwdalg.cfg"] = { algorithms = true },
  ["/etc/security/audit/config"] = { lists = "classes" },
  ["/etc/security/audit/objects"] = {},
  ["/etc/security/audit/events"] = { default = "system" }, -- event names are facts of a level
  ["/etc/secvars.cfg"] = { fold_case = true },
  ["/etc/nscontrol.conf"] = {},
}

-- Every attribute of this stanza is a list, whatever the site called it.
local function classes_of_lists(this, path, stanza)
  local classes, input = {}, this:input(path)
  for _, text in pairs { input.o or "", input.c or "", input.n or "" } do
    for _, record in ipairs(core.parse(text, path) or {}) do
      for name in pairs(record.key == stanza and record.attributes or {}) do
        classes[#classes + 1] = { record = stanza, name = name, class = "list" }
      end
    end
  end
  return classes
end

-- Where a module for passwords is: names without a directory are in that of the system (documented).
local function module_path(name)
  if not name or name == "" then return nil end
  return name:sub(1, 1) == "/" and name or "/usr/lib/security/" .. name
end

-- The module of an algorithm is the new level's where the site's is not there any more.
local function classes_of_modules(this, input, path)
  local classes, c = {}, records.by_key(records.readable(input.c, path))
  for _, record in ipairs(records.readable(input.n, path)) do
    local ours, new = c[record.key] and c[record.key].lpa_module, record.attributes.lpa_module
    if ours and not this:exists(module_path(ours)) and this:exists(module_path(new)) then
      classes[#classes + 1] = { record = record.key, name = "lpa_module", class = "system" }
    end
  end
  return classes
end

-- The new level's text with the algorithms that only the site's file has: passwords made with them stay valid, also
-- where the vendor took them out and the site never touched the file.
local function with_algorithms(this, path, input)
  local n, text = records.by_key(records.readable(input.n, path)), input.n
  for _, record in ipairs(records.readable(input.c, path)) do
    if not n[record.key] then
      local lines = { ("%s%s:"):format(text:sub(-2) == "\n\n" and "" or text:sub(-1) == "\n" and "\n" or text == "" and "" or "\n\n",
        record.key) }
      for _, name in ipairs(sorted_keys(record.attributes)) do lines[#lines + 1] = ("\t%s = %s"):format(name, record.attributes[name]) end
      text = text .. table.concat(lines, "\n") .. "\n"
      n[record.key] = record.attributes
      this:note("note", path, record.key, "C", "not in the new file: kept, since passwords may be made with it")
    end
  end
  return text
end

-- The new level's text with what is held as the site has it.
local function with_held(this, path, input, shape)
  local c, values = records.by_key(records.readable(input.c, path)), {}
  for _, record in ipairs(records.readable(input.n, path)) do
    local ours = c[record.key]
    local held = (ours or shape.held_everywhere) and shape.held or {}
    for _, name in ipairs(sorted_keys(held)) do
      local mine, new = ours and ours[name], record.attributes[name]
      if mine ~= new and (mine or new ~= held[name]) then
        values[record.key] = values[record.key] or {}
        values[record.key][name] = mine or false
        if new then
          this:report { { severity = "note", file = path, key = record.key, attribute = name, c = mine, n = new, chosen = "C",
            rule = "a migration does not change how passwords are made and what they must be like: yours stays" } }
        end
      end
    end
  end
  return next(values) and records.set(input.n, path, values) or input.n
end

-- The new level's text without what it says of an account that is another one here.
local function without_own_accounts(this, path, input)
  local gone = {}
  local own = users.own_accounts(this)
  for _, record in ipairs(records.readable(input.n, path)) do
    if own[record.key] then
      gone[record.key] = true
      this:note("warning", path, record.key, "C", "the site has an account of its own of this name: what the new level says of it "
        .. "does not count")
    end
  end
  return next(gone) and records.without(input.n, path, gone) or input.n
end

local function merge_file(this, path)
  local shape, input = files[path], this:input(path)
  local both = input.c and input.n and core.whole(path, input) ~= "kept"
  if both and shape.held then input.n = with_held(this, path, input, shape) end
  if both and shape.admit == "accounts" then input.n = without_own_accounts(this, path, input) end
  if both and shape.algorithms then input.n = with_algorithms(this, path, input) end
  local classes = shape.lists and classes_of_lists(this, path, shape.lists)
    or shape.algorithms and classes_of_modules(this, input, path) or shape.classes
  return this:merge_file({
    file = path, classes = classes, default = shape.default, sets = shape.sets, fold_case = shape.fold_case,
    admit = shape.admit and (shape.admit == "groups" and users.groups(this) or shape.admit == "accounts" and users.accounts(this)
      or users.new_accounts(this)) or nil,
  }, input)
end

local function merge_files(entry, this)
  return this:each_file(entry.files, function(path) return merge_file(this, path) end)
end

for _, title in ipairs { "privcmds_mig", "privdevs_mig", "login_mig", "user_mrg", "secur_mig", "secvarscfg_mig", "nscontrol_mig" } do
  stanza_files.methods[title] = merge_files
end

-- --- methods.cfg ---------------------------------------------------------------------------------

local programs = { "program", "program_64" }

-- New modules come in if their program is there (compound ones have none); a program of the site's
-- gives way only if it is gone and the new level's is there.
local function module_rules(this, path, input)
  local admit, classes = {}, {}
  local c = records.by_key(err.check(core.parse(input.c or "", path)))
  for _, stanza in ipairs(err.check(core.parse(input.n or "", path))) do
    local new, ours = stanza.attributes, c[stanza.key] or {}
    if (not new.program and not new.program_64) or this:exists(new.program) or this:exists(new.program_64) then
      admit[#admit + 1] = stanza.key
    end
    for _, name in ipairs(programs) do
      if ours[name] and not this:exists(ours[name]) and this:exists(new[name]) then
        classes[#classes + 1] = { record = stanza.key, name = name, class = "system" }
      end
    end
  end
  return { file = path, admit = admit, classes = classes }
end

-- Modules that a compound module names and nobody defines: log-in through it fails.
local function check_modules(this, path, text)
  local stanzas = core.parse(text, path) or {}
  local known = records.by_key(stanzas)
  for _, stanza in ipairs(stanzas) do
    for key, name in (stanza.attributes.options or ""):gmatch("(%l+)%s*=%s*([^,%s\"]+)") do
      if (key == "auth" or key == "db") and name ~= "BUILTIN" and name ~= "files" and not known[name] then
        this:note("warning", path, stanza.key, "C", ("names the module %s, which is not defined"):format(name), "options")
      end
    end
  end
end

-- An old level may have the file itself in the place of the link: its content moves to /etc, and the
-- link takes its place.
local function make_link(this, at, target)
  local tree = this.ctx.tree
  local stat = tree:stat(at)
  if not stat or stat.type ~= "file" then return end
  local temporary = at .. ".altmig-link"
  this:remove_index(temporary)
  err.check(tree:symlink(target, temporary))
  err.check(tree:rename(temporary, at))
end

function stanza_files.methods.methods_mig(_, this)
  local path, other = "/etc/methods.cfg", "/usr/lib/security/methods.cfg"
  local input = this:input(path)
  local moved = not input.c and this.ctx.saved(other)
  if moved then input.c, input.o = moved, this.ctx.shipped_old(other) end
  local result = this:records(module_rules(this, path, input), input)
  if result.text then
    check_modules(this, path, result.text)
    this:write(path, result.text)
    if moved then make_link(this, other, path) end
  end
  return result.status == "absent" and "new" or result.status
end

-- --- mkuser.default, mkuser.sys ------------------------------------------------------------------

local custom = "/etc/security/mkuser.sys.custom"

-- The shipped script is not to be edited. An edited one becomes the custom script that the shipped
-- one knows, but not executable: turning it on is for the administrator.
local function merge_script(this, path)
  local input = this:input(path)
  local status = core.whole(path, input)
  if status == "absent" then return "new" end
  if status == "kept" and not input.n then
    this:write(path, input.c)
    return "kept"
  end
  this:write(path, input.n)
  if status == "new" or this.ctx.saved(custom) then return "new" end
  local access = this:access(path)
  access.mode = access.mode & ~mode.EXECUTE
  this:write(custom, input.c, access)
  -- A copy of the shipped script would call itself for ever.
  local calls_itself = input.c:find(custom, 1, true) and "take its own call of that file out, then " or ""
  this:note("warning", path, nil, "N", ("the shipped script is not to be changed: yours is %s; %schmod +x turns it on"):format(
    custom, calls_itself))
  return "merged"
end

function stanza_files.methods.mkusr_mig(entry, this)
  local statuses = {}
  for _, path in ipairs(entry.files) do
    local stat = this.ctx.tree:stat(path)
    -- A link of both levels: its file is merged in its own place.
    if this.ctx.saved(path) or (stat and stat.type == "file") then
      statuses[#statuses + 1] = path:match("%.sys$") and merge_script(this, path) or this:merge_file({ file = path }, this:input(path))
    end
  end
  return task.join(statuses)
end

return stanza_files
