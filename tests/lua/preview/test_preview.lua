-- SPDX-License-Identifier: MIT
local lu = require "luaunit"
local diff = require "altmig.preview.diff"
local preview = require "altmig.preview"
local report = require "altmig.report"
local saveconf = require "altmig.save"
local sys = require "altmig.sys"
local tree = require "altmig.tree"

TestPreview = {}

local path = "/etc/security/login.cfg"
local shadow = "/etc/security/passwd"

local function login(herald, retries) return ("default:\n\therald = %s\n\tlogindelay = %d\n"):format(herald, retries) end

local function passwords(word) return ("root:\n\tpassword = %s\n\tlastupdate = 1\n"):format(word) end

-- A copy after the restore: the site changed one attribute, the new level another.
function TestPreview:setUp()
  self.dir = os.tmpname()
  os.remove(self.dir)
  assert(sys.makedirs(self.dir, 448))
  local t = assert(tree.at(self.dir, { sync = false }))
  self.tree = t
  local function put(name, text)
    assert(t:makedirs(name:match("^(.*)/")))
    assert(t:write(name, text, { mode = 384 }))
  end
  put(path, login("mine", 0))
  put("/usr/lpp/bos/inst_root" .. path, login("old", 0))
  put("/etc/passwd", "root:!:0:0::/:/bin/ksh\n")
  put(shadow, passwords "S3KRETold")
  put("/etc/rc", "site\n")
  assert(saveconf.save(t, nil, { path, "/etc/passwd", shadow, "/etc/rc" }))
  put(path, login("old", 5))
  put(shadow, passwords "S3KRETnew")
  put("/etc/rc", "new\n")
  saveconf.keep_shipped(t)
end

function TestPreview:tearDown()
  self.tree:close()
  os.execute("rm -rf '" .. self.dir .. "'")
end

local function text_of(file) return table.concat(diff.lines(file.result, { from = "a", to = "b" }), "\n") end

function TestPreview:test_one_file_as_its_merge_gives_it_and_nothing_is_written()
  local before = self.tree:digest("/", { times = true })
  local found = preview.one(self.tree, saveconf.root, path)
  lu.assertEquals(found.methods, { "login_mig" })
  lu.assertFalse(found.same)
  lu.assertStrContains(text_of(found.merged), "# default logindelay: not changed by the site [login_mig]")
  lu.assertStrContains(text_of(found.merged), "-\tlogindelay = 0\n+\tlogindelay = 5")
  lu.assertNotStrContains(text_of(found.merged), "-\therald")
  lu.assertStrContains(text_of(found.live), "-\therald = mine")
  lu.assertEquals(self.tree:digest("/", { times = true }), before)
end

function TestPreview:test_once_it_is_merged_the_copy_has_the_same()
  assert(self.tree:write(path, login("mine", 5)))
  lu.assertTrue(preview.one(self.tree, saveconf.root, path).same)
end

function TestPreview:test_files_without_a_method_follow_their_policy()
  local found = preview.one(self.tree, saveconf.root, "/etc/rc")
  lu.assertEquals(found.policy, "user_merge")
  lu.assertStrContains(text_of(found.merged), "-site\n+new")
  lu.assertStrContains(text_of(found.merged), "look at both")
  lu.assertErrorMsgContains("neither saved nor in the policy table", preview.one, self.tree, saveconf.root, "/usr/x")
end

function TestPreview:test_passwords_are_never_shown()
  local found = preview.one(self.tree, saveconf.root, shadow)
  lu.assertStrContains(text_of(found.live), "<secret")
  lu.assertNotStrContains(text_of(found.live) .. (found.merged and text_of(found.merged) or ""), "S3KRET")
end

function TestPreview:test_the_list_has_every_file_that_differs()
  local list = {}
  for _, file in ipairs(preview.files(self.tree, saveconf.root, report.new())) do
    list[#list + 1] = ("%s %s +%d -%d"):format(file.path, file.policy, file.result.added, file.result.removed)
  end
  lu.assertEquals(list, { "/etc/rc user_merge +1 -1", path .. " merge +2 -2", shadow .. " merge +1 -1" })
end
