-- SPDX-License-Identifier: MIT
-- Writes installp images: lpp_name, the control libraries of the usr and root parts, the files.

local bff = require "altmig.bff"
local bigar = require "altmig.bigar"
local lppname = require "lab.lppname"
local modes = require "altmig.mode"
local swvpd = require "lab.swvpd"

local packages = {}

local type_names = { file = "FILE", dir = "DIRECTORY", link = "SYMLINK" }

local function is_root(entry) return not entry.path:match("^/usr/") and not entry.path:match("^/usr$") end

local function data_of(entry)
  if entry.data then return entry.data end
  local file = assert(io.open(entry.source, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

-- The inventory stanza of a file; what administrators edit is VOLATILE.
local function stanza(entry, fileset, volatile)
  local lines = { entry.path .. ":", "\towner = " .. (entry.uid == 0 and "root" or "bin"),
    "\tgroup = " .. (entry.gid == 0 and "system" or "bin"), ("\tmode = %o"):format(entry.mode & modes.ALL),
    "\ttype = " .. type_names[entry.type], "\tclass = apply,inventory," .. fileset }
  if entry.type == "link" then
    lines[#lines + 1] = "\ttarget = " .. entry.target
  elseif entry.type == "file" then
    local text = data_of(entry)
    lines[#lines + 1] = "\tsize = " .. (volatile and "VOLATILE" or #text)
    lines[#lines + 1] = volatile and "\tchecksum = VOLATILE"
      or ('\tchecksum = "%05d %5d  "'):format(swvpd.sum(text), (#text + 1023) // 1024)
  end
  return table.concat(lines, "\n") .. "\n"
end

local function blocks(entry) return entry.type == "file" and (#data_of(entry) + 4095) // 4096 * 8 or 1 end

-- Sizes by directory of the first component, in order, then those that `more` has besides: { directory, blocks, temporary }.
local function sizes(entries, more)
  local by_dir, order = {}, {}
  for _, entry in ipairs(entries) do
    local dir = entry.path:match("^/[^/]+")
    if not by_dir[dir] then order[#order + 1] = dir end
    by_dir[dir] = (by_dir[dir] or 0) + blocks(entry)
  end
  table.sort(order)
  local out = {}
  for i, dir in ipairs(order) do out[i] = { dir = dir, blocks = by_dir[dir], temporary = 0 } end
  for _, size in ipairs(more or {}) do out[#out + 1] = { dir = size[1], blocks = size[2], temporary = size[3] or 0 } end
  return out
end

-- The members of the control library of one part of a package.
local function control_members(spec, part)
  local members = {}
  local function add(name, data, mode)
    members[#members + 1] = { name = name, data = data, date = spec.mtime, mode = modes.octal "100000" | (mode or modes.FILE) }
  end
  if part == "usr" then add("productid", spec.package .. " 5765-G98\n") end
  for _, f in ipairs(spec.filesets) do
    local list, inventory, methods = {}, {}, {}
    for _, c in ipairs(f.cfgfiles or {}) do methods[c.path] = c.method end
    for _, entry in ipairs(f.files) do
      if is_root(entry) then
        if part == "root" then list[#list + 1] = "." .. entry.path else list[#list + 1] = spec.root_prefix .. entry.path end
      elseif part == "usr" then
        list[#list + 1] = "." .. entry.path
      end
      if is_root(entry) == (part == "root") then inventory[#inventory + 1] = stanza(entry, f.name, methods[entry.path] ~= nil) end
    end
    if part == "usr" or f.content == "B" then
      add(f.name .. ".al", table.concat(list, "\n") .. "\n")
      add(f.name .. ".inventory", table.concat(inventory, "\n"))
      if part == "usr" then add(f.name .. ".copyright", "Emulated content of " .. f.name .. "\n") end
      if part == "usr" and f.fixdata then add(f.name .. ".fixdata", f.fixdata) end
      local cfg = {}
      for _, c in ipairs(f.cfgfiles or {}) do cfg[#cfg + 1] = ("." .. c.path .. " " .. c.method .. "\n") end
      if part == "root" and #cfg > 0 then add(f.name .. ".cfgfiles", table.concat(cfg)) end
      local names = {}
      for name in pairs(f[part .. "_scripts"] or {}) do names[#names + 1] = name end
      table.sort(names)
      for _, name in ipairs(names) do add(f.name .. "." .. name, f[part .. "_scripts"][name], modes.PROGRAM) end
    end
  end
  return members
end

local function control_library(spec, part) return assert(bigar.format(control_members(spec, part))) end

---@class lab.packages.Fileset: lab.lppname.Fileset
---@field files table[] entries as lab.images makes them, at their final paths
---@field usr_scripts table<string, string>? pre_i, post_i, config ... of the usr part
---@field root_scripts table<string, string>?
---@field cfgfiles {path: string, method: string}[]?
---@field room { [1]: string, [2]: integer, [3]: integer? }[]? size lines besides those of the files
---@field fixdata string? fix: stanzas for the fix database

--- Where an image has the control library of its usr part: an update one for each fileset and level. Updates of the lab
--- hold one fileset.
---@param package string
---@param kind string? I or S
---@param fileset {name: string, level: string}
---@return string
function packages.control_directory(package, kind, fileset)
  local base = "./usr/lpp/" .. package
  return kind == "S" and ("%s/%s/%s"):format(base, fileset.name, fileset.level) or base
end

--- Writes the image of a package.
---@param path string
---@param spec {package: string, kind: string?, filesets: lab.packages.Fileset[], mtime: integer}
---@return boolean?
---@return string? message
---@return string? code
function packages.write(path, spec)
  local base = packages.control_directory(spec.package, spec.kind, spec.filesets[1])
  spec.root_prefix = base .. "/inst_root"
  local has_root = false
  for _, f in ipairs(spec.filesets) do
    f.sizes = f.sizes or sizes(f.files, f.room)
    has_root = has_root or f.content == "B"
  end
  local writer, message, code = bff.create(path, { pack = true, date = spec.mtime })
  if not writer then return nil, message, code end
  local made = {}
  local function add(member)
    if message then return end
    member.mtime = member.mtime or spec.mtime
    local ok
    ok, message, code = writer:add(member)
    if ok then message, code = nil, nil end
  end
  local function parents(name)
    local parent = name:match("^(.+)/[^/]+$")
    if not parent or made[parent] then return end
    parents(parent)
    made[parent] = true
    add { name = parent, type = "dir", mode = modes.DIR, uid = 2, gid = 2 }
  end
  local function file(name, data, mode)
    parents(name)
    add { name = name, type = "file", mode = mode or modes.FILE, uid = 0, gid = 0, data = data }
  end
  add { name = "./", type = "dir", mode = modes.DIR, uid = 2, gid = 2 }
  made["."] = true
  file("./lpp_name", lppname.format(spec))
  file(base .. "/liblpp.a", control_library(spec, "usr"))
  if has_root then file(spec.root_prefix .. "/liblpp.a", control_library(spec, "root")) end
  for _, f in ipairs(spec.filesets) do
    for _, entry in ipairs(f.files) do
      local name = is_root(entry) and spec.root_prefix .. entry.path or "." .. entry.path
      if not made[name] then
        parents(name)
        made[name] = true
        add { name = name, type = entry.type, mode = entry.mode & modes.ALL, uid = entry.uid, gid = entry.gid,
          mtime = entry.mtime, data = entry.data, path = entry.source, target = entry.target }
      end
    end
  end
  if message then
    writer:abort()
    return nil, message, code
  end
  return writer:close()
end

-- Control library of one part of the BOS: its lists. There are no inventories: the software database
-- comes with the files.
local function bos_library(image, part)
  local members = { { name = "productid", data = "bos 5765-G98\n", date = image.mtime } }
  for _, f in ipairs(image.filesets) do
    if part == "root" and f.content == "B" then
      local list, cfg = {}, {}
      for i, entry in ipairs(f.files) do list[i] = "." .. entry.path end
      for _, c in ipairs(f.cfgfiles) do cfg[#cfg + 1] = (".%s %s\n"):format(c.path, c.method) end
      members[#members + 1] = { name = f.name .. ".al", data = table.concat(list, "\n") .. "\n", date = image.mtime }
      if #cfg > 0 then members[#members + 1] = { name = f.name .. ".cfgfiles", data = table.concat(cfg), date = image.mtime } end
    end
  end
  return assert(bigar.format(members))
end

--- Writes the BOS image: ./lpp_name and the control libraries, then the entries at their own paths.
---@param path string
---@param image lab.lppname.Image
---@param entries table[]
---@param mtime integer
---@return boolean?
---@return string? message
---@return string? code
function packages.write_bos(path, image, entries, mtime)
  image.filesets[1].sizes = sizes(entries)
  local writer, message, code = bff.create(path, { pack = true, date = mtime })
  if not writer then return nil, message, code end
  local ok = true
  local function add(member)
    if ok then ok, message, code = writer:add(member) end
  end
  add { name = "./lpp_name", type = "file", mode = modes.FILE, uid = 0, gid = 0, mtime = mtime, data = lppname.format(image) }
  local all = table.move(entries, 1, #entries, 1, {})
  for part, dir in pairs { usr = "/usr/lpp/bos", root = "/usr/lpp/bos/inst_root" } do
    all[#all + 1] = { path = dir .. "/liblpp.a", type = "file", mode = modes.FILE, uid = 0, gid = 0, mtime = mtime,
      data = bos_library(image, part) }
  end
  table.sort(all, function(a, b) return a.path < b.path end)
  for _, entry in ipairs(all) do
    add { name = "." .. entry.path, type = entry.type, mode = entry.mode & modes.ALL, uid = entry.uid, gid = entry.gid,
      mtime = entry.mtime, data = entry.data, path = entry.source, target = entry.target }
  end
  if not ok then
    writer:abort()
    return nil, message, code
  end
  return writer:close()
end

return packages
