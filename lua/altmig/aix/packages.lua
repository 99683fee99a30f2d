-- SPDX-License-Identifier: MIT
-- Directories of installp images, wherever they are: on the engine host, on an NFS server, on the
-- master behind SSH. What altmig reads of them itself: which filesets an image holds, the lists of
-- its control libraries, and, of a baseline, what the old level shipped.
--
-- An image is streamed once, from its beginning, and no further than needed.

local aix = require "altmig.aix.output"
local bff = require "altmig.bff"
local bigar = require "altmig.bigar"
local cfgfiles = require "altmig.aix.cfgfiles"
local err = require "altmig.err"
local installp = require "altmig.installp_core"
local sys = require "altmig.sys"
local tree = require "altmig.tree"

local images = {}

--- lpp_name of bos: some hundred filesets.
images.name_max = 8 << 20
images.library_max = 64 << 20
--- No configuration file or class is larger; what is larger is not kept as a default.
images.file_max = 256 << 20

---@class altmig.images.Directory
---@field name string        # for messages: "lpp_source lpp71 on nim01"
---@field list fun(): string[]
---@field open fun(name: string): any   # what bff.open takes
---@field close fun()

-- The directory of the images below a location: an lpp_source's own, or the location itself.
local below = "/installp/ppc"

local function of_local(location, name)
  local dir = sys.stat(location .. below) and location .. below or location
  return {
    name = name,
    list = function()
      local names = {}
      for _, entry in ipairs(err.check(sys.list(dir))) do
        local st = sys.stat(dir .. "/" .. entry)
        if st and st.type == "file" then names[#names + 1] = entry end
      end
      return names
    end,
    open = function(entry) return dir .. "/" .. entry end,
    close = function() end,
  }
end

local function of_url(url, name)
  local t = err.check(tree.nfs { { at = "/", url = url } })
  local dir = t:exists(below) and below or ""
  return {
    name = name,
    list = function()
      local names = {}
      for _, entry in ipairs(err.check(t:list(dir == "" and "/" or dir))) do
        local st = err.check(t:stat(dir .. "/" .. entry, { follow = true }))
        if st.type == "file" then names[#names + 1] = entry end
      end
      return names
    end,
    open = function(entry) return err.check(t:open(dir .. "/" .. entry)) end,
    close = function() t:close() end,
  }
end

local function of_master(m, location, name)
  local dir = m.master:holds { "test", "-d", location .. below } and location .. below or location
  return {
    name = name,
    list = function()
      local names = {}
      for entry in m.master:must({ "ls", "-p", dir }):gmatch("[^\n]+") do
        if entry:sub(-1) ~= "/" then names[#names + 1] = entry end
      end
      return names
    end,
    open = function(entry) return err.check(m.master.session:open(dir .. "/" .. entry)) end,
    close = function() end,
  }
end

--- The images of an lpp_source.
---@param m altmig.Migration
---@param resource altmig.nim.Resource
---@return altmig.images.Directory
function images.of_resource(m, resource)
  local name = ("%s %s"):format(resource.kind or "lpp_source", resource.name)
  if resource.host == "local" then return of_local(resource.location, name) end
  if resource.nfs then return of_url(resource.nfs, name) end
  return of_master(m, resource.location, ("%s on %s"):format(name, m.master.name))
end

--- The images that a word of the command line means: the name of an lpp_source, a directory of the
--- engine host, or an nfs:// URL. Raises when there is no such thing.
---@param m altmig.Migration
---@param word string
---@return altmig.images.Directory
function images.of_word(m, word)
  if word:match("^nfs://") then return of_url(word, word) end
  if word:sub(1, 1) == "/" then
    local st, message, code = sys.stat(word)
    if not st or st.type ~= "dir" then
      err.raise { code = st and "ENOTDIR" or code, message = ("images: %s: %s"):format(word, message or "not a directory") }
    end
    return of_local(word, word)
  end
  return images.of_resource(m, m.nim:resource("lpp_source", word))
end

---@class altmig.images.Name
---@field package string
---@field kind string                       # I install, S update, ...
---@field filesets altmig.lpp.Fileset[]

--- What an image says of itself; nil and why for text that is no lpp_name.
---@param text string
---@param name string?                      # the image, for messages
---@return altmig.images.Name?
---@return string? message
function images.parse_name(text, name)
  local lpp, message = installp.lpp(text, name)
  if not lpp then return nil, message end
  return { package = lpp.package, kind = lpp.type, filesets = lpp.filesets }
end

local function prefixes(installed)
  local set = {}
  for fileset in pairs(installed) do
    set[fileset] = true
    for at in fileset:gmatch("()%.") do set[fileset:sub(1, at - 1)] = true end
  end
  return set
end

--- The images that may hold one of these filesets, by their names: PACKAGE.V.R.M.F.KIND, as bffcreate
--- calls them; any other name may.
---@param names string[]
---@param installed table<string, any>
---@return string[]
function images.worth_reading(names, installed)
  local wanted, list = prefixes(installed), {}
  for _, name in ipairs(names) do
    local package = name:match("^(.-)%.%d+%.%d+%.%d+%.%d+%.") or name:match("^(.-)%.%d+%.%d+%.%d+%.%d+$")
    if not name:match("^%.") and not name:match("%.rpm$") and (not package or wanted[package]) then list[#list + 1] = name end
  end
  table.sort(list)
  return list
end

-- Failures of an archive itself; all others (a lost connection) end the run.
local function is_damage(code)
  code = tostring(code)
  return code:match("^BFF_") or code:match("^BIGAR_") or code == "TRUNCATED" or code == "E2BIG"
end
images.is_damage = is_damage

-- Reads an image: visit(archive, member, name) is called for each member after lpp_name and returns
-- true when it has seen enough. Result: what the image says of itself, or nil, message for one that is
-- damaged or no image.
local function scan(directory, entry, begin, visit)
  local archive, message, code = bff.open(directory.open(entry))
  if not archive then
    if is_damage(code) then return nil, message, code end
    err.raise { code = code, message = message }
  end
  local ok, name, why, what = xpcall(function()
    local name
    for member in archive:members() do
      if not name then
        local text = member.type == "file" and member.name:match("^%.?/?lpp_name$") and err.check(archive:read(member, images.name_max))
        if text then
          name = images.parse_name(text)
          if not name then return nil, "its lpp_name is not understood", "IMAGE_NAME" end
          if not begin(name) then return name end
        elseif member.type ~= "dir" then
          return nil, "it does not begin with lpp_name", "IMAGE_NAME"
        end
      elseif visit(archive, member, name) then
        return name
      end
    end
    if not name then return nil, "it has no lpp_name", "IMAGE_NAME" end
    return name
  end, err.wrap)
  archive:close()
  if ok then return name, why, what end
  if is_damage(name.code) then return nil, name.message, name.code end
  error(name, 0)
end

---@class altmig.images.Library
---@field lists table<string, string>      # fileset -> cfgfiles
---@field paths table<string, string[]>    # fileset -> files that its parts put into place

-- Absolute paths of an apply list; those of the root part as they are below inst_root are left out,
-- since the root part's own list names their places.
local function apply_list(text, paths)
  for line in text:gmatch("[^\r\n]+") do
    local path = cfgfiles.path(line)
    if path and not path:find("/inst_root/", 1, true) then paths[#paths + 1] = path end
  end
end

--- What the members of a control library tell, added to `into`.
---@param data string
---@param where string
---@param into altmig.images.Library
function images.add_library(data, where, into)
  local members = err.check(bigar.parse(data, where))
  for fileset, text in pairs(cfgfiles.of_library(members)) do into.lists[fileset] = (into.lists[fileset] or "") .. text .. "\n" end
  for _, member in ipairs(members) do
    local fileset = member.name:match("^(.+)%.al$")
    if fileset then
      into.paths[fileset] = into.paths[fileset] or {}
      apply_list(member.data, into.paths[fileset])
    end
  end
end

-- Control libraries are at /usr/lpp/PACKAGE[/FILESET/LEVEL][/inst_root]/liblpp.a.
local function library_part(name)
  local rest = name:match("^%.?/?usr/lpp/([^/]+/?.*)liblpp%.a$") or name:match("^%.?/?usr/share/lpp/([^/]+/?.*)liblpp%.a$")
  if not rest then return nil end
  return rest:match("inst_root/$") and "root" or "usr"
end
images.library_part = library_part

---@class altmig.images.Handling
---@field level string                                  # the highest of the images that count
---@field lists { image: string, text: string }[]       # the highest level's first, whose word counts before that of others
---@field paths string[]                                # each once

-- Of one fileset's images the highest base level counts, and the updates above it: what is installed is the one and then
-- the others.
---@param parts { level: string, image: string, base: boolean, list: string?, paths: string[] }[]
---@return altmig.images.Handling
local function handling_of(parts)
  table.sort(parts, function(x, y)
    local order = aix.compare_levels(x.level, y.level)
    return order > 0 or order == 0 and x.image < y.image
  end)
  local result, seen = { level = parts[1].level, lists = {}, paths = {} }, {}
  for _, part in ipairs(parts) do
    if part.list then result.lists[#result.lists + 1] = { image = part.image, text = part.list } end
    for _, path in ipairs(part.paths) do
      if not seen[path] then result.paths[#result.paths + 1] = path end
      seen[path] = true
    end
    if part.base then break end
  end
  return result
end

--- Which handling the filesets that will be installed want for their files: those the client has at
--- a lower level.
---@param directory altmig.images.Directory
---@param installed table<string, string>    # fileset -> level on the client
---@return { filesets: table<string, altmig.images.Handling>, problems: { image: string, message: string }[], read: integer }
function images.handling(directory, installed)
  local result, parts, base = { filesets = {}, problems = {}, read = 0 }, {}, {}
  for _, entry in ipairs(images.worth_reading(directory.list(), installed)) do
    if entry ~= "bos" then -- read as a whole where it is restored
      local library, levels, needed, seen = { lists = {}, paths = {} }, {}, 1, 0
      local name, message, code = scan(directory, entry, function(name)
        for _, f in ipairs(name.filesets) do
          local have = installed[f.name]
          if have and aix.compare_levels(f.level, have) > 0 and not (base[f.name] and aix.compare_levels(base[f.name], f.level) >= 0) then
            levels[f.name] = f.level
            if f.content == "B" then needed = 2 end
          end
        end
        return next(levels) ~= nil
      end, function(archive, member)
        if member.type ~= "file" or not library_part(member.name) then return false end
        images.add_library(err.check(archive:read(member, images.library_max)), entry .. ": " .. member.name, library)
        seen = seen + 1
        return seen == needed
      end)
      result.read = result.read + 1
      -- What is no image at all is nobody's; a damaged one may have held a list.
      if not name and code ~= "BFF_MAGIC" then result.problems[#result.problems + 1] = { image = entry, message = message } end
      for fileset, level in pairs(name and levels or {}) do
        if name.kind == "I" then base[fileset] = level end
        parts[fileset] = parts[fileset] or {}
        table.insert(parts[fileset], { level = level, image = entry, base = name.kind == "I", list = library.lists[fileset],
          paths = library.paths[fileset] or {} })
      end
    end
  end
  for fileset, list in pairs(parts) do result.filesets[fileset] = handling_of(list) end
  return result
end

-- Where the file of an image goes on a system: the root part's below inst_root have their own place.
local function place_of(name)
  local path = cfgfiles.path(name)
  if not path then return nil end
  return path:match("^/usr/lpp/[^/]+/inst_root(/.+)$") or path:match("^/usr/lpp/[^/]+/[^/]+/[%d%.]+/inst_root(/.+)$") or path
end

-- An image of the baseline counts when the client has one of its filesets at its level or above it.
local function applied(name, installed)
  local level
  for _, f in ipairs(name.filesets) do
    local have = installed[f.name]
    if have and aix.compare_levels(f.level, have) <= 0 and (not level or aix.compare_levels(f.level, level) > 0) then level = f.level end
  end
  return level
end

--- Reads what the old level shipped of the wanted files from the images of that level, every image
--- once. put(path, data) is called with one file at a time; of several images of one file the one with
--- the highest level that the client has wins.
---@param directory altmig.images.Directory
---@param installed table<string, string>
---@param wanted table<string, boolean>
---@param put fun(path: string, data: string)
---@return { images: integer, files: integer, skipped: integer, problems: { image: string, message: string }[], bos: string? }
function images.baseline(directory, installed, wanted, put)
  local result, levels = { images = 0, files = 0, skipped = 0, problems = {} }, {}
  for _, entry in ipairs(images.worth_reading(directory.list(), installed)) do
    local level
    local name, message, code = scan(directory, entry, function(name)
      level = applied(name, installed)
      if not level then result.skipped = result.skipped + 1 end
      return level ~= nil
    end, function(archive, member)
      local path = member.type == "file" and place_of(member.name)
      if path and wanted[path] and member.size <= images.file_max
        and not (levels[path] and aix.compare_levels(levels[path], level) >= 0) then
        put(path, err.check(archive:read(member, images.file_max)))
        if not levels[path] then result.files = result.files + 1 end
        levels[path] = level
      end
      return false
    end)
    if not name then
      if code ~= "BFF_MAGIC" then result.problems[#result.problems + 1] = { image = entry, message = message } end
    elseif level then
      result.images = result.images + 1
      if name.package == "bos" then result.bos = level end
    end
  end
  return result
end

--- The level of bos.rte, or of the first fileset, in the baseline's bos image. Raises when there is none.
---@param directory altmig.images.Directory
---@return string level
function images.bos_level(directory)
  for _, entry in ipairs(directory.list()) do
    if entry == "bos" then
      local level
      err.check(scan(directory, entry, function(name)
        for _, f in ipairs(name.filesets) do
          if f.name == "bos.rte" then level = f.level end
        end
        level = level or name.filesets[1].level
        return false
      end))
      return level
    end
  end
  err.raise { code = "BASELINE", message = ("%s has no bos image"):format(directory.name) }
end

return images
