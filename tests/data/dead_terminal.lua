-- SPDX-License-Identifier: MIT
-- A migration in memory that waits while it restores, until a signal comes. FILE gets a line then, and
-- one for what is taken away. Run by tests/lua/test_program.lua on a terminal that goes away.

local file, tests = arg[1], arg[0]:match("^(.*)/data/[^/]*$")
package.path = tests .. "/?.lua;/usr/share/lua/5.4/?.lua"
local sys = require "altmig.sys"
local world = require "fake_world"

local holder = {}
world.fixture(holder)
holder:setUp()
local w = holder.w
local function note(text) assert(sys.append_file(file, text .. "\n")) end

function w.before_restore()
  note("waiting " .. sys.getpid())
  sys.sleep(30)
end
function w.on_command(host, argv)
  if argv[1] == "umount" or argv[1] == "exportfs" and argv[2] == "-u" then note(host .. " " .. table.concat(argv, " ")) end
end
local ok, e = pcall(w.migration.migrate, w.opts())
note(("ended %s"):format(ok or e.code))
holder:tearDown()
os.exit(ok and 0 or 130)
