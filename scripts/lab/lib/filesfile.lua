-- SPDX-License-Identifier: MIT
-- The text form in which the lab keeps shipped configuration files: "@ path mode owner group" begins
-- a file, "@link path target" is a symbolic link, "@none path" takes a file back. See
-- scripts/lab/images.

local modes = require "altmig.mode"

local filesfile = {}

filesfile.users = { root = 0, daemon = 1, bin = 2, sys = 3, adm = 4, uucp = 5, nobody = 4294967294 }
filesfile.groups = { system = 0, staff = 1, bin = 2, sys = 3, adm = 4, uucp = 5, mail = 6, security = 7, cron = 8,
  printq = 9, audit = 10, lp = 11 }

--- Reads the text into `into`: path -> entry.
---@param text string
---@param into table<string, table>
---@return table<string, table>
function filesfile.parse(text, into)
  local current, lines
  local function finish()
    if not current then return end
    if lines[#lines] == "" then lines[#lines] = nil end
    current.data = #lines > 0 and table.concat(lines, "\n") .. "\n" or ""
    current = nil
  end
  for line in text:gmatch("([^\n]*)\n") do
    local path, mode, owner, group = line:match("^@ (%S+) (%d+) (%w+) (%w+)$")
    local link, target = line:match("^@link (%S+) (%S+)$")
    local none = line:match("^@none (%S+)$")
    if path then
      finish()
      current, lines = { path = path, type = "file", mode = tonumber(mode, 8), uid = assert(filesfile.users[owner], owner),
        gid = assert(filesfile.groups[group], group) }, {}
      into[path] = current
    elseif link then
      finish()
      into[link] = { path = link, type = "link", mode = modes.octal "777", uid = 0, gid = 0, target = target }
    elseif none then
      finish()
      into[none] = nil
    elseif current then
      lines[#lines + 1] = line
    end
  end
  finish()
  return into
end

return filesfile
