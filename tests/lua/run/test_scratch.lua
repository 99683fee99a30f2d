-- SPDX-License-Identifier: MIT
local lu = require "luaunit"
local scratch = require "altmig.run.scratch"
local sys = require "altmig.sys"
local tree = require "altmig.tree"

TestScratch = {}

function TestScratch:setUp()
  self.dir = os.tmpname()
  os.remove(self.dir)
  assert(sys.makedirs(self.dir, 448))
  self.base = assert(tree.at(self.dir))
  assert(self.base:makedirs("/etc/security"))
  assert(self.base:write("/etc/passwd", "old\n", { mode = 420 }))
  assert(self.base:write("/etc/hosts", "hosts\n"))
  assert(self.base:symlink("/etc/hosts", "/etc/link"))
  self.before = self.base:digest("/", { times = true })
  self.s = scratch.over(self.base)
end

function TestScratch:tearDown()
  self.s:close()
  self.base:close()
  os.execute("rm -rf '" .. self.dir .. "'")
end

function TestScratch:test_writes_are_seen_here_and_never_below()
  local s = self.s
  assert(s:write("/etc/passwd", "new\n", { mode = 420, uid = 12345, gid = 12345 }))
  assert(s:write("/etc/link", "through the link\n"))
  assert(s:write("/var/new/file", "x"))
  lu.assertEquals(s:read("/etc/passwd"), "new\n")
  lu.assertEquals(s:read("/etc/hosts"), "through the link\n")
  lu.assertEquals(s:read("/etc/link"), "through the link\n")
  lu.assertEquals(s:stat("/etc/link").type, "link")
  lu.assertEquals(s:stat("/etc/link", { follow = true }).type, "file")
  lu.assertEquals(s:read("/var/new/file"), "x")
  lu.assertEquals(self.base:digest("/", { times = true }), self.before)
end

function TestScratch:test_what_is_removed_is_gone_here_only()
  local s = self.s
  assert(s:remove("/etc/passwd"))
  lu.assertEquals(select(3, s:read("/etc/passwd")), "ENOENT")
  lu.assertEquals(select(3, s:stat("/etc/passwd")), "ENOENT")
  lu.assertFalse(s:exists("/etc/passwd"))
  lu.assertEquals(s:list("/etc"), { "hosts", "link", "security" })
  lu.assertEquals(select(3, s:remove("/etc/passwd")), "ENOENT")
  assert(s:write("/etc/passwd", "again"))
  lu.assertEquals(s:list("/etc"), { "hosts", "link", "passwd", "security" })
  lu.assertEquals(self.base:digest("/", { times = true }), self.before)
end

function TestScratch:test_rename_moves_from_below_and_over_what_is_there()
  local s = self.s
  assert(s:rename("/etc/passwd", "/etc/hosts"))
  lu.assertEquals(s:read("/etc/hosts"), "old\n")
  lu.assertFalse(s:exists("/etc/passwd"))
  assert(s:write("/etc/.new", "n"))
  assert(s:rename("/etc/.new", "/etc/hosts"))
  lu.assertEquals(s:read("/etc/hosts"), "n")
  lu.assertEquals(s:list("/etc"), { "hosts", "link", "security" })
end

function TestScratch:test_links_do_not_lead_out()
  assert(self.base:symlink("../../../../etc/shadow", "/etc/out"))
  assert(self.base:symlink("/etc/loop", "/etc/loop"))
  lu.assertEquals(select(3, self.s:read("/etc/out")), "OUTSIDE_TREE")
  lu.assertEquals(select(3, self.s:write("/etc/out", "x")), "OUTSIDE_TREE")
  lu.assertEquals(select(3, self.s:read("/etc/loop")), "ELOOP")
end

function TestScratch:test_the_directory_is_private_and_goes()
  local dir = self.s.dir
  lu.assertEquals(sys.stat(dir).mode & 511, 448)
  assert(self.s:write("/etc/secret", "s"))
  lu.assertEquals(sys.stat(dir .. "/etc/secret").mode & 511, 384)
  self.s:close()
  lu.assertNil(sys.stat(dir))
end
