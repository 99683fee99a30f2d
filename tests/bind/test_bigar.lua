-- SPDX-License-Identifier: MIT
local lu = require "luaunit"
local bigar = require "altmig.bigar"
local sys = require "altmig.sys"

TestBigar = {}

local members = {
  { name = "bos.al", data = "./usr/bin/x\n", date = 1700000000, uid = 2, gid = 3, mode = 33188 },
  { name = "bos.copyright", data = "odd", mode = 33261 },
  { name = "empty", data = "" },
}

function TestBigar:test_round_trip()
  local got = assert(bigar.parse(assert(bigar.format(members)), "test"))
  lu.assertEquals(#got, 3)
  for i, m in ipairs(members) do
    lu.assertEquals(got[i], {
      name = m.name, data = m.data, size = #m.data, date = m.date or 0, uid = m.uid or 0, gid = m.gid or 0,
      mode = m.mode or 33188,
    })
  end
  lu.assertEquals(bigar.parse(assert(bigar.format {})), {})
end

function TestBigar:test_misuse_and_trouble()
  lu.assertEquals(select(3, bigar.parse("!<arch>\n")), "BIGAR_MAGIC")
  lu.assertEquals(select(3, bigar.format { { name = "a\nb", data = "" } }), "BIGAR_NAME")
  lu.assertErrorMsgContains("field 'data'", bigar.format, { { name = "a" } })
  lu.assertErrorMsgContains("out of range", bigar.format, { { name = "a", data = "", uid = -1 } })
end

function TestBigar:test_real_archive_is_reproduced()
  local data = sys.read_file(SHARED_DIR .. "/samples/liblpp-cfengine-nova.a")
  if not data then lu.skip("no sample") end
  local got = assert(bigar.parse(data))
  lu.assertEquals(#got, 8)
  lu.assertEquals(got[5].name, "cfengine.cfengine-nova.pre_i")
  lu.assertEquals(got[5].mode, tonumber("100755", 8))
  lu.assertTrue(bigar.format(got) == data)
end

function TestBigar:test_another_reader_agrees()
  local tool = SHARED_DIR .. "/tools/bigar_check.py"
  if not sys.stat(tool) then lu.skip("no bigar_check.py") end
  local path = os.tmpname()
  assert(sys.write_file(path, assert(bigar.format(members))))
  local result = sys.run { "python3", tool, path }
  os.remove(path)
  if not result or result.status == 127 then lu.skip("no python3") end
  lu.assertStrContains(result.stdout, "members 3")
  lu.assertStrContains(result.stdout, "table n=3 offs==True names==True slack=0")
end
