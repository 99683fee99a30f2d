-- SPDX-License-Identifier: MIT
-- altmig probe: what a client and a master really answer, held against what altmig takes for true.

local err = require "altmig.err"
local options = require "altmig.options"

local who <const> = "altmig probe"

local command = {
  summary = "ask real hosts what altmig takes for true of AIX; change nothing",
  usage = options.usage(who, [[
  Every command by which altmig looks at a client and its master, with its parser, the shell, SSH, NFS, the
  SPOT and the boot disk: a row of assumption, what was observed, and verdict. On each host it writes only in a
  directory of its own below /tmp, which it names first and removes at the end.]]) .. [[

exit status: 0 everything that was asked is accepted, 1 something is not (or failed), 2 usage]],
}

-- What says what to do; one of them.
local modes = { { "list", "--list" }, { "replay", "--replay" } }

function command.run(args)
  local opts, operands = options.parse(args, who)
  if #operands > 0 then err.usage(("%s: unexpected operand '%s'"):format(who, operands[1])) end
  local probe = require "altmig.probe"
  local chosen
  for _, mode in ipairs(modes) do
    if opts[mode[1]] then
      local other = chosen or opts.client and "-c" or opts.bundle and "--bundle"
      if other then err.usage(("%s: %s and %s exclude each other"):format(who, other, mode[2])) end
      chosen = mode[2]
    end
  end
  if opts.list then return probe.list(opts) end
  if opts.replay then return probe.replay(opts) end
  if not opts.client then err.usage(who .. ": flag -c CLIENT is missing (or --list, or --replay FILE)") end
  options.check_name(opts.client, who)
  return probe.run(opts)
end

return command
