-- SPDX-License-Identifier: MIT
-- The lab's commands against the contract: every row refuses what AIX refuses, in its words and with its status, and
-- what is printed has the form that real systems print.

local json = require "altmig.json"
local lu = require "luaunit"
local sys = require "altmig.sys"
require "altmig.cmd.lab" -- makes lab.NAME loadable
local contract = require "lab.contract"
local lab = require "lab_driver"

local client, master = "adachi-AIX7", "adachi-nim"

TestContractInTheLab = {}

function TestContractInTheLab:setupClass()
  if sys.getuid() == 0 then lab.up() end
end

function TestContractInTheLab:teardownClass() lab.down() end

function TestContractInTheLab:setUp() lab.require_root() end

local function quoted(words)
  local out = {}
  for i, word in ipairs(words) do out[i] = "'" .. word:gsub("'", "'\\''") .. "'" end
  return table.concat(out, " ")
end

-- Runs many command lines on a host by one script, each with its outputs apart.
local function run_all(host, lines)
  local script = { "cd /\n" }
  for i, words in ipairs(lines) do
    local command = type(words) == "string" and words or quoted(words)
    script[#script + 1] = ("(%s) </dev/null >/tmp/contract.out 2>/tmp/contract.err\necho \"@@ %d $?\"\n"):format(command, i)
      .. "/usr/lpp/lab/bin/busybox cat /tmp/contract.out\necho '@@@'\n/usr/lpp/lab/bin/busybox cat /tmp/contract.err\necho '@@@'\n"
  end
  script[#script + 1] = "rm -f /tmp/contract.out /tmp/contract.err\n"
  local status_of_all, out, problem = lab.altmig({ "lab", "ssh", host, "/usr/bin/ksh -s" }, { stdin = table.concat(script) })
  lu.assertEquals(status_of_all, 0, problem)
  local results, at = {}, 1
  for i, words in ipairs(lines) do
    local _, stop, status = out:find("@@ " .. i .. " (%d+)\n", at)
    assert(stop, ("%s: no answer to %s"):format(host, json.encode(words)))
    local first, last = out:find("@@@\n", stop + 1, true)
    local second, final = out:find("@@@\n", last + 1, true)
    results[i] = { status = tonumber(status), stdout = out:sub(stop + 1, first - 1), stderr = out:sub(last + 1, second - 1) }
    at = final + 1
  end
  return results
end

---------------------------------------------------------------- every row

-- Command lines that a row refuses, one reason each.
local function refused(name, row)
  local out = {}
  local function add(...) out[#out + 1] = { name, ... } end
  if row.style or row.words and not row.flags then return out end
  if not row.words then add("--help") end
  add("-~")
  for word in (row.refuse or ""):gmatch("%S+") do add(word) end
  for letter, colon in row.flags:gmatch("([^:])(:*)") do
    if colon == ":" then
      add("-" .. letter)
      break
    end
  end
  local high = row.operands[2]
  if high then
    local words = {}
    for i = 1, high + 1 do words[i] = "/a" .. i end
    add(table.unpack(words))
  end
  for _, group in ipairs(row.exclusive or {}) do
    local words = {}
    for letter in group:sub(1, 2):gmatch(".") do
      words[#words + 1] = "-" .. letter
      if row.flags:match(letter .. ":") then words[#words + 1] = "1" end
    end
    add(table.unpack(words))
  end
  return out
end

function TestContractInTheLab:test_every_row_refuses_what_aix_refuses()
  local tried, present = 0, 0
  for _, host in ipairs { client, master } do
    local names = {}
    for name in pairs(contract.commands) do names[#names + 1] = name end
    table.sort(names)
    local there = run_all(host, (function()
      local out = {}
      for i, name in ipairs(names) do out[i] = ('p=`whence -p "%s"`; echo $p; head -c 2 $p'):format(name) end
      return out
    end)())
    local lines = {}
    for i, name in ipairs(names) do
      local path = there[i].stdout:match("^(/%S+)")
      -- Those without a front: the shell, and files of a name that are no programs here.
      local program = path and not path:match("/ksh$") and not path:match("/sh$") and there[i].stdout:match("\n(..)") or ""
      if program == "#!" or program == "\127E" then
        present = present + 1
        for _, words in ipairs(refused(name, contract.commands[name])) do
          words[1] = path
          if #contract.check(words) > 0 then lines[#lines + 1] = words end
        end
      end
    end
    local wrong = {}
    for i, result in ipairs(run_all(host, lines)) do
      local name = lines[i][1]:match("[^/]*$")
      local status = contract.commands[name].status or 1
      tried = tried + 1
      if result.status ~= status or not result.stderr:find("Usage: " .. name, 1, true) or result.stdout ~= "" then
        wrong[#wrong + 1] = ("%s: status %d, not %d: %s"):format(quoted(lines[i]), result.status, status,
          (result.stdout .. result.stderr):sub(1, 200))
      end
    end
    lu.assertEquals(table.concat(wrong, "\n"), "", host)
  end
  lu.assertTrue(present > 120, present)
  lu.assertTrue(tried > 400, tried)
end

---------------------------------------------------------------- what is printed

-- A command line, its status, a pattern of its standard output, and one of its standard error ("" is nothing at all).
local cases = {
  -- volume groups and disks
  { "lspv", 0, "^hdisk0          %x+ +rootvg          active      \n" },
  { "lspv", 0, "\nhdisk2          none                                None                        \n" },
  { "lspv hdisk0", 0, "^PHYSICAL VOLUME:%s+hdisk0%s+VOLUME GROUP:%s+rootvg" },
  { "lspv hdisk99", 1, "", "^0516%-304 lspv: " },
  { "lsvg", 0, "^rootvg\n" }, { "lsvg -o", 0, "^rootvg\n" },
  { "lsvg rootvg", 0, "^VOLUME GROUP:%s+rootvg%s+VG IDENTIFIER:%s+%x+\nVG STATE:%s+active%s+PP SIZE:%s+%d+ megabyte%(s%)" },
  { "lsvg -l rootvg", 0,
    "^rootvg:\nLV NAME             TYPE       LPs     PPs     PVs  LV STATE      MOUNT POINT\nhd5 +boot +1 +1 +1 "
    .. "+closed/syncd +N/A\n" },
  { "lsvg nosuchvg", 1, "", "^0516%-306 lsvg: Unable to find volume group nosuchvg" },
  { "lslv hd5", 0, "^LOGICAL VOLUME:%s+hd5%s+VOLUME GROUP:%s+rootvg" },
  { "lslv nosuchlv", 1, "", "^0516%-306 lslv: Unable to find nosuchlv" },
  { "getlvodm -j hdisk0", 0, "^%x+\n$" },
  { "getlvodm -j hdisk2", 3, "", "^0516%-320 %S*getlvodm: Physical volume hdisk2 is not assigned to\n" },
  { "lquerypv -h /dev/hdisk0 E00 10", 0, "^00000E00   5F4C564D %x+ %x+ %x+  |_LVM............|\n$" },
  { "lvlstmajor", 0, "^[%d,]+%.%.%.\n$" },
  { "chpv -C hdisk0", 1, "", "." },
  -- file systems
  { "df -k /", 0,
    "^Filesystem    1024%-blocks      Free %%Used    Iused %%Iused Mounted on\n/dev/hd4 +%d+ +%d+ +%d+%% +%d+ +%d+%% /\n$" },
  { "df -m /usr", 0, "^Filesystem    MB blocks      Free " },
  { "df -g /", 0, "^Filesystem    GB blocks " },
  { "df /", 0, "^Filesystem    512%-blocks " },
  { "df -Pk /", 0, "^Filesystem    1024%-blocks      Used Available Capacity Mounted on\n/dev/hd4 +%d+ +%d+ +%d+ +%d+%% /\n$" },
  { "df -k /proc", 0, "\n/proc                   %-         %-    %-         %-     %-  /proc\n$" },
  { "df -k /nosuch", 1, "^Filesystem ", "/nosuch" },
  { "mount", 0,
    "^  node       mounted        mounted over    vfs       date        options      \n%-%-%-%-%-%-%-%- [%- ]+\n         "
    .. "/dev/hd4         / +jfs2   %u%l%l %d%d %d%d:%d%d rw" },
  { "mount /nosuch", 1, "", "^mount: 0506%-334" }, { "mount nosuchhost:/x /mnt", 1, "", "^mount: 1831%-" },
  { "umount /nosuch", 1, "", "^umount: 0506%-347 Cannot find anything to unmount%." },
  { "lsfs /usr", 0,
    "^Name            Nodename   Mount Pt               VFS   Size    Options    Auto Accounting\n/dev/hd2 +%-%- +/usr "
    .. "+jfs2 +%d+ +%S+ +%S+ +no" },
  { "lsfs -c /usr", 0,
    "^#MountPoint:Device:Vfs:Nodename:Type:Size:Options:AutoMount:Acct\n/usr:/dev/hd2:jfs2:[^:]*:[^:]*:%d+:[^:]*:[^:]*:[^:]*\n$" },
  { "lsfs /nosuch", 1, "", "^lsfs: 0506%-915" },
  { "chfs -a size=+1 /nosuch", 1, "", "^chfs: 0506%-915 No record in /etc/filesystems for /nosuch" },
  -- software
  { "lslpp -Lqc bos.rte", 0, "^bos.rte:bos.rte:%d+%.%d+%.%d+%.%d+: : :C:[F ]:[^:]+: : : : : : :0:0:/:%d*\n$" },
  { "lslpp -Lc bos.rte", 0, "^#Package Name:Fileset:Level:State:PTF Id:" },
  { "lslpp -Lqc 'acme-lib*'", 0,
    "^acme%-lib%-2%.0%-1:acme%-lib%-2%.0%-1:2%.0%-1: : :C:R:A library: :/bin/rpm %-e acme%-lib: : : : :0: :/opt/freeware:"
      .. "%u%l%l %u%l%l %d+ %d+:%d+:%d+ %d+\n$" },
  { "lslpp -lqc bos.rte", 0, "^/usr/lib/objrepos:bos.rte:%S+::COMMITTED:[IF]:[^:]+:\n/etc/objrepos:bos.rte:" },
  { "lslpp -lqc 'acme-lib*'", 1, "^$", "0504%-132" },
  { "lslpp -L nosuch.rte", 1, nil, "^lslpp: 0504%-132  Fileset nosuch%.rte not installed%.\n" },
  { "lslpp -hqc bos.rte", 0, "^/usr/lib/objrepos:bos.rte:%S+::COMMIT:COMPLETE:%d+/%d+/%d+:%d+;%d+;%d+\n" },
  { "oslevel", 0, "^7%.1%.0%.0\n$" }, { "oslevel -r", 0, "^7100%-05\n$" }, { "oslevel -s", 0, "^7100%-05%-03%-1846\n$" },
  { "emgr -P", nil, "^There is no efix data on this system%.\n$" }, { "lppchk -v", 0, "^$", "^$" },
  { "instfix -ik nosuch", 1, "nosuch" },
  -- boot
  { "bootlist -m normal -o", 0, "^hdisk0 blv=hd5 pathid=0\nhdisk0 blv=hd5 pathid=1\n$" },
  { "bootinfo -s hdisk0", 0, "^20480\n$" }, { "bootinfo -K", 0, "^64\n$" },
  { "ipl_varyon -i", 0, "PVNAME          BOOT DEVICE     PVID                    +VOLUME GROUP ID\nhdisk0 +YES " },
  -- subsystems
  { "lssrc -s nimsh", 0, "^Subsystem         Group            PID          Status ?\n nimsh            nimclient        %d+ +active\n$" },
  { "lssrc -s nosuch", 1, "", "^0513%-085 The nosuch Subsystem is not on file%.\n$" },
  { "startsrc -s nosuch", 1, "", "^0513%-085 " },
  { "startsrc -s nimsh", nil, "^0513%-029 The nimsh Subsystem is already active%. Multiple instances are not supported%.\n$" },
  -- devices and the object data manager
  { "odmget -q name=hdisk0 CuDv", 0, "^\nCuDv:\n[ \t]+name = \"hdisk0\"\n[ \t]+status = 1\n" },
  { "odmget -q name=nosuch CuDv", 0, "^$", "^$" },
  { "odmget NoSuchClass", 1, "", "^odmget: Could not open object class NoSuchClass" },
  { "odmdelete -o CuAt -q name=nosuch", 0, nil, "^0518%-307 odmdelete: 0 objects deleted%.\n$" },
  { "odmshow CuDv CuAt", 0, "class CuDv {.*class CuAt {" },
  { "lsattr -E -l sys0 -a modelname", 0, "^modelname +%S+ .*False\n$" },
  { "lsattr -El nosuch", 1, "", "^lsattr: 0514%-519 The following device was not found in the customized" },
  { "lsdev -C -c disk", 0, "^hdisk0 +Available" }, { "lsdev -Cl nosuch", nil, "^$" },
  { "lsps -a", 0, "^Page Space      Physical Volume   Volume Group    Size %%Used   Active    Auto    Type   Chksum\n" },
  { "prtconf -m", 0, "^Memory Size: %d+ MB\n$" },
  { "getconf DISK_SIZE /dev/hdisk0", 0, "^20480\n$" },
  { "getconf KERNEL_BITMODE", 0, "^64\n$" },
  { "getconf NOSUCH", 1, "", "^getconf: Invalid argument" }, { "lsitab nosuch", 1, "^$" },
  -- the system
  { "uname -rvp", 0, "^1 7 powerpc\n$" }, { "uname -s", 0, "^AIX\n$" }, { "hostname", 0, "^adachi%-AIX7\n$" },
  { "host adachi-nim", 0, "^adachi%-nim is 10%.77%.0%.2\n$" }, { "host nosuchhost", 1, "", "^host: 0827%-801" },
  { "host 10.9.9.9", 1, "", "^host: 0827%-803 Cannot find address 10%.9%.9%.9" },
  { "who -b", 0, "^   %.        system boot %u%l%l %d%d %d%d:%d%d     \n$" },
  { "ps -p 1 -o args=", 0, "%S" }, { "ps -p 999999 -o args=", 1, "^$" }, { "chroot / /usr/bin/true", 0, "^$" },
  { "env A=1 /usr/bin/printenv A", 0, "^1\n$" },
  { "ldd /usr/sbin/restore", 0, "^/usr/sbin/restore needs:\n%s+/usr/lib/libc.a%(shr.o%)\n" },
  -- the tools of POSIX
  { "ls -l /dev/null", 0, "^crw%-rw%-rw%- +1 root +system +%d+, +%d+ %u%l%l %d%d +%S+ /dev/null\n$" },
  { "ls -ld /etc", 0, "^drwxr%-xr%-x +%d+ root +system +%d+ %u%l%l %d%d +%S+ /etc\n$" },
  { "echo 'a b' | wc -c", 0, "^ +4\n$" },
  { "printf 'a\\nb c\\n' | wc", 0, "^ +2 +3 +6\n$" },
  { "wc -l /etc/hosts /etc/passwd", 0, "^ +%d+ /etc/hosts\n +%d+ /etc/passwd\n +%d+ total\n$" },
  { "dd if=/etc/hosts of=/dev/null bs=1 count=3", 0, "^$", "^3%+0 records in%.\n3%+0 records out%.\n$" },
  { "printf 'a\\n\\nb\\nc\\n\\nd\\n' | grep -p c", 0, "^b\nc\n" }, { "printf a | grep -p b", 1, "^$" },
  { "cd /tmp; echo 1 >ln1; echo 2 >ln2; ln -n ln1 ln2; cat ln2; rm ln1 ln2", nil, "^2\n$", "^ln: 0653%-421 ln2 exists%." },
  { "cd /tmp; echo 1 >ln1; mkdir ln2; ln -s ln2 ln3; ln -s ../ln1 ln3; ls ln2; rm -rf ln1 ln2 ln3", nil, "^ln1\n$" },
  { "/usr/bin/echo 'a\\tb\\0101\\c'", 0, "^a\tbA$" }, { "/usr/bin/echo -e x", 0, "^%-e x\n$" },
  { "printf 'a\\n' | cksum", 0, "^%d+ 2\n$" }, { "sum /etc/hosts", 0, "^%d+ +%d+ /etc/hosts\n$" },
  { "find /etc/hosts -exec wc -l {} \\;", 0, "^ +%d+ /etc/hosts\n$" },
  { "echo /etc/hosts | xargs wc -l", 0, "^ +%d+ /etc/hosts\n$" },
  { "sleep 0", 0, "^$" }, { "sleep 0.1", 1, "", "^Usage: sleep Seconds" },
  -- the shell
  { "ksh -c 'local x=1'", 127, "", "local" }, { "ksh -c 'source /etc/environment'", 127, "", "source" },
  { "ksh -c '[[ a =~ a ]]'", 1, "", "=~" }, { "ksh -c 'set -o pipefail'", 1, "", "pipefail" },
  { "ksh -c 'realpath /; mktemp; stat /; readlink /bin; seq 2'", 127, "^$", "." },
}

local master_cases = {
  { "lsnim -l adachi-AIX7", 0, "^adachi%-AIX7:\n   class +=%s+machines\n   type +=%s+standalone\n" },
  { "lsnim -l nosuch", 1, "", "^0042%-053 lsnim: there is no NIM object named \"nosuch\"" },
  { "oslevel -s", 0, "^7200%-05%-06%-2320\n$" }, { "uname -rvp", 0, "^2 7 powerpc\n$" },
}

local function try(host, list)
  local lines, wrong = {}, {}
  for i, case in ipairs(list) do lines[i] = case[1] end
  for i, result in ipairs(run_all(host, lines)) do
    local _, status, out, problem = table.unpack(list[i], 1, 4)
    if (status and result.status ~= status) or (out and not result.stdout:find(out)) or (problem and not result.stderr:find(problem)) then
      wrong[#wrong + 1] = ("%s: status %d\n%s%s"):format(lines[i], result.status, result.stdout, result.stderr)
    end
  end
  lu.assertEquals(table.concat(wrong, "\n"), "", host)
end

function TestContractInTheLab:test_what_the_client_prints() try(client, cases) end

function TestContractInTheLab:test_what_the_master_prints() try(master, master_cases) end
