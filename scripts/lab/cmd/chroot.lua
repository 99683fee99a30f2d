#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/chroot /usr/bin/chroot
-- part: all
-- chroot directory command [arg ...]: runs a command in another system.

local lpar = require "lpar"
local quirk = require "lab.quirk"
local sys = require "altmig.sys"

if not arg[1] or not arg[2] then error { message = "Usage: chroot Directory Command [Argument ...]", status = 1 } end
quirk.hand_on()
local ok, message = lpar.chroot(arg[1])
if not ok then error { message = message, status = 1 } end

-- The NFS server of the copy keeps a file open for a moment after the last write. A mount over a real
-- network does not show that; this one would refuse to run the file.
local deadline = sys.time() + 30
for _, dir in ipairs { "/usr/bin", "/usr/sbin", "/sbin", "/usr/lpp/lab/bin" } do
  for _, name in ipairs(sys.list(dir) or {}) do
    while lpar.open_for_writing(dir .. "/" .. name) and sys.time() < deadline do sys.sleep(0.1) end
  end
end

local _, why, code = sys.exec({ table.unpack(arg, 2) })
error { message = "chroot: " .. tostring(why), status = code == "ENOENT" and 127 or 126 }
