-- SPDX-License-Identifier: MIT
local lu = require "luaunit"

local bin = os.getenv("ALTMIG_BIN")

local function run(words)
  local pipe = io.popen(bin .. " " .. words .. " 2>&1")
  local text = pipe:read("a")
  local _, _, status = pipe:close()
  return text, status
end

TestCommandLine = {}

function TestCommandLine:test_version_is_one_line()
  local text, status = run("--version")
  lu.assertEquals(status, 0)
  lu.assertStrMatches(text, "altmig %d+%.%d+%.%d+\n")
  -- There is one place for it.
  local cmake = assert(io.open(DATA_DIR .. "/../../CMakeLists.txt")):read "a"
  lu.assertEquals(text, "altmig " .. cmake:match "\nproject%(altmig VERSION (%S+)" .. "\n")
end

function TestCommandLine:test_unknown_command_is_a_usage_error()
  for _, name in ipairs { "frobnicate", "installpx" } do
    local text, status = run(name)
    lu.assertEquals(status, 2)
    lu.assertStrContains(text, ("unknown command '%s'"):format(name))
  end
end

-- The build directory says whether the lab is in this build. ALTMIG_LUA would bring the source tree's.
function TestCommandLine:test_the_lab_is_there_only_in_a_build_with_it()
  local cache = io.open(bin:gsub("[^/]*$", "") .. "../CMakeCache.txt")
  if not cache then lu.skip("not in its build directory") end
  local with = cache:read("a"):match "\nALTMIG_LAB:BOOL=(%u+)\n" == "ON"
  cache:close()
  local pipe = io.popen("env -u ALTMIG_LUA " .. bin .. " lab frobnicate 2>&1; env -u ALTMIG_LUA " .. bin .. " --help")
  local text = pipe:read("a")
  pipe:close()
  local _, status = run("lab frobnicate")
  lu.assertEquals(status, 2)
  if with then
    lu.assertStrContains(text, "altmig: lab: unknown subcommand 'frobnicate'")
    lu.assertStrContains(text, "\n  lab ")
  else
    lu.assertStrContains(text, "altmig: lab: this build has no lab\n")
    lu.assertNotStrContains(text, "\n  lab ")
  end
  local embedded = require "altmig.resource".list "scripts/lab/"
  lu.assertEquals(#embedded > 0, with)
end

function TestCommandLine:test_a_flag_that_a_command_does_not_take_is_a_usage_error()
  for words, text in pairs { ["resume lpar -d hdisk3"] = "altmig resume: unknown flag -d", ["status -r"] = "altmig status: unknown flag -r",
    ["report lpar -l lpp"] = "altmig report: unknown flag -l", ["cleanup lpar -Y"] = "altmig cleanup: unknown flag -Y",
    ["check -P 1"] = "altmig check: unknown flag -P", ["repl lpar -F"] = "altmig repl: unknown flag -F",
    ["nimadm -C -c lpar -d hdisk3"] = "nimadm -C: unknown flag -d" } do
    local said, status = run(words)
    lu.assertEquals(status, 2, words)
    lu.assertStrContains(said, text)
  end
end

function TestCommandLine:test_help_lists_the_flags_of_the_command_wherever_it_stands()
  local options = require "altmig.options"
  local count = 0
  require("altmig.cli").commands() -- each defines its flags
  for _, who in ipairs(options.commands()) do
    if not who:find(" -C", 1, true) then
      local name = who:gsub("^altmig ", "")
      local said, status = run(name .. (options.command(who).leading and " --help" or " lpar -X --help"))
      lu.assertEquals(status, 0, said)
      lu.assertStrContains(said, options.help(who))
      lu.assertStrContains(said, options.synopsis(who))
      count = count + 1
    end
  end
  lu.assertTrue(count > 15) -- a program that was built without the lab has ten fewer
end

function TestCommandLine:test_help_behind_an_operand_may_be_meant_for_a_script()
  local said, status = run("run tests/none.lua --help")
  lu.assertEquals(status, 1)
  lu.assertStrContains(said, "none.lua")
  said, status = run("lab nowhere --help")
  lu.assertEquals(status, 0)
  lu.assertStrContains(said, "usage: altmig lab up [--from L]")
end

function TestCommandLine:test_every_form_of_a_command_refuses_what_it_does_not_take()
  for words, text in pairs { ["odm get -p x"] = "altmig odm get: unknown flag -p;", ["odm create -q x y"] = "unknown flag -q;",
    ["odm delete -o"] = "altmig odm delete: flag -o needs an argument", ["bff list -p x"] = "altmig bff list: unknown flag -p;",
    ["bff extract -Cx"] = "usage: altmig bff list", ["bff create a b"] = "usage: altmig bff list",
    ["run --chekc x"] = "altmig run: unknown flag --chekc;" } do
    local said, status = run(words)
    lu.assertEquals(status, 2, words)
    lu.assertStrContains(said, text)
  end
end

function TestCommandLine:test_modules_never_come_from_the_current_directory()
  local dir = os.tmpname()
  os.remove(dir)
  os.execute("mkdir -p " .. dir .. "/lua/altmig && echo 'error(\"planted\")' > " .. dir .. "/lua/altmig/cli.lua")
  local pipe = io.popen("cd " .. dir .. " && unset ALTMIG_LUA && " .. bin .. " --version 2>&1")
  local text = pipe:read("a")
  pipe:close()
  os.execute("rm -rf " .. dir)
  lu.assertStrContains(text, "altmig ")
end
