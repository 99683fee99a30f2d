-- SPDX-License-Identifier: MIT
-- Golden cases of SysckMerge.

local lu = require "luaunit"
local merge_case = require "merge_case"

local dir, t
local function run(...) return merge_case.run(t, ...) end

TestSysck = {}

function TestSysck:setUp()
  t, dir = merge_case.open()
end

function TestSysck:tearDown()
  merge_case.close(t, dir)
end

local sysck = "/etc/security/sysck.cfg"

function TestSysck:test_trusted_files()
  local status, said = run("SysckMerge", { [sysck] = {
    o = "/etc/passwd:\n\towner = root\n\tmode = 644\n\ttype = FILE\n\tchecksum = \"1 1\"\n\tclass = apply\n",
    c = "/etc/passwd:\n\towner = root\n\tmode = 600\n\ttype = file\n\tchecksum = \"9 9\"\n\tclass = apply,site\n\n"
      .. "/opt/site/x:\n\ttype = FILE\n\n/opt/gone:\n\ttype = FILE\n\tmode = 1\n\n/dev/site:\n\ttype = CHAR_DEV\n",
    n = "/etc/passwd:\n\towner = root\n\tmode = 640\n\ttype = FILE\n\tchecksum = \"2 2\"\n\tclass = apply,inventory\n\n"
      .. "/new:\n\ttype = FILE\n" } }, { "/opt/site/x" })
  lu.assertEquals(status, "merged")
  local text = t:read(sysck)
  lu.assertStrContains(text, "mode = 600")
  lu.assertStrContains(text, "checksum = \"2 2\"")
  lu.assertStrContains(text, "class = apply,site,inventory")
  lu.assertStrContains(text, "/opt/site/x:")
  lu.assertStrContains(text, "/dev/site:")
  lu.assertStrContains(text, "/new:")
  lu.assertNotStrContains(text, "/opt/gone")
  lu.assertStrContains(merge_case.text_of(said), "/opt/gone - none the file does not exist")
end
