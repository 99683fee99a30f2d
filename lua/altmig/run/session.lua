-- SPDX-License-Identifier: MIT
-- What a run has open: the connections to its hosts, and the tree of the copy.

local commands = require "altmig.run.commands"
local console = require "altmig.run.console"
local err = require "altmig.err"
local escape = require "altmig.escape"
local executor = require "altmig.run.executor"
local gate = require "altmig.gate"
local host = require "altmig.run.host"
local nfs_route = require "altmig.run.nfs_route"
local tree = require "altmig.tree"

---@class altmig.Migration
local session = {}

--- Connects to master and client; prints nimadm's lines.
---@param either boolean?  one of them is enough: what can be done without the other is
function session.connect(m, either)
  if m.client then return end
  local function observe(at, record) return commands.note(m, at, record) end
  local function open(role, of)
    if not either then return host.connect(role, of, observe) end
    local ok, result = xpcall(host.connect, err.wrap, role, of, observe)
    return ok and result or host.absent(role, of, result)
  end
  m:say("Initializing the NIM master.")
  m.master = open("master", m.nim:master())
  m:say(("Initializing NIM client %s."):format(m.name))
  m.client = open("client", m.client_resource)
  if m.master.unreachable and m.client.unreachable then err.raise(m.master.unreachable) end
  m.master.notice = function(text) m:warn("altmig: " .. text) end
  m.client.notice = m.master.notice
  if m.opts.debug then
    local function trace(line) console.log(m, escape.line(line)) end
    m.master.trace, m.client.trace = trace, trace
  end
  if nfs_route.is_ssh(m.client_resource) and not m.client.unreachable then m.client:addresses() end -- for the prompt
  if gate.is_closed(m) then gate.guard(m) end
  m.exec = executor.new(m)
end

--- Opens the tree of the copy over NFS: m.copy returns nil, message, code where a call fails, as every
--- tree; m.alt, the same tree for scripts, raises where a call that changes something fails. Nothing
--- can be written through either unless the exports are checked to be the copy. The first use of either
--- field opens it.
function session.open_copy(m)
  local url, via = nfs_route.of(m)
  local mounts = { via = via }
  for filesystem in m:alt_filesystems() do
    local at = filesystem:sub(10)
    mounts[#mounts + 1] = { at = at == "" and "/" or at, url = url(filesystem) }
  end
  local copy
  mounts.guard = function()
    -- The server is there again; if it was rebooted, the SSH connection is not.
    local ok, e = xpcall(function()
      m.client:revive()
      m:check_exports(copy)
    end, err.wrap)
    if ok then return true end
    m.refused = e -- what goes through the tree is only message and code
    return nil, e.message, e.code
  end
  local message, code
  copy, message, code = tree.nfs(mounts)
  if not copy then
    err.raise { code = code, host = m.name, message = message,
      remedy = ("on %s: exportfs must list the file systems of /alt_inst with access for %s"):format(m.name,
        via and "itself, and its sshd must forward connections to its ports 111, 2049 and mountd's" or "this host") }
  end
  m.copy, m.copy_is_open = gate.tree(m, copy), true
  m.alt = copy:raising(function(why, kind)
    local refused = m.refused
    err.raise { code = kind, host = m.name, message = why, remedy = refused and refused.code == kind and refused.remedy or nil }
  end)
  return copy
end

--- Closes the tree of the copy; the next use opens it again.
function session.close_copy(m)
  if m.copy_is_open then m.copy:close() end
  m.copy, m.alt, m.copy_is_open = nil, nil, nil
end

--- Closes the tree and the connections.
function session.disconnect(m)
  session.close_copy(m)
  for _, name in ipairs { "client", "master" } do
    if m[name] then m[name]:close() end
    m[name] = nil
  end
end

return session
