-- SPDX-License-Identifier: MIT
-- altmig run tests/fuzz/formats.lua [SEED [SECONDS]]: damaged archives, ODM classes, image.data and
-- outputs of AIX commands. What is checked here is that everything is either read or refused with a
-- code, that a class which was changed can be read again, that image.data comes out as it went in, and
-- that no output makes its reader raise.

local aix = require "altmig.aix.output"
local bff = require "altmig.bff"
local bigar = require "altmig.bigar"
local core = require "altmig.odm_core"
local imagedata = require "altmig.imagedata"
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

local outputs = {
  lspv = "hdisk0          00c3545039af54e2                    rootvg          active\nhdisk7 none None\n",
  lsvg = "VOLUME GROUP:       rootvg     VG IDENTIFIER:      00f6db0a00004c00\nVG STATE: active  PP SIZE: 32 megabyte(s)\n"
    .. "MAX LVs: 256      FREE PPs:           477 (15264 megabytes)\n",
  lsvg_l = "rootvg:\nLV NAME TYPE LPs PPs PVs LV STATE MOUNT POINT\nhd5 boot 1 1 1 closed/syncd N/A\nhd4 jfs2 12 12 1 open/syncd /\n",
  df_k = "Filesystem 1024-blocks Free %Used Iused %Iused Mounted on\n/dev/hd4 1966080 559552 72% 4107 7% /\n/proc - - - - - /proc\n",
  lslpp_Lqc = "bos.sysmgt:bos.sysmgt.smit:7.1.1.15: : :C:F:SMIT: a:b : : : : : :0:0:/:1216\nx:x:1-2: : :C:R:y: : : : : : :0:0:/:d\n",
  lslpp_lqc = "/usr/lib/objrepos:bos.rte:7.1.1.15::COMMITTED:I:Base: \n",
  installp_L = "bos:bos.rte:7.2.5.0::I:T:::::N:Base Operating System Runtime::::0::\n",
  oslevel = "7100-05-03-1846\n",
  odmget = "\nCuDv:\n\tname = \"hdisk0\"\n\tstatus = 1\n\tlocation = \"a \\\"b\\\"\"\n",
}
local names = {}
for name in pairs(outputs) do names[#names + 1] = name end
table.sort(names)

local image = "image_data:\n\tIMAGE_TYPE= bff\n\n\nvg_data:\n\tVGNAME= rootvg\n\tPPSIZE= 32\n\nlv_data:\n\tVOLUME_GROUP= rootvg\n"
  .. "\tLOGICAL_VOLUME= hd5\n\tTYPE= boot\n\tLPs= 1\n\tCOPIES= 1\n\nfs_data:\n\tFS_NAME= /\n\tFS_LV= /dev/hd5\n"

local function use_outputs()
  local name = names[math.random(#names)]
  local result = aix[name](damage(outputs[name]))
  assert(result == nil or type(result) == "table", name)
  aix.compare_levels(damage("7.2.5.101"), damage("7.2.5"))
end

local function use_image(text)
  local document, message, code = imagedata.parse(text, "fuzz")
  note("image.data", document, message, code)
  if not document then return end
  assert(document:format() == text, "image.data does not come out as it went in")
  note("image", imagedata.image(document))
  note("bosinst", imagedata.bosinst(document))
  local stanza = document.stanzas[1]
  if stanza.fields[1] then
    assert(document:set(stanza, stanza.fields[1].name, "new value"))
    assert(imagedata.parse(document:format(), "again").stanzas[1].fields[1].value == "new value")
  end
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
    use_outputs()
    use_image(damage(image))
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
