-- SPDX-License-Identifier: MIT
-- The lab's boot, played on disks that are plain files and a root that is a plain directory: every
-- mutation of what phase 8 and 11 of a migration write must hang with its own code and reason.

local lu = require "luaunit"
require "altmig.cmd.lab" -- makes lab.NAME known
local sys = require "altmig.sys"
local bootdisk = require "lab.bootdisk"
local bootimage = require "lab.bootimage"
local devices = require "lab.devices"
local disk = require "lab.disk"
local firmware = require "lab.firmware"
local nvram = require "lab.nvram"
local odm = require "lab.odm"

local LEVEL <const> = "7200-05-06-2320"
local lvs = { { "hd5", "boot" }, { "hd6", "paging" }, { "hd8", "jfs2log" }, { "hd4", "jfs2", "/" },
  { "hd2", "jfs2", "/usr" }, { "hd9var", "jfs2", "/var" }, { "hd3", "jfs2", "/tmp" } }

local lab, root, vgda

local function put(path, text)
  assert(sys.makedirs((root .. path):match("^(.*)/"), 493))
  assert(sys.write_file(root .. path, text, { atomic = false }))
end

local function put_class(path, rows)
  local data, strings = odm.images(path:match("[^/]+$"), rows, "1")
  put(path, data)
  if strings then put(path .. ".vc", strings) end
end

local function write_system()
  local stanzas = {}
  for _, lv in ipairs(lvs) do
    if lv[3] then
      stanzas[#stanzas + 1] = ("%s:\n\tdev\t= /dev/%s\n\tvfs\t= jfs2\n\tmount\t= automatic\n\n"):format(lv[3], lv[1])
    end
  end
  put("/etc/filesystems", table.concat(stanzas))
  put("/etc/inittab", "init:2:initdefault:\nbrc::sysinit:/sbin/rc.boot 3\n")
  put("/usr/lib/boot/unix_64", "kernel")
  put_class("/usr/lib/objrepos/lpp", { { name = "bos.mp64", ver = 7, rel = 2, mod = 5, fix = 101 } })
  local rows = devices.rows { name = "client", address = "10.0.0.1", mac = "00",
    disks = { { name = "hdisk0", pvid = disk.ipl_read("hdisk0").pvid, mb = 1024 } },
    groups = { { name = "rootvg", vgid = vgda.vgid, disks = { "hdisk0" }, lvs = vgda.lvs } } }
  for class, list in pairs(rows) do put_class("/etc/objrepos/" .. class, list) end
end

local function write_image(level)
  local image = bootimage.build { level = level, release = "7.2", blocks = 600 }
  assert(bootdisk.install(vgda, disk.lv_find(vgda, "hd5"), image, root .. "/etc/objrepos"))
  return #image
end

local function boot(name)
  local world = { disk = name, oslevel = function() return LEVEL end, mount = function() return root end }
  return firmware.boot(world)
end

local function hangs(led, reason, result)
  result = result or boot()
  lu.assertFalse(result.up)
  lu.assertEquals(result.led, led, result.reason)
  lu.assertStrContains(result.reason, reason)
end

local function change_file(path, from, to)
  local text = assert(sys.read_file(root .. path))
  local changed, n = text:gsub(from, to)
  assert(n > 0, path .. ": nothing to change")
  put(path, changed)
end

local function delete(class, criteria)
  local store = odm.open(root .. "/etc/objrepos")
  assert(assert(store:delete(class, criteria)) > 0)
  assert(store:commit())
end

TestFirmware = {}

function TestFirmware:setUp()
  lab = os.tmpname()
  os.remove(lab)
  root = lab .. "/system"
  disk.use(lab, "client")
  assert(sys.makedirs(root, 493))
  for _, name in ipairs { "hdisk0", "hdisk1" } do assert(disk.create(name, 1024)) end
  vgda = assert(disk.vg_create { name = "rootvg", disks = { "hdisk0" }, pp_mb = 16, seed = "s" })
  assert(disk.vg_create { name = "datavg", disks = { "hdisk1" }, pp_mb = 16, seed = "s" })
  for _, lv in ipairs(lvs) do
    assert(disk.lv_create(vgda, { name = lv[1], type = lv[2], lps = 1, label = lv[3] }))
  end
  write_system()
  self.image_size = write_image("7.2.5.101")
  assert(nvram.set_bootlist((disk.base()), "normal", { { disk = "hdisk0", blv = "hd5" } }))
end

function TestFirmware:tearDown() sys.run({ "rm", "-rf", lab }) end

function TestFirmware:test_comes_up_and_says_its_level()
  local result = boot()
  lu.assertTrue(result.up, result.reason)
  lu.assertEquals(result.level, LEVEL)
  lu.assertEquals(result.kernel, "7.2.5.101")
  lu.assertEquals(result.disk, "hdisk0")
end

function TestFirmware:test_any_flipped_byte_of_the_image_is_noticed()
  local positions = { self.image_size - 1 }
  for at = 0, 600, 31 do positions[#positions + 1] = at end
  for at = 4096, self.image_size - 1, 30011 do positions[#positions + 1] = at end
  for _, at in ipairs(positions) do
    local sector, offset = disk.BOOT_SECTOR + at // 512, at % 512
    local bytes = assert(disk.read("hdisk0", sector, 1))
    local flipped = bytes:sub(1, offset) .. string.char(bytes:byte(offset + 1) ~ 0x10) .. bytes:sub(offset + 2)
    assert(disk.write("hdisk0", sector, flipped))
    local result = boot()
    lu.assertFalse(result.up, "byte " .. at)
    lu.assertEquals(result.led, "201", "byte " .. at)
    assert(disk.write("hdisk0", sector, bytes))
  end
  lu.assertTrue(boot().up)
end

-- The area behind the image: what is changed in it by fn, from its bytes to others of the same length.
local function change_base(fn)
  local record = disk.ipl_read("hdisk0")
  local bytes = assert(disk.read("hdisk0", record.base_cn_start, record.base_cn_length))
  assert(disk.write("hdisk0", record.base_cn_start, fn(bytes)))
end

function TestFirmware:test_save_base_data_that_are_missing_or_damaged()
  change_base(function(bytes) return ("\0"):rep(#bytes) end)
  hangs("546", "no base customized data")
  assert(bootdisk.savebase("hdisk0", root .. "/etc/objrepos"))
  lu.assertTrue(boot().up)
  change_base(function(bytes) return bytes:sub(1, 200) .. string.char(bytes:byte(201) ~ 1) .. bytes:sub(202) end)
  hangs("546", "checksum of the base customized data differs")
  local record = disk.ipl_read("hdisk0")
  record.base_cn_length = 0
  local entry = assert(disk.read("hdisk0", 0, 1)):sub(455, 462)
  assert(disk.ipl_write("hdisk0", record))
  local bytes = assert(disk.read("hdisk0", 0, 1))
  assert(disk.write("hdisk0", 0, bytes:sub(1, 454) .. entry .. bytes:sub(463)))
  hangs("546", "names no save-base area")
end

function TestFirmware:test_a_boot_partition_that_firmware_cannot_follow()
  local bytes = assert(disk.read("hdisk0", 0, 1))
  local function with(at, text, reason)
    assert(disk.write("hdisk0", 0, bytes:sub(1, at) .. text .. bytes:sub(at + #text + 1)))
    hangs("20EE000B", reason)
  end
  with(0x1BE, "\0", "no active boot partition")
  with(0x1BE + 4, "\x83", "no active boot partition")
  with(0x1BE + 8, string.pack(">I4", disk.BOOT_SECTOR), "the boot partition is not where the boot code is")
  with(0x1FE, "\0", "does not end in 55 AA")
  assert(disk.write("hdisk0", 0, bytes))
  lu.assertTrue(boot().up)
end

function TestFirmware:test_wrong_pvid()
  local bytes = assert(disk.read("hdisk0", 0, 1))
  assert(disk.write("hdisk0", 0, bytes:sub(1, 130) .. "\xff" .. bytes:sub(132)))
  hangs("554", "the base customized data have rootvg on")
end

function TestFirmware:test_names_of_the_copy()
  assert(disk.lv_rename(vgda, "hd2", "alt_hd2"))
  hangs("556", "names of the copy (alt_hd2)")
end

function TestFirmware:test_label_of_the_copy()
  disk.lv_find(vgda, "hd4").label = "/alt_inst"
  assert(disk.vgda_write(vgda))
  hangs("556", "hd4 has the label /alt_inst")
end

function TestFirmware:test_inittab_missing_or_without_a_run_level()
  put("/etc/inittab", "brc::sysinit:/sbin/rc.boot 3\n")
  hangs("553", "initdefault")
  assert(sys.remove(root .. "/etc/inittab"))
  hangs("553", "/etc/inittab does not exist")
end

function TestFirmware:test_missing_devices()
  delete("CuDv", "name = hd9var")
  hangs("525", "CuDv has no object for logical volume hd9var")
  write_system()
  delete("CuDv", "name = hdisk0")
  hangs("525", "CuDv has no object for the boot disk hdisk0")
  write_system()
  delete("CuAt", "name = rootvg AND attribute = vgserial_id")
  hangs("525", "identifier of rootvg")
  write_system()
  delete("CuDvDr", "value3 = hd4")
  hangs("525", "CuDvDr has no device number for logical volume hd4")
end

function TestFirmware:test_boot_lists()
  local base = disk.base()
  assert(nvram.set_bootlist(base, "normal", { { disk = "hdisk1", blv = "hd5" } }))
  hangs("20EE000B", "hdisk1: the boot record names no boot code")
  assert(nvram.set_bootlist(base, "normal", {}))
  hangs("20EE000B", "the boot list is empty")
  assert(nvram.set_bootlist(base, "normal", { { disk = "hdisk7", blv = "hd5" } }))
  hangs("20EE000B", "hdisk7")
  assert(nvram.set_bootlist(base, "normal", { { disk = "hdisk1" }, { disk = "hdisk0", blv = "hd5" } }))
  lu.assertTrue(boot().up) -- the next entry
  assert(nvram.set_bootlist(base, "normal", { { disk = "hdisk0", blv = "bos_hd5" } }))
  hangs("20EE000B", "bos_hd5")
end

function TestFirmware:test_record_without_boot_code_or_pointing_elsewhere()
  local bytes = assert(disk.read("hdisk0", 0, 1))
  assert(disk.write("hdisk0", 0, bytes:sub(1, 48) .. string.pack(">I4", 128) .. bytes:sub(53)))
  lu.assertFalse(boot().up)
  assert(bootdisk.write_record("hdisk0", nil, nil, 0))
  hangs("20EE000B", "names no boot code")
end

function TestFirmware:test_volume_group_gone()
  assert(disk.lvm_clear("hdisk0"))
  hangs("552", "belongs to no volume group")
end

function TestFirmware:test_file_systems_of_the_copy()
  change_file("/etc/filesystems", "/dev/hd2", "/dev/alt_hd2")
  hangs("518", "does not mount /dev/hd2 on /usr")
  write_system()
  put("/etc/filesystems", sys.read_file(root .. "/etc/filesystems")
    .. "/alt_inst/x:\n\tdev\t= /dev/alt_x\n\tmount\t= false\n")
  hangs("518", "still has /alt_inst/x")
end

function TestFirmware:test_no_odm()
  assert(sys.remove(root .. "/etc/objrepos/CuAt"))
  hangs("523", "/etc/objrepos/CuAt")
end

function TestFirmware:test_image_of_another_level()
  write_image("7.1.5.30")
  hangs("888", "the kernel of the boot image is 7.1.5.30, the system on the disk 7.2.5.101")
end

function TestFirmware:test_savebase_after_a_change_of_the_devices()
  -- The disk gets another PVID: the old image does not know it, savebase teaches it.
  local record = disk.ipl_read("hdisk0")
  local new = "00f6aaaabbbbcccc"
  vgda.pvs[1].pvid = new
  local bytes = assert(disk.read("hdisk0", 0, 1))
  assert(disk.write("hdisk0", 0, bytes:sub(1, 128) .. string.pack(">I8", tonumber(new, 16)) .. bytes:sub(137)))
  assert(disk.vgda_write(vgda))
  local store = odm.open(root .. "/etc/objrepos")
  assert(assert(store:change("CuAt", "value LIKE " .. record.pvid .. "*", { value = new .. ("0"):rep(16) })) > 0)
  assert(store:commit())
  hangs("554", "the base customized data have rootvg on " .. record.pvid)
  assert(bootdisk.savebase("hdisk0", root .. "/etc/objrepos"))
  lu.assertTrue(boot().up)
end

function TestFirmware:test_the_image_is_one_for_the_engine()
  local bosboot = require "altmig.bosboot"
  local found = bosboot.inspect(assert(disk.read("hdisk0", 0, disk.BOOT_SECTOR + 700)))
  lu.assertEquals(found.verdict, "good", found.problem)
  lu.assertEquals(found.image.size, self.image_size)
  lu.assertEquals(found.image.blocks, 600)
  lu.assertEquals(found.boot_record.pvid, disk.ipl_read("hdisk0").pvid)
end
