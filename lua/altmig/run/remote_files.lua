-- SPDX-License-Identifier: MIT
-- The files of a running host, read through SSH and never written: stat, list, read, exists and
-- resolve of altmig.tree, with plain POSIX commands. What was asked once is remembered, so that the
-- host is asked for many paths in one command (look), not for one at a time.

local err = require "altmig.err"
local mode = require "altmig.mode"

local remote = {}

---@class altmig.RemoteFiles
---@field host altmig.Host
---@field known table<string, { type: string, target: string? }|false>
---@field content table<string, string>
local Remote = {}
Remote.__index = Remote

--- Contents up to this size in all are remembered.
remote.cache_max = 64 << 20
local chunk = 400
local fetch_chunk = 64

---@param host altmig.Host
---@return altmig.RemoteFiles
function remote.of(host)
  return setmetatable({ host = host, known = {}, content = {}, listed = {}, cached = 0 }, Remote)
end

-- One line a path: what it is, and of a link also the words of ls.
local script = [[
while IFS= read -r p; do
  if [ -h "$p" ]; then echo "l $(ls -ld "$p")"
  elif [ -f "$p" ]; then echo f
  elif [ -d "$p" ]; then echo d
  elif [ -e "$p" ]; then echo o
  else echo -
  fi
done]]

local types = { f = "file", d = "dir", o = "fifo" }

local function look_chunk(self, paths)
  local output = self.host:must_script(script, {}, { stdin = table.concat(paths, "\n") .. "\n" })
  local i = 0
  for line in output:gmatch("([^\n]*)\n") do
    i = i + 1
    local path, kind = paths[i], line:sub(1, 1)
    if path and kind == "l" then
      local _, at = line:find(" " .. path .. " -> ", 1, true)
      self.known[path] = { type = "link", target = at and line:sub(at + 1) or nil }
    elseif path then
      self.known[path] = types[kind] and { type = types[kind] } or false
    end
  end
  if i ~= #paths then
    err.raise { code = "BAD_LISTING", host = self.host.name,
      message = ("%s: %d files were asked for, %d answered: a link with a line break?"):format(self.host.name, #paths, i) }
  end
end

--- Asks for many paths in as few commands as possible.
---@param paths string[]
function Remote:look(paths)
  local list, seen = {}, {}
  for _, path in ipairs(paths) do
    if self.known[path] == nil and not seen[path] and not path:find("[\n%z]") then
      seen[path] = true
      list[#list + 1] = path
      if #list == chunk then
        look_chunk(self, list)
        list = {}
      end
    end
  end
  if #list > 0 then look_chunk(self, list) end
end

function Remote:stat(path)
  self:look { path }
  local found = self.known[path]
  if not found then return nil, ("stat: %s:%s: no such file or directory"):format(self.host.name, path), "ENOENT" end
  return { type = found.type, target = found.target, mode = mode.PRIVATE_FILE, uid = 0, gid = 0, size = -1, mtime = 0, atime = 0,
    nlink = 1 }
end
Remote.lstat = Remote.stat

function Remote:exists(path)
  self:look { path }
  return self.known[path] and true or false
end

function Remote:list(path)
  if self.listed[path] then return self.listed[path] end
  local result = self.listed[path] == nil and self.host:run { "ls", "-a", path .. "/" }
  if not result or result.status ~= 0 then
    self.listed[path] = false
    return nil, ("list: %s:%s: no such directory"):format(self.host.name, path), "ENOENT"
  end
  local names, paths = {}, {}
  for name in result.stdout:gmatch("[^\n]+") do
    if name ~= "." and name ~= ".." then
      names[#names + 1] = name
      paths[#names] = (path == "/" and "" or path) .. "/" .. name
    end
  end
  self:look(paths)
  table.sort(names)
  self.listed[path] = names
  return names
end

-- No name in a directory can begin with a slash.
local list_script = [[
i=0
while IFS= read -r p; do
  i=$((i + 1))
  echo "//$i"
  if [ -d "$p/" ]; then ls -a "$p/"; fi
done]]

--- Lists many directories with one command; those that are not there have no names.
---@param paths string[]
function Remote:list_many(paths)
  if #paths == 0 then return end
  local output, names = self.host:must_script(list_script, {}, { stdin = table.concat(paths, "\n") .. "\n" }), nil
  for line in output:gmatch("[^\n]+") do
    local number = tonumber(line:match("^//(%d+)$"))
    if number and paths[number] then
      names = {}
      self.listed[paths[number]] = names
    elseif names and line ~= "." and line ~= ".." then
      names[#names + 1] = line
    end
  end
  for _, path in ipairs(paths) do
    if self.listed[path] then table.sort(self.listed[path]) end
  end
end

-- Many files in one answer: size, content, and a mark that only a file which stayed the same has.
local fetch_script = [[
i=0
while IFS= read -r p; do
  i=$((i + 1))
  n=$(wc -c < "$p") || n=-1
  n=$((n))
  if [ $n -lt 0 ] || [ $n -gt 4194304 ]; then echo "-"; continue; fi
  echo "$n"
  cat "$p"
  echo
  echo "=$i="
done]]

local function fetch_chunk_of(self, paths)
  local output = self.host:must_script(fetch_script, {}, { stdin = table.concat(paths, "\n") .. "\n",
    max_output = remote.cache_max * 4 })
  local at = 1
  for i, path in ipairs(paths) do
    local first, last, size = output:find("^(%-?%d*)\n", at)
    if not first then return end -- what is missing is read one by one
    at = last + 1
    if size ~= "-" then
      local data, mark = output:sub(at, at + tonumber(size) - 1), ("\n=%d=\n"):format(i)
      at = at + #data
      if output:sub(at, at + #mark - 1) ~= mark then return end -- it changed while it was read
      at = at + #mark
      self.content[path], self.cached = data, self.cached + #data
    end
  end
end

--- Reads many files in few commands; only to be quick: what it cannot read is left to read.
---@param paths string[]
function Remote:fetch(paths)
  local list = {}
  for _, path in ipairs(paths) do
    local known = self.known[path]
    if known and known.type == "file" and not self.content[path] and self.cached < remote.cache_max then
      list[#list + 1] = path
      if #list == fetch_chunk then
        fetch_chunk_of(self, list)
        list = {}
      end
    end
  end
  if #list > 0 then fetch_chunk_of(self, list) end
end

function Remote:read(path, max)
  if self.content[path] then return self.content[path] end
  if self.known[path] == false then
    return nil, ("read: %s:%s: no such file or directory"):format(self.host.name, path), "ENOENT"
  end
  local data, message, code = self.host.session:get(path, max)
  if not data then return nil, message, code end
  if self.cached + #data <= remote.cache_max then
    self.content[path], self.cached = data, self.cached + #data
  end
  return data
end

return remote
