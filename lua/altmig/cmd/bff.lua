-- SPDX-License-Identifier: MIT
-- altmig bff list|extract|create|verify: AIX backup-by-name archives on this host.

local bff = require "altmig.bff"
local err = require "altmig.err"
local escape = require "altmig.escape"
local mode = require "altmig.mode"
local options = require "altmig.options"
local output = require "altmig.ui.output"
local sys = require "altmig.sys"

options.define("altmig bff list", { operands = "FILE", text = "the members" })
options.define("altmig bff extract", { operands = "FILE [NAME ...]", text = "restores them, never through links", flags = {
  { "C", "directory", arg = "DIR", text = "below DIR, not the current directory" } } })
options.define("altmig bff create", { operands = "FILE", text = "an archive of the names on standard input", flags = {
  { "p", "packed", text = "packed where that is smaller" } } })
options.define("altmig bff verify", { operands = "FILE", text = "reads every header and every packed byte" })

local command = {
  summary = "list, extract, create or verify AIX backup archives",
  usage = options.usage("altmig bff",
    "a NAME selects the member and what is below it; FILE \"-\" is standard input (list, extract)"),
}

local PIECE = 4 << 20

local function fail(message) err.exit(1, "altmig bff: " .. escape.line(message)) end

local function check(value, message, ...)
  if value == nil then fail(message) end
  return value, message, ...
end

-- Iterating raises tables with code and message, which the command line prints by itself; a member
-- that cannot be restored does not end the work.
local function complain(message) output.complain("altmig bff: %s", message) end

local letters = { file = "-", dir = "d", link = "l", block = "b", char = "c", fifo = "p", socket = "s" }

local function mode_text(m)
  local text = {}
  for i = 8, 0, -1 do text[#text + 1] = m.mode >> i & 1 == 1 and ("xwr"):sub(i % 3 + 1, i % 3 + 1) or "-" end
  for bit, place in pairs { [11] = 3, [10] = 6, [9] = 9 } do
    if m.mode >> bit & 1 == 1 then
      local letter = place == 9 and "t" or "s"
      text[place] = text[place] == "x" and letter or letter:upper()
    end
  end
  return letters[m.type] .. table.concat(text)
end

-- The one operand of a form, and its flags.
local function one_file(args, who)
  local opts, operands = options.parse(args, who)
  if #operands ~= 1 then err.usage(command.usage) end
  return operands[1], opts
end

local function list(args)
  local file = one_file(args, "altmig bff list")
  local a <close> = check(bff.open(file == "-" and 0 or file))
  for m in a:members() do
    local size = m.rdev_major and ("%d,%d"):format(m.rdev_major, m.rdev_minor) or m.size
    local note = m.target and " -> " .. m.target or m.link and " link to " .. m.link or ""
    output.print("%s %5d %5d %10s %s %s%s", mode_text(m), m.uid, m.gid, size, os.date("%Y-%m-%d %H:%M", m.mtime), m.name, note)
  end
  return 0
end

local function verify(args)
  local file = one_file(args, "altmig bff verify")
  local result = check(bff.verify(file))
  output.print("%s: %d members, %d bytes", file, result.members, result.bytes)
  return 0
end

--- "./usr//lib" -> { "usr", "lib" }; nil when it would lead out of the directory.
---@param name string
---@return string[]?
local function components(name)
  local parts = {}
  for part in name:gmatch("[^/]+") do
    if part == ".." then return nil end
    if part ~= "." then parts[#parts + 1] = part end
  end
  return parts
end

---@class altmig.bff.Extraction
---@field root string
---@field safe table<string, boolean>   directories seen to be directories, not links
---@field done table<string, string>    member name -> path, of files that may get further names
---@field later table[]                 directories whose mode and times come last
local Extraction = {}
Extraction.__index = Extraction

local function refuse(name, why) err.raise { code = "EXTRACT", message = ("%s: %s"):format(name, why) } end

-- Whether fn went well; what cannot be restored is named and does not end the work.
local function attempt(fn, ...)
  local ok, e = xpcall(fn, err.wrap, ...)
  if ok then return true end
  if e.traceback then error(e, 0) end
  complain(e.message)
  return false
end

--- Makes the directories above the last part, refusing to pass through anything but directories.
---@return string
function Extraction:parent(parts)
  local path = self.root
  for i = 1, #parts - 1 do
    path = path .. "/" .. parts[i]
    if not self.safe[path] then
      local st, message, code = sys.lstat(path)
      if not st and code ~= "ENOENT" then err.check(st, message, code) end
      if st and st.type ~= "dir" then refuse(path, "not a directory, and links are not followed") end
      if not st then err.check(sys.mkdir(path, mode.DIR)) end
      self.safe[path] = true
    end
  end
  return path
end

--- Only the name is removed: what a link points to stays.
local function clear(path)
  local st = sys.lstat(path)
  if not st then return end
  if st.type == "dir" then refuse(path, "is a directory") end
  err.check(sys.remove(path))
end

local function write_data(a, m, path)
  local piece = err.check(a:read_some(m, PIECE))
  local ok, e = xpcall(function()
    err.check(sys.write_file(path, piece, { mode = mode.PRIVATE_FILE, atomic = false }))
    while #piece > 0 do
      piece = err.check(a:read_some(m, PIECE))
      if #piece > 0 then err.check(sys.append_file(path, piece)) end
    end
  end, err.wrap)
  if ok then return end
  sys.remove(path)
  error(e, 0)
end

--- Owner first: changing it clears the set-id bits.
local function set_attributes(m, path)
  if sys.getuid() == 0 then err.check(sys.lchown(path, m.uid, m.gid)) end
  if m.type ~= "link" then err.check(sys.chmod(path, m.mode)) end
  err.check(sys.utime(path, m.atime, m.mtime))
end

function Extraction:directory(m, path)
  local st = sys.lstat(path)
  if st and st.type ~= "dir" then refuse(path, "not a directory") end
  if not st then err.check(sys.mkdir(path, mode.PRIVATE_DIR)) end
  self.safe[path] = true
  self.later[#self.later + 1] = { m, path }
end

--- Restores one member; raises when it cannot be.
function Extraction:member(a, m)
  local parts = components(m.name)
  if not parts then refuse(m.name, "leads out of the directory") end
  local parent = self:parent(parts)
  if #parts == 0 then
    if m.type ~= "dir" then refuse(m.name, "no name") end
    return self:directory(m, self.root)
  end
  local path = parent .. "/" .. parts[#parts]
  if m.type == "dir" then return self:directory(m, path) end
  if m.type == "socket" then refuse(path, "a socket, not restored") end
  clear(path)
  local first = m.link and self.done[m.link]
  if first and first ~= path then return err.check(sys.link(first, path)) end
  if m.type == "file" then
    if m.link and m.size > 0 and m.stored_size == 0 then
      refuse(path, ("its data come with %s, which is not restored"):format(m.link))
    end
    write_data(a, m, path)
    if m.nlink > 1 then self.done[m.link or m.name] = path end
  elseif m.type == "link" then
    err.check(sys.symlink(m.target, path))
  else
    err.check(sys.mknod(path, m.type, mode.PRIVATE_FILE, m.rdev_major, m.rdev_minor))
  end
  set_attributes(m, path)
end

--- Directories last, from the deepest: what is restored below changes their times, and their mode
--- may forbid writing. Returns whether all went well.
---@return boolean
function Extraction:finish()
  local ok = true
  table.sort(self.later, function(x, y) return #x[2] > #y[2] end)
  for _, entry in ipairs(self.later) do ok = attempt(set_attributes, entry[1], entry[2]) and ok end
  return ok
end

--- A function that says whether a member is wanted, and which names matched nothing so far.
local function selection(names)
  local wanted, missing = {}, {}
  for _, name in ipairs(names) do
    local parts = components(name)
    if not parts then fail(name .. ": leads out of the archive") end
    wanted[table.concat(parts, "/")] = name
    missing[name] = true
  end
  if #names == 0 then return function() return true end, missing end
  return function(m)
    local path = ""
    if wanted[""] then
      missing[wanted[""]] = nil
      return true
    end
    for _, part in ipairs(components(m.name) or {}) do
      path = path == "" and part or path .. "/" .. part
      if wanted[path] then
        missing[wanted[path]] = nil
        return true
      end
    end
    return false
  end, missing
end

local function extract(args)
  local opts, names = options.parse(args, "altmig bff extract")
  local dir, file = opts.directory or ".", table.remove(names, 1)
  if not file then err.usage(command.usage) end
  local wanted, missing = selection(names)
  local status = 0
  local a <close> = check(bff.open(file == "-" and 0 or file))
  check(sys.makedirs(dir))
  local x = setmetatable({ root = check(sys.realpath(dir)), safe = {}, done = {}, later = {} }, Extraction)
  for m in a:members() do
    if wanted(m) then
      if not attempt(x.member, x, a, m) then status = 1 end
    end
  end
  if not x:finish() then status = 1 end
  for name in pairs(missing) do
    complain(name .. ": not in the archive")
    status = 1
  end
  return status
end

local function create(args)
  local file, opts = one_file(args, "altmig bff create")
  local w <close> = check(bff.create(file, { pack = opts.packed }))
  for name in io.lines() do
    local st = check(sys.lstat(name))
    -- Every name carries its data and stands for itself: how restore treats several names of one
    -- file is not known for sure.
    check(w:add {
      name = name, type = st.type, mode = st.mode, uid = st.uid, gid = st.gid, mtime = st.mtime,
      atime = st.atime, rdev_major = st.rdev_major, rdev_minor = st.rdev_minor,
      path = st.type == "file" and name or nil,
      target = st.type == "link" and check(sys.readlink(name)) or nil,
    })
  end
  check(w:close())
  return 0
end

command.actions = { list = list, extract = extract, create = create, verify = verify }

return command
