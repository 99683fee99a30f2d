-- SPDX-License-Identifier: MIT
-- The storage commands of the lab's client: the alternate rootvg made, grown, closed, booted, woken
-- up and removed, with the states and messages an administrator would see.

local lu = require "luaunit"
local lab = require "lab_driver"

local client, master = lab.client, lab.master
local SPOT <const> = "/export/nim/spot/spot_AIX72TL5/usr"
local COPY <const> = "/ALT_MIG_SPOT/sbin/alt_disk_copy -M 7.2 "

local function on(...) return lab.on(client, string.format(...)) end

local function refused(command, text)
  local status, out, problem = lab.try_on(client, command)
  lu.assertNotEquals(status, 0, command)
  lu.assertStrContains(out .. problem, text)
end

local function states()
  local list = {}
  for name, vg, state in on("lspv"):gmatch("(hdisk%d+)%s+%x+%s+(%S+) *(%l*)") do list[name] = vg .. " " .. state end
  return list
end

local function make_image()
  lu.assertStrMatches(on("chroot /alt_inst bosboot -a -b /tmp/image; rm /alt_inst/tmp/image"),
    "\nbosboot: Boot image is %d+ 512 byte blocks%.\n")
  lu.assertStrMatches(on("bosboot -a -d /dev/hdisk2 -l /dev/alt_hd5"), "\nbosboot: Boot image is %d+ 512 byte blocks%.\n")
end

-- The lines a migration prints, from the one to the other.
local function lines_between(first, last)
  local list
  for line in io.lines(DATA_DIR .. "/nimadm-lines.txt") do
    if line:match(first) then list = {} end
    if list then list[#list + 1] = line .. "\n" end
    if list and line:match(last) then break end
  end
  return table.concat(list)
end

local function boot(...)
  local status, out, problem = lab.altmig { "lab", "boot", client, ... }
  return status, out .. problem
end

local squashed

TestStorage = {}

function TestStorage:setUp()
  lab.require_root()
  if not TestStorage.ready then
    lab.up()
    TestStorage.ready = true
    -- Root of a host that is not in root= is nobody there, and nobody has the programs of root.
    lab.on(master, "exportfs -i -o ro,access=" .. client .. " " .. SPOT)
    on("mkdir -p /ALT_MIG_SPOT && mount -o ro,vers=3,hard,intr %s:%s /ALT_MIG_SPOT", master, SPOT)
    squashed = { lab.try_on(client, "for f in alt_disk_copy mkboot installp; "
      .. "do test -x /ALT_MIG_SPOT/sbin/$f && echo $f; head -c 2 /ALT_MIG_SPOT/sbin/$f; done") }
    on("umount /ALT_MIG_SPOT")
    lab.on(master, "exportfs -i -o ro,root=" .. client .. ",access=" .. client .. " " .. SPOT)
    on("mount -o ro,vers=3,hard,intr %s:%s /ALT_MIG_SPOT", master, SPOT)
  end
end

function TestStorage:test_0_root_that_is_nobody_has_nothing_of_a_spot()
  lu.assertEquals(squashed[2], "installp\n#!")
  lu.assertStrContains(squashed[3], "alt_disk_copy")
  lu.assertStrContains(on("for f in alt_disk_copy mkboot; do test -x /ALT_MIG_SPOT/sbin/$f && echo $f; done"), "alt_disk_copy\nmkboot\n")
end

function TestStorage:test_1_free_disk()
  lu.assertEquals(states().hdisk0, "rootvg active")
  lu.assertEquals(states().hdisk1, "datavg active")
  lu.assertStrContains(on("lspv"), "hdisk2          none                                None")
  refused("getlvodm -j hdisk2", "0516-320")
  refused(COPY .. "-P1 -d hdisk1", "0505-126 alt_disk_install: target disk hdisk1 has a volume group assigned to it.")
  refused(COPY .. "-P1 -d hdisk9", "hdisk9 is not available")
  lu.assertStrContains(on("lsvg"), "rootvg\ndatavg\n")
end

function TestStorage:test_2_phase_1()
  on("echo data > /home/one && ln /home/one /home/two && touch -t 200102030405 /home/one"
    .. " && dd if=/dev/zero of=/home/sparse bs=1 count=1 seek=20000000 2>/dev/null && chmod 4755 /home/two")
  local out = on(COPY .. '-P1 -d "hdisk2"')
  lu.assertStrContains(out, "Checking disk sizes.\nLOGICAL_VOLUME= hd11admin\nFS_LV= /dev/hd11admin\nCreating cloned")
  out = out:gsub("LOGICAL_VOLUME= [^\n]*\nFS_LV= [^\n]*\n", "")
  lu.assertEquals(out, lines_between("^Calling mkszfile", "^Phase 1 complete"))
  lu.assertEquals(states().hdisk2, "altinst_rootvg active")
  -- One by one, as the copy was asked to keep them.
  lu.assertEquals(on("cd /alt_inst/home; cat two; ls -l one | awk '{print $1, $2}'; du -k sparse | awk '{print $1}'"),
    "data\n-rwsr-xr-x 2\n0\n")
  lu.assertEquals(on("find /alt_inst/home/one -newer /usr/lib/boot/unix_64"), "")
  lu.assertEquals(on("ls -d /alt_inst/alt_inst 2>/dev/null; ls /alt_inst/proc; grep -c alt_inst /alt_inst/etc/filesystems; true"),
    "0\n")
end

function TestStorage:test_3_volumes_of_the_copy()
  local rows, listed = {}, on("lsvg -l altinst_rootvg")
  lu.assertStrContains(listed, "altinst_rootvg:\nLV NAME")
  for name, kind, lps, state, at in listed:gmatch("\n(alt_%S+)%s+(%S+)%s+(%d+)%s+%d+%s+1%s+(%S+)%s+(%S+)") do
    rows[name] = { kind, lps, state, at }
  end
  lu.assertEquals(rows.alt_hd5, { "boot", "1", "closed/syncd", "N/A" })
  lu.assertEquals({ rows.alt_hd2[1], rows.alt_hd2[3], rows.alt_hd2[4] }, { "jfs2", "open/syncd", "/alt_inst/usr" })
  lu.assertEquals(rows.alt_livedump[4], "/alt_inst/var/adm/ras/livedump")
  lu.assertStrMatches(on("df -k /alt_inst/var"), ".*/dev/alt_hd9var%s+%d+%s+%d+%s+%d+%%%s+%d+%s+%d+%% /alt_inst/var\n")
  lu.assertStrContains(on("mount"), "/dev/alt_hd4     /alt_inst        jfs2")
  refused(COPY .. "-P1 -d hdisk2", "0505-126 alt_disk_install: target disk hdisk2 has a volume group assigned to it.")
  lab.must("quirk", "phase3-failure", "leaves-mounted")
  refused(COPY .. "-P3 -d hdisk2", "altinst_rootvg cannot boot")
  lu.assertStrContains(on("df -k /alt_inst/usr"), "/dev/alt_hd2")
  lab.must("quirk", "phase3-failure", "cleans-up")
  local said = select(2, lab.try_on(client, COPY .. "-P3 -d hdisk2"))
  lu.assertStrMatches(said, ".*altinst_rootvg cannot boot.*\nCleaning up%.\nforced unmount of /alt_inst/var.*"
    .. "\nforced unmount of /alt_inst\nforced unmount of /alt_inst\n")
  lu.assertEquals(states().hdisk2, "altinst_rootvg active")
  lu.assertEquals(on("mount | grep -c alt_inst; true"), "0\n")
  -- It opens nothing by itself.
  refused(COPY .. "-P3 -d hdisk2", "are not mounted")
  on("/ALT_MIG_SPOT/sbin/alt_rootvg_op -W -d hdisk2")
end

function TestStorage:test_4_growth_and_its_end()
  local before = tonumber(on("df -k /alt_inst/opt"):match("alt_hd10opt%s+(%d+)"))
  lu.assertEquals(on("chfs -a size=+1 /alt_inst/opt"), ("Filesystem size changed to %d\n"):format((before + 65536) * 2))
  lu.assertEquals(tonumber(on("df -k /alt_inst/opt"):match("alt_hd10opt%s+(%d+)")), before + 65536)
  -- The new space can be used.
  local free = tonumber(on("df -k /alt_inst/opt"):match("alt_hd10opt%s+%d+%s+(%d+)"))
  on("dd if=/dev/zero of=/alt_inst/opt/fill bs=1024k count=%d 2>/dev/null && rm /alt_inst/opt/fill", free // 1024 - 8)
  refused("chfs -a size=+100G /alt_inst/opt", "0516-404 allocp: This system cannot fulfill the allocation request.")
  refused("chfs -a size=1 /alt_inst/opt", "cannot be made smaller")
  refused("chfs -a size=+1 /nowhere", "0506-915")
  lu.assertEquals(tonumber(on("df -k /alt_inst/opt"):match("alt_hd10opt%s+(%d+)")), before + 65536)
  refused(("dd if=/dev/zero of=/alt_inst/opt/fill bs=1024k count=%d"):format(free // 1024 + 64), "No space left on device")
  on("rm /alt_inst/opt/fill")
end

function TestStorage:test_5_exports()
  local options = ("rw=%s,root=%s,access=%s"):format(master, master, master)
  on("exportfs -i -o %s /alt_inst && exportfs -i -o %s /alt_inst/usr", options, options)
  lu.assertEquals(on("exportfs"), ("/alt_inst -%s\n/alt_inst/usr -%s\n"):format(options, options))
  refused("exportfs -i -o ro /alt_inst/etc", "parent-directory (/alt_inst) already exported")
  refused("exportfs -i -o wrong /alt_inst/home", "Usage: exportfs")
  refused("exportfs -u /alt_inst/home", "not currently exported")
  lab.on(master, "mkdir -p /mnt/a && mount -o rw,vers=3,nodev " .. client .. ":/alt_inst /mnt/a")
  lu.assertStrContains(lab.on(master, "mount"), client .. " /alt_inst        /mnt/a")
  -- What is mounted below an export is another file system, which NFS does not give away with it.
  local crossed, output = lab.try_on(master, "mkdir -p /mnt/b && mount -o rw,vers=3 " .. client .. ":/alt_inst/opt /mnt/b 2>&1")
  lu.assertNotEquals(crossed, 0)
  lu.assertStrContains(output, "access permissions")
  lu.assertEquals(lab.on(master, "ls /mnt/a/opt"), "")
  lab.on(master, "mount -o rw,vers=3 " .. client .. ":/alt_inst/usr/lib /mnt/b && umount /mnt/b && rmdir /mnt/b")
  lab.on(master, "echo seen > /mnt/a/tmp.seen")
  lu.assertEquals(on("cat /alt_inst/tmp.seen"), "seen\n")
  lu.assertEquals(lab.on(master, "umount -f /mnt/a"), "forced unmount of /mnt/a\n")
  on("exportfs -u /alt_inst && exportfs -u /alt_inst/usr && rm /alt_inst/tmp.seen")
  lu.assertEquals(on("exportfs"), "")
  local status = lab.try_on(master, "mount -o rw,vers=3 " .. client .. ":/alt_inst /mnt/a")
  lu.assertNotEquals(status, 0)
end

-- A file over a file, a directory over a directory; devices are neither.
function TestStorage:test_5b_namefs_and_nodev()
  on("exportfs -i -o rw,root=%s,access=%s /alt_inst", master, master)
  lab.on(master, "mkdir -p /mnt/a /mnt/dev && echo x >/mnt/file && mount -o rw,vers=3,nodev " .. client .. ":/alt_inst /mnt/a")
  local function refuses(command, words)
    local status, out, problem = lab.try_on(master, command)
    lu.assertNotEquals(status, 0, command)
    lu.assertStrContains(out .. problem, words)
  end
  for _, pair in ipairs { "/dev/null /mnt/a/dev/null", "/mnt/dev /mnt/file", "/mnt/file /mnt/dev", "/dev/null /mnt/file" } do
    refuses("mount -v namefs " .. pair, "mount: 0506-324 Cannot mount " .. pair:gsub(" ", " on ") .. ": ")
  end
  refuses("mount -v namefs /mnt/none /mnt/dev", "does not exist")
  lab.on(master, "touch /mnt/other && mount -v namefs /mnt/file /mnt/other && grep x /mnt/other && umount /mnt/other && rm /mnt/other")
  refuses("echo x >/mnt/a/dev/null", "/mnt/a/dev/null")
  lab.on(master, "mknod /mnt/dev/null c 1 3 && mount -v namefs /mnt/dev /mnt/a/dev && echo x >/mnt/a/dev/null")
  lab.on(master, "umount /mnt/a/dev; umount /mnt/a; rm -r /mnt/dev /mnt/file")
  on("exportfs -u /alt_inst")
  refuses("umount /mnt/a /mnt/dev", "Usage: umount")
end

-- What is open about exports and mounts: each behaviour that a quirk chooses differs from the other.
function TestStorage:test_5c_quirks_of_exports_and_mounts()
  local function try(command)
    local status, out, problem = lab.try_on(client, command)
    return status, out .. problem
  end
  local options = ("rw,access=%s:gone"):format(master)
  refused("exportfs -i -o " .. options .. " /alt_inst/opt", "exportfs: 1831-184 unknown host gone")
  lu.assertEquals(on("exportfs"), "")
  lab.must("quirk", "exportfs-unknown-host", "warning")
  local status, text = try("exportfs -i -o " .. options .. " /alt_inst/opt")
  lu.assertEquals({ status, text }, { 0, "exportfs: 1831-184 unknown host gone\n" })
  lu.assertEquals(on("exportfs"), "/alt_inst/opt -" .. options .. "\n")
  lu.assertStrContains(on("exportfs -i -o rw,access=%s /alt_inst/opt", master), "exportfs: 1831-187 re-exported /alt_inst/opt")

  lab.on(master, "mkdir -p /mnt/a && mount -o rw,vers=3 " .. client .. ":/alt_inst/opt /mnt/a")
  local _, out, problem = lab.try_on(master, "umount -f /mnt/a")
  lu.assertEquals({ out, problem }, { "forced unmount of /mnt/a\n", "forced unmount of /mnt/a\n" })
  lab.must("quirk", "doubled-lines", "no")
  lab.on(master, "mount -o rw,vers=3 " .. client .. ":/alt_inst/opt /mnt/a")
  _, out, problem = lab.try_on(master, "umount -f /mnt/a")
  lu.assertEquals({ out, problem }, { "forced unmount of /mnt/a\n", "" })

  lab.must("quirk", "reverse-lookup", "fails")
  refused("host 10.77.0.2", "0827-803")
  on("exportfs -i -o rw,access=%s /alt_inst/opt", master)
  lu.assertNotEquals(lab.try_on(master, "mount -o rw,vers=3 " .. client .. ":/alt_inst/opt /mnt/a"), 0)
  on("exportfs -i -o rw,access=10.77.0.2 /alt_inst/opt")
  lab.on(master, "mount -o rw,vers=3 " .. client .. ":/alt_inst/opt /mnt/a && umount /mnt/a")
  lab.must("quirk", "reverse-lookup", "works")

  refused("umount /alt_inst/opt", "0506-349")
  lab.must("quirk", "umount-exported", "works")
  on("umount /alt_inst/opt && mount /alt_inst/opt; exportfs -u /alt_inst/opt")

  lab.must("quirk", "dead-nfs-mount", "client")
  lu.assertStrContains(on("mount"), "gone     /export/gone")
  lu.assertStrContains(on("df -k /alt_inst/opt"), "/alt_inst/opt")
  lu.assertEquals(on("df -k </dev/null >/dev/null 2>&1 & p=$!; sleep 2; kill -0 $p && echo hangs; kill -9 $p; :"), "hangs\n")
  lab.must("quirk", "dead-nfs-mount", "none")
  for name, value in pairs { ["exportfs-unknown-host"] = "error", ["doubled-lines"] = "yes", ["umount-exported"] = "busy" } do
    lab.must("quirk", name, value)
  end
end

function TestStorage:test_5d_what_makes_a_disk_bootable_refuses_what_is_not_documented()
  -- No flag of mkboot takes a finished image; -k or -e, and -f, are needed.
  refused("mkboot -d /dev/hdisk2 -l /dev/alt_hd5 -b /tmp/image", "Usage: mkboot")
  refused("mkboot -d /dev/hdisk2 -l /dev/alt_hd5 -k /unix", "Usage: mkboot")
  refused("mkboot -c", "Usage: mkboot")
  refused("mkboot -d /dev/hdisk2 -k /unix -f /no/such/file", "Cannot open /no/such/file")
  refused("bosboot -b /tmp/image", "Usage: bosboot")
  refused("bosboot -a -v -d hdisk0", "Usage: bosboot")
  refused("bosboot -a -d hdisk9", "Invalid or no boot device")
  refused("bosboot -a -d hdisk1", "0301-168")
  -- savebase wants a disk or a boot logical volume that can be booted, or a plain file.
  refused("savebase -o /alt_inst/etc/objrepos -d /dev/alt_hd5", "hdisk2 is not a bootable disk")
  refused("savebase -o /alt_inst/etc/objrepos -d /dev/hdisk1", "not bootable")
  refused("savebase -o /alt_inst/etc/objrepos -d /dev/hd4", "not a boot logical volume")
  refused("savebase -o /alt_inst -d /tmp/base", "no object classes")
  refused("savebase /dev/hdisk2", "Usage: savebase")
  on("savebase -o /alt_inst/etc/objrepos -d /tmp/base && test -s /tmp/base && rm /tmp/base")
  refused("bootlist -m normal hdisk2", "no boot logical volume")
  lu.assertStrMatches(on("lslv -m alt_hd5"), "alt_hd5:N/A\nLP    PP1  PV1 .*\n0001  0001 hdisk2\n")
end

-- A run of the area behind the boot image that savebase fills, in the lab's place of it.
local function base_area()
  local sectors = tonumber(on("dd if=/dev/rhdisk2 bs=1 skip=36 count=4 2>/dev/null | od -An -tx1"):gsub("%s", ""), 16)
  return ("bs=512 %%s=%d count=256"):format(4352 + sectors)
end

function TestStorage:test_6b_save_base_data()
  local area = base_area()
  on("dd if=/dev/rhdisk2 of=/tmp/base " .. area:format("skip"))
  on("dd if=/dev/zero of=/dev/rhdisk2 conv=notrunc " .. area:format("seek"))
  local status, text = boot()
  lu.assertEquals(status, 1, text)
  lu.assertStrContains(text, "LED 546")
  on("dd if=/tmp/base of=/dev/rhdisk2 conv=notrunc " .. area:format("seek") .. " && rm /tmp/base")
  status, text = boot()
  lu.assertEquals(status, 0, text)
end

function TestStorage:test_6_phase_3_and_boot()
  make_image()
  local out = on(COPY .. '-P3 -d "hdisk2"')
  lu.assertStrMatches(out, "## Phase 3 #+\nVerifying altinst_rootvg%.%.%.\nModifying ODM on cloned disk%.\n.*"
    .. "forced unmount of /alt_inst\nforced unmount of /alt_inst\nChanging logical volume names .*"
    .. "Bootlist is set to the boot disk: hdisk2 blv=hd5\n")
  lu.assertEquals(states().hdisk2, "altinst_rootvg ")
  refused("lsvg -l altinst_rootvg", "0516-010 : Volume group must be varied on")
  lu.assertEquals(on("bootlist -m normal -o"), "hdisk2 blv=hd5 pathid=0\nhdisk2 blv=hd5 pathid=1\n")
  lu.assertEquals(on("mount | grep -c alt_inst; ls -d /alt_inst /dev/alt_hd4 2>/dev/null; ls /dev/hd4"),
    "0\n/dev/hd4\n")
  local status, text = boot()
  lu.assertEquals(status, 0, text)
  lu.assertStrContains(text, "from hdisk2 at level 7100-05-03")
  refused(COPY .. "-P3 -d hdisk2", "final names")
end

function TestStorage:test_7_wake_up_and_sleep()
  on("/ALT_MIG_SPOT/sbin/alt_rootvg_op -W -d hdisk2")
  lu.assertEquals(states().hdisk2, "altinst_rootvg active")
  lu.assertStrContains(on("df -k /alt_inst/usr"), "/dev/alt_hd2")
  lu.assertEquals(on("cat /alt_inst/home/two"), "data\n")
  local status, text = boot()
  lu.assertEquals(status, 1)
  lu.assertStrContains(text, "LED 556")
  on("/ALT_MIG_SPOT/sbin/alt_rootvg_op -S")
  status, text = boot()
  lu.assertEquals(status, 0, text)
end

function TestStorage:test_8_boots_for_real_and_goes_back()
  local status, text = boot("--power")
  lu.assertEquals(status, 0, text)
  lu.assertEquals(states(), { hdisk0 = "old_rootvg ", hdisk1 = "datavg active", hdisk2 = "rootvg active" })
  lu.assertEquals(on("cat /home/two"), "data\n")
  status, text = boot("--disk", "hdisk0", "--power")
  lu.assertEquals(status, 0, text)
  lu.assertEquals(states().hdisk0, "rootvg active")
  lu.assertEquals(states().hdisk2, "altinst_rootvg ")
end

local function record_of(name) return on("lquerypv -h /dev/%s E00 20", name) end

function TestStorage:test_9_removal_takes_the_definition_and_leaves_the_disk()
  on("mount -o ro,vers=3,soft,intr %s:%s /ALT_MIG_SPOT", master, SPOT)
  on("/ALT_MIG_SPOT/sbin/alt_rootvg_op -W -d hdisk2")
  local id = on("lsvg altinst_rootvg"):match("VG IDENTIFIER:%s*(%x+)")
  local out = on("/ALT_MIG_SPOT/sbin/alt_rootvg_op -X altinst_rootvg")
  lu.assertStrContains(out, "Bootlist is set to the boot disk: hdisk0 blv=hd5\n")
  lu.assertEquals(states().hdisk2, "None ")
  lu.assertStrContains(record_of("hdisk2"), "5F4C564D " .. id:sub(1, 8):upper() .. " " .. id:sub(9, 16):upper())
  lu.assertStrMatches(on("ipl_varyon -i"), ".*hdisk2%s+YES%s+%x+%s+" .. id .. ".*")
  refused("getlvodm -j hdisk2", "0516-320")
  refused("getlvodm -v altinst_rootvg", "0516-306")
  lu.assertEquals(on("mount | grep -c alt_inst; grep -c alt_ /etc/filesystems; ls -d /alt_inst /dev/*alt_* 2>/dev/null;"
    .. " odmget -q name=altinst_rootvg CuDv; odmget -q 'value3 like alt_*' CuDvDr; true"), "0\n0\n")
  refused("/ALT_MIG_SPOT/sbin/alt_rootvg_op -X altinst_rootvg", "does not exist")
  lab.must("quirk", "remove-missing", "says-nothing")
  lu.assertEquals(on("/ALT_MIG_SPOT/sbin/alt_disk_install -M 7.2 -X"), "")
  lab.must("quirk", "remove-missing", "fails")
  for _, words in ipairs { "alt_rootvg_op -W hdisk2", "alt_rootvg_op -X -d hdisk2", "alt_rootvg_op -X -S", "alt_rootvg_op -M 7.2 -X",
    "alt_disk_install -W -d hdisk2", "alt_disk_install -X a b", "alt_disk_install hdisk2", "alt_disk_install -q" } do
    refused("/ALT_MIG_SPOT/sbin/" .. words, words == "alt_disk_install -W -d hdisk2" and "not supported" or "Usage")
  end
  refused("chpv -C hdisk1", "belongs to volume group datavg")
  refused("chpv hdisk2", "Usage")
  on("chpv -C hdisk2 && chpv -c hdisk2")
  lu.assertNotStrContains(record_of("hdisk2"), "5F4C564D")
  lu.assertStrMatches(on("ipl_varyon -i"), ".*hdisk2%s+NO%s+%x+%s+0+\n")
  local status, text = boot("--disk", "hdisk2")
  lu.assertEquals(status, 1)
  lu.assertStrContains(text, "LED 20EE000B")
  status, text = boot()
  lu.assertEquals(status, 0, text)
end

function TestStorage:test_9b_too_small_a_disk()
  lab.must("scenario", "small-target-disk", "3072")
  on("mount | grep -q /ALT_MIG_SPOT || mount -o ro,vers=3,hard,intr %s:%s /ALT_MIG_SPOT", master, SPOT)
  local function fails(leaves)
    lab.must("quirk", "phase1-failure", leaves)
    local status, out = lab.try_on(client, COPY .. "-P1 -d hdisk2")
    lu.assertEquals(status, 1)
    lu.assertStrContains(out, "Creating logical volume alt_lg_dumplv.\n0516-404 allocp: This system cannot fulfill the allocation request.")
    lu.assertEquals(out:find("Cleaning up.", 1, true) ~= nil, leaves ~= "leaves-mounted")
  end
  fails "removes-group"
  lu.assertNil(on("lspv"):match("altinst_rootvg"))
  lu.assertEquals(on("mount | grep -c alt_inst; ls /dev | grep -c alt_; true"), "0\n0\n")
  for _, leaves in ipairs { "leaves-mounted", "leaves-active" } do
    fails(leaves)
    lu.assertEquals(states().hdisk2, "altinst_rootvg active")
    lu.assertStrContains(on("lsvg -l altinst_rootvg"), "alt_hd6")
    refused(COPY .. "-P1 -d hdisk2", "0505-126")
    on("/ALT_MIG_SPOT/sbin/alt_rootvg_op -X altinst_rootvg")
    lu.assertNil(on("lspv"):match("altinst_rootvg"))
  end
end

function TestStorage:test_z_down() lab.down() end
