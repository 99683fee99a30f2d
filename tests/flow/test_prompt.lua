-- SPDX-License-Identifier: MIT
-- The prompt on a half-done migration: what it may do before and after :rw, and what it leaves behind.

local lu = require "luaunit"
local err = require "altmig.err"
local line = require "altmig.line"
local sys = require "altmig.sys"
local world = require "fake_world"

local fails = world.fails

TestPromptOfAMigration = {}

world.fixture(TestPromptOfAMigration)

-- Runs fn with the lines typed at every prompt it opens; a function among them is called instead.
-- Returns what fn returned (pcall), and all that was printed.
local function typing(lines, fn, ...)
  local open, ready, stdout, stderr = line.open, line.ready, io.stdout, io.stderr
  local text, signal = {}, nil
  local screen = { write = function(self, ...)
    text[#text + 1] = table.concat { ... }
    return self
  end, flush = function() return true end, setvbuf = function() return true end }
  line.open = function()
    return setmetatable({
      read = function()
        local typed = table.remove(lines, 1)
        if type(typed) == "function" then
          signal = typed()
          return ""
        end
        return typed
      end,
      editing = function() return false end,
      remember = function() return true end,
    }, { __close = function() end })
  end
  line.ready = function() return signal end
  rawset(io, "stdout", screen)
  rawset(io, "stderr", screen)
  local results = table.pack(xpcall(fn, err.wrap, ...))
  line.open, line.ready = open, ready
  rawset(io, "stdout", stdout)
  rawset(io, "stderr", stderr)
  return table.concat(text), results[1], results[2]
end

-- altmig repl on the world's client.
local function repl(w, lines)
  w.log = {}
  return typing(lines, require("altmig.cmd.repl").run, { "lpar", "--nim", w.dir .. "/nim.lua", "--state", w.dir .. "/state" })
end

local function stop_in_phase_8(w, more)
  w.fail.bosboot = 1
  fails(w.migration.migrate, w.opts(more))
  w.fail = {}
end

-- All that this host keeps of the migration.
local function kept(w)
  local text = {}
  for _, name in ipairs { "lpar/journal", "lpar/report.json", "lpar_alt_mig.log" } do
    text[name] = sys.read_file(w.dir .. "/state/" .. name)
  end
  return text
end

-- What would change something, each line by itself.
local changes = {
  'm:export("/alt_inst")', 'm.alt:write("/etc/x", "y")', 'm.copy:write("/etc/x", "y")', 'm.client:run { "exportfs" }',
  'm.client:must { "exportfs" }', 'm.client:holds { "true" }', 'm.client:job("id", { "true" })', 'm.master:run { "mount" }',
  'm.exec:run { "ls" }', 'm.exec:job("id", { "ls" })', 'm.client.session:run { "true" }', 'm.client.session:put("x", "/tmp/x")',
  'm.master.session:attach "x"', 'm:step("mine", function() return 1 end)', 'm:mount("/alt_inst")', 'm:provide_spot()',
  'm:unexport_all()', 'm:unmount_all()', 'm:withdraw()', 'm:clean_up()', 'm:lock_client()', 'm:unlock_client()', 'm:lock()',
  'm:note { event = "cleaned" }', 'm.journal:append { event = "cleaned" }', 'm:report_entry { rule = "x" }', 'm:collected():save()',
  'm:resume()', 'm:start()', 'm:run_flow(m:load_flow())', ':resume', ':sh true', ':master true',
}

function TestPromptOfAMigration:test_before_rw_nothing_is_changed_whatever_is_called()
  local w = self.w
  stop_in_phase_8(w)
  local before, mark, writes = kept(w), w.client_lock, w.writes
  for _, typed in ipairs(changes) do
    local out, ok, status = repl(w, { typed, 'm:say "a word"', "m.name", "m:close()" })
    lu.assertTrue(ok and status == 0, typed)
    local said = out:match("^[^\n]*\n(.*)$") -- behind the greeting
    lu.assertStrContains(said, "type :rw first", false, typed)
    lu.assertStrContains(said, '"lpar"', false, typed)
    lu.assertEquals(w.log, {}, typed)
    lu.assertEquals(kept(w), before, typed)
    lu.assertEquals({ w.exports.client, w.mounts.master, w.client_lock, w.writes }, { {}, {}, mark, writes }, typed)
    lu.assertFalse(sys.locked(w.dir .. "/state/lpar/lock"), typed)
  end
end

function TestPromptOfAMigration:test_looking_is_free()
  local w = self.w
  stop_in_phase_8(w)
  w.files["/etc/motd"] = "welcome"
  local out = repl(w, { 'm.alt:read "/etc/motd"', "m:first_open_phase()", ":phases", "m:result_of('select_filesets')[1].fileset",
    "m.record.failure.code", "m.client.session:get '/etc/motd'" })
  for _, text in ipairs { '"welcome"', "8\n", "bos.net", "COMMAND" } do lu.assertStrContains(out, text) end
  lu.assertNotStrContains(out, "READ_ONLY")
  lu.assertEquals(w.log, {})
end

-- The client's own address is asked for before the prompt is there: none of its commands runs then.
function TestPromptOfAMigration:test_looking_is_free_through_ssh()
  local w = self.w
  local text = assert(sys.read_file(w.dir .. "/nim.lua"))
  assert(sys.write_file(w.dir .. "/nim.lua", (text:gsub('lpar = { ssh = { host = "client" } }',
    'lpar = { ssh = { host = "client" }, nfs = { via = "ssh" } }')), { mode = 384 }))
  stop_in_phase_8(w)
  w.files["/etc/motd"] = "welcome"
  w.urls = nil
  local out = repl(w, { 'm.alt:read "/etc/motd"' })
  lu.assertStrContains(out, '"welcome"')
  lu.assertNotStrContains(out, "READ_ONLY")
  lu.assertEquals(w.urls[1].url, "nfs://10.0.0.2/alt_inst")
end

function TestPromptOfAMigration:test_what_the_prompt_made_goes_however_it_is_left()
  local ways = { ["the end of input"] = {}, [":quit"] = { ":quit" }, ["os.exit"] = { "os.exit(3)" },
    ["an error"] = { function() error { message = "the terminal is gone" } end, ":quit" },
    ["a signal"] = { function() return "TERM" end }, ["an error of Lua"] = { "error()", "m.x.y = 1" } }
  for what, way in pairs(ways) do
    world.remove(self.w)
    self.w = world.new()
    local w = self.w
    stop_in_phase_8(w)
    local mark = w.client_lock
    local seen = {}
    local lines = { ":rw", 'm:export("/alt_inst")', 'm:provide_spot()', 'm:mount("/alt_inst")',
      'm.alt:write("/etc/x", "y")',
      function()
        seen = { w.exports.client["/alt_inst"] ~= nil, w.mounts.master["/lpar_alt/alt_inst"] ~= nil,
          w.mounts.client["/ALT_MIG_SPOT"] ~= nil, sys.locked(w.dir .. "/state/lpar/lock") ~= false, w.files["/etc/x"] }
      end }
    table.move(way, 1, #way, #lines + 1, lines)
    local out, ok, status = repl(w, lines)
    lu.assertTrue(ok, what)
    lu.assertEquals(status, ({ ["os.exit"] = 3, ["a signal"] = 130 })[what] or 0, what)
    lu.assertEquals(seen, { true, true, true, true, "y" }, what .. out)
    lu.assertEquals({ w.exports.client, w.exports.master, w.mounts.client, w.mounts.master }, { {}, {}, {}, {} }, what)
    lu.assertEquals(w.client_lock, mark, what)
    lu.assertFalse(sys.locked(w.dir .. "/state/lpar/lock"), what)
    lu.assertEquals(w.migration.resume(w.opts()), 0, what)
  end
end

function TestPromptOfAMigration:test_a_prompt_that_breaks_takes_away_what_it_made()
  local w = self.w
  stop_in_phase_8(w)
  local real = require "altmig.ui.repl"
  local run = real.run
  real.run = function(options)
    assert(options.m:writable())
    options.m:export("/alt_inst")
    error { message = "no terminal" }
  end
  local _, ok, e = repl(w, {})
  real.run = run
  lu.assertFalse(ok)
  lu.assertEquals(e.message, "no terminal")
  lu.assertEquals(w.exports.client, {})
  lu.assertFalse(sys.locked(w.dir .. "/state/lpar/lock"))
end

function TestPromptOfAMigration:test_what_was_there_before_the_prompt_stays()
  local w = self.w
  lu.assertEquals(w.migration.migrate(w.opts { phases = { 1, 2, 3 } }), 0)
  local function all() return { w.exports.client, w.exports.master, w.mounts.client, w.mounts.master } end
  local function copy_of(list)
    local copies = {}
    for i, set in ipairs(list) do
      copies[i] = {}
      for k, v in pairs(set) do copies[i][k] = v end
    end
    return copies
  end
  local before = copy_of(all())
  lu.assertNotNil(next(before[1]))
  local made
  repl(w, { ":rw", 'm.client:must { "exportfs", "-i", "-o", "rw", "/alt_inst/var" }',
    'm.master:must { "mount", "lpar:/alt_inst/var", "/lpar_alt/alt_inst/var" }', function() made = copy_of(all()) end })
  lu.assertNotNil(made[1]["/alt_inst/var"])
  lu.assertNotNil(made[4]["/lpar_alt/alt_inst/var"])
  lu.assertEquals(all(), before)
end

function TestPromptOfAMigration:test_a_mark_of_a_migration_that_is_over_is_taken_back()
  local w = self.w
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  local held
  repl(w, { ":rw", function() held = w.client_lock end })
  lu.assertNotNil(held)
  lu.assertNil(w.client_lock)
end

function TestPromptOfAMigration:test_beside_a_running_migration_it_is_for_looking_and_rw_says_who_runs()
  local w = self.w
  stop_in_phase_8(w)
  local lock <close> = assert(sys.lock(w.dir .. "/state/lpar/lock", { text = '{"pid":4711,"host":"engine7","start":1700000000}' }))
  local before = kept(w)
  local out, ok, status = repl(w, { ":rw", 'm.alt:write("/etc/x", "y")', 'm:export("/alt_inst")', ":resume", "m:writable()", "m.name" })
  lu.assertTrue(ok and status == 0 and lock ~= nil)
  lu.assertStrContains(out, "being worked on by pid 4711 on engine7 since")
  lu.assertStrContains(out, "[LOCKED] client lpar is locked by another run: pid 4711 on engine7")
  lu.assertEquals(select(2, out:gsub("%[READ_ONLY%]", "")), 2)
  lu.assertEquals({ w.log, kept(w), w.exports.client }, { {}, before, {} })
  lu.assertNotNil(sys.locked(w.dir .. "/state/lpar/lock"))
end

function TestPromptOfAMigration:test_a_client_that_another_engine_host_works_on_is_not_taken()
  local w = self.w
  stop_in_phase_8(w)
  w.client_lock = "engine8:/state"
  local before = kept(w)
  local free
  local out = repl(w, { ":rw", function() free = sys.locked(w.dir .. "/state/lpar/lock") == false end, 'm:export("/alt_inst")',
    "m:first_open_phase()" })
  lu.assertStrContains(out, "[LOCKED] client lpar is locked by another run: engine8:/state")
  lu.assertStrContains(out, "READ_ONLY")
  lu.assertStrContains(out, "8\n")
  lu.assertTrue(free)
  lu.assertEquals({ w.client_lock, w.exports.client, kept(w) }, { "engine8:/state", {}, before })
end

function TestPromptOfAMigration:test_rw_reads_the_journal_again()
  local w = self.w
  stop_in_phase_8(w)
  local out = repl(w, { function() lu.assertEquals(w.migration.resume(w.opts()), 0) end, "m:first_open_phase()", ":rw",
    "m:first_open_phase()" })
  lu.assertStrContains(out, "8\nwritable\nnil\n")
end

function TestPromptOfAMigration:test_resume_at_the_prompt()
  local w = self.w
  stop_in_phase_8(w)
  local out = repl(w, { ":resume", ":rw", ":resume", "m:first_open_phase()" })
  lu.assertStrContains(out, "type :rw first")
  lu.assertStrContains(out, "resume: status 0\nnil\n")
  lu.assertNil(w.client_lock)
  lu.assertEquals({ w.exports.client, w.mounts.master }, { {}, {} })
end

function TestPromptOfAMigration:test_the_prompt_at_an_error_changes_nothing_before_rw()
  local w = self.w
  local during, files = {}, {}
  w.fail.bosboot = 1
  local function note()
    during[#during + 1] = w.exports.client["/alt_inst"] ~= nil
    files[#files + 1] = w.files["/etc/x"] or false
  end
  local lines = { 'm.alt:write("/etc/x", "early")', 'm.client:run { "logger", "early" }', 'm:step("s", function() end)', ":sh true",
    'm:note { event = "ended" }', 'm.journal:append { event = "ended" }', note, ":rw", 'm.alt:write("/etc/x", "late")',
    'm.client:run { "logger", "late" }', note }
  local out, ok, e = typing(lines, w.migration.migrate, w.opts { repl_on_error = true })
  lu.assertFalse(ok)
  lu.assertEquals(e.code, "COMMAND")
  lu.assertEquals(select(2, out:gsub("%[READ_ONLY%]", "")), 5)
  lu.assertEquals({ during, files }, { { true, true }, { false, "late" } })
  lu.assertEquals({ world.count(w, "logger early"), world.count(w, "logger late") }, { 0, 1 })
  lu.assertEquals({ w.exports.client, w.exports.master, w.mounts.client, w.mounts.master }, { {}, {}, {}, {} })
  w.fail = {}
  lu.assertEquals(w.migration.resume(w.opts()), 0)
end

function TestPromptOfAMigration:test_trees_and_sessions_opened_at_the_prompt_are_for_looking_too()
  local w = self.w
  stop_in_phase_8(w)
  local out = repl(w, { 't = tree.nfs { guard = function() return true end }', 't:write("/etc/x", "y")', 't:read "/etc/motd"',
    's = ssh.connect { host = "client" }', 's:run { "logger", "by hand" }', ":rw", 't:write("/etc/x", "z")',
    's:run { "logger", "by hand" }' })
  lu.assertStrContains(out, "READ_ONLY")
  lu.assertEquals(w.files["/etc/x"], "z")
  lu.assertEquals(world.count(w, "logger by hand"), 1)
end
