-- altmig run tests/bench/restore_once.lua URL ARCHIVE: one restore, by itself, so that its memory and
-- time can be told. Prints seconds, calls, files, peak memory in KiB and CPU seconds.

local bff = require "altmig.bff"
local sys = require "altmig.sys"
local tree = require "altmig.tree"

local t <close> = assert(tree.nfs { { at = "/", url = arg[1] } })
local a <close> = assert(bff.open(arg[2]))
local stats = assert(t:restore(a))
local peak = sys.read_file("/proc/self/status"):match("VmHWM:%s+(%d+)")
print(("%.4f %d %d %s %.2f"):format(stats.seconds, stats.calls, stats.files, peak, os.clock()))
