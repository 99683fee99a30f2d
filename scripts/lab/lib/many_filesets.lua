-- SPDX-License-Identifier: MIT
-- A client with many filesets, and the images of their next release: requisites of every kind, base images with updates on
-- them, root parts, configuration files of every method, scripts. All of it follows from the number: the same each time.

local modes = require "altmig.mode"
local sys = require "altmig.sys"

local many = {}

local OLD <const>, BASE <const>, UPDATE <const> = "1.1.0.0", "1.2.0.0", "1.2.0.5"
local OLD_DATE <const>, NEW_DATE <const> = "1846", "2320"
local OF_ONE_PACKAGE <const> = 5
local TIME <const> = 1600000000

many.methods = { "preserve", "hold_new", "auto_merge", "user_merge", "other" }

--- The name of the i-th.
---@param i integer
---@return string
function many.name(i) return ("many.p%03d.f%d"):format((i - 1) // OF_ONE_PACKAGE + 1, (i - 1) % OF_ONE_PACKAGE + 1) end

local name = many.name

local function package_of(i) return (name(i):match("^(many%.p%d+)")) end

--- The level that the i-th has in the lpp_source; that of an update for every tenth.
---@param i integer
---@return string
function many.level(i) return i % 10 == 0 and UPDATE or BASE end

-- Lines that the i-th of `count` asks for. What is named before it is there in every case; what comes after it as well,
-- but circles are of corequisites alone.
local kinds = {
  function(i) return ("*prereq %s 1.2.0.0\n"):format(name(i - 1)) end,
  function(i, count) return i < count and ("*coreq %s 1.2.0.0\n"):format(name(i + 1)) or "" end,
  function(i) return ("*coreq %s 1.2.0.0\n"):format(name(i - 1)) end,
  function(i) return ("*ifreq %s (1.1.0.0) 1.2.0.0\n*ifreq many.none.f1 9.0.0.0\n"):format(name(i - 3)) end,
  function(i) return ("*instreq %s 1.2.0.0\n"):format(name(i - 4)) end,
  function(i) return (">0 {\n*prereq many.none.f2 1.0.0.0\n*prereq %s 1.2.0.0\n}\n"):format(name(i - 2)) end,
  function(i) return (">1 {\n*prereq %s 1.2.0.0\n*prereq bos.rte.libc 7.1.0.0\n*prereq many.none.f3 1.0.0.0\n}\n"):format(name(i - 1)) end,
  function(i)
    return (">0 {\n>1 {\n*prereq bos.rte v<6\n*prereq many.none.f4 1.0.0.0\n}\n>1 {\n*prereq bos.rte 7.1.0.0\n*prereq %s v=1 r>1\n}\n}\n")
      :format(name(i - 5))
  end,
  function(i) return ("*prereq %s v=1 r=2\n*prereq many.common.rte 1.2.0.0\n"):format(name(i - 6)) end,
  function() return "" end,
  function(i) return ("*prereq\t%s   01.02.0000.0000\n*prereq bos.rte 7.1.0.0\n"):format(name((i * 7) % (i - 1) + 1)) end,
}

local function requisites_of(i, count)
  if i < 8 then return i > 1 and ("*prereq %s 1.2.0.0\n"):format(name(i - 1)) or "" end
  return kinds[i % #kinds + 1](i, count)
end

---@param i integer
---@return string? method of the configuration file of the i-th, where it has one
function many.method(i) return i % 6 == 0 and many.methods[i // 6 % #many.methods + 1] or nil end

--- The configuration file of the i-th; what its level ships.
---@param i integer
---@param new boolean
---@return string path, string text
function many.configuration(i, new)
  return ("/etc/many/f%04d.conf"):format(i), ("# settings of %s\nrelease = %s\nlimit = 10\n"):format(name(i), new and "new" or "old")
end

--- What every site did to it: a value is another.
---@param text string
---@return string
function many.edited(text) return (text:gsub("limit = 10", "limit = 99")) end

local function text_of(path, level) return ("\1\xf7%s %s\n%s\n"):format(path, level, (path .. level):rep(20)) end

-- The files of the i-th at a level; nil without a root part.
local function files_of(i, level, new)
  local dir, list = ("/usr/many/p%03d"):format((i - 1) // OF_ONE_PACKAGE + 1), {}
  local function add(path, text, mode)
    list[#list + 1] = { path = path, type = "file", mode = modes.octal(mode or "444"), uid = 2, gid = 2, mtime = TIME, data = text }
  end
  add(("%s/prog%04d"):format(dir, i), text_of("prog" .. i, level), "555")
  add(("%s/%s%04d"):format(dir, new and "new" or "old", i), text_of("data" .. i, level))
  if i % 9 == 0 then add(("/opt/many/lib%04d"):format(i), text_of("lib" .. i, level)) end
  if i % 14 == 0 then add(("/var/many/state%04d"):format(i), text_of("state" .. i, level)) end
  if many.method(i) then add(many.configuration(i, new)) end
  list[1].mode = modes.octal "555"
  return list
end

local function has_root(i) return i % 6 == 0 or i % 9 == 0 or i % 14 == 0 end

local function scripts_of(i)
  if i % 15 ~= 0 then return nil end
  local function script(word) return ("#!/usr/bin/ksh\necho '%s of %s'\nexit 0\n"):format(word, name(i)) end
  return { pre_i = script "pre_i", post_i = script "post_i", config = script "config" }
end

local function fileset(i, count, level)
  local path = many.configuration(i, true)
  return { name = name(i), level = level, description = ("Fileset %d of many"):format(i), content = has_root(i) and "B" or "U",
    date = NEW_DATE, prereq = requisites_of(i, count), files = files_of(i, level, true),
    cfgfiles = many.method(i) and { { path = path, method = many.method(i) } } or nil, usr_scripts = scripts_of(i),
    room = { { "/usr/many", 400 }, { "INSTWORK", 24, 16 } } }
end

--- Writes the images into a directory: a base image of each package, an update for every tenth fileset, and one of a
--- fileset that others require and the client has not.
---@param dir string
---@param count integer
function many.images(dir, count)
  local packages = require "lab.packages"
  assert(sys.makedirs(dir, modes.DIR))
  local by_package, order = {}, {}
  for i = 1, count do
    local package = package_of(i)
    if not by_package[package] then
      by_package[package] = {}
      order[#order + 1] = package
    end
    table.insert(by_package[package], fileset(i, count, BASE))
    if many.level(i) == UPDATE then
      local update = { name = name(i), level = UPDATE, description = ("Fileset %d of many"):format(i),
        content = has_root(i) and "B" or "U", date = NEW_DATE,
        prereq = ("*prereq %s 1.2.0.0\n"):format(name(i)), files = { files_of(i, UPDATE, true)[1] },
        room = { { "/usr/lpp/SAVESPACE", 16 }, { "INSTWORK", 16, 8 } } }
      assert(packages.write(("%s/%s.%s.U"):format(dir, name(i), UPDATE), { package = package, kind = "S", filesets = { update },
        mtime = TIME }))
    end
  end
  for _, package in ipairs(order) do
    assert(packages.write(("%s/%s.%s.I"):format(dir, package, BASE), { package = package, kind = "I", filesets = by_package[package],
      mtime = TIME }))
  end
  assert(packages.write(("%s/many.common.%s.I"):format(dir, BASE), { package = "many.common", kind = "I", mtime = TIME, filesets = {
    { name = "many.common.rte", level = BASE, description = "What others require", content = "U", date = NEW_DATE, prereq = "",
      files = { { path = "/usr/many/common", type = "file", mode = modes.octal "444", uid = 2, gid = 2, mtime = TIME,
        data = "common\n" } } } } }))
end

--- Puts the old release of them on a system: files, pristine copies of the root parts, the software database. Every
--- configuration file is then edited.
---@param root string   the system's root directory
---@param count integer
function many.install(root, count)
  local images, swvpd = require "lab.images", require "lab.swvpd"
  local db, list, dirs = swvpd.open(root), {}, {}
  local function put(entry)
    local dir = entry.path:match("^(.+)/[^/]+$")
    while dir and not dirs[dir] do
      dirs[dir] = true
      dir = dir:match("^(.+)/[^/]+$")
    end
    list[#list + 1] = entry
  end
  for i = 1, count do
    local part_files = { usr = {}, root = {} }
    for _, entry in ipairs(files_of(i, OLD, false)) do
      local is_usr = entry.path:match("^/usr/") ~= nil
      local method = not is_usr and many.method(i) and entry.path == many.configuration(i, false)
      table.insert(part_files[is_usr and "usr" or "root"], { path = entry.path, type = "file", size = method and -1 or #entry.data,
        checksum = method and -1 or swvpd.sum(entry.data) })
      if not is_usr then
        local pristine = {}
        for key, value in pairs(entry) do pristine[key] = value end
        pristine.path = ("/usr/lpp/%s/inst_root%s"):format(package_of(i), entry.path)
        put(pristine)
      end
      if method then entry.data = many.edited(entry.data) end
      put(entry)
    end
    local row = { name = name(i), level = OLD, package = package_of(i), description = ("Fileset %d of many"):format(i),
      has_root = has_root(i), date = OLD_DATE, prereq = "", time = TIME }
    for part, files in pairs(part_files) do
      if part == "usr" or has_root(i) then assert(db:record(part, row, files)) end
    end
  end
  local entries = {}
  for dir in pairs(dirs) do
    if not sys.lstat(root .. dir) then
      entries[#entries + 1] = { path = dir, type = "dir", mode = modes.octal "755", uid = 0, gid = 0, mtime = TIME }
    end
  end
  table.move(list, 1, #list, #entries + 1, entries)
  table.sort(entries, function(a, b) return a.path < b.path end)
  assert(images.write_tree(entries, root))
  assert(db:commit())
  db:close()
end

return many
