-- SPDX-License-Identifier: MIT
-- What a run tells: its lines on the screen and in the log, events of --json, the bar of what takes long,
-- and the report.

local mode = require "altmig.mode"
local color = require "altmig.ui.color"
local err = require "altmig.err"
local gate = require "altmig.gate"
local output = require "altmig.ui.output"
local progress = require "altmig.ui.progress"
local report = require "altmig.report"
local sys = require "altmig.sys"

---@class altmig.Migration
local console = {}

--- A line to the log alone.
---@param m altmig.Migration
---@param line string
function console.log(m, line)
  if m.opts.no_log or gate.is_closed(m) then return end
  if not m.log_file then
    if not sys.stat(m.log_path) then err.check(sys.write_file(m.log_path, "", { mode = mode.PRIVATE_FILE })) end
    m.log_file = err.check(io.open(m.log_path, "a"))
    m.log_file:setvbuf("line")
  end
  output.log(m.log_file, line)
end

function console.close_log(m)
  if m.log_file then m.log_file:close() end
  m.log_file = nil
end

-- A bar on the screen makes room for a line; the next update draws it again.
local function clear_bar(m)
  if m.bar then m.bar:clear() end
end

-- Methods of m --------------------------------------------------------------------------------------

--- Emits a machine-readable event when --json was given.
---@param fields table
function console.event(m, fields)
  if not m.opts.json then return end
  fields.time = os.date("!%Y-%m-%dT%H:%M:%SZ")
  fields.client, fields.phase, fields.step = m.name, m.phase, m.current_step
  output.json(fields, { lossy = true })
end

--- One or more lines of nimadm's output: to stdout and the log.
---@param text string
function console.say(m, text)
  if m.opts.no_log then return end
  for line in (text .. "\n"):gmatch("(.-)\n") do
    console.log(m, line)
    if m.opts.json then
      m:event { event = "line", text = line }
    elseif not m.opts.quiet then
      clear_bar(m)
      output.print(line)
      output.flush()
    end
  end
end

--- A diagnostic of altmig's own: to stderr and the log.
---@param text string
---@param kind "failed"|nil   its colour on a terminal
function console.warn(m, text, kind)
  for line in (text .. "\n"):gmatch("(.-)\n") do
    console.log(m, line)
    clear_bar(m)
    output.complain(kind and color.paint(m.opts, 2, kind, line) or line)
  end
  m:event { event = "warning", text = text }
end

--- To the log only, and to stdout with -V.
---@param text string
function console.detail(m, text)
  if m.opts.verbose then return m:say(text) end
  console.log(m, text)
end

--- Runs `work`, which gets a function for what is done so far ({ files=, bytes= } or { filesets= }); tells how far it is:
--- a bar on a terminal, a line per ten percent in the log, events with --json.
---@param what string
---@param total { files: integer?, bytes: integer?, filesets: integer? }
---@param work fun(update: fun(stats: table)): any ...
---@param unit ("bytes"|"files"|"filesets")?
function console.track(m, what, total, work, unit)
  local terminal = not m.opts.json and not m.opts.quiet and not m.opts.no_log and sys.isatty(2)
  m.bar = progress.new { what = what, total = total, unit = unit, width = function() return sys.terminal_width(2) end,
    bar = terminal and output.draw or nil,
    log = function(line) console.log(m, "altmig: " .. line) end,
    event = function(fields) m:event(fields) end }
  local bar, last = m.bar, nil
  local results = table.pack(xpcall(work, err.wrap, function(stats)
    last = stats
    bar:update(stats)
  end))
  m.bar = nil
  bar:finish(results[1] and last or nil)
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

--- The report of this run; loaded when first asked for.
---@return altmig.Report
function console.collected(m)
  if not m.report_object then
    local collected = report.open(m)
    if gate.is_closed(m) then collected.save = function() gate.check(m, "writing the report") end end
    m.report_object = collected
  end
  return m.report_object
end

--- Tells the administrator something: a decision of a merge, or what a step could not do. Inside a
--- step it is that step's, and goes when the step is run again; outside, it is the phase's.
--- The report is on disk before the step is recorded as done.
---@param entry altmig.report.Entry   # rule is needed; severity (default "note") and chosen give the group
function console.report_entry(m, entry)
  gate.check(m, "an entry of the report")
  m:collected():add(entry, m.report_step or ("phase/%s"):format(m.phase or 0), m.phase)
end

-- For the entry points ------------------------------------------------------------------------------

--- What was added to the report goes to disk, as far as it can.
function console.close_report(m)
  if m.report_object and not gate.is_closed(m) then pcall(m.report_object.save, m.report_object) end
  m.report_object = nil
end

--- --report FILE: also of a run that failed, and then most of all.
function console.write_report(m)
  if not m.opts.report or not (m.record and m.record.start) then return end
  local ok, e = xpcall(function()
    local document = require("altmig.cmd.report").document(m.opts, m.name)
    err.check(sys.write_file(m.opts.report, require("altmig.report.print").for_file(document, m.opts.report),
      { mode = mode.PRIVATE_FILE, atomic = true }))
  end, err.wrap)
  if not ok then output.complain("altmig: the report could not be written: %s", e.message) end
end

return console
