-- SPDX-License-Identifier: MIT
-- What an lpp_source has, by what its images say of themselves. The names of files and a .toc that is there are
-- never believed: both are made by people, and an old .toc is the usual state of one.
--
-- Everything in such a directory was made by others. What cannot be read, is no image or leads out of the
-- directory is named and skipped, and no image can have more than lpp.h and images.name_max allow.

local aix = require "altmig.aix.output"
local bff = require "altmig.bff"
local bigar = require "altmig.bigar"
local cfgfiles = require "altmig.aix.cfgfiles"
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
--- Of an image so many bytes are read at first; that is enough for most updates.
installp.head = 64 << 10
--- And so many where it is not enough, before it is read by itself.
installp.long_head = 1 << 20
--- So many members behind lpp_name are looked through for control libraries, as far as they begin within the longer
--- beginning: what is behind that would be read for nothing in every image that has none there.
installp.library_members = 64
installp.library_max = 16 << 20
--- Bytes of all lpp_name together, where they are kept.
installp.texts_max = 128 << 20
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
---@field licence boolean?         # it has a licence that is to be accepted: lines LAF and LAR, or a member of its library
---@field library altmig.installp.Library?   # what the control libraries have of it; nil: there is none near the beginning

---@class altmig.installp.Library
---@field files integer            # that the fileset brings, of all parts
---@field bytes integer            # of them
---@field cfgfiles { path: string, method: string }[]   # what is to be done with configuration files
---@field obsoletes string[]       # filesets whose place it takes (namelist)
---@field removes integer          # files that go when an older level is replaced (rm_inv)
---@field scripts string[]         # "post_i", "root:config"

---@class altmig.installp.Image
---@field file string              # below the directory: "installp/ppc/bos.net.7.2.5.0.I"
---@field kind "installp"|"rpm"|"ifix"
---@field size integer
---@field time string              # of its last change, as the host says it
---@field package string?          # of installp: from here on
---@field type string?             # I base, S update, ML, ...
---@field platform string?
---@field filesets altmig.installp.Fileset[]?
---@field text string?             # lpp_name, where it was asked for
---@field name string?             # of rpm and ifix: what the file's name says
---@field level string?            # of rpm

---@class altmig.installp.Problem
---@field file string
---@field message string
---@field code string
---@field listed boolean?          # only its control library cannot be read: what lpp_name says is in the index

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

--- The first bytes of many files, with few round trips: `take` is called for each, with data, or with message and code,
--- or with neither where it is to be opened by itself.
---@alias altmig.installp.Take fun(i: integer, data: string?, message: string?, code: string?)
---@alias altmig.installp.Heads fun(entries: altmig.installp.Entry[], length: integer, take: altmig.installp.Take)

---@class altmig.installp.Place
---@field name string
---@field key string               # what the cache is of
---@field entries fun(): altmig.installp.Entry[]
---@field open fun(file: string): userdata?, string?, string?
---@field heads altmig.installp.Heads
---@field write fun(file: string, text: string)   # in one step; the directory is there
---@field close fun()

-- What is wrong with one entry, not with the directory: the others are read.
local of_entry = { OUTSIDE_TREE = true, ELOOP = true, ENOENT = true, ENOTDIR = true, EACCES = true, EPERM = true, ENAMETOOLONG = true,
  EINVAL = true, EISDIR = true, EIO = true }

-- Which of the entries are in each directory.
local function by_folder(entries)
  local folders_of = {}
  for i, entry in ipairs(entries) do
    local folder = entry.file:match("^(.*)/[^/]*$") or ""
    folders_of[folder] = folders_of[folder] or {}
    table.insert(folders_of[folder], i)
  end
  return folders_of
end

---@param t altmig.tree
---@param dir string               # in the tree
---@param name string
---@param key string
local function of_tree(t, dir, name, key)
  dir = dir:gsub("/+$", "")
  local function at(file) return dir .. "/" .. file end
  local function heads(folder, names, length)
    local next_one, state, control, closing = t:heads(at(folder), names, length)
    if not next_one then err.raise { code = control, message = state } end
    return next_one, state, control, closing
  end
  local function add(list, folder)
    local names = err.check(t:list(at(folder)))
    for i, data, st, code in heads(folder, names, 0) do
      local file = folder == "" and names[i] or folder .. "/" .. names[i]
      if not data then
        list[#list + 1] = { file = file, message = st, code = code }
      elseif st.type == "file" then
        list[#list + 1] = { file = file, size = st.size, time = ("%d.%09d"):format(st.mtime, st.mtime_nsec or 0) }
      end
    end
  end
  return {
    name = name, key = key, close = function() end,
    open = function(file) return t:open(at(file)) end,
    heads = function(entries, length, take)
      for folder, list in pairs(by_folder(entries)) do
        local names = {}
        for i, index in ipairs(list) do names[i] = entries[index].file:match("[^/]*$") end
        for i, data, message, code in heads(folder, names, length) do
          if data then take(list[i], data) else take(list[i], nil, message, code) end
        end
      end
    end,
    write = function(file, text) err.check(t:write(at(file), text, { mode = mode.FILE })) end,
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

-- The first $1 bytes of each file, behind a line of its own. conv=sync makes a short block a whole one, so that it is
-- known where the next begins; how much of it is the file's, its size tells. A file that cannot be read leaves a line
-- where bytes should be: from there on each is opened by itself.
local heads_script <const> = [[
n=$1
shift
for f
do
  if test -f "$f" && test -r "$f" && test -s "$f"
  then
    echo "+"
    dd if="$f" bs="$n" count=1 conv=sync 2>/dev/null
  else
    echo "-"
  fi
done
]]

-- Bytes of one answer of the host.
local HOST_HEADS <const> = 8 << 20

-- The parts of such an answer; nil for those behind one that is not as it should be.
local function split_heads(text, sizes, length)
  local parts, at = {}, 1
  for i, size in ipairs(sizes) do
    local sign = text:sub(at, at + 1)
    if sign == "+\n" then
      if #text < at + 1 + length then break end
      parts[i] = text:sub(at + 2, at + 1 + math.min(size, length))
      at = at + 2 + length
    elseif sign == "-\n" then
      at = at + 2
    else
      break
    end
  end
  return at == #text + 1 and parts or {}
end

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
    write = function(file, text) err.check(host.session:put(text, location .. "/" .. file, { mode = mode.FILE })) end,
    heads = function(entries, length, take)
      local each = math.max(1, HOST_HEADS // length)
      for first = 1, #entries, each do
        local paths, sizes = { tostring(length) }, {}
        for i = first, math.min(first + each - 1, #entries) do
          paths[#paths + 1], sizes[#sizes + 1] = location .. "/" .. entries[i].file, entries[i].size
        end
        local parts = split_heads(host:must_script(heads_script, paths, { max_output = HOST_HEADS + (1 << 20) }), sizes, length)
        for i in ipairs(sizes) do take(first + i - 1, parts[i]) end
      end
    end,
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

-- The scripts a control library may have, in the order in which they run.
local scripts <const> = { "pre_d", "pre_rm", "pre_i", "pre_u", "post_i", "post_u", "config", "config_u", "unconfig", "unconfig_u",
  "unpost_i", "unpost_u", "unpre_i", "unpre_u" }
local is_script = {}
for _, suffix in ipairs(scripts) do is_script[suffix] = true end

-- Words of lines; of a list as `namelist` the first of each line.
local function words(text)
  local list = {}
  for line in text:gmatch("[^\r\n]+") do
    local word = line:match("^%s*([%w_.+%-]+)")
    if word then list[#list + 1] = word end
  end
  return list
end

local take_member = {}

function take_member.inventory(library, member, where)
  local files, bytes, code = core.inventory_size(member.data, where)
  if not files then err.raise { code = code, message = bytes } end
  library.files, library.bytes = library.files + files, library.bytes + bytes
end

function take_member.cfgfiles(library, member)
  for line in member.data:gmatch("[^\r\n]+") do
    local name, method = line:match("^%s*(%S+)%s+(%S+)")
    local path = name and cfgfiles.path(name)
    if path then library.cfgfiles[#library.cfgfiles + 1] = { path = path, method = method } end
  end
end

function take_member.namelist(library, member)
  for _, word in ipairs(words(member.data)) do library.obsoletes[#library.obsoletes + 1] = word end
end

function take_member.rm_inv(library, member, where)
  library.removes = library.removes + err.check(core.inventory_size(member.data, where))
end

local function is_licence(suffix) return suffix == "la" or suffix == "lag" or suffix == "lar" or suffix == "laf" end

-- What a control library has of the filesets of the image.
local function take_library(image, data, part, where)
  for _, member in ipairs(err.check(bigar.parse(data, where))) do
    local name, suffix = member.name:match("^(.+)%.([%w_]+)$")
    local fileset = name and image.by_name[name]
    if fileset then
      fileset.library = fileset.library or { files = 0, bytes = 0, cfgfiles = json.array {}, obsoletes = json.array {}, removes = 0,
        scripts = json.array {} }
      local library = fileset.library
      if take_member[suffix] then take_member[suffix](library, member, where .. ": " .. member.name) end
      if is_script[suffix] then library.scripts[#library.scripts + 1] = part == "root" and "root:" .. suffix or suffix end
      if is_licence(suffix) then fileset.licence = true end
    end
  end
end

-- The control libraries, which are near the beginning: of the usr part, and where there is a root part of that. What
-- stands further on is not looked for.
local function read_libraries(archive, image, name, is_all_of_it)
  local missing = { usr = true }
  for _, fileset in ipairs(image.filesets) do
    if fileset.content == "B" then missing.root = true end
  end
  for _ = 1, installp.library_members do
    if not next(missing) then break end
    local member, message, code = archive:next()
    if code == "TRUNCATED" and is_all_of_it then break end
    if not member and code then err.raise { code = code, message = message } end
    if not member or member.offset >= installp.long_head then break end
    local part = member.type == "file" and images.library_part(member.name)
    if part and missing[part] then
      missing[part] = nil
      local data = err.check(archive:read(member, installp.library_max))
      take_library(image, data, part, name .. ": " .. member.name)
    end
  end
  for _, fileset in ipairs(image.filesets) do
    if fileset.library then table.sort(fileset.library.scripts) end
  end
end

-- Reads an image as far as `archive` goes, of which `beginning` bytes are there (nil: all). Second result: what is wrong
-- with its control libraries. Raises TRUNCATED where the beginning ends before what is looked for.
local function read_archive(archive, file, beginning)
  local text = lpp_name(archive)
  local lpp = err.check(core.lpp(text, file))
  local image = { kind = "installp", package = lpp.package, type = lpp.type, platform = lpp.platform, filesets = {}, by_name = {},
    text = text:sub(1, lpp.length) }
  for i, fileset in ipairs(lpp.filesets) do
    local row = {}
    for _, field in ipairs(kept) do row[field] = fileset[field] end
    for _, size in ipairs(row.sizes) do
      if size.path:match("^LA[FR]") then row.licence = true end
    end
    image.filesets[i], image.by_name[row.name] = row, row
  end
  local ok, e = xpcall(read_libraries, err.wrap, archive, image, file, beginning and beginning >= installp.long_head)
  image.by_name = nil
  if ok then return image end
  local is_of_library = images.is_damage(e.code) or e.code == "INVENTORY" or of_entry[e.code]
  if beginning and e.code == "TRUNCATED" or not is_of_library then error(e, 0) end
  for _, fileset in ipairs(image.filesets) do fileset.library = nil end
  return image, e
end

local function read_image(place, entry)
  local archive <close> = err.check(bff.open(err.check(place.open(entry.file))))
  return read_archive(archive, entry.file)
end

-- From the first bytes of an image; TRUNCATED when they are not enough.
local function read_beginning(entry, data, is_beginning)
  local archive <close> = err.check(bff.parse(data, entry.file))
  return read_archive(archive, entry.file, is_beginning and #data or nil)
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

local FORMAT <const> = "altmig installp index 2"

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

local function is_text(value) return type(value) == "string" end

local function is_cfgfile(row) return is_text(row.path) and is_text(row.method) end

local function is_texts(value)
  for _, text in ipairs(type(value) == "table" and value or { 0 }) do
    if not is_text(text) then return false end
  end
  return true
end

local function is_library(row)
  return type(row) == "table" and math.type(row.files) == "integer" and math.type(row.bytes) == "integer"
    and math.type(row.removes) == "integer" and is_list(row.cfgfiles, is_cfgfile)
    and is_texts(row.obsoletes) and is_texts(row.scripts)
end

local function is_fileset(row)
  return is_named(row) and type(row.requisites) == "string" and type(row.description) == "string"
    and type(row.content) == "string" and type(row.bosboot) == "string" and is_list(row.sizes, is_size)
    and is_list(row.supersedes, is_named) and (row.licence == nil or row.licence == true)
    and (row.library == nil or is_library(row.library))
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
local function write_cache(path, key, list, problems)
  local troubled = {} -- is told again each time
  for _, one in ipairs(problems) do troubled[one.file] = true end
  local head = json.encode { format = FORMAT, source = key }
  if not head then return end
  local lines = { head }
  for _, image in ipairs(list) do
    lines[#lines + 1] = image.kind == "installp" and not troubled[image.file] and json.encode(image) or nil
  end
  local ok, message = sys.makedirs(path:match("^(.*)/") or ".", mode.PRIVATE_DIR)
  if ok then ok, message = sys.write_file(path, table.concat(lines, "\n") .. "\n", { mode = mode.PRIVATE_FILE }) end
  return not ok and message or nil
end

---------------------------------------------------------------- the index

local function problem(source, entry, e, listed)
  source.problems[#source.problems + 1] = { file = entry.file, message = e.message, code = tostring(e.code), listed = listed }
end

-- Images to be read are given to `done` in any order: first the beginnings of all, then longer ones of those that need
-- them, then the rest one by one. `done` gets the image or an error, and perhaps what is wrong with its library.
local function read_images(place, entries, done)
  local rest, alone = entries, {}
  for _, length in ipairs { installp.head, installp.long_head } do
    local more = {}
    if #rest > 0 then place.heads(rest, length, function(i, data, message, code)
      local entry = rest[i]
      if code then return done(entry, nil, { code = code, message = message }) end
      local is_beginning = data and #data == length and entry.size > length
      if not data then
        alone[#alone + 1] = entry
        return
      end
      local ok, image, trouble = xpcall(read_beginning, err.wrap, entry, data, is_beginning)
      if ok then return done(entry, image, nil, trouble) end
      if is_beginning and image.code == "TRUNCATED" then
        more[#more + 1] = entry
      else
        done(entry, nil, image)
      end
    end) end
    rest = more
  end
  table.move(rest, 1, #rest, #alone + 1, alone)
  for _, entry in ipairs(alone) do
    if sys.cancelled() then err.raise { code = "CANCELLED", message = "installp: interrupted" } end
    local ok, image, trouble = xpcall(read_image, err.wrap, place, entry)
    if ok then done(entry, image, nil, trouble) else done(entry, nil, image) end
  end
end

--- The index of a place.
---@param place altmig.installp.Place
---@param options { cache: string?, on_image: fun(done: integer, of: integer)?, texts: boolean? }?
---  texts: every image is read, and keeps its lpp_name
---@return altmig.installp.Source
function installp.index(place, options)
  options = options or {}
  local source = setmetatable({ name = place.name, images = {}, problems = {}, read = 0 }, Source)
  local known, texts = options.texts and {} or read_cache(options.cache, place.key), 0
  local entries, unread, images_of, count = place.entries(), {}, {}, 0
  table.sort(entries, function(a, b) return a.file < b.file end)
  local function seen()
    count = count + 1
    if options.on_image then options.on_image(count, #entries) end
  end
  for _, entry in ipairs(entries) do
    local base, cached = entry.file:match("[^/]*$"), known[entry.file]
    local other = base:sub(1, 1) ~= "." and not entry.message and other_kind(base)
    if base:sub(1, 1) == "." then -- .toc and its like
      seen()
    elseif entry.message then
      problem(source, entry, entry)
      seen()
    elseif other or cached and cached.size == entry.size and cached.time == entry.time then
      images_of[entry.file] = other or cached
      seen()
    else
      unread[#unread + 1] = entry
    end
  end
  source.read = #unread
  read_images(place, unread, function(entry, image, e, trouble)
    if e and not is_of_image(e.code) then err.raise(e) end
    if e then problem(source, entry, e) end
    if trouble then problem(source, entry, trouble, true) end
    if image and options.texts then
      texts = texts + #image.text
      if texts > installp.texts_max then
        err.raise { code = "E2BIG", message = ("%s: the images say more of themselves than %d MiB"):format(place.name, texts >> 20) }
      end
    elseif image then
      image.text = nil
    end
    images_of[entry.file] = image
    seen()
  end)
  for _, entry in ipairs(entries) do
    local image = images_of[entry.file]
    if image then
      image.file, image.size, image.time = entry.file, entry.size, entry.time
      source.images[#source.images + 1] = image
    end
  end
  table.sort(source.problems, function(a, b) return a.file < b.file end)
  if options.cache and source.read > 0 and not options.texts then
    source.unremembered = write_cache(options.cache, place.key, source.images, source.problems)
  end
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

--- The corrections (APARs) that an image says to bring, by fileset.
---@param place altmig.installp.Place
---@param file string
---@return table<string, table<string, true>>
function installp.fixes(place, file)
  local archive <close> = err.check(bff.open(err.check(place.open(file))))
  local out = {}
  for _, fileset in ipairs(err.check(core.lpp(lpp_name(archive), file)).filesets) do
    out[fileset.name] = {}
    for _, fix in ipairs(fileset.fixes) do out[fileset.name][fix.id] = true end
  end
  return out
end

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
