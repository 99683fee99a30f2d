-- Troubles at the edges of a run: resumes that fail early, phases out of order, jobs that go on, the
-- lock on the client, and what belongs to other clients.

local lu = require "luaunit"
local world = require "fake_world"

local silent = io.open("/dev/null", "w")
local stderr = io.stderr

TestTrouble = {}

function TestTrouble:setUp()
  self.w = world.new()
  rawset(io, "stderr", silent)
end

function TestTrouble:tearDown()
  rawset(io, "stderr", stderr)
  world.remove(self.w)
end

local function fails(fn, ...)
  local ok, e = pcall(fn, ...)
  lu.assertFalse(ok, "was expected to fail")
  return e
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
