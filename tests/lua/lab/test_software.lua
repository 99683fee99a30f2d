-- SPDX-License-Identifier: MIT
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
  lu.assertStrContains(message, "descriptor name")
  ok, message = self.store:add("CuAt", { nls_index = "many" })
  lu.assertNil(ok)
  lu.assertStrContains(message, "descriptor nls_index")
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

-- As on a system that was used for a while; the engine has to leave them, and reads what it read without them.
function TestLabImages:test_classes_have_bytes_that_no_value_has()
  local core = require "altmig.odm_core"
  local one, other = by_path(self.images.client { seed = 1 }), by_path(self.images.client { seed = 2 })
  for _, path in ipairs { "/usr/lib/objrepos/PdAt", "/usr/lib/objrepos/history", "/usr/lib/objrepos/sm_menu_opt",
    "/etc/objrepos/SRCsubsys" } do
    local data, strings = one[path].data, (one[path .. ".vc"] or {}).data
    local image <close> = assert(core.parse(path, data, strings))
    local clean <close> = assert(core.create(path, image:name(), image:descriptors()))
    for _, row in ipairs(image:get()) do assert(clean:add(row)) end
    lu.assertEquals(clean:get(), image:get(), path)
    local bytes = clean:images()
    lu.assertFalse(bytes == data, path)
    lu.assertEquals(#bytes, #data, path)
    lu.assertFalse(other[path].data == data, path .. " with another seed")
  end
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

TestLabInstallp = {}

function TestLabInstallp:setUp()
  if not has_sys or not pcall(require, "altmig.bff") then lu.skip("this program has no altmig.bff") end
  self.plan = require "lab.instplan"
end

local function item(name, level, prereq, package)
  return { name = name, level = level, prereq = prereq or "", package = package or name, kind = "I", image = name, sizes = {},
    bosboot = "N", content = "U", description = "" }
end

local function names(list)
  local out = {}
  for i, entry in ipairs(list) do out[i] = entry.name end
  return table.concat(out, " ")
end

function TestLabInstallp:test_requisites_come_first_and_are_gathered()
  local media = { item("a", "1.0.0.0", "*prereq b 1.0.0.0\n*coreq c 1.0.0.0\n"), item("b", "1.0.0.0", "*prereq c 1.0.0.0\n"),
    item("c", "1.0.0.0"), item("d", "1.0.0.0") }
  local plan = self.plan.plan(media, { { name = "a" } }, {}, { gather = true })
  lu.assertEquals(names(plan.install), "c b a")
  lu.assertEquals(plan.requisites, { b = true, c = true })
  plan = self.plan.plan(media, { { name = "a" } }, {}, {})
  lu.assertEquals(names(plan.install), "")
  lu.assertEquals(plan.failed[1].reason, "Requisite Failures")
end

function TestLabInstallp:test_a_failure_takes_its_dependents_along()
  local media = { item("a", "1.0.0.0", "*prereq b 1.0.0.0\n"), item("b", "1.0.0.0", "*prereq gone 1.0.0.0\n") }
  local plan = self.plan.plan(media, { { name = "a" }, { name = "b" } }, {}, { gather = true })
  lu.assertEquals(#plan.install, 0)
  lu.assertEquals(#plan.failed, 2)
end

function TestLabInstallp:test_forms_of_requisites()
  local function holds(text, levels)
    local requisites = require "lab.requisite"
    for _, need in ipairs(requisites.parse(text)) do
      if not requisites.holds(need, function(name) return levels[name] end) then return false end
    end
    return true
  end
  lu.assertTrue(holds("*ifreq x (5.1.0.0) 5.1.0.10\n", {}))
  lu.assertTrue(holds("*ifreq x (5.1.0.0) 5.1.0.10\n", { x = "5.2.0.0" }))
  lu.assertFalse(holds("*ifreq x (5.1.0.0) 5.1.0.10\n", { x = "5.1.0.0" }))
  lu.assertFalse(holds("*prereq x v=7 r>1\n", { x = "7.1.9.9" }))
  lu.assertTrue(holds("*prereq x v=7 r>1\n", { x = "7.2.0.0" }))
  lu.assertTrue(holds(">0 {\n*prereq x 7.0.0.0\n*prereq y 1.0.0.0\n}\n", { y = "1.0.0.0" }))
  lu.assertFalse(holds(">1 {\n*prereq x 7.0.0.0\n*prereq y 1.0.0.0\n}\n", { y = "1.0.0.0" }))
  lu.assertTrue(holds("*prereq x\n", { x = "0.0.0.1" }))
end

function TestLabInstallp:test_what_is_installed_and_what_is_not_there()
  local media = { item("a", "2.0.0.0"), item("bos.rte", "7.2.0.0", "", "bos") }
  local plan = self.plan.plan(media, { { name = "a" }, { name = "nothing" }, { name = "bos.rte" } }, { a = "2.0.0.0" }, {})
  lu.assertEquals(names(plan.already), "a")
  lu.assertEquals(plan.failed[1].reason, "Not found on the installation media")
  lu.assertEquals(plan.failed[2].reason, "Part of the BOS image")
  lu.assertEquals(names(self.plan.plan(media, { { name = "a" } }, { a = "1.9.9.9" }, {}).install), "a")
end

function TestLabInstallp:test_the_lpp_source_migrates_the_client()
  local images, dir = require "lab.images", scratch()
  assert(images.write_tree(images.lpp_source {}, dir))
  local media, installed, of_bos, selection, both = self.plan.media(dir .. "/installp/ppc"), {}, {}, {}, 0
  for _, m in ipairs(media) do
    if m.package == "bos" then installed[m.name], of_bos[m.name] = m.level, true end
  end
  for _, m in ipairs(media) do
    -- Media hold the updates of the BOS at the level that its image has already.
    if of_bos[m.name] then
      lu.assertEquals(m.level, installed[m.name])
    elseif m.name == "bos.net.tcp.client_core" then
      both = both + 1
    elseif m.name ~= "bos.alt_disk_install.rte" then
      installed[m.name] = "1.0.0.0"
      selection[#selection + 1] = { name = m.name, level = m.level }
    end
  end
  local plan = self.plan.plan(media, selection, installed, { gather = true })
  os.execute("rm -rf '" .. dir .. "'")
  lu.assertEquals(plan.failed, {})
  lu.assertEquals(plan.requisites, { ["bos.net.tcp.client_core"] = true })
  lu.assertEquals(both, 2) -- its base level and the update
  lu.assertEquals(#plan.install, #selection + both)
  local kinds = {}
  for i, m in ipairs(plan.install) do kinds[i] = m.kind end
  lu.assertStrMatches(table.concat(kinds), "I+S+") -- base levels first
end

-- What the contract says of media that hold base levels and updates.
function TestLabInstallp:test_an_update_needs_the_base_level_of_its_release()
  local function update(name, level, prereq)
    local m = item(name, level, prereq)
    m.kind = "S"
    return m
  end
  local media = { item("a", "7.2.5.0", "*prereq b 7.2.5.0\n"), update("a", "7.2.5.100"), update("a", "7.2.5.200"),
    item("b", "7.2.5.0"), update("b", "7.2.5.200", "*prereq a 7.2.5.200\n") }
  local function levels(list)
    local out = {}
    for i, m in ipairs(list) do out[i] = m.name .. " " .. m.level end
    return table.concat(out, ", ")
  end
  local old = { a = "7.1.5.30", b = "7.1.5.30" }
  -- The update alone: without -g it has nothing to be applied to.
  local plan = self.plan.plan(media, { { name = "b", level = "7.2.5.200" } }, old, {})
  lu.assertEquals(plan.failed[1].missing, "b")
  lu.assertEquals(plan.install, {})
  plan = self.plan.plan(media, { { name = "b", level = "7.2.5.200" } }, old, { gather = true })
  lu.assertEquals(levels(plan.install), "b 7.2.5.0, a 7.2.5.0, a 7.2.5.200, b 7.2.5.200")
  lu.assertTrue(plan.gathered[plan.install[1]])
  -- Both named, in either order; the highest update is the one.
  for _, order in ipairs { { 1, 2, 3, 4 }, { 4, 3, 2, 1 } } do
    local both, all = { { name = "a", level = "7.2.5.0" }, { name = "a", level = "7.2.5.100" }, { name = "a", level = "7.2.5.200" },
      { name = "b", level = "7.2.5.0" } }, {}
    for i, at in ipairs(order) do all[i] = both[at] end
    plan = self.plan.plan(media, all, old, {})
    lu.assertEquals(levels(plan.install), "b 7.2.5.0, a 7.2.5.0, a 7.2.5.200")
    lu.assertEquals(plan.failed, {})
    lu.assertNil(next(plan.gathered))
  end
  -- The base level is there: the update alone.
  plan = self.plan.plan(media, { { name = "a" } }, { a = "7.2.5.0", b = "7.2.5.0" }, {})
  lu.assertEquals(levels(plan.install), "a 7.2.5.200")
  -- A requisite of the base level counts as well.
  plan = self.plan.plan(media, { { name = "a" } }, {}, {})
  lu.assertEquals(plan.failed[1].missing, "b")
end

TestLabModules = {}

--- The hosts of the lab have no other module of the engine than those that config.lua names and those in their program.
function TestLabModules:test_what_runs_on_the_hosts_requires_what_is_there()
  local there = {}
  for _, module in ipairs(require("lab.config").engine_modules) do there[module[1]] = module[2] end
  local lab = DATA_DIR .. "/../../scripts/lab/"
  local cmake = assert(sys.read_file(lab .. "CMakeLists.txt"))
  for name in cmake:match "foreach%(module ([^)]+)%)":gmatch "%S+" do there[name] = there[name] or true end
  -- Of the libraries these are for altmig lab, on the engine host.
  local host_side = { lpar = true, boot = true, login = true, quirk_command = true, scenario = true, scenario_move = true }
  local count = 0
  local function look(name, text)
    for module in (text or ""):gmatch 'require[ (]*"altmig%.([%w_.]+)"' do
      lu.assertNotNil(there[module] or (module == "resource" or nil), name .. " requires altmig." .. module)
      count = count + 1
    end
  end
  for _, file in pairs(there) do
    if file ~= true then look(file, assert(resource.read("lua/altmig/" .. file .. ".lua"), file)) end
  end
  for _, folder in ipairs { "cmd/", "lib/" } do
    for _, name in ipairs(assert(sys.list(lab .. folder))) do
      if not host_side[name:match "^(.*)%.lua$"] then look(name, assert(sys.read_file(lab .. folder .. name))) end
    end
  end
  lu.assertTrue(count > 40)
end
