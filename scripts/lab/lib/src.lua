-- SPDX-License-Identifier: MIT
-- The System Resource Controller: which subsystems are active. The daemons that matter (NFS, port
-- mapper, sshd) are real processes outside the rootvg; the others are a note until the next boot.

local lpar = require "lpar"
local odm = require "lab.odm"
local service = require "lab.service"
local sys = require "altmig.sys"

local src = {}

-- Subsystems that are real, by the service that stands for them.
local real = { nfsd = "nfsd", ["rpc.mountd"] = "nfsd", portmap = "rpcbind", sshd = "sshd" }

-- What a boot starts besides.
local at_boot = { inetd = true, syslogd = true, biod = true, ["rpc.statd"] = true, ["rpc.lockd"] = true, nimsh = true }

local function state_file()
  local world = lpar.world()
  return world and ("%s/lpars/%s/run/src"):format(world.path, world.host)
end

local function read_state()
  local path, state = state_file(), {}
  for name, value in (path and sys.read_file(path) or ""):gmatch("(%S+) (%S+)\n") do state[name] = value end
  return state
end

local function write_state(state)
  local path, lines = state_file(), {}
  for name, value in pairs(state) do lines[#lines + 1] = name .. " " .. value .. "\n" end
  table.sort(lines)
  return sys.write_file(path, table.concat(lines), { atomic = true })
end

local function made_up_pid(name) return 3000000 + tonumber(sys.sha256(name):sub(1, 5), 16) end

--- Whether there is a controller: not in the copy of another system.
---@return boolean
function src.running() return state_file() ~= nil end

--- The subsystems of the system, by SRCsubsys.
---@return table[]?
---@return string? message
function src.subsystems()
  return odm.open("/etc/objrepos"):get("SRCsubsys")
end

--- PID of an active subsystem; nil when it is not active.
---@param name string
---@return integer?
function src.pid(name)
  if real[name] then return service.pid(real[name]) end
  local noted = read_state()[name]
  if noted == "active" or (noted == nil and at_boot[name]) then return made_up_pid(name) end
end

--- Starts or stops a subsystem.
---@param name string
---@param active boolean
---@return true?
---@return string? message
function src.set(name, active)
  if real[name] then
    local ok, message
    if active then ok, message = service.start(real[name]) else ok, message = service.stop(real[name]) end
    if ok and active then ok, message = service.wait(real[name]) end
    return ok and true, message
  end
  local state = read_state()
  state[name] = active and "active" or "inoperative"
  return write_state(state)
end

return src
