-- SPDX-License-Identifier: MIT
-- Directories of installp images: which are read, what their libraries say, and what a baseline shipped.

local lu = require "luaunit"
local bff = require "altmig.bff"
local bigar = require "altmig.bigar"
local err = require "altmig.err"
local images = require "altmig.aix.packages"
local sys = require "altmig.sys"

local dir

-- An image: filesets { name, level, content }, members { path, data }, libraries { path = { member = text } }; kind: S of an update.
local function image(file, package, filesets, members, libraries, kind)
  local text = { ("4 R %s %s {\n"):format(kind or "I", package) }
  for _, f in ipairs(filesets) do
    text[#text + 1] = ("%s %s 01 N %s en_US A fileset # 2018\n[\n*prereq bos.rte 7.1.0.0\n%%\n/etc 8\n%%\n%%\n%%\n%%\n]\n")
      :format(f[1], f[2], f[3] or "U")
  end
  local w = assert(bff.create(dir .. "/" .. file, { pack = true }))
  assert(w:add { name = "./", type = "dir", mode = 493 })
  assert(w:add { name = "./lpp_name", data = table.concat(text) .. "}\n" })
  for _, library in ipairs(libraries or {}) do
    assert(w:add { name = library[1], data = assert(bigar.format(library[2])) })
  end
  for _, member in ipairs(members or {}) do assert(w:add { name = member[1], data = member[2] }) end
  assert(w:close())
end

TestImages = {}

function TestImages:setUp()
  dir = os.tmpname()
  os.remove(dir)
  assert(sys.makedirs(dir .. "/installp/ppc", 448))
  self.top = dir
  dir = dir .. "/installp/ppc"
end

function TestImages:tearDown() os.execute("rm -rf '" .. self.top .. "'") end

local function directory(self) return images.of_word({}, self.top) end

function TestImages:test_an_lpp_name()
  local name = images.parse_name ("4 R I bos {\nbos.rte 7.1.5.30 01 b B en_US Runtime\n[\n*prereq x 1.1.1.1 01 N U en_US y\n%\n%\n"
    .. "%\n%\n%\n]\n}\n")
  lu.assertEquals({ name.package, name.kind, #name.filesets }, { "bos", "I", 1 })
  local fileset = name.filesets[1]
  lu.assertEquals({ fileset.name, fileset.level, fileset.content }, { "bos.rte", "7.1.5.30", "B" })
  for _, text in ipairs { "", "3 R I bos {\n", "4 R I ../x {\na.b 1.1.1.1 01 N U en_US x\n", "4 R I bos {\n}\n", "\0\1" } do
    lu.assertNil(images.parse_name(text), text)
  end
end

function TestImages:test_names_tell_which_images_are_worth_reading()
  local names = { ".toc", "bos", "bos.net.7.1.5.33.I", "bos.net.tcp.client.7.1.5.33.U", "other.rte.1.0.0.0.I", "odd name", "x.rpm",
    "bos.ne.7.1.0.0.I", "devices.x.7.1.0.0.N.I" }
  lu.assertEquals(images.worth_reading(names, { ["bos.net.tcp.client"] = "7.1.5.30" }),
    { "bos", "bos.net.7.1.5.33.I", "bos.net.tcp.client.7.1.5.33.U", "odd name" })
end

function TestImages:test_the_lists_of_what_will_be_installed()
  local function libraries(text)
    return { { "./usr/lpp/a/liblpp.a", { { name = "a.one.al", data = "./usr/bin/one\n./usr/lpp/a/inst_root/etc/one\n" },
        { name = "a.two.al", data = "./usr/bin/two\n" } } },
      { "./usr/lpp/a/inst_root/liblpp.a", { { name = "a.one.al", data = "./etc/one\n./etc/../x\n" },
        { name = "a.one.cfgfiles", data = text } } } }
  end
  image("a.2.0.0.0.I", "a", { { "a.one", "2.0.0.0", "B" }, { "a.two", "2.0.0.0" }, { "a.new", "2.0.0.0" } }, {},
    libraries "./etc/one hold_new\n")
  image("a.3.0.0.0.I", "a", { { "a.one", "3.0.0.0", "B" }, { "a.two", "1.0.0.0" } }, {}, libraries "./etc/one preserve\n")
  image("a.1.0.0.0.I", "a", { { "a.one", "1.0.0.0", "B" } }, {}, libraries "./etc/one user_merge\n")
  assert(sys.write_file(dir .. "/README", "not an image\n"))
  local found = images.handling(directory(self), { ["a.one"] = "1.5.0.0", ["a.two"] = "1.0.0.0" })
  lu.assertEquals(found.filesets["a.one"], { level = "3.0.0.0", paths = { "/usr/bin/one", "/etc/one" },
    lists = { { image = "a.3.0.0.0.I", text = "./etc/one preserve\n\n" } } })
  lu.assertEquals(found.filesets["a.two"].level, "2.0.0.0")
  lu.assertNil(found.filesets["a.new"])
  lu.assertEquals(found.problems, {})
end

-- An update has the files that it brings alone: those of its base level come with it, and what it says itself counts.
function TestImages:test_the_lists_of_a_base_level_and_its_updates()
  local function libraries(where, files, text)
    return { { ("./usr/lpp/%s/liblpp.a"):format(where), { { name = "a.one.al", data = "./usr/bin/one\n" } } },
      { ("./usr/lpp/%s/inst_root/liblpp.a"):format(where), { { name = "a.one.al", data = files },
        { name = "a.one.cfgfiles", data = text } } } }
  end
  local function update(level, files, text)
    image(("a.one.%s.U"):format(level), "a", { { "a.one", level, "B" } }, {}, libraries("a/a.one/" .. level, files, text), "S")
  end
  image("a.2.0.0.0.I", "a", { { "a.one", "2.0.0.0", "B" } }, {}, libraries("a", "./etc/one\n./etc/two\n", "./etc/one hold_new\n"))
  image("a.1.9.0.0.I", "a", { { "a.one", "1.9.0.0", "B" } }, {}, libraries("a", "./etc/old\n", "./etc/old preserve\n"))
  update("2.0.0.5", "./etc/two\n./etc/three\n", "./etc/two preserve\n")
  update("1.9.0.3", "./etc/old\n", "./etc/old new\n")
  local found = images.handling(directory(self), { ["a.one"] = "1.0.0.0" }).filesets["a.one"]
  lu.assertEquals(found, { level = "2.0.0.5", paths = { "/usr/bin/one", "/etc/two", "/etc/three", "/etc/one" },
    lists = { { image = "a.one.2.0.0.5.U", text = "./etc/two preserve\n\n" },
      { image = "a.2.0.0.0.I", text = "./etc/one hold_new\n\n" } } })
  -- The system has the base level already.
  found = images.handling(directory(self), { ["a.one"] = "2.0.0.0" }).filesets["a.one"]
  lu.assertEquals({ found.level, found.paths }, { "2.0.0.5", { "/usr/bin/one", "/etc/two", "/etc/three" } })
end

function TestImages:test_a_damaged_image_is_a_problem_and_the_others_are_read()
  image("a.2.0.0.0.I", "a", { { "a.one", "2.0.0.0" } }, {}, { { "./usr/lpp/a/liblpp.a",
    { { name = "a.one.cfgfiles", data = "./x new\n" } } } })
  image("b.2.0.0.0.I", "b", { { "b.one", "2.0.0.0" } }, { { "./usr/lpp/b/liblpp.a", "no archive" } })
  local text = assert(sys.read_file(dir .. "/a.2.0.0.0.I"))
  assert(sys.write_file(dir .. "/c.2.0.0.0.I", text:sub(1, 300)))
  local found = images.handling(directory(self), { ["a.one"] = "1.0.0.0", ["b.one"] = "1.0.0.0", ["c.one"] = "1.0.0.0" })
  lu.assertEquals(found.filesets["a.one"].lists, { { image = "a.2.0.0.0.I", text = "./x new\n\n" } })
  local told = {}
  for _, problem in ipairs(found.problems) do told[problem.image] = problem.message end
  lu.assertStrContains(told["b.2.0.0.0.I"], "liblpp.a")
  lu.assertNotNil(told["c.2.0.0.0.I"])
  lu.assertNil(found.filesets["b.one"])
end

function TestImages:test_what_the_old_level_shipped()
  image("bos", "bos", { { "bos.rte", "7.1.5.30", "B" }, { "bos.rte.net", "7.1.5.0", "B" } }, { { "./etc/a", "a of the base" },
    { "./usr/lpp/bos/inst_root/etc/a", "second of one image" }, { "./usr/lpp/bos/inst_root/etc/b", "b" }, { "./etc/unwanted", "x" } })
  image("bos.rte.7.1.5.33.U", "bos.rte", { { "bos.rte", "7.1.5.33", "B" } },
    { { "./usr/lpp/bos.rte/bos.rte/7.1.5.33/inst_root/etc/a", "a of the update" } })
  image("bos.rte.7.1.5.40.U", "bos.rte", { { "bos.rte", "7.1.5.40", "B" } },
    { { "./usr/lpp/bos.rte/bos.rte/7.1.5.40/inst_root/etc/a", "too new" } })
  image("acme.1.0.0.0.I", "acme", { { "acme.rte", "1.0.0.0", "B" } }, { { "./etc/b", "of a fileset the client has not" } })
  local got = {}
  local found = images.baseline(directory(self), { ["bos.rte"] = "7.1.5.33" }, { ["/etc/a"] = true, ["/etc/b"] = true,
    ["/etc/c"] = true }, function(path, data) got[path] = data end)
  lu.assertEquals(got, { ["/etc/a"] = "a of the update", ["/etc/b"] = "b" })
  lu.assertEquals({ found.images, found.files, found.skipped, found.bos }, { 2, 2, 1, "7.1.5.30" })
end

function TestImages:test_the_order_of_the_images_does_not_matter()
  image("a-late", "p", { { "p.rte", "1.0.0.9" } }, { { "./etc/a", "late" } })
  image("b-early", "p", { { "p.rte", "1.0.0.1" } }, { { "./etc/a", "early" } })
  local got
  images.baseline(directory(self), { ["p.rte"] = "1.0.1.0" }, { ["/etc/a"] = true }, function(_, data) got = data end)
  lu.assertEquals(got, "late")
end

function TestImages:test_the_level_of_a_baseline()
  local level, message, code = err.returned(images.bos_level, directory(self))
  lu.assertNil(level)
  lu.assertStrContains(message, "has no bos image")
  lu.assertEquals(code, "BASELINE")
  image("bos", "bos", { { "bos.mp64", "7.1.5.31" }, { "bos.rte", "7.1.5.30" } })
  lu.assertEquals(images.bos_level(directory(self)), "7.1.5.30")
end

function TestImages:test_words_that_mean_nothing()
  local ok, e = pcall(images.of_word, {}, self.top .. "/none")
  lu.assertFalse(ok)
  lu.assertEquals(e.code, "ENOENT")
  assert(sys.write_file(self.top .. "/file", ""))
  ok, e = pcall(images.of_word, {}, self.top .. "/file")
  lu.assertFalse(ok)
  lu.assertEquals(e.code, "ENOTDIR")
end

-- The steps of phase 5 on a client without file systems, with an image of two members.
function TestImages:test_the_bos_image_is_read_within_the_same_bounds()
  local steps, asked = require("altmig.run.steps.bos").steps, {}
  local archive = { close = function() end }
  function archive.read(_, member, max)
    asked[member.name] = max
    return nil, "read: too large", "EFBIG"
  end
  local open = bff.open
  bff.open = function() return archive end
  for _, name in ipairs { "./lpp_name", "./usr/lpp/bos/liblpp.a" } do
    local members = { { name = name, type = "file", size = 1, offset = 0 } }
    archive.members = function() return function() return table.remove(members) end end
    local m = { lpp_source = { name = "l" }, alt_filesystems = function() return function() end end,
      bos_image = function() return { open = function() end, host = "h", path = "p" } end,
      track = function(_, _, _, fn) return fn(function() end) end }
    local ok, problem = pcall(steps.inspect_bos.run, m)
    lu.assertEquals({ ok, problem.code }, { false, "EFBIG" })
  end
  bff.open = open
  lu.assertEquals(asked, { ["./lpp_name"] = 8 << 20, ["./usr/lpp/bos/liblpp.a"] = 64 << 20 })
end

-- The image of an lpp_source with host = "local", as phase 5 reads it: inspected, restored, compared.
function TestImages:test_the_bos_image_of_the_engine_host_is_restored()
  local tree = require "altmig.tree"
  local w = assert(bff.create(dir .. "/bos.image", {}))
  assert(w:add { name = "./lpp_name", data = "4 R I bos {\nbos.rte 07.02.0005.0000 01 b B en_US Base\n}\n" })
  assert(w:add { name = "./etc/motd", data = "new\n" })
  assert(w:close())
  assert(sys.symlink("bos.image", dir .. "/bos"))
  assert(sys.write_file(self.top .. "/nim.lua", ([[return { master = { name = "nim", ssh = {} },
    clients = { lpar = { ssh = {} } }, lpp_source = { here = { location = "%s", host = "local" } } }]]):format(self.top), { mode = 384 }))
  local m = require("altmig.migration").new { client = "lpar", lpp_source = "here", nim = self.top .. "/nim.lua", no_log = true }
  assert(sys.mkdir(self.top .. "/copy", 448))
  local copy <close> = assert(tree.at(self.top .. "/copy"))
  local source = m:bos_image()
  lu.assertEquals({ source.host, source.size }, { "engine host", sys.stat(dir .. "/bos").size })
  lu.assertEquals(m:bos_level(), { version = 7, release = 2 })
  local stats = assert(copy:restore(source.open(), { exclude = { "/lpp_name" }, again = source.open }))
  lu.assertEquals(stats.files, 1)
  lu.assertEquals(copy:read("/etc/motd"), "new\n")
  lu.assertEquals(assert(copy:verify(source.open(), { exclude = { "/lpp_name" } })), {})
  assert(sys.remove(dir .. "/bos"))
  lu.assertNil(m:bos_level())
end
