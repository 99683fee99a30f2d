-- SPDX-License-Identifier: MIT
-- What administrators do to a system over the years: an edit of every file and class that a merge
-- method of phase 5 merges (a value changed, a row added, a row deleted, a comment), of files that are
-- preserved, and of a site's own. Runs inside the client; every edit looks first, so that a second run
-- changes nothing.

local modes = require "altmig.mode"
local sys = require "altmig.sys"
local tree = require "altmig.tree"

local customised = {}

local root

---------------------------------------------------------------- text files

-- Changes a file in place, owner and mode kept; made with `mode` when it is not there.
local function edit(path, change, mode)
  local stat = root:stat(path)
  local old = stat and assert(root:read(path)) or ""
  local new = change(old)
  if stat and new == old then return end
  assert(root:makedirs(path:match("^(.+)/[^/]*$") or "/"))
  assert(root:write(path, new, { mode = stat and stat.mode or mode or modes.FILE,
    uid = stat and stat.uid or 0, gid = stat and stat.gid or 0 }))
end

local function lines_of(text)
  local lines = {}
  for line in text:gmatch("([^\n]*)\n?") do lines[#lines + 1] = line end
  while lines[#lines] == "" do lines[#lines] = nil end
  return lines
end

local function text_of(lines) return #lines > 0 and table.concat(lines, "\n") .. "\n" or "" end

local function find(lines, line)
  for i, other in ipairs(lines) do
    if other == line then return i end
  end
  return nil
end

-- Adds lines at the end that are not there.
local function append(path, text, mode)
  edit(path, function(old)
    local lines = lines_of(old)
    for _, line in ipairs(lines_of(text)) do
      if not find(lines, line) then lines[#lines + 1] = line end
    end
    return text_of(lines)
  end, mode)
end

-- A line becomes another one (nil: goes away). Raises when it was never there.
local function replace(path, from, to)
  edit(path, function(old)
    local lines = lines_of(old)
    local at = find(lines, from)
    if at and to then
      lines[at] = to
    elseif at then
      table.remove(lines, at)
    end
    assert(at or not to or find(lines, to), ("%s: no line '%s'"):format(path, from))
    return text_of(lines)
  end)
end

-- Lines that a pattern matches become what fn makes of them, whatever a release ships there; nil leaves one as it is.
local function rewrite(path, pattern, fn)
  edit(path, function(old)
    local lines = lines_of(old)
    for i, line in ipairs(lines) do
      if line:find(pattern) then lines[i] = fn(line) or line end
    end
    return text_of(lines)
  end)
end

-- Stanzas: name, and its lines without the blanks around; { name, from, to }.
local function stanza_of(lines, name)
  local from = find(lines, name .. ":")
  if not from then return nil end
  local to = from
  while lines[to + 1] and lines[to + 1]:match("^[ \t]") do to = to + 1 end
  return from, to
end

-- Sets attributes of a stanza (false takes one away); a stanza that is not there is made.
local function set(path, name, attributes)
  edit(path, function(old)
    local lines = lines_of(old)
    local from, to = stanza_of(lines, name)
    if not from then
      lines[#lines + 1] = ""
      lines[#lines + 1] = name .. ":"
      from, to = #lines, #lines
    end
    for _, attribute in ipairs(attributes) do
      local key, value = attribute[1], attribute[2]
      local at
      for i = from + 1, to do
        if lines[i]:match("^%s+([^%s=]+)%s*=") == key then at = i end
      end
      if value == false then
        if at then
          table.remove(lines, at)
          to = to - 1
        end
      elseif at then
        lines[at] = ("\t%s = %s"):format(key, value)
      else
        to = to + 1
        table.insert(lines, to, ("\t%s = %s"):format(key, value))
      end
    end
    return text_of(lines)
  end)
end

-- Takes a stanza away.
local function drop(path, name)
  edit(path, function(old)
    local lines = lines_of(old)
    local from, to = stanza_of(lines, name)
    for _ = from or 1, from and to or 0 do table.remove(lines, from) end
    if from and lines[from] == "" then table.remove(lines, from) end
    return text_of(lines)
  end)
end

-- A comment before the line that begins a stanza or record.
local function comment(path, line, text)
  edit(path, function(old)
    local lines = lines_of(old)
    local at = assert(find(lines, line), ("%s: no line '%s'"):format(path, line))
    if lines[at - 1] ~= text then table.insert(lines, at, text) end
    return text_of(lines)
  end)
end

---------------------------------------------------------------- object classes, by the odm commands

-- input: the text of the file that is the last operand.
local function odm(dir, argv, input)
  local file = input and os.tmpname()
  if file then
    assert(sys.write_file(file, input))
    argv[#argv + 1] = file
  end
  local result = assert(sys.run(argv, { env = { ODMDIR = dir } }))
  if file then os.remove(file) end
  if result.status ~= 0 then error(("%s: %s%s"):format(table.concat(argv, " "), result.stdout, result.stderr)) end
  return result.stdout
end

local function stanza(class, fields)
  local lines = { "\n" .. class .. ":" }
  for _, field in ipairs(fields) do
    lines[#lines + 1] = ("\t%s = %s"):format(field[1], type(field[2]) == "number" and tostring(field[2]) or ('"%s"'):format(field[2]))
  end
  return table.concat(lines, "\n") .. "\n"
end

local etc, usr = "/etc/objrepos", "/usr/lib/objrepos"

local function add(dir, class, criteria, fields)
  if odm(dir, { "odmget", "-q", criteria, class }):match("%S") then return end
  odm(dir, { "odmadd" }, stanza(class, fields))
end

local function change(dir, class, criteria, field, value)
  local text = odm(dir, { "odmget", "-q", criteria, class })
  local wanted = type(value) == "number" and ("\t%s = %d\n"):format(field, value) or ('\t%s = "%s"\n'):format(field, value)
  if text:find(wanted, 1, true) then return end
  odm(dir, { "odmchange", "-o", class, "-q", criteria }, stanza(class, { { field, value } }))
end

local function delete(dir, class, criteria)
  if odm(dir, { "odmget", "-q", criteria, class }):match("%S") then odm(dir, { "odmdelete", "-o", class, "-q", criteria }) end
end

---------------------------------------------------------------- the edits

--- Stands for the secrets of a site: no log and no report may hold it.
customised.secret = "S3cretOfTheSite"

local function hash(user) return ("{ssha256}06$%s$%s"):format(customised.secret, sys.sha256(user):sub(1, 43)) end

local function accounts()
  append("/etc/passwd", "webadm:!:1200:1:Web administrator:/home/webadm:/usr/bin/ksh\n+@operators::::::\n")
  replace("/etc/passwd", "guest:!:100:100::/home/guest:", "guest:!:100:100::/home/guest:/usr/bin/false")
  replace("/etc/passwd", "invscout:*:6:12::/var/adm/invscout:/usr/bin/ksh", nil)
  local passwd = "/etc/security/passwd"
  set(passwd, "webadm", { { "password", hash "webadm" }, { "lastupdate", "1697000000" }, { "flags", "" } })
  set(passwd, "guest", { { "flags", "NOCHECK" } })
  comment(passwd, "webadm:", "* of the web team")
  drop(passwd, "lpd")
  append("/etc/group", "web:!:1200:webadm,jdoe\n")
  rewrite("/etc/group", "^system:", function(line) return not line:find(",webadm", 1, true) and line .. ",webadm" or nil end)
  replace("/etc/group", "ecs:!:28:", nil)
  local group = "/etc/security/group"
  set(group, "web", { { "admin", "false" }, { "adms", "webadm" } })
  set(group, "usr", { { "admin", "true" } })
  comment(group, "web:", "* of the web team")
  drop(group, "shutdown")
end

local function users()
  local user = "/etc/security/user"
  set(user, "default", { { "histsize", "10" } })
  set(user, "webadm", { { "admin", "false" }, { "SYSTEM", '"compat"' }, { "sugroups", "system,web" } })
  comment(user, "webadm:", "* of the web team")
  drop(user, "lpd")
  local login = "/etc/security/login.cfg"
  set(login, "default", { { "herald", '"Site = adachi\\nlogin: "' } })
  set(login, "/dev/tty9", { { "logindelay", "4" } })
  comment(login, "/dev/tty9:", "* the modem")
  drop(login, "/dev/console")
  edit(login, function(text) return (text:gsub(",/bin/tsh", "", 1)) end)
  local limits = "/etc/security/limits"
  set(limits, "default", { { "core", "-1" } })
  set(limits, "webadm", { { "nofiles", "-1" } })
  comment(limits, "webadm:", "* of the web team")
  drop(limits, "guest")
  local environ = "/etc/security/environ"
  set(environ, "root", { { "usrenv", '"EDITOR=/usr/bin/vi"' } })
  set(environ, "webadm", { { "usrenv", '"WEB_HOME=/opt/web"' } })
  comment(environ, "webadm:", "* of the web team")
  drop(environ, "bin")
  set("/etc/security/smitacl.user", "root", { { "screens", "mkuser,chuser" } })
  set("/etc/security/smitacl.user", "webadm", { { "screens", "web_menu" } })
  set("/etc/security/smitacl.group", "web", { { "screens", "web_menu" } })
  comment("/etc/security/smitacl.group", "web:", "* of the web team")
end

local function security()
  local algorithms = "/etc/security/pwdalg.cfg"
  set(algorithms, "ssha1", { { "lpa_options", "cost_num=9" } })
  set(algorithms, "blowfish", { { "lpa_module", "/usr/lib/security/blowfish" } })
  comment(algorithms, "blowfish:", "* asked for by audit")
  drop(algorithms, "smd5")
  local audit = "/etc/security/audit/config"
  set(audit, "start", { { "binmode", "on" } })
  set(audit, "classes", { { "general", "USER_SU,PASSWORD_Change,FILE_Unlink,FILE_Rename,SITE_Event" }, { "site", "SITE_Event" } })
  set(audit, "users", { { "webadm", "site" } })
  comment(audit, "users:", "* who is watched")
  set("/etc/security/audit/events", "auditpr", { { "SITE_Event", 'printf "site %s"' }, { "FILE_Unlink", 'printf "unlink %s"' } })
  local objects = "/etc/security/audit/objects"
  set(objects, "/etc/security/passwd", { { "r", '"S_SITE_READ"' } })
  set(objects, "/etc/hosts", { { "w", '"S_HOSTS_WRITE"' } })
  comment(objects, "/etc/hosts:", "* asked for by audit")
  local roles = "/etc/security/roles"
  set(roles, "WebOperator", { { "dfltmsg", '"Web operators"' }, { "authorizations", "web.run,web.stop" }, { "rolelist", "" } })
  set(roles, "SysConfig", { { "authorizations", "aix.system.config,aix.fs.manage" } })
  comment(roles, "WebOperator:", "* of the web team")
  set("/etc/security/authorizations", "web.run", { { "id", "10020" }, { "dfltmsg", '"Run the web server"' } })
  local commands = "/etc/security/privcmds"
  set(commands, "/usr/sbin/lsuser", { { "accessauths", "ALLOW_ALL" } })
  set(commands, "/opt/acme/bin/start", { { "accessauths", "acme.run" }, { "innateprivs", "PV_DAC_R" } })
  comment(commands, "/opt/acme/bin/start:", "* ACME")
  drop(commands, "/usr/sbin/exportfs")
  local devices = "/etc/security/privdevs"
  set(devices, "/dev/mem", { { "readprivs", "PV_KER_RAS,PV_ROOT" } })
  set(devices, "/dev/acme0", { { "readprivs", "PV_DAC_R" } })
  comment(devices, "/dev/acme0:", "* ACME")
  drop(devices, "/dev/console")
  local checks = "/etc/security/sysck.cfg"
  set(checks, "/opt/acme/bin/start", { { "owner", "acme" }, { "mode", "750" }, { "type", "FILE" }, { "class", "site" } })
  set(checks, "/etc/security/passwd", { { "mode", "TCB,400" } })
  comment(checks, "/opt/acme/bin/start:", "* ACME")
  drop(checks, "/etc/passwd")
end

local function directory_services()
  local methods = "/etc/methods.cfg"
  set(methods, "NIS", { { "options", "netgroup" } })
  set(methods, "KRB5Afiles", { { "options", "db=BUILTIN,auth=KRB5A" } })
  comment(methods, "KRB5Afiles:", "* Kerberos with local accounts")
  drop(methods, "DCE")
  set("/etc/security/mkuser.default", "user", { { "shell", "/usr/bin/ksh93" }, { "groups", "staff,web" } })
  comment("/etc/security/mkuser.default", "admin:", "* administrators")
  replace("/etc/security/mkuser.sys", 'if [ ! -d "$1" ]; then', 'if [ ! -d "$1" ]; then # as our site wants it')
  local ldap = "/etc/security/ldap/ldap.cfg"
  append(ldap, "# our directory\nbinddn:cn=proxy,dc=lab,dc=example\nbindpwd:" .. customised.secret .. "\nsitekey:a b \n")
  rewrite(ldap, "^cachetimeout:", function() return "cachetimeout:900" end)
  replace(ldap, "usercachesize:1000", nil)
  local map = "/etc/security/ldap/2307user.map"
  rewrite(map, "^username%s", function(line) return (line:gsub("  uid           ", "  sAMAccountName")) end)
  append(map, "# ours\nroomnumber      SEC_CHAR  roomNumber        s\n")
  rewrite(map, "^gecos%s", function(line) return "#" .. line end)
  set("/etc/secvars.cfg", "groups", { { "domainlessgroups", "True" } })
  set("/etc/secvars.cfg", "sitevar", { { "sitevar", "7" } })
  comment("/etc/secvars.cfg", "sitevar:", "* ours")
  set("/etc/nscontrol.conf", "authorizations", { { "secorder", "LDAP,files" } })
  set("/etc/nscontrol.conf", "efsusrkeystore", { { "secorder", "LDAP" } })
  drop("/etc/nscontrol.conf", "privdevs")
  comment("/etc/nscontrol.conf", "authorizations:", "* directory first")
end

local function tables()
  replace("/etc/vfs", "%defaultvfs jfs2 nfs", "%defaultvfs jfs2 nfs3")
  replace("/etc/vfs", "udfs     34    /sbin/helpers/udfmnthelp  none", "#udfs     34    /sbin/helpers/udfmnthelp  none")
  comment("/etc/vfs", "acmefs   40    none                      none", "# ACME's own")
  append("/etc/pse.conf", "d\tacmepse\t-\t/dev/acmepse\n")
  replace("/etc/pse.conf", "d\techo\t-\t/dev/echo", "#d\techo\t-\t/dev/echo")
  replace("/etc/pse.conf", "m\tldterm", "m+\tldterm")
  append("/etc/xtiso.conf", "# ACME's\nd+\txtiso\tacme\t/dev/xti/acme\n")
  replace("/etc/xtiso.conf", "d+\txtiso\tunixdg\t/dev/xti/unixdg", "#d+\txtiso\tunixdg\t/dev/xti/unixdg")
end

local function classes()
  add(etc, "Config_Rules", "rule='/opt/acme/bin/acmed -b'", { { "phase", 2 }, { "seq", 60 }, { "boot_mask", 0 },
    { "rule", "/opt/acme/bin/acmed -b" } })
  change(etc, "Config_Rules", "rule='/usr/lib/perf/cfg_perfstat load'", "seq", 40)
  delete(etc, "Config_Rules", "phase=3 and rule='/etc/methods/defsys'")
  add(etc, "SRCextmeth", "subsysname=acmed", { { "action", 2 }, { "subsysname", "acmed" }, { "method", "/opt/acme/bin/start" },
    { "methargs", "" }, { "user", "root" } })
  change(etc, "SRCextmeth", "subsysname=nfsd", "methargs", "-site")
  add(etc, "SRCsubsys", "subsysname=acmeweb", { { "subsysname", "acmeweb" }, { "path", "/opt/acme/bin/acmed" }, { "cmdargs", "-w" },
    { "standin", "/dev/null" }, { "standout", "/dev/null" }, { "standerr", "/dev/null" }, { "contact", 2 }, { "signorm", 15 },
    { "grpname", "acme" } })
  change(etc, "SRCsubsys", "subsysname=biod", "cmdargs", "64")
  delete(etc, "SRCsubsys", "subsysname=clcomd")
  for _, row in ipairs { { "alog_type", "acme" }, { "acme_logname", "/var/adm/ras/acmelog" }, { "acme_logsize", "8192" } } do
    add(etc, "SWservAt", ("attribute=%s and value='%s'"):format(row[1], row[2]), { { "attribute", row[1] }, { "deflt", row[2] },
      { "value", row[2] } })
  end
  change(etc, "SWservAt", "attribute=primary", "value", "/dev/hd6")
  delete(etc, "SWservAt", "attribute=dump_compress")
  add(etc, "errnotify", "en_name=web_notify", { { "en_name", "web_notify" }, { "en_persistenceflg", 1 }, { "en_class", "S" },
    { "en_method", "/opt/acme/bin/alert $1 $9" } })
  add(etc, "errnotify", "en_name=of_process", { { "en_pid", 4711 }, { "en_name", "of_process" }, { "en_persistenceflg", 0 } })
  change(etc, "errnotify", "en_name=diagela", "en_method", "/opt/acme/bin/diag $1")
  add(etc, "SRCnotify", "notifyname=acmed", { { "notifyname", "acmed" }, { "notifymethod", "/opt/acme/bin/notify" } })
end

local function predefined()
  add(usr, "PdDv", "uniquetype='adapter/acme/card'", { { "type", "card" }, { "class", "adapter" }, { "subclass", "acme" },
    { "prefix", "acme" }, { "Configure", "/opt/acme/bin/start" }, { "uniquetype", "adapter/acme/card" } })
  add(usr, "PdAt", "uniquetype='adapter/acme/card'", { { "uniquetype", "adapter/acme/card" }, { "attribute", "speed" },
    { "deflt", "10" }, { "values", "10,100" }, { "type", "R" }, { "generic", "DU" }, { "rep", "nl" } })
  change(usr, "PdAt", "uniquetype='disk/vscsi/vdisk' and attribute=queue_depth", "deflt", "20")
  add(usr, "PdAtXtd", "uniquetype='adapter/acme/card'", { { "uniquetype", "adapter/acme/card" }, { "attribute", "speed" },
    { "classification", "B" }, { "sequence", "1" } })
  add(usr, "GAI", "Adapter_Id=99", { { "Adapter_Id", 99 }, { "Module_Key", "ACME" }, { "Module_Path", "/opt/acme/lib/loadACME" } })
  local level = odm(usr, { "odmget", "-q", "lpp_name=acme.tools.rte", "product" })
  local function number(name) return assert(level:match("\t" .. name .. " = (%d+)\n"), "acme.tools.rte is not installed") end
  add(usr, "fix", "name=ACME0001", { { "name", "ACME0001" }, { "abstract", "ACME fix" }, { "type", "f" },
    { "filesets", ("acme.tools.rte:%s.%s.%s.%s\\n"):format(number "ver", number "rel", number "mod", number "fix") } })
  add(usr, "sm_menu_opt", "id=top_menu and next_id=acme_menu", { { "id_seq_num", "900" }, { "id", "top_menu" },
    { "next_id", "acme_menu" }, { "text", "ACME" }, { "next_type", "m" } })
  add(usr, "sm_menu_opt", "id=acme_menu", { { "id_seq_num", "010" }, { "id", "acme_menu" }, { "next_id", "acme_start" },
    { "text", "Start ACME" }, { "next_type", "d" } })
  add(usr, "sm_name_hdr", "id=acme_sel", { { "id", "acme_sel" }, { "next_id", "acme_start" }, { "name", "ACME Server" },
    { "next_type", "d" } })
  add(usr, "sm_cmd_hdr", "id=acme_start", { { "id", "acme_start" }, { "option_id", "acme_opt" }, { "has_name_select", "n" },
    { "name", "Start ACME" }, { "cmd_to_exec", "/opt/acme/bin/start" }, { "exec_mode", "P" } })
  add(usr, "sm_cmd_opt", "id=acme_opt", { { "id_seq_num", "010" }, { "id", "acme_opt" }, { "name", "Port" }, { "entry_type", "#" } })
end

-- Files that are put back as they were, and one that is not.
customised.preserved = { "/etc/hosts", "/etc/inittab", "/etc/environment", "/etc/profile", "/etc/motd", "/etc/syslog.conf",
  "/etc/ntp.conf", "/etc/aliases", "/etc/netsvc.conf", "/etc/resolv.conf", "/etc/pse_tune.conf", "/etc/ssh/sshd_config",
  "/etc/security/user.roles", "/etc/security/privfiles", "/etc/hosts.allow", "/var/spool/cron/crontabs/root",
  "/var/adm/cron/cron.allow", "/etc/tunables/nextboot" }

customised.mark = "site line of adachi-AIX7"

local function preserved()
  for _, path in ipairs(customised.preserved) do
    append(path, (path:match("^/etc/security") or path:match("tunables")) and "* " .. customised.mark or path:match("inittab")
      and ": " .. customised.mark or "# " .. customised.mark)
  end
  append("/etc/services", "acme\t\t7070/tcp\n")
  append("/var/adm/ras/errlog", "error log of AIX 7.1\n")
  append("/var/adm/ras/errtmplt", "error template of the site\n")
end

local function site_files()
  append("/etc/acme/operators", "# name:role:shift:hosts\nann:chief:1:adachi-AIX7,dbserver\nbob:operator:2:adachi-AIX7\n", 416)
  local sudoers = "/etc/sudoers"
  rewrite(sudoers, "^Defaults\ttimestamp_timeout=", function() return "Defaults\ttimestamp_timeout=0" end)
  comment(sudoers, "root\tALL=(ALL) ALL", "# root may everything")
  append(sudoers, "User_Alias\tOPS = jdoe, asmith\n# of the operators\nOPS\tLOCAL = NOPASSWD: /usr/sbin/lsvg, \\\n\t/usr/sbin/lspv\n")
end

--- Makes every edit that is not made yet.
function customised.apply()
  root = assert(tree.at "/")
  accounts()
  users()
  security()
  directory_services()
  tables()
  classes()
  predefined()
  preserved()
  site_files()
  root:close()
end

return customised
