-- SPDX-License-Identifier: MIT
-- Whose an alternate rootvg is. A client can have a clone that its administrators made; nothing of altmig's
-- writes into one or removes one. A copy is known as altmig's by the identifier of its volume group, which
-- phase 1 puts into the journal and, for the case that the journal is lost, into a mark in the copy itself.
-- The name altinst_rootvg and the disk it is on say nothing of that.

local aix = require "altmig.aix.output"
local err = require "altmig.err"
local json = require "altmig.json"
local state = require "altmig.run.state"
local output = require "altmig.ui.output"
local sys = require "altmig.sys"

---@class altmig.Migration
local ownership = {}

local ALT <const> = "altinst_rootvg"
local INST <const> = "/alt_inst"
--- Below the save area, which is of root alone; file and directory are too.
local MARK_DIR <const> = "/lpp/save.config/.altmig"
local MARK <const> = MARK_DIR .. "/owner"

---@class altmig.Group
---@field name string
---@field id string?        identifier; nil when no command tells it
---@field disks string[]    as lspv names them
---@field active boolean    varied on

-- A volume group of the client; nil when no disk is in one of that name.
local function group_of(m, name)
  local group = { name = name, disks = {}, active = false }
  for _, disk in ipairs((aix.lspv(m.client:must { "lspv" }))) do
    if disk.vg == name then
      group.disks[#group.disks + 1] = disk.name
      group.active = group.active or disk.state == "active"
    end
  end
  if #group.disks == 0 then return nil end
  -- lsvg knows of groups that are varied on; what the ODM has is asked of getlvodm.
  group.id = aix.lsvg(m.client:run({ "lsvg", name }).stdout).id
  if not group.id then
    local result = m.client:run { "getlvodm", "-v", name }
    group.id = result.status == 0 and aix.vg_identifier(result.stdout) or nil
  end
  return group
end

-- Whether the root of the copy is mounted at /alt_inst, by the client's own commands.
local function is_mounted(m)
  local device
  for _, row in ipairs(aix.df_k(m.client:run({ "df", "-k", INST }).stdout)) do
    if row.mount == INST then device = row.device end
  end
  if not device then return false end
  for _, lv in ipairs(aix.lsvg_l(m.client:run({ "lsvg", "-l", ALT }).stdout)) do
    if device == "/dev/" .. lv.name then return true end
  end
  return false
end

-- The mark below `root`, or nil: directories and file must be root's alone, and no links.
local function read_mark(m, root)
  local wanted = { [root .. "/lpp"] = "^d", [root .. "/lpp/save.config"] = "^drwx%-%-%-%-%-%-",
    [root .. MARK_DIR] = "^drwx%-%-%-%-%-%-", [root .. MARK] = "^%-rw%-%-%-%-%-%-%-" }
  local listed = m.client:run { "ls", "-ldn", root .. "/lpp", root .. "/lpp/save.config", root .. MARK_DIR, root .. MARK }
  for line in listed.stdout:gmatch("[^\n]+") do
    local mode, owner, path = line:match("^(%S+)%s+%d+%s+(%d+)%s.*%s(/%S+)$")
    if path and wanted[path] and owner == "0" and mode:find(wanted[path]) then wanted[path] = nil end
  end
  if next(wanted) then return nil end
  local result = m.client:run { "cat", root .. MARK }
  local mark = result.status == 0 and #result.stdout < 4096 and json.decode(result.stdout)
  if type(mark) ~= "table" or type(mark.vg) ~= "string" then return nil end
  mark.vg = aix.vg_identifier(mark.vg)
  return mark.vg and mark or nil
end

-- alt_disk_copy says nothing of the group it makes, and its job may outlive this engine. So the job itself
-- tells the identifier, in the words of lsvg: as soon as the group is there, for the case that the job does
-- not end well, and at the end. A group that was there before is none of its making.
local WATCH <const> = [[
look() { lsvg altinst_rootvg 2>/dev/null | grep "VG IDENTIFIER:" >&2; }
if look 2>/dev/null; then exec "$@"; fi
(until look; do sleep 1; done) &
w=$!
"$@"
s=$?
kill $w 2>/dev/null
look
exit $s]]

--- A volume group of the client by name, "altinst_rootvg" if none is given.
---@return altmig.Group?
function ownership.volume_group(m, name) return group_of(m, name or ALT) end

--- Identifiers of all copies that this journal knows.
function ownership.known_copies(m)
  local record = m.record
  if not record then
    local ok, found = pcall(state.read, m.opts, m.name)
    record = ok and found or {}
  end
  return record.copies or {}, record.copy
end

--- The script of a job whose arguments are a phase 1, and which tells the group that this makes.
ownership.watch = WATCH

-- The identifier in a line of a job of that script, if it is the one that tells it.
local function told(line, stream)
  return stream == "stderr" and aix.vg_identifier(line:match("^VOLUME GROUP:%s+altinst_rootvg%s+VG IDENTIFIER:%s*(%x+)")) or nil
end

--- Takes a line of such a job; true when it told the group, which is then in the journal.
function ownership.note_copy(m, line, stream)
  local id = told(line, stream)
  if id then m:remember_copy(id) end
  return id ~= nil
end

--- Puts a copy that this run made into the journal.
function ownership.remember_copy(m, id)
  local copy = m.record.copy
  if copy and copy.vg == id then return end
  local group = m:volume_group(ALT)
  local disks = group and group.id == id and group.disks or m.disks
  m:note { event = "copy", vg = id, disks = disks }
  m.record.copies[id] = { vg = id, disks = disks, run = m.record.start and m.record.start.run }
  m.record.copy = m.record.copies[id]
end

--- Phases 1 that were begun and whose end this engine did not see: identifiers of the groups that their
--- jobs made. One that still works is making the group that is there: it was begun when there was none,
--- and alt_disk_copy makes only one.
---@param record table   what the journal says
---@return string[]
function ownership.copies_of_jobs(m, record)
  local ids = {}
  for _, begun in pairs(record.begun) do
    local job, doing
    if begun.step == "alt_disk_copy" and begun.phase == 1 then job, doing = m.client:find_job(begun.job) end
    if doing == "running" then
      local group = m:volume_group()
      ids[#ids + 1] = group and group.id
    elseif job then
      job:wait { on_line = function(line, stream) ids[#ids + 1] = told(line, stream) end }
    end
  end
  return ids
end

--- Puts into the journal what those jobs made.
function ownership.learn_from_jobs(m)
  for _, id in ipairs(m:copies_of_jobs(m.record)) do m:remember_copy(id) end
end

--- Leaves the mark in a copy that was just made.
function ownership.mark_copy(m)
  local copy = m.record.copy
  if not copy or not is_mounted(m) then
    return m:warn(("altmig: no mark was left in the copy of %s: %s; should the journal %s/journal be lost, its removal has to "
      .. "be confirmed by --disk"):format(m.name, copy and "its root is not mounted at /alt_inst"
        or "lsvg does not tell its identifier", m.state))
  end
  local text = json.encode({ vg = copy.vg, run = m.record.start.run, client = m.name, engine = sys.hostname() }, { sort = true })
  -- A link in the way would lead out of the copy into the running system.
  local script = [[
umask 077
for d in "$1/lpp" "$1/lpp/save.config" "$1$2"
do
  [ ! -h "$d" ] || { echo "$d is a link"; exit 1; }
  mkdir -p "$d" || exit 1
done
chown 0 "$1/lpp/save.config" "$1$2" && chmod 700 "$1/lpp/save.config" "$1$2" &&
rm -f "$1$3" "$1$3.new" && cat > "$1$3.new" && mv -f "$1$3.new" "$1$3"]]
  local result = m.client:script(script, { INST, MARK_DIR, MARK }, { stdin = text .. "\n" })
  if result.status ~= 0 then
    m:warn(("altmig: the mark %s%s could not be written on %s: %s; should the journal be lost, the removal of the copy has to "
      .. "be confirmed by --disk"):format(INST, MARK, m.name, (result.stdout .. result.stderr):match("[^\n]*")))
  end
end

--- Whether a group is a copy of altmig's: "journal" or "mark", or nil and why it is not known to be.
---@param group altmig.Group
---@return "journal"|"mark"|nil how, string? why
function ownership.copy_owner(m, group)
  if group.name ~= ALT then return nil, "it is no alternate rootvg" end
  if not group.id then return nil, "no command tells its identifier" end
  local copies, present = m:known_copies()
  if copies[group.id] then return "journal" end
  -- Read only where the client has it mounted. A copy that is asleep is not woken for this.
  local mark = group.active and is_mounted(m) and read_mark(m, INST)
  if mark and mark.vg == group.id then return "mark" end
  if present then return nil, ("the copy of the run was %s"):format(present.vg) end
  return nil, "no journal here knows it, and " .. (mark and "the mark in it is of the group it was cloned from"
    or group.active and "it has no mark of altmig" or "it is asleep, so that no mark in it can be read")
end

--- "altinst_rootvg on hdisk2 (identifier 00f6...)"
---@param group altmig.Group
function ownership.describe_group(_, group)
  return ("%s on %s (identifier %s)"):format(group.name, table.concat(group.disks, " "), group.id or "unknown")
end

--- How a copy that is not altmig's is destroyed all the same; says that it is.
function ownership.foreign_remedy(m, group)
  return ("if it is a clone of your own, keep it. To destroy it: nimadm -C -c %s -s %s --disk %s"):format(m.name,
    m.spot and m.spot.name or "SPOT", #group.disks == 1 and group.disks[1] or '"' .. table.concat(group.disks, " ") .. '"')
end

--- Raises NOT_OURS unless the group is a copy of altmig's, or was named and confirmed (--disk).
---@param group altmig.Group?   none is none of somebody else
function ownership.check_ours(m, group)
  if not group then return end
  if m.confirmed and m.confirmed == table.concat(group.disks, " ") .. " " .. (group.id or "") then return end
  local how, why = m:copy_owner(group)
  if how then return end
  err.raise { code = "NOT_OURS", host = m.name,
    message = ("%s: %s is not known to be altmig's: %s; it was left alone"):format(m.name, m:describe_group(group), why),
    remedy = m:foreign_remedy(group) }
end

--- Raises COPY_REPLACED when altinst_rootvg is another group than the one that this run made.
function ownership.check_copy(m)
  local copy = m.record.copy
  local group = copy and m:volume_group(ALT)
  if not group or group.id == copy.vg then return end
  err.raise { code = "COPY_REPLACED", host = m.name,
    message = ("%s: %s is not the copy that this migration made (%s): somebody made another; nothing was written"):format(m.name,
      m:describe_group(group), copy.vg),
    remedy = ("keep the clone that is there, and forget this migration (this removes what is left of it, not the clone): "
      .. "altmig cleanup %s"):format(m.name) }
end

--- Whether the client runs from a copy of altmig's: rootvg has the identifier of this run's copy, or, if
--- the journal is lost and there is no other copy, the one its own mark names. Returns its group.
---@return altmig.Group?
function ownership.booted_copy(m)
  local root = m:volume_group("rootvg")
  if not root or not root.id then return nil end
  local _, present = m:known_copies()
  if present then return present.vg == root.id and root or nil end
  local record = m.record
  if record and (record.start or record.cleaned) or m:volume_group(ALT) then return nil end
  local mark = read_mark(m, "")
  return mark and mark.vg == root.id and root or nil
end

--- The record of a volume group that LVM keeps on a disk: whether there is one, its identifier as far as
--- it can be read, and the dump.
---@return boolean found, string? vgid, string dump
function ownership.disk_record(m, disk)
  local dump = m.client:run({ "lquerypv", "-h", "/dev/" .. disk, "E00", "20" }).stdout
  local found, id = aix.lvm_record(dump)
  return found, id, dump
end

-- The release of the SPOT, for -M: that of the run, or, where the journal is lost, of the fileset in the SPOT.
local function spot_release(m)
  if m.target then return ("%d.%d"):format(m.target.version, m.target.release) end
  local ok, level = pcall(require("altmig.run.checks").spot_level, m)
  local release = ok and level:match("^%d+%.%d+")
  return release ~= "0.0" and release or nil
end

-- The ways to take the copy's definition away: as IBM's nimadm does it, then the command that this is a wrapper of.
local function removals(m)
  local list, release = {}, spot_release(m)
  if release then list[1] = { "alt_disk_install", "-M", release, "-X" } end
  list[#list + 1] = { "alt_rootvg_op", "-X", ALT }
  return list
end

--- Clears the record of LVM on disks that are in no volume group: of those in `proven`, and of those whose record
--- names a copy that this journal knows. What cannot be cleared is told.
---@param disks string[]
---@param proven table<string, boolean>?   disks that lspv showed to be the copy's before it was removed
function ownership.clear_records(m, disks, proven)
  local _, by_name = aix.lspv(m.client:must { "lspv" })
  local known = m:known_copies()
  for _, disk in ipairs(disks) do
    local free = by_name[disk] and not by_name[disk].vg
    local found, id = false, nil
    if free then found, id = m:disk_record(disk) end
    if found and (proven and proven[disk] or id and known[id]) then
      local result = m.client:run { "chpv", "-C", disk }
      if result.status ~= 0 then
        m:warn(("altmig: %s: the record of the volume group that was removed is still on %s: %s\n  remedy: chpv -C %s"):format(
          m.name, disk, (result.stderr .. result.stdout):match("[^\n]*"), disk))
      end
    end
  end
end

--- Takes the definition of the copy away after proving that it is altmig's; nothing if there is none. The record of
--- the group stays on its disks.
---@return altmig.Group?
function ownership.undefine_copy(m)
  local group = m:volume_group(ALT)
  m:check_ours(group)
  if not group then return nil end
  m:restore_boot_records(group.disks)
  local left, last, argv = group, nil, nil
  for _, words in ipairs(removals(m)) do
    m:check_ours(left) -- immediately before: -X takes whatever has the name
    last, argv = m:alternate_command(words, { timeout = 1800 })
    left = m:volume_group(ALT)
    if not left then break end
  end
  if left then
    local e = m.client:failure(argv, last, ("see /var/adm/ras/alt_disk_inst.log on %s; then clean up again, or there: %s %s"):format(
      m.name, "alt_rootvg_op -X altinst_rootvg; chpv -C", table.concat(group.disks, " ")))
    e.message = ("%s: %s is still there after %s (exit status %s)"):format(m.name, m:describe_group(left), argv[1], tostring(last.status))
    err.raise(e)
  end
  return group
end

--- Removes the copy after proving that it is altmig's; nothing if there is none. -X takes the definition
--- away and leaves the record of the group on its disks, where chpv -C clears it.
function ownership.remove_copy(m)
  local group = m:undefine_copy()
  if not group then return nil end
  local proven = {}
  for _, disk in ipairs(group.disks) do proven[disk] = true end
  m:clear_records(group.disks, proven)
  return group
end

local function same_disks(text, disks)
  local named = {}
  for disk in text:gmatch("%S+") do named[#named + 1] = disk end
  local there = table.move(disks, 1, #disks, 1, {})
  table.sort(named)
  table.sort(there)
  return table.concat(named, " ") == table.concat(there, " ")
end

local function refuse(m, message, remedy)
  err.raise { code = "NOT_CONFIRMED", status = 2, host = m.name, message = message .. "; nothing was changed", remedy = remedy }
end

-- On a terminal the names of the disks are typed again; where there is none, --yes says that they are meant.
local function confirm(m, disks, what, warning)
  if sys.isatty(0) then
    output.complain("%s\nTo destroy it, type %s again:", warning, #disks > 1 and "the names of its disks" or "the name of its disk")
    local typed = io.stdin:read("l")
    if not typed or not same_disks(typed, disks) then refuse(m, ("%s: %s was not confirmed"):format(m.name, what)) end
  elseif not m.opts.yes then
    refuse(m, ("%s: %s, and there is no terminal to ask on"):format(m.name, what),
      ("to destroy it: the same command with --yes beside --disk %s"):format(m.opts.disk))
  end
end

--- --disk of a cleanup: the group to be removed, whoever made it, named by its disks and confirmed.
---@param group altmig.Group?
function ownership.confirm_group(m, group)
  local named = m.opts.disk
  if not group or not same_disks(named, group.disks) then
    refuse(m, ("%s: --disk %s: %s"):format(m.name, named, group and m:describe_group(group) .. " is what could be removed"
      or "there is no altinst_rootvg that could be removed"),
      group and "name all its disks, and no other" or "leave --disk out: what a run of altmig left is removed without it")
  end
  if m:copy_owner(group) then return end
  confirm(m, group.disks, m:describe_group(group) .. " was not made by a run that is known here",
    ("%s: %s was not made by a run that is known here. Everything in it will be destroyed."):format(m.name, m:describe_group(group)))
  m.confirmed = table.concat(group.disks, " ") .. " " .. (group.id or "")
  m:say(("altmig: %s is removed because --disk names it."):format(m:describe_group(group)))
end

--- Whether --disk of a migration names a target disk: what is on it may be overwritten.
---@param disk string
---@return boolean
function ownership.is_overwritten(m, disk)
  for name in (m.opts.disk or ""):gmatch("%S+") do
    if name == disk then return true end
  end
  return false
end

--- --disk of a migration: disks that carry the record of a volume group which nobody here knows, confirmed before
--- anything is changed.
function ownership.confirm_overwriting(m)
  if not m.opts.disk then return end
  local disks = {}
  for name in m.opts.disk:gmatch("%S+") do disks[#disks + 1] = name end
  local named = table.concat(disks, " ")
  confirm(m, disks, "what is on " .. named .. " is of somebody who is not known here",
    ("%s: %s: whatever is there will be destroyed, whoever it belongs to."):format(m.name, named))
  m:say(("altmig: what is on %s is overwritten because --disk names it."):format(named))
end

return ownership
