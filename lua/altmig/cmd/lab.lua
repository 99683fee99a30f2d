-- altmig lab ...: the emulated hosts. What each subcommand does is in scripts/lab/lib.

local cli = require "altmig.cli"
local resource = require "altmig.resource"
local sys = require "altmig.sys"

local command = {
  summary = "the emulated NIM master and client (root only)",
  usage = [[
usage: altmig lab up [--seed N] [--files N] [--bytes N] [--quiet]
                            build what is missing, power both hosts on; after a crash, repair
       altmig lab down [--keep]
                            power off and remove everything; --keep leaves the disks
       altmig lab status [--json]
       altmig lab reset     both hosts back to fresh disks
       altmig lab ssh HOST [CMD ...]
       altmig lab exec CMD [ARG ...]
                            run a command on the lab's engine host
       altmig lab boot HOST [--disk DISK] [--power] [--json]
                            play firmware: the level HOST boots with by its bootlist, or where it hangs
       altmig lab save NAME | load NAME
                            keep, or go back to, the state of all disks
       altmig lab scenario NAME [ARG ...]
The lab lives below $ALTMIG_LAB (default /var/lib/altmig/lab).]],
}

--- Which library and function a subcommand is.
local subcommands = {
  up = { "lpar", "up" }, down = { "lpar", "down" }, status = { "lpar", "status" }, reset = { "lpar", "reset" },
  ssh = { "lpar", "ssh" }, exec = { "lpar", "exec" }, save = { "lpar", "save" }, load = { "lpar", "load" },
  boot = { "boot", "main" }, scenario = { "scenario", "main" },
}

-- lab.NAME, from the program or its override directory.
table.insert(package.searchers, 2, function(module)
  local name = module:match "^lab%.([%w_]+)$"
  if not name then return nil end
  local text, origin = resource.read("scripts/lab/lib/" .. name .. ".lua")
  if not text then return ("no file 'scripts/lab/lib/%s.lua' in the program"):format(name) end
  local chunk, message = load(text, origin, "t")
  if not chunk then error(("module '%s': %s"):format(module, message), 0) end
  return chunk, origin
end)

function command.run(args)
  local name = table.remove(args, 1)
  if not name then cli.usage(command.usage) end
  local entry = subcommands[name]
  if not entry then cli.usage(("altmig: lab: unknown subcommand '%s'\n%s"):format(name, command.usage)) end
  if not resource.read("scripts/lab/lib/" .. entry[1] .. ".lua") then
    cli.usage(("altmig: lab %s is not supported yet"):format(name))
  end
  if sys.getuid() ~= 0 then
    cli.fail(1, ("altmig: lab %s needs root: it makes namespaces, mounts and loop devices"):format(name))
  end
  return require("lab." .. entry[1])[entry[2]](args)
end

return command
