-- SPDX-License-Identifier: MIT
local lu = require "luaunit"
local bff = require "altmig.bff"
local sys = require "altmig.sys"

local bin = os.getenv("ALTMIG_BIN")
local dir

local function run(words, opts)
  return assert(sys.run({ bin, "bff", table.unpack(words) }, opts))
end

local function archive(members)
  local w = assert(bff.create(dir .. "/a.bff"))
  for _, m in ipairs(members) do assert(w:add(m)) end
  assert(w:close())
  return dir .. "/a.bff"
end

TestBffCommand = {}

function TestBffCommand:setUp()
  dir = os.tmpname()
  os.remove(dir)
  assert(sys.mkdir(dir, 448))
end

function TestBffCommand:tearDown() os.execute("rm -rf '" .. dir .. "'") end

function TestBffCommand:test_standard_input()
  local text = assert(sys.read_file(archive { { name = "./x/y", data = "content" } }))
  lu.assertStrContains(run({ "list", "-" }, { stdin = text }).stdout, "./x/y")
  lu.assertEquals(run({ "extract", "-C", dir .. "/out", "-" }, { stdin = text }).status, 0)
  lu.assertEquals(sys.read_file(dir .. "/out/x/y"), "content")
  lu.assertEquals(run({ "extract", "-C", dir .. "/out", "-" }, { stdin = text:sub(1, 120) }).status, 1)
end

function TestBffCommand:test_a_tree_comes_back()
  local tree = dir .. "/tree"
  assert(sys.makedirs(tree .. "/d/e"))
  assert(sys.write_file(tree .. "/d/text", ("packs well\n"):rep(5000), { mode = 416 }))
  assert(sys.write_file(tree .. "/d/e/x", "\0\1", { mode = 365 }))
  assert(sys.symlink("nowhere/at all", tree .. "/d/l"))
  assert(sys.utime(tree .. "/d/text", 1000, 2000))
  assert(sys.utime(tree .. "/d/e", 1000, 3000))
  local made = run({ "create", "-p", dir .. "/t.bff" },
    { cwd = tree, stdin = "./d\n./d/text\n./d/e\n./d/e/x\n./d/l\n" })
  lu.assertEquals({ made.status, made.stderr }, { 0, "" })
  local out = run { "extract", "-C", dir .. "/out", dir .. "/t.bff" }
  lu.assertEquals({ out.status, out.stderr }, { 0, "" })
  lu.assertEquals(sys.read_file(dir .. "/out/d/text"), ("packs well\n"):rep(5000))
  lu.assertEquals(sys.read_file(dir .. "/out/d/e/x"), "\0\1")
  lu.assertEquals(sys.readlink(dir .. "/out/d/l"), "nowhere/at all")
  for _, name in ipairs { "d", "d/text", "d/e", "d/e/x" } do
    local a, b = sys.lstat(tree .. "/" .. name), sys.lstat(dir .. "/out/" .. name)
    lu.assertEquals({ b.mode, b.mtime, b.uid }, { a.mode, math.floor(a.mtime), a.uid })
  end
  lu.assertEquals(run({ "verify", dir .. "/t.bff" }).stdout, dir .. "/t.bff: 5 members, 55002 bytes\n")
  local lines = run({ "list", dir .. "/t.bff" }).stdout
  lu.assertStrMatches(lines, ".*%-rw%-r%-%-%-%-%- +%d+ +%d+ +55000 1970%-01%-01 %d%d:%d%d %./d/text\n.*")
  lu.assertStrContains(lines, "./d/l -> nowhere/at all\n")
end

function TestBffCommand:test_nothing_leaves_the_directory()
  assert(sys.mkdir(dir .. "/outside"))
  assert(sys.mkdir(dir .. "/in"))
  assert(sys.symlink("../outside", dir .. "/in/there"))
  local r = run { "extract", "-C", dir .. "/in", archive {
    { name = "../up", data = "x" },
    { name = "a/../../up", data = "x" },
    { name = "link", type = "link", target = "../outside" },
    { name = "link/file", data = "x" },
    { name = "there/file", data = "x" },
    { name = "there", type = "dir" },
    { name = "/absolute", data = "kept" },
    { name = "victim", type = "link", target = "../outside/victim" },
    { name = "victim", data = "replaces the link" },
  } }
  lu.assertEquals(r.status, 1)
  lu.assertEquals(sys.list(dir .. "/outside"), {})
  lu.assertNil(sys.lstat(dir .. "/up"))
  lu.assertEquals(sys.read_file(dir .. "/in/absolute"), "kept")
  lu.assertEquals(sys.lstat(dir .. "/in/victim").type, "file")
  local _, complaints = r.stderr:gsub("\n", "")
  lu.assertEquals(complaints, 5)
end

function TestBffCommand:test_names_select_and_further_names_are_links()
  local w = assert(bff.create(dir .. "/a.bff"))
  local _, ino = w:add { name = "./d/one", data = "same", nlink = 2 }
  assert(w:add { name = "./d/two", data = "same", nlink = 2, ino = ino })
  assert(w:add { name = "./other", data = "x" })
  assert(w:close())
  local r = run { "extract", "-C", dir .. "/o", dir .. "/a.bff", "d", "missing" }
  lu.assertEquals(r.status, 1)
  lu.assertStrContains(r.stderr, "missing: not in the archive")
  lu.assertEquals(sys.list(dir .. "/o"), { "d" })
  lu.assertEquals(sys.stat(dir .. "/o/d/one").ino, sys.stat(dir .. "/o/d/two").ino)
  -- The first name was not asked for: the second brings its own data.
  lu.assertEquals(run({ "extract", "-C", dir .. "/p", dir .. "/a.bff", "./d/two" }).status, 0)
  lu.assertEquals(sys.read_file(dir .. "/p/d/two"), "same")
end

function TestBffCommand:test_trouble_is_reported()
  local path = archive { { name = "x", data = "y" } }
  assert(sys.truncate(path, 150))
  local r = run { "extract", "-C", dir .. "/o", path }
  lu.assertEquals(r.status, 1)
  lu.assertStrContains(r.stderr, path .. ": offset 0x96: ends within")
  lu.assertEquals(run({ "frobnicate" }).status, 2)
  lu.assertEquals(run({ "list" }).status, 2)
  r = run({ "create", dir .. "/b.bff" }, { stdin = "/no/such/file\n" })
  lu.assertEquals(r.status, 1)
  lu.assertStrContains(r.stderr, "/no/such/file")
  lu.assertNil(sys.stat(dir .. "/b.bff"))
end
