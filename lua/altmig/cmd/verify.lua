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
    .. "  every file of the inventories, as lppchk looks at them. With --values the booted client: what was\n"
    .. "  recorded of its disks, of sys0 and of its tunables, against what they are now. The status is 1 if\n"
    .. "  something differs."),
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

-- The booted client against what was recorded of it.
local function values(client, opts)
  local changes = require("altmig.migration").values(client, opts)
  if not changes then
    err.raise { code = "NO_VALUES", message = ("altmig verify --values: nothing was recorded of %s before its migration"):format(client),
      remedy = "a flow script records it with m:record_values() in phase 1" }
  end
  if opts.json then
    output.json({ client = client, values = json.array(changes) }, { sort = true, lossy = true })
  else
    for _, change in ipairs(changes) do
      output.print("%s %s: %s before, %s now%s", change.key, change.attribute, change.old == "" and "empty" or change.old,
        change.new == nil and "not there" or change.new == "" and "empty" or change.new, change.remedy and "; " .. change.remedy or "")
    end
    output.print("altmig verify: %s: %s", client, #changes == 0 and "all recorded values are as they were"
      or ("%d value%s differ%s"):format(#changes, #changes == 1 and "" or "s", #changes == 1 and "s" or ""))
  end
  return #changes == 0 and 0 or 1
end

function command.run(args)
  local opts, operands = options.parse(args, "altmig verify")
  if #operands ~= 1 then err.usage(command.usage) end
  local client = options.check_name(operands[1], "altmig verify")
  if opts.values then return values(client, opts) end
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
