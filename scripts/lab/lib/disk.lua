-- SPDX-License-Identifier: MIT
-- The disks of an LPAR: a directory each, holding `raw` (the disk as the firmware and LVM see it)
-- and `lv.N.img` (the content of logical volume N). The truth about a disk is what `raw` holds: an
-- IPL record in sector 0, an LVM record in sector 7, the VGDA from sector 128. Works on the real
-- machine and, from inside an LPAR, through PID 1's root.

local json = require "altmig.json"
local modes = require "altmig.mode"
local sys = require "altmig.sys"

local disk = {}

local SECTOR = 512
local IPL_MAGIC = 0xC9C2D4C1 -- "IBMA" in EBCDIC
local VGDA_SECTOR, VGDA_SECTORS = 128, 2048
local VGDA_TEXT = 32 -- sectors of the VGDA in front of the text that is this lab's own
local PV_HEADER = 17 -- sector of the VGDA that says where partition 1 begins
local BOOT_SECTOR = 4352 -- where partition 1 begins, which is hd5's on every disk that has one
local MB = 1024 * 1024
local SUPPORTED_FS = 300 -- MB; XFS has smaller ones only when it is told so (from xfsprogs 5.19 on)

disk.BOOT_SECTOR = BOOT_SECTOR
disk.VGDA_TEXT = VGDA_SECTOR + VGDA_TEXT

local function fail(code, ...) return nil, string.format(...), code end

local has_core, lpar = pcall(require, "lpar")
if not has_core then lpar = nil end

--- The world: aixlua knows it by itself, the big program is told.
local world
local function get_world()
  if world then return world end
  local w, message, code
  if lpar then w, message, code = lpar.world() end
  if w and w.host then
    world = w
    return w
  end
  return nil, message or "disk: no LPAR chosen", code or "NOT_IN_LPAR"
end

--- Chooses the LPAR whose disks are meant, where that is not the one the program runs in.
---@param lab string the lab directory
---@param host string
function disk.use(lab, host) world = { lab = lab, host = host, prefix = "", path = lab } end

--- Runs a program of the real machine.
---@param argv string[]
---@param opts? table
---@return table? result
---@return string? message
---@return string? code
local function tool(argv, opts)
  local result, message, code
  if lpar then result, message, code = lpar.outside(argv, opts) else result, message, code = sys.run(argv, opts) end
  if not result then return nil, message, code end
  if result.status ~= 0 then
    return fail("TOOL_FAILED", "%s: %s", argv[1], (result.stderr .. result.stdout):gsub("%s+$", ""))
  end
  return result
end
disk.tool = tool

--- Directory of the LPAR, from here and from outside.
---@return string? here
---@return string outside_or_message
---@return string? code
function disk.base()
  local w, message, code = get_world()
  if not w then return nil, message, code end
  local below = "/lpars/" .. w.host
  return w.path .. below, w.lab .. below
end

--- Directory of one disk, from here and from outside.
---@param name string "hdisk0"
function disk.path(name)
  local here, outside, code = disk.base()
  if not here then return nil, outside, code end
  if not name:match "^%w[%w_.-]*$" then return fail("EINVAL", "disk: %s: not a disk name", name) end
  return here .. "/disks/" .. name, outside .. "/disks/" .. name
end

--- Names of the disks that are attached to the LPAR, in their order.
---@return string[]? names
---@return string? message
---@return string? code
function disk.list()
  local here, message, code = disk.base()
  if not here then return nil, message, code end
  local names = {}
  for _, name in ipairs(sys.list(here .. "/disks") or {}) do
    if sys.stat(here .. "/disks/" .. name .. "/raw") then names[#names + 1] = name end
  end
  table.sort(names, function(a, b)
    local x, y = tonumber(a:match "%d+$"), tonumber(b:match "%d+$")
    if x and y and x ~= y then return x < y end
    return a < b
  end)
  return names
end

-- ---- sectors ----

--- Bytes of a disk.
---@param name string
---@param sector integer
---@param sectors integer
---@return string? bytes
---@return string? message
---@return string? code
function disk.read(name, sector, sectors)
  local dir, message, code = disk.path(name)
  if not dir then return nil, message, code end
  local file, why = io.open(dir .. "/raw", "rb")
  if not file then return fail("ENOENT", "disk: %s: %s", name, why) end
  file:seek("set", sector * SECTOR)
  local bytes = file:read(sectors * SECTOR) or ""
  file:close()
  if #bytes < sectors * SECTOR then return fail("EIO", "disk: %s: sector %d: past the end", name, sector) end
  return bytes
end

---@param name string
---@param sector integer
---@param bytes string
---@return true?
---@return string? message
---@return string? code
function disk.write(name, sector, bytes)
  local dir, message, code = disk.path(name)
  if not dir then return nil, message, code end
  local stat = sys.stat(dir .. "/raw")
  if not stat then return fail("ENXIO", "disk: %s: no such disk", name) end
  if sector < 0 or sector * SECTOR + #bytes > stat.size then
    return fail("EIO", "disk: %s: sector %d: past the end", name, sector)
  end
  local file, why = io.open(dir .. "/raw", "r+b")
  if not file then return fail("EIO", "disk: %s: %s", name, why) end
  file:seek("set", sector * SECTOR)
  local ok = file:write(bytes)
  ok = file:close() and ok
  if not ok then return fail("EIO", "disk: %s: write failed", name) end
  return true
end

--- Size in MB, as `getconf DISK_SIZE` says it.
---@param name string
---@return integer? mb
---@return string? message
---@return string? code
function disk.size_mb(name)
  local dir, message, code = disk.path(name)
  if not dir then return nil, message, code end
  local stat = sys.stat(dir .. "/raw")
  if not stat then return fail("ENXIO", "disk: %s: no such disk", name) end
  return stat.size // MB
end

--- A new, empty disk.
---@param name string
---@param mb integer
---@return true?
---@return string? message
---@return string? code
function disk.create(name, mb)
  local dir, message, code = disk.path(name)
  if not dir then return nil, message, code end
  local ok
  ok, message, code = sys.makedirs(dir, modes.PRIVATE_DIR)
  if not ok then return nil, message, code end
  ok, message, code = sys.write_file(dir .. "/raw", "", { mode = modes.PRIVATE_FILE, atomic = false })
  if not ok then return nil, message, code end
  return sys.truncate(dir .. "/raw", mb * MB)
end

-- Fields of the IPL record: name, offset, form if it is not that of a word.
local ipl_fields = {
  { "capacity", 24 }, { "boot_code_length", 36 }, { "boot_code_offset", 40 }, { "boot_lv_start", 44 },
  { "boot_code_start", 48 }, { "boot_lv_length", 52 }, { "load_address", 56 }, { "base_cn_length", 64, ">I2" },
  { "base_cs_length", 66, ">I2" }, { "base_cn_start", 68 }, { "base_cs_start", 72 },
}

--- The IPL record: pvid (16 hex digits, nil without), and the fields above; bootable by boot_code_length.
---@param name string
---@return table? record an empty table when there is no IPL record
---@return string? message
---@return string? code
function disk.ipl_read(name)
  local bytes, message, code = disk.read(name, 0, 1)
  if not bytes then return nil, message, code end
  local record = {}
  if string.unpack(">I4", bytes) ~= IPL_MAGIC then return record end
  record.magic = IPL_MAGIC
  for _, field in ipairs(ipl_fields) do record[field[1]] = string.unpack(field[3] or ">I4", bytes, field[2] + 1) end
  local pvid = string.unpack(">I8", bytes, 129)
  if pvid ~= 0 then record.pvid = ("%016x"):format(pvid) end
  return record
end

--- Writes an IPL record; fields not given become 0, what is not a field here stays.
---@param name string
---@param record table
---@return true?
---@return string? message
---@return string? code
function disk.ipl_write(name, record)
  local bytes, message, code = disk.read(name, 0, 1)
  if not bytes then return nil, message, code end
  local function put(offset, format, value)
    local packed = string.pack(format, value)
    bytes = bytes:sub(1, offset) .. packed .. bytes:sub(offset + #packed + 1)
  end
  put(0, ">I4", IPL_MAGIC)
  for _, field in ipairs(ipl_fields) do put(field[2], field[3] or ">I4", record[field[1]] or 0) end
  put(128, ">I8", record.pvid and math.tointeger(tonumber(record.pvid, 16)) or 0)
  put(136, ">I8", 0)
  local bootable = (record.boot_code_length or 0) > 0
  put(446, "B", bootable and 0x80 or 0)
  put(450, "B", bootable and 0x41 or 0)
  put(510, "B", 0x55)
  put(511, "B", 0xAA)
  return disk.write(name, 0, bytes)
end

--- A PVID from a text: the same text, the same PVID.
---@param text string
---@return string pvid 16 hex digits
function disk.make_pvid(text) return "00f6" .. sys.sha256(text):sub(1, 12) end

-- ---- volume groups ----

--- What LVM finds on the disk: nil in `vgid` when it belongs to no volume group.
---@param name string
---@return { vgid: string?, pv_number: integer?, pp_size_log2: integer? }? record
---@return string? message
---@return string? code
function disk.lvm_read(name)
  local bytes, message, code = disk.read(name, 7, 1)
  if not bytes then return nil, message, code end
  if bytes:sub(1, 4) ~= "_LVM" then return {} end
  return {
    vgid = (bytes:sub(5, 20):gsub(".", function(c) return ("%02x"):format(c:byte()) end)),
    pv_number = string.unpack(">i2", bytes, 45), pp_size_log2 = string.unpack(">i2", bytes, 47),
  }
end

local function log2(n)
  local power = 0
  while 1 << power < n do power = power + 1 end
  return power
end

--- The volume group descriptor area of a disk:
--- { name, vgid, pp_mb, auto_on, pvs = {{disk_pvid, number, pps}}, lvs = {{number, name, type, label,
---   lps, copies, size_mb, ...}} }. lvs and pvs are arrays; other fields are kept as they are.
---@param name string
---@return table|false|nil vgda false: the disk belongs to no volume group
---@return string? message
---@return string? code
function disk.vgda_read(name)
  local lvm, message, code = disk.lvm_read(name)
  if not lvm then return nil, message, code end
  if not lvm.vgid then return false end
  local bytes
  bytes, message, code = disk.read(name, VGDA_SECTOR + VGDA_TEXT, VGDA_SECTORS - VGDA_TEXT)
  if not bytes then return nil, message, code end
  local length = string.unpack(">I4", bytes)
  if length == 0 or length + 4 > #bytes then return fail("VGDA_DAMAGED", "disk: %s: damaged VGDA", name) end
  local vgda
  vgda, message = json.decode(bytes:sub(5, 4 + length))
  if not vgda then return fail("VGDA_DAMAGED", "disk: %s: damaged VGDA: %s", name, message) end
  return vgda
end

local function write_one(name, vgda, number)
  local bytes, message, code = disk.read(name, 7, 1)
  if not bytes then return nil, message, code end
  local vgid = vgda.vgid:gsub("%x%x", function(h) return string.char(tonumber(h, 16)) end)
  local record = "_LVM" .. vgid .. string.pack(">I4I4I4I4I4I4i2i2", VGDA_SECTORS, VGDA_SECTORS, VGDA_SECTOR, 0, 0, 0,
    number, log2(vgda.pp_mb * MB))
  local ok
  ok, message, code = disk.write(name, 7, record .. ("\0"):rep(SECTOR - #record))
  if not ok then return nil, message, code end
  local text = json.encode(vgda, { sort = true })
  if #text + 4 > (VGDA_SECTORS - VGDA_TEXT) * SECTOR then return fail("VGDA_FULL", "disk: %s: VGDA full", name) end
  text = string.pack(">I4", #text) .. text
  ok, message, code = disk.write(name, VGDA_SECTOR + VGDA_TEXT, text .. ("\0"):rep(-#text % SECTOR))
  if not ok then return nil, message, code end
  local header = ("\0"):rep(16) .. string.pack(">I2I2I4", vgda.pvs[number].pps, 0, BOOT_SECTOR)
  return disk.write(name, VGDA_SECTOR + PV_HEADER, header .. ("\0"):rep(SECTOR - #header))
end

--- Writes the VGDA to every disk of its volume group (found by PVID).
---@param vgda table
---@return true?
---@return string? message
---@return string? code
function disk.vgda_write(vgda)
  for _, pv in ipairs(vgda.pvs) do
    local name, message, code = disk.by_pvid(pv.pvid)
    if not name then return nil, message, code end
    local ok
    ok, message, code = write_one(name, vgda, pv.number)
    if not ok then return nil, message, code end
  end
  return true
end

---@param pvid string
---@return string? name
---@return string? message
---@return string? code
function disk.by_pvid(pvid)
  local names, message, code = disk.list()
  if not names then return nil, message, code end
  for _, name in ipairs(names) do
    local record = disk.ipl_read(name)
    if record and record.pvid == pvid then return name end
  end
  return fail("ENXIO", "disk: no disk has PVID %s", pvid)
end

--- Takes a disk out of its volume group: LVM record and VGDA are cleared, the PVID stays.
---@param name string
---@return true?
---@return string? message
---@return string? code
function disk.lvm_clear(name)
  local ok, message, code = disk.write(name, 7, ("\0"):rep(SECTOR))
  if not ok then return nil, message, code end
  return disk.write(name, VGDA_SECTOR, ("\0"):rep(SECTOR * (VGDA_TEXT + 8)))
end

--- Volume groups of the LPAR by VGID, as the disks tell it: { vgid = { vgda=, disks={names} } }.
---@return table<string, { vgda: table, disks: string[] }>? groups
---@return string? message
---@return string? code
function disk.groups()
  local names, message, code = disk.list()
  if not names then return nil, message, code end
  local groups = {}
  for _, name in ipairs(names) do
    local vgda = disk.vgda_read(name)
    if vgda then
      local group = groups[vgda.vgid] or { vgda = vgda, disks = {} }
      groups[vgda.vgid] = group
      group.disks[#group.disks + 1] = name
    end
  end
  return groups
end

--- A new volume group on disks that have none; gives them PVIDs if they have none.
---@param opts { name: string, disks: string[], pp_mb: integer?, seed: string?, auto_on: boolean? }
---@return table? vgda
---@return string? message
---@return string? code
function disk.vg_create(opts)
  local pp_mb = opts.pp_mb or 64
  local seed = opts.seed or tostring(sys.time())
  local vgda = { name = opts.name, pp_mb = pp_mb, auto_on = opts.auto_on ~= false, pvs = {}, lvs = json.array {},
    vgid = "00f6" .. sys.sha256("vg " .. opts.name .. seed):sub(1, 28), created = opts.created }
  for i, name in ipairs(opts.disks) do
    local record, message, code = disk.ipl_read(name)
    if not record then return nil, message, code end
    if disk.vgda_read(name) then return fail("PV_IN_USE", "disk: %s: already in a volume group", name) end
    if not record.pvid then
      record.pvid = disk.make_pvid(name .. seed)
      local ok
      ok, message, code = disk.ipl_write(name, record)
      if not ok then return nil, message, code end
    end
    -- The first PP's worth of sectors is LVM's own.
    vgda.pvs[i] = { pvid = record.pvid, number = i, pps = disk.size_mb(name) // pp_mb - 1 }
  end
  local ok, message, code = disk.vgda_write(vgda)
  if not ok then return nil, message, code end
  return vgda
end

--- PPs of the group: total, used.
---@param vgda table
---@return integer total
---@return integer used
function disk.vg_pps(vgda)
  local total, used = 0, 0
  for _, pv in ipairs(vgda.pvs) do total = total + pv.pps end
  for _, lv in ipairs(vgda.lvs) do used = used + lv.lps * (lv.copies or 1) end
  return total, used
end

--- Physical partitions of the logical ones, the same on every disk with a copy; and those disks, as numbers of
--- vgda.pvs. They follow from the order of the logical volumes, unless `lv.pps` says where a boot volume is: that is
--- what LVM tells, and the firmware finds the image at BOOT_SECTOR still.
---@param vgda table
---@param lv table
---@return integer[] partitions
---@return integer[] pvs
function disk.lv_partitions(vgda, lv)
  local first, partitions = 1, {}
  for _, other in ipairs(lv.type ~= "boot" and vgda.lvs or {}) do -- hd5 is in front, the others follow in their order
    if other.type == "boot" and other.pps then
      first = first + math.max(table.unpack(other.pps))
    elseif other.type == "boot" or other.number < lv.number then
      first = first + other.lps
    end
  end
  for i = 1, lv.lps do partitions[i] = lv.pps and lv.pps[i] or first + i - 1 end
  local pvs, at = {}, lv.pv or 1
  for copy = 0, math.min(lv.copies or 1, #vgda.pvs) - 1 do pvs[copy + 1] = (at + copy - 1) % #vgda.pvs + 1 end
  return partitions, pvs
end

--- Makes the partitions of a volume group smaller: every logical volume is as large as before, and where it was. The
--- VGDA is not written.
---@param vgda table
---@param pp_mb integer a power of two; where the partitions are no larger nothing happens
function disk.vg_repartition(vgda, pp_mb)
  local factor = vgda.pp_mb // pp_mb
  if factor < 2 then return end
  for _, pv in ipairs(vgda.pvs) do pv.pps = disk.size_mb(assert(disk.by_pvid(pv.pvid))) // pp_mb - 1 end
  for _, lv in ipairs(vgda.lvs) do
    lv.lps = lv.lps * factor
    local pps = lv.pps and {}
    for i = 1, pps and lv.lps or 0 do pps[i] = (lv.pps[(i - 1) // factor + 1] - 1) * factor + (i - 1) % factor + 1 end
    lv.pps = pps
  end
  vgda.pp_mb = pp_mb
end

---@param vgda table
---@param name string
---@return table? lv
---@return integer? index
function disk.lv_find(vgda, name)
  for i, lv in ipairs(vgda.lvs) do
    if lv.name == name then return lv, i end
  end
end

-- ---- logical volumes ----

--- Paths of the file that holds the LV, here and outside; byte offset and size in it.
---@param vgda table
---@param lv table
---@return string? here
---@return string outside_or_message
---@return integer|string offset_or_code
---@return integer? size
function disk.lv_file(vgda, lv)
  local name, message, code = disk.by_pvid(vgda.pvs[lv.pv or 1].pvid)
  if not name then return nil, message, code end
  local here, outside = disk.path(name)
  local size = lv.lps * vgda.pp_mb * MB
  if lv.type == "boot" then return here .. "/raw", outside .. "/raw", BOOT_SECTOR * SECTOR, size end
  local file = ("/lv.%d.img"):format(lv.number)
  return here .. file, outside .. file, 0, size
end

--- A new logical volume; fields: name, type ("jfs2", "boot", "paging", "jfs2log", "sysdump"), lps, label, copies.
--- The VGDA is written.
---@param vgda table
---@param fields table
---@return table? lv
---@return string? message
---@return string? code
function disk.lv_create(vgda, fields)
  if disk.lv_find(vgda, fields.name) then return fail("EEXIST", "lv: %s: exists", fields.name) end
  local total, used = disk.vg_pps(vgda)
  if used + fields.lps * (fields.copies or 1) > total then
    return fail("ENOSPC", "lv: %s: not enough free physical partitions in %s", fields.name, vgda.name)
  end
  local number, taken = 1, {}
  for _, lv in ipairs(vgda.lvs) do taken[lv.number] = true end
  while taken[number] do number = number + 1 end
  local lv = { number = number, copies = 1 }
  for k, v in pairs(fields) do lv[k] = v end
  local here, message, code, size = disk.lv_file(vgda, lv)
  if not here then return nil, message, code end
  if lv.type ~= "boot" then
    sys.remove(here)
    local ok
    ok, message, code = sys.write_file(here, "", { mode = modes.PRIVATE_FILE, atomic = false })
    if not ok then return nil, message, code end
    ok, message, code = sys.truncate(here, size)
    if not ok then return nil, message, code end
  end
  vgda.lvs[#vgda.lvs + 1] = lv
  local ok
  ok, message, code = disk.vgda_write(vgda)
  if not ok then return nil, message, code end
  return lv
end

--- Loop devices of this lab: { ["/path/of/file"] = {"/dev/loop3", ...} }. Offsets are told apart by "path@offset".
---@return table<string, string>? devices
---@return string? message
---@return string? code
function disk.loops()
  local result, message, code = tool { "losetup", "--list", "--noheadings", "--raw", "--output", "NAME,OFFSET,BACK-FILE" }
  if not result then return nil, message, code end
  local w = get_world()
  local devices = {}
  for device, offset, file in result.stdout:gmatch "(%S+) (%d+) ([^\n]+)" do
    file = file:gsub("\\x20", " "):gsub(" %(deleted%)$", "")
    if not w or file:sub(1, #w.lab + 1) == w.lab .. "/" then devices[file .. "@" .. offset] = device end
  end
  return devices
end

local function attach(outside, offset, size, loops)
  local key = ("%s@%d"):format(outside, offset)
  loops = loops or disk.loops() or {}
  if loops[key] then return loops[key] end
  local argv = { "losetup", "--show", "--find", outside }
  if offset > 0 then
    argv = { "losetup", "--show", "--find", "--offset", tostring(offset), "--sizelimit", tostring(size), outside }
  end
  local result, message, code = tool(argv)
  if not result then return nil, message, code end
  local device = result.stdout:match "%S+"
  loops[key] = device
  return device
end

--- The block device (outside) of a logical volume; attached if it is not yet.
---@param vgda table
---@param lv table
---@param loops? table of disk.loops, to look it up once for many
---@return string? device "/dev/loop7"
---@return string? message
---@return string? code
function disk.lv_attach(vgda, lv, loops)
  local here, outside, offset, size = disk.lv_file(vgda, lv)
  if not here then return nil, outside, offset end
  return attach(outside, offset, size, loops)
end

---@param vgda table
---@param lv table
---@return true?
---@return string? message
---@return string? code
function disk.lv_detach(vgda, lv)
  local here, outside, offset = disk.lv_file(vgda, lv)
  if not here then return nil, outside, offset end
  local loops, message, code = disk.loops()
  if not loops then return nil, message, code end
  local device = loops[("%s@%d"):format(outside, offset)]
  if not device then return true end
  local ok
  ok, message, code = tool { "losetup", "--detach", device }
  return ok and true, message, code
end

--- The block device of a whole disk.
---@param name string
---@param loops? table
---@return string? device
---@return string? message
---@return string? code
function disk.attach(name, loops)
  local here, outside, code = disk.path(name)
  if not here then return nil, outside, code end
  return attach(outside .. "/raw", 0, 0, loops)
end

--- Grows a logical volume by lps; `mounted` is the outside path of its mount point, if it is mounted.
---@param vgda table
---@param lv table
---@param lps integer
---@param mounted? string
---@return true?
---@return string? message
---@return string? code
function disk.lv_grow(vgda, lv, lps, mounted)
  local total, used = disk.vg_pps(vgda)
  if used + lps * (lv.copies or 1) > total then
    return fail("ENOSPC", "lv: %s: not enough free physical partitions in %s", lv.name, vgda.name)
  end
  lv.lps = lv.lps + lps
  local here, outside, offset, size = disk.lv_file(vgda, lv)
  if not here then return nil, outside, offset end
  local ok, message, code = sys.truncate(here, size)
  if not ok then return nil, message, code end
  local loops = disk.loops() or {}
  local device = loops[outside .. "@0"]
  if device then
    ok, message, code = tool { "losetup", "--set-capacity", device }
    if not ok then return nil, message, code end
  end
  -- xfs_growfs looks the mount up in /proc, which out there belongs to another PID namespace.
  if mounted then
    ok, message, code = tool { "unshare", "--mount", "sh", "-c",
      'mount -t proc proc /proc && exec xfs_growfs "$1"', "sh", mounted }
    if not ok then return nil, message, code end
  end
  return disk.vgda_write(vgda)
end

---@param vgda table
---@param old string
---@param new string
---@return true?
---@return string? message
---@return string? code
function disk.lv_rename(vgda, old, new)
  local lv = disk.lv_find(vgda, old)
  if not lv then return fail("ENOENT", "lv: %s: not in %s", old, vgda.name) end
  if disk.lv_find(vgda, new) then return fail("EEXIST", "lv: %s: exists", new) end
  lv.name = new
  return disk.vgda_write(vgda)
end

--- Detaches a logical volume and deletes it with its content.
---@param vgda table
---@param name string
---@return true?
---@return string? message
---@return string? code
function disk.lv_remove(vgda, name)
  local lv, index = disk.lv_find(vgda, name)
  if not lv then return fail("ENOENT", "lv: %s: not in %s", name, vgda.name) end
  local ok, message, code = disk.lv_detach(vgda, lv)
  if not ok then return nil, message, code end
  local here = disk.lv_file(vgda, lv)
  if here and lv.type ~= "boot" then sys.remove(here) end
  table.remove(vgda.lvs, index)
  return disk.vgda_write(vgda)
end

--- Makes an empty file system for a logical volume. UUIDs are new each time; nothing looks at them.
---@param device string outside path
---@param vgda table
---@param lv table
---@return true?
---@return string? message
---@return string? code
function disk.mkfs(device, vgda, lv)
  local argv = { "mkfs.xfs", "-q", "-f", "-K", "-m", "reflink=0,rmapbt=0", "-i", "sparse=1", device }
  if lv.lps * vgda.pp_mb < SUPPORTED_FS then table.insert(argv, 2, "--unsupported") end
  local ok, message, code = tool(argv)
  return ok and true, message, code
end

return disk
