-- SPDX-License-Identifier: MIT
-- Every reader of text in Lua against hostile text; those in C have tests of the same kind in tests/core.

local lu = require "luaunit"
local aix = require "altmig.aix.output"
local cfgfiles = require "altmig.aix.cfgfiles"
local hostile = require "hostile"
local imagedata = require "altmig.imagedata"
local installp_output = require "altmig.aix.installp_output"
local images = require "altmig.aix.packages"
local odm = require "altmig.odm"
local err = require "altmig.err"
local plan = require "altmig.aix.plan"
local requisite = require "altmig.aix.requisite"

TestHostile = {}

-- A reader that is asked for all it can tell.
local function image_of(text)
  local doc, message, code = imagedata.parse(text, "image.data")
  if not doc then return nil, message, code end
  if text:sub(-1) == "\n" then lu.assertEquals(doc:format(), text) end
  return imagedata.image(doc)
end

local function bosinst_of(text)
  local doc, message, code = imagedata.parse(text, "bosinst.data")
  if not doc then return nil, message, code end
  return imagedata.bosinst(doc)
end

local function cfgfiles_of(text)
  local rows, findings = cfgfiles.parse(text, "f", "f.cfgfiles")
  for _, row in ipairs(rows) do
    lu.assertEquals(row.path:sub(1, 1), "/")
    lu.assertFalse(("/" .. row.path .. "/"):find("/../", 1, true) ~= nil, row.path)
  end
  for _, finding in ipairs(findings) do lu.assertStrMatches(finding.rule, "f%.cfgfiles line %d+: .*") end
  return rows
end

local function requisites_of(text)
  local items = requisite.parse(text)
  for _, item in ipairs(items) do requisite.holds(item, function() return "1.2.3.4" end) end
  requisite.each(items, function(item) lu.assertNotNil(item.name) end)
  return items
end

local function oslevel_of(text) return aix.oslevel(text) or false end
local function causes_of(text)
  local out = installp_output.read(text)
  out:evidence()
  out:summary()
  return out:causes()
end

local function name_of(text) return images.parse_name(text) or false end

local readers = {
  { "image.data", image_of, [[
# comment
image_data:
	IMAGE_TYPE= bff

logical_volume_policy:
	SHRINK= no

vg_data:
	VGNAME= rootvg
	PPSIZE= 64

lv_data:
	VOLUME_GROUP= rootvg
	LOGICAL_VOLUME= hd5
	TYPE= boot
	COPIES= 1
	LPs= 2

fs_data:
	FS_LV= /dev/hd5
]] },
  { "bosinst.data", bosinst_of, "control_flow:\n    CONSOLE = Default\n    INSTALL_METHOD = migrate\n\n"
    .. "target_disk_data:\n    HDISKNAME = hdisk1\n    SIZE_MB = 20480\n" },
  { "cfgfiles", cfgfiles_of, "./etc/hosts preserve\n./etc/rc auto_merge\n/etc/odd user_merge\n./../x hold_new\n", lenient = true },
  { "lpp_name", name_of, "4 R I bos {\nbos.rte 7.2.0.0 01 b B en_US Runtime\n[\n*prereq a 1.2.3.4\n%\n/usr 8\n%\n%\n%\n%\n]\n}\n",
    lenient = true },
  { "installed", plan.of_lslpp, "/usr/lib/objrepos:bos.rte:7.1.5.33::COMMITTED:F:Base:EFIXLOCKED\n", lenient = true },
  { "bundle", function(text) return err.returned(plan.bundle, text) end, "I:bos.rte 7.2.0.0\nR:acme-lib\nE:IV1.180306.epkg.Z\nacme.rte\n" },
  { "requisites", requisites_of, ">0 {\n*prereq bos.rte v<6 r=1\n*ifreq a (1.2.0.0) 1.2.3.4\n}\n*coreq b 1.0.0.0\n", lenient = true },
  { "class definitions", odm.definitions, "/* c */\nclass A {\n* d\n\tchar name[16];\n\tlink B B k l[8];\n\tshort n;\n};\n" },
  { "stanzas of objects", odm.parse, '\nA:\n\tname = "x\\"y"\n\tn = 12\n' },
  { "lspv", aix.lspv, "hdisk0  00c3545039af54e2  rootvg  active\nhdisk7  none  None\n", lenient = true },
  { "lsvg", aix.lsvg, "VOLUME GROUP:   rootvg   VG IDENTIFIER:  00f6\nVG STATE: active  PP SIZE: 32 megabyte(s)\n"
    .. "TOTAL PPs: 639 (20448 megabytes)\nFREE PPs: 477\nUSED PPs: 162\n", lenient = true },
  { "lsvg -l", aix.lsvg_l, "rootvg:\nhd5 boot 1 1 1 closed/syncd  N/A\nhd4 jfs2 12 12 1 open/syncd    /\n", lenient = true },
  { "ls -l", aix.ls_l, "crw-rw-rw- 1 root system 2, 2 Jan 05 10:00 /dev/null\nlrwxrwxrwx 1 0 0 4 Nov 22 2025 a -> b\n", lenient = true },
  { "df -k", aix.df_k, "Filesystem 1024-blocks Free\n/dev/hd4 1966080 559552 72% 4107 7% /\n", lenient = true },
  { "lslpp -Lqc", aix.lslpp_Lqc, "bos:bos.rte:7.1.1.15: : :C:F:Base: : : : : : :0:0:/:1216\n", lenient = true },
  { "lslpp -lqc", aix.lslpp_lqc, "/etc/objrepos:bos.rte:7.1.1.15::COMMITTED:I:Base:\n", lenient = true },
  { "installp -L", aix.installp_L, "bos:bos.rte:7.2.0.0::I:C:::::N:Base::::0:2320:\n", lenient = true },
  { "oslevel", oslevel_of, "7100-05-03-1846\n", lenient = true },
  { "installp output", causes_of, "FAILURES\n  Requisite Failures\n  ---\n  MISSING REQUISITES:  The\n    a.b v=6  # B\n  << End of\n"
    .. "   1  FAILED pre-installation verification\ninstallp:  APPLYING software for:\n   chef 12.0.0.1\n\nno\nInstallation Summary\n"
    .. "chef 12.0.0.1 USR APPLY FAILED\n", lenient = true },
  { "bootlist", aix.bootlist, "hdisk0 blv=hd5 pathid=0\nhdisk4 blv=hd5\n-\n", lenient = true },
  { "lslv -m", aix.lslv_m, "hd5:N/A\nLP    PP1  PV1               PP2  PV2\n0001  0001 hdisk0            0001 hdisk1\n", lenient = true },
  { "exportfs", aix.exportfs, "/export/spot -ro,root=c1,access=c1\n/home\n", lenient = true },
  { "lssrc", aix.lssrc, "Subsystem         Group            PID          Status \n nfsd   nfs   5636528      active\n", lenient = true },
  { "lsnim -l", aix.lsnim_l, "c1:\n   class          = machines\n   Cstate         = ready for a NIM operation\n", lenient = true },
  { "host", function(text) return aix.host(text) or false end, "c1 is 10.0.0.7,  Aliases:   c1.example\n", lenient = true },
  { "emgr -P", aix.emgr_P, "PACKAGE  INSTALLER   LABEL\n==== === ==\nbos.net.tcp.client   installp    IV00001s1a\n", lenient = true },
  { "prtconf -m", function(text) return aix.prtconf_m(text) or false end, "Memory Size: 8192 MB\n", lenient = true },
  { "processor", function(text) return aix.processor(text) or false end, "type PowerPC_POWER8 Processor type False\n", lenient = true },
  { "date", function(text) return aix.date(text) or false end, "2026 11 27 19 00 53\n", lenient = true },
  { "disk size", function(text) return aix.disk_size(text) or false end, "10240\n", lenient = true },
  { "ls -l /dev", aix.devices, "brw-rw----    1 root     system       10,  8 Jan 05 10:00 hd4\n", lenient = true },
  { "ldd", aix.ldd, "/usr/sbin/restore needs:\n\t /usr/lib/libc.a(shr.o)\n\t /unix\n", lenient = true },
  { "dump -H", aix.dump_H, "                 ***Import File Strings***\nINDEX  PATH   BASE   MEMBER\n0      /usr/lib:/lib\n"
    .. "1             libc.a    shr.o\n2   /   unix\n", lenient = true },
  { "prtconf", aix.prtconf, "System Model: IBM,9105-42A\nProcessor Type: PowerPC_POWER10\nMemory Size: 8192 MB\n", lenient = true },
  { "lsattr -a", function(text) return aix.attribute(text, "PCM") or false end, "PCM PCM/friend/vscsi Path Control Module False\n",
    lenient = true },
  { "genkex", function(text) return aix.genkex(text) or false end, "Text address  Size File\n\n f10000 22000 /usr/lib/drivers/random\n",
    lenient = true },
  { "genld -l", aix.genld, "Proc_pid: 12\tProc_name: a\n 10000000 a\n d00ad100 /usr/lib/libc.a[shr.o]\n", lenient = true },
  { "blvset", function(text) return aix.blvset_level(text) or false end, "7.2\n", lenient = true },
  { "hdcryptmgr", aix.encrypted, "LV NAME  CRYPTO ENABLED\nhd4 yes yes 100 done\n", lenient = true },
  { "lscluster -c", function(text) return aix.cluster(text) or false end, "Cluster Name: c1\nCluster UUID: 1\n", lenient = true },
  { "lsdev -F", aix.lsdev_places, "ent0:U9105.42A-V2-C2-T1:Virtual I/O Ethernet Adapter (l-lan)\n", lenient = true },
  { "odmget fix", aix.odmget_fix, '\nfix:\n\tname = "72-05-062320_SP"\n\tfilesets = "bos.rte:7.2.5.200\\n\\\nbos.mp64:7.2.5.201\\n\\\n"\n'
    .. '\tsymptom = "x"\n', lenient = true },
  { "odmget", aix.odmget, '\nlpp:\n\tname = "bos.rte"\n\tver = 7\n', lenient = true },
}

for _, reader in ipairs(readers) do
  local name, parse, sample = table.unpack(reader)
  local id = name:gsub("%W+", "_")
  TestHostile["test_" .. id] = function()
    local read, refused = hostile.text(parse, sample, reader)
    lu.assertTrue(read > 0)
    if not reader.lenient then lu.assertTrue(refused > 0) end
  end
  TestHostile["test_long_" .. id] = function() hostile.long(parse, sample) end
end
