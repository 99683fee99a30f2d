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

--- Headers with functions that are in other sources than that of their name: in which, and why.
local ELSEWHERE <const> = {
  ["bind/bind_modules.h"] = { "the openers of all modules", "bind/l_*.c" },
  ["core/archive/bff.h"] = { "reading and writing are one contract", "core/archive/bff_write.c" },
  ["core/config/merge.h"] = { "accounts are merged by the same contract", "core/config/users.c" },
  ["core/restore/restore.h"] = { "what a restore promises, a comparison looks for", "core/restore/verify.c" },
  ["core/tree/backend.h"] = { "what back ends implement and get", "core/tree/{tree,resolve,entry}.c" },
  ["core/tree/nfs/connect.h"] = { "a mount without MOUNT, and the first look at one", "core/tree/nfs/nfs.c" },
  ["core/tree/resolve.h"] = { "the name under which a file comes to its place", "core/tree/file.c" },
  ["core/tree/tree.h"] = { "the face of the folder", "core/tree/{entry,file,local,walk,digest,copy,resolve}.c" },
  ["host/line.h"] = { "two line editors, and the module over them", "host/{line_plain,line_libedit,repl}.c" },
}

--- The text of the sources that hold what `path` declares.
local function sources_of(path)
  local further, list = ELSEWHERE[path] and ELSEWHERE[path][2] or "", {}
  local folder, names = further:match "^(.*/)(.*)$"
  for name in (folder and names:match "{(.*)}" or ""):gmatch "[^,]+" do list[#list + 1] = folder .. names:gsub("{.*}", name) end
  if folder and #list == 0 then
    local pattern = "^" .. names:gsub("%p", { ["*"] = ".*", ["."] = "%." }) .. "$"
    for _, name in ipairs(assert(sys.list(ROOT .. "/engine/" .. folder))) do
      if name:match(pattern) then list[#list + 1] = folder .. name end
    end
  end
  for i, name in ipairs(list) do list[i] = assert(sys.read_file(ROOT .. "/engine/" .. name), name) end
  return sys.read_file(ROOT .. "/engine/" .. path:gsub("h$", "c")) or "", table.concat(list, "\n")
end

--- Calls fn(path) for every header below engine/ (path is relative to it).
local function each_header(fn, folder)
  for _, name in ipairs(assert(sys.list(ROOT .. "/engine/" .. folder))) do
    local path = (folder == "" and "" or folder .. "/") .. name
    if name:find "%.h$" then
      fn(path)
    elseif sys.list(ROOT .. "/engine/" .. path) then
      each_header(fn, path)
    end
  end
end

--- Where a function is declared is where it is to be found.
function TestRooms:test_a_header_with_functions_has_the_source_of_its_name()
  local count, needed, folders = 0, {}, {}
  each_header(function(path)
    local text = "\n" .. assert(sys.read_file(ROOT .. "/engine/" .. path)):gsub("/%*.-%*/", ""):gsub("\n\t[^\n]*", "")
    local own, others = sources_of(path)
    folders[path:match "^(.*)/"] = true
    for line in text:gmatch "\n(%l[^\n]*)" do
      local name = line:match "^[%w_ *]-([%w_]+)%("
      if name and not line:find "^static inline" and not line:find "^typedef" then
        local pattern = "%f[%w_]" .. name .. "%)?%("
        count = count + 1
        if not own:find(pattern) then
          lu.assertNotNil(others:find(pattern), ("engine/%s declares %s, which is in no source of that name"):format(path, name))
          needed[path] = true
        end
      end
    end
  end, "")
  for path in pairs(ELSEWHERE) do lu.assertTrue(needed[path] or false, path .. " needs no exception") end
  for _, folder in ipairs { "bind", "host", "core/tree", "core/tree/nfs", "core/restore" } do lu.assertTrue(folders[folder] or false) end
  lu.assertTrue(count > 250)
end

--- Tests mirror the folders: core/odm/value.c has core/odm/test_value.c, lua/altmig/merge has lua/merge.
function TestRooms:test_tests_are_in_the_folders_of_what_they_test()
  local missing, count = {}, 0
  each_source(function(folder, file)
    if file:find "%.c$" then
      local test = ("tests/core/%s/test_%s"):format(folder, file:match "[^/]+$")
      count = count + 1
      if not sys.stat(ROOT .. "/" .. test) then missing[#missing + 1] = test end
    end
  end)
  lu.assertEquals(missing, {}, "a file of the core without a test of its own")
  lu.assertTrue(count > 60)
  for _, name in ipairs(assert(sys.list(ROOT .. "/tests/lua"))) do
    if not name:find "%.lua$" and name ~= "lab" then
      lu.assertNotNil(sys.stat(ROOT .. "/lua/altmig/" .. name), "tests/lua/" .. name)
    end
  end
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
