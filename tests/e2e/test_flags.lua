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

-- The client's fixes: one that the service pack corrects, one that is there for it again, one that nobody has, and one
-- of a fileset that has no update.
local update_flags = { "-c", client, "-l", "lpp_source_AIX71TL5SP6", "-s", "spot_AIX71TL5SP6", "-d", "hdisk2", "-Y" }

local function with_flags(...)
  local words = { ... }
  return table.move(update_flags, 1, #update_flags, #words + 1, words)
end

function TestFlagsInTheLab:test_4_an_update_of_the_same_release_with_its_interim_fixes()
  lab.must("scenario", "update-source", "bos.rte.lvm")
  lab.must("scenario", "interim-fixes")
  local fixes = lab.on(client, "emgr -P")
  local status, out, problem = lab.engine("nimadm", { "-U", table.unpack(lab.flags) })
  lu.assertEquals(status, 3, out)
  lu.assertStrContains(problem, "the client is at 7.1 (7100-05-03-1846), lpp_source lpp_source_AIX72TL5 is of 7.2")
  lu.assertNotStrContains(lab.on(client, "lspv"), "altinst_rootvg")

  -- What happens to each fix is foretold, as far as it can be without emgr, which refuses one of the packages later.
  status, out, problem = lab.engine("altmig", with_flags("update", "--dry-run"))
  lu.assertEquals(status, 0, out .. problem)
  for label, fate in pairs { IJ20001s3a = "will be superseded", IJ20002s3a = "will be re%-applied", IJ20003s3a = "will be re%-applied",
    IJ20004s3a = "stays" } do
    lu.assertStrMatches(out, (".*\naltmig: interim fix %s %%(%%S+%%) %s.*"):format(label, fate))
  end
  lu.assertStrMatches(out, ".*\nupdate +bos.rte.commands +7.1[%d.]+ +7.1[%d.]+ .*")
  lu.assertNotStrContains(lab.on(client, "lspv"), "altinst_rootvg")

  -- The update of one fileset is missing.
  status, out, problem = lab.engine("nimadm", with_flags "-U")
  lu.assertEquals(status, 1, out .. problem)
  lu.assertStrContains(problem, "71-05-062016_SP is not complete: bos.rte.lvm 7.1.5.42 (is at 7.1.5.32)")
  lu.assertNotStrContains(out, "Executing nimadm phase 7.")
  lu.assertNotStrContains(lab.on(client, "mount"), "ALT_MIG")
  lu.assertNotStrContains(lab.on(master, "exportfs"), "AIX71TL5SP6")

  lab.must("scenario", "update-source")
  status, out, problem = lab.engine("altmig", { "resume", client })
  lu.assertEquals(status, 0, out .. problem)
  lu.assertStrContains(out, "the copy of adachi-AIX7 is at 7100-05-06-2016")
  local fates = {}
  local report = lab.must("exec", "sh", "-c", "cat $ALTMIG_STATE/" .. client .. "/report.json")
  for _, entry in ipairs(require("altmig.json").decode(report).entries) do
    if entry.method == "interim fixes" then fates[entry.key] = entry.rule:match("is ([%a-]+)") end
  end
  lu.assertEquals(fates, { IJ20001s3a = "superseded", IJ20002s3a = "re-applied", IJ20003s3a = "lost" })

  -- Nothing was done to the running system, and the copy boots at the service pack.
  lu.assertEquals(lab.on(client, "emgr -P"), fixes)
  lu.assertEquals(lab.on(client, "oslevel -s"), "7100-05-03-1846\n")
  status, out, problem = lab.engine("altmig", with_flags "update")
  lu.assertEquals(status, 0, out .. problem)
  lu.assertStrContains(out, "adachi-AIX7 has the update already, in the copy on hdisk2, which is at 7100-05-06-2016")
  lab.must("boot", "--power", client)
  lu.assertEquals(lab.on(client, "oslevel -s && lppchk -v && lppchk -f && lppchk -c"), "7100-05-06-2016\n")
  local now = lab.on(client, "emgr -P")
  for label, there in pairs { IJ20001 = false, IJ20002s6a = true, IJ20003 = false, IJ20004s3a = true } do
    lu.assertEquals(now:find(label, 1, true) ~= nil, there, label)
  end
  lu.assertStrContains(lab.on(client, "cat /etc/syslog.conf"), "*.info\t/var/log/messages")

  -- A second run has nothing to do; a lower level is refused.
  local before = lab.on(client, "lspv; ls -a /; bootlist -m normal -o")
  status, out, problem = lab.engine("altmig", with_flags "update")
  lu.assertEquals(status, 0, out .. problem)
  lu.assertStrContains(out, "adachi-AIX7 is at 7100-05-06-2016 already")
  status, out, problem = lab.engine("altmig", { "update", "-c", client, "-l", "lpp_source_AIX71TL5", "-s", "spot_AIX71TL5SP6", "-d",
    "hdisk0", "-Y" })
  lu.assertEquals(status, 3, out)
  lu.assertStrContains(problem, "lpp_source lpp_source_AIX71TL5 has bos.rte 7.1.5.30, which is below the client's 7.1.5.40")
  lu.assertEquals(lab.on(client, "lspv; ls -a /; bootlist -m normal -o"), before)
end
