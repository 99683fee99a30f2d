-- SPDX-License-Identifier: MIT
-- Where the old level's default of a saved file comes from, which files are saved beside the table,
-- and what is told of them in the end.

local lu = require "luaunit"
local core = require "altmig.odm_core"
local inventory = require "altmig.aix.inventory"
local merge = require "altmig.merge"
local odm = require "altmig.odm"
local outcome = require "altmig.run.outcome"
local preview = require "altmig.preview"
local saveconf = require "altmig.save"
local scratch = require "altmig.run.scratch"
local swvpd = require "altmig.swvpd"
local sys = require "altmig.sys"
local tree = require "altmig.tree"

local layouts = {}
for _, layout in ipairs(assert(odm.definitions [[
class lpp { char name[145]; short state; long cp_flag; short ver; short rel; short mod; short fix; short lpp_id; };
class inventory { short lpp_id; short file_type; vchar loc0[1024]; long size; long checksum; };
class inventory_text { short lpp_id; short file_type; vchar loc0[1024]; char size[16]; char checksum[16]; };
]])) do layouts[layout.name] = layout.descriptors end

local dir, t

local function put(path, data, mode)
  assert(t:makedirs(path:match("^(.*)/") == "" and "/" or path:match("^(.*)/")))
  assert(t:write(path, data, { mode = mode or 420 }))
end

local function class(where, name, rows, layout)
  local image = assert(core.create(name, name, layouts[layout or name]))
  for _, row in ipairs(rows) do assert(image:add(row)) end
  local data, strings = image:images()
  put(where .. "/" .. name, data)
  if strings then put(where .. "/" .. name .. ".vc", strings) end
end

local function lpp(id) return { name = "f" .. id, state = 5, cp_flag = 0, ver = 7, rel = 1, mod = 0, fix = 0, lpp_id = id } end

-- The inventory of files as they were shipped: path -> content, false for VOLATILE.
local function shipped(files, where)
  local rows = {}
  for path, data in pairs(files) do
    rows[#rows + 1] = { lpp_id = 1, file_type = 0, loc0 = path, size = data and #data or -1, checksum = data and swvpd.sum(data) or -1 }
  end
  where = where or "/etc/objrepos"
  class(where, "lpp", { lpp(1) })
  class(where, "inventory", rows)
end

local function known() return (assert(inventory.read(t))) end

TestInventory = {}

function TestInventory:setUp()
  dir = os.tmpname()
  os.remove(dir)
  assert(sys.mkdir(dir, 448))
  t = assert(tree.at(dir))
end

function TestInventory:tearDown()
  t:close()
  os.execute("rm -rf '" .. dir .. "'")
end

function TestInventory:test_the_sum_is_that_of_sum_r()
  lu.assertEquals(swvpd.sum(""), 0)
  lu.assertEquals(swvpd.sum("a"), 97)
  lu.assertEquals(swvpd.sum("hello\n"), 36979)
  local data = {}
  for i = 1, 10000 do data[i] = string.char(i * 7 % 256) end
  data = table.concat(data)
  assert(sys.write_file(dir .. "/x", data))
  local result = sys.run { "sum", "-r", dir .. "/x" }
  if not result or result.status ~= 0 then lu.skip("no sum") end
  lu.assertEquals(swvpd.sum(data), tonumber(result.stdout:match("^%d+")))
end

function TestInventory:test_changed_unchanged_and_not_known()
  shipped { ["/etc/same"] = "as shipped\n", ["/etc/longer"] = "x", ["/etc/other"] = "abcd", ["/etc/volatile"] = false }
  class("/usr/lib/objrepos", "lpp", { lpp(1), lpp(700) })
  class("/usr/lib/objrepos", "inventory", { { lpp_id = 700, file_type = 0, loc0 = "/usr/bin/x", size = 3, checksum = swvpd.sum "abc" },
    { lpp_id = 1, file_type = 1, loc0 = "/usr/bin", size = 3, checksum = 5 } })
  local inv = known()
  lu.assertEquals(inv:changed("/etc/same", "as shipped\n"), false)
  lu.assertEquals(inv:changed("/etc/longer", "xx"), true)
  lu.assertEquals(inv:changed("/etc/other", "abdc"), true)
  lu.assertNil(inv:changed("/etc/volatile", "x"))
  lu.assertNil(inv:changed("/etc/unowned", "x"))
  lu.assertNil(inv:changed("/usr/bin", "abc"))
  lu.assertEquals(inv:changed("/usr/bin/x", "abc"), false)
  lu.assertEquals(inv:sum_differs("/usr/bin/x", swvpd.sum "abc", 1), false)
  lu.assertEquals(inv:sum_differs("/usr/bin/x", 1, 1), true)
  lu.assertEquals(inv:sum_differs("/usr/bin/x", swvpd.sum "abc", 2), true)
  lu.assertEquals(inventory.read(t, { ["/etc/same"] = true }).sizes, { ["/etc/same"] = 11 })
end

function TestInventory:test_numbers_may_be_texts()
  class("/etc/objrepos", "lpp", { lpp(1) })
  local image = assert(core.create("inventory", "inventory", layouts.inventory_text))
  assert(image:add { lpp_id = 1, file_type = 0, loc0 = "/etc/a", size = "3", checksum = ("%05d     1  "):format(swvpd.sum "abc") })
  assert(image:add { lpp_id = 1, file_type = 0, loc0 = "/etc/b", size = "VOLATILE", checksum = "VOLATILE" })
  local data, strings = image:images()
  put("/etc/objrepos/inventory", data)
  put("/etc/objrepos/inventory.vc", strings)
  lu.assertEquals(known():changed("/etc/a", "abc"), false)
  lu.assertNil(known():changed("/etc/b", "abc"))
end

function TestInventory:test_a_database_that_is_missing_or_damaged_tells_nothing()
  lu.assertEquals(select(2, inventory.read(t)), {})
  shipped { ["/etc/a"] = "a" }
  put("/usr/lib/objrepos/lpp", "no class")
  local inv, problems = inventory.read(t)
  lu.assertEquals(inv:changed("/etc/a", "a"), false)
  lu.assertEquals(#problems, 1)
end

TestSources = { setUp = TestInventory.setUp, tearDown = TestInventory.tearDown }

local function paths(files)
  local list = {}
  for i, file in ipairs(files) do list[i] = file.path end
  return table.concat(list, " ")
end

function TestSources:test_the_order_of_the_sources()
  put("/etc/vfs", "site")
  put("/usr/lpp/any.package/inst_root/etc/vfs", "pristine")
  put("/etc/pse.conf", "as shipped")
  put("/etc/xtiso.conf", "edited")
  put("/etc/secvars.cfg", "who knows")
  put("/etc/nscontrol.conf", "site")
  shipped { ["/etc/pse.conf"] = "as shipped", ["/etc/xtiso.conf"] = "original", ["/etc/vfs"] = "pristine" }
  local sources = { inventory = known() }
  local files = assert(saveconf.candidates(t, {}, sources))
  sources.baseline = { ["/etc/nscontrol.conf"] = assert(saveconf.put_old(t, nil, "/etc/nscontrol.conf", "of the images")) }
  local result = assert(saveconf.save(t, nil, files, sources))
  lu.assertEquals(result.bases.none, 2 + 3) -- and the files of the two classes
  local entries = assert(saveconf.manifest(t))
  local function base(path) return { entries[path].base, entries[path].modified, entries[path].old ~= nil } end
  lu.assertEquals(base "/etc/nscontrol.conf", { "baseline", nil, true })
  lu.assertEquals(base "/etc/vfs", { "inst_root", nil, true })
  lu.assertEquals(base "/etc/pse.conf", { "vpd", nil, true })
  lu.assertEquals(base "/etc/xtiso.conf", { "none", true, false })
  lu.assertEquals(base "/etc/secvars.cfg", { "none", nil, false })
  lu.assertTrue(saveconf.verify(t))
  saveconf.keep_shipped(t)
  local ctx = saveconf.context(t)
  lu.assertEquals(ctx.shipped_old "/etc/nscontrol.conf", "of the images")
  lu.assertEquals(ctx.shipped_old "/etc/pse.conf", "as shipped")
  lu.assertNil(ctx.shipped_old "/etc/xtiso.conf")
  lu.assertEquals({ ctx.modified "/etc/xtiso.conf", ctx.modified "/etc/secvars.cfg" }, { true, nil })
end

function TestSources:test_what_is_saved_beside_the_table()
  put("/etc/as.shipped", "x")
  put("/etc/pristine", "x")
  put("/usr/lpp/p/inst_root/etc/pristine", "x")
  put("/etc/edited", "y")
  put("/var/adm/unknown", "z")
  put("/etc/by.list", "l")
  put("/etc/of.installp", "i")
  put("/usr/lib/changed", "c")
  put("/usr/lib/unknown", "u")
  shipped { ["/etc/as.shipped"] = "x", ["/etc/edited"] = "x", ["/usr/lib/changed"] = "d" }
  put("/etc/objrepos/lpp.vc", "")
  local files = assert(saveconf.candidates(t, { "./etc/as.shipped", "./etc/pristine", "./etc/edited", "./var/adm/unknown",
    "./usr/lib/unknown", "./etc/none", "./etc/..", "./etc/../etc/edited" }, { inventory = known(),
    rows = { { path = "/etc/by.list", policy = "hold_new", literal = true, fileset = "a.rte", source = "documented" } },
    installed = { "/etc/of.installp", "/etc/by.list" }, changed = { "/usr/lib/changed", "/usr/lib/gone" } }))
  lu.assertEquals(paths(files):gsub("/etc/objrepos/%S+ ?", ""),
    "/etc/by.list /etc/edited /etc/of.installp /usr/lib/changed /var/adm/unknown")
  local by_path = {}
  for _, file in ipairs(files) do by_path[file.path] = file end
  lu.assertEquals(by_path["/etc/by.list"], { path = "/etc/by.list", policy = "hold_new", fileset = "a.rte", installp = true })
  lu.assertEquals(by_path["/etc/of.installp"], { path = "/etc/of.installp", policy = "unlisted", installp = true })
end

function TestSources:test_a_link_in_the_place_of_a_file_is_not_lost()
  put("/site/resolv", "nameserver ours\n")
  put("/site/sudoers", "ours\n")
  assert(t:makedirs("/etc/ssh"))
  local links = { ["/etc/resolv.conf"] = "/site/resolv", ["/etc/odd.conf"] = "../site/odd\xff", ["/etc/same"] = "resolv.conf",
    ["/etc/vfs"] = "/site/vfs", ["/etc/by.site"] = "/site/sudoers", ["/etc/by.list"] = "/gone",
    ["/etc/ssh/dir"] = "x" }
  local names = {}
  for path, target in pairs(links) do
    names[#names + 1] = path
    assert(t:symlink(target, path))
  end
  merge.define { name = "by_site", files = { "/etc/by.site" }, run = function(_, c, n) return c .. n end }
  local sources = { rows = { { path = "/etc/by.list", policy = "hold_new", literal = true, fileset = "a.rte" } } }
  assert(saveconf.save(t, nil, assert(saveconf.candidates(t, names, sources)), sources))
  for path in pairs(links) do
    if path ~= "/etc/same" then
      assert(t:remove(path))
      put(path .. (path == "/etc/ssh/dir" and "/file" or ""), "new\n")
    end
  end
  for _ = 1, 2 do
    saveconf.keep_shipped(t, nil, names)
    assert(saveconf.restore_preserved(t))
    assert(merge.run("by_site", saveconf.context(t)))
  end
  merge.reset()
  local told = {}
  for _, decision in ipairs(assert(outcome.after_merges(t))) do
    told[#told + 1] = ("%s %s %s"):format(decision.file, decision.severity, decision.rule)
  end
  for _, path in ipairs { "/etc/resolv.conf", "/etc/same", "/etc/by.list", "/etc/by.site" } do
    lu.assertEquals(t:stat(path).target, links[path], path)
  end
  lu.assertEquals(t:read "/site/sudoers", "ours\nnew\n")
  lu.assertEquals(t:read "/site/resolv", "nameserver ours\n")
  local kept = "your link to %s is active, the new one is in /lpp/save.config/.altmig/new%s"
  lu.assertEquals(told, { "/etc/by.site note no baseline: two-way, what only the old file has is kept",
    "/etc/by.list note fileset a.rte says hold_new: " .. kept:format("/gone", "/etc/by.list"),
    "/etc/odd.conf todo no list names it: was a link to ../site/odd\xff; the new one is active",
    "/etc/resolv.conf note preserve: " .. kept:format("/site/resolv", "/etc/resolv.conf"),
    "/etc/ssh/dir todo preserve: was a link to x; the new one is active",
    "/etc/vfs todo merge: was a link to /site/vfs; the new one is active" })
end

-- Runs a method after the restore; with what everything but the save area is then, times apart.
local function merge_again(title)
  saveconf.keep_shipped(t, nil, {})
  assert(saveconf.restore_preserved(t))
  local warnings, ctx = {}, saveconf.context(t)
  ctx.warn = function(line) warnings[#warnings + 1] = line end
  return assert(merge.run(title, ctx)).status, t:digest("/", { exclude = { "/lpp" } }), table.concat(warnings, "\n")
end

local function told_of(path)
  for _, decision in ipairs(assert(outcome.after_merges(t))) do
    if decision.file == path then return decision.severity .. " " .. decision.rule end
  end
end

local vars = "/etc/secvars.cfg"

-- The site's file behind a link, and the image's file in the link's place.
local function linked(target, text, new, between)
  assert(t:makedirs "/etc")
  if text then put("/opt/site/secvars", text, 384) end
  put("/usr/lpp/bos/inst_root" .. vars, "default:\n\tfsize = 1\n")
  assert(t:symlink(target, vars))
  assert(saveconf.save(t, nil, assert(saveconf.candidates(t, { vars }))))
  if new then
    assert(t:remove(vars))
    put(vars, new, 420)
  end
  if between then between() end
end

function TestSources:test_a_method_writes_through_the_link_of_the_site()
  linked("../opt/site/secvars", "default:\n\tfsize = 1\n\nacme:\n\tlevel = 3\n", "default:\n\tfsize = 9\n")
  local status, digest = merge_again "secvarscfg_mig"
  lu.assertEquals(status, "merged")
  lu.assertEquals(t:stat(vars).target, "../opt/site/secvars")
  lu.assertEquals(t:read "/opt/site/secvars", "default:\n\tfsize = 9\n\nacme:\n\tlevel = 3\n")
  lu.assertEquals(t:stat("/opt/site/secvars").mode, 384) -- the image's has 0644
  lu.assertStrContains(t:read("/lpp/save.config" .. vars), "fsize = 1\n\nacme:")
  lu.assertNil(told_of(vars))
  local stat = t:stat "/opt/site/secvars"
  lu.assertEquals({ merge_again "secvarscfg_mig" }, { "merged", digest, "" })
  lu.assertEquals(t:stat("/opt/site/secvars").ino, stat.ino) -- nothing was written
  local shown = preview.one(t, saveconf.root, vars)
  lu.assertTrue(shown.same)
  lu.assertEquals({ shown.merged.result.added, shown.merged.result.removed }, { 1, 1 })
end

-- As a dry run plays it: the link is the client's, all that is written is the scratch tree's.
function TestSources:test_a_play_follows_the_link_too()
  linked("../opt/site/secvars", "default:\n\tfsize = 1\n\nacme:\n\tlevel = 3\n")
  local before = t:digest("/", { times = true })
  local play <close> = scratch.over(t)
  assert(saveconf.save(play, nil, assert(saveconf.candidates(play, { vars }))))
  assert(play:remove(vars))
  assert(play:write(vars, "default:\n\tfsize = 9\n"))
  saveconf.keep_shipped(play)
  assert(saveconf.restore_preserved(play))
  lu.assertEquals(assert(merge.run("secvarscfg_mig", saveconf.context(play))).status, "merged")
  lu.assertEquals(play:read(vars), "default:\n\tfsize = 9\n\nacme:\n\tlevel = 3\n")
  lu.assertEquals(play:stat(vars).target, "../opt/site/secvars")
  local list = preview.files(play, saveconf.root, require("altmig.report").new())
  lu.assertEquals({ #list, list[1].path, list[1].result.added }, { 1, vars, 1 })
  lu.assertEquals(t:digest("/", { times = true }), before)
end

function TestSources:test_a_broken_file_behind_a_link_gives_way_behind_the_link()
  linked("/opt/site/secvars", "no stanza\n", "default:\n\tfsize = 9\n")
  local status, digest, warnings = merge_again "secvarscfg_mig"
  lu.assertEquals(status, "unparsable")
  lu.assertStrContains(warnings, vars)
  lu.assertEquals(t:stat(vars).type, "link")
  lu.assertEquals(t:read "/opt/site/secvars", "default:\n\tfsize = 9\n")
  lu.assertEquals(t:stat("/opt/site/secvars").mode, 384)
  lu.assertEquals(t:read("/lpp/save.config" .. vars), "no stanza\n")
  lu.assertEquals(select(2, merge_again "secvarscfg_mig"), digest)
end

function TestSources:test_links_that_lead_to_no_file_of_the_tree_give_way()
  local outside = os.tmpname()
  for _, target in ipairs { "/gone", "secvars.cfg", "../../../../../../../../../../.." .. outside, "/opt" } do
    assert(t:makedirs "/opt")
    linked(target, nil, "default:\n\tfsize = 9\n")
    merge_again "secvarscfg_mig"
    lu.assertEquals(t:stat(vars).type, "file", target)
    lu.assertEquals(t:read(vars), "default:\n\tfsize = 9\n", target)
    lu.assertEquals(told_of(vars), ("todo merge: was a link to %s; the new one is active"):format(target))
    assert(t:remove(vars))
  end
  lu.assertEquals(sys.read_file(outside), "")
  os.remove(outside)
end

-- The old level had the link, the new one has it the other way round.
function TestSources:test_what_a_link_led_to_is_merged_though_it_is_gone()
  linked("/opt/site/secvars", "default:\n\tfsize = 1\n\nacme:\n\tlevel = 3\n", "default:\n\tfsize = 9\n", function()
    assert(t:remove "/opt/site/secvars")
    assert(t:symlink("../.." .. vars, "/opt/site/secvars"))
  end)
  local _, digest = merge_again "secvarscfg_mig"
  lu.assertFalse(t:exists(vars .. ".altmig-link"))
  lu.assertEquals(t:stat(vars).type, "file")
  lu.assertEquals(t:read(vars), "default:\n\tfsize = 9\n\nacme:\n\tlevel = 3\n")
  lu.assertStrContains(told_of(vars), "todo merge: was a link to /opt/site/secvars, which leads to no file any more")
  lu.assertEquals(select(2, merge_again "secvarscfg_mig"), digest)
end

function TestSources:test_a_link_of_both_levels_is_no_file_of_the_sites()
  linked("/opt/site/secvars", "default:\n\tfsize = 1\n")
  assert(t:remove_all "/usr/lpp") -- no pristine copy either
  lu.assertEquals((merge_again "secvarscfg_mig"), "new")
  lu.assertEquals(t:read "/opt/site/secvars", "default:\n\tfsize = 1\n")
  lu.assertEquals(t:stat(vars).type, "link")
  lu.assertEquals(preview.files(t, saveconf.root, require("altmig.report").new()), {})
  lu.assertNil(preview.one(t, saveconf.root, vars).live)
end

function TestSources:test_a_baseline_says_what_is_unlisted_and_unchanged()
  put("/etc/a", "a")
  put("/etc/b", "b")
  local sources = { baseline = { ["/etc/a"] = sys.sha256 "a", ["/etc/b"] = sys.sha256 "x" } }
  lu.assertEquals(paths(assert(saveconf.candidates(t, { "etc/a", "etc/b" }, sources))), "/etc/b")
end

function TestSources:test_two_way_keeps_what_only_the_site_has_and_three_way_knows_better()
  local function run(base)
    put("/etc/secvars.cfg", "default:\n\tfsize = 1\n\nsite:\n\tfsize = 2\n\nvendor:\n\tfsize = 3\n")
    local sources = {}
    if base then
      sources.baseline = { ["/etc/secvars.cfg"] = assert(saveconf.put_old(t, nil, "/etc/secvars.cfg",
        "default:\n\tfsize = 1\n\nvendor:\n\tfsize = 3\n\nremoved:\n\tfsize = 4\n")) }
    end
    assert(saveconf.save(t, nil, assert(saveconf.candidates(t, {}, sources)), sources))
    put("/etc/secvars.cfg", "default:\n\tfsize = 9\n\nremoved:\n\tfsize = 4\n")
    saveconf.keep_shipped(t)
    local seen = {}
    local ctx = saveconf.context(t)
    ctx.report = function(decision) seen[#seen + 1] = ("%s %s"):format(decision.key, decision.chosen) end
    assert(merge.run("secvarscfg_mig", ctx))
    return assert(t:read("/etc/secvars.cfg")), table.concat(seen, "\n"), assert(outcome.after_merges(t))
  end
  local text, seen, told = run(false)
  lu.assertStrContains(text, "fsize = 1") -- whose it is, nobody knows: the site's stays
  lu.assertStrContains(text, "\nvendor:")
  lu.assertStrContains(text, "\nremoved:") -- a removal cannot be seen
  lu.assertStrContains(seen, "vendor C")
  lu.assertStrContains(seen, "site C")
  lu.assertEquals({ #told, told[1].file, told[1].severity }, { 1, "/etc/secvars.cfg", "note" })
  lu.assertStrContains(told[1].rule, "no baseline: two-way")
  text, _, told = run(true)
  lu.assertStrContains(text, "fsize = 9")
  lu.assertNil(text:find("\nvendor:"))
  lu.assertNil(text:find("\nremoved:"))
  lu.assertStrContains(text, "\nsite:")
  lu.assertEquals(told, {})
end

TestOutcome = { setUp = TestInventory.setUp, tearDown = TestInventory.tearDown }

local rows = {}
for path, how in pairs { ["/etc/held"] = "hold_new", ["/etc/mine"] = "merge", ["/etc/theirs"] = "user_merge", ["/etc/gone"] = "new",
  ["/etc/kept"] = "preserve", ["/etc/same"] = "hold_new", ["/etc/merged.unchanged"] = "merge", ["/etc/user.unchanged"] = "user_merge" } do
  rows[#rows + 1] = { path = path, policy = how, literal = true, fileset = "a.rte", source = "documented" }
end

local function by_file(decisions)
  local map = {}
  for _, d in ipairs(decisions) do map[d.file] = d.severity .. " " .. d.chosen .. ": " .. d.rule end
  return map
end

function TestOutcome:test_every_policy_ends_as_it_says()
  local names = { "./etc/stray" }
  for _, row in ipairs(rows) do put(row.path, "site", 416) end
  put("/etc/stray", "site")
  for _, path in ipairs { "/etc/merged.unchanged", "/etc/user.unchanged" } do put("/usr/lpp/p/inst_root" .. path, "site") end
  assert(saveconf.save(t, nil, assert(saveconf.candidates(t, names, { rows = rows })), {}))
  for _, row in ipairs(rows) do
    if row.path ~= "/etc/same" then put(row.path, "new") end
  end
  put("/etc/stray", "new")
  saveconf.keep_shipped(t)
  assert(saveconf.restore_preserved(t))
  local live = {}
  for _, path in ipairs { "/etc/held", "/etc/mine", "/etc/theirs", "/etc/gone", "/etc/kept", "/etc/same", "/etc/merged.unchanged",
    "/etc/user.unchanged", "/etc/stray" } do
    live[path] = assert(t:read(path))
    lu.assertEquals(assert(t:read("/lpp/save.config" .. path)), "site")
  end
  lu.assertEquals(live, { ["/etc/held"] = "site", ["/etc/mine"] = "site", ["/etc/theirs"] = "new", ["/etc/gone"] = "new",
    ["/etc/kept"] = "site", ["/etc/same"] = "site", ["/etc/merged.unchanged"] = "new", ["/etc/user.unchanged"] = "new",
    ["/etc/stray"] = "new" })
  local function new_at(path) return "/lpp/save.config/.altmig/new" .. path end
  lu.assertEquals(by_file(assert(outcome.after_merges(t))), {
    ["/etc/held"] = "note C: fileset a.rte says hold_new: yours is active, the new one is in " .. new_at "/etc/held",
    ["/etc/mine"] = "todo C: fileset a.rte says merge and nothing here merges it: yours is active, the new one is in "
      .. new_at "/etc/mine",
    ["/etc/theirs"] = "todo N: fileset a.rte says user_merge: the new one is active, yours is in /lpp/save.config/etc/theirs",
    ["/etc/gone"] = "note N: fileset a.rte says new: the new one is active, yours is in /lpp/save.config/etc/gone",
    ["/etc/kept"] = "note C: fileset a.rte says preserve: yours is active, the new one is in " .. new_at "/etc/kept",
    ["/etc/merged.unchanged"] = "note N: fileset a.rte says merge: the new one is active; the site had not changed it",
    ["/etc/user.unchanged"] = "note N: fileset a.rte says user_merge: the new one is active; the site had not changed it",
    ["/etc/stray"] = "todo N: no list names it: the new one is active, yours is in /lpp/save.config/etc/stray" })
end

function TestOutcome:test_what_installp_did_and_that_nothing_is_lost()
  local list, installed = {}, {}
  for _, name in ipairs { "quiet", "user", "hold", "lost", "unlisted", "removed" } do
    local path = "/etc/" .. name
    put(path, "site " .. name, 384)
    installed[#installed + 1] = path
    if name ~= "unlisted" then
      list[#list + 1] = { path = path, policy = "user_merge", literal = true, fileset = "a.rte", source = "documented" }
    end
  end
  lu.assertEquals(assert(outcome.after_installp) ~= nil, true)
  assert(saveconf.save(t, nil, assert(saveconf.candidates(t, {}, { rows = list, installed = installed })), {}))
  saveconf.keep_shipped(t)
  assert(saveconf.restore_preserved(t))
  lu.assertEquals(assert(outcome.after_merges(t)), {})
  put("/etc/user", "new")
  put("/lpp/save.config/etc/hold", "new") -- installp keeps the new one there
  put("/etc/lost", "new")
  put("/lpp/save.config/etc/lost", "something else")
  put("/etc/unlisted", "new")
  assert(t:remove "/etc/removed")
  assert(t:remove "/lpp/save.config/etc/removed")
  lu.assertEquals(by_file(assert(outcome.after_installp(t))), {
    ["/etc/user"] = "todo N: installp, fileset a.rte (user_merge): another one is active than before, yours is in "
      .. "/lpp/save.config/etc/user",
    ["/etc/hold"] = "note C: fileset a.rte (user_merge): yours is active, the new one is in /lpp/save.config/etc/hold",
    ["/etc/lost"] = "todo N: installp, fileset a.rte (user_merge): another one is active than before, yours is in "
      .. "/lpp/save.config/.altmig/site/etc/lost",
    ["/etc/unlisted"] = "todo N: installp, its fileset: another one is active than before, yours is in "
      .. "/lpp/save.config/etc/unlisted",
    ["/etc/removed"] = "todo N: installp, fileset a.rte (user_merge): another one is active than before, yours is in "
      .. "/lpp/save.config/.altmig/site/etc/removed" })
  lu.assertEquals(t:stat("/lpp/save.config/.altmig/site/etc/lost").mode, 384)
end

-- What phase 6 brings of files that altmig merges itself: installp does with them what their fileset says, each in
-- another way, and N is where it left it.
function TestOutcome:test_what_installp_brought_is_merged_afterwards()
  local tcpip, nfs, inetd = "/etc/rc.tcpip", "/etc/rc.nfs", "/etc/inetd.conf"
  local texts = { [tcpip] = "start /usr/sbin/syslogd\nstart /usr/lib/sendmail\n", [nfs] = "startsrc -s biod\nstartsrc -s nfsd\n",
    [inetd] = "ftp stream tcp nowait root /usr/sbin/ftpd ftpd\n" }
  local installed = { tcpip, nfs, inetd }
  for path, text in pairs(texts) do
    put("/usr/lpp/p/inst_root" .. path, text)
    put(path, text:gsub("start /usr/lib/sendmail", "#%0"):gsub("startsrc %-s nfsd", "#%0"):gsub("ftp stream", "#%0"), 488)
  end
  assert(saveconf.save(t, nil, assert(saveconf.candidates(t, {}, { installed = installed })), {}))
  saveconf.keep_shipped(t, nil, {}, {})
  assert(saveconf.restore_preserved(t))
  for _, title in ipairs { "rc_mig", "inetd_mig" } do assert(merge.run(title, saveconf.context(t))) end
  lu.assertEquals(assert(outcome.after_merges(t)), {})
  -- user_merge: the new one is active; hold_new: it is in the save area; preserve: in the pristine root part alone.
  put(tcpip, texts[tcpip] .. "start /usr/sbin/new\n", 420)
  put("/lpp/save.config" .. nfs, texts[nfs] .. "startsrc -s new\n")
  put("/usr/lpp/p/inst_root" .. inetd, texts[inetd] .. "new stream tcp nowait root /usr/sbin/new new\n")
  local want = { [tcpip] = "start /usr/sbin/syslogd\n#start /usr/lib/sendmail\nstart /usr/sbin/new\n",
    [nfs] = "startsrc -s biod\n#startsrc -s nfsd\nstartsrc -s new\n",
    [inetd] = "#ftp stream tcp nowait root /usr/sbin/ftpd ftpd\nnew stream tcp nowait root /usr/sbin/new new\n" }
  for round = 1, 3 do
    for _, title in ipairs { "rc_mig", "inetd_mig" } do
      lu.assertEquals(#assert(saveconf.keep_installed(t, nil, merge.method(title).files)), title == "rc_mig" and 2 or 1)
      assert(merge.run(title, saveconf.context(t)))
    end
    for path, text in pairs(want) do lu.assertEquals(t:read(path), text, round) end
    if round == 2 then put(tcpip, "killed in between", 420) end -- what is merged again is what installp brought
  end
  lu.assertEquals(t:stat(tcpip).mode, 420 & 488)
  lu.assertEquals(assert(outcome.after_installp(t)), {})
end

-- Host keys are not a level's: whatever a fileset does with them, those of the site are active.
function TestOutcome:test_what_no_fileset_may_replace()
  local installed, key, config = { "/etc/ssh/ssh_host_rsa_key", "/etc/ssh/sshd_config", "/etc/ntp.conf" }, "/etc/ssh/ssh_host_rsa_key",
    "/etc/ssh/sshd_config"
  for _, path in ipairs(installed) do put(path, "site " .. path, 384) end
  assert(saveconf.save(t, nil, assert(saveconf.candidates(t, {}, { installed = installed })), {}))
  saveconf.keep_shipped(t)
  assert(saveconf.restore_preserved(t))
  assert(outcome.after_merges(t))
  assert(t:remove(key))
  put(config, "new")
  put("/etc/ntp.conf", "new")
  put("/lpp/save.config" .. config, "installp's own")
  lu.assertEquals(saveconf.put_back_again(t), { key, config })
  lu.assertEquals({ t:read(key), t:read(config), t:stat(key).mode }, { "site " .. key, "site " .. config, 384 })
  lu.assertEquals(saveconf.put_back_again(t), {})
  lu.assertEquals(by_file(assert(outcome.after_installp(t)))["/etc/ntp.conf"]:match("^todo N"), "todo N")
end

-- A link that chooses among programs is the new level's afterwards, and where it led is told once installp is done.
function TestOutcome:test_links_that_choose_a_program_are_told()
  for _, at in ipairs { "/usr/lib", "/usr/sbin" } do assert(t:makedirs(at)) end
  assert(t:symlink("/usr/sbin/sendmail_ssl", "/usr/lib/sendmail"))
  assert(t:symlink("/usr/sbin/ntp3/xntpd", "/usr/sbin/xntpd"))
  put("/usr/sbin/named", "a program")
  assert(saveconf.save(t, nil, assert(saveconf.candidates(t, {})), {}))
  saveconf.keep_shipped(t, nil, {}, {})
  assert(saveconf.restore_preserved(t))
  lu.assertEquals(assert(outcome.after_merges(t)), {})
  lu.assertEquals(outcome.after_installp(t), {})
  assert(t:remove "/usr/lib/sendmail")
  assert(t:symlink("/usr/sbin/sendmail", "/usr/lib/sendmail"))
  lu.assertEquals(by_file(outcome.after_installp(t)), { ["/usr/lib/sendmail"] = "todo N: it led to /usr/sbin/sendmail_ssl, and the new "
    .. "level has it lead to /usr/sbin/sendmail: ln -fs /usr/sbin/sendmail_ssl /usr/lib/sendmail if that is still the one to run" })
  assert(t:remove "/usr/sbin/xntpd")
  lu.assertStrContains(by_file(outcome.after_installp(t))["/usr/sbin/xntpd"], "the new level has nothing there")
end

-- What the fileset says, what it ships, and what is active in the end: whether installp and its scripts did as it says.
function TestOutcome:test_installp_is_held_against_what_the_fileset_says()
  local policies = { kept = "preserve", forgot = "preserve", changed = "hold_new", script = "merge", lazy = "merge", raw = "merge",
    asked = "user_merge", odd = "user_merge", quiet = "preserve" }
  local list, installed = {}, {}
  for name, keyword in pairs(policies) do
    local path = "/etc/" .. name
    put(path, "site " .. name)
    installed[#installed + 1] = path
    list[#list + 1] = { path = path, policy = keyword, literal = true, fileset = "a.rte", source = "documented" }
  end
  assert(saveconf.save(t, nil, assert(saveconf.candidates(t, {}, { rows = list, installed = installed })), {}))
  saveconf.keep_shipped(t)
  assert(saveconf.restore_preserved(t))
  assert(outcome.after_merges(t))
  for name in pairs(policies) do put("/usr/lpp/a/inst_root/etc/" .. name, "new") end
  put("/etc/forgot", "new")
  put("/etc/changed", "something else")
  put("/etc/script", "new and the site's")
  put("/etc/raw", "new")
  put("/etc/asked", "new")
  put("/etc/odd", "what a script made")
  local by, saved = "installp, fileset a.rte (%s): another one is active than before, ", "yours is in /lpp/save.config/etc/"
  lu.assertEquals(by_file(assert(outcome.after_installp(t))), {
    ["/etc/forgot"] = "conflict N: " .. by:format "preserve" .. saved .. "forgot",
    ["/etc/changed"] = "conflict none: " .. by:format "hold_new" .. "neither yours nor the one that was shipped; " .. saved .. "changed",
    ["/etc/script"] = "note merged: fileset a.rte (merge): merged by the fileset's own script, " .. saved .. "script",
    ["/etc/lazy"] = "note C: fileset a.rte (merge): yours is active; the fileset's own script merged nothing into it",
    ["/etc/raw"] = "todo N: " .. by:format "merge" .. saved .. "raw",
    ["/etc/asked"] = "todo N: " .. by:format "user_merge" .. saved .. "asked",
    ["/etc/odd"] = "todo none: " .. by:format "user_merge" .. "neither yours nor the one that was shipped; " .. saved .. "odd" })
end

function TestOutcome:test_before_anything_was_saved()
  for _, fn in ipairs { outcome.after_merges, outcome.after_installp } do
    local ok, e = pcall(fn, t)
    lu.assertEquals({ ok, e.code }, { false, "SAVE_MISSING" })
  end
end
