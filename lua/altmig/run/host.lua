-- SPDX-License-Identifier: MIT
-- A host of a migration: an SSH session and the ways a flow runs commands over it.

local aix = require "altmig.aix.output"
local err = require "altmig.err"
local footprint = require "altmig.run.footprint"
local ssh = require "altmig.ssh"
local sys = require "altmig.sys"

---@class altmig.Host
---@field name string      its NIM name, for messages
---@field role string      "client" or "master"
---@field session any      altmig.ssh session
---@field trace nil|fun(line: string)  told of every command and its status (flag -D)
---@field notice nil|fun(text: string)  told what the administrator should know while a job is waited for
---@field observe nil|fun(host: altmig.Host, record: table): string?   told of every command; says where its record is
---@field last_record string?  where the record of the last command is
---@field unreachable table?  the error that says so, once a connection could not be made
local host = {}
host.__index = host

--- The environment of what makes an image.data: mkszfile warns of LC_ALL. What it prints is in English all the
--- same, whatever locale the login has. false: taken out of the environment.
host.locale = { LANG = "C", LC_ALL = false, LC_COLLATE = false, LC_CTYPE = false, LC_MESSAGES = false, LC_MONETARY = false,
  LC_NUMERIC = false, LC_TIME = false }

--- Directory of the jobs of all runs, on each host.
host.job_dir = footprint.jobs

--- Seconds after which a command that is no job counts as hanging; what takes longer has its own `timeout`,
--- 0 for none.
host.deadline = 300

-- Takes a record of a session, or of a job's own command.
local function take_record(self, record) self.last_record = self.observe and self.observe(self, record) end

--- Connects. Raises with the host's name and what to do.
---@param role string
---@param resource altmig.nim.Host
---@param observe nil|fun(host: altmig.Host, record: table): string?
---@return altmig.Host
function host.connect(role, resource, observe)
  local self = setmetatable({ name = resource.name, role = role, resource = resource, observe = observe }, host)
  local options = {}
  for k, v in pairs(resource.ssh) do options[k] = v end
  options.observe = observe and function(record) take_record(self, record) end
  local session, message, code = ssh.connect(options)
  if not session then
    err.raise { code = code, host = resource.name, message = ("%s %s: %s"):format(role, resource.name, message),
      record = self.last_record }
  end
  self.session = session
  return self
end

--- A host that could not be reached, for what is done on the other one all the same: every command on it
--- ends with the error of the connection.
---@param role string
---@param resource altmig.nim.Host
---@param e table  the error of connect
---@return altmig.Host
function host.absent(role, resource, e)
  local function refuse() return nil, e.message, e.code end
  local session = setmetatable({ close = function() end }, { __index = function() return refuse end })
  return setmetatable({ name = resource.name, role = role, session = session, resource = resource, unreachable = e }, host)
end

-- A table of options of its own.
local function own_options(opts, more)
  local copy = {}
  for k, v in pairs(opts or {}) do copy[k] = v end
  for k, v in pairs(more or {}) do copy[k] = v end
  return copy
end

-- The words of what is run: a script's are those of the shell that reads it.
local function words_of(argv, opts) return opts and opts.script and { "sh", "-s", table.unpack(argv) } or argv end

local function last_lines(text, count)
  local list = {}
  for line in ((text or "") .. "\n"):gmatch("(.-)\n") do
    if line ~= "" then list[#list + 1] = line end
  end
  return table.concat(list, "\n", math.max(1, #list - count + 1))
end

--- What an error says of a command that failed.
function host:failure(argv, result, remedy)
  local how = result.signal and ("ended by signal " .. result.signal)
    or ("exit status " .. tostring(result.status))
  local output = last_lines((result.stdout or "") .. (result.stderr or ""), 12)
  return { code = "COMMAND", host = self.name, command = ssh.quote(argv), output = output, remedy = remedy,
    record = result.record or self.last_record,
    message = ("%s: %s: %s"):format(self.name, argv[1], how) }
end

local function trace(self, argv, opts, result, message)
  if not self.trace then return end
  local status = message or result.signal and ("signal " .. result.signal) or ("status " .. tostring(result.status))
  self.trace(("+ %s: %s%s: %s"):format(self.name, opts.chroot and ("(chroot %s) "):format(opts.chroot) or "", ssh.quote(argv), status))
end

-- What to say of a command without an end, which at night is nearly always one NFS server less.
local function hanging(self, argv, seconds)
  return ("%s: %s: no end within %g seconds"):format(self.name, argv[1], seconds),
    ("it may still run on %s (ps -ef). df, mount and umount hang on a mount whose NFS server does not answer: 'mount' names "
      .. "the servers, 'umount -f DIR' ends such a mount; then resume"):format(self.name)
end

--- Runs a command and returns its result whatever its status; raises when the transport failed, and
--- when there is no end before the deadline.
---@param argv string[]   of a script (opts.script) its arguments
---@param opts table?  as altmig.ssh run; `chroot` for commands inside a copy
---@return { status: integer?, signal: string?, stdout: string, stderr: string }
function host:run(argv, opts)
  local options = own_options(opts)
  options.timeout = options.timeout or host.deadline
  self.last_record = nil
  local result, message, code = self.session:run(argv, options)
  if result then result.record = self.last_record end
  argv = words_of(argv, options)
  trace(self, argv, opts or {}, result, message)
  if not result then
    local e = { code = code, host = self.name, command = ssh.quote(argv), record = self.last_record,
      message = ("%s: %s: %s"):format(self.name, argv[1], message) }
    if code == "SSH_TIMEOUT" then e.message, e.remedy = hanging(self, argv, options.timeout) end
    err.raise(e)
  end
  return result
end

--- Runs a command that must end with status 0; returns its standard output.
---@return string stdout, table result
function host:must(argv, opts)
  local result = self:run(argv, opts)
  if result.status ~= 0 then err.raise(self:failure(words_of(argv, opts), result, opts and opts.remedy)) end
  return result.stdout, result
end

--- Runs a text of POSIX sh (what ksh88 has) with arguments, which it has as $1 and so on: it goes to sh -s by
--- standard input, what is in opts.stdin behind it. Returns the result whatever its status, as run.
---@param text string
---@param args string[]?
---@param opts table?
---@return { status: integer?, signal: string?, stdout: string, stderr: string }
function host:script(text, args, opts) return self:run(args or {}, own_options(opts, { script = text })) end

--- The same with status 0; returns its standard output.
---@return string stdout, table result
function host:must_script(text, args, opts) return self:must(args or {}, own_options(opts, { script = text })) end

--- Whether a command ends with status 0.
---@return boolean
function host:holds(argv, opts)
  return self:run(argv, opts).status == 0
end

--- What `exportfs` lists.
---@return { path: string, flags: string, line: string }[]
function host:exports() return aix.exportfs(self:must { "exportfs" }) end

--- Whether a directory is exported; and its options.
---@param dir string
---@return boolean, string? options
function host:exported(dir)
  for _, row in ipairs(self:exports()) do
    if row.path == dir then return true, row.flags end
  end
  return false
end

--- What is mounted at a directory; nil if nothing is.
---@param dir string
---@return altmig.aix.Mount?
function host:mounted(dir)
  local last
  for _, row in ipairs(aix.mounts(self:must { "mount" })) do
    if row.at == dir then last = row end
  end
  return last
end

-- Errors that say that the job is not, or no longer, there; with any other it may go on.
local no_job = { JOB_GONE = true, JOB_START = true }

-- The record of a job's own command: those of the session are of the scripts that started and followed it.
local function record_job(self, id, argv, opts, began, started, result, message, code)
  if not self.observe then return end
  local function kept(text) return { text = text or "", length = #(text or "") } end
  local ended = result or {}
  take_record(self, { job = id, started = started == true, time = began, seconds = sys.time() - began, argv = argv,
    env = ssh.environment { env = opts.env }, script = opts.script, chroot = opts.chroot, cwd = opts.cwd,
    stdin = #(opts.stdin or ""), status = ended.status, signal = ended.signal, stdout = kept(ended.stdout),
    stderr = kept(ended.stderr), code = not result and code or nil, message = not result and message or nil })
end

--- Starts the job `id`, or attaches to it if it is there already, and waits for its end.
---@param id string
---@param argv string[]
---@param opts table?  as altmig.ssh job; on_line(line, stream)
---@return table result  { status, signal, stdout, stderr }
function host:job(id, argv, opts)
  opts = own_options(opts, { id = id, dir = host.job_dir })
  local on_line = opts.on_line
  opts.on_line = nil
  local began = sys.time()
  local job, message, code = self.session:job(argv, opts)
  local started = message
  -- The id tells run, step and attempt: another command under it is the same step, begun with
  -- other options. It is waited for; a second one beside it would be worse.
  if not job and code == "JOB_MISMATCH" then job, message, code = self.session:attach(id, { dir = host.job_dir }) end
  local result
  if job then
    result, message, code = job:wait { on_line = on_line, on_notice = self.notice }
  end
  argv = words_of(argv, opts)
  record_job(self, id, argv, opts, began, started, result, message, code)
  if result then result.record = self.last_record end
  trace(self, argv, opts, result, message)
  if not result then
    err.raise { code = code, host = self.name, command = ssh.quote(argv), job_left = not no_job[code],
      record = self.last_record,
      message = ("%s: %s: %s"):format(self.name, argv[1], message),
      remedy = code == "JOB_UNRECORDED" and ("make room on %s (df -k %s), then resume: the job is found again with its status"):format(
        self.name, host.job_dir) or nil }
  end
  return result
end

-- The host does not answer at all; is_reachable tells that, and what it means.
local lost = { SSH_LOST = true, SSH_CONNECT = true, SSH_TIMEOUT = true }

--- The job of that id and what it does: "running", "done", "unrecorded" (ended) or "gone"; nil when there is
--- none. Raises when the answer is none: what is not understood must not pass for a job that does not run.
---@param id string
---@return any? job, string? state
function host:find_job(id)
  local job, message, code = self.session:attach(id, { dir = host.job_dir })
  local state
  if job then state, message, code = job:poll() end
  if state then return job, state end
  if code == "JOB_GONE" or lost[code] then return nil end
  err.raise { code = code, host = self.name, message = ("%s: job %s: %s"):format(self.name, id, message),
    remedy = ("look on %s whether it runs: its process is named in %s/%s/pid"):format(self.name, host.job_dir, id) }
end

-- A host that is up answers this at once.
local PROBE <const> = 10

--- Makes the connection again, once, if the host does not answer over it: one from before a reboot is
--- dead, and keepalives take minutes to notice.
function host:revive()
  local result, _, code = self.session:run({ "true" }, { timeout = PROBE })
  if result or code == "CANCELLED" then return end
  local connected, message
  self.seen = nil
  connected, message, code = self.session:reconnect()
  self.unreachable = not connected and { code = code, host = self.name,
    message = ("%s %s: the connection is lost, and a new one cannot be made: %s"):format(self.role, self.name, message),
    remedy = ("is %s up, and its sshd? then resume"):format(self.name) } or nil
  if not connected then err.raise(self.unreachable) end
end

--- Whether commands can be run; makes the connection again if it is lost. What was found out once holds.
---@return boolean
function host:is_reachable()
  if not self.unreachable then pcall(self.revive, self) end
  return not self.unreachable
end

--- The addresses of the connection, as this host sees them: who connects, and its own; nil where it does not tell.
--- Asked once for a connection: at a prompt that is for looking no command runs.
---@return string? from, string? own
function host:addresses()
  if not self.seen then
    local from, own = self:must_script("echo $SSH_CONNECTION"):match("^([%x.:]+)%S* %d+ ([%x.:]+)%S* %d+\n$")
    self.seen = { from = from, own = own }
  end
  return self.seen.from, self.seen.own
end

function host:close()
  if self.session then self.session:close() end
  self.session = nil
end

return host
