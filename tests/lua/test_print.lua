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

TestSerialize = {}

function TestSerialize:test_reads_back_equal()
  local value = {
    1, -0.0, 1.0, 2 ^ 53, 0.1, math.huge, -math.huge, math.mininteger, "\0\xff\n",
    { [true] = "b", ["a b"] = { n = {} }, [2.5] = 1, ["and"] = 2 },
  }
  local text = assert(printer.serialize(value))
  local back = load("return " .. text)()
  lu.assertEquals(back, value)
  lu.assertEquals(math.type(back[1]), "integer")
  lu.assertEquals(math.type(back[3]), "float")
  lu.assertEquals(math.type(back[8]), "integer")
  lu.assertEquals(printer.serialize(back), text)
end

function TestSerialize:test_takes_what_json_gives()
  local value = require("altmig.json").decode '{"a":[1,[]],"b":"x"}'
  lu.assertEquals(printer.serialize(value), '{a={1,{}},b="x"}')
end

function TestSerialize:test_failure_names_the_keys()
  local function check(value, path)
    local text, message, code = printer.serialize(value)
    lu.assertNil(text)
    lu.assertEquals(code, "SERIALIZE")
    lu.assertStrContains(message, path)
  end
  check({ a = { { f = print } } }, "value.a[1].f: a function")
  check({ ["x y"] = { [io.stdout] = 1 } }, 'value["x y"]: a key that is a userdata')
  local loop = { k = {} }
  loop.k.l = loop
  check(loop, "value.k.l: a table inside itself")
  check({ m = setmetatable({}, {}) }, "value.m: a table with a metatable")
end

TestStrict = {}

function TestStrict:test_undeclared_names_raise_and_declared_do_not()
  local strict = require "altmig.run.strict"
  local env = { known = 1 }
  local off = strict.on(env, { allow = { "^[Tt]est" } })
  local function try(code) return pcall(assert(load(code, "=chunk", "t", env))) end
  lu.assertTrue((try "known = known + 1"))
  lu.assertEquals(env.known, 2)
  lu.assertTrue((try "TestX = testy"))
  local ok, message = try "local a = unknwon"
  lu.assertFalse(ok)
  lu.assertEquals(message, "chunk:1: undeclared global 'unknwon'")
  ok, message = try "fresh = 1"
  lu.assertFalse(ok)
  lu.assertStrContains(message, "assignment to undeclared global 'fresh'")
  strict.declare("fresh", nil, env)
  lu.assertTrue((try "fresh = 1"))
  off()
  lu.assertTrue((try "other = unknown"))
end
