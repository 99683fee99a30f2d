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

-- The scripts of jobs run under every shell this host has; sshd sets a PATH where sh is that shell.
local function job_suite(shell_name, shell)
  local server, s, dir
  local T = {}

  function T.setUp()
    lu.skipIf(missing ~= nil, missing)
    lu.skipIf(shell ~= nil and not sys.stat(shell), "no " .. tostring(shell))
    if not server then
      server = private.new()
      if shell then
        assert(sys.makedirs(server:path("bin")))
        assert(sys.symlink(shell, server:path("bin/sh")))
        server:stop()
        server.extra = "SetEnv PATH=" .. server:path("bin") .. ":/usr/bin:/bin:/usr/sbin"
        server:start()
        assert(sys.write_file(server:path("known_hosts"), server:name() .. " " .. server:public("host_ed25519") .. "\n"))
      end
      dir = server:path("jobs")
    end
    s = assert(ssh.connect(server:options()))
  end
  function T.tearDown()
    if s then s:close() end
    s = nil
  end
  function T.teardownClass()
    if server then server:close() end
    server = nil
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
    s = assert(ssh.connect(server:options()))
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

  if shell then -- what depends on the shell; the rest is the same for all
    for _, name in ipairs { "attach_from_another_session", "environment_and_directory", "timeout_leaves_it_running",
      "bad_names_are_refused", "pid_used_again_by_another_process", "foreign_directory_is_refused" } do
      T["test_" .. name] = nil
    end
  end
  _G["TestJobs" .. shell_name] = T
end

job_suite("Sh")
job_suite("Mksh", "/usr/bin/mksh")
job_suite("Busybox", "/usr/bin/busybox")
