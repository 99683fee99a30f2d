-- SPDX-License-Identifier: MIT
local lu = require "luaunit"
local sys = require "altmig.sys"
local world = require "fake_world"

TestExamples = {}

world.fixture(TestExamples)

local example = arg[0]:match("^(.*)/[^/]*$") .. "/../scripts/examples/site-steps.lua"

function TestExamples:test_site_steps_run_once_around_the_stock_phases()
  local w = self.w
  -- The source tree may belong to somebody else than root, who runs the tests.
  local own = w.dir .. "/site-steps.lua"
  assert(sys.write_file(own, assert(sys.read_file(example)), { mode = 384 }))
  w.answers = { ps = "root 1\n" }
  w.files["/etc/motd"] = "welcome\n"
  w.fail.bosboot = 1
  lu.assertFalse((pcall(w.migration.migrate, w.opts { script = own })))
  lu.assertEquals(w.files["/etc/motd"], "welcome\nMigrated to AIX 7.2 with altmig.\n")
  lu.assertEquals(world.count(w, "master: logger .*phase 8"), 1)
  w.fail = {}
  local noted = world.count(w, "client: ps")
  lu.assertEquals(w.migration.resume(w.opts { script = own }), 0)
  lu.assertEquals(w.files["/etc/motd"], "welcome\nMigrated to AIX 7.2 with altmig.\n")
  lu.assertEquals(world.count(w, "client: ps"), noted)
end

-- The merge methods that an example defines, on texts; the real modules, no world around them.

local directory = arg[0]:match("^(.*)/[^/]*$") .. "/../scripts/examples/"

TestMergeExample = {}

function TestMergeExample:setUp()
  package.loaded["altmig.merge"] = nil -- a fake world leaves its own there
  self.merge = require "altmig.merge"
  self.flow = assert(loadfile(directory .. "merge-sudoers.lua"))()
end

function TestMergeExample:tearDown() self.merge.reset() end

-- Merges o, c, n of one file; the text that is active then, the status, decisions and warnings.
function TestMergeExample:run(method, path, o, c, n)
  local active, said = n or c, { decisions = {}, warnings = {} }
  local function of(text)
    return function(at) return at == path and text or nil end
  end
  local stat = { mode = 288, uid = 0, gid = 0 }
  local result = assert(self.merge.run(method, {
    tree = { stat = function() return nil end, resolve = function(_, at) return at end, write = function(_, _, text)
      active = text
      return true
    end },
    saved = of(c), shipped_old = of(o), shipped_new = of(n), saved_stat = of(c and stat), new_stat = of(n and stat),
    report = function(d) table.insert(said.decisions, d) end, warn = function(line) table.insert(said.warnings, line) end,
  }))
  return active, result.status, said
end

function TestMergeExample:test_it_is_a_flow_with_two_methods()
  lu.assertIs(getmetatable(self.flow), require "altmig.flow")
  lu.assertEquals(self.merge.methods[#self.merge.methods].title, "sudoers_mig")
  lu.assertEquals(self.merge.methods[#self.merge.methods - 1].title, "operators_mig")
end

local old = [[
# Who may run what.
Defaults env_reset
Defaults timestamp_timeout=5
Host_Alias LOCAL = localhost
root ALL=(ALL) ALL
%admin ALL=(ALL) ALL
#includedir /etc/sudoers.d
]]

local new = [[
# Who may run what.
Defaults env_reset
# new in this level
Defaults use_pty
Defaults timestamp_timeout=15
Host_Alias LOCAL = localhost, loopback
root ALL=(ALL) ALL
%admin ALL=(root) ALL
%security LOCAL = (root) /usr/sbin/lsuser
#includedir /etc/sudoers.d
]]

local ours = [[
# Who may run what at our site.
Defaults env_reset
Defaults timestamp_timeout=0
Defaults:oracle !requiretty, env_keep += "ORACLE_HOME"
Host_Alias LOCAL = localhost
User_Alias OPS = jdoe, \
	asmith
root ALL=(ALL) ALL
# the operators
OPS LOCAL = (root) NOPASSWD: /usr/sbin/lsvg, \
	/usr/sbin/lspv -l ARGS
#1001 ALL = (ALL) ALL
@include /etc/sudoers.acme
#includedir /etc/sudoers.d
# end
]]

function TestMergeExample:test_sudoers_three_ways()
  local text, status, said = self:run("sudoers_mig", "/etc/sudoers", old, ours, new)
  lu.assertEquals(status, "merged")
  lu.assertEquals(text, [[
# Who may run what at our site.
Defaults env_reset
Defaults timestamp_timeout=0
Defaults:oracle !requiretty, env_keep += "ORACLE_HOME"
Host_Alias LOCAL = localhost, loopback
User_Alias OPS = jdoe, \
	asmith
# new in this level
Defaults use_pty
%security LOCAL = (root) /usr/sbin/lsuser
root ALL=(ALL) ALL
# the operators
OPS LOCAL = (root) NOPASSWD: /usr/sbin/lsvg, \
	/usr/sbin/lspv -l ARGS
#1001 ALL = (ALL) ALL
@include /etc/sudoers.acme
#includedir /etc/sudoers.d
# end
]])
  local by_key = {}
  for _, d in ipairs(said.decisions) do by_key[d.key] = d end
  lu.assertEquals(by_key["Defaults timestamp_timeout"].severity, "conflict")
  lu.assertEquals(by_key["rule %admin ALL"].chosen, "none") -- a rule the site took out does not come back
  lu.assertEquals(by_key["rule %admin ALL"].severity, "warning")
  lu.assertEquals(self:run("sudoers_mig", "/etc/sudoers", old, text, new), text)
end

function TestMergeExample:test_sudoers_whole_sides()
  lu.assertEquals((self:run("sudoers_mig", "/etc/sudoers", old, old, new)), new)
  lu.assertEquals((self:run("sudoers_mig", "/etc/sudoers", nil, ours, nil)), ours)
  lu.assertEquals((self:run("sudoers_mig", "/etc/sudoers", old, ours, old)):match("OPS LOCAL"), "OPS LOCAL")
end

function TestMergeExample:test_sudoers_that_make_no_sense_never_become_active()
  local function refused(c, reason, n)
    local text, status, said = self:run("sudoers_mig", "/etc/sudoers", old, c, n or new)
    lu.assertEquals(status, "unparsable", c)
    lu.assertEquals(text, n or new)
    lu.assertStrContains(said.warnings[1], reason)
  end
  refused("root ALL\n", "line 1 is no alias, default, rule or include")
  refused("root ALL=(ALL) ALL\n\nOPS ALL = /bin/ls, \\\n", "line 3 goes on behind the end of the file")
  refused("Defaults badpass_message=\"no\nroot ALL=(ALL) ALL\n", "line 1: a quote or parenthesis does not close")
  refused("User_Alias ops = a\n", "line 1 is no alias")
  refused("Nonsense_Alias OPS = a\n", "line 1 is no alias")
  -- Each side by itself makes sense, both together do not.
  local bare = new:gsub("#includedir[^\n]*\n", "")
  refused("WEB ALL = ALL\nUser_Alias WEB = a : FARM = b\n", "the alias FARM is defined twice", bare .. "User_Alias FARM = x\n")
  refused("root ALL=(ALL) ALL\nHost_Alias LOCAL = a\nroot ALL = (DBA) /bin/ls\n", "there is no alias DBA", bare)
  -- The new level's file is the broken one: the site's stays.
  local text, status, said = self:run("sudoers_mig", "/etc/sudoers", old, ours, "what is this\n")
  lu.assertEquals({ text, status }, { ours, "kept" })
  lu.assertEquals(said.decisions[1].severity, "error")
end

function TestMergeExample:test_operators_by_their_columns()
  local path = "/etc/acme/operators"
  lu.assertEquals((self:run("operators_mig", path, "ann:op:1:h1\nbob:op:2:h2\n", "# ours\nann:chief:3:h1,h9\nzoe:op:1:\n",
    "ann:lead:1:h1,h2\nbob:op:2:h2\neve:op:1:h3\n")), "# ours\nann:lead:3:h1,h9,h2\nzoe:op:1:\neve:op:1:h3\n")
end
