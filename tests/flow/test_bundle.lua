-- SPDX-License-Identifier: MIT
-- Flag -b: where the bundle is found, what is wrong with it before phase 1, what phase 6 makes of it.

local lu = require "luaunit"
local sys = require "altmig.sys"
local world = require "fake_world"

TestInstallpBundle = {}

world.fixture(TestInstallpBundle, function(w)
  w.images = { world.image("acme.more", "2.0.0.0"), world.image("bos.net", "7.2.5.0"),
    { file = "RPMS/ppc/lib-1.0-1.ppc.rpm", kind = "rpm", name = "lib", level = "1.0-1", size = 1, time = "" },
    { file = "emgr/ppc/IV1.180306.epkg.Z", kind = "ifix", name = "IV1", size = 1, time = "" } }
  local installp = w.handlers.installp
  w.answers.installp = function(_, host, argv)
    if argv[2] ~= "-L" then return installp(w, host, argv) end
    return installp(w, host, argv) .. "acme.more:acme.more:2.0.0.0::I:C:::::N:More::::0:1:\n"
  end
  w.answers.lslpp = function(_, host, argv, opts)
    local text = w.handlers.lslpp(w, host, argv, opts)
    return argv[2] == "-lqc" and opts.chroot and w.in_copy and text .. "/usr/lib/objrepos:acme.more:2.0.0.0::COMMITTED:I:x:\n" or text
  end
  w.answers.ls = function(_, host, argv)
    if argv[2] == "/ALT_MIG_IMAGES/RPMS/ppc" then return "lib-1.0-1.ppc.rpm\n" end
    if argv[2] == "/ALT_MIG_IMAGES/emgr/ppc" then return "IV1.180306.epkg.Z\n" end
    return w.handlers.ls(w, host, argv)
  end
  w.handlers.geninstall = function(_, _, _, opts) return "", opts and 0 or 0 end
  -- What is written as a list on the executor.
  w.lists = {}
  local sh = w.handlers.sh
  w.answers.sh = function(_, host, argv, opts, answer)
    if (argv[3] or ""):find('cat > "$1"', 1, true) and argv[5] == "/tmp/.altmig/filesets" then w.lists[#w.lists + 1] = opts.stdin end
    return sh(w, host, argv, opts, answer)
  end
  w.bundle_file = w.dir .. "/site.bnd"
  w.bundle = function(text) assert(sys.write_file(w.bundle_file, text)) end
end)

local function findings(w, word)
  local check = require "altmig.run.checks"
  local list = {}
  w.migration.look(w.opts { installp_bundle = word, no_log = true }, function(m)
    m:connect()
    for _, finding in ipairs(check.all(m)) do
      if finding.id == "bundle" then list[#list + 1] = finding end
    end
  end)
  return list
end

function TestInstallpBundle:test_phase_6_installs_what_it_asks_for()
  local w = self.w
  w.bundle "# more\nI:acme.more\nR:lib\nE:IV1\n"
  lu.assertEquals(w.migration.migrate(w.opts { installp_bundle = w.bundle_file }), 0)
  lu.assertStrContains(w.lists[1], "acme.more 2.0.0.0\n")
  lu.assertStrContains(w.lists[1], "bos.net 7.2.5.0\n")
  lu.assertEquals(w.lists[#w.lists], "R:lib-1.0-1\n")
  lu.assertEquals(world.count(w, "^master: emgr %-e /ALT_MIG_IMAGES/emgr/ppc/IV1.180306.epkg.Z$"), 1)
  lu.assertStrContains(world.log_text(w), "interim fix IV1.180306.epkg.Z of the bundle is on the copy")
  lu.assertEquals(w.violations, {})
end

function TestInstallpBundle:test_without_one_nothing_of_it_is_installed()
  local w = self.w
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertNotStrContains(table.concat(w.lists), "acme.more")
  lu.assertEquals(world.count(w, "emgr %-e"), 0)
end

function TestInstallpBundle:test_the_nim_database_of_the_master_says_where_it_is()
  local w = self.w
  w.answers.lsnim = function(_, _, argv)
    if argv[3] == "lpar" then return "lpar:\n   Cstate = ready for a NIM operation\n" end
    if argv[3] == "site" then return "site:\n   class    = resources\n   type     = installp_bundle\n   location = /export/site.bnd\n" end
    if argv[3] == "spot" then return "spot:\n   type     = spot\n   location = /export/spot/usr\n" end
    return "", 1
  end
  w.files["/export/site.bnd"] = "acme.more\n"
  lu.assertEquals(findings(w, "site"), {})
  lu.assertEquals(w.migration.migrate(w.opts { installp_bundle = "site" }), 0)
  lu.assertStrContains(w.lists[1], "acme.more 2.0.0.0\n")
  lu.assertStrContains(findings(w, "spot")[1].what, "it is of type spot, not installp_bundle")
  lu.assertStrContains(findings(w, "none")[1].what, "nim.lua has no such resource, and lsnim -l none on nim names no location")
end

function TestInstallpBundle:test_a_resource_of_nim_lua()
  local w = self.w
  local text = assert(sys.read_file(w.dir .. "/nim.lua"))
  text = text:gsub("spot = {", 'installp_bundle = { mine = { location = "/export/mine" } }, spot = {', 1)
  assert(sys.write_file(w.dir .. "/nim.lua", text, { mode = 384 }))
  w.files["/export/mine"] = "I:acme.more\nI:gone.fileset 1.0.0.0\nR:none\nE:IV9\n"
  local list = findings(w, "mine")
  lu.assertEquals(#list, 3)
  lu.assertEquals({ list[1].severity, list[1].what }, { "inhibitor",
    "installp_bundle mine, line 2: lpp_source lpp has no fileset, package or pattern gone.fileset 1.0.0.0" })
  lu.assertStrContains(list[2].what, "line 3: lpp_source lpp has no RPM in RPMS/ppc none")
  lu.assertStrContains(list[3].what, "line 4: lpp_source lpp has no interim fix in emgr/ppc IV9")
  local e = world.fails(w.migration.migrate, w.opts { installp_bundle = "mine" })
  lu.assertEquals(e.status, 3)
  lu.assertEquals(world.count(w, "alt_disk_copy"), 0)
end

function TestInstallpBundle:test_wrong_lines_are_told_before_phase_1()
  local w = self.w
  w.bundle "I:acme.more\nQ:what\n"
  local list = findings(w, w.bundle_file)
  lu.assertEquals(#list, 1)
  lu.assertStrContains(list[1].what, "line 2 (Q:what): a line begins with I:, R: or E:")
  lu.assertStrContains(list[1].remedy, "correct " .. w.bundle_file)
end

function TestInstallpBundle:test_a_fix_that_emgr_refuses_is_told_and_ends_nothing()
  local w = self.w
  w.bundle "E:IV1\n"
  w.answers.emgr = function(_, _, argv)
    if argv[2] == "-e" then return "emgr: bos.rte is at 7.2.5.200\nmore\n", 1 end
    return "There is no efix data on this system.\n"
  end
  lu.assertEquals(w.migration.migrate(w.opts { installp_bundle = w.bundle_file }), 0)
  lu.assertStrContains(world.log_text(w), "interim fix IV1.180306.epkg.Z of the bundle is not on the copy: emgr -e ended with status 1 "
    .. "(emgr: bos.rte is at 7.2.5.200)")
end

function TestInstallpBundle:test_an_update_that_brings_only_the_bundle_has_something_to_do()
  local w = self.w
  w.level.client = "7200-05-03-1846"
  local function has_nothing_to_do(text, more)
    w.bundle(text)
    w.answers.lslpp = function(_, host, argv, opts)
      return w.handlers.lslpp(w, host, argv, opts):gsub("7%.1%.5%.0", "7.2.5.0") .. (more or "")
    end
    local result
    w.migration.look(w.opts { installp_bundle = w.bundle_file, no_log = true, update = true }, function(m)
      m:connect()
      result = m:look_at_levels()
    end)
    return result
  end
  local there = "/usr/lib/objrepos:acme.more:2.0.0.0::COMMITTED:I:x:\n"
  lu.assertFalse(has_nothing_to_do "I:acme.more\n")
  lu.assertTrue(has_nothing_to_do("I:acme.more\n", there))
  lu.assertFalse(has_nothing_to_do("R:lib\n", there))
end
