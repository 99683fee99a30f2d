-- Phases 3 and 9: the copy on the executor, and the hand-over of the pen between engine and executor.

local err = require "altmig.err"
local sys = require "altmig.sys"

local images_at = "/ALT_MIG_IMAGES"
local out_of_sync = "0505-161 nimadm: WARNING, client nfs mounts may be out of sync."

return function(migration)
  local function mount_one(m, filesystem)
    local target = m.exec:mount_point(filesystem)
    if migration.mounted(m.master, target) then return end
    m.master:must { "mkdir", "-p", target }
    -- nodev: no device name of the copy may reach a disk of the master.
    local options = "rw,vers=3,nodev,hard,intr" .. (m.opts.mount_options and "," .. m.opts.mount_options or "")
    m.master:must({ "mount", "-o", options,
      migration.node_of(m.client_resource) .. ":" .. filesystem, target },
      { remedy = ("on %s: exportfs must list %s with access for %s"):format(m.name, filesystem, m.master.name) })
  end

  -- The nodev mounts leave the copy without a usable /dev/null, which scripts cannot do without: the
  -- master's own is laid over it (a namefs mount of one file).
  local function mount_null(m)
    local target = m.exec.root .. "/dev/null"
    if m.master:holds { "test", "-e", target } and not migration.mounted(m.master, target) then
      m.master:must { "mount", "-v", "namefs", "/dev/null", target }
    end
  end

  local function mount_images(m)
    local target = m.exec.root .. images_at
    if migration.mounted(m.master, target) then return end
    m.master:must { "mkdir", "-p", target }
    m.master:must { "mount", "-v", "namefs", m.lpp_source.location, target }
  end

  -- Mounts one file system of the copy on the executor.
  migration.define("mount", {
    until_phase = 8,
    run = function(m, _, filesystem)
      m:say(("Mounting %s:%s."):format(m.name, filesystem))
      mount_one(m, filesystem)
      if filesystem == "/alt_inst" then mount_null(m) end
    end,
    holds = function(m, _, filesystem) return migration.mounted(m.master, m.exec:mount_point(filesystem)) end,
  })

  -- Shows the lpp_source inside the copy at /ALT_MIG_IMAGES, as installp will see it.
  migration.define("mount_images", {
    until_phase = 8,
    run = function(m) mount_images(m) end,
    holds = function(m) return migration.mounted(m.master, m.exec.root .. images_at) end,
  })

  --- Unmounts everything of the copy on the executor, deepest first. Prints what umount -f prints.
  migration.method("unmount_all", function(m, quiet)
    local targets = {}
    for line in m.master:must({ "mount" }):gmatch("[^\n]+") do
      for word in line:gmatch("%S+") do
        if word:sub(1, #m.exec.base + 1) == m.exec.base .. "/" then targets[#targets + 1] = word end
      end
    end
    table.sort(targets, function(a, b) return a > b end)
    for _, target in ipairs(targets) do
      local filesystem = target:sub(1, #m.exec.root) == m.exec.root and target:sub(#m.exec.root + 1) or target
      if filesystem == "/dev/null" or filesystem == images_at then
        m.master:must { "umount", target }
        if filesystem == images_at then m.master:run { "rmdir", target } end
      else
        local output = m.master:must { "umount", "-f", target }
        if not quiet then m:say((output:gsub("%s+$", ""))) end
      end
    end
    m.master:run { "rmdir", m.exec.root }
    m.master:run { "rmdir", m.exec.base }
  end)

  -- NFS clients cache names and attributes: what the engine wrote is seen by a mount made afterwards.
  local function mount_anew(m)
    m:unmount_all(true)
    m:prove_mounts() -- before a mount point is made in what the client exports
    for filesystem in m:alt_filesystems() do mount_one(m, filesystem) end
    mount_null(m)
    mount_images(m)
  end

  local function probe(m)
    local path = "/tmp/.altmig_probe" -- always the same: the next probe takes away what a kill left
    local ours = ("engine %.6f"):format(sys.time())
    err.check(m.alt:write(path, ours, { mode = 384 }))
    local seen = m.exec:run({ "cat", path }).stdout
    local theirs = ("executor %.6f"):format(sys.time())
    m.exec:must { "sh", "-c", 'echo "$1" > "$2"', "sh", theirs, path }
    m.alt:drop_caches()
    local back = m.alt:read(path)
    m.copy:remove(path)
    return seen == ours and back == theirs .. "\n"
  end

  --- Gives the pen to "engine" or "executor": one writer at a time. A file is written on each side
  --- and read on the other; a difference is printed with nimadm's warning and the mounts are made anew.
  migration.method("hand_over", function(m, to)
    -- A job of a run that was killed still works in the copy: it has the pen, and taking the mounts
    -- away under it would break what it does. The step attaches to it.
    if to == "executor" and #m:running_jobs { m.master } > 0 then return end
    -- The executor writes without a look at the exports, so they are looked at anew before it may.
    if to == "executor" then
      m:close_copy()
      m:prove_exports()
    end
    -- A mount whose export went away and came back stays stale; it is there and shows nothing.
    if to == "executor" or not m.exec:sees_copy() then mount_anew(m) end
    m.alt:drop_caches()
    m.exec:check()
    if probe(m) then return end
    m:say(out_of_sync)
    m:close_copy()
    mount_anew(m)
    if not probe(m) then
      err.raise { code = "OUT_OF_SYNC", host = m.master.name,
        message = ("%s and the engine host do not see the same files in the copy"):format(m.master.name),
        remedy = ("look at the NFS mounts of %s below %s, then resume"):format(m.master.name, m.exec.root) }
    end
  end)
end
