-- SPDX-License-Identifier: MIT
-- altmig run tests/bench/odm.lua: a PdAt of 100,000 objects read, merged into, and written, against
-- wc over the same bytes. Half the objects also show whether the time is linear.

local odm = require "altmig.odm"
local sys = require "altmig.sys"

local descriptors = {
  { name = "uniquetype", type = "char", size = 48 }, { name = "attribute", type = "char", size = 16 },
  { name = "deflt", type = "char", size = 256 }, { name = "values", type = "char", size = 256 },
  { name = "width", type = "char", size = 16 }, { name = "type", type = "char", size = 8 },
  { name = "generic", type = "char", size = 8 }, { name = "rep", type = "char", size = 8 },
  { name = "nls_index", type = "short" },
}

local function fill(dir, count)
  local store <close> = assert(odm.open(dir))
  assert(store:create("PdAt", descriptors))
  for i = 1, count do
    assert(store:add("PdAt", {
      uniquetype = ("disk/fcp/type%d"):format(i // 10), attribute = "attr" .. i % 10, deflt = "default" .. i,
      values = "0x0-0xffff,1", type = "R", generic = "DU", rep = "nr", nls_index = i % 300,
    }))
  end
  assert(store:commit())
end

--- What a merge does: all objects of both sides by key, some fields changed, some objects added.
local function merge(store, count)
  local objects = assert(store:get("PdAt"))
  local by_key = {}
  for _, object in ipairs(objects) do by_key[object.uniquetype .. "\0" .. object.attribute] = object end
  assert(store:change("PdAt", "attribute = attr3", { deflt = "changed" }))
  for i = 1, count // 100 do
    local key = "disk/fcp/new" .. i
    if not by_key[key .. "\0a"] then assert(store:add("PdAt", { uniquetype = key, attribute = "a", deflt = "x" })) end
  end
  assert(store:delete("PdAt", "attribute = attr7 AND nls_index > 290"))
  assert(store:commit())
end

local function timed(fn)
  local start = sys.clock()
  fn()
  return sys.clock() - start
end

print(("%-10s %10s %10s %10s %10s"):format("objects", "read s", "merge s", "format s", "wc s"))
for _, count in ipairs { 50000, 100000 } do
  local dir = os.tmpname()
  os.remove(dir)
  assert(sys.mkdir(dir, 448))
  fill(dir, count)
  local store <close> = assert(odm.open(dir))
  local read = timed(function() assert(#store:get("PdAt") == count) end)
  store:close()
  local merged = timed(function() merge(store, count) end)
  local format = timed(function() assert(store:format("PdAt")) end)
  local wc = timed(function() assert(sys.run { "wc", dir .. "/PdAt", dir .. "/PdAt.vc" }) end)
  print(("%-10d %10.3f %10.3f %10.3f %10.3f"):format(count, read, merged, format, wc))
  os.execute("rm -rf '" .. dir .. "'")
end
