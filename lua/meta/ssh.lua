---@meta altmig.ssh
-- SPDX-License-Identifier: MIT

--- Commands, files and jobs of other hosts over SSH. Calls block; Ctrl-C ends them with CANCELLED.
--- Codes: SSH_CONNECT, SSH_HOSTKEY_UNKNOWN, SSH_HOSTKEY_CHANGED, SSH_AUTH, SSH_KEY, SSH_TIMEOUT,
--- SSH_LOST, SSH_CHANNEL, SSH_SHELL (the login shell adds bytes to what commands print, or changes words or data), JOB_GONE, JOB_START,
--- JOB_MISMATCH, JOB_RUNNING, JOB_UNRECORDED, JOB_ANSWER, UNSUPPORTED, CANCELLED,
--- E2BIG, CALLBACK.
---@class altmig.ssh
local ssh = {}

---@class altmig.ssh.ConnectOptions
---@field host string
---@field port integer?         # default 22
---@field user string?          # default root
---@field identity string?      # private key file; default: the agent, then ~/.ssh/id_ed25519, id_ecdsa
---@field passphrase string?    # of the key file
---@field known_hosts string?   # default ~/.ssh/known_hosts; keys are never added to it here
---@field path string?          # PATH of all commands; default: where AIX has them
---@field observe fun(record: altmig.ssh.Record)?   # see Session:observe; of the probe at connecting as well
---@field timeout number?       # seconds to connect and authenticate, default 30
---@field keepalive number?     # seconds of silence before a sign of life is asked for, default 30; lost after 4
---@field jump string|altmig.ssh.ConnectOptions|nil   # by this host: "user@host:port"; what it does not say is as for the session

---@class altmig.ssh.Target
---@field user string?
---@field host string
---@field port integer?

---@class altmig.ssh.CommandOptions
---@field chroot string?        # run it under /usr/sbin/chroot
---@field env table<string, string|false>?   # added to ENV, LC_ALL, ODMDIR and PATH as they always are; false: taken away
---@field bare boolean?         # nothing but env is set: to see what a login has
---@field script string?        # POSIX sh, read by sh -s: the words are its arguments, $1 and so on
---@field cwd string?           # absolute; inside chroot if that is given
---@field stdin string?

---@class altmig.ssh.RunOptions : altmig.ssh.CommandOptions
---@field stdin string|altmig.reader|nil   # a reader is read as the command takes it, 256 KiB ahead at most
---@field on_progress fun()?    # with a reader: at most ten times a second, and at its end
---@field on_line fun(line: string, stream: "stdout"|"stderr")?
---@field timeout number?       # seconds; the command may go on over there: use a job where that matters
---@field max_output integer?   # bytes of each stream, default 64 MiB; more is E2BIG

---@class altmig.ssh.Result
---@field status integer?       # it ended with this status
---@field signal string?        # or by this signal: "TERM"
---@field stdout string
---@field stderr string

--- What was sent through a channel, and what came of it. Every channel has one: commands, scripts, files, the
--- scripts of jobs, the probe at connecting. A question about a job that is asked again and again while it is
--- waited for, with the same answer, is one record.
---@class altmig.ssh.Record
---@field time number           # when it began, seconds since 1970
---@field seconds number
---@field argv string[]         # of a script "sh", "-s" and its arguments
---@field env string[]          # "NAME=value", the whole of it
---@field script string?
---@field chroot string?
---@field cwd string?
---@field label string?         # what messages call it
---@field stdin integer         # bytes of data on standard input
---@field status integer?
---@field signal string?
---@field code string?          # it failed so
---@field message string?
---@field repeated integer?     # how often more it was asked
---@field private boolean?      # contents of files: of the output only the length is kept
---@field stdout altmig.ssh.Kept
---@field stderr altmig.ssh.Kept

---@class altmig.ssh.Kept
---@field text string           # the first 32 KiB; "" of binary or private output
---@field length integer        # of all of it
---@field binary boolean?
---@field sha256 string?        # of binary output

---@class altmig.ssh.Session
---@field host string
---@field user string
---@field port integer
local Session = {}

---@param options altmig.ssh.ConnectOptions
---@return altmig.ssh.Session? session, string? message, string? code
function ssh.connect(options) end

--- Reads "user@host:port", "host", "[address]:port".
---@param text string
---@return altmig.ssh.Target? target, string? message, string? code
function ssh.target(text) end

--- The environment of a command with these options, sorted words "NAME=value".
---@param options { env: table<string, string|false>? }?
---@return string[]
function ssh.environment(options) end

--- The command line of a POSIX shell for these words and options, to be read by people.
---@param argv string[]
---@param options altmig.ssh.CommandOptions?
---@return string
function ssh.quote(argv, options) end

--- Runs a command to its end. A lost connection is SSH_LOST, never a status.
---@param argv string[]
---@param options altmig.ssh.RunOptions?
---@return altmig.ssh.Result? result, string? message, string? code
function Session:run(argv, options) end

--- Reads a file.
---@param path string           # absolute
---@param max integer?          # bytes, default 64 MiB; more is E2BIG
---@return string? data, string? message, string? code
function Session:get(path, max) end

--- Replaces or makes a file, whole or not at all; what arrived is checked by cksum.
---@param data string
---@param path string           # absolute
---@param options { mode: integer? }?   # default 0600
---@return true? ok, string? message, string? code
function Session:put(data, path, options) end

--- Streams a file; the reader fails at its end if the other side did not read to the end.
---@param path string           # absolute
---@return altmig.reader? reader, string? message, string? code
function Session:open(path) end

--- Drops the connection and makes a new one with the same options; open readers fail from then on.
---@return true? ok, string? message, string? code
function Session:reconnect() end

--- What both sides agreed on when they connected, by the names of the protocol.
---@return { banner: string?, kex: string?, host_key: string?, cipher_out: string?, cipher_in: string?, mac_out: string?, mac_in: string? }
function Session:methods() end

--- Calls the function with a record of every command from now on, at the end of the call that sent it; nil: of
--- none. What it raises is dropped.
---@param observe fun(record: altmig.ssh.Record)?
function Session:observe(observe) end

function Session:close() end

---@class altmig.ssh.JobOptions : altmig.ssh.CommandOptions
---@field id string             # names the job on that host: 1 to 100 letters, digits and ._:,+@=-
---@field dir string?           # of all jobs there, default /var/adm/ras/alt_mig/jobs

---@class altmig.ssh.Job
---@field id string
---@field dir string
local Job = {}

--- Starts a command that outlives the connection, or attaches to the job of that id if it is there.
--- It is never started twice. An id that belongs to another command is JOB_MISMATCH.
---@param argv string[]
---@param options altmig.ssh.JobOptions
---@return altmig.ssh.Job? job
---@return boolean|string started_or_message   # whether this call started it
---@return string? code
function Session:job(argv, options) end

--- A job that was started before; JOB_GONE when there is none of that id.
---@param id string
---@param options { dir: string? }?
---@return altmig.ssh.Job? job, string? message, string? code
function Session:attach(id, options) end

---@class altmig.ssh.WaitOptions
---@field on_line fun(line: string, stream: "stdout"|"stderr")?
---@field timeout number?       # seconds; the job goes on
---@field max_output integer?   # bytes of each stream, default 64 MiB
---@field retries integer?      # connections tried in a row after a loss, default 6
---@field offset { stdout: integer?, stderr: integer? }?   # bytes of output to leave out
---@field room number?          # seconds to wait until the status of a job that has ended can be written, default 600
---@field on_notice fun(text: string)?   # told what the administrator should know: no room for the status or output

--- Follows the output from its start and waits for the end, over new connections if need be.
---@param options altmig.ssh.WaitOptions?
---@return altmig.ssh.Result? result, string? message, string? code   # JOB_GONE: no status was left; JOB_UNRECORDED: no room for it
function Job:wait(options) end

---@return "running"|"done"|"unrecorded"|"gone"|nil state   # unrecorded: it has ended, its status waits for room, string? message, string? code
function Job:poll() end

--- TERM to the process group, KILL after `grace` seconds (default 10). A job that ended is fine.
---@param options { grace: integer? }?
---@return true? ok, string? message, string? code
function Job:cancel(options) end

--- Removes what the job left on that host; JOB_RUNNING while it runs.
---@return true? ok, string? message, string? code
function Job:remove() end

return ssh
