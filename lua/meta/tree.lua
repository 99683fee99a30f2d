---@meta altmig.tree
-- SPDX-License-Identifier: MIT

--- Trees of files: a directory of this host, or a client's exports put together by path. Every path
--- is absolute inside the tree. Links are followed inside the tree only (an absolute target starts
--- at the tree's root); ".." above the root is "OUTSIDE_TREE", a component "." is "EINVAL".
--- Methods that fail in the world return nil, message, code; the message is
--- "operation: PLACE: reason". Codes are errno names, and of NFS: NFS_MOUNT (export refused or
--- server not reached when mounting), NFS_LOST (connection lost and not back in time), NFS_CHANGED
--- (another file system behind the export than before), NFS_CROSSING (the server would lead into
--- another file system), NFS_GUARD, CANCELLED.
---@class altmig.tree.module
local module = {}

---@class altmig.tree
local Tree = {}

---@class altmig.tree.Stat
---@field type "file"|"dir"|"link"|"block"|"char"|"fifo"|"socket"
---@field mode integer         # permission bits only
---@field uid integer
---@field gid integer
---@field size integer
---@field mtime integer        # seconds
---@field mtime_nsec integer
---@field atime integer
---@field nlink integer
---@field ino integer
---@field fsid integer
---@field dev integer          # the same as fsid
---@field rdev_major integer?  # block and char only
---@field rdev_minor integer?
---@field target string?       # links only

---@class altmig.tree.Attributes
---@field mode integer?
---@field uid integer?
---@field gid integer?
---@field mtime number?        # seconds; a float carries its fraction
---@field mtime_nsec integer?  # exact nanoseconds beside an integer mtime

---@class altmig.tree.Mount
---@field at string
---@field host string?         # NFS only
---@field export string        # or the local directory
---@field fsid integer
---@field handle string?       # root file handle in hexadecimal, NFS only
---@field verifier string?     # write verifier seen last: changes when the server restarts
---@field connects integer
---@field read_max integer?    # bytes of one READ, as they are used; NFS only
---@field write_max integer?
---@field plain_lists boolean? # the server refused READDIRPLUS, and READDIR is asked

--- `sync = false`: writes do not wait for the disk.
---@param dir string
---@param options { sync: boolean? }?
---@return altmig.tree? tree, string? message, string? code
function module.at(dir, options) end

---@class altmig.tree.Source
---@field at string            # "/", "/usr"
---@field url string           # "nfs://host/export[?nfsport=N&mountport=N&uid=N&gid=N]"

---@class altmig.tree.NfsOptions : { [integer]: altmig.tree.Source }
---@field timeout number?      # seconds for one call, default 30
---@field retry number?        # seconds a lost connection may take to come back, default 120
---@field guard (fun(at: string): true?, string?, string?)?
---@field via altmig.ssh.ConnectOptions?   # connections are made by this host's sshd, which knows the hosts of the URLs

--- A tree of NFS version 3 exports, longest prefix first; one of them is at "/". The guard is called
--- before the first write to a mount and again before the next write after every reconnect; unless
--- it returns true the write fails with its message and code (default NFS_GUARD), nothing written.
--- Reads may be made from within it. Only where the program has NFS.
---@param options altmig.tree.NfsOptions
---@return altmig.tree? tree, string? message, string? code
function module.nfs(options) end

---@param path string
---@param options { follow: boolean? }?  # default: the last component is not followed
---@return altmig.tree.Stat? stat, string? message, string? code
function Tree:stat(path, options) end

---@param path string
---@return altmig.tree.Stat? stat, string? message, string? code
function Tree:lstat(path) end

---@param path string
---@return boolean? exists, string? message, string? code
function Tree:exists(path) end

---@param path string
---@return string? target, string? message, string? code
function Tree:readlink(path) end

--- The path with every link followed; the last component need not exist.
---@param path string
---@return string? path, string? message, string? code
function Tree:resolve(path) end

--- Names in byte order.
---@param path string
---@return string[]? names, string? message, string? code
function Tree:list(path) end

--- for path, stat in t:walk("/etc") do: the path itself first, directories before their content,
--- names in byte order. A failure after the start raises its message. With `sum` every file is read, many
--- at a time where the tree can, and its stat has `sum`, that of `sum -r`; `exclude` is that of digest.
---@param path string?         # default "/"
---@param options { sum: boolean?, exclude: string[]? }?
---@return fun(): string?, altmig.tree.Stat?
function Tree:walk(path, options) end

---@param path string
---@param max integer?         # bytes, default 64 MiB; more is "E2BIG"
---@return string? data, string? message, string? code
function Tree:read(path, max) end

---@param path string
---@return altmig.reader? reader, string? message, string? code
function Tree:open(path) end

--- Attributes and beginnings of many files of one directory, in the order of the names; over NFS many are
--- asked for at a time. Links are followed, inside the tree. The iterator gives the place in the list, the
--- first bytes of a regular file (of anything else "") and attributes; of a name that cannot be read the place,
--- nil, message, code. What ends it before the last name (a lost connection) raises a table { code =, message = }.
---@param dir string
---@param names string[]
---@param length integer|integer[]   # bytes of each, or of all; 0: only attributes
---@return (fun(): integer?, string?, altmig.tree.Stat|string?, string?)? heads, string? message, string? code
function Tree:heads(dir, names, length) end

--- Replaces the file in one step (temporary in the same directory, made durable, renamed). What is
--- not given is taken from the old file, or mode 0644. Follows a link at the end.
---@param path string
---@param data string
---@param attributes altmig.tree.Attributes?
---@return true? ok, string? message, string? code
function Tree:write(path, data, attributes) end

---@param path string
---@param mode integer?        # default 0755
---@return true? ok, string? message, string? code
function Tree:mkdir(path, mode) end

---@param path string
---@param mode integer?        # default 0755
---@return true? ok, string? message, string? code
function Tree:makedirs(path, mode) end

---@param target string
---@param path string
---@return true? ok, string? message, string? code
function Tree:symlink(target, path) end

---@param from string
---@param to string
---@return true? ok, string? message, string? code
function Tree:link(from, to) end

---@param from string
---@param to string
---@return true? ok, string? message, string? code
function Tree:rename(from, to) end

--- A file, a link or an empty directory.
---@param path string
---@return true? ok, string? message, string? code
function Tree:remove(path) end

--- With everything below; missing is fine; a mount below is "EBUSY".
---@param path string
---@return true? ok, string? message, string? code
function Tree:remove_all(path) end

--- Follows a link at the end.
---@param path string
---@param mode integer
---@return true? ok, string? message, string? code
function Tree:chmod(path, mode) end

--- Follows a link at the end; -1 leaves one alone.
---@param path string
---@param uid integer
---@param gid integer
---@return true? ok, string? message, string? code
function Tree:chown(path, uid, gid) end

---@param path string
---@param uid integer
---@param gid integer
---@return true? ok, string? message, string? code
function Tree:lchown(path, uid, gid) end

--- Of the entry itself, link or not; nil leaves one alone.
---@param path string
---@param atime number?
---@param mtime number?
---@return true? ok, string? message, string? code
function Tree:utime(path, atime, mtime) end

---@param path string
---@param type "block"|"char"|"fifo"|"socket"
---@param mode integer?        # default 0600
---@param major integer?
---@param minor integer?
---@return true? ok, string? message, string? code
function Tree:mknod(path, type, mode, major, minor) end

--- A file, link, device or directory with everything below it, with owner, mode and times.
---@param from string
---@param to string
---@param options { tree: altmig.tree? }?
---@return true? ok, string? message, string? code
function Tree:copy(from, to, options) end

---@param path string?
---@return { total: integer, free: integer, avail: integer, files_free: integer }? space
---@return string? message, string? code
function Tree:df(path) end

---@class altmig.tree.DigestOptions
---@field exclude string[]?    # patterns: with a slash against the path, else against the name
---@field times boolean?       # times of modification count too

--- SHA-256 over type, mode, owner, size, content and link target of everything below the path.
---@param path string?
---@param options altmig.tree.DigestOptions?
---@return string? hex, string? message, string? code
function Tree:digest(path, options) end

---@param path string?
---@param options altmig.tree.DigestOptions?
---@return table<string, string>? digests, string? message, string? code
function Tree:digest_list(path, options) end

---@return altmig.tree.Mount[]? mounts, string? message, string? code
function Tree:mounts() end

--- Somebody else wrote: forget what was seen.
---@return true
function Tree:drop_caches() end

--- Freezes the tree with a reason: every call that would change something fails with READ_ONLY and the
--- reason, through whichever face of the tree it is made. nil thaws it.
---@param why string?
---@return true
function Tree:freeze(why) end

--- The same tree with another face: where a call that changes something (write, mkdir, makedirs, symlink,
--- link, rename, remove, remove_all, mknod, chmod, chown, lchown, utime, copy, restore) would return nil,
--- message, code, fn(message, code) is called, which should raise. Reading calls are as before. Closing
--- either closes both; a face that is collected leaves the tree open.
---@param fn fun(message: string, code: string)
---@return altmig.tree tree
function Tree:raising(fn) end

--- The tree that a raising face is of; any other tree itself. For code that tells failures apart by what
--- calls return.
---@return altmig.tree tree
function Tree:plain() end

--- Calls the guard for every mount now.
---@return true? ok, string? message, string? code
function Tree:check_mounts() end

---@class altmig.tree.RestoreOptions
---@field select (fun(path: string): boolean)|string[]|nil   # "/usr/bin/ls"; patterns hold for what is below too
---@field exclude string[]?
---@field on_progress fun(stats: altmig.tree.RestoreStats)?  # at most ten times a second, and at the end
---@field again (fun(): altmig.reader|altmig.bff.Archive)?  # the archive from its beginning once more
---@field commit boolean?      # NFS: every file durable by itself, one call more each
---@field times boolean?       # verify: compare times of modification of files too

---@class altmig.tree.RestoreStats
---@field files integer
---@field dirs integer
---@field links integer        # symbolic and hard links
---@field devices integer
---@field bytes integer
---@field members integer
---@field skipped integer
---@field requests integer     # RPCs to servers; 0 for a local tree
---@field seconds number
---@field restarts integer     # of servers that made it write again what they may have forgotten
---@field moved string[]       # directories that were in the way: where they are now
---@field secured altmig.tree.Secured[]   # members whose access rights a tree cannot take
---@field secured_dropped integer         # how many more there are, beyond 16 MiB of them

---@class altmig.tree.Secured  # path twice: the last one counts
---@field path string
---@field acl string?          # as stored, when it has entries beyond mode bits
---@field pcl string?          # as stored, when it has default privileges

--- Restores an archive. Codes of its own: ARCHIVE_PATH (a name that is absolute, leads upwards or
--- goes through a link the archive itself brought), ARCHIVE_LINK, NFS_RESTARTED (a server was restarted
--- meanwhile and may have forgotten what it had not on disk; with `again` that is written again).
--- Over NFS up to 256 members are made at a time; memory does not grow with the archive.
---@param archive altmig.reader|altmig.bff.Archive
---@param options altmig.tree.RestoreOptions?
---@return altmig.tree.RestoreStats? stats, string? message, string? code
function Tree:restore(archive, options) end

--- Whether a command that follows links (restore of AIX, in a chroot) may restore the archive over
--- the tree: the directories above the members are looked at, by the rules of restore. Changes
--- nothing. Codes: ARCHIVE_PATH, OUTSIDE_TREE, ELOOP; the message names the member and its offset.
---@param archive altmig.reader|altmig.bff.Archive
---@param options altmig.tree.RestoreOptions?
---@return altmig.tree.RestoreStats? stats, string? message, string? code   # counts only
function Tree:check(archive, options) end

---@class altmig.tree.Difference
---@field path string
---@field what "missing"|"type"|"mode"|"uid"|"gid"|"size"|"content"|"target"|"device"|"mtime"
---@field want string
---@field have string

--- Compares an archive with the tree: an empty list when all is as restored, else what differs in the
--- order of the archive. Over NFS many members are looked up and read at a time. After the list come
--- statistics: files, bytes, members, requests, seconds.
---@param archive altmig.reader|altmig.bff.Archive
---@param options altmig.tree.RestoreOptions?
---@return altmig.tree.Difference[]? differences, (altmig.tree.RestoreStats|string)? stats, string? code
function Tree:verify(archive, options) end

function Tree:close() end

return module
