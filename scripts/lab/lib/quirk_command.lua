-- SPDX-License-Identifier: MIT
-- altmig lab quirk: lists the quirks of the lab's commands and chooses among them. It runs on the engine
-- host; what the commands ask is in quirk.lua.

local err = require "altmig.err"
local output = require "altmig.ui.output"
local quirk = require "lab.quirk"
local sorted_keys = require "altmig.sorted_keys"
local sys = require "altmig.sys"

local command = {}

local function fail(...) err.exit(2, "altmig: lab quirk: " .. string.format(...)) end

local function index(list, value)
  for i, one in ipairs(list) do
    if one == value then return i end
  end
end

-- What is more than a word for the commands to ask for.
local function carry_out(dir, chosen)
  local function choice(name) return chosen[name] or quirk.known[name].values[1] end
  require "lab.login".install(dir, choice "login-shell", choice "login-environment")
end

local function show(dir, only)
  local chosen = quirk.chosen(dir)
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
function command.main(args)
  local dir = require "lab.lpar".dir()
  local name, value = args[1], args[2]
  if not name then return show(dir) end
  local row = quirk.known[name]
  if not row then fail("there is no quirk '%s'; without a name they are listed", name) end
  if not value then return show(dir, name) end
  if not index(row.values, value) then fail("%s is one of: %s", name, table.concat(row.values, ", ")) end
  if not sys.stat(dir .. "/lab.json") then err.exit(1, ("altmig: lab quirk: there is no lab at %s; altmig lab up"):format(dir)) end
  local chosen = quirk.chosen(dir)
  chosen[name] = value ~= row.values[1] and value or nil
  local carried_out, e = xpcall(carry_out, err.wrap, dir, chosen)
  if not carried_out then err.exit(1, "altmig: lab quirk: " .. e.message) end
  local ok, message = quirk.choose(dir, chosen)
  if not ok then err.exit(1, "altmig: lab quirk: " .. message) end
  return 0
end

return command
