-- SPDX-License-Identifier: MIT
-- The SPOT's export is one line for all hosts: this client is let in, as root, and it alone is taken out again.

local lu = require "luaunit"
local world = require "fake_world"

local fails = world.fails
local SPOT <const> = "/export/spot/usr"

TestSpotExport = {}

world.fixture(TestSpotExport)

local function fresh(self)
  world.remove(self.w)
  self.w = world.new()
  return self.w
end

-- What the SPOT is exported with while alt_disk_copy runs.
local function watch(w)
  local seen = {}
  w.on_command = function(_, argv)
    if argv[1] == "/ALT_MIG_SPOT/sbin/alt_disk_copy" then seen[#seen + 1] = w.exports.master[SPOT] end
  end
  return seen
end

function TestSpotExport:test_a_new_export_is_for_the_client_alone_with_root()
  local w = self.w
  local seen = watch(w)
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertEquals(seen, { "ro,root=lpar,access=lpar", "ro,root=lpar,access=lpar" })
  lu.assertEquals(w.exports.master, {})
  lu.assertNil(w.export_lock)
  lu.assertTrue(world.count(w, "^client: mount %-o ro,vers=3,hard,intr nim:" .. SPOT) > 0)
end

function TestSpotExport:test_the_client_is_added_to_an_export_and_taken_out_of_it()
  for _, case in ipairs {
    { before = "ro,access=nim2,root=nim2", during = "ro,access=nim2:lpar,root=nim2:lpar" },
    { before = "rw=nim2,access=nim2:lpar", during = "rw=nim2,access=nim2:lpar,root=lpar" },
    { before = "ro,root=lpar", during = "ro,root=lpar" },
    { before = "ro,anon=0", during = "ro,anon=0" },
    { before = "ro,access=lpar,root=lpar,sec=sys", during = "ro,access=lpar,root=lpar,sec=sys" },
    -- Not exported at the moment: what /etc/exports says of it is kept, and stays.
    { file = SPOT .. " -ro,access=nim2,root=nim2\n", during = "ro,access=nim2:lpar,root=nim2:lpar", after = "ro,access=nim2,root=nim2" },
  } do
    local w = fresh(self)
    w.exports.master = { [SPOT] = case.before }
    w.files["/etc/exports"] = case.file
    local seen = watch(w)
    lu.assertEquals(w.migration.migrate(w.opts()), 0)
    lu.assertEquals(seen, { case.during, case.during })
    lu.assertEquals(w.exports.master, { [SPOT] = case.after or case.before })
    lu.assertEquals(world.count(w, "^master: exportfs %-u"), 0)
  end
end

function TestSpotExport:test_the_line_before_is_in_the_journal()
  local w = self.w
  w.exports.master = { [SPOT] = "ro,access=nim2,root=nim2" }
  w.files["/etc/exports"] = SPOT .. " -ro,access=nim2,root=nim2\n"
  w.migration.migrate(w.opts { phases = { 1 } })
  local found
  for _, record in ipairs(world.journal(w)) do found = found or record.event == "spot_export" and record end
  lu.assertEquals({ found.path, found.client, found.before, found.line, found.added },
    { SPOT, "lpar", "-ro,access=nim2,root=nim2", SPOT .. " -ro,access=nim2,root=nim2", { "access", "root" } })
end

function TestSpotExport:test_a_line_for_everybody_that_squashes_root_is_an_inhibitor()
  local w = self.w
  w.exports.master = { [SPOT] = "ro" }
  lu.assertEquals(fails(w.migration.migrate, w.opts()).status, 3)
  lu.assertStrContains(world.log_text(w), "exportfs -i -o ro,root=lpar " .. SPOT)
  lu.assertEquals(w.exports.master, { [SPOT] = "ro" })
  w.exports.master = { [SPOT] = "ro,root=lpar" } -- as the remedy says
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertEquals(w.exports.master, { [SPOT] = "ro,root=lpar" })
end

function TestSpotExport:test_a_line_that_cannot_be_added_to_stops_the_run()
  for flags, words in pairs { ["ro"] = "on nim: exportfs -i -o ro,root=lpar " .. SPOT,
    ["sec=sys,ro,access=a,sec=krb5,access=b"] = "with lpar in every access= and root=" } do
    local w = fresh(self)
    w.on_command = function(host, argv)
      if host == "master" and argv[1] == "sh" and argv[3]:find("echo taken", 1, true) then
        w.on_command = nil
        w.exports.master[SPOT] = flags -- somebody is quicker
      end
    end
    local e = fails(w.migration.migrate, w.opts())
    lu.assertEquals({ e.code, e.phase }, { "SPOT_EXPORT", 1 })
    lu.assertStrContains(e.remedy, words)
    lu.assertEquals(w.exports.master, { [SPOT] = flags })
    lu.assertNil(w.export_lock)
  end
end

-- Two runs with the same SPOT: each adds and takes out itself, in whatever order they end.
function TestSpotExport:test_another_client_that_comes_and_goes()
  local w = self.w
  local steps = 0
  w.on_command = function(_, argv)
    if argv[1] ~= "/ALT_MIG_SPOT/sbin/alt_disk_copy" then return end
    steps = steps + 1
    if steps == 1 then w.exports.master[SPOT] = w.exports.master[SPOT]:gsub("lpar", "lpar:other") end
  end
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertEquals(w.exports.master, { [SPOT] = "ro,root=other,access=other" })

  w = fresh(self)
  w.exports.master = { [SPOT] = "ro,root=other,access=other" } -- of a run that ends before
  w.on_command = function(_, argv)
    if argv[1] == "/ALT_MIG_SPOT/sbin/alt_disk_copy" then w.exports.master[SPOT] = "ro,root=lpar,access=lpar" end
  end
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertEquals(w.exports.master, {})
end

function TestSpotExport:test_a_failure_takes_the_client_out_and_the_resume_lets_it_in_again()
  local w = self.w
  w.exports.master = { [SPOT] = "ro,access=nim2,root=nim2" }
  w.fail.bosboot = 1
  fails(w.migration.migrate, w.opts())
  lu.assertEquals(w.exports.master, { [SPOT] = "ro,access=nim2,root=nim2" })
  w.fail = {}
  local seen = watch(w)
  lu.assertEquals(w.migration.resume(w.opts()), 0)
  lu.assertEquals(seen, { "ro,access=nim2:lpar,root=nim2:lpar" })
  lu.assertEquals(w.exports.master, { [SPOT] = "ro,access=nim2,root=nim2" })
end

function TestSpotExport:test_a_parent_that_is_exported_is_the_one_that_lets_the_client_in()
  local w = self.w
  w.exports.master = { ["/export"] = "ro,access=nim2,root=nim2" }
  w.nested = function(host, path)
    return host == "master" and path == SPOT and "exportfs: " .. SPOT .. ": parent-directory (/export) already exported\n"
  end
  local seen
  w.on_command = function(_, argv)
    if argv[1] == "/ALT_MIG_SPOT/sbin/alt_disk_copy" then seen = w.exports.master["/export"] end
  end
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertEquals(seen, "ro,access=nim2:lpar,root=nim2:lpar")
  lu.assertEquals(w.exports.master, { ["/export"] = "ro,access=nim2,root=nim2" })
end

function TestSpotExport:test_a_child_that_is_exported_is_named()
  local w = self.w
  w.nested = function(host) return host == "master" and "exportfs: x: sub-directory (/export/spot/usr/lib) already exported\n" end
  local e = fails(w.migration.migrate, w.opts())
  lu.assertStrContains(e.remedy, "exportfs -u /export/spot/usr/lib")
end

-- An unknown host in somebody's list: whether exportfs ends well then is not documented.
function TestSpotExport:test_a_status_that_is_not_0_counts_only_where_the_client_is_not_let_in()
  local w = self.w
  w.exportfs_says = "exportfs: 1831-184 unknown host gone\n"
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertStrContains(world.log_text(w), "1831-184 unknown host gone")
  w = fresh(self)
  w.exports.master = { [SPOT] = "ro,access=nim2:gone,root=gone:nim2" }
  w.nested = function(host) return host == "master" and "exportfs: 1831-184 unknown host gone\n" end
  lu.assertStrContains(fails(w.migration.migrate, w.opts()).remedy, "exportfs -i -o ro,access=nim2,root=nim2 " .. SPOT)
  w = fresh(self)
  w.nested = function(host) return host == "master" and "exportfs: 1831-184 unknown host lpar\n" end
  local e = fails(w.migration.migrate, w.opts())
  lu.assertStrContains(e.output, "1831-184")
  lu.assertStrContains(e.remedy, "know the host lpar")
end

function TestSpotExport:test_the_lock_of_a_dead_run_is_taken_over_and_said()
  local w = self.w
  local sys = require "altmig.sys"
  w.export_lock = ("%s:lpar 2026-01-01T00:00:00Z"):format(sys.hostname())
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  lu.assertStrContains(world.log_text(w), "is taken over: an earlier run of this client left it")

  w = fresh(self)
  local time, now, sleep = sys.time, 0, sys.sleep
  local slept = 0
  sys.time, sys.sleep = function() return time() + now end, function(s)
    now, slept = now + s, slept + s
    if slept > 300 then error "waits for ever" end
  end
  w.export_lock = "elsewhere:/state/other 2026-01-01T00:00:00Z"
  local ok, status = pcall(w.migration.migrate, w.opts())
  sys.time, sys.sleep = time, sleep
  lu.assertEquals({ ok, status }, { true, 0 })
  lu.assertTrue(slept >= 60, slept)
  lu.assertStrContains(world.log_text(w), "(elsewhere:/state/other 2026-01-01T00:00:00Z) is taken over: it has not changed hands for 60 s")
end

function TestSpotExport:test_a_lock_that_is_in_use_is_waited_for()
  local w = self.w
  local sys = require "altmig.sys"
  local sleep, count = sys.sleep, 0
  sys.sleep = function()
    count = count + 1
    w.export_lock = count < 3 and "elsewhere:/state/other " .. count or nil
  end
  w.export_lock = "elsewhere:/state/other 0"
  local ok, status = pcall(w.migration.migrate, w.opts { phases = { 1 } })
  sys.sleep = sleep
  lu.assertEquals({ ok, status, count }, { true, 0, 3 })
  lu.assertNotStrContains(world.log_text(w), "taken over")
end

-- The client's exports are compared as sets: AIX may list them in another order, and add sec=.
function TestSpotExport:test_an_export_of_the_copy_stands_in_whatever_order_it_is_listed()
  local w = self.w
  local handler = w.handlers.exportfs
  w.answers.exportfs = function(of, host, argv)
    local text, status = handler(of, host, argv)
    if host == "client" and #argv == 1 then
      text = text:gsub("%-rw=([^,]*),root=[^,]*,access=[^\n]*", "-sec=sys,access=10.0.0.1:nim,root=%1,rw=%1")
    end
    return text, status
  end
  lu.assertEquals(w.migration.migrate(w.opts { phases = { 1, 2 } }), 0)
  lu.assertEquals(w.migration.resume(w.opts()), 0)
  lu.assertEquals(world.count(w, "^client: exportfs %-i"), 2)
end
