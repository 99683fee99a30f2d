-- SPDX-License-Identifier: MIT
-- The module `lpar` of aixlua: what the emulated commands need of the world their LPAR lives in.
-- lpar.core holds the system calls.

local lpar = require "lpar.core"
local sys = require "altmig.sys"

-- PID 1 of an LPAR is not chrooted: its root leads to the real machine.
local OUTSIDE = "/proc/1/root"

local cached

--- Where the lab is, as seen from here.
---@return { lab: string, host: string, prefix: string, path: string }? world prefix leads outside ("" when there)
---@return string? message
---@return string? code
function lpar.world()
  if cached then return cached end
  local lab, host, prefix = os.getenv "ALTMIG_LAB", os.getenv "ALTMIG_LPAR", ""
  if not lab then
    local text, message, code = sys.read_file "/proc/1/environ"
    if not text then return nil, message, code end
    text = "\0" .. text
    lab, host, prefix = text:match "%zALTMIG_LAB=(%Z*)", text:match "%zALTMIG_LPAR=(%Z*)", OUTSIDE
    if not lab or not host then return nil, "not inside an LPAR of the lab", "NOT_IN_LPAR" end
  end
  cached = { lab = lab, host = host, prefix = prefix, path = prefix .. lab }
  return cached
end

--- Runs a program of the real machine, outside the rootvg. Options as sys.run.
---@param argv string[]
---@param opts? table
---@return table? result
---@return string? message
---@return string? code
function lpar.outside(argv, opts)
  local o = { env = { PATH = "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL = "C" } }
  for k, v in pairs(opts or {}) do o[k] = v end
  local world = lpar.world()
  if world and world.prefix ~= "" then o.chroot = OUTSIDE end
  return sys.run(argv, o)
end

local function unescape(s)
  return (s:gsub("\\(%d%d%d)", function(octal) return string.char(tonumber(octal, 8)) end))
end

local function registry()
  local world = lpar.world()
  return world and world.host and ("%s/run/%s.nfs"):format(world.path, world.host)
end

-- NFS mounts by mount id: the kernel knows them as copies of the server's own mounts.
local function nfs_mounts()
  local file, known = registry(), {}
  for line in (file and sys.read_file(file) or ""):gmatch "[^\n]+" do
    local id, node, remote, target, options = line:match "^(%d+)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)$"
    if id then known[tonumber(id)] = { node = node, remote = remote, target = target, options = options } end
  end
  return known
end

--- What is mounted below this process's root, in the order of mounting. NFS mounts carry node,
--- remote and nfs_options; the others the device as "major:minor" in dev.
---@return { id: integer, dev: string, root: string, target: string, options: string, fstype: string, source: string,
---   super: string, node: string?, remote: string?, nfs_options: string? }[]?
---@return string? message
---@return string? code
function lpar.mounts()
  local text, message, code = sys.read_file "/proc/self/mountinfo"
  if not text then return nil, message, code end
  local nfs, list = nfs_mounts(), {}
  for line in text:gmatch "[^\n]+" do
    local id, dev, root, target, options, rest = line:match "^(%d+) %d+ (%S+) (%S+) (%S+) (%S+)(.*)$"
    local fstype, source, super = (rest or ""):match " %- (%S+) (%S+) (%S+)"
    if fstype then
      local m = { id = tonumber(id), dev = dev, root = unescape(root), target = unescape(target),
        options = options, fstype = fstype, source = unescape(source), super = super }
      local known = nfs[m.id]
      if known and known.target == m.target then
        m.node, m.remote, m.nfs_options = known.node, known.remote, known.options
      end
      list[#list + 1] = m
    end
  end
  return list
end

--- An IPv4 address by /etc/hosts.
---@param name string
---@return string? address
---@return string? message
---@return string? code
function lpar.resolve(name)
  if name:match "^%d+%.%d+%.%d+%.%d+$" then return name end
  for line in (sys.read_file "/etc/hosts" or ""):gmatch "[^\n]+" do
    local words = {}
    for word in line:gsub("#.*", ""):gmatch "%S+" do words[#words + 1] = word end
    for i = 2, #words do
      if words[i] == name and words[1]:match "^%d+%.%d+%.%d+%.%d+$" then return words[1] end
    end
  end
  return nil, ("resolve: %s: host name not found"):format(name), "HOST_UNKNOWN"
end

--- Mounts host:path on target. There is no NFS client in the kernel this runs on: the server's own
--- mount daemon is asked by its protocol, as any client would, and what the server has at that
--- path now is then attached here (that file system alone, nothing mounted below it). EACCES where the
--- file system of the path is not exported itself: NFS does not cross from one to another.
---@param host string
---@param path string
---@param target string
---@param opts? { ro: boolean?, nodev: boolean?, nosuid: boolean?, squash: boolean?, options: string? } options: text for
---the mount table; squash: root of this host is nobody to the server
---@return true?
---@return string? message
---@return string? code
function lpar.nfs_mount(host, path, target, opts)
  opts = opts or {}
  local world, message, code = lpar.world()
  if not world then return nil, message, code end
  local address, ok
  address, message, code = lpar.resolve(host)
  if not address then return nil, message, code end
  ok, message, code = lpar.mountd(address, path)
  if not ok then return nil, message, code end
  local pid, server = (sys.read_file(("%s/run/%s.pid"):format(world.path, address)) or ""):match "^(%d+) (%S+)"
  if not pid then return nil, ("mount: %s: no host of the lab"):format(host), "EHOSTUNREACH" end
  local flags = {}
  for _, flag in ipairs { "ro", "nodev", "nosuid" } do
    if opts[flag] then flags[#flags + 1] = flag end
  end
  local options = table.concat(flags, ",")
  ok, message, code = lpar.attach(("/proc/%s/ns/mnt"):format(pid),
    ("%s/lpars/%s/root"):format(world.lab, server), path, target, options, opts.squash)
  if not ok then return nil, message, code end
  local last
  for _, m in ipairs(lpar.mounts() or {}) do
    if m.target == target then last = m end
  end
  if last then
    local line = ("%d\t%s\t%s\t%s\t%s\n"):format(last.id, host, path, target, opts.options or options)
    return sys.append_file(registry(), line)
  end
  return true
end

return lpar
