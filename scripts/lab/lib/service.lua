-- SPDX-License-Identifier: MIT
-- The daemons of an LPAR that run outside its rootvg: rpcbind, nfsd (with mountd), sshd. Used by the
-- LPAR's init and by the commands inside that start and stop subsystems.

local lpar = require "lpar"
local sys = require "altmig.sys"

local service = {}

local function base()
  local world, message, code = lpar.world()
  if not world then return nil, message, code end
  local below = "/lpars/" .. world.host
  return world.path .. below, world.lab .. below, world
end

-- PIDs are those of the LPAR: init sees the PID namespace around it in /proc, so it reads the
-- LPAR's own in the rootvg.
local function proc()
  local here, _, world = base()
  if here and world.prefix == "" then return here .. "/root/proc" end
  return "/proc"
end

--- PID of a running service, in the LPAR.
---@param name string "rpcbind", "nfsd", "sshd"
---@return integer? pid
function service.pid(name)
  local here = base()
  local pid = here and (sys.read_file(("%s/run/%s.pid"):format(here, name)) or ""):match "^%s*(%d+)"
  if not pid then return nil end
  local program = name == "nfsd" and "ganesha.nfsd" or name
  local comm, state = (sys.read_file(("%s/%s/stat"):format(proc(), pid)) or ""):match "^%d+ %((.*)%) (%a)"
  if comm == program and state ~= "Z" then return math.tointeger(tonumber(pid)) end
  return nil
end

local function sshd_config(outside, library_root)
  return ([[
Port 22
AddressFamily inet
HostKey @/etc/ssh_host_ed25519_key
PidFile @/run/sshd.pid
AuthorizedKeysFile @/etc/authorized_keys
ForceCommand $/bin/aixlua --enter @/root
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PermitUserEnvironment no
AcceptEnv ALTMIG_LOGIN
PrintMotd no
PrintLastLog no
UseDNS no
MaxSessions 64
MaxStartups 64
LogLevel INFO
]]):gsub("[@$]", { ["@"] = outside, ["$"] = library_root })
end

local function nfs_config(outside)
  local plugins
  for _, dir in ipairs { "/usr/lib/x86_64-linux-gnu/ganesha", "/usr/lib/aarch64-linux-gnu/ganesha", "/usr/lib/ganesha",
    "/usr/lib64/ganesha" } do
    local result = lpar.outside { "test", "-d", dir }
    if not plugins and result and result.status == 0 then plugins = dir end
  end
  return ([[
NFS_CORE_PARAM {
  Protocols = 3; NFS_Port = 2049; MNT_Port = 32767; Enable_UDP = false;
  Enable_NLM = false; Enable_RQUOTA = false; Clustered = false;
  mount_path_pseudo = true; RPC_Ioq_ThrdMax = 2; Plugins_Dir = "%s";
}
NFSv4 { Graceless = true; RecoveryBackend = fs; RecoveryRoot = "%s/run/recovery"; Only_Numeric_Owners = true; }
NFS_KRB5 { Active_krb5 = false; }
# What commands change in the exported trees must be seen at once, and its space be given back.
MDCACHE {
  Dir_Chunk = 0; Use_Getattr_Directory_Invalidation = true;
  Entries_HWMark = 1000; LRU_Run_Interval = 2; FD_LWMark_Percent = 0; FD_HWMark_Percent = 5;
}
EXPORT_DEFAULTS {
  Access_Type = None; Squash = Root_Squash; SecType = sys; Protocols = 3; Transports = TCP;
  PrivilegedPort = false; Attr_Expiration_Time = 0;
}
LOG { Default_Log_Level = EVENT; }
%%include "%s/etc/exports.conf"
]]):format(plugins or "/usr/lib/ganesha", outside, outside)
end

local function argv_of(name, outside)
  if name == "rpcbind" then return { "/usr/sbin/rpcbind", "-f" } end
  if name == "sshd" then
    return { "/usr/sbin/sshd", "-D", "-f", outside .. "/etc/sshd_config", "-E", outside .. "/log/sshd.log" }
  end
  return { "/usr/bin/ganesha.nfsd", "-F", "-f", outside .. "/etc/ganesha.conf", "-L", outside .. "/log/nfsd.log",
    "-p", outside .. "/run/nfsd.pid" }
end

--- Starts a service. From inside the rootvg the LPAR's init is asked, so that it is init's child.
---@param name string
---@return true?
---@return string? message
---@return string? code
function service.start(name)
  local here, outside, world = base()
  if not here then return nil, outside, world end
  if service.pid(name) then return true end
  if world.prefix ~= "" then
    sys.write_file(here .. "/run/" .. name .. ".start", "", { atomic = false })
    lpar.kill(1, "HUP")
    for _ = 1, 100 do
      if service.pid(name) then return true end
      sys.sleep(0.05)
    end
    return nil, name .. ": did not start", "SERVICE"
  end
  local files = { sshd = { "sshd_config", sshd_config(outside, world.lab) }, nfsd = { "ganesha.conf", nfs_config(outside) } }
  local file = files[name]
  if file then sys.write_file(here .. "/etc/" .. file[1], file[2], { atomic = false }) end
  if name == "nfsd" and not sys.stat(here .. "/etc/exports.conf") then
    sys.write_file(here .. "/etc/exports.conf", "", { atomic = false })
  end
  if name == "nfsd" then sys.remove(here .. "/log/nfsd.log") end
  local pid, message, code = lpar.spawn { argv = argv_of(name, outside), output = outside .. "/log/" .. name .. ".out",
    env = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C" } }
  if not pid then return nil, message, code end
  return sys.write_file(("%s/run/%s.pid"):format(here, name), pid .. "\n", { atomic = false })
end

--- Stops a service and waits until it is gone.
---@param name string
---@return true?
---@return string? message
---@return string? code
function service.stop(name)
  local pid = service.pid(name)
  if not pid then return true end
  -- The NFS server takes a second to end in order, and has nothing to put in order.
  lpar.kill(pid, name == "nfsd" and "KILL" or "TERM")
  for _ = 1, 100 do
    if not service.pid(name) then return true end
    sys.sleep(0.02)
  end
  return nil, name .. ": does not end", "SERVICE"
end

local function answers(name)
  local here = base()
  if name == "nfsd" then
    return (sys.read_file(here .. "/log/nfsd.log") or ""):find("NFS SERVER INITIALIZED", 1, true) ~= nil
  end
  -- Listening sockets of the LPAR's network namespace; 0A is LISTEN.
  local port = name == "sshd" and "0016" or "006F"
  for line in (sys.read_file(proc() .. "/1/net/tcp") or ""):gmatch "[^\n]+" do
    if line:match("^%s*%d+: %x+:" .. port .. " %x+:%x+ 0A") then return true end
  end
  return false
end

--- Waits until a service that was started answers.
---@param name string
---@param seconds? number
---@return true?
---@return string? message
---@return string? code
function service.wait(name, seconds)
  local deadline = sys.time() + (seconds or 10)
  repeat
    if answers(name) then return true end
    if not service.pid(name) then
      sys.sleep(0.1)
      if not service.pid(name) then break end
    end
    sys.sleep(0.02)
  until sys.time() > deadline
  return nil, ("%s: %s does not start; see its files in log"):format(lpar.world().host, name), "SERVICE"
end

return service
