-- SPDX-License-Identifier: MIT
-- What programs have as /dev while they run in the copy: a directory of the master with harmless devices.

local lu = require "luaunit"
local world = require "fake_world"

local fails = world.fails
local root = "/lpar_alt/alt_inst"
local private = "/lpar_alt/dev"

TestPrivateDev = {}

world.fixture(TestPrivateDev)

-- What scripts of installp leave in /dev.
local function scripts_make(w, made)
  w.on_command = function(_, argv)
    if argv[1] ~= "installp" or argv[2] ~= "-agXYb" then return end
    for name, entry in pairs(made) do w.devices[private .. "/" .. name] = entry end
  end
end

local function in_private(w)
  local list = {}
  for path in pairs(w.devices) do
    if path:sub(1, #private + 1) == private .. "/" then list[#list + 1] = path end
  end
  return list
end

function TestPrivateDev:test_a_directory_lies_over_a_directory_and_no_device_over_anything()
  local w = self.w
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertTrue(world.count(w, "^master: mount %-v namefs " .. private .. " " .. root .. "/dev$") >= 1)
  lu.assertEquals(world.count(w, "mount .*/dev/"), 0)
  for _, line in ipairs(w.log) do
    if line:match("^master: mount %-o") then lu.assertStrContains(line, ",nodev,") end
  end
end

function TestPrivateDev:test_it_holds_the_masters_own_harmless_devices_with_its_numbers()
  local w = self.w
  w.devices["/dev/random"] = { kind = "c", major = "33", minor = "0", bits = "rw-r--r--" }
  w.devices["/dev/urandom"] = { kind = "b", major = "9", minor = "9" } -- no character device: left out
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  for line, count in pairs { ["null c 2 2"] = 1, ["zero c 2 3"] = 1, ["tty c 1 0"] = 1, ["random c 33 0"] = 1,
    ["urandom"] = 0, ["error"] = 0 } do
    lu.assertEquals(world.count(w, "^master: mknod " .. private .. "/" .. line), count, line)
  end
  lu.assertEquals(world.count(w, "chmod 666 " .. private .. "/null"), 1)
  lu.assertEquals(world.count(w, "chmod 644 " .. private .. "/random"), 1)
  lu.assertEquals(in_private(w), {})
end

function TestPrivateDev:test_a_master_without_dev_null_stops_phase_3()
  local w = self.w
  w.devices["/dev/null"] = { kind = "f" }
  local e = fails(w.migration.migrate, w.opts())
  lu.assertEquals({ e.code, e.phase }, { "NO_DEV_NULL", 3 })
  lu.assertEquals(w.mounts.master, {})
end

function TestPrivateDev:test_what_scripts_made_is_carried_into_the_copy()
  local w = self.w
  w.stats["/dev/lft"], w.stats["/dev/xti"] = { type = "link" }, { type = "char" }
  scripts_make(w, { lft = { kind = "l", target = "lft0" }, conf = { kind = "f", text = "a line" },
    ["sub"] = { kind = "d", bits = "rwxr-x---" }, ["sub/deep"] = { kind = "l", target = "../null" }, xti = { kind = "l", target = "tcp" } })
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertEquals(w.links, { ["/dev/lft"] = "lft0", ["/dev/sub/deep"] = "../null" })
  lu.assertEquals(w.files["/dev/conf"], "a line")
  lu.assertStrContains(world.log_text(w), "altmig: /dev/xti: a script made a link of this name on nim; the copy has a char there")
  lu.assertEquals(in_private(w), {})
end

function TestPrivateDev:test_a_device_that_a_script_made_is_named_and_not_carried()
  local w = self.w
  scripts_make(w, { rmt9 = { kind = "c", major = "44", minor = "1" }, null = { kind = "f", text = "swallowed" } })
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertStrContains(world.log_text(w), "altmig: /dev/rmt9: a script made this device (c 44,1) on nim")
  lu.assertNil(w.files["/dev/rmt9"])
  lu.assertNil(w.files["/dev/null"])
  -- What took the place of /dev/null is a device again before anything else runs there.
  lu.assertEquals(world.count(w, "mknod " .. private .. "/null c 2 2"), 2)
end

function TestPrivateDev:test_what_scripts_made_before_a_failure_is_carried_by_the_resume()
  local w = self.w
  scripts_make(w, { lft = { kind = "l", target = "lft0" } })
  w.installp_result = "FAILED"
  fails(w.migration.migrate, w.opts())
  lu.assertEquals(w.mounts.master, {})
  lu.assertNotNil(w.devices[private .. "/lft"])
  lu.assertNil(w.devices[private .. "/null"])
  w.installp_result, w.on_command = nil, nil
  lu.assertEquals(w.migration.resume(w.opts()), 0)
  lu.assertEquals(w.links, { ["/dev/lft"] = "lft0" })
  lu.assertEquals(in_private(w), {})
end

function TestPrivateDev:test_what_cannot_be_carried_keeps_no_mount_and_is_carried_later()
  local w = self.w
  w.on_command = function(_, argv)
    if argv[1] == "bosboot" then w.devices[private .. "/late"] = { kind = "f", text = "a line" } end
    if argv[1] == "cat" and argv[2] == private .. "/late" then w.fail.cat = 1 end
  end
  local e = fails(w.migration.migrate, w.opts())
  lu.assertStrContains(e.message, "cat: exit status 1")
  lu.assertEquals(w.mounts.master, {})
  lu.assertNotNil(w.devices[private .. "/late"])
  w.on_command, w.fail = nil, {}
  lu.assertEquals(w.migration.resume(w.opts()), 0)
  lu.assertEquals(w.files["/dev/late"], "a line")
  lu.assertEquals(in_private(w), {})
end

function TestPrivateDev:test_a_cleanup_removes_it_with_and_without_a_journal()
  for _, lost in ipairs { false, true } do
    world.remove(self.w)
    self.w = world.new()
    local w = self.w
    scripts_make(w, { lft = { kind = "l", target = "lft0" } })
    w.fail.bosboot = 1
    fails(w.migration.migrate, w.opts())
    w.devices[private .. "/left"] = { kind = "c", major = "1", minor = "1" }
    if lost then os.remove(w.dir .. "/state/lpar/journal") end
    lu.assertEquals(w.migration.cleanup(w.opts { yes = true, disk = "hdisk2" }), 0)
    lu.assertEquals(in_private(w), {})
  end
end

-- Of a run whose journal is lost.
function TestPrivateDev:test_what_was_there_before_goes_first()
  local w = self.w
  w.devices[private .. "/hdisk0"] = { kind = "b", major = "20", minor = "0" }
  w.on_command = function(_, argv)
    if argv[1] == "mount" and argv[2] == "-v" and argv[4] == private then lu.assertNil(w.devices[private .. "/hdisk0"]) end
  end
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertNil(w.devices[private .. "/hdisk0"])
end

function TestPrivateDev:test_a_plain_file_can_be_placed_and_does_not_come_into_the_copy()
  local w = self.w
  w.on_command = function(_, argv)
    if argv[1] == "bosboot" and w.m then
      w.m:place_in_private_dev "ipldevice"
      lu.assertEquals(w.devices[private .. "/ipldevice"].kind, "f")
      for _, name in ipairs { "null", "", "a/b", "../x", ".x", "-rf", "a b", ("x"):rep(65), "a\nb" } do
        lu.assertEquals(fails(w.m.place_in_private_dev, w.m, name).code, "EINVAL", name)
      end
      w.devices[private .. "/hd5"] = { kind = "l", target = "/dev/hd5" }
      lu.assertEquals(fails(w.m.place_in_private_dev, w.m, "hd5").code, "LINK_IN_PATH")
      w.devices[private .. "/hd5"] = nil
      w.m:place_in_private_dev "rhd5"
      w.m:remove_from_private_dev "rhd5"
      lu.assertNil(w.devices[private .. "/rhd5"])
      w.tried = true
    end
  end
  local mounts = require "altmig.run.steps.mounts"
  local run = mounts.steps.mount.run
  mounts.steps.mount.run = function(m, ...)
    w.m = m
    return run(m, ...)
  end
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  mounts.steps.mount.run = run
  lu.assertTrue(w.tried)
  lu.assertNil(w.files["/dev/ipldevice"])
  lu.assertEquals(in_private(w), {})
end
