-- SPDX-License-Identifier: MIT
local lu = require "luaunit"
local case = require "merge_case"
local core = require "altmig.merge_core"
local findings = require "altmig.merge.findings"
local merge = require "altmig.merge"
local odm = require "altmig.odm"
local policy = require "altmig.merge.policy"
local saveconf = require "altmig.save"
local sys = require "altmig.sys"
local tree = require "altmig.tree"

local dir

local function fresh()
  dir = os.tmpname()
  os.remove(dir)
  assert(sys.mkdir(dir, 448))
  return assert(tree.at(dir))
end

local function put(t, path, data, mode)
  assert(t:makedirs(path:match("^(.*)/") == "" and "/" or path:match("^(.*)/")))
  assert(t:write(path, data, { mode = mode or 420 }))
end

-- An old system: what the site made of it, and the pristine root part of its level.
local function old_system()
  local t = fresh()
  local pristine = "/usr/lpp/bos/inst_root"
  put(t, "/etc/passwd", "root:!:0:0::/:/usr/bin/ksh\njdoe:!:201:1::/home/jdoe:/usr/bin/ksh\n")
  put(t, pristine .. "/etc/passwd", "root:!:0:0::/:/usr/bin/ksh\n")
  put(t, "/etc/security/passwd", "root:\n\tpassword = s3cret.hash\n\njdoe:\n\tpassword = other.hash\n", 384)
  put(t, "/etc/group", "system:!:0:root,jdoe\nstaff:!:1:jdoe\n")
  put(t, pristine .. "/etc/group", "system:!:0:root\nstaff:!:1:\n")
  put(t, "/etc/security/group", "system:\n\tadmin = true\n", 416)
  put(t, "/etc/passwd.nm.idx", "index")
  put(t, "/etc/profile", "umask 022\nsite=1\n", 448)
  put(t, "/etc/vfs", "%defaultvfs jfs2 nfs\njfs2 0 none none\n", 416)
  put(t, "/etc/security/ldap/ldap.cfg", "ldapservers:ours\n", 384)
  put(t, "/etc/objrepos/CuDv", "devices of this system")
  put(t, "/etc/objrepos/Config_Rules", "rules of the site")
  put(t, "/etc/site.conf", "changed = 1\n")
  put(t, "/etc/same.conf", "as shipped\n")
  put(t, pristine .. "/etc/same.conf", "as shipped\n")
  put(t, "/var/spool/cron/crontabs/root", "0 1 * * * /site/job\n", 384)
  put(t, "/etc/security/certificates/deep/er/cert", "cert")
  assert(t:symlink("passwd", "/etc/security/limits")) -- odd, and not to be followed out of place
  return t
end

local archive = { "./etc/passwd", "./etc/site.conf", "./etc/same.conf", "./usr/bin/ksh", "./etc/profile", "./etc/fresh.conf" }

local function restore_new(t)
  local pristine = "/usr/lpp/bos/inst_root"
  local function both(path, data, mode)
    put(t, path, data, mode)
    put(t, pristine .. path, data)
  end
  both("/etc/passwd", "root:!:0:0::/root:/usr/bin/ksh\nesaadmin:!:7:0::/var/esa:/usr/bin/ksh\n", 384)
  both("/etc/security/passwd", "root:\n\tpassword = *\n\nesaadmin:\n\tpassword = *\n", 420)
  put(t, pristine .. "/etc/group", "system:!:0:root,esaadmin,ghost\nstaff:!:1:\nfresh:!:50:\n") -- only there
  both("/etc/security/group", "system:\n\tadmin = true\n\nfresh:\n\tadmin = true\n")
  both("/etc/profile", "umask 022\n")
  both("/etc/vfs", "%defaultvfs jfs2 nfs\njfs2 0 none none\nnew 9 none none\n")
  both("/etc/security/ldap/ldap.cfg", "#ldapservers:example\n")
  both("/etc/objrepos/Config_Rules", "rules of the new level")
  both("/etc/objrepos/CuDv", "")
  both("/etc/site.conf", "fresh = 1\n")
end

local function saved_and_restored()
  local t = old_system()
  local result = assert(saveconf.save(t, nil, assert(saveconf.candidates(t, archive))))
  restore_new(t)
  saveconf.keep_shipped(t)
  assert(saveconf.restore_preserved(t))
  return t, result
end

local function context(t)
  local ctx = saveconf.context(t)
  local seen = { warnings = {}, log = {}, decisions = {} }
  ctx.warn = function(line) table.insert(seen.warnings, line) end
  ctx.log = function(line) table.insert(seen.log, line) end
  ctx.report = function(d) table.insert(seen.decisions, d) end
  return ctx, seen
end

local function finish(t)
  t:close()
  os.execute("rm -rf '" .. dir .. "'")
end

TestMerge = {}

function TestMerge:test_the_methods_are_those_of_nimadm_in_its_order()
  local titles = {}
  local own = 0
  for _, method in ipairs(merge.methods) do
    if method.own then
      own = own + 1
    else
      lu.assertEquals(own, 0, "those of altmig's own come last")
      titles[#titles + 1] = method.title
    end
  end
  lu.assertEquals(#titles, 33)
  lu.assertEquals(table.concat(titles, ","), "ODM_merge Config_Rules,ODM_merge SRCextmeth,ODM_merge SRCsubsys,"
    .. "ODM_merge SWservAt,ODM_merge pse.conf,privcmds_mig,privdevs_mig,ODM_merge vfs,ODM_merge xtiso.conf,"
    .. "ODM_merge PdAtXtd,ODM_merge PdDv,convert_errnotify,passwd_mig,login_mig,user_mrg,secur_mig,RoleMerge,"
    .. "methods_mig,mkusr_mig,methods_mig,mkusr_mig,group_mig,ldapcfg_mig,ldapmap_mig,secvarscfg_mig,convert_errlog,"
    .. "ODM_merge GAI,ODM_merge PdAt,merge_smit_db,ODM_merge fix,merge_swvpds,SysckMerge,nscontrol_mig")
  local file = io.open(SHARED_DIR .. "/transcripts/nimadm-71-to-72.txt")
  if not file then return end
  local at = 0
  for line in file:lines() do
    local title = line:match("^Running migration merge method: (.*)%.$")
    if title then
      at = at + 1
      lu.assertEquals(titles[at], title)
    end
  end
  file:close()
  lu.assertEquals(at, 33)
end

function TestMerge:test_every_row_of_the_policy_names_a_method_that_knows_the_file()
  for _, row in ipairs(policy.rows) do
    lu.assertEquals(row.policy == "merge", row.method ~= nil, row.path)
    if row.method and not row.path:find("*", 1, true) and not row.path:match("%.vc$") then
      local known = false
      for _, method in ipairs(merge.methods) do
        for _, path in ipairs(method.files) do known = known or (method.title == row.method and path == row.path) end
      end
      lu.assertTrue(known, row.path)
    end
  end
  for _, method in ipairs(merge.methods) do
    for _, path in ipairs(method.files) do lu.assertEquals((policy.of(path) or {}).method, method.title, path) end
  end
  lu.assertEquals(policy.of("/etc/security/certificates/a/b").policy, "preserve")
  lu.assertNil(policy.of("/etc/ssh/deeper/file"))
  lu.assertNil(policy.of("/etc/nothing"))
end

function TestMerge:test_saves_what_the_restore_would_overwrite()
  local t, result = saved_and_restored()
  lu.assertEquals(result.unlisted, { "/etc/site.conf" }) -- not same.conf: that is as shipped
  lu.assertEquals(t:read("/lpp/save.config/etc/site.conf"), "changed = 1\n")
  lu.assertEquals(t:read("/lpp/save.config/etc/security/certificates/deep/er/cert"), "cert")
  lu.assertEquals(t:stat("/lpp/save.config").mode, 448)
  lu.assertEquals(t:stat("/lpp/save.config/etc").mode, 448)
  lu.assertEquals(t:stat("/lpp/save.config/etc/profile").mode, 448)
  lu.assertEquals(t:read("/lpp/save.config/.altmig/old/etc/passwd"), "root:!:0:0::/:/usr/bin/ksh\n")
  lu.assertStrContains(t:read("/lpp/save.config/.altmig/new/etc/group"), "fresh:!:50:")
  lu.assertTrue(saveconf.verify(t))
  assert(t:write("/lpp/save.config/etc/profile", "x"))
  local ok, message, code = saveconf.verify(t)
  lu.assertNil(ok)
  lu.assertStrContains(message, "/etc/profile: content changed")
  lu.assertEquals(code, "SAVE_DAMAGED")
  case.raises("SAVE_DAMAGED", saveconf.restore_preserved, t)
  finish(t)
end

function TestMerge:test_nothing_counts_as_saved_before_the_manifest()
  local t = fresh()
  lu.assertEquals(select(3, saveconf.verify(t)), "SAVE_MISSING")
  case.raises("SAVE_MISSING", saveconf.keep_shipped, t)
  lu.assertEquals(select(3, merge.run("passwd_mig", saveconf.context(t))), "SAVE_MISSING")
  finish(t)
end

function TestMerge:test_names_that_are_no_utf8_and_roots_that_lead_out()
  local t = fresh()
  local odd = "/etc/ssh/caf\xe9"
  put(t, odd, "key", 384)
  local files = assert(saveconf.candidates(t, { "./etc/../../x", "/var/../x", "usr/x" }))
  lu.assertEquals(#files, 1)
  lu.assertEquals(assert(saveconf.save(t, nil, files)).files, 1)
  put(t, odd, "other")
  saveconf.keep_shipped(t)
  lu.assertEquals(assert(saveconf.restore_preserved(t)).files, 1)
  lu.assertEquals(t:read(odd), "key")
  lu.assertEquals(t:stat(odd).mode, 384)
  lu.assertTrue(saveconf.verify(t))
  finish(t)
end

function TestMerge:test_puts_back_what_is_preserved_and_only_that()
  local t = saved_and_restored()
  lu.assertStrContains(t:read("/etc/profile"), "site=1")
  lu.assertEquals(t:stat("/etc/profile").mode, 448)
  lu.assertEquals(t:read("/etc/objrepos/CuDv"), "devices of this system")
  lu.assertEquals(t:read("/etc/site.conf"), "fresh = 1\n")
  lu.assertEquals(t:read("/etc/objrepos/Config_Rules"), "rules of the new level")
  -- What the new level shipped is kept once: later the live files are no longer it.
  saveconf.keep_shipped(t)
  lu.assertEquals(t:read("/lpp/save.config/.altmig/new/etc/profile"), "umask 022\n")
  finish(t)
end

function TestMerge:test_a_system_that_was_migrated_before()
  local t = saved_and_restored()
  put(t, "/lpp/save.config/.altmig/report/group_mig", "of the first migration\n")
  saveconf.keep_list(t, nil, "active", { { path = "/etc/passwd", sha256 = "x" } })
  -- Some years later: the save area is part of the clone, and the next level ships other files.
  assert(saveconf.save(t, nil, assert(saveconf.candidates(t, archive))))
  lu.assertFalse(t:exists("/lpp/save.config/.altmig/report/group_mig"))
  lu.assertFalse(saveconf.kept_list(t, nil, "active"))
  put(t, "/etc/vfs", "%defaultvfs jfs2 nfs\njfs2 0 none none\nnewest 10 none none\n")
  saveconf.keep_shipped(t)
  lu.assertStrContains(saveconf.context(t).shipped_new("/etc/vfs"), "newest")
  finish(t)
end

function TestMerge:test_accounts_and_groups()
  local t = saved_and_restored()
  local ctx, seen = context(t)
  local result = assert(merge.run("passwd_mig", ctx))
  lu.assertEquals(result.status, "merged")
  lu.assertEquals(result.decisions, #seen.decisions)
  lu.assertEquals(t:read("/etc/passwd"), "root:!:0:0::/root:/usr/bin/ksh\njdoe:!:201:1::/home/jdoe:/usr/bin/ksh\n"
    .. "esaadmin:*:7:0::/var/esa:/usr/bin/ksh\n")
  lu.assertEquals(t:stat("/etc/passwd").mode, 384) -- the new level's is the stricter
  lu.assertEquals(t:read("/etc/security/passwd"), "root:\n\tpassword = s3cret.hash\n\njdoe:\n\tpassword = other.hash\n\n"
    .. "esaadmin:\n\tpassword = *\n")
  lu.assertEquals(t:stat("/etc/security/passwd").mode, 384) -- and here the site's
  lu.assertFalse(t:exists("/etc/passwd.nm.idx"))
  assert(merge.run(merge.method("group_mig"), ctx))
  lu.assertEquals(t:read("/etc/group"), "system:!:0:root,jdoe,esaadmin\nstaff:!:1:jdoe\nfresh:!:50:\n")
  lu.assertEquals(t:read("/etc/security/group"), "system:\n\tadmin = true\n\nfresh:\n\tadmin = true\n")
  lu.assertStrContains(t:read("/lpp/save.config/.altmig/report/passwd_mig"), "/etc/passwd esaadmin")
  for _, name in ipairs(t:list("/lpp/save.config/.altmig/report")) do
    lu.assertNotStrContains(t:read("/lpp/save.config/.altmig/report/" .. name), "hash =")
    lu.assertNotStrContains(t:read("/lpp/save.config/.altmig/report/" .. name), "s3cret")
  end
  finish(t)
end

function TestMerge:test_all_methods_twice_give_the_same_tree()
  local t = saved_and_restored()
  local function run_all()
    local ctx, seen = context(t)
    local statuses = {}
    for _, method in ipairs(merge.methods) do statuses[method.title] = assert(merge.run(method, ctx)).status end
    return statuses, seen
  end
  local first, seen = run_all()
  local digest = assert(t:digest("/"))
  local second = run_all()
  lu.assertEquals(second, first)
  lu.assertEquals(t:digest("/"), digest)
  local text = table.concat(seen.warnings, "\n")
  for _, method in ipairs(merge.methods) do
    lu.assertIsFunction(method.run, method.title)
    lu.assertNotEquals(first[method.title], "unavailable", method.title)
  end
  lu.assertEquals(first["ODM_merge Config_Rules"], "unparsable")
  lu.assertStrContains(text, "altmig: ODM_merge Config_Rules: odm: /etc/objrepos/Config_Rules")
  lu.assertEquals(t:read("/etc/objrepos/Config_Rules"), "rules of the new level")
  lu.assertEquals(t:read("/etc/security/ldap/ldap.cfg"), "#ldapservers:example\nldapservers:ours\n")
  lu.assertEquals(t:stat("/etc/security/ldap/ldap.cfg").mode, 384)
  finish(t)
end

function TestMerge:test_the_cross_check_reports_what_does_not_agree()
  local t = fresh()
  put(t, "/etc/passwd", "root:!:0:0::/:/usr/bin/ksh\nlost:!:9:99::/:\n+::::::\n")
  put(t, "/etc/group", "system:!:0:root,remote\n")
  put(t, "/etc/security/user", "default:\n\tregistry = files\n\nghost:\n\tregistry = LDAP\n")
  put(t, "/etc/security/login.cfg", "usw:\n\tshells = /etc/passwd,/bin/gone\n")
  assert(t:makedirs "/etc/objrepos")
  local store = assert(odm.open(dir .. "/etc/objrepos"))
  for _, class in ipairs(assert(odm.definitions [[
    class SRCsubsys { char subsysname[30]; char path[100]; };
    class SRCsubsvr { char sub_type[30]; char subsysname[30]; }; ]])) do
    assert(store:create(class.name, class.descriptors))
  end
  assert(store:add("SRCsubsys", { subsysname = "inetd", path = "/etc/passwd" }))
  assert(store:add("SRCsubsvr", { sub_type = "ftp", subsysname = "inetd" }))
  assert(store:add("SRCsubsvr", { sub_type = "x", subsysname = "gone" }))
  assert(store:commit())
  local before = assert(t:digest("/"))
  local said = {}
  local count = merge.cross_check { tree = t, report = function(d) said[#said + 1] = ("%s %s %s"):format(d.file, d.key, d.rule) end }
  table.sort(said)
  lu.assertEquals(said, {
    "/etc/group system member remote is no local account",
    "/etc/objrepos/SRCsubsvr gone SRCsubsys has no such object",
    "/etc/passwd lost its group 99 does not exist",
    "/etc/security/login.cfg usw the shell /bin/gone does not exist",
    "/etc/security/user ghost registry LDAP is not in methods.cfg",
    "/etc/security/user ghost there is no account or group of this name",
  })
  lu.assertEquals(count, #said)
  lu.assertEquals(t:digest("/"), before)
  finish(t)
end

function TestMerge:test_a_file_nobody_can_read_leaves_the_new_one_active()
  local t = old_system()
  put(t, "/etc/security/passwd", "root:\n\tpassword = x\nthis is no stanza\n", 384)
  assert(saveconf.save(t, nil, assert(saveconf.candidates(t, {}))))
  restore_new(t)
  saveconf.keep_shipped(t)
  local ctx, seen = context(t)
  local result = assert(merge.run("passwd_mig", ctx))
  lu.assertEquals(result, { status = "unparsable", decisions = 1 })
  lu.assertStrContains(seen.warnings[1], "/etc/security/passwd: line 3")
  lu.assertStrContains(t:read("/etc/passwd"), "root:!:0:0::/root")
  lu.assertStrContains(t:read("/lpp/save.config/etc/security/passwd"), "this is no stanza")
  finish(t)
end

function TestMerge:test_a_file_that_cannot_be_written_is_the_worlds_failure()
  local t = saved_and_restored()
  local ctx = context(t)
  ctx.tree = setmetatable({}, { __index = function(_, name)
    if name == "write" then return function() return nil, "write: /etc/passwd: No space left on device", "ENOSPC" end end
    return function(_, ...) return t[name](t, ...) end
  end })
  local result, message, code = merge.run("passwd_mig", ctx)
  lu.assertNil(result)
  lu.assertEquals(code, "ENOSPC")
  lu.assertStrContains(message, "No space left")
  finish(t)
end

function TestMerge:test_site_methods()
  local t = old_system()
  put(t, "/etc/stanzas", "a:\n\tlist = x,mine\n\tvalue = 2\n")
  put(t, "/usr/lpp/bos/inst_root/etc/stanzas", "a:\n\tlist = x\n\tvalue = 1\n")
  assert(saveconf.save(t, nil, { "/etc/stanzas", "/etc/site.conf" }))
  put(t, "/etc/stanzas", "a:\n\tlist = x,new\n\tvalue = 3\n")
  restore_new(t)
  saveconf.keep_shipped(t)
  local count = #merge.methods
  merge.define { name = "site_stanzas", files = { "/etc/stanzas" }, before = "group_mig",
    classes = { { name = "list", class = "list" }, { name = "value", class = "system" } } }
  merge.define { name = "site_text", files = { "/etc/site.conf" },
    run = function(o, c, n, report)
      lu.assertNil(o)
      report { key = "x", rule = "joined" }
      return n .. c
    end }
  local ctx, seen = context(t)
  lu.assertEquals(assert(merge.run("site_stanzas", ctx)).status, "merged")
  lu.assertEquals(t:read("/etc/stanzas"), "a:\n\tlist = x,mine,new\n\tvalue = 3\n")
  lu.assertEquals(assert(merge.run("site_text", ctx)).status, "merged")
  lu.assertEquals(t:read("/etc/site.conf"), "fresh = 1\nchanged = 1\n")
  lu.assertEquals(seen.decisions[#seen.decisions].rule, "joined")
  lu.assertEquals(merge.methods[count + 2].name, "site_text")
  lu.assertErrorMsgContains("already", merge.define, { name = "site_text", files = { "/x" } })
  lu.assertErrorMsgContains("unknown grammar 'xml'", merge.define, { name = "x", files = { "/x" }, grammar = "xml" })
  merge.reset()
  finish(t)
end

TestFindings = {}

-- The names that a C file gives Lua, by the constant each has there.
local function names_in(file, pattern)
  local names, text = {}, assert(sys.read_file(DATA_DIR .. "/../../engine/bind/" .. file))
  for name in text:gmatch(pattern) do names[#names + 1] = name end
  lu.assertTrue(#names > 0, file)
  return names
end

function TestFindings:test_each_has_words()
  for _, name in ipairs(names_in("l_merge.c", '%[AM_FOUND_[%u_]+%] = "([^"]+)"')) do
    local said = findings.say { { finding = name, attribute = "uid", c = "site", detail = "7" } }
    lu.assertIsString(said[1].rule, name)
    lu.assertNil(said[1].finding)
  end
  lu.assertErrorMsgContains("no words for the finding 'x'", findings.say, { { finding = "x" } })
  lu.assertEquals(findings.say { { finding = "id taken", attribute = "gid", c = ("n"):rep(40), detail = "7" } }[1].rule,
    "reserved gid 7 already assigned to " .. ("n"):rep(32) .. ": not added; restored files with this gid belong to the wrong name")
end

TestMergeCore = {}

function TestMergeCore:test_misuse_raises()
  lu.assertErrorMsgContains("field 'file' is missing", core.records, {}, {})
  lu.assertErrorMsgContains("unknown class 'x'", core.records, { file = "f", default = "x" }, {})
  lu.assertErrorMsgContains("unknown grammar 'odm'", core.records, { file = "f", grammar = "odm" }, {})
  lu.assertErrorMsgContains("unknown collision rule", core.records, { file = "f", collision = "odm" }, {})
  lu.assertErrorMsgContains("list of strings expected", core.records, { file = "f", admit = { {} } }, {})
  lu.assertErrorMsgContains("field 'c'", core.records, { file = "f" }, { c = {} })
end

function TestMergeCore:test_admits_only_what_is_named()
  local result = core.records({ file = "f", admit = { "b", "z" } }, { c = "a:\n\tx = 1\n", n = "a:\n\tx = 2\nb:\n\tx = 1\nc:\n" })
  lu.assertEquals(result.text, "a:\n\tx = 1\n\nb:\n\tx = 1\n")
  lu.assertEquals(result.status, "merged")
end

function TestMergeCore:test_whole_files_and_lists()
  lu.assertEquals(core.whole("f", { o = "a\n", c = "a", n = "b" }), "new")
  lu.assertEquals(core.whole("f", { c = "a" }), "kept")
  lu.assertEquals(core.whole("f", {}), "absent")
  lu.assertNil(core.whole("f", { c = "a", n = "b" }))
  lu.assertEquals(core.whole("f", { c = "a", n = "b", modified = false }), "new")
  lu.assertEquals(core.whole("f", { c = "a \n\n", n = "a" }), "new")
  lu.assertNil(core.whole("f", { c = "a\n\nb", n = "a\nb" }))
  local function list(o, c, n)
    local function text(value) return value and ("s:\n\tl = %s\n"):format(value) end
    local merged = core.records({ file = "f", default = "list" }, { o = text(o), c = text(c), n = text(n) }).text
    return assert(core.parse(merged, "f"))[1].attributes.l
  end
  lu.assertEquals(list(nil, "a", "b"), "a,b")
  lu.assertEquals(list("b", "a", "b,d"), "a,d")
end
