-- SPDX-License-Identifier: MIT
-- altmig probe: what a real client and master answer, held against what altmig takes for true. The table has a row
-- for each verdict: the assumption, what was observed, accepted or not.

local assumptions = require "altmig.probe.assumptions"
local battery = require "altmig.probe.battery"
local bundle = require "altmig.probe.bundle"
local capture = require "altmig.probe.capture"
local err = require "altmig.err"
local judge = require "altmig.probe.judge"
local output = require "altmig.ui.output"

local probe = {}

---@class altmig.probe.TableRow
---@field assumption string
---@field row string
---@field host string
---@field instance string?
---@field verdict string
---@field rows integer?
---@field observed string?
---@field reason string?
---@field unmatched string[]?

-- What the judge of a row says, whatever it is: one verdict or several.
local function judged(row, answer, answers)
  if answer.reason then return { judge.not_asked(answer.reason) } end
  if answer.problem then return { judge.rejected(answer.problem) } end
  if judge.is_absent(answer) and row.optional then return { judge.not_asked "the host has no such command" } end
  local ok, result = pcall(row.judge, answer, answers)
  if not ok then
    result = err.wrap(result)
    if result.code == "CANCELLED" then error(result, 0) end
    return { judge.rejected("the parser failed: " .. result.message) } -- a finding, and one of ours
  end
  return result.verdict and { result } or result
end

--- The rows of the table that an answer comes to.
---@param answer altmig.probe.Answer
---@param answers altmig.probe.Answer[]   all of the host, for a judge that compares
---@return altmig.probe.TableRow[]
function probe.judge(answer, answers)
  local row, list = battery.get(answer.row), {}
  if not row then
    return { { assumption = "-", row = answer.row, host = answer.host, verdict = "not asked",
      reason = "this altmig does not know the row; a later one made the bundle" } }
  end
  for i, v in ipairs(judged(row, answer, answers)) do
    list[i] = { assumption = v.assumption or row.assumption, row = row.name .. (v.name and "." .. v.name or ""), host = answer.host,
      instance = answer.instance, verdict = v.verdict, rows = v.rows, observed = v.observed, reason = v.reason,
      unmatched = v.unmatched and #v.unmatched > 0 and v.unmatched or nil }
  end
  return list
end

--- The table of many answers.
---@param answers altmig.probe.Answer[]
---@return altmig.probe.TableRow[]
function probe.table_of(answers)
  local rows = {}
  for _, answer in ipairs(answers) do
    for _, one in ipairs(probe.judge(answer, answers)) do rows[#rows + 1] = one end
  end
  return rows
end

-- ---- printing ----

local function clip(text, width)
  text = text:gsub("%s+", " ")
  return utf8.len(text) and #text > width and text:sub(1, width - 3) .. "..." or text
end

local function heading(opts)
  if not opts.json then output.print("%-20s %-32s %-44s %s", "ASSUMPTION", "ROW", "OBSERVED", "VERDICT") end
end

---@param opts table
---@param one altmig.probe.TableRow
function probe.show(opts, one)
  if opts.json then
    local event = { event = "probe_row", time = os.date "!%Y-%m-%dT%H:%M:%SZ" }
    for k, v in pairs(one) do event[k] = v end
    return output.json(event, { sort = true, lossy = true })
  end
  local where = ("%s %s%s"):format(one.host, one.row, one.instance and " " .. one.instance or "")
  local seen = one.observed or one.rows and one.rows > 0 and ("%d row%s"):format(one.rows, one.rows == 1 and "" or "s") or "-"
  output.print("%-20s %-32s %-44s %s%s", one.assumption, where, clip(seen, 44), one.verdict, one.reason and ": " .. one.reason or "")
  for _, line in ipairs(one.unmatched or {}) do output.print("%-20s   | %s", "", clip(line, 150)) end
end

local order = { "accepted", "partial", "rejected", "not asked" }

local function finish(opts, rows)
  local counts, words = {}, {}
  for _, one in ipairs(rows) do counts[one.verdict] = (counts[one.verdict] or 0) + 1 end
  if opts.json then
    output.json({ event = "probed", time = os.date "!%Y-%m-%dT%H:%M:%SZ", accepted = counts.accepted or 0, partial = counts.partial or 0,
      rejected = counts.rejected or 0, not_asked = counts["not asked"] or 0 }, { sort = true })
  else
    for i, word in ipairs(order) do words[i] = ("%d %s"):format(counts[word] or 0, word) end
    output.print("altmig probe: %s", table.concat(words, ", "))
  end
  return (counts.partial or counts.rejected) and 1 or 0
end

--- altmig probe --list
---@param opts table
---@return integer status
function probe.list(opts)
  for _, one in ipairs(assumptions.list) do
    if opts.json then
      output.json({ event = "assumption", id = one.id, state = one.state, by = one.by, text = one.text, row = one.row, needs = one.needs },
        { sort = true })
    else
      output.print("%s: %s\n  %s (%s)", one.id, assumptions.state(one), one.text, assumptions.answered_by(one))
    end
  end
  return 0
end

--- altmig probe --replay FILE
---@param opts table
---@return integer status
function probe.replay(opts)
  local rows = probe.table_of(bundle.read(opts.replay))
  heading(opts)
  for _, one in ipairs(rows) do probe.show(opts, one) end
  return finish(opts, rows)
end

-- A bundle that is judged otherwise than the host would mislead whoever gets it.
local function compare(rows, others, complain)
  for i, one in ipairs(rows) do
    local other = others[i]
    if other.verdict ~= one.verdict or other.rows ~= one.rows then
      complain(("altmig probe: %s %s is judged otherwise once names are replaced: %s"):format(one.host, one.row, other.verdict))
    end
  end
end

--- altmig probe -c CLIENT ...
---@param opts table
---@return integer status
function probe.run(opts)
  local ctx = capture.context(opts, function(text) output.complain(text) end)
  local rows = {}
  heading(opts)
  local ok, e = xpcall(capture.run, err.wrap, ctx, function(text) output.complain(text) end, function(answer)
    for _, one in ipairs(probe.judge(answer, ctx.answers)) do
      rows[#rows + 1] = one
      probe.show(opts, one)
    end
  end)
  if opts.bundle and #ctx.answers > 0 then
    local answers, a = bundle.anonymous(ctx)
    local table_of_bundle = probe.table_of(answers)
    compare(rows, table_of_bundle, function(text) output.complain(text) end)
    bundle.write(opts.bundle, answers, table_of_bundle, a)
    output.complain(("altmig probe: %s holds the answers with names replaced; read it before you send it: tar tf %s"):format(opts.bundle,
      opts.bundle))
  end
  if not ok then error(e, 0) end
  return finish(opts, rows)
end

return probe
