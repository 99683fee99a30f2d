-- SPDX-License-Identifier: MIT
-- What goes wrong at real sites: keys, exports, space, filesets, two runs at once; and the prompt in a
-- migration that was killed.

local lu = require "luaunit"
local sys = require "altmig.sys"
local lab = require "lab_driver"

local client, master = lab.client, lab.master
local images = "/export/nim/lpp_source/AIX72TL5/installp/ppc"

TestTroubleInTheLab = {}

lab.fresh_for_each(TestTroubleInTheLab)

local function nimadm(...)
  local words = { ... }
  return lab.engine("nimadm", table.move(lab.flags, 1, #lab.flags, #words + 1, words))
end

local function resume(want, ...)
  local status, out, problem = lab.engine("altmig", { "resume", client, ... })
  lu.assertEquals(status, want, out .. problem)
  return out .. problem
end

--- A copy of the lab's nim.lua with one word replaced; returns its path.
local function nim_with(from, to)
  local text = assert(sys.read_file(lab.dir .. "/nim.lua"))
  local at, last = text:find(from, 1, true)
  lu.assertNotNil(at, from)
  -- the client's entry is the second
  local again, again_last = text:find(from, last + 1, true)
  text = text:sub(1, (again or at) - 1) .. to .. text:sub((again_last or last) + 1)
  local path = lab.dir .. "/nim-changed.lua"
  assert(sys.write_file(path, text, { mode = 384 }))
  return path
end

function TestTroubleInTheLab:test_1_ssh_that_cannot_be_trusted_or_used()
  local before = lab.on(client, "lspv; mount; exportfs")
  local function refused(code, words, from, to)
    local status, out, problem = nimadm("--nim", nim_with(from, to))
    lu.assertEquals(status, 1, out .. problem)
    lu.assertStrContains(problem, code)
    lu.assertStrContains(problem, words)
    lu.assertEquals(lab.on(client, "lspv; mount; exportfs"), before)
  end
  refused("SSH_CONNECT", client, "port = 22", "port = 2")
  refused("SSH_KEY", "/nonexistent/key", lab.dir .. "/key\"", "/nonexistent/key\"")
  os.execute(("rm -f %s/other*; ssh-keygen -q -t ed25519 -N '' -f %s/other"):format(lab.dir, lab.dir))
  refused("SSH_AUTH", client, lab.dir .. "/key\"", lab.dir .. "/other\"")
  assert(sys.write_file(lab.dir .. "/nobody_known", "", { mode = 384 }))
  refused("SSH_HOSTKEY_UNKNOWN", "ssh-keyscan", lab.dir .. "/known_hosts", lab.dir .. "/nobody_known")
  local public = sys.read_file(lab.dir .. "/other.pub"):match("^(%S+ %S+)")
  assert(sys.write_file(lab.dir .. "/wrong_known", "10.77.0.3 " .. public .. "\n", { mode = 384 }))
  refused("SSH_HOSTKEY_CHANGED", "ssh-keygen -R", lab.dir .. "/known_hosts", lab.dir .. "/wrong_known")
end

-- Links that the client's root makes in its copy: phase 3 stops, and nothing of the master is covered.
local function try_hostile_links()
  local state = "mount; ls -ld /home /etc/passwd; cat /etc/passwd; ls -l /dev/null"
  local before = lab.on(master, state)
  local function stopped(where, make, undo)
    lab.on(client, make)
    local status, out, problem = nimadm("-P", "3")
    lu.assertEquals(status, 1, out .. problem)
    lu.assertStrContains(problem, "phase 3 failed")
    lu.assertStrContains(problem, "(LINK_IN_PATH)")
    lu.assertStrContains(problem, where)
    lu.assertStrContains(problem, "remedy:")
    lu.assertEquals(lab.on(master, state), before)
    lab.on(client, undo)
  end
  stopped("/ALT_MIG_IMAGES in the copy is no directory but a link", "ln -s /home /alt_inst/ALT_MIG_IMAGES",
    "rm /alt_inst/ALT_MIG_IMAGES")
  stopped("_alt/alt_inst/dev is a symbolic link", "cd /alt_inst && mv dev dev.keep && ln -s /dev dev",
    "cd /alt_inst && rm dev && mv dev.keep dev")
end

-- What scripts made in the /dev that they saw is in that of the copy, but for a device; and they saw harmless ones.
local function assert_dev_was_carried()
  lu.assertStrMatches(lab.on(client, "cd /dev; ls -l altmig.link; ls -ld altmig.dir; cat altmig.dir/file"),
    "l[^\n]* altmig.link %-> lft0\ndrwxr%-x%-%-%-[^\n]*\ncontent\n")
  lu.assertEquals(lab.on(client, "ls /dev/altmig.node 2>/dev/null; :"), "")
  lu.assertEquals(lab.on(client, "cat /tmp/altmig.devices"), "altmig.dir\naltmig.link\naltmig.node\nnull\nrandom\ntty\nurandom\nzero\n")
  lu.assertEquals(lab.on(master, "ls -d /*_alt 2>/dev/null; :"), "")
end

function TestTroubleInTheLab:test_2_an_export_that_is_missing_or_read_only()
  local status, out, problem = nimadm("-P", "1,2")
  lu.assertEquals(status, 0, out .. problem)
  try_hostile_links()
  status, out, problem = nimadm("-P", "3,4")
  lu.assertEquals(status, 0, out .. problem)
  lab.on(client, "exportfs -u /alt_inst/usr") -- it is made again, and then by the flow read-only
  local flow = lab.dir .. "/dev_flow.lua"
  assert(sys.write_file(flow, assert(sys.read_file(DATA_DIR .. "/dev_flow.lua")), { mode = 384 }))
  local text = resume(1, "--script", flow)
  lu.assertStrContains(text, "phase 5 failed")
  lu.assertStrContains(text, "/alt_inst/usr")
  lu.assertStrContains(text, "EROFS")
  -- The failure withdrew what was there; the resume makes the exports again.
  text = resume(0)
  lu.assertStrContains(text, "altmig: /dev/altmig.node: a script made this device (c 44,1)")
  lu.assertStrContains(lab.must("boot", client, "--power"), "7200-05-06")
  assert_dev_was_carried()
end

function TestTroubleInTheLab:test_3_a_file_system_that_cannot_grow()
  local status, out, problem = nimadm("-P", "1,2,3,4")
  lu.assertEquals(status, 0, out .. problem)
  lab.must("scenario", "partitions-taken")
  lab.on(client, "dd if=/dev/zero of=/alt_inst/usr/fill bs=1048576 2>/dev/null; :")
  local text = resume(1)
  lu.assertStrContains(text, "phase 5 failed on " .. client)
  lu.assertStrContains(text, "1 partition (64 MB) of 64 MB needed, 0 partitions (0 MB) free: /alt_inst/usr by 1 partition (")
  lu.assertNotStrContains(text, "Expanding")
  lab.on(client, "rm /alt_inst/usr/fill")
  -- Phase 5 has room now. Phase 6 needs three partitions, and looks before it takes the first.
  lab.must("scenario", "partitions-taken", "2")
  text = resume(1)
  lu.assertStrContains(text, "phase 6 failed on " .. client)
  lu.assertStrContains(text, "3 partitions (192 MB) of 64 MB needed, 2 partitions (128 MB) free: /alt_inst/opt by 1 partition (")
  lu.assertNotStrContains(text, "Expanding")
  lab.must("scenario", "partitions-taken", "3")
  text = resume(0)
  local size = "\nFilesystem size changed to %d+\n"
  lu.assertStrMatches(text, ".*\nExpanding /alt_inst/opt client filesystem%." .. size
    .. "Checking space requirements for installp install%.\nExpanding /alt_inst/usr client filesystem%." .. size
    .. "Expanding /alt_inst/var client filesystem%." .. size .. "Installing software with the installp installer%.\n.*")
  lu.assertStrContains(lab.must("boot", client), "7200-05-06")
end

function TestTroubleInTheLab:test_4_a_fileset_that_cannot_be_installed()
  local name = lab.on(master, "cd " .. images .. "; ls | grep openssl.base"):match("%S+")
  lu.assertNotNil(name)
  local function put_away() lab.on(master, ("mv %s/%s /tmp/away"):format(images, name)) end
  local function put_back() lab.on(master, ("mv /tmp/away %s/%s"):format(images, name)) end
  -- The SPOT's export is one line for all hosts: the others of it stay as they are, whatever happens to this client.
  local spot = "/export/nim/spot/spot_AIX72TL5/usr"
  lab.on(master, ("exportfs -i -o ro,access=%s,root=%s %s"):format(master, master, spot))
  local exported = lab.on(master, "exportfs")
  -- The plan says it before anything is begun.
  put_away()
  local before = lab.on(client, "lspv; exportfs; mount")
  local status, out, problem = nimadm()
  lu.assertEquals(status, 3, out .. problem)
  lu.assertStrMatches(out .. problem, ".*phase 6 cannot install openssh.base.client [%d.]+: openssh.base.client [%d.]+ needs "
    .. "%*prereq openssl.base [%d.]+: openssl.base is at [%d.]+, no image has it.*")
  lu.assertEquals(lab.on(client, "lspv; exportfs; mount"), before)
  -- An image that is there then and is gone when phase 6 begins.
  put_back()
  status, out, problem = nimadm("-P", "1,2,3,4,5")
  lu.assertEquals(status, 0, out .. problem)
  put_away()
  problem = resume(1)
  lu.assertStrContains(problem, "phase 6 failed")
  lu.assertStrContains(problem, "INSTALLP")
  lu.assertStrContains(problem, "openssh.base")
  lu.assertEquals(lab.on(master, "exportfs"), exported)
  lu.assertStrContains(lab.on(client, "bootlist -m normal -o"), "hdisk0 blv=hd5")
  put_back()
  resume(0)
  lu.assertEquals(lab.on(master, "exportfs; ls -d /var/adm/ras/alt_mig/exports.lock 2>/dev/null; :"), exported)
  lu.assertStrContains(lab.must("boot", client), "7200-05-06")
end

function TestTroubleInTheLab:test_4b_an_image_that_is_damaged_in_the_end_leaves_the_bootlist_alone()
  local status, out, problem = lab.engine("altmig", { "migrate", "--script", DATA_DIR .. "/boot_flow.lua", table.unpack(lab.flags) })
  lu.assertEquals(status, 1, out .. problem)
  lu.assertStrContains(problem, "phase 11 failed")
  lu.assertStrContains(problem, "hdisk2: boot image: kernel and RAM file system are not those that were written")
  lu.assertStrContains(problem, "BOOT_NOT_GOOD")
  lu.assertStrContains(problem, "bootlist -m normal hdisk2")
  lu.assertNotStrContains(out, "Bootlist is set")
  lu.assertStrContains(lab.on(client, "bootlist -m normal -o"), "hdisk0 blv=hd5")
  lu.assertStrContains(lab.must("boot", client), "7100-05-03")
  local booted, text = lab.altmig { "lab", "boot", client, "--disk", "hdisk2" }
  lu.assertEquals(booted, 1)
  lu.assertStrContains(text, "LED 201")
  -- What is typed as it says.
  resume(0, "--accept-boot-image")
  lu.assertStrContains(lab.on(client, "bootlist -m normal -o"), "hdisk2 blv=hd5")
end

function TestTroubleInTheLab:test_5_two_runs_at_once()
  local output = os.tmpname()
  local pid = lab.engine_spawn("nimadm", lab.flags, output)
  local deadline = sys.time() + 60
  repeat
    sys.sleep(0.05)
    lu.assertTrue(sys.time() < deadline)
  until (sys.read_file(output) or ""):find("Executing nimadm phase 1", 1, true)
  local status, _, problem = nimadm()
  lu.assertEquals(status, 4)
  lu.assertStrContains(problem, "locked by another run")
  -- Beside it, check names the run and nothing that belongs to it.
  for _, line in ipairs { "Generating a list of files", "Executing nimadm phase 5", "Executing nimadm phase 8" } do
    repeat
      sys.sleep(0.02)
      lu.assertTrue(sys.time() < deadline + 60)
    until (sys.read_file(output) or ""):find(line, 1, true)
    local said, out
    said, out, problem = lab.engine("altmig", { "check", table.unpack(lab.flags, 1, #lab.flags - 1) })
    lu.assertEquals(said, 3, out .. problem)
    lu.assertStrContains(out, "a migration of adachi-AIX7 is running now: pid ")
    lu.assertStrContains(out, ": 1 inhibitor, 0 warnings")
    for _, word in ipairs { "nimadm -C", "exportfs -u", "umount", "resume" } do lu.assertNotStrContains(out, word) end
  end
  sys.wait(pid)
  lu.assertStrContains(sys.read_file(output), "Cleaning up alt_disk_migration on client")
end

function TestTroubleInTheLab:test_6_the_prompt_in_a_migration_killed_in_phase_5()
  local output = os.tmpname()
  local pid = lab.engine_spawn("nimadm", lab.flags, output)
  local deadline = sys.time() + 60
  repeat
    sys.sleep(0.01)
    lu.assertTrue(sys.time() < deadline)
  until (sys.read_file(output) or ""):find("Restoring base operating system.", 1, true)
  lab.kill(pid)

  local status, out, problem = lab.engine("altmig", { "repl", client }, { stdin = table.concat({
    "m.name", "m.alt:stat('/etc/passwd').type", "function twice(n)", "  return 2 * n", "end", "twice(21)",
    "error('on purpose')", ":phases", ":sh oslevel -s", "m:export('/alt_inst')", "m.alt:write('/tmp/prompt', 'early')",
    "m.alt:exists('/tmp/prompt')", ":rw", "m.alt:write('/tmp/prompt', 'late')", "m.alt:read('/tmp/prompt')", ":sh oslevel -s", ":resume",
    "m:first_open_phase()" }, "\n") .. "\n" })
  lu.assertEquals(status, 0, out .. problem)
  local all = out .. problem
  lu.assertStrContains(out, "adachi-AIX7")
  lu.assertStrContains(out, "file")
  lu.assertStrContains(out, "42")
  lu.assertStrContains(all, "on purpose")
  lu.assertStrContains(all, "stack traceback")
  lu.assertStrMatches(all, ".*5%s+begun.*")
  lu.assertStrContains(all, ":rw")
  lu.assertEquals(select(2, problem:gsub("%[READ_ONLY%]", "")), 2, problem)
  lu.assertStrContains(out, 'false\nwritable\ntrue\n"late"\n')
  lu.assertStrContains(out, "7100-05-03")
  lu.assertStrContains(out, "Cleaning up alt_disk_migration on client adachi-AIX7.")
  lu.assertStrContains(lab.must("boot", client), "7200-05-06")
end

-- What alternate-disk commands leave when they fail, and a client that was rebooted in between.

local function world_records()
  local text = lab.must("exec", "sh", "-c", "cat $ALTMIG_STATE/" .. client .. "/journal")
  return select(2, text:gsub('"event":"world"', ""))
end

function TestTroubleInTheLab:test_7_a_client_that_was_rebooted_goes_on()
  local status, out, problem = nimadm("-P", "1,2,3,4,5")
  lu.assertEquals(status, 0, out .. problem)
  lab.must("boot", client, "--power")
  lu.assertEquals(lab.on(client, "mount | grep -c alt_inst; :"), "0\n")
  lab.must("quirk", "force-spelling", "Yes")
  local text = resume(0)
  lu.assertStrContains(text, "is newer than that of the running system")
  lu.assertStrContains(text, "once more with FORCE=Yes")
  lu.assertEquals(world_records(), 2)
  lu.assertStrContains(lab.must("boot", client), "7200-05-06")
end

function TestTroubleInTheLab:test_8_a_phase_11_that_fails_time_and_again()
  local status, out, problem = nimadm("-P", "1,2,3,4,5,6,7,8,9,10")
  lu.assertEquals(status, 0, out .. problem)
  local class = "/alt_inst/etc/objrepos/CuDv"
  lab.on(client, ("mv %s %s.away"):format(class, class))
  lab.must("quirk", "phase3-failure", "leaves-mounted")
  local text = resume(1)
  lu.assertStrContains(text, "phase 11 failed on " .. client)
  lu.assertStrContains(text, "varied on, mounted at /alt_inst")
  lab.on(client, ("mv %s.away %s"):format(class, class))
  lab.must("scenario", "ghost-device")
  lab.must("quirk", "phase3-failure", "cleans-up")
  text = resume(1)
  lu.assertNotStrContains(text, "alt_rootvg_op -W")
  lu.assertStrContains(text, "varied on, not mounted; the bootlist is hdisk0")
  lab.must("quirk", "wake-up", "refuses")
  lu.assertStrContains(resume(1), "(WAKE_REFUSED)")
  lab.must("quirk", "wake-up", "works")
  lab.must("quirk", "force-spelling", "both")
  -- The engine's own finding says what to type.
  lab.on(client, "rm -f /dev/ghostlv /dev/ghostvg; odmdelete -o CuDvDr -q value3=ghostlv; odmdelete -o CuDvDr -q value3=ghostvg")
  lu.assertStrContains(resume(0), "once more with FORCE=yes")
  lu.assertStrContains(lab.on(client, "bootlist -m normal -o"), "hdisk2 blv=hd5")
  lu.assertStrContains(lab.must("boot", client), "7200-05-06")
end

function TestTroubleInTheLab:test_9_a_copy_that_cannot_be_gone_on_with_is_begun_again_as_the_remedy_says()
  local function begin_again(text)
    for _, command in ipairs { { text:match("begin again: nimadm (%-C %-c %S+ %-s [^%s,]+), then") },
      { text:match(", then: nimadm (%-c [^\n]*)") } } do
      local words = {}
      for word in command[1]:gsub('"', ""):gmatch("%S+") do words[#words + 1] = word end
      if words[1] == "-c" then table.move({ "-P", "1" }, 1, 2, #words + 1, words) end
      local status, out, problem = lab.engine("nimadm", words)
      lu.assertEquals(status, 0, out .. problem)
    end
    lu.assertStrContains(lab.on(client, "lspv"), "altinst_rootvg")
  end
  lab.must("quirk", "remove-missing", "says-nothing")
  local status, out, problem = nimadm("-P", "1,2")
  lu.assertEquals(status, 0, out .. problem)
  lab.must("quirk", "wake-up", "renames")
  lab.must("boot", client, "--power")
  local text = resume(1)
  lu.assertStrContains(text, "(COPY_NAMES)")
  begin_again(text)
  lab.must("quirk", "wake-up", "works")
  lab.on(client, "mkdir -p /ALT_MIG_SPOT; /ALT_MIG_SPOT/sbin/alt_rootvg_op -X altinst_rootvg")
  text = resume(1)
  lu.assertStrContains(text, "(COPY_GONE)")
  lu.assertNotStrContains(text, "the copy is kept")
  begin_again(text)
end
