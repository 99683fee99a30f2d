#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/installp
-- part: all
-- installp: lists what is on the media (-L), previews (-ap) and applies (-a) filesets, commits (-c),
-- deinstalls (-u). Flags that change nothing here (c with a, Q, q, V, B, N, Y) are taken; others refused.

local efix = require "lab.efix"
local getopt = require "lab.getopt"
local instapply = require "lab.instapply"
local instplan = require "lab.instplan"
local instremove = require "lab.instremove"
local instwork = require "lab.instwork"
local quirk = require "lab.quirk"
local requisite = require "lab.requisite"
local signature = require "lab.signature"
local swvpd = require "lab.swvpd"
local sys = require "altmig.sys"

requisite.read_as { bounds = quirk.value "requisite-bounds", base = quirk.value "requisite-base" }

local UNSIGNED <const> = "Signature Verification Failures"
local STARS = ("*"):rep(79)
local RULE = "+" .. ("-"):rep(77) .. "+"

local function usage(message)
  if message then io.stderr:write("installp: ", message, "\n") end
  io.stderr:write("Usage: installp -L[c] -d Device\n"
    .. "       installp -a[cp] [-bgqFQXY] [-e LogFile] -d Device [-f ListFile] [Fileset [Level]] ...\n"
    .. "       installp -u[p] [-e LogFile] [-f ListFile] Fileset ...\n       installp -c [-e LogFile] all | Fileset ...\n")
  os.exit(1, true)
end

-- -V has its level stuck to it, or no level at all; it is of no consequence here.
local words = {}
for i, word in ipairs(arg) do
  if word:match("^%-%a*V%d?$") then word = word:gsub("V%d?$", "") end
  words[i] = word
end
local options, operands = getopt(words, "apcuLbgqXYFQBNnlCd:e:f:", usage)
if options.l or options.n then usage("This flag is not supported.") end

local log = options.e and assert(io.open(options.e, "a"))

local function say(line)
  io.stdout:write(line, "\n")
  io.stdout:flush()
  if log then
    log:write(line, "\n")
    log:flush()
  end
end

local function fail(message)
  say("installp: " .. message)
  os.exit(1, true)
end

local function box(title)
  say(RULE)
  say(title)
  say(RULE)
end

---------------------------------------------------------------- selections

local function read_list(path)
  local text, message
  if path == "-" then text = io.read("a") else text, message = sys.read_file(path) end
  if not text then fail(message) end
  local out = {}
  for line in text:gmatch("[^\n]+") do
    local name, level = line:gsub("#.*", ""):match("^%s*(%S+)%s*([%d.]*)")
    if name then out[#out + 1] = { name = name:gsub("^%u:", ""), level = level ~= "" and level or nil } end
  end
  return out
end

local function selection()
  local out = options.f and read_list(options.f) or {}
  for _, word in ipairs(operands) do
    if word:match("^%d+%.%d+%.%d+%.%d+$") and #out > 0 then
      out[#out].level = word
    else
      out[#out + 1] = { name = word }
    end
  end
  if #out == 0 then usage("A list of filesets is required.") end
  return out
end

local function media()
  if not options.d then usage("The d flag is required.") end
  local items, message = instplan.media(options.d)
  if not items then fail(message) end
  return items
end

local function list_media()
  for _, item in ipairs(media()) do
    say(("%s:%s:%s::%s:%s:::::N:%s::::0:%s:"):format(item.package, item.name, item.level, item.kind,
      item.kind == "I" and "T" or "C", item.description, item.date))
  end
  return 0
end

---------------------------------------------------------------- reports

local function entries(list, describe)
  for _, entry in ipairs(list) do
    say(("  %-43s # %s"):format(entry.name .. " " .. entry.level, describe(entry)))
  end
end

-- What the selected filesets miss, each once.
local function report_requisites(list)
  local missing, seen = {}, {}
  for _, f in ipairs(list) do
    if f.missing and not seen[f.missing] then missing[#missing + 1] = { name = f.missing, level = f.missing_level } end
    seen[f.missing or ""] = true
  end
  if #missing == 0 then return end
  say("  MISSING REQUISITES:  The following filesets are required by one or more")
  say("  of the selected filesets listed above.  They are not currently installed")
  say("  and could not be found on the installation media.")
  say("")
  entries(missing, function() return "Base Level Fileset" end)
  say("")
end

local function report_failures(plan)
  if #plan.failed == 0 then return end
  say("FAILURES")
  say("--------")
  say("  Filesets listed in this section failed pre-installation verification")
  say("  and will not be installed.")
  say("")
  for _, reason in ipairs { "Not found on the installation media", "Part of the BOS image", "Locked by Interim Fix",
    UNSIGNED, "Requisite Failures" } do
    local list = {}
    for _, f in ipairs(plan.failed) do
      if f.reason == reason then list[#list + 1] = f end
    end
    if #list > 0 then
      say("  " .. reason)
      say("  " .. ("-"):rep(#reason))
      if reason == "Requisite Failures" then
        say("  SELECTED FILESETS:  The following is a list of filesets that you asked to")
        say("  install.  They cannot be installed until all of their requisite filesets")
        say("  are also installed.  See subsequent lists for details of requisites.")
        say("")
      end
      entries(list, function(f) return f.description or "" end)
      say("")
      report_requisites(list)
    end
  end
  say("  << End of Failure Section >>")
  say("")
end

local function report_already(plan)
  if #plan.already == 0 then return end
  say("WARNINGS")
  say("--------")
  say("  Problems described in this section are not likely to be the source of any")
  say("  immediate or serious failures, but further actions may be necessary or")
  say("  desired.")
  say("")
  say("  Already Installed")
  say("  -----------------")
  say(("  The number of selected filesets that are either already installed\n"
    .. "  or effectively installed through superseding filesets is %d.  See\n"
    .. "  the summaries at the end of this installation for details."):format(#plan.already))
  say("")
  say('  NOTE:  Base level filesets may be reinstalled using the "Force"')
  say("  option (-F flag), or they may be removed, using the deinstall or")
  say('  "Remove Software Products" facility (-u flag), and then reinstalled.')
  say("")
  say("  << End of Warning Section >>")
  say("")
end

local function report_successes(plan)
  if #plan.install == 0 then return end
  say("SUCCESSES")
  say("---------")
  say("  Filesets listed in this section passed pre-installation verification")
  say("  and will be installed.")
  say("")
  for _, group in ipairs { { "Selected Filesets", false }, { "Requisites", true } } do
    local list = {}
    for _, item in ipairs(plan.install) do
      if (plan.requisites[item.name] or plan.gathered[item] or false) == group[2] then list[#list + 1] = item end
    end
    if #list > 0 then
      say("  " .. group[1])
      say("  " .. ("-"):rep(#group[1]))
      entries(list, function(item) return item.description end)
      say("")
    end
  end
  say("  << End of Success Section >>")
  say("")
end

local function report_statistics(plan)
  box("                   BUILDDATE Verification ...")
  say("Verifying build dates...done")
  say("FILESET STATISTICS")
  say("------------------")
  local extra = 0
  for _, item in ipairs(plan.install) do
    if plan.requisites[item.name] or plan.gathered[item] then extra = extra + 1 end
  end
  local passed = #plan.install - extra
  say(("%5d  Selected to be installed, of which:"):format(plan.selected))
  if passed > 0 then say(("%9d  Passed pre-installation verification"):format(passed)) end
  if #plan.failed > 0 then say(("%9d  FAILED pre-installation verification"):format(#plan.failed)) end
  if #plan.already > 0 then say(("%9d  Already installed (directly or via superseding filesets)"):format(#plan.already)) end
  if extra > 0 then say(("%5d  Additional requisites to be installed"):format(extra)) end
  say("  ----")
  say(("%5d  Total to be installed"):format(#plan.install))
  say("")
end

local function verification(plan)
  box("                    Pre-installation Verification...")
  say("Verifying selections...done")
  say("Verifying requisites...done")
  say("Results...")
  say("")
  report_failures(plan)
  report_already(plan)
  report_successes(plan)
  report_statistics(plan)
end

local function warning_summary(plan)
  if #plan.failed + #plan.already == 0 then return end
  say("")
  say("Pre-installation Failure/Warning Summary")
  say("----------------------------------------")
  say("Name                      Level           Pre-installation Failure/Warning")
  say(("-"):rep(79))
  for _, f in ipairs(plan.failed) do
    say(("%-26s%-16s%s"):format(f.name:sub(1, 26), f.level ~= "" and f.level or "0.0.0.0", f.reason))
  end
  for _, a in ipairs(plan.already) do
    say(("%-26s%-16s%s"):format(a.name:sub(1, 26), a.level, a.by and "Already superseded by " .. a.by or "Already installed"))
  end
end

---------------------------------------------------------------- room

-- What is free at a path. A df in a copy would need the lab around it.
local function room_at(path)
  local result = sys.run { "/usr/lpp/lab/bin/busybox", "stat", "-f", "-c", "%S %a", path }
  local size, free = (result and result.stdout or ""):match("^(%d+) (%d+)")
  return size and { free = math.tointeger(tonumber(size)) * math.tointeger(tonumber(free)) } or nil
end

local function room(plan)
  return instplan.room(plan, instplan.filesystems(room_at),
    quirk.is("instwork-room", "tmp") and "/tmp" or "/usr/lpp")
end

local function report_room(rows)
  say("RESOURCES")
  say("---------")
  say("  Estimated system resource requirements for filesets being installed:")
  say("                (All sizes are in 512-byte blocks)")
  say("      Filesystem                     Needed Space             Free Space")
  local needed, free = 0, 0
  for _, row in ipairs(rows) do
    say(("      %-28s %14d %22d"):format(row.at, row.needed, row.free))
    needed, free = needed + row.needed, free + row.free
  end
  say("      -----                            --------                 ------")
  say(("      %-28s %14d %22d"):format("TOTAL:", needed, free))
  say("")
  say('  NOTE:  "Needed Space" values are calculated from data available prior')
  say("  to installation.  These are the estimated resources required for the")
  say("  entire operation.  Further resource checks will be made during")
  say("  installation to verify that these initial estimates are sufficient.")
  say("")
end

-- The words of a public transcript; without -X there is no attempt to tell of.
local function no_room(row)
  local lines = { "installp:  There is not enough free disk space in filesystem",
    ("\t%s (%d more 512-byte blocks are required)."):format(row.at, row.needed - row.free) }
  if options.X then lines[#lines + 1] = "\tAn attempt to extend this filesystem was unsuccessful." end
  lines[#lines + 1] = "\tMake more space available then retry this operation."
  for _, line in ipairs(lines) do
    io.stderr:write(line, "\n")
    if log then log:write(line, "\n") end
  end
  os.exit(1, true)
end

-- Makes the room a plan needs, with -X; ends the command when it can't. What it needs and what there is it finds for
-- itself. chfs knows nothing of a file system that is mounted from another host.
local function make_room(rows)
  for _, row in ipairs(rows) do
    if row.needed > row.free then
      local result = options.X and sys.run { "/usr/sbin/chfs", "-a", ("size=+%d"):format(row.needed - row.free), row.at }
      if not result or result.status ~= 0 then no_room(row) end
      say((result.stdout:gsub("%s+$", "")))
    end
  end
end

---------------------------------------------------------------- apply

local function drop_dependents(group, broken)
  local requisites = require "lab.requisite"
  local kept, dropped = {}, {}
  for _, item in ipairs(group) do
    local bad
    requisites.each(requisites.parse(item.prereq), function(need)
      if need.kind == "prereq" and broken[need.name] then bad = true end
    end)
    table.insert(bad and dropped or kept, item)
  end
  return kept, dropped
end

local function summary(rows, event)
  say("")
  box("                                Summaries:")
  say("")
  say("Installation Summary")
  say("--------------------")
  say("Name                        Level           Part        Event       Result")
  say(("-"):rep(79))
  for _, row in ipairs(rows) do
    say(("%-27s %-15s %-11s %-11s %s"):format(row.name:sub(1, 27), row.level, row.part, row.event or event, row.result))
  end
end

local function finished(started)
  local seconds = math.max(0, os.time() - started)
  local text = seconds < 60 and ("%d secs"):format(seconds) or ("%d mins %d secs"):format(seconds // 60, seconds % 60)
  say(("Finished processing all filesets.  (Total time:  %s)."):format(text))
end

local function bosboot_needed(rows, items)
  local by_name = {}
  for _, item in ipairs(items) do by_name[item.name] = item end
  for _, row in ipairs(rows) do
    local item = by_name[row.name]
    if row.result == "SUCCESS" and item and item.bosboot:match("[bB]") then return true end
  end
  return false
end

local function install(plan)
  local started, rows, broken, i = os.time(), {}, {}, 1
  box("                         Installing Software...")
  while i <= #plan.install do
    local group = {}
    repeat
      group[#group + 1] = plan.install[i]
      i = i + 1
    until i > #plan.install or plan.install[i].image ~= group[1].image
    local dropped
    group, dropped = drop_dependents(group, broken)
    for _, item in ipairs(dropped) do
      broken[item.name] = true
      rows[#rows + 1] = { name = item.name, level = item.level, part = "USR", result = "CANCELLED" }
    end
    if #group > 0 then
      say("")
      say("installp:  APPLYING software for:")
      for _, item in ipairs(group) do say(("        %s %s"):format(item.name, item.level)) end
      say("")
      for _, row in ipairs(instapply.image(group, say, broken)) do rows[#rows + 1] = row end
    end
  end
  finished(started)
  if not options.b and bosboot_needed(rows, plan.install) then
    local result = sys.run({ "/usr/sbin/bosboot", "-a" }, { on_line = function(line) say(line) end })
    if not result or result.status ~= 0 then say("installp: bosboot failed.") end
  end
  summary(rows, "APPLY")
  return next(broken) == nil
end

local function installed_levels()
  local filesets, message = swvpd.open():filesets()
  if not filesets then fail(message) end
  local levels = {}
  for name, row in pairs(filesets) do
    if row.state ~= swvpd.states.broken and row.state ~= swvpd.states.applying then levels[name] = row.level end
  end
  return levels
end

-- What the signature policy of this system says of an item's image.
local function signature_judge()
  local policy, states = signature.policy(), {}
  if policy == "none" then return nil end
  return function(item)
    states[item.image] = states[item.image] or signature.state(item.image)
    if states[item.image] == "signed" then return nil end
    if policy == "low" then say(("installp: WARNING: the signature of %s %s could not be verified."):format(item.name, item.level)) end
    return policy ~= "low" and UNSIGNED or nil
  end
end

local function apply()
  local wanted = selection()
  local plan = instplan.plan(media(), wanted, installed_levels(), { gather = options.g, force = options.F, locked = efix.locked(),
    refused = signature_judge() })
  if options.p then
    say(STARS)
    say("installp PREVIEW:  installation will not actually occur.")
    say(STARS)
    say("")
  end
  verification(plan)
  local rows = room(plan)
  local ok = true
  if options.p then
    report_room(rows)
    say(("*"):rep(78))
    say("End of installp PREVIEW.  No apply operation has actually occurred.")
    say(("*"):rep(78))
  elseif #plan.install > 0 then
    make_room(rows)
    ok = install(plan)
  end
  warning_summary(plan)
  -- Filesets that failed the verification were never begun: they do not count.
  if options.p and #plan.failed > 0 and quirk.is("installp-preview-status", "failures-count") then return 1 end
  return ok and 0 or 1
end

---------------------------------------------------------------- commit, deinstall

-- -C: what an installp that did not end has left.
local function clean_up()
  local unfinished = instwork.unfinished()
  if #unfinished > 0 then
    local db, rows = swvpd.open(), {}
    say("installp:  Cleaning up software for:")
    for _, name in ipairs(unfinished) do
      local level, result = instwork.undo(db, name)
      say(("        %s %s"):format(name, level))
      rows[#rows + 1] = { name = name, level = level, part = "USR", result = result }
    end
    summary(rows, "CLEANUP")
    return 0
  end
  say("installp:  No filesets were found in the Software Vital Product Database in a")
  say("state that needs to be cleaned up.")
  return quirk.is("cleanup-nothing-status", "one") and 1 or 0
end

-- Everything here is installed committed.
local function commit()
  say("There are no applied filesets to commit.")
  return 0
end

local function deinstall()
  local started = os.time()
  local items, failed, absent = instremove.plan(selection())
  box("                    Pre-deinstall Verification...")
  say("Verifying selections...done")
  say("Verifying requisites...done")
  say("Results...")
  say("")
  if #failed > 0 then
    say("FAILURES")
    say("--------")
    say("  Filesets listed in this section failed pre-deinstall verification")
    say("  and will not be removed.")
    say("")
    say("  Dependents")
    say("  ----------")
    say("  The following filesets are required by others that are installed.")
    say("")
    entries(failed, function(item) return "required by " .. table.concat(item.dependents, ", ") end)
    say("")
    say("  << End of Failure Section >>")
    say("")
  end
  if #items > 0 then
    say("SUCCESSES")
    say("---------")
    say("  Filesets listed in this section passed pre-deinstall verification")
    say("  and will be removed.")
    say("")
    say("  Selected Filesets")
    say("  -----------------")
    entries(items, function(item) return item.description end)
    say("")
    say("  << End of Success Section >>")
    say("")
  end
  say("FILESET STATISTICS")
  say("------------------")
  say(("%5d  Selected to be deinstalled, of which:"):format(#items + #failed + #absent))
  say(("%9d  Passed pre-deinstall verification"):format(#items))
  say("  ----")
  say(("%5d  Total to be deinstalled"):format(#items))
  say("")
  local ok = true
  if #items > 0 and not options.p then
    box("                           Deinstalling Software...")
    local rows
    rows, ok = instremove.run(items, say)
    finished(started)
    summary(rows, "DEINSTALL")
  end
  if #failed + #absent > 0 then
    say("")
    say("Pre-deinstall Failure/Warning Summary")
    say("-------------------------------------")
    say("Name                      Level           Pre-deinstall Failure/Warning")
    say(("-"):rep(79))
    for _, f in ipairs(failed) do say(("%-26s%-16s%s"):format(f.name:sub(1, 26), f.level, "Failed dependents")) end
    for _, name in ipairs(absent) do say(("%-26s%-16s%s"):format(name:sub(1, 26), "0.0.0.0", "Not found on system")) end
  end
  -- What was never begun does not count.
  return ok and 0 or 1
end

local status
if options.C then
  status = clean_up()
elseif options.L then
  status = list_media()
elseif options.a then
  status = apply()
elseif options.u then
  status = deinstall()
elseif options.c then
  status = commit()
else
  usage()
end
if log then log:close() end
os.exit(status, true)
