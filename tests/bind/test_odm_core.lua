-- SPDX-License-Identifier: MIT
local lu = require "luaunit"
local core = require "altmig.odm_core"
local sys = require "altmig.sys"

local descriptors = {
  { name = "name", type = "char", size = 16 },
  { name = "count", type = "short" },
  { name = "long_count", type = "long" },
  { name = "unsigned", type = "ulong" },
  { name = "value", type = "char", size = 256 },
  { name = "text", type = "vchar", size = 64 },
  { name = "ln", type = "link", size = 48, class = "PdDv", key = "uniquetype" },
  { name = "raw", type = "binary", size = 4 },
  { name = "wide", type = "long64" },
  { name = "uwide", type = "ulong64" },
  { name = "real", type = "double" },
  { name = "how", type = "method", size = 20 },
}

local objects = {
  { name = "hdisk0", count = -2, long_count = -70000, unsigned = 4000000000, value = "0x12", text = "some text",
    ln = "disk/scsi/x", raw = "\1\2\0\4", wide = -1 << 40, uwide = -1, real = 0.5, how = "/usr/lib/methods/x" },
  { name = "", count = 0, long_count = 0, unsigned = 0, value = "", text = "", ln = "", raw = "\0\0\0\0", wide = 0,
    uwide = 0, real = 0.0, how = "" },
  { name = "hdisk1", count = 32767, long_count = 7, unsigned = 1, value = ("v"):rep(255), text = ("t"):rep(9000),
    ln = "", raw = "raw!", wide = math.maxinteger, uwide = 5, real = -1e300, how = "x" },
}

local function class()
  local c = assert(core.create("Test", "Test", descriptors))
  for _, object in ipairs(objects) do assert(c:add(object)) end
  return c
end

local function reread(c) return assert(core.parse("Test", c:images())) end

local function names(c, criteria)
  local out = {}
  for i, object in ipairs(assert(c:get(criteria))) do out[i] = object.name end
  return table.concat(out, ",")
end

TestOdmCore = {}

function TestOdmCore:test_every_type_round_trips()
  local c = reread(class())
  lu.assertEquals(c:get(), objects)
  lu.assertEquals(c:name(), "Test")
  lu.assertEquals(c:writable(), true)
  local data, strings = c:images()
  lu.assertEquals(#data % 4096, 0)
  lu.assertEquals(#strings % 4096, 0)
end

function TestOdmCore:test_descriptors()
  local got = class():descriptors()
  lu.assertEquals(#got, #descriptors)
  for i, d in ipairs(descriptors) do
    for key, value in pairs(d) do lu.assertEquals(got[i][key], value) end
    lu.assertEquals(got[i].external, d.name == "value")
  end
end

--- Record sizes in memory and in the file, and where the last descriptor is, of real classes.
function TestOdmCore:test_layout_is_that_of_real_classes()
  local function word(data, at) return ((">I4"):unpack(data, at + 1)) end
  local function layout(list)
    local fields = {}
    for kind, name, size in list:gmatch("(%a+) (%w+)%[?(%d*)") do
      fields[#fields + 1] = { name = name, type = kind, size = tonumber(size), class = "X", key = "y" }
    end
    local c = assert(core.create("X", "X", fields))
    local data = c:images()
    local before = c:count()
    assert(c:add { [fields[1].name] = "1" })
    assert(c:add { [fields[1].name] = "2" })
    local image = c:images()
    local first = word(image, 0x2C)
    local size = 1
    while (">i4"):unpack(image, first + size + 1) ~= 1 or image:byte(first + size + 13) == 0 do size = size + 1 end
    lu.assertEquals(before, 0)
    return word(data, 0x14), size, word(data, 0x148 + 40 * (#fields - 1) + 8)
  end
  lu.assertEquals({ layout [[char type[16] char class[16] char subclass[16] char prefix[16] char devid[16] short base
    short hasvpd short detectable short chgstatus short busext short fru short led short setno short msgno
    char catalog[16] char DvDr[16] char Define[256] char Configure[256] char Change[256] char Unconfigure[256]
    char Undefine[256] char Start[256] char Stop[256] short inventoryonly char uniquetype[48] ]] }, { 1984, 220, 1936 })
  lu.assertEquals({ layout [[char uniquetype[48] char attribute[16] char deflt[256] char values[256] char width[16]
    char type[8] char generic[8] char rep[8] short nlsindex]] }, { 632, 128, 628 })
  lu.assertEquals({ layout [[char name[145] long size short state long cpflag vchar group[22] char magicletter[2]
    short ver short rel short mod short fix vchar description[82] short lppid]] }, { 196, 196, 192 })
  lu.assertEquals({ layout [[char locale[20] char textstring[30] short textstringid char codeset[20] char messages[20]
    char keyboards[40] vchar package[80] char variables[80] vchar sbcsvariables[80] char bosinstmenu[4]
    char iconpath[80] char menu[20] link messageLink[20] link keyboardLink[20] ]] }, { 392, 392, 364 })
end

function TestOdmCore:test_criteria()
  local c = class()
  lu.assertEquals(names(c, "name = hdisk0"), "hdisk0")
  lu.assertEquals(names(c, "name='hdisk0' AND text=\"some text\""), "hdisk0")
  lu.assertEquals(names(c, "name LIKE hdisk[0-9]"), "hdisk0,hdisk1")
  lu.assertEquals(names(c, "name like 'h*[!0]'"), "hdisk1")
  lu.assertEquals(names(c, "name LIKE ?????1 or count=-2"), "hdisk0,hdisk1")
  lu.assertEquals(names(c, "count > 0"), "hdisk1")
  lu.assertEquals(names(c, "count>=0 and count<=0"), "")
  lu.assertEquals(#c:get("count = 0"), 1)
  lu.assertEquals(#c:get("name = ''"), 1)
  lu.assertEquals(#c:get("name != ''"), 2)
  lu.assertEquals(names(c, "unsigned = 4000000000"), "hdisk0")
  lu.assertEquals(names(c, "unsigned = 0xEE6B2800"), "hdisk0")
  lu.assertEquals(names(c, "uwide > 5"), "hdisk0") -- as unsigned
  lu.assertEquals(names(c, "real < 0"), "hdisk1")
  lu.assertEquals(names(c, "name = hdisk0 OR name = hdisk1 AND count = 3"), "hdisk0")
  lu.assertEquals(names(c, "(name = hdisk0 OR name = hdisk1) AND count = 32767"), "hdisk1")
  lu.assertEquals(#c:get(" "), 3)
end

function TestOdmCore:test_criteria_that_cannot_be()
  local c = class()
  for _, text in ipairs { "name", "name =", "name = 'x", "= x", "name = x name = y", "name = x AND", "(name = x",
    "name = x)", "missing = 1", "count = x", "name ~ x", ("("):rep(40) .. "name=x" .. (")"):rep(40),
    "name = " .. ("x"):rep(70000) } do
    local got, _, code = c:get(text)
    lu.assertNil(got)
    lu.assertEquals(code, "ODM_CRITERIA")
  end
  lu.assertEquals(#c:get(("("):rep(30) .. "name=hdisk0" .. (")"):rep(30)), 1)
end

function TestOdmCore:test_what_no_change_concerns_keeps_its_bytes()
  local c = class()
  local before, strings_before = c:images()
  lu.assertEquals(c:change("name = hdisk1", { text = "new", count = 5 }), 1)
  local after, strings_after = c:images()
  local same = 0
  for i = 1, #before do
    if before:byte(i) ~= after:byte(i) then same = i end
  end
  lu.assertTrue(same > 0)
  lu.assertEquals(#after, #before)
  -- Old strings stay where they are: an older class file is valid with the newer strings.
  local used = (">I4"):unpack(strings_before, 5)
  local base = (">I4"):unpack(strings_before, 0x19)
  lu.assertTrue(strings_after:sub(base + 1, base + used) == strings_before:sub(base + 1, base + used))
  lu.assertEquals(assert(core.parse("Test", before, strings_after)):get(), objects)
  local got = reread(c):get()
  lu.assertEquals({ got[3].text, got[3].count, got[3].value }, { "new", 5, ("v"):rep(255) })
  lu.assertEquals({ got[1], got[2] }, { objects[1], objects[2] })
  -- A string that is there already is not written again.
  lu.assertEquals(c:change("name = hdisk1", { text = "new" }), 1)
  lu.assertTrue(select(2, c:images()) == strings_after)
end

function TestOdmCore:test_deleted_slots_stay()
  local c = class()
  lu.assertEquals(c:delete("name = hdisk0 OR name = ''"), 2)
  lu.assertEquals({ c:count() }, { 1, 3 })
  assert(c:add { name = "late" })
  c = reread(c)
  lu.assertEquals({ c:count() }, { 2, 4 })
  lu.assertEquals(names(c), "hdisk1,late")
  lu.assertEquals(c:writable(), true)
  lu.assertEquals(c:delete(), 2)
  lu.assertEquals(reread(c):get(), {})
end

function TestOdmCore:test_objects_by_their_slot()
  local c = class()
  assert(c:delete("name = hdisk0"))
  local rows, slots = c:rows()
  lu.assertEquals(#rows, 2)
  lu.assertEquals(rows[2].name, "hdisk1")
  lu.assertTrue(c:set(slots[2], { name = "hdisk7" }))
  lu.assertTrue(c:erase(slots[1]))
  rows = c:rows()
  lu.assertEquals(#rows, 1)
  lu.assertEquals(rows[1].name, "hdisk7")
  lu.assertEquals(rows[1].text, ("t"):rep(9000))
  lu.assertErrorMsgContains("no object in this slot", c.set, c, slots[1], {})
  lu.assertErrorMsgContains("no object in this slot", c.erase, c, -1)
  lu.assertErrorMsgContains("no object in this slot", c.erase, c, 1 << 40)
  lu.assertEquals(select(3, c:set(slots[2], { nothing = 1 })), "ODM_DESCRIPTOR")
end

function TestOdmCore:test_values_out_of_range_change_nothing()
  local c = class()
  local before, strings = c:images()
  for _, bad in ipairs { { count = 32768 }, { count = "x" }, { count = 1.5 }, { long_count = 1 << 31 },
    { unsigned = -1 }, { name = ("x"):rep(16) }, { value = ("x"):rep(256) }, { name = "a\0b" }, { raw = "12" },
    { raw = "0x0102030405" }, { ln = ("x"):rep(48) } } do
    local ok, message, code = c:add(bad)
    lu.assertNil(ok)
    lu.assertEquals(code, "ODM_RANGE")
    lu.assertStrContains(message, next(bad))
    lu.assertEquals(select(3, c:change(nil, bad)), "ODM_RANGE")
  end
  lu.assertEquals(select(3, c:add { missing = 1 }), "ODM_DESCRIPTOR")
  local after, strings_after = c:images()
  lu.assertTrue(before == after and strings == strings_after)
  lu.assertErrorMsgContains("field 'name'", c.add, c, { name = {} })
end

-- Positions, from 0, at which two texts of one length differ: the first and the last.
local function difference(a, b)
  lu.assertEquals(#a, #b)
  local first, last
  for i = 1, #a do
    if a:byte(i) ~= b:byte(i) then first, last = first or i - 1, i - 1 end
  end
  return first, last
end

function TestOdmCore:test_bytes_that_no_value_has_stay()
  local c = class()
  local data, strings = c:images()
  local first = (">I4"):unpack(data, 0x2D)
  -- Behind the end of a string, in _reserved, in the pointers of a link, and a wrong _id.
  for _, at in ipairs { first + 12 + 10, first + 5, first + 51, first + 3 } do
    local odd = data:sub(1, at) .. "\7" .. data:sub(at + 2)
    local image = assert(core.parse("Test", odd, strings))
    lu.assertEquals(image:get(), c:get())
    lu.assertEquals(image:writable(), true)
    local name = image:get()[1].name
    lu.assertEquals(image:change("name = " .. name, { name = name }), 1)
    lu.assertTrue(image:images() == odd)
    lu.assertEquals(image:change("name = " .. name, { name = "h" }), 1)
    local now = image:images()
    local from, to = difference(odd, now)
    lu.assertTrue(from >= first + 12 and to < first + 12 + 16)
    lu.assertEquals(now:sub(first + 13, first + 28), "h\0" .. odd:sub(first + 15, first + 28))
    lu.assertEquals(assert(core.parse("Test", now, strings)):get()[1].name, "h")
    lu.assertTrue(image:add { name = "x" })
    lu.assertEquals(image:delete("name = h"), 1)
  end
end

function TestOdmCore:test_a_class_with_its_name_among_its_records_is_not_changed()
  local data, strings = class():images()
  local first = (">I4"):unpack(data, 0x2D)
  local odd = data:sub(1, 0x10) .. (">I4"):pack(first + 12) .. data:sub(0x15)
  local image = assert(core.parse("Test", odd, strings))
  lu.assertEquals(#image:get(), 3)
  for _, result in ipairs { { image:add { name = "x" } }, { image:change(nil, { count = 1 }) }, { image:delete() } } do
    lu.assertNil(result[1])
    lu.assertEquals(result[3], "ODM_READONLY")
    lu.assertStrContains(result[2], "keeps its names among or behind its records")
  end
  lu.assertTrue(image:images() == odd)
end

function TestOdmCore:test_odmget_spacing()
  local c = assert(core.create("Fmt", "Fmt", { { name = "name", type = "char", size = 40 },
    { name = "n", type = "short" }, { name = "b", type = "binary", size = 2 } }))
  assert(c:add { name = 'say "a\\b"\nand more', n = -3, b = "\1\255" })
  assert(c:add { name = "y" })
  local text = '\nFmt:\n\tname = "say \\"a\\\\b\\"\\n\\\nand more"\n\tn = -3\n\tb = 0x01ff\n'
    .. '\nFmt:\n\tname = "y"\n\tn = 0\n\tb = 0x0000\n'
  lu.assertEquals(c:format(), text)
  lu.assertEquals(c:format("name = none"), "")
  -- And back.
  local again = assert(core.create("Fmt", "Fmt", c:descriptors()))
  for _, entry in ipairs(assert(core.text(text))) do assert(again:add(entry.fields)) end
  lu.assertEquals(again:get(), c:get())
end

function TestOdmCore:test_stanza_text()
  lu.assertEquals(core.text [[
# a comment
* another
CuAt:
	name = "hdisk0"
	value = "two\
 lines"
	nls_index = 12
	plain = 007
   empty=""

CuDv :
name = bare words
]], {
    { class = "CuAt", line = 3,
      fields = { name = "hdisk0", value = "two lines", nls_index = 12, plain = "007", empty = "" } },
    { class = "CuDv", line = 11, fields = { name = "bare words" } },
  })
  lu.assertEquals(core.text(""), {})
  for text, line in pairs { ["x = 1\n"] = 1, ["A:\n\tb = \"x\n\n"] = 2, ["A:\nb"] = 2, ["A:\n\tb = \"x\" y\n"] = 2,
    ["A:\n1b = 2\n"] = 2, ["A:\n\tb = \"\0\"\n"] = 2, ["A b:\n"] = 1 } do
    local got, message, code = core.text(text)
    lu.assertNil(got)
    lu.assertEquals(code, "ODM_SYNTAX")
    lu.assertStrContains(message, "line " .. line)
  end
end

function TestOdmCore:test_classes_that_cannot_be()
  local function create(list) return select(3, core.create("X", "X", list)) end
  lu.assertEquals(create {}, "ODM_DESCRIPTOR")
  lu.assertEquals(create { { name = "1x", type = "short" } }, "ODM_DESCRIPTOR")
  lu.assertEquals(create { { name = "x", type = "char", size = 0 } }, "ODM_DESCRIPTOR")
  lu.assertEquals(create { { name = "x", type = "link", size = 4 } }, "ODM_DESCRIPTOR")
  lu.assertErrorMsgContains("unknown type", core.create, "X", "X", { { name = "x", type = "word" } })
end

function TestOdmCore:test_another_decoder_agrees()
  local tool = SHARED_DIR .. "/tools/odm_check.py"
  if not sys.stat(tool) then lu.skip("no odm_check.py") end
  local dir = os.tmpname()
  os.remove(dir)
  assert(sys.mkdir(dir, 448))
  local list = {}
  for _, d in ipairs(descriptors) do
    if d.type ~= "double" then list[#list + 1] = d end -- that decoder knows no doubles
  end
  local c = assert(core.create("Test", "Test", list))
  for i = 1, 50 do assert(c:add { name = "n" .. i, text = ("t"):rep(i), value = "v" .. i, wide = -i, count = i }) end
  assert(c:delete("name = n3"))
  local data, strings = c:images()
  assert(sys.write_file(dir .. "/Test", data))
  assert(sys.write_file(dir .. "/Test.vc", strings))
  local shown = sys.run { "python3", tool, dir .. "/Test" }
  local result = sys.run { "python3", tool, "-r", dir .. "/Test" }
  os.execute("rm -rf '" .. dir .. "'")
  if not result or result.status == 127 then lu.skip("no python3") end
  lu.assertStrContains(shown.stdout, "ndata=50")
  lu.assertStrContains(shown.stdout, " OK")
  lu.assertStrContains(result.stdout, "(1, 0, 0) [('name', b'n2'), ('count', 2), ('long_count', 0), ('unsigned', 0), "
    .. "('value', b'v2'), ('text', b'tt'), ('ln', b''), ('raw', b'\\x00\\x00\\x00\\x00'), ('wide', -2), ('uwide', 0), "
    .. "('how', b'')]")
  lu.assertStrContains(result.stdout, "(-1, 0, 0)")
end

local function filled(...)
  local c = assert(core.create("Test", "Test", descriptors))
  for _, object in ipairs { ... } do assert(c:add(object)) end
  return c
end

function TestOdmCore:test_plan_of_a_merge()
  local c = filled({ name = "a", count = 1, text = "x" }, { name = "mine", count = 3 })
  local n = filled({ name = "a", count = 2, text = "y" }, { name = "new" })
  local plan <close> = assert(core.merge { o = false, c = c, n = n, key = { { "name" } }, default = "system",
    classes = { count = "user", text = "ask" } })
  lu.assertEquals({ plan:count() }, { 3, 4 })
  lu.assertEquals({ plan:finding(1) }, { "field user", 1, "a", "count", nil, 1, 2 })
  lu.assertEquals({ plan:finding(2) }, { "field ask", 1, "a", "text", nil, "x", "y" })
  lu.assertEquals({ plan:finding(4) }, { "added", 3, "mine" })
  plan:choose(2, "own", "z")
  lu.assertEquals({ plan:next(0) }, { 1, "a", 0, { count = 1, text = "z" } })
  lu.assertEquals(plan:row(1).text, "z")
  lu.assertEquals(plan:row(1, "n").text, "y")
  lu.assertNil(plan:row(3, "n"))
  plan:keep(2, false)
  lu.assertEquals({ plan:next(1) }, { 2, "new", 1 }) -- to be erased
  lu.assertNil((plan:entry(2)))
  local i, key, slot, row = plan:next(2)
  lu.assertEquals({ i, key, slot, row.count }, { 3, "mine", nil, 3 })
  lu.assertNil((plan:next(3)))
  lu.assertEquals(plan:column("name"), { "a", false, "mine" })
  lu.assertEquals(n:column("name"), { "a", "new" })
  lu.assertEquals(n:column("nothing"), {})
end

function TestOdmCore:test_misuse_of_merge_raises()
  local c, n = filled { name = "a" }, filled { name = "a" }
  lu.assertErrorMsgContains("no class of a field", core.merge, { c = c, n = n, key = { { "name" } }, default = "list" })
  lu.assertErrorMsgContains("one to eight keys", core.merge, { c = c, n = n, key = {} })
  lu.assertErrorMsgContains("part of a key", core.merge, { c = c, n = n, key = { { true } } })
  lu.assertError(core.merge, { c = c, key = { { "name" } } })
  local plan = assert(core.merge { c = c, n = n, key = { { "name" } } })
  lu.assertError(plan.finding, plan, 1)
  lu.assertError(plan.row, plan, 2)
  n:close()
  lu.assertErrorMsgContains("closed", plan.row, plan, 1)
  plan:close()
  plan:close()
  lu.assertErrorMsgContains("closed", plan.count, plan)
end
