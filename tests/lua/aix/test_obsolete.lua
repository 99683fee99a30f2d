-- SPDX-License-Identifier: MIT
-- Filesets that a release no longer has: the table of them, and what a plan makes of it.

local lu = require "luaunit"
local err = require "altmig.err"
local installp = require "altmig.installp"
local obsolete = require "altmig.aix.obsolete"

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

function TestObsolete:test_what_is_needed_stays()
  local requisites = "*ifreq old.named 9.0.0.0\n>0 {\n*prereq old.gone 7.2.0.0\n*prereq none 1.0.0.0\n}\n"
  local made = source({ bos, { "u", "user", "user.one", "2.0.0.0", requisites } }):plan {
    obsolete = rules, installed = { ["bos.rte"] = "7.2.5.0", ["user.one"] = "1.0.0.0", ["old.gone"] = "7.2.0.1" } }
  lu.assertEquals(made.obsolete, {})
  lu.assertEquals(made.left, { { fileset = "old.gone", level = "7.2.0.1", reason = "it is obsolete, but user.one 2.0.0.0 needs it" } })
end
