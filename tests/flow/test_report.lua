-- SPDX-License-Identifier: MIT
local json = require "altmig.json"
local lu = require "luaunit"
local sys = require "altmig.sys"
local world = require "fake_world"

TestFlowReport = {}

world.fixture(TestFlowReport, function(w)
  w.decisions = {
    passwd_mig = { { rule = "both changed it", severity = "conflict", file = "/etc/passwd", key = "root", chosen = "C" },
      { rule = "new in this level: added, locked", severity = "note", file = "/etc/passwd", key = "ssh", chosen = "N" } },
    convert_errlog = { { rule = "no longer shipped", severity = "warning", file = "/var/adm/ras/errlog", chosen = "C" } },
  }
end)

local function document(w) return json.decode(assert(sys.read_file(w.dir .. "/state/lpar/report.json"))) end

local function rules(w)
  local list = {}
  for _, entry in ipairs(document(w).entries) do list[#list + 1] = ("%s: %s"):format(entry.method or "-", entry.rule) end
  table.sort(list)
  return list
end

function TestFlowReport:test_every_decision_is_there_once_wherever_the_run_was_killed()
  assert(self.w.migration.migrate(self.w.opts()) == 0)
  local want, records = rules(self.w), #world.journal(self.w)
  lu.assertEquals(#want, 3)
  for count = 30, records - 1, 3 do
    for _, before in ipairs { true, false } do
      self:tearDown()
      self:setUp()
      local w = self.w
      w.cut_after(count, before)
      pcall(w.migration.migrate, w.opts())
      w.power_on()
      lu.assertEquals(w.migration.resume(w.opts()), 0)
      lu.assertEquals(rules(w), want, ("cut at record %d"):format(count))
    end
  end
end

function TestFlowReport:test_a_step_that_is_run_again_replaces_its_entries()
  local w = self.w
  w.migration.migrate(w.opts())
  w.decisions.passwd_mig = { { rule = "now nothing to say", severity = "note" } }
  local migration = w.migration
  local m = migration.new(w.opts())
  m:lock()
  m:open_journal()
  m.phase = 5
  m.record.done["5/merge/passwd_mig/1"] = nil
  m:merge { title = "passwd_mig" }
  m:close()
  lu.assertEquals(rules(w), { "convert_errlog: no longer shipped", "passwd_mig: now nothing to say" })
end

function TestFlowReport:test_a_new_migration_begins_a_new_report()
  local w = self.w
  w.migration.migrate(w.opts())
  local first = document(w).head.run
  w.cloned, w.decisions = false, {}
  w.migration.migrate(w.opts())
  lu.assertNotEquals(document(w).head.run, first)
  lu.assertEquals(rules(w), {})
end

function TestFlowReport:test_the_head_says_what_was_migrated()
  local w = self.w
  w.migration.migrate(w.opts())
  local head = document(w).head
  lu.assertEquals(head.client, "lpar")
  lu.assertEquals(head.levels.client, "7100-05-03-1846")
  lu.assertEquals(head.target, { version = 7, release = 2 })
  lu.assertEquals(head.disks, { "hdisk2" })
  lu.assertNotNil(head.baseline)
end

-- What nobody sets and what is another one afterwards: recorded before phase 1, compared in the copy, and held against
-- the booted system.
function TestFlowReport:test_values_that_change_by_themselves()
  local w = self.w
  local attributes = { sys0 = "maxuproc:128:True\nmodelname:IBM,9119:False\nncargs:256:True\n",
    hdisk0 = "queue_depth:3:True\nreserve_policy:single_path:True\npvid:00c3:False\nq_type:a:b:True\n",
    hdisk1 = "queue_depth:3:True\nreserve_policy:no_reserve:True\n", hdisk9 = "queue_depth:3:True\n" }
  w.disks = "hdisk0\nhdisk1\nhdisk9\n"
  w.answers.lsattr = function(_, _, argv)
    if argv[3] == "-l" then return attributes[argv[4]] or "", attributes[argv[4]] and 0 or 255 end
    return "type PowerPC_POWER8 Processor type False\n"
  end
  w.tunables = { ioo = "  j2_inodeCacheSize = 400\n  lvm_bufcnt = 9\n", no = " delayackports = {}\n",
    vmo = "memory_frames = 5\n nokilluid = n/a\n" }
  w.classes = {
    CuDv = { { name = "sys0", PdDvLn = "sys/node/chrp" }, { name = "hdisk0", PdDvLn = "disk/fcp/osdisk" },
      { name = "hdisk1", PdDvLn = "disk/fcp/osdisk" } },
    CuAt = { { name = "hdisk1", attribute = "reserve_policy", value = "no_reserve" } },
    PdAt = { { uniquetype = "sys/node/chrp", attribute = "maxuproc", deflt = "128" },
      { uniquetype = "disk/fcp/osdisk", attribute = "queue_depth", deflt = "64" },
      { uniquetype = "disk/fcp/osdisk", attribute = "q_type", deflt = "a:b" },
      { uniquetype = "disk/fcp/osdisk", attribute = "reserve_policy", deflt = "no_reserve" } },
  }
  w.decisions.passwd_mig = { { rule = "told", group = "values", severity = "warning", key = "hdisk0", attribute = "reserve_policy" } }
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  local list = {}
  for _, entry in ipairs(document(w).entries) do
    if entry.group == "values" and entry.method == "values" then
      list[#list + 1] = ("%s %s %s %s"):format(entry.key, entry.attribute, entry.c, entry.n or "-")
    end
  end
  table.sort(list)
  lu.assertEquals(list, { "hdisk0 hdisk1 queue_depth 3 64", "sys0 ncargs 256 -" }) -- hdisk9 is not in the copy
  lu.assertEquals(document(w).count.values, 3)
  lu.assertStrContains(world.log_text(w), "altmig: 3 values change by themselves: altmig report lpar.")
  local text = require("altmig.report.print").text(document(w))
  lu.assertStrContains(text, "Values that change by themselves")
  lu.assertStrContains(text, "chdev -l hdisk0 -a queue_depth=3 -P   and so for the others")
  -- The booted system.
  lu.assertEquals(w.migration.values("lpar", w.opts()), {})
  attributes.sys0, attributes.hdisk1 = "maxuproc:64:True\n", nil
  w.tunables.ioo, w.tunables.no = "  j2_inodeCacheSize = 200\n", nil
  local words = {}
  for i, change in ipairs(w.migration.values("lpar", w.opts())) do
    words[i] = ("%s %s %s %s %s"):format(change.key, change.attribute, change.old, change.new or "-", change.remedy or "-")
  end
  lu.assertEquals(words, { "sys0 maxuproc 128 64 chdev -l sys0 -a maxuproc=128 -P", "sys0 ncargs 256 - -",
    "ioo j2_inodeCacheSize 400 200 ioo -p -o j2_inodeCacheSize=400", "ioo lvm_bufcnt 9 - -", "no delayackports {} - -" })
end

function TestFlowReport:test_what_a_failed_step_told_is_kept()
  local w = self.w
  local m = w.migration.new(w.opts())
  m:lock()
  m:open_journal()
  m:start()
  m.phase = 4
  pcall(m.step, m, "site", function()
    m:report_entry { rule = "half of it", severity = "todo" }
    error "no"
  end)
  m:close()
  lu.assertEquals(rules(w), { "-: half of it" })
end

local function command(w, ...)
  local text, write = {}, io.stdout
  rawset(io, "stdout", { write = function(_, ...) text[#text + 1] = table.concat { ... } end, flush = function() end })
  local ok, result = pcall(require("altmig.cmd.report").run, { "lpar", "--state", w.dir .. "/state", ... })
  rawset(io, "stdout", write)
  if not ok then error(result, 0) end
  return table.concat(text)
end

function TestFlowReport:test_the_command_works_on_complete_failed_running_and_cleaned_migrations()
  local w = self.w
  lu.assertErrorMsgContains("no migration of lpar", command, w)
  w.fail.bosboot = 1
  pcall(w.migration.migrate, w.opts())
  local text = command(w)
  lu.assertStrContains(text, "stopped, phase 8")
  lu.assertStrContains(text, "failure    ")
  lu.assertStrContains(text, "root: both changed it")
  w.fail = {}
  local running
  w.on_command = function(_, argv)
    if argv[1] == "installp" or argv[1] == "bosboot" then running = json.decode(command(w, "--json")) end
  end
  w.migration.resume(w.opts())
  lu.assertEquals(#running.entries, 3)
  lu.assertEquals(running.entries[1].group, "conflict")
  lu.assertStrContains(command(w), "complete")
  lu.assertStrContains(command(w, "--html"), "Conflicts (1)")
  w.migration.cleanup(w.opts())
  lu.assertStrContains(command(w), "cleaned up")
  lu.assertStrContains(command(w), "root: both changed it")
end

function TestFlowReport:test_the_run_says_where_the_report_lies_and_what_is_in_it()
  local w = self.w
  w.migration.migrate(w.opts())
  lu.assertStrContains(world.log_text(w),
    ("altmig: 1 conflict, 1 to do by hand: altmig report lpar (%s/state/lpar/report.json)."):format(w.dir))
end

function TestFlowReport:test_flag_report_writes_the_report_of_a_failure_too()
  local w = self.w
  w.fail.bosboot = 1
  pcall(w.migration.migrate, w.opts { report = w.dir .. "/out.html" })
  lu.assertStrContains(sys.read_file(w.dir .. "/out.html"), "stopped, phase 8")
  w.fail = {}
  w.migration.resume(w.opts { report = w.dir .. "/out.txt" })
  local text = sys.read_file(w.dir .. "/out.txt")
  lu.assertStrContains(text, "complete, phase 12")
  lu.assertStrContains(text, "Conflicts (1)")
  lu.assertEquals(sys.stat(w.dir .. "/out.txt").mode & 511, 384)
end

function TestFlowReport:test_a_directory_that_was_moved_aside_is_to_be_looked_at()
  local w = self.w
  w.moved, w.decisions = { "/etc/x.altmig-old", "/etc/x.y.altmig-old.2" }, {}
  w.on_restore = function() error { code = "NFS_LOST", message = "restore: lost" } end
  lu.assertFalse(pcall(w.migration.migrate, w.opts()))
  w.moved, w.on_restore = {}, nil -- the second restore finds nothing in its way
  w.migration.resume(w.opts())
  lu.assertEquals(rules(w), { "restore: was a directory that is not empty; moved aside to /etc/x.altmig-old",
    "restore: was a directory that is not empty; moved aside to /etc/x.y.altmig-old.2" })
  lu.assertEquals({ document(w).entries[1].file, document(w).entries[2].file }, { "/etc/x", "/etc/x.y" })
  lu.assertEquals(document(w).count.todo, 2)
end
