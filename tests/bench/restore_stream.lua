-- SPDX-License-Identifier: MIT
-- altmig run tests/bench/restore_stream.lua PORT IDENTITY KNOWN_HOSTS ARCHIVE COMMAND...: sends an archive
-- through SSH into a command, as phase 5 does with --restore-via stream. Prints seconds, files, peak
-- memory in KiB and CPU seconds.

local bff = require "altmig.bff"
local ssh = require "altmig.ssh"
local sys = require "altmig.sys"

local began = sys.clock()
local session <close> = assert(ssh.connect { host = "127.0.0.1", port = tonumber(arg[1]), identity = arg[2], known_hosts = arg[3] })
local reader, sent = assert(bff.filter(arg[4], { exclude = { "/lpp_name" } }))
local r = assert(session:run({ table.unpack(arg, 5) }, { stdin = reader, on_progress = function() sent() end }))
if r.status ~= 0 then error("status " .. tostring(r.status) .. ": " .. r.stderr) end
local peak = sys.read_file("/proc/self/status"):match("VmHWM:%s+(%d+)")
print(("%.4f %d %s %.2f"):format(sys.clock() - began, sent().files, peak, os.clock()))
