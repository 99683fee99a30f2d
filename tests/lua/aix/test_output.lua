-- SPDX-License-Identifier: MIT
local lu = require "luaunit"
local aix = require "altmig.aix.output"

TestAixOutput = {}

function TestAixOutput:test_lspv_tells_free_disks_from_used_ones()
  local list, by_name = aix.lspv("hdisk0          00c3545039af54e2                    rootvg          active\n"
    .. "hdisk7          none                                None            \n"
    .. "hdisk29         00c9f3a00de868bd                    altinst_rootvg\n")
  lu.assertEquals(#list, 3)
  lu.assertEquals(by_name.hdisk0, { name = "hdisk0", pvid = "00c3545039af54e2", vg = "rootvg", state = "active" })
  lu.assertNil(by_name.hdisk7.vg)
  lu.assertNil(by_name.hdisk7.pvid)
  lu.assertEquals(by_name.hdisk29.vg, "altinst_rootvg")
  lu.assertNil(by_name.hdisk29.state)
end

function TestAixOutput:test_lsvg_numbers_survive_the_column_layout()
  local vg = aix.lsvg("VOLUME GROUP:       rootvg                  VG IDENTIFIER:      00f6db0a00004c000000016b94f02\n"
    .. "VG STATE:           active                  PP SIZE:            32 megabyte(s)\n"
    .. "VG PERMISSION:      read/write              TOTAL PPs:          639 (20448 megabytes)\n"
    .. "MAX LVs:            256                     FREE PPs:           477 (15264 megabytes)\n"
    .. "LVs:                12                      USED PPs:           162 (5184 megabytes)\n")
  lu.assertEquals({ vg.name, vg.pp_size, vg.total_pps, vg.free_pps, vg.used_pps }, { "rootvg", 32, 639, 477, 162 })
  lu.assertEquals(aix.lsvg("PP SIZE:            2 gigabyte(s)\n").pp_size, 2048)
end

function TestAixOutput:test_identifiers_of_volume_groups_compare_whatever_their_form()
  local id = "00f6eaf200004c000000016b94f02d31"
  lu.assertEquals(aix.vg_identifier(id:upper() .. " \n"), id)
  lu.assertEquals(aix.vg_identifier("00f6eaf2be15e0a1"), "00f6eaf2be15e0a10000000000000000")
  for _, text in ipairs { "", "none", "0000000000000000", id .. "0", "00f6 eaf2", "0516-306 lsvg: no such group" } do
    lu.assertNil(aix.vg_identifier(text), text)
  end
  lu.assertNil(aix.vg_identifier(nil))
end

function TestAixOutput:test_the_record_of_lvm_on_a_disk()
  local dump = "00000E00   5F4C564D 00F6EAF2 00004C00 0000016B  |_LVM......L....k|\n"
    .. "00000E10   94F02D31 00000800 00000800 00000080  |..-1............|\n"
  lu.assertEquals({ aix.lvm_record(dump) }, { true, "00f6eaf200004c000000016b94f02d31" })
  lu.assertEquals({ aix.lvm_record(dump:lower()) }, { true, "00f6eaf200004c000000016b94f02d31" })
  lu.assertEquals({ aix.lvm_record(dump:match("[^\n]+")) }, { true }) -- not all of the identifier
  for _, text in ipairs { "", "lquerypv: cannot open\n", "00000E00   00000000 5F4C564D 00004C00 0000016B  |....|\n",
    "00000E00   C9C2D4C1 00F6EAF2 00004C00 0000016B  |_LVM|\n" } do
    lu.assertEquals({ aix.lvm_record(text) }, { false }, text)
  end
end

function TestAixOutput:test_lsvg_l_gives_mount_points_and_leaves_na_out()
  local rows = aix.lsvg_l("altinst_rootvg:\n"
    .. "LV NAME             TYPE       LPs     PPs     PVs  LV STATE      MOUNT POINT\n"
    .. "alt_hd5             boot       1       1       1    closed/syncd  N/A\n"
    .. "alt_hd4             jfs2       12      12      1    open/syncd    /alt_inst\n"
    .. "alt_livedump        jfs2       8       8       1    open/syncd    /alt_inst/var/adm/ras/livedump\n")
  lu.assertEquals(#rows, 3)
  lu.assertNil(rows[1].mount)
  lu.assertEquals(rows[1].lps, 1)
  lu.assertEquals(rows[3].mount, "/alt_inst/var/adm/ras/livedump")
end

function TestAixOutput:test_mount_tells_hosts_sources_and_places()
  local rows = aix.mounts(table.concat({
    "  node       mounted        mounted over    vfs       date        options      ",
    "-------- ---------------  ---------------  ------ ------------ --------------- ",
    "         /dev/hd4         /                jfs2   Jan 05 10:00 rw,log=/dev/hd8 ",
    "         /proc            /proc            procfs Jan  5 10:00                 ",
    "srv1     /export/images   /mnt/images      nfs3   Jan 05 10:02 ro,hard,intr    ",
    "         /export/a_rather_long_name_of_a_directory /c1_alt/alt_inst/I namefs Jan 05 10:03 rw",
    "         /export/two words /mnt             namefs Jan 05 10:03 rw",
  }, "\n") .. "\n")
  lu.assertEquals(rows, {
    { node = "", source = "/dev/hd4", at = "/", vfs = "jfs2", options = "rw,log=/dev/hd8" },
    { node = "", source = "/proc", at = "/proc", vfs = "procfs", options = "" },
    { node = "srv1", source = "/export/images", at = "/mnt/images", vfs = "nfs3", options = "ro,hard,intr" },
    { node = "", source = "/export/a_rather_long_name_of_a_directory", at = "/c1_alt/alt_inst/I", vfs = "namefs", options = "rw" },
  })
  lu.assertEquals(aix.mounts(""), {})
end

function TestAixOutput:test_a_long_mount_table_is_read_in_time()
  require("hostile").long(aix.mounts, "srv1     /export/images   /mnt/images      nfs3   Jan 05 10:02 ro,hard,intr    \n")
end

function TestAixOutput:test_ls_l_tells_types_modes_and_device_numbers()
  local rows = aix.ls_l("total 8\n"
    .. "crw-rw-rw-    1 root     system        2,  2 Jan 05 10:00 /dev/null\n"
    .. "brw-------    1 root     system       20,  0 Nov 22  2025 /dev/hdisk0\n"
    .. "lrwxrwxrwx    1 0        0                4 Jan 05 10:00 /dev/a b -> lft0\n"
    .. "drwxr-sr-t+   2 root     system          256 Jan 05 10:00 xti\n"
    .. "ls: 0653-341 The file /dev/error does not exist.\n"
    .. "-rwsr-xr-x    1 203      1            1234 Jan 05 10:00  lead\n")
  lu.assertEquals(#rows, 5)
  lu.assertEquals({ rows[1].type, rows[1].mode, rows[1].name }, { "char", tonumber("666", 8), "/dev/null" })
  lu.assertEquals({ rows[1].major, rows[1].minor }, { 2, 2 })
  lu.assertEquals({ rows[2].type, rows[2].mode, rows[2].major, rows[2].minor }, { "block", tonumber("600", 8), 20, 0 })
  lu.assertEquals({ rows[3].type, rows[3].name }, { "link", "/dev/a b -> lft0" })
  lu.assertEquals({ rows[4].type, rows[4].mode, rows[4].size }, { "dir", tonumber("3755", 8), 256 })
  lu.assertEquals({ rows[5].mode, rows[5].owner, rows[5].size, rows[5].name }, { tonumber("4755", 8), "203", 1234, " lead" })
end

function TestAixOutput:test_df_k_skips_pseudo_file_systems_sizes()
  local rows = aix.df_k("Filesystem    1024-blocks      Free %Used    Iused %Iused Mounted on\n"
    .. "/dev/hd4         1966080    559552   72%     4107     7% /\n"
    .. "/proc                  -         -    -        -      - /proc\n"
    .. "carribean-lp4:/tmp/lp4nfs      163840    163152    1%        4     1% /tmp/clientnfs\n")
  lu.assertEquals(rows[1], { device = "/dev/hd4", total = 1966080 * 1024, free = 559552 * 1024, mount = "/" })
  lu.assertNil(rows[2].free)
  lu.assertEquals(rows[3].mount, "/tmp/clientnfs")
end

function TestAixOutput:test_levels_compare_by_number_not_by_text()
  lu.assertEquals(aix.compare_levels("7.2.5.101", "7.2.5.99"), 1)
  lu.assertEquals(aix.compare_levels("7.2.5.0", "7.2.5"), 0)
  lu.assertEquals(aix.compare_levels("6.1.9.400", "7.1.0.0"), -1)
end

function TestAixOutput:test_lslpp_keeps_the_higher_of_two_levels()
  local f = aix.lslpp_Lqc("bos.sysmgt:bos.sysmgt.smit:7.1.1.15: : :C:F:SMIT: : : : : : :0:0:/:1216\n"
    .. "bos.sysmgt:bos.sysmgt.smit:7.1.0.0: : :C: :SMIT: : : : : : :0:0:/:1036\n")
  lu.assertEquals(f["bos.sysmgt.smit"].level, "7.1.1.15")
  lu.assertEquals(f["bos.sysmgt.smit"].type, "F")
end

function TestAixOutput:test_names_of_rpms()
  local row = aix.lslpp_Lqc("a-lib-2.0-1:a-lib-2.0-1:2.0-1: : :C:R:A library: :/bin/rpm -e a-lib: : : : :0: :/opt/freeware:"
    .. "Fri Sep 18 10:11:12 2020\n")["a-lib-2.0-1"]
  lu.assertEquals({ row.type, row.level, aix.rpm_name(row) }, { "R", "2.0-1", "a-lib" })
  lu.assertNil(aix.rpm_name { fileset = "bos.rte", level = "7.1.0.0", type = " " })
  lu.assertEquals(aix.rpm_image("a-lib-2.1-1.aix7.2.ppc.rpm"), { name = "a-lib", level = "2.1-1", package = "a-lib-2.1-1" })
  lu.assertEquals(aix.rpm_image("b_x+-1.0.2-3.noarch.rpm"), { name = "b_x+", level = "1.0.2-3", package = "b_x+-1.0.2-3" })
  for _, other in ipairs { "", ".toc", "bos.rte.I", "a.rpm", "a-1.aix7.2.ppc.rpm", "a-1-2.aix7.2.ppc.rpm.new", "a b-1-2.noarch.rpm" } do
    lu.assertNil(aix.rpm_image(other), other)
  end
end

function TestAixOutput:test_oslevel()
  lu.assertEquals(aix.oslevel("7100-05-03-1846\n"), { version = 7, release = 1, tl = 5, sp = 3, build = 1846 })
  lu.assertEquals(aix.oslevel("7200-05-00-0000\n"), { version = 7, release = 2, tl = 5, sp = 0 })
  lu.assertNil(aix.oslevel("ksh: oslevel: not found"))
end

function TestAixOutput:test_what_a_machine_says_of_itself()
  local text = "System Model: IBM,9105-42A\nMachine Serial Number: 78ABCDE\nProcessor Type: PowerPC_POWER10\n"
    .. "Processor Implementation Mode: POWER 9\nMemory Size: 16384 MB\nPlatform Firmware level: SV860_180\n"
  lu.assertEquals(aix.prtconf(text), { model = "9105-42A", processor = 10, mode = 9, memory = 16384, firmware = "SV860_180" })
  lu.assertEquals(aix.prtconf "prtconf: not found\n", {})
  lu.assertEquals(aix.attribute("PCM             PCM/friend/vscsi Path Control Module       False\n", "PCM"), "PCM/friend/vscsi")
  lu.assertNil(aix.attribute("lsattr: 0514-528 The \"PCM\" attribute does not exist\n", "PCM"))
  lu.assertEquals(aix.lsdev_places "fcs0:U78DA.ND0-P0-C1-T1:PCIe3 2-Port 16Gb FC Adapter: x\nvsa0::LPAR Virtual Serial Adapter\n",
    { { name = "fcs0", place = "U78DA.ND0-P0-C1-T1", text = "PCIe3 2-Port 16Gb FC Adapter: x" },
      { name = "vsa0", place = "", text = "LPAR Virtual Serial Adapter" } })
end

function TestAixOutput:test_kernel_extensions_and_loaded_objects()
  lu.assertEquals(aix.genkex("Text address     Size File\n\nf1000000c0318000    6000 /usr/lib/drivers/a\n      2c73000   22000 /opt/b\n"
    .. "       5c0      10 /opt/b\n"), { "/usr/lib/drivers/a", "/opt/b" })
  lu.assertNil(aix.genkex "genkex: must be root\n")
  lu.assertEquals(aix.genld "Proc_pid:    9034\tProc_name: ksh\n        10000000  ksh\n        d00ad100  /usr/lib/libc.a[shr.o]\n",
    { { name = "ksh", objects = { "ksh", "/usr/lib/libc.a[shr.o]" } } })
end

function TestAixOutput:test_boot_area_encryption_and_cluster()
  lu.assertEquals({ aix.blvset_level "7.2\n" }, { 7, 2 })
  lu.assertEquals({ aix.blvset_level "0.0\n" }, { 0, 0 })
  lu.assertNil((aix.blvset_level "blvset: usage\n"))
  lu.assertEquals(aix.encrypted "LV NAME             CRYPTO ENABLED\nhd4                 yes                  no\nhd2 no NA\n",
    { hd4 = true, hd2 = false })
  lu.assertEquals(aix.encrypted "VG NAME / ID         ENCRYPTION ENABLED\nrootvg               no\n", { rootvg = false })
  lu.assertEquals(aix.cluster "Cluster Name: mycl\nCluster UUID: 1\n", "mycl")
  lu.assertEquals(aix.cluster "lscluster: Cluster services are not active.\n", false)
  lu.assertNil(aix.cluster "0516-000 x\n")
end

function TestAixOutput:test_fixes_of_the_object_data_manager()
  local text = '\nfix:\n\tname = "7200-05_AIX_ML"\n\tabstract = "A"\n\tfilesets = "bos.rte:7.2.5.0\\n\\\nbos.mp64:7.2.5.0\\n\\\n"\n'
    .. '\tsymptom = "AIX:1.2.3.4\\n\\\n"\n\nfix:\n\tname = "72-05-062320_SP"\n\tfilesets = "bos.rte.libc:7.2.5.202\\nbos.x:7.2.5.1"\n'
  lu.assertEquals(aix.odmget_fix(text), { ["7200-05_AIX_ML"] = { ["bos.rte"] = "7.2.5.0", ["bos.mp64"] = "7.2.5.0" },
    ["72-05-062320_SP"] = { ["bos.rte.libc"] = "7.2.5.202", ["bos.x"] = "7.2.5.1" } })
  lu.assertEquals(aix.service_pack "72-05-062320_SP", "7200-05-06-2320")
  lu.assertEquals(aix.service_pack "7300-03-01-2520_SP", "7300-03-01-2520")
  lu.assertNil(aix.service_pack "7200-05_AIX_ML")
end

function TestAixOutput:test_bootlist_rows_are_paths_of_disks()
  lu.assertEquals(aix.bootlist "hdisk0 blv=hd5 pathid=0\nhdisk0 blv=hd5 pathid=1\n-\nhdisk4\n",
    { { disk = "hdisk0", blv = "hd5" }, { disk = "hdisk0", blv = "hd5" }, { disk = "hdisk4" } })
  lu.assertEquals(aix.bootlist "0514-220 bootlist: Invalid device.\n", {})
end

function TestAixOutput:test_partitions_of_a_logical_volume()
  local rows = aix.lslv_m "hd5:N/A\nLP    PP1  PV1               PP2  PV2\n0001  0007 hdisk0            0001 hdisk1\n0002  0009 hdisk0\n"
  lu.assertEquals(rows, { { lp = 1, pp = 7, disk = "hdisk0", copies = { { pp = 7, disk = "hdisk0" }, { pp = 1, disk = "hdisk1" } } },
    { lp = 2, pp = 9, disk = "hdisk0", copies = { { pp = 9, disk = "hdisk0" } } } })
  -- A disk that is missing has its identifier in the place of its name.
  lu.assertEquals(aix.lslv_m "0001  0007 00c3545039af54e2  0001 ?\n"[1].copies, { { pp = 7, disk = "00c3545039af54e2" },
    { pp = 1, disk = "?" } })
end

function TestAixOutput:test_subsystems_with_and_without_a_process()
  local rows = aix.lssrc("Subsystem         Group            PID          Status \n nfsd             nfs              5636528      active\n"
    .. " rpc.lockd        nfs                           inoperative\n nimsh            nimclient        123          active  \n")
  lu.assertEquals({ rows.nfsd.state, rows["rpc.lockd"].state, rows.nimsh.state }, { "active", "inoperative", "active" })
  lu.assertNil(rows.Subsystem)
  lu.assertEquals(aix.lssrc "0513-085 The nimsh Subsystem is not on file.\n", {})
end

function TestAixOutput:test_fixes_attributes_and_names()
  lu.assertEquals(aix.emgr_P "\nPACKAGE            INSTALLER   LABEL\n======== === ===\nbos.net.tcp.client installp    IV00001s1a\n",
    { { fileset = "bos.net.tcp.client", label = "IV00001s1a" } })
  lu.assertEquals(aix.lsnim_l("c1:\n   class          = machines\n   locked         = 123\n"), { class = "machines", locked = "123" })
  lu.assertEquals({ aix.host "c1 is 10.0.0.7,  Aliases:   c1.example\n" }, { "c1", "10.0.0.7" })
  lu.assertEquals({ aix.host "c1.example has address 10.0.0.7\n" }, { "c1.example", "10.0.0.7" })
  lu.assertEquals({ aix.host "7.0.0.10.in-addr.arpa domain name pointer c1.example.\n" }, { "c1.example", "10.0.0.7" })
  lu.assertNil(aix.host "c1.example has no A record\n")
  lu.assertNil(aix.host "host: 0827-803 Cannot find address 10.0.0.9.\n")
end

function TestAixOutput:test_numbers_of_the_machine()
  lu.assertEquals({ aix.prtconf_m "Memory Size: 8192 MB\n", aix.processor "type PowerPC_POWER9 Processor type False\n",
    aix.disk_size "20480\n" }, { 8192, 9, 20480 })
  lu.assertNil(aix.disk_size "getconf: Invalid argument\n")
  lu.assertEquals(aix.date "1970 01 01 00 00 00\n", 0)
  lu.assertEquals(aix.date "2026 11 27 19 00 53\n", 1795806053)
  lu.assertNil(aix.date "Fri Nov 27\n")
end

function TestAixOutput:test_special_files_and_their_majors()
  lu.assertEquals(aix.devices("total 0\nbrw-rw----    1 root     system       10,  8 Jan 05 10:00 hd4\n"
    .. "crw-rw-rw-    1 root     system        2,  2 Jan 05 10:00 null\nlrwxrwxrwx 1 root system 5 Jan 05 10:00 a -> b\n"),
    { { major = 10, name = "hd4" }, { major = 2, name = "null" } })
end

function TestAixOutput:test_libraries_of_a_program()
  lu.assertEquals(aix.ldd "/usr/sbin/restore needs:\n\t /usr/lib/libc.a(shr.o)\n\t /unix\n\t /usr/lib/libcrypt.a(shr.o)\n",
    { "/usr/lib/libc.a", "/usr/lib/libcrypt.a" })
  lu.assertEquals(aix.dump_H("\n/usr/sbin/restore:\n\n\t\t\t***Import File Strings***\nINDEX  PATH           BASE       MEMBER\n"
    .. "0      /usr/lib:/lib\n1                                    libc.a              shr.o\n2      /                             unix\n"),
    { { base = "libc.a", search = "/usr/lib:/lib" } })
end

function TestAixOutput:test_odmget_objects()
  local objects = aix.odmget('\nlpp:\n\tname = "bos.rte"\n\tver = 7\n\tdescription = "Base \\"x\\""\n\nlpp:\n\tname = "b"\n')
  lu.assertEquals(#objects, 2)
  lu.assertEquals(objects[1].name, "bos.rte")
  lu.assertEquals(objects[1].ver, 7)
end

function TestAixOutput:test_real_lslpp_sample()
  local file = io.open(SHARED_DIR .. "/samples/ohai-lslpp-Lqc.txt")
  if not file then lu.skip("no sample of lslpp -Lqc here") end
  local filesets = aix.lslpp_Lqc(file:read("a"))
  file:close()
  lu.assertEquals(filesets["bos.sysmgt.sysbr"].level, "7.1.1.17")
end
