-- SPDX-License-Identifier: MIT
-- Phase 5, the other way for the base operating system to travel (--restore-via stream): the archive
-- goes through SSH into the client's own restore, which sets what NFS cannot carry. And access rights
-- beyond mode bits after a restore over NFS.

local acl = require "altmig.aix.acl"
local aix = require "altmig.aix.output"
local bff = require "altmig.bff"
local err = require "altmig.err"
local escape = require "altmig.escape"
local footprint = require "altmig.run.footprint"
local host = require "altmig.run.host"
local ssh = require "altmig.ssh"
local sys = require "altmig.sys"

local stream = {}

local root = "/alt_inst"
local program = "/usr/sbin/restore"
-- In the copy: restore and its libraries as they were before it runs. The archive brings new ones, and
-- a program must not lose its libraries while it reads them.
local aside = footprint.restore

local function inside(opts)
  opts = opts or {}
  opts.chroot = root
  return opts
end

-- What restore needs to run. The forms of both commands' output: (inferred: ldd-form), (inferred: dump-form).
local function libraries(m)
  local result = m.client:run({ "ldd", program }, inside())
  if result.status == 0 then return aix.ldd(result.stdout) end
  local list, seen, queue = {}, {}, { program }
  while queue[1] do
    local path = table.remove(queue, 1)
    local output = m.client:must({ "dump", "-H", "-X", "32_64", path }, inside {
      remedy = ("ldd and dump of the copy do not tell which libraries %s needs; migrate with --restore-via nfs"):format(program) })
    for _, found in ipairs(aix.dump_H(output)) do
      if type(found) == "table" then
        local dirs = found
        found = nil
        for dir in dirs.search:gmatch("[^:]+") do
          if not found and m.alt:exists(dir .. "/" .. dirs.base) then found = dir .. "/" .. dirs.base end
        end
      end
      if found and not seen[found] and #list < 64 then
        seen[found] = true
        list[#list + 1], queue[#queue + 1] = found, found
      end
    end
  end
  return list
end

-- Of an engine that was cut off: it would wait for input, and finish a file when its channel ends.
local function end_earlier(m)
  local pid = m.client:run({ "cat", aside .. "/pid" }, inside()).stdout:match("^(%d+)\n$")
  if not pid then return end
  if m.client:run({ "ps", "-p", pid, "-o", "args=" }).stdout:find(aside .. "/restore", 1, true) then
    m.client:run { "kill", "-9", pid }
    for _ = 1, 50 do
      if m.client:run({ "ps", "-p", pid, "-o", "args=" }).status ~= 0 then break end
      err.check(sys.sleep(0.1))
    end
  end
end

local copy_script = [[
umask 077
dir=$1
shift
rm -rf "$dir" && mkdir -p "$dir" || exit 1
for file
do
	cp -p "$file" "$dir/" || exit 1
done
: >"$dir/complete"
]]

-- The running program is the shell until it is restore: the pid is the same.
local run_script = [[cd / && echo $$ >"$1/pid" && LIBPATH=$1:/usr/lib:/lib && export LIBPATH && exec "$1/restore" -xqf -]]

local function set_aside(m)
  end_earlier(m)
  -- A restore that was cut off left the copy's own of two levels: those of the first time count.
  if m.alt:read(aside .. "/complete") then return end
  local files, taken = { program }, { restore = true }
  for _, path in ipairs(libraries(m)) do
    local name = path:match("[^/]+$")
    if not taken[name] then files[#files + 1] = path end
    taken[name] = true
  end
  m.client:must_script(copy_script, { aside, table.unpack(files) }, inside())
  m:detail(("altmig: set aside for the restore: %s"):format(table.concat(files, " ")))
end

--- Sends the image; returns counts, or raises.
---@param m altmig.Migration
---@param image table     m:bos_image()
---@param exclude string[]
function stream.restore(m, image, exclude)
  local remedy = "fix the cause, then resume: the restore is run again over what is there"
  local checked, message, code = m.alt:check(image.open(), { exclude = exclude })
  if not checked then
    err.raise { code = code, host = m.name, message = ("restore of %s: %s"):format(image.path, message),
      remedy = "nothing was sent; put right what the message names in the copy, or restore via nfs" }
  end
  set_aside(m)
  m:check_exports()
  m:say("Restoring base operating system.")
  local began = sys.time()
  local reader, sent
  reader, sent, code = bff.filter(image.open(), { exclude = exclude })
  if not reader then err.raise { code = code, host = image.host, message = ("restore of %s: %s"):format(image.path, sent) } end
  local result
  local found = m:result_of("inspect_bos") or {}
  result, message, code = m:track("restore", { bytes = found.bytes, files = found.files }, function(update)
    return m.client.session:run({ aside }, { script = run_script, chroot = root, stdin = reader,
      on_progress = function() update(sent()) end })
  end)
  reader:close()
  if not result then
    err.raise { code = code, host = m.name, message = ("restore of %s: %s"):format(image.path, message), remedy = remedy }
  end
  if result.status ~= 0 then err.raise(m.client:failure({ program, "-xqf", "-" }, result, remedy)) end
  for line in (result.stdout .. result.stderr):gmatch("[^\n]+") do m:detail("restore: " .. line) end
  m.alt:drop_caches() -- the client wrote past them
  err.check(m.alt:remove_all(aside))
  local stats = sent()
  stats.seconds, stats.requests = sys.time() - began, checked.requests
  return stats
end

local function by_path(differences)
  local set, count = {}, 0
  for _, difference in ipairs(differences) do
    if not set[difference.path] then count = count + 1 end
    set[difference.path] = set[difference.path] or difference
  end
  return set, count
end

local function name(difference)
  return ("%s: %s %s instead of %s"):format(difference.path, difference.what, difference.have, difference.want)
end

--- Compares the copy with the image over NFS; what differs is restored over NFS, and must be right then.
--- Returns the access rights of what was restored, as tree:restore does.
function stream.verify(m, image, exclude)
  local differences = err.check(m.alt:verify(image.open(), { exclude = exclude }))
  local set, count = by_path(differences)
  m:detail(("altmig: compared with the image over NFS: %d differences."):format(count))
  if count == 0 then return { secured = {}, secured_dropped = 0 } end
  for _, difference in ipairs(differences) do m:detail("altmig: " .. escape.line(name(difference))) end
  local only = { exclude = exclude, select = function(path) return set[path] ~= nil end }
  local stats = err.check(m.alt:restore(image.open(), { exclude = exclude, select = only.select, again = image.open }))
  local left = err.check(m.alt:verify(image.open(), only))
  if #left > 0 then
    err.raise { code = "RESTORE_DIFFERS", host = m.name,
      message = ("restore of %s: after it, %d files differ; %s"):format(image.path, select(2, by_path(left)), name(left[1])),
      remedy = "see errpt of the client for its disks, then resume" }
  end
  m:say(("altmig: %d files that restore left different were restored over NFS."):format(count))
  return stats
end

local function list(m, path, what, why)
  m:detail("altmig: " .. escape.line(("%s of %s not set: %s"):format(what, path, why)))
  if m.report_entry then
    m:report_entry { method = "access rights", file = path, attribute = what, chosen = "not set", rule = why, severity = "todo" }
  end
end

-- The job's script: aclput for each, its text in a here document; a line for each that fails.
local function acl_script(m, secured)
  local names, indexes = acl.names(m.alt), {}
  local lines = { 'set_acl() { aclput "$2" || echo "altmig-failed $1"; }' }
  for i, entry in ipairs(secured) do
    local ok, decoded = xpcall(acl.decode, err.wrap, entry.acl)
    local st = ok and m.alt:lstat(entry.path)
    if not ok then
      list(m, entry.path, "ACL", decoded.message)
    elseif not st then
      list(m, entry.path, "ACL", "the file is not there")
    else
      indexes[i] = entry.path
      lines[#lines + 1] = ("set_acl %d %s <<'END_OF_ACL'\n%sEND_OF_ACL"):format(i, ssh.quote { entry.path },
        acl.text(decoded, names, st.uid, st.gid))
    end
  end
  return table.concat(lines, "\n") .. "\n", indexes
end

local function last_by_path(secured)
  local at, result = {}, {}
  for _, entry in ipairs(secured) do
    if entry.acl and at[entry.path] then
      result[at[entry.path]] = entry
    elseif entry.acl then
      result[#result + 1], at[entry.path] = entry, #result + 1
    end
  end
  return result
end

--- Before a restore that is run again: the job of the run before sets rights of files that are about to
--- be replaced.
function stream.end_rights_job(m, id)
  local job, message, code = m.client.session:attach(id, { dir = host.job_dir })
  if not job then
    if code ~= "JOB_GONE" then err.raise { code = code, host = m.name, message = message } end
    return
  end
  job:wait {}
  job:remove()
end

--- Sets the access rights that NFS does not carry, in one job on the client, and lists what could not
--- be set. stats: of tree:restore. Returns how many were set and how many were not.
function stream.set_rights(m, stats, id)
  local with_acl = last_by_path(stats.secured or {})
  local seen, failed = {}, 0
  for _, entry in ipairs(stats.secured or {}) do
    if entry.pcl and not seen[entry.path] then
      seen[entry.path], failed = true, failed + 1
      list(m, entry.path, "PCL", "privileges of archives cannot be set by a command")
    end
  end
  if (stats.secured_dropped or 0) > 0 then
    failed = failed + stats.secured_dropped
    list(m, ("%d further files"):format(stats.secured_dropped), "ACL", "too many to keep; migrate with --restore-via stream")
  end
  local set = 0
  if #with_acl > 0 then
    local script, indexes = acl_script(m, with_acl)
    for i in ipairs(with_acl) do
      set = set + (indexes[i] and 1 or 0)
      failed = failed + (indexes[i] and 0 or 1)
    end
    local result = set > 0 and m.client:job(id, {}, inside { script = script })
    local problems = {}
    for index in (result and result.stdout or ""):gmatch("altmig%-failed (%d+)") do problems[tonumber(index)] = true end
    for i, path in pairs(indexes) do
      if problems[i] or result.status ~= 0 then
        set, failed = set - 1, failed + 1
        list(m, path, "ACL", (result.stderr:match("[^\n]*" .. path:gsub("%p", "%%%0") .. "[^\n]*")
          or result.stderr:match("[^\n]+") or "aclput failed"))
      end
    end
    m.alt:drop_caches()
  end
  if set > 0 then m:detail(("altmig: extended access rights of %d files set on the client."):format(set)) end
  if failed > 0 then
    m:say(("altmig: access rights of %d files could not be set; %s names them."):format(failed, m.log_path or "the log"))
  end
  return { set = set, failed = failed }
end

return stream
