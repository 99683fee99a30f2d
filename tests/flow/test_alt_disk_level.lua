-- SPDX-License-Identifier: MIT
-- nimadm -M: the levels of bos.alt_disk_install on master, SPOT and lpp_source.

local lu = require "luaunit"
local json = require "altmig.json"
local world = require "fake_world"

local fails = world.fails
local RTE, BOOT = "bos.alt_disk_install.rte", "bos.alt_disk_install.boot_images"

TestAltDiskLevel = {}

-- w.on: what each place has, by fileset; commands change it as NIM and installp would.
world.fixture(TestAltDiskLevel, function(w)
  w.on = { master = { [RTE] = "7.2.5.101" }, spot = { [RTE] = "7.2.5.101" }, ["/export/lpp"] = { [RTE] = "7.2.5.101" }, ["/dev/cd0"] = {} }
  w.answers.lslpp = function(_, _, argv)
    local text = {}
    for i = 3, #argv do
      local level = w.on.master[argv[i]]
      if level then text[#text + 1] = ("/usr/lib/objrepos:%s:%s::COMMITTED:F:x:\n"):format(argv[i], level) end
    end
    return table.concat(text), #text == #argv - 2 and 0 or 1
  end
  w.answers.odmget = function(_, _, argv)
    local name = argv[3]:match("^name=(.*)$")
    local v, r, m, f = (w.on.spot[name] or ""):match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
    return v and ('\nlpp:\n\tname = "%s"\n\tver = %s\n\trel = %s\n\tmod = %s\n\tfix = %s\n'):format(name, v, r, m, f) or ""
  end
  w.answers.test = function(_, _, argv) return "", argv[3] == "/export/lpp/installp/ppc" and 0 or 1 end
  local function of(place) return w.on[(place:gsub("/installp/ppc$", ""))] end
  w.answers.installp = function(_, _, argv)
    if argv[2] == "-L" then
      local text = {}
      for name, level in pairs(of(argv[4])) do
        text[#text + 1] = ("bos.alt_disk_install:%s:%s::I:T:::::N:x::::0:1:\n"):format(name, level)
      end
      return table.concat(text)
    end
    for i = 5, #argv, 2 do w.on.master[argv[i]] = argv[i + 1] end
  end
  w.answers.nim = function(_, _, argv)
    if w.nim_does_nothing then return "" end
    if argv[3] == "update" then
      for name, level in pairs(of(argv[7]:match("^source=(.*)$"))) do w.on["/export/lpp"][name] = level end
    else
      for name in argv[7]:match("^filesets=(.*)$"):gmatch("%S+") do w.on.spot[name] = w.on["/export/lpp"][name] end
    end
  end
  package.loaded["altmig.cmd.nimadm"] = nil
end)

-- Runs nimadm -M with more words; its status and what it printed.
local function levels(w, ...)
  local output, out = require "altmig.ui.output", {}
  local print_one, data = output.print, output.json
  output.print = function(text, ...) out[#out + 1] = select("#", ...) > 0 and text:format(...) or text end
  output.json = function(value) out[#out + 1] = json.encode(value) end
  local ok, status = pcall(require("altmig.cmd.nimadm").run, { "-M", "-s", "spot", "-l", "lpp", "--nim", w.dir .. "/nim.lua", "--state",
    w.dir .. "/state", ... })
  output.print, output.json = print_one, data
  if not ok then error(status, 0) end
  return status, table.concat(out, "\n")
end

function TestAltDiskLevel:test_levels_that_agree_are_shown_and_nothing_is_done()
  local w = self.w
  for _, words in ipairs { {}, { "-P" }, { "-F" } } do
    local status, out = levels(w, table.unpack(words))
    lu.assertEquals(status, 0)
    lu.assertStrContains(out, RTE .. "  7.2.5.101       7.2.5.101  7.2.5.101")
    lu.assertStrContains(out, "nimadm: the levels agree.")
  end
  lu.assertEquals(world.count(w, ": nim "), 0)
end

function TestAltDiskLevel:test_a_spot_without_it_gets_it_from_the_lpp_source()
  local w = self.w
  w.on.spot = {}
  local status, out = levels(w, "-P")
  lu.assertEquals(status, 1)
  lu.assertStrContains(out, "nimadm: would install " .. RTE .. " in SPOT spot: nim -o cust -a lpp_source=lpp")
  lu.assertEquals(w.on.spot, {})
  status, out = levels(w)
  lu.assertEquals(status, 0)
  lu.assertStrContains(out, "nimadm: the levels agree.")
  lu.assertEquals(world.count(w, "^master: nim %-o cust %-a lpp_source=lpp %-a filesets=" .. RTE:gsub("%.", "%%.") .. " spot$"), 1)
  lu.assertEquals(w.violations, {})
end

function TestAltDiskLevel:test_a_newer_master_and_an_older_lpp_source_need_images_of_its_level()
  local w = self.w
  w.on.master = { [RTE] = "7.3.1.0", [BOOT] = "7.3.1.0" }
  local e = fails(levels, w)
  lu.assertStrContains(e.message, "there is no image of " .. RTE .. " 7.3.1.0, " .. BOOT .. " 7.3.1.0 in lpp_source lpp")
  lu.assertStrContains(e.remedy, "nimadm -M -s spot -l lpp -d DIRECTORY")
  w.on["/dev/cd0"] = { [RTE] = "7.3.1.0", [BOOT] = "7.3.1.0" }
  local status = levels(w, "-d", "/dev/cd0")
  lu.assertEquals(status, 0)
  lu.assertEquals(w.on.spot, w.on.master)
  lu.assertEquals(w.on["/export/lpp"], w.on.master)
  lu.assertEquals(world.count(w, "^master: nim %-o update %-a packages=bos.alt_disk_install %-a source=/dev/cd0 lpp$"), 1)
  lu.assertEquals(world.count(w, "^master: installp"), world.count(w, "^master: installp %-L"))
end

function TestAltDiskLevel:test_a_master_that_is_behind_is_brought_up()
  local w = self.w
  w.on.spot, w.on["/export/lpp"] = { [RTE] = "7.2.5.200" }, { [RTE] = "7.2.5.200" }
  lu.assertEquals(levels(w), 0)
  lu.assertEquals(w.on.master[RTE], "7.2.5.200")
  lu.assertEquals(world.count(w, "^master: installp %-agXY %-d /export/lpp/installp/ppc bos.alt_disk_install.rte 7.2.5.200$"), 1)
  lu.assertEquals(w.violations, {})
end

function TestAltDiskLevel:test_a_level_is_brought_down_only_by_force()
  local w = self.w
  w.on["/dev/cd0"], w.on["/export/lpp"] = { [RTE] = "7.1.5.0" }, {}
  local e = fails(levels, w, "-d", "/dev/cd0")
  lu.assertStrContains(e.message, "NIM master nim has " .. RTE .. " 7.2.5.101, which is higher than 7.1.5.0")
  lu.assertStrContains(e.remedy, "-F")
  lu.assertEquals(world.count(w, ": nim "), 0)
  lu.assertEquals(levels(w, "-F", "-d", "/dev/cd0"), 0)
  lu.assertEquals({ w.on.master[RTE], w.on.spot[RTE], w.on["/export/lpp"][RTE] }, { "7.1.5.0", "7.1.5.0", "7.1.5.0" })
  lu.assertEquals(world.count(w, "installp_flags=%-aFXY spot$"), 1)
  lu.assertEquals(world.count(w, "installp %-aFXY %-d"), 1)
end

function TestAltDiskLevel:test_what_was_done_is_looked_at()
  local w = self.w
  w.on.spot, w.nim_does_nothing = {}, true
  lu.assertStrContains(fails(levels, w).message, RTE .. " still differs: 7.2.5.101 on the master, none in SPOT spot")
  w.fail.nim = 1
  lu.assertEquals(fails(levels, w).code, "COMMAND")
end

function TestAltDiskLevel:test_nothing_to_take_it_from()
  local w = self.w
  w.on = { master = {}, spot = {}, ["/export/lpp"] = {} }
  lu.assertStrContains(fails(levels, w).message, RTE .. " is not to be had")
end

function TestAltDiskLevel:test_a_spot_that_a_migration_uses_is_not_changed()
  local w = self.w
  local answers = w.answers
  w.answers, w.fail.bosboot = {}, 1
  lu.assertEquals(fails(w.migration.migrate, w.opts()).phase, 8)
  w.answers, w.fail = answers, {}
  w.on.spot = {}
  package.loaded["altmig.cmd.nimadm"] = nil
  lu.assertStrContains(fails(levels, w).message, "SPOT spot is in use: the migration of lpar is not over")
  lu.assertEquals(levels(w, "-P"), 1)
  lu.assertEquals(levels(w, "-F"), 0)
end

function TestAltDiskLevel:test_json_is_one_object()
  local w = self.w
  w.on.spot = {}
  local _, out = levels(w, "-P", "--json")
  local told = json.decode(out)
  lu.assertEquals({ told.agree, told.filesets[1].fileset, told.filesets[1].target, told.acts[1].where },
    { false, RTE, "7.2.5.101", "spot" })
end

function TestAltDiskLevel:test_flags_have_their_own_meaning_wherever_they_stand()
  local run = require("altmig.cmd.nimadm").run
  local function usage(...)
    local e = fails(run, { ... })
    lu.assertEquals(e.code, "USAGE")
    return e.message
  end
  lu.assertStrContains(usage("-P", "-M"), "nimadm -M: flag -s SPOT is missing")
  lu.assertStrContains(usage("-PFM", "-s", "spot"), "nimadm -M: flag -l LPP_SOURCE is missing")
  lu.assertStrContains(usage("-s", "spot", "-M", "-l", "lpp", "-d", "here"), "name a directory or device of the NIM master")
  lu.assertStrContains(usage("-M", "-s", "spot", "-l", "lpp", "-c", "lpar"), "unknown flag -c")
  lu.assertStrContains(usage("-M", "-s", "spot", "-l", "lpp", "x"), "unexpected operand 'x'")
  -- No -M: an argument that looks like it.
  lu.assertStrContains(usage("-c", "M", "-l", "-M"), "nimadm -M:")
  lu.assertStrContains(usage("-l", "lpp-M"), "flag -c CLIENT is missing")
end
