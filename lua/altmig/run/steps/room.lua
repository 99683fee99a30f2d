-- SPDX-License-Identifier: MIT
-- Room in the file systems of the copy, for what phases 5 and 6 put into them: how much there is, what they must grow to,
-- and the growing, which is done on the client by whole partitions of altinst_rootvg.

local aix = require "altmig.aix.output"
local err = require "altmig.err"
local plan = require "altmig.aix.plan"
local show_plan = require "altmig.preview.plan"
local sorted_keys = require "altmig.sorted_keys"

---@class altmig.Migration
local room = {}

local BLOCK <const> = 512
local MB <const> = (1 << 20) // BLOCK -- blocks of one
-- Blocks at the beginning of a disk that no partition has: the descriptor area of a volume group and what is before it.
local RESERVED <const> = 4352

-- Where the client has a path of the copy.
local function on_client(mount) return "/alt_inst" .. (mount == "/" and "" or mount) end

-- The path in the system of what is mounted at `mount`, which is below `root`; nil for others.
local function in_system(mount, root)
  if root == "" then return mount end
  mount = mount:gsub("(.)/$", "%1")
  if mount == root then return "/" end
  return mount:sub(1, #root + 1) == root .. "/" and mount:sub(#root + 1) or nil
end

local function copies_of(lv) return math.max(1, lv.pps // math.max(1, lv.lps)) end

-- The file systems of a volume group whose system is mounted below `root`, by mount point.
---@param m altmig.Migration
---@param lvs table[]     rows of lsvg -l
---@param root string     "" or "/alt_inst"
---@return altmig.plan.Filesystem[]
local function filesystems_of(m, lvs, root)
  local copies, mounts, list = {}, {}, {}
  for _, lv in ipairs(lvs) do
    local at = lv.mount and lv.mount:sub(1, 1) == "/" and in_system(lv.mount, root)
    if at then
      copies[at] = copies_of(lv)
      mounts[#mounts + 1] = root == "" and at or on_client(at)
    end
  end
  if #mounts == 0 then return list end
  for _, row in ipairs(aix.df_k(m.client:must { "df", "-k", table.unpack(mounts) })) do
    local at = in_system(row.mount, root)
    if at and copies[at] and row.free and row.total then
      list[#list + 1] = { mount = at, size = math.tointeger(row.total // BLOCK), free = math.tointeger(row.free // BLOCK),
        copies = copies[at] }
    end
  end
  table.sort(list, function(a, b) return a.mount < b.mount end)
  return list
end

--- The file systems of the copy, and what altinst_rootvg has for them.
---@param m altmig.Migration
---@return altmig.plan.Filesystem[] filesystems, altmig.plan.Group? group
function room.of_copy(m)
  local vg = aix.lsvg(m.client:must { "lsvg", "altinst_rootvg" })
  local list = filesystems_of(m, aix.lsvg_l(m.client:must { "lsvg", "-l", "altinst_rootvg" }), "/alt_inst")
  local group
  if vg.pp_size and vg.free_pps then
    group = { name = "altinst_rootvg", partition = math.tointeger(vg.pp_size * MB), free = math.tointeger(vg.free_pps) }
  end
  return list, group
end

-- The partitions that will be free in the copy's volume group; nil where that cannot be told.
local function expected_group(m, vg, lvs)
  if m.image_data or not vg.pp_size or vg.pp_size <= 0 or #lvs == 0 then return nil end
  local partition, total, used = math.tointeger(vg.pp_size * MB), 0, 0
  for _, name in ipairs(m.disks) do
    local size = aix.disk_size(m.client:run({ "getconf", "DISK_SIZE", "/dev/" .. name }).stdout)
    if not size then return nil end
    total = total + math.max(0, math.tointeger(size) * MB - RESERVED) // partition
  end
  for _, lv in ipairs(lvs) do used = used + lv.lps * math.min(copies_of(lv), #m.disks) end
  return { name = "altinst_rootvg", partition = partition, free = math.tointeger(math.max(0, total - used)) }
end

--- The file systems that the copy will have: those of rootvg, mirrored at most as often as there are disks for it; and
--- what the disks will have for them besides. Mount point and sizes of an image.data are not known here.
---@param m altmig.Migration
---@return altmig.plan.Filesystem[]? filesystems, altmig.plan.Group? group
function room.expected(m)
  local vg, lvs = aix.lsvg(m.client:must { "lsvg", "rootvg" }), aix.lsvg_l(m.client:must { "lsvg", "-l", "rootvg" })
  local list = filesystems_of(m, lvs, "")
  if #list == 0 then return nil end
  for _, row in ipairs(list) do row.copies = math.min(row.copies, math.max(1, #m.disks)) end
  return list, expected_group(m, vg, lvs)
end

local function refuse(m, rows, group)
  err.raise { code = "NO_ROOM", host = m.name,
    message = ("%s: file systems of the copy must grow, and altinst_rootvg has not enough free partitions: %s: %s; none was changed")
      :format(m.name, show_plan.partitions(group), show_plan.growth(rows, "/alt_inst")),
    remedy = ("give partitions of altinst_rootvg back on %s (lsvg -l altinst_rootvg), or remove files that the copy does not need from "
      .. "these file systems, then resume; or take a larger disk: nimadm -C -c %s -s %s, then begin again"):format(m.name, m.name,
      m.spot.name) }
end

-- The size is given as such, not as a difference: a chfs that is still at work when another begins after a kill, or one
-- whose answer was lost, and the same again come to one growth.
local function grow(m, row)
  local at = on_client(row.mount)
  m:say(("Expanding %s client filesystem."):format(at))
  local output = m.client:must({ "chfs", "-a", ("size=%d"):format(row.grow_to), at }, { timeout = 1800,
    remedy = ("%s needs %d blocks of 512 bytes more on %s: free partitions of altinst_rootvg (lsvg altinst_rootvg, lslv of its logical "
      .. "volume: MAX LPs), or take a larger disk, then resume"):format(at, row.short, m.name) })
  for line in output:gmatch("[^\n]+") do m:say(line) end
end

-- What has grown has the room now.
local function verify(m, rows)
  local free = {}
  for _, row in ipairs((room.of_copy(m))) do free[row.mount] = row.free end
  for _, row in ipairs(rows) do
    if (free[row.mount] or 0) < row.needed then
      err.raise { code = "NO_ROOM", host = m.name,
        message = ("%s: %s was to have %d free blocks of 512 bytes after chfs, and df says %d"):format(m.name, on_client(row.mount),
          row.needed, free[row.mount] or 0),
        remedy = ("look what writes there (fuser -cu %s), then resume"):format(on_client(row.mount)) }
    end
  end
end

local function require_mounted(m, filesystems, needs)
  local known = {}
  for _, row in ipairs(filesystems) do known[row.mount] = true end
  for filesystem in m:alt_filesystems() do
    local at = in_system(filesystem, "/alt_inst")
    if needs[at] and not known[at] then
      err.raise { code = "ALT_NOT_MOUNTED", host = m.name, message = ("%s: %s is not mounted"):format(m.name, filesystem) }
    end
  end
end

--- Sees to it that so many bytes are free in file systems of the copy, growing those that are too small, with nimadm's
--- lines. Nothing is changed when the volume group cannot hold it all. What has room is left alone, so it can be done again.
---@param m altmig.Migration
---@param needs table<string, integer>   bytes by mount point in the copy ("/usr")
---@param wanted? fun(mount: string): boolean   of which some are grown now; the others are looked at all the same
function room.make_room(m, needs, wanted)
  if not next(needs) then return end
  local filesystems, group = room.of_copy(m)
  require_mounted(m, filesystems, needs)
  local sizes = {}
  for _, at in ipairs(sorted_keys(needs)) do sizes[#sizes + 1] = { path = at, blocks = (needs[at] + BLOCK - 1) // BLOCK } end
  local rows, _, whole = plan.space({ { sizes = sizes } }, filesystems, group)
  if whole and whole.needed > whole.free then refuse(m, rows, whole) end
  local grown = {}
  for _, row in ipairs(rows) do
    if row.grow_to and (not wanted or wanted(row.mount)) then
      grow(m, row)
      grown[#grown + 1] = row
    end
  end
  if #grown > 0 then verify(m, grown) end
end

-- Where installp itself works and the base system is: what nimadm grows after its line that it checks for installp. Other
-- file systems it grows before that (a transcript from the field).
local of_installp <const> = { ["/"] = true, ["/usr"] = true, ["/var"] = true, ["/tmp"] = true }
local function is_beside(mount) return not of_installp[mount] end

-- Bytes by mount point that filesets at these levels need in the copy, by their images.
local function planned_needs(m, list)
  local wanted, sized, needs = {}, {}, {}
  local _, source = m:software_plan()
  for _, row in ipairs(list) do wanted[row.fileset .. " " .. row.level] = true end
  for _, row in ipairs(source:filesets()) do
    local word = row.fileset.name .. " " .. row.fileset.level
    if wanted[word] then
      wanted[word] = nil -- of two images with the same, one is installed
      sized[#sized + 1] = row.fileset
    end
  end
  local filesystems = room.of_copy(m)
  for _, row in ipairs((plan.space(sized, filesystems))) do
    needs[row.mount] = math.min(row.needed, math.maxinteger // BLOCK) * BLOCK
  end
  return needs
end

--- Room for filesets in the copy, before installp is asked: in the file systems where neither it nor the base system is.
---@param m altmig.Migration
---@param list { fileset: string, level: string }[]
---@return table<string, integer> needs   bytes by mount point, of all file systems
function room.make_room_beside(m, list)
  local needs = planned_needs(m, list)
  m:make_room(needs, is_beside)
  return needs
end

--- Room for filesets in the copy: what their images ask for, or what the preview of installp does where that is more.
---@param m altmig.Migration
---@param needs table<string, integer>   as make_room_beside says
---@param preview { name: string, needed: integer }[]   its rows, in blocks of 512 bytes
function room.make_room_for_installp(m, needs, preview)
  local all = {}
  for at, bytes in pairs(needs) do all[at] = bytes end
  for _, row in ipairs(preview) do
    if row.name:sub(1, 1) == "/" then
      all[row.name] = math.max(all[row.name] or 0, math.min(row.needed, math.maxinteger // BLOCK) * BLOCK)
    end
  end
  m:make_room(all)
end

return room
