-- SPDX-License-Identifier: MIT
-- Scripts of a site in a flow: what they may raise and return, and when they are loaded.

local lu = require "luaunit"
local sys = require "altmig.sys"
local world = require "fake_world"

local fails = world.fails

-- A flow script with these lines between the stock flow and its return.
local function script(w, lines, name)
  local path = ("%s/%s.lua"):format(w.dir, name or "flow")
  assert(sys.write_file(path, ("local flow = load(require('altmig.resource').read('scripts/migrate.lua'))()\n%s\nreturn flow\n")
    :format(lines), { mode = 384 }))
  return path
end

local function nothing_open(w, what)
  lu.assertEquals({ w.exports.client, w.exports.master, w.mounts.client, w.mounts.master }, { {}, {}, {}, {} }, what)
end

TestRaised = {}

world.fixture(TestRaised)

local raised = {
  ["a table without a code"] = { "error { message = 'no room' }", "no room" },
  ["a table with a code that is none"] = { "error { message = 'no room', code = {} }", "no room" },
  ["a code that is a number"] = { "error { message = 'no room', code = 28 }", "no room", "28" },
  ["a message that is a table"] = { "error { message = {}, code = 'ENOSPC' }", "table:", "ENOSPC" },
  ["a message that cannot be text"] = { "error { message = setmetatable({}, { __tostring = error }), code = 'X' }", "cannot be made", "X" },
  ["a table alone"] = { "error {}", "a table was raised" },
  ["a table that makes no text"] = { "error(setmetatable({}, { __tostring = function() error 'x' end }))", "cannot be made into text" },
  ["a table whose text is none"] = { "error(setmetatable({}, { __tostring = function() return {} end }))", "cannot be made into text" },
  ["a table with text"] = { "error(setmetatable({}, { __tostring = function() return 'full' end }))", "full" },
  ["a table that refuses"] = { "error(setmetatable({}, { __metatable = 1, __index = error, __newindex = error }))", "a table was raised" },
  ["a protected table"] = { "error(setmetatable({ message = 'kept', code = 'OWN' }, { __metatable = false }))", "kept", "OWN" },
  ["nothing"] = { "error()", "nil" },
  ["a number"] = { "error(42)", "42" },
  ["a boolean"] = { "error(false)", "false" },
  ["a function"] = { "error(print)", "a function was raised" },
  ["userdata"] = { "error(io.stdout)", "a userdata was raised" },
  ["a string"] = { "error 'plain'", "plain" },
  ["an object without a code"] = { "require('altmig.err').raise { message = 'bare' }", "bare" },
  ["fields of odd kinds"] = { "error { code = 'X', message = 'm', host = {}, remedy = 1, output = true, command = print, status = 'x' }",
    "m", "X" },
  ["an endless recursion"] = { "local function f() return f() + 1 end f()", "stack overflow" },
}

function TestRaised:test_whatever_is_raised_the_hosts_are_closed_and_the_error_has_a_code()
  for what, case in pairs(raised) do
    world.remove(self.w)
    self.w = world.new()
    local w = self.w
    local path = script(w, ("flow:after(4, function(m) %s end)"):format(case[1]))
    local e = fails(w.migration.migrate, w.opts { script = path })
    nothing_open(w, what)
    lu.assertEquals(type(e), "table", what)
    lu.assertEquals({ e.code, e.phase }, { case[3] or "SCRIPT", 4 }, what)
    lu.assertStrContains(e.message, case[2], false, what)
    lu.assertStrContains(world.log_text(w), "phase 4 failed", false, what)
    local state = w.migration.read_state(w.opts(), "lpar")
    lu.assertEquals({ state.phases[4], state.failure.code }, { "failed", e.code }, what)
    lu.assertEquals(w.migration.resume(w.opts { script = script(w, "") }), 0, what)
  end
end

function TestRaised:test_hooks_on_error_that_fail_are_named_and_keep_nothing_open()
  local w = self.w
  w.fail.bosboot = 1
  local path = script(w, [[
    flow:on_error(function(m, e) error { message = "pager is down" } end)
    flow:on_error(function(m, e) e.code, e.message, e.host, e.remedy = nil, {}, {}, print end)
    flow:on_error(function(m, e) return nil, "no ticket", "HTTP" end)
    flow:on_error(function(m, e) error(nil) end)
    flow:on_error(function(m, e) m.warn, m.explain, m.note, m.event = error, error, error, error end)
    flow:on_error(function(m, e) m.master:run { "logger", "last hook" } end)]])
  local e = fails(w.migration.migrate, w.opts { script = path })
  nothing_open(w)
  lu.assertEquals({ type(e.code), type(e.message) }, { "string", "string" })
  local also = table.concat(e.also, "\n")
  for _, text in ipairs { "on_error hook 1 failed too: pager is down", "on_error hook 3 failed too: no ticket", "on_error hook 4" } do
    lu.assertStrContains(also, text)
    lu.assertStrContains(world.log_text(w), text)
  end
  lu.assertEquals(world.count(w, "logger last hook"), 1)
end

function TestRaised:test_a_failure_that_cannot_be_told_still_closes_the_hosts()
  local w = self.w
  w.fail.bosboot = 1
  w.on_command = function(_, argv)
    if argv[1] ~= "bosboot" then return end
    local color = require "altmig.ui.color"
    self.paint, color.paint = color.paint, function() error { why = "no terminal" } end
  end
  local e = fails(w.migration.migrate, w.opts())
  require("altmig.ui.color").paint = self.paint
  lu.assertEquals(e.code, "COMMAND")
  nothing_open(w)
  lu.assertStrContains(e.also[1], "explaining the failure failed too")
end

function TestRaised:test_the_prompt_after_an_error_that_fails_closes_the_hosts()
  local w = self.w
  w.fail.bosboot = 1
  local repl = require "altmig.ui.repl"
  local run = repl.run
  repl.run = function() error { message = "no terminal" } end
  local e = fails(w.migration.migrate, w.opts { repl_on_error = true })
  repl.run = run
  lu.assertEquals(e.code, "COMMAND")
  lu.assertStrContains(e.also[1], "the prompt failed too: no terminal")
  nothing_open(w)
end

TestReturned = {}

world.fixture(TestReturned)

function TestReturned:test_a_step_that_returns_nil_and_why_has_failed_and_runs_again()
  for _, body in ipairs { "return nil, 'no such directory', 'ENOENT'", "return false, 'no such directory', 'ENOENT'",
    "return pcall(error, { message = 'no such directory', code = 'ENOENT' })" } do
    world.remove(self.w)
    self.w = world.new()
    local w = self.w
    local path = script(w, ("flow:after(5, function(m) m:step('motd', function() %s end) end)"):format(body))
    local e = fails(w.migration.migrate, w.opts { script = path })
    lu.assertEquals({ e.code, e.message, e.phase }, { "ENOENT", "no such directory", 5 })
    local failed
    for _, record in ipairs(world.journal(w)) do
      if record.step == "site_motd" then failed = record end
    end
    lu.assertEquals({ failed.event, failed.code }, { "failed", "ENOENT" })
    lu.assertEquals(w.migration.resume(w.opts { script = script(w, [[flow:after(5, function(m)
      m:step('motd', function() m.master:run { 'logger', 'again' } end) end)]]) }), 0)
    lu.assertEquals(world.count(w, "logger again"), 1)
  end
end

-- The first example of altmig-flow(7), with a path that is not there: nothing is returned.
function TestReturned:test_a_tree_call_of_m_alt_that_fails_ends_its_step()
  for _, body in ipairs { "m.alt:write('/nowhere/motd', 'x')", "return m.alt:write('/nowhere/motd', 'x')",
    "m.alt:write('/nowhere/motd', 'x') return 1" } do
    world.remove(self.w)
    self.w = world.new()
    local w = self.w
    local path = script(w, ("flow:after(5, function(m) m:step('motd', function() %s end) end)"):format(body))
    local e = fails(w.migration.migrate, w.opts { script = path })
    lu.assertEquals({ e.code, e.host, e.phase }, { "ENOENT", "lpar", 5 })
    lu.assertStrContains(e.message, "/nowhere/motd: No such file")
    nothing_open(w)
    path = script(w, "flow:after(5, function(m) m:step('motd', function() m.alt:write('/etc/motd', 'y') end) end)")
    lu.assertEquals(w.migration.resume(w.opts { script = path }), 0)
    lu.assertEquals(w.files["/etc/motd"], "y")
  end
end

function TestReturned:test_what_is_not_there_can_be_asked_for_and_a_refused_write_says_what_to_do()
  local w = self.w
  local path = script(w, [[flow:after(5, function(m)
    assert(m.alt:read("/etc/none") == nil)
    assert(select(3, m.copy:write("/nowhere/x", "y")) == "ENOENT")
    m.master:run { "logger", "asked" }
  end)]])
  lu.assertEquals(w.migration.migrate(w.opts { script = path }), 0)
  lu.assertEquals(world.count(w, "logger asked"), 1)
  world.remove(w)
  self.w = world.new()
  w = self.w
  w.on_command = function(_, argv)
    if argv[1] == "logger" then w.usr_unmounted = true end
  end
  local e = fails(w.migration.migrate, w.opts { script = script(w, [[flow:after(4, function(m)
    m.master:run { "logger" }
    m.alt:write("/etc/motd", "x") end)]]) })
  lu.assertEquals(e.code, "ALT_NOT_MOUNTED")
  lu.assertStrContains(e.remedy, "alt_rootvg_op -W")
end

function TestReturned:test_a_hook_and_a_phase_that_return_nil_and_why_have_failed()
  for _, line in ipairs { "flow:before(4, function() return nil, 'lost', 'GONE' end)",
    "flow:after(4, function() return nil, 'lost', 'GONE' end)",
    "flow:replace(4, function() return nil, 'lost', 'GONE' end)", "flow.phases[4].run = function() return nil, 'lost', 'GONE' end" } do
    world.remove(self.w)
    self.w = world.new()
    local e = fails(self.w.migration.migrate, self.w.opts { script = script(self.w, line) })
    lu.assertEquals({ e.code, e.message, e.phase }, { "GONE", "lost", 4 }, line)
  end
end

function TestReturned:test_what_a_step_may_return()
  local w = self.w
  local path = script(w, [[flow:after(4, function(m)
    assert(m:step("none", function() end) == nil)
    assert(m:step("no", function() return false end) == false)
    assert(m:step("two", function() return 1, "second" end) == 1)
    assert(m:step("table", function() return { 1, "x" } end)[2] == "x") end)]])
  lu.assertEquals(w.migration.migrate(w.opts { script = path }), 0)
  world.remove(w)
  self.w = world.new()
  local e = fails(self.w.migration.migrate, self.w.opts { script = script(self.w,
    "flow:after(4, function(m) m:step('odd', function() return print end) end)") })
  lu.assertEquals(e.code, "STEP_RESULT")
  lu.assertEquals(self.w.migration.read_state(self.w.opts(), "lpar").begun, {})
end

TestLoading = {}

world.fixture(TestLoading)

local broken = {
  ["flow:after(5, function(m)"] = "expected",
  ["error 'at the top'"] = "at the top",
  ["error { message = 'table at the top' }"] = "table at the top",
  ["do return end"] = "does not return flow.new",
  ["do return { 1 } end"] = "does not return flow.new",
  ["flow.phases[3] = nil"] = "phase 3 is missing",
  ["flow.phases[3].run = 'x'"] = "phase 3 needs run",
  ["flow.phases[3][1] = 3"] = "title is not a string",
  ["flow.phases[3].undo = true"] = "undo is not a function",
  ["flow.phases = nil"] = "phases are not a table",
  ["flow.hooks.after[5] = print"] = "a list of functions expected",
  ["flow.hooks.before[5] = { print, 7 }"] = "is not a function",
  ["flow.hooks.before[13] = { print }"] = "there is no phase 13",
  ["flow.hooks = 1"] = "hooks are not a table",
  ["flow.error_hooks[1] = 1"] = "on_error",
  ["require('altmig.merge').reset = nil; flow:after(99, print)"] = "there is no phase 99",
}

function TestLoading:test_a_script_that_cannot_run_is_refused_before_anything_is_done()
  for line, text in pairs(broken) do
    world.remove(self.w)
    self.w = world.new()
    local w = self.w
    local e = fails(w.migration.migrate, w.opts { script = script(w, line) })
    lu.assertEquals(e.code, "SCRIPT", line)
    lu.assertStrContains(e.message, text)
    lu.assertStrContains(e.message, "flow.lua")
    lu.assertNotNil(e.remedy, line)
    lu.assertEquals(w.log, {}, line)
    lu.assertNil(sys.stat(w.dir .. "/state"), line)
  end
  local e = fails(self.w.migration.migrate, self.w.opts { script = self.w.dir .. "/none.lua" })
  lu.assertEquals(e.code, "ENOENT")
  -- What only looks refuses it as well, instead of passing it over.
  e = fails(self.w.migration.look, self.w.opts { no_log = true, script = script(self.w, "x = = 1") }, function() return 0 end)
  lu.assertEquals(e.code, "SCRIPT")
  lu.assertEquals(self.w.log, {})
end

function TestLoading:test_files_that_others_can_have_written_are_not_run()
  local w = self.w
  local dir = w.dir .. "/site"
  assert(sys.mkdir(dir, 493))
  assert(sys.write_file(dir .. "/nim.lua", sys.read_file(w.dir .. "/nim.lua"), { mode = 420 }))
  local path = script(w, "", "site/flow")
  local function both(text)
    local e = fails(w.migration.migrate, w.opts { nim = dir .. "/nim.lua" })
    lu.assertEquals(e.code, "NIM_FILE")
    lu.assertStrContains(e.message, text)
    lu.assertStrContains(e.remedy, "chown")
    e = fails(w.migration.migrate, w.opts { script = path })
    lu.assertEquals(e.code, "UNTRUSTED")
    lu.assertStrContains(e.message, text)
    lu.assertStrContains(e.remedy, "chown")
    lu.assertEquals(w.log, {})
    lu.assertNil(sys.stat(w.dir .. "/state"))
  end
  assert(sys.chmod(dir, 509))
  both("the directory " .. sys.realpath(dir) .. ": writable by group or others (mode 0775)")
  assert(sys.chmod(dir, 493))
  if sys.getuid() == 0 then
    assert(sys.chown(dir .. "/nim.lua", 12345, -1))
    assert(sys.chown(path, 12345, -1))
    both("belongs to user 12345")
    assert(sys.chown(dir .. "/nim.lua", 0, -1))
    assert(sys.chown(path, 0, -1))
  end
  assert(sys.chmod(dir .. "/nim.lua", 436))
  assert(sys.chmod(path, 436))
  both("writable by group or others (mode 0664)")
  assert(sys.symlink(dir .. "/nim.lua", w.dir .. "/link.lua"))
  local e = fails(w.migration.migrate, w.opts { nim = w.dir .. "/link.lua" })
  lu.assertStrContains(e.message, dir .. "/nim.lua: writable")
  assert(sys.chmod(dir .. "/nim.lua", 420))
  assert(sys.chmod(path, 420))
  lu.assertEquals(w.migration.migrate(w.opts { nim = w.dir .. "/link.lua", script = path }), 0)
end

local function stopped(w, lines)
  local path = script(w, lines)
  w.fail.bosboot = 1
  fails(w.migration.migrate, w.opts { script = path })
  w.fail, w.log = {}, {}
  return path, sys.read_file(w.dir .. "/state/lpar/journal"), { client = "lpar", quiet = true, nim = w.dir .. "/nim.lua",
    state = w.dir .. "/state" }
end

function TestLoading:test_a_resume_without_its_script_leaves_the_journal_alone()
  local w = self.w
  local path, journal, opts = stopped(w, "")
  for what, damage in pairs { gone = function() assert(sys.remove(path)) end,
    broken = function() script(w, "flow:after(5, function(m)") end, changed = function() script(w, "-- changed") end } do
    damage()
    local e = fails(w.migration.resume, { client = "lpar", quiet = true, nim = opts.nim, state = opts.state })
    lu.assertStrContains(e.message, path, false, what)
    lu.assertNotNil(e.remedy, what)
    lu.assertEquals(w.log, {}, what)
    lu.assertEquals(sys.read_file(w.dir .. "/state/lpar/journal"), journal, what)
  end
end

function TestLoading:test_a_script_that_was_changed_is_taken_when_it_is_named_again()
  local w = self.w
  local path, _, opts = stopped(w, "")
  script(w, "flow:before(8, function(m) m.master:run { 'logger', 'corrected' } end)")
  local e = fails(w.migration.resume, { client = "lpar", quiet = true, nim = opts.nim, state = opts.state })
  lu.assertEquals(e.code, "SCRIPT_CHANGED")
  lu.assertStrContains(e.remedy, "--script " .. path)
  w.fail.bosboot = 1
  opts.script = path
  fails(w.migration.resume, opts)
  w.fail = {}
  -- Named once, it is the script of the run from then on.
  lu.assertEquals(w.migration.resume { client = "lpar", quiet = true, nim = opts.nim, state = opts.state }, 0)
  lu.assertEquals(world.count(w, "logger corrected"), 2)
end

function TestLoading:test_phases_one_by_one_keep_their_script()
  local w = self.w
  local path = script(w, "flow:after(4, function(m) m.master:run { 'logger', 'ours' } end)")
  lu.assertEquals(w.migration.migrate(w.opts { script = path, phases = { 1, 2, 3 } }), 0)
  lu.assertEquals(w.migration.migrate(w.opts { phases = { 4 } }), 0)
  lu.assertEquals(world.count(w, "logger ours"), 1)
  script(w, "-- changed")
  lu.assertEquals(fails(w.migration.migrate, w.opts { phases = { 5 } }).code, "SCRIPT_CHANGED")
end

function TestLoading:test_a_cleanup_needs_no_script()
  local w = self.w
  local path, _, opts = stopped(w, "")
  assert(sys.remove(path))
  opts.spot = "spot"
  lu.assertEquals(w.migration.cleanup(opts), 0)
end
