-- SPDX-License-Identifier: MIT
-- The executor: the host that runs AIX programs of the new release inside the client's copy, in a
-- chroot of its own mounts of the client's file systems.
--
-- The client has root on what is mounted there, and may change it at any moment. So what the executor
-- does with paths of these mounts from outside the chroot goes by a command that looks at every component
-- immediately before (at_plain), and nothing of the copy is run before the engine restored the base
-- operating system of the new release over it. An update restores none: there the client itself runs what is
-- run in the copy, under its own kernel, which is of the same release.

local err = require "altmig.err"
local footprint = require "altmig.run.footprint"

---@class altmig.Executor
---@field host altmig.Host
---@field base string   directory of that host that holds the mounts
---@field root string   where the copy is mounted on that host
---@field runner altmig.Host   the host that runs programs of the copy
---@field inside string?        where that host has the copy; root without
---@field m altmig.Migration
local executor = {}
executor.__index = executor

---@param m altmig.Migration
---@return altmig.Executor
function executor.new(m)
  local self = { m = m, host = m.master, base = ("/%s_alt"):format(m.name), root = ("/%s_alt/alt_inst"):format(m.name) }
  self.runner = m.master
  if m.opts and m.opts.update then self.runner, self.inside = m.client, footprint.root end
  return setmetatable(self, executor)
end

--- Where the executor sees a path of the copy's mount points ("/alt_inst/usr").
function executor:mount_point(filesystem)
  return self.base .. filesystem
end

--- Where the client has what the executor has at a path: "/alt_inst/usr"; nil for what is not of its mounts.
---@param path string
---@return string?
function executor:on_client(path)
  local own = path:sub(1, #self.base + 1) == self.base .. "/" and path:sub(#self.base + 1)
  return own and footprint.is_of_copy(own) and own or nil
end

-- Programs of the old level, which the client has been able to write for years, are not for the master.
local function require_restored(self)
  if self.runner ~= self.host then return end -- the client runs its own
  local record = self.m.record
  if record and (record.phases[5] == "done" or self.m:result_of("restore_bos")) then return end
  err.raise { code = "NOT_RESTORED", host = self.host.name,
    message = ("%s runs nothing of the copy before phase 5 has restored the base operating system over it"):format(self.host.name),
    remedy = ("run it after phase 5; or on %s itself: m.client:run(argv, { chroot = \"/alt_inst\" })"):format(self.m.name) }
end

local function inside(self, opts)
  require_restored(self)
  local copy = {}
  for k, v in pairs(opts or {}) do copy[k] = v end
  copy.chroot = self.inside or self.root
  return copy
end

function executor:run(argv, opts) return self.runner:run(argv, inside(self, opts)) end
function executor:must(argv, opts) return self.runner:must(argv, inside(self, opts)) end
function executor:script(text, args, opts) return self.runner:script(text, args, inside(self, opts)) end
function executor:must_script(text, args, opts) return self.runner:must_script(text, args, inside(self, opts)) end
function executor:job(id, argv, opts) return self.runner:job(id, argv, inside(self, opts)) end

-- Says of each component what it is, and runs the command only if each is what it has to be. Arguments:
-- how many components there are, what those on the way may be, what the last may be, the components, the
-- command.
local plain_script = [[
n=$1 way=$2 last=$3
shift 3
while [ $n -gt 0 ]
do
  if [ -h "$1" ]; then kind=link
  elif [ -d "$1" ]; then kind=dir
  elif [ -f "$1" ]; then kind=file
  elif [ -e "$1" ]; then kind=other
  else kind=none
  fi
  echo "altmig-path $kind"
  wanted=$way
  if [ $n -eq 1 ]; then wanted=$last; fi
  case " $wanted " in
  *" $kind "*) ;;
  *) exit 0 ;;
  esac
  n=$((n - 1))
  shift
done
echo altmig-plain
if [ $# -gt 0 ]; then exec "$@"; fi]]

local kinds = { link = true, dir = true, file = true, other = true, none = true }

-- Every path that leads to `path`, itself last: from the directory of the mounts on, else from the root.
local function components(self, path)
  local list, at = {}, ""
  if self:on_client(path) then
    at = self.base
    list[1] = at
  end
  for name in path:sub(#at + 1):gmatch("[^/]+") do
    if name == "." or name == ".." then
      err.raise { code = "EINVAL", host = self.host.name, message = ("%s: %s is no path to look at"):format(self.host.name, path) }
    end
    at = at .. "/" .. name
    list[#list + 1] = at
  end
  return list
end

-- The script's answer: what each component is (as far as it looked), and the output of the command if it
-- came to that.
local function read_answer(self, text, count)
  local found, at = {}, 1
  while true do
    local line, next_at = text:match("^([^\n]*)\n()", at)
    local kind = line and line:match("^altmig%-path (%l+)$")
    if kind and kinds[kind] and #found < count then
      found[#found + 1] = kind
    elseif line == "altmig-plain" and #found == count then
      return found, text:sub(next_at)
    elseif line == nil and at > #text and #found > 0 then
      return found, nil
    else
      err.raise { code = "BAD_ANSWER", host = self.host.name,
        message = ("%s: what it says of %d components of a path is not understood: %q"):format(self.host.name, count, text:sub(1, 200)),
        remedy = "is sh of that host the one AIX comes with? /usr/bin/sh is taken from the PATH" }
    end
    at = next_at
  end
end

local what_is = { link = "a symbolic link", dir = "a directory", file = "a file", other = "neither a directory nor a file",
  none = "not there" }

---@class altmig.executor.PlainOptions
---@field way string?        what components on the way may be; default "dir"
---@field last string?       what the last may be; default "dir". Words: dir file other none, and link for what never follows one
---@field argv string[]?     run immediately after the look, on the same host
---@field doing string?      what this is for, in messages: "nothing was mounted there"
---@field timeout number?
---@field optional boolean?  nil is returned if the last component is not there

--- Looks at every component of a path of the executor's host, and runs a command if all are plain: none is
--- a symbolic link. Raises LINK_IN_PATH or NOT_PLAIN otherwise; then nothing was run.
---@param path string
---@param opts altmig.executor.PlainOptions?
---@return { status: integer, stdout: string, stderr: string, last: string }?
function executor:at_plain(path, opts)
  opts = opts or {}
  local list = components(self, path)
  local argv = { tostring(#list), opts.way or "dir", opts.last or "dir" }
  table.move(list, 1, #list, #argv + 1, argv)
  table.move(opts.argv or {}, 1, #(opts.argv or {}), #argv + 1, argv)
  local result = self.host:script(plain_script, argv, { timeout = opts.timeout })
  if result.stdout == "" and result.status ~= 0 then err.raise(self.host:failure({ "sh", "-s", table.unpack(argv) }, result)) end
  local found, output = read_answer(self, result.stdout, #list)
  local last = found[#found]
  if output then return { status = result.status, signal = result.signal, stdout = output, stderr = result.stderr, last = last } end
  local at = list[#found]
  if opts.optional and last == "none" and #found == #list then return nil end
  local there = self:on_client(at)
  err.raise { code = last == "link" and "LINK_IN_PATH" or "NOT_PLAIN", host = self.host.name,
    message = ("%s: %s is %s; %s"):format(self.host.name, at, what_is[last], opts.doing or "nothing was done there"),
    remedy = there and ("on %s: look at it with ls -ld %s, find out who made it so, and put it right; then resume"):format(self.m.name,
      there) or ("on %s: look at it with ls -ld %s"):format(self.host.name, at) }
end

--- Whether the executor sees the copy, its /usr included.
---@return boolean
function executor:sees_copy()
  local ok, e = pcall(self.at_plain, self, self.root .. "/usr/bin")
  if not ok and e.code ~= "NOT_PLAIN" then error(e, 0) end
  return ok
end

--- Raises unless the copy is mounted on the executor: a chroot into an empty directory would say
--- only that a command was not found.
function executor:check()
  if not self:sees_copy() then
    err.raise { code = "NOT_MOUNTED", host = self.host.name,
      message = ("%s: the client's copy is not mounted at %s"):format(self.host.name, self.root) }
  end
end

return executor
