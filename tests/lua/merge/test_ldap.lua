-- SPDX-License-Identifier: MIT
-- Golden cases of ldapcfg_mig and ldapmap_mig.

local lu = require "luaunit"
local merge_case = require "merge_case"

local dir, t
local function run(...) return merge_case.run(t, ...) end

TestLdap = {}

function TestLdap:setUp()
  t, dir = merge_case.open()
end

function TestLdap:tearDown()
  merge_case.close(t, dir)
end

local ldap = "/etc/security/ldap/ldap.cfg"
local template = "# LDAP client\n#ldapservers:myldapserver.ibm.com\n#binddn:cn=admin\n#bindpwd:secret\n#userbasedn:ou=people\n"
  .. "#userattrmappath:/x\nldapport:389\n"

function TestLdap:test_ldap_client_not_configured()
  local status = run("ldapcfg_mig", { [ldap] = { c = "#old comments\nldapport:389\n", n = template } })
  lu.assertEquals(status, "new")
  lu.assertEquals(t:read(ldap), template)
end

function TestLdap:test_ldap_settings_come_under_the_new_comments()
  local inputs = { [ldap] = { mode = 384, n = template, c = "ldapservers:ldap1.example.com,ldap2.example.com\n"
    .. "binddn:cn=proxy,dc=example\nbindpwd:a:b c \n"
    .. "userbasedn:ou=a\nuserbasedn:ou=b\nldapport:636\nsitekey:1\nuserattrmappath:/etc/none.map\n" } }
  local status, said = run("ldapcfg_mig", inputs)
  lu.assertEquals(status, "merged")
  lu.assertEquals(t:read(ldap), "# LDAP client\n#ldapservers:myldapserver.ibm.com\nldapservers:ldap1.example.com,ldap2.example.com\n"
    .. "#binddn:cn=admin\nbinddn:cn=proxy,dc=example\n#bindpwd:secret\nbindpwd:a:b c \n#userbasedn:ou=people\nuserbasedn:ou=a\n"
    .. "userbasedn:ou=b\n#userattrmappath:/x\nuserattrmappath:/etc/none.map\nldapport:636\n# Kept from the previous level:\nsitekey:1\n")
  lu.assertEquals(t:stat(ldap).mode, 384)
  local text = merge_case.text_of(said)
  lu.assertNotStrContains(text, "a:b c")
  lu.assertStrContains(text, "<secret>")
  lu.assertStrContains(text, "/etc/none.map does not exist")
  local once = t:read(ldap)
  run("ldapcfg_mig", inputs)
  lu.assertEquals(t:read(ldap), once)
end

function TestLdap:test_ldap_with_the_old_level_known()
  run("ldapcfg_mig", { [ldap] = { o = "ldapservers:x\nldapport:389\nold:1\nremoved:1\n",
    c = "ldapservers:mine\nldapport:389\nold:1\n", n = "ldapservers:x\nldapport:636\nremoved:1\nfresh:1\n" } })
  lu.assertEquals(t:read(ldap), "ldapservers:mine\nldapport:636\n#removed:1\nfresh:1\n")
  local status, said = run("ldapcfg_mig", { [ldap] = { c = "ldapservers:mine\nrubbish\n", n = template } })
  lu.assertEquals(status, "unparsable")
  lu.assertStrContains(said.warnings[1], "ldap.cfg: line 2")
end

function TestLdap:test_ldap_keeps_the_sites_comments_and_no_others()
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

function TestLdap:test_attribute_maps_of_four_columns()
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
  lu.assertStrContains(merge_case.text_of(said), "maxage unit C the unit stays days")
end

function TestLdap:test_an_attribute_mapped_twice_keeps_both()
  run("ldapmap_mig", { [map] = { c = "a SEC_CHAR x s\na SEC_CHAR y s\n", n = "a SEC_CHAR x s na yes\nb SEC_CHAR z s na yes\n" } })
  local text = t:read(map):gsub("[ \t]+", " ")
  lu.assertStrContains(text, "a SEC_CHAR x s na yes\n")
  lu.assertStrContains(text, "a SEC_CHAR y s\n")
  lu.assertStrContains(text, "b SEC_CHAR z")
end

function TestLdap:test_one_broken_map_does_not_cost_the_others()
  local other = "/etc/security/ldap/aixuser.map"
  local status, said = run("ldapmap_mig", { [map] = { c = "a\n", n = "a SEC_CHAR x s\n" },
    [other] = { c = "a SEC_CHAR mine s\n", n = "a SEC_CHAR x s\nb SEC_CHAR y s\n" } })
  lu.assertEquals(status, "unparsable")
  lu.assertStrContains(said.warnings[1], "2307user.map: line 1")
  lu.assertEquals(t:read(map), "a SEC_CHAR x s\n")
  lu.assertStrContains(t:read(other), "mine")
end
