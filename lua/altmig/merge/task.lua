-- SPDX-License-Identifier: MIT
-- A run of one merge method: the inputs it reads, the files it writes, and what it reports.

local core = require "altmig.merge_core"
local err = require "altmig.err"
local escape = require "altmig.escape"
local findings = require "altmig.merge.findings"
local mode = require "altmig.mode"
local secrets = require "altmig.report"

local task = {}

---@class altmig.merge.Context
---@field tree table                               # altmig.tree of the copy
---@field saved fun(path: string): string?         # C
---@field saved_stat fun(path: string): table?     # its mode, uid, gid
---@field shipped_old fun(path: string): string?   # O
---@field shipped_new fun(path: string): string?   # N, as kept before any merge
---@field new_stat fun(path: string): table?
---@field modified (fun(path: string): boolean?)?  # where O is unknown: did the site change it
---@field source string?                            # the release of the old level, "7.2"
---@field target string?                            # that of the new one
---@field report fun(decision: altmig.merge.Decision)?
---@field log fun(line: string)?
---@field warn fun(line: string)?
---@field save_report fun(title: string, text: string)?   # raises, as all of these

---@class altmig.merge.Task
---@field ctx altmig.merge.Context
---@field method altmig.merge.Method
---@field count integer      # of decisions
---@field lines string[]     # of the report
local Task = {}
Task.__index = Task

---@param method altmig.merge.Method
---@param ctx altmig.merge.Context
---@return altmig.merge.Task
function task.new(method, ctx) return setmetatable({ ctx = ctx, method = method, count = 0, lines = {} }, Task) end

---------------------------------------------------------------- files that cannot be read

--- Raises: a file cannot be read, or what a merge made of it is not fit to be active.
---@param message string
function task.unreadable(message) err.raise { code = "CONFIG_SYNTAX", message = message } end

local unreadable = { CONFIG_SYNTAX = true }

local function attempt(codes, fn, ...)
  local function pass(ok, problem, ...)
    if ok or (type(problem) == "table" and codes[problem.code]) then return ok, problem, ... end
    error(problem, 0)
  end
  return pass(pcall(fn, ...))
end

--- pcall for what may meet a file that cannot be read; every other failure goes on.
---@return boolean ok, any result_or_problem, any more
function task.try(fn, ...) return attempt(unreadable, fn, ...) end

---------------------------------------------------------------- inputs

--- Whether a tree has what a path leads to.
---@param tree table
---@param path string?
---@return boolean
function task.exists(tree, path)
  if not path or path:sub(1, 1) ~= "/" then return false end
  local target = tree:resolve(path)
  return target ~= nil and tree:exists(target) == true
end

function Task:exists(path) return task.exists(self.ctx.tree, path) end

--- O, C and N of a path. Where one level has a link in the path's place, the file it leads to counts.
---@return altmig.merge.Input
function Task:input(path)
  local ctx = self.ctx
  local input = { o = ctx.shipped_old(path), c = ctx.saved(path), n = ctx.shipped_new(path) }
  if not input.o and ctx.modified then input.modified = ctx.modified(path) end
  if input.c and not input.n then
    local target = ctx.tree:resolve(path)
    if target and target ~= path then
      input.n, input.o = ctx.shipped_new(target), input.o or ctx.shipped_old(target)
    end
  end
  return input
end

---------------------------------------------------------------- reports

-- One line of the report: PATH KEY ATTRIBUTE O=.. C=.. N=.. -> chosen=C (rule)
-- What is secret is not in it, whatever a method passes: the lines go to the log.
local function report_line(d)
  local function value(v) return v == nil and "-" or secrets.safe_value(d, tostring(v)) end
  local line = d.file
  if d.key then line = line .. " " .. secrets.mask(tostring(d.key)) end -- a key may be a whole line
  if d.attribute then line = ("%s %s"):format(line, d.attribute) end
  if d.o or d.c or d.n then line = ("%s O=%s C=%s N=%s"):format(line, value(d.o), value(d.c), value(d.n)) end
  return escape.line(("%s -> chosen=%s (%s: %s)"):format(line, d.chosen, d.severity, secrets.mask(d.rule)))
end

function Task:warn(line)
  if self.ctx.warn then self.ctx.warn(escape.line(line)) end
end

---@param decisions altmig.merge.Decision[]
function Task:report(decisions)
  for _, decision in ipairs(decisions) do
    local line = report_line(decision)
    self.count = self.count + 1
    self.lines[#self.lines + 1] = line
    if self.ctx.report then self.ctx.report(decision) end
    if decision.severity == "error" then
      self:warn(("altmig: %s: %s: %s"):format(self.method.title, secrets.mask(tostring(decision.key or decision.file)),
        secrets.mask(decision.rule)))
    elseif decision.severity ~= "note" and self.ctx.log then
      self.ctx.log("altmig: " .. line)
    end
  end
end

--- One decision without values.
function Task:note(severity, path, key, chosen, rule, attribute)
  self:report { { severity = severity, file = path, key = key, attribute = attribute, chosen = chosen, rule = rule } }
end

--- The site's file cannot be read: the new level's is active (or `active` says which), nothing of the site's is lost.
---@param path string
---@param message string
---@param active string?
function Task:broken(path, message, active)
  message = secrets.mask(message)
  self.count = self.count + 1
  self.lines[#self.lines + 1] = message
  if self.ctx.report then self.ctx.report { severity = "error", file = path, chosen = active and "C" or "N", rule = message } end
  self:warn(("altmig: %s: %s: %s"):format(self.method.title, message, active or "new one active, yours in save.config"))
end

---------------------------------------------------------------- results

-- The files whose content or existence tells who has which rights are never left with a wider mode
-- than either level gave them; the owner is the site's.
function Task:access(path)
  local c, n = self.ctx.saved_stat(path), self.ctx.new_stat and self.ctx.new_stat(path)
  local stat = c or n or { mode = mode.PRIVATE_FILE, uid = 0, gid = 0 }
  return { mode = c and n and c.mode & n.mode or stat.mode, uid = stat.uid, gid = stat.gid }
end

--- Makes `text` the live file. opts: mode, uid, gid; default: Task:access.
function Task:write(path, text, opts)
  opts = opts or self:access(path)
  local stat = self.ctx.tree:stat(path, { follow = true })
  if stat and stat.type == "file" and stat.mode == opts.mode and stat.uid == opts.uid and stat.gid == opts.gid
    and stat.size == #text and self.ctx.tree:read(path) == text then
    return
  end
  err.check(self.ctx.tree:write(path, text, opts))
end

--- Removes an index that is derived from a file and no longer matches it.
function Task:remove_index(path)
  local ok, message, code = self.ctx.tree:remove(path)
  if not ok and not err.is_absent(code) then err.check(ok, message, code) end
end

--- N becomes the live file again: what a rerun or a failed parse must leave. Through a link of the
--- site's it gets no wider mode than the file it leads to had, and the same owner.
function Task:leave_new(path)
  local n = self.ctx.shipped_new(path)
  if not n then return end
  local stat = self.ctx.tree:stat(path)
  local linked = stat and stat.type == "link"
  self:write(path, n, not linked and self.ctx.new_stat and self.ctx.new_stat(path) or nil)
end

--- Merges records and reports the decisions.
---@param policy altmig.merge.Policy
---@param input altmig.merge.Input
---@return altmig.merge.Text result
function Task:records(policy, input)
  local result = err.check(core.records(policy, input))
  self:report(findings.say(result.decisions))
  return result
end

--- The same, and makes the result the live file.
---@return string status
function Task:merge_file(policy, input)
  local result = self:records(policy, input)
  if result.text then self:write(policy.file, result.text) end
  return result.status == "absent" and "new" or result.status
end

--- Of several files of one method: merged if one is, kept if one is, else new.
---@param statuses string[]
---@return string status
function task.join(statuses)
  for _, wanted in ipairs { "merged", "kept" } do
    for _, status in ipairs(statuses) do
      if status == wanted then return wanted end
    end
  end
  return "new"
end

--- Every file of a method on its own: one that cannot be read costs only itself.
---@param paths string[]
---@param fn fun(path: string): string                  # its status
---@param broken (fun(path: string, problem: table))?   # default: the new file active, and a line of the report
---@param codes table<string, boolean>?                 # the failures that cost only the file; default: its syntax
---@return string status
function Task:each_file(paths, fn, broken, codes)
  local statuses, any = {}, false
  for _, path in ipairs(paths) do
    local ok, result = attempt(codes or unreadable, fn, path)
    if ok then
      statuses[#statuses + 1] = result
    else
      any = true
      if broken then
        broken(path, result)
      else
        self:leave_new(path)
        self:broken(path, result.message)
      end
    end
  end
  return any and "unparsable" or task.join(statuses)
end

return task
