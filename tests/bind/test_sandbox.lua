-- SPDX-License-Identifier: MIT
local lu = require "luaunit"
local sandbox = require "altmig.sandbox"
local sys = require "altmig.sys"

TestSandbox = {}

local function refused(words, text)
  local started = sys.clock()
  local value, message, code = sandbox.evaluate(text, "site.lua")
  lu.assertNil(value, text)
  lu.assertEquals(code, "SANDBOX", text)
  lu.assertStrContains(message, words, false, text)
  lu.assertStrContains(message, "site.lua")
  lu.assertTrue(sys.clock() - started < 30, text)
end

function TestSandbox:test_what_a_description_returns()
  lu.assertEquals(sandbox.evaluate([[
    local function host(name) return { ssh = { host = name, port = 22 } } end
    local list = {}
    for i = 1, 3 do list["c" .. i] = host("lpar" .. i) end
    return { clients = list, [1] = true, [2] = 1.5, [false] = "a\0b", n = 7 // 2 }]], "x"),
    { clients = { c1 = { ssh = { host = "lpar1", port = 22 } }, c2 = { ssh = { host = "lpar2", port = 22 } },
      c3 = { ssh = { host = "lpar3", port = 22 } } }, true, 1.5, [false] = "a\0b", n = 3 })
  lu.assertEquals(math.type(sandbox.evaluate("return 1", "x")), "integer")
  lu.assertEquals({ sandbox.evaluate("return nil", "x") }, {})
  lu.assertEquals(#sandbox.evaluate("local t = {} for i = 1, 20000 do t[i] = { name = 'c' .. i } end return t", "x"), 20000)
end

function TestSandbox:test_what_runs_or_grows_without_end()
  refused("runs without end", "while true do end")
  refused("runs without end", "local function f() return f() end return f()")
  refused("runs without end", "for i = 1, 1 << 62 do local x = i end")
  local large = "local s = 'x' for i = 1, 23 do s = s .. s end " -- 8 MiB
  refused("runs without end", large .. "while true do local t = s .. 'y' end")
  refused("runs without end", large .. "local a, b = s .. 'y', s .. 'y' while a == b do end")
  refused("of text", large .. "local t = {} for i = 1, 100 do t[i] = s end return t")
  refused("memory", "local s = 'x' while true do s = s .. s end")
  refused("memory", "local t = {} for i = 1, 1 << 40 do t[i] = { i } end")
  refused("", "local function f() return 1 + f() end return f()")
  refused("values", "local t = {} for i = 1, 25 do t = { t, t } end return t")
  refused("deep", "local t = {} t.t = t return t")
  refused("deep", "local t = {} for i = 1, 100 do t = { t } end return t")
end

function TestSandbox:test_nothing_is_at_hand()
  for _, text in ipairs { "return os.execute('true')", "return io.open('/etc/passwd')", "return require 'os'", "return load('return 1')",
    "return ('x'):rep(10)", "return string.rep('x', 10)", "return getmetatable('')", "return setmetatable({}, {})", "return pcall(f)",
    "return coroutine.wrap(f)", "error 'x'", "print 'x'" } do
    refused("site.lua:1:", text)
  end
  refused("a function among its values", "return { f = function() end }")
  refused("site.lua:2:", "\nreturn = 1")
  refused("site.lua", "\27Lua\x54")
  -- Nothing of one is left for the next, nor for us.
  assert(sandbox.evaluate("x = 1 return x", "x"))
  lu.assertNil((sandbox.evaluate("return x", "x")))
  lu.assertNil(rawget(_G, "x"))
end

function TestSandbox:test_misuse_raises()
  lu.assertErrorMsgContains("string expected", sandbox.evaluate)
  lu.assertErrorMsgContains("string expected", sandbox.evaluate, "return 1")
end
