-- SPDX-License-Identifier: MIT
-- Golden cases of the methods that merge stanza files and tables: what the site had, what each level shipped.

local lu = require "luaunit"
local records = require "altmig.merge.records"
local core = require "altmig.merge_core"
local findings = require "altmig.merge.findings"
local merge = require "altmig.merge"
local merge_case = require "merge_case"

local said_about = merge_case.said_about

local dir, t
local function put(...) merge_case.put(t, ...) end
local function run(...) return merge_case.run(t, ...) end

local accounts = {
  ["/etc/passwd"] = { o = "root:!:0:0::/:\n", c = "root:!:0:0::/:\njdoe:!:5:1::/:\n", n = "root:!:0:0::/:\nesa:!:7:0::/:\n" },
  ["/etc/security/passwd"] = { c = "root:\n\tpassword = x\n", n = "root:\n\tpassword = *\n" },
  ["/etc/group"] = { c = "system:!:0:root\n", n = "system:!:0:root\nnewgrp:!:9:\n" },
  ["/etc/security/group"] = { c = "system:\n\tadmin = true\n", n = "system:\n\tadmin = true\n" },
}

local function with_accounts(inputs)
  for path, input in pairs(accounts) do inputs[path] = inputs[path] or input end
  return inputs
end

TestMergeStanza = {}

function TestMergeStanza:setUp()
  t, dir = merge_case.open()
end

function TestMergeStanza:tearDown()
  merge_case.close(t, dir)
end

function TestMergeStanza:test_login_cfg()
  local path = "/etc/security/login.cfg"
  local status = run("login_mig", { [path] = {
    o = "default:\n\therald = \"AIX 7.1\\nlogin: \"\n\nusw:\n\tshells = /bin/sh,/bin/csh,/bin/ksh\n\tmaxlogins = 32767\n",
    c = "default:\n\therald = \"Ours: a=b\\nlogin: \"\n\n/dev/tty1,/dev/tty0:\n\tlogindelay = 3\n\nusw:\n"
      .. "\tshells = /bin/sh,/bin/ksh,/opt/freeware/bin/bash\n\tmaxlogins = 100\n",
    n = "default:\n\therald = \"AIX 7.2\\nlogin: \"\n\n/dev/tty0,/dev/tty1:\n\tlogindelay = 0\n\tsak_enabled = false\n\nusw:\n"
      .. "\tshells = /bin/sh,/bin/csh,/bin/ksh,/usr/bin/rksh\n\tmaxlogins = 32767\n\tmkhomeatlogin = false\n",
  } })
  lu.assertEquals(status, "merged")
  lu.assertEquals(t:read(path), "default:\n\therald = \"Ours: a=b\\nlogin: \"\n\n/dev/tty1,/dev/tty0:\n\tlogindelay = 3\n"
    .. "\tsak_enabled = false\n\nusw:\n\tshells = /bin/sh,/bin/ksh,/opt/freeware/bin/bash,/usr/bin/rksh\n"
    .. "\tmaxlogins = 100\n\tmkhomeatlogin = false\n")
end

function TestMergeStanza:test_user()
  local path = "/etc/security/user"
  local inputs = with_accounts { [path] = {
    o = "default:\n\tmaxage = 0\n\tminlen = 0\n\nroot:\n\tadmin = true\n",
    c = "default:\n\tmaxage = 12\n\tminlen = 0\n\tSYSTEM = \"KRB5LDAP or compat\"\n\nroot:\n\tadmin = true\n\trlogin = false\n\n"
      .. "jdoe:\n\tregistry = LDAP\n",
    n = "default:\n\tmaxage = 0\n\tminlen = 0\n\tminloweralpha = 0\n\nroot:\n\tadmin = true\n\nesa:\n\tlogin = false\n\n"
      .. "nobodys:\n\tlogin = false\n",
  } }
  local _, said = run("user_mrg", inputs)
  local merged = "default:\n\tmaxage = 12\n\tminlen = 0\n\tSYSTEM = \"KRB5LDAP or compat\"\n\tminloweralpha = 0\n\n"
    .. "root:\n\tadmin = true\n\trlogin = false\n\njdoe:\n\tregistry = LDAP\n\nesa:\n\tlogin = false\n"
  lu.assertEquals(t:read(path), merged)
  lu.assertEquals(said_about(said, "nobodys").chosen, "none")
  run("user_mrg", inputs)
  lu.assertEquals(t:read(path), merged)
  -- Without O the site's policy still stands, and new attributes come in.
  inputs[path].o = nil
  run("user_mrg", inputs)
  lu.assertStrContains(t:read(path), "maxage = 12")
  lu.assertStrContains(t:read(path), "minloweralpha = 0")
end

function TestMergeStanza:test_one_broken_file_does_not_cost_the_others()
  local inputs = with_accounts {
    ["/etc/security/passwd"] = { c = "no stanza\n", n = "root:\n\tpassword = *\n" },
    ["/etc/security/user"] = { o = "default:\n\ta = 1\n", c = "default:\n\ta = 2\n", n = "default:\n\ta = 1\n\nesa:\n\tb = 1\n" },
  }
  lu.assertEquals(run("passwd_mig", inputs), "unparsable")
  lu.assertEquals(run("group_mig", inputs), "new") -- which is what the merge gives here
  lu.assertStrContains(t:read("/etc/group"), "newgrp:!:9:")
  lu.assertEquals(run("user_mrg", inputs), "merged")
  lu.assertEquals(t:read("/etc/security/user"), "default:\n\ta = 2\n\nesa:\n\tb = 1\n")
end

function TestMergeStanza:test_the_other_security_files()
  local status, said = run("secur_mig", with_accounts {
    ["/etc/security/limits"] = { o = "default:\n\tfsize = 2097151\n", c = "default:\n\tfsize = -1\n\njdoe:\n\tnofiles = -1\n",
      n = "default:\n\tfsize = 2097151\n\tthreads = -1\n\nesa:\n\tfsize = -1\n\nghost:\n\tfsize = 1\n" },
    ["/etc/security/smitacl.group"] = { o = "", c = "system:\n\tscreens = *\n",
      n = "newgrp:\n\tscreens = a\n\nghosts:\n\tscreens = a\n" },
    ["/etc/security/environ"] = { c = "broken\n", n = "default:\n" },
    ["/etc/security/audit/config"] = {
      o = "start:\n\tbinmode = off\n\nclasses:\n\tgeneral = USER_SU,PASSWORD_Change\n\tobjects = S_A\n\nusers:\n\troot = general\n",
      c = "start:\n\tbinmode = on\n\nclasses:\n\tgeneral = USER_SU,SITE_Event\n\tobjects = S_A\n\tsite = SITE_Event\n\n"
        .. "users:\n\troot = general,site\n",
      n = "start:\n\tbinmode = off\n\nclasses:\n\tgeneral = USER_SU,PASSWORD_Change,USER_New\n\tobjects = S_A,S_B\n\nusers:\n"
        .. "\troot = general,new\n" },
    ["/etc/security/audit/events"] = { o = "auditpr:\n\tE = printf \"a\"\n", c = "auditpr:\n\tE = printf \"mine\"\n\tSITE = printf \"s\"\n",
      n = "auditpr:\n\tE = printf \"b\"\n\tF = printf \"f\"\n" },
  })
  lu.assertEquals(t:read("/etc/security/limits"), "default:\n\tfsize = -1\n\tthreads = -1\n\njdoe:\n\tnofiles = -1\n\nesa:\n\tfsize = -1\n")
  lu.assertEquals(t:read("/etc/security/smitacl.group"), "system:\n\tscreens = *\n\nnewgrp:\n\tscreens = a\n")
  lu.assertEquals(t:read("/etc/security/audit/config"), "start:\n\tbinmode = on\n\nclasses:\n\tgeneral = USER_SU,SITE_Event,USER_New\n"
    .. "\tobjects = S_A,S_B\n\tsite = SITE_Event\n\nusers:\n\troot = general,site\n")
  lu.assertEquals(t:read("/etc/security/audit/events"), "auditpr:\n\tE = printf \"b\"\n\tSITE = printf \"s\"\n\tF = printf \"f\"\n")
  -- One file that nobody can read costs only itself.
  lu.assertEquals(status, "unparsable")
  lu.assertEquals(t:read("/etc/security/environ"), "default:\n")
  lu.assertStrContains(table.concat(said.warnings), "/etc/security/environ: line 1")
end

function TestMergeStanza:test_privileged_commands()
  local path = "/etc/security/privcmds"
  local _, said = run("privcmds_mig", { [path] = {
    o = "/usr/sbin/a:\n\taccessauths = aix.a\n\tinnateprivs = PV_A\n\n/usr/sbin/gone:\n\taccessauths = aix.g\n\n"
      .. "/usr/sbin/off:\n\teuid = 0\n",
    c = "/usr/sbin/a:\n\taccessauths = aix.site\n\tinnateprivs = PV_A\n\n/usr/sbin/gone:\n\taccessauths = aix.g\n\n"
      .. "/site/tool:\n\taccessauths = ALLOW_OWNER\n\tauthprivs = a=PV_X+PV_Y,b=PV_Z\n",
    n = "/usr/sbin/a:\n\taccessauths = aix.new\n\tinnateprivs = PV_A,PV_B\n\n/usr/sbin/off:\n\teuid = 0\n\n/usr/sbin/fresh:\n\teuid = 0\n",
  } })
  lu.assertEquals(t:read(path), "/usr/sbin/a:\n\taccessauths = aix.site\n\tinnateprivs = PV_A,PV_B\n\n"
    .. "/site/tool:\n\taccessauths = ALLOW_OWNER\n\tauthprivs = a=PV_X+PV_Y,b=PV_Z\n\n/usr/sbin/fresh:\n\teuid = 0\n")
  lu.assertEquals(said_about(said, "/usr/sbin/a", "accessauths").severity, "conflict")
  lu.assertEquals(said_about(said, "/usr/sbin/off").chosen, "none")
end

function TestMergeStanza:test_privileged_devices()
  local path = "/etc/security/privdevs"
  run("privdevs_mig", { [path] = { o = "/dev/a:\n\treadprivs = PV_A\n",
    c = "/dev/a:\n\treadprivs = PV_A\n\n/dev/mydev:\n\treadprivs = PV_DAC_R,PV_AU_READ\n\twriteprivs = PV_DAC_W\n",
    n = "/dev/a:\n\treadprivs = PV_B\n" } })
  lu.assertEquals(t:read(path),
    "/dev/a:\n\treadprivs = PV_B\n\n/dev/mydev:\n\treadprivs = PV_DAC_R,PV_AU_READ\n\twriteprivs = PV_DAC_W\n")
end

function TestMergeStanza:test_secvars_and_nscontrol()
  run("secvarscfg_mig", { ["/etc/secvars.cfg"] = { o = "groups:\n\tdomainlessgroups = false\n",
    c = "groups:\n\tdomainlessgroups = False\n\tmine = 1\n", n = "groups:\n\tdomainlessgroups = true\n\nefs:\n\tshared = no\n" } })
  lu.assertEquals(t:read("/etc/secvars.cfg"), "groups:\n\tdomainlessgroups = true\n\tmine = 1\n\nefs:\n\tshared = no\n")
  run("nscontrol_mig", { ["/etc/nscontrol.conf"] = { o = "roles:\n\tsecorder = files\n",
    c = "roles:\n\tsecorder = LDAP,files\n", n = "roles:\n\tsecorder = files\n\ndomains:\n\tsecorder = files\n" } })
  lu.assertEquals(t:read("/etc/nscontrol.conf"), "roles:\n\tsecorder = LDAP,files\n\ndomains:\n\tsecorder = files\n")
  -- A level that did not have the file, and one where the site never had it.
  lu.assertEquals(run("nscontrol_mig", { ["/etc/nscontrol.conf"] = { n = "roles:\n" } }), "new")
  lu.assertEquals(t:read("/etc/nscontrol.conf"), "roles:\n")
  lu.assertEquals(run("nscontrol_mig", {}), "new")
end

local ldap = "LDAP:\n\tprogram = /usr/lib/security/LDAP\n\tprogram_64 = /usr/lib/security/LDAP64\n"

function TestMergeStanza:test_methods_cfg()
  local path = "/etc/methods.cfg"
  put("/usr/lib/security/LDAP", "x")
  put("/usr/lib/security/KRB5A2", "x")
  local inputs = { [path] = {
    o = ldap .. "\nKRB5A:\n\tprogram = /usr/lib/security/KRB5A\n\toptions = authonly\n",
    c = ldap .. "\nKRB5A:\n\tprogram = /usr/lib/security/KRB5Alocal\n\toptions = authonly,tgt_verify=no\n\n"
      .. "KRB5ALDAP:\n\toptions = auth=KRB5A,db=LDAP\n\nBAD:\n\toptions = db=BUILTIN,auth=NOWHERE\n\nLSASS:\n\tprogram = /opt/lsass\n",
    n = ldap .. "\nKRB5A:\n\tprogram = /usr/lib/security/KRB5A2\n\tprogram_64 = /usr/lib/security/KRB5A2_64\n\toptions = authonly,new\n\n"
      .. "ABSENT:\n\tprogram = /usr/lib/security/ABSENT\n\nPAM:\n\tprogram = /usr/lib/security/LDAP\n",
  } }
  local status, said = run("methods_mig", inputs)
  local merged = ldap .. "\nKRB5A:\n\tprogram = /usr/lib/security/KRB5A2\n\toptions = authonly,tgt_verify=no\n"
    .. "\tprogram_64 = /usr/lib/security/KRB5A2_64\n\n"
    .. "KRB5ALDAP:\n\toptions = auth=KRB5A,db=LDAP\n\nBAD:\n\toptions = db=BUILTIN,auth=NOWHERE\n\nLSASS:\n\tprogram = /opt/lsass\n\n"
    .. "PAM:\n\tprogram = /usr/lib/security/LDAP\n"
  lu.assertEquals(status, "merged")
  lu.assertEquals(t:read(path), merged)
  lu.assertStrContains(said_about(said, "BAD", "options").rule, "NOWHERE")
  lu.assertNil(said_about(said, "KRB5ALDAP", "options"))
  -- The second of the two calls changes nothing.
  for _, method in ipairs(merge.methods) do
    if method.title == "methods_mig" then lu.assertEquals(run(method, inputs), "merged") end
  end
  lu.assertEquals(t:read(path), merged)
end

function TestMergeStanza:test_methods_cfg_behind_a_link_and_in_its_place()
  put("/usr/lib/security/LDAP", "x")
  put("/etc/methods.cfg", "N")
  assert(t:symlink("/etc/methods.cfg", "/usr/lib/security/methods.cfg"))
  local inputs = { ["/etc/methods.cfg"] = { o = ldap, c = ldap .. "\nSITE:\n\tprogram = /s\n", n = ldap .. "\nX:\n\toptions = db=LDAP\n" } }
  run(merge.methods[20], inputs)
  lu.assertEquals(t:stat("/usr/lib/security/methods.cfg").type, "link")
  lu.assertStrContains(t:read("/usr/lib/security/methods.cfg"), "SITE:")
  -- An old tree with the file itself at the usr path: to /etc, and a link.
  assert(t:remove("/usr/lib/security/methods.cfg"))
  put("/usr/lib/security/methods.cfg", "the site's")
  inputs = { ["/usr/lib/security/methods.cfg"] = { c = ldap .. "\nSITE:\n\tprogram = /s\n" }, ["/etc/methods.cfg"] = { n = ldap } }
  run("methods_mig", inputs)
  lu.assertEquals(t:stat("/usr/lib/security/methods.cfg").target, "/etc/methods.cfg")
  lu.assertEquals(t:read("/etc/methods.cfg"), ldap .. "\nSITE:\n\tprogram = /s\n")
  run("methods_mig", inputs)
  lu.assertEquals(t:read("/etc/methods.cfg"), ldap .. "\nSITE:\n\tprogram = /s\n")
end

function TestMergeStanza:test_mkuser()
  local default, script = "/etc/security/mkuser.default", "/etc/security/mkuser.sys"
  local inputs = {
    [default] = { o = "user:\n\tpgrp = staff\n\tshell = /usr/bin/ksh\n",
      c = "user:\n\tpgrp = site\n\tshell = /usr/bin/ksh\n\nextra:\n\ta = 1\n",
      n = "user:\n\tpgrp = staff\n\tshell = /usr/bin/ksh93\n\tauth1 = SYSTEM\n" },
    [script] = { o = "#!/bin/ksh\nold\n", c = "#!/bin/ksh\nsite\n", n = "#!/bin/ksh\nnew\n", mode = 493 },
  }
  local status, said = run("mkusr_mig", inputs)
  lu.assertEquals(status, "merged")
  lu.assertEquals(t:read(default), "user:\n\tpgrp = site\n\tshell = /usr/bin/ksh93\n\tauth1 = SYSTEM\n\nextra:\n\ta = 1\n")
  lu.assertEquals(t:read(script), "#!/bin/ksh\nnew\n")
  lu.assertEquals(t:read(script .. ".custom"), "#!/bin/ksh\nsite\n")
  lu.assertEquals(t:stat(script .. ".custom").mode & 73, 0)
  lu.assertStrContains(said.decisions[#said.decisions].rule, "mkuser.sys.custom")
  lu.assertNotStrContains(said.decisions[#said.decisions].rule, "its own call")
  run("mkusr_mig", inputs)
  lu.assertEquals(t:read(script .. ".custom"), "#!/bin/ksh\nsite\n")
  -- A changed copy of the shipped script would call itself for ever.
  inputs[script].c = "#!/bin/ksh\n[ -x /etc/security/mkuser.sys.custom ] && exec /etc/security/mkuser.sys.custom\nsite\n"
  local _, more = run("mkusr_mig", inputs)
  lu.assertStrContains(more.decisions[#more.decisions].rule, "take its own call of that file out")
  inputs[script].c = "#!/bin/ksh\nsite\n"
  -- A custom script of the site is never touched; an unchanged one needs none.
  inputs[script .. ".custom"] = { c = "#!/bin/ksh\ntheirs\n" }
  put(script .. ".custom", "#!/bin/ksh\ntheirs\n")
  run("mkusr_mig", inputs)
  lu.assertEquals(t:read(script .. ".custom"), "#!/bin/ksh\ntheirs\n")
  assert(t:remove(script .. ".custom"))
  inputs[script .. ".custom"], inputs[script].c = nil, inputs[script].o
  run("mkusr_mig", inputs)
  lu.assertFalse(t:exists(script .. ".custom"))
end

function TestMergeStanza:test_privileges_are_sets()
  local path = "/etc/security/privcmds"
  local cases = { -- o, c, n, result
    { "a=P+Q,b=R", "b=R, a=Q+P", "a=P+Q+S,b=R", "a=P+Q+S,b=R" }, -- the site only wrote it in another order
    { "a=P", "a=P,b=R+S", "b=S+R,a=P", "a=P,b=R+S" }, -- both say the same: the site's text
    { "a=P", "a=P+Q", "a=P+R", "a=P+Q", "both changed it: the site's value stays" },
    { "a=P+Q", "a=P", "a=Q+P", "a=P" }, -- the vendor only wrote it in another order
    { "a", "a=", "b", "a=", "both changed it: the site's value stays" },
  }
  for _, case in ipairs(cases) do
    local function text(value, more) return "/a:\n\tauthprivs = " .. value .. "\n" .. more end
    local _, said = run("privcmds_mig", { [path] = { o = text(case[1], ""), c = text(case[2], "/site:\n"), n = text(case[3], "/new:\n") } })
    lu.assertEquals(t:read(path), "/a:\n\tauthprivs = " .. case[4] .. "\n/site:\n\n/new:\n")
    local conflict = said_about(said, "/a", "authprivs")
    lu.assertEquals(conflict and conflict.severity == "conflict" and conflict.rule or nil, case[5])
  end
end

function TestMergeStanza:test_a_value_stays_where_the_new_level_accepts_it()
  local asked = {}
  local classes = { { name = "algorithm", class = "valid", valid = function(value, shipped, key)
    asked[#asked + 1] = ("%s %s %s"):format(key, value, shipped)
    return value ~= "crypt"
  end }, { name = "size", class = "valid" } }
  local input = { o = "a:\n\talgorithm = md5\n\tsize = 1\n", c = "a:\n\talgorithm = crypt\n\tsize = 2\n\nb:\n\talgorithm = sha\n",
    n = "a:\n\talgorithm = sha512\n\tsize = 3\n\nb:\n\talgorithm = sha512\n" }
  local result = assert(core.records({ file = "/etc/x", classes = classes }, input))
  lu.assertEquals(result.text, "a:\n\talgorithm = sha512\n\tsize = 2\n\nb:\n\talgorithm = sha\n")
  lu.assertEquals(asked, { "a crypt sha512", "b sha sha512" })
  lu.assertEquals(findings.say(result.decisions)[1].rule, "the site's value is not valid in the new level")
  classes[1].valid = function() error("no idea", 0) end
  lu.assertEquals({ core.records({ file = "/etc/x", classes = classes }, input) }, { nil, "callback: no idea", "CALLBACK" })
end

function TestMergeStanza:test_pse_conf()
  local path = "/etc/pse.conf"
  run("ODM_merge pse.conf", { [path] = {
    o = "# drivers\n\nd+\tdlpi\ten\t/dev/dlpi/en\nd+\tdlpi\ttr\t/dev/dlpi/tr\nm\ttimod\n",
    c = "# drivers, ours\n\nd+\tdlpi\ten\t/dev/dlpi/en\n#d+\tdlpi\ttr\t/dev/dlpi/tr\nm\ttimod\n# acme\nd\tacmedrv\n"
      .. "d+\tdlpi\tsite\t/dev/dlpi/site\nd\tsc\tx\t-\r\n",
    n = "# new drivers\n\nd+\tdlpi\ten\t/dev/dlpi/en\nd+\tdlpi\ttr\t/dev/dlpi/tr\nd+\tdlpi\tet\t/dev/dlpi/et\nd+\tsc\ty\nm\ttimod",
  } })
  lu.assertEquals(t:read(path), "# new drivers\n\nd+\tdlpi\ten\t/dev/dlpi/en\n#d+\tdlpi\ttr\t/dev/dlpi/tr\n"
    .. "d+\tdlpi\tet\t/dev/dlpi/et\nd+\tdlpi\tsite\t/dev/dlpi/site\nd+\tsc\ty\nd+\tsc\tx\t-\r\nm\ttimod\n# acme\nd\tacmedrv\n")
end

function TestMergeStanza:test_pse_conf_where_only_a_comment_differs()
  local path = "/etc/xtiso.conf"
  -- N has commented out what the site uses: the site's stays. And what N commented out is its comment, if untouched.
  local status, said = run("ODM_merge xtiso.conf", { [path] = { o = "d+ a x /dev/x\nd b\nd c\n", c = "d+ a x /dev/x\nd b\nd c arg\n",
    n = "#d+ a x /dev/x\nd e\n" } })
  lu.assertEquals(status, "merged")
  lu.assertEquals(t:read(path), "#d+ a x /dev/x\nd e\nd c arg\n")
  lu.assertEquals(said_about(said, "d\ta\tx\t/dev/x").chosen, "none")
  run("ODM_merge xtiso.conf", { [path] = { c = "d+ a x /dev/x\nd b\n", n = "#d+ a x /dev/x\nd e\n" } })
  lu.assertEquals(t:read(path), "d+ a x /dev/x\nd e\nd b\n")
end

function TestMergeStanza:test_vfs()
  local path = "/etc/vfs"
  put("/sbin/helpers/jfs2", "x")
  put("/opt/new", "x")
  put("/opt/acme", "x")
  local inputs = { [path] = {
    o = "# types\n\n%defaultvfs jfs nfs\njfs\t3\tnone\t/sbin/helpers/v3fshelper\nnfs\t2\t/etc/nfsmnthelp\tnone\ncdrfs\t5\tnone\tnone\n"
      .. "old\t9\tnone\tnone\n",
    c = "# types\n\n%defaultvfs jfs2 nfs\n%site control\njfs\t3\tnone\t/opt/acme\nnfs\t2\t/opt/gone\tnone\ncdrfs\t5\tnone\tnone\n"
      .. "old\t9\tnone\tnone\nacmefs\t32\t/opt/acme\tnone\nclash\t40\tnone\tnone\n",
    n = "# types of 7.2\n\n%defaultvfs jfs nfs\n%defaultvfs jfs2 nfs4\njfs2\t0\tjfs2\tnone\njfs\t3\tnone\t/sbin/helpers/v3fshelper\n"
      .. "nfs\t2\t/opt/new\tnone\tremote\ncdrfs\t5\tnone\tjfs2\nudfs\t40\tnone\tnone\n",
  } }
  local _, said = run("ODM_merge vfs", inputs)
  lu.assertEquals(t:read(path), "# types of 7.2\n\n%defaultvfs jfs2 nfs\njfs2\t0\tjfs2\tnone\njfs\t3\tnone\t/opt/acme\n"
    .. "nfs\t2\t/opt/new\tnone\tremote\ncdrfs\t5\tnone\tjfs2\nudfs\t40\tnone\tnone\n%site control\n"
    .. "acmefs\t32\t/opt/acme\tnone\n#clash\t40\tnone\tnone\n")
  lu.assertEquals(said_about(said, "clash").severity, "error")
  lu.assertEquals(said_about(said, "nfs").chosen, "N")
  lu.assertEquals(said_about(said, "old").chosen, "none")
  -- A default that names nothing is not taken over; without O the new helpers stand.
  inputs[path].o, inputs[path].c = nil, "%defaultvfs gone nfs\njfs 3 none /opt/acme\n"
  _, said = run("ODM_merge vfs", inputs)
  lu.assertStrContains(t:read(path), "%defaultvfs jfs2 nfs4\n")
  lu.assertStrContains(t:read(path), "jfs\t3\tnone\t/sbin/helpers/v3fshelper\n")
  lu.assertEquals(said_about(said, "%defaultvfs").chosen, "N")
  -- The default may be all that the site changed.
  inputs[path] = { o = "%defaultvfs jfs nfs\njfs 3 none none\nnfs 2 none none\n",
    c = "%defaultvfs nfs jfs\njfs 3 none none\nnfs 2 none none\n",
    n = "%defaultvfs jfs nfs\njfs 3 none none\nnfs 2 none none\nnew 9 none none\n" }
  run("ODM_merge vfs", inputs)
  lu.assertEquals(t:read(path), "%defaultvfs nfs jfs\njfs 3 none none\nnfs 2 none none\nnew 9 none none\n")
end

function TestMergeStanza:test_control_lines_of_vfs_stay_where_the_new_level_has_them()
  local path, rows = "/etc/vfs", "jfs 3 none none\nnfs 2 none none\n"
  local function merged(o, c, n)
    local inputs = { [path] = { o = o, c = c, n = n } }
    local _, said = run("ODM_merge vfs", inputs)
    local text = t:read(path)
    inputs[path].c = text
    run("ODM_merge vfs", inputs)
    lu.assertEquals(t:read(path), text, "a second merge")
    return text, said
  end
  -- At the end, between comments, behind a record; the site's comment goes with it.
  lu.assertEquals(merged("%defaultvfs jfs nfs\n" .. rows, "# ours\n%defaultvfs nfs jfs\n" .. rows .. "own 9 none none\n",
    rows .. "new 8 none none\n# default\n%defaultvfs jfs nfs\n"),
    rows .. "new 8 none none\n# ours\n%defaultvfs nfs jfs\nown 9 none none\n")
  -- Nobody does without it: what the site took out is there again.
  lu.assertEquals(merged("%defaultvfs jfs nfs\n" .. rows, rows, "%defaultvfs jfs nfs\n" .. rows .. "new 8 none none\n"),
    "%defaultvfs jfs nfs\n" .. rows .. "new 8 none none\n")
  -- The last one counts, so there is one; others are kept, each once.
  lu.assertEquals(merged(nil, "%x 1\n%defaultvfs jfs nfs\n%x 2\n%defaultvfs nfs jfs\n" .. rows, "%x 2\n" .. rows .. "%y\n"),
    "%x 2\n" .. rows .. "%y\n%x 1\n%defaultvfs nfs jfs\n")
  -- One that names what there is not is a comment where the new level has none.
  local text, said = merged(nil, "%defaultvfs gone nfs\n" .. rows, rows .. "new 8 none none\n")
  lu.assertEquals(text, rows .. "new 8 none none\n#%defaultvfs gone nfs\n")
  local last = said.decisions[#said.decisions]
  lu.assertEquals({ last.key, last.severity, last.chosen }, { "%defaultvfs", "conflict", "none" })
end

-- How passwords are made and what they must be like is the site's, whatever a level ships, and also where the site
-- never touched the file.
function TestMergeStanza:test_what_a_migration_does_not_decide()
  local login = "/etc/security/login.cfg"
  local shipped = "usw:\n\tshells = /bin/sh\n\tmaxlogins = 5\n"
  local new = "usw:\n\tshells = /bin/sh,/bin/bash\n\tmaxlogins = 5\n\tpwd_algorithm = ssha256\n\tunix_passwd_compat = true\n"
  for _, o in ipairs { shipped, false } do
    local _, said = run("login_mig", { [login] = { o = o or nil, c = shipped, n = new } })
    lu.assertEquals(t:read(login), "usw:\n\tshells = /bin/sh,/bin/bash\n\tmaxlogins = 5\n")
    lu.assertEquals({ said_about(said, "usw", "pwd_algorithm").n, said_about(said, "usw", "pwd_algorithm").chosen }, { "ssha256", "C" })
  end
  local own = shipped .. "\tpwd_algorithm = ssha512\n"
  run("login_mig", { [login] = { o = own:gsub("ssha512", "smd5"), c = own, n = new } })
  lu.assertStrContains(t:read(login), "\tpwd_algorithm = ssha512\n")
  lu.assertNil(t:read(login):find("compat", 1, true))

  local user = "/etc/security/user"
  shipped = "default:\n\tmaxage = 0\n\tminlen = 0\n\tumask = 022\n\nroot:\n\tadmin = true\n"
  new = "default:\n\tmaxage = 13\n\tminlen = 10\n\tumask = 027\n\tmindigit = 1\n\tloginretries = 0\n\n"
    .. "root:\n\tadmin = true\n\tminlen = 15\n"
  local inputs = with_accounts { [user] = { o = shipped, c = shipped, n = new } }
  run("user_mrg", inputs)
  lu.assertEquals(t:read(user), "default:\n\tmaxage = 0\n\tminlen = 0\n\tumask = 027\n\tloginretries = 0\n\nroot:\n\tadmin = true\n")
  inputs[user].c = t:read(user)
  run("user_mrg", inputs)
  lu.assertEquals(t:read(user), inputs[user].c)
end

function TestMergeStanza:test_algorithms_of_passwords_stay()
  local path = "/etc/security/pwdalg.cfg"
  local shipped = "smd5:\n\tlpa_module = /usr/lib/security/smd5\n\nssha256:\n\tlpa_module = /usr/lib/security/ssha\n"
    .. "\tlpa_options = algorithm=sha256\n"
  local new = "ssha256:\n\tlpa_module = /usr/lib/security/new/ssha\n\tlpa_options = algorithm=sha256,cost_num=9\n\n"
    .. "ssha512:\n\tlpa_module = ssha\n"
  run("secur_mig", { [path] = { o = shipped, c = shipped, n = new } })
  lu.assertEquals(t:read(path), new .. "\nsmd5:\n\tlpa_module = /usr/lib/security/smd5\n")
  -- The site's own module, as long as it is there.
  local own = shipped:gsub("security/ssha", "security/acme")
  local inputs = { [path] = { o = shipped, c = own, n = new } }
  run("secur_mig", inputs, { "/usr/lib/security/acme", "/usr/lib/security/new/ssha" })
  lu.assertStrContains(t:read(path), "lpa_module = /usr/lib/security/acme\n")
  lu.assertStrContains(t:read(path), "cost_num=9")
  lu.assertStrContains(t:read(path), "ssha512:")
  assert(t:remove "/usr/lib/security/acme")
  run("secur_mig", inputs)
  lu.assertStrContains(t:read(path), "lpa_module = /usr/lib/security/new/ssha\n")
end

-- A role is a grant: one that the level gives an account comes in only with the account.
function TestMergeStanza:test_roles_of_new_accounts()
  local path = "/etc/security/user.roles"
  local inputs = { [path] = { c = "jdoe:\n\troles = Ops\n", n = "ragent:\n\troles = RemoteUpdate\n\nesa:\n\troles = SysConfig\n" },
    ["/etc/passwd"] = { c = "root:!:0:0::/:/bin/sh\nesa:!:900:1::/home/esa:/bin/sh\n",
      n = "root:!:0:0::/:/bin/sh\nesa:!:7:0::/var/esa:/bin/sh\nragent:*:300:1::/:\n" } }
  local _, said = run("secur_mig", inputs)
  lu.assertEquals(t:read(path), "jdoe:\n\troles = Ops\n\nragent:\n\troles = RemoteUpdate\n")
  lu.assertEquals(said_about(said, "esa").chosen, "none")
end

function TestMergeStanza:test_attributes_are_set_in_the_text()
  local text = "a:\n\tx = 1\n\ty = \"one\n\ttwo\"\n\tx = 2\n\nb:\n\tz = 3"
  lu.assertEquals(records.set(text, "f", { a = { x = "9", w = "0", y = "no" }, b = { z = false } }),
    "a:\n\tw = 0\n\tx = 9\n\ty = \"one\n\ttwo\"\n\nb:\n")
  lu.assertEquals(records.set(text, "f", {}), text .. "\n")
end

-- An account of the site's that has the name of one of the new level gets nothing of that one's: no role, no limit.
function TestMergeStanza:test_an_account_of_the_sites_own_has_its_name_alone()
  local path = "/etc/security/user"
  local old, new = "root:!:0:0::/:\nesa:!:10:0::/:\n", "root:!:0:0::/:\nesa:!:7:0::/:\nragent:!:210:1::/:\nrte:!:211:1::/:\n"
  for _, known in ipairs { true, false } do
    local inputs = {
      ["/etc/passwd"] = { o = known and old or nil, c = old .. "ragent:!:900:1::/home/ragent:\n", n = new },
      [path] = { o = known and "default:\n\tumask = 022\n" or nil,
        c = "default:\n\tumask = 022\n\nragent:\n\tadmin = false\n\nesa:\n\tsu = no\n",
        n = "default:\n\tumask = 022\n\nragent:\n\tdefault_roles = RemoteUpdate\n\nesa:\n\tdefault_roles = SysConfig\n\n"
          .. "rte:\n\tlogin = false\n" },
    }
    local _, said = run("user_mrg", inputs)
    lu.assertStrContains(t:read(path), "ragent:\n\tadmin = false\n\n")
    lu.assertNotStrContains(t:read(path), "RemoteUpdate")
    lu.assertStrContains(t:read(path), "\nrte:\n\tlogin = false\n")
    -- One of the vendor's that the old level had too is the vendor's; where that is not known, another number tells.
    lu.assertEquals(t:read(path):find("SysConfig", 1, true) ~= nil, known)
    lu.assertEquals(said_about(said, "ragent").severity, "warning")
  end
end
