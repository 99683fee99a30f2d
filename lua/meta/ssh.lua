---@meta altmig.ssh

--- Commands, files and jobs of other hosts over SSH. Calls block; Ctrl-C ends them with CANCELLED.
--- Codes: SSH_CONNECT, SSH_HOSTKEY_UNKNOWN, SSH_HOSTKEY_CHANGED, SSH_AUTH, SSH_KEY, SSH_TIMEOUT,
--- SSH_LOST, SSH_CHANNEL, UNSUPPORTED, CANCELLED, E2BIG, CALLBACK.
---@class altmig.ssh
local ssh = {}

---@class altmig.ssh.ConnectOptions
---@field host string
---@field port integer?         # default 22
---@field user string?          # default root
---@field identity string?      # private key file; default: the agent, then ~/.ssh/id_ed25519, id_ecdsa
---@field passphrase string?    # of the key file
---@field known_hosts string?   # default ~/.ssh/known_hosts; keys are never added to it here
---@field timeout number?       # seconds to connect and authenticate, default 30
---@field keepalive number?     # seconds of silence before a sign of life is asked for, default 30; lost after 4

---@class altmig.ssh.CommandOptions
---@field chroot string?        # run it under /usr/sbin/chroot
---@field env table<string, string>?   # added to the environment
---@field cwd string?           # absolute; inside chroot if that is given
---@field stdin string?

---@class altmig.ssh.RunOptions : altmig.ssh.CommandOptions
---@field on_line fun(line: string, stream: "stdout"|"stderr")?
---@field timeout number?       # seconds; the command may go on over there: use a job where that matters
---@field max_output integer?   # bytes of each stream, default 64 MiB; more is E2BIG

---@class altmig.ssh.Result
---@field status integer?       # it ended with this status
---@field signal string?        # or by this signal: "TERM"
---@field stdout string
---@field stderr string

---@class altmig.ssh.Session
---@field host string
---@field user string
---@field port integer
local Session = {}

---@param options altmig.ssh.ConnectOptions
---@return altmig.ssh.Session? session, string? message, string? code
function ssh.connect(options) end

--- The command line that run would send for the same words and options.
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

function Session:close() end

return ssh
