-- SPDX-License-Identifier: MIT
-- A private sshd on a free loopback port, with keys of its own, for the tests of altmig.ssh. As root
-- it runs in a mount namespace where /run is its own, because sshd insists on /run/sshd; the
-- system's sshd is neither used nor changed.

local sys = require "altmig.sys"

local private = {}
private.__index = private

local function must(argv, opts)
  local r = assert(sys.run(argv, opts))
  assert(r.status == 0, table.concat(argv, " ") .. ": " .. r.stdout .. r.stderr)
  return r.stdout
end

--- Why no sshd can be started here, or nil.
function private.missing()
  if not sys.stat("/usr/sbin/sshd") then return "no /usr/sbin/sshd" end
  if not sys.stat("/usr/bin/ssh-keygen") then return "no ssh-keygen" end
  if sys.getuid() == 0 and not sys.stat("/run/sshd") then
    local r = sys.run({ "unshare", "-m", "true" })
    if not r or r.status ~= 0 then return "root needs /run/sshd, and no mount namespace can be made" end
  end
end

function private:path(name) return self.dir .. "/" .. name end

function private:keygen(name, ...)
  must { "ssh-keygen", "-q", "-N", "", "-f", self:path(name), ... }
end

function private:public(name)
  return (assert(sys.read_file(self:path(name) .. ".pub")):match("^(%S+ %S+)"))
end

-- Only sshd can say whether a port is free, by starting; so the numbers depend on the process.
local function free_port()
  return 20000 + (sys.getpid() * 37 + math.random(0, 20000)) % 40000
end

function private:write_config()
  assert(sys.write_file(self:path("sshd_config"), table.concat({
    "Port " .. self.port, "ListenAddress 127.0.0.1",
    "HostKey " .. self:path("host_ed25519"), "HostKey " .. self:path("host_ecdsa"),
    "HostKey " .. self:path("host_rsa"),
    "PidFile " .. self:path("sshd.pid"), "AuthorizedKeysFile " .. self:path("authorized_keys"),
    "StrictModes no", "UsePAM no", "PasswordAuthentication no", "KbdInteractiveAuthentication no",
    "PermitRootLogin prohibit-password", "PrintMotd no", "UseDNS no", "MaxSessions 64", "MaxStartups 64",
    "LogLevel INFO", self.extra or "" }, "\n") .. "\n"))
end

local function listening(self)
  local log = sys.read_file(self:path("log")) or ""
  return log:find("Server listening", 1, true) ~= nil, log
end

--- Starts it and waits until it listens.
function private:start()
  local run = ("mkdir -p /run/sshd 2>/dev/null; exec %s -D -f %s -E %s"):format(self.program or "/usr/sbin/sshd",
    self:path("sshd_config"), self:path("log"))
  for _ = 1, 10 do
    self:write_config()
    sys.remove(self:path("log"))
    local argv = { "sh", "-c", run }
    if sys.getuid() == 0 then
      -- A login shell without start-up files: bash reads ~/.bashrc even for one command.
      argv = { "unshare", "-m", "sh", "-c", ("sed 's,^\\(%s:.*:\\)[^:]*$,\\1/bin/sh,' /etc/passwd >%s && " ..
        "mount --bind %s /etc/passwd && mount -t tmpfs none /run && %s"):format(self.user, self:path("passwd"),
        self:path("passwd"), run) }
    end
    self.pid = assert(sys.spawn(argv, { detach = true }))
    for _ = 1, 100 do
      local ready, log = listening(self)
      if ready then return self end
      if log:find("Cannot bind", 1, true) then break end
      sys.sleep(0.03)
    end
    self:stop()
    self.port = free_port()
  end
  error("sshd does not start: " .. (sys.read_file(self:path("log")) or "no log"))
end

--- Starts it again with other lines of sshd_config, or after `prepare` was called.
function private:restart(extra, prepare)
  self:stop()
  if prepare then prepare() end
  self.extra = extra
  self:start()
  assert(sys.write_file(self:path("known_hosts"), self:name() .. " " .. self:public("host_ed25519") .. "\n"))
end

--- Starts it again as a program that differs from sshd in a word, which is as long as the one in its place; nil: as sshd.
function private:restart_changed(word, other)
  self.program = nil
  if word then
    assert(#word == #other)
    local text, count = assert(sys.read_file("/usr/sbin/sshd")):gsub(word:gsub("%p", "%%%0"), other)
    assert(count > 0, word)
    self.program = self:path("sshd")
    assert(sys.write_file(self.program, text, { mode = 493, atomic = true }))
  end
  self:restart(self.extra)
end

--- Ends the listener; connections that are open stay.
function private:stop()
  if not self.pid then return end
  sys.kill(self.pid, "TERM")
  sys.wait(self.pid)
  self.pid = nil
end

--- The process ids of the connections that are open: the listener's children.
function private:connections()
  local r = assert(sys.run { "ps", "-o", "pid=", "--ppid", tostring(self.pid) })
  local list = {}
  for pid in r.stdout:gmatch("%d+") do list[#list + 1] = tonumber(pid) end
  return list
end

--- Kills every open connection without warning; what runs in them goes on.
function private:cut()
  local children = {}
  for _, pid in ipairs(self:connections()) do
    local r = assert(sys.run { "ps", "-o", "pid=,comm=", "--ppid", tostring(pid) })
    for child, name in r.stdout:gmatch("(%d+)%s+(%S+)") do
      if name == "sshd" then children[#children + 1] = tonumber(child) end
    end
    sys.kill(pid, "KILL")
  end
  for _, pid in ipairs(children) do sys.kill(pid, "KILL") end
end

--- Options of ssh.connect for it.
function private:options(more)
  local o = { host = "127.0.0.1", port = self.port, user = self.user, identity = self:path("user_ed25519"),
    known_hosts = self:path("known_hosts"), timeout = 10 }
  for k, v in pairs(more or {}) do o[k] = v end
  return o
end

function private:name() return ("[127.0.0.1]:%d"):format(self.port) end

function private:close()
  self:stop()
  sys.run { "rm", "-rf", self.dir }
end

-- A run of single tests ends without closing it; the end of the program does.
private.__gc = private.close

--- Makes keys and configuration and starts it. `extra`: more lines of sshd_config.
function private.new(extra)
  local dir = must({ "mktemp", "-d", "/tmp/altmig-sshd.XXXXXX" }):match("%S+")
  local self = setmetatable({ dir = dir, port = free_port(), user = must({ "id", "-un" }):match("%S+"),
    extra = extra }, private)
  self:keygen("host_ed25519", "-t", "ed25519")
  self:keygen("host_ecdsa", "-t", "ecdsa")
  self:keygen("host_rsa", "-t", "rsa", "-b", "2048")
  self:keygen("user_ed25519", "-t", "ed25519")
  assert(sys.write_file(self:path("authorized_keys"), self:public("user_ed25519") .. "\n"))
  self:start()
  assert(sys.write_file(self:path("known_hosts"), self:name() .. " " .. self:public("host_ed25519") .. "\n"))
  return self
end

return private
