-- SPDX-License-Identifier: MIT
-- A client has root on its copy while it is migrated: links it makes there lead nothing of the master
-- astray. And what a run puts into the copy is gone at its end.

local lu = require "luaunit"
local world = require "fake_world"

local fails = world.fails
local root = "/lpar_alt/alt_inst"

TestLinks = {}

world.fixture(TestLinks)

-- The commands on the master that change something, since `from`.
local function changes(w, from)
  local list = {}
  for i = from or 1, #w.log do
    local word = w.log[i]:match("^master: (%S+)")
    if word == "mkdir" or word == "rmdir" or word == "rm" or word == "cp" or w.log[i]:match("^master: u?mount ") then
      list[#list + 1] = w.log[i]
    end
  end
  return list
end

function TestLinks:test_a_link_on_the_way_to_a_mount_point_stops_the_run_before_the_mount()
  for _, link in ipairs { "/dev", "/usr", "/ALT_MIG_IMAGES", "" } do
    world.remove(self.w)
    self.w = world.new()
    local w = self.w
    w.kinds[root .. link] = "link"
    local e = fails(w.migration.migrate, w.opts())
    lu.assertEquals({ e.code, e.phase }, { "LINK_IN_PATH", 3 }, link)
    lu.assertStrContains(e.message, ("nim: %s%s is a symbolic link"):format(root, link))
    lu.assertStrContains(e.remedy, ("on lpar: look at it with ls -ld /alt_inst%s"):format(link))
    for _, line in ipairs(changes(w)) do
      lu.assertNil(line:find(root .. link, 1, true) and line:match("^master: mount"), line)
    end
    lu.assertEquals({ w.mounts.master, w.exports.client }, { {}, {} }, link)
    w.kinds = {}
    lu.assertEquals(w.migration.resume(w.opts()), 0, link)
  end
end

function TestLinks:test_a_mount_point_that_is_something_else_is_not_mounted_on()
  for path, kind in pairs { ["/usr"] = "file", ["/ALT_MIG_IMAGES"] = "other", ["/dev"] = "file" } do
    world.remove(self.w)
    self.w = world.new()
    local w = self.w
    w.kinds[root .. path] = kind
    local e = fails(w.migration.migrate, w.opts())
    lu.assertEquals({ e.code, e.phase }, { "NOT_PLAIN", 3 }, path)
    lu.assertEquals(w.mounts.master, {}, path)
  end
end

-- Between the look and the mount the client is quicker: the table says where it went.
function TestLinks:test_a_mount_that_went_astray_is_taken_away_and_the_run_stops()
  for link, where in pairs { ["/dev"] = "/etc/security", ["/usr"] = "/usr", ["/ALT_MIG_IMAGES"] = "/home" } do
    world.remove(self.w)
    self.w = world.new()
    local w = self.w
    w.leads = { [root .. link] = where }
    local e = fails(w.migration.migrate, w.opts())
    lu.assertEquals({ e.code, e.phase }, { "MOUNT_ASTRAY", 3 }, link)
    lu.assertStrContains(e.message, ("is at %s; it was taken away again"):format(where))
    lu.assertEquals(w.mounts.master, {}, link)
    local seen
    for _, record in ipairs(world.journal(w)) do
      if record.event == "mounted" then
        for _, row in ipairs(record.mounts) do seen = seen or row.at == where end
      end
    end
    lu.assertTrue(seen, link)
    w.leads = nil
    lu.assertEquals(w.migration.resume(w.opts()), 0, link)
  end
end

function TestLinks:test_a_mount_that_the_table_has_at_its_place_but_is_not_there_goes_too()
  local w = self.w
  w.df_finds = "/home"
  local e = fails(w.migration.migrate, w.opts())
  lu.assertEquals(e.code, "MOUNT_ASTRAY")
  lu.assertStrContains(e.message, "df finds /home there; it was taken away again")
  lu.assertEquals(w.mounts.master, {})
end

function TestLinks:test_a_stray_mount_that_stays_is_named_and_goes_by_the_journal()
  local w = self.w
  w.leads = { [root .. "/ALT_MIG_IMAGES"] = "/home" }
  w.on_command = function(_, argv)
    if argv[1] == "mount" and argv[#argv] == root .. "/ALT_MIG_IMAGES" then w.fail.umount = 1 end
  end
  local e = fails(w.migration.migrate, w.opts())
  lu.assertStrContains(e.message, "it could not be taken away")
  lu.assertStrContains(e.remedy, "on nim: mount lists it (/home)")
  lu.assertNotNil(w.mounts.master["/home"])
  lu.assertStrContains(world.log_text(w), "/export/lpp is mounted at /home of nim")
  w.leads, w.on_command, w.fail = nil, nil, {}
  w.mounts.master["/mnt"] = { node = "", source = "/export/lpp", vfs = "namefs" } -- somebody else's
  lu.assertEquals(w.migration.resume(w.opts()), 0)
  lu.assertEquals(w.mounts.master, { ["/mnt"] = { node = "", source = "/export/lpp", vfs = "namefs" } })
end

function TestLinks:test_an_engine_that_dies_within_a_mount_finds_it_wherever_it_is()
  local w = self.w
  w.leads = { [root .. "/ALT_MIG_IMAGES"] = "/home" }
  w.mounts.master = { ["/other_alt/alt_inst/ALT_MIG_IMAGES"] = { node = "", source = "/export/lpp", vfs = "namefs" },
    ["/mnt"] = { node = "", source = "/export/lpp", vfs = "namefs" } }
  w.on_command = function(_, argv)
    if argv[1] == "mount" and #argv == 1 and w.mounts.master["/home"] then w.power_cut = true end
  end
  fails(w.migration.migrate, w.opts())
  lu.assertNotNil(w.mounts.master["/home"])
  w.mounts.master["/third_alt/alt_inst/ALT_MIG_IMAGES"] = { node = "", source = "/export/lpp", vfs = "namefs" } -- made since
  w.leads, w.on_command, w.power_cut = nil, nil, nil
  lu.assertEquals(w.migration.resume(w.opts()), 0)
  lu.assertNil(w.mounts.master["/home"])
  for _, at in ipairs { "/mnt", "/other_alt/alt_inst/ALT_MIG_IMAGES", "/third_alt/alt_inst/ALT_MIG_IMAGES" } do
    lu.assertNotNil(w.mounts.master[at], at)
  end
end

function TestLinks:test_what_else_is_mounted_at_the_place_ends_the_run()
  local w = self.w
  w.on_command = function(_, argv)
    if argv[1] == "mkdir" and argv[#argv] == root then
      w.on_command = nil
      w.mounts.master[root .. "/usr"] = { node = "", source = "/export/other", vfs = "namefs" }
    end
  end
  local e = fails(w.migration.migrate, w.opts())
  lu.assertEquals(e.code, "OTHER_MOUNT")
  lu.assertStrContains(e.message, "/export/other is mounted at " .. root .. "/usr")
end

function TestLinks:test_nothing_is_unmounted_through_a_link()
  local w = self.w
  w.on_command = function(_, argv)
    if argv[1] == "bosboot" then w.kinds[root .. "/usr"], w.fail.bosboot = "link", 1 end
  end
  fails(w.migration.migrate, w.opts())
  local at
  for i, line in ipairs(w.log) do
    if line:find("bosboot -a", 1, true) then at = i end
  end
  for _, line in ipairs(changes(w, at)) do lu.assertNil(line:find("umount .*/usr$"), line) end
  lu.assertNotNil(w.mounts.master[root .. "/usr"])
  lu.assertEquals(w.exports.client, {})
  lu.assertStrContains(world.log_text(w), "/alt_inst/usr is mounted at " .. root .. "/usr of nim")
  w.kinds, w.on_command, w.fail = {}, nil, {}
  lu.assertEquals(w.migration.resume(w.opts()), 0)
  lu.assertEquals(w.mounts.master, {})
end

function TestLinks:test_a_dead_nfs_server_does_not_keep_the_mounts()
  local w = self.w
  w.on_command = function(_, argv)
    if argv[1] == "bosboot" then w.fail.bosboot, w.hangs = 1, "sh" end
  end
  fails(w.migration.migrate, w.opts())
  lu.assertEquals(w.mounts.master, {})
end

function TestLinks:test_names_of_file_systems_stay_below_the_copy()
  for _, name in ipairs { "/alt_inst/../etc", "/alt_inst/./usr", "/alt_inst//usr", "/alt_inst/a b", "/alt_inst/a?b", "/alt_inst/a:b" } do
    world.remove(self.w)
    self.w = world.new()
    local w = self.w
    local handler = w.handlers.lsvg
    w.answers.lsvg = function(world_of, host, argv)
      if argv[3] == "altinst_rootvg" then
        return "altinst_rootvg:\nalt_hd4 jfs2 1 1 1 open/syncd /alt_inst\nalt_x jfs2 1 1 1 open/syncd " .. name .. "\n"
      end
      return handler(world_of, host, argv)
    end
    local e = fails(w.migration.migrate, w.opts())
    lu.assertEquals(e.code, "FILESYSTEM_NAME", name)
    lu.assertEquals(world.count(w, "^master: mount %-o"), 0, name)
    lu.assertEquals(world.count(w, "exportfs %-i .*alt_inst"), 0, name)
  end
end

function TestLinks:test_an_answer_of_another_shape_is_refused()
  for _, answer in ipairs { "", "altmig-plain\n", "altmig-path dir\naltmig-plain\n", "altmig-path door\n", "dir\ndir\n",
    ("altmig-path dir\n"):rep(9) } do
    world.remove(self.w)
    self.w = world.new()
    local w = self.w
    local handler = w.handlers.sh
    w.answers.sh = function(world_of, host, argv, ...)
      if host == "master" and (argv[3] or ""):find("altmig-plain", 1, true) then return answer end
      return handler(world_of, host, argv, ...)
    end
    lu.assertEquals(fails(w.migration.migrate, w.opts()).code, "BAD_ANSWER", answer)
    lu.assertEquals(w.mounts.master, {}, answer)
  end
end

function TestLinks:test_nothing_of_the_copy_runs_on_the_master_before_the_restore()
  local w = self.w
  local chroots, restored = 0, false
  w.answers["/export/pre.sh"] = "prepared\n"
  w.on_restore = function() restored = true end
  w.on_run = function(host, argv, opts)
    if host ~= "master" or not opts.chroot then return end
    chroots = chroots + 1
    lu.assertTrue(restored, table.concat(argv, " "))
  end
  lu.assertEquals(w.migration.migrate(w.opts { pre_script = "pre" }), 0)
  lu.assertTrue(chroots > 3)
end

function TestLinks:test_a_flow_that_asks_for_it_is_refused()
  local w = self.w
  local path = w.dir .. "/flow.lua"
  local file = io.open(path, "w")
  file:write([[
    local flow = load(require("altmig.resource").read("scripts/migrate.lua"))()
    flow:before(5, function(m) m.exec:must { "oslevel" } end)
    return flow]])
  file:close()
  local e = fails(w.migration.migrate, w.opts { script = path })
  lu.assertEquals(e.code, "NOT_RESTORED")
  lu.assertStrContains(e.remedy, 'chroot = "/alt_inst"')
end

function TestLinks:test_the_probe_goes_through_no_link()
  local w = self.w
  w.kinds[root .. "/.altmig_probe"] = "link"
  local e = fails(w.migration.migrate, w.opts())
  lu.assertEquals(e.code, "LINK_IN_PATH")
  lu.assertStrContains(e.message, "it was not read")
  lu.assertEquals(world.count(w, "^master: cat " .. root), 0)
end

function TestLinks:test_sides_that_do_not_see_the_same_are_mounted_again_once()
  local w = self.w
  local real, blind = w.handlers.cat, 1
  w.answers.cat = function(world_of, host, argv)
    if host == "master" and blind > 0 and argv[2]:find(root, 1, true) then
      blind = blind - 1
      return "old"
    end
    return real(world_of, host, argv)
  end
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertStrContains(world.log_text(w), "client nfs mounts may be out of sync")
  world.remove(self.w)
  self.w = world.new()
  self.w.answers.mkdir = function() return "" end -- says yes and does nothing
  lu.assertEquals(fails(self.w.migration.migrate, self.w.opts()).code, "OUT_OF_SYNC")
end

-- What a killed run of long ago left in the running rootvg, and the clone took along.
local function plant(w)
  local footprint = require "altmig.run.footprint"
  for _, entry in ipairs(footprint.list("lpar")) do w.stats[entry.path] = { type = "dir", uid = 0, gid = 0, mode = 493 } end
  w.stats[footprint.work] = { type = "link", uid = 200, gid = 1, mode = 511, target = "/etc" }
  w.files["/etc/.passwd.altmig-new"], w.files["/etc/methods.cfg.altmig-link"] = "", ""
  return footprint.list("lpar")
end

local function assert_clean(w, list)
  for _, entry in ipairs(list) do
    lu.assertNil(w.stats[entry.path], entry.path)
    lu.assertNil(w.files[entry.path], entry.path)
    lu.assertNil(w.dirs[entry.path], entry.path)
  end
  lu.assertNil(w.files["/etc/.passwd.altmig-new"])
  lu.assertNil(w.files["/etc/methods.cfg.altmig-link"])
end

function TestLinks:test_what_a_run_makes_in_the_copy_is_gone_before_phase_10()
  local w = self.w
  local list = plant(w)
  local looked
  w.on_command = function(host, argv)
    if host == "client" and argv[1] == "exportfs" and argv[2] == "-u" then
      looked = true
      assert_clean(w, list)
    end
  end
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertTrue(looked)
end

function TestLinks:test_it_is_gone_also_after_a_resume()
  for _, command in ipairs { "installp", "bosboot", "find" } do
    world.remove(self.w)
    self.w = world.new()
    local w = self.w
    local list = plant(w)
    w.on_command = function(_, argv)
      if argv[1] == command then w.power_cut = true end
    end
    fails(w.migration.migrate, w.opts())
    w.on_command, w.power_cut = nil, nil
    lu.assertEquals(w.migration.resume(w.opts()), 0, command)
    assert_clean(w, list)
  end
end

function TestLinks:test_a_directory_of_ours_with_files_of_others_stays_and_is_in_the_report()
  local w = self.w
  w.stats["/ALT_MIG_SPOT"] = { type = "dir", uid = 0, gid = 0, mode = 493, full = true }
  w.stats["/var/adm/ras/alt_mig"] = { type = "dir", uid = 0, gid = 0, mode = 493, full = true } -- of an engine host
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  local found = {}
  for _, entry in ipairs(require("altmig.report").load(w.dir .. "/state/lpar/report.json").entries) do
    if entry.method == "clear_copy" then found[#found + 1] = entry.file .. " " .. entry.severity end
  end
  lu.assertEquals(found, { "/ALT_MIG_SPOT todo" })
end

function TestLinks:test_what_root_writes_in_tmp_is_in_a_directory_of_root_alone()
  local w = self.w
  w.stats["/tmp/.altmig"] = { type = "dir", uid = 200, gid = 1, mode = 511 }
  w.on_command = function(_, argv)
    if argv[1] == "bosboot" or argv[2] == "-apgXY" then
      lu.assertNil(w.stats["/tmp/.altmig"])
      lu.assertTrue(w.dirs["/tmp/.altmig"])
    end
  end
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
end

function TestLinks:test_a_link_in_place_of_the_images_is_not_mounted_on()
  local w = self.w
  w.stats["/ALT_MIG_IMAGES"] = { type = "link", uid = 0, gid = 0, mode = 511, target = "/home" }
  local e = fails(w.migration.migrate, w.opts())
  lu.assertEquals({ e.code, e.phase }, { "LINK_IN_PATH", 3 })
  lu.assertStrContains(e.remedy, "/alt_inst/ALT_MIG_IMAGES")
  lu.assertEquals(w.mounts.master or {}, {})
end
