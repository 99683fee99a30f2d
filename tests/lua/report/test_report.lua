-- SPDX-License-Identifier: MIT
local json = require "altmig.json"
local err = require "altmig.err"
local lu = require "luaunit"
local report = require "altmig.report"
local sys = require "altmig.sys"

TestReport = {}

function TestReport:setUp()
  self.dir = os.tmpname()
  os.remove(self.dir)
  assert(sys.makedirs(self.dir, 448))
  self.path = self.dir .. "/report.json"
end

function TestReport:tearDown() os.execute("rm -rf '" .. self.dir .. "'") end

function TestReport:test_the_group_follows_from_severity_and_choice()
  local cases = { { "kept", "note", "C" }, { "kept", "note", "merged" }, { "new", "note", "N" }, { "new", "note", "none" },
    { "conflict", "conflict", "C" }, { "conflict", "conflict", "N" }, { "todo", "warning", "N" }, { "todo", "todo" },
    { "todo", "error", "N" } }
  for _, case in ipairs(cases) do
    lu.assertEquals(report.group_of { rule = "r", severity = case[2], chosen = case[3] }, case[1])
  end
  lu.assertEquals(report.group_of { rule = "removed by the site: stays removed", severity = "note", chosen = "none" }, "kept")
  lu.assertEquals(report.group_of { rule = "r", severity = "error", group = "new" }, "new")
end

function TestReport:test_a_step_that_begins_again_replaces_its_own_entries_only()
  local r = report.new(self.path, { run = "1" })
  r:begin("5/merge/a/1")
  r:add({ rule = "one" }, "5/merge/a/1", 5)
  r:add({ rule = "two" }, "5/merge/b/1", 5)
  r:save()
  local again = report.load(self.path)
  again:begin("5/merge/a/1")
  again:add({ rule = "three" }, "5/merge/a/1", 5)
  again:save()
  local rules = {}
  for _, entry in ipairs(report.load(self.path).entries) do rules[#rules + 1] = entry.rule end
  lu.assertEquals(rules, { "two", "three" })
end

function TestReport:test_the_file_is_private_and_strange_bytes_do_not_stop_it()
  local r = report.new(self.path, { client = "c" })
  r:add { rule = "\xff\0\27[2J", file = "/etc/\xe4", c = "\0" }
  r:save()
  lu.assertEquals(sys.stat(self.path).mode & 511, 384)
  lu.assertEquals(#json.decode(sys.read_file(self.path)).entries, 1)
end

function TestReport:test_secrets_are_masked_whatever_a_step_passes()
  local function stored(entry)
    local r = report.new()
    entry.rule = entry.rule or "r"
    r:add(entry)
    return json.encode(r:document(), { lossy = true })
  end
  local hash = "{ssha256}06$aWwqzG3jO0uZ$4nlyGzb"
  local leaks = {
    { file = "/etc/security/passwd", key = "root", attribute = "password", o = "S3KRET", c = "S3KRET", n = "S3KRET" },
    { file = "/etc/security/ldap/ldap.cfg", key = "bindpwd", c = "S3KRET" },
    { file = "/etc/security/ldap/ldap.cfg", attribute = "ldapsslkeypwd", c = "S3KRET" },
    { file = "/etc/security/user", attribute = " Spassword", c = "S3KRET" },
    { file = "/etc/security/environ", attribute = "usrenv", c = "DB_PASSWORD=S3KRET,LANG=C" },
    { file = "/etc/security/pwdhist.pag", key = "root", c = "S3KRET" },
    { file = "/x", attribute = "auth", c = hash:gsub("aWwqzG3jO0uZ", "S3KRET") },
    { file = "/x", attribute = "auth", c = "$6$S3KRET$abc" },
    { file = "/etc/environment", key = "DB_PASSWORD=S3KRET", c = "x" },
    { rule = "line 3 of ldap.cfg: bindpwd=S3KRET is doubtful" },
  }
  for i, entry in ipairs(leaks) do lu.assertNotStrContains(stored(entry), "S3KRET", false, tostring(i)) end
  lu.assertStrContains(stored { attribute = "pwd_algorithm", c = "ssha256" }, "ssha256")
  lu.assertStrContains(stored { attribute = "pwdwarntime", c = "14" }, "14")
  lu.assertStrContains(stored { attribute = "usrenv", c = "DB_PASSWORD=S3KRET,LANG=C" }, "LANG=C")
end

function TestReport:test_misuse_raises_and_endless_values_are_cut()
  local r = report.new()
  lu.assertErrorMsgContains("a table with a rule", r.add, r, { file = "/x" })
  lu.assertErrorMsgContains("severity 'bad'", r.add, r, { rule = "r", severity = "bad" })
  lu.assertErrorMsgContains("group 'bad'", r.add, r, { rule = "r", group = "bad" })
  r:add { rule = "r", c = ("x"):rep(1 << 20) }
  lu.assertEquals(#r.entries[1].c, report.longest + 3)
end

function TestReport:test_a_damaged_file_says_so()
  assert(sys.write_file(self.path, "{}"))
  local r, _, code = err.returned(report.load, self.path)
  lu.assertNil(r)
  lu.assertEquals(code, "REPORT_DAMAGED")
end
