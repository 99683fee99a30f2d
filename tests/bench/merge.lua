-- SPDX-License-Identifier: MIT
-- altmig run tests/bench/merge.lua [COUNT ...]: the merge methods whose files grow with a site, at 10,000,
-- 50,000 and 100,000 records: PdAt with that many objects on each of three sides, and a site with that many
-- users and a tenth as many groups. wc over the bytes the method reads is the baseline. "growth" is the time
-- a record costs, against the first row of the method: 1 is linear. "peak MB" is what the merge adds to the
-- process at most, its inputs not counted.

local core = require "altmig.odm_core"
local merge = require "altmig.merge"
local sys = require "altmig.sys"
local tree = require "altmig.tree"

local counts = {}
for _, word in ipairs(arg or {}) do counts[#counts + 1] = assert(math.tointeger(tonumber(word)), "a count is a number") end
if #counts == 0 then counts = { 10000, 50000, 100000 } end

local descriptors = {
  { name = "uniquetype", type = "char", size = 48 }, { name = "attribute", type = "char", size = 16 },
  { name = "deflt", type = "char", size = 256 }, { name = "values", type = "char", size = 256 },
  { name = "width", type = "char", size = 16 }, { name = "type", type = "char", size = 8 },
  { name = "generic", type = "char", size = 8 }, { name = "rep", type = "char", size = 8 },
  { name = "nls_index", type = "short" },
}

-- A side of PdAt: every hundredth object differs by `mark`, and another hundredth is its own.
local function objects(count, mark)
  local image <close> = assert(core.create("PdAt", "PdAt", descriptors))
  for i = 1, count do
    local own = i % 100 == 50 and mark ~= "" and "/" .. mark or ""
    assert(image:add { uniquetype = ("disk/fcp/type%d%s"):format(i // 10, own), attribute = "attr" .. i % 10,
      deflt = tostring(i % 100 == 0 and #mark or 7), values = "0-65535,1", type = "R", generic = "DU", rep = "nr", nls_index = i % 300 })
  end
  return image:images()
end

local function pdat(count)
  local path, files = "/usr/lib/objrepos/PdAt", {}
  files[path], files[path .. ".vc"] = {}, {}
  for side, mark in pairs { o = "", c = "a", n = "bb" } do files[path][side], files[path .. ".vc"][side] = objects(count, mark) end
  return files
end

local function lines(first, last, form)
  local out = {}
  for i = first, last do out[#out + 1] = form(i) end
  return table.concat(out)
end

-- Accounts of the system; the new level has more of them, and other shells.
local function system_users(last, shell)
  return lines(1, last, function(i) return ("sys%d:*:%d:1::/:%s\n"):format(i, i, shell) end)
end

local function users(count)
  local function user(i) return ("user%d:!:%d:%d:User %d:/home/user%d:/usr/bin/ksh\n"):format(i, 1000 + i, 1000 + i // 10, i, i) end
  local function secret(i)
    return ("user%d:\n\tpassword = Xy%dabcdefghij\n\tlastupdate = %d\n\tflags = \n\n"):format(i, i, 1600000000 + i)
  end
  local function limits(i)
    return ("user%d:\n\tadmin = false\n\tloginretries = %d\n\tSYSTEM = \"compat\"\n\n"):format(i, i % 7)
  end
  local function group(i)
    return ("group%d:!:%d:%s\n"):format(i, 1000 + i, lines(i * 10, i * 10 + 9, function(k) return ("user%d,"):format(k) end):sub(1, -2))
  end
  local function admin(i) return ("group%d:\n\tadmin = false\n\n"):format(i) end
  local function three(o, n, own) return { o = o, c = o .. own, n = n } end
  local staff = "system:!:0:root\nstaff:!:1:sys1,sys2\n"
  return {
    ["/etc/passwd"] = three(system_users(20, "/bin/sh"), system_users(30, "/usr/bin/ksh"), lines(1, count, user)),
    ["/etc/security/passwd"] = three("sys1:\n\tpassword = *\n\n", "sys1:\n\tpassword = *\n\nsys25:\n\tpassword = *\n\n",
      lines(1, count, secret)),
    ["/etc/security/user"] = three("default:\n\tadmin = false\n\tmaxage = 0\n\n", "default:\n\tadmin = false\n\tmaxage = 52\n\n",
      lines(1, count, limits)),
    ["/etc/group"] = three(staff, staff .. "new:!:7:sys25\n", lines(1, count // 10, group)),
    ["/etc/security/group"] = three("system:\n\tadmin = true\n\n", "system:\n\tadmin = true\n\nnew:\n\tadmin = true\n\n",
      lines(1, count // 10, admin)),
  }
end

local function memory(name)
  return tonumber((sys.read_file("/proc/self/status") or ""):match(name .. ":%s+(%d+)")) or 0
end

--- Seconds and MB that a method takes with these files.
local function measure(title, files)
  local dir = os.tmpname()
  os.remove(dir)
  local read = {}
  local t <close> = assert(tree.at((sys.makedirs(dir, 448) and dir)))
  for path, sides in pairs(files) do
    assert(t:makedirs(path:match("^(.*)/")))
    assert(t:write(path, sides.n))
  end
  for _, path in ipairs(merge.method(title).files) do read[#read + 1] = files[path] and dir .. path or nil end
  local function part(name) return function(asked) return files[asked] and files[asked][name] end end
  collectgarbage()
  collectgarbage()
  sys.write_file("/proc/self/clear_refs", "5", { atomic = false }) -- the peak starts again
  local before, start = memory "VmRSS", sys.clock()
  assert(merge.run(title, { tree = t, saved = part "c", shipped_old = part "o", shipped_new = part "n",
    saved_stat = function() return { mode = 420, uid = sys.getuid(), gid = sys.getuid() } end }))
  local seconds, peak = sys.clock() - start, memory "VmHWM" - before
  start = sys.clock()
  assert(sys.run { "wc", table.unpack(read) })
  local wc = sys.clock() - start
  os.execute("rm -rf '" .. dir .. "'")
  return seconds, wc, peak / 1024
end

print(("%-16s %9s %9s %9s %9s %8s"):format("method", "records", "merge s", "wc s", "peak MB", "growth"))
local first = {}
local function row(title, count, files)
  local seconds, wc, peak = measure(title, files)
  first[title] = first[title] or seconds / count
  print(("%-16s %9d %9.3f %9.3f %9.0f %8.2f"):format(title, count, seconds, wc, peak, seconds / count / first[title]))
end

for _, count in ipairs(counts) do row("ODM_merge PdAt", count, pdat(count)) end
for _, title in ipairs { "passwd_mig", "user_mrg", "group_mig" } do
  for _, count in ipairs(counts) do row(title, count, users(count)) end
end
