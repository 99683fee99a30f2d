#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/bin/dump
-- part: all
-- dump -H [-X mode] File ...: the loader section of a program. The commands here are scripts: what AIX's own would
-- need is printed.

local getopt = require "lab.getopt"
local quirk = require "lab.quirk"
local sys = require "altmig.sys"

local function usage(message)
  if message then io.stderr:write("dump: ", message, "\n") end
  io.stderr:write("Usage: dump -H [-X {32|64|32_64|d64|any}] file ...\n")
  os.exit(1, true)
end

local options, files = getopt(arg, "HX:", usage)
if not options.H or not files[1] then usage("Only the H and X flags are supported.") end
local status = 0
for _, path in ipairs(files) do
  local st = sys.stat(path)
  if not st or st.type ~= "file" then
    io.stderr:write(("dump: 0654-106 Cannot open the specified file %s.\n"):format(path))
    status = 1
  elseif quirk.is("object-mode", "64") and not (options.X and options.X ~= "32") then
    io.stderr:write(("dump: %s: 0654-108 file is not valid in the current object file mode.\n"):format(path),
      "\tUse the -X option to specify the desired object mode.\n")
    status = 1
  else
    print(("\n%s:\n\n%24s***Loader Section***\n%22sLoader Header Information"):format(path, "", ""))
    print "VERSION#         #SYMtableENT     #RELOCent        LENidSTR"
    print "0x00000001       0x00000021       0x0000004f       0x00000090       \n"
    print "#IMPfilID        OFFidSTR         LENstrTBL        OFFstrTBL"
    print "0x00000004       0x00000700       0x000000f1       0x00000790       \n\n"
    print(("%24s***Import File Strings***"):format "")
    local form = "%-7s%-30s%-20s%-20s"
    print(form:format("INDEX", "PATH", "BASE", "MEMBER"))
    local rows = { { "0", "/usr/lib:/lib", "", "" }, { "1", "", "libc.a", "shr.o" }, { "2", "", "libodm.a", "shr.o" },
      { "3", "/", "unix", "" }, { "4", "", "libcrypt.a", "shr.o" } }
    for _, row in ipairs(rows) do print(form:format(table.unpack(row))) end
  end
end
return status
