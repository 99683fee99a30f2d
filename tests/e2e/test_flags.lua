-- SPDX-License-Identifier: MIT
-- nimadm's flags that reach alt_disk_copy, the copy and the master's mounts, in the lab.

local lu = require "luaunit"
local sys = require "altmig.sys"
local lab = require "lab_driver"

local client, master = lab.client, lab.master

TestFlagsInTheLab = {}

-- The lab's resources, and some of a site.
local function write_nim()
  local text = assert(sys.read_file(lab.dir .. "/nim.lua"))
  local changed, count = text:gsub("\n}%s*$", [[

  exclude_files = { out = { location = "/export/nim/exclude" }, bad = { location = "/export/nim/exclude.bad" } },
  image_data = { image = { location = "/export/nim/image.data" }, shrink = { location = "/export/nim/image.shrink" },
    large = { location = "/export/nim/image.large" } },
  bosinst_data = { bosinst = { location = "/export/nim/bosinst.data" } },
}]])
  assert(count == 1)
  assert(sys.write_file(lab.dir .. "/site.lua", changed, { mode = 384 }))
end

local function nimadm(...)
  local argv = { "--nim", lab.dir .. "/site.lua", ... }
  table.move(lab.flags, 1, #lab.flags, #argv + 1, argv)
  return lab.engine("nimadm", argv)
end

local function cleanup()
  local status, out, problem = lab.engine("nimadm", { "--nim", lab.dir .. "/site.lua", "-C", "-c", client, "-s", "spot_AIX72TL5" })
  lu.assertEquals(status, 0, out .. problem)
end

function TestFlagsInTheLab:setupClass()
  if sys.getuid() ~= 0 then return end
  lab.up()
  write_nim()
  lab.on(client, "mkdir -p /home/scratch && echo x > /home/scratch/big && echo y > /home/keep")
  lab.on(master, "echo '^./home/scratch/' > /export/nim/exclude; printf '^./home/\\n\\n' > /export/nim/exclude.bad; "
    .. "printf 'control_flow:\\n    PROMPT = no\\n' > /export/nim/bosinst.data")
end

function TestFlagsInTheLab:teardownClass() lab.down() end
function TestFlagsInTheLab:setUp() lab.require_root() end

local function make_image(change)
  local status, out, problem = nimadm("-P", "1")
  lu.assertEquals(status, 0, out .. problem)
  local text = lab.on(client, "cat /image.data")
  cleanup()
  lab.on(client, "rm -f /image.data")
  for from, to in pairs(change) do
    local count
    text, count = text:gsub(from, to)
    lu.assertEquals(count, 1, from)
  end
  return text
end

function TestFlagsInTheLab:test_1_exclude_list_image_data_bosinst_data_and_mount_options()
  local image = make_image { ["(LOGICAL_VOLUME= hd1\n\tTYPE= jfs2\n\tLPs= )5"] = "%19" }
  assert(sys.write_file(lab.dir .. "/image", image))
  lab.altmig({ "lab", "ssh", master, "cat > /export/nim/image.data" }, { stdin = image })
  local status, out, problem = nimadm("-e", "out", "-i", "image", "-o", "bosinst", "-m", "rsize=65536", "-D", "-P", "1,2,3,4,5")
  lu.assertEquals(status, 0, out .. problem)
  lu.assertNotStrContains(out, "Calling mkszfile")
  lu.assertEquals(lab.on(client, "lsvg -l altinst_rootvg"):match("alt_hd1%s+jfs2%s+(%d+)"), "9")
  lu.assertEquals(lab.on(client, "ls /alt_inst/home/keep; ls -d /alt_inst/home/scratch/big 2>/dev/null; :"), "/alt_inst/home/keep\n")
  lu.assertEquals(lab.on(client, "cat /alt_inst/bosinst.data"), "control_flow:\n    PROMPT = no\n")
  lu.assertStrContains(lab.on(client, "ls /var/adm/ras/alt_mig"), client .. ".image_data")
  local log = lab.must("exec", "sh", "-c", "cat $ALTMIG_STATE/" .. client .. "_alt_mig.log")
  lu.assertStrContains(log, "ALT_MAJOR_NUM=")
  lu.assertStrContains(log, " mount -o rw,vers=3,nodev,hard,intr,rsize=65536 adachi-AIX7:/alt_inst /adachi-AIX7_alt/alt_inst: status 0")
  cleanup()
  lu.assertNotStrContains(lab.on(client, "ls /var/adm/ras/alt_mig"), "image_data")
end

function TestFlagsInTheLab:test_2_what_cannot_be_done_is_refused_before_or_by_alt_disk_copy()
  local status, out = nimadm("-e", "bad")
  lu.assertEquals(status, 3, out)
  lu.assertStrContains(out, "line 2: an empty pattern matches every file")
  local text = make_image { ["SHRINK= no"] = "SHRINK= yes" }
  lab.altmig({ "lab", "ssh", master, "cat > /export/nim/image.shrink" }, { stdin = text })
  local problem
  status, out, problem = nimadm("-i", "shrink")
  lu.assertEquals(status, 1, out .. problem)
  lu.assertStrContains(out, "SHRINK= yes is not supported here")
  cleanup()
end

-- Volumes larger than the disk: mkvg has made the group by then. Whatever is left of it, the next try begins without.
function TestFlagsInTheLab:test_3_a_phase_1_that_failed_half_way_is_tried_again()
  local text = make_image {}
  local function put(image) lab.altmig({ "lab", "ssh", master, "cat > /export/nim/image.large" }, { stdin = image }) end
  for _, leaves in ipairs { "leaves-active", "leaves-mounted", "removes-group" } do
    lab.must("quirk", "phase1-failure", leaves)
    put((text:gsub("(LOGICAL_VOLUME= hd9var\n\tTYPE= jfs2\n\tLPs= )%d+", "%199999")))
    local status, out, problem = nimadm("-i", "large", "-P", "1")
    lu.assertEquals(status, 1, out .. problem)
    lu.assertStrContains(out, "0516-404 allocp")
    lu.assertStrContains(problem, leaves == "removes-group" and "alt_disk_copy -P1: no disk is in altinst_rootvg"
      or "alt_disk_copy -P1: altinst_rootvg on hdisk2 (identifier ")
    put(text)
    status, out, problem = lab.engine("altmig", { "resume", client, "--nim", lab.dir .. "/site.lua", "--from", "1" })
    lu.assertEquals(status, 0, out .. problem)
    lu.assertStrContains(lab.must("boot", client), "7200-05-06")
    cleanup()
    lu.assertNotStrContains(lab.on(client, "lquerypv -h /dev/hdisk2 E00 10"), "5F4C564D")
  end
end
