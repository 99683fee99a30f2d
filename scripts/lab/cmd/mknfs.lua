#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/mknfs
-- part: all
-- mknfs [-B | -I | -N]: NFS is started at boot (-I), now (-N), or both. As /etc/rc.nfs has it, nfsd and rpc.mountd are
-- started only where /etc/exports exists.

local getopt = require "lab.getopt"
local odmcmd = require "lab.odmcmd"
local src = require "lab.src"
local sys = require "altmig.sys"

local usage = odmcmd.usage("mknfs", "mknfs [-B | -I | -N]")
local options, operands = getopt(arg, "BIN", usage)
if #operands > 0 then usage() end
if options.I then return 0 end -- inittab has rcnfs already
local status, serves = 0, { nfsd = true, ["rpc.mountd"] = true }
for _, subsystem in ipairs(src.subsystems() or {}) do
  local name = subsystem.subsysname
  if subsystem.grpname == "nfs" and not src.pid(name) and (not serves[name] or sys.stat("/etc/exports")) then
    local ok, message = src.set(name, true)
    if ok then
      print(("0513-059 The %s Subsystem has been started. Subsystem PID is %s."):format(name, src.pid(name) or "?"))
    else
      io.stderr:write("mknfs: ", tostring(message), "\n")
      status = 1
    end
  end
end
return status
