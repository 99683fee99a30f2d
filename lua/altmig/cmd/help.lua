-- SPDX-License-Identifier: MIT
-- altmig help [TOPIC | COMMAND]: the topics, one of them, or the --help of a command.

local cli = require "altmig.cli"
local err = require "altmig.err"
local help = require "altmig.help"
local options = require "altmig.options"
local output = require "altmig.ui.output"

-- What can be asked for; topics first, since nimadm is both.
local function words()
  local list = help.names()
  for _, name in ipairs((cli.commands())) do
    if name ~= "nimadm" then list[#list + 1] = name end
  end
  return list
end

options.define("altmig help", { operands = "[TOPIC | COMMAND]", words = words })

local command = {
  summary = "list the topics, show one, or the flags of a command",
  usage = options.usage("altmig help", "Topics are man pages too: man altmig-TOPIC."),
}

local function list()
  output.print("altmig help TOPIC shows one of these, altmig help COMMAND the flags of a command:\n")
  for _, name in ipairs(help.names()) do output.print("  %-10s %s", name, help.topic(name).summary) end
  output.print("\nCommands: " .. table.concat((cli.commands()), " "))
  return 0
end

function command.run(args)
  local _, operands = options.parse(args, "altmig help")
  if #operands > 1 then err.usage(command.usage) end
  local word = operands[1]
  if not word then return list() end
  local topic = help.topic(word)
  local text = topic and help.plain(topic)
  if not topic then
    local _, commands = cli.commands()
    if not commands[word] then
      local meant = help.meant(word, words())
      err.usage(("altmig help: there is no topic or command '%s'%s; 'altmig help' lists them"):format(word,
        meant and (", did you mean '%s'?"):format(meant) or ""))
    end
    text = commands[word].usage .. "\n"
  end
  output.paged(text)
  return 0
end

return command
