-- SPDX-License-Identifier: MIT
-- A whole migration in the lab: output, result, resume after a kill in each of the long phases, and
-- the troubles that must end in a clear error with nothing half-done called done.

local lu = require "luaunit"
local json = require "altmig.json"
local sys = require "altmig.sys"
local lab = require "lab_driver"

local client, master = lab.client, lab.master

-- Files of the running rootvg that the clone's own bookkeeping changes, and logs.
local bookkeeping = {
  "/image.data", "/bosinst.data", "/etc/objrepos", "/etc/filesystems", "/etc/xtab", "/etc/exports", "/etc/rmtab",
  "/etc/.xtab.lock", "/var/adm",
  "/alt_inst", "/ALT_MIG_SPOT", "/proc", "/dev", "/tmp", "/var/tmp",
}

local digest_script = [[
local tree = require "altmig.tree"
local t = assert(tree.at("/"))
local list = assert(t:digest_list("/", { exclude = { %s } }))
local lines = {}
for path, hex in pairs(list) do lines[#lines + 1] = path .. " " .. hex end
table.sort(lines)
io.write(table.concat(lines, "\n"), "\n")
]]

--- One line a file of a running host: path and digest.
local function digest(host, exclude)
  local words = {}
  for _, path in ipairs(exclude) do words[#words + 1] = ("%q, %q"):format(path, path .. "/*") end
  local script = digest_script:format(table.concat(words, ", "))
  local status, out, problem = lab.altmig({ "lab", "ssh", host,
    "cat > /tmp/digest.lua && /usr/lpp/lab/bin/aixlua /tmp/digest.lua; s=$?; rm -f /tmp/digest.lua; exit $s" }, { stdin = script })
  lu.assertEquals(status, 0, out .. problem)
  return out
end

--- What differs between two digests, as a list of lines.
local function differences(a, b)
  local function set(text)
    local paths = {}
    for path, hex in text:gmatch("([^\n]+) (%x+)\n") do paths[path] = hex end
    return paths
  end
  local x, y, list = set(a), set(b), {}
  for path, hex in pairs(x) do
    if y[path] ~= hex then list[#list + 1] = (y[path] and "changed " or "gone ") .. path end
  end
  for path in pairs(y) do
    if not x[path] then list[#list + 1] = "new " .. path end
  end
  table.sort(list)
  return table.concat(list, "\n")
end

local function assert_required_lines(output)
  local at = 1
  local lines = {}
  for line in (output .. "\n"):gmatch("(.-)\n") do lines[#lines + 1] = line end
  for wanted in io.lines(DATA_DIR .. "/nimadm-lines.txt") do
    local found
    for i = at, #lines do
      if lines[i] == wanted then
        found = i
        break
      end
    end
    lu.assertNotNil(found, ("line missing or out of order: %s\nafter line %d: %s"):format(wanted, at, lines[at - 1] or "-"))
    at = found + 1
  end
end

local function assert_nothing_left()
  lu.assertNotStrContains(lab.on(client, "exportfs"), "/alt_inst")
  lu.assertNotStrContains(lab.on(master, "exportfs"), "spot_AIX72TL5")
  lu.assertNotStrContains(lab.on(client, "mount"), "/alt_inst")
  lu.assertNotStrContains(lab.on(client, "mount"), "ALT_MIG_SPOT")
  lu.assertNotStrContains(lab.on(master, "mount"), "_alt/alt_inst")
  lu.assertEquals(lab.on(client, "ls /var/adm/ras/alt_mig/jobs 2>/dev/null; ls /var/adm/ras/alt_mig/lock 2>/dev/null; :"), "")
  lu.assertEquals(lab.on(master, "ls /var/adm/ras/alt_mig/jobs 2>/dev/null; :"), "")
end

-- Every command that the run sent has its record, scripts with their text, and no password hash is among them.
local function assert_recorded()
  local text = lab.must("exec", "sh", "-c", 'cat "$ALTMIG_STATE/' .. client .. '/commands.jsonl"')
  local count, roles, jobs = 0, {}, {}
  for line in text:gmatch("[^\n]+") do
    local record = json.decode(line)
    count = count + 1
    lu.assertEquals(record.record, count)
    -- Of an archive that is only looked into no end is seen.
    lu.assertNotNil(record.status or record.signal or record.error or record.stdout_private, line)
    lu.assertEquals(record.argv[1] == "sh" and record.argv[2] == "-s", record.script ~= nil, line)
    lu.assertNotNil(record.env.ODMDIR, line)
    roles[record.role] = true
    if record.job then jobs[#jobs + 1] = record.argv[1] == "sh" and record.argv[3] or record.argv[1] end
  end
  lu.assertTrue(count > 100, tostring(count))
  lu.assertEquals(roles, { client = true, master = true })
  lu.assertTrue(table.concat(jobs, " "):find("alt_disk_copy", 1, true) ~= nil, table.concat(jobs, " "))
  for hash in lab.on(client, "cat /etc/security/passwd"):gmatch("password = (%S%S%S%S%S+)") do
    lu.assertNil(text:find(hash, 1, true))
  end
end

local function migrate(...)
  local words = { ... }
  return lab.engine("nimadm", table.move(lab.flags, 1, #lab.flags, #words + 1, words))
end

local kept_passwd_lines

TestMigrationInTheLab = {}

lab.fresh_for_each(TestMigrationInTheLab)

local set_up = TestMigrationInTheLab.setUp
function TestMigrationInTheLab:setUp()
  set_up(self)
  kept_passwd_lines = lab.on(client, "grep -v '^#' /etc/passwd")
end

-- The digest of an undisturbed migrated system, for the tests that disturb one.
local undisturbed

-- Classes are compared decoded, without the times of history and _scratch state of their files.
local odm_text = [[
for class in lpp product inventory history PdDv PdAt fix sm_menu_opt; do ODMDIR=/usr/lib/objrepos odmget $class; done
for class in lpp product inventory history SRCsubsys Config_Rules SWservAt CuDv CuDep; do ODMDIR=/etc/objrepos odmget $class; done
]]

-- What altmig makes in a copy and does not mean to leave there.
local leftovers = "ls -d /ALT_MIG_* /.altmig* /tmp/.altmig /tmp/alt_mig* /var/adm/ras/alt_mig* 2>/dev/null; "
  .. "find / -path /proc -prune -o -name '*.altmig-*' -print; :"

-- As a run that was killed long ago would have left it in the running rootvg, links of somebody else among it.
local plant = "mkdir -p /ALT_MIG_IMAGES /var/adm/ras/alt_mig/restore; ln -s /etc /tmp/.altmig; "
  .. "for f in /.altmig_probe /etc/.passwd.altmig-new /var/adm/ras/alt_mig/restore/libc.a; do echo old >$f; done; "
  .. "echo old >/var/adm/ras/alt_mig/" .. client .. ".image_data"

-- Paths of the migrated system that neither the old one had nor the new release brings, but what stays on purpose.
local function unexplained(old, new)
  local known = { ["/image.data"] = true, ["/var/adm/ras/alt_disk_inst.log"] = true, ["/etc/rc.security.boot"] = true,
    ["/var/adm/sw/tcp.client.configured"] = true } -- of alt_disk_copy, the bos image, and installp's scripts
  for path in old:gmatch("[^\n]+") do known[path] = true end
  local list = {}
  for path in new:gmatch("[^\n]+") do
    local brought = path:match("^/usr/") or path:match("^/dev/") or path:match("^/lpp/")
    if not known[path] and not brought then list[#list + 1] = path end
  end
  return list
end

local function boot_and_digest()
  local out = lab.must("boot", client, "--power")
  lu.assertStrContains(out, "7200-05-06")
  lu.assertEquals(lab.on(client, leftovers), "")
  lu.assertStrContains(lab.on(client, "oslevel -s"), "7200-05-06")
  local files = digest(client, { "/proc", "/dev", "/tmp", "/var/tmp", "/var/adm", "/alt_inst", "/ALT_MIG_SPOT",
    "/etc/objrepos", "/usr/lib/objrepos", "/usr/share/lib/objrepos", "/image.data",
    -- saved classes and their list, and the mark: they hold the identifiers alt_disk_copy gave the target disk
    "/lpp/save.config/etc/objrepos", "/lpp/save.config/.altmig/new/etc/objrepos", "/lpp/save.config/.altmig/manifest.json",
    "/lpp/save.config/.altmig/installp.log", -- times and process ids
    "/lpp/save.config/.altmig/new.json", "/lpp/save.config/.altmig/owner" })
  local classes = lab.on(client, odm_text):gsub("\n\ttime = %d+", "")
  lu.assertStrContains(classes, "bos.mp64")
  return files .. ("ODM %s\n"):format(sys.sha256(classes)), classes
end

local function assert_no_findings()
  local status, out, problem = lab.engine("altmig", { "check", table.unpack(lab.flags, 1, #lab.flags - 1) })
  lu.assertEquals({ status, out }, { 0, ("altmig check: %s: 0 inhibitors, 0 warnings\n"):format(client) }, problem)
end

-- The client runs from the copy: a cleanup changes nothing, and old_rootvg is the way back.
local function assert_booted_copy_is_kept()
  lu.assertStrMatches(lab.on(client, "ls -ld /lpp/save.config/.altmig /lpp/save.config/.altmig/owner"),
    "drwx%-%-%-%-%-%- .*\n%-rw%-%-%-%-%-%-%- .*owner\n")
  lab.on(client, "bootlist -m normal hdisk0")
  local before = lab.on(client, "lspv; mount; exportfs; bootlist -m normal -o")
  for _, words in ipairs { {}, { "-F" }, { "--disk", "hdisk0", "--yes" } } do
    local status, out, problem = lab.engine("nimadm", { "-C", "-c", client, "-s", "spot_AIX72TL5", table.unpack(words) })
    lu.assertEquals(status, 1, out .. problem)
    lu.assertStrContains(problem, "runs from the copy that altmig made")
    lu.assertStrContains(problem, "old_rootvg on hdisk0 is the way back")
    lu.assertEquals(lab.on(client, "lspv; mount; exportfs; bootlist -m normal -o"), before)
  end
  local _, out = lab.engine("altmig", { "check", table.unpack(lab.flags, 1, #lab.flags - 1) })
  lu.assertStrContains(out, "info: adachi-AIX7: hdisk0: your way back")
  lu.assertNotStrContains(out, "-X old_rootvg")
end

-- The booted client against what was recorded before phase 1: the lab's 7.2 lists one tunable less. Defaults of disks
-- are the site's as long as nobody knows what the old level had: they do not change.
local function assert_values_are_told()
  local status, out, problem = lab.engine("altmig", { "verify", client, "--values" })
  lu.assertEquals({ status, out }, { 1, "no tcp_pmtu_discover: 1 before, not there now\naltmig verify: " .. client
    .. ": 1 value differs\n" }, problem)
  lu.assertStrContains(lab.on(client, "ioo -a"), "j2_inodeCacheSize = 400")
end

-- What removal scripts of obsolete filesets look for: on the client something of it is gone already, and an entry of
-- inittab is changed, as one that is as it was shipped is gone with the merge of phase 5.
local prepare_client = "odmdelete -o SRCsubsys -q subsysname=glbd; rmitab mkatmpvc; "
  .. "chitab 'atmsvcd:2:once:/usr/sbin/atmsvcd -v'"

-- The executor has it too, and a process whose number is in a file of the client.
local look_at_executor = "odmget SRCsubsys; cat /etc/inittab; ls -l /etc/inittab; lssrc -a; ps -e -o pid,comm | grep sleep; lsdev -C; errpt"

local function prepare_executor()
  lab.on(master, "printf 'SRCsubsys:\\n\\tsubsysname = \"glbd\"\\n\\tgrpname = \"ncs\"\\n\\tpath = \"/x\"\\n' >/tmp/s; "
    .. "odmadd /tmp/s; mkitab 'mkatmpvc:2:once:/usr/bin/true'; mkitab 'atmle:2:once:/usr/bin/true'")
  local pid = lab.on(master, "nohup sleep 900 >/dev/null 2>&1 & echo $!"):match("%d+")
  lab.on(client, ("echo %s >/var/adm/ras/atm.pid; %s"):format(pid, prepare_client))
  return lab.on(master, look_at_executor)
end

local function assert_obsolete_removed(before)
  lu.assertEquals(lab.on(master, look_at_executor .. "; ls -d /*_alt 2>/dev/null; :"), before)
  local entries = {}
  local report = lab.must("exec", "sh", "-c", "cat $ALTMIG_STATE/" .. client .. "/report.json")
  for _, entry in ipairs(json.decode(report).entries) do
    if entry.method == "installp -u" then entries[#entries + 1] = ("%s %s: %s"):format(entry.severity, entry.key, entry.rule) end
  end
  local text = table.concat(entries, "\n") .. "\n"
  for _, line in ipairs { "warning bos.net.ncs: its scripts say: Can not remove the glbd subsystem\n",
    "warning devices.common.IBM.atm.rte: its scripts say: "
      .. 'WARNING: rmitab failed! Unable to remove "mkatmpvc" entry from /etc/inittab.\n',
    "devices.common.IBM.atm.rte.unconfig[17]: /etc/atm.defs: ", "devices.common.IBM.atm.rte: its scripts say: sum: ",
    "warning devices.common.IBM.atm.rte: its scripts ran: kill -9 ",
    "warning devices.common.IBM.atm.rte: its scripts ran: cfgmgr was refused",
    "note devices.common.IBM.atm.rte: its scripts ran: rmitab atmle: there is no such entry in the copy, which counts as done\n",
    "note bos.net.ncs: removed: AIX 7.2 no longer has it" } do
    lu.assertStrContains(text, line)
  end
  lu.assertNotStrContains(text, '"atmsvcd"') -- the site's own line is kept by the merge: it was there, and went
end

local function assert_gone_from_copy()
  local _, out = lab.try_on(client, "lslpp -lqc | egrep 'bos.net.ncs|IBM.atm'; egrep 'atm|mkatmpvc' /etc/inittab; "
    .. "odmget SRCsubsys | grep lbd; cd /usr; ls -d lib/ncs/bin/glbd sbin/atmsvcd lpp/bos.net/deinstl/bos.net.ncs.unconfig 2>/dev/null")
  lu.assertEquals(out, "")
  lu.assertEquals(lab.on(client, "lppchk -v && lppchk -f && grep acme: /etc/inittab && lssrc -s acmed | wc -l"),
    "acme:2:once:/opt/acme/bin/start >/dev/console 2>&1 # ACME tools\n       2\n")
end

function TestMigrationInTheLab:test_1_complete_run()
  local executor = prepare_executor()
  lab.on(client, plant)
  local paths = lab.on(client, "find / -path /proc -prune -o -print")
  local before = digest(client, bookkeeping)
  local status, out, problem = migrate()
  lu.assertEquals(status, 0, out .. problem)
  assert_required_lines(out)
  assert_nothing_left()
  assert_recorded()
  assert_obsolete_removed(executor)
  lu.assertEquals(differences(before, digest(client, bookkeeping)), "")
  lu.assertStrContains(lab.on(client, "oslevel -s"), "7100-05-03")
  lu.assertStrContains(lab.on(client, "bootlist -m normal -o"), "hdisk2 blv=hd5")
  lu.assertStrContains(lab.must("boot", client, "--disk", "hdisk0"), "7100-05-03")

  local undisturbed_classes
  undisturbed, undisturbed_classes = boot_and_digest()
  assert_gone_from_copy()
  lu.assertEquals(unexplained(paths, lab.on(client, "find / -path /proc -prune -o -print")), {})
  lu.assertStrContains(undisturbed_classes, "devices.chrp.base.rte")
  local passwd = lab.on(client, "cat /etc/passwd")
  for line in kept_passwd_lines:gmatch("[^\n]+") do
    lu.assertStrContains(passwd, line:match("^[^:]*:[^:]*:[^:]*:[^:]*:"))
  end
  lu.assertStrContains(passwd, "\nahafsadm:*:209:0:") -- new in 7.2
  lu.assertNotStrContains(passwd, "\nsrvproxy:") -- its uid is taken by an account of the site
  assert_values_are_told()
  assert_booted_copy_is_kept()
end

-- Runs the program until a line appears in its log, and kills it there.
local function kill_run_at(line, program, argv)
  local output = os.tmpname() -- of its own: an earlier one holds the line already
  local pid = lab.engine_spawn(program, argv, output)
  local deadline = sys.time() + 120
  while true do
    local text = sys.read_file(output) or ""
    if text:find(line, 1, true) then break end
    lu.assertTrue(sys.time() < deadline, "never came to: " .. line .. "\n" .. text:sub(-2000))
    lu.assertEquals(sys.wait(pid, true) and "ended" or "running", "running", text:sub(-2000))
    sys.sleep(0.02)
  end
  lab.kill(pid)
  local status, out = lab.engine("altmig", { "status" })
  lu.assertEquals(status, 0)
  lu.assertStrContains(out, client .. ": stopped")
end

--- Kills the engine when a line appears in its log, its resumes when others do, then resumes.
local function kill_at(line, ...)
  lab.on(client, prepare_client)
  kill_run_at(line, "nimadm", lab.flags)
  for _, other in ipairs { ... } do kill_run_at(other, "altmig", { "resume", client }) end
  local status, out, problem = lab.engine("altmig", { "resume", client })
  lu.assertEquals(status, 0, out .. problem)
  assert_nothing_left()
  lu.assertEquals(lab.on(master, "ls -d /*_alt 2>/dev/null; :"), "")
  local again = boot_and_digest()
  if undisturbed then lu.assertEquals(differences(undisturbed, again), "") end
end

function TestMigrationInTheLab:test_2_killed_in_phase_5_during_the_restore()
  kill_at("Restoring base operating system.")
end

function TestMigrationInTheLab:test_2_killed_in_phase_5_during_the_merges()
  kill_at("Running migration merge method: passwd_mig.")
end

function TestMigrationInTheLab:test_2_killed_in_phase_6()
  kill_at("installp: DEINSTALLING software for:", "Installing software with the installp installer.")
end

function TestMigrationInTheLab:test_2_killed_in_phase_8()
  kill_at("Writing boot image to client's alternate boot disk hdisk2.")
end

function TestMigrationInTheLab:test_3_a_file_system_unmounted_under_its_export_is_never_written()
  local status, out, problem = migrate("-P", "1,2,3,4")
  lu.assertEquals(status, 0, out .. problem)
  local _
  local before = digest(client, bookkeeping)
  lab.must("scenario", "alt-unmounted")
  status, _, problem = lab.engine("altmig", { "resume", client })
  lu.assertEquals(status, 1)
  lu.assertStrContains(problem, "ALT_NOT_MOUNTED")
  lu.assertStrContains(problem, "/alt_inst/usr")
  lu.assertEquals(lab.on(client, "ls -A /alt_inst/usr"), "")
  lu.assertEquals(differences(before, digest(client, bookkeeping)), "")
end

function TestMigrationInTheLab:test_4_cleanup_takes_everything_away()
  local status, out, problem = migrate("-P", "1,2,3,4,5")
  lu.assertEquals(status, 0, out .. problem)
  status, out, problem = lab.engine("nimadm", { "-C", "-c", client, "-s", "spot_AIX72TL5" })
  lu.assertEquals(status, 0, out .. problem)
  assert_nothing_left()
  lu.assertStrMatches(lab.on(client, "lspv | grep hdisk2"), "hdisk2%s+%S+%s+None%s*")
  lu.assertStrContains(lab.on(client, "bootlist -m normal -o"), "hdisk0 blv=hd5")
  lu.assertStrContains(lab.must("boot", client), "7100-05-03")
  lu.assertNotStrContains(lab.on(client, "lquerypv -h /dev/hdisk2 E00 10"), "_LVM")
  assert_no_findings()

  -- Removed by hand, its record is still on the disk; the journal knows whose that was.
  status, out, problem = migrate("-P", "1")
  lu.assertEquals(status, 0, out .. problem)
  lab.on(client, "/ALT_MIG_SPOT/sbin/alt_rootvg_op -X altinst_rootvg")
  status, out, problem = lab.engine("altmig", { "cleanup", client })
  lu.assertEquals(status, 0, out .. problem)
  lu.assertStrContains(lab.on(client, "lquerypv -h /dev/hdisk2 E00 10"), "_LVM")
  assert_no_findings()
end

function TestMigrationInTheLab:test_4_killed_in_phase_1_the_copy_is_known_all_the_same()
  local pid = lab.engine_spawn("nimadm", lab.flags, os.tmpname())
  local deadline = sys.time() + 120
  repeat
    sys.sleep(0.02)
    lu.assertTrue(sys.time() < deadline)
  until lab.on(client, "lspv"):find("altinst_rootvg", 1, true)
  lab.kill(pid)
  local status, out, problem = lab.engine("nimadm", { "-C", "-c", client, "-s", "spot_AIX72TL5" })
  lu.assertEquals(status, 0, out .. problem)
  assert_nothing_left()
  lu.assertStrMatches(lab.on(client, "lspv | grep hdisk2"), "hdisk2%s+%S+%s+None%s*")
  assert_no_findings()
end

function TestMigrationInTheLab:test_5_bad_input_ends_in_a_clear_error_and_changes_nothing()
  local before = lab.on(client, "lspv; mount; exportfs")
  local function refused(want_status, text, flags)
    local status, out, problem = lab.engine("nimadm", flags)
    lu.assertEquals(status, want_status, out .. problem)
    lu.assertStrContains(out .. problem, text)
    lu.assertEquals(lab.on(client, "lspv; mount; exportfs"), before)
  end
  local function flags(change)
    local list = { table.unpack(lab.flags) }
    for i = 1, #list do list[i] = change[list[i]] or list[i] end
    return list
  end
  refused(1, "no client named 'nobody'", flags { [client] = "nobody" })
  refused(1, "no lpp_source named 'nope'", flags { lpp_source_AIX72TL5 = "nope" })
  refused(1, "no spot named 'nope'", flags { spot_AIX72TL5 = "nope" })
  refused(3, "there is no disk hdisk9", flags { hdisk2 = "hdisk9" })
  refused(3, "volume group assigned to it: datavg", flags { hdisk2 = "hdisk1" })
  refused(2, "flag -j is not supported yet", { "-j", "vg", table.unpack(lab.flags) })

  lab.on(master, "cp -p /export/nim/lpp_source/AIX72TL5/installp/ppc/bos /tmp/bos.keep")
  lab.on(master, "cd /export/nim/lpp_source/AIX72TL5/installp/ppc && dd if=/tmp/bos.keep of=bos bs=512 count=200 2>/dev/null")
  local status, out, problem = migrate()
  lu.assertEquals(status, 1, out .. problem)
  lu.assertStrContains(problem, "TRUNCATED")
  lu.assertStrContains(problem, "offset 0x19000")
  lu.assertStrContains(problem, "phase 5")
  lab.on(master, "cp -p /tmp/bos.keep /export/nim/lpp_source/AIX72TL5/installp/ppc/bos")
  status, out, problem = lab.engine("altmig", { "resume", client })
  lu.assertEquals(status, 0, out .. problem)
end
