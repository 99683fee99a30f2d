-- Preflight: subsystems, NFS, names, clocks, and what NIM says.

local services = {}

local marker = "/var/adm/ras/alt_mig/lock"
local skew_limit = 60

-- State of a subsystem: "active", "inoperative", or nil where there is none (or no lssrc).
local function state(host, subsystem)
  local result = host:run { "lssrc", "-s", subsystem }
  if result.status ~= 0 then return nil, (result.stdout .. result.stderr):match("[^\n]*") end
  for line in result.stdout:gmatch("[^\n]+") do
    if line:match("^%s*(%S+)") == subsystem then return line:match("(%S+)%s*$"), line end
  end
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
          remedy = "startsrc -g portmap; mknfs -N   (or startsrc -g nfs)" }
      end
    end
  end
end

function services.leftover_exports(m, add)
  local list, lines = {}, {}
  for line in m.client:must({ "exportfs" }):gmatch("[^\n]+") do
    local path = line:match("^(%S+)")
    if path == "/alt_inst" or (path and path:sub(1, 10) == "/alt_inst/") then
      list[#list + 1], lines[#lines + 1] = path, line
    end
  end
  if #list > 0 then
    add { id = "stale-exports", host = m.name,
      what = ("%s of an earlier run still exported: directories of the running rootvg would be served"):format(
        table.concat(list, " ") .. (#list > 1 and " are" or " is")),
      evidence = "exportfs: " .. table.concat(lines, "\n"), remedy = "exportfs -u " .. table.concat(list, "; exportfs -u ") }
  end
end

function services.leftover_mounts(m, add)
  local function look(host, pattern, id)
    for line in host:must({ "mount" }):gmatch("[^\n]+") do
      local at = line:match(pattern)
      if at then
        return add { id = id, host = host.name, what = ("%s of an earlier run is mounted"):format(at), evidence = "mount: " .. line,
          remedy = ("nimadm -C -c %s -s %s"):format(m.name, m.spot.name) }
      end
    end
  end
  look(m.client, "%s(/alt_inst)%s", "alt-inst-mounted")
  look(m.client, "%s(/ALT_MIG_SPOT)%s", "spot-mounted")
  look(m.master, "%s(/" .. m.name:gsub("%p", "%%%0") .. "_alt/%S*)", "executor-mounted")
end

--- The lock of another run, which `migrate` would end on with status 4.
function services.locked(m, add)
  local owner = m.client:run({ "cat", marker }).stdout:match("[^\n]+")
  if owner and owner ~= m:lock_owner() then
    add { id = "locked", host = m.name, what = "the client is locked by another run: " .. owner, evidence = "cat " .. marker,
      remedy = ("if that run is dead: nimadm -C -F -c %s -s %s"):format(m.name, m.spot.name) }
  end
end

local function nim_attributes(text)
  local list = {}
  for name, value in text:gmatch("\n%s+(%S+)%s*=%s*([^\n]*)") do list[name] = value end
  return list
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
  local object = nim_attributes(result.stdout)
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

-- Seconds since 1970 of a host; `date` of AIX has no form for that.
local function clock(host)
  local y, mo, d, h, mi, s = host:must({ "date", "-u", "+%Y %m %d %H %M %S" }):match("(%d+) (%d+) (%d+) (%d+) (%d+) (%d+)")
  if not y then return nil end
  y, mo = tonumber(y), tonumber(mo)
  -- Days of the civil calendar, counted from March.
  if mo <= 2 then y, mo = y - 1, mo + 12 end
  local days = 365 * y + y // 4 - y // 100 + y // 400 + (153 * (mo - 3) + 2) // 5 + tonumber(d) - 719469
  return ((days * 24 + tonumber(h)) * 60 + tonumber(mi)) * 60 + tonumber(s)
end
services.clock = clock

function services.clocks(m, add)
  local times = { { "engine host", os.time() } }
  for _, host in ipairs { m.client, m.master } do
    local began = os.time()
    local now = clock(host)
    if not now then
      return add { id = "clock", severity = "warning", host = host.name, what = "date does not print a time", evidence = "date -u" }
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
  local name, address = result.stdout:match("^(%S+) is ([%x%.:]+)")
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

services.order = { "nimsh", "nfs", "leftover_exports", "leftover_mounts", "locked", "nim_state", "clocks", "names" }

return services
