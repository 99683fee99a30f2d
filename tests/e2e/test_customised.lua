-- SPDX-License-Identifier: MIT
-- A client whose administrators edited everything that phase 5 merges: the edits are there after the
-- migration, what the new level ships is there too, nothing secret is told and no file got wider.
--
-- What is expected is written down here line by line, and each expectation is checked against its
-- sources first: an edit must be on the client before, a new record must be in the bos image and not on
-- the client, a changed default must be the old one before and the new one in the image.

local lu = require "luaunit"
local core = require "altmig.merge_core"
local json = require "altmig.json"
local sys = require "altmig.sys"
local lab = require "lab_driver"

local client, master = lab.client, lab.master

-- Text files: site = edits, new = records of the new level, default = { old, new } of what the site left
-- alone, gone = what the site removed and the new level ships. Facts of stanza files are "stanza:" and
-- "stanza: attribute = value", of others whole lines.
local texts = {
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
  ["/etc/sudoers"] = { words = true,
    site = { "User_Alias OPS = jdoe, asmith", "OPS LOCAL = NOPASSWD: /usr/sbin/lsvg, \\", "/usr/sbin/lspv", "Defaults timestamp_timeout=0",
      "# root may everything", "#includedir /etc/sudoers.d" },
    new = { "Defaults use_pty", "%security LOCAL = (root) /usr/sbin/lsuser" },
    default = { "Host_Alias LOCAL = localhost", "Host_Alias LOCAL = localhost, loopback" } },
}

-- Objects: { directory, class, criteria of a row, fields } by the same four lists; gone = criteria. Of the
-- usr part no old defaults are known, so what the site removed there cannot be told.
local etc, usr = "/etc/objrepos", "/usr/lib/objrepos"
local objects = {
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

local preserved = { "/etc/hosts", "/etc/inittab", "/etc/environment", "/etc/profile", "/etc/motd", "/etc/syslog.conf", "/etc/ntp.conf",
  "/etc/aliases", "/etc/netsvc.conf", "/etc/resolv.conf", "/etc/pse_tune.conf", "/etc/ssh/sshd_config", "/etc/security/user.roles",
  "/etc/security/privfiles", "/etc/hosts.allow", "/var/spool/cron/crontabs/root", "/var/adm/cron/cron.allow", "/etc/tunables/nextboot",
  "/etc/acme/operators" }

local others = { "/etc/security/mkuser.sys", "/etc/security/mkuser.sys.custom", "/etc/services", "/var/adm/ras/errlog",
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

-- Content, mode and owner of files, and objects of classes, as they are on a host.
local function state_of(host)
  local paths, classes = json.array(), json.array()
  for path in pairs(texts) do paths[#paths + 1] = path end
  table.move(preserved, 1, #preserved, #paths + 1, paths)
  table.move(others, 1, #others, #paths + 1, paths)
  for i, row in ipairs(objects) do classes[i] = { row[1], row[2] } end
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
local function shipped()
  local paths, classes = json.array(), json.array()
  for path in pairs(texts) do paths[#paths + 1] = path end
  table.move(others, 1, #others, #paths + 1, paths)
  for i, row in ipairs(objects) do classes[i] = { row[1], row[2] } end
  return inside(master, [[
    local bff, json, sys, odm = require "altmig.bff", require "altmig.json", require "altmig.sys", require "lab.odm"
    local want = assert(json.decode(assert(sys.read_file "/tmp/customised.json")))
    local files, rows, wanted = {}, {}, {}
    for _, path in ipairs(want.paths) do wanted[path] = true end
    local archive = assert(bff.open "/export/nim/lpp_source/AIX72TL5/installp/ppc/bos")
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
    io.write(json.encode { files = files, rows = rows })]], { paths = paths, classes = classes })
end

-- What a text says, as a set.
local function facts(path, file)
  local set, want = {}, texts[path]
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

local function has_object(rows, criteria, fields)
  for _, row in ipairs(rows) do
    if matches(row, criteria) and matches(row, fields or {}) then return true end
  end
  return false
end

local function told(value) return json.encode(value, { sort = true }) end

TestCustomised = {}

local before, image, after, spoken

function TestCustomised:setupClass()
  if sys.getuid() ~= 0 then return end
  lab.up()
  lab.must("scenario", "customised-config")
  before = state_of(client)
  -- It looks before it edits: a second time changes nothing.
  local sums = "find /etc /usr/lib/objrepos /var/adm/ras /var/spool/cron -type f | sort | xargs cksum"
  local once = lab.on(client, sums)
  lab.must("scenario", "customised-config")
  lu.assertEquals(lab.on(client, sums), once)
  image = shipped()
  -- The source tree may belong to somebody else than root, who runs this, and such a script is refused.
  local flow = lab.dir .. "/customised_flow.lua"
  assert(sys.write_file(flow, assert(sys.read_file(DATA_DIR .. "/customised_flow.lua")), { mode = 384 }))
  local status, out, problem = lab.engine("altmig", { "migrate", "--script", flow, table.unpack(lab.flags) })
  lu.assertEquals(status, 0, out .. problem)
  spoken = out .. problem
  lu.assertStrContains(lab.must("boot", client, "--power"), "7200-05-06")
  after = state_of(client)
end

function TestCustomised:teardownClass() lab.down() end

function TestCustomised:setUp() lab.require_root() end

function TestCustomised:test_edits_and_new_records_of_every_text()
  for path, want in pairs(texts) do
    local c, n, m = facts(path, before.files[path]), facts(path, image.files[path]), facts(path, after.files[path])
    local function all(what, list, test)
      for _, fact in ipairs(list or {}) do lu.assertTrue(test(fact) == true, ("%s: %s: %s"):format(path, what, fact)) end
    end
    all("no edit of the site", want.site, function(fact) return c[fact] and not n[fact] or fact:match("^#") ~= nil end)
    all("edit lost", want.site, function(fact) return m[fact] end)
    all("not new in the image", want.new, function(fact) return n[fact] and not c[fact] end)
    all("new record missing", want.new, function(fact) return m[fact] end)
    all("not removed by the site", want.gone, function(fact) return n[fact] and not c[fact] end)
    all("came back", want.gone, function(fact) return not m[fact] end)
    if want.default then
      local old, new = want.default[1], want.default[2]
      lu.assertTrue(c[old] and not c[new] and n[new] and not n[old], path .. ": no changed default: " .. new)
      lu.assertTrue(m[new] and not m[old], path .. ": the new default is missing: " .. new)
    end
  end
end

function TestCustomised:test_lists_are_merged_element_by_element()
  local function value(path, fact)
    for _, stanza in ipairs(core.parse(after.files[path].data, path)) do
      if stanza.key == fact[1] then return stanza.attributes[fact[2]] end
    end
  end
  lu.assertEquals(value("/etc/security/audit/config", { "classes", "general" }),
    "USER_SU,PASSWORD_Change,FILE_Unlink,FILE_Rename,SITE_Event,PROC_Kill") -- FILE_Link was taken out by the site
  local shells = value("/etc/security/login.cfg", { "usw", "shells" })
  lu.assertStrContains(shells, ",/opt/freeware/bin/bash")
  lu.assertStrContains(shells, ",/usr/bin/rksh93")
  lu.assertNotStrContains(shells, ",/bin/tsh")
  lu.assertEquals(value("/etc/security/roles", { "SysConfig", "authorizations" }), "aix.system.config,aix.fs.manage,aix.system.install")
  lu.assertNotNil(value("/etc/security/roles", { "WebOperator", "id" }):match("^%d+$"))
  lu.assertNotEquals(value("/etc/security/roles", { "DomainAdmin", "id" }), "14") -- the site's AcmeOperator has it
  lu.assertNotNil(value("/etc/security/authorizations", { "web.stop", "id" }):match("^%d+$"))
  -- New accounts come before the NIS line, which takes all that is left.
  lu.assertTrue(after.files["/etc/passwd"].data:find("\nahafsadm:", 1, true) < after.files["/etc/passwd"].data:find("\n+@operators",
    1, true))
end

function TestCustomised:test_edits_and_new_objects_of_every_class()
  for _, want in ipairs(objects) do
    local class = want[2]
    local c, n, m = before.rows[class], image.rows[class], after.rows[class]
    for _, object in ipairs(want.site) do
      lu.assertTrue(has_object(c, object[1], object[2]), class .. ": no edit of the site: " .. told(object[1]))
      lu.assertFalse(has_object(n, object[1], object[2]), class .. ": shipped: " .. told(object[1]))
      lu.assertTrue(has_object(m, object[1], object[2]), class .. ": edit lost: " .. told(object[1]))
    end
    for _, object in ipairs(want.new or {}) do
      lu.assertTrue(has_object(n, object[1], object[2]), class .. ": not in the image: " .. told(object[1]))
      lu.assertFalse(has_object(c, object[1]), class .. ": not new: " .. told(object[1]))
      lu.assertTrue(has_object(m, object[1], object[2]), class .. ": new object missing: " .. told(object[1]))
    end
    if want.default then
      local key, old, new = table.unpack(want.default)
      lu.assertTrue(has_object(c, key, old) and has_object(n, key, new), class .. ": no changed default: " .. told(key))
      lu.assertTrue(has_object(m, key, new) and not has_object(m, key, old), class .. ": the new default is missing: " .. told(key))
    end
    for _, key in ipairs(want.gone or {}) do
      lu.assertTrue(has_object(n, key) and not has_object(c, key), class .. ": not removed by the site: " .. told(key))
      lu.assertFalse(has_object(m, key), class .. ": came back: " .. told(key))
    end
  end
  lu.assertFalse(has_object(after.rows.errnotify, { en_name = "of_process" })) -- its process is gone
  lu.assertTrue(has_object(before.rows.errnotify, { en_name = "of_process" }))
end

function TestCustomised:test_preserved_files_are_as_they_were_and_the_others_are_kept_aside()
  for _, path in ipairs(preserved) do
    local c, m = before.files[path], after.files[path]
    lu.assertNotNil(c, path)
    lu.assertEquals(m, c, path)
  end
  local was, is = before.files, after.files
  lu.assertStrContains(was["/etc/services"].data, "acme\t\t7070/tcp")
  lu.assertNotStrContains(is["/etc/services"].data, "acme")
  lu.assertEquals(is["/lpp/save.config/etc/services"].data, was["/etc/services"].data)
  -- The script is the new one; the site's is beside it, switched off.
  lu.assertEquals(is["/etc/security/mkuser.sys"].data, image.files["/etc/security/mkuser.sys"].data)
  lu.assertNotEquals(is["/etc/security/mkuser.sys"].data, was["/etc/security/mkuser.sys"].data)
  lu.assertEquals(is["/etc/security/mkuser.sys.custom"].data, was["/etc/security/mkuser.sys"].data)
  lu.assertEquals(is["/etc/security/mkuser.sys.custom"].mode & 73, 0)
  -- The error log is history of the old level, its templates are the new one's.
  lu.assertStrContains(is["/var/adm/ras/errlog.7.1.5.30"].data, "error log of AIX 7.1")
  lu.assertNotStrContains((is["/var/adm/ras/errlog"] or { data = "" }).data, "error log of AIX 7.1")
  lu.assertEquals(is["/var/adm/ras/errtmplt"].data, image.files["/var/adm/ras/errtmplt"].data)
  lu.assertStrContains(is["/lpp/save.config/var/adm/ras/errtmplt"].data, "error template of the site")
  lu.assertEquals(is["/usr/lib/security/methods.cfg"].type, "link")
end

function TestCustomised:test_no_mode_is_wider_and_no_owner_changed()
  for path in pairs(texts) do
    local c, n, m = before.files[path], image.files[path], after.files[path]
    lu.assertEquals(m.mode & ~c.mode, 0, path)
    if n then lu.assertEquals(m.mode & ~n.mode & 511, 0, path) end
    lu.assertEquals({ m.uid, m.gid }, { c.uid, c.gid }, path)
  end
  lu.assertEquals(after.files["/etc/security/passwd"].mode & 511, 384)
end

function TestCustomised:test_every_method_a_second_time_changes_nothing()
  local again = assert(json.decode(lab.on(client, "cat /tmp/merged-again.json 2>/dev/null || cat /lpp/merged-again.json")))
  lu.assertEquals(again.changed, json.array())
  lu.assertEquals(#again.ran, 35) -- nimadm's and two of the site's
  for _, line in ipairs(again.ran) do lu.assertNil(line:match("unavailable") or line:match("unparsable"), line) end
end

function TestCustomised:test_the_report_holds_decisions_of_every_kind_of_method()
  local status, out, problem = lab.engine("altmig", { "report", client, "--json" })
  lu.assertEquals(status, 0, problem)
  local found = {}
  for _, entry in ipairs(assert(json.decode(out)).entries) do
    found[("%s %s %s"):format(entry.method, entry.key, entry.chosen)] = entry.severity
  end
  lu.assertEquals(found["sudoers_mig Defaults timestamp_timeout C"], "conflict")
  lu.assertEquals(found["ldapcfg_mig cachetimeout C"], "conflict")
  lu.assertEquals(found["ODM_merge SRCsubsys clcomd none"], "note")
end

function TestCustomised:test_no_log_and_no_report_tells_a_secret()
  local secrets = { "S3cretOfTheSite" }
  for hash in before.files["/etc/security/passwd"].data:gmatch("password = (%S%S%S+)") do secrets[#secrets + 1] = hash end
  lu.assertTrue(#secrets > 4)
  local heard = { spoken, lab.on(client, "cat /lpp/save.config/.altmig/report/*") }
  local state = lab.dir .. "/state"
  local function read(dir)
    for _, name in ipairs(sys.list(dir)) do
      local path = dir .. "/" .. name
      if sys.stat(path).type == "dir" then read(path) else heard[#heard + 1] = assert(sys.read_file(path)) end
    end
  end
  read(state)
  for _, argv in ipairs { { "report", client, "--json" }, { "report", client, "-V" }, { "report", client, "--html" } } do
    local status, out, problem = lab.engine("altmig", argv)
    lu.assertEquals(status, 0, problem)
    heard[#heard + 1] = out
  end
  local text = table.concat(heard)
  lu.assertStrContains(text, "bindpwd") -- it is spoken of
  lu.assertStrContains(text, "<secret>")
  for _, secret in ipairs(secrets) do lu.assertNil(text:find(secret, 1, true), "a secret was told") end
  -- The saved copies are for root alone.
  lu.assertEquals(lab.on(client, "ls -ld /lpp/save.config | cut -c1-10"):sub(1, 10), "drwx------")
end
