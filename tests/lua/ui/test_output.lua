-- SPDX-License-Identifier: MIT
-- altmig.output, that nothing else prints, and what the commands make of hostile names and values.

local hostile = require "hostile"
local lu = require "luaunit"
local json = require "altmig.json"
local output = require "altmig.ui.output"
local sys = require "altmig.sys"

local bin = os.getenv "ALTMIG_BIN"
local top = DATA_DIR .. "/../.."
local words = hostile.words

TestOutput = {}

function TestOutput:setUp()
  self.real = { stdout = io.stdout, stderr = io.stderr, getenv = sys.getenv, isatty = sys.isatty }
  self.env, self.terminal = { LANG = "en_US.UTF-8" }, false
  sys.getenv = function(name) return self.env[name] end
  sys.isatty = function() return self.terminal end
end

function TestOutput:tearDown()
  rawset(io, "stdout", self.real.stdout)
  rawset(io, "stderr", self.real.stderr)
  sys.getenv, sys.isatty = self.real.getenv, self.real.isatty
end

-- What fn writes to stdout and stderr.
function TestOutput:written(fn)
  local texts = {}
  for _, name in ipairs { "stdout", "stderr" } do
    texts[name] = ""
    rawset(io, name, { flush = function() end, write = function(file, ...)
      texts[name] = texts[name] .. table.concat { ... }
      return file
    end })
  end
  local ok, e = pcall(fn)
  rawset(io, "stdout", self.real.stdout)
  rawset(io, "stderr", self.real.stderr)
  if not ok then error(e, 0) end
  return texts.stdout, texts.stderr
end

function TestOutput:test_text_keeps_its_lines_and_arguments_their_place()
  lu.assertEquals((self:written(function() output.print "a\n\tb\27[2J%s" end)), "a\n\tb\\x1b[2J%s\n")
  lu.assertEquals((self:written(function() output.print("%-4s|%d|%s", "\n", 7, nil) end)), "\\n  |7|nil\n")
  local stdout, stderr = self:written(function() output.complain("x: %s", words) end)
  lu.assertEquals(stdout, "")
  hostile.assert_printed(stderr)
  lu.assertStrContains(stderr, "\\x1b]52;c;ZXZpbA==\\x07")
  lu.assertStrContains(stderr, "\\u{202e}\\u{2066}\\u{2028}\\nFORGED J\u{fc}rgen\n")
end

function TestOutput:test_own_sequences_pass_and_cannot_be_joined_to_text()
  local color = require "altmig.ui.color"
  local red = color.paint({ color = "always" }, 1, "failed", "bad\27[2J\tname")
  lu.assertEquals((self:written(function() output.print(red) end)), "\27[1;31mbad\\x1b[2J\tname\27[0m\n")
  lu.assertEquals((self:written(function() output.print("%s: %s", red, "\27[0m") end)), "\27[1;31mbad\\x1b[2J\tname\27[0m: \\x1b[0m\n")
  lu.assertError(function() return red .. "text" end)
end

function TestOutput:test_the_locale_says_whether_letters_are_shown()
  local function shown() return (self:written(function() output.print "J\u{fc}rgen" end)) end
  lu.assertEquals(shown(), "J\u{fc}rgen\n")
  for _, ascii in ipairs { { LANG = "C" }, { LANG = "de_DE.ISO-8859-1" }, { LANG = "C.UTF-8", LC_ALL = "C" },
    { LANG = "C.UTF-8", LC_CTYPE = "POSIX" } } do
    self.env = ascii
    lu.assertEquals(shown(), "J\\u{fc}rgen\n")
  end
  self.env = { LC_ALL = "ja_JP.utf8", LANG = "C" }
  lu.assertEquals(shown(), "J\u{fc}rgen\n")
  self.env = { LC_ALL = "" } -- no word of it: a file takes UTF-8, of a terminal nobody knows
  lu.assertEquals(shown(), "J\u{fc}rgen\n")
  self.terminal = true
  lu.assertEquals(shown(), "J\\u{fc}rgen\n")
end

function TestOutput:test_data_is_exact_but_on_a_terminal()
  local data = "\27[2J\r\n\xff\0"
  lu.assertEquals((self:written(function() output.data(data) end)), data)
  self.terminal = true
  lu.assertEquals((self:written(function() output.data(data) end)), "\\x1b[2J\\r\n\\xff\\x00")
end

function TestOutput:test_json_stays_json()
  local value = { text = words, tag = "\u{e0041}\u{1f600}" }
  for _, env in ipairs { { LANG = "C.UTF-8" }, { LANG = "C" } } do
    self.env = env
    local line = self:written(function() output.json(value, { lossy = true }) end)
    hostile.assert_printed(line)
    lu.assertEquals(select(2, line:gsub("\n", "")), 1)
    local back = json.decode(line)
    lu.assertEquals(back.tag, value.tag)
    lu.assertEquals(back.text, (words:gsub("\x9b31m\u{9b}", "\u{fffd}31m\u{9b}")))
    if env.LANG == "C" then lu.assertNil(line:find "[\128-\255]") end
  end
end

function TestOutput:test_the_bar_moves_by_carriage_returns_alone()
  local progress = require "altmig.ui.progress"
  local _, stderr = self:written(function()
    local now = 0
    local p = progress.new { what = words, total = { bytes = 10 }, bar = output.draw, width = function() return 400 end,
      clock = function()
        now = now + 1
        return now
      end }
    p:update { bytes = 5 }
    p:finish { bytes = 10 }
  end)
  lu.assertStrContains(stderr, "\\x1b]52")
  hostile.assert_printed((stderr:gsub("\r", "")))
end

function TestOutput:test_a_line_of_a_log()
  local text = ""
  local file = { write = function(_, ...) text = text .. table.concat { ... } end }
  self.env = { LANG = "C" }
  output.log(file, "J\u{fc}rgen\27[2J\r")
  lu.assertEquals(text, "J\u{fc}rgen\\x1b[2J\\r\n")
end

-- Where else something is written to the terminal --------------------------------------------------

TestNothingElsePrints = {}

-- Files that may, and why. What runs on an emulated host (the rest of scripts/lab) is AIX, not altmig.
local may_print = {
  ["lua/altmig/ui/output.lua"] = "it is the module that prints",
  ["scripts/lab/lib/scenario.lua"] = "holds code that runs on an emulated host and prints there",
}

local prints = { "[^%w_%.:]print%s*[%(\"'%[{]", "[=,%(]%s*print%s*[,%)\n]", "_G%.print", "io%.write", "io%.stdout", "io%.stderr",
  "io%.output", "io%.popen", "os%.execute", "[^%w_%.:]warn%s*%(%s*[\"']" }

local function lua_files()
  local list = assert(sys.run { "find", top .. "/lua/altmig", top .. "/scripts", "-name", "*.lua", "-not", "-path", "*/lab/*" }).stdout
  local names = {}
  for path in list:gmatch("[^\n]+") do names[#names + 1] = path:sub(#top + 2) end
  for _, name in ipairs { "boot", "lpar", "quirk_command", "scenario" } do names[#names + 1] = ("scripts/lab/lib/%s.lua"):format(name) end
  return names
end

local function first_print(text)
  text = "\n" .. text:gsub("%-%-[^\n]*", "") .. "\n"
  for _, pattern in ipairs(prints) do
    local found = text:match(pattern)
    if found then return found end
  end
  return nil
end

function TestNothingElsePrints:test_in_lua()
  for _, bad in ipairs { 'print("x")', "print 'x'", "  print[[x]]", "x(print)", "f = print\n", "io.write(x)", "io.stdout:write(x)",
    "local e = io.stderr", "_G.print(x)", 'warn("x")' } do
    lu.assertNotNil(first_print(bad), bad)
  end
  for _, good in ipairs { 'output.print("x")', "printer.pretty(x)", "-- print(x)", "m:warn('x')", "fingerprint(x)" } do
    lu.assertNil(first_print(good), good)
  end
  local files = lua_files()
  lu.assertTrue(#files > 60)
  for _, name in ipairs(files) do
    if not may_print[name] then
      lu.assertNil(first_print(assert(sys.read_file(top .. "/" .. name))), name .. " prints by itself; altmig.output does that")
    end
  end
end

-- Statements of engine/ that may write, as often as said.
local c_prints = {
  ["engine/host/main.c"] = { [[fputs("altmig: no memory\n", stderr);]],
    [[fprintf(stderr, "altmig: %s\n", am_cancelled() ? "interrupted" : text);]] }, -- escaped two lines above
  ["engine/host/interrupt.c"] = { "ignored = write(STDERR_FILENO, text, sizeof text - 1);" }, -- a constant, in a signal handler
  ["engine/host/line_plain.c"] = { "fputs(prompt, stdout);" }, -- a constant of altmig.repl
  ["engine/host/line_libedit.c"] = { [[printf("\n%s\n", show.data);]], [[fputs("^C\n", stdout);]], [[fputc('\n', stdout);]] },
}

function TestNothingElsePrints:test_in_c()
  local list = assert(sys.run { "find", top .. "/engine", "-name", "*.[ch]", "-not", "-path", "*/cmake/*" }).stdout
  local count = 0
  for path in list:gmatch("[^\n]+") do
    local name, found = path:sub(#top + 2), {}
    count = count + 1
    for line in ("\n" .. assert(sys.read_file(path))):gmatch("\n([^\n]*)") do
      if line:find "%f[%w_]v?f?printf%s*%(" or line:find "%f[%w_]f?put[sc]%s*%(" or line:find "%f[%w_]putchar%s*%("
        or line:find "%f[%w_]perror%s*%(" or line:find "STD[OE][UR][TR]_FILENO.*write" or line:find "write%s*%(%s*STD" then
        found[#found + 1] = line:match "^%s*(.-)%s*$"
      end
    end
    lu.assertEquals(found, c_prints[name] or {}, name)
  end
  lu.assertTrue(count > 60)
end

-- The commands ------------------------------------------------------------------------------------

TestCommandsEscape = {}

function TestCommandsEscape:setUp()
  self.dir = os.tmpname()
  os.remove(self.dir)
  assert(sys.mkdir(self.dir, 448))
end

function TestCommandsEscape:tearDown() os.execute("rm -rf '" .. self.dir .. "'") end

-- Runs altmig; all that it prints must be harmless, show the words and, in a UTF-8 locale, the letters.
function TestCommandsEscape:run(arguments, opts)
  opts = opts or {}
  local printed
  for _, locale in ipairs { "C.UTF-8", "C" } do
    local r = assert(sys.run({ bin, table.unpack(arguments) }, { stdin = opts.stdin, cwd = opts.cwd, timeout = 30,
      env = { LC_ALL = locale, ODMDIR = self.dir .. "/odm" } }))
    local text = r.stdout .. r.stderr
    local what = table.concat(arguments, " ")
    hostile.assert_printed(text, what)
    if locale == "C" then
      lu.assertNil(text:find "[\128-\255]", what)
    else
      lu.assertStrContains(text, opts.shown or "\\x1b]52;c;ZXZpbA==\\x07")
      lu.assertStrContains(text, opts.letters or "J\u{fc}rgen")
      lu.assertEquals(r.status, opts.status or 0, what .. ": " .. text)
      printed = r
    end
  end
  return printed
end

function TestCommandsEscape:test_archives()
  local bff = require "altmig.bff"
  local path = self.dir .. "/" .. words
  local member = words:gsub("\n", "") -- the one character that no archive has in a name
  local w = assert(bff.create(path))
  for _, m in ipairs { { name = "./" .. member, data = "x" }, { name = "./l" .. member, type = "link", target = member },
    { name = "./s" .. member, type = "socket" }, { name = "../" .. member, data = "x" } } do
    assert(w:add(m))
  end
  assert(w:close())
  local r = self:run { "bff", "list", path }
  lu.assertEquals(select(2, r.stdout:gsub("\n", "")), 4)
  r = self:run({ "bff", "extract", "-C", self.dir .. "/out" .. words, path, }, { status = 1 })
  lu.assertEquals(select(2, r.stderr:gsub("\n", "")), 2)
  lu.assertEquals(sys.read_file(("%s/out%s/%s"):format(self.dir, words, member)), "x") -- the name itself is what it was
  self:run({ "bff", "extract", "-C", self.dir .. "/out", path, "none" .. words }, { status = 1 })
  self:run { "bff", "verify", path }
  assert(sys.write_file(path, assert(sys.read_file(path)):sub(1, 200)))
  self:run({ "bff", "verify", path }, { status = 1 })
  self:run({ "bff", "list", self.dir .. "/none" .. words }, { status = 1 })
end

-- The dry run prints such lines, and :diff at the prompt.
function TestCommandsEscape:test_differences()
  local diff = require "altmig.preview.diff"
  local result = assert(diff.compare("a\n" .. words .. "\ttab\n", "a\n" .. words:rep(2) .. "\n"))
  local decisions = { { rule = words, key = words, attribute = words, method = words } }
  diff.explain(result, "a\n" .. words .. "\ttab\n", "a\n" .. words:rep(2) .. "\n", decisions, words)
  local lines = diff.lines(result, { from = "/etc/" .. words, to = "/etc/" .. words })
  for _, line in ipairs(lines) do
    hostile.assert_printed(line)
    lu.assertNil(line:find "\n")
  end
  local text = table.concat(lines, "\n")
  lu.assertStrContains(text, "\n-FORGED J\u{fc}rgen\ttab\n")
  lu.assertStrContains(text, "\n# ")
end

function TestCommandsEscape:test_lines_that_merges_log_and_save()
  local merge = require "altmig.merge"
  local said = {}
  local function keep(line) said[#said + 1] = line end
  merge.define { name = "hostile", files = { "/etc/x" }, run = function(_, _, n, report)
    report { rule = words, key = words, attribute = words, o = words, c = words, n = words, severity = "warning", chosen = "C" }
    report { rule = words, key = words, severity = "error", chosen = "N" }
    return n
  end }
  local t = require("altmig.tree").at(self.dir)
  assert(t:makedirs "/etc")
  local function text() return "x\n" end
  local function stat() return { mode = 384, uid = sys.getuid(), gid = sys.getgid and sys.getgid() or 0 } end
  local result = assert(merge.run("hostile", { tree = t, saved = text, shipped_old = text, shipped_new = text, saved_stat = stat,
    new_stat = stat, log = keep, warn = keep, save_report = function(_, lines)
      for line in lines:gmatch("([^\n]*)\n") do keep(line) end
      return true
    end }))
  merge.reset()
  t:close()
  lu.assertEquals(result.decisions, 2)
  lu.assertEquals(#said, 4)
  for _, line in ipairs(said) do
    hostile.assert_printed(line)
    lu.assertNil(line:find "\n")
    lu.assertStrContains(line, "J\u{fc}rgen")
  end
end

function TestCommandsEscape:test_findings_of_files_that_are_no_text()
  local line = words:gsub("\n", "")
  local _, message = require("altmig.imagedata").parse "x:\n\t\u{9b}31m J\u{fc}rgen\n"
  hostile.assert_printed(message)
  lu.assertStrContains(message, "'\\t\\u{9b}31m J\u{fc}rgen' is no field")
  local _, findings = require("altmig.aix.cfgfiles").parse("./etc/x " .. line .. "\n" .. "./etc/" .. line:gsub(" ", "") .. " preserve\n",
    "bos.rte", "bos.rte.cfgfiles")
  lu.assertEquals(#findings, 2)
  for _, finding in ipairs(findings) do
    hostile.assert_printed(finding.rule)
    lu.assertStrContains(finding.rule, "\\x1b]52")
  end
end

function TestCommandsEscape:test_a_program_that_cannot_start()
  assert(sys.makedirs(self.dir .. "/lua/altmig"))
  assert(sys.write_file(self.dir .. "/lua/altmig/cli.lua", "error(" .. require("altmig.ui.print").quote(words) .. ", 0)"))
  local r = assert(sys.run { bin, "--lua", self.dir, "status" })
  lu.assertEquals(r.status, 1)
  lu.assertStrContains(r.stderr, "\\x1b]52;c;ZXZpbA==\\x07")
  hostile.assert_printed((r.stderr:gsub("\nFORGED", "\n")))
end

local function define(dir)
  local odm = require "altmig.odm"
  assert(sys.mkdir(dir, 448))
  local store = assert(odm.open(dir))
  for _, class in ipairs(assert(odm.definitions "class CuAt { char name[16]; vchar value[256]; };")) do
    assert(store:create(class.name, class.descriptors))
  end
  assert(store:add("CuAt", { name = "hdisk0", value = words }))
  assert(store:commit())
  store:close()
end

function TestCommandsEscape:test_classes()
  define(self.dir .. "/odm")
  local r = assert(sys.run({ bin, "odm", "get", "CuAt" }, { env = { ODMDIR = self.dir .. "/odm", LC_ALL = "C" } }))
  lu.assertStrContains(r.stdout, "\27]52;c;ZXZpbA==\7") -- for a program: byte for byte
  assert(sys.mkdir(self.dir .. "/copy"))
  self:run({ "odm", "get", "-q", "name = '" .. words .. "' and", "CuAt" }, { status = 1, shown = "", letters = "" })
  self:run({ "odm", "get", "none" .. words }, { status = 1 })
  self:run({ "odm", "show", "none" .. words }, { status = 1 })
  self:run({ "odm", "add", self.dir .. "/none" .. words }, { status = 1 })
  self:run({ "odm", "add" }, { stdin = words .. ":\n", status = 1, shown = "", letters = "" })
end

function TestCommandsEscape:test_classes_on_a_terminal()
  if not sys.run { "script", "--version" } then lu.skip "script(1) of util-linux is not here" end
  define(self.dir .. "/odm")
  local command = ("ODMDIR=%s/odm LC_ALL=C.UTF-8 script -qec '%s odm get CuAt' /dev/null </dev/null"):format(self.dir, bin)
  local text = assert(sys.run({ "sh", "-c", command }, { timeout = 30 })).stdout:gsub("\r\n", "\n")
  lu.assertStrContains(text, 'name = "hdisk0"')
  lu.assertStrContains(text, "\\x1b]52;c;ZXZpbA==\\x07")
  lu.assertStrContains(text, "J\u{fc}rgen")
  hostile.assert_printed((text:gsub("\nFORGED", "\n"))) -- stanza text has the lines of its values
end

function TestCommandsEscape:test_scripts_that_fail()
  local script = self.dir .. "/x.lua"
  local function fails(code, opts)
    assert(sys.write_file(script, "local words = ...\n" .. code))
    opts = opts or {}
    opts.status = 1
    self:run({ "run", script, words }, opts)
  end
  fails "error { code = 'EIO', message = 'x: ' .. words, remedy = 'y: ' .. words }"
  fails "error(setmetatable({}, { __tostring = function() return words end }))"
  fails "require('altmig.err').check(require('altmig.sys').read_file('/none/' .. words))"
  fails "require('altmig.err').check(nil, words, 'EIO')"
  fails "require('altmig.err').exit(1, (words:gsub('\\n', ' ')))"
  fails "error((words:gsub('\\n', ' ')))"
  fails("require('altmig.bff').open('/none/' .. words):x()", { shown = "" , letters = "" })
  self:run({ "run", self.dir .. "/none" .. words }, { status = 1 })
end

-- A state directory as a run that failed leaves it, and as nobody should have left it.
local function state(dir)
  local journal = require "altmig.journal"
  assert(sys.makedirs(dir .. "/lpar", 448))
  local j = assert(journal.open(dir .. "/lpar/journal"))
  for _, record in ipairs {
    { event = "start", run = "1", options = { client = words, lpp_source = words, spot = words, disks = { words } } },
    { event = "phase_done", phase = 1 }, { event = "phase_done", phase = 2 }, { event = "phase_begin", phase = 3 },
    { event = "begin", key = words, step = words, phase = 3, attempt = 1 },
    { event = "phase_failed", phase = 3, code = words, message = words } } do
    assert(j:append(record))
  end
  j:close()
  local report = require("altmig.report").new(nil, { client = words, lpp_source = words, disks = { words } })
  report:add { rule = words, file = words, key = words, attribute = words, o = words, c = words, n = words, method = words,
    severity = "conflict", chosen = words }
  assert(sys.write_file(dir .. "/lpar/report.json", json.encode(report:document(), { lossy = true })))
end

function TestCommandsEscape:test_status_and_report()
  state(self.dir)
  local function with_state(...) return { ..., "--state", self.dir } end
  local lossless = { shown = "\\u001b]52;c;ZXZpbA==\\u0007" }
  self:run(with_state("status"))
  self:run({ "status", "lpar", "--json", "--state", self.dir }, lossless)
  self:run { "report", "lpar", "--state", self.dir }
  self:run { "report", "lpar", "-V", "--state", self.dir }
  self:run({ "report", "lpar", "--json", "--state", self.dir }, lossless)
  local html = assert(sys.run { bin, "report", "lpar", "--html", "--state", self.dir }).stdout
  hostile.assert_printed(html)
  lu.assertStrContains(html, "J\u{fc}rgen")
  assert(sys.write_file(self.dir .. "/lpar/journal", words .. "\n" .. words .. "\n"))
  self:run({ "status", "lpar", "--state", self.dir }, { status = 1, shown = "", letters = "" })
end

function TestCommandsEscape:test_the_prompt()
  local function session(text, opts)
    opts = opts or {}
    opts.stdin = ("local s = %s\n"):format(require("altmig.ui.print").quote(words)):gsub("local s", "s") .. text .. "\n"
    return self:run({ "repl" }, opts)
  end
  session "s"
  session "{ [s] = s, { s } }"
  session "error(s)"
  session "error { code = s, message = s, output = s, host = s, command = s, remedy = s }"
  session("sys.read_file('/none/' .. s)", { shown = "/none/\\\\x1b]52" }) -- the text of the message, as Lua reads it
  session "error((select(2, sys.read_file('/none/' .. s))))"
  session ":help s"
  local fake = { "run", DATA_DIR .. "/repl_fake.lua" }
  self:run(fake, { stdin = (":rw\n:sh %s\n:sh lost\n"):format((words:gsub("\n", " "))) })
  fake[3] = words -- why the migration is not loaded
  self:run(fake, { stdin = "" })
  session(":" .. words:gsub("\n", ""), { shown = "", letters = "no command" })
  self:run({ "repl", "none" }, { stdin = "", shown = "", letters = "", cwd = self.dir })
end

function TestCommandsEscape:test_completion_offers_identifiers_only()
  local complete = require "altmig.ui.complete"
  lu.assertEquals((complete.names({ t = { [words] = 1, ["a" .. words] = 1, ab = 1 } }, "t.a")), { "ab" })
end

function TestCommandsEscape:test_unknown_words_of_the_command_line()
  local word = words:gsub("\n", "")
  for _, arguments in ipairs { { word }, { "status", word }, { "report", word }, { "check", word }, { "migrate", "--" .. word },
    { "bff", word }, { "odm", word }, { "repl", word } } do
    self:run(arguments, { status = 2, shown = "", letters = "" })
  end
end
