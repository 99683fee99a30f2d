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

function TestInstallpCommand:test_the_toc_is_written()
  image("bad name", "4 R I b {\nb.one 1.0.0.0 01 N U C B\n[\n%\n%\n%\n%\n%\n]\n}\n")
  local path = dir .. "/lpp/.toc"
  assert(sys.write_file(path, "0 0101000018 1\nold 4 R I old {\nold.rte 1.0.0.0 01 N U C x\n}\n"))
  assert(sys.link(path, dir .. "/held"))
  local out = run { "index", "--toc", dir .. "/lpp" }
  lu.assertEquals({ out.status, out.stdout }, { 0, ("altmig installp index: %s/lpp: .toc has 2 images\n"):format(dir) })
  lu.assertStrContains(out.stderr, "no entry for bad name: its name cannot stand in a .toc")
  lu.assertStrContains(out.stderr, "no entry for acme-lib-2.0-1.ppc.rpm: an RPM package")
  lu.assertStrContains(out.stderr, "skipped NOTES")
  local text = assert(sys.read_file(path))
  lu.assertStrMatches(text, "^0 %d+ 2\na 4 R I a {\na.one 1%.0%.0%.0 .*\nu 4 R S a {\n.*\n}\n$")
  -- Another file took the place of the old one, which somebody may be reading.
  lu.assertStrContains(sys.read_file(dir .. "/held"), "old.rte")
  lu.assertEquals(sys.stat(path).mode & 511, 420)
  for _, name in ipairs(sys.list(dir .. "/lpp")) do lu.assertNil(name:find("altmig", 1, true)) end
  -- Nobody reads it: what an image says counts.
  lu.assertNotStrContains(run({ "index", dir .. "/lpp" }).stdout, "old.rte")
  out = run { "index", "--toc", "--json", dir .. "/lpp" }
  lu.assertEquals(json.decode(out.stdout).entries, 2)
  assert(sys.mkdir(dir .. "/locked"))
  assert(sys.mkdir(dir .. "/locked/.toc"))
  lu.assertEquals(run({ "index", "--toc", dir .. "/locked" }).status, 1)
end

local df = "Filesystem    1024-blocks      Free %%Used    Iused %%Iused Mounted on\n"
  .. "/dev/hd2           1000         %d   99%%     1000    50%% /usr\n"
  .. "/proc                 -         -    -         -     -  /proc\n"

function TestInstallpCommand:test_a_plan()
  assert(sys.write_file(dir .. "/lslpp", "/usr/lib/objrepos:a.one:0.5.0.0::COMMITTED:I:A:\n"
    .. "/usr/lib/objrepos:site.x:1.0.0.0::COMMITTED:I:X:\n"))
  assert(sys.write_file(dir .. "/df", df:format(2)))
  local out = run { "plan", "--installed", dir .. "/lslpp", "--df", dir .. "/df", dir .. "/lpp" }
  lu.assertEquals(out.status, 0)
  lu.assertEquals(out.stdout, "In this order:\n" .. "ACTION   FILESET  FROM     TO       IMAGE\n"
    .. "migrate  a.one    0.5.0.0  1.0.0.0  a\n"
    .. "update   a.one    1.0.0.0  1.0.0.5  u\n\n" .. "Left alone:\n" .. "site.x  1.0.0.0  no image has it\n\n"
    .. "Room, in blocks of 512 bytes:\n" .. "FILE SYSTEM  NEEDED  OF THAT TEMPORARY  FREE  MUST GROW TO\n"
    .. "/usr         16      0                  4     2012\n\n"
    .. "altmig installp plan: 2 to install, 0 cannot be installed, 1 left alone\n")
end

function TestInstallpCommand:test_partitions_of_the_volume_group()
  assert(sys.write_file(dir .. "/df", df:format(2)))
  assert(sys.write_file(dir .. "/lsvg", "VOLUME GROUP:   rootvg   VG IDENTIFIER:  00f6000000000001\n"
    .. "VG STATE:  active   PP SIZE:  1 megabyte(s)\nMAX LVs:  256   FREE PPs:  1 (1 megabytes)\n"
    .. "rootvg:\nLV NAME  TYPE  LPs  PPs  PVs  LV STATE  MOUNT POINT\nhd2  jfs2  1  2  2  open/syncd  /usr\n"))
  local words = { "plan", "--df", dir .. "/df", "--lsvg", dir .. "/lsvg", dir .. "/lpp", "a.one" }
  local out = run(words)
  lu.assertEquals(out.status, 0)
  lu.assertStrContains(out.stdout, "FILE SYSTEM  NEEDED  OF THAT TEMPORARY  FREE  MUST GROW TO  PARTITIONS\n"
    .. "/usr         16      0                  4     2048          0\n\n"
    .. "Volume group: 0 partitions (0 MB) of 1 MB needed, 1 partition (1 MB) free\n")
  assert(sys.write_file(dir .. "/df", (df:format(2):gsub("1000  ", "2048  ", 1))))
  out = run(words)
  lu.assertStrContains(out.stdout, "6144          2\n\nVolume group: 2 partitions (2 MB) of 1 MB needed, 1 partition (1 MB) free\n")
  table.insert(words, 2, "--json")
  local document = assert(json.decode(run(words).stdout))
  lu.assertEquals(document.group, { name = "rootvg", partition = 2048, free = 1, needed = 2 })
  out = run { "plan", "--lsvg", dir .. "/lsvg", dir .. "/lpp", "a.one" }
  lu.assertEquals(out.status, 2)
  lu.assertStrContains(out.stderr, "--lsvg needs --df")
  out = run { "plan", "--df", dir .. "/df", "--lsvg", dir .. "/df", dir .. "/lpp", "a.one" }
  lu.assertStrContains(out.stderr, "not the output of lsvg VG and lsvg -l VG")
end

function TestInstallpCommand:test_a_plan_as_json_and_one_that_cannot_be_had()
  assert(sys.write_file(dir .. "/bundle", "I:a.one\nE:IV1\n"))
  image("n", "4 R I n {\nn.new 1.0.0.0 01 N U C N\n[\n*prereq x.none 2.0.0.0\n%\n%\n%\n%\n%\n]\n}\n")
  local out = run { "plan", "--json", "--bundle", dir .. "/bundle", dir .. "/lpp", "n.new", "a.one", "1.0.0.0" }
  lu.assertEquals(out.status, 1)
  local document = assert(json.decode(out.stdout))
  lu.assertEquals({ #document.steps, document.steps[1].level, document.others[1].name, document.others[1].image }, { 1, "1.0.0.0", "IV1" })
  lu.assertEquals(document.failed[1].chain, json.array { { fileset = "n.new", level = "1.0.0.0", requisite = "*prereq x.none 2.0.0.0" } })
  out = run { "plan", dir .. "/lpp", "n.new" }
  lu.assertEquals(out.status, 1)
  lu.assertStrContains(out.stdout,
    "n.new  1.0.0.0  n.new 1.0.0.0 needs *prereq x.none 2.0.0.0: x.none is not there, no image has it\n")
end

function TestInstallpCommand:test_what_is_refused()
  for words, text in pairs { ["index"] = "usage: altmig installp", ["index a b"] = "usage: altmig installp",
    ["plan"] = "usage: altmig installp", ["plan x"] = "nothing is selected",
    ["index --toc"] = "usage: altmig installp", ["install x"] = "unknown subcommand 'install'" } do
    local list = {}
    for word in words:gmatch("%S+") do list[#list + 1] = word end
    local out = run(list)
    lu.assertEquals(out.status, 2, words)
    lu.assertStrContains(out.stderr, text)
  end
  lu.assertEquals(run({ "index", dir .. "/none" }).status, 1)
  assert(sys.write_file(dir .. "/text", "nothing\n"))
  for flag, text in pairs { df = "not the output of df -k", installed = "no line of it is one of lslpp -lqc" } do
    local out = run { "plan", "--" .. flag, dir .. "/text", dir .. "/lpp", "a.one" }
    lu.assertEquals(out.status, 1)
    lu.assertStrContains(out.stderr, text)
  end
end
