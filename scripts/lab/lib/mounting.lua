-- SPDX-License-Identifier: MIT
-- Mounting and unmounting by AIX's rules and in its words.

local config = require "lab.config"
local disk = require "lab.disk"
local exports = require "lab.exports"
local filesystems = require "lab.filesystems"
local lpar = require "lpar"
local lvm = require "lab.lvm"
local quirk = require "lab.quirk"
local sys = require "altmig.sys"

local mounting = {}

local check = lvm.check

--- Mount options as a set, and their text.
---@param text string|nil
---@return table<string, string|boolean>
function mounting.options(text)
  local set = {}
  for word in (text or ""):gmatch("[^,%s]+") do
    local name, value = word:match("^([^=]+)=(.*)$")
    set[name or word] = value or true
  end
  return set
end

local function flags_of(options)
  local flags = {}
  for _, name in ipairs { "ro", "nodev", "nosuid" } do
    if options[name] then flags[#flags + 1] = name end
  end
  return table.concat(flags, ",")
end

local function need_directory(target)
  local stat = sys.stat(target)
  if not stat then
    return nil, ("mount: 0506-324 Cannot mount on %s: A file or directory in the path name does not exist."):format(target)
  end
  return stat
end

local function top_mount(target)
  local last
  for _, m in ipairs(check(lpar.mounts())) do
    if m.target == target then last = m end
  end
  return last
end

--- Mounts a logical volume.
---@param snapshot lab.lvm.Snapshot
---@param lv_name string
---@param target string
---@param options string|nil
---@return true?
---@return string? message as AIX would print it
function mounting.volume(snapshot, lv_name, target, options)
  local stat, message = need_directory(target)
  if not stat then return nil, message end
  for _, m in ipairs(snapshot:mounts()) do
    if m.lv == lv_name or (m.at == target and m.lv) then
      return nil, ("mount: 0506-324 Cannot mount /dev/%s on %s: The requested resource is busy."):format(lv_name, target)
    end
  end
  local lv, group = snapshot:lv(lv_name)
  if not lv then
    return nil, ("mount: 0506-324 Cannot mount /dev/%s on %s: There is a request to a device or address that does not exist.")
      :format(lv_name, target)
  end
  -- By the name the device has outside, where its file system is grown.
  local flags = flags_of(mounting.options(options))
  local world = check(lpar.world())
  local ok, why = disk.tool { "mount", "-t", "xfs", "-o", "noatime,nouuid" .. (flags ~= "" and "," .. flags or ""),
    check(disk.lv_attach(group.vgda, lv)), ("%s/lpars/%s/root%s"):format(world.lab, world.host, target) }
  if not ok then return nil, ("mount: 0506-324 Cannot mount /dev/%s on %s: %s"):format(lv_name, target, why) end
  return true
end

--- Mounts what another host exports.
---@return true?
---@return string? message
function mounting.nfs(node, path, target, options)
  local stat, message = need_directory(target)
  if not stat then return nil, message end
  local set = mounting.options(options)
  local ok, why, code = lpar.nfs_mount(node, path, target,
    { ro = set.ro ~= nil, nodev = set.nodev ~= nil, nosuid = set.nosuid ~= nil, options = options,
      squash = exports.squashes(node, path) })
  if ok then return true end
  local reasons = { EACCES = "The file access permissions do not allow the specified action.",
    ENOENT = "A file or directory in the path name does not exist." }
  if code == "HOST_UNKNOWN" then
    return nil, ("mount: 1831-011 access denied for %s:%s\nmount: 0506-324 Cannot mount: host %s not found"):format(
      node, path, node)
  end
  return nil, ("mount: 1831-008 giving up on:\n%s:%s\nvmount: %s"):format(node, path, reasons[code] or why)
end

--- The mount of a server that is down, where a quirk gives this host one.
---@return { node: string, device: string, at: string, vfs: string, options: string }?
function mounting.dead_mount()
  local value, world = quirk.value "dead-nfs-mount", check(lpar.world())
  local role = config.host(world.host).role
  if value ~= role and value ~= "both" then return nil end
  return { node = "gone", device = "/export/gone", at = "/mnt/gone", vfs = "nfs3", options = "rw,hard" }
end

local function remember(target, device, options)
  local world, m = lpar.world(), top_mount(target)
  if world and m then
    sys.append_file(("%s/run/%s.nfs"):format(world.path, world.host),
      ("%d\t\t%s\t%s\t%s\n"):format(m.id, device, target, options))
  end
end

-- Whether a path is on the file system of another host.
local function is_remote(path)
  local best
  for _, m in ipairs(check(lpar.mounts())) do
    local below = m.target == "/" or path == m.target or path:sub(1, #m.target + 1) == m.target .. "/"
    if below and (not best or #m.target >= #best.target) then best = m end
  end
  return best ~= nil and best.remote ~= nil and best.remote ~= false
end

--- Mounts a file or directory of the own system at a second place: a regular file over one, a directory over
--- one, and nothing else.
---@return true?
---@return string? message
function mounting.namefs(device, target, options)
  local stat, message = need_directory(target)
  if not stat then return nil, message end
  local source = sys.stat(device)
  if not source then
    return nil, ("mount: 0506-324 Cannot mount %s on %s: A file or directory in the path name does not exist."):format(
      device, target)
  end
  if source.type ~= stat.type or (stat.type ~= "dir" and stat.type ~= "file") then
    return nil, ("mount: 0506-324 Cannot mount %s on %s: A system call received a parameter that is not valid."):format(
      device, target)
  end
  if stat.type == "file" and quirk.is("namefs-file-over-nfs", "refused") and is_remote(target) then
    return nil, ("mount: 0506-324 Cannot mount %s on %s: Function not implemented"):format(device, target)
  end
  local ok, why = lpar.mount(device, target, nil, "bind")
  local flags = flags_of(mounting.options(options))
  if ok and flags ~= "" then ok, why = lpar.mount(nil, target, nil, "bind,remount," .. flags) end
  if not ok then return nil, ("mount: 0506-324 Cannot mount %s on %s: %s"):format(device, target, why) end
  remember(target, device, options or "rw")
  return true
end

--- Mounts by /etc/filesystems.
---@param snapshot lab.lvm.Snapshot
---@param name string mount point or device
---@param options string|nil
---@return true?
---@return string? message
function mounting.by_table(snapshot, name, options)
  local stanza = check(filesystems.open()):get(name)
  if not stanza then return nil, ("mount: 0506-334 %s is not a known file system."):format(name) end
  local a = stanza.attributes
  options = options or a.options
  if a.nodename and a.nodename ~= "" and a.nodename ~= "-" then
    return mounting.nfs(a.nodename, a.dev, stanza.at, options)
  end
  if a.vfs == "procfs" then
    local ok, why = lpar.mount("proc", stanza.at, "proc")
    return ok, why and "mount: " .. why
  end
  return mounting.volume(snapshot, a.dev:match("[^/]+$"), stanza.at, options)
end

-- Takes a file system from the NFS server without a word in /etc/xtab: as after a forced unmount,
-- clients are left with stale handles, and the next export serves what is below.
local function take_from_server(target)
  local kept, found = {}, false
  for _, entry in ipairs(exports.read(sys.read_file("/etc/xtab") or "")) do
    if entry.path == target then found = true else kept[#kept + 1] = entry end
  end
  if found then exports.apply(kept) end
  return found
end

--- Unmounts a file system. A forced unmount takes it from the NFS server, and does not wait for the
--- users of another host's.
---@param target string
---@param force boolean|nil
---@return true?
---@return string? message
function mounting.unmount(target, force)
  local m = top_mount(target)
  if not m then return nil, "umount: 0506-347 Cannot find anything to unmount." end
  if not force and not m.remote and quirk.is("umount-exported", "works") then take_from_server(target) end
  local deadline = sys.time() + (force and 2 or 0.3)
  local ok, why, code = lpar.umount(target, { force = force and m.remote ~= nil })
  if code == "EBUSY" and force then
    if m.remote then ok, why, code = lpar.umount(target, { lazy = true }) else take_from_server(target) end
  end
  -- Servers and commands that just end let go a little later.
  while not ok and code == "EBUSY" and sys.time() < deadline do
    sys.sleep(0.05)
    ok, why, code = lpar.umount(target)
  end
  if ok then return true end
  if code == "EBUSY" then
    return nil, ("umount: 0506-349 Cannot unmount %s: The requested resource is busy."):format(target)
  end
  return nil, ("umount: 0506-349 Cannot unmount %s: %s"):format(target, why)
end

return mounting
