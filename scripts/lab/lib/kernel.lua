-- SPDX-License-Identifier: MIT
-- The kernel of a system: its level by the system's own software database, and its file.

local odm = require "lab.odm"
local sys = require "altmig.sys"

local kernel = {}

kernel.file = "/usr/lib/boot/unix_64"

--- The level of the kernel installed below `root`.
---@param root string "" for the own system
---@return string? level "7.2.5.101"
---@return string release_or_message "7.2"
function kernel.level(root)
  if not sys.stat(root .. kernel.file) then return nil, kernel.file .. " does not exist" end
  local store <close> = odm.open(root .. "/usr/lib/objrepos")
  for _, name in ipairs { "bos.mp64", "bos.rte" } do
    local rows, message = store:get("lpp", "name = " .. name)
    if not rows then return nil, message end
    if rows[1] then
      local row = rows[1]
      return ("%d.%d.%d.%d"):format(row.ver, row.rel, row.mod, row.fix), ("%d.%d"):format(row.ver, row.rel)
    end
  end
  return nil, "bos.mp64 is not installed"
end

--- How many blocks of 512 bytes a boot image of the system below `root` has.
---@param root string
---@return integer?
function kernel.boot_blocks(root)
  return math.tointeger(tonumber((sys.read_file(root .. "/usr/lpp/lab/boot_blocks") or ""):match "%d+"))
end

return kernel
