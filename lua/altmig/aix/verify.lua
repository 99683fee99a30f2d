-- SPDX-License-Identifier: MIT
-- Whether a system is what its software database says, as lppchk asks: every fileset in a sound state with
-- all its parts and requisites (-v), every file of the inventories there (-f), of the type, size and sum (-c)
-- and with the targets (-l) that they name.
--
-- Several filesets may own a path, and an update may have a row beside that of its base: a file is right if
-- one of its rows says so. What an inventory calls VOLATILE has no size and no sum to differ from. The
-- classes hold neither modes nor owners. loc2 is the target of a symbolic link (inferred: inventory-sum); an empty
-- one is not looked at.

local err = require "altmig.err"
local requisite = require "altmig.aix.requisite"
local sorted_keys = require "altmig.sorted_keys"
local swvpd = require "altmig.swvpd"

local verify = {}

---@class altmig.verify.Problem
---@field what "state"|"parts"|"requisite"|"level"|"missing"|"type"|"size"|"sum"|"target"
---@field fileset string
---@field path string?     of a file
---@field want string
---@field have string

local sound = { [swvpd.states.committed] = true, [swvpd.states.applied] = true }

-- "bos.net.tcp.client 7.2.5.0", or the items of a group.
local function words_of(item)
  if item.kind ~= "group" then
    local list = { item.name, item.level }
    for _, bound in ipairs(item.bounds or {}) do list[#list + 1] = bound.letter .. bound.operator .. bound.number end
    return table.concat(list, " ")
  end
  local list = {}
  for i, inner in ipairs(item.items) do list[i] = words_of(inner) end
  return ("more than %d of (%s)"):format(item.more, table.concat(list, ", "))
end

local function have_of(item, level_of)
  if item.kind == "group" then return "fewer" end
  return ("%s %s"):format(item.name, level_of(item.name) or "not installed")
end

--- The filesets of a system: their states, parts and requisites, and the levels that they ought to have.
---@param db altmig.swvpd.Database
---@param planned table<string, string>?   fileset -> the level it was to get
---@return altmig.verify.Problem[] problems
---@return integer count of filesets
---@return table<string, altmig.swvpd.Fileset> filesets
function verify.filesets(db, planned)
  local all = err.check(db:filesets())
  local problems, count = {}, 0
  local function add(problem) problems[#problems + 1] = problem end
  local function level_of(name) return all[name] and all[name].level end
  for _, name in ipairs(sorted_keys(all)) do
    local row = all[name]
    count = count + 1
    if not sound[row.state] then
      add { what = "state", fileset = name, want = "COMMITTED or APPLIED",
        have = row.state_name == "?" and ("in state %d"):format(row.state) or row.state_name }
    end
    if row.inconsistent then
      add { what = "parts", fileset = name, want = row.levels.usr or "none", have = row.levels.root or "none" }
    end
    for _, item in ipairs(requisite.parse(row.prereq)) do
      -- An instreq is asked for when something is installed, not afterwards.
      if item.kind ~= "instreq" and not requisite.holds(item, level_of) then
        add { what = "requisite", fileset = name, want = words_of(item), have = have_of(item, level_of) }
      end
    end
  end
  for _, name in ipairs(sorted_keys(planned or {})) do
    local have = level_of(name)
    if not have or swvpd.compare(have, planned[name]) < 0 then
      add { what = "level", fileset = name, want = planned[name], have = have or "not installed" }
    end
  end
  return problems, count, all
end

-- Rows of the inventories by path. Filesets of one part at a time: a real class has 100,000 rows.
local function rows_by_path(db)
  local by_path = {}
  for _, row in ipairs(err.check(db:files())) do
    local list = by_path[row.path]
    if not list then
      list = {}
      by_path[row.path] = list
    end
    list[#list + 1] = row
  end
  return by_path
end

-- What of an entry differs from a row: what, want, have; nil if nothing does. `rank` says how near they are.
local function difference(row, stat)
  if row.type ~= "?" and row.type ~= stat.type then return 1, "type", row.type, stat.type end
  if row.type == "link" then
    if row.loc2 ~= "" and stat.target ~= row.loc2 then return 2, "target", row.loc2, stat.target or "" end
    return nil
  end
  if row.type ~= "file" then return nil end
  local size, sum = swvpd.number(row.size), swvpd.number(row.checksum)
  if size and size ~= stat.size then return 3, "size", tostring(size), tostring(stat.size) end
  if size and sum and sum ~= stat.sum then return 4, "sum", tostring(sum), tostring(stat.sum) end
  return nil
end

-- The problem of a path with all its rows; nil if one of them is met.
local function judge(list, stat)
  local best
  for _, row in ipairs(list) do
    local rank, what, want, have = difference(row, stat)
    if not rank then return nil end
    if not best or rank > best.rank then
      best = { rank = rank, problem = { what = what, fileset = row.fileset, path = row.path, want = want, have = have } }
    end
  end
  return best.problem
end

-- For a loop over everything below a path, files with their sums.
local function walk(tree, path, exclude)
  local next_entry, state, control, closing = tree:walk(path, { sum = true, exclude = exclude })
  if not next_entry then err.raise { code = control, message = state } end
  return next_entry, state, control, closing
end

-- What is at a path, with its sum; nil for nothing.
local function entry_at(tree, path)
  local stat, message, code = tree:lstat(path)
  if not stat then
    if err.is_absent(code) then return nil end
    err.raise { code = code, message = message }
  end
  if stat.type == "file" then
    for _, read in walk(tree, path) do stat.sum = read.sum end
  end
  return stat
end

--- The files of a system against the inventories of its software database. Every file is read once.
---@param tree altmig.tree
---@param db altmig.swvpd.Database
---@param opts { exclude: string[]?, on_progress: fun(files: integer)? }?
---@return altmig.verify.Problem[] problems   by path
---@return { files: integer, rows: integer } count
function verify.files(tree, db, opts)
  opts = opts or {}
  local by_path = rows_by_path(db)
  local problems, count = {}, { files = 0, rows = 0 }
  local paths = sorted_keys(by_path)
  count.rows = #paths
  -- A path of an inventory may lead over a link (/bin/ls); what is walked has none in it.
  local seen = {}
  for path, stat in walk(tree, "/", opts.exclude) do
    local list = by_path[path]
    if list then
      seen[path] = true
      count.files = count.files + 1
      problems[#problems + 1] = judge(list, stat)
      if opts.on_progress then opts.on_progress(count.files) end
    end
  end
  for _, path in ipairs(paths) do
    if not seen[path] then
      local list, stat = by_path[path], entry_at(tree, path)
      problems[#problems + 1] = stat and judge(list, stat)
        or not stat and { what = "missing", fileset = list[1].fileset, path = path, want = list[1].type, have = "nothing" } or nil
    end
  end
  table.sort(problems, function(a, b) return a.path < b.path end)
  return problems, count
end

local sentences = {
  state = "%s: is %s, not %s", parts = "%s: its root part is %s, its usr part %s", requisite = "%s: has %s and needs %s",
  level = "%s: is %s and was to be %s", missing = "%s: is not there (%s)",
}

--- A problem as one line of text.
---@param problem altmig.verify.Problem
---@return string
function verify.sentence(problem)
  local form = sentences[problem.what]
  if problem.what == "missing" then return form:format(problem.path, problem.fileset) end
  if not problem.path then return form:format(problem.fileset, problem.have, problem.want) end
  return ("%s: its %s is %s; the inventory of %s says %s"):format(problem.path, problem.what, problem.have, problem.fileset, problem.want)
end

return verify
