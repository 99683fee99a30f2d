-- SPDX-License-Identifier: MIT
-- altmig repl with a migration that lives in memory: altmig run repl_fake.lua [load fails: REASON]
local reason = arg[1]
local m = { locked = false, resumed = {} }
m.client = {
  script = function(_, text, args, opts)
    assert(#args == 0)
    if text == "lost" then return nil, "ssh: adachi-AIX7: connection lost", "SSH_LOST" end
    opts.on_line("ran " .. text, "stdout")
    opts.on_line("a warning", "stderr")
    return { status = text == "false" and 1 or 0, stdout = "", stderr = "" }
  end,
}
function m.phases()
  return { { n = 1, title = "Cloning", state = "done" }, { n = 2, title = "Exporting", state = "failed" } }
end
function m:resume(from)
  if from == 7 then error(setmetatable({ code = "ALT_NOT_MOUNTED", message = "phase 7: not mounted", host = "c" }, {}), 0) end
  self.resumed[#self.resumed + 1] = from or "open"
  return 0
end
function m:writable()
  if arg[2] == "locked" then error({ code = "LOCKED", message = "client c is locked by another run" }, 0) end
  self.locked = true
  return true
end
function m.result_of() return nil end
function m:looking() return not self.locked end
function m.worked_on_by() return arg[2] == "locked" and "pid 7 on engine since 2026-01-01 00:00:00" or nil end
function m.leave_prompt() io.stdout:write "closed\n" end
m.master = { script = function(_, text, _, opts)
  opts.on_line("master ran " .. text, "stdout")
  return { status = 0, stdout = "", stderr = "" }
end }

package.loaded["altmig.migration"] = {
  state_dir = function() return os.getenv "REPL_STATE" or "/nonexistent" end,
  load = function(client, opts)
    if reason and reason ~= "" then error({ code = "NO_STATE", message = reason }, 0) end
    m.name, m.opts = client, opts
    return m
  end,
}
return require("altmig.cmd.repl").run { "adachi-AIX7" }
