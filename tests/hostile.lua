-- SPDX-License-Identifier: MIT
-- Hostile text for the tests of parsers: a sound sample cut at every byte, with every byte another,
-- with every number wrong in turn, and made very long. A parser gives a value, or nil with a message
-- that says where and a code; it never raises, and its time grows with the text alone.

local lu = require "luaunit"

local hostile = {}

local BYTES = { "\0", "\1", "\n", "\r", " ", "\t", '"', "'", "\\", ":", "=", ",", "#", "*", "{", "}", "[", "]", "%", "-",
  "0", "9", "x", "\127", "\128", "\255" }
local NUMBERS = { "0", "1", "-1", "2147483647", "2147483648", "4294967295", "9223372036854775807", "9223372036854775808",
  "99999999999999999999999999", "1e99", "0x10", "nan", "" }

-- Calls fn(variant, what) for every damaged form of the text.
local function variants(text, fn)
  for cut = 0, #text - 1 do fn(text:sub(1, cut), "cut at " .. cut) end
  for at = 1, #text do
    for _, byte in ipairs(BYTES) do fn(text:sub(1, at - 1) .. byte .. text:sub(at + 1), ("byte %d as %q"):format(at, byte)) end
    fn(text:sub(1, at - 1) .. text:sub(at + 1), "without byte " .. at)
  end
  for from, number, to in text:gmatch("()(%d+)()") do
    local value = math.tointeger(tonumber(number)) or 0
    for _, wrong in ipairs { tostring(value - 1), tostring(value + 1), table.unpack(NUMBERS) } do
      fn(text:sub(1, from - 1) .. wrong .. text:sub(to), ("number at %d as %s"):format(from, wrong))
    end
  end
end

---@class hostile.Options
---@field place string?        # a pattern that each message has; default "line %d+"
---@field code string?         # a pattern that each code has; default upper-case words
---@field lenient boolean?     # the parser passes over what it does not understand: it refuses nothing

--- Gives all variants of the sample to the parser. The sample itself must be read.
---@param parse fun(text: string): any, string?, string?
---@param sample string
---@param options hostile.Options?
---@return integer read, integer refused
function hostile.text(parse, sample, options)
  options = options or {}
  local read, refused = 0, 0
  local value, problem = parse(sample)
  lu.assertNotNil(value, "the sample is refused: " .. tostring(problem))
  variants(sample, function(text, what)
    local ok, got, message, code = pcall(parse, text)
    if not ok then lu.fail(what .. ": raised " .. tostring(got)) end
    if got ~= nil then
      read = read + 1
      return
    end
    refused = refused + 1
    if options.lenient then lu.fail(what .. ": refused: " .. tostring(message)) end
    lu.assertStrMatches(tostring(message), ".*" .. (options.place or "line %d+") .. ".*", nil, nil, what)
    lu.assertStrMatches(tostring(code), options.code or "[%u%d_]+", nil, nil, what)
  end)
  return read, refused
end

local LONG <const> = 20000
local SECONDS <const> = 0.2

--- Texts of many bytes: a parser whose time grows with the square of them does not end in time.
---@param parse fun(text: string): any, string?, string?
---@param sample string        # its lines are repeated too
function hostile.long(parse, sample)
  local texts = { sample:rep(LONG // #sample + 1) }
  for _, part in ipairs { " ", "\n", "\t", "a", "a ", " a", "{", "}", ">0 {", "*", "/*", "x=",
    '"', "\\", ":", "0", ".", "./", "#", "\0" } do
    texts[#texts + 1] = part:rep(LONG // #part)
    for line in sample:gmatch("[^\n]+") do texts[#texts + 1] = line .. part:rep(LONG // #part) .. "x\n" end
  end
  for _, text in ipairs(texts) do
    local start = os.clock()
    local ok, message = pcall(parse, text)
    lu.assertTrue(ok, message)
    if os.clock() - start > SECONDS then
      lu.fail(("%.1f seconds for %d bytes: %q..%q"):format(os.clock() - start, #text, text:sub(1, 40), text:sub(-20)))
    end
  end
end

-- What is printed ---------------------------------------------------------------------------------

--- Text that may stand wherever bytes come from other hosts: a terminal that obeys it gets another title,
--- another clipboard, an empty screen and lines that nobody printed. Letters of other languages follow.
hostile.words = "\27]52;c;ZXZpbA==\7\27]0;title\7\27[2J\27[31m\r\b\127\x9b31m\u{9b}31m\u{202e}\u{2066}\u{2028}\nFORGED J\u{fc}rgen"

--- Fails unless the text is harmless on a terminal: no control but newlines and tabs, nothing that is no
--- UTF-8, nothing invisible, no line that the hostile words began (the lines of an output are indented). altmig's colours are passed over.
---@param text string
---@param what string?
function hostile.assert_printed(text, what)
  what = (what and what .. ": " or "") .. ("%q"):format(text)
  text = text:gsub("\27%[[%d;]*m([^\27]*)\27%[0m", "%1")
  lu.assertNil(text:find "[\0-\8\11-\31\127]", what)
  lu.assertNotNil(utf8.len(text), what)
  for _, c in utf8.codes(text) do
    lu.assertFalse(c >= 0x80 and c < 0xa0 or c >= 0x2028 and c <= 0x202e or c >= 0x2066 and c <= 0x2069, what)
  end
  lu.assertNil(("\n" .. text):find "\nFORGED", what)
end

return hostile
