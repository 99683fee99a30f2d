-- SPDX-License-Identifier: MIT
local lu = require "luaunit"
local bff = require "altmig.bff"
local sys = require "altmig.sys"

local dir

local function archive(members, options)
  local path = dir .. "/archive.bff"
  local w = assert(bff.create(path, options))
  for _, m in ipairs(members) do assert(w:add(m)) end
  assert(w:close())
  return path
end

local function names(path)
  local list = {}
  local a <close> = assert(bff.open(path))
  for m in a:members() do list[#list + 1] = m.name end
  return list
end

TestBff = {}

function TestBff:setUp()
  dir = os.tmpname()
  os.remove(dir)
  assert(sys.mkdir(dir, 448))
end

function TestBff:tearDown() os.execute("rm -rf '" .. dir .. "'") end

local everything = {
  { name = "./", type = "dir", mode = 493, nlink = 3 },
  { name = "./empty", mode = 420 },
  { name = "./eight888", data = "12345678", uid = 7, gid = 4294967294, mtime = 1700000000 },
  { name = "./text", data = ("a line that packs well\n"):rep(1000), mode = 2541 },
  { name = "./link", type = "link", target = "../some/target", mode = 511 },
  { name = "./disk", type = "block", rdev_major = 10, rdev_minor = 8 },
  { name = "./null", type = "char", rdev_major = 2, rdev_minor = 2 },
  { name = "./fifo", type = "fifo" },
  { name = "./socket", type = "socket" },
}

local function check_everything(pack)
  local path = archive(everything, { pack = pack, date = 42 })
  local a <close> = assert(bff.open(path))
  lu.assertEquals(a:volume(), { date = 42, number = 1, user = "root" })
  local i = 0
  for m in a:members() do
    i = i + 1
    local want = everything[i]
    for key, value in pairs(want) do
      if key == "data" then
        lu.assertEquals(a:read(m), value)
        lu.assertEquals(m.size, #value)
      else
        lu.assertEquals(m[key], value)
      end
    end
    lu.assertEquals(m.mode, want.mode or 420)
    lu.assertEquals(m.packed, pack and want.name == "./text")
  end
  lu.assertEquals(i, #everything)
  lu.assertEquals(sys.stat(path).size % 51200, 0)
end

function TestBff:test_every_kind_of_member_round_trips() check_everything(false) end

function TestBff:test_every_kind_of_member_round_trips_packed() check_everything(true) end

function TestBff:test_directories_carry_the_bit_real_ones_have()
  local a <close> = assert(bff.open(archive(everything)))
  lu.assertEquals(a:next().aix_mode, tonumber("240755", 8))
end

function TestBff:test_names_of_one_file_are_linked()
  local path = dir .. "/links.bff"
  local w = assert(bff.create(path))
  local _, ino = assert(w:add { name = "a", data = "same", nlink = 2 })
  lu.assertEquals(ino, 0xFFFFFFFF)
  assert(w:add { name = "other", data = "same" })
  assert(w:add { name = "b", data = "same", nlink = 2, ino = ino })
  assert(w:close())
  local links = {}
  local a <close> = assert(bff.open(path))
  for m in a:members() do
    links[m.name] = m.link or "-"
    lu.assertEquals(a:read(m), "same")
  end
  lu.assertEquals(links, { a = "-", b = "a", other = "-" })
end

function TestBff:test_acl_and_pcl_are_kept()
  local acl, pcl = ("\24\0\0\0" .. ("\7"):rep(20)), ("\16\0\0\0" .. ("\1"):rep(12))
  local a <close> = assert(bff.open(archive { { name = "x", acl = acl, pcl = pcl, aix_mode = 0x2000000 } }))
  local m = a:next()
  lu.assertEquals(m.acl, acl)
  lu.assertEquals(m.pcl, pcl)
  lu.assertEquals(m.aix_mode, 0x2000000 | tonumber("100644", 8))
end

function TestBff:test_data_of_a_path()
  assert(sys.write_file(dir .. "/source", ("\0\1\2\3"):rep(100000)))
  local a <close> = assert(bff.open(archive({ { name = "copy", path = dir .. "/source" } }, { pack = true })))
  local m = a:next()
  lu.assertTrue(m.packed)
  local data, piece = "", a:read_some(m, 1000)
  while piece ~= "" do
    data = data .. piece
    piece = assert(a:read_some(m, 100000))
  end
  lu.assertEquals(data, ("\0\1\2\3"):rep(100000))
end

function TestBff:test_nothing_appears_before_close()
  local path = dir .. "/never.bff"
  do
    local w <close> = assert(bff.create(path))
    assert(w:add { name = "x", data = "y" })
  end
  lu.assertEquals(sys.list(dir), {})
  local w = assert(bff.create(path))
  local ok, message, code = w:add { name = "x", path = dir .. "/missing" }
  lu.assertNil(ok)
  lu.assertEquals(code, "ENOENT")
  lu.assertStrContains(message, "/missing")
  w:abort()
  lu.assertErrorMsgContains("closed", w.close, w)
  lu.assertEquals(sys.list(dir), {})
end

function TestBff:test_bad_names_are_refused()
  local w <close> = assert(bff.create(dir .. "/x"))
  for _, name in ipairs { "", "a\nb", ("x"):rep(1976) } do
    local ok, _, code = w:add { name = name }
    lu.assertNil(ok)
    lu.assertEquals(code, "BFF_NAME")
  end
  assert(w:add { name = ("x"):rep(1975) })
  lu.assertErrorMsgContains("NUL", w.add, w, { name = "a\0b" })
end

function TestBff:test_iteration_raises_what_is_wrong()
  local path = archive { { name = "x", data = "y" }, { name = "z", data = "y" } }
  local data = sys.read_file(path)
  assert(sys.write_file(path, data:sub(1, 300)))
  local ok, failure = pcall(names, path)
  lu.assertFalse(ok)
  lu.assertEquals(failure.code, "TRUNCATED")
  lu.assertStrContains(tostring(failure), path .. ": offset 0x")
  local a <close> = assert(bff.open(path))
  lu.assertEquals(a:next().name, "x")
  lu.assertEquals(select(3, a:next()), "TRUNCATED")
  lu.assertEquals(select(3, a:next()), "TRUNCATED")
end

function TestBff:test_misuse_raises()
  local a <close> = assert(bff.open(archive(everything)))
  local m = a:next()
  a:next()
  lu.assertErrorMsgContains("not the current member", a.read, a, m)
  a:close()
  a:close()
  lu.assertErrorMsgContains("closed", a.next, a)
  lu.assertErrorMsgContains("unknown type", function()
    local w <close> = assert(bff.create(dir .. "/x"))
    w:add { name = "x", type = "door" }
  end)
end

function TestBff:test_read_limit()
  local a <close> = assert(bff.open(archive { { name = "x", data = "12345" } }))
  local m = a:next()
  lu.assertEquals(select(3, a:read(m, 4)), "E2BIG")
  lu.assertEquals(a:read(m, 5), "12345")
end

function TestBff:test_from_a_reader_which_it_owns_then()
  archive(everything)
  local t <close> = assert(require("altmig.tree").at(dir))
  local reader = assert(t:open("/archive.bff"))
  local a <close> = assert(bff.open(reader))
  lu.assertErrorMsgContains("closed", reader.read, reader, 1)
  local count = 0
  for _ in a:members() do count = count + 1 end
  lu.assertEquals(count, #everything)
end

function TestBff:test_verify()
  lu.assertEquals(bff.verify(archive(everything, { pack = true })), { members = 9, bytes = 23008 })
  lu.assertEquals(select(3, bff.verify(dir .. "/missing")), "ENOENT")
end

local function sample(name)
  local path = SHARED_DIR .. "/samples/" .. name
  if not sys.stat(path) then lu.skip("no sample " .. name) end
  return path
end

function TestBff:test_real_archive()
  local path = sample "test.bff"
  local a <close> = assert(bff.open(path))
  local got = {}
  for m in a:members() do
    got[#got + 1] = ("%s %s %o %d %d %d %s"):format(m.name, m.type, m.mode, m.uid, m.ino, m.mtime, a:read(m))
  end
  lu.assertEquals(got, {
    "backup dir 755 388113 4294967295 1716803986 ",
    "backup/file.txt file 644 388113 0 1716803944 abc",
    "backup/folder dir 755 388113 4294967294 1716803992 ",
    "backup/folder/file_in_folder.txt file 644 388113 0 1716804004 xyz",
  })
end

function TestBff:test_archives_of_others()
  lu.assertEquals(bff.verify(sample "synthetic.bff").members, 11)
  local ok, message, code = bff.verify(sample "test_acl.bff")
  lu.assertNil(ok)
  lu.assertEquals(code, "BFF_CHECKSUM")
  lu.assertStrContains(message, "offset 0x0")
end

-- Every kind of member the writer has but the large one: two names of a file and an extended ACL too.
local function every_kind(pack)
  local path = dir .. "/kinds.bff"
  local w = assert(bff.create(path, { pack = pack }))
  for _, m in ipairs(everything) do assert(w:add(m)) end
  local _, ino = assert(w:add { name = "./one", data = "same", nlink = 2 })
  assert(w:add { name = "./two", data = "same", nlink = 2, ino = ino })
  local permit = ("<I2I2I2I2>I4"):pack(12, 0x4006, 8, 2, 214)
  assert(w:add { name = "./acl", data = "x", aix_mode = 0x2000000,
    acl = ("<I4I4I2I2I2I2"):pack(28, 0x2000000, 0, 7, 5, 0) .. permit .. "\0\0\0\0",
    pcl = ("<I4I4"):pack(16, 0x2000000 | tonumber("100644", 8)) .. ("\0"):rep(8) })
  assert(w:close())
  return path
end

function TestBff:test_the_beginning_of_an_archive_in_memory()
  local path = archive { { name = "./lpp_name", data = "the first" }, { name = "./large", data = ("x"):rep(10000) } }
  local a <close> = assert(bff.parse(assert(sys.read_file(path)):sub(1, 2000), "the image"))
  collectgarbage() -- it keeps the bytes
  local member = assert(a:next())
  lu.assertEquals({ member.name, a:read(member) }, { "./lpp_name", "the first" })
  member = assert(a:next())
  lu.assertEquals({ member.name, member.size }, { "./large", 10000 })
  local text, message, code = a:read(member)
  lu.assertNil(text)
  lu.assertEquals(code, "TRUNCATED")
  lu.assertStrContains(message, "the image")
  for _, wrong in ipairs { "", "x", "no archive at all, and long enough for a header of one, which has 72 bytes in all" } do
    lu.assertNil(bff.parse(wrong))
  end
  lu.assertErrorMsgContains("string expected", bff.parse)
end

function TestBff:test_another_decoder_agrees()
  local tool = SHARED_DIR .. "/tools/bff_check.py"
  if not sys.stat(tool) then lu.skip("no bff_check.py") end
  for _, pack in ipairs { false, true } do
    lu.assertEquals(bff.verify(every_kind(pack)).members, #everything + 3)
    local result = sys.run { "python3", tool, every_kind(pack) }
    if not result or result.status == 127 then lu.skip("no python3") end
    lu.assertStrContains(result.stdout, "members 12 OK []")
    lu.assertEquals(result.status, 0)
  end
end
