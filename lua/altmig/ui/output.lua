-- SPDX-License-Identifier: MIT
-- Everything the program prints goes through here. What it prints are mostly bytes of other hosts (names
-- of files, what commands said, messages that quote them), and a terminal obeys some of those: its title,
-- the clipboard, the lines printed before. So all text is escaped (core/escape.h has the form) but what
-- altmig itself adds: colours, and the cursor's way back under the progress bar.

local err = require "altmig.err"
local escape = require "altmig.escape"
local sys = require "altmig.sys"

local output = {}

-- Sequences of altmig's own -----------------------------------------------------------------------

---@class altmig.output.Own
---@field text string

local own = {}
own.__index = own
own.__tostring = function(self) return self.text end

--- Text that goes out as it is. Only for sequences made here from constants; what they go around is
--- escaped by the caller. It cannot be joined to a string, only printed or given to a format.
---@param text string
---@return altmig.output.Own
function output.own(text) return setmetatable({ text = text }, own) end

-- The character set -------------------------------------------------------------------------------

--- Whether a descriptor takes ASCII only. The locale says it; where none is named at all a terminal
--- gets ASCII, since one that is not set to UTF-8 takes some bytes of it for controls, and a file or
--- pipe gets UTF-8.
---@param fd integer
---@return boolean
function output.is_ascii(fd)
  for _, name in ipairs { "LC_ALL", "LC_CTYPE", "LANG" } do
    local locale = sys.getenv(name)
    if locale and locale ~= "" then return not locale:lower():find "utf%-?8" end
  end
  return sys.isatty(fd)
end

-- Writing -----------------------------------------------------------------------------------------

-- One text: its newlines and tabs stay. With arguments: a format whose %s are names and values, each
-- of them kept to its place in the line.
local function compose(fd, text, ...)
  local ascii = output.is_ascii(fd)
  local count = select("#", ...)
  if count == 0 then return getmetatable(text) == own and text.text or escape.lines(tostring(text), ascii) end
  local arguments = { ... }
  for i = 1, count do
    local value = arguments[i]
    if getmetatable(value) == own then
      arguments[i] = value.text
    elseif type(value) ~= "number" then
      arguments[i] = escape.line(tostring(value), ascii)
    end
  end
  return text:format(table.unpack(arguments, 1, count))
end

--- A line (or a text of several) on stdout. With arguments `text` is a format, and no argument can
--- end the line.
---@param text string|altmig.output.Own
---@param ... any
function output.print(text, ...) io.stdout:write(compose(1, text, ...), "\n") end

--- The same on stderr, after what stdout still holds.
---@param text string|altmig.output.Own
---@param ... any
function output.complain(text, ...)
  io.stdout:flush()
  io.stderr:write(compose(2, text, ...), "\n")
end

--- Text with its newlines, as it is put together, on stdout.
---@param text string
function output.text(text) io.stdout:write(compose(1, text)) end

--- Text that may be longer than the terminal: through $PAGER where one is set and stdout is a terminal.
---@param text string
function output.paged(text)
  local pager = sys.isatty(1) and sys.getenv "PAGER" or ""
  local pipe = pager ~= "" and io.popen(pager, "w")
  if not pipe then return output.text(text) end
  io.stdout:flush()
  pipe:write(compose(1, text))
  pipe:close()
end

--- What another program is to read (stanzas, a page): byte for byte, but on a terminal escaped.
---@param text string
function output.data(text)
  if sys.isatty(1) then return output.text(text) end
  io.stdout:write(text)
end

-- In JSON every character has an escape of its own.
local function json_ascii(character)
  local c = utf8.codepoint(character)
  if c < 0x10000 then return ("\\u%04x"):format(c) end
  return ("\\u%04x\\u%04x"):format(0xD800 + (c - 0x10000 >> 10), 0xDC00 + (c - 0x10000 & 0x3FF))
end

--- A value as one line of JSON on stdout, at once.
---@param value any
---@param options table?   # of altmig.json
function output.json(value, options)
  local text = err.check(require("altmig.json").encode(value, options))
  if output.is_ascii(1) then text = text:gsub("[\xc2-\xf4][\x80-\xbf]+", json_ascii) end
  io.stdout:write(text, "\n")
  io.stdout:flush()
end

--- Draws over the line the cursor is in, on stderr: a carriage return is the only control that works.
---@param text string
function output.draw(text)
  io.stderr:write((text:gsub("[^\r]+", function(part) return escape.line(part, true) end)))
  io.stderr:flush()
end

--- A line of a log file. It is read later, with whatever: UTF-8 stays.
---@param file file*
---@param text string
function output.log(file, text) file:write(escape.lines(text), "\n") end

function output.flush() io.stdout:flush() end

return output
