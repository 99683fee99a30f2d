-- SPDX-License-Identifier: MIT
--- The keys of a table in order, for what must come out the same in every run.
---@param map table<string, any>
---@return string[]
return function(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end
