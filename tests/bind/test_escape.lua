-- SPDX-License-Identifier: MIT
local lu = require "luaunit"
local escape = require "altmig.escape"

TestEscape = {}

function TestEscape:test_a_line_and_lines()
  lu.assertEquals(escape.line "a\n\tb\r\27[2J\u{202e}\xff J\u{fc}rgen", "a\\n\\tb\\r\\x1b[2J\\u{202e}\\xff J\u{fc}rgen")
  lu.assertEquals(escape.lines "a\n\tb\r\27[2J", "a\n\tb\\r\\x1b[2J")
  lu.assertEquals(escape.line "", "")
  lu.assertEquals(escape.line("J\u{fc}rgen", true), "J\\u{fc}rgen")
  lu.assertEquals(escape.lines("\u{65e5}\n", true), "\\u{65e5}\n")
end

function TestEscape:test_random_bytes_are_harmless_and_twice_is_once()
  for _ = 1, 500 do
    local bytes = {}
    for i = 1, math.random(0, 40) do bytes[i] = string.char(math.random(0, 255)) end
    local text = table.concat(bytes)
    local line = escape.line(text)
    lu.assertNil(line:find "[\0-\31\127]")
    lu.assertNotNil(utf8.len(line))
    lu.assertEquals(escape.line(line), line)
    lu.assertNil(escape.line(text, true):find "[^\32-\126]")
    lu.assertEquals(load('return "' .. escape.quoted(text) .. '"')(), text)
    lu.assertEquals(load('return "' .. escape.quoted(text, true) .. '"')(), text)
  end
end

function TestEscape:test_wrong_arguments_raise()
  lu.assertErrorMsgContains("string expected", escape.line)
  lu.assertErrorMsgContains("string expected", escape.lines, {})
end
