-- SPDX-License-Identifier: MIT
-- altmig update (nimadm -U) in the fake world: a client of the lpp_source's own release.

local lu = require "luaunit"
local sys = require "altmig.sys"
local world = require "fake_world"

local fails = world.fails

TestUpdate = {}

-- What the copy has: everything that its emgr and instfix say. Fixes: label -> fileset.
world.fixture(TestUpdate, function(w)
  w.level.client = "7200-05-03-1846"
  w.fixes, w.packages, w.corrected = {}, {}, {}
  w.instfix = "    All filesets for 7200-05_AIX_ML were found.\n    All filesets for 72-05-062320_SP were found.\n"
  w.answers.emgr = function(_, _, argv, opts)
    if not opts.chroot then return "There is no efix data on this system.\n" end
    if argv[2] == "-r" then
      w.fixes[argv[4]] = nil
    elseif argv[2] == "-e" then
      local fix = w.packages[argv[3]:match("[^/]*$")]
      if not fix then return "emgr: prerequisite is not met\n", 1 end
      w.fixes[fix[1]] = fix[2]
    else
      local rows = {}
      for label, fileset in pairs(w.fixes) do rows[#rows + 1] = ("%s installp %s\n"):format(fileset, label) end
      return "\nPACKAGE INSTALLER LABEL\n=======\n" .. table.concat(rows)
    end
    return ""
  end
  w.answers.instfix = function(_, _, argv)
    if argv[2] == "-i" then return w.instfix end
    if argv[2] == "-icqk" then return w.missing or "" end
    local found = w.corrected[argv[3]]
    return ("    %s\n"):format(found and "All filesets for " .. argv[3] .. " were found." or "There was no data for it."), found and 0 or 1
  end
  w.answers.ls = function(_, host, argv, opts)
    if argv[2] ~= "/ALT_MIG_IMAGES/emgr/ppc" then return w.handlers.ls(w, host, argv, opts) end
    local names = {}
    for name in pairs(w.packages) do names[#names + 1] = name end
    return table.concat(names, "\n") .. "\n"
  end
end)

local function update(w, more)
  more = more or {}
  more.update = true
  return w.migration.migrate(w.opts(more))
end

local function resume(w, more)
  local opts = { client = "lpar", quiet = true, nim = w.dir .. "/nim.lua", state = w.dir .. "/state" }
  for name, value in pairs(more or {}) do opts[name] = value end
  return w.migration.resume(opts)
end

local function entries(w)
  local report = require("altmig.json").decode(sys.read_file(w.dir .. "/state/lpar/report.json"))
  local by_key = {}
  for _, entry in ipairs(report.entries) do by_key[entry.key or entry.method] = entry end
  return by_key
end

function TestUpdate:test_a_good_run_restores_and_merges_nothing_and_the_client_runs_its_own_programs()
  local w, images_mounted = self.w, nil
  w.on_run = function(host, argv, opts)
    if argv[1] == "installp" and argv[2] == "-agXYb" then
      images_mounted = w.mounts.client["/alt_inst/ALT_MIG_IMAGES"]
      lu.assertEquals({ host, opts.chroot }, { "client", "/alt_inst" })
    end
    if host == "master" then lu.assertNil(opts.chroot, table.concat(argv, " ")) end
  end
  lu.assertEquals(update(w), 0)
  lu.assertEquals({ images_mounted.node, images_mounted.source }, { "nim", "/export/lpp" })
  lu.assertEquals({ w.saved, w.noted, w.restored, w.merged }, { 1, 1, 0, {} }) -- what its filesets bring, for the report
  for _, host in ipairs { "client", "master" } do lu.assertEquals({ w.exports[host], w.mounts[host] }, { {}, {} }) end
  lu.assertNil(w.client_lock)
  lu.assertEquals(world.count(w, "^client: bosboot %-a %-b"), 1)
  lu.assertEquals(w.planned_levels, { ["bos.net"] = "7.2.5.0" })
  lu.assertStrContains(world.log_text(w), "altmig: the copy of lpar is at 7200-05-03-1846; every level in its fix database is complete.")
  lu.assertEquals(w.violations, {})
end

function TestUpdate:test_another_release_is_refused_before_anything()
  local w = self.w
  w.level.client = "7100-05-03-1846"
  local e = fails(update, w)
  lu.assertEquals({ e.code, e.status }, { "OTHER_RELEASE", 3 })
  lu.assertStrContains(e.message, "the client is at 7.1 (7100-05-03-1846), lpp_source lpp is of 7.2")
  lu.assertEquals(world.count(w, "alt_disk_copy"), 0)
  lu.assertNil(w.client_lock)
end

function TestUpdate:test_a_client_that_is_there_already_is_left_alone()
  local w = self.w
  local real = w.handlers.lslpp
  w.answers.lslpp = function(of, host, argv, opts) return (real(of, host, argv, opts):gsub("7%.1%.5%.0", "7.2.5.0")) end
  lu.assertEquals(update(w), 0)
  lu.assertEquals(world.count(w, "alt_disk_copy"), 0)
  lu.assertNil(w.client_lock)
  lu.assertStrContains(world.log_text(w), "lpar is at 7200-05-03-1846 already")
  -- and a level below that of the client is refused
  w.answers.lslpp = function(of, host, argv, opts)
    return real(of, host, argv, opts) .. "/usr/lib/objrepos:bos.rte:7.2.5.9::COMMITTED:I:x:\n"
  end
  w.images = { world.image("bos.rte", "7.2.5.0") }
  local e = fails(update, w)
  lu.assertEquals({ e.code, e.status }, { "LOWER_LEVEL", 3 })
end

-- The lpp_source is for many clients at a time, and NIM may have it exported.
function TestUpdate:test_the_client_alone_is_let_into_the_export_of_the_lpp_source_and_taken_out()
  local w, seen = self.w, nil
  w.exports.master = { ["/export/lpp"] = "ro,root=other,access=other" }
  w.on_run = function(_, argv)
    if argv[1] == "installp" and argv[2] == "-agXYb" then seen = w.exports.master["/export/lpp"] end
  end
  lu.assertEquals(update(w), 0)
  lu.assertEquals({ seen, w.exports.master["/export/lpp"] }, { "ro,root=other:lpar,access=other:lpar", "ro,root=other,access=other" })
end

function TestUpdate:test_a_second_run_before_the_boot_has_nothing_to_do()
  local w = self.w
  w.software = { ["bos.net"] = { level = "7.2.5.0" } }
  lu.assertEquals(update(w), 0)
  local clones = world.count(w, "alt_disk_copy %-M")
  lu.assertEquals(update(w), 0)
  lu.assertEquals(world.count(w, "alt_disk_copy %-M"), clones)
  lu.assertStrContains(world.log_text(w), "lpar has the update already, in the copy on hdisk2, which is at 7200-05-03-1846")
  lu.assertEquals(w.exports, { client = {}, master = {} })
  lu.assertNil(w.client_lock)
  -- What the lpp_source has got since then is more than the copy has.
  w.images = { world.image("bos.net", "7.2.5.0"), world.image("bos.net", "7.2.5.9", "", "S") }
  lu.assertEquals(fails(update, w).code, "INHIBITOR")
end

function TestUpdate:test_a_level_that_is_not_whole_is_a_failure_with_its_filesets()
  local w = self.w
  w.instfix = "    Not all filesets for 72-05-062320_SP were found.\n    Not all filesets for IJ12345 were found.\n"
  w.missing = "72-05-062320_SP:bos.rte.lvm:7.2.5.201:7.2.5.100:-:Service Pack\n72-05-062320_SP:bos.rte:7.2.5.200:7.2.5.200:=:Service Pack\n"
  local e = fails(update, w)
  lu.assertEquals(e.code, "LEVEL")
  lu.assertStrContains(e.message, "72-05-062320_SP is not complete: bos.rte.lvm 7.2.5.201 (is at 7.2.5.100)")
  lu.assertNotStrContains(e.message, "IJ12345")
  lu.assertNotStrContains(e.message, "bos.rte 7")
  for _, host in ipairs { "client", "master" } do lu.assertEquals({ w.exports[host], w.mounts[host] }, { {}, {} }) end
  lu.assertEquals(world.count(w, "bosboot %-a"), 0)
  w.instfix = "    All filesets for 72-05-062320_SP were found.\n"
  lu.assertEquals(resume(w), 0)
  local answers = w.answers
  answers.lppchk = function(_, _, _, opts) return opts.chroot and "lppchk:  bos.x\n" or "", opts.chroot and 1 or 0 end
  lu.assertStrContains(fails(resume, w, { from = 6 }).message, "lppchk -v ended with status 1: lppchk: bos.x")
end

function TestUpdate:test_each_interim_fix_has_its_fate()
  local w = self.w
  w.fixes = { IJ00001s1a = "bos.net", IJ00002s1a = "bos.net", IJ00003s1a = "bos.net", ["custom"] = "acme.rte" }
  w.corrected.IJ00001 = true
  w.packages = { ["IJ00002s9a.230101.epkg.Z"] = { "IJ00002s9a", "bos.net" }, ["README"] = false }
  lu.assertEquals(update(w), 0)
  lu.assertEquals(w.fixes, { IJ00002s9a = "bos.net", custom = "acme.rte" })
  local told = entries(w)
  lu.assertStrContains(told.IJ00001s1a.rule, "is superseded")
  lu.assertStrContains(told.IJ00002s1a.rule, "is re-applied: IJ00002s9a.230101.epkg.Z")
  lu.assertStrContains(told.IJ00003s1a.rule, "is lost")
  lu.assertEquals({ told.IJ00001s1a.severity, told.IJ00002s1a.severity, told.IJ00003s1a.severity }, { "note", "note", "todo" })
  lu.assertNil(told.custom)
  lu.assertEquals(w.violations, {})
end

function TestUpdate:test_keep_leaves_locked_filesets_alone_and_remove_takes_all()
  local w = self.w
  w.fixes = { IJ00001s1a = "bos.net" }
  lu.assertEquals(update(w, { ifix = "keep" }), 0)
  lu.assertEquals(w.fixes, { IJ00001s1a = "bos.net" })
  lu.assertEquals(world.count(w, "installp %-agXYb"), 0)
  lu.assertStrContains(entries(w).IJ00001s1a.rule, "the fileset is not updated to 7.2.5.0")
end

function TestUpdate:test_remove_takes_all_fixes_and_puts_none_back()
  local w = self.w
  w.fixes = { IJ00001s1a = "bos.net", custom = "acme.rte" }
  w.packages = { ["IJ00001s9a.230101.epkg.Z"] = { "IJ00001s9a", "bos.net" } }
  lu.assertEquals(update(w, { ifix = "remove" }), 0)
  lu.assertEquals(w.fixes, {})
  lu.assertStrContains(entries(w).custom.rule, "is lost")
  lu.assertStrContains(entries(w).IJ00001s1a.rule, "is lost")
end

-- Whatever is cut off between, no fix is forgotten and none is told twice.
function TestUpdate:test_fixes_of_a_run_that_was_cut_off()
  local records
  for cut = 1, 400 do
    local w = self.w
    w.fixes = { IJ00001s1a = "bos.net", IJ00002s1a = "bos.net" }
    w.packages = { ["IJ00002s9a.230101.epkg.Z"] = { "IJ00002s9a", "bos.net" } }
    w.cut_after(cut * 6, true)
    local ok = pcall(update, w)
    w.power_on()
    if ok then
      records = cut
      break
    end
    w.client_lock = nil
    local again, e = pcall(resume, w)
    if again then
      lu.assertEquals(w.fixes, { IJ00002s9a = "bos.net" }, "cut " .. cut)
      local told = entries(w)
      lu.assertStrContains(told.IJ00001s1a.rule, "is lost")
      lu.assertStrContains(told.IJ00002s1a.rule, "is re-applied")
    else
      lu.assertEquals(e.code, "NO_STATE", tostring(e.message)) -- nothing was begun
    end
    self:tearDown()
    self:setUp()
  end
  lu.assertTrue(records > 5)
end
-- Every finding of a preflight of an update: "id severity what".
local function findings(w, more)
  local opts, list = w.opts(more), {}
  opts.no_log, opts.update = true, true
  w.migration.look(opts, function(m)
    m:connect()
    for _, finding in ipairs(require("altmig.run.checks").all(m)) do
      list[#list + 1] = ("%s %s %s"):format(finding.id, finding.severity, finding.what)
    end
  end)
  return table.concat(list, "\n") .. "\n"
end

-- Four fixes on the client, one for each fate; emgr/ppc has a package for one, the image says that it corrects another.
local function with_fixes(w)
  w.answers.emgr = "\nPACKAGE INSTALLER LABEL\n=====\nbos.net installp IJ00001s1a\nbos.net installp IJ00002s1a\n"
    .. "bos.net installp IJ00003s1a\nacme.rte installp custom\n"
  w.images = { world.image("bos.net", "7.2.5.0"),
    { file = "emgr/ppc/IJ00002s9a.230101.epkg.Z", kind = "ifix", name = "IJ00002s9a", size = 1, time = "" } }
  w.corrections = { ["bos.net"] = { IJ00001 = true } }
end

function TestUpdate:test_preflight_foretells_what_happens_to_each_fix()
  local w = self.w
  with_fixes(w)
  local text = findings(w)
  for _, line in ipairs {
    "ifix-locked info interim fix IJ00001s1a (bos.net) will be superseded: bos.net 7.2.5.0 has the correction IJ00001\n",
    "ifix-locked info interim fix IJ00002s1a (bos.net) will be re-applied where emgr takes IJ00002s9a.230101.epkg.Z at bos.net 7.2.5.0\n",
    "ifix-locked warning interim fix IJ00003s1a (bos.net) will be lost: bos.net 7.2.5.0 does not name its correction",
    "ifix-locked info interim fix custom (acme.rte) stays: nothing that it locks is updated\n" } do
    lu.assertStrContains(text, line)
  end
  text = findings(w, { ifix = "keep" })
  lu.assertStrContains(text, "interim fix IJ00003s1a (bos.net) stays, and bos.net 7.2.5.0 is not installed: --ifix keep")
  lu.assertNotStrContains(text, "lost")
  text = findings(w, { ifix = "remove" })
  lu.assertStrContains(text, "interim fix custom (acme.rte) will be lost: --ifix remove puts none back")
  lu.assertStrContains(text, "interim fix IJ00001s1a (bos.net) will be superseded")
end

function TestUpdate:test_preflight_says_that_there_is_nothing_to_update_or_that_it_cannot_be()
  local w = self.w
  w.images = { world.image("bos.net", "7.1.5.0") }
  lu.assertStrContains(findings(w), "update-level info there is nothing to update")
  w.images = { world.image("bos.net", "7.2.5.0", "*prereq c.none 1.0.0.0") }
  local text = findings(w)
  lu.assertStrContains(text, "missing-requisite inhibitor phase 6 cannot install bos.net 7.2.5.0")
  lu.assertNotStrContains(text, "nothing to update")
  w.level.client = "7100-05-03-1846"
  lu.assertStrContains(findings(w), "update-level inhibitor the client is at 7.1 (7100-05-03-1846), lpp_source lpp is of 7.2")
end

function TestUpdate:test_a_dry_run_shows_the_plan_and_the_fates_and_changes_nothing()
  local w = self.w
  with_fixes(w)
  local output, lines = require "altmig.ui.output", {}
  local print_line, print_event = output.print, output.json
  output.print = function(text, ...) lines[#lines + 1] = text:format(...) end
  output.json = function(value) lines[#lines + 1] = require("altmig.json").encode(value, { sort = true }) end
  local ok, status = pcall(require("altmig.preview.dryrun").run, w.opts { update = true })
  local ok_again, again = pcall(require("altmig.preview.dryrun").run, w.opts { update = true, json = true })
  output.print, output.json = print_line, print_event
  lu.assertEquals({ ok, status, ok_again, again }, { true, 0, true, 0 })
  local text = table.concat(lines, "\n")
  lu.assertStrContains(text, "migrate  bos.net  7.1.5.0  7.2.5.0  installp/ppc/bos.net")
  lu.assertStrContains(text, "altmig: interim fix IJ00003s1a (bos.net) will be lost")
  lu.assertStrContains(text, '"event":"interim_fixes","fixes":[{"fate":"superseded"')
  lu.assertEquals({ world.count(w, "alt_disk_copy"), world.count(w, "installp %-"), w.client_lock }, { 0, 0 })
end

function TestUpdate:test_an_update_is_no_migration()
  local w = self.w
  lu.assertEquals(update(w, { phases = { 1, 2, 3, 4 } }), 0)
  lu.assertStrContains(fails(w.migration.migrate, w.opts { phases = { 5 } }).message, "is an update")
  lu.assertEquals(update(w, { phases = { 5, 6, 7, 8, 9, 10, 11, 12 } }), 0)
end
