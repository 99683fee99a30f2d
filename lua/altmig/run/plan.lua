-- SPDX-License-Identifier: MIT
-- What phase 6 comes to, told before anything is begun: the plan of the client's filesets and the lpp_source. Reading
-- only.

local err = require "altmig.err"
local installp = require "altmig.installp"
local plan = require "altmig.aix.plan"
local room = require "altmig.run.steps.room"
local state = require "altmig.run.state"
local sys = require "altmig.sys"

---@class altmig.Migration
local planned = {}

--- Where what was read of a place is remembered: below the state directory.
---@param opts table               # options of a command
---@param place altmig.installp.Place
---@return string path
function planned.cache(opts, place) return ("%s/lpp_source/%s"):format(state.dir(opts), sys.sha256(place.key):sub(1, 32)) end

--- What becomes of the client's filesets with the images of the lpp_source, and what of these could not be read. It is
--- made once.
---@return altmig.Plan plan, altmig.installp.Source source, table<string, altmig.plan.Installed> installed
function planned.software_plan(m)
  local made = m.software_planned
  if not made then
    local bundle = m:installp_bundle()
    local place = installp.resource(m.lpp_source, m.master)
    local ok, source = xpcall(installp.index, err.wrap, place, { cache = planned.cache(m.opts, place) })
    place.close()
    if not ok then error(source, 0) end
    local restore = nil -- as the release says
    if m.opts.update then restore = false end
    local installed = plan.of_lslpp(m.client:must { "lslpp", "-lqc" })
    local filesystems, group = room.expected(m)
    made = { source:plan { installed = installed, restore = restore, filesystems = filesystems, group = group,
      bundle = bundle and bundle.text }, source, installed }
    m.software_planned = made
  end
  return made[1], made[2], made[3]
end

return planned
