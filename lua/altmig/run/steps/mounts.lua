-- SPDX-License-Identifier: MIT
-- Phases 3 and 9: the copy on the executor, and engine and executor writing to it by turns.
--
-- Mount points below the executor's mount of the copy are names in the client's file systems. A link in
-- the place of one would have something mounted over the master's own files, so each is looked at
-- immediately before, and afterwards the mount must be at exactly that path. What is mounted is in the
-- journal, and is found by it wherever it came to be.

local aix = require "altmig.aix.output"
local err = require "altmig.err"
local mode = require "altmig.mode"
local nim = require "altmig.nim"
local footprint = require "altmig.run.footprint"
local json = require "altmig.json"
local private_dev = require "altmig.run.private_dev"
local state = require "altmig.run.state"
local sys = require "altmig.sys"

---@class altmig.Migration
local mounts = { steps = {} }

local images_at = footprint.images
local out_of_sync = "0505-161 nimadm: WARNING, client nfs mounts may be out of sync."
-- What is of the dead NFS server of a client does not answer; a host that is up does at once.
local LOOK <const> = 60

---@class altmig.mounts.Wanted
---@field at string          the path on the executor
---@field source string      as the mount table names it
---@field vfs string         "nfs" or "namefs"
---@field argv string[]
---@field last string        what the mount point may be
---@field prepare nil|fun(m: altmig.Migration)  makes what is mounted
---@field df boolean?        df tells that it is where it should be (of namefs it may tell what is below)
---@field remedy string?

local function wanted_filesystem(m, filesystem)
  local target = m.exec:mount_point(filesystem)
  -- nodev: no device name of the copy may reach a disk of the master.
  local options = "rw,vers=3,nodev,hard,intr" .. (m.opts.mount_options and "," .. m.opts.mount_options or "")
  return { at = target, source = filesystem, vfs = "nfs", last = "dir", df = true,
    argv = { "mount", "-o", options, nim.node_of(m.client_resource) .. ":" .. filesystem, target },
    remedy = ("on %s: exportfs must list %s with access for %s"):format(m.name, filesystem, m.master.name) }
end

-- The nodev mounts leave the copy without a usable /dev/null, which scripts cannot do without: a directory of
-- the master with a few harmless devices is laid over its /dev.
local function wanted_dev(m)
  local target, source = m.exec.root .. "/dev", private_dev.path(m)
  return { at = target, source = source, vfs = "namefs", last = "dir", prepare = private_dev.make,
    argv = { "mount", "-v", "namefs", source, target },
    remedy = ("on %s: a namefs mount lays %s over %s, a directory over a directory of an NFS mount; are both there, and is nothing "
      .. "mounted at the second?"):format(m.master.name, source, target) }
end

local function wanted_images(m)
  local target, source = m.exec.root .. images_at, m.lpp_source.location
  return { at = target, source = source, vfs = "namefs", last = "dir",
    argv = { "mount", "-v", "namefs", source, target } }
end

local function table_of(m) return aix.mounts(m.master:must { "mount" }) end

local function note(m, record)
  m:note(record)
  state.fold_mounts(m.record, record)
end

--- Removes the directory of what is laid over commands of the copy (altmig.run.isolation).
function mounts.remove_commands(m)
  local path = footprint.private_commands(m.exec.base)
  m.exec:at_plain(path, { way = "dir none", last = "dir file other none", argv = { "rm", "-rf", path }, doing = "it was not removed" })
end

-- Whether a row of the mount table shows what was to be mounted, wherever it is.
local function shows(row, wanted)
  if row.source ~= wanted.source then return false end
  if wanted.vfs == "nfs" then return row.node ~= "" and row.vfs:sub(1, 3) == "nfs" end
  return row.node == "" and row.vfs == wanted.vfs
end

-- Where such mounts are, in the order of the table.
local function places(rows, wanted)
  local list = json.array {}
  for _, row in ipairs(rows) do
    if shows(row, wanted) then list[#list + 1] = row.at end
  end
  return list
end

-- The rows that show it at places it was not at before.
local function new_rows(rows, wanted, before)
  local count, list = {}, {}
  for _, at in ipairs(before) do count[at] = (count[at] or 0) + 1 end
  for _, row in ipairs(rows) do
    if shows(row, wanted) then
      count[row.at] = (count[row.at] or 0) - 1
      if count[row.at] < 0 then list[#list + 1] = row end
    end
  end
  return list
end

local function at_place(rows, at)
  local last
  for _, row in ipairs(rows) do
    if row.at == at then last = row end
  end
  return last
end

-- A path for an administrator to look at, of a mount that cannot be taken away.
local function left_at(m, row) return ("%s is mounted at %s of %s"):format(row.source, row.at, m.master.name) end

--- What takes a mount away. A forced unmount of an NFS mount may lose what was not written yet, so it is for a
--- server that is gone, and for what is busy.
---@param row altmig.aix.Mount
---@param force boolean?
---@return string[]
function mounts.umount_words(row, force)
  return force and row.vfs ~= "namefs" and { "umount", "-f", row.at } or { "umount", row.at }
end

-- Takes one mount away. Nothing is done if a link leads elsewhere. Once more by force where it is busy, or its
-- server does not answer.
local function unmount(m, row)
  local any = "dir file other none"
  local function at_plain(argv, timeout)
    return m.exec:at_plain(row.at, { way = any, last = any, argv = argv, doing = "it was not unmounted", timeout = timeout })
  end
  local argv = mounts.umount_words(row)
  -- A look ends at once, but where the server is gone; what is still to be written may take its time.
  local ok, result = xpcall(at_plain, err.wrap, nil, LOOK)
  if ok then ok, result = xpcall(at_plain, err.wrap, argv) end
  if not ok and result.code ~= "SSH_TIMEOUT" then error(result, 0) end
  if not ok or row.vfs ~= "namefs" and result.status ~= 0 then
    if row.vfs ~= "namefs" then m:say(("altmig: %s: umount %s: %s; it is unmounted by force"):format(m.master.name, row.at,
      ok and ((result.stdout .. result.stderr):match("[^\n]+") or "exit status " .. tostring(result.status))
        or "the NFS server does not answer")) end
    argv = mounts.umount_words(row, true)
    -- Of a server that does not answer there is nothing to look at, and umount -f is made for that.
    result = ok and at_plain(argv) or m.master:run(argv)
  end
  if result.status ~= 0 then
    err.raise(m.master:failure(argv, result, ("on %s: see who uses it (fuser -cu %s), then umount -f %s"):format(m.master.name, row.at,
      row.at)))
  end
end

-- A mount that is not where it was to be: it goes, and the run stops.
local function gone_astray(m, wanted, before, candidates, why)
  local words = ("%s: %s was to be mounted at %s, and %s"):format(m.master.name, wanted.source, wanted.at, why)
  if #candidates == 1 then
    note(m, { event = "mounted", mounts = { candidates[1] } })
    pcall(unmount, m, candidates[1]) -- whether it went, the mount table says
    if #new_rows(table_of(m), wanted, before) == 0 then
      err.raise { code = "MOUNT_ASTRAY", host = m.master.name, message = words .. "; it was taken away again",
        remedy = ("somebody on %s changes the copy while it is migrated: find out who and why, then resume or clean up"):format(m.name) }
    end
  end
  local list = {}
  for _, row in ipairs(candidates) do list[#list + 1] = row.at end
  err.raise { code = "MOUNT_ASTRAY", host = m.master.name, message = words .. "; it could not be taken away",
    remedy = ("on %s: mount lists it (%s); umount it there by hand, before anything else"):format(m.master.name,
      #list > 0 and table.concat(list, " or ") or "no new line of it was found") }
end

-- Checks by the mount table and by what is at the path that a mount is there and nowhere else.
local function check_place(m, wanted, before)
  local rows = table_of(m)
  local row, new = at_place(rows, wanted.at), new_rows(rows, wanted, before)
  if not row or not shows(row, wanted) then
    return gone_astray(m, wanted, before, new, ("is %s"):format(#new == 1 and "at " .. new[1].at or "not there afterwards"))
  end
  -- A table may tell what was asked for; the way is looked at again, and what df says is found by going there.
  local argv = wanted.df and { "df", "-k", wanted.at } or nil
  local ok, result = xpcall(m.exec.at_plain, err.wrap, m.exec, wanted.at, { last = wanted.last, argv = argv })
  if not ok and result.code ~= "LINK_IN_PATH" and result.code ~= "NOT_PLAIN" then error(result, 0) end
  if not ok then gone_astray(m, wanted, before, { row }, "the path to it is another now: " .. result.message) end
  local found = argv and aix.df_k(result.stdout)
  local there = found and (found[#found] or {}).mount or wanted.at
  if there ~= wanted.at or found and #found == 0 then
    gone_astray(m, wanted, before, { row }, ("df finds %s there"):format(#found > 0 and there or "nothing"))
  end
  return row
end

local function mount_one(m, wanted)
  if wanted.prepare then wanted.prepare(m) end
  local before = places(table_of(m), wanted)
  local result = m.exec:at_plain(wanted.at, { last = wanted.last, argv = wanted.argv, doing = "nothing was mounted there" })
  if result.status ~= 0 then err.raise(m.master:failure(wanted.argv, result, wanted.remedy)) end
  return check_place(m, wanted, before)
end

-- Whether it is mounted. Something else at its place ends the run.
local function is_mounted(m, wanted, rows)
  local row = at_place(rows or table_of(m), wanted.at)
  if not row then return false end
  if shows(row, wanted) then return true end
  err.raise { code = "OTHER_MOUNT", host = m.master.name,
    message = ("%s: %s is mounted at %s, where %s has to be"):format(m.master.name, row.source, row.at, wanted.source),
    remedy = ("on %s: umount %s if nobody needs it, then resume"):format(m.master.name, row.at) }
end

-- What a mount that was cut off, as the journal tells, left at another place than its own.
local function strays(m, rows)
  local list = {}
  for _, wanted in ipairs(m.record.mounting and m.record.mounting.mounts or {}) do
    for _, row in ipairs(new_rows(rows, wanted, wanted.before)) do
      -- A migration of another client mounts the same lpp_source.
      if not row.at:match("^/[^/]+_alt/alt_inst") then list[#list + 1] = row end
    end
  end
  return list
end

local function take_strays(m)
  for _, row in ipairs(strays(m, table_of(m))) do
    m:say(("altmig: %s: a mount that was cut off went there; it is taken away"):format(left_at(m, row)))
    unmount(m, row)
  end
end

-- Mounts what is not mounted yet, in this order; recorded before and after.
local function mount_all(m, list)
  take_strays(m)
  local rows, todo, record = table_of(m), {}, { event = "mounting", mounts = {} }
  for _, wanted in ipairs(list) do
    if not is_mounted(m, wanted, rows) then
      todo[#todo + 1] = wanted
      record.mounts[#todo] = { at = wanted.at, source = wanted.source, vfs = wanted.vfs, before = places(rows, wanted) }
    end
  end
  if #todo == 0 then return end
  note(m, record)
  m.master:must { "mkdir", "-p", m.exec.root } -- on a file system of the master itself
  local done = json.array {}
  for _, wanted in ipairs(todo) do done[#done + 1] = mount_one(m, wanted) end
  note(m, { event = "mounted", mounts = done })
end

-- The engine makes what the executor needs in the copy: its tree follows no link out of it.
local function prepare(m)
  footprint.make_mount_point(m.copy, m)
end

-- Mounts one file system of the copy on the executor.
mounts.steps.mount = {
  until_phase = 8,
  run = function(m, _, filesystem)
    m:say(("Mounting %s:%s."):format(m.name, filesystem))
    if filesystem ~= "/alt_inst" then return mount_all(m, { wanted_filesystem(m, filesystem) }) end
    prepare(m)
    mount_all(m, { wanted_filesystem(m, filesystem), wanted_dev(m) })
  end,
  holds = function(m, _, filesystem)
    local rows = table_of(m)
    return is_mounted(m, wanted_filesystem(m, filesystem), rows) and (filesystem ~= "/alt_inst" or is_mounted(m, wanted_dev(m), rows))
  end,
}

-- Shows the lpp_source inside the copy at /ALT_MIG_IMAGES, as installp will see it.
mounts.steps.mount_images = {
  until_phase = 8,
  run = function(m)
    prepare(m)
    mount_all(m, { wanted_images(m) })
  end,
  holds = function(m) return is_mounted(m, wanted_images(m)) end,
}

local function name_of(row) return ("%s %s %s"):format(row.vfs, row.source, row.at) end

-- The mounts of this migration, the deepest first: all below its directory, and those that the journal
-- knows, wherever they are.
local function own_mounts(m, rows)
  local list, known = {}, {}
  for _, row in ipairs(m.record.mounted) do known[name_of(row)] = true end
  for _, row in ipairs(strays(m, rows)) do known[name_of(row)] = true end
  for _, row in ipairs(rows) do
    if m.exec:on_client(row.at) or known[name_of(row)] then list[#list + 1] = row end
  end
  table.sort(list, function(a, b) return a.at > b.at end)
  return list
end

-- What programs on the executor wrote goes to the client before its mounts go. One whose server is gone keeps
-- nothing else waiting: its own umount finds that out.
local function flush(m, list)
  for _, row in ipairs(list) do
    if row.vfs ~= "namefs" then
      local ok, e = xpcall(m.master.run, err.wrap, m.master, { "sync" }, { timeout = LOOK })
      if not ok and e.code ~= "SSH_TIMEOUT" then error(e, 0) end
      return
    end
  end
end

-- Lays files over files: $1 is the directory of the mounts, then come what is laid, and over what. Each component of
-- the path is looked at immediately before. One line each: what mount ended with, or what is in the way.
local lay_script = [[
base=$1
shift
while [ $# -gt 0 ]
do
  path=$base rest=${2#$base/} kind=file
  while [ -n "$rest" ] && [ $kind = file ]
  do
    path=$path/${rest%%/*}
    case $rest in
    */*) rest=${rest#*/} wanted=-d ;;
    *) rest= wanted=-f ;;
    esac
    if [ -h "$path" ]; then kind=link
    elif [ ! $wanted "$path" ]; then kind=other
    fi
  done
  if [ $kind = file ]
  then
    mount -v namefs "$1" "$2"
    echo "altmig-laid $? $2"
  else echo "altmig-way $kind $path"
  fi
  shift 2
done]]

local take_script = [[
base=$1
shift
for at
do
  path=$base rest=${at#$base/} kind=file
  while [ -n "$rest" ]
  do
    path=$path/${rest%%/*}
    case $rest in
    */*) rest=${rest#*/} ;;
    *) rest= ;;
    esac
    if [ -h "$path" ]; then kind=link; fi
  done
  if [ $kind = file ]; then umount "$at"; fi
done]]

-- What is laid over a file of the copy.
local function wanted_file(one) return { at = one.at, source = one.source, vfs = "namefs", last = "file" } end

--- Whether all of these are laid.
---@param list { at: string, source: string }[]
---@return boolean
function mounts.is_laid(m, list)
  local rows = table_of(m)
  for _, one in ipairs(list) do
    local row = at_place(rows, one.at)
    if not row or not shows(row, wanted_file(one)) then return false end
  end
  return #list > 0
end

--- Lays files of the master over files of the copy, in one command. Where mount(8) refuses one: false, and why; then the
--- others may be laid. Raises where a path leads elsewhere.
---@param list { at: string, source: string }[]
---@return boolean done, string? why
function mounts.lay_over(m, list)
  local rows, words, record = table_of(m), { m.exec.base }, { event = "mounting", mounts = {} }
  for i, one in ipairs(list) do
    local wanted = wanted_file(one)
    record.mounts[i] = { at = wanted.at, source = wanted.source, vfs = wanted.vfs, before = places(rows, wanted) }
    words[#words + 1], words[#words + 2] = one.source, one.at
  end
  if #list == 0 then return true end
  note(m, record)
  local result = m.master:script(lay_script, words)
  local refused
  for line in result.stdout:gmatch("[^\n]+") do
    local status, at = line:match("^altmig%-laid (%d+) (.+)$")
    local kind, path = line:match("^altmig%-way (%l+) (.+)$")
    if kind then
      err.raise { code = kind == "link" and "LINK_IN_PATH" or "NOT_PLAIN", host = m.master.name,
        message = ("%s: %s is %s; nothing was mounted there"):format(m.master.name, path,
          kind == "link" and "a symbolic link" or "not what it was when it was looked at"),
        remedy = ("on %s: look at it with ls -ld, find out who changes the copy, and resume"):format(m.name) }
    end
    if status and status ~= "0" then refused = refused or ("mount of %s ended with status %s"):format(at, status) end
  end
  rows = table_of(m)
  local done, count = json.array {}, {}
  for _, one in ipairs(list) do count[one.source] = (count[one.source] or 0) + 1 end
  for i, one in ipairs(list) do
    local wanted = wanted_file(one)
    local row, new = at_place(rows, one.at), new_rows(rows, wanted, record.mounts[i].before)
    if row and shows(row, wanted) and #new <= count[one.source] then
      done[#done + 1] = row
    elseif not refused then
      gone_astray(m, wanted, record.mounts[i].before, new, "is not there afterwards")
    end
  end
  note(m, { event = "mounted", mounts = done })
  local said = (result.stderr:match("[^\n]+") or "")
  return refused == nil, refused and refused .. (said ~= "" and ": " .. said or "")
end

--- Takes away what is laid from a directory of the master.
---@param directory string
function mounts.take_off(m, directory)
  local function laid()
    local list = {}
    for _, row in ipairs(table_of(m)) do
      if row.vfs == "namefs" and row.node == "" and row.source:sub(1, #directory + 1) == directory .. "/" and m.exec:on_client(row.at) then
        list[#list + 1] = row
      end
    end
    return list
  end
  local list = laid()
  if #list == 0 then return end
  local words = { m.exec.base }
  for i = #list, 1, -1 do words[#words + 1] = list[i].at end
  m.master:script(take_script, words)
  for _, row in ipairs(laid()) do unmount(m, row) end -- says what is in the way
  if m.record.start then note(m, { event = "unmounted", left = json.array(own_mounts(m, table_of(m))) }) end
end

--- Unmounts everything of the copy on the executor, deepest first, and prints what nimadm prints of it. What
--- stays keeps nothing else, and is named at the end. private: what becomes of the private /dev: "keep" it,
--- remove "all", or (nil) only what altmig made, so that what scripts made there is not lost.
---@param quiet boolean?  nothing is printed, and nothing is carried from the private /dev into the copy
---@param private nil|"keep"|"all"
function mounts.unmount_all(m, quiet, private)
  local problem
  if not quiet then
    local carried, e = xpcall(private_dev.carry_back, err.wrap, m)
    problem = not carried and e or nil -- what is not carried stays on the master; the mounts go all the same
  end
  local list = own_mounts(m, table_of(m))
  flush(m, list)
  for _, row in ipairs(list) do
    local ok, result = xpcall(unmount, err.wrap, m, row)
    if not ok then
      problem = problem or result
    elseif row.vfs ~= "namefs" and not quiet then
      m:say("forced unmount of " .. row.at) -- nimadm's words; whether force was needed is said before
    end
  end
  local left = #list > 0 and own_mounts(m, table_of(m)) or {}
  if #list > 0 and m.record.start then note(m, { event = "unmounted", left = json.array(left) }) end
  if #left == 0 and private ~= "keep" then private_dev.remove(m, private == "all") end
  if #left == 0 then mounts.remove_commands(m) end
  m.master:run { "rmdir", m.exec.root }
  m.master:run { "rmdir", m.exec.base }
  if #left == 0 and not problem then return end
  local words = {}
  for i, row in ipairs(left) do words[i] = left_at(m, row) end
  problem = problem or { code = "STILL_MOUNTED", host = m.master.name, message = "umount ended well" }
  if #words > 0 then problem.message = ("%s: %s"):format(table.concat(words, ", "), problem.message) end
  problem.remedy = problem.remedy or ("on %s: mount names them, umount -f DIR takes them away, the longest DIR first"):format(
    m.master.name)
  err.raise(problem)
end

-- NFS clients cache names and attributes: what the engine wrote is seen by a mount made afterwards.
local function mount_again(m)
  m:unmount_all(true, "keep")
  m:check_mounts() -- before a mount point is made in what the client exports
  prepare(m)
  local list = {}
  for filesystem in m:alt_filesystems() do
    list[#list + 1] = wanted_filesystem(m, filesystem)
    if filesystem == "/alt_inst" then list[#list + 1] = wanted_dev(m) end
  end
  list[#list + 1] = wanted_images(m)
  mount_all(m, list)
end

-- The engine writes a file and the executor reads it; the executor makes a directory and the engine sees
-- it. Both are in the root of the copy, which the executor sees at a path of its own, and nothing of the
-- copy runs: a directory, since mkdir neither follows a link at the end of its path nor replaces anything.
local function probe(m)
  local ours = ("engine %.6f"):format(sys.time())
  err.check(m.copy:remove_all(footprint.probe)) -- always the same names: this takes away what a kill left
  err.check(m.copy:remove_all(footprint.answer))
  err.check(m.copy:write(footprint.probe, ours, { mode = mode.PRIVATE_FILE }))
  local ok, read = pcall(m.exec.at_plain, m.exec, m.exec.root .. footprint.probe,
    { last = "file", argv = { "cat", m.exec.root .. footprint.probe }, doing = "it was not read" })
  local path, made = m.exec.root .. footprint.answer, nil
  if ok then made = m.exec:at_plain(m.exec.root, { argv = { "mkdir", path } }) end
  m.copy:drop_caches()
  local back = m.copy:lstat(footprint.answer)
  err.check(m.copy:remove_all(footprint.probe))
  err.check(m.copy:remove_all(footprint.answer))
  if not ok and read.code ~= "NOT_PLAIN" then error(read, 0) end -- not there: another copy of the name's directory
  return ok and read.stdout == ours and made.status == 0 and back ~= nil and back.type == "dir"
end

-- What the client writes in its own file systems the engine sees at once, but for what it has read before.
local function client_writes(m)
  if #m:running_jobs { m.client } > 0 then return end
  m:close_copy()
  m:check_exports()
  footprint.make_work_directory(m.copy)
  m.copy:drop_caches()
end

--- Lets "engine", "executor" or, for an update, "client" write: one writer at a time. Each side makes something and the
--- other looks for it; a difference is printed with nimadm's warning and everything is mounted again.
function mounts.hand_over(m, to)
  if to == "client" then return client_writes(m) end
  -- A job of a run that was killed still writes in the copy, and taking the mounts
  -- away under it would break what it does. The step attaches to it.
  if to == "executor" and #m:running_jobs { m.master } > 0 then return end
  -- The executor writes without a look at the exports, so they are looked at again before it may.
  if to == "executor" then
    m:close_copy()
    m:check_exports()
    footprint.make_work_directory(m.copy)
  end
  private_dev.carry_back(m)
  -- A mount whose export went away and came back stays stale; it is there and shows nothing.
  if to == "executor" or not m.exec:sees_copy() then mount_again(m) end
  m.copy:drop_caches()
  m.exec:check()
  if probe(m) then return end
  m:say(out_of_sync)
  m:close_copy()
  mount_again(m)
  if not probe(m) then
    err.raise { code = "OUT_OF_SYNC", host = m.master.name,
      message = ("%s and the engine host do not see the same files in the copy"):format(m.master.name),
      remedy = ("look at the NFS mounts of %s below %s, then resume"):format(m.master.name, m.exec.root) }
  end
end

-- Files that writes which were cut off left beside what they were to replace: the client looks for them
-- in its own file systems, the engine takes them away.
local function remove_temporary(m)
  local at = "/alt_inst"
  local found = m.client:run({ "find", at, "(", "-name", footprint.temporary[1], "-o", "-name", footprint.temporary[2], ")" },
    { timeout = 1800 })
  for line in found.stdout:gmatch("[^\n]+") do
    local ours = line:match("/%.[^/]*%.altmig%-new$") or line:match("%.altmig%-link$")
    local path = ours and line:sub(1, #at + 1) == at .. "/" and line:sub(#at + 1)
    local stat = path and m.copy:lstat(path)
    if stat and (stat.type == "file" or stat.type == "link") then
      err.check(m.copy:remove(path))
      m:detail(("altmig: removed from the copy: %s (a write that was cut off)"):format(path))
    end
  end
end

--- Removes from the copy all that altmig put there and that is not meant to stay, and looks for it again;
--- what an earlier run left in the client's rootvg, and the clone took along, goes too.
mounts.steps.clear_copy = {
  holds = function() return false end, -- a phase that is run again may have made it again
  run = function(m)
    m.copy:drop_caches() -- the executor wrote past them
    local removed, left = footprint.remove(m.copy, m.name)
    for _, entry in ipairs(removed) do m:detail(("altmig: removed from the copy: %s (%s)"):format(entry.path, entry.what)) end
    for _, entry in ipairs(left) do
      local rule = ("%s has files in it that altmig did not make; it was left as it is"):format(entry.what)
      m:say(("altmig: %s: %s"):format(entry.path, rule))
      m:report_entry { file = entry.path, severity = "todo", method = "clear_copy", chosen = "C", rule = rule }
    end
    remove_temporary(m)
    return { removed = #removed, left = #left }
  end,
}

return mounts
