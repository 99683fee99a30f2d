-- SPDX-License-Identifier: MIT
-- altmig check FLAGS: what a migration with these flags would find before it starts. Changes nothing.

local err = require "altmig.err"
local json = require "altmig.json"
local nim = require "altmig.nim"
local sorted_keys = require "altmig.sorted_keys"
local color = require "altmig.ui.color"
local options = require "altmig.options"
local output = require "altmig.ui.output"

local command = {
  summary = "say what a migration would stumble over; change nothing",
  usage = options.usage("altmig check", [[
  Each finding has a severity, a host, what was found, the evidence (command and output) and a remedy
  (commands to type). Flags that say what would be migrated and how are those of altmig migrate.
  With --json an event "finding" each, then "checked" with the counts.
  altmig check --to V.R [-c "CLIENT ..."] says what a move to a release would meet, before there is an
  lpp_source or a SPOT for it; then a table, or an event "planned", has a row for each client.]]) .. [[

exit status: 0 no inhibitor, 1 failed, 2 usage, 3 inhibitors found]],
}

local function indented(label, text)
  output.print(("  %-9s %s"):format(label, (text:gsub("%s+$", ""):gsub("\n", "\n            "))))
end

local function show(m, finding)
  if m.opts.json then return m:finding_event(finding) end
  output.print("%s: %s: %s [%s]", color.paint(m.opts, 1, finding.severity, finding.severity), finding.host, finding.what, finding.id)
  if finding.evidence and not m.opts.quiet_findings then indented("evidence:", finding.evidence) end
  if finding.remedy then indented("remedy:", finding.remedy) end
  if finding.source and not m.opts.quiet_findings then indented("source:", finding.source) end
end

-- A host that cannot be reached is a finding too: the first of all.
local function connect(m)
  local ok, e = pcall(m.connect, m)
  if ok then return nil end
  if type(e) ~= "table" or not tostring(e.code):match("^SSH_") then error(e, 0) end
  return { id = "ssh", severity = "inhibitor", host = e.host, what = e.message, evidence = "ssh: " .. e.code,
    remedy = e.remedy or "ssh to the host as the user of nim.lua, by key; is its host key in known_hosts?", fixable = false }
end

--- Runs every check and shows what it finds; returns the number of inhibitors.
---@param m altmig.Migration
---@return integer
function command.findings(m)
  local check = require "altmig.run.checks"
  local unreachable = connect(m)
  local findings = unreachable and { unreachable } or check.all(m)
  for _, finding in ipairs(findings) do show(m, finding) end
  local count = check.count(findings)
  if m.opts.json then
    m:event { event = "checked", inhibitors = count.inhibitor, warnings = count.warning, infos = count.info }
  else
    output.print("altmig check: %s: %d inhibitor%s, %d warning%s", m.name, count.inhibitor, count.inhibitor == 1 and "" or "s",
      count.warning, count.warning == 1 and "" or "s")
  end
  return count.inhibitor
end

-- A move to a release ------------------------------------------------------------------------------

-- The ids of findings of a severity, each once and in order.
local function ids(findings, severity)
  local seen, list = {}, {}
  for _, finding in ipairs(findings) do
    if finding.severity == severity and not seen[finding.id] then list[#list + 1] = finding.id end
    seen[finding.id] = seen[finding.id] or finding.severity == severity
  end
  table.sort(list)
  return json.array(list)
end

-- A client that cannot be reached has that one finding; the master may be away.
local function plan_of(m)
  m:connect(true)
  local e = m.client.unreachable
  if not e then
    local findings, facts = require("altmig.run.checks").plan(m)
    return findings, facts, m.arrived and "there" or nil
  end
  return { { id = "ssh", severity = "inhibitor", host = m.name, what = e.message, evidence = "ssh: " .. e.code, fixable = false,
    remedy = e.remedy or "ssh to the host as the user of nim.lua, by key; is its host key in known_hosts?" } }, {}, "unreachable"
end

-- What a client's row has, the same fields for each.
local function row_of(opts, name)
  local of_client = {}
  for key, value in pairs(opts) do of_client[key] = value end
  of_client.client, of_client.clients = name, nil
  local findings, facts, verdict, shown = {}, {}, nil, nil
  local ok, e = xpcall(require("altmig.migration").look, err.wrap, of_client, function(m)
    local reached, problem = pcall(function() findings, facts, verdict = plan_of(m) end)
    if not reached then
      problem = err.wrap(problem)
      if problem.code == "CANCELLED" then error(problem, 0) end
      verdict = "failed"
      findings = { { id = "failed", severity = "inhibitor", host = problem.host or name, what = problem.message,
        evidence = problem.command and ("%s: %s"):format(problem.command, problem.output or "") or problem.code, fixable = false,
        remedy = problem.remedy or "run altmig check with this client alone" } }
    end
    shown = true
    for _, finding in ipairs(opts.json and findings or opts.quiet_findings and {} or findings) do show(m, finding) end
    return 0
  end)
  if not ok and not shown then error(e, 0) end
  local row = { event = "planned", client = name, to = ("%d.%d"):format(opts.to.version, opts.to.release),
    inhibitors = ids(findings, "inhibitor"), warnings = ids(findings, "warning"), infos = ids(findings, "info") }
  for _, field in ipairs { "from", "model", "processor", "memory", "rootvg", "boot_volume" } do
    row[field] = facts[field] == nil and json.null or facts[field]
  end
  row.verdict = verdict or row.inhibitors[1] and "inhibitors" or row.warnings[1] and "warnings" or "ready"
  return row
end

local function text_of(value) return value == json.null and "-" or tostring(value) end

local function found_by(row)
  local words = table.move(row.inhibitors, 1, #row.inhibitors, 1, {})
  if row.warnings[1] then words[#words + 1] = ("(%s)"):format(table.concat(row.warnings, " ")) end
  return table.concat(words, " ")
end

-- The table of all clients, and status 3 where one of them cannot go.
local function plan(opts)
  local clients = opts.clients or sorted_keys(nim.load(opts.nim).data.clients or {})
  local rows, status = {}, 0
  for i, name in ipairs(clients) do
    rows[i] = row_of(opts, name)
    if rows[i].inhibitors[1] then status = 3 end
    if opts.json then
      rows[i].time = os.date("!%Y-%m-%dT%H:%M:%SZ")
      output.json(rows[i], { sort = true, lossy = true })
    end
  end
  if opts.json then return status end
  local form = "%-16s %-16s %-4s %-11s %s"
  output.print(form, "CLIENT", "FROM", "TO", "VERDICT", "FINDINGS")
  for _, row in ipairs(rows) do
    output.print(form, row.client, text_of(row.from), row.to, row.verdict, found_by(row))
  end
  return status
end

function command.run(args)
  local who = "altmig check"
  local opts, operands = options.parse(args, who)
  if #operands > 0 then err.usage(("%s: unexpected operand '%s'"):format(who, operands[1])) end
  if opts.to then options.for_plan(opts, who) else options.for_check(opts, who) end
  opts.quiet, opts.quiet_findings = not opts.json or nil, opts.quiet
  opts.no_log = true
  if opts.to then return plan(opts) end
  return require("altmig.migration").look(opts, function(m) return command.findings(m) > 0 and 3 or 0 end)
end

return command
