-- SPDX-License-Identifier: MIT
local lu = require "luaunit"
local sys = require "altmig.sys"

local function temporary()
  local name = os.tmpname()
  os.remove(name)
  assert(sys.mkdir(name, 448))
  return name
end

local function clean(dir)
  assert(sys.run({ "rm", "-rf", dir }).status == 0)
end

TestFiles = {}

function TestFiles:setUp() self.dir = temporary() end
function TestFiles:tearDown() clean(self.dir) end

function TestFiles:test_replace_is_whole_and_leaves_nothing_behind()
  local path = self.dir .. "/a"
  lu.assertTrue(sys.write_file(path, "one\0two"))
  lu.assertEquals(sys.read_file(path), "one\0two")
  lu.assertEquals(sys.stat(path).mode, tonumber("600", 8))
  local old = sys.stat(path).ino
  lu.assertTrue(sys.write_file(path, "", { mode = tonumber("4755", 8) }))
  lu.assertEquals(sys.read_file(path), "")
  lu.assertEquals(sys.stat(path).mode, tonumber("4755", 8))
  lu.assertNotEquals(sys.stat(path).ino, old)
  lu.assertEquals(sys.list(self.dir), { "a" })
end

function TestFiles:test_overwrite_keeps_the_inode()
  local path = self.dir .. "/a"
  lu.assertTrue(sys.write_file(path, "long text"))
  local old = sys.stat(path).ino
  lu.assertTrue(sys.write_file(path, "short", { atomic = false }))
  lu.assertEquals(sys.stat(path).ino, old)
  lu.assertEquals(sys.read_file(path), "short")
  lu.assertTrue(sys.append_file(path, "+"))
  lu.assertEquals(sys.read_file(path), "short+")
end

function TestFiles:test_failed_replace_leaves_no_temporary()
  lu.assertTrue(sys.mkdir(self.dir .. "/d"))
  local ok, message, code = sys.write_file(self.dir .. "/d", "x")
  lu.assertNil(ok)
  lu.assertEquals(code, "EISDIR")
  lu.assertStrContains(message, self.dir .. "/d")
  lu.assertEquals(sys.list(self.dir), { "d" })
end

function TestFiles:test_read_never_cuts()
  local path = self.dir .. "/a"
  sys.write_file(path, ("x"):rep(100))
  lu.assertEquals(#sys.read_file(path, 100), 100)
  local data, _, code = sys.read_file(path, 99)
  lu.assertNil(data)
  lu.assertEquals(code, "E2BIG")
  data, _, code = sys.read_file(self.dir .. "/none")
  lu.assertNil(data)
  lu.assertEquals(code, "ENOENT")
end

function TestFiles:test_names_are_sorted_by_bytes()
  for _, name in ipairs { "b", "B", "a", "\xc3\xa4", "_" } do sys.write_file(self.dir .. "/" .. name, "") end
  lu.assertEquals(sys.list(self.dir), { "B", "_", "a", "b", "\xc3\xa4" })
end

function TestFiles:test_links_and_directories()
  local d = self.dir
  lu.assertTrue(sys.makedirs(d .. "/x/y/z"))
  lu.assertTrue(sys.makedirs(d .. "/x/y/z"))
  lu.assertTrue(sys.symlink("x/y", d .. "/l"))
  lu.assertEquals(sys.readlink(d .. "/l"), "x/y")
  lu.assertEquals(sys.lstat(d .. "/l").type, "link")
  lu.assertEquals(sys.stat(d .. "/l").type, "dir")
  lu.assertEquals(sys.realpath(d .. "/l/z"), sys.realpath(d) .. "/x/y/z")
  lu.assertTrue(sys.utime(d .. "/l", 1, 2.5))
  lu.assertEquals(sys.lstat(d .. "/l").mtime, 2)
  local _, _, code = sys.rmdir(d .. "/x")
  lu.assertEquals(code, "ENOTEMPTY")
  sys.write_file(d .. "/f", "")
  _, _, code = sys.makedirs(d .. "/f/g")
  lu.assertEquals(code, "ENOTDIR")
  lu.assertTrue(sys.link(d .. "/f", d .. "/g"))
  lu.assertEquals(sys.stat(d .. "/f").nlink, 2)
  lu.assertTrue(sys.mknod(d .. "/p", "fifo", 384))
  lu.assertEquals(sys.stat(d .. "/p").type, "fifo")
end

function TestFiles:test_nul_in_a_path_is_misuse()
  lu.assertErrorMsgContains("NUL", sys.read_file, "/etc/passwd\0x")
  lu.assertErrorMsgContains("NUL", sys.run, { "true", "a\0b" })
end

function TestFiles:test_lock_excludes_and_names_its_holder()
  local path = self.dir .. "/lock"
  lu.assertEquals(sys.locked(path), false)
  local lock = assert(sys.lock(path, { text = '{"pid":1}' }))
  local again, message, code, text = sys.lock(path, { text = "other" })
  lu.assertNil(again)
  lu.assertEquals(code, "LOCKED")
  lu.assertEquals(text, '{"pid":1}')
  lu.assertStrContains(message, '{"pid":1}')
  lu.assertEquals(sys.locked(path), '{"pid":1}')
  -- Reading the file must not drop the lock, as closing it would with plain POSIX locks.
  lu.assertEquals(sys.read_file(path), '{"pid":1}')
  local other = sys.run { os.getenv "ALTMIG_BIN", "run", DATA_DIR .. "/lock_probe.lua", path }
  lu.assertEquals(other.stdout, "LOCKED\n")
  lock:close()
  lock:close()
  lu.assertEquals(sys.locked(path), false)
  other = sys.run { os.getenv "ALTMIG_BIN", "run", DATA_DIR .. "/lock_probe.lua", path }
  lu.assertEquals(other.stdout, "free\n")
end

TestProcesses = {}

function TestProcesses:test_streams_status_and_input()
  local r = assert(sys.run({ "sh", "-c", "cat; echo bad >&2; exit 3" }, { stdin = "a\0b\n" }))
  lu.assertEquals(r, { status = 3, stdout = "a\0b\n", stderr = "bad\n" })
end

function TestProcesses:test_large_streams_both_ways()
  local data = ("0123456789abcde\n"):rep(200000)
  local r = assert(sys.run({ "sh", "-c", "tee /dev/stderr" }, { stdin = data }))
  lu.assertEquals(#r.stdout, #data)
  lu.assertTrue(r.stdout == data and r.stderr == data)
end

function TestProcesses:test_unread_input_is_no_failure()
  local r = assert(sys.run({ "true" }, { stdin = ("x"):rep(1 << 20) }))
  lu.assertEquals(r.status, 0)
end

function TestProcesses:test_a_signal_is_no_status()
  local r = assert(sys.run { "sh", "-c", "kill -9 $$" })
  lu.assertEquals(r.signal, "KILL")
  lu.assertNil(r.status)
end

function TestProcesses:test_lines_come_one_by_one()
  local lines = {}
  assert(sys.run({ "sh", "-c", "printf 'a\\nb'; sleep 0.05; printf 'c\\n\\nlast' ; echo e >&2" }, {
    on_line = function(line, stream) lines[#lines + 1] = stream .. ":" .. line end,
  }))
  table.sort(lines)
  lu.assertEquals(lines, { "stderr:e", "stdout:", "stdout:a", "stdout:bc", "stdout:last" })
end

function TestProcesses:test_error_in_a_callback_ends_the_program()
  local start = sys.clock()
  local r, message, code = sys.run({ "sh", "-c", "echo x; sleep 20" }, { on_line = function() error "no more" end })
  lu.assertNil(r)
  lu.assertEquals(code, "CALLBACK")
  lu.assertStrContains(message, "no more")
  lu.assertTrue(sys.clock() - start < 10)
end

function TestProcesses:test_timeout_ends_the_whole_group()
  local start = sys.clock()
  local r, _, code = sys.run({ "sh", "-c", "sleep 47.11 & sleep 47.11" }, { timeout = 0.1 })
  lu.assertNil(r)
  lu.assertEquals(code, "ETIMEDOUT")
  lu.assertTrue(sys.clock() - start < 10)
  lu.assertEquals(sys.run({ "sh", "-c", "ps -e -o args | grep '^sleep 47[.]11'" }).stdout, "")
end

function TestProcesses:test_a_daemon_with_our_output_does_not_hold_us()
  local start = sys.clock()
  local r = assert(sys.run { "sh", "-c", "sleep 5 & echo $!" })
  lu.assertTrue(sys.clock() - start < 4)
  sys.kill(tonumber(r.stdout), "KILL")
end

function TestProcesses:test_failures_before_the_program_have_their_reason()
  local r, message, code = sys.run { "no-such-program-here" }
  lu.assertNil(r)
  lu.assertEquals(code, "ENOENT")
  lu.assertStrContains(message, "no-such-program-here")
  r, message, code = sys.run({ "true" }, { cwd = "/no/such" })
  lu.assertNil(r)
  lu.assertEquals(code, "ENOENT")
  lu.assertStrContains(message, "change to /no/such")
  r, message = sys.run({ "true" }, { chroot = "/no/such" })
  lu.assertNil(r)
  lu.assertStrContains(message, "chroot to /no/such")
  r, _, code = sys.run { "/etc/passwd" }
  lu.assertNil(r)
  lu.assertEquals(code, "EACCES")
end

function TestProcesses:test_environment_is_added_to()
  local r = assert(sys.run({ "sh", "-c", 'echo "$HOME|$NEW|$PATH"' }, { env = { HOME = "/h", NEW = 5 } }))
  lu.assertEquals(r.stdout, "/h|5|" .. os.getenv "PATH" .. "\n")
  lu.assertErrorMsgContains("no variable", sys.run, { "true" }, { env = { ["A=B"] = "x" } })
end

function TestProcesses:test_nothing_else_is_inherited()
  local _ <close> = assert(io.open("/etc/passwd")) -- opened without close-on-exec
  local r = assert(sys.run { "sh", "-c", "ls /proc/self/fd | wc -l" })
  lu.assertEquals(tonumber(r.stdout), 4) -- 0, 1, 2 and the directory itself
end

function TestProcesses:test_spawn_and_wait()
  local out = os.tmpname()
  local pid = assert(sys.spawn({ "sh", "-c", "echo hello; exit 7" }, { stdout = out }))
  lu.assertEquals(sys.wait(pid), { status = 7 })
  lu.assertEquals(sys.read_file(out), "hello\n")
  os.remove(out)
  pid = assert(sys.spawn({ "sleep", "20" }, { detach = true }))
  lu.assertEquals(sys.wait(pid, true), false)
  lu.assertTrue(sys.kill(pid))
  lu.assertEquals(sys.wait(pid), { signal = "TERM" })
  local _, _, code = sys.wait(pid)
  lu.assertEquals(code, "ECHILD")
  lu.assertErrorMsgContains("process", sys.kill, -1)
end

function TestProcesses:test_interrupt_ends_the_program_and_says_so()
  local script = os.tmpname()
  sys.write_file(script, [[
    local sys = require "altmig.sys"
    sys.spawn({ "sh", "-c", "sleep 0.3; kill -INT " .. sys.getpid() })
    local ok, e = pcall(function()
      local r, message, code = sys.run({ "sleep", "20" })
      io.stdout:write(tostring(r), " ", code, "\n")
    end)
    io.stdout:write(tostring(sys.cancelled()), "\n")
  ]])
  local r = assert(sys.run({ os.getenv "ALTMIG_BIN", "run", script }, { timeout = 15 }))
  os.remove(script)
  lu.assertStrContains(r.stdout, "true\n") -- the flag stays until it is cleared
  lu.assertEquals(r.signal, nil)
end

TestFacts = {}

function TestFacts:test_digests()
  lu.assertEquals(sys.sha256 "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  lu.assertEquals({ sys.cksum "123456789" }, { 930766865, 9 })
  lu.assertEquals({ sys.cksum "" }, { 4294967295, 0 })
end

function TestFacts:test_process_and_host()
  lu.assertTrue(sys.getpid() > 1)
  lu.assertTrue(math.abs(sys.time() - os.time()) < 5)
  lu.assertEquals(sys.realpath(sys.exe_path()), sys.realpath(os.getenv "ALTMIG_BIN"))
  sys.setenv("ALTMIG_TEST_VARIABLE", "v")
  lu.assertEquals(sys.getenv "ALTMIG_TEST_VARIABLE", "v")
  sys.setenv("ALTMIG_TEST_VARIABLE")
  lu.assertNil(sys.getenv "ALTMIG_TEST_VARIABLE")
  local mask = sys.umask(18)
  lu.assertEquals(sys.umask(), 18)
  sys.umask(mask)
  lu.assertTrue(sys.sleep(0))
end
