-- SPDX-License-Identifier: MIT
-- A small system and its software database; each test puts one thing wrong.

local lu = require "luaunit"
local odm = require "altmig.odm"
local case = require "swvpd_case"
local swvpd = require "altmig.swvpd"
local tree = require "altmig.tree"
local verify = require "altmig.aix.verify"

local dir, t

local function lpp(id, name, fix, more)
  local row = { name = name, lpp_id = id, state = 5, cp_flag = 0, description = name, ver = 7, rel = 2, mod = 5, fix = fix }
  for field, value in pairs(more or {}) do row[field] = value end
  return { "lpp", row }
end

local function product(name, fix, prereq)
  return { "product", { lpp_name = name, name = name, ver = 7, rel = 2, mod = 5, fix = fix, prereq = prereq } }
end

local function file(id, path, data, more)
  local row = { lpp_id = id, loc0 = path, file_type = 0, size = data and #data or -1, checksum = data and swvpd.sum(data) or -1 }
  for field, value in pairs(more or {}) do row[field] = value end
  return { "inventory", row }
end

local function repository(part, rows) case.repository(dir, part, rows) end

local function change(part, class, criteria, values)
  local store <close> = assert(odm.open(dir, swvpd.directories[part]))
  assert(store:change(class, criteria, values))
  assert(store:commit())
end

TestVerify = {}

function TestVerify:setUp()
  dir = os.tmpname()
  os.remove(dir)
  repository("usr", {
    lpp(1, "bos.rte", 1, { cp_flag = swvpd.HAS_ROOT }), lpp(2, "acme.rte", 0),
    product("acme.rte", 0, "*prereq bos.rte 7.2.5.0\n*ifreq absent.rte 9.0.0.0\n*instreq also.absent 1.0.0.0\n"),
    file(1, "/usr/bin/ls", "old"), file(1, "/usr/bin/ls", "the new one"), file(1, "/usr/bin", nil, { file_type = 1 }),
    file(1, "/bin/ls", "the new one"), file(1, "/bin", nil, { file_type = 2, loc2 = "/usr/bin" }),
    file(2, "/usr/bin", nil, { file_type = 1 }), file(2, "/etc/acme.conf", nil), file(2, "/usr/bin/acme", ""),
  })
  repository("root", { lpp(1, "bos.rte", 1, { cp_flag = swvpd.HAS_ROOT }), file(1, "/etc/rc", "#!") })
  t = assert(tree.at(dir))
  assert(t:makedirs("/usr/bin"))
  assert(t:makedirs("/etc"))
  for path, data in pairs { ["/usr/bin/ls"] = "the new one", ["/etc/acme.conf"] = "whatever the site wrote", ["/usr/bin/acme"] = "",
    ["/etc/rc"] = "#!", ["/etc/of-nobody"] = "x" } do
    assert(t:write(path, data))
  end
  assert(t:symlink("/usr/bin", "/bin"))
  self.db = swvpd.open(dir)
end

function TestVerify:tearDown()
  t:close()
  os.execute("rm -rf '" .. dir .. "'")
end

local function filesets(planned)
  local problems, count = verify.filesets(swvpd.open(dir), planned)
  local words = {}
  for i, problem in ipairs(problems) do words[i] = verify.sentence(problem) end
  return words, count
end

local function files(exclude)
  local problems, count = verify.files(t, swvpd.open(dir), { exclude = exclude })
  local words = {}
  for i, problem in ipairs(problems) do words[i] = ("%s %s %s %s"):format(problem.what, problem.path, problem.want, problem.have) end
  return words, count
end

function TestVerify:test_a_sound_system_has_no_problem()
  lu.assertEquals({ filesets() }, { {}, 2 })
  local words, count = files()
  lu.assertEquals(words, {})
  lu.assertEquals(count, { files = 6, rows = 7 }, "/bin/ls is reached over a link, not walked")
end

function TestVerify:test_states_parts_requisites_and_levels()
  change("usr", "lpp", "name = acme.rte", { state = 9 })
  change("root", "lpp", "name = bos.rte", { fix = 0 })
  change("usr", "product", "lpp_name = acme.rte", { prereq = "*prereq bos.rte 7.2.5.2\n>0 {\n*prereq a.rte\n*prereq b.rte 1.0.0.0\n}\n" })
  lu.assertEquals(filesets { ["bos.rte"] = "7.2.5.1", ["acme.rte"] = "7.2.5.100", ["gone.rte"] = "1.0.0.0" }, {
    "acme.rte: is in state 9, not COMMITTED or APPLIED",
    "acme.rte: has bos.rte 7.2.5.1 and needs bos.rte 7.2.5.2",
    "acme.rte: has fewer and needs more than 0 of (a.rte, b.rte 1.0.0.0)",
    "bos.rte: its root part is 7.2.5.0, its usr part 7.2.5.1",
    "acme.rte: is 7.2.5.0 and was to be 7.2.5.100",
    "gone.rte: is not installed and was to be 1.0.0.0",
  })
end

function TestVerify:test_files_of_each_kind_of_damage()
  assert(t:write("/usr/bin/ls", "the new onf"))
  assert(t:write("/usr/bin/acme", "x"))
  assert(t:remove("/etc/rc"))
  assert(t:remove("/bin"))
  assert(t:symlink("/etc", "/bin"))
  lu.assertEquals(files(), {
    "target /bin /usr/bin /etc", "missing /bin/ls file nothing", "missing /etc/rc file nothing", "size /usr/bin/acme 0 1",
    ("sum /usr/bin/ls %d %d"):format(swvpd.sum "the new one", swvpd.sum "the new onf") })
  assert(t:remove("/bin"))
  assert(t:mkdir("/bin"))
  lu.assertEquals(files()[1], "type /bin link dir")
end

function TestVerify:test_either_row_of_a_path_is_right()
  assert(t:write("/usr/bin/ls", "old"))
  lu.assertEquals(files(), { ("size /bin/ls %d 3"):format(#"the new one") })
end

function TestVerify:test_what_is_left_out_of_the_walk_is_looked_at_all_the_same()
  assert(t:write("/usr/bin/ls", "the new onf"))
  local words, count = files { "/usr/*" }
  lu.assertEquals(#words, 2)
  lu.assertEquals(count.files, 3)
end

function TestVerify:test_a_tree_that_cannot_be_read_is_no_sound_system()
  local closed = assert(tree.at(dir))
  lu.assertErrorMsgContains("no", function() verify.files({ walk = function() return nil, "no answer", "EIO" end }, self.db) end)
  closed:close()
end
