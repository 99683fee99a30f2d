-- SPDX-License-Identifier: MIT
-- What becomes of a system when images are installed on it. Which level is taken and how requisites are met is tried
-- in core/aix/test_plan, against every set of images there is.

local lu = require "luaunit"
local err = require "altmig.err"
local installp = require "altmig.installp"
local odm = require "altmig.odm"
local plan = require "altmig.aix.plan"
local sys = require "altmig.sys"

-- A source: images { file, package, type, fileset, level, requisites, sizes }.
local function source(images)
  local list = {}
  for i, one in ipairs(images) do
    list[i] = { file = one[1], kind = "installp", package = one[2], type = one[3], platform = "R", size = 1, time = "",
      filesets = { { name = one[4], level = one[5], requisites = one[6] or "", sizes = one[7] or {}, supersedes = {}, content = "U",
        bosboot = "N", description = "" } } }
  end
  return setmetatable({ name = "test", images = list, problems = {}, read = 0 }, installp.Source)
end

local function brief(made)
  local list = {}
  for i, step in ipairs(made.steps) do list[i] = ("%s %s %s"):format(step.action, step.fileset, step.level) end
  return list
end

TestPlan = {}

function TestPlan:test_base_and_updates_of_an_older_release()
  local made = source({ { "a.I", "a", "I", "a.one", "7.2.0.0" }, { "a.1.U", "a", "S", "a.one", "7.2.0.5", "*prereq a.one 7.2.0.0\n" },
    { "a.2.U", "a", "S", "a.one", "7.2.0.9", "*prereq a.one 7.2.0.0\n*prereq b.lib 2.0.0.0\n" }, { "b.I", "b", "I", "b.lib", "2.0.0.0" },
    { "c.I", "c", "I", "c.old", "1.0.0.0" }, { "d.U", "d", "S", "d.update", "7.2.0.1" } }):plan {
    installed = { ["a.one"] = "7.1.5.30", ["c.old"] = "1.0.0.4", ["e.site"] = "3.0.0.0", ["d.update"] = "7.1.0.0" } }
  lu.assertEquals(brief(made), { "migrate a.one 7.2.0.0", "install b.lib 2.0.0.0", "update a.one 7.2.0.9" })
  lu.assertEquals({ made.steps[1].from, made.steps[3].from, made.steps[1].image }, { "7.1.5.30", "7.2.0.0", "a.I" })
  lu.assertEquals(made.steps[2].by, { fileset = "a.one", level = "7.2.0.9", requisite = "*prereq b.lib 2.0.0.0" })
  lu.assertEquals(made.superseded, { { fileset = "a.one", level = "7.2.0.5", image = "a.1.U", by = "7.2.0.9" } })
  lu.assertEquals(made.left, { { fileset = "c.old", level = "1.0.0.4", reason = "the images have no higher level (1.0.0.0)" },
    { fileset = "e.site", level = "3.0.0.0", reason = "no image has it" } })
  lu.assertEquals(#made.failed, 1)
  lu.assertEquals(made.failed[1].fileset, "d.update")
  lu.assertStrContains(made.failed[1].reason, "no level of d.update 7.2 that it can be applied to")
end

function TestPlan:test_what_is_missing_is_said_with_its_chain()
  local made = source({ { "a", "a", "I", "a.one", "2.0.0.0", "*prereq b.two 1.0.0.0\n" },
    { "b", "b", "I", "b.two", "1.0.0.0", "*coreq   c.three\t3.0.0.0\n" }, { "c", "c", "I", "c.three", "2.5.0.0" },
    { "d", "d", "I", "d.four", "2.0.0.0" }, { "d5", "d", "S", "d.four", "2.0.0.5", "*prereq e.five 1.0.0.0\n" } }):plan {
    installed = { ["a.one"] = "1.0.0.0", ["c.three"] = "2.0.0.0", ["d.four"] = "1.0.0.0" } }
  lu.assertEquals(brief(made), { "migrate c.three 2.5.0.0", "migrate d.four 2.0.0.0" })
  lu.assertEquals(made.failed, { { fileset = "a.one", level = "2.0.0.0",
    reason = "c.three is planned at 2.5.0.0, the images have it up to 2.5.0.0",
    chain = { { fileset = "a.one", level = "2.0.0.0", requisite = "*prereq b.two 1.0.0.0" },
      { fileset = "b.two", level = "1.0.0.0", requisite = "*coreq c.three 3.0.0.0" } } } })
  lu.assertEquals({ made.held[1].fileset, made.held[1].level, made.held[1].taken, made.held[1].reason },
    { "d.four", "2.0.0.5", "2.0.0.0", "e.five is not there, no image has it" })
end

function TestPlan:test_the_base_system_is_restored_before()
  local images = { { "bos", "bos", "I", "bos.rte", "7.2.0.0" }, { "bos.U", "bos", "S", "bos.rte", "7.2.5.0" },
    { "a", "a", "I", "a.one", "7.2.0.0", "*prereq bos.rte 7.2.5.0\n" }, { "m", "bos", "I", "bos.mp64", "7.2.0.0" } }
  local migrated = source(images):plan { installed = { ["bos.rte"] = "7.1.5.0", ["a.one"] = "7.1.0.0" } }
  lu.assertEquals(brief(migrated), { "restore bos.mp64 7.2.0.0", "restore bos.rte 7.2.0.0",
    "update bos.rte 7.2.5.0", "migrate a.one 7.2.0.0" })
  lu.assertEquals({ migrated.failed, migrated.left }, { {}, {} })
  local updated = source(images):plan { installed = { ["bos.rte"] = "7.2.1.0", ["a.one"] = "7.1.0.0", ["bos.mp64"] = "7.1.0.0" } }
  lu.assertEquals(brief(updated), { "update bos.rte 7.2.5.0", "migrate a.one 7.2.0.0" })
  lu.assertEquals(updated.left[1].reason, "it is part of the base system, of the same release")
end

function TestPlan:test_what_is_selected()
  local images = { { "a1", "acme", "I", "acme.one", "1.0.0.0" }, { "a2", "acme", "I", "acme.two", "1.0.0.0" },
    { "a3", "acme", "S", "acme.two", "1.0.0.3" }, { "a4", "acme", "S", "acme.two", "1.0.0.4" }, { "b", "b", "I", "b.x", "1.0.0.0" } }
  local function of(select, installed) return brief(source(images):plan { select = select, installed = installed }) end
  lu.assertEquals(of { "b.x" }, { "install b.x 1.0.0.0" })
  lu.assertEquals(of { "acme" }, { "install acme.one 1.0.0.0", "install acme.two 1.0.0.0", "update acme.two 1.0.0.4" })
  lu.assertEquals(of { "*.[ox]*" }, {})
  lu.assertEquals(of { "?.x", "*.one" }, { "install acme.one 1.0.0.0", "install b.x 1.0.0.0" })
  lu.assertEquals(of { { name = "acme.two", level = "01.0.0.3" } }, { "install acme.two 1.0.0.0", "update acme.two 1.0.0.3" })
  lu.assertEquals(#of { "all" }, 4)
  lu.assertEquals(of({ "b.x" }, { ["acme.one"] = "0.1.0.0" }), { "install b.x 1.0.0.0" })
  local made = source(images):plan { select = { { name = "b.x", level = "2.0.0.0" }, "none.at.all" } }
  lu.assertEquals({ made.failed[1].reason, made.failed[2].reason },
    { "no image has that level; they have it up to 1.0.0.0", "none.at.all is not there, no image has it" })
  local plan_of_nothing, _, code = err.returned(function() return source(images):plan { select = { { name = "b.x", level = "1" } } } end)
  lu.assertNil(plan_of_nothing)
  lu.assertEquals(code, "LEVEL")
end

function TestPlan:test_licences_are_told()
  local of = source { { "a", "a", "I", "a.one", "1.0.0.0" }, { "b", "b", "I", "b.two", "1.0.0.0" } }
  of.images[2].filesets[1].licence = true
  local made = of:plan { select = { "all" } }
  lu.assertEquals({ made.steps[1].licence, made.steps[2].licence }, { nil, true })
end

function TestPlan:test_a_bundle()
  local of = source { { "a", "a", "I", "a.one", "1.0.0.0" }, { "b", "b", "I", "b.two", "1.0.0.0" } }
  of.images[3] = { file = "RPMS/ppc/acme-lib-2.0-1.ppc.rpm", kind = "rpm", name = "acme-lib", level = "2.0-1", size = 1, time = "" }
  of.images[4] = { file = "emgr/ppc/IV1.180306.epkg.Z", kind = "ifix", name = "IV1", size = 1, time = "" }
  local made = of:plan { installed = { ["b.two"] = "1.0.0.0" },
    bundle = "# a comment\nI:a.one\nR:acme-lib\nR:acme-lib-2.0-1\nE:IV1\n\nE:IV2\n  none.rte  \n" }
  lu.assertEquals(brief(made), { "install a.one 1.0.0.0" })
  lu.assertEquals(made.others, { { kind = "rpm", name = "acme-lib", image = "RPMS/ppc/acme-lib-2.0-1.ppc.rpm" },
    { kind = "rpm", name = "acme-lib-2.0-1", image = "RPMS/ppc/acme-lib-2.0-1.ppc.rpm" },
    { kind = "ifix", name = "IV1", image = "emgr/ppc/IV1.180306.epkg.Z" }, { kind = "ifix", name = "IV2" } })
  lu.assertEquals({ made.failed[1].fileset, #made.failed }, { "none.rte", 1 })
  lu.assertFalse(pcall(plan.bundle, "X:what\n"))
end

function TestPlan:test_room_by_file_system()
  local function sized(...)
    local list = {}
    for i, one in ipairs { ... } do list[i] = { path = one[1], blocks = one[2], temporary = one[3] or 0 } end
    return { sizes = list }
  end
  local list = { sized({ "/usr/lib", 100 }, { "INSTWORK", 48, 16 }, { "/etc", 8 }, { "PAGESPACE", 500 }),
    sized({ "/usr/lpp/SAVESPACE", 40 }, { "INSTWORK", 10, 30 }, { "/opt/acme/lib/", 7, 3 }, { "/usrlocal", 5 }, { "/var/x" },
      { "PAGESPACE", 300 }, { "whatever", 9 }) }
  local space, paging = plan.space(list, { { mount = "/", size = 1000, free = 13 }, { mount = "/usr", size = 5000, free = 200 },
    { mount = "/opt", size = 800, free = 10 }, { mount = "/opt/acme", size = 20, free = 100 } })
  lu.assertEquals(space, { { mount = "/", needed = 13, temporary = 0, free = 13, size = 1000 },
    { mount = "/opt/acme", needed = 10, temporary = 3, free = 100, size = 20 },
    { mount = "/usr", needed = 100 + 48 + 40 + 10 + 30, temporary = 30, free = 200, size = 5000, short = 28, grow_to = 5028 } })
  lu.assertEquals(paging, 500)
  lu.assertEquals(plan.space(list)[2], { mount = "/opt", needed = 10, temporary = 3 })
  local huge = plan.space { sized({ "/usr", math.maxinteger, math.maxinteger }), sized({ "/usr", math.maxinteger }) }
  lu.assertEquals(huge[1].needed, math.maxinteger)
end

function TestPlan:test_file_systems_grow_by_partitions_of_their_group()
  local list = { { sizes = { { path = "/usr/lib", blocks = 1000, temporary = 0 }, { path = "/opt/x", blocks = 70, temporary = 0 } } } }
  local restored = { { sizes = { { path = "/usr", blocks = 2000, temporary = 0 }, { path = "/var", blocks = 10, temporary = 0 } } } }
  local filesystems = { { mount = "/", size = 256, free = 200 }, { mount = "/opt", size = 128, free = 69, copies = 2 },
    { mount = "/usr", size = 4096, free = 1500, copies = 2 } }
  local space, _, group = plan.space(list, filesystems, { name = "rootvg", partition = 128, free = 7 }, restored)
  lu.assertEquals(space, { { mount = "/", needed = 12, temporary = 0, restore = 10, free = 200, size = 256 },
    { mount = "/opt", needed = 70, temporary = 0, free = 69, size = 128, short = 1, grow_to = 256, partitions = 2 },
    { mount = "/usr", needed = 2201, temporary = 0, restore = 2000, free = 1500, size = 4096, short = 701, grow_to = 4096 + 6 * 128,
      partitions = 12 } })
  lu.assertEquals(group, { name = "rootvg", partition = 128, free = 7, needed = 14 })
  lu.assertErrorMsgContains("no number of blocks", plan.space, list, { { mount = "/", size = -1, free = 0 } })
  lu.assertErrorMsgContains("field 'path'", plan.space, { { sizes = { { blocks = 1 } } } })
end

function TestPlan:test_the_base_system_has_its_room_in_the_plan()
  local of = source { { "bos", "bos", "I", "bos.rte", "7.2.0.0", nil, { { path = "/usr", blocks = 5000, temporary = 0 } } },
    { "a", "a", "I", "a.one", "7.2.0.0", nil, { { path = "/usr", blocks = 300, temporary = 0 } } } }
  local made = of:plan { installed = { ["bos.rte"] = "7.1.0.0", ["a.one"] = "7.1.0.0" },
    filesystems = { { mount = "/usr", size = 10000, free = 1000 } }, group = { partition = 1000, free = 1 } }
  lu.assertEquals({ made.space[1].needed, made.space[1].restore, made.space[1].grow_to }, { 5501, 5000, 15000 })
  lu.assertEquals(made.group, { partition = 1000, free = 1, needed = 5 })
end

local rows = [[
/usr/lib/objrepos:bos.rte:7.1.5.33::COMMITTED:F:Base Operating System Runtime:
/etc/objrepos:bos.rte:7.1.5.30::COMMITTED:F:Base: Operating System Runtime:
/usr/lib/objrepos:a.locked:1.0.0.0::COMMITTED:I:A:EFIXLOCKED
/usr/lib/objrepos:a.broken:1.0.0.0::BROKEN:I:A:
]]

function TestPlan:test_what_the_system_has()
  lu.assertEquals(plan.of_lslpp(rows), { ["bos.rte"] = { level = "7.1.5.33" }, ["a.locked"] = { level = "1.0.0.0", locked = true },
    ["a.broken"] = { level = "1.0.0.0", state = "BROKEN" } })
  lu.assertEquals(plan.of_lslpp("a:a.one:1.0.0.0: : :B: :A: : : : : : :0:0:/:\nlib-1-1:lib-1-1:1-1: : :C:R:A: : : : : : : :0: :/:x\n"),
    { ["a.one"] = { level = "1.0.0.0", state = "BROKEN" } })
  local made = source({ { "a", "a", "I", "a.broken", "1.0.0.0" }, { "l", "a", "S", "a.locked", "1.0.0.1" } }):plan { installed = rows }
  lu.assertEquals(brief(made), { "reinstall a.broken 1.0.0.0", "update a.locked 1.0.0.1" })
  lu.assertTrue(made.steps[2].locked)
  -- Levels that are none are those of a damaged database.
  made = source({ { "a", "a", "I", "a.x", "1.0.0.0" } }):plan { installed = { ["a.x"] = "99999999999999999999.0.0.0", ["b.y"] = "1..2" } }
  lu.assertEquals(brief(made), { "reinstall a.x 1.0.0.0" })
  lu.assertEquals(made.left[1].reason, "it is at no level, and no image has it")
end

function TestPlan:test_the_software_database_of_a_system()
  local dir = os.tmpname()
  os.remove(dir)
  assert(sys.makedirs(dir .. "/usr/lib/objrepos"))
  local store <close> = assert(odm.open(dir, "/usr/lib/objrepos"))
  local level = { { name = "ver", type = "short" }, { name = "rel", type = "short" }, { name = "mod", type = "short" },
    { name = "fix", type = "short" } }
  local function class(name, ...) assert(store:create(name, table.move({ ... }, 1, select("#", ...), 5, { table.unpack(level) }))) end
  class("lpp", { name = "name", type = "char", size = 145 }, { name = "lpp_id", type = "short" }, { name = "state", type = "short" },
    { name = "cp_flag", type = "long" }, { name = "description", type = "char", size = 82 })
  class("product", { name = "lpp_name", type = "char", size = 145 }, { name = "update", type = "short" },
    { name = "name", type = "char", size = 42 })
  for i, state in ipairs { 5, 9 } do
    assert(store:add("lpp", { name = "a.f" .. i, lpp_id = i, state = state, ver = 7, rel = 1, mod = 5, fix = i, cp_flag = 0,
      description = "" }))
  end
  assert(store:commit())
  lu.assertEquals(plan.installed_at(dir), { ["a.f1"] = { level = "7.1.5.1" }, ["a.f2"] = { level = "7.1.5.2", state = "?" } })
  assert(sys.write_file(dir .. "/text", "no line of it\n"))
  lu.assertErrorMsgContains("no line of it is one of lslpp -lqc", plan.installed_at, dir .. "/text")
  os.execute("rm -rf '" .. dir .. "'")
end

function TestPlan:test_the_order_of_the_images_does_not_matter()
  local images = {}
  for i = 1, 60 do
    images[i] = { "i" .. i, "p", i % 4 == 0 and "S" or "I", "f" .. i % 23, ("1.0.0.%d"):format(i),
      ("*prereq f%d\n*coreq f%d 1.0.0.%d\n>0 {\n*prereq f%d\n*prereq f%d 2.0.0.0\n}\n"):format(i % 7, i % 11, i % 5, i % 13, i % 3) }
  end
  local first = source(images):plan { select = { "all" } }
  lu.assertTrue(#first.steps > 10)
  for _ = 1, 5 do
    for i = #images, 2, -1 do
      local k = math.random(i)
      images[i], images[k] = images[k], images[i]
    end
    lu.assertEquals(source(images):plan { select = { "all" } }, first)
  end
end
