#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/restore
-- part: all
-- restore -x | -T [-q] [-v] [-d] -f {File | -} [Name ...]: reads an archive by name into the current
-- directory, or lists it. -q: no question for a volume, -d: names of directories stand for all below.
-- ACLs, privileges and the upper bits of the mode word (TCB among them) go to extended attributes.

local attributes = require "lab.acl"
local bff = require "altmig.bff"
local getopt = require "lab.getopt"
local modes = require "altmig.mode"
local sys = require "altmig.sys"

local function fail(message)
  io.stderr:write("restore: ", message, "\n")
  os.exit(1, true)
end

local function usage(message)
  if message then io.stderr:write("restore: ", message, "\n") end
  io.stderr:write("Usage: restore -x[dqv] [-f Device] [File ...]\n       restore -T[qv] [-f Device]\n")
  os.exit(1, true)
end

-- The historical form: the flag letters of "xqf" or "-xqf" with the device after them.
local options, names = getopt(arg, "xTqvdMeQkb:s:f:", usage)
if not (options.x or options.T) then usage("Only the x and T flags are supported.") end
if not options.f then usage("The f flag is required.") end

local wanted
if #names > 0 then
  wanted = {}
  for _, name in ipairs(names) do wanted[name:gsub("^%./", "")] = true end
end

local function is_wanted(name)
  if not wanted then return true end
  name = name:gsub("^%./", "")
  if wanted[name] then return true end
  if not options.d then return false end
  local parent = name:match("^(.+)/[^/]+$")
  while parent do
    if wanted[parent] then return true end
    parent = parent:match("^(.+)/[^/]+$")
  end
  return false
end

local function write_data(archive, member, path)
  local temporary = path .. ".restore"
  local file, message = io.open(temporary, "wb")
  if not file then return nil, message end
  local ok
  repeat
    local piece
    piece, message = archive:read_some(member, 1 << 18)
    ok = piece and file:write(piece)
  until not ok or piece == ""
  local closed, why = file:close()
  if ok and closed then ok, message = sys.rename(temporary, path) end
  if not ok or not closed then
    sys.remove(temporary)
    return nil, message or why or "write failed"
  end
  return true
end

local function relative(name)
  local path = name:gsub("^/+", ""):gsub("^%./", ""):gsub("/+$", "")
  for part in path:gmatch("[^/]+") do
    if part == ".." then return nil end
  end
  return path == "" and "." or "./" .. path
end

local directories = {}

local function restore(archive, member)
  local path = relative(member.name)
  if not path then return nil, "bad name" end
  local parent = path:match("^(.+)/[^/]*$")
  if parent then
    local made, message = sys.makedirs(parent, modes.DIR)
    if not made then return nil, message end
  end
  local ok, message = true, nil
  local present = sys.lstat(path)
  if member.type == "dir" then
    if not present or present.type ~= "dir" then
      if present and not (present.type == "link" and (sys.stat(path) or {}).type == "dir") then sys.remove(path) end
      if not sys.stat(path) then ok, message = sys.mkdir(path, modes.DIR) end
    end
    directories[#directories + 1] = { path, member }
  elseif member.link then
    sys.remove(path)
    ok, message = sys.link(relative(member.link) or member.link, path)
  elseif member.type == "link" then
    sys.remove(path)
    ok, message = sys.symlink(member.target, path)
  elseif member.type == "file" then
    ok, message = write_data(archive, member, path)
  else
    sys.remove(path)
    ok, message = sys.mknod(path, member.type, member.mode & modes.ALL, member.rdev_major or 0, member.rdev_minor or 0)
  end
  if ok and sys.getuid() == 0 then ok, message = sys.lchown(path, member.uid, member.gid) end
  if ok and member.type ~= "link" then ok, message = sys.chmod(path, member.mode & modes.ALL) end
  if ok and member.type ~= "link" and member.type ~= "dir" then ok, message = sys.utime(path, member.atime, member.mtime) end
  if ok and (member.type == "file" or member.type == "dir") then ok, message = attributes.keep(path, member) end
  return ok, message
end

local archive, message = bff.open(options.f == "-" and 0 or options.f)
if not archive then fail(message) end
local count, bytes, status = 0, 0, 0
if not options.q or options.v then print("New volume on " .. options.f .. ":") end
while true do
  local member, why = archive:next()
  if not member then
    if why then fail(why) end
    break
  end
  if is_wanted(member.name) then
    if options.x then
      local ok, problem = restore(archive, member)
      if not ok then
        io.stderr:write(("restore: %s: %s\n"):format(member.name, problem))
        status = 1
      end
    end
    if options.v or options.T then print((options.v and ("%10d "):format(member.size) or "") .. member.name) end
    count, bytes = count + 1, bytes + member.size
  end
end
for i = #directories, 1, -1 do
  local path, member = directories[i][1], directories[i][2]
  sys.utime(path, member.atime, member.mtime)
end
if options.v then print(("The total size is %d bytes.\nThe number of restored files is %d."):format(bytes, count)) end
os.exit(status, true)
