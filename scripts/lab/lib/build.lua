-- SPDX-License-Identifier: MIT
-- Builds the disks of an LPAR: aixlua build.lua HOST SEED FILES BYTES, in a mount namespace of its
-- own. What the file systems hold is lab.images' matter.

local bootdisk = require "lab.bootdisk"
local bootimage = require "lab.bootimage"
local buildfiles = require "lab.buildfiles"
local config = require "lab.config"
local disk = require "lab.disk"
local filesystems = require "lab.filesystems"
local kernel = require "lab.kernel"
local lpar = require "lpar"
local modes = require "altmig.mode"
local nvram = require "lab.nvram"
local sys = require "altmig.sys"

local PP_MB = 64

-- name, type, logical partitions, mount point
local rootvg_lvs = {
  { "hd5", "boot", 1, "primary_bootlv" }, { "hd6", "paging", 8 }, { "hd8", "jfs2log", 1 }, { "hd4", "jfs2", 8, "/" },
  { "hd2", "jfs2", 40, "/usr" }, { "hd9var", "jfs2", 8, "/var" }, { "hd3", "jfs2", 8, "/tmp" },
  { "hd1", "jfs2", 5, "/home" }, { "hd10opt", "jfs2", 5, "/opt" }, { "hd11admin", "jfs2", 5, "/admin" },
  { "lg_dumplv", "sysdump", 16 }, { "livedump", "jfs2", 5, "/var/adm/ras/livedump" },
}
-- The client's hold what it has, and no new release beside it: phase 6 of a migration must make room.
local client_lps = { ["/usr"] = 3, ["/var"] = 1, ["/opt"] = 1 }

-- Of a host whose /usr holds so many bytes besides what is made for it always.
local function logical_volumes(host, bytes)
  local lvs = {}
  for i, lv in ipairs(rootvg_lvs) do
    lvs[i] = { table.unpack(lv) }
    if host.role == "client" then
      lvs[i][3] = client_lps[lv[4]] or lv[3]
      -- They are there twice for a while, in the copy that is migrated.
      if lv[4] == "/usr" then lvs[i][3] = lvs[i][3] + bytes * 5 // 2 // (PP_MB << 20) end
    end
  end
  return lvs
end

local nim_lv = { "nimlv", "jfs2", 48, "/export/nim" }
local data_lv = { "datalv", "jfs2", 8, "/data" }

local function check(ok, message, code)
  if not ok then error({ message = message, code = code }, 0) end
  return ok
end

local function create_vg(name, disks, lvs, seed)
  local vgda = check(disk.vg_create { name = name, disks = disks, pp_mb = PP_MB, seed = seed })
  for _, lv in ipairs(lvs) do
    check(disk.lv_create(vgda, { name = lv[1], type = lv[2], lps = lv[3], label = lv[4] }))
  end
  return vgda
end

--- Mount point of a logical volume; the labels of others are no paths.
local function at_of(lv) return lv.label and lv.label:match "^/" and lv.label end

-- Makes and mounts the file systems of a group below root; shortest mount point first.
local function mount_group(vgda, root)
  local lvs = {}
  for _, lv in ipairs(vgda.lvs) do
    if at_of(lv) then lvs[#lvs + 1] = lv end
  end
  table.sort(lvs, function(a, b) return a.label < b.label end)
  local loops = check(disk.loops())
  for _, lv in ipairs(lvs) do
    local device = check(disk.lv_attach(vgda, lv, loops))
    check(disk.mkfs(device, vgda, lv))
    local at = root .. (lv.label == "/" and "" or lv.label)
    check(sys.makedirs(at, modes.DIR))
    check(lpar.mount(device, at, "xfs", "noatime", "nouuid"))
  end
end

local function unmount_all(root)
  local list = check(lpar.mounts())
  for i = #list, 1, -1 do
    local at = list[i].target
    if at == root or at:sub(1, #root + 1) == root .. "/" then check(lpar.umount(at)) end
  end
  local lab = lpar.world().lab
  for file, device in pairs(check(disk.loops())) do
    if file:sub(1, #lab + 1) == lab .. "/" and file:find("/lpars/" .. arg[1] .. "/", 1, true) then
      check(disk.tool { "losetup", "--detach", device })
    end
  end
end

local function put(root, path, data, mode)
  check(sys.makedirs(root .. path:match "^(.*)/", modes.DIR))
  check(sys.write_file(root .. path, data, { mode = mode or modes.FILE, atomic = false }))
end

-- What the disks hold and /etc/filesystems does not name yet.
local function complete_filesystems(root, groups)
  if not sys.lstat(root .. "/etc/filesystems") then put(root, "/etc/filesystems", "") end
  local file = check(filesystems.open(root))
  for _, group in ipairs(groups) do
    for _, lv in ipairs(group.lvs) do
      local at = at_of(lv)
      if at and not file:get(at) then
        local boot = group.name == "rootvg" and (at == "/" or at == "/usr" or at == "/var" or at == "/tmp")
        local pairs_ = { { "dev", "/dev/" .. lv.name }, { "vfs", "jfs2" },
          { "log", group.name == "rootvg" and "/dev/hd8" or "INLINE" }, { "mount", boot and "automatic" or "true" },
          { "check", boot and "false" or "true" }, { "free", "false" } }
        if boot then table.insert(pairs_, 5, { "type", "bootfs" }) end
        file:set(at, pairs_)
      end
    end
  end
  check(file:save())
end

local function populate(root, host, groups, seed)
  local lab = lpar.world().path
  buildfiles.provide(lab)
  local images, release = require "lab.images", require "lab.release"
  local levels = config.levels(lab)
  local opts = { name = host.name, address = host.address, from = levels.from, to = levels.to, seed = seed,
    files = tonumber(arg[3]), bytes = tonumber(arg[4]), hosts = { config.engine }, disks = {}, groups = {} }
  buildfiles.add_programs(opts, lab)
  for _, h in ipairs(config.hosts) do table.insert(opts.hosts, { name = h.name, address = h.address }) end
  for _, name in ipairs(check(disk.list())) do table.insert(opts.disks, { name = name, pvid = disk.ipl_read(name).pvid }) end
  for i, vgda in ipairs(groups) do
    local names = {}
    for k, pv in ipairs(vgda.pvs) do names[k] = check(disk.by_pvid(pv.pvid)) end
    opts.groups[i] = { name = vgda.name, vgid = vgda.vgid, disks = names, lvs = vgda.lvs }
  end
  check(images.write_tree(host.role == "master" and images.master(opts) or images.client(opts), root))
  if host.role == "master" then
    local old = {}
    for name, value in pairs(opts) do old[name] = value end
    old.files = nil -- of a baseline nobody needs the bulk
    local resources = config.resources_of(lab)
    local function write(list, location)
      check(sys.makedirs(root .. location, modes.DIR))
      check(images.write_tree(list, root .. location))
    end
    write(images.lpp_source(old, check(release.find(levels.from))), resources.baseline.location)
    write(images.lpp_source(opts), resources.lpp_source.location)
    write(images.spot(opts), resources.spot.location:gsub("/usr$", ""))
  end
end

local BOOT_TIME = 1700000000 -- of the image an installed system came with

-- The boot image and boot record of the installed system.
local function install_boot_image(root, vgda)
  local level, release = kernel.level(root)
  check(level, release)
  local image = check(bootimage.build { level = level, release = release, timestamp = BOOT_TIME, blocks = kernel.boot_blocks(root) })
  for _, lv in ipairs(vgda.lvs) do
    if lv.type == "boot" then check(bootdisk.install(vgda, lv, image, root .. "/etc/objrepos")) end
  end
end

local function main()
  local name, seed = arg[1], arg[2] or "1"
  local host = check(config.host(name), "build: unknown host " .. tostring(name))
  local world = check(lpar.world())
  disk.use(world.lab, name)
  local base = ("%s/lpars/%s"):format(world.lab, name)
  local root = base .. "/root"
  check(lpar.unshare "mnt")
  for _, d in ipairs(host.disks) do check(disk.create(d[1], d[2])) end
  local lvs = logical_volumes(host, math.tointeger(tonumber(arg[4])) or 0)
  if host.role == "master" then lvs[#lvs + 1] = nim_lv end
  local groups = { create_vg("rootvg", { "hdisk0" }, lvs, seed .. name) }
  if host.role == "client" then groups[2] = create_vg("datavg", { "hdisk1" }, { data_lv }, seed .. name) end
  for _, vgda in ipairs(groups) do mount_group(vgda, root) end

  populate(root, host, groups, seed)
  install_boot_image(root, groups[1])
  complete_filesystems(root, groups)
  if not sys.lstat(root .. "/etc/exports") then put(root, "/etc/exports", "") end
  unmount_all(root)
  check(nvram.set_bootlist(base, "normal", { { disk = "hdisk0", blv = "hd5" } }))
  check(sys.write_file(base .. "/built", "1\n"))
end

main()
