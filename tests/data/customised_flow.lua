-- SPDX-License-Identifier: MIT
-- A site's flow with the merge methods of the example; after phase 5 every method runs a second time,
-- and what that changed is written to the copy.

local json = require "altmig.json"
local merge = require "altmig.merge"
local resource = require "altmig.resource"
local saveconf = require "altmig.save"

local flow = load(assert(resource.read("scripts/examples/merge-sudoers.lua")), "@merge-sudoers.lua", "t")()

local function digests(m)
  local all = {}
  for _, dir in ipairs { "/etc", "/usr/lib/objrepos", "/usr/share/lib/objrepos", "/usr/lib/security", "/var/adm/ras" } do
    for path, hex in pairs(assert(m.alt:digest_list(dir, { exclude = { "/var/adm/ras/alt_mig", "/var/adm/ras/alt_mig/*" } }))) do
      all[dir .. " " .. path] = hex
    end
  end
  return all
end

flow:after(5, function(m)
  m:step("merge_again", function()
    local before, ran, changed = digests(m), json.array(), json.array()
    for _, method in ipairs(merge.methods) do
      local result = assert(merge.run(method, saveconf.context(m.alt)))
      ran[#ran + 1] = method.title .. ": " .. result.status
    end
    local after = digests(m)
    for path, hex in pairs(after) do
      if before[path] ~= hex then changed[#changed + 1] = path end
    end
    for path in pairs(before) do
      if not after[path] then changed[#changed + 1] = path end
    end
    assert(m.alt:write("/tmp/merged-again.json", json.encode { ran = ran, changed = changed }, { mode = 384 }))
  end)
end)

return flow
