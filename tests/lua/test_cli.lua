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
end

function TestCommandLine:test_unknown_command_is_a_usage_error()
  local text, status = run("frobnicate")
  lu.assertEquals(status, 2)
  lu.assertStrContains(text, "unknown command 'frobnicate'")
end

function TestCommandLine:test_planned_command_refuses_by_name()
  local text, status = run("installp")
  lu.assertEquals(status, 2)
  lu.assertStrContains(text, "'installp' is not supported yet")
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
