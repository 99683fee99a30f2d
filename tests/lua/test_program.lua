-- SPDX-License-Identifier: MIT
-- The program as a process: how signals end it, and what it keeps out of core files.

local lu = require "luaunit"
local sys = require "altmig.sys"

local bin = os.getenv "ALTMIG_BIN"
local dir

local Base = {}
function Base.setUp()
  dir = os.tmpname()
  os.remove(dir)
  assert(sys.mkdir(dir, 493)) -- 0755: another user may run what is in it
end
function Base.tearDown() sys.run { "rm", "-rf", dir } end

local function script(text, number)
  local path = ("%s/%s.lua"):format(dir, number or "script")
  assert(sys.write_file(path, 'local sys = require "altmig.sys"\n' .. text, { mode = 420 }))
  return path
end

local count = 0

--- Starts a program that runs `text`, and sends it the signals ("0.3 TERM 2.5 INT": seconds of waiting, then
--- a signal). `prefix`: what the shell does before.
local function start(signals, text, prefix)
  local sender = {}
  for seconds, name in signals:gmatch "(%S+) (%S+)" do sender[#sender + 1] = ("sleep %s; kill -%s $$"):format(seconds, name) end
  count = count + 1
  local run = { out = ("%s/%d.out"):format(dir, count), err = ("%s/%d.err"):format(dir, count), began = sys.clock() }
  local line = ("%s ( %s ) >/dev/null 2>&1 & exec '%s' run '%s'"):format(prefix or "", table.concat(sender, "; "), bin,
    script(text, count))
  run.pid = assert(sys.spawn({ "sh", "-c", line }, { stdout = run.out, stderr = run.err }))
  return run
end

--- Waits for its end; its result, and the seconds until then.
local function finish(run)
  while true do
    local r = sys.wait(run.pid, true)
    if r then
      r.stdout, r.stderr = sys.read_file(run.out), sys.read_file(run.err)
      return r, sys.clock() - run.began
    end
    if sys.clock() - run.began > 30 then
      sys.kill(run.pid, "KILL")
      error "it does not end"
    end
    sys.sleep(0.02)
  end
end

local function signalled(...) return finish(start(...)) end

TestSignals = { setUp = Base.setUp, tearDown = Base.tearDown }

function TestSignals:test_each_ends_loops_and_waits_in_order()
  local texts = { loop = "while true do end", wait = "sys.sleep(20) while true do end",
    coroutine = "coroutine.wrap(function() while true do end end)()",
    resumed = "local co = coroutine.create(function() while true do coroutine.yield() end end) while true do coroutine.resume(co) end",
    nested = [[local inner = coroutine.create(function() while true do end end)
      coroutine.wrap(function() while true do coroutine.resume(inner) end end)()]] }
  -- What a script tidies up runs undisturbed, also when the terminal and whoever manages it send two.
  local tidy = "local t <close> = setmetatable({}, { __close = function() for i = 1, 3e6 do end print 'tidied' end })\n"
  local runs = {}
  for what, text in pairs(texts) do
    for _, name in ipairs { "INT", "TERM", "HUP", "QUIT" } do
      if name == "TERM" or what == "loop" then runs[name .. " " .. what] = start("0.3 " .. name .. " 0 HUP", tidy .. text) end
    end
  end
  for what, run in pairs(runs) do
    local r, seconds = finish(run)
    lu.assertEquals({ r.status, r.signal, r.stdout }, { 130, nil, "tidied\n" }, what .. ": " .. r.stderr)
    lu.assertStrContains(r.stderr, "interrupted")
    lu.assertTrue(seconds < 8, what)
  end
end

-- A pattern that takes longer than anybody lives.
local endless = "return ('a'):rep(60):find(('.-'):rep(30) .. 'b')"

function TestSignals:test_what_cannot_be_stopped_ends_in_bounded_time()
  local waits = "os.execute 'sleep 13'" -- one call that no signal ends, as any long one, without using a CPU
  local grace = start("0.3 TERM", waits)
  -- The flow clears the flag when it begins to withdraw, which may take its time.
  local heeded = start("0.3 TERM", [[
    pcall(function() while true do end end)
    sys.cancel_clear()
    print(sys.run({ "sh", "-c", "sleep 10.5; echo withdrawn" }).stdout)]])
  local second = { start("0.3 INT 2.3 INT", endless), start("0.3 TERM 2.3 HUP", waits),
    start("0.3 TERM 2.3 TERM", "while true do pcall(function() while true do end end) end") }
  for i, run in ipairs(second) do
    local r, seconds = finish(run)
    lu.assertEquals(r.status, 130, r.stderr)
    lu.assertStrContains(r.stderr, "altmig resume CLIENT")
    lu.assertTrue(seconds < 7, i .. ": " .. seconds)
  end
  local r, seconds = finish(grace)
  lu.assertEquals(r.status, 130, r.stderr)
  lu.assertStrContains(r.stderr, "altmig resume CLIENT")
  lu.assertTrue(seconds > 9 and seconds < 13, seconds)
  r = finish(heeded)
  lu.assertStrContains(r.stdout, "withdrawn")
  lu.assertEquals(r.status, 0, r.stderr)
end

function TestSignals:test_nohup()
  local r = signalled("0.3 HUP", "local t = sys.clock() while sys.clock() - t < 1 do end print 'went on'", "trap '' HUP;")
  lu.assertEquals({ r.status, r.stdout }, { 0, "went on\n" }, r.stderr)
end

function TestSignals:test_a_reader_that_went_away_does_not_end_it()
  local marker = dir .. "/end"
  local path = script(([[sys.sleep(0.3)
    for i = 1, 1000 do print(('x'):rep(1000)) end
    io.stderr:write 'x'
    sys.write_file(%q, 'end')]]):format(marker))
  assert(sys.run { "sh", "-c", ("'%s' run '%s' 2>&1 | true; sleep 0.8"):format(bin, path) })
  lu.assertEquals(sys.read_file(marker), "end")
end

function TestSignals:test_the_second_interrupt_at_the_prompt_ends_it()
  local text = 'sys.spawn{ "sh", "-c", "sleep 0.3; kill -INT " .. sys.getpid() .. "; sleep 2.5; kill -INT " .. sys.getpid() } > 0\n'
    .. endless .. '\n"after"\n'
  local r = assert(sys.run({ bin, "repl" }, { stdin = text, timeout = 20 }))
  lu.assertEquals(r.status, 130)
  lu.assertNotStrContains(r.stdout, "after")
end

function TestSignals:test_a_terminal_that_goes_away_does_not_stop_the_withdrawing()
  lu.skipIf(not sys.run { "script", "--version" }, "script(1) of util-linux is not here")
  local file = dir .. "/said"
  local command = ("'%s' run '%s/dead_terminal.lua' '%s'"):format(bin, DATA_DIR, file)
  local pid = assert(sys.spawn({ "script", "-qec", command, "/dev/null" }, { detach = true, stdin = "/dev/zero" }))
  local function said(pattern)
    for _ = 1, 200 do
      local found = (sys.read_file(file) or ""):match(pattern)
      if found then return found end
      sys.sleep(0.05)
    end
    return nil
  end
  local waiting = said "waiting (%d+)"
  sys.kill(pid, "KILL") -- the terminal with it
  sys.wait(pid)
  lu.assertNotNil(waiting)
  lu.assertEquals(said "ended (%S+)", "CANCELLED")
  local text = sys.read_file(file)
  for _, line in ipairs { "master umount /lpar_alt/alt_inst\n", "client exportfs -u /alt_inst\n",
    "master exportfs -u /export/spot/usr\n" } do
    lu.assertStrContains(text, line)
  end
end

TestPrivate = { setUp = Base.setUp, tearDown = Base.tearDown }

local facts = [[
  print((sys.read_file "/proc/self/limits"):match "Max core file size%s+(%S+)%s+(%S+)")
  print(sys.stat("/proc/self/limits").uid)
  io.write(sys.run({ "sh", "-c", "ulimit -S -c; ulimit -S -c unlimited && ulimit -S -c" }).stdout)]]

function TestPrivate:test_no_core_file_and_nobody_may_look()
  lu.skipIf(not sys.stat "/proc/self/limits", "no /proc")
  local path, program = script(facts), dir .. "/altmig"
  assert(sys.run { "cp", bin, program })
  local argv = { "sh", "-c", 'ulimit -S -c unlimited; exec "$0" run "$1"', program, path }
  local hard = sys.run({ "sh", "-c", "ulimit -H -c" }).stdout:match "%S+"
  lu.skipIf(hard ~= "unlimited", "the hard limit of core files is not 'unlimited'")
  if sys.getuid() == 0 then -- a process of another user shows best to whom it belongs
    lu.skipIf(not sys.run { "setpriv", "--version" }, "setpriv(1) of util-linux is not here")
    table.move({ "setpriv", "--reuid=65534", "--clear-groups" }, 1, 3, 1, table.move(argv, 1, #argv, 4))
  end
  local r = assert(sys.run(argv, { env = { ALTMIG_LUA = "" } }))
  -- Programs that are started have no core file either, unless they ask for it.
  lu.assertEquals(r.stdout, "0\tunlimited\n0\n0\nunlimited\n", r.stderr)
end

function TestPrivate:test_a_crash_leaves_no_core()
  local r = assert(sys.run({ "sh", "-c", ([[ulimit -S -c unlimited; '%s' run '%s']]):format(bin, script "sys.kill(sys.getpid(), 'ABRT')") },
    { cwd = dir }))
  lu.assertStrContains(r.stderr .. tostring(r.status), "134")
  lu.assertNotStrContains(r.stderr, "core dumped")
  for _, name in ipairs(sys.list(dir)) do lu.assertNotStrContains(name, "core") end
end
