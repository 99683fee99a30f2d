-- SPDX-License-Identifier: MIT
-- The merge methods of phase 5: which there are, in nimadm's order, and how one is run.
--
-- A method computes from what was saved (C: the site's file, O and N: what the old and the new level
-- ship) and never from the live file, so running it again gives the same bytes. It never stops a
-- migration for a conflict or for a file it cannot read: it picks, and reports.
--
-- The modules of this folder raise error objects; the functions here return nil, message, code.

local check = require "altmig.merge.check"
local class = require "altmig.merge.class"
local err = require "altmig.err"
local methods = require "altmig.merge.methods"
local site = require "altmig.merge.site"
local task = require "altmig.merge.task"

local merge = { methods = methods.list, method = methods.find, define = site.define, reset = site.reset }

-- Nothing could be merged: what the new level ships is active.
local function leave_new(entry, this, problem)
  for _, path in ipairs(entry.files) do
    if entry.kind == "odm" then class.leave_new(this, path) else this:leave_new(path) end
  end
  this:broken(entry.files[1], problem.message)
  return "unparsable"
end

local function perform(entry, ctx)
  local this = task.new(entry, ctx)
  local ok, status = task.try(entry.run, entry, this)
  if not ok then status = leave_new(entry, this, status) end
  if #this.lines > 0 and ctx.save_report then ctx.save_report(entry.title, table.concat(this.lines, "\n") .. "\n") end
  return { status = status, decisions = this.count }
end

--- Runs one method. Conflicts are no failure; only what cannot be read or written is.
---@param entry altmig.merge.Method|string   # or its title or name
---@param ctx altmig.merge.Context
---@return { status: "merged"|"kept"|"new"|"unparsable", decisions: integer }? result
---@return string? message
---@return string? code
function merge.run(entry, ctx)
  if type(entry) == "string" then
    entry = methods.find(entry) or error(("no merge method '%s'"):format(entry), 2)
  end
  return err.returned(perform, entry, ctx)
end

--- Checks the merged files of the tree against each other; the findings go where those of a method go.
---@param ctx altmig.merge.Context
---@return integer? findings
---@return string? message
---@return string? code
function merge.cross_check(ctx) return err.returned(check.run, ctx) end

return merge
