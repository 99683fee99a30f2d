-- SPDX-License-Identifier: MIT
-- The software of the lab's hosts: levels, installp in a copy of the client's root, NIM, subsystems.

local lu = require "luaunit"
local sys = require "altmig.sys"

local bin = os.getenv "ALTMIG_BIN"
local dir = os.getenv "ALTMIG_LAB" or ("/var/tmp/lab-e2e-software")
local copy = "/home/copy"

local function altmig(...)
  local result = assert(sys.run({ bin, ... }, { env = { ALTMIG_LAB = dir }, timeout = 300 }))
  return result.status, result.stdout, result.stderr
end

local function on(host, command)
  local status, out, problem = altmig("lab", "ssh", host, command)
  return out, status, problem
end

TestSoftwareInTheLab = {}

function TestSoftwareInTheLab:setupClass()
  if sys.getuid() ~= 0 then return end
  local status, out, problem = altmig("lab", "up", "--quiet")
  assert(status == 0, out .. problem)
end

function TestSoftwareInTheLab:teardownClass()
  if sys.getuid() == 0 then altmig("lab", "down") end
end

function TestSoftwareInTheLab:setUp()
  if sys.getuid() ~= 0 then lu.skip("needs root") end
end

function TestSoftwareInTheLab:test_levels()
  lu.assertEquals(on("adachi-nim", "oslevel -s"), "7200-05-06-2320\n")
  lu.assertEquals(on("adachi-AIX7", "oslevel -s"), "7100-05-03-1846\n")
  lu.assertStrContains(on("adachi-nim", "lslpp -Lqc bos.alt_disk_install.rte"), ":7.2.5.101:")
  local _, status, problem = on("adachi-AIX7", "lslpp -Lqc bos.alt_disk_install.rte")
  lu.assertEquals(status, 1)
  lu.assertStrContains(problem, "not installed")
  for _, host in ipairs { "adachi-nim", "adachi-AIX7" } do
    local out
    out, status = on(host, "lppchk -v && lppchk -f && lppchk -c")
    lu.assertEquals({ out, status }, { "", 0 })
  end
end

function TestSoftwareInTheLab:test_spot_and_nim_database()
  lu.assertStrContains(on("adachi-nim", "lsnim -l spot_AIX72TL5"), "location      = /export/nim/spot/spot_AIX72TL5/usr")
  local out = on("adachi-nim", "ODMDIR=/export/nim/spot/spot_AIX72TL5/usr/lib/objrepos odmget -q name=bos.alt_disk_install.rte lpp")
  lu.assertStrContains(out, "\tfix = 101\n")
  local _, status, problem = on("adachi-nim", "lsnim -l nobody")
  lu.assertEquals(status, 1)
  lu.assertStrContains(problem, '0042-053 lsnim: there is no NIM object named "nobody"')
end

function TestSoftwareInTheLab:test_subsystems_and_inittab()
  lu.assertStrMatches(on("adachi-AIX7", "lssrc -s nimsh"), ".*nimsh%s+nimclient%s+%d+%s+active\n")
  on("adachi-AIX7", "stopsrc -s nimsh")
  lu.assertStrContains(on("adachi-AIX7", "lssrc -s nimsh"), "inoperative")
  lu.assertStrContains(on("adachi-AIX7", "startsrc -s nimsh"), "0513-059 The nimsh Subsystem has been started.")
  local _, status = on("adachi-AIX7", "mkitab 'probe:2:once:/usr/bin/true' && lsitab probe && rmitab probe && ! lsitab probe")
  lu.assertEquals(status, 0)
end

-- A second root on the client, with the images of the lpp_source: files of the running system stay
-- as they are.
local function make_copy()
  local _, status, problem = on("adachi-AIX7", ([[
set -e
rm -rf %s; mkdir -p %s/dev %s/tmp %s/home %s/images
for d in etc usr lpp opt sbin var; do cp -pPR /$d %s/; done
ln -s /usr/bin %s/bin
]]):gsub("%%s", copy))
  assert(status == 0, problem)
  local out
  out, status, problem = on("adachi-nim", "cd /export/nim/lpp_source/AIX72TL5/installp/ppc && tar cf - openssh.base.* openssl.base.*")
  assert(status == 0, problem)
  local result = assert(sys.run({ bin, "lab", "ssh", "adachi-AIX7", "cd " .. copy .. "/images && tar xf -" },
    { stdin = out, env = { ALTMIG_LAB = dir } }))
  assert(result.status == 0, result.stderr)
end

function TestSoftwareInTheLab:test_installp_in_a_copy()
  make_copy()
  local function inside(command)
    return on("adachi-AIX7", ("chroot %s /usr/bin/ksh -c '%s'"):format(copy, command))
  end
  local out, status = inside "installp -aXYb -d /images -e /var/adm/ras/i.log openssh.base.server"
  lu.assertEquals(status, 0, "what is never begun is no failure of the command")
  lu.assertStrContains(out, "Requisite Failures\n  ------------------\n  SELECTED FILESETS:")
  lu.assertStrMatches(out, ".*\n  MISSING REQUISITES:.*\n  openssh.base.client .*")
  local function statuses()
    local list, _ = {}, nil
    for i, words in ipairs { "-C", "-apXY -d /images openssh.base.server" } do _, list[i] = inside("installp " .. words) end
    return list
  end
  lu.assertEquals(statuses(), { 0, 0 })
  altmig("lab", "quirk", "cleanup-nothing-status", "one")
  altmig("lab", "quirk", "installp-preview-status", "failures-count")
  lu.assertEquals(statuses(), { 1, 1 })
  out, status = inside "installp -agXYb -d /images -e /var/adm/ras/i.log openssh.base.server"
  lu.assertEquals(status, 0, out)
  lu.assertStrMatches(out, ".*\nopenssh.base.server%s+9.2.112.2400%s+ROOT%s+APPLY%s+SUCCESS\n.*")
  lu.assertStrContains(inside "lslpp -Lqc openssh.base.server", ":9.2.112.2400:")
  lu.assertStrContains(inside "cat /etc/ssh/sshd_config", "MaxAuthTries 3")
  lu.assertStrContains(inside "cat /var/adm/ras/i.log", "Installation Summary")
  lu.assertEquals(select(2, inside "lppchk -v && lppchk -f openssh.base.*"), 0)
  lu.assertStrContains(on("adachi-AIX7", "lslpp -Lqc openssh.base.server"), ":7.5.102.1500:")
  on("adachi-AIX7", "rm -rf " .. copy)
end

-- The scenario's updates, and what emgr, installp and instfix of a copy say of them.
function TestSoftwareInTheLab:test_updates_and_interim_fixes_in_a_copy()
  lu.assertEquals(altmig("lab", "scenario", "update-source"), 0)
  make_copy()
  local source = "/export/nim/lpp_source/AIX71TL5SP6/installp/ppc"
  local listed = on("adachi-nim", "installp -L -d " .. source)
  lu.assertStrContains(listed, "bos.rte.libc:bos.rte.libc:7.1.5.44::S:")
  lu.assertStrContains(listed, "bos:bos.rte.libc:7.1.5.34::I:")
  local images = on("adachi-nim", "cd " .. source .. " && tar cf - bos.rte.7* bos.rte.install.* bos.rte.libc.* bos.rte.commands.*")
  local result = assert(sys.run({ bin, "lab", "ssh", "adachi-AIX7", "cd " .. copy .. "/images && tar xf -" },
    { stdin = images, env = { ALTMIG_LAB = dir } }))
  assert(result.status == 0, result.stderr)
  on("adachi-AIX7", ("mkdir -p %s/usr/emgrdata/DBS && printf 'state=S\\nfileset=bos.rte.libc\\n' > %s/usr/emgrdata/DBS/IJ1s1a; "
    .. "printf 'label=IJ2s1a\\nfileset=bos.rte.libc\\nfrom=7.1.5.44\\nto=7.1.5.44\\n' > %s/images/IJ2s1a.200101.epkg.Z"):format(
    copy, copy, copy))
  local function inside(command)
    return on("adachi-AIX7", ("chroot %s /usr/bin/ksh -c '%s'"):format(copy, command))
  end
  local install = "installp -agXYb -d /images bos.rte.libc bos.rte.install bos.rte.commands bos.rte"
  local out, status = inside(install)
  lu.assertEquals(status, 0, out)
  lu.assertStrContains(out, "  Locked by Interim Fix\n  ---------------------\n  bos.rte.libc 7.1.5.44")
  lu.assertStrContains(inside "oslevel -s", "7100-05-03-1846")
  lu.assertStrContains(inside "instfix -icqk 71-05-062016_SP", "71-05-062016_SP:bos.rte.libc:7.1.5.44:7.1.5.34:-:")
  out, status = inside "instfix -ik IJ20001"
  lu.assertEquals({ out, status }, { "    All filesets for IJ20001 were found.\n", 0 })
  local _
  _, status, out = inside "emgr -e /images/IJ2s1a.200101.epkg.Z"
  lu.assertEquals(status, 1)
  lu.assertStrContains(out, "bos.rte.libc is locked by IJ1s1a")
  out, status = inside "emgr -r -L IJ1s1a"
  lu.assertEquals(status, 0, out)
  _, status, out = inside "emgr -e /images/IJ2s1a.200101.epkg.Z"
  lu.assertEquals(status, 1)
  lu.assertStrContains(out, "it is at 7.1.5.34")
  lu.assertStrContains(inside(install), "bos.rte.libc                7.1.5.44        USR         APPLY       SUCCESS")
  out, status = inside "emgr -e /images/IJ2s1a.200101.epkg.Z && emgr -P bos.rte.libc && lppchk -v"
  lu.assertEquals(status, 0, out)
  lu.assertStrMatches(out, ".*\nbos.rte.libc +installp +IJ2s1a\n")
  on("adachi-AIX7", "rm -rf " .. copy)
end

-- Last, since it changes the client: a full /usr, and the words of a public transcript.
function TestSoftwareInTheLab:test_z_room_that_installp_needs()
  local tar = on("adachi-nim", "cd /export/nim/lpp_source/AIX72TL5/installp/ppc && tar cf - openssl.base.*")
  local sent = assert(sys.run({ bin, "lab", "ssh", "adachi-AIX7", "mkdir -p /home/images && cd /home/images && tar xf -" },
    { stdin = tar, env = { ALTMIG_LAB = dir } }))
  assert(sent.status == 0, sent.stderr)
  on("adachi-AIX7", "dd if=/dev/zero of=/usr/fill bs=1024 count=$(($(df -k /usr | awk 'NR == 2 { print $3 }') - 8192)) 2>/dev/null")
  local function size() return tonumber(on("adachi-AIX7", "df -k /usr"):match("/dev/hd2%s+(%d+)")) end
  local before = size()
  local out, status, problem = on("adachi-AIX7", "installp -agY -d /home/images openssl.base")
  lu.assertEquals(status, 1, out)
  lu.assertStrMatches(problem, "installp:  There is not enough free disk space in filesystem\n"
    .. "\t/usr %(%d+ more 512%-byte blocks are required%)%.\n\tMake more space available then retry this operation%.\n")
  lu.assertNotStrContains(out, "APPLYING")
  lu.assertStrContains(on("adachi-AIX7", "lslpp -Lqc openssl.base"), ":1.0.2.1801:")
  out, status = on("adachi-AIX7", "installp -agXY -d /home/images openssl.base")
  lu.assertEquals(status, 0, out)
  lu.assertStrContains(out, ("\nFilesystem size changed to %d\n"):format((before + 65536) * 2))
  lu.assertEquals(size(), before + 65536)
  lu.assertStrContains(on("adachi-AIX7", "lslpp -Lqc openssl.base"), ":3.0.10.1001:")
end
