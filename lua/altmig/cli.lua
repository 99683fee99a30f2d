-- SPDX-License-Identifier: MIT
-- The command line: finds the command, prints help, turns errors into messages and exit statuses.
-- Every command is a module altmig.cmd.NAME: { summary=, usage=, run=function(args) -> status }; one with
-- subcommands has a table `actions` of such functions in the place of run. Flags and operands are defined
-- in altmig.options.

local err = require "altmig.err"
local options = require "altmig.options"
local output = require "altmig.ui.output"
local resource = require "altmig.resource"

local cli = {}

--- Commands that an option of the build leaves out (ALTMIG_LAB=OFF).
local left_out = { lab = "altmig: lab: this build has no lab" }

local function load_command(name)
  if not name:match("^%l+$") or not resource.read("lua/altmig/cmd/" .. name .. ".lua") then return nil end
  return require("altmig.cmd." .. name)
end

--- The commands, by name, with their modules.
---@return string[] names, table<string, table> commands
function cli.commands()
  local names, commands = {}, {}
  for _, path in ipairs(resource.list("lua/altmig/cmd/")) do
    local name = path:match("/(%l+)%.lua$")
    local command = name and load_command(name)
    if command then names[#names + 1], commands[name] = name, command end
  end
  return names, commands
end

local function help()
  output.print("usage: altmig COMMAND [ARG ...]      (altmig COMMAND --help says more, altmig help the rest)")
  output.print("       nimadm FLAGS                  as IBM's nimadm\n")
  local names, commands = cli.commands()
  for _, name in ipairs(names) do output.print("  %-10s %s", name, commands[name].summary) end
  return 0
end

-- What a command line asks of a command: its run, or the action that the first word names, which is taken away.
local function action_of(name, command, args)
  if command.run then return command.run end
  local word = table.remove(args, 1)
  if not word then err.usage(command.usage) end
  return command.actions[word]
    or err.usage(("altmig: %s: unknown subcommand '%s'\n%s"):format(name, word, command.usage))
end

local function run(name, args)
  local command = load_command(name)
  if not command then
    if left_out[name] then err.usage(left_out[name]) end
    err.usage(("altmig: unknown command '%s'; 'altmig --help' lists the commands"):format(name))
  end
  local sub = options.command(("altmig %s %s"):format(name, args[1]))
  local form = sub or options.command("altmig " .. name)
  for i, word in ipairs(args) do
    -- Behind the first operand the rest may be a script's, or a host's.
    if word == "--" or form and form.leading and i > (sub and 1 or 0) and word:sub(1, 1) ~= "-" then break end
    if word == "--help" then
      output.print(command.usage)
      return 0
    end
  end
  return action_of(name, command, args)(args) or 0
end

--- Called by the program with its arguments; args[0] is the name it was called by.
---@param args string[]
---@return integer status
function cli.main(args)
  local ok, result = xpcall(function()
    if args[0]:match("([^/]*)$") == "nimadm" then return run("nimadm", args) end
    local name = table.remove(args, 1)
    if name == nil or name == "--help" then return help() end
    if name == "--version" then
      output.print("altmig " .. resource.version)
      return 0
    end
    return run(name, args)
  end, function(e)
    if type(e) == "table" then return err.wrap(e) end
    return { code = "INTERNAL", message = debug.traceback(err.text(e):gsub("\n", "\n  "), 2) }
  end)
  if ok then return result end
  output.flush()
  if not result.explained then
    output.complain(result.message)
    if result.remedy then output.complain("  remedy: " .. result.remedy:gsub("\n", "\n          ")) end
  end
  if result.code == "USAGE" then return 2 end
  if result.code == "CANCELLED" or tostring(result.message):find("interrupted", 1, true) then return 130 end
  return result.status or 1
end

return cli
