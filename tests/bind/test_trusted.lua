-- SPDX-License-Identifier: MIT
-- sys.read_trusted: files that are run as code.

local lu = require "luaunit"
local sys = require "altmig.sys"

TestTrusted = {}

function TestTrusted:setUp()
  self.dir = assert(sys.run({ "mktemp", "-d", "/tmp/altmig-trusted-XXXXXX" })).stdout:match("%S+")
  assert(sys.makedirs(self.dir .. "/a/b", 493))
  self.file = self.dir .. "/a/b/file"
  assert(sys.write_file(self.file, "content", { mode = 420 }))
end

function TestTrusted:tearDown() sys.run { "rm", "-rf", self.dir } end

local function refused(path, ...)
  local text, message, code = sys.read_trusted(path)
  lu.assertNil(text)
  lu.assertEquals(code, "UNTRUSTED", message)
  for _, part in ipairs { ... } do lu.assertStrContains(message, part) end
end

local function root_only() if sys.getuid() ~= 0 then lu.skip "files of others need root" end end

function TestTrusted:test_what_only_we_can_have_written_is_read()
  lu.assertEquals(sys.read_trusted(self.file), "content")
  lu.assertEquals(sys.read_trusted(self.dir .. "//a/./b/../b/file"), "content")
  local here = assert(sys.realpath ".")
  local up = here:gsub("[^/]+", ".."):sub(2)
  lu.assertEquals(sys.read_trusted((up == "" and "." or up) .. self.file), "content")
  lu.assertEquals(select(3, sys.read_trusted(self.file, 3)), "E2BIG")
  lu.assertEquals(sys.read_trusted(self.file, 7), "content")
end

function TestTrusted:test_a_file_that_others_can_write()
  for mode, text in pairs { [438] = "0666", [436] = "0664", [422] = "0646" } do
    assert(sys.chmod(self.file, mode))
    refused(self.file, self.file .. ": writable by group or others (mode " .. text .. ")")
  end
  assert(sys.chmod(self.file, 256)) -- 0400
  lu.assertEquals(sys.read_trusted(self.file), "content")
end

function TestTrusted:test_a_directory_that_others_can_write()
  for _, dir in ipairs { "/a/b", "/a", "" } do
    for _, mode in ipairs { 511, 509, 507 } do -- 0777, 0775, 0773
      assert(sys.chmod(self.dir .. dir, mode))
      refused(self.file, "the directory " .. self.dir .. dir .. ": writable")
    end
    assert(sys.chmod(self.dir .. dir, 1023)) -- sticky: what is in it stays its owner's
    lu.assertEquals(sys.read_trusted(self.file), "content")
    assert(sys.chmod(self.dir .. dir, 493))
  end
end

function TestTrusted:test_a_file_directory_or_link_of_somebody_else()
  root_only()
  assert(sys.chown(self.file, 12345, 0))
  refused(self.file, "belongs to user 12345")
  assert(sys.chown(self.file, 0, 12345)) -- a group that may only read
  lu.assertEquals(sys.read_trusted(self.file), "content")
  for _, dir in ipairs { "/a/b", "/a", "" } do
    assert(sys.chown(self.dir .. dir, 12345, 0))
    refused(self.file, "the directory " .. self.dir .. dir .. ": belongs to user 12345")
    assert(sys.chown(self.dir .. dir, 0, 0))
  end
  assert(sys.symlink(self.file, self.dir .. "/link"))
  assert(sys.lchown(self.dir .. "/link", 12345, 0))
  refused(self.dir .. "/link", "the link " .. self.dir .. "/link: belongs to user 12345")
end

function TestTrusted:test_links_are_followed_and_where_they_lead_is_looked_at()
  assert(sys.symlink(self.file, self.dir .. "/absolute"))
  assert(sys.symlink("a/../a/b/file", self.dir .. "/relative"))
  assert(sys.symlink("../a/b", self.dir .. "/a/directory"))
  assert(sys.symlink("absolute", self.dir .. "/chain"))
  for _, name in ipairs { "/absolute", "/relative", "/chain", "/a/directory/file" } do
    lu.assertEquals(sys.read_trusted(self.dir .. name), "content", name)
  end
  assert(sys.chmod(self.dir .. "/a/b", 511))
  for _, name in ipairs { "/absolute", "/relative", "/chain", "/a/directory/file" } do
    refused(self.dir .. name, "the directory " .. self.dir .. "/a/b")
  end
  assert(sys.chmod(self.dir .. "/a/b", 493))
  assert(sys.chmod(self.file, 438))
  refused(self.dir .. "/chain", self.dir .. "/chain: the file " .. self.file .. ": writable")
end

function TestTrusted:test_what_is_no_file()
  assert(sys.symlink("loop", self.dir .. "/loop"))
  assert(sys.symlink("/nowhere/at/all", self.dir .. "/dangling"))
  assert(sys.mknod(self.dir .. "/fifo", "fifo", 384)) -- does not wait for a writer
  for name, code in pairs { ["/loop"] = "ELOOP", ["/dangling"] = "ENOENT", ["/none"] = "ENOENT", ["/fifo"] = "EINVAL", ["/a"] = "EINVAL",
    ["/a/"] = "EISDIR", ["/a/b/file/"] = "ENOTDIR", ["/a/b/file/x"] = "ENOTDIR", ["/" .. ("x"):rep(300)] = "ENAMETOOLONG" } do
    lu.assertEquals(select(3, sys.read_trusted(self.dir .. name)), code, name)
  end
  lu.assertEquals(select(3, sys.read_trusted("/")), "EISDIR")
  lu.assertEquals(select(3, sys.read_trusted("")), "ENOENT")
  lu.assertEquals(select(3, sys.read_trusted(("/x"):rep(3000))), "ENAMETOOLONG")
end
