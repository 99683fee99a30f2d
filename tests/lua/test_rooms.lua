-- SPDX-License-Identifier: MIT
-- The folders of the engine include only what engine/README.md allows them; every source names its licence.

local lu = require "luaunit"
local sys = require "altmig.sys"

local ROOT <const> = DATA_DIR .. "/../.."
local CORE <const> = ROOT .. "/engine/core"

--- The table of engine/README.md: folder -> set of folders it may include.
local function allowed()
  local text = assert(sys.read_file(ROOT .. "/engine/README.md")):match "## Where to look(.-)\nEvery public"
  local rooms = {}
  for room, list in text:gmatch "\n| `([%l/]+)/` | ([^|\n]*) |" do
    rooms[room] = { [room] = true }
    for name in list:gmatch "[%l/]+" do rooms[room][name] = true end
  end
  return rooms
end

--- Calls fn(folder, file, text) for every source of the engine's core.
local function each_source(fn, at)
  local folder = at or ""
  for _, name in ipairs(assert(sys.list(CORE .. "/" .. folder))) do
    local path = (folder == "" and "" or folder .. "/") .. name
    if name:find "%.[ch]$" then
      fn(folder, path, assert(sys.read_file(CORE .. "/" .. path)))
    elseif sys.list(CORE .. "/" .. path) then
      each_source(fn, path)
    end
  end
end

TestRooms = {}

function TestRooms:test_each_folder_is_in_the_table()
  local rooms, seen = allowed(), {}
  each_source(function(folder, file)
    lu.assertNotEquals(folder, "", file .. " is in no folder")
    seen[folder] = true
  end)
  for folder in pairs(seen) do lu.assertNotNil(rooms[folder], folder) end
  for room, may in pairs(rooms) do
    lu.assertTrue(seen[room], room)
    for name in pairs(may) do lu.assertNotNil(rooms[name], room .. " may include " .. name) end
  end
end

function TestRooms:test_a_folder_includes_only_what_it_may()
  local rooms, count = allowed(), 0
  each_source(function(folder, file, text)
    for header in text:gmatch '#include "([^"]+)"' do
      local from = header:match "^(.*)/[^/]+$"
      count = count + 1
      lu.assertNotNil(from, file .. ": " .. header .. " is included without its folder")
      lu.assertTrue(rooms[folder][from] or false, file .. " includes " .. header)
    end
  end)
  lu.assertTrue(count > 150)
end

function TestRooms:test_the_direction_has_no_circle()
  local rooms = allowed()
  local function visit(room, path)
    lu.assertNil(path[room], room .. " is below itself")
    path[room] = true
    for name in pairs(rooms[room]) do
      if name ~= room then visit(name, path) end
    end
    path[room] = nil
  end
  for room in pairs(rooms) do visit(room, {}) end
end

--- Where a function is declared is where it is to be found. The back ends of tree/ and restore/ share headers.
function TestRooms:test_a_header_with_functions_has_the_source_of_its_name()
  local many <const> = { ["engine/bind/bind_modules.h"] = "the openers of all modules" }
  local count = 0
  for _, folder in ipairs { "bind", "core/aix", "core/archive", "core/base", "core/config", "core/host", "core/odm", "core/remote" } do
    for _, name in ipairs(assert(sys.list(ROOT .. "/engine/" .. folder))) do
      local path = ("engine/%s/%s"):format(folder, name)
      if path:find "%.h$" and not many[path] then
        local text = "\n" .. assert(sys.read_file(ROOT .. "/" .. path)):gsub("/%*.-%*/", ""):gsub("\n\t[^\n]*", "")
        for line in text:gmatch "\n(%l[^\n]*)" do
          if line:find "^[%w_ *]+%(" and not line:find "^static inline" and not line:find "^typedef" then
            count = count + 1
            lu.assertNotNil(sys.stat(ROOT .. "/" .. path:gsub("h$", "c")), path .. ": " .. line)
          end
        end
      end
    end
  end
  lu.assertTrue(count > 100)
end

--- Lua and printing are for the layers above.
function TestRooms:test_core_knows_neither_lua_nor_a_terminal()
  each_source(function(_, file, text)
    lu.assertNil(text:match '#include <(l[ua]+x?lib%.h)>' or text:match '#include [<"](lua%.h)', file)
    lu.assertNil(text:match "[^%w_](printf%s*%b())", file)
  end)
end

--- Calls fn(path) for every file below a folder of the source tree that is no data of the fuzz targets.
local function each_file(folder, fn)
  for _, name in ipairs(assert(sys.list(ROOT .. "/" .. folder))) do
    local path = folder .. "/" .. name
    if sys.list(ROOT .. "/" .. path) then
      if path ~= "tests/fuzz/corpus" then each_file(path, fn) end
    else
      fn(path)
    end
  end
end

--- The first line is the licence; the second, after the line of an interpreter or of ---@meta.
function TestRooms:test_each_source_names_its_licence()
  local kinds = { c = "/* %s */", h = "/* %s */", lua = "-- %s", sh = "# %s", txt = "# %s" }
  local missing, count = {}, 0
  local function look(path)
    local kind = path:match "CMakeLists%.txt$" and "txt" or path:match "%.([chlua]+)$" or path:match "%.sh$" and "sh"
    local text = sys.read_file(ROOT .. "/" .. path)
    if not kind and not path:find "[^/]%.[^/]*$" and text:find "^#!" then kind = "sh" end
    if not kinds[kind] then return end
    local first, rest = text:match "^([^\n]*)\n(.*)"
    if first:find "^#!" or first:find "^%-%-%-@meta" then first = rest:match "^[^\n]*" end
    count = count + 1
    if first ~= kinds[kind]:format "SPDX-License-Identifier: MIT" then missing[#missing + 1] = path end
  end
  for _, folder in ipairs { "engine", "lua", "scripts", "tests", ".ci" } do each_file(folder, look) end
  look "CMakeLists.txt"
  lu.assertEquals(missing, {}, "the first line of these is to be a comment: SPDX-License-Identifier: MIT")
  lu.assertTrue(count > 480)
end
