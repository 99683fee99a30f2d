-- SPDX-License-Identifier: MIT
-- What altmig takes for true of AIX and has not seen, as a table: `altmig probe --list` prints it, the rows of the
-- battery answer it, and the manual and the sources refer to it ("inferred: ID"). An assumption that a real host
-- confirmed or refuted says which ("7.2 TL5, bundle of 2027-01-15"); one that fell stays, with what was changed.

local assumptions = {}

---@class altmig.probe.Assumption
---@field id string
---@field text string       one sentence
---@field state "open"|"confirmed"|"refuted"
---@field by string?        what confirmed or refuted it
---@field row string?       the row that answers it
---@field needs "write-test"|"scratch-disk"|"migration"|nil   what answers it, where looking does not

local list = {}

-- Open, answered by looking.
local function add(id, row, text) list[#list + 1] = { id = id, row = row, text = text, state = "open" } end
-- Open, and looking is not enough.
local function needs(id, what, row, text) list[#list + 1] = { id = id, row = row, text = text, state = "open", needs = what } end

-- Lists and numbers of commands.
add("oslevel-form", "oslevel", "oslevel -s prints VRMF-TL-SP-DATE alone on a line.")
add("lspv-layout", "lspv", "lspv has a row of name, PVID, volume group and state for each disk, and no heading.")
add("lsvg-layout", "lsvg", "lsvg VG has pairs of LABEL: value; PP SIZE is in megabytes, the identifier has 32 digits.")
add("lsvg-l-layout", "lsvg-l", "lsvg -l VG has seven columns; what is not mounted has N/A or nothing in the last.")
add("lslv-m-layout", "lslv-m", "lslv -m LV has a row of LP, PP and disk for each logical partition.")
add("df-layout", "df", "df -k MOUNTPOINT prints device, blocks, free, %used, inodes, %inodes and mount point, one line each.")
add("mount-layout", "mount", "mount prints node, source, place, type, date and options; local mounts have no node.")
add("exportfs-listing", "exportfs", "exportfs lists a path and its options, with one leading minus, on a line.")
add("bootlist-layout", "bootlist", "bootlist -m normal -o prints DISK blv=LV, once for each path of a disk.")
add("disk-size", "disk-size", "getconf DISK_SIZE /dev/DISK prints megabytes.")
add("getlvodm-j", "getlvodm-j", "getlvodm -j DISK prints the identifier of its volume group; 0516-320 and status 3 if it is in none.")
add("getlvodm-v", "getlvodm-v", "getlvodm -v VG prints the identifier of a group, also of one that is varied off.")
add("lvm-record", "lvm-record", "The record of a volume group is at E00 of its disks: _LVM and the identifier.")
add("lvlstmajor-form", "lvlstmajor", "lvlstmajor prints free majors: N, N..M, and N... for all from N on.")
add("lowest-major", "lvlstmajor", "The alternate rootvg gets the lowest major of lvlstmajor.")
add("cudvdr-majors", "odmget-cudvdr", "odmget CuDvDr prints majors in value1 and names in value3.")
add("dev-listing", "ls-dev", "ls -l /dev prints major, comma, minor where files have their size.")
add("lslpp-l-columns", "lslpp-l", "lslpp -lqc has path, fileset, level, PTF, state in words, type, description and a lock.")
add("lslpp-L-columns", "lslpp-L", "lslpp -Lqc has eighteen fields; an empty one is a blank; dates of RPMs hold colons.")
add("lslpp-absent", "lslpp-absent", "lslpp of a fileset that is not installed ends with a status other than 0.")
add("emgr-P-form", "emgr", "emgr -P has three columns, the second is installp; without fixes it says so.")
add("lppchk-form", "lppchk", "lppchk -v is silent and ends with 0 where all is consistent.")
add("trustchk-form", "trustchk", "trustchk -p TE prints TE=ON or TE=OFF.")
add("lswpar-form", "lswpar", "lswpar -q prints nothing where there is no WPAR.")
add("tcb-state", "odmget-tcb", "PdAt of /usr/lib/objrepos tells in TCB_STATE whether the Trusted Computing Base is on.")
add("memory-form", "prtconf-m", "prtconf -m prints Memory Size: N MB.")
add("processor-form", "processor", "lsattr -El proc0 -a type names the processor PowerPC_POWERn.")
add("machine-form", "prtconf", "prtconf names model, processor, the mode of the partition and memory, one line each.")
add("lsdev-format", "lsdev-adapters",
  "lsdev -F name:physloc:description prints the three between colons; a virtual adapter has -V in its place.")
add("genkex-form", "genkex", "genkex prints address, size and file of each kernel extension that is loaded.")
add("genld-form", "genld", "genld -l prints Proc_name of each process, then address and name of what it has loaded.")
add("blvset-form", "blvset", "blvset -d DISK -g level prints version and release of the boot area, 0.0 where there is none.")
add("hdcryptmgr-form", "hdcryptmgr", "hdcryptmgr showvg and showlv print yes or no behind each name.")
add("lscluster-form", "lscluster", "lscluster -c names the cluster, or says that there is none.")
add("lslpp-w-form", "lslpp-w", "lslpp -wqc FILE prints file, fileset and type with colons between.")
add("fix-names", "spot-fixes", "The fix of a service pack is called 72-05-062320_SP, and its list names filesets with their levels.")
add("machine-identifier", "uname", "uname -m prints twelve hexadecimal digits, by which the PVIDs of the host begin.")
add("sum-form", "sum", "sum -r of several files prints sum, blocks of 1024 bytes and name for each.")
add("date-form", "date", "date -u +FORMAT takes %Y %m %d %H %M %S.")
add("who-b-form", "who-b", "who -b names the last boot to the minute, without a year.")
add("ps-comm", "ps-comm", "ps -e -o comm prints a name for each process.")
add("lssrc-layout", "lssrc", "lssrc has subsystem, group, process and state; the last word of a row is the state.")
add("lssrc-absent", "lssrc-absent", "lssrc of a subsystem that is not on file ends with a status other than 0.")
add("host-form", "host", "host NAME prints NAME is ADDRESS, then the aliases.")
add("lsnim-layout", "lsnim", "lsnim -l NAME prints attribute = value, indented; Cstate and, while it is locked, locked are among them.")
add("lsnim-locked", "lsnim", "An NIM object that is locked has an attribute locked with the process.")
add("odmget-lpp", "spot-lpp", "The software database of a SPOT is read with ODMDIR=SPOT/lib/objrepos odmget lpp.")
add("installp-L-columns", "installp-L", "installp -L -d DIR has a line of colon fields for each fileset and level.")
add("ldd-form", "ldd", "ldd names the libraries of a program indented, with their members in parentheses.")
add("dump-form", "dump", "dump -H names the import files of a program by path, base and member.")
-- The shell.
add("login-shell", "quoting", "The login shell of root hands one quoted line to sh as it is, whatever shell it is.")
add("engine-address", "engine-address", "SSH_CONNECTION names the address by which the client knows the engine host.")
add("shell-umask", "shell", "umask takes and prints octal digits.")
add("shell-file-limit", "shell", "Root may write files larger than an image: ulimit -f.")
add("shell-arg-max", "shell", "A command line of 24 KiB is taken.")
add("shell-arithmetic", "shell", "Arithmetic of sh may have 32 bits: no script may rest on more.")
add("ln-n-keeps", "shell", "ln -n never replaces a file.")
add("kill-l-names", "shell", "kill -l NUMBER prints the name of a signal.")
add("shell-trap", "shell", "A trap of sh runs at a signal that the shell sends itself.")
add("shell-signal-status", "shell", "The status of a command that a signal ended is 128 and its number.")
add("ps-args-width", "shell", "ps -o args= into a pipe prints 1000 bytes of a command line.")
add("ps-gone", "shell", "ps -p of a process that is not there ends with status 1.")
add("shell-test-flags", "shell", "test of sh knows -h, -f and -s.")
add("echo-backslash", "shell", "echo may take backslashes apart: no script may print a name with it.")
add("environment", "shell", "Commands of altmig see neither ENV nor LIBPATH nor another ODMDIR than /etc/objrepos, whatever a site sets.")
add("sleep-fraction", "shell", "sleep 0.1 is refused, or taken for 0: no script may rest on it.")
add("mkdir-locks", "shell", "mkdir of a directory that is there fails: it is a lock.")
-- SSH and NFS.
add("ssh-algorithms", "ssh", "libssh2 and the sshd of AIX agree on algorithms of today.")
add("ssh-channels", "ssh-channels", "Four channels of one connection may be open at once.")
add("job-survives", "job", "A job that was started detached goes on when its connection is lost, and leaves its status.")
add("nfs-services", "rpcinfo", "The port mapper knows NFS version 3 and mountd.")
add("nfs-sizes", "nfs", "The server takes READ and WRITE of 64 KiB or more.")
add("nfs-readdirplus", "nfs", "The server answers READDIRPLUS.")
-- Files of the SPOT and the images.
add("spot-programs", "spot-programs", "alt_disk_copy, alt_rootvg_op and alt_disk_install of a SPOT are scripts that root may read and run.")
add("usage-text", "usage", "A flag that a command does not know gives a usage text and a status other than 0, and nothing is done.")
add("bos-layout", "bos-head", "The bos image begins with ./lpp_name.")
add("bff-layout", "bos-members", "The reader of backup archives sees the members that restore -T sees.")
add("bos-root-part", "bos-members", "The bos image holds root-part files at ./etc, beside those of ./usr.")
add("toc-form", "toc", "A .toc begins with a line of numbers, then a line for each image.")
-- The boot disk.
add("boot-record", "boot-record", "The first sector of a disk that boots is as altmig.bosboot reads it.")
add("boot-image", "boot-image", "The boot image in hd5 has the headers that altmig.bosboot reads.")
-- What looking does not show: mounts, exports and boot images that are tried.
local function trial(id, row, text) needs(id, "write-test", row, text) end
trial("namefs-directory", "namefs", "namefs shows one directory or file at another of its kind, also over an NFS mount.")
trial("namefs-device", "namefs", "namefs refuses a device.")
trial("mount-astray", "namefs", "A mount whose path was changed under it is shown where it is, or not at its own.")
trial("nodev-refuses", "nodev", "A device on a nodev mount cannot be opened.")
trial("private-dev", "nodev", "A directory of devices that namefs lays over one of a nodev mount has devices that can be opened.")
trial("export-options", "export", "exportfs -i takes rw=, root= and access= with two hosts, and -u withdraws it at once.")
trial("export-root", "export", "Root of a host in root= and access= may write, and give files away.")
trial("mount-options", "export", "mount takes rw,vers=3,nodev,hard,intr, and what one host writes the other sees.")
trial("bosboot-into-file", "bosboot", "bosboot -a -b FILE without -d builds an image into FILE.")
trial("bosboot-file-only", "bosboot", "bosboot -a -b FILE leaves the boot logical volume as it was.")
-- What needs a disk that nobody needs.
local function on_disk(id, text) needs(id, "scratch-disk", "disk", text) end
on_disk("clone-failed", "After a phase 1 that was cut off altinst_rootvg is there, and -X takes it away.")
on_disk("clone-over-record", "alt_disk_copy takes a disk on which -X left its record.")
on_disk("clone-refused", "alt_disk_copy refuses a disk of a volume group with 0505-126, and leaves the group alone.")
on_disk("x-leaves-record", "alt_rootvg_op -X leaves the record on the disk, and chpv -C clears it.")
on_disk("x-sets-bootlist", "Whatever -X makes of the bootlist, it can be set back.")
on_disk("lquerypv-free", "lquerypv -V DISK prints 0 while a record is on the disk, and 1 when there is none.")
on_disk("bosboot-without-devices", "bosboot -a -b FILE builds in a copy whose /dev has no disk.")
on_disk("boot-image-apart", "Image and boot record may be written to a disk apart from each other.")
on_disk("wake-names", "alt_rootvg_op -W opens what -S closed, with the same names of volumes.")
on_disk("export-order", "An exported file system can be unmounted only after its export is withdrawn.")
on_disk("mirrored-clone-size", "A mirrored rootvg cloned to one disk takes the room of one copy.")
-- What only a migration shows.
local function migration(id, text) needs(id, "migration", nil, text) end
migration("force-spelling", "alt_rootvg_op -W takes FORCE=yes, or FORCE=Yes.")
migration("vgid-kept", "A volume group keeps its identifier when phase 11 renames it and when it is booted.")
migration("bosboot-in-copy", "bosboot builds an image into a file in a chroot of the master, without a device there.")
migration("nim-update", "nim -o update -a packages=P -a source=DIR copies images into an lpp_source; nim -o cust installs them in a SPOT.")
migration("namefs-command", "A file that namefs lays over a program of an NFS mount is run in its place, by every name of the program.")
migration("ksh88-reads-env", "ksh88 reads the file that ENV names for every script, and installp leaves ENV to its scripts.")
migration("deinstall-scripts", "installp -u runs the scripts that are in deinstl of /usr/lpp/PACKAGE and /lpp/PACKAGE.")
migration("boot-image-size", "Boot images have up to 32 MB (7.2) or 40 MB (7.3).")
migration("boot-partition", "The boot partition covers image and save-base area; its numbers are little-endian.")
migration("save-base-area", "savebase fills the area behind the image that the boot record names.")
migration("nfs-through-ssh", "What sshd connects to the client's own address comes from that address, which an export may name.")
migration("bosinst-data", "The file of -o becomes /bosinst.data of the copy.")
migration("restore-libpath", "restore of AIX runs by LIBPATH beside itself.")
migration("acl-text", "aclput takes the text of aclget with numeric ids.")
migration("odm-vchar", "Strings of 256 bytes or more belong in the .vc file of a class, shorter ones in its records.")
migration("odm-string-tail", "odmchange leaves what stands behind the end of a string that it changes.")
migration("odm-deleted", "A slot of a deleted object may stay in a class.")
migration("odm-create", "altmig odm create names types and members in C as odmcreate does.")
migration("cfgfiles-of-bos", "The lists of the BOS are in liblpp.a of the bos image, in the form of those of any fileset.")
migration("inventory-sum", "The class inventory holds the number of sum -r, -1 for VOLATILE, and the target of a link in loc2.")
migration("swvpd-numbers", "Numbers of states and file types in the software database mean what altmig.swvpd takes them for.")
migration("secur-mig-files", "secur_mig covers the files and classes that altmig names.")
migration("policy-content", "The files of the policy are those that nimadm saves and merges.")
migration("update-in-copy", "installp, emgr and bosboot of a copy run on the client under chroot /alt_inst.")
migration("instfix-icqk", "instfix -icqk NAME prints name:fileset:wanted:installed:status:text; - is below the level.")
migration("emgr-status", "emgr -r and -e end with another status than 0 when they did nothing.")
migration("efix-label", "The label of an interim fix begins with its APAR, and its package is LABEL.TIME.epkg.Z.")
migration("odm-merge-keys", "Objects of a class are the same by the keys that altmig merges them by.")
migration("update-holds-all", "An update of a fileset holds what all updates before it had; the highest that can be applied replaces them.")
migration("supersede-entries", "A supersede line of a base level meets requisites of the fileset it names up to that level; of its own "
  .. "fileset it keeps levels from there on from meeting those of lower ones.")
migration("installp-cleanup", "lslpp -lqc shows what an installp that was killed has left in a state that ends in ING; installp -C "
  .. "in the copy brings it back or leaves it BROKEN.")
migration("lpp-name-room", "INSTWORK and SAVESPACE of an lpp_name take room below /usr/lpp, temporary room of one fileset after the other.")

assumptions.list = list

local by_id = {}
for _, one in ipairs(list) do by_id[one.id] = one end

---@param id string
---@return altmig.probe.Assumption?
function assumptions.get(id) return by_id[id] end

local how = { ["write-test"] = "altmig probe --write-test, row ",
  ["scratch-disk"] = "altmig probe --write-test --scratch-disk DISK, row ",
  migration = "a migration" }

--- What answers it, in words.
---@param one altmig.probe.Assumption
---@return string
function assumptions.answered_by(one)
  if one.needs then return how[one.needs] .. (one.row or "") end
  return "altmig probe, row " .. one.row
end

--- "open", or by what it is no longer.
---@param one altmig.probe.Assumption
---@return string
function assumptions.state(one)
  return one.by and ("%s by %s"):format(one.state, one.by) or one.state
end

return assumptions
