-- SPDX-License-Identifier: MIT
-- How it went with every saved file, for the administrator: which one is active, where the other is, and
-- how much was known when it was merged. Told from what the files now hold, not from what was
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
      return told("todo", "C", "%s and nothing here merges it: yours is active, the new one is in %s", whose(entry),
        new_at(root, path))
    end
    return told("note", "C", "%s: yours is active, the new one is in %s", whose(entry), new_at(root, path))
  end
  if entry.old == entry.sha256 then
    return told("note", "N", "%s: the new one is active; the site had not changed it", whose(entry))
  end
  return told(entry.policy == "new" and "note" or "todo", live == new and "N" or "none", "%s: %s, yours is in %s", whose(entry),
    live == new and "the new one is active" or live and "another one is active" or "no longer there", saved_at(root, path))
end

-- A link that was in the place of a file. entry: what it led to, if that was saved: a method merged it.
local function judge_link(tree, root, link, entry, new)
  local same = saveconf.is_linked(tree, link)
  local told = { file = link.path, method = link.method, severity = "note", chosen = "C" }
  if entry and same then return nil end
  if entry and new then
    told.severity, told.chosen = "todo", "merged"
    told.rule = ("%s: was a link to %s, which leads to no file any more: the merged file is in its place"):format(
      whose(link), link.target)
  elseif not same then
    told.severity, told.chosen = link.policy == "new" and "note" or "todo", "N"
    told.rule = ("%s: was a link to %s; the new one is active"):format(whose(link), link.target)
  elseif new then
    told.rule = ("%s: your link to %s is active, the new one is in %s"):format(whose(link), link.target, new_at(root, link.path))
  end
  return told.rule and told or nil
end

-- Links that filesets of phase 6 set again.
local function waits_for_installp(path)
  local row = policy.of(path)
  return row ~= nil and row.link == true
end

--- After the merges of phase 5. Keeps in the save area what is active now, for after_installp.
---@param tree table
---@param root string?
---@return altmig.merge.Decision[]
function outcome.after_merges(tree, root)
  root = root or saveconf.root
  local entries, shipped = saveconf.manifest(tree, root), saveconf.shipped(tree, root)
  local decisions, active = {}, {}
  for _, path in ipairs(sorted_keys(entries)) do
    local live = saveconf.digest(tree, path)
    decisions[#decisions + 1] = judge(root, entries[path], live, shipped[path] and shipped[path].sha256)
    if entries[path].installp then active[#active + 1] = { path = path, sha256 = live or nil } end
  end
  local links = saveconf.links(tree, root)
  for _, path in ipairs(sorted_keys(links)) do
    if not waits_for_installp(path) then
      decisions[#decisions + 1] = judge_link(tree, root, links[path], entries[path], shipped[path])
    end
  end
  saveconf.keep_list(tree, root, "active", active)
  return decisions
end

-- Where the site's file is after installp, which uses the save area for its own ends.
local function place_of_saved(tree, root, entry)
  for _, path in ipairs { saved_at(root, entry.path), root .. "/.altmig/site" .. entry.path } do
    if saveconf.digest(tree, path) == entry.sha256 then return path end
  end
  return nil
end

-- Which file is active after installp, if it did as the keyword says: the site's (C), the new one (N), what the
-- fileset's script merged (merged), or what its scripts want (any).
local meant = { preserve = "C", hold_new = "C", merge = "merged", user_merge = "N", new = "N" }

-- One file that a fileset of phase 6 brought. `before`: what was active before installp; `shipped` tells what
-- the fileset ships.
local function judge_installed(root, entry, before, live, saved, put_there, shipped)
  local told = { file = entry.path, severity = "todo", chosen = "none" }
  local by = entry.fileset and ("fileset %s (%s)"):format(entry.fileset, entry.policy) or "its fileset"
  local keyword, new = entry.fileset and meant[entry.policy], nil
  if live ~= before or keyword == "merged" then new = shipped(entry.path) end
  local where = saved and "is in " .. saved or "is no longer there"
  if live == before then
    told.severity, told.chosen = "note", "C"
    if put_there and put_there ~= entry.sha256 and live == entry.sha256 then
      told.rule = ("%s: yours is active, the new one is in %s"):format(by, saved_at(root, entry.path))
    elseif keyword == "merged" and new and new ~= live then
      told.rule = ("%s: yours is active; the fileset's own script merged nothing into it"):format(by)
    end
    return told.rule and told or nil
  end
  if entry.old == entry.sha256 or entry.policy == "new" then told.severity = "note" end
  if keyword == "merged" and live and live ~= new then
    told.severity, told.chosen = "note", "merged"
    told.rule = ("%s: merged by the fileset's own script, yours %s"):format(by, where)
    return told
  end
  told.chosen = live and new and live ~= new and "none" or "N"
  if live and new and live ~= new then
    told.rule = ("installp, %s: another one is active than before, neither yours nor the one that was shipped; yours %s"):format(by, where)
  else
    told.rule = ("installp, %s: another one is active than before, yours %s"):format(by, where)
  end
  -- It did not do as the fileset says.
  if keyword == "C" and told.severity == "todo" then told.severity = "conflict" end
  return told
end

--- After installp: the files that filesets of phase 6 brought.
---@param tree table
---@param root string?
---@return altmig.merge.Decision[]
function outcome.after_installp(tree, root)
  root = root or saveconf.root
  local entries, active = saveconf.manifest(tree, root), saveconf.kept_list(tree, root, "active")
  local decisions, merged = {}, saveconf.kept_list(tree, root, "installed") or {}
  local shipped = saveconf.pristine_digests(tree)
  for _, path in ipairs(sorted_keys(active or {})) do
    local entry = entries[path]
    if merged[path] then goto continue end -- a method has told of it
    local live, saved = saveconf.digest(tree, path), place_of_saved(tree, root, entry)
    decisions[#decisions + 1] = judge_installed(root, entry, active[path].sha256 or false, live, saved,
      saveconf.digest(tree, saved_at(root, path)), shipped)
    ::continue::
  end
  local links = saveconf.links(tree, root)
  for _, path in ipairs(sorted_keys(links)) do
    if waits_for_installp(path) and not saveconf.is_linked(tree, links[path]) then
      local stat = tree:stat(path)
      decisions[#decisions + 1] = { file = path, severity = "todo", chosen = "N", c = links[path].target, n = stat and stat.target,
        rule = ("it led to %s, and the new level has %s: ln -fs %s %s if that is still the one to run"):format(links[path].target,
          stat and (stat.target and "it lead to " .. stat.target or "a file there") or "nothing there", links[path].target, path) }
    end
  end
  return decisions
end

return outcome
