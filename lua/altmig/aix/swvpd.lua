-- SPDX-License-Identifier: MIT
-- The software database of a system (lpp, product, history and inventory in the usr, root and share
-- repositories): which filesets it has, at which level, with which files. Reading only; what changes
-- it is installp, and the merge of phase 5.
--
-- lpp_id joins the classes and means something inside one repository alone. Of the states 5
-- (committed) and 3 (applied) are known. The numbers of file types, that a history record of event 1
-- or 2 is what lslpp calls a commit, and what loc1 and loc2 of the inventory hold, are not (inferred: swvpd-numbers).

local aix = require "altmig.aix.output"
local err = require "altmig.err"
local lslpp = require "altmig.aix.lslpp"
local odm = require "altmig.odm"
local requisite = require "altmig.aix.requisite"
local sys = require "altmig.sys"

local swvpd = {}

swvpd.parts = { "usr", "root", "share" }
swvpd.directories = { usr = "/usr/lib/objrepos", root = "/etc/objrepos", share = "/usr/share/lib/objrepos" }
swvpd.classes = { "lpp", "product", "history", "inventory" }

--- The name of the record of lpp whose lpp_id is the next one to give out.
swvpd.CONTROL = "__SWVPD_CTL__"
--- In cp_flag: the fileset has a root part; the record is an update.
swvpd.HAS_ROOT, swvpd.UPDATE = 0x2, 0x20
--- state of lpp and product.
swvpd.states = { applied = 3, committed = 5 }
--- file_type of inventory.
swvpd.file_types = { file = 0, dir = 1, link = 2 }

local words = { [3] = "APPLIED", [5] = "COMMITTED" }
local type_names = { [0] = "file", [1] = "dir", [2] = "link" }

---@class altmig.swvpd.Fileset
---@field name string
---@field package string
---@field level string         # "7.2.5.101"
---@field state integer        # as stored
---@field state_name string    # COMMITTED, APPLIED, "?" for others
---@field description string
---@field update boolean       # the level came as an update, not as a base
---@field has_root boolean     # there must be a root part
---@field ptf string
---@field date string          # of the build, YYWW
---@field prereq string        # requisite lines
---@field part string          # usr, root or share
---@field id integer           # lpp_id in that part
---@field levels table<string, string>?   # of filesets(): part -> level
---@field inconsistent boolean?           # of filesets(): parts are missing or differ

---@class altmig.swvpd.Event
---@field fileset string
---@field part string
---@field level string
---@field event integer
---@field state integer
---@field time integer
---@field ptf string
---@field user string

---@class altmig.swvpd.File
---@field path string
---@field part string
---@field fileset string       # "?" when no fileset has its number
---@field type string          # file, dir, link, or "?"
---@field size integer
---@field checksum integer
---@field loc1 string
---@field loc2 string

--- The level of a record of lpp, product or history.
---@param row altmig.odm.Object
---@return string
function swvpd.level_of(row) return ("%d.%d.%d.%d"):format(row.ver, row.rel, row.mod, row.fix) end

--- A size or sum of the inventory, whatever type its descriptor has; nil for VOLATILE and what else is no number.
---@param value any
---@return integer?
function swvpd.number(value)
  local n = math.tointeger(tonumber(type(value) == "string" and value:match("^%s*(%d+)") or value))
  return n and n >= 0 and n or nil
end

--- The 16-bit sum of a file that inventories hold, as `sum -r` makes it.
---@type fun(data: string): integer
swvpd.sum = sys.sum

--- A level as four numbers; nil for text that is none.
---@param text string
---@return integer[]?
function swvpd.parse_level(text)
  local v, r, m, f = text:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
  return v and { tonumber(v), tonumber(r), tonumber(m), tonumber(f) }
end

--- Below 0, 0 or above 0, as the level a is below, equal to or above b.
---@type fun(a: string, b: string): integer
swvpd.compare = aix.compare_levels

---------------------------------------------------------------- one database

---@class altmig.swvpd.Database
---@field place string|altmig.tree
---@field stores table<string, altmig.odm.Store>   # those that were opened, by part
---@field words table<integer, string>
local Database = {}
-- Those of its methods that read: here they raise error objects, for others they return nil, message, code.
local reading = {}
Database.__index = Database
Database.__close = function(db) db:close() end
swvpd.Database = Database

--- Opens the software database of a system. Nothing is read before the first question.
---@param place string|altmig.tree|nil    # the root of the system: a directory or a tree; default this one
---@param options { words: table<integer, string>? }?   # names of further states
---@return altmig.swvpd.Database
function swvpd.open(place, options)
  return setmetatable({ place = place or "", stores = {}, words = options and options.words or {} }, Database)
end

--- The object classes of one part.
---@param part string
---@return altmig.odm.Store? store, string? message, string? code
function reading.store(self, part)
  local dir = swvpd.directories[part]
  if not dir then error("swvpd: no part '" .. tostring(part) .. "': usr, root or share", 2) end
  self.stores[part] = self.stores[part] or err.check(odm.open(self.place, dir))
  return self.stores[part]
end

-- Objects of a class of a part. A class without a descriptor that is needed is not what it says.
local function rows(db, part, class, criteria, needed)
  local list = err.check(reading.store(db, part):get(class, criteria))
  for _, name in ipairs(list[1] and needed or {}) do
    if list[1][name] == nil then
      err.raise { code = "ODM_DESCRIPTOR",
        message = ("swvpd: %s/%s: no descriptor '%s'"):format(swvpd.directories[part], class, name) }
    end
  end
  return list
end

local level_fields = { "ver", "rel", "mod", "fix" }
local function with_level(...) return table.move(level_fields, 1, 4, select("#", ...) + 1, { ... }) end

local needed = {
  lpp = with_level("name", "lpp_id", "state", "cp_flag", "description"),
  product = with_level("lpp_name", "update", "name"),
  history = with_level("lpp_id", "event", "state", "time"),
  inventory = { "lpp_id", "file_type", "loc0", "size", "checksum" },
}

-- A part that a system does not have is not an error.
local function is_absent(e) return type(e) == "table" and (e.code == "ENOENT" or e.code == "ODM_CLASS") end

---@param row altmig.odm.Object     # of lpp
---@param product altmig.odm.Object
---@return altmig.swvpd.Fileset
local function fileset(db, part, row, product)
  local update = product.update
  if update == nil then update = row.cp_flag & swvpd.UPDATE ~= 0 and 1 or 0 end
  return { name = row.name, package = product.name or row.name, level = swvpd.level_of(row), state = row.state,
    state_name = words[row.state] or db.words[row.state] or "?", description = row.description, update = update == 1,
    has_root = row.cp_flag & swvpd.HAS_ROOT ~= 0, ptf = product.ptf or "", date = product.sceded_by or "",
    prereq = product.prereq or "", part = part, id = row.lpp_id }
end

--- The filesets of one part by name.
---@param part string
---@return table<string, altmig.swvpd.Fileset>? filesets, string? message, string? code
function reading.part(self, part)
  local list = rows(self, part, "lpp", nil, needed.lpp)
  local products = rows(self, part, "product", nil, needed.product)
  local by_level, out = {}, {}
  for _, row in ipairs(products) do by_level[row.lpp_name .. " " .. swvpd.level_of(row)] = row end
  for _, row in ipairs(list) do
    if row.name ~= swvpd.CONTROL then
      out[row.name] = fileset(self, part, row, by_level[row.name .. " " .. swvpd.level_of(row)] or {})
    end
  end
  return out
end

--- Calls fn(part, filesets by name) for every part that the system has. It may raise an error object.
---@param fn fun(part: string, filesets: table<string, altmig.swvpd.Fileset>)
---@return true? ok, string? message, string? code
function reading.each_part(self, fn)
  for _, part in ipairs(swvpd.parts) do
    local ok, list = pcall(reading.part, self, part)
    if ok then
      fn(part, list)
    elseif part == "usr" or not is_absent(list) then
      error(list, 0)
    end
  end
  return true
end

-- What lppchk -v asks: a root part where one must be, at the level of the usr part.
local function is_inconsistent(row)
  local usr, root = row.levels.usr, row.levels.root
  return usr ~= nil and (root or usr) ~= usr or row.has_root and usr ~= nil and root == nil
end

--- All filesets by name. Of the parts of a fileset usr speaks before root and share; `levels` has
--- what each of them says.
---@param pattern string?      # names, with * and ?; default all
---@return table<string, altmig.swvpd.Fileset>? filesets, string? message, string? code
function reading.filesets(self, pattern)
  local out = {}
  local wanted = lslpp.pattern(pattern or "all")
  reading.each_part(self, function(part, list)
    for name, row in pairs(list) do
      if name:find(wanted) then
        out[name] = out[name] or row
        out[name].levels = out[name].levels or {}
        out[name].levels[part] = row.level
      end
    end
  end)
  for _, row in pairs(out) do row.inconsistent = is_inconsistent(row) end
  return out
end

--- One fileset, as in filesets(); nil alone when it is not installed.
---@param name string
---@return altmig.swvpd.Fileset? fileset, string? message, string? code
function reading.fileset(self, name) return reading.filesets(self)[name] end

-- Names of filesets by their number in a part.
local function by_id(filesets)
  local names = {}
  for name, row in pairs(filesets) do names[row.id] = name end
  return names
end

-- Calls fn(part, row, owner) for the objects of a class that lpp_id joins to filesets: those of one, or all.
local function joined(db, class, name, fn)
  reading.each_part(db, function(part, filesets)
    local mine = name and filesets[name]
    if name and not mine then return end
    local list = rows(db, part, class, mine and "lpp_id = " .. mine.id, needed[class])
    local owners = by_id(filesets)
    for _, row in ipairs(list) do fn(part, row, owners[row.lpp_id]) end
  end)
end

--- What happened to a fileset (or to all), each part from its first record on.
---@param name string?
---@return altmig.swvpd.Event[]? events, string? message, string? code
function reading.history(self, name)
  local out = {}
  joined(self, "history", name, function(part, row, owner)
    out[#out + 1] = { fileset = owner or "?", part = part, level = swvpd.level_of(row), event = row.event, state = row.state,
      time = row.time, ptf = row.ptf or "", user = row.login_name or "" }
  end)
  return out
end

local function file(part, row, owner)
  return { path = row.loc0, part = part, fileset = owner or "?", type = type_names[row.file_type] or "?", size = row.size,
    checksum = row.checksum, loc1 = row.loc1 or "", loc2 = row.loc2 or "" }
end

--- The files of a fileset, in the order of the inventory.
---@param name string?         # without it: of all, each with its fileset
---@return altmig.swvpd.File[]? files, string? message, string? code
function reading.files(self, name)
  local out = {}
  joined(self, "inventory", name, function(part, row, owner) out[#out + 1] = file(part, row, owner) end)
  return out
end

-- Criteria for a path; nil, which is all objects, when it has both kinds of quotes.
local function equals(path)
  local quote = not path:find("'", 1, true) and "'" or not path:find('"', 1, true) and '"'
  return quote and "loc0 = " .. quote .. path .. quote or nil
end

--- Who owns a path, with what the inventory says of it. A directory may have several owners.
---@param path string
---@return altmig.swvpd.File[]? files, string? message, string? code
function reading.owners(self, path)
  local out = {}
  reading.each_part(self, function(part, filesets)
    local list = rows(self, part, "inventory", equals(path), needed.inventory)
    local owners = by_id(filesets)
    for _, row in ipairs(list) do
      if row.loc0 == path then out[#out + 1] = file(part, row, owners[row.lpp_id]) end
    end
  end)
  return out
end

--- The name of the fileset that owns a path; nil alone when none does.
---@param path string
---@return string? fileset, string? message, string? code
function reading.owner(self, path)
  local first = reading.owners(self, path)[1]
  return first and first.fileset
end

--- The requisites of a fileset at its level; nil alone when it is not installed.
---@param name string
---@return altmig.requisite.Item[]? items, string? message, string? code
function reading.requisites(self, name)
  local row = reading.fileset(self, name)
  return row and requisite.parse(row.prereq)
end

--- What lslpp prints. altmig.aix reads the colon forms back.
---@param flags string         # one of L, l, h, f, w; with c colons, with q no header: "-Lqc"
---@param names string[]?      # filesets (with w: files), * and ? match; default all
---@return string? text, string[]|string missing, string? code   # names that match nothing, or the message
function reading.lslpp(self, flags, names) return lslpp.format(self, flags, names or {}, swvpd.directories) end

for name, fn in pairs(reading) do
  Database[name] = function(...) return err.returned(fn, ...) end
end

--- Forgets what was read; the next question reads again.
function Database:close()
  for _, store in pairs(self.stores) do store:close() end
  self.stores = {}
end

return swvpd
