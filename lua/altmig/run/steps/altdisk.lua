-- SPDX-License-Identifier: MIT
-- What an alternate-disk command left on the client, and how a copy that is asleep is opened again. What
-- alt_disk_copy and its kin leave when they fail differs between releases and between the places where they
-- fail. So after every failure the client is looked at and what is seen goes into the journal, and a resume
-- starts from what it finds there, not from what a phase is known to leave.

local aix = require "altmig.aix.output"
local err = require "altmig.err"
local footprint = require "altmig.run.footprint"

---@class altmig.Migration
local altdisk = {}

local ALT <const> = "altinst_rootvg"

---@class altmig.World   a record of the journal
---@field event "world"
---@field after string         the command that failed
---@field group altmig.Group?  altinst_rootvg, if any disk is in it
---@field volumes string[]     "alt_hd4 open/syncd /alt_inst"
---@field mounts string[]      what is mounted at /alt_inst and below
---@field bootlist string[]    disks, each once
---@field unknown string[]     what could not be asked for, and why

-- A part of the look: nil where it fails, which is told in `unknown`. An interrupt ends the look.
local function part(record, name, fn, ...)
  local ok, result = xpcall(fn, err.wrap, ...)
  if ok then return result end
  if result.code == "CANCELLED" then error(result, 0) end
  record.unknown[#record.unknown + 1] = name .. ": " .. result.message
end

local function mounts_of_copy(m)
  local list = {}
  for _, row in ipairs(aix.mounts(m.client:must { "mount" })) do
    if footprint.is_of_copy(row.at) then list[#list + 1] = row.at end
  end
  return list
end

-- A group that is varied off has none that lsvg could tell.
local function volumes(m)
  local list = {}
  for _, lv in ipairs(aix.lsvg_l(m.client:run({ "lsvg", "-l", ALT }).stdout)) do
    list[#list + 1] = ("%s %s %s"):format(lv.name, lv.state, lv.mount or "N/A")
  end
  return list
end

local function bootlist(m)
  local list, seen = {}, {}
  for disk in m.client:must({ "bootlist", "-m", "normal", "-o" }):gmatch("([^\n%s]+)[^\n]*") do
    if not seen[disk] then list[#list + 1] = disk end -- a line for each path
    seen[disk] = true
  end
  return list
end

local function describe(m, record)
  local group = record.group
  local copy = not group and "no disk is in altinst_rootvg"
    or ("%s, varied %s, %s"):format(m:describe_group(group), group.active and "on" or "off",
      #record.mounts > 0 and ("mounted at %s"):format(table.concat(record.mounts, " ")) or "not mounted")
  return ("%s; the bootlist is %s%s"):format(copy, #record.bootlist > 0 and table.concat(record.bootlist, " ") or "not known",
    #record.unknown > 0 and "; could not be asked for: " .. table.concat(record.unknown, ", ") or "")
end

--- Looks at the client after an alternate-disk command that failed: what is seen is told, and is in the journal
--- as a record "world". Never raises but for an interrupt.
---@param after string   the command, as it is told
---@return altmig.World
function altdisk.look_at_world(m, after)
  local record = { event = "world", after = after, unknown = {} }
  record.group = part(record, "lspv", m.volume_group, m)
  record.volumes = record.group and part(record, "lsvg -l", volumes, m) or {}
  record.mounts = part(record, "mount", mounts_of_copy, m) or {}
  record.bootlist = part(record, "bootlist", bootlist, m) or {}
  m:warn(("altmig: %s after %s: %s"):format(m.name, after, describe(m, record)))
  if m.record and m.record.start then
    m:note(record)
    m.record.world = record
  end
  return record
end

--- Whether the look saw all of it and no copy.
---@param record altmig.World
---@return boolean
function altdisk.shows_no_copy(_, record) return not record.group and #record.unknown == 0 end

--- How the migration is begun again from the start. What is left of it has to go first.
function altdisk.begin_again(m)
  local recorded = m.record and m.record.start and m.record.start.options or m.opts
  return ("begin again: nimadm -C -c %s -s %s, then: nimadm -c %s -l %s -s %s -d \"%s\" -Y"):format(m.name, recorded.spot or "SPOT",
    m.name, recorded.lpp_source or "LPP_SOURCE", recorded.spot or "SPOT", table.concat(m.disks or {}, " "))
end

--- Runs a command of the SPOT that works on the alternate rootvg, tells what it prints, and looks at the client if
--- it fails.
---@param words string[]   its name, then its arguments
---@param opts table?
---@return table result, string[] argv
function altdisk.alternate_command(m, words, opts)
  local argv = { m:spot_command(words[1]), table.unpack(words, 2) }
  local told = table.concat(words, " ")
  local ok, result = xpcall(m.client.run, err.wrap, m.client, argv, opts)
  if not ok then
    if result.code ~= "CANCELLED" then m:look_at_world(told) end
    error(result, 0)
  end
  for line in (result.stdout .. result.stderr):gmatch("[^\n]+") do m:say(line) end
  if result.status ~= 0 then m:look_at_world(told) end
  return result, argv
end

--- Puts into the journal that the client runs from a copy of altmig's: that one is never forced open any more.
function altdisk.note_boot(m)
  local root = m:volume_group("rootvg")
  local id = root and root.id
  if not id or not (m.record.copies or {})[id] or m.record.booted[id] then return end
  m:note { event = "booted", vg = id }
  m.record.booted[id] = true
end

-- Why the copy may have been the running system once; nil when nothing says so. A system of an older version
-- that opens such a one reads a log it does not know, and damages it.
local function booted_because(m, group)
  local record = m.record
  if record.booted[group.id] then return "the client ran from it" end
  for _, key in ipairs(record.order) do
    local done = record.done[key]
    if done and done.step == "alt_disk_copy" and done.phase == 11 then return "phase 11 has closed it, so that it can boot" end
  end
  if record.phases[11] == "done" then return "phase 11 is done" end
  local first = bootlist(m)[1]
  for _, disk in ipairs(group.disks) do
    if disk == first then return ("the bootlist begins with %s"):format(disk) end
  end
  return nil
end

-- The manual has both spellings.
local spellings <const> = { "yes", "Yes" }

local function wake_refused(m, group, failure, why)
  failure.code = "WAKE_REFUSED"
  failure.message = ("%s: alt_rootvg_op -W does not open %s%s"):format(m.name, m:describe_group(group), why and ("; it is not forced: "
    .. why) or ", nor does it with FORCE in its environment")
  failure.remedy = ("/var/adm/ras/alt_disk_inst.log on %s says why. If it cannot be opened, %s"):format(m.name, m:begin_again())
  err.raise(failure)
end

-- alt_rootvg_op -W refuses a group of a newer version than the running one unless FORCE says otherwise. That is
-- for a copy of this run that was never booted; any other stays closed.
local function wake(m, group)
  m:say(("altmig: none of the file systems of %s is mounted; it is opened again with alt_rootvg_op -W."):format(
    m:describe_group(group)))
  local words = { "alt_rootvg_op", "-W", "-d", group.disks[1] }
  local opts = { timeout = 1800 }
  local result, argv = m:alternate_command(words, opts)
  if result.status == 0 then return end
  local why = booted_because(m, group)
  for _, spelling in ipairs(why and {} or spellings) do
    m:check_copy()
    m:say(("altmig: the copy is of this run and was never booted: once more with FORCE=%s."):format(spelling))
    opts.env = { FORCE = spelling }
    result, argv = m:alternate_command(words, opts)
    if result.status == 0 then return end
  end
  wake_refused(m, group, m.client:failure(argv, result), why)
end

-- What phase 1 made must be there again under the same names: phase 3 of alt_disk_copy looks for them.
local function check_names(m)
  local there = {}
  for _, lv in ipairs(aix.lsvg_l(m.client:must { "lsvg", "-l", ALT })) do there["/dev/" .. lv.name] = true end
  for _, filesystem in ipairs(m:result_of("list_alt_filesystems") or {}) do
    if not there[filesystem.device] then
      err.raise { code = "COPY_NAMES", host = m.name,
        message = ("%s: the copy is open again, but %s is not among its logical volumes; alt_disk_copy could not close it"):format(m.name,
          filesystem.device),
        remedy = ("lsvg -l altinst_rootvg on %s shows what they are called now; %s"):format(m.name, m:begin_again()) }
    end
  end
end

--- Makes sure that the copy of this run is there and open, as phases 2 to 11 need it. One that is asleep, after a
--- reboot of the client or an alt_disk_copy that closed it when it failed, is opened again. Raises COPY_GONE,
--- COPY_REPLACED, WAKE_REFUSED, COPY_NAMES, ALT_NOT_MOUNTED.
function altdisk.ready_copy(m)
  if not m.record.copy then return m:check_mounts() end
  m:note_boot()
  m:check_copy()
  local group = m:volume_group()
  if not group then
    err.raise { code = "COPY_GONE", host = m.name,
      message = ("%s: the copy is gone: no disk is in altinst_rootvg any more; it was %s on %s"):format(m.name, m.record.copy.vg,
        table.concat(m.record.copy.disks or m.disks, " ")), remedy = m:begin_again() }
  end
  if #mounts_of_copy(m) == 0 then
    m:provide_spot()
    -- What serves or uses the paths below /alt_inst now is of the running rootvg, or stale.
    m:close_copy()
    if #m:running_jobs { m.master } == 0 then m:unmount_all(true) end
    m:unexport_all()
    wake(m, group)
    m:note { event = "woken", vg = group.id }
    m.record.woken = true
    check_names(m)
  end
  m:check_mounts()
end

return altdisk
