-- SPDX-License-Identifier: MIT
-- altmig completion SHELL: the script that completes commands and flags.

local err = require "altmig.err"
local options = require "altmig.options"
local output = require "altmig.ui.output"

local SHELLS <const> = { "bash", "zsh" }

options.define("altmig completion", { operands = "bash | zsh", words = SHELLS })

local command = {
  summary = "print the script that completes commands and flags in a shell",
  usage = options.usage("altmig completion", [[
It is installed with altmig; to have it in a shell without that: eval "$(altmig completion bash)"]]),
}

function command.run(args)
  local _, operands = options.parse(args, "altmig completion")
  local shell = operands[1]
  if #operands ~= 1 or not (shell == "bash" or shell == "zsh") then err.usage(command.usage) end
  output.data(require("altmig.help.completion").script(shell))
  return 0
end

return command
