-- SPDX-License-Identifier: MIT
-- What the probe asks, row by row: every command that the engine sends to look at a host, with the parser that
-- reads its answer when a migration runs, and what else it rests on. Nothing here changes a host but in the private
-- directory that the probe made there; the trials of altmig.probe.trial, at the end, do more and ask before.
--
-- A row asks (`ask`: a command line, or a function that gives several) or does something with the connection
-- (`act`: returns lines of text). The judge sees the answer alone, so that a bundle is judged like a host.

local aix = require "altmig.aix.output"
local bff = require "altmig.bff"
local bosboot = require "altmig.bosboot"
local err = require "altmig.err"
local free_majors = require("altmig.run.checks.storage").free_majors
local judge = require "altmig.probe.judge"
local nfs_route = require "altmig.run.nfs_route"
local nim = require "altmig.nim"
local scratch = require "altmig.run.scratch"
local shell = require "altmig.probe.shell"
local sys = require "altmig.sys"
local tree = require "altmig.tree"
local trial = require "altmig.probe.trial"

local battery = {}

---@class altmig.probe.Question
---@field argv string[]
---@field instance string?
---@field env table<string, string>?
---@field script string?

---@class altmig.probe.Row
---@field name string
---@field on string            "client", "master" or "both"
---@field assumption string
---@field ask (string[]|fun(ctx: altmig.probe.Context, role: string): altmig.probe.Question[]?, string?)?
---@field act (fun(ctx: altmig.probe.Context, role: string): string?, string?)?
---@field env table<string, string>?
---@field judge fun(answer: altmig.probe.Answer, answers: altmig.probe.Answer[]): altmig.probe.Verdict|altmig.probe.Verdict[]
---@field optional boolean?    a host without the command is passed over
---@field levels boolean?      numbers with dots in the answer are levels, not addresses
---@field binary boolean?      the answer is no text
---@field mask (fun(data: string): string)?   what must not even be kept
---@field timeout number?
---@field write boolean?       it writes: only with --write-test

---@type altmig.probe.Row[]
battery.rows = {}
local rows = battery.rows

local function row(name, on, assumption, fields)
  fields.name, fields.on, fields.assumption = name, on, assumption
  rows[#rows + 1] = fields
end

-- A text of sh, with its arguments.
local function script_row(text, ...)
  local argv = { "sh", "-s", ... }
  return function() return { { argv = argv, script = text } } end
end

local function question(instance, ...) return { instance = instance, argv = { ... } } end

-- What was answered to another row, on the same host.
local function among(answers, name, role)
  for _, answer in ipairs(answers) do
    if answer.row == name and answer.host == role and answer.status == 0 then return answer.stdout end
  end
  return ""
end

local function answered(ctx, name, role) return among(ctx.answers, name, role) end

-- Who is who ----------------------------------------------------------------------------------------

row("uname", "both", "machine-identifier", { ask = { "uname", "-m" },
  judge = judge.value(function(text) return text:find "^%x%x%x%x%x%x%x%x%x%x%x%x\n$" and "12 digits" or nil end) })
row("hostname", "both", "host-form", { ask = { "hostname" }, judge = judge.value(function(text)
  return text:find "^%S+\n$" and "a name"
end) })
row("oslevel", "both", "oslevel-form", { ask = { "oslevel", "-s" }, levels = true, judge = judge.value(function(text)
  return aix.oslevel(text) and text:match "%S+"
end) })
row("date", "both", "date-form", { ask = { "date", "-u", "+%Y %m %d %H %M %S" },
  judge = judge.value(function(text) return aix.date(text) and text:match "^[^\n]*" end) })
row("engine-address", "both", "engine-address", { ask = script_row("echo $SSH_CONNECTION"),
  judge = judge.value(function(text) return text:find "^[%x.:]+%S* %d+ %S+ %d+\n$" and "an address" or nil end) })

local host_of = judge.value(function(text, answer)
  if answer.status ~= 0 then return (answer.stderr .. text):find "0827%-80" and "it knows no name for it" or nil end
  local name, address = aix.host(text)
  return name and address and "name and address"
end, { [0] = true, [1] = true })

row("host", "both", "host-form", { optional = true, judge = host_of, ask = function(ctx, role)
  local list = { question("engine", "host", answered(ctx, "engine-address", role):match "^[%x.:]+") }
  if not list[1].argv[2] then list = {} end
  local other = nim.node_of(role == "client" and ctx.nim:master() or ctx.client_resource)
  if not other:find "^[%d.]+$" then list[#list + 1] = question("other", "host", other) end
  return list
end })

-- The shell -----------------------------------------------------------------------------------------

-- What a login shell would take apart, were it not quoted.
battery.word = [[a'b"c $HOME `id` \t *!~#{1,2};&]]

row("quoting", "both", "login-shell", { ask = script_row([[printf '%s\n' "$1"]], battery.word),
  judge = judge.value(function(text) return text == battery.word .. "\n" and "as it is" or nil end) })
row("shell", "both", "shell-arithmetic", { judge = shell.judge, timeout = 60, ask = function(ctx, role)
  return { { argv = { "sh", "-s", ctx.dirs[role] }, script = shell.script } }
end })

-- Lists ---------------------------------------------------------------------------------------------

-- Some parsers take any words for a row: here they must be of the form they are on AIX.
local function shaped(parse, pattern)
  return function(text)
    local parsed = parse(text)
    return text:find(pattern) and parsed or {}
  end
end

row("mount", "both", "mount-layout", { ask = { "mount" },
  judge = judge.lines { parse = aix.mounts, headings = { "^%s+node%s+mounted", "^%-+ %-+" } } })
row("df", "both", "df-layout", { judge = judge.lines { parse = shaped(aix.df_k, "%s%d*%-?%s+%d*%-?%s+[%d%%%-]+%s"),
  headings = { "^Filesystem%s" } }, ask = function(ctx, role)
  -- Of local file systems: one of a server that does not answer would hang.
  local argv = { "df", "-k" }
  for _, at in ipairs(aix.mounts(answered(ctx, "mount", role))) do
    if at.node == "" and at.vfs:find "^jfs" then argv[#argv + 1] = at.at end
  end
  if #argv == 2 then argv[3] = "/" end
  return { { argv = argv } }
end })
row("exportfs", "both", "exportfs-listing", { ask = { "exportfs" },
  judge = judge.lines { parse = shaped(aix.exportfs, "^/%S*%s*%-?%S*\n"), least = 0 } })
row("lssrc", "both", "lssrc-layout", { ask = { "lssrc", "-a" },
  judge = judge.lines { parse = aix.lssrc, headings = { "^Subsystem%s+Group" } } })
row("lssrc-absent", "both", "lssrc-absent", { ask = { "lssrc", "-s", "altmigprobe" }, judge = function(answer)
  if answer.status ~= 0 and not next(aix.lssrc(answer.stdout)) then
    return { verdict = "accepted", rows = 1, observed = judge.complaint(answer) }
  end
  return judge.rejected(judge.complaint(answer))
end })
row("ps-comm", "both", "ps-comm", { ask = { "ps", "-e", "-o", "comm" },
  judge = judge.lines { parse = function(text) return { text:match "([^/%s]+)%s*$" } end } })
row("who-b", "both", "who-b-form", { ask = { "who", "-b" },
  judge = judge.value(function(text) return text:match "system boot%s+(%a+%s+%d+%s+%d+:%d+)" end) })
row("rpcinfo", "both", "nfs-services", { ask = { "rpcinfo", "-p" }, optional = true, judge = function(answer)
  local seen, count = {}, 0
  local verdict = judge.lines { headings = { "^%s*program%s" }, parse = function(text)
    local program, version, protocol = text:match "^%s*(%d+)%s+(%d+)%s+(%a+)%s+%d+"
    if program then seen[("%s %s %s"):format(program, version, protocol)], count = true, count + 1 end
    return { program }
  end }(answer)
  for _, need in ipairs { { "100003 3 tcp", "NFS version 3" }, { "100005 3 tcp", "mountd version 3" } } do
    if count > 0 and not seen[need[1]] then
      verdict.verdict, verdict.reason = "rejected", need[2] .. " over TCP is not registered"
    end
  end
  return verdict
end })

local lpp_names = { "^#" }

row("lslpp-l", "both", "lslpp-l-columns", { ask = { "lslpp", "-lqc" }, levels = true, timeout = 900,
  judge = judge.lines { parse = aix.lslpp_lqc, headings = lpp_names } })
row("lslpp-L", "both", "lslpp-L-columns", { ask = { "lslpp", "-Lqc" }, levels = true, timeout = 900,
  judge = judge.lines { parse = aix.lslpp_Lqc, headings = lpp_names } })
row("lslpp-absent", "both", "lslpp-absent", { ask = { "lslpp", "-lqc", "altmig.probe.absent" }, levels = true, judge = function(answer)
  if answer.status ~= 0 and not next(aix.lslpp_lqc(answer.stdout)) then
    return { verdict = "accepted", rows = 1, observed = judge.complaint(answer) }
  end
  return judge.rejected(judge.complaint(answer))
end })
row("ls-dev", "both", "dev-listing", { ask = { "ls", "-l", "/dev" },
  judge = judge.lines { parse = aix.devices, headings = { "^total%s", "^[dlps%-]" } } })
row("ldd", "both", "ldd-form", { ask = { "ldd", "/usr/sbin/restore" }, optional = true,
  judge = judge.lines { parse = function(text)
    if text:find "^%s+/unix%s*\n$" then return { "the kernel" } end
    return aix.ldd(text)
  end, headings = { "needs:%s*$" } } })
row("dump", "both", "dump-form", { ask = { "dump", "-H", "-X", "32_64", "/usr/sbin/restore" }, optional = true,
  judge = judge.value(function(text)
    local list = aix.dump_H(text)
    return #list > 0 and ("%d libraries"):format(#list) or nil
  end) })
row("sum", "both", "sum-form", { ask = { "sum", "-r", "/etc/hosts", "/dev/null" }, judge = judge.lines {
  parse = function(text) return { text:match "^%s*%d+%s+%d+%s+(/%S+)%s*$" } end, least = 2 } })

-- Volume groups and disks of the client -------------------------------------------------------------

row("lspv", "client", "lspv-layout", { ask = { "lspv" }, judge = judge.lines { parse = function(text)
  local list = aix.lspv(text)
  local pvid = list[1] and list[1].pvid
  return (not pvid or #pvid >= 16 and pvid:find "^%x+$") and text:find "^%S+%s+%S+%s+%S+%s*%l*%s*\n$" and list or {}
end } })
row("lsvg", "client", "lsvg-layout", { ask = { "lsvg", "rootvg" }, judge = judge.value(function(text)
  local vg = aix.lsvg(text)
  if not (vg.name and vg.id and vg.state and vg.pp_size and vg.total_pps and vg.free_pps and vg.used_pps) then return nil end
  return text:find "PP SIZE:%s*%d+ megabyte" and ("%s, partitions of %d MB"):format(vg.name, vg.pp_size) or nil
end) })
row("lsvg-l", "client", "lsvg-l-layout", { ask = { "lsvg", "-l", "rootvg" },
  judge = judge.lines { parse = aix.lsvg_l, headings = { "^%S+:%s*$", "^LV NAME%s" } } })

local function boot_volume(ctx)
  for _, lv in ipairs(aix.lsvg_l(answered(ctx, "lsvg-l", "client"))) do
    if lv.type == "boot" and not lv.name:find "^bos_" then return lv.name end
  end
end

row("lslv-m", "client", "lslv-m-layout", { judge = judge.lines { parse = aix.lslv_m, headings = { "^%S+:%S+%s*$", "^LP%s" } },
  ask = function(ctx)
    local lv = boot_volume(ctx)
    if not lv then return nil, "lsvg -l rootvg names no boot logical volume" end
    return { question(nil, "lslv", "-m", lv) }
  end })
row("bootlist", "client", "bootlist-layout", { ask = { "bootlist", "-m", "normal", "-o" },
  judge = judge.lines { parse = aix.bootlist, headings = { "^%-%s*$" } } })

local DISKS <const> = 4 -- of many, the first few

-- A question for each of the disks; "%s" is its name.
local function each_disk(...)
  local words = { ... }
  return function(ctx)
    local list = {}
    for i, disk in ipairs((aix.lspv(answered(ctx, "lspv", "client")))) do
      if i <= DISKS and disk.name:find "^[%w_%.]+$" then
        local argv = {}
        for n, word in ipairs(words) do argv[n] = word:format(disk.name) end
        list[#list + 1] = { instance = disk.name, argv = argv }
      end
    end
    if #list == 0 then return nil, "lspv names no disk" end
    return list
  end
end

row("disk-size", "client", "disk-size", { ask = each_disk("getconf", "DISK_SIZE", "/dev/%s"), judge = judge.value(aix.disk_size) })
row("getlvodm-j", "client", "getlvodm-j", { ask = each_disk("getlvodm", "-j", "%s"), judge = judge.value(function(text, answer)
  if answer.status == 0 then return aix.vg_identifier(text) and "the identifier of a group" end
  return (answer.stderr .. text):find "0516%-320" and "in no group" or nil
end, { [0] = true, [3] = true }) })
row("getlvodm-v", "client", "getlvodm-v", { ask = { "getlvodm", "-v", "rootvg" }, judge = judge.value(function(text)
  return aix.vg_identifier(text) and "the identifier of a group"
end) })
row("lvm-record", "client", "lvm-record", { ask = each_disk("lquerypv", "-h", "/dev/%s", "E00", "20"),
  judge = judge.value(function(text)
    local found, id = aix.lvm_record(text)
    if found then return id and "a record with an identifier" or nil end
    return text:find "^%x+%s+%x%x%x%x%x%x%x%x%s" and "no record" or nil
  end) })
row("lvlstmajor", "client", "lvlstmajor-form", { ask = { "lvlstmajor" }, judge = judge.value(function(text)
  local free, lowest = free_majors(text)
  return free and ("the lowest is %s"):format(lowest)
end) })

-- Fields of objects, by the parser that reads all of them.
local function fields_of(text)
  local list = {}
  for _, object in ipairs(aix.odmget(text)) do
    for name in pairs(object) do list[#list + 1] = name end
  end
  return list
end

row("odmget-cudvdr", "client", "cudvdr-majors", { ask = { "odmget", "-q", "resource=devno", "CuDvDr" },
  judge = judge.lines { parse = fields_of, before = "probe:\n" } })
row("odmget-tcb", "client", "tcb-state", { ask = { "odmget", "-q", "attribute=TCB_STATE", "PdAt" },
  env = { ODMDIR = "/usr/lib/objrepos" }, judge = judge.lines { parse = fields_of, before = "probe:\n", least = 0 } })
row("prtconf-m", "client", "memory-form", { ask = { "prtconf", "-m" }, judge = judge.value(aix.prtconf_m) })
row("processor", "client", "processor-form", { ask = { "lsattr", "-El", "proc0", "-a", "type" }, judge = judge.value(aix.processor) })
-- Of all that prtconf prints, the lines that are read: the others name the site.
local of_machine = { "^System Model:", "^Processor Type:", "^Processor Implementation Mode:", "^Memory Size:", "^Platform Firmware level:" }
row("prtconf", "client", "machine-form", { ask = { "prtconf" }, timeout = 600, levels = true, mask = function(data)
  local kept = {}
  for line in data:gmatch "[^\n]+" do
    for _, pattern in ipairs(of_machine) do
      if line:find(pattern) then kept[#kept + 1] = line .. "\n" end
    end
  end
  return table.concat(kept)
end, judge = judge.value(function(text)
  local found = aix.prtconf(text)
  if not (found.model and found.processor and found.memory) then return nil end
  return found.mode and ("POWER%d in the mode of POWER%d"):format(found.processor, found.mode)
    or ("POWER%d, no mode"):format(found.processor)
end) })
row("lsdev-adapters", "client", "lsdev-format", { ask = { "lsdev", "-Cc", "adapter", "-F", "name:physloc:description" },
  mask = function(data) return (data:gsub("U(%w+)%.(%w+)%.%w+", "U%1.%2.0000000")) end,
  judge = judge.lines { parse = aix.lsdev_places } })
row("genkex", "client", "genkex-form", { ask = { "genkex" }, optional = true,
  judge = judge.lines { parse = function(text) return aix.genkex(text) or {} end, headings = { "^Text address" } } })
row("blvset", "client", "blvset-form", { optional = true, ask = function(ctx)
  local disk = answered(ctx, "lspv", "client"):match "(hdisk%d+)%s+%S+%s+rootvg"
  return disk and { question(disk, "blvset", "-d", "/dev/" .. disk, "-g", "level") } or {}
end, judge = judge.value(function(text)
  local version, release = aix.blvset_level(text)
  return version and ("%d.%d"):format(version, release)
end) })
row("hdcryptmgr", "client", "hdcryptmgr-form", { ask = { "hdcryptmgr", "showvg", "rootvg" }, optional = true,
  judge = judge.value(function(text)
    local on = aix.encrypted(text).rootvg
    if on ~= nil then return on and "encrypted" or "not encrypted" end
  end) })
row("lscluster", "client", "lscluster-form", { ask = { "lscluster", "-c" }, optional = true,
  mask = function(data) return (data:gsub("Cluster Name:(%s+)[^\n]*", "Cluster Name:%1CLUSTER")) end,
  judge = function(answer)
    local name = aix.cluster(answer.stdout .. answer.stderr)
    if name == nil then return judge.rejected(judge.complaint(answer)) end
    return { verdict = "accepted", rows = 1, observed = name and "a node" or "no cluster" }
  end })
-- The first process alone: the others are the site's.
row("genld", "client", "genld-form", { ask = { "genld", "-l" }, optional = true, mask = function(data)
  local second = data:find("Proc_pid", (data:find("Proc_pid", 1, true) or 0) + 1, true)
  return data:sub(1, (second or #data + 1) - 1)
end, judge = judge.value(function(text)
  local first = aix.genld(text)[1]
  return first and #first.objects > 0 and "a process with what it has loaded" or nil
end) })
row("lslpp-w", "client", "lslpp-w-form", { ask = { "lslpp", "-wqc", "/usr/sbin/lspv" },
  judge = judge.value(function(text) return text:match "^/usr/sbin/lspv:([%w%.]+):" and "file and fileset" end) })

-- Software of the client ----------------------------------------------------------------------------

row("emgr", "client", "emgr-P-form", { ask = { "emgr", "-P" }, levels = true, optional = true, judge = judge.lines { parse = aix.emgr_P,
  headings = { "^PACKAGE%s", "^=+" }, empty = "There is no efix data", statuses = { [0] = true, [1] = true } } })
row("lppchk", "client", "lppchk-form", { ask = { "lppchk", "-v" }, levels = true, timeout = 1800, judge = function(answer)
  local text = answer.stdout .. answer.stderr
  if answer.status == 0 then
    if not text:find "%S" then return { verdict = "accepted", rows = 0, observed = "consistent" } end
    return { verdict = "partial", rows = 0, reason = "it ends with 0 and says something", unmatched = { text:match "%S[^\n]*" } }
  end
  if text:find "need to be installed or corrected" then return { verdict = "accepted", rows = 1, observed = "inconsistent" } end
  return judge.rejected(judge.complaint(answer))
end })
row("trustchk", "client", "trustchk-form", { ask = { "trustchk", "-p", "TE" }, optional = true,
  judge = judge.value(function(text) return text:match "TE=%u+" end) })
row("lswpar", "client", "lswpar-form", { ask = { "lswpar", "-q" }, optional = true,
  judge = judge.value(function(text) return text:find "%S" and "there are some" or "none" end) })

-- NIM, the SPOT and the images ----------------------------------------------------------------------

row("lsnim", "master", "lsnim-layout", { optional = true, ask = function(ctx) return { question(nil, "lsnim", "-l", ctx.name) } end,
  judge = judge.lines { parse = aix.lsnim_l, headings = { "^%S+:%s*$" } } })
row("lsnim-absent", "master", "lsnim-layout", { optional = true, ask = { "lsnim", "-l", "altmig_probe" }, judge = function(answer)
  if answer.status ~= 0 then return { verdict = "accepted", rows = 1, observed = judge.complaint(answer) } end
  return judge.rejected "a name that is not there has status 0"
end })

local NO_SPOT <const>, NO_IMAGES <const> = "no SPOT was named (-s)", "no lpp_source was named (-l)"

local function of_spot(make)
  return function(ctx)
    if not ctx.spot then return nil, NO_SPOT end
    return make(ctx.spot.location, ctx)
  end
end

local function of_images(make)
  return function(ctx)
    if not ctx.lpp_source then return nil, NO_IMAGES end
    if ctx.lpp_source.host ~= "master" then return nil, "the lpp_source is not on the master" end
    return make(ctx.lpp_source.location .. "/installp/ppc", ctx)
  end
end

row("spot-lpp", "master", "odmget-lpp", { levels = true, ask = of_spot(function(spot)
  return { { argv = { "odmget", "-q", "name=bos.alt_disk_install.rte", "lpp" }, env = { ODMDIR = spot .. "/lib/objrepos" } } }
end), judge = judge.lines { parse = fields_of, before = "probe:\n" } })

-- Of the fixes those that are service packs.
row("spot-fixes", "master", "fix-names", { levels = true, mask = function(data)
  local kept = {}
  for stanza in ("\n" .. data):gsub("\nfix:\n", "\0"):gmatch "%z([^%z]*)" do
    if stanza:find('name = "[%d-]+_SP"') then kept[#kept + 1] = "\nfix:\n" .. stanza end
  end
  return table.concat(kept)
end, ask = of_spot(function(spot)
  return { { argv = { "odmget", "-q", "type=p", "fix" }, env = { ODMDIR = spot .. "/lib/objrepos" } } }
end), judge = judge.value(function(text)
  local last
  for name, filesets in pairs(aix.odmget_fix(text)) do
    local level = next(filesets) and aix.service_pack(name)
    if level and (not last or level > last) then last = level end
  end
  return last
end) })

local spot_names = { "alt_disk_copy", "alt_rootvg_op", "alt_disk_install" }
local spot_script = [[
for file
do
	ls -ld "$file" || continue
	head=`dd bs=2 count=1 <"$file" 2>/dev/null | tr '\000' '?'`
	if [ "$head" = '#!' ]; then echo "= script"; else echo "= program"; fi
done]]

row("spot-programs", "master", "spot-programs", { ask = of_spot(function(spot)
  local argv = { "sh", "-s" }
  for _, name in ipairs(spot_names) do argv[#argv + 1] = ("%s/sbin/%s"):format(spot, name) end
  return { { argv = argv, script = spot_script } }
end), judge = function(answer)
  local list, problems = {}, {}
  for bits, owner, path, kind in answer.stdout:gmatch "([%-l][rwxsStT%-]+)%S*%s+%d+%s+(%S+)[^\n]-(/%S+)\n= (%l+)\n" do
    local name = path:match "[^/]+$"
    list[#list + 1] = ("%s %s %s"):format(bits, name, kind)
    if kind ~= "script" then problems[#problems + 1] = name .. " is a program" end
    if not bits:find "^%-r.x" then problems[#problems + 1] = ("%s: %s of %s"):format(name, bits, owner) end
  end
  if #list < #spot_names then return judge.rejected(("%d of %d are there: %s"):format(#list, #spot_names, judge.complaint(answer))) end
  return { verdict = #problems > 0 and "partial" or "accepted", rows = #list, observed = table.concat(list, ", "), unmatched = problems,
    reason = problems[1] }
end })

-- Only commands that do nothing without a flag of theirs: mkboot and savebase are never called to see what they say.
row("usage", "master", "usage-text", { ask = of_spot(function(spot)
  local list = {}
  for i, name in ipairs(spot_names) do list[i] = question(name, ("%s/sbin/%s"):format(spot, name), "-?") end
  list[#list + 1] = question("bosboot", "bosboot", "-?")
  return list
end), judge = function(answer)
  local text = answer.stderr .. answer.stdout
  if answer.status == 0 then return judge.rejected "an unknown flag has status 0" end
  if not text:lower():find "usage" then return judge.rejected("no usage text: " .. judge.complaint(answer)) end
  return { verdict = "accepted", rows = 1, observed = text:match "%f[%a][Uu][Ss][Aa][Gg][Ee][^\n]*" }
end })

row("installp-L", "master", "installp-L-columns", { levels = true, timeout = 1800,
  ask = of_images(function(dir) return { question(nil, "installp", "-L", "-d", dir) } end),
  judge = judge.lines { parse = aix.installp_L, headings = lpp_names } })
row("lpp-files", "master", "toc-form", { levels = true, ask = of_images(function(dir) return { question(nil, "ls", "-a", dir) } end),
  judge = judge.lines { parse = function(text) return { text:match "^[^\n]+" } end } })
row("toc", "master", "toc-form", { levels = true, ask = of_images(function(dir, ctx)
  if not ("\n" .. answered(ctx, "lpp-files", "master")):find("\n.toc\n", 1, true) then return nil, "there is no .toc" end
  return { question(nil, "dd", "if=" .. dir .. "/.toc", "bs=1024", "count=8") }
end), judge = judge.value(function(text)
  return text:find "^%d+ %d+ %d+" and text:match "\n(%S+ %d+ %u+ %u+ %S+) {" or nil
end) })
-- The names of the members that the bytes of an archive's beginning show, by the engine's own reader.
local function members_of(data)
  local dir = scratch.directory()
  local names, message = {}, nil
  local ok, e = pcall(function()
    err.check(sys.write_file(dir .. "/bos", data))
    local archive = err.check(bff.open(dir .. "/bos"))
    repeat
      local member, why = archive:next()
      if member then names[#names + 1] = member.name else message = why end
    until not member or #names > 100000
    archive:close()
  end)
  sys.remove(dir .. "/bos")
  sys.rmdir(dir)
  if not ok and #names == 0 then return nil, err.wrap(e).message end
  return names, message
end

row("bos-head", "master", "bos-layout", { binary = true,
  ask = of_images(function(dir) return { question(nil, "dd", "if=" .. dir .. "/bos", "bs=1024", "count=64") } end),
  judge = function(answer)
    if answer.status ~= 0 then return judge.rejected(judge.complaint(answer)) end
    local names, message = members_of(answer.stdout)
    if not names then return judge.rejected(message) end
    if names[1] ~= "./lpp_name" then return judge.rejected("the first member is " .. tostring(names[1])) end
    return { verdict = "accepted", rows = #names, observed = table.concat(names, " ", 1, math.min(3, #names)) }
  end })
row("bos-members", "master", "bff-layout", { timeout = 1800, levels = true,
  ask = of_images(function(dir) return { question(nil, "restore", "-Tqf", dir .. "/bos") } end),
  judge = function(answer, answers)
    local verdict = judge.lines { parse = function(text) return { text:match "^%s*(%./?%S*)%s*\n$" } end }(answer)
    if verdict.verdict == "rejected" then return verdict end
    -- The same names in the same order, as far as the beginning shows.
    local ours, next_name = members_of(among(answers, "bos-head", answer.host)) or {}, answer.stdout:gmatch "%s*(%./?%S*)%s*\n"
    for _, name in ipairs(ours) do
      local theirs = next_name()
      if theirs ~= name then
        verdict.verdict, verdict.reason = "partial", ("where restore has %s the reader has %s"):format(tostring(theirs), name)
        break
      end
    end
    local root = answer.stdout:find("\n%s*%./etc/") ~= nil
    return { verdict, { name = "root-part", assumption = "bos-root-part", verdict = root and "accepted" or "rejected",
      rows = root and 1 or 0, reason = not root and "no member at ./etc" or nil } }
  end })

-- The disk that the client runs from ----------------------------------------------------------------

local PVID_FROM <const>, PVID_TO <const> = 129, 136

row("boot-record", "client", "boot-record", { binary = true,
  mask = function(data) return data:sub(1, PVID_FROM - 1) .. ("\0"):rep(PVID_TO - PVID_FROM + 1) .. data:sub(PVID_TO + 1) end,
  ask = function(ctx)
    local first = aix.lslv_m(answered(ctx, "lslv-m", "client"))[1] or aix.bootlist(answered(ctx, "bootlist", "client"))[1]
    if not first or not first.disk:find "^[%w_%.]+$" then return nil, "neither lslv -m nor bootlist names a disk" end
    return { question(nil, "dd", "if=/dev/r" .. first.disk, "bs=512", "count=1") }
  end,
  judge = function(answer)
    if answer.status ~= 0 then return judge.rejected(judge.complaint(answer)) end
    local found, message = bosboot.inspect(answer.stdout)
    if not found then return judge.rejected(message) end
    if not found.boot_record then return judge.rejected(found.problem or "no boot record") end
    if found.problem then return { verdict = "partial", rows = 1, reason = found.problem } end
    return { verdict = "accepted", rows = 1, observed = ("image at sector %d, save-base area at %d"):format(
      found.boot_record.boot_code_start, found.boot_record.basecust_normal_start) }
  end })
row("boot-image", "client", "boot-image", { binary = true,
  ask = function(ctx)
    local lv = boot_volume(ctx)
    if not lv or not lv:find "^[%w_%.]+$" then return nil, "lsvg -l rootvg names no boot logical volume" end
    return { question(nil, "dd", "if=/dev/r" .. lv, "bs=4096", "count=1") }
  end,
  judge = function(answer)
    if answer.status ~= 0 then return judge.rejected(judge.complaint(answer)) end
    local found, message = bosboot.inspect(answer.stdout)
    if not found then return judge.rejected(message) end
    if not found.image then return { verdict = "partial", rows = 0, reason = found.problem or "its headers are not known" } end
    return { verdict = "accepted", rows = 1, observed = ("%d blocks"):format(found.image.blocks) }
  end })

-- The connection ------------------------------------------------------------------------------------

-- "name: value" lines of what was done.
local function fact(answer, name) return answer.stdout:match("%f[^\n%z]" .. name:gsub("%-", "%%-") .. ": ([^\n]*)\n") end

local function facts(list)
  local text = {}
  for i, pair in ipairs(list) do text[i] = ("%s: %s\n"):format(pair[1], tostring(pair[2]):gsub("\n", " ")) end
  return table.concat(text)
end

-- What is of yesterday: accepted by many, and given up by those who come next.
local OLD <const> = { "sha1", "%-cbc$", "3des", "arcfour", "ssh%-dss", "ssh%-rsa$", "hmac%-md5" }

row("ssh", "both", "ssh-algorithms", { act = function(ctx, role)
  local methods, list = ctx.hosts[role].session:methods(), {}
  for _, name in ipairs { "banner", "kex", "host_key", "cipher_out", "cipher_in", "mac_out", "mac_in" } do
    list[#list + 1] = { name, methods[name] or "-" }
  end
  return facts(list)
end, judge = function(answer)
  local old = {}
  for name, value in answer.stdout:gmatch "([%l_]+): (%S+)\n" do
    for _, pattern in ipairs(OLD) do
      if name ~= "banner" and value:find(pattern) then old[#old + 1] = value end
    end
  end
  local seen = ("%s, %s"):format(fact(answer, "kex") or "-", fact(answer, "cipher_out") or "-")
  if #old > 0 then return { verdict = "partial", rows = 1, observed = seen, reason = "old algorithms", unmatched = old } end
  return { verdict = "accepted", rows = 1, observed = seen }
end })

local CHANNELS <const> = 4

row("ssh-channels", "both", "ssh-channels", { act = function(ctx, role)
  local readers, message = {}, nil
  for i = 1, CHANNELS do
    local reader, why = ctx.hosts[role].session:open "/etc/hosts"
    if not reader then
      message = why
      break
    end
    readers[i] = reader
  end
  for _, reader in ipairs(readers) do reader:close() end
  return facts { { "open", #readers }, { "message", message or "-" } }
end, judge = function(answer)
  local open = math.tointeger(tonumber(fact(answer, "open")))
  if not open or open < CHANNELS then return judge.rejected(("%s channels: %s"):format(open or "no", fact(answer, "message") or "-")) end
  return { verdict = "accepted", rows = 1, observed = ("%d at once"):format(open) }
end })

row("job", "both", "job-survives", { act = function(ctx, role)
  local session, dir = ctx.hosts[role].session, ctx.dirs[role] .. "/jobs"
  local job, started, code = session:job({ "sleep", "3" }, { id = "probe", dir = dir, env = { LC_ALL = "C" } })
  if not job then return facts { { "started", "no" }, { "message", started }, { "code", code } } end
  err.check(session:reconnect())
  local again, message, why = session:attach("probe", { dir = dir })
  if not again then return facts { { "started", "yes" }, { "attached", "no" }, { "message", message }, { "code", why } } end
  local state = again:poll()
  local result
  result, message, why = again:wait { timeout = 60 }
  if not result then return facts { { "started", "yes" }, { "attached", state }, { "message", message }, { "code", why } } end
  again:remove()
  return facts { { "started", "yes" }, { "attached", state }, { "status", result.status or result.signal } }
end, judge = function(answer)
  if fact(answer, "status") ~= "0" then
    local what = fact(answer, "code") or "status " .. (fact(answer, "status") or "?")
    return judge.rejected(("%s: %s"):format(what, fact(answer, "message") or "-"))
  end
  return { verdict = "accepted", rows = 1, observed = fact(answer, "attached") .. " after the connection was made again, then status 0" }
end })

local EXPORTS <const> = 4 -- tried, of many

row("nfs", "both", "nfs-sizes", { act = function(ctx, role)
  local resource = role == "client" and ctx.client_resource or ctx.nim:master()
  local url, via = nfs_route.of { name = ctx.name, client = ctx.hosts[role], client_resource = resource, nim = ctx.nim }
  local refused = {}
  for i, export in ipairs(aix.exportfs(answered(ctx, "exportfs", role))) do
    if i > EXPORTS then break end
    local mounted, message = tree.nfs { { at = "/", url = url(export.path) }, via = via, timeout = 15, retry = 1 }
    if mounted then
      local names, why = mounted:list "/"
      local mount = (mounted:mounts() or {})[1] or {}
      mounted:close()
      return facts { { "export", export.path }, { "read_max", mount.read_max }, { "write_max", mount.write_max },
        { "readdirplus", mount.plain_lists and "refused" or "taken" }, { "names", names and #names or why } }
    end
    refused[#refused + 1] = message
  end
  return nil, #refused == 0 and "nothing is exported: needs --write-test"
    or ("no export is for the engine host: needs --write-test (%s)"):format(refused[1])
end, judge = function(answer)
  local read, write = tonumber(fact(answer, "read_max")), tonumber(fact(answer, "write_max"))
  if not read or not write or not tonumber(fact(answer, "names")) then
    return judge.rejected("the export cannot be listed: " .. tostring(fact(answer, "names")))
  end
  local small = read < 65536 or write < 65536
  local plus = fact(answer, "readdirplus") == "taken"
  return { { verdict = small and "partial" or "accepted", rows = 1, observed = ("READ %d, WRITE %d bytes"):format(read, write),
      reason = small and "less than 64 KiB" or nil },
    { name = "readdirplus", assumption = "nfs-readdirplus", rows = 1, verdict = plus and "accepted" or "rejected",
      observed = fact(answer, "readdirplus"), reason = not plus and "READDIR is asked instead" or nil } }
end })

-- What is tried only with --write-test.
for _, one in ipairs(trial.rows) do
  one.write = true
  rows[#rows + 1] = one
end

local by_name = {}
for _, one in ipairs(rows) do by_name[one.name] = one end

---@param name string
---@return altmig.probe.Row?
function battery.get(name) return by_name[name] end

return battery
