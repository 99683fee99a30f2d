-- SPDX-License-Identifier: MIT
-- A client whose administrators edited everything that phase 5 merges: the edits are there after the
-- migration, what the new level ships is there too, nothing secret is told and no file got wider. What is expected is
-- in customised_case.lua.

local lu = require "luaunit"
local core = require "altmig.merge_core"
local json = require "altmig.json"
local sys = require "altmig.sys"
local case = require "customised_case"
local lab = require "lab_driver"

local client = lab.client
local has_object = case.has_object

TestCustomised = {}

local before, image, after, spoken, captured

local PLAIN <const> = "what goes in clear is seen in this capture"

--- nim.lua with the client's NFS through its sshd.
local function nim_through_ssh()
  local text, count = assert(sys.read_file(lab.dir .. "/nim.lua")):gsub("nfs = {[^}]*}", 'nfs = { via = "ssh" }')
  lu.assertEquals(count, 1)
  local path = lab.dir .. "/nim-ssh.lua"
  assert(sys.write_file(path, text, { mode = 384 }))
  return path
end

--- Captures what goes over the engine host's link while fn runs.
local function capture(fn)
  local bin, out = os.getenv("ALTMIG_BIN"), lab.dir .. "/capture.out"
  local pid = assert(sys.spawn({ bin, "lab", "exec", (bin:gsub("bin/altmig$", "tests/e2e_capture")), lab.dir .. "/capture" },
    { env = { ALTMIG_LAB = lab.dir }, stdout = out }))
  local deadline = sys.clock() + 10
  while not (sys.read_file(out) or ""):find "ready" do
    lu.assertTrue(sys.clock() < deadline, "no capture")
    sys.sleep(0.05)
  end
  fn()
  -- The same, once in clear: what is looked for would be seen.
  lab.on(client, ("mkdir /tmp/plain && echo '%s' >/tmp/plain/file && exportfs -i -o ro /tmp/plain"):format(PLAIN))
  local script = lab.dir .. "/plain.lua"
  assert(sys.write_file(script, ([[local t = assert(require("altmig.tree").nfs { { at = "/", url = "nfs://%s/tmp/plain" } })
    io.write(assert(t:read "/file"))]]):format(assert(sys.read_file(lab.dir .. "/nim.lua")):match 'nfs = { host = "([^"]+)"'),
    { mode = 384 }))
  local status, read, problem = lab.engine("altmig", { "run", script })
  lu.assertEquals(status, 0, problem)
  lu.assertStrContains(read, PLAIN)
  lab.on(client, "exportfs -u /tmp/plain; rm -r /tmp/plain")
  lab.kill(pid, "TERM")
  local frames, missed = sys.read_file(out):match "(%d+) (%d+)\n$"
  captured = { frames = assert(tonumber(frames), "no end of the capture"), missed = tonumber(missed) }
end

function TestCustomised:setupClass()
  if sys.getuid() ~= 0 then return end
  lab.up()
  lab.must("scenario", "customised-config")
  before = case.state_of(case, client)
  -- It looks before it edits: a second time changes nothing.
  local sums = "find /etc /usr/lib/objrepos /var/adm/ras /var/spool/cron -type f | sort | xargs cksum"
  local once = lab.on(client, sums)
  lab.must("scenario", "customised-config")
  lu.assertEquals(lab.on(client, sums), once)
  image = case.shipped(case)
  -- The source tree may belong to somebody else than root, who runs this, and such a script is refused.
  local flow = lab.dir .. "/customised_flow.lua"
  assert(sys.write_file(flow, assert(sys.read_file(DATA_DIR .. "/customised_flow.lua")), { mode = 384 }))
  capture(function()
    local status, out, problem = lab.engine("altmig", { "migrate", "--nim", nim_through_ssh(), "--script", flow, table.unpack(lab.flags) })
    lu.assertEquals(status, 0, out .. problem)
    spoken = out .. problem
  end)
  lu.assertStrContains(lab.must("boot", client, "--power"), "7200-05-06")
  after = case.state_of(case, client)
end

function TestCustomised:teardownClass() lab.down() end

function TestCustomised:setUp() lab.require_root() end

function TestCustomised:test_edits_and_new_records_of_every_text_and_class()
  local texts, objects = case.problems(case, before, image, after)
  lu.assertEquals(texts, {})
  lu.assertEquals(objects, {})
  lu.assertFalse(has_object(after.rows.errnotify, { en_name = "of_process" })) -- its process is gone
  lu.assertTrue(has_object(before.rows.errnotify, { en_name = "of_process" }))
end

function TestCustomised:test_lists_are_merged_element_by_element()
  local function value(path, fact)
    for _, stanza in ipairs(core.parse(after.files[path].data, path)) do
      if stanza.key == fact[1] then return stanza.attributes[fact[2]] end
    end
  end
  lu.assertEquals(value("/etc/security/audit/config", { "classes", "general" }),
    "USER_SU,PASSWORD_Change,FILE_Unlink,FILE_Rename,SITE_Event,PROC_Kill") -- FILE_Link was taken out by the site
  local shells = value("/etc/security/login.cfg", { "usw", "shells" })
  lu.assertStrContains(shells, ",/opt/freeware/bin/bash")
  lu.assertStrContains(shells, ",/usr/bin/rksh93")
  lu.assertNotStrContains(shells, ",/bin/tsh")
  lu.assertEquals(value("/etc/security/roles", { "SysConfig", "authorizations" }), "aix.system.config,aix.fs.manage,aix.system.install")
  lu.assertNotNil(value("/etc/security/roles", { "WebOperator", "id" }):match("^%d+$"))
  lu.assertNotEquals(value("/etc/security/roles", { "DomainAdmin", "id" }), "14") -- the site's AcmeOperator has it
  lu.assertNotNil(value("/etc/security/authorizations", { "web.stop", "id" }):match("^%d+$"))
  -- New accounts come before the NIS line, which takes all that is left.
  lu.assertTrue(after.files["/etc/passwd"].data:find("\nahafsadm:", 1, true) < after.files["/etc/passwd"].data:find("\n+@operators",
    1, true))
end

function TestCustomised:test_preserved_files_are_as_they_were_and_the_others_are_kept_aside()
  for _, path in ipairs(case.preserved) do
    local c, m = before.files[path], after.files[path]
    lu.assertNotNil(c, path)
    lu.assertEquals(m, c, path)
  end
  local was, is = before.files, after.files
  lu.assertStrContains(was["/etc/services"].data, "acme\t\t7070/tcp")
  lu.assertNotStrContains(is["/etc/services"].data, "acme")
  lu.assertEquals(is["/lpp/save.config/etc/services"].data, was["/etc/services"].data)
  -- The script is the new one; the site's is beside it, switched off.
  lu.assertEquals(is["/etc/security/mkuser.sys"].data, image.files["/etc/security/mkuser.sys"].data)
  lu.assertNotEquals(is["/etc/security/mkuser.sys"].data, was["/etc/security/mkuser.sys"].data)
  lu.assertEquals(is["/etc/security/mkuser.sys.custom"].data, was["/etc/security/mkuser.sys"].data)
  lu.assertEquals(is["/etc/security/mkuser.sys.custom"].mode & 73, 0)
  -- The error log is history of the old level, its templates are the new one's.
  lu.assertStrContains(is["/var/adm/ras/errlog.7.1.5.30"].data, "error log of AIX 7.1")
  lu.assertNotStrContains((is["/var/adm/ras/errlog"] or { data = "" }).data, "error log of AIX 7.1")
  lu.assertEquals(is["/var/adm/ras/errtmplt"].data, image.files["/var/adm/ras/errtmplt"].data)
  lu.assertStrContains(is["/lpp/save.config/var/adm/ras/errtmplt"].data, "error template of the site")
  lu.assertEquals(is["/usr/lib/security/methods.cfg"].type, "link")
end

function TestCustomised:test_no_mode_is_wider_and_no_owner_changed()
  for path in pairs(case.texts) do
    local c, n, m = before.files[path], image.files[path], after.files[path]
    lu.assertEquals(m.mode & ~c.mode, 0, path)
    if n then lu.assertEquals(m.mode & ~n.mode & 511, 0, path) end
    lu.assertEquals({ m.uid, m.gid }, { c.uid, c.gid }, path)
  end
  lu.assertEquals(after.files["/etc/security/passwd"].mode & 511, 384)
end

function TestCustomised:test_every_method_a_second_time_changes_nothing()
  local again = assert(json.decode(lab.on(client, "cat /tmp/merged-again.json 2>/dev/null || cat /lpp/merged-again.json")))
  lu.assertEquals(again.changed, json.array())
  lu.assertEquals(#again.ran, 40) -- nimadm's 33, five of altmig's own and two of the site's
  for _, line in ipairs(again.ran) do lu.assertNil(line:match("unavailable") or line:match("unparsable"), line) end
end

function TestCustomised:test_the_report_holds_decisions_of_every_kind_of_method()
  local status, out, problem = lab.engine("altmig", { "report", client, "--json" })
  lu.assertEquals(status, 0, problem)
  local found = {}
  for _, entry in ipairs(assert(json.decode(out)).entries) do
    found[("%s %s %s"):format(entry.method, entry.key, entry.chosen)] = entry.severity
  end
  lu.assertEquals(found["sudoers_mig Defaults timestamp_timeout C"], "conflict")
  lu.assertEquals(found["ldapcfg_mig cachetimeout C"], "conflict")
  lu.assertEquals(found["ODM_merge SRCsubsys clcomd none"], "note")
end

--- The whole run, with nfs = { via = "ssh" }: lines of every file that was saved, restored or merged.
function TestCustomised:test_no_content_goes_over_the_engines_link_in_clear()
  lu.assertTrue(captured.frames > 1000, captured.frames)
  lu.assertTrue(captured.missed * 100 < captured.frames, captured.missed .. " frames were not seen")
  local lines, seen = {}, {}
  for _, from in ipairs { before, image, after } do
    for _, file in pairs(from.files) do
      for line in (file.data or ""):gmatch "[^\n]+" do
        if #line >= 16 and not seen[line] then
          lines[#lines + 1], seen[line] = line, true
        end
      end
    end
  end
  lu.assertTrue(#lines > 100, "only " .. #lines .. " lines")
  assert(sys.write_file(lab.dir .. "/lines", table.concat(lines, "\n") .. "\n"))
  local function found(option, value)
    local r = assert(sys.run { "grep", "-a", "-o", "-F", option, value, lab.dir .. "/capture" })
    lu.assertTrue(r.status <= 1, r.stderr)
    return r.stdout
  end
  lu.assertStrContains(found("-e", PLAIN), PLAIN)
  lu.assertEquals(found("-f", lab.dir .. "/lines"), "")
  -- The exports named the client itself and the master, nobody else.
  local commands = sys.read_file(("%s/state/%s/commands.jsonl"):format(lab.dir, client))
  local own = assert(sys.read_file(lab.dir .. "/nim.lua")):match 'nfs = { host = "([^"]+)"'
  local count = 0
  for hosts in commands:gmatch '"rw=([^",]+),root=[^"]*","/alt_inst' do
    lu.assertEquals(hosts, ("%s:%s"):format(lab.master, own))
    count = count + 1
  end
  lu.assertTrue(count > 2)
end

function TestCustomised:test_no_log_and_no_report_tells_a_secret()
  local secrets = { "S3cretOfTheSite" }
  for hash in before.files["/etc/security/passwd"].data:gmatch("password = (%S%S%S+)") do secrets[#secrets + 1] = hash end
  lu.assertTrue(#secrets > 4)
  local heard = { spoken, lab.on(client, "cat /lpp/save.config/.altmig/report/*") }
  local state = lab.dir .. "/state"
  local function read(dir)
    for _, name in ipairs(sys.list(dir)) do
      local path = dir .. "/" .. name
      if sys.stat(path).type == "dir" then read(path) else heard[#heard + 1] = assert(sys.read_file(path)) end
    end
  end
  read(state)
  for _, argv in ipairs { { "report", client, "--json" }, { "report", client, "-V" }, { "report", client, "--html" } } do
    local status, out, problem = lab.engine("altmig", argv)
    lu.assertEquals(status, 0, problem)
    heard[#heard + 1] = out
  end
  local text = table.concat(heard)
  lu.assertStrContains(text, "bindpwd") -- it is spoken of
  lu.assertStrContains(text, "<secret>")
  for _, secret in ipairs(secrets) do lu.assertNil(text:find(secret, 1, true), "a secret was told") end
  -- The saved copies are for root alone.
  lu.assertEquals(lab.on(client, "ls -ld /lpp/save.config | cut -c1-10"):sub(1, 10), "drwx------")
end
