-- SPDX-License-Identifier: MIT
-- The lines of an installp_bundle, and which files of an lpp_source they mean.

local lu = require "luaunit"
local bundle = require "altmig.aix.bundle"

local function wrong(text)
  local ok, e = pcall(bundle.parse, text, "site")
  lu.assertFalse(ok, text)
  lu.assertEquals(e.code, "BUNDLE")
  return e.message
end

TestBundle = {}

function TestBundle:test_lines_of_all_kinds_with_their_numbers()
  local text = "# of the site\r\nI:bos.net.ncs 7.1.0.0 # why\n\n  R:acme-lib*\nE:IV1.180306.epkg.Z\nbos.perf\t7.2.0.1\nX11.*"
  lu.assertEquals(bundle.parse(text), {
    { kind = "installp", name = "bos.net.ncs", level = "7.1.0.0", line = 2 }, { kind = "rpm", name = "acme-lib*", line = 4 },
    { kind = "ifix", name = "IV1.180306.epkg.Z", line = 5 }, { kind = "installp", name = "bos.perf", level = "7.2.0.1", line = 6 },
    { kind = "installp", name = "X11.*", line = 7 } })
  lu.assertEquals(bundle.parse "", {})
  lu.assertEquals(bundle.parse "\n# nothing\n", {})
end

function TestBundle:test_every_wrong_line_is_named_with_its_number()
  local message = wrong "I:good\nQ:what\nI:\nI:a 1.2.3\nR:lib 1.0.0.0\nI:a 1.0.0.0 x\n"
  for _, words in ipairs { "installp_bundle site: line 2 (Q:what): a line begins with I:, R: or E:", "line 3 (I:): there is no name",
    "line 4 (I:a 1.2.3): a level is four numbers", "line 5 (R:lib 1.0.0.0): only a fileset has a level",
    "line 6 (I:a 1.0.0.0 x): a line is a name and perhaps a level" } do lu.assertStrContains(message, words) end
  lu.assertNotStrContains(message, "line 1 ")
  lu.assertStrContains(wrong(("J:x\n"):rep(20)), "and 15 wrong lines more")
end

function TestBundle:test_what_is_no_name_to_installp_or_emgr_is_none_here()
  for _, line in ipairs { "I:-d", "-d /x", "I:a;reboot", "I:a/b", "E:../x.epkg.Z", "E:IV*", "R:$(id)", "I:a\0b", "I:" .. ("a"):rep(256),
    "I:a 99999999999.0.0.0", "i:bos.rte" } do
    lu.assertStrContains(wrong(line .. "\n"), "line 1 (")
  end
end

function TestBundle:test_the_file_that_a_line_means()
  local rpms = { "bash-4.4-1.aix6.1.ppc.rpm", "bash-5.0-2.aix6.1.ppc.rpm", "bash-doc-5.0-2.aix6.1.ppc.rpm", "notes" }
  local fixes = { "IV1.180306.epkg.Z", "IV1b.190101.epkg.Z", "IV2.epkg.Z", "IV3.txt" }
  local function found(text) return bundle.find(bundle.parse(text)[1], text:sub(1, 1) == "R" and rpms or fixes) end
  lu.assertEquals(found "R:bash", rpms[2])
  lu.assertEquals(found "R:bash-4.4", rpms[1])
  lu.assertEquals(found "R:bash-4.4-1", rpms[1])
  lu.assertEquals(found("R:" .. rpms[1]), rpms[1])
  lu.assertEquals(found "R:bash-d*", rpms[3])
  lu.assertNil(found "R:ash")
  lu.assertEquals(found "E:IV1", fixes[1])
  lu.assertEquals(found("E:" .. fixes[2]), fixes[2])
  lu.assertEquals(found "E:IV2", fixes[3])
  lu.assertNil(found "E:IV3.txt")
  lu.assertNil(found "E:IV")
end
