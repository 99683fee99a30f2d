-- SPDX-License-Identifier: MIT
-- altmig lab ...: the emulated hosts. What each subcommand does is in scripts/lab/lib.

local err = require "altmig.err"
local options = require "altmig.options"
local resource = require "altmig.resource"
local sys = require "altmig.sys"

local JSON <const> = { "json", "json", text = "one JSON object instead of text" }

options.define("altmig lab up", { operands = "", text = "builds what is missing, powers both hosts on; after a crash, repairs", flags = {
  { "from", "from", arg = "L", text = "level of the client, 7200-05 or 7200-05-06-2320 (default 7100-05-03-1846)" },
  { "to", "to", arg = "L", text = "level of the master, lpp_source and SPOT (default 7200-05-06-2320)" },
  { "seed", "seed", arg = "N", number = true, text = "what the contents of made-up files depend on" },
  { "files", "files", arg = "N", number = true, text = "how many made-up files the bos image has" },
  { "bytes", "bytes", arg = "N", number = true, text = "how large they are together" },
  { "quiet", "quiet", text = "no output but errors" } } })
options.define("altmig lab down", { operands = "", text = "powers off and removes everything", flags = {
  { "keep", "keep", text = "leave the disks" } } })
options.define("altmig lab status", { operands = "", text = "which hosts are up, and from which disk", flags = { JSON } })
options.define("altmig lab reset", { operands = "", text = "both hosts back to fresh disks" })
options.define("altmig lab ssh", { operands = "HOST [CMD ...]", leading = true, text = "a session on a host" })
options.define("altmig lab exec", { operands = "CMD [ARG ...]", leading = true, text = "runs a command on the lab's engine host" })
options.define("altmig lab boot", { operands = "HOST", flags = {
  { "disk", "disk", arg = "DISK", text = "from this disk, not by its bootlist" },
  { "power", "power", text = "then really restart it from there" }, JSON },
  text = "plays firmware and the boot of AIX, changing nothing: the level HOST\n  comes up with, or where it hangs and why (status 1)" })
options.define("altmig lab save", { operands = "NAME", text = "keeps the state of all disks" })
options.define("altmig lab load", { operands = "NAME", text = "goes back to it" })
options.define("altmig lab scenario", { operands = "NAME [ARG ...]", leading = true,
  text = "makes one of the troubles of real sites; they are listed without NAME" })

options.define("altmig lab quirk", { operands = "[NAME [VALUE]]",
  text = "chooses among the behaviours that AIX may have where nobody knows;\n  without VALUE it shows them, * is the one chosen" })

local command = {
  summary = "the emulated NIM master and client (root only)",
  usage = options.usage("altmig lab", "The lab is below $ALTMIG_LAB (default /var/lib/altmig/lab)."),
}

--- Which library and function a subcommand is.
local subcommands = {
  up = { "lpar", "up" }, down = { "lpar", "down" }, status = { "lpar", "status" }, reset = { "lpar", "reset" },
  ssh = { "lpar", "ssh" }, exec = { "lpar", "exec" }, save = { "lpar", "save" }, load = { "lpar", "load" },
  boot = { "boot", "main" }, scenario = { "scenario", "main" },
  quirk = { "quirk_command", "main" },
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

command.actions = {}
for name, entry in pairs(subcommands) do
  command.actions[name] = function(args)
    if sys.getuid() ~= 0 then
      err.exit(1, ("altmig: lab %s needs root: it makes namespaces, mounts and loop devices"):format(name))
    end
    return require("lab." .. entry[1])[entry[2]](args)
  end
end

return command
