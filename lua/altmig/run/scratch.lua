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
-- The methods that a tree has too: here they raise error objects, for others they return nil, message, code.
local raising = {}
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

local function no_such(operation, path)
  err.raise { code = "ENOENT", message = ("%s: %s: no such file or directory"):format(operation, path) }
end

-- Where the answer for a path is: in the private directory, in the tree below, or nowhere.
local function side_of(self, path)
  local stat = self.top:stat(path)
  if stat then return self.top, stat end
  if self.removed[path] then return nil end
  return self.base
end

function raising:lstat(path)
  local side, stat = side_of(self, path)
  if not side then no_such("stat", path) end
  return stat or err.check(side:stat(path))
end

function raising:stat(path, options)
  return raising.lstat(self, options and options.follow and raising.resolve(self, path) or path)
end

function Scratch:exists(path)
  local side, stat = side_of(self, path)
  if not side then return false end
  return stat ~= nil or side:exists(path)
end

--- The path that a link leads to, with "." and ".." taken out; nil for one that leads out of the root.
---@param path string     # of the link
---@param target string
---@return string?
function scratch.led_to(path, target)
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
function raising:resolve(path)
  for _ = 1, 16 do
    local side, stat = side_of(self, path)
    if not side then return path end
    if side == self.base then
      local message, code
      stat, message, code = side:stat(path)
      if not stat and not err.is_absent(code) then err.raise { code = code, message = message } end
    end
    if not stat or stat.type ~= "link" then return path end
    path = scratch.led_to(path, stat.target)
    if not path then err.raise { code = "OUTSIDE_TREE", message = "resolve: a link leaves the tree" } end
  end
  err.raise { code = "ELOOP", message = ("resolve: %s: too many links"):format(path) }
end

function raising:read(path, max)
  local target = raising.resolve(self, path)
  local side = side_of(self, target)
  if not side then no_such("read", path) end
  return err.check(side:read(target, max))
end

function raising:list(path)
  local names, message, code = self.top:list(path)
  if not names and not err.is_absent(code) then err.raise { code = code, message = message } end
  local below
  below, message, code = self.base:list(path)
  if not below and not (err.is_absent(code) and names) then err.raise { code = code, message = message } end
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

function raising:makedirs(path)
  if path == "" or path == "/" then return true end
  self.removed[path] = nil
  return err.check(self.top:makedirs(path, mode.PRIVATE_DIR))
end
raising.mkdir = raising.makedirs

local function prepare(self, path)
  raising.makedirs(self, path:match("^(.*)/"))
  self.removed[path] = nil
end

function raising:write(path, data)
  local target = raising.resolve(self, path)
  prepare(self, target)
  return err.check(self.top:write(target, data, { mode = mode.PRIVATE_FILE }))
end

function raising:symlink(target, path)
  if self:exists(path) then err.raise { code = "EEXIST", message = ("symlink: %s: exists"):format(path) } end
  prepare(self, path)
  return err.check(self.top:symlink(target, path))
end

function raising:remove(path)
  local side, stat = side_of(self, path)
  if not side or not (stat or side:exists(path)) then no_such("remove", path) end
  if stat then err.check(self.top:remove(path)) end
  self.removed[path] = true
  return true
end

function raising:rename(from, to)
  local stat = raising.lstat(self, from)
  if stat.type ~= "file" and stat.type ~= "link" then
    err.raise { code = "EINVAL", message = ("rename: %s: neither file nor link"):format(from) }
  end
  if self.top:stat(from) then
    prepare(self, to)
    err.check(self.top:rename(from, to))
  else
    local data = err.check(self.base:read(from))
    self.top:remove(to)
    prepare(self, to)
    err.check(self.top:write(to, data, { mode = mode.PRIVATE_FILE }))
  end
  self.removed[from] = true
  return true
end

for name, fn in pairs(raising) do
  Scratch[name] = function(...) return err.returned(fn, ...) end
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
