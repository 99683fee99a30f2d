-- SPDX-License-Identifier: MIT
-- Methods of a site (merge.define): what each grammar makes of O, C and N; what happens to files the
-- archive does not carry, to links, to broken files and broken results; and what is refused by name.

local lu = require "luaunit"
local core = require "altmig.merge_core"
local merge = require "altmig.merge"
local merge_case = require "merge_case"
local policy = require "altmig.merge.policy"
local saveconf = require "altmig.save"
local sys = require "altmig.sys"

local said_about = merge_case.said_about

local dir, t
local function put(...) merge_case.put(t, ...) end

-- A migration of the defined files: save, a restore that writes `new`, keep, merge. Returns the results
-- by method and what was said.
local function migrate(new, old)
  for path, text in pairs(old or {}) do put("/usr/lpp/bos/inst_root" .. path, text) end
  local names = {}
  for path in pairs(new) do names[#names + 1] = path end
  assert(saveconf.save(t, nil, assert(saveconf.candidates(t, names))))
  assert(t:remove_all("/usr/lpp"))
  for path, text in pairs(new) do put(path, text, 436) end -- 0664
  saveconf.keep_shipped(t, nil, names)
  assert(saveconf.restore_preserved(t))
  local said = { warnings = {}, decisions = {}, statuses = {} }
  function said.run()
    for _, method in ipairs(merge.methods) do
      if method.site then
        local ctx = saveconf.context(t)
        ctx.warn = function(line) table.insert(said.warnings, line) end
        ctx.report = function(d) table.insert(said.decisions, d) end
        said.statuses[method.name] = assert(merge.run(method, ctx)).status
      end
    end
  end
  said.run()
  -- A second run finds nothing to change.
  local digest = assert(t:digest("/"))
  local count = #said.decisions
  said.run()
  lu.assertEquals(t:digest("/"), digest)
  for i = #said.decisions, count + 1, -1 do said.decisions[i] = nil end
  return said
end

TestMergeSite = {}

function TestMergeSite:setUp()
  t, dir = merge_case.open()
end

function TestMergeSite:tearDown()
  merge.reset()
  merge_case.close(t, dir)
end

function TestMergeSite:test_a_class_that_asks_and_one_that_is_a_set()
  local file = "/etc/asks"
  merge.define { name = "asks", files = { file }, classes = { hosts = { set = true },
    level = { class = "valid", valid = function(value) return tonumber(value) < 5 end } } }
  put(file, "a:\n\tlevel = 9\n\thosts = y,x\n\nb:\n\tlevel = 4\n", 384)
  local said = migrate({ [file] = "a:\n\tlevel = 2\n\thosts = x,y,z\n\nb:\n\tlevel = 2\n" },
    { [file] = "a:\n\tlevel = 1\n\thosts = x,y\n\nb:\n\tlevel = 1\n" })
  lu.assertEquals(said.statuses.asks, "merged")
  lu.assertEquals(t:read(file), "a:\n\tlevel = 2\n\thosts = x,y,z\n\nb:\n\tlevel = 4\n")
end

function TestMergeSite:test_stanzas_with_classes_before_a_stock_method()
  local file = "/etc/acme/agents"
  merge.define { name = "acme_agents", files = { file }, key = "set", before = "group_mig", fold_case = true,
    classes = { hosts = "list", program = "system", token = { secret = true } } }
  local at
  for i, method in ipairs(merge.methods) do at = method.name == "acme_agents" and i or at end
  lu.assertEquals(merge.methods[at + 1].title, "group_mig")
  put(file, "b,a:\n\thosts = h1,h9\n\tprogram = /opt/mine\n\ttoken = s3cret\n\tlevel = Low\n\nown:\n\tx = 1\n", 384)
  local said = migrate(
    { [file] = "a,b:\n\thosts = h1,h2\n\tprogram = /opt/new\n\ttoken = other\n\tlevel = low\n\nc:\n\thosts = h3\n" },
    { [file] = "a,b:\n\thosts = h1\n\tprogram = /opt/old\n\ttoken = none\n\tlevel = mid\n" })
  lu.assertEquals(said.statuses.acme_agents, "merged")
  lu.assertEquals(t:read(file), "b,a:\n\thosts = h1,h9,h2\n\tprogram = /opt/new\n\ttoken = s3cret\n\tlevel = Low\n\n"
    .. "own:\n\tx = 1\n\nc:\n\thosts = h3\n")
  local token = said_about(said, "a,b", "token")
  lu.assertEquals({ token.c, token.severity, token.chosen }, { "<secret>", "conflict", "C" })
  lu.assertEquals(t:stat(file).mode, 384) -- not the wider one the new level came with
end

function TestMergeSite:test_colon_file_with_a_key_of_two_columns()
  local file = "/etc/acme/operators"
  merge.define { name = "operators", files = { file }, grammar = "colon", columns = { "site", "name", "role", "hosts" },
    key = { "name", "site" }, least = 3, classes = { { name = "hosts", class = "list" }, { name = "role", class = "system" } } }
  put(file, "# Operators of ACME\n\n# the boss\nosaka:ann:chief:h1,h9\n:bob:guest\n#kobe:dan:op:h4\nnot a record\n+::\n")
  local said = migrate(
    { [file] = "# Operators\n\nosaka:ann:lead:h1,h2\n:bob:op:h3\nkobe:dan:op:h5\n# new in this level\nkobe:ann:op:\n" },
    { [file] = "# Operators\n\nosaka:ann:op:h1\n:bob:op:\nkobe:dan:op:h4\nkobe:eve:op:\n" })
  lu.assertEquals(t:read(file), "# Operators of ACME\n\n# the boss\nosaka:ann:lead:h1,h9,h2\n:bob:guest:h3\n#kobe:dan:op:h4\n"
    .. "not a record\n+::\n# new in this level\nkobe:ann:op:\n")
  lu.assertEquals(said_about(said, "line 7").severity, "warning")
  lu.assertStrContains(said_about(said, "line 7").rule, "malformed")
  lu.assertEquals(said_about(said, "ann\tosaka", "role").chosen, "N")
end

function TestMergeSite:test_a_new_file_that_cannot_be_read_leaves_the_sites()
  local file = "/etc/acme.tab"
  merge.define { name = "tab", files = { file }, grammar = "table", columns = { "name", "type", "helper" }, least = 2, control = "%",
    order = "new" }
  put(file, "%use b\nown 9 -\nb 2 /mine\n#a 1\n")
  local said = migrate({ [file] = "%use a\na 1\nb 2 /new x\nc 3\n" })
  lu.assertEquals(said.statuses.tab, "kept") -- N has too many fields
  lu.assertStrContains(said.decisions[1].rule, "too many fields")
  lu.assertEquals(said.decisions[1].severity, "error")
end

function TestMergeSite:test_a_table_in_the_new_levels_order_and_its_control_lines()
  local file = "/etc/acme.tab"
  merge.define { name = "tab", files = { file }, grammar = "table", columns = { "name", "type", "helper" }, least = 2, control = "%",
    order = "new" }
  put(file, "%use b\nown 9 -\nb 2 /mine\n#a 1\n")
  migrate({ [file] = "%use a\na 1\nc 3\nb 2 /new\n" }, { [file] = "%use a\na 1\nb 2 /old\n" })
  -- The new level's control line where it has it, and the site's own.
  lu.assertEquals(t:read(file), "%use a\n#a 1\nc 3\nb 2 /mine\n%use b\nown 9 -\n")
end

function TestMergeSite:test_lines_are_a_set()
  local file = "/etc/acme.allow"
  merge.define { name = "allow", files = { file }, grammar = "lines", mandatory = { "root" } }
  put(file, "# who may\nann\n#bob\n# ours\nzoe the operator\n")
  migrate({ [file] = "root\nann\nbob\neve\n" }, { [file] = "root\nann\nbob\ngone\n" })
  lu.assertEquals(t:read(file), "# who may\nann\n#bob\n# ours\nzoe the operator\nroot\neve\n")
end

function TestMergeSite:test_files_the_archive_does_not_carry_are_saved_and_kept()
  local file = "/opt/site/site.conf"
  local seen
  merge.define { name = "conf", files = { file, "/opt/site/absent" }, run = function(o, c, n, _, path)
    if path == file then seen = { o = o, c = c, n = n } end
    return c and c .. "migrated = yes\n"
  end }
  put(file, "a = 1\n", 416)
  local said = migrate({})
  lu.assertEquals(seen, { c = "a = 1\n" })
  lu.assertEquals(said.statuses.conf, "merged")
  lu.assertEquals(t:read(file), "a = 1\nmigrated = yes\n")
  lu.assertEquals(t:read("/lpp/save.config" .. file), "a = 1\n")
  lu.assertFalse(t:exists("/opt/site/absent"))
end

function TestMergeSite:test_what_the_archive_does_not_carry_is_no_file_of_the_new_level()
  merge.define { name = "conf", files = { "/opt/site.conf" }, grammar = "lines" }
  for _, path in ipairs { "/etc/vfs", "/var/adm/ras/errlog", "/usr/lib/objrepos/GAI", "/opt/site.conf" } do put(path, "site's\n") end
  assert(saveconf.save(t, nil, assert(saveconf.candidates(t, {}))))
  put("/etc/vfs", "new\n")
  saveconf.keep_shipped(t, nil, { "/etc/vfs" })
  local ctx = saveconf.context(t)
  lu.assertEquals(ctx.shipped_new "/etc/vfs", "new\n")
  lu.assertNil(ctx.shipped_new "/var/adm/ras/errlog")
  lu.assertNil(ctx.shipped_new "/opt/site.conf")
  lu.assertEquals(ctx.shipped_new "/usr/lib/objrepos/GAI", "site's\n") -- the names say nothing of /usr
  -- So an error log of the old level is not taken for one that the new level began.
  lu.assertEquals(assert(merge.run("convert_errlog", ctx)).status, "merged")
  lu.assertFalse(t:exists "/var/adm/ras/errlog")
  lu.assertEquals(t:read "/var/adm/ras/errlog.old", "site's\n")
end

function TestMergeSite:test_links_are_followed_inside_the_tree_and_stay_links()
  merge.define { name = "linked", files = { "/etc/acme.conf" }, grammar = "lines" }
  put("/opt/acme/acme.conf", "a\nmine\n", 384)
  assert(t:makedirs "/etc")
  assert(t:symlink("/opt/acme/acme.conf", "/etc/acme.conf"))
  migrate({ ["/opt/acme/acme.conf"] = "a\nnew\n" })
  lu.assertEquals(t:stat("/etc/acme.conf").type, "link")
  lu.assertEquals(t:read("/opt/acme/acme.conf"), "a\nmine\nnew\n")
  lu.assertEquals(t:stat("/opt/acme/acme.conf").mode, 384)
end

function TestMergeSite:test_a_link_out_of_the_tree_is_left_alone()
  local outside = os.tmpname()
  assert(sys.write_file(outside, "outside\n"))
  merge.define { name = "out", files = { "/etc/acme.conf" }, run = function() return "inside\n" end }
  assert(t:makedirs "/etc")
  assert(t:symlink("../../../../../../../../../.." .. outside, "/etc/acme.conf"))
  local said = migrate({})
  lu.assertEquals(said.statuses.out, "unparsable")
  lu.assertEquals(sys.read_file(outside), "outside\n")
  os.remove(outside)
end

function TestMergeSite:test_what_is_broken_never_becomes_active()
  merge.define { name = "stanzas", files = { "/etc/broken", "/etc/whole" } }
  merge.define { name = "raises", files = { "/etc/raises" }, run = function() error("no idea") end }
  merge.define { name = "refuses", files = { "/etc/refuses" }, run = function() return nil, "line 3 makes no sense" end }
  merge.define { name = "odd", files = { "/etc/odd" }, run = function() return 7 end }
  merge.define { name = "unfit", files = { "/etc/unfit" }, run = function(_, c, n) return c .. n end,
    check = function(text) return not text:find "c\nn", "c and n do not mix" end }
  merge.define { name = "alone", files = { "/etc/alone" }, run = function() error { code = "X", message = "cannot" } end }
  local new = {}
  for _, name in ipairs { "raises", "refuses", "odd", "unfit" } do
    put("/etc/" .. name, "c\n", 384)
    new["/etc/" .. name] = "n\n"
  end
  put("/etc/alone", "c\n")
  put("/etc/broken", "no stanza\n")
  put("/etc/whole", "a:\n\tx = 2\n")
  new["/etc/broken"], new["/etc/whole"] = "a:\n\tx = 1\n", "a:\n\tx = 1\n\nb:\n\ty = 1\n"
  local said = migrate(new, { ["/etc/whole"] = "a:\n\tx = 1\n" })
  lu.assertEquals(said.statuses, { stanzas = "unparsable", raises = "unparsable", refuses = "unparsable", odd = "unparsable",
    unfit = "unparsable", alone = "unparsable" })
  lu.assertEquals(t:read("/etc/broken"), "a:\n\tx = 1\n")
  lu.assertEquals(t:read("/lpp/save.config/etc/broken"), "no stanza\n")
  lu.assertEquals(t:read("/etc/whole"), "a:\n\tx = 2\n\nb:\n\ty = 1\n") -- the other file of the method
  for path, text in pairs(new) do
    if path ~= "/etc/whole" then lu.assertEquals(t:read(path), text, path) end
  end
  lu.assertEquals(t:stat("/etc/raises").mode, 384)
  lu.assertEquals(t:read("/etc/alone"), "c\n")
  local text = table.concat(said.warnings, "\n")
  for _, line in ipairs { "altmig: stanzas: parse: /etc/broken: line 1: ", "altmig: raises: /etc/raises: run failed: ", "no idea",
    "/etc/refuses: line 3 makes no sense: new one active, yours in save.config", "/etc/odd: run returned a number",
    "/etc/unfit: the merged file is not fit to be active: c and n do not mix",
    "altmig: alone: /etc/alone: run failed: cannot: yours stays active" } do
    lu.assertStrContains(text, line)
  end
end

function TestMergeSite:test_a_cancelled_run_stops_the_migration()
  merge.define { name = "stop", files = { "/etc/stop" }, run = function() error { code = "CANCELLED", message = "stopped" } end }
  put("/etc/stop", "x\n")
  local result, _, code = merge.run("stop", { tree = t, saved = function() return "x\n" end, shipped_old = function() end,
    shipped_new = function() end, saved_stat = function() end })
  lu.assertNil(result)
  lu.assertEquals(code, "CANCELLED")
end

function TestMergeSite:test_a_functions_decisions_are_reported_without_secrets()
  merge.define { name = "fn", files = { "/etc/fn" }, run = function(_, c, _, report)
    report { key = "k", attribute = "password", c = "hunter2", secret = true, severity = "conflict", chosen = "C", rule = "ours" }
    return c
  end }
  put("/etc/fn", "password=hunter2\n")
  local said = migrate({ ["/etc/fn"] = "password=\n" })
  lu.assertEquals(said.statuses.fn, "kept")
  local d = said_about(said, "k", "password")
  lu.assertEquals({ d.file, d.c, d.severity }, { "/etc/fn", "<secret>", "conflict" })
  lu.assertNotStrContains(t:read("/lpp/save.config/.altmig/report/fn"), "hunter2")
end

function TestMergeSite:test_what_a_function_forgets_to_call_secret_is_still_not_in_the_log()
  merge.define { name = "fn", files = { "/etc/fn", "/etc/odd" }, run = function(_, c, _, report, path)
    if path == "/etc/odd" then return nil, "line 1: db_password=hunter2 is doubtful" end
    report { key = "k", attribute = "password", c = "hunter2", severity = "conflict", rule = "was password=hunter2" }
    report { key = "password=hunter2", c = "dsn=x;password=hunter2", severity = "error", rule = "bad passwd=hunter2" }
    return c
  end }
  local said = {}
  local function say(line) said[#said + 1] = line end
  local ctx = { tree = t, saved = function() return "x\n" end, shipped_old = function() end, shipped_new = function() end,
    saved_stat = function() return { mode = 384, uid = 0, gid = 0 } end, log = say, warn = say,
    save_report = function(_, text) say(text) return true end }
  put("/etc/fn", "x\n")
  put("/etc/odd", "x\n")
  assert(merge.run("fn", ctx))
  lu.assertEquals(#said, 4)
  lu.assertNotStrContains(table.concat(said, "\n"), "hunter2")
end

function TestMergeSite:test_a_claimed_file_is_nobody_elses_until_reset()
  local file = "/etc/sudoers"
  lu.assertEquals(policy.of(file).policy, "preserve")
  merge.define { name = "sudo", files = { file }, grammar = "lines" }
  lu.assertEquals(policy.of(file).method, "sudo")
  put(file, "ours\n")
  migrate({ [file] = "theirs\n" })
  lu.assertEquals(t:read(file), "ours\ntheirs\n")
  merge.reset()
  lu.assertEquals(policy.of(file).policy, "preserve")
  lu.assertNil(merge.method "sudo")
  lu.assertErrorMsgContains("no merge method 'sudo'", merge.run, "sudo", {})
  merge.define { name = "sudo", files = { file }, grammar = "lines" }
end

function TestMergeSite:test_misuse_raises_with_the_fields_name()
  local function refused(text, definition) lu.assertErrorMsgContains("merge.define: " .. text, merge.define, definition) end
  local function with(more)
    local definition = { name = "x", files = { "/etc/x" } }
    for name, value in pairs(more) do definition[name] = value end
    return definition
  end
  refused("table expected, got nil", nil)
  refused("field 'name'", { files = { "/x" } })
  refused("field 'name': there is a method 'passwd_mig' already", with { name = "passwd_mig" })
  refused("field 'files': list of paths expected", { name = "x" })
  refused("field 'files': it is empty", with { files = {} })
  refused("field 'files': 'etc/x' is no plain absolute path", with { files = { "etc/x" } })
  refused("field 'files': '/etc/../x' is no plain", with { files = { "/etc/../x" } })
  refused("field 'files': '/etc/*.conf' is no plain", with { files = { "/etc/*.conf" } })
  refused("field 'files': '/etc/x' is named twice", with { files = { "/etc/x", "/etc/x" } })
  refused("field 'files': '/etc/passwd' is merged by passwd_mig", with { files = { "/etc/passwd" } })
  refused("field 'grammar': unknown grammar 'xml'", with { grammar = "xml" })
  refused("field 'grammar': not for a method with run", with { grammar = "lines", run = print })
  refused("field 'run': function expected, got string", with { run = "x" })
  refused("field 'classes': not for a method with run", with { run = print, classes = {} })
  refused("field 'grammer': not for the grammar 'stanza'", with { grammer = "lines" })
  refused("field 'columns': not for the grammar 'stanza'", with { columns = { "a" } })
  refused("field 'columns': it is missing", with { grammar = "colon" })
  refused("field 'columns': 'a' is named twice", with { grammar = "colon", columns = { "a", "a" } })
  refused("field 'key': there is no column 'c'", with { grammar = "table", columns = { "a", "b" }, key = { "a", "c" } })
  refused("field 'key': 'name' or 'set' expected", with { key = "id" })
  refused("field 'least': 1 to 2 expected", with { grammar = "table", columns = { "a", "b" }, least = 3 })
  refused("field 'separator': one character", with { grammar = "colon", columns = { "a", "b" }, separator = "::" })
  refused("field 'control': not for the grammar 'colon'", with { grammar = "colon", columns = { "a" }, control = "%" })
  refused("field 'order': unknown value 'old'", with { grammar = "lines", order = "old" })
  refused("field 'default': unknown value 'vendor'", with { default = "vendor" })
  refused("field 'classes': there is no column 'z'", with { grammar = "table", columns = { "a" }, classes = { z = "list" } })
  refused("field 'classes': of 'a': class 'valid' and a function", with { classes = { a = "valid" } })
  refused("field 'classes': of 'a': class 'valid' and a function", with { classes = { a = { valid = print } } })
  refused("field 'classes': of 'a': unknown class 'union'", with { classes = { a = "union" } })
  refused("field 'mandatory': entry 1 is no name", with { mandatory = { {} } })
  refused("field 'before': there is no method 'after_all'", with { before = "after_all" })
  lu.assertNil(merge.method "x")
  lu.assertFalse(policy.is_claimed "/etc/x")
end

function TestMergeSite:test_the_engine_checks_what_it_is_told()
  local function refused(text, spec)
    spec.file = "f"
    lu.assertErrorMsgContains(text, core.records, spec, {})
  end
  refused("field 'columns': list of names expected", { grammar = "colon" })
  local many = {}
  for i = 1, 33 do many[i] = "c" .. i end
  refused("field 'columns': 1 to 32 names expected", { grammar = "table", columns = many })
  refused("field 'key': there is no column 'b'", { grammar = "table", columns = { "a" }, key = { "b" } })
  refused("field 'key': 1 to 1 names", { grammar = "table", columns = { "a" }, key = { "a", "a" } })
  for _, grammar in ipairs { "table", "colon" } do
    local spec = { grammar = grammar, columns = { "a", "b", "c", "d" }, key = { "a", "a", "a", "a" } }
    refused("field 'key': 'a' is named twice", spec)
    lu.assertErrorMsgContains("'a' is named twice", core.parse, ("x"):rep(100000) .. "\n", "f", spec)
  end
  refused("field 'least': 1 to 1 expected", { grammar = "table", columns = { "a" }, least = 2 })
  refused("field 'separator': one character", { grammar = "colon", columns = { "a" }, separator = "\n" })
  local rows = assert(core.parse("a|b\n#c|d\n# e|f\n", "f", { grammar = "colon", columns = { "x", "y" }, separator = "|" }))
  lu.assertEquals(#rows, 1)
  lu.assertEquals(rows[1].attributes, { x = "a", y = "b" })
end
