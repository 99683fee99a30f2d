-- SPDX-License-Identifier: MIT
-- Disks of the lab and the rules of its exports, without root.

local lu = require "luaunit"
local sys = require "altmig.sys"
require "altmig.cmd.lab" -- makes lab.NAME loadable

local directory

-- What aixlua has and this program has not.
package.preload["lpar"] = package.preload["lpar"] or function()
  return {
    world = function() return { lab = directory, host = "adachi-AIX7", prefix = "", path = directory } end,
    resolve = function(name)
      local known = { ["adachi-nim"] = "10.77.0.2", ["altmig-engine"] = "10.77.0.1", other = "10.77.0.9" }
      if known[name] or name:match "^[%d.]+$" then return known[name] or name end
      return nil, "resolve: " .. name .. ": host name not found", "HOST_UNKNOWN"
    end,
    outside = function(argv, opts) return sys.run(argv, opts) end,
  }
end

local function new_directory()
  directory = os.tmpname()
  os.remove(directory)
  assert(sys.makedirs(directory .. "/lpars/adachi-AIX7/etc"))
  assert(sys.makedirs(directory .. "/lpars/adachi-AIX7/disks"))
end

local function remove_directory() sys.run { "rm", "-rf", directory } end

TestDisk = {}

function TestDisk:setUp()
  new_directory()
  self.disk = require "lab.disk"
  self.disk.use(directory, "adachi-AIX7")
  for i = 0, 10 do assert(self.disk.create("hdisk" .. i, 1024)) end
end

function TestDisk:tearDown() remove_directory() end

function TestDisk:test_names_in_the_order_of_their_numbers()
  local names = self.disk.list()
  lu.assertEquals({ names[2], names[3], names[11] }, { "hdisk1", "hdisk2", "hdisk10" })
  lu.assertEquals(self.disk.size_mb "hdisk3", 1024)
  lu.assertNil((self.disk.path "../x"))
end

function TestDisk:test_ipl_record_bytes()
  lu.assertEquals(self.disk.ipl_read "hdisk0", {})
  assert(self.disk.ipl_write("hdisk0", { pvid = "00f6eaf21be15e0a", boot_code_length = 9, boot_code_start = 4352 }))
  local bytes = self.disk.read("hdisk0", 0, 1)
  lu.assertEquals(#bytes, 512)
  lu.assertEquals(bytes:sub(1, 4), "\xC9\xC2\xD4\xC1")
  lu.assertEquals(bytes:sub(37, 40), "\0\0\0\9")
  lu.assertEquals(bytes:sub(129, 144), "\x00\xf6\xea\xf2\x1b\xe1\x5e\x0a" .. ("\0"):rep(8))
  lu.assertEquals(bytes:sub(447, 447) .. bytes:sub(451, 451) .. bytes:sub(511, 512), "\x80\x41\x55\xAA")
  lu.assertEquals(self.disk.ipl_read("hdisk0").boot_code_start, 4352)
end

function TestDisk:test_volume_group_on_two_disks()
  local disk = self.disk
  local vg = assert(disk.vg_create { name = "datavg", disks = { "hdisk1", "hdisk2" }, pp_mb = 64, seed = "s" })
  lu.assertEquals({ disk.vg_pps(vg) }, { 30, 0 })
  lu.assertEquals(disk.lvm_read("hdisk2").pv_number, 2)
  lu.assertEquals(disk.lvm_read("hdisk2").pp_size_log2, 26)
  lu.assertFalse(disk.vgda_read "hdisk0")
  local lv = assert(disk.lv_create(vg, { name = "datalv", type = "jfs2", lps = 8, label = "/data" }))
  lu.assertEquals(lv.number, 1)
  lu.assertEquals(sys.stat(directory .. "/lpars/adachi-AIX7/disks/hdisk1/lv.1.img").size, 512 << 20)
  lu.assertEquals(disk.vgda_read("hdisk2").lvs[1].name, "datalv")
  lu.assertEquals(select(3, disk.lv_create(vg, { name = "big", type = "jfs2", lps = 23 })), "ENOSPC")
  lu.assertEquals(select(3, disk.lv_create(vg, { name = "datalv", type = "jfs2", lps = 1 })), "EEXIST")
  lu.assertEquals(select(3, disk.vg_create { name = "x", disks = { "hdisk1" } }), "PV_IN_USE")
  assert(disk.lv_rename(vg, "datalv", "alt_datalv"))
  lu.assertEquals(disk.vgda_read("hdisk1").lvs[1].name, "alt_datalv")
  assert(disk.lvm_clear "hdisk1")
  lu.assertFalse(disk.vgda_read "hdisk1")
  lu.assertNotNil(disk.ipl_read("hdisk1").pvid)
end

function TestDisk:test_smaller_partitions_leave_everything_where_it_is()
  local disk = self.disk
  local vg = assert(disk.vg_create { name = "rootvg", disks = { "hdisk1" }, pp_mb = 64, seed = "s" })
  local data = assert(disk.lv_create(vg, { name = "hd4", type = "jfs2", lps = 2 }))
  local boot = assert(disk.lv_create(vg, { name = "hd5", type = "boot", lps = 1 }))
  lu.assertEquals({ disk.lv_partitions(vg, boot) }, { { 1 }, { 1 } })
  lu.assertEquals((disk.lv_partitions(vg, data)), { 2, 3 })
  disk.vg_repartition(vg, 32)
  lu.assertEquals({ vg.pp_mb, vg.pvs[1].pps, boot.lps, data.lps }, { 32, 31, 2, 4 })
  lu.assertEquals((disk.lv_partitions(vg, data)), { 3, 4, 5, 6 })
  -- A boot volume in two pieces; nothing else is where it is.
  boot.pps = { 1, 3 }
  disk.vg_repartition(vg, 16)
  disk.vg_repartition(vg, 64)
  lu.assertEquals((disk.lv_partitions(vg, boot)), { 1, 2, 5, 6 })
  lu.assertEquals((disk.lv_partitions(vg, data)), { 7, 8, 9, 10, 11, 12, 13, 14 })
end

function TestDisk:test_a_damaged_vgda_is_an_error()
  assert(self.disk.vg_create { name = "datavg", disks = { "hdisk1" }, seed = "s" })
  assert(self.disk.write("hdisk1", self.disk.VGDA_TEXT, "\xff\xff\xff\xff"))
  lu.assertEquals(select(3, self.disk.vgda_read "hdisk1"), "VGDA_DAMAGED")
  assert(self.disk.write("hdisk1", self.disk.VGDA_TEXT, "\0\0\0\4oops"))
  lu.assertEquals(select(3, self.disk.vgda_read "hdisk1"), "VGDA_DAMAGED")
  lu.assertEquals(select(3, self.disk.write("hdisk1", 1024 * 2048, "x")), "EIO")
end

TestExports = {}

function TestExports:setUp()
  new_directory()
  self.exports = require "lab.exports"
end

function TestExports:tearDown() remove_directory() end

-- Access and squashing by address, as the server is told.
function TestExports:rules(options)
  assert(self.exports.apply { { path = "/alt_inst", options = options } })
  local text, rules = sys.read_file(directory .. "/lpars/adachi-AIX7/etc/exports.conf"), {}
  for client, access, squash in text:gmatch "Clients = (%S+); Access_Type = (%w+); Squash = ([%w_]+);" do
    rules[client] = access .. (squash == "No_Root_Squash" and "+root" or "")
  end
  return rules
end

function TestExports:test_access_rules()
  lu.assertEquals(self:rules "", { ["*"] = "RW" })
  lu.assertEquals(self:rules "ro", { ["*"] = "RO" })
  lu.assertEquals(self:rules "-ro,access=adachi-nim", { ["10.77.0.2"] = "RO" })
  lu.assertEquals(self:rules "rw=adachi-nim", { ["10.77.0.2"] = "RW", ["*"] = "RO" })
  lu.assertEquals(self:rules "rw=adachi-nim:other,root=adachi-nim,access=adachi-nim:other",
    { ["10.77.0.2"] = "RW+root", ["10.77.0.9"] = "RW" })
  -- root= alone lets nobody in whom access= leaves out.
  lu.assertEquals(self:rules "root=other,access=10.77.0.1", { ["10.77.0.1"] = "RW", ["10.77.0.9"] = "None+root" })
end

function TestExports:test_what_is_refused()
  lu.assertEquals(select(3, self.exports.apply { { path = "/x", options = "access=nobody" } }), "HOST_UNKNOWN")
  lu.assertEquals(select(3, self.exports.apply { { path = "/x", options = "fast" } }), "EXPORT_OPTION")
  lu.assertEquals(select(3, self.exports.parse "ro,rw"), "EXPORT_OPTION")
end

function TestExports:test_a_path_keeps_its_number()
  local function id()
    return sys.read_file(directory .. "/lpars/adachi-AIX7/etc/exports.conf"):match 'Export_Id = (%d+); Path = "[^"]*/alt_inst"'
  end
  self:rules ""
  local first = id()
  assert(self.exports.apply { { path = "/a", options = "" }, { path = "/alt_inst", options = "ro" } })
  lu.assertEquals(id(), first)
end

function TestExports:test_lines_of_etc_exports()
  lu.assertEquals(self.exports.read "# none\n/usr -ro\n/a \\\n  -rw=x,root=x\n\n", { { path = "/usr", options = "ro" },
    { path = "/a", options = "rw=x,root=x" } })
end
