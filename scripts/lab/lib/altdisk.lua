-- SPDX-License-Identifier: MIT
-- What alt_disk_copy and alt_rootvg_op do with the alternate rootvg: making it, copying into it,
-- closing it so that it can boot, waking it up, removing it.

local bootdisk = require "lab.bootdisk"
local disk = require "lab.disk"
local filesystems = require "lab.filesystems"
local imagedata = require "lab.imagedata"
local lpar = require "lpar"
local lvm = require "lab.lvm"
local modes = require "altmig.mode"
local mounting = require "lab.mounting"
local nvram = require "lab.nvram"
local odm = require "lab.odm"
local quirk = require "lab.quirk"
local sys = require "altmig.sys"

local altdisk = {}

local ALT <const> = "altinst_rootvg"
local INST <const> = "/alt_inst"
local check = lvm.check

altdisk.name = ALT
altdisk.log = "/var/adm/ras/alt_disk_inst.log"

--- Prints a line and keeps it in the log.
function altdisk.say(format, ...)
  local line = select("#", ...) > 0 and format:format(...) or format
  print(line)
  io.stdout:flush()
  sys.append_file(altdisk.log, line .. "\n", { mode = modes.FILE })
end
local say = altdisk.say

local function fail(message) error({ message = message, status = 1 }, 0) end
altdisk.fail = fail

--- Begins the log of a command, as its header shows it.
function altdisk.begin(words)
  sys.makedirs(altdisk.log:match("^(.*)/"), modes.DIR)
  sys.append_file(altdisk.log, ("%s\ncmd: %s\n"):format(os.date("%a %b %d %H:%M:%S UTC %Y"), table.concat(words, " ")),
    { mode = modes.FILE })
end

-- /alt_inst for "/", /alt_inst/usr for "/usr".
local function alt_path(label) return label == "/" and INST or INST .. label end

local function is_alt(path) return path == INST or path:sub(1, #INST + 1) == INST .. "/" end

-- Mounted file systems at or below /alt_inst, deepest first.
local function alt_mounts()
  local list, seen = {}, {}
  for _, m in ipairs(check(lpar.mounts())) do
    if is_alt(m.target) and not seen[m.target] then
      seen[m.target] = true
      list[#list + 1] = m.target
    end
  end
  table.sort(list, function(a, b) return a > b end)
  return list
end

--- Unmounts everything of /alt_inst, each with the two lines the command has for it.
---@return boolean done
function altdisk.unmount_all()
  local clean = true
  for _, target in ipairs(alt_mounts()) do
    local ok, message = mounting.unmount(target, true)
    if ok then
      for _ = 1, quirk.is("doubled-lines", "yes") and 2 or 1 do say("forced unmount of %s", target) end
    else
      say(message)
      clean = false
    end
  end
  return clean
end

local function remove_stanzas(root)
  local file = check(filesystems.open(root))
  if file:remove(function(stanza) return is_alt(stanza.at) end) > 0 then check(file:save()) end
end

local function add_stanzas(vgda)
  local file = check(filesystems.open())
  for _, lv in ipairs(vgda.lvs) do
    if lv.label and is_alt(lv.label) then
      file:set(lv.label, { { "dev", "/dev/" .. lv.name }, { "vfs", "jfs2" }, { "log", "/dev/alt_hd8" },
        { "mount", "false" }, { "account", "false" } })
    end
  end
  check(file:save())
end

--- Mounts the file systems of the alternate rootvg, parents first.
---@param snapshot lab.lvm.Snapshot
---@param vgda table
---@param fresh boolean|nil says and makes each first
local function mount_all(snapshot, vgda, fresh)
  local list, loops = {}, check(disk.loops())
  for _, lv in ipairs(vgda.lvs) do
    if lv.label and is_alt(lv.label) then list[#list + 1] = lv end
  end
  table.sort(list, function(a, b) return a.label < b.label end)
  for _, lv in ipairs(list) do
    if fresh then
      say("Creating %s file system.", lv.label == INST and INST .. "/" or lv.label)
      check(disk.mkfs(check(disk.lv_attach(vgda, lv, loops)), vgda, lv))
    end
    check(sys.makedirs(lv.label, modes.DIR))
    local mounted = false
    for _, target in ipairs(fresh and {} or alt_mounts()) do mounted = mounted or target == lv.label end
    if not mounted then
      local ok, message = mounting.volume(snapshot, lv.name, lv.label)
      if not ok then fail(message) end
    end
  end
end

-- ---- making ----

--- Refuses targets that are not there or not free.
---@param snapshot lab.lvm.Snapshot
---@param targets string[]
function altdisk.check_targets(snapshot, targets)
  if #targets == 0 then fail("0505-101 alt_disk_copy: no target disk given.") end
  for _, name in ipairs(targets) do
    local d = snapshot:disk(name)
    if not d then fail(("alt_disk_copy: target disk %s is not available."):format(name)) end
    if d.vg then
      fail(("0505-126 alt_disk_install: target disk %s has a volume group assigned to it."):format(name))
    end
  end
  if snapshot:group(ALT) then
    fail(("alt_disk_copy: volume group %s exists already. Remove it with \"alt_rootvg_op -X %s\" first."):format(ALT, ALT))
  end
end

local function create_volume(vgda, source, targets, planned)
  say("Creating logical volume alt_%s.", source.name)
  local size = planned or source
  local lv, message, code = disk.lv_create(vgda, { name = "alt_" .. source.name, type = source.type, lps = size.lps,
    copies = math.min(size.copies or 1, targets), label = source.label and source.label:match("^/") and
    alt_path(source.label) or source.label })
  if lv then return end
  if code == "ENOSPC" then fail(lvm.no_partitions .. "\n0516-822 mklv: Unable to create logical volume.") end
  fail(message)
end

--- Makes altinst_rootvg with its logical volumes and file systems, mounted.
---@param snapshot lab.lvm.Snapshot
---@param targets string[]
---@param debug boolean|nil
---@param plan table|nil sizes of an image.data
local function create(snapshot, targets, debug, plan)
  local rootvg = snapshot:group("rootvg")
  local store = odm.open("/etc/objrepos")
  local major = lvm.free_major(store)
  if debug then print("+ ALT_MAJOR_NUM=" .. major) end
  say("Creating cloned rootvg volume group and associated logical volumes.")
  for _, name in ipairs(targets) do
    check(disk.lvm_clear(name))
    check(bootdisk.write_record(name, nil, nil, 0)) -- an image of an earlier copy is none of this one
  end
  local vgda = check(disk.vg_create { name = ALT, disks = targets,
    pp_mb = plan and plan.pp_mb or rootvg.vgda.pp_mb, auto_on = false })
  local pvids = {}
  for i, pv in ipairs(vgda.pvs) do
    pvids[i] = pv.pvid
    local d = snapshot:disk(targets[i])
    if not d.pvid then
      check(store:add("CuAt", { name = d.name, attribute = "pvid", value = pv.pvid .. ("0"):rep(16), type = "R",
        generic = "D", rep = "s", nls_index = 2 }))
    elseif d.pvid ~= pv.pvid then
      check(store:change("CuAt", ("name = '%s' AND attribute = pvid"):format(d.name), { value = pv.pvid .. ("0"):rep(16) }))
    end
  end
  lvm.define(store, { name = ALT, vgid = vgda.vgid, pvids = pvids, major = major })
  check(store:commit())
  for _, lv in ipairs(rootvg.vgda.lvs) do
    if #lv.name > 11 then fail(("0516-1172 mklv: the name alt_%s is longer than 15 characters."):format(lv.name)) end
    create_volume(vgda, lv, #targets, plan and plan.lvs[lv.name])
  end
  lvm.vary_on(vgda)
  for _, lv in ipairs(vgda.lvs) do
    lvm.define_lv(store, { name = ALT, vgid = vgda.vgid, major = major }, lv)
  end
  check(store:commit())
  add_stanzas(vgda)
  mount_all(lvm.snapshot(), vgda, true)
  return vgda
end

local function copy_file_system(root, label)
  local from, to = root .. (label == "/" and "" or label), root .. alt_path(label)
  local result = check(lpar.outside { "cp", "-ax", "--sparse=auto", from .. "/.", to .. "/" })
  if result.status ~= 0 then
    sys.append_file(altdisk.log, result.stderr)
    fail(("alt_disk_copy: cannot copy %s: %s"):format(label, result.stderr:match("[^\n]*")))
  end
end

-- What was copied but belongs to the making of the copy, or to the old devices.
local function tidy(vgda)
  sys.rmdir(INST .. INST)
  for _, lv in ipairs(vgda.lvs) do lvm.remove_nodes(lv.name, INST) end
  remove_stanzas(INST)
  check(sys.write_file(INST .. "/etc/xtab", "", { mode = modes.FILE }))
end

-- Takes away what the patterns of /etc/exclude.rootvg (grep's, against "./path") leave out.
local function exclude(list_file, root)
  local patterns = {}
  for line in (list_file and sys.read_file(list_file) or ""):gmatch("[^\n]+") do
    if line ~= "" then patterns[#patterns + 1] = line end
  end
  if #patterns == 0 then return end
  local base = root .. INST
  local result = check(lpar.outside({ "sh", "-c",
    'cd "$1" && find . -depth | grep -f "$2" | while IFS= read -r f; do rm -rf "$f"; done', "sh", base,
    root .. list_file }))
  if result.status ~= 0 and result.stderr ~= "" then fail("alt_disk_copy: exclude list: " .. result.stderr) end
end

local function copy_files(vgda, opts)
  say("Generating a list of files")
  say("for backup and restore into the alternate file system...")
  say("Backing-up the rootvg files and restoring them to the alternate file system...")
  local world = check(lpar.world())
  local root = ("%s/lpars/%s/root"):format(world.lab, world.host)
  local labels = {}
  for _, lv in ipairs(vgda.lvs) do
    if lv.label and is_alt(lv.label) then labels[#labels + 1] = lv.label == INST and "/" or lv.label:sub(#INST + 1) end
  end
  table.sort(labels)
  for _, label in ipairs(labels) do copy_file_system(root, label) end
  exclude(opts.exclude, root)
  tidy(vgda)
end

-- Bytes in use of each mounted logical volume of a group.
local function bytes_in_use(snapshot, group)
  local used = {}
  for _, m in ipairs(snapshot:mounts()) do
    if m.lv and disk.lv_find(group.vgda, m.lv) then
      local result = check(sys.run { "df", "-k", m.at })
      local kb = result.stdout:match("\n%S+%s+(%d+)")
      local free = result.stdout:match("\n%S+%s+%d+%s+(%d+)")
      used[m.lv] = kb and free and (tonumber(kb) - tonumber(free)) * 1024 or 0
    end
  end
  return used
end

-- What a creation that failed leaves behind. mkvg comes first, so the group is varied on with the logical volumes
-- that it got to.
local function leave_behind()
  local left = quirk.value "phase1-failure"
  local group = lvm.snapshot():group(ALT)
  if group and group.vgda and left ~= "removes-group" then
    local store = odm.open("/etc/objrepos")
    local row = store:first("CuDvDr", "resource = devno AND value3 = " .. ALT)
    for _, lv in ipairs(group.vgda.lvs) do
      if not store:first("CuDv", "name = " .. lv.name) then
        lvm.define_lv(store, { name = ALT, vgid = group.vgid, major = row and math.tointeger(tonumber(row.value1)) }, lv)
      end
    end
    check(store:commit())
    lvm.vary_on(group.vgda)
  end
  if left == "leaves-mounted" then return end
  say("Cleaning up.")
  altdisk.unmount_all()
  if left == "removes-group" then altdisk.remove(ALT) end
end

--- Phase 1.
---@param opts {targets: string[], migrate: string?, debug: boolean?, exclude: string?, image_data: string?, phases: string}
function altdisk.phase1(opts)
  local snapshot = lvm.snapshot()
  local rootvg = snapshot:group("rootvg")
  if not rootvg or not rootvg.vgda then fail("alt_disk_copy: there is no rootvg.") end
  altdisk.check_targets(snapshot, opts.targets)
  if opts.exclude and not sys.stat(opts.exclude) then
    fail(("alt_disk_copy: exclude list %s does not exist."):format(opts.exclude))
  end
  if not opts.image_data then
    say("Calling mkszfile to create new /image.data file.")
    altdisk.write_image_data(rootvg)
  end
  say("Checking disk sizes.")
  local plan
  if opts.image_data then
    plan = imagedata.read(opts.image_data, rootvg.vgda)
    imagedata.check_sizes(opts.image_data, plan, bytes_in_use(snapshot, rootvg))
  end
  if disk.lv_find(rootvg.vgda, "hd11admin") then
    say("LOGICAL_VOLUME= hd11admin")
    say("FS_LV= /dev/hd11admin")
  end
  local ok, problem = pcall(function()
    copy_files(create(snapshot, opts.targets, opts.debug, plan), opts)
  end)
  if not ok then
    local message = type(problem) == "table" and problem.message or tostring(problem)
    say("%s", message)
    pcall(leave_behind)
    error({ message = "", status = 1, said = true }, 0)
  end
end

--- /image.data: the volume group and its logical volumes as mkszfile writes them, in short.
function altdisk.write_image_data(group)
  local out = { "image_data:\n\tIMAGE_TYPE= bff\n\tDATE_TIME= ", os.date("%a %b %d %H:%M:%S UTC %Y"),
    "\n\nlogical_volume_policy:\n\tSHRINK= no\n\tEXACT_FIT= no\n\nvg_data:\n\tVGNAME= ",
    group.name, "\n\tPPSIZE= ", group.vgda.pp_mb, "\n\tVG_SOURCE_DISK_LIST= ", table.concat(group.disks, " "), "\n\n" }
  for _, lv in ipairs(group.vgda.lvs) do
    out[#out + 1] = ("lv_data:\n\tVOLUME_GROUP= %s\n\tLOGICAL_VOLUME= %s\n\tTYPE= %s\n\tLPs= %d\n\tCOPIES= %d\n\tLABEL= %s\n\n"):format(
      group.name, lv.name, lv.type, lv.lps, lv.copies or 1, lv.label or "None")
  end
  check(sys.write_file("/image.data", table.concat(out), { mode = modes.FILE }))
end

-- ---- closing ----

-- The ODM of the copy describes the machine as the copy will find it: its disks are rootvg, the
-- rootvg of now is old_rootvg.
local function customize_odm(group, rootvg)
  local store = odm.open(INST .. "/etc/objrepos")
  for _, name in ipairs { ALT, "old_rootvg", "rootvg" } do lvm.undefine(store, name) end
  local lvs = {}
  for i, lv in ipairs(group.vgda.lvs) do
    lvs[i] = { name = lv.name:gsub("^alt_", ""), number = lv.number, type = lv.type, lps = lv.lps,
      label = lv.label and (lv.label == INST and "/" or (lv.label:gsub("^" .. INST, ""))) }
  end
  lvm.define(store, { name = "rootvg", vgid = group.vgid, pvids = group.pvids, lvs = lvs, major = 10, auto_on = true })
  lvm.define(store, { name = "old_rootvg", vgid = rootvg.vgid, pvids = rootvg.pvids })
  -- Disks known only since the copy was made, and PVIDs given since.
  local own = odm.open("/etc/objrepos")
  for _, row in ipairs(check(own:get("CuAt", "attribute = pvid"))) do
    check(store:delete("CuAt", ("name = '%s' AND attribute = pvid"):format(row.name)))
    check(store:add("CuAt", row))
  end
  check(store:commit())
end

-- Objects and special files of devices that are gone, with the major the alternate rootvg was given.
local function ghosts(group)
  local store = odm.open("/etc/objrepos")
  local row = store:first("CuDvDr", "resource = devno AND value3 = " .. ALT)
  local major = row and math.tointeger(tonumber(row.value1))
  if not major then return false end
  local there = { [ALT] = true }
  for _, lv in ipairs(group.vgda.lvs) do there[lv.name] = true end
  for _, object in ipairs(check(store:get("CuDvDr", "resource = devno AND value1 = " .. major))) do
    if not there[object.value3] then return true end
  end
  for _, name in ipairs(sys.list("/dev") or {}) do
    local stat = sys.lstat("/dev/" .. name)
    if stat and (stat.type == "block" or stat.type == "char") and stat.rdev_major == major then return true end
  end
  return false
end

local ghost_message <const> = "0516-082 /usr/sbin/lchangelv: Unable to access a special device file.\n"
  .. "\tExecute redefinevg and synclvodm to build correct\n\tenvironment."

-- Post phase 1 state again: devices attached, file systems mounted (after a failure or a reboot).
local function reopen(group)
  lvm.vary_on(group.vgda)
  local store = odm.open("/etc/objrepos")
  if not store:first("CuDv", "parent = " .. ALT) then
    local major = lvm.free_major(store)
    lvm.undefine(store, ALT)
    lvm.define(store, { name = ALT, vgid = group.vgid, pvids = group.pvids, lvs = group.vgda.lvs, major = major })
    check(store:commit())
  end
  store:close()
  add_stanzas(group.vgda)
  local snapshot = lvm.snapshot()
  mount_all(snapshot, group.vgda)
  return snapshot:group(ALT)
end

local function detach_one(vgda, lv)
  check(disk.lv_detach(vgda, lv))
  lvm.remove_nodes(lv.name)
end

local function rename_volumes(group)
  local vgda = group.vgda
  for _, lv in ipairs(vgda.lvs) do
    lv.name = lv.name:gsub("^alt_", "")
    if lv.label and is_alt(lv.label) then lv.label = lv.label == INST and "/" or lv.label:sub(#INST + 1) end
  end
  vgda.name = "rootvg"
  check(disk.vgda_write(vgda))
end

local function restore_names(group)
  local vgda = group.vgda
  local twice = quirk.is("wake-up", "renames")
  for _, lv in ipairs(vgda.lvs) do
    if twice or not lv.name:match("^alt_") then lv.name = ("alt_" .. lv.name):sub(1, 15) end
    if lv.label and lv.label:match("^/") and not is_alt(lv.label) then lv.label = alt_path(lv.label) end
  end
  vgda.name = ALT
  check(disk.vgda_write(vgda))
end

-- Takes the group away from the running system; its name stays.
local function export(group)
  local store = odm.open("/etc/objrepos")
  lvm.undefine(store, ALT)
  lvm.define(store, { name = ALT, vgid = group.vgid, pvids = group.pvids })
  check(store:commit())
end

local function set_bootlist(name)
  local ok, message = nvram.set_bootlist(disk.base(), "normal", { { disk = name, blv = "hd5" } })
  if not ok then fail("bootlist: " .. message) end
  say("Bootlist is set to the boot disk: %s blv=hd5", name)
end

--- The first disk of a group that has a boot image.
local function boot_disk(group)
  for _, name in ipairs(group.disks) do
    if bootdisk.load(name) then return name end
  end
  return nil
end

-- Whether the group is as phase 1 leaves it: all its file systems mounted.
local function is_open(vgda)
  local mounted = {}
  for _, target in ipairs(alt_mounts()) do mounted[target] = true end
  for _, lv in ipairs(vgda.lvs) do
    if lv.label and is_alt(lv.label) and not mounted[lv.label] then return false end
  end
  return true
end

local function close(opts)
  local snapshot = lvm.snapshot()
  local group, rootvg = snapshot:group(ALT), snapshot:group("rootvg")
  if not group or not group.vgda then fail("alt_disk_copy: there is no altinst_rootvg.") end
  if #group.vgda.lvs == 0 then fail("alt_disk_copy: altinst_rootvg has no logical volumes.") end
  if not disk.lv_find(group.vgda, "alt_hd5") then
    fail("alt_disk_copy: altinst_rootvg is not in the state after phase 1: its logical volumes have their final names.")
  end
  if not is_open(group.vgda) then fail("alt_disk_copy: the file systems of altinst_rootvg are not mounted.") end
  if not sys.stat(INST .. "/etc/objrepos/CuDv") or not sys.stat(INST .. "/etc/filesystems") then
    fail("alt_disk_copy: the file systems of altinst_rootvg hold no system.")
  end
  if opts.migrate and not opts.skip_boot_check then
    local image, reason
    for _, name in ipairs(group.disks) do
      image, reason = bootdisk.load(name)
      if image then break end
    end
    if not image then fail(("alt_disk_copy: altinst_rootvg cannot boot: %s"):format(reason)) end
  end
  say("Modifying ODM on cloned disk.")
  customize_odm(group, rootvg)
  remove_stanzas(INST)
  if not opts.migrate or quirk.is("phase3-boot-image", "writes") then
    say("Building boot image on cloned disk.")
    altdisk.build_boot_image(group)
  else
    for _, name in ipairs(group.disks) do
      if bootdisk.load(name) then
        local ok, message = bootdisk.savebase(name, INST .. "/etc/objrepos")
        if not ok then fail("savebase: " .. message) end
      end
    end
  end
  local haunted = ghosts(group)
  if not altdisk.unmount_all() then fail("alt_disk_copy: the file systems of altinst_rootvg are in use.") end
  say("Changing logical volume names in volume group descriptor area.")
  if haunted then fail(ghost_message) end
  for _, lv in ipairs(group.vgda.lvs) do detach_one(group.vgda, lv) end
  rename_volumes(group)
  say("Fixing LV control blocks...")
  export(group)
  say("Fixing file system superblocks...")
  remove_stanzas()
  sys.rmdir(INST)
  if not opts.no_bootlist then
    set_bootlist(boot_disk(group) or group.disks[1])
  elseif quirk.is("phase3-bootlist-text", "old-disk") then
    local running = lvm.snapshot():group("rootvg")
    say("Bootlist is set to the boot disk: %s blv=hd5", boot_disk(running) or running.disks[1])
  end
end

--- Phase 3. One that fails cleans up after itself: it unmounts the copy, whose group stays.
---@param opts {targets: string[], migrate: string?, no_bootlist: boolean?, skip_boot_check: boolean?, alone: boolean?}
function altdisk.phase3(opts)
  if opts.alone then
    say("## Phase 3 ###################")
    say("Verifying altinst_rootvg...")
  end
  local ok, problem = pcall(close, opts)
  if ok then return end
  say("%s", type(problem) == "table" and problem.message or tostring(problem))
  local leaves = quirk.value "phase3-failure"
  if leaves ~= "leaves-mounted" then
    say("Cleaning up.")
    pcall(altdisk.unmount_all)
    if leaves == "removes-group" then pcall(altdisk.remove, ALT) end
  end
  error({ message = "", status = 1, said = true }, 0)
end

--- bosboot in the copy; what it built goes to the disks.
function altdisk.build_boot_image(group)
  local file = "/tmp/alt_disk_bootimage"
  quirk.hand_on()
  local result = check(sys.run({ "/usr/sbin/bosboot", "-a", "-b", file }, { chroot = INST }))
  sys.append_file(altdisk.log, result.stdout .. result.stderr)
  local lv, image, ok, message
  for _, candidate in ipairs(group.vgda.lvs) do
    if candidate.type == "boot" then lv = lv or candidate end
  end
  if result.status == 0 and lv then
    image = check(sys.read_file(INST .. file))
    ok, message = bootdisk.install(group.vgda, lv, image, INST .. "/etc/objrepos")
  end
  sys.remove(INST .. file)
  if not ok then
    fail((message or result.stdout .. result.stderr):gsub("%s+$", "") .. "\nalt_disk_copy: cannot build the boot image.")
  end
end

-- ---- alt_rootvg_op ----

--- Removes a volume group from the system: its definition, devices and mounts. The disks keep what is on
--- them, with the record and the descriptor area of the group and the boot record: they could still be booted.
---@param name string
function altdisk.remove(name)
  local snapshot = lvm.snapshot()
  local group = snapshot:group(name)
  if not group then return end
  if name == ALT then
    for _, target in ipairs(alt_mounts()) do
      local ok, message = mounting.unmount(target, true)
      if not ok then fail(message) end
    end
    remove_stanzas()
  end
  if group.vgda then
    for _, lv in ipairs(group.vgda.lvs) do
      check(disk.lv_detach(group.vgda, lv))
      if lv.name:match("^alt_") then lvm.remove_nodes(lv.name) end
    end
  end
  local store = odm.open("/etc/objrepos")
  lvm.undefine(store, name)
  check(store:commit())
  if name == ALT then sys.rmdir(INST) end
end

--- alt_rootvg_op -X
function altdisk.drop(name)
  local snapshot = lvm.snapshot()
  if name == "rootvg" then fail("alt_rootvg_op: rootvg is the volume group of the running system.") end
  local group = snapshot:group(name)
  if not group then
    if quirk.is("remove-missing", "says-nothing") then return end
    fail(("alt_rootvg_op: volume group %s does not exist."):format(name))
  end
  if name ~= ALT and (group.active or not name:match("^old_rootvg")) then
    fail(("alt_rootvg_op: %s is no alternate rootvg."):format(name))
  end
  if name == ALT and not altdisk.unmount_all() then fail("alt_rootvg_op: the file systems of altinst_rootvg are in use.") end
  altdisk.remove(name)
  if quirk.is("remove-clears-record", "yes") then
    for _, target in ipairs(group.disks) do check(disk.lvm_clear(target)) end
  end
  local rootvg = snapshot:group("rootvg")
  set_bootlist(boot_disk(rootvg) or rootvg.disks[1])
end

-- Version and release of the system below a root, as one number; nil where there is none.
local function version_of(root)
  if not sys.stat(root .. "/usr/lib/objrepos/lpp") then return nil end
  local row = odm.open(root .. "/usr/lib/objrepos"):first("lpp", "name = bos.rte")
  return row and row.ver * 100 + row.rel
end

-- The manual writes the word both ways.
local function is_forced()
  local word, taken = os.getenv("FORCE"), quirk.value "force-spelling"
  return word ~= nil and (word == taken or taken == "both" and word:lower() == "yes")
end

-- A group of a newer version is closed again as it was, unless it is forced.
local function require_version(group, was_asleep, was_mounted)
  local there, here = version_of(INST), version_of("")
  if not there or not here or there <= here or is_forced() then return end
  for _, target in ipairs(was_mounted and {} or alt_mounts()) do mounting.unmount(target, true) end
  if was_asleep then
    for _, lv in ipairs(group.vgda.lvs) do detach_one(group.vgda, lv) end
    rename_volumes(group)
    export(group)
    remove_stanzas()
  end
  fail(("alt_rootvg_op: the version of the volume group to be woken up (%d.%d) is newer than that of the running system (%d.%d)."):format(
    there // 100, there % 100, here // 100, here % 100))
end

--- alt_rootvg_op -W: post phase 1 state again.
function altdisk.wake(name)
  if quirk.is("wake-up", "refuses") then fail("alt_rootvg_op: altinst_rootvg cannot be woken up.") end
  local snapshot = lvm.snapshot()
  local d = snapshot:disk(name or "")
  local group = d and d.vg and snapshot:group(d.vg)
  if not group or not group.vgda or d.vg == "rootvg" then
    fail(("alt_rootvg_op: there is no alternate rootvg on %s."):format(tostring(name)))
  end
  if d.vg ~= ALT then
    if snapshot:group(ALT) then fail("alt_rootvg_op: altinst_rootvg exists already.") end
    local store = odm.open("/etc/objrepos")
    lvm.undefine(store, d.vg)
    lvm.define(store, { name = ALT, vgid = group.vgid, pvids = group.pvids })
    check(store:commit())
  end
  say("Waking up altinst_rootvg volume group ...")
  local was_asleep, was_mounted = disk.lv_find(group.vgda, "hd5") ~= nil, #alt_mounts() > 0
  for _, lv in ipairs(group.active and group.vgda.lvs or {}) do
    if not was_mounted then detach_one(group.vgda, lv) end
  end
  if not was_mounted then
    local store = odm.open("/etc/objrepos")
    lvm.undefine(store, ALT)
    lvm.define(store, { name = ALT, vgid = group.vgid, pvids = group.pvids })
    check(store:commit())
    restore_names(group)
  end
  reopen(group)
  require_version(group, was_asleep, was_mounted)
end

--- alt_rootvg_op -S: what phase 3 does, without the boot list.
function altdisk.sleep()
  say("Putting volume group altinst_rootvg to sleep ...")
  local group = lvm.snapshot():group(ALT)
  if not group or not group.vgda then fail("alt_rootvg_op: there is no altinst_rootvg.") end
  if not altdisk.unmount_all() then fail("alt_rootvg_op: the file systems of altinst_rootvg are in use.") end
  for _, lv in ipairs(group.vgda.lvs) do detach_one(group.vgda, lv) end
  rename_volumes(group)
  say("Fixing LV control blocks...")
  export(group)
  say("Fixing file system superblocks...")
  remove_stanzas()
  sys.rmdir(INST)
end

--- alt_rootvg_op -q -d DISK: the boot disk of the group the disk belongs to.
function altdisk.query(name)
  local snapshot = lvm.snapshot()
  local d = snapshot:disk(name or "")
  local group = d and d.vg and snapshot:group(d.vg)
  local found = group and boot_disk(group)
  if not found then fail(("alt_rootvg_op: no boot disk found for %s."):format(tostring(name))) end
  print(found)
end

--- One operation on an alternate rootvg, as alt_rootvg_op takes it, and alt_disk_install, its old name.
---@param path string of the command
---@param args string[] its words
---@param options table -X, -q, -W or -S
---@param names { group: string?, disk: string? } what it is about
---@param usage fun() does not return
---@return integer status
function altdisk.operate(path, args, options, names, usage)
  altdisk.begin { path, table.unpack(args) }
  local ok, problem = pcall(function()
    if options.X then
      altdisk.drop(names.group or altdisk.name)
    elseif options.q then
      altdisk.query(names.disk)
    elseif options.W then
      altdisk.wake(names.disk)
    elseif options.S then
      altdisk.sleep()
    elseif options.v then
      fail("alt_rootvg_op: renaming a volume group (-v) is not supported here.")
    else
      usage()
    end
  end)
  if ok then return 0 end
  if type(problem) ~= "table" then problem = { message = tostring(problem) } end
  print(problem.message)
  return problem.status or 1
end

return altdisk
