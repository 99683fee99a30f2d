-- SPDX-License-Identifier: MIT
-- What every merge method promises, over random files of its grammar:
--   what the site did not change is the new level's file, byte for byte;
--   what the vendor did not change is the site's file, byte for byte;
--   merging the result again changes nothing;
--   no record that the site added is lost, no mandatory record that is shipped is missing.
-- Where a method promises something else, its entry below says so and why. A failure prints the seed:
-- MERGE_SEED=N repeats it. MERGE_SECONDS=N tries longer.

local lu = require "luaunit"
local core = require "altmig.merge_core"
local merge = require "altmig.merge"
local merge_case = require "merge_case"
local odm = require "altmig.odm"
local odm_core = require "altmig.odm_core"
local odm_stale = require "odm_stale"
local sys = require "altmig.sys"
local tree = require "altmig.tree"

local SECONDS = tonumber(os.getenv("MERGE_SECONDS")) or 0.05 -- for each family; at least LEAST rounds
local LEAST = 12

local random = math.random
local function pick(list) return list[random(#list)] end
local function chance(n) return random(n) == 1 end

local dir, t

---------------------------------------------------------------- random files

-- A file is a list of records { key=, fields={name=value}, comment= }. A family says what fields there are
-- (a list of { name, values... }; optional unless all=true) and how the keys are made.

local function values_of(family, key, record)
  for _, field in ipairs(family.fields) do
    local values = field.values
    if type(values) == "function" then values = values(key) end
    if family.all or chance(2) then record.fields[field.name] = pick(values) end
  end
  return record
end

local function new_record(family, key)
  local record = { key = key, fields = {}, options = family.with and random(0, 3) or nil, off = family.mark and chance(4) or nil }
  if not family.no_comments and chance(5) then record.comment = "a word about " .. key end
  return values_of(family, key, record)
end

local function copy(record)
  local fields = {}
  for name, value in pairs(record.fields) do fields[name] = value end
  return { key = record.key, fields = fields, comment = record.comment, options = record.options, off = record.off }
end

local function base(family)
  local records = {}
  for i = 1, random(0, 7) do
    if chance(5) and family.default then records[#records + 1] = new_record(family, "default") end
    records[#records + 1] = new_record(family, family.key(i))
  end
  local seen = {}
  for i = #records, 1, -1 do
    if seen[records[i].key] then table.remove(records, i) end
    seen[(records[i] or {}).key or ""] = true
  end
  return records
end

-- Records as somebody left them who got `records`: some gone, some changed, some new ones from `first` on.
local function edited(family, records, first)
  local out = {}
  for _, record in ipairs(records) do
    local own = copy(record)
    if chance(4) then
      local field = pick(family.fields)
      local values = type(field.values) == "function" and field.values(own.key) or field.values
      own.fields[field.name] = (family.all or not chance(4)) and pick(values) or nil
    end
    if family.mark and chance(5) then own.off = not own.off end
    if not chance(6) then out[#out + 1] = own end
  end
  local seen = {}
  for _, record in ipairs(out) do seen[record.key] = true end
  for i = first, first + random(0, 3) - 1 do
    local key = family.key(i)
    if not seen[key] then table.insert(out, family.anywhere and random(#out + 1) or #out + 1, new_record(family, key)) end
    seen[key] = true
  end
  return out
end

local function names_in_order(family, record)
  local names = {}
  for _, field in ipairs(family.fields) do
    if record.fields[field.name] ~= nil then names[#names + 1] = field.name end
  end
  return names
end

---------------------------------------------------------------- grammars

local function stanza_text(family, records)
  local out = { chance(3) and "* What this file is.\n\n" or "" }
  for _, record in ipairs(records) do
    if record.comment then out[#out + 1] = "* " .. record.comment .. "\n" end
    out[#out + 1] = record.key .. ":\n"
    for _, name in ipairs(names_in_order(family, record)) do
      out[#out + 1] = ("\t%s = %s\n"):format(name, record.fields[name])
    end
    if not chance(6) then out[#out + 1] = "\n" end
  end
  return table.concat(out)
end

local function parsed_keys(grammar)
  return function(text, path)
    local keys = {}
    for _, record in ipairs(assert(core.parse(text, path, grammar))) do keys[record.key] = true end
    return keys
  end
end

local function row_text(separator)
  return function(family, records)
    local out = {}
    for _, record in ipairs(records) do
      if record.comment then out[#out + 1] = "# " .. record.comment .. "\n" end
      local words = { record.key }
      for _, name in ipairs(names_in_order(family, record)) do words[#words + 1] = record.fields[name] end
      out[#out + 1] = (record.off and family.mark or "") .. table.concat(words, separator) .. "\n"
    end
    return table.concat(out)
  end
end

local function first_words(pattern)
  return function(text)
    local keys = {}
    for line in text:gmatch("[^\n]+") do
      local key = line:match(pattern)
      if key then keys[key] = true end
    end
    return keys
  end
end

local layouts = {}
for _, layout in ipairs(assert(odm.definitions [[
class Config_Rules { short phase; short seq; long boot_mask; char rule[256]; };
class SRCsubsys { char subsysname[30]; char synonym[30]; char cmdargs[1024]; char path[1024]; long uid; short signorm; };
class SRCextmeth { long action; char subsysname[30]; char method[1024]; char user[30]; };
class SWservAt { char attribute[24]; char deflt[256]; char value[256]; };
class PdDv { char type[16]; char class[16]; char subclass[16]; char DvDr[16]; char uniquetype[48]; };
class PdAt { char uniquetype[48]; char attribute[16]; char deflt[256]; char values[256]; char type[8]; char rep[8]; };
class PdAtXtd { char uniquetype[48]; char attribute[16]; vchar operation[16]; vchar operation_value[256]; vchar help[256]; };
class errnotify { long en_pid; char en_name[16]; short en_persistenceflg; char en_method[255]; };
class lpp { char name[145]; short state; short ver; short rel; short mod; short fix; short lpp_id; };
class GAI { long Adapter_Id; char Module_Key[11]; };
class fix { char name[16]; char abstract[60]; vchar filesets[64]; };
class sm_menu_opt { char id_seq_num[17]; char id[65]; char next_id[65]; vchar text[1025]; char next_type[2]; char alias[2]; };
class sm_name_hdr { char id[65]; vchar name[1025]; };
class sm_cmd_hdr { char id[65]; vchar option_id[65]; vchar cmd_to_exec[1025]; };
class sm_cmd_opt { char id_seq_num[17]; char id[65]; vchar name[1025]; };
]])) do layouts[layout.name] = layout.descriptors end

-- The bytes of a class; the two files are told apart by the paths.
local function class_bytes(class, records)
  local image <close> = assert(odm_core.create(class, class, layouts[class]))
  for _, record in ipairs(records) do assert(image:add(record.fields)) end
  local data, strings = image:images()
  return odm_stale.age(data, class), strings
end

---------------------------------------------------------------- families

local families = {}

local function words(...) return { ... } end
local values = words("a", "b", "c,d", "\"x y\"", "")

local function stanzas(title, path, more)
  local family = { title = title, path = path, text = stanza_text, keys = parsed_keys "stanza", anywhere = true,
    key = function(i) return "name" .. i end,
    fields = { { name = "one", values = values }, { name = "two", values = values }, { name = "three", values = values } } }
  for name, value in pairs(more or {}) do family[name] = value end
  families[#families + 1] = family
end

-- Every name a file can have is an account and a group.
local accounts = {}
for i = 1, 40 do accounts[i] = ("name%d:!:%d:1::/:/bin/sh\n"):format(i, 100 + i) end
local lists = words("a", "b", "a,b", "b,c", "c,d,a")
local function program(i) return ("/opt/p%d"):format(i) end

stanzas("privcmds_mig", "/etc/security/privcmds", { key = program })
stanzas("privdevs_mig", "/etc/security/privdevs", { key = program })
stanzas("login_mig", "/etc/security/login.cfg", { default = true,
  key = function(i) return i % 3 == 0 and "usw" .. i or ("/dev/tty%d,/dev/tty%da"):format(i, i) end })
stanzas("login_mig", "/etc/security/login.cfg", { key = function() return "usw" end, fields = { { name = "shells", values = lists } } })
stanzas("user_mrg", "/etc/security/user", { default = true, accounts = true })
for _, name in ipairs { "limits", "environ", "smitacl.user", "pwdalg.cfg", "audit/config", "audit/objects", "audit/events",
  "user.roles" } do
  -- An algorithm that the vendor dropped stays: passwords are made with it.
  stanzas("secur_mig", "/etc/security/" .. name, { default = name == "limits", accounts = true, vendor_drops_stay = name == "pwdalg.cfg" })
end
stanzas("secur_mig", "/etc/security/audit/config", { key = function() return "classes" end,
  fields = { { name = "one", values = lists }, { name = "two", values = lists } } })
stanzas("methods_mig", "/etc/methods.cfg", { exist = { "/usr/lib/security/M" },
  fields = { { name = "program", values = words "/usr/lib/security/M" }, { name = "options", values = words("authonly",
    "\"db=BUILTIN\"") } } })
stanzas("mkusr_mig", "/etc/security/mkuser.default")
stanzas("secvarscfg_mig", "/etc/secvars.cfg", { fields = { { name = "one", values = words("true", "false", "x") } } })
stanzas("nscontrol_mig", "/etc/nscontrol.conf", { fields = { { name = "secorder", values = words("files", "LDAP,files") } } })
-- The numbers of roles are facts: of a shipped role the site's, of new ones the next free.
stanzas("RoleMerge", "/etc/security/roles", { all = true, fields = {
  { name = "id", values = function(key) return { (key:match("%d+")) } end }, { name = "authorizations", values = lists },
  { name = "groups", values = lists } },
    extra = { ["/etc/security/authorizations"] = "a:\n\tid = 1\n\nb:\n\tid = 2\n\nc:\n\tid = 3\n\nd:\n\tid = 4\n" } })
stanzas("SysckMerge", "/etc/security/sysck.cfg", { key = program, exist_keys = program, fields = { { name = "type",
  values = words("FILE", "file") },
  { name = "mode", values = words("SUID,r--", "r--") }, { name = "class", values = lists }, { name = "size", values = words("1",
    "2") } } })

local function lines(title, path, more)
  local family = { title = title, path = path, text = row_text "\t", all = true, anywhere = true,
    key = function(i) return "name" .. i end }
  for name, value in pairs(more) do family[name] = value end
  families[#families + 1] = family
end

lines("ODM_merge vfs", "/etc/vfs", { keys = parsed_keys "vfs", exist = { "/sbin/helpers/h1", "/sbin/helpers/h2" }, fields = {
  -- a number of its own for each: a clash is commented out
  { name = "number", values = function(key) return { (key:match("%d+")) } end },
  { name = "mount", values = words("none", "h1", "/sbin/helpers/h2") }, { name = "fs", values = words("none", "h2") } } })
for _, name in ipairs { "pse.conf", "xtiso.conf" } do
  lines("ODM_merge " .. name, "/etc/" .. name, { keys = parsed_keys "pse", key = function(i) return "d+\tdrv" .. i % 4 .. "\ta" .. i end,
    fields = { { name = "node", values = words("/dev/x", "/dev/y", "-") } }, in_fields = true })
end
for _, name in ipairs { "aixuser", "2307group" } do
  lines("ldapmap_mig", "/etc/security/ldap/" .. name .. ".map", { keys = parsed_keys "ldapmap", fields = {
    { name = "type", values = words("SEC_CHAR", "SEC_INT") }, { name = "ldap", values = function(key) return { key .. "x",
      key .. "y" } end },
    { name = "valuetype", values = words("s", "m") }, { name = "unit", values = words("days", "na") } } })
end
-- N is the frame; without a server the client was not configured, and N is all.
lines("ldapcfg_mig", "/etc/security/ldap/ldap.cfg", { text = row_text ":", keys = first_words "^([%w]+):", no_comments = true,
  key = function(i) return i == 1 and "ldapservers" or "key" .. i end, fields = { { name = "value", values = words("a", "b:c",
    "d=e ") } },
  needs = "ldapservers" })

-- Lines that can be switched off.
lines("inittab_mig", "/etc/inittab", { text = row_text ":", keys = first_words "^(%w+):", mark = ":", fields = {
  { name = "level", values = words("2", "23") }, { name = "action", values = words("once", "off") },
  { name = "command", values = words("/usr/sbin/a", "/usr/sbin/b >/dev/null 2>&1 # of it", "") } } })
for _, path in ipairs { "/etc/rc.tcpip", "/etc/rc.nfs" } do
  lines("rc_mig", path, { text = row_text " ", keys = first_words "^start /usr/sbin/(%w+)", mark = "#", key = function(i)
    return "start /usr/sbin/name" .. i end, fields = { { name = "how", values = words('"$src_running"', '"$src_running" "-a"') } } })
end
lines("inetd_mig", "/etc/inetd.conf", { keys = first_words "^(%w+)\t", mark = "#", fields = {
  { name = "type", values = words "stream" }, { name = "protocol", values = words("tcp", "tcp6") },
  { name = "wait", values = words "nowait" },
  { name = "user", values = words("root", "nobody") }, { name = "program", values = words("/usr/sbin/a", "internal") } } })
lines("environment_mig", "/etc/environment", { text = row_text "=", keys = first_words "^(%w+)=", mark = "#", fields = {
  { name = "value", values = words("a", "/usr/bin:/etc", "b=c", "") } } })

-- passwd and group with their shadows: accounts are never taken away, so an account that the vendor dropped stays.
local function shadow(records)
  local out = {}
  for _, record in ipairs(records) do
    if record.shadow then out[#out + 1] = ("%s:\n\tpassword = %s\n\n"):format(record.key, record.shadow) end
  end
  return table.concat(out)
end

lines("passwd_mig", "/etc/passwd", { text = row_text ":", keys = first_words "^([%w]+):", no_comments = true, anywhere = false,
  key = function(i) return i == 2 and "daemon" or "name" .. i end, mandatory = { "daemon" }, pair = "/etc/security/passwd",
  vendor_drops_stay = true, fields = { { name = "pw", values = words "*" },
    { name = "uid", values = function(key) return { (key:match("%d+")) or "2" } end }, { name = "gid", values = words "1" },
    { name = "gecos", values = words("", "x") }, { name = "home", values = words("/", "/home/x") }, { name = "shell",
      values = words("/bin/sh", "") } } })
lines("group_mig", "/etc/group", { text = row_text ":", keys = first_words "^([%w]+):", no_comments = true, anywhere = false,
  accounts = true,
  pair = "/etc/security/group", vendor_drops_stay = true, fields = { { name = "pw", values = words "!" },
    { name = "gid", values = function(key) return { (key:match("%d+")) } end },
    { name = "members", values = words("", "name1", "name2,name3", "name1,name3") } } })

local function objects(title, repository, class, more)
  local family = { title = title, path = ("/%s/objrepos/%s"):format(repository, class), class = class, all = true, anywhere = true,
    no_comments = true, key = function(i) return i end }
  for name, value in pairs(more) do family[name] = value end
  families[#families + 1] = family
end

local function of_key(form) return function(key) return { form:format(key) } end end
local texts = words("", "a", "b", "longer than it")
local numbers = { 0, 1, 2 }

objects("ODM_merge Config_Rules", "etc", "Config_Rules", { exist_keys = program, id = { "rule" }, fields = {
  { name = "phase", values = { 2 } }, { name = "seq", values = { 5, 6, 7 } }, { name = "boot_mask", values = { 0 } },
  { name = "rule", values = of_key "/opt/p%d -x" } } })
objects("ODM_merge SRCsubsys", "etc", "SRCsubsys", { id = { "subsysname" }, fields = { { name = "subsysname", values = of_key "s%d" },
  { name = "cmdargs", values = texts }, { name = "path", values = texts }, { name = "uid", values = numbers },
  { name = "signorm", values = numbers } } })
objects("ODM_merge SRCextmeth", "etc", "SRCextmeth", { id = { "method" }, subsystems = true, fields = {
  { name = "subsysname", values = { "s1" } }, { name = "action", values = { 1 } }, { name = "method", values = of_key "/m%d" },
  { name = "user", values = texts } } })
objects("ODM_merge SWservAt", "etc", "SWservAt", { id = { "attribute" }, fields = { { name = "attribute", values = of_key "a%d" },
  { name = "deflt", values = texts }, { name = "value", values = texts } } })
objects("ODM_merge PdDv", "usr/lib", "PdDv", { id = { "uniquetype" }, returns = true, fields = { { name = "class", values = { "c" } },
  { name = "subclass", values = { "s" } }, { name = "type", values = of_key "t%d" }, { name = "uniquetype", values = of_key "c/s/t%d" },
  { name = "DvDr", values = words("", "a", "b") } } })
objects("ODM_merge PdAt", "usr/lib", "PdAt", { id = { "uniquetype", "attribute" }, returns = true, fields = {
  { name = "uniquetype", values = { "c/s/t" } }, { name = "attribute", values = of_key "a%d" }, { name = "deflt", values = words("1",
    "2", "9") },
  { name = "values", values = words("", "1,2", "1-9,1") }, { name = "type", values = words("R", "G") }, { name = "rep",
    values = words("nr", "sl") } } })
objects("ODM_merge PdAtXtd", "usr/lib", "PdAtXtd", { id = { "attribute" }, returns = true, fields = { { name = "uniquetype",
  values = { "c/s/t" } },
  { name = "attribute", values = of_key "a%d" }, { name = "help", values = texts } } })
objects("convert_errnotify", "etc", "errnotify", { id = { "en_name" }, fields = { { name = "en_name", values = of_key "n%d" },
  { name = "en_persistenceflg", values = { 1 } }, { name = "en_method", values = texts } } })
objects("ODM_merge GAI", "usr/lib", "GAI", { id = { "Adapter_Id" }, whole_key = true, fields = { { name = "Adapter_Id",
  values = function(key) return { key } end },
  { name = "Module_Key", values = words("a", "b") } } })
objects("ODM_merge fix", "usr/lib", "fix", { id = { "name" }, fields = { { name = "name", values = of_key "IV%d" },
  { name = "abstract", values = words("", "a") }, { name = "filesets", values = words("acme:1.0.0.0\n",
    "beta:1.0.0.0\nacme:1.0.0.0\n") } },
  saved = { ["/usr/lib/objrepos/lpp"] = (class_bytes("lpp", { { fields = { name = "acme", ver = 1 } }, { fields = { name = "beta",
    ver = 1 } } })) } })
objects("merge_smit_db", "usr/lib", "sm_name_hdr", { id = { "id" }, fields = { { name = "id", values = of_key "n%d" },
  { name = "name", values = texts } } })
objects("merge_smit_db", "usr/lib", "sm_menu_opt", { id = { "next_id" }, fields = { { name = "id", values = { "top" } },
  { name = "next_id", values = of_key "m%d" }, { name = "next_type", values = { "m" } }, { name = "id_seq_num", values = words("010",
    "020") },
  { name = "text", values = texts } } })
-- A dialog is a header and its options, in two classes.
objects("merge_smit_db", "usr/lib", "sm_cmd_hdr", { id = { "id" }, fields = { { name = "id", values = of_key "d%d" },
  { name = "option_id", values = of_key "o%d" }, { name = "cmd_to_exec", values = texts } }, with = "/usr/lib/objrepos/sm_cmd_opt",
  with_bytes = function(records)
    local options = {}
    for _, record in ipairs(records) do
      for i = 1, record.options or 1 do
        options[#options + 1] = { fields = { id = record.fields.option_id, id_seq_num = "0" .. i, name = record.fields.cmd_to_exec } }
      end
    end
    return class_bytes("sm_cmd_opt", options)
  end })

---------------------------------------------------------------- running

local both = { ["/etc/objrepos"] = true, ["/usr/lib/objrepos"] = true }

-- The files of one side: path -> bytes.
local function side_of(family, records)
  local files = {}
  if family.class then
    files[family.path], files[family.path .. ".vc"] = class_bytes(family.class, records)
    if family.with then files[family.with], files[family.with .. ".vc"] = family.with_bytes(records) end
  else
    files[family.path] = family.text(family, records)
    if family.pair then files[family.pair] = shadow(records) end
  end
  return files
end

-- What other files must say for the random ones to make sense.
local function around(family, files)
  if family.accounts then
    files["/etc/passwd"] = table.concat(accounts)
    if family.path ~= "/etc/group" then files["/etc/group"] = "staff:!:1:\n" end
  end
  for path, text in pairs(family.extra or {}) do files[path] = text end
  if family.subsystems then
    files["/etc/objrepos/SRCsubsys"], files["/etc/objrepos/SRCsubsys.vc"] = class_bytes("SRCsubsys",
      { { fields = { subsysname = "s1" } } })
  end
  return files
end

local function put(path, data)
  assert(t:makedirs(path:match("^(.*)/")))
  assert(t:write(path, data))
end

-- The merged files of a family.
local function merged(family, o, c, n)
  for path, data in pairs(n) do put(path, data) end
  local stat = { mode = 420, uid = sys.getuid(), gid = sys.getuid() }
  local result = assert(merge.run(family.title, { tree = t,
    saved = function(path) return c[path] or family.saved and family.saved[path] end, shipped_old = function(path) return o[path] end,
    shipped_new = function(path) return n[path] end, saved_stat = function(path) return c[path] and stat end,
    new_stat = function(path) return n[path] and stat end, report = function() end }))
  assert(result.status ~= "unparsable", "the method cannot read the file")
  local files = {}
  for path in pairs(n) do files[path] = t:read(path) end
  return files
end

local function keys_of(family, files)
  if not family.class then return family.keys(files[family.path], family.path) end
  local keys = {}
  local image <close> = assert(odm_core.parse(family.path, files[family.path], files[family.path .. ".vc"]))
  for _, row in ipairs(image:get()) do
    local key = {}
    for i, name in ipairs(family.id) do key[i] = tostring(row[name]) end
    keys[table.concat(key, " ")] = true
  end
  return keys
end

local function dump(files)
  local out = {}
  for path, data in pairs(files) do out[#out + 1] = ("== %s\n%s"):format(path, data:gsub("%z+", "~")) end
  table.sort(out)
  return table.concat(out, "\n")
end

local function check(ok, family, seed, what, sides)
  if ok then return end
  local text = {}
  for _, name in ipairs { "o", "c", "n", "result", "again" } do
    if sides[name] then text[#text + 1] = ("---- %s\n%s"):format(name:upper(), dump(sides[name])) end
  end
  lu.fail(("%s %s: %s (MERGE_SEED=%d)\n%s"):format(family.title, family.path, what, seed, table.concat(text, "\n")))
end

local function same(a, b, files)
  for _, path in ipairs(files) do
    if a[path] ~= b[path] then return false end
  end
  return true
end

-- What is switched off, of a file whose lines can be.
local function off_of(family, files)
  local text = files[family.path]:gsub("[^\n]+", function(line)
    return line:sub(1, #family.mark) == family.mark and line:sub(#family.mark + 1) or "" end)
  return family.keys(text, family.path)
end

-- Whether all keys of a are keys of b.
local function within(a, b)
  for key in pairs(a) do
    if not b[key] then return false end
  end
  return true
end

local function round(family, seed)
  math.randomseed(seed)
  local records = base(family)
  local ours, theirs = edited(family, records, 10), edited(family, records, chance(4) and 10 or 20)
  local files = { family.path, family.class and family.path .. ".vc" or family.pair, family.with, family.with and family.with .. ".vc" }
  local o, c, n = around(family, side_of(family, records)), around(family, side_of(family, ours)), around(family, side_of(family, theirs))
  local o_keys, c_keys, n_keys = keys_of(family, o), keys_of(family, c), keys_of(family, n)
  for _, keys in ipairs { o_keys, c_keys, n_keys } do
    if family.needs and not keys[family.needs] then return end
  end
  local function try(what, sides, want)
    sides.result = merged(family, sides.o, sides.c, sides.n)
    check(same(sides.result, want or sides.c, files), family, seed, what, sides)
  end

  local comes_on = false -- what was off stays off, though nobody but the vendor had it so
  for key in pairs(family.mark and off_of(family, o) or {}) do comes_on = comes_on or n_keys[key] or false end
  if not comes_on and (not family.vendor_drops_stay or within(o_keys, n_keys)) then
    try("nothing changed by the site, but the result is not N", { o = o, c = o, n = n }, n)
  end
  -- But for blanks at the end.
  local unchanged = not family.class and core.whole(family.path, { c = o[family.path], n = c[family.path] }) == "new"
  local complete = not family.returns
  for _, key in ipairs(family.mandatory or {}) do complete = complete and (c_keys[key] or not o_keys[key]) end
  if not unchanged and (complete or within(o_keys, c_keys)) then
    try("nothing changed by the vendor, but the result is not C", { o = o, c = c, n = o }, c)
  end

  local old = o
  if chance(4) then old, o_keys = around(family, {}), {} end -- the old level is not known
  local sides = { o = old, c = c, n = n, result = merged(family, old, c, n) }
  sides.again = merged(family, old, sides.result, n)
  check(same(sides.again, sides.result, files), family, seed, "merging the result again changes it", sides)
  local have = keys_of(family, sides.result)
  for key in pairs(c_keys) do
    check(have[key] or o_keys[key], family, seed, ("%s, which the site added, is lost"):format(key), sides)
  end
  for key in pairs(family.mark and off_of(family, c) or {}) do
    check(c_keys[key] or not have[key], family, seed, ("%s, which was off, is on"):format(key), sides)
  end
  for key in pairs(family.mark and n_keys or {}) do
    check(have[key] or c_keys[key] or o_keys[key] or off_of(family, sides.result)[key], family, seed,
      ("%s, which is new, is missing"):format(key), sides)
  end
  local needed = family.returns and n_keys or {}
  for _, key in ipairs(family.mandatory or {}) do needed[key] = n_keys[key] end
  for key in pairs(needed) do check(have[key], family, seed, ("%s, which is mandatory, is missing"):format(key), sides) end
end

TestMergeProperties = {}

function TestMergeProperties:setUp()
  -- Memory where there is: every write is waited for.
  dir = os.tmpname()
  os.remove(dir)
  if sys.stat("/dev/shm") then dir = "/dev/shm/" .. dir:match("[^/]+$") end
  assert(sys.mkdir(dir, 448))
  t = assert(tree.at(dir))
  for repository in pairs(both) do assert(t:makedirs(repository)) end
end

function TestMergeProperties:tearDown()
  merge_case.close(t, dir)
end

for i, family in ipairs(families) do
  TestMergeProperties[("test_%02d_%s"):format(i, (family.title .. " " .. family.path:match("[^/]+$")):gsub("%W", "_"))] = function()
    for _, path in ipairs(family.exist or {}) do put(path, "x") end
    for k = 1, family.exist_keys and 30 or 0 do put(family.exist_keys(k), "x") end
    local fixed = tonumber(os.getenv("MERGE_SEED"))
    if fixed then return round(family, fixed) end
    local seed, stop, rounds = math.random(1 << 30), sys.clock() + SECONDS, 0
    while rounds < LEAST or sys.clock() < stop do
      round(family, seed + rounds)
      rounds = rounds + 1
    end
  end
end
