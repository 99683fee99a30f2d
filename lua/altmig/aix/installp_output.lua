-- SPDX-License-Identifier: MIT
-- The output of installp while it comes (engine/core/aix/installp.h), and what it comes to: what failed and the section
-- that says why, how far it is, what each fileset and part ended with.

local core = require "altmig.installp_run"
local err = require "altmig.err"

---@class altmig.installp.Output
---@field reader altmig.installp_run.Output
---@field listed altmig.installp_run.Row[]     # filesets of the sections FAILURES, WARNINGS, SUCCESSES
---@field results altmig.installp_run.Row[]    # the Installation Summary
---@field noted altmig.installp_run.Row[]      # the Pre-installation Failure/Warning Summary
---@field room altmig.installp_run.Row[]       # RESOURCES of a preview
---@field begun altmig.installp_run.Row[]
---@field messages string[]                    # lines of AIX commands with their numbers
---@field counts table<string, integer>        # FILESET STATISTICS
---@field groups integer                       # begun so far
---@field processed integer?                   # of "Filesets processed"
---@field is_finished boolean
local Output = {}
Output.__index = Output

local installp_output = { Output = Output }

--- So many names or causes are told; the rest is counted.
installp_output.MANY = 12

---@param known { fileset: string, level: string }[]?
---@return altmig.installp.Output
function installp_output.new(known)
  return setmetatable({ reader = err.check(core.output(known)), listed = {}, results = {}, noted = {}, room = {}, begun = {},
    messages = {}, counts = {}, groups = 0, is_finished = false }, Output)
end

local into = { listed = "listed", result = "results", noted = "noted", room = "room" }

local function take(self, rows)
  for _, row in ipairs(rows) do
    local list = into[row.kind] and self[into[row.kind]]
    if list then
      list[#list + 1] = row
    elseif row.kind == "begun" then
      self.begun[#self.begun + 1], self.groups = row, row.group
    elseif row.kind == "message" then
      self.messages[#self.messages + 1] = row.text
    elseif row.kind == "count" then
      self.counts[row.text] = row.number
    elseif row.kind == "processed" then
      self.processed = row.number
    elseif row.kind == "finished" then
      self.is_finished = true
    end
  end
  return rows
end

--- The next piece; returns the rows that it completes.
---@param text string
---@return altmig.installp_run.Row[]
function Output:add(text) return take(self, err.check(self.reader:add(text))) end

--- The output ended.
---@return altmig.installp.Output
function Output:finish()
  take(self, err.check(self.reader:finish()))
  return self
end

--- All of an output.
---@param text string
---@param known { fileset: string, level: string }[]?
---@return altmig.installp.Output
function installp_output.read(text, known)
  local self = installp_output.new(known)
  self:add(text)
  return self:finish()
end

--- How many filesets were applied or tried: those of the groups before the last one, or what installp says itself.
---@return integer
function Output:done()
  if self.is_finished then return #self.begun end
  local count = 0
  for _, row in ipairs(self.begun) do
    if row.group < self.groups then count = count + 1 end
  end
  return math.max(count, self.processed or 0)
end

---------------------------------------------------------------- what it comes to

-- "a; b; c and 30 more"; `count`: how many there are, where the list has not all.
local function told(list, count)
  local some = math.min(#list, installp_output.MANY)
  local text, more = table.concat(list, "; ", 1, some), (count or #list) - some
  return more > 0 and ("%s and %d more"):format(text, more) or text
end
installp_output.told = told

--- The name of a row of a table in full, or which it can be: installp cuts long ones.
---@param row altmig.installp_run.Row
---@return string
function Output:full_name(row)
  if row.meant == 1 then return row.names[1] end
  if row.meant == 0 then return row.name end
  return ("%s (cut by installp: one of %s)"):format(row.name, told(row.names, row.meant))
end

--- What each fileset and part ended with.
---@return { name: string, level: string, part: string, event: string, result: string }[]
function Output:summary()
  local list = {}
  for i, row in ipairs(self.results) do
    list[i] = { name = self:full_name(row), level = row.level, part = row.part, event = row.event, result = row.word }
  end
  return list
end

--- What the Pre-installation Failure/Warning Summary says of filesets, by "NAME LEVEL".
---@return table<string, string>
function Output:noted_reasons()
  local reasons = {}
  for _, row in ipairs(self.noted) do
    for _, name in ipairs(row.names) do reasons[name .. " " .. row.level] = row.text end
  end
  return reasons
end

--- The filesets that one section lists.
---@param section "FAILURES"|"WARNINGS"|"SUCCESSES"
---@return altmig.installp_run.Row[]
function Output:section(section)
  local list = {}
  for _, row in ipairs(self.listed) do
    if row.section == section then list[#list + 1] = row end
  end
  return list
end

-- What is no failure: done, or there before.
local good = { SUCCESS = true, ALREADY = true }

--- Rows of the summary that say that a part was not made.
---@return altmig.installp_run.Row[]
function Output:failed()
  local list = {}
  for _, row in ipairs(self.results) do
    if not good[row.result] then list[#list + 1] = row end
  end
  return list
end

-- A list of what is not there: not the filesets asked for, but those they need.
local function is_missing(row) return row.list ~= nil and row.list:find("REQUISITE", 1, true) ~= nil end

--- Why installp did not do all that it was to do, in short. What decides is the FAILURES section and the summary of each
--- fileset that was begun; a warning ("Already installed", "Already superseded by ...") is no failure.
---@return string[]
function Output:causes()
  local failed, missing = {}, {}
  for _, row in ipairs(self:failed()) do
    failed[#failed + 1] = ("%s %s %s %s"):format(self:full_name(row), row.level, row.part, row.word)
  end
  local failures = self:section "FAILURES"
  for _, row in ipairs(failures) do
    local words = row.name .. (row.level ~= "" and " " .. row.level or "")
    if is_missing(row) then
      missing[#missing + 1] = words
    else
      failed[#failed + 1] = ("%s (%s)"):format(words, row.heading)
    end
  end
  local count = self.counts["FAILED pre-installation verification"] or 0
  if #failures == 0 and count > 0 then failed[1] = ("%d filesets failed the verification of installp"):format(count) end
  local parts = {}
  if #missing > 0 then parts[1] = "missing requisites: " .. told(missing) end
  if #failed > 0 then parts[#parts + 1] = told(failed) end
  return parts
end

-- The rows of FAILURES, as they are to be read.
local function section_lines(self)
  local out = {}
  for _, row in ipairs(self:section "FAILURES") do
    out[#out + 1] = ("%s: %s %s%s"):format(row.list or row.heading, row.name, row.level,
      (row.text or "") ~= "" and "  # " .. row.text or "")
  end
  return out
end

-- What was printed while the filesets that failed were worked on, each group once.
local function said_lines(self)
  local group_of, out, seen = {}, {}, {}
  for _, row in ipairs(self.begun) do group_of[row.name] = row.group end
  for _, row in ipairs(self:failed()) do
    local group = row.meant == 1 and group_of[row.names[1]]
    if group and not seen[group] then
      seen[group] = true
      for line in self.reader:said(group):gmatch("[^\n]+") do out[#out + 1] = line end
    end
  end
  return out
end

--- What names the cause: the rows of the FAILURES section, else what was printed while the filesets that failed were worked
--- on; both are far above the last lines of the output. nil where there is neither.
---@return string?
function Output:evidence()
  local most = 3 * installp_output.MANY
  local out = section_lines(self)
  if #out == 0 then out = said_lines(self) end
  if #out > most then return table.concat(out, "\n", 1, most) .. ("\n... %d more"):format(#out - most) end
  return #out > 0 and table.concat(out, "\n") or nil
end

return installp_output
