-- SPDX-License-Identifier: MIT
-- What alt_disk_copy -i takes from an image.data: sizes and copies of the logical volumes.

local sys = require "altmig.sys"

local imagedata = {}

local function refuse(path, ...) error({ message = ("alt_disk_copy: %s: %s"):format(path, string.format(...)), status = 1 }, 0) end

local function stanzas(path, text)
  local list, current = {}, nil
  for line in text:gmatch("[^\n]*") do
    local name = line:match("^([%w_]+):")
    local field, value = line:match("^%s+([%w_]+)%s*=%s*(.-)%s*$")
    if name then
      current = { stanza = name }
      list[#list + 1] = current
    elseif field then
      if not current then refuse(path, "field %s stands in no stanza.", field) end
      current[field] = value
    end
  end
  return list
end

--- Reads the file; refuses what this command cannot do.
---@param path string
---@param rootvg table the running group's VGDA
---@return {pp_mb: integer, lvs: table<string, {lps: integer, copies: integer}>}
function imagedata.read(path, rootvg)
  local text = sys.read_file(path)
  if not text then refuse(path, "cannot be read.") end
  local plan = { lvs = {} }
  for _, stanza in ipairs(stanzas(path, text)) do
    if stanza.stanza == "vg_data" then plan.pp_mb = math.tointeger(tonumber(stanza.PPSIZE)) end
    if stanza.stanza == "logical_volume_policy" and stanza.SHRINK == "yes" then
      refuse(path, "SHRINK= yes is not supported here; give the sizes wanted, and SHRINK= no.")
    end
    if stanza.stanza == "lv_data" then
      local lps, copies = math.tointeger(tonumber(stanza.LPs)), math.tointeger(tonumber(stanza.COPIES or 1))
      if not stanza.LOGICAL_VOLUME or not lps or lps < 1 or not copies or copies < 1 or copies > 3 then
        refuse(path, "an lv_data stanza lacks LOGICAL_VOLUME, LPs or COPIES.")
      end
      if (stanza.MAPFILE or "") ~= "" then refuse(path, "MAPFILE of %s is not supported here.", stanza.LOGICAL_VOLUME) end
      plan.lvs[stanza.LOGICAL_VOLUME] = { lps = lps, copies = copies }
    end
  end
  if not plan.pp_mb or plan.pp_mb < 1 or plan.pp_mb & (plan.pp_mb - 1) ~= 0 then refuse(path, "no PPSIZE that is a power of two.") end
  local known = {}
  for _, lv in ipairs(rootvg.lvs) do
    known[lv.name] = true
    if not plan.lvs[lv.name] then refuse(path, "logical volume %s of rootvg is not in it.", lv.name) end
  end
  for name in pairs(plan.lvs) do
    if not known[name] then refuse(path, "logical volume %s is not in rootvg.", name) end
  end
  return plan
end

--- Refuses a size that cannot hold what the file system holds now: files are copied, not shrunk.
---@param path string
---@param plan table
---@param used table<string, integer> bytes in use by logical volume
function imagedata.check_sizes(path, plan, used)
  for name, bytes in pairs(used) do
    local lv = plan.lvs[name]
    if lv and lv.lps * plan.pp_mb << 20 < bytes then
      refuse(path, "logical volume %s has %d MB in it, but %d MB in the copy.", name, bytes >> 20, lv.lps * plan.pp_mb)
    end
  end
end

return imagedata
