-- SPDX-License-Identifier: MIT
-- A client and a master whose every answer, name and error is hostile: what a migration prints on stdout
-- and stderr, in its log and its report is harmless on a terminal, and its lines are altmig's own.

local hostile = require "hostile"
local json = require "altmig.json"
local lu = require "luaunit"
local sys = require "altmig.sys"
local world = require "fake_world"

local words = hostile.words
local line = words:gsub("\n", "") -- where a line of output is one value

TestFlowOutput = {}

function TestFlowOutput:setUp()
  self.w = world.new()
  self.real = { stdout = io.stdout, stderr = io.stderr, getenv = sys.getenv }
  sys.getenv = function(name)
    if name == "LC_ALL" then return "C.UTF-8" end
    return self.real.getenv(name)
  end
end

function TestFlowOutput:tearDown()
  for _, name in ipairs { "stdout", "stderr" } do rawset(io, name, self.real[name]) end
  sys.getenv = self.real.getenv
  world.remove(self.w)
end

-- Runs fn; returns what it printed, checked, and what it returned or raised.
function TestFlowOutput:printed(fn, ...)
  local texts = { stdout = "", stderr = "" }
  for name in pairs(texts) do
    rawset(io, name, { flush = function() end, write = function(file, ...)
      texts[name] = texts[name] .. table.concat { ... }
      return file
    end })
  end
  local ok, result = pcall(fn, ...)
  for name in pairs(texts) do rawset(io, name, self.real[name]) end
  for name, text in pairs(texts) do hostile.assert_printed(text, name) end
  return texts.stdout, texts.stderr, result, ok
end

-- The log and every form of the report of what was run last.
function TestFlowOutput:check_files()
  local w = self.w
  local log = world.log_text(w)
  hostile.assert_printed(log, "log")
  for _, form in ipairs { "x.txt", "x.html", "x.json" } do
    local document = require("altmig.cmd.report").document({ state = w.dir .. "/state" }, "lpar")
    hostile.assert_printed(require("altmig.report.print").for_file(document, form), form)
  end
  hostile.assert_printed((self:printed(require("altmig.cmd.status").run, { "lpar", "--state", w.dir .. "/state" })))
  return log
end

local function contains(text, ...)
  for _, part in ipairs { ... } do lu.assertStrContains(text, part) end
end

function TestFlowOutput:test_lines_that_are_followed_live()
  local w = self.w
  w.answers.bosboot = line .. "\nbosboot: Boot image is 80 512 byte blocks.\n"
  w.answers["/ALT_MIG_SPOT/sbin/alt_disk_copy"] = function(_, _, argv)
    if argv[4] == "-P1" then w.cloned = true end
    return line .. "\nJ\u{fc}rgen \u{65e5}\u{672c}\tok\n"
  end
  local stdout, _, status = self:printed(w.migration.migrate, w.opts { quiet = false, verbose = true, debug = true })
  lu.assertEquals(status, 0)
  contains(stdout, "\n\\x1b]52;c;ZXZpbA==\\x07\\x1b]0;title\\x07\\x1b[2J\\x1b[31m\\r\\x08", "\nJ\u{fc}rgen \u{65e5}\u{672c}\tok\n",
    "Executing nimadm phase 12.")
  contains(self:check_files(), "\\x1b]52;c;ZXZpbA==", "\nJ\u{fc}rgen \u{65e5}\u{672c}\tok\n")
end

function TestFlowOutput:test_names_and_values_of_files()
  local w = self.w
  w.restore_via = nil
  w.moved = { "/usr/" .. words .. ".altmig-old" }
  w.differences = { { path = "/" .. words, what = words, have = words, want = words } }
  w.decisions = { passwd_mig = {
    { rule = words, severity = "conflict", file = "/etc/" .. words, key = words, attribute = words, c = words, n = words, chosen = "C" },
    { rule = words, severity = "error", file = "/etc/" .. words, key = words, chosen = "none" } } }
  w.outcome = { { rule = words, severity = "todo", file = "/etc/" .. words, chosen = "C" } }
  local stdout, _, e, ok = self:printed(w.migration.migrate, w.opts { quiet = false, verbose = true, verify_restore = true })
  lu.assertFalse(ok)
  lu.assertEquals(e.code, "RESTORE_DIFFERS")
  contains(stdout, "altmig: differs: /\\x1b]52")
  self:check_files()
  w.differences = nil
  local resumed
  stdout, _, resumed = self:printed(w.migration.resume, w.opts { quiet = false, verbose = true, verify_restore = true })
  lu.assertEquals(resumed, 0)
  contains(stdout, "altmig: /usr/\\x1b]52")
  self:check_files()
  stdout = self:printed(require("altmig.cmd.report").run, { "lpar", "--state", w.dir .. "/state", "-V" })
  contains(stdout, "/etc/\\x1b]52;c;ZXZpbA==\\x07", "\\nFORGED J\u{fc}rgen")
end

function TestFlowOutput:test_failures()
  for name, provoke in pairs {
    output = function(w)
      w.answers.bosboot = function() return line .. "\n" .. line, 1 end
    end,
    transport = function(w)
      w.on_command = function(_, argv)
        if argv[1] == "bosboot" then error { code = "SSH_LOST", message = "run: " .. words, host = words, remedy = words } end
      end
    end,
    script = function(w)
      w.on_command = function(_, argv)
        if argv[1] == "bosboot" then error(words) end
      end
    end,
    archive = function(w)
      w.on_restore = function() error { code = words, message = words, output = words, command = words, traceback = words } end
    end,
  } do
    self:tearDown()
    self:setUp()
    local w = self.w
    provoke(w)
    local _, stderr, e, ok = self:printed(w.migration.migrate, w.opts { color = "always" })
    lu.assertFalse(ok, name)
    lu.assertNil(e.message:find "\n", name)
    contains(stderr, "failed", "altmig resume lpar", "\\x1b]52;c;ZXZpbA==\\x07")
    self:check_files()
    hostile.assert_printed(sys.read_file(w.dir .. "/state/lpar/journal"), "journal")
  end
end

function TestFlowOutput:test_json_events()
  local w = self.w
  w.answers.bosboot = function() return words .. "\n" .. words, 1 end
  local opts = w.opts { json = true }
  opts.quiet = nil
  local stdout = self:printed(w.migration.migrate, opts)
  local failed
  for text in stdout:gmatch("[^\n]+") do
    local event = assert(json.decode(text))
    if event.event == "phase_failed" then failed = event end
  end
  contains(failed.output, "\27]52;c;ZXZpbA==\7", "\u{202e}")
end

function TestFlowOutput:test_findings_of_check_and_of_a_migration()
  local w = self.w
  w.answers.lsnim = function() return "lpar:\n   Cstate = " .. line .. "\n   locked = " .. line .. "\n" end
  w.answers.emgr = words .. "\n1 S " .. line .. "\n"
  w.client_lock = words
  w.fail.lspv = nil
  w.answers.lspv = words
  w.answers.oslevel = nil
  local arguments = { "-c", "lpar", "-l", "lpp", "-s", "spot", "-d", "hdisk2", "--nim", w.dir .. "/nim.lua", "--state", w.dir .. "/state" }
  local stdout, _, status = self:printed(require("altmig.cmd.check").run, arguments)
  lu.assertEquals(status, 3)
  contains(stdout, "inhibitor: ", "\\x1b]52;c;ZXZpbA==\\x07", "  evidence: ")
  arguments[#arguments + 1] = "--json"
  stdout = self:printed(require("altmig.cmd.check").run, arguments)
  for text in stdout:gmatch("[^\n]+") do assert(json.decode(text)) end
  local _, stderr, e = self:printed(w.migration.migrate, w.opts { quiet = false, verbose = true })
  lu.assertNotNil(e.code)
  contains(stderr, "failed")
  hostile.assert_printed(world.log_text(w), "log")
end

function TestFlowOutput:test_names_of_nim_lua()
  local w = self.w
  local quoted = require("altmig.ui.print").quote(words)
  local text = assert(sys.read_file(w.dir .. "/nim.lua"))
  text = text:gsub('name = "nim"', function() return "name = " .. quoted end)
    :gsub('"/export/lpp"', function() return '"/export/lpp" .. ' .. quoted end)
    :gsub('"/export/spot/usr"', function() return '"/export/spot" .. ' .. quoted .. ' .. "/usr"' end)
  assert(sys.write_file(w.dir .. "/nim.lua", text, { mode = 384 }))
  self:printed(w.migration.migrate, w.opts { quiet = false, verbose = true, debug = true })
  self:printed(w.migration.migrate, w.opts { quiet = false, client = "gone" })
  self:printed(w.migration.cleanup, w.opts { quiet = false })
end
