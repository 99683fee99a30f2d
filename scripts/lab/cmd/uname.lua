#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/bin/uname
-- part: all
-- uname [-a] [-n] [-s] [-v] [-r] [-m] [-p] [-M] [-L] [-F] [-f]: facts of the system.

local getopt = require "lab.getopt"
local kernel = require "lab.kernel"
local odmcmd = require "lab.odmcmd"
local sys = require "altmig.sys"

local options, rest = getopt(arg, "aFfLlmMnprsuvWx", odmcmd.usage("uname", "uname [-aFfLlmMnprsuvWx]"))
if #rest > 0 then odmcmd.fail("uname", "unexpected argument " .. rest[1]) end

-- The running kernel is the one of the system that was booted: a chroot sees its own here.
local version, release = "7", "1"
local _, level = kernel.level("")
if type(level) == "string" and level:match "^%d+%.%d+$" then version, release = level:match "^(%d+)%.(%d+)$" end
local name = sys.hostname()
local id = sys.sha256(name):sub(1, 8):upper()

local values = { s = "AIX", n = name, r = release, v = version, m = "00" .. id:sub(1, 6) .. "4C00", p = "powerpc",
  M = "IBM,8286-41A", L = "2 " .. name, u = "IBM,02" .. id, F = id, f = id, l = id, W = "0" }
if options.a then options = { s = true, n = true, r = true, v = true, m = true } end
local words = {}
for _, letter in ipairs { "s", "n", "r", "v", "m", "p", "M", "L", "u", "F", "f", "l", "W" } do
  if options[letter] then words[#words + 1] = values[letter] end
end
print(#words > 0 and table.concat(words, " ") or values.s)
return 0
