-- SPDX-License-Identifier: MIT
-- What happens to the filesets of a system when the images of a source are installed on it: the policy around
-- engine/core/aix/plan.h, which says which level of a fileset is taken and how requisites are met. Of updates the
-- highest is enough (inferred: update-holds-all).
--
-- The base system (images of the package bos) is restored, not installed, when its release is above that of the system;
-- all of its filesets are there before installp begins. When the system has that release already, only updates of
-- them can be installed.

local aix = require "altmig.aix.output"
local bundles = require "altmig.aix.bundle"
local core = require "altmig.installp_core"
local err = require "altmig.err"
local obsolete = require "altmig.aix.obsolete"
local requisite = require "altmig.aix.requisite"
local sorted_keys = require "altmig.sorted_keys"
local swvpd = require "altmig.swvpd"
local sys = require "altmig.sys"

local plan = {}

---@class altmig.plan.Installed
---@field level string
---@field state string?            # BROKEN, ... where it is neither committed nor applied
---@field locked boolean?          # by an interim fix

---@class altmig.plan.Link         a fileset that cannot be taken, and the requisite that is not met
---@field fileset string
---@field level string
---@field requisite string?

---@class altmig.plan.Step
---@field fileset string
---@field level string
---@field from string?             # the level before
---@field action "restore"|"migrate"|"update"|"install"|"reinstall"
---@field image string             # the file
---@field by altmig.plan.Link?     # who asks for it, when it was not selected
---@field locked boolean?
---@field licence boolean?         # one is to be accepted

---@class altmig.plan.Failure
---@field fileset string
---@field level string?
---@field taken string?            # the lower level that is taken in its place
---@field reason string
---@field chain altmig.plan.Link[]
---@field superseded boolean?      # a fileset that supersedes the missing one can be had: installp may take it

---@class altmig.plan.Obsolete     a fileset of the system that the new release no longer has
---@field name string
---@field level string             # that the system has
---@field state string             # "removed as obsolete" or "replaced by X, Y"
---@field reason string
---@field replaced_by string[]     # what takes its place, also where it is not installed; may be empty
---@field loses string?            # what the system loses with it
---@field source string            # who says so: a document, or the image

---@class altmig.plan.Room         # blocks of 512 bytes
---@field mount string
---@field needed integer           # free in it, while the base system is restored and while filesets are installed
---@field temporary integer        # of that, free again afterwards
---@field free integer?
---@field size integer?
---@field grow_to integer?         # the size the file system must have, where it is too small; whole partitions
---@field short integer?           # how much is missing
---@field restore integer?         # by the base system, which is restored before
---@field partitions integer?      # of the volume group that growing takes, copies included

---@class altmig.Plan
---@field steps altmig.plan.Step[]          # in order
---@field obsolete altmig.plan.Obsolete[]   # by name; only where a base system of a higher release is restored
---@field left { fileset: string, level: string, reason: string }[]   # of the system, not touched
---@field superseded { fileset: string, level: string, image: string, by: string }[]
---@field failed altmig.plan.Failure[]      # wanted, and not installed at all
---@field held altmig.plan.Failure[]        # a higher level that is not taken; a lower one is
---@field others { kind: string, name: string, image: string? }[]   # R: and E: lines of the bundle; no image: missing
---@field space altmig.plan.Room[]
---@field group altmig.plan.Group?  # where the volume group is known
---@field paging integer           # blocks of paging space, PAGESPACE

---------------------------------------------------------------- what there is

--- A level as images have it, four numbers without leading zeros; nil for text that is none.
---@param text string
---@return string?
function plan.level(text)
  local v, r, m, f = text:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
  if not v or text:find(("%d"):rep(10)) then return nil end
  return ("%d.%d.%d.%d"):format(v, r, m, f)
end

local sound = { COMMITTED = true, APPLIED = true, EFIXLOCKED = true, OBSOLETE = true }

--- The filesets of `lslpp -lqc` or `lslpp -Lqc`; the highest of a fileset's parts.
---@param text string
---@return table<string, altmig.plan.Installed>
function plan.of_lslpp(text)
  local out = {}
  local function add(row, state, locked)
    local seen = out[row.fileset]
    if not seen or aix.compare_levels(row.level, seen.level) > 0 then
      seen = { level = row.level, state = seen and seen.state, locked = seen and seen.locked }
      out[row.fileset] = seen
    end
    seen.state, seen.locked = state or seen.state, locked or seen.locked
  end
  local rows = aix.lslpp_lqc(text)
  for _, row in ipairs(rows) do
    add(row, not sound[row.state] and row.state or nil, row.efix_locked or row.state == "EFIXLOCKED" or nil)
  end
  if #rows > 0 then return out end
  for _, row in pairs(aix.lslpp_Lqc(text)) do
    if row.type ~= "R" and row.type ~= "E" then
      add(row, row.state == "B" and "BROKEN" or row.state == "?" and "?" or nil, row.efix_locked or row.state == "E" or nil)
    end
  end
  return out
end

--- The filesets of a system: its root directory with the software database, or a file with the text of
--- `lslpp -lqc`.
---@param path string
---@return table<string, altmig.plan.Installed>
function plan.installed_at(path)
  if err.check(sys.stat(path)).type ~= "dir" then
    local out = plan.of_lslpp(err.check(sys.read_file(path, 64 << 20)))
    if not next(out) then
      err.raise { code = "LSLPP", message = ("plan: %s: no line of it is one of lslpp -lqc"):format(path),
        remedy = ("on the client: lslpp -lqc > FILE; %s may also be the root of a system"):format(path) }
    end
    return out
  end
  local db <close> = swvpd.open(path)
  local out = {}
  for name, row in pairs(err.check(db:filesets())) do
    out[name] = { level = row.level, state = row.state_name == "?" and "?" or nil }
  end
  return out
end

local function installed_of(value)
  if type(value) == "string" then value = plan.of_lslpp(value) end
  local out = {}
  for name, row in pairs(value or {}) do
    if type(row) == "string" then row = { level = row } end
    local level = plan.level(row.level)
    -- What has no level cannot be above one.
    out[name] = { level = level or "0.0.0.0", state = row.state or not level and "at no level" or nil, locked = row.locked }
  end
  return out
end

--- The lines of an installp_bundle: installp filesets (I:, or no prefix), RPMs (R:) and interim fixes (E:).
---@param text string
---@param name string?             # of the bundle, for messages
---@return altmig.bundle.Line[]
function plan.bundle(text, name)
  local list = bundles.parse(text, name)
  for _, one in ipairs(list) do one.level = one.level and plan.level(one.level) end
  return list
end

---------------------------------------------------------------- what is wanted

-- The names of the media that a word means: a fileset, a package, a pattern, all.
local function names_of(word, by_name, packages)
  if word == "all" then return sorted_keys(by_name) end
  if by_name[word] then return { word } end
  if packages[word] then return sorted_keys(packages[word]) end
  if not word:find("[%*%?]") then return {} end
  local pattern, out = obsolete.lua_pattern(word), {}
  for _, name in ipairs(sorted_keys(by_name)) do
    if name:find(pattern) then out[#out + 1] = name end
  end
  return out
end

---@class altmig.plan.Work
---@field rows altmig.installp.Row[]          # what installp can take
---@field by_name table<string, integer[]>     # of rows, ascending levels
---@field installed table<string, altmig.plan.Installed>
---@field now table<string, string>            # levels when installp begins
---@field wanted table<string, string|true>    # a level, or the highest
---@field unknown { name: string, level: string? }[]   # words that mean nothing
---@field superseders table<string, altmig.installp.Row[]>   # by fileset: those of other names that take its place
---@field stands table<string, { name: string, level: string, as: string }[]>   # by fileset: what stands for it, at which level
---@field barriers table<string, string>       # by fileset: from this level on it does not meet requisites of lower ones
---@field obsolete table<string, altmig.plan.Obsolete>   # of those that are installed
---@field kept table<string, altmig.obsolete.Rule>      # of those that are installed
---@field verdicts altmig.installp_core.Verdict[]
---@field taken table<string, string>          # the level a fileset ends at

local function is_bos(row) return row.image.package == "bos" and row.image.type == "I" end

local function same_release(a, b) return a:match("^%d+%.%d+") == b:match("^%d+%.%d+") end

-- Whether the base system is restored: no fileset of it is there at its release or above.
local function is_restored(rows, installed)
  for _, row in ipairs(rows) do
    local have = is_bos(row) and installed[row.fileset.name]
    if have and (same_release(have.level, row.fileset.level) or aix.compare_levels(have.level, row.fileset.level) >= 0) then
      return false
    end
  end
  return true
end

-- The filesets of the base system, which are there before installp begins, and the rest for installp.
local function with_base_system(rows, work, restore, out)
  local best = {}
  if restore == nil then restore = is_restored(rows, work.installed) end
  for name, row in pairs(work.installed) do
    if not row.state then work.now[name] = row.level end
  end
  for _, row in ipairs(rows) do
    if not is_bos(row) then
      work.rows[#work.rows + 1] = row
      local list = work.by_name[row.fileset.name] or {}
      list[#list + 1], work.by_name[row.fileset.name] = #work.rows, list
    elseif restore then
      best[row.fileset.name] = row -- ascending levels
    else
      work.base_only[row.fileset.name] = row.fileset.level
    end
  end
  for _, name in ipairs(sorted_keys(best)) do
    local row, have = best[name], work.installed[name]
    if not have or aix.compare_levels(row.fileset.level, have.level) > 0 then
      out.steps[#out.steps + 1] = { fileset = name, level = row.fileset.level, from = have and have.level, action = "restore",
        image = row.image.file, locked = have and have.locked }
      work.now[name] = row.fileset.level
      work.restored[name] = row
    end
  end
end

-- What base levels say of other filesets and of themselves. A line of the supersede section that names another fileset
-- means that this one stands for it, up to that level; one with the fileset's own name is a barrier: its levels from
-- there on do not meet a requisite of a lower one (inferred: supersede-entries). The member namelist of a control
-- library names filesets whose files this one has now; it stands for none of them.
local function find_superseders(rows, work)
  local function takes(name, row)
    local list = work.superseders[name] or {}
    if list[#list] ~= row and name ~= row.name then list[#list + 1] = row end
    work.superseders[name] = list[1] and list
  end
  for _, row in ipairs(rows) do
    for _, other in ipairs(row.update and {} or row.fileset.supersedes) do
      if other.name == row.name then
        local barrier = work.barriers[row.name]
        if not barrier or aix.compare_levels(other.level, barrier) > 0 then work.barriers[row.name] = other.level end
      else
        work.stands[other.name] = work.stands[other.name] or {}
        table.insert(work.stands[other.name], { name = row.name, level = row.level, as = other.level })
        takes(other.name, row)
      end
    end
    for _, name in ipairs(not row.update and row.fileset.library and row.fileset.library.obsoletes or {}) do takes(name, row) end
  end
end

-- A requisite with what stands for its fileset, and with its barrier as the bound that it is.
local function with_entries(work, item, name)
  local text, barrier, others = item.text, work.barriers[item.name], {}
  if barrier and item.name ~= name and item.level and not item.bounds and aix.compare_levels(item.level, barrier) < 0 then
    text = text .. (" v=%s r=%s m=%s f<%s"):format(barrier:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$"))
  end
  for _, other in ipairs(item.kind ~= "ifreq" and work.stands[item.name] or {}) do
    if other.name ~= name and requisite.holds(item, function() return other.as end) then
      others[#others + 1] = ("*%s %s %s\n"):format(item.kind, other.name, other.level)
    end
  end
  return #others > 0 and (">0 {\n%s\n%s}\n"):format(text, table.concat(others)) or text .. "\n"
end

local function rewritten(work, items, name)
  local lines = {}
  for i, item in ipairs(items) do
    lines[i] = item.kind == "group" and (">%d {\n%s}\n"):format(item.more, rewritten(work, item.items, name))
      or with_entries(work, item, name)
  end
  return table.concat(lines)
end

-- Puts that into the requisites that speak of such a fileset.
local function apply_entries(work)
  if not next(work.stands) and not next(work.barriers) then return end
  for _, row in ipairs(work.rows) do
    for name in row.requisites:gmatch("%*%l+%s+([^%s(]+)") do
      if work.stands[name] or work.barriers[name] and name ~= row.name then
        row.requisites = rewritten(work, requisite.parse(row.requisites), row.name)
        break
      end
    end
  end
end

local function want(work, word, level, packages)
  local names = names_of(word, work.by_name, packages)
  for _, name in ipairs(names) do work.wanted[name] = level or work.wanted[name] or true end
  if #names == 0 and not work.restored[word] then work.unknown[#work.unknown + 1] = { name = word, level = level } end
end

local function find_wanted(work, options, bundle)
  local packages = {}
  for _, row in ipairs((options.select or bundle[1]) and work.rows or {}) do
    local package = row.image.package
    packages[package] = packages[package] or {}
    packages[package][row.fileset.name] = true
  end
  if not options.select then
    for _, there in ipairs { work.installed, work.restored } do
      for name in pairs(there) do
        if work.by_name[name] then work.wanted[name] = true end
      end
    end
  end
  for _, one in ipairs(options.select or {}) do
    if type(one) == "string" then one = { name = one } end
    local level = one.level and plan.level(one.level)
    if one.level and not level then err.raise { code = "LEVEL", message = ("plan: %s %s: no level"):format(one.name, one.level) } end
    want(work, one.name, level, packages)
  end
  for _, one in ipairs(bundle) do
    if one.kind == "installp" then want(work, one.name, one.level, packages) end
  end
end

---------------------------------------------------------------- what is obsolete

-- The releases that the restored base system leads from and to; nil when it does not lead to a higher one.
local function releases(work)
  local from, to
  for name, row in pairs(work.restored) do
    local have = work.installed[name]
    if have and (name == "bos.rte" or not to) then from, to = have.level, row.fileset.level end
  end
  if not to or same_release(from, to) or aix.compare_levels(from, to) > 0 then return nil end
  return from, to
end

-- Finds the filesets of the system that neither the images nor the base system have any more and whose place others
-- take, or that rules name. What takes their place is wanted with them.
local function find_obsolete(work, rules)
  local from, to = releases(work)
  if not to then return end
  local of_release = obsolete.between(from, to, rules)
  for name, have in pairs(work.installed) do
    if not work.by_name[name] and not work.restored[name] then
      local rule, by = of_release:of(name, have.level), work.superseders[name]
      if rule and rule.keep then
        work.kept[name] = rule
      elseif rule then
        work.obsolete[name] = { name = name, level = have.level, replaced_by = { table.unpack(rule.replaced_by or {}) },
          loses = rule.loses, source = rule.source, reason = ("AIX %s no longer has it"):format(rule.release),
          brings = rule.brings ~= false }
      elseif by then
        local names, seen = {}, {}
        for _, row in ipairs(by) do
          if not seen[row.name] then names[#names + 1], seen[row.name] = row.name, true end
        end
        work.obsolete[name] = { name = name, level = have.level, replaced_by = names, source = by[#by].image.file, brings = true,
          reason = #names == 1 and ("%s %s says that it takes its place"):format(by[#by].name, by[#by].level)
            or ("%d filesets say that they take its place"):format(#names) }
      end
    end
  end
end

-- The filesets that take the place of others.
local function want_replacements(work)
  for _, row in pairs(work.obsolete) do
    for _, name in ipairs(row.brings and row.replaced_by or {}) do
      if work.by_name[name] then work.wanted[name] = work.wanted[name] or true end
    end
  end
end

-- Obsolete filesets that something needs that is installed: removing them would break it.
local function find_needed(work, order)
  local needed = {}
  if not next(work.obsolete) then return needed end
  for _, index in ipairs(order) do
    local row, levels, any = work.rows[index], {}, false
    requisite.each(requisite.parse(row.requisites), function(one)
      if work.obsolete[one.name] then any = true else levels[one.name] = work.taken[one.name] or work.now[one.name] end
    end)
    for _, text in ipairs(any and err.check(core.unmet(row.requisites, levels)) or {}) do
      requisite.each(requisite.parse(text), function(one)
        if work.obsolete[one.name] then needed[one.name] = ("%s %s"):format(row.name, row.level) end
      end)
    end
  end
  return needed
end

-- What is said of an obsolete fileset, now that it is known what will be there.
local function tell_obsolete(work, row)
  local there, missing = {}, {}
  for _, name in ipairs(row.replaced_by) do
    if work.taken[name] or work.now[name] then
      there[#there + 1] = name
    else
      missing[#missing + 1] = name .. (work.by_name[name] and " (not selected)" or " (no image has it)")
    end
  end
  local reason = row.reason
  if #missing > 0 then reason = ("%s; not installed: %s"):format(reason, table.concat(missing, ", ")) end
  return { name = row.name, level = row.level, replaced_by = row.replaced_by, loses = row.loses, source = row.source, reason = reason,
    state = #there > 0 and "replaced by " .. table.concat(there, ", ") or "removed as obsolete" }
end

---------------------------------------------------------------- what is said of it

local function tidy(text) return (text:gsub("%s+", " ")) end

-- A fileset that is needed and cannot be had: what there is of it.
local function what_there_is(work, name)
  local of_media, have = work.by_name[name], work.now[name]
  local broken = work.installed[name] and work.installed[name].state
  local parts = {}
  if work.taken[name] then
    parts[1] = ("%s is planned at %s"):format(name, work.taken[name])
  else
    parts[1] = broken and ("%s is %s"):format(name, broken) or have and ("%s is at %s"):format(name, have)
      or ("%s is not there"):format(name)
  end
  if of_media then
    parts[2] = ("the images have it up to %s"):format(work.rows[of_media[#of_media]].fileset.level)
  elseif work.superseders[name] then
    parts[2] = ("%s takes its place"):format(work.superseders[name][1].name)
  elseif work.base_only[name] then
    parts[2] = ("only the base system image has it, at %s"):format(work.base_only[name])
  else
    parts[2] = "no image has it"
  end
  return table.concat(parts, ", ")
end

-- Why an image is not taken: the links of its chain, and the reason at its end.
local function explain(work, index)
  local chain, seen = {}, {}
  local reason, superseded
  while index and not seen[index] do
    seen[index] = true
    local fileset, verdict = work.rows[index].fileset, work.verdicts[index]
    chain[#chain + 1] = { fileset = fileset.name, level = fileset.level, requisite = verdict.why and tidy(verdict.why) }
    if verdict.fate == "without base" then
      reason = ("it is an update, and there is no level of %s %s that it can be applied to"):format(fileset.name,
        fileset.level:match("^%d+%.%d+"))
    elseif verdict.needs then
      reason = what_there_is(work, verdict.needs)
      superseded = work.superseders[verdict.needs] ~= nil or nil
    elseif verdict.why then
      reason = "not enough of these are there or can be installed"
    end
    index = verdict.by
  end
  return chain, reason or "its requisites ask for each other, and one of them cannot be met", superseded
end

local function failures(work, out)
  for _, name in ipairs(sorted_keys(work.wanted)) do
    local taken, level = work.taken[name], work.wanted[name]
    local list = work.by_name[name]
    local open
    for i = #list, 1, -1 do
      local verdict, fileset = work.verdicts[list[i]], work.rows[list[i]].fileset
      if (verdict.fate == "unmet" or verdict.fate == "without base") and (level == true or level == fileset.level) then
        open = list[i]
        break
      end
    end
    if open then
      local chain, reason, superseded = explain(work, open)
      local row = { fileset = name, level = work.rows[open].fileset.level, taken = taken, reason = reason, chain = chain,
        superseded = superseded }
      table.insert(taken and out.held or out.failed, row)
    elseif level ~= true and not taken and not (work.now[name] and aix.compare_levels(work.now[name], level) >= 0) then
      out.failed[#out.failed + 1] = { fileset = name, level = level, chain = {},
        reason = ("no image has that level; they have it up to %s"):format(work.rows[list[#list]].fileset.level) }
    end
  end
  for _, one in ipairs(work.unknown) do
    local have = work.now[one.name]
    if not have or one.level and aix.compare_levels(have, one.level) < 0 then
      out.failed[#out.failed + 1] = { fileset = one.name, level = one.level, chain = {}, reason = what_there_is(work, one.name) }
    end
  end
end

local function steps(work, out, order)
  local now = {}
  for _, index in ipairs(order) do
    local fileset, image = work.rows[index].fileset, work.rows[index].image
    local name, verdict = fileset.name, work.verdicts[index]
    local from, had = now[name] or work.now[name], work.installed[name]
    local step = { fileset = name, level = fileset.level, from = from, image = image.file, locked = had and had.locked,
      action = from and (same_release(from, fileset.level) and "update" or "migrate") or had and "reinstall" or "install" }
    step.licence = fileset.licence
    if verdict.by then
      local asking = work.rows[verdict.by].fileset
      step.by = { fileset = asking.name, level = asking.level, requisite = tidy(verdict.why) }
    end
    out.steps[#out.steps + 1] = step
    now[name] = fileset.level
  end
end

-- A lower level of a fileset comes before a higher one.
local function levels_taken(work, order)
  for _, index in ipairs(order) do work.taken[work.rows[index].name] = work.rows[index].level end
end

local function the_rest(work, out, needed)
  for index, row in ipairs(work.rows) do
    local verdict = work.verdicts[index]
    if verdict.fate == "superseded" then
      out.superseded[#out.superseded + 1] = { fileset = row.fileset.name, level = row.fileset.level, image = row.image.file,
        by = work.rows[verdict.by].fileset.level }
    end
  end
  local failed = {}
  for _, row in ipairs(out.failed) do failed[row.fileset] = true end
  for _, name in ipairs(sorted_keys(work.installed)) do
    local gone, kept = work.obsolete[name], work.kept[name]
    if gone and not needed[name] then
      out.obsolete[#out.obsolete + 1] = tell_obsolete(work, gone)
    elseif not work.taken[name] and not work.restored[name] and not failed[name] then
      local list = work.by_name[name]
      local reason
      if gone then
        reason = ("it is obsolete, but %s needs it"):format(needed[name])
      elseif kept then
        reason = ("AIX %s no longer has it; it stays as it is%s"):format(kept.release, kept.loses and ": " .. kept.loses or "")
      elseif work.installed[name].state and not list then
        reason = ("it is %s, and no image has it"):format(work.installed[name].state)
      elseif not list then
        reason = work.base_only[name] and "it is part of the base system, of the same release" or "no image has it"
      elseif aix.compare_levels(work.rows[list[#list]].fileset.level, work.installed[name].level) <= 0 then
        reason = ("the images have no higher level (%s)"):format(work.rows[list[#list]].fileset.level)
      else
        reason = "it was not selected"
      end
      out.left[#out.left + 1] = { fileset = name, level = work.installed[name].level, reason = reason }
    end
  end
end

---------------------------------------------------------------- room

local usual <const> = { "/", "/usr", "/var", "/tmp", "/home", "/opt", "/admin" }

---@class altmig.plan.Filesystem  blocks of 512 bytes
---@field mount string
---@field size integer?
---@field free integer?
---@field copies integer?          # mirrors of each partition

---@class altmig.plan.Group        what a volume group has for file systems that must grow
---@field name string?
---@field partition integer        # the size of one, in blocks of 512 bytes
---@field free integer             # partitions
---@field needed integer?          # partitions that file systems must grow by

--- What each file system needs, and what it must grow to: engine/core/aix/space.h.
---@param list altmig.installp.Fileset[]
---@param filesystems altmig.plan.Filesystem[]?   # not known: those that AIX has, of no size
---@param group altmig.plan.Group?
---@param restored altmig.installp.Fileset[]?     # those of the base system, which are restored before
---@return altmig.plan.Room[] space, integer paging, altmig.plan.Group? group
function plan.space(list, filesystems, group, restored)
  local places, has_root = {}, false
  for i, row in ipairs(filesystems or {}) do
    places[i], has_root = row, has_root or row.mount == "/"
  end
  for _, mount in ipairs(filesystems and {} or usual) do places[#places + 1] = { mount = mount } end
  if filesystems and not has_root then places[#places + 1] = { mount = "/" } end
  local sized = {}
  for i, fileset in ipairs(list) do sized[i] = fileset end
  for _, fileset in ipairs(restored or {}) do sized[#sized + 1] = { sizes = fileset.sizes, restored = true } end
  local made = err.check(core.space(sized, places, group and group.partition))
  local out = {}
  for i, row in ipairs(made.rows) do
    local place = places[row.filesystem]
    out[i] = { mount = place.mount, needed = row.needed, temporary = row.temporary, restore = row.restore, free = place.free,
      size = place.size, short = row.short, grow_to = row.grow_to, partitions = group and row.partitions }
  end
  table.sort(out, function(a, b) return a.mount < b.mount end)
  return out, made.paging, group and { name = group.name, partition = group.partition, free = group.free, needed = made.partitions }
end

---------------------------------------------------------------- the plan

-- R: and E: lines of the bundle, with the images that they mean.
local function others(source, bundle, out)
  local names, files = { rpm = {}, ifix = {} }, {}
  for _, image in ipairs(source.images) do
    local base = image.file:match("[^/]*$")
    if names[image.kind] then table.insert(names[image.kind], base) end
    files[base] = image.file
  end
  for _, one in ipairs(bundle) do
    if names[one.kind] then
      local found = bundles.find(one, names[one.kind])
      out.others[#out.others + 1] = { kind = one.kind, name = one.name, image = found and files[found] }
    end
  end
end

--- Whether a failure is certain: there is one reading only of all that its chain asks for, no group, no "v=7 r>1",
--- nothing that asks only where something is there, and no other fileset in the place of the missing one.
---@param failure altmig.plan.Failure
---@return boolean
function plan.is_certain(failure)
  if failure.superseded then return false end
  for _, link in ipairs(failure.chain) do
    local text = link.requisite
    if text and (not text:match("^%*%l+ %S+ ?[%d%.]*$") or text:match("^%*ifreq")) then return false end
  end
  return true
end

---@class altmig.plan.Options
---@field installed table<string, string|altmig.plan.Installed>|string|nil   # by fileset, or the text of lslpp -lqc
---@field select (string|{ name: string, level: string? })[]?   # filesets, packages, patterns or "all"; default: what is installed
---@field bundle string?           # text of an installp_bundle
---@field restore boolean?         # whether the base system is restored; default: when its release is above the system's
---@field filesystems { mount: string, size: integer?, free: integer? }[]?   # blocks of 512 bytes
---@field obsolete altmig.obsolete.Rule[]?   # default: those of altmig.aix.obsolete

--- The plan for a system.
---@param source altmig.installp.Source
---@param options altmig.plan.Options?
---@return altmig.Plan
function plan.make(source, options)
  options = options or {}
  local out = { steps = {}, left = {}, superseded = {}, obsolete = {}, failed = {}, held = {}, others = {}, space = {}, paging = 0 }
  local work = { rows = {}, by_name = {}, installed = installed_of(options.installed), now = {}, wanted = {}, unknown = {},
    taken = {}, restored = {}, base_only = {}, superseders = {}, stands = {}, barriers = {}, obsolete = {}, kept = {} }
  local bundle = options.bundle and plan.bundle(options.bundle) or {}
  local rows = source:filesets()
  with_base_system(rows, work, options.restore, out)
  find_superseders(rows, work)
  apply_entries(work)
  find_wanted(work, options, bundle)
  find_obsolete(work, options.obsolete)
  want_replacements(work)
  local installed, wanted = {}, {}
  for name, level in pairs(work.now) do installed[#installed + 1] = { name = name, level = level } end
  for name, level in pairs(work.wanted) do wanted[#wanted + 1] = { name = name, level = level ~= true and level or nil } end
  local made = err.check(core.plan(work.rows, installed, wanted))
  work.verdicts = made.verdicts
  levels_taken(work, made.order)
  steps(work, out, made.order)
  failures(work, out)
  the_rest(work, out, find_needed(work, made.order))
  others(source, bundle, out)
  local sized, restored = {}, {}
  for i, index in ipairs(made.order) do sized[i] = work.rows[index].fileset end
  for _, name in ipairs(sorted_keys(work.restored)) do restored[#restored + 1] = work.restored[name].fileset end
  out.space, out.paging, out.group = plan.space(sized, options.filesystems, options.group, restored)
  return out
end

return plan
