-- SPDX-License-Identifier: MIT
-- RPMs of the lab's systems: images with the lead that a real one begins with, and a database of a line for each
-- package. Nothing of a package is installed but its line.

local modes = require "altmig.mode"
local sys = require "altmig.sys"

local rpm = {}

local DIRECTORY <const> = "/opt/freeware/packages"
local DATABASE <const> = DIRECTORY .. "/Packages"
local MAGIC <const>, NAME_AT <const>, NAME_SIZE <const>, LEAD_SIZE <const> = "\xed\xab\xee\xdb", 11, 66, 96

---@class lab.rpm.Package
---@field name string
---@field level string   # version and release: "2.0-1"
---@field time integer
---@field summary string

--- The lead of an image of "NAME-VERSION-RELEASE".
---@param package string
---@return string
function rpm.image(package)
  local lead = MAGIC .. "\3\0\0\0\0\5" .. package .. ("\0"):rep(NAME_SIZE - #package)
  return lead .. ("\0"):rep(LEAD_SIZE - #lead)
end

--- The package that an image holds.
---@param path string
---@return string? name
---@return string? level
function rpm.read_image(path)
  local text = sys.read_file(path) or ""
  if text:sub(1, 4) ~= MAGIC or #text < LEAD_SIZE then return nil end
  return text:sub(NAME_AT, NAME_AT + NAME_SIZE - 1):match("^(.+)%-([^%-%z]+%-[^%-%z]+)")
end

--- The packages that are installed below a root.
---@param root string?
---@return lab.rpm.Package[]
function rpm.installed(root)
  local list = {}
  for line in (sys.read_file((root or "") .. DATABASE) or ""):gmatch("[^\n]+") do
    local name, level, time, summary = line:match("^(%S+) (%S+) (%d+) (.*)$")
    if name then list[#list + 1] = { name = name, level = level, time = math.tointeger(tonumber(time)), summary = summary } end
  end
  return list
end

--- Puts a package into the database, in the place of another version.
---@param package lab.rpm.Package
---@param root string?
function rpm.record(package, root)
  local lines = {}
  for _, one in ipairs(rpm.installed(root)) do
    if one.name ~= package.name then lines[#lines + 1] = ("%s %s %d %s\n"):format(one.name, one.level, one.time, one.summary) end
  end
  lines[#lines + 1] = ("%s %s %d %s\n"):format(package.name, package.level, package.time, package.summary)
  assert(sys.makedirs((root or "") .. DIRECTORY, modes.DIR))
  assert(sys.write_file((root or "") .. DATABASE, table.concat(lines), { mode = modes.FILE }))
end

--- The rows of lslpp -Lc for the packages that are wanted: the date holds colons.
---@param wanted fun(package: string): boolean
---@return string
function rpm.lslpp_rows(wanted)
  local lines = {}
  for _, one in ipairs(rpm.installed()) do
    local package = one.name .. "-" .. one.level
    if wanted(package) then
      lines[#lines + 1] = ("%s:%s:%s: : :C:R:%s: :/bin/rpm -e %s: : : : :0: :/opt/freeware:%s\n"):format(package, package, one.level,
        one.summary, one.name, os.date("!%a %b %d %H:%M:%S %Y", one.time))
    end
  end
  return table.concat(lines)
end

return rpm
