-- SPDX-License-Identifier: MIT
-- The scenarios of an update: an lpp_source and a SPOT of the client's own release at a later service pack, and interim
-- fixes on both sides.

local config = require "lab.config"

local update_source = {}

--- Makes both on the master. Runs beside the master's daemons (lab.lpar.lua).
---@param root string   the master's root
---@param lab string    where the lab has its files
---@param level string  the later level
---@param without string?   a fileset whose update is missing
function update_source.build(root, lab, level, without)
  local buildfiles, modes, sys = require "lab.buildfiles", require "altmig.mode", require "altmig.sys"
  buildfiles.provide(lab)
  local images, release = require "lab.images", require "lab.release"
  local levels, update, later = config.levels(lab), config.update_resources(level), assert(release.find(level))
  local opts = { seed = "1", from = levels.from, to = levels.to }
  buildfiles.add_programs(opts, lab)
  local source = root .. update.lpp_source.location
  local spot = root .. update.spot.location:gsub("/usr$", "")
  for _, dir in ipairs { source, spot } do assert(sys.makedirs(dir, modes.DIR)) end
  -- Base images, as an lpp_source has them beside the updates.
  local base = config.resources_of(lab).baseline.location .. "/installp/ppc"
  assert(sys.makedirs(source .. "/installp/ppc", modes.DIR))
  for _, name in ipairs(assert(sys.list(root .. base))) do
    assert(sys.write_file(source .. "/installp/ppc/" .. name, assert(sys.read_file(root .. base .. "/" .. name)), { mode = modes.FILE }))
  end
  assert(images.write_tree(images.updates(opts, later), source))
  assert(images.write_tree(images.spot(opts, later), spot))
  for _, name in ipairs(without and sys.list(source .. "/installp/ppc") or {}) do
    if name:sub(1, #without + 1) == without .. "." and name:match("%.U$") then assert(sys.remove(source .. "/installp/ppc/" .. name)) end
  end
end

--- Makes the lpp_source again as a site has it that added a technology level to the release's first images. As build.
---@param root string
---@param lab string
function update_source.mix(root, lab)
  local buildfiles, sys = require "lab.buildfiles", require "altmig.sys"
  buildfiles.provide(lab)
  local levels = config.levels(lab)
  local opts = { seed = "1", from = levels.from, to = levels.to, form = "mixed" }
  buildfiles.add_programs(opts, lab)
  local source = root .. config.resources_of(lab).lpp_source.location
  for _, name in ipairs(assert(sys.list(source .. "/installp/ppc"))) do assert(sys.remove(source .. "/installp/ppc/" .. name)) end
  assert(require "lab.images".write_tree(require "lab.images".lpp_source(opts), source))
end

--- The resources, added to the site's nim.lua.
---@param text string
---@param level string
---@return string
function update_source.add_resources(text, level)
  local update = config.update_resources(level)
  if text:find(update.spot.name, 1, true) then return text end
  local count
  text, count = text:gsub("\n  lpp_source = {\n", function(found)
    return ('%s    ["%s"] = { location = "%s", host = "master" },\n'):format(found, update.lpp_source.name, update.lpp_source.location)
  end)
  assert(count == 1)
  text, count = text:gsub("\n  spot = { ", function(found)
    return ('%s["%s"] = { location = "%s", host = "master" },\n    '):format(found, update.spot.name, update.spot.location)
  end)
  assert(count == 1)
  return text
end

--- The interim fixes of the client: label, fileset, and what an update does with it.
update_source.fixes = {
  { "IJ20001s3a", "bos.rte.commands" },   -- corrected by the service pack
  { "IJ20002s3a", "bos.net.tcp.client" }, -- built again for the service pack
  { "IJ20003s3a", "bos.rte.security" },   -- known to nobody
  { "IJ20004s3a", "openssl.base" },       -- of a fileset that has no update
}

--- The packages in the lpp_source: name, label, fileset, level.
update_source.packages = {
  { "IJ20002s6a.200601.epkg.Z", "IJ20002s6a", "bos.net.tcp.client", "7.1.5.43" },
  { "IJ20003s9a.210101.epkg.Z", "IJ20003s9a", "bos.rte.security", "7.1.5.99" }, -- for a level that is not here
}

return update_source
