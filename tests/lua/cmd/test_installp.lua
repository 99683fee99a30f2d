-- SPDX-License-Identifier: MIT
-- altmig installp, as it is typed.

local lu = require "luaunit"
local bff = require "altmig.bff"
local json = require "altmig.json"
local sys = require "altmig.sys"

local bin = os.getenv("ALTMIG_BIN")
local dir

local function run(words) return assert(sys.run({ bin, "installp", table.unpack(words) }, { env = { ALTMIG_STATE = dir .. "/state" } })) end

local function image(file, text)
  local w = assert(bff.create(dir .. "/lpp/" .. file))
  assert(w:add { name = "./lpp_name", data = text })
  assert(w:close())
end

TestInstallpCommand = {}

function TestInstallpCommand:setUp()
  dir = os.tmpname()
  os.remove(dir)
  assert(sys.makedirs(dir .. "/lpp", 448))
  image("a", "4 R I a {\na.one 1.0.0.0 01 N U C A\n[\n%\n/usr 8\n%\n%\n%\n%\n]\n}\n")
  image("u", "4 R S a {\na.one 1.0.0.5 01 N U C A\n[\n%\n/usr 8\n%\n%\n%\n%\n]\n}\n")
  assert(sys.write_file(dir .. "/lpp/acme-lib-2.0-1.ppc.rpm", ""))
  assert(sys.write_file(dir .. "/lpp/NOTES\27[2J", "text"))
end

function TestInstallpCommand:tearDown() os.execute("rm -rf '" .. dir .. "'") end

function TestInstallpCommand:test_the_index_is_a_table()
  for _ = 1, 2 do -- the second is from what is remembered
    local out = run { "index", dir .. "/lpp" }
    lu.assertEquals(out.status, 0)
    lu.assertEquals(out.stdout, "FILESET   LEVEL    TYPE  IMAGE\n" .. "a.one     1.0.0.0  I     a\n" .. "a.one     1.0.0.5  S     u\n"
      .. "acme-lib  2.0-1    rpm   acme-lib-2.0-1.ppc.rpm\n")
    lu.assertStrContains(out.stderr, "skipped NOTES\\x1b[2J: ")
  end
  lu.assertEquals(#assert(sys.list(dir .. "/state/lpp_source")), 1)
end

function TestInstallpCommand:test_the_index_as_json()
  local out = run { "index", "--json", dir .. "/lpp" }
  local document = assert(json.decode(out.stdout))
  lu.assertEquals({ #document.images, #document.problems }, { 3, 1 })
  lu.assertEquals(document.images[1].filesets[1].name, "a.one")
end

function TestInstallpCommand:test_what_is_refused()
  for words, text in pairs { ["index"] = "usage: altmig installp", ["index a b"] = "usage: altmig installp",
    ["index --toc x"] = "--toc is not supported yet", ["install x"] = "unknown subcommand 'install'" } do
    local list = {}
    for word in words:gmatch("%S+") do list[#list + 1] = word end
    local out = run(list)
    lu.assertEquals(out.status, 2, words)
    lu.assertStrContains(out.stderr, text)
  end
  lu.assertEquals(run({ "index", dir .. "/none" }).status, 1)
end
