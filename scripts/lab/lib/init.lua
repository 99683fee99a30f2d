-- SPDX-License-Identifier: MIT
-- PID 1 of an LPAR. It is not chrooted: the rootvg is mounted at lpars/HOST/root, and what a login
-- sees is below that. Boots by the boot list, runs the daemons, waits for the order to stop.

local config = require "lab.config"
local disk = require "lab.disk"
local exports = require "lab.exports"
local filesystems = require "lab.filesystems"
local json = require "altmig.json"
local lpar = require "lpar"
local modes = require "altmig.mode"
local nvram = require "lab.nvram"
local service = require "lab.service"
local sys = require "altmig.sys"

local world = assert(lpar.world())
local host = assert(config.host(world.host), "unknown host")
local base = ("%s/lpars/%s"):format(world.lab, host.name)
local root = base .. "/root"

local REBOOT = 64

local function log(...) io.stderr:write(("%.2f "):format(sys.time() % 1000), string.format(...), "\n") end
local function check(ok, message) if not ok then error({ message = message }, 0) end return ok, message end

local function outside(...)
  local argv = { ... }
  local result, message = lpar.outside(argv)
  check(result, message)
  check(result.status == 0, table.concat(argv, " ") .. ": " .. result.stderr)
  return result.stdout
end

local function set_state(state)
  state.host, state.boots = host.name, math.tointeger(tonumber(os.getenv "ALTMIG_BOOTS")) or 0
  check(sys.write_file(("%s/run/%s.state"):format(world.lab, host.name), json.encode(state, { sort = true }) .. "\n",
    { atomic = false }))
end

local function network()
  while lpar.wait_event(0.005) ~= nil do end
  for _ = 1, 1000 do
    if (sys.read_file "/proc/self/net/dev" or ""):find("eth0:", 1, true) then break end
    lpar.wait_event(0.01)
  end
  outside("ip", "link", "set", "lo", "up")
  outside("ip", "address", "add", ("%s/%d"):format(host.address, config.prefix), "dev", "eth0")
  outside("ip", "link", "set", "eth0", "up")
end

-- The daemons' own view of the real machine: a /run nobody else sees, and accounts with which sshd
-- lets root in (a locked password is no lock to AIX, but it is to sshd).
local function private_view()
  check(lpar.mount("tmpfs", "/run", "tmpfs", "nosuid,nodev", "mode=755"))
  for _, dir in ipairs { "sshd", "rpcbind", "blkid" } do check(sys.mkdir("/run/" .. dir, modes.DIR)) end
  local passwd, shadow = { "root:x:0:0:root:/:/bin/sh" }, { "root:*:19000::::::" }
  for line in (sys.read_file "/etc/passwd" or ""):gmatch "[^\n]+" do
    if not line:match "^root:" then
      passwd[#passwd + 1] = line
      shadow[#shadow + 1] = line:match "^[^:]+" .. ":*:19000::::::"
    end
  end
  for name, lines in pairs { passwd = passwd, shadow = shadow } do
    local file = base .. "/etc/" .. name
    check(sys.write_file(file, table.concat(lines, "\n") .. "\n", { mode = modes.FILE, atomic = false }))
    check(lpar.mount(file, "/etc/" .. name, nil, "bind"))
  end
end

--- The root logical volume of the volume group on a disk, and the group.
local function root_lv(name)
  local vgda, message = disk.vgda_read(name)
  if vgda == nil then return nil, message end
  if not vgda then return nil, name .. ": no volume group on it" end
  for _, lv in ipairs(vgda.lvs) do
    if lv.label == "/" then return lv, vgda end
  end
  return nil, name .. ": no root file system in volume group " .. tostring(vgda.name)
end

-- The first disk of the boot list that has a root file system, or the disk named.
local function find_root(name)
  local lists, message = nvram.bootlists(base)
  check(lists, message)
  local reasons = {}
  for _, entry in ipairs(name and { { disk = name } } or lists.normal) do
    local lv, vgda = root_lv(entry.disk)
    if lv then return lv, vgda, entry.disk end
    reasons[#reasons + 1] = vgda
  end
  check(nil, "boot: " .. (#reasons > 0 and table.concat(reasons, "; ") or "the boot list is empty"))
end

-- What firmware and the first boot stages say about it: the disk they come up from.
local function firmware_disk()
  local text = outside("env", "ALTMIG_LAB=" .. world.lab, "ALTMIG_LPAR=" .. host.name, world.lab .. "/bin/aixlua", "-L",
    world.lab .. "/lib", world.lab .. "/lib/bootcheck.lua", host.name)
  local result = check(json.decode(text))
  check(result.up, ("LED %s: %s"):format(result.led, result.reason))
  return result.disk
end

local loops

local function mount_lv(vgda, lv, at)
  local device, message = disk.lv_attach(vgda, lv, loops)
  check(device, message)
  check(lpar.mount(device, root .. (at == "/" and "" or at), "xfs", "noatime", "nouuid"))
end

-- Groups that are varied on at boot: rootvg, and what does so by itself. Another rootvg (the one
-- before a migration, or the copy it was not booted from) has the same names and stays off.
local function in_use(group, rootvg)
  return group.vgda.vgid == rootvg.vgid or (group.vgda.auto_on and group.vgda.name ~= rootvg.name)
end

-- In the order of /etc/filesystems: rootvg's file systems, then what mounts by itself.
local function mount_filesystems(rootvg)
  local by_device = {}
  for _, group in pairs(check(disk.groups())) do
    if in_use(group, rootvg) then
      for _, lv in ipairs(group.vgda.lvs) do
        by_device["/dev/" .. lv.name] = by_device["/dev/" .. lv.name] or { group.vgda, lv }
      end
    end
  end
  local file = filesystems.open(root)
  local done = {}
  local function mount(at, entry)
    if at == "/" or at == "/proc" or not entry or done[at] then return end
    done[at] = true
    if entry[2].type ~= "jfs2" and entry[2].type ~= "jfs" then return end
    if not sys.stat(root .. at) then check(sys.makedirs(root .. at, modes.DIR)) end
    mount_lv(entry[1], entry[2], at)
  end
  if file then
    for _, stanza in ipairs(file.stanzas) do
      local how = stanza.attributes.mount
      if how == "automatic" or how == "true" then mount(stanza.at, by_device[stanza.attributes.dev]) end
    end
    return
  end
  local lvs = {}
  for _, lv in ipairs(rootvg.lvs) do
    if lv.label and lv.label:match "^/" then lvs[#lvs + 1] = lv end
  end
  table.sort(lvs, function(a, b) return a.label < b.label end)
  for _, lv in ipairs(lvs) do mount(lv.label, { rootvg, lv }) end
end

local function node(name, kind, mode, major, minor)
  local path = root .. "/dev/" .. name
  local stat = sys.lstat(path)
  if stat and stat.type == kind and stat.rdev_major == major and stat.rdev_minor == minor then return end
  if stat then sys.remove(path) end
  check(sys.mknod(path, kind, mode, major, minor))
end

local function block_node(name, device)
  local stat = check(sys.stat(device))
  node(name, "block", modes.PRIVATE_FILE, stat.rdev_major, stat.rdev_minor)
  node("r" .. name, "block", modes.PRIVATE_FILE, stat.rdev_major, stat.rdev_minor)
end

local function device_nodes(rootvg)
  if not sys.stat(root .. "/dev") then check(sys.mkdir(root .. "/dev", modes.DIR)) end
  node("null", "char", modes.octal "666", 1, 3)
  node("zero", "char", modes.octal "666", 1, 5)
  node("tty", "char", modes.octal "666", 5, 0)
  node("console", "char", modes.PRIVATE_FILE, 1, 3)
  node("random", "char", modes.FILE, 1, 8)
  node("urandom", "char", modes.FILE, 1, 9)
  local boot_disk = check(sys.stat(check(disk.attach(check(disk.by_pvid(rootvg.pvs[1].pvid)), loops))))
  node("ipldevice", "block", modes.PRIVATE_FILE, boot_disk.rdev_major, boot_disk.rdev_minor)
  for _, name in ipairs(check(disk.list())) do block_node(name, check(disk.attach(name, loops))) end
  for _, group in pairs(check(disk.groups())) do
    if in_use(group, rootvg) then
      for _, lv in ipairs(group.vgda.lvs) do block_node(lv.name, check(disk.lv_attach(group.vgda, lv, loops))) end
    end
  end
end

local function unmount_all()
  local list = lpar.mounts() or {}
  for i = #list, 1, -1 do
    local target = list[i].target
    if target == root or target:sub(1, #root + 1) == root .. "/" then
      local ok, message = lpar.umount(target)
      if not ok then
        log("%s", message)
        lpar.umount(target, { lazy = true })
      end
    end
  end
end

local function mount_rootvg(name)
  local lv, rootvg, boot_disk = find_root(name)
  mount_lv(rootvg, lv, "/")
  mount_filesystems(rootvg)
  device_nodes(rootvg)
  return boot_disk
end

local function boot()
  network()
  private_view()
  loops = check(disk.loops())
  -- Mounting first replays the logs; firmware's word is what counts.
  local mounted, boot_disk = pcall(mount_rootvg)
  local wanted = firmware_disk()
  if not mounted or wanted ~= boot_disk then
    unmount_all()
    boot_disk = mount_rootvg(wanted)
  end
  if not sys.stat(root .. "/proc") then check(sys.mkdir(root .. "/proc", modes.octal "555")) end
  check(lpar.mount("proc", root .. "/proc", "proc", "nosuid,nodev,noexec"))
  check(lpar.sethostname(host.name))
  log("rootvg mounted from %s", boot_disk)

  check(sys.write_file(root .. "/etc/xtab", sys.read_file(root .. "/etc/exports") or "", { mode = modes.FILE, atomic = false }))
  sys.remove(base .. "/etc/exports.conf")
  local list = exports.read(sys.read_file(root .. "/etc/exports") or "")
  local ok, message = exports.apply(list)
  if not ok then log("exports: %s", message) end
  for _, name in ipairs { "rpcbind", "sshd" } do check(service.start(name)) end
  check(service.wait "rpcbind")
  check(service.start "nfsd")
  for _, name in ipairs { "sshd", "nfsd" } do check(service.wait(name)) end
  set_state { state = "running", disk = boot_disk }
  log "running"
end

local function end_processes()
  local function alive()
    while lpar.reap() do end
    return lpar.kill(-1, "CONT")
  end
  service.stop "nfsd"
  lpar.kill(-1, "TERM")
  local deadline = sys.time() + 1
  while alive() and sys.time() < deadline do lpar.wait_event(0.02) end
  lpar.kill(-1, "KILL")
  deadline = sys.time() + 5
  while alive() and sys.time() < deadline do lpar.wait_event(0.02) end
end

local function start_wanted()
  for _, name in ipairs { "rpcbind", "sshd", "nfsd" } do
    if sys.stat(("%s/run/%s.start"):format(base, name)) then
      sys.remove(("%s/run/%s.start"):format(base, name))
      local ok, message = service.start(name)
      if not ok then log("%s", message) end
    end
  end
end

lpar.wait_event(0)
for _, name in ipairs(sys.list(base .. "/run") or {}) do sys.remove(base .. "/run/" .. name) end
local ok, failure = xpcall(boot, function(e)
  return type(e) == "table" and e.message or debug.traceback(tostring(e))
end)
if not ok then
  log("%s", failure)
  sys.write_file(base .. "/run/failure", failure, { atomic = false })
  end_processes()
  unmount_all()
  os.exit(1, true)
end
local status
while not status do
  local event = lpar.wait_event(5)
  while lpar.reap() do end
  if event == "USR1" then
    status = REBOOT
  elseif event == "USR2" or event == "TERM" or event == "INT" then
    status = 0
  elseif event == "HUP" then
    start_wanted()
  end
end
log(status == REBOOT and "reboot" or "halt")
end_processes()
log "processes ended"
unmount_all()
log "unmounted"
os.exit(status, true)
