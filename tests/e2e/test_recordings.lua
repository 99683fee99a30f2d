-- SPDX-License-Identifier: MIT
-- Every command that the end to end tests sent to a host, held against the contract: runs after all of them (ctest sees to
-- that) and looks at what they left (lab_driver's recordings_dir). Nothing that AIX refuses, nothing that may not be sent.

local journal = require "altmig.journal"
local lu = require "luaunit"
local sys = require "altmig.sys"
require "altmig.cmd.lab" -- makes lab.NAME loadable
local lab = require "lab_driver"
local recordings = require "recordings"

TestRecordingsOfAllTests = {}

function TestRecordingsOfAllTests:test_no_command_violates_the_contract()
  local dir = lab.recordings_dir()
  if not sys.stat(dir) then lu.skip("no end to end test has run before this one: nothing is in " .. dir) end
  local wrong, tests, all_records, all_commands = {}, 0, 0, 0
  for _, test in ipairs(sys.list(dir) or {}) do
    for _, client in ipairs(sys.list(("%s/%s"):format(dir, test)) or {}) do
      local at = ("%s/%s/%s"):format(dir, test, client)
      local j <close> = assert(journal.open(at .. "/journal", { readonly = true }))
      local world = recordings.world(assert(j:records()), lab.master)
      tests = tests + 1
      for _, name in ipairs(sys.list(at)) do
        if name:match("^commands%.jsonl") then
          local found, records, commands = recordings.check_file(assert(sys.read_file(at .. "/" .. name)), world)
          all_records, all_commands = all_records + records, all_commands + commands
          for _, violation in ipairs(found) do wrong[violation] = (wrong[violation] or 0) + 1 end
        end
      end
    end
  end
  print(("# %d command lines in %d records of %d recordings"):format(all_commands, all_records, tests))
  local list = {}
  for violation, count in pairs(wrong) do list[#list + 1] = ("%d times %s"):format(count, violation) end
  table.sort(list)
  lu.assertEquals(table.concat(list, "\n"), "")
  lu.assertTrue(all_records > 0, "the tests left no records in " .. dir)
end
