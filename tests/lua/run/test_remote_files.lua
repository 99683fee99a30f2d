-- SPDX-License-Identifier: MIT
local lu = require "luaunit"
local remote_files = require "altmig.run.remote_files"
local sys = require "altmig.sys"

TestRemoteFiles = {}

-- A host that is this one; `calls` counts the commands, `on_run` may disturb.
local function local_host(calls)
  local host = { name = "here", session = {} }
  function host:run(argv, opts)
    calls.n = calls.n + 1
    opts = opts or {}
    return assert(sys.run(argv, { stdin = opts.stdin, env = { LC_ALL = "C" } }))
  end
  function host:must_script(text, args, opts)
    local result = self:run({ "sh", "-c", text, "sh", table.unpack(args) }, opts)
    assert(result.status == 0, result.stderr)
    return calls.change and calls.change(result.stdout) or result.stdout
  end
  function host.session:get(path)
    calls.got = (calls.got or 0) + 1
    return sys.read_file(path)
  end
  return host
end

function TestRemoteFiles:setUp()
  self.dir = os.tmpname()
  os.remove(self.dir)
  assert(sys.makedirs(self.dir .. "/sub", 448))
  self.calls = { n = 0 }
  self.files = remote_files.of(local_host(self.calls))
end

function TestRemoteFiles:tearDown() os.execute("rm -rf '" .. self.dir .. "'") end

function TestRemoteFiles:test_kinds_of_files_with_one_command()
  local d = self.dir
  assert(sys.write_file(d .. "/a file -> b", "x"))
  assert(sys.symlink("target with -> arrow", d .. "/link"))
  assert(sys.mknod(d .. "/fifo", "fifo", 384))
  self.files:look { d .. "/a file -> b", d .. "/link", d .. "/sub", d .. "/fifo", d .. "/none", d .. "/back\\slash" }
  lu.assertEquals(self.calls.n, 1)
  lu.assertEquals(self.files:stat(d .. "/a file -> b").type, "file")
  lu.assertEquals(self.files:stat(d .. "/link").type, "link")
  lu.assertEquals(self.files:stat(d .. "/link").target, "target with -> arrow")
  lu.assertEquals(self.files:stat(d .. "/sub").type, "dir")
  lu.assertEquals(self.files:stat(d .. "/fifo").type, "fifo")
  lu.assertEquals(select(3, self.files:stat(d .. "/none")), "ENOENT")
  lu.assertFalse(self.files:exists(d .. "/back\\slash"))
  lu.assertEquals(self.calls.n, 1)
end

function TestRemoteFiles:test_a_link_with_a_line_break_is_an_error_not_a_shift()
  assert(sys.symlink("one\nf\ntwo", self.dir .. "/link"))
  lu.assertErrorMsgContains("2 files were asked for, 4 answered", self.files.look, self.files, { self.dir .. "/link", self.dir .. "/none" })
end

function TestRemoteFiles:test_list_knows_what_it_lists()
  assert(sys.write_file(self.dir .. "/b", ""))
  lu.assertEquals(self.files:list(self.dir), { "b", "sub" })
  local calls = self.calls.n
  lu.assertEquals(self.files:stat(self.dir .. "/b").type, "file")
  self.files:list(self.dir)
  lu.assertEquals(self.calls.n, calls)
  lu.assertEquals(select(3, self.files:list(self.dir .. "/none")), "ENOENT")
end

local function fetched(self, contents)
  local paths = {}
  for i, text in ipairs(contents) do
    paths[i] = ("%s/%d"):format(self.dir, i)
    assert(sys.write_file(paths[i], text))
  end
  self.files:look(paths)
  self.files:fetch(paths)
  for i, text in ipairs(contents) do lu.assertEquals(self.files:read(paths[i]), text, tostring(i)) end
end

function TestRemoteFiles:test_many_files_in_one_answer_whatever_is_in_them()
  fetched(self, { "", "\n", "no newline", "5\nabcde\n=2=\n", ("\0\xff"):rep(5000), "-\n", "=3=\n" })
  lu.assertNil(self.calls.got)
  lu.assertEquals(self.calls.n, 2)
end

function TestRemoteFiles:test_a_file_that_changes_under_it_is_read_alone()
  self.calls.change = function(text) return (text:gsub("second", "longer than before")) end
  fetched(self, { "first", "second", "third" })
  lu.assertEquals(self.calls.got, 2)
end
