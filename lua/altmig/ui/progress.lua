-- SPDX-License-Identifier: MIT
-- How far a long call is: a bar on a terminal, one line per ten percent for the log, events for
-- programs. Says the time left from a smoothed rate.

local escape = require "altmig.escape"
local sys = require "altmig.sys"

local M = {}

local SMOOTH <const> = 5 -- seconds over which the rate is smoothed
local EVERY <const> = 0.1 -- seconds between two updates

---@class altmig.ProgressOptions
---@field what string                          # "restore"
---@field total { bytes: integer?, files: integer?, filesets: integer? }?   # as far as it is known
---@field unit ("bytes"|"files"|"filesets")?   # what is measured: "bytes" unless told otherwise
---@field clock (fun(): number)?               # seconds; a monotonic clock unless a test has its own
---@field bar (fun(text: string))?             # gets what a terminal shows
---@field width (fun(): integer)?              # columns of that terminal
---@field log (fun(line: string))?             # one line per ten percent
---@field event (fun(fields: table))?          # at most ten times a second

---@class altmig.Progress
---@field percent integer?   # nil while the total is not known
---@field rate number        # units a second, smoothed
---@field left number?       # seconds
local Progress = {}
Progress.__index = Progress

--- 1536 -> "1.5 kB"; the units of disks and networks.
---@param bytes number
---@return string
function M.size(bytes)
  for _, unit in ipairs { { 1e12, "TB" }, { 1e9, "GB" }, { 1e6, "MB" }, { 1e3, "kB" } } do
    if bytes >= unit[1] then return ("%.1f %s"):format(bytes / unit[1], unit[2]) end
  end
  return ("%d B"):format(math.floor(bytes))
end

--- Seconds as "0:07", "12:34", "3:05:00".
---@param seconds number
---@return string
function M.duration(seconds)
  local s = math.floor(seconds + 0.5)
  if s >= 3600 then return ("%d:%02d:%02d"):format(s // 3600, s // 60 % 60, s % 60) end
  return ("%d:%02d"):format(s // 60, s % 60)
end

---@param options altmig.ProgressOptions
---@return altmig.Progress
function M.new(options)
  local self = setmetatable({ what = options.what, title = escape.line(options.what, true), total = options.total or {},
    unit = options.unit or "bytes", clock = options.clock or sys.clock, bar = options.bar, width = options.width,
    log = options.log, event = options.event, rate = 0, done = 0, logged = 0 }, Progress)
  self.started = self.clock()
  self.at = self.started
  return self
end

-- An exponential mean whose weight fits the time that has passed; at the beginning the plain mean.
local function smooth(self, t, done)
  local passed = t - self.at
  if passed <= 0 then return end
  local now = (done - self.done) / passed
  local weight = math.max(1 - math.exp(-passed / SMOOTH), passed / math.max(t - self.started, passed))
  self.rate = self.rate + (math.max(now, 0) - self.rate) * weight
end

local function measure(self, t, stats)
  local done, total = stats[self.unit] or 0, self.total[self.unit]
  smooth(self, t, done)
  self.at, self.done = t, done
  if not total then return end
  self.percent = total > 0 and math.min(100, math.floor(done * 100 / total)) or 100
  self.left = done >= total and 0 or self.rate > 0 and (total - done) / self.rate or nil
end

-- "12345 of 20000 files, 123.4 MB of 300.0 MB, 45.6 MB/s, 0:04 left"
local function words(self, stats, with_total)
  local list = {}
  local function add(format, ...) list[#list + 1] = format:format(...) end
  local function of(text, total) return with_total and total and text .. " of " .. total or text end
  for _, unit in ipairs { "files", "filesets" } do
    if stats[unit] then add("%s %s", of(tostring(stats[unit]), self.total[unit] and tostring(self.total[unit])), unit) end
  end
  if stats.bytes then add("%s", of(M.size(stats.bytes), self.total.bytes and M.size(self.total.bytes))) end
  if self.unit == "bytes" and self.rate > 0 then add("%s/s", M.size(self.rate)) end
  if self.left and self.left > 0 then add("%s left", M.duration(self.left)) end
  return table.concat(list, ", ")
end

-- As wide as the terminal, never wider: a line that wraps could not be drawn over.
local function draw(self, stats)
  local width = math.max(10, (self.width and self.width() or 80) - 1)
  local text, head = words(self, stats), self.title
  if self.percent then head = ("%s %3d%%"):format(head, self.percent) end
  local room = math.min(30, width - #head - #text - 5)
  if self.percent and room >= 5 then
    local full = room * self.percent // 100
    head = ("%s [%s%s]"):format(head, ("#"):rep(full), ("."):rep(room - full))
  end
  local line = (head .. " " .. text):sub(1, width)
  self.bar("\r" .. line .. (" "):rep((self.shown or 0) - #line))
  self.shown = #line
end

local function log_tenths(self, stats)
  local tenth = self.percent and self.percent // 10 * 10 or 0
  if tenth <= self.logged then return end
  self.logged = tenth
  self.log(("%s: %d %%, %s"):format(self.title, tenth, words(self, stats, true)))
end

local function tell(self, stats)
  if self.bar then draw(self, stats) end
  if self.log then log_tenths(self, stats) end
  if self.event then
    self.event { event = "progress", what = self.what, stats = stats, percent = self.percent, left = self.left,
      rate = self.rate > 0 and self.rate or nil }
  end
end

--- Tells how far it is; ten times a second at most, whatever comes in between is dropped.
---@param stats { files: integer?, bytes: integer? }   # done so far
function Progress:update(stats)
  local t = self.clock()
  if self.told and t - self.told < EVERY then return end
  self.told = t
  measure(self, t, stats)
  tell(self, stats)
end

--- Takes the bar off the screen, so that a line can be printed; the next update draws it again.
function Progress:clear()
  if not self.shown then return end
  self.bar("\r" .. (" "):rep(self.shown) .. "\r")
  self.shown = nil
end

--- The end, well or not: the bar goes. `stats` when all is done.
---@param stats { files: integer?, bytes: integer? }?
function Progress:finish(stats)
  if stats then
    measure(self, self.clock(), stats)
    tell(self, stats)
  end
  self:clear()
end

return M
