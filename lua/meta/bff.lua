---@meta altmig.bff
-- SPDX-License-Identifier: MIT

--- AIX backup-by-name archives: installp images, the fourth image of a mksysb. Functions that fail
--- return nil, message, code; codes: BFF_MAGIC, BFF_CHECKSUM, BFF_LENGTH, BFF_NAME, BFF_TYPE,
--- BFF_PACK, TRUNCATED, and those of the reader or the file system.
---@class altmig.bff
local bff = {}

---@class altmig.bff.Member
---@field name string          # as stored: "./usr/lpp/bos"
---@field type "file"|"dir"|"link"|"block"|"char"|"fifo"|"socket"
---@field mode integer         # permission bits
---@field aix_mode integer     # the whole st_mode word of AIX
---@field uid integer
---@field gid integer
---@field size integer         # unpacked
---@field stored_size integer  # in the archive; 0 for a later name stored without data
---@field atime integer
---@field mtime integer
---@field ctime integer
---@field ino integer          # serial number of an object with several names, else 0
---@field nlink integer
---@field offset integer       # of the header in the archive
---@field packed boolean
---@field target string?       # of a symbolic link
---@field link string?         # name of the first member that is the same file
---@field rdev_major integer?  # device nodes only
---@field rdev_minor integer?
---@field acl string?          # as stored
---@field pcl string?

---@class altmig.bff.Archive : userdata
local Archive = {}

--- Iterates over the members, once. A broken archive raises an error with the fields message and
--- code, so that it is never taken for the end.
---@return fun(): altmig.bff.Member?
function Archive:members() end

--- One step of the iteration: nil alone at the end, nil, message, code on failure.
---@return altmig.bff.Member? member, string? message, string? code
function Archive:next() end

--- All data of the current member; code E2BIG when it has more than `max` (1 GiB) bytes.
---@param member altmig.bff.Member
---@param max integer?
---@return string? data, string? message, string? code
function Archive:read(member, max) end

--- Up to `count` further bytes of the current member's data; "" at its end.
---@param member altmig.bff.Member
---@param count integer
---@return string? data, string? message, string? code
function Archive:read_some(member, count) end

--- What the volume header says.
---@return {date: integer, number: integer, user: string}
function Archive:volume() end

function Archive:close() end

---@class altmig.bff.Writer : userdata
local Writer = {}

---@class altmig.bff.NewMember
---@field name string
---@field type string?         # default "file"
---@field mode integer?        # permission bits, default 0644
---@field aix_mode integer?    # its upper 16 bits are kept
---@field uid integer?
---@field gid integer?
---@field mtime integer?
---@field atime integer?       # default: mtime
---@field ctime integer?       # default: mtime
---@field data string?         # of a file; or
---@field path string?         # the local file that holds them
---@field target string?
---@field nlink integer?
---@field ino integer?         # what add returned for the object's first name
---@field rdev_major integer?
---@field rdev_minor integer?
---@field acl string?
---@field pcl string?

--- Appends a member. After a failure the archive can only be dropped.
---@param member altmig.bff.NewMember
---@return true? ok, integer|string ino, string? code   # ino: 0, or a serial number if nlink > 1
function Writer:add(member) end

--- Ends the archive and gives it its name; nothing is at that path before.
---@return true? ok, string? message, string? code
function Writer:close() end

--- Drops the archive; what the end of a scope does without close.
function Writer:abort() end

--- Reads as a stream. A reader belongs to the archive from then on.
---@param source string|altmig.reader|integer   # path, reader, or a descriptor (0: standard input)
---@return altmig.bff.Archive? archive, string? message, string? code
---@nodiscard
function bff.open(source) end

--- Reads an archive of bytes in memory, as the first ones of a long archive; TRUNCATED where they end.
---@param data string
---@param name string?         # for messages
---@return altmig.bff.Archive? archive, string? message, string? code
---@nodiscard
function bff.parse(data, name) end

--- Starts an archive that appears at `path` when the writer is closed.
---@param path string
---@param options {pack: boolean?, date: integer?}?   # pack: Huffman coding where it is smaller
---@return altmig.bff.Writer? writer, string? message, string? code
---@nodiscard
function bff.create(path, options) end

---@class altmig.bff.FilterOptions
---@field select string[]?     # patterns as tree:restore takes them; default: everything
---@field exclude string[]?

---@class altmig.bff.Sent      # counts of what went through so far
---@field files integer
---@field dirs integer
---@field links integer
---@field devices integer
---@field bytes integer        # of files, unpacked
---@field members integer
---@field skipped integer

--- The archive without the members that the options leave out, as an archive again: records pass byte
--- for byte, packed data and security blocks included, and nothing is unpacked. Reading fails with
--- ARCHIVE_PATH for a name that leaves the tree and ARCHIVE_LINK for a further name of a file whose
--- data are left out. A reader given as source belongs to the new one.
---@param source string|altmig.reader|integer
---@param options altmig.bff.FilterOptions?
---@return altmig.reader? reader
---@return (fun(): altmig.bff.Sent)|string sent_or_message   # what went through
---@return string? code
function bff.filter(source, options) end

--- Reads everything: headers, checksums, packed data.
---@param source string|altmig.reader
---@return {members: integer, bytes: integer}? result, string? message, string? code
function bff.verify(source) end

return bff
