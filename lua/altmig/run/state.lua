-- SPDX-License-Identifier: MIT
-- What this host keeps of a migration: its directory, and the journal, which says how far it is.

local err = require "altmig.err"
local gate = require "altmig.gate"
local journal = require "altmig.journal"
local mode = require "altmig.mode"
local sys = require "altmig.sys"

---@class altmig.Migration
local state = {}

---@class altmig.State                what the records of a journal come to
---@field start table?                the record that began the run
---@field phases table<integer, "begun"|"done"|"failed">
---@field done table<string, table>   ends of steps, by key
---@field begun table<string, table>  begins of steps without an end, by key
---@field attempts table<string, integer>
---@field order string[]              keys of the steps that are done, as they ended
---@field copies table<string, table> all copies that runs of this client ever made, by volume group identifier
---@field copy table?                 that of the present run
---@field moved table<string, true>   directories that the restore moved aside
---@field mounted table[]             what is mounted on the executor
---@field mounting table?             what was about to be mounted there
---@field private_dev { path: string, placed: table<string, true> }?  the /dev of programs that run there in the copy
---@field spot_export table?          where the client was let into the SPOT's export: path, client, before, line, added
---@field images_export table?        the same of the lpp_source, in an update
---@field failure table?
---@field ended table?
---@field world altmig.World?        the client as it was seen after the last failure of an alternate-disk command
---@field booted table<string, true>  copies that the client was seen to run from, by identifier
---@field woken boolean?              the copy was opened again, and its exports are not recorded again yet
---@field cleaned string?             when
---@field last_phase integer?
---@field last_step string?
---@field last_time string?

--- The state directory: --state, ALTMIG_STATE, or the default of the user.
---@param opts table
---@return string
function state.dir(opts)
  local dir = opts.state or os.getenv("ALTMIG_STATE")
  if dir and dir ~= "" then return dir end
  if sys.getuid() == 0 then return "/var/adm/ras/alt_mig" end
  return (os.getenv("XDG_STATE_HOME") or (os.getenv("HOME") or "") .. "/.local/state") .. "/altmig"
end

--- What is mounted on the executor, and what was about to be, after one more record.
---@param now altmig.State
---@param record table  "mounting": { mounts, before }; "mounted": { mounts }; "unmounted": { left }
function state.fold_mounts(now, record)
  now.mounting = record.event == "mounting" and record or nil
  if record.event == "mounted" then
    for _, row in ipairs(record.mounts) do table.insert(now.mounted, row) end
  elseif record.event == "unmounted" then
    now.mounted = table.move(record.left, 1, #record.left, 1, {})
  end
end

--- The private /dev on the executor after one more record: made, taken away, or a file placed in it or removed.
---@param now altmig.State
---@param record table  "private_dev": { path, made | gone | placed | removed }
function state.fold_private_dev(now, record)
  if record.gone then
    now.private_dev = nil
  elseif record.made then
    now.private_dev = { path = record.path, placed = {} }
  elseif now.private_dev then
    if record.placed then now.private_dev.placed[record.placed] = true end
    if record.removed then now.private_dev.placed[record.removed] = nil end
  end
end

--- The SPOT's export, or that of the lpp_source, after one more record: the client was let in, or taken out. What stood
--- there before is that
--- of the first record.
---@param now altmig.State
---@param record table  "spot_export" or "images_export": { path, client, before, line, added | gone }
function state.fold_spot_export(now, record)
  local what = record.event
  if record.gone then
    now[what] = nil
    return
  end
  local old = now[what]
  local same = old and old.path == record.path and old.client == record.client
  local added, seen = {}, {}
  for _, list in ipairs { same and old.added or {}, record.added } do
    for _, name in ipairs(list) do
      if not seen[name] then added[#added + 1] = name end
      seen[name] = true
    end
  end
  local first = same and old or record
  now[what] = { path = record.path, client = record.client, before = first.before, line = first.line, added = added }
end

--- What the records say: which phases and steps are done, begun, failed.
---@param records table[]
---@return altmig.State
function state.fold(records)
  local now
  local copies, booted, working = {}, {}, {}
  local function fresh()
    now = { phases = {}, done = {}, begun = {}, attempts = {}, order = {}, moved = {}, mounted = {}, copies = copies, booted = booted,
      boot_records = {} }
  end
  fresh()
  for _, record in ipairs(records) do
    local event = record.event
    if event == "start" then
      fresh()
      now.start = record
    elseif event == "cleaned" then
      fresh()
      now.cleaned = record.time
    elseif event == "phase_begin" then
      now.phases[record.phase] = "begun"
      now.last_phase, now.last_step, working = record.phase, nil, {}
      now.failure, now.ended = nil, nil
    elseif event == "phase_done" then
      now.phases[record.phase] = "done"
    elseif event == "phase_failed" then
      if record.phase then
        now.phases[record.phase] = "failed"
        now.last_phase = record.phase
      end
      now.failure, now.ended = record, nil
    elseif event == "begin" then
      now.begun[record.key] = record
      working[#working + 1] = record
      now.last_step = record.step
      now.attempts[record.key] = record.attempt
      now.done[record.key] = nil
    elseif event == "done" then
      -- A step may be part of another, which goes on.
      if working[#working] and working[#working].key == record.key then working[#working] = nil end
      now.last_step = working[1] and working[#working].step or record.step
      now.begun[record.key] = nil
      now.done[record.key] = record
      if record.step == "record_exports" then now.woken = nil end
      now.order[#now.order + 1] = record.key
    elseif event == "failed" then
      now.begun[record.key] = nil
    elseif event == "copy" then
      copies[record.vg] = { vg = record.vg, disks = record.disks, run = now.start and now.start.run, time = record.time }
      now.copy = copies[record.vg]
    elseif event == "booted" then
      booted[record.vg] = true
    elseif event == "world" then
      now.world = record
    elseif event == "woken" then
      now.woken = true
    elseif event == "boot_record" then -- what was there before the first write
      now.boot_records[record.disk] = now.boot_records[record.disk] or record
    elseif event == "boot_record_back" then
      now.boot_records[record.disk] = nil
    elseif event == "moved" then
      now.moved[record.path] = true
    elseif event == "mounting" or event == "mounted" or event == "unmounted" then
      state.fold_mounts(now, record)
    elseif event == "spot_export" or event == "images_export" then
      state.fold_spot_export(now, record)
    elseif event == "private_dev" then
      state.fold_private_dev(now, record)
    elseif event == "script" then -- the one that the run goes on with
      now.start.options.script, now.start.options.script_sha256 = record.path, record.sha256
    elseif event == "ended" then
      now.ended = record
    end
    now.last_time = record.time
  end
  return now
end

--- Names of the clients that have a state directory.
---@param opts table?
---@return string[]
function state.list(opts)
  local dir = state.dir(opts or {})
  local names = {}
  for _, name in ipairs(sys.list(dir) or {}) do
    if sys.stat(dir .. "/" .. name .. "/journal") then names[#names + 1] = name end
  end
  return names
end

--- What the journal of a state directory says, read without taking the lock; nil when there is none.
---@param dir string
---@return altmig.State?
function state.at(dir)
  local path = dir .. "/journal"
  if not sys.stat(path) then return nil end
  local j <close> = err.check(journal.open(path, { readonly = true }))
  return state.fold(err.check(j:records()))
end

--- The same of a client.
---@param opts table
---@param client string
---@return altmig.State?
function state.read(opts, client) return state.at(state.dir(opts) .. "/" .. client) end

--- The directory of a migration, made if it keeps something, and the path of its log.
---@param m altmig.Migration
function state.prepare(m)
  local dir = state.dir(m.opts)
  m.state = dir .. "/" .. m.name
  m.log_path = dir .. "/" .. m.name .. "_alt_mig.log"
  if m.opts.no_log then return end
  err.check(sys.makedirs(dir, mode.PRIVATE_DIR))
  err.check(sys.makedirs(m.state, mode.PRIVATE_DIR))
end

-- Methods of m --------------------------------------------------------------------------------------

--- Opens the journal and takes from it how far the migration is: m.record.
function state.open_journal(m)
  if m.journal then return end
  m.journal = err.check(journal.open(m.state .. "/journal", gate.is_closed(m) and { readonly = true } or nil))
  m.journal_guarded = nil
  if gate.is_closed(m) then gate.guard(m) end
  state.read_again(m)
end

--- Takes m.record from the open journal again: what this process holds of it may be older.
function state.read_again(m) m.record = state.fold(err.check(m.journal:records())) end

function state.close_journal(m)
  if m.journal then m.journal:close() end
  m.journal = nil
end

--- Writes one record; durable when this returns.
---@param record table
function state.note(m, record)
  gate.check(m, "writing to the journal")
  err.check(m.journal:append(record))
end

--- The result of a step that is done, whatever its arguments; nil if it is not.
---@param name string
function state.result_of(m, name)
  for _, key in ipairs(m.record.order) do
    local done = m.record.done[key]
    if done and done.step == name then return done.result end
  end
  return nil
end

--- The first phase that is not done; nil when all are.
---@return integer?
function state.first_open_phase(m)
  for n = 1, 12 do
    if m.record.phases[n] ~= "done" then return n end
  end
  return nil
end

return state
