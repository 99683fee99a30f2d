-- SPDX-License-Identifier: MIT
-- ALTMIG_BIN=PROGRAM altmig run tests/bench/index.lua [IMAGES [RTT ...]]: the index of an lpp_source over NFS at round-trip
-- times in milliseconds, as it is read (many images at a time), one image after the other, and once more from the cache.
-- Root only; images have control libraries of 10 to 90 KiB.

local bff = require "altmig.bff"
local bigar = require "altmig.bigar"
local installp = require "altmig.installp"
local sys = require "altmig.sys"

local here = arg[0]:match("^(.*)/[^/]*$")
package.path = here .. "/../?.lua;" .. package.path
local server = require "nfs_server"

local why = server.missing() or not os.getenv("ALTMIG_BIN") and "ALTMIG_BIN is not set"
if why then
  io.stderr:write("index: ", why, "\n")
  os.exit(1)
end
server.go_private(arg[0], table.unpack(arg, 1))

local count = assert(math.tointeger(tonumber(arg[1] or 500)), "bad number")
local times = { table.unpack(arg, 2) }
if #times == 0 then times = { 0, 1 } end

server.bring_up { main = "1g" }
local dir = server.base .. "/main/installp/ppc"
assert(sys.makedirs(dir, 493))
for i = 1, count do
  local name, level = ("acme%d.part.rte"):format(i), ("7.2.%d.%d"):format(i % 6, i % 30)
  local lines = {}
  for k = 1, 50 + i % 400 do
    lines[k] = ("/usr/lpp/acme%d/f%d:\n\towner = bin\n\tgroup = bin\n\tmode = 555\n\ttype = FILE\n\tclass = apply,inventory,%s\n"
      .. "\tsize = %d\n\tchecksum = \"%05d     1  \"\n\n"):format(i, k, name, k, k)
  end
  local w = assert(bff.create(("%s/acme%d.%s.I"):format(dir, i, level)))
  assert(w:add { name = "./lpp_name", data = ("4 R I acme%d {\n%s %s 01 N U en_US A fileset\n[\n%%\n/usr 100\n%%\n%%\n%%\n]\n}\n")
    :format(i, name, level) })
  assert(w:add { name = ("./usr/lpp/acme%d/liblpp.a"):format(i),
    data = bigar.format { { name = name .. ".inventory", data = table.concat(lines), mode = 420, date = 0 } } })
  assert(w:add { name = "./usr/bin/x", data = ("program "):rep(10000) })
  assert(w:close())
end

local function measure(title, rtt, cache, change)
  local base = 30000 + math.floor(rtt * 100)
  local url = server.url("main", rtt == 0 and "" or ("?nfsport=%d&mountport=%d"):format(base, base + 1))
  local start = sys.clock()
  local place = installp.place(url)
  if change then change(place) end
  local source = installp.index(place, { cache = cache })
  place.close()
  local seconds = sys.clock() - start
  assert(#source.images == count and #source.problems == 0, "not all of it was read")
  print(("%6g ms  %-22s %5d read  %8.3f s"):format(rtt, title, source.read, seconds))
end

print(("%d images"):format(count))
for _, word in ipairs(times) do
  local rtt = assert(tonumber(word), "bad number")
  local cache = ("%s/cache%s"):format(server.base, word)
  if rtt > 0 then
    local base = 30000 + math.floor(rtt * 100)
    assert(sys.spawn({ os.getenv("ALTMIG_BIN"):gsub("bin/altmig$", "tests/bench_delay"), tostring(math.floor(rtt * 500)),
      base .. ":2049", base + 1 .. ":20048" }, { stdout = server.base .. "/out" }))
    sys.sleep(0.2)
  end
  measure("many at a time", rtt, cache)
  measure("from the cache", rtt, cache)
  measure("one after the other", rtt, nil, function(place)
    place.heads = function(entries, _, take)
      for i in ipairs(entries) do take(i) end
    end
  end)
end
os.exit(0)
