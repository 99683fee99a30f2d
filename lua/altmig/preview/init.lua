-- SPDX-License-Identifier: MIT
-- What the merges make of a client's files, tried in a scratch tree: before a migration from the running
-- client and the bos image (altmig migrate --dry-run), and of one file at the prompt (:diff).

local diff = require "altmig.preview.diff"
local err = require "altmig.err"
local merge = require "altmig.merge"
local odm_core = require "altmig.odm_core"
local policy = require "altmig.merge.policy"
local report = require "altmig.report"
local saveconf = require "altmig.save"

local preview = {}

---@class altmig.preview.File
---@field path string
---@field result altmig.diff.Result
---@field policy string

-- Why a difference is there that no decision of a merge is about.
local by_policy = {
  merge = "text of the new release around what was merged",
  preserve = "yours stays",
  hold_new = "yours stays active, the new one is kept aside",
  user_merge = "the new file is active; yours is kept in /lpp/save.config: look at both",
  new = "the new file is active; yours is kept in /lpp/save.config",
  unlisted = "not in the policy table: the new file is active, yours is kept in /lpp/save.config",
}

local function is_class(path) return path:find("/objrepos/", 1, true) ~= nil and not path:find("%.vc$") end

--- A class as stanza text; other files, and classes that cannot be read, as they are.
---@param path string
---@param data string?
---@param strings string?
---@return string
function preview.text(path, data, strings)
  if not data then return "" end
  if not is_class(path) then return data end
  local image = odm_core.parse(path, data, strings)
  if not image then return data end
  local text = image:format()
  image:close()
  return text or data
end

--- The difference of one file with the reasons of its hunks; nil when there is none.
---@param path string
---@param old string?       # nil: absent
---@param new string?
---@param decisions altmig.report.Entry[]   # of this file
---@param how string        # its policy
---@return altmig.preview.File?
function preview.file(path, old, new, decisions, how)
  local mask = diff.masker(path)
  old, new = mask(old or ""), mask(new or "")
  local result = diff.compare(old, new)
  if not result then return nil end
  diff.explain(result, old, new, decisions, by_policy[how] or by_policy.unlisted)
  return { path = path, result = result, policy = how }
end

--- Runs methods on a context; what they decide is collected, and what fails is an entry too.
---@param methods altmig.merge.Method[]
---@param context altmig.merge.Context
---@param collected altmig.Report
function preview.run(methods, context, collected)
  for _, method in ipairs(methods) do
    context.report = function(decision)
      decision.method = method.title
      collected:add(decision)
    end
    context.warn, context.log = function() end, function() end
    local result, message = merge.run(method, context)
    if not result then
      collected:add { severity = "error", method = method.title, file = method.files[1], rule = "could not be tried: " .. message }
    end
  end
end

--- The entries of a report by file.
---@return table<string, altmig.report.Entry[]>
function preview.by_file(collected)
  local map = {}
  for _, entry in ipairs(collected.entries) do
    local file = entry.file and entry.file:gsub("%.vc$", "")
    if file then
      map[file] = map[file] or {}
      table.insert(map[file], entry)
    end
  end
  return map
end

-- The text of a file that content(name) reads, and of a class with its strings; nil where there is none.
local function text_of(path, content)
  local data = content(path)
  return data and preview.text(path, data, is_class(path) and content(path .. ".vc") or nil)
end

-- A file of the tree; nil where there is none.
local function live(tree, path)
  return text_of(path, function(name)
    local data, message, code = tree:read(name, saveconf.max)
    if not data and not err.leads_nowhere(code) and code ~= "EISDIR" then err.check(data, message, code) end
    return data
  end)
end

--- What was saved against what is in the tree: every file that differs, by path.
---@param tree table
---@param root string
---@param collected altmig.Report
---@return altmig.preview.File[]
function preview.files(tree, root, collected)
  local entries = saveconf.manifest(tree, root)
  local context, decisions = saveconf.context(tree, root), preview.by_file(collected)
  local paths, list = {}, {}
  for path in pairs(entries) do
    if not (path:find("/objrepos/", 1, true) and path:find("%.vc$")) then paths[#paths + 1] = path end
  end
  table.sort(paths)
  for _, path in ipairs(paths) do
    local c = text_of(path, context.saved) -- none: a link that the merges leave alone
    list[#list + 1] = c and preview.file(path, c, live(tree, path), decisions[path] or {}, entries[path].policy)
  end
  return list
end

--- The methods that write a file.
---@param path string
---@return altmig.merge.Method[]
function preview.methods_of(path)
  local list = {}
  for _, method in ipairs(merge.methods) do
    for _, file in ipairs(method.files) do
      if file == path then
        list[#list + 1] = method
        break
      end
    end
  end
  return list
end

--- One file of a half-done migration: what was saved against what its merge gives (tried again in a
--- scratch tree), and against what is in the copy now.
---@param copy table       # the tree of the copy
---@param root string
---@param path string
---@return { merged: altmig.preview.File?, live: altmig.preview.File?, same: boolean, policy: string, methods: string[] }
function preview.one(copy, root, path)
  local scratch <close> = require("altmig.run.scratch").over(copy)
  local entries = saveconf.manifest(copy, root)
  local row = policy.of(path)
  local how = entries[path] and entries[path].policy or row and row.policy
  if not how then
    err.raise { code = "NOT_SAVED", message = ("diff: %s: neither saved nor in the policy table"):format(path) }
  end
  local context, collected, titles = saveconf.context(scratch, root), report.new(), {}
  local methods = preview.methods_of(path)
  preview.run(methods, context, collected)
  for _, method in ipairs(methods) do titles[#titles + 1] = method.title end
  local decisions, c = preview.by_file(collected)[path] or {}, text_of(path, context.saved)
  if not c and entries[path] then c = live(copy, path) end -- a link that the merges leave alone
  local function against(text) return preview.file(path, c, text, decisions, how) end
  local in_copy = live(copy, path)
  local merged
  if #methods > 0 then
    merged = live(scratch, path)
  elseif entries[path] and saveconf.is_put_back(entries[path]) then
    merged = c
  else
    local new = context.shipped_new(path)
    merged = new and preview.text(path, new, is_class(path) and context.shipped_new(path .. ".vc") or nil) or in_copy
  end
  return { merged = against(merged), live = against(in_copy), same = merged == in_copy, policy = how, methods = titles }
end

return preview
