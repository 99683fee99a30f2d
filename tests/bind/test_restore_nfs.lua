-- SPDX-License-Identifier: MIT
-- Restoring over NFS: number of calls, and every trouble on the way. The tree must be what an
-- undisturbed restore into a local directory makes.

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
local delay = os.getenv("ALTMIG_BIN"):gsub("bin/altmig$", "tests/bench_delay")

-- An access list with one entry more than the mode's.
local rights = ("<I4I4I2I2I2I2"):pack(24, 0x2000000, 0, 7, 5, 0) .. ("\1"):rep(8)

--- An archive like a system: directories first, small files, links, some larger files, suid, devices.
local function make_archive(path, files)
  local w = assert(bff.create(path, {}))
  local text = ("the quick brown fox jumps over the lazy dog\n"):rep(4000)
  for d = 0, files // 20 do
    assert(w:add { name = "./usr/d" .. d, type = "dir", mode = 493, uid = d % 5, gid = 2, mtime = 1400000000 + d })
  end
  for i = 1, files do
    local dir, size = "./usr/d" .. i // 20, (i * 7919 % 97) * 80
    if i % 500 == 0 then size = #text end
    assert(w:add { name = ("%s/f%d"):format(dir, i), type = "file", mode = i % 50 == 0 and 2541 or 420, uid = i % 3, gid = i % 7,
      mtime = 1500000000 + i, data = text:sub(1, size), acl = i % 500 == 0 and rights or nil,
      aix_mode = i % 500 == 0 and 0x2000000 or nil })
    if i % 25 == 0 then assert(w:add { name = ("%s/l%d"):format(dir, i), type = "link", mode = 511, target = "f" .. i }) end
  end
  -- Devices removed behind this server's back confuse it: only where the tree is new to it.
  if files == 20000 then assert(w:add { name = "./dev/null", type = "char", mode = 438, rdev_major = 2, rdev_minor = 2 }) end
  assert(w:close())
end

local up
local sample = { archive = BASE .. "/archive", count = 6000 }

local function prepare()
  if why then lu.skip(why) end
  if not up then
    server.bring_up { main = "400m", small = "2m", reference = "400m" }
    make_archive(sample.archive, sample.count)
    make_archive(BASE .. "/few", 1000)
    make_archive(BASE .. "/many", 20000)
    local t <close> = assert(tree.at(BASE .. "/reference", { sync = false }))
    local a <close> = assert(bff.open(sample.archive))
    assert(t:restore(a))
    sample.digest = assert(t:digest("/"))
  end
  up = true
  server.empty("main")
end

local function again() return assert(bff.open(sample.archive)) end

local function open(options, url)
  options[1] = { at = "/", url = url or server.url("main") }
  return assert(tree.nfs(options))
end

local function assert_whole()
  local t <close> = assert(tree.at(BASE .. "/main"))
  lu.assertEquals(t:digest("/"), sample.digest)
end

TestRestoreNfs = {}

function TestRestoreNfs:setUp() prepare() end

function TestRestoreNfs:test_three_calls_a_file()
  local t <close> = open {}
  local many <close> = assert(bff.open(BASE .. "/many"))
  local stats = assert(t:restore(many))
  lu.assertEquals(stats.files, 20000)
  lu.assertEquals(stats.restarts, 0)
  lu.assertTrue(stats.seconds > 0)
  -- two calls for each of the directories and links, one LOOKUP for those not named
  lu.assertTrue((stats.requests - 2 * (stats.dirs + stats.links)) / stats.files < 3.05, stats.requests / stats.files)
  server.empty("main")
  t:drop_caches()
  local a <close> = again()
  assert(t:restore(a))
  assert_whole()
  -- old files are replaced: one REMOVE and one CREATE more
  assert(sys.link(BASE .. "/main/usr/d0/f7", BASE .. "/main/kept"))
  assert(sys.write_file(BASE .. "/main/usr/d0/f7", "old content", { atomic = false }))
  local b <close> = again()
  stats = assert(t:restore(b))
  lu.assertTrue((stats.requests - 4 * (stats.dirs + stats.links)) / stats.files < 5.05, stats.requests / stats.files)
  lu.assertEquals(sys.read_file(BASE .. "/main/kept"), "old content")
  assert(sys.remove(BASE .. "/main/kept"))
  assert_whole()
end

function TestRestoreNfs:test_holes_stay_holes()
  local mega = 1 << 20
  local data = { holed = ("x"):rep(mega) .. ("\0"):rep(3 * mega) .. ("y"):rep(mega // 2), zeros = ("\0"):rep(3 * mega),
    dense = ("z"):rep(2 * mega) .. "end" }
  local archive = BASE .. "/holes"
  local w = assert(bff.create(archive, {}))
  for _, name in ipairs { "dense", "holed", "zeros" } do
    assert(w:add { name = "./" .. name, type = "file", mode = 420, uid = 0, gid = 0, mtime = 1500000000, data = data[name] })
  end
  assert(w:close())
  -- What is there already must not shine through a hole.
  assert(sys.write_file(BASE .. "/main/holed", ("old"):rep(mega), { atomic = false }))
  local t <close> = open {}
  local a <close> = assert(bff.open(archive))
  local stats = assert(t:restore(a))
  lu.assertEquals(stats.bytes, #data.holed + #data.zeros + #data.dense)
  for name, text in pairs(data) do
    lu.assertTrue(sys.read_file(BASE .. "/main/" .. name) == text, name)
  end
  local function stored(name)
    return tonumber(assert(sys.run { "stat", "-c", "%b", BASE .. "/main/" .. name }).stdout) * 512
  end
  lu.assertTrue(stored "holed" <= 1.5 * mega + 65536, stored "holed")
  lu.assertTrue(stored "zeros" <= mega + 65536, stored "zeros")
  lu.assertTrue(stored "dense" >= 2 * mega, stored "dense")
  local b <close> = assert(bff.open(archive))
  lu.assertEquals(assert(t:verify(b)), {})
end

function TestRestoreNfs:test_server_killed_and_started_again()
  local t <close> = open {}
  local a <close> = again()
  local old, restarted = server.pid, false
  local stats = assert(t:restore(a, { again = again, on_progress = function(s)
    if s.members > 1500 and not restarted then
      restarted = true
      assert(sys.kill(old, "KILL"))
      assert(sys.wait(old))
      server.start("sleep 0.3")
    end
  end }))
  lu.assertTrue(restarted)
  lu.assertEquals(stats.restarts, 1)
  lu.assertEquals(stats.files, sample.count)
  lu.assertEquals(#stats.secured, sample.count // 500) -- each once
  assert_whole()
end

function TestRestoreNfs:test_restart_without_a_second_archive_is_an_error()
  local t <close> = open {}
  local a <close> = again()
  local old, restarted = server.pid, false
  local stats, message, code = t:restore(a, { on_progress = function(s)
    if s.members > 1500 and not restarted then
      restarted = true
      assert(sys.kill(old, "KILL"))
      assert(sys.wait(old))
      server.start()
    end
  end })
  lu.assertNil(stats)
  lu.assertEquals(code, "NFS_RESTARTED")
  lu.assertStrContains(message, "restore again")
  local b <close> = again()
  assert(t:restore(b))
  assert_whole()
end

function TestRestoreNfs:test_connections_reset()
  if not sys.stat(delay) then lu.skip("the delaying proxy is not built") end
  local proxy = assert(sys.spawn({ delay, "200", "12049:2049", "20050:20048" }, { stdout = BASE .. "/out" }))
  sys.sleep(0.1)
  local t <close> = open({}, server.url("main", "?nfsport=12049&mountport=20050"))
  local a <close> = again()
  local resets = 0
  local stats = assert(t:restore(a, { on_progress = function(s)
    if s.members > 1000 * (resets + 1) and resets < 4 then
      resets = resets + 1
      assert(sys.kill(proxy, "USR1"))
    end
  end }))
  assert(sys.kill(proxy, "TERM"))
  assert(sys.wait(proxy))
  lu.assertEquals(resets, 4)
  lu.assertEquals(stats.files, sample.count)
  lu.assertEquals(stats.restarts, 0)
  assert_whole()
end

function TestRestoreNfs:test_a_server_that_stops_for_seconds()
  local t <close> = open { timeout = 30 }
  local a <close> = again()
  local stopped = 0
  local stats = assert(t:restore(a, { on_progress = function(s)
    if s.members > 2000 and stopped == 0 then
      stopped = server.pid
      assert(sys.kill(stopped, "STOP"))
      assert(sys.spawn({ "sh", "-c", "sleep 1.5; kill -CONT " .. stopped }, { stdout = BASE .. "/out" }))
    end
  end }))
  lu.assertEquals(stats.files, sample.count)
  lu.assertEquals(stats.restarts, 0)
  lu.assertTrue(stats.seconds > 1.4)
  assert_whole()
end

function TestRestoreNfs:test_disk_full_names_file_system_and_room()
  server.empty("small")
  local t <close> = open({}, server.url("small"))
  local a <close> = again()
  local ok, message, code = t:restore(a)
  lu.assertNil(ok)
  lu.assertEquals(code, "ENOSPC")
  lu.assertStrMatches(message, "restore: member ./usr/d.* at offset %d+: .*127%.0%.0%.1:" .. BASE:gsub("%-", "%%-") ..
    "/small.*No space left on device; 127%.0%.0%.1:.*/small has %d+ of 4096 512%-byte blocks and %d+ files free")
end

function TestRestoreNfs:test_interrupted_then_completed()
  local t <close> = open {}
  for _, at in ipairs { 1, 1500, 4000 } do
    local a <close> = again()
    local ok, message = t:restore(a, { on_progress = function(s)
      if s.members >= at then error("stop here") end
    end })
    lu.assertNil(ok)
    lu.assertStrContains(message, "stop here")
  end
  assert(sys.spawn({ "sh", "-c", "sleep 0.2; kill -TERM " .. sys.getpid() }, { stdout = BASE .. "/out" }))
  local b <close> = again()
  local _, ok, message = pcall(t.restore, t, b)
  sys.cancel_clear()
  lu.assertStrMatches(tostring(ok) .. tostring(message), ".*interrupted.*")
  local c <close> = again()
  assert(t:restore(c))
  assert_whole()
end

function TestRestoreNfs:test_commit_of_every_file()
  local t <close> = open {}
  local a <close> = assert(bff.open(BASE .. "/few"))
  local stats = assert(t:restore(a, { commit = true }))
  lu.assertTrue(stats.requests / stats.files > 3.9)
  local b <close> = assert(bff.open(BASE .. "/few"))
  lu.assertEquals(t:verify(b, { times = true }), {})
end

function TestRestoreNfs:test_guard_is_asked_before_anything_is_written()
  local t <close> = open { guard = function() return nil, "not a volume of altinst_rootvg", "ALT_NOT_MOUNTED" end }
  local a <close> = again()
  local ok, message, code = t:restore(a)
  lu.assertNil(ok)
  lu.assertEquals(code, "ALT_NOT_MOUNTED")
  lu.assertStrContains(message, "not a volume of altinst_rootvg")
  lu.assertEquals(sys.list(BASE .. "/main"), {})
end
