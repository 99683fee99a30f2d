-- SPDX-License-Identifier: MIT
-- Each preflight check against hosts in memory: nothing found where all is well, the right finding
-- with evidence and remedy where it is not.

local lu = require "luaunit"
local json = require "altmig.json"
local releases = require "altmig.run.checks.releases"
local resource = require "altmig.resource"
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

function TestCheck:test_an_sshd_that_forwards_nothing()
  local w = self.w
  w.nfs_refuses = "mount: 10.0.0.2:/alt_inst: mountd not reached: the sshd of client does not forward connections"
  lu.assertNil(findings(w)["nfs-forward"]) -- NFS does not go that way
  local text = assert(sys.read_file(w.dir .. "/nim.lua"))
  assert(sys.write_file(w.dir .. "/nim.lua", (text:gsub('lpar = { ssh = { host = "client" } }',
    'lpar = { ssh = { host = "client" }, nfs = { via = "ssh" } }')), { mode = 384 }))
  local finding = found(w, "nfs-forward", "inhibitor", "lpar", "does not forward connections")
  lu.assertStrContains(finding.evidence, "mountd not reached")
  lu.assertStrContains(finding.remedy, "AllowTcpForwarding yes")
  w.nfs_refuses = "mount: 10.0.0.2:/alt_inst: the server refuses (no such export)"
  lu.assertNil(findings(w)["nfs-forward"])
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

local image = world.image

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
  -- Another fileset stands for it up to a level; above that installp may still take it.
  self.w.images = { image("bos.net", "7.2.5.0", "*prereq c.none 4.0.0.0"), image("d.heir", "1.0.0.0", "") }
  self.w.images[2].filesets[1].supersedes = { { name = "c.none", level = "3.0.0.0" } }
  found(self.w, "missing-requisite", "warning", "lpar", "c.none is not there, d.heir takes its place")
  self.w.images[1] = image("bos.net", "7.2.5.0", "*prereq c.none 2.0.0.0")
  lu.assertNil(findings(self.w)["missing-requisite"])
end

function TestCheck:test_images_that_cannot_be_read()
  self.w.image_problems = {}
  for i = 1, 30 do self.w.image_problems[i] = { file = "installp/ppc/x" .. i, message = "bad checksum", code = "BFF_CHECKSUM" } end
  found(self.w, "lpp-source-image", "warning", "nim", "10 more of this kind, the first: lpp_source lpp: installp/ppc/x21 is left out")
  self.w.unreadable = "EACCES"
  found(self.w, "lpp-source-unread", "inhibitor", "nim", "what phase 6 is to install from lpp_source lpp cannot be told: provoked")
end

---------------------------------------------------------------- what a move to a release would meet

-- altmig check --to: status, text, and with --json the records by event.
local function plan(w, ...)
  local printed, events = {}, {}
  local real_stdout = io.stdout
  rawset(io, "stdout", { write = function(_, ...) printed[#printed + 1] = table.concat { ... } end, flush = function() end })
  local opts = w.opts()
  local ok, status = pcall(require("altmig.cmd.check").run, { "--nim", opts.nim, "--state", opts.state, ... })
  rawset(io, "stdout", real_stdout)
  local text = table.concat(printed)
  for line in text:gmatch("[^\n]+") do
    local record = line:sub(1, 1) == "{" and assert(json.decode(line))
    if record then events[record.event] = record end
  end
  if not ok then return status.code == "USAGE" and 2 or 1, status.message, events end
  return status, text, events
end

local healthy_df = "Filesystem 1024-blocks Free %Used Iused %Iused Mounted on\n/dev/hd4 400000 300000 1% 1 1% /\n"

function TestCheck:test_a_release_alone_needs_neither_lpp_source_nor_spot()
  local w = self.w
  w.rootvg, w.answers.df, w.level.master = healthy_rootvg, healthy_df, "7300-03-01-2520"
  local status, text, events = plan(w, "--to", "7.3", "-c", "lpar", "--json")
  lu.assertEquals(status, 0, text)
  lu.assertEquals(events.planned, { event = "planned", time = events.planned.time, client = "lpar", to = "7.3", verdict = "ready",
    from = "7100-05-03-1846", model = json.null, processor = 8, memory = 8192, rootvg = 320, boot_volume = 64, inhibitors = {},
    warnings = {}, infos = {} })
  lu.assertEquals(world.count(w, "/export/lpp"), 0)
  lu.assertEquals(world.count(w, "lsnim"), 0)
  lu.assertNil(require("altmig.sys").stat(w.dir .. "/state"))
  w.answers.lsattr = "type PowerPC_POWER7 Processor type False\n"
  w.rootvg = healthy_rootvg:gsub("boot       2       2", "boot       1       1")
  status, text, events = plan(w, "--to", "7.3", "-c", "lpar", "--json")
  lu.assertEquals(status, 3, text)
  lu.assertEquals({ events.planned.verdict, events.planned.inhibitors, events.planned.warnings, events.planned.processor },
    { "inhibitors", { "processor" }, { "hd5-size" }, 7 })
  lu.assertEquals(plan(w, "--to", "7.2", "-c", "lpar"), 0) -- which a POWER7 can have
end

function TestCheck:test_a_plan_of_all_clients_has_a_row_for_each()
  local w = self.w
  w.rootvg, w.answers.df = healthy_rootvg, healthy_df
  local status, text = plan(w, "--to", "7.3")
  lu.assertEquals(status, 3)
  lu.assertStrContains(text, "CLIENT           FROM             TO   VERDICT     FINDINGS\n")
  lu.assertStrContains(text, "gone             -                7.3  unreachable ssh\n")
  lu.assertStrContains(text, "lpar             7100-05-03-1846  7.3  warnings    (master-level)\n")
  lu.assertStrContains(text, "  source:   IBM, preparing for an alternate disk migration\n")
  w.refuses = "master" -- which a plan can do without
  status, text = plan(w, "--to", "7.3", "-c", "lpar")
  lu.assertEquals(status, 0, text)
  lu.assertStrContains(text, "7.3  ready")
  local events
  w.fail.lsvg = 1
  status, _, events = plan(w, "--to", "7.3", "-c", " lpar ", "--json")
  lu.assertEquals({ status, events.planned.boot_volume }, { 0, json.null })
end

function TestCheck:test_what_goes_with_a_release_and_what_does_not()
  local w = self.w
  for _, words in ipairs { { "--to", "7.4" }, { "--to", "7.3", "-l", "lpp" }, { "--to", "7.3", "-d", "hdisk2" },
    { "--to", "7.3", "-c", "  " }, { "--to", "7.3", "-c", "lpar ../x" }, { "--to", "7.3", "--baseline", "x" } } do
    local status, text = plan(w, table.unpack(words))
    lu.assertEquals(status, 2, table.concat(words, " "))
    lu.assertStrContains(text, "altmig check: ")
  end
  lu.assertStrContains(select(2, plan(w, "--to", "7.4")), "7.2, 7.3")
  w.level.client = "7300-00-01-2148"
  local status, text = plan(w, "--to", "7.3", "-c", "lpar", "-q")
  lu.assertEquals({ status, text }, { 0, "CLIENT           FROM             TO   VERDICT     FINDINGS\n"
    .. "lpar             7300-00-01-2148  7.3  there       \n" })
  lu.assertStrContains(select(2, plan(w, "--to", "7.3", "-c", "lpar")), "info: lpar: the client is at 7.3 already [level]")
  lu.assertEquals(world.count(w, "genkex"), 0)
end

---------------------------------------------------------------- what 7.3 asks and takes no longer

-- A client at 7.2 and a master at 7.3: findings of a plan, and of a migration whose lpp_source brings 7.3.
local function to_73(w)
  w.level.client, w.level.master = "7200-05-08-2420", "7300-03-01-2520"
  w.rootvg, w.answers.df = healthy_rootvg, healthy_df
end

local function planned(w)
  local by_id, count = {}, 0
  w.migration.look({ client = "lpar", to = { version = 7, release = 3 }, nim = w.opts().nim, state = w.opts().state, no_log = true,
    quiet = true }, function(m)
    m:connect(true)
    for _, finding in ipairs((require("altmig.run.checks").plan(m))) do
      by_id[finding.id] = finding
      count = count + 1
    end
  end)
  return by_id, count
end

-- lslpp with these filesets besides, "name level".
local function installed(...)
  local rows = { "bos:bos.net:7.2.5.0: : :C: :x: : : : : : :0:0:/:1" }
  for _, text in ipairs { ... } do
    local name, level, kind = text:match("^(%S+) (%S+) ?(%S*)$")
    rows[#rows + 1] = ("%s:%s:%s: : :C:%s:x: : : : : : :0:0:/:1"):format(name, name, level, kind == "" and " " or kind)
  end
  return function(w, host, argv)
    if argv[2] ~= "-Lqc" or argv[3] then return w.handlers.lslpp(w, host, argv) end
    return table.concat(rows, "\n") .. "\n"
  end
end

-- One trouble each: what makes it, what is found, and a part of what is said. `nothing`: the finding goes with it.
local troubles = {
  { "processor", "inhibitor", "7.3 needs POWER8", function(w) w.answers.lsattr = "type PowerPC_POWER7 Processor type False\n" end },
  { "processor", "inhibitor", "a POWER7, by the mode of the partition on a POWER9; 7.3 needs POWER8", function(w)
    w.answers.prtconf = "System Model: IBM,9009-42A\nProcessor Type: PowerPC_POWER9\nProcessor Implementation Mode: POWER 7\n"
      .. "Memory Size: 8192 MB\n"
    w.answers.lsattr = "type PowerPC_POWER9 Processor type False\n"
  end },
  { "memory", "warning", "2048 MB", function(w) w.answers.prtconf = "Memory Size: 2048 MB\n" end, besides = "inode-cache" },
  { "inode-cache", "warning", "j2_inodeCacheSize (200 by default, before 400)",
    function(w) w.answers.prtconf = "Memory Size: 4096 MB\n" end,
    without = function(w) w.files["/etc/tunables/nextboot"] = "ioo:\n\tj2_inodeCacheSize = \"400\"\n" end },
  { "model-level", "info", "Power S1024, with virtual adapters alone: the lowest level for it is 7300-00-01", function(w)
    w.answers.prtconf = "System Model: IBM,9105-42A\nProcessor Type: PowerPC_POWER10\nMemory Size: 8192 MB\n"
  end },
  { "model-level", "info", "with an adapter of its own (fcs0): the lowest level for it is 7300-01-04 or 7300-02-02", function(w)
    w.answers.prtconf = "System Model: IBM,9028-21B\nMemory Size: 8192 MB\n"
    w.answers.lsdev = "fcs0:U78DA.ND0.WZS00-P0-C1-T1:PCIe4 Adapter\n"
  end },
  { "infiniband", "warning", "5283 and 5285", function(w) w.answers.lsdev = "iba0:U78-P1-C1:PCIe2 2-Port 4X IB QDR Adapter\n" end },
  { "rootvg-major", "warning", "major number 34", function(w) w.rootvg_major = 34 end },
  { "boot-level", "warning", "names no level", function(w) w.answers.blvset = "0.0\n" end },
  { "boot-level", "warning", "names level 7.1, and the system is at 7.2", function(w) w.answers.blvset = "7.1\n" end },
  { "encrypted-lv", "inhibitor", "encrypted logical volumes (hd10opt lvdata)", function(w)
    w.answers.hdcryptmgr = function(_, _, argv)
      if argv[2] == "showvg" then return "VG NAME / ID         ENCRYPTION ENABLED\nrootvg               yes\n" end
      return "LV NAME             CRYPTO ENABLED       AUTHENTICATED  ENCRYPTION (%)    CONVERSION\nlvdata yes yes 100 done\n"
        .. "hd4 no no NA NA\nhd10opt  yes no 100 done\n"
    end
  end, remedy = "hdcryptmgr crypt2plain hd10opt; hdcryptmgr crypt2plain lvdata   and",
    without = function(w) w.answers.hdcryptmgr = "VG NAME / ID     ENCRYPTION ENABLED\nrootvg    no\n" end },
  { "ap-pcm", "warning", "hdisk0 of rootvg", function(w)
    w.answers.lsattr = function(_, _, argv)
      return argv[5] == "PCM" and "PCM PCM/friend/otherapdisk Path Control Module False\n" or "type PowerPC_POWER9 Processor type False\n"
    end
  end },
  { "trusted-aix", "warning", "bos.mls.rte", function(w) w.answers.lslpp = installed "bos.mls.rte 7.2.5.0" end },
  { "trusted-surveyor", "warning", "powersc.ts.client", function(w)
    w.answers.lslpp = installed("powersc.ts.client 1.1.0.0", "powersc.ts.server 1.1.0.0")
  end, remedy = "installp -u powersc.ts.client powersc.ts.server   (in every WPAR as well)" },
  { "rsct-removed", "warning", "rsct.lapi.rte rsct.vsd.vsdd", function(w)
    w.answers.lslpp = installed("rsct.lapi.rte 3.1.0.0", "rsct.vsd.vsdd 4.1.0.0")
  end },
  { "rsct-compat", "info", "rsct.basic.sp", function(w) w.answers.lslpp = installed "rsct.basic.sp 3.2.0.0" end },
  { "sdd", "warning", "SDD is gone", function(w) w.answers.lslpp = installed "devices.sdd.71.rte 1.7.0.0" end },
  { "multipath", "warning", "SDDPCM", function(w) w.answers.lslpp = installed "devices.sddpcm.72.rte 2.7.0.0" end },
  { "java8-32bit", "warning", "Java8.jre", function(w) w.answers.lslpp = installed "Java8.jre 8.0.0.635" end,
    without = function(w) w.answers.lslpp = installed("Java8.jre 8.0.0.636", "Java8_64.jre 8.0.0.635") end },
  { "java-old", "info", "Java7_64.jre", function(w) w.answers.lslpp = installed "Java7_64.jre 7.0.0.1" end },
  { "cifs", "warning", "Expansion Pack", function(w) w.answers.lslpp = installed "bos.cifs_fs.rte 7.2.5.0" end },
  { "ldap-server", "warning", "idsldap.srv64bit64.rte", function(w) w.answers.lslpp = installed "idsldap.srv64bit64.rte 6.4.0.5" end },
  { "kernel-extension", "warning", "/opt/acme/acmek, /usr/lib/drivers/tracer (acme.rte)", function(w)
    w.answers.genkex = "Text address     Size File\n\n f1000 2000 /opt/acme/acmek\n f2000 10 /usr/lib/drivers/tracer\n"
      .. " f300 1 /usr/lib/drivers/x\n"
    w.answers.lslpp = function(world_, host, argv)
      if argv[2] ~= "-wqc" then return world_.handlers.lslpp(world_, host, argv) end
      return "/usr/lib/drivers/tracer:acme.rte:File\n/usr/lib/drivers/x:devices.common.IBM.mpio.rte:File\n", 1
    end
  end },
  { "caa-cluster", "inhibitor", "node of the cluster c1", function(w)
    w.answers.lscluster = "Cluster Name: c1\nCluster UUID: 1-2\nNumber of nodes in cluster = 2\n"
  end, without = function(w) w.answers.lscluster = function() return "lscluster: Cluster services are not active.\n", 1 end end },
  { "kerberos", "warning", "krb5.client.rte 1.16.1.2", function(w)
    w.answers.lslpp, w.has = installed "krb5.client.rte 1.16.1.2", { ["/etc/krb5/krb5.conf"] = true }
  end, without = function(w) w.has = nil end },
  { "ipsec-db", "warning", "/etc/ipsec/inet/DB", function(w) w.answers.lslpp = installed "bos.net.ipsec.keymgt 7.2.5.0" end,
    without = function(w) w.has = { ["/etc/ipsec/inet/DB"] = true } end },
  { "efs", "warning", "Unsupported protocol sequence", function(w) w.has = { ["/var/efs/efs_admin"] = true } end,
    without = function(w) w.files["/etc/ssh/sshd_config"] = "# x\nAllowPKCS12KeystoreAutoOpen no\n" end },
  { "ssh-config", "warning", "/etc/ssh/sshd_config has lines that the new sshd refuses: OpenSSH has no protocol 1",
    function(w)
      w.answers.lslpp = installed "openssh.base.server 8.1.102.2102"
      w.files["/etc/ssh/sshd_config"] = "Protocol 2\n# UseLogin no\nCiphers aes256-ctr,arcfour\n"
    end, without = function(w) w.answers.lslpp = installed "openssh.base.server 9.7.3013.1000" end },
  { "ssh-host-key", "warning", "only host key is a DSA key", function(w)
    w.answers.lslpp = installed "openssh.base.server 8.1.102.2102"
    w.answers.ls = function(_, _, argv) return argv[2] == "/etc/ssh" and "ssh_host_dsa_key\nssh_host_dsa_key.pub\nsshd_config\n" or "" end
  end, without = function(w)
    w.answers.ls = function(_, _, argv) return argv[2] == "/etc/ssh" and "ssh_host_dsa_key\nssh_host_rsa_key\n" or "" end
  end },
  { "ssh-user-key", "warning", "/.ssh/authorized_keys holds DSA keys", function(w)
    w.answers.lslpp = installed "openssh.base.client 8.1.102.2102"
    w.files["/.ssh/authorized_keys"] = "ssh-dss AAAA x\n"
  end },
  { "openssl-objects", "warning", "acmed has /usr/lib/libcrypto_compat.a[libcrypto.so] loaded", function(w)
    w.answers.genld = "Proc_pid: 123\tProc_name: acmed\n 10000000 acmed\n d00ad100 /usr/lib/libcrypto_compat.a[libcrypto.so]\n"
      .. "Proc_pid: 124\tProc_name: init\n 10000000 init\n"
  end, without = function(w) w.answers.genld = "Proc_pid: 124\tProc_name: init\n 10000000 /usr/lib/libcrypto.a[libcrypto.so]\n" end },
  { "openssl-cnf", "warning", "has lines that the new OpenSSL refuses", function(w)
    w.files["/var/ssl/openssl.cnf"] = "[e]\n#engine_id = a\nengine_id = pkcs11\n"
  end,
    without = function(w) w.files["/var/ssl/openssl.cnf"] = "#engine_id = a\nengine_ids = 1\n" end },
  { "ntp-conf", "warning", "has lines that version 4 of NTP ignores: a word of NTP version 3", function(w)
    w.up = { ["client:xntpd"] = true }
    w.files["/etc/ntp.conf"] = "server 10.0.0.1\nauthenticate yes\n"
  end, without = function(w) w.up = nil end },
  { "named", "warning", "bind.rte takes its place", function(w)
    w.answers.lslpp, w.up = installed "bos.net.tcp.bind 7.2.5.200", { ["client:named"] = true }
  end, remedy = "with the line I:bind.rte (-b)", without = function(w) w.up = nil end },
  { "ldap-keys", "warning", "no defaulthomedirectory and no defaultloginshell", function(w) w.up = { ["client:secldapclntd"] = true } end,
    remedy = "(from 7.3 TL3 on)", without = function(w)
      w.files["/etc/security/ldap/ldap.cfg"] = "defaulthomedirectory:/home\ndefaultloginshell: /usr/bin/ksh\n"
    end },
  { "dsm-properties", "warning", "overwritten by the update of dsm.core", function(w)
    w.answers.lslpp, w.has = installed "dsm.core 7.2.5.0", { ["/etc/ibm/sysmgt/dsm/overrides/dsm.properties"] = true }
  end, without = function(w) w.has = nil end },
  { "yum", "warning", "yum is installed", function(w) w.answers.lslpp = installed "yum-3.4.3-8 3.4.3-8 R" end,
    without = function(w) w.answers.lslpp = installed("yum-3.4.3-8 3.4.3-8 R", "dnf-4.2.17-64 4.2.17-64 R") end },
  { "sendmail-link", "warning", "a link to /usr/sbin/sendmail_ssl", function(w)
    w.answers.ls = "lrwxrwxrwx 1 root system 21 Nov 12 2018 /usr/lib/sendmail -> /usr/sbin/sendmail_ssl\n"
  end, without = function(w) w.answers.ls = "lrwxrwxrwx 1 root system 18 Nov 12 2018 /usr/lib/sendmail -> /usr/sbin/sendmail\n" end },
  { "signature-policy", "warning", "is high", function(w)
    w.answers.lsattr = function(_, _, argv)
      return argv[5] == "signpolicy" and "signpolicy high x True\n" or "type PowerPC_POWER9 Processor type False\n"
    end
  end },
  { "hd5-size", "warning", "hd5 has 32 MB; the boot image of the new release needs 40 MB", function(w)
    w.rootvg = healthy_rootvg:gsub("boot       2       2", "boot       1       1")
  end },
  { "hd5-place", "warning", "partition 200 of hdisk0, 6400 MB", function(w)
    w.answers.lslv = "hd5:N/A\nLP    PP1  PV1\n0001  0199 hdisk0\n0002  0200 hdisk0\n"
  end },
  { "hd5-pieces", "warning", "not contiguous", function(w) -- of the second copy
    w.answers.lslv = "hd5:N/A\nLP    PP1  PV1  PP2 PV2\n0001  0001 hdisk0 0001 hdisk1\n0002  0002 hdisk0 0003 hdisk1\n"
  end },
  { "multibos", "inhibitor", "the system runs from bos_hd5", function(w)
    w.rootvg = "bos_hd5 boot 2 2 1 closed/syncd N/A\nbos_hd4 jfs2 4 4 1 open/syncd /\nbos_hd2 jfs2 4 4 1 open/syncd /usr\n"
  end },
  { "multibos", "warning", "/bos_inst is left", function(w) w.has = { ["/bos_inst"] = true } end },
}

function TestCheck:test_each_trouble_of_7_3_is_that_one_finding()
  for _, trouble in ipairs(troubles) do
    local id, severity, what, make = table.unpack(trouble)
    local w = world.new()
    to_73(w)
    make(w)
    local found_here, count = planned(w)
    local finding = found_here[id]
    lu.assertNotNil(finding, id)
    lu.assertEquals({ finding.id, finding.severity }, { id, severity }, what)
    lu.assertStrContains(finding.what, what)
    lu.assertNotNil(finding.evidence, id .. " has no evidence")
    lu.assertNotNil(finding.remedy, id .. " has no remedy")
    lu.assertTrue(finding.source ~= nil or id == "multipath", id .. " has no source")
    lu.assertStrContains(finding.remedy, trouble.remedy or "")
    lu.assertNotStrContains(finding.remedy, "FILESETS")
    if severity == "inhibitor" then lu.assertNotEquals(finding.source, releases.source.notes, id) end
    if trouble.besides then lu.assertNotNil(found_here[trouble.besides], id) end
    lu.assertEquals(count, trouble.besides and (id == "memory" and 3 or 2) or 1, id)
    if trouble.without then
      trouble.without(w)
      lu.assertNil(planned(w)[id], id .. " is found where it is not")
    end
    lu.assertEquals(table.concat(w.violations, "\n"), "")
    world.remove(w)
  end
end

function TestCheck:test_every_finding_of_the_sources_has_a_remedy()
  local count = 0
  for _, path in ipairs(resource.list "lua/altmig/run/checks/") do
    for block in resource.read(path):gmatch "%f[%w]add (%b{})" do
      -- What is left as it is needs none: its text says what it is good for.
      if not block:find '"old%-rootvg", severity = "info"' then
        lu.assertStrContains(block, "remedy", false, path .. ": " .. block)
        count = count + 1
      end
    end
  end
  lu.assertTrue(count > 60, count)
end

function TestCheck:test_what_is_known_at_second_hand_stops_no_migration()
  for _, release in pairs(releases.list) do
    for _, row in ipairs(release.filesets) do
      lu.assertFalse(row.source == releases.source.notes and row.severity == "inhibitor", row.id)
    end
  end
  local w = self.w
  to_73(w)
  w.rootvg = "hd5  boot  1  1  1  closed/syncd  N/A\n"
  w.answers.lsvg = function(_, _, argv)
    return argv[2] == "-l" and "rootvg:\n" .. w.rootvg or "VOLUME GROUP: rootvg\nPP SIZE: 16 megabyte(s)\nUSED PPs: 1 (16 megabytes)\n"
  end
  local finding = planned(w)["hd5-size"]
  lu.assertEquals({ finding.severity, finding.source }, { "inhibitor", releases.source.field })
  lu.assertStrContains(finding.what, "needs 32 MB")
end

function TestCheck:test_what_is_not_understood_is_told_and_ends_nothing()
  local answers = { genkex = "x\n", blvset = "level?\n", hdcryptmgr = "what\n", lscluster = "what\n", genld = "what\n", lsattr = "what\n",
    lsdev = "what\n", prtconf = "", instfix = "?\n" }
  for name, text in pairs(answers) do
    local w = world.new()
    to_73(w)
    w.answers[name] = text
    local found_here, count = planned(w)
    if name ~= "prtconf" and name ~= "instfix" then
      lu.assertNotNil(found_here["not-looked-at"], name)
      lu.assertEquals(found_here["not-looked-at"].severity, "info", name)
      lu.assertEquals(count, 1, name)
    else
      lu.assertEquals(count, 0, name)
    end
    w.answers[name] = function() return "", 127 end
    lu.assertTrue(select(2, planned(w)) <= 1, name)
    world.remove(w)
  end
end

function TestCheck:test_a_command_that_does_not_end_is_told_and_the_others_are_asked()
  local w = self.w
  to_73(w)
  for _, name in ipairs { "genkex", "prtconf", "genld", "lscluster" } do
    w.hangs = name
    local found_here = planned(w)
    if name ~= "prtconf" then lu.assertStrContains(found_here["not-looked-at"].evidence, "no end within", name) end
    lu.assertNil(found_here["signature-policy"])
  end
end

-- The checks of levels: what the SPOT says of itself, and what images bring.
function TestCheck:test_a_level_that_was_built_before_the_client_loses_fixes()
  local w = self.w
  w.level.client = "7100-05-12-2336"
  found(w, "build-date", "inhibitor", "lpar", "the client was built in week 2336 (YYWW) and 7200-05-06-2320 in week 2320")
  lu.assertEquals(findings(w, { accept = { ["build-date"] = "known" } })["build-date"].severity, "warning")
  w.spot_pack = "72-05-082336_SP"
  lu.assertNil(findings(w)["build-date"])
  -- A technology level without service pack names no week: then a fileset does.
  w.level.client, w.spot_pack = "7100-05-00-0000", nil
  w.answers.lslpp = function(of, host, argv)
    if argv[3] == "bos.sysmgt.sysbr" then return "bos.sysmgt:bos.sysmgt.sysbr:7.1.5.0: : :C: :x: : : : : : :0:0:/:2410\n" end
    return of.handlers.lslpp(of, host, argv)
  end
  lu.assertStrContains(found(w, "build-date", "inhibitor", "lpar", "week 2410").evidence, "lslpp -Lqc bos.sysmgt.sysbr")
  -- A pack that the SPOT has not whole is not its level.
  w.spot_pack, w.spot_fix, w.answers.lslpp = "72-05-092420_SP", 99, nil
  found(w, "not-looked-at", "info", "nim", "build dates are not compared")
end

function TestCheck:test_master_spot_and_lpp_source_are_of_one_level()
  local w = self.w
  w.level.master = "7200-05-03-2148"
  found(w, "master-older", "warning", "nim", "the NIM master is at 7200-05-03-2148 and SPOT spot at 7200-05-06-2320")
  w.level.master = "7200-05-06-2320"
  local base, update = image("bos.rte.libc", "7.2.5.0", ""), image("bos.rte.libc", "7.2.5.202", "", "S")
  w.images = { base, update, image("bos.mp64", "7.2.5.201", ""), image("openssl.base", "1.0.2.1801", "") }
  local spot = '\nlpp:\n\tname = "bos.alt_disk_install.rte"\n\tver = 7\n\trel = 2\n\tmod = 5\n\tfix = 101\n'
    .. '\nlpp:\n\tname = "bos.rte.libc"\n\tver = 7\n\trel = 2\n\tmod = 5\n\tfix = 202\n'
  w.answers.odmget = function(of, host, argv) return argv[#argv] == "lpp" and spot or of.handlers.odmget(of, host, argv) end
  lu.assertNil(findings(w)["spot-source"])
  spot = spot:gsub("202", "200")
  found(w, "spot-source", "warning", "nim", "SPOT spot has the base system up to 7.2.5.200, lpp_source lpp up to 7.2.5.202")
  w.answers.lslpp = installed "openssl.base 3.0.8.1000"
  w.answers.lslpp = function(of, host, argv)
    return argv[3] and of.handlers.lslpp(of, host, argv) or installed "openssl.base 3.0.8.1000"(of, host, argv)
  end
  found(w, "newer-on-client", "info", "lpar", "openssl.base 3.0.8.1000 (lpp_source: 1.0.2.1801)")
  w.answers.lsnim = function(of, host, argv) return argv[3] == "lpp" and "lpp:\n   simages = no\n" or of.handlers.lsnim(of, host, argv) end
  found(w, "simages", "warning", "nim", "lacks images")
end

function TestCheck:test_the_security_fix_of_nim_on_one_side()
  local w = self.w
  local with
  w.answers.instfix = function(of, host, argv)
    return host == with and "    All filesets for IJ55968 were found.\n    There was no data for IJ56230 in the fix database.\n"
      or of.handlers.instfix(of, host, argv)
  end
  lu.assertNil(findings(w)["nim-security"])
  with = "master"
  found(w, "nim-security", "warning", "lpar", "NIM's own commands to it are refused")
  with = "client"
  found(w, "nim-security", "info", "lpar", "the master has not")
end

function TestCheck:test_what_images_of_7_3_say()
  local w = self.w
  to_73(w)
  w.bos, w.spot_pack, w.disk_size = "7.3.3.0", "73-03-012520_SP", 10240
  w.images = { image("bos.net.tcp.sendmail", "7.3.0.0", ""), image("bos.net.tcp.sendmail", "7.3.3.0", "", "S") }
  found(w, "mixed-lpp-source", "info", "nim", "libcrypto_compat.a is not found")
  found(w, "disk-below-release", "warning", "lpar", "hdisk2: 10240 MB; the release asks for 20480 MB")
  found(w, "known-apar", "info", "lpar", "IJ59564 of technology level 3")
  w.answers.lsdev = "fcs0:U78-P1-C1:PCIe3 2-Port 16Gb FC Adapter\n"
  w.images[3] = { file = "emgr/ppc/IJ59564s1a.251201.epkg.Z", kind = "ifix", name = "IJ59564s1a", size = 1, time = "" }
  found(w, "known-apar", "warning", "lpar", "IJ57303 of technology level 3: a fault of 16 Gb Fibre Channel adapters (fcs0)")
  w.answers.prtconf = "System Model: IBM,9028-21B\nMemory Size: 8192 MB\n"
  lu.assertNil(findings(w)["model-level"])
  w.spot_pack = "73-01-022320_SP"
  found(w, "model-level", "warning", "lpar", "the lowest level for it is 7300-01-04 or 7300-02-02, and 7300-01-02-2320 would be installed")
  w.images = { image("bos.net.tcp.sendmail", "7.3.3.0", "") }
  lu.assertNil(findings(w)["mixed-lpp-source"])
end
