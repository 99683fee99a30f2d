-- SPDX-License-Identifier: MIT
-- What programs that run in the copy on the master have as /dev.
--
-- The master mounts the client's file systems `nodev`, always: a device file of the copy with the numbers of a
-- disk of the master would be that disk. Programs cannot do without /dev/null, though. So a directory of the
-- master itself, with a few devices that harm nothing, is laid over the copy's /dev; namefs takes a directory
-- over a directory, and no device. What scripts of installp make there while it lies over the copy's own is
-- carried back by the engine, but for devices, whose numbers mean something on the master only.

local aix = require "altmig.aix.output"
local err = require "altmig.err"
local footprint = require "altmig.run.footprint"
local modes = require "altmig.mode"
local state = require "altmig.run.state"

---@class altmig.Migration
local private_dev = {}

-- What the master does not have is left out, but for null.
local names = { "null", "zero", "tty", "random", "urandom", "error" }
local is_ours = {}
for _, name in ipairs(names) do is_ours[name] = true end

-- A file in /dev that is larger is none that a program looks for there.
local MAX_FILE <const> = 1 << 20
local MAX_ENTRIES <const> = 1000

--- The directory on the master.
---@param m altmig.Migration
---@return string
function private_dev.path(m) return footprint.private_dev(m.exec.base) end

local function note(m, record)
  record.event, record.path = "private_dev", private_dev.path(m)
  m:note(record)
  state.fold_private_dev(m.record, record)
end

-- Rows of ls by the last component of their names.
local function by_name(rows)
  local list = {}
  for _, row in ipairs(rows) do list[row.name:match("[^/]+$") or ""] = row end
  return list
end

local function ls_of(dir)
  local argv = { "ls", "-l" }
  for _, name in ipairs(names) do argv[#argv + 1] = dir .. "/" .. name end
  return argv
end

-- The harmless devices of the master, with their numbers there.
local function devices_of_master(m)
  local argv = ls_of "/dev"
  local result = m.master:run(argv) -- not 0 where it does not have one of them
  local rows = by_name(aix.ls_l(result.stdout))
  local list = {}
  for _, name in ipairs(names) do
    local row = rows[name]
    if row and row.type == "char" then list[#list + 1] = row end
  end
  if not rows.null or rows.null.type ~= "char" then
    local e = m.master:failure(argv, result, ("on %s: ls -l /dev/null must show a character device; then resume"):format(m.master.name))
    e.code, e.message = "NO_DEV_NULL", ("%s: /dev/null is no character device there, and programs in the copy need one"):format(
      m.master.name)
    err.raise(e)
  end
  return list
end

--- Makes the directory, or what is missing in it. One that the journal does not know is from a run whose
--- journal is lost, and goes first.
---@param m altmig.Migration
function private_dev.make(m)
  local path = private_dev.path(m)
  local devices = devices_of_master(m)
  if not m.record.private_dev then
    note(m, { made = true })
    m.exec:at_plain(path, { last = "dir file other none", argv = { "rm", "-rf", path }, doing = "no directory was made there" })
  end
  m.master:must { "mkdir", "-p", path }
  m.exec:at_plain(path, { argv = { "chmod", "755", path }, doing = "no devices were made there" })
  local there = by_name(aix.ls_l(m.master:run(ls_of(path)).stdout))
  for _, device in ipairs(devices) do
    local name = device.name:match("[^/]+$")
    local at, old = path .. "/" .. name, there[name]
    if not old or old.type ~= "char" or old.major ~= device.major or old.minor ~= device.minor or old.mode ~= device.mode then
      if old then m.exec:at_plain(at, { last = "link dir file other none", argv = { "rm", "-rf", at } }) end
      m.master:must({ "mknod", at, "c", tostring(device.major), tostring(device.minor) },
        { remedy = ("programs in the copy need it: can %s have device files in %s (mount: is that file system nodev?)"):format(
          m.master.name, path) })
      m.master:must { "chmod", ("%o"):format(device.mode), at }
    end
  end
end

-- Everything in it, by type; a name with a line break is not told apart from two names, and shows as that.
local listing = [[
find "$1" -type d -print | sed 's/^/d /'
find "$1" -type f -print | sed 's/^/f /'
find "$1" -type l -print | sed 's/^/l /'
find "$1" ! -type d ! -type f ! -type l -print | sed 's/^/o /']]

local function todo(m, name, rule)
  m:say(("altmig: /dev/%s: %s"):format(name, rule))
  m:report_entry { file = "/dev/" .. name, severity = "todo", method = "private_dev", chosen = "C", rule = rule }
end

-- What scripts made: paths below the directory, parents first.
local function entries(m)
  local path = private_dev.path(m)
  local output = m.master:script(listing, { path }).stdout
  local list, odd = {}, 0
  for line in output:gmatch("[^\n]+") do
    local kind, name = line:match("^([dflo]) (/.+)$")
    if kind and name:sub(1, #path + 1) == path .. "/" then
      name = name:sub(#path + 2)
      if not is_ours[name] and not m.record.private_dev.placed[name] then list[#list + 1] = { name = name, kind = kind } end
    elseif not kind or name ~= path then
      odd = odd + 1
    end
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list, odd
end

-- What ls says of one of them; nil if it went, or its name is no plain one.
local function look_at(m, entry)
  local at = private_dev.path(m) .. "/" .. entry.name
  local row = aix.ls_l(m.master:run({ "ls", "-ldn", at }).stdout)[1]
  if not row or row.name:sub(1, #at) ~= at then return nil end
  if row.type == "link" then
    row.target = row.name:sub(#at + 1):match("^ %-> (.+)$")
    return row.target and row or nil
  end
  return row.name == at and row or nil
end

local function own(m, to, row)
  local uid, gid = math.tointeger(tonumber(row.owner)), math.tointeger(tonumber(row.group))
  if uid and gid then err.check(m.copy:lchown(to, uid, gid)) end
end

local put = {}
function put.dir(m, to, row, there)
  if not there then
    err.check(m.copy:mkdir(to, row.mode))
    own(m, to, row)
  end
  return not there or there.type == "dir"
end
function put.link(m, to, row, there)
  if there then err.check(m.copy:remove(to)) end
  err.check(m.copy:symlink(row.target, to))
  own(m, to, row)
  return true
end
function put.file(m, to, row, there, from)
  if row.size > MAX_FILE then return false end
  local result = m.exec:at_plain(from, { last = "file", argv = { "cat", from }, doing = "it was not read" })
  if result.status ~= 0 then err.raise(m.master:failure({ "cat", from }, result)) end
  if there and there.type == "link" then err.check(m.copy:remove(to)) end
  err.check(m.copy:write(to, result.stdout, { mode = row.mode & ~modes.SPECIAL }))
  own(m, to, row)
  return true
end

-- Carries one entry into the copy's own /dev. A link or file takes the place of a link or file; nothing takes
-- the place of a device or directory.
local function carry(m, entry)
  local row = look_at(m, entry)
  if not row then return todo(m, entry.name, "a script made it on the executor, and it was not understood there; it is not in the copy") end
  if row.type == "char" or row.type == "block" then
    return todo(m, entry.name, ("a script made this device (%s %d,%d) on %s, whose numbers mean nothing on the client; it is not in the "
      .. "copy. cfgmgr makes what the object classes describe when the new system starts; if it is missing there, see the fileset's "
      .. "documentation for its mknod"):format(row.type == "char" and "c" or "b", row.major, row.minor, m.master.name))
  end
  local to = "/dev/" .. entry.name
  local there, message, code = m.copy:lstat(to)
  if not there and not err.is_absent(code) then err.check(there, message, code) end
  local replaceable = not there or row.type == "dir" or there.type == "link" or there.type == "file"
  local done = replaceable and put[row.type] and put[row.type](m, to, row, there, private_dev.path(m) .. "/" .. entry.name)
  if done then return m:detail(("altmig: carried into the copy: %s (a script made it on %s)"):format(to, m.master.name)) end
  todo(m, entry.name, ("a script made a %s of this name on %s; the copy %s, which was left as it was"):format(row.type, m.master.name,
    there and "has a " .. there.type .. " there" or "has none"))
end

--- Carries what scripts made in the private /dev into the copy's own, and takes it away there. The engine
--- writes: nothing may run on the executor meanwhile.
---@param m altmig.Migration
function private_dev.carry_back(m)
  if not m.record.private_dev then return end
  local list, odd = entries(m)
  if #list > MAX_ENTRIES then
    err.raise { code = "PRIVATE_DEV", host = m.master.name,
      message = ("%s: scripts made %d entries in %s, which stands for /dev; so many are not carried into the copy"):format(
        m.master.name, #list, private_dev.path(m)),
      remedy = ("look there on %s what they are, remove what is not needed, then resume"):format(m.master.name) }
  end
  if odd > 0 then m:say(("altmig: %s of %s has names with line breaks; they are not carried into the copy"):format(
    private_dev.path(m), m.master.name)) end
  for _, entry in ipairs(list) do carry(m, entry) end
  for _, entry in ipairs(list) do
    if not entry.name:find("/", 1, true) then
      local at = private_dev.path(m) .. "/" .. entry.name
      m.exec:at_plain(at, { last = "link dir file other none", argv = { "rm", "-rf", at } })
    end
  end
end

--- Takes the directory away after it was unmounted. `all`: with what scripts made there. Without, a directory
--- that holds something stays for the run that goes on, which carries it back.
---@param m altmig.Migration
---@param all boolean?
function private_dev.remove(m, all)
  local path = private_dev.path(m)
  if all then
    m.exec:at_plain(path, { way = "dir none", last = "dir file other none", argv = { "rm", "-rf", path }, doing = "it was not removed" })
  elseif m.record.private_dev then
    local argv = { "rm", "-f" }
    for _, name in ipairs(names) do argv[#argv + 1] = path .. "/" .. name end
    for name in pairs(m.record.private_dev.placed) do argv[#argv + 1] = path .. "/" .. name end
    m.exec:at_plain(path, { way = "dir none", last = "dir none", argv = argv, doing = "nothing was removed there" })
    m.master:run { "rmdir", path }
  end
  if m.record.private_dev and not m.master:holds { "test", "-d", path } then note(m, { gone = true }) end
end

local function check_name(m, name)
  if type(name) ~= "string" or not name:match("^%w[%w_.%-]*$") or #name > 64 or is_ours[name] then
    err.raise { code = "EINVAL", host = m.master.name,
      message = ("%q is no name for a plain file in the private /dev"):format(tostring(name)) }
  end
  if not m.record.private_dev then
    err.raise { code = "NOT_MOUNTED", host = m.master.name,
      message = ("%s: the copy has no private /dev there: it is made with the mounts of phase 3"):format(m.master.name) }
  end
  return private_dev.path(m) .. "/" .. name
end

--- Places an empty plain file of that name in what programs on the executor see as /dev: for one that insists
--- on a device by name. Never a device. It does not come into the copy.
---@param m altmig.Migration
---@param name string
function private_dev.place_in_private_dev(m, name)
  local at = check_name(m, name)
  note(m, { placed = name })
  local argv = { "touch", at }
  local result = m.exec:at_plain(at, { last = "file none", argv = argv, doing = "no file was made there" })
  if result.status ~= 0 then err.raise(m.master:failure(argv, result)) end
end

--- Takes it away again.
---@param m altmig.Migration
---@param name string
function private_dev.remove_from_private_dev(m, name)
  local at = check_name(m, name)
  local argv = { "rm", "-f", at }
  local result = m.exec:at_plain(at, { last = "file none", argv = argv, doing = "it was not removed" })
  if result.status ~= 0 then err.raise(m.master:failure(argv, result)) end
  note(m, { removed = name })
end

return private_dev
