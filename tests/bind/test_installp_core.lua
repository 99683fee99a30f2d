-- SPDX-License-Identifier: MIT
local lu = require "luaunit"
local core = require "altmig.installp_core"

local text = [[
4 R S acme.suite {
acme.suite.rte 02.01.0003.0001 01 b B en_US The suite # 2318
[
*prereq bos.rte 7.1.0.0
>0 {
*coreq acme.suite.data v=2 r>0
*ifreq acme.old (1.0.0.0) 1.0.0.5
}
%
/usr/lpp/acme 40
/etc/acme
INSTWORK 48 16
%
acme.suite.rte 2.1.2.0
%
%
IX50489 325 The first
%
]
}
]]

TestInstallpCore = {}

function TestInstallpCore:test_an_lpp_name()
  local lpp = assert(core.lpp(text))
  lu.assertEquals({ lpp.platform, lpp.type, lpp.package, #lpp.filesets }, { "R", "S", "acme.suite", 1 })
  local f = lpp.filesets[1]
  lu.assertEquals(f.requisites:match("[^\n]+"), "*prereq bos.rte 7.1.0.0")
  f.requisites = nil
  lu.assertEquals(f, { name = "acme.suite.rte", level = "2.1.3.1", bosboot = "b", content = "B", language = "en_US",
    description = "The suite", comments = "2318", line = 2,
    sizes = { { path = "/usr/lpp/acme", blocks = 40, temporary = 0 }, { path = "/etc/acme", temporary = 0 },
      { path = "INSTWORK", blocks = 48, temporary = 16 } },
    supersedes = { { name = "acme.suite.rte", level = "2.1.2.0" } }, fixes = { { id = "IX50489", abstract = "The first" } } })
end

function TestInstallpCore:test_what_is_no_lpp_name_has_a_code()
  local got, message, code = core.lpp("4 R I a {\n", "a.bff")
  lu.assertNil(got)
  lu.assertEquals({ message, code }, { "lpp_name: a.bff: line 1: ends before its last brace", "LPP_NAME" })
  lu.assertEquals(select(3, core.lpp("\0")), "LPP_NAME")
end

function TestInstallpCore:test_items_of_requisites()
  lu.assertEquals(core.requisites("*prereq a v=4 r>4\n>1 {*coreq b 1.2.3.4\n}\n"), {
    { kind = "prereq", name = "a", text = "*prereq a v=4 r>4",
      bounds = { { letter = "v", operator = "=", number = 4 }, { letter = "r", operator = ">", number = 4 } } },
    { kind = "group", more = 1, text = ">1 {*coreq b 1.2.3.4\n}",
      items = { { kind = "coreq", name = "b", level = "1.2.3.4", text = "*coreq b 1.2.3.4" } } } })
  lu.assertEquals(core.requisites(""), {})
end

function TestInstallpCore:test_what_is_unmet()
  local requisites = "*prereq a 2.0.0.0\n*ifreq b 1.0.0.0\n>0 {\n*prereq c\n*prereq d\n}\n"
  lu.assertEquals(core.unmet(requisites, {}), { "*prereq a 2.0.0.0", ">0 {\n*prereq c\n*prereq d\n}" })
  lu.assertEquals(core.unmet(requisites, { a = "2.0.0.0", d = "1.0.0.0" }), {})
  lu.assertEquals(core.unmet(requisites, { a = "1.9.9.9", b = "0.9.0.0", c = "0.0.0.1" }), { "*prereq a 2.0.0.0", "*ifreq b 1.0.0.0" })
  lu.assertEquals(core.unmet("*prereq a\n", { a = "no level" }), { "*prereq a" })
end

function TestInstallpCore:test_the_order()
  local function order(installed, ...)
    local list, names = { ... }, {}
    for i, number in ipairs(assert(core.order(list, installed))) do names[i] = list[number].name .. list[number].level:sub(1, 1) end
    return table.concat(names, " ")
  end
  local a = { name = "a", level = "1.0.0.0", requisites = "*prereq c 2.0.0.0\n" }
  local b = { name = "b", level = "1.0.0.0" }
  local c, d = { name = "c", level = "2.0.0.0" }, { name = "c", level = "1.0.0.0" }
  lu.assertEquals(order({}, a, b, c, d), "b1 c1 c2 a1")
  lu.assertEquals(order({}, d, c, b, a), "b1 c1 c2 a1")
  lu.assertEquals(order({ c = "2.0.0.0" }, a, b, c, d), "a1 b1 c1 c2")
  lu.assertEquals(order({}, a, b), "a1 b1", "nobody brings what it asks for")
  local e = { name = "e", level = "1.0.0.0", requisites = "*prereq f\n" }
  local f = { name = "f", level = "1.0.0.0", requisites = "*prereq e\n" }
  lu.assertEquals(order({}, f, e, b), "b1 e1 f1", "a circle, in the order of names")
  lu.assertEquals(core.order({}, {}), {})
end

function TestInstallpCore:test_a_plan()
  local images = { { name = "a", level = "2.0.0.5", update = true, requisites = ">0 {\n*prereq none\n*prereq b 2.0.0.0\n}\n" },
    { name = "a", level = "2.0.0.0" }, { name = "b", level = "2.0.0.0" }, { name = "c", level = "1.0.0.0", requisites = "*coreq none" } }
  local plan = assert(core.plan(images, { { name = "a", level = "1.0.0.0" } }, { { name = "a" }, { name = "c" } }))
  lu.assertEquals(plan.order, { 2, 3, 1 })
  lu.assertEquals(plan.verdicts, { { fate = "taken" }, { fate = "taken" },
    { fate = "taken", by = 1, why = ">0 {\n*prereq none\n*prereq b 2.0.0.0\n}" }, { fate = "unmet", why = "*coreq none", needs = "none" } })
  lu.assertEquals(core.plan(images, {}, { { name = "a", level = "2.0.0.0" } }).order, { 2 })
  lu.assertEquals(core.plan({}, {}, {}), { verdicts = {}, order = {} })
  local levels = { { name = "b", level = "1.0.0.0" }, { name = "b", level = "2.0.0.0" } }
  for i = 1, 100 do levels[i + 2] = { name = "a", level = i .. ".0.0.0", requisites = "*prereq b v<2" } end
  local none, message, code = core.plan(levels, {}, { { name = "a" }, { name = "b" } })
  lu.assertNil(none)
  lu.assertEquals(code, "PLAN_CONFLICT")
  lu.assertStrContains(message, "contradict each other")
end

function TestInstallpCore:test_an_inventory()
  local stanzas = "/a:\n\ttype = FILE\n\tsize = 3\n\tchecksum = \"12 1 \"\n\tclass = apply,a.rte\n/b:\n\ttype = LINK\n\ttarget = /a\n"
    .. "/c:\n\ttype = FILE\n\tsize = VOLATILE\n\tmode = 600\n\towner = root\n\tgroup = system\n"
  lu.assertEquals(core.inventory(stanzas), { { path = "/a", type = "FILE", size = 3, sum = 12, blocks = 1, class = "apply,a.rte" },
    { path = "/b", type = "LINK", target = "/a" }, { path = "/c", type = "FILE", volatile = true, mode = "600", owner = "root",
      group = "system" } })
  lu.assertEquals({ core.inventory_size(stanzas) }, { 3, 3 })
  lu.assertEquals({ core.inventory("") }, { {} })
  for _, read in ipairs { core.inventory, core.inventory_size } do
    local none, message, code = read("/a:\n", "x.inventory")
    lu.assertEquals({ none, code }, { nil, "INVENTORY" })
    lu.assertStrContains(message, "x.inventory: line 1: no type")
  end
  -- Sizes that are not true add up to no negative number.
  local huge = ("/a:\n\ttype = FILE\n\tsize = 900000000000000000\n"):rep(20)
  lu.assertTrue(select(2, core.inventory_size(huge)) > 0)
end

function TestInstallpCore:test_misuse_raises()
  lu.assertErrorMsgContains("field 'name'", core.plan, { {} }, {}, {})
  lu.assertErrorMsgContains("no level", core.plan, { { name = "a", level = "x" } }, {}, {})
  lu.assertErrorMsgContains("no level", core.plan, {}, { { name = "a", level = "x" } }, {})
  lu.assertErrorMsgContains("table expected", core.plan, {}, {}, { 1 })
  lu.assertErrorMsgContains("table expected", core.plan, {}, {})
  lu.assertErrorMsgContains("string expected", core.lpp, {})
  lu.assertErrorMsgContains("table expected", core.unmet, "", nil)
  lu.assertErrorMsgContains("names and levels", core.unmet, "", { a = 1 })
  lu.assertErrorMsgContains("field 'name'", core.order, { {} }, {})
  lu.assertErrorMsgContains("no level", core.order, { { name = "a", level = "x" } }, {})
  lu.assertErrorMsgContains("table expected", core.order, { 1 }, {})
end

function TestInstallpCore:test_more_copies_than_there_can_be_count_as_many()
  local opt = { mount = "/opt", size = 128, free = 0, copies = 256 }
  local made = core.space({ { sizes = { { path = "/opt/x", blocks = 10 } } } }, { opt }, 128)
  lu.assertEquals(made.rows[1].partitions, 255)
end
