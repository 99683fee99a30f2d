-- SPDX-License-Identifier: MIT
-- The descriptions for editors (lua/meta) name exactly the functions the C modules have.

local lu = require "luaunit"
local sys = require "altmig.sys"

-- What only some programs have: the lab's interpreter links no NFS client.
local optional = { ["altmig.tree"] = { nfs = true } }

local meta_dir = DATA_DIR .. "/../../lua/meta"

--- The functions a description declares for the module itself.
local function declared(text)
  local names = {}
  local module = text:match "\nlocal ([%l_]+) = {}"
  for name in text:gmatch("\nfunction " .. module .. "%.([%w_]+)%(") do names[name] = true end
  return names
end

TestMeta = {}

function TestMeta:test_descriptions_and_modules_agree()
  local files = assert(sys.list(meta_dir))
  for _, file in ipairs(files) do
    local text = assert(sys.read_file(meta_dir .. "/" .. file))
    local name = text:match "^%-%-%-@meta ([%w_%.]+)"
    lu.assertNotNil(name, file .. " names no module")
    local loaded, module = pcall(require, name)
    if loaded and type(module) == "table" then
      local names = declared(text)
      for key, value in pairs(module) do
        if type(value) == "function" then lu.assertTrue(names[key], ("%s: %s is not described"):format(file, key)) end
      end
      for key in pairs(names) do
        if not (optional[name] and optional[name][key]) then
          lu.assertEquals(type(module[key]), "function", ("%s: %s is described and not there"):format(file, key))
        end
      end
    end
  end
end
