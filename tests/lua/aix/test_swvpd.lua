-- SPDX-License-Identifier: MIT
local lu = require "luaunit"
local aix = require "altmig.aix.output"
local odm = require "altmig.odm"
local requisite = require "altmig.aix.requisite"
local case = require "swvpd_case"
local swvpd = require "altmig.swvpd"
local sys = require "altmig.sys"
local tree = require "altmig.tree"

local dir

local function with_level(row, level)
  local n = swvpd.parse_level(level)
  row.ver, row.rel, row.mod, row.fix = n[1], n[2], n[3], n[4]
  return row
end

local function repository(part, rows) case.repository(dir, part, rows) end

local function lpp(id, name, level, more)
  local row = with_level({ name = name, lpp_id = id, state = 5, cp_flag = 0x111, description = name .. " text" }, level)
  for field, value in pairs(more or {}) do row[field] = value end
  return { "lpp", row }
end

local function product(name, level, package, more)
  local row = with_level({ lpp_name = name, name = package }, level)
  for field, value in pairs(more or {}) do row[field] = value end
  return { "product", row }
end

local function event(id, level, time) return { "history", with_level({ lpp_id = id, event = 1, state = 1, time = time }, level) } end
local function file(id, path, kind) return { "inventory", { lpp_id = id, loc0 = path, file_type = kind or 0, size = 7 } } end

TestSwvpd = {}

function TestSwvpd:setUp()
  dir = os.tmpname()
  os.remove(dir)
  repository("usr", {
    { "lpp", { name = swvpd.CONTROL, lpp_id = 4 } },
    lpp(1, "bos.rte", "7.1.5.30", { cp_flag = 0x123 }), lpp(2, "acme.rte", "3.4.0.2", { state = 3 }),
    lpp(3, "odd.rte", "1.0.0.0", { state = 9 }),
    product("bos.rte", "7.1.0.0", "bos"),
    product("bos.rte", "7.1.5.30", "bos", { update = 1, sceded_by = "1846", ptf = "U876543" }),
    product("acme.rte", "3.4.0.2", "acme", { prereq = "*prereq bos.rte 7.1.0.0\n" }),
    event(1, "7.1.0.0", 1300000000), event(1, "7.1.5.30", 1541980800), event(2, "3.4.0.2", 1400000000),
    file(1, "/usr/bin/ls"), file(1, "/usr", 1), file(2, "/usr", 1), file(2, "/opt/acme/it's"), file(77, "/usr/lost"),
    file(2, "/usr/bin/acme", 2),
  })
  -- The numbers of another repository are its own.
  repository("root", { lpp(2, "bos.rte", "7.1.5.30", { cp_flag = 0x123 }), file(2, "/etc/rc"), event(2, "7.1.0.0", 1300000001) })
  self.db = swvpd.open(dir)
end

function TestSwvpd:tearDown() os.execute("rm -rf '" .. dir .. "'") end

function TestSwvpd:test_filesets_with_level_state_and_parts()
  local all = assert(self.db:filesets())
  lu.assertNil(all[swvpd.CONTROL])
  local bos = all["bos.rte"]
  lu.assertEquals({ bos.level, bos.state_name, bos.package, bos.ptf, bos.date, bos.update, bos.has_root, bos.part },
    { "7.1.5.30", "COMMITTED", "bos", "U876543", "1846", true, true, "usr" })
  lu.assertEquals(bos.levels, { usr = "7.1.5.30", root = "7.1.5.30" })
  lu.assertEquals(all["acme.rte"].state_name, "APPLIED")
  lu.assertEquals(all["odd.rte"].state_name, "?")
  lu.assertEquals(all["odd.rte"].package, "odd.rte", "without a product record")
  lu.assertFalse(bos.inconsistent)
  local some = self.db:filesets("*.r?e")
  lu.assertNotNil(some["acme.rte"])
  lu.assertNil(self.db:filesets("acme")["acme.rte"])
  lu.assertEquals({ self.db:fileset("none") }, {})
end

function TestSwvpd:test_parts_that_differ_are_inconsistent()
  local store <close> = assert(odm.open(dir, "/etc/objrepos"))
  assert(store:change("lpp", "name = bos.rte", { fix = 31 }))
  assert(store:commit())
  lu.assertTrue(swvpd.open(dir):fileset("bos.rte").inconsistent)
  assert(store:delete("lpp", "name = bos.rte"))
  assert(store:commit())
  lu.assertTrue(swvpd.open(dir):fileset("bos.rte").inconsistent, "a root part must be there")
end

function TestSwvpd:test_numbers_mean_something_in_one_part_alone()
  local paths = {}
  for i, f in ipairs(assert(self.db:files("bos.rte"))) do paths[i] = f.part .. " " .. f.type .. " " .. f.path end
  lu.assertEquals(paths, { "usr file /usr/bin/ls", "usr dir /usr", "root file /etc/rc" })
  local times = {}
  for i, e in ipairs(assert(self.db:history("bos.rte"))) do times[i] = e.part .. " " .. e.level .. " " .. e.time end
  lu.assertEquals(times, { "usr 7.1.0.0 1300000000", "usr 7.1.5.30 1541980800", "root 7.1.0.0 1300000001" })
  lu.assertEquals(#self.db:history(), 4)
  lu.assertEquals(self.db:files("none"), {})
end

function TestSwvpd:test_owners()
  lu.assertEquals(self.db:owner("/etc/rc"), "bos.rte")
  lu.assertEquals(self.db:owner("/opt/acme/it's"), "acme.rte")
  lu.assertEquals({ self.db:owner("/nowhere") }, {})
  lu.assertEquals(self.db:owner("/usr/lost"), "?")
  lu.assertEquals(#self.db:owners("/usr"), 2)
  lu.assertEquals(self.db:owners("/usr/bin/acme")[1].type, "link")
  lu.assertEquals(#self.db:owners("'\""), 0)
end

function TestSwvpd:test_requisites()
  local items = assert(self.db:requisites("acme.rte"))
  lu.assertEquals(items, { { kind = "prereq", name = "bos.rte", level = "7.1.0.0", text = "*prereq bos.rte 7.1.0.0" } })
  local all = self.db:filesets()
  lu.assertTrue(requisite.holds(items[1], function(name) return all[name] and all[name].level end))
  lu.assertEquals({ self.db:requisites("none") }, {})
end

function TestSwvpd:test_in_a_tree()
  local t <close> = assert(tree.at(dir))
  lu.assertEquals(swvpd.open(t):fileset("acme.rte").level, "3.4.0.2")
end

function TestSwvpd:test_what_is_missing_is_said()
  local _, message, code = swvpd.open(dir .. "/none"):filesets()
  lu.assertEquals(code, "ENOENT")
  lu.assertStrContains(message, "/usr/lib/objrepos")
  lu.assertErrorMsgContains("usr, root or share", self.db.store, self.db, "lib")
  os.remove(dir .. "/usr/lib/objrepos/product")
  lu.assertEquals(select(3, swvpd.open(dir):filesets()), "ODM_CLASS")
  assert(sys.write_file(dir .. "/etc/objrepos/lpp", "damaged"))
  lu.assertEquals(select(3, swvpd.open(dir):part("root")), "ODM_FORMAT")
end

function TestSwvpd:test_a_class_of_another_form_is_refused()
  local store <close> = assert(odm.open(dir, "/usr/lib/objrepos"))
  for _, name in ipairs { "inventory", "inventory.vc" } do os.remove(dir .. "/usr/lib/objrepos/" .. name) end
  assert(store:create("inventory", { { name = "lpp_id", type = "short" }, { name = "path", type = "vchar", size = 9 } }))
  assert(store:add("inventory", { lpp_id = 1, path = "/x" }))
  assert(store:commit())
  local _, message, code = swvpd.open(dir):files("bos.rte")
  lu.assertEquals(code, "ODM_DESCRIPTOR")
  lu.assertStrContains(message, "/usr/lib/objrepos/inventory: no descriptor 'file_type'")
end

function TestSwvpd:test_lslpp_L_is_read_back()
  local text, missing = self.db:lslpp("-Lqc", { "*.rte", "gone", "all" })
  lu.assertEquals(missing, { "gone" })
  lu.assertStrContains(text, "bos:bos.rte:7.1.5.30: :U876543:C:F:bos.rte text: : : : : : :0:0:/:1846\n")
  lu.assertStrContains(text, "odd.rte:odd.rte:1.0.0.0: : :?: :odd.rte text: : : : : : :0:0:/: \n")
  local read = aix.lslpp_Lqc(text)
  for name, row in pairs(self.db:filesets()) do
    lu.assertEquals({ read[name].package, read[name].level, read[name].ptf, read[name].date, read[name].description },
      { row.package, row.level, row.ptf, row.date, row.description })
  end
  lu.assertEquals(self.db:lslpp("-Lqc", { "gone" }), "")
  lu.assertStrContains(self.db:lslpp("-L"), "  bos.rte                      7.1.5.30    C     F    bos.rte text\n")
end

function TestSwvpd:test_lslpp_l_is_read_back()
  local text = self.db:lslpp("lc", { "bos.rte", "acme.rte" })
  lu.assertStrMatches(text, "#Fileset:Level:.*")
  local rows = aix.lslpp_lqc(text)
  lu.assertEquals(#rows, 3)
  lu.assertEquals(rows[1], { path = "/usr/lib/objrepos", fileset = "acme.rte", level = "3.4.0.2", ptf = "", state = "APPLIED",
    type = "I", description = "acme.rte text", efix_locked = false })
  lu.assertEquals(rows[3].path, "/etc/objrepos")
end

function TestSwvpd:test_lslpp_files_history_and_owners()
  lu.assertEquals(self.db:lslpp("-fqc", { "bos.rte" }), "/usr/lib/objrepos:bos.rte 7.1.5.30:/usr/bin/ls\n"
    .. "/usr/lib/objrepos:bos.rte 7.1.5.30:/usr\n/etc/objrepos:bos.rte 7.1.5.30:/etc/rc\n")
  lu.assertStrContains(self.db:lslpp("-hqc", { "acme.rte" }),
    "/usr/lib/objrepos:acme.rte:3.4.0.2::COMMIT:COMPLETE:05/13/14:16;53;20\n")
  lu.assertEquals(self.db:lslpp("-wqc", { "/usr/bin/*" }), "/usr/bin/ls:bos.rte:File\n/usr/bin/acme:acme.rte:Symlink\n")
  lu.assertStrContains(self.db:lslpp("-h", { "acme.rte" }), "COMMIT       COMPLETE     05/13/14     16:53:20")
  local _, message, code = self.db:lslpp("-Lz")
  lu.assertEquals(code, "UNSUPPORTED")
  lu.assertStrContains(message, "-Lz")
end

TestRequisite = {}

function TestRequisite:test_nested_groups_on_lines_or_in_one()
  local text = ">0 {\n>1 {\n*prereq bos.rte v<6\n*prereq Java14.sdk 1.4.2.150\n}\n"
    .. ">1 {*prereq bos.rte 6.1.0.0\n*prereq Java5.sdk 5.0.0.100}\n}\n*coreq last\t1.0.0.0\n"
  local items = requisite.parse(text)
  lu.assertEquals(#items, 2)
  lu.assertEquals({ items[1].more, #items[1].items, items[1].items[2].items[2].name }, { 0, 2, "Java5.sdk" })
  lu.assertEquals(items[2], { kind = "coreq", name = "last", level = "1.0.0.0", text = "*coreq last\t1.0.0.0" })
  local function holds(levels) return requisite.holds(items[1], function(name) return levels[name] end) end
  lu.assertTrue(holds { ["bos.rte"] = "5.3.0.0", ["Java14.sdk"] = "1.4.2.150" })
  lu.assertFalse(holds { ["bos.rte"] = "6.1.0.0", ["Java14.sdk"] = "1.4.2.150" })
  lu.assertTrue(holds { ["bos.rte"] = "7.1.0.0", ["Java5.sdk"] = "5.0.0.100" })
  local names = {}
  requisite.each(items, function(item) names[#names + 1] = item.name end)
  lu.assertEquals(table.concat(names, " "), "bos.rte Java14.sdk bos.rte Java5.sdk last")
end

function TestRequisite:test_odd_text_ends()
  lu.assertEquals(requisite.parse("bos.rte 7.1.0.0\n}\n*prereq\n  \n"), {})
  lu.assertEquals(#requisite.parse((">0 {"):rep(5000)), 1)
  lu.assertEquals(requisite.parse("*ifreq a(5.1.0.0) 5.1.0.10"),
    { { kind = "ifreq", name = "a", installed = "5.1.0.0", level = "5.1.0.10", text = "*ifreq a(5.1.0.0) 5.1.0.10" } })
end

TestLslppSamples = {}

local function sample(name)
  local text = sys.read_file(SHARED_DIR .. "/samples/" .. name)
  if not text then lu.skip("no sample " .. name .. " here") end
  return text
end

function TestLslppSamples:test_L_of_real_systems()
  local text = sample "ohai-lslpp-Lqc.txt"
  local read, count = aix.lslpp_Lqc(text), 0
  for _, row in pairs(read) do
    count = count + 1
    if row.type ~= "R" then lu.assertStrMatches(row.date, "%d*") end
  end
  lu.assertEquals(read["wget-1.9.1-3"].date, "Wed Nov 5 01:37:09 MST 2014")
  lu.assertEquals(count, select(2, text:gsub("[^\n]+", "")))
  lu.assertEquals(read["bos.sysmgt.smit"], { package = "bos.sysmgt", fileset = "bos.sysmgt.smit", level = "7.1.1.15", ptf = "",
    state = "C", type = "F", description = "System Management Interface Tool (SMIT)", efix_locked = false, date = "1216" })
  lu.assertTrue(read["bos.sysmgt.trace"].efix_locked)
end

function TestLslppSamples:test_l_of_real_systems()
  for _, name in ipairs { "4.3.1", "5.3a", "5.3c", "6.1b" } do
    local text = sample("cmdout/fusion-lslpp-aix-" .. name)
    local rows = aix.lslpp_lqc(text)
    lu.assertEquals(#rows, select(2, text:gsub("\n/", "")))
    for _, row in ipairs(rows) do lu.assertStrMatches(row.type, "[IFR ]") end
  end
end

function TestLslppSamples:test_colons_in_descriptions()
  local row = aix.lslpp_Lqc("p:f:1.0.0.0: : :C: :a: b: c: : : : : : :0:0:/:1216\n").f
  lu.assertEquals({ row.description, row.date }, { "a: b: c", "1216" })
  lu.assertEquals(aix.lslpp_lqc("/etc/objrepos:f:1.0.0.0::COMMITTED:I:a: b:EFIXLOCKED\n")[1].description, "a: b")
  lu.assertTrue(aix.lslpp_lqc("/etc/objrepos:f:1.0.0.0::COMMITTED:I:a: b:EFIXLOCKED\n")[1].efix_locked)
  lu.assertEquals(aix.lslpp_lqc("/etc/objrepos:f:1.0.0.0::COMMITTED:I:a: b\n")[1].description, "a: b")
end
