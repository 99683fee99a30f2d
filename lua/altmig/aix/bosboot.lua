-- SPDX-License-Identifier: MIT
-- Making the copy bootable: having AIX build a boot image, putting it on every disk that holds the boot
-- logical volume, and judging what is there.
--
-- bosboot runs in the copy on the executor and builds into a file. On the client the image goes to the boot
-- logical volume by dd; the boot record of each disk is composed by the engine from the first sector that
-- is there; savebase fills the area behind the image. mkboot has no flag that takes a finished image, and a
-- savebase or bosboot without operands works on the running system's disk: neither is ever sent. How IBM's
-- nimadm does this is not published, so everything is read back (inferred: boot-image-apart),
-- (inferred: bosboot-in-copy), (inferred: boot-partition), (inferred: save-base-area).

local aix = require "altmig.aix.output"
local core = require "altmig.bosboot_core"
local mode = require "altmig.mode"
local sys = require "altmig.sys"

local bosboot = {}

local SECTOR <const> = 512
local MB <const> = 1024 * 1024
-- Whole chunks are read and written at once: a raw device is slow one sector at a time.
local CHUNK <const> = 256
-- Where the first physical partition of most disks begins.
local USUAL_FIRST <const> = 4352

--- Seconds that copying or reading a whole image may take.
bosboot.deadline = 1800

---@alias altmig.Verdict "good"|"unknown"|"bad"

---@class altmig.BootVerdict: altmig.BootInspection

---Judges a boot image, the beginning of a disk, or the first sector of one.
---@param source string|userdata   # the bytes, or an altmig.reader
---@return altmig.BootVerdict?
---@return string? message
---@return string? code
function bosboot.inspect(source) return core.inspect(source) end

---The size of the image in blocks of 512 bytes, from what bosboot printed.
---@param output string
---@return integer?
function bosboot.blocks(output)
  local blocks = output:match("bosboot: Boot image is (%d+) 512 byte blocks")
  return blocks and math.tointeger(tonumber(blocks))
end

-- ---- failures ----

local Failure = {}

local function fail(code, format, ...)
  error(setmetatable({ code = code, message = format:format(...) }, Failure), 0)
end

-- A mistake in the code has its traceback from where it was made.
local function traced(e) return type(e) == "string" and debug.traceback(e, 2) or e end

-- Calls fn; what it failed with becomes nil, message, code. Errors of the caller's own hosts pass.
local function try(fn, ...)
  local results = table.pack(xpcall(fn, traced, ...))
  if results[1] then return table.unpack(results, 2, results.n) end
  local e = results[2]
  if getmetatable(e) == Failure then return nil, e.message, e.code end
  error(e, 0)
end

local function output_of(result)
  local text = ((result.stdout or "") .. (result.stderr or "")):gsub("%s+$", "")
  return text ~= "" and text or "no output"
end

-- changes: a word for what the command changes, for a caller who runs such commands in another way.
local function run(client, argv, opts, changes)
  local result, message, code = client:run(argv, opts or {}, changes)
  if not result then fail(code or "BOSBOOT", "%s", message) end
  return result
end

local function must(client, argv, opts, changes)
  local result = run(client, argv, opts, changes)
  if result.status ~= 0 then
    fail("BOSBOOT", "%s: %s: %s", table.concat(opts and opts.script and { "dd", table.unpack(argv) } or argv, " "),
      result.signal or ("exit status %d"):format(result.status), output_of(result))
  end
  return result.stdout
end

-- ---- building ----

-- What a bosboot says that did not get as far as an image because it looked for a device.
local device_trouble = { "ipldevice", "[Dd]evice", "does not exist on", "0301%-150", "0301%-168", "/dev/" }
local no_room = "not enough file space"

local function is_device_trouble(text)
  if text:find(no_room, 1, true) then return false end
  for _, pattern in ipairs(device_trouble) do
    if text:find(pattern) then return true end
  end
  return false
end

-- Names under which a host has devices of its own, or the private /dev its harmless ones, are not given to a file.
local harmless = { null = true, zero = true, tty = true, random = true, urandom = true, error = true, console = true, mem = true,
  kmem = true }
local function is_of_a_device(name)
  return harmless[name] or not name:match("^ipl") and (name:match("^r?[hcf]d") or name:match("^rmt") or name:match("[lL][vV]"))
end

--- The name of the boot device that bosboot asks for: the one it says, unless a host may have a device of that
--- name, else that of its default.
---@param text string what bosboot printed
---@return string
function bosboot.device_name(text)
  for name in text:gmatch("/dev/([%w_]+)") do
    if not is_of_a_device(name) then return name end
  end
  return "ipldevice"
end

-- Whether a bosboot that failed has built its image all the same: it says its size, only savebase failed
-- (which has no boot logical volume here, and is run on the client later), and the file has that size.
local function built_without_savebase(exec, opts, result, blocks)
  local text = result.stdout .. result.stderr
  if not blocks or not text:find("savebase", 1, true) then return false end
  local size = run(exec, { "wc", "-c", opts.file }, { chroot = opts.root })
  return size.status == 0 and tonumber(size.stdout:match("^%s*(%d+)")) == blocks * SECTOR
end

---@class altmig.bosboot.BuildOptions
---@field root string?      chroot there
---@field file string       the image, as it is called inside
---@field device_file nil|fun(name: string): (fun()?)  makes a plain file of that name in the /dev that the chroot has; returns
---   what removes it, or nil where that /dev is not the caller's own
---@field log nil|fun(line: string)  told of every variant and of what it printed
---@field on_line nil|fun(line: string)  the output of the variant that built

---Builds a boot image of the system that `exec` runs commands in: without a device, and where bosboot insists on
---one, with the name of a plain file as device.
---@param exec {run: fun(self, argv: string[], opts: table?, changes: string?): table?, string?, string?}
---@param opts altmig.bosboot.BuildOptions
---@return integer? blocks
---@return string way_or_message   "plain", "device-file"; with ", without savebase" behind
---@return string? code
function bosboot.build(exec, opts)
  assert(opts.file, "bosboot.build: file missing")
  local log = opts.log or function() end
  local function variant(way, ...)
    local argv = { "bosboot", "-a", "-b", opts.file, ... }
    local result = run(exec, argv, { chroot = opts.root, timeout = 0 }, way)
    local text = result.stdout .. result.stderr
    log(("%s: %s"):format(table.concat(argv, " "), result.signal or "status " .. result.status))
    for line in text:gmatch("[^\n]+") do log("  " .. line) end
    local blocks = bosboot.blocks(text)
    local whole = result.status == 0 and blocks
    if not whole and built_without_savebase(exec, opts, result, blocks) then
      whole, way = blocks, way .. ", without savebase"
      log("bosboot: the image is whole, only its savebase failed; savebase is run on the client")
    end
    if whole then
      log(("bosboot: built (%s)"):format(way))
      for line in text:gmatch("[^\n]+") do
        if opts.on_line and (result.status == 0 or bosboot.blocks(line)) then opts.on_line(line) end
      end
      return whole, way
    end
    return nil, text, result
  end
  return try(function()
    local blocks, way, result = variant("plain")
    if blocks then return blocks, way end
    local said = way
    if result.status ~= 0 and opts.device_file and is_device_trouble(said) then
      local name = bosboot.device_name(said)
      local remove = opts.device_file(name)
      if remove then
        local ok, a, b, c = pcall(variant, "device-file", "-d", "/dev/" .. name)
        remove()
        if not ok then error(a, 0) end
        if a then return a, b end
        said, result = said:gsub("%s*$", "\n") .. b, c
      end
    end
    if result.status == 0 then fail("BOSBOOT", "bosboot: %s: no size in its output", opts.file) end
    fail("BOSBOOT", "bosboot %s: %s: %s", opts.file, result.signal or ("exit status %d"):format(result.status),
      said:gsub("%s+$", "") ~= "" and (said:gsub("%s+$", "")) or "no output")
  end)
end

-- ---- reading a disk ----

local function raw(name) return "/dev/r" .. name end

-- Sectors of a device. Far from its beginning whole chunks are read.
local function read(client, device, first, count)
  local bs, skip, blocks, cut = SECTOR, first, count, 0
  if first >= CHUNK then
    bs, skip, cut = CHUNK * SECTOR, first // CHUNK, first % CHUNK * SECTOR
    blocks = (first % CHUNK + count + CHUNK - 1) // CHUNK
  end
  local bytes = must(client, { "dd", "if=" .. device, ("bs=%d"):format(bs), ("skip=%d"):format(skip), ("count=%d"):format(blocks) },
    { timeout = bosboot.deadline }):sub(cut + 1, cut + count * SECTOR)
  if #bytes < count * SECTOR then
    fail("BOOT_READ", "%s: sector %d: %d of %d bytes could be read", device, first, #bytes, count * SECTOR)
  end
  return bytes
end

-- Arguments: the device, and three ranges of blocks to skip and to read: sectors, chunks, sectors.
local read_ranges = [[
{
if [ "$3" -gt 0 ]; then dd if="$1" bs=512 skip="$2" count="$3" 2>/dev/null || exit 1; fi
if [ "$5" -gt 0 ]; then dd if="$1" bs=131072 skip="$4" count="$5" 2>/dev/null || exit 1; fi
if [ "$7" -gt 0 ]; then dd if="$1" bs=512 skip="$6" count="$7" 2>/dev/null || exit 1; fi
}]]
local sum_script = read_ranges .. " | cksum"
local compare_script = read_ranges .. " | cmp - \"$8\""

-- The same range as few large reads and the sectors before and behind them.
local function ranges(first, count)
  local head = math.min(count, -first % CHUNK)
  local middle = (count - head) // CHUNK
  local tail = count - head - middle * CHUNK
  local function word(n) return ("%d"):format(n) end
  return word(first), word(head), word((first + head) // CHUNK), word(middle), word(first + count - tail), word(tail)
end

-- Checksum of a range of a device or file; a text that is compared.
local function sum(client, device, first, count)
  local text = must(client, { device, ranges(first, count) }, { script = sum_script, timeout = bosboot.deadline })
  local crc, length = text:match("^%s*(%d+)%s+(%d+)")
  if not crc or tonumber(length) ~= count * SECTOR then
    fail("BOOT_READ", "%s: %d sectors from %d on could not be read: %s", device, count, first, text:gsub("%s+$", ""))
  end
  return crc
end

-- ---- where the boot logical volume is ----

local function number(bytes, format, at) return (string.unpack(format, bytes, at + 1)) end

--- First physical partition and number of partitions of a logical volume on each disk that holds a copy of it, in
--- the order of `lslv -m`. Fails where a copy is not in one piece.
---@param text string  lslv -m
---@param lv string
---@return { disk: string, first: integer, count: integer }[]
local function copies_of(text, lv)
  local list, by_disk = {}, {}
  local rows = aix.lslv_m(text)
  if #rows == 0 then fail("BOOT_VOLUME", "lslv -m %s: no partition in its output", lv) end
  for i, row in ipairs(rows) do
    if row.lp ~= i then fail("BOOT_VOLUME", "lslv -m %s: partition %d is not in its output", lv, i) end
    for _, copy in ipairs(row.copies) do
      local known = by_disk[copy.disk]
      if not known and i == 1 then
        known = { disk = copy.disk, first = copy.pp, count = 0 }
        by_disk[copy.disk] = known
        list[#list + 1] = known
      end
      if not known or copy.pp ~= known.first + known.count then
        fail("BOOT_VOLUME", "%s is not contiguous on %s: its partition %d is the disk's partition %d, %s", lv, copy.disk, i, copy.pp,
          known and ("after %d from %d on"):format(known.count, known.first) or "and the ones before are elsewhere")
      end
      known.count = known.count + 1
    end
  end
  for _, copy in ipairs(list) do
    if copy.count ~= #rows then
      fail("BOOT_VOLUME", "%s is not contiguous: %s has %d of its %d partitions", lv, copy.disk, copy.count, #rows)
    end
    if not copy.disk:match("^%a[%w_.]*$") then fail("BOOT_VOLUME", "lslv -m %s: no disk is called %q", lv, copy.disk) end
  end
  return list
end

local function pp_bytes(client, vg)
  local size = aix.lsvg(must(client, { "lsvg", vg })).pp_size
  if not size or size < 1 then fail("BOOT_VOLUME", "lsvg %s: no size of its partitions", vg) end
  return size * MB
end

-- The first sector of partition 1, by the descriptor area of a group of the classic form.
local function first_by_vgda(client, disk)
  local record = read(client, raw(disk), 7, 1)
  if record:sub(1, 4) ~= "_LVM" then return nil end
  local vgda = number(record, ">I4", 28)
  if vgda == 0 or vgda > USUAL_FIRST then return nil end
  return number(read(client, raw(disk), vgda + 17, 1), ">I4", 20)
end

-- The same by the boot record of the running system, whose group the copy's was made like.
local function first_by_rootvg(client)
  for _, row in ipairs((aix.lspv(must(client, { "lspv" })))) do
    local listed = row.vg == "rootvg" and run(client, { "lslv", "-m", "hd5" })
    if listed and listed.status == 0 then
      local record = core.inspect(read(client, raw(row.name), 0, 1)).boot_record
      for _, copy in ipairs(record and copies_of(listed.stdout, "hd5") or {}) do
        if copy.disk == row.name and record.boot_lv_start > 0 then
          return record.boot_lv_start - (copy.first - 1) * pp_bytes(client, "rootvg") // SECTOR
        end
      end
    end
  end
end

-- Where partition 1 of a disk may begin, the likeliest first. What is right is seen when the image is there.
local function candidates(client, disk)
  local list, seen = {}, {}
  local function add(ok, first)
    first = ok and math.tointeger(first)
    if first and first > 0 and first < 1 << 24 and not seen[first] then
      seen[first] = true
      list[#list + 1] = first
    end
  end
  add(pcall(first_by_vgda, client, disk))
  add(pcall(first_by_rootvg, client))
  add(true, USUAL_FIRST)
  return list
end

-- ---- writing ----

local function put(client, data, path)
  local session = client.session or client
  local ok, message, code = session:put(data, path, { mode = mode.PRIVATE_FILE })
  if not ok then fail(code, "%s", message) end
end

-- Writes the first sector of a disk from a file on the client, and reads it back.
local function write_sector(client, disk, bytes, file)
  put(client, bytes, file)
  must(client, { "dd", "if=" .. file, "of=" .. raw(disk), "bs=512", "count=1" },
    { timeout = bosboot.deadline }, "record " .. disk)
  must(client, { "rm", "-f", file })
  if read(client, raw(disk), 0, 1) ~= bytes then
    fail("BOOT_RECORD", "%s: the boot record that was read back is not the one that was written", disk)
  end
end

local order = { good = 1, unknown = 2, bad = 3 }
local function worse(a, b) return order[a] >= order[b] and a or b end

-- The parts of an image that no tool changes afterwards: kernel and RAM file system, in whole sectors; of an image
-- that is not recognised everything but its first sector.
local function body_of(image, blocks)
  if not image then return 1, blocks - 1 end
  local first = (image.kernel_start + SECTOR - 1) // SECTOR
  local past = (image.ramfs_start + image.ramfs_size) // SECTOR
  return first, math.max(past, first + 1) - first
end

---@class altmig.bosboot.Disk
---@field disk string
---@field lv_start integer    sectors
---@field lv_length integer
---@field head string         SHA-256 of the first sector of the image, as savebase left it
---@field saved boolean       something is in the save-base area

---@class altmig.bosboot.Written   what write did, and judge compares with
---@field verdict altmig.Verdict
---@field problems string[]
---@field blocks integer
---@field body { first: integer, count: integer, sum: string }   sectors from the start of the image
---@field disks altmig.bosboot.Disk[]

local function place_of(disk, written)
  return { lv_start = disk.lv_start, lv_length = disk.lv_length, image_start = disk.lv_start, image_size = written.blocks * SECTOR,
    entry_offset = written.entry }
end

-- Looks at one disk. known: what write found there.
local function look(client, known, written)
  local found = { disk = known.disk, verdict = "good", problems = {} }
  local function note(verdict, format, ...)
    found.verdict = worse(verdict, found.verdict)
    found.problems[#found.problems + 1] = ("%s: " .. format):format(known.disk, ...)
  end
  local seen = core.inspect(read(client, raw(known.disk), 0, 1))
  local record = seen.boot_record
  if not record then
    note("bad", "boot record: the first sector of the disk is none")
  elseif seen.verdict ~= "good" then
    note(seen.verdict, "%s", seen.problem)
  end
  if not record or seen.verdict == "bad" then return found end
  if record.boot_lv_start ~= known.lv_start or record.boot_code_start ~= known.lv_start then
    note("bad", "boot record: it leads to sector %d of a volume at %d, and the boot logical volume is at %d", record.boot_code_start,
      record.boot_lv_start, known.lv_start)
    return found
  end
  local head = read(client, raw(known.disk), record.boot_code_start, 1)
  found.head = sys.sha256(head)
  local image = core.header(head)
  if image.verdict ~= "good" then note(image.verdict, "%s", image.problem) end
  local last = image.image and image.image.blocks or written.blocks
  if last > record.boot_code_length then
    note("bad", "boot image: %d blocks, of which the boot record has %d", last, record.boot_code_length)
  end
  local body = written.body
  if sum(client, raw(known.disk), known.lv_start + body.first, body.count) ~= body.sum then
    -- An image that AIX wrote since has other headers too, and ones that are understood.
    if image.image and known.head and found.head ~= known.head then
      found.rewritten = true
    else
      note("bad", "boot image: kernel and RAM file system are not those that were written")
    end
  end
  local base, length = record.basecust_normal_start, record.basecust_normal
  local inside = length > 0 and base >= known.lv_start and base + length <= known.lv_start + known.lv_length
  found.saved = inside and read(client, raw(known.disk), base, length):find("[^\0]") ~= nil
  if not found.saved then
    -- Once it was seen there, that it is empty is no question of where AIX keeps it.
    note(known.saved and "bad" or "unknown", "save-base area: %s", inside and "nothing is in it" or "the boot record names none in the "
      .. "boot logical volume")
  end
  return found
end

---@class altmig.bosboot.Judgement
---@field verdict altmig.Verdict
---@field problems string[]
---@field rewritten boolean?   AIX wrote an image of its own since
---@field disks { disk: string, verdict: altmig.Verdict, head: string?, saved: boolean? }[]

local function judge(client, written)
  local all = { verdict = "good", problems = {}, disks = {} }
  for _, known in ipairs(written.disks) do
    local found = look(client, known, written)
    all.verdict = worse(found.verdict, all.verdict)
    all.rewritten = all.rewritten or found.rewritten
    for _, problem in ipairs(found.problems) do all.problems[#all.problems + 1] = problem end
    all.disks[#all.disks + 1] = { disk = known.disk, verdict = found.verdict, head = found.head, saved = found.saved }
  end
  return all
end

---Judges boot record, image and save-base area of every disk that `write` wrote to, where it found them: the boot
---logical volume may have another name by then, and its group be varied off.
---@param client {run: fun(self, argv: string[], opts: table?, changes: string?): table?, string?, string?}
---@param written altmig.bosboot.Written
---@return altmig.bosboot.Judgement?
---@return string? message
---@return string? code
function bosboot.judge(client, written) return try(judge, client, written) end

---@class altmig.bosboot.WriteOptions
---@field image string        path of the image on the client
---@field disks string[]      the only ones that may be written to
---@field lv string?          default "alt_hd5"
---@field vg string?          its group, default "altinst_rootvg"
---@field root string?        where the client sees the copy, default "/alt_inst"
---@field keep nil|fun(disk: string, sector: string)  told of the first sector of a disk before it is written

local function may_write(copies, disks)
  local allowed = {}
  for _, disk in ipairs(disks) do allowed[disk] = true end
  for _, copy in ipairs(copies) do
    if not allowed[copy.disk] then
      fail("BOOT_VOLUME", "a copy of the boot logical volume is on %s, which is none of %s; nothing was written", copy.disk,
        table.concat(disks, " "))
    end
  end
end

-- Where the image is on a disk is proved by finding it there.
local function find_image(client, copy, size, starts, blocks, wanted)
  for _, first in ipairs(starts) do
    local start = first + (copy.first - 1) * size // SECTOR
    if sum(client, raw(copy.disk), start, blocks) == wanted then return start end
  end
  fail("BOOT_PLACE", "%s: the boot logical volume (partition %d) was not found there: the image is at none of the places that its "
    .. "partition may have", copy.disk, copy.first)
end

local function write(client, opts)
  local lv, vg, root = opts.lv or "alt_hd5", opts.vg or "altinst_rootvg", opts.root or "/alt_inst"
  local image = opts.image
  local bytes = tonumber(must(client, { "wc", "-c", image }):match("^%s*(%d+)"))
  if not bytes or bytes == 0 or bytes % SECTOR ~= 0 then
    fail("BOOT_IMAGE", "%s: %s bytes are no boot image, which is whole blocks of 512", image, tostring(bytes))
  end
  local blocks = bytes // SECTOR
  local header = core.header(read(client, image, 0, 1))
  if header.verdict == "bad" then fail(header.code, "%s: %s; nothing was written", image, header.problem) end
  local copies = copies_of(must(client, { "lslv", "-m", lv }), lv)
  may_write(copies, opts.disks)
  local size = pp_bytes(client, vg)
  local length = copies[1].count * size // SECTOR
  local entry = header.image and header.image.code.offset or 0
  local starts, sectors = {}, {}
  for i, copy in ipairs(copies) do -- all that speaks against it, before anything is changed
    starts[i] = candidates(client, copy.disk)
    sectors[i] = read(client, raw(copy.disk), 0, 1)
    local start = starts[i][1] + (copy.first - 1) * size // SECTOR
    local composed, message, code = core.compose(sectors[i], { lv_start = start, lv_length = length, image_start = start,
      image_size = bytes, entry_offset = entry })
    if not composed then fail(code, "%s: %s; nothing was written", copy.disk, message) end
  end
  must(client, { "dd", "if=" .. image, "of=/dev/r" .. lv, ("bs=%d"):format(CHUNK * SECTOR) },
    { timeout = bosboot.deadline }, "image")
  local words = { "/dev/r" .. lv, ranges(0, blocks) }
  words[#words + 1] = image
  local compared = run(client, words, { script = compare_script, timeout = bosboot.deadline })
  if compared.status ~= 0 then
    fail("BOOT_IMAGE", "what was read back from /dev/r%s differs from %s: %s", lv, image, output_of(compared))
  end
  local whole = sum(client, image, 0, blocks)
  local first, count = body_of(header.image, blocks)
  local written = { blocks = blocks, entry = entry, disks = {}, body = { first = first, count = count,
    sum = sum(client, image, first, count) } }
  for i, copy in ipairs(copies) do
    local start = find_image(client, copy, size, starts[i], blocks, whole)
    local known = { disk = copy.disk, lv_start = start, lv_length = length }
    local composed, message, code = core.compose(sectors[i], place_of(known, written))
    if not composed then fail(code, "%s: %s", copy.disk, message) end
    if opts.keep then opts.keep(copy.disk, sectors[i]) end
    write_sector(client, copy.disk, composed, image .. ".record")
    written.disks[i] = known
  end
  must(client, { "savebase", "-o", root .. "/etc/objrepos", "-d", "/dev/" .. lv }, { timeout = bosboot.deadline }, "savebase")
  local judged = judge(client, written)
  for i, disk in ipairs(judged.disks) do
    written.disks[i].head, written.disks[i].saved = disk.head, disk.saved or false
  end
  written.verdict, written.problems = judged.verdict, judged.problems
  return written
end

---Writes an image to the boot logical volume, the boot record to every disk that holds a copy of it, and the
---save-base area, each read back. Fails before anything is written where a disk is in use by something unknown, is
---none of opts.disks, where the volume is not in one piece or has no room.
---@param client {run: fun(self, argv: string[], opts: table?, changes: string?): table?, string?, string?}
---@param opts altmig.bosboot.WriteOptions
---@return altmig.Verdict? verdict
---@return altmig.bosboot.Written|string written_or_message
---@return string? code
function bosboot.write(client, opts)
  assert(opts.image and opts.disks, "bosboot.write: image or disks missing")
  local written, message, code = try(write, client, opts)
  if not written then return nil, message, code end
  return written.verdict, written
end

local PVID <const> = 128

---Puts the first sector of a disk back that write's `keep` was told of, if the disk is still the one it was read
---from.
---@param client {run: fun(self, argv: string[], opts: table?, changes: string?): table?, string?, string?}
---@param opts { disk: string, sector: string, file: string }  file: a path on the client for the sector
---@return true?
---@return string? message
---@return string? code
function bosboot.put_back(client, opts)
  return try(function()
    local now = read(client, raw(opts.disk), 0, 1)
    if now:sub(PVID + 1, PVID + 16) ~= opts.sector:sub(PVID + 1, PVID + 16) then
      fail("BOOT_SECTOR_FOREIGN", "%s has another identifier than when its boot record was written", opts.disk)
    end
    if now ~= opts.sector then write_sector(client, opts.disk, opts.sector, opts.file) end
    return true
  end)
end

return bosboot
