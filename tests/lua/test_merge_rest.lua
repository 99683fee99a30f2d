-- SPDX-License-Identifier: MIT
-- Golden cases of RoleMerge, SysckMerge, ldapcfg_mig, ldapmap_mig and convert_errlog.

local lu = require "luaunit"
local merge_case = require "merge_case"

local dir, t
local function run(...) return merge_case.run(t, ...) end

local function text_of(said)
  local lines = {}
  for _, d in ipairs(said.decisions) do
    lines[#lines + 1] = ("%s %s %s %s %s %s"):format(d.key or "-", d.attribute or "-", d.chosen, d.rule, d.c or "-", d.n or "-")
  end
  return table.concat(lines, "\n")
end

TestMergeRest = {}

function TestMergeRest:setUp()
  t, dir = merge_case.open()
end

function TestMergeRest:tearDown()
  merge_case.close(t, dir)
end

local roles, auths = "/etc/security/roles", "/etc/security/authorizations"

function TestMergeRest:test_roles_of_before_ids_and_predefined_ones()
  local status, said = run("RoleMerge", {
    [roles] = { c = "BackupOps:\n\tauthorizations = Backup,SiteTape,aix.fs\n", n = "BackupRestore:\n\tid = 20\n" },
    [auths] = { n = "* the site's own\n" } })
  lu.assertEquals(status, "merged")
  lu.assertEquals(t:read(roles), "BackupOps:\n\tid = 21\n\tauthorizations = Backup,SiteTape,aix.fs\n\nBackupRestore:\n\tid = 20\n")
  lu.assertStrContains(t:read(auths), "SiteTape:\n\tid = 10001\n")
  lu.assertNotStrContains(t:read(auths), "aix.fs")
  lu.assertStrContains(text_of(said), "BackupOps id merged had no id")
end

function TestMergeRest:test_ids_are_the_sites_and_lists_are_merged()
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
  local text = text_of(said)
  lu.assertStrContains(text, "Fresh id merged id 30 is of Site: now 42")
  lu.assertStrContains(text, "Site rolelist C contains the role Gone")
  inputs[roles].c = t:read(roles)
  run("RoleMerge", inputs)
  lu.assertEquals(t:read(roles), inputs[roles].c)
end

function TestMergeRest:test_a_role_is_not_widened_when_the_old_level_is_unknown()
  run("RoleMerge", { [roles] = { c = "A:\n\tid = 1\n\tauthorizations = x\n\trolelist = A\n",
    n = "A:\n\tid = 1\n\tauthorizations = x,y\n" },
    [auths] = { c = "x:\n\tid = 1\n", n = "x:\n\tid = 1\n" } })
  lu.assertStrContains(t:read(roles), "authorizations = x\n")
end

local sysck = "/etc/security/sysck.cfg"

function TestMergeRest:test_trusted_files()
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
  lu.assertStrContains(text_of(said), "/opt/gone - none the file does not exist")
end

local ldap = "/etc/security/ldap/ldap.cfg"
local template = "# LDAP client\n#ldapservers:myldapserver.ibm.com\n#binddn:cn=admin\n#bindpwd:secret\n#userbasedn:ou=people\n"
  .. "#userattrmappath:/x\nldapport:389\n"

function TestMergeRest:test_ldap_client_not_configured()
  local status = run("ldapcfg_mig", { [ldap] = { c = "#old comments\nldapport:389\n", n = template } })
  lu.assertEquals(status, "new")
  lu.assertEquals(t:read(ldap), template)
end

function TestMergeRest:test_ldap_settings_come_under_the_new_comments()
  local inputs = { [ldap] = { mode = 384, n = template, c = "ldapservers:ldap1.example.com,ldap2.example.com\n"
    .. "binddn:cn=proxy,dc=example\nbindpwd:a:b c \n"
    .. "userbasedn:ou=a\nuserbasedn:ou=b\nldapport:636\nsitekey:1\nuserattrmappath:/etc/none.map\n" } }
  local status, said = run("ldapcfg_mig", inputs)
  lu.assertEquals(status, "merged")
  lu.assertEquals(t:read(ldap), "# LDAP client\n#ldapservers:myldapserver.ibm.com\nldapservers:ldap1.example.com,ldap2.example.com\n"
    .. "#binddn:cn=admin\nbinddn:cn=proxy,dc=example\n#bindpwd:secret\nbindpwd:a:b c \n#userbasedn:ou=people\nuserbasedn:ou=a\n"
    .. "userbasedn:ou=b\n#userattrmappath:/x\nuserattrmappath:/etc/none.map\nldapport:636\n# Kept from the previous level:\nsitekey:1\n")
  lu.assertEquals(t:stat(ldap).mode, 384)
  local text = text_of(said)
  lu.assertNotStrContains(text, "a:b c")
  lu.assertStrContains(text, "<secret>")
  lu.assertStrContains(text, "/etc/none.map does not exist")
  local once = t:read(ldap)
  run("ldapcfg_mig", inputs)
  lu.assertEquals(t:read(ldap), once)
end

function TestMergeRest:test_ldap_with_the_old_level_known()
  run("ldapcfg_mig", { [ldap] = { o = "ldapservers:x\nldapport:389\nold:1\nremoved:1\n",
    c = "ldapservers:mine\nldapport:389\nold:1\n", n = "ldapservers:x\nldapport:636\nremoved:1\nfresh:1\n" } })
  lu.assertEquals(t:read(ldap), "ldapservers:mine\nldapport:636\n#removed:1\nfresh:1\n")
  local status, said = run("ldapcfg_mig", { [ldap] = { c = "ldapservers:mine\nrubbish\n", n = template } })
  lu.assertEquals(status, "unparsable")
  lu.assertStrContains(said.warnings[1], "ldap.cfg: line 2")
end

function TestMergeRest:test_ldap_keeps_the_sites_comments_and_no_others()
  local c = "# old head\n\n# our directory\n# see the runbook\nldapservers:mine\n#ldapport:7\nsitekey:1\n"
    .. "# LDAP client\nbinddn:cn=a\n# end\n"
  local inputs = { [ldap] = { o = "# old head\nldapport:389\n", c = c, n = template } }
  run("ldapcfg_mig", inputs)
  local once = t:read(ldap)
  lu.assertEquals(once, "# LDAP client\n#ldapservers:myldapserver.ibm.com\n# our directory\n# see the runbook\nldapservers:mine\n"
    .. "#binddn:cn=admin\nbinddn:cn=a\n#bindpwd:secret\n#userbasedn:ou=people\n#userattrmappath:/x\n#ldapport:389\n"
    .. "# Kept from the previous level:\nsitekey:1\n")
  -- A result that is merged again stays as it is.
  run("ldapcfg_mig", { [ldap] = { o = inputs[ldap].o, c = once, n = template } })
  lu.assertEquals(t:read(ldap), once)
end

local map = "/etc/security/ldap/2307user.map"

function TestMergeRest:test_attribute_maps_of_four_columns()
  local status, said = run("ldapmap_mig", { [map] = {
    c = "# ours\nkeyobjectclass SEC_CHAR posixaccount s\n"
      .. "username SEC_CHAR samaccountname s\nmaxage SEC_INT shadowmax s days\nsite SEC_CHAR x s\n",
    n = "# theirs\nkeyobjectclass SEC_CHAR posixaccount s na yes\nusername SEC_CHAR uid s na yes\nmaxage SEC_INT shadowmax s seconds yes\n"
      .. "id SEC_INT uidnumber s na yes\n" } })
  lu.assertEquals(status, "merged")
  local text = t:read(map):gsub("[ \t]+", " ")
  lu.assertStrContains(text, "keyobjectclass SEC_CHAR posixaccount s na yes")
  lu.assertStrContains(text, "username SEC_CHAR samaccountname s na yes")
  lu.assertStrContains(text, "maxage SEC_INT shadowmax s days yes")
  lu.assertStrContains(text, "id SEC_INT uidnumber")
  lu.assertStrContains(text, "site SEC_CHAR x s")
  lu.assertStrContains(text_of(said), "maxage unit C the unit stays days")
end

function TestMergeRest:test_an_attribute_mapped_twice_keeps_both()
  run("ldapmap_mig", { [map] = { c = "a SEC_CHAR x s\na SEC_CHAR y s\n", n = "a SEC_CHAR x s na yes\nb SEC_CHAR z s na yes\n" } })
  local text = t:read(map):gsub("[ \t]+", " ")
  lu.assertStrContains(text, "a SEC_CHAR x s na yes\n")
  lu.assertStrContains(text, "a SEC_CHAR y s\n")
  lu.assertStrContains(text, "b SEC_CHAR z")
end

function TestMergeRest:test_one_broken_map_does_not_cost_the_others()
  local other = "/etc/security/ldap/aixuser.map"
  local status, said = run("ldapmap_mig", { [map] = { c = "a\n", n = "a SEC_CHAR x s\n" },
    [other] = { c = "a SEC_CHAR mine s\n", n = "a SEC_CHAR x s\nb SEC_CHAR y s\n" } })
  lu.assertEquals(status, "unparsable")
  lu.assertStrContains(said.warnings[1], "2307user.map: line 1")
  lu.assertEquals(t:read(map), "a SEC_CHAR x s\n")
  lu.assertStrContains(t:read(other), "mine")
end

local log = "/var/adm/ras/errlog"

function TestMergeRest:test_the_error_log_is_kept_aside()
  local inputs = { [log] = { c = "history of the old level", mode = 420 } }
  assert(t:makedirs "/var/adm/ras")
  assert(t:write(log, "history of the old level"))
  local status = run("convert_errlog", inputs)
  lu.assertEquals(status, "merged")
  lu.assertEquals(t:read(log .. ".old"), "history of the old level")
  lu.assertFalse(t:exists(log))
  lu.assertEquals(run("convert_errlog", inputs), "merged")
  lu.assertEquals(run("convert_errlog", { [log] = { c = "" } }), "new")
  lu.assertEquals(run("convert_errlog", { [log] = { c = "0123456789abcdefHISTORY", n = "0123456789abcdef" } }), "kept")
  lu.assertEquals(t:read(log), "0123456789abcdefHISTORY")
end
