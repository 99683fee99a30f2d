#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/bin/kill
-- part: all
-- kill: a file of its own, as on AIX, where something can be laid over it; the rest is that of the POSIX tools.

table.insert(arg, 1, "kill")
return require "lab.tool"
