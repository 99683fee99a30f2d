-- SPDX-License-Identifier: MIT
-- What becomes of configuration files in the lab: one file of every policy edited on the client, its
-- migration up to phase 6, and what is active, what is saved and what is told of each; without and with
-- the images of the old level (--baseline).

local lu = require "luaunit"
local json = require "altmig.json"
local sys = require "altmig.sys"
local lab = require "lab_driver"

local client, master = lab.client, lab.master
local save = "/lpp/save.config"
local old_images = "lpp_source_AIX71TL5"

-- A line of the site's at the end of each.
local edited = {
  preserve = "/etc/syslog.conf", hold_new = "/etc/rc.powerfail", user_merge = "/etc/rc", new = "/etc/rc.bootc",
  auto_merge = "/etc/dlpi.conf", unlisted = "/etc/resolv.conf.sample", of_fileset = "/etc/niminfo.sample",
  program = "/usr/lib/ras/autoload/ras.fmt", program_of_fileset = "/usr/lib/perf/cfg_perfstat",
}
local merged = "/etc/secvars.cfg" -- by a method; the site removes a stanza of the vendor's and adds its own
local untouched = "/etc/xtiso.conf" -- by a method; the software database knows that nobody changed it

local site_secvars = "efssharedkeys:\n\tefssharedkeys = false\n\nacme:\n\tlevel = 3\n"

TestPolicyInTheLab = {}

function TestPolicyInTheLab:setupClass()
  if sys.getuid() ~= 0 then return end
  lab.up()
  for _, path in pairs(edited) do lab.on(client, ("echo '# of the site' >> %s"):format(path)) end
  lab.must("scenario", "vendor-fileset", "unlicensed")
  lab.on(client, ("printf '%s' > %s"):format(site_secvars:gsub("\n", "\\n"):gsub("\t", "\\t"), merged))
  -- Links in the place of files that the image brings.
  lab.on(client, "mv /etc/motd /etc/motd.site && ln -s motd.site /etc/motd && ln -s rc /etc/rc.security.boot")
  -- And one in the place of a file that a method merges.
  lab.on(client, "mkdir -p /opt/site && mv /etc/vfs /opt/site/vfs && chmod 600 /opt/site/vfs && ln -s /opt/site/vfs /etc/vfs")
  lab.on(client, "echo 'acmefs 40 none none' >> /opt/site/vfs")
  -- The pristine copies of what the methods merge are gone, as on systems that dropped them.
  lab.on(client, ("rm /usr/lpp/bos/inst_root%s /usr/lpp/bos/inst_root%s"):format(merged, untouched))
end

function TestPolicyInTheLab:teardownClass() lab.down() end

function TestPolicyInTheLab:setUp()
  lab.require_root()
  if self.used then
    local status, out, problem = lab.engine("nimadm", { "-C", "-c", client, "-s", "spot_AIX72TL5" })
    lu.assertEquals(status, 0, out .. problem)
  end
  self.used = true
end

local function migrate(...)
  local words = { "migrate", ... }
  return lab.engine("altmig", table.move(lab.flags, 1, #lab.flags, #words + 1, words))
end

-- Up to phase 6, in two calls: the second one has its baseline from the journal.
local function run(...)
  local status, out, problem = migrate("-P", "1,2,3,4", ...)
  lu.assertEquals(status, 0, out .. problem)
  status, out, problem = migrate("-P", "5,6")
  lu.assertEquals(status, 0, out .. problem)
end

local function of_copy(path) return lab.on(client, "cat /alt_inst" .. path) end

-- The manifest by path.
local function manifest()
  local entries = {}
  for _, entry in ipairs(json.decode(of_copy(save .. "/.altmig/manifest.json")).files) do entries[entry.path] = entry end
  return entries
end

-- The report's entries of a file that are no record's: "severity: rule".
local function told(path)
  local status, out, problem = lab.engine("altmig", { "report", client, "--json" })
  lu.assertEquals(status, 0, out .. problem)
  local list = {}
  for _, entry in ipairs(json.decode(out).entries) do
    if entry.file == path and not entry.key then list[#list + 1] = entry.severity .. ": " .. entry.rule end
  end
  return table.concat(list, "\n"), out
end

local function assert_told(path, severity, ...)
  local text = told(path)
  lu.assertStrContains("\n" .. text, "\n" .. severity .. ": ")
  for _, words in ipairs { ... } do lu.assertStrContains(text, words) end
  local log = lab.altmig { "lab", "exec", "sh", "-c", ("grep -q 'altmig: %s: ' \"$ALTMIG_STATE/%s_alt_mig.log\""):format(path, client) }
  lu.assertEquals(log, 0, path .. " is not in the log")
end

local function is_ours(text) return text:find("# of the site", 1, true) ~= nil end

local function assert_live(path, ours) lu.assertEquals(is_ours(of_copy(path)), ours, path) end
local function assert_saved(path) lu.assertTrue(is_ours(of_copy(save .. path)), path) end
local function assert_new_kept(path) lu.assertFalse(is_ours(of_copy(save .. "/.altmig/new" .. path)), path) end

-- The files of a fileset that installp handles in phase 6, one for each keyword.
local function assert_of_fileset()
  local dir, lines = "/etc/acme/", { new = "acme.cfg 2.0.0.0", old = "acme.cfg 1.0.0.0" }
  local function holds(name, level, site)
    local text = of_copy(dir .. name .. ".conf")
    lu.assertEquals({ text:find(lines[level], 1, true) ~= nil, text:find("site = 1", 1, true) ~= nil }, { true, site }, name)
  end
  holds("preserve", "old", true)
  holds("hold_new", "old", true)
  assert_told(dir .. "hold_new.conf", "note", "fileset acme.cfg.rte (hold_new): yours is active, the new one is in " .. save)
  lu.assertStrContains(of_copy(save .. dir .. "hold_new.conf"), lines.new)
  holds("auto_merge", "new", true)
  assert_told(dir .. "auto_merge.conf", "note", "fileset acme.cfg.rte (merge): merged by the fileset's own script, yours is in "
    .. save .. "/.altmig/site" .. dir .. "auto_merge.conf")
  for _, name in ipairs { "user_merge", "other" } do
    holds(name, "new", false)
    assert_told(dir .. name .. ".conf", "todo", "installp, fileset acme.cfg.rte (user_merge)", "yours is in " .. save)
  end
end

-- A script of acme.cfg.rte fails until its cause is gone; what it said is told, and the rest is not done again.
local function fail_and_go_on()
  local status, out, problem = migrate("-P", "1,2,3,4")
  lu.assertEquals(status, 0, out .. problem)
  status, out, problem = migrate("-P", "5,6")
  lu.assertEquals(status, 1, out)
  lu.assertStrContains(problem, "acme.cfg.rte 2.0.0.0 ROOT FAILED")
  lu.assertStrContains(problem, "acme.cfg.rte: this system has no licence: remove /etc/acme/unlicensed")
  lu.assertStrContains(lab.on(client, "chroot /alt_inst /usr/bin/lslpp -lqc acme.cfg.rte"), ":2.0.0.0::BROKEN:")
  local before = lab.on(client, "chroot /alt_inst /usr/bin/lslpp -hqc bos.net.tcp.client")
  lab.on(client, "rm /alt_inst/etc/acme/unlicensed")
  status, out, problem = migrate("-P", "6")
  lu.assertEquals(status, 0, out .. problem)
  lu.assertStrContains(out, "altmig: cleaning up what an installp that did not end has left: acme.cfg.rte BROKEN.")
  lu.assertStrMatches(out, ".*altmig: %d+ of %d+ filesets are installed already.*")
  lu.assertEquals(lab.on(client, "chroot /alt_inst /usr/bin/lslpp -hqc bos.net.tcp.client"), before)
  lu.assertEquals(lab.on(client, "chroot /alt_inst /usr/bin/lppchk -v"), "")
  lab.on(client, "rm /etc/acme/unlicensed")
end

-- All that the software database of the copy has.
local function software_of_copy() return lab.on(client, "chroot /alt_inst /usr/bin/lslpp -lqc") end

local software_undisturbed, software_resumed

-- The engine and installp itself are killed while a fileset's script runs.
local function kill_and_go_on(...)
  local status, out, problem = migrate("-P", "1,2,3,4", ...)
  lu.assertEquals(status, 0, out .. problem)
  lab.on(client, "touch /alt_inst/etc/acme/wait")
  local words, output = { "migrate", "-P", "5,6" }, os.tmpname()
  local pid = lab.engine_spawn("altmig", table.move(lab.flags, 1, #lab.flags, #words + 1, words), output)
  local deadline = sys.time() + 120
  repeat
    local text = sys.read_file(output) or ""
    lu.assertTrue(sys.time() < deadline, text:sub(-2000))
    lu.assertEquals(sys.wait(pid, true) and "ended" or "running", "running", text:sub(-2000))
    sys.sleep(0.05)
  until text:find("acme.cfg.rte: waiting", 1, true)
  lab.kill(pid)
  os.remove(output)
  -- All of it on the master, as where that loses power: the job's wrapper with its group, and installp in the copy.
  lab.on(master, "cd /var/adm/ras/alt_mig/jobs && for j in *installp_apply*; do read p rest <$j/pid; set -- $(cat /proc/$p/stat); "
    .. "kill -KILL -$5; done; for d in /proc/[0-9]*; do case $(tr '\\0' ' ' <$d/cmdline 2>/dev/null) in "
    .. "*/usr/sbin/install[p]*) kill -KILL ${d#/proc/};; esac; done; true")
  lab.on(client, "rm /alt_inst/etc/acme/wait")
  lu.assertStrContains(software_of_copy(), ":acme.cfg.rte:2.0.0.0::APPLYING:")
  status, out, problem = migrate("-P", "6")
  lu.assertEquals(status, 0, out .. problem)
  lu.assertStrContains(out, "altmig: installp of an earlier attempt was cut off on adachi-nim")
  lu.assertStrContains(out, "altmig: cleaning up what an installp that did not end has left: acme.cfg.rte APPLYING.")
  lu.assertEquals(software_of_copy(), software_undisturbed)
end

function TestPolicyInTheLab:test_1_every_policy_ends_as_it_says()
  fail_and_go_on()
  software_resumed = software_of_copy()
  assert_of_fileset()
  for _, path in pairs(edited) do assert_saved(path) end
  local entries = manifest()

  assert_live(edited.preserve, true)
  assert_new_kept(edited.preserve)
  assert_told(edited.preserve, "note", "preserve: yours is active")

  lu.assertStrContains(lab.on(client, "ls -l /alt_inst/etc/motd"), "motd -> motd.site")
  assert_told("/etc/motd", "note", "preserve: your link to motd.site is active, the new one is in " .. save)
  lu.assertNotStrContains(lab.on(client, "ls -l /alt_inst/etc/rc.security.boot"), " -> ")
  assert_told("/etc/rc.security.boot", "todo", "no list names it: was a link to rc; the new one is active")

  lu.assertStrContains(lab.on(client, "ls -l /alt_inst/etc/vfs"), "/etc/vfs -> /opt/site/vfs")
  lu.assertStrContains(lab.on(client, "ls -l /alt_inst/opt/site/vfs"), "-rw------- ")
  lu.assertStrContains(of_copy "/opt/site/vfs", "acmefs")
  lu.assertStrContains(of_copy(save .. "/etc/vfs"), "acmefs")
  assert_new_kept "/etc/vfs"

  assert_live(edited.hold_new, true)
  assert_new_kept(edited.hold_new)
  assert_told(edited.hold_new, "note", "fileset bos.rte says hold_new: yours is active, the new one is in " .. save)
  lu.assertEquals({ entries[edited.hold_new].policy, entries[edited.hold_new].fileset, entries[edited.hold_new].base },
    { "hold_new", "bos.rte", "inst_root" })

  assert_live(edited.user_merge, false)
  assert_told(edited.user_merge, "todo", "user_merge: the new one is active, yours is in " .. save .. edited.user_merge)

  assert_live(edited.new, false)
  assert_told(edited.new, "note", "fileset bos.rte says new: the new one is active, yours is in " .. save .. edited.new)

  assert_live(edited.auto_merge, true)
  assert_new_kept(edited.auto_merge)
  assert_told(edited.auto_merge, "todo", "nothing here merges it: yours is active")

  assert_live(edited.unlisted, false)
  lu.assertEquals(entries[edited.unlisted].policy, "unlisted")
  assert_told(edited.unlisted, "todo", "no list names it: the new one is active, yours is in " .. save .. edited.unlisted)

  -- Outside /etc and /var the software database says that the site changed it.
  assert_live(edited.program, false)
  assert_told(edited.program, "todo", "no list names it", save .. edited.program)

  assert_live(edited.program_of_fileset, false)
  assert_told(edited.program_of_fileset, "todo", "installp, its fileset", save .. edited.program_of_fileset)

  -- installp of phase 6 does as the fileset says.
  assert_live(edited.of_fileset, false)
  lu.assertTrue(entries[edited.of_fileset].installp)
  assert_told(edited.of_fileset, "todo", "fileset bos.sysmgt.nim.client (user_merge)", "yours is in " .. save .. edited.of_fileset)
  lu.assertTrue(is_ours(of_copy(save .. "/.altmig/site" .. edited.of_fileset)))

  -- Nothing of what nobody touched is in the list of things to do.
  lu.assertNotStrContains(told "/etc/rc.net", "todo")

  assert_told("/etc/rpc", "conflict", "fileset bos.rte says preserve, altmig's table says user_merge, which counts")
end

function TestPolicyInTheLab:test_2_without_a_baseline_a_merge_is_two_way()
  run()
  software_undisturbed = software_of_copy()
  lu.assertEquals(software_resumed, software_undisturbed)
  assert_of_fileset()
  local entries = manifest()
  lu.assertEquals({ entries[merged].base, entries[merged].old }, { "none" })
  local text = of_copy(merged)
  lu.assertStrContains(text, "\ngroups:") -- its removal could not be seen
  lu.assertStrContains(text, "efssharedkeys = false") -- nobody knows who set it
  lu.assertStrContains(text, "\nsulogfulldate:")
  lu.assertStrContains(text, "acme:\n\tlevel = 3\n")
  lu.assertEquals(of_copy(save .. merged), site_secvars)
  assert_told(merged, "note", "no baseline: two-way, what only the old file has is kept")
  local _, report = told(merged)
  lu.assertStrContains(report, "only in the old file: kept")

  -- Three-way without a copy of the old default: the software database says that it is unchanged.
  lu.assertEquals(entries[untouched].base, "vpd")
  lu.assertEquals(of_copy(untouched), of_copy(save .. "/.altmig/new" .. untouched))
  lu.assertEquals(of_copy(save .. "/.altmig/old" .. untouched), lab.on(client, "cat " .. untouched))
end

function TestPolicyInTheLab:test_3_with_a_baseline_it_is_three_way()
  run("--baseline", old_images)
  local entries = manifest()
  for _, path in ipairs { merged, untouched, edited.preserve, edited.user_merge, "/etc/objrepos/SWservAt" } do
    lu.assertEquals({ path, entries[path].base }, { path, "baseline" })
  end
  local text = of_copy(merged)
  lu.assertNotStrContains(text, "\ngroups:")
  lu.assertStrContains(text, "efssharedkeys = true")
  lu.assertStrContains(text, "\nsulogfulldate:")
  lu.assertStrContains(text, "acme:\n\tlevel = 3\n")
  lu.assertNotStrContains(told(merged), "two-way")
  lu.assertNotStrContains(told "/etc/objrepos/SWservAt", "two-way")
  lu.assertStrContains(lab.on(client, "cat /alt_inst" .. save .. "/.altmig/old" .. merged), "groups:")
  assert_live(edited.preserve, true)
  assert_told(edited.user_merge, "todo", "the new one is active, yours is in " .. save .. edited.user_merge)
end

function TestPolicyInTheLab:test_4_a_directory_is_a_baseline_too()
  local dir = lab.dir .. "/old"
  assert(sys.makedirs(dir, 448))
  assert(sys.write_file(dir .. "/bos", lab.on(master, "cat /export/nim/lpp_source/AIX71TL5/installp/ppc/bos"), { mode = 384 }))
  kill_and_go_on("--baseline", dir)
  assert_of_fileset()
  lu.assertEquals(manifest()[merged].base, "baseline")
  lu.assertNotStrContains(of_copy(merged), "\ngroups:")
end

function TestPolicyInTheLab:test_5_what_is_no_baseline_is_refused_before_anything_is_changed()
  local function refused(word, text)
    local status, out, problem = migrate("--baseline", word)
    lu.assertEquals(status, 3, out .. problem)
    lu.assertStrContains(out .. problem, text)
    lu.assertStrMatches(lab.on(client, "lspv | grep hdisk2"), "hdisk2%s+%S+%s+None%s*")
  end
  refused("lpp_source_AIX72TL5", "--baseline lpp_source_AIX72TL5 is at 7.2.5.200, the client at 7.1.5.30")
  refused("nobody", "no lpp_source named 'nobody'")
  refused("/nowhere", "--baseline /nowhere")
  refused("/etc", "has no bos image")
end
