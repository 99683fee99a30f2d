-- SPDX-License-Identifier: MIT
-- Requisites of filesets: every form that lpp_name files and software databases have. The lab's installp reads
-- them by itself, and the same way.

local lu = require "luaunit"
local requisite = require "altmig.aix.requisite"
local resource = require "altmig.resource"

local lab_source, origin = resource.read "scripts/lab/lib/requisite.lua"
local lab = assert(load(assert(lab_source), origin, "t"))()

-- Whether one requisite is met by levels, "name level" each.
local function met(text, ...)
  local levels = {}
  for _, one in ipairs { ... } do
    local name, level = one:match("^(%S+) (%S+)$")
    levels[name] = level
  end
  local items, others = requisite.parse(text), lab.parse(text)
  lu.assertEquals({ #items, #others }, { 1, 1 }, text)
  local function level_of(name) return levels[name] end
  local holds = requisite.holds(items[1], level_of)
  lu.assertEquals(lab.holds(others[1], level_of), holds, text)
  return holds
end

TestRequisiteForms = {}

-- Where nobody knows, the lab can read them the other way (quirks); the engine's reading is the default of both.
function TestRequisiteForms:test_the_lab_has_another_reading_of_what_can_be_read_in_two_ways()
  local function holds(text, level) return lab.holds(lab.parse(text)[1], function() return level end) end
  local bounds, base = "*prereq X v=4 r>1", "*ifreq X (5.2.0.0) 5.2.0.10"
  lu.assertEquals({ holds(bounds, "4.2.0.0"), holds(bounds, "5.0.0.0"), holds(bounds, "4.1.0.0") }, { true, true, false })
  lu.assertEquals({ holds(base, "5.2.0.5"), holds(base, "5.2.0.0"), holds(base, "5.3.0.0") }, { false, false, true })
  lab.read_as { bounds = "number", base = "exact" }
  lu.assertEquals({ holds(bounds, "4.2.0.0"), holds(bounds, "5.0.0.0"), holds(bounds, "5.2.0.0"), holds(bounds, "4.1.0.0") },
    { true, false, false, false })
  lu.assertEquals({ holds(base, "5.2.0.5"), holds(base, "5.2.0.0"), holds(base, "5.3.0.0") }, { true, false, true })
  lu.assertEquals({ holds("*prereq X v>3 r>1", "4.2.0.0"), holds("*prereq X v>3 r>1", "4.1.0.0") }, { true, false })
  lab.read_as { bounds = "version", base = "release" }
  lu.assertTrue(holds(bounds, "5.0.0.0"))
end

function TestRequisiteForms:test_a_level_is_the_least()
  for _, kind in ipairs { "prereq", "coreq", "instreq" } do
    local text = "*" .. kind .. " X 5.2.0.10"
    lu.assertFalse(met(text), text)
    lu.assertFalse(met(text, "X 5.2.0.9"))
    lu.assertTrue(met(text, "X 5.2.0.10"))
    lu.assertTrue(met(text, "X 5.2.1.0"))
    lu.assertTrue(met(text, "X 10.0.0.0"), "numbers, not texts")
  end
  lu.assertTrue(met("*prereq\tX  05.02.0000.0010 ", "X 5.2.0.10"), "leading zeros")
end

function TestRequisiteForms:test_without_a_level_any_will_do()
  lu.assertTrue(met("*prereq X", "X 0.0.0.0"))
  lu.assertFalse(met("*prereq X", "X.Y 1.0.0.0"))
end

function TestRequisiteForms:test_ifreq_asks_only_when_it_is_there()
  lu.assertTrue(met("*ifreq X 5.2.0.10"))
  lu.assertFalse(met("*ifreq X 5.2.0.10", "X 5.2.0.9"))
  lu.assertTrue(met("*ifreq X 5.2.0.10", "X 5.3.0.0"))
end

-- The level in parentheses is a base level: updates of it are of it.
function TestRequisiteForms:test_ifreq_of_a_base_level()
  local text = "*ifreq X (5.2.0.0) 5.2.0.10"
  lu.assertTrue(met(text))
  lu.assertFalse(met(text, "X 5.2.0.0"))
  lu.assertFalse(met(text, "X 5.2.0.9"))
  lu.assertTrue(met(text, "X 5.2.0.10"))
  lu.assertTrue(met(text, "X 5.1.0.0"), "another base level is not spoken of")
  lu.assertTrue(met(text, "X 5.3.0.0"))
  lu.assertTrue(met("*ifreq X (5.2.0.50) 5.2.0.60", "X 5.2.0.40"))
  lu.assertFalse(met("*ifreq X(05.2.0.0)5.2.0.10", "X 5.2.0.1"), "without blanks, with zeros")
end

-- A bound speaks of the version that is named before it.
function TestRequisiteForms:test_bounds()
  local cases = {
    { "v=4 r>4", { "4.5.0.0", "4.10.0.0", "5.2.0.0", "10.0.0.0" }, { "4.4.0.0", "4.4.9.9", "4.3.0.0", "3.9.0.0" } },
    { "r>4 v=4", { "5.2.0.0" }, { "4.4.0.0" } },
    { "v=4 r<4", { "4.3.9.9", "3.9.0.0" }, { "4.4.0.0", "5.2.0.0" } },
    { "v=4 r>4 v<6", { "4.5.0.0", "5.2.0.0" }, { "6.1.0.0", "4.4.0.0" } },
    { "v=4 r>2 r<6", { "4.3.0.0", "4.5.0.0" }, { "4.2.0.0", "4.6.0.0", "5.3.0.0" } },
    { "v=4 r=3 m>2", { "4.3.3.0", "4.4.0.0", "5.1.0.0" }, { "4.3.2.9", "4.2.9.0", "3.9.9.9" } },
    { "v=4 r=3", { "4.3.0.0", "4.3.9.9" }, { "4.4.0.0", "5.3.0.0" } },
    { "v=5", { "5.0.0.0", "5.3.0.0" }, { "4.9.0.0", "6.1.0.0" } },
    { "v<6", { "5.3.0.0" }, { "6.1.0.0" } }, { "v>5", { "6.1.0.0" }, { "5.3.0.0" } },
    { "v>4 v<6", { "5.0.0.0" }, { "4.9.0.0", "6.0.0.0" } },
    { "v > 3 r > 1", { "4.2.0.0" }, { "4.1.0.0", "3.2.0.0" } },
  }
  for _, case in ipairs(cases) do
    for _, level in ipairs(case[2]) do lu.assertTrue(met("*prereq X " .. case[1], "X " .. level), case[1] .. ": " .. level) end
    for _, level in ipairs(case[3]) do lu.assertFalse(met("*prereq X " .. case[1], "X " .. level), case[1] .. ": " .. level) end
    lu.assertFalse(met("*prereq X " .. case[1]))
    lu.assertTrue(met("*ifreq X " .. case[1]), "not there")
  end
  lu.assertTrue(met("*ifreq X v=4 r>4", "X 5.2.0.0"))
  lu.assertFalse(met("*ifreq X v=4 r>4", "X 4.4.0.0"))
end

-- With "=" on all numbers before the last one, a bound is a comparison of levels.
function TestRequisiteForms:test_a_chain_of_bounds_is_a_comparison()
  local letters = { "v", "r", "m", "f" }
  for seed = 1, 2000 do
    math.randomseed(seed)
    local count, want, have, words = math.random(4), {}, {}, {}
    for i = 1, 4 do want[i], have[i] = math.random(0, 2), math.random(0, 2) end
    local operator = math.random(2) == 1 and ">" or "<"
    for i = 1, count do words[i] = letters[i] .. (i < count and "=" or operator) .. want[i] end
    local order = 0
    for i = 1, count do
      if order == 0 and have[i] ~= want[i] then order = have[i] > want[i] and 1 or -1 end
    end
    local expected = operator == ">" and order > 0 or operator == "<" and order < 0
    lu.assertEquals(met("*coreq X " .. table.concat(words, " "), "X " .. table.concat(have, ".")), expected, "seed " .. seed)
  end
end

function TestRequisiteForms:test_groups_count()
  local one, two = ">0 {\n*prereq a\n*prereq b 2.0.0.0\n}\n", ">1 {\n*prereq a\n*prereq b 2.0.0.0\n*ifreq c 3.0.0.0\n}\n"
  lu.assertFalse(met(one))
  lu.assertTrue(met(one, "a 1.0.0.0"))
  lu.assertTrue(met(one, "b 2.0.0.0"))
  lu.assertFalse(met(one, "b 1.0.0.0"))
  lu.assertFalse(met(two), "the ifreq alone")
  lu.assertTrue(met(two, "a 1.0.0.0"))
  lu.assertFalse(met(two, "a 1.0.0.0", "c 1.0.0.0"))
end

function TestRequisiteForms:test_lines_without_a_keyword_are_skipped()
  lu.assertEquals(requisite.parse("bos.rte 5.1.0.0\n*prereq\n"), {})
end

-- Random texts of random forms, and random levels.
function TestRequisiteForms:test_the_lab_reads_alike()
  local words = { "*prereq ", "*coreq ", "*ifreq ", "*instreq ", "a", "b", "c ", " ", "\t", "\n", "\n", "(5.1.0.0)", "5.1.0.10",
    "05.2.0.0", "v=5", "r>1", "r<3", "m=0", "f>4", ">0 {", ">1 {\n", "}", "}\n", "nothing" }
  for seed = 1, 3000 do
    math.randomseed(seed)
    local parts, levels = {}, {}
    for i = 1, math.random(20) do parts[i] = words[math.random(#words)] end
    for _, name in ipairs { "a", "b", "c", "ab" } do
      levels[name] = math.random(3) > 1 and ("5.%d.0.%d"):format(math.random(0, 3), math.random(0, 12)) or nil
    end
    local whole, said, others = table.concat(parts, " "), {}, {}
    local function level_of(name) return levels[name] end
    for i, item in ipairs(requisite.parse(whole)) do said[i] = requisite.holds(item, level_of) end
    for i, item in ipairs(lab.parse(whole)) do others[i] = lab.holds(item, level_of) end
    lu.assertEquals(others, said, ("seed %d: %q"):format(seed, whole))
  end
end
