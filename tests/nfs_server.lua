-- SPDX-License-Identifier: MIT
-- An NFS server of our own for tests and benchmarks: rpcbind and nfs-ganesha in private network,
-- mount and process namespaces, so that the standard ports are real and nothing is left behind.

local sys = require "altmig.sys"

local M = {}

local BASE <const> = "/run/altmig-nfs"
M.base = BASE

local CONFIG <const> = [[
NFS_CORE_PARAM { Protocols=3; Enable_NLM=false; Enable_RQUOTA=false; Enable_UDP=false; mount_path_pseudo=false;
  MNT_Port=20048; Plugins_Dir=/usr/lib/x86_64-linux-gnu/ganesha; fsid_device=true; Clustered=false; RPC_Ioq_ThrdMax=2; }
NFSv4 { Graceless=true; RecoveryBackend=fs; RecoveryRoot=BASE/recovery; Only_Numeric_Owners=true; }
NFS_KRB5 { Active_krb5=false; }
MDCACHE { Dir_Chunk=0; Use_Getattr_Directory_Invalidation=true; Entries_HWMark=1000; LRU_Run_Interval=2;
  FD_LWMark_Percent=0; FD_HWMark_Percent=5; }
EXPORT_DEFAULTS { Access_Type=RW; Squash=None; SecType=sys; Protocols=3; Transports=TCP; Attr_Expiration_Time=0; }
LOG { Default_Log_Level=EVENT; }
]]

--- Why it cannot run here, or nil.
function M.missing()
  if sys.getuid() ~= 0 then return "needs root" end
  for _, program in ipairs { "/usr/bin/ganesha.nfsd", "/usr/sbin/rpcbind", "/usr/bin/unshare" } do
    if not sys.stat(program) then return program .. " is not there" end
  end
end

--- Runs the present script again in namespaces of its own; returns there.
function M.go_private(...)
  if os.getenv("ALTMIG_TEST_PRIVATE") then return end
  assert(sys.exec({ "unshare", "-n", "-m", "-p", "-f", "--mount-proc", "--kill-child", os.getenv("ALTMIG_BIN"), "run", ... },
    { ALTMIG_TEST_PRIVATE = "1" }))
end

function M.run(argv)
  local r = assert(sys.run(argv))
  if r.status ~= 0 then error(table.concat(argv, " ") .. ": " .. r.stderr) end
  return r.stdout
end

local command = ("exec ganesha.nfsd -F -f %s/ganesha.conf -L %s/log -p %s/pid"):format(BASE, BASE, BASE)

--- Starts the server, after a shell command if one is given.
function M.start(before)
  M.pid = assert(sys.spawn({ "sh", "-c", (before and before .. "; " or "") .. command },
    { stdout = BASE .. "/out", stdin = "/dev/null" }))
  return M.pid
end

function M.wait_up()
  for _ = 1, 200 do
    local sockets = sys.read_file("/proc/net/tcp") .. (sys.read_file("/proc/net/tcp6") or "")
    -- nfsd and mountd listen, and rpcbind has been told (it remembers those of a server that was killed)
    if sockets:find ":0801 %x+:0000 0A" and sockets:find ":4E50 %x+:0000 0A" then
      local known = M.run { "rpcinfo", "-p" }
      if known:find "100003%s+3%s+tcp" and known:find "100005%s+3%s+tcp" then return end
    end
    sys.sleep(0.05)
  end
  error("the server does not come up:\n" .. (sys.read_file(BASE .. "/log") or ""))
end

--- Kills the server and waits until it is gone.
function M.stop()
  assert(sys.kill(M.pid, "KILL"))
  assert(sys.wait(M.pid))
  M.pid = nil
end

--- Writes the exports; `access`: name -> "RO", or false to leave it out.
function M.configure(access)
  local text = { (CONFIG:gsub("BASE", BASE)) }
  for id, name in ipairs(M.shares) do
    local kind = access and access[name]
    if kind == nil then kind = "RW" end
    if kind then
      text[#text + 1] = ("EXPORT { Export_Id=%d; Path=%s/%s; Pseudo=/%s; Access_Type=%s; FSAL { Name=VFS; } }\n")
        :format(id, BASE, name, name, kind)
    end
  end
  assert(sys.write_file(BASE .. "/ganesha.conf", table.concat(text)))
end

--- Makes a running server read the exports again.
function M.reload()
  assert(sys.kill(M.pid, "HUP"))
  sys.sleep(0.3)
end

--- `shares`: name -> size of its tmpfs ("200m"); `access`: see configure.
function M.bring_up(shares, access)
  M.run { "ip", "link", "set", "lo", "up" }
  M.run { "mount", "-t", "tmpfs", "none", "/run" }
  assert(sys.makedirs(BASE .. "/recovery", 493))
  assert(sys.makedirs("/run/rpcbind", 493))
  M.shares = {}
  for name in pairs(shares) do M.shares[#M.shares + 1] = name end
  table.sort(M.shares)
  for _, name in ipairs(M.shares) do
    assert(sys.mkdir(BASE .. "/" .. name, 493))
    M.run { "mount", "-t", "tmpfs", "-o", "size=" .. shares[name], "none", BASE .. "/" .. name }
  end
  M.configure(access)
  assert(sys.spawn({ "rpcbind", "-f", "-w" }, { stdout = BASE .. "/out", stdin = "/dev/null" }))
  sys.sleep(0.1)
  M.start()
  M.wait_up()
end

function M.url(name, options) return "nfs://127.0.0.1" .. BASE .. "/" .. name .. (options or "") end

function M.empty(name)
  M.run { "sh", "-c", ("rm -rf %s/%s/* %s/%s/.[!.]*"):format(BASE, name, BASE, name) }
end

return M
