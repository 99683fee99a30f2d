-- SPDX-License-Identifier: MIT
-- altmig lab scenario NAME: troubles of real sites. Each function makes one of them on the lab that
-- is up. Other libraries add theirs with scenario.define.

local err = require "altmig.err"
local config = require "lab.config"
local lpar = require "lab.lpar"
local output = require "altmig.ui.output"
local release = require "lab.release"
local sys = require "altmig.sys"
local update_source = require "lab.update_source"

local scenario = {}

--- Promised by the design and not made yet: refused by name.
local planned = { "slow-network" }

local CLIENT <const> = "adachi-AIX7"
local MASTER <const> = "adachi-nim"

local known = {}

-- The lab's NIM resources (lab.config).
local function resources() return config.resources_of(lpar.dir()) end

--- Adds a scenario.
---@param name string
---@param summary string
---@param fn fun(...: string): string? what to say; raises what went wrong
function scenario.define(name, summary, fn) known[name] = { summary = summary, fn = fn } end

local function fail(...) err.exit(1, "altmig: lab scenario: " .. string.format(...)) end

--- Runs a shell command on a host of the lab; a status other than 0 ends the scenario.
---@param host string
---@param command string
---@return string stdout
function scenario.sh(host, command)
  local result, message = lpar.run(host, command)
  if not result then fail("%s", message) end
  if result.status ~= 0 then fail("%s: %s: %s%s", host, command, result.stdout, result.stderr) end
  return result.stdout
end

--- Runs Lua text beside a host's daemons, outside its rootvg (lab.exports, lab.service, lpar).
---@param host string
---@param text string
---@param ... string
---@return string stdout
function scenario.lua(host, text, ...)
  local result, message = lpar.lua(host, text, ...)
  if not result then fail("%s", message) end
  if result.status ~= 0 then fail("%s: %s%s", host, result.stdout, result.stderr) end
  return result.stdout
end

--- Runs Lua text inside a host's rootvg, as its commands run (lab.odm, lab.lvm, lab.disk).
---@param host string
---@param text string
---@return string stdout
function scenario.inside(host, text)
  return scenario.sh(host, "cat > /tmp/scenario.lua <<'END_OF_SCENARIO'\n" .. text .. "\nEND_OF_SCENARIO\n"
    .. "/usr/lpp/lab/bin/aixlua /tmp/scenario.lua; s=$?; rm -f /tmp/scenario.lua; exit $s")
end

scenario.define("spot-without-alt-disk-install", "the SPOT lacks bos.alt_disk_install.rte", function()
  scenario.sh(MASTER, "cd " .. resources().spot.location .. [[ && export ODMDIR=$PWD/lib/objrepos
    odmdelete -q name=bos.alt_disk_install.rte -o lpp && odmdelete -q lpp_name=bos.alt_disk_install.rte -o product &&
    rm -f sbin/alt_disk_copy sbin/alt_disk_install sbin/alt_rootvg_op]])
  return resources().spot.name .. " is without bos.alt_disk_install.rte"
end)

scenario.define("nimsh-down", "nimsh of the client is not active", function()
  return (scenario.sh(CLIENT, "stopsrc -s nimsh"):gsub("%s+$", ""))
end)

scenario.define("ghost-device", "a device that is gone left its major in CuDvDr and /dev", function()
  -- The major that the alternate rootvg has; or the one it would get.
  local major = scenario.inside(CLIENT, [[
    local odm, lvm, sys = require "lab.odm", require "lab.lvm", require "altmig.sys"
    local store = odm.open("/etc/objrepos")
    local row = store:first("CuDvDr", "resource = devno AND value3 = altinst_rootvg")
    local major = row and tonumber(row.value1) or lvm.free_major(store)
    assert(store:add("CuDvDr", { resource = "devno", value1 = tostring(major), value2 = "0", value3 = "ghostvg" }))
    assert(store:add("CuDvDr", { resource = "devno", value1 = tostring(major), value2 = "1", value3 = "ghostlv" }))
    assert(store:commit())
    sys.remove "/dev/ghostlv"
    assert(sys.mknod("/dev/ghostlv", "block", 432, math.tointeger(major), 1))
    print(math.tointeger(major))]]):match("%d+")
  return ("major %s belongs to ghostvg, which is gone"):format(major)
end)

scenario.define("tcb-enabled", "the Trusted Computing Base of the client is on", function()
  scenario.sh(CLIENT, [[export ODMDIR=/usr/lib/objrepos; odmdelete -q attribute=TCB_STATE -o PdAt >/dev/null
    printf '\nPdAt:\n\tuniquetype = ""\n\tattribute = "TCB_STATE"\n\tdeflt = "tcb_enabled"\n\tvalues = ""\n' > /tmp/tcb
    printf '\twidth = ""\n\ttype = ""\n\tgeneric = ""\n\trep = ""\n\tnls_index = 0\n' >> /tmp/tcb
    odmadd /tmp/tcb; s=$?; rm -f /tmp/tcb; exit $s]])
  return "TCB_STATE of adachi-AIX7 is tcb_enabled"
end)

scenario.define("multibos", "rootvg of the client holds a standby BOS", function()
  scenario.inside(CLIENT, [[
    local disk, lvm, odm = require "lab.disk", require "lab.lvm", require "lab.odm"
    local group = assert(lvm.snapshot():group "rootvg")
    local store = odm.open("/etc/objrepos")
    for _, name in ipairs { "hd5", "hd4", "hd2", "hd9var", "hd10opt" } do
      local source = assert(disk.lv_find(group.vgda, name))
      -- Its own place on the disk is nothing the standby's boot volume shares.
      local lv = assert(disk.lv_create(group.vgda, { name = "bos_" .. name, type = source.type == "boot" and "raw" or source.type,
        lps = source.lps }))
      lv.type = source.type == "boot" and "boot" or lv.type
      lvm.define_lv(store, { name = "rootvg", vgid = group.vgid, major = 10 }, lv)
    end
    assert(disk.vgda_write(group.vgda))
    assert(store:commit())]])
  return "rootvg of adachi-AIX7 holds bos_hd5, bos_hd4, bos_hd2, bos_hd9var, bos_hd10opt"
end)

scenario.define("multibos-alone", "the client runs from a standby BOS, and rootvg holds no other", function()
  scenario.inside(CLIENT, [[
    local disk, lvm = require "lab.disk", require "lab.lvm"
    local vgda = assert(lvm.snapshot():group "rootvg").vgda
    local store = require("lab.odm").open("/etc/objrepos")
    for _, name in ipairs { "hd5", "hd4", "hd2", "hd9var", "hd10opt" } do
      local new = "bos_" .. name
      assert(disk.lv_rename(vgda, name, new))
      for class, field in pairs { CuDv = "name", CuAt = "name", CuDep = "dependency", CuDvDr = "value3" } do
        assert(store:change(class, field .. " = " .. name, { [field] = new }))
      end
      assert(os.rename("/dev/" .. name, "/dev/" .. new))
      assert(os.rename("/dev/r" .. name, "/dev/r" .. new))
    end
    assert(store:commit())]])
  return "adachi-AIX7 runs from bos_hd5"
end)

scenario.define("mirrored-rootvg", "every logical volume of the client's rootvg has two copies (kept on one disk here)", function()
  scenario.inside(CLIENT, [[
    local disk, lvm = require "lab.disk", require "lab.lvm"
    local vgda = assert(lvm.snapshot():group "rootvg").vgda
    for _, lv in ipairs(vgda.lvs) do lv.copies = 2 end
    assert(disk.vgda_write(vgda))]])
  return "rootvg of adachi-AIX7 is mirrored"
end)

scenario.define("ifix-locked", "an interim fix locks a fileset of the client", function()
  scenario.sh(CLIENT, [[mkdir -p /usr/emgrdata/DBS && printf 'state=S\ntime=12/05/23 10:00:00\nabstract=TCP fix\nfileset=%s\n' \
    bos.net.tcp.client > /usr/emgrdata/DBS/IJ44987s3a]])
  return "IJ44987s3a locks bos.net.tcp.client"
end)

-- The level of update-source: the one asked for, or the next one after the client's.
local function later_level(name)
  local from = assert(release.find(config.levels(lpar.dir()).from))
  local level, message = release.next(from), ("the lab has no level after %s"):format(from.level)
  if name then level, message = release.find(name) end
  if not level then fail("update-source: %s", message) end
  if level.version ~= from.version or level.level <= from.level then
    fail("update-source: %s is no later level of the client's release, which is %s", level.level, from.level)
  end
  return level.level
end

scenario.define("update-source", "an lpp_source and a SPOT of the client's release at a later level "
  .. "[LEVEL] [FILESET without its update]",
  function(...)
    local words = { ... }
    local level = later_level((words[1] or ""):match "^%d%d%d%d%-" and table.remove(words, 1) or nil)
    local without = words[1]
    scenario.lua(MASTER, [[
      local world = require("lpar").world()
      require("lab.update_source").build(world.path .. "/lpars/" .. world.host .. "/root", world.path, arg[1], arg[2])]], level, without)
    local path = lpar.dir() .. "/nim.lua"
    local ok, message = sys.write_file(path, update_source.add_resources(assert(sys.read_file(path)), level), { atomic = false })
    if not ok then fail("%s", message) end
    local update = config.update_resources(level)
    return ("%s and %s are %s%s"):format(update.lpp_source.name, update.spot.name, level,
      without and ", without the update of " .. without or "")
  end)

-- Beside the master's daemons: a function of lab.update_source for its root.
local function on_master(call)
  scenario.lua(MASTER, ([[
    local world = require("lpar").world()
    require("lab.update_source").%s(world.path .. "/lpars/" .. world.host .. "/root", world.path)]]):format(call))
end

scenario.define("mixed-source", "the lpp_source is the release's first images, BOS too, with updates to the level added by the site",
  function()
    on_master "mix"
    return resources().lpp_source.name .. " is of base images of the release's first level and updates"
  end)

scenario.define("missing-update", "the lpp_source lacks the update of a fileset [FILESET, default bos.net.nfs.client]", function(name)
  name = name or "bos.net.nfs.client"
  if not release.is_known(name) then err.usage("altmig: lab scenario: missing-update: the lab has no fileset " .. name) end
  local directory = resources().lpp_source.location .. "/installp/ppc/"
  scenario.sh(MASTER, ("ls %s%s.[0-9]*.U >/dev/null && rm -f %s%s.[0-9]*.U"):format(directory, name, directory, name))
  return ("%s is without the update of %s"):format(resources().lpp_source.name, name)
end)

scenario.define("interim-fixes", "interim fixes on the client, and packages of two of them in the lpp_source of update-source", function()
  for _, fix in ipairs(update_source.fixes) do
    scenario.sh(CLIENT, ("mkdir -p /usr/emgrdata/DBS && printf 'state=S\\ntime=12/05/23 10:00:00\\nabstract=FIX\\nfileset=%s\\n' "
      .. "> /usr/emgrdata/DBS/%s"):format(fix[2], fix[1]))
  end
  for _, package in ipairs(update_source.packages) do
    local dir = config.update_resources(later_level()).lpp_source.location .. "/emgr/ppc"
    scenario.sh(MASTER, ("mkdir -p %s && printf 'label=%s\\nabstract=FIX\\nfileset=%s\\nfrom=%s\\nto=%s\\n' > %s/%s"):format(dir,
      package[2], package[3], package[4], package[4], dir, package[1]))
  end
  return ("%d interim fixes are on adachi-AIX7"):format(#update_source.fixes)
end)

scenario.define("rpm-packages", "the client has RPMs, and the lpp_source a newer image of one of them", function()
  scenario.inside(CLIENT, [[
    local rpm = require "lab.rpm"
    rpm.record { name = "acme-lib", level = "2.0-1", time = 1600424172, summary = "A library" }
    rpm.record { name = "acme-tool", level = "1.10-3", time = 1600424173, summary = "A tool: for tests" }]])
  scenario.inside(MASTER, ([[
    local rpm, sys = require "lab.rpm", require "altmig.sys"
    for _, package in ipairs { "acme-lib-2.1-1", "acme-tool-1.9-1", "other-1.0-1" } do
      assert(sys.write_file("%s/RPMS/ppc/" .. package .. ".aix7.2.ppc.rpm", rpm.image(package)))
    end]]):format(resources().lpp_source.location))
  return "acme-lib is at 2.0-1, and the lpp_source has 2.1-1"
end)

scenario.define("vendor-fileset", "the client has acme.cfg.rte, its files edited, the lpp_source a newer one [unlicensed]", function(how)
  scenario.inside(CLIENT, ("require('lab.vendor').install(%s)"):format(how ~= "unlicensed"))
  scenario.inside(MASTER, ("require('lab.vendor').write_image('%s/installp/ppc')"):format(resources().lpp_source.location))
  return "acme.cfg.rte is at 1.0.0.0, and the lpp_source has 2.0.0.0"
end)

scenario.define("locked-client", "a run of another engine host holds the client's lock", function()
  scenario.sh(CLIENT, "mkdir -p /var/adm/ras/alt_mig/lock && "
    .. "echo 'other-engine:/var/adm/ras/alt_mig/adachi-AIX7' > /var/adm/ras/alt_mig/lock/owner")
  return "adachi-AIX7 is locked by other-engine"
end)

scenario.define("small-usr", "/usr of the client has next to no room: phase 5 must expand it [MB left]", function(mb)
  mb = math.tointeger(tonumber(mb or "8")) -- less, and the copy, which the file system lays out again, may not fit
  if not mb or mb < 1 or mb > 1024 then err.usage "altmig: lab scenario: small-usr: MB is a size in MB" end
  -- Data that is no hole.
  scenario.sh(CLIENT, ("mkdir -p /usr/local; free=$(df -k /usr | awk 'NR == 2 { print $3 }'); "
    .. "dd if=/dev/zero of=/usr/local/site.data bs=1024 count=$((free - %d * 1024)) 2>/dev/null"):format(mb))
  return (scenario.sh(CLIENT, "df -k /usr | awk 'NR == 2 { print \"/usr of adachi-AIX7 has \" $3 \" KB free\" }'"):gsub("%s+$", ""))
end)

scenario.define("many-filesets", "the client has many filesets, and the lpp_source their next release [N]", function(count)
  local number = math.tointeger(tonumber(count or "300"))
  if not number or number < 1 or number > 9999 then err.usage "altmig: lab scenario: many-filesets: N is a number of filesets" end
  for host, what in pairs { [MASTER] = "images", [CLIENT] = "install" } do
    scenario.lua(host, ([[
      local world = require("lpar").world()
      local root = world.path .. "/lpars/" .. world.host .. "/root"
      require("lab.buildfiles").provide(world.path)
      local many = require "lab.many_filesets"
      if arg[2] == "images" then
        many.images(root .. require("lab.config").resources_of(world.path).lpp_source.location .. "/installp/ppc", tonumber(arg[1]))
      else
        many.install(root, tonumber(arg[1]))
      end]]), tostring(number), what)
  end
  return ("adachi-AIX7 has %d filesets more, and their next release is in the lpp_source"):format(number)
end)

scenario.define("partitions-taken", "something else has the free partitions of altinst_rootvg, but so many [LEFT|none]", function(left)
  if left ~= nil and left ~= "none" and not left:match "^%d%d?%d?%d?$" then
    err.usage "altmig: lab scenario: partitions-taken: LEFT is a number of partitions, or the word none: nothing is taken any more"
  end
  return (scenario.inside(CLIENT, ([[
    local disk, lvm = require "lab.disk", require "lab.lvm"
    local vgda = assert(lvm.snapshot():group "altinst_rootvg", "there is no altinst_rootvg").vgda
    if disk.lv_find(vgda, "alt_taken") then assert(disk.lv_remove(vgda, "alt_taken")) end
    local total, used = disk.vg_pps(vgda)
    local taken = total - used - (tonumber "%s" or total)
    if taken > 0 then assert(disk.lv_create(vgda, { name = "alt_taken", type = "sysdump", lps = taken })) end
    print(("altinst_rootvg has %%d free partitions"):format(total - used - math.max(taken, 0)))]]):format(left or "0")):gsub("%s+$", ""))
end)

scenario.define("broken-image", "the bos image of the lpp_source is damaged in the middle", function()
  local offset = scenario.inside(MASTER, ([[
    local bff = require "altmig.bff"
    local path = "%s/installp/ppc/bos"
    local archive = assert(bff.open(path))
    local offsets = {}
    for member in archive:members() do offsets[#offsets + 1] = member.offset end
    archive:close()
    local offset = offsets[#offsets // 2]
    local file = assert(io.open(path, "r+b"))
    assert(file:seek("set", offset))
    assert(file:write(("\0"):rep(8)))
    assert(file:close())
    print(offset)]]):format(resources().lpp_source.location)):match("%d+")
  return ("the bos image of %s has no header at offset %s"):format(resources().lpp_source.name, offset)
end)

scenario.define("customised-config", "every file and class that phase 5 merges is edited on the client, and some that it keeps", function()
  scenario.inside(CLIENT, [[require("lab.customised").apply()]])
  return "the configuration of adachi-AIX7 is customised"
end)

scenario.define("stale-exports", "the client still exports /alt_inst of an earlier run, nothing is mounted there", function()
  scenario.sh(CLIENT, "mkdir -p /alt_inst/usr")
  -- As exportfs leaves it: in /etc/xtab, and served.
  scenario.lua(CLIENT, [[
    local exports, lpar, modes, sys = require "lab.exports", require "lpar", require "altmig.mode", require "altmig.sys"
    local world = lpar.world()
    local file = world.path .. "/lpars/" .. world.host .. "/root/etc/xtab"
    local hosts = "adachi-nim:10.77.0.1"
    local options = (" -rw=%s,root=%s,access=%s\n"):format(hosts, hosts, hosts)
    local text = (sys.read_file(file) or "") .. "/alt_inst" .. options .. "/alt_inst/usr" .. options
    assert(sys.write_file(file, text, { mode = modes.FILE }))
    assert(exports.apply(exports.read(text)))
  ]])
  return "adachi-AIX7 exports /alt_inst and /alt_inst/usr, plain directories of its rootvg"
end)

scenario.define("client-reboot", "the client restarts by its boot list", function(how)
  local ok, message = lpar.reboot(CLIENT, how == "crash")
  if not ok then fail("%s", message) end
  return "adachi-AIX7 was restarted"
end)

scenario.define("alt-unmounted", "a file system of the copy is unmounted below its export [PATH]", function(path)
  path = path or "/alt_inst/usr"
  if not path:match "^/alt_inst" or path:find("..", 1, true) then err.usage "altmig: lab scenario: not a path of /alt_inst" end
  scenario.lua(CLIENT, [[
    local lpar, service = require "lpar", require "lab.service"
    local world = lpar.world()
    local at = world.path .. "/lpars/" .. world.host .. "/root" .. arg[1]
    assert(lpar.umount(at, { lazy = true }))
    assert(service.stop "nfsd")
    local sys = require "altmig.sys"
    assert(sys.write_file(world.path .. "/lpars/" .. world.host .. "/run/nfsd.start", "", { atomic = false }))
    lpar.kill(1, "HUP")
    sys.sleep(0.2)
    assert(service.wait "nfsd")
  ]], path)
  return path .. " is unmounted; its export serves the directory below it"
end)

-- hdisk2 replaced while nothing of it is in use: the client is off for a moment.
local function replace_target(mb, prepare)
  local disk = require "lab.disk"
  local ok, message = lpar.power_off(CLIENT)
  if not ok then fail("%s", message) end
  disk.use(lpar.dir(), CLIENT)
  local pvid = (disk.ipl_read "hdisk2" or {}).pvid
  local _, dir = disk.path "hdisk2"
  for _, name in ipairs(sys.list(dir) or {}) do sys.remove(dir .. "/" .. name) end
  ok, message = disk.create("hdisk2", mb)
  if ok and pvid then ok, message = disk.ipl_write("hdisk2", { pvid = pvid }) end
  if ok and prepare then ok, message = prepare(disk) end
  local up, why = lpar.power_on(CLIENT)
  if not ok or not up then fail("%s", message or why) end
end

local function target_size()
  for _, d in ipairs(config.host(CLIENT).disks) do
    if d[1] == "hdisk2" then return d[2] end
  end
end

scenario.define("small-target-disk", "the target disk is smaller than rootvg [MB]", function(mb)
  mb = math.tointeger(tonumber(mb or "2048"))
  if not mb or mb < 64 or mb > 1 << 20 then err.usage "altmig: lab scenario: small-target-disk: MB is a size in MB" end
  replace_target(mb)
  return ("hdisk2 of adachi-AIX7 has %d MB"):format(mb)
end)

scenario.define("disk-below-release", "the target disk is smaller than 7.3 asks for, and has room for the copy", function()
  replace_target(10240)
  return "hdisk2 of adachi-AIX7 has 10240 MB"
end)

scenario.define("target-disk-in-use", "the target disk carries a volume group the ODM does not know", function()
  replace_target(target_size(), function(disk)
    return disk.vg_create { name = "foreignvg", disks = { "hdisk2" }, seed = "foreign", auto_on = false }
  end)
  return "hdisk2 of adachi-AIX7 carries an LVM signature"
end)

require "lab.scenario_release"(scenario)

function scenario.main(args)
  require "lab.scenario_move"
  local name = table.remove(args, 1)
  if not name or name == "--help" then
    local names = {}
    for key in pairs(known) do names[#names + 1] = key end
    table.sort(names)
    for _, key in ipairs(names) do output.print("  %-20s %s", key, known[key].summary) end
    if name then return 0 end
    err.usage "usage: altmig lab scenario NAME [ARG ...]"
  end
  if not known[name] then
    for _, other in ipairs(planned) do
      if other == name then err.usage(("altmig: lab scenario: '%s' is not supported yet"):format(name)) end
    end
    err.usage(("altmig: lab scenario: unknown scenario '%s'"):format(name))
  end
  if not lpar.hypervisor() then fail("the lab is not up") end
  local said = known[name].fn(table.unpack(args))
  if said then output.print(said) end
  return 0
end

return scenario
