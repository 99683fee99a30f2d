-- SPDX-License-Identifier: MIT
-- Plays the boot of an LPAR without touching it: aixlua bootcheck.lua HOST [DISK]. Prints the
-- result as JSON. The file systems are mounted read-only in a mount namespace of this process, so
-- it works beside a running LPAR and leaves nothing behind.

local disk = require "lab.disk"
local firmware = require "lab.firmware"
local json = require "altmig.json"
local lpar = require "lpar"
local modes = require "altmig.mode"
local sys = require "altmig.sys"

local function check(ok, message)
  if not ok then error({ message = message }, 0) end
  return ok
end

local host, name = arg[1], arg[2]
local lab = check(lpar.world()).lab
disk.use(lab, host)
check(lpar.unshare("mnt"))
local root = ("%s/run/bootcheck.%d"):format(lab, sys.getpid())
check(sys.makedirs(root, modes.PRIVATE_DIR))

local loops = check(disk.loops())
local own = {} -- loop devices attached here

local function mount(vgda, lv, at)
  local here, outside, offset = disk.lv_file(vgda, lv)
  if not here then return nil, outside end
  local device = loops[("%s@%d"):format(outside, offset)]
  local target = root .. (at == "/" and "" or at)
  if at ~= "/" and not sys.stat(target) then return nil, at .. " does not exist" end
  local ok, message
  if device then
    -- In use: the same file system once more, this mount of it read-only.
    ok, message = lpar.mount(device, target, "xfs", "noatime", "nouuid")
    if ok then ok, message = lpar.mount(nil, target, nil, "bind,remount,ro") end
  end
  if not device or not ok then
    local result
    result, message = disk.tool { "losetup", "--read-only", "--show", "--find", outside }
    if not result then return nil, message end
    device = result.stdout:match("%S+")
    own[#own + 1] = device
    ok, message = lpar.mount(device, target, "xfs", "ro,noatime", "nouuid,norecovery")
  end
  if not ok then return nil, message end
  return root
end

local function oslevel(at)
  local result, message = sys.run({ "/usr/bin/oslevel", "-s" }, { chroot = at, timeout = 30,
    env = { PATH = "/usr/bin:/usr/sbin", ODMDIR = "/etc/objrepos" } })
  if not result then return nil, "oslevel: " .. message end
  local level = result.stdout:match("^%s*(%S+)")
  if result.status ~= 0 or not level then return nil, "oslevel -s: " .. (result.stderr .. result.stdout):gsub("%s+$", "") end
  return level
end

local result = firmware.boot { disk = name, mount = mount, oslevel = oslevel }

local mounts = check(lpar.mounts())
for i = #mounts, 1, -1 do
  local target = mounts[i].target
  if target == root or target:sub(1, #root + 1) == root .. "/" then check(lpar.umount(target)) end
end
for _, device in ipairs(own) do disk.tool { "losetup", "--detach", device } end
sys.rmdir(root)
print(json.encode(result, { sort = true, lossy = true }))
