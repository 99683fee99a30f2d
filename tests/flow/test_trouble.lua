-- SPDX-License-Identifier: MIT
-- Troubles at the edges of a run: resumes that fail early, phases out of order, jobs that go on, the
-- lock on the client, and what belongs to other clients.

local lu = require "luaunit"
local json = require "altmig.json"
local sys = require "altmig.sys"
local world = require "fake_world"

local fails = world.fails

TestTrouble = {}

world.fixture(TestTrouble)

local function records_of(w)
  local list = {}
  for line in sys.read_file(w.dir .. "/state/lpar/commands.jsonl"):gmatch("[^\n]+") do list[#list + 1] = json.decode(line) end
  return list
end

function TestTrouble:test_every_command_is_recorded_and_a_failure_names_its_record()
  local w = self.w
  local hash = "{ssha512}06$abcdefgh$QWxsIHlvdXIgYmFzZQ"
  w.answers.bosboot = function() return "user:\n\tpassword = " .. hash .. "\nbosboot: no room\n", 1 end
  local e = fails(w.migration.migrate, w.opts())
  local list = records_of(w)
  local number = tonumber(e.record:match("^record (%d+) of " .. (w.dir .. "/state/lpar/commands.jsonl"):gsub("%p", "%%%0") .. "$"))
  lu.assertEquals(list[number].argv, { "bosboot", "-a", "-b", "/tmp/.altmig/bootimage" })
  lu.assertEquals({ list[number].phase, list[number].status, list[number].host, list[number].chroot },
    { 8, 1, "nim", "/lpar_alt/alt_inst" })
  lu.assertStrContains(list[number].stdout, "password = <secret>")
  lu.assertStrContains(world.log_text(w), "record:  " .. e.record)
  for i, record in ipairs(list) do
    lu.assertEquals(record.record, i)
    if record.argv[1] == "sh" then lu.assertEquals({ record.argv[2], type(record.script) }, { "-s", "string" }) end
  end
  lu.assertEquals(#list, w.sent)
  -- A resume appends.
  w.answers.bosboot = nil
  lu.assertEquals(w.migration.resume(w.opts()), 0)
  local again = records_of(w)
  lu.assertTrue(#again > #list)
  lu.assertEquals(again[#again].record, #again)
  lu.assertNil(sys.read_file(w.dir .. "/state/lpar/commands.jsonl"):find("06$abc", 1, true))
end

function TestTrouble:test_a_lost_connection_is_recorded_with_its_error()
  local w = self.w
  w.on_run = function(_, argv)
    if argv[1] == "bosboot" then w.lost, w.unreachable = { client = true }, true end
  end
  local e = fails(w.migration.migrate, w.opts())
  local found
  for _, record in ipairs(records_of(w)) do found = found or record.error end
  lu.assertEquals(found, { code = "SSH_LOST", message = "run: connection lost" }, e.message)
end

function TestTrouble:test_a_resume_that_fails_before_its_first_phase_leaves_a_readable_journal()
  local w = self.w
  w.fail.bosboot = 1
  fails(w.migration.migrate, w.opts())
  w.usr_unmounted = true
  local e = fails(w.migration.resume, w.opts())
  lu.assertEquals(e.code, "ALT_NOT_MOUNTED")
  lu.assertStrContains(world.log_text(w), "altmig: phase 8 failed on lpar: ALT_NOT_MOUNTED")
  lu.assertEquals(w.migration.read_state(w.opts(), "lpar").phases[8], "failed")
  w.usr_unmounted, w.fail = nil, {}
  lu.assertEquals(w.migration.resume(w.opts()), 0)
end

function TestTrouble:test_phases_are_not_run_before_the_ones_they_rest_on()
  local w = self.w
  w.migration.migrate(w.opts { phases = { 1 } })
  local e = fails(w.migration.migrate, w.opts { phases = { 11 } })
  lu.assertEquals(e.code, "PHASE_ORDER")
  lu.assertStrContains(e.message, "phase 2")
  lu.assertEquals(world.count(w, "%-P3"), 0)
  lu.assertEquals(fails(w.migration.resume, w.opts { from = 11 }).code, "PHASE_ORDER")
  lu.assertEquals(world.count(w, "%-P3"), 0)
  lu.assertEquals(w.migration.resume(w.opts()), 0)
end

function TestTrouble:test_an_end_that_is_run_again_leaves_nothing()
  local w = self.w
  w.migration.migrate(w.opts())
  lu.assertEquals(w.migration.resume(w.opts { from = 11 }), 0)
  lu.assertEquals({ w.exports.master, w.mounts.client }, { {}, {} })
  lu.assertEquals(w.migration.migrate(w.opts { from = 12 }), 0)
  lu.assertEquals({ w.exports.master, w.mounts.client }, { {}, {} })
end

function TestTrouble:test_an_inhibitor_leaves_no_lock_on_the_client()
  local w = self.w
  w.disk_size = 100
  lu.assertEquals(fails(w.migration.migrate, w.opts()).status, 3)
  lu.assertNil(w.client_lock)
end

function TestTrouble:test_a_job_whose_fate_is_unknown_is_attached_to_again()
  for _, code in ipairs { "SSH_LOST", "SSH_CONNECT", "SSH_TIMEOUT", "ENOMEM", "CANCELLED" } do
    world.remove(self.w)
    self.w = world.new()
    local w = self.w
    local job
    w.job_fails = function(argv)
      if argv[1] == "/ALT_MIG_SPOT/sbin/alt_disk_copy" then
        job = w.jobs[#w.jobs]
        w.job_fails = nil
        return code
      end
    end
    lu.assertEquals(fails(w.migration.migrate, w.opts()).code, code)
    w.jobs = {}
    w.migration.resume(w.opts())
    lu.assertEquals(w.jobs[1], job, code)
    lu.assertEquals(world.count(w, "alt_rootvg_op %-X"), 0, code)
  end
end

function TestTrouble:test_the_mounts_stay_under_a_job_that_still_works_in_the_copy()
  local w = self.w
  w.job_fails = function(argv)
    if argv[1] == "installp" then
      w.job_fails = nil
      w.running = function(host, id) return host == "master" and id:find("installp_apply", 1, true) ~= nil end
      w.log = {}
      return "CANCELLED"
    end
  end
  fails(w.migration.migrate, w.opts())
  lu.assertEquals(world.count(w, "umount"), 0)
  lu.assertStrContains(world.log_text(w), "still running; mounts and exports stay")
  w.on_command = function(_, argv)
    if argv[2] == "-agXYb" then
      lu.assertEquals(world.count(w, "umount"), 0)
      w.running, w.on_command = nil, nil
    end
  end
  lu.assertEquals(w.migration.resume(w.opts()), 0)
  lu.assertNil(w.on_command)
end

function TestTrouble:test_jobs_of_a_client_whose_name_begins_alike_are_left_alone()
  local w = self.w
  local other = "lpar-2-installp_apply-0123456789ab-1"
  w.answers.ls = "lpar-installp_apply-0123456789ab-1\n" .. other .. "\nlparx\n"
  w.migration.migrate(w.opts())
  lu.assertTrue(world.count(w, "rm %-rf /var/adm/ras/alt_mig/jobs/lpar%-installp_apply%-0123456789ab%-1$") > 0)
  lu.assertEquals(world.count(w, "rm .*lpar%-2"), 0)
  lu.assertEquals(world.count(w, "rm .*%*"), 0)
end

function TestTrouble:test_the_lock_goes_before_the_reboot_and_a_reboot_is_not_repeated()
  local w = self.w
  local locked
  w.answers.sh = nil
  w.on_command = function(_, argv)
    if argv[1] == "sh" and argv[3]:find("shutdown", 1, true) then locked = w.client_lock or false end
  end
  lu.assertEquals(w.migration.migrate(w.opts { reboot = true }), 0)
  lu.assertEquals(locked, false)
end

function TestTrouble:test_a_phase_11_that_fails_leaves_the_bootlist_on_the_running_system()
  local w = self.w
  w.on_command = function(_, argv)
    if argv[4] == "-P3" then
      w.bootlist = "hdisk2"
      w.fail["/ALT_MIG_SPOT/sbin/alt_disk_copy"] = 1
    end
  end
  lu.assertEquals(fails(w.migration.migrate, w.opts()).phase, 11)
  lu.assertEquals(w.bootlist, "hdisk0")
end

function TestTrouble:test_a_mount_that_stays_does_not_keep_the_exports()
  local w = self.w
  w.fail.bosboot = 1
  w.on_command = function(_, argv)
    if argv[1] == "bosboot" then w.fail.umount = 1 end
  end
  fails(w.migration.migrate, w.opts())
  lu.assertEquals(w.exports.client, {})
  lu.assertStrContains(world.log_text(w), "could not withdraw every mount and export")
end

function TestTrouble:test_cleanup_works_without_state_with_a_broken_journal_and_before_anything()
  local w = self.w
  local function cleanup()
    return w.migration.cleanup { client = "lpar", spot = "spot", nim = w.opts().nim, state = w.opts().state, quiet = true }
  end
  lu.assertEquals(cleanup(), 0)
  for _, damage in ipairs { "rm -rf %s/state", "sed -i '3s/.*/}/' %s/state/lpar/journal" } do
    w.fail.bosboot = 1
    fails(w.migration.migrate, w.opts())
    w.fail = {}
    os.execute(damage:format(w.dir))
    lu.assertEquals(cleanup(), 0, damage)
    lu.assertFalse(w.cloned)
    lu.assertEquals({ w.exports.client, w.exports.master, w.mounts.client, w.mounts.master }, { {}, {}, {}, {} })
  end
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
end

function TestTrouble:test_a_client_that_was_rebooted_under_the_restore_is_named_at_once()
  local w = self.w
  w.before_restore = function()
    w.before_restore, w.lost, w.cloned = nil, { client = true }, false
  end
  local e = fails(w.migration.migrate, w.opts())
  lu.assertEquals(e.code, "ALT_NOT_MOUNTED")
  lu.assertStrContains(e.remedy, "alt_rootvg_op -W")
  lu.assertEquals({ w.reconnects, w.restored }, { 1, 0 })
  lu.assertEquals({ w.exports.client, w.exports.master }, { {}, {} })
end

function TestTrouble:test_a_client_that_does_not_come_back_says_so()
  local w = self.w
  w.before_restore = function() w.lost, w.unreachable = { client = true }, true end
  local e = fails(w.migration.migrate, w.opts())
  lu.assertEquals(e.code, "SSH_CONNECT")
  lu.assertStrContains(e.message, "a new one cannot be made")
  lu.assertStrContains(e.remedy, "is lpar up")
  lu.assertEquals(w.reconnects, 1)
end

local function lose(w, host)
  w.lost, w.unreachable = { [host] = true }, true
end

function TestTrouble:test_what_is_on_the_master_goes_although_the_client_cannot_be_reached()
  for _, command in ipairs { "df", "bosboot", "installp" } do
    world.remove(self.w)
    self.w = world.new()
    local w = self.w
    w.on_command = function(_, argv)
      if argv[1] == command and (w.exports.client or {})["/alt_inst"] then
        w.on_command = nil
        lose(w, "client")
        error { code = "SSH_LOST", message = "provoked" }
      end
    end
    fails(w.migration.migrate, w.opts())
    lu.assertNil(w.on_command, command)
    lu.assertEquals({ w.exports.master, w.mounts.master }, { {}, {} }, command)
    lu.assertNotEquals(w.exports.client, {}, command) -- there it stays, and is told
    local text = world.log_text(w)
    lu.assertStrContains(text, "lpar cannot be reached")
    lu.assertStrContains(text, "umount /ALT_MIG_SPOT")
    lu.assertStrContains(text, "exportfs -u DIR")
    w.lost, w.unreachable = nil, nil
    lu.assertEquals(w.migration.resume(w.opts()), 0, command)
    lu.assertEquals({ w.exports.client, w.exports.master, w.mounts.client, w.mounts.master }, { {}, {}, {}, {} }, command)
  end
end

function TestTrouble:test_what_is_on_the_client_goes_although_the_master_cannot_be_reached()
  local w = self.w
  w.on_command = function(_, argv)
    if argv[1] == "bosboot" then
      w.on_command = nil
      lose(w, "master")
      error { code = "SSH_LOST", message = "provoked" }
    end
  end
  fails(w.migration.migrate, w.opts())
  lu.assertEquals({ w.exports.client, w.mounts.client }, { {}, {} })
  local text = world.log_text(w)
  lu.assertStrContains(text, "nim cannot be reached")
  lu.assertStrContains(text, "exportfs -u /export/spot/usr")
  lu.assertStrContains(text, "/lpar_alt")
end

function TestTrouble:test_the_spot_stays_exported_for_a_job_that_may_still_run_from_it()
  local w = self.w
  w.job_fails = function(argv)
    if argv[1] == "/ALT_MIG_SPOT/sbin/alt_disk_copy" then
      w.job_fails = nil
      lose(w, "client")
      return "SSH_LOST"
    end
  end
  fails(w.migration.migrate, w.opts())
  lu.assertNotEquals(w.exports.master, {})
  lu.assertStrContains(world.log_text(w), "alt_disk_copy (job lpar-alt_disk_copy-")
  lu.assertStrContains(world.log_text(w), "on nim: exportfs -u /export/spot/usr")
  w.lost, w.unreachable = nil, nil
  lu.assertEquals(w.migration.resume(w.opts()), 0)
  lu.assertEquals(w.exports.master, {})
end

function TestTrouble:test_a_command_that_hangs_has_an_end_and_a_job_has_none()
  local w = self.w
  w.hangs = "df"
  local e = fails(w.migration.migrate, w.opts())
  lu.assertEquals(e.code, "SSH_TIMEOUT")
  lu.assertStrContains(e.message, "lpar: df: no end within 300 seconds")
  lu.assertStrContains(e.remedy, "umount -f")
  w.hangs = nil
  lu.assertEquals(w.migration.migrate(w.opts()), 0) -- the fake session refuses a job with a deadline
end

function TestTrouble:test_a_phase_11_that_vanished_leaves_the_bootlist_on_the_running_system()
  local w = self.w
  w.job_fails = function(argv)
    if argv[4] ~= "-P3" then return nil end
    w.bootlist, w.job_fails = "hdisk2", nil
    return "JOB_GONE"
  end
  lu.assertEquals(fails(w.migration.migrate, w.opts()).code, "JOB_GONE")
  lu.assertEquals(w.bootlist, "hdisk0")
  lu.assertEquals(w.migration.resume(w.opts()), 0)
end

local function cleanup(w, more)
  local opts = { client = "lpar", spot = "spot", nim = w.opts().nim, state = w.opts().state, quiet = true }
  for k, v in pairs(more or {}) do opts[k] = v end
  return w.migration.cleanup(opts)
end

function TestTrouble:test_cleanup_says_which_job_it_could_not_end()
  local w = self.w
  w.migration.migrate(w.opts { phases = { 1 } })
  w.answers.ls = "lpar-installp_apply-0123456789ab-1\n"
  w.running, w.cancel_fails = function() return true end, "JOB_RUNNING"
  local e = fails(cleanup, w)
  lu.assertEquals(e.code, "JOB_RUNNING")
  lu.assertStrContains(e.message, "lpar-installp_apply-0123456789ab-1 on lpar could not be ended: still there after KILL")
  lu.assertTrue(w.cloned)
  lu.assertEquals(cleanup(w, { force = true }), 0)
  lu.assertFalse(w.cloned)
  lu.assertStrContains(world.log_text(w), "could not be ended")
  w.cancel_fails = "JOB_GONE" -- what is gone needs no end
  lu.assertEquals(cleanup(w), 0)
end

function TestTrouble:test_cleanup_without_a_journal_withdraws_only_the_spot_exports_it_would_have_made()
  local w = self.w
  local spot = "/export/spot/usr"
  for _, case in ipairs {
    { flags = "ro,access=lpar" },
    { flags = "ro,root=lpar,access=lpar" },
    { flags = "ro,access=lpar", file = spot .. " -ro,access=lpar\n", stays = "ro,access=lpar" },
    -- Of several runs: this client alone is taken out.
    { flags = "ro,root=lpar:other,access=lpar:other", stays = "ro,root=other,access=other" },
    { flags = "ro,access=nim2:lpar,root=nim2:lpar", file = spot .. " -ro,access=nim2,root=nim2\n", stays = "ro,access=nim2,root=nim2" },
    -- Another form than altmig's, and no line that it was made of: somebody else's.
    { flags = "rw=lpar,access=lpar,root=lpar", stays = "rw=lpar,access=lpar,root=lpar" },
    { flags = "ro,anon=0,access=lpar", stays = "ro,anon=0,access=lpar" },
    { flags = "ro", stays = "ro" },
  } do
    w.exports.master = { [spot] = case.flags }
    w.files["/etc/exports"] = case.file
    lu.assertEquals(cleanup(w, { spot = false }), 0)
    lu.assertEquals(w.exports.master[spot], case.stays, case.flags)
  end
  lu.assertStrContains(world.log_text(w), "withdrew the export of SPOT spot on nim")
end

function TestTrouble:test_cleanup_does_on_one_host_what_it_can_without_the_other()
  for _, host in ipairs { "client", "master" } do
    world.remove(self.w)
    self.w = world.new()
    local w = self.w
    -- A run whose engine died leaves everything as it is.
    w.on_command = function(_, argv)
      if argv[1] == "bosboot" then w.power_cut = true end
    end
    fails(w.migration.migrate, w.opts())
    w.on_command, w.power_cut, w.bootlist = nil, nil, "hdisk2"
    lu.assertNotEquals(w.exports.master, {})
    w.refuses = host
    local e = fails(cleanup, w)
    lu.assertEquals(e.code, "SSH_CONNECT")
    local name = host == "client" and "lpar" or "nim"
    lu.assertStrContains(e.message, name .. " cannot be reached")
    lu.assertStrContains(e.remedy, ("when %s is up again: nimadm -C -c lpar -s spot"):format(name))
    lu.assertTrue(w.cloned)
    if host == "client" then
      lu.assertEquals({ w.exports.master, w.mounts.master }, { {}, {} })
      lu.assertStrContains(e.message, "altinst_rootvg")
    else
      lu.assertEquals({ w.exports.client, w.mounts.client, w.bootlist }, { {}, {}, "hdisk0" })
      lu.assertStrContains(e.remedy, "alt_rootvg_op -X altinst_rootvg")
    end
    w.refuses = nil
    lu.assertEquals(cleanup(w), 0)
    lu.assertEquals({ w.exports.client, w.exports.master, w.mounts.client, w.mounts.master }, { {}, {}, {}, {} })
    lu.assertFalse(w.cloned)
  end
end

function TestTrouble:test_only_a_lock_of_the_exact_form_is_an_answer()
  local w = self.w
  -- A greeting before or behind it, an empty mark, one without a state, one of two lines, nothing at all.
  for _, text in ipairs { "Welcome to AIX\nheld\nhere:/x\n", "held\nhere:/x\nGoodbye\n", "held\n", "held\nWelcome\n", "held\na:/b",
    "held\na:/b\nc:/d\n", "held\n\27[1m:/x\n", "" } do
    w.lock_says = text
    local e = fails(w.migration.migrate, w.opts())
    lu.assertEquals({ e.code, e.status, e.host }, { "LOCK_UNREADABLE", 4, "lpar" }, text)
    lu.assertStrContains(e.remedy, "rm -rf /var/adm/ras/alt_mig/lock")
  end
  lu.assertEquals(world.count(w, "alt_disk_copy"), 0)
  w.lock_says, w.client_lock = nil, nil
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
end

function TestTrouble:test_a_lock_is_broken_once_at_most()
  local w = self.w
  for _, text in ipairs { "held\nother:/state\n", "held\n", "Welcome\n" } do
    w.lock_says = text -- whatever is done about it
    world.count(w, "")
    local e = fails(w.migration.migrate, w.opts { force = true })
    lu.assertStrMatches(e.code, "LOCK.*")
    lu.assertEquals(world.count(w, "^client: rm %-rf /var/adm/ras/alt_mig/lock$"), 1, text)
    w.log = {}
  end
  w.lock_says, w.client_lock = nil, "other:/state"
  lu.assertEquals(w.migration.migrate(w.opts { force = true }), 0)
end

function TestTrouble:test_a_job_of_which_nothing_is_understood_is_not_taken_for_ended()
  local w = self.w
  w.job_fails = function(argv)
    if argv[1] ~= "bosboot" then return nil end
    w.attach_fails = "JOB_ANSWER"
    return "JOB_ANSWER"
  end
  local e = fails(w.migration.migrate, w.opts())
  lu.assertEquals(e.code, "JOB_ANSWER")
  lu.assertStrContains(world.log_text(w), "could not withdraw every mount and export")
  lu.assertNotEquals(w.exports.client, {})
  w.answers.ls = w.jobs[#w.jobs] .. "\n" -- the directory of the jobs
  e = fails(w.migration.cleanup, w.opts())
  lu.assertEquals(e.code, "JOB_ANSWER")
  lu.assertStrContains(e.message, "could not be ended")
  lu.assertEquals(w.cloned, true)
end

function TestTrouble:test_what_a_wait_for_a_job_tells_reaches_the_administrator()
  local w = self.w
  w.job_notice = "job x on nim has ended, but /var is full"
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertStrContains(world.log_text(w), "altmig: job x on nim has ended, but /var is full")
end

-- ---- what alternate-disk commands leave when they fail ----

local function records(w, event)
  local list = {}
  for _, record in ipairs(world.journal(w)) do
    if record.event == event then list[#list + 1] = record end
  end
  return list
end

-- A phase 3 of alt_disk_copy that fails once, and what it leaves by then.
local function phase_3_fails(w, leaves)
  w.answers["/ALT_MIG_SPOT/sbin/alt_disk_copy"] = function(_, host, argv, ...)
    if argv[4] ~= "-P3" then return w.handlers[argv[1]](w, host, argv, ...) end
    w.answers["/ALT_MIG_SPOT/sbin/alt_disk_copy"] = nil
    leaves()
    return "0505-218 ATTENTION: init_multibos() returned an unexpected result.\nCleaning up.\n", 1
  end
end

function TestTrouble:test_after_a_phase_3_that_cleaned_up_the_copy_is_seen_told_and_opened_again()
  local w = self.w
  phase_3_fails(w, function() w.closed = true end)
  local e = fails(w.migration.migrate, w.opts())
  lu.assertEquals({ e.code, e.phase }, { "COMMAND", 11 })
  local seen = records(w, "world")
  lu.assertEquals(#seen, 1)
  lu.assertEquals({ seen[1].after, seen[1].group.id, seen[1].group.disks, seen[1].mounts, seen[1].bootlist, seen[1].unknown },
    { "alt_disk_copy -P3", w.vg, { "hdisk2" }, {}, { "hdisk0" }, {} })
  lu.assertEquals(w.migration.read_state(w.opts(), "lpar").world.after, "alt_disk_copy -P3")
  lu.assertStrContains(world.log_text(w), "lpar after alt_disk_copy -P3: altinst_rootvg on hdisk2 (identifier " .. w.vg
    .. "), varied on, not mounted; the bootlist is hdisk0")
  lu.assertStrContains(world.log_text(w), "the copy is kept. Go on:")
  w.log = {}
  lu.assertEquals(w.migration.resume(w.opts()), 0)
  lu.assertEquals({ world.count(w, "alt_rootvg_op %-W %-d hdisk2$"), world.count(w, "%-P3"), world.count(w, "%-X") },
    { 1, 1, 0 })
end

function TestTrouble:test_after_a_phase_3_that_left_the_copy_open_nothing_is_opened()
  local w = self.w
  phase_3_fails(w, function() end)
  fails(w.migration.migrate, w.opts())
  lu.assertEquals(records(w, "world")[1].mounts, { "/alt_inst", "/alt_inst/usr" })
  lu.assertEquals(w.migration.resume(w.opts()), 0)
  lu.assertEquals(world.count(w, "%-W"), 0)
end

function TestTrouble:test_a_phase_3_that_removed_the_group_ends_with_the_words_to_begin_again()
  local w = self.w
  phase_3_fails(w, function() w.cloned = false end)
  local e = fails(w.migration.migrate, w.opts())
  local again = 'begin again: nimadm -C -c lpar -s spot, then: nimadm -c lpar -l lpp -s spot -d "hdisk2" -Y'
  lu.assertStrContains(e.remedy, again)
  lu.assertNotStrContains(world.log_text(w), "the copy is kept")
  lu.assertStrContains(world.log_text(w), "no disk is in altinst_rootvg")
  w.log = {}
  e = fails(w.migration.resume, w.opts())
  lu.assertEquals(e.code, "COPY_GONE")
  lu.assertStrContains(e.remedy, again)
  lu.assertEquals(world.count(w, "%-P[13]"), 0)
  -- The remedy works.
  lu.assertEquals(w.migration.cleanup { client = "lpar", spot = "spot", nim = w.opts().nim, state = w.opts().state, quiet = true }, 0)
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
end

function TestTrouble:test_a_resume_after_a_reboot_opens_the_copy_again_and_forces_it_only_with_proof()
  for _, spelling in ipairs { "yes", "Yes", false } do
    world.remove(self.w)
    self.w = world.new()
    local w = self.w
    w.fail.bosboot = 1
    fails(w.migration.migrate, w.opts())
    w.fail, w.force, w.asleep, w.log = {}, spelling or nil, true, {}
    w.on_wake = function() w.fsid = { ["/"] = "7", ["/usr"] = "8" } end -- another major, so other identifiers
    lu.assertEquals(w.migration.resume(w.opts()), 0)
    lu.assertEquals(world.count(w, "%-W %-d hdisk2"), spelling == "yes" and 2 or spelling == "Yes" and 3 or 1)
    lu.assertEquals(#records(w, "world"), spelling == "yes" and 1 or spelling == "Yes" and 2 or 0)
    lu.assertEquals(world.count(w, "%-W %-d hdisk2") > 0 and world.count(w, "%-P3"), 1)
  end
end

function TestTrouble:test_a_copy_that_may_have_been_booted_is_never_forced()
  for _, why in ipairs { "bootlist", "ran", "phase 11" } do
    world.remove(self.w)
    self.w = world.new()
    local w = self.w
    if why == "phase 11" then
      w.on_command = function(_, argv)
        if argv[1] == "rm" and (argv[3] or ""):find("jobs", 1, true) then w.fail.rm = 1 end
      end
      w.answers.ls = "lpar-installp_apply-0123456789ab-1\n"
      fails(w.migration.migrate, w.opts())
      w.on_command, w.answers.ls = nil, nil
    else
      w.fail.bosboot = 1
      fails(w.migration.migrate, w.opts())
    end
    w.fail, w.asleep, w.force, w.log = {}, true, "yes", {}
    if why == "bootlist" then w.bootlist = "hdisk2" end
    if why == "ran" then
      local running = w.rootvg_id
      w.rootvg_id, w.cloned = w.vg, false -- the client runs from the copy while somebody resumes
      fails(w.migration.resume, w.opts())
      w.rootvg_id, w.cloned = running, true
      lu.assertEquals(records(w, "booted")[1].vg, w.vg)
    end
    local e = fails(w.migration.resume, w.opts { from = why == "phase 11" and 9 or nil })
    lu.assertEquals(e.code, "WAKE_REFUSED", why)
    lu.assertStrContains(e.message, "it is not forced")
    lu.assertStrContains(e.remedy, "begin again")
    lu.assertEquals(world.count(w, "%-W"), 1, why)
  end
end

function TestTrouble:test_a_copy_whose_volumes_have_other_names_afterwards_is_not_closed()
  local w = self.w
  phase_3_fails(w, function() w.closed = true end)
  fails(w.migration.migrate, w.opts())
  w.on_wake = function()
    w.answers.lsvg = function(_, host, argv)
      local text, status = w.handlers.lsvg(w, host, argv)
      return argv[2] == "-l" and text:gsub("\nalt_", "\nalt_alt_") or text, status
    end
  end
  w.log = {}
  local e = fails(w.migration.resume, w.opts())
  lu.assertEquals(e.code, "COPY_NAMES")
  lu.assertStrContains(e.message, "/dev/alt_hd4 is not among its logical volumes")
  lu.assertEquals(world.count(w, "%-P3"), 0)
end

function TestTrouble:test_a_copy_of_which_one_file_system_was_unmounted_is_not_opened_over_the_rest()
  local w = self.w
  w.fail.bosboot = 1
  fails(w.migration.migrate, w.opts())
  w.fail, w.usr_unmounted = {}, true
  local e = fails(w.migration.resume, w.opts())
  lu.assertEquals(e.code, "ALT_NOT_MOUNTED")
  lu.assertStrContains(e.remedy, "mount /alt_inst/usr there")
  lu.assertEquals(world.count(w, "%-W"), 0)
end

function TestTrouble:test_a_cleanup_uses_ibms_words_first_and_the_command_behind_them_second()
  local w = self.w
  w.wrapper_does_nothing = true
  w.migration.migrate(w.opts { phases = { 1 } })
  w.log = {}
  lu.assertEquals(cleanup(w), 0)
  local said = {}
  for _, line in ipairs(w.log) do said[#said + 1] = line:match("^client: /ALT_MIG_SPOT/sbin/(alt.*)") end
  lu.assertEquals(said, { "alt_disk_install -M 7.2 -X", "alt_rootvg_op -X altinst_rootvg" })
  -- Where both fail, what is there is told, and it stays known.
  w.migration.migrate(w.opts { phases = { 1 } })
  w.fail["/ALT_MIG_SPOT/sbin/alt_rootvg_op"] = 1
  w.fail["/ALT_MIG_SPOT/sbin/alt_disk_install"] = 1
  local e = fails(cleanup, w)
  lu.assertStrContains(e.message, "altinst_rootvg on hdisk2")
  lu.assertStrContains(e.remedy, "alt_rootvg_op -X altinst_rootvg; chpv -C hdisk2")
  lu.assertEquals(#records(w, "world"), 2)
  lu.assertTrue(w.cloned)
end

function TestTrouble:test_the_record_of_a_group_that_a_failed_phase_1_removed_goes_before_the_next_try()
  local w = self.w
  w.answers["/ALT_MIG_SPOT/sbin/alt_disk_copy"] = function()
    w.answers["/ALT_MIG_SPOT/sbin/alt_disk_copy"] = nil
    w.make_group()
    w.cloned = false
    return "Cleaning up.\n", 1
  end
  fails(w.migration.migrate, w.opts())
  lu.assertEquals(records(w, "world")[1].after, "alt_disk_copy -P1")
  lu.assertNotNil(w.record)
  w.on_command = function(_, argv)
    if argv[4] == "-P1" then lu.assertNil(w.record) end
  end
  lu.assertEquals(w.migration.resume(w.opts()), 0)
  lu.assertEquals(world.count(w, "chpv %-C hdisk2"), 1)
end
