-- Phase 12, failure and cleanup: what is taken away, and when.

local aix = require "altmig.aix"
local err = require "altmig.err"
local host = require "altmig.host"
local sys = require "altmig.sys"

local marker = "/var/adm/ras/alt_mig/lock"

local function owner_text(m)
  return ("%s:%s"):format(sys.hostname(), m.state)
end

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

return function(migration)
  --- What the lock on the client says when it is this run's.
  migration.method("lock_owner", owner_text)

  -- A mark on the client keeps runs from other engine hosts away; the lock on this host cannot.
  migration.method("lock_client", function(m)
    local claim = 'umask 077; mkdir -p "${2%/*}" && { (set -C; echo "$1" > "$2") 2>/dev/null || cat "$2"; }'
    local held = m.client:must({ "sh", "-c", claim, "sh", owner_text(m), marker }):gsub("%s+$", "")
    if held == "" or held == owner_text(m) then return end
    if m.opts.force then
      m:break_client_lock()
      return m:lock_client()
    end
    err.raise { code = "LOCKED", status = 4, host = m.name,
      message = ("client %s is locked by another run: %s"):format(m.name, held),
      remedy = ("if that run is dead: nimadm -C -F -c %s -s SPOT, or the same command with -F"):format(m.name) }
  end)

  migration.method("break_client_lock", function(m) m.client:must { "rm", "-f", marker } end)
  migration.method("unlock_client", function(m)
    -- A client that reboots may be gone any moment; reboot_client has taken the mark away before.
    if m.client and not m.rebooting then m.client:must { "rm", "-f", marker } end
  end)

  --- A resumed or partial run must be the run of the journal: same disks, same resources.
  migration.method("require_same_run", function(m)
    local recorded = m.record.start.options
    for _, name in ipairs { "lpp_source", "spot" } do
      if m.opts[name] ~= recorded[name] then
        err.raise { code = "OTHER_RUN",
          message = ("the migration of %s was begun with %s %s, not %s"):format(m.name, name, recorded[name], m.opts[name]) }
      end
    end
    if table.concat(m.disks, " ") ~= table.concat(recorded.disks, " ") then
      err.raise { code = "OTHER_RUN",
        message = ("the migration of %s was begun on %s"):format(m.name, table.concat(recorded.disks, " ")) }
    end
    m.target = recorded.target
    if m.opts.baseline and m.opts.baseline ~= recorded.baseline then
      err.raise { code = "OTHER_RUN", message = ("the migration of %s was begun with %s, not with --baseline %s"):format(m.name,
        recorded.baseline and "--baseline " .. recorded.baseline or "no baseline", m.opts.baseline) }
    end
    m.opts.baseline = recorded.baseline
    m.opts.restore_via = m.opts.restore_via or recorded.restore_via
  end)

  --- After a failure: no mount and no export of the run stays; the copy does.
  migration.method("withdraw", function(m)
    if not m.client or not m.master then return end
    -- What cannot be taken away keeps nothing else reachable.
    local problem
    for _, part in ipairs { "close_copy", "unmount_all", "unexport_all", "remove_spot" } do
      local ok, e = xpcall(m[part], err.wrap, m, true)
      problem = problem or not ok and e
    end
    if problem then error(problem, 0) end
  end)

  --- Gives the bootlist back to the running rootvg if it begins with a disk of an unfinished copy.
  migration.method("keep_bootlist", function(m)
    local first = m.client:must({ "bootlist", "-m", "normal", "-o" }):match("^%s*(%S+)")
    local roots, of_copy = {}, false
    for _, disk in ipairs(m.disks) do of_copy = of_copy or disk == first end
    for _, disk in ipairs((aix.lspv(m.client:must { "lspv" }))) do
      if disk.vg == "rootvg" then roots[#roots + 1] = disk.name end
    end
    if not of_copy or #roots == 0 then return end
    m.client:must { "bootlist", "-m", "normal", table.unpack(roots) }
    m:say(("altmig: bootlist is set back to %s."):format(table.concat(roots, " ")))
  end)

  -- Jobs keep a directory each on their host until the migration is over.
  migration.method("remove_jobs", function(m)
    for _, h in ipairs { m.client, m.master } do
      for _, id in ipairs(job_ids(m, h)) do h:must { "rm", "-rf", host.job_dir .. "/" .. id } end
      h:run { "rmdir", host.job_dir }
    end
  end)

  --- The jobs of begun steps that still run on these hosts (default: both): "STEP (job ID on HOST)".
  migration.method("running_jobs", function(m, hosts)
    local running = {}
    if not m.client or not m.master then return running end
    for _, begun in pairs(m.record.begun) do
      for _, h in ipairs(hosts or { m.client, m.master }) do
        local job = h.session:attach(begun.job, { dir = host.job_dir })
        if job and job:poll() == "running" then running[#running + 1] = ("%s (job %s on %s)"):format(begun.step, begun.job, h.name) end
      end
    end
    return running
  end)

  -- The end of a good run: the SPOT goes, jobs and scratch files go.
  -- A phase that is run again may have made them anew, so this is never called done.
  local function never() return false end

  migration.define("clean_master", {
    holds = never,
    run = function(m)
      m:unmount_all(true)
    end,
  })
  migration.define("clean_client", {
    holds = never,
    run = function(m)
      m:unexport_all()
      m:remove_spot()
      m:remove_resources()
      m:remove_jobs()
    end,
  })

  -- -r: reboots the client from the migrated disk.
  migration.define("reboot_client", {
    run = function(m)
      local _, by_name = aix.lspv(m.client:must { "lspv" })
      if by_name[m.disks[1]] and by_name[m.disks[1]].vg == "rootvg" then return end -- an earlier attempt did it
      m:say(("altmig: rebooting %s."):format(m.name))
      m:unlock_client()
      m.rebooting = true
      m.client:run({ "sh", "-c", "nohup shutdown -Fr >/dev/null 2>&1 </dev/null &" }, { timeout = 60 })
    end,
  })

  --- nimadm -C: removes mounts, exports, jobs and the copy, and gives the bootlist back.
  migration.method("clean_up", function(m)
    m:say("Cleaning up alt_disk_migration on the NIM master.")
    m:cancel_jobs()
    m:close_copy()
    m:unmount_all(true)
    m:say(("Cleaning up alt_disk_migration on client %s."):format(m.name))
    m:unexport_all()
    local disks = aix.lspv(m.client:must { "lspv" })
    local copy, rootvg
    local roots = {}
    for _, disk in ipairs(disks) do
      if disk.vg == "altinst_rootvg" then copy = disk.name end
      if disk.vg == "rootvg" then
        rootvg = rootvg or disk.name
        roots[disk.name] = true
      end
    end
    if copy then
      if not m.spot then
        err.raise { code = "NO_SPOT", message = "cleanup needs the SPOT, whose alt_rootvg_op removes the copy",
          remedy = ("nimadm -C -c %s -s SPOT"):format(m.name) }
      end
      -- Without a journal nobody knows of an export of ours: one made here is taken away below.
      local known = m.record.start ~= nil
      local was_exported = migration.exported(m.master, m.spot.location)
      m:mount_spot(not was_exported)
      m.spot_exported = not known and not was_exported
      local output = m.client:must({ m:spot_command "alt_rootvg_op", "-X", "altinst_rootvg" }, { timeout = 1800 })
      for line in output:gmatch("[^\n]+") do m:say(line) end
    end
    if rootvg then
      local list = m.client:must { "bootlist", "-m", "normal", "-o" }
      if not roots[list:match("^%s*(%S+)")] then -- of a mirrored rootvg either disk will do
        m.client:must { "bootlist", "-m", "normal", rootvg }
        m:say(("Bootlist is set to the boot disk: %s blv=hd5"):format(rootvg))
      end
    end
    m:remove_spot()
    if m.spot_exported and m.spot and migration.exported(m.master, m.spot.location) then
      m.master:must { "exportfs", "-u", m.spot.location }
    end
    if not m.record.start then m:remove_lost_exports() end
    m:remove_resources()
    m:remove_jobs()
  end)

  -- Whether an export is as mount_spot makes it: for this client alone, and not among those that stay.
  -- NIM's own are in /etc/exports and give root access.
  local function is_lost_export(m, location)
    local there, flags = migration.exported(m.master, location)
    if not there or flags:gsub("^%-", "") ~= "ro,access=" .. migration.node_of(m.client_resource) then return false end
    for line in m.master:run({ "cat", "/etc/exports" }).stdout:gmatch("[^\n]+") do
      if line:match("^%S+") == location then return false end
    end
    return true
  end

  --- Withdraws the exports of SPOTs that a run made whose journal is lost.
  migration.method("remove_lost_exports", function(m)
    for _, spot in ipairs(m.nim:resources "spot") do
      if spot.location and is_lost_export(m, spot.location) then
        m.master:must { "exportfs", "-u", spot.location }
        m:say(("altmig: withdrew the export of SPOT %s on %s: it was for %s alone, from a run whose journal is lost."):format(
          spot.name, m.master.name, m.name))
      end
    end
  end)

  -- The copy is not taken away under a job that still works in it.
  local function end_job(m, h, id, job)
    local ended, message, code = job:cancel()
    if ended or code == "JOB_GONE" then return end
    message = ("job %s on %s could not be ended: %s"):format(id, h.name, message)
    if not m.opts.force then
      err.raise { code = code, host = h.name, message = message,
        remedy = ("end it there (its process is named in %s/%s/pid), then clean up again; with -F the copy goes all the same")
          :format(host.job_dir, id) }
    end
    m:warn("altmig: " .. message)
  end

  --- Stops what still runs on the hosts for this client.
  migration.method("cancel_jobs", function(m)
    -- By what lies on the hosts: the journal may be lost.
    for _, h in ipairs { m.client, m.master } do
      for _, id in ipairs(job_ids(m, h)) do
        local job = h.session:attach(id, { dir = host.job_dir })
        if job then end_job(m, h, id, job) end
      end
    end
  end)

  --- Last words of a run: what the administrator has to look at.
  migration.method("summarize", function(m)
    local notes = m:result_of("merge_summary")
    if notes and notes.unavailable > 0 then
      m:say(("altmig: %d merge methods were not available; %d files need a look: see %s and /lpp/save.config on the new system.")
        :format(notes.unavailable, notes.files, m.log_path))
    end
    local count = m:collected():count()
    m:say(("altmig: %d conflict%s, %d to do by hand: altmig report %s (%s/report.json)."):format(count.conflict,
      count.conflict == 1 and "" or "s", count.todo, m.name, m.state))
  end)
end
