-- SPDX-License-Identifier: MIT
-- The base system through SSH into the client's restore, beside the way over NFS; and access rights
-- that NFS does not carry.

local lu = require "luaunit"
local sys = require "altmig.sys"
local lab = require "lab_driver"

local client, master = lab.client, lab.master
local image = "/export/nim/lpp_source/AIX72TL5/installp/ppc/bos"

TestStream = {}

lab.fresh_for_each(TestStream)

local function run(want, program, ...)
  local argv = table.move(lab.flags, 1, #lab.flags, 1, {})
  for _, word in ipairs { ... } do argv[#argv + 1] = word end
  if program == "altmig" then table.insert(argv, 1, "migrate") end
  local status, out, problem = lab.engine(program, argv)
  lu.assertEquals(status, want, out .. problem)
  return out .. problem
end

local function inside(host, script)
  local status, out, problem = lab.altmig({ "lab", "ssh", host,
    "cat > /tmp/script.lua && /usr/lpp/lab/bin/aixlua /tmp/script.lua; s=$?; rm -f /tmp/script.lua; exit $s" }, { stdin = script })
  lu.assertEquals(status, 0, out .. problem)
  return out
end

--- One line a file of the copy: path and digest of type, mode, owner, size, content, target. Not what
--- differs between any two runs: bookkeeping, logs, device numbers, and the identifiers the target disk got.
local function copy_digest()
  local out = inside(client, [[
    local t = assert(require "altmig.tree".at "/alt_inst")
    local left_out = { "/dev", "/tmp", "/var/tmp", "/var/adm/ras", "/etc/objrepos", "/usr/lib/objrepos", "/usr/share/lib/objrepos",
      "/lpp/save.config", "/image.data", "/etc/filesystems" }
    local exclude = {}
    for _, path in ipairs(left_out) do exclude[#exclude + 1], exclude[#exclude + 2] = path, path .. "/*" end
    local lines = {}
    for path, hex in pairs(assert(t:digest_list("/", { exclude = exclude }))) do lines[#lines + 1] = path .. " " .. hex end
    table.sort(lines)
    io.write(table.concat(lines, "\n"), "\n")]])
  return out
end

local function assert_same(a, b)
  local x, different = {}, {}
  for path, hex in a:gmatch("([^\n]+) (%x+)\n") do x[path] = hex end
  for path, hex in b:gmatch("([^\n]+) (%x+)\n") do
    if x[path] ~= hex then different[#different + 1] = path end
    x[path] = nil
  end
  for path in pairs(x) do different[#different + 1] = path end
  table.sort(different)
  lu.assertEquals(table.concat(different, "\n"), "")
end

local by_nfs

-- The tree that the way over NFS makes, once.
local function nfs_digest()
  if not by_nfs then
    run(0, "nimadm", "-P", "1,2,3,4,5")
    by_nfs = copy_digest()
    lu.assertStrContains(by_nfs, "/usr/bin/ls ")
    lab.must("load", "fresh")
  end
  return by_nfs
end

function TestStream:test_1_the_same_tree_as_over_nfs()
  local wanted = nfs_digest()
  local said = run(0, "altmig", "-P", "1,2,3,4,5", "--restore-via", "stream", "-V")
  lu.assertStrContains(said, "compared with the image over NFS: 0 differences.")
  lu.assertNotNil(said:match("altmig: %d+ files, %d+ directories, %d+ links, %d+ bytes restored in [%d.]+ s with %d+ calls%."), said)
  assert_same(wanted, copy_digest())
  lu.assertEquals(lab.on(client, "ls -a /alt_inst/var/adm/ras/alt_mig | grep restore; :"), "")
end

function TestStream:test_2_tcb_needs_the_stream()
  lab.must("scenario", "tcb-enabled")
  lu.assertStrContains(run(3, "nimadm"), "--restore-via stream")
  local said = run(0, "altmig", "--restore-via", "stream")
  lu.assertStrContains(said, "Trusted Computing Base")
  lu.assertStrContains(lab.on(client, "ODMDIR=/usr/lib/objrepos odmget -q attribute=TCB_STATE PdAt"), '"tcb_enabled"')
  lu.assertStrContains(lab.must("boot", client, "--power"), "7200-05-06")
  lu.assertNil(lab.on(client, "ODMDIR=/usr/lib/objrepos odmget -q attribute=TCB_STATE PdAt"):find("tcb_enabled", 1, true))
end

-- The image with an ACL for one file, one with a name nobody has, and privileges for a third.
local function secure_image()
  inside(master, ([[
    local bff, sys = require "altmig.bff", require "altmig.sys"
    local path = %q
    local a = assert(bff.open(path))
    local w = assert(bff.create(path .. ".new"))
    local function acl(mode, id)
      return ("<I4I4I2I2I2I2"):pack(28, 0x02000000 | mode & 3584, 0, mode >> 6 & 7, mode >> 3 & 7, mode & 7)
        .. ("<I2I2I2I2>I4"):pack(12, 1 << 14 | 6, 8, 2, id) .. ("\0"):rep(4)
    end
    for m in a:members() do
      if m.type == "file" then m.data = assert(a:read(m)) end
      if m.name == "./usr/bin/passwd" then m.acl = acl(m.mode, 7) end
      if m.name == "./usr/bin/at" then m.acl = ("<I4"):pack(28) .. acl(m.mode, 0):sub(5, 18) .. ("\0"):rep(14) end
      if m.name == "./usr/bin/su" then m.pcl = ("<I4I4"):pack(16, m.aix_mode) .. "\0\0\0\1\0\0\0\0" end
      assert(w:add(m))
    end
    a:close()
    assert(w:close())
    assert(sys.rename(path .. ".new", path))]]):format(image))
end

function TestStream:test_3_extended_rights_after_nfs_and_by_the_stream()
  secure_image()
  lab.must("save", "secured")
  local said = run(0, "nimadm", "-P", "1,2,3,4,5", "-V")
  lu.assertStrContains(said, "extended access rights of 1 files set on the client.")
  lu.assertStrContains(said, "access rights of 2 files could not be set")
  lu.assertStrContains(said, "altmig: PCL of /usr/bin/su not set")
  lu.assertStrContains(said, "altmig: ACL of /usr/bin/at not set")
  local over_nfs = lab.on(client, "chroot /alt_inst aclget /usr/bin/passwd")
  lu.assertStrContains(over_nfs, "permit   rw-     g:security")
  lu.assertStrContains(over_nfs, "attributes: SUID")
  local _, report = lab.engine("altmig", { "report", client })
  lu.assertStrContains(report, "/usr/bin/su")
  lab.must("load", "secured")
  said = run(0, "altmig", "-P", "1,2,3,4,5", "--restore-via", "stream", "-V")
  lu.assertStrContains(said, "0 differences")
  lu.assertEquals(lab.on(client, "chroot /alt_inst aclget /usr/bin/passwd"), over_nfs)
end

-- Stops the client's restore half-way, kills the engine, resumes.
function TestStream:test_4_killed_in_the_middle_of_the_stream()
  local wanted = nfs_digest()
  run(0, "altmig", "-P", "1,2,3,4", "--restore-via", "stream")
  -- What the old level does not have shows how far it is.
  local watch = "until [ -e /alt_inst/usr/bin/rksh ]; do :; done; "
    .. "kill -STOP $(cat /alt_inst/var/adm/ras/alt_mig/restore/pid); touch /tmp/stopped"
  local watcher = assert(sys.spawn({ "/bin/sh", "-c", ("exec '%s' lab ssh %s '%s' >/dev/null 2>&1"):format(os.getenv "ALTMIG_BIN",
    client, watch) }, { env = { ALTMIG_LAB = lab.dir } }))
  local output = os.tmpname()
  local words = table.move(lab.flags, 1, #lab.flags, 2, { "migrate" })
  table.move({ "-P", "5", "--restore-via", "stream" }, 1, 4, #words + 1, words)
  local engine = lab.engine_spawn("altmig", words, output)
  sys.wait(watcher)
  lab.on(client, "ls /tmp/stopped")
  sys.sleep(0.3)
  local text = sys.read_file(output) or ""
  lu.assertStrContains(text, "Restoring base operating system.")
  lu.assertNil(text:find("Merging system configuration files.", 1, true))
  lab.kill(engine)
  lu.assertStrContains(lab.on(client, "ps -ef"), "/var/adm/ras/alt_mig/restore/restore")
  lu.assertStrContains(wanted, "/usr/sbin/shdaemon ")
  run(0, "altmig", "-P", "5", "--restore-via", "stream")
  assert_same(wanted, copy_digest())
  lu.assertNil(lab.on(client, "ps -ef"):find("alt_mig/restore/restore", 1, true))
  local status, out, problem = lab.engine("altmig", { "resume", client })
  lu.assertEquals(status, 0, out .. problem)
  lu.assertStrContains(lab.must("boot", client, "--power"), "7200-05-06")
end
