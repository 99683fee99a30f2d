-- SPDX-License-Identifier: MIT
-- The program that stands for commands while scripts of filesets run in a copy, in the shells that are here. Its paths
-- lead into a directory of the test; the odm commands are altmig's own.

local lu = require "luaunit"
local isolated = require "altmig.aix.isolated"
local odm = require "altmig.odm"
local scratch = require "altmig.run.scratch"
local sys = require "altmig.sys"

local classes = [[
class SRCsubsys { char subsysname[30]; char synonym[30]; char cmdargs[1024]; char path[1024];
  long uid; long auditid; char standin[1024]; char standout[1024]; char standerr[1024];
  short action; short multi; short contact; long svrkey; long svrmtype; short priority;
  short signorm; short sigforce; short display; short waittime; char grpname[30]; };
class SRCsubsvr { char sub_type[30]; char subsysname[30]; short sub_code; };
class SRCnotify { char notifyname[30]; char notifymethod[256]; };
class CuDv { char name[16]; short status; short chgstatus; char ddins[16]; char location[16]; char parent[16]; char connwhere[16];
  char PdDvLn[48]; };
class CuAt { char name[16]; char attribute[16]; char value[256]; char type[8]; char generic[8]; char rep[8]; short nls_index; };
class PdAt { char uniquetype[48]; char attribute[16]; char deflt[256]; char values[256]; char width[16]; char type[8]; char generic[8];
  char rep[8]; short nls_index; };
class CuVPD { char name[16]; short vpd_type; char vpd[512]; };
class CuDep { char name[16]; char dependency[16]; };
class CuDvDr { char resource[12]; char value1[20]; char value2[20]; char value3[20]; };
]]

local inittab = [[
init:2:initdefault:
:commented:2:once:/usr/bin/true
atmsvcd:2:once:/usr/sbin/atmsvcd >/dev/console 2>&1
02:2:once:/usr/bin/two
cron:23456789:respawn:/usr/sbin/cron
]]

local stanzas = [[

SRCsubsys:
	subsysname = "glbd"
	path = "/usr/lib/ncs/bin/glbd"
	grpname = "ncs"

SRCsubsys:
	subsysname = "glbd2"
	path = "/usr/lib/ncs/bin/glbd2"
	grpname = "other"

SRCsubsvr:
	sub_type = "ftp"
	subsysname = "glbd"
	sub_code = 21

SRCnotify:
	notifyname = "glbd"
	notifymethod = "/bin/true"

CuDv:
	name = "atm0"
	status = 1
	parent = "pci0"
	PdDvLn = "adapter/pci/atm"

CuDv:
	name = "at0"
	status = 1
	parent = "atm0"
	PdDvLn = "if/AT/at"

CuDv:
	name = "ent0"
	status = 1
	parent = "pci0"
	PdDvLn = "adapter/pci/ent"

CuAt:
	name = "atm0"
	attribute = "speed"
	value = "1"
	type = "R"
	generic = "DU"
	rep = "nr"

CuAt:
	name = "at0"
	attribute = "netaddr"
	value = "10.0.0.1"

PdAt:
	uniquetype = "adapter/pci/atm"
	attribute = "intr"
	deflt = "5"
	type = "I"
	generic = "U"
	rep = "n"
	nls_index = 7

CuDep:
	name = "x"
	dependency = "at0"

CuDvDr:
	resource = "devno"
	value1 = "44"
	value3 = "at0"
]]

TestIsolated = {}

-- A system in a directory, with the program as each of its commands.
local function new_system()
  local dir = scratch.directory()
  for _, name in ipairs { "bin", "etc", "etc/objrepos", "work" } do assert(sys.makedirs(dir .. "/" .. name, 448)) end
  local store <close> = assert(odm.open(dir .. "/etc/objrepos"))
  for _, class in ipairs(assert(odm.definitions(classes))) do assert(store:create(class.name, class.descriptors)) end
  for _, entry in ipairs(assert(odm.parse(stanzas))) do assert(store:add(entry.class, entry.fields)) end
  assert(store:commit())
  assert(sys.write_file(dir .. "/etc/inittab", inittab, { mode = 292 }))
  for name, what in pairs { odmget = "get", odmadd = "add", odmdelete = "delete", odmchange = "change" } do
    assert(sys.write_file(("%s/bin/%s"):format(dir, name), ("#!/bin/sh\nODMDIR=%s/etc/objrepos exec '%s' odm %s \"$@\"\n"):format(dir,
      os.getenv "ALTMIG_BIN", what), { mode = 448 }))
  end
  local text = isolated.program():gsub("/etc/%.?inittab", dir .. "%0"):gsub("/tmp/%.altmig", dir .. "/work")
    :gsub("\nPATH=[^\n]*", "\nPATH=" .. dir .. "/bin:/usr/bin:/bin")
  for _, name in ipairs(isolated.names()) do assert(sys.write_file(("%s/work/%s"):format(dir, name), text, { mode = 448 })) end
  assert(sys.write_file(dir .. "/work/getopts", text, { mode = 448 }))
  return dir
end

-- The shells that are here: two of them, or all in a full run, since every command is some processes.
local shells = {}
for _, shell in ipairs { { "/usr/bin/ksh" }, { "/bin/sh" }, { "/usr/bin/ksh93" }, { "/usr/bin/mksh" }, { "/usr/bin/dash" },
  { "/usr/bin/busybox", "sh" } } do
  if sys.stat(shell[1]) and (#shells < 2 or os.getenv "FULL") then shells[#shells + 1] = shell end
end

-- Runs commands in one shell after the other, each in a system of its own; fn gets a function that runs one.
local function in_each_shell(fn)
  for _, shell in ipairs(shells) do
    local dir = new_system()
    local function run(name, ...)
      local argv = table.move(shell, 1, #shell, 1, {})
      argv[#argv + 1] = dir .. "/work/" .. name
      table.move({ ... }, 1, select("#", ...), #argv + 1, argv)
      local result = assert(sys.run(argv, { timeout = 60 }))
      return result.status, result.stdout, result.stderr
    end
    local function get(class, criteria)
      local store <close> = assert(odm.open(dir .. "/etc/objrepos"))
      return assert(store:get(class, criteria))
    end
    local function objects(class, criteria) return #get(class, criteria) end
    local store = { first = function(_, class, criteria) return get(class, criteria)[1] end }
    local ok, e = pcall(fn, { run = run, dir = dir, objects = objects, store = store,
      inittab = function() return sys.read_file(dir .. "/etc/inittab") end,
      acts = function() return isolated.acts(sys.read_file(dir .. "/work/commands") or "") end })
    os.execute("rm -rf '" .. dir .. "'")
    if not ok then error(("%s: %s"):format(table.concat(shell, " "), type(e) == "table" and (e.msg or e.message) or e), 0) end
  end
end

function TestIsolated:test_subsystems_are_taken_from_the_object_classes_of_the_copy()
  in_each_shell(function(s)
    lu.assertEquals({ s.run("stopsrc", "-s", "glbd") }, { 0, "", "" })
    lu.assertEquals({ s.run("rmssys", "-s", "glbd") }, { 0, "", "" })
    lu.assertEquals({ s.objects("SRCsubsys", "subsysname='glbd'"), s.objects "SRCsubsvr", s.objects "SRCnotify" }, { 0, 0, 0 })
    lu.assertEquals(s.objects "SRCsubsys", 1)
    -- What is not there counts as done.
    lu.assertEquals({ s.run("rmssys", "-s", "glbd") }, { 0, "", "" })
    lu.assertEquals({ s.run("rmserver", "-t", "none") }, { 0, "", "" })
    local status, _, problem = s.run("rmssys", "-s", "x' or subsysname like '*")
    lu.assertEquals(status, 1)
    lu.assertStrContains(problem, "is no name")
    lu.assertEquals(s.objects "SRCsubsys", 1)
    local acts = {}
    for i, act in ipairs(s.acts()) do acts[i] = act.what .. " " .. act.command end
    lu.assertEquals(acts, { "idle stopsrc", "changed rmssys", "absent rmssys", "absent rmserver", "failed rmssys" })
  end)
end

function TestIsolated:test_lssrc_lists_what_the_copy_has()
  in_each_shell(function(s)
    lu.assertEquals({ s.run("lssrc", "-s", "glbd") }, { 0, "Subsystem         Group            PID          Status \n"
      .. " glbd             ncs                           inoperative\n", "" })
    lu.assertEquals(select(2, s.run("lssrc", "-a")):gsub("[^\n]", ""), "\n\n\n")
    lu.assertStrContains(select(2, s.run("lssrc", "-g", "other")), " glbd2 ")
    lu.assertEquals({ s.run("lssrc", "-s", "none") }, { 1, "", "0513-085 The none Subsystem is not on file.\n" })
    lu.assertEquals({ s.run("lssrc", "-g", "none") }, { 1, "", "0513-086 The none Group is not on file.\n" })
  end)
end

function TestIsolated:test_subsystems_are_made_and_changed()
  in_each_shell(function(s)
    lu.assertEquals({ s.run("mkssys", "-s", "acmed", "-p", "/opt/acme/acmed", "-a", "-x 'y z' $1", "-u", "7", "-G", "acme", "-S", "-n",
      "15", "-f", "9", "-R") }, { 0, "", "" })
    local row = s.store:first("SRCsubsys", "subsysname='acmed'")
    lu.assertEquals({ row.path, row.cmdargs, row.uid, row.grpname, row.contact, row.signorm, row.sigforce, row.action, row.priority,
      row.standin }, { "/opt/acme/acmed", "-x 'y z' $1", 7, "acme", 2, 15, 9, 1, 20, "/dev/console" })
    lu.assertStrContains(select(3, s.run("mkssys", "-s", "acmed", "-p", "/x", "-u", "0")), "0513-081")
    lu.assertEquals(s.run("chssys", "-s", "acmed", "-a", "", "-O"), 0)
    row = s.store:first("SRCsubsys", "subsysname='acmed'")
    lu.assertEquals({ row.cmdargs, row.action, row.path }, { "", 2, "/opt/acme/acmed" })
    lu.assertEquals(s.run("chssys", "-s", "none", "-a", "x"), 1)
    lu.assertEquals(s.run("chssys", "-s", "acmed", "-a", 'x"\n\tuid = 0'), 1)
    lu.assertEquals(s.run("mkserver", "-c", "99", "-s", "acmed", "-t", "acme"), 0)
    lu.assertEquals(s.run("mknotify", "-n", "acmed", "-m", "/opt/acme/notify now"), 0)
    lu.assertEquals({ s.objects("SRCsubsvr", "sub_type=acme"), s.objects("SRCnotify", "notifyname=acmed") }, { 1, 1 })
    lu.assertEquals({ s.run("rmserver", "-t", "acme"), s.run("rmnotify", "-n", "acmed") }, { 0, 0, "", "" })
    lu.assertEquals({ s.objects("SRCsubsvr", "sub_type=acme"), s.objects("SRCnotify", "notifyname=acmed") }, { 0, 0 })
  end)
end

function TestIsolated:test_the_inittab_of_the_copy()
  in_each_shell(function(s)
    lu.assertEquals({ s.run("lsitab", "atmsvcd") }, { 0, "atmsvcd:2:once:/usr/sbin/atmsvcd >/dev/console 2>&1\n", "" })
    lu.assertEquals({ s.run("lsitab", "2"), s.run("lsitab", "") }, { 1, 1, "", "" })
    lu.assertEquals(select(2, s.run("lsitab", "-a")), (inittab:gsub("\n:[^\n]*", "")))
    lu.assertEquals({ s.run("rmitab", "atmsvcd") }, { 0, "", "" })
    lu.assertEquals(s.inittab(), (inittab:gsub("atmsvcd:[^\n]*\n", "")))
    lu.assertEquals(sys.stat(s.dir .. "/etc/inittab").mode & 511, 292)
    lu.assertEquals({ s.run("rmitab", "atmsvcd") }, { 0, "", "" })
    lu.assertEquals({ s.run("rmitab", "2") }, { 0, "", "" })
    lu.assertEquals(s.inittab(), (inittab:gsub("atmsvcd:[^\n]*\n", "")))
    lu.assertEquals(s.run("mkitab", "-i", "02", [[new:2:once:/usr/bin/x \n "&" $HOME]]), 0)
    lu.assertStrContains(s.inittab(), "02:2:once:/usr/bin/two\nnew:2:once:/usr/bin/x \\n \"&\" $HOME\ncron")
    lu.assertEquals(s.run("mkitab", "last:2:wait:/x"), 0)
    lu.assertStrContains(s.inittab(), "/usr/sbin/cron\nlast:2:wait:/x\n")
    lu.assertEquals(s.run("mkitab", "new:2:once:/y"), 1)
    lu.assertEquals(s.run("mkitab", "no record"), 1)
    lu.assertEquals(s.run("chitab", "new:3:off:/z"), 0)
    lu.assertStrContains(s.inittab(), "\nnew:3:off:/z\ncron")
    lu.assertEquals(s.run("chitab", "none:3:off:/z"), 1)
    lu.assertNil(sys.stat(s.dir .. "/etc/.inittab.altmig-new"))
  end)
end

function TestIsolated:test_devices_are_taken_from_the_object_classes()
  in_each_shell(function(s)
    local status, _, problem = s.run("rmdev", "-l", "atm0", "-d")
    lu.assertEquals(status, 1)
    lu.assertStrContains(problem, "atm0 has children: at0")
    lu.assertEquals({ s.run("rmdev", "-dl", "at0") }, { 0, "", "" })
    lu.assertEquals({ s.objects("CuDv", "name=at0"), s.objects("CuAt", "name=at0"), s.objects "CuDep", s.objects "CuDvDr" }, { 0, 0, 0, 0 })
    lu.assertEquals(s.run("rmdev", "-l", "atm0"), 0)
    lu.assertEquals(s.store:first("CuDv", "name=atm0").status, 0)
    lu.assertEquals(s.run("rmdev", "-Rdl", "atm0"), 0)
    lu.assertEquals({ s.objects "CuDv", s.objects "CuAt" }, { 1, 0 })
    lu.assertEquals({ s.run("rmdev", "-Rdl", "atm0") }, { 0, "", "" })
    lu.assertEquals(s.run("rmdev", "-dl", "x y"), 1)
  end)
end

function TestIsolated:test_children_of_a_device_go_with_it()
  in_each_shell(function(s)
    lu.assertEquals({ s.run("rmdev", "-dp", "pci0") }, { 0, "", "" })
    lu.assertEquals({ s.objects "CuDv", s.objects "CuAt" }, { 0, 0 })
  end)
end

function TestIsolated:test_attributes_are_changed_in_the_object_classes()
  in_each_shell(function(s)
    lu.assertEquals({ s.run("chdev", "-l", "atm0", "-a", "speed=2", "-a", "intr=9", "-P") }, { 0, "", "" })
    lu.assertEquals(s.store:first("CuAt", "name=atm0 and attribute=speed").value, "2")
    local made = s.store:first("CuAt", "name=atm0 and attribute=intr")
    lu.assertEquals({ made.value, made.type, made.generic, made.rep, made.nls_index }, { "9", "I", "U", "n", 7 })
    for _, words in ipairs { { "-l", "atm0", "-a", "none=1" }, { "-l", "gone0", "-a", "speed=1" }, { "-l", "atm0", "-a", "speed" },
      { "-l", "atm0", "-a", 'speed="' } } do
      lu.assertEquals(s.run("chdev", table.unpack(words)), 1)
    end
    lu.assertEquals(s.store:first("CuAt", "name=atm0 and attribute=speed").value, "2")
  end)
end

function TestIsolated:test_what_reaches_past_the_copy_is_refused_and_written_down()
  in_each_shell(function(s)
    for _, words in ipairs { { "kill", "-9", "1" }, { "killall" }, { "shutdown", "-Fr" }, { "reboot" }, { "cfgmgr" },
      { "mkdev", "-l", "x" }, { "startsrc", "-s", "x" }, { "umount", "/usr" }, { "mount", "/x" }, { "fuser", "-k", "/x" },
      { "bosboot", "-a" }, { "init", "0" },
      { "telinit", "2" }, { "varyoffvg", "rootvg" }, { "no", "-o", "x=1" } } do
      local status, out, problem = s.run(table.unpack(words))
      lu.assertEquals({ status, out }, { 1, "" }, words[1])
      lu.assertStrContains(problem, words[1] .. ": altmig: refused: ")
      local acts = s.acts()
      lu.assertEquals(acts[#acts], { what = "refused", command = words[1], arguments = table.concat(words, " ", 2) })
    end
  end)
end

function TestIsolated:test_what_would_show_another_system_shows_nothing()
  in_each_shell(function(s)
    lu.assertEquals({ s.run("ps", "-ef") }, { 0, "     UID     PID    PPID   C    STIME    TTY  TIME CMD\n", "" })
    lu.assertEquals({ s.run("ps", "-e", "-o", "comm=") }, { 0, "", "" })
    lu.assertEquals({ s.run("ps", "-p", "1") }, { 1, "", "" })
    lu.assertEquals({ s.run("errpt", "-a"), s.run("fuser", "-cu", "/"), s.run("telinit", "q") }, { 0, 0, 0, "", "" })
    lu.assertEquals(select(2, s.run "mount"):gsub("[^\n]", ""), "\n\n")
    lu.assertEquals({ s.run("errlogger", "hello"), s.run("errupdate", "-f", "/x"), s.run "slibclean" }, { 0, 0, 0, "", "" })
    lu.assertEquals(s.run("kill", "-l"), 0)
  end)
end

-- AIX has kill, getopts and others as one file.
function TestIsolated:test_commands_that_are_the_same_file_as_a_covered_one_still_work()
  in_each_shell(function(s)
    lu.assertEquals(s.run("getopts", "a:", "x", "-a", "b"), 0)
  end)
end

function TestIsolated:test_the_log_is_read_as_hostile_text()
  lu.assertEquals(isolated.acts("refused kill -9 1\nrefused\nwrong kill\nrefused nothing x\n\0\nchanged rmitab\n"), {
    { what = "refused", command = "kill", arguments = "-9 1" }, { what = "changed", command = "rmitab", arguments = "" } })
end

function TestIsolated:test_every_name_is_in_the_program_once_and_reasons_cannot_end_their_quotes()
  local seen = {}
  for _, name in ipairs(isolated.names()) do
    lu.assertNil(seen[name], name)
    seen[name] = true
    lu.assertStrMatches(name, "%l[%l%d]*")
  end
  for _, group in ipairs(isolated.groups) do
    lu.assertNil((group.refused or group.idle or ""):find("['\n]"))
    for name in ((group.refused or group.idle) and "" or group[1]):gmatch("%S+") do
      lu.assertStrMatches(isolated.program(), ".*\n[%l|]*%f[%l]" .. name .. "%f[^%l][%l|]*%)\n.*")
    end
  end
end

-- What ksh88 and the programs of AIX do not have.
function TestIsolated:test_it_is_held_against_the_contract_of_aix_commands()
  require "altmig.cmd.lab"
  local text = isolated.program():gsub("\n%s*[%w|?]+%)\n", "\n") -- labels of a case are no commands
  lu.assertEquals(require("lab.contract").check_script(text), {})
end
