-- SPDX-License-Identifier: MIT
-- The disks of a client in memory, and the commands by which a boot image gets onto them: dd, cksum, cmp, wc,
-- lslv -m and savebase, as the contract has them. What the engine composes is read here by nobody: the tests
-- look at the bytes.

local sys = require "altmig.sys"

local disks = {}
disks.__index = disks

local SECTOR <const> = 512
disks.PVID = "\x00\xf6\xdb\x0a\x6c\x7a\xec\xe5"

local function segment(kind, offset, size)
  return string.pack(">I4I4I4I4I4I4I4I4", kind, offset, 0, 0, size, kind == 1 and size or 0, 0, 0)
end

--- A boot image of that many blocks, as far as its headers are known.
---@param blocks integer
---@param timestamp integer?
---@return string
function disks.image(blocks, timestamp)
  local size = blocks * SECTOR
  local header = "\127ELF\1\2\1" .. ("\0"):rep(9)
    .. string.pack(">I2I2I4I4I4I4I4I2I2I2I2I2I2", 2, 20, 1, 0, 52, 0, 0, 52, 32, 4, 0, 0, 0)
    .. segment(4, 180, 44) .. segment(4, 224, 76) .. segment(1, 300, 64) .. segment(1, 364, size - 364)
    .. string.pack(">I4I4I4c8", 8, 24, 0x1275, "PowerPC\0") .. ("\0"):rep(24)
    .. string.pack(">I4I4I4c24", 24, 40, 0x12759999, "IBM,RPA-Client-Config") .. ("\0"):rep(40)
    .. string.pack(">I4I4I4I4I4I4I4", 64, timestamp or 1600000000, 148, size - 1024, size, size - 512, 512) .. ("\0"):rep(36)
  return header .. ("the kernel of %d, and its files "):format(timestamp or 0):rep(size // 20):sub(1, size - #header)
end

--- opts.disks: names; opts.first: first sector of partition 1; opts.pp: sectors of a partition; opts.lps: of alt_hd5;
--- opts.vgda: false where the descriptor area does not say where partition 1 is.
function disks.new(opts)
  opts = opts or {}
  local self = setmetatable({ first = opts.first or 4352, pp = opts.pp or 65536, lps = opts.lps or 1, sectors = {},
    files = {}, written = {}, names = opts.disks or { "hdisk2" } }, disks)
  for _, name in ipairs(self.names) do
    self.sectors[name] = {}
    self:write(name, 0, "\xC9\xC2\xD4\xC1" .. ("\0"):rep(124) .. disks.PVID .. ("\0"):rep(376))
    if opts.vgda ~= false then
      self:write(name, 7, "_LVM" .. ("\0"):rep(24) .. string.pack(">I4", 128) .. ("\0"):rep(480))
      self:write(name, 128 + 17, ("\0"):rep(16) .. string.pack(">I2I2I4", 100, 0, self.first) .. ("\0"):rep(488))
    end
  end
  return self
end

function disks:read(name, at, count)
  local list = {}
  for i = 0, count - 1 do list[i + 1] = self.sectors[name][at + i] or ("\0"):rep(SECTOR) end
  return table.concat(list)
end

function disks:write(name, at, bytes)
  assert(#bytes % SECTOR == 0, "a raw device takes whole sectors")
  for i = 0, #bytes // SECTOR - 1 do self.sectors[name][at + i] = bytes:sub(i * SECTOR + 1, (i + 1) * SECTOR) end
end

-- Bytes of what a path stands for; hd5 is read from its first copy and written to all.
function disks:bytes_of(path, skip, count)
  local name = path:match("^/dev/r(.+)$")
  if name == "alt_hd5" then return self:read(self.names[1], self.first + skip, count) end
  if name then return self.sectors[name] and self:read(name, skip, count) end
  return self.files[path] and self.files[path]:sub(skip * SECTOR + 1, (skip + count) * SECTOR)
end

function disks:dd(argv)
  local key = {}
  for i = 2, #argv do
    local name, value = argv[i]:match("^(%l+)=(.*)$")
    assert(name == "if" or name == "of" or name == "bs" or name == "skip" or name == "count", argv[i])
    key[name] = value
  end
  local bs = tonumber(key.bs) // SECTOR
  local source = self:bytes_of(key["if"], tonumber(key.skip or 0) * bs, tonumber(key.count or 1 << 20) * bs)
  if not source then return "", 2 end
  if not key.of then return source, 0 end
  self.written[#self.written + 1] = key.of
  local name = key.of:match("^/dev/r(.+)$")
  for _, one in ipairs(name == "alt_hd5" and self.names or { name }) do
    self:write(one, name == "alt_hd5" and self.first or 0, source)
  end
  if self.after_write then self.after_write(key.of) end
  return "", 0
end

-- The arguments of the scripts that read three ranges: sectors, chunks of 256, sectors.
local function ranges_of(self, argv)
  local list = {}
  for i, bs in ipairs { 1, 256, 1 } do
    list[i] = self:bytes_of(argv[5], tonumber(argv[4 + 2 * i]) * bs, tonumber(argv[5 + 2 * i]) * bs)
  end
  return table.concat(list)
end

function disks:savebase(argv)
  assert(table.concat(argv, " ") == "savebase -o /alt_inst/etc/objrepos -d /dev/alt_hd5", "a savebase of something else")
  if self.savebase_fails then return "savebase: /dev/alt_hd5 is not bootable\n", 1 end
  for _, name in ipairs(self.names) do
    local at, length = string.unpack(">I4", self:read(name, 0, 1), 69), string.unpack(">I2", self:read(name, 0, 1), 65)
    if length > 0 and not self.saves_nothing then self:write(name, at, ("base"):rep(SECTOR // 4)) end
  end
  return "", 0
end

-- What lslv -m says: alt_hd5 is at the beginning of every disk unless self.lslv is the text.
function disks:volume()
  if self.lslv then return self.lslv end
  local text = { "alt_hd5:N/A\nLP    PP1  PV1               PP2  PV2               PP3  PV3" }
  for lp = 1, self.lps do
    text[#text + 1] = ("%04d  "):format(lp)
    for _, name in ipairs(self.names) do text[#text] = text[#text] .. ("%04d %-18s"):format(lp, name) end
  end
  return table.concat(text, "\n") .. "\n"
end

--- The answer to a command, or nil for one that is not known here.
---@return string? text, integer? status
function disks:answer(argv)
  local script = argv[1] == "sh" and argv[3] or ""
  if script:find("| cksum", 1, true) then
    local crc, length = sys.cksum(ranges_of(self, argv))
    return ("%u %d\n"):format(crc, length), 0
  elseif script:find("| cmp - ", 1, true) then
    local same = ranges_of(self, argv) == self.files[argv[12]]
    return same and "" or "- differ: char 1, line 1\n", same and 0 or 1
  elseif argv[1] == "dd" then
    return self:dd(argv)
  elseif argv[1] == "wc" then
    return self.files[argv[3]] and ("%8d %s\n"):format(#self.files[argv[3]], argv[3]) or "", self.files[argv[3]] and 0 or 1
  elseif argv[1] == "lslv" and argv[2] == "-m" then
    if argv[3] ~= "alt_hd5" then return "0516-306 lslv: Unable to find " .. argv[3] .. ".\n", 1 end
    return self:volume(), 0
  elseif argv[1] == "rm" and self.files[argv[3]] then
    self.files[argv[3]] = nil
    return "", 0
  elseif argv[1] == "savebase" then
    return self:savebase(argv)
  end
end

--- A client for altmig.bosboot: commands that are not known here are answered by opts, by name.
function disks:client(answers)
  local client = { log = {} }
  function client.run(_, argv, opts)
    if opts and opts.script then argv = { "sh", "-c", opts.script, "sh", table.unpack(argv) } end
    client.log[#client.log + 1] = table.concat(argv, " ")
    local text, status = self:answer(argv)
    if not text then text, status = answers[argv[1]], answers[argv[1]] and 0 or 127 end
    return { status = status, stdout = text or "", stderr = "" }
  end
  function client.put(_, data, path)
    self.files[path] = data
    return true
  end
  return client
end

return disks
