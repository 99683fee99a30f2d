-- SPDX-License-Identifier: MIT
-- How the engine host reaches the client's NFS server: by itself, or through the client's sshd (nfs = { via =
-- "ssh" }), which connects to the client's own ports. Then the client itself is who calls, and whom its exports name.

local err = require "altmig.err"

local route = {}

--- Whether the client's sshd carries it.
---@param resource altmig.nim.Host
---@return boolean
function route.is_ssh(resource) return resource.nfs ~= nil and resource.nfs.via == "ssh" end

--- Who calls the NFS server for the engine host, as the client names it.
---@param m { name: string, client: altmig.Host, client_resource: altmig.nim.Host, nim: altmig.Nim }
---@return string
function route.caller(m)
  local is_ssh = route.is_ssh(m.client_resource)
  local named
  if is_ssh then named = m.client_resource.nfs.host else named = m.nim:engine_address() end
  local who = is_ssh and "itself" or "the engine host"
  local remedy = is_ssh and ("name it, as %s knows itself, in %s: nfs = { via = \"ssh\", host = \"...\" }"):format(m.name, m.nim.path)
    or ("name it in %s: engine = { address = \"...\" }"):format(m.nim.path)
  if not named then
    local from, own = m.client:addresses()
    named = is_ssh and own or from
  end
  if not named then
    err.raise { code = "ENGINE_ADDRESS", host = m.name, remedy = remedy,
      message = ("%s: does not tell the address of %s (SSH_CONNECTION is empty)"):format(m.name, who) }
  end
  named = named:gsub("^::ffff:", "")
  if named:find(":", 1, true) then
    err.raise { code = "ENGINE_ADDRESS", host = m.name, remedy = remedy,
      message = ("%s: sees %s as %s, which an export's list of hosts cannot hold"):format(m.name, who, named) }
  end
  return named
end

--- What tree.nfs takes: makes the URL of a directory of the client, and says by whom it is reached.
---@param m { name: string, client: altmig.Host, client_resource: altmig.nim.Host, nim: altmig.Nim }
---@return fun(path: string): string url
---@return table? via  options of ssh.connect
function route.of(m)
  local resource = m.client_resource
  local nfs = resource.nfs or {}
  local is_ssh = route.is_ssh(resource)
  local node = is_ssh and route.caller(m) or nfs.host or resource.ssh.host
  return function(path)
    return ("nfs://%s%s%s"):format(node, path, nfs.options and "?" .. nfs.options or "")
  end, is_ssh and resource.ssh or nil
end

return route
