-- SPDX-License-Identifier: MIT
-- The topics, README, --help and the completion of shells say what the parser takes, and nothing else.

local lu = require "luaunit"
local cli = require "altmig.cli"
local completion = require "altmig.help.completion"
local help = require "altmig.help"
local options = require "altmig.options"
local output = require "altmig.ui.output"
local resource = require "altmig.resource"
local sys = require "altmig.sys"

local bin = os.getenv "ALTMIG_BIN"
local top = DATA_DIR .. "/../.."
local command_names, commands = cli.commands()

local function read(path) return assert(sys.read_file(top .. "/" .. path)) end

local function file_of(name) return "lua/altmig/help/" .. name .. ".md" end

local function run(words, env)
  return assert(sys.run({ bin, table.unpack(words) }, { env = env or { LANG = "C.UTF-8" }, timeout = 20 }))
end

local function exists(program) return os.execute("command -v " .. program .. " >/dev/null 2>&1") end

-- A set as sorted words.
local function words_of(set)
  local list = {}
  for word in pairs(set) do list[#list + 1] = word end
  table.sort(list)
  return table.concat(list, " ")
end

-- What look like flags in a text, as a set.
local function flags_in(text)
  local set = {}
  for before, word in ("\n" .. text):gmatch "([%s`(])(%-%-?%a[%w-]*)%f[^%w-]" do set[before and word] = true end
  return set
end

local function flags_of(...)
  local set = {}
  for _, who in ipairs { ... } do
    for _, flag in ipairs(options.command(who).list) do set[flag.word] = true end
  end
  return set
end

-- Every form of every command, without "NAME -C", whose flags NAME has too.
local function forms()
  local list = {}
  for _, who in ipairs(options.commands()) do
    if not who:find " %-C$" then list[#list + 1] = who end
  end
  return list
end

local function who_of(name) return name == "nimadm" and name or "altmig " .. name end

TestTopics = {}

function TestTopics:test_every_topic_has_a_title_and_short_lines()
  local names = help.names()
  lu.assertTrue(#names >= 12)
  for _, name in ipairs(names) do
    local text = read(file_of(name))
    local topic = help.topic(name)
    lu.assertEquals(topic.name, name)
    for _, other in ipairs { topic.man, ("%s(%s)"):format(topic.man, topic.section) } do lu.assertEquals(help.topic(other).name, name) end
    local count = 0
    for line in text:gmatch "[^\n]+" do
      lu.assertTrue(utf8.len(line) <= 79 or line:find "^# " ~= nil, name .. ": " .. line)
      lu.assertNil(line:find "^|", name .. ": a table is unreadable on a terminal: " .. line)
      count = count + (line:find "^```" and 1 or 0)
    end
    lu.assertEquals(count % 2, 0, name .. ": a code block has no end")
  end
  local wanted = { altmig = "8", nimadm = "8", ["nim.lua"] = "5", flow = "7", json = "7", merge = "7" }
  for name, section in pairs(wanted) do lu.assertEquals(help.topic(name).section, section, name) end
end

function TestTopics:test_the_lists_in_the_files_are_those_of_the_tables()
  for _, name in ipairs(help.names()) do
    local text = read(file_of(name))
    local now = help.expand(text)
    if not commands.lab then text = text:gsub("### altmig lab\n.-\n\n(###)", "%1") end -- a program that was built without
    lu.assertTrue(text == now, file_of(name) .. ": altmig run engine/cmake/docs.lua write " .. file_of(name) .. " writes them again")
  end
end

---------------------------------------------------------------- the topic of a release

-- The ids that the checks give, by what their sources say.
local function ids_of_checks()
  local ids = {}
  for _, path in ipairs(resource.list "lua/altmig/run/checks/") do
    local text = read(path)
    for id in text:gmatch 'id = "([%l%d-]+)"' do ids[id] = path end
    for id in text:gmatch 'and "([%l%d-]+)" or "[%l%d-]+", severity' do ids[id] = path end
  end
  return ids
end

function TestTopics:test_every_finding_that_aix73_names_is_there_and_every_trouble_has_its_line()
  local text, ids, named = read(file_of "aix73"), ids_of_checks(), {}
  for id in text:gsub("```.-```", ""):gmatch "`(%l[%l%d]*%-[%l%d-]+)`" do
    lu.assertNotNil(ids[id], "no finding is called " .. id)
    named[id] = true
  end
  for _, id in ipairs { "processor", "memory", "infiniband", "sdd", "cifs", "yum", "named", "multipath", "cluster", "multibos", "kerberos",
    "efs", "simages" } do
    if text:find("`" .. id .. "`", 1, true) then named[id] = true end
    lu.assertNotNil(ids[id], "no finding is called " .. id)
  end
  -- The other way: what the checks of a release find is explained here.
  for id, path in pairs(ids) do
    if path:find "releases%.lua" or path:find "target%.lua" or path:find "levels%.lua" then
      lu.assertTrue(named[id] or id == "not-looked-at", id .. " of " .. path .. " is not in the topic")
    end
  end
  local rows = text:match "## Known troubles\n(.*)\n## "
  local n = 0
  for number, line in rows:gmatch "\n%- (%d+), ([^\n]+\n? ? ?[^\n-][^\n]*)" do
    n = n + 1
    lu.assertEquals(tonumber(number), n)
    lu.assertTrue(line:find "found" ~= nil or line:find "handled" ~= nil or line:find "not visible" ~= nil or line:find "not of a" ~= nil,
      number .. ": what becomes of it is not said")
  end
  lu.assertEquals(n, 30)
end

local function target_of(from, link) return (from:match "^(.*/)" or "") .. link:gsub("#.*$", "") end

function TestTopics:test_links_lead_somewhere()
  local files, count = { "README.md", "engine/README.md", "tests/README.md" }, 0
  for _, name in ipairs(help.names()) do files[#files + 1] = file_of(name) end
  for _, file in ipairs(files) do
    for text, link in read(file):gsub("```.-```", ""):gmatch "%[([^%]]+)%]%(([^)]+)%)" do
      if not link:find "^https?:" then
        lu.assertNotNil(sys.stat(top .. "/" .. target_of(file, link)), file .. ": " .. link)
        local name = link:match "^([%w.]+)%.md$"
        if name and text:find "%(%d%)$" then
          local topic = help.topic(name)
          lu.assertEquals(text, ("%s(%s)"):format(topic.man, topic.section), file)
        end
        count = count + 1
      end
    end
  end
  lu.assertTrue(count > 60)
end

function TestTopics:test_readme_is_short_and_names_every_topic()
  local text = read "README.md"
  lu.assertTrue(select(2, text:gsub("\n", "")) <= 120)
  for _, name in ipairs(help.names()) do lu.assertStrContains(text, "](" .. file_of(name) .. ")") end
end

function TestTopics:test_news_begin_with_this_version()
  lu.assertEquals(read(file_of "news"):match "\n## Version (%d+%.%d+%.%d+)", resource.version)
end

-- Code spans and the lines of code blocks of a text.
local function each_code(text, fn)
  local blocks = text:gsub("```%l*\n(.-)```", function(block)
    for line in block:gmatch "[^\n]+" do fn(line) end
    return ""
  end):gsub("\n    [^\n]*", function(line)
    fn((line:gsub("^%s+", "")))
    return "\n"
  end)
  for span in blocks:gmatch "`([^`]+)`" do fn((span:gsub("%s+", " "))) end
end

-- What a command line names that is not there, nil if all is.
local function unknown(line)
  line = line:gsub("%s+#.*$", ""):gsub("^sudo ", "")
  local program, rest = line:match "^(altmig)%f[%W](.*)$"
  if not program then program, rest = line:match "^(nimadm)%f[%W](.*)$" end
  if line:find "^altmig%-" then return nil end -- a man page
  if not program then
    -- Flags that stand alone are those of some command, or IBM's.
    local word = line:match "^(%-%-?%a[%w-]*)"
    if not word then return nil end
    for _, who in ipairs(options.commands()) do
      if flags_of(who)[word] then return nil end
    end
    return not (word == "--help" or word == "--version" or word == "--lua" or options.is_not_yet(word:match "^%-(.*)$")) and word or nil
  end
  local who = "nimadm"
  if program == "altmig" then
    local name, sub = rest:match "^ (%l+) ?(%l*)"
    if not name then return not rest:find "^ ?%-%-[vhl]" and rest:find "^ %l" and rest or nil end
    if not commands[name] and name ~= "lab" then return "altmig " .. name end
    who = options.command(("altmig %s %s"):format(name, sub)) and ("altmig %s %s"):format(name, sub) or "altmig " .. name
  end
  for word in pairs(flags_in(rest)) do
    local known = word == "--help"
    for _, form in ipairs(options.commands(who)) do known = known or flags_of(form)[word] end
    if not known and not (options.command(who) or {}).leading then return who .. " " .. word end
  end
end

function TestTopics:test_no_text_names_a_command_or_flag_that_is_not_there()
  local files, count = { "README.md" }, 0
  pcall(require, "altmig.cmd.lab") -- of a program built without, the texts are the same
  for _, name in ipairs(help.names()) do files[#files + 1] = file_of(name) end
  for _, file in ipairs(files) do
    each_code(read(file), function(line)
      lu.assertNil(unknown(line), file .. ": " .. line)
      count = count + (line:find "^altmig " and 1 or 0)
    end)
  end
  lu.assertTrue(count > 60)
  for line, what in pairs { ["altmig frobnicate x"] = "altmig frobnicate", ["altmig status --html"] = "altmig status --html",
    ["nimadm -c x --baseline y"] = "nimadm --baseline", ["--frob FILE"] = "--frob", ["-k"] = "-k",
    ["sudo altmig odm get -o X"] = "altmig odm get -o" } do
    lu.assertEquals(unknown(line), what)
  end
end

function TestTopics:test_commands_of_the_prompt_are_described()
  local text, said = read(file_of "prompt"), {}
  for name in text:match("## Commands\n(.-)\n## "):gmatch "`:(%l+)" do said[name] = true end
  local real = {}
  for name in pairs(require("altmig.ui.repl").commands) do real[name] = true end
  lu.assertEquals(words_of(said), words_of(real))
end

function TestTopics:test_events_and_variables_of_the_code_are_described()
  local json, manual, count = read(file_of "json"), read(file_of "altmig"), 0
  local function look(path)
    for _, name in ipairs(assert(sys.list(top .. "/" .. path))) do
      local below = path .. "/" .. name
      if sys.list(top .. "/" .. below) then
        look(below)
      elseif name:find "%.lua$" or name:find "%.c$" then
        local text = read(below)
        for event in text:gmatch 'event ?{%s*event = "([%l_]+)"' do
          lu.assertStrContains(json, "`" .. event .. "`", false, below)
          count = count + 1
        end
        for variable in text:gmatch 'getenv[ (]*"([%u_]+)"' do
          lu.assertStrContains(manual, variable, false, below)
          count = count + 1
        end
      end
    end
  end
  look "lua/altmig"
  look "engine"
  lu.assertTrue(count > 20)
end

TestFlagsEverywhere = {}

function TestFlagsEverywhere:test_the_manual_has_the_flags_of_every_command_and_no_others()
  local plain = help.plain(help.topic "altmig")
  for i, name in ipairs(command_names) do
    if name ~= "nimadm" then
      local following = command_names[i + 1] == "nimadm" and command_names[i + 2] or command_names[i + 1]
      local from = assert(plain:find("\naltmig " .. name .. "\n", 1, true), name)
      local to = following and plain:find("\naltmig " .. following .. "\n", from, true) or plain:find("\nFLAGS\n", from, true)
      local text = plain:sub(from, to)
      lu.assertEquals(words_of(flags_in(text)), words_of(flags_of(table.unpack(options.commands("altmig " .. name)))), name)
      for _, form in ipairs(options.commands("altmig " .. name)) do lu.assertStrContains(text, options.synopsis(form)) end
    end
  end
  local listed = {}
  for word in help.plain(help.topic "nimadm"):match("\nFLAGS\n(.-)\n%-e, %-i"):gmatch "\n  (%-[%w-]+)" do listed[word] = true end
  lu.assertEquals(words_of(listed), words_of(flags_of "nimadm"))
  listed = {}
  for word in plain:match("\nFLAGS\n(.-)\nEXIT STATUS"):gmatch "\n  (%-[%w-]+)" do listed[word] = true end
  local all = {}
  for _, flag in ipairs(options.shared()) do all[flag.word] = true end
  lu.assertEquals(words_of(listed), words_of(all))
end

function TestFlagsEverywhere:test_man_pages_have_them_too()
  if not exists "lowdown" then lu.skip "no lowdown here" end
  for _, name in ipairs(help.names()) do
    local topic = help.topic(name)
    local r = assert(sys.run({ "lowdown", "-s", "-Tman", "--out-no-smarty", "--parse-no-intraemph" }, { stdin = help.man(topic) }))
    lu.assertEquals(r.status, 0)
    local page = r.stdout:gsub("\\f%b()", ""):gsub("\\f%[?%u*%]?", ""):gsub("\\%-", "-"):gsub("\\%(%a%a", "?")
    lu.assertStrContains(page, ".SH\nNAME\n")
    lu.assertStrContains(page, topic.man .. " - ")
    lu.assertEquals(words_of(flags_in(page)), words_of(flags_in(help.plain(topic))), name)
  end
end

function TestFlagsEverywhere:test_help_of_every_command_has_them()
  for _, name in ipairs(command_names) do
    local text = "\n" .. commands[name].usage
    local listed = {}
    for word in text:gmatch "\n  (%-%-?%w[%w-]*)" do listed[word] = true end
    lu.assertEquals(words_of(listed), words_of(flags_of(table.unpack(options.commands(who_of(name))))), name)
  end
end

-- What bash offers behind some words, of which the last is being typed.
local function offered(words, script)
  local r = assert(sys.run({ "bash", "-c", [[eval "$1"; shift
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _altmig; printf '%s\n' "${COMPREPLY[@]}"]], "bash", script, table.unpack(words) },
    { timeout = 20 }))
  lu.assertEquals(r.stderr, "")
  local set = {}
  for word in r.stdout:gmatch "%S+" do set[word] = true end
  return set
end

function TestFlagsEverywhere:test_completion_offers_them()
  if not exists "bash" then lu.skip "no bash here" end
  local script = completion.script "bash"
  for _, who in ipairs(forms()) do
    local words = {}
    for word in who:gmatch "%S+" do words[#words + 1] = word end
    words[#words + 1] = "-"
    local flags = flags_of(who)
    flags["--help"] = true
    lu.assertEquals(words_of(offered(words, script)), words_of(flags), who)
  end
  lu.assertEquals(words_of(offered({ "altmig", "c" }, script)), "check cleanup completion")
  lu.assertEquals(words_of(offered({ "altmig", "odm", "" }, script)), "--help add change create delete get show")
  lu.assertEquals(words_of(offered({ "altmig", "migrate", "--restore-via", "" }, script)), "nfs stream")
  lu.assertEquals(words_of(offered({ "/x/nimadm", "--color", "=", "n" }, script)), "never")
  lu.assertEquals(words_of(offered({ "nimadm", "--color", "=" }, script)), "always auto never")
  lu.assertEquals(words_of(offered({ "altmig", "help", "fl" }, script)), "flow")
  lu.assertEquals(words_of(offered({ "altmig", "migrate", "-d", "" }, script)), "")
  lu.assertEquals(words_of(offered({ "altmig", "check", "--nim", top .. "/READ" }, script)), top .. "/README.md")
end

--- The clients are those of the state directory.
function TestFlagsEverywhere:test_completion_asks_status_for_clients()
  if not exists "bash" then lu.skip "no bash here" end
  local script = completion.script "bash" .. "altmig() { printf '%s\\n' 'lpar7: failed, phase 5' '  running now: x: y' 'lpar8: done'; }\n"
  lu.assertEquals(words_of(offered({ "altmig", "resume", "" }, script)), "lpar7 lpar8")
  lu.assertEquals(words_of(offered({ "nimadm", "-c", "lpar8" }, script)), "lpar8")
end

--- Both scripts have the same facts, in functions of any shell.
function TestFlagsEverywhere:test_zsh_gets_the_same_facts()
  local function facts(shell) return completion.script(shell):match "\n(_altmig_flags%(%) {.*\n)_altmig%(%) {" end
  lu.assertEquals(facts "zsh", facts "bash")
  lu.assertStrContains(completion.script "zsh", "#compdef altmig nimadm\n")
  if not exists "zsh" then lu.skip "no zsh here" end
  local r = assert(sys.run({ "zsh", "-fc", facts "zsh" .. "_altmig_kind altmig - odm get; _altmig_kind altmig x run" }, { timeout = 20 }))
  lu.assertEquals(r.stdout, "words:-q --help\nfiles\n", r.stderr)
end

TestHelpCommand = {}

function TestHelpCommand:test_the_installed_program_has_the_topics()
  local r = run({ "help" }, { ALTMIG_LUA = "", LANG = "C.UTF-8" })
  lu.assertEquals(r.status, 0, r.stderr)
  for _, name in ipairs(help.names()) do lu.assertStrMatches(r.stdout, ".*\n  " .. name:gsub("%.", "%%.") .. " +%l.*") end
  for _, name in ipairs(help.names()) do
    r = run({ "help", name }, { ALTMIG_LUA = "", LANG = "C.UTF-8" })
    lu.assertEquals(r.status, 0, r.stderr)
    local topic = help.topic(name)
    lu.assertStrContains(r.stdout, ("%s(%s): "):format(topic.man, topic.section))
    lu.assertTrue(#r.stdout > 1000, name)
  end
end

function TestHelpCommand:test_a_topic_is_plain_text()
  for _, name in ipairs(help.names()) do
    local text = help.plain(help.topic(name))
    lu.assertNil(text:find "```", name)
    lu.assertNil(text:find "\n#", name)
    lu.assertNil(text:find "<!%-%-", name)
    lu.assertNil(text:find "%]%(", name)
    lu.assertNil(text:find "%*%*", name)
  end
  local text = help.plain { man = "altmig-x", section = "7", summary = "s",
    text = "A `code\nspan`, **bold**, [b(7)](b.md).\n\n## Files\n\n```lua\nx = [[`y`]]\n\n## no title\n```\n\n- `-c X`: y\n- z\n" }
  lu.assertEquals(text, "altmig-x(7): s\n\nA code\nspan, bold, b(7).\n\nFILES\n\n    x = [[`y`]]\n\n    ## no title\n\n  -c X: y\n- z\n")
end

function TestHelpCommand:test_a_command_shows_its_flags()
  for _, name in ipairs(command_names) do
    if name ~= "nimadm" then lu.assertEquals(run({ "help", name }).stdout, run({ name, "--help" }).stdout) end
  end
  lu.assertStrContains(run({ "help", "nimadm" }).stdout, "nimadm(8): ")
end

function TestHelpCommand:test_a_name_that_is_none_gets_a_suggestion()
  for word, meant in pairs { mrege = "merge", Flow = "flow", ["altmig-jsn"] = "json", migrat = "migrate", nimlua = "nim.lua",
    cleenup = "cleanup", ["nim"] = "nim.lua", troubles = "trouble" } do
    local r = run { "help", word }
    lu.assertEquals(r.status, 2)
    lu.assertStrContains(r.stderr, ("no topic or command '%s', did you mean '%s'?"):format(word, meant))
  end
  for _, word in ipairs { "zzzzz", "../flow", "", "x", ("a"):rep(5000) } do
    local r = run { "help", word }
    lu.assertEquals(r.status, 2)
    lu.assertStrContains(r.stderr, "there is no topic or command '")
    lu.assertNotStrContains(r.stderr, "did you mean")
  end
  lu.assertEquals(run({ "help", "flow", "json" }).status, 2)
  lu.assertStrContains(run({ "help", "--frob" }).stderr, "unknown flag --frob")
end

function TestHelpCommand:test_a_pager_gets_what_goes_to_a_terminal()
  local getenv, isatty, path, terminal = sys.getenv, sys.isatty, os.tmpname(), true
  local written = ""
  sys.getenv = function(name) return ({ PAGER = "cat >" .. path, LANG = "C.UTF-8" })[name] end
  sys.isatty = function() return terminal end
  local stdout = io.stdout
  rawset(io, "stdout", { flush = function() end, write = function(_, text) written = written .. text end })
  local ok, message = pcall(function()
    output.paged "one\27[2J\ntwo\n"
    terminal = false
    output.paged "three\n"
  end)
  rawset(io, "stdout", stdout)
  sys.getenv, sys.isatty = getenv, isatty
  local paged = sys.read_file(path)
  os.remove(path)
  lu.assertTrue(ok, message)
  lu.assertEquals(paged, "one\\x1b[2J\ntwo\n")
  lu.assertEquals(written, "three\n")
end
