-- SPDX-License-Identifier: MIT
local lu = require "luaunit"
local complete = require "altmig.ui.complete"
local sys = require "altmig.sys"

local bin = os.getenv "ALTMIG_BIN"

--- Runs the prompt without client on a pipe; returns what it printed and the messages.
local function session(text)
  local r = assert(sys.run({ bin, "repl" }, { stdin = text, timeout = 20 }))
  return r.stdout, r.stderr, r.status
end

--- The same with the migration of data/repl_fake.lua.
local function with_migration(text, ...)
  local r = assert(sys.run({ bin, "run", DATA_DIR .. "/repl_fake.lua", ... }, { stdin = text, timeout = 20 }))
  return r.stdout, r.stderr, r.status
end

TestPrompt = {}

function TestPrompt:test_values_are_printed_and_kept()
  local out, messages, status = session '1 + 1, "a"\n_ * 10\nnil\nx = 7\nx\nlocal y = 1\nprint "said"\n-- note\n'
  lu.assertEquals(out, '2\n"a"\n20\nnil\n7\nsaid\n')
  lu.assertEquals(messages, "")
  lu.assertEquals(status, 0)
end

function TestPrompt:test_a_chunk_may_take_many_lines()
  lu.assertEquals((session 'function f(a)\n\n  return a *\n2\nend\nf(21)\n'), "42\n")
  lu.assertEquals((session '{\n1,\n}\n'), "{ 1 }\n")
  lu.assertEquals((session '1 +\n2\n'), "3\n")
  lu.assertEquals((session 't = [[a\nb]]\nt\n'), '"a\\nb"\n')
end

function TestPrompt:test_wrong_input_is_told_and_forgotten()
  local out, messages, status = session 'x = = 1\n1 1\n"open\n5\n'
  lu.assertEquals(out, "5\n")
  lu.assertStrContains(messages, "input:1: unexpected symbol near '='")
  lu.assertStrContains(messages, "unfinished string")
  lu.assertEquals(status, 0)
  out, messages = session "for i = 1, 2 do\n"
  lu.assertEquals(out, "")
  lu.assertStrContains(messages, "'end' expected")
end

function TestPrompt:test_errors_have_a_traceback_and_the_prompt_goes_on()
  local out, messages = session 'function inner()\nerror "boom"\nend\nfunction outer() inner() return 1 end\nouter()\n"on"\n'
  lu.assertEquals(out, '"on"\n')
  lu.assertStrContains(messages, "input:2: boom")
  lu.assertStrContains(messages, "in global 'inner'")
  lu.assertNotStrContains(messages, "altmig/repl.lua")
  out, messages = session('error { code = "ESTALE", message = "read: /x: stale", output = "o" }\nerror()\n'
    .. "error(setmetatable({}, { __tostring = error }))\n1\n")
  lu.assertEquals(out, "1\n")
  lu.assertStrContains(messages, "[ESTALE] read: /x: stale\n  output: o")
end

function TestPrompt:test_globals_of_the_prompt_stay_in_the_prompt()
  lu.assertEquals((session 'x = 1\n_G.x\nrawget(_G, "sys")\nsys.sha256 ""\n'):match "^nil\nnil\n(.-)\n$",
    '"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"')
end

function TestPrompt:test_an_interrupt_stops_a_call_and_no_more()
  local out, messages, status = session(
    'sys.spawn{ "sh", "-c", "sleep 0.3; kill -INT " .. sys.getpid() } > 0\n'
      .. 'while true do end\n"lua"\n'
      .. 'sys.spawn{ "sh", "-c", "sleep 0.3; kill -INT " .. sys.getpid() } > 0\n'
      .. 'sys.sleep(15)\n"core"\n')
  lu.assertStrContains(out, '"lua"')
  lu.assertStrContains(out, '"core"')
  lu.assertStrContains(messages, "interrupted")
  lu.assertEquals(status, 0)
end

TestCommands = {}

function TestCommands:test_help_and_unknown()
  local out = session ":help\n"
  for _, name in ipairs { "help", "phases", "quit", "resume", "rw", "sh" } do lu.assertStrContains(out, ":" .. name) end
  lu.assertStrContains(session ":help rw\n", "lock")
  local _, messages = session ":frob\n:phases\n:rw\n"
  lu.assertStrContains(messages, ":frob is no command")
  lu.assertStrContains(messages, "no migration here")
  lu.assertEquals((session ":quit\n1\n"), "")
end

function TestCommands:test_what_changes_needs_rw()
  local out, messages = with_migration ":resume\n:sh oslevel -s\nm.resumed\n:rw\n:resume\n:resume 3\nm.resumed\nm.locked\n"
  lu.assertStrContains(messages, ":resume can change things; type :rw first")
  lu.assertStrContains(messages, ":sh can change things; type :rw first")
  lu.assertStrContains(out, '{}\nwritable\nresume: status 0\nresume: status 0\n{ "open", 3 }\ntrue\nclosed\n')
end

function TestCommands:test_rw_refused_leaves_all_as_it_was()
  local out, messages = with_migration(":rw\n:resume\nm.resumed\n", "", "locked")
  lu.assertStrContains(messages, "[LOCKED] client c is locked by another run")
  lu.assertStrContains(messages, "type :rw first")
  lu.assertStrContains(out, "{}\n")
end

function TestCommands:test_a_command_on_the_master()
  local out, messages = with_migration ":master mount\n:master\n:rw\n:master mount | wc\n"
  lu.assertStrContains(messages, ":master can change things; type :rw first")
  lu.assertStrContains(messages, ":master: which command?")
  lu.assertStrContains(out, "master ran mount | wc\n")
end

function TestCommands:test_whoever_works_on_the_client_is_named_and_os_exit_leaves_in_order()
  local out, _, status = with_migration("os.exit(5)\n1\n", "", "locked")
  lu.assertStrContains(out, "for looking only: it is being worked on by pid 7 on engine")
  lu.assertStrMatches(out, ".*closed\n")
  lu.assertEquals(status, 5)
  lu.assertEquals(select(3, session "os.exit(false)\n"), 1)
  lu.assertEquals(select(3, session "pcall(os.exit)\n1\n"), 0)
end

function TestCommands:test_no_difference_to_what_an_earlier_migration_saved()
  local out, messages = with_migration ":diff\n:diff /etc/hosts\n"
  lu.assertEquals(select(2, messages:gsub("nothing was saved yet: phase 5 has not begun", "")), 2)
  lu.assertNotStrContains(out, "differ")
end

function TestCommands:test_phases_and_shell()
  local out, messages = with_migration ":phases\n:rw\n:sh ls -l | wc\n:sh false\n:sh lost\n:sh\n:resume 13\n:resume 7\n"
  lu.assertStrContains(out, "   1  done    Cloning\n   2  failed  Exporting\n")
  lu.assertStrContains(out, "ran ls -l | wc\n")
  lu.assertStrContains(messages, "a warning")
  lu.assertStrContains(messages, "exit status 1")
  lu.assertStrContains(messages, "[SSH_LOST] ssh: adachi-AIX7: connection lost")
  lu.assertStrContains(messages, ":sh: which command?")
  lu.assertStrContains(messages, "from 1 to 12")
  lu.assertStrContains(messages, "[ALT_NOT_MOUNTED] phase 7: not mounted\n  host: c")
end

function TestCommands:test_without_migration_the_prompt_opens_and_says_why()
  local out, messages = with_migration(":phases\nm\n", "no journal")
  lu.assertStrContains(out, "adachi-AIX7: not loaded: [NO_STATE] no journal\n")
  lu.assertStrContains(out, "nil\n")
  lu.assertStrContains(messages, "no migration here")
end

TestCompletion = {}

function TestCompletion:test_names_fields_and_methods()
  local class = { read = print, write = print, size = 4 }
  local env = setmetatable({ alpha = { beta = { gamma = 1, gap = 2 } }, altmig_object = setmetatable({ open = true },
    { __index = class }) }, { __index = { global = 1 } })
  lu.assertEquals({ complete.names(env, "x = al") }, { { "alpha", "altmig_object" }, "al" })
  lu.assertEquals({ complete.names(env, "gl") }, { { "global" }, "gl" })
  lu.assertEquals({ complete.names(env, "f(alpha.beta.ga") }, { { "gamma", "gap" }, "ga" })
  lu.assertEquals({ complete.names(env, "altmig_object:") }, { { "read", "write" }, "" })
  lu.assertEquals({ complete.names(env, "altmig_object.") }, { { "open", "read", "size", "write" }, "" })
  lu.assertEquals({ complete.names(env, "re", { "rest" }) }, { { "repeat", "rest", "return" }, "re" })
  lu.assertEquals({ complete.names(env, "none.x") }, { {}, "x" })
  lu.assertEquals({ complete.names(env, "") }, { {}, "" })
  lu.assertEquals(complete.common { "gamma", "gap" }, "ga")
  lu.assertEquals(complete.columns({ "a", "bb", "c" }, 8), "a   bb\nc")
end

function TestCompletion:test_nothing_is_called()
  local called = false
  local env = { trap = setmetatable({}, { __index = function() called = true end, __pairs = function() called = true end }) }
  complete.names(env, "trap.a.b")
  complete.names(env, "trap:")
  local loop = {}
  setmetatable(loop, { __index = loop })
  complete.names({ loop = loop }, "loop.a.b")
  lu.assertFalse(called)
end

TestTerminal = {}

function TestTerminal:setUp()
  if not sys.run { "script", "--version" } then lu.skip "script(1) of util-linux is not here" end
  self.dir = os.tmpname()
  os.remove(self.dir)
  assert(sys.mkdir(self.dir, 448))
end

function TestTerminal:tearDown()
  if self.dir then sys.run { "rm", "-rf", self.dir } end
end

--- Types the keys one after another, with pauses, into a prompt on a pseudo-terminal.
function TestTerminal:type(keys)
  local typed = { "sleep 0.4" }
  for _, key in ipairs(keys) do typed[#typed + 1] = ("printf '%s'; sleep 0.25"):format(key) end
  local command = ("( %s ) | TERM=xterm REPL_STATE=%s script -qec '%s run %s/repl_fake.lua' /dev/null"):format(
    table.concat(typed, "; "), self.dir, bin, DATA_DIR)
  return assert(sys.run({ "sh", "-c", command }, { timeout = 30 })).stdout
end

function TestTerminal:test_editing_completion_interrupt_and_history()
  local out = self:type {
    "40 + 3\\177" .. "2\\r", -- a key is taken back
    'sys.sha2\\t("")\\r',
    "function g()\\r", "return 6 * 7 end\\r",
    "abandoned", "\\003",
    "while true do end\\r", "\\003",
    "a_password = 1\\r",
    "g()\\r", "\\004",
  }
  lu.assertStrContains(out, "42")
  lu.assertStrContains(out, "e3b0c44298fc1c14")
  lu.assertStrContains(out, ">> ")
  lu.assertStrContains(out, "^C")
  lu.assertStrContains(out, "interrupted")
  lu.assertStrContains(out, "closed")
  local path = self.dir .. "/history"
  lu.assertEquals(sys.stat(path).mode, 384)
  local history = sys.read_file(path)
  lu.assertStrContains(history, "g()")
  lu.assertStrMatches(history, ".*function\\040g%(%)\\012return.*") -- one entry for the whole chunk
  lu.assertNotStrContains(history, "password")
  lu.assertNotStrContains(history, "abandoned")
  -- The next prompt remembers: two keys up are the line before the last.
  out = self:type { "\\033[A", "\\r", "\\004" }
  lu.assertStrContains(out, "attempt to call a nil value (global 'g')")
end

function TestTerminal:test_completion_shows_and_inserts_no_control()
  local out = self:type {
    'c = require("altmig.ui.repl").commands\\r',
    'c["za\\\\27]0;one\\\\7"] = c.help c["zb\\\\27]0;two\\\\7"] = c.help\\r',
    ":z\\t", "a\\t", "\\003", "\\004",
  }
  lu.assertStrContains(out, "za\\x1b]0;one\\x07  zb\\x1b]0;two\\x07") -- below the line
  lu.assertStrContains(out, "\\x1b]0;one\\x07^C") -- in the line
  lu.assertNil(out:find("\27]0;", 1, true))
end
