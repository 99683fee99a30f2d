-- SPDX-License-Identifier: MIT
local lu = require "luaunit"
local progress = require "altmig.ui.progress"

--- A progress with a clock of the test's own; what it told is collected.
local function fake(options)
  local f = { now = 100, bars = {}, lines = {}, events = {} }
  options.what = options.what or "restore"
  options.clock = function() return f.now end
  if options.bar == nil then options.bar = function(text) f.bars[#f.bars + 1] = text end end
  options.width = function() return f.columns or 100 end
  options.log = function(line) f.lines[#f.lines + 1] = line end
  options.event = function(fields) f.events[#f.events + 1] = fields end
  f.p = progress.new(options)
  --- Moves on by `seconds`, then updates.
  function f.step(seconds, stats)
    f.now = f.now + seconds
    f.p:update(stats)
  end
  return f
end

TestProgress = {}

function TestProgress:test_ten_updates_a_second_at_most()
  local f = fake { total = { bytes = 1000 } }
  for i = 1, 1000 do f.step(0.005, { bytes = i }) end
  lu.assertTrue(#f.events >= 45 and #f.events <= 51, #f.events)
  lu.assertEquals(#f.bars, #f.events)
end

function TestProgress:test_a_line_per_ten_percent()
  local f = fake { total = { bytes = 200e6, files = 400 } }
  for i = 1, 100 do f.step(1, { bytes = i * 2000000, files = i * 4 }) end
  lu.assertEquals(#f.lines, 10)
  lu.assertEquals(f.lines[1], "restore: 10 %, 40 of 400 files, 20.0 MB of 200.0 MB, 2.0 MB/s, 1:30 left")
  lu.assertEquals(f.lines[10], "restore: 100 %, 400 of 400 files, 200.0 MB of 200.0 MB, 2.0 MB/s")
  -- one that jumps tells the last of the tenths only, and small steps back tell nothing
  f = fake { total = { bytes = 100 } }
  f.step(1, { bytes = 47 })
  f.step(1, { bytes = 39 })
  f.step(1, { bytes = 49 })
  lu.assertEquals(#f.lines, 1)
  lu.assertStrContains(f.lines[1], "40 %")
end

function TestProgress:test_time_left_follows_the_rate_smoothly()
  local f = fake { total = { bytes = 100e6 } }
  for i = 1, 10 do f.step(1, { bytes = i * 1000000 }) end
  lu.assertAlmostEquals(f.p.left, 90, 0.5)
  f.step(1, { bytes = 10e6 // 1 }) -- a second of silence does not make it endless
  lu.assertTrue(f.p.left > 90 and f.p.left < 130, f.p.left)
  for i = 1, 30 do f.step(1, { bytes = (10 + 2 * i) * 1000000 }) end
  lu.assertAlmostEquals(f.p.rate, 2e6, 2e4)
  lu.assertAlmostEquals(f.p.left, 15, 0.5)
end

function TestProgress:test_the_first_updates_do_not_lie()
  local f = fake { total = { bytes = 1000 } }
  f.step(0, { bytes = 0 })
  lu.assertNil(f.p.left)
  f.step(0.2, { bytes = 100 })
  lu.assertAlmostEquals(f.p.rate, 500, 1)
  lu.assertAlmostEquals(f.p.left, 1.8, 0.1)
end

function TestProgress:test_a_bar_never_wraps_and_is_taken_away()
  local f = fake { total = { bytes = 1e9, files = 20000 } }
  for _, columns in ipairs { 20, 40, 60, 80, 200 } do
    f.columns = columns
    f.step(1, { bytes = 5e8 // 1, files = 12345 })
    local line = f.bars[#f.bars]:gsub("^\r", ""):gsub(" +$", "")
    lu.assertTrue(#line < columns, line)
    lu.assertEquals(line:sub(1, 12), "restore  50%")
  end
  lu.assertStrContains(f.bars[#f.bars], "[###############...............]")
  f.columns = 40 -- what was longer is written over
  f.step(1, { bytes = 5e8 // 1, files = 12345 })
  local before, after = f.bars[#f.bars - 1], f.bars[#f.bars]
  lu.assertTrue(#after >= #before:gsub(" +$", ""))
  f.p:finish()
  lu.assertStrMatches(f.bars[#f.bars], "\r +\r")
  local count = #f.bars
  f.p:clear()
  lu.assertEquals(#f.bars, count)
end

function TestProgress:test_unknown_totals()
  local f = fake { what = "inspect" }
  for i = 1, 50 do f.step(1, { files = i, bytes = i * 1000 }) end
  lu.assertEquals(f.lines, {})
  lu.assertNil(f.events[50].percent)
  lu.assertNil(f.events[50].left)
  lu.assertStrContains(f.bars[50], "inspect 50 files, 50.0 kB, 1.0 kB/s")
  f = fake { total = { bytes = 0 } }
  f.p:finish { bytes = 0, files = 3 }
  lu.assertEquals(f.events[1].percent, 100)
end

function TestProgress:test_counting_files()
  local f = fake { what = "installp", unit = "files", total = { files = 20 } }
  for i = 1, 10 do f.step(6, { files = i }) end
  lu.assertEquals(f.p.percent, 50)
  lu.assertEquals(f.lines[5], "installp: 50 %, 10 of 20 files, 1:00 left")
end

function TestProgress:test_words()
  lu.assertEquals(progress.size(999), "999 B")
  lu.assertEquals(progress.size(1500), "1.5 kB")
  lu.assertEquals(progress.size(107.1e6), "107.1 MB")
  lu.assertEquals(progress.duration(7), "0:07")
  lu.assertEquals(progress.duration(754), "12:34")
  lu.assertEquals(progress.duration(11100), "3:05:00")
end
