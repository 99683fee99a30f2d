#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/bin/errpt
-- part: all
-- errpt [-a] [-i File]: the error log; the lab's is text, one line an entry.

local getopt = require "lab.getopt"
local sys = require "altmig.sys"

local function usage(message)
  if message then io.stderr:write("errpt: ", message, "\n") end
  io.stderr:write("Usage: errpt [-a] [-i File]\n")
  os.exit(1, true)
end

local options = getopt(arg, "ai:d:s:e:N:j:", usage)
local text = sys.read_file(options.i or "/var/adm/ras/errlog") or ""
if text ~= "" then
  print("IDENTIFIER TIMESTAMP  T C RESOURCE_NAME  DESCRIPTION")
  io.write(text)
end
