-- SPDX-License-Identifier: MIT
-- Preflight: subsystems, NFS, names, clocks, and what NIM says.

local aix = require "altmig.aix.output"
local footprint = require "altmig.run.footprint"
local nfs_route = require "altmig.run.nfs_route"
local runs = require "altmig.run.runs"
local spot_export = require "altmig.run.spot_export"
local tree = require "altmig.tree"

local services = {}

local skew_limit = 60

-- State of a subsystem: "active", "inoperative", or nil where there is none (or no lssrc).
local function state(host, subsystem)
  local result = host:run { "lssrc", "-s", subsystem }
  if result.status ~= 0 then return nil, (result.stdout .. result.stderr):match("[^\n]*") end
  local row = aix.lssrc(result.stdout)[subsystem]
  if row then return row.state, row.line end
end

function services.nimsh(m, add)
  local word, line = state(m.client, "nimsh")
  if word ~= "active" then
    add { id = "nimsh", severity = "warning", host = m.name,
      what = "nimsh is not active: IBM's own tools reach the client through it (altmig uses SSH)",
      evidence = "lssrc -s nimsh: " .. tostring(line), remedy = "startsrc -s nimsh; ports 3901 and 3902 must be free" }
  end
end

--- The client serves its copy, the master the SPOT.
function services.nfs(m, add)
  for _, host in ipairs { m.client, m.master } do
    for _, subsystem in ipairs { "portmap", "nfsd", "rpc.mountd", "rpc.lockd", "rpc.statd" } do
      local word, line = state(host, subsystem)
      if word ~= "active" then
        local lock = subsystem == "rpc.lockd" or subsystem == "rpc.statd"
        add { id = lock and "nfs-locks" or "nfs-server", severity = lock and "warning" or "inhibitor", host = host.name,
          what = lock and ("%s is not active: installp of phase 6 locks files over NFS"):format(subsystem)
            or ("%s is not active: the NFS server cannot be used"):format(subsystem),
          evidence = ("lssrc -s %s: %s"):format(subsystem, tostring(line)),
          remedy = "touch /etc/exports; startsrc -s portmap; mknfs -N   (nfsd is started only where that file is, now and at boot)" }
      end
    end
  end
end

--- The client's sshd carries the engine's NFS: it must forward connections, which is seen with the port mapper. What
--- is exported does not matter yet, and whether the NFS server runs is looked at by itself.
function services.nfs_forward(m, add)
  if not nfs_route.is_ssh(m.client_resource) then return end
  local url, via = nfs_route.of(m)
  local mounted, message = tree.nfs { { at = "/", url = url "/alt_inst" }, via = via, timeout = 15, retry = 1 }
  if mounted then return mounted:close() end
  if not message:find("does not forward", 1, true) then return end
  add { id = "nfs-forward", host = m.name,
    what = ("the sshd of %s does not forward connections, and nfs = { via = \"ssh\" } needs them"):format(m.name), evidence = message,
    remedy = ("on %s: AllowTcpForwarding yes in /etc/ssh/sshd_config (no DisableForwarding; PermitOpen, if there, with its own "
      .. "address and ports 111, 2049 and mountd's), no restrict or no-port-forwarding at the key in authorized_keys; then "
      .. "stopsrc -s sshd; startsrc -s sshd"):format(m.name) }
end

-- Where something is mounted on a host, and the line of `mount` that says so.
local function mounts_of(host)
  local list = {}
  for line in host:must({ "mount" }):gmatch("[^\n]+") do
    -- The first column, the node, is empty for local mounts.
    local at = line:match("^%S+%s+%S+%s+(/%S*)") or line:match("^%s+%S+%s+(/%S*)")
    if at then list[at] = line end
  end
  return list
end

--- Exports of /alt_inst that no run accounts for. `run` is the one that has the client in its hands: while it
--- works they are its own; of one that stopped only those are told that serve the running system.
function services.leftover_exports(m, add, run)
  if run and (run.word == "running" or run.word == "elsewhere" or run.word == "damaged") then return end
  local mounted, list, lines = mounts_of(m.client), {}, {}
  local serves_copy = true
  for _, row in ipairs(m.client:exports()) do
    local path = row.path
    if footprint.is_of_copy(path) and not (run and run.word == "stopped" and mounted[path]) then
      list[#list + 1], lines[#lines + 1] = path, row.line
      serves_copy = serves_copy and mounted[path] ~= nil
    end
  end
  if #list > 0 then
    add { id = "stale-exports", host = m.name,
      what = ("%s still exported, and no migration that is known here needs it%s"):format(
        table.concat(list, " ") .. (#list > 1 and " are" or " is"),
        serves_copy and "" or ": directories of the running rootvg are served"),
      evidence = "exportfs: " .. table.concat(lines, "\n"), remedy = "exportfs -u " .. table.concat(list, "; exportfs -u ") }
  end
end

--- An export of the SPOT that this client cannot be added to, which phase 1 would end on.
function services.spot_export(m, add)
  local there, flags = m.master:exported(m.spot.location)
  local refusal = there and spot_export.refusal(m, m.spot.location, flags)
  if not refusal then return end
  add { id = "spot-export", host = m.master.name, what = refusal.message, evidence = ("exportfs: %s %s"):format(m.spot.location, flags),
    remedy = refusal.remedy }
end

--- Mounts that no run accounts for. The file systems of a copy are not among them: the copy is (target_disk).
function services.leftover_mounts(m, add, run)
  if run then return end
  local on_client, on_master = mounts_of(m.client), mounts_of(m.master)
  local unneeded = "%s %s mounted, and no migration that is known here needs it"
  local function tell(id, host, at, line, what)
    add { id = id, host = host.name, what = what:format(table.concat(at, " "), #at > 1 and "are" or "is"),
      evidence = "mount: " .. line, remedy = "umount " .. table.concat(at, "; umount ") }
  end
  if on_client["/alt_inst"] and not m:volume_group() then
    tell("alt-inst-mounted", m.client, { "/alt_inst" }, on_client["/alt_inst"],
      "%s %s mounted, though there is no altinst_rootvg: the copy is mounted there")
  end
  if on_client["/ALT_MIG_SPOT"] then
    tell("spot-mounted", m.client, { "/ALT_MIG_SPOT" }, on_client["/ALT_MIG_SPOT"], unneeded)
  end
  local base, below = ("/%s_alt/"):format(m.name), {}
  for at in pairs(on_master) do
    if at:sub(1, #base) == base then below[#below + 1] = at end
  end
  table.sort(below, function(x, y) return x > y end) -- what is mounted inside goes first
  if below[1] then
    tell("executor-mounted", m.master, below, on_master[below[#below]], unneeded)
  end
end

--- The lock of a run of another host, which `migrate` would end on with status 4. Whether that run works is
--- not seen from here, and what there is on the hosts may be its own.
function services.locked(m, add, run)
  if not run or run.word ~= "elsewhere" then return end
  add { id = "locked", host = m.name, what = "the client is locked by another run: " .. run.owner, evidence = "cat " .. runs.owner_file,
    remedy = ("altmig status %s on that host says whether it works. If it is dead, go on there: altmig resume %s; or, if its host is "
      .. "gone too: altmig migrate with -F, which breaks the lock"):format(m.name, m.name) }
end

--- The client's NIM object, when the master has lsnim.
function services.nim_state(m, add)
  local result = m.master:run { "lsnim", "-l", m.name }
  if result.status == 127 then return end
  local evidence = "lsnim -l " .. m.name
  if result.status ~= 0 then
    return add { id = "nim-object", severity = "warning", host = m.master.name, what = ("NIM does not know %s"):format(m.name),
      evidence = evidence .. ": " .. (result.stdout .. result.stderr):match("[^\n]*"), remedy = "nim -o define -t standalone, or niminit" }
  end
  local object = aix.lsnim_l(result.stdout)
  if object.locked then
    add { id = "nim-locked", host = m.master.name, what = ("NIM has %s locked (process %s)"):format(m.name, object.locked),
      evidence = evidence .. ": locked = " .. object.locked,
      remedy = ("ps -p %s; if it is gone: nim -Fo reset %s"):format(object.locked, m.name) }
  end
  if object.Cstate and object.Cstate ~= "ready for a NIM operation" then
    add { id = "nim-state", host = m.master.name, what = ("NIM has %s in use: %s"):format(m.name, object.Cstate),
      evidence = evidence .. ": Cstate = " .. object.Cstate,
      remedy = ("nim -Fo reset %s; nim -Fo deallocate -a subclass=all %s"):format(m.name, m.name) }
  end
end

-- Seconds since 1970 of a host.
local function clock(host) return aix.date(host:must { "date", "-u", "+%Y %m %d %H %M %S" }) end
services.clock = clock

function services.clocks(m, add)
  local times = { { "engine host", os.time() } }
  for _, host in ipairs { m.client, m.master } do
    local began = os.time()
    local now = clock(host)
    if not now then
      return add { id = "clock", severity = "warning", host = host.name, what = "date does not print a time", evidence = "date -u",
        remedy = "run date -u there; without it the clocks are not compared" }
    end
    -- Compared with the engine's clock at the time of the question.
    times[#times + 1] = { host.name, now - began + times[1][2] }
  end
  table.sort(times, function(a, b) return a[2] < b[2] end)
  local first, last = times[1], times[#times]
  if last[2] - first[2] > skew_limit then
    add { id = "clock", severity = "warning", host = last[1],
      what = ("the clock of %s is %d s ahead of that of %s"):format(last[1], last[2] - first[2], first[1]),
      evidence = "date -u", remedy = "set the clocks (ntpdate, or startsrc -s xntpd): times of files decide what is newer" }
  end
end

local function is_address(name) return name:match("^[%d%.]+$") or name:find(":", 1, true) end

-- "NAME is ADDRESS,  Aliases: ..." of AIX's host; the address is given back with the name found.
local function lookup(host, what)
  local result = host:run { "host", what }
  if result.status == 127 then return true end
  local name, address = aix.host(result.stdout)
  if result.status ~= 0 or not name then return nil, nil, (result.stdout .. result.stderr):match("[^\n]*") end
  return name, address, result.stdout
end

local function resolve(add, on, name)
  if is_address(name) then return end
  local found, address, text = lookup(on, name)
  if found == true then return end
  if not found then
    return add { id = "name-resolution", host = on.name, what = ("%s cannot resolve %s"):format(on.name, name),
      evidence = ("host %s: %s"):format(name, text),
      remedy = ("an entry in /etc/hosts of %s, or DNS; or address = \"...\" in nim.lua"):format(on.name) }
  end
  local back, _, answer = lookup(on, address)
  if back == true then return end
  local same = back and (back:lower() == name:lower() or back:match("^[^.]*"):lower() == name:match("^[^.]*"):lower()
    or (answer or ""):lower():find(name:lower(), 1, true))
  if not same then
    add { id = "reverse-resolution", severity = "warning", host = on.name,
      what = ("%s resolves %s to %s, but that address to %s: exports by name may refuse it"):format(on.name, name, address,
        back or "nothing"), evidence = ("host %s; host %s: %s"):format(name, address, answer or ""),
      remedy = ("make /etc/hosts or DNS of %s agree both ways"):format(on.name) }
  end
end

function services.names(m, add)
  local function node_of(resource) return resource.address or resource.name end
  resolve(add, m.client, node_of(m.nim:master()))
  resolve(add, m.master, node_of(m.client_resource))
end

services.order = { "nimsh", "nfs", "nfs_forward", "leftover_exports", "spot_export", "leftover_mounts",
  "locked", "nim_state", "clocks", "names" }

return services
