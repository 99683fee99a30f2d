-- SPDX-License-Identifier: MIT
-- What installp decides before it writes anything: the filesets on the media, which of the selected
-- ones can be installed and in what order, what is missing and why, the room they need.

local bff = require "altmig.bff"
local lppname = require "lab.lppname"
local requisites = require "lab.requisite"
local swvpd = require "lab.swvpd"
local sys = require "altmig.sys"

local instplan = {}

---@class lab.instplan.Item: lab.lppname.Fileset
---@field image string path of the image
---@field kind string I or S
---@field package string

local function read_image(path)
  local archive = bff.open(path)
  if not archive then return nil end
  local found
  for _ = 1, 3 do
    local member = archive:next()
    if not member then break end
    if member.name == "./lpp_name" then
      local text = archive:read(member, 1 << 20)
      found = text and lppname.parse(text)
      break
    end
  end
  archive:close()
  return found
end

--- The filesets of every image of a directory (or of one image), sorted by name and level.
---@param dir string
---@return lab.instplan.Item[]?
---@return string? message
function instplan.media(dir)
  local stat, message = sys.stat(dir)
  if not stat then return nil, message end
  local paths = {}
  if stat.type == "dir" then
    for _, name in ipairs(sys.list(dir) or {}) do paths[#paths + 1] = dir:gsub("/$", "") .. "/" .. name end
  else
    paths[1] = dir
  end
  local items = {}
  for _, path in ipairs(paths) do
    local file = sys.stat(path)
    local image = file and file.type == "file" and read_image(path)
    for _, fileset in ipairs(image and image.filesets or {}) do
      fileset.image, fileset.kind, fileset.package = path, image.kind, image.package
      items[#items + 1] = fileset
    end
  end
  table.sort(items, function(a, b)
    if a.name ~= b.name then return a.name < b.name end
    return swvpd.compare(a.level, b.level) < 0
  end)
  return items
end

-- The item of a name: at a level, or the highest.
local function find(items, name, level)
  local best
  for _, item in ipairs(items) do
    if item.name == name and (not level or swvpd.compare(item.level, level) == 0) then best = item end
  end
  return best
end

local function release_of(level) return (level or ""):match("^%d+%.%d+") end

-- Whether an item can be applied over what is installed: a base level over anything, an update over its release.
local function applies(item, have) return item.kind ~= "S" or release_of(have) == release_of(item.level) end

-- The highest base level of an item's release that the media hold.
local function base_below(media, item)
  local best
  for _, other in ipairs(media) do
    if other.name == item.name and other.kind ~= "S" and other.package ~= "bos" and release_of(other.level) == release_of(item.level)
      and swvpd.compare(other.level, item.level) <= 0 then best = other end
  end
  return best
end

local function pattern_of(word)
  return "^" .. word:gsub("%p", "%%%0"):gsub("%%%*", ".*"):gsub("%%%?", ".") .. "$"
end

--- Unfolds "all", shell patterns and package names to filesets; others stay as they are.
---@param media lab.instplan.Item[]
---@param selection {name: string, level: string?}[]
function instplan.unfold(media, selection)
  local out, seen = {}, {}
  local function add(name, level)
    local key = name .. " " .. (level or "")
    if not seen[key] then
      seen[key] = true
      out[#out + 1] = { name = name, level = level }
    end
  end
  for _, wanted in ipairs(selection) do
    local exact, found = find(media, wanted.name), false
    local pattern = wanted.name == "all" and ".*" or pattern_of(wanted.name)
    if not exact then
      for _, item in ipairs(media) do
        if item.name:find(pattern) or item.package == wanted.name then
          add(item.name, wanted.level)
          found = true
        end
      end
    end
    if exact or not found then add(wanted.name, wanted.level) end
  end
  return out
end

---@class lab.instplan.Plan
---@field selected integer
---@field install lab.instplan.Item[] in the order of installation: base levels, then updates
---@field gathered table<lab.instplan.Item, boolean> base levels that were not selected, but an update of theirs is
---@field requisites table<string, boolean> names that were not selected but are needed
---@field already {name: string, level: string}[]
---@field failed {name: string, level: string, reason: string, detail: string}[]

-- Brings in what an item needs and the media hold; -g.
local function gather(media, chosen, bases, added, installed)
  local queue = {}
  for _, list in ipairs { chosen, bases } do
    for _, item in pairs(list) do queue[#queue + 1] = item end
  end
  table.sort(queue, function(a, b)
    if a.name ~= b.name then return a.name < b.name end
    return swvpd.compare(a.level, b.level) < 0
  end)
  local function level_of(name) return chosen[name] and chosen[name].level or installed[name] end
  while #queue > 0 do
    local item = table.remove(queue, 1)
    for _, top in ipairs(requisites.parse(item.prereq)) do
      if not requisites.holds(top, level_of) then
        requisites.each({ top }, function(need)
          if requisites.holds(top, level_of) then return end
          local candidate = find(media, need.name)
          local base = candidate and not applies(candidate, installed[need.name]) and base_below(media, candidate) or nil
          if candidate and not chosen[need.name] and candidate.package ~= "bos" and (base or applies(candidate, installed[need.name]))
            and requisites.holds(need, function() return candidate.level end) then
            chosen[need.name], added[need.name], bases[need.name] = candidate, true, base
            queue[#queue + 1] = candidate
            queue[#queue + 1] = base
          end
        end)
      end
    end
  end
end

-- Drops items whose images may not be installed.
local function refuse(chosen, bases, refused, failed)
  local names = {}
  for name in pairs(chosen) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local item = chosen[name]
    local why = refused(item) or bases[name] and refused(bases[name])
    if why then
      chosen[name], bases[name] = nil, nil
      failed[#failed + 1] = { name = name, level = item.level, reason = why, description = item.description }
    end
  end
end

-- Drops items whose requisites do not hold, until all that stay have theirs.
local function verify(chosen, bases, installed, failed)
  local changed
  repeat
    changed = false
    local names = {}
    for name in pairs(chosen) do names[#names + 1] = name end
    table.sort(names)
    for _, name in ipairs(names) do
      local item = chosen[name]
      for _, need in ipairs(requisites.parse((bases[name] and bases[name].prereq .. "\n" or "") .. item.prereq)) do
        if not requisites.holds(need, function(n) return chosen[n] and chosen[n].level or installed[n] end) then
          chosen[name], bases[name] = nil, nil
          failed[#failed + 1] = { name = name, level = item.level, reason = "Requisite Failures", description = item.description,
            missing = need.kind ~= "group" and need.name or nil, missing_level = need.level or "" }
          changed = true
          break
        end
      end
    end
  until not changed
end

-- Prerequisites first; corequisites and circles in the order of their names.
local function order(items)
  local names, out, mark = {}, {}, {}
  for name in pairs(items) do names[#names + 1] = name end
  table.sort(names)
  local function visit(name)
    if mark[name] then return end
    mark[name] = true
    requisites.each(requisites.parse(items[name].prereq), function(need)
      if need.kind ~= "coreq" and items[need.name] then visit(need.name) end
    end)
    out[#out + 1] = items[name]
  end
  for _, name in ipairs(names) do visit(name) end
  return out
end

-- Base levels come before the updates.
local function in_order(chosen, bases)
  local low, high = {}, {}
  for name, item in pairs(chosen) do
    low[name] = bases[name]
    if item.kind == "S" then high[name] = item else low[name] = item end
  end
  local install, updates = order(low), order(high)
  return table.move(updates, 1, #updates, #install + 1, install)
end

--- Plans an installation.
---@param media lab.instplan.Item[]
---@param selection {name: string, level: string?}[]
---@param installed table<string, string> levels by fileset
---@param options {gather: boolean?, force: boolean?, locked: table<string, string>?, refused: (fun(item: lab.instplan.Item): string?)?}
--- locked: label by fileset; refused: why the signature policy does not take an image
---@return lab.instplan.Plan
function instplan.plan(media, selection, installed, options)
  local plan = { already = {}, failed = {}, requisites = {}, gathered = {} }
  local chosen, bases, selected = {}, {}, {}
  local wanted = instplan.unfold(media, selection)
  plan.selected = #wanted
  for _, want in ipairs(wanted) do
    local item = find(media, want.name, want.level)
    -- Whether a base level is named beside its update.
    if item and item.kind ~= "S" then selected[want.name] = true end
  end
  for _, want in ipairs(wanted) do
    local item = find(media, want.name, want.level)
    local have = installed[want.name]
    if have and not options.force and swvpd.compare(have, want.level or item and item.level or have) >= 0 then
      local level = want.level or item and item.level or have
      table.insert(plan.already, { name = want.name, level = level, by = swvpd.compare(have, level) > 0 and have or nil })
    elseif not item then
      table.insert(plan.failed, { name = want.name, level = want.level or "", reason = "Not found on the installation media",
        detail = "" })
    elseif item.package == "bos" then
      table.insert(plan.failed, { name = want.name, level = item.level, reason = "Part of the BOS image",
        detail = "the BOS image is restored, not installed" })
    elseif options.locked and options.locked[want.name] then
      table.insert(plan.failed, { name = want.name, level = item.level, reason = "Locked by Interim Fix", description = item.description })
    elseif chosen[want.name] then
      -- Another level of it is selected too: the base level goes below the update, and the highest update counts.
      local other = chosen[want.name]
      local low, high = item, other
      if swvpd.compare(low.level, high.level) > 0 then low, high = high, low end
      chosen[want.name] = high
      if low.kind ~= "S" and high.kind == "S" then bases[want.name], plan.gathered[low] = low, nil end
    elseif not applies(item, have) and base_below(media, item) and (options.gather or not want.level) then
      -- An update is applied over the base level of its release, which -g brings in.
      chosen[want.name], bases[want.name] = item, base_below(media, item)
      plan.gathered[bases[want.name]] = true
    elseif not applies(item, have) and not selected[want.name] then
      table.insert(plan.failed, { name = want.name, level = item.level, reason = "Requisite Failures", description = item.description,
        missing = want.name, missing_level = release_of(item.level) .. ".0.0" })
    else
      chosen[want.name] = item
    end
  end
  if options.gather then gather(media, chosen, bases, plan.requisites, installed) end
  if options.refused then refuse(chosen, bases, options.refused, plan.failed) end
  verify(chosen, bases, installed, plan.failed)
  for name in pairs(plan.requisites) do
    if not chosen[name] then plan.requisites[name] = nil end
  end
  plan.install = in_order(chosen, bases)
  return plan
end

---------------------------------------------------------------- room

local candidates = { "/", "/usr", "/var", "/tmp", "/home", "/opt", "/admin" }

--- The file systems of the system by mount point, deepest first, each with its free bytes.
---@param df fun(path: string): {free: integer}|nil
---@return {at: string, free: integer}[]
function instplan.filesystems(df)
  local out, root = {}, sys.stat("/")
  for _, at in ipairs(candidates) do
    local stat = sys.stat(at)
    if stat and (at == "/" or stat.dev ~= root.dev) then
      local room = df(at)
      out[#out + 1] = { at = at, free = room and room.free or 0 }
    end
  end
  table.sort(out, function(a, b) return #a.at > #b.at end)
  return out
end

--- What a plan needs in each file system: { at, needed, free } in blocks of 512 bytes, by name.
---@param plan lab.instplan.Plan
---@param filesystems {at: string, free: integer}[]
---@param work string?   where control libraries are unpacked: INSTWORK
function instplan.room(plan, filesystems, work)
  local needed = {}
  for _, item in ipairs(plan.install) do
    for _, size in ipairs(item.sizes) do
      -- Where a control library is unpacked, and what is no directory at all.
      local dir = size.dir == "INSTWORK" and (work or "/usr/lpp") or size.dir
      for _, filesystem in ipairs(dir:match("^/") and filesystems or {}) do
        if filesystem.at == "/" or dir == filesystem.at or dir:sub(1, #filesystem.at + 1) == filesystem.at .. "/" then
          needed[filesystem.at] = (needed[filesystem.at] or 0) + size.blocks + size.temporary
          break
        end
      end
    end
  end
  local out = {}
  for _, filesystem in ipairs(filesystems) do
    if needed[filesystem.at] then
      table.insert(out, { at = filesystem.at, needed = needed[filesystem.at], free = filesystem.free // 512 })
    end
  end
  table.sort(out, function(a, b) return a.at < b.at end)
  return out
end

return instplan
