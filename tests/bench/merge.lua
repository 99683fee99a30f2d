-- altmig run tests/bench/merge.lua: ODM_merge PdAt of 100,000 objects on each of three sides, against wc
-- over the same bytes. Half the objects also show whether the time is linear.

local core = require "altmig.odm_core"
local merge = require "altmig.merge"
local sys = require "altmig.sys"
local tree = require "altmig.tree"

local descriptors = {
  { name = "uniquetype", type = "char", size = 48 }, { name = "attribute", type = "char", size = 16 },
  { name = "deflt", type = "char", size = 256 }, { name = "values", type = "char", size = 256 },
  { name = "width", type = "char", size = 16 }, { name = "type", type = "char", size = 8 },
  { name = "generic", type = "char", size = 8 }, { name = "rep", type = "char", size = 8 },
  { name = "nls_index", type = "short" },
}

--- A side: every hundredth object differs by `mark`, and another hundredth is its own.
local function side(count, mark)
  local image = assert(core.create("PdAt", "PdAt", descriptors))
  for i = 1, count do
    local own = i % 100 == 50 and mark ~= "" and "/" .. mark or ""
    assert(image:add { uniquetype = ("disk/fcp/type%d%s"):format(i // 10, own), attribute = "attr" .. i % 10,
      deflt = tostring(i % 100 == 0 and #mark or 7), values = "0-65535,1", type = "R", generic = "DU", rep = "nr", nls_index = i % 300 })
  end
  local data, strings = image:images()
  return { data, strings }
end

local function timed(fn)
  local start = sys.clock()
  fn()
  return sys.clock() - start
end

print(("%-10s %10s %10s %12s"):format("objects", "merge s", "wc s", "memory MB"))
for _, count in ipairs { 50000, 100000 } do
  local dir = os.tmpname()
  os.remove(dir)
  assert(sys.makedirs(dir .. "/usr/lib/objrepos", 448))
  local path = "/usr/lib/objrepos/PdAt"
  local sides = { o = side(count, ""), c = side(count, "a"), n = side(count, "bb") }
  local t = assert(tree.at(dir))
  assert(t:write(path, sides.n[1]))
  assert(t:write(path .. ".vc", sides.n[2]))
  local function part(name)
    return function(asked) return asked == path and sides[name][1] or asked == path .. ".vc" and sides[name][2] or nil end
  end
  local merged = timed(function()
    assert(merge.run("ODM_merge PdAt", { tree = t, saved = part "c", shipped_old = part "o", shipped_new = part "n",
      saved_stat = function() return { mode = 420, uid = sys.getuid(), gid = sys.getuid() } end }))
  end)
  local wc = timed(function() assert(sys.run { "wc", dir .. path, dir .. path .. ".vc" }) end)
  local memory = (sys.read_file("/proc/self/status") or ""):match("VmHWM:%s+(%d+)")
  print(("%-10d %10.3f %10.3f %12s"):format(count, merged, wc, memory and ("%.0f"):format(memory / 1024) or "-"))
  t:close()
  os.execute("rm -rf '" .. dir .. "'")
end
