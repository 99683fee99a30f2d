-- SPDX-License-Identifier: MIT
-- What became of every saved file, for the administrator: which one is active, where the other lies,
-- and how much was known when it was merged. Told from what the files now hold, not from what was
-- meant to happen.

local policy = require "altmig.merge.policy"
local saveconf = require "altmig.save"
local sorted_keys = require "altmig.sorted_keys"

local outcome = {}

local function saved_at(root, path) return root .. path end
local function new_at(root, path) return root .. "/.altmig/new" .. path end

local function whose(entry)
  if entry.policy == "unlisted" then return "no list names it" end
  return entry.fileset and ("fileset %s says %s"):format(entry.fileset, entry.policy) or entry.policy
end

-- One file after the merges: a decision, or nil when there is nothing to tell.
local function judge(root, entry, live, new)
  local path = entry.path
  local function told(severity, chosen, rule, ...)
    return { file = path, severity = severity, chosen = chosen, method = entry.method, rule = rule:format(...) }
  end
  if entry.method then
    if entry.base == "none" and new and new ~= entry.sha256 and not policy.without_default[entry.method] and not path:match("%.vc$") then
      return told("note", "merged", "no baseline: two-way, what only the old file has is kept%s",
        entry.modified and "; the site changed it since it was installed" or "")
    end
    return nil
  end
  if live == entry.sha256 then
    if not new or new == entry.sha256 then return nil end
    if entry.policy == "merge" then
      return told("todo", "C", "%s and nothing here merges it: yours is active, the new one lies in %s", whose(entry),
        new_at(root, path))
    end
    return told("note", "C", "%s: yours is active, the new one lies in %s", whose(entry), new_at(root, path))
  end
  if entry.old == entry.sha256 then
    return told("note", "N", "%s: the new one is active; the site had not changed it", whose(entry))
  end
  return told(entry.policy == "new" and "note" or "todo", live == new and "N" or "none", "%s: %s, yours lies in %s", whose(entry),
    live == new and "the new one is active" or live and "another one is active" or "no longer there", saved_at(root, path))
end

-- A link that lay in the place of a file. entry: what it led to, if that was saved: a method merged it.
local function judge_link(tree, root, link, entry, new)
  local same, message, code = saveconf.is_linked(tree, link)
  if same == nil then return nil, message, code end
  local told = { file = link.path, method = link.method, severity = "note", chosen = "C" }
  if entry and same then return false end
  if entry and new then
    told.severity, told.chosen = "todo", "merged"
    told.rule = ("%s: was a link to %s, which leads to no file any more: the merged file lies in its place"):format(
      whose(link), link.target)
  elseif not same then
    told.severity, told.chosen = link.policy == "new" and "note" or "todo", "N"
    told.rule = ("%s: was a link to %s; the new one is active"):format(whose(link), link.target)
  elseif new then
    told.rule = ("%s: your link to %s is active, the new one lies in %s"):format(whose(link), link.target, new_at(root, link.path))
  end
  return told.rule and told or false
end

--- After the merges of phase 5. Keeps in the save area what is active now, for after_installp.
---@param tree table
---@param root string?
---@return altmig.merge.Decision[]? decisions
---@return string? message
---@return string? code
function outcome.after_merges(tree, root)
  root = root or saveconf.root
  local entries, shipped, live, message, code
  entries, message, code = saveconf.manifest(tree, root)
  if not entries then return nil, message, code end
  shipped, message, code = saveconf.shipped(tree, root)
  if not shipped then return nil, message, code end
  local decisions, active = {}, {}
  for _, path in ipairs(sorted_keys(entries)) do
    live, message, code = saveconf.digest(tree, path)
    if live == nil then return nil, message, code end
    decisions[#decisions + 1] = judge(root, entries[path], live, shipped[path] and shipped[path].sha256)
    if entries[path].installp then active[#active + 1] = { path = path, sha256 = live or nil } end
  end
  local links
  links, message, code = saveconf.links(tree, root)
  if not links then return nil, message, code end
  for _, path in ipairs(sorted_keys(links)) do
    local told
    told, message, code = judge_link(tree, root, links[path], entries[path], shipped[path])
    if told == nil then return nil, message, code end
    if told then decisions[#decisions + 1] = told end
  end
  local ok
  ok, message, code = saveconf.keep_list(tree, root, "active", active)
  if not ok then return nil, message, code end
  return decisions
end

-- Where the site's file lies after installp, which uses the save area for its own ends.
local function place_of_saved(tree, root, entry)
  for _, path in ipairs { saved_at(root, entry.path), root .. "/.altmig/site" .. entry.path } do
    local digest, message, code = saveconf.digest(tree, path)
    if digest == nil then return nil, message, code end
    if digest == entry.sha256 then return path end
  end
  return false
end

-- One file that a fileset of phase 6 brought.
local function judge_installed(root, entry, before, live, saved, put_there)
  local told = { file = entry.path, severity = "todo", chosen = "none" }
  local by = entry.fileset and ("fileset %s (%s)"):format(entry.fileset, entry.policy) or "its fileset"
  if live == before then
    if not put_there or put_there == entry.sha256 or live ~= entry.sha256 then return nil end
    told.severity, told.chosen = "note", "C"
    told.rule = ("%s: yours is active, the new one lies in %s"):format(by, saved_at(root, entry.path))
    return told
  end
  if entry.old == entry.sha256 or entry.policy == "new" then told.severity = "note" end
  told.chosen = "N"
  told.rule = ("installp, %s: another one is active than before, yours %s"):format(by,
    saved and "lies in " .. saved or "is no longer there")
  return told
end

--- After installp: the files that filesets of phase 6 brought.
---@param tree table
---@param root string?
---@return altmig.merge.Decision[]? decisions
---@return string? message
---@return string? code
function outcome.after_installp(tree, root)
  root = root or saveconf.root
  local entries, active, message, code
  entries, message, code = saveconf.manifest(tree, root)
  if not entries then return nil, message, code end
  active, message, code = saveconf.kept_list(tree, root, "active")
  if active == nil then return nil, message, code end
  local decisions = {}
  for _, path in ipairs(sorted_keys(active or {})) do
    local live, saved, put_there
    live, message, code = saveconf.digest(tree, path)
    if live ~= nil then saved, message, code = place_of_saved(tree, root, entries[path]) end
    if saved ~= nil then put_there, message, code = saveconf.digest(tree, saved_at(root, path)) end
    if live == nil or saved == nil or put_there == nil then return nil, message, code end
    decisions[#decisions + 1] = judge_installed(root, entries[path], active[path].sha256 or false, live, saved, put_there)
  end
  return decisions
end

return outcome
