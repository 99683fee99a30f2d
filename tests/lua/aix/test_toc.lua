-- SPDX-License-Identifier: MIT
-- The table of contents of a directory of images: what is in it, and that no image can say more there than of itself.

local lu = require "luaunit"
local bff = require "altmig.bff"
local installp = require "altmig.installp"
local sys = require "altmig.sys"
local toc = require "altmig.aix.toc"

local top

local function image(file, text)
  local w = assert(bff.create(top .. "/" .. file))
  assert(w:add { name = "./lpp_name", data = text })
  assert(w:close())
end

local function text_of(package, level)
  return ("4 R I %s {\n%s.rte %s 01 N U en_US A fileset\n[\n*prereq bos.rte 7.1.0.0\n%%\n/usr 8\n%%\n%%\n%%\n%%\n]\n}\n")
    :format(package, package, level)
end

local function make(cache)
  return toc.make(installp.index(installp.place(top), { texts = true, cache = cache }), 1767225600 + 3723)
end

TestToc = {}

function TestToc:setUp()
  top = os.tmpname()
  os.remove(top)
  assert(sys.makedirs(top .. "/installp/ppc", 448))
  assert(sys.makedirs(top .. "/RPMS/ppc", 448))
end

function TestToc:tearDown() os.execute("rm -rf '" .. top .. "'") end

function TestToc:test_each_image_with_its_lpp_name()
  image("installp/ppc/b.I", text_of("b", "1.0.0.0"))
  image("installp/ppc/a.1.0.0.0.U", "\n" .. text_of("a", "01.00.0000.0005") .. "\n\n")
  assert(sys.write_file(top .. "/RPMS/ppc/x-1-1.ppc.rpm", ""))
  assert(sys.write_file(top .. "/installp/ppc/.toc", "0 0101000018 1\nold 4 R I old {\n}\n"))
  local made = make()
  lu.assertEquals(made.text, "0 010101020326 2\na.1.0.0.0.U " .. text_of("a", "01.00.0000.0005") .. "b.I " .. text_of("b", "1.0.0.0"))
  lu.assertEquals({ made.file, made.count }, { "installp/ppc/.toc", 2 })
  lu.assertEquals(made.left_out[1].file, "RPMS/ppc/x-1-1.ppc.rpm")
end

-- What is in the cache has no text: the images are read, and what was remembered stays.
function TestToc:test_a_cache_is_not_used()
  image("installp/ppc/a", text_of("a", "1.0.0.0"))
  local cache = top .. "/cache"
  installp.index(installp.place(top), { cache = cache })
  local before = assert(sys.read_file(cache))
  lu.assertNil(before:find("prereq bos.rte 7.1.0.0\\n%", 1, true))
  lu.assertStrContains(make(cache).text, "a 4 R I a {\n")
  lu.assertEquals(sys.read_file(cache), before)
end

function TestToc:test_an_image_speaks_for_itself_alone()
  image("installp/ppc/a", text_of("a", "1.0.0.0"):gsub("}\n$", "} bos 4 R I bos {\nbos 4 R I bos {\nbos.rte 9.9.9.9 01 N U C x\n}\n"))
  lu.assertEquals(make().text, "0 010101020326 1\na " .. text_of("a", "1.0.0.0"))
end

function TestToc:test_names_that_a_reader_may_take_for_more()
  for i, name in ipairs { "two\nlines", "a b", "$(id)", "`id`", "-d", "x;y", "tab\tx", "*", "é", "a'b" } do
    image("installp/ppc/" .. name, text_of("a" .. i, "1.0.0.0"))
  end
  for _, name in ipairs { "U838161.bff", "bos", "bos.net_7.1@x,y=z+1%2:3-4" } do image("installp/ppc/" .. name, text_of("b", "1.0.0.0")) end
  local made = make()
  lu.assertEquals({ made.count, #made.left_out }, { 3, 10 })
  for _, row in ipairs(made.left_out) do lu.assertStrContains(row.message, "cannot stand in a .toc") end
  for line in made.text:gmatch("[^\n]+") do lu.assertNil(line:find("id)", 1, true)) end
end

function TestToc:test_a_flat_directory()
  image("installp/ppc/a", text_of("a", "1.0.0.0"))
  top = top .. "/installp/ppc"
  lu.assertEquals(make().file, ".toc")
  top = top:gsub("/installp/ppc$", "")
end

function TestToc:test_a_directory_without_images()
  lu.assertEquals(make(), { text = "0 010101020326 0\n", file = ".toc", count = 0, left_out = {} })
end
