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
local unasked = { ["shell.file_limit"] = "the shell does not tell", toc = "there is no .toc",
  hdcryptmgr = "the host has no such command" }
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

-- The directory of a probe has another name each time.
local function observed(row) return row.observed and row.observed:gsub("altmig%-probe%-%x+", "DIR") end

-- Names of the rows that are judged, or observed, otherwise than before.
local function differing(rows, before)
  local names, other = {}, {}
  for _, row in ipairs(before) do other[name_of(row)] = row end
  for _, row in ipairs(rows) do
    local was = other[name_of(row)] or {}
    if not moving[row.row] and (row.verdict ~= was.verdict or observed(row) ~= observed(was) or row.rows ~= was.rows) then
      names[#names + 1] = name_of(row)
    end
    other[name_of(row)] = nil
  end
  for name in pairs(other) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function tried_on(disk, ...) return probed("--write-test", "--yes", "--scratch-disk", disk, ...) end

-- The rows that a value of a quirk changes: in a probe that only looks, or, where the value is of what is written, in
-- one that tries everything. Every value that is no default has its line.
local looking <const>, trying <const> = 1, 2
local changes = {
  ["lssrc-unknown=stdout"] = { how = looking },
  ["sleep-fraction=zero"] = { how = looking, "client shell.sleep_fraction -", "master shell.sleep_fraction -" },
  ["dead-nfs-mount=client"] = { how = looking, "client mount -" },
  ["dead-nfs-mount=master"] = { how = looking, "master mount -" },
  ["dead-nfs-mount=both"] = { how = looking, "client mount -", "master mount -" },
  ["login-environment=ja_JP"] = { how = looking },
  ["login-environment=odmdir"] = { how = looking },
  ["login-environment=noclobber"] = { how = looking },
  ["login-environment=talkative"] = { how = looking, all = true },
  ["login-shell=bash"] = { how = looking, "client shell.login_shell -", "master shell.login_shell -" },
  ["login-shell=csh"] = { how = looking, "client shell.login_shell -", "master shell.login_shell -" },
  ["login-shell=ksh93"] = { how = looking, "client shell.login_shell -", "master shell.login_shell -" },
  ["phase3-failure=leaves-mounted"] = { how = looking },
  ["phase3-failure=removes-group"] = { how = looking },
  ["force-spelling=Yes"] = { how = looking },
  ["force-spelling=both"] = { how = looking },
  ["installp-preview-status=failures-count"] = { how = looking },
  ["cleanup-nothing-status=one"] = { how = looking },
  ["requisite-bounds=number"] = { how = looking },
  ["requisite-base=exact"] = { how = looking },
  ["instwork-room=tmp"] = { how = looking },
  ["rpm-in-copy=fails"] = { how = looking },
  ["remove-missing=says-nothing"] = { how = looking },
  ["bosboot-in-copy=refuses-device"] = { how = trying, "client disk.image -" },
  ["bosboot-in-copy=builds-and-fails-in-savebase"] = { how = trying, "client disk.image -" },
  ["umount-exported=works"] = { how = trying, "client disk.export -" },
  ["wake-up=refuses"] = { how = trying, "client disk.export -", "client disk.wake -" },
  ["wake-up=renames"] = { how = trying },
  ["phase1-failure=removes-group"] = { how = trying },
  ["phase1-failure=leaves-mounted"] = { how = trying },
  ["readdirplus=refused"] = { how = trying, "client export.readdirplus -" },
  ["exportfs-unknown-host=warning"] = { how = trying },
  ["reverse-lookup=fails"] = { how = trying, "client disk -", "client disk.again -", "client disk.boot -",
    "client disk.bootlist -", "client disk.export -",
    "client disk.free -", "client disk.image -", "client disk.over-record -", "client disk.record -", "client disk.size -",
    "client disk.wake -",
    "client export.master -", "client export.over-nfs -", "client host engine", "master host engine" },
  ["alt-inst-mount-point=slash"] = { how = trying },
  ["phase3-boot-image=writes"] = { how = trying },
  ["doubled-lines=no"] = { how = trying },
  ["host-form=bind"] = { how = looking },
  ["lvlstmajor-form=ranges"] = { how = looking },
  ["emgr-none-status=one"] = { how = looking },
  ["object-mode=64"] = { how = looking },
  ["ldd-in-copy=fails"] = { how = looking, "client ldd -", "master ldd -" },
  ["namefs-file-over-nfs=refused"] = { how = trying },
  ["ps-args=cut"] = { how = looking, "client shell.ps_args -", "master shell.ps_args -" },
  ["phase3-image-data=refused"] = { how = looking },
  ["phase3-bootlist-text=old-disk"] = { how = looking },
  ["remove-clears-record=yes"] = { how = trying, "client disk.free -", "client disk.over-record -", "client disk.record -" },
}

local quirks = os.getenv "QUIRKS" or "sample"
local seconds = tonumber(os.getenv "QUIRKS_SECONDS") or 50
local seed = math.tointeger(tonumber(os.getenv "QUIRKS_SEED")) or math.floor(sys.time()) % 1000000

-- "name=value" of each value that is no default, in a random order; and the defaults.
local function values()
  local list, default, number = {}, {}, seed
  for line in lab.must("quirk"):gmatch "[^\n]+" do
    local name, words = line:match "^([%l%d%-]+)%s+(%S.*)$"
    for value in (words or ""):gmatch "%S+" do
      value = value:gsub("^%*", "")
      if not default[name] then default[name] = value else list[#list + 1] = { name = name, value = value } end
    end
  end
  for i = #list, 2, -1 do
    number = (number * 1103515245 + 12345) % 2147483648
    local k = number // 65536 % i + 1
    list[i], list[k] = list[k], list[i]
  end
  return list, default
end

--- With each value of each quirk exactly the rows differ that it changes. A sample by default, its seed printed;
--- QUIRKS=all tries every value, QUIRKS=NAME or NAME=VALUE what is named.
function TestProbeInTheLab:test_3_a_quirk_changes_its_rows_and_no_others()
  local list, default = values()
  local known = {}
  for _, case in ipairs(list) do
    known[case.name .. "=" .. case.value] = true
    lu.assertNotNil(changes[case.name .. "=" .. case.value], "no line says what the probe sees of " .. case.name .. "=" .. case.value)
  end
  for name in pairs(changes) do lu.assertTrue(known[name], "there is no quirk " .. name) end
  local begin, base, tried, wrong = sys.time(), {}, 0, {}
  local modes = { function() return rows_of((select(2, probed()))) end, function() return rows_of((select(2, tried_on "hdisk2"))) end }
  for _, case in ipairs(list) do
    local name = case.name .. "=" .. case.value
    local wanted = changes[name]
    if quirks == "sample" and sys.time() - begin > seconds then break end
    if quirks == "sample" or quirks == "all" or quirks == name or quirks == case.name then
      local run = modes[wanted.how]
      base[wanted.how] = base[wanted.how] or (run())
      lab.must("quirk", case.name, case.value)
      local ok, rows = pcall(run)
      lab.must("quirk", case.name, default[case.name])
      local found = ok and table.concat(differing(rows, base[wanted.how]), ", ") or tostring(rows)
      tried = tried + 1
      -- A login that talks is no answer at all.
      local as_wanted = wanted.all and ok and #differing(rows, base[wanted.how]) > 100 or found == table.concat(wanted, ", ")
      if not as_wanted then wrong[#wrong + 1] = ("%s: %s"):format(name, found) end
    end
  end
  print(("%d of %d quirks tried; QUIRKS=%s QUIRKS_SEED=%d"):format(tried, #list, quirks, seed))
  lu.assertEquals(table.concat(wrong, "\n"), "")
  lu.assertTrue(tried > 0)
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
  lu.assertEquals(table.concat(tried, " "), ". .again .boot .bootlist .export .free .image .over-record .record .wake")
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
