-- SPDX-License-Identifier: MIT
-- A site's flow whose phase 5 finds an export made read-only, and which makes in phase 6 what scripts of
-- filesets make in /dev.

local resource = require "altmig.resource"

local flow = load((resource.read("scripts/migrate.lua")), "@$/scripts/migrate.lua", "t")()

flow:before(5, function(m)
  m:step("read_only", function()
    local _, flags = m.client:exported("/alt_inst/usr")
    m.client:must { "exportfs", "-i", "-o", (flags:gsub("^%-rw=[^,]*", "ro")), "/alt_inst/usr" }
  end)
end)

flow:after(6, function(m)
  m:step("scripts", function()
    m.exec:must { "sh", "-c", "echo swallowed >/dev/null && cd /dev && ln -s lft0 altmig.link && mkdir -m 750 altmig.dir && "
      .. "echo content >altmig.dir/file && mknod altmig.node c 44 1 && ls /dev >/tmp/altmig.devices" }
  end)
end)

return flow
