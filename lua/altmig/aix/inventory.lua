-- SPDX-License-Identifier: MIT
-- What the software database says its files were when they were installed: size and sum of the
-- class inventory, in the three repositories. It tells whether the site changed a file, not what the
-- file was. Configuration files are mostly VOLATILE there: nothing is known of those.
--
-- The sum is that of `sum -r`. For inventory stanzas of images this is verified with a real file; the
-- class holds the same number, and -1 stands for VOLATILE (inferred: inventory-sum).

local err = require "altmig.err"
local swvpd = require "altmig.swvpd"

local inventory = {}

local FILE <const> = swvpd.file_types.file
local SLICE <const> = 64 -- filesets read at a time: a real class has 100,000 objects

---@class altmig.inventory.Table
---@field sizes table<string, integer>
---@field sums table<string, integer>
local Table = {}
Table.__index = Table

local function read_repository(self, store, wanted)
  local highest = 0
  for _, row in ipairs(err.check(store:get("lpp"))) do highest = math.max(highest, row.lpp_id) end
  for first = 0, highest, SLICE do
    local criteria = ("lpp_id >= %d AND lpp_id < %d"):format(first, first + SLICE)
    for _, row in ipairs(err.check(store:get("inventory", criteria))) do
      local size, sum = swvpd.number(row.size), swvpd.number(row.checksum)
      if size and sum and row.file_type == FILE and (not wanted or wanted[row.loc0]) then
        self.sizes[row.loc0], self.sums[row.loc0] = size, sum
      end
    end
  end
end

--- Reads the inventories of a system. A repository that is not there or cannot be read tells nothing;
--- `problems` says why. Raises for other failures, as of a lost connection.
---@param tree table
---@param wanted table<string, boolean>?   # only these paths
---@return altmig.inventory.Table inventory
---@return string[] problems
function inventory.read(tree, wanted)
  local self, problems = setmetatable({ sizes = {}, sums = {} }, Table), {}
  local db <close> = swvpd.open(tree)
  for _, part in ipairs(swvpd.parts) do
    local ok, e = xpcall(function() read_repository(self, err.check(db:store(part)), wanted) end, err.wrap)
    if not ok and not (err.is_absent(e.code) or e.code == "ODM_CLASS") then
      if not e.code:match("^ODM_") then error(e, 0) end
      problems[#problems + 1] = e.message
    end
  end
  return self, problems
end

--- Whether the site changed a file: true, false, or nil where the inventory does not say.
---@param path string
---@param data string
---@return boolean?
function Table:changed(path, data)
  local size = self.sizes[path]
  if not size then return nil end
  return size ~= #data or self.sums[path] ~= swvpd.sum(data)
end

--- The same from a line of `sum -r`: the sum and the number of KiB.
---@param path string
---@param sum integer
---@param blocks integer
---@return boolean?
function Table:sum_differs(path, sum, blocks)
  local size = self.sizes[path]
  if not size then return nil end
  return self.sums[path] ~= sum or (size + 1023) // 1024 ~= blocks
end

return inventory
