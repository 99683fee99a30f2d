-- SPDX-License-Identifier: MIT
-- A migration at the prompt: for looking until :rw takes the lock, and what it leaves behind: the lock and the
-- mark it took, the mounts and exports it made.

local aix = require "altmig.aix.output"
local err = require "altmig.err"
local footprint = require "altmig.run.footprint"
local gate = require "altmig.gate"
local lock = require "altmig.run.lock"
local run = require "altmig.run.run"
local mounts = require "altmig.run.steps.mounts"
local runs = require "altmig.run.runs"
local state = require "altmig.run.state"
local sys = require "altmig.sys"

---@class altmig.Migration
local prompt = {}

-- What the hosts show of the migration, mounted and exported: { "mount /x" = { host, undo = argv }, ... }.
local function reachable(m)
  local found = {}
  local function add(host, kind, path, undo)
    found[("%s %s on %s"):format(kind, path, host.name)] = { host = host, path = path, undo = undo }
  end
  for _, row in ipairs(m.client:exports()) do
    if footprint.is_of_copy(row.path) then add(m.client, "export", row.path, { "exportfs", "-u", row.path }) end
  end
  for _, row in ipairs(aix.mounts(m.master:must { "mount" })) do
    if m.exec:on_client(row.at) then add(m.master, "mount", row.at, mounts.umount_words(row)) end
  end
  local spot = footprint.spot
  if m.client:mounted(spot) then add(m.client, "mount", spot, { "umount", spot }) end
  local known = m.record.spot_export
  if known and m.master:exported(known.path) then add(m.master, "access to export", known.path, { "unexport_spot" }) end
  return found
end

-- Takes one thing away. A mount of the copy is not unmounted where a link on its path leads elsewhere.
local function take_away(m, thing)
  if thing.undo[1] == "unexport_spot" then return m:unexport_spot() end
  if thing.host ~= m.master or thing.undo[1] ~= "umount" then return thing.host:must(thing.undo) end
  local any = "dir file other none"
  local result = m.exec:at_plain(thing.path, { way = any, last = any, argv = thing.undo, doing = "it was not unmounted" })
  if result.status ~= 0 then err.raise(m.master:failure(thing.undo, result)) end
end

-- Takes away what came since `before`; raises with all that could not be taken away. Where there was
-- nothing, all goes, as after a failure.
local function withdraw_since(m, before)
  if next(before) == nil then return run.try_withdraw(m) end
  local now = reachable(m)
  local list = {}
  for name, thing in pairs(now) do
    if not before[name] then list[#list + 1] = thing end
  end
  -- The copy's mounts before the exports they are of, deepest first.
  table.sort(list, function(a, b)
    if a.undo[1] ~= b.undo[1] then return a.undo[1] > b.undo[1] end
    return a.path > b.path
  end)
  local problems = {}
  for _, thing in ipairs(list) do
    local ok, e = xpcall(take_away, err.wrap, m, thing)
    if not ok then problems[#problems + 1] = e.message end
  end
  if #problems > 0 then err.raise { code = "WITHDRAW", message = table.concat(problems, "; ") } end
end

--- Whether the prompt may only look.
---@return boolean
function prompt.looking(m) return gate.is_closed(m) end

--- Who works on this client now, and how far; nil when nobody does.
---@return string?
function prompt.worked_on_by(m)
  local at_work = not m.lock_handle and runs.at(m.state)
  return at_work and at_work.holder and runs.describe(at_work) or nil
end

-- What :rw does: the lock on this host, the mark on the client, and what there is to be seen beforehand,
-- so that leaving takes away what was made here and nothing else.
local function take_over(m)
  if m.lock_handle then -- at the prompt in a failed run, which has all of it
    state.read_again(m)
    return
  end
  m:lock("prompt")
  state.close_journal(m)
  m:open_journal() -- a run may have gone on since it was read
  m.report_object = nil
  local mark = m:client_mark()
  m:lock_client()
  m.prompt = { marked = mark == nil }
  m.prompt.before = reachable(m)
end

-- Back to looking, after take_over did not get all.
local function give_back(m)
  if not m.lock_handle then return gate.close(m) end
  if m.prompt and m.prompt.marked then pcall(m.unlock_client, m) end
  state.close_journal(m)
  m.prompt = nil
  lock.release(m)
  gate.close(m)
  m:open_journal()
end

--- Lets the prompt change something: takes the lock. Raises when that cannot be.
---@return true
function prompt.writable(m)
  if not gate.is_closed(m) then return true end
  local held = m.lock_handle ~= nil
  gate.open(m)
  local ok, e = xpcall(take_over, err.wrap, m)
  if ok then return true end
  if held then gate.close(m) else pcall(give_back, m) end
  error(e, 0)
end

-- What the prompt made goes, and the lock with it; a mark that a run would have left stays.
local function leave(m)
  if m.rebooting then return end
  sys.cancel_clear() -- a signal ends the prompt, not the tidying up
  if #m:running_jobs() > 0 then
    run.try_withdraw(m) -- says that they stay, and why
  else
    withdraw_since(m, m.prompt.before)
  end
  if m.prompt.marked and (m.record.ended or not m.record.start) then m:unlock_client() end
end

--- Leaves the prompt of migration.load: withdraws the mounts and exports that it made, gives the lock
--- back and closes everything. Never raises.
function prompt.leave_prompt(m)
  if m.prompt then
    local ok, e = xpcall(leave, err.wrap, m)
    if not ok then
      pcall(m.warn, m, "altmig: could not withdraw every mount and export that the prompt made: " .. err.wrap(e).message)
    end
  end
  pcall(m.close, m)
end

return prompt
