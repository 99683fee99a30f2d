-- SPDX-License-Identifier: MIT
-- Where nobody knows what AIX does, the lab plays each plausible behaviour (altmig lab quirk). The stock
-- migration works under every one of them, or stops with the reason and a remedy that works. A sample by
-- default, its seed printed; QUIRKS=all tries every value, QUIRKS=pairs every two values together as well,
-- QUIRKS=NAME or NAME=VALUE what is named; QUIRKS_SEED repeats a sample, QUIRKS_SECONDS makes it longer.

local lu = require "luaunit"
local sys = require "altmig.sys"
local lab = require "lab_driver"

local client, master = lab.client, lab.master

local what = os.getenv "QUIRKS" or "sample"
local seconds = tonumber(os.getenv "QUIRKS_SECONDS") or 120
local seed = math.tointeger(tonumber(os.getenv "QUIRKS_SEED")) or math.floor(sys.time()) % 1000000

--- Values under which the migration is right to stop: what it has to say, and its remedy, typed.
---@type table<string, { says: string, remedy: fun() }>  says: words of the remedy that is printed
local stops = {
  ["reverse-lookup=fails"] = { says = "does the address of adachi-AIX7 lead to that name there",
    remedy = function() lab.must("quirk", "reverse-lookup", "works") end },
  ["login-environment=talkative"] = { says = "Make the start-up of the shell of user root silent",
    remedy = function() lab.must("quirk", "login-environment", "plain") end },
}

-- A client that is rebooted after phase 6: the copy is asleep, and newer than what runs.
local function reboot_under_way()
  local status, out, problem = lab.engine("nimadm", table.move(lab.flags, 1, #lab.flags, 3, { "-P", "1,2,3,4,5,6" }))
  if status ~= 0 then return status, out, problem end
  lab.must("boot", client, "--power")
  return lab.engine("altmig", { "resume", client })
end

-- Only the stream asks which libraries a program needs.
local function by_stream()
  return lab.engine("altmig", { "migrate", "--restore-via", "stream", table.unpack(lab.flags) })
end

-- dump is asked where ldd does not tell.
local function by_stream_without_ldd()
  lab.must("quirk", "ldd-in-copy", "fails")
  local status, out, problem = by_stream()
  lab.must("quirk", "ldd-in-copy", "works")
  return status, out, problem
end

--- Quirks that do not show in a stock migration that goes well: what is run instead.
---@type table<string, fun(): integer, string, string>
local trouble = { ["ldd-in-copy"] = by_stream, ["object-mode"] = by_stream_without_ldd,
  ["wake-up"] = reboot_under_way, ["force-spelling"] = reboot_under_way }

local function begin_again()
  local status, out, problem = lab.engine("nimadm", { "-C", "-c", client, "-s", "spot_AIX72TL5" })
  lu.assertEquals(status, 0, out .. problem)
end
for _, value in ipairs { "wake-up=refuses", "wake-up=renames" } do
  stops[value] = { says = "begin again: nimadm -C -c adachi-AIX7 -s spot_AIX72TL5, then: nimadm -c", remedy = begin_again }
end

--- Shells that may not be on this machine: only QUIRKS=all insists.
local optional = { ["login-shell=csh"] = "/bin/tcsh", ["login-shell=ksh93"] = "/bin/ksh93", ["login-shell=bash"] = "/bin/bash" }

-- "name=value" of every value that is not the default, as "altmig lab quirk" lists them.
local function every_value()
  local list = {}
  for line in lab.must("quirk"):gmatch("[^\n]+") do
    local name, words = line:match("^([%l%d%-]+)%s+(%S.*)$")
    for value in (name and words:gsub("^%*?%S+", "", 1) or ""):gmatch("%S+") do
      list[#list + 1] = ("%s=%s"):format(name, (value:gsub("^%*", "")))
    end
  end
  return list
end

local function shuffle(list, random)
  for i = #list, 2, -1 do
    local k = random(i)
    list[i], list[k] = list[k], list[i]
  end
  return list
end

-- Lists of values to try together.
local function cases(random)
  local values, list = every_value(), {}
  for _, value in ipairs(values) do
    local there = not optional[value] or sys.stat(optional[value]) or what == "all"
    local name = value:match("^[^=]+")
    if there and (what == "sample" or what == "all" or what == "pairs" or what == name or what == value) then
      list[#list + 1] = { value }
    end
  end
  if what == "pairs" then
    for i, one in ipairs(values) do
      for k = i + 1, #values do
        if one:match("^[^=]+") ~= values[k]:match("^[^=]+") then list[#list + 1] = { one, values[k] } end
      end
    end
  end
  return what == "sample" and shuffle(list, random) or list
end

local function migrate() return lab.engine("nimadm", lab.flags) end

local function assert_migrated(status, out, problem)
  lu.assertEquals(status, 0, out .. problem)
  lu.assertStrContains(lab.must("boot", client), "7200-05-06")
  lu.assertStrContains(lab.must("boot", client, "--disk", "hdisk0"), "7100-05-03")
  lu.assertStrContains(lab.on(client, "oslevel -s"), "7100-05-03")
  lu.assertNotStrContains(lab.on(client, "exportfs; mount"), "/alt_inst")
  lu.assertNotStrContains(lab.on(master, "mount"), "_alt/alt_inst")
  lu.assertNotStrContains(lab.on(master, "exportfs"), "spot_AIX72TL5")
end

local function try(case)
  lab.must("load", "fresh")
  for _, value in ipairs(case) do lab.must("quirk", value:match("^([^=]+)=(.+)$")) end
  local begin = migrate
  for _, value in ipairs(case) do begin = trouble[value:match("^[^=]+")] or begin end
  local status, out, problem = begin()
  if status ~= 0 then
    local stop
    for _, value in ipairs(case) do stop = stop or stops[value] end
    lu.assertNotNil(stop, "it stopped: " .. out .. problem)
    lu.assertStrContains(problem, stop.says)
    lu.assertTrue(problem:find("altmig: .+%([A-Z_]+%)") ~= nil, "no reason is given: " .. problem)
    stop.remedy()
    if stop.remedy ~= begin_again then status, out, problem = lab.engine("altmig", { "resume", client }) end
    -- A copy that was given up, or a run that had not begun: from the start.
    if status ~= 0 and (stop.remedy == begin_again or problem:find("no migration", 1, true)) then status, out, problem = migrate() end
  end
  assert_migrated(status, out, problem)
end

TestQuirks = {}

function TestQuirks:setupClass()
  if sys.getuid() ~= 0 then return end
  lab.up()
  lab.must("save", "fresh")
end

function TestQuirks:teardownClass() lab.down() end

function TestQuirks:test_the_migration_works_under_each()
  lab.require_root()
  local state = seed
  local function random(n) -- the same sequence on every machine
    state = (state * 1103515245 + 12345) % 2147483648
    return state // 65536 % n + 1
  end
  local list, begin, tried, failed = cases(random), sys.time(), 0, {}
  for _, case in ipairs(list) do
    if what == "sample" and sys.time() - begin > seconds then break end
    local name, started = table.concat(case, " "), sys.time()
    local ok, problem = xpcall(try, function(e) return type(e) == "table" and (e.msg or e.message) or tostring(e) end, case)
    tried = tried + 1
    print(("%s %s (%.0f s)"):format(ok and "ok    " or "FAILED", name, sys.time() - started))
    if not ok then failed[#failed + 1] = name .. ": " .. tostring(problem) end
    for _, value in ipairs(case) do
      local quirk = value:match("^[^=]+")
      lab.must("quirk", quirk, (lab.must("quirk", quirk):match("%s%*?(%S+)"))) -- the first value is the default
    end
  end
  print(("%d of %d quirks tried, %d failed; QUIRKS=%s QUIRKS_SEED=%d"):format(tried, #list, #failed, what, seed))
  lu.assertEquals(table.concat(failed, "\n"), "")
  lu.assertTrue(tried > 0)
end
