-- altmig lab scenario NAME: troubles of real sites. Each function makes one of them on the lab that
-- is up. Other libraries add theirs with scenario.define.

local cli = require "altmig.cli"
local config = require "lab.config"
local lpar = require "lab.lpar"
local sys = require "altmig.sys"

local scenario = {}

--- Promised by the design and not made yet: refused by name.
local planned = { "spot-without-alt-disk-install", "nimsh-down", "ghost-device", "tcb-enabled", "multibos",
  "mirrored-rootvg", "locked-client", "small-usr", "ifix-locked", "customised-config", "broken-image", "slow-network" }

local CLIENT <const> = "adachi-AIX7"

local known = {}

--- Adds a scenario.
---@param name string
---@param summary string
---@param fn fun(...: string): string? what to say; raises what went wrong
function scenario.define(name, summary, fn) known[name] = { summary = summary, fn = fn } end

local function fail(...) cli.fail(1, "altmig: lab scenario: " .. string.format(...)) end

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

scenario.define("stale-exports", "the client still exports /alt_inst of an earlier run, nothing is mounted there", function()
  scenario.sh(CLIENT, "mkdir -p /alt_inst/usr")
  -- As exportfs leaves it: in /etc/xtab, and served.
  scenario.lua(CLIENT, [[
    local exports, lpar, sys = require "lab.exports", require "lpar", require "altmig.sys"
    local world = lpar.world()
    local file = world.path .. "/lpars/" .. world.host .. "/root/etc/xtab"
    local hosts = "adachi-nim:10.77.0.1"
    local options = (" -rw=%s,root=%s,access=%s\n"):format(hosts, hosts, hosts)
    local text = (sys.read_file(file) or "") .. "/alt_inst" .. options .. "/alt_inst/usr" .. options
    assert(sys.write_file(file, text, { mode = 420 }))
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
  if not path:match "^/alt_inst" or path:find("..", 1, true) then cli.usage "altmig: lab scenario: not a path of /alt_inst" end
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
  if not mb or mb < 64 or mb > 1 << 20 then cli.usage "altmig: lab scenario: small-target-disk: MB is a size in MB" end
  replace_target(mb)
  return ("hdisk2 of adachi-AIX7 has %d MB"):format(mb)
end)

scenario.define("target-disk-in-use", "the target disk carries a volume group the ODM does not know", function()
  replace_target(target_size(), function(disk)
    return disk.vg_create { name = "foreignvg", disks = { "hdisk2" }, seed = "foreign", auto_on = false }
  end)
  return "hdisk2 of adachi-AIX7 carries an LVM signature"
end)

function scenario.main(args)
  local name = table.remove(args, 1)
  if not name or name == "--help" then
    local names = {}
    for key in pairs(known) do names[#names + 1] = key end
    table.sort(names)
    for _, key in ipairs(names) do print(("  %-20s %s"):format(key, known[key].summary)) end
    if name then return 0 end
    cli.usage "usage: altmig lab scenario NAME [ARG ...]"
  end
  if not known[name] then
    for _, other in ipairs(planned) do
      if other == name then cli.usage(("altmig: lab scenario: '%s' is not supported yet"):format(name)) end
    end
    cli.usage(("altmig: lab scenario: unknown scenario '%s'"):format(name))
  end
  if not lpar.hypervisor() then fail("the lab is not up") end
  local said = known[name].fn(table.unpack(args))
  if said then print(said) end
  return 0
end

return scenario
