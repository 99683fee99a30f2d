-- SPDX-License-Identifier: MIT
-- Each preflight check against hosts in memory: nothing found where all is well, the right finding
-- with evidence and remedy where it is not.

local lu = require "luaunit"
local json = require "altmig.json"
local sys = require "altmig.sys"
local world = require "fake_world"

TestCheck = {}

function TestCheck:setUp() self.w = world.new() end
function TestCheck:tearDown() world.remove(self.w) end

-- Findings of a preflight, by id.
local function findings(w, more)
  local opts = w.opts(more)
  opts.no_log = true
  local by_id = {}
  w.migration.look(opts, function(m)
    m:connect()
    for _, finding in ipairs(require("altmig.run.checks").all(m)) do by_id[finding.id] = finding end
  end)
  return by_id
end

local function found(w, id, severity, host, what, more)
  local finding = findings(w, more)[id]
  lu.assertNotNil(finding, id)
  lu.assertEquals(finding.severity, severity)
  lu.assertEquals(finding.host, host)
  lu.assertStrContains(finding.what, what)
  lu.assertNotNil(finding.evidence, id .. " has no evidence")
  lu.assertEquals(finding.fixable, false)
  return finding
end

local healthy_rootvg = [[
hd5                 boot       2       2       1    closed/syncd  N/A
hd4                 jfs2       4       4       1    open/syncd    /
hd2                 jfs2       4       4       1    open/syncd    /usr
]]

function TestCheck:test_a_healthy_client_has_no_findings()
  self.w.rootvg = healthy_rootvg
  self.w.answers.df = "Filesystem 1024-blocks Free %Used Iused %Iused Mounted on\n/dev/hd4 400000 300000 1% 1 1% /\n"
  lu.assertEquals(findings(self.w), {})
  lu.assertEquals(self.w.exports.client or {}, {})
  lu.assertNil(self.w.client_lock)
end

function TestCheck:test_levels_of_the_spot()
  self.w.spot_fix = 100
  found(self.w, "spot-level", "inhibitor", "nim", "7.2.5.100 in SPOT spot, 7.2.5.101 on the master")
end

function TestCheck:test_nimsh_is_a_warning_and_a_dead_nfs_server_is_not()
  local w = self.w
  w.down = { ["client:nimsh"] = true, ["client:rpc.lockd"] = true, ["master:nfsd"] = true }
  lu.assertStrContains(found(w, "nimsh", "warning", "lpar", "nimsh is not active").remedy, "startsrc -s nimsh")
  found(w, "nfs-locks", "warning", "lpar", "rpc.lockd")
  found(w, "nfs-server", "inhibitor", "nim", "nfsd is not active")
  w.answers.lssrc = function() return "lssrc: The Subsystem is not on file.\n", 1 end
  found(w, "nfs-server", "inhibitor", "nim", "not active")
end

function TestCheck:test_what_an_earlier_run_left()
  local w = self.w
  w.exports.client = { ["/alt_inst/usr"] = "rw" }
  w.mounts.master = { ["/lpar_alt/alt_inst"] = true }
  w.mounts.client = { ["/ALT_MIG_SPOT"] = true }
  lu.assertEquals(found(w, "stale-exports", "inhibitor", "lpar", "/alt_inst/usr is").remedy, "exportfs -u /alt_inst/usr")
  lu.assertEquals(found(w, "executor-mounted", "inhibitor", "nim", "/lpar_alt/alt_inst").remedy, "umount /lpar_alt/alt_inst")
  lu.assertEquals(found(w, "spot-mounted", "inhibitor", "lpar", "/ALT_MIG_SPOT").remedy, "umount /ALT_MIG_SPOT")
end

function TestCheck:test_lock_of_another_run_and_an_unfinished_one_here()
  local w = self.w
  w.client_lock = "other:/state"
  found(w, "locked", "inhibitor", "lpar", "other:/state")
  w.client_lock = nil
  w.fail.bosboot = 1
  local stderr = io.stderr
  rawset(io, "stderr", io.open("/dev/null", "w"))
  pcall(w.migration.migrate, w.opts())
  rawset(io, "stderr", stderr)
  lu.assertStrContains(found(w, "unfinished", "inhibitor", "engine host", "phase 8").remedy, "altmig resume lpar")
end

function TestCheck:test_nim_state_and_lock()
  local w = self.w
  w.answers.lsnim = "lpar:\n   class  = machines\n   Cstate = BOS installation has been enabled\n   locked = 4711\n"
  found(w, "nim-state", "inhibitor", "nim", "BOS installation has been enabled")
  lu.assertStrContains(found(w, "nim-locked", "inhibitor", "nim", "4711").remedy, "nim -Fo reset lpar")
  w.answers.lsnim = function() return '0042-053 lsnim: there is no NIM object named "lpar"\n', 1 end
  found(w, "nim-object", "warning", "nim", "does not know lpar")
  w.answers.lsnim = function() return "", 127 end
  lu.assertNil(findings(w)["nim-object"])
end

function TestCheck:test_clocks()
  local w = self.w
  local services = require "altmig.run.checks.services"
  for _, t in ipairs { 0, 951782400, 1078012799, 1709164800, 4102444799, 1700000000 } do
    local fake = { must = function() return os.date("!%Y %m %d %H %M %S\n", t) end }
    lu.assertEquals(services.clock(fake), t)
  end
  w.answers.date = function(_, host) return os.date("!%Y %m %d %H %M %S\n", os.time() - (host == "client" and 300 or 0)) end
  lu.assertStrMatches(findings(w).clock.what, "the clock of .* is 30?[0-2] s ahead of that of lpar.*")
  w.answers.date = "Sun Nov 22\n"
  found(w, "clock", "warning", "lpar", "does not print a time")
end

function TestCheck:test_names_both_ways()
  local w = self.w
  w.answers.host = function(_, host, argv)
    if host == "client" then return "host: 0827-801 Host name nim does not exist.\n", 1 end
    return argv[2] == "lpar" and "lpar is 10.0.0.2\n" or "somebody is 10.0.0.2,  Aliases:   nobody\n"
  end
  found(w, "name-resolution", "inhibitor", "lpar", "cannot resolve nim")
  found(w, "reverse-resolution", "warning", "nim", "to 10.0.0.2, but that address to somebody")
  w.answers.host = function(_, _, argv)
    return argv[2]:match("^%d") and "long.example.com is 10.0.0.2,  Aliases:   lpar, nim\n" or argv[2] .. " is 10.0.0.2\n"
  end
  lu.assertNil(findings(w)["reverse-resolution"])
  w.answers.host = function() return "", 127 end
  lu.assertNil(findings(w)["name-resolution"])
end

function TestCheck:test_a_free_disk_with_an_lvm_record()
  local w = self.w
  w.answers.lquerypv = "00000E00   5F4C564D 00F64E60 2314127F BBCB70C7  |_LVM..N`#.......|\n"
  lu.assertStrContains(found(w, "lvm-signature", "inhibitor", "lpar", "hdisk2 is free in the ODM").remedy, "chpv -C hdisk2")
  -- Accepted by name, and by no other.
  lu.assertStrContains(found(w, "lvm-signature", "inhibitor", "lpar", "would be lost", { disk = "hdisk3" }).remedy, "--disk hdisk2")
  found(w, "lvm-signature", "warning", "lpar", "will be overwritten, because --disk names it", { disk = "hdisk3 hdisk2" })
  w.answers.lquerypv = "lquerypv: cannot open\n"
  found(w, "lvm-signature", "warning", "lpar", "cannot be read")
  w.answers.lquerypv = nil
  w.hdisk2 = "datavg"
  lu.assertNil(findings(w)["lvm-signature"])
end

function TestCheck:test_what_getlvodm_says_of_a_disk()
  local w = self.w
  local function says(text, status) w.answers.getlvodm = function() return text, status end end
  for _, free in ipairs { "0516-320 /usr/sbin/getlvodm: Physical volume hdisk2 is not assigned to\n       a volume group.\n",
    "0516-1396 : The physical volume hdisk2, was not found in the\nsystem database.\n" } do
    says(free, 3)
    lu.assertNil(findings(w)["disk-in-use"])
  end
  says("00f60000000000000000000000000077\n", 0)
  found(w, "disk-in-use", "inhibitor", "lpar", "the ODM has it in the volume group 00f60000000000000000000000000077")
  for _, other in ipairs { { "", 127 }, { "", 0 }, { "not found\n", 1 } } do
    says(table.unpack(other))
    found(w, "disk-in-use", "warning", "lpar", "getlvodm does not say")
  end
end

function TestCheck:test_what_is_overwritten_is_confirmed_before_anything_is_changed()
  local w = self.w
  w.rootvg = healthy_rootvg
  w.record = "00f600000000000000000000000000aa"
  local isatty, stdin = sys.isatty, io.stdin
  sys.isatty = function() return false end
  local function refused(opts, code)
    local e = world.fails(w.migration.migrate, w.opts(opts))
    lu.assertEquals({ e.code, world.count(w, "%-P1") }, { code, 0 })
  end
  refused({}, "INHIBITOR")
  refused({ disk = "hdisk2" }, "NOT_CONFIRMED")
  sys.isatty = function() return true end
  rawset(io, "stderr", io.open("/dev/null", "w"))
  rawset(io, "stdin", { read = function() return "hdisk0" end })
  refused({ disk = "hdisk2", yes = true }, "NOT_CONFIRMED")
  lu.assertNil(w.client_lock)
  rawset(io, "stdin", { read = function() return "hdisk2" end })
  lu.assertEquals(w.migration.migrate(w.opts { disk = "hdisk2" }), 0)
  rawset(io, "stdin", stdin)
  sys.isatty = isatty
  lu.assertEquals(world.count(w, "chpv"), 0) -- it is nothing that altmig knows to be its own
end

function TestCheck:test_mirror_needs_its_size_by_the_disks_there_are()
  local w = self.w
  w.rootvg = "hd5  boot  2  4  2  closed/syncd  N/A\nhd4  jfs2  100  200  2  open/syncd  /\n"
  w.disk_size = 5000
  found(w, "mirrored-rootvg", "warning", "lpar", "2 copies")
  lu.assertNil(findings(w)["disk-too-small"]) -- one copy of 102 x 32 MB
  w.disk_size = 3000
  found(w, "disk-too-small", "inhibitor", "lpar", "takes 3264 MB")
  w.disk_size = 3300
  found(w, "expansion", "warning", "lpar", "36 MB are left")
  w.disk_size = 3200
  w.answers.lspv = "hdisk0 a rootvg active\nhdisk2 none None\nhdisk3 none None\n"
  found(w, "disk-too-small", "inhibitor", "lpar", "takes 6528 MB", { disks = { "hdisk2", "hdisk3" } })
end

function TestCheck:test_logical_volumes()
  local w = self.w
  w.rootvg = [[
hd5            boot   1   1  1  closed/syncd  N/A
hd4            jfs2   4   4  1  open/syncd    /
hd2            jfs2   4   4  1  closed/syncd  /usr
app_log_volume jfs2   1   1  1  open/syncd    /app
scratch        jfs2   1   1  1  closed/syncd  /scratch
rawdb          raw    1   1  1  open/syncd    N/A
bos_hd5        boot   1   1  1  closed/syncd  N/A
]]
  found(w, "lv-name", "inhibitor", "lpar", "app_log_volume")
  found(w, "raw-lv", "warning", "lpar", "rawdb")
  found(w, "multibos", "inhibitor", "lpar", "bos_hd5")
  w.answers.lslv = "hd5:N/A\nLP    PP1  PV1\n0001  0001 hdisk0\n0002  0009 hdisk0\n"
  found(w, "hd5-pieces", "warning", "lpar", "hd5 are not contiguous")
  local by_severity = {}
  local opts = w.opts { no_log = true }
  w.migration.look(opts, function(m)
    m:connect()
    for _, finding in ipairs(require("altmig.run.checks").all(m)) do
      if finding.id == "not-mounted" then by_severity[finding.severity] = finding.what end
    end
  end)
  lu.assertStrContains(by_severity.inhibitor, "/usr (hd2)")
  lu.assertStrContains(by_severity.warning, "/scratch (scratch)")
  w.rootvg = "hd5  boot  1  1  1  closed/syncd  N/A\n"
  w.answers.lsvg = function(_, _, argv)
    return argv[2] == "-l" and "rootvg:\n" .. w.rootvg or "VOLUME GROUP: rootvg\nPP SIZE: 16 megabyte(s)\nUSED PPs: 1 (16 megabytes)\n"
  end
  found(w, "hd5-size", "inhibitor", "lpar", "hd5 has 16 MB")
end

function TestCheck:test_ghost_devices_by_the_major_the_alternate_rootvg_would_get()
  local w = self.w
  local function row(major, name)
    return ('\nCuDvDr:\n\tresource = "devno"\n\tvalue1 = "%d"\n\tvalue2 = "0"\n\tvalue3 = "%s"\n'):format(major, name)
  end
  w.devno = row(10, "rootvg") .. row(34, "ghostvg")
  w.answers.ls = "total 0\nbrw-rw----    1 root     system       34,  1 Nov 12 2018 ghostlv\n"
    .. "brw-rw---- 1 root system 10, 5 Nov 12 2018 hd4\n"
  local finding = found(w, "ghost-device", "inhibitor", "lpar", "major 34 is free, but CuDvDr has ghostvg and /dev has ghostlv")
  lu.assertEquals(finding.remedy,
    "cd /dev && rm ghostlv; odmget -q value1=34 CuDvDr > /tmp/CuDvDr.34; odmdelete -q value1=34 -o CuDvDr; "
      .. "savebase -o /etc/objrepos -d /dev/ipl_blv")
  lu.assertStrContains(finding.what, "0516-082")
  w.devno, w.answers.ls = row(40, "later"), ""
  found(w, "ghost-device", "warning", "lpar", "major 40")
  w.devno = row(35, "datavg")
  lu.assertNil(findings(w)["ghost-device"])
  w.answers.lvlstmajor = "what?\n"
  found(w, "ghost-device", "warning", "lpar", "does not print")
end

function TestCheck:test_forms_of_lvlstmajor()
  local storage = require "altmig.run.checks.storage"
  local free, lowest = storage.free_majors("39,43,45..47,60...\n")
  lu.assertEquals(lowest, 39)
  local list = {}
  for major = 38, 61 do if free(major) then list[#list + 1] = major end end
  lu.assertEquals(list, { 39, 43, 45, 46, 47, 60, 61 })
  lu.assertNil(storage.free_majors("39,x"))
end

function TestCheck:test_software()
  local w = self.w
  w.answers.emgr = "\nPACKAGE    INSTALLER   LABEL\n====== ========= ==========\nbos.net.tcp.client installp IJ12345s1a\n"
    .. "bos.rte.libc installp IJ12345s1a\n"
  lu.assertStrContains(found(w, "ifix-locked", "inhibitor", "lpar", "IJ12345s1a locks bos.net.tcp.client bos.rte.libc").remedy,
    "emgr -r -L IJ12345s1a")
  w.answers.lppchk = function() return "lppchk:  The following filesets need to be installed\n bos.x\n", 1 end
  lu.assertStrContains(found(w, "lppchk", "warning", "lpar", "not consistent").evidence, "bos.x")
  w.tcb = true
  found(w, "tcb-enabled", "inhibitor", "lpar", "Trusted Computing Base")
  w.answers.trustchk = "TE=ON\n"
  found(w, "trusted-execution", "warning", "lpar", "Trusted Execution")
  w.answers.lswpar = "wpar1\n"
  lu.assertStrContains(found(w, "wpar", "warning", "lpar", "WPARs").evidence, "wpar1")
  w.answers.ps = "COMMAND\n/home/db2/sqllib/adm/db2sysc\n"
  found(w, "server-running", "warning", "lpar", "DB2 is running")
  w.answers.prtconf = "Memory Size: 256 MB\n"
  found(w, "memory", "warning", "nim", "the master has 256 MB") -- the last one of that name
  w.answers.prtconf = function(_, host) return host == "client" and "Memory Size: 256 MB\n" or "Memory Size: 4096 MB\n" end
  found(w, "memory", "inhibitor", "lpar", "256 MB")
  w.answers.prtconf = function(_, host) return host == "client" and "Memory Size: 4095 MB\n" or "Memory Size: 4096 MB\n" end
  lu.assertStrContains(found(w, "memory", "warning", "lpar", "4095 MB").what, "IBM's requirements")
  w.answers.prtconf = "Memory Size: 4096 MB\n"
  lu.assertNil(findings(w).memory)
  w.answers.lsattr = "type PowerPC_POWER6 Processor type False\n"
  found(w, "processor", "inhibitor", "lpar", "POWER6; 7.2 needs POWER7")
  w.answers.lslpp = function(_, _, argv)
    if argv[3] then return ("bos:%s:7.2.5.101: : :C: :x: : : : : : :0:0:/:1\n"):format(argv[3]) end
    return "E:EMCpower.base:5.7.0.0: : :C: :x:\nC:cluster.es.server.rte:7.2.0.0: : :C: :x:\n"
  end
  found(w, "multipath", "warning", "lpar", "PowerPath")
  found(w, "cluster", "warning", "lpar", "PowerHA")
end

function TestCheck:test_room_for_the_save_area()
  local w = self.w
  w.answers.df = "Filesystem 1024-blocks Free %Used Iused %Iused Mounted on\n/dev/hd4 400000 4000 1% 1 1% /\n"
  found(w, "save-area", "inhibitor", "lpar", "/ has 3 MB free")
  w.answers.df = "Filesystem 1024-blocks Free %Used Iused %Iused Mounted on\n/dev/hd4 400000 40000 1% 1 1% /\n"
  found(w, "save-area", "warning", "lpar", "/ has 39 MB free")
end

function TestCheck:test_a_command_that_fails_is_a_finding_not_the_end()
  local w = self.w
  w.fail.lvlstmajor = 1
  lu.assertStrContains(found(w, "ghost_devices", "warning", "lpar", "cannot be checked").evidence, "provoked")
  w.fail.lspv = 1
  found(w, "target_disk", "inhibitor", "lpar", "cannot be checked")
end

-- altmig check itself: what it prints and its status.
local function run(w, ...)
  local printed, lines = {}, {}
  local real_stdout = io.stdout
  rawset(io, "stdout", { write = function(_, ...) printed[#printed + 1] = table.concat { ... } end, flush = function() end })
  local opts = w.opts()
  local ok, status = pcall(require("altmig.cmd.check").run, { "-c", "lpar", "-l", "lpp", "-s", "spot", "-d", "hdisk2", "--nim", opts.nim,
    "--state", opts.state, ... })
  rawset(io, "stdout", real_stdout)
  for line in table.concat(printed):gmatch("(.-)\n") do lines[#lines + 1] = line end
  lu.assertTrue(ok, tostring(status))
  return status, table.concat(lines, "\n"), lines
end

function TestCheck:test_the_command()
  local w = self.w
  w.rootvg = healthy_rootvg
  w.answers.df = "Filesystem 1024-blocks Free %Used Iused %Iused Mounted on\n/dev/hd4 400000 300000 1% 1 1% /\n"
  local status, text = run(w)
  lu.assertEquals(status, 0)
  lu.assertEquals(text, "altmig check: lpar: 0 inhibitors, 0 warnings")
  lu.assertNil(require("altmig.sys").stat(w.dir .. "/state"))
  w.down = { ["client:nimsh"] = true }
  lu.assertEquals((run(w)), 0)
  w.tcb = true
  status, text = run(w)
  lu.assertEquals(status, 3)
  lu.assertStrContains(text, "inhibitor: lpar: the Trusted Computing Base")
  lu.assertStrContains(text, "  evidence: odmget")
  lu.assertStrContains(text, "  remedy:   migrate with --restore-via stream, or turn it off")
  lu.assertStrContains(text, "1 inhibitor, 1 warning")
  local lines
  status, text, lines = run(w, "--json")
  lu.assertEquals(status, 3, text)
  local events = {}
  for _, line in ipairs(lines) do
    local record = assert(json.decode(line))
    events[#events + 1] = record.event .. ":" .. (record.id or record.inhibitors)
  end
  lu.assertEquals(events, { "finding:nimsh", "finding:tcb-enabled", "checked:1" })
end

function TestCheck:test_an_unreachable_client_is_a_finding()
  local status, text = run(self.w, "-c", "gone")
  lu.assertEquals(status, 3)
  lu.assertStrContains(text, "inhibitor: gone:")
  lu.assertStrContains(text, "SSH_CONNECT")
end

-- An image of the lpp_source with one fileset.
local function image(fileset, level, requisites, type)
  return { file = "installp/ppc/" .. fileset, kind = "installp", package = "p", type = type or "I", platform = "R", size = 1, time = "",
    filesets = { { name = fileset, level = level, requisites = requisites, sizes = {}, supersedes = {}, content = "U", bosboot = "N",
      description = "" } } }
end

function TestCheck:test_what_phase_6_would_miss_is_told_with_its_chain()
  self.w.images = { image("bos.net", "7.2.5.0", "*prereq b.lib 2.0.0.0\n"), image("b.lib", "2.0.0.0", "*coreq c.none 3.0.0.0\n") }
  local finding = found(self.w, "missing-requisite", "inhibitor", "lpar", "phase 6 cannot install bos.net 7.2.5.0: "
    .. "bos.net 7.2.5.0 needs *prereq b.lib 2.0.0.0; b.lib 2.0.0.0 needs *coreq c.none 3.0.0.0: c.none is not there, no image has it")
  lu.assertStrContains(finding.remedy, "add the missing images to /export/lpp")
  self.w.images[3] = image("c.none", "3.0.0.0", "")
  lu.assertNil(findings(self.w)["missing-requisite"])
  -- installp would be asked for the highest level, although a lower one could be had.
  self.w.images[4] = image("bos.net", "7.2.5.9", "*prereq c.none 4.0.0.0\n", "S")
  found(self.w, "missing-requisite", "inhibitor", "lpar", "cannot install bos.net 7.2.5.9")
  self.w.images = { image("bos.net", "7.2.5.0", "", "S") }
  found(self.w, "missing-requisite", "inhibitor", "lpar", "it is an update, and there is no level of bos.net 7.2")
end

function TestCheck:test_a_finding_that_can_be_accepted_is_and_no_other()
  local w = self.w
  w.images = { image("bos.net", "7.2.5.0", "*prereq c.none 2.0.0.0") }
  local finding = found(w, "missing-requisite", "inhibitor", "lpar", "c.none is not there")
  lu.assertStrContains(finding.remedy, "--accept missing-requisite=REASON")
  local status, text = run(w, "--accept", "missing-requisite=it comes as an RPM")
  lu.assertEquals(status, 0, text)
  lu.assertStrContains(text, "warning: lpar: phase 6 cannot install bos.net 7.2.5.0")
  lu.assertStrContains(text, "(accepted: it comes as an RPM)")
  w.hdisk2 = "datavg"
  status, text = run(w, "--accept", "missing-requisite,disk-in-use")
  lu.assertEquals(status, 3)
  lu.assertStrContains(text, "(this cannot be accepted)")
  lu.assertStrContains(text, "1 inhibitor")
end

function TestCheck:test_a_requisite_of_more_than_one_reading_ends_no_migration()
  for _, text in ipairs { ">0 {\n*prereq c.none\n}", "*prereq c.none v=2 r>1", "*ifreq acme.rte 2.0.0.0" } do
    self.w.images = { image("bos.net", "7.2.5.0", text) }
    found(self.w, "missing-requisite", "warning", "lpar", "phase 6 cannot install bos.net 7.2.5.0")
  end
  self.w.images = { image("bos.net", "7.2.5.0", "*prereq c.none 2.0.0.0"), image("d.heir", "1.0.0.0", "") }
  self.w.images[2].filesets[1].supersedes = { { name = "c.none", level = "3.0.0.0" } }
  found(self.w, "missing-requisite", "warning", "lpar", "c.none is not there, d.heir supersedes it")
end

function TestCheck:test_images_that_cannot_be_read()
  self.w.image_problems = {}
  for i = 1, 30 do self.w.image_problems[i] = { file = "installp/ppc/x" .. i, message = "bad checksum", code = "BFF_CHECKSUM" } end
  found(self.w, "lpp-source-image", "warning", "nim", "10 more of this kind, the first: lpp_source lpp: installp/ppc/x21 is left out")
  self.w.unreadable = "EACCES"
  found(self.w, "lpp-source-unread", "warning", "nim", "what phase 6 needs of lpp_source lpp cannot be told: provoked")
end
