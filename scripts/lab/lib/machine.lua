-- SPDX-License-Identifier: MIT
-- What an LPAR is besides its disks, where a scenario says so: processor, mode, model, memory, kernel extensions, loaded
-- libraries, encrypted volumes, a cluster. A file of lines KEY=VALUE in its rootvg; without it, it is an ordinary one.

local sys = require "altmig.sys"

local machine = {}

local FILE <const> = "/usr/lpp/lab/machine"

--- Values by key; those of a key that has several stand in the order of the file.
---@param root string?
---@return table<string, string[]>
function machine.read(root)
  local values = {}
  for key, value in (sys.read_file((root or "") .. FILE) or ""):gmatch("([%w_]+)=([^\n]*)\n") do
    values[key] = values[key] or {}
    table.insert(values[key], value)
  end
  return values
end

--- The value of a key, the last one.
---@param key string
---@param default string?
---@return string?
function machine.value(key, default)
  local list = machine.read()[key]
  return list and list[#list] or default
end

--- Adds a line.
---@param key string
---@param value string
---@return true?, string?
function machine.add(key, value)
  return sys.write_file(FILE, (sys.read_file(FILE) or "") .. key .. "=" .. value .. "\n")
end

return machine
