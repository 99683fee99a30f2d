-- SPDX-License-Identifier: MIT
-- Everything altmig makes in a client's copy and does not mean to leave there: mount points, what engine
-- and executor tell each other by, lists, images, and what a run leaves in the running rootvg while it
-- goes on, which the clone takes along. Steps take their paths from here, so that the end of a run finds
-- all of it, whatever run made it. What stays is in /lpp/save.config, or in the report.

local err = require "altmig.err"
local mode = require "altmig.mode"

local footprint = {}

--- Where the SPOT is mounted on the client.
footprint.spot = "/ALT_MIG_SPOT"

--- Where the client has the copy.
footprint.root = "/alt_inst"

--- Whether a path of the client is in its copy.
---@param path string
---@return boolean
function footprint.is_of_copy(path)
  return path == footprint.root or path:sub(1, #footprint.root + 1) == footprint.root .. "/"
end

--- On the master, beside its mounts of the copy: what programs there have as /dev while they run in the copy.
---@param base string  the directory that holds the mounts of this client
---@return string
function footprint.private_dev(base) return base .. "/dev" end

--- On the master, in the same place: what is laid over commands of the copy while scripts of filesets run there.
---@param base string
---@return string
function footprint.private_commands(base) return base .. "/commands" end

--- Where the lpp_source is shown in the copy.
footprint.images = "/ALT_MIG_IMAGES"

--- What the engine writes and the executor reads, and the other way round: both in the root of the
--- copy, which the master mounts at a path of its own, so that no name on the way is the client's.
footprint.probe, footprint.answer = "/.altmig_probe", "/.altmig_answer"

--- A directory of root's alone. /tmp is everybody's, also on the client while the run goes on: a name
--- there that somebody made a link would lead what root writes to another file.
footprint.work = "/tmp/.altmig"
footprint.filesets = footprint.work .. "/filesets"
footprint.boot_image = footprint.work .. "/bootimage"
footprint.environment = footprint.work .. "/environment"

--- On the client while a boot record is put back; in the copy it is written beside the image.
footprint.boot_record = "/var/adm/ras/alt_mig/bootrecord"

--- On the hosts: the state of a run. The running rootvg of a client has it while its clone is made.
footprint.state = "/var/adm/ras/alt_mig"
footprint.lock = footprint.state .. "/lock"
footprint.jobs = footprint.state .. "/jobs"

--- On the master: who changes the exports. A directory, since making one is the lock.
footprint.exports_lock = footprint.state .. "/exports.lock"

--- In the copy: restore and its libraries, as they were before it runs.
footprint.restore = footprint.state .. "/restore"

--- Kinds of resources of which a client gets a file.
footprint.resource_kinds = { "exclude_files", "image_data", "bosinst_data" }

--- The file that a client gets of a resource.
---@param client string
---@param kind string
---@return string
function footprint.resource(client, kind)
  return ("%s/%s.%s"):format(footprint.state, client, kind)
end

--- Names of files that a write which was cut off leaves beside the one it was to replace, as patterns of find.
footprint.temporary = { ".*.altmig-new", "*.altmig-link" }

---@class altmig.footprint.Entry
---@field path string
---@field what string
---@field hollow boolean?  a directory that is empty, else it is not ours

--- All of it, in the order in which it goes.
---@param client string  its NIM name
---@return altmig.footprint.Entry[]
function footprint.list(client)
  local list = {
    { path = footprint.spot, what = "mount point of the SPOT", hollow = true },
    { path = footprint.images, what = "mount point of the lpp_source", hollow = true },
    { path = footprint.probe, what = "probe of the engine" },
    { path = footprint.answer, what = "probe of the executor" },
    { path = footprint.work, what = "list of filesets, boot image" },
    { path = footprint.boot_record, what = "boot record that is put back" },
    { path = footprint.lock, what = "mark of a run on the client" },
    { path = footprint.jobs, what = "jobs of a run" },
    { path = footprint.restore, what = "programs of the restore" },
  }
  for _, kind in ipairs(footprint.resource_kinds) do
    list[#list + 1] = { path = footprint.resource(client, kind), what = "resource of a run" }
  end
  list[#list + 1] = { path = footprint.state, what = "directory of runs", hollow = true }
  return list
end

-- What is at a path; nil if nothing is.
local function look(tree, path)
  local stat, message, code = tree:lstat(path)
  if not stat and not err.is_absent(code) then err.check(stat, message, code) end
  return stat
end

--- Makes the mount point of the lpp_source, and the copy's /dev should it have none. Raises where anything
--- but a directory has altmig's name; what /dev is, is looked at when something is to be mounted there.
---@param tree any     altmig.tree of the copy
---@param m altmig.Migration
function footprint.make_mount_point(tree, m)
  if not look(tree, "/dev") then err.check(tree:mkdir("/dev", mode.DIR)) end
  local stat = look(tree, footprint.images)
  if not stat then return err.check(tree:mkdir(footprint.images, mode.DIR)) end
  if stat.type ~= "dir" then
    err.raise { code = "LINK_IN_PATH", host = m.name,
      message = ("%s: %s in the copy is no directory but a %s; nothing was mounted there"):format(m.name, footprint.images, stat.type),
      remedy = ("altmig alone uses this name: look on %s who made /alt_inst%s and why, remove it, then resume"):format(m.name,
        footprint.images) }
  end
end

--- Makes the directory of root's alone. One that is not as it must be goes, with what is in it.
---@param tree any
function footprint.make_work_directory(tree)
  local stat = look(tree, footprint.work)
  if stat and stat.type == "dir" and stat.uid == 0 and stat.mode == mode.PRIVATE_DIR then return end
  if stat then err.check(tree:remove_all(footprint.work)) end
  err.check(tree:mkdir(footprint.work, mode.PRIVATE_DIR))
  err.check(tree:chown(footprint.work, 0, 0))
end

---@param tree any
---@param entry altmig.footprint.Entry
---@return boolean removed
local function remove(tree, entry)
  local stat = look(tree, entry.path)
  if not stat then return false end
  if not entry.hollow then
    err.check(tree:remove_all(entry.path))
    return true
  end
  local ok, message, code = tree:remove(entry.path)
  if ok or code == "ENOTEMPTY" or code == "EEXIST" then return ok or false end
  err.check(ok, message, code)
end

--- Removes what there is of it, and looks for it again. The directory of runs stays, unsaid, where
--- others have files in it: a client may be a NIM master or an engine host itself.
---@param tree any
---@param client string
---@return altmig.footprint.Entry[] removed, altmig.footprint.Entry[] left
function footprint.remove(tree, client)
  local removed, left = {}, {}
  for _, entry in ipairs(footprint.list(client)) do
    if remove(tree, entry) then removed[#removed + 1] = entry end
  end
  for _, entry in ipairs(footprint.list(client)) do
    if entry.path ~= footprint.state and look(tree, entry.path) then left[#left + 1] = entry end
  end
  return removed, left
end

return footprint
