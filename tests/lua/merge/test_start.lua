-- SPDX-License-Identifier: MIT
-- What starts at boot: /etc/inittab, the scripts of TCP/IP and NFS, inetd's services, the environment.

local lu = require "luaunit"
local case = require "merge_case"

TestMergeStart = {}

local t, dir

function TestMergeStart:setUp() t, dir = case.open() end

function TestMergeStart:tearDown() case.close(t, dir) end

local function run(method, path, input, files)
  local status, said = case.run(t, method, { [path] = input }, files)
  return t:read(path), said, status
end

local tab = "/etc/inittab"
local old_tab = "init:2:initdefault:\nbrc::sysinit:/sbin/rc.boot 3\nmkatmpvc:2:once:/usr/sbin/mkatmpvc\n"
  .. "rc:23456789:wait:/etc/rc 2>&1 | alog -tboot\npiobe:2:wait:/usr/lib/lpd/pio/etc/pioinit\ncron:23456789:respawn:/usr/sbin/cron\n"
local new_tab = "init:2:initdefault:\nbrc::sysinit:/sbin/rc.boot 3\nsecurityboot:2:bootwait:/etc/rc.security.boot\n"
  .. "rc:23456789:wait:/etc/rc 2>&1 | /usr/bin/alog -tboot\npiobe:2:wait:/usr/lib/lpd/pioinit_cp\ncron:23456789:respawn:/usr/sbin/cron\n"
  .. "rcvnet:23456789:wait:/etc/rc.vnet\n"

function TestMergeStart:test_inittab()
  local text, said, status = run("inittab_mig", tab, { o = old_tab, n = new_tab,
    c = "init:3:initdefault:\nbrc::sysinit:/sbin/rc.boot 3\nmkatmpvc:2:once:/usr/sbin/mkatmpvc\n: the guard of ACME\n"
      .. "guard:2:once:/opt/acme/guard\nrc:23456789:wait:/etc/rc 2>&1 | alog -tboot\n:piobe:2:wait:/usr/lib/lpd/pio/etc/pioinit\n"
      .. "acme:2:once:/opt/acme/start \\\n -x\n: last words\n" })
  lu.assertEquals(status, "merged")
  lu.assertEquals(text, "init:3:initdefault:\nbrc::sysinit:/sbin/rc.boot 3\n: the guard of ACME\nguard:2:once:/opt/acme/guard\n"
    .. "securityboot:2:bootwait:/etc/rc.security.boot\nrc:23456789:wait:/etc/rc 2>&1 | /usr/bin/alog -tboot\n"
    .. ":piobe:2:wait:/usr/lib/lpd/pioinit_cp\nacme:2:once:/opt/acme/start \\\n -x\n:cron:23456789:respawn:/usr/sbin/cron\n"
    .. "rcvnet:23456789:wait:/etc/rc.vnet\n: last words\n")
  lu.assertStrContains(case.text_of(said), "piobe - C off before: stays off")
  lu.assertStrContains(case.said_about(said, "cron").rule, "removed by the site: comes switched off")
  lu.assertStrContains(case.said_about(said, "mkatmpvc").rule, "dropped")
  lu.assertStrContains(case.said_about(said, "rcvnet").rule, "new record")
end

-- The old default is not known: what was always there was removed by the site, the rest is new.
function TestMergeStart:test_inittab_without_the_old_default()
  local text = run("inittab_mig", tab, { n = new_tab, c = "init:2:initdefault:\nrc:23456789:wait:/etc/rc 2>&1 | alog -tboot\n"
    .. "acme:2:once:/opt/acme/start\n" })
  lu.assertEquals(text, "init:2:initdefault:\nbrc::sysinit:/sbin/rc.boot 3\nsecurityboot:2:bootwait:/etc/rc.security.boot\n"
    .. "rc:23456789:wait:/etc/rc 2>&1 | alog -tboot\nacme:2:once:/opt/acme/start\n:piobe:2:wait:/usr/lib/lpd/pioinit_cp\n"
    .. ":cron:23456789:respawn:/usr/sbin/cron\nrcvnet:23456789:wait:/etc/rc.vnet\n")
end

function TestMergeStart:test_a_program_that_is_gone_gives_way()
  local input = { n = "a:2:once:/new/a\n", c = "a:2:once:/old/a\nb:2:once:/b\n" }
  lu.assertStrContains(run("inittab_mig", tab, input, { "/new/a", "/old/a" }), "a:2:once:/old/a")
  assert(t:remove "/old/a")
  lu.assertStrContains(run("inittab_mig", tab, input), "a:2:once:/new/a")
end

local tcpip = "/etc/rc.tcpip"
local old_tcpip = [[
#!/bin/ksh
start()
{
	startsrc -s $1
}
# Start up syslog daemon
start /usr/sbin/syslogd "$src_running"
# Start up sendmail
start /usr/lib/sendmail "$src_running" "-bd -q${qpi}"
#start /usr/sbin/xntpd "$src_running"
#start /usr/sbin/named "$src_running"
]]
local new_tcpip = [[
#!/bin/ksh
start()
{
	startsrc -s $1
}
# Start up syslog daemon, of 7.3
start /usr/sbin/syslogd "$src_running"
# Start up sendmail
start /usr/lib/sendmail "$src_running" "-bd -q${qpi}"
#start /usr/sbin/xntpd "$src_running"
start /usr/sbin/aixmibd "$src_running"
#start /usr/sbin/ptpd "$src_running"
]]

function TestMergeStart:test_daemons_that_were_off_stay_off()
  local text, said, status = run("rc_mig", tcpip, { o = old_tcpip, n = new_tcpip, c = (old_tcpip
    :gsub("start /usr/lib/sendmail", "#%0"):gsub("#start /usr/sbin/xntpd", "start /usr/sbin/xntpd")
    :gsub("(syslogd \"$src_running\")", "%1 \"-d\"")) .. "start /opt/acme/acmed \"$src_running\"\nsleep 3\n" })
  lu.assertEquals(status, "merged")
  lu.assertStrContains(text, '\nstart /usr/sbin/syslogd "$src_running" "-d"\n')
  lu.assertStrContains(text, '\n#start /usr/lib/sendmail "$src_running" "-bd -q${qpi}"\n')
  lu.assertStrContains(text, '\nstart /usr/sbin/xntpd "$src_running"\n')
  lu.assertStrContains(text, '\nstart /usr/sbin/aixmibd "$src_running"\n')
  lu.assertStrContains(text, '\n#start /usr/sbin/ptpd "$src_running"\n')
  lu.assertStrContains(text, '\nstart /opt/acme/acmed "$src_running"\n')
  lu.assertStrContains(text, "of 7.3")
  lu.assertNil(text:find("named", 1, true))
  lu.assertNil(text:find("sleep", 1, true))
  local told = case.said_about(said)
  lu.assertEquals({ told.severity, told.c, told.file }, { "todo", "sleep 3", tcpip })
end

function TestMergeStart:test_two_way_too()
  local text = run("rc_mig", tcpip, { n = new_tcpip, c = (old_tcpip:gsub("start /usr/lib/sendmail", "# %0")) })
  lu.assertStrContains(text, "\n#start /usr/lib/sendmail")
  lu.assertStrContains(text, "\n#start /usr/sbin/xntpd")
  lu.assertStrContains(text, "\n#start /usr/sbin/aixmibd") -- of 7.1 already
  lu.assertStrContains(text, "\n#start /usr/sbin/ptpd")
end

-- Also where the site changed nothing: what was off as it was shipped does not come on by itself.
function TestMergeStart:test_nothing_comes_on()
  local text, said = run("rc_mig", tcpip, { o = old_tcpip, c = old_tcpip,
    n = new_tcpip:gsub("#start /usr/sbin/xntpd", "start /usr/sbin/xntpd") })
  lu.assertEquals(text, new_tcpip)
  lu.assertStrContains(case.said_about(said, "xntpd").rule, "stays off")
end

-- A shell refuses "then" and "fi" with nothing between them.
function TestMergeStart:test_the_script_stays_one()
  local new = "if [ -s /etc/exports ]; then\n\tstartsrc -s nfsd\nfi\nif [ -x /x ]\nthen\nstartsrc -s biod\nfi\nstartsrc -s rpc.statd\n"
  local old = new:gsub("startsrc %-s [nb]", "/usr/bin/%0")
  local text = run("rc_mig", "/etc/rc.nfs", { o = old, n = new .. "# 7.3\n", c = (old:gsub("[^\n]*startsrc", "#%0")) })
  lu.assertEquals(text, "if [ -s /etc/exports ]; then\n\t: # startsrc -s nfsd\nfi\nif [ -x /x ]\nthen\n: # startsrc -s biod\nfi\n"
    .. "#startsrc -s rpc.statd\n# 7.3\n")
  lu.assertEquals(os.execute("sh -n '" .. dir .. "/etc/rc.nfs'"), true)
  local again = run("rc_mig", "/etc/rc.nfs", { o = old, n = new .. "# 7.3\n", c = text })
  lu.assertEquals(again, text)
end

function TestMergeStart:test_services_that_were_off_stay_off()
  local path = "/etc/inetd.conf"
  local old = "# service type protocol wait user program\nftp stream tcp nowait root /usr/sbin/ftpd ftpd\n"
    .. "telnet stream tcp nowait root /usr/sbin/telnetd telnetd\ntime dgram udp wait root internal\n"
  local new = "## service type protocol wait user program\nftp\tstream\ttcp6\tnowait\troot\t/usr/sbin/ftpd\tftpd\n"
    .. "telnet\tstream\ttcp6\tnowait\troot\t/usr/sbin/telnetd\ttelnetd -a\n#time dgram udp wait root internal\n"
    .. "caa_cfg stream tcp6 nowait root /usr/sbin/clusterconf clusterconf\n"
  for _, o in ipairs { old, false } do
    local text, said = run("inetd_mig", path, { o = o or nil, n = new, c = "#" .. old:gsub("\nftp", "\n#ftp"):gsub("telnet[^\n]*\n", "")
      .. "acme stream tcp nowait root /opt/acme/in.acmed in.acmed\n" })
    lu.assertStrMatches(text, "(.*)\n#ftp%sstream.*")
    lu.assertStrMatches(text, "(.*)\n#telnet\tstream.*")
    lu.assertStrContains(text, "\ncaa_cfg stream")
    lu.assertStrContains(text, "\nacme stream tcp nowait root /opt/acme/in.acmed in.acmed\n")
    lu.assertStrContains(text, o and "\n#time dgram" or "\ntime dgram")
    lu.assertEquals(case.said_about(said, "time udp").severity, o and "warning" or "note")
  end
end

function TestMergeStart:test_environment()
  local path = "/etc/environment"
  local old = "PATH=/usr/bin:/etc:/usr/java5/bin\nTZ=CST6CDT\nLANG=C\nODMDIR=/etc/objrepos\n"
  local new = "PATH=/usr/bin:/etc:/usr/java8_64/bin\nTZ=UTC\nLANG=en_US\nODMDIR=/etc/objrepos\nCLCMD_PASSTHRU=1\n"
  lu.assertEquals((run("environment_mig", path, { o = old, n = new, c = old:gsub("java5/bin", "%0:/opt/acme") .. "ACME=1\n# acme\n" })),
    "PATH=/usr/bin:/etc:/usr/java5/bin:/opt/acme:/usr/java8_64/bin\nTZ=CST6CDT\nLANG=C\nODMDIR=/etc/objrepos\nACME=1\n"
    .. "CLCMD_PASSTHRU=1\n# acme\n")
  -- Nobody's time zone is a default.
  lu.assertEquals((run("environment_mig", path, { o = old, n = new, c = old })), "PATH=/usr/bin:/etc:/usr/java8_64/bin\nTZ=CST6CDT\n"
    .. "LANG=C\nODMDIR=/etc/objrepos\nCLCMD_PASSTHRU=1\n")
end

local tunables = "/etc/tunables/nextboot"

local function tune(input, target, source)
  local seen = {}
  local merge = require "altmig.merge"
  case.put(t, tunables, input.n or "x")
  local result = assert(merge.run("tunables_mig", { tree = t, target = target, source = source,
    saved = function() return input.c end, shipped_old = function() return input.o end, shipped_new = function() return input.n end,
    saved_stat = function() return nil end, report = function(d) seen[#seen + 1] = d end }))
  return t:read(tunables), seen, result.status
end

function TestMergeStart:test_tunables_that_are_gone_become_comments()
  local c = "info:\n\tAIX_level = \"7.1.5.0\"\n\nno:\n\tipforwarding = \"1\"\n\ttcp_of_old = \"3\" # ours\n\nvmo:\n\tmaxclient% = \"80\"\n"
    .. "\tminperm% = \"3\"\nnfso:\n\tnfs_of_old = \"1\"\nioo:\n\tj2_inodeCacheSize = \"300\"\n#\tother = \"1\"\n"
  local input = { o = "info:\n", c = c, n = "info:\n\tAIX_level = \"7.3.3.0\"\n" }
  local text, said, status = tune(input, "7.3", "7.1")
  lu.assertEquals(text, (c:gsub("\ttcp_of_old", "#%0")))
  lu.assertEquals(status, "merged")
  lu.assertEquals({ said[2].severity, said[2].key, said[2].attribute }, { "todo", "no", "tcp_of_old" })
  -- A default that the site did not set changes with the level, and is told; what the site set is not.
  lu.assertEquals({ #said, said[1].attribute, said[1].o, said[1].n, said[1].group }, { 2, "j2_metadataCacheSize", "400",
    "200", "values" })
  text, said, status = tune(input, "7.2", "7.1")
  lu.assertEquals({ text, #said, status }, { c, 0, "kept" })
  lu.assertEquals(#select(2, tune(input, "7.3", "7.3")), 1) -- an old default of a level before
  lu.assertEquals((tune({ o = "info:\n", c = "info:\n", n = "info:\n\tx = \"1\"\n" }, "7.3", "7.2")), "info:\n\tx = \"1\"\n")
end

function TestMergeStart:test_links_and_a_file_that_only_one_side_has()
  lu.assertEquals((run("rc_mig", tcpip, { c = "start /a\n" })), "start /a\n")
  local text, _, status = run("rc_mig", "/etc/rc.nfs", { n = "start /b\n" })
  lu.assertEquals({ text, status }, { "start /b\n", "new" })
end
