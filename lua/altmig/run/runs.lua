-- SPDX-License-Identifier: MIT
-- What the records on this host say of a client's migration: whether a run of it works now, stopped or is
-- complete. Nothing is locked and nothing is changed by looking.

local err = require "altmig.err"
local footprint = require "altmig.run.footprint"
local json = require "altmig.json"
local state = require "altmig.run.state"
local sys = require "altmig.sys"

local runs = {}

--- On the client: names the run that works on it, as HOST:STATE. Keeps runs of other engine hosts away.
runs.marker = footprint.lock
--- The file in it that names the run.
runs.owner_file = runs.marker .. "/owner"

---@class altmig.Holder
---@field pid integer?
---@field host string?
---@field start integer?    since when
---@field doing string?     "migrate", "resume", "cleanup" or "prompt"

---@class altmig.Run
---@field word "running"|"stopped"|"complete"|"cleaned up"|"nothing done"|"elsewhere"|"damaged"
---@field dir string?               state directory of the client; nil for "elsewhere"
---@field holder altmig.Holder?     for "running"
---@field state altmig.State?       what the journal says
---@field owner string?             for "elsewhere": what the lock on the client says
---@field problem altmig.Error?     for "damaged"

--- Who holds the lock of a state directory; nil when nobody does.
---@param dir string
---@return altmig.Holder?
function runs.holder(dir)
  local text = sys.locked(dir .. "/lock")
  if not text then return nil end
  local holder = json.decode(text)
  return type(holder) == "table" and holder or {}
end

--- The run a state directory knows of; nil when it knows of none.
---@param dir string
---@return altmig.Run?
function runs.at(dir)
  local holder = runs.holder(dir)
  local ok, found = xpcall(state.at, err.wrap, dir)
  local now, problem = ok and found or nil, not ok and found or nil
  if not now and not problem and not holder then return nil end
  local word
  if holder then
    word = "running"
  elseif problem then
    word = "damaged"
  elseif now.cleaned then
    word = "cleaned up"
  elseif not now.start then
    word = "nothing done"
  else
    word = now.ended and "complete" or "stopped"
  end
  return { word = word, dir = dir, holder = holder, state = now, problem = problem }
end

--- The run that a client's lock names, if it is one of this host; nil if it is not.
---@param owner string   "HOST:STATE"
---@param client string
---@return altmig.Run?
function runs.of_owner(owner, client)
  local host, dir = owner:match("^([^:]+):(/.*)$")
  if host ~= sys.hostname() or dir:match("([^/]*)$") ~= client then return nil end
  return runs.at(dir)
end

local function is_open(run) return run and (run.word == "running" or run.word == "stopped" or run.word == "damaged") end

--- The run that has, or may have, the client of `m` in its hands: one of this state directory, one of
--- another state directory of this host, or one of another host, which only the lock on the client tells of.
---@param m altmig.Migration   connected
---@return altmig.Run?
function runs.of(m)
  if m.lock_handle then return nil end -- this process is the run
  local own = runs.at(m.state)
  if is_open(own) then return own end
  local owner = m.client:run({ "cat", runs.owner_file }).stdout:match("[^\n]+")
  if not owner or owner == m:lock_owner() then return own end
  local other = runs.of_owner(owner, m.name)
  return is_open(other) and other or { word = "elsewhere", owner = owner }
end

--- "pid 12 on HOST since TIME, phase 5, step restore_bos" of a run that works now.
---@param run altmig.Run
---@return string
function runs.describe(run)
  local holder, now = run.holder, run.state or {}
  local parts = { ("pid %s on %s since %s"):format(tostring(holder.pid or "?"), tostring(holder.host or "?"),
    math.type(holder.start) == "integer" and os.date("%F %T", holder.start) or "?") }
  if now.start and now.last_phase then parts[#parts + 1] = "phase " .. now.last_phase end
  if now.start and now.last_step then parts[#parts + 1] = "step " .. now.last_step end
  return table.concat(parts, ", ")
end

return runs
