-- SPDX-License-Identifier: MIT
-- Whose a copy is: what is removed, written into and called somebody's, and what `check` says beside a run
-- that works, one that stopped, and after the client was booted from the copy.

local lu = require "luaunit"
local json = require "altmig.json"
local sys = require "altmig.sys"
local world = require "fake_world"

local fails = world.fails
local MARK <const> = "/alt_inst/lpp/save.config/.altmig/owner"

local function cleanup(w, more)
  local opts = { client = "lpar", spot = "spot", nim = w.opts().nim, state = w.opts().state, quiet = true }
  for k, v in pairs(more or {}) do opts[k] = v end
  return w.migration.cleanup(opts)
end

-- A migration that stopped in phase 8; its copy is mounted at /alt_inst.
local function stopped(w, more)
  w.fail.bosboot = 1
  fails(w.migration.migrate, w.opts(more))
  w.fail = {}
end

local function lose_journal(w) os.execute(("rm -rf '%s/state'"):format(w.dir)) end

local function removals(w) return world.count(w, "%-X") end

-- Findings of a check by id.
local function findings(w, more)
  local opts = w.opts(more)
  opts.no_log = true
  local by_id = {}
  w.migration.look(opts, function(m)
    m:connect()
    for _, finding in ipairs(require("altmig.run.checks").all(m)) do by_id[finding.id] = finding end
  end)
  return by_id
end

local function ids(list)
  local names = {}
  for id in pairs(list) do names[#names + 1] = id end
  table.sort(names)
  return names
end

TestOwnership = {}

world.fixture(TestOwnership, function(w)
  w.rootvg = "hd5  boot  2  2  1  closed/syncd  N/A\nhd4  jfs2  4  4  1  open/syncd  /\n"
end)

function TestOwnership:test_phase_1_leaves_the_identifier_in_the_journal_and_a_mark_in_the_copy()
  local w = self.w
  w.migration.migrate(w.opts { phases = { 1 } })
  local recorded
  for _, record in ipairs(world.journal(w)) do
    if record.event == "copy" then recorded = record end
  end
  lu.assertEquals({ recorded.vg, recorded.disks }, { w.vg, { "hdisk2" } })
  local mark = assert(json.decode(w.files[MARK]))
  lu.assertEquals({ mark.vg, mark.client }, { w.vg, "lpar" })
  lu.assertEquals(mark.run, w.migration.read_state(w.opts(), "lpar").start.run)
  lu.assertStrMatches(mark.run, "%x+")
end

function TestOwnership:test_runs_begun_in_the_same_moment_have_different_identifiers()
  local w = self.w
  local time = sys.time
  sys.time = function() return 1700000000 end
  local seen = {}
  for _ = 1, 2 do
    w.migration.migrate(w.opts { phases = { 1 } })
    seen[#seen + 1] = w.migration.read_state(w.opts(), "lpar").start.run
    cleanup(w)
  end
  sys.time = time
  lu.assertNotEquals(seen[1], seen[2])
end

function TestOwnership:test_a_clone_of_the_site_is_named_and_left_alone()
  local w = self.w
  w.make_group()
  for _, asleep in ipairs { false, true } do
    w.asleep = asleep
    for _, force in ipairs { false, true } do
      local e = fails(cleanup, w, { force = force })
      lu.assertEquals(e.code, "NOT_OURS")
      lu.assertStrContains(e.message, "altinst_rootvg on hdisk2 (identifier " .. w.vg)
      lu.assertStrContains(e.message, "no journal here knows it")
      lu.assertStrContains(e.remedy, "--disk hdisk2")
    end
  end
  lu.assertTrue(w.cloned)
  lu.assertEquals({ removals(w), world.count(w, "chpv"), world.count(w, "bootlist %-m normal hdisk") }, { 0, 0, 0 })
end

function TestOwnership:test_exports_and_mounts_of_a_clone_of_the_site_stay()
  local w = self.w
  w.make_group()
  local function theirs() return { ["/alt_inst"] = "ro" }, { ["/export/spot/usr"] = "ro,access=lpar" },
    { ["/ALT_MIG_SPOT"] = true }, { ["/lpar_alt/alt_inst"] = true } end
  w.exports.client, w.exports.master, w.mounts.client, w.mounts.master = theirs()
  w.answers.ls = function(_, _, argv) return argv[2] == "-ldn" and "" or "lpar-installp_apply-0123456789ab-1\n" end
  fails(cleanup, w, { force = true })
  lu.assertEquals({ w.exports.client, w.exports.master, w.mounts.client, w.mounts.master }, { theirs() })
  lu.assertEquals(world.count(w, "rm "), 0)
end

function TestOwnership:test_the_mark_stands_in_for_a_lost_journal()
  local w = self.w
  stopped(w)
  lose_journal(w)
  lu.assertEquals(cleanup(w), 0)
  lu.assertFalse(w.cloned)
end

function TestOwnership:test_a_mark_counts_only_for_its_own_group_and_only_if_root_alone_could_write_it()
  local w = self.w
  stopped(w)
  lose_journal(w)
  local function refused(what)
    lu.assertEquals(fails(cleanup, w).code, "NOT_OURS", what)
    lu.assertTrue(w.cloned, what)
  end
  -- A clone of a migrated system carries the mark of the system it was made from.
  local made = w.vg
  w.vg = "00f6eaf200004c0000000199999999ff"
  refused "another group"
  w.vg = made
  for field, value in pairs { mark_mode = "-rw-r--r--", mark_dir = "drwxrwxrwx", mark_owner = 200 } do
    w[field] = value
    refused(field)
    w[field] = nil
  end
  w.mark_mode = "lrwxrwxrwx"
  refused "a link"
  w.mark_mode = nil
  for _, text in ipairs { "", "{", "[]", '{"vg":7}', '{"vg":"00"}' } do
    local good = w.files[MARK]
    w.files[MARK] = text
    refused(text)
    w.files[MARK] = good
  end
  w.asleep = true -- never woken for this
  refused "asleep"
  lu.assertEquals(world.count(w, "alt_rootvg_op"), 0)
  w.asleep = nil
  lu.assertEquals(cleanup(w), 0)
end

function TestOwnership:test_a_clone_made_in_the_place_of_the_copy_is_not_removed_and_not_written()
  local w = self.w
  stopped(w)
  local ours = w.vg
  w.make_group()
  w.files[MARK] = nil
  w.log = {}
  local writes = w.writes
  local e = fails(w.migration.resume, w.opts())
  lu.assertEquals(e.code, "COPY_REPLACED")
  lu.assertStrContains(e.message, ours)
  lu.assertEquals({ w.writes, #w.boot_disks.written, world.count(w, "%-P3"), removals(w) }, { writes, 0, 0, 0 })
  local told = findings(w)
  lu.assertEquals(ids(told), { "foreign-copy", "unfinished" })
  lu.assertStrContains(told["foreign-copy"].what, "the copy of the run was " .. ours)
  e = fails(cleanup, w)
  lu.assertEquals(e.code, "NOT_OURS")
  lu.assertTrue(w.cloned)
  lu.assertEquals(removals(w), 0)
  -- What is left of the migration itself is gone, so that it is not in the way for ever.
  lu.assertEquals({ w.exports.client, w.exports.master, w.mounts.client }, { {}, {}, {} })
  lu.assertNil(w.migration.read_state(w.opts(), "lpar").start)
  lu.assertNil(w.client_lock)
end

function TestOwnership:test_phase_11_does_not_close_a_clone_of_somebody_else()
  local w = self.w
  w.migration.migrate(w.opts { phases = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 } })
  w.make_group()
  lu.assertEquals(fails(w.migration.migrate, w.opts { phases = { 11, 12 } }).code, "COPY_REPLACED")
  lu.assertEquals(world.count(w, "%-P3"), 0)
end

function TestOwnership:test_a_retry_of_phase_1_removes_what_this_run_left_and_nothing_else()
  local w = self.w
  w.fail["/ALT_MIG_SPOT/sbin/alt_disk_copy"] = 1
  w.on_command = function(_, argv)
    if argv[4] == "-P1" and not w.cloned then w.make_group() end
  end
  fails(w.migration.migrate, w.opts())
  lu.assertTrue(w.cloned)
  w.on_command, w.fail = nil, {}
  local left = w.vg
  w.make_group() -- the site cleaned up and made a clone
  local e = fails(w.migration.resume, w.opts())
  lu.assertEquals(e.code, "NOT_OURS")
  lu.assertEquals(removals(w), 0)
  w.vg, w.record = left, left
  lu.assertEquals(w.migration.resume(w.opts()), 0)
  lu.assertEquals(removals(w), 1)
end

function TestOwnership:test_a_first_phase_1_does_not_begin_beside_another_copy()
  local w = self.w
  w.on_command = function(_, argv)
    if argv[1] == "mkdir" and not w.cloned then w.make_group() end -- after preflight
  end
  local e = fails(w.migration.migrate, w.opts())
  lu.assertEquals(e.code, "COPY_EXISTS")
  lu.assertEquals({ world.count(w, "%-P1"), removals(w) }, { 0, 0 })
  w.on_command = nil
  lu.assertEquals(fails(cleanup, w).code, "NOT_OURS")
  lu.assertTrue(w.cloned)
end

function TestOwnership:test_what_a_job_made_whose_engine_died_is_known_by_what_the_job_told()
  local w = self.w
  -- Dead between the making of the group and the record of it.
  local _, copy_at = nil, nil
  w.migration.migrate(w.opts { phases = { 1 } })
  for i, record in ipairs(world.journal(w)) do copy_at = record.event == "copy" and i or copy_at end
  world.remove(w)
  self.w = world.new()
  w = self.w
  w.cut_after(copy_at, true)
  fails(w.migration.migrate, w.opts())
  w.power_on()
  w.files[MARK] = nil
  local made = w.vg
  w.make_group()
  w.asleep = true
  lu.assertEquals(fails(cleanup, w).code, "NOT_OURS")
  lu.assertTrue(w.cloned)
  -- The same with the group that the job told of.
  world.remove(w)
  self.w = world.new()
  w = self.w
  w.cut_after(copy_at, true)
  fails(w.migration.migrate, w.opts())
  w.power_on()
  w.asleep, w.files[MARK] = true, nil
  lu.assertEquals(w.vg, made)
  lu.assertEquals(cleanup(w), 0)
  lu.assertFalse(w.cloned)
end

function TestOwnership:test_the_disk_is_typed_and_confirmed_to_destroy_what_is_not_ours()
  local w = self.w
  w.make_group()
  local function refused(opts, words)
    local e = fails(cleanup, w, opts)
    lu.assertEquals(e.code, "NOT_CONFIRMED")
    lu.assertStrContains(e.message .. (e.remedy or ""), words)
    lu.assertTrue(w.cloned)
    lu.assertEquals({ removals(w), world.count(w, "set %-C") }, { 0, 0 })
  end
  local isatty, stdin = sys.isatty, io.stdin
  sys.isatty = function() return false end
  refused({ disk = "hdisk0", yes = true }, "altinst_rootvg on hdisk2")
  refused({ disk = "hdisk2 hdisk3", yes = true }, "name all its disks")
  refused({ disk = "hdisk2" }, "--yes beside --disk hdisk2")
  refused({ disk = "hdisk2", force = true }, "no terminal")
  sys.isatty = function() return true end
  for _, typed in ipairs { "", "yes", "hdisk0", false } do
    rawset(io, "stdin", { read = function() return typed or nil end })
    refused({ disk = "hdisk2", yes = true }, "was not confirmed")
  end
  rawset(io, "stdin", { read = function() return "hdisk2" end })
  lu.assertEquals(cleanup(w, { disk = "hdisk2" }), 0)
  lu.assertFalse(w.cloned)
  w.make_group()
  sys.isatty = function() return false end
  rawset(io, "stdin", stdin)
  lu.assertEquals(cleanup(w, { disk = "hdisk2", yes = true }), 0)
  sys.isatty = isatty
  lu.assertFalse(w.cloned)
  lu.assertEquals(fails(cleanup, w, { disk = "hdisk2", yes = true }).code, "NOT_CONFIRMED") -- there is none
end

function TestOwnership:test_a_copy_whose_identifier_no_command_tells_is_not_written()
  local w = self.w
  stopped(w)
  w.answers.lsvg = function(_, _, argv)
    return argv[2] == "-l" and "alt_hd4  jfs2  1  1  1  open/syncd  /alt_inst\nalt_hd2  jfs2  1  1  1  open/syncd  /alt_inst/usr\n" or "", 1
  end
  w.answers.getlvodm = function() return "", 3 end
  lu.assertEquals(fails(w.migration.resume, w.opts()).code, "COPY_REPLACED")
  lu.assertEquals(fails(cleanup, w).code, "NOT_OURS")
  lu.assertTrue(w.cloned)
end

function TestOwnership:test_a_group_whose_job_did_not_tell_is_known_by_the_call_that_made_it()
  local w = self.w
  w.untold = true
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertEquals(w.migration.read_state(w.opts(), "lpar").copy.vg, w.vg)
  lu.assertEquals(cleanup(w), 0)
  lu.assertFalse(w.cloned)
end

function TestOwnership:test_a_group_that_was_exchanged_after_it_was_confirmed_stays()
  local w = self.w
  w.make_group()
  local isatty = sys.isatty
  sys.isatty = function() return false end
  w.on_command = function(_, argv)
    if argv[1] == "sh" and argv[3]:find("echo held", 1, true) then w.make_group() end
  end
  lu.assertEquals(fails(cleanup, w, { disk = "hdisk2", yes = true }).code, "NOT_OURS")
  sys.isatty = isatty
  lu.assertTrue(w.cloned)
end

function TestOwnership:test_a_step_removes_no_other_group()
  local w = self.w
  stopped(w)
  local opts = w.opts { phases = { 8 } }
  for _, words in ipairs { { "-X", "old_rootvg" }, { "-X", "datavg" }, { "-D", "-X", "old_rootvg" }, { "-Xold_rootvg" } } do
    local path = w.dir .. "/flow.lua"
    assert(sys.write_file(path, ([[local flow = load(require("altmig.resource").read("scripts/migrate.lua"))()
      flow:before(8, function(m) m:alt_rootvg_op { "%s" } end)
      return flow]]):format(table.concat(words, '", "')), { mode = 384 }))
    opts.script = path
    lu.assertEquals(fails(w.migration.migrate, opts).code, "NOT_OURS")
  end
  lu.assertEquals(removals(w), 0)
  lu.assertTrue(w.cloned)
end

function TestOwnership:test_the_record_that_a_removal_leaves_is_cleared_on_the_disks_of_the_copy_alone()
  local w = self.w
  stopped(w)
  w.log = {}
  lu.assertEquals(cleanup(w), 0)
  local removed, cleared
  for i, line in ipairs(w.log) do
    removed = line:find("alt_disk_install %-M 7%.2 %-X$") and i or removed
    if line:find("chpv") then
      lu.assertEquals(line, "client: chpv -C hdisk2")
      cleared = i
    end
  end
  lu.assertTrue(cleared > removed)
  lu.assertNil(w.record)
  lu.assertEquals(ids(findings(w)), {})
end

function TestOwnership:test_a_record_that_could_not_be_cleared_is_known_and_no_obstacle()
  local w = self.w
  stopped(w)
  w.fail.chpv = 1
  lu.assertEquals(cleanup(w), 0)
  lu.assertStrContains(world.log_text(w), "remedy: chpv -C hdisk2")
  lu.assertNotNil(w.record)
  lu.assertEquals(ids(findings(w)), {})
  w.record = "00f600000000000000000000000000aa"
  lu.assertEquals(ids(findings(w)), { "lvm-signature" })
end

function TestOwnership:test_the_record_of_a_phase_1_that_removed_its_own_group_is_known()
  local w = self.w
  w.untold = true
  w.on_command = function(_, argv)
    if argv[4] == "-P1" then
      w.make_group()
      w.cloned, w.fail["/ALT_MIG_SPOT/sbin/alt_disk_copy"] = false, 1
    end
  end
  fails(w.migration.migrate, w.opts())
  w.on_command, w.fail = nil, {}
  lu.assertEquals(cleanup(w), 0)
  lu.assertNotNil(w.record)
  lu.assertEquals(ids(findings(w)), {})
end

function TestOwnership:test_a_disk_that_the_odm_has_in_a_group_is_not_free()
  local w = self.w
  w.member = { hdisk2 = "00f600000000000000000000000000aa" }
  lu.assertStrContains(findings(w)["disk-in-use"].what, "lspv shows hdisk2 as free")
end

function TestOwnership:test_the_bootlist_that_leads_back_is_not_touched()
  local w = self.w
  w.bootlist = "hdisk9" -- an order of the site
  lu.assertEquals(cleanup(w), 0)
  lu.assertEquals(w.bootlist, "hdisk9")
  stopped(w)
  w.bootlist = "hdisk2"
  lu.assertEquals(cleanup(w), 0)
  lu.assertEquals(w.bootlist, "hdisk0")
end

-- Booted from the copy: hdisk2 is rootvg, hdisk0 the system before.
local function boot_copy(w)
  w.rootvg_id, w.cloned, w.asleep = w.vg, false, nil
  w.answers.lspv = "hdisk0          00c3545039af54e2                    old_rootvg\n"
    .. "hdisk2          00c3545039af54e3                    rootvg          active\n"
  w.bootlist = "hdisk2"
  w.files["/lpp/save.config/.altmig/owner"] = json.encode { vg = w.vg, run = "x" }
end

function TestOwnership:test_a_cleanup_on_the_booted_copy_changes_nothing_and_says_why()
  for _, lost in ipairs { false, true } do
    world.remove(self.w)
    self.w = world.new()
    local w = self.w
    lu.assertEquals(w.migration.migrate(w.opts()), 0)
    boot_copy(w)
    if lost then lose_journal(w) end
    w.log = {}
    w.bootlist = "hdisk0" -- on the way back
    for _, opts in ipairs { {}, { force = true }, { disk = "hdisk2", yes = true } } do
      local e = fails(cleanup, w, opts)
      lu.assertEquals(e.code, "BOOTED_COPY", tostring(lost))
      lu.assertStrContains(e.message, "nothing was changed")
      lu.assertStrContains(e.remedy, "old_rootvg on hdisk0 is the way back")
    end
    lu.assertEquals(w.bootlist, "hdisk0")
    for _, line in ipairs(w.log) do
      lu.assertNotNil(line:find("^%l+: lspv") or line:find("^%l+: lsvg") or line:find("^%l+: ls ") or line:find("^%l+: cat ")
        or line:find("^%l+: getlvodm"), line)
    end
  end
end

function TestOwnership:test_old_rootvg_is_the_way_back_and_an_obstacle_only_on_a_target_disk()
  local w = self.w
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  boot_copy(w)
  w.answers.lspv = w.answers.lspv .. "hdisk3          none                                None\n"
  local told = findings(w, { disks = { "hdisk3" } })
  lu.assertEquals(ids(told), { "old-rootvg" })
  lu.assertEquals(told["old-rootvg"].severity, "info")
  lu.assertStrContains(told["old-rootvg"].what, "hdisk0: your way back")
  lu.assertNil(told["old-rootvg"].remedy)
  told = findings(w, { disks = { "hdisk0" } })
  lu.assertEquals(told["old-rootvg"].severity, "inhibitor")
  lu.assertStrContains(told["old-rootvg"].remedy, "choose another disk")
  lu.assertStrContains(told["old-rootvg"].remedy, "alt_rootvg_op -X old_rootvg; chpv -C hdisk0")
  lu.assertStrContains(told["old-rootvg"].remedy, "nothing brings it back")
end

-- No remedy takes something away from a run that works.
local function assert_harmless(told)
  for id, finding in pairs(told) do
    for _, word in ipairs { "nimadm -C", "cleanup", "exportfs -u", "umount", "-X", "chpv", "-F", "rm " } do
      lu.assertNil((finding.remedy or ""):find(word, 1, true), id .. ": " .. (finding.remedy or ""))
    end
  end
end

function TestOwnership:test_check_beside_a_run_that_works_is_one_finding()
  local w = self.w
  local told
  w.on_command = function(_, argv)
    if argv[1] == "bosboot" then
      w.on_command = nil
      told = findings(w)
    end
  end
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertEquals(ids(told), { "running" })
  local what = told.running.what
  lu.assertStrContains(what, ("a migration of lpar is running now: pid %d on %s"):format(sys.getpid(), sys.hostname()))
  lu.assertStrContains(what, "phase 8, step build_boot_image")
  lu.assertStrContains(told.running.remedy, "altmig status lpar")
  assert_harmless(told)
end

function TestOwnership:test_check_while_phase_1_makes_the_copy()
  local w = self.w
  local told
  w.on_command = function(_, argv)
    if argv[4] == "-P1" then
      w.on_command = nil
      w.make_group()
      told = findings(w)
      w.cloned = false
    end
  end
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertEquals(ids(told), { "running" })
  lu.assertStrContains(told.running.what, "phase 1, step alt_disk_copy")
end

function TestOwnership:test_check_beside_a_cleanup_names_it_so()
  local w = self.w
  stopped(w)
  local told
  w.on_command = function(_, argv)
    if argv[1]:find("alt_disk_install", 1, true) then
      w.on_command = nil
      told = findings(w)
    end
  end
  lu.assertEquals(cleanup(w), 0)
  lu.assertStrContains(told.running.what, "a cleanup of lpar is running now")
  assert_harmless(told)
end

function TestOwnership:test_check_beside_a_run_of_another_state_directory_of_this_host()
  local w = self.w
  local told
  w.on_command = function(_, argv)
    if argv[1] == "bosboot" then
      w.on_command = nil
      told = findings(w, { state = w.dir .. "/other" })
      local e = fails(w.migration.migrate, w.opts { state = w.dir .. "/other", force = true })
      lu.assertEquals(e.status, 4)
      lu.assertStrContains(e.message, "in the hands of another run: pid")
    end
  end
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertEquals(ids(told), { "running" })
end

function TestOwnership:test_check_beside_a_run_that_stopped_is_one_finding_that_says_resume()
  local w = self.w
  -- Killed: nothing was withdrawn.
  local total
  w.migration.migrate(w.opts())
  for i, record in ipairs(world.journal(w)) do
    if record.event == "begin" and record.step == "build_boot_image" then total = i end
  end
  world.remove(w)
  self.w = world.new()
  w = self.w
  w.rootvg = "hd5  boot  2  2  1  closed/syncd  N/A\nhd4  jfs2  4  4  1  open/syncd  /\n"
  w.cut_after(total)
  fails(w.migration.migrate, w.opts())
  w.power_on()
  lu.assertNotNil(next(w.exports.client))
  local told = findings(w)
  lu.assertEquals(ids(told), { "unfinished" })
  lu.assertStrContains(told.unfinished.what, "stopped in phase 8, step build_boot_image")
  lu.assertStrMatches(told.unfinished.remedy, "altmig resume lpar .*which destroys its copy: nimadm %-C .*")
  -- An export with nothing mounted there serves the running system: that is a finding of its own.
  w.usr_unmounted = true
  told = findings(w)
  lu.assertStrContains(told["stale-exports"].what, "/alt_inst/usr is still exported")
  lu.assertNotStrContains(told["stale-exports"].evidence, "/alt_inst -")
end

function TestOwnership:test_check_of_a_client_that_another_host_has_locked()
  local w = self.w
  w.make_group()
  w.client_lock = "other:/var/adm/ras/alt_mig/lpar"
  w.exports.client = { ["/alt_inst"] = "rw" }
  w.mounts.client = { ["/alt_inst"] = true, ["/ALT_MIG_SPOT"] = true }
  w.mounts.master = { ["/lpar_alt/alt_inst"] = true }
  local told = findings(w)
  lu.assertEquals(ids(told), { "locked" })
  lu.assertStrContains(told.locked.what, "other:/var/adm/ras/alt_mig/lpar")
  lu.assertNotStrContains(told.locked.remedy, "-C")
end

function TestOwnership:test_a_complete_copy_and_a_clone_of_the_site_are_told_apart()
  local w = self.w
  w.make_group()
  local told = findings(w)
  lu.assertEquals(ids(told), { "foreign-copy" })
  lu.assertStrContains(told["foreign-copy"].remedy, "keep it. To destroy it: nimadm -C -c lpar -s spot --disk hdisk2")
  w.cloned, w.record = false, nil
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  told = findings(w)
  lu.assertEquals(ids(told), { "leftover" })
  lu.assertStrContains(told.leftover.what, "the copy that altmig made at ")
  lu.assertStrContains(told.leftover.remedy, "boot it (bootlist -m normal hdisk2")
  lu.assertStrContains(told.leftover.remedy, "destroy it: nimadm -C")
end

function TestOwnership:test_a_damaged_journal_is_a_finding()
  local w = self.w
  stopped(w)
  os.execute(("sed -i '3s/.*/}/' '%s/state/lpar/journal'"):format(w.dir))
  local told = findings(w)
  lu.assertEquals(ids(told), { "journal-damaged" })
  lu.assertStrContains(told["journal-damaged"].remedy, "destroys the copy")
end
