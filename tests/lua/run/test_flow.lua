-- SPDX-License-Identifier: MIT
local lu = require "luaunit"
local flow = require "altmig.flow"

local function phases(log)
  local list = {}
  for n = 1, 12 do
    list[n] = { "title " .. n, run = function() log[#log + 1] = n end }
  end
  return list
end

TestFlow = {}

function TestFlow:test_hooks_run_around_their_phase()
  local log = {}
  local f = flow.new(phases(log))
  f:before(5, function() log[#log + 1] = "before" end)
  f:after(5, function() log[#log + 1] = "after" end)
  f:run_phase(5, {})
  f:run_phase(6, {})
  lu.assertEquals(log, { "before", 5, "after", 6 })
end

function TestFlow:test_replace_hands_over_the_old_phase()
  local log = {}
  local f = flow.new(phases(log))
  f:replace(4, function(m, old)
    log[#log + 1] = "site"
    old(m)
  end)
  f:run_phase(4, {})
  lu.assertEquals(log, { "site", 4 })
end

function TestFlow:test_a_missing_phase_is_an_error()
  local list = phases {}
  list[7] = nil
  lu.assertErrorMsgContains("phase 7 is missing", flow.new, list)
  list[7] = { "title" }
  lu.assertErrorMsgContains("phase 7 needs run", flow.new, list)
  lu.assertErrorMsgContains("there is no phase 13", function() flow.new(phases {}):before(13, print) end)
end
