-- SPDX-License-Identifier: MIT
-- altmig migrate --dry-run: what a migration would make of the client's configuration, before any of it
-- is begun. The client's files are read through SSH, those of the new level from the bos image, and phase
-- 5 is played with both in a scratch tree on the engine host: the same saving, the same merge methods.
-- Nothing is written on client, master or disk.

local bff = require "altmig.bff"
local cfgfiles = require "altmig.aix.cfgfiles"
local mode = require "altmig.mode"
local diff = require "altmig.preview.diff"
local err = require "altmig.err"
local json = require "altmig.json"
local merge = require "altmig.merge"
local output = require "altmig.ui.output"
local policy = require "altmig.merge.policy"
local preview = require "altmig.preview"
local print_report = require "altmig.report.print"
local remote_files = require "altmig.run.remote_files"
local saveconf = require "altmig.save"
local scratch = require "altmig.run.scratch"
local show_plan = require "altmig.preview.plan"
local state = require "altmig.run.state"
local sys = require "altmig.sys"

local dryrun = {}

local root = saveconf.root
--- Larger members of the image are no configuration.
dryrun.member_max = 64 << 20

local function wanted(path)
  return path:match("^/etc/") or path:match("^/var/") or path:match("^/usr/lpp/bos[^/]*/inst_root/") or policy.of(path)
    or policy.is_claimed(path)
end

-- Reads the image once; what a merge may read is put into `stage`.
---@return { skipped: string[], kinds: table<string, string>, order: string[], links: table<string, string> }
local function read_image(m, stage)
  local image, found = m:bos_image(), { kinds = {}, order = {}, links = {}, skipped = {} }
  local archive = err.check(bff.open(image.open()))
  local ok, e = xpcall(m.track, err.wrap, m, "bos image", {}, function(update)
    local count, bytes = 0, 0
    for member in archive:members() do
      local path = "/" .. member.name:gsub("^%./?", "")
      count, bytes = count + 1, bytes + member.size
      found.kinds[path] = member.type
      if member.type == "link" then
        found.links[path] = member.target
        found.order[#found.order + 1] = path
      elseif member.type == "file" and wanted(path) then
        if member.size > dryrun.member_max then
          found.skipped[#found.skipped + 1] = path
        else
          local other = member.link and "/" .. member.link:gsub("^%./?", "")
          local data = member.stored_size == 0 and other and stage:read(other, saveconf.max) or archive:read(member, saveconf.max)
          err.check(stage:write(path, data))
          found.order[#found.order + 1] = path
        end
      end
      update { files = count, bytes = bytes }
    end
  end)
  archive:close()
  if not ok then
    err.raise { code = e.code, host = image.host, message = ("bos image %s on %s: %s"):format(image.path, image.host, e.message) }
  end
  return found
end

-- What a scratch tree reads: the client's files, and after the restore also what the image has besides
-- configuration. Of that only its being there counts.
local function client_files(m)
  local files = remote_files.of(m.client)
  local base = setmetatable({ kinds = {} }, { __index = files })
  -- The save area is the play's own; what an earlier migration left there does not count.
  local function is_saved(path) return path:sub(1, #root + 1) == root .. "/" end
  function base:exists(path) return not is_saved(path) and (self.kinds[path] ~= nil or files:exists(path)) end
  function base:stat(path)
    if is_saved(path) then return nil, ("stat: %s: no such file or directory"):format(path), "ENOENT" end
    local kind = self.kinds[path]
    if kind and kind ~= "link" then return { type = kind, mode = mode.PRIVATE_FILE, uid = 0, gid = 0, size = -1, mtime = 0 } end
    return files:stat(path)
  end
  return base, files
end

-- Where lists of filesets may be on the client.
local function package_directories(files)
  local list = {}
  for _, name in ipairs(files:list("/usr/lpp") or {}) do
    for _, place in ipairs(cfgfiles.places) do list[#list + 1] = "/usr/lpp/" .. name .. place end
  end
  return list
end

-- One question for all paths that saving will ask about, in the place of one for each; and the files
-- there are, in few commands.
---@param more string[]   # paths besides those of the policy table
local function look_ahead(files, more)
  local paths = {}
  for _, row in ipairs(policy.rows) do
    if not row.path:find("*", 1, true) then paths[#paths + 1] = row.path end
  end
  table.move(more, 1, #more, #paths + 1, paths)
  files:look(paths)
  for path in pairs(err.check(policy.expand(files))) do paths[#paths + 1] = path end
  local roots, pristine = {}, {}
  local directories = package_directories(files)
  files:look(directories)
  for _, dir in ipairs(directories) do
    if dir:match("/inst_root$") and files:exists(dir) then roots[#roots + 1] = dir end
  end
  for _, path in ipairs(paths) do
    if files.known[path] then
      for _, at in ipairs(roots) do pristine[#pristine + 1] = at .. path end
    end
  end
  files:look(pristine)
  table.move(pristine, 1, #pristine, #paths + 1, paths)
  files:fetch(paths)
end

-- The programs that merges look for: every word of the merged texts, and of classes that name programs,
-- that looks like a path.
local function look_for_programs(files, context, kinds)
  local paths = {}
  for _, method in ipairs(merge.methods) do
    local plain = method.kind ~= "errlog" and method.name ~= "merge_swvpds"
    for _, path in ipairs(plain and method.files or {}) do
      for _, text in ipairs { context.saved(path) or "", context.shipped_new(path) or "" } do
        for word in text:gmatch("/[%w%._/%+%-]+") do
          if not kinds[word] then paths[#paths + 1] = word end
        end
      end
    end
  end
  files:look(paths)
end

-- The restore of the image over the scratch tree.
local function restore(tree, files, stage, found)
  files:look(found.order)
  for _, path in ipairs(found.order) do
    local target = found.links[path]
    local there = tree:stat(path)
    if there and there.type ~= "dir" and (target or there.type == "link") then err.check(tree:remove(path)) end
    if not (there and there.type == "dir") then
      if target then
        err.check(tree:symlink(target, path))
      else
        err.check(tree:write(path, err.check(stage:read(path, saveconf.max))))
      end
    end
  end
end

-- A run that is written down nowhere: steps and report live in memory, the copy is the scratch tree.
local function play(m, tree)
  m.record = state.fold { { event = "start", run = "dry run", options = {} } }
  m.note = function() end
  m.alt = tree
  m.copy = tree
  m.alt_filesystems = function()
    local given
    return function()
      if given then return nil end
      given = "/alt_inst"
      return given
    end
  end
  m.copy_at = "/" -- sums are made of the running system's files
  m.phase, m.occurrences = 5, {}
end

-- The software database and the classes, which are asked for before anything else.
local function look_at_classes(files)
  local dirs, paths = { "/usr/lib/objrepos", "/etc/objrepos", "/usr/share/lib/objrepos" }, {}
  files:look(dirs)
  for _, dir in ipairs(dirs) do
    paths[#paths + 1] = dir .. "/.odm_commit"
    for _, name in ipairs(files:list(dir) or {}) do paths[#paths + 1] = dir .. "/" .. name end
    for _, name in ipairs { "lpp", "inventory" } do
      paths[#paths + 1] = ("%s/%s.vc"):format(dir, name)
    end
  end
  files:look(paths)
  files:fetch(paths)
end

-- Phase 5 as the flow has it, but for the restore; what is asked of the client is asked ahead.
local function phase_5(m, tree, base, files, stage)
  m:installed_filesets()
  files:list_many(package_directories(files))
  look_at_classes(files)
  local bos = m:inspect_bos()
  local filesets = m:inspect_filesets()
  local more = {}
  for _, list in ipairs { bos.configuration, bos.changed, filesets.paths, filesets.changed } do
    table.move(list, 1, #list, #more + 1, more)
  end
  for _, row in ipairs(filesets.rows) do more[#more + 1] = row.path end
  look_ahead(files, more)
  m.occurrences = {} -- what was done ahead counts as done
  m:save_configuration()
  local found = read_image(m, stage)
  base.kinds = found.kinds
  restore(tree, files, stage, found)
  m:keep_shipped()
  look_for_programs(files, saveconf.context(tree, root), found.kinds)
  m.occurrences = {}
  m:merge_configuration(merge.methods)
  for _, path in ipairs(found.skipped) do
    m:report_entry { severity = "warning", file = path, rule = "too large to be looked at here" }
  end
end

--- Plays phase 5 in a scratch tree.
---@param m altmig.Migration
---@return altmig.preview.File[] files, altmig.Report collected, integer saved
function dryrun.compute(m)
  if not m.flow then m.flow = m:load_flow() end -- a site's flow brings its merge methods
  local stage <close> = scratch.over { stat = function() return nil, "none", "ENOENT" end, exists = function() return false end }
  local base, files = client_files(m)
  local tree <close> = scratch.over(base)
  local as_json = m.opts.json
  m.opts.json = nil -- the steps of a play are no events
  play(m, tree)
  local ok, e = xpcall(phase_5, err.wrap, m, tree, base, files, stage)
  m.opts.json, m.phase = as_json, nil
  m.alt = nil
  m.copy = nil
  if not ok then error(e, 0) end
  local collected = m:collected()
  return preview.files(tree, root, collected), collected, m:result_of("save_configuration").files
end

-- Its records differ by the hundred in every migration.
local function software_database(path)
  for _, method in ipairs(preview.methods_of(path)) do
    if method.name == "merge_swvpds" then return true end
  end
  return false
end

local function show_text(m, list, collected, saved)
  local all = m.opts.verbose
  for _, file in ipairs(list) do
    output.print ""
    local brief = software_database(file.path)
    for _, line in ipairs(diff.lines(file.result, { all = all, brief = brief, from = file.path .. " (yours)",
      to = file.path .. " (after the migration)" })) do
      output.print(line)
    end
  end
  local count, conflicts = collected:count(), {}
  for _, section in ipairs(print_report.sections(collected:document())) do
    if section.name ~= "kept" and section.name ~= "new" then conflicts[#conflicts + 1] = section end
  end
  output.print ""
  output.text(print_report.section_text(conflicts))
  output.print("altmig: " .. print_report.baseline(collected.head.baseline))
  output.print("altmig: dry run of %s: %d of %d saved files change; %d kept from you, %d new from the release, %d conflict%s, "
    .. "%d to do by hand", m.name, #list, saved, count.kept, count.new, count.conflict, count.conflict == 1 and "" or "s", count.todo)
  output.print("altmig: nothing was changed. Files that filesets of phase 6 bring are not in this.")
end

local function show_json(m, list, collected, saved)
  for _, file in ipairs(list) do
    m:event { event = "diff", file = file.path, policy = file.policy, added = file.result.added, removed = file.result.removed,
      binary = file.result.binary, hunks = file.result.hunks }
  end
  local document = collected:document()
  m:event { event = "dry_run", count = document.count, entries = document.entries, files = saved, changed = #list }
end

-- --report FILE: what was decided here, in the form of a migration's report.
local function write_report(m, collected, path)
  collected:tell { client = m.name, levels = m.levels, target = m.target, lpp_source = m.opts.lpp_source, spot = m.opts.spot,
    disks = m.disks }
  local document = collected:document()
  document.state = { state = "dry run: nothing was changed" }
  err.check(sys.write_file(path, print_report.for_file(document, path), { mode = mode.PRIVATE_FILE, atomic = true }))
end

-- What becomes of the filesets in phase 6. Why it cannot be told is a finding already.
local function show_software(m)
  local ok, made = xpcall(m.software_plan, err.wrap, m)
  if not ok then
    if made.code == "CANCELLED" then error(made, 0) end
    return
  end
  if m.opts.json then
    local event = show_plan.document(made)
    event.event = "software_plan"
    return m:event(event)
  end
  output.print ""
  show_plan.print(made)
  output.print("altmig: phase 6: %s", show_plan.count(made))
end

-- What an update does with the interim fixes. Why it cannot be told is a finding already.
local function show_interim_fixes(m)
  local ok, fates = xpcall(m.foretell_interim_fixes, err.wrap, m)
  if not ok then
    if fates.code == "CANCELLED" then error(fates, 0) end
    return
  end
  if m.opts.json then return m:event { event = "interim_fixes", fixes = json.array(fates) } end
  for _, fix in ipairs(fates) do output.print("altmig: interim fix %s", fix.rule) end
end

-- An update merges nothing: the filesets and the interim fixes are all that there is to tell.
local function show_update(m)
  show_software(m)
  show_interim_fixes(m)
  if m.opts.json then return m:event { event = "dry_run", count = {}, entries = json.array {}, files = 0, changed = 0 } end
  output.print("altmig: dry run of the update of %s: nothing was changed.", m.name)
end

--- The command: preflight findings, then the filesets, then the differences.
---@param opts table
---@return integer status
function dryrun.run(opts)
  opts.no_log = true
  local report_file = opts.report
  opts.report = nil -- there is no run to report of at the end
  local command = require "altmig.cmd.check"
  return require("altmig.migration").look(opts, function(m)
    local inhibitors = command.findings(m)
    if m.client and opts.update then
      show_update(m)
    elseif m.client and m:bos_level() then
      show_software(m)
      local list, collected, saved = dryrun.compute(m)
      local show = opts.json and show_json or show_text
      show(m, list, collected, saved)
      if report_file then write_report(m, collected, report_file) end
    end
    return inhibitors > 0 and 3 or 0
  end)
end

return dryrun
