-- SPDX-License-Identifier: MIT
-- The cross-check of the merged configuration: each case is what a tree holds, and what is said about it.

local lu = require "luaunit"
local merge = require "altmig.merge"
local odm = require "altmig.odm"
local odm_core = require "altmig.odm_core"
local sys = require "altmig.sys"
local tree = require "altmig.tree"

local layouts = {}
for _, layout in ipairs(assert(odm.definitions [[
class SRCsubsys { char subsysname[30]; char path[100]; char grpname[30]; };
class SRCnotify { char notifyname[30]; char notifymethod[255]; };
class PdDv { char uniquetype[48]; };
class PdAt { char uniquetype[48]; char attribute[16]; };
class CuDv { char name[16]; link PdDv PdDv uniquetype PdDvLn[48]; };
class CuAt { char name[16]; char attribute[16]; };
class sm_menu_opt { char id[65]; char next_id[65]; };
class sm_name_hdr { char id[65]; char next_id[65]; vchar option_id[65]; };
class sm_cmd_hdr { char id[65]; vchar option_id[65]; };
class sm_cmd_opt { char id[65]; };
class inventory { short lpp_id; vchar loc0[1024]; };
]])) do layouts[layout.name] = layout.descriptors end

---@class test.merge_check.Case
---@field files table<string, string>?          # the merged tree
---@field classes table<string, table[]>?       # path -> objects
---@field saved table<string, string>?          # C
---@field shipped table<string, string>?        # N
---@field source string?                        # releases
---@field target string?
---@field severity string?                      # of all of them
---@field want string[]                          # "file key rule", sorted

local privcmds, roles = "/etc/security/privcmds", "/etc/security/roles"
local me = sys.getuid()

---@type table<string, test.merge_check.Case>
local cases = {
  an_empty_tree_says_nothing = { want = {} },

  algorithms_of_passwords = {
    severity = "todo",
    files = { ["/usr/lib/security/ssha"] = "x", ["/usr/lib/security/b64_64"] = "x",
      ["/etc/security/pwdalg.cfg"] = "ssha256:\n\tlpa_module = /usr/lib/security/ssha\n\nb64:\n\tlpa_module = b64\n\n"
        .. "acme:\n\tlpa_module = /opt/acme/lpa\n",
      ["/etc/security/passwd"] = "root:\n\tpassword = {ssha256}06$x\n\na:\n\tpassword = {smd5}y\n\nb:\n\tpassword = {smd5}z\n\n"
        .. "c:\n\tpassword = AbCdEfGhIjKlM\n\nd:\n\tpassword = *\n\ne:\n\tpassword = {acme}z\n\nf:\n\tpassword = {b64}z\n",
      ["/etc/security/login.cfg"] = "usw:\n\tpwd_algorithm = sblowfish\n" },
    want = { "/etc/security/login.cfg usw pwd_algorithm is sblowfish, and /etc/security/pwdalg.cfg does not define it",
      "/etc/security/passwd acme 1 account has a password made so (e), and its module /opt/acme/lpa does not exist: no log-in with it",
      "/etc/security/passwd smd5 2 accounts have a password made so (a b), and /etc/security/pwdalg.cfg does not define it: "
        .. "no log-in with it" },
  },

  traditional_passwords_need_no_algorithm = {
    files = { ["/etc/security/pwdalg.cfg"] = "", ["/etc/security/passwd"] = "c:\n\tpassword = AbCdEfGhIjKlM\n",
      ["/etc/security/login.cfg"] = "usw:\n\tpwd_algorithm = crypt\n" },
    want = {},
  },

  words_that_are_ignored = {
    target = "7.3", source = "7.2",
    files = { ["/etc/ssh/sshd_config"] = "#UseLogin no\nUsePrivilegeSeparation sandbox\nHostKey /etc/ssh/ssh_host_ecdsa_key\n"
      .. "HostKey /etc/ssh/ssh_host_dsa_key\nCiphers aes256-ctr\n", ["/etc/ntp.conf"] = "server time prefer\n authdelay 0.1\n"
      .. "enable monitor pll\nenable pllx\nrestrict default nomodify\n" },
    want = { "/etc/ntp.conf authdelay 0.1 a word of NTP version 3: ntpd4 does not take it",
      "/etc/ntp.conf enable monitor pll of NTP version 3: ntpd4 knows 'kernel' and 'ntp' in its place",
      "/etc/ssh/sshd_config HostKey /etc/ssh/ssh_host_dsa_key OpenSSH makes and takes no DSA keys by default since 7.0, and later "
        .. "versions none at all",
      "/etc/ssh/sshd_config UsePrivilegeSeparation sandbox OpenSSH ignores the word since 7.4 or 7.5" },
  },

  words_that_break_something = {
    target = "7.4", source = "7.1", severity = "todo",
    files = { ["/etc/ssh/sshd_config"] = "Ciphers aes256-ctr,arcfour128\nMACs=hmac-ripemd160@openssh.com\n",
      ["/etc/ntp.conf"] = "restrict 10.0.0.0 mask 255.0.0.0 notrust\n", ["/var/ssl/openssl.cnf"] = "[ e ]\nengines = x\n" },
    want = { "/etc/ntp.conf restrict 10.0.0.0 mask 255.0.0.0 notrust in version 3 'notrust' meant: do not synchronise with it; ntpd4 "
      .. "takes it as: only with a key, and drops the others",
      "/etc/ssh/sshd_config Ciphers aes256-ctr,arcfour128 OpenSSH took the ciphers arcfour, blowfish-cbc and cast128-cbc out in 7.6 and "
        .. "refuses a list that names them",
      "/etc/ssh/sshd_config MACs=hmac-ripemd160@openssh.com OpenSSH took hmac-ripemd160 out in 7.6 and refuses a list that names it",
      "/var/ssl/openssl.cnf engines = x IBM's OpenSSL 3 has no engines" },
  },

  words_of_a_level_that_the_site_has_already = {
    target = "7.3", source = "7.3", files = { ["/etc/ntp.conf"] = "authdelay 0.1\n" }, want = {},
  },

  words_of_a_level_above = {
    target = "7.2", source = "7.1", files = { ["/etc/ntp.conf"] = "authdelay 0.1\n" }, want = {},
  },

  commands_of_inittab = {
    files = { ["/etc/rc"] = "x", ["/etc/inittab"] = ": a comment:2:wait:/nowhere\ninit:2:initdefault:\n"
      .. "rc:2:wait:/etc/rc 2>&1 | alog -tboot\n"
      .. "gone:2:respawn:exec /opt/gone/bin/d -x\nq:2:once:\"/opt/quoted\" a\noff:2:off:/opt/other\nsh:2:once:echo /opt/no\n"
      .. "link:2:once:/lost;/etc/rc\n" },
    want = { "/etc/inittab gone its program /opt/gone/bin/d does not exist", "/etc/inittab link its program /lost does not exist",
      "/etc/inittab q its program /opt/quoted does not exist" },
  },

  helpers_and_defaults_of_vfs = {
    files = { ["/sbin/helpers/jfs2"] = "x", ["/etc/vfs"] = "# types\n%defaultvfs jfs2 nfs4\n%control x\njfs2 0 jfs2 none\n"
      .. "nfs 2 /etc/gone none remote\n"
      .. "#old 3 /old none\nacme 9 lost jfs2 # why\n" },
    want = { "/etc/vfs %defaultvfs there is no type nfs4", "/etc/vfs acme the helper lost does not exist",
      "/etc/vfs nfs the helper /etc/gone does not exist" },
  },

  extensions_of_streams = {
    files = { ["/usr/lib/drivers/pse/dlpi"] = "x", ["/etc/pse.conf"] = "d+ dlpi en /dev/dlpi/en\n#d gone\nd lost\nm /opt/acme/mod # x\n" },
    want = { "/etc/pse.conf /opt/acme/mod the extension /opt/acme/mod does not exist",
      "/etc/pse.conf lost the extension /usr/lib/drivers/pse/lost does not exist" },
  },

  authorizations_are_defined = {
    files = { [privcmds] = "/a:\n\taccessauths = aix.fs.manage,site.a,ALLOW_OWNER,site.b\n\tauthprivs = site.c=PV_A+PV_B,aix=PV_A\n",
      ["/etc/security/privfiles"] = "/f:\n\treadauths = site.d\n", [roles] = "r:\n\tauthorizations = site.a,Backup,\"site.e\"\n",
      ["/etc/security/authorizations"] = "site.a:\n\tid = 10001\n" },
    want = { privcmds .. " /a accessauths: there is no authorization site.b", privcmds .. " /a authprivs: there is no authorization site.c",
      "/etc/security/privfiles /f readauths: there is no authorization site.d",
      roles .. " r authorizations: there is no authorization site.e" },
  },

  authorizations_of_a_directory_are_not_looked_up = {
    files = { [privcmds] = "/a:\n\taccessauths = site.a\n", ["/etc/nscontrol.conf"] = "authorizations:\n\tsecorder = LDAP,files\n" },
    want = {},
  },

  roles_of_users = {
    files = { [roles] = "here:\n\tid = 1\n", ["/etc/security/user.roles"] = "root:\n\troles = here,gone\n" },
    want = { "/etc/security/user.roles root there is no role gone" },
  },

  maps_of_ldap = {
    files = { ["/etc/security/ldap/ldap.cfg"] = "#groupattrmappath:/no\nuserattrmappath:/etc/map\nidattrmappath: /etc/gone.map\n"
      .. "bindpwd:mappath:/x\n",
      ["/etc/map"] = "x" },
    want = { "/etc/security/ldap/ldap.cfg idattrmappath the map /etc/gone.map does not exist" },
  },

  shells_of_new_users = {
    files = { ["/bin/sh"] = "x", ["/etc/security/mkuser.default"] = "user:\n\tshell = /bin/sh\nadmin:\n\tshell = /bin/gone\n" },
    want = { "/etc/security/mkuser.default admin the shell /bin/gone does not exist" },
  },

  -- The files of the test are mine: the number that the new level wants is mine here too.
  files_of_a_number_that_another_has = {
    files = { ["/etc/passwd"] = ("root:!:0:0::/:\nsite:!:%d:0::/:\nmoved:!:77:0::/:\n"):format(me == 0 and 4294967294 or me),
      ["/etc/group"] = "system:!:0:\n", ["/usr/sbin/one"] = "x", ["/usr/sbin/two"] = "x" },
    shipped = { ["/etc/passwd"] = "root:!:0:0::/:\nfresh:*:-2:0::/:\nmoved:*:78:0::/:\nremoved:*:79:0::/:\n" },
    classes = { ["/usr/lib/objrepos/inventory"] = { { loc0 = "/usr/sbin/one" }, { loc0 = "/usr/sbin/gone" } } },
    want = me == 0 and {
      "/etc/passwd fresh the new level's uid for it, 4294967294, is site's here; files of the new level that have it: none",
      "/etc/passwd moved the new level's uid for it, 78, is nobody's here; files of the new level that have it: none",
    } or { "/etc/passwd moved the new level's uid for it, 78, is nobody's here; files of the new level that have it: none" },
  },

  a_number_with_files = {
    files = { ["/etc/passwd"] = ("site:!:%d:0::/:\n"):format(me), ["/etc/group"] = "system:!:0:\n", ["/usr/sbin/one"] = "x",
      ["/usr/sbin/two"] = "x", ["/usr/sbin/ours"] = "x" },
    shipped = { ["/etc/passwd"] = ("fresh:*:%d:0::/:\n"):format(me) },
    classes = { ["/usr/lib/objrepos/inventory"] = { { loc0 = "/usr/sbin/one" }, { loc0 = "/usr/sbin/gone" } },
      ["/etc/objrepos/inventory"] = { { loc0 = "/usr/sbin/two" }, { loc0 = "/usr/sbin/one" } } },
    want = { ("/etc/passwd fresh the new level's uid for it, %d, is site's here; files of the new level that have it: 2: /usr/sbin/one "
      .. "/usr/sbin/two"):format(me) },
    severity = "todo",
  },

  names_that_came_to_share_a_number = {
    files = { ["/etc/passwd"] = "root:!:0:0::/:\nalias:!:0:0::/:\nnew:!:0:0::/:\n", ["/etc/group"] = "system:!:0:\n" },
    saved = { ["/etc/passwd"] = "root:!:0:0::/:\nalias:!:0:0::/:\n" },
    want = { "/etc/passwd new has the number of root" },
  },

  subsystems = {
    classes = { ["/etc/objrepos/SRCsubsys"] = { { subsysname = "a", path = "/etc/objrepos/SRCsubsys", grpname = "tcpip" },
      { subsysname = "b", path = "/gone" } }, ["/etc/objrepos/SRCnotify"] = { { notifyname = "tcpip" }, { notifyname = "a" },
        { notifyname = "lost" } } },
    want = { "/etc/objrepos/SRCnotify lost SRCsubsys has no such subsystem or group",
      "/etc/objrepos/SRCsubsys b its program /gone does not exist" },
  },

  devices = {
    classes = { ["/usr/lib/objrepos/PdDv"] = { { uniquetype = "c/s/t" } },
      ["/usr/lib/objrepos/PdAt"] = { { uniquetype = "c/s/t" }, { uniquetype = "c/s/u" }, { uniquetype = "c/s/u" } },
      ["/etc/objrepos/CuDv"] = { { name = "d0", PdDvLn = "c/s/t" }, { name = "d1", PdDvLn = "" }, { name = "d2", PdDvLn = "x/y/z" } },
      ["/etc/objrepos/CuAt"] = { { name = "d0" }, { name = "d9" } } },
    want = { "/etc/objrepos/CuAt d9 CuDv has no such object", "/etc/objrepos/CuDv x/y/z PdDv has no such object",
      "/usr/lib/objrepos/PdAt c/s/u PdDv has no such object" },
  },

  smit_screens = {
    classes = {
      ["/usr/lib/objrepos/sm_menu_opt"] = { { id = "top", next_id = "m1" }, { id = "m1", next_id = "d1" }, { id = "m1", next_id = "etc_d" },
        { id = "m1", next_id = "lost" }, { id = "m2", next_id = "lost" }, { id = "m1", next_id = "_builtin" } },
      ["/usr/lib/objrepos/sm_name_hdr"] = { { id = "n1", next_id = "gone", option_id = "o1" } },
      ["/usr/lib/objrepos/sm_cmd_hdr"] = { { id = "d1", option_id = "o1" }, { id = "d2", option_id = "o9" }, { id = "d3" } },
      ["/usr/lib/objrepos/sm_cmd_opt"] = { { id = "o1" } },
      ["/etc/objrepos/sm_cmd_hdr"] = { { id = "etc_d" } },
    },
    want = { "/usr/lib/objrepos/sm_cmd_hdr d2 has the options o9, which do not exist",
      "/usr/lib/objrepos/sm_menu_opt m1 leads to lost, which does not exist",
      "/usr/lib/objrepos/sm_name_hdr n1 leads to gone, which does not exist" },
  },
}

TestMergeCheck = {}

local function class_bytes(path, objects)
  local name = path:match("[^/]+$")
  local image <close> = assert(odm_core.create(name, name, layouts[name]))
  for _, object in ipairs(objects) do assert(image:add(object)) end
  return image:images()
end

-- What the cross-check says about a case, sorted; it must not touch the tree.
local function said_about(case)
  local dir = os.tmpname()
  os.remove(dir)
  if sys.stat("/dev/shm") then dir = "/dev/shm/" .. dir:match("[^/]+$") end
  assert(sys.mkdir(dir, 448))
  local t <close> = assert(tree.at(dir))
  local shipped, lines = {}, {}
  local function put(path, text)
    assert(t:makedirs(path:match("^(.*)/")))
    assert(t:write(path, text))
  end
  for path, text in pairs(case.files or {}) do put(path, text) end
  for path, text in pairs(case.shipped or {}) do shipped[path] = text end
  for path, objects in pairs(case.classes or {}) do
    local data, strings = class_bytes(path, objects)
    put(path, data)
    if strings then put(path .. ".vc", strings) end
    shipped[path], shipped[path .. ".vc"] = data, strings
  end
  local before = assert(t:digest("/"))
  local count = merge.cross_check { tree = t, source = case.source, target = case.target,
    saved = function(path) return (case.saved or {})[path] end,
    shipped_new = function(path) return shipped[path] or path:match("inventory") and error({ code = "EIO", message = "unreadable" }, 0) end,
    report = function(d)
      lu.assertEquals(d.severity, case.severity or "warning")
      lines[#lines + 1] = ("%s %s %s"):format(d.file, d.key, d.rule)
    end }
  lu.assertEquals(count, #lines)
  lu.assertEquals(t:digest("/"), before)
  os.execute("rm -rf '" .. dir .. "'")
  table.sort(lines)
  return lines
end

for name, case in pairs(cases) do
  TestMergeCheck["test_" .. name] = function() lu.assertEquals(said_about(case), case.want) end
end
