-- SPDX-License-Identifier: MIT
-- The base system by the stream, and access rights after NFS, against hosts that exist in memory only.

local lu = require "luaunit"
local world = require "fake_world"

local silent = io.open("/dev/null", "w")
local stderr = io.stderr

TestStreamFlow = {}

function TestStreamFlow:setUp()
  self.w = world.new()
  rawset(io, "stderr", silent)
end

function TestStreamFlow:tearDown()
  rawset(io, "stderr", stderr)
  world.remove(self.w)
end

local function fails(fn, ...)
  local ok, e = pcall(fn, ...)
  lu.assertFalse(ok, "was expected to fail")
  return e
end

local via_stream = { restore_via = "stream" }

function TestStreamFlow:test_restore_and_its_libraries_are_set_aside_and_fed()
  local w = self.w
  local seen
  w.on_stream = function(opts) seen = opts end
  lu.assertEquals(w.migration.migrate(w.opts(via_stream)), 0)
  lu.assertEquals(w.restored, 0)
  lu.assertEquals(w.streamed, 1)
  lu.assertEquals(w.aside, "/var/adm/ras/alt_mig/restore /usr/sbin/restore /usr/lib/libc.a /usr/lib/libcrypt.a")
  lu.assertEquals(seen.chroot, "/alt_inst")
  lu.assertNotNil(seen.stdin)
  lu.assertEquals(w.filtered[2].exclude, { "/lpp_name" })
  lu.assertTrue(w.filter_closed)
  local log = world.log_text(w)
  lu.assertStrContains(log, "altmig: compared with the image over NFS: 0 differences.")
  lu.assertStrContains(log, "altmig: 3 files, 1 directories, 0 links, 10 bytes restored in")
  lu.assertStrContains(log, "with 4 calls.")
end

function TestStreamFlow:test_libraries_from_dump_where_there_is_no_ldd()
  local w = self.w
  w.fail.ldd = 127
  w.answers.dump = "\n                        ***Import File Strings***\nINDEX  PATH                          BASE                MEMBER\n"
    .. "0      /usr/lib:/lib\n1                                    libc.a              shr.o\n2      /                             unix\n"
  lu.assertEquals(w.migration.migrate(w.opts(via_stream)), 0)
  lu.assertEquals(w.aside, "/var/adm/ras/alt_mig/restore /usr/sbin/restore /usr/lib/libc.a")
end

function TestStreamFlow:test_nothing_is_sent_when_a_parent_leads_out()
  local w = self.w
  w.check_fails = "OUTSIDE_TREE"
  local e = fails(w.migration.migrate, w.opts(via_stream))
  lu.assertEquals(e.code, "OUTSIDE_TREE")
  lu.assertStrContains(e.message, "member ./up/x at offset 72")
  lu.assertNil(w.streamed)
  lu.assertNil(w.aside)
end

function TestStreamFlow:test_a_copy_that_is_not_mounted_is_never_fed()
  local w = self.w
  w.on_command = function(_, argv)
    if argv[1] == "sh" and argv[3]:find("cp -p", 1, true) then w.usr_unmounted = true end
  end
  lu.assertEquals(fails(w.migration.migrate, w.opts(via_stream)).code, "ALT_NOT_MOUNTED")
  lu.assertNil(w.streamed)
end

function TestStreamFlow:test_a_restore_that_fails_is_run_again_by_resume_the_same_way()
  local w = self.w
  w.stream_status, w.stream_says = 1, "restore: 0511-133 No space left\n"
  local e = fails(w.migration.migrate, w.opts(via_stream))
  lu.assertEquals(e.code, "COMMAND")
  lu.assertStrContains(e.output, "0511-133")
  w.stream_status, w.stream_says, w.aside = nil, nil, nil
  lu.assertEquals(w.migration.resume(w.opts()), 0)
  lu.assertEquals({ w.streamed, w.restored, w.saved }, { 2, 0, 1 })
  lu.assertNil(w.aside) -- by now the copy's restore and libraries are of two levels
end

function TestStreamFlow:test_phases_run_one_by_one_stay_with_the_way_they_were_begun()
  local w = self.w
  w.tcb = true
  lu.assertEquals(w.migration.migrate(w.opts { restore_via = "stream", phases = { 1, 2, 3, 4 } }), 0)
  lu.assertEquals(w.migration.migrate(w.opts { phases = { 5 } }), 0)
  lu.assertEquals({ w.streamed, w.restored }, { 1, 0 })
  lu.assertTrue(w.tcb_off)
end

function TestStreamFlow:test_tcb_is_turned_off_also_if_the_way_was_changed()
  local w = self.w
  w.tcb, w.stream_status = true, 1
  fails(w.migration.migrate, w.opts(via_stream))
  lu.assertEquals(w.migration.resume(w.opts { restore_via = "nfs" }), 0)
  lu.assertEquals(w.restored, 1)
  lu.assertTrue(w.tcb_off)
end

function TestStreamFlow:test_what_differs_is_restored_over_nfs_and_must_be_right_then()
  local w = self.w
  w.differences = { { path = "/usr/bin/ls", what = "mode", want = "0555", have = "0755" } }
  lu.assertEquals(w.migration.migrate(w.opts(via_stream)), 0)
  lu.assertEquals(w.restored, 1)
  lu.assertStrContains(world.log_text(w), "altmig: /usr/bin/ls: mode 0755 instead of 0555")
  world.remove(w)
  self.w = world.new()
  w = self.w
  w.differences = { { path = "/usr/bin/ls", what = "mode", want = "0555", have = "0755" } }
  w.differences_left = w.differences
  local e = fails(w.migration.migrate, w.opts(via_stream))
  lu.assertEquals(e.code, "RESTORE_DIFFERS")
  lu.assertStrContains(e.message, "/usr/bin/ls: mode 0755 instead of 0555")
end

local function acl(id, kind)
  return ("<I4I4I2I2I2I2"):pack(28, 0x02000800, 0, 7, 5, 0) .. ("<I2I2I2I2>I4"):pack(12, 1 << 14 | 6, 8, kind or 2, id)
end

function TestStreamFlow:test_access_rights_are_set_in_one_job_and_the_rest_is_listed()
  local w = self.w
  w.files["/etc/passwd"], w.files["/etc/group"] = "root:!:0:0::/:/usr/bin/ksh\n", "system:!:0:root\nsecurity:!:7:root\n"
  w.secured = { { path = "/usr/bin/a b", acl = acl(7) }, { path = "/usr/bin/it's", acl = acl(99, 1) },
    { path = "/usr/bin/su", pcl = "x" }, { path = "/usr/bin/bad", acl = ("x"):rep(20) }, { path = "/usr/bin/a b", acl = acl(0) } }
  w.secured_dropped = 2
  w.acl_answer = "altmig-failed 2\n"
  lu.assertEquals(w.migration.migrate(w.opts()), 0)
  local _, jobs = w.acl_script:gsub("\nset_acl ", "")
  lu.assertEquals(jobs, 2)
  lu.assertStrContains(w.acl_script, "extended permissions\n    enabled\n    permit   rw-     g:system\nEND_OF_ACL")
  lu.assertStrContains(w.acl_script,
    "attributes: SUID\nbase permissions\n    owner(root):  rwx\n    group(security):  r-x\n    others:  ---\n")
  lu.assertStrContains(w.acl_script, "u:99\n")
  local log = world.log_text(w)
  lu.assertStrContains(log, "altmig: extended access rights of 1 files set on the client.")
  lu.assertStrContains(log, "altmig: access rights of 5 files could not be set;")
  lu.assertStrContains(log, "altmig: ACL of /usr/bin/it's not set")
  lu.assertStrContains(log, "altmig: PCL of /usr/bin/su not set")
  lu.assertStrContains(log, "altmig: ACL of /usr/bin/bad not set: ACL: length")
  lu.assertStrContains(log, "altmig: ACL of 2 further files not set")
end

function TestStreamFlow:test_tcb_is_a_warning_by_the_stream()
  local w = self.w
  w.tcb = true
  lu.assertEquals(fails(w.migration.migrate, w.opts()).code, "INHIBITOR")
  lu.assertEquals(w.migration.migrate(w.opts(via_stream)), 0)
  lu.assertTrue(w.tcb_off)
  lu.assertEquals(w.tcb_change[3], { deflt = "tcb_disabled" })
end
