-- SPDX-License-Identifier: MIT
-- Each trouble of real sites, made in the lab: preflight names it with its remedy, or nimadm says what
-- the field knows. Every test starts from the same saved lab.

local lu = require "luaunit"
local json = require "altmig.json"
local lab = require "lab_driver"

local client, master = lab.client, lab.master

TestScenarios = {}

lab.fresh_for_each(TestScenarios)

local check_flags = table.move(lab.flags, 1, #lab.flags - 1, 1, {})

-- altmig check: its status, and the findings by id.
local function check(want_status)
  local status, out, problem = lab.engine("altmig", { "check", "--json", table.unpack(check_flags) })
  lu.assertEquals(status, want_status, out .. problem)
  local findings, last = {}, nil
  for line in out:gmatch("[^\n]+") do
    last = assert(json.decode(line))
    if last.event == "finding" then findings[last.id] = last end
  end
  lu.assertEquals(last.event, "checked")
  return findings
end

-- A finding of that severity, with evidence and remedy; nothing on the hosts changes by looking.
local function found(id, severity, what)
  local finding = check(severity == "inhibitor" and 3 or 0)[id]
  lu.assertNotNil(finding, id)
  lu.assertEquals(finding.severity, severity)
  lu.assertStrContains(finding.what, what)
  lu.assertNotNil(finding.evidence)
  return finding
end

local function nimadm(want_status, ...)
  local argv = table.move(lab.flags, 1, #lab.flags, 1, {})
  for _, word in ipairs { ... } do argv[#argv + 1] = word end
  local status, out, problem = lab.engine("nimadm", argv)
  lu.assertEquals(status, want_status, out .. problem)
  return out .. problem
end

local function assert_untouched()
  lu.assertStrMatches(lab.on(client, "lspv | grep hdisk2"), "hdisk2%s+%S+%s+None%s*")
  lu.assertEquals(lab.on(client, "exportfs"), "")
  lu.assertEquals(lab.on(master, "exportfs"), "")
end

function TestScenarios:test_a_fresh_lab_has_no_findings()
  lu.assertEquals(check(0), {})
  assert_untouched()
  lu.assertEquals(lab.on(client, "ls /var/adm/ras/alt_mig 2>/dev/null; :"), "")
end

function TestScenarios:test_spot_without_alt_disk_install()
  lab.must("scenario", "spot-without-alt-disk-install")
  found("spot-level", "inhibitor", "0.0.0.0 in SPOT spot_AIX72TL5, 7.2.5.101 on the master")
  local said = nimadm(3)
  lu.assertStrContains(said, [[
Initializing the NIM master.
Initializing NIM client adachi-AIX7.
0042-001 nim: processing error encountered on "master":
   /usr/bin/lslpp: Fileset bos.alt_disk_install.rte not installed.

0505-204 nimadm: SPOT spot_AIX72TL5 does not have bos.alt_disk_install.rte installed.
0505-205 nimadm: The level of bos.alt_disk_install.rte installed in SPOT
spot_AIX72TL5 (0.0.0.0) does not match the NIM master's level (7.2.5.101).
Cleaning up alt_disk_migration on the NIM master.
]])
  assert_untouched()

  -- The remedy, as it is typed.
  local function levels(want_status, ...)
    local status, out, problem = lab.engine("nimadm", { "-M", "-s", "spot_AIX72TL5", "-l", "lpp_source_AIX72TL5", ... })
    lu.assertEquals(status, want_status, out .. problem)
    return out .. problem
  end
  local none = "bos.alt_disk_install.rte  7.2.5.101              none                7.2.5.101\n"
  lu.assertStrContains(levels(1, "-P"), none .. "nimadm: would install bos.alt_disk_install.rte in SPOT spot_AIX72TL5: nim -o cust ")
  found("spot-level", "inhibitor", "0.0.0.0 in SPOT spot_AIX72TL5")
  -- An lpp_source without the image does not help; a directory that has it does.
  lab.on(master, "mkdir /tmp/keep && mv /export/nim/lpp_source/AIX72TL5/installp/ppc/bos.alt_disk_install* /tmp/keep")
  lu.assertStrContains(levels(1), "there is no image of bos.alt_disk_install.rte 7.2.5.101 in lpp_source lpp_source_AIX72TL5")
  lu.assertStrContains(levels(0, "-d", "/tmp/keep"), "nimadm: the levels agree.")
  lu.assertEquals(check(0), {})
  lu.assertStrContains(levels(0, "-P"), "nimadm: the levels agree.")
  lu.assertStrContains(nimadm(0, "-P", "1"), "Phase 1 complete.")
end

function TestScenarios:test_nimsh_down_is_a_warning_and_load_undoes_it()
  lab.must("scenario", "nimsh-down")
  lu.assertStrContains(found("nimsh", "warning", "nimsh is not active").remedy, "startsrc -s nimsh")
  lab.must("load", "fresh")
  lu.assertEquals(check(0), {})
end

function TestScenarios:test_ghost_device_and_its_remedy()
  lab.must("scenario", "ghost-device")
  local finding = found("ghost-device", "inhibitor", "/dev has ghostlv")
  lu.assertStrContains(finding.what, "0516-082")
  lu.assertStrContains(nimadm(3), "0516-082")
  assert_untouched()
  lab.on(client, finding.remedy)
  lu.assertEquals(check(0), {})
end

function TestScenarios:test_ghost_device_that_comes_after_the_check_ends_phase_11()
  nimadm(0, "-P", "1,2,3,4,5,6,7,8,9,10")
  lab.must("scenario", "ghost-device")
  lab.must("quirk", "phase3-failure", "removes-group")
  local said = nimadm(1, "-P", "11,12")
  lu.assertStrContains(said, "0516-082 /usr/sbin/lchangelv: Unable to access a special device file.")
  lu.assertStrContains(said, "phase 11 failed on adachi-AIX7")
  lu.assertStrContains(said, "no disk is in altinst_rootvg")
  lu.assertStrContains(said, "begin again: nimadm -C -c adachi-AIX7 -s spot_AIX72TL5, then: nimadm -c adachi-AIX7")
  lu.assertNotStrContains(said, "the copy is kept")
  lu.assertStrContains(lab.on(client, "bootlist -m normal -o"), "hdisk0 blv=hd5")
end

function TestScenarios:test_tcb_enabled()
  lab.must("scenario", "tcb-enabled")
  found("tcb-enabled", "inhibitor", "Trusted Computing Base")
  lu.assertStrContains(nimadm(3), "1 inhibitor found (tcb-enabled)")
  assert_untouched()
end

function TestScenarios:test_multibos()
  lab.must("scenario", "multibos")
  lu.assertStrContains(found("multibos", "inhibitor", "bos_hd5").remedy, "multibos -R")
  nimadm(3)
  assert_untouched()
  lab.must("load", "fresh")
  lab.must("scenario", "multibos-alone")
  local finding = found("multibos", "inhibitor", "the system runs from bos_hd5, and no logical volume has its own name")
  lu.assertStrContains(finding.remedy, "multibos -s -X")
end

function TestScenarios:test_mirrored_rootvg_takes_the_room_of_one_copy_on_one_disk()
  lab.must("scenario", "mirrored-rootvg")
  found("mirrored-rootvg", "warning", "2 copies")
  nimadm(0, "-P", "1")
  lu.assertEquals(lab.on(client, "lsvg -l altinst_rootvg"):match("alt_hd2%s+jfs2%s+(%d+%s+%d+)"):gsub("%s+", " "), "3 3")
end

function TestScenarios:test_ifix_locked()
  lab.must("scenario", "ifix-locked")
  lu.assertStrContains(found("ifix-locked", "inhibitor", "IJ44987s3a locks bos.net.tcp.client").remedy, "emgr -r -L IJ44987s3a")
  nimadm(3)
  assert_untouched()
end

function TestScenarios:test_small_usr_is_expanded_in_the_copy()
  lab.must("scenario", "small-usr")
  local said = nimadm(0, "-P", "1,2,3,4,5")
  lu.assertStrContains(said, "Expanding /alt_inst/usr client filesystem.")
  lu.assertNotNil(said:match("Filesystem size changed to %d+"))
end

function TestScenarios:test_locked_client()
  lab.must("scenario", "locked-client")
  found("locked", "inhibitor", "other-engine:")
  lu.assertStrContains(nimadm(4), "client adachi-AIX7 is locked by another run: other-engine:")
  assert_untouched()
  nimadm(0, "-F", "-P", "1")
end

function TestScenarios:test_broken_image_is_found_before_anything_is_written_and_the_run_resumes()
  lab.on(master, "cp -p /export/nim/lpp_source/AIX72TL5/installp/ppc/bos /tmp/bos.keep")
  local offset = lab.must("scenario", "broken-image"):match("offset (%d+)")
  local said = nimadm(1)
  lu.assertStrContains(said, ("offset 0x%x"):format(offset))
  lu.assertStrContains(said, "phase 5 failed on adachi-nim")
  lu.assertNotStrContains(said, "Restoring base operating system.")
  lab.on(master, "cp -p /tmp/bos.keep /export/nim/lpp_source/AIX72TL5/installp/ppc/bos")
  local status, out, problem = lab.engine("altmig", { "resume", client })
  lu.assertEquals(status, 0, out .. problem)
end

function TestScenarios:test_stale_exports_small_disk_and_a_disk_in_use()
  lab.must("scenario", "stale-exports")
  lu.assertStrContains(found("stale-exports", "inhibitor", "/alt_inst /alt_inst/usr are").remedy, "exportfs -u /alt_inst")
  lab.must("load", "fresh")
  lab.must("scenario", "target-disk-in-use")
  lu.assertStrContains(found("lvm-signature", "inhibitor", "hdisk2 is free in the ODM").remedy, "--disk hdisk2")
  nimadm(2, "--disk", "hdisk2", "-P", "1") -- neither typed again nor confirmed
  assert_untouched()
  lu.assertStrContains(nimadm(0, "--disk", "hdisk2", "--yes", "-P", "1"), "what is on hdisk2 is overwritten because --disk names it")
  lab.must("load", "fresh")
  lab.must("scenario", "small-target-disk")
  found("disk-too-small", "inhibitor", "2048 MB, but the copy of rootvg takes 3968 MB")
end

function TestScenarios:test_a_clone_of_the_site_is_never_removed_without_a_question()
  local spot = "/export/nim/spot/spot_AIX72TL5/usr"
  lab.on(master, ("exportfs -i -o ro,root=%s,access=%s %s"):format(client, client, spot))
  lab.on(client, ("mkdir -p /mnt/spot && mount -o ro,vers=3 %s:%s /mnt/spot && /mnt/spot/sbin/alt_disk_copy -P1 -d hdisk2"):format(
    master, spot))
  local look = "lspv; mount; cat /alt_inst/etc/passwd"
  local before = lab.on(client, look)
  local function cleanup(want_status, words, ...)
    local status, out, problem = lab.engine("nimadm", { "-C", "-c", client, "-s", "spot_AIX72TL5", ... })
    lu.assertEquals(status, want_status, out .. problem)
    lu.assertStrContains(out .. problem, words)
  end
  local finding = found("foreign-copy", "inhibitor", "altinst_rootvg on hdisk2")
  lu.assertStrContains(finding.remedy, "--disk hdisk2")
  nimadm(3)
  cleanup(1, "is not known to be altmig's")
  cleanup(1, "is not known to be altmig's", "-F")
  cleanup(2, "there is no terminal to ask on", "--disk", "hdisk2")
  cleanup(2, "altinst_rootvg on hdisk2", "--disk", "hdisk0", "--yes")
  cleanup(2, "--yes confirms --disk", "--yes")
  lu.assertEquals(lab.on(client, look), before)
  lab.on(client, "umount /mnt/spot")
  cleanup(0, "is removed because --disk names it", "--disk", "hdisk2", "--yes")
  lu.assertStrMatches(lab.on(client, "lspv | grep hdisk2"), "hdisk2%s+%S+%s+None%s*")
  lu.assertNil(check(0)["lvm-signature"])
end

function TestScenarios:test_what_the_hosts_say_of_services_names_and_file_systems()
  lab.on(client, "stopsrc -s rpc.lockd; stopsrc -s nfsd; rm -f /etc/exports; umount /var/adm/ras/livedump; "
    .. "sed '/adachi-nim/d' /etc/hosts >/tmp/hosts && cp /tmp/hosts /etc/hosts")
  lab.on(master, "sed 's/^10.77.0.3.*/10.77.0.3 other-name/' /etc/hosts >/tmp/hosts && cp /tmp/hosts /etc/hosts")
  local findings = check(3)
  lu.assertEquals(findings["nfs-locks"].severity, "warning")
  lu.assertStrContains(findings["not-mounted"].what, "/var/adm/ras/livedump")
  lu.assertStrContains(findings["name-resolution"].what, "cannot resolve")
  lab.on(client, "mknfs -N")
  lu.assertStrContains(lab.on(client, "lssrc -s nfsd"), "inoperative")
  lab.on(client, (findings["nfs-server"].remedy:gsub("%s*%(.*", "")))
  lu.assertStrContains(lab.on(client, "lssrc -s nfsd"), "active")
  lu.assertNotStrContains(lab.on(client, "lssrc -s nfsd"), "inoperative")
end

function TestScenarios:test_rpm_images_that_are_newer_are_installed_after_installp_and_what_a_bundle_asks_for()
  lab.must("scenario", "rpm-packages")
  local source = "/export/nim/lpp_source/AIX72TL5"
  lab.on(master, ("printf 'I:bos.alt_disk_install.rte\\nQ:what\\nR:nothing\\n' >/export/nim/site.bnd; mkdir -p %s/emgr/ppc; "
    .. "printf 'label=IV9s1a\\nabstract=FIX\\nfileset=bos.rte.libc\\nfrom=7.2.5.0\\nto=7.2.5.999\\n' >%s/emgr/ppc/IV9s1a.230101.epkg.Z; "
    .. "nim -o define -t installp_bundle -a server=master -a location=/export/nim/site.bnd site"):format(source, source))
  lu.assertStrContains(nimadm(3, "-b", "site"), "installp_bundle site: line 2 (Q:what)")
  lab.on(master, "printf 'I:bos.alt_disk_install.rte\\nR:nothing\\n' >/export/nim/site.bnd")
  lu.assertStrContains(nimadm(3, "-b", "site"),
    "installp_bundle site, line 2: lpp_source lpp_source_AIX72TL5 has no RPM in RPMS/ppc nothing")
  assert_untouched()
  lab.on(master, "printf 'I:bos.alt_disk_install.rte\\nR:other\\nE:IV9s1a.230101.epkg.Z\\n' >/export/nim/site.bnd")
  lu.assertStrContains(lab.on(client, "lslpp -Lqc"), "acme-lib-2.0-1:acme-lib-2.0-1:2.0-1: : :C:R:A library: "
    .. ":/bin/rpm -e acme-lib: : : : :0: :/opt/freeware:Fri Sep 18 10:16:12 2020\n")
  lu.assertNotStrContains(lab.on(client, "lslpp -lqc"), "acme-lib")
  lu.assertEquals(check(0), {})
  lu.assertStrContains(nimadm(0, "-b", "site", "-P", "1,2,3,4,5,6"), "altmig: installing 2 RPM images of the lpp_source with geninstall.")
  lu.assertEquals(lab.on(client, "awk '{ print $1, $2 }' /alt_inst/opt/freeware/packages/Packages | sort"),
    "acme-lib 2.1-1\nacme-tool 1.10-3\nother 1.0-1\n")
  lu.assertStrContains(lab.on(client, "chroot /alt_inst /usr/bin/lslpp -Lqc bos.alt_disk_install.rte"), ":7.2.5.101:")
  lu.assertStrMatches(lab.on(client, "chroot /alt_inst /usr/sbin/emgr -P"), ".*\nbos.rte.libc +installp +IV9s1a\n")
  -- One that cannot be installed there stops nothing, and is told.
  lab.must("load", "fresh")
  lab.must("scenario", "rpm-packages")
  lab.must("quirk", "rpm-in-copy", "fails")
  lu.assertStrContains(nimadm(0), "geninstall ended with status 1 for acme-lib-2.1-1; on the migrated system: geninstall -d "
    .. "/export/nim/lpp_source/AIX72TL5 R:acme-lib-2.1-1")
  lu.assertStrContains(select(2, lab.engine("altmig", { "report", client })), "geninstall")
  lu.assertStrContains(lab.must("boot", client), "7200-05-06")
end

-- What stands in the way of 7.3 on a client, by the scenario that makes it: each of that name has the finding of it.
local in_the_way = { processor = "inhibitor", memory = "warning", ["model-level"] = "info", ["boot-level"] = "warning",
  ["caa-cluster"] = "inhibitor", ["kernel-extension"] = "warning", ["openssl-objects"] = "warning", ["encrypted-lv"] = "inhibitor",
  infiniband = "warning", ["ap-pcm"] = "warning", ["signature-policy"] = "warning", ["trusted-aix"] = "warning",
  ["trusted-surveyor"] = "warning", ["rsct-removed"] = "warning", ["rsct-compat"] = "info", sdd = "warning",
  ["java8-32bit"] = "warning", ["java-old"] = "info", cifs = "warning", ["ldap-server"] = "warning", ["ipsec-db"] = "warning",
  kerberos = "warning", named = "warning", ["ldap-keys"] = "warning", ["dsm-properties"] = "warning", yum = "warning", efs = "warning",
  ["ssh-config"] = "warning", ["ssh-host-key"] = "warning", ["ssh-user-key"] = "warning", ["openssl-cnf"] = "warning",
  ["ntp-conf"] = "warning", ["sendmail-link"] = "warning", ["bos-inst"] = "warning", multipath = "warning", cluster = "warning",
  ["hd5-size"] = "warning", ["hd5-place"] = "warning", ["hd5-pieces"] = "warning", ["rootvg-major"] = "warning" }

-- altmig check --to 7.3: its status, the findings by id, and the row of the client.
local function planned(...)
  local status, out, problem = lab.engine("altmig", { "check", "--to", "7.3", "--json", ... })
  local found_here, row = {}, nil
  for line in out:gmatch("[^\n]+") do
    local record = assert(json.decode(line))
    if record.event == "finding" then found_here[record.id] = record elseif record.event == "planned" then row = record end
  end
  return status, found_here, assert(row, out .. problem)
end

function TestScenarios:test_what_stands_in_the_way_of_7_3_each_by_its_finding()
  local status, _, row = planned("-c", client)
  -- The lab's own client is fit for it; its master is one release behind.
  lu.assertEquals({ status, row.verdict, row.inhibitors, row.infos }, { 0, "warnings", {}, {} })
  lu.assertEquals(row.warnings, { "master-level" })
  lu.assertEquals({ row.client, row.from, row.to, row.model, row.processor, row.memory, row.boot_volume },
    { client, "7100-05-03-1846", "7.3", "9119-MME", 8, 8192, 64 })
  local wanted = { ["master-level"] = "warning", ["inode-cache"] = "warning" } -- the latter by the little memory
  local names = {}
  for name, severity in pairs(in_the_way) do
    names[#names + 1] = name
    wanted[name == "bos-inst" and "multibos" or name] = severity
  end
  table.sort(names)
  for _, name in ipairs(names) do lab.must("scenario", name) end
  local found_here
  status, found_here, row = planned()
  local severities = {}
  for id, finding in pairs(found_here) do
    severities[id] = finding.severity
    lu.assertTrue(finding.evidence ~= nil and finding.remedy ~= nil, id)
    lu.assertTrue(finding.source ~= nil, id .. " has no source")
  end
  lu.assertEquals(severities, wanted)
  lu.assertEquals({ status, row.verdict, row.inhibitors }, { 3, "inhibitors", { "caa-cluster", "encrypted-lv", "processor" } })
  lu.assertStrContains(found_here["kernel-extension"].what, "are loaded: /opt/acme/bin/acmek")
  lu.assertStrContains(found_here["encrypted-lv"].what, "(hd10opt)")
  lu.assertStrContains(found_here.processor.what, "POWER7, by the mode of the partition on a POWER9")
  lu.assertStrContains(found_here["hd5-size"].what, "hd5 has 32 MB; the boot image of the new release needs 40 MB")
  lu.assertEquals(row.boot_volume, 32)
  lu.assertStrMatches(found_here["hd5-place"].what, "hd5 has the partition %d+ of hdisk0, 4%d%d%d MB from its beginning; .* 4096 MB")
  assert_untouched()
end

function TestScenarios:test_levels_of_client_master_spot_and_lpp_source()
  local wanted = { ["build-date"] = "inhibitor", simages = "warning", ["nim-security"] = "warning", ["spot-source"] = "warning",
    ["newer-on-client"] = "info", ["master-older"] = "warning" }
  for name in pairs(wanted) do lab.must("scenario", name) end
  local severities = {}
  for id, finding in pairs(check(3)) do severities[id] = finding.severity end
  lu.assertEquals(severities, wanted)
  local said = nimadm(3)
  lu.assertStrContains(said, "the client was built in week 9952 (YYWW) and 7200-05-06-2320 in week 2320")
  lu.assertStrContains(said, "--accept build-date=REASON")
  assert_untouched()
end

function TestScenarios:test_many_filesets_are_migrated_with_requisites_of_all_kinds()
  require "altmig.cmd.lab" -- makes lab.NAME loadable
  local many = require "lab.many_filesets"
  local count = 300
  lab.must("scenario", "many-filesets", tostring(count))
  lu.assertEquals(lab.on(client, "lppchk -v"), "")
  local said = nimadm(0)
  lu.assertStrContains(lab.must("boot", client, "--power"), "7200-05-06")
  local levels = {}
  for name, level in lab.on(client, "lslpp -lqc"):gmatch("/usr/lib/objrepos:(many%.[^:]+):([%d.]+):[^:]*:COMMITTED:") do
    levels[name] = levels[name] and levels[name] > level and levels[name] or level
  end
  local wanted = { ["many.common.rte"] = "1.2.0.0" }
  for i = 1, count do wanted[many.name(i)] = many.level(i) end
  lu.assertEquals(levels, wanted)
  lu.assertEquals(lab.on(client, "lppchk -v; lppchk -f; lppchk -c"), "")
  local expected, kept, active = {}, {}, {}
  for i = 1, count do
    local method = many.method(i)
    if method then
      local path, old = many.configuration(i, false)
      local _, new = many.configuration(i, true)
      -- Of auto_merge what is in the save directory is put back; no script of the fileset changed it there.
      local is_sites = method == "preserve" or method == "hold_new" or method == "auto_merge"
      expected[path] = { active = is_sites and many.edited(old) or new,
        saved = method == "hold_new" and new or not is_sites and many.edited(old) or nil }
      active[#active + 1], kept[#kept + 1] = path, "/lpp/save.config" .. path
    end
  end
  local function texts(paths)
    local list = {}
    local out = lab.on(client, ("for f in %s; do echo \"== $f\"; cat $f 2>/dev/null; done; :"):format(table.concat(paths, " ")))
    for path, text in out:gmatch("== ([^\n]+)\n([^=]*release = [^=]*=[^=\n]*\n)") do list[path] = text end
    return list
  end
  local now, saved = texts(active), texts(kept)
  for path, texts_of in pairs(expected) do
    lu.assertEquals(now[path], texts_of.active, path)
    if texts_of.saved then lu.assertEquals(saved["/lpp/save.config" .. path], texts_of.saved, path) end
  end
  -- What a script says is heard, and the report does not grow with what went well.
  lu.assertStrContains(said, "config of " .. many.name(15))
  local report = lab.must("exec", "sh", "-c", 'cat "$ALTMIG_STATE/' .. client .. '/report.json"')
  lu.assertTrue(#report < 1 << 20, tostring(#report))
end
