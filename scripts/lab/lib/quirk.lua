-- SPDX-License-Identifier: MIT
-- Where nobody outside IBM knows what AIX does, a quirk chooses between the plausible behaviours. The
-- commands of the lab ask for it: quirk.value "savebase-in-chroot". The first value of each is what the
-- lab does until told otherwise; "altmig lab reset" goes back to that.

local json = require "altmig.json"
local sys = require "altmig.sys"

local quirk = {}

---@class lab.Quirk
---@field values string[]  the first is the default
---@field text string      what is not known

--- All of them. One row each: what is open, and the behaviours that the commands play.
---@type table<string, lab.Quirk>
quirk.known = {
  ["bosboot-in-copy"] = { values = { "builds", "refuses-device", "builds-and-fails-in-savebase" },
    text = "what bosboot -a -b FILE does where its boot device cannot be opened, in a copy that is mounted nodev" },
  ["lssrc-unknown"] = { values = { "stderr", "stdout" },
    text = "where lssrc says that a subsystem is not on file" },
  ["alt-inst-mount-point"] = { values = { "plain", "slash" },
    text = "lsvg -l shows the root file system of the copy at /alt_inst, or at /alt_inst/" },
  ["sleep-fraction"] = { values = { "error", "zero" },
    text = "sleep 0.1 is refused, or its fraction is dropped" },
  ["dead-nfs-mount"] = { values = { "none", "client", "master", "both" },
    text = "a host with a hard NFS mount of a server that is down: df without operands, and of that mount, has no end" },
  ["doubled-lines"] = { values = { "yes", "no" }, text = "whether 'forced unmount of' comes on standard output and standard error" },
  ["exportfs-unknown-host"] = { values = { "error", "warning" },
    text = "what exportfs does about a host of its lists that has no address" },
  ["readdirplus"] = { values = { "answered", "refused" },
    text = "whether the NFS servers answer READDIRPLUS (nfs_v3_server_readdirplus); from the next exportfs on" },
  ["reverse-lookup"] = { values = { "works", "fails" },
    text = "whether an address leads back to the name that the lists of an export have; where not, access is denied" },
  ["umount-exported"] = { values = { "busy", "works" }, text = "what umount does about a file system that is exported" },
  ["login-environment"] = { values = { "plain", "ja_JP", "odmdir", "noclobber", "talkative" },
    text = "what a site sets for root: a Japanese locale, another ODMDIR, an ENV file that sets noclobber, one that prints" },
  ["phase3-boot-image"] = { values = { "leaves", "writes" },
    text = "whether alt_disk_copy -M -P3 leaves the boot image that is there, or makes image and boot record itself" },
  ["login-shell"] = { values = { "ksh", "bash", "csh", "ksh93" }, text = "the shell that /etc/passwd names for root" },
  ["phase1-failure"] = { values = { "leaves-active", "removes-group", "leaves-mounted" },
    text = "what alt_disk_copy -P1 leaves when it fails: the group, varied on; nothing; the group with its file systems mounted" },
  ["phase3-failure"] = { values = { "cleans-up", "leaves-mounted", "removes-group" },
    text = "what alt_disk_copy -P3 leaves when it fails: the group with nothing mounted; all as it was; nothing" },
  ["wake-up"] = { values = { "works", "refuses", "renames" },
    text = "alt_rootvg_op -W of a group that was not put to sleep: opens it; never does; gives its volumes the prefix alt_ once more" },
  ["force-spelling"] = { values = { "yes", "Yes", "both" },
    text = "what FORCE has to be so that alt_rootvg_op -W opens a group of a newer version" },
  ["installp-preview-status"] = { values = { "zero", "failures-count" },
    text = "the status of installp -p where filesets fail its verification" },
  ["cleanup-nothing-status"] = { values = { "zero", "one" }, text = "the status of installp -C with nothing to clean up" },
  ["rpm-in-copy"] = { values = { "works", "fails" }, text = "geninstall of RPM images in a copy whose files are mounted over NFS" },
  ["requisite-bounds"] = { values = { "version", "number" },
    text = "'v=4 r>1' speaks of levels above 4.1, so 5.0 meets it; or of each number by itself, so only a version 4 does" },
  ["requisite-base"] = { values = { "release", "exact" },
    text = "'*ifreq F (5.2.0.0) 5.2.0.10' asks of F at 5.2.0.0 and the updates of its release, or at that level alone" },
  ["instwork-room"] = { values = { "usr", "tmp" }, text = "INSTWORK of an lpp_name is room below /usr/lpp, or in /tmp" },
  ["host-form"] = { values = { "aix", "bind" },
    text = "host says 'c1 is 10.0.0.7', or, where it is that of bind, 'c1 has address 10.0.0.7'" },
  ["lvlstmajor-form"] = { values = { "list", "ranges" },
    text = "free majors are all named (33,34,35,40...), or as ranges (33..35,40...)" },
  ["emgr-none-status"] = { values = { "zero", "one" }, text = "the status of emgr where there is no interim fix" },
  ["remove-clears-record"] = { values = { "no", "yes" },
    text = "whether alt_rootvg_op -X takes the record of the group from the disk, as chpv -C does" },
  ["phase3-image-data"] = { values = { "ignored", "refused" }, text = "what alt_disk_copy -P3 does about -i" },
  ["phase3-bootlist-text"] = { values = { "absent", "old-disk" },
    text = "whether -P3 with -B ends with the line of the bootlist as it is" },
  ["object-mode"] = { values = { "32", "64" },
    text = "whether the programs that dump is asked about are 32-bit objects; 64-bit ones need -X" },
  ["ldd-in-copy"] = { values = { "works", "fails" }, text = "ldd of a program of another release, in a chroot" },
  ["namefs-file-over-nfs"] = { values = { "works", "refused" },
    text = "whether namefs takes a file over one of an NFS mount: without, no script of an obsolete fileset is run" },
  ["ps-args"] = { values = { "whole", "cut" }, text = "ps -o args= into a pipe prints all of the arguments, or the first 80 bytes" },
  ["remove-missing"] = { values = { "fails", "says-nothing" }, text = "alt_rootvg_op -X of a group that does not exist" },
}

--- The variable in which chroot hands on what was chosen.
quirk.variable = "ALTMIG_LAB_QUIRKS"

local function file_of(dir) return dir .. "/quirks.json" end

--- What was chosen in the lab at `dir`: name -> value, for all that are not at their default.
---@param dir string
---@return table<string, string>
function quirk.chosen(dir)
  local text, message, code = sys.read_file(file_of(dir), 65536)
  if not text then
    if code == "ENOENT" then return {} end
    error(message, 0)
  end
  return assert(json.decode(text))
end

--- What was chosen, as an emulated command or a daemon of an LPAR sees it.
---@param name string
---@return string
function quirk.value(name)
  local row = assert(quirk.known[name], "no quirk is called " .. name)
  local handed = os.getenv(quirk.variable) -- inside a copy nothing else leads to the lab
  local chosen = handed and assert(json.decode(handed)) or quirk.chosen(assert(require "lpar".world()).path)
  return chosen[name] or row.values[1]
end

--- Hands on what was chosen to what is run in a copy of a system.
function quirk.hand_on()
  sys.setenv(quirk.variable, json.encode(quirk.chosen(assert(require "lpar".world()).path), { sort = true }))
end

--- Whether that behaviour was chosen; a value that the quirk does not have is a mistake of the caller.
---@param name string
---@param value string
---@return boolean
function quirk.is(name, value)
  local row = assert(quirk.known[name], "no quirk is called " .. name)
  for _, one in ipairs(row.values) do
    if one == value then return quirk.value(name) == value end
  end
  error(("quirk %s has no value %s"):format(name, value), 2)
end

--- Forgets every choice of a lab.
---@param dir string
function quirk.forget(dir)
  sys.remove(file_of(dir))
  sys.remove(dir .. "/login")
end

--- Notes what was chosen.
---@param dir string
---@param chosen table<string, string>
---@return true? ok, string? message
function quirk.choose(dir, chosen)
  if not next(chosen) then
    quirk.forget(dir)
    return true
  end
  return sys.write_file(file_of(dir), json.encode(chosen, { sort = true }) .. "\n")
end

return quirk
