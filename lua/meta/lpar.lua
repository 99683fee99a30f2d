---@meta lpar.core
-- SPDX-License-Identifier: MIT

--- System calls of LPARs that are processes (only in aixlua; `require "lpar"` adds what is written in Lua).
--- What can fail in the world returns nil, message, code.
---@class lpar.core
local lpar = {}

--- mount(2). flags: comma list of bind, move, noatime, nodev, noexec, nosuid, private, rec, remount, ro, rw.
---@param source string?
---@param target string
---@param fstype string?
---@param flags string?
---@param data string?
---@return true? ok, string? message, string? code
function lpar.mount(source, target, fstype, flags, data) end

---@param target string           # a link is not followed
---@param opts { force: boolean?, lazy: boolean? }?
---@return true? ok, string? message, string? code
function lpar.umount(target, opts) end

--- New namespaces for this process; its mounts become private.
---@param namespaces string       # comma list of mnt, net, uts, pid (pid: for later children)
---@return true? ok, string? message, string? code
function lpar.unshare(namespaces) end

--- A program in a session of its own, PID 1 of its PID namespace if it gets one. argv[1] is a path, the
--- environment is exactly env, output (appended to) takes both streams.
---@param opts { argv: string[], env: string[]?, namespaces: string?, output: string? }
---@return integer? pid, string? message, string? code
function lpar.spawn(opts) end

--- A child that ended; nothing when there is none.
---@return integer? pid, integer? status, integer? signal
function lpar.reap() end

--- Waits for CHLD, HUP, INT, TERM, USR1 or USR2. From the first call on these signals are held for it.
---@param seconds number
---@return string? event          # nil: the time is over
function lpar.wait_event(seconds) end

---@param pid integer             # -1: every process of the PID namespace but PID 1 and the caller
---@param signal "CHLD"|"HUP"|"INT"|"KILL"|"STOP"|"CONT"|"TERM"|"USR1"|"USR2"
---@return true? ok, string? message, string? code
function lpar.kill(pid, signal) end

---@param name string
---@return true? ok, string? message, string? code
function lpar.sethostname(name) end

---@param root string
---@return true? ok, string? message, string? code
function lpar.chroot(root) end

--- Does the server export the path to this host? Asks its port mapper and mount daemon.
---@param address string          # IPv4
---@param path string
---@return true? ok, string? message
---@return string? code           # "EACCES", "ENOENT", "ENOTDIR", "ETIMEDOUT", "EIO"
function lpar.mountd(address, path) end

--- Puts what another mount namespace has at root/path on target: that mount alone, nothing below it.
---@param namespace string        # outside path: "/proc/PID/ns/mnt"
---@param root string
---@param path string
---@param target string
---@param flags string?           # "ro,nodev,nosuid,noexec,noatime"
---@param squash boolean?         # root here is nobody there
---@return true? ok, string? message, string? code
function lpar.attach(namespace, root, path, target, flags, squash) end

return lpar
