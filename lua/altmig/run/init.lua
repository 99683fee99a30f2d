-- SPDX-License-Identifier: MIT
-- The object `m` of a migration: what a flow script and the prompt work with. It is put together here from
-- the modules of this folder; what is public of `altmig.migration` is below.

local console = require "altmig.run.console"
local err = require "altmig.err"
local gate = require "altmig.gate"
local lock = require "altmig.run.lock"
local nim = require "altmig.nim"
local run = require "altmig.run.run"
local runner = require "altmig.run.step"
local session = require "altmig.run.session"
local state = require "altmig.run.state"
local sys = require "altmig.sys"

local migration = { state_dir = state.dir, list = state.list, read_state = state.read }

---@class altmig.Migration   its methods are in the modules of this folder, which say so too
---@field opts table
---@field name string          NIM name of the client
---@field client altmig.Host
---@field master altmig.Host
---@field exec altmig.Executor
---@field alt any              altmig.tree of /alt_inst; what changes something raises when it fails
---@field copy any             the same tree, whose methods return nil, message, code
---@field disks string[]
---@field target { version: integer, release: integer }
---@field nim altmig.Nim
---@field record altmig.State?  how far the migration is, by its journal
---@field phase integer?       the phase now running
---@field copy_at string?      where the client sees what m.alt is; default "/alt_inst"
local M = {}

-- The methods of `m`, by the modules they are in; each takes m as its first argument.
local methods = {
  { state, "open_journal note result_of first_open_phase" },
  { lock, "lock lock_owner lock_client client_mark unlock_client" },
  { console, "say warn detail event track collected report_entry" },
  { runner, "perform step" },
  { session, "connect open_copy close_copy" },
  { run, "load_flow phases start require_same_run run_flow resume explain" },
  { require "altmig.run.withdraw", "withdraw running_jobs before_clean_up clean_up" },
  { require "altmig.run.prompt", "looking worked_on_by writable leave_prompt" },
  { require "altmig.run.steps.eligibility", "bos_level check_eligibility finding_event" },
  { require "altmig.run.steps.resources", "read_resource named_resources remove_resources keep_bosinst_data" },
  { require "altmig.run.steps.ownership", "volume_group known_copies note_copy remember_copy copies_of_jobs learn_from_jobs "
    .. "mark_copy copy_owner describe_group foreign_remedy check_ours check_copy booted_copy disk_record clear_records undefine_copy "
    .. "remove_copy confirm_group is_overwritten confirm_overwriting" },
  { require "altmig.run.steps.altdisk", "look_at_world shows_no_copy begin_again alternate_command note_boot ready_copy" },
  { require "altmig.run.steps.clone", "mount_spot unmount_spot remove_spot spot_command alt_filesystems keep_bootlist" },
  { require "altmig.run.steps.exports", "unexport_all check_mounts check_exports" },
  { require "altmig.run.steps.mounts", "unmount_all hand_over" },
  { require "altmig.run.spot_export", "export_spot unexport_spot export_images unexport_images" },
  { require "altmig.run.private_dev", "place_in_private_dev remove_from_private_dev" },
  { require "altmig.run.steps.configuration", "changed_files plan_saving" },
  { require "altmig.run.steps.bos", "bos_image merge_configuration" },
  { require "altmig.run.steps.room", "make_room make_room_beside make_room_for_installp" },
  { require "altmig.run.steps.software", "customize install_filesets install_software" },
  { require "altmig.run.steps.obsolete", "remove_obsolete remove_filesets" },
  { require "altmig.run.steps.images", "provide_images unmount_images remove_images" },
  { require "altmig.run.steps.update", "look_at_levels install_updates" },
  { require "altmig.run.steps.interim", "remove_interim_fixes restore_interim_fixes foretell_interim_fixes" },
  { require "altmig.run.plan", "software_plan" },
  { require "altmig.run.bundle", "installp_bundle bundle_files" },
  { require "altmig.run.steps.verify", "look_at_software" },
  { require "altmig.run.steps.values", "" },
  { require "altmig.run.steps.boot", "make_bootable restore_boot_records" },
  { require "altmig.run.steps.finish", "summarize" },
}

local function add(name, fn)
  if M[name] then error(("m.%s is there already"):format(name)) end
  M[name] = assert(fn, name)
end

for _, entry in ipairs(methods) do
  local module, names = entry[1], entry[2]
  for name in names:gmatch("%S+") do add(name, module[name]) end
  for name, step in pairs(module.steps or {}) do -- a step is a method that is journalled
    runner.define(name, step)
    add(name, function(m, ...) return m:perform(name, step, ...) end)
  end
end

--- Whether a disk of the client is one that the copy is made on.
---@param disk string
---@return boolean
function M:is_target(disk)
  for _, target in ipairs(self.disks) do
    if target == disk then return true end
  end
  return false
end

--- Closes connections and files; the lock goes with them.
function M:close()
  console.close_report(self)
  session.disconnect(self)
  state.close_journal(self)
  console.close_log(self)
  lock.release(self)
end

local mt = {}
function mt.__index(m, key)
  if M[key] then return M[key] end
  if key == "alt" or key == "copy" then
    m:open_copy()
    return rawget(m, key)
  end
  return nil
end

--- A migration object for a client; nothing is connected yet. With `with_flow` its flow is loaded,
--- before anything is written: a script that cannot be used leaves no trace of a run.
---@param opts table   parsed options: client, lpp_source, spot, disks, ...
---@param with_flow boolean?
---@return altmig.Migration
function migration.new(opts, with_flow)
  local m = setmetatable({ opts = opts, name = opts.client, occurrences = {} }, mt)
  m.nim = nim.load(opts.nim)
  m.client_resource = m.nim:client(opts.client)
  m.disks = opts.disks
  m.target = opts.target
  for _, name in ipairs { "spot", "lpp_source", "pre_script", "exclude_files", "image_data", "bosinst_data", "post_script" } do
    if opts[name] then m[name] = m.nim:resource(name:match("_(script)$") or name, opts[name]) end
  end
  if with_flow then m.flow = m:load_flow() end
  state.prepare(m)
  return m
end

--- Runs fn(m) with the object closed afterwards, whatever happens.
local function with(opts, fn, with_flow)
  local m = migration.new(opts, with_flow)
  local ok, result = xpcall(fn, err.wrap, m)
  if not ok then
    result = err.wrap(result)
    if not result.explained then result.explained = pcall(M.explain, m, result) end
  end
  if not m.opts.no_log then
    local status = ok and result or not ok and (result.status or result.code == "CANCELLED" and 130) or 1
    pcall(M.event, m, { event = "ended", status = status, code = not ok and result.code or nil,
      message = not ok and result.message or nil })
  end
  local closed, problem = xpcall(M.close, err.wrap, m)
  console.write_report(m) -- by now it is no running migration any more
  if not ok then error(result, 0) end
  if not closed then error(problem, 0) end
  return result
end

--- Runs fn(m) on an object that takes no lock, keeps no journal and writes no log: for what only looks.
---@param opts table   with no_log set
---@param fn fun(m: altmig.Migration): any
function migration.look(opts, fn) return with(opts, fn, true) end

-- Phases that are run one by one belong to one flow: that of the first ones, unless --script names another.
local function with_recorded_script(opts)
  if opts.script then return end
  local now = state.read(opts, opts.client)
  local recorded = now and now.start and now.start.options or {}
  opts.script, opts.script_sha256 = recorded.script, recorded.script_sha256
end

--- A whole migration from its command line options.
---@param opts table
---@return integer status
function migration.migrate(opts)
  local partial = opts.phases and opts.phases[1] > 1 or (opts.from and opts.from > 1)
  if partial then with_recorded_script(opts) end
  return with(opts, function(m)
    m:lock("migrate")
    m:open_journal()
    local now = m.record
    if partial and not now.start then
      err.raise { code = "NO_STATE", message = ("there is no migration of %s to go on with"):format(m.name),
        remedy = "start with phase 1" }
    end
    if not partial and now.start and not now.ended then
      err.raise { code = "UNFINISHED", status = 1,
        message = ("a migration of %s stopped in phase %s (%s)"):format(m.name, now.last_phase or "0", now.last_time or "?"),
        remedy = ("go on: altmig resume %s; or, to begin again from the start, destroy its copy first: nimadm -C -c %s -s %s"):format(
          m.name, m.name, opts.spot) }
    end
    if partial then m:require_same_run() end
    m:connect()
    if opts.update and not partial and m:look_at_levels() then return 0 end
    m:lock_client()
    if not partial then
      local ok, e = xpcall(m.check_eligibility, err.wrap, m)
      if not ok then
        sys.cancel_clear()
        pcall(m.unlock_client, m) -- nothing was begun, so nothing is locked
        error(e, 0)
      end
      m:start()
    end
    m:say("Initializing log: " .. m.log_path)
    m:say("Starting Alternate Disk Migration.")
    return run.complete(m, m.flow, opts.from)
  end, true)
end

--- Options of the run the journal holds, with the switches of this call on top.
local function options_of_run(opts, client)
  local now = state.read(opts, client)
  if not now or not now.start then
    err.raise { code = "NO_STATE", message = ("there is no migration of %s in %s"):format(client, state.dir(opts)),
      remedy = "'altmig status' lists the migrations; --state names another directory" }
  end
  local merged = {}
  for k, v in pairs(now.start.options) do merged[k] = v end
  for k, v in pairs(opts) do merged[k] = v end
  if opts.script then merged.script_sha256 = nil end -- named again: it may have been changed
  merged.client = client
  return merged
end

--- Loads a half-done migration for the prompt: journal read, hosts connected, nothing changed, and for
--- looking only until m:writable(). Takes no lock: a run may be at work.
---@param client string
---@param opts table?
---@return altmig.Migration
function migration.load(client, opts)
  local m = migration.new(options_of_run(opts or {}, client))
  gate.close(m)
  m.opts.quiet = true
  m:open_journal()
  m:connect()
  m.opts.quiet = nil
  return m
end

--- altmig verify CLIENT. Exports the copy for the time of it, as the prompt does.
---@param client string
---@param opts table
---@return altmig.Verified
function migration.verify(client, opts)
  local quiet = { json = false, quiet = true } -- what it finds is all it has to say
  for name, value in pairs(opts) do quiet[name] = quiet[name] == nil and value or quiet[name] end
  local m = migration.load(client, quiet)
  m.opts.quiet = true
  local ok, result = xpcall(function()
    m:writable()
    for filesystem in m:alt_filesystems() do m:export(filesystem) end
    return m:look_at_software { files = true }
  end, err.wrap)
  m:leave_prompt()
  if not ok then error(result, 0) end
  return result
end

--- altmig verify CLIENT --values: what was recorded before the migration against what the client has now. Reads only.
---@param client string
---@param opts table
---@return altmig.values.Change[]? changes   # nil: nothing was recorded
function migration.values(client, opts)
  local merged = options_of_run(opts, client)
  merged.no_log, merged.quiet, merged.json, merged.report = true, true, nil, nil
  return with(merged, function(m)
    m:open_journal()
    m:connect()
    return require("altmig.run.steps.values").since(m)
  end)
end

--- altmig resume CLIENT.
function migration.resume(opts)
  return with(options_of_run(opts, opts.client), function(m)
    m:lock("resume")
    m:open_journal()
    m:connect()
    return m:resume(opts.from)
  end, true)
end

--- nimadm -C, altmig cleanup: undoes everything; the source disk is not touched, and no clone but altmig's.
--- opts.disk and opts.yes: the copy that is destroyed whoever made it, and that this is confirmed.
function migration.cleanup(opts)
  local ok, stored = pcall(options_of_run, opts, opts.client)
  return with(ok and stored or opts, function(m)
    m:lock("cleanup")
    local readable, e = xpcall(m.open_journal, err.wrap, m)
    if not readable then
      if e.code ~= "JOURNAL_CORRUPT" then error(e, 0) end
      -- What there is to clean up is seen on the hosts; whose the copy is, the mark in it says.
      m:warn(("altmig: %s; kept as %s/journal.bad"):format(e.message, m.state))
      state.close_journal(m)
      err.check(sys.rename(m.state .. "/journal", m.state .. "/journal.bad"))
      m:open_journal()
    end
    m:connect(true)
    if not m.client.unreachable then
      m:before_clean_up()
      m:lock_client()
    end
    local foreign = m:clean_up()
    m:note { event = "cleaned" }
    m:unlock_client()
    if foreign then
      foreign.message = foreign.message .. "; what else was left of the migration is removed"
      error(foreign, 0)
    end
    return 0
  end)
end

return migration
