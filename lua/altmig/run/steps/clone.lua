-- SPDX-License-Identifier: MIT
-- Phases 1 and 11: the SPOT on the client, and alt_disk_copy from it.

local aix = require "altmig.aix.output"
local err = require "altmig.err"
local nim = require "altmig.nim"
local footprint = require "altmig.run.footprint"
local host = require "altmig.run.host"
local ownership = require "altmig.run.steps.ownership"

---@class altmig.Migration
local clone = { steps = {} }

local spot_at = footprint.spot

-- The SPOT is exported to the client and mounted there read-only: alt_disk_copy of the new release
-- is called from it, since the client's own may not know the release, or not be installed.
function clone.mount_spot(m)
  local spot, client = m.spot.location, nim.node_of(m.client_resource)
  m:export_spot()
  if not m.client:mounted(spot_at) then
    m.client:must { "mkdir", "-p", spot_at }
    -- hard: a script of the SPOT that cannot be read for a moment waits, and is not broken half-way.
    m.client:must({ "mount", "-o", "ro,vers=3,hard,intr", nim.node_of(m.nim:master()) .. ":" .. spot, spot_at },
      { remedy = ("on %s: does exportfs list %s with %s in access= and root=, and does the address of %s lead to that name there "
        .. "(host ADDRESS)?"):format(m.master.name, spot, client, client) })
  end
  m.client:must({ "test", "-x", spot_at .. "/sbin/alt_disk_copy" },
    { remedy = ("the SPOT %s has no sbin/alt_disk_copy: install bos.alt_disk_install.rte in it"):format(m.spot.name) })
end

clone.steps.provide_spot = {
  until_phase = 11,
  run = function(m) m:mount_spot() end,
  holds = function(m)
    return m.client:mounted(spot_at) ~= nil and m.client:holds { "test", "-x", spot_at .. "/sbin/alt_disk_copy" }
  end,
}

--- Takes the SPOT from the client.
function clone.unmount_spot(m)
  if m.client:mounted(spot_at) then
    -- Of a server that is gone only a forced unmount has an end.
    m.client:must(m.master.unreachable and { "umount", "-f", spot_at } or { "umount", spot_at })
  end
  m.client:run { "rmdir", spot_at }
end

--- Takes the SPOT away again, from both.
function clone.remove_spot(m)
  m:unmount_spot()
  m:unexport_spot()
end

--- A command of the SPOT on the client.
function clone.spot_command(_, name) return spot_at .. "/sbin/" .. name end

--- Gives the bootlist back to the running rootvg if it begins with a disk of an unfinished copy.
function clone.keep_bootlist(m)
  local first = (aix.bootlist(m.client:must { "bootlist", "-m", "normal", "-o" })[1] or {}).disk
  local roots = {}
  for _, disk in ipairs((aix.lspv(m.client:must { "lspv" }))) do
    if disk.vg == "rootvg" then roots[#roots + 1] = disk.name end
  end
  if not first or not m:is_target(first) or #roots == 0 then return end
  m.client:must { "bootlist", "-m", "normal", table.unpack(roots) }
  m:say(("altmig: bootlist is set back to %s."):format(table.concat(roots, " ")))
end

-- A phase 3 that vanished may have set the bootlist before it went.
local function finish_job(m, ctx, argv, script)
  local ok, result = xpcall(m.client.job, err.wrap, m.client, ctx.job_id, argv, { script = script, env = host.locale,
    on_line = function(line, stream)
      if not m:note_copy(line, stream) then m:say(line) end
    end })
  if ok then return result end
  if result.code == "JOB_GONE" then
    local kept, problem = xpcall(m.keep_bootlist, err.wrap, m)
    if not kept then m:warn("altmig: could not look at the bootlist: " .. problem.message) end
    m:look_at_world(("alt_disk_copy (job %s), which vanished"):format(ctx.job_id))
  end
  error(result, 0)
end

-- Identifiers of the records on the target disks, by disk; false where there is none.
local function records(m)
  local list = {}
  for _, disk in ipairs(m.disks) do
    local found, id = m:disk_record(disk)
    list[disk] = found and (id or true)
  end
  return list
end

-- What an earlier attempt of this run left half-made is removed. The first attempt removes nothing, and
-- none begins beside another copy, so that what is there afterwards is of its making.
local function make_room(m, ctx)
  if ctx.again then
    m:learn_from_jobs()
    m:remove_copy()
    -- One that alt_disk_copy took away itself has left its record on the disks.
    m:clear_records(m.disks)
  end
  local group = m:volume_group()
  if group then
    err.raise { code = "COPY_EXISTS", host = m.name,
      message = ("%s: %s is there already, and there can be only one; nothing was changed"):format(m.name, m:describe_group(group)),
      remedy = m:copy_owner(group) and ("boot it, or destroy it: nimadm -C -c %s -s %s"):format(m.name, m.spot.name)
        or m:foreign_remedy(group) }
  end
  return records(m)
end

-- Whether the job of this attempt is on the client: then it is attached to, and what it made stays.
local function is_begun(m, ctx)
  local job, message, code = m.client.session:attach(ctx.job_id, { dir = m.client.job_dir })
  if not job and code ~= "JOB_GONE" then
    err.raise { code = code, host = m.name, message = ("%s: job %s: %s"):format(m.name, ctx.job_id, message), job_left = true }
  end
  return job ~= nil
end

-- What was not there before the call that has just ended is of its making, also if the job did not tell: the
-- group; or the record of one that alt_disk_copy, when it failed, took away again.
local function claim(m, before)
  local group = m:volume_group()
  if group then return group.id and m:remember_copy(group.id) end
  for disk, id in pairs(records(m)) do
    if type(id) == "string" and id ~= before[disk] and not m.record.copies[id] then m:remember_copy(id) end
  end
end

-- alt_disk_copy of the SPOT, phase 1 (clone) or 3 (finish). args: { phase=, disks= }
clone.steps.alt_disk_copy = {
  runs_spot = true,
  run = function(m, ctx, args)
    m:provide_spot()
    local words = { "-M", ("%d.%d"):format(m.target.version, m.target.release), "-P" .. args.phase }
    if m.opts.debug then words[#words + 1] = "-D" end
    if args.phase == 1 and m.exclude_files then
      words[#words + 1] = "-e"
      words[#words + 1] = m:provide_resource("exclude_files").path
    end
    -- They mean nothing in phase 3, which may even refuse them.
    if args.phase == 1 and m.image_data then
      words[#words + 1] = "-i"
      words[#words + 1] = m:provide_resource("image_data").path
    end
    local disks = table.concat(args.disks or m.disks, " ")
    if args.phase == 3 and m.opts.no_bootlist then table.insert(words, 4, "-B") end
    m:say(('Client alt_disk_install command: alt_disk_copy %s -d "%s"'):format(table.concat(words, " "), disks))
    -- That line is nimadm's, and is compared by scripts. What is sent has -B always: the bootlist is set when what
    -- is on the disks has been judged (set_bootlist).
    if args.phase == 3 and not m.opts.no_bootlist then table.insert(words, 4, "-B") end
    local argv = { m:spot_command "alt_disk_copy", table.unpack(words) }
    argv[#argv + 1] = "-d"
    argv[#argv + 1] = disks
    local before
    if args.phase == 1 then
      if not is_begun(m, ctx) then before = make_room(m, ctx) end
    else
      m:check_copy()
      if not is_begun(m, ctx) then m:ready_copy() end
    end
    local result = finish_job(m, ctx, argv, args.phase == 1 and ownership.watch or nil)
    if before then claim(m, before) end
    if args.phase == 1 and result.status == 0 then m:mark_copy() end
    if result.status ~= 0 then
      m:say("0505-187 nimadm: Error cloning altinst_rootvg on client.")
      m:keep_bootlist()
      local seen = m:look_at_world("alt_disk_copy -P" .. args.phase)
      local e = m.client:failure(argv, result, ("see /var/adm/ras/alt_disk_inst.log on %s; then "):format(m.name)
        .. (args.phase == 3 and m:shows_no_copy(seen) and m:begin_again() or "resume"))
      e.copy_gone = args.phase == 3 and m:shows_no_copy(seen)
      err.raise(e)
    end
    return { phase = args.phase, disks = args.disks or m.disks, vg = args.phase == 1 and m.record.copy and m.record.copy.vg or nil }
  end,
}

-- alt_rootvg_op of the SPOT with the words given. -X is for copies of altmig's alone.
clone.steps.alt_rootvg_op = {
  runs_spot = true,
  run = function(m, ctx, words)
    for i, word in ipairs(words) do
      if word:match("^%-%a*X") then
        local name = word:match("X(.+)$") or words[i + 1] or "altinst_rootvg"
        if name ~= "altinst_rootvg" then
          err.raise { code = "NOT_OURS", host = m.name,
            message = ("%s: alt_rootvg_op -X %s: only the copy that altmig made is removed; nothing was changed"):format(m.name, name),
            remedy = "a script that means it runs the command by m.client:must { ... }" }
        end
        m:remove_copy()
        return
      end
    end
    local argv = { m:spot_command "alt_rootvg_op", table.unpack(words) }
    local ok, result = xpcall(m.client.job, err.wrap, m.client, ctx.job_id, argv, { on_line = function(line) m:say(line) end })
    local failed = not ok and result.code == "JOB_GONE" or ok and result.status ~= 0
    if failed then m:look_at_world("alt_rootvg_op " .. table.concat(words, " ")) end
    if not ok then error(result, 0) end
    if failed then err.raise(m.client:failure(argv, result, ("see /var/adm/ras/alt_disk_inst.log on %s"):format(m.name))) end
  end,
}

-- A mount point names paths of the master too, and a URL. What would mean something else there has no
-- place in it.
local function require_plain_name(m, mount)
  local plain = not mount:find("[^%w%._%-+@/]") and not mount:find("//", 1, true)
  for name in mount:gmatch("[^/]+") do plain = plain and name ~= "." and name ~= ".." end
  if plain then return end
  err.raise { code = "FILESYSTEM_NAME", host = m.name,
    message = ("%s: altinst_rootvg has a file system at %q, a name that cannot be taken to other hosts"):format(m.name, mount),
    remedy = "letters, digits and . _ - + @ are possible in the names of directories on its path: rename the file system of the "
      .. "running rootvg (chfs -m), clean up and begin again" }
end

-- The file systems of the copy, parents first.
clone.steps.list_alt_filesystems = {
  run = function(m)
    local list = {}
    for _, lv in ipairs(aix.lsvg_l(m.client:must { "lsvg", "-l", "altinst_rootvg" })) do
      if lv.mount and footprint.is_of_copy(lv.mount) then
        local mount = lv.mount:gsub("(.)/$", "%1")
        require_plain_name(m, mount)
        list[#list + 1] = { mount = mount, device = "/dev/" .. lv.name }
      end
    end
    if #list == 0 then
      err.raise { code = "ALT_NOT_MOUNTED", host = m.name,
        message = ("%s: altinst_rootvg has no file system below /alt_inst"):format(m.name),
        remedy = ("phase 1 makes them, and they are gone: destroy what is left and begin again: nimadm -C -c %s -s %s"):format(m.name,
          m.spot.name) }
    end
    table.sort(list, function(a, b) return a.mount < b.mount end)
    return list
  end,
}

--- Iterates over the mount points of the copy: "/alt_inst", "/alt_inst/admin", ...
function clone.alt_filesystems(m, reversed)
  local list = m:result_of("list_alt_filesystems") or m:list_alt_filesystems()
  local i, step = 0, 1
  if reversed then i, step = #list + 1, -1 end
  return function()
    i = i + step
    return list[i] and list[i].mount, list[i]
  end
end

return clone
