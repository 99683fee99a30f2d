-- SPDX-License-Identifier: MIT
-- A dry run changes nothing and foretells what the migration then decides; the report in its three forms;
-- :diff at the prompt of a half-done migration.

local aix = require "altmig.aix.output"
local json = require "altmig.json"
local lu = require "luaunit"
local sys = require "altmig.sys"
local lab = require "lab_driver"

local client, master = lab.client, lab.master

-- Everything with owner, mode, time and content, but for what a kernel or the digest itself makes.
local digest_script = [[
local t = assert(require("altmig.tree").at("/"))
print(assert(t:digest("/", { exclude = { "/proc", "/proc/*", "/dev", "/dev/*", "/tmp", "/tmp/*" }, times = true })))
]]

local function digest(host)
  local status, out, problem = lab.altmig({ "lab", "ssh", host,
    "cat > /tmp/digest.lua && /usr/lpp/lab/bin/aixlua /tmp/digest.lua; s=$?; rm -f /tmp/digest.lua; exit $s" }, { stdin = digest_script })
  lu.assertEquals(status, 0, out .. problem)
  return out
end

local function with_flags(...)
  local words = { ... }
  return table.move(lab.flags, 1, #lab.flags, #words + 1, words)
end

-- What was decided where, without what only a real run has.
local function decisions(entries)
  local list = {}
  for _, e in ipairs(entries) do
    if e.file and e.method then
      list[#list + 1] = table.concat({ e.method, e.file, e.key or "-", e.attribute or "-", e.chosen or "-", e.severity, e.rule }, "|")
    end
  end
  table.sort(list)
  return list
end

local foretold, planned

TestReportInTheLab = {}

function TestReportInTheLab:setupClass()
  if sys.getuid() == 0 then lab.up() end
end

function TestReportInTheLab:teardownClass() lab.down() end

function TestReportInTheLab:setUp() lab.require_root() end

function TestReportInTheLab:test_0_the_index_is_the_same_through_ssh_and_over_nfs()
  local dir = "/export/nim/lpp_source/AIX72TL5"
  local function index(word)
    local status, out, problem = lab.engine("altmig", { "installp", "index", word })
    lu.assertEquals({ status, problem }, { 0, "" })
    return out
  end
  local through_ssh = index "lpp_source_AIX72TL5"
  lu.assertStrMatches(through_ssh, "FILESET +LEVEL +TYPE +IMAGE\n.*\nbos.rte +7.2[%d.]+ +I +installp/ppc/bos\n.*")
  lu.assertEquals(index "lpp_source_AIX72TL5", through_ssh, "what is remembered")
  lab.on(master, "exportfs -i -o ro,access=10.77.0.1,root=10.77.0.1 " .. dir)
  lu.assertEquals(index("nfs://adachi-nim" .. dir), through_ssh)
  lab.on(master, "exportfs -u " .. dir)
  -- A table of contents, on the master: an entry for each image.
  local status, out, problem = lab.engine("altmig", { "installp", "index", "--toc", "lpp_source_AIX72TL5" })
  lu.assertEquals(status, 0, problem)
  local count = out:match("installp/ppc/%.toc has (%d+) images\n$")
  local entries = lab.on(master, ("grep -c ' 4 R [IS] ' %s/installp/ppc/.toc; ls -ln %s/installp/ppc/.toc"):format(dir, dir))
  lab.on(master, ("rm %s/installp/ppc/.toc"):format(dir))
  lu.assertStrMatches(entries, count .. "\n%-rw%-r%-%-r%-%- .*")
end

function TestReportInTheLab:test_1_a_dry_run_changes_nothing()
  local before = { digest(client), digest(master), lab.on(client, "lspv; exportfs; mount"), lab.on(master, "exportfs; mount") }
  local status, out, problem = lab.engine("altmig", with_flags("migrate", "--dry-run"))
  lu.assertEquals(status, 0, out .. problem)
  lu.assertStrContains(out, "altmig check: adachi-AIX7: 0 inhibitors")
  lu.assertStrContains(out, "--- /etc/security/user (yours)")
  lu.assertStrMatches(out, ".*@@\n# [^\n]+%[user_mrg%]\n.*")
  lu.assertStrContains(out, "To do by hand")
  local json_out
  status, json_out, problem = lab.engine("altmig", with_flags("migrate", "--dry-run", "--json"))
  lu.assertEquals(status, 0, problem)
  for line in json_out:gmatch("[^\n]+") do
    local event = assert(json.decode(line))
    if event.event == "dry_run" then foretold = decisions(event.entries) end
    if event.event == "software_plan" then planned = event end
  end
  lu.assertEquals({ #planned.failed, #planned.held }, { 0, 0 })
  lu.assertStrMatches(out,
    ".*\nmigrate +bos.net.tcp.client +7.1[%d.]+ +7.2[%d.]+ +installp/ppc/bos.net.*\naltmig: phase 6: %d+ to install, 0.*")
  for _, user in ipairs { "root", "jdoe" } do
    local hash = lab.on(client, "cat /etc/security/passwd"):match("\n?" .. user .. ":\n%s+password = (%S%S%S%S+)")
    if hash then lu.assertNotStrContains(out .. json_out, hash) end
  end
  lu.assertEquals({ digest(client), digest(master), lab.on(client, "lspv; exportfs; mount"), lab.on(master, "exportfs; mount") }, before)
  status = lab.engine("altmig", { "report", client })
  lu.assertEquals(status, 1, "a dry run leaves no state")
end

function TestReportInTheLab:test_2_the_prompt_shows_differences_after_phase_5()
  local status, out, problem = lab.engine("nimadm", with_flags("-P", "1,2,3,4,5"))
  lu.assertEquals(status, 0, out .. problem)
  status, out, problem = lab.engine("altmig", { "repl", client },
    { stdin = ":diff\n:diff /etc/security/user\n:diff /etc/hosts\n:diff /nowhere\n" })
  lu.assertEquals(status, 0, out .. problem)
  lu.assertStrContains(out, "files differ from what was saved")
  lu.assertStrMatches(out, ".*%+ +%d+ %-  merge +/etc/security/user\n.*")
  lu.assertStrContains(out, "+++ /etc/security/user (merged, and in the copy)")
  lu.assertStrContains(out, "the merge gives what was saved")
  lu.assertStrContains(problem, "NOT_SAVED")
end

function TestReportInTheLab:test_3_verify_finds_what_somebody_changed_in_the_copy()
  local status, out, problem = lab.engine("nimadm", with_flags("-P", "6"))
  lu.assertEquals(status, 0, out .. problem)
  lu.assertStrMatches(out, ".*\naltmig: software verified: %d+ filesets, all consistent%.\n.*")
  -- What installp did is what was planned, and nothing besides.
  local levels, wanted, there = {}, {}, lab.on(client, "chroot /alt_inst /usr/bin/lslpp -lqc")
  for _, row in ipairs(aix.lslpp_lqc(there)) do levels[row.fileset] = row.level end
  for _, row in ipairs(planned.left) do wanted[row.fileset] = row.level end
  for _, step in ipairs(planned.steps) do wanted[step.fileset] = step.level end
  lu.assertEquals(levels, wanted)
  local exports = lab.on(client, "exportfs")
  status, out, problem = lab.engine("altmig", { "verify", client })
  lu.assertEquals(status, 0, out .. problem)
  lu.assertStrMatches(out, ".*altmig verify: adachi%-AIX7: %d+ filesets and %d%d%d+ files looked at, all as the software database says\n")
  lab.on(client, "cd /alt_inst/usr/sbin && cp -p lsattr /tmp/lsattr && echo '# more' >>lsattr && mv lsdev lsdev.away")
  status, out, problem = lab.engine("altmig", { "verify", client })
  lu.assertEquals(status, 1, problem)
  lu.assertStrMatches(out, ".*/usr/sbin/lsattr: its size is %d+; the inventory of bos.rte says %d+\n/usr/sbin/lsdev: is not there %(.*")
  lu.assertStrContains(out, "2 differences\n")
  status, out, problem = lab.engine("altmig", { "verify", client, "--json" })
  lu.assertEquals(status, 1, problem)
  local found = assert(json.decode(out))
  lu.assertEquals({ found.files[1].what, found.files[2].what, #found.files, #found.filesets }, { "size", "missing", 2, 0 })
  lu.assertEquals(lab.on(client, "exportfs"), exports, "what was exported stays, and nothing else")
  lab.on(client, "cd /alt_inst/usr/sbin && cp -p /tmp/lsattr lsattr && rm /tmp/lsattr && mv lsdev.away lsdev")
  lu.assertEquals((lab.engine("altmig", { "verify", client })), 0)
end

function TestReportInTheLab:test_4_the_report_of_the_migration_is_what_was_foretold()
  local status, out, problem = lab.engine("altmig", { "resume", client, "--report", "/tmp/altmig-e2e-report.html" })
  lu.assertEquals(status, 0, out .. problem)
  lu.assertStrMatches(out, ".*altmig: %d+ conflicts, %d+ to do by hand: altmig report adachi%-AIX7 .*")
  local page = sys.read_file("/tmp/altmig-e2e-report.html")
  sys.remove("/tmp/altmig-e2e-report.html")
  local document
  status, out, problem = lab.engine("altmig", { "report", client, "--json" })
  lu.assertEquals(status, 0, problem)
  document = assert(json.decode(out))
  lu.assertEquals(document.state.state, "complete")
  lu.assertStrContains(document.head.levels.client, "7100-05-03")
  local found = {}
  for _, entry in ipairs(document.entries) do
    if entry.method ~= "preflight" and entry.phase == 5 then found[#found + 1] = entry end
  end
  lu.assertEquals(decisions(found), foretold)
  status, out, problem = lab.engine("altmig", { "report", client })
  lu.assertEquals(status, 0, problem)
  for _, title in ipairs { "Kept from you (", "New from the release (", "Conflicts (", "To do by hand (" } do
    lu.assertStrContains(out, title)
  end
  status, out, problem = lab.engine("altmig", { "report", client, "--html" })
  lu.assertEquals(status, 0, problem)
  lu.assertStrMatches(out, "<!DOCTYPE html>.*</html>\n")
  lu.assertEquals(page, out)
  lu.assertEquals((lab.engine("altmig", { "cleanup", client })), 0)
  status, out = lab.engine("altmig", { "report", client })
  lu.assertEquals(status, 0)
  lu.assertStrContains(out, "cleaned up")
end
