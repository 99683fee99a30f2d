-- SPDX-License-Identifier: MIT
-- Asks the hosts what the battery has for them, in a private directory on each, which goes at the end.

local aix = require "altmig.aix.output"
local battery = require "altmig.probe.battery"
local err = require "altmig.err"
local host = require "altmig.run.host"
local nim = require "altmig.nim"
local sys = require "altmig.sys"

local capture = {}

---@class altmig.probe.Context
---@field name string
---@field nim altmig.Nim
---@field client_resource altmig.nim.Host
---@field spot altmig.nim.Resource?
---@field lpp_source altmig.nim.Resource?
---@field hosts table<string, altmig.Host>
---@field dirs table<string, string>
---@field answers altmig.probe.Answer[]
---@field write boolean?    trials that write are made
---@field scratch_disk string?   a disk of the client that they may destroy
---@field opts table
---@field say fun(text: string)

local OUTPUT <const> = 16 << 20 -- bytes of one stream
local ROLES <const> = { "client", "master" }

--- What is asked of whom; nothing is connected yet.
---@param opts table   client, lpp_source, spot, nim, state, write_test, scratch_disk
---@param say fun(text: string)
---@return altmig.probe.Context
function capture.context(opts, say)
  local ctx = { name = opts.client, hosts = {}, dirs = {}, answers = {}, say = say, unreachable = {}, write = opts.write_test,
    scratch_disk = opts.scratch_disk, opts = opts }
  ctx.nim = nim.load(opts.nim)
  ctx.client_resource = ctx.nim:client(opts.client)
  for _, kind in ipairs { "spot", "lpp_source" } do
    if opts[kind] then ctx[kind] = ctx.nim:resource(kind, opts[kind]) end
  end
  return ctx
end

-- The end of a name that nobody can know before.
local function random_word()
  local file = io.open("/dev/urandom", "rb")
  local bytes = file and file:read(16) or tostring({}) .. sys.time()
  if file then file:close() end
  return sys.sha256(bytes):sub(1, 16)
end

local function open(ctx)
  for _, role in ipairs(ROLES) do
    local resource = role == "client" and ctx.client_resource or ctx.nim:master()
    local ok, result = xpcall(host.connect, err.wrap, role, resource)
    if not ok and result.code == "CANCELLED" then error(result, 0) end
    if ok then
      local dir = "/tmp/altmig-probe-" .. random_word()
      ctx.hosts[role] = result
      ctx.say(("altmig probe: writes on the %s (%s) only below %s, and removes it at the end"):format(role, result.name, dir))
      ctx.dirs[role] = dir
      result:must({ "mkdir", "-m", "700", dir }, { remedy = "is /tmp of the host full, or not writable? df -k /tmp" })
    else
      ctx.unreachable[role] = result
    end
  end
  if not next(ctx.hosts) then error(ctx.unreachable.client, 0) end
end

local function is_below(path, dir) return path:sub(1, #dir + 1) == dir .. "/" end

-- What a trial left mounted or exported below the directory; nil when nothing is. Removing the directory over a mount
-- would remove what is mounted.
local function take_away(h, dir)
  for _, export in ipairs(h:exports()) do
    if is_below(export.path, dir) then h:must { "exportfs", "-u", export.path } end
  end
  local rows = aix.mounts(h:must { "mount" })
  for i = #rows, 1, -1 do
    if is_below(rows[i].at, dir) and h:run({ "umount", rows[i].at }).status ~= 0 then h:run { "umount", "-f", rows[i].at } end
  end
  -- A line that is not understood may be one of these.
  local at = h:must({ "mount" }):find(dir, 1, true)
  return at and "something is still mounted below it"
end

-- Removes the directories, whatever came before; a host that is lost is connected once more.
local function close(ctx, complain)
  sys.cancel_clear()
  for _, role in ipairs(ROLES) do
    local h, dir = ctx.hosts[role], ctx.dirs[role]
    if h and dir then
      local ok, e = xpcall(function()
        h:revive()
        local left = ctx.write and take_away(h, dir)
        if left then err.raise { code = "EBUSY", message = left .. ": mount, then umount each" } end
        h:must { "rm", "-rf", dir }
      end, err.wrap)
      if not ok then complain(("altmig probe: %s: %s is left there (%s)\n  remedy: rm -rf %s"):format(h.name, dir, e.message, dir)) end
    end
    if h then h:close() end
  end
end

local lost = { SSH_LOST = true, SSH_CONNECT = true, SSH_TIMEOUT = true }

-- What an error of a question says of the answer; an interrupt ends all.
local function failed(ctx, role, answer, e)
  e = err.wrap(e)
  if e.code == "CANCELLED" then error(e, 0) end
  answer.problem, answer.stdout, answer.stderr = e.message, answer.stdout or "", answer.stderr or ""
  if lost[e.code] then
    local again, why = xpcall(ctx.hosts[role].revive, err.wrap, ctx.hosts[role])
    if not again then ctx.unreachable[role] = why end
  end
end

local function ask(ctx, row, role, question)
  local answer = { row = row.name, host = role, instance = question.instance, argv = question.argv, env = question.env or row.env,
    script = question.script, binary = row.binary, stdout = "", stderr = "" }
  local words = answer.script and { table.unpack(answer.argv, 3) } or answer.argv -- the host names the shell
  local ok, result = pcall(ctx.hosts[role].run, ctx.hosts[role], words, { env = answer.env, script = answer.script,
    timeout = row.timeout, max_output = OUTPUT })
  if not ok then
    failed(ctx, role, answer, result)
  else
    answer.status, answer.signal, answer.stderr = result.status, result.signal, result.stderr
    answer.stdout = row.mask and row.mask(result.stdout) or result.stdout
  end
  return answer
end

-- Everything a row asks of one host.
local function answer_row(ctx, row, role)
  local function unasked(reason)
    return { row = row.name, host = role, argv = {}, stdout = "", stderr = "", reason = reason }
  end
  if ctx.unreachable[role] then return { unasked("the host cannot be reached: " .. ctx.unreachable[role].message) } end
  if row.write and not ctx.write then return { unasked "needs --write-test" } end
  if row.act then
    local answer = { row = row.name, host = role, argv = {}, stdout = "", stderr = "", status = 0 }
    local ok, text, reason = pcall(row.act, ctx, role)
    if not ok then failed(ctx, role, answer, text) else answer.stdout, answer.reason = text or "", reason end
    return { answer }
  end
  local questions, reason = { { argv = row.ask } }, nil
  if type(row.ask) == "function" then questions, reason = row.ask(ctx, role) end
  if not questions then return { unasked(reason) } end
  local list = {}
  for i, question in ipairs(questions) do list[i] = ask(ctx, row, role, question) end
  return list
end

--- Asks everything. The answers are in ctx.answers, also those before an interrupt.
---@param ctx altmig.probe.Context
---@param complain fun(text: string)
---@param on_answer fun(answer: altmig.probe.Answer)
function capture.run(ctx, complain, on_answer)
  local ok, e = xpcall(function()
    open(ctx)
    for _, row in ipairs(battery.rows) do
      for _, role in ipairs(ROLES) do
        if row.on == "both" or row.on == role then
          for _, answer in ipairs(answer_row(ctx, row, role)) do
            ctx.answers[#ctx.answers + 1] = answer
            on_answer(answer)
          end
        end
      end
    end
  end, err.wrap)
  close(ctx, complain)
  if not ok then error(e, 0) end
end

return capture
