-- SPDX-License-Identifier: MIT
-- Scenarios of a move to a newer release that change more than one place: the client's disk, the lpp_source.

local err = require "altmig.err"
local config = require "lab.config"
local lpar = require "lab.lpar"
local scenario = require "lab.scenario"

local CLIENT <const> = "adachi-AIX7"
local MASTER <const> = "adachi-nim"

scenario.define("unsigned-image", "the lpp_source has a newer image of the site's own fileset, which is not signed", function()
  scenario.inside(MASTER, ([[
    local packages = require "lab.packages"
    assert(packages.write("%s/installp/ppc/acme.tools.3.5.0.0.I", { package = "acme.tools", kind = "I", mtime = 1700000000,
      filesets = { { name = "acme.tools.rte", level = "3.5.0.0", bosboot = "N", content = "U", description = "ACME Application Tools",
        prereq = "", files = { { path = "/usr/lpp/acme.tools/README.3.5", type = "file", mode = 292, uid = 2, gid = 2,
          mtime = 1700000000, data = "version 3.5\n" } } } } }))]]):format(config.resources_of(lpar.dir()).lpp_source.location))
  return "the lpp_source has acme.tools.rte 3.5.0.0, unsigned"
end)

scenario.define("small-hd5", "hd5 of the client has 24 MB, in partitions of 8 MB, and other logical volumes are right behind it", function()
  local disk = require "lab.disk"
  -- A boot image that it can hold; then every logical volume is as large as before, in smaller partitions.
  local boot_disk = scenario.sh(CLIENT, "lspv"):match "(%w+)%s+%x+%s+rootvg"
  scenario.sh(CLIENT, "echo 45000 > /usr/lpp/lab/boot_blocks && bosboot -ad /dev/" .. boot_disk .. " >/dev/null")
  local ok, message = lpar.power_off(CLIENT)
  if not ok then err.exit(1, "altmig: lab scenario: small-hd5: " .. message) end
  disk.use(lpar.dir(), CLIENT)
  local vgda = disk.vgda_read(boot_disk)
  local sizes = {}
  if vgda and vgda.pp_mb > 8 then
    disk.vg_repartition(vgda, 8)
    for _, lv in ipairs(vgda.lvs) do
      if lv.type == "boot" then lv.lps, lv.pps = 3, nil end
      sizes[#sizes + 1] = ("%s=%d"):format(lv.name, lv.lps)
    end
    ok, message = disk.vgda_write(vgda)
  end
  local up, why = lpar.power_on(CLIENT)
  if not ok or not up then err.exit(1, "altmig: lab scenario: small-hd5: " .. (message or why)) end
  scenario.inside(CLIENT, ([[
    local store = require "lab.odm".open("/etc/objrepos")
    for name, lps in ("%s"):gmatch("([%%w_]+)=(%%d+)") do
      store:change("CuAt", "name = " .. name .. " AND attribute = size", { value = lps })
    end
    assert(store:commit())]]):format(table.concat(sizes, " ")))
  return "hd5 of " .. CLIENT .. " has 3 partitions of 8 MB"
end)
