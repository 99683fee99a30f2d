-- SPDX-License-Identifier: MIT
local lu = require "luaunit"
local sys = require "altmig.sys"
local world = require "fake_world"

local fails = world.fails

TestMigration = {}

world.fixture(TestMigration)

function TestMigration:test_a_good_run_leaves_nothing_behind()
  local w = self.w
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertEquals(w.saved, 1)
  lu.assertEquals(w.restored, 1)
  lu.assertEquals(w.merged, { "passwd_mig", "convert_errlog" })
  lu.assertEquals(w.exports.client, {})
  lu.assertEquals(w.exports.master, {})
  lu.assertEquals(w.mounts.client, {})
  lu.assertEquals(w.mounts.master, {})
  lu.assertNil(w.client_lock)
  local text = world.log_text(w)
  local at = 1
  for _, line in ipairs { "Initializing the NIM master.", "Verifying alt_disk_migration eligibility.", "Executing nimadm phase 1.",
    'Client alt_disk_install command: alt_disk_copy -M 7.2 -P1 -d "hdisk2"', "Exporting /alt_inst/usr from client.",
    "Mounting lpar:/alt_inst.", "no user customization script", "Restoring base operating system.",
    "Running migration merge method: passwd_mig.", "bosboot: Boot image is 80", "forced unmount of /lpar_alt/alt_inst/usr",
    "Executing nimadm phase 12.", "Cleaning up alt_disk_migration on client lpar.", "1 merge methods were not available" } do
    local from, to = text:find(line, at, true)
    lu.assertNotNil(from, line)
    at = to
  end
end

function TestMigration:test_a_baseline_is_journalled_and_a_resume_reads_it_once()
  local w = self.w
  local failed
  w.on_restore = function()
    if failed then return end
    failed = true
    error { code = "EIO", message = "provoked" }
  end
  fails(w.migration.migrate, w.opts { baseline = "lpp" })
  lu.assertEquals({ w.baseline_word, w.baseline_read }, { "lpp", 1 })
  lu.assertEquals(w.old, { ["/etc/passwd"] = "old" })
  lu.assertEquals(w.sources.baseline, { ["/etc/passwd"] = "digest of old" })
  w.baseline_word = nil
  lu.assertEquals(w.migration.resume { client = "lpar", quiet = true, nim = w.dir .. "/nim.lua", state = w.dir .. "/state" }, 0)
  lu.assertEquals(w.baseline_read, 1) -- what it read is saved
  lu.assertEquals(w.saved, 1)
end

function TestMigration:test_a_resume_before_the_saving_has_its_baseline_from_the_journal()
  local w = self.w
  lu.assertEquals(w.migration.migrate(w.opts { baseline = "lpp", phases = { 1, 2, 3, 4 } }), 0)
  w.baseline_word = nil
  local e = fails(w.migration.migrate, w.opts { baseline = "other", phases = { 5 } })
  lu.assertEquals(e.code, "OTHER_RUN")
  lu.assertStrContains(e.message, "was begun with --baseline lpp, not with --baseline other")
  lu.assertNil(w.baseline_read)
  lu.assertEquals(w.migration.migrate(w.opts { phases = { 5 } }), 0)
  lu.assertEquals({ w.baseline_word, w.baseline_read }, { "lpp", 1 })
end

function TestMigration:test_a_baseline_of_another_release_is_an_inhibitor()
  local w = self.w
  w.baseline_level = "7.1.5.30" -- the fake client says 7.2.5.101 of every fileset
  local e = fails(w.migration.migrate, w.opts { baseline = "lpp" })
  lu.assertEquals({ e.code, e.status }, { "INHIBITOR", 3 })
  lu.assertNil(w.cloned)
  w.baseline_level = "7.2.5.100"
  lu.assertEquals(w.migration.migrate(w.opts { baseline = "lpp" }), 0)
end

local function report_rules(w)
  local rules = {}
  for _, entry in ipairs(require("altmig.report").load(w.dir .. "/state/lpar/report.json").entries) do
    rules[#rules + 1] = ("%s %s: %s"):format(entry.severity, entry.file, entry.rule)
  end
  return table.concat(rules, "\n")
end

local function sums_of_ls()
  return { sizes = { ["/usr/bin/ls"] = 5000 }, changed = function() end, sum_differs = function(_, _, sum) return sum ~= 5 end }
end

function TestMigration:test_the_client_sums_up_what_the_image_would_overwrite()
  local w = self.w
  w.inventory = sums_of_ls()
  w.sums = "00000     0 /dev/null\n00005     5 ./usr/bin/ls\n"
  w.migration.migrate(w.opts { phases = { 1, 2, 3, 4, 5 } })
  lu.assertEquals(w.summed, "./usr/bin/ls\n")
  lu.assertEquals(w.sources.changed, {})
end

function TestMigration:test_a_program_the_site_changed_is_saved()
  local w = self.w
  w.inventory = sums_of_ls()
  w.sums = "00000     0 /dev/null\n00006     5 ./usr/bin/ls\n00009 5 ./etc/never.asked\n"
  w.migration.migrate(w.opts { phases = { 1, 2, 3, 4, 5 } })
  lu.assertEquals(w.sources.changed, { "/usr/bin/ls" })
end

function TestMigration:test_a_client_without_sum_is_told()
  local w = self.w
  w.inventory = sums_of_ls()
  w.migration.migrate(w.opts { phases = { 1, 2, 3, 4, 5 } })
  lu.assertStrContains(report_rules(w), "warning /alt_inst: files outside /etc and /var that the site changed are not known")
  lu.assertEquals(w.sources.changed, {})
end

function TestMigration:test_a_damaged_image_is_in_the_report()
  local w = self.w
  w.handled = { filesets = {}, problems = { { image = "bos.net.I", message = "bff: truncated" } }, read = 1 }
  w.migration.migrate(w.opts { phases = { 1, 2, 3, 4, 5 } })
  lu.assertStrContains(report_rules(w), "error bos.net.I: bff: truncated: what its filesets want done with their files is not known")
end

function TestMigration:test_what_became_of_the_files_is_in_the_log_and_the_report()
  local w = self.w
  w.outcome = { { file = "/etc/site", severity = "todo", rule = "yours is in /lpp/save.config/etc/site", chosen = "N" } }
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertStrContains(world.log_text(w), "altmig: /etc/site: yours is in /lpp/save.config/etc/site (todo)")
  local document = require("altmig.report").load(w.dir .. "/state/lpar/report.json")
  local found
  for _, entry in ipairs(document.entries) do found = found or entry.file == "/etc/site" and entry end
  lu.assertEquals({ found.severity, found.method, found.phase }, { "todo", "saved files", 5 })
end

function TestMigration:test_exports_are_for_exactly_master_and_engine()
  local w = self.w
  local seen = {}
  w.on_command = function(host, argv)
    if argv[1] == "exportfs" and host == "client" and argv[2] == "-i" then seen[argv[5]] = argv[4] end
  end
  w.migration.migrate(w.opts())
  local flags = "rw=nim:10.0.0.1,root=nim:10.0.0.1,access=nim:10.0.0.1"
  lu.assertEquals(seen, { ["/alt_inst"] = flags, ["/alt_inst/usr"] = flags })
end

function TestMigration:test_through_ssh_exports_are_for_the_client_itself()
  local w = self.w
  local text = assert(sys.read_file(w.dir .. "/nim.lua"))
  assert(sys.write_file(w.dir .. "/nim.lua", (text:gsub('lpar = { ssh = { host = "client" } }',
    'lpar = { ssh = { host = "client", port = 2222 }, nfs = { via = "ssh" } }')), { mode = 384 }))
  local seen = {}
  w.on_command = function(host, argv)
    if argv[1] == "exportfs" and host == "client" and argv[2] == "-i" then seen[argv[5]] = argv[4] end
  end
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  local flags = "rw=nim:10.0.0.2,root=nim:10.0.0.2,access=nim:10.0.0.2"
  lu.assertEquals(seen, { ["/alt_inst"] = flags, ["/alt_inst/usr"] = flags })
  lu.assertEquals(w.urls.via, { host = "client", port = 2222 })
  lu.assertEquals({ w.urls[1].url, w.urls[2].url }, { "nfs://10.0.0.2/alt_inst", "nfs://10.0.0.2/alt_inst/usr" })
end

function TestMigration:test_every_command_of_every_phase_may_fail_and_the_run_resumes()
  for _, command in ipairs { "exportfs", "bosboot", "installp", "/ALT_MIG_SPOT/sbin/alt_disk_copy", "dd", "savebase" } do
    world.remove(self.w)
    self.w = world.new()
    local w = self.w
    w.on_command = function(_, argv)
      if argv[1] == command and w.cloned then w.fail[command] = 1 end
    end
    if command:find("alt_disk_copy") then w.fail[command] = 1 end
    local e = fails(w.migration.migrate, w.opts())
    lu.assertTrue(e.code == "COMMAND" or e.code == "INSTALLP", command .. ": " .. tostring(e.code))
    w.fail, w.on_command = {}, nil
    lu.assertEquals(w.migration.resume(w.opts()), 0, command)
    lu.assertEquals(w.saved, 1, command)
    lu.assertEquals(w.exports.client, {}, command)
    lu.assertEquals(w.mounts.master, {}, command)
  end
end

function TestMigration:test_failure_withdraws_mounts_and_exports_and_keeps_the_copy()
  local w = self.w
  w.fail.bosboot = 1
  local e = fails(w.migration.migrate, w.opts())
  lu.assertEquals(e.phase, 8)
  lu.assertTrue(w.cloned)
  lu.assertEquals(w.exports.client, {})
  lu.assertEquals(w.mounts.master, {})
  lu.assertEquals(world.count(w, "bootlist %-m normal hdisk2"), 0)
end

function TestMigration:test_a_restore_that_was_interrupted_does_not_save_twice()
  local w = self.w
  w.on_restore = function() error { code = "NFS_LOST", message = "restore: lost" } end
  fails(w.migration.migrate, w.opts())
  w.on_restore = nil
  lu.assertEquals(w.migration.resume(w.opts()), 0)
  lu.assertEquals(w.saved, 1)
  lu.assertEquals(w.restored_when_saved, 0)
  lu.assertEquals(w.restored, 2)
end

function TestMigration:test_a_damaged_save_area_stops_the_resume()
  local w = self.w
  w.on_restore = function() error { code = "NFS_LOST", message = "restore: lost" } end
  fails(w.migration.migrate, w.opts())
  w.on_restore, w.save_damaged = nil, true
  lu.assertEquals(fails(w.migration.resume, w.opts()).code, "SAVE_DAMAGED")
  lu.assertEquals(w.saved, 1)
end

function TestMigration:test_nothing_is_written_when_a_file_system_of_the_copy_is_not_mounted()
  local w = self.w
  w.on_command = function(_, argv)
    if argv[1] == "mount" and argv[#argv]:find("ALT_MIG_IMAGES") then w.usr_unmounted = true end
  end
  local e = fails(w.migration.migrate, w.opts())
  lu.assertEquals(e.code, "ALT_NOT_MOUNTED")
  lu.assertStrContains(e.message, "/alt_inst/usr")
  lu.assertEquals(w.writes, 0)
  lu.assertEquals(w.restored, 0)
end

function TestMigration:test_an_export_that_serves_another_file_system_is_not_written()
  local w = self.w
  w.on_command = function(_, argv)
    if argv[1] == "mount" and argv[#argv]:find("ALT_MIG_IMAGES") then w.fsid = { ["/usr"] = "other" } end
  end
  lu.assertEquals(fails(w.migration.migrate, w.opts()).code, "ALT_NOT_MOUNTED")
  lu.assertEquals(w.writes, 0)
end

function TestMigration:test_a_failed_fileset_fails_phase_6()
  local w = self.w
  w.installp_result = "FAILED"
  local e = fails(w.migration.migrate, w.opts())
  lu.assertEquals(e.code, "INSTALLP")
  lu.assertEquals(e.phase, 6)
  lu.assertStrContains(e.message, "bos.net 7.2.5.0 USR FAILED")
end

-- The preview's section of failures stops the run, whatever its status; its warnings do not.
function TestMigration:test_installp_is_judged_by_its_failures_and_by_what_is_there_afterwards()
  local w = self.w
  local warning = "Pre-installation Failure/Warning Summary\n----\nName Level Pre-installation Failure/Warning\n----\n"
  w.preview = "FAILURES\n--------\n  Requisite Failures\n  ------------------\n"
    .. "  SELECTED FILESETS:  The following\n\n    bos.net 7.2.5.0      # Net\n\n"
    .. "  MISSING REQUISITES:  The following\n\n    acme.base 4.2.0.0    # Base Level Fileset\n\n  << End of Failure Section >>\n"
    .. ("x\n"):rep(40) .. warning .. "bos.net                   7.2.5.0         Requisite failure\n"
  local e = world.fails(w.migration.migrate, w.opts())
  lu.assertEquals(e.code, "INSTALLP")
  lu.assertStrContains(e.message, "missing requisites: acme.base 4.2.0.0. bos.net 7.2.5.0 (Requisite Failures)")
  lu.assertEquals(e.output, "SELECTED FILESETS: bos.net 7.2.5.0  # Net\nMISSING REQUISITES: acme.base 4.2.0.0  # Base Level Fileset")
  lu.assertEquals(world.count(w, "installp %-agXYb"), 0)
  w.preview = warning .. "bos.net                   7.2.5.0         Already superseded by 7.2.5.1\n"
    .. "bos.net                   7.2.5.0         To be superseded by a higher level\n"
  w.never_begun = true
  e = world.fails(w.migration.resume, w.opts())
  lu.assertEquals(e.code, "INSTALLP")
  lu.assertStrContains(e.message, "ended with status 0, but not all of it is installed: bos.net 7.2.5.0: lslpp has 7.1.5.0")
  w.never_begun, w.in_copy_state = nil, "BROKEN"
  lu.assertStrContains(world.fails(w.migration.resume, w.opts()).message, "lslpp has 7.2.5.0 BROKEN")
  w.in_copy_state = nil
  lu.assertEquals(w.migration.resume(w.opts()), 0)
end

function TestMigration:test_an_image_that_was_removed_is_not_selected_by_a_resume()
  local w = self.w
  w.installp_result = "FAILED"
  world.fails(w.migration.migrate, w.opts())
  w.images = { world.image("bos.net", "7.2.4.0") }
  w.answers.installp = function(_, host, argv)
    w.installp_result = nil
    return (w.handlers.installp(w, host, argv):gsub("7%.2%.5%.0", "7.2.4.0"))
  end
  w.in_copy = nil
  lu.assertEquals(w.migration.resume(w.opts()), 0)
  for _, record in ipairs(world.journal(w)) do
    if record.event == "done" and record.step == "select_filesets" then w.selected = record.result end
  end
  lu.assertEquals(w.selected, { { fileset = "bos.net", level = "7.2.4.0" } })
end

function TestMigration:test_only_filesets_the_client_had_are_installed()
  local w = self.w
  w.migration.migrate(w.opts())
  local selected
  for _, record in ipairs(world.journal(w)) do
    if record.event == "done" and record.step == "select_filesets" then selected = record.result end
  end
  lu.assertEquals(selected, { { fileset = "bos.net", level = "7.2.5.0" } })
end

function TestMigration:test_software_that_installp_did_not_make_ends_phase_6()
  local w = self.w
  w.file_problems = { { what = "sum", path = "/usr/bin/ls" } } -- nobody asked for these
  w.software = { ["bos.net"] = { level = "7.1.5.0" } }
  w.software_problems = { { what = "level", fileset = "bos.net" }, { what = "requisite", fileset = "old.rte" } }
  local e = fails(w.migration.migrate, w.opts())
  lu.assertEquals(e.code, "SOFTWARE")
  lu.assertStrContains(e.message, "level of bos.net")
  lu.assertNotStrContains(e.message, "old.rte", "which was so before: no reason to stop")
  lu.assertStrContains(e.remedy, "then resume")
  lu.assertEquals(w.planned_levels, { ["bos.net"] = "7.2.5.0" })
  lu.assertEquals(world.count(w, "bosboot"), 0)
  w.software_problems = { w.software_problems[2] }
  w.software = { ["acme.rte"] = { level = "1.0.0.0" }, ["bos.net"] = { level = "7.2.5.0" } }
  lu.assertEquals(w.migration.resume { client = "lpar", state = w.dir .. "/state", nim = w.dir .. "/nim.lua" }, 0)
  local document = require("altmig.cmd.report").document({ state = w.dir .. "/state" }, "lpar")
  local told = {}
  for _, entry in ipairs(document.entries) do
    if entry.method == "software" then told[#told + 1] = entry.group .. " " .. entry.rule end
  end
  lu.assertEquals(told, { "todo requisite of old.rte" })
  local levels = {}
  for _, row in ipairs(document.head.filesets) do levels[row.name] = ("%s %s"):format(row.old or "-", row.new or "-") end
  lu.assertEquals(levels["bos.net"], "7.1.5.0 7.2.5.0")
end

function TestMigration:test_files_are_verified_when_asked_for()
  local w = self.w
  w.file_problems = { { what = "sum", path = "/usr/bin/ls" } }
  lu.assertEquals(w.migration.migrate(w.opts { verify_restore = true }), 0)
  lu.assertStrContains(world.log_text(w), "altmig: software verified: 3 filesets, 6 files, 1 difference, in the report.")
end

function TestMigration:test_an_image_that_cannot_boot_never_reaches_the_disk()
  local w = self.w
  w.boot_verdict = "bad"
  lu.assertEquals(fails(w.migration.migrate, w.opts()).code, "BOOT_IMAGE")
  lu.assertEquals(w.boot_disks.written, {})
end

function TestMigration:test_inhibitors_end_with_status_3_before_anything_changes()
  local w = self.w
  for what, provoke in pairs {
    ["no-disk"] = function(o) o.disks = { "hdisk9" } end,
    ["disk-in-use"] = function() w.hdisk2 = "datavg" end,
    ["disk-too-small"] = function() w.disk_size = 100 end,
    ["level"] = function() w.level.client = "7200-05-01-2038" end,
    ["master-level"] = function() w.level.master = "7100-05-03-1846" end,
  } do
    w.level, w.disk_size, w.hdisk2 = { client = "7100-05-03-1846", master = "7200-05-06-2320" }, nil, nil
    local opts = w.opts()
    provoke(opts)
    local e = fails(w.migration.migrate, opts)
    lu.assertEquals(e.status, 3, what)
    lu.assertStrContains(e.message, what)
  end
  lu.assertEquals(world.count(w, "alt_disk_copy"), 0)
  lu.assertEquals(world.count(w, "exportfs %-i"), 0)
end

function TestMigration:test_spot_level_is_told_in_nimadms_words()
  local w = self.w
  w.spot_fix = 100
  lu.assertEquals(fails(w.migration.migrate, w.opts()).status, 3)
  lu.assertStrContains(world.log_text(w), "0505-205 nimadm: The level of bos.alt_disk_install.rte installed in SPOT\n"
    .. "spot (7.2.5.100) does not match the NIM master's level (7.2.5.101).")
end

function TestMigration:test_corrupt_bos_image()
  local w = self.w
  w.bos_broken = true
  local e = fails(w.migration.migrate, w.opts())
  lu.assertEquals(e.code, "BFF_CHECKSUM")
  lu.assertEquals(w.cloned, nil)
end

function TestMigration:test_second_run_is_refused_while_the_first_is_unfinished()
  local w = self.w
  w.fail.bosboot = 1
  fails(w.migration.migrate, w.opts())
  local e = fails(w.migration.migrate, w.opts())
  lu.assertEquals(e.code, "UNFINISHED")
  lu.assertStrContains(e.remedy, "altmig resume lpar")
end

function TestMigration:test_a_run_from_another_engine_host_is_locked_out_until_forced()
  local w = self.w
  w.client_lock = "other:/state"
  local e = fails(w.migration.migrate, w.opts())
  lu.assertEquals(e.status, 4)
  lu.assertStrContains(e.message, "other:/state")
  lu.assertEquals(w.migration.migrate(w.opts { force = true }), 0)
end

function TestMigration:test_partial_runs_go_on_with_the_same_journal()
  local w = self.w
  lu.assertEquals(fails(w.migration.migrate, w.opts { phases = { 4 } }).code, "NO_STATE")
  lu.assertEquals(w.migration.migrate(w.opts { phases = { 1, 2, 3 } }), 0)
  lu.assertEquals(fails(w.migration.migrate, w.opts { phases = { 5 }, disks = { "hdisk3" } }).code, "OTHER_RUN")
  lu.assertEquals(w.migration.migrate(w.opts { phases = { 4, 5, 6, 7, 8, 9, 10, 11, 12 } }), 0)
  lu.assertEquals(w.saved, 1)
  lu.assertEquals(w.exports.client, {})
end

function TestMigration:test_cleanup_removes_the_copy_and_frees_the_state()
  local w = self.w
  w.fail.bosboot = 1
  fails(w.migration.migrate, w.opts())
  w.fail = {}
  lu.assertEquals(w.migration.cleanup { client = "lpar", spot = "spot", nim = w.opts().nim, state = w.opts().state, quiet = true }, 0)
  lu.assertFalse(w.cloned)
  lu.assertEquals(w.exports.client, {})
  lu.assertEquals(w.exports.master, {})
  lu.assertEquals(w.mounts.client, {})
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
end

function TestMigration:test_unreachable_client_and_unknown_names()
  local w = self.w
  lu.assertEquals(fails(w.migration.migrate, w.opts { client = "gone" }).code, "SSH_CONNECT")
  local e = fails(w.migration.migrate, w.opts { client = "nobody" })
  lu.assertEquals(e.code, "UNKNOWN_CLIENT")
  lu.assertStrContains(e.message, "gone, lpar")
  lu.assertEquals(fails(w.migration.migrate, w.opts { lpp_source = "no" }).code, "UNKNOWN_LPP_SOURCE")
  lu.assertEquals(fails(w.migration.migrate, w.opts { spot = "no" }).code, "UNKNOWN_SPOT")
end

function TestMigration:test_a_site_step_runs_once()
  local w = self.w
  local path = w.dir .. "/flow.lua"
  local file = io.open(path, "w")
  file:write([[
    local flow = load(require("altmig.resource").read("scripts/migrate.lua"))()
    flow:before(8, function(m) m:step("motd", function() m.alt:write("/etc/motd", "site"); return 1 end) end)
    return flow]])
  file:close()
  w.fail.bosboot = 1
  fails(w.migration.migrate, w.opts { script = path })
  lu.assertEquals(w.files["/etc/motd"], "site")
  w.files["/etc/motd"], w.fail = nil, {}
  w.migration.resume(w.opts { script = path })
  lu.assertNil(w.files["/etc/motd"])
end

function TestMigration:test_images_of_the_engine_host_itself()
  local w = self.w
  local e = fails(w.migration.migrate, w.opts { lpp_source = "here" })
  lu.assertEquals(e.code, "INHIBITOR")
  lu.assertStrContains(world.log_text(w), "inhibitor: engine host: lpp_source here has no bos image at "
    .. w.dir .. "/lpp/installp/ppc/bos")
  assert(sys.makedirs(w.dir .. "/lpp/installp/ppc"))
  assert(sys.write_file(w.dir .. "/lpp/installp/ppc/bos", ""))
  w.answers.test = function(_, _, argv)
    return "", argv[2] == "-d" and argv[3] == w.dir .. "/lpp/installp/ppc" and 1 or 0
  end
  e = fails(w.migration.migrate, w.opts { lpp_source = "here" })
  lu.assertStrContains(e.message, "lpp-source-local")
  lu.assertStrContains(world.log_text(w), "installp of phase 6 runs on nim, which has no " .. w.dir .. "/lpp/installp/ppc")
  w.answers = {}
  lu.assertEquals(w.migration.migrate(w.opts { lpp_source = "here" }), 0)
  lu.assertEquals({ w.local_file, w.restored }, { "/" .. w.dir .. "/lpp/installp/ppc/bos", 1 })
  lu.assertEquals(world.count(w, "test %-r"), 0)
end

function TestMigration:test_a_world_writable_nim_file_is_refused()
  local w = self.w
  os.execute("chmod 0666 " .. w.dir .. "/nim.lua")
  local e = fails(w.migration.migrate, w.opts())
  lu.assertEquals(e.code, "NIM_FILE")
  lu.assertStrContains(e.message, "writable by group or others")
end

function TestMigration:test_a_lost_connection_keeps_the_job_of_its_step()
  local w = self.w
  local job
  w.on_command = function(_, argv)
    if argv[1] == "bosboot" then
      job = w.jobs[#w.jobs]
      w.on_command = nil
      error { code = "SSH_LOST", message = "lost" }
    end
  end
  fails(w.migration.migrate, w.opts())
  w.jobs = {}
  w.migration.resume(w.opts())
  lu.assertEquals(w.jobs[1], job)
end

local image_text = "image_data:\n\tX= 1\n\nvg_data:\n\tVGNAME= rootvg\n\tPPSIZE= 32\n\n"
  .. "lv_data:\n\tVOLUME_GROUP= rootvg\n\tLOGICAL_VOLUME= hd5\n\tTYPE= boot\n\tLPs= 1\n"

function TestMigration:test_the_resources_of_e_i_and_o_reach_alt_disk_copy_and_the_copy()
  local w = self.w
  w.files["/export/out"], w.files["/export/image"] = "^./data/\n^./tmp/core\n", image_text
  w.files["/export/bosinst"] = "control_flow:\n    PROMPT = no\n"
  local copied = {}
  w.on_command = function(_, argv)
    if argv[1]:find("alt_disk_copy") then
      copied[#copied + 1] = table.concat(argv, " ")
      lu.assertEquals(w.files["/var/adm/ras/alt_mig/lpar.image_data"], #copied == 1 and image_text or nil)
    end
  end
  w.migration.migrate(w.opts { exclude_files = "out", image_data = "image", bosinst_data = "bosinst" })
  lu.assertStrContains(copied[1], "-e /var/adm/ras/alt_mig/lpar.exclude_files -i /var/adm/ras/alt_mig/lpar.image_data")
  lu.assertNotStrContains(copied[2], "-e ")
  lu.assertNotStrContains(copied[2], "/var/adm/ras/alt_mig/lpar.")
  lu.assertEquals(w.files["/bosinst.data"], "control_flow:\n    PROMPT = no\n")
  lu.assertNil(w.files["/var/adm/ras/alt_mig/lpar.image_data"])
end

function TestMigration:test_a_resource_that_would_harm_is_an_inhibitor()
  local w = self.w
  for _, case in ipairs {
    { "exclude_files", "out", "/export/out", "^./data/\n\n", "line 2: an empty pattern matches every file" },
    { "exclude_files", "out", "/export/out", "^./data/\netc\n", "line 2: 'etc' leaves out ./etc/passwd" },
    { "exclude_files", "out", "/export/out", "[\n", "line 1: grep does not take '['" },
    { "exclude_files", "out", "/export/out", "", "empty" },
    { "exclude_files", "out", "/export/out", "^./da", "truncated" },
    { "exclude_files", "out", "/export/out", nil, "no such file" },
    { "image_data", "image", "/export/image", image_text:gsub("32", "33"), "power of two" },
    { "image_data", "image", "/export/image", image_text:sub(1, -3), "truncated" },
    { "bosinst_data", "bosinst", "/export/bosinst", "locale:\n", "control_flow" },
  } do
    w.files[case[3]] = case[4]
    local e = fails(w.migration.migrate, w.opts { [case[1]] = case[2] })
    lu.assertEquals(e.status, 3, case[5])
    lu.assertStrContains(world.log_text(w), case[5])
  end
  lu.assertNil(w.cloned)
  lu.assertEquals(fails(w.migration.migrate, w.opts { image_data = "no" }).code, "UNKNOWN_IMAGE_DATA")
end

function TestMigration:test_mount_options_of_m_follow_the_ones_safety_needs()
  local w = self.w
  w.fail.bosboot = 1
  fails(w.migration.migrate, w.opts { mount_options = "rsize=65536" })
  w.fail, w.log = {}, {}
  w.migration.resume(w.opts())
  lu.assertTrue(world.count(w, "mount %-o rw,vers=3,nodev,hard,intr,rsize=65536 lpar:/alt_inst/usr") > 0)
end

function TestMigration:test_debug_logs_every_command_and_its_status()
  local w = self.w
  w.fail.bosboot = 7
  fails(w.migration.migrate, w.opts { debug = true })
  local text = world.log_text(w)
  lu.assertStrContains(text, "+ lpar: exportfs -i -o")
  lu.assertStrContains(text, "+ nim: (chroot /lpar_alt/alt_inst) bosboot -a -b /tmp/.altmig/bootimage: status 7")
  lu.assertStrContains(text, '-P1 -D -d hdisk2: status 0')
  world.remove(w)
  self.w = world.new()
  self.w.migration.migrate(self.w.opts())
  lu.assertNotStrContains(world.log_text(self.w), "+ lpar:")
end

-- Events of --json that a run prints.
local function events_of(run)
  local json, text, real = require "altmig.json", {}, io.stdout
  rawset(io, "stdout", { write = function(_, ...) text[#text + 1] = table.concat { ... } end, flush = function() end })
  pcall(run)
  rawset(io, "stdout", real)
  local events = {}
  for line in table.concat(text):gmatch("[^\n]+") do events[#events + 1] = assert(json.decode(line)) end
  return events
end

function TestMigration:test_json_tells_every_phase_and_step_and_the_end()
  local w = self.w
  w.down = { ["client:nimsh"] = true }
  local opts = w.opts { json = true }
  opts.quiet = nil
  local seen, phases, open = {}, {}, {}
  for _, e in ipairs(events_of(function() w.migration.migrate(opts) end)) do
    lu.assertEquals(e.client, "lpar")
    lu.assertStrMatches(e.time, "%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ")
    if e.event == "phase_begin" then phases[#phases + 1] = e.phase end
    if e.event == "step_begin" then open[#open + 1] = e.step end
    if e.event == "step_done" then lu.assertEquals(table.remove(open), e.step) end
    if e.event == "finding" then lu.assertEquals(e.id, "nimsh") end
    if e.event == "progress" and e.what == "restore" then seen.restored = e end
    seen[e.event], seen.last = e, e
  end
  lu.assertEquals(phases, { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 })
  lu.assertEquals(open, {})
  lu.assertEquals(seen.start.options.disks, { "hdisk2" })
  lu.assertEquals(seen.phase_done.phase, 12)
  lu.assertNotNil(seen.line)
  lu.assertNotNil(seen.finding)
  lu.assertEquals({ seen.restored.percent, seen.restored.left }, { 100, 0 })
  lu.assertTrue(seen.restored.stats.files > 0)
  lu.assertEquals({ seen.last.event, seen.last.status }, { "ended", 0 })
end

function TestMigration:test_json_tells_what_failed()
  local w = self.w
  w.fail.bosboot = 1
  local opts = w.opts { json = true }
  opts.quiet = nil
  local seen = {}
  for _, e in ipairs(events_of(function() w.migration.migrate(opts) end)) do seen[e.event], seen.last = e, e end
  lu.assertEquals({ seen.step_failed.phase, seen.step_failed.step, seen.step_failed.code }, { 8, "build_boot_image", "COMMAND" })
  lu.assertEquals({ seen.phase_failed.phase, seen.phase_failed.host }, { 8, "nim" })
  lu.assertStrContains(seen.phase_failed.command, "bosboot -a -b")
  lu.assertStrContains(seen.phase_failed.output, "provoked")
  lu.assertEquals({ seen.last.event, seen.last.status, seen.last.code }, { "ended", 1, "COMMAND" })
  -- An inhibitor ends a run with 3, and the events say so.
  w.fail, w.tcb = {}, true
  opts = w.opts { json = true, state = w.dir .. "/other", force = true }
  opts.quiet = nil
  local events = events_of(function() w.migration.migrate(opts) end)
  lu.assertEquals({ events[#events].event, events[#events].status, events[#events].code }, { "ended", 3, "INHIBITOR" })
end

function TestMigration:test_restored_files_are_read_back_when_asked_for()
  local w = self.w
  w.migration.migrate(w.opts { verify_restore = true })
  local text = world.log_text(w)
  lu.assertStrContains(text, "altmig: restore: 100 %, ")
  lu.assertStrContains(text, "altmig: verify: 100 %, ")
  lu.assertStrMatches(text:match("altmig: %d+ files, %d+ bytes compared[^\n]*"), ".* 0 differences%.")
  world.remove(w)
  self.w = world.new()
  self.w.migration.migrate(self.w.opts())
  lu.assertNotStrContains(world.log_text(self.w), "compared")
  world.remove(self.w)
  self.w = world.new()
  self.w.differences = { { path = "/usr/bin/ls", what = "mode", want = "0755", have = "0700" } }
  local e = fails(self.w.migration.migrate, self.w.opts { verify_restore = true })
  lu.assertEquals(e.code, "RESTORE_DIFFERS")
  lu.assertStrContains(e.message, "/usr/bin/ls: mode is 0700 instead of 0755")
end

function TestMigration:test_a_dead_engine_at_any_record_resumes_to_the_same_end()
  self.w.migration.migrate(self.w.opts())
  local total = #world.journal(self.w)
  lu.assertTrue(total > 60)
  for count = 1, total - 1 do
    for _, before in ipairs { true, false } do
      world.remove(self.w)
      self.w = world.new()
      local w = self.w
      local where = ("dead %s record %d"):format(before and "before" or "after", count)
      w.cut_after(count, before)
      lu.assertEquals(fails(w.migration.migrate, w.opts()).code, "POWER_CUT", where)
      w.power_on()
      local ok, e = pcall(w.migration.resume, w.opts())
      if not ok and e.code == "NO_STATE" then
        lu.assertEquals(count, 1, where)
        ok, e = pcall(w.migration.migrate, w.opts())
      end
      lu.assertTrue(ok, where .. ": " .. tostring(not ok and e.message))
      lu.assertEquals(w.restored_when_saved, 0, where .. ": saved after the restore had begun")
      lu.assertEquals(w.merged[#w.merged], "convert_errlog", where)
      lu.assertEquals({ w.exports.client, w.exports.master, w.mounts.client, w.mounts.master }, { {}, {}, {}, {} }, where)
      lu.assertNil(w.client_lock, where)
      lu.assertTrue(world.count(w, "P3") >= 1, where)
    end
  end
end
