-- SPDX-License-Identifier: MIT
-- altmig verify CLIENT: whether the copy is what its software database says.

local err = require "altmig.err"
local json = require "altmig.json"
local options = require "altmig.options"
local output = require "altmig.ui.output"
local verify = require "altmig.aix.verify"

local command = {
  summary = "hold the copy of a client against its software database",
  usage = options.usage("altmig verify", "  States, parts and requisites of the filesets; presence, type, size, sum and target of\n"
    .. "  every file of the inventories, as lppchk looks at them. The status is 1 if something differs."),
}

local function print_text(client, found)
  for _, list in ipairs { found.filesets, found.files } do
    for _, problem in ipairs(list) do output.print("%s", verify.sentence(problem)) end
  end
  if #found.explained > 0 then
    output.print("%d more file%s differ%s as the merges decided: altmig report %s", #found.explained,
      #found.explained == 1 and "" or "s", #found.explained == 1 and "s" or "", client)
  end
  local count = #found.filesets + #found.files
  output.print("altmig verify: %s: %d filesets and %d files looked at, %s", client, found.count.filesets, found.count.files,
    count == 0 and "all as the software database says" or ("%d difference%s"):format(count, count == 1 and "" or "s"))
end

function command.run(args)
  local opts, operands = options.parse(args, "altmig verify")
  if #operands ~= 1 then err.usage(command.usage) end
  local client = options.check_name(operands[1], "altmig verify")
  local found = require("altmig.migration").verify(client, opts)
  if opts.json then
    output.json({ client = client, filesets = json.array(found.filesets), files = json.array(found.files),
      explained = json.array(found.explained), count = found.count }, { sort = true, lossy = true })
  else
    print_text(client, found)
  end
  return #found.filesets + #found.files == 0 and 0 or 1
end

return command
