-- SPDX-License-Identifier: MIT
-- What a parser of the engine made of an answer. Pure: an answer in, a verdict out, the same for a host that was
-- just asked and for a bundle that somebody sent.
--
-- Parsers of lists pass over lines that are none of theirs. Here each line is given to the parser alone: what is
-- neither taken nor a heading that the rule knows is told, so that a form nobody foresaw is seen.

local lines = require "altmig.lines"

local judge = {}

---@class altmig.probe.Answer  what a host said to one question
---@field row string          of the battery
---@field host "client"|"master"
---@field instance string?    which disk, which program
---@field argv string[]
---@field env table<string, string>?
---@field script string?      given to `sh -s`
---@field status integer?
---@field signal string?
---@field stdout string
---@field stderr string
---@field problem string?     why there is no answer
---@field binary boolean?     stdout is no text

---@class altmig.probe.Verdict
---@field verdict "accepted"|"partial"|"rejected"|"not asked"
---@field rows integer?       how many the parser took
---@field unmatched string[]? lines it did not take
---@field reason string?
---@field observed string?    what was seen, where it is short
---@field assumption string?  where it is another than that of the row
---@field name string?        where a question has several verdicts

local SHOWN <const> = 20 -- lines not taken that a verdict keeps

--- The first line of what a command said of its failure.
---@param answer altmig.probe.Answer
---@return string
function judge.complaint(answer)
  local how = answer.signal and "signal " .. answer.signal or "status " .. tostring(answer.status)
  local line = (answer.stderr .. "\n" .. answer.stdout):match("%S[^\n]*")
  return line and ("%s: %s"):format(how, line) or how
end

---@param reason string
---@return altmig.probe.Verdict
function judge.rejected(reason) return { verdict = "rejected", reason = reason, rows = 0 } end

---@param reason string
---@return altmig.probe.Verdict
function judge.not_asked(reason) return { verdict = "not asked", reason = reason } end

local function is_heading(line, headings)
  for _, pattern in ipairs(headings or {}) do
    if line:find(pattern) then return true end
  end
  return false
end

-- How many rows a parser takes out of a text.
local function count(parsed)
  local n = 0
  for _ in pairs(parsed) do n = n + 1 end
  return n
end

---@class altmig.probe.LineRule
---@field parse fun(text: string): table      the parser of the engine
---@field headings string[]?   patterns of lines that are no rows
---@field before string?       what the parser must have read before a line
---@field least integer?       rows there must be, default 1
---@field statuses table<integer, boolean>?   that are an answer, default 0
---@field empty string?        pattern of the text that says that there are none

--- A judge for a parser of lists.
---@param rule altmig.probe.LineRule
---@return fun(answer: altmig.probe.Answer): altmig.probe.Verdict
function judge.lines(rule)
  local statuses = rule.statuses or { [0] = true }
  return function(answer)
    if not statuses[answer.status] then return judge.rejected(judge.complaint(answer)) end
    local text = answer.stdout
    if rule.empty and (text .. answer.stderr):find(rule.empty) then
      return { verdict = "accepted", rows = 0, observed = text:match("%S[^\n]*") or "" }
    end
    local verdict = { verdict = "accepted", rows = 0, unmatched = {} }
    local before = rule.before and count(rule.parse(rule.before)) or 0
    local missed = 0
    for _, line in ipairs(lines.filled(text)) do
      if line:find("%S") and not is_heading(line, rule.headings) then
        if count(rule.parse((rule.before or "") .. line .. "\n")) > before then
          verdict.rows = verdict.rows + 1
        else
          missed = missed + 1
          if missed <= SHOWN then verdict.unmatched[missed] = line end
        end
      end
    end
    if verdict.rows < (rule.least or 1) then
      verdict.verdict = "rejected"
      verdict.reason = missed > 0 and ("no row in %d lines"):format(missed) or "no row"
    elseif missed > 0 then
      verdict.verdict, verdict.reason = "partial", ("%d lines not understood"):format(missed)
    end
    return verdict
  end
end

--- A judge for a parser of one value, or of a few.
---@param parse fun(text: string, answer: altmig.probe.Answer): any   nil: not understood
---@param statuses table<integer, boolean>?
---@return fun(answer: altmig.probe.Answer): altmig.probe.Verdict
function judge.value(parse, statuses)
  statuses = statuses or { [0] = true }
  return function(answer)
    if not statuses[answer.status] then return judge.rejected(judge.complaint(answer)) end
    local value = parse(answer.stdout, answer)
    if value == nil then
      return { verdict = "rejected", rows = 0, reason = "not understood", unmatched = { answer.stdout:match("[^\n]*") } }
    end
    return { verdict = "accepted", rows = 1, observed = type(value) ~= "table" and tostring(value) or nil }
  end
end

--- Whether the host has no such command: what is not there is passed over by the engine, too.
---@param answer altmig.probe.Answer
---@return boolean
function judge.is_absent(answer)
  return answer.status == 127 or answer.status == 126
end

return judge
