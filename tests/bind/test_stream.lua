-- SPDX-License-Identifier: MIT
-- An archive on its way to a restore command: what is sent, whether it may be, and how it travels.

local lu = require "luaunit"
local bff = require "altmig.bff"
local ssh = require "altmig.ssh"
local sys = require "altmig.sys"
local tree = require "altmig.tree"
local here = arg and arg[0]:match("^(.*)/[^/]*$") or "."
package.path = here .. "/data/?.lua;" .. package.path
local private = require "private_sshd"

local dir

local function archive(members)
  local path = dir .. "/archive.bff"
  local w = assert(bff.create(path))
  for _, m in ipairs(members) do assert(w:add(m)) end
  assert(w:close())
  return path
end

local function file(name, data) return { name = name, data = data or name, mode = 420 } end
local function directory(name) return { name = name, type = "dir", mode = 493 } end
local function link(name, target) return { name = name, type = "link", target = target } end

local function drain(reader)
  local pieces = {}
  repeat
    local piece, message, code = reader:read(65536)
    if not piece then return nil, message, code end
    pieces[#pieces + 1] = piece
  until piece == ""
  reader:close()
  return table.concat(pieces)
end

local Base = {}
function Base:setUp()
  dir = os.tmpname()
  os.remove(dir)
  assert(sys.mkdir(dir, 448))
end
function Base:tearDown() os.execute("rm -rf '" .. dir .. "'") end

TestFilter = setmetatable({}, nil)
TestFilter.setUp, TestFilter.tearDown = Base.setUp, Base.tearDown

function TestFilter:test_selection_is_that_of_restore()
  local path = archive { file "./lpp_name", directory "./usr", file "./usr/keep", directory "./usr/out", file "./usr/out/a",
    file "./etc/x" }
  local reader, sent = assert(bff.filter(path, { exclude = { "./lpp_name", "/lpp_name", "/usr/out" } }))
  assert(sys.write_file(dir .. "/sent", assert(drain(reader))))
  local names = {}
  local a <close> = assert(bff.open(dir .. "/sent"))
  for m in a:members() do names[#names + 1] = m.name end
  lu.assertEquals(names, { "./usr", "./usr/keep", "./etc/x" })
  local stats = sent() -- also after the reader was closed
  lu.assertEquals({ stats.files, stats.dirs, stats.skipped, stats.bytes }, { 2, 1, 3, #"./usr/keep" + #"./etc/x" })
end

function TestFilter:test_patterns_may_go_before_the_reader_ends()
  local patterns = { ("/x"):rep(30) .. "*", "/b" }
  local reader = assert(bff.filter(archive { file "./a", file "./b" }, { exclude = patterns }))
  patterns[1], patterns[2] = "/a", nil
  collectgarbage()
  collectgarbage()
  local out = assert(drain(reader))
  lu.assertStrContains(out, "./a")
  lu.assertNil(out:find("./b", 1, true))
end

function TestFilter:test_a_damaged_archive_fails_by_name()
  local text = assert(sys.read_file(archive { file "./a", file "./b" }))
  assert(sys.write_file(dir .. "/cut", text:sub(1, 300)))
  local _, _, code = drain(assert(bff.filter(dir .. "/cut")))
  lu.assertEquals(code, "TRUNCATED")
  local _, message, absent = bff.filter(dir .. "/absent")
  lu.assertEquals(absent, "ENOENT", message)
  lu.assertErrorMsgContains("string expected", bff.filter, dir .. "/cut", { exclude = { 1 } })
end

--- What a call reads from stays open until it is done, whatever its callbacks do.
TestUse = setmetatable({}, nil)
TestUse.setUp, TestUse.tearDown = Base.setUp, Base.tearDown

local function in_use(what, ok, message, code)
  lu.assertNil(ok)
  lu.assertEquals(code, "CALLBACK", message)
  lu.assertStrContains(message, "the " .. what .. " is in use")
end

function TestUse:test_callbacks_do_not_close_the_archive()
  local path = archive { file("./a", ("a"):rep(100000)), file "./b" }
  assert(sys.mkdir(dir .. "/root", 493))
  local t <close> = assert(tree.at(dir .. "/root"))
  for _, method in ipairs { "restore", "verify", "check" } do
    local a <close> = assert(bff.open(path))
    in_use("archive", t[method](t, a, { select = function() a:close() end }))
    in_use("archive", t[method](t, a, { select = function() return a:next() end }))
    a:close()
    local source <close> = assert(assert(tree.at(dir)):open("/archive.bff"))
    in_use("reader", t[method](t, source, { select = function() source:close() end }))
    source:close()
  end
end

function TestUse:test_patterns_may_change_meanwhile()
  assert(sys.mkdir(dir .. "/root", 493))
  local t <close> = assert(tree.at(dir .. "/root"))
  local a <close> = assert(bff.open(archive { file "./a", file "./b", file "./c" }))
  local patterns, seen = { ("/x"):rep(30) .. "*", "/c" }, {}
  local options = { exclude = patterns }
  options.select = function(path)
    patterns[1], patterns[2] = nil, nil
    collectgarbage()
    collectgarbage()
    seen[#seen + 1] = path
    return true
  end
  lu.assertEquals(assert(t:restore(a, options)).skipped, 1)
  lu.assertEquals(seen, { "/a", "/b" })
end

TestCheck = setmetatable({}, nil)
TestCheck.setUp, TestCheck.tearDown = Base.setUp, Base.tearDown

local function check(members, options)
  local t <close> = assert(tree.at(dir .. "/root"))
  local a <close> = assert(bff.open(archive(members)))
  return t:check(a, options)
end

local function refused(code, part, members)
  local ok, message, got = check(members)
  lu.assertNil(ok)
  lu.assertEquals(got, code, message)
  lu.assertStrContains(message, part)
  lu.assertNotNil(message:find("member %./%S+ at offset %d+"), message)
end

function TestCheck:setUp()
  Base.setUp(self)
  assert(sys.makedirs(dir .. "/root/usr/bin", 493))
  assert(sys.mkdir(dir .. "/root/etc", 493))
  assert(sys.symlink("/usr/bin", dir .. "/root/bin"))
  assert(sys.symlink("../../..", dir .. "/root/usr/up"))
  assert(sys.symlink("/nowhere", dir .. "/root/dangling"))
end

function TestCheck:test_links_of_the_system_are_followed_inside_the_tree()
  local stats = assert(check { file "./bin/ls", directory "./new", file "./new/deep/x", file "./usr/bin/cat" })
  lu.assertEquals({ stats.files, stats.dirs }, { 3, 1 })
end

function TestCheck:test_a_link_that_leads_out_is_refused_by_name()
  refused("OUTSIDE_TREE", "member ./usr/up/etc/passwd", { file "./etc/fine", file "./usr/up/etc/passwd" })
  refused("ENOENT", "member ./dangling/x", { file "./dangling/x" })
end

function TestCheck:test_what_is_left_out_is_not_looked_at()
  assert(check({ file "./usr/up/etc/passwd" }, { exclude = { "/usr/up" } }))
end

function TestCheck:test_links_of_the_archive_lead_nothing()
  refused("ARCHIVE_PATH", "symbolic link of the archive", { link("./l", "/etc"), file "./l/passwd" })
  -- By another name of the directory, below one that is not there yet, and after it was seen plain.
  refused("ARCHIVE_PATH", "/usr/bin/l", { link("./bin/l", "/etc"), file "./usr/bin/l/passwd" })
  refused("ARCHIVE_PATH", "/new/l", { link("./new/l", "/etc"), file "./new/l/passwd" })
  refused("ARCHIVE_PATH", "/etc", { file "./etc/a", link("./etc", "/usr"), file "./etc/b" })
  assert(check { link("./bin", "/usr/bin"), file "./bin/ls" }) -- the one that is there already
end

function TestCheck:test_names_are_those_restore_allows()
  refused("ARCHIVE_PATH", "leads upwards", { file "./a/../../b" })
  refused("ARCHIVE_PATH", "root directory", { file "././" })
end

TestSecured = setmetatable({}, nil)
TestSecured.setUp, TestSecured.tearDown = Base.setUp, Base.tearDown

function TestSecured:test_restore_lists_what_a_tree_cannot_take()
  local acl = ("<I4I4I2I2I2I2"):pack(32, 0x02000000, 0, 6, 4, 4) .. ("<I2I2I2I2>I4"):pack(12, 1 << 14 | 6, 8, 1, 214) .. ("\0"):rep(4)
  local plain = ("<I4I4I2I2I2I2"):pack(16, 0, 0, 6, 4, 4)
  local pcl = ("<I4I4"):pack(16, 33188) .. "\0\0\0\1\0\0\0\0"
  local path = archive { { name = "./a", data = "x", acl = acl }, { name = "./b", data = "y", acl = plain },
    { name = "./c", data = "z", pcl = pcl }, { name = "./d", data = "z", acl = acl } }
  assert(sys.mkdir(dir .. "/root", 493))
  local t <close> = assert(tree.at(dir .. "/root", { sync = false }))
  local a <close> = assert(bff.open(path))
  local stats = assert(t:restore(a, { exclude = { "/d" } }))
  lu.assertEquals(stats.secured, { { path = "/a", acl = acl }, { path = "/c", pcl = pcl } })
  lu.assertEquals(stats.secured_dropped, 0)
end

local missing = private.missing()
local sshd, session

TestStdin = {}

function TestStdin:setUp()
  lu.skipIf(missing ~= nil, missing)
  Base.setUp(self)
  sshd = sshd or private.new()
  session = assert(ssh.connect(sshd:options()))
end

function TestStdin:tearDown()
  if session then session:close() end
  session = nil
  Base.tearDown(self)
end

local function big_archive(size) return archive { file("./big", ("0123456789abcdef"):rep(size >> 4)) } end

function TestStdin:test_a_reader_arrives_whole()
  local path = big_archive(8 << 20)
  local told = 0
  local reader = assert(bff.filter(path))
  local r = assert(session:run({ "sh", "-c", "cat >\"$0\"; echo done", dir .. "/arrived" },
    { stdin = reader, on_progress = function() told = told + 1 end }))
  lu.assertEquals({ r.status, r.stdout }, { 0, "done\n" })
  lu.assertTrue(told >= 1)
  lu.assertEquals(sys.run({ "cmp", path, dir .. "/arrived" }).stdout, "")
  lu.assertEquals(sys.stat(path).size, sys.stat(dir .. "/arrived").size)
end

function TestStdin:test_a_command_that_ends_early_is_not_fed_on()
  local reader, sent = assert(bff.filter(archive {
    file("./one", ("x"):rep(16 << 20)), file("./two", ("x"):rep(16 << 20)), file("./three", ("x"):rep(16 << 20)) }))
  local r = assert(session:run({ "sh", "-c", "head -c 100 >/dev/null; echo enough >&2; exit 3" }, { stdin = reader }))
  lu.assertEquals({ r.status, r.stderr }, { 3, "enough\n" })
  lu.assertTrue(sent().files < 3)
end

function TestStdin:test_output_while_input_flows()
  local reader = assert(bff.filter(big_archive(4 << 20)))
  local bytes = 0
  local r = assert(session:run({ "od", "-v" }, { stdin = reader, max_output = 64 << 20,
    on_line = function(line) bytes = bytes + #line end }))
  lu.assertEquals(r.status, 0)
  lu.assertTrue(bytes > 8 << 20)
end

function TestStdin:test_a_source_that_fails_ends_the_run()
  local text = assert(sys.read_file(big_archive(1 << 20)))
  assert(sys.write_file(dir .. "/cut", text:sub(1, #text // 2)))
  local r, message, code = session:run({ "sh", "-c", "cat >\"$0\"", dir .. "/arrived" }, { stdin = assert(bff.filter(dir .. "/cut")) })
  lu.assertNil(r)
  lu.assertEquals(code, "TRUNCATED", message)
  assert(session:run { "true" }) -- the session goes on
end

function TestStdin:test_errors_of_the_callback_and_of_the_caller()
  local reader = assert(bff.filter(big_archive(1 << 20)))
  local r, message, code = session:run({ "cat" }, { stdin = reader, on_progress = function() error("no more", 0) end })
  lu.assertNil(r)
  lu.assertEquals(code, "CALLBACK")
  lu.assertStrContains(message, "no more")
  r, message, code = session:run({ "cat" }, { stdin = reader, on_progress = function() reader:close() end })
  in_use("reader", r, message, code)
  reader:close()
  lu.assertErrorMsgContains("string or open reader", session.run, session, { "cat" }, { stdin = reader })
  lu.assertErrorMsgContains("field 'stdin'", session.run, session, { "cat" }, { stdin = true })
  lu.assertErrorMsgContains("field 'stdin'", session.job, session, { "cat" }, { id = "x", stdin = reader })
end

function TestStdin:test_a_lost_connection_is_no_success()
  local fifo = dir .. "/fifo"
  assert(sys.mknod(fifo, "fifo", 384, 0, 0))
  local path = big_archive(4 << 20)
  -- Half the archive, then the connections are cut, then the rest.
  local pid = assert(sys.spawn { "sh", "-c", ("exec >%s; head -c 2000000 %s; touch %s/half; sleep 0.5; tail -c +2000001 %s"):format(
    fifo, path, dir, path) })
  local reader = assert(bff.filter(fifo))
  local cut
  local r, message, code = session:run({ "sh", "-c", "cat >/dev/null" }, { stdin = reader, on_progress = function()
    if not cut then sshd:cut() end
    cut = true
  end })
  lu.assertNil(r)
  lu.assertEquals(code, "SSH_LOST", message)
  reader:close()
  sys.wait(pid)
end
