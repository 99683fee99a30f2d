-- The software side of the lab, on the host: object data manager, packages, images.

local lu = require "luaunit"
local resource = require "altmig.resource"

local has_sys, sys = pcall(require, "altmig.sys")

table.insert(package.searchers, 2, function(name)
  local short = name:match("^lab%.([%w_]+)$")
  local text, origin = resource.read("scripts/lab/lib/" .. (short or "?") .. ".lua")
  return text and assert(load(text, origin, "t"))
end)

local function scratch()
  local path = os.tmpname()
  os.remove(path)
  assert(sys.makedirs(path, 448))
  return path
end

TestLabOdm = {}

function TestLabOdm:setUp()
  if not has_sys then lu.skip("this program has no altmig.sys") end
  self.odm = require "lab.odm"
  self.dir = scratch()
  self.store = self.odm.open(self.dir)
  assert(self.store:create("CuAt"))
  for _, row in ipairs {
    { name = "hdisk0", attribute = "pvid", value = "00f60001aaaa0001", nls_index = 2 },
    { name = "hdisk1", attribute = "pvid", value = "none", nls_index = 2 },
    { name = "sys0", attribute = "maxuproc", value = "128", nls_index = 20 },
  } do assert(self.store:add("CuAt", row)) end
  assert(self.store:commit())
end

function TestLabOdm:tearDown()
  if self.store then self.store:close() end
  if self.dir then os.execute("rm -rf '" .. self.dir .. "'") end
end

function TestLabOdm:count(criteria) return #assert(self.store:get("CuAt", criteria)) end

function TestLabOdm:test_criteria()
  lu.assertEquals(self:count("name=hdisk0 and attribute=pvid"), 1)
  lu.assertEquals(self:count("name LIKE hdisk?"), 2)
  lu.assertEquals(self:count("name LIKE 'hdisk[!0]' OR name = sys0"), 2)
  lu.assertEquals(self:count("nls_index > 2"), 1)
  lu.assertEquals(self:count("nls_index <= 2 AND value != 'none'"), 1)
  lu.assertEquals(self:count(nil), 3)
  for _, bad in ipairs { "name", "name =", "name = 'x", "name = a b", "name = a AND" } do
    local list, _, code = self.store:get("CuAt", bad)
    lu.assertNil(list)
    lu.assertEquals(code, "ODM_CRITERIA")
  end
  local _, message = self.store:get("CuAt", "colour = red")
  lu.assertStrContains(message, "no descriptor 'colour'")
end

function TestLabOdm:test_nothing_is_written_before_commit()
  assert(self.store:change("CuAt", "name=hdisk1", { value = "00f60001aaaa0002" }))
  lu.assertEquals(assert(self.odm.open(self.dir):get("CuAt", "name=hdisk1"))[1].value, "none")
  assert(self.store:commit())
  lu.assertEquals(assert(self.odm.open(self.dir):get("CuAt", "name=hdisk1"))[1].value, "00f60001aaaa0002")
end

function TestLabOdm:test_close_forgets()
  lu.assertEquals(self.store:delete("CuAt"), 3)
  self.store:close()
  lu.assertEquals(self:count(), 3)
end

function TestLabOdm:test_odd_strings_survive()
  local odd = 'say "hi"\\n\nsecond\n\tthird\\'
  assert(self.store:add("CuAt", { name = "odd", value = odd }))
  assert(self.store:commit())
  lu.assertEquals(self.odm.open(self.dir):get("CuAt", "name=odd")[1].value, odd)
end

function TestLabOdm:test_format_has_every_descriptor_in_order()
  lu.assertEquals(self.odm.format("CuDep", { { dependency = "hd4", name = "rootvg" } }),
    '\nCuDep:\n\tname = "rootvg"\n\tdependency = "hd4"\n')
end

function TestLabOdm:test_input_is_checked()
  local ok, message = self.store:add("CuAt", { name = ("x"):rep(16) })
  lu.assertNil(ok)
  lu.assertStrContains(message, "longer than 15")
  ok, message = self.store:add("CuAt", { nls_index = "many" })
  lu.assertNil(ok)
  lu.assertStrContains(message, "'many' is no number")
  local list
  list, message = self.odm.parse("\nCuAt:\n\tname = \"no end\n")
  lu.assertNil(list)
  lu.assertStrContains(message, "line 3")
end

function TestLabOdm:test_a_second_writer_loses_nothing()
  local other = self.odm.open(self.dir)
  lu.assertEquals(#other:get("CuAt"), 3)
  assert(self.store:delete("CuAt", "name=sys0"))
  assert(self.store:commit())
  assert(other:add("CuAt", { name = "ent0" }))
  assert(other:commit())
  lu.assertEquals(self.odm.open(self.dir):get("CuAt", "name=sys0"), {})
end
