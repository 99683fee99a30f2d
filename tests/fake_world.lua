-- SPDX-License-Identifier: MIT
-- A client and a master that exist only in memory: answers to the commands the flow runs, and a
-- record of all of them. Installed in place of altmig.ssh, tree, bff, merge and saveconf; the disks are those
-- of boot_disks.

local boot_disks = require "boot_disks"
local json = require "altmig.json"
local swvpd = require "altmig.swvpd"
local sys = require "altmig.sys"

require "altmig.cmd.lab" -- makes lab.NAME loadable
local recordings = require "recordings"

-- What a run may destroy here.
local ours = { master = "master", disks = { hdisk2 = true }, groups = { altinst_rootvg = true } }

local world = {}
local worlds = 0 -- made so far
local checked = {} -- by command: what the contract says of it

local lsvg_l = [[
altinst_rootvg:
LV NAME             TYPE       LPs     PPs     PVs  LV STATE      MOUNT POINT
alt_hd5             boot       1       1       1    closed/syncd  N/A
alt_hd4             jfs2       1       1       1    open/syncd    /alt_inst
alt_hd2             jfs2       1       1       1    open/syncd    /alt_inst/usr
]]

local handlers = {}

function handlers.oslevel(w, host) return w.level[host] .. "\n" end
function handlers.lslpp(w, host, argv, opts)
  if argv[2] == "-wqc" then return argv[3] .. ":bos.rte.security:File\n" end
  if argv[2] == "-lqc" then
    local copy = opts and opts.chroot ~= nil
    return ("/usr/lib/objrepos:acme.rte:1.0.0.0::COMMITTED:I:x:\n/usr/lib/objrepos:bos.net:%s::%s:I:x: \n"):format(
      copy and w.in_copy or "7.1.5.0", copy and w.in_copy_state or "COMMITTED")
  end
  if argv[3] then return ("bos:%s:7.2.5.101: : :C: :x: : : : : : :0:0:/:1\n"):format(argv[3]) end
  return "app:acme.rte:1.0.0.0: : :C: :x: : : : : : :0:0:/:1\nbos:bos.net:7.1.5.0: : :C: :x: : : : : : :0:0:/:1\n"
end
function handlers.odmget(w, _, argv)
  if argv[#argv] == "CuDvDr" then
    if argv[3]:find("rootvg", 1, true) then return ('\nCuDvDr:\n\tvalue1 = "%d"\n\tvalue3 = "rootvg"\n'):format(w.rootvg_major or 10) end
    return w.devno or ""
  end
  if argv[#argv] == "PdAt" then return w.tcb and '\nPdAt:\n\tattribute = "TCB_STATE"\n\tdeflt = "tcb_enabled"\n' or "" end
  if argv[#argv] == "fix" then
    local name = w.spot_pack or "72-05-062320_SP"
    return ('\nfix:\n\tname = "%s"\n\tabstract = "AIX"\n\ttype = "p"\n\tfilesets = "bos.alt_disk_install.rte:7.2.5.100\\n\\\n"\n'
      .. '\tsymptom = ""\n'):format(name)
  end
  return ('\nlpp:\n\tname = "bos.alt_disk_install.rte"\n\tver = 7\n\trel = 2\n\tmod = 5\n\tfix = %d\n'):format(w.spot_fix or 101)
end
function handlers.lspv(w)
  local text = "hdisk0          00c3545039af54e2                    rootvg          active\n"
  return text .. ("hdisk2          none                                %s\n"):format(
    w.cloned and "altinst_rootvg" .. (w.asleep and "" or " active") or w.hdisk2 or "None")
end
function handlers.lsvg(w, _, argv)
  local name = argv[#argv]
  if name == "altinst_rootvg" and (not w.cloned or w.asleep) then return "0516-306 lsvg: " .. name .. "\n", 1 end
  if argv[2] == "-l" then return name == "rootvg" and "rootvg:\n" .. (w.rootvg or "") or lsvg_l end
  return ("VOLUME GROUP:       %s    VG IDENTIFIER:  %s\nVG STATE: active  PP SIZE:        32 megabyte(s)\n"):format(name,
    name == "rootvg" and w.rootvg_id or w.vg) .. "USED PPs:       10 (320 megabytes)\n"
end
function handlers.getlvodm(w, _, argv)
  if argv[2] == "-v" and argv[3] == "altinst_rootvg" and w.cloned then return w.vg .. "\n" end
  if argv[2] == "-j" and w.member and w.member[argv[3]] then return w.member[argv[3]] .. "\n" end
  return "0516-320 getlvodm: not assigned\n", 3
end
-- What LVM finds on hdisk2: the record of the last group that was made there, until chpv -C.
function handlers.lquerypv(w)
  local words = w.record and ("5F4C564D" .. w.record .. ("0"):rep(24)) or ("0"):rep(64)
  local text = {}
  for at = 1, 64, 32 do
    text[#text + 1] = ("%08X   %s  |................|\n"):format(0xE00 + at // 2,
      (words:sub(at, at + 31):gsub(("%x"):rep(8), "%0 "):upper()))
  end
  return table.concat(text)
end
function handlers.chpv(w, _, argv)
  if argv[2] ~= "-C" then error("fake world: chpv " .. argv[2]) end
  w.record = nil
end
function handlers.getconf(w) return (w.disk_size or 10240) .. "\n" end
-- Where a path of the copy is on the master: files of the copy are known by their path in it.
local master_root = "/lpar_alt/alt_inst"
local function in_copy(path) return path:sub(1, #master_root + 1) == master_root .. "/" and path:sub(#master_root + 1) or path end

function handlers.df(w, host, argv)
  if #argv < 3 then error "fake world: df without operands hangs on any NFS server that is down" end
  if host == "master" then
    return ("Filesystem    1024-blocks      Free %%Used    Iused %%Iused Mounted on\nlpar:x 9 9 1%% 1 1%% %s\n"):format(
      w.df_finds or argv[3])
  end
  local text = "Filesystem    1024-blocks      Free %Used    Iused %Iused Mounted on\n"
  local rows = { ["/"] = "/dev/hd4 100000 90000 1% 1 1% /\n" }
  if w.cloned and not w.asleep and not w.closed then
    rows["/alt_inst"] = "/dev/alt_hd4 100000 90000 1% 1 1% /alt_inst\n"
    if not w.usr_unmounted then rows["/alt_inst/usr"] = "/dev/alt_hd2 100000 90000 1% 1 1% /alt_inst/usr\n" end
  end
  for i = 3, #argv do
    local at = argv[i]
    while not rows[at] do at = at:match("^(.+)/[^/]*$") or "/" end
    text = text .. rows[at]
  end
  return text
end
function handlers.exportfs(w, host, argv)
  w.exports[host] = w.exports[host] or {}
  if argv[2] == "-i" then
    local nested = w.nested and w.nested(host, argv[5])
    if nested then return nested, 1 end
    w.exports[host][argv[5]] = argv[4]
    if w.exportfs_says and host == "master" then return w.exportfs_says, 1 end
  elseif argv[2] == "-u" then
    if not argv[3] then error "fake world: exportfs -u without an operand" end
    w.exports[host][argv[3]] = nil
  else
    local text = {}
    for path, flags in pairs(w.exports[host]) do text[#text + 1] = path .. " -" .. flags end
    return table.concat(text, "\n")
  end
end
-- Rows as AIX prints them. w.leads["/path"] = "/elsewhere": a link that a client makes at the last moment.
function handlers.mount(w, host, argv)
  w.mounts[host] = w.mounts[host] or {}
  if #argv == 1 then
    local text = { "  node       mounted        mounted over    vfs       date        options      ",
      "-------- ---------------  ---------------  ------ ------------ --------------- " }
    local open = host == "client" and w.cloned and not w.asleep and not w.closed
    for _, at in ipairs(open and { "/alt_inst", not w.usr_unmounted and "/alt_inst/usr" or nil } or {}) do
      text[#text + 1] = ("         %-16s %-16s jfs2   Jan 05 10:00 rw,log=/dev/alt_hd8"):format(
        at == "/alt_inst" and "/dev/alt_hd4" or "/dev/alt_hd2", at)
    end
    for at, row in pairs(w.mounts[host]) do
      if row == true then row = {} end
      text[#text + 1] = ("%-8s %-16s %-16s %-6s Jan 05 10:00 rw"):format(row.node or "node", row.source or "dev", at, row.vfs or "nfs3")
    end
    return table.concat(text, "\n") .. "\n"
  end
  local at = argv[#argv]
  at = w.leads and w.leads[at] or at
  if w.mounts[host][at] then return "mount: already mounted\n", 1 end
  local node, source = argv[#argv - 1]:match("^([^/:]+):(/.*)$")
  w.mounts[host][at] = { node = node or "", source = source or argv[#argv - 1], vfs = node and "nfs3" or argv[3] }
end
function handlers.umount(w, host, argv)
  local at = argv[#argv]
  if not w.mounts[host][at] then return "", 1 end
  w.mounts[host][at] = nil
  return argv[2] == "-f" and "forced unmount of " .. at .. "\n" or ""
end
function handlers.mkdir(w, host, argv)
  if host == "master" and argv[2] ~= "-p" then
    if w.dirs[in_copy(argv[2])] then return "mkdir: 0653-358 Cannot create " .. argv[2] .. ".\n", 1 end
    w.dirs[in_copy(argv[2])] = true
  end
end
-- Devices of the master, and its directory that stands for the copy's /dev: w.devices[PATH] = { kind, ... }.
local PRIVATE <const> = "/lpar_alt/dev"
function handlers.mknod(w, host, argv)
  if host ~= "master" or argv[2]:sub(1, #PRIVATE + 1) ~= PRIVATE .. "/" then error("fake world: mknod " .. argv[2]) end
  w.devices[argv[2]] = { kind = argv[3], major = argv[4], minor = argv[5], bits = "rw-rw-rw-" }
end
local function ls_row(path, entry)
  local size = entry.major and ("%s, %2s"):format(entry.major, entry.minor) or #(entry.text or "")
  return ("%s%s    1 0        0            %s Jan 05 10:00 %s%s\n"):format(entry.kind == "f" and "-" or entry.kind,
    entry.bits or "rw-r--r--", size, path, entry.target and " -> " .. entry.target or "")
end
local function list_devices(w, paths)
  local text, status = {}, 0
  for _, path in ipairs(paths) do
    if w.devices[path] then text[#text + 1] = ls_row(path, w.devices[path]) else status = 2 end
  end
  return table.concat(text), status
end
local find_kinds = { d = "d", l = "l", f = "f" }
local function list_private(w)
  local text = { "d " .. PRIVATE .. "\n" }
  for path, entry in pairs(w.devices) do
    if path:sub(1, #PRIVATE + 1) == PRIVATE .. "/" then text[#text + 1] = ("%s %s\n"):format(find_kinds[entry.kind] or "o", path) end
  end
  return table.concat(text)
end
local function remove_private(w, argv)
  for path in pairs(w.devices) do
    for i = 2, #argv do
      local below = argv[2] == "-rf" and path:sub(1, #argv[i] + 1) == argv[i] .. "/"
      if path == argv[i] or below then w.devices[path] = nil end
    end
  end
end
function handlers.chmod(w, _, argv)
  local bits = argv[2]:gsub("%d", { ["4"] = "r--", ["6"] = "rw-", ["5"] = "r-x", ["7"] = "rwx", ["0"] = "---" })
  if w.devices[argv[3]] then w.devices[argv[3]].bits = bits end
end
function handlers.touch(w, _, argv) w.devices[argv[2]] = w.devices[argv[2]] or { kind = "f" } end
function handlers.find(w)
  local text = {}
  for path in pairs(w.files) do
    if path:match("/%.[^/]*%.altmig%-new$") or path:match("%.altmig%-link$") then text[#text + 1] = "/alt_inst" .. path end
  end
  return table.concat(text, "\n") .. "\n"
end

-- What a path of the master is; w.kinds["/path"] has a say.
local function kind_of(w, path)
  local own = in_copy(path)
  local private = w.devices[path]
  if private then return private.kind == "l" and "link" or private.kind == "d" and "dir" or private.kind == "f" and "file" or "other" end
  if path:sub(1, #PRIVATE + 1) == PRIVATE .. "/" then return "none" end
  return w.kinds[path] or (w.files[own] and "file") or (own == "/.altmig_probe" and "none") or "dir"
end

-- The look at the components of a path, and the command behind it.
local function at_plain(w, argv, answer)
  local count, text = tonumber(argv[5]), {}
  for i = 1, count do
    local kind = kind_of(w, argv[7 + i])
    text[#text + 1] = "altmig-path " .. kind
    if w.on_look then w.on_look(argv[7 + i]) end
    local wanted = " " .. argv[i == count and 7 or 6] .. " "
    if not wanted:find(" " .. kind .. " ", 1, true) then return table.concat(text, "\n") .. "\n" end
  end
  text[#text + 1] = "altmig-plain\n"
  local output, status = "", 0
  if argv[8 + count] then output, status = answer(table.move(argv, 8 + count, #argv, 1, {})) end
  return table.concat(text, "\n") .. output, status
end

-- Subsystems of few hosts: w.up["client:named"].
local seldom_up = { named = true, secldapclntd = true, xntpd = true }
function handlers.lssrc(w, host, argv)
  local at = host .. ":" .. argv[3]
  local down = w.down and w.down[at] or seldom_up[argv[3]] and not (w.up and w.up[at])
  return ("Subsystem Group PID Status\n %s group %s\n"):format(argv[3], down and "inoperative" or "77 active")
end
function handlers.date() return os.date("!%Y %m %d %H %M %S\n") end
function handlers.host(_, _, argv)
  local names = { nim = "10.0.0.3", lpar = "10.0.0.2", ["10.0.0.3"] = "nim", ["10.0.0.2"] = "lpar" }
  if not names[argv[2]] then return "host: 0827-801 Host name " .. argv[2] .. " does not exist.\n", 1 end
  local name, address = argv[2], names[argv[2]]
  if name:match("^%d") then name, address = address, name end
  return ("%s is %s\n"):format(name, address)
end

-- The commands by which a boot image gets onto the disks; w.boot_disks has the bytes.
local function disk_answer(w, host, argv)
  if host ~= "client" then return nil end
  w.boot_disks.files["/alt_inst/tmp/.altmig/bootimage"] = w.boot_image
  if argv[1] == "savebase" or argv[1] == "dd" then
    for _, file in ipairs { "/alt_inst/tmp/.altmig/bootimage.record", "/var/adm/ras/alt_mig/bootrecord" } do
      w.boot_disks.files[file] = w.files[file] or w.boot_disks.files[file]
    end
  end
  return w.boot_disks:answer(argv)
end
for _, name in ipairs { "dd", "wc", "savebase" } do
  handlers[name] = function(w, host, argv) return disk_answer(w, host, argv) end
end
function handlers.lslv(w, host, argv) return argv[3] == "alt_hd5" and disk_answer(w, host, argv) or "" end
local answers = { lvlstmajor = "34,36...\n",
  emgr = "There is no efix data on this system.\n", lppchk = "", ps = "COMMAND\ninit\n", prtconf = "Memory Size: 8192 MB\n",
  lsattr = "type PowerPC_POWER8 Processor type False\n", lsnim = "lpar:\n   Cstate = ready for a NIM operation\n" }
local MARK <const> = "/lpp/save.config/.altmig/owner"
function handlers.ls(w, host, argv)
  if argv[2] == "-l" or argv[3] and argv[3]:sub(1, #PRIVATE) == PRIVATE then return list_devices(w, table.move(argv, 3, #argv, 1, {})) end
  if argv[2] ~= "-ldn" then return "" end
  local text = {}
  for i = 3, #argv do
    local path = argv[i]
    local is_mark = path:sub(-#MARK) == MARK
    if not is_mark or w.files[path] then
      text[#text + 1] = ("%s    2 %d        0             256 Nov 22 21:34 %s\n"):format(is_mark and (w.mark_mode or "-rw-------")
        or path:match("/lpp$") and "drwxr-xr-x" or w.mark_dir or "drwx------", w.mark_owner or 0, path)
    end
  end
  return table.concat(text)
end
for name, text in pairs(answers) do
  handlers[name] = function() return text end
end
for _, command in ipairs { "no", "vmo", "ioo", "schedo", "raso", "nfso" } do
  handlers[command] = function(w) return w.tunables and w.tunables[command] or "" end
end
for _, absent in ipairs { "trustchk", "lswpar", "hdcryptmgr", "lscluster", "genld" } do
  handlers[absent] = function() return "", 127 end
end
function handlers.genkex() return "Text address     Size File\n\n         2c73000    22000 /usr/lib/drivers/random\n" end
function handlers.blvset(w) return (w.level.client:gsub("^(%d)(%d).*", "%1.%2\n")) end
function handlers.instfix(_, _, argv) return ("    There was no data for %s in the fix database.\n"):format(argv[3]), 1 end
function handlers.lsdev(w, _, argv)
  if argv[#argv] == "name" then return w.disks or "hdisk0\n" end
  return "ent0:U9105.42A.78ABCDE-V2-C2-T1:Virtual I/O Ethernet Adapter (l-lan)\n"
end
-- What is there on few hosts: w.has["/path"].
local rare = { ["/bos_inst"] = true, ["/var/efs/efs_admin"] = true, ["/etc/krb5/krb5.conf"] = true, ["/etc/ipsec/inet/DB"] = true,
  ["/etc/ibm/sysmgt/dsm/overrides/dsm.properties"] = true }
function handlers.test(w, host, argv)
  if argv[2] == "-x" then return "", w.mounts[host] and w.mounts[host]["/ALT_MIG_SPOT"] and 0 or 1 end
  if rare[argv[3]] and not (w.has and w.has[argv[3]]) then return "", 1 end
  return "", 0
end
-- Files that are laid over files in one command; w.refuses_namefs is a path that mount does not take.
local function lay_files(w, host, argv)
  local text = {}
  for i = 6, #argv, 2 do
    local source, at = argv[i], argv[i + 1]
    local kind = w.kinds[at]
    if kind then
      text[#text + 1] = ("altmig-way %s %s\n"):format(kind, at)
    else
      local refused = w.refuses_namefs == at
      if not refused then handlers.mount(w, host, { "mount", "-v", "namefs", source, at }) end
      text[#text + 1] = ("altmig-laid %d %s\n"):format(refused and 1 or 0, at)
    end
  end
  return table.concat(text)
end

-- `env -i NAME=VALUE ... COMMAND`
function handlers.env(_, _, argv, _, answer)
  local i = 2
  while argv[i] == "-i" or argv[i]:find("=", 1, true) do i = i + 1 end
  return answer({ table.unpack(argv, i) })
end

function handlers.sh(w, host, argv, opts, answer)
  local script = argv[3] or argv[2]
  if script:find("| cksum", 1, true) or script:find("| cmp - ", 1, true) then return disk_answer(w, host, argv) end
  if script:find("altmig-plain", 1, true) then return at_plain(w, argv, answer) end
  if script:find("-type d -print", 1, true) then return list_private(w) end
  if script:find("altmig-laid", 1, true) then return lay_files(w, host, argv) end
  if script:find('umount "$at"', 1, true) then
    for i = 6, #argv do handlers.umount(w, host, { "umount", argv[i] }) end
    return ""
  end
  if script:find('cp -p "$dir/altmig"', 1, true) then
    w.program = opts.stdin
    return ""
  end
  if script:find('rm -f "$1"', 1, true) and argv[5] == "/tmp/.altmig/commands" then
    local text = w.commands_log
    w.commands_log = nil
    return text or ""
  end
  if script:find("set_acl", 1, true) then
    w.acl_script = script
    return w.acl_answer or ""
  end
  if script:find("exec \"$1/restore\" -xqf -", 1, true) then
    if w.on_stream then w.on_stream(opts) end
    w.streamed = (w.streamed or 0) + 1
    return w.stream_says or "", w.stream_status or 0
  end
  if script:find('cat > "$1$3.new"', 1, true) then
    w.files[argv[5] .. argv[7]] = opts.stdin
    return "", 0
  end
  if script:find("cp -p", 1, true) then
    w.aside = table.concat(argv, " ", 5)
    w.files[argv[5] .. "/complete"] = ""
  end
  if script:find("xargs sum", 1, true) then
    w.summed = opts.stdin
    return w.sums or ""
  end
  if script:find("SSH_CONNECTION", 1, true) then return "10.0.0.1 1 10.0.0.2 22\n" end
  if script:find("echo taken", 1, true) then -- the lock on the exports
    if w.export_lock then return "held\n" .. w.export_lock .. (w.export_lock ~= "" and "\n" or "") end
    w.export_lock = argv[5]
    return "taken\n"
  elseif script:find('mv "$2" "$2.$$"', 1, true) then
    if w.export_lock == argv[5] then w.export_lock = nil end
    return ""
  end
  if script:find("echo held", 1, true) then
    w.client_lock = w.client_lock or argv[5]
    return w.lock_says or "held\n" .. w.client_lock .. "\n"
  end
  return ""
end
function handlers.cat(w, _, argv)
  if argv[2] == "/var/adm/ras/alt_mig/lock/owner" then return w.client_lock and w.client_lock .. "\n" or "", w.client_lock and 0 or 1 end
  if w.devices[argv[2]] then return w.devices[argv[2]].text end
  return w.files[in_copy(argv[2])] or ""
end
function handlers.rm(w, _, argv)
  if argv[3] == "/var/adm/ras/alt_mig/lock" then w.client_lock = nil end
  w.files[argv[3]] = nil
  remove_private(w, argv)
  return ""
end
function handlers.ldd() return "/usr/sbin/restore needs:\n\t /usr/lib/libc.a(shr.o)\n\t /unix\n\t /usr/lib/libcrypt.a(shr.o)\n" end
handlers["/ALT_MIG_SPOT/sbin/alt_disk_copy"] = function(w, _, argv)
  if argv[4] == "-P1" then w.make_group() end
  if argv[4] == "-P3" then w.asleep = true end
  return argv[4] == "-P1" and "Phase 1 complete.\n" or "## Phase 3 ###################\n"
end
local function remove_group(w)
  w.cloned = false
  w.files["/alt_inst" .. MARK] = nil
  return ""
end
-- w.asleep: varied off; w.closed: varied on, nothing mounted; w.force: what FORCE has to be for -W, as of a newer version.
handlers["/ALT_MIG_SPOT/sbin/alt_rootvg_op"] = function(w, _, argv, opts)
  if argv[2] == "-X" then return remove_group(w) end
  if argv[2] ~= "-W" or argv[3] ~= "-d" or argv[4] ~= "hdisk2" then error("fake world: alt_rootvg_op " .. argv[2]) end
  if w.force and (opts.env or {}).FORCE ~= w.force then return "0505-000 the version is newer\n", 1 end
  w.asleep, w.closed = nil, nil
  if w.on_wake then w.on_wake() end
  return "Waking up altinst_rootvg volume group ...\n"
end
handlers["/ALT_MIG_SPOT/sbin/alt_disk_install"] = function(w, _, argv)
  if table.concat(argv, " ", 2) ~= "-M 7.2 -X" then error("fake world: alt_disk_install " .. table.concat(argv, " ", 2)) end
  if w.wrapper_does_nothing then return "" end
  return remove_group(w)
end
function handlers.bootlist(w, _, argv)
  if argv[4] == "-o" then return (w.bootlist or "hdisk0") .. " blv=hd5 pathid=0\n" end
  w.bootlist = table.concat(argv, " ", 4)
end
function handlers.bosboot(w) return ("bosboot: Boot image is %d 512 byte blocks.\n"):format(#w.boot_image // 512) end
function handlers.installp(w, _, argv)
  if argv[2] == "-L" then return "bos:bos.net:7.2.5.0::I:C:::::N:Net::::0:1:\n" end
  if argv[2] == "-apgXY" then return w.preview or "" end
  if not w.never_begun then w.in_copy = "7.2.5.0" end
  return ("Installation Summary\n--------------------\nName Level Part Event Result\n----\nbos.net 7.2.5.0 USR APPLY %s\n")
    :format(w.installp_result or "SUCCESS")
end
function handlers.grep(w, _, argv, opts)
  if argv[3] == "[" then return "", 2 end
  local plain = argv[3]:gsub("[%^%$]", ""):gsub("%.", "%%.")
  local hit = opts.stdin:match("[^\n]*" .. plain .. "[^\n]*")
  return hit or "", hit and 0 or 1
end
for _, quiet in ipairs { "rmdir", "chfs", "logger", "true", "sync" } do
  handlers[quiet] = function() return "" end
end

--- An image of one fileset, as the index of an lpp_source has it.
---@param fileset string
---@param level string
---@param requisites string?
---@param type string?
function world.image(fileset, level, requisites, type)
  return { file = "installp/ppc/" .. fileset, kind = "installp", package = "p", type = type or "I", platform = "R", size = 1, time = "",
    filesets = { { name = fileset, level = level, requisites = requisites or "", content = "U", bosboot = "N", description = "", sizes = {},
      supersedes = {} } } }
end

--- What the software database of the copy has.
function world.software(w)
  return w.software or { ["acme.rte"] = { level = "1.0.0.0" }, ["bos.net"] = { level = w.in_copy or "7.1.5.0" } }
end

--- A new world. Fields can be changed to provoke trouble; w.fail[command] = status makes one fail,
--- w.lost = { client = true } breaks a connection, w.unreachable keeps it so, w.refuses = "client" refuses one.
function world.new()
  local w = { level = { client = "7100-05-03-1846", master = "7200-05-06-2320" }, exports = {}, mounts = {}, files = {},
    fail = {}, answers = {}, log = {}, saved = 0, restored = 0, merged = {}, writes = 0, groups = 0, ended = {},
    kinds = {}, dirs = {}, stats = {}, violations = {}, handlers = handlers,
    devices = { ["/dev/null"] = { kind = "c", major = "2", minor = "2", bits = "rw-rw-rw-" },
      ["/dev/zero"] = { kind = "c", major = "2", minor = "3", bits = "rw-rw-rw-" },
      ["/dev/tty"] = { kind = "c", major = "1", minor = "0", bits = "rw-rw-rw-" } },
    boot_disks = boot_disks.new(), boot_image = boot_disks.image(80),
    rootvg_id = "00f60000000000000000000000000001", vg = "00f60000000000000000000000000002" }

  --- altinst_rootvg on hdisk2, another one each time; made by the flow, or by somebody else.
  function w.make_group()
    w.groups = w.groups + 1
    w.cloned, w.asleep, w.vg = true, nil, ("00f6eaf200004c00000001%010x"):format(w.groups)
    w.record = w.vg
  end

  local answer
  function answer(host, argv, opts)
    w.log[#w.log + 1] = host .. ": " .. table.concat(argv, " ")
    if w.on_command then w.on_command(host, argv) end
    if w.power_cut then error { code = "POWER_CUT", message = "the engine is dead" } end
    local given = w.answers[argv[1]]
    -- What `ls` is told to say is said of directories, not of devices.
    local last = argv[#argv]
    if argv[1] == "ls" and (last:match("^/dev/.") or last:match("^/%w+_alt/dev/")) then given = nil end
    if type(given) == "string" then return given, 0 end
    local handler = given or handlers[argv[1]] or error("fake world: no answer for " .. argv[1])
    if w.fail[argv[1]] then return "provoked\n", w.fail[argv[1]] end
    if w.on_run then w.on_run(host, argv, opts or {}) end
    local text, status = handler(w, host, argv, opts or {}, function(words) return answer(host, words, {}) end)
    return text or "", status or 0
  end

  local function session(host, observe)
    local s = {}
    -- What would be recorded of a command is held against the contract of AIX commands (tests/recordings.lua).
    local function recorded(argv, opts)
      local script = opts and opts.script
      local sent = script and { "sh", "-s", table.unpack(argv) } or argv
      -- A flow sends the same commands again and again, and the contract says the same of them.
      local key = table.concat({ host, script or "", table.unpack(sent) }, "\0")
      local found = checked[key] or recordings.check({ host = host, argv = sent, script = script }, ours)
      checked[key] = found
      w.commands = (w.commands or 0) + 1
      for _, violation in ipairs(found) do
        w.violations[#w.violations + 1] = ("%s: %s\n  %s"):format(host, violation, table.concat(sent, " "))
      end
    end
    -- As a session tells what it has sent.
    local function record(argv, opts, ended)
      if not observe then return end
      local function kept(text) return { text = text or "", length = #(text or "") } end
      local words = opts.script and { "sh", "-s", table.unpack(argv, 5) } or argv
      observe { time = sys.time(), seconds = 0.25, argv = words, env = { "LC_ALL=C" }, script = opts.script, chroot = opts.chroot,
        stdin = type(opts.stdin) == "string" and #opts.stdin or 0, status = ended.status, code = ended.code,
        message = ended.message, stdout = kept(ended.stdout), stderr = kept(ended.stderr) }
    end
    -- A script, as its shell has it.
    local function of_script(argv, opts)
      return opts and opts.script and { "sh", "-c", opts.script, "sh", table.unpack(argv) } or argv
    end
    function s:run(argv, opts)
      recorded(argv, opts)
      argv = of_script(argv, opts)
      opts = opts or {}
      w.sent = (w.sent or 0) + 1
      if w.lost and w.lost[host] then
        record(argv, opts, { code = "SSH_LOST", message = "run: connection lost" })
        return nil, "run: connection lost", "SSH_LOST"
      end
      if w.hangs == argv[1] and (opts.timeout or 0) > 0 then return nil, "run: timed out", "SSH_TIMEOUT" end
      local text, status = answer(host, argv, opts)
      record(argv, opts, { status = status, stdout = text })
      return { status = status, stdout = text, stderr = "" }
    end
    function s:reconnect()
      w.reconnects = (w.reconnects or 0) + 1
      if w.unreachable then return nil, "connect: refused", "SSH_CONNECT" end
      w.lost = nil
      return true
    end
    function s:job(argv, opts)
      assert(opts.timeout == nil, "a job with a deadline")
      recorded(argv, opts)
      w.sent = (w.sent or 0) + 1
      argv = of_script(argv, opts)
      w.jobs = w.jobs or {}
      w.jobs[#w.jobs + 1] = opts.id
      -- A phase 1 that tells which group it makes.
      local watched = argv[1] == "sh" and (argv[3] or ""):find("lsvg altinst_rootvg", 1, true)
      if watched then argv = table.move(argv, 5, #argv, 1, {}) end
      local trouble = w.job_fails and w.job_fails(argv)
      if trouble then return { wait = function() return nil, "provoked", trouble end } end
      if w.ended[opts.id] then return w.ended[opts.id] end
      local text, status = answer(host, argv, opts)
      local told = watched and w.cloned and not w.untold and handlers.lsvg(w, host, { "lsvg", "altinst_rootvg" }):match("[^\n]+")
      w.ended[opts.id] = { wait = function(_, wait_opts)
        if told then wait_opts.on_line(told, "stderr") end
        if w.job_notice and wait_opts.on_notice then wait_opts.on_notice(w.job_notice) end
        for line in text:gmatch("[^\n]+") do
          if wait_opts.on_line then wait_opts.on_line(line, "stdout") end
        end
        return { status = status, stdout = text, stderr = "" }
      end, poll = function() return "done" end, cancel = function() return true end, remove = function() return true end }
      return w.ended[opts.id]
    end
    function s:attach(id)
      if w.attach_fails then return nil, "the answer is not understood", w.attach_fails end
      if w.running then
        return { poll = function() return w.running(host, id) and "running" or "gone" end,
          wait = function(_, wait_opts)
            for _, line in ipairs(w.job_said and w.job_said(host, id) or {}) do wait_opts.on_line(line, "stderr") end
            return nil, "vanished", "JOB_GONE"
          end,
          remove = function() return true end,
          cancel = function()
            if w.cancel_fails then return nil, "still there after KILL", w.cancel_fails end
            return true
          end }
      end
      if w.ended[id] then return w.ended[id] end
      return nil, "no job", "JOB_GONE"
    end
    function s:open() return "archive" end
    function s:get(path)
      if not w.files[path] then return nil, "get: " .. path .. ": no such file", "ENOENT" end
      return w.files[path]
    end
    function s:put(data, path)
      w.log[#w.log + 1] = host .. ": put " .. path
      w.files[path] = data
      return true
    end
    function s:close() end
    return s
  end

  w.session = session

  local copy = {}
  local function write(path, data)
    if copy.frozen then return nil, "write: " .. path .. ": " .. copy.frozen, "READ_ONLY" end
    if path:match("^/nowhere/") then return nil, "write: " .. path .. ": No such file or directory", "ENOENT" end
    local ok, message, code = copy.guard()
    if not ok then return nil, message, code end
    w.writes = w.writes + 1
    w.files[path] = data
    return true
  end
  function copy:write(path, data) return write(path, data) end
  function copy:read(path) return w.files[path] end
  function copy:freeze(why) self.frozen = why end
  -- As a tree: the same calls, but those that change something raise where they fail.
  function copy:raising(fn)
    local changes = { write = true, remove = true, remove_all = true, restore = true, mkdir = true, chown = true }
    return setmetatable({}, { __index = function(_, name)
      return copy[name] and function(_, ...)
        local results = table.pack(copy[name](copy, ...))
        if changes[name] and results[1] == nil then fn(results[2], results[3]) end
        return table.unpack(results, 1, results.n)
      end
    end })
  end
  function copy:mkdir(path)
    local ok, message, code = copy.guard()
    if not ok then return nil, message, code end
    w.dirs[path] = true
    return true
  end
  function copy:chown() return true end
  copy.lchown = copy.chown
  function copy:symlink(target, path)
    local ok, message, code = copy.guard()
    if not ok then return nil, message, code end
    w.links = w.links or {}
    w.links[path] = target
    return true
  end
  -- w.stats["/path"]: what is planted in the copy, of any kind.
  function copy:lstat(path)
    if w.stats[path] then return w.stats[path] end
    if w.dirs[path] then return { type = "dir", uid = 0, gid = 0, mode = 448 } end
    if w.files[path] or not path:lower():find("alt_?mig") then return { type = "file", uid = 0, gid = 7, mode = 384 } end
    return nil, "stat: " .. path .. ": no such file or directory", "ENOENT"
  end
  function copy:remove(path)
    if w.stats[path] and w.stats[path].full then return nil, "remove: " .. path .. ": not empty", "ENOTEMPTY" end
    w.files[path], w.dirs[path], w.stats[path] = nil, nil, nil
    return true
  end
  copy.remove_all = copy.remove
  function copy:exists() return true end
  -- w.programs["/usr/bin"] = names; links are those of w.links.
  function copy:list(path) return w.programs and w.programs[path] or {} end
  function copy:readlink(path) return w.links and w.links[path] end
  function copy:open() return { close = function() end } end
  function copy:drop_caches() end
  function copy:close() end
  function copy:mounts()
    local list = {}
    for _, at in ipairs { "/", "/usr" } do
      list[#list + 1] = { at = at, fsid = w.fsid and w.fsid[at] or "1" .. at, handle = "aa" .. at }
    end
    return list
  end
  function copy:restore(source, options)
    assert(source == "archive", "restore: a reader or an archive expected") -- a path is neither
    if w.before_restore then w.before_restore() end
    local ok, message, code = copy.guard()
    if not ok then return nil, message, code end
    w.restored = w.restored + 1
    if options and options.on_progress then options.on_progress { files = 1, bytes = 1, moved = w.moved or {} } end
    if w.on_restore then w.on_restore() end
    if options.on_progress then options.on_progress { files = 3, bytes = 5110 } end
    return { files = 3, dirs = 1, links = 0, bytes = 5110, moved = w.moved or {}, secured = w.secured,
      secured_dropped = w.secured_dropped }
  end
  function copy:check()
    if w.check_fails then return nil, "restore: member ./up/x at offset 72: a link on the way leads out of the tree", w.check_fails end
    return { requests = 4 }
  end
  function copy:verify(_, options)
    local differences = w.differences or {}
    w.differences = w.differences_left
    if options.on_progress then options.on_progress { files = 3, bytes = 5110 } end
    return differences, { files = 3, bytes = 5110, seconds = 0.1, requests = 6 }
  end

  local members = { { name = "./lpp_name", type = "file", size = 10 }, { name = "./etc/passwd", type = "file", size = 100 },
    { name = "./usr", type = "dir", size = 0 }, { name = "./usr/bin/ls", type = "file", size = 5000 } }
  local replacements = {
    ["altmig.ssh"] = {
      quote = function(argv) return table.concat(argv, " ") end,
      environment = function() return { "LC_ALL=C" } end,
      connect = function(opts)
        if opts.host == "unreachable" or w.refuses == opts.host then
          return nil, ("connect: %s: refused"):format(opts.host), "SSH_CONNECT"
        end
        return session(opts.host, opts.observe)
      end,
    },
    ["altmig.tree"] = {
      at = function(root)
        return { open = function(_, path)
          w.local_file = root .. path
          return "archive"
        end }
      end,
      nfs = function(mounts)
        if w.nfs_refuses and mounts[1].url:find "/alt_inst$" and not w.cloned then return nil, w.nfs_refuses, "NFS_MOUNT" end
        copy.guard = mounts.guard
        w.urls = mounts
        return copy
      end,
    },
    ["altmig.bff"] = {
      open = function()
        if w.bos_broken then return nil, "bff: archive: bad checksum at offset 72", "BFF_CHECKSUM" end
        local archive = {}
        function archive:members()
          local i = 0
          return function()
            i = i + 1
            return members[i]
          end
        end
        function archive:read() return "4 R I bos {\nbos.rte " .. (w.bos or "7.2.5.0") .. " 01 b B en_US Base\n" end
        function archive:close() end
        return archive
      end,
      filter = function(source, opts)
        w.filtered = { source, opts }
        return { close = function() w.filter_closed = true end }, function() return { files = 3, dirs = 1, links = 0, bytes = 10 } end
      end,
    },
    ["altmig.save"] = {
      root = "/lpp/save.config", prepare = function() return true end, is_listed = function() return false end,
      candidates = function(_, names)
        local files = {}
        for i, name in ipairs(names) do files[i] = { path = name } end
        return files
      end,
      put_old = function(_, _, path, data)
        w.old = w.old or {}
        w.old[path] = data
        return "digest of " .. data
      end,
      save = function(_, _, files, sources)
        w.sources = sources
        w.saved = w.saved + 1
        w.restored_when_saved = w.restored
        return { files = #files }
      end,
      verify = function() return not w.save_damaged, "digest differs", "SAVE_DAMAGED" end,
      keep_shipped = function() return true end,
      note_active = function() w.noted = (w.noted or 0) + 1 end,
      restore_preserved = function() return true end,
      put_back_again = function() return w.put_back or {} end,
      keep_installed = function() return {} end,
      context = function() return {} end,
    },
    ["altmig.merge"] = {
      methods = { { title = "passwd_mig" }, { title = "convert_errlog" } },
      run = function(method, context)
        w.merged[#w.merged + 1] = method.title
        for _, decision in ipairs(w.decisions and w.decisions[method.title] or {}) do context.report(decision) end
        if method.title == "convert_errlog" then
          context.warn("altmig: convert_errlog not available, /var/adm/ras/errlog: new one active, yours in save.config")
          return { status = "unavailable" }
        end
        return { status = "merged" }
      end,
      cross_check = function() return 0 end,
      reset = function() end,
    },
    ["altmig.aix.inventory"] = { read = function() return w.inventory or { sizes = {}, changed = function() end }, {} end },
    ["altmig.aix.cfgfiles"] = { on_client = function() return {}, {} end, below_table = function(rows) return rows, {} end },
    ["altmig.aix.packages"] = {
      parse_name = function() return { filesets = { { name = "bos.rte" } } } end, library_part = function() end,
      of_resource = function() return { close = function() end } end,
      of_word = function(_, word)
        w.baseline_word = word
        return { close = function() end }
      end,
      bos_level = function() return w.baseline_level or "7.2.5.101" end,
      handling = function() return w.handled or { filesets = {}, problems = {}, read = 0 } end,
      baseline = function(_, _, wanted, put)
        w.baseline_read = (w.baseline_read or 0) + 1
        if wanted["/etc/passwd"] then put("/etc/passwd", "old") end
        return { images = 1, files = 1, skipped = 0, problems = {} }
      end,
    },
    ["altmig.run.outcome"] = {
      after_merges = function() return w.outcome or {} end,
      after_installp = function() return {} end,
    },
    ["altmig.odm"] = {
      open = function()
        return setmetatable({
          change = function(_, class, criteria, fields)
            w.tcb_change = { class, criteria, fields }
            return w.tcb and 1 or 0
          end,
          -- w.classes: objects of the copy by class; criteria name the type.
          get = function(_, class, criteria)
            local list, kind = {}, criteria and criteria:match("'(.-)'")
            for _, row in ipairs(w.classes and w.classes[class] or {}) do
              if not kind or row.uniquetype == kind then list[#list + 1] = row end
            end
            return list
          end,
          commit = function()
            w.tcb_off = true
            return true
          end,
        }, { __close = function() end })
      end,
    },
    ["altmig.swvpd"] = setmetatable({
      open = function()
        return setmetatable({ filesets = function() return world.software(w) end }, { __close = function() end })
      end,
    }, { __index = swvpd }),
    ["altmig.aix.verify"] = {
      filesets = function(_, planned)
        w.planned_levels = planned
        return w.software_problems or {}, 3, world.software(w)
      end,
      files = function() return w.file_problems or {}, { files = 5, rows = 6 } end,
      sentence = function(problem) return ("%s of %s"):format(problem.what, problem.path or problem.fileset) end,
    },
  }
  local installp = world.real_installp or require "altmig.installp"
  world.real_installp = installp
  replacements["altmig.installp"] = setmetatable({
    resource = function() return { key = "lpp_source", close = function() end } end,
    fixes = function() return w.corrections or {} end,
    index = function()
      if w.unreadable then error({ code = w.unreadable, message = "provoked" }, 0) end
      return setmetatable({ name = "lpp", images = w.images or { world.image("bos.net", "7.2.5.0") }, problems = w.image_problems or {},
        read = 0 }, installp.Source)
    end,
  }, { __index = installp })
  local bosboot = require "altmig.bosboot"
  replacements["altmig.bosboot"] = setmetatable({
    inspect = function() return { verdict = w.boot_verdict or "good", problem = w.boot_verdict and "provoked" } end,
  }, { __index = world.real_bosboot or bosboot })
  world.real_bosboot = world.real_bosboot or bosboot
  for name, module in pairs(replacements) do package.loaded[name] = module end
  for name in pairs(package.loaded) do
    if (name == "altmig.migration" or name:match "^altmig%.run%.") and not replacements[name] then
      package.loaded[name] = nil
    end
  end

  -- In memory where that is to be had: the engine makes every record of its journal durable.
  local shm = sys.stat "/dev/shm"
  w.dir = shm and shm.type == "dir" and ("/dev/shm/altmig-flow-%d-%d"):format(sys.getpid(), worlds) or os.tmpname()
  worlds = worlds + 1
  os.remove(w.dir)
  assert(sys.makedirs(w.dir, 448))
  assert(sys.write_file(w.dir .. "/nim.lua", [[return {
    master = { name = "nim", ssh = { host = "master" } },
    clients = { lpar = { ssh = { host = "client" } }, gone = { ssh = { host = "unreachable" } } },
    lpp_source = { lpp = { location = "/export/lpp" },
      here = { location = "]] .. w.dir .. [[/lpp", host = "local" } },
    spot = { spot = { location = "/export/spot/usr" } },
    script = { pre = { location = "/export/pre.sh" } }, exclude_files = { out = { location = "/export/out" } },
    image_data = { image = { location = "/export/image" } }, bosinst_data = { bosinst = { location = "/export/bosinst" } },
    }]], { mode = 384 }))
  w.opts = function(more)
    local opts = { client = "lpar", lpp_source = "lpp", spot = "spot", disks = { "hdisk2" }, licenses = true, quiet = true,
      nim = w.dir .. "/nim.lua", state = w.dir .. "/state" }
    for k, v in pairs(more or {}) do opts[k] = v end
    return opts
  end
  w.migration = require "altmig.migration"

  -- After the given number of journal records the engine is dead: nothing is recorded or run any more.
  local journal = require "altmig.journal"
  local open = w.real_open or journal.open
  function w.cut_after(count, before)
    journal.open = function(path)
      local j = assert(open(path))
      return setmetatable({
        append = function(_, record)
          count = count - 1
          if w.power_cut or count < 0 or (count == 0 and before) then
            w.power_cut = true
            error { code = "POWER_CUT", message = "the engine is dead" }
          end
          local ok = j:append(record)
          if count == 0 then
            w.power_cut = true
            error { code = "POWER_CUT", message = "the engine is dead" }
          end
          return ok
        end,
        records = function() return j:records() end,
        close = function() return j:close() end,
      }, { __close = function() j:close() end })
    end
  end
  function w.power_on()
    journal.open, w.power_cut = open, nil
  end
  return w
end

--- Commands that were run since the last call, and how often a pattern occurs in all of them.
function world.count(w, pattern)
  local n = 0
  for _, line in ipairs(w.log) do
    if line:find(pattern) then n = n + 1 end
  end
  return n
end

function world.log_text(w)
  return sys.read_file(w.dir .. "/state/lpar_alt_mig.log")
end

function world.journal(w)
  local records = {}
  for line in sys.read_file(w.dir .. "/state/lpar/journal"):gmatch("[^\n]+") do records[#records + 1] = json.decode(line) end
  return records
end

function world.remove(w)
  os.execute("rm -rf '" .. w.dir .. "'")
end

local silent, stderr = io.open("/dev/null", "w"), io.stderr

--- Gives a test class its setUp and tearDown: a new world in self.w, and nothing on stderr.
function world.fixture(class, prepare)
  function class:setUp()
    self.w = world.new()
    if prepare then prepare(self.w) end
    rawset(io, "stderr", silent)
  end
  function class:tearDown()
    rawset(io, "stderr", stderr)
    world.remove(self.w)
  end
end

--- Calls what must fail; the error object.
function world.fails(fn, ...)
  local ok, e = pcall(fn, ...)
  if ok then error("was expected to fail", 2) end
  return e
end

return world
