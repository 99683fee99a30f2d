-- SPDX-License-Identifier: MIT
-- Runs one luaunit file: altmig run tests/run.lua FILE [LUAUNIT ARGS]
-- Exit status 77 means every test was skipped, which ctest counts as skipped.

local file = assert(arg[1], "usage: altmig run tests/run.lua FILE")
local here = arg[0]:match("^(.*)/[^/]*$") or "."
package.path = here .. "/?.lua;/usr/share/lua/5.4/?.lua"
local lu = require "luaunit"

DATA_DIR = here .. "/data"
SHARED_DIR = here .. "/../../shared/reference"

dofile(file)
local runner = lu.LuaUnit.new()
local failed = runner:runSuite("-o", "tap", table.unpack(arg, 2))
collectgarbage()
local result = runner.result
if failed == 0 and result.runCount == 0 and result.skippedCount == 0 then
  io.stderr:write(file, ": holds no test\n")
  os.exit(1, true)
end
if failed == 0 and result.skippedCount > 0 and result.successCount == 0 then os.exit(77, true) end
os.exit(failed == 0 and 0 or 1, true)
