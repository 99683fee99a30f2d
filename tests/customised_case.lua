-- SPDX-License-Identifier: MIT
-- The customised client of the lab (lab.customised): which of its edits must be found again after a migration, and how to
-- look for them. What is expected is written down here line by line, for 7.1 to 7.2; other tests say what differs for
-- theirs. Each expectation is checked against its sources first: an edit must be on the client before, a new record must
-- be in the bos image and not on the client, a changed default must be the old one before and the new one in the image.

local lu = require "luaunit"
local core = require "altmig.merge_core"
local json = require "altmig.json"
local lab = require "lab_driver"

local case = {}

-- Text files: site = edits, new = records of the new level, default = { old, new } of what the site left
-- alone, gone = what the site removed and the new level ships. Facts of stanza files are "stanza:" and
-- "stanza: attribute = value", of others whole lines.
case.texts = {
  ["/etc/passwd"] = {
    site = { "webadm:!:1200:1:Web administrator:/home/webadm:/usr/bin/ksh", "+@operators::::::",
      "guest:!:100:100::/home/guest:/usr/bin/false", "root:!:0:0:root of adachi:/:/usr/bin/ksh" },
    new = { "ahafsadm:*:209:0:Event Monitoring Administrator:/home/ahafsadm:/usr/bin/ksh" },
    default = { "ipsec:*:201:1::/etc/ipsec:/usr/bin/ksh", "ipsec:*:201:1:IP security:/etc/ipsec:/usr/bin/ksh" },
    gone = { "invscout:*:6:12::/var/adm/invscout:/usr/bin/ksh" } },
  ["/etc/security/passwd"] = { stanza = true, secret = true,
    site = { "webadm: lastupdate = 1697000000", "guest: flags = NOCHECK", "jdoe: flags = ADMCHG", "* of the web team" },
    new = { "ahafsadm: password = *" }, gone = { "lpd:" } },
  ["/etc/group"] = {
    site = { "web:!:1200:webadm,jdoe", "acme:!:1100:acme,jdoe", "system:!:0:root,pconsole,esaadmin,webadm" },
    new = { "caa:!:202:" }, default = { "uucp:!:5:uucp,nuucp", "uucp:!:5:" }, gone = { "ecs:!:28:" } },
  ["/etc/security/group"] = { stanza = true, site = { "web: adms = webadm", "usr: admin = true", "* of the web team" },
    new = { "caa: admin = true" }, default = { "perf: admin = false", "perf: admin = true" }, gone = { "shutdown:" } },
  ["/etc/security/user"] = { stanza = true,
    site = { "default: histsize = 10", "default: maxage = 12", "webadm: sugroups = system,web", "jdoe: loginretries = 5",
      "* of the web team" },
    new = { "ahafsadm: rlogin = false", "default: minloweralpha = 0" },
    default = { "default: pwdwarntime = 0", "default: pwdwarntime = 5" }, gone = { "lpd:" } },
  ["/etc/security/login.cfg"] = { stanza = true,
    site = { 'default: herald = "Site = adachi\\nlogin: "', "/dev/tty9: logindelay = 4", "usw: maxlogins = 100", "* the modem" },
    new = { "usw: mkhomeatlogin = false" }, default = { "usw: logintimeout = 60", "usw: logintimeout = 30" }, gone = { "/dev/console:" } },
  ["/etc/security/limits"] = { stanza = true,
    site = { "default: core = -1", "default: nofiles = 8192", "webadm: nofiles = -1", "* of the web team" },
    new = { "default: nofiles_hard = -1", "ahafsadm: nofiles = 4000" },
    default = { "default: rss = 65536", "default: rss = 32768" }, gone = { "guest:" } },
  ["/etc/security/environ"] = { stanza = true,
    site = { 'root: usrenv = "EDITOR=/usr/bin/vi"', 'webadm: usrenv = "WEB_HOME=/opt/web"', "* of the web team" },
    new = { 'ahafsadm: usrenv = "TZ=UTC"', 'default: sysenv = "LANG=C"', 'daemon: usrenv = "TZ=UTC"' }, gone = { "bin:" } },
  ["/etc/security/pwdalg.cfg"] = { stanza = true,
    site = { "ssha1: lpa_options = cost_num=9", "blowfish: lpa_module = /usr/lib/security/blowfish", "* asked for by audit" },
    new = { "ssha512: lpa_options = algorithm=sha512" },
    default = { "ssha256: lpa_options = algorithm=sha256", "ssha256: lpa_options = algorithm=sha256,cost_num=8" }, gone = { "smd5:" } },
  ["/etc/security/smitacl.user"] = { stanza = true, site = { "root: screens = mkuser,chuser", "webadm: screens = web_menu" },
    new = { "ahafsadm: screens = none", "root: funcmode = roles+acl" } },
  ["/etc/security/smitacl.group"] = { stanza = true, site = { "web: screens = web_menu", "* of the web team" },
    new = { "caa: screens = clstart", "security: funcmode = roles+acl" } },
  ["/etc/security/audit/config"] = { stanza = true,
    site = { "start: binmode = on", "classes: site = SITE_Event", "users: webadm = site", "* who is watched" },
    new = { "bin: freespace = 65536" } },
  ["/etc/security/audit/events"] = { stanza = true,
    site = { 'auditpr: SITE_Event = printf "site %s"', 'auditpr: FILE_Unlink = printf "unlink %s"' },
    new = { 'auditpr: FILE_Openat = printf "directory %s filename %s"' },
    default = { 'auditpr: PASSWORD_Change = printf "%s"', 'auditpr: PASSWORD_Change = printf "user %s"' } },
  ["/etc/security/audit/objects"] = { stanza = true,
    site = { '/etc/security/passwd: r = "S_SITE_READ"', '/etc/hosts: w = "S_HOSTS_WRITE"', "* asked for by audit" },
    new = { '/etc/security/domains: w = "S_DOMAINS_WRITE"', '/etc/security/limits: r = "S_LIMITS_READ"' },
    default = { '/etc/security/limits: w = "S_LIMITS_WRITE"', '/etc/security/limits: w = "S_LIMITS_CHANGE"' } },
  ["/etc/security/roles"] = { stanza = true,
    site = { 'WebOperator: dfltmsg = "Web operators"', "WebOperator: authorizations = web.run,web.stop", "AcmeOperator: id = 14",
      "* of the web team" },
    new = { "DomainAdmin: authorizations = aix.security.role,aix.security.domains" } },
  ["/etc/security/authorizations"] = { stanza = true, site = { "web.run: id = 10020", "acme.run: id = 10001" } },
  ["/etc/security/privcmds"] = { stanza = true,
    site = { "/usr/sbin/lsuser: accessauths = ALLOW_ALL", "/opt/acme/bin/start: accessauths = acme.run", "* ACME" },
    new = { "/usr/sbin/geninstall: accessauths = aix.system.install" },
    default = { "/usr/sbin/mount: innateprivs = PV_DAC_O,PV_DAC_R,PV_DAC_W,PV_FS_MOUNT",
      "/usr/sbin/mount: innateprivs = PV_DAC_O,PV_DAC_R,PV_DAC_W,PV_DAC_X,PV_FS_MOUNT" }, gone = { "/usr/sbin/exportfs:" } },
  ["/etc/security/privdevs"] = { stanza = true,
    site = { "/dev/mem: readprivs = PV_KER_RAS,PV_ROOT", "/dev/acme0: readprivs = PV_DAC_R", "* ACME" },
    new = { "/dev/systrctl: readprivs = PV_KER_RAS" },
    default = { "/dev/kmem: readprivs = PV_KER_RAS,PV_DEV_QUERY", "/dev/kmem: readprivs = PV_KER_RAS" }, gone = { "/dev/console:" } },
  ["/etc/security/sysck.cfg"] = { stanza = true,
    site = { "/opt/acme/bin/start: mode = 750", "/etc/security/passwd: mode = TCB,400", "* ACME" },
    new = { "/usr/bin/rksh: mode = TCB,555" }, default = { "/usr/bin/su: size = 26438", "/usr/bin/su: size = 27115" },
    gone = { "/etc/passwd:" } },
  ["/etc/methods.cfg"] = { stanza = true,
    site = { "NIS: options = netgroup", "KRB5Afiles: options = db=BUILTIN,auth=KRB5A", "* Kerberos with local accounts" },
    new = { "LDAP: program = /usr/lib/security/LDAP", "PAM: program_64 = /usr/lib/security/PAM_64" },
    default = { "NIS: program_64 = /usr/lib/security/NIS_64", "NIS: program_64 = /usr/lib/security/NIS64" } },
  ["/etc/security/mkuser.default"] = { stanza = true,
    site = { "user: shell = /usr/bin/ksh93", "user: groups = staff,web", "user: maxage = 12", "* administrators" },
    new = { "user: core_compress = on" }, default = { "admin: shell = /usr/bin/ksh", "admin: shell = /usr/bin/ksh93" } },
  ["/etc/security/ldap/ldap.cfg"] = { secret = true,
    site = { "cachetimeout:900", "binddn:cn=proxy,dc=lab,dc=example", "bindpwd:S3cretOfTheSite", "sitekey:a b ", "# our directory",
      "ldapservers:ldap1.lab.example,ldap2.lab.example" },
    new = { "heartbeatinterval:300", "#usrkeystorebasedn:ou=efskeystores,cn=aixdata" }, gone = { "usercachesize:1000" } },
  ["/etc/security/ldap/2307user.map"] = { words = true,
    site = { "roomnumber SEC_CHAR roomNumber s", "# ours", "#gecos SEC_CHAR gecos s" },
    new = { "maxexpired SEC_INT shadowexpire s days yes" },
    default = { "spassword SEC_CHAR userpassword s", "spassword SEC_CHAR userpassword s na no" },
    gone = { "gecos SEC_CHAR gecos s na yes" } },
  ["/etc/security/ldap/aixuser.map"] = { words = true, site = {}, new = { "default_roles SEC_LIST defaultroles m na yes" },
    default = { "keyobjectclass SEC_CHAR aixaccount s", "keyobjectclass SEC_CHAR aixauxaccount s na yes" } },
  ["/etc/secvars.cfg"] = { stanza = true, site = { "groups: domainlessgroups = True", "sitevar: sitevar = 7", "* ours" },
    new = { "sulogfulldate: sulogfulldate = false" },
    default = { "efssharedkeys: efssharedkeys = false", "efssharedkeys: efssharedkeys = true" } },
  ["/etc/nscontrol.conf"] = { stanza = true,
    site = { "authorizations: secorder = LDAP,files", "efsusrkeystore: secorder = LDAP", "* directory first" },
    new = { "domains: secorder = files" }, default = { "privfiles: secorder = files", "privfiles: secorder = files,LDAP" },
    gone = { "privdevs:" } },
  ["/etc/vfs"] = { words = true, site = { "%defaultvfs jfs2 nfs3", "acmefs 40 none none", "# ACME's own",
    "#udfs 34 /sbin/helpers/udfmnthelp none" },
    new = { "nfs4 39 /sbin/helpers/nfsmnthelp none remote" },
    default = { "autofs 19 /sbin/helpers/aixmnthelp none", "autofs 19 /sbin/helpers/aixmnthelp none remote" },
    gone = { "udfs 34 /sbin/helpers/udfmnthelp none" } },
  ["/etc/pse.conf"] = { words = true, site = { "d acmepse - /dev/acmepse", "d acmedrv", "m+ ldterm", "#d echo - /dev/echo" },
    new = { "m pckt", "ds sad - /dev/sad 0 1" }, default = { "m tioc", "ms tioc" }, gone = { "d echo - /dev/echo" } },
  ["/etc/xtiso.conf"] = { words = true, site = { "d+ xtiso acme /dev/xti/acme", "# ACME's", "#d+ xtiso unixdg /dev/xti/unixdg" },
    new = { "d+ xtiso rawip /dev/xti/rawip" }, default = { "d+ xtiso udp /dev/xti/udp", "d+ xtiso udp /dev/xti/udp 0" },
    gone = { "d+ xtiso unixdg /dev/xti/unixdg" } },
  ["/etc/inittab"] = { site = { "acme:2:once:/opt/acme/bin/start >/dev/console 2>&1 # ACME tools", ": site line of adachi-AIX7" },
    new = { "securityboot:2:bootwait:/etc/rc.security.boot > /dev/console 2>&1" } },
  ["/etc/environment"] = { site = { "ACME_HOME=/opt/acme", "# site line of adachi-AIX7" },
    default = { "PATH=/usr/bin:/etc:/usr/sbin:/usr/ucb:/usr/bin/X11:/sbin:/usr/java5/jre/bin:/usr/java5/bin",
      "PATH=/usr/bin:/etc:/usr/sbin:/usr/ucb:/usr/bin/X11:/sbin:/usr/java8_64/jre/bin:/usr/java8_64/bin" } },
  ["/etc/sudoers"] = { words = true,
    site = { "User_Alias OPS = jdoe, asmith", "OPS LOCAL = NOPASSWD: /usr/sbin/lsvg, \\", "/usr/sbin/lspv", "Defaults timestamp_timeout=0",
      "# root may everything", "#includedir /etc/sudoers.d" },
    new = { "Defaults use_pty", "%security LOCAL = (root) /usr/sbin/lsuser" },
    default = { "Host_Alias LOCAL = localhost", "Host_Alias LOCAL = localhost, loopback" } },
}

-- Objects: { directory, class, criteria of a row, fields } by the same four lists; gone = criteria. Of the
-- usr part no old defaults are known, so what the site removed there cannot be told.
local etc, usr = "/etc/objrepos", "/usr/lib/objrepos"
case.objects = {
  { etc, "Config_Rules", site = { { { rule = "/opt/acme/bin/acmed -b" }, { seq = 60, phase = 2 } },
      { { rule = "/usr/lib/perf/cfg_perfstat load" }, { seq = 40 } } },
    new = { { { rule = "/etc/methods/ptynode" }, { seq = 19 } } },
    default = { { rule = "/usr/lib/methods/deflvm", phase = 2 }, { seq = 5 }, { seq = 12 } },
    gone = { { phase = 3, rule = "/etc/methods/defsys" } } },
  { etc, "SRCextmeth", site = { { { subsysname = "acmed" }, { method = "/opt/acme/bin/start" } },
      { { subsysname = "nfsd" }, { methargs = "-site" } } },
    new = { { { subsysname = "nfs_fhpd" }, { methargs = "-f" } } } },
  { etc, "SRCsubsys", site = { { { subsysname = "acmeweb" }, { cmdargs = "-w", grpname = "acme" } },
      { { subsysname = "biod" }, { cmdargs = "64" } }, { { subsysname = "syslogd" }, { cmdargs = "-R" } } },
    new = { { { subsysname = "nfs_fhpd" }, { path = "/usr/sbin/nfs_fhpd" } } },
    default = { { subsysname = "inetd" }, { signorm = 0 }, { signorm = 15 } }, gone = { { subsysname = "clcomd" } } },
  { etc, "SWservAt", site = { { { attribute = "primary" }, { value = "/dev/hd6" } }, { { attribute = "errlog_size" },
    { value = "4194304" } },
      { { attribute = "alog_type", value = "acme" }, { deflt = "acme" } }, { { attribute = "acme_logsize" }, { value = "8192" } } },
    new = { { { attribute = "dump_type" }, { value = "fw-assisted" } } },
    default = { { attribute = "boot_logsize" }, { value = "4096" }, { value = "131072" } }, gone = { { attribute = "dump_compress" } } },
  { etc, "errnotify", site = { { { en_name = "web_notify" }, { en_method = "/opt/acme/bin/alert $1 $9" } },
      { { en_name = "acme_notify" }, { en_class = "H" } }, { { en_name = "diagela" }, { en_method = "/opt/acme/bin/diag $1" } } },
    new = { { { en_name = "pwr_ela" }, { en_class = "H" } } } },
  { etc, "SRCnotify", site = { { { notifyname = "acmed" }, { notifymethod = "/opt/acme/bin/notify" } } } },
  { usr, "PdDv", site = { { { uniquetype = "adapter/acme/card" }, { Configure = "/opt/acme/bin/start" } } },
    new = { { { uniquetype = "adapter/vdevice/IBM,vnic" }, { DvDr = "vnicdd" } } },
    default = { { uniquetype = "sys/node/chrp" }, { msgno = 1 }, { msgno = 2 } } },
  { usr, "PdAt", site = { { { uniquetype = "adapter/acme/card", attribute = "speed" }, { deflt = "10" } },
      { { uniquetype = "disk/vscsi/vdisk", attribute = "queue_depth" }, { deflt = "20" } } },
    new = { { { uniquetype = "adapter/vdevice/IBM,vnic", attribute = "failover" }, { deflt = "true" } } },
    default = { { uniquetype = "disk/vscsi/vdisk", attribute = "algorithm" }, { values = "fail_over" },
      { values = "fail_over,shortest_queue" } } },
  { usr, "PdAtXtd", site = { { { uniquetype = "adapter/acme/card" }, { attribute = "speed" } } },
    new = { { { uniquetype = "adapter/vdevice/IBM,vnic" }, { attribute = "failover" } } },
    default = { { uniquetype = "disk/vscsi/vdisk" }, { sequence = "1" }, { sequence = "2" } } },
  { usr, "GAI", site = { { { Adapter_Id = 99 }, { Module_Key = "ACME" } } }, new = { { { Adapter_Id = 3 }, { Module_Key = "GXT155" } } } },
  { usr, "fix", site = { { { name = "ACME0001" }, { abstract = "ACME fix" } } }, new = { { { name = "7200-05_AIX_ML" },
    { type = "p" } } } },
  { usr, "sm_menu_opt", site = { { { id = "top_menu", next_id = "acme_menu" }, { text = "ACME" } }, { { id = "acme_menu" },
    { next_type = "d" } } },
    new = { { { next_id = "vnic" }, { text = "Virtual NIC Adapters" } } },
    default = { { next_id = "_assist" }, { text = "Software License Management" }, { text = "Software License and Usage Management" } } },
  { usr, "sm_name_hdr", site = { { { id = "acme_sel" }, { name = "ACME Server" } } }, new = { { { id = "vnic_sel" },
    { next_id = "lsvnic" } } },
    default = { { id = "enet_sel" }, { name = "Ethernet Adapter" }, { name = "Ethernet Adapter or vNIC" } } },
  { usr, "sm_cmd_hdr", site = { { { id = "acme_start" }, { cmd_to_exec = "/opt/acme/bin/start" } } },
    new = { { { id = "lsvnic" }, { option_id = "lsvnic_opt" } } },
    default = { { id = "oslevel_s" }, { cmd_to_exec = "/usr/bin/oslevel -r" }, { cmd_to_exec = "/usr/bin/oslevel -s" } } },
  { usr, "sm_cmd_opt", site = { { { id = "acme_opt" }, { name = "Port" } } }, new = { { { id = "lsvnic_opt" }, { name = "Adapter" } } } },
}

case.preserved = { "/etc/hosts", "/etc/profile", "/etc/motd", "/etc/syslog.conf", "/etc/ntp.conf",
  "/etc/aliases", "/etc/netsvc.conf", "/etc/resolv.conf", "/etc/pse_tune.conf", "/etc/ssh/sshd_config", "/etc/security/user.roles",
  "/etc/security/privfiles", "/etc/hosts.allow", "/var/spool/cron/crontabs/root", "/var/adm/cron/cron.allow", "/etc/tunables/nextboot",
  "/etc/acme/operators" }

case.others = { "/etc/security/mkuser.sys", "/etc/security/mkuser.sys.custom", "/etc/services", "/var/adm/ras/errlog",
  "/var/adm/ras/errtmplt", "/var/adm/ras/errlog.7.1.5.30", "/lpp/save.config/etc/services", "/lpp/save.config/var/adm/ras/errtmplt",
  "/usr/lib/security/methods.cfg" }

-- Runs Lua text on a host, with JSON on its standard input and output.
local function inside(host, script, input)
  local status, out, problem = lab.altmig({ "lab", "ssh", host,
    "cat > /tmp/customised.json; cat > /tmp/customised.lua <<'END_OF_SCRIPT'\n" .. script
    .. "\nEND_OF_SCRIPT\n/usr/lpp/lab/bin/aixlua /tmp/customised.lua; s=$?; rm -f /tmp/customised.json /tmp/customised.lua; exit $s" },
    { stdin = json.encode(input) })
  lu.assertEquals(status, 0, out .. problem)
  return assert(json.decode(out))
end

-- The paths and classes that a spec speaks of.
local function asked(spec)
  local paths, classes = json.array(), json.array()
  for path in pairs(spec.texts) do paths[#paths + 1] = path end
  table.move(case.others, 1, #case.others, #paths + 1, paths)
  for i, row in ipairs(spec.objects) do classes[i] = { row[1], row[2] } end
  return paths, classes
end

-- Content, mode and owner of files, and objects of classes, as they are on a host.
---@param spec {texts: table, objects: table}
---@param host string
function case.state_of(spec, host)
  local paths, classes = asked(spec)
  table.move(case.preserved, 1, #case.preserved, #paths + 1, paths)
  return inside(host, [[
    local json, sys, odm = require "altmig.json", require "altmig.sys", require "lab.odm"
    local want = assert(json.decode(assert(sys.read_file "/tmp/customised.json")))
    local files, rows = {}, {}
    for _, path in ipairs(want.paths) do
      local stat, link = sys.stat(path), sys.lstat(path)
      if stat then files[path] = { mode = stat.mode, uid = stat.uid, gid = stat.gid, type = link.type, data = sys.read_file(path) } end
    end
    for _, class in ipairs(want.classes) do
      local store <close> = odm.open(class[1])
      rows[class[2] ] = json.array(assert(store:get(class[2])))
    end
    io.write(json.encode { files = files, rows = rows })]], { paths = paths, classes = classes })
end

-- What the bos image ships: the same, from the archive.
---@param spec {texts: table, objects: table}
---@param lpp_source string? its directory
function case.shipped(spec, lpp_source)
  local paths, classes = asked(spec)
  lpp_source = lpp_source or "/export/nim/lpp_source/AIX72TL5"
  return inside(lab.master, ([[
    local bff, json, sys, odm = require "altmig.bff", require "altmig.json", require "altmig.sys", require "lab.odm"
    local want = assert(json.decode(assert(sys.read_file "/tmp/customised.json")))
    local files, rows, wanted = {}, {}, {}
    for _, path in ipairs(want.paths) do wanted[path] = true end
    local archive = assert(bff.open "%s/installp/ppc/bos")
    for member in archive:members() do
      local path = member.name:gsub("^%.", "")
      if member.type == "file" and wanted[path] then
        files[path] = { mode = member.mode, uid = member.uid, gid = member.gid, data = archive:read(member) }
      elseif member.type == "file" and path:match("/objrepos/") and not path:match("inst_root") then
        assert(sys.makedirs("/tmp/bosclasses" .. path:match("^(.*)/"), 448))
        assert(sys.write_file("/tmp/bosclasses" .. path, archive:read(member), { mode = 384 }))
      end
    end
    for _, class in ipairs(want.classes) do
      local store <close> = odm.open("/tmp/bosclasses" .. class[1])
      rows[class[2] ] = json.array(assert(store:get(class[2])))
    end
    io.write(json.encode { files = files, rows = rows })]]):gsub("%%s", lpp_source), { paths = paths, classes = classes })
end

--- What a text says, as a set.
---@param want {stanza: boolean?, words: boolean?}
function case.facts(want, path, file)
  local set = {}
  for line in ((file and file.data or "") .. "\n"):gmatch("([^\n]*)\n") do
    set[line] = true
    if want.words then set[(line:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", ""))] = true end
  end
  for _, stanza in ipairs(want.stanza and assert(core.parse(file and file.data or "", path)) or {}) do
    set[stanza.key .. ":"] = true
    for name, value in pairs(stanza.attributes) do set[("%s: %s = %s"):format(stanza.key, name, value)] = true end
  end
  return set
end

local function matches(row, criteria)
  for name, value in pairs(criteria) do
    if tostring(row[name]) ~= tostring(value) then return false end
  end
  return true
end

function case.has_object(rows, criteria, fields)
  for _, row in ipairs(rows) do
    if matches(row, criteria) and matches(row, fields or {}) then return true end
  end
  return false
end

---@param spec {texts: table, objects: table}
local function text_problems(spec, before, image, after, say)
  for path, want in pairs(spec.texts) do
    local c, n, m = case.facts(want, path, before.files[path]), case.facts(want, path, image.files[path]),
      case.facts(want, path, after.files[path])
    local function all(what, list, test)
      for _, fact in ipairs(list or {}) do
        if test(fact) ~= true then say("%s: %s: %s", path, what, fact) end
      end
    end
    all("no edit of the site", want.site, function(fact) return c[fact] and not n[fact] or fact:match("^#") ~= nil end)
    all("edit lost", want.site, function(fact) return m[fact] end)
    all("not new in the image", want.new, function(fact) return n[fact] and not c[fact] end)
    all("new record missing", want.new, function(fact) return m[fact] end)
    all("not removed by the site", want.gone, function(fact) return n[fact] and not c[fact] end)
    all("came back", want.gone, function(fact) return not m[fact] end)
    if want.default then
      local old, new = want.default[1], want.default[2]
      if not (c[old] and not c[new] and n[new] and not n[old]) then say("%s: no changed default: %s", path, new) end
      if not m[new] or m[old] then say("%s: the new default is missing: %s", path, new) end
    end
  end
end

local function object_problems(spec, before, image, after, say)
  local has, told = case.has_object, function(value) return json.encode(value, { sort = true }) end
  for _, want in ipairs(spec.objects) do
    local class = want[2]
    local c, n, m = before.rows[class], image.rows[class], after.rows[class]
    local function check(ok, what, key)
      if not ok then say("%s: %s: %s", class, what, told(key)) end
    end
    for _, object in ipairs(want.site or {}) do
      check(has(c, object[1], object[2]), "no edit of the site", object[1])
      check(not has(n, object[1], object[2]), "shipped", object[1])
      check(has(m, object[1], object[2]), "edit lost", object[1])
    end
    for _, object in ipairs(want.new or {}) do
      check(has(n, object[1], object[2]), "not in the image", object[1])
      check(not has(c, object[1]), "not new", object[1])
      check(has(m, object[1], object[2]), "new object missing", object[1])
    end
    if want.default then
      local key, old, new = table.unpack(want.default)
      check(has(c, key, old) and has(n, key, new), "no changed default", key)
      check(has(m, key, new) and not has(m, key, old), "the new default is missing", key)
    end
    for _, key in ipairs(want.gone or {}) do
      check(has(n, key) and not has(c, key), "not removed by the site", key)
      check(not has(m, key), "came back", key)
    end
  end
end

--- What is not as a spec expects it, a line each.
---@param spec {texts: table, objects: table}
---@param before table of state_of
---@param image table of shipped
---@param after table
---@return string[] of the texts
---@return string[] of the classes
function case.problems(spec, before, image, after)
  local texts, objects = {}, {}
  text_problems(spec, before, image, after, function(...) texts[#texts + 1] = string.format(...) end)
  object_problems(spec, before, image, after, function(...) objects[#objects + 1] = string.format(...) end)
  table.sort(texts)
  return texts, objects
end

return case
