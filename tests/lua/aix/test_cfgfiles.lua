-- SPDX-License-Identifier: MIT
-- Lists of filesets, hostile ones too, and their place below the built-in table.

local lu = require "luaunit"
local cfgfiles = require "altmig.aix.cfgfiles"
local policy = require "altmig.merge.policy"
local sys = require "altmig.sys"
local tree = require "altmig.tree"

TestCfgfiles = {}

local function parse(text) return cfgfiles.parse(text, "a.rte", "image a") end

local function by_path(rows)
  local map = {}
  for _, row in ipairs(rows) do map[row.path] = row.policy end
  return map
end

function TestCfgfiles:test_every_keyword_has_its_handling()
  local rows, findings = parse("./etc/p preserve\n./etc/v\tv4preserve\n./etc/h hold_new\n  ./etc/a  auto_merge  \n"
    .. "./etc/u user_merge\r\n./etc/o other\n./etc/n new\n\n# a remark\n./usr/lib/x hold_new")
  lu.assertEquals(by_path(rows), { ["/etc/p"] = "preserve", ["/etc/v"] = "preserve", ["/etc/h"] = "hold_new", ["/etc/a"] = "merge",
    ["/etc/u"] = "user_merge", ["/etc/o"] = "user_merge", ["/etc/n"] = "new", ["/usr/lib/x"] = "hold_new" })
  lu.assertEquals(findings, {})
  lu.assertEquals({ rows[1].fileset, rows[1].code, rows[1].literal }, { "a.rte", "preserve", true })
end

function TestCfgfiles:test_what_nobody_knows_is_kept_for_the_administrator()
  local rows, findings = parse("./etc/a sometimes\n./etc/b\n./etc/c hold_new twice\n")
  lu.assertEquals(by_path(rows), { ["/etc/a"] = "user_merge", ["/etc/b"] = "user_merge", ["/etc/c"] = "user_merge" })
  lu.assertEquals(#findings, 3)
  lu.assertEquals({ findings[1].severity, findings[1].file }, { "error", "/etc/a" })
  lu.assertEquals(findings[1].rule, "image a line 1: unknown keyword 'sometimes': counts as user_merge")
  lu.assertStrContains(findings[2].rule, "line 2: no keyword: counts as user_merge")
  lu.assertStrContains(findings[3].rule, "unknown keyword 'hold_new twice'")
end

function TestCfgfiles:test_a_path_that_leads_out_is_refused_and_the_rest_is_read()
  local rows, findings = parse("./etc/../../x preserve\n../x preserve\n./.. preserve\n/.. hold_new\n./ preserve\n. preserve\n"
    .. "./etc/ preserve\n./etc/\27[2J preserve\n./" .. ("y"):rep(2000) .. " preserve\n./etc/good preserve\n")
  lu.assertEquals(by_path(rows), { ["/etc/good"] = "preserve" })
  lu.assertEquals(#findings, 9)
  for i, finding in ipairs(findings) do
    lu.assertEquals({ i, finding.severity }, { i, "error" })
    lu.assertStrContains(finding.rule, ("image a line %d: path '"):format(i))
    lu.assertNil(finding.rule:find("\27", 1, true))
  end
  lu.assertStrContains(findings[1].rule, "leads upwards")
  lu.assertStrContains(findings[9].rule, "longer than 1023 bytes")
end

function TestCfgfiles:test_odd_paths_are_understood_and_told()
  local rows, findings = parse("/etc/a preserve\netc/b preserve\n.//etc///c preserve\n./etc/./d preserve\n./..x/e preserve\n")
  lu.assertEquals(by_path(rows), { ["/etc/a"] = "preserve", ["/etc/b"] = "preserve", ["/etc/c"] = "preserve", ["/etc/d"] = "preserve",
    ["/..x/e"] = "preserve" })
  lu.assertEquals(#findings, 4)
  lu.assertEquals({ findings[1].severity, findings[1].rule },
    { "note", "image a line 1: path '/etc/a' is not written as ./path" })
end

function TestCfgfiles:test_a_list_without_end_is_cut_off_and_told()
  local text = ("./etc/x preserve\n"):rep(cfgfiles.max_lines + 5)
  local rows, findings = parse(text)
  lu.assertEquals(#rows, cfgfiles.max_lines)
  lu.assertEquals({ #findings, findings[1].severity }, { 1, "error" })
end

function TestCfgfiles:test_the_table_wins_and_what_contradicts_it_is_told()
  local rows = parse("./etc/hosts preserve\n./etc/rpc preserve\n./etc/services hold_new\n./etc/syslog.conf hold_new\n./etc/mine hold_new\n"
    .. "./etc/passwd auto_merge\n")
  local more = cfgfiles.parse("./etc/mine user_merge\n./etc/ssh/x hold_new\n", "b.rte", "image b")
  table.move(more, 1, #more, #rows + 1, rows)
  local extra, findings = cfgfiles.below_table(rows)
  lu.assertEquals(by_path(extra), { ["/etc/mine"] = "hold_new" })
  local told = {}
  for _, finding in ipairs(findings) do told[finding.file] = finding.severity .. " " .. finding.chosen end
  lu.assertEquals(told, { ["/etc/rpc"] = "conflict N", ["/etc/services"] = "conflict N", ["/etc/syslog.conf"] = "note C",
    ["/etc/mine"] = "conflict C", ["/etc/ssh/x"] = "note C" })
  lu.assertEquals(findings[1].rule, "fileset a.rte says preserve, altmig's table says user_merge, which counts")
  lu.assertStrContains(findings[4].rule, "fileset b.rte says user_merge, fileset a.rte says hold_new")
end

function TestCfgfiles:test_what_installp_will_do_is_no_conflict()
  local rows = parse("./etc/rpc preserve\n")
  local _, findings = cfgfiles.below_table(rows, { ["/etc/rpc"] = true })
  lu.assertEquals({ findings[1].severity, findings[1].chosen }, { "note", "C" })
  lu.assertStrContains(findings[1].rule, "until installp does as the fileset says")
end

function TestCfgfiles:test_a_star_in_a_list_is_a_name()
  local dir = os.tmpname()
  os.remove(dir)
  assert(sys.mkdir(dir, 448))
  local t = assert(tree.at(dir))
  assert(t:makedirs "/etc/a")
  assert(t:write("/etc/a/*", "star"))
  assert(t:write("/etc/a/b", "other"))
  assert(t:mkdir "/etc/dir")
  local extra = cfgfiles.below_table((parse("./etc/a/* preserve\n./etc/dir preserve\n./etc/none preserve\n")))
  local rows = assert(policy.expand(t, extra))
  lu.assertEquals(rows["/etc/a/*"].policy, "preserve")
  lu.assertNil(rows["/etc/a/b"])
  lu.assertNil(rows["/etc/dir"])
  lu.assertNil(rows["/etc/none"])
  t:close()
  os.execute("rm -rf '" .. dir .. "'")
end

function TestCfgfiles:test_lists_that_the_old_level_left()
  local dir = os.tmpname()
  os.remove(dir)
  assert(sys.mkdir(dir, 448))
  local t = assert(tree.at(dir))
  lu.assertEquals({ cfgfiles.on_client(t, {}) }, { {}, {} })
  for path, text in pairs { ["/usr/lpp/p/a.rte.cfgfiles"] = "./etc/a preserve\n", ["/usr/lpp/p/inst_root/b.rte.cfgfiles"] = "./etc/b odd\n",
    ["/usr/lpp/q/deinstl/c.rte.cfgfiles"] = "./etc/c new\n", ["/usr/lpp/q/known.cfgfiles"] = "./etc/d preserve\n",
    ["/usr/lpp/q/README"] = "./etc/e preserve\n", ["/usr/lpp/file"] = "" } do
    assert(t:makedirs(path:match("^(.*)/")))
    assert(t:write(path, text))
  end
  assert(t:mkdir "/usr/lpp/q/dir.cfgfiles")
  local rows, findings = cfgfiles.on_client(t, { known = true })
  lu.assertEquals(by_path(rows), { ["/etc/a"] = "preserve", ["/etc/b"] = "user_merge", ["/etc/c"] = "new" })
  lu.assertEquals(#findings, 2)
  lu.assertStrContains(findings[1].rule, "/usr/lpp/p/inst_root/b.rte.cfgfiles line 1")
  lu.assertEquals(findings[2].file, "/usr/lpp/q/dir.cfgfiles")
  t:close()
  os.execute("rm -rf '" .. dir .. "'")
end
