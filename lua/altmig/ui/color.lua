-- SPDX-License-Identifier: MIT
-- Colour on terminals: --color auto|always|never, and NO_COLOR (no-color.org).

local escape = require "altmig.escape"
local output = require "altmig.ui.output"
local sys = require "altmig.sys"

local color = {}

local codes = { inhibitor = "1;31", failed = "1;31", warning = "33", info = "36" }

--- Whether output to a descriptor is coloured. What --color says goes before NO_COLOR.
---@param opts { color: string? }
---@param fd integer
---@return boolean
function color.wanted(opts, fd)
  if opts.color == "always" then return true end
  if opts.color == "never" then return false end
  if (sys.getenv("NO_COLOR") or "") ~= "" or sys.getenv("TERM") == "dumb" then return false end
  return sys.isatty(fd)
end

--- A text in its colour, for altmig.output; the text itself where colour is not wanted.
---@param opts { color: string? }
---@param fd integer
---@param kind "inhibitor"|"failed"|"warning"|"info"
---@param text string
---@return string|altmig.output.Own
function color.paint(opts, fd, kind, text)
  if not color.wanted(opts, fd) then return text end
  return output.own(("\27[%sm%s\27[0m"):format(codes[kind], escape.lines(text, output.is_ascii(fd))))
end

return color
