-- SPDX-License-Identifier: MIT
local diff = require "altmig.preview.diff"
local lu = require "luaunit"

TestDiff = {}

local function shown(result, all)
  return table.concat(diff.lines(result, { from = "/f (yours)", to = "/f (then)", all = all }), "\n")
end

function TestDiff:test_equal_texts_have_no_difference()
  lu.assertNil(diff.compare("a\n", "a\n"))
end

function TestDiff:test_hunks_and_counts()
  local result = diff.compare("a\nb\nc\n", "a\nB\nc\nd\n")
  lu.assertEquals({ result.added, result.removed, #result.hunks }, { 2, 1, 1 })
  lu.assertEquals(shown(result), "--- /f (yours)\n+++ /f (then)\n@@ -1,3 +1,4 @@\n a\n-b\n+B\n c\n+d")
end

function TestDiff:test_empty_sides_and_a_missing_newline()
  lu.assertEquals(diff.compare("", "a\nb\n").added, 2)
  lu.assertEquals(diff.compare("a\nb\n", "").removed, 2)
  lu.assertStrContains(shown(diff.compare("a", "a\n")), "No newline")
end

function TestDiff:test_binary_files_are_not_printed()
  local result = diff.compare("a\0b", "a\0c!")
  lu.assertEquals(result.binary, "binary: 3 bytes before, 4 after")
  lu.assertEquals(#result.hunks, 0)
end

function TestDiff:test_reasons_go_to_the_hunk_they_are_about()
  local filler = ("# line\n"):rep(10)
  local old = "default:\n\tregistry = files\n\numask:\n\tx = 1\n" .. filler .. "user3:\n\tlogin = true\n\tsu = true\n"
  local new = "default:\n\tregistry = LDAP\n\numask:\n\tx = 1\n" .. filler .. "user3:\n\tlogin = false\n\tsu = true\n"
  local result = diff.compare(old, new)
  diff.explain(result, old, new, {
    { rule = "one", key = "default", attribute = "registry", method = "user_mrg" }, { rule = "two", key = "user3", attribute = "login" },
    { rule = "elsewhere", key = "user3", attribute = "su" }, { rule = "nobody", key = "user" } }, "else")
  lu.assertEquals(result.hunks[1].reasons, { "default registry: one [user_mrg]" })
  lu.assertEquals(result.hunks[2].reasons, { "user3 login: two" })
end

function TestDiff:test_records_of_one_line_and_objects_of_a_class()
  local old, new = "root:!:0:0\nguest:!:5:5\n", "root:!:0:0\nssh:*:6:6\n"
  local result = diff.compare(old, new)
  diff.explain(result, old, new, { { rule = "added", key = "ssh" }, { rule = "kept", key = "guest" },
    { rule = "no", key = "root2" } }, "else")
  lu.assertEquals(result.hunks[1].reasons, { "ssh: added", "guest: kept" })
  old = '\nPdAt:\n\tuniquetype = "a/b/c"\n\tattribute = "x"\n\tdeflt = "1"\n'
  new = old:gsub('"1"', '"2"') .. '\nPdAt:\n\tuniquetype = "a/b/d"\n\tattribute = "y"\n\tdeflt = "1"\n'
  result = diff.compare(old, new)
  diff.explain(result, old, new, { { rule = "changed", key = "a/b/c x", attribute = "deflt" }, { rule = "new object", key = "a/b/d y" },
    { rule = "other", key = "q/q/q x" } }, "else")
  lu.assertEquals(result.hunks[1].reasons, { "a/b/c x deflt: changed", "a/b/d y: new object" })
end

function TestDiff:test_a_hunk_that_no_decision_is_about_says_the_policy()
  local result = diff.compare("a\n", "b\n")
  diff.explain(result, "a\n", "b\n", {}, "the new file is active")
  lu.assertEquals(result.hunks[1].reasons, { "the new file is active" })
end

function TestDiff:test_secrets_are_masked_and_their_change_still_shows()
  local mask = diff.masker("/etc/security/passwd")
  local old = mask "root:\n\tpassword = S3KRETaaa\n\tlastupdate = 1\nx:\n\tpassword = *\n\tauth = {ssha256}06$S3KRET$bb\n"
  local new = mask "root:\n\tpassword = S3KRETbbb\n\tlastupdate = 1\nx:\n\tpassword = *\n\tauth = {ssha256}06$S3KRET$bb\n"
  local text = shown(diff.compare(old, new))
  lu.assertNotStrContains(text, "S3KRET")
  lu.assertStrContains(text, "-\tpassword = <secret 1>")
  lu.assertStrContains(text, "+\tpassword = <secret 3>")
  lu.assertStrContains(text, "password = *")
  mask = diff.masker("/etc/passwd")
  lu.assertEquals(mask "root:S3KRETaaaaaaa:0:0:::\nguest:!:1:1:::\n", "root:<secret 1>:0:0:::\nguest:!:1:1:::\n")
  mask = diff.masker("/etc/security/ldap/ldap.cfg")
  lu.assertNotStrContains(mask "bindpwd:S3KRET\nldapsslkeypwd: S3KRET\n", "S3KRET")
  mask = diff.masker("/etc/environment")
  lu.assertEquals(mask "LANG=C\nDB_PASSWORD=S3KRET\n", "LANG=C\nDB_PASSWORD=<secret 1>\n")
  mask = diff.masker("/etc/snmpdv3.conf")
  lu.assertEquals(mask "# community\nlogging size=0\ncommunity\tS3KRET 0.0.0.0\nUSM_USER u e HMAC-MD5 S3KRET\n",
    "# community\nlogging size=0\ncommunity <secret 1>\nUSM_USER <secret 2>\n")
  lu.assertNotStrContains(diff.masker("/etc/uucp/Systems") "hal Any ACU 2400 5551234 in:--in: nuucp word: S3KRET\n", "S3KRET")
  lu.assertNotStrContains(diff.masker("/etc/ssh/key")("-----BEGIN PRIVATE KEY-----\nS3KRET\n"), "S3KRET")
end

function TestDiff:test_no_control_character_reaches_the_terminal_and_long_files_are_cut()
  local result = diff.compare("a\n", "\27[2J\7\n" .. ("line\n"):rep(1000))
  result.hunks[1].reasons = { "why\27[2J" }
  local text = shown(result)
  lu.assertNil(text:find("\27", 1, true))
  lu.assertStrContains(text, "more lines of this hunk, 1002 changed lines in all")
  lu.assertEquals(select(2, shown(result, true):gsub("\n%+line", "")), 1000)
end

function TestDiff:test_texts_of_a_hundred_thousand_lines()
  local a, b = {}, {}
  for i = 1, 100000 do
    a[i] = "line " .. i
    b[i] = i % 1000 == 0 and "other " .. i or a[i]
  end
  local result = diff.compare(table.concat(a, "\n"), table.concat(b, "\n"))
  lu.assertEquals({ result.added, result.removed }, { 100, 100 })
end
