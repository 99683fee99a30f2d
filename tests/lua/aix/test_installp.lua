-- SPDX-License-Identifier: MIT
-- The index of a directory of images: what they say themselves, whatever files are called; hostile directories.

local lu = require "luaunit"
local bff = require "altmig.bff"
local bigar = require "altmig.bigar"
local err = require "altmig.err"
local installp = require "altmig.installp"
local sys = require "altmig.sys"
local tree = require "altmig.tree"

local dir

local function text_of(package, type, filesets)
  local text = { ("4 R %s %s {\n"):format(type, package) }
  for _, f in ipairs(filesets) do
    text[#text + 1] = ("%s %s 01 N %s en_US A fileset\n[\n%s%%\n%s%%\n%s%%\n%%\n%%\n]\n")
      :format(f[1], f[2], f[3] or "U", f.requisites or "", f.sizes or "/usr 8\n", f.supersedes or "")
  end
  return table.concat(text) .. "}\n"
end

local function image(file, text, before)
  local w = assert(bff.create(dir .. "/" .. file))
  for _, member in ipairs(before or { { name = "./", type = "dir", mode = 493 } }) do assert(w:add(member)) end
  assert(w:add { name = "./lpp_name", data = text })
  assert(w:add { name = "./usr/bin/x", data = "program" })
  assert(w:close())
end

local function files(source)
  local list = {}
  for i, one in ipairs(source.images) do list[i] = one.file end
  return list
end

local function problems(source)
  local told = {}
  for _, one in ipairs(source.problems) do told[one.file] = one.code end
  return told
end

TestInstallpIndex = {}

function TestInstallpIndex:setUp()
  self.top = os.tmpname()
  os.remove(self.top)
  for _, folder in ipairs { "installp/ppc", "RPMS/ppc", "emgr/ppc" } do
    assert(sys.makedirs(self.top .. "/lpp/" .. folder, 448))
  end
  dir = self.top .. "/lpp/installp/ppc"
end

function TestInstallpIndex:tearDown() os.execute("rm -rf '" .. self.top .. "'") end

function TestInstallpIndex:test_what_an_image_says_counts_and_not_its_name()
  image("zzz.9.9.9.9.U", text_of("a", "I", { { "a.one", "02.01.0000.0001", "B", requisites = "*prereq bos.rte 7.1.0.0\n",
    sizes = "/usr 100\nINSTWORK 8 4\n", supersedes = "a.old 1.0.0.0\n" } }))
  image("a.one.1.0.0.0.I", text_of("b", "S", { { "b.two", "1.0.0.5" }, { "a.one", "2.1.0.2" } }))
  assert(sys.write_file(dir .. "/.toc", "0 0101000018 1\nnone.1.0.0.0.I 4 R I none {\nnone.rte 1.0.0.0\n}\n"))
  assert(sys.write_file(self.top .. "/lpp/RPMS/ppc/acme-lib-2.0-1.aix7.2.ppc.rpm", "rpm"))
  assert(sys.write_file(self.top .. "/lpp/emgr/ppc/IV00001s1a.180306.epkg.Z", "\x1f\x9d"))
  local source = installp.source(self.top .. "/lpp")
  lu.assertEquals(source.problems, {})
  lu.assertEquals(files(source), { "RPMS/ppc/acme-lib-2.0-1.aix7.2.ppc.rpm", "emgr/ppc/IV00001s1a.180306.epkg.Z",
    "installp/ppc/a.one.1.0.0.0.I", "installp/ppc/zzz.9.9.9.9.U" })
  lu.assertEquals({ source.images[1].kind, source.images[1].name, source.images[1].level }, { "rpm", "acme-lib", "2.0-1" })
  lu.assertEquals({ source.images[2].kind, source.images[2].name }, { "ifix", "IV00001s1a" })
  local rows = {}
  for i, row in ipairs(source:filesets()) do rows[i] = { row.fileset.name, row.fileset.level, row.image.type, row.image.file } end
  lu.assertEquals(rows, { { "a.one", "2.1.0.1", "I", "installp/ppc/zzz.9.9.9.9.U" },
    { "a.one", "2.1.0.2", "S", "installp/ppc/a.one.1.0.0.0.I" }, { "b.two", "1.0.0.5", "S", "installp/ppc/a.one.1.0.0.0.I" } })
  local one = source:filesets()[1].fileset
  lu.assertEquals(one.requisites, "*prereq bos.rte 7.1.0.0\n")
  lu.assertEquals(one.sizes, { { path = "/usr", blocks = 100, temporary = 0 }, { path = "INSTWORK", blocks = 8, temporary = 4 } })
  lu.assertEquals(one.supersedes, { { name = "a.old", level = "1.0.0.0" } })
end

function TestInstallpIndex:test_a_flat_directory_and_a_tree()
  os.execute("mv '" .. dir .. "' '" .. self.top .. "/flat'")
  dir = self.top .. "/flat"
  image("a", text_of("a", "I", { { "a.one", "1.0.0.0" } }))
  assert(sys.write_file(dir .. "/x-1-1.ppc.rpm", ""))
  lu.assertEquals(files(installp.source(dir)), { "a", "x-1-1.ppc.rpm" })
  local t <close> = assert(tree.at(self.top))
  lu.assertEquals(files(installp.source(t, "/flat")), { "a", "x-1-1.ppc.rpm" })
end

function TestInstallpIndex:test_what_is_no_image_or_leads_out_is_named_and_skipped()
  local good = text_of("a", "I", { { "a.one", "1.0.0.0" } })
  image("good", good)
  assert(sys.write_file(self.top .. "/secret", "secret"))
  assert(sys.symlink("../../../secret", dir .. "/out"))
  assert(sys.symlink(self.top .. "/secret", dir .. "/absolute"))
  assert(sys.symlink("good", dir .. "/inside"))
  assert(sys.symlink("loop", dir .. "/loop"))
  assert(sys.symlink("nowhere", dir .. "/dangling"))
  assert(sys.mknod(dir .. "/fifo", "fifo", 384)) -- opening it would hang
  assert(sys.write_file(dir .. "/README", "not an image\n"))
  assert(sys.write_file(dir .. "/empty", ""))
  local whole = assert(sys.read_file(dir .. "/good"))
  assert(sys.write_file(dir .. "/cut", whole:sub(1, 200)))
  image("no-name", good, { { name = "./usr/bin/first", data = "x" } })
  image("a link first", good, { { name = "./lpp_name", type = "link", target = "/etc/passwd" } })
  local deep = {}
  for i = 1, 1000 do deep[i] = { name = "./d" .. i, type = "dir", mode = 493 } end
  image("deep", good, deep)
  image("old format", "3 R I a {\n}\n")
  image("$(touch x);`id`", good)
  image("two\nlines", good)
  local source = installp.source(self.top .. "/lpp")
  lu.assertEquals(files(source), { "installp/ppc/$(touch x);`id`", "installp/ppc/good", "installp/ppc/inside", "installp/ppc/two\nlines" })
  local told = problems(source)
  local at = "installp/ppc/"
  -- "/" of an absolute link is the directory itself, as over NFS.
  lu.assertEquals({ told[at .. "out"], told[at .. "absolute"], told[at .. "loop"] }, { "OUTSIDE_TREE", "ENOENT", "ELOOP" })
  lu.assertEquals({ told[at .. "no-name"], told[at .. "a link first"], told[at .. "deep"], told[at .. "old format"] },
    { "IMAGE_NAME", "IMAGE_NAME", "IMAGE_NAME", "LPP_NAME" })
  for _, name in ipairs { "README", "empty", "cut", "dangling" } do lu.assertNotNil(told[at .. name], name) end
  lu.assertNil(told[at .. "fifo"])
end

function TestInstallpIndex:test_an_lpp_name_without_end_is_bounded()
  local lines = {}
  for i = 1, 1000000 do lines[i] = "/u 1\n" end
  image("entries", text_of("a", "I", { { "a.one", "1.0.0.0", sizes = table.concat(lines) } }))
  image("large", ("x"):rep(9 << 20))
  for i = 1, 20000 do lines[i] = "a.b 1.0.0.0 01 N U C x\n" end
  image("filesets", "4 R I a {\n" .. table.concat(lines, "", 1, 20000) .. "}\n")
  local source = installp.source(self.top .. "/lpp")
  lu.assertEquals(source.images, {})
  lu.assertEquals(problems(source), { ["installp/ppc/entries"] = "LPP_NAME", ["installp/ppc/filesets"] = "LPP_NAME",
    ["installp/ppc/large"] = "E2BIG" })
  lu.assertStrContains(source.problems[1].message, "more lines than an image can have")
end

function TestInstallpIndex:test_an_image_is_read_once_until_it_changes()
  local cache = self.top .. "/state/cache"
  image("a", text_of("a", "I", { { "a.one", "1.0.0.0" } }))
  image("b", text_of("b", "I", { { "b.one", "1.0.0.0", requisites = "*prereq \xff 1\n" } }))
  local first = installp.source(self.top .. "/lpp", nil, { cache = cache })
  lu.assertEquals(first.read, 2)
  lu.assertNil(first.unremembered)
  local again = installp.source(self.top .. "/lpp", nil, { cache = cache })
  lu.assertEquals(again.read, 1) -- JSON has no bytes that are no UTF-8
  lu.assertEquals(again:filesets(), first:filesets())
  image("a", text_of("a", "I", { { "a.one", "2.0.0.0" } }))
  assert(sys.utime(dir .. "/a", 1, 1))
  local changed = installp.source(self.top .. "/lpp", nil, { cache = cache })
  lu.assertEquals({ changed.read, changed:filesets()[1].fileset.level }, { 2, "2.0.0.0" })
  for _, damage in ipairs { "", "\0", "{}\n{}\n", assert(sys.read_file(cache)):gsub('"sizes":%[', '"sizes":[1,', 1) } do
    assert(sys.write_file(cache, damage))
    lu.assertEquals(installp.source(self.top .. "/lpp", nil, { cache = cache }).read, 2)
  end
  -- Another directory does not take it for its own.
  os.execute(("cp -a '%s/lpp' '%s/other'"):format(self.top, self.top))
  lu.assertEquals(installp.source(self.top .. "/other", nil, { cache = cache }).read, 2)
  assert(sys.mkdir(self.top .. "/dir"))
  lu.assertNotNil(installp.source(self.top .. "/lpp", nil, { cache = self.top .. "/dir" }).unremembered)
end

local function library(members)
  for _, member in ipairs(members) do member.mode, member.date = 420, 0 end
  return assert(bigar.format(members))
end

-- An image with control libraries, `gap` bytes of another file before the second.
local function with_libraries(file, text, usr, root, gap)
  local w = assert(bff.create(dir .. "/" .. file))
  assert(w:add { name = "./lpp_name", data = text })
  assert(w:add { name = "./usr/lpp/a/liblpp.a", data = usr })
  if gap then assert(w:add { name = "./usr/lpp/a/README", data = ("x"):rep(gap) }) end
  if root then assert(w:add { name = "./usr/lpp/a/inst_root/liblpp.a", data = root }) end
  assert(w:add { name = "./usr/bin/x", data = "program" })
  assert(w:close())
end

function TestInstallpIndex:test_what_control_libraries_have()
  local usr = library { { name = "a.one.inventory", data = "/usr/bin/x:\n\ttype = FILE\n\tsize = 7\n/usr/bin/y:\n\ttype = SYMLINK\n" },
    { name = "a.one.namelist", data = "a.old\nb.older 1.0.0.0\n" }, { name = "a.one.post_i", data = "exit 0" },
    { name = "a.one.rm_inv", data = "/usr/bin/z:\n\ttype = FILE\n" }, { name = "a.one.lag", data = "license" },
    { name = "productid", data = "a 5765" }, { name = "other.fileset.post_i", data = "" } }
  local root_members = { { name = "a.one.inventory", data = "/etc/x:\n\ttype = FILE\n\tsize = VOLATILE\n" },
    { name = "a.one.cfgfiles", data = "./etc/x auto_merge\n./../etc/passwd preserve\n./etc/y\n" }, { name = "a.one.config", data = "" } }
  local root = library(root_members)
  local text = text_of("a", "I", { { "a.one", "1.0.0.0", "B" } })
  local want = { files = 3, bytes = 7, cfgfiles = { { path = "/etc/x", method = "auto_merge" } }, obsoletes = { "a.old", "b.older" },
    removes = 1, scripts = { "post_i", "root:config" } }
  local cache = self.top .. "/state/cache"
  -- In the first bytes, in more of them, and in an image that is read by itself, since a library is longer than they are.
  for i, gap in ipairs { 10, 200000, 300000 } do
    if i == 3 then root = library { { name = "a.one.trc", data = ("x"):rep(2000000) }, table.unpack(root_members) } end
    with_libraries("a", text, usr, root, gap)
    assert(sys.utime(dir .. "/a", i, i))
    local source = installp.source(self.top .. "/lpp", nil, { cache = cache })
    lu.assertEquals(source.problems, {})
    lu.assertEquals(source.images[1].filesets[1].library, want, gap)
    lu.assertTrue(source.images[1].filesets[1].licence)
    lu.assertEquals(installp.source(self.top .. "/lpp", nil, { cache = cache }).images[1].filesets[1].library, want, gap)
  end
  -- One that is not near the beginning is not looked for, and the image not opened for it.
  with_libraries("a", text, usr, library(root_members), 3000000)
  local t <close> = assert(tree.at(self.top .. "/lpp"))
  local opened = 0
  local counting = setmetatable({ open = function(_, ...) opened = opened + 1 return t:open(...) end },
    { __index = function(_, name) return function(_, ...) return t[name](t, ...) end end })
  local far = installp.source(counting)
  lu.assertEquals({ far.problems, opened, far.images[1].filesets[1].library.files }, { {}, 0, 2 })
  with_libraries("a", text_of("a", "I", { { "a.one", "1.0.0.0" } }), usr, nil)
  lu.assertEquals(installp.source(self.top .. "/lpp").images[1].filesets[1].library.files, 2)
  image("a", text)
  local fileset = installp.source(self.top .. "/lpp").images[1].filesets[1]
  lu.assertEquals({ fileset.library, fileset.licence }, {})
  image("a", text_of("a", "I", { { "a.one", "1.0.0.0", sizes = "/usr 8\nLAF<en_US>/usr/swlag/en_US/a.la 0\n" } }))
  lu.assertTrue(installp.source(self.top .. "/lpp").images[1].filesets[1].licence)
end

function TestInstallpIndex:test_a_broken_library_leaves_what_lpp_name_says()
  local text, cache = text_of("a", "I", { { "a.one", "1.0.0.0" } }), self.top .. "/state/cache"
  for name, data in pairs { magic = "no archive", member = library { { name = "a.one.inventory", data = "nonsense\n" } } } do
    with_libraries(name, text, data)
  end
  local cut = library { { name = "a.one.post_i", data = ("x"):rep(1000) } }
  with_libraries("cut", text, cut)
  local whole = assert(sys.read_file(dir .. "/cut"))
  assert(sys.write_file(dir .. "/cut", whole:sub(1, whole:find("xxxx", 1, true) + 100)))
  for _ = 1, 2 do -- what is wrong is told every time
    local source = installp.source(self.top .. "/lpp", nil, { cache = cache })
    lu.assertEquals(#source:filesets(), 3)
    lu.assertEquals(problems(source), { ["installp/ppc/magic"] = "BIGAR_MAGIC", ["installp/ppc/member"] = "INVENTORY",
      ["installp/ppc/cut"] = "TRUNCATED" })
    for _, one in ipairs(source.problems) do lu.assertTrue(one.listed) end
    lu.assertNil(source.images[1].filesets[1].library)
  end
end

-- The master behind SSH: `ls -ln`, scripts that sh runs here, in `dir`, and a reader.
local function host(listing, opened, asked)
  return { name = "nim01",
    must = function(_, argv) return listing[argv[3]] end,
    must_script = function(_, text, args)
      local argv = { "sh", "-c", text, "sh" }
      for i, word in ipairs(args) do argv[4 + i] = word:gsub("^/export/lpp/installp/ppc", dir) end
      asked[#asked + 1] = #args - 1
      return assert(sys.run(argv)).stdout
    end,
    holds = function(_, argv) return listing[argv[3]] ~= nil end,
    session = { open = function(_, path)
      opened[#opened + 1] = path
      local t <close> = assert(tree.at(dir))
      return t:open("/" .. path:match("[^/]*$"))
    end } }
end

function TestInstallpIndex:test_a_directory_of_the_master()
  image("a.I", text_of("a", "I", { { "a.one", "1.0.0.0" } }))
  image("it's", text_of("b", "I", { { "b.one", "1.0.0.0" } }))
  local opened, asked = {}, {}
  local world = function()
    return { master = host({ ["/export/lpp/installp/ppc"] = "total 16\n-rw-r--r--    1 0        0               512 Nov 27 20:06 a.I\n"
        .. "-rw-r--r--    1 0        0               512 Nov 27  2018 it's\ndrwxr-xr-x    2 0        0       256 Nov 27 20:06 sub\n"
        .. "lrwxrwxrwx    1 0        0                 3 Nov 27 20:06 same -> a.I\n"
        .. "lrwxrwxrwx    1 0        0                11 Nov 27 20:06 out -> /etc/passwd\n",
        ["/export/lpp/RPMS/ppc"] = "-rw-r--r-- 1 0 0 12 Nov 27 20:06 x-1-1.ppc.rpm\n" }, opened, asked),
      nim = { resource = function(_, kind, name) return { name = name, kind = kind, location = "/export/lpp", host = "master" } end } }
  end
  local source = installp.index(installp.place("lpp72", world))
  lu.assertEquals(source.name, "lpp_source lpp72 on nim01")
  lu.assertEquals(files(source), { "RPMS/ppc/x-1-1.ppc.rpm", "installp/ppc/a.I", "installp/ppc/it's" })
  -- One command for all of them; the link could not be read so (there is no such file here), and is opened by itself.
  lu.assertEquals({ asked, opened }, { { 3 }, { "/export/lpp/installp/ppc/same" } })
  lu.assertEquals(source.problems[1].code, "OUTSIDE_TREE")
  lu.assertStrContains(source.problems[1].message, "a link to /etc/passwd")
  local put
  local place = installp.place("lpp72", function()
    local m = world()
    m.master.session.put = function(_, ...) put = { ... } return true end
    return m
  end)
  place.write("installp/ppc/.toc", "text")
  lu.assertEquals(put, { "text", "/export/lpp/installp/ppc/.toc", { mode = 420 } })
end

-- An answer that is not as it should be: what can be told is taken, the rest is read by itself.
function TestInstallpIndex:test_a_master_that_answers_nonsense()
  local good = text_of("a", "I", { { "a.one", "1.0.0.0" } })
  image("a.I", good)
  image("b.I", text_of("b", "I", { { "b.one", "1.0.0.0" } }))
  local whole = assert(sys.read_file(dir .. "/a.I"))
  local listing = ("-rw-r--r-- 1 0 0 %d Nov 27 20:06 a.I\n-rw-r--r-- 1 0 0 %d Nov 27 20:06 b.I\n"):format(#whole, #whole)
  local function padded(text) return text .. ("\0"):rep(installp.head - #text) end
  local first = "+\n" .. padded(whole)
  for _, answer in ipairs { "", "-\n-\n", first, first .. "+\nshort", "motd\n", first .. "-\nmore" } do
    local opened, asked = {}, {}
    local master = host({ ["/export/lpp/installp/ppc"] = listing }, opened, asked)
    master.must_script = function() return answer end
    local source = installp.index(installp.place("lpp72", function()
      return { master = master, nim = { resource = function(_, kind, name)
        return { name = name, kind = kind, location = "/export/lpp", host = "master" }
      end } }
    end))
    lu.assertEquals({ #source:filesets(), source.problems }, { 2, {} })
    lu.assertEquals(#opened, answer == first and 1 or 2)
  end
end

function TestInstallpIndex:test_a_directory_that_is_not_there()
  local source, _, code = err.returned(installp.source, self.top .. "/none")
  lu.assertNil(source)
  lu.assertEquals(code, "ENOENT")
  source, _, code = err.returned(installp.source, dir .. "/file")
  lu.assertNil(source)
  lu.assertEquals(code, "ENOENT")
end
