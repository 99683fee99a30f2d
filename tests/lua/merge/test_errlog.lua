-- SPDX-License-Identifier: MIT
-- Golden cases of convert_errlog.

local lu = require "luaunit"
local merge_case = require "merge_case"

local dir, t
local function run(...) return merge_case.run(t, ...) end

TestErrlog = {}

function TestErrlog:setUp()
  t, dir = merge_case.open()
end

function TestErrlog:tearDown()
  merge_case.close(t, dir)
end

local log = "/var/adm/ras/errlog"

function TestErrlog:test_the_error_log_is_kept_aside()
  local inputs = { [log] = { c = "history of the old level", mode = 420 } }
  assert(t:makedirs "/var/adm/ras")
  assert(t:write(log, "history of the old level"))
  local status = run("convert_errlog", inputs)
  lu.assertEquals(status, "merged")
  lu.assertEquals(t:read(log .. ".old"), "history of the old level")
  lu.assertFalse(t:exists(log))
  lu.assertEquals(run("convert_errlog", inputs), "merged")
  lu.assertEquals(run("convert_errlog", { [log] = { c = "" } }), "new")
  lu.assertEquals(run("convert_errlog", { [log] = { c = "0123456789abcdefHISTORY", n = "0123456789abcdef" } }), "kept")
  lu.assertEquals(t:read(log), "0123456789abcdefHISTORY")
end
