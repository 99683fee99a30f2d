local lu = require "luaunit"
local world = require "fake_world"

local stderr = io.stderr

TestExamples = {}

function TestExamples:setUp()
  self.w = world.new()
  rawset(io, "stderr", io.open("/dev/null", "w"))
end

function TestExamples:tearDown()
  rawset(io, "stderr", stderr)
  world.remove(self.w)
end

local example = arg[0]:match("^(.*)/[^/]*$") .. "/../scripts/examples/site-steps.lua"

function TestExamples:test_site_steps_run_once_around_the_stock_phases()
  local w = self.w
  w.answers = { ps = "root 1\n" }
  w.files["/etc/motd"] = "welcome\n"
  w.fail.bosboot = 1
  lu.assertFalse((pcall(w.migration.migrate, w.opts { script = example })))
  lu.assertEquals(w.files["/etc/motd"], "welcome\nMigrated to AIX 7.2 with altmig.\n")
  lu.assertEquals(world.count(w, "master: logger .*phase 8"), 1)
  w.fail = {}
  local noted = world.count(w, "client: ps")
  lu.assertEquals(w.migration.resume(w.opts { script = example }), 0)
  lu.assertEquals(w.files["/etc/motd"], "welcome\nMigrated to AIX 7.2 with altmig.\n")
  lu.assertEquals(world.count(w, "client: ps"), noted)
end
