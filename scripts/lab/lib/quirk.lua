-- SPDX-License-Identifier: MIT
-- Where nobody outside IBM knows what AIX does, a quirk chooses between the plausible behaviours. The
-- commands of the lab ask for it: quirk.value "savebase-in-chroot". The first value of each is what the
-- lab does until told otherwise; "altmig lab reset" goes back to that.

local err = require "altmig.err"
local json = require "altmig.json"
local sorted_keys = require "altmig.sorted_keys"
local sys = require "altmig.sys"

local quirk = {}

---@class lab.Quirk
---@field values string[]  the first is the default
---@field text string      what is not known

--- All of them. One row each: what is open, and the behaviours that the commands play.
---@type table<string, lab.Quirk>
quirk.known = {
}

local function file_of(dir) return dir .. "/quirks.json" end

local function read(dir)
  local text, message, code = sys.read_file(file_of(dir), 65536)
  if not text then
    if code == "ENOENT" then return {} end
    error(message, 0)
  end
  return assert(json.decode(text))
end

--- What was chosen, as an emulated command or a daemon of an LPAR sees it.
---@param name string
---@return string
function quirk.value(name)
  local row = assert(quirk.known[name], "no quirk is called " .. name)
  local world = assert(require "lpar".world())
  return read(world.path)[name] or row.values[1]
end

--- Whether that behaviour was chosen; a value that the quirk does not have is a mistake of the caller.
---@param name string
---@param value string
---@return boolean
function quirk.is(name, value)
  local row = assert(quirk.known[name], "no quirk is called " .. name)
  for _, one in ipairs(row.values) do
    if one == value then return quirk.value(name) == value end
  end
  error(("quirk %s has no value %s"):format(name, value), 2)
end

--- Forgets every choice of a lab.
---@param dir string
function quirk.forget(dir) sys.remove(file_of(dir)) end

local function fail(...) err.exit(2, "altmig: lab quirk: " .. string.format(...)) end

local function index(list, value)
  for i, one in ipairs(list) do
    if one == value then return i end
  end
end

local function show(dir, only)
  local output = require "altmig.ui.output" -- of the engine host; the commands do without
  local chosen = read(dir)
  for _, name in ipairs(sorted_keys(quirk.known)) do
    if not only or only == name then
      local row, words = quirk.known[name], {}
      for i, value in ipairs(row.values) do words[i] = (value == (chosen[name] or row.values[1]) and "*" or "") .. value end
      output.print("%-24s %s\n%-24s   %s", name, table.concat(words, " "), "", row.text)
    end
  end
  return 0
end

--- altmig lab quirk [NAME [VALUE]]
---@param args string[]
---@return integer status
function quirk.main(args)
  local dir = require "lab.lpar".dir()
  local name, value = args[1], args[2]
  if not name then return show(dir) end
  local row = quirk.known[name]
  if not row then fail("there is no quirk '%s'; without a name they are listed", name) end
  if not value then return show(dir, name) end
  if not index(row.values, value) then fail("%s is one of: %s", name, table.concat(row.values, ", ")) end
  if not sys.stat(dir .. "/lab.json") then err.exit(1, ("altmig: lab quirk: there is no lab at %s; altmig lab up"):format(dir)) end
  local chosen = read(dir)
  chosen[name] = value ~= row.values[1] and value or nil
  if not next(chosen) then
    quirk.forget(dir)
    return 0
  end
  local ok, message = sys.write_file(file_of(dir), json.encode(chosen, { sort = true }) .. "\n")
  if not ok then err.exit(1, "altmig: lab quirk: " .. message) end
  return 0
end

return quirk
