-- SPDX-License-Identifier: MIT
-- Requisites of filesets, as packages and the software database hold them: reading them, and asking
-- whether a set of levels meets them. The work is done in C; engine/core/aix/requisite.h says how what can be
-- read in two ways is read.

local core = require "altmig.installp_core"
local err = require "altmig.err"

local requisite = {}

---@class altmig.requisite.Item
---@field kind string          # prereq, coreq, ifreq, instreq or group
---@field text string          # as it is written
---@field name string?         # the fileset
---@field installed string?    # the level in parentheses
---@field level string?        # the least level; none: any
---@field bounds { letter: string, operator: string, number: integer }[]?   # the form "v=7 r>1"
---@field more integer?        # of a group: more than so many of its items must hold
---@field items altmig.requisite.Item[]?

--- Reads requisite lines. What has no keyword is skipped, as there are such lines in real databases;
--- a group without an end ends with the text.
---@param text string
---@return altmig.requisite.Item[]
function requisite.parse(text) return err.check(core.requisites(text)) end

--- Calls fn for every requisite that names a fileset, groups unfolded.
---@param items altmig.requisite.Item[]
---@param fn fun(item: altmig.requisite.Item)
function requisite.each(items, fn)
  for _, item in ipairs(items) do
    if item.kind == "group" then requisite.each(item.items, fn) else fn(item) end
  end
end

--- Whether levels meet a requisite.
---@param item altmig.requisite.Item
---@param level_of fun(name: string): string?    # the level a fileset is at; nil when it is not there
---@return boolean
function requisite.holds(item, level_of)
  local levels = {}
  requisite.each({ item }, function(one) levels[one.name] = level_of(one.name) end)
  return #err.check(core.unmet(item.text, levels)) == 0
end

return requisite
