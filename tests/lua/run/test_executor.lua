-- SPDX-License-Identifier: MIT
-- The look at the components of a path that a command on the executor's host goes by, run by a real shell.

local lu = require "luaunit"
local executor = require "altmig.run.executor"
local sys = require "altmig.sys"

TestPlainPath = {}

local host = {}
host.__index = host
function host.script(_, text, args) return assert(sys.run({ "sh", "-s", table.unpack(args) }, { stdin = text })) end
function host:failure(argv, result) return { code = "COMMAND", host = self.name, message = argv[1] .. result.stderr } end

function TestPlainPath:setUp()
  self.dir = os.tmpname()
  os.remove(self.dir)
  self.base = self.dir .. "/lpar_alt"
  assert(sys.makedirs(self.base .. "/alt_inst/usr/bin", 448))
  self.exec = executor.new { name = "lpar", master = setmetatable({ name = "nim" }, host) }
  self.exec.base, self.exec.root = self.base, self.base .. "/alt_inst"
end

function TestPlainPath:tearDown() os.execute("rm -rf '" .. self.dir .. "'") end

function TestPlainPath:sh(command)
  lu.assertTrue(os.execute(("cd '%s/alt_inst' && %s"):format(self.base, command)))
end

function TestPlainPath:refused(path, code, text, opts)
  opts = opts or {}
  opts.argv = opts.argv or { "touch", self.dir .. "/ran" }
  local ok, e = pcall(self.exec.at_plain, self.exec, self.exec.root .. path, opts)
  lu.assertFalse(ok, path)
  lu.assertEquals(e.code, code, path)
  lu.assertStrContains(e.message, text)
  lu.assertNil(sys.stat(self.dir .. "/ran"), path)
  return e
end

function TestPlainPath:test_a_plain_path_runs_the_command()
  self:sh("echo content > file")
  local result = self.exec:at_plain(self.exec.root .. "/file", { last = "file", argv = { "cat", self.exec.root .. "/file" } })
  lu.assertEquals({ result.status, result.stdout, result.last }, { 0, "content\n", "file" })
  lu.assertEquals(self.exec:at_plain(self.exec.root .. "/usr/bin").last, "dir")
  lu.assertEquals(self.exec:at_plain(self.exec.root .. "/usr", { argv = { "sh", "-c", "exit 7" } }).status, 7)
  lu.assertTrue(self.exec:sees_copy())
end

function TestPlainPath:test_links_of_every_kind_are_refused()
  self:sh("ln -s /etc to_dir; ln -s /etc/passwd to_file; ln -s /nowhere dangling; ln -s loop loop; mkdir a; ln -s ../usr a/up")
  for path, at in pairs { ["/to_dir"] = "/to_dir", ["/to_file"] = "/to_file", ["/dangling"] = "/dangling", ["/loop"] = "/loop",
    ["/to_dir/passwd"] = "/to_dir", ["/a/up/bin"] = "/a/up" } do
    local e = self:refused(path, "LINK_IN_PATH", at .. " is a symbolic link", { last = "dir file other" })
    lu.assertStrContains(e.remedy, "on lpar: look at it with ls -ld /alt_inst" .. at)
  end
  -- Nothing but a link is refused where only links are looked for.
  self:refused("/to_dir/passwd", "LINK_IN_PATH", "/to_dir", { way = "dir file other none", last = "dir file other none" })
end

function TestPlainPath:test_a_base_that_is_a_link_is_refused()
  lu.assertTrue(os.execute(("cd '%s' && mv lpar_alt real && ln -s real lpar_alt"):format(self.dir)))
  self:refused("/usr", "LINK_IN_PATH", "lpar_alt is a symbolic link")
end

function TestPlainPath:test_what_is_of_another_kind_is_refused()
  self:sh("echo x > file; mkfifo fifo")
  self:refused("/file", "NOT_PLAIN", "is a file")
  self:refused("/file/x", "NOT_PLAIN", "/file is a file")
  self:refused("/fifo", "NOT_PLAIN", "neither a directory nor a file")
  self:refused("/none", "NOT_PLAIN", "is not there")
  self:refused("/none/x", "NOT_PLAIN", "/none is not there", { optional = true })
  lu.assertNil(self.exec:at_plain(self.exec.root .. "/none", { optional = true, argv = { "touch", self.dir .. "/ran" } }))
  lu.assertNil(sys.stat(self.dir .. "/ran"))
  self:sh("rm -r usr/bin")
  lu.assertFalse(self.exec:sees_copy())
end

function TestPlainPath:test_names_are_words_of_no_shell()
  self:sh("mkdir -- 'a b' '$(touch x)' '-n' '*' \"it's\"")
  for _, name in ipairs { "a b", "$(touch x)", "-n", "*", "it's" } do
    lu.assertEquals(self.exec:at_plain(self.exec.root .. "/" .. name).last, "dir", name)
  end
  lu.assertNil(sys.stat(self.exec.root .. "/x"))
end

function TestPlainPath:test_dots_are_no_path()
  for _, path in ipairs { "/../etc", "/usr/.", "/.." } do self:refused(path, "EINVAL", "is no path to look at") end
end

function TestPlainPath:test_paths_elsewhere_are_looked_at_from_the_root()
  lu.assertTrue(os.execute(("mkdir '%s/plain'; ln -s plain '%s/link'"):format(self.dir, self.dir)))
  lu.assertEquals(self.exec:at_plain(self.dir .. "/plain").last, "dir")
  local ok, e = pcall(self.exec.at_plain, self.exec, self.dir .. "/link")
  lu.assertEquals({ ok, e.code }, { false, "LINK_IN_PATH" })
  lu.assertStrContains(e.remedy, "on nim: look at it with ls -ld " .. self.dir .. "/link")
end
