-- SPDX-License-Identifier: MIT
local lu = require "luaunit"
local bosboot = require "altmig.bosboot"
local core = require "altmig.bosboot_core"

local function segment(kind, offset, size)
  return string.pack(">I4I4I4I4I4I4I4I4", kind, offset, 0, 0, size, kind == 1 and size or 0, 0, 0)
end

local function image(size)
  local header = "\127ELF\1\2\1" .. ("\0"):rep(9)
    .. string.pack(">I2I2I4I4I4I4I4I2I2I2I2I2I2", 2, 20, 1, 0, 52, 0, 0, 52, 32, 4, 0, 0, 0)
    .. segment(4, 180, 44) .. segment(4, 224, 76) .. segment(1, 300, 64) .. segment(1, 364, size - 364)
    .. string.pack(">I4I4I4c8", 8, 24, 0x1275, "PowerPC\0") .. ("\0"):rep(24)
    .. string.pack(">I4I4I4c24", 24, 40, 0x12759999, "IBM,RPA-Client-Config") .. ("\0"):rep(40)
    .. string.pack(">I4I4I4I4I4I4I4", 64, 1600000000, 10, 20, 30, 400, 50) .. ("\0"):rep(36)
  return header .. ("x"):rep(size - #header)
end

local function record(fields)
  local text = string.pack(">I4c32I4I4I4I4I4", 0xC9C2D4C1, "", fields.length, 364, 8, 8, 100)
  text = text .. ("\0"):rep(128 - #text) .. "\0\xf6\xdb\x0a\1\2\3\4"
  return text .. ("\0"):rep(0x1BE - #text) .. "\x80\0\0\0\x41\0\0\0" .. string.pack("<I4I4", 8, fields.length)
    .. ("\0"):rep(48) .. "\x55\xaa"
end

TestBosboot = {}

function TestBosboot:test_judges_an_image()
  local found = bosboot.inspect(image(1000))
  lu.assertEquals(found.verdict, "good")
  lu.assertNil(found.boot_record)
  lu.assertEquals(found.image.blocks, 2)
  lu.assertEquals(found.image.size, 1000)
  lu.assertEquals(found.image.code.offset, 364)
  lu.assertEquals(found.image.kernel_size, 30)
end

function TestBosboot:test_names_what_is_wrong()
  local found = bosboot.inspect(image(1000):sub(1, 999))
  lu.assertEquals(found.verdict, "bad")
  lu.assertEquals(found.code, "TRUNCATED")
  lu.assertStrContains(found.problem, "999 of 1000")
  lu.assertEquals(bosboot.inspect("").code, "TRUNCATED")
  lu.assertEquals(bosboot.inspect(("x"):rep(1000)).code, "BOOT_IMAGE_FORMAT")
  lu.assertEquals(bosboot.inspect(("x"):rep(1000)).verdict, "unknown") -- of no known layout, but nothing says that it is wrong
  lu.assertEquals(bosboot.inspect(("\0"):rep(1000)).verdict, "bad")
end

function TestBosboot:test_judges_a_disk_and_a_record_alone()
  local found = bosboot.inspect(record { length = 2 } .. ("\0"):rep(7 * 512) .. image(1000))
  lu.assertEquals(found.verdict, "good")
  lu.assertEquals(found.boot_record.pvid, "00f6db0a01020304")
  lu.assertEquals(found.image.size, 1000)
  found = bosboot.inspect(record { length = 2 })
  lu.assertEquals(found.verdict, "good")
  lu.assertNil(found.image)
  found = bosboot.inspect(record { length = 0 })
  lu.assertEquals(found.code, "BOOT_RECORD_NONE")
end

function TestBosboot:test_misuse_raises()
  lu.assertError(core.inspect)
  lu.assertError(core.inspect, {})
end

-- ---- building ----

-- An executor whose bosboot answers one after the other; files: sizes by path.
local function exec(answers, files)
  local e = { said = {} }
  function e.run(_, argv, opts)
    if argv[1] == "wc" then
      local size = files and files[argv[3]]
      return { status = size and 0 or 1, stdout = size and ("%8d %s\n"):format(size, argv[3]) or "", stderr = "" }
    end
    e.said[#e.said + 1], e.opts = table.concat(argv, " "), opts
    local answer = table.remove(answers, 1)
    return { status = answer[1], stdout = answer[2], stderr = answer[3] or "" }
  end
  return e
end

local SIZE <const> = "\nbosboot: Boot image is 61441 512 byte blocks.\n"

function TestBosboot:test_build_reads_the_size_and_refuses_without_one()
  local e = exec { { 0, SIZE } }
  local blocks, way = bosboot.build(e, { root = "/r", file = "/tmp/i" })
  lu.assertEquals({ blocks, way }, { 61441, "plain" })
  lu.assertEquals(e.said, { "bosboot -a -b /tmp/i" })
  lu.assertEquals(e.opts.chroot, "/r")
  local message, code
  blocks, message, code = bosboot.build(exec { { 0, "" } }, { file = "/tmp/i" })
  lu.assertNil(blocks)
  lu.assertStrContains(message, "no size")
  lu.assertEquals(code, "BOSBOOT")
  _, message = bosboot.build(exec { { 1, "", "0301-154 bosboot: missing proto file\n" } }, { file = "/tmp/i" })
  lu.assertStrContains(message, "exit status 1: 0301-154")
end

function TestBosboot:test_a_device_it_insists_on_is_a_plain_file_of_that_name()
  local made, removed, log = {}, 0, {}
  local e = exec { { 1, "", "0301-150 bosboot: /dev/ipl_blv is missing, /dev/hdisk0 too\n" }, { 0, SIZE } }
  local blocks, way = bosboot.build(e, { file = "/tmp/i", log = function(line) log[#log + 1] = line end,
    device_file = function(name)
      made[#made + 1] = name
      return function() removed = removed + 1 end
    end })
  lu.assertEquals({ blocks, way }, { 61441, "device-file" })
  lu.assertEquals({ made, removed }, { { "ipl_blv" }, 1 })
  lu.assertEquals(e.said, { "bosboot -a -b /tmp/i", "bosboot -a -b /tmp/i -d /dev/ipl_blv" })
  lu.assertStrContains(table.concat(log, "\n"), "bosboot -a -b /tmp/i: status 1\n  0301-150 bosboot: /dev/ipl_blv is missing")
end

-- A name under which the master may have a device is never used, whatever bosboot asks for.
function TestBosboot:test_no_device_of_a_host_is_named()
  for _, name in ipairs { "hdisk0", "rhdisk0", "hd5", "rhd5", "hdisk0 ", "rmt0", "cd0", "fd0", "datalv01", "null", "tty" } do
    lu.assertEquals(bosboot.device_name(("0301-168 bosboot: /dev/%s does not exist"):format(name)), "ipldevice")
  end
  lu.assertEquals(bosboot.device_name("0301-150 bosboot: Invalid or no boot device specified!"), "ipldevice")
end

function TestBosboot:test_without_a_private_dev_there_is_one_way_only()
  local e = exec { { 1, "", "0301-150 bosboot: /dev/ipldevice\n" }, { 0, SIZE } }
  local blocks, message = bosboot.build(e, { file = "/tmp/i" })
  lu.assertNil(blocks)
  lu.assertStrContains(message, "0301-150")
  lu.assertEquals(#e.said, 1)
end

function TestBosboot:test_the_output_of_both_ways_is_told_when_neither_builds()
  local removed = false
  local _, message = bosboot.build(exec { { 1, "", "no device\n" }, { 2, "", "no proto\n" } }, { file = "/tmp/i",
    device_file = function() return function() removed = true end end })
  lu.assertStrContains(message, "exit status 2: no device\nno proto")
  lu.assertTrue(removed)
end

function TestBosboot:test_room_is_no_question_of_devices()
  local e = exec { { 1, "", "0301-152 bosboot: not enough file space to create:/tmp/x on /dev/hd3\n" } }
  lu.assertNil(bosboot.build(e, { file = "/tmp/i", device_file = function() error "asked" end }))
end

function TestBosboot:test_a_whole_image_whose_savebase_failed_is_taken()
  local failed = { 1, SIZE, "savebase: cannot open /dev/ipl_blv\n" }
  local said = {}
  local blocks, way = bosboot.build(exec({ failed }, { ["/tmp/i"] = 61441 * 512 }), { file = "/tmp/i",
    on_line = function(line) said[#said + 1] = line end })
  lu.assertEquals({ blocks, way }, { 61441, "plain, without savebase" })
  lu.assertEquals(said, { "bosboot: Boot image is 61441 512 byte blocks." })
  for _, size in ipairs { 0, 61441 * 512 - 1, 61441 * 512 + 1 } do
    lu.assertNil(bosboot.build(exec({ failed }, { ["/tmp/i"] = size }), { file = "/tmp/i" }), size)
  end
  lu.assertNil(bosboot.build(exec({ { 1, SIZE, "mkboot failed\n" } }, { ["/tmp/i"] = 61441 * 512 }), { file = "/tmp/i" }))
end

-- ---- writing ----

local boot_disks = require "boot_disks"
local IMAGE <const> = "/alt_inst/tmp/i"
local LSVG <const> = "VOLUME GROUP: altinst_rootvg\nVG STATE: active  PP SIZE: 32 megabyte(s)\n"
local LSPV <const> = "hdisk0 00c3545039af54e2 rootvg active\nhdisk2 none altinst_rootvg active\n"

local function write(disks, opts)
  disks.files[IMAGE] = disks.files[IMAGE] or boot_disks.image(600)
  local client = disks:client { lsvg = LSVG, lspv = LSPV }
  opts = opts or {}
  opts.image, opts.disks = IMAGE, opts.disks or disks.names
  local verdict, written, code = bosboot.write(client, opts)
  return verdict, written, code, client
end

local function refused(disks, code, text, opts)
  local verdict, message, found = write(disks, opts)
  lu.assertNil(verdict)
  lu.assertEquals(found, code, message)
  lu.assertStrContains(message, text)
  lu.assertEquals(disks.written, {})
end

function TestBosboot:test_write_makes_a_fresh_disk_bootable()
  local disks, kept = boot_disks.new(), {}
  local verdict, written, _, client = write(disks, { keep = function(disk, sector) kept[disk] = sector end })
  lu.assertEquals({ verdict, written.problems }, { "good", {} })
  lu.assertEquals(disks:read("hdisk2", 4352, 600), disks.files[IMAGE])
  local sector = disks:read("hdisk2", 0, 1)
  lu.assertEquals(sector:sub(129, 136), boot_disks.PVID)
  lu.assertEquals({ string.unpack(">I4I4I4I4I4", sector, 37) }, { 600, 364, 4352, 4352, 65536, 57 })
  lu.assertEquals({ string.unpack(">I2I2I4I4", sector, 65) }, { 256, 256, 4952, 4952, 77 })
  lu.assertEquals(sector:sub(447, 462), "\x80\0\0\0\x41\0\0\0" .. string.pack("<I4I4", 4352, 856))
  lu.assertEquals(sector:sub(511), "\x55\xAA")
  lu.assertEquals(kept.hdisk2:sub(37, 76), ("\0"):rep(40)) -- as it was
  -- The image first, then the record that leads to it, then savebase, which follows the record.
  lu.assertEquals(disks.written, { "/dev/ralt_hd5", "/dev/rhdisk2" })
  lu.assertEquals(client.log[#client.log]:sub(1, 3), "dd ") -- it ends with looking
  for _, line in ipairs(client.log) do lu.assertNil(line:match("^mkboot") or line:match("^bosboot") or line:match("^savebase$"), line) end
end

function TestBosboot:test_write_serves_every_disk_of_a_mirror_and_no_other()
  local disks = boot_disks.new { disks = { "hdisk2", "hdisk3" }, lps = 2, pp = 32768 }
  local verdict, written = write(disks)
  lu.assertEquals(verdict, "good", table.concat(written.problems or {}, "\n"))
  lu.assertEquals(disks.written, { "/dev/ralt_hd5", "/dev/rhdisk2", "/dev/rhdisk3" })
  lu.assertEquals(#written.disks, 2)
  for _, name in ipairs(disks.names) do lu.assertEquals(disks:read(name, 0, 1):sub(511), "\x55\xAA") end
  refused(boot_disks.new { disks = { "hdisk2", "hdisk3" } }, "BOOT_VOLUME", "hdisk3, which is none of hdisk2", { disks = { "hdisk2" } })
end

function TestBosboot:test_write_finds_the_volume_where_the_descriptor_area_does_not_tell()
  lu.assertEquals((write(boot_disks.new { vgda = false })), "good")
  lu.assertEquals((write(boot_disks.new { first = 8448 })), "good") -- told by it
  local disks = boot_disks.new { vgda = false, first = 8448 }
  local verdict, message, code = write(disks)
  lu.assertEquals({ verdict, code }, { nil, "BOOT_PLACE" })
  lu.assertStrContains(message, "was not found there")
  lu.assertEquals(disks.written, { "/dev/ralt_hd5" }) -- and no record leads anywhere
end

function TestBosboot:test_write_refuses_a_volume_that_is_not_in_one_piece()
  for text, reason in pairs {
    ["hd5:N/A\nLP PP1 PV1\n0001 0001 hdisk2\n0002 0003 hdisk2\n"] = "not contiguous on hdisk2",
    ["hd5:N/A\nLP PP1 PV1\n0001 0002 hdisk2\n0002 0001 hdisk2\n"] = "not contiguous on hdisk2",
    ["hd5:N/A\nLP PP1 PV1\n0001 0001 hdisk2\n0002 0002 hdisk3\n"] = "not contiguous on hdisk3",
    ["hd5:N/A\nLP PP1 PV1 PP2 PV2\n0001 0001 hdisk2 0001 hdisk3\n0002 0002 hdisk2\n"] = "hdisk3 has 1 of its 2",
    ["hd5:N/A\nLP PP1 PV1\n0001 0001 ?\n"] = 'no disk is called "?"',
    ["hd5:N/A\nLP PP1 PV1\n0002 0001 hdisk2\n"] = "partition 1 is not in its output",
    ["0516-306 lslv: no such\n"] = "no partition in its output",
  } do
    local disks = boot_disks.new { disks = { "hdisk2", "hdisk3" } }
    disks.lslv = text
    refused(disks, "BOOT_VOLUME", reason)
  end
end

function TestBosboot:test_write_refuses_what_does_not_fit_and_disks_of_somebody_else()
  local disks = boot_disks.new()
  disks.files[IMAGE] = boot_disks.image(65536 - 255)
  refused(disks, "BOOT_PLACE_SIZE", "65537 sectors, the boot logical volume has room for 65536")
  disks.files[IMAGE] = boot_disks.image(65536 - 256)
  lu.assertEquals((write(disks)), "good")
  disks = boot_disks.new()
  disks.files[IMAGE] = boot_disks.image(600) .. "x"
  refused(disks, "BOOT_IMAGE", "307201 bytes are no boot image")
  disks.files[IMAGE] = ("\0"):rep(512 * 600)
  refused(disks, "BOOT_IMAGE_EMPTY", "only zeros")
  disks = boot_disks.new()
  disks:write("hdisk2", 0, ("\0"):rep(446) .. "\x80\1\1\0\x83\xfe" .. ("\0"):rep(58) .. "\x55\xAA")
  refused(disks, "BOOT_SECTOR_FOREIGN", "hdisk2: boot record: the first sector of the disk is in use by something else")
end

function TestBosboot:test_write_reads_back_what_it_wrote()
  local function spoil(path, at, bytes)
    local disks = boot_disks.new()
    disks.after_write = function(of)
      if of == path then disks:write("hdisk2", at, bytes) end
    end
    local verdict, message, code = write(disks)
    lu.assertNil(verdict)
    return code, message
  end
  lu.assertEquals((spoil("/dev/ralt_hd5", 4400, ("x"):rep(512))), "BOOT_IMAGE")
  lu.assertEquals((spoil("/dev/rhdisk2", 0, ("x"):rep(512))), "BOOT_RECORD")
  local disks = boot_disks.new()
  disks.savebase_fails = true
  local verdict, message, code = write(disks)
  lu.assertEquals({ verdict, code }, { nil, "BOSBOOT" })
  lu.assertStrContains(message, "savebase -o /alt_inst/etc/objrepos -d /dev/alt_hd5: exit status 1")
end

function TestBosboot:test_an_image_of_no_known_layout_is_written_and_unknown()
  local disks = boot_disks.new()
  disks.files[IMAGE] = ("another form of image "):rep(600):sub(1, 512 * 20)
  local verdict, written = write(disks)
  lu.assertEquals(verdict, "unknown")
  lu.assertStrContains(written.problems[1], "hdisk2: boot image: begins with 0x616E6F74, which is no ELF program")
  disks = boot_disks.new()
  disks.saves_nothing = true
  verdict, written = write(disks)
  lu.assertEquals({ verdict, written.problems }, { "unknown", { "hdisk2: save-base area: nothing is in it" } })
end

-- ---- judging once more ----

local function judged(change)
  local disks = boot_disks.new()
  local _, written, _, client = write(disks)
  change(disks)
  local judgement = assert(bosboot.judge(client, written))
  return judgement.verdict, table.concat(judgement.problems, "\n"), judgement
end

function TestBosboot:test_judging_again()
  local function change_sector(at, from, bytes)
    return function(disks)
      local sector = disks:read("hdisk2", at, 1)
      disks:write("hdisk2", at, sector:sub(1, from) .. bytes .. sector:sub(from + #bytes + 1))
    end
  end
  lu.assertEquals((judged(function() end)), "good")
  -- A byte of the header that no tool is known to keep: the image is the one that was written.
  lu.assertEquals((judged(change_sector(4352, 336, "x"))), "good")
  local verdict, problem = judged(change_sector(4500, 100, "x"))
  lu.assertEquals(verdict, "bad")
  lu.assertStrContains(problem, "kernel and RAM file system are not those that were written")
  verdict, problem = judged(change_sector(0, 48, string.pack(">I4", 4353)))
  lu.assertEquals(verdict, "bad", problem)
  verdict, problem = judged(change_sector(0, 0, "x"))
  lu.assertEquals(verdict, "bad", problem)
  verdict, problem = judged(change_sector(0, 446, "\0"))
  lu.assertEquals(verdict, "bad", problem)
  -- Firmware would follow this record, to another volume.
  verdict, problem = judged(function(disks)
    local sector = disks:read("hdisk2", 0, 1)
    disks:write("hdisk2", 0, sector:sub(1, 44) .. string.pack(">I4I4", 8000, 8000) .. sector:sub(53, 454) .. string.pack("<I4", 8000)
      .. sector:sub(459))
  end)
  lu.assertEquals(verdict, "bad")
  lu.assertStrContains(problem, "leads to sector 8000")
  verdict, problem = judged(function(disks) disks:write("hdisk2", 4952, ("\0"):rep(256 * 512)) end)
  lu.assertEquals({ verdict, problem }, { "bad", "hdisk2: save-base area: nothing is in it" })
  verdict, problem = judged(change_sector(0, 64, "\0\0"))
  lu.assertEquals(verdict, "bad")
  lu.assertStrContains(problem, "the boot record names none")
end

function TestBosboot:test_an_image_that_aix_wrote_itself_is_judged_by_its_headers()
  local verdict, problem, judgement = judged(function(disks) disks:write("hdisk2", 4352, boot_disks.image(590, 1700000000)) end)
  lu.assertEquals({ verdict, problem, judgement.rewritten }, { "good", "", true })
  verdict, problem = judged(function(disks) disks:write("hdisk2", 4352, boot_disks.image(601, 1700000000)) end)
  lu.assertEquals(verdict, "bad")
  lu.assertStrContains(problem, "601 blocks, of which the boot record has 600")
end

function TestBosboot:test_the_sector_is_put_back_on_the_disk_it_was_read_from()
  local disks, old = boot_disks.new(), nil
  local _, _, _, client = write(disks, { keep = function(_, sector) old = sector end })
  lu.assertTrue(bosboot.put_back(client, { disk = "hdisk2", sector = old, file = "/tmp/s" }))
  lu.assertEquals(disks:read("hdisk2", 0, 1), old)
  write(disks)
  local sector = disks:read("hdisk2", 0, 1)
  disks:write("hdisk2", 0, sector:sub(1, 128) .. "another." .. sector:sub(137))
  local ok, message, code = bosboot.put_back(client, { disk = "hdisk2", sector = old, file = "/tmp/s" })
  lu.assertEquals({ ok, code }, { nil, "BOOT_SECTOR_FOREIGN" })
  lu.assertStrContains(message, "another identifier")
end

function TestBosboot:test_compose_misuse_raises()
  lu.assertError(core.compose, ("\0"):rep(512))
  lu.assertErrorMsgContains("lv_start", core.compose, ("\0"):rep(512), { lv_start = -1 })
  lu.assertErrorMsgContains("image_size", core.compose, ("\0"):rep(512), { lv_start = 8, lv_length = 9, image_start = 8, image_size = "x" })
end
