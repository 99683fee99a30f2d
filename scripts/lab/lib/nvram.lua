-- SPDX-License-Identifier: MIT
-- What the firmware of an LPAR remembers while its disks change: the boot lists. Outside of every
-- disk, in nvram.json of the LPAR's directory.

local json = require "altmig.json"
local sys = require "altmig.sys"

local nvram = {}

---@class lab.nvram.Entry
---@field disk string
---@field blv string?

--- The boot lists of an LPAR, by mode ("normal", "service").
---@param dir string directory of the LPAR: .../lpars/HOST
---@return table<string, lab.nvram.Entry[]>?
---@return string? message
---@return string? code
function nvram.bootlists(dir)
  local text, message, code = sys.read_file(dir .. "/nvram.json", 65536)
  if not text then
    if code == "ENOENT" then return { normal = {}, service = {} } end
    return nil, message, code
  end
  local data
  data, message = json.decode(text)
  if type(data) ~= "table" or type(data.bootlist) ~= "table" then
    return nil, dir .. "/nvram.json: " .. (message or "no boot list in it"), "NVRAM"
  end
  return { normal = data.bootlist.normal or {}, service = data.bootlist.service or {} }
end

--- Sets the boot list of one mode.
---@param dir string
---@param mode string "normal" or "service"
---@param entries lab.nvram.Entry[]
---@return true?
---@return string? message
---@return string? code
function nvram.set_bootlist(dir, mode, entries)
  local lists, message, code = nvram.bootlists(dir)
  if not lists then return nil, message, code end
  lists[mode] = entries
  for name, list in pairs(lists) do lists[name] = json.array(list) end
  return sys.write_file(dir .. "/nvram.json", json.encode({ bootlist = lists }, { sort = true }) .. "\n")
end

return nvram
