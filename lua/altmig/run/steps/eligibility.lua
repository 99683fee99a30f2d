-- SPDX-License-Identifier: MIT
-- Before phase 1: may this client be migrated with these resources.

local aix = require "altmig.aix.output"
local bff = require "altmig.bff"
local check = require "altmig.run.checks"
local err = require "altmig.err"
local sys = require "altmig.sys"
local escape = require "altmig.escape"

---@class altmig.Migration
local eligibility = { steps = {} }

--- Level of the bos image: { version, release }; nil when the lpp_source has none.
function eligibility.bos_level(m)
  local image = m:bos_image()
  if m.lpp_source.host == "local" then
    if not sys.stat(image.path) then return nil end
  elseif not m.master:holds { "test", "-r", image.path } then
    return nil
  end
  local archive, message, code = bff.open(image.open())
  if not archive then
    err.raise { code = code, status = 3, host = image.host, message = ("bos image %s: %s"):format(image.path, message) }
  end
  local step, state = archive:members()
  local member, level = step(state), nil
  if member and member.name == "./lpp_name" then
    local v, r = archive:read(member):match("\nbos%.%S*%s+0?(%d+)%.0?(%d+)%.")
    level = v and { version = tonumber(v), release = tonumber(r) }
  end
  archive:close()
  if not level then
    err.raise { code = "BOS_IMAGE", status = 3, host = image.host,
      message = ("bos image %s: its first member is not an lpp_name that tells the level of bos"):format(image.path) }
  end
  return level
end

--- A finding as an event of --json.
function eligibility.finding_event(m, finding)
  m:event { event = "finding", id = finding.id, severity = finding.severity, host = finding.host, what = finding.what,
    evidence = finding.evidence, remedy = finding.remedy, source = finding.source, fixable = false }
end

--- Everything nimadm verifies before it starts. Raises with status 3 when there is an inhibitor.
function eligibility.check_eligibility(m)
  check.alt_disk_install(m)
  m:say("Verifying alt_disk_migration eligibility.")
  local findings, inhibitors = check.run(m), {}
  m.findings = findings -- for the report, which begins with the run
  for _, finding in ipairs(findings) do
    m:finding_event(finding)
    m:say("altmig: " .. escape.line(("%s: %s: %s"):format(finding.severity, finding.host, finding.what)))
    if finding.evidence then m:detail("  evidence: " .. finding.evidence:gsub("\n", "\n            ")) end
    if finding.source then m:detail("  source: " .. finding.source) end
    if finding.remedy then m:say("  remedy: " .. finding.remedy:gsub("\n", "\n          ")) end
    if finding.severity == "inhibitor" then inhibitors[#inhibitors + 1] = finding.id end
  end
  if #inhibitors > 0 then
    err.raise { code = "INHIBITOR", status = 3,
      message = ("%d inhibitor%s found (%s); nothing was changed"):format(#inhibitors, #inhibitors > 1 and "s" or "",
        table.concat(inhibitors, ", ")) }
  end
  m:confirm_overwriting()
end

-- The client's software before anything is touched: fileset -> level.
eligibility.steps.installed_filesets = {
  run = function(m)
    local levels = {}
    for name, row in pairs(aix.lslpp_Lqc(m.client:must { "lslpp", "-Lqc" })) do
      if row.type ~= "R" then levels[name] = row.level end -- RPMs are none of installp's
    end
    return levels
  end,
}

return eligibility
