-- SPDX-License-Identifier: MIT
-- What the engine sends to the hosts of a client, and what came of it: STATE/CLIENT/commands.jsonl (0600), one
-- JSON object a line, in the order in which the commands ended. Every channel of a session makes one
-- (core/remote/record), the probe of the shell and the scripts of jobs and files included.
--
--   record   number, counted on from run to run; failures name it
--   time     when it began, UTC, "2026-11-05T09:30:01.250Z"
--   seconds  how long it took
--   host     NIM name; `role` "client" or "master"
--   phase, step   what it was for, where a phase was running
--   chroot, cwd   directories, where there are some
--   argv     the words; of a script "sh", "-s" and its arguments
--   env      all variables that were set for it, { NAME: value }
--   script   the text that its shell had on standard input; none for what is no script. argv of a script and no
--            text here cannot be
--   stdin    bytes of data on its standard input, behind the text of a script; the data is not kept
--   status   exit status, or `signal` its name; neither where no end was seen
--   error    { code, message } where the command could not be sent or followed to its end
--   stdout, stderr   what it printed, 32 KiB at most; control characters and bytes that are not UTF-8 are shown as
--            \xNN. What is binary or private is "". Where that is not all, beside it:
--            stdout_bytes   how much there was
--            stdout_cut     true: only the beginning is kept
--            stdout_sha256  binary: its digest
--            stdout_private true: contents of files, which are never kept
--   label    "job ID", "cat": what the engine means by a script of its own
--   repeated how often more it was sent with the same answer, one after the other: a job that was asked what it
--            does while it was waited for. `seconds` is the whole time then
--   job      the id: this is the command of a job, as the job ran it, and not one that was sent. The scripts that
--            started, followed and asked it have records of their own. `started`: false where it was found there
--
-- Secrets are masked by altmig.report, in all texts. A run has a record where it holds the client's lock: check,
-- and a prompt that only looks, leave none. When the file is 32 MiB it becomes commands.jsonl.1 in place of the
-- one before, so that no more than twice that is kept.

local err = require "altmig.err"
local json = require "altmig.json"
local mode = require "altmig.mode"
local report = require "altmig.report"
local sys = require "altmig.sys"

---@class altmig.Migration
local commands = {}

--- Bytes of a stream that are kept.
commands.kept = 32768

--- Bytes after which a new file is begun.
commands.limit = 32 << 20

-- Bytes that are not UTF-8, and control characters but those of text, as \xNN.
local function readable(text)
  local function shown(byte) return ("\\x%02x"):format(byte:byte()) end
  text = text:gsub("[%z\1-\8\11\12\14-\31\127]", shown)
  if utf8.len(text) then return text end
  local parts, at = {}, 1
  while at <= #text do
    local _, bad = utf8.len(text, at)
    parts[#parts + 1] = text:sub(at, (bad or #text + 1) - 1)
    if not bad then break end
    parts[#parts + 1] = shown(text:sub(bad, bad))
    at = bad + 1
  end
  return table.concat(parts)
end

local function masked(text) return report.mask(readable(text)) end

-- A word after "-passwd" and its like, or after "=", is the secret.
local function masked_words(words)
  local list = json.array {}
  for i, word in ipairs(words) do
    local before = words[i - 1]
    list[i] = before and before:find("^%-") and report.is_secret(before:gsub("^%-+", "")) and "<secret>" or masked(word)
  end
  return list
end

local function masked_environment(words)
  local env = {}
  for _, word in ipairs(words or {}) do
    local name, value = word:match("^([^=]*)=(.*)$")
    if name then env[name] = report.is_secret(name) and "<secret>" or masked(value) end
  end
  return env
end

-- Names a file of which no line may be shown.
local function names_secret_file(words)
  for _, word in ipairs(words) do
    if report.secret_files[word] then return true end
  end
  return false
end

-- A stream of a record, under its name.
local function put_stream(to, name, stream, hidden)
  local text, length = stream and stream.text or "", stream and stream.length
  length = length or #text
  if hidden and length > 0 then
    to[name], to[name .. "_bytes"], to[name .. "_private"] = "", length, true
    return
  end
  if stream and (stream.binary or text:sub(1, commands.kept):find("[%z\1-\6\14-\26\28-\31]")) then
    to[name], to[name .. "_bytes"] = "", length
    to[name .. "_sha256"] = stream.sha256 or #text == length and sys.sha256(text) or nil
    return
  end
  if length > commands.kept then
    -- To the end of a line: half a secret would not be known as one.
    text = text:sub(1, commands.kept)
    text = text:match("^.*\n") or ""
    to[name .. "_bytes"], to[name .. "_cut"] = length, true
  end
  to[name] = masked(text)
end

-- The object of a record of a session.
local function object(m, host, record, number)
  local whole = math.floor(record.time)
  local env = masked_environment(record.env)
  local to = { record = number, host = host.name, role = host.role, phase = m.phase, step = m.current_step,
    time = os.date("!%Y-%m-%dT%H:%M:%S", whole) .. (".%03dZ"):format(math.floor((record.time - whole) * 1000)),
    seconds = math.floor(record.seconds * 1e6 + 0.5) / 1e6, argv = masked_words(record.argv), env = next(env) and env or nil,
    chroot = record.chroot and readable(record.chroot), cwd = record.cwd and readable(record.cwd),
    script = record.script and masked(record.script), stdin = record.stdin or 0, status = record.status, signal = record.signal,
    label = record.label, repeated = record.repeated, job = record.job, started = record.started,
    error = record.code and { code = record.code, message = masked(record.message or "") } or nil }
  local hidden = record.private or names_secret_file(record.argv)
  put_stream(to, "stdout", record.stdout, hidden)
  put_stream(to, "stderr", record.stderr, false)
  return to
end

-- The last line of a file that is one, or nil; and whether the file ends with it.
local function last_line(path)
  local file <close> = io.open(path, "rb")
  if not file then return nil, true end
  local size = file:seek("end")
  -- No record is longer: three texts of 32 KiB, each byte up to six, and words.
  file:seek("set", math.max(0, size - (2 << 20)))
  local text = file:read("a") or ""
  return ("\n" .. text):match("^.*\n([^\n]+)\n[^\n]*$"), text == "" or text:sub(-1) == "\n"
end

local function number_of(line)
  local record = line and json.decode(line)
  return type(record) == "table" and math.type(record.record) == "integer" and record.record or nil
end

-- The file of this client: its path, size and last number.
local function open(m)
  local path = m.state .. "/commands.jsonl"
  local line, ended = last_line(path)
  err.check(sys.append_file(path, ended and "" or "\n", { mode = mode.PRIVATE_FILE }))
  err.check(sys.chmod(path, mode.PRIVATE_FILE))
  return { path = path, size = err.check(sys.stat(path)).size, number = number_of(line) or number_of((last_line(path .. ".1"))) or 0 }
end

local function write(m, host, record)
  local file = m.commands_file or open(m)
  m.commands_file = file
  if file.size >= commands.limit then
    err.check(sys.rename(file.path, file.path .. ".1"))
    file.size = 0
  end
  local text = err.check(json.encode(object(m, host, record, file.number + 1), { lossy = true })) .. "\n"
  err.check(sys.append_file(file.path, text, { mode = mode.PRIVATE_FILE }))
  file.size, file.number = file.size + #text, file.number + 1
  return ("record %d of %s"):format(file.number, file.path)
end

--- Writes a record of a session. A file that cannot be written is told once, and costs no command.
---@param m altmig.Migration
---@param host altmig.Host
---@param record table   as altmig.ssh gives it, or one of a job's own command
---@return string?  "record 118 of .../commands.jsonl"; nil where there is none
function commands.note(m, host, record)
  if not m.lock_handle or not m.state then return nil end
  local ok, place = xpcall(write, err.wrap, m, host, record)
  if ok then return place end
  if not m.commands_failed then
    m.commands_failed = true
    m:warn(("altmig: commands are not recorded: %s"):format(place.message))
  end
  return nil
end

return commands
