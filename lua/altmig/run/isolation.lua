-- SPDX-License-Identifier: MIT
-- Lays the program of altmig.aix.isolated over the commands of the copy that reach past it, for the time that scripts
-- of filesets run there, and takes it away again: namefs takes a file over a file. It is in a directory of the master,
-- beside its mounts of the copy, a file for each command; no file of the copy is changed for it.

local err = require "altmig.err"
local footprint = require "altmig.run.footprint"
local isolated = require "altmig.aix.isolated"
local mounts = require "altmig.run.steps.mounts"
local scratch = require "altmig.run.scratch"

---@class altmig.Migration
local isolation = {}

-- What goes by a link may go by another; more are a circle.
local MOST_LINKS <const> = 8

local function directory_of(path) return path:match("^(.*)/[^/]*$") end

-- The file that a command of the copy is, links followed; nil and why, where there is none that may be covered.
local function file_of(m, path, is_ours)
  for _ = 1, MOST_LINKS do
    local stat, message, code = m.copy:lstat(path)
    if not stat then
      if not err.is_absent(code) then err.check(stat, message, code) end
      return nil, "leads to " .. path .. ", which is not there"
    end
    if stat.type == "file" then
      if not is_ours[path:match("[^/]*$")] or not isolation.places[directory_of(path)] then
        return nil, "leads to " .. path .. ", which is more than this command"
      end
      return path
    elseif stat.type ~= "link" then
      return nil, path .. " is a " .. stat.type
    end
    local target = err.check(m.copy:readlink(path))
    path = scratch.led_to(path, target)
    if not path then return nil, "leads out of the copy" end
  end
  return nil, "its links lead in a circle"
end

---@type table<string, boolean>
isolation.places = {}
for _, directory in ipairs(isolated.directories) do isolation.places[directory] = true end

--- The files of the copy that are to be covered, and the commands that cannot be.
---@return { path: string, name: string }[] files, { path: string, why: string }[] uncovered
function isolation.targets(m)
  local is_ours, seen, files, uncovered = {}, {}, {}, {}
  for _, name in ipairs(isolated.names()) do is_ours[name] = true end
  for _, directory in ipairs(isolated.directories) do
    local names, message, code = m.copy:list(directory)
    if not names and not err.is_absent(code) then err.check(names, message, code) end
    for _, name in ipairs(names or {}) do
      if is_ours[name] then
        local path, why = file_of(m, directory .. "/" .. name, is_ours)
        if path and not seen[path] then
          seen[path] = true
          files[#files + 1] = { path = path, name = path:match("[^/]*$") }
        elseif not path then
          uncovered[#uncovered + 1] = { path = directory .. "/" .. name, why = why }
        end
      end
    end
  end
  table.sort(files, function(a, b) return a.path < b.path end)
  return files, uncovered
end

-- A file for each command: standard input is the program, $1 the directory, then come the names.
local make = [[
dir=$1
shift
mkdir "$dir" && chmod 755 "$dir" && cat >"$dir/altmig" && chmod 555 "$dir/altmig" || exit 1
for name
do cp -p "$dir/altmig" "$dir/$name" || exit 1
done]]

--- Lays the program over the commands, or what is missing of it. Nothing is laid where mount(8) of the master refuses
--- one of them: false, and why.
---@return boolean done, string? why
function isolation.lay(m)
  local files, uncovered = isolation.targets(m)
  local path, list, names, seen = footprint.private_commands(m.exec.base), {}, {}, {}
  for i, file in ipairs(files) do
    list[i] = { at = m.exec.root .. file.path, source = path .. "/" .. file.name }
    if not seen[file.name] then names[#names + 1], seen[file.name] = file.name, true end
  end
  for _, one in ipairs(uncovered) do m:detail(("altmig: %s of the copy is not covered: it %s"):format(one.path, one.why)) end
  if mounts.is_laid(m, list) then return true end
  mounts.take_off(m, path)
  mounts.remove_commands(m)
  m.master:must { "mkdir", "-p", m.exec.base }
  m.master:must_script(make, { path, table.unpack(names) }, { stdin = isolated.program() })
  local ok, why = mounts.lay_over(m, list)
  if not ok then isolation.take_away(m) end
  return ok, why
end

--- Takes it away.
function isolation.take_away(m)
  mounts.take_off(m, footprint.private_commands(m.exec.base))
  mounts.remove_commands(m)
end

return isolation
