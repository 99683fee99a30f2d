local json = require "altmig.json"
local lu = require "luaunit"
local sys = require "altmig.sys"
local world = require "fake_world"

TestFlowReport = {}

local stderr = io.stderr

function TestFlowReport:setUp()
  self.w = world.new()
  self.w.decisions = {
    passwd_mig = { { rule = "both changed it", severity = "conflict", file = "/etc/passwd", key = "root", chosen = "C" },
      { rule = "new in this level: added, locked", severity = "note", file = "/etc/passwd", key = "ssh", chosen = "N" } },
    convert_errlog = { { rule = "no longer shipped", severity = "warning", file = "/var/adm/ras/errlog", chosen = "C" } },
  }
  rawset(io, "stderr", io.open("/dev/null", "w"))
end

function TestFlowReport:tearDown()
  rawset(io, "stderr", stderr)
  world.remove(self.w)
end

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
