-- SPDX-License-Identifier: MIT
-- What holds the machines of a lab: PID 1 of the lab's PID namespace, in the namespace of its
-- switch and engine host. Run by aixlua:
--   hypervisor.lua start   on the real machine: makes the namespaces and returns
--   hypervisor.lua         in them: powers LPARs on and off as run/HOST.want says
-- Ending it ends every process of the lab, and with them the namespaces, links and mounts.

local config = require "lab.config"
local disk = require "lab.disk"
local json = require "altmig.json"
local lpar = require "lpar"
local stale = require "lab.stale"
local sys = require "altmig.sys"

local lab = assert(os.getenv "ALTMIG_LAB", "ALTMIG_LAB is not set")
local run_dir = lab .. "/run"
local aixlua, library = lab .. "/bin/aixlua", lab .. "/lib"
local PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

local REBOOT = 64 -- exit status of an LPAR's init

local function log(...) io.stderr:write(os.date "%H:%M:%S ", string.format(...), "\n") end

local function ip(...)
  local argv = { "ip", ... }
  local result, message = sys.run(argv, { env = { PATH = PATH } })
  if not result or result.status ~= 0 then
    error({ message = table.concat(argv, " ") .. ": " .. (message or result.stderr) }, 0)
  end
end

local function start()
  local pid, message = lpar.spawn { argv = { aixlua, "-L", library, library .. "/hypervisor.lua" },
    env = { "ALTMIG_LAB=" .. lab, "PATH=" .. PATH }, namespaces = "mnt,net,pid", output = lab .. "/hypervisor.log" }
  if not pid then error({ message = message }, 0) end
  local stat = assert(sys.read_file(("/proc/%d/stat"):format(pid)))
  -- The 22nd field is the start time: it tells this process from a later one of the same number.
  local fields = {}
  for word in stat:match "%) (.*)":gmatch "%S+" do fields[#fields + 1] = word end
  assert(sys.write_file(run_dir .. "/hypervisor.pid", ("%d %s\n"):format(pid, fields[20])))
  return 0
end

local function set_state(host, state)
  state.host = host.name
  sys.write_file(("%s/%s.state"):format(run_dir, host.name), json.encode(state, { sort = true }) .. "\n",
    { atomic = false })
end

local machines = {} -- by host name: { host=, pid=, boots= }

local function power_on(machine)
  local host = machine.host
  local index = 0
  for i, h in ipairs(config.hosts) do
    if h == host then index = i end
  end
  machine.boots = machine.boots + 1
  set_state(host, { state = "booting", boots = machine.boots })
  local port, peer = "port" .. index, "peer" .. index
  sys.run({ "ip", "link", "delete", port }, { env = { PATH = PATH } })
  -- The same hardware address at every boot: nobody's ARP table goes stale.
  ip("link", "add", port, "master", "lab0", "type", "veth", "peer", "name", peer, "address",
    ("02:00:0a:4d:00:%02x"):format(index + 1))
  sys.write_file(("%s/%s.nfs"):format(run_dir, host.name), "", { atomic = false })
  local pid, message = lpar.spawn { argv = { aixlua, "-L", library, library .. "/init.lua" },
    env = { "ALTMIG_LAB=" .. lab, "ALTMIG_LPAR=" .. host.name, "ALTMIG_BOOTS=" .. machine.boots, "PATH=" .. PATH },
    namespaces = "mnt,net,pid,uts", output = ("%s/lpars/%s/log/init.log"):format(lab, host.name) }
  if not pid then
    set_state(host, { state = "failed", boots = machine.boots, message = message })
    return
  end
  machine.pid = pid
  ip("link", "set", "dev", peer, "netns", tostring(pid), "name", "eth0")
  ip("link", "set", port, "up")
  sys.write_file(("%s/%s.pid"):format(run_dir, host.address), ("%d %s\n"):format(pid, host.name), { atomic = false })
  log("%s: power on, process %d", host.name, pid)
end

-- Its disks must be nobody's when it is off: they may be copied or replaced.
local function release_disks(host)
  stale.mark(host.name)
  disk.use(lab, host.name)
  local prefix = ("%s/lpars/%s/"):format(lab, host.name)
  for _ = 1, 100 do
    local argv = { "losetup", "--detach" }
    for file, device in pairs(disk.loops() or {}) do
      if file:sub(1, #prefix) == prefix then argv[#argv + 1] = device end
    end
    if #argv == 2 then return end
    sys.run(argv, { env = { PATH = PATH } })
    sys.sleep(0.01)
  end
  log("%s: its disks are still in use", host.name)
end

local function ended(machine, status, signal)
  local host = machine.host
  log("%s: ended with %s", host.name, status and "status " .. status or "signal " .. tostring(signal))
  machine.pid = nil
  sys.remove(("%s/%s.pid"):format(run_dir, host.address))
  release_disks(host)
  local resetting = machine.resetting
  machine.resetting = nil
  if status == REBOOT or resetting then
    set_state(host, { state = "booting", boots = machine.boots })
    return
  end
  local failure = sys.read_file(("%s/lpars/%s/run/failure"):format(lab, host.name))
  sys.write_file(("%s/%s.want"):format(run_dir, host.name), "off\n", { atomic = false })
  set_state(host, { state = failure and "failed" or "off", boots = machine.boots, message = failure })
end

local function reap()
  while true do
    local pid, status, signal = lpar.reap()
    if not pid then return end
    for _, machine in pairs(machines) do
      if machine.pid == pid then ended(machine, status, signal) end
    end
  end
end

local function follow_wishes()
  for _, host in ipairs(config.hosts) do
    local machine = machines[host.name]
    local want = (sys.read_file(("%s/%s.want"):format(run_dir, host.name)) or "off"):match "%a+"
    if want == "on" and not machine.pid then
      power_on(machine)
    elseif want == "off" and machine.pid and machine.stopping ~= machine.pid then
      machine.stopping = machine.pid
      lpar.kill(machine.pid, "TERM")
    elseif want == "kill" and machine.pid then
      lpar.kill(machine.pid, "KILL")
    elseif want == "reset" and machine.pid then
      -- As the power failing: nothing is written back in order.
      sys.write_file(("%s/%s.want"):format(run_dir, host.name), "on\n", { atomic = false })
      machine.resetting = machine.pid
      lpar.kill(machine.pid, "KILL")
    end
  end
end

local function main()
  lpar.wait_event(0)
  assert(lpar.mount("proc", "/proc", "proc", "nosuid,nodev,noexec"))
  -- A machine without the file resolves nothing; the lab itself uses addresses.
  if sys.stat "/etc/hosts" then assert(lpar.mount(lab .. "/hosts", "/etc/hosts", nil, "bind")) end
  ip("link", "set", "lo", "up")
  ip("link", "add", "lab0", "type", "bridge", "forward_delay", "0")
  ip("address", "add", ("%s/%d"):format(config.engine.address, config.prefix), "dev", "lab0")
  ip("link", "set", "lab0", "up")
  for _, host in ipairs(config.hosts) do machines[host.name] = { host = host, boots = 0 } end
  sys.write_file(run_dir .. "/ready", "", { atomic = false })
  while true do
    reap()
    follow_wishes()
    lpar.wait_event(1)
  end
end

if arg[1] == "start" then return start() end
return main()
