-- SPDX-License-Identifier: MIT
-- Phases 5 and 6: what the filesets want done with their configuration files, what the old level
-- shipped of the files that are saved, and which one of every file is active in the end.

local aix = require "altmig.aix.output"
local cfgfiles = require "altmig.aix.cfgfiles"
local err = require "altmig.err"
local escape = require "altmig.escape"
local images = require "altmig.aix.packages"
local inventory = require "altmig.aix.inventory"
local merge = require "altmig.merge"
local outcome = require "altmig.run.outcome"
local policy = require "altmig.merge.policy"
local saveconf = require "altmig.save"
local sorted_keys = require "altmig.sorted_keys"

---@class altmig.Migration
local configuration = { steps = {} }

local save_root = saveconf.root
local BATCH <const> = 2000 -- files of one command on the client

-- Runs fn(directory) and closes the directory whatever happens.
local function with(directory, fn)
  local ok, result = xpcall(fn, err.wrap, directory)
  directory.close()
  if not ok then error(result, 0) end
  return result
end

local function joined(a, b)
  local list = table.move(a or {}, 1, #(a or {}), 1, {})
  return table.move(b or {}, 1, #(b or {}), #list + 1, list)
end

local function is_configuration(path) return path:match("^/etc/") or path:match("^/var/") end

-- A finding about a file: to the log, and to the report.
local function tell(m, entry)
  m:detail("altmig: " .. escape.line(("%s: %s (%s)"):format(entry.file, entry.rule, entry.severity)))
  m:report_entry(entry)
end

--- Which of these files of the copy (not below /etc and /var) the site has changed since they were
--- installed, as far as the software database tells. The client sums them up where they are: nothing
--- of them crosses the network. Before the restore only.
---@param names string[]
---@return string[]
function configuration.changed_files(m, names)
  local wanted = {}
  for _, path in ipairs(names) do wanted[path] = true end
  local known, problems = inventory.read(m.alt, wanted)
  for _, problem in ipairs(problems) do m:detail("altmig: what the site changed is not known: " .. escape.line(problem)) end
  local batch, changed, works = {}, {}, true
  local function flush()
    if #batch == 0 or not works then return end
    -- With a file more, so that sum names the files also where there is one alone.
    local result = m.client:script('cd "$1" && xargs sum -r /dev/null', { m.copy_at or "/alt_inst" },
      { stdin = table.concat(batch, "\n") .. "\n", timeout = 1800 })
    for line in result.stdout:gmatch("[^\n]+") do
      local sum, blocks, path = line:match("^%s*(%d+)%s+(%d+)%s+%.(/%S+)%s*$")
      if path and wanted[path] and known:sum_differs(path, tonumber(sum), tonumber(blocks)) then changed[#changed + 1] = path end
    end
    works = result.stdout:find("/dev/null", 1, true) ~= nil
    if not works then
      tell(m, { file = "/alt_inst", severity = "warning", chosen = "N",
        rule = ("files outside /etc and /var that the site changed are not known: sum -r on the client: %s"):format(
          result.stderr:match("[^\n]+") or "prints nothing") })
    end
    batch = {}
  end
  for _, path in ipairs(sorted_keys(known.sizes)) do
    -- What xargs would take apart is never in a software database.
    if path:match("^/[%w%._/%-%+@,=%%~#]+$") and not saveconf.is_listed(path) then batch[#batch + 1] = "." .. path end
    if #batch == BATCH then flush() end
  end
  flush()
  return changed
end

-- What the filesets that phase 6 installs say of their files. `take` gets their lists; `found` their files, by where they
-- are, and the filesets that were asked.
local function read_handling(m, take, found)
  local handled = with(images.of_resource(m, m.lpp_source), function(directory)
    return images.handling(directory, m:result_of("installed_filesets") or {})
  end)
  for _, fileset in ipairs(sorted_keys(handled.filesets)) do
    local one = handled.filesets[fileset]
    found.known[fileset] = true
    for _, list in ipairs(one.lists) do take(cfgfiles.parse(list.text, fileset, ("%s, %s.cfgfiles"):format(list.image, fileset))) end
    for _, path in ipairs(one.paths) do
      found.by_installp[path] = true
      local list = is_configuration(path) and found.paths or found.others
      list[#list + 1] = path
    end
  end
  for _, problem in ipairs(handled.problems) do
    tell(m, { file = problem.image, severity = "error", chosen = "none",
      rule = problem.message .. ": what its filesets want done with their files is not known" })
  end
  return handled.read
end

-- A collector of rows, whose findings are told.
local function collector(m)
  local rows = {}
  return rows, function(more, findings)
    table.move(more, 1, #more, #rows + 1, rows)
    for _, finding in ipairs(findings) do tell(m, finding) end
  end
end

local function below_table(m, rows, by_installp)
  local extra, conflicts = cfgfiles.below_table(rows, by_installp)
  for _, finding in ipairs(conflicts) do tell(m, finding) end
  return extra
end

-- The lists of the filesets that come with the bos image, of those that phase 6 will install, and of
-- those that left theirs on the client. Result: rows below the table, the files below /etc and /var
-- that phase 6 brings, and those elsewhere that the site has changed. Lists of the new level count
-- before those of the old.
configuration.steps.inspect_filesets = {
  run = function(m)
    local bos = m:result_of("inspect_bos")
    local rows, take = collector(m)
    local known, found = {}, { paths = {}, others = {}, by_installp = {} }
    found.known = known
    for _, fileset in ipairs(bos.filesets or {}) do known[fileset] = true end
    for _, fileset in ipairs(sorted_keys(bos.lists or {})) do
      known[fileset] = true
      take(cfgfiles.parse(bos.lists[fileset], fileset, ("bos image, %s.cfgfiles"):format(fileset)))
    end
    local read = read_handling(m, take, found)
    take(cfgfiles.on_client(m.alt, known))
    local extra = below_table(m, rows, found.by_installp)
    m:detail(("altmig: %d images read: %d files of %d are handled as their filesets say."):format(read, #extra, #rows))
    return { rows = extra, paths = found.paths, changed = m:changed_files(found.others) }
  end,
}

-- An update merges nothing and restores no base system; but its filesets bring files too. What is there of them goes into
-- the save area, so that it can be told afterwards what installp did with it.
configuration.steps.save_updated_configuration = {
  run = function(m)
    local rows, take = collector(m)
    local found = { known = {}, paths = {}, others = {}, by_installp = {} }
    read_handling(m, take, found)
    local known, problems = inventory.read(m.alt)
    for _, problem in ipairs(problems) do
      tell(m, { file = save_root, severity = "note", chosen = "none", rule = "the software database cannot be asked: " .. problem })
    end
    local changed = m:changed_files(found.others)
    local sources = { rows = below_table(m, rows, found.by_installp), inventory = known, changed = changed,
      installed = joined(found.paths, changed) }
    local files = {}
    for _, file in ipairs(saveconf.candidates(m.alt, {}, sources)) do
      if file.installp then files[#files + 1] = file end
    end
    local saved = saveconf.save(m.copy, save_root, files, sources)
    saveconf.note_active(m.copy, save_root)
    return { files = saved.files }
  end,
}

-- What the old level shipped of these files, from the images of --baseline into the save area.
---@return table<string, string> digests by path
local function read_baseline(m, files)
  local wanted, digests = {}, {}
  for _, file in ipairs(files) do
    if not policy.without_default[file.method] then wanted[file.path] = true end
  end
  saveconf.prepare(m.copy, save_root)
  local found = with(images.of_word(m, m.opts.baseline), function(directory)
    return images.baseline(directory, m:result_of("installed_filesets") or {}, wanted, function(path, data)
      digests[path] = saveconf.put_old(m.copy, save_root, path, data)
    end)
  end)
  for _, problem in ipairs(found.problems) do
    tell(m, { file = problem.image, severity = "error", chosen = "none",
      rule = problem.message .. ": what it shipped is not known" })
  end
  m:detail(("altmig: baseline %s: %d images, %d of %d files (%d images of other levels or filesets)."):format(m.opts.baseline,
    found.images, found.files, #files, found.skipped))
  return digests
end

-- From which release to which: some merges ask.
local function releases(m)
  local from = m.levels and aix.oslevel(m.levels.client)
  return { from = from and ("%d.%d"):format(from.version, from.release) or nil,
    to = m.target and ("%d.%d"):format(m.target.version, m.target.release) or nil }
end

--- Where the defaults of the old level come from, and which files to save.
---@return table files, altmig.saveconf.Sources sources
function configuration.plan_saving(m, bos)
  local filesets = m:inspect_filesets()
  local known, problems = inventory.read(m.alt)
  for _, problem in ipairs(problems) do
    tell(m, { file = save_root, severity = "note", chosen = "none", rule = "the software database cannot be asked: " .. problem })
  end
  local sources = { rows = filesets.rows, inventory = known, changed = joined(bos.changed, filesets.changed),
    installed = joined(filesets.paths, filesets.changed), levels = releases(m) }
  local files = saveconf.candidates(m.alt, bos.configuration, sources)
  if m.opts.baseline then sources.baseline = read_baseline(m, files) end
  return files, sources
end

local function list(m, decisions)
  local count = 0
  for _, decision in ipairs(decisions) do
    if decision.severity == "todo" then count = count + 1 end
    decision.method = decision.method or "saved files"
    tell(m, decision)
  end
  return { listed = #decisions, todo = count }
end

-- Every file whose new one is active now, and those whose old one is while there is a new one.
configuration.steps.list_configuration = {
  run = function(m) return list(m, outcome.after_merges(m.copy, save_root)) end,
}

-- Runs a method of altmig's own on files that installp brought. Only these: the others are done.
local function merge_late(m, method, files)
  local one = {}
  for name, value in pairs(method) do one[name] = value end
  one.files = files
  m:detail("altmig: merging " .. table.concat(files, ", "))
  local context = saveconf.context(m.copy, save_root)
  context.report = function(decision)
    decision.method = method.title
    m:report_entry(decision)
  end
  context.log = function(line) m:detail(line) end
  context.warn = function(line) m:say(line) end
  local _, message, code = merge.run(one, context)
  if message then err.raise { code = code, host = m.name, message = ("merge method %s: %s"):format(method.title, message) } end
end

-- After installp: what filesets brought of files that altmig merges or keeps itself. The lists of the filesets say
-- what installp does with a file, and nothing of what the site had switched off in it.
configuration.steps.merge_installed_configuration = {
  run = function(m)
    local merged, back = 0, saveconf.put_back_again(m.copy, save_root)
    for _, path in ipairs(back) do
      tell(m, { file = path, severity = "note", chosen = "C", method = "saved files",
        rule = "a fileset replaced it in phase 6: yours is active again" })
    end
    for _, method in ipairs(merge.methods) do
      local files = method.own and saveconf.keep_installed(m.copy, save_root, method.files) or {}
      if #files > 0 then merge_late(m, method, files) end
      merged = merged + #files
    end
    return { merged = merged, put_back = #back }
  end,
}

-- The same for what installp did with the files of its filesets.
configuration.steps.list_installed_configuration = {
  run = function(m) return list(m, outcome.after_installp(m.copy, save_root)) end,
}

return configuration
