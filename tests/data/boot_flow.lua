-- SPDX-License-Identifier: MIT
-- The stock flow; between alt_disk_copy's phase 3 and the judgement a byte of the kernel in the boot image is
-- changed, once.

local resource = require "altmig.resource"

local flow = load(assert(resource.read("scripts/migrate.lua")), "@migrate.lua", "t")()

flow:replace(11, function(m)
  m:alt_disk_copy { phase = 3, disks = m.disks }
  m:step("damage", function()
    m.client:must_script("echo x > /tmp/damage && dd if=/tmp/damage of=/dev/rhdisk2 bs=1 count=1 seek=3000000 conv=notrunc && "
      .. "rm /tmp/damage")
  end)
  m:set_bootlist()
end)

return flow
