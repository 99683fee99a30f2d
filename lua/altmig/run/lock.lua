-- SPDX-License-Identifier: MIT
-- Who works on a client: one run at a time. The lock on this host keeps other processes of it away, and tells
-- them who has it and what for; a mark on the client keeps runs of other engine hosts away.

local err = require "altmig.err"
local gate = require "altmig.gate"
local json = require "altmig.json"
local runs = require "altmig.run.runs"
local sys = require "altmig.sys"

---@class altmig.Migration
local lock = {}

local marker = runs.marker

--- Takes the client's lock on this engine host; raises LOCKED (exit status 4).
---@param doing "migrate"|"resume"|"cleanup"|"prompt"
function lock.lock(m, doing)
  if m.lock_handle then return end
  gate.check(m, "taking the client's lock")
  local text = json.encode { pid = sys.getpid(), host = sys.hostname(), start = os.time(), doing = doing }
  local handle, message, code, owner = sys.lock(m.state .. "/lock", { text = text })
  if handle then
    m.lock_handle = handle
    return
  end
  local who = owner and json.decode(owner)
  err.raise { code = code, status = code == "LOCKED" and 4 or 1,
    message = code == "LOCKED" and ("client %s is locked by another run%s"):format(m.name, who and
      (": pid %s on %s since %s"):format(who.pid, who.host, os.date("%F %T", who.start)) or "") or message,
    remedy = "wait for it, or stop it; 'altmig status' shows what it does" }
end

--- Gives it back.
function lock.release(m)
  if m.lock_handle then m.lock_handle:close() end
  m.lock_handle = nil
end

--- What the mark on the client says when it is this run's.
---@return string
function lock.lock_owner(m) return ("%s:%s"):format(sys.hostname(), m.state) end

-- Takes the client, unless somebody has it: only one mkdir makes a directory, with every shell and file
-- system. One without room for the name in it is taken away again.
local claim = [[
umask 077
mkdir -p "${2%/*}" || exit 1
if mkdir "$2" 2>/dev/null; then
  echo "$1" >"$2/owner" && [ -s "$2/owner" ] || { rm -rf "$2"; exit 1; }
fi
echo held
cat "$2/owner" 2>/dev/null
exit 0]]

-- Who has the client then, as "HOST:STATE"; nil and what there is for anything of another form.
local function holder(m)
  local answer = m.client:must_script(claim, { m:lock_owner(), marker }, {
    remedy = ("%s must be writable on %s, with room: df -k %s"):format(marker, m.name, marker:match("^(.*)/")) })
  local held = answer:match("^held\n([^%c]+:[^%c]+)\n$")
  if held then return held end
  return nil, answer == "held\n" and "it is empty" or ("%q"):format(answer:sub(1, 200))
end

local function fail_unreadable(m, what)
  err.raise { code = "LOCK_UNREADABLE", status = 4, host = m.name,
    message = ("client %s: its lock %s names no run: %s"):format(m.name, marker, what),
    remedy = ("does a migration of %s work anywhere? If not: rm -rf %s on %s, or the same command with -F"):format(m.name, marker,
      m.name) }
end

--- Leaves the mark on the client, unless another run has its own there. -F takes the mark of a run away of
--- which it is not known whether it lives.
function lock.lock_client(m, broken)
  local held, what = holder(m)
  if held == m:lock_owner() then return end
  -- Of a run of this host it is known whether it lives; -F is for those of which it is not.
  local run = held and runs.of_owner(held, m.name)
  local alive = run and run.word == "running"
  if m.opts.force and not alive and not broken then -- once: whoever takes it then is at work
    m.client:must { "rm", "-rf", marker }
    return m:lock_client(true)
  end
  if not held then fail_unreadable(m, what) end
  err.raise { code = "LOCKED", status = 4, host = m.name,
    message = alive and ("client %s is in the hands of another run: %s (%s)"):format(m.name, runs.describe(run), held)
      or ("client %s is locked by another run: %s"):format(m.name, held),
    remedy = alive and ("wait for its end; altmig status %s --state %s shows how far it is"):format(m.name, run.dir:match("^(.*)/"))
      or ("does that run still work? 'altmig status %s' on its host says it. If it is dead, go on there (altmig resume %s), or "
        .. "break its lock: the same command with -F"):format(m.name, m.name) }
end

--- What the mark on the client says; nil when there is none.
function lock.client_mark(m)
  local result = m.client:run { "cat", runs.owner_file }
  return result.status == 0 and result.stdout:gsub("%s+$", "") or nil
end

--- Takes the mark away.
function lock.unlock_client(m)
  -- A client that reboots may be gone any moment; reboot_client has taken the mark away before.
  if m.client and not m.rebooting then m.client:must { "rm", "-rf", marker } end
end

return lock
