-- SPDX-License-Identifier: MIT
local lu = require "luaunit"
local journal = require "altmig.journal"
local sys = require "altmig.sys"

TestJournal = {}

function TestJournal:setUp() self.path = os.tmpname() end
function TestJournal:tearDown() os.remove(self.path) end

function TestJournal:test_records_come_back_with_their_time()
  local j <close> = assert(journal.open(self.path))
  lu.assertEquals(j:records(), {})
  local record = { step = "export", args = { "/alt_inst", 1 } }
  lu.assertTrue(j:append(record))
  lu.assertNil(record.time) -- the caller's table is left alone
  lu.assertTrue(j:append { step = "b\xff", time = "mine" })
  local all = j:records()
  lu.assertEquals(#all, 2)
  lu.assertStrMatches(all[1].time, "%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ")
  lu.assertEquals(all[1].args, { "/alt_inst", 1 })
  lu.assertEquals(all[2].time, "mine")
  lu.assertEquals(all[2].step, "b\u{fffd}")
end

function TestJournal:test_torn_line_is_cut_and_bad_line_is_named()
  sys.write_file(self.path, '{"n":1}\n{"n":2')
  local j = assert(journal.open(self.path))
  lu.assertEquals(#j:records(), 1)
  lu.assertTrue(j:append { n = 3 })
  j:close()
  j:close()
  lu.assertErrorMsgContains("closed", j.append, j, {})
  sys.append_file(self.path, "garbage\n{}\n")
  local none, message, code = journal.open(self.path)
  lu.assertNil(none)
  lu.assertEquals(code, "JOURNAL_CORRUPT")
  lu.assertStrContains(message, "line 3")
end

function TestJournal:test_what_has_no_form_is_refused_and_not_written()
  local j <close> = assert(journal.open(self.path))
  local ok, message, code = j:append { result = { f = print } }
  lu.assertNil(ok)
  lu.assertEquals(code, "JSON_VALUE")
  lu.assertStrContains(message, ".result.f")
  lu.assertEquals(sys.read_file(self.path), "")
end
