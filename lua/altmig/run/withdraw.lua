-- SPDX-License-Identifier: MIT
-- What a run made reachable is taken away: after a failure, and by a cleanup, the copy and its jobs as well.

local aix = require "altmig.aix.output"
local err = require "altmig.err"
local footprint = require "altmig.run.footprint"
local host = require "altmig.run.host"
local runner = require "altmig.run.step"
local spot_export = require "altmig.run.spot_export"

---@class altmig.Migration
local withdraw = {}

-- The jobs of this client on a host. A client's name may be the beginning of another's, so the whole
-- form of an id is looked at: NAME-STEP-DIGEST-ATTEMPT.
local function job_ids(m, h)
  local ids, prefix = {}, m.name .. "-"
  for id in h:run({ "ls", host.job_dir }).stdout:gmatch("[^\n]+") do
    if id:sub(1, #prefix) == prefix and id:sub(#prefix + 1):match("^[%w_]+%-" .. ("%x"):rep(12) .. "%-%d+$") then
      ids[#ids + 1] = id
    end
  end
  return ids
end

-- What a run leaves on a host that cannot be reached, and what takes it away there.
local function left_there(m, h, also)
  local again = ("when %s is up again: %snimadm -C -c %s -s %s%s"):format(h.name,
    also and "" or ("altmig resume %s, or "):format(m.name), m.name, m.opts.spot or "SPOT", also and "" or " (which destroys the copy)")
  if h == m.client then
    return ("%s cannot be reached (%s); left there, as far as it was made: %sthe exports of /alt_inst and below, and the mount at %s")
      :format(h.name, h.unreachable.message, also or "", footprint.spot),
      ("%s; or on %s: exportfs -u DIR for each DIR below /alt_inst that exportfs lists, and umount %s"):format(again, h.name,
        footprint.spot)
  end
  local spot = m.spot and m.spot.location or "the SPOT's /usr"
  return ("%s cannot be reached (%s); left there, as far as it was made: the mounts below %s, and the export of %s to %s"):format(
    h.name, h.unreachable.message, m.exec.base, spot, m.name),
    ("%s; or on %s: umount -f DIR for each DIR below %s that mount lists, the longest first, and %s"):format(again,
      h.name, m.exec.base, spot_export.by_hand(m))
end

-- Does what can be done: each part is tried whatever happened to the others, and none on a host that
-- cannot be reached. Returns the problems, an unreachable host once. run(problems) sees those so far.
-- also: what else is then left on the client.
local function do_parts(m, parts, also)
  local problems, told = {}, {}
  m.client:is_reachable()
  m.master:is_reachable()
  for _, part in ipairs(parts) do
    local h, ok, e = part.host, true, nil
    if not (h and h.unreachable) then ok, e = xpcall(part.run, err.wrap, problems) end
    if h and (h.unreachable or not ok and not h:is_reachable()) then
      if not told[h] then
        local message, remedy = left_there(m, h, also)
        problems[#problems + 1] = { code = h.unreachable.code, host = h.name, message = message, remedy = remedy, unreachable = true }
      end
      told[h] = true
    elseif not ok then
      if e.code == "CANCELLED" then error(e, 0) end
      problems[#problems + 1] = e
    end
  end
  return problems
end

-- One error of several: every message and every remedy is in it.
local function raise_all(problems)
  if #problems == 0 then return end
  local e = { code = problems[1].code, host = problems[1].host, command = problems[1].command, output = problems[1].output }
  local messages, remedies = {}, {}
  for _, problem in ipairs(problems) do
    messages[#messages + 1], remedies[#remedies + 1] = problem.message, problem.remedy
  end
  e.message, e.remedy = table.concat(messages, "; "), #remedies > 0 and table.concat(remedies, "; ") or nil
  err.raise(e)
end

-- Steps that were begun, run a program of the SPOT on the client, and cannot be asked about now.
local function spot_may_be_in_use(m)
  if not m.client.unreachable then return nil end
  for _, begun in pairs(m.record.begun) do
    local step = runner.find(begun.step)
    if step and step.runs_spot then return begun end
  end
end

-- The job would lose its programs under it, and the resume attaches to it.
local function unexport_unused_spot(m)
  local begun = spot_may_be_in_use(m)
  if not begun then return m:unexport_spot() end
  if not spot_export.spot_is_exported(m) then return end
  err.raise { code = "SPOT_IN_USE", host = m.master.name,
    message = ("%s still exports %s to %s: %s (job %s), which runs from it, may still run there"):format(m.master.name,
      m.spot.location, m.name, begun.step, begun.job),
    remedy = ("altmig resume %s goes on with it; or on %s: %s"):format(m.name, m.master.name, spot_export.by_hand(m)) }
end

-- Whether the exports below /alt_inst are of this run: of a clone that somebody else made they may be his.
local function has_exported(m)
  for _, key in ipairs(m.record.order) do
    if m.record.done[key] and m.record.done[key].step == "export" then return true end
  end
  for _, begun in pairs(m.record.begun) do
    if begun.step == "export" then return true end
  end
  return false
end

--- After a failure: no mount and no export of the run stays; the copy does. What is on a host that
--- can be reached goes also when the other cannot, which is named with what is left there.
function withdraw.withdraw(m)
  if not m.client or not m.master then return end
  raise_all(do_parts(m, {
    { run = function() m:close_copy() end },
    { host = m.master, run = function() m:unmount_all(true) end },
    { host = m.client, run = function() m:unmount_images() end },
    { host = m.client, run = function()
      if has_exported(m) then m:unexport_all() end
    end },
    { host = m.client, run = function() m:unmount_spot() end },
    { host = m.master, run = function() m:unexport_images() end },
    { host = m.master, run = function() unexport_unused_spot(m) end },
  }))
end

--- Removes the jobs of the client on a host: they keep a directory each until the migration is over.
function withdraw.remove_jobs(m, h)
  for _, id in ipairs(job_ids(m, h)) do h:must { "rm", "-rf", host.job_dir .. "/" .. id } end
  h:run { "rmdir", host.job_dir }
end

--- The jobs of begun steps that still run on these hosts (default: both): "STEP (job ID on HOST)".
--- record: of another run than the one of `m`.
function withdraw.running_jobs(m, hosts, record)
  local running = {}
  if not m.client or not m.master then return running end
  for _, begun in pairs((record or m.record).begun) do
    for _, h in ipairs(hosts or { m.client, m.master }) do
      local _, state = h:find_job(begun.job)
      if state == "running" then running[#running + 1] = ("%s (job %s on %s)"):format(begun.step, begun.job, h.name) end
    end
  end
  return running
end

-- A cleanup of the system that runs is none: what it could remove is that system, or its way back.
local function refuse_booted(m)
  m:note_boot()
  local root = m:booted_copy()
  if not root then return end
  local back = m:volume_group("old_rootvg")
  err.raise { code = "BOOTED_COPY", host = m.name,
    message = ("%s runs from the copy that altmig made: %s; nothing was changed"):format(m.name, m:describe_group(root)),
    remedy = (back and ("old_rootvg on %s is the way back: bootlist -m normal %s, then shutdown -Fr; after that the copy can be removed")
      :format(table.concat(back.disks, " "), back.disks[1]) or "there is no old_rootvg to go back to")
      .. (m.record.start and not m.record.ended and ("; to end the migration in order: altmig resume %s"):format(m.name) or "") }
end

--- What must be known before a cleanup changes anything: that the client does not run from the copy, and
--- which group --disk means. Beside a copy of somebody else, and with no run in the journal, nothing at all
--- is known to be altmig's: mounts and exports of IBM's nimadm have the same names.
function withdraw.before_clean_up(m)
  refuse_booted(m)
  m:learn_from_jobs()
  if m.opts.disk then m:confirm_group(m:volume_group()) end
  if not m.record.start then m:check_ours(m:volume_group()) end
end

-- The copy, by the alt_rootvg_op of the SPOT. It is known to be altmig's.
local function remove_copy(m, group)
  if not m.spot then
    err.raise { code = "NO_SPOT", message = "cleanup needs the SPOT, whose alt_rootvg_op removes the copy",
      remedy = ("nimadm -C -c %s -s SPOT"):format(m.name) }
  end
  if not m.master:is_reachable() then
    err.raise { code = m.master.unreachable.code, host = m.name,
      message = ("%s: the copy, %s, is left: its removal needs the SPOT on %s, which cannot be reached"):format(m.name,
        m:describe_group(group), m.master.name),
      remedy = ("clean up again when %s is up; or, if %s has bos.alt_disk_install.rte, destroy the copy there: "
        .. "alt_rootvg_op -X altinst_rootvg; chpv -C %s"):format(m.master.name, m.name, table.concat(group.disks, " ")) }
  end
  m:mount_spot()
  m:remove_copy()
end

-- The bootlist goes back to rootvg if it names a disk of the copy. Any other order is somebody's will.
local function set_bootlist_back(m, of_copy)
  local roots = m:volume_group("rootvg")
  local first = roots and (aix.bootlist(m.client:must { "bootlist", "-m", "normal", "-o" })[1] or {}).disk
  for _, disk in ipairs(of_copy) do
    if disk == first then
      m.client:must { "bootlist", "-m", "normal", roots.disks[1] }
      return m:say(("Bootlist is set to the boot disk: %s blv=hd5"):format(roots.disks[1]))
    end
  end
end

-- Disks of the run that are in no volume group.
local function idle_disks(m)
  local list, _, by_name = {}, aix.lspv(m.client:must { "lspv" })
  for _, disk in ipairs(m.disks or {}) do
    if by_name[disk] and not by_name[disk].vg then list[#list + 1] = disk end
  end
  return list
end

-- Something that is in the way of the copy's removal, other than a host that cannot be reached.
local function is_blocked(problems)
  for _, problem in ipairs(problems) do
    if not problem.unreachable then return true end
  end
  return false
end

-- The copy is not taken away under a job that still works in it.
local function end_job(m, h, id)
  local ok, job = xpcall(h.find_job, err.wrap, h, id)
  if ok and not job then return end
  local ended, message, code
  if ok then
    ended, message, code = job:cancel()
  else
    message, code = job.message, job.code
  end
  if ended or code == "JOB_GONE" then return end
  message = ("job %s on %s could not be ended: %s"):format(id, h.name, message)
  if not m.opts.force then
    err.raise { code = code, host = h.name, message = message,
      remedy = ("end it there (its process is named in %s/%s/pid), then clean up again; with -F the copy goes all the same")
        :format(host.job_dir, id) }
  end
  m:warn("altmig: " .. message)
end

-- Stops what still runs for this client, by what is on the hosts: the journal may be lost.
local function cancel_jobs(m)
  for _, h in ipairs { m.client, m.master } do
    for _, id in ipairs(h:is_reachable() and job_ids(m, h) or {}) do
      end_job(m, h, id)
    end
  end
end

--- nimadm -C: removes mounts, exports, jobs and the copy, and gives the bootlist back. What cannot be
--- reached or taken away keeps nothing else from going but the copy; all of it is named at the end. A copy
--- that is not known to be altmig's is left alone; the error that says so is returned.
---@return altmig.Error? foreign
function withdraw.clean_up(m)
  m:say("Cleaning up alt_disk_migration on the NIM master.")
  cancel_jobs(m)
  local group, foreign, judged
  raise_all(do_parts(m, {
    { host = m.client, run = function()
      m:learn_from_jobs()
      group = m:volume_group()
      local ok, e = xpcall(m.check_ours, err.wrap, m, group)
      if not ok and e.code ~= "NOT_OURS" then error(e, 0) end
      foreign, judged = not ok and e or nil, true
    end },
    { run = function() m:close_copy() end },
    { host = m.master, run = function() m:unmount_all(true, "all") end },
    { run = function() m:say(("Cleaning up alt_disk_migration on client %s."):format(m.name)) end },
    { host = m.client, run = function() m:unmount_images() end },
    { host = m.master, run = function() m:unexport_images() end },
    { host = m.client, run = function()
      if judged and not foreign or has_exported(m) then m:unexport_all() end
    end },
    { host = m.client, run = function(problems)
      if judged and group and not foreign and not is_blocked(problems) then remove_copy(m, group) end
    end },
    { host = m.client, run = function() set_bootlist_back(m, judged and group and not foreign and group.disks or idle_disks(m)) end },
    { host = m.client, run = function() m:unmount_spot() end },
    { host = m.master, run = function()
      m:unexport_spot()
      if not m.record.start then spot_export.remove_lost_exports(m) end
    end },
    { host = m.client, run = function()
      m:remove_resources()
      withdraw.remove_jobs(m, m.client)
    end },
    { host = m.master, run = function() withdraw.remove_jobs(m, m.master) end },
  }, "altinst_rootvg, jobs, the lock, a bootlist that names the copy, "))
  return foreign
end

return withdraw
