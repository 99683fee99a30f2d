---@meta altmig.sys
-- SPDX-License-Identifier: MIT

--- Files, processes and facts of the host the program runs on. Every function that can fail in the
--- world returns nil, message, code; misuse raises.
---@class altmig.sys
local sys = {}

---@class altmig.sys.Stat
---@field type "file"|"dir"|"link"|"block"|"char"|"fifo"|"socket"
---@field mode integer         # permission bits only
---@field uid integer
---@field gid integer
---@field size integer
---@field mtime integer
---@field atime integer
---@field nlink integer
---@field ino integer
---@field dev integer
---@field rdev_major integer?  # block and char only
---@field rdev_minor integer?

---@class altmig.sys.Exit
---@field status integer?      # it exited with this status
---@field signal string?       # or this signal ended it: "TERM"

---@class altmig.sys.RunResult : altmig.sys.Exit
---@field stdout string
---@field stderr string

---@class altmig.sys.Lock
local Lock = {}

--- Drops the lock; the file stays, empty. May be called again.
function Lock:close() end

---@param path string
---@param mode integer?        # default 0777, less the umask
---@return true? ok, string? message, string? code
function sys.mkdir(path, mode) end

--- Also the directories above; one that is there already is fine.
---@param path string
---@param mode integer?
---@return true? ok, string? message, string? code
function sys.makedirs(path, mode) end

---@param path string
---@return altmig.sys.Stat? stat, string? message, string? code
function sys.stat(path) end

---@param path string
---@return altmig.sys.Stat? stat, string? message, string? code
function sys.lstat(path) end

---@param path string
---@return string[]? names     # sorted by bytes, without "." and ".."
---@return string? message, string? code
function sys.list(path) end

--- Removes a file or link; directories are for rmdir.
---@param path string
---@return true? ok, string? message, string? code
function sys.remove(path) end

---@param path string
---@return true? ok, string? message, string? code
function sys.rmdir(path) end

---@param from string
---@param to string
---@return true? ok, string? message, string? code
function sys.rename(from, to) end

---@param target string
---@param path string
---@return true? ok, string? message, string? code
function sys.symlink(target, path) end

---@param from string
---@param to string
---@return true? ok, string? message, string? code
function sys.link(from, to) end

---@param path string
---@return string? target, string? message, string? code
function sys.readlink(path) end

---@param path string
---@return string? path, string? message, string? code
function sys.realpath(path) end

---@param path string
---@param mode integer
---@return true? ok, string? message, string? code
function sys.chmod(path, mode) end

---@param path string
---@param uid integer          # -1: as it is
---@param gid integer
---@return true? ok, string? message, string? code
function sys.chown(path, uid, gid) end

---@param path string
---@param uid integer
---@param gid integer
---@return true? ok, string? message, string? code
function sys.lchown(path, uid, gid) end

--- Sets the times of the name given; a link is not followed.
---@param path string
---@param atime number
---@param mtime number
---@return true? ok, string? message, string? code
function sys.utime(path, atime, mtime) end

---@param path string
---@param type "file"|"fifo"|"block"|"char"
---@param mode integer?
---@param major integer?       # block and char
---@param minor integer?
---@return true? ok, string? message, string? code
function sys.mknod(path, type, mode, major, minor) end

---@param path string
---@param size integer
---@return true? ok, string? message, string? code
function sys.truncate(path, size) end

---@param path string
---@param max integer?         # a longer file is E2BIG, never cut short; default 1 GiB
---@return string? content, string? message, string? code
function sys.read_file(path, max) end

--- The same of a file that nobody but root and the effective user can have written: it and every
--- directory from the root down belong to one of them, and neither group nor others can write them
--- (directories: unless they are sticky); links are followed if they belong to one of them. Else
--- UNTRUSTED with what is wrong. What is read is the open file that was looked at.
---@param path string
---@param max integer?
---@return string? content, string? message, string? code
function sys.read_trusted(path, max) end

--- atomic (default): temporary in the same directory, fsync, rename, fsync of the directory; a
--- link at path is replaced. Otherwise written through the existing inode.
---@param path string
---@param data string
---@param opts { mode: integer?, atomic: boolean? }?   # mode default 0600
---@return true? ok, string? message, string? code
function sys.write_file(path, data, opts) end

---@param path string
---@param data string
---@param opts { mode: integer? }?
---@return true? ok, string? message, string? code
function sys.append_file(path, data, opts) end

--- Takes the lock file. It is dropped by close, by collection, and by the end of the process.
---@param path string
---@param opts { text: string? }?   # what others are told: who holds it
---@return altmig.sys.Lock? lock
---@return string? message
---@return string? code             # "LOCKED" when somebody else holds it
---@return string? text             # then: the holder's text
---@nodiscard
function sys.lock(path, opts) end

--- Who holds the lock file, without taking it.
---@param path string
---@return string|false|nil text    # false: nobody
---@return string? message, string? code
function sys.locked(path) end

---@class altmig.sys.RunOptions
---@field stdin string?             # bytes fed to standard input
---@field env table<string, string|number>?   # put over the environment
---@field cwd string?               # inside chroot, if that is given
---@field chroot string?
---@field on_line fun(line: string, stream: "stdout"|"stderr")?   # an error of it ends the program: "CALLBACK"
---@field timeout number?           # seconds; then the process group is ended: "ETIMEDOUT"
---@field max_output integer?       # bytes of each stream; more is "E2BIG". Default 1 GiB

--- Runs a program to its end. A status other than 0 is a result, not a failure.
---@param argv string[]
---@param opts altmig.sys.RunOptions?
---@return altmig.sys.RunResult? result
---@return string? message
---@return string? code             # "ENOENT", "ETIMEDOUT", "CANCELLED", "CALLBACK", "E2BIG" ...
function sys.run(argv, opts) end

---@class altmig.sys.SpawnOptions
---@field env table<string, string|number>?
---@field cwd string?
---@field chroot string?
---@field detach boolean?           # own session; standard descriptors default to /dev/null
---@field stdin string?             # file to read; default: the caller's
---@field stdout string?            # file to append to; default: the caller's
---@field stderr string?            # default: where stdout goes

--- Starts a program and goes on.
---@param argv string[]
---@param opts altmig.sys.SpawnOptions?
---@return integer? pid, string? message, string? code
function sys.spawn(argv, opts) end

---@param pid integer
---@param nohang boolean?
---@return altmig.sys.Exit|false|nil exit   # false: still running (nohang)
---@return string? message, string? code
function sys.wait(pid, nohang) end

---@param pid integer               # negative: a process group
---@param signal string?            # "TERM" (default), "KILL", ...; "0": only look whether it is there
---@return true? ok, string? message, string? code
function sys.kill(pid, signal) end

--- Becomes another program. Returns only on failure.
---@param argv string[]
---@param env table<string, string|number>?
---@return nil, string message, string code
function sys.exec(argv, env) end

---@param name string
---@return string? value
function sys.getenv(name) end

---@param name string
---@param value string?             # nil removes it
---@return true? ok, string? message, string? code
function sys.setenv(name, value) end

---@return integer
function sys.getpid() end

---@return integer
function sys.getuid() end

---@return string? name, string? message, string? code
function sys.hostname() end

--- Seconds since the epoch, with fraction.
---@return number
function sys.time() end

--- Seconds of a clock that only goes forward; for durations.
---@return number
function sys.clock() end

---@param seconds number
---@return true? ok, string? message, string? code   # "CANCELLED"
function sys.sleep(seconds) end

---@param fd integer?               # default 0
---@return boolean
function sys.isatty(fd) end

---@param fd integer?               # default 1
---@return integer? columns         # nil: no terminal
function sys.terminal_width(fd) end

--- Sets the mask and returns the one before; without argument only returns it.
---@param mask integer?
---@return integer
function sys.umask(mask) end

--- Path of the running program.
---@return string? path, string? message, string? code
function sys.exe_path() end

---@param data string
---@return string hex
function sys.sha256(data) end

--- The 16-bit sum that `sum -r` prints and inventories of AIX hold.
---@param data string
---@return integer
function sys.sum(data) end

--- CRC and length as the POSIX cksum command prints them.
---@param data string
---@return integer crc, integer length
function sys.cksum(data) end

--- Whether a signal (Ctrl-C, SIGTERM, SIGHUP, SIGQUIT) asked this process to stop.
---@return boolean
function sys.cancelled() end

--- Forgets that, and says that it was heeded: a program that does neither this nor end within ten seconds
--- is ended. The prompt does so before each command, the flow before it withdraws.
function sys.cancel_clear() end

return sys
