-- SPDX-License-Identifier: MIT
-- The SPOT's export on the master, and in an update that of the lpp_source, for which all of this holds.
-- It is one line for all hosts that use the SPOT: NIM's, other migrations', and
-- this client. So this client alone is let in, as root, since programs of a SPOT can be read by root alone; it
-- alone is taken out again, and everything else is kept. A lock on the master keeps runs from writing over each
-- other's list. Nothing of it is persistent.

local err = require "altmig.err"
local exports = require "altmig.aix.exports"
local footprint = require "altmig.run.footprint"
local nim = require "altmig.nim"
local state = require "altmig.run.state"
local sys = require "altmig.sys"

---@class altmig.Migration
local spot_export = {}

local LOCK <const> = footprint.exports_lock

-- A run holds the lock for a few commands. One that has not changed hands for this long has no owner any more;
-- clocks of different hosts are not compared.
local STALE <const> = 60
local PAUSE <const> = 0.5

-- Arguments: the text that names the owner, the lock's directory.
local take = [[
mkdir -p "${2%/*}" || exit 1
if mkdir "$2" 2>/dev/null; then
  echo "$1" >"$2/owner" && { echo taken; exit 0; }
  rm -rf "$2"
  exit 1
fi
echo held
if [ -f "$2/owner" ]; then cat "$2/owner"; fi]]

-- The directory is moved away first, so that of two runs only one breaks the lock.
local take_away = [[
owner=
if [ -f "$2/owner" ]; then owner=$(cat "$2/owner"); fi
if [ "$owner" = "$1" ] && mv "$2" "$2.$$"; then rm -rf "$2.$$"; fi]]

local function lock(m)
  local mine = ("%s:%s "):format(sys.hostname(), m.name) -- the client's mark keeps other runs of it away
  local text = mine .. os.date("!%Y-%m-%dT%H:%M:%SZ")
  local seen, since
  while true do
    local answer = m.master:must_script(take, { text, LOCK },
      { remedy = ("%s must be writable on %s, with room"):format(LOCK:match("^(.*)/"), m.master.name) })
    if answer == "taken\n" then return text end
    local owner = answer:match("^held\n([^\n]*)\n?$")
    if not owner then
      err.raise { code = "EXPORTS_LOCK", host = m.master.name,
        message = ("%s: the lock %s on its exports names no run: %q"):format(m.master.name, LOCK, answer:sub(1, 200)),
        remedy = ("is any migration at work there? If not, on %s: rm -rf %s; then resume"):format(m.master.name, LOCK) }
    end
    if owner ~= seen then seen, since = owner, sys.time() end
    local why = owner:sub(1, #mine) == mine and "an earlier run of this client left it"
      or sys.time() - since > STALE and ("it has not changed hands for %d s"):format(STALE)
    if why then
      m:say(("altmig: %s: the lock %s on its exports (%s) is taken over: %s"):format(m.master.name, LOCK,
        owner ~= "" and owner or "of nobody", why))
      m.master:must_script(take_away, { owner, LOCK })
    else
      sys.sleep(PAUSE)
    end
  end
end

local function locked(m, fn, ...)
  local text = lock(m)
  local ok, result = xpcall(fn, err.wrap, m, ...)
  local freed, problem = xpcall(m.master.must_script, err.wrap, m.master, take_away, { text, LOCK })
  if not ok then error(result, 0) end
  if not freed then error(problem, 0) end
  return result
end

-- what: "spot_export" or "images_export", the event of the journal.
local function note(m, what, record)
  record.event = what
  m:note(record)
  state.fold_spot_export(m.record, record)
end

local function client_of(m) return nim.node_of(m.client_resource) end

-- The line of /etc/exports of a directory.
local function persistent(m, path) return exports.line_of(m.master:run({ "cat", "/etc/exports" }).stdout, path) end

local function is_let_in(m, path)
  local there, flags = m.master:exported(path)
  if not there then return false end
  local access, root = exports.admits(flags, client_of(m))
  return access and root
end

--- Why the client cannot be let in by adding it to the lists of an export: only an administrator knows what such
--- a line is for. Nil where it can.
---@param m altmig.Migration
---@param path string
---@param flags string
---@return { message: string, remedy: string }?
function spot_export.refusal(m, path, flags)
  local client = client_of(m)
  local options, why = exports.with_client(flags, client)
  if options then return nil end
  local how = ("%s exports %s with '%s': "):format(m.master.name, path, (flags:gsub("^%-", "")))
  if why == "root" then
    return { message = ("%severy host may mount it, but root of %s is nobody there, who cannot read all of a SPOT"):format(how, client),
      remedy = ("exportfs -i -o %s %s"):format(exports.with_root(flags, client), path) }
  end
  return { message = how .. "its options have more than one list of hosts, which altmig does not change",
    remedy = ("exportfs -i -o OPTIONS %s, with %s in every access= and root="):format(path, client) }
end

local let_in

-- What exportfs says of a directory whose parent or child on the same file system is exported.
local function refused(m, what, argv, result, path, inner)
  local text = result.stdout .. result.stderr
  local parent = text:match("parent%-directory %((/[^)]*)%) already exported")
  -- NFS gives away directories below an exported one of the same file system.
  if parent and not inner and path:sub(1, #parent + 1) == parent:gsub("/$", "") .. "/" then return let_in(m, what, parent, true) end
  local child = text:match("sub%-directory %((/[^)]*)%) already exported")
  local unknown = text:match("unknown host ([^%s,:]+)")
  if unknown and unknown:lower() ~= client_of(m):lower() then
    local options = exports.without_client(argv[4], unknown, { "access", "root", "rw", "ro" })
    options = exports.without_client(options, client_of(m), { "access", "root" })
    err.raise(m.master:failure(argv, result, ("on %s: the export of %s lists %s, a host without an address: give it one (/etc/hosts), or "
      .. "export without it: exportfs -i -o %s %s; then the same command again"):format(m.master.name, path, unknown, options, path)))
  end
  err.raise(m.master:failure(argv, result, child and ("on %s: %s is exported, and %s, which holds it, cannot be beside it: exportfs -u "
    .. "%s if nobody needs it; then the same command again"):format(m.master.name, child, path, child)
    or ("on %s: is its NFS server active (lssrc -g nfs), and does it know the host %s (host %s)? then the same command again"):format(
      m.master.name, client_of(m), client_of(m))))
end

function let_in(m, what, path, inner)
  if is_let_in(m, path) then return end
  local there, flags = m.master:exported(path)
  local file = persistent(m, path)
  local base = there and flags or file and file.flags
  local options, added = exports.read_only(client_of(m)), { "access", "root" }
  if base then
    local refusal = spot_export.refusal(m, path, base)
    if refusal then
      err.raise { code = "SPOT_EXPORT", host = m.master.name, message = refusal.message .. "; nothing was changed",
        remedy = ("on %s: %s; then the same command again"):format(m.master.name, refusal.remedy) }
    end
    options, added = exports.with_client(base, client_of(m))
  end
  note(m, what, { path = path, client = client_of(m), before = there and flags or nil, line = file and file.line, added = added,
    options = options })
  local argv = { "exportfs", "-i", "-o", options, path }
  local result = m.master:run(argv)
  -- What it says of other hosts of the list is not this client's matter, so the list is looked at.
  if is_let_in(m, path) then
    if result.status ~= 0 then
      m:say(("altmig: %s: exportfs ended with status %s, and %s is exported to %s all the same: %s"):format(m.master.name,
        tostring(result.status), path, client_of(m), (result.stdout .. result.stderr):match("[^\n]*")))
    end
    return
  end
  refused(m, what, argv, result, path, inner)
end

-- Through a parent's export the client was let in by an earlier call; what it mounts shows whether it still is.
local function export(m, what, location)
  local known = m.record[what]
  if is_let_in(m, location) or known and is_let_in(m, known.path) then return end
  locked(m, let_in, what, location)
end

--- Lets the client read the SPOT as root.
---@param m altmig.Migration
function spot_export.export_spot(m) export(m, "spot_export", m.spot.location) end

--- The same for the lpp_source.
---@param m altmig.Migration
function spot_export.export_images(m) export(m, "images_export", m.lpp_source.location) end

-- Takes the client out of the lists that are named; nobody else.
local function take_out(m, path, client, from)
  local there, flags = m.master:exported(path)
  if not there then return end
  local options, left = exports.without_client(flags, client, from)
  if left and exports.same(options, flags) then return end
  local file = persistent(m, path)
  if not left and file then options = file.flags:gsub("^%-", "") end
  if left or file then
    local argv = options ~= "" and { "exportfs", "-i", "-o", options, path } or { "exportfs", "-i", path }
    m.master:must(argv, { remedy = ("on %s: take %s out of the lists of hosts by hand: exportfs -i -o OPTIONS %s"):format(m.master.name,
      client, path) })
    return m:detail(("altmig: %s: %s was taken out of the export of %s"):format(m.master.name, client, path))
  end
  m.master:must { "exportfs", "-u", path }
end

local function unexport(m, what)
  local known = m.record[what]
  if not known then return end
  locked(m, take_out, known.path, known.client, known.added)
  note(m, what, { gone = true })
end

--- Takes the client out of the SPOT's export again, where altmig let it in. The export is withdrawn when nobody is
--- left in it.
---@param m altmig.Migration
function spot_export.unexport_spot(m) unexport(m, "spot_export") end

--- The same for the lpp_source.
---@param m altmig.Migration
function spot_export.unexport_images(m) unexport(m, "images_export") end

--- Whether the SPOT is exported to the client by altmig.
---@param m altmig.Migration
---@return boolean
function spot_export.spot_is_exported(m)
  local known = m.record.spot_export
  return known ~= nil and (m.master:exported(known.path))
end

--- What an administrator types on the master to take the client out by hand.
---@param m altmig.Migration
---@return string
function spot_export.by_hand(m)
  local known = m.record.spot_export
  local path = known and known.path or m.spot and m.spot.location or "SPOT"
  if not known or not (known.before or known.line) then
    return ("exportfs -u %s, or, where exportfs lists other hosts for it, exportfs -i -o OPTIONS %s without %s in them"):format(path, path,
      known and known.client or m.name)
  end
  return ("exportfs -i -o OPTIONS %s with the options that exportfs lists, without %s in %s="):format(path, known.client,
    table.concat(known.added, "= and "))
end

-- The lists that a run whose journal is lost added the client to: it is in the present export, which is not
-- persistent, and not in the line of /etc/exports. Where there is no line, an export has altmig's own form.
local function lost(m, path)
  local there, flags = m.master:exported(path)
  if not there then return {} end
  local file = persistent(m, path)
  if not file and not exports.is_read_only(flags) then return {} end
  return exports.added_to(flags, file and file.flags or "", client_of(m))
end

--- Takes the client out of exports of SPOTs and lpp_sources that a run let it into whose journal is lost.
---@param m altmig.Migration
function spot_export.remove_lost_exports(m)
  for _, kind in ipairs { { "spot", "SPOT" }, { "lpp_source", "lpp_source" } } do
    for _, resource in ipairs(m.nim:resources(kind[1])) do
      local path = resource.host ~= "local" and resource.location
      if path and #lost(m, path) > 0 then
        locked(m, function()
          take_out(m, path, client_of(m), lost(m, path))
        end)
        m:say(("altmig: withdrew the export of %s %s on %s to %s: it was from a run whose journal is lost."):format(kind[2],
          resource.name, m.master.name, m.name))
      end
    end
  end
end

return spot_export
