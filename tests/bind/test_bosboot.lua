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
  lu.assertEquals(found.verdict, "bootable")
  lu.assertNil(found.boot_record)
  lu.assertEquals(found.image.blocks, 2)
  lu.assertEquals(found.image.size, 1000)
  lu.assertEquals(found.image.code.offset, 364)
  lu.assertEquals(found.image.kernel_size, 30)
end

function TestBosboot:test_names_what_is_wrong()
  local found = bosboot.inspect(image(1000):sub(1, 999))
  lu.assertEquals(found.verdict, "not bootable")
  lu.assertEquals(found.code, "TRUNCATED")
  lu.assertStrContains(found.problem, "999 of 1000")
  lu.assertEquals(bosboot.inspect("").code, "TRUNCATED")
  lu.assertEquals(bosboot.inspect(("x"):rep(1000)).code, "BOOT_IMAGE_MAGIC")
end

function TestBosboot:test_judges_a_disk_and_a_record_alone()
  local found = bosboot.inspect(record { length = 2 } .. ("\0"):rep(7 * 512) .. image(1000))
  lu.assertEquals(found.verdict, "bootable")
  lu.assertEquals(found.boot_record.pvid, "00f6db0a01020304")
  lu.assertEquals(found.image.size, 1000)
  found = bosboot.inspect(record { length = 2 })
  lu.assertEquals(found.verdict, "bootable")
  lu.assertNil(found.image)
  found = bosboot.inspect(record { length = 0 })
  lu.assertEquals(found.code, "BOOT_RECORD_NONE")
end

function TestBosboot:test_misuse_raises()
  lu.assertError(core.inspect)
  lu.assertError(core.inspect, {})
end

local function exec(result)
  return { run = function(self, argv, opts)
    self.argv, self.opts = argv, opts
    return result
  end }
end

function TestBosboot:test_build_reads_the_size_and_refuses_without_one()
  local e = exec { status = 0, stdout = "\nbosboot: Boot image is 61441 512 byte blocks.\n", stderr = "" }
  lu.assertEquals(bosboot.build(e, { root = "/r", file = "/tmp/i" }), 61441)
  lu.assertEquals(e.argv, { "bosboot", "-a", "-b", "/tmp/i" })
  lu.assertEquals(e.opts.chroot, "/r")
  local blocks, message, code = bosboot.build(exec { status = 0, stdout = "", stderr = "" }, { file = "/tmp/i" })
  lu.assertNil(blocks)
  lu.assertStrContains(message, "no size")
  lu.assertEquals(code, "BOSBOOT")
  _, message = bosboot.build(exec { status = 1, stdout = "", stderr = "0301-154 bosboot: missing proto file\n" },
    { file = "/tmp/i" })
  lu.assertStrContains(message, "exit status 1: 0301-154")
end

function TestBosboot:test_write_names_image_disk_and_volume()
  local e = exec { status = 0, stdout = "", stderr = "" }
  lu.assertTrue(bosboot.write(e, { image = "/alt_inst/tmp/i", disk = "hdisk2", mkboot = "/ALT_MIG_SPOT/sbin/mkboot" }))
  lu.assertEquals(e.argv, { "/ALT_MIG_SPOT/sbin/mkboot", "-d", "/dev/hdisk2", "-l", "/dev/alt_hd5",
    "-b", "/alt_inst/tmp/i" })
end
