-- altmig run tests/fuzz/formats.lua [SEED [SECONDS]]: damaged archives and ODM classes. Meant for a
-- sanitized build; what is checked here is that everything is either read or refused with a code,
-- and that a class which was changed can be read again.

local bff = require "altmig.bff"
local bigar = require "altmig.bigar"
local core = require "altmig.odm_core"
local sys = require "altmig.sys"

math.randomseed(tonumber(arg[1]) or 1)
local seconds = tonumber(arg[2]) or 10
local path = os.tmpname()
local results = {}

local function note(what, ok, message, code)
  assert(ok or (message and code), what .. ": failed without a code")
  local key = what .. " " .. (ok and "ok" or code)
  results[key] = (results[key] or 0) + 1
end

local words = { 0, 1, 7, 8, 9, 255, 0x7fffffff, 0x80000000, 0xffffffff }
local damages = {
  function(data, at) return data:sub(1, at - 1) .. string.char(math.random(0, 255)) .. data:sub(at + 1) end,
  function(data, at) return data:sub(1, at - 1) .. ("<I4"):pack(words[math.random(#words)]) .. data:sub(at + 4) end,
  function(data, at) return data:sub(1, at - 1) .. (">I4"):pack(words[math.random(#words)]) .. data:sub(at + 4) end,
  function(data, at) return data:sub(1, at) end,
  function(data, at) return data:sub(1, at) .. data:sub(math.random(#data)) end,
  function(data, at) return data:sub(1, at - 1) .. ("\255"):rep(math.random(9)) .. data:sub(at) end,
}

local function damage(data)
  for _ = 1, math.random(4) do data = damages[math.random(#damages)](data, math.random(#data)) end
  return data
end

local function checksum(header)
  local sum = 0
  for i = 1, #header do
    local byte = header:byte(i)
    if i ~= 5 and i ~= 6 then sum = (sum + (byte << (byte & 7))) & 0xffff end
  end
  return sum
end

--- Gives every header its checksum, so that damage gets past it.
local function reseal(data)
  local at = 1
  while at + 8 <= #data do
    local magic = ("<I2"):unpack(data, at + 2)
    local header = data:sub(at, at + data:byte(at) * 8 - 1)
    if (magic == 60011 or magic == 60012) and #header >= 8 then
      data = data:sub(1, at + 3) .. ("<I2"):pack(checksum(header)) .. data:sub(at + 6)
    end
    at = at + 8
  end
  return data
end

local function sample_bff()
  local w = assert(bff.create(path, { pack = true, date = 1 }))
  local _, ino = assert(w:add { name = "./one", data = "linked", nlink = 2 })
  assert(w:add { name = "./dir", type = "dir" })
  assert(w:add { name = "./packed", data = ("pack me well "):rep(40) })
  assert(w:add { name = "./link", type = "link", target = "some/target/here" })
  assert(w:add { name = "./two", data = "linked", nlink = 2, ino = ino })
  assert(w:add { name = "./dev", type = "block", rdev_major = 1, rdev_minor = 2 })
  assert(w:close())
  return assert(sys.read_file(path)):sub(1, 1400)
end

local function sample_class()
  local class = assert(core.create("T", "T", {
    { name = "name", type = "char", size = 16 }, { name = "value", type = "char", size = 256 },
    { name = "n", type = "long" }, { name = "text", type = "vchar", size = 9 },
    { name = "ln", type = "link", size = 8, class = "X", key = "k" },
  }))
  for i = 1, 6 do assert(class:add { name = "n" .. i, value = "v", n = i, text = "text" .. i, ln = "z" }) end
  local data, strings = class:images()
  return data:sub(1, 1100), strings:sub(1, 200)
end

local function use_class(class)
  class:get()
  note("odm format", class:format("name LIKE '*1' OR n > 3"))
  local changed, message, code = class:change(nil, { text = "longer than before", value = "x" })
  note("odm change", changed, message, code)
  if not changed then return end
  note("odm add", class:add { text = "new" })
  note("odm delete", class:delete("n = 2"))
  assert(core.parse("T", class:images())):get()
end

local archive = sample_bff()
local ar = assert(bigar.format { { name = "a", data = "xyz" }, { name = "bcd", data = ("q"):rep(99) } })
local data, strings = sample_class()
local stop = sys.clock() + seconds
repeat
  assert(sys.write_file(path, reseal(damage(archive)), { atomic = false }))
  note("bff", bff.verify(path))
  for _ = 1, 10 do
    note("ar", bigar.parse(damage(ar)))
    local first = math.random(2) == 1
    local class, message, code = core.parse("T", first and damage(data) or data, first and strings or damage(strings))
    note("odm", class, message, code)
    if class and #class:descriptors() == 5 and class:descriptors()[3].name == "n" then use_class(class) end
  end
until sys.clock() >= stop or sys.cancelled()
os.remove(path)

local lines = {}
for key, count in pairs(results) do lines[#lines + 1] = ("%-24s %d"):format(key, count) end
table.sort(lines)
print(table.concat(lines, "\n"))
