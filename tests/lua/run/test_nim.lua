-- SPDX-License-Identifier: MIT
-- nim.lua: what is taken, and what is refused before a host is connected.

local lu = require "luaunit"
local nim = require "altmig.nim"
local sys = require "altmig.sys"

TestNim = {}

function TestNim:setUp()
  self.dir = assert(sys.run { "mktemp", "-d", "/tmp/altmig-nim.XXXXXX" }).stdout:match "%S+"
end

function TestNim:tearDown() sys.run { "rm", "-rf", self.dir } end

local function load_text(self, text)
  assert(sys.write_file(self.dir .. "/nim.lua", text, { mode = 384 }))
  return nim.load(self.dir .. "/nim.lua")
end

-- A sound file with one client; `client`: the text of its fields behind ssh's host.
local function load_client(self, in_ssh, behind)
  return load_text(self, ([[return { master = { name = "nim", ssh = { host = "master" } },
    clients = { lpar = { ssh = { host = "client" %s } %s } } }]]):format(in_ssh or "", behind or ""))
end

local function refused(text, code, fn, ...)
  local ok, e = pcall(fn, ...)
  lu.assertFalse(ok, text)
  lu.assertEquals(e.code, code)
  lu.assertStrContains(e.message, text)
end

function TestNim:test_ways_of_nfs()
  lu.assertNil(load_client(self):client("lpar").nfs)
  lu.assertEquals(load_client(self, "", ', nfs = { via = "ssh" }'):client("lpar").nfs.via, "ssh")
  lu.assertEquals(load_client(self, "", ', nfs = { via = "direct", host = "x" }'):client("lpar").nfs.host, "x")
  for _, case in ipairs { { ', nfs = { via = "carrier pigeon" }', 'nfs.via is "ssh" or "direct"' }, { ", nfs = 1", "nfs needs a table" },
    { ", nfs = { host = {} }", "nfs.host needs a text" }, { ", nfs = { options = 1 }", "nfs.options needs a text" } } do
    refused("client 'lpar': " .. case[2], "NIM_FILE", load_client, self, "", case[1])
  end
end

function TestNim:test_names_are_names()
  for _, bad in ipairs { "", "a/b", "../x", "..", "-x", "a b", "a;id", "a$(id)", "a`id`", "a'b", "a\nb", "a..b", "a*", "a:b", "\u{fc}" } do
    for _, what in ipairs { "clients", "lpp_source", "spot", "script", "exclude_files", "mksysb" } do
      local entry = what == "clients" and '{ ssh = { host = "h" } }' or '{ location = "/x" }'
      refused("a name begins with", "NIM_FILE", load_text, self,
        ('return { master = { name = "nim", ssh = { host = "m" } }, %s = { [%q] = %s } }'):format(what, bad, entry))
    end
    refused("a name begins with", "NIM_FILE", load_text, self, ('return { master = { name = %q, ssh = { host = "m" } } }'):format(bad))
    refused("a name begins with", "NIM_FILE", load_client, self, "", (", address = %q"):format(bad))
    refused("a name begins with", "NIM_FILE", load_text, self,
      ('return { engine = { address = %q }, master = { name = "nim", ssh = { host = "m" } } }'):format(bad))
  end
  refused("a name begins with", "NIM_FILE", load_text, self,
    'return { master = { name = "nim", ssh = { host = "m" } }, spot = { { location = "/x" } } }')
  for _, bad in ipairs { "", "a b", "a/b", "a;b", "$(id)" } do
    refused("needs the name or the address of a host", "NIM_FILE", load_text, self,
      ('return { master = { name = "nim", ssh = { host = %q } } }'):format(bad))
    refused("nfs.host needs the name", "NIM_FILE", load_client, self, "", (", nfs = { host = %q }"):format(bad))
  end
  load_client(self, "", ', address = "lpar-2.example_x", nfs = { host = "fd00::1" }')
end

function TestNim:test_locations_are_plain_absolute_paths()
  local function located(location, more)
    return load_text(self, ('return { master = { name = "nim", ssh = { host = "m" } }, spot = { s = { location = %q %s } } }'):format(
      location, more or ""))
  end
  lu.assertEquals(located("/export/a-b_c.d/usr,x+y@z"):resource("spot", "s").location, "/export/a-b_c.d/usr,x+y@z")
  lu.assertEquals(located("/a/..b/c.."):resource("spot", "s").location, "/a/..b/c..")
  refused("/absolute/path", "NIM_FILE", located, "export")
  for _, bad in ipairs { "/..", "/a/../b", "/a/.." } do refused("its location has '..'", "NIM_FILE", located, bad) end
  for _, bad in ipairs { "/a b", "/a\nb", "/a;b", "/$(id)", "/`id`", "/a'b", '/a"b', "/a*", "/a\\b", "/a#b", "/a\0b" } do
    refused("its location has the character", "NIM_FILE", located, bad)
  end
  refused('host is "master"', "NIM_FILE", located, "/a", ', host = "elsewhere"')
  refused("nfs://", "NIM_FILE", located, "/a", ', nfs = "http://x"')
  refused("clients is no table", "NIM_FILE", load_text, self, 'return { master = { name = "nim", ssh = { host = "m" } }, clients = 1 }')
end

function TestNim:test_a_file_that_never_ends_or_grows()
  for text, words in pairs { ["while true do end"] = "runs without end", ["local s = 'x' while true do s = s .. s end"] = "memory",
    ["local t = {} t.t = t return t"] = "deep", ["return { master = print }"] = "no master", ["return os.exit()"] = ":1:",
    ["return 1"] = "does not return a table", [""] = "does not return a table", ["return {"] = ":1:" } do
    refused(words, "NIM_FILE", load_text, self, text)
  end
end

function TestNim:test_a_host_in_between()
  local via <const> = ', nfs = { via = "ssh" }'
  lu.assertEquals(load_client(self, ', jump = "gate"', via):client("lpar").ssh.jump, "gate")
  load_client(self, ', jump = "op@gate.example:2222"', via)
  load_client(self, ', jump = "op@[fd00::1]:2222"', ', nfs = { via = "direct" }')
  load_client(self, ', jump = { host = "gate", identity = "/k" }', via)
  for _, case in ipairs { { '"op@"', "a bad name of a host" }, { '"@gate"', "a bad name of a user" }, { '"gate:"', "a port is 1 to 65535" },
    { '"gate:0"', "a port is 1 to 65535" }, { '"gate:70000"', "a port is 1 to 65535" }, { '"gate:22x"', "a port is 1 to 65535" },
    { '"[fd00::1"', "']' is missing" }, { '"a b"', "a bad name of a host" }, { '"a@b@c"', "a bad name of a host" },
    { "1", "needs \"user@host:port\"" }, { "{}", "needs \"user@host:port\"" } } do
    refused(case[2], "NIM_FILE", load_client, self, ", jump = " .. case[1], via)
  end
  refused("not several", "UNSUPPORTED", load_client, self, ', jump = { host = "a", jump = "b" }', via)
  -- NFS would not go that way by itself.
  refused('nfs = { via = "ssh" }', "NIM_FILE", load_client, self, ', jump = "gate"')
  refused("become is not supported", "UNSUPPORTED", load_client, self, ', become = "sudo"')
end
