-- SPDX-License-Identifier: MIT
-- The names that scripts of a site know modules by: they stay, wherever the files are.

local lu = require "luaunit"
local resource = require "altmig.resource"

TestNames = {}

function TestNames:test_every_public_name_is_there()
  for _, name in ipairs { "ssh", "tree", "bff", "odm", "merge", "bosboot", "nim", "migration", "flow", "swvpd", "imagedata" } do
    local module = require("altmig." .. name)
    lu.assertIsTable(module, name)
    lu.assertIs(require("altmig." .. name), module)
  end
end

--- A module that is required by two names is loaded twice: code of the project uses the public one.
function TestNames:test_a_module_has_one_name()
  local hidden = { "altmig.aix.bosboot", "altmig.aix.image_data", "altmig.aix.swvpd", "altmig.run.flow", "altmig.run.nim", '"altmig.run"',
    "altmig.merge.init", "altmig.odm.init", "altmig.run.init" }
  local count = 0
  for _, name in ipairs(resource.list "lua/altmig/") do
    local text = resource.read(name)
    count = count + 1
    for required in text:gmatch "require%(? ?(\"[^\"]+\")" do
      for _, other in ipairs(hidden) do
        lu.assertTrue(required ~= other and required ~= '"' .. other .. '"', name .. " requires " .. required)
      end
    end
  end
  lu.assertTrue(count > 70)
end

--- What a migration is made of can be read and tried module by module: each is a table, none patches another's,
--- and the metatable of m is in one place.
function TestNames:test_the_modules_of_a_run_stand_by_themselves()
  local public = { flow = "altmig.flow", nim = "altmig.nim", init = "altmig.migration" }
  local count = 0
  for _, file in ipairs(resource.list "lua/altmig/run/") do
    local name = file:match "^lua/altmig/run/(.+)%.lua$"
    local module = require(public[name] or ("altmig.run." .. name:gsub("/init$", ""):gsub("/", ".")))
    count = count + 1
    lu.assertIsTable(module, file)
    for step, definition in pairs(name:find "^steps/" and module.steps or {}) do
      lu.assertIsFunction(definition.run, file .. ": " .. step)
    end
    if name ~= "init" then lu.assertNil(resource.read(file):match "raw[gs]et", file) end
  end
  lu.assertTrue(count > 25)
end

--- nil, message, code is what C modules return, and the public functions in one line (err.returned). These files are
--- in the place of such a module; all others raise.
function TestNames:test_modules_raise()
  local face <const> = {
    ["aix/bosboot"] = "public; its functions hand on what run returned",
    ["aix/packages"] = "scan: a damaged image is told, and the next one is read",
    err = "err.returned itself",
    ["run/remote_files"] = "a tree over SSH, with the methods of altmig.tree",
    ["run/host"] = "the session of a host that could not be reached",
    ["run/session"] = "the guard of altmig.tree_nfs",
    ["ui/repl"] = "values for completion: what is not there is not offered",
  }
  local count = 0
  for _, name in ipairs(resource.list "lua/altmig/") do
    local short = name:match "^lua/altmig/(.+)%.lua$"
    local text = short and resource.read(name):gsub("%-%-[^\n]*", "") or ""
    if text:match "return nil, [%w_.]*message, [%w_.]*code" then
      lu.assertNotNil(face[short], name .. " hands on message and code: err.check raises them")
      count = count + 1
    end
  end
  lu.assertTrue(count > 3)
end
