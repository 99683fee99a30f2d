-- SPDX-License-Identifier: MIT
local lu = require "luaunit"
local sys = require "altmig.sys"
local tree = require "altmig.tree"

package.path = package.path .. ";" .. arg[0]:match("^(.*)/[^/]*$") .. "/?.lua"
local cases = require "bind.tree_cases"

TestLocalTree = {}

function TestLocalTree:setUp()
  if sys.getuid() ~= 0 then lu.skip("owners and devices need root") end
  self.dir = assert(sys.run({ "mktemp", "-d", "/tmp/altmig-tree-XXXXXX" })).stdout:match("%S+")
  self.tree = assert(tree.at(self.dir))
end

function TestLocalTree:tearDown()
  if not self.tree then return end
  self.tree:close()
  self.tree:close()
  local tmp <close> = assert(tree.at("/tmp"))
  assert(tmp:remove_all(self.dir:sub(5)))
  self.tree = nil
end

cases(TestLocalTree)

TestTreeObject = {}

function TestTreeObject:test_closed_tree_raises()
  local t = assert(tree.at("/tmp"))
  t:close()
  lu.assertErrorMsgContains("closed", t.read, t, "/x")
  lu.assertEquals(tostring(t), "tree (closed)")
end

function TestTreeObject:test_missing_root()
  local t, message, code = tree.at("/nonexistent/altmig")
  lu.assertNil(t)
  lu.assertEquals(code, "ENOENT")
  lu.assertStrContains(message, "/nonexistent/altmig")
end
