-- SPDX-License-Identifier: MIT
-- Filesets that a release no longer has: the table of them, and what a plan makes of it.

local lu = require "luaunit"
local err = require "altmig.err"
local installp = require "altmig.installp"
local obsolete = require "altmig.aix.obsolete"
local releases = require "altmig.run.checks.releases"
local requisite = require "altmig.aix.requisite"

TestObsolete = {}

local function refused(rules, text)
  local ok, message, code = err.returned(function() obsolete.check(rules) return true end)
  lu.assertNil(ok)
  lu.assertEquals(code, "OBSOLETE")
  lu.assertStrContains(message, text)
end

function TestObsolete:test_the_table_is_sound()
  obsolete.check(obsolete.rules)
  for _, rule in ipairs(obsolete.rules) do lu.assertStrContains(rule.source, " ") end
end

-- Preflight has a table of filesets too: of one and the same both name the same document.
function TestObsolete:test_preflight_and_plan_have_it_from_the_same_document()
  local count = 0
  for _, rule in ipairs(obsolete.rules) do
    local name, rows = rule.fileset:gsub("%*", "x"), table.move(releases.attention, 1, #releases.attention, 1, {})
    for _, release in pairs(releases.list) do
      if release.name == rule.release then table.move(release.filesets, 1, #release.filesets, #rows + 1, rows) end
    end
    for _, row in ipairs(rows) do
      for _, pattern in ipairs(row.names) do
        if name:find(pattern) then
          lu.assertEquals(rule.source, row.source, rule.fileset)
          count = count + 1
        end
      end
    end
  end
  lu.assertTrue(count >= 8, count)
end

-- A copy that boots from such a disk needs its driver.
function TestObsolete:test_drivers_of_disks_are_never_removed()
  local of_73 = obsolete.between("7.1", "7.3")
  for _, name in ipairs { "devices.sdd.71.rte", "devices.sddpcm.72.rte" } do lu.assertTrue(of_73:of(name, "1.0.0.0").keep, name) end
end

function TestObsolete:test_what_is_no_rule_is_refused()
  local sound = { release = "7.3", fileset = "a.b", source = "x" }
  local function with(field, value)
    local rule = {}
    for key, is in pairs(sound) do rule[key] = is end
    rule[field] = value
    return rule
  end
  obsolete.check { sound }
  for _, field in ipairs { "release", "fileset", "source" } do refused({ with(field, nil) }, field .. " is missing") end
  refused({ with("release", "7.3.0.0") }, "release is 7.3.0.0")
  refused({ with("fileset", "a b") }, "fileset is a b")
  refused({ with("fileset", "[a]") }, "fileset is [a]")
  refused({ with("replaced_by", {}) }, "replaced_by is")
  refused({ with("replaced_by", "b.rte") }, "replaced_by is")
  refused({ with("replaced_by", { "b.*" }) }, "replaced_by is")
  refused({ with("brings", 1) }, "brings is 1")
  refused({ with("below", "7.3") }, "below is 7.3")
  refused({ with("looses", "x") }, "there is no field looses")
  refused({ sound, with("loses", "y") }, "the same as rule 1")
  local kept = with("keep", true)
  obsolete.check { kept }
  kept.replaced_by = { "b" }
  refused({ kept }, "what is kept is not replaced")
end

function TestObsolete:test_which_rule_counts()
  local rules = { { release = "7.2", fileset = "a.*", source = "all of a" }, { release = "7.2", fileset = "a.b*", source = "more of it" },
    { release = "7.2", fileset = "a.one", source = "itself" }, { release = "7.3", fileset = "?.one", source = "later" },
    { release = "7.2", fileset = "b.two", below = "7.2.0.0", source = "old ones" } }
  local function of(from, to, name, level)
    local rule = obsolete.between(from, to, rules):of(name, level or "7.1.0.0")
    return rule and rule.source
  end
  lu.assertEquals(of("7.1", "7.2", "a.one"), "itself")
  lu.assertEquals(of("7.1", "7.3", "a.one"), "later")
  lu.assertEquals(of("7.2", "7.3", "a.one"), "later")
  lu.assertEquals(of("7.1.5.30", "7.2.0.0", "a.bc"), "more of it")
  lu.assertEquals(of("7.1", "7.2", "a.c"), "all of a")
  lu.assertNil(of("7.2", "7.3", "a.c"))   -- it came through that release already
  lu.assertNil(of("7.1", "7.2", "axone")) -- the dot is a dot
  lu.assertNil(of("7.3", "7.2", "a.one"))
  lu.assertNil(of("7.2", "7.2", "a.one"))
  lu.assertEquals(of("7.1", "7.2", "b.two", "7.1.5.30"), "old ones")
  lu.assertNil(of("7.1", "7.2", "b.two", "7.2.0.0"))
  lu.assertEquals(of("6.1", "7.10", "a.one"), "later") -- releases are numbers
end

---------------------------------------------------------------- in a plan

-- Images { file, package, fileset, level, requisites, supersedes }; those of bos make the restored system.
local function source(images)
  local list = {}
  for i, one in ipairs(images) do
    list[i] = { file = one[1], kind = "installp", package = one[2], type = "I", platform = "R", size = 1, time = "",
      filesets = { { name = one[3], level = one[4], requisites = one[5] or "", sizes = {}, supersedes = one[6] or {}, content = "U",
        bosboot = "N", description = "" } } }
  end
  return setmetatable({ name = "test", images = list, problems = {}, read = 0 }, installp.Source)
end

local function steps(made)
  local list = {}
  for i, step in ipairs(made.steps) do list[i] = step.fileset end
  return list
end

local bos = { "bos", "bos", "bos.rte", "7.3.0.0" }
local rules = {
  { release = "7.3", fileset = "old.gone", loses = "the old thing", source = "notes of 7.3" },
  { release = "7.3", fileset = "old.named", replaced_by = { "new.named", "new.extra" }, source = "notes of 7.3" },
  { release = "7.3", fileset = "old.on_demand", replaced_by = { "new.on_demand" }, brings = false, source = "notes of 7.3" },
  { release = "7.3", fileset = "old.kept*", keep = true, loses = "nobody maintains it", source = "notes of 7.3" },
}

function TestObsolete:test_what_becomes_of_them()
  local made = source({ bos, { "n", "new", "new.named", "7.3.0.0" }, { "d", "new", "new.on_demand", "1.0.0.0" } }):plan {
    obsolete = rules, installed = { ["bos.rte"] = "7.2.5.0", ["old.gone"] = "7.2.0.1", ["old.named"] = "7.2.0.0",
      ["old.on_demand"] = "1.0.0.0", ["old.kept.java"] = "6.0.0.0", ["site.tool"] = "1.0.0.0" } }
  lu.assertEquals(steps(made), { "bos.rte", "new.named" })
  lu.assertEquals(made.obsolete, {
    { name = "old.gone", level = "7.2.0.1", state = "removed as obsolete", replaced_by = {}, loses = "the old thing",
      source = "notes of 7.3", reason = "AIX 7.3 no longer has it" },
    { name = "old.named", level = "7.2.0.0", state = "replaced by new.named", replaced_by = { "new.named", "new.extra" },
      source = "notes of 7.3", reason = "AIX 7.3 no longer has it; not installed: new.extra (no image has it)" },
    { name = "old.on_demand", level = "1.0.0.0", state = "removed as obsolete", replaced_by = { "new.on_demand" },
      source = "notes of 7.3", reason = "AIX 7.3 no longer has it; not installed: new.on_demand (not selected)" } })
  lu.assertEquals(made.left, { { fileset = "old.kept.java", level = "6.0.0.0",
    reason = "AIX 7.3 no longer has it; it stays as it is: nobody maintains it" },
    { fileset = "site.tool", level = "1.0.0.0", reason = "no image has it" } })
end

function TestObsolete:test_what_the_images_have_is_not_obsolete()
  local made = source({ bos, { "g", "old", "old.gone", "7.3.0.0" } }):plan { obsolete = rules,
    installed = { ["bos.rte"] = "7.2.5.0", ["old.gone"] = "7.2.0.1" } }
  lu.assertEquals(made.obsolete, {})
  lu.assertEquals(steps(made), { "bos.rte", "old.gone" })
end

function TestObsolete:test_nothing_is_removed_within_a_release()
  local images = { bos, { "n", "new", "new.named", "7.3.0.0", "", { { name = "old.named", level = "7.2.0.0" } } } }
  local made = source(images):plan { obsolete = rules,
    installed = { ["bos.rte"] = "7.3.0.0", ["old.gone"] = "7.2.0.1", ["old.named"] = "7.2.0.0" } }
  lu.assertEquals({ made.obsolete, made.steps }, { {}, {} })
  lu.assertEquals(#made.left, 3)
end

function TestObsolete:test_an_image_says_itself_whose_place_it_takes()
  local made = source({ bos, { "x.bff", "new", "acme.new", "2.0.0.0", "", { { name = "acme.old", level = "1.0.0.0" } } } }):plan {
    installed = { ["bos.rte"] = "7.2.5.0", ["acme.old"] = "1.0.0.0" } }
  lu.assertEquals(steps(made), { "bos.rte", "acme.new" })
  lu.assertEquals(made.obsolete, { { name = "acme.old", level = "1.0.0.0", state = "replaced by acme.new", replaced_by = { "acme.new" },
    source = "x.bff", reason = "acme.new 2.0.0.0 says that it takes its place" } })
end

-- The whole client_core takes over: what asked for the old fileset is content with the new one, up to that level.
function TestObsolete:test_a_fileset_that_stands_for_another_meets_its_requisites()
  local function with(line)
    return source({ bos, { "core", "new", "z.core", "7.3.0.0", "", { { name = "a.client", level = "7.2.5.0" } } },
      { "t", "tool", "b.tool", "2.0.0.0", line } }):plan { select = { "b.tool" },
      installed = { ["bos.rte"] = "7.2.5.0" } }
  end
  for _, line in ipairs { "*prereq a.client 7.2.0.0", "*coreq a.client", "*instreq a.client 7.2.5.0", "*prereq a.client v=7 r>1",
    ">1 {\n*prereq a.client 7.1.0.0\n*prereq bos.rte 7.3.0.0\n}\n" } do
    local made = with(line)
    lu.assertEquals({ steps(made), made.failed }, { line:find "coreq" and { "bos.rte", "b.tool", "z.core" }
      or { "bos.rte", "z.core", "b.tool" }, {} }, line)
  end
  for _, line in ipairs { "*prereq a.client 7.2.5.1", "*prereq a.client v>7" } do
    local made = with(line)
    lu.assertEquals(made.failed[1].reason, "a.client is not there, z.core takes its place")
    lu.assertTrue(made.failed[1].superseded)
  end
  lu.assertEquals(steps(with "*ifreq a.client 7.3.0.0"), { "bos.rte", "b.tool" })
end

-- What another stands for is not needed by what is content with that.
function TestObsolete:test_what_is_stood_for_goes()
  local made = source({ bos, { "core", "new", "z.core", "7.3.0.0", "", { { name = "a.client", level = "7.2.5.0" } } },
    { "t", "tool", "b.tool", "2.0.0.0", "*prereq a.client 7.2.0.0" } }):plan {
    installed = { ["bos.rte"] = "7.2.5.0", ["a.client"] = "7.2.5.0", ["b.tool"] = "1.0.0.0" } }
  lu.assertEquals(steps(made), { "bos.rte", "b.tool", "z.core" })
  lu.assertEquals({ made.obsolete[1].name, made.obsolete[1].state }, { "a.client", "replaced by z.core" })
end

function TestObsolete:test_a_barrier()
  local images = { { "lib2", "lib", "a.lib", "2.5.0.0", "", { { name = "a.lib", level = "2.0.0.0" } } },
    { "lib1", "lib", "a.lib", "1.5.0.0" }, { "old", "x", "b.old", "1.0.0.0", "*prereq a.lib 1.0.0.0" },
    { "new", "x", "c.new", "1.0.0.0", "*prereq a.lib 2.0.0.0" }, { "any", "x", "d.any", "1.0.0.0", "*prereq a.lib" } }
  local function of(...) return source(images):plan { select = { ... } } end
  local made = of "b.old"
  lu.assertEquals({ made.steps[1].fileset, made.steps[1].level, made.steps[2].fileset }, { "a.lib", "1.5.0.0", "b.old" })
  made = of "c.new"
  lu.assertEquals({ made.steps[1].level, made.failed }, { "2.5.0.0", {} })
  made = of("a.lib", "d.any", "b.old")
  lu.assertEquals({ steps(made), made.steps[1].level }, { { "a.lib", "d.any" }, "2.5.0.0" })
  lu.assertStrContains(made.failed[1].reason, "a.lib is planned at 2.5.0.0")
end

-- The member namelist names filesets whose files an image has now. A fileset that was split has several that do.
function TestObsolete:test_a_control_library_names_what_it_takes_over()
  local of = source { bos, { "c", "new", "z.core", "7.3.0.0" }, { "d", "new", "z.more", "7.3.0.0" },
    { "t", "tool", "b.tool", "2.0.0.0", "*prereq a.client 7.2.0.0" } }
  for i = 2, 3 do of.images[i].filesets[1].library = { obsoletes = { "a.client", of.images[i].filesets[1].name, "never.there" } } end
  local made = of:plan { installed = { ["bos.rte"] = "7.2.5.0", ["a.client"] = "7.2.5.0" } }
  lu.assertEquals(steps(made), { "bos.rte", "z.core", "z.more" })
  lu.assertEquals(made.obsolete, { { name = "a.client", level = "7.2.5.0", state = "replaced by z.core, z.more",
    replaced_by = { "z.core", "z.more" }, source = "d", reason = "2 filesets say that they take its place" } })
  -- It stands for none of them: what asks for the old one needs it.
  made = of:plan { installed = { ["bos.rte"] = "7.2.5.0", ["a.client"] = "7.2.5.0", ["b.tool"] = "1.0.0.0" } }
  lu.assertEquals(made.obsolete, {})
  lu.assertEquals(made.left[1].reason, "it is obsolete, but b.tool 2.0.0.0 needs it")
end

-- Lines of updates say which updates they hold, and nothing of other filesets.
function TestObsolete:test_lines_of_updates_are_no_entries()
  local lines = { { name = "a.client", level = "7.2.5.0" }, { name = "z.core", level = "7.3.0.0" } }
  local of = source { bos, { "u", "x", "z.core", "7.3.0.1", "", lines }, { "i", "x", "z.core", "7.3.0.0" } }
  of.images[2].type = "S"
  local made = of:plan { installed = { ["bos.rte"] = "7.2.5.0", ["a.client"] = "7.2.5.0" } }
  lu.assertEquals({ made.obsolete, steps(made) }, { {}, { "bos.rte" } })
end

---------------------------------------------------------------- random sets

local function level(i) return ("%d.0.0.0"):format(i) end

-- Base levels of five filesets, with requisites and supersede lines of each other.
local function random_images(roll)
  local images, seen = {}, {}
  for _ = 1, 4 + roll(6) do
    local name, at = "f" .. roll(5), roll(3)
    if not seen[name .. at] then
      seen[name .. at] = true
      local requisites, entries = {}, {}
      for i = 1, roll(3) - 1 do
        local kind = ({ "prereq", "coreq", "instreq" })[roll(3)]
        requisites[i] = ("*%s f%d %s\n"):format(kind, roll(6), roll(3) == 1 and "" or level(roll(3)))
      end
      for i = 1, roll(3) - 1 do entries[i] = { name = "f" .. roll(6), level = level(roll(3)) } end
      images[#images + 1] = { name .. at, name, name, level(at), table.concat(requisites), entries }
    end
  end
  return images
end

-- Whether a requisite holds by what supersede lines mean, said another way than the plan says it.
local function is_met(images, levels, item)
  local barrier = 0
  for _, image in ipairs(images) do
    for _, entry in ipairs(image[6]) do
      local number = tonumber(entry.level:match("^%d"))
      if entry.name == image[3] and image[3] == item.name then barrier = math.max(barrier, number) end
      local stands = levels[image[3]] and levels[image[3]] >= tonumber(image[4]:match("^%d"))
      if stands and entry.name == item.name and entry.name ~= image[3] and number >= tonumber((item.level or "0"):match("^%d")) then
        return true
      end
    end
  end
  local have, least = levels[item.name], tonumber((item.level or "0"):match("^%d"))
  return have ~= nil and have >= least and not (item.level and have >= barrier and least < barrier)
end

function TestObsolete:test_random_sets_keep_what_the_lines_mean()
  local seed = tonumber(os.getenv("PLAN_SEED")) or os.time()
  local taken, stood = 0, 0
  for round = 1, 1500 do
    math.randomseed(seed, round)
    local images = random_images(math.random)
    local installed, select = {}, {}
    for i = 1, 5 do
      if math.random(3) == 1 then installed["f" .. i] = level(math.random(3)) end
      if math.random(2) == 1 then select[#select + 1] = "f" .. i end
    end
    local options = { installed = installed, select = select }
    local ok, made = pcall(function() return source(images):plan(options) end)
    if not ok then
      lu.assertEquals(made.code, "PLAN_CONFLICT")
    else
      local levels = {}
      for name, at in pairs(installed) do levels[name] = tonumber(at:match("^%d")) end
      for _, step in ipairs(made.steps) do levels[step.fileset] = tonumber(step.level:match("^%d")) end
      for _, step in ipairs(made.steps) do
        taken = taken + 1
        for _, image in ipairs(images) do
          for _, item in ipairs(image[1] == step.image and requisite.parse(image[5]) or {}) do
            if item.name ~= step.fileset and not is_met(images, levels, item) then
              lu.fail(("PLAN_SEED=%d round %d: %s %s needs %s"):format(seed, round, step.fileset, step.level, item.text))
            end
            if not levels[item.name] then stood = stood + 1 end
          end
        end
      end
      local shuffled = {}
      for _, image in ipairs(images) do table.insert(shuffled, math.random(#shuffled + 1), image) end
      lu.assertEquals(source(shuffled):plan(options), made, ("PLAN_SEED=%d round %d"):format(seed, round))
    end
  end
  lu.assertTrue(taken > 1000)
  lu.assertTrue(stood > 20)
end

function TestObsolete:test_what_is_needed_stays()
  local requisites = "*ifreq old.named 9.0.0.0\n>0 {\n*prereq old.gone 7.2.0.0\n*prereq none 1.0.0.0\n}\n"
  local made = source({ bos, { "u", "user", "user.one", "2.0.0.0", requisites } }):plan {
    obsolete = rules, installed = { ["bos.rte"] = "7.2.5.0", ["user.one"] = "1.0.0.0", ["old.gone"] = "7.2.0.1" } }
  lu.assertEquals(made.obsolete, {})
  lu.assertEquals(made.left, { { fileset = "old.gone", level = "7.2.0.1", reason = "it is obsolete, but user.one 2.0.0.0 needs it" } })
end
