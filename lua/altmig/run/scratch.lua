-- SPDX-License-Identifier: MIT
-- A tree to try things in: it reads what another tree has and keeps everything that is written in a
-- private directory of the engine host, which goes when it is closed. The tree below is never written.
--
-- It is for contents: owners, modes and times of what is written are not kept, so that nothing here
-- needs root.

local err = require "altmig.err"
local mode = require "altmig.mode"
local sys = require "altmig.sys"
local tree_module = require "altmig.tree"

local scratch = {}

---@class altmig.Scratch
---@field base table      # what is read: stat, list, read, resolve, exists
---@field top table       # altmig.tree of the private directory
---@field dir string
---@field removed table<string, boolean>
local Scratch = {}
Scratch.__index = Scratch

--- A new directory that only we may look into.
---@return string
function scratch.directory()
  local parent = os.getenv("TMPDIR") or "/tmp"
  for i = 1, 100 do
    local dir = ("%s/altmig-%d-%s"):format(parent, sys.getpid(), sys.sha256(("%s %.9f"):format(i, sys.time())):sub(1, 12))
    local ok, message, code = sys.mkdir(dir, mode.PRIVATE_DIR)
    if ok then return dir end
    if code ~= "EEXIST" then err.check(ok, message, code) end
  end
  err.raise { code = "EEXIST", message = "mkdir: " .. parent .. ": no free name" }
end

--- A scratch tree over `base`.
---@param base table
---@return altmig.Scratch
function scratch.over(base)
  local dir = scratch.directory()
  local top, message, code = tree_module.at(dir, { sync = false })
  if not top then
    sys.rmdir(dir)
    err.check(top, message, code)
  end
  return setmetatable({ base = base, top = top, dir = dir, removed = {} }, Scratch)
end

local function no_such(operation, path) return nil, ("%s: %s: no such file or directory"):format(operation, path), "ENOENT" end

-- Where the answer for a path lies: the private directory, the tree below, or nowhere.
local function side_of(self, path)
  local stat = self.top:stat(path)
  if stat then return self.top, stat end
  if self.removed[path] then return nil end
  return self.base
end

function Scratch:lstat(path)
  local side, stat = side_of(self, path)
  if not side then return no_such("stat", path) end
  if stat then return stat end
  return side:stat(path)
end

function Scratch:stat(path, options)
  if options and options.follow then
    local target, message, code = self:resolve(path)
    if not target then return nil, message, code end
    path = target
  end
  return self:lstat(path)
end

function Scratch:exists(path)
  local side, stat = side_of(self, path)
  if not side then return false end
  return stat ~= nil or side:exists(path)
end

local function joined(path, target)
  local parts = {}
  local whole = target:sub(1, 1) == "/" and target or path:match("^(.*)/") .. "/" .. target
  for part in whole:gmatch("[^/]+") do
    if part == ".." then
      if #parts == 0 then return nil end
      parts[#parts] = nil
    elseif part ~= "." then
      parts[#parts + 1] = part
    end
  end
  return "/" .. table.concat(parts, "/")
end

--- Follows links at the end of the path, from one side to the other.
function Scratch:resolve(path)
  for _ = 1, 16 do
    local side, stat = side_of(self, path)
    if not side then return path end
    if side == self.base then
      local message, code
      stat, message, code = side:stat(path)
      if not stat and not err.is_absent(code) then return nil, message, code end
    end
    if not stat or stat.type ~= "link" then return path end
    path = joined(path, stat.target)
    if not path then return nil, "resolve: a link leaves the tree", "OUTSIDE_TREE" end
  end
  return nil, ("resolve: %s: too many links"):format(path), "ELOOP"
end

function Scratch:read(path, max)
  local target, message, code = self:resolve(path)
  if not target then return nil, message, code end
  local side = side_of(self, target)
  if not side then return no_such("read", path) end
  return side:read(target, max)
end

function Scratch:list(path)
  local names, message, code = self.top:list(path)
  if not names and not err.is_absent(code) then return nil, message, code end
  local below
  below, message, code = self.base:list(path)
  if not below and not (err.is_absent(code) and names) then return nil, message, code end
  local seen, list = {}, {}
  for _, part in ipairs { names or {}, below or {} } do
    for _, name in ipairs(part) do
      local whole = (path == "/" and "" or path) .. "/" .. name
      if not seen[name] and not (part == below and self.removed[whole]) then
        seen[name] = true
        list[#list + 1] = name
      end
    end
  end
  table.sort(list)
  return list
end

function Scratch:makedirs(path)
  if path == "" or path == "/" then return true end
  self.removed[path] = nil
  return self.top:makedirs(path, mode.PRIVATE_DIR)
end
function Scratch:mkdir(path) return self:makedirs(path) end

local function prepare(self, path)
  local ok, message, code = self:makedirs(path:match("^(.*)/"))
  if not ok then return nil, message, code end
  self.removed[path] = nil
  return true
end

function Scratch:write(path, data)
  local target, message, code = self:resolve(path)
  if not target then return nil, message, code end
  local ok
  ok, message, code = prepare(self, target)
  if not ok then return nil, message, code end
  return self.top:write(target, data, { mode = mode.PRIVATE_FILE })
end

function Scratch:symlink(target, path)
  if self:exists(path) then return nil, ("symlink: %s: exists"):format(path), "EEXIST" end
  local ok, message, code = prepare(self, path)
  if not ok then return nil, message, code end
  return self.top:symlink(target, path)
end

function Scratch:remove(path)
  local side, stat = side_of(self, path)
  if not side or not (stat or side:exists(path)) then return no_such("remove", path) end
  if stat then
    local ok, message, code = self.top:remove(path)
    if not ok then return nil, message, code end
  end
  self.removed[path] = true
  return true
end

function Scratch:rename(from, to)
  local stat, message, code = self:lstat(from)
  if not stat then return nil, message, code end
  if stat.type ~= "file" and stat.type ~= "link" then return nil, ("rename: %s: neither file nor link"):format(from), "EINVAL" end
  local ok
  if self.top:stat(from) then
    ok, message, code = prepare(self, to)
    if ok then ok, message, code = self.top:rename(from, to) end
  else
    local data
    data, message, code = self.base:read(from)
    if data then
      self.top:remove(to)
      ok, message, code = prepare(self, to)
      if ok then ok, message, code = self.top:write(to, data, { mode = mode.PRIVATE_FILE }) end
    end
  end
  if not ok then return nil, message, code end
  self.removed[from] = true
  return true
end

-- Contents are all that is kept here.
function Scratch.chmod() return true end
function Scratch.chown() return true end
function Scratch.utime() return true end

--- Removes the directory with everything in it.
function Scratch:close()
  if not self.dir then return end
  self.top:close()
  local parent, name = self.dir:match("^(.*)/([^/]*)$")
  local above = tree_module.at(parent)
  if above then
    above:remove_all("/" .. name)
    above:close()
  end
  self.dir = nil
end
Scratch.__close = Scratch.close
Scratch.__gc = Scratch.close

return scratch
