-- SPDX-License-Identifier: MIT
local lu = require "luaunit"
local core = require "altmig.odm_core"
local odm = require "altmig.odm"
local odm_stale = require "odm_stale"
local sys = require "altmig.sys"
local tree = require "altmig.tree"

local bin = os.getenv("ALTMIG_BIN")
local dir

local definition = [[
/* a comment
   of two lines */
class CuAt {
* another
	char name[16];
	char attribute[16];
	char value[256];
	short nls_index;
	vchar note[64];
};
class CuDv { char name[16]; short status; link PdDv PdDv uniquetype PdDvLn[48]; }
]]

local function define(store)
  for _, class in ipairs(assert(odm.definitions(definition))) do
    assert(store:create(class.name, class.descriptors))
  end
end

local function values(store, class, field)
  local out = {}
  for i, object in ipairs(assert(store:get(class))) do out[i] = object[field] end
  return table.concat(out, ",")
end

TestOdm = {}

function TestOdm:setUp()
  dir = os.tmpname()
  os.remove(dir)
  assert(sys.mkdir(dir, 448))
end

function TestOdm:tearDown() os.execute("rm -rf '" .. dir .. "'") end

function TestOdm:test_changes_appear_at_commit()
  local store = assert(odm.open(dir))
  define(store)
  lu.assertNil(sys.stat(dir .. "/CuAt"))
  assert(store:add("CuAt", { name = "hdisk0", attribute = "pvid", value = "none", note = "x" }))
  assert(store:commit())
  lu.assertEquals(sys.list(dir), { ".odm_lock", "CuAt", "CuAt.vc", "CuDv" })
  assert(sys.chmod(dir .. "/CuAt", 416))
  lu.assertEquals(store:change("CuAt", "name = hdisk0", { value = "123" }), 1)
  lu.assertEquals(values(assert(odm.open(dir)), "CuAt", "value"), "none")
  assert(store:commit())
  lu.assertEquals(values(assert(odm.open(dir)), "CuAt", "value"), "123")
  lu.assertEquals(sys.stat(dir .. "/CuAt").mode, 416)
  lu.assertEquals(store:delete("CuAt", "attribute LIKE 'p*'"), 1)
  store:close()
  lu.assertEquals(values(store, "CuAt", "value"), "123")
  lu.assertNil(store:first("CuAt", "name = hdisk9"))
  lu.assertEquals(store:first("CuAt").note, "x")
  lu.assertEquals(store:classes(), { "CuAt", "CuDv" })
end

-- m.alt of a flow script raises where a call fails; a store looks at what calls return.
function TestOdm:test_in_a_tree_whose_changes_raise()
  local t <close> = assert(tree.at(dir))
  local face = t:raising(function(message, code) error { message = message, code = code } end)
  assert(t:makedirs("/etc/objrepos"))
  local store <close> = assert(odm.open(face))
  define(store)
  assert(store:add("CuDv", { name = "hdisk0", status = 1 }))
  lu.assertTrue(store:commit())
  t:freeze("looking only")
  assert(store:add("CuDv", { name = "hdisk1", status = 1 }))
  lu.assertEquals(select(3, store:commit()), "READ_ONLY")
end

function TestOdm:test_in_a_tree()
  assert(sys.makedirs(dir .. "/etc/objrepos"))
  local t <close> = assert(tree.at(dir))
  local store = assert(odm.open(t, "/etc/objrepos"))
  define(store)
  assert(store:add("CuDv", { name = "hdisk0", status = 1, PdDvLn = "disk/scsi/osdisk" }))
  assert(store:commit())
  lu.assertEquals(values(assert(odm.open(dir, "/etc/objrepos")), "CuDv", "PdDvLn"), "disk/scsi/osdisk")
  lu.assertEquals(t:list("/etc/objrepos"), { "CuAt", "CuAt.vc", "CuDv" })
  lu.assertEquals(select(3, odm.open(t, "/etc/missing")), "ENOENT")
end

function TestOdm:test_a_class_is_replaced_by_its_bytes()
  local store = assert(odm.open(dir))
  define(store)
  assert(store:add("CuAt", { name = "old", note = "x" }))
  assert(store:commit())
  local before, strings = assert(sys.read_file(dir .. "/CuAt")), assert(sys.read_file(dir .. "/CuAt.vc"))
  assert(store:change("CuAt", nil, { name = "new", note = "a longer one" }))
  assert(store:commit())
  assert(store:replace("CuAt", before, strings))
  lu.assertEquals(values(assert(odm.open(dir)), "CuAt", "name"), "new") -- not before the commit
  assert(store:commit())
  lu.assertEquals(sys.read_file(dir .. "/CuAt"), before)
  lu.assertEquals(sys.read_file(dir .. "/CuAt.vc"), strings)
  assert(store:replace("Fresh", before, nil))
  assert(store:commit())
  lu.assertEquals(sys.read_file(dir .. "/Fresh"), before)
  lu.assertEquals(select(3, store:replace("../x", before)), "ODM_CLASS")
  store:close()
end

function TestOdm:test_trouble_has_a_code()
  local store = assert(odm.open(dir))
  define(store)
  assert(store:commit())
  lu.assertEquals(select(3, store:get("Missing")), "ODM_CLASS")
  lu.assertEquals(select(3, store:get("../CuAt")), "ODM_CLASS")
  lu.assertEquals(select(3, store:create("CuAt", {})), "ODM_CLASS")
  lu.assertEquals(select(3, store:get("CuAt", "nothing = 1")), "ODM_CRITERIA")
  lu.assertEquals(select(3, store:add("CuAt", { nothing = 1 })), "ODM_DESCRIPTOR")
  store:close()
  assert(sys.write_file(dir .. "/Bad", "no class"))
  local got, message, code = store:get("Bad")
  lu.assertNil(got)
  lu.assertEquals(code, "ODM_FORMAT")
  lu.assertStrContains(message, dir .. "/Bad: offset")
  lu.assertEquals(store:classes(), { "CuAt", "CuDv" })
  lu.assertEquals(select(3, odm.open(dir .. "/missing")), "ENOENT")
  lu.assertEquals(select(3, odm.open(dir .. "/Bad")), "ENOTDIR")
end

--- A class of predefined attributes as a system leaves it; the bytes of its file.
local function aged(name)
  local c = assert(core.create(name, name, { { name = "uniquetype", type = "char", size = 16 },
    { name = "attribute", type = "char", size = 16 }, { name = "deflt", type = "char", size = 15 },
    { name = "nls_index", type = "short" }, { name = "size", type = "long" }, { name = "kind", type = "short" } }))
  for i = 1, 20 do
    assert(c:add { uniquetype = "disk/x/" .. i, attribute = "depth", deflt = "33", nls_index = i, size = 7, kind = 2 })
  end
  local data = c:images()
  local old = odm_stale.age(data, "1")
  lu.assertNotEquals(old, data)
  assert(sys.write_file(dir .. "/" .. name, old))
  return old
end

function TestOdm:test_a_change_in_a_class_with_stale_bytes_is_of_its_field_alone()
  local before = aged "Toy"
  local first, size = (">I4"):unpack(before, 0x2D), (">I4"):unpack(before, 0x15)
  local store <close> = assert(odm.open(dir))
  lu.assertEquals(store:change("Toy", "uniquetype = disk/x/7", { deflt = "9" }), 1)
  assert(store:commit())
  local after = sys.read_file(dir .. "/Toy")
  local at = first + 6 * size + 12 + 32 -- where the field is
  lu.assertEquals(after, before:sub(1, at) .. "9\0" .. before:sub(at + 3))
  assert(store:begin())
  lu.assertEquals(store:change("Toy", nil, { size = 7 }), 20) -- as it was: no byte
  lu.assertEquals(store:delete("Toy", "nls_index > 15"), 5)
  assert(store:add("Toy", { uniquetype = "disk/x/new" }))
  assert(store:commit())
  local last = sys.read_file(dir .. "/Toy")
  for slot = 0, 19 do
    local from = first + slot * size + 1 + (slot >= 15 and 4 or 0)
    lu.assertEquals(last:sub(from, first + (slot + 1) * size), after:sub(from, first + (slot + 1) * size))
  end
  lu.assertEquals(last:sub(first + 20 * size + 1, first + 21 * size),
    (">I4"):pack(20) .. ("\0"):rep(8) .. "disk/x/new" .. ("\0"):rep(size - 22))
end

function TestOdm:test_a_string_file_that_is_missing_is_said()
  local store = assert(odm.open(dir))
  define(store)
  assert(store:add("CuAt", { name = "a", note = "kept apart", value = "v" }))
  assert(store:commit())
  store:close()
  assert(sys.remove(dir .. "/CuAt.vc"))
  store = assert(odm.open(dir))
  local got, message, code = store:get("CuAt")
  lu.assertNil(got)
  lu.assertEquals(code, "ODM_STRINGS")
  lu.assertStrContains(message, ("is kept in the string file %s/CuAt.vc, which is missing: put that file back"):format(dir))
  lu.assertEquals(store:classes(), { "CuAt", "CuDv" })
  store:close()
end

--- A store whose directory fails at the n-th step that changes something: what a crash leaves.
local function crashing(store, steps)
  local files = setmetatable({}, { __index = store.files })
  for _, name in ipairs { "write", "rename", "remove" } do
    files[name] = function(...)
      steps = steps - 1
      if steps < 0 then error("crash") end
      return store.files[name](...)
    end
  end
  return setmetatable({ files = files, loaded = {}, changed = {} }, getmetatable(store))
end

function TestOdm:test_a_crash_at_any_step_leaves_all_or_nothing()
  local first = assert(odm.open(dir))
  define(first)
  assert(first:add("CuAt", { name = "a", note = "old", value = "old" }))
  assert(first:add("CuDv", { name = "a", status = 0 }))
  assert(first:commit())
  local steps, seen = 0, {}
  repeat
    local store = crashing(assert(odm.open(dir)), steps)
    local done = pcall(function()
      assert(store:change("CuAt", nil, { note = "new" .. steps, value = "new" .. steps }))
      assert(store:change("CuDv", nil, { status = steps + 1 }))
      assert(store:commit())
    end)
    store:close()
    -- Whoever comes next finds both classes of the same time.
    local after <close> = assert(odm.open(dir))
    local at, dv = assert(after:first("CuAt")), assert(after:first("CuDv"))
    lu.assertEquals(at.note, at.value)
    local new = at.note == "new" .. steps
    lu.assertEquals(dv.status == steps + 1, new)
    lu.assertNil(sys.stat(dir .. "/.odm_commit"))
    seen[new] = true
    -- And may change on.
    assert(after:change("CuAt", nil, { note = "old", value = "old" }))
    assert(after:commit())
    lu.assertEquals(sys.list(dir), { ".odm_lock", "CuAt", "CuAt.vc", "CuDv" })
    steps = steps + 1
  until done
  lu.assertTrue(steps > 6)
  lu.assertTrue(seen[true] and seen[false])
end

function TestOdm:test_a_planted_commit_record_is_refused()
  assert(sys.write_file(dir .. "/.odm_commit", "../outside\n"))
  lu.assertEquals(select(3, odm.open(dir)), "ODM_FORMAT")
end

function TestOdm:test_definitions()
  local classes = assert(odm.definitions(definition))
  lu.assertEquals(#classes, 2)
  lu.assertEquals(classes[1].descriptors[5], { name = "note", type = "vchar", size = 64 })
  lu.assertEquals(classes[2].descriptors[3],
    { name = "PdDvLn", type = "link", size = 48, class = "PdDv", key = "uniquetype" })
  local shown = odm.definition("CuDv", classes[2].descriptors)
  lu.assertEquals(shown, "class CuDv {\n\tchar name[16];\n\tshort status;\n\tlink PdDv PdDv uniquetype PdDvLn[48];\n\t};\n")
  lu.assertEquals(odm.definitions(shown)[1].descriptors, classes[2].descriptors)
  for text, line in pairs { ["class A {\n\tword x;\n};"] = 2, ["class A {\n short x }"] = 2, ["clas A { }"] = 1,
    ["\n\nclass A { short x;"] = 3, ["class A { }"] = 1, ["class A { char x; }"] = 1 } do
    local got, message, code = odm.definitions(text)
    lu.assertNil(got)
    lu.assertEquals(code, "ODM_SYNTAX")
    lu.assertStrContains(message, "line " .. line .. ":")
  end
end

function TestOdm:test_format_of_objects()
  lu.assertEquals(odm.format("A", { { b = "x", a = 1 } }), '\nA:\n\ta = 1\n\tb = "x"\n')
  lu.assertEquals(odm.format("A", { { b = "x", a = 1 } }, { { name = "b" }, { name = "a" } }), '\nA:\n\tb = "x"\n\ta = 1\n')
  lu.assertEquals(odm.parse(odm.format("A", { { b = 'q"\\\n', a = 1 } }))[1].fields, { b = 'q"\\\n', a = 1 })
end

function TestOdm:test_commands()
  local function run(words, stdin)
    return assert(sys.run({ bin, "odm", table.unpack(words) }, { env = { ODMDIR = dir }, stdin = stdin or "" }))
  end
  assert(sys.write_file(dir .. "/x.cre", definition))
  local r = run { "create", "-c", dir .. "/x.cre" }
  lu.assertEquals({ r.status, r.stderr }, { 0, "" })
  lu.assertStrContains(run({ "show", "CuAt" }).stdout, "class CuAt {\n\tchar name[16];\n")
  local stanza = '\nCuAt:\n\tname = "hdisk0"\n\tattribute = "pvid"\n\tvalue = "00c1"\n\tnls_index = 2\n\tnote = ""\n'
  r = run({ "add" }, "CuAt:\n value=\"00c1\"\n name = hdisk0\n attribute=pvid\n nls_index=2\n")
  lu.assertEquals({ r.status, r.stderr }, { 0, "" })
  lu.assertEquals(run({ "get", "CuAt" }).stdout, stanza)
  lu.assertEquals(run({ "get", "-q", "name='hdisk0' AND attribute='pvid'", "CuAt" }).stdout, stanza)
  lu.assertEquals(run({ "get", "-qname=hdisk1", "CuAt" }).stdout, "")
  r = run({ "change", "-o", "CuAt", "-q", "name = hdisk0" }, "CuAt:\n\tvalue = \"00c2\"\n")
  lu.assertEquals({ r.status, r.stderr }, { 0, "" })
  lu.assertStrContains(run({ "get", "CuAt" }).stdout, 'value = "00c2"')
  lu.assertEquals(run({ "delete", "-o", "CuAt", "-q", "name = hdisk0" }).stdout, "0518-307 odmdelete: 1 objects deleted.\n")
  lu.assertEquals(run({ "get", "CuAt" }).stdout, "")
  r = run { "get", "Missing" }
  lu.assertEquals(r.status, 1)
  lu.assertStrContains(r.stderr, "class does not exist")
  lu.assertEquals(run({ "create", "-z", dir .. "/x.cre" }).status, 2)
  lu.assertEquals(run({ "frobnicate" }).status, 2)
  r = run({ "add" }, "CuAt:\n\tnls_index = x\n")
  lu.assertEquals(r.status, 1)
  lu.assertStrContains(r.stderr, "standard input: line 1: odm: class CuAt: descriptor nls_index")
end

-- In a directory of its own, since C files appear in the current one.
local function create(words, path)
  return assert(sys.run({ "/bin/sh", "-c", 'cd "$0" && exec "$@"', dir, bin, "odm", "create", table.unpack(words) },
    { env = { ODMDIR = dir, PATH = path or os.getenv("PATH") } }))
end

function TestOdm:test_create_makes_classes_and_c_files()
  assert(sys.write_file(dir .. "/x.cre", definition))
  lu.assertEquals(create({ "-c", "x.cre" }).status, 0)
  lu.assertNil(sys.stat(dir .. "/x.h"))
  lu.assertNotNil(sys.stat(dir .. "/CuAt"))
  local r = create({ "x" })
  lu.assertEquals(r.status, 1)
  lu.assertStrContains(r.stderr, "class exists already")
  lu.assertNil(sys.stat(dir .. "/x.h"), "nothing when the classes cannot be")
  for _, name in ipairs { "CuAt", "CuAt.vc", "CuDv" } do os.remove(dir .. "/" .. name) end
  lu.assertEquals(create({ "-h", "x" }).status, 0) -- .cre is understood
  lu.assertNil(sys.stat(dir .. "/CuAt"))
  local header = assert(sys.read_file(dir .. "/x.h"))
  lu.assertStrContains(header, "struct CuDv {\n\t__long32_t\t_id;")
  lu.assertStrContains(header, "\tchar\tvalue[256];\n\tshort\tnls_index;\n\tchar\t*note;")
  lu.assertStrContains(header, "\tchar\tPdDvLn_Lvalue[48];\t/* uniquetype of class PdDv */\n\t};\n#define CuDv_Descs 3\n"
    .. "extern struct Class CuDv_CLASS[];\n#define get_CuDv_list(a,b,c,d,e) (struct CuDv *)odm_get_list(a,b,c,d,e)\n")
  local source = assert(sys.read_file(dir .. "/x.c"))
  lu.assertStrContains(source, '\t{ "note", ODM_VCHAR, offsetof(struct CuAt, note), 64, NULL, NULL, 0, NULL, -1, 0 },\n')
  lu.assertStrContains(source, 'extern struct Class PdDv_CLASS[];')
  lu.assertEquals(create({ "x.cre" }).status, 0)
  lu.assertNotNil(sys.stat(dir .. "/CuAt"))
  lu.assertEquals(create({ "-ch", "x.cre" }).status, 2)
  lu.assertStrContains(create({ "-c", "missing" }).stderr, "missing.cre")
end

function TestOdm:test_create_with_the_c_preprocessor()
  assert(sys.write_file(dir .. "/p.cre", "#define ROOM 24\nclass A { char name[ROOM]; };\n"))
  local r = create({ "-c", "p.cre" })
  lu.assertEquals(r.status, 1)
  lu.assertStrContains(r.stderr, "line 1: a line for the C preprocessor, which -p calls")
  r = create({ "-pc", "p.cre" }, "/nonexistent")
  lu.assertEquals(r.status, 1)
  lu.assertStrContains(r.stderr, "no cpp on this host")
  if not os.execute("command -v cpp >/dev/null") then lu.skip("no cpp here") end
  r = create({ "-p", "p.cre" })
  lu.assertEquals({ r.status, r.stderr }, { 0, "" })
  lu.assertEquals(assert(odm.open(dir)):class("A")[1].size, 24)
  lu.assertStrContains(sys.read_file(dir .. "/p.h"), "char\tname[24];")
end

-- What odmi.h of AIX declares, as far as the generated files need it.
local odmi = [[
#pragma once
#define ODMI_MAGIC 0x000DCFAC
#define FALSE 0
enum { ODM_CHAR, ODM_LONGCHAR, ODM_BINARY, ODM_SHORT, ODM_LONG, ODM_LINK, ODM_METHOD, ODM_VCHAR, ODM_DOUBLE, ODM_ULONG,
  ODM_LONG_LONG, ODM_ULONG_LONG };
typedef int __long32_t; typedef unsigned __ulong32_t;
struct listinfo; struct StringClxn;
struct ClassElem { char *name; int type, offset, size; char *link, *col; int linktype; void *holder; int ordinal, reserved; };
struct Class { int begin_magic; char *name; int structsize, nelem; struct ClassElem *elem; struct StringClxn *strings;
  int open; void *header, *data; int fd, current; void *crit; int ncrit; char criteria[256]; int reserved, end_magic; };
]]

function TestOdm:test_the_c_files_compile_to_the_records_of_the_class()
  assert(sys.write_file(dir .. "/odmi.h", odmi))
  assert(sys.write_file(dir .. "/ok.c", "int ok;\n"))
  local function cc(file)
    return os.execute(("cd '%s' && cc -m32 -Wall -Wextra -Werror -I. -c -o /dev/null %s >cc.log 2>&1"):format(dir, file))
  end
  if not cc("ok.c") then lu.skip("no compiler for 32-bit programs here") end
  assert(sys.write_file(dir .. "/y.cre", definition .. "class B { short a; binary raw[3]; longchar text[300]; ulong u; "
    .. "method m[9]; vchar v[9]; char last[3]; };"))
  lu.assertEquals(create({ "y.cre" }).stderr, "")
  local sizes = { '#include <stddef.h>\n#include "y.c"\n' }
  for _, class in ipairs { "CuAt", "CuDv", "B" } do
    local data = assert(sys.read_file(dir .. "/" .. class))
    local function word(at) return (">I4"):unpack(data, at + 1) end
    sizes[#sizes + 1] = ('_Static_assert(sizeof(struct %s) == %d, "size");\n'):format(class, word(0x14))
    for i = 0, word(0x18) - 1 do
      local at = word(0x1C) + 40 * i
      local name = ("z"):unpack(data, word(at) + 1)
      sizes[#sizes + 1] = ('_Static_assert(offsetof(struct %s, %s) == %d, "offset of %s");\n'):format(class, name, word(at + 8), name)
    end
  end
  assert(sys.write_file(dir .. "/sizes.c", table.concat(sizes)))
  lu.assertTrue(cc("sizes.c"), sys.read_file(dir .. "/cc.log"))
end

function TestOdm:test_two_processes_lose_nothing()
  local store = assert(odm.open(dir))
  define(store)
  assert(store:commit())
  local pids = {}
  for i = 1, 4 do
    pids[i] = assert(sys.spawn({ "/bin/sh", "-c",
      ("for n in 1 2 3; do printf 'CuAt:\\n\\tname = p%d.'$n'\\n' | ODMDIR=%s %s odm add || exit 1; done"):format(i, dir, bin) },
      {}))
  end
  for _, pid in ipairs(pids) do lu.assertEquals(sys.wait(pid).status, 0) end
  lu.assertEquals(#assert(store:get("CuAt")), 12)
end
