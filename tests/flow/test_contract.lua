-- SPDX-License-Identifier: MIT
-- Every command that a flow sends, held against the contract of AIX commands: what AIX would refuse, and what may not be
-- sent at all (tests/recordings.lua). The end to end tests do so with what was recorded in the lab.

local lu = require "luaunit"
local world = require "fake_world"

local fails = world.fails

TestContractOfTheFlow = {}

world.fixture(TestContractOfTheFlow)

local function accepted(w, least)
  lu.assertEquals(table.concat(w.violations, "\n"), "")
  lu.assertTrue(w.commands >= least, ("only %d commands were sent"):format(w.commands))
end

function TestContractOfTheFlow:test_a_good_run()
  lu.assertEquals(self.w.migration.migrate(self.w.opts()), 0)
  accepted(self.w, 60)
end

function TestContractOfTheFlow:test_a_phase_that_fails_and_a_resume()
  local w = self.w
  w.fail.installp = 1
  fails(w.migration.migrate, w.opts())
  w.fail.installp = nil
  lu.assertEquals(w.migration.resume { client = "lpar", quiet = true, nim = w.dir .. "/nim.lua", state = w.dir .. "/state" }, 0)
  accepted(w, 80)
end

function TestContractOfTheFlow:test_a_violation_would_be_seen()
  local w = self.w
  w.answers.lspv, w.answers.sh = function() return "" end, function() return "" end
  local session = w.session "client"
  session:run({ "lspv", "--long" }, {})
  session:run({}, { script = "savebase" })
  lu.assertEquals(#w.violations, 2)
end
