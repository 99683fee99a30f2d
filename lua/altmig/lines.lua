-- SPDX-License-Identifier: MIT
-- Lines of a text.

local lines = {}

--- The lines of a text without their ends; the end of the last one may be missing.
---@param text string?
---@return string[]
function lines.split(text)
  local list = {}
  for line in (text or ""):gmatch("([^\n]*)\n") do list[#list + 1] = line end
  local rest = (text or ""):match("[^\n]+$")
  if rest then list[#list + 1] = rest end
  return list
end

--- The lines that are not empty.
---@param text string?
---@return string[]
function lines.filled(text)
  local list = {}
  for line in (text or ""):gmatch("[^\n]+") do list[#list + 1] = line end
  return list
end

--- The text of these lines.
---@param list string[]
---@return string
function lines.join(list) return #list == 0 and "" or table.concat(list, "\n") .. "\n" end

return lines
