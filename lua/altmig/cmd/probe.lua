-- SPDX-License-Identifier: MIT
-- altmig probe: what a client and a master really answer, held against what altmig takes for true.

local err = require "altmig.err"
local options = require "altmig.options"
local output = require "altmig.ui.output"
local sys = require "altmig.sys"
local trial = require "altmig.probe.trial"

local who <const> = "altmig probe"

local command = {
  summary = "ask real hosts what altmig takes for true of AIX",
  usage = options.usage(who, [[
  Every command by which altmig looks at a client and its master, with its parser, the shell, SSH, NFS, the
  SPOT and the boot disk: a row of assumption, what was observed, and verdict. On each host it writes only in a
  directory of its own below /tmp, which it names first and removes at the end.]]) .. [[

exit status: 0 everything that was asked is accepted, 1 something is not (or failed), 2 usage]],
}

-- What says what to do; one of them.
local modes = { { "list", "--list" }, { "replay", "--replay" } }

-- Before anything is written but in a directory of our own: what it is, and whether that is wanted.
local function confirm(opts)
  local disk = opts.scratch_disk
  output.complain(trial.announcement .. (disk and "\n" .. require("altmig.probe.disk").announcement(disk) or ""))
  if opts.yes then return end
  local remedy = "the same command with --yes, or without --write-test"
  if not sys.isatty(0) then
    err.raise { code = "NOT_CONFIRMED", status = 2, remedy = remedy,
      message = who .. ": --write-test was not confirmed, and there is no terminal to ask on; nothing was done" }
  end
  local word = disk or "yes"
  output.complain(disk and "Type the name of the disk again to go on:" or "Type yes to go on:")
  if io.stdin:read "l" ~= word then
    err.raise { code = "NOT_CONFIRMED", status = 2, message = who .. ": --write-test was not confirmed; nothing was done", remedy = remedy }
  end
end

local function check_scratch_disk(opts)
  if not opts.write_test then err.usage(who .. ": --scratch-disk is for --write-test, and is nothing without it") end
  if not opts.spot then err.usage(who .. ": --scratch-disk needs -s SPOT, whose alt_disk_copy is tried") end
  if not opts.scratch_disk:find "^%a[%w_.]*$" then
    err.usage(("%s: --scratch-disk '%s' is no name of a disk"):format(who, opts.scratch_disk))
  end
end

function command.run(args)
  local opts, operands = options.parse(args, who)
  if #operands > 0 then err.usage(("%s: unexpected operand '%s'"):format(who, operands[1])) end
  local probe = require "altmig.probe"
  local chosen
  for _, mode in ipairs(modes) do
    if opts[mode[1]] then
      local other = chosen or opts.client and "-c" or opts.bundle and "--bundle" or opts.write_test and "--write-test"
      if other then err.usage(("%s: %s and %s exclude each other"):format(who, other, mode[2])) end
      chosen = mode[2]
    end
  end
  if opts.list then return probe.list(opts) end
  if opts.replay then return probe.replay(opts) end
  if opts.scratch_disk then check_scratch_disk(opts) end
  if opts.yes and not opts.write_test then err.usage(who .. ": --yes confirms --write-test, and is nothing without it") end
  if not opts.client then err.usage(who .. ": flag -c CLIENT is missing (or --list, or --replay FILE)") end
  options.check_name(opts.client, who)
  if opts.write_test then confirm(opts) end
  return probe.run(opts)
end

return command
