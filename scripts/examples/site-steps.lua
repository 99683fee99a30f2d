-- SPDX-License-Identifier: MIT
-- The stock flow with steps of a site around it:
--   altmig migrate --script site-steps.lua -c lpar7 -l lpp72TL5 -s spot72TL5 -d hdisk1 -Y

local resource = require "altmig.resource"

local flow = load((resource.read("scripts/migrate.lua")), "@$/scripts/migrate.lua", "t")()

-- Before the clone: what runs is written down beside it. A step runs once, also over a resume.
flow:before(1, function(m)
  m:step("note_processes", function()
    return { processes = m.client:must { "ps", "-ef" } }
  end)
end)

-- After the merges: the copy says at login where it came from.
flow:after(5, function(m)
  m:step("motd", function()
    local old = m.alt:read("/etc/motd") or ""
    local line = ("Migrated to AIX %d.%d with altmig.\n"):format(m.target.version, m.target.release)
    if not old:find(line, 1, true) then assert(m.alt:write("/etc/motd", old .. line)) end
  end)
end)

-- When a phase fails: the operators get a line in the system log of the master.
flow:on_error(function(m, e)
  m.master:run { "logger", "-p", "user.err", ("altmig: %s: phase %s: %s"):format(m.name, m.phase or "-", e.message) }
end)

return flow
