-- SPDX-License-Identifier: MIT
-- A server that means harm, one way at a time, and every operation against it: each ends with a result or a named
-- error, in bounded time and memory. The server is reference material beside the source tree; where that is not
-- there, core/tree/nfs/test_replies and the relay of test_tree_many try the same kinds.

local lu = require "luaunit"
local sys = require "altmig.sys"
local tree = require "altmig.tree"

local here = arg[0]:match("^(.*)/[^/]*$")
package.path = package.path .. ";" .. here .. "/?.lua"
local server = require "nfs_server"

local SERVER <const> = SHARED_DIR .. "/cases/hostile-nfs/hostile_nfs.py"
local why = sys.getuid() ~= 0 and "needs root" or not sys.stat(SERVER) and "the hostile server is not beside the source tree"
  or sys.run({ "python3", "-c", "" }) == nil and "python3 is not there" or nil
if not why then
  server.go_private(arg[0], table.unpack(arg, 1))
  server.run { "ip", "link", "set", "lo", "up" }
end

-- Kilobytes; AddressSanitizer keeps what was freed for a while.
local MEMORY_MAX <const> = (sys.read_file("/proc/self/maps"):find("libasan", 1, true) and 700 or 150) << 10

-- What cannot end well; the others may give a result as well.
local FAILS <const> = { mntheap = "mount", mntheap2 = "mount", mntflavors = "mount", mntfh0 = "mount", mntbig = "mount",
  neglen = "list", endless = "list", deep = "digest", wide = "digest", names = "list", slash = "list", dupnames = "digest",
  selfloop = "digest", endlessread = "digest", longfh = "list", links = "stat", jukebox = "mount", stale = "list",
  lookupfh0 = "stat", drip = "mount", gigarec = "list", silent = "list" }
local OTHERS <const> = { "hugefile", "flip", "fsinfo0", "plain" }

local OPERATIONS <const> = {
  list = function(t) return t:list("/") end,
  walk = function(t)
    local ok, e = pcall(function() for _ in t:walk("/") do end end)
    return ok or nil, e, not ok and "walk" or nil
  end,
  digest = function(t) return t:digest("/") end,
  read = function(t) return t:read("/f") end,
  stat = function(t) return t:stat("/l/x") end,
  remove = function(t) return t:remove_all("/d") end,
}

TestHostileServer = {}

local port = 20000

local function try(mode, must_fail)
  port = port + 1
  local pid = assert(sys.spawn({ "python3", SERVER, mode, tostring(port) }, {}))
  for _ = 1, 600 do -- a busy machine is slow to start it
    if sys.read_file("/proc/net/tcp"):find((":%04X "):format(port), 1, true) then break end
    sys.sleep(0.05)
  end
  local failed = {}
  for name, operation in pairs(OPERATIONS) do
    local started = sys.clock()
    local t, message, code = tree.nfs { { at = "/", url = ("nfs://127.0.0.1/x?nfsport=%d&mountport=%d"):format(port, port) },
      timeout = 2, retry = 1 }
    local ok = t
    if t then
      ok, message, code = operation(t)
      t:close()
    else
      name = "mount"
    end
    local what = mode .. ": " .. name
    lu.assertTrue(sys.clock() - started < 40, what) -- a busy machine is slow
    if not ok then
      failed[name] = true
      lu.assertIsString(message, what)
      lu.assertIsString(code, what)
    end
  end
  assert(sys.kill(pid, "KILL"))
  assert(sys.wait(pid))
  lu.assertTrue(not must_fail or failed[must_fail], mode)
  lu.assertTrue(tonumber(sys.read_file("/proc/self/status"):match "VmHWM:%s*(%d+)") < MEMORY_MAX, mode)
end

for mode, operation in pairs(FAILS) do
  TestHostileServer["test_" .. mode] = function()
    if why then lu.skip(why) end
    try(mode, operation)
  end
end
for _, mode in ipairs(OTHERS) do
  TestHostileServer["test_" .. mode] = function()
    if why then lu.skip(why) end
    try(mode)
  end
end
