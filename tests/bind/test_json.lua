-- SPDX-License-Identifier: MIT
local lu = require "luaunit"
local json = require "altmig.json"

TestJson = {}

function TestJson:test_keys_are_sorted_and_text_is_stable()
  lu.assertEquals(json.encode { b = 1, a = { true, false, json.null }, ["a b"] = "x" },
    '{"a":[true,false,null],"a b":"x","b":1}')
  lu.assertEquals(json.encode({ a = { 1, 2 }, b = {} }, { indent = 2 }),
    '{\n  "a": [\n    1,\n    2\n  ],\n  "b": {}\n}')
end

function TestJson:test_empty_tables()
  lu.assertEquals(json.encode {}, "{}")
  lu.assertEquals(json.encode(json.array {}), "[]")
  lu.assertEquals(json.encode(json.array()), "[]")
  lu.assertEquals(json.encode(json.decode "[[],{}]"), "[[],{}]")
end

function TestJson:test_numbers_keep_their_kind()
  lu.assertEquals(json.encode { 1, 1.0, -0.5, 0.1, 1e300, math.maxinteger, math.mininteger },
    "[1,1.0,-0.5,0.1,1e+300,9223372036854775807,-9223372036854775808]")
  local t = json.decode "[1,1.0,9223372036854775807,1e2]"
  lu.assertEquals(math.type(t[1]), "integer")
  lu.assertEquals(math.type(t[2]), "float")
  lu.assertEquals(t[3], math.maxinteger)
  lu.assertEquals(math.type(t[4]), "float")
  for _ = 1, 200 do
    local x = (math.random() - 0.5) * 10.0 ^ math.random(-30, 30)
    lu.assertTrue(json.decode(json.encode(x)) == x)
  end
  local text, _, code = json.encode { a = { b = 0 / 0 } }
  lu.assertNil(text)
  lu.assertEquals(code, "JSON_VALUE")
end

function TestJson:test_strings_are_bytes()
  local all = {}
  for i = 0, 127 do all[#all + 1] = string.char(i) end
  local text = table.concat(all) .. "\u{e4}\u{20ac}\u{1f600}"
  lu.assertEquals(json.decode(json.encode(text)), text)
  lu.assertNil(json.encode(text):find "%c")
  lu.assertEquals(json.encode { ["a\0b"] = 1 }, '{"a\\u0000b":1}')
  local back, message, code = json.decode '{"a\\u0000b":1}'
  -- jansson refuses NUL in a key: an error, never a cut key
  lu.assertNil(back)
  lu.assertEquals(code, "JSON_SYNTAX")
  lu.assertStrContains(message, "NUL")
end

function TestJson:test_what_is_no_utf8_is_refused_or_replaced()
  for _, bad in ipairs { "\xff", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc3", "a\x80" } do
    local text, message, code = json.encode { user = { bad } }
    lu.assertNil(text)
    lu.assertEquals(code, "JSON_UTF8")
    lu.assertStrContains(message, ".user[1]")
    lu.assertStrContains(json.encode({ bad }, { lossy = true }), "\u{fffd}")
  end
  lu.assertEquals(json.encode("Br\xf6tchen", { lossy = true }), '"Br\u{fffd}tchen"')
end

function TestJson:test_what_has_no_form_names_its_path()
  local function check(value, code, path)
    local text, message, got = json.encode(value)
    lu.assertNil(text)
    lu.assertEquals(got, code)
    lu.assertStrContains(message, path)
  end
  check({ a = { { f = print } } }, "JSON_VALUE", ".a[1].f")
  check({ x = { [2] = 1 } }, "JSON_VALUE", ".x")
  check({ x = { 1, 2, n = 3 } }, "JSON_VALUE", ".x")
  check({ [1.5] = 1 }, "JSON_VALUE", "key")
  local loop = {}
  loop[1] = loop
  check(loop, "JSON_DEPTH", "deep")
end

function TestJson:test_syntax_errors_have_a_place()
  local value, message, code = json.decode '{\n "a": 1,\n "b" 2\n}'
  lu.assertNil(value)
  lu.assertEquals(code, "JSON_SYNTAX")
  lu.assertStrContains(message, "line 3")
  for _, bad in ipairs { "", "[1", "[1,]", "{'a':1}", "[1] x", '{"a":1,"a":2}', '"\xff"', "nul", "99999999999999999999" } do
    value, _, code = json.decode(bad)
    lu.assertNil(value)
    lu.assertEquals(code, "JSON_SYNTAX")
  end
end

function TestJson:test_depth_is_limited()
  local deep = ("["):rep(100) .. ("]"):rep(100)
  lu.assertEquals(json.encode(json.decode(deep)), deep)
  local value, _, code = json.decode(("["):rep(1000) .. ("]"):rep(1000))
  lu.assertNil(value)
  lu.assertEquals(code, "JSON_DEPTH")
  value = json.decode(("["):rep(100000) .. ("]"):rep(100000))
  lu.assertNil(value)
end

function TestJson:test_scalars_and_null()
  lu.assertEquals(json.decode "true", true)
  lu.assertEquals(json.decode "null", json.null)
  lu.assertEquals(json.encode(json.null), "null")
  local _, _, code = json.encode(nil)
  lu.assertEquals(code, "JSON_VALUE")
end
