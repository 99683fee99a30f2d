-- SPDX-License-Identifier: MIT
-- The lab from the real machine: brings the hosts up and down, and leads into them. Everything of
-- an instance is below its directory or inside its namespaces.

local err = require "altmig.err"
local config = require "lab.config"
local json = require "altmig.json"
local modes = require "altmig.mode"
local output = require "altmig.ui.output"
local release = require "lab.release"
local resource = require "altmig.resource"
local sys = require "altmig.sys"

local lpar = {}

local PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

-- ---- ground ----

local lab_dir

--- The lab directory. Its files belong to root alone.
---@return string
function lpar.dir()
  if lab_dir then return lab_dir end
  local dir = sys.getenv "ALTMIG_LAB" or "/var/lib/altmig/lab"
  if not dir:match "^/" or dir:match "%s" then
    err.exit(1, ("altmig: lab: ALTMIG_LAB=%s: must be an absolute path without spaces"):format(dir))
  end
  local ok, message = sys.makedirs(dir, modes.PRIVATE_DIR)
  if not ok then err.exit(1, "altmig: lab: " .. message) end
  local stat = sys.stat(dir)
  if stat.uid ~= 0 then err.exit(1, ("altmig: lab: %s: does not belong to root"):format(dir)) end
  sys.chmod(dir, modes.PRIVATE_DIR)
  lab_dir = sys.realpath(dir)
  return lab_dir
end

local function fail(...) err.exit(1, "altmig: lab: " .. string.format(...)) end

local function check(ok, message)
  if not ok then fail("%s", message) end
  return ok
end

local function run(argv, opts)
  opts = opts or {}
  opts.env = opts.env or { PATH = PATH, LC_ALL = "C" }
  local result, message, code = sys.run(argv, opts)
  if not result then
    if code == "CANCELLED" then err.exit(130, "altmig: lab: interrupted; 'altmig lab down' removes what there is") end
    fail("%s", message)
  end
  return result
end

local function must(argv, opts)
  local result = run(argv, opts)
  if result.status ~= 0 then
    fail("%s: %s", argv[1]:match "[^/]*$", (result.stderr .. result.stdout):gsub("%s+$", ""))
  end
  return result.stdout
end

-- Program, Debian package.
local needed = {
  { "ganesha.nfsd", "nfs-ganesha" }, { "sshd", "openssh-server" }, { "ssh", "openssh-client" },
  { "rpcbind", "rpcbind" }, { "mkfs.xfs", "xfsprogs" }, { "mksh-static", "mksh" }, { "busybox", "busybox-static" },
  { "ip", "iproute2" }, { "losetup", "mount" }, { "nsenter", "util-linux" }, { "ssh-keygen", "openssh-client" },
}

local function check_programs()
  local missing = {}
  for _, entry in ipairs(needed) do
    local found = false
    for dir in PATH:gmatch "[^:]+" do found = found or sys.stat(dir .. "/" .. entry[1]) ~= nil end
    if not found then missing[#missing + 1] = entry[2] end
  end
  if #missing > 0 then fail("missing programs; install: %s", table.concat(missing, " ")) end
end

-- One at a time changes the lab.
local function with_lock(fn)
  local lock, message, code = sys.lock(lpar.dir() .. "/lock", { text = "process " .. sys.getpid() })
  if not lock then
    if code == "LOCKED" then fail("another 'altmig lab' command is changing this lab") end
    fail("%s", message)
  end
  local ok, result = pcall(fn)
  lock:close()
  if not ok then error(result, 0) end
  return result
end

local function start_time(pid)
  local stat = sys.read_file(("/proc/%d/stat"):format(pid))
  local n = 0
  for word in (stat or ""):gsub("^.*%) ", ""):gmatch "%S+" do
    n = n + 1
    if n == 20 then return word end
  end
end

--- PID of the process that holds the lab together, if it lives.
---@return integer?
function lpar.hypervisor()
  local pid, started = (sys.read_file(lpar.dir() .. "/run/hypervisor.pid") or ""):match "^(%d+) (%d+)"
  if not pid then return nil end
  pid = math.tointeger(tonumber(pid))
  local stat = sys.read_file(("/proc/%d/stat"):format(pid))
  if start_time(pid) ~= started or (stat or ""):match "%) Z" then return nil end
  return pid
end

local function need_hypervisor()
  local pid = lpar.hypervisor()
  if not pid then fail("the lab in %s is not up; 'altmig lab up' brings it up", lpar.dir()) end
  return pid
end

local function loops()
  local dir, list = lpar.dir(), {}
  local text = must { "losetup", "--list", "--noheadings", "--raw", "--output", "NAME,BACK-FILE" }
  for device, file in text:gmatch "(%S+) ([^\n]+)" do
    if file:sub(1, #dir + 1) == dir .. "/" then list[#list + 1] = device end
  end
  return list
end

local function detach_loops()
  for _ = 1, 250 do
    local list = loops()
    if #list == 0 then return end
    run { "losetup", "--detach", table.unpack(list) }
    sys.sleep(0.02)
  end
  fail("loop devices below %s are still in use: %s", lpar.dir(), table.concat(loops(), " "))
end

-- Mounts a build or a user left in this mount namespace.
local function unmount_leftovers()
  local dir, list = lpar.dir(), {}
  for line in sys.read_file "/proc/self/mountinfo":gmatch "[^\n]+" do
    local target = line:match "^%d+ %d+ %S+ %S+ (%S+)"
    if target:sub(1, #dir + 1) == dir .. "/" then table.insert(list, 1, target) end
  end
  for _, target in ipairs(list) do run { "umount", "-l", target } end
end

-- Processes a build or `lab exec` left: they carry the instance in their environment.
local function stray_processes()
  local mark, self, list = "\0ALTMIG_LAB=" .. lpar.dir() .. "\0", sys.getpid(), {}
  local own = sys.readlink "/proc/self/ns/net"
  for _, name in ipairs(sys.list "/proc") do
    local pid = math.tointeger(tonumber(name))
    if pid and pid ~= self and ("\0" .. (sys.read_file("/proc/" .. name .. "/environ") or "")):find(mark, 1, true) then
      local command = sys.read_file("/proc/" .. name .. "/cmdline") or ""
      local elsewhere = sys.readlink("/proc/" .. name .. "/ns/net") ~= own
      if elsewhere or command:sub(1, #lpar.dir() + 1) == lpar.dir() .. "/" then list[#list + 1] = pid end
    end
  end
  return list
end

local function power_everything_off()
  local pid = lpar.hypervisor()
  if pid then
    sys.kill(pid, "KILL")
    for _ = 1, 500 do
      if not lpar.hypervisor() then break end
      sys.sleep(0.01)
    end
  end
  for _, stray in ipairs(stray_processes()) do sys.kill(stray, "KILL") end
  unmount_leftovers()
  detach_loops()
  run { "rm", "-rf", lpar.dir() .. "/run" }
end

-- ---- files of the instance ----

local function unpack(prefix, directory)
  check(sys.makedirs(directory, modes.PRIVATE_DIR))
  for _, name in ipairs(resource.list(prefix)) do
    local file = name:sub(#prefix + 1)
    local target = directory .. "/" .. file
    local text = resource.read(name)
    if file:find("/", 1, true) then check(sys.makedirs(target:match "^(.*)/", modes.PRIVATE_DIR)) end
    if sys.read_file(target) ~= text then check(sys.write_file(target, text, { mode = modes.PRIVATE_FILE, atomic = false })) end
  end
end

--- The static program, found next to this one.
---@return string path
local function find_aixlua()
  local here = sys.exe_path():match "^(.*)/"
  for _, path in ipairs { here .. "/aixlua", here .. "/../libexec/altmig/aixlua" } do
    if sys.stat(path) then return path end
  end
  fail("aixlua: not found next to %s", sys.exe_path())
end

local function keygen(path, comment)
  if sys.stat(path) then return end
  must { "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path }
end

local function nim_text()
  local dir, text = lpar.dir(), {}
  local function add(...) text[#text + 1] = string.format(...) end
  local function ssh(host)
    return ('{ host = "%s", port = 22, user = "root",\n      identity = "%s/key", known_hosts = "%s/known_hosts" }')
      :format(host.address, dir, dir)
  end
  add "-- The lab's NIM resources.\nreturn {\n"
  for _, host in ipairs(config.hosts) do
    if host.role == "master" then add("  master = { name = %q, ssh = %s },\n", host.name, ssh(host)) end
  end
  add "  clients = {\n"
  for _, host in ipairs(config.hosts) do
    if host.role == "client" then
      add("    [%q] = { ssh = %s,\n      nfs = { host = %q }, executor = \"master\" },\n", host.name, ssh(host),
        host.address)
    end
  end
  add "  },\n"
  add "  lpp_source = {\n"
  local resources = config.resources_of(dir)
  for _, source in ipairs { resources.lpp_source, resources.baseline } do
    add("    [%q] = { location = %q, host = \"master\" },\n", source.name, source.location)
  end
  add "  },\n"
  add("  spot = { [%q] = { location = %q, host = \"master\" } },\n}\n", resources.spot.name, resources.spot.location)
  return table.concat(text)
end

local function prepare_files()
  local dir = lpar.dir()
  for _, sub in ipairs { "bin", "run", "state", "saves" } do check(sys.makedirs(dir .. "/" .. sub, modes.PRIVATE_DIR)) end
  local program = check(sys.read_file(find_aixlua()))
  if sys.read_file(dir .. "/bin/aixlua") ~= program then
    check(sys.write_file(dir .. "/bin/aixlua.new", program, { mode = modes.PROGRAM, atomic = false }))
    check(sys.rename(dir .. "/bin/aixlua.new", dir .. "/bin/aixlua"))
  end
  for _, sub in ipairs { "lib", "cmd", "images" } do unpack("scripts/lab/" .. sub .. "/", dir .. "/" .. sub) end
  -- The systems of the lab read their ODM with the engine's own modules.
  for _, module in ipairs(config.engine_modules) do
    local name = module[1]:gsub("%.", "_")
    check(sys.write_file(("%s/lib/altmig_%s.lua"):format(dir, name), resource.read("lua/altmig/" .. module[2] .. ".lua"),
      { mode = modes.PRIVATE_FILE, atomic = false }))
  end
  keygen(dir .. "/key", "altmig lab")
  local known = {}
  for _, host in ipairs(config.hosts) do
    local base = dir .. "/lpars/" .. host.name
    for _, sub in ipairs { "disks", "root", "etc", "log", "run" } do check(sys.makedirs(base .. "/" .. sub, modes.PRIVATE_DIR)) end
    check(sys.chmod(base .. "/root", modes.DIR))
    keygen(base .. "/etc/ssh_host_ed25519_key", host.name)
    check(sys.write_file(base .. "/etc/authorized_keys", check(sys.read_file(dir .. "/key.pub")), { atomic = false }))
    local key = check(sys.read_file(base .. "/etc/ssh_host_ed25519_key.pub")):match "^(%S+ %S+)"
    known[#known + 1] = ("%s,%s %s\n"):format(host.name, host.address, key)
  end
  check(sys.write_file(dir .. "/known_hosts", table.concat(known), { atomic = false }))
  check(sys.write_file(dir .. "/hosts", config.hosts_text(), { mode = modes.FILE, atomic = false }))
  check(sys.write_file(dir .. "/nim.lua", nim_text(), { atomic = false }))
end

local function settings()
  local text = sys.read_file(lpar.dir() .. "/lab.json")
  return text and json.decode(text) or nil
end

local function build_disks(host, options)
  local dir = lpar.dir()
  local base = dir .. "/lpars/" .. host.name
  run { "rm", "-rf", base .. "/disks", base .. "/built", base .. "/nvram.json" }
  check(sys.makedirs(base .. "/disks", modes.PRIVATE_DIR))
  must({ dir .. "/bin/aixlua", "-L", dir .. "/lib", dir .. "/lib/build.lua", host.name, tostring(options.seed),
    tostring(options.files), tostring(options.bytes) }, { env = { PATH = PATH, LC_ALL = "C", ALTMIG_LAB = dir } })
end

-- ---- power ----

--- State of a host: { state = "off"|"booting"|"running"|"failed", boots=, message=, disk= }.
---@param name string
---@return table
function lpar.state(name)
  if not lpar.hypervisor() then return { state = "off" } end
  local text = sys.read_file(("%s/run/%s.state"):format(lpar.dir(), name))
  return text and json.decode(text) or { state = "off" }
end

local function ask(name, want)
  check(sys.write_file(("%s/run/%s.want"):format(lpar.dir(), name), want .. "\n", { atomic = false }))
  sys.kill(need_hypervisor(), "HUP")
end

local function wait_for(name, wanted, after_boots)
  local deadline = sys.time() + 60
  while sys.time() < deadline do
    local state = lpar.state(name)
    if state.state == wanted and (state.boots or 0) > (after_boots or -1) then return state end
    if state.state == "failed" and (state.boots or 0) > (after_boots or -1) then
      return nil, ("%s: %s"):format(name, state.message or "failed")
    end
    if not lpar.hypervisor() then return nil, "the lab went down; see hypervisor.log" end
    local ok, message, code = sys.sleep(0.02)
    if not ok then return nil, message, code end
  end
  return nil, ("%s: is not %s after a minute; see lpars/%s/log"):format(name, wanted, name)
end

--- Powers a host on and waits until its daemons answer.
---@param name string
---@return true?
---@return string? message
function lpar.power_on(name)
  local state = lpar.state(name)
  if state.state == "running" then return true end
  ask(name, "on")
  local ok, message = wait_for(name, "running", state.boots)
  return ok and true, message
end

--- Shuts a host down in order.
---@param name string
---@return true?
---@return string? message
function lpar.power_off(name)
  local state = lpar.state(name).state
  if state == "off" or state == "failed" then return true end
  ask(name, "off")
  local ok, message = wait_for(name, "off")
  return ok and true, message
end

--- Restarts a host by its boot list; `crash`: as if power had failed.
---@param name string
---@param crash? boolean
---@return true?
---@return string? message
function lpar.reboot(name, crash)
  local state = lpar.state(name)
  if crash then
    ask(name, "reset")
  else
    local ok, message = lpar.power_off(name)
    if not ok then return nil, message end
    ask(name, "on")
  end
  local ok, message = wait_for(name, "running", state.boots)
  return ok and true, message
end

-- ---- ways in ----

local function engine_argv(argv)
  local list = { "/usr/bin/nsenter", "-t", tostring(need_hypervisor()), "-m", "-n", "-p", "--" }
  for _, word in ipairs(argv) do list[#list + 1] = word end
  return list
end

local function ssh_argv(name, command)
  local dir = lpar.dir()
  local argv = { "/usr/bin/ssh", "-i", dir .. "/key", "-o", "UserKnownHostsFile=" .. dir .. "/known_hosts", "-o",
    "GlobalKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes", "-o",
    "BatchMode=yes", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=10",
    "-o", "ServerAliveInterval=5", "-o", "SetEnv=ALTMIG_LOGIN=plain", "-F", "/dev/null", "root@" .. config.host(name).address }
  if command and #command > 0 then
    argv[#argv + 1] = table.concat(command, " ")
  end
  return engine_argv(argv)
end

--- Runs a shell command inside a host by ssh. Returns as sys.run.
---@param name string
---@param command string
---@param opts? table
---@return table? result
---@return string? message
---@return string? code
function lpar.run(name, command, opts)
  return sys.run(ssh_argv(name, { command }), opts)
end

--- Runs a program of the real machine in the namespaces of a host, not chrooted into its rootvg. Returns as sys.run.
---@param name string
---@param argv string[]
---@param opts? table
---@return table? result
---@return string? message
---@return string? code
function lpar.beside(name, argv, opts)
  local dir = lpar.dir()
  local address = config.host(name).address
  local pid = (sys.read_file(("%s/run/%s.pid"):format(dir, address)) or ""):match "^%d+"
  if not pid then return nil, name .. ": is not running", "NOT_RUNNING" end
  local list = engine_argv { "/usr/bin/nsenter", "-t", pid, "-m", "-n", "-p", "-u", "--", "/usr/bin/env",
    "ALTMIG_LAB=" .. dir, "ALTMIG_LPAR=" .. name, "PATH=" .. PATH }
  for _, word in ipairs(argv) do list[#list + 1] = word end
  return sys.run(list, opts)
end

--- Runs Lua text by aixlua in the namespaces of a host, outside its rootvg: lab.exports and the like work.
---@param name string
---@param text string
---@param ... string arguments
---@return table? result
---@return string? message
---@return string? code
function lpar.lua(name, text, ...)
  local dir = lpar.dir()
  return lpar.beside(name, { dir .. "/bin/aixlua", "-L", dir .. "/lib", "/dev/stdin", ... }, { stdin = text })
end

local function check_host(name)
  if not name or not config.host(name) then
    local names = {}
    for _, host in ipairs(config.hosts) do names[#names + 1] = host.name end
    err.usage(("altmig: lab: %s: no host of the lab (%s)"):format(name or "HOST", table.concat(names, ", ")))
  end
  return name
end

-- ---- subcommands ----

-- The flags of a subcommand without operands.
local function parse(args, who)
  local options, operands = require("altmig.options").parse(args, who)
  if #operands > 0 then err.usage(("%s: unexpected operand '%s'"):format(who, operands[1])) end
  return options
end

local function start_hypervisor()
  local dir = lpar.dir()
  must({ dir .. "/bin/aixlua", "-L", dir .. "/lib", dir .. "/lib/hypervisor.lua", "start" },
    { env = { PATH = PATH, LC_ALL = "C", ALTMIG_LAB = dir } })
  for _ = 1, 500 do
    if sys.stat(dir .. "/run/ready") then return end
    if not lpar.hypervisor() then break end
    check(sys.sleep(0.01))
  end
  fail("the lab does not start: %s", (sys.read_file(dir .. "/hypervisor.log") or ""):sub(-500))
end

local function all_running()
  if not lpar.hypervisor() then return false end
  for _, host in ipairs(config.hosts) do
    if lpar.state(host.name).state ~= "running" then return false end
  end
  return true
end

-- Names of the hosts that are not off; one that hangs counts.
local function hosts_on()
  local names = {}
  for _, host in ipairs(config.hosts) do
    if lpar.state(host.name).state ~= "off" then names[#names + 1] = host.name end
  end
  return names
end

local function all_off()
  local names = {}
  for _, name in ipairs(hosts_on()) do
    if lpar.state(name).state ~= "failed" then
      ask(name, "off")
      names[#names + 1] = name
    end
  end
  for _, name in ipairs(names) do check(wait_for(name, "off")) end
end

local function all_on(names)
  local boots = {}
  for i, name in ipairs(names) do
    local state = lpar.state(name)
    if state.state ~= "running" then
      boots[i] = state.boots or -1
      ask(name, "on")
    end
  end
  for i, name in ipairs(names) do
    if boots[i] then check(wait_for(name, "running", boots[i])) end
  end
end

-- The levels asked for, or those that the lab has already.
local function wanted_levels(options, old)
  local levels = {}
  for name, default in pairs(config.default) do
    local level, message = release.find(options[name] or old[name] or default)
    if not level then err.usage(("altmig: lab up: --%s %s"):format(name, message)) end
    levels[name] = level.level
  end
  if levels.from >= levels.to then
    err.usage(("altmig: lab up: the client's level %s must be older than %s"):format(levels.from, levels.to))
  end
  return levels
end

local function up(options)
  local dir = lpar.dir()
  check_programs()
  local say = options.quiet and function() end or output.print
  local old = settings()
  local wanted = wanted_levels(options, old or {})
  for name, default in pairs { seed = 1, files = 0, bytes = 0 } do
    wanted[name] = options[name] or (old and old[name]) or default
  end
  local same = old ~= nil
  for name, value in pairs(wanted) do same = same and old[name] == value end
  if same and all_running() then
    say("The lab in %s is up.", dir)
    return 0
  end
  power_everything_off()
  if not same then
    for _, host in ipairs(config.hosts) do sys.remove(dir .. "/lpars/" .. host.name .. "/built") end
    check(sys.write_file(dir .. "/lab.json", json.encode(wanted, { sort = true }) .. "\n"))
  end
  prepare_files()
  for _, host in ipairs(config.hosts) do
    if not sys.stat(dir .. "/lpars/" .. host.name .. "/built") then
      say("Building the disks of %s (%s).", host.name, host.role == "client" and wanted.from or wanted.to)
      build_disks(host, wanted)
    end
  end
  start_hypervisor()
  local names = {}
  for i, host in ipairs(config.hosts) do names[i] = host.name end
  all_on(names)
  for _, host in ipairs(config.hosts) do say("%s is running at %s.", host.name, host.address) end
  return 0
end

function lpar.up(args)
  local options = parse(args, "altmig lab up")
  return with_lock(function() return up(options) end)
end

function lpar.down(args)
  local options = parse(args, "altmig lab down")
  local dir = lpar.dir()
  with_lock(function()
    if options.keep and lpar.hypervisor() then all_off() end
    power_everything_off()
    if options.keep then return end
    for _, name in ipairs { "lpars", "lib", "cmd", "images", "bin", "state", "saves", "key", "key.pub", "known_hosts",
      "hosts", "nim.lua", "lab.json", "quirks.json", "hypervisor.log" } do
      run { "rm", "-rf", "--one-file-system", dir .. "/" .. name }
    end
  end)
  if not options.keep then
    sys.remove(dir .. "/lock")
    sys.rmdir(dir)
  end
  return 0
end

function lpar.status(args)
  local options = parse(args, "altmig lab status")
  local levels, resources = config.levels(lpar.dir()), config.resources_of(lpar.dir())
  local report = { directory = lpar.dir(), up = lpar.hypervisor() ~= nil, hosts = json.array {}, from = levels.from, to = levels.to,
    lpp_source = resources.lpp_source.name, spot = resources.spot.name }
  for _, host in ipairs(config.hosts) do
    local state = lpar.state(host.name)
    report.hosts[#report.hosts + 1] = { name = host.name, address = host.address, state = state.state, disk = state.disk,
      boots = state.boots, message = state.message }
  end
  if options.json then
    output.json(report, { sort = true, lossy = true })
  else
    output.print("The lab in %s is %s.", report.directory, report.up and "up" or "down")
    output.print("A client of %s, %s and %s of %s.", report.from, report.lpp_source, report.spot, report.to)
    for _, host in ipairs(report.hosts) do
      output.print("%-14s %-11s %-8s %s", host.name, host.address, host.state,
        host.message or (host.disk and "booted from " .. host.disk) or "")
    end
  end
  return report.up and 0 or 1
end

function lpar.reset(args)
  parse(args, "altmig lab reset")
  return with_lock(function()
    local dir = lpar.dir()
    power_everything_off()
    for _, host in ipairs(config.hosts) do sys.remove(dir .. "/lpars/" .. host.name .. "/built") end
    run { "rm", "-rf", dir .. "/state" }
    require "lab.quirk".forget(dir)
    return up {}
  end)
end

function lpar.ssh(args)
  local name = check_host(table.remove(args, 1))
  need_hypervisor()
  local _, message = sys.exec(ssh_argv(name, args))
  fail("%s", message)
end

-- The engine host of the lab keeps its state where nimadm keeps it; the command's own mount namespace
-- shows the lab's state directory there, and nothing of the real machine's /var/adm.
local state_mount_base = "/var/adm"
local state_mount = 'cd "$1" && mount -t tmpfs -o mode=755 lab "$2" && mkdir -p "$2/ras/alt_mig" && '
  .. 'mount --bind "$3" "$2/ras/alt_mig" && shift 3 && exec "$@"'

function lpar.exec(args)
  if args[1] == "--" then table.remove(args, 1) end
  if #args == 0 then err.usage "altmig: lab exec: no command" end
  local dir = lpar.dir()
  check(sys.makedirs(dir .. "/state", modes.PRIVATE_DIR))
  check(sys.makedirs(state_mount_base, modes.DIR)) -- and it stays: other labs may have their state mounted there
  local argv = engine_argv { "unshare", "--mount", "/bin/sh", "-c", state_mount, "sh", sys.realpath ".", state_mount_base,
    dir .. "/state" }
  for _, word in ipairs(args) do argv[#argv + 1] = word end
  local _, message = sys.exec(argv, { ALTMIG_LAB = dir, ALTMIG_NIM = dir .. "/nim.lua",
    ALTMIG_STATE = state_mount_base .. "/ras/alt_mig" })
  fail("%s", message)
end

-- ---- snapshots ----

local function save_dir(name)
  if not name or not name:match "^[%w][%w_.-]*$" then
    err.usage "altmig: lab: a NAME of letters, digits, '-', '_' and '.' is needed"
  end
  return lpar.dir() .. "/saves/" .. name
end

-- What a snapshot holds: the disks, what firmware remembers, and the engine host's state.
local function copy_all(from, to)
  check(sys.makedirs(to, modes.PRIVATE_DIR))
  for _, host in ipairs(config.hosts) do
    check(sys.makedirs(("%s/lpars/%s"):format(to, host.name), modes.PRIVATE_DIR))
    local source = ("%s/lpars/%s"):format(from, host.name)
    must { "cp", "-a", "--sparse=always", "--reflink=auto", source .. "/disks", source .. "/nvram.json", source .. "/built",
      ("%s/lpars/%s/"):format(to, host.name) }
  end
  if sys.stat(from .. "/state") then must { "cp", "-a", from .. "/state", to .. "/" } end
end

local function remove_all(dir)
  for _, host in ipairs(config.hosts) do
    local base = ("%s/lpars/%s"):format(dir, host.name)
    run { "rm", "-rf", base .. "/disks", base .. "/nvram.json", base .. "/built" }
  end
  run { "rm", "-rf", dir .. "/state" }
end

-- Around a copy the hosts are off; afterwards they are as before.
local function while_off(fn)
  local on = {}
  if lpar.hypervisor() then
    on = hosts_on()
    all_off()
  end
  local ok, result = pcall(fn)
  all_on(on)
  if not ok then error(result, 0) end
end

function lpar.save(args)
  local target = save_dir(args[1])
  with_lock(function()
    while_off(function()
      run { "rm", "-rf", target .. ".new" }
      copy_all(lpar.dir(), target .. ".new")
      run { "rm", "-rf", target }
      check(sys.rename(target .. ".new", target))
    end)
  end)
  return 0
end

function lpar.load(args)
  local source = save_dir(args[1])
  if not sys.stat(source) then fail("load: nothing was saved as '%s'", args[1]) end
  with_lock(function()
    while_off(function()
      remove_all(lpar.dir())
      copy_all(source, lpar.dir())
      check(sys.makedirs(lpar.dir() .. "/state", modes.PRIVATE_DIR))
    end)
  end)
  return 0
end

return lpar
