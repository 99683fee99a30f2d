-- SPDX-License-Identifier: MIT
-- What an lpp_source has, by what its images say of themselves. The names of files and a .toc that is there are
-- never believed: both are made by people, and an old .toc is the usual state of one.
--
-- Everything in such a directory was made by others. What cannot be read, is no image or leads out of the
-- directory is named and skipped, and no image can have more than lpp.h and images.name_max allow.

local aix = require "altmig.aix.output"
local bff = require "altmig.bff"
local err = require "altmig.err"
local images = require "altmig.aix.packages"
local core = require "altmig.installp_core"
local invoke = require "altmig.installp_run"
local json = require "altmig.json"
local mode = require "altmig.mode"
local output = require "altmig.aix.installp_output"
local sys = require "altmig.sys"
local tree = require "altmig.tree"

local installp = {}

--- Members before lpp_name, which is the first file of an image: the directories above it.
installp.members_max = 16
--- Bytes of a cache that is still read.
installp.cache_max = 512 << 20

---@class altmig.installp.Fileset
---@field name string
---@field level string
---@field content string           # U usr, B usr and root, H share
---@field bosboot string           # N, B, b or Y
---@field description string
---@field requisites string        # as written
---@field sizes { path: string, blocks: integer?, temporary: integer }[]
---@field supersedes { name: string, level: string }[]

---@class altmig.installp.Image
---@field file string              # below the directory: "installp/ppc/bos.net.7.2.5.0.I"
---@field kind "installp"|"rpm"|"ifix"
---@field size integer
---@field time string              # of its last change, as the host says it
---@field package string?          # of installp: from here on
---@field type string?             # I base, S update, ML, ...
---@field platform string?
---@field filesets altmig.installp.Fileset[]?
---@field name string?             # of rpm and ifix: what the file's name says
---@field level string?            # of rpm

---@class altmig.installp.Problem
---@field file string
---@field message string
---@field code string

---@class altmig.installp.Source
---@field name string              # for messages
---@field images altmig.installp.Image[]       # by file
---@field problems altmig.installp.Problem[]   # files that were skipped
---@field read integer             # images that were read; the others were in the cache
---@field unremembered string?     # why the cache could not be written
local Source = {}
Source.__index = Source
installp.Source = Source

-- The directories of an lpp_source that hold images; where there is no installp/ppc it is one directory of all kinds.
local folders <const> = { "installp/ppc", "RPMS/ppc", "emgr/ppc" }

---------------------------------------------------------------- the three kinds of places

---@class altmig.installp.Entry
---@field file string
---@field size integer?
---@field time string?
---@field message string?          # why it cannot be read
---@field code string?

---@class altmig.installp.Place
---@field name string
---@field key string               # what the cache is of
---@field entries fun(): altmig.installp.Entry[]
---@field open fun(file: string): userdata?, string?, string?
---@field close fun()

-- What is wrong with one entry, not with the directory: the others are read.
local of_entry = { OUTSIDE_TREE = true, ELOOP = true, ENOENT = true, ENOTDIR = true, EACCES = true, EPERM = true, ENAMETOOLONG = true,
  EINVAL = true, EISDIR = true, EIO = true }

---@param t altmig.tree
---@param dir string               # in the tree
---@param name string
---@param key string
local function of_tree(t, dir, name, key)
  dir = dir:gsub("/+$", "")
  local function at(file) return dir .. "/" .. file end
  local function add(list, folder)
    for _, entry in ipairs(err.check(t:list(at(folder)))) do
      local file = folder == "" and entry or folder .. "/" .. entry
      local st, message, code = t:stat(at(file), { follow = true })
      if st and st.type == "file" then
        list[#list + 1] = { file = file, size = st.size, time = ("%d.%09d"):format(st.mtime, st.mtime_nsec or 0) }
      elseif not st then
        if not of_entry[code] then err.raise { code = code, message = message } end
        list[#list + 1] = { file = file, message = message, code = code }
      end
    end
  end
  return {
    name = name, key = key, close = function() end,
    open = function(file) return t:open(at(file)) end,
    entries = function()
      local list, any = {}, false
      for _, folder in ipairs(folders) do
        local st = t:stat(at(folder), { follow = true })
        if st and st.type == "dir" and (any or folder == folders[1]) then
          any = true
          add(list, folder)
        end
      end
      if not any then add(list, "") end
      return list
    end,
  }
end

-- A row of `ls -ln`: file or link, its size, the words of its time, its name.
local function ls_row(line) return line:match("^([%-l])%S+%s+%d+%s+%d+%s+%d+%s+(%d+)%s+(%a+%s+%d+%s+[%d:]+) (.+)$") end

-- Behind SSH: `ls` tells of links what they point to; only one to a file of the same directory is followed.
---@param host altmig.Host
---@param location string
---@param name string
local function of_host(host, location, name)
  local function add(list, folder)
    local rows, found = {}, {}
    for line in host:must({ "ls", "-ln", folder == "" and location or location .. "/" .. folder }):gmatch("[^\n]+") do
      local kind, size, time, entry = ls_row(line)
      local target
      if kind == "l" then entry, target = entry:match("^(.-) %-> (.*)$") end
      if entry then
        rows[#rows + 1] = { entry = entry, size = math.tointeger(tonumber(size)), time = time, target = target }
        found[entry] = rows[#rows]
      end
    end
    for _, row in ipairs(rows) do
      local file = folder == "" and row.entry or folder .. "/" .. row.entry
      local to = row.target and found[row.target] or not row.target and row
      if to and not to.target then
        list[#list + 1] = { file = file, size = to.size, time = to.time }
      else
        list[#list + 1] = { file = file, code = "OUTSIDE_TREE",
          message = ("%s: a link to %s, which is no file of this directory"):format(file, row.target) }
      end
    end
  end
  return {
    name = name, key = ("%s:%s"):format(host.name, location), close = function() end,
    open = function(file) return host.session:open(location .. "/" .. file) end,
    entries = function()
      local list, any = {}, false
      for _, folder in ipairs(folders) do
        if (any or folder == folders[1]) and host:holds { "test", "-d", location .. "/" .. folder } then
          any = true
          add(list, folder)
        end
      end
      if not any then add(list, "") end
      return list
    end,
  }
end

-- A directory of this host. Links that lead out of it are not followed.
local function of_local(dir, name)
  dir = err.check(sys.realpath(dir))
  local st = err.check(sys.stat(dir))
  if st.type ~= "dir" then err.raise { code = "ENOTDIR", message = ("installp: %s: not a directory"):format(dir) } end
  local t = err.check(tree.at(dir))
  local place = of_tree(t, "/", name or dir, dir)
  place.close = function() t:close() end
  return place
end

local function of_url(url, name)
  local t = err.check(tree.nfs { { at = "/", url = url } })
  local place = of_tree(t, "/", name or url, url)
  place.close = function() t:close() end
  return place
end

--- The images of an lpp_source.
---@param resource altmig.nim.Resource
---@param master altmig.Host
---@return altmig.installp.Place
function installp.resource(resource, master)
  local name = "lpp_source " .. resource.name
  if resource.host == "local" then return of_local(resource.location, name) end
  if resource.nfs then return of_url(resource.nfs, name) end
  return of_host(master, resource.location, ("%s on %s"):format(name, master.name))
end

--- What a word of the command line means: a directory of this host, an nfs:// URL, or else, when there are resources,
--- the name of an lpp_source. `world()` gives { nim =, master = } and is called only for the last.
---@param word string
---@param world (fun(): { nim: altmig.Nim, master: altmig.Host })?
---@return altmig.installp.Place
function installp.place(word, world)
  if word:match("^nfs://") then return of_url(word) end
  if not world or word:find("/", 1, true) or sys.stat(word) then return of_local(word) end
  local m = world()
  return installp.resource(m.nim:resource("lpp_source", word), m.master)
end

---------------------------------------------------------------- one image

local function no_image(message) err.raise { code = "IMAGE_NAME", message = message } end

-- The lpp_name of an image, from its beginning.
local function lpp_name(archive)
  for _ = 1, installp.members_max do
    local member, message, code = archive:next()
    if not member and code then err.raise { code = code, message = message } end
    if not member then no_image "it has no lpp_name" end
    if member.type == "file" and member.name:match("^%.?/?lpp_name$") then
      return err.check(archive:read(member, images.name_max))
    elseif member.type ~= "dir" then
      break
    end
  end
  return no_image "it does not begin with lpp_name"
end

-- What is wrong with an image; all else (a lost connection, an interruption) ends the run.
local function is_of_image(code) return images.is_damage(code) or of_entry[code] or code == "IMAGE_NAME" or code == "LPP_NAME" end

local kept = { "name", "level", "content", "bosboot", "description", "requisites", "sizes", "supersedes" }

local function read_image(place, entry)
  local archive <close> = err.check(bff.open(err.check(place.open(entry.file))))
  local lpp = err.check(core.lpp(lpp_name(archive), entry.file))
  local image = { kind = "installp", package = lpp.package, type = lpp.type, platform = lpp.platform, filesets = {} }
  for i, fileset in ipairs(lpp.filesets) do
    local row = {}
    for _, field in ipairs(kept) do row[field] = fileset[field] end
    image.filesets[i] = row
  end
  return image
end

-- What is no installp image by its name: nothing but the name says which package or label it is.
local function other_kind(base)
  if base:match("%.rpm$") then
    local rpm = aix.rpm_image(base)
    return { kind = "rpm", name = rpm and rpm.name or base, level = rpm and rpm.level }
  end
  if base:match("%.epkg%.Z$") then
    return { kind = "ifix", name = base:match("^(.+)%.%d+%.epkg%.Z$") or base:match("^(.+)%.epkg%.Z$") or base }
  end
  return nil
end

---------------------------------------------------------------- the cache

local FORMAT <const> = "altmig installp index 1"

local function is_list(value, of)
  if type(value) ~= "table" then return false end
  for _, row in ipairs(value) do
    if type(row) ~= "table" or not of(row) then return false end
  end
  return true
end

local function is_size(row) return type(row.path) == "string" and math.type(row.temporary or 0) == "integer"
  and math.type(row.blocks or 0) == "integer" end

local function is_named(row) return type(row.name) == "string" and type(row.level) == "string" end

local function is_fileset(row)
  return is_named(row) and type(row.requisites) == "string" and type(row.description) == "string"
    and type(row.content) == "string" and type(row.bosboot) == "string" and is_list(row.sizes, is_size)
    and is_list(row.supersedes, is_named)
end

-- A file of lines, each the JSON of an image; one that is not as it should be is no cache.
local function read_cache(path, key)
  local text = path and sys.read_file(path, installp.cache_max)
  local first, rest = (text or ""):match("^([^\n]*)\n(.*)$")
  local head = first and json.decode(first)
  local known = {}
  if type(head) ~= "table" or head.format ~= FORMAT or head.source ~= key then return known end
  for line in rest:gmatch("[^\n]+") do
    local image = json.decode(line)
    if type(image) ~= "table" or type(image.file) ~= "string" or type(image.package) ~= "string" or type(image.type) ~= "string"
      or image.kind ~= "installp" or not is_list(image.filesets, is_fileset) then
      return {}
    end
    known[image.file] = image
  end
  return known
end

-- An image whose text is no UTF-8 is read again each time. Returns why it could not be written.
local function write_cache(path, key, list)
  local head = json.encode { format = FORMAT, source = key }
  if not head then return end
  local lines = { head }
  for _, image in ipairs(list) do
    lines[#lines + 1] = image.kind == "installp" and json.encode(image) or nil
  end
  local ok, message = sys.makedirs(path:match("^(.*)/") or ".", mode.PRIVATE_DIR)
  if ok then ok, message = sys.write_file(path, table.concat(lines, "\n") .. "\n", { mode = mode.PRIVATE_FILE }) end
  return not ok and message or nil
end

---------------------------------------------------------------- the index

local function problem(source, entry, e)
  source.problems[#source.problems + 1] = { file = entry.file, message = e.message, code = tostring(e.code) }
end

local function look_at(source, place, entry, known)
  local base = entry.file:match("[^/]*$")
  if base:sub(1, 1) == "." then return end -- .toc and its like
  if entry.message then return problem(source, entry, entry) end
  local image, cached = other_kind(base), known[entry.file]
  if not image and cached and cached.size == entry.size and cached.time == entry.time then image = cached end
  if not image then
    source.read = source.read + 1
    local ok, result = xpcall(read_image, err.wrap, place, entry)
    if not ok and not is_of_image(result.code) then error(result, 0) end
    if not ok then return problem(source, entry, result) end
    image = result
  end
  image.file, image.size, image.time = entry.file, entry.size, entry.time
  source.images[#source.images + 1] = image
end

--- The index of a place.
---@param place altmig.installp.Place
---@param options { cache: string?, on_image: fun(done: integer, of: integer)? }?
---@return altmig.installp.Source
function installp.index(place, options)
  options = options or {}
  local source = setmetatable({ name = place.name, images = {}, problems = {}, read = 0 }, Source)
  local known = read_cache(options.cache, place.key)
  local entries = place.entries()
  table.sort(entries, function(a, b) return a.file < b.file end)
  for i, entry in ipairs(entries) do
    if sys.cancelled() then err.raise { code = "CANCELLED", message = "installp: interrupted" } end
    look_at(source, place, entry, known)
    if options.on_image then options.on_image(i, #entries) end
  end
  if options.cache and source.read > 0 then source.unremembered = write_cache(options.cache, place.key, source.images) end
  return source
end

--- Reads what a directory of images has. Raises when it cannot be read; what is wrong with one image is in `problems`.
---@param at altmig.tree|string    # a tree, or a directory of this host or an nfs:// URL
---@param dir string?              # in the tree; default "/"
---@param options { cache: string? }?   # cache: the file that remembers images by name, size and time
---@return altmig.installp.Source
function installp.source(at, dir, options)
  if type(at) ~= "string" then return installp.index(of_tree(at, dir or "/", dir or "/", dir or "/"), options) end
  local place = installp.place(dir and at .. "/" .. dir or at)
  local ok, result = xpcall(installp.index, err.wrap, place, options)
  place.close()
  if not ok then error(result, 0) end
  return result
end

---@class altmig.installp.Row
---@field name string              # the first four are what altmig.installp_core takes for an image
---@field level string
---@field update boolean
---@field requisites string
---@field fileset altmig.installp.Fileset
---@field image altmig.installp.Image

-- Which of the levels is above which: many filesets have few levels.
local function ranks(levels)
  local list, rank = {}, {}
  for level in pairs(levels) do list[#list + 1] = level end
  table.sort(list, function(a, b) return aix.compare_levels(a, b) < 0 end)
  for i, level in ipairs(list) do
    rank[level] = i > 1 and aix.compare_levels(list[i - 1], level) == 0 and rank[list[i - 1]] or i
  end
  return rank
end

--- The filesets of all images, by name and level; each with its image.
---@return altmig.installp.Row[]
function Source:filesets()
  local of, names, levels = {}, {}, {}
  for _, image in ipairs(self.images) do
    for _, fileset in ipairs(image.filesets or {}) do
      local same = of[fileset.name]
      if not same then
        same = {}
        of[fileset.name], names[#names + 1] = same, fileset.name
      end
      same[#same + 1] = { name = fileset.name, level = fileset.level, update = image.type ~= "I", requisites = fileset.requisites,
        fileset = fileset, image = image }
      levels[fileset.level] = true
    end
  end
  table.sort(names)
  local rank, list = ranks(levels), {}
  local function before(a, b)
    local x, y = rank[a.level], rank[b.level]
    if x ~= y then return x < y end
    return a.image.file < b.image.file
  end
  for _, name in ipairs(names) do
    local same = of[name]
    if same[2] then table.sort(same, before) end
    for _, row in ipairs(same) do list[#list + 1] = row end
  end
  return list
end

--- What happens to a system when these images are installed on it.
---@param options altmig.plan.Options?
---@return altmig.Plan
function Source:plan(options) return require("altmig.aix.plan").make(self, options) end

---------------------------------------------------------------- installp itself

--- The words that call installp; raises for what installp does not document (engine/core/aix/installp.h).
---@param request altmig.installp_run.Request
---@return string[] argv
function installp.argv(request) return err.check(invoke.argv(request)) end

--- The text of a list file of installp.
---@param filesets { fileset: string, level: string? }[]
---@return string
function installp.list(filesets) return err.check(invoke.list(filesets)) end

--- A reader of installp's output as it comes.
---@param known { fileset: string, level: string }[]?   # filesets that may occur: installp's tables cut their names
---@return altmig.installp.Output
function installp.output(known) return output.new(known) end

return installp
