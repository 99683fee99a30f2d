-- SPDX-License-Identifier: MIT
-- Preflight: disks, volume groups, logical volumes and devices of the client.

local aix = require "altmig.aix.output"
local releases = require "altmig.run.checks.releases"
local sorted_keys = require "altmig.sorted_keys"

local storage = {}

local growth_mb = 500

local function first_lines(text, count)
  local list = {}
  for line in text:gmatch("[^\n]+") do
    list[#list + 1] = line
    if #list == (count or 3) then break end
  end
  return table.concat(list, "\n")
end

local function rootvg(m)
  return aix.lsvg(m.client:must { "lsvg", "rootvg" }), aix.lsvg_l(m.client:must { "lsvg", "-l", "rootvg" })
end

--- MB that the copy of rootvg takes on `disks` disks: copies beyond the disks are not made.
local function size_of_copy(vg, lvs, disks)
  if #lvs == 0 then return (vg.used_pps or 0) * (vg.pp_size or 0), 1 end
  local pps, most = 0, 1
  for _, lv in ipairs(lvs) do
    local copies = math.max(1, lv.pps // math.max(1, lv.lps))
    most = math.max(most, copies)
    pps = pps + lv.lps * math.min(copies, disks)
  end
  return pps * (vg.pp_size or 0), most
end

-- Whether altinst_rootvg is the copy of a run that has the client in its hands.
local function belongs_to(m, run, group)
  if not run then return false end
  local copy = run.state and run.state.copy
  if copy then return copy.vg == group.id end
  -- One that works is making it; of one of another host, or with a damaged journal, nothing is known here.
  if run.word ~= "stopped" then return true end
  for _, id in ipairs(m:copies_of_jobs(run.state)) do
    if id == group.id then return true end
  end
  return false
end

-- There can be one altinst_rootvg; whose it is decides what may be said of it.
local function alternate_rootvg(m, add, run)
  local group = m:volume_group()
  if not group or belongs_to(m, run, group) then return end
  local how, why = m:copy_owner(group)
  if how then
    local copy = m:known_copies()[group.id]
    return add { id = "leftover", host = m.name, evidence = "lspv; lsvg altinst_rootvg",
      what = ("%s is the copy that altmig made%s, and there can be only one"):format(m:describe_group(group),
        copy and copy.time and " at " .. copy.time or ""),
      remedy = ("boot it (bootlist -m normal %s; shutdown -Fr); or, if it is not wanted, destroy it: nimadm -C -c %s -s %s"):format(
        group.disks[1], m.name, m.spot.name) }
  end
  add { id = "foreign-copy", host = m.name, evidence = "lspv; lsvg altinst_rootvg",
    what = ("%s is not known to be altmig's: %s; there can be only one altinst_rootvg"):format(m:describe_group(group), why),
    remedy = m:foreign_remedy(group) }
end

-- The system that ran before this one: the way back, and an obstacle only where it is on a target disk.
local function previous_rootvg(m, add, list)
  local targets, others, name = {}, {}, nil
  for _, disk in ipairs(list) do
    if disk.vg and disk.vg:match("^old_rootvg") then
      name = disk.vg
      table.insert(m:is_target(disk.name) and targets or others, disk.name)
    end
  end
  if targets[1] then
    local disks = table.concat(targets, " ")
    add { id = "old-rootvg", host = m.name, evidence = "lspv",
      what = ("%s holds %s: the system that ran before this one, your way back"):format(disks, name),
      remedy = ("choose another disk. Only if you never want to go back to it: alt_rootvg_op -X %s; chpv -C %s   (this gives up that "
        .. "system, and nothing brings it back)"):format(name, disks) }
  end
  if others[1] then
    add { id = "old-rootvg", severity = "info", host = m.name, evidence = "lspv",
      what = ("%s: your way back to the system that ran before this one (%s): bootlist -m normal %s; shutdown -Fr"):format(
        table.concat(others, " "), name, others[1]) }
  end
end

function storage.target_disk(m, add, run)
  local list, disks = aix.lspv(m.client:must { "lspv" })
  alternate_rootvg(m, add, run)
  previous_rootvg(m, add, list)
  local sizes, smallest = 0, nil
  for _, name in ipairs(m.disks) do
    local disk = disks[name]
    if not disk then
      add { id = "no-disk", host = m.name, what = ("there is no disk %s"):format(name), evidence = "lspv", remedy = "cfgmgr; lspv" }
    elseif disk.vg and disk.vg ~= "altinst_rootvg" and not disk.vg:match("^old_rootvg") then
      add { id = "disk-in-use", host = m.name, what = ("0505-126 target disk %s has a volume group assigned to it: %s")
        :format(name, disk.vg), evidence = "lspv", remedy = "choose a free disk" }
    else
      local size = aix.disk_size(m.client:run({ "getconf", "DISK_SIZE", "/dev/" .. name }).stdout)
      sizes, smallest = sizes + (size or 0), math.min(smallest or math.huge, size or 0)
      if not size then
        add { id = "disk-size", host = m.name, what = ("cannot tell the size of %s"):format(name),
          evidence = "getconf DISK_SIZE /dev/" .. name,
          remedy = ("lsdev -l %s must say Available, and getconf print megabytes"):format(name) }
      end
    end
  end
  if not smallest or smallest == 0 then return end
  local vg, lvs = rootvg(m)
  local needed = size_of_copy(vg, lvs, #m.disks)
  local names = table.concat(m.disks, " ")
  local release = m.target and releases.of(m.target) -- none of 7.1, whose updates are checked too
  local least = release and release.disk
  if least and sizes < least.wanted and sizes >= needed then
    add { id = "disk-below-release", severity = "warning", host = m.name, source = least.source, evidence = "getconf DISK_SIZE",
      what = ("%s: %d MB; the release asks for %d MB"):format(names, sizes, least.wanted),
      remedy = "choose a larger disk, or have it made larger later (chvg -g)" }
  end
  if sizes < needed then
    add { id = "disk-too-small", host = m.name, what = ("%s: %d MB, but the copy of rootvg takes %d MB"):format(names, sizes, needed),
      evidence = "lsvg rootvg; getconf DISK_SIZE", remedy = "choose a larger disk, or remove what rootvg does not need" }
  elseif sizes < needed + growth_mb then
    add { id = "expansion", severity = "warning", host = m.name,
      what = ("%s: %d MB are left beside the copy; file systems that must grow may find no free partitions"):format(names, sizes - needed),
      evidence = "lsvg rootvg; getconf DISK_SIZE", remedy = ("choose a disk of %d MB or more"):format(needed + growth_mb) }
  end
end

-- The record on a free disk, unless the journal knows it as that of a copy of altmig's: that is nobody's data.
local function foreign_record(m, add, name)
  local found, id, dump = m:disk_record(name)
  if not dump:match("^%s*%x+%s") then
    return add { id = "lvm-signature", severity = "warning", host = m.name, evidence = ("lquerypv -h /dev/%s E00 20: %s"):format(name,
        first_lines(dump, 2)), what = ("whether %s carries the record of a volume group cannot be read"):format(name),
      remedy = "make sure that it is no disk of another system, and not shared" }
  end
  if not found or id and m:known_copies()[id] then return end
  local named = m:is_overwritten(name)
  add { id = "lvm-signature", severity = named and "warning" or "inhibitor", host = m.name,
    what = ("%s is free in the ODM but carries the record of the volume group %s, which nobody here knows: its data %s"):format(name,
      id or "?", named and "will be overwritten, because --disk names it" or "would be lost"),
    evidence = ("lquerypv -h /dev/%s E00 20: %s"):format(name, first_lines(dump, 2)),
    remedy = not named and ("is it another system's disk, or shared? Only if its content may be destroyed: the same command with "
      .. "--disk %s; or chpv -C %s there   (clears the record)"):format(name, name) or nil }
end

--- A disk that lspv calls free, and which is not: the ODM still has it in a volume group, or the record of one
--- that nobody here knows is on it.
function storage.lvm_signature(m, add)
  local _, disks = aix.lspv(m.client:must { "lspv" })
  for _, name in ipairs(m.disks) do
    if disks[name] and not disks[name].vg then
      local result = m.client:run { "getlvodm", "-j", name }
      local member = aix.member_of(result)
      local evidence = ("getlvodm -j %s: %s"):format(name, first_lines(result.stdout .. result.stderr, 2))
      if member then
        add { id = "disk-in-use", host = m.name, evidence = evidence,
          what = ("lspv shows %s as free, but the ODM has it in the volume group %s"):format(name, member),
          remedy = "choose a free disk; or find out which volume group that is (getlvodm -t IDENTIFIER) and whose its data is" }
      else
        if member == nil then
          add { id = "disk-in-use", severity = "warning", host = m.name, evidence = evidence,
            what = ("getlvodm does not say whether the ODM has %s in a volume group (exit status %s)"):format(name,
              tostring(result.status)), remedy = "lspv shows it as free; alt_disk_copy refuses it (0505-126) if it is not" }
        end
        foreign_record(m, add, name)
      end
    end
  end
end

--- A second system in rootvg: which of the two is meant, and what is left of one that was removed.
function storage.multibos(m, add)
  local text = m.client:must { "lsvg", "-l", "rootvg" }
  local standby, own = text:match("%f[%w_]bos_hd%w+"), text:match("%f[%w_]hd5%f[^%w_]")
  local directory = not standby and m.client:run({ "test", "-d", "/bos_inst" }).status == 0
  if standby and own then
    add { id = "multibos", host = m.name, what = ("rootvg holds a standby BOS (%s): two systems, of which one is copied"):format(
        text:match("bos_hd5") or standby), evidence = "lsvg -l rootvg",
      remedy = "multibos -R   (it removes the one that does not run; to keep that one, boot it first)", source = releases.source.checks }
  elseif standby then
    add { id = "multibos", host = m.name, evidence = "lsvg -l rootvg", source = releases.source.checks,
      what = ("the system runs from %s, and no logical volume has its own name: the copy would have neither"):format(standby),
      remedy = "multibos -s -X, boot the standby it makes (bootlist -m normal DISK blv=hd5; shutdown -Fr), then multibos -R" }
  elseif directory then
    add { id = "multibos", severity = "warning", host = m.name, evidence = "test -d /bos_inst",
      what = "/bos_inst is left of a standby BOS that is gone: phase 11 may print 0505-218 or 0505-187",
      remedy = "mount   shows that nothing is mounted there; then rmdir /bos_inst", source = releases.source.transcript }
  end
end

function storage.mirror(m, add)
  local vg, lvs = rootvg(m)
  local _, copies = size_of_copy(vg, lvs, #m.disks)
  if copies > #m.disks then
    add { id = "mirrored-rootvg", severity = "warning", host = m.name,
      what = ("rootvg is mirrored (%d copies) and there %s %d target disk%s: the copy will not be mirrored"):format(copies,
        #m.disks == 1 and "is" or "are", #m.disks, #m.disks == 1 and "" or "s"),
      evidence = "lsvg -l rootvg", remedy = "name a disk for each copy, or run mirrorvg and bosboot after the migration" }
  end
end

function storage.lv_names(m, add)
  local _, lvs = rootvg(m)
  for _, lv in ipairs(lvs) do
    if #lv.name > 11 then
      add { id = "lv-name", host = m.name, what = ("logical volume %s: alt_%s is longer than 15 characters"):format(lv.name, lv.name),
        evidence = "lsvg -l rootvg", remedy = ("chlv -n NEW_NAME %s   (unmount it first)"):format(lv.name) }
    end
  end
end

local of_bos = { ["/"] = true, ["/usr"] = true, ["/var"] = true, ["/tmp"] = true, ["/home"] = true, ["/opt"] = true, ["/admin"] = true }
local no_files = { boot = true, paging = true, jfslog = true, jfs2log = true, sysdump = true }

function storage.filesystems(m, add)
  local _, lvs = rootvg(m)
  for _, lv in ipairs(lvs) do
    local at = lv.mount and lv.mount:match("^/") and lv.mount
    if at and lv.state:match("^closed") then
      add { id = "not-mounted", severity = of_bos[at] and "inhibitor" or "warning", host = m.name,
        what = ("%s (%s) of rootvg is not mounted: it would not be in the copy"):format(at, lv.name), evidence = "lsvg -l rootvg",
        remedy = ("mount %s"):format(at) }
    elseif not at and not no_files[lv.type] and not lv.name:match("^bos_") then
      add { id = "raw-lv", severity = "warning", host = m.name,
        what = ("logical volume %s (%s) of rootvg has no file system: its content is not copied"):format(lv.name, lv.type),
        evidence = "lsvg -l rootvg", remedy = "copy its data yourself after the migration" }
    end
  end
end

-- The partitions of a boot volume, of each of its copies: in one piece, and where the firmware reaches them.
local function boot_partitions(m, add, name, wanted, pp_size)
  local rows, split, far = aix.lslv_m(m.client:run({ "lslv", "-m", name }).stdout), false, nil
  for i, row in ipairs(rows) do
    for copy, at in ipairs(row.copies) do
      local before = i > 1 and rows[i - 1].copies[copy]
      split = split or before and (before.disk ~= at.disk or before.pp + 1 ~= at.pp)
      if at.pp * pp_size > wanted.within then far = at end
    end
  end
  if split then
    add { id = "hd5-pieces", severity = "warning", host = m.name, what = ("the partitions of %s are not contiguous"):format(name),
      evidence = "lslv -m " .. name, remedy = "make it again in one piece (migratepv -l, or rmlv and mklv -t boot), then bosboot",
      source = wanted.source }
  end
  if far then
    add { id = "hd5-place", severity = "warning", host = m.name, source = wanted.source, evidence = "lslv -m " .. name,
      what = ("%s has the partition %d of %s, %d MB from its beginning; it is to be within the first %d MB"):format(name, far.pp, far.disk,
        far.pp * pp_size, wanted.within),
      remedy = "make room at the beginning of the disk (migratepv -l), and make it again there; then bosboot" }
  end
end

--- hd5: as large as the boot image of the new release, in whole partitions, in one piece, at the beginning of the disk.
function storage.boot_volume(m, add)
  local vg, lvs = rootvg(m)
  local release = m.target and releases.of(m.target)
  local wanted = release and release.boot_volume
  local pp_size = vg.pp_size or 0
  if not wanted then return end
  for _, lv in ipairs(lvs) do
    if lv.type == "boot" and not lv.name:match("^bos_") then
      local size = lv.lps * pp_size
      m.client_boot_volume = m.client_boot_volume or size > 0 and size or nil
      if size > 0 and size < wanted.wanted then
        local hard = size < wanted.least
        add { id = "hd5-size", severity = hard and "inhibitor" or "warning", host = m.name,
          source = hard and wanted.least_source or wanted.source,
          what = ("%s has %d MB; the boot image of the new release needs %d MB"):format(lv.name, size,
            hard and wanted.least or wanted.wanted), evidence = "lsvg rootvg; lsvg -l rootvg",
          remedy = ("chpv -c DISK; rmlv %s; mklv -y %s -t boot -a e rootvg %d; bosboot -ad DISK   (or -i with a larger %s)"):format(
            lv.name, lv.name, (wanted.wanted + pp_size - 1) // pp_size, lv.name) }
      end
      boot_partitions(m, add, lv.name, wanted, pp_size)
    end
  end
end

--- "33,34,36..38,40...": a function that tells whether a major is free; and the lowest.
function storage.free_majors(text)
  local singles, ranges, from, lowest = {}, {}, nil, nil
  for word in text:gsub("%s", ""):gmatch("[^,]+") do
    local a, b = word:match("^(%d+)%.%.(%d+)$")
    local open = word:match("^(%d+)%.%.%.$")
    local one = a or open or word:match("^%d+$")
    if not one then return nil end
    lowest = math.min(lowest or math.huge, tonumber(one))
    if a then
      ranges[#ranges + 1] = { tonumber(a), tonumber(b) }
    elseif open then
      from = tonumber(open)
    else
      singles[tonumber(one)] = true
    end
  end
  local function free(major)
    if singles[major] or (from and major >= from) then return true end
    for _, range in ipairs(ranges) do
      if major >= range[1] and major <= range[2] then return true end
    end
    return false
  end
  return free, lowest
end

-- Remnants by major: names in CuDvDr and special files, for the majors that are free.
local function remnants(m, free)
  local found = {}
  local function note(major, kind, name)
    if not major or not free(major) then return end
    found[major] = found[major] or { odm = {}, dev = {} }
    table.insert(found[major][kind], name)
  end
  for _, object in ipairs(aix.odmget(m.client:must { "odmget", "-q", "resource=devno", "CuDvDr" })) do
    note(math.tointeger(tonumber(object.value1)), "odm", object.value3)
  end
  for _, row in ipairs(aix.devices(m.client:run({ "ls", "-l", "/dev" }).stdout)) do note(row.major, "dev", row.name) end
  return found
end

--- Devices that are gone but still in CuDvDr or /dev: when altinst_rootvg gets their major, phase 11
--- ends with 0516-082.
function storage.ghost_devices(m, add)
  local text = m.client:must { "lvlstmajor" }
  local free, lowest = storage.free_majors(text)
  if not free then
    return add { id = "ghost-device", severity = "warning", host = m.name, what = "lvlstmajor does not print major numbers",
      evidence = "lvlstmajor: " .. first_lines(text), remedy = "run lvlstmajor there; phase 1 ends with 0516-082 if the next major number "
        .. "is that of a device that is gone" }
  end
  local found = remnants(m, free)
  for _, major in ipairs(sorted_keys(found)) do
    local ghost = found[major]
    local files = #ghost.dev > 0 and ("cd /dev && rm %s; "):format(table.concat(ghost.dev, " ")) or ""
    add { id = "ghost-device", severity = major == lowest and "inhibitor" or "warning", host = m.name,
      what = ("major %d is free, but CuDvDr has %s and /dev has %s of it: %s"):format(major,
        #ghost.odm > 0 and table.concat(ghost.odm, " ") or "nothing", #ghost.dev > 0 and table.concat(ghost.dev, " ") or "nothing",
        major == lowest and "the alternate rootvg would get it, and phase 11 end with 0516-082"
          or "an alternate rootvg that gets it would end phase 11 with 0516-082"),
      evidence = ("lvlstmajor: %s; odmget -q value1=%d CuDvDr; ls -l /dev | grep '%d,'"):format(first_lines(text, 1), major, major),
      remedy = ("%sodmget -q value1=%d CuDvDr > /tmp/CuDvDr.%d; odmdelete -q value1=%d -o CuDvDr; "
        .. "savebase -o /etc/objrepos -d /dev/ipl_blv"):format(files, major, major, major) }
  end
end

--- The save area of phase 5 is in the root file system of the copy.
function storage.save_area(m, add)
  for _, row in ipairs(aix.df_k(m.client:must { "df", "-k", "/" })) do
    local mb = row.free and row.free >> 20
    if row.mount == "/" and mb and mb < 64 then
      add { id = "save-area", severity = mb < 8 and "inhibitor" or "warning", host = m.name,
        what = ("/ has %d MB free; the saved configuration goes there in the copy"):format(mb), evidence = "df -k /",
        remedy = "chfs -a size=+128M /" }
    end
  end
end

storage.plan = { "multibos", "lv_names", "filesystems", "boot_volume", "ghost_devices", "save_area" }
storage.order = { "target_disk", "lvm_signature", "multibos", "mirror", "lv_names", "filesystems", "boot_volume", "ghost_devices",
  "save_area" }

return storage
