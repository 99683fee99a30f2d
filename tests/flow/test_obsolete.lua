-- SPDX-License-Identifier: MIT
-- Phase 6 removes obsolete filesets, with the commands covered that reach past the copy.

local lu = require "luaunit"
local json = require "altmig.json"
local sys = require "altmig.sys"
local world = require "fake_world"

local fails = world.fails
local root, private = "/lpar_alt/alt_inst", "/lpar_alt/commands"

TestObsolete = {}

local function image(file, package, fileset, level, supersedes)
  return { file = file, kind = "installp", size = 1, time = "", package = package, type = "I", filesets = { { name = fileset, level = level,
    requisites = "", sizes = {}, supersedes = supersedes or {}, description = "", content = "U", bosboot = "N" } } }
end

-- The client has acme.old and acme.older, whose place acme.new takes.
world.fixture(TestObsolete, function(w)
  w.images = { image("bos", "bos", "bos.rte", "7.2.5.0"), image("new", "acme", "acme.new", "2.0.0.0",
    { { name = "acme.old", level = "1.0.0.0" }, { name = "acme.older", level = "1.0.0.0" } }) }
  w.has = { ["acme.old"] = true, ["acme.older"] = true }
  w.answers.lslpp = function(_, host, argv, opts)
    local text = w.handlers.lslpp(w, host, argv, opts)
    if argv[2] ~= "-lqc" then return text end
    if w.in_copy and host ~= "client" then text = text .. "/usr/lib/objrepos:acme.new:2.0.0.0::COMMITTED:I:x:\n" end
    text = text .. ("/usr/lib/objrepos:bos.rte:%s::COMMITTED:I:x:\n"):format(host == "client" and "7.1.5.0" or "7.2.5.0")
    for name in pairs(w.has) do text = text .. ("/usr/lib/objrepos:%s:1.0.0.0::COMMITTED:I:x:\n"):format(name) end
    return text
  end
  w.programs = { ["/usr/bin"] = { "ls", "kill", "stopsrc" }, ["/usr/sbin"] = { "cfgmgr", "rmitab", "lslv" } }
  -- What it prints, and what the covered commands write meanwhile, by fileset.
  w.said, w.acts = {}, {}
  local installp = w.handlers.installp
  w.answers.installp = function(_, host, argv)
    if argv[2] ~= "-ub" then return installp(w, host, argv) end
    local text = { "Deinstalling Software..." }
    for i = 5, #argv do
      text[#text + 1] = "installp: DEINSTALLING software for:\n        " .. argv[i] .. " 1.0.0.0\n"
      text[#text + 1] = w.said[argv[i]] or "\n"
      w.commands_log = (w.commands_log or "") .. (w.acts[argv[i]] or "")
      if w.removable and w.removable(argv[i], argv) == false then
        text[#text + 1] = "installp: it is needed"
      else
        w.has[argv[i]] = nil
      end
    end
    text[#text + 1] = "Finished processing all filesets.  (Total time:  1 secs)."
    return table.concat(text, "\n") .. "\n", w.removal_status or 0
  end
end)

local function entries(w)
  local list = {}
  for _, record in ipairs(json.decode(sys.read_file(w.dir .. "/state/lpar/report.json")).entries) do
    if record.method == "installp -u" then list[#list + 1] = ("%s %s: %s"):format(record.severity, record.key, record.rule) end
  end
  table.sort(list)
  return list
end

-- Where a line of the log is.
local function at(w, pattern)
  for i, line in ipairs(w.log) do
    if line:find(pattern) then return i end
  end
  error("no " .. pattern)
end

function TestObsolete:test_they_are_removed_before_the_installation_and_the_commands_are_covered_meanwhile()
  local w = self.w
  local covered
  w.on_command = function(_, argv)
    if argv[1] == "installp" and argv[2] == "-ub" then
      covered = covered or {}
      for path, row in pairs(w.mounts.master) do
        if row.source:sub(1, #private) == private then covered[path] = row.source end
      end
    end
  end
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertEquals(covered, { [root .. "/usr/bin/kill"] = private .. "/kill", [root .. "/usr/bin/stopsrc"] = private .. "/stopsrc",
    [root .. "/usr/sbin/cfgmgr"] = private .. "/cfgmgr", [root .. "/usr/sbin/rmitab"] = private .. "/rmitab" })
  lu.assertEquals(w.has, {})
  lu.assertEquals(w.mounts.master, {})
  lu.assertTrue(at(w, "^master: installp %-ub") < at(w, "^master: installp %-agXYb"))
  lu.assertTrue(at(w, "^master: rm %-rf " .. private .. "$") < at(w, "^master: installp %-ub"))
  local removed
  for i, line in ipairs(w.log) do
    if line == "master: rm -rf " .. private then removed = i end
  end
  lu.assertTrue(removed > at(w, "^master: installp %-ub"))
  lu.assertStrContains(w.log[at(w, "^master: env %-i")], "env -i PATH=/usr/bin:/etc:/usr/sbin:/sbin LANG=C LC_ALL=C HOME=/ LOGNAME=root "
    .. "ODMDIR=/etc/objrepos ENV=/tmp/.altmig/environment installp -ub -e /lpp/save.config/.altmig/installp.log acme.old")
  lu.assertEquals(entries(w), { "note acme.old: removed: acme.new 2.0.0.0 says that it takes its place (replaced by acme.new)",
    "note acme.older: removed: acme.new 2.0.0.0 says that it takes its place (replaced by acme.new)" })
  lu.assertEquals(w.violations, {})
end

function TestObsolete:test_what_scripts_say_and_what_was_refused_is_a_warning_with_the_name_of_the_fileset()
  local w = self.w
  w.said["acme.old"] = "Can not remove the glbd subsystem\n\nWARNING: rmitab failed! Unable to remove \"x\" entry from /etc/inittab.\n"
  w.said["acme.older"] = ("again\n"):rep(25)
  w.acts["acme.old"] = "refused kill -9 77\nabsent rmitab mkatmpvc\nchanged rmssys -s llbd\nrefused kill -9 77\n"
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  local list = entries(w)
  local text = table.concat(list, "\n")
  for _, line in ipairs { "warning acme.old: its scripts say: Can not remove the glbd subsystem",
    'warning acme.old: its scripts say: WARNING: rmitab failed! Unable to remove "x" entry from /etc/inittab.',
    "warning acme.old: its scripts ran: kill -9 77 was refused: it would have reached past the copy",
    "note acme.old: its scripts ran: rmitab mkatmpvc: there is no such entry in the copy, which counts as done",
    "warning acme.older: its scripts say 5 lines more; all are in /lpp/save.config/.altmig/installp.log" } do
    lu.assertStrContains(text, line)
  end
  lu.assertNotStrContains(text, "llbd")
  lu.assertNotStrContains(text, "DEINSTALLING")
  lu.assertEquals(select(2, text:gsub("kill %-9 77", "")), 1)
  lu.assertStrContains(world.log_text(w), "altmig: acme.old: its scripts ran: rmssys -s llbd was done in the copy")
end

function TestObsolete:test_one_that_another_needs_goes_after_it()
  local w = self.w
  w.removable = function(name) return name ~= "acme.old" or not w.has["acme.older"] end
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertEquals(w.has, {})
  lu.assertEquals(world.count(w, "^master: installp %-ub"), 3)
end

function TestObsolete:test_a_pair_that_needs_each_other_goes_together()
  local w = self.w
  w.removable = function(_, argv) return #argv > 5 end
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertEquals(w.has, {})
  lu.assertEquals(world.count(w, "^master: installp %-ub %-e %S+ acme.old acme.older$"), 1)
end

function TestObsolete:test_what_cannot_be_removed_ends_nothing()
  local w = self.w
  w.removable, w.removal_status = function(name) return name ~= "acme.old" end, 1
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertEquals(w.has, { ["acme.old"] = true })
  lu.assertStrContains(table.concat(entries(w), "\n"),
    "todo acme.old: it is still in the copy: installp -u ended with status 1; on the migrated system: installp -u acme.old")
  lu.assertEquals(w.mounts.master, {})
end

function TestObsolete:test_where_the_commands_cannot_be_covered_no_script_is_run()
  local w = self.w
  w.refuses_namefs = root .. "/usr/sbin/rmitab"
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertEquals(world.count(w, "installp %-ub"), 0)
  lu.assertStrContains(table.concat(entries(w), "\n"), "todo acme.old: it is still in the copy: commands that reach past the copy "
    .. "cannot be covered on nim, so none of its scripts is run (mount of /lpar_alt/alt_inst/usr/sbin/rmitab ended with status 1")
  lu.assertEquals(w.mounts.master, {})
end

function TestObsolete:test_a_link_that_the_client_makes_in_the_place_of_a_command_stops_the_run()
  local w = self.w
  w.kinds[root .. "/usr/sbin/rmitab"] = "link"
  local e = fails(w.migration.migrate, w.opts())
  lu.assertEquals({ e.code, e.phase }, { "LINK_IN_PATH", 6 })
  lu.assertEquals(world.count(w, "installp %-ub"), 0)
  lu.assertEquals(w.mounts.master, {})
end

function TestObsolete:test_a_command_that_is_a_link_is_covered_where_it_leads_to_if_that_is_one_of_them()
  local w = self.w
  w.links = { ["/usr/bin/kill"] = "../sbin/rmitab", ["/usr/bin/stopsrc"] = "/usr/lpp/multi", ["/usr/sbin/cfgmgr"] = "../../../x" }
  for path in pairs(w.links) do w.stats[path] = { type = "link" } end
  w.stats["/usr/sbin/rmitab"] = { type = "file" }
  local covered = {}
  w.on_command = function(_, argv)
    for path, row in pairs(argv[1] == "installp" and argv[2] == "-ub" and w.mounts.master or {}) do
      if row.source:sub(1, #private) == private then covered[path] = row.source end
    end
  end
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertEquals(covered, { [root .. "/usr/sbin/rmitab"] = private .. "/rmitab" })
  local log = world.log_text(w)
  lu.assertStrContains(log, "altmig: /usr/bin/stopsrc of the copy is not covered: it leads to /usr/lpp/multi, which is more than this "
    .. "command")
  lu.assertStrContains(log, "altmig: /usr/sbin/cfgmgr of the copy is not covered: it leads out of the copy")
end

function TestObsolete:test_a_run_that_is_killed_leaves_nothing_covered_after_its_resume_or_cleanup()
  for _, finish in ipairs { "resume", "cleanup" } do
    world.remove(self.w)
    self:setUp()
    local w = self.w
    w.on_command = function(_, argv)
      if argv[1] == "installp" and argv[2] == "-ub" then w.power_cut = true end
    end
    fails(w.migration.migrate, w.opts())
    lu.assertNotNil(w.mounts.master[root .. "/usr/bin/kill"])
    w.power_cut, w.on_command = nil, nil
    lu.assertEquals(w.migration[finish](w.opts { yes = true, disk = "hdisk2" }), 0)
    lu.assertEquals(w.mounts.master, {})
    lu.assertTrue(world.count(w, "rm %-rf " .. private .. "$") >= 2)
  end
end

function TestObsolete:test_a_flow_can_remove_filesets()
  local w = self.w
  w.images = {}
  local got
  local mounts = require "altmig.run.steps.verify"
  local run = mounts.steps.verify_software.run
  mounts.steps.verify_software.run = function(m, ...)
    got = m:remove_filesets { "acme.old", { name = "acme.older", reason = "nobody uses it" }, "not.there" }
    lu.assertEquals(fails(m.remove_filesets, m, { "-g" }).code, "EINVAL")
    lu.assertEquals(fails(m.remove_filesets, m, { 7 }).code, "EINVAL")
    return run(m, ...)
  end
  local ok, status = pcall(w.migration.migrate, w.opts())
  mounts.steps.verify_software.run = run
  lu.assertTrue(ok, status)
  lu.assertEquals(got, { "acme.old", "acme.older" })
  lu.assertEquals(w.mounts.master, {})
  lu.assertStrContains(table.concat(entries(w), "\n"), "note acme.older: removed: nobody uses it")
end

function TestObsolete:test_script_lines_are_told_from_those_of_installp()
  local reader = require("altmig.run.steps.obsolete").reader()
  local said = {}
  for line in ([[
Verifying requisites...done
  acme.old 1.0.0.0                            # Old
+-----------------------------------------------------------------------------+
                         Deinstalling Software...
+-----------------------------------------------------------------------------+

installp: DEINSTALLING software for:
        acme.old 1.0.0.0

No such file or directory
  indented 1.0
sum: Can't open /usr/lib/hal_hfi.o
Filesets processed:  1 of 2  (Total time:  1 secs).

installp: DEINSTALLING software for:
        acme.older 1.0.0.0
more
Finished processing all filesets.  (Total time:  3 secs).

Installation Summary
acme.old                    1.0.0.0         USR         DEINSTALL   SUCCESS
]]):gmatch("[^\n]*") do said[#said + 1] = reader(line) end
  lu.assertEquals(said, { "No such file or directory", "  indented 1.0", "sum: Can't open /usr/lib/hal_hfi.o", "more" })
end
