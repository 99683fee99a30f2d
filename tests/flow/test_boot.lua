-- SPDX-License-Identifier: MIT
-- Phases 8 and 11: the boot image on the disks, what is found there in the end, and the bootlist.

local lu = require "luaunit"
local sys = require "altmig.sys"
local world = require "fake_world"
local boot_disks = require "boot_disks"

local fails = world.fails

TestBoot = {}

world.fixture(TestBoot)

local P3 <const> = "/ALT_MIG_SPOT/sbin/alt_disk_copy"

-- Something happens to the disk in phase 11, after alt_disk_copy or by it.
local function in_phase_11(w, fn)
  w.answers[P3] = function(world_, host, argv)
    local text, status = w.handlers[P3](world_, host, argv)
    if argv[4] == "-P3" then fn(w.boot_disks) end
    return text, status
  end
end

local function change(disks, at, from, bytes)
  local sector = disks:read("hdisk2", at, 1)
  disks:write("hdisk2", at, sector:sub(1, from) .. bytes .. sector:sub(from + #bytes + 1))
end

function TestBoot:test_a_good_run_sets_the_bootlist_when_all_is_judged()
  local w = self.w
  local order = {}
  w.on_command = function(_, argv)
    local line = table.concat(argv, " ")
    if line:match("^dd .*of=") or line:match("^savebase") or line:match("%-P3") or line:match("^bootlist %-m normal h") then
      order[#order + 1] = line
    end
  end
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertEquals(order, { "dd if=/alt_inst/tmp/.altmig/bootimage of=/dev/ralt_hd5 bs=131072",
    "dd if=/alt_inst/tmp/.altmig/bootimage.record of=/dev/rhdisk2 bs=512 count=1",
    "savebase -o /alt_inst/etc/objrepos -d /dev/alt_hd5", P3 .. " -M 7.2 -P3 -B -d hdisk2", "bootlist -m normal hdisk2" })
  lu.assertEquals(w.bootlist, "hdisk2")
  lu.assertStrContains(world.log_text(w), "\nBootlist is set to the boot disk: hdisk2 blv=hd5\n")
  lu.assertEquals(world.count(w, "^%l+: mkboot"), 0)
  lu.assertEquals(w.boot_disks:read("hdisk2", 4352, 80), w.boot_image)
end

function TestBoot:test_a_flow_without_set_bootlist_is_told_of_it()
  local w = self.w
  local path = w.dir .. "/old.lua"
  local stock = assert(sys.read_file((os.getenv "ALTMIG_LUA" or ".") .. "/scripts/migrate.lua"))
  local old, count = stock:gsub("\n%s+m:set_bootlist%(%)", "")
  lu.assertEquals(count, 1)
  assert(sys.write_file(path, old, { mode = 384 }))
  lu.assertEquals(w.migration.migrate(w.opts { script = path, reboot = true }), 0)
  lu.assertNil(w.bootlist)
  lu.assertStrContains(world.log_text(w), "the bootlist of lpar was not set: the flow script has no m:set_bootlist()")
  lu.assertStrContains(world.log_text(w), "lpar is not rebooted")
end

function TestBoot:test_what_was_in_the_first_sector_is_in_the_journal_before_it_is_written()
  local w = self.w
  local old = w.boot_disks:read("hdisk2", 0, 1)
  w.on_command = function(_, argv)
    if argv[3] ~= "of=/dev/rhdisk2" then return end
    local kept
    for _, record in ipairs(world.journal(w)) do
      if record.event == "boot_record" then kept = record end
    end
    lu.assertEquals({ kept.disk, kept.vg, #kept.sector }, { "hdisk2", w.vg, 1024 })
    lu.assertEquals((kept.sector:gsub("%x%x", function(h) return string.char(tonumber(h, 16)) end)), old)
  end
  lu.assertEquals(w.migration.migrate(w.opts { phases = { 1, 2, 3, 4, 5, 6, 7, 8 } }), 0)
  w.on_command = nil
  -- A second attempt must not take the record of the first for what was there.
  lu.assertNotEquals(w.boot_disks:read("hdisk2", 0, 1), old)
  lu.assertEquals(w.migration.migrate(w.opts { phases = { 8 } }), 0)
  lu.assertEquals(w.migration.cleanup(w.opts()), 0)
  lu.assertEquals(w.boot_disks:read("hdisk2", 0, 1), old)
  lu.assertFalse(w.cloned)
end

function TestBoot:test_a_sector_that_is_another_disks_by_now_is_left_and_said()
  local w = self.w
  lu.assertEquals(w.migration.migrate(w.opts { phases = { 1, 2, 3, 4, 5, 6, 7, 8 } }), 0)
  change(w.boot_disks, 0, 128, "another.")
  local now = w.boot_disks:read("hdisk2", 0, 1)
  lu.assertEquals(w.migration.cleanup(w.opts()), 0)
  lu.assertEquals(w.boot_disks:read("hdisk2", 0, 1), now)
  lu.assertStrContains(world.log_text(w), "the boot record of hdisk2 was not put back: hdisk2 has another identifier")
end

function TestBoot:test_a_disk_of_somebody_else_stops_phase_8_with_nothing_written()
  local w = self.w
  w.boot_disks:write("hdisk2", 0, "\xEB\x63\x90" .. ("\0"):rep(507) .. "\x55\xAA")
  local e = fails(w.migration.migrate, w.opts())
  lu.assertEquals({ e.code, e.phase, e.host }, { "BOOT_SECTOR_FOREIGN", 8, "lpar" })
  lu.assertStrContains(e.remedy, "dd if=/dev/rDISK bs=512 count=1")
  lu.assertEquals(w.boot_disks.written, {})
end

function TestBoot:test_a_boot_volume_without_room_says_what_to_do()
  local w = self.w
  w.boot_image = boot_disks.image(65536)
  local e = fails(w.migration.migrate, w.opts())
  lu.assertEquals(e.code, "BOOT_PLACE_SIZE")
  lu.assertStrContains(e.remedy, "nimadm -C -c lpar -s spot")
  lu.assertEquals(w.boot_disks.written, {})
end

function TestBoot:test_what_would_not_boot_leaves_the_bootlist_and_says_what_to_type()
  for what, spoil in pairs {
    ["kernel and RAM file system are not those that were written"] = function(d) change(d, 4360, 1, "?") end,
    ["boot record: the first sector of the disk is none"] = function(d) change(d, 0, 0, "?") end,
    ["boot record: no active partition"] = function(d) change(d, 0, 446, "\0") end,
    ["save-base area: nothing is in it"] = function(d) d:write("hdisk2", 4432, ("\0"):rep(256 * 512)) end,
  } do
    world.remove(self.w)
    self.w = world.new()
    local w = self.w
    in_phase_11(w, spoil)
    local e = fails(w.migration.migrate, w.opts())
    lu.assertEquals({ e.code, e.phase }, { "BOOT_NOT_GOOD", 11 }, what)
    lu.assertStrContains(e.message, what)
    lu.assertStrContains(e.remedy, "nimadm -C -c lpar -s spot")
    lu.assertStrContains(e.remedy, "altmig resume lpar --accept-boot-image, or on lpar: bootlist -m normal hdisk2")
    lu.assertNil(w.bootlist)
    -- Put in order by hand, it is judged once more by a resume; alt_disk_copy is not run again.
    w.log = {}
    e = fails(w.migration.resume, w.opts())
    lu.assertEquals(e.code, "BOOT_NOT_GOOD", what)
    lu.assertEquals(world.count(w, "%-P3"), 0)
    lu.assertEquals(w.migration.resume(w.opts { accept_boot_image = true }), 0)
    lu.assertEquals(w.bootlist, "hdisk2")
  end
end

-- Layouts that were never seen on a real image say nothing against it.
function TestBoot:test_an_image_that_is_not_recognised_ends_the_run_without_a_bootlist()
  local w = self.w
  w.boot_verdict = "unknown"
  lu.assertEquals(w.migration.migrate(w.opts { reboot = true }), 0)
  lu.assertNil(w.bootlist)
  lu.assertEquals(world.count(w, "shutdown"), 0)
  local text = world.log_text(w)
  lu.assertStrContains(text, "the bootlist of lpar is left alone\n  remedy: if you know that it does, on lpar: bootlist -m normal hdisk2")
  lu.assertStrContains(text, "lpar is not rebooted")
  local report = sys.read_file(w.dir .. "/state/lpar/report.json")
  lu.assertStrContains(report, "the bootlist was left alone, the boot image is unknown: provoked")
  world.remove(w)
  self.w = world.new()
  self.w.boot_verdict = "unknown"
  lu.assertEquals(self.w.migration.migrate(self.w.opts { accept_boot_image = true }), 0)
  lu.assertEquals(self.w.bootlist, "hdisk2")
end

function TestBoot:test_an_image_that_alt_disk_copy_wrote_is_taken_for_what_it_is()
  local w = self.w
  in_phase_11(w, function(d) d:write("hdisk2", 4352, boot_disks.image(79, 1700000000)) end)
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertEquals(w.bootlist, "hdisk2")
  lu.assertStrContains(world.log_text(w), "alt_disk_copy wrote a boot image of its own")
end

function TestBoot:test_flag_B_judges_and_leaves_the_bootlist()
  local w = self.w
  lu.assertEquals(w.migration.migrate(w.opts { no_bootlist = true }), 0)
  lu.assertNil(w.bootlist)
  lu.assertNotStrContains(world.log_text(w), "Bootlist is set")
  for _, record in ipairs(world.journal(w)) do
    if record.event == "done" and record.step == "set_bootlist" then
      lu.assertEquals({ record.result.verdict, record.result.set }, { "good", false })
      return
    end
  end
  lu.fail("no verdict in the journal")
end

function TestBoot:test_a_bootlist_that_does_not_take_is_a_failure()
  local w = self.w
  w.answers.bootlist = "hdisk0 blv=hd5 pathid=0\n"
  local e = fails(w.migration.migrate, w.opts())
  lu.assertEquals(e.code, "BOOTLIST")
  lu.assertStrContains(e.remedy, "bootlist -m normal hdisk2; then resume")
end

-- Where bosboot insists on a device, it gets the name of a plain file.
function TestBoot:test_a_bosboot_that_insists_on_a_device()
  local w = self.w
  local real, asked = w.handlers.bosboot, {}
  w.answers.bosboot = function(world_, host, argv)
    asked[#asked + 1] = table.concat(argv, " ")
    if not argv[5] then return "0301-150 bosboot: Invalid or no boot device specified!\n", 1 end
    return real(world_, host, argv)
  end
  local m = require "altmig.migration".look(w.opts { no_log = true }, function(m) return m end)
  if not m.place_in_private_dev then lu.skip "the copy has no /dev of its own here" end
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertEquals(asked, { "bosboot -a -b /tmp/.altmig/bootimage", "bosboot -a -b /tmp/.altmig/bootimage -d /dev/ipldevice" })
  lu.assertEquals(w.bootlist, "hdisk2")
end
