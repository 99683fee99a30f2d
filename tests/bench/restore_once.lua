-- SPDX-License-Identifier: MIT
-- altmig run tests/bench/restore_once.lua WORK URL ARCHIVE [PORT IDENTITY KNOWN_HOSTS]: one restore, verify,
-- digest or copy (to another directory of the same tree) by itself, so that its memory and time can be told.
-- "verify-one" and "digest-one" make the same requests one after the other. With a PORT of 127.0.0.1 it goes
-- through the sshd there. Prints seconds, requests, files, peak memory in KiB and CPU seconds.

local bff = require "altmig.bff"
local sys = require "altmig.sys"
local tree = require "altmig.tree"

local via = arg[4] and { host = "127.0.0.1", port = assert(math.tointeger(tonumber(arg[4]))), identity = arg[5], known_hosts = arg[6] }
local t <close> = assert(tree.nfs { { at = "/", url = arg[2] }, via = via })

--- Nothing ahead: what is asked for within a call that reads ahead goes one at a time.
local function one_in_flight(work)
  local a <close> = assert(bff.open(arg[3]))
  local result
  local ok, message = t:verify(a, { on_progress = function()
    result = result or work()
    error("enough", 0)
  end })
  assert(not ok and result, message)
  return result
end

local function verify(a)
  local differences, stats = t:verify(a)
  assert(differences, stats)
  assert(#differences == 0, "the tree is not that of the archive")
  return stats
end

local function timed(work, files)
  local started = sys.clock()
  work()
  return { seconds = sys.clock() - started, requests = 0, files = files or 0 }
end

local works = {
  restore = function(a) return assert(t:restore(a)) end,
  verify = verify,
  digest = function() return timed(function() assert(t:digest("/")) end) end,
  copy = function() return timed(function() assert(t:copy("/usr", "/copy")) end) end,
}
works["verify-one"] = function() return one_in_flight(function()
  local a <close> = assert(bff.open(arg[3]))
  return verify(a)
end) end
works["digest-one"] = function() return one_in_flight(works.digest) end

local a <close> = assert(bff.open(arg[3]))
local stats = works[arg[1]](a)
local peak = sys.read_file("/proc/self/status"):match("VmHWM:%s+(%d+)")
print(("%.4f %d %d %s %.2f"):format(stats.seconds, stats.requests, stats.files, peak, os.clock()))
