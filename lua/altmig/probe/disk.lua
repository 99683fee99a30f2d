-- SPDX-License-Identifier: MIT
-- What only a disk shows that nobody needs (--write-test --scratch-disk DISK): phase 1, what is left when it is cut
-- off, what -X and chpv -C leave on the disk, a boot image with its record and save-base area, and a copy that is
-- put to sleep and woken. The steps are those of a migration, with a journal of their own in the state directory
-- (STATE/probe/CLIENT), so that `nimadm -C --state STATE/probe` takes away what a probe that was killed left.

local aix = require "altmig.aix.output"
local bosboot = require "altmig.bosboot"
local checks = require "altmig.run.checks"
local err = require "altmig.err"
local footprint = require "altmig.run.footprint"
local host = require "altmig.run.host"
local judge = require "altmig.probe.judge"
local migration = require "altmig.migration"
local nim = require "altmig.nim"
local ownership = require "altmig.run.steps.ownership"
local state = require "altmig.run.state"
local storage = require "altmig.run.checks.storage"
local sys = require "altmig.sys"

local disk = {}

--- What --scratch-disk does besides, for whoever has to agree.
---@param name string
---@return string
function disk.announcement(name)
  return ([[
--scratch-disk %s writes on that disk of the client, and everything on it is lost:
  phase 1 of a migration (alt_disk_copy -P1 -d %s, by the SPOT), cut off once and
  then whole; alt_rootvg_op -X, -S and -W; a boot image, boot record and save-base
  area in the copy; an export of one of its file systems to the master; chpv -C.
  The SPOT is exported to the client and mounted there for it. At the end there
  is no altinst_rootvg, no record on the disk, and the bootlist is as before; the
  disk keeps the PVID that it is given, and /image.data of the client is the one
  that alt_disk_copy made.
]]):format(name, name)
end

-- The migration object that the trials use; nothing is connected yet.
local function object(ctx)
  local opts = { client = ctx.name, spot = ctx.spot.name, disks = { ctx.scratch_disk }, nim = ctx.opts.nim, quiet = true,
    state = state.dir(ctx.opts) .. "/probe" }
  return migration.new(opts)
end

-- The end of the command that takes away what is left.
local function cleanup_command(m) return ("nimadm -C -c %s -s %s --state %s"):format(m.name, m.opts.spot, m.opts.state) end

-- Raises unless the disk is free by every reader that a migration has: lspv, getlvodm -j, lquerypv.
local function check_free(m, name)
  local function refuse(what, remedy)
    err.raise { code = "SCRATCH_DISK", host = m.name, remedy = remedy or "name a disk that nobody needs and that carries nothing",
      message = ("%s: --scratch-disk %s: %s; nothing was written"):format(m.name, name, what) }
  end
  local _, by_name = aix.lspv(m.client:must { "lspv" })
  if not by_name[name] then refuse("lspv lists no such disk") end
  if by_name[name].vg then refuse(("it belongs to the volume group %s"):format(by_name[name].vg)) end
  local group = m:volume_group()
  if group then refuse(m:describe_group(group) .. " is there, and there can be only one") end
  local function found(finding)
    if finding.severity ~= "info" and finding.id ~= "expansion" then refuse(finding.what, finding.remedy) end
  end
  storage.lvm_signature(m, found) -- of any doubt, too
  storage.target_disk(m, found)
  for _, row in ipairs(aix.bootlist(m.client:must { "bootlist", "-m", "normal", "-o" })) do
    if row.disk == name then refuse "the bootlist names it" end
  end
end

-- What there is on the disk, as facts: record, what -V says of it, whether the ODM has it in a group.
local function look(m, r, name, when)
  local found, id, dump = m:disk_record(name)
  r.note(when .. "-record", found and (id and "there" or "there, without an identifier") or dump:find "^%s*%x+%s" and "none"
    or "not understood")
  local free = m.client:run { "lquerypv", "-V", name }
  r.note(when .. "-free", free.status == 0 and (free.stdout:match "%S+" or "nothing is printed") or judge.complaint(free))
  local member = aix.member_of(m.client:run { "getlvodm", "-j", name })
  r.note(when .. "-member", member == nil and "not understood" or member and "in a group" or "in none")
end

local APPEARS <const> = 1800 -- seconds until the group is there

-- A phase 1 that is ended from outside as soon as its group is there. It has the name of the flow's own step, so that
-- a cleanup finds job and group.
local function cut_clone(r)
  return { runs_spot = true, run = function(m, ctx, args)
    m:provide_spot()
    local argv = { m:spot_command "alt_disk_copy", "-M", ("%d.%d"):format(m.target.version, m.target.release), "-P1", "-d", args.disks[1] }
    local job = err.check(m.client.session:job(argv, { id = ctx.job_id, dir = host.job_dir, script = ownership.watch, env = host.locale }))
    local deadline = sys.time() + APPEARS
    local group, doing
    repeat
      group, doing = m:volume_group(), job:poll()
      if group and group.id then m:remember_copy(group.id) end
      if group and group.id or doing ~= "running" then break end
      sys.sleep(1)
    until sys.time() > deadline
    r.note("cut-begun", group and group.id and "ok" or doing == "running" and "no group within half an hour" or "it ended before")
    if doing == "running" then err.check(job:cancel()) end
    local last = m:volume_group()
    if last and last.id then m:remember_copy(last.id) end
    r.note("cut-left", last and ("the group, varied %s"):format(last.active and "on" or "off") or "no group")
  end }
end

local function volume_names(m)
  local names = {}
  for _, lv in ipairs(aix.lsvg_l(m.client:must { "lsvg", "-l", "altinst_rootvg" })) do names[#names + 1] = lv.name end
  table.sort(names)
  return table.concat(names, " ")
end

-- Copies of the volumes of a group, and partitions in use.
local function sizes(m, vg)
  local copies = 1
  for _, lv in ipairs(aix.lsvg_l(m.client:must { "lsvg", "-l", vg })) do
    if lv.lps and lv.pps and lv.lps > 0 then copies = math.max(copies, lv.pps // lv.lps) end
  end
  return copies
end

-- Runs `fn`; a failure of AIX is a fact, one of ours or an interrupt goes on.
local function attempt(r, name, fn, ...)
  local ok, e = xpcall(fn, err.wrap, ...)
  if ok then
    r.note(name, "ok")
    return true
  end
  if e.code == "CANCELLED" or e.code == "LUA" or e.code:match "^SSH_" then error(e, 0) end
  r.note(name, e.message .. (e.output and e.output ~= "" and ": " .. e.output or ""))
  return false
end

-- bosboot in the copy, where the only devices are null and zero: what it makes of that it cannot write to a disk.
local function build_image(m, r, dir)
  local devices, at = dir .. "/devices", footprint.root .. "/dev"
  m.client:must { "mkdir", "-p", devices, footprint.root .. footprint.work }
  m.client:must { "chmod", "700", footprint.root .. footprint.work }
  for _, name in ipairs { "null", "zero" } do
    local major, minor = m.client:must({ "ls", "-l", "/dev/" .. name }):match "^c%S+%s+%d+%s+%S+%s+%S+%s+(%d+),%s*(%d+)%s"
    if major then m.client:must { "mknod", devices .. "/" .. name, "c", major, minor } end
  end
  m.client:must { "mount", "-v", "namefs", devices, at }
  local ok, blocks, way = xpcall(bosboot.build, err.wrap, m.client, { root = footprint.root, file = footprint.boot_image,
    device_file = function(name)
      m.client:must_script(': >"$1"', { devices .. "/" .. name })
      return function() m.client:run { "rm", "-f", devices .. "/" .. name } end
    end })
  m.client:must { "umount", at }
  if not ok then error(blocks, 0) end
  r.note("boot-image", blocks and "ok" or way)
  if blocks then r.note("boot-way", way) end
  return blocks
end

local function try_boot(m, r, name, dir)
  if not build_image(m, r, dir) then return end
  local written
  if not attempt(r, "boot-written", function() written = m:write_boot_image { name } end) then return end
  local judged, message = bosboot.judge(m.client, written)
  r.note("boot-verdict", judged and judged.verdict or message)
  if judged and #judged.problems > 0 then r.note("boot-problems", table.concat(judged.problems, "; ")) end
end

-- Asleep and awake again.
local function try_sleep(m, r, name)
  local before = volume_names(m)
  if m:alternate_command({ "alt_rootvg_op", "-S" }, { timeout = 1800 }).status ~= 0 then return r.note("sleep", "refused") end
  r.note("sleep", "ok")
  local result = m:alternate_command({ "alt_rootvg_op", "-W", "-d", name }, { timeout = 1800 })
  r.note("wake", result.status == 0 and "ok" or judge.complaint(result))
  if result.status ~= 0 then return end
  local after = volume_names(m)
  r.note("wake-names", after == before and "as before" or after)
end

-- A file system of the copy, exported: whether it can be unmounted then, and once the export is withdrawn.
local function try_export(m, r, access)
  if not m.client:mounted(footprint.root) then return end -- it was not woken
  local at
  for filesystem in m:alt_filesystems(true) do at = at or filesystem end
  if not at or not m.client:mounted(at) then return r.note("unmounted-exported", "no file system of the copy is mounted") end
  if not r.run("exported", "exportfs", "-i", "-o", "ro,access=" .. access, at) then return end
  r.run("unmounted-exported", "umount", at)
  r.run("withdrawn", "exportfs", "-u", at)
  if m.client:mounted(at) then r.run("unmounted", "umount", at) end
end

local function try_all(m, r, name, dir)
  m:perform("alt_disk_copy", cut_clone(r), { phase = 1, disks = { name }, cut = true })
  local group = m:volume_group()
  if group then attempt(r, "cut-removed", m.undefine_copy, m) end
  look(m, r, name, "cut")
  -- The record is still there: whether alt_disk_copy minds is seen by what comes now.
  if not attempt(r, "clone", m.alt_disk_copy, m, { phase = 1 }) then return end
  local copies = sizes(m, "rootvg")
  r.note("copies", copies)
  r.note("copies-of-clone", sizes(m, "altinst_rootvg"))
  local argv = { m:spot_command "alt_disk_copy", "-M", ("%d.%d"):format(m.target.version, m.target.release), "-P1", "-d", name }
  local id, again = m.record.copy and m.record.copy.vg, m.client:run(argv, { timeout = 1800, env = host.locale })
  r.note("again", again.status == 0 and "ok" or judge.complaint(again))
  group = m:volume_group()
  r.note("again-left", group and group.id == id and "as before" or group and "another group" or "no group")
  try_boot(m, r, name, dir)
  try_sleep(m, r, name)
  try_export(m, r, nim.node_of(m.nim:master()))
  attempt(r, "removed", m.undefine_copy, m)
  look(m, r, name, "removed")
  m:clear_records { name }
  look(m, r, name, "cleared")
end

-- Disks of the bootlist, each once.
local function bootlist(m)
  local list, seen = {}, {}
  for _, row in ipairs(aix.bootlist(m.client:must { "bootlist", "-m", "normal", "-o" })) do
    if not seen[row.disk] then list[#list + 1] = row.disk end
    seen[row.disk] = true
  end
  return list
end

-- Everything goes, whatever came before. The disk was free of anything when the trials began.
local function take_away(m, r, name, boot)
  sys.cancel_clear()
  m.client:revive()
  for _, export in ipairs(m.client:exports()) do
    if footprint.is_of_copy(export.path) then m.client:must { "exportfs", "-u", export.path } end
  end
  local mounted = m.client:mounted(footprint.root .. "/dev")
  if mounted then m.client:must { "umount", footprint.root .. "/dev" } end
  local foreign = m:clean_up()
  -- Cut off before it was known: there was none when this began, and what is on this disk alone is of the trials.
  local group = foreign and m:volume_group()
  if group and group.id and #group.disks == 1 and group.disks[1] == name then
    m:remember_copy(group.id)
    foreign = m:clean_up()
  end
  if foreign then err.raise(foreign) end
  m:clear_records({ name }, { [name] = true })
  local now = bootlist(m)
  if #boot > 0 and table.concat(now, " ") ~= table.concat(boot, " ") then
    m.client:must { "bootlist", "-m", "normal", table.unpack(boot) }
    now = bootlist(m)
  end
  r.note("bootlist", table.concat(now, " ") == table.concat(boot, " ") and "as before" or table.concat(now, " "))
  m:note { event = "cleaned" }
  m:unlock_client()
end

-- The connections and the locks, and what has to be so before anything is written.
local function begin(m, name)
  m:lock "probe"
  m:open_journal()
  if m.record.start then
    err.raise { code = "UNFINISHED", remedy = cleanup_command(m),
      message = ("a probe of %s on a scratch disk was cut off, and what it left is still there"):format(m.name) }
  end
  m:connect()
  check_free(m, name)
  local version, release = checks.spot_level(m):match "^(%d+)%.(%d+)"
  m.target = { version = math.tointeger(tonumber(version)), release = math.tointeger(tonumber(release)) }
  m:lock_client()
  m:start()
  m.phase, m.occurrences = 1, {}
end

--- The trials on the disk of --scratch-disk.
---@param ctx altmig.probe.Context
---@param recorder fun(h: altmig.Host): table
---@return string? facts, string? reason
function disk.try(ctx, recorder)
  if not ctx.scratch_disk then return nil, "needs --scratch-disk DISK" end
  if ctx.unreachable.master then return nil, "the SPOT's host cannot be reached" end
  local m, name = object(ctx), ctx.scratch_disk
  local r = recorder(ctx.hosts.client)
  local ok, e = xpcall(function()
    begin(m, name)
    local boot = bootlist(m)
    local done, problem = xpcall(try_all, err.wrap, m, r, name, ctx.dirs.client)
    local gone, why = xpcall(take_away, err.wrap, m, r, name, boot)
    if not gone then
      why.message = ("%s: what the trials made on %s could not be taken away: %s"):format(m.name, name, why.message)
      why.remedy = (why.remedy and why.remedy .. "; then " or "") .. cleanup_command(m)
      ctx.say(("altmig probe: %s\n  remedy: %s"):format(why.message, why.remedy))
      error(why, 0)
    end
    if not done then error(problem, 0) end
  end, err.wrap)
  m:close()
  if not ok then error(e, 0) end
  return r.text()
end

-- ---- judging ----

local function rejected(reason) return { verdict = "rejected", rows = 0, reason = reason } end
local function accepted(observed) return { verdict = "accepted", rows = 1, observed = observed } end

local function named(name, assumption, verdict)
  verdict.name, verdict.assumption = name, assumption
  return verdict
end

--- Verdicts of the facts.
---@param answer altmig.probe.Answer
---@param fact fun(answer: altmig.probe.Answer, name: string): string?
---@return altmig.probe.Verdict[]
function disk.judge(answer, fact)
  local function of(name) return fact(answer, name) end
  -- Accepted if each fact is as it should be.
  local function all(wanted, observed)
    for _, pair in ipairs(wanted) do
      local value = of(pair[1])
      if value ~= pair[2] then return rejected(("%s: %s"):format(pair[1], value or "not tried")) end
    end
    return accepted(observed)
  end
  local function unless_missing(name, verdict) return of(name) and verdict or judge.not_asked(name .. ": not tried") end
  local cut
  if of "cut-begun" == "ok" then
    cut = of "cut-left" == "no group" and rejected "no group is left"
      or all({ { "cut-removed", "ok" }, { "cut-member", "in none" } }, of "cut-left")
  else
    cut = judge.not_asked("phase 1 was not cut off: " .. (of "cut-begun" or "not tried"))
  end
  local mirrored = (tonumber(of "copies") or 1) > 1
  return {
    cut,
    named("over-record", "clone-over-record", of "cut-record" == "none" and judge.not_asked "no record was on the disk"
      or all({ { "clone", "ok" } }, "taken")),
    named("record", "x-leaves-record", unless_missing("removed", all({ { "removed", "ok" }, { "removed-record", "there" },
      { "cleared-record", "none" } }, "-X leaves it, chpv -C clears it"))),
    named("free", "lquerypv-free", unless_missing("removed-free", all({ { "removed-free", "0" }, { "cleared-free", "1" } },
      "0 with a record, 1 without"))),
    named("again", "clone-refused", unless_missing("again", (of "again" or ""):find("0505-126", 1, true)
      and all({ { "again-left", "as before" } }, of "again") or rejected(of "again" == "ok" and "it is taken" or of "again" or ""))),
    named("image", "bosboot-without-devices", unless_missing("boot-image", all({ { "boot-image", "ok" } }, of "boot-way"))),
    named("boot", "boot-image-apart", unless_missing("boot-written", all({ { "boot-written", "ok" }, { "boot-verdict", "good" } },
      "image, record and save-base area are good"))),
    named("wake", "wake-names", unless_missing("sleep", all({ { "sleep", "ok" }, { "wake", "ok" }, { "wake-names", "as before" } },
      "the same names"))),
    named("export", "export-order", unless_missing("exported", of "unmounted-exported" == "ok" and rejected "it can be unmounted before"
      or all({ { "exported", "ok" }, { "withdrawn", "ok" }, { "unmounted", "ok" } }, of "unmounted-exported"))),
    named("size", "mirrored-clone-size", not mirrored and judge.not_asked "rootvg is not mirrored"
      or all({ { "copies-of-clone", "1" } }, "one copy of a mirrored rootvg")),
    named("bootlist", "x-sets-bootlist", unless_missing("bootlist", all({ { "bootlist", "as before" } }, "as before"))),
  }
end

return disk
