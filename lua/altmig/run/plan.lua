-- SPDX-License-Identifier: MIT
-- What phase 6 comes to, told before anything is begun: the plan of the client's filesets and the lpp_source. Reading
-- only.

local aix = require "altmig.aix.output"
local err = require "altmig.err"
local installp = require "altmig.installp"
local state = require "altmig.run.state"
local sys = require "altmig.sys"

---@class altmig.Migration
local planned = {}

--- Where what was read of a place is remembered: below the state directory.
---@param opts table               # options of a command
---@param place altmig.installp.Place
---@return string path
function planned.cache(opts, place) return ("%s/lpp_source/%s"):format(state.dir(opts), sys.sha256(place.key):sub(1, 32)) end

-- The file systems of the client's rootvg, which those of the copy are made after; blocks of 512 bytes.
local function filesystems(m)
  local mounts, list = {}, {}
  for _, row in ipairs(aix.lsvg_l(m.client:must { "lsvg", "-l", "rootvg" })) do
    if row.mount and row.mount:sub(1, 1) == "/" then mounts[#mounts + 1] = row.mount end
  end
  if #mounts == 0 then return nil end
  local wanted = {}
  for _, mount in ipairs(mounts) do wanted[mount] = true end
  for _, row in ipairs(aix.df_k(m.client:must { "df", "-k", table.unpack(mounts) })) do
    if wanted[row.mount] and row.free and row.total then
      list[#list + 1] = { mount = row.mount, free = math.tointeger(row.free // 512), size = math.tointeger(row.total // 512) }
    end
  end
  return list
end

--- What becomes of the client's filesets with the images of the lpp_source, and what of these could not be read. It is
--- made once.
---@return altmig.Plan plan, altmig.installp.Source source
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
    made = { source:plan { installed = m.client:must { "lslpp", "-lqc" }, restore = restore, filesystems = filesystems(m),
      bundle = bundle and bundle.text }, source }
    m.software_planned = made
  end
  return made[1], made[2]
end

return planned
