#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/no /usr/sbin/vmo /usr/sbin/ioo /usr/sbin/schedo /usr/sbin/raso /usr/sbin/nfso
-- part: all
-- no -a, vmo -a, ...: the tunables of a command, "name = value" a line. What the release has by default is of its table
-- in scripts/lab/images; what /etc/tunables/nextboot sets was set by the boot. Nothing is changed by these here.

local getopt = require "lab.getopt"
local sys = require "altmig.sys"

local command = arg[0]:match("[^/]+$")

local function usage(message)
  if message then io.stderr:write(command, ": ", message, "\n") end
  io.stderr:write(("Usage: %s [-p | -r] {-o tunable[=value]} | -d tunable | -D | [-F] -a | -h [tunable] | [-F] -L [tunable] | "
    .. "[-F] -x [tunable]\n"):format(command))
  os.exit(1, true)
end

local options, operands = getopt(arg, "aFo:", usage)
if (operands and #operands > 0) or not (options.a or options.o) then usage() end

local values = {}
for line in (sys.read_file("/usr/lpp/lab/tunables") or ""):gmatch("[^\n]+") do
  local of, name, value = line:match("^(%S+) (%S+) (.*)$")
  if of == command then values[name] = value end
end

local stanza
for line in (sys.read_file("/etc/tunables/nextboot") or ""):gmatch("[^\n]+") do
  line = line:gsub("#.*", "")
  stanza = line:match("^%s*([%w_]+)%s*:%s*$") or stanza
  local name, value = line:match('^%s*([%w_%%]+)%s*=%s*"(.-)"')
  if stanza == command and name and values[name] and value ~= "DEFAULT" then values[name] = value end
end

local names = {}
for name in pairs(values) do
  if not options.o or name == options.o then names[#names + 1] = name end
end
if options.o and #names == 0 then
  io.stderr:write(("%s: 1485-102 Tunable %s was not found\n"):format(command, options.o))
  os.exit(1, true)
end
table.sort(names)
for _, name in ipairs(names) do print((options.a and "%25s = %s" or "%s = %s"):format(name, values[name])) end
