#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/bin/rpcinfo
-- part: all
-- rpcinfo -p: what the port mapper of this host knows: the subsystems that are active.

local getopt = require "lab.getopt"
local src = require "lab.src"

local function usage(message)
  if message then io.stderr:write("rpcinfo: ", message, "\n") end
  io.stderr:write("Usage: rpcinfo -p [host]\n")
  os.exit(1, true)
end

local options, hosts = getopt(arg, "p", usage)
if not options.p or hosts[1] then usage("Only -p of this host is supported.") end
if not src.pid "portmap" then
  io.stderr:write("rpcinfo: can't contact portmapper: RPC: 1832-008 Remote system error - Connection refused\n")
  return 1
end
local services = {
  { "portmap", 100000, { 2, 3, 4 }, 111, "portmapper" }, { "rpc.mountd", 100005, { 1, 2, 3 }, 32767, "mountd" },
  { "nfsd", 100003, { 2, 3 }, 2049, "nfs" }, { "rpc.statd", 100024, { 1 }, 32768, "status" },
  { "rpc.lockd", 100021, { 1, 2, 3, 4 }, 32769, "nlockmgr" },
}
print "   program vers proto   port  service"
for _, service in ipairs(services) do
  for _, version in ipairs(src.pid(service[1]) and service[3] or {}) do
    for _, protocol in ipairs { "tcp", "udp" } do
      print(("%10d%5d%6s%7d  %s"):format(service[2], version, protocol, service[4], service[5]))
    end
  end
end
return 0
