-- SPDX-License-Identifier: MIT
-- altmig lab boot HOST [--disk DISK] [--power] [--json]: would the host come up, and as what?

local err = require "altmig.err"
local config = require "lab.config"
local disk = require "lab.disk"
local json = require "altmig.json"
local lpar = require "lab.lpar"
local nvram = require "lab.nvram"
local output = require "altmig.ui.output"
local sys = require "altmig.sys"

local boot = {}

local function parse(args)
  local options = require "altmig.options"
  local who = "altmig lab boot"
  local opts, operands = options.parse(args, who)
  opts.host = operands[1]
  if #operands ~= 1 or not config.host(opts.host) then err.usage("usage: " .. options.synopsis(who)) end
  return opts
end

--- Plays the boot of a host.
---@param host string
---@param name string|nil a disk, instead of the boot list
---@return lab.firmware.Result?
---@return string? message
function boot.check(host, name)
  local dir = lpar.dir()
  local argv = { dir .. "/bin/aixlua", "-L", dir .. "/lib", dir .. "/lib/bootcheck.lua", host, name }
  local result, message = sys.run(argv, { timeout = 120,
    env = { ALTMIG_LAB = dir, ALTMIG_LPAR = host, PATH = "/usr/sbin:/usr/bin:/sbin:/bin" } })
  if not result then return nil, message end
  local found = result.status == 0 and json.decode(result.stdout)
  if type(found) ~= "table" then return nil, (result.stderr .. result.stdout):gsub("%s+$", "") end
  return found
end

local function power(host, opts, found)
  if opts.disk then
    disk.use(lpar.dir(), host)
    local ok, message = nvram.set_bootlist((disk.base()), "normal", { { disk = opts.disk, blv = "hd5" } })
    if not ok then err.exit(1, message) end
  end
  local ok, message = lpar.reboot(host)
  if not ok then err.exit(1, ("altmig: lab boot: %s"):format(message)) end
  local state = lpar.state(host)
  if state.disk ~= found.disk then
    err.exit(1, ("altmig: lab boot: %s came up from %s instead of %s"):format(host, tostring(state.disk), found.disk))
  end
end

function boot.main(args)
  local opts = parse(args)
  local found, message = boot.check(opts.host, opts.disk)
  if not found then err.exit(1, ("altmig: lab boot: %s: %s"):format(opts.host, message)) end
  if found.up and opts.power then power(opts.host, opts, found) end
  if opts.json then
    output.json(found, { sort = true, lossy = true })
  elseif found.up then
    output.print("%s %s up from %s at level %s (kernel %s).", opts.host, opts.power and "is" or "comes", found.disk,
      found.level, found.kernel)
  else
    output.print("%s hangs with LED %s: %s", opts.host, found.led, found.reason)
  end
  return found.up and 0 or 1
end

return boot
