-- SPDX-License-Identifier: MIT
-- Golden cases of RoleMerge.

local lu = require "luaunit"
local merge_case = require "merge_case"

local dir, t
local function run(...) return merge_case.run(t, ...) end

TestRoles = {}

function TestRoles:setUp()
  t, dir = merge_case.open()
end

function TestRoles:tearDown()
  merge_case.close(t, dir)
end

local roles, auths = "/etc/security/roles", "/etc/security/authorizations"

function TestRoles:test_roles_of_before_ids_and_predefined_ones()
  local status, said = run("RoleMerge", {
    [roles] = { c = "BackupOps:\n\tauthorizations = Backup,SiteTape,aix.fs\n", n = "BackupRestore:\n\tid = 20\n" },
    [auths] = { n = "* the site's own\n" } })
  lu.assertEquals(status, "merged")
  lu.assertEquals(t:read(roles), "BackupOps:\n\tid = 21\n\tauthorizations = Backup,SiteTape,aix.fs\n\nBackupRestore:\n\tid = 20\n")
  lu.assertStrContains(t:read(auths), "SiteTape:\n\tid = 10001\n")
  lu.assertNotStrContains(t:read(auths), "aix.fs")
  lu.assertStrContains(merge_case.text_of(said), "BackupOps id merged had no id")
end

function TestRoles:test_ids_are_the_sites_and_lists_are_merged()
  local inputs = { [roles] = {
    o = "A:\n\tid = 10\n\tauthorizations = x,y\n",
    c = "A:\n\tid = 10\n\tauthorizations = x,mine\n\nSite:\n\tid = 30\n\trolelist = A,Gone\n\n"
      .. "Same:\n\tid = 40\n\tauthorizations = little\n",
    n = "A:\n\tid = 11\n\tauthorizations = x,y,new\n\nFresh:\n\tid = 30\n\nSame:\n\tid = 41\n\tauthorizations = much\n" },
    [auths] = { c = "mine:\n\tid = 10001\n\nlittle:\n\tid = 10002\n", n = "" } }
  local status, said = run("RoleMerge", inputs)
  lu.assertEquals(status, "merged")
  lu.assertEquals(t:read(roles), "A:\n\tid = 10\n\tauthorizations = x,mine,new\n\nSite:\n\tid = 30\n\trolelist = A,Gone\n\n"
    .. "Same:\n\tid = 40\n\tauthorizations = little\n\nFresh:\n\tid = 42\n")
  local text = merge_case.text_of(said)
  lu.assertStrContains(text, "Fresh id merged id 30 is of Site: now 42")
  lu.assertStrContains(text, "Site rolelist C contains the role Gone")
  inputs[roles].c = t:read(roles)
  run("RoleMerge", inputs)
  lu.assertEquals(t:read(roles), inputs[roles].c)
end

function TestRoles:test_a_role_is_not_widened_when_the_old_level_is_unknown()
  run("RoleMerge", { [roles] = { c = "A:\n\tid = 1\n\tauthorizations = x\n\trolelist = A\n",
    n = "A:\n\tid = 1\n\tauthorizations = x,y\n" },
    [auths] = { c = "x:\n\tid = 1\n", n = "x:\n\tid = 1\n" } })
  lu.assertStrContains(t:read(roles), "authorizations = x\n")
end
