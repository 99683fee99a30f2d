-- SPDX-License-Identifier: MIT
-- What is on the disks of a freshly installed host of the lab, and what its NIM master serves. All
-- of it follows from the data in scripts/lab/images, two levels and a seed: the same seed, the same bytes.
--
-- Every function returns a list of entries { path, type, mode, uid, gid, mtime, data | source |
-- target | rdev_major, rdev_minor }, sorted by path, directories before what is in them.

local config = require "lab.config"
local devices = require "lab.devices"
local modes = require "altmig.mode"
local odm = require "lab.odm"
local release = require "lab.release"
local resource = require "altmig.resource"
local swvpd = require "lab.swvpd"
local sys = require "altmig.sys"

local images = {}

local SITE_TIME = 1700000000

-- The levels of a lab: what the client has, and what it is migrated to.
local function old_level(opts) return assert(release.find(opts.from or config.default.from)) end
local function new_level(opts) return assert(release.find(opts.to or config.default.to)) end

---------------------------------------------------------------- a tree in the making

---@class lab.images.Tree
local Tree = {}
Tree.__index = Tree

local function new_tree(level, opts)
  return setmetatable({ entries = {}, level = level, mtime = level.time, opts = opts }, Tree)
end

--- Modes may be octal text.
function Tree:add(entry)
  if type(entry.mode) == "string" then entry.mode = modes.octal(entry.mode) end
  entry.mtime = entry.mtime or self.mtime
  entry.uid, entry.gid = entry.uid or 2, entry.gid or 2
  self.entries[entry.path] = entry
end

function Tree:dir(path, mode, uid, gid)
  self:add { path = path, type = "dir", mode = mode or "755", uid = uid, gid = gid }
end

function Tree:file(path, text, mode, uid, gid)
  self:add { path = path, type = "file", mode = mode or "444", uid = uid, gid = gid, data = text }
end

function Tree:link(path, target)
  self:add { path = path, type = "link", mode = "777", target = target }
end

--- Changes the text of a file that is there.
function Tree:edit(path, change)
  local entry = assert(self.entries[path], "no " .. path)
  entry.shipped = entry.shipped or entry.data
  entry.data = change(entry.data)
  entry.mtime = SITE_TIME
end

function Tree:append(path, text)
  self:edit(path, function(old) return old .. text end)
end

--- Replaces one plain text that must be there.
function Tree:replace(path, from, to)
  self:edit(path, function(old)
    local at, stop = old:find(from, 1, true)
    assert(at, path .. " has no '" .. from .. "'")
    return old:sub(1, at - 1) .. to .. old:sub(stop + 1)
  end)
end

-- Directories that entries need and nobody made.
function Tree:parents()
  local missing = {}
  for path in pairs(self.entries) do
    local parent = path:match("^(.+)/[^/]+$")
    while parent and not self.entries[parent] and not missing[parent] do
      missing[parent] = true
      parent = parent:match("^(.+)/[^/]+$")
    end
  end
  for path in pairs(missing) do self:dir(path) end
end

-- Makes the files of the classes from their rows.
function Tree:finish_classes()
  local classes = {}
  for _, entry in pairs(self.entries) do
    if entry.class then classes[#classes + 1] = entry end
  end
  for _, entry in ipairs(classes) do
    local strings
    entry.data, strings = odm.images(entry.class, entry.rows, tostring(self.opts.seed or 1))
    if strings then
      self:add { path = entry.path .. ".vc", type = "file", mode = entry.mode, uid = entry.uid, gid = entry.gid, data = strings }
    end
  end
end

function Tree:list()
  self:finish_classes()
  self:parents()
  local out = {}
  for _, entry in pairs(self.entries) do out[#out + 1] = entry end
  table.sort(out, function(a, b) return a.path < b.path end)
  return out
end

---------------------------------------------------------------- generated content

local pools = {}

-- Text that stands for what a program or library of AIX would hold: an XCOFF magic, the path, the
-- level, then a stretch of a pool made from the seed.
local function filler(tree, path, size)
  local seed = tostring(tree.opts.seed or 1)
  local pool = pools[seed]
  if not pool then
    local parts, digest = {}, seed
    for i = 1, 2048 do
      digest = sys.sha256(digest)
      parts[i] = digest
    end
    pool = table.concat(parts)
    pools[seed] = pool
  end
  local head = ("\1\xf7%s %s %s\n"):format(path, tree.level.level, seed)
  local offset = tonumber(sys.sha256(path .. tree.level.level .. seed):sub(1, 8), 16) % #pool
  local out = { head }
  local left = size - #head
  while left > 0 do
    local piece = pool:sub(offset + 1, offset + left)
    out[#out + 1] = piece
    left, offset = left - #piece, 0
  end
  return table.concat(out)
end

local function size_of(tree, path, low, high)
  return low + tonumber(sys.sha256(path .. tree.level.level):sub(1, 6), 16) % (high - low + 1)
end

---------------------------------------------------------------- the usr part

local directories = {
  { "/usr", "755" }, { "/usr/bin", "755" }, { "/usr/sbin", "755" }, { "/usr/lib", "755" }, { "/usr/lpp", "755" }, { "/usr/share", "755" },
  { "/usr/ucb", "755" }, { "/usr/include", "755" }, { "/usr/lib/objrepos", "755" }, { "/usr/lib/methods", "750" },
  { "/usr/lib/drivers", "755" }, { "/usr/lib/security", "750", 0, 7 }, { "/usr/lib/boot", "755" }, { "/usr/lib/instl", "755" },
  { "/usr/sys/inst.images", "755" }, { "/usr/share/lib/objrepos", "755" },
  { "/usr/lpp/bos", "755" }, { "/usr/lpp/bos/inst_root", "755" }, { "/usr/lpp/save.config", "700", 0, 0 },
  { "/etc", "755", 0, 0 }, { "/etc/security", "750", 0, 7 }, { "/etc/security/ldap", "750", 0, 7 },
  { "/etc/security/audit", "750", 0, 10 },
  { "/etc/objrepos", "755", 0, 0 }, { "/etc/ssh", "755", 0, 0 }, { "/sbin", "755", 0, 0 }, { "/sbin/helpers", "755" },
  { "/lpp", "755", 0, 0 }, { "/lpp/save.config", "700", 0, 0 }, { "/dev", "755", 0, 0 }, { "/mnt", "755", 0, 0 },
  { "/proc", "555", 0, 0 }, { "/home", "755" }, { "/home/guest", "755", 100, 100 }, { "/opt", "755", 0, 0 },
  { "/opt/freeware", "755", 0, 0 }, { "/admin", "755", 0, 0 }, { "/admin/tmp", "755", 0, 0 }, { "/tmp", "1777" },
  { "/var", "755" }, { "/var/adm", "775", 0, 4 }, { "/var/adm/ras", "755" },
  { "/var/adm/ras/livedump", "755", 0, 0 },
  { "/var/adm/sw", "755", 0, 0 }, { "/var/adm/cron", "750", 2, 8 }, { "/var/spool", "755" }, { "/var/spool/cron/crontabs", "770", 2, 8 },
  { "/var/tmp", "1777" }, { "/var/empty", "755", 0, 0 }, { "/var/preserve", "755" }, { "/var/esa", "755", 0, 0 },
  { "/audit", "750", 0, 10 },
}

local links = {
  ["/bin"] = "/usr/bin", ["/lib"] = "/usr/lib", ["/u"] = "/home", ["/unix"] = "/usr/lib/boot/unix_64",
  ["/usr/adm"] = "/var/adm", ["/usr/spool"] = "/var/spool", ["/usr/tmp"] = "/var/tmp", ["/etc/methods"] = "/usr/lib/methods",
  ["/usr/lib/security/methods.cfg"] = "/etc/methods.cfg", ["/usr/lib/security/mkuser.default"] = "/etc/security/mkuser.default",
  ["/usr/lib/security/mkuser.sys"] = "/etc/security/mkuser.sys", ["/usr/bin/sh"] = "/usr/bin/ksh",
  ["/usr/bin/bsh"] = "/usr/bin/ksh", ["/usr/bin/psh"] = "/usr/bin/ksh", ["/usr/bin/ksh93"] = "/usr/bin/ksh",
  ["/usr/lib/unix"] = "/usr/lib/boot/unix_64", ["/etc/rc.d"] = nil,
}

-- Tools that busybox gives, under the names AIX has them too; each is a link to aixlua, which looks at the arguments
-- first (lab.tool).
local busybox_tools = [[
awk basename cal cat chgrp chmod chown clear cmp cp cpio cut date dd diff dirname du echo ed egrep
expand expr false fgrep find fold getopt grep gunzip gzip head id link ln logger logname ls
mkdir mkfifo mknod more mv nl nslookup od paste patch ping printenv printf pwd renice rm rmdir sed sleep
sort strings stty sync tail tar tee test time touch tr true tty uncompress unexpand uniq unlink uudecode
uuencode vi wc which whoami xargs yes zcat
]]

local usr_files = {
  ["/usr/bin"] = "su passwd login newgrp at crontab ipcs svmon vmstat iostat mail write lp lpstat ar nm dump make dbx rcp rsh comm "
    .. "fuser iconv join mesg split tsort rmssys mkssys chssys rmserver errupdate",
  ["/usr/sbin"] = "init getty cron syslogd srcmstr inetd portmap biod nfsd rpc.mountd rpc.statd rpc.lockd ifconfig route "
    .. "no nfso ioo vmo schedo tunrestore fbcheck uprintfd swapon swapoff mkuser chuser lsuser rmuser mkgroup pwdck grpck "
    .. "usrck errdemon errstop sysdumpdev trace chvg mkvg reducevg extendvg mklv rmlv chlv migratepv logredo fsck skulker "
    .. "acct audit rmgroup chgroup setkst slibclean errlogger killall reboot halt lsauth lsrole netstat entstat lspath "
    .. "chpath cfgmgr rmdev mkdev chdev",
  ["/usr/lib"] = "libc.a libodm.a libcfg.a libs.a libpthreads.a libcurses.a liblvm.a libsrc.a libdbm.a libiconv.a "
    .. "libperfstat.a libcrypt.a libnsl.a libtli.a libxti.a librtl.a libbsd.a libl.a libm.a libmsaa.a",
  ["/usr/lib/methods"] = "cfgsys_chrp defsys deflvm cfglvdd define undefine ucfgdevice chggen cfgscsidisk cfg_vclient "
    .. "cfgvioent cfgif defif chgif cfginet definet startlft cfgvty ptynode startcons",
  ["/usr/lib/drivers"] = "hd_pin hd_pin_bot scsidisk scsidiskpin vscsi_initdd vioentdd if_en netinet nfs.ext j2dd smt_load "
    .. "pse/pse pse/spx pse/ldterm pse/tioc pse/echo",
  ["/usr/lib/security"] = "LDAP LDAP64 NIS NIS_64 smd5 ssha KRB5A",
  ["/usr/lib/instl"] = "instal inucp inusave inurecv inurest sbin_preview migrate_rootvg",
  ["/usr/lib/nls/loc"] = "C en_US EN_US de_DE ja_JP fr_FR iconv/UTF-8 iconv/ISO8859-1",
  ["/usr/lib/nls/msg/en_US"] = "cmdlvm.cat cmdfs.cat cmdnim.cat installp.cat smit.cat devices.cat libc.cat ksh.cat cmdsrc.cat",
  ["/usr/share/lib/terminfo"] = "v/vt100 v/vt220 d/dumb x/xterm i/ibm3151 a/aixterm l/lft",
  ["/usr/share/man/man1"] = "ls.1 cat.1 cp.1 mv.1 rm.1 sed.1 awk.1 ksh.1 tar.1 lslpp.1 oslevel.1 lsvg.1 lspv.1 errpt.1",
  ["/usr/include"] = "stdio.h stdlib.h string.h unistd.h errno.h odmi.h lvm.h sys/types.h sys/stat.h sys/mode.h sys/acl.h "
    .. "net/if.h netinet/in.h",
  ["/usr/lpp/bos"] = "copyright README deinstl/bos.rte.unconfig pre_migration post_migration",
  ["/usr/lib/ras"] = "logsymptom autoload/ras.fmt dmprtns/dmp",
  ["/usr/lib/perf"] = "cfg_perfstat",
  ["/usr/lib/boot"] = "unix_64 network/rc.bos_inst bin/bosinst protoext/disk.proto.ext chrp.disk.proto chrp.cd.proto mkrambf",
  ["/sbin"] = "rc.boot helpers/jfs2/fsck helpers/v3fshelper helpers/nfsmnthelp helpers/aixmnthelp helpers/udfmnthelp",
}

local setuid = { ["/usr/bin/su"] = "4555", ["/usr/bin/passwd"] = "4555", ["/usr/bin/at"] = "4555", ["/usr/bin/crontab"] = "4555",
  ["/usr/bin/newgrp"] = "4555" }

-- Scripts of the lab that stand for AIX commands, by the parts they belong to.
local function commands()
  local out = {}
  for _, name in ipairs(resource.list("scripts/lab/cmd/")) do
    local text = resource.read(name)
    local paths, part = text:match("\n%-%- path: ([^\n]+)"), text:match("\n%-%- part: (%w+)")
    assert(paths and part, name .. ": no path or part line")
    out[#out + 1] = { text = text, paths = paths, part = part }
  end
  return out
end

-- What root alone may read and run: a client whose root is nobody to the server of a SPOT has nothing of it.
local root_alone = { ["/usr/sbin/alt_disk_copy"] = true, ["/usr/sbin/alt_disk_install"] = true, ["/usr/sbin/alt_rootvg_op"] = true,
  ["/usr/sbin/mkboot"] = true, ["/usr/sbin/savebase"] = true }

-- A command at its first path, the others are links to it. `below` is where usr is.
local function add_commands(tree, wanted)
  for _, command in ipairs(commands()) do
    if wanted[command.part] then
      local first
      for path in command.paths:gmatch("%S+") do
        if first then
          tree:link(path, first)
        else
          first = path
          tree:file(path, command.text .. "-- AIX " .. tree.level.level .. "\n", root_alone[path] and "500" or "555")
        end
      end
    end
  end
end

--- mksh without the builtins and words that ksh88 lacks, or that would go past the fronts of the tools: their names in
--- the program get a capital letter. What such a name leads to then is what AIX would do: a program, or nothing.
---@param text string the program
---@return string
function images.ksh88(text)
  for name in ("cat mknod nameref printf realpath rename sleep source"):gmatch("%S+") do
    local capital = name:sub(1, 1):upper() .. name:sub(2)
    text = text:gsub("(%z[!~=^*+-]*)" .. name .. "%z", "%1" .. capital .. "\0")
  end
  for name in ("local nameref"):gmatch("%S+") do
    text = text:gsub("%z" .. name .. "(=\\?\\?builtin typeset)", "\0" .. name:sub(1, 1):upper() .. name:sub(2) .. "%1")
  end
  return (text:gsub("pipefail%z", "Pipefail\0"))
end

local function add_programs(tree)
  local opts = tree.opts
  local function program(path, source)
    if source then
      tree:add { path = path, type = "file", mode = "555", source = source }
    else
      tree:file(path, filler(tree, path, 4096), "555")
    end
  end
  program("/usr/lpp/lab/bin/aixlua", opts.aixlua)
  program("/usr/lpp/lab/bin/busybox", opts.busybox)
  if opts.ksh then
    tree:file("/usr/bin/ksh", images.ksh88(assert(sys.read_file(opts.ksh))), "555")
  else
    program("/usr/bin/ksh")
  end
  for name in busybox_tools:gmatch("%S+") do tree:link("/usr/bin/" .. name, "/usr/lpp/lab/bin/aixlua") end
  tree:link("/usr/bin/compress", "/usr/lpp/lab/bin/aixlua")
  for _, name in ipairs(resource.list("scripts/lab/lib/")) do
    tree:file("/usr/lpp/lab/lib/" .. name:match("[^/]+$"), resource.read(name), "444")
  end
  -- When disks are built they are among the libraries already.
  for _, module in ipairs(config.engine_modules) do
    local text = resource.read("lua/altmig/" .. module[2] .. ".lua")
    if text then tree:file(("/usr/lpp/lab/lib/altmig_%s.lua"):format(module[1]:gsub("%.", "_")), text, "444") end
  end
end

local function add_usr_files(tree)
  for dir, names in pairs(usr_files) do
    for name in names:gmatch("%S+") do
      local path = dir .. "/" .. name
      if not tree.entries[path] then
        local mode = setuid[path] or (dir:match("bin") and "555") or "444"
        tree:file(path, filler(tree, path, size_of(tree, path, 700, 12000)), mode, setuid[path] and 0 or 2)
      end
    end
  end
  for _, path in ipairs(tree.level.programs) do
    if not tree.entries[path] then tree:file(path, filler(tree, path, size_of(tree, path, 700, 9000)), "555") end
  end
  tree:file("/usr/lib/boot/unix_64", filler(tree, "/usr/lib/boot/unix_64", 65536), "555")
  -- What a kernel of this level and its RAM file system make as a boot image (lab.kernel).
  tree:file("/usr/lpp/lab/boot_blocks", tree.level.boot_blocks .. "\n", "444")
  local tunables = {}
  for command, list in pairs(tree.level.tunables) do
    for name, value in pairs(list) do tunables[#tunables + 1] = ("%s %s %s\n"):format(command, name, value) end
  end
  table.sort(tunables)
  tree:file("/usr/lpp/lab/tunables", table.concat(tunables), "444")
end

-- Bulk of a realistic system: `files` files that hold `bytes` bytes together.
local function add_bulk(tree)
  local files, bytes = tree.opts.files or 0, tree.opts.bytes or 0
  if files == 0 then return end
  local mean = math.max(1, bytes // files)
  for i = 1, files do
    local path = ("/usr/share/lib/data/d%03d/f%05d"):format(i % 200, i)
    tree:file(path, filler(tree, path, size_of(tree, path, mean // 2, mean + mean // 2)), "444")
  end
end

---------------------------------------------------------------- who owns what

-- Which fileset a path belongs to; the first match counts whose fileset the level has.
local owners = {
  { "^/usr/lpp/lab/", "bos.rte.shell" }, { "^/usr/lib/objrepos", "bos.rte.odm" }, { "^/usr/bin/odm", "bos.rte.odm" },
  { "^/etc/security", "bos.rte.security" }, { "^/etc/passwd$", "bos.rte.security" }, { "^/etc/group$", "bos.rte.security" },
  { "^/etc/methods%.cfg$", "bos.rte.security" }, { "^/usr/lib/security", "bos.rte.security" }, { "^/etc/ssh", "openssh.base.server" },
  { "^/etc/ntp", "bos.net.tcp.ntpd" }, { "^/etc/mail/", "bos.net.tcp.sendmail" }, { "^/var/ssl/", "openssl.base" },
  { "^/usr/lib/libcrypto", "openssl.base" }, { "^/usr/lib/libssl", "openssl.base" }, { "sendmail$", "bos.net.tcp.sendmail" },
  { "ntpd4?$", "bos.net.tcp.ntpd" }, { "/isc_bind/", "bind.rte" }, { "/named$", "bos.net.tcp.bind" },
  { "/nsupdate$", "bos.net.tcp.bind_utils" }, { "/dnssec%-keygen$", "bos.net.tcp.bind_utils" }, { "/ftp$", "bos.net.tcp.ftp" },
  { "/ftpd$", "bos.net.tcp.ftpd" }, { "/telnet$", "bos.net.tcp.telnet" }, { "/telnetd$", "bos.net.tcp.telnetd" },
  { "/snmpd$", "bos.net.tcp.snmpd" }, { "/traceroute$", "bos.net.tcp.traceroute" }, { "/rshd$", "bos.net.tcp.rcmd_server" },
  { "/syslogd$", "bos.net.tcp.syslogd" }, { "/rcp$", "bos.net.tcp.rcmd" }, { "/rsh$", "bos.net.tcp.rcmd" },
  { "^/usr/bin/bash", "bash.rte" }, { "/python3.9$", "python3.9.base" }, { "/hdcryptmgr$", "bos.hdcrypt" }, { "/perl$", "perl.rte" },
  { "/rmcd$", "rsct.core.rmc" }, { "^/etc/ntp", "bos.net.tcp.client" }, { "^/etc/mail/", "bos.net.tcp.client" },
  { "sendmail$", "bos.net.tcp.client" }, { "/named$", "bos.net.tcp.server" }, { "/ftpd?$", "bos.net.tcp.client" },
  { "/telnetd?$", "bos.net.tcp.client" }, { "/snmpd$", "bos.net.tcp.client" },
  { "^/etc/rc%.tcpip", "bos.net.tcp.client" }, { "^/etc/inetd%.conf", "bos.net.tcp.client" },
  { "^/etc/rc%.nfs", "bos.net.nfs.client" }, { "^/etc/exports", "bos.net.nfs.client" }, { "^/etc/xtab", "bos.net.nfs.client" },
  { "^/usr/sbin/nfs", "bos.net.nfs.client" }, { "^/usr/sbin/biod", "bos.net.nfs.client" }, { "^/usr/sbin/rpc%.", "bos.net.nfs.client" },
  { "^/usr/sbin/exportfs", "bos.net.nfs.client" }, { "^/usr/sbin/mknfsexp", "bos.net.nfs.client" },
  { "^/usr/sbin/inetd", "bos.net.tcp.client" }, { "^/usr/sbin/syslogd", "bos.net.tcp.client" }, { "^/usr/bin/rcp", "bos.net.tcp.client" },
  { "^/usr/bin/rsh", "bos.net.tcp.client" }, { "^/usr/sbin/ifconfig", "bos.net.tcp.client" }, { "^/usr/sbin/route", "bos.net.tcp.client" },
  { "^/usr/lib/ncs", "bos.net.ncs" }, { "atm", "devices.common.IBM.atm.rte" }, { "svmon", "bos.perf.tools" },
  { "perfstat", "bos.perf.perfstat" },
  { "cfg_vclient", "devices.vdevice.IBM.v-scsi.rte" }, { "vscsi", "devices.vdevice.IBM.v-scsi.rte" },
  { "vioent", "devices.vdevice.IBM.l-lan.rte" }, { "nim", "bos.sysmgt.nim.client" }, { "alt_disk", "bos.alt_disk_install.rte" },
  { "alt_rootvg", "bos.alt_disk_install.rte" }, { "sysdump", "bos.sysmgt.serv_aid" }, { "errpt", "bos.sysmgt.serv_aid" },
  { "^/usr/lib/boot", "bos.mp64" }, { "^/usr/lib/drivers", "bos.rte.devices" }, { "^/usr/lib/methods", "bos.rte.methods" },
  { "libc%.a$", "bos.rte.libc" }, { "libpthreads", "bos.rte.libpthreads" }, { "^/usr/lib/lib", "bos.rte.libs" },
  { "lslpp", "bos.rte.install" }, { "installp", "bos.rte.install" }, { "oslevel", "bos.rte.install" },
  { "^/usr/lib/instl", "bos.rte.install" },
  { "vg$", "bos.rte.lvm" }, { "lv$", "bos.rte.lvm" }, { "pv$", "bos.rte.lvm" }, { "fs$", "bos.rte.filesystem" },
  { "ksh", "bos.rte.shell" }, { "/sh$", "bos.rte.shell" }, { "cron", "bos.rte.cron" }, { "^/usr/lib/nls", "bos.rte.ILS" },
  { "^/usr/bin/", "bos.rte.commands" },
}

local function owner(path, level)
  for _, rule in ipairs(owners) do
    if level.levels[rule[2]] and path:find(rule[1]) then return rule[2] end
  end
  return "bos.rte"
end

-- The package a fileset's root part is below: everything of the base system is in "bos".
local function package_of(name)
  for _, fileset in ipairs(release.table "catalogue.lua") do
    if fileset.name == name then return fileset.kind == "bos" and "bos" or fileset.package end
  end
  return "bos"
end

---------------------------------------------------------------- the root part

local function copy_entry(entry, path)
  local out = {}
  for name, value in pairs(entry) do out[name] = value end
  out.path = path
  return out
end

-- Puts the shipped files in place, with pristine copies in the usr part.
local function add_root_files(tree)
  for path, entry in pairs(release.files(tree.level)) do
    tree:add(entry)
    tree:add(copy_entry(entry, "/usr/lpp/" .. package_of(owner(path, tree.level)) .. "/inst_root" .. path))
  end
end

-- A class; its bytes are made when the tree is listed, since rows may still change.
local function add_class(tree, dir, class, rows)
  local copies = {}
  for i, row in ipairs(rows) do
    copies[i] = {}
    for name, value in pairs(row) do copies[i][name] = value end
  end
  tree:add { path = dir .. "/" .. class, type = "file", mode = "644", uid = 0, gid = 0, class = class, rows = copies, data = "" }
end

local function add_classes(tree)
  -- Predefined classes are in the usr part; /etc/objrepos leads to them.
  for class, rows in pairs(release.predefined(tree.level)) do
    add_class(tree, "/usr/lib/objrepos", class, rows)
    for _, file in ipairs { class, class .. ".vc" } do tree:link("/etc/objrepos/" .. file, "/usr/lib/objrepos/" .. file) end
  end
  -- Those of the root part have pristine copies, as its files have.
  for class, rows in pairs(release.shipped(tree.level)) do
    add_class(tree, "/etc/objrepos", class, rows)
    add_class(tree, "/usr/lpp/bos/inst_root/etc/objrepos", class, rows)
  end
  for _, dir in ipairs { "/usr/lib/objrepos", "/etc/objrepos", "/usr/share/lib/objrepos" } do
    tree:file(dir .. "/.odm_lock", "", "644", 0, 0)
  end
end

---------------------------------------------------------------- filesets

local function is_root_part(path) return not path:match("^/usr/") end

-- Inventories hold no checksum for what is generated by the thousand.
local CHECKSUM_LIMIT = 128 * 1024

-- Files of the root part that nobody is expected to edit: the inventory has their sums, of the file as
-- it was shipped.
local static = { ["/etc/xtiso.conf"] = true, ["/etc/dlpi.conf"] = true, ["/etc/resolv.conf.sample"] = true }

local source_facts = {}
local function facts(entry)
  if entry.source then
    local known = source_facts[entry.source]
    if not known then
      known = { size = assert(sys.stat(entry.source), entry.source).size, checksum = -1 }
      source_facts[entry.source] = known
    end
    return known.size, known.checksum
  end
  if entry.type ~= "file" then return 0, 0 end
  if static[entry.path] then
    local text = entry.shipped or entry.data
    return #text, swvpd.sum(text)
  end
  if is_root_part(entry.path) or #entry.data > CHECKSUM_LIMIT or entry.path:match("^/usr/share/lib/data/")
    or entry.path:match("objrepos/") then return #entry.data, -1 end
  return #entry.data, swvpd.sum(entry.data)
end

-- The inventory row of an entry; configuration files and classes are volatile (-1).
local function inventory_row(entry, id)
  local size, checksum = facts(entry)
  return swvpd.inventory_row({ path = entry.path, type = entry.type, size = checksum == -1 and -1 or size,
    checksum = checksum, target = entry.target }, id)
end

-- The filesets of the kinds that a system of the level has; "optional" among the kinds is those that nobody installed.
local function fileset_list(level, kinds)
  local out = {}
  for _, fileset in ipairs(level.filesets) do
    if kinds[fileset.kind] and (kinds.optional or not fileset.optional) then out[#out + 1] = fileset end
  end
  if kinds.site then table.move(release.site_filesets(), 1, #release.site_filesets(), #out + 1, out) end
  return out
end

local function swvpd_fileset(tree, fileset)
  return { name = fileset.name, level = fileset.level, package = fileset.package, has_root = fileset.root,
    description = fileset.description, date = fileset.date, time = tree.level.time, prereq = fileset.requisites }
end

-- A file of its own for every fileset that is not part of the base system.
local function add_readmes(tree, filesets)
  for _, fileset in ipairs(filesets) do
    if fileset.kind ~= "bos" then
      local path = ("/usr/lpp/%s/README.%s"):format(fileset.package, fileset.name)
      tree:file(path, filler(tree, path, size_of(tree, path, 600, 3000)), "444")
      tree.entries[path].fileset = fileset.name
    end
  end
end

-- The software database for the filesets, with inventories of the tree's files.
local function add_swvpd(tree, filesets)
  add_readmes(tree, filesets)
  local order, wanted = {}, {}
  for _, fileset in ipairs(filesets) do wanted[fileset.name] = fileset end
  for path in pairs(tree.entries) do order[#order + 1] = path end
  table.sort(order)
  for part, dir in pairs(swvpd.directories) do
    local ids, next_id = {}, 1
    local rows = { lpp = {}, product = {}, history = {}, inventory = {} }
    for _, fileset in ipairs(filesets) do
      if part == "usr" or (part == "root" and fileset.root) then
        local f = swvpd_fileset(tree, fileset)
        ids[f.name] = next_id
        table.insert(rows.lpp, swvpd.lpp_row(f, next_id))
        table.insert(rows.product, swvpd.product_row(f))
        table.insert(rows.history, swvpd.history_row(f, next_id))
        next_id = next_id + 1
      end
    end
    if part ~= "share" then
      for _, path in ipairs(order) do
        local entry = tree.entries[path]
        local name = entry.fileset or owner(path, tree.level)
        local belongs = is_root_part(path) == (part == "root")
        local id = ids[wanted[name] and name or "bos.rte"]
        local kept = entry.type == "file" or entry.type == "link" -- device files are made, not installed
        if belongs and id and kept and not path:match("inst_root") and not entry.unowned then
          table.insert(rows.inventory, inventory_row(entry, id))
        end
      end
    end
    table.insert(rows.lpp, 1, swvpd.control_row(next_id))
    for _, class in ipairs(swvpd.classes) do add_class(tree, dir, class, rows[class]) end
  end
end

---------------------------------------------------------------- hosts

local client_lvs = {
  { 1, "hd5", "boot", "primary_bootlv", 1 }, { 2, "hd6", "paging", "", 8 }, { 3, "hd8", "jfs2log", "", 1 },
  { 4, "hd4", "jfs2", "/", 8 }, { 5, "hd2", "jfs2", "/usr", 32 }, { 6, "hd9var", "jfs2", "/var", 8 },
  { 7, "hd3", "jfs2", "/tmp", 8 }, { 8, "hd1", "jfs2", "/home", 8 }, { 9, "hd10opt", "jfs2", "/opt", 8 },
  { 10, "hd11admin", "jfs2", "/admin", 8 }, { 11, "lg_dumplv", "sysdump", "", 8 },
  { 12, "livedump", "jfs2", "/var/adm/ras/livedump", 8 },
}

-- Disks and volume groups of a host whose builder does not name them.
local function default_machine(host, seed)
  local function pvid(name) return "00f6" .. sys.sha256(host .. name .. seed):sub(1, 12) end
  local lvs = {}
  for i, lv in ipairs(client_lvs) do
    lvs[i] = { number = lv[1], name = lv[2], type = lv[3], label = lv[4], lps = lv[5] }
  end
  return {
    disks = { { name = "hdisk0", pvid = pvid "hdisk0" }, { name = "hdisk1", pvid = pvid "hdisk1" }, { name = "hdisk2" } },
    groups = { { name = "rootvg", vgid = "00f6" .. sys.sha256("rootvg" .. host .. seed):sub(1, 28), disks = { "hdisk0" }, lvs = lvs } },
  }
end

local function add_devices(tree, host)
  local opts, machine = tree.opts, default_machine(host, tostring(tree.opts.seed or 1))
  machine.disks = opts.disks or machine.disks
  machine.groups = opts.groups or machine.groups
  machine.name = host
  machine.address = opts.address or "192.0.2.10"
  machine.mac = sys.sha256(host .. tostring(opts.seed or 1)):sub(1, 12):upper()
  for class, rows in pairs(devices.rows(machine)) do add_class(tree, "/etc/objrepos", class, rows) end
end

-- File systems of rootvg that the shipped /etc/filesystems does not name.
local more_filesystems = [[

/opt:
	dev             = /dev/hd10opt
	vfs             = jfs2
	log             = /dev/hd8
	mount           = true
	check           = true
	vol             = /opt
	free            = false

/admin:
	dev             = /dev/hd11admin
	vfs             = jfs2
	log             = /dev/hd8
	mount           = true
	check           = false
	vol             = /admin
	free            = false

/var/adm/ras/livedump:
	dev             = /dev/livedump
	vfs             = jfs2
	log             = /dev/hd8
	mount           = true
	check           = false
	account         = false
	vol             = /var/adm/ras/livedump
	free            = false
]]

local device_nodes = {
  { "/dev/null", "666", 1, 3 }, { "/dev/zero", "666", 1, 5 }, { "/dev/random", "644", 1, 8 }, { "/dev/urandom", "644", 1, 9 },
  { "/dev/tty", "666", 5, 0 }, { "/dev/console", "622", 1, 3 },
}

local function add_host(tree, host)
  local opts = tree.opts
  for _, node in ipairs(device_nodes) do
    tree:add { path = node[1], type = "char", mode = node[2], uid = 0, gid = 0, rdev_major = node[3], rdev_minor = node[4] }
  end
  tree:append("/etc/filesystems", more_filesystems)
  local lines = {}
  for _, row in ipairs(opts.hosts or {}) do lines[#lines + 1] = ("%s\t\t%s\n"):format(row.address, row.name) end
  tree:append("/etc/hosts", table.concat(lines))
  tree:file("/etc/resolv.conf", "nameserver\t192.0.2.53\ndomain\tlab.example\n", "644", 0, 0)
  tree:file("/etc/ssh/ssh_host_ed25519_key.pub", ("ssh-ed25519 %s root@%s\n"):format(sys.sha256(host .. "hostkey"), host), "644", 0, 0)
  tree:file("/etc/ssh/ssh_host_ed25519_key", "key of " .. host .. " " .. sys.sha256(host .. "secret") .. "\n", "600", 0, 0)
  tree:file("/.profile", "export PS1='# '\n", "644", 0, 0)
  tree:dir("/.ssh", "700", 0, 0)
  tree:file("/var/adm/ras/errlog", "", "644", 0, 0)
  tree:file("/var/adm/ras/bootlog", "boot of " .. host .. "\n", "644", 0, 0)
  for _, path in ipairs { "/etc/resolv.conf", "/etc/ssh/ssh_host_ed25519_key", "/etc/ssh/ssh_host_ed25519_key.pub", "/.profile",
    "/var/adm/ras/errlog", "/var/adm/ras/bootlog" } do
    tree.entries[path].unowned, tree.entries[path].mtime = true, SITE_TIME
  end
end

local function hash(seed, user)
  return "{ssha256}06$" .. sys.sha256(seed .. user .. "salt"):sub(1, 16) .. "$" .. sys.sha256(seed .. user):sub(1, 43)
end

-- What the administrators of the client changed over the years.
local function customise_client(tree)
  local seed = tostring(tree.opts.seed or 1)
  -- The owner of the database has an uid that AIX took for an account of its own later.
  local owner_uid = tree.entries["/etc/passwd"].data:find(":203:", 1, true) and 303 or 203
  tree:append("/etc/passwd", "jdoe:!:1001:1:John Doe:/home/jdoe:/usr/bin/ksh\n"
    .. "asmith:!:1002:1:Anna Smith:/home/asmith:/usr/bin/ksh\nacme:!:1100:1100:ACME service:/opt/acme:/usr/bin/false\n"
    .. ("oracle:!:%d:1101:database owner:/home/oracle:/usr/bin/ksh\n"):format(owner_uid))
  tree:replace("/etc/passwd", "root:!:0:0::/:", "root:!:0:0:root of adachi:/:")
  tree:append("/etc/group", "acme:!:1100:acme,jdoe\ndba:!:1101:oracle,asmith\n")
  tree:replace("/etc/group", "staff:!:1:ipsec,esaadmin,sshd", "staff:!:1:ipsec,esaadmin,sshd,jdoe,asmith")
  tree:append("/etc/security/group", "\nacme:\n\tadmin = false\n\ndba:\n\tadmin = false\n\tadms = asmith\n")
  tree:replace("/etc/security/passwd", "root:\n\tpassword = *\n",
    ("root:\n\tpassword = %s\n\tlastupdate = 1690000000\n\tflags =\n"):format(hash(seed, "root")))
  tree:append("/etc/security/passwd", ("\njdoe:\n\tpassword = %s\n\tlastupdate = 1695000000\n\tflags = ADMCHG\n"
    .. "\nasmith:\n\tpassword = %s\n\tlastupdate = 1696000000\n\tflags =\n\nacme:\n\tpassword = *\n\noracle:\n\tpassword = %s\n")
    :format(hash(seed, "jdoe"), hash(seed, "asmith"), hash(seed, "oracle")))
  tree:replace("/etc/security/user", "\tmaxage = 0\n", "\tmaxage = 12\n")
  tree:replace("/etc/security/user", "\tminlen = 0\n", "\tminlen = 8\n")
  tree:append("/etc/security/user", "\njdoe:\n\tadmin = false\n\tloginretries = 5\n\noracle:\n\trlogin = false\n\tumask = 027\n")
  tree:replace("/etc/security/limits", "\tnofiles = 2000\n", "\tnofiles = 8192\n")
  tree:append("/etc/security/limits", "\noracle:\n\tfsize = -1\n\tdata = -1\n")
  tree:replace("/etc/security/login.cfg", "\tmaxlogins = 32767\n", "\tmaxlogins = 100\n")
  tree:edit("/etc/security/login.cfg", function(text) return (text:gsub("\tshells = [^\n]*", "%0,/opt/freeware/bin/bash")) end)
  local role_id = tree.entries["/etc/security/roles"].data:find("id = 14\n", 1, true) and 30 or 14
  tree:append("/etc/security/roles", ("\nAcmeOperator:\n\tid = %d\n\tdfltmsg = \"ACME operators\"\n\trolelist =\n"
    .. "\tauthorizations = acme.run\n\tgroups =\n\tscreens = *\n"):format(role_id))
  tree:append("/etc/security/authorizations", "\nacme.run:\n\tid = 10001\n\tdfltmsg = \"Run ACME jobs\"\n")
  tree:replace("/etc/security/mkuser.default", "\thome = /home/$USER\n", "\thome = /home/$USER\n\tmaxage = 12\n")
  tree:append("/etc/methods.cfg", "\nKRB5A:\n\tprogram = /usr/lib/security/KRB5A\n\toptions = authonly\n")
  tree:append("/etc/pse.conf", "d\tacmedrv\n")
  tree:append("/etc/vfs", "acmefs   40    none                      none\n")
  tree:append("/etc/hosts", "198.51.100.7\t\tdbserver dbserver.lab.example\n198.51.100.8\t\tbackup\n")
  tree:append("/etc/inittab", "acme:2:once:/opt/acme/bin/start >/dev/console 2>&1 # ACME tools\n")
  tree:append("/etc/syslog.conf", "*.info\t/var/log/messages rotate size 1m files 7\nauth.notice\t@backup\n")
  tree:edit("/etc/inetd.conf", function(text) return (("\n" .. text):gsub("\nftp\tstream", "\n#ftp\tstream"):sub(2)) end)
  tree:append("/etc/environment", "ACME_HOME=/opt/acme\n")
  tree:replace("/etc/rc.tcpip", "#start /usr/sbin/xntpd", "start /usr/sbin/xntpd")
  tree:append("/var/spool/cron/crontabs/root", "15 2 * * * /opt/acme/bin/nightly >/dev/null 2>&1\n")
  tree:replace("/etc/security/ldap/ldap.cfg", "#ldapservers:myldapserver.ibm.com",
    "#ldapservers:myldapserver.ibm.com\nldapservers:ldap1.lab.example,ldap2.lab.example")
  tree:replace("/etc/ssh/sshd_config", "#PermitRootLogin prohibit-password", "PermitRootLogin prohibit-password\nMaxAuthTries 3")
  tree:file("/var/log/messages", "", "644", 0, 0)
  tree:file("/var/spool/cron/crontabs/acme", "0 * * * * /opt/acme/bin/poll\n", "600", 1100, 8)
  for _, user in ipairs { { "jdoe", 1001, 1 }, { "asmith", 1002, 1 }, { "oracle", owner_uid, 1101 } } do
    tree:dir("/home/" .. user[1], "755", user[2], user[3])
    tree:file("/home/" .. user[1] .. "/.profile", "export PATH=$PATH:/opt/acme/bin\n", "644", user[2], user[3])
  end
  tree:file("/home/jdoe/notes.txt", "migrate before the end of service\n", "600", 1001, 1)
  tree:dir("/opt/acme", "755", 1100, 1100)
  tree:file("/opt/acme/bin/start", "#!/usr/bin/ksh\nexec /opt/acme/bin/acmed -c /opt/acme/etc/acme.conf\n", "750", 1100, 1100)
  tree:file("/opt/acme/bin/nightly", "#!/usr/bin/ksh\nexit 0\n", "750", 1100, 1100)
  tree:file("/opt/acme/bin/acmed", filler(tree, "/opt/acme/bin/acmed", 20000), "750", 1100, 1100)
  tree:file("/opt/acme/etc/acme.conf", "listen = 7070\nworkers = 4\n", "640", 1100, 1100)
  tree:file("/opt/acme/data/ledger", filler(tree, "/opt/acme/data/ledger", 150000), "600", 1100, 1100)
  -- The RPM database (lab.rpm): lslpp -L lists what is in it among the filesets.
  local rpms = { "acme-lib 2.0-1 1600424172 A library\n" }
  for _, package in ipairs(tree.level.rpms.installed or {}) do
    rpms[#rpms + 1] = ("%s %s 1620424172 %s\n"):format(package[1], package[2], package[3])
  end
  tree:file("/opt/freeware/packages/Packages", table.concat(rpms), "644", 0, 0)
  for path, entry in pairs(tree.entries) do
    if path:match("^/opt/acme") then
      entry.fileset = "acme.tools.rte"
    elseif path:match("^/home/") or path:match("^/opt/freeware/packages") or path:match("crontabs/acme") or path == "/var/log/messages" then
      entry.unowned = true
    end
  end
end

-- What the site changed in the object classes.
local function customise_client_odm(tree)
  local function rows(class) return tree.entries["/etc/objrepos/" .. class].rows end
  local function change(class, key, value, fields)
    for _, row in ipairs(rows(class)) do
      if row[key] == value then
        for name, field in pairs(fields) do row[name] = field end
      end
    end
  end
  table.insert(rows "Config_Rules", { phase = 2, seq = 20, boot_mask = 0, rule = "/opt/acme/bin/start" })
  table.insert(rows "SRCsubsys", { subsysname = "acmed", path = "/opt/acme/bin/acmed", standin = "/dev/null",
    standout = "/dev/console", standerr = "/dev/console", action = 1, contact = 2, signorm = 15, sigforce = 9, display = 1,
    waittime = 20, priority = 20, grpname = "acme", uid = 1100 })
  table.insert(rows "errnotify", { en_persistenceflg = 1, en_name = "acme_notify", en_class = "H",
    en_method = "/opt/acme/bin/alert $1 $6" })
  change("SWservAt", "attribute", "errlog_size", { value = "4194304" })
  change("SRCsubsys", "subsysname", "syslogd", { cmdargs = "-R" })
end

---------------------------------------------------------------- what others build from

-- A system of a level without anything of a host: what the BOS image holds, or a SPOT.
local function base_system(level, opts, parts)
  local tree = new_tree(level, opts)
  for _, row in ipairs(directories) do tree:dir(table.unpack(row)) end
  for path, target in pairs(links) do tree:link(path, target) end
  for path, target in pairs(level.links) do tree:link(path, target) end
  add_root_files(tree)
  add_programs(tree)
  add_commands(tree, parts)
  add_usr_files(tree)
  add_bulk(tree)
  add_classes(tree)
  return tree
end

local function without(filesets, test)
  local out = {}
  for _, fileset in ipairs(filesets) do
    if not test(fileset) then out[#out + 1] = fileset end
  end
  return out
end

--- rootvg of the client, customised.
---@param opts table from, to (levels), seed, aixlua, busybox, ksh (paths of programs), hosts {{address,name}}, address, disks,
--- groups, files, bytes
---@return table[]
function images.client(opts)
  local tree = base_system(old_level(opts), opts, { all = true })
  add_host(tree, opts.name or "adachi-AIX7")
  customise_client(tree)
  customise_client_odm(tree)
  add_devices(tree, opts.name or "adachi-AIX7")
  tree:file("/etc/niminfo", "# NIM client\nexport NIM_NAME=adachi-AIX7\nexport NIM_HOSTNAME=adachi-AIX7\n"
    .. "export NIM_CONFIGURATION=standalone\nexport NIM_MASTER_HOSTNAME=adachi-nim\nexport NIM_MASTER_PORT=1058\n"
    .. "export NIM_REGISTRATION_PORT=1059\nexport NIM_SHELL=\"nimsh\"\n", "644", 0, 0)
  tree.entries["/etc/niminfo"].unowned = true
  local filesets = without(fileset_list(tree.level, { bos = true, image = true, site = true }),
    function(fileset) return fileset.not_on_client end)
  images.add_deinstl(tree, filesets)
  add_swvpd(tree, filesets)
  return tree:list()
end

--- rootvg of the NIM master.
---@return table[]
function images.master(opts)
  local tree = base_system(new_level(opts), opts, { all = true, spot = true, master = true })
  add_host(tree, opts.name or "adachi-nim")
  add_devices(tree, opts.name or "adachi-nim")
  tree:dir("/export/nim", "755", 0, 0)
  tree:file("/etc/niminfo", "# NIM master\nexport NIM_NAME=master\nexport NIM_HOSTNAME=adachi-nim\nexport NIM_CONFIGURATION=master\n"
    .. "export NIM_MASTER_PORT=1058\nexport NIM_REGISTRATION_PORT=1059\n", "644", 0, 0)
  tree.entries["/etc/niminfo"].unowned = true
  for class, rows in pairs(release.table "nim.lua"(config.resources(old_level(opts).level, new_level(opts).level))) do
    add_class(tree, "/etc/objrepos", class, rows)
  end
  add_swvpd(tree, fileset_list(tree.level, { bos = true, image = true, master = true }))
  return tree:list()
end

--- The usr tree of the SPOT, paths relative to the SPOT's location's parent: "/usr/...".
---@param level lab.release.Level? default the one that the client is migrated to
---@return table[]
function images.spot(opts, level)
  level = level or new_level(opts)
  local tree = base_system(level, opts, { all = true, spot = true })
  local filesets = fileset_list(level, { bos = true, image = true })
  -- A SPOT has the master's bos.alt_disk_install, as nimadm -M arranges it.
  for _, fileset in ipairs(new_level(opts).filesets) do
    if fileset.name == "bos.alt_disk_install.rte" and not level.levels[fileset.name] then filesets[#filesets + 1] = fileset end
  end
  add_swvpd(tree, filesets)
  tree:parents()
  local out = {}
  for _, entry in ipairs(tree:list()) do
    if entry.path == "/usr" or entry.path:match("^/usr/") then out[#out + 1] = entry end
  end
  return out
end

-- The fileset of an entry of a system that has all filesets.
local function fileset_of(entry, level)
  return entry.fileset or owner(entry.path:gsub("^/usr/lpp/[^/]+/inst_root", ""), level)
end

local function filesets_by_name(kind)
  local out = {}
  for _, fileset in ipairs(release.table "catalogue.lua") do
    if fileset.kind == kind then out[fileset.name] = fileset end
  end
  return out
end

--- What the BOS image of a level (default: the new one) restores, in the order of the archive.
---@return table[]
function images.bos(opts, level)
  level = level or new_level(opts)
  local tree = base_system(level, opts, { all = true })
  local optional = filesets_by_name "image"
  for path, entry in pairs(tree.entries) do
    if optional[fileset_of(entry, level)] and entry.type ~= "dir" then tree.entries[path] = nil end
  end
  add_swvpd(tree, fileset_list(level, { bos = true }))
  return tree:list()
end

-- What the BOS's own filesets want done with their files, where altmig's table does not name them. Their
-- real lists are not public, and "new" is no documented keyword.
local bos_methods = { ["/etc/rc.powerfail"] = "hold_new", ["/etc/rc.bootc"] = "new", ["/etc/dlpi.conf"] = "auto_merge",
  ["/etc/rpc"] = "preserve" }

-- The filesets of the BOS with the files of their root parts, as far as the control library lists them.
local function bos_name(entries, level)
  local image = { package = "bos", kind = "I", filesets = {}, mtime = level.time }
  for _, fileset in ipairs(fileset_list(level, { bos = true })) do
    local f = { name = fileset.name, level = fileset.level, description = fileset.description, bosboot = fileset.bosboot,
      content = fileset.root and "B" or "U", date = fileset.date, sizes = {}, files = {}, cfgfiles = {} }
    for _, entry in ipairs(entries) do
      if entry.type ~= "dir" and not entry.path:match("^/usr/") and fileset_of(entry, level) == fileset.name then
        f.files[#f.files + 1] = entry
        if bos_methods[entry.path] then table.insert(f.cfgfiles, { path = entry.path, method = bos_methods[entry.path] }) end
      end
    end
    table.insert(image.filesets, f)
  end
  return image
end

local configuration_methods = { ["/etc/rc.tcpip"] = "preserve", ["/etc/inetd.conf"] = "preserve", ["/etc/ntp.conf"] = "preserve",
  ["/etc/rc.nfs"] = "hold_new", ["/etc/exports"] = "preserve", ["/etc/xtab"] = "preserve", ["/etc/ssh/sshd_config"] = "hold_new",
  ["/etc/ssh/ssh_config"] = "hold_new", ["/etc/niminfo.sample"] = "user_merge", ["/etc/mail/sendmail.cf"] = "hold_new" }

-- Scripts that a fileset brings, by part.
local scripts = {
  ["openssh.base.server"] = { root_scripts = { config = "#!/usr/bin/ksh\nmkdir -p /var/empty\nchmod 755 /var/empty\nexit 0\n" } },
  ["bos.net.tcp.client"] = { usr_scripts = { pre_i = "#!/usr/bin/ksh\n[ -d \"$INUTEMPDIR\" ]\n" },
    root_scripts = { config = "#!/usr/bin/ksh\necho \"$INUTREE $1\" >/var/adm/sw/tcp.client.configured\n" } },
  ["devices.chrp.base.rte"] = { usr_scripts = { post_i = "#!/usr/bin/ksh\n"
    .. "ODMDIR=/usr/lib/objrepos odmget -q \"uniquetype=sys/node/chrp\" PdDv >/dev/null\n" } },
}

-- A system of a level that has everything, but for the bulk, which is of the BOS image alone.
local function full_system(level, opts)
  local few = {}
  for name, value in pairs(opts) do few[name] = value end
  few.files = nil
  local tree = base_system(level, few, { all = true, spot = level.levels["bos.alt_disk_install.rte"] ~= nil })
  add_readmes(tree, fileset_list(level, { image = true, optional = true }))
  return tree:list()
end

-- Scripts by which obsolete filesets of the old level leave a system: they find it other than they left it, since the
-- configuration of the new release is there by then.
scripts["bos.net.ncs"] = { usr_scripts = { unconfig = [[
#!/usr/bin/ksh
# Takes the location brokers from the System Resource Controller.
for name in llbd glbd
do
  stopsrc -c -s $name >/dev/null 2>&1
  if lssrc -s $name >/dev/null 2>&1
  then rmssys -s $name >/dev/null
  else echo "Can not remove the $name subsystem"
  fi
done
exit 0
]] } }
scripts["devices.common.IBM.atm.rte"] = { usr_scripts = { unpost_i = [[
#!/usr/bin/ksh
sum /usr/lib/hal_hfi.o /usr/hfi/hal/lib/hal_hfi64.o >/dev/null
slibclean
cfgmgr
exit 0
]] }, root_scripts = { unconfig = [[
#!/usr/bin/ksh
# Stops the daemons of ATM, and takes them and the devices from the system.
pid=$(ps -ef | awk '/[a]tmsvcd/ { print $2 }')
[ -n "$pid" ] && kill -9 $pid
[ -s /var/adm/ras/atm.pid ] && /usr/bin/kill -9 $(cat /var/adm/ras/atm.pid)
for entry in mkatmpvc atmsvcd
do
  if lsitab $entry >/dev/null 2>&1
  then rmitab $entry
  else echo "WARNING: rmitab failed! Unable to remove \"$entry\" entry from /etc/inittab."
  fi
done
rmitab atmle
rmdev -dl atm0
while read device
do rmdev -dl $device
done </etc/atm.defs
exit 0
]] } }

-- The scripts that an installation left for the removal of filesets.
function images.add_deinstl(tree, filesets)
  for _, fileset in ipairs(filesets) do
    for part, list in pairs(scripts[fileset.name] or {}) do
      for _, script in ipairs { "pre_d", "unconfig", "unpost_i", "unpre_i" } do
        if list[script] then
          local path = ("%s/%s/deinstl/%s.%s"):format(part == "root_scripts" and "/lpp" or "/usr/lpp", fileset.package, fileset.name,
            script)
          tree:file(path, list[script], "555")
          tree.entries[path].unowned = true
        end
      end
    end
  end
end

-- Image of one package of a level, from a system that has everything.
local function package_spec(tree, name, filesets, level)
  local spec = { package = name, kind = "I", filesets = {}, mtime = level.time }
  for _, fileset in ipairs(filesets) do
    local f = { name = fileset.name, level = fileset.level, description = fileset.description, bosboot = fileset.bosboot,
      content = fileset.root and "B" or "U", prereq = fileset.requisites, files = {}, cfgfiles = {}, date = fileset.date,
      room = release.table("room.lua")[fileset.name] }
    for part, list in pairs(level.scripts[fileset.name] or scripts[fileset.name] or {}) do f[part] = list end
    for _, entry in ipairs(tree) do
      if entry.type ~= "dir" and not entry.path:match("/inst_root/") and fileset_of(entry, level) == fileset.name then
        f.files[#f.files + 1] = entry
        if configuration_methods[entry.path] then
          table.insert(f.cfgfiles, { path = entry.path, method = configuration_methods[entry.path] })
        end
      end
    end
    spec.filesets[#spec.filesets + 1] = f
  end
  return spec
end

-- What an update brings of its fileset: programs. Classes and the lab's own programs stay.
local function is_updated(path)
  return path:match("^/usr/") and not path:find("objrepos", 1, true) and not path:find("inst_root", 1, true)
    and not path:match("^/usr/lpp/lab/") and not path:match("^/usr/share/lib/data/")
end

local function quoted(text) return '"' .. text:gsub("\n", "\\n") .. '"' end

-- The fix database of a level, in the image of bos.rte.install.
local function fix_data(level)
  local text = {}
  for i, row in ipairs(release.fixes(level)) do
    text[i] = ("fix:\n\tname = %s\n\tabstract = %s\n\ttype = %s\n\tfilesets = %s\n\tsymptom = %s\n"):format(quoted(row.name),
      quoted(row.abstract), quoted(row.type), quoted(row.filesets), quoted(row.symptom))
  end
  return table.concat(text, "\n")
end

-- Signs an image that was written, where the release has signed ones.
local function signed(path, level, ok, message, code)
  if not ok or not level.signed then return ok, message, code end
  return require "lab.signature".sign(path)
end

-- Whether a release numbers a fileset; others come from web packs, in base images alone.
local function is_numbered(fileset, level) return fileset.level:sub(1, #level.version + 1) == level.version .. "." end

-- The updates (images of kind S, one for each fileset) that lead from one level to a later one of its release. full: the
-- later level's system.
local function updates(opts, level, base, full)
  local packages = require "lab.packages"
  local list, by_name = {}, {}
  for _, fileset in ipairs(fileset_list(level, { bos = true, image = true, optional = true })) do
    local before = base.levels[fileset.name]
    if before and before ~= fileset.level and is_numbered(fileset, level) then
      local f = { name = fileset.name, level = fileset.level, package = fileset.kind == "bos" and fileset.name or fileset.package,
        description = fileset.description, bosboot = fileset.bosboot, content = fileset.root and "B" or "U", date = fileset.date,
        prereq = fileset.name ~= "bos.rte" and ("*prereq bos.rte %s\n"):format(base.levels["bos.rte"]) or "", files = {} }
      list[#list + 1], by_name[f.name] = f, f
    end
  end
  for _, entry in ipairs(full) do
    local f = entry.type == "file" and is_updated(entry.path) and by_name[fileset_of(entry, level)]
    if f then f.files[#f.files + 1] = entry end
  end
  if by_name["bos.rte.install"] then by_name["bos.rte.install"].fixdata = fix_data(level) end
  -- What each corrects, as its lpp_name says.
  for _, row in ipairs(release.fixes(level)) do
    for name, corrected in row.filesets:gmatch("(%S+):(%d[%d.]*)") do
      local f = row.type == "f" and by_name[name]
      if f and swvpd.compare(corrected, f.level) <= 0 then
        f.fixes = f.fixes or {}
        table.insert(f.fixes, ("%s 1 %s"):format(row.name, row.abstract))
      end
    end
  end
  local out = new_tree(level, opts)
  for _, f in ipairs(list) do
    out:add { path = ("/installp/ppc/%s.%s.U"):format(f.name, f.level), type = "file", mode = "644", uid = 0, gid = 0,
      make = function(path)
        return signed(path, level, packages.write(path, { package = f.package, kind = "S", filesets = { f }, mtime = level.time }))
      end }
  end
  out:dir("/emgr/ppc", "755", 0, 0)
  return out:list()
end

-- The filesets of the base images: what the release numbers, at the base's level, the rest (web packs) at the level itself.
local function base_filesets(level, base)
  local out, at_base = {}, {}
  for _, fileset in ipairs(base.filesets) do at_base[fileset.name] = fileset end
  for _, fileset in ipairs(fileset_list(level, { image = true, optional = true })) do
    out[#out + 1] = is_numbered(fileset, level) and at_base[fileset.name] or fileset
  end
  return out
end

-- The images of kind I of filesets, one for each package.
local function add_base_images(out, filesets, full, level)
  local by_package, order = {}, {}
  for _, fileset in ipairs(filesets) do
    if not by_package[fileset.package] then
      by_package[fileset.package] = {}
      order[#order + 1] = fileset.package
    end
    table.insert(by_package[fileset.package], fileset)
  end
  for _, name in ipairs(order) do
    local list = by_package[name]
    out:add { path = ("/installp/ppc/%s.%s.I"):format(name, list[1].level), type = "file", mode = "644", uid = 0, gid = 0,
      make = function(path)
        return signed(path, level, require "lab.packages".write(path, package_spec(full, name, list, level)))
      end }
  end
end

--- What leads from the client's level to a later one of its release: updates, and base images of what came by web packs
--- or is new. The other base images are those of the old lpp_source.
---@param opts table as for images.client
---@param level lab.release.Level
---@return table[]
function images.updates(opts, level)
  local old, full, out, packs = old_level(opts), full_system(level, opts), new_tree(level, opts), {}
  for _, entry in ipairs(updates(opts, level, old, full)) do out:add(entry) end
  for _, fileset in ipairs(fileset_list(level, { image = true, optional = true })) do
    local before = old.levels[fileset.name]
    if before ~= fileset.level and (not before or not is_numbered(fileset, level)) then packs[#packs + 1] = fileset end
  end
  add_base_images(out, packs, full, level)
  return out:list()
end

--- An lpp_source: the BOS image, the base images of all other packages, and the updates that lead from these to the level.
--- The entries have a function make(path) instead of data; write_tree knows it.
---@param opts table as for images.client; form: media or mixed (lab.release)
---@param level lab.release.Level? default the one that the client is migrated to
---@return table[]
function images.lpp_source(opts, level)
  level = level or new_level(opts)
  local packages = require "lab.packages"
  local base = release.base(level, opts.form)
  local full = full_system(level, opts)
  local base_system_list = base == level and full or full_system(base, opts)
  local out = new_tree(level, opts)
  local dir = "/installp/ppc/"
  local function image(name, make)
    out:add { path = dir .. name, type = "file", mode = "644", uid = 0, gid = 0, make = make }
  end
  -- Media hold a BOS image that has been updated already; a site's mixed source still has the release's first.
  local bos = opts.form == "mixed" and base or level
  image("bos", function(path)
    local entries = images.bos(opts, bos)
    return signed(path, bos, packages.write_bos(path, bos_name(entries, bos), entries, bos.time))
  end)
  add_base_images(out, base_filesets(level, base), base_system_list, base)
  if base ~= level then
    for _, entry in ipairs(updates(opts, level, base, full)) do out:add(entry) end
  end
  out:dir("/RPMS/ppc", "755", 0, 0)
  for _, package in ipairs(level.rpms.images or {}) do
    out:file(("/RPMS/ppc/%s.aix%s.ppc.rpm"):format(package, level.version), require "lab.rpm".image(package), "644", 0, 0)
  end
  return out:list()
end

---------------------------------------------------------------- writing

local function mode_bits(entry) return entry.mode & modes.ALL end

local function write_file(path, entry)
  if entry.make then return entry.make(path) end
  local text = entry.data
  if entry.source then
    local message
    text, message = sys.read_file(entry.source)
    if not text then return nil, message end
  end
  local file, message = io.open(path, "wb")
  if not file then return nil, message end
  local ok
  ok, message = file:write(text)
  local closed, why = file:close()
  if not ok or not closed then return nil, message or why end
  return true
end

local function make(path, entry)
  if entry.type == "dir" then
    if sys.lstat(path) then return true end
    return sys.mkdir(path, modes.DIR)
  end
  sys.remove(path)
  if entry.type == "file" then return write_file(path, entry) end
  if entry.type == "link" then return sys.symlink(entry.target, path) end
  return sys.mknod(path, entry.type, entry.mode, entry.rdev_major, entry.rdev_minor)
end

--- Puts the entries below a directory. Owners are set when root does it.
---@param list table[]
---@param dir string
---@return boolean?
---@return string? message
function images.write_tree(list, dir)
  local owners_too = sys.getuid() == 0
  for _, entry in ipairs(list) do
    local path = dir .. entry.path
    local ok, message = make(path, entry)
    if ok and owners_too then ok, message = sys.lchown(path, entry.uid, entry.gid) end
    if ok and entry.type ~= "link" then ok, message = sys.chmod(path, mode_bits(entry)) end
    if ok and entry.type ~= "dir" and entry.type ~= "link" then ok, message = sys.utime(path, entry.mtime, entry.mtime) end
    if not ok then return nil, path .. ": " .. tostring(message) end
  end
  for i = #list, 1, -1 do
    local entry = list[i]
    if entry.type == "dir" then sys.utime(dir .. entry.path, entry.mtime, entry.mtime) end
  end
  return true
end

return images
