-- SPDX-License-Identifier: MIT
-- altmig check FLAGS: what a migration with these flags would find before it starts. Changes nothing.

local err = require "altmig.err"
local color = require "altmig.ui.color"
local options = require "altmig.options"
local output = require "altmig.ui.output"

local command = {
  summary = "say what a migration would stumble over; change nothing",
  usage = options.usage("altmig check", [[
  Each finding has a severity, a host, what was found, the evidence (command and output) and a remedy
  (commands to type). Flags that say what would be migrated and how are those of altmig migrate.
  With --json an event "finding" each, then "checked" with the counts.]]) .. [[

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

function command.run(args)
  local who = "altmig check"
  local opts, operands = options.parse(args, who)
  if #operands > 0 then err.usage(("%s: unexpected operand '%s'"):format(who, operands[1])) end
  options.for_check(opts, who)
  opts.quiet, opts.quiet_findings = not opts.json or nil, opts.quiet
  opts.no_log = true
  return require("altmig.migration").look(opts, function(m) return command.findings(m) > 0 and 3 or 0 end)
end

return command
