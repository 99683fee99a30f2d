-- SPDX-License-Identifier: MIT
-- Digest, verify and copy over NFS, many calls at a time: the same results as from a local tree,
-- whatever is in it and whatever happens to server and connection on the way.

local lu = require "luaunit"
local bff = require "altmig.bff"
local sys = require "altmig.sys"
local tree = require "altmig.tree"

local here = arg[0]:match("^(.*)/[^/]*$")
package.path = package.path .. ";" .. here .. "/?.lua"
local server = require "nfs_server"

local why = server.missing()
if not why then server.go_private(arg[0], table.unpack(arg, 1)) end

local BASE <const> = server.base
local HELPERS <const> = os.getenv("ALTMIG_BIN"):gsub("bin/altmig$", "tests/")
local JUKEBOX <const>, BAD_COOKIE <const>, STALE <const>, NOSPC <const>, NOTSUPP <const> = 10008, 10003, 70, 28, 10004
local SETATTR <const>, LOOKUP <const>, READLINK <const>, READ <const>, WRITE <const> = 2, 3, 5, 6, 7
local CREATE <const>, READDIRPLUS <const> = 8, 17

local text = ("the quick brown fox jumps over the lazy dog\n"):rep(4000)

local function large(seed, size)
  local parts = {}
  for i = 1, size // 4096 do parts[i] = ("%08d%d"):format(i, seed):rep(600):sub(1, 4096) end
  return table.concat(parts) .. text:sub(1, size % 4096)
end

--- An archive with what is hard: long and odd names, links to nowhere, sizes around the pieces,
--- another name of a file, a large directory, suid bits.
local function make_archive(path)
  local w = assert(bff.create(path, { pack = true }))
  local t = 1500000000
  local function dir(name) assert(w:add { name = name, type = "dir", mode = 493, uid = 2, gid = 3, mtime = t }) end
  local function file(name, data, mode)
    assert(w:add { name = name, type = "file", mode = mode or 420, uid = 4, gid = 5, mtime = t, data = data })
  end
  dir "./usr"
  for _, size in ipairs { 0, 1, 4095, 131072, 131073, 1 << 20, (1 << 20) + 1, (5 << 20) + 77 } do
    file("./usr/size" .. size, large(size, size))
  end
  file("./usr/suid", "x", 2541)
  dir "./usr/empty"
  dir "./usr/many"
  for i = 1, 3000 do file(("./usr/many/f%04d"):format(i * 7919 % 3001), text:sub(1, i % 97 * 10)) end
  for d = 1, 60 do
    dir(("./usr/d%d"):format(d))
    for i = 1, 20 do file(("./usr/d%d/f%d"):format(d, i), text:sub(d, d * i)) end
  end
  file("./usr/" .. ("n"):rep(255), "long name")
  file("./usr/odd \xff name", "odd name")
  assert(w:add { name = "./usr/link", type = "link", mode = 511, uid = 0, gid = 0, mtime = t, target = "/nowhere/" .. ("x"):rep(900) })
  assert(w:add { name = "./usr/loop", type = "link", mode = 511, uid = 0, gid = 0, mtime = t, target = "loop" })
  assert(w:add { name = "./usr/pipe", type = "fifo", mode = 384, uid = 1, gid = 1, mtime = t })
  assert(w:add { name = "./usr/null", type = "char", mode = 438, uid = 0, gid = 0, mtime = t, rdev_major = 2, rdev_minor = 3 })
  local deep = "."
  for i = 1, 40 do
    deep = deep .. "/deep" .. i
    dir(deep)
  end
  file(deep .. "/end", "the end")
  assert(w:close())
end

local up
local function prepare()
  if why then lu.skip(why) end
  if not up then
    server.bring_up { main = "600m", second = "200m", small = "2m" }
    make_archive(BASE .. "/archive")
    local t <close> = assert(tree.at(BASE .. "/main", { sync = false }))
    local a <close> = assert(bff.open(BASE .. "/archive"))
    assert(t:restore(a))
    assert(t:write("/usr/new\nline", "no archive holds this name"))
  end
  up = true
end

local function open(name, options, ports)
  options = options or {}
  options[1] = { at = "/", url = server.url(name or "main", ports and "?nfsport=12049&mountport=20050") }
  return assert(tree.nfs(options))
end

local function here_is(name) return assert(tree.at(BASE .. "/" .. (name or "main"), { sync = false })) end

local running -- the relay

--- A relay in front of the server; its process id.
local function relay(...)
  local argv = { ... }
  argv[1] = HELPERS .. argv[1]
  if not sys.stat(argv[1]) then lu.skip(argv[1] .. " is not built") end
  argv[#argv + 1], argv[#argv + 2] = "12049:2049", "20050:20048"
  sys.remove(BASE .. "/relay")
  local pid = assert(sys.spawn(argv, { stdout = BASE .. "/relay" }))
  sys.sleep(0.1)
  running = pid
  return pid
end

local function stop(pid)
  running = nil
  assert(sys.kill(pid, "TERM"))
  assert(sys.wait(pid))
  return tonumber(sys.read_file(BASE .. "/relay"):match("%d+")) or 0
end

--- A test that failed in between must not leave its relay to the next.
local function stop_running()
  if running then stop(running) end
end

TestMany = {}

function TestMany:setUp() prepare() end
function TestMany:tearDown() stop_running() end

function TestMany:test_digest_is_that_of_the_local_tree()
  local t <close> = open()
  local l <close> = here_is()
  lu.assertEquals(t:digest("/"), l:digest("/"))
  for _, options in ipairs { { times = true }, { exclude = { "f*1", "/usr/many" } }, { exclude = { "/usr/d1*" }, times = true } } do
    lu.assertEquals(t:digest("/", options), l:digest("/", options))
  end
  lu.assertEquals(t:digest("/usr/d7"), l:digest("/usr/d7"))
  lu.assertEquals(t:digest("/usr/empty"), l:digest("/usr/empty"))
  lu.assertEquals(t:digest_list("/"), l:digest_list("/"))
  lu.assertEquals(select(3, t:digest("/usr/suid")), "ENOTDIR")
  lu.assertEquals(select(3, t:digest("/none")), "ENOENT")
end

function TestMany:test_digest_of_several_mounts_and_never_into_others()
  local l <close> = here_is("second")
  assert(l:makedirs("/lib/deep"))
  assert(l:write("/lib/deep/a", "a"))
  local t <close> = assert(tree.nfs { { at = "/", url = server.url("main") }, { at = "/usr/empty", url = server.url("second") },
    { at = "/not/there", url = server.url("second") } })
  local list = assert(t:digest_list("/usr"))
  lu.assertNotNil(list["/usr/empty/lib/deep/a"])
  assert(l:remove_all("/lib"))
  assert(sys.mkdir(BASE .. "/second/mnt", 493))
  server.run { "mount", "-t", "tmpfs", "none", BASE .. "/second/mnt" }
  local s <close> = open("second")
  local _, _, want = s:list("/mnt") -- NFS_CROSSING, or the server's own EXDEV
  local _, _, code = s:digest("/")
  server.run { "umount", BASE .. "/second/mnt" }
  assert(sys.rmdir(BASE .. "/second/mnt"))
  lu.assertNotNil(want)
  lu.assertEquals(code, want)
end

--- Everything verify finds, as text.
local function differences(t, options)
  local a <close> = assert(bff.open(BASE .. "/archive"))
  local found, list = {}, assert(t:verify(a, options))
  for i, d in ipairs(list) do found[i] = ("%s %s %s %s"):format(d.path, d.what, d.want, d.have) end
  return found
end

function TestMany:test_verify_finds_what_a_local_verify_finds()
  local t <close> = open()
  local l <close> = here_is()
  lu.assertEquals(differences(t, { times = true }), {})
  local base = BASE .. "/main/usr/"
  local function patch(name, at)
    local f = assert(io.open(base .. name, "r+b"))
    f:seek("set", at)
    f:write("#")
    f:close()
  end
  patch("size5242957", 5242956)
  patch("size1048577", 0)
  patch("size131072", 131071)
  patch("d9/f20", 100)
  assert(sys.truncate(base .. "size131073", 131000))
  assert(sys.remove(base .. "d10/f3"))
  server.run { "rm", "-r", base .. "d11" }
  assert(sys.rename(base .. "d12", base .. "elsewhere"))
  assert(sys.symlink("elsewhere", base .. "d12")) -- a directory behind a link is the same directory
  assert(sys.symlink("/none", base .. "d11"))
  assert(sys.remove(base .. "d13/f1"))
  assert(sys.mkdir(base .. "d13/f1", 493))
  assert(sys.remove(base .. "suid"))
  assert(sys.symlink("size1", base .. "suid"))
  assert(sys.chmod(base .. "d14", 448))
  assert(sys.chown(base .. "d15/f5", 77, 78))
  assert(sys.utime(base .. "d16/f6", 1, 1))
  assert(sys.remove(base .. "loop"))
  assert(sys.symlink("other", base .. "loop"))
  assert(sys.remove(base .. "null"))
  assert(sys.mknod(base .. "null", "char", 438, 9, 9))
  t:drop_caches()
  for _, options in ipairs { {}, { times = true }, { select = { "/usr/d1*" } } } do
    local want = differences(l, options)
    lu.assertTrue(#want >= 10)
    lu.assertEquals(differences(t, options), want)
  end
  server.run { "rm", "-rf", base .. "d11", base .. "d12", base .. "elsewhere", base .. "d13/f1", base .. "suid" }
  local a <close> = assert(bff.open(BASE .. "/archive"))
  assert(l:restore(a))
  lu.assertEquals(differences(l, { times = true }), {})
end

function TestMany:test_verify_tells_how_far_it_is_and_stops_when_told()
  local t <close> = open()
  local a <close> = assert(bff.open(BASE .. "/archive"))
  local list, stats = t:verify(a)
  lu.assertEquals(list, {})
  lu.assertTrue(stats.files > 4200)
  lu.assertTrue(stats.requests / stats.files < 2.1, stats.requests)
  local b <close> = assert(bff.open(BASE .. "/archive"))
  local ok, message = t:verify(b, { on_progress = function(s) if s.files > 1000 then error("enough") end end })
  lu.assertNil(ok)
  lu.assertStrContains(message, "enough")
  lu.assertEquals(differences(t), {}) -- and nothing of it is left under way
  -- a verify that is asked for within a verify goes one call at a time
  local c <close> = assert(bff.open(BASE .. "/archive"))
  local inner
  assert(t:verify(c, { on_progress = function() inner = inner or #differences(t, { select = { "/usr/d1" } }) end }))
  lu.assertEquals(inner, 0)
end

function TestMany:test_connections_reset_and_a_server_started_again()
  local l <close> = here_is()
  local want = l:digest("/")
  local pid = relay("bench_delay", "1500")
  local t <close> = open("main", {}, true)
  for _, work in ipairs { function() return t:digest("/") end, function() return #differences(t, { times = true }) == 0 and want end } do
    local before = t:mounts()[1].connects
    assert(sys.spawn({ "sh", "-c", "for i in 1 2 3; do sleep 0.08; kill -USR1 " .. pid .. "; done" }, { stdout = BASE .. "/out" }))
    lu.assertEquals(work(), want)
    lu.assertTrue(t:mounts()[1].connects > before)
    local old = server.pid
    before = t:mounts()[1].connects
    server.start(("sleep 0.05; kill -KILL %d; sleep 0.3"):format(old))
    lu.assertEquals(work(), want)
    assert(sys.wait(old))
    lu.assertTrue(t:mounts()[1].connects > before)
    server.wait_up()
  end
  stop(pid)
end

function TestMany:test_a_busy_server_is_asked_again()
  local l <close> = here_is()
  local want = l:digest("/")
  local pid = relay("bench_busy", tostring(JUKEBOX), ("%d,%d,%d,%d"):format(LOOKUP, READLINK, READ, READDIRPLUS), "50", "60")
  local t <close> = open("main", {}, true)
  lu.assertEquals(t:digest("/"), want)
  lu.assertEquals(differences(t, { times = true }), {})
  lu.assertEquals(stop(pid), 60)
end

function TestMany:test_restoring_to_a_busy_server()
  server.empty("second")
  local pid = relay("bench_busy", tostring(JUKEBOX), ("%d,%d,%d"):format(CREATE, WRITE, SETATTR), "40", "120")
  local t <close> = open("second", {}, true)
  local a <close> = assert(bff.open(BASE .. "/archive"))
  local stats = assert(t:restore(a, { exclude = { "null" } })) -- removed behind its back, a device confuses this server
  lu.assertEquals(stats.restarts, 0)
  lu.assertEquals(stop(pid), 120)
  local l <close> = here_is()
  local s <close> = here_is("second")
  local without = { exclude = { "new\nline", "null" } }
  lu.assertEquals(s:digest("/", without), l:digest("/", without))
  server.empty("second")
end

--- A server may be told not to take READDIRPLUS (nfso on AIX): once refused, READDIR and LOOKUP do for good.
function TestMany:test_a_server_without_readdirplus()
  local l <close> = here_is()
  for _, status in ipairs { NOTSUPP, "proc" } do
    local pid = relay("bench_busy", tostring(status), tostring(READDIRPLUS), "1", "0")
    local t <close> = open("main", {}, true)
    local names = {}
    for _, entry in ipairs(assert(t:list("/usr"))) do names[#names + 1] = entry.name end
    local want = {}
    for _, entry in ipairs(assert(l:list("/usr"))) do want[#want + 1] = entry.name end
    lu.assertEquals(names, want)
    lu.assertEquals(t:digest("/"), l:digest("/"))
    lu.assertEquals(differences(t, { times = true }), {})
    lu.assertEquals(stop(pid), 1)
  end
end

--- Damaged replies of a real server: every operation ends with a result or a named error, and what a restore had
--- begun is brought to its end by the next one. NFS_DAMAGE=N replies (a hundred or so in an ordinary run), NFS_SEED.
function TestMany:test_damaged_replies_are_named_errors_and_the_state_resumable()
  local wanted = tonumber(os.getenv "NFS_DAMAGE") or 100
  local seed = tonumber(os.getenv "NFS_SEED") or os.time()
  print(("# %d damaged replies, NFS_SEED=%d"):format(wanted, seed))
  server.empty("second")
  local work = {
    list = function(t) return t:list("/usr/many") end,
    walk = function(t)
      local ok, e = pcall(function() for _ in t:walk("/usr") do end end)
      return ok or nil, tostring(e), not ok and "walk"
    end,
    digest = function(t) return t:digest("/") end,
    verify = function(t)
      local a <close> = assert(bff.open(BASE .. "/archive"))
      return t:verify(a)
    end,
    restore = function(t)
      local a <close> = assert(bff.open(BASE .. "/archive"))
      return t:restore(a, { exclude = { "null" } })
    end,
  }
  local order = { "list", "walk", "digest", "verify", "restore" }
  local done, failed, turn = 0, 0, 0
  while done < wanted do
    turn = turn + 1
    local name = order[turn % #order + 1]
    local every = name == "list" and 3 or 200 + turn * 37 % 1500
    local pid = relay("bench_busy", "damage", tostring(seed + turn), tostring(every), "0")
    local share = name == "restore" and "second" or "main"
    local t, message, code = tree.nfs { { at = "/", url = server.url(share, "?nfsport=12049&mountport=20050") },
      timeout = 1, retry = 2 }
    local ok = t
    if t then
      ok, message, code = work[name](t)
      t:close()
    end
    if not ok then
      failed = failed + 1
      lu.assertIsString(message, name)
      lu.assertTrue(type(code) == "string" and code ~= "", name .. ": " .. message)
    end
    done = done + stop(pid)
  end
  lu.assertTrue(failed > turn / 4)
  local s <close> = open("second")
  local a <close> = assert(bff.open(BASE .. "/archive"))
  assert(s:restore(a, { exclude = { "null" } }))
  local b <close> = assert(bff.open(BASE .. "/archive"))
  lu.assertEquals(s:verify(b, { exclude = { "null" } }), {})
  server.empty("second")
end

function TestMany:test_a_server_that_stays_busy_is_an_error_in_the_end()
  local pid = relay("bench_busy", tostring(JUKEBOX), tostring(READ), "1", "0")
  local t <close> = open("main", { retry = 0.5 }, true)
  local started = sys.clock()
  local ok, message, code = t:digest("/usr/d1")
  lu.assertNil(ok)
  lu.assertEquals(code, "EAGAIN")
  lu.assertStrContains(message, "/main/usr/d1/f")
  lu.assertTrue(sys.clock() - started < 3)
  stop(pid)
end

function TestMany:test_stale_handles_are_looked_up_again()
  local l <close> = here_is()
  local want = l:digest("/")
  for procedure, times in pairs { [READ] = 40, [READLINK] = 1, [READDIRPLUS] = 1 } do
    local pid = relay("bench_busy", tostring(STALE), tostring(procedure), "1", tostring(times))
    local t <close> = open("main", {}, true)
    lu.assertEquals(t:digest("/"), want)
    lu.assertEquals(stop(pid), times)
  end
  local pid = relay("bench_busy", tostring(STALE), tostring(READ), "1", "1")
  local t <close> = open("main", {}, true)
  lu.assertEquals(differences(t, { times = true }), {})
  lu.assertEquals(stop(pid), 1)
end

function TestMany:test_what_is_given_up_does_not_wait_for_a_server_that_is_down()
  local t <close> = open("main", { retry = 20 })
  local a <close> = assert(bff.open(BASE .. "/archive"))
  local down
  local started
  local ok, message, code = t:verify(a, { on_progress = function(stats)
    if stats.members < 500 or down then return end
    down = true
    server.stop()
    started = sys.clock()
    error("enough", 0)
  end })
  local seconds = sys.clock() - started
  server.start()
  server.wait_up()
  lu.assertNil(ok)
  lu.assertEquals(code, "CALLBACK", message)
  lu.assertTrue(seconds < 5, seconds)
end

function TestMany:test_a_list_that_lost_its_place_begins_again()
  local l <close> = here_is()
  local want, names = l:digest("/usr/many"), l:list("/usr/many")
  for _, status in ipairs { BAD_COOKIE, STALE } do
    local pid = relay("bench_busy", tostring(status), tostring(READDIRPLUS), "3", "1")
    local t <close> = open("main", {}, true)
    lu.assertEquals(t:digest("/usr/many"), want) -- the third page
    lu.assertEquals(stop(pid), 1)
    pid = relay("bench_busy", tostring(status), tostring(READDIRPLUS), "3", "1")
    local s <close> = open("main", {}, true)
    lu.assertEquals(s:list("/usr/many"), names)
    lu.assertEquals(stop(pid), 1)
  end
  local pid = relay("bench_busy", tostring(BAD_COOKIE), tostring(READDIRPLUS), "2", "0")
  local t <close> = open("main", {}, true)
  lu.assertEquals(select(3, t:digest("/usr/many")), "EIO") -- not for ever
  lu.assertEquals(select(3, t:list("/usr/many")), "EIO")
  stop(pid)
end

function TestMany:test_a_large_file_that_cannot_be_made_is_an_error()
  server.empty("second")
  local pid = relay("bench_busy", tostring(NOSPC), tostring(CREATE), "1", "0")
  local t <close> = open("second", {}, true)
  local a <close> = assert(bff.open(BASE .. "/archive"))
  local ok, message, code = t:restore(a, { select = { "/usr/size5242957" } })
  stop(pid)
  lu.assertNil(ok)
  lu.assertEquals(code, "ENOSPC", message)
  lu.assertStrContains(message, "member ./usr/size5242957 at offset")
  server.empty("second")
end

function TestMany:test_full_file_systems_are_named_with_host_and_blocks()
  server.empty("second")
  local pid = relay("bench_busy", tostring(NOSPC), tostring(WRITE), "500", "0")
  local t <close> = open("second", {}, true)
  local a <close> = assert(bff.open(BASE .. "/archive"))
  local ok, message, code = t:restore(a, { exclude = { "null" } })
  stop(pid)
  lu.assertNil(ok)
  lu.assertEquals(code, "ENOSPC")
  lu.assertStrMatches(message, "restore: member .* at offset %d+: write: 127%.0%.0%.1:.*/second/usr/.*: No space left on device; "
    .. "127%.0%.0%.1:.*/second has %d+ of %d+ 512%-byte blocks and %d+ files free")
  server.empty("second")
end

TestCopy = {}

function TestCopy:setUp()
  prepare()
  server.empty("second")
end

function TestCopy:tearDown()
  stop_running()
  server.empty("second")
end

local without = { exclude = { "null" } } -- devices removed behind its back confuse this server

--- Digests of /usr of one tree and of `path` of another are the same; files have their times. (This
--- server does not set those of links.)
local function assert_same(path, name)
  local l <close> = here_is()
  local s <close> = here_is(name)
  lu.assertEquals(s:digest(path, without), l:digest("/usr", without))
  for _, file in ipairs { "/size5242957", "/size1", "/suid", "/d3/f7", "/d4", "/empty" } do
    lu.assertEquals(s:lstat(path .. file).mtime, l:lstat("/usr" .. file).mtime)
  end
end

function TestCopy:test_copies_between_all_kinds_of_trees()
  local t <close> = open()
  local s <close> = open("second")
  local l <close> = here_is()
  assert(t:copy("/usr", "/a", { tree = s })) -- from one server's file system to another
  assert_same("/a", "second")
  server.empty("second")
  s:drop_caches()
  assert(l:copy("/usr", "/b", { tree = s })) -- from a local tree
  assert_same("/b", "second")
  assert(sys.mkdir(BASE .. "/local", 493))
  local d <close> = assert(tree.at(BASE .. "/local", { sync = false }))
  assert(t:copy("/usr", "/c", { tree = d })) -- to a local tree
  assert_same("/c", "local")
  assert(t:copy("/usr", "/copy")) -- within one file system
  assert_same("/copy", "main")
  lu.assertEquals(select(3, t:copy("/usr", "/usr/d1/x")), "EINVAL")
  assert(t:remove_all("/copy"))
  server.run { "rm", "-rf", BASE .. "/local" }
end

function TestCopy:test_old_files_are_replaced_in_one_step()
  local s <close> = open("second")
  local t <close> = open()
  local base = BASE .. "/second/"
  assert(sys.makedirs(base .. "x/d1", 493))
  assert(sys.write_file(base .. "x/d1/f3", "old"))
  assert(sys.link(base .. "x/d1/f3", base .. "kept"))
  assert(sys.symlink("/nowhere", base .. "x/d1/f4"))
  assert(sys.write_file(base .. "x/d1/.f5.altmig-new", "left by a crash"))
  assert(t:copy("/usr/d1", "/x/d1", { tree = s }))
  lu.assertEquals(sys.read_file(base .. "kept"), "old")
  lu.assertEquals(#sys.list(base .. "x/d1"), 20)
  assert(sys.remove(base .. "x/d1/f7"))
  assert(sys.mkdir(base .. "x/d1/f7", 493))
  s:drop_caches()
  local ok, message, code = t:copy("/usr/d1", "/x/d1", { tree = s })
  lu.assertNil(ok)
  lu.assertEquals(code, "EISDIR")
  lu.assertStrContains(message, "/second/x/d1/f7")
  lu.assertEquals(select(3, t:copy("/usr/d2/f1", "/x/d1", { tree = s })), "EISDIR")
end

function TestCopy:test_a_busy_server_resets_and_a_restart()
  local l <close> = here_is()
  local pid = relay("bench_busy", tostring(JUKEBOX), ("%d,%d,%d"):format(CREATE, WRITE, 14), "30", "60")
  local t <close> = open("second", {}, true)
  assert(l:copy("/usr", "/a", { tree = t }))
  lu.assertEquals(stop(pid), 60)
  assert_same("/a", "second")
  pid = relay("bench_delay", "1000")
  assert(sys.spawn({ "sh", "-c", "for i in 1 2 3; do sleep 0.2; kill -USR1 " .. pid .. "; done" }, { stdout = BASE .. "/out" }))
  assert(l:copy("/usr", "/b", { tree = t }))
  assert_same("/b", "second")
  local old = server.pid
  server.start(("sleep 0.2; kill -KILL %d; sleep 0.3"):format(old))
  assert(l:copy("/usr", "/c", { tree = t }))
  assert(sys.wait(old))
  server.wait_up()
  stop(pid)
  assert_same("/c", "second")
end

function TestCopy:test_a_full_file_system_leaves_no_temporary()
  local t <close> = open()
  server.empty("small")
  local s <close> = open("small")
  local ok, message, code = t:copy("/usr", "/x", { tree = s })
  lu.assertNil(ok)
  lu.assertEquals(code, "ENOSPC")
  lu.assertStrContains(message, "/small/x/")
  for path in s:walk("/") do lu.assertNotStrContains(path, "altmig-new") end
  server.empty("small")
end
