-- SPDX-License-Identifier: MIT
-- Room in the file systems of the copy: grown by whole partitions for what images need, or refused with the numbers.

local lu = require "luaunit"
local world = require "fake_world"

local fails = world.fails

TestRoom = {}

world.fixture(TestRoom)

local PARTITION <const> = 65536 -- blocks of 512 bytes: 32 MB

-- A client whose file systems have a size and room, in blocks of 512 bytes; those of the copy are made after those of
-- rootvg. chfs grows them, by partitions of altinst_rootvg.
local function small(w, free_pps)
  w.fs = { ["/"] = { name = "hd4", size = 4 * PARTITION, free = 100000 }, ["/usr"] = { name = "hd2", size = 2 * PARTITION, free = 9000 },
    ["/opt"] = { name = "hd10opt", size = PARTITION, free = 300, copies = 2 } }
  w.free_pps, w.chfs = free_pps, {}
  w.images = { { file = "bos.net.I", kind = "installp", package = "bos.net", type = "I", size = 1, time = "", filesets = {
    { name = "bos.net", level = "7.2.5.0", content = "U", bosboot = "N", description = "Net", requisites = "", supersedes = {}, sizes = {
      { path = "/usr/sbin", blocks = 8000, temporary = 0 }, { path = "INSTWORK", blocks = 900, temporary = 200 },
      { path = "/opt/net", blocks = 500, temporary = 0 } } } } } }
  local function each(prefix, fn)
    for _, at in ipairs { "/", "/opt", "/usr" } do fn(prefix == "" and at or prefix .. (at == "/" and "" or at), w.fs[at]) end
  end
  function w.answers.lsvg(_, _, argv)
    local group = argv[#argv]
    local is_copy = group == "altinst_rootvg"
    if is_copy and (not w.cloned or w.asleep) then return "0516-306 lsvg: " .. group .. "\n", 1 end
    if argv[2] == "-l" then
      local text = { group .. ":\nLV NAME TYPE LPs PPs PVs LV STATE MOUNT POINT" }
      each(is_copy and "/alt_inst" or "", function(at, fs)
        local lps = fs.size // PARTITION
        text[#text + 1] = ("%s%s jfs2 %d %d 1 open/syncd %s"):format(is_copy and "alt_" or "", fs.name, lps, lps * (fs.copies or 1), at)
      end)
      return table.concat(text, "\n") .. "\n"
    end
    return ("VOLUME GROUP:   %s   VG IDENTIFIER:  %s\nVG STATE: active  PP SIZE:  32 megabyte(s)\n"):format(group,
      is_copy and w.vg or w.rootvg_id)
      .. ("FREE PPs:  %d (%d megabytes)\nUSED PPs:  8 (256 megabytes)\n"):format(w.free_pps, w.free_pps * 32)
  end
  local df = w.handlers.df
  function w.answers.df(_, host, argv)
    if host == "master" then return df(w, host, argv) end
    local rows, text = {}, "Filesystem    1024-blocks      Free %Used    Iused %Iused Mounted on\n"
    for _, prefix in ipairs { "", w.cloned and not w.asleep and "/alt_inst" or nil } do
      each(prefix, function(at, fs)
        rows[at] = ("/dev/%s%s %d %d 1%% 1 1%% %s\n"):format(prefix == "" and "" or "alt_", fs.name, fs.size // 2,
          fs.free // 2, at)
      end)
    end
    for i = 3, #argv do
      local at = argv[i]
      while not rows[at] do at = at:match("^(.+)/[^/]*$") or "/" end
      text = text .. rows[at]
    end
    return text
  end
  function w.answers.chfs(_, _, argv)
    w.chfs[#w.chfs + 1] = table.concat(argv, " ")
    local size, at = tonumber(argv[3]:match("^size=(%d+)$")), argv[4]:gsub("^/alt_inst", "")
    local fs = w.fs[at == "" and "/" or at]
    local more = (size + PARTITION - 1) // PARTITION - fs.size // PARTITION
    w.free_pps = w.free_pps - more * (fs.copies or 1)
    fs.size, fs.free = fs.size + more * PARTITION, fs.free + (w.takes_all and 0 or more * PARTITION)
    if w.dies then w.dies() end
    return ("Filesystem size changed to %d\n"):format(fs.size)
  end
  local mount = w.handlers.mount
  function w.answers.mount(_, host, argv)
    local text, status = mount(w, host, argv)
    if #argv == 1 and host == "client" and w.cloned and not w.asleep then
      text = text .. "         /dev/alt_hd10opt /alt_inst/opt    jfs2   Jan 05 10:00 rw,log=/dev/alt_hd8\n"
    end
    return text, status
  end
end

local function grows(name, partitions) return ("chfs -a size=%d /alt_inst/%s"):format(partitions * PARTITION, name) end

local function text_between(w, from, to) return world.log_text(w):match(from .. "\n(.-)" .. to) end

function TestRoom:test_file_systems_grow_for_the_plan_with_the_lines_of_nimadm()
  local w = self.w
  small(w, 10)
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertEquals(w.chfs, { grows("opt", 2), grows("usr", 3) })
  lu.assertEquals(w.free_pps, 10 - 2 - 1)
  lu.assertEquals(text_between(w, "Installing and migrating software%.", "Installing software with"),
    ("Expanding /alt_inst/opt client filesystem.\nFilesystem size changed to %d\nChecking space requirements for installp install.\n"
      .. "Expanding /alt_inst/usr client filesystem.\nFilesystem size changed to %d\n"):format(2 * PARTITION, 3 * PARTITION))
end

function TestRoom:test_what_the_preview_of_installp_asks_for_counts_where_it_is_more()
  local w = self.w
  small(w, 10)
  w.fs["/usr"].free = 50000
  w.preview = "RESOURCES\n---------\n  Estimated system resource requirements for filesets being installed:\n"
    .. "                (All sizes are in 512-byte blocks)\n      Filesystem                     Needed Space             Free Space\n"
    .. "      /usr                                 120000                  50000\n"
    .. "      /opt                                     10                    300\n"
    .. "      -----                            --------                 ------\n"
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertEquals(w.chfs, { grows("opt", 2), grows("usr", 4) })
end

function TestRoom:test_where_there_is_room_nothing_grows()
  local w = self.w
  small(w, 0)
  for _, fs in pairs(w.fs) do fs.free = 60000 end
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertEquals(w.chfs, {})
end

function TestRoom:test_too_few_partitions_are_found_before_phase_1()
  local w = self.w
  small(w, 10)
  -- 8 partitions are the copy's (that of /opt once, since there is one disk), one at the beginning is nobody's.
  w.disk_size = 32 * 9
  local e = fails(w.migration.migrate, w.opts())
  lu.assertEquals(e.code, "INHIBITOR")
  lu.assertStrContains(e.message, "no-room")
  lu.assertFalse(w.cloned or false)
  lu.assertStrContains(world.log_text(w), "file systems of the copy must grow, and hdisk2 has not the partitions: 2 partitions (64 MB) "
    .. "of 32 MB needed, 1 partition (32 MB) free: /opt by 1 partition (500 blocks of 512 bytes are needed, 300 are free), "
    .. "/usr by 1 partition (9100 blocks of 512 bytes are needed, 9000 are free)")
  -- Sizes are what images say, and what a disk has is what is told of it: an administrator may know better.
  lu.assertEquals(w.migration.migrate(w.opts { accept = { ["no-room"] = "the images overstate it" } }), 0)
end

function TestRoom:test_partitions_enough_are_no_finding()
  local w = self.w
  small(w, 10)
  w.disk_size = 32 * 10
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertNotStrContains(world.log_text(w), "no-room")
end

function TestRoom:test_phase_6_refuses_when_the_partitions_are_gone_and_goes_on_when_they_are_back()
  local w = self.w
  small(w, 2)
  local e = fails(w.migration.migrate, w.opts())
  lu.assertEquals({ e.code, w.chfs }, { "NO_ROOM", {} })
  lu.assertStrContains(e.message, "altinst_rootvg has not enough free partitions: 3 partitions (96 MB) of 32 MB needed, 2 partitions "
    .. "(64 MB) free: /alt_inst/opt by 2 partitions (500 blocks of 512 bytes are needed, 300 are free), /alt_inst/usr by 1 partition")
  lu.assertStrContains(e.remedy, "then resume")
  w.free_pps = 3
  lu.assertEquals(w.migration.resume(w.opts()), 0)
  lu.assertEquals({ #w.chfs, w.free_pps }, { 2, 0 })
end

function TestRoom:test_a_run_that_dies_between_chfs_and_its_answer_grows_nothing_twice()
  for dies_at = 1, 2 do
    local w = self.w
    small(w, 10)
    w.dies = function()
      if #w.chfs == dies_at then w.power_cut = true end
    end
    -- The command after it finds the engine dead.
    pcall(w.migration.migrate, w.opts())
    lu.assertEquals(#w.chfs, dies_at)
    w.dies = nil
    w.power_on()
    lu.assertEquals(w.migration.resume(w.opts()), 0)
    lu.assertEquals({ #w.chfs, w.free_pps, w.fs["/usr"].size, w.fs["/opt"].size }, { 2, 7, 3 * PARTITION, 2 * PARTITION })
    self:tearDown()
    self:setUp()
  end
end

function TestRoom:test_df_has_the_last_word()
  local w = self.w
  small(w, 10)
  w.takes_all = true
  local e = fails(w.migration.migrate, w.opts())
  lu.assertEquals(e.code, "NO_ROOM")
  lu.assertStrContains(e.message, "/alt_inst/opt was to have 500 free blocks of 512 bytes after chfs, and df says 300")
  lu.assertStrContains(e.remedy, "then resume")
end

function TestRoom:test_a_chfs_that_fails_says_what_is_missing()
  local w = self.w
  small(w, 10)
  w.answers.chfs = function() return "0516-787 extendlv: Maximum allocation for logical volume alt_hd10opt is 512.\n", 1 end
  local e = fails(w.migration.migrate, w.opts())
  lu.assertStrContains(e.remedy, "/alt_inst/opt needs 200 blocks of 512 bytes more on lpar")
  lu.assertStrContains(e.remedy, "MAX LPs")
end

function TestRoom:test_a_file_system_that_is_not_there_is_named()
  local w = self.w
  small(w, 10)
  local df = w.answers.df
  function w.answers.df(_, host, argv)
    return (df(w, host, argv):gsub("[^\n]* /alt_inst/usr\n", ""))
  end
  lu.assertEquals(fails(w.migration.migrate, w.opts()).code, "ALT_NOT_MOUNTED")
end
