-- SPDX-License-Identifier: MIT
-- Phase 5: saving the configuration, room for the restore, the restore itself, and the merges.

local bff = require "altmig.bff"
local err = require "altmig.err"
local escape = require "altmig.escape"
local images = require "altmig.aix.packages"
local merge = require "altmig.merge"
local policy = require "altmig.merge.policy"
local odm = require "altmig.odm"
local saveconf = require "altmig.save"
local sorted_keys = require "altmig.sorted_keys"
local stream = require "altmig.run.stream"
local sys = require "altmig.sys"
local tree = require "altmig.tree"

---@class altmig.Migration
local bos = { steps = {} }

local save_root = "/lpp/save.config"
local block = 4096
local not_restored = { "/lpp_name" } -- what describes the image itself

-- The mount point (inside the copy) that a path belongs to: the longest prefix.
local function mount_of(mounts, path)
  local best = "/"
  for _, at in ipairs(mounts) do
    if #at > #best and (path == at or path:sub(1, #at + 1) == at .. "/") then best = at end
  end
  return best
end

--- The bos image of the lpp_source. Of host = "local" it is a file of the engine host (links are
--- followed as there), else it is read over NFS if the resource names a URL, else through SSH;
--- open() returns a reader at its start.
function bos.bos_image(m)
  local resource = m.lpp_source
  local path = resource.location .. "/installp/ppc/bos"
  return {
    path = path,
    host = resource.host == "local" and "engine host" or m.master.name,
    size = resource.host == "local" and (sys.stat(path) or {}).size or nil,
    open = function()
      if resource.host == "local" then return err.check(err.check(tree.at("/")):open(path)) end
      if resource.nfs then
        local source = err.check(tree.nfs { { at = "/", url = resource.nfs } })
        return err.check(source:open("/installp/ppc/bos"))
      end
      return err.check(m.master.session:open(path))
    end,
  }
end

-- Reads the bos image once from end to end: a corrupt or truncated image is found before anything
-- is written. Result: members, bytes, what the restore needs per file system, its files below /etc
-- and /var, those elsewhere that the site has changed, and what its filesets say of their files.
bos.steps.inspect_bos = {
  run = function(m)
    local image = m:bos_image()
    local mounts = {}
    for filesystem in m:alt_filesystems() do
      local at = filesystem:sub(10)
      mounts[#mounts + 1] = at == "" and "/" or at
    end
    local archive, message, code = bff.open(image.open())
    local members, files, bytes, needed, names, others = 0, 0, 0, {}, {}, {}
    local library, roots, known = { lists = {}, paths = {} }, {}, {}
    local function failed()
      err.raise { code = code, host = image.host, message = ("bos image %s on %s: %s"):format(image.path, image.host, message),
        remedy = ("make the lpp_source %s whole again (nim -o check %s), then resume"):format(m.lpp_source.name, m.lpp_source.name) }
    end
    if not archive then failed() end
    local ok, e = xpcall(m.track, err.wrap, m, "inspect", { bytes = image.size }, function(update)
      for member in archive:members() do
        if member.type == "file" then files = files + 1 end
        update { files = files, bytes = member.offset }
        local path = "/" .. member.name:gsub("^%./?", "")
        local at = mount_of(mounts, path)
        members, bytes = members + 1, bytes + member.size
        needed[at] = (needed[at] or 0) + (member.size + block - 1) // block * block + (member.type == "dir" and block or 0)
        if path:match("^/etc/") or path:match("^/var/") or policy.is_claimed(path) then
          names[#names + 1] = path
        elseif member.type == "file" and not path:find("/inst_root/", 1, true) then
          others[#others + 1] = path
        end
        if member.type == "file" and members == 1 and path == "/lpp_name" then
          known = images.parse_name(err.check(archive:read(member, images.name_max))) or {}
        elseif member.type == "file" and images.library_part(member.name) then
          local data = err.check(archive:read(member, images.library_max))
          images.add_library(data, "bos image: " .. member.name, library)
        end
        local root = path:match("^(/usr/lpp/[^/]+/inst_root)/")
        if root then roots[root] = true end
      end
    end)
    archive:close()
    if not ok then
      message, code = e.message, e.code
      failed()
    end
    local filesets = {}
    for i, fileset in ipairs(known.filesets or {}) do filesets[i] = fileset.name end
    return { members = members, files = files, bytes = bytes, needed = needed, configuration = names, changed = m:changed_files(others),
      lists = library.lists, filesets = filesets, roots = sorted_keys(roots) }
  end,
}

-- Saves every configuration file that the restore or a merge could touch, with the shipped
-- defaults of the old level, into the copy itself.
bos.steps.save_configuration = {
  run = function(m)
    local found = m:inspect_bos()
    local files, sources = m:plan_saving(found)
    local result = saveconf.save(m.copy, save_root, files, sources)
    m:collected():tell { baseline = { files = result.files, old = result.old, from = result.bases } }
    m:detail(("altmig: %d configuration files saved in %s."):format(result.files or 0, save_root))
    if result.bases then
      m:detail(("altmig: what the old level shipped of them: %d from the baseline, %d from pristine root parts, %d never changed, "
        .. "%d not known."):format(result.bases.baseline, result.bases.inst_root, result.bases.vpd, result.bases.none))
    end
    return { files = result.files }
  end,
  holds = function(m)
    local ok, message, code = saveconf.verify(m.alt)
    if not ok then
      -- Half the restore may be done by now: saving again would save the new files as the old.
      err.raise { code = code or "SAVE_DAMAGED", host = m.name,
        message = ("the saved configuration in %s is damaged: %s"):format(save_root, message or "?"),
        remedy = ("this copy is lost: destroy it and begin again: nimadm -C -c %s -s %s"):format(m.name, m.spot.name) }
    end
    return true
  end,
}

-- Room for the restore: what the image holds on top of what is free, with a tenth to spare. Files
-- that are replaced give theirs back only as they go, so they are not counted.
bos.steps.check_space = {
  run = function(m)
    m:say("Checking for initial required migration space.")
    local found = m:result_of("inspect_bos") or m:inspect_bos()
    local needs = {}
    for at, bytes in pairs(found.needed) do needs[at] = bytes + bytes // 10 end
    m:make_room(needs)
  end,
}

-- Directories that the restore moved aside, in the journal at once: a restore that is run again finds
-- none in its way any more.
local function note_moved(m, moved)
  for _, aside in ipairs(moved or {}) do
    if not m.record.moved[aside] then
      m:note { event = "moved", path = aside }
      m.record.moved[aside] = true
    end
  end
end

local function report_moved(m)
  for _, aside in ipairs(sorted_keys(m.record.moved)) do
    local path = aside:gsub("%.altmig%-old%.?%d*$", "")
    local rule = ("was a directory that is not empty; moved aside to %s"):format(aside)
    m:say("altmig: " .. escape.line(path .. " " .. rule))
    m:report_entry { file = path, severity = "todo", method = "restore", chosen = "N", rule = rule }
  end
end

-- Reads back what was restored and compares it with the image; a difference ends the step.
local function verify_restored(m, image, found)
  local list, stats, code = m:track("verify", { bytes = found.bytes, files = found.files }, function(update)
    return m.alt:verify(image.open(), { exclude = not_restored, on_progress = update })
  end)
  if not list then
    err.raise { code = code, host = m.name, message = ("comparison with %s: %s"):format(image.path, stats) }
  end
  m:detail(("altmig: %d files, %d bytes compared in %.1f s with %d calls; %d differences."):format(stats.files, stats.bytes,
    stats.seconds, stats.requests, #list))
  if #list == 0 then return end
  local lines = {}
  for i = 1, math.min(#list, 5) do
    lines[i] = ("%s: %s is %s instead of %s"):format(list[i].path, list[i].what, list[i].have, list[i].want)
  end
  for _, d in ipairs(list) do
    m:detail("altmig: differs: " .. escape.line(("%s: %s: %s instead of %s"):format(d.path, d.what, d.have, d.want)))
  end
  err.raise { code = "RESTORE_DIFFERS", host = m.name,
    message = ("%d differences between the copy and %s: %s"):format(#list, image.path, table.concat(lines, "; ")),
    remedy = "look for the cause (another writer, a disk that fails), then resume: the restore is done again" }
end

-- Over NFS, the way that needs nothing on the client but its server.
local function restore_over_nfs(m, image)
  m:check_exports()
  m:say("Restoring base operating system.")
  local found = m:result_of("inspect_bos") or {}
  local stats, message, code = m:track("restore", { bytes = found.bytes, files = found.files }, function(update)
    return m.copy:restore(image.open(), {
      exclude = not_restored,
      again = image.open,
      on_progress = function(so_far)
        note_moved(m, so_far.moved)
        return update(so_far)
      end,
    })
  end)
  if not stats then
    err.raise { code = code, host = m.name, message = ("restore of %s: %s"):format(image.path, message),
      remedy = "fix the cause, then resume: the restore goes on over what is there" }
  end
  if m.opts.verify_restore then verify_restored(m, image, found) end
  return stats
end

-- Restores the bos image over the copy, then keeps what it shipped for every file a merge reads.
bos.steps.restore_bos = {
  run = function(m, context)
    m:say("Setting up for base operating system restore.")
    local image = m:bos_image()
    local stats, rights
    if context.again then stream.end_rights_job(m, context.job_id) end
    if m.opts.restore_via == "stream" then
      stats = stream.restore(m, image, not_restored)
      rights = stream.verify(m, image, not_restored)
    else
      stats = restore_over_nfs(m, image)
      rights = stats
    end
    rights = stream.set_rights(m, rights, context.job_id)
    m:detail(("altmig: %d files, %d directories, %d links, %d bytes restored in %.1f s with %d calls."):format(stats.files,
      stats.dirs, stats.links, stats.bytes, stats.seconds or 0, stats.requests or 0))
    note_moved(m, stats.moved)
    report_moved(m)
    return { files = stats.files, dirs = stats.dirs, links = stats.links, bytes = stats.bytes, rights = rights,
      via = m.opts.restore_via or "nfs" }
  end,
}

bos.steps.keep_shipped = {
  run = function(m)
    local found = m:result_of("inspect_bos")
    saveconf.keep_shipped(m.copy, save_root, found and found.configuration, found and found.roots)
    saveconf.restore_preserved(m.copy, save_root)
  end,
}

-- One merge method. Its inputs are what was saved, never the live file, so it can run again.
bos.steps.merge = {
  key = function(method) return method.title end,
  run = function(m, _, method)
    -- nimadm has its own line for its own methods, and none for others.
    if method.own then
      m:detail("altmig: merging " .. table.concat(method.files, ", "))
    else
      m:say(("Running migration merge method: %s."):format(method.title))
    end
    local decisions, notes = 0, 0
    local context = saveconf.context(m.copy, save_root)
    context.report = function(decision)
      decisions = decisions + 1
      decision.method = method.title
      m:report_entry(decision)
    end
    context.log = function(line) m:detail(line) end
    context.warn = function(line)
      notes = notes + 1
      m:say(line)
    end
    local result, message, code = merge.run(method, context)
    if not result then
      err.raise { code = code, host = m.name, message = ("merge method %s: %s"):format(method.title, message) }
    end
    return { status = result.status, decisions = decisions, notes = notes }
  end,
}

-- Whether the merged files agree with each other; reports only.
bos.steps.cross_check = {
  run = function(m)
    local context = saveconf.context(m.copy, save_root)
    context.log = function(line) m:detail(line) end
    context.report = function(decision)
      decision.method = "cross-check"
      m:report_entry(decision)
    end
    return { findings = err.check(merge.cross_check(context)) }
  end,
}

bos.steps.merge_summary = {
  run = function(_, _, unavailable, files) return { unavailable = unavailable, files = files } end,
}

-- Releases from 7.2 on have no Trusted Computing Base; a migration to them turns it off.
bos.steps.disable_tcb = {
  run = function(m)
    local store <close> = err.check(odm.open(m.copy, "/usr/lib/objrepos"))
    local changed = err.check(store:change("PdAt", "attribute = TCB_STATE AND deflt = tcb_enabled", { deflt = "tcb_disabled" }))
    if changed == 0 then return { changed = 0 } end
    err.check(store:commit())
    m:say("altmig: the Trusted Computing Base of the copy is off: the new release has none.")
    m:report_entry { method = "TCB", file = "/usr/lib/objrepos/PdAt", key = "TCB_STATE", attribute = "deflt", c = "tcb_enabled",
      chosen = "tcb_disabled", rule = "the new release has no Trusted Computing Base; Trusted Execution takes its place",
      severity = "todo" }
    return { changed = changed }
  end,
}

--- Runs the merge methods in order and counts what is left to the administrator.
function bos.merge_configuration(m, methods)
  m:say("Merging system configuration files.")
  m:keep_shipped()
  local unavailable, files = 0, 0
  for _, method in ipairs(methods) do
    local result = m:merge(method)
    if result.status == "unavailable" then unavailable, files = unavailable + 1, files + result.notes end
  end
  -- What preflight let pass with it on was begun with the stream, however phase 5 came to its end.
  local by_stream = m.opts.restore_via == "stream" or m.record.start.options.restore_via == "stream"
  if by_stream and m.target.version * 100 + m.target.release >= 702 then m:disable_tcb() end
  m:cross_check()
  m:list_configuration()
  m:merge_summary(unavailable, files)
end

return bos
