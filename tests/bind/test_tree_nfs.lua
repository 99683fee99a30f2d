-- SPDX-License-Identifier: MIT
-- altmig.tree over NFS, against a server of its own: rpcbind and nfs-ganesha in private network,
-- mount and process namespaces, so that the standard ports are real and nothing is left behind. Every case runs
-- twice: with sockets of its own, and with its connections through an sshd.

local lu = require "luaunit"
local sys = require "altmig.sys"
local tree = require "altmig.tree"

local here = arg[0]:match("^(.*)/[^/]*$")
package.path = package.path .. ";" .. here .. "/?.lua;" .. here .. "/data/?.lua"
local cases = require "bind.tree_cases"

local private = require "private_sshd"
local server = require "nfs_server"

local why = server.missing()
if not why then server.go_private(arg[0], table.unpack(arg, 1)) end

local BASE <const> = server.base
local run = server.run

local function bring_up()
  server.bring_up({ main = "200m", usr = "200m", small = "1m", ro = "200m", spare = "200m", upper = "200m" }, { ro = "RO" })
  assert(sys.mkdir(BASE .. "/upper/below", 493))
  run { "mount", "-t", "tmpfs", "none", BASE .. "/upper/below" }
  assert(sys.write_file(BASE .. "/ro/file", "read me"))
end

local url = server.url

local function empty(name)
  local t <close> = assert(tree.at(BASE .. "/" .. name))
  for _, entry in ipairs(t:list("/")) do assert(t:remove_all("/" .. entry)) end
end

local sshd, through -- the second: connections are its

local function try(options)
  options[1] = options[1] or { at = "/", url = url("main") }
  options.via = options.via or through and sshd:options() or nil
  return tree.nfs(options)
end

local function open(options) return assert(try(options)) end

local up
local function prepare()
  if why then lu.skip(why) end
  if not up then bring_up() end
  up = true
end

TestNfsTree = {}

function TestNfsTree:setUp()
  prepare()
  empty("main")
  self.dir = BASE .. "/main"
  self.tree = open {}
end

function TestNfsTree:tearDown()
  if self.tree then self.tree:close() end
end

cases(TestNfsTree)

TestNfsMounts = {}

function TestNfsMounts:setUp()
  prepare()
  empty("main")
  empty("usr")
end

function TestNfsMounts:test_several_mounts_are_one_tree()
  assert(sys.mkdir(BASE .. "/main/usr", 493))
  assert(sys.write_file(BASE .. "/main/usr/covered", "x"))
  local t <close> = open { { at = "/usr", url = url("usr") }, { at = "/", url = url("main") } }
  assert(t:makedirs("/usr/bin"))
  assert(t:write("/usr/bin/ls", "ls"))
  assert(t:symlink("/usr/bin", "/bin"))
  assert(t:symlink("../etc", "/usr/etc"))
  assert(t:mkdir("/etc"))
  assert(t:write("/usr/etc/rc", "rc"))
  lu.assertEquals(t:read("/bin/ls"), "ls")
  lu.assertEquals(sys.read_file(BASE .. "/usr/bin/ls"), "ls")
  lu.assertEquals(sys.read_file(BASE .. "/main/etc/rc"), "rc")
  local seen = {}
  for path in t:walk("/") do seen[#seen + 1] = path end
  lu.assertEquals(seen, { "/", "/bin", "/etc", "/etc/rc", "/usr", "/usr/bin", "/usr/bin/ls", "/usr/etc" })
  lu.assertEquals(t:list("/"), { "bin", "etc", "usr" })
  lu.assertEquals(select(3, t:rename("/etc/rc", "/usr/rc")), "EXDEV")
  lu.assertEquals(select(3, t:remove("/usr")), "EBUSY")
  local _, message, code = t:read("/usr/lib/none")
  lu.assertEquals(code, "ENOENT")
  lu.assertStrContains(message, "127.0.0.1:" .. BASE .. "/usr/lib/none")
  local mounts = t:mounts()
  lu.assertEquals(mounts[1].at, "/usr")
  lu.assertEquals(mounts[1].export, BASE .. "/usr")
  lu.assertNotEquals(mounts[1].fsid, mounts[2].fsid)
  lu.assertStrMatches(mounts[1].handle, "%x+")
  lu.assertStrMatches(mounts[1].verifier, ("%x"):rep(16))
  lu.assertTrue(mounts[1].read_max >= 4096 and mounts[1].write_max >= 4096)
  lu.assertEquals(mounts[1].plain_lists, false)
end

function TestNfsMounts:test_refused_mount_says_what_to_check()
  local t, message, code = try { { at = "/", url = "nfs://127.0.0.1/not/exported" } }
  lu.assertNil(t)
  lu.assertEquals(code, "NFS_MOUNT")
  lu.assertStrContains(message, "127.0.0.1:/not/exported")
  lu.assertStrContains(message, "exportfs")
  t, message, code = try { { at = "/", url = url("main") .. "?nfsport=9" }, timeout = 2 }
  lu.assertNil(t)
  lu.assertEquals(code, "NFS_MOUNT")
  lu.assertStrContains(message, "not reached")
end

function TestNfsMounts:test_bad_urls_and_paths()
  for _, bad in ipairs { "http://x/y", "nfs://x", "nfs:///y", "nfs://x/y?version=4", "nfs://x/y?nfsport=70000" } do
    lu.assertEquals(select(3, tree.nfs { { at = "/", url = bad } }), "EINVAL")
  end
  lu.assertEquals(select(3, tree.nfs { { at = "/usr", url = url("usr") } }), "EINVAL")
  lu.assertErrorMsgContains("'at' and 'url'", tree.nfs, { { url = "x" } })
end

function TestNfsMounts:test_no_space()
  empty("small")
  local t <close> = open { { at = "/", url = url("small") } }
  local ok, message, code = t:write("/big", ("x"):rep(3 << 20))
  lu.assertNil(ok)
  lu.assertEquals(code, "ENOSPC")
  lu.assertEquals(message, "write: 127.0.0.1:" .. BASE .. "/small/big: No space left on device")
  lu.assertEquals(t:list("/"), {})
end

function TestNfsMounts:test_read_only_export()
  local t <close> = open { { at = "/", url = url("ro") } }
  lu.assertEquals(t:read("/file"), "read me")
  local _, message, code = t:write("/file", "x")
  lu.assertEquals(code, "EROFS")
  lu.assertStrContains(message, "Read-only file system")
end

function TestNfsMounts:test_server_crossing_is_refused()
  local t <close> = open { { at = "/", url = url("upper") } }
  -- The server answers EXDEV the first time that it comes there.
  local refusals = { NFS_CROSSING = true, ENOENT = true, EACCES = true, EXDEV = true }
  local _, _, code = t:list("/below")
  lu.assertTrue(refusals[code], code)
  _, _, code = t:write("/below/x", "y")
  lu.assertTrue(refusals[code], code)
  lu.assertNil(sys.lstat(BASE .. "/upper/below/x"))
end

TestNfsGuard = {}

function TestNfsGuard:setUp()
  prepare()
  empty("main")
end

function TestNfsGuard:test_refusal_writes_nothing()
  local asked = 0
  local t <close> = open { guard = function(at)
    asked = asked + 1
    lu.assertEquals(at, "/")
    return nil, "/ is not a file system of altinst_rootvg", "ALT_NOT_MOUNTED"
  end }
  lu.assertEquals(t:list("/"), {})
  lu.assertEquals(asked, 0)
  for _, change in ipairs { { "write", "/x", "1" }, { "mkdir", "/x" }, { "symlink", "y", "/x" },
    { "mknod", "/x", "fifo" }, { "chmod", "/", 448 }, { "utime", "/", 1, 1 } } do
    local ok, message, code = t[change[1]](t, table.unpack(change, 2))
    lu.assertNil(ok)
    lu.assertEquals(code, "ALT_NOT_MOUNTED")
    lu.assertEquals(message, "/ is not a file system of altinst_rootvg")
  end
  lu.assertEquals(sys.list(BASE .. "/main"), {})
  lu.assertEquals(select(3, t:check_mounts()), "ALT_NOT_MOUNTED")
end

function TestNfsGuard:test_asked_once_and_after_every_reconnect()
  local asked, agree, t = 0, true, nil
  t = open { guard = function()
    asked = asked + 1
    lu.assertTrue(t:exists("/"))                        -- may read
    lu.assertEquals(select(3, t:write("/no", "x")), "NFS_GUARD") -- may not write
    lu.assertErrorMsgContains("in use", t.close, t)
    if agree then return true end
    return nil, "no more", "ALT_NOT_MOUNTED"
  end }
  assert(t:write("/a", "1"))
  assert(t:write("/b", "1"))
  lu.assertEquals(asked, 1)
  server.stop()
  server.start()
  lu.assertEquals(t:read("/a"), "1")
  lu.assertEquals(asked, 1)
  assert(t:write("/a", "2"))
  lu.assertEquals(asked, 2)
  server.stop()
  server.start()
  agree = false
  lu.assertEquals(select(3, t:write("/a", "3")), "ALT_NOT_MOUNTED")
  lu.assertEquals(t:read("/a"), "2")
  lu.assertEquals(sys.list(BASE .. "/main"), { "a", "b" })
  t:close()
end

function TestNfsGuard:test_error_in_the_guard_refuses()
  local t <close> = open { guard = function() error("boom") end }
  local ok, message, code = t:write("/a", "1")
  lu.assertNil(ok)
  lu.assertEquals(code, "CALLBACK")
  lu.assertStrContains(message, "boom")
  lu.assertEquals(sys.list(BASE .. "/main"), {})
end

TestNfsFaults = {}

function TestNfsFaults:setUp()
  prepare()
  empty("main")
end

function TestNfsFaults:test_server_killed_in_the_middle_of_writes()
  local t <close> = open {}
  local data = ("0123456789abcdef"):rep(through and 1 << 17 or 1 << 19) -- 8 MiB, or 2 which take their time through sshd
  for round = 1, 4 do
    local old = server.pid
    server.start(("sleep 0.0%d; kill -9 %d; sleep 0.2"):format(2 * round, old))
    for i = 1, 25 do
      assert(t:write(("/f%d.%d"):format(round, i), i % 5 == 0 and data or ("small %d"):format(i), { mtime = i }))
      assert(t:mkdir(("/d%d.%d"):format(round, i)))
      assert(t:symlink("to", ("/l%d.%d"):format(round, i)))
      assert(t:rename(("/l%d.%d"):format(round, i), ("/m%d.%d"):format(round, i)))
    end
    assert(sys.wait(old))
    for i = 1, 25 do
      local name = ("/f%d.%d"):format(round, i)
      lu.assertTrue(t:read(name) == (i % 5 == 0 and data or ("small %d"):format(i)))
      lu.assertEquals(t:stat(name).mtime, i)
      if i % 5 == 0 then assert(t:remove(name)) end
    end
  end
  lu.assertTrue(t:mounts()[1].connects > 4)
  lu.assertEquals(#t:list("/"), 4 * (20 + 25 + 25))
end

function TestNfsFaults:test_a_restart_during_a_write_is_waited_for()
  local t <close> = open {}
  assert(t:write("/a", "1"))
  server.stop()
  server.start("sleep 1")
  lu.assertTrue(t:write("/a", "2"))
  lu.assertEquals(t:read("/a"), "2")
  lu.assertTrue(t:mounts()[1].connects >= 2)
end

function TestNfsFaults:test_lost_for_good()
  local t <close> = open { retry = 0.6, timeout = 2 }
  assert(t:write("/a", "1"))
  server.stop()
  local ok, message, code = t:write("/a", "2")
  server.start()
  server.wait_up()
  lu.assertNil(ok)
  lu.assertEquals(code, "NFS_LOST")
  lu.assertStrContains(message, "not back within 0.6 s")
  lu.assertEquals(t:read("/a"), "1")
end

-- A signal stops the threads of a process one after another; until then the server still answers.
local function suspend(pid)
  assert(sys.kill(pid, "STOP"))
  local deadline = sys.clock() + 5
  for _, thread in ipairs(sys.list("/proc/" .. pid .. "/task")) do
    repeat
      local stat = sys.read_file(("/proc/%d/task/%s/stat"):format(pid, thread)) or ") T"
      lu.assertTrue(sys.clock() < deadline)
    until stat:match("%) ([%a])") == "T"
  end
end

function TestNfsFaults:test_hanging_server_is_noticed()
  local t <close> = open { retry = 1, timeout = 0.5 }
  suspend(server.pid)
  local started = sys.clock()
  local _, _, code = t:read("/a")
  assert(sys.kill(server.pid, "CONT"))
  lu.assertEquals(code, "NFS_LOST")
  lu.assertTrue(sys.clock() - started < 15) -- far below the 120 s of the default
  lu.assertEquals(select(3, t:read("/a")), "ENOENT")
end

function TestNfsFaults:test_export_removed()
  local t <close> = open { { at = "/", url = url("spare") }, retry = 1, timeout = 2 }
  assert(t:write("/a", "1"))
  server.configure { ro = "RO", spare = false }
  server.reload()
  local ok, message, code = t:write("/a", "2")
  server.configure { ro = "RO" }
  server.reload()
  lu.assertNil(ok)
  lu.assertEquals(code, "NFS_MOUNT")
  lu.assertStrContains(message, BASE .. "/spare")
  lu.assertEquals(sys.read_file(BASE .. "/spare/a"), "1")
  lu.assertEquals(t:read("/a"), "1")
end

function TestNfsFaults:test_another_file_system_behind_the_export()
  local t <close> = open { { at = "/", url = url("spare") }, retry = 1, timeout = 2 }
  assert(t:write("/a", "1"))
  server.stop()
  run { "mount", "-t", "tmpfs", "-o", "size=10m", "none", BASE .. "/spare" }
  server.start()
  server.wait_up()
  local ok, _, code = t:write("/a", "2")
  server.stop()
  local there = sys.list(BASE .. "/spare")
  run { "umount", BASE .. "/spare" }
  server.start()
  server.wait_up()
  lu.assertNil(ok)
  lu.assertEquals(code, "NFS_CHANGED")
  lu.assertEquals(there, {})
end

function TestNfsFaults:test_changes_made_elsewhere_are_seen()
  local t <close> = open {}
  assert(t:makedirs("/d/e"))
  assert(t:write("/d/e/f", "1"))
  run { "rm", "-r", BASE .. "/main/d/e" }
  assert(sys.mkdir(BASE .. "/main/d/e", 493))
  lu.assertTrue(t:write("/d/e/f", "2")) -- the handle is stale, the name is looked up again
  lu.assertEquals(sys.read_file(BASE .. "/main/d/e/f"), "2")
  run { "mv", BASE .. "/main/d", BASE .. "/main/moved" }
  run { "mkdir", "-p", BASE .. "/main/d/e" }
  t:drop_caches()
  assert(t:write("/d/e/f", "3"))
  lu.assertEquals(sys.read_file(BASE .. "/main/d/e/f"), "3")
  lu.assertEquals(sys.read_file(BASE .. "/main/moved/e/f"), "2")
end

-- ---- through SSH ----

local missing = private.missing()

-- The same cases again, in a class of their own.
for name, class in pairs { Tree = TestNfsTree, Mounts = TestNfsMounts, Guard = TestNfsGuard, Faults = TestNfsFaults } do
  local again = {}
  for case, run_case in pairs(class) do again[case] = run_case end
  function again.setUp(self)
    lu.skipIf(missing ~= nil, missing)
    prepare()
    sshd = sshd or private.new()
    through = true
    class.setUp(self)
  end
  function again.tearDown(self)
    through = nil
    if class.tearDown then class.tearDown(self) end
  end
  _G["TestSsh" .. name] = again
end

TestSshSession = {}

function TestSshSession:setUp()
  lu.skipIf(missing ~= nil, missing)
  prepare()
  sshd = sshd or private.new()
  empty("main")
  through = true
end

function TestSshSession:tearDown() through = nil end

-- Connections to other ports of this host than sshd's: none may be the engine's own.
local function own_connections(port_of_ssh)
  local mine, count = {}, 0
  for _, fd in ipairs(sys.list("/proc/self/fd")) do
    local socket = (sys.readlink("/proc/self/fd/" .. fd) or ""):match "^socket:%[(%d+)%]$"
    if socket then mine[socket] = true end
  end
  for line in sys.read_file("/proc/net/tcp"):gmatch "[^\n]+" do
    local port, inode = line:match "^%s*%d+: %x+:%x+ %x+:(%x+) 01 %S+ %S+ %S+ +%d+ +%d+ (%d+)"
    if port and mine[inode] and tonumber(port, 16) ~= (port_of_ssh or sshd.port) then count = count + 1 end
  end
  return count
end

function TestSshSession:test_no_connection_is_its_own()
  local t <close> = open { { at = "/", url = url("main") }, { at = "/usr", url = url("usr") } }
  assert(t:write("/a", "1"))
  lu.assertEquals(own_connections(), 0)
  lu.assertEquals(#sshd:connections(), 1) -- and one session carries all of them
  through = nil
  local direct <close> = open {}
  lu.assertEquals(direct:read("/a"), "1")
  lu.assertTrue(own_connections() > 0)
end

function TestSshSession:test_what_is_open_outlives_the_tree()
  local t = open {}
  local data = ("0123456789abcdef"):rep(1 << 17) -- 2 MiB
  assert(t:write("/a", data))
  local reader <close> = assert(t:open("/a"))
  t:close()
  lu.assertEquals(#sshd:connections(), 1)
  lu.assertEquals(reader:read(16), data:sub(1, 16))
  sshd:cut()
  local all = {}
  repeat
    local part = assert(reader:read(1 << 16))
    all[#all + 1] = part
  until part == ""
  lu.assertTrue(table.concat(all) == data:sub(17))
  reader:close()
  local patience = sys.clock() + 10
  while #sshd:connections() > 0 and sys.clock() < patience do sys.sleep(0.05) end
  lu.assertEquals(#sshd:connections(), 0)
end

function TestSshSession:test_a_session_that_is_cut_is_made_again()
  local asked = 0
  local t <close> = open { { at = "/", url = url("main") }, { at = "/usr", url = url("usr") }, guard = function()
    asked = asked + 1
    return true
  end }
  local data = ("0123456789abcdef"):rep(1 << 17) -- 2 MiB
  assert(t:write("/usr/x", "1"))
  for round = 1, 4 do
    local pid = assert(sys.spawn { "sh", "-c", ("sleep 0.0%d; kill -9 %s"):format(2 * round,
      table.concat(sshd:connections(), " ")) })
    for i = 1, 20 do
      assert(t:write(("/f%d.%d"):format(round, i), i % 5 == 0 and data or ("small %d"):format(i), { mtime = i }))
      assert(t:rename(("/f%d.%d"):format(round, i), ("/g%d.%d"):format(round, i)))
    end
    assert(sys.wait(pid))
    for i = 1, 20 do lu.assertTrue(t:read(("/g%d.%d"):format(round, i)) == (i % 5 == 0 and data or ("small %d"):format(i))) end
    assert(t:write("/usr/x", ("%d"):format(round)))
  end
  lu.assertTrue(t:mounts()[1].connects > 4)
  lu.assertTrue(asked > 4)
end

function TestSshSession:test_an_sshd_that_does_not_come_back()
  local t <close> = open { retry = 1, timeout = 2 }
  assert(t:write("/a", "1"))
  local connections = sshd:connections()
  sshd:stop()
  for _, pid in ipairs(connections) do sys.kill(pid, "KILL") end
  local ok, message, code = t:write("/a", "2")
  sshd:restart()
  lu.assertNil(ok)
  lu.assertEquals(code, "NFS_LOST")
  lu.assertStrContains(message, "not back within 1 s")
  assert(t:write("/a", "3"))
end

function TestSshSession:test_who_is_another_or_not_let_in_is_not_tried_again()
  local authorized = sys.read_file(sshd:path "authorized_keys")
  local t <close> = open { retry = 60 }
  assert(t:write("/a", "1"))
  assert(sys.write_file(sshd:path "authorized_keys", ""))
  sshd:cut()
  local started = sys.clock()
  local ok, message, code = t:write("/a", "2")
  assert(sys.write_file(sshd:path "authorized_keys", authorized))
  lu.assertNil(ok)
  lu.assertEquals(code, "SSH_AUTH")
  lu.assertStrContains(message, "authorized_keys")
  lu.assertTrue(sys.clock() - started < 20)
  assert(t:write("/a", "3"))
  ok, message, code = try { via = sshd:options { known_hosts = "/dev/null" } }
  lu.assertNil(ok)
  lu.assertEquals(code, "SSH_HOSTKEY_UNKNOWN")
  lu.assertStrContains(message, "ssh-keyscan")
end

function TestSshSession:test_a_refusal_speaks_of_the_host_itself()
  local t, message, code = try { { at = "/", url = "nfs://127.0.0.1/not/exported" } }
  lu.assertNil(t)
  lu.assertEquals(code, "NFS_MOUNT")
  lu.assertStrContains(message, "to 127.0.0.1 itself")
  lu.assertStrContains(message, "portcheck")
end

function TestSshSession:test_by_a_host_in_between()
  local gate <close> = setmetatable({ sshd = private.new() }, { __close = function(this) this.sshd:close() end })
  local t <close> = open { via = sshd:options { jump = gate.sshd:options() } }
  local data = ("0123456789abcdef"):rep(1 << 17) -- 2 MiB
  for i = 1, 6 do
    assert(t:write("/f" .. i, data))
    if i == 2 then gate.sshd:cut() end
    if i == 4 then sshd:cut() end
    lu.assertTrue(t:read("/f" .. i) == data)
  end
  lu.assertEquals(own_connections(gate.sshd.port), 0)
  lu.assertEquals(t:mounts()[1].connects, 3)
end

function TestSshSession:test_an_sshd_that_forwards_nothing_is_named()
  sshd:restart("AllowTcpForwarding no")
  local ok, message, code = try { retry = 1 }
  sshd:restart("")
  lu.assertNil(ok)
  lu.assertEquals(code, "NFS_MOUNT")
  lu.assertStrContains(message, "AllowTcpForwarding")
end
