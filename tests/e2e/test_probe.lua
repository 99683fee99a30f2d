-- SPDX-License-Identifier: MIT
-- altmig probe against both hosts of the lab: what was asked is accepted, nothing is changed or left, and the bundle
-- gives the same table.

local json = require "altmig.json"
local lu = require "luaunit"
local sys = require "altmig.sys"
local lab = require "lab_driver"

local client, master = lab.client, lab.master
local bundle = ("/var/tmp/altmig-e2e-probe-%d.tar"):format(sys.getpid())

TestProbeInTheLab = {}

function TestProbeInTheLab:setupClass()
  if sys.getuid() == 0 then lab.up() end
end

function TestProbeInTheLab:teardownClass()
  lab.down()
  sys.remove(bundle)
end

function TestProbeInTheLab:setUp() lab.require_root() end

local function rows_of(out)
  local rows, last = {}, nil
  for line in out:gmatch "[^\n]+" do
    local event = assert(json.decode(line))
    if event.event == "probe_row" then rows[#rows + 1] = event elseif event.event == "probed" then last = event end
  end
  return rows, last
end

local function name_of(row) return ("%s %s %s"):format(row.host, row.row, row.instance or "-") end

local function probed(...)
  local argv = { "probe", "-c", client, "-l", "lpp_source_AIX72TL5", "-s", "spot_AIX72TL5", "--json", ... }
  return lab.engine("altmig", argv)
end

-- What is not asked of a lab, and why.
local unasked = { ["shell.file_limit"] = "the shell does not tell", toc = "there is no .toc" }
for _, name in ipairs { "namefs", "nodev", "export", "bosboot", "disk" } do unasked[name] = "needs --write-test" end

local first

function TestProbeInTheLab:test_1_what_was_asked_is_accepted_and_nothing_is_left()
  lab.on(client, "exportfs -i -o ro,access=10.77.0.1,root=10.77.0.1 /home")
  lab.on(master, "exportfs -i -o ro,access=10.77.0.1,root=10.77.0.1 /home")
  local look = "lspv; exportfs; mount; bootlist -m normal -o; ls -a /tmp /var/adm/ras"
  local before = { lab.on(client, look), lab.on(master, look) }
  local status, out, problem = probed("--bundle", bundle)
  local rows, last = rows_of(out)
  local count = 0
  for _, row in ipairs(rows) do
    if row.verdict == "not asked" then
      lu.assertEquals(row.reason, unasked[row.row], name_of(row))
    else
      lu.assertEquals(row.verdict, "accepted", ("%s: %s %s"):format(name_of(row), row.reason or "", table.concat(row.unmatched or {}, "|")))
      count = count + 1
    end
  end
  lu.assertEquals(status, 0, problem)
  lu.assertEquals(last.accepted, count)
  lu.assertTrue(count > 110)
  lu.assertEquals(select(2, problem:gsub("writes on the %l+ %([%w-]+%) only below /tmp/altmig%-probe%-%x+, and removes it", "")), 2)
  lu.assertEquals({ lab.on(client, look), lab.on(master, look) }, before)
  first = rows
end

function TestProbeInTheLab:test_2_the_bundle_gives_the_same_table_and_names_nobody()
  local status, out, problem = lab.altmig { "probe", "--replay", bundle, "--json" }
  lu.assertEquals(status, 0, problem)
  local rows = rows_of(out)
  lu.assertEquals(#rows, #first)
  for i, row in ipairs(rows) do
    lu.assertEquals({ name_of(row), row.verdict, row.rows }, { name_of(first[i]), first[i].verdict, first[i].rows })
  end
  local data = assert(sys.read_file(bundle)):lower()
  local words = { client, master, "10.77.0.", "altmig-engine" }
  for _, host in ipairs { client, master } do
    words[#words + 1] = lab.on(host, "uname -m"):match "%S+"
    for pvid in lab.on(host, "lspv"):gmatch "%f[%x]%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%f[%X]" do words[#words + 1] = pvid end
    words[#words + 1] = lab.on(host, "lsvg rootvg"):match "IDENTIFIER:%s+(%x+)"
  end
  lu.assertTrue(#words >= 11)
  for _, word in ipairs(words) do lu.assertNil(data:find(word:lower(), 1, true), word) end
end

-- Rows whose words change from run to run.
local moving = { date = true, ["who-b"] = true, ["ps-comm"] = true }

-- Names of the rows that are judged, or observed, otherwise than in the first run.
local function differing(rows)
  local names, other = {}, {}
  for _, row in ipairs(first) do other[name_of(row)] = row end
  for _, row in ipairs(rows) do
    local before = other[name_of(row)] or {}
    if not moving[row.row] and (row.verdict ~= before.verdict or row.observed ~= before.observed or row.rows ~= before.rows) then
      names[name_of(row)] = true
    end
    other[name_of(row)] = nil
  end
  for name in pairs(other) do names[name] = true end
  return names
end

-- The rows that a behaviour of a quirk changes. What a site sets for root reaches no command of altmig.
local changes = {
  { { "sleep-fraction", "zero" }, must = { "client shell.sleep_fraction -", "master shell.sleep_fraction -" } },
  { { "login-environment", "odmdir" }, must = {} },
  { { "login-environment", "noclobber" }, must = {} },
  -- What only a migration meets.
  { { "phase1-failure", "removes-group" }, { "phase3-failure", "leaves-mounted" }, { "wake-up", "refuses" },
    { "force-spelling", "Yes" }, { "remove-missing", "says-nothing" }, must = {} },
}

function TestProbeInTheLab:test_3_a_quirk_changes_its_rows_and_no_others()
  local default = {}
  for name, value in lab.must("quirk"):gmatch "([%l%d%-]+) +%*(%S+)" do default[name] = value end
  for _, case in ipairs(changes) do
    for _, quirk in ipairs(case) do lab.must("quirk", quirk[1], quirk[2]) end
    local _, out = probed()
    for _, quirk in ipairs(case) do lab.must("quirk", quirk[1], assert(default[quirk[1]], quirk[1])) end
    local found, what = differing((rows_of(out))), table.concat(case[1], "=")
    for _, name in ipairs(case.must) do
      lu.assertTrue(found[name], what .. " changes " .. name)
      found[name] = nil
    end
    lu.assertEquals(found, {}, what)
  end
end

--- The trials: everything is accepted, and gone afterwards.
function TestProbeInTheLab:test_4_trials_are_accepted_and_leave_nothing()
  local look = "lspv; exportfs; mount; bootlist -m normal -o; ls -a /tmp"
  local before = { lab.on(client, look), lab.on(master, look) }
  local status, _, problem = probed "--write-test"
  lu.assertEquals(status, 2)
  lu.assertStrContains(problem, "was not confirmed")
  local out
  status, out, problem = probed("--write-test", "--yes")
  local tried = {}
  for _, row in ipairs((rows_of(out))) do
    local name = row.row:match "^[^.]+"
    if name == "namefs" or name == "nodev" or name == "export" or name == "bosboot" then
      lu.assertEquals(row.verdict, "accepted", ("%s: %s"):format(name_of(row), row.reason or ""))
      tried[name] = (tried[name] or 0) + 1
    end
  end
  lu.assertEquals(status, 0, problem)
  lu.assertEquals(tried, { namefs = 5, nodev = 2, export = 5, bosboot = 3 })
  lu.assertStrContains(problem, "takes all of it away again")
  lu.assertEquals({ lab.on(client, look), lab.on(master, look) }, before)
end

-- Whether the disk of the trials is as free as before: in no group, no record, and nobody's copy is there.
local function assert_clean()
  lu.assertEquals(lab.on(client, "lspv"):match "hdisk2%s+%S+%s+(%S+)", "None")
  lu.assertNotStrContains(lab.on(client, "lquerypv -h /dev/hdisk2 E00 20"), "_LVM")
  lu.assertEquals(lab.on(client, "lquerypv -V hdisk2"), "1\n")
  lu.assertNotStrContains(lab.on(client, "lspv; mount; ls -a /tmp /"):lower(), "alt")
  lu.assertNotStrContains(lab.on(master, "exportfs"), "spot_AIX72TL5")
  lu.assertEquals(lab.on(client, "bootlist -m normal -o"):match "%S+", "hdisk0")
end

local function tried_on(disk, ...) return probed("--write-test", "--yes", "--scratch-disk", disk, ...) end

--- A disk that nobody needs: everything is tried on it, and it is clean afterwards.
function TestProbeInTheLab:test_6_trials_on_a_disk_are_accepted_and_leave_it_clean()
  local look = "exportfs; mount; bootlist -m normal -o; ls -a /tmp"
  local before = { lab.on(client, look), lab.on(master, look) }
  local _, out, problem = tried_on "hdisk2"
  local tried = {}
  for _, row in ipairs((rows_of(out))) do
    local name = (row.row .. "."):match "^disk(%..*)%.$" or row.row == "disk" and "."
    if name and row.verdict ~= "not asked" then
      lu.assertEquals(row.verdict, "accepted", ("%s: %s\n%s"):format(name_of(row), row.reason or "", problem))
      tried[#tried + 1] = name
    elseif name then
      lu.assertEquals(row.reason, "rootvg is not mirrored", problem)
    end
  end
  table.sort(tried)
  lu.assertEquals(table.concat(tried, " "), ". .again .boot .bootlist .free .image .over-record .record .wake")
  lu.assertEquals({ lab.on(client, look), lab.on(master, look) }, before)
  assert_clean()
end

--- What is not free, by any of the readers, is not touched.
function TestProbeInTheLab:test_7_a_disk_that_carries_anything_is_refused()
  for disk, says in pairs { hdisk0 = "belongs to the volume group rootvg",
    hdisk1 = "belongs to the volume group datavg", hdisk99 = "lspv lists no such disk" } do
    local _, out = tried_on(disk)
    local found
    for _, row in ipairs((rows_of(out))) do
      if row.row == "disk" then found = row end
    end
    lu.assertEquals(found.verdict, "rejected")
    lu.assertStrContains(found.reason, says)
    lu.assertStrContains(found.reason, "nothing was written")
  end
end

-- Starts a probe, interrupts it when `begun(log)` is true, and waits for its end.
local function interrupt(words, begun)
  local log = os.tmpname()
  local argv = { "probe", "-c", client, "-l", "lpp_source_AIX72TL5", "-s", "spot_AIX72TL5", table.unpack(words) }
  local pid = lab.engine_spawn("altmig", argv, log)
  local seen
  for _ = 1, 600 do
    sys.sleep(0.1)
    seen = begun(sys.read_file(log) or "")
    if seen then break end
  end
  lu.assertTrue(seen, "it has begun: " .. (sys.read_file(log) or ""))
  lab.kill(pid, "INT")
  local text
  for _ = 1, 600 do
    text = sys.read_file(log)
    if text:find "interrupted" then break end
    sys.sleep(0.1)
  end
  sys.remove(log)
  lu.assertStrContains(text, "interrupted")
  for _, host in ipairs { client, master } do lu.assertNotStrContains(lab.on(host, "ls -a /tmp"), "altmig-probe") end
  return text
end

--- An interrupt in the middle leaves no directory.
function TestProbeInTheLab:test_5_an_interrupt_leaves_nothing()
  interrupt({}, function(text) return text:find "shell.umask" ~= nil end)
end

--- In the middle of a clone it leaves no copy either.
function TestProbeInTheLab:test_8_an_interrupt_of_the_clone_leaves_the_disk_clean()
  local text = interrupt({ "--write-test", "--yes", "--scratch-disk", "hdisk2" }, function()
    return lab.on(client, "lspv"):find "altinst_rootvg" ~= nil
  end)
  lu.assertNotStrContains(text, "could not be taken away", false, text)
  assert_clean()
end
