-- SPDX-License-Identifier: MIT
local lu = require "luaunit"
local printer = require "altmig.ui.print"

TestPretty = {}

function TestPretty:test_short_tables_stay_on_a_line_with_sorted_keys()
  lu.assertEquals(printer.pretty { 1, "two", c = true, b = { x = 0.5 }, ["end"] = 1, [10] = 2 },
    '{ 1, "two", [10] = 2, b = { x = 0.5 }, c = true, ["end"] = 1 }')
  lu.assertEquals(printer.pretty {}, "{}")
  lu.assertEquals(printer.pretty(nil), "nil")
end

function TestPretty:test_long_tables_are_broken()
  lu.assertEquals(printer.pretty({ alpha = "aaaa", beta = { 1, 2 } }, { width = 20 }),
    '{\n  alpha = "aaaa",\n  beta = { 1, 2 }\n}')
end

function TestPretty:test_limits()
  lu.assertEquals(printer.pretty({ { { {} , 1 } } }, { depth = 2 }), "{ { {...} } }")
  lu.assertEquals(printer.pretty({ 1, 2, 3, x = 4 }, { items = 2 }), "{ 1, 2, ... (2 more) }")
  lu.assertEquals(printer.pretty(("x"):rep(30), { string = 4 }), '"xxxx"... (30 bytes)')
end

function TestPretty:test_cycles_end_and_shared_tables_are_shown_twice()
  local t = {}
  t.self = t
  lu.assertEquals(printer.pretty(t), "{ self = <cycle> }")
  local s = { 1 }
  lu.assertEquals(printer.pretty { s, s }, "{ { 1 }, { 1 } }")
end

function TestPretty:test_no_metamethod_of_a_table_runs()
  local trap = setmetatable({ a = 1 }, {
    __index = function() error "called" end,
    __pairs = function() error "called" end,
    __len = function() error "called" end,
    __tostring = function() error "called" end,
  })
  lu.assertEquals(printer.pretty(trap), "{ a = 1 }")
  lu.assertStrMatches(printer.pretty(io.stdout), "file %(0x%x+%)")
  lu.assertStrMatches(printer.pretty(print), "function: .*")
  lu.assertStrMatches(printer.pretty { [trap] = 1, [setmetatable({}, getmetatable(trap))] = 2 },
    "{ %[table: 0x%x+%] = %d, %[table: 0x%x+%] = %d }")
end

function TestPretty:test_bytes_are_escaped()
  lu.assertEquals(printer.quote 'a"b\\\n\t\0\27[1m\127\u{e4}\xff\xc3', [["a\"b\\\n\t\x00\x1b[1m\x7f]] .. "\u{e4}" .. [[\xff\xc3"]])
  lu.assertEquals(printer.quote "\u{9b}31m", [["\u{9b}31m"]])
  for _ = 1, 300 do
    local bytes = {}
    for i = 1, math.random(0, 12) do bytes[i] = string.char(math.random(0, 255)) end
    local text = table.concat(bytes)
    lu.assertEquals(load("return " .. printer.quote(text))(), text)
  end
end
