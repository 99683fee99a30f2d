-- SPDX-License-Identifier: MIT
-- The lab itself: both hosts come up, are what they should be, keep what they are told, come back
-- after a crash, and leave nothing behind.

local lu = require "luaunit"
local sys = require "altmig.sys"
local json = require "altmig.json"

local BIN = sys.getenv "ALTMIG_BIN" or sys.exe_path()
local LAB = "/var/tmp/altmig-test-lab-" .. sys.getpid()
local HOSTS = { "adachi-nim", "adachi-AIX7" }

local function altmig(...)
  local argv = { BIN, ... }
  local result, message = sys.run(argv, { env = { ALTMIG_LAB = LAB }, timeout = 120 })
  assert(result, message)
  return result
end

local function lab(...)
  local result = altmig("lab", ...)
  lu.assertEquals(result.status, 0, table.concat({ ... }, " ") .. ": " .. result.stdout .. result.stderr)
  return result.stdout
end

local function inside(host, script)
  local result, message = sys.run({ BIN, "lab", "ssh", host, "/usr/lpp/lab/bin/aixlua /proc/self/fd/0" },
    { env = { ALTMIG_LAB = LAB }, stdin = script, timeout = 60 })
  assert(result, message)
  lu.assertEquals(result.status, 0, result.stderr)
  return result.stdout
end

local function output(...) return assert(sys.run { ... }).stdout end

-- What the real machine has that a lab could leave: links, loop devices and mounts of this lab, its processes.
local function traces()
  local found = { links = output("ip", "-o", "link"):gsub("<[^\n]*", ""), loops = {}, mounts = {}, processes = {} }
  for line in output("losetup", "--list", "--noheadings", "--raw", "--output", "BACK-FILE"):gmatch "[^\n]+" do
    if line:find(LAB, 1, true) then table.insert(found.loops, line) end
  end
  for line in sys.read_file "/proc/self/mountinfo":gmatch "[^\n]+" do
    if line:find(LAB, 1, true) then table.insert(found.mounts, line) end
  end
  for _, pid in ipairs(sys.list "/proc") do
    local command = pid:match "^%d+$" and sys.read_file("/proc/" .. pid .. "/cmdline") or ""
    if command:find(LAB, 1, true) then table.insert(found.processes, (command:gsub("%z", " "))) end
  end
  return found
end

TestLab = {}

function TestLab:setUp()
  if sys.getuid() ~= 0 then lu.skip "the lab needs root" end
  for _, program in ipairs { "ganesha.nfsd", "sshd", "rpcbind", "mkfs.xfs" } do
    if not (sys.stat("/usr/sbin/" .. program) or sys.stat("/usr/bin/" .. program)) then
      lu.skip(program .. " is not installed")
    end
  end
end

function TestLab:tearDown()
  if sys.getuid() == 0 and sys.stat(LAB) then altmig("lab", "down") end
end

function TestLab:test_up_ways_in_and_down()
  local before = traces()
  lab "up"
  local status = assert(json.decode(lab("status", "--json")))
  lu.assertTrue(status.up)
  for i, name in ipairs(HOSTS) do
    lu.assertEquals(status.hosts[i].name, name)
    lu.assertEquals(status.hosts[i].state, "running")
    lu.assertEquals(lab("ssh", name, "uname -n"), name .. "\n")
    -- Nothing of the machine below is seen.
    lu.assertEquals(altmig("lab", "ssh", name, "test -e /usr/bin/ksh && test ! -e " .. LAB).status, 0)
  end
  lu.assertEquals(altmig("lab", "ssh", "adachi-AIX7", "exit 7").status, 7)
  lu.assertEquals(altmig("lab", "ssh", "adachi-AIX8", "true").status, 2)

  local exec = altmig("lab", "exec", "sh", "-c", "echo $ALTMIG_NIM; echo kept > $ALTMIG_STATE/file; exit 3")
  lu.assertEquals(exec.status, 3)
  lu.assertEquals(exec.stdout, LAB .. "/nim.lua\n")
  lu.assertEquals(sys.read_file(LAB .. "/state/file"), "kept\n")
  lu.assertEquals(sys.stat(LAB .. "/nim.lua").mode, 384)
  lu.assertStrContains(lab("exec", "getent", "hosts", "adachi-AIX7"), "10.77.0.3")

  -- Only the lab's own interface, and only in there.
  lu.assertStrContains(lab("exec", "ip", "-o", "link"), "lab0")
  lu.assertEquals((output("ip", "-o", "link"):gsub("<[^\n]*", "")), before.links)

  lab "down"
  lu.assertEquals(traces(), before)
  lu.assertNil(sys.stat(LAB))
  lu.assertEquals(altmig("lab", "down").status, 0)
end

function TestLab:test_exports_and_nfs_mounts()
  lab "up"
  local apply = [[
    local exports, lpar = require "lab.exports", require "lpar"
    local sys = require "altmig.sys"
    sys.makedirs "/data/x"
    sys.write_file("/data/x/hello", "from the client", { mode = 420 })
  ]]
  lu.assertEquals(inside("adachi-AIX7", apply .. [[
    assert(exports.apply { { path = "/data", options = "rw=adachi-nim,root=adachi-nim,access=adachi-nim" } })
    assert(sys.append_file("/etc/xtab", "/data -rw=adachi-nim,root=adachi-nim,access=adachi-nim\n"))
    print(lpar.umount "/data")
  ]]), "nil\tumount: /data: Device or resource busy\tEBUSY\n")

  local mounted = inside("adachi-nim", [[
    local lpar, sys = require "lpar", require "altmig.sys"
    sys.makedirs "/mnt/data"
    print(select(3, lpar.nfs_mount("adachi-AIX7", "/home", "/mnt/data")))
    print(select(3, lpar.nfs_mount("nosuchhost", "/data", "/mnt/data")))
    assert(lpar.nfs_mount("adachi-AIX7", "/data", "/mnt/data", { nodev = true, options = "rw,vers=3" }))
    for _, m in ipairs(lpar.mounts()) do
      if m.target == "/mnt/data" then print(m.node, m.remote, m.nfs_options, (m.options:find "nodev") ~= nil) end
    end
    print(sys.read_file "/mnt/data/x/hello")
    assert(sys.write_file("/mnt/data/x/back", "from the master"))
  ]])
  lu.assertEquals(mounted, "EACCES\nHOST_UNKNOWN\nadachi-AIX7\t/data\trw,vers=3\ttrue\nfrom the client\n")
  lu.assertEquals(lab("ssh", "adachi-AIX7", "cat /data/x/back"), "from the master")

  -- Withdrawn: the file system is free here, and stale there.
  lu.assertEquals(inside("adachi-AIX7", apply .. "assert(exports.apply {}) print(lpar.umount '/data')"), "true\n")
  lu.assertEquals(lab("ssh", "adachi-nim", "ls /mnt/data; touch /mnt/data/x 2>&1 || echo refused"):match "refused", "refused")
end

-- As after a restore, whose last files the NFS server has not closed yet.
function TestLab:test_chroot_waits_for_commands_that_are_still_open_for_writing()
  lab "up"
  local out = lab("ssh", "adachi-nim", "(exec 3>>/usr/bin/oslevel; sleep 1) >/dev/null 2>&1 & sleep 0.3; "
    .. "oslevel -s 2>/dev/null || echo busy; chroot / oslevel -s")
  lu.assertStrMatches(out, "busy\n7200%-05%-06%-%d+\n")
end

function TestLab:test_save_and_load_keep_the_disks()
  lab "up"
  lab("ssh", "adachi-AIX7", "echo one > /home/file")
  lab("save", "first")
  lab("ssh", "adachi-AIX7", "echo two > /home/file; echo more > /var/more")
  lab("load", "first")
  lu.assertEquals(lab("ssh", "adachi-AIX7", "cat /home/file; test -e /var/more || echo none"), "one\nnone\n")
  lu.assertEquals(altmig("lab", "load", "second").status, 1)
  lab("down", "--keep")
  lu.assertEquals(traces().loops, {})
  lab "up"
  lu.assertEquals(lab("ssh", "adachi-AIX7", "cat /home/file"), "one\n")
  lab "reset"
  lu.assertEquals(lab("ssh", "adachi-AIX7", "test -e /home/file || echo none"), "none\n")
end

function TestLab:test_reboot_from_inside_and_power_failure()
  lab "up"
  lab("ssh", "adachi-AIX7", "echo kept > /home/file; touch /tmp/x; sync")
  altmig("lab", "ssh", "adachi-AIX7", "shutdown -Fr")
  local state
  for _ = 1, 200 do
    state = json.decode(lab("status", "--json")).hosts[2]
    if state.state == "running" and state.boots == 2 then break end
    sys.sleep(0.05)
  end
  lu.assertEquals(state.boots, 2)
  lu.assertEquals(lab("ssh", "adachi-AIX7", "cat /home/file"), "kept\n")
  lab("scenario", "client-reboot", "crash")
  lu.assertEquals(json.decode(lab("status", "--json")).hosts[2].boots, 3)
  lu.assertEquals(lab("ssh", "adachi-AIX7", "cat /home/file"), "kept\n")
end

function TestLab:test_a_crash_in_the_middle_of_up_is_repaired()
  local before = traces()
  for _, delay in ipairs { 0.3, 0.8, 1.4 } do
    local pid = assert(sys.spawn({ BIN, "lab", "up" }, { env = { ALTMIG_LAB = LAB }, detach = true }))
    sys.sleep(delay)
    sys.kill(pid, "KILL")
    sys.wait(pid)
  end
  lab "up"
  lu.assertEquals(lab("ssh", "adachi-nim", "uname -n"), "adachi-nim\n")
  -- The process that holds everything dies: all of it is gone but the loop devices, and up repairs.
  local holder = tonumber(sys.read_file(LAB .. "/run/hypervisor.pid"):match "^%d+")
  sys.kill(math.tointeger(holder), "KILL")
  sys.sleep(0.3)
  lu.assertEquals(altmig("lab", "status").status, 1)
  lu.assertEquals(altmig("lab", "ssh", "adachi-nim", "true").status, 1)
  lab "up"
  lu.assertEquals(lab("ssh", "adachi-AIX7", "uname -n"), "adachi-AIX7\n")
  lab "down"
  lu.assertEquals(traces(), before)
end

function TestLab:test_scenarios_refuse_by_name()
  lab "up"
  local result = altmig("lab", "scenario", "slow-network")
  lu.assertEquals(result.status, 2)
  lu.assertStrContains(result.stderr, "slow-network")
  lu.assertEquals(altmig("lab", "scenario", "nonsense").status, 2)
  lab("scenario", "small-target-disk", "1024")
  lu.assertEquals(lab("ssh", "adachi-AIX7", "getconf DISK_SIZE /dev/hdisk2"), "1024\n")

  -- Levels that the lab does not have, and no migration.
  result = altmig("lab", "up", "--to", "7300-09")
  lu.assertEquals(result.status, 2)
  lu.assertStrContains(result.stderr, "7300-03-01-2520")
  result = altmig("lab", "up", "--from", "7200-05", "--to", "7200-05")
  lu.assertEquals(result.status, 2)
  lu.assertStrContains(result.stderr, "must be older")
  lu.assertEquals(lab("ssh", "adachi-AIX7", "oslevel -s"), "7100-05-03-1846\n")
  -- Other levels are other disks; without levels they stay.
  lab("up", "--from", "7200-05-06", "--to", "7300-03-01-2520")
  for _ = 1, 2 do
    lu.assertEquals(lab("ssh", "adachi-AIX7", "oslevel -s; getconf DISK_SIZE /dev/hdisk2"), "7200-05-06-2320\n20480\n")
    lu.assertEquals(lab("ssh", "adachi-nim", "oslevel -s"), "7300-03-01-2520\n")
    lu.assertStrContains(sys.read_file(LAB .. "/nim.lua"), "spot_AIX73TL3")
    lu.assertEquals(json.decode(lab("status", "--json")).lpp_source, "lpp_source_AIX73TL3")
    lab "up"
  end
end
