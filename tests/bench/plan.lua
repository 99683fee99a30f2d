-- SPDX-License-Identifier: MIT
-- altmig run tests/bench/plan.lua [COUNT ...]: the plan of an lpp_source of so many filesets (a base level and an update
-- each, with five requisites in the two), for a client that has three quarters of them at an older release. Time is that
-- of the processor, without the reading of images; `growth` is what a fileset costs against the first row.
--
-- It is not 1: on a machine of two busy cores a fileset of 5,000 cost 1.8 times that of 1,250 (124 ms), one of 20,000
-- 2.9 times, and 3.5 times on another day. The number of instructions is linear from 1,000 filesets on (valgrind
-- --tool=cachegrind --cache-sim=no): what grows is, as far as is known, the time for memory that no longer fits into the
-- processor's caches.

local installp = require "altmig.installp"

local counts = {}
for i, word in ipairs(arg) do counts[i] = assert(math.tointeger(tonumber(word)), word) end
if #counts == 0 then counts = { 1250, 2500, 5000, 10000, 20000 } end

local function name(i) return ("pkg%d.part.f%05d"):format(i % 200, i) end

local function source_of(count)
  local images = {}
  local function add(i, type, level, requisites)
    images[#images + 1] = { file = ("%s.%s.%s"):format(name(i), level, type), kind = "installp", package = "pkg" .. i % 200, type = type,
      platform = "R", size = 0, time = "", filesets = { { name = name(i), level = level, requisites = table.concat(requisites, "\n"),
        content = "B", bosboot = "N", description = "A fileset", supersedes = {},
        sizes = { { path = "/usr/lpp", blocks = 40, temporary = 0 }, { path = "/etc", blocks = 8, temporary = 0 },
          { path = "INSTWORK", blocks = 48, temporary = 16 } } } } }
  end
  for i = 1, count do
    add(i, "I", "7.2.0.0", { ("*prereq %s 7.1.0.0"):format(name(math.max(1, i - 1))), ("*coreq %s 7.2.0.0"):format(name(i * 7 % count + 1)),
      (">0 {\n*prereq none.rte 1.0.0.0\n*prereq %s 7.2.0.0\n}"):format(name(math.max(1, i // 2))) })
    add(i, "S", "7.2.5.1", { ("*prereq %s 7.2.0.0"):format(name(i)), ("*ifreq %s (7.2.0.0) 7.2.5.0"):format(name(i * 13 % count + 1)) })
  end
  return setmetatable({ name = "bench", images = images, problems = {}, read = 0 }, installp.Source)
end

print(("%10s %10s %10s %10s %10s"):format("filesets", "images", "steps", "ms", "growth"))
local first
for _, count in ipairs(counts) do
  local source, installed = source_of(count), {}
  for i = 1, count do
    if i % 4 ~= 0 then installed[name(i)] = "7.1.5.30" end
  end
  local best, steps = math.huge, nil
  for _ = 1, 5 do
    collectgarbage()
    local start = os.clock()
    steps = #source:plan({ installed = installed }).steps
    best = math.min(best, os.clock() - start)
  end
  first = first or best / count
  print(("%10d %10d %10d %10.1f %10.2f"):format(count, 2 * count, steps, best * 1000, best / count / first))
end
