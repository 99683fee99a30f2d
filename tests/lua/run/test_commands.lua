-- SPDX-License-Identifier: MIT
-- The record of commands: its form, what is masked, what is kept, and that it goes on.

local lu = require "luaunit"
local commands = require "altmig.run.commands"
local json = require "altmig.json"
local sys = require "altmig.sys"

TestCommands = {}

local host = { name = "lpar", role = "client" }

function TestCommands:setUp()
  self.dir = os.tmpname()
  os.remove(self.dir)
  assert(sys.makedirs(self.dir, 448))
  self.warnings = {}
  self.m = self:migration()
  self.limit = commands.limit
end

function TestCommands:tearDown()
  commands.limit = self.limit
  os.execute("rm -rf '" .. self.dir .. "'")
end

function TestCommands:migration()
  return { state = self.dir, lock_handle = true, phase = 3, current_step = "mount_copy",
    warn = function(_, text) self.warnings[#self.warnings + 1] = text end }
end

local function kept(text, more)
  local stream = { text = text, length = #text }
  for k, v in pairs(more or {}) do stream[k] = v end
  return stream
end

local function record(more)
  local r = { time = 1700000000.25, seconds = 1.5, argv = { "lspv" }, env = { "LC_ALL=C", "ENV=" }, stdin = 0, status = 0,
    stdout = kept "hdisk0\n", stderr = kept "" }
  for k, v in pairs(more or {}) do r[k] = v end
  return r
end

function TestCommands:lines(name)
  local list = {}
  for line in assert(sys.read_file(self.dir .. "/" .. (name or "commands.jsonl"))):gmatch("([^\n]*)\n") do
    list[#list + 1] = assert(json.decode(line))
  end
  return list
end

function TestCommands:noted(more)
  assert(commands.note(self.m, host, record(more)))
  local list = self:lines()
  return list[#list]
end

function TestCommands:test_the_form_of_a_record()
  lu.assertEquals(commands.note(self.m, host, record { chroot = "/alt_inst", cwd = "/tmp", label = "x" }),
    "record 1 of " .. self.dir .. "/commands.jsonl")
  lu.assertEquals(self:lines()[1], { record = 1, time = "2023-11-14T22:13:20.250Z", seconds = 1.5, host = "lpar", role = "client",
    phase = 3, step = "mount_copy", chroot = "/alt_inst", cwd = "/tmp", argv = { "lspv" }, env = { LC_ALL = "C", ENV = "" },
    stdin = 0, status = 0, stdout = "hdisk0\n", stderr = "", label = "x" })
  lu.assertEquals(sys.stat(self.dir .. "/commands.jsonl").mode, 384)
  local r = self:noted { argv = { "sh", "-s", "a\nb" }, script = "cat", stdin = 70000, code = "SSH_LOST", message = "lost" }
  lu.assertEquals({ r.record, r.script, r.stdin, r.error, r.argv }, { 2, "cat", 70000, { code = "SSH_LOST", message = "lost" },
    { "sh", "-s", "a\nb" } })
end

function TestCommands:test_what_is_kept_of_output()
  local lines = ("0123456789\n"):rep(3000)
  local r = self:noted { stdout = { text = lines:sub(1, 32768), length = 33000 } }
  lu.assertEquals({ r.stdout_bytes, r.stdout_cut, r.stdout_sha256 }, { 33000, true, nil })
  lu.assertTrue(r.stdout == lines:sub(1, 32768):match("^.*\n"))
  r = self:noted { stdout = kept("", { length = 512, binary = true, sha256 = ("ab"):rep(32) }), stderr = kept "1+0 records in\n" }
  lu.assertEquals({ r.stdout, r.stdout_bytes, r.stdout_sha256, r.stderr }, { "", 512, ("ab"):rep(32), "1+0 records in\n" })
  r = self:noted { job = "j1", started = true, stdout = kept("\0\1\2") }
  lu.assertEquals({ r.stdout, r.stdout_bytes, r.stdout_sha256, r.job, r.started }, { "", 3, sys.sha256 "\0\1\2", "j1", true })
  r = self:noted { private = true, stdout = kept("", { length = 9 }) }
  lu.assertEquals({ r.stdout, r.stdout_bytes, r.stdout_private }, { "", 9, true })
  r = self:noted { argv = { "ls", "\xe9" }, stdout = kept "caf\xe9 \27[1m\xc3\xa9\n" }
  lu.assertEquals({ r.argv[2], r.stdout }, { "\\xe9", "caf\\xe9 \\x1b[1m\u{e9}\n" })
end

function TestCommands:test_secrets_are_nowhere_in_the_file()
  local secret, hash = "Gh31mSecret", "{ssha512}06$abcdefgh$QWxsIHlvdXIgYmFzZQ"
  self:noted { argv = { "chuser", "password=" .. secret, "-bindpwd", secret }, env = { "BINDPWD=" .. secret, "X=passwd=" .. secret },
    script = "x=1\nroot_password=" .. secret .. "\necho",
    stdout = kept("root:\n\tpassword = " .. hash .. "\n\tbindpwd = " .. secret .. "\n"),
    stderr = kept("-----BEGIN RSA PRIVATE KEY-----\n" .. secret .. "\n-----END RSA PRIVATE KEY-----\n"), code = "X",
    message = "passwd=" .. secret }
  self:noted { argv = { "cat", "/etc/ppp/pap-secrets" }, stdout = kept("host * " .. secret .. "\n") }
  -- Cut off in the midst of a key, or of a hash.
  local before = ("x"):rep(79) .. "\n"
  local text = before:rep(409) .. "y = " .. hash
  self:noted { stdout = { text = text:sub(1, 32768), length = #text + 100 } }
  self:noted { stdout = kept("-----BEGIN PRIVATE KEY-----\n" .. secret .. "\n") }
  local all = sys.read_file(self.dir .. "/commands.jsonl")
  lu.assertNil(all:find(secret, 1, true))
  lu.assertNil(all:find("06$abc", 1, true))
  lu.assertNil(all:find("QWxs", 1, true))
  lu.assertStrContains(all, "<secret>")
end

function TestCommands:test_masking_long_words_takes_no_time()
  local began = sys.clock()
  self:noted { stdout = kept(("a"):rep(32000) .. "\n") }
  lu.assertTrue(sys.clock() - began < 1)
end

function TestCommands:test_numbers_go_on_and_the_file_stays_bounded()
  for _ = 1, 3 do self:noted() end
  self.m = self:migration() -- the next run
  lu.assertEquals(self:noted().record, 4)
  -- One that was cut off while it was written.
  assert(sys.append_file(self.dir .. "/commands.jsonl", '{"record":5,"ti'))
  self.m = self:migration()
  commands.note(self.m, host, record())
  lu.assertStrContains(sys.read_file(self.dir .. "/commands.jsonl"), '"ti\n{')
  commands.limit = 1000
  for _ = 1, 20 do commands.note(self.m, host, record()) end
  lu.assertTrue(sys.stat(self.dir .. "/commands.jsonl").size < 2000)
  lu.assertTrue(sys.stat(self.dir .. "/commands.jsonl.1").size < 2000)
  lu.assertEquals(sys.stat(self.dir .. "/commands.jsonl").mode, 384)
  local last = self:lines()
  assert(sys.remove(self.dir .. "/commands.jsonl"))
  self.m = self:migration()
  lu.assertTrue(self:noted().record > 10 and self:noted().record <= last[#last].record + 2)
end

function TestCommands:test_without_the_lock_nothing_is_written_and_a_full_disk_costs_no_command()
  self.m.lock_handle = nil
  lu.assertNil(commands.note(self.m, host, record()))
  lu.assertNil(sys.stat(self.dir .. "/commands.jsonl"))
  self.m.lock_handle = true
  self.m.state = self.dir .. "/none"
  lu.assertNil(commands.note(self.m, host, record()))
  lu.assertNil(commands.note(self.m, host, record()))
  lu.assertEquals(#self.warnings, 1)
  lu.assertStrContains(self.warnings[1], "not recorded")
end
