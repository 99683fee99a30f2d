-- SPDX-License-Identifier: MIT
-- The levels of AIX that the lab plays, from the tables of scripts/lab/images: nothing of a release is written anywhere
-- else. A level is a service pack, "7200-05-06-2320".

local filesfile = require "lab.filesfile"
local resource = require "altmig.resource"

local release = {}

---@class lab.release.Fileset
---@field kind string bos, image, master or site
---@field name string
---@field level string "7.2.5.201"
---@field package string
---@field description string
---@field date string build date, YYWW
---@field requisites string lines of lpp_name
---@field bosboot string?
---@field root boolean?
---@field not_on_client boolean?
---@field optional boolean?

---@class lab.release.Level
---@field level string "7200-05-06-2320"
---@field version string "7.2"
---@field technology_level string "7200-05"
---@field base string "7.2.5.0", the level of the technology level's base images
---@field date string "2320"
---@field time integer when its files were made
---@field boot_blocks integer size of a boot image
---@field programs string[] paths in the usr part beside the common ones
---@field tunables table<string, table<string, string>> defaults, by command
---@field signed boolean? its images carry a signature
---@field links table<string, string> links of the usr part
---@field scripts table<string, table<string, table<string, string>>> control scripts by fileset and part
---@field rpms {installed: string[][]?, images: string[]?} RPMs of a client (name, level, summary), and those in an lpp_source
---@field filesets lab.release.Fileset[] without the site's
---@field levels table<string, string> the same, by name

local function read(name) return assert(resource.read("scripts/lab/images/" .. name), "no " .. name) end

local loaded = {}

--- A table of scripts/lab/images, read once.
---@param name string
---@param ... any what its chunk is given
---@return any
function release.table(name, ...)
  if not loaded[name] then loaded[name] = assert(load(read(name), "@" .. name, "t"))(...) end
  return loaded[name]
end

local catalogue = function() return release.table "catalogue.lua" end

--- A level's four numbers.
local function numbers(level)
  local v, r, m, f = level:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
  return assert(v, level), r, m, f
end

-- Every fileset's requisite on a base image of the same release, at the level that it has here.
local function requisites_of(text, levels, version)
  return (text:gsub("(%S+) {base}", function(name)
    local have = levels[name]
    local _, _, modification = numbers(have and have:sub(1, #version + 1) == version .. "." and have or version .. ".0.0")
    return ("%s %s.%s.0"):format(name, version, modification)
  end))
end

-- The levels of one release's table, each with all that is in force there.
local function levels_of(directory)
  local data = release.table(directory .. "/release.lua")
  local out, levels, dates, requisites, scripts = {}, {}, {}, setmetatable({}, { __index = data.requisites }), {}
  for _, row in ipairs(data.levels) do
    local short, technology, service, date = row.level:match("^(%d%d)00%-(%d%d)%-(%d%d)%-(%d%d%d%d)$")
    assert(short, row.level)
    for name, level in pairs(row.filesets) do
      levels[name] = level or nil
      dates[name] = data.dates and data.dates[name] or date
    end
    for name, text in pairs(row.requisites or {}) do requisites[name] = text end
    for name, parts in pairs(row.scripts or {}) do scripts[name] = parts end
    local one = { level = row.level, version = data.version, technology_level = row.level:sub(1, 7), service_pack = tonumber(service),
      base = ("%s.%d.0"):format(data.version, tonumber(technology)), date = date, time = row.time, usual = row.usual,
      boot_blocks = data.boot_blocks, programs = data.programs, fixes = row.fixes or {}, directory = directory, filesets = {},
      levels = {}, links = data.links or {}, scripts = {}, rpms = data.rpms or {}, signed = data.signed }
    for name, parts in pairs(scripts) do one.scripts[name] = parts end
    for name, level in pairs(levels) do one.levels[name] = level end
    one.tunables = data.tunables
    for _, fileset in ipairs(catalogue()) do
      if levels[fileset.name] then
        local copy = { level = levels[fileset.name], date = dates[fileset.name],
          requisites = requisites_of(requisites[fileset.name] or "", levels, data.version) }
        for key, value in pairs(fileset) do copy[key] = value end
        one.filesets[#one.filesets + 1] = copy
      end
    end
    for name in pairs(levels) do assert(release.is_known(name), name .. " is not in the catalogue") end
    out[#out + 1] = one
  end
  return out
end

--- Whether the catalogue has a fileset.
---@param name string
---@return boolean
function release.is_known(name)
  for _, fileset in ipairs(catalogue()) do
    if fileset.name == name then return true end
  end
  return false
end

local all

--- Every level, oldest first.
---@return lab.release.Level[]
function release.levels()
  if all then return all end
  all = {}
  for _, directory in ipairs(release.table "releases.lua") do
    for _, one in ipairs(levels_of(directory)) do all[#all + 1] = one end
  end
  return all
end

--- The level of a name: "7200-05-06-2320", "7200-05-06" or "7200-05", which is the technology level's usual one.
---@param name string
---@return lab.release.Level?
---@return string? message
function release.find(name)
  local usual, last
  for _, one in ipairs(release.levels()) do
    if one.level == name or one.level:sub(1, -6) == name then return one end
    if one.technology_level == name then
      usual, last = one.usual and one or usual, one
    end
  end
  if usual or last then return usual or last end
  local known = {}
  for i, one in ipairs(release.levels()) do known[i] = one.level end
  return nil, ("%s: the lab has no such level; it has %s"):format(name, table.concat(known, ", "))
end

--- The level of the base images in an lpp_source of a level. "media": the technology level's own, as its DVDs have them;
--- "mixed": the release's first, to which a site added what came later.
---@param level lab.release.Level
---@param form string?
---@return lab.release.Level
function release.base(level, form)
  for _, one in ipairs(release.levels()) do
    if one.version == level.version and (form == "mixed" or one.technology_level == level.technology_level) then return one end
  end
  return level
end

--- The level after one, of the same release.
---@param level lab.release.Level
---@return lab.release.Level?
function release.next(level)
  for _, one in ipairs(release.levels()) do
    if one.version == level.version and one.level > level.level then return one end
  end
  return nil
end

--- Filesets of the site's own, which belong to no release.
---@return lab.release.Fileset[]
function release.site_filesets()
  local out = {}
  for _, fileset in ipairs(catalogue()) do
    if fileset.kind == "site" then out[#out + 1] = fileset end
  end
  return out
end

---------------------------------------------------------------- files and classes

-- The directories of the releases up to a level's, each of which changes what the ones before say.
local function each_directory(level, fn)
  for _, directory in ipairs(release.table "releases.lua") do
    fn(directory)
    if directory == level.directory then return end
  end
end

--- Shipped files of the root part: path -> entry.
---@param level lab.release.Level
---@return table<string, table>
function release.files(level)
  local files = {}
  each_directory(level, function(directory) filesfile.parse(read(directory .. "/root.files"), files) end)
  for _, entry in pairs(files) do entry.mtime = level.time end
  return files
end

local function matches(row, where)
  for name, value in pairs(where) do
    if row[name] ~= value then return false end
  end
  return true
end

-- What a release's table says about a class: rows that go, rows that change, rows that come.
local function apply(rows, change, class)
  for _, where in ipairs(change.drop or {}) do
    local kept = {}
    for _, row in ipairs(rows) do
      if not matches(row, where) then kept[#kept + 1] = row end
    end
    assert(#kept < #rows, class .. ": nothing to drop")
    rows = kept
  end
  for _, pair in ipairs(change.change or {}) do
    local found = false
    for _, row in ipairs(rows) do
      if matches(row, pair[1]) then
        for name, value in pairs(pair[2]) do row[name] = value end
        found = true
      end
    end
    assert(found, class .. ": nothing to change")
  end
  for _, row in ipairs(change.add or {}) do rows[#rows + 1] = row end
  return rows
end

-- The classes of a part ("predefined" or "shipped") without the fix database.
local function classes(level, part)
  local out = {}
  each_directory(level, function(directory)
    for class, change in pairs(release.table(directory .. "/classes.lua", release.table "rows.lua")[part]) do
      local copies = {}
      for i, row in ipairs(change.add or {}) do
        copies[i] = {}
        for name, value in pairs(row) do copies[i][name] = value end
      end
      out[class] = apply(out[class] or {}, { drop = change.drop, change = change.change, add = copies }, class)
    end
  end)
  return out
end

--- Rows of a level for the fix database: its release's technology levels and service packs, and single corrections.
---@param level lab.release.Level
---@return table[]
function release.fixes(level)
  local rows, seen = {}, {}
  local function add(name, abstract, kind, filesets, symptom)
    if not seen[name] and #filesets > 0 then
      seen[name] = true
      rows[#rows + 1] = { name = name, abstract = abstract, type = kind, filesets = table.concat(filesets, "\n") .. "\n",
        symptom = symptom .. "\n" }
    end
  end
  for _, one in ipairs(release.levels()) do
    if one.version == level.version and one.level <= level.level then
      local base, now = {}, {}
      for _, fileset in ipairs(one.filesets) do
        if (fileset.kind == "bos" or fileset.kind == "image") and fileset.level:sub(1, #one.version + 1) == one.version .. "." then
          now[#now + 1] = fileset.name .. ":" .. fileset.level
          -- What did not change with the technology level keeps an older third number.
          if fileset.level:sub(1, -#fileset.level:match("%d+$") - 1) == one.base:sub(1, -2) then
            base[#base + 1] = fileset.name .. ":" .. one.base
          end
        end
      end
      add(one.technology_level .. "_AIX_ML", ("AIX %s Update"):format(one.technology_level), "p", base,
        ("AIX %s Update"):format(one.technology_level))
      local short, technology, service, date = one.level:match("^(%d%d)00%-(%d%d)%-(%d%d)%-(%d+)$")
      add(("%s-%s-%s%s_SP"):format(short, technology, service, date), ("AIX %s Service Pack"):format(one.level:sub(1, -6)), "p", now,
        "Service Pack")
      for _, fix in ipairs(one.fixes) do add(fix[1], fix[2], "f", { fix[3] }, fix[4]) end
    end
  end
  return rows
end

--- Classes of /usr/lib/objrepos: class -> rows.
---@param level lab.release.Level
---@return table<string, table[]>
function release.predefined(level)
  local out = classes(level, "predefined")
  out.fix = release.fixes(level)
  return out
end

--- Classes of /etc/objrepos that the base system ships.
---@param level lab.release.Level
---@return table<string, table[]>
function release.shipped(level) return classes(level, "shipped") end

return release
