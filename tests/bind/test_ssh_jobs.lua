-- SPDX-License-Identifier: MIT
-- Jobs of altmig.ssh, over a private sshd, with the shells this host has.
local lu = require "luaunit"
local ssh = require "altmig.ssh"
local sys = require "altmig.sys"
local here = arg and arg[0]:match("^(.*)/[^/]*$") or "."
package.path = here .. "/data/?.lua;" .. package.path
local private = require "private_sshd"

local missing = private.missing()

local function fails(code, part, value, message, got)
  lu.assertNil(value)
  lu.assertEquals(got, code, message)
  if part then lu.assertStrContains(message, part) end
end

local function sh(text) return { "sh", "-c", text } end

-- Waits until `condition` holds; false when it does not within five seconds.
local function eventually(condition)
  for _ = 1, 100 do
    if condition() then return true end
    sys.sleep(0.05)
  end
  return false
end

-- The scripts of jobs run under every shell this host has.
local function job_suite(shell_name, shell)
  local server, s, dir, small, mounted
  local T = {}
  -- The engine sets PATH itself; with this one sh is the shell.
  local function options()
    return server:options { path = shell and server:path("bin") .. ":/usr/bin:/bin:/usr/sbin" or nil }
  end

  function T.setUp()
    lu.skipIf(missing ~= nil, missing)
    lu.skipIf(shell ~= nil and not sys.stat(shell), "no " .. tostring(shell))
    if not server then
      server = private.new()
      if shell then
        assert(sys.makedirs(server:path("bin")))
        assert(sys.symlink(shell, server:path("bin/sh")))
      end
      -- The file system that becomes full is mounted before the server gets a mount namespace of its own.
      small = server:path("small")
      assert(sys.makedirs(small))
      server:restart(nil, function()
        local r = sys.getuid() == 0 and sys.run { "mount", "-t", "tmpfs", "-o", "size=256k", "small", small }
        mounted = r and r.status == 0
      end)
      dir = server:path("jobs")
    end
    s = assert(ssh.connect(options()))
  end
  function T.tearDown()
    if s then s:close() end
    s = nil
    if mounted then os.remove(small .. "/fill") end
  end
  function T.teardownClass()
    if mounted then sys.run { "umount", "-l", small } end
    if server then server:close() end
    server, mounted = nil, nil
  end

  local function job(id, text, more)
    local opts = { id = id, dir = dir }
    for k, v in pairs(more or {}) do opts[k] = v end
    return s:job(sh(text), opts)
  end

  function T.test_output_status_and_input()
    local lines = {}
    local j, started = assert(job("full", "cat; echo err >&2; printf end; exit 5", { stdin = "in\0put\n" }))
    lu.assertTrue(started)
    local r = assert(j:wait { on_line = function(line, stream) lines[#lines + 1] = stream .. ":" .. line end })
    lu.assertEquals(r, { status = 5, stdout = "in\0put\nend", stderr = "err\n" })
    lu.assertItemsEquals(lines, { "stdout:in\0put", "stdout:end", "stderr:err" })
    lu.assertEquals(j:poll(), "done")
    lu.assertEquals(sys.stat(dir .. "/full").mode, 448)
    lu.assertEquals(assert(j:wait { offset = { stdout = 7 } }).stdout, "end")
    assert(j:remove())
    lu.assertNil(sys.stat(dir .. "/full"))
    lu.assertTrue(j:remove())
    fails("JOB_GONE", "full", s:attach("full", { dir = dir }))
    fails("JOB_GONE", "full", j:wait())
  end

  function T.test_environment_and_directory()
    local j = assert(job("env", 'echo "$A|`pwd`"', { env = { A = "it's" }, cwd = "/usr" }))
    lu.assertEquals(assert(j:wait()).stdout, "it's|/usr\n")
  end

  function T.test_umask_is_that_of_a_login()
    local j = assert(job("umask", "umask"))
    lu.assertEquals(assert(j:wait()).stdout, assert(s:run(sh "umask")).stdout)
    lu.assertStrMatches(sys.read_file(dir .. "/umask/start"), "%d+%-%d+%-%d+T%d+:%d+:%d+Z\n")
  end

  function T.test_command_ended_by_a_signal()
    local r = assert(assert(job("signal", "kill -KILL $$")):wait())
    lu.assertEquals(r, { signal = "KILL", stdout = "", stderr = "" })
  end

  function T.test_attaches_instead_of_starting_again()
    local marks = server:path("marks")
    assert(assert(job("once", "echo x >>" .. marks)):wait())
    local j, started = assert(job("once", "echo x >>" .. marks))
    lu.assertFalse(started)
    lu.assertEquals(assert(j:wait()).status, 0)
    lu.assertEquals(sys.read_file(marks), "x\n")
    fails("JOB_MISMATCH", "once", job("once", "echo y"))
  end

  function T.test_survives_lost_connections()
    local count = 0
    local j = assert(job("survive", "for i in 1 2 3 4 5 6; do echo $i; sleep 0.1; done; exit 4"))
    local r = assert(j:wait { on_line = function()
      count = count + 1
      if count == 2 or count == 4 then server:cut() end
    end })
    lu.assertEquals(r.stdout, "1\n2\n3\n4\n5\n6\n")
    lu.assertEquals(r.status, 4)
    lu.assertEquals(count, 6)
  end

  function T.test_attach_from_another_session()
    local go = server:path("go")
    assert(job("other", "echo before; while [ ! -f " .. go .. " ]; do sleep 0.1; done; echo after"))
    server:cut()
    s:close()
    s = assert(ssh.connect(options()))
    local j = assert(s:attach("other", { dir = dir }))
    lu.assertEquals(j:poll(), "running")
    fails("JOB_RUNNING", "other", j:remove())
    assert(sys.write_file(go, ""))
    lu.assertEquals(assert(j:wait()).stdout, "before\nafter\n")
  end

  function T.test_timeout_leaves_it_running()
    local j = assert(job("slow", "sleep 0.6; echo done"))
    fails("SSH_TIMEOUT", "goes on", j:wait { timeout = 0.2 })
    lu.assertEquals(assert(j:wait()).stdout, "done\n")
  end

  function T.test_cancel_ends_the_whole_group()
    local pids = server:path("pids")
    local j = assert(job("cancel", "sleep 300 & echo $! >" .. pids .. "; wait"))
    lu.assertTrue(eventually(function() return sys.stat(pids) and sys.stat(pids).size > 0 end))
    assert(j:cancel())
    lu.assertEquals(assert(j:wait()).signal, "TERM")
    local pid = tonumber(sys.read_file(pids))
    lu.assertTrue(eventually(function()
      local state = sys.run({ "ps", "-o", "stat=", "-p", tostring(pid) }).stdout
      return state == "" or state:sub(1, 1) == "Z"
    end))
    assert(j:cancel())
  end

  function T.test_cancel_a_job_that_ignores_term()
    local ready = server:path("ready")
    local j = assert(job("stubborn", "trap '' TERM; echo >" .. ready .. "; while :; do sleep 0.1; done"))
    lu.assertTrue(eventually(function() return sys.stat(ready) end))
    assert(j:cancel { grace = 1 })
    lu.assertEquals(assert(j:wait()).signal, "KILL")
  end

  function T.test_gone_when_the_wrapper_was_killed()
    local j = assert(job("gone", "sleep 2"))
    local pid = assert(sys.read_file(dir .. "/gone/pid")):match("^%d+")
    sys.kill(tonumber(pid), "KILL")
    lu.assertTrue(eventually(function() return j:poll() == "gone" end))
    fails("JOB_GONE", "gone", j:wait())
    lu.assertEquals(assert(s:attach("gone", { dir = dir })):poll(), "gone")
    assert(j:remove())
  end

  function T.test_pid_used_again_by_another_process()
    local j = assert(job("reused", "true"))
    assert(j:wait())
    assert(sys.remove(dir .. "/reused/rc"))
    assert(sys.write_file(dir .. "/reused/pid", sys.getpid() .. "\n"))
    lu.assertEquals(j:poll(), "gone")
  end

  function T.test_start_that_was_cut_short_is_made_up_for()
    assert(sys.makedirs(dir))
    assert(sys.mkdir(dir .. "/half", 448))
    assert(sys.write_file(dir .. "/half/cmd", "something else\n"))
    local j, started = assert(job("half", "echo ran"))
    lu.assertTrue(started)
    lu.assertEquals(assert(j:wait()).stdout, "ran\n")
  end

  function T.test_concurrent_starts_run_it_once()
    local marks, script = server:path("once.marks"), server:path("start.lua")
    assert(sys.write_file(script, ([[
      local s = assert(require("altmig.ssh").connect { host = "127.0.0.1", port = %d, user = %q, identity = %q, known_hosts = %q })
      local j = assert(s:job({ "sh", "-c", %q }, { id = "race", dir = %q }))
      assert(assert(j:wait()).status == 0)
      s:close()]]):format(server.port, server.user, server:path("user_ed25519"), server:path("known_hosts"),
      "echo x >>" .. marks .. "; sleep 0.3", dir)))
    local binary, pids = os.getenv("ALTMIG_BIN") or sys.exe_path(), {}
    for i = 1, 4 do pids[i] = assert(sys.spawn { binary, "run", script }) end
    for _, pid in ipairs(pids) do lu.assertEquals(assert(sys.wait(pid)).status, 0) end
    lu.assertEquals(sys.read_file(marks), "x\n")
  end

  function T.test_bad_names_are_refused()
    for _, id in ipairs { "", "..", "a/b", "-x", "a b", ("x"):rep(101) } do
      fails("EINVAL", "job", s:job({ "true" }, { id = id, dir = dir }))
    end
    fails("EINVAL", "absolute", s:job({ "true" }, { id = "x", dir = "jobs" }))
    fails("JOB_START", "directory", s:job({ "true" }, { id = "x", dir = "/dev/null/jobs" }))
  end

  function T.test_foreign_directory_is_refused()
    assert(sys.makedirs(dir))
    assert(sys.symlink("/tmp", dir .. "/link"))
    fails("JOB_START", "no directory of this user", job("link", "true"))
  end

  local function small_job(id, text) return s:job(sh(text), { id = id, dir = small .. "/jobs" }) end
  local function must_be_mounted() lu.skipIf(not mounted, "no file system of its own can be mounted (root)") end
  local fill = "dd if=/dev/zero of=" .. "%s/fill bs=4096 2>/dev/null; "
  -- Ends as `text` says with its status unwritten: the room that was taken for it is lost.
  local function unwritable_job(id, text)
    return small_job(id, ("rm -f %s/jobs/%s/rc.*; "):format(small, id) .. fill:format(small) .. text)
  end
  local function make_room() assert(sys.remove(small .. "/fill")) end
  local function collect(list) return function(text) list[#list + 1] = text end end

  function T.test_status_of_a_job_that_filled_its_file_system()
    must_be_mounted()
    for id, case in pairs { full1 = { "exit 3", { status = 3 } }, full2 = { "kill -TERM $$", { signal = "TERM" } } } do
      local told = {}
      local j = assert(small_job(id, fill:format(small) .. "echo lost; " .. case[1]))
      local r = assert(j:wait { on_notice = collect(told), timeout = 10 })
      os.remove(small .. "/fill")
      lu.assertEquals({ r.status, r.signal }, { case[2].status, case[2].signal })
      lu.assertStrContains(told[1], "cut short")
      lu.assertStrContains(told[1], small .. "/jobs")
      lu.assertEquals(j:poll(), "done")
      assert(j:remove())
    end
    -- One that fits is not spoken of.
    local told = {}
    assert(assert(small_job("fits", "echo x")):wait { on_notice = collect(told) })
    lu.assertEquals(told, {})
  end

  function T.test_a_job_cancelled_on_a_full_file_system_keeps_its_status()
    must_be_mounted()
    local ready = server:path("full.ready")
    local j = assert(small_job("cancel", fill:format(small) .. "trap '' TERM; : >" .. ready .. "; while :; do sleep 0.1; done"))
    lu.assertTrue(eventually(function() return sys.stat(ready) end))
    assert(j:cancel { grace = 1 })
    lu.assertEquals(assert(j:wait { timeout = 10 }).signal, "KILL")
    os.remove(small .. "/fill")
  end

  function T.test_a_full_file_system_starts_nothing()
    must_be_mounted()
    local mark = server:path("full.mark")
    assert(small_job("before", "exit 0")):wait()
    sys.run { "sh", "-c", fill:format(small) }
    -- However much room is left: all of it, or nothing.
    for left = 0, 4 do
      local f = assert(io.open(small .. "/fill", "r+"))
      f:close()
      assert(sys.truncate(small .. "/fill", sys.stat(small .. "/fill").size - (left > 0 and 4096 or 0)))
      local id = "start" .. left
      local j, message, code = small_job(id, "echo x >>" .. mark)
      if j then
        lu.assertEquals(assert(j:wait { timeout = 10 }).status, 0)
      else
        lu.assertEquals(code, "JOB_START", message)
        lu.assertStrContains(message, "full")
        lu.assertStrContains(message, "127.0.0.1")
        lu.assertStrContains(message, small .. "/jobs")
        fails("JOB_GONE", nil, s:attach(id, { dir = small .. "/jobs" }))
        lu.assertNil(sys.stat(mark))
      end
      os.remove(mark)
    end
    os.remove(small .. "/fill")
    assert(assert(small_job("start0", "echo x >>" .. mark)):wait())
    lu.assertEquals(sys.read_file(mark), "x\n")
    os.remove(mark)
  end

  function T.test_a_status_that_cannot_be_written_is_told_and_waited_for()
    must_be_mounted()
    local told = {}
    local j = assert(unwritable_job("unwritten", "exit 6"))
    local value, message, code = j:wait { room = 1, timeout = 20, on_notice = collect(told) }
    local state, cancelled = j:poll(), j:cancel()
    make_room()
    fails("JOB_UNRECORDED", "status 6", value, message, code)
    lu.assertStrContains(message, small .. "/jobs")
    lu.assertEquals(#told, 1)
    lu.assertStrContains(told[1], "Waiting up to 1 s")
    lu.assertEquals(state, "unrecorded")
    lu.assertTrue(cancelled)
    lu.assertEquals(assert(assert(s:attach("unwritten", { dir = small .. "/jobs" })):wait { timeout = 20 }).status, 6)
  end

  function T.test_a_status_waits_for_room_and_goes_on()
    must_be_mounted()
    local j = assert(unwritable_job("waits", "kill -TERM $$"))
    local told = {}
    local r = assert(j:wait { timeout = 30, on_notice = function(text)
      if #told == 0 then make_room() end
      told[#told + 1] = text
    end })
    lu.assertEquals(r.signal, "TERM")
    lu.assertStrContains(told[1], "signal TERM")
    lu.assertStrContains(told[2], "cut short")
  end

  function T.test_a_wrapper_that_ends_while_it_waits_for_room_is_gone()
    must_be_mounted()
    local j = assert(unwritable_job("dies", "exit 0"))
    fails("JOB_GONE", "left no status", j:wait { timeout = 20, on_notice = function()
      sys.kill(tonumber(sys.read_file(small .. "/jobs/dies/pid"):match "^%d+"), "KILL")
    end })
    assert(j:remove())
  end

  -- Between the question whether the process is there and the one what it is: ps finds nothing any more.
  function T.test_a_wrapper_that_ends_while_it_is_looked_at_is_gone()
    local bin = server:path("racing")
    assert(sys.makedirs(bin))
    assert(sys.write_file(bin .. "/ps", ([[#!/bin/sh
[ -f %s/now ] || exec /usr/bin/ps "$@"
kill -KILL "$2"
while kill -0 "$2"; do :; done 2>/dev/null
exit 1
]]):format(bin), { mode = 493 }))
    local j = assert(job("raced", "sleep 60"))
    local other <close> = assert(ssh.connect(server:options { path = bin .. ":/usr/bin:/bin" }))
    local again = assert(other:attach("raced", { dir = dir }))
    lu.assertEquals(again:poll(), "running")
    assert(sys.write_file(bin .. "/now", ""))
    lu.assertEquals(again:poll(), "gone")
    fails("JOB_GONE", "left no status", j:wait { timeout = 20 })
    assert(j:remove())
  end

  function T.test_a_damaged_status_is_no_status()
    for i, text in ipairs { "", "\n", "3", "3 x\n", "signal \n", "Welcome\n", "\0\0\0\0", "99999999999\n", "-1\n" } do
      local id = "damaged" .. i
      local j = assert(job(id, "exit 0"))
      assert(j:wait())
      assert(sys.write_file(dir .. "/" .. id .. "/rc", text))
      if text ~= "3" then fails("JOB_GONE", nil, j:wait()) end
    end
  end

  if shell then -- what depends on the shell; the rest is the same for all
    for _, name in ipairs { "attach_from_another_session", "environment_and_directory", "timeout_leaves_it_running",
      "bad_names_are_refused", "a_damaged_status_is_no_status", "a_status_waits_for_room_and_goes_on",
      "a_wrapper_that_ends_while_it_waits_for_room_is_gone", "a_wrapper_that_ends_while_it_is_looked_at_is_gone",
      "pid_used_again_by_another_process", "foreign_directory_is_refused" } do
      T["test_" .. name] = nil
    end
  end
  _G["TestJobs" .. shell_name] = T
end

job_suite("Sh")
job_suite("Mksh", "/usr/bin/mksh")
job_suite("Busybox", "/usr/bin/busybox")
