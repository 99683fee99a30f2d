-- The software side of the lab, on the host: object data manager, packages, images.

local lu = require "luaunit"
local resource = require "altmig.resource"

local has_sys, sys = pcall(require, "altmig.sys")

table.insert(package.searchers, 2, function(name)
  local short = name:match("^lab%.([%w_]+)$")
  local text, origin = resource.read("scripts/lab/lib/" .. (short or "?") .. ".lua")
  return text and assert(load(text, origin, "t"))
end)

local function scratch()
  local path = os.tmpname()
  os.remove(path)
  assert(sys.makedirs(path, 448))
  return path
end

TestLabOdm = {}

function TestLabOdm:setUp()
  if not has_sys then lu.skip("this program has no altmig.sys") end
  self.odm = require "lab.odm"
  self.dir = scratch()
  self.store = self.odm.open(self.dir)
  assert(self.store:create("CuAt"))
  for _, row in ipairs {
    { name = "hdisk0", attribute = "pvid", value = "00f60001aaaa0001", nls_index = 2 },
    { name = "hdisk1", attribute = "pvid", value = "none", nls_index = 2 },
    { name = "sys0", attribute = "maxuproc", value = "128", nls_index = 20 },
  } do assert(self.store:add("CuAt", row)) end
  assert(self.store:commit())
end

function TestLabOdm:tearDown()
  if self.store then self.store:close() end
  if self.dir then os.execute("rm -rf '" .. self.dir .. "'") end
end

function TestLabOdm:count(criteria) return #assert(self.store:get("CuAt", criteria)) end

function TestLabOdm:test_criteria()
  lu.assertEquals(self:count("name=hdisk0 and attribute=pvid"), 1)
  lu.assertEquals(self:count("name LIKE hdisk?"), 2)
  lu.assertEquals(self:count("name LIKE 'hdisk[!0]' OR name = sys0"), 2)
  lu.assertEquals(self:count("nls_index > 2"), 1)
  lu.assertEquals(self:count("nls_index <= 2 AND value != 'none'"), 1)
  lu.assertEquals(self:count(nil), 3)
  for _, bad in ipairs { "name", "name =", "name = 'x", "name = a b", "name = a AND" } do
    local list, _, code = self.store:get("CuAt", bad)
    lu.assertNil(list)
    lu.assertEquals(code, "ODM_CRITERIA")
  end
  local _, message = self.store:get("CuAt", "colour = red")
  lu.assertStrContains(message, "no descriptor 'colour'")
end

function TestLabOdm:test_nothing_is_written_before_commit()
  assert(self.store:change("CuAt", "name=hdisk1", { value = "00f60001aaaa0002" }))
  lu.assertEquals(assert(self.odm.open(self.dir):get("CuAt", "name=hdisk1"))[1].value, "none")
  assert(self.store:commit())
  lu.assertEquals(assert(self.odm.open(self.dir):get("CuAt", "name=hdisk1"))[1].value, "00f60001aaaa0002")
end

function TestLabOdm:test_close_forgets()
  lu.assertEquals(self.store:delete("CuAt"), 3)
  self.store:close()
  lu.assertEquals(self:count(), 3)
end

function TestLabOdm:test_odd_strings_survive()
  local odd = 'say "hi"\\n\nsecond\n\tthird\\'
  assert(self.store:add("CuAt", { name = "odd", value = odd }))
  assert(self.store:commit())
  lu.assertEquals(self.odm.open(self.dir):get("CuAt", "name=odd")[1].value, odd)
end

function TestLabOdm:test_format_has_every_descriptor_in_order()
  lu.assertEquals(self.odm.format("CuDep", { { dependency = "hd4", name = "rootvg" } }),
    '\nCuDep:\n\tname = "rootvg"\n\tdependency = "hd4"\n')
end

function TestLabOdm:test_input_is_checked()
  local ok, message = self.store:add("CuAt", { name = ("x"):rep(16) })
  lu.assertNil(ok)
  lu.assertStrContains(message, "longer than 15")
  ok, message = self.store:add("CuAt", { nls_index = "many" })
  lu.assertNil(ok)
  lu.assertStrContains(message, "'many' is no number")
  local list
  list, message = self.odm.parse("\nCuAt:\n\tname = \"no end\n")
  lu.assertNil(list)
  lu.assertStrContains(message, "line 3")
end

function TestLabOdm:test_a_second_writer_loses_nothing()
  local other = self.odm.open(self.dir)
  lu.assertEquals(#other:get("CuAt"), 3)
  assert(self.store:delete("CuAt", "name=sys0"))
  assert(self.store:commit())
  assert(other:add("CuAt", { name = "ent0" }))
  assert(other:commit())
  lu.assertEquals(self.odm.open(self.dir):get("CuAt", "name=sys0"), {})
end

TestLabImages = {}

local function digest(list)
  local parts = {}
  for i, e in ipairs(list) do
    parts[i] = table.concat({ e.path, e.type, e.mode, e.uid, e.gid, e.mtime, e.target or "", e.data or "" }, "\0")
  end
  return sys.sha256(table.concat(parts, "\1"))
end

local function by_path(list)
  local out = {}
  for _, entry in ipairs(list) do out[entry.path] = entry end
  return out
end

function TestLabImages:setUp()
  if not has_sys then lu.skip("this program has no altmig.sys") end
  self.images = require "lab.images"
end

function TestLabImages:test_the_same_seed_gives_the_same_bytes()
  for _, what in ipairs { "client", "master", "spot", "bos" } do
    lu.assertEquals(digest(self.images[what] { seed = 7 }), digest(self.images[what] { seed = 7 }), what)
  end
  lu.assertNotEquals(digest(self.images.client { seed = 7 }), digest(self.images.client { seed = 8 }))
end

function TestLabImages:test_levels_differ_where_they_should()
  local client, bos = by_path(self.images.client {}), by_path(self.images.bos {})
  local pristine = "/usr/lpp/bos/inst_root/etc/passwd"
  lu.assertStrContains(bos["/etc/passwd"].data, "srvproxy")
  lu.assertNil(client[pristine].data:find("srvproxy", 1, true))
  lu.assertNil(client[pristine].data:find("jdoe", 1, true))
  lu.assertStrContains(client["/etc/passwd"].data, "jdoe:!:1001")
  lu.assertEquals(bos["/etc/passwd"].data, bos[pristine].data)
  lu.assertNil(bos["/etc/objrepos/CuDv"], "customized devices are the client's alone")
  lu.assertNil(bos["/etc/rc.tcpip"], "it comes with bos.net.tcp.client")
end

function TestLabImages:test_parents_come_before_their_content()
  local seen = {}
  for _, entry in ipairs(self.images.client {}) do
    local parent = entry.path:match("^(.+)/[^/]+$")
    lu.assertTrue(not parent or seen[parent], entry.path)
    seen[entry.path] = entry.type == "dir" or entry.type == "link"
  end
end

function TestLabImages:test_files_and_bytes_make_it_larger()
  local plain, large = self.images.bos {}, self.images.bos { files = 50, bytes = 100000 }
  lu.assertEquals(#large - #plain, 50 + 50 + 1)
end

function TestLabImages:test_inventory_sum_is_that_of_sum_r()
  lu.assertEquals(require("lab.swvpd").sum("hello\n"), 36979)
end

TestLabPackages = {}

function TestLabPackages:setUp()
  if not has_sys or not pcall(require, "altmig.bff") then lu.skip("this program has no altmig.bff") end
  self.dir = scratch()
end

function TestLabPackages:tearDown()
  if self.dir then os.execute("rm -rf '" .. self.dir .. "'") end
end

function TestLabPackages:test_archives_in_the_big_format()
  local bigar = require "lab.bigar"
  local members = { { name = "a.al", data = "./x\n" }, { name = "odd", data = "12345" }, { name = "empty", data = "" } }
  local text = bigar.pack(members, 1)
  lu.assertEquals(bigar.unpack(text), { ["a.al"] = "./x\n", odd = "12345", empty = "" })
  lu.assertNil(bigar.unpack(text:sub(1, 300)))
  lu.assertNil(bigar.unpack("<aiaff>\n"))
end

function TestLabPackages:test_a_real_control_library()
  local file = io.open(SHARED_DIR .. "/samples/liblpp-cfengine-nova.a", "rb")
  if not file then lu.skip("no samples") end
  local members = require("lab.bigar").unpack(file:read("a"))
  file:close()
  lu.assertStrContains(members["cfengine.cfengine-nova.inventory"] or "", "checksum")
end

function TestLabPackages:test_lpp_name_round_trip()
  local lppname = require "lab.lppname"
  local image = { package = "p.q", kind = "I", filesets = { { name = "p.q.rte", level = "1.2.3.4", bosboot = "b", content = "B",
    description = "Some Text", date = "2320", prereq = "*prereq a.b 1.0.0.0\n", sizes = { { dir = "/usr", blocks = 8, temporary = 0 } },
    fixes = {} } } }
  lu.assertEquals(lppname.parse(lppname.format(image)), image)
  lu.assertNil(lppname.parse("4 R I x {\nno level here\n}\n"))
end

function TestLabPackages:test_the_lpp_source_holds_sound_images()
  local images, bff = require "lab.images", require "altmig.bff"
  assert(images.write_tree(images.lpp_source {}, self.dir))
  local names = assert(sys.list(self.dir .. "/installp/ppc"))
  lu.assertTrue(#names >= 9)
  for _, name in ipairs(names) do lu.assertNotNil(bff.verify(self.dir .. "/installp/ppc/" .. name), name) end
  local archive = assert(bff.open(self.dir .. "/installp/ppc/bos"))
  lu.assertEquals(archive:next().name, "./lpp_name")
  archive:close()
end
