-- SPDX-License-Identifier: MIT
-- Interim fixes of the lab. One that is on a system is a file /usr/emgrdata/DBS/LABEL with the lines state=, time=,
-- abstract= and any number of fileset=. The packages (*.epkg.Z) of the lab are such lines too: label=, abstract=,
-- fileset=, and from= and to=, the levels of that fileset which the fix was built for.

local swvpd = require "lab.swvpd"
local sys = require "altmig.sys"

local efix = {}

local DIRECTORY <const> = "/usr/emgrdata/DBS"

local function read(path)
  local text, message = sys.read_file(path)
  if not text then return nil, message end
  local fix = { filesets = {} }
  for name, value in text:gmatch("(%w+)=([^\n]*)") do
    if name == "fileset" then table.insert(fix.filesets, value) else fix[name] = value end
  end
  return fix
end

--- The fixes of the system, by label.
---@return { label: string, filesets: string[], state: string?, time: string?, abstract: string? }[]
function efix.list()
  local fixes = {}
  for _, label in ipairs(sys.list(DIRECTORY) or {}) do
    local fix = assert(read(DIRECTORY .. "/" .. label))
    fix.label = label
    fixes[#fixes + 1] = fix
  end
  table.sort(fixes, function(a, b) return a.label < b.label end)
  return fixes
end

--- Which filesets are locked, and by which fix.
---@return table<string, string>
function efix.locked()
  local locked = {}
  for _, fix in ipairs(efix.list()) do
    for _, fileset in ipairs(fix.filesets) do locked[fileset] = fix.label end
  end
  return locked
end

--- Takes a fix from the system.
---@param label string
---@return true? ok, string? message
function efix.remove(label)
  if not label:match("^%w+$") or not sys.lstat(DIRECTORY .. "/" .. label) then return nil, "There is no efix with label " .. label end
  return sys.remove(DIRECTORY .. "/" .. label)
end

-- Why a fix cannot be put on the system; nil if it can.
local function obstacle(fix)
  local locked, filesets = efix.locked(), swvpd.open():filesets() or {}
  for _, fileset in ipairs(fix.filesets) do
    local have = filesets[fileset]
    if locked[fileset] then return ("%s is locked by %s"):format(fileset, locked[fileset]) end
    if not have then return fileset .. " is not installed" end
    if swvpd.compare(have.level, fix.from) < 0 or swvpd.compare(have.level, fix.to) > 0 then
      return ("prerequisite %s %s to %s is not met: it is at %s"):format(fileset, fix.from, fix.to, have.level)
    end
  end
end

--- Puts the fix of a package on the system, or only looks whether it can be (preview).
---@param path string
---@param preview boolean?
---@return { label: string }? fix
---@return string? message
function efix.install(path, preview)
  local fix, message = read(path)
  if not fix then return nil, message end
  if not fix.label or #fix.filesets == 0 then return nil, path .. " is not an efix package" end
  message = obstacle(fix)
  if message or preview then return not message and fix or nil, message end
  local lines = { "state=S", "time=" .. os.date("!%m/%d/%y %H:%M:%S"), "abstract=" .. (fix.abstract or "") }
  for _, fileset in ipairs(fix.filesets) do lines[#lines + 1] = "fileset=" .. fileset end
  assert(sys.makedirs(DIRECTORY, 493))
  assert(sys.write_file(DIRECTORY .. "/" .. fix.label, table.concat(lines, "\n") .. "\n", { mode = 420 }))
  return fix
end

return efix
