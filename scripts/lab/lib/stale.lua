-- SPDX-License-Identifier: MIT
-- What an NFS client is left with when the server has gone or withdrawn an export. A mount of the
-- lab is an attachment of the server's own file system; it is let go, and an empty file system that
-- cannot be written takes its place until it is unmounted.
--
-- As a program, in the mount namespace of the client and outside its rootvg:
--   stale.lua CLIENT SERVER [PATH ...]    (no path: everything of that server)

local lines = require "altmig.lines"
local config = require "lab.config"
local lpar = require "lpar"
local sys = require "altmig.sys"

local stale = {}

local function matcher(server, paths)
  local host, wanted = config.host(server), {}
  for _, path in ipairs(paths) do wanted[path] = true end
  return function(node, remote)
    return (node == server or node == host.address) and (#paths == 0 or wanted[remote])
  end
end

--- Lets go what other hosts have mounted from a server. For the server's side: its init, its
--- exportfs, or the hypervisor.
---@param server string
---@param paths? string[] exports that are gone; none: all
function stale.mark(server, paths)
  local world = lpar.world()
  local matches = matcher(server, paths or {})
  for _, client in ipairs(config.hosts) do
    local found = false
    for _, line in ipairs(lines.filled(sys.read_file(("%s/run/%s.nfs"):format(world.path, client.name)))) do
      local node, remote = line:match "^%d+\t([^\t]*)\t([^\t]*)"
      found = found or (node and matches(node, remote))
    end
    local pid = (sys.read_file(("%s/run/%s.pid"):format(world.path, client.address)) or ""):match "^%d+"
    if found and pid and client.name ~= server then
      local argv = { "nsenter", "-t", pid, "-m", "--", "env", "ALTMIG_LAB=" .. world.lab, "ALTMIG_LPAR=" .. client.name,
        world.lab .. "/bin/aixlua", "-L", world.lab .. "/lib", world.lab .. "/lib/stale.lua", client.name, server }
      for _, path in ipairs(paths or {}) do argv[#argv + 1] = path end
      lpar.outside(argv)
    end
  end
end

local function mount_id(target)
  local id
  for _, m in ipairs(lpar.mounts() or {}) do
    if m.target == target then id = m.id end
  end
  return id
end

local function main(client, server, ...)
  local matches = matcher(server, { ... })
  local world = lpar.world()
  local file = ("%s/run/%s.nfs"):format(world.path, client)
  local root = ("%s/lpars/%s/root"):format(world.path, client)
  local kept = {}
  for _, line in ipairs(lines.filled(sys.read_file(file))) do
    local id, node, remote, target, options = line:match "^(%d+)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)$"
    local at = root .. (target or "")
    if not id or not matches(node, remote) or mount_id(at) ~= math.tointeger(tonumber(id)) then
      kept[#kept + 1] = line
    else
      lpar.umount(at, { lazy = true })
      if lpar.mount("stale", at, "tmpfs", "ro", "size=4k,nr_inodes=1,mode=000") then
        kept[#kept + 1] = ("%d\t%s\t%s\t%s\t%s"):format(mount_id(at), node, remote, target, options)
      end
    end
  end
  kept[#kept + 1] = ""
  sys.write_file(file, table.concat(kept, "\n"), { atomic = false })
end

if arg and arg[0] and arg[0]:match "stale%.lua$" and arg[1] then main(table.unpack(arg)) end

return stale
