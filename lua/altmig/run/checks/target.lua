-- SPDX-License-Identifier: MIT
-- Preflight: what the releases that are entered on the way ask of the client, and take no longer. It reads the tables of
-- altmig.run.checks.releases, and needs neither lpp_source nor SPOT.
--
-- A command that the client does not have is passed over. An answer in a form that is not known here is told as
-- information, so that nobody takes silence for a look.

local aix = require "altmig.aix.output"
local err = require "altmig.err"
local levels = require "altmig.merge.levels"
local releases = require "altmig.run.checks.releases"
local sorted_keys = require "altmig.sorted_keys"

local target = {}

local source = releases.source

local NO_COMMAND <const> = 127

-- Runs a command of the client, or of another host. One that does not end is one whose answer is not known: what it would have said is of a
-- look, and nothing rests on it.
local function ask(m, argv, opts, host)
  host = host or m.client
  local ok, result = xpcall(host.run, err.wrap, host, argv, opts)
  if ok then return result end
  if result.code ~= "SSH_TIMEOUT" then error(result, 0) end
  return { stdout = "", stderr = result.message }
end

local function first_line(text) return text:match("[^\n]+") or "" end

local function said(argv, result) return ("%s: %s"):format(table.concat(argv, " "), first_line(result.stdout .. (result.stderr or ""))) end

-- An answer that is in no form known here.
local function unread(m, add, what, argv, result)
  add { id = "not-looked-at", severity = "info", host = m.name, evidence = said(argv, result),
    what = ("%s: the answer of %s is not understood, so nothing can be said of it"):format(what, argv[1]),
    remedy = "look at it yourself before the migration" }
end

-- Findings that a row of a table describes.
local function tell(m, add, row, what, evidence, filesets)
  add { id = row.id, severity = row.severity or "warning", host = m.name, what = what, evidence = evidence,
    remedy = row.remedy:gsub("FILESETS", { FILESETS = filesets }), source = row.source }
end

-- The rows of the releases that are entered, each with its table.
local function each_entered(m)
  local list = m.target and releases.entered(m.from, m.target) or {}
  local i = 0
  return function()
    i = i + 1
    return list[i]
  end
end

-- The last of them that has something to say of it.
local function entered_with(m, name)
  local found
  for release in each_entered(m) do found = release[name] and release or found end
  return found, found and found[name]
end

-- A file of the client: "" where there is none.
local function text_of(m, path)
  local result = ask(m, { "cat", path })
  return result.status == 0 and result.stdout or ""
end

-- Its lines without comments and blanks at the ends.
local function lines_of(text)
  local list = {}
  for line in text:gmatch("[^\n]+") do
    line = line:gsub("#.*$", ""):match("^%s*(.-)%s*$")
    if line ~= "" then list[#list + 1] = line end
  end
  return list
end

--- All filesets of the client, asked for once: lslpp -L looks at every one of them.
---@param m altmig.Migration
---@return table<string, table> rows   # by name, as aix.lslpp_Lqc reads them
function target.all_filesets(m)
  m.client_filesets = m.client_filesets or aix.lslpp_Lqc(m.client:must { "lslpp", "-Lqc" })
  return m.client_filesets
end
local filesets = target.all_filesets

local function is_active(m, subsystem)
  local result = ask(m, { "lssrc", "-s", subsystem })
  local row = result.status == 0 and aix.lssrc(result.stdout)[subsystem]
  return row and row.state == "active", said({ "lssrc", "-s", subsystem }, result)
end

-- The machine ---------------------------------------------------------------------------------------

local function memory_of(m, add, host)
  local text = ask(m, { "prtconf", "-m" }, nil, host).stdout
  local memory = aix.prtconf_m(text)
  if host == m.client then m.client_memory = memory end
  local want = releases.memory
  if not memory or memory >= want.wanted then return end
  add { id = "memory", severity = host == m.client and memory < want.least and "inhibitor" or "warning", host = host.name,
    what = ("the %s has %d MB of memory; IBM's requirements for nimadm name %d MB for the NIM master and for the client"):format(
      host.role, memory, want.wanted), evidence = "prtconf -m: " .. first_line(text), source = want.source,
    remedy = "give the partition more memory, or expect phase 6 to page and the new release to start slowly" }
end

function target.memory(m, add)
  memory_of(m, add, m.client)
  if not m.master.unreachable then memory_of(m, add, m.master) end
end

-- What prtconf says of the whole machine; it looks at every device, which takes its time.
local function machine(m)
  if not m.client_machine then
    local result = ask(m, { "prtconf" }, { timeout = 600 })
    m.client_machine = aix.prtconf(result.stdout)
  end
  return m.client_machine
end

local MODE <const> = "choose a processor compatibility mode of POWER%d or later in the profile of the partition (HMC), and activate the "
  .. "partition by it before the migrated disk is booted"

--- The processor, and the mode the partition runs in: the older of the two counts.
function target.processor(m, add)
  local release = m.target and releases.of(m.target)
  local need = release and release.processor
  if not need then return end
  local result = ask(m, { "lsattr", "-El", "proc0", "-a", "type" })
  local found = machine(m)
  local model, evidence = aix.processor(result.stdout), said({ "lsattr", "-El", "proc0", "-a", "type" }, result)
  model = model or found.processor
  if found.mode and (not model or found.mode < model) then
    model, evidence = found.mode, ("prtconf: Processor Implementation Mode: POWER %d"):format(found.mode)
  end
  m.client_processor = model
  if not model then return unread(m, add, "the processor", { "lsattr", "-El", "proc0", "-a", "type" }, result) end
  if model < need.least then
    local newer = found.processor and found.processor >= need.least
    add { id = "processor", host = m.name, evidence = evidence, source = need.source,
      what = ("the processor is a POWER%d%s; %s needs POWER%d or later"):format(model,
        newer and (", by the mode of the partition on a POWER%d"):format(found.processor) or "", release.name, need.least),
      remedy = newer and MODE:format(need.least) or "move the partition to a newer machine first" }
  end
end

-- "7300-02-04" of a level, comparable as text; nil without a level.
local function of_level(level) return level and level:match("^%d+%-%d+%-%d+") end

-- Whether a level is at or above one of the lowest that are named, each of its technology level.
local function reaches(level, lowest)
  local last = lowest[#lowest]
  for _, least in ipairs(lowest) do
    if level:sub(1, 7) == least:sub(1, 7) then return level >= least end
  end
  return level > last
end

--- Machines for which IBM names the lowest level, with virtual I/O and with adapters of their own.
function target.model(m, add)
  local release = m.target and releases.of(m.target)
  local model = release and release.models and release.models[machine(m).model or ""]
  if not model then return end
  local argv = { "lsdev", "-Cc", "adapter", "-F", "name:physloc:description" }
  local result = ask(m, argv)
  local own
  for _, row in ipairs(aix.lsdev_places(result.stdout)) do
    if not own and row.place:match("%-P%d") and not row.place:match("%-V%d+%-C%d") then own = row.name end
  end
  local lowest, level = own and model.direct or model.virtual, of_level(m.target_level)
  local how = own and ("with an adapter of its own (%s)"):format(own) or "with virtual adapters alone"
  if level and not reaches(level, lowest) then
    add { id = "model-level", severity = "warning", host = m.name, source = source.power10,
      what = ("this is a Power %s, %s: the lowest level for it is %s, and %s would be installed"):format(model.name, how,
        table.concat(lowest, " or "), m.target_level), evidence = "prtconf: System Model; " .. said(argv, result),
      remedy = "take an lpp_source and a SPOT of a later service pack" }
  elseif not level then
    add { id = "model-level", severity = "info", host = m.name, source = source.power10,
      what = ("this is a Power %s, %s: the lowest level for it is %s"):format(model.name, how, table.concat(lowest, " or ")),
      evidence = "prtconf: System Model; " .. said(argv, result), remedy = "choose the lpp_source by it" }
  end
end

--- Adapters that the release has no driver for, and those of which a fault is known.
function target.adapters(m, add)
  local release = entered_with(m, "adapters")
  if not release then return end
  local argv = { "lsdev", "-Cc", "adapter", "-F", "name:physloc:description" }
  local result = ask(m, argv)
  local rows = aix.lsdev_places(result.stdout)
  if not rows[1] and result.stdout:match("%S") then return unread(m, add, "the adapters", argv, result) end
  for _, kind in ipairs(release.adapters) do
    for _, row in ipairs(rows) do
      if row.name:match(kind[1]) or row.text:find(kind[2], 1, true) then
        tell(m, add, kind, ("%s (%s): %s"):format(row.name, row.text, kind.what), said(argv, result))
        break
      end
    end
  end
  local level = m.target_level and aix.oslevel(m.target_level)
  local entry = level and releases.of(m.target)
  for _, apar in ipairs(entry and entry.apars or {}) do
    local which
    for _, row in ipairs(apar.adapter and rows or {}) do which = which or row.text:find(apar.adapter, 1, true) and row end
    if apar.tl == level.tl and (which or not apar.adapter) and not (m.source_fixes or {})[apar.apar] then
      add { id = "known-apar", severity = which and "warning" or "info", host = m.name, source = source.apars,
        what = ("%s of technology level %d: %s%s"):format(apar.apar, apar.tl, apar.what, which and (" (%s)"):format(which.name) or ""),
        evidence = "oslevel of the SPOT: " .. m.target_level,
        remedy = ("see whether the lpp_source has it, or an interim fix for it; on the migrated system: instfix -ik %s"):format(apar.apar) }
    end
  end
end

-- Disks and volumes ---------------------------------------------------------------------------------

local function rootvg_disks(m)
  local list = {}
  for _, disk in ipairs(aix.lspv(m.client:must { "lspv" })) do
    if disk.vg == "rootvg" then list[#list + 1] = disk.name end
  end
  return list
end

--- A rootvg with another major number than it is installed with.
function target.rootvg_major(m, add)
  local argv = { "odmget", "-q", "resource=devno and value3=rootvg", "CuDvDr" }
  local result = ask(m, argv)
  local major
  for _, object in ipairs(aix.odmget(result.stdout)) do
    if object.value3 == "rootvg" then major = math.tointeger(tonumber(object.value1)) end
  end
  local want = releases.rootvg_major
  if not major then return unread(m, add, "the major number of rootvg", argv, result) end
  if major ~= want.number then
    add { id = "rootvg-major", severity = "warning", host = m.name, source = want.source,
      evidence = ("odmget -q 'resource=devno and value3=rootvg' CuDvDr: value1 = %d"):format(major),
      what = ("rootvg has the major number %d; IBM's checks want %d"):format(major, want.number),
      remedy = "ask IBM's support before the migration; a mksysb that is restored has the number again" }
  end
end

--- The level in the boot area of a disk, which has to be that of the system.
function target.boot_level(m, add)
  for _, disk in ipairs(rootvg_disks(m)) do
    local argv = { "blvset", "-d", "/dev/" .. disk, "-g", "level" }
    local result = ask(m, argv)
    if result.status == NO_COMMAND then return end
    local version, release = aix.blvset_level(result.stdout)
    if not version or result.status ~= 0 then
      unread(m, add, "the level in the boot area of " .. disk, argv, result)
    elseif version == 0 or m.from and version * 100 + release ~= releases.number(m.from) then
      local none = version == 0 and release == 0
      add { id = "boot-level", severity = "warning", host = m.name, evidence = said(argv, result), source = source.checks,
        what = none and ("the boot area of %s names no level"):format(disk)
          or ("the boot area of %s names level %d.%d, and the system is at %d.%d"):format(disk, version, release, m.from.version,
            m.from.release), remedy = "bosboot -ad /dev/ipldevice" }
    end
  end
end

--- Logical volumes of rootvg that are encrypted: a copy of them would be in the clear, or fail.
function target.encryption(m, add)
  local argv = { "hdcryptmgr", "showvg", "rootvg" }
  local result = ask(m, argv)
  if result.status == NO_COMMAND then return end
  local on = aix.encrypted(result.stdout).rootvg
  if on == nil then return unread(m, add, "the encryption of rootvg", argv, result) end
  if not on then return end
  argv = { "hdcryptmgr", "showlv", "rootvg" }
  result = ask(m, argv)
  local found, volumes = {}, aix.encrypted(result.stdout)
  for _, name in ipairs(sorted_keys(volumes)) do
    if volumes[name] then found[#found + 1] = name end
  end
  if not next(volumes) then return unread(m, add, "the encryption of the volumes of rootvg", argv, result) end
  if found[1] then
    add { id = "encrypted-lv", host = m.name, evidence = ("%s: %s"):format(table.concat(argv, " "), (result.stdout:gsub("%s+$", ""))),
      source = source.encryption,
      what = ("rootvg has encrypted logical volumes (%s): the copy on the alternate disk would hold their data in the clear, or fail")
        :format(table.concat(found, " ")),
      remedy = ("hdcryptmgr crypt2plain %s   and encrypt them again after the migration (plain2crypt); or migrate another way"):format(
        table.concat(found, "; hdcryptmgr crypt2plain ")) }
  end
end

--- The path control modules of the disks that the system boots from.
function target.drivers(m, add)
  local _, modules = entered_with(m, "pcms")
  if not modules then return end
  for _, disk in ipairs(rootvg_disks(m)) do
    local argv = { "lsattr", "-El", disk, "-a", "PCM" }
    local result = ask(m, argv)
    local row = modules[aix.attribute(result.stdout, "PCM") or ""]
    if row then tell(m, add, row, ("%s of rootvg: %s"):format(disk, row.what), said(argv, result)) end
  end
end

-- Software ------------------------------------------------------------------------------------------

local function matches(name, patterns)
  for _, pattern in ipairs(patterns) do
    if name:match(pattern) then return true end
  end
  return false
end

--- Filesets that need a hand, whichever the release, and those that the releases on the way take no longer.
function target.filesets(m, add)
  local installed = filesets(m)
  local names = sorted_keys(installed)
  local function look(rows)
    for _, row in ipairs(rows) do
      local found = {}
      for _, name in ipairs(names) do
        if matches(name, row.names) and (not row.level or installed[name].level == row.level) then found[#found + 1] = name end
      end
      if found[1] then
        local some = table.concat(found, " ", 1, math.min(#found, 6)) .. (#found > 6 and " ..." or "")
        tell(m, add, row, ("%s (%s)"):format(row.what, some), ("lslpp -Lqc: %s %s"):format(found[1], installed[found[1]].level),
          table.concat(found, " "))
      end
    end
  end
  look(releases.attention)
  for release in each_entered(m) do look(release.filesets) end
end

--- Kernel extensions that are none of the release: they are carried over, and nobody says that they fit.
function target.kernel_extensions(m, add)
  if not each_entered(m)() then return end
  local argv = { "genkex" }
  local result = ask(m, argv)
  if result.status == NO_COMMAND then return end
  local paths = aix.genkex(result.stdout)
  if not paths then return unread(m, add, "the kernel extensions", argv, result) end
  local owner = {}
  for line in ask(m, { "lslpp", "-wqc", table.unpack(paths) }).stdout:gmatch("[^\n]+") do
    local path, fileset = line:match("^([^:]+):([^:]+):")
    if path then owner[path] = fileset end
  end
  if not next(owner) then return unread(m, add, "whose the kernel extensions are", { "lslpp", "-w" }, result) end
  local foreign = {}
  for _, path in ipairs(paths) do
    if path ~= "/unix" and not path:match("^/usr/lib/boot/") and not matches(owner[path] or "", releases.own_filesets) then
      foreign[#foreign + 1] = owner[path] and ("%s (%s)"):format(path, owner[path]) or path
    end
  end
  if foreign[1] then
    add { id = "kernel-extension", severity = "warning", host = m.name, source = source.ours,
      what = ("kernel extensions that are no part of AIX are loaded: %s%s"):format(table.concat(foreign, ", ", 1, math.min(#foreign, 8)),
        #foreign > 8 and (" and %d more"):format(#foreign - 8) or ""), evidence = ("genkex; lslpp -w %s"):format(foreign[1]),
      remedy = "ask who made them for a level that is for the new release, and have it installed before the copy is booted" }
  end
end

--- A node of a cluster: the copy would come up as a second member of it.
function target.cluster(m, add)
  local argv = { "lscluster", "-c" }
  local result = ask(m, argv)
  if result.status == NO_COMMAND then return end
  local name = aix.cluster(result.stdout .. result.stderr)
  if name == nil then return unread(m, add, "the cluster", argv, result) end
  if name then
    add { id = "caa-cluster", host = m.name, evidence = said(argv, result), source = source.ours,
      what = ("the client is a node of the cluster %s (CAA)"):format(name),
      remedy = "stop cluster services on it (clmgr offline node), and read PowerHA's own way to a new release first" }
  end
end

--- Kerberos: its files are the site's, and its filesets come from another medium.
function target.kerberos(m, add)
  local _, row = entered_with(m, "kerberos")
  local client = row and filesets(m)["krb5.client.rte"]
  if not client or ask(m, { "test", "-r", "/etc/krb5/krb5.conf" }).status ~= 0 then return end
  add { id = "kerberos", severity = "warning", host = m.name, source = row.source,
    what = ("Kerberos is in use (krb5.client.rte %s)"):format(client.level),
    evidence = "lslpp -Lqc krb5.client.rte; test -r /etc/krb5/krb5.conf",
    remedy = "have the krb5 images for the new release in the lpp_source; try a login with it before the old disk is given up" }
end

--- The key database of IPsec, which its update expects.
function target.ipsec(m, add)
  if not filesets(m)["bos.net.ipsec.keymgt"] or ask(m, { "test", "-d", "/etc/ipsec/inet/DB" }).status == 0 then return end
  add { id = "ipsec-db", severity = "warning", host = m.name, source = source.checks, evidence = "test -d /etc/ipsec/inet/DB",
    what = "bos.net.ipsec.keymgt is installed and its directory /etc/ipsec/inet/DB is not there: its update may fail",
    remedy = "mkdir -p /etc/ipsec/inet/DB; or remove the fileset if IPsec is not used" }
end

--- Encrypted File Systems: sftp and scp of the newer OpenSSH fail beside them.
function target.efs(m, add)
  if ask(m, { "test", "-d", "/var/efs/efs_admin" }).status ~= 0 then return end
  for _, line in ipairs(lines_of(text_of(m, "/etc/ssh/sshd_config"))) do
    if line:lower():match("^allowpkcs12keystoreautoopen%s+no") then return end
  end
  add { id = "efs", severity = "warning", host = m.name, source = source.efs,
    evidence = "test -d /var/efs/efs_admin; cat /etc/ssh/sshd_config",
    what = "Encrypted File Systems are enabled: ssh of other systems may end with \"Unsupported protocol sequence\"",
    remedy = "AllowPKCS12KeystoreAutoOpen no   in /etc/ssh/sshd_config, and in ssh_config of those who come from here" }
end

-- OpenSSH and OpenSSL -------------------------------------------------------------------------------

local function ssh_level(m)
  local row = filesets(m)["openssh.base.server"] or filesets(m)["openssh.base.client"]
  return row and row.level
end

-- Releases as the tables of the merges name them.
local function named(release) return release and ("%d.%d"):format(release.version, release.release) end

-- A finding for the lines of a file that the new release does not take, or takes otherwise.
local function refused_lines(m, add, finding, path)
  local lines, texts, seen, breaks = {}, {}, {}, false
  for _, found in ipairs(levels.refused(path, text_of(m, path), named(m.target), named(m.from))) do
    if not seen[found.line] then lines[#lines + 1] = found.line end
    if not seen[found.row.text] then texts[#texts + 1] = found.row.text end
    seen[found.line], seen[found.row.text] = true, true
    breaks = breaks or found.row.breaks or false
  end
  if not lines[1] then return end
  finding.severity, finding.host, finding.evidence = "warning", m.name, ("cat %s: %s"):format(path, table.concat(lines, "\n"))
  finding.what = ("%s: %s"):format(finding.what:format(path, breaks and "refuses" or "ignores"), table.concat(texts, "; "))
  add(finding)
end

--- sshd and ssh: words and algorithms of their files that the new OpenSSH has no more.
function target.ssh_config(m, add)
  local _, row = entered_with(m, "ssh")
  local level = row and ssh_level(m)
  if not level or aix.compare_levels(level, row.since) >= 0 then return end
  refused_lines(m, add, { id = "ssh-config", source = row.keys, what = "%s has lines that the new sshd %s",
    remedy = "take them out before the migration; sshd -t of the migrated system has the last word" }, "/etc/ssh/sshd_config")
  refused_lines(m, add, { id = "ssh-config", source = row.keys, what = "%s has lines that the new ssh %s",
    remedy = "take them out before the migration" }, "/etc/ssh/ssh_config")
end

--- Keys that the new OpenSSH does not take.
function target.ssh_keys(m, add)
  local _, rows = entered_with(m, "ssh")
  local level = rows and ssh_level(m)
  if not level or aix.compare_levels(level, rows.since) >= 0 then return end
  local names, others = ask(m, { "ls", "/etc/ssh" }).stdout, false
  for _, kind in ipairs { "rsa", "ecdsa", "ed25519" } do others = others or names:find("ssh_host_" .. kind .. "_key", 1, true) ~= nil end
  if names:find("ssh_host_dsa_key", 1, true) and not others then
    add { id = "ssh-host-key", severity = "warning", host = m.name, evidence = "ls /etc/ssh", source = rows.keys,
      what = "the only host key is a DSA key, which the new sshd does not use: it would have none",
      remedy = "ssh-keygen -A   before the migration, and give the new key to those who know the old one" }
  end
  for _, home in ipairs { "/.ssh", "/root/.ssh" } do
    local file = home .. "/authorized_keys"
    if text_of(m, file):find("ssh-dss ", 1, true) then
      add { id = "ssh-user-key", severity = "warning", host = m.name, evidence = "cat " .. file, source = rows.keys,
        what = ("%s holds DSA keys: who logs in as root with one cannot do so any more"):format(file),
        remedy = "let them make an ed25519 or RSA key and add it" }
    end
  end
end

--- Objects of OpenSSL that are gone, in programs that run now; and engines in openssl.cnf.
function target.openssl(m, add)
  local _, rows = entered_with(m, "openssl")
  if not rows then return end
  local argv = { "genld", "-l" }
  local result, found = ask(m, argv), {}
  local processes = aix.genld(result.stdout)
  if result.status ~= NO_COMMAND and not processes[1] then unread(m, add, "the libraries of programs that run", argv, result) end
  for _, process in ipairs(processes) do
    for _, object in ipairs(process.objects) do
      if matches(object, rows.objects) then found[process.name] = object end
    end
  end
  for _, name in ipairs(sorted_keys(found)) do
    add { id = "openssl-objects", severity = "warning", host = m.name, source = rows.source,
      evidence = ("genld -l: %s: %s"):format(name, found[name]),
      what = ("%s has %s loaded, which the new OpenSSL does not have: it will not start"):format(name, found[name]),
      remedy = "ask for a version of the program that is made with OpenSSL 3; dump -H FILE shows it of programs that do not run now" }
  end
  refused_lines(m, add, { id = "openssl-cnf", source = rows.source, what = "%s has lines that the new OpenSSL %s",
    remedy = "take them out: programs may fail at their start; the file of the new release has other symbols, and yours is kept in "
      .. "the save area" }, "/var/ssl/openssl.cnf")
end

-- Daemons and their files ---------------------------------------------------------------------------

--- ntp.conf: words of version 3.
function target.ntp(m, add)
  local _, row = entered_with(m, "ntp")
  if not row or not is_active(m, "xntpd") then return end
  refused_lines(m, add, { id = "ntp-conf", source = row.source, what = "%s has lines that version 4 of NTP %s",
    remedy = "take them out; after the boot: lssrc -ls xntpd" }, "/etc/ntp.conf")
end

--- named, whose fileset is replaced by one that is not installed by default.
function target.named(m, add)
  local _, row = entered_with(m, "named")
  local fileset = row and filesets(m)[row.fileset]
  local active, evidence = false, nil
  if fileset then active, evidence = is_active(m, "named") end
  if not active then return end
  add { id = "named", severity = "warning", host = m.name, evidence = evidence, source = row.source,
    what = ("named runs, from %s: %s takes its place and is not installed by default; %s are gone"):format(row.fileset,
      row.replaced_by, table.concat(row.tools, ", ")),
    remedy = ("have %s in the lpp_source, and ask for it by a bundle with the line I:%s (-b); its programs are in %s"):format(
      row.replaced_by, row.replaced_by, row.at) }
end

--- LDAP: keys of ldap.cfg that the new client wants for logins.
function target.ldap(m, add)
  local _, row = entered_with(m, "ldap")
  if not row or not is_active(m, "secldapclntd") then return end
  local has, missing = {}, {}
  for _, line in ipairs(lines_of(text_of(m, "/etc/security/ldap/ldap.cfg"))) do
    has[line:lower():match("^[^:%s]+") or ""] = true
  end
  for _, key in ipairs(row.keys) do
    if not has[key] then missing[#missing + 1] = key end
  end
  if missing[1] then
    add { id = "ldap-keys", severity = "warning", host = m.name, evidence = "cat /etc/security/ldap/ldap.cfg", source = row.source,
      what = ("users come from LDAP, and ldap.cfg has no %s: home directories may not be made"):format(table.concat(missing, " and no ")),
      remedy = ("add them to /etc/security/ldap/ldap.cfg of the migrated system (from %s on), then restart-secldapclntd"):format(
        row.since) }
  end
end

--- A file of the Distributed Systems Manager that its update overwrites.
function target.dsm(m, add)
  local _, row = entered_with(m, "dsm")
  local path = "/etc/ibm/sysmgt/dsm/overrides/dsm.properties"
  if not row or not filesets(m)["dsm.core"] or ask(m, { "test", "-s", path }).status ~= 0 then return end
  add { id = "dsm-properties", severity = "warning", host = m.name, evidence = "test -s " .. path, source = row.source,
    what = ("%s would be overwritten by the update of dsm.core"):format(path),
    remedy = ("cp -p %s /home   and compare it after the boot"):format(path) }
end

--- Caches of JFS2 that are smaller by default, on a client with little memory.
function target.inode_cache(m, add)
  local _, row = entered_with(m, "tunables")
  local memory = m.client_memory
  if not row or not memory or memory > row.memory then return end
  local text, names, remedies = text_of(m, "/etc/tunables/nextboot"), {}, {}
  for _, default in ipairs(levels.defaults) do
    if default.stanza == row.stanza and levels.concerns(default, named(m.target), named(m.from)) then
      if text:find(default.name, 1, true) then return end
      names[#names + 1] = ("%s (%s by default, before %s)"):format(default.name, default.is, default.was)
      remedies[#remedies + 1] = default.remedy
    end
  end
  if not names[1] then return end
  add { id = "inode-cache", severity = "warning", host = m.name, source = row.source,
    evidence = ("prtconf -m: %d MB; cat /etc/tunables/nextboot"):format(memory),
    what = ("%s: with %d MB of memory, open() may fail where many files are open"):format(table.concat(names, " and "), memory),
    remedy = "on the migrated system: " .. table.concat(remedies, "; ") }
end

--- yum, which does not run on the new release.
function target.yum(m, add)
  local _, row = entered_with(m, "yum")
  local has = {}
  for _, package in pairs(row and filesets(m) or {}) do has[aix.rpm_name(package) or ""] = true end
  if has.yum and not has.dnf then
    add { id = "yum", severity = "warning", host = m.name, evidence = "lslpp -Lqc", source = row.source,
      what = "yum is installed and dnf is not: yum does not run on the new release",
      remedy = "install dnf from the AIX Toolbox, before or after the migration" }
  end
end

--- A link of the site at /usr/lib/sendmail, which a migration sets back.
function target.sendmail(m, add)
  local argv = { "ls", "-l", "/usr/lib/sendmail" }
  local result = ask(m, argv)
  local to = result.status == 0 and result.stdout:match("%s%->%s+(%S+)%s*$")
  if not to or to:match("^/usr/sbin/sendmail$") then return end
  add { id = "sendmail-link", severity = "warning", host = m.name, evidence = said(argv, result), source = source.sendmail,
    what = ("/usr/lib/sendmail is a link to %s: a migration may set it back to the sendmail of AIX"):format(to),
    remedy = ("look at it after the boot: ls -l /usr/lib/sendmail; ln -sf %s /usr/lib/sendmail"):format(to) }
end

--- A policy that refuses images without a signature: installp of phase 6, or later, stops at the site's own.
function target.signatures(m, add)
  local argv = { "lsattr", "-El", "sys0", "-a", "signpolicy" }
  local result = ask(m, argv)
  local policy = aix.attribute(result.stdout, "signpolicy")
  if policy ~= "medium" and policy ~= "high" then return end
  add { id = "signature-policy", severity = "warning", host = m.name, evidence = said(argv, result), source = source.signed,
    what = ("the signature policy of the client is %s: images of others, which are not signed, are refused in the copy and later")
      :format(policy),
    remedy = "chsignpolicy -s none   for the time of the migration, if the lpp_source has images of others" }
end

target.order = { "memory", "processor", "model", "adapters", "rootvg_major", "boot_level", "encryption", "drivers", "filesets",
  "kernel_extensions", "cluster", "kerberos", "ipsec", "efs", "ssh_config", "ssh_keys", "openssl", "ntp", "named", "ldap", "dsm",
  "inode_cache", "yum", "sendmail", "signatures" }
target.plan = target.order

return target
