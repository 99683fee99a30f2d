#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/lscluster
-- part: all
-- lscluster -c: the cluster this system is a node of, if a scenario made one.

local getopt = require "lab.getopt"
local machine = require "lab.machine"

local function usage(message)
  if message then io.stderr:write("lscluster: ", message, "\n") end
  io.stderr:write("Usage: lscluster {-c | -d | -g | -i | -m | -s} [-n Cluster]\n")
  os.exit(1, true)
end

local options = getopt(arg, "cdgimns", usage)
if not options.c then usage("only the c flag is played here") end
local name = machine.value "cluster"
if not name then
  io.stderr:write("lscluster: Cluster services are not active.\n")
  os.exit(1, true)
end
print("Cluster Name: " .. name)
print("Cluster UUID: 6b8f7e2a-0000-11ee-8000-00f6eaf24c00")
print("Number of nodes in cluster = 2")
