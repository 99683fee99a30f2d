-- SPDX-License-Identifier: MIT
-- altmig run tests/bench/bff.lua: unpacking of backup archives against writing the same bytes.
-- Median of five; one core.

local bff = require "altmig.bff"
local sys = require "altmig.sys"

local BYTES = 64 << 20

--- Text-like data from a fixed seed: words of a skewed alphabet.
local function sample(bytes)
  math.randomseed(20260101)
  local words, pieces = {}, {}
  for i = 1, 3000 do
    local letters = {}
    for j = 1, math.random(2, 9) do letters[j] = string.char(97 + math.floor(26 * math.random() ^ 2)) end
    words[i] = table.concat(letters)
  end
  for i = 1, 200000 do pieces[i] = words[1 + math.floor(3000 * math.random() ^ 2)] end
  local text = table.concat(pieces, " ")
  return text:rep(bytes // #text + 1):sub(1, bytes)
end

local function median(fn)
  local times = {}
  for i = 1, 5 do
    local start = sys.clock()
    fn()
    times[i] = sys.clock() - start
  end
  table.sort(times)
  return times[3]
end

local dir = os.tmpname()
os.remove(dir)
assert(sys.mkdir(dir, 448))

local function archive(name, pack, size, count)
  local path = dir .. "/" .. name
  local data = sample(size)
  local w = assert(bff.create(path, { pack = pack }))
  for i = 1, count do assert(w:add { name = "./f" .. i, data = data }) end
  assert(w:close())
  return path
end

local data = sample(BYTES)
local base = median(function() assert(sys.write_file(dir .. "/copy", data, { atomic = false })) end)

print(("%-34s %10s %10s"):format("work", "MB/s", "of a copy"))
local function report(what, time)
  print(("%-34s %10.0f %9.2fx"):format(what, BYTES / time / 1e6, base / time))
end
report("copy of the output", base)
for _, case in ipairs {
  { "plain, one file", false, BYTES, 1 },
  { "packed, one file", true, BYTES, 1 },
  { "packed, files of 64 KiB", true, 64 << 10, BYTES >> 16 },
  { "packed, files of 4 KiB", true, 4 << 10, BYTES >> 12 },
} do
  local path = archive("a", case[2], case[3], case[4])
  report(case[1], median(function() assert(bff.verify(path)) end))
end
os.execute("rm -rf '" .. dir .. "'")
