-- SPDX-License-Identifier: MIT
-- altmig.installp_run: requests and their words, output in pieces; and what a real run's output comes to.

local lu = require "luaunit"
local output = require "altmig.aix.installp_output"
local run = require "altmig.installp_run"
local sys = require "altmig.sys"

TestInstallpRun = {}

function TestInstallpRun:test_requests()
  lu.assertEquals(run.argv { operation = "apply", flags = "gXYb", device = "/images", log = "/l", list = "/f" },
    { "installp", "-agXYb", "-d", "/images", "-e", "/l", "-f", "/f" })
  local two = { { fileset = "a.b", level = "1.0.0.0" }, { fileset = "c" } }
  lu.assertEquals(run.argv { operation = "remove", preview = true, filesets = two },
    { "installp", "-up", "a.b", "1.0.0.0", "c" })
  lu.assertEquals(run.argv { operation = "cleanup", flags = "b" }, { "installp", "-Cb" })
  lu.assertEquals(run.list(two), "a.b 1.0.0.0\nc\n")
  lu.assertEquals(run.list {}, "")
  local argv, message, code = run.argv { operation = "apply", flags = "gy", list = "/f" }
  lu.assertEquals({ argv, code }, { nil, "INSTALLP_REQUEST" })
  lu.assertStrContains(message, "-a has no flag 'y'")
  lu.assertEquals(select(3, run.list { { fileset = "a b" } }), "INSTALLP_REQUEST")
end

function TestInstallpRun:test_misuse_raises()
  for _, request in ipairs { {}, { operation = "install" }, { operation = "apply", flags = {} }, { operation = "apply", list = true },
    { operation = "apply", filesets = 1 }, { operation = "apply", filesets = { "a" } }, { operation = "apply", filesets = { {} } },
    { operation = "apply", filesets = { { fileset = "a", level = 7 } } } } do
    lu.assertError(run.argv, request)
  end
  lu.assertError(run.argv)
  lu.assertError(run.list, "a")
  lu.assertError(run.output, "a")
  local out = run.output()
  lu.assertError(out.add, out)
  lu.assertError(out.add, {}, "text")
  out:finish()
  lu.assertError(out.add, out, "more")
  lu.assertEquals(out:finish(), {})
  lu.assertEquals({ out:said(0), out:said(1), out:said(-1), out:dropped() }, { "", "", "", 0 })
  getmetatable(out).__gc(out)
  lu.assertEquals(out:finish(), {})
end

function TestInstallpRun:test_rows_come_as_their_lines_end()
  local out = assert(run.output { { fileset = "acme.device.of.a.long.name.rte", level = "7.2.0.0" } })
  lu.assertEquals(out:add "Installation Summary\nacme.device.of.a.long.name. 7.2.0.0 ROOT APP", {})
  local rows = out:add "LY FAILED\nchef 12.0.0.1 USR APPLY ODD"
  lu.assertEquals(rows, { { kind = "result", name = "acme.device.of.a.long.name.", level = "7.2.0.0", part = "ROOT", event = "APPLY",
    word = "FAILED", result = "FAILED", meant = 1, names = { "acme.device.of.a.long.name.rte" } } })
  rows = out:finish()
  lu.assertEquals({ #rows, rows[1].word, rows[1].result, rows[1].meant, rows[1].names }, { 1, "ODD", "OTHER", 0, {} })
end

function TestInstallpRun:test_what_names_the_cause_is_found()
  local out = output.read("FAILURES\n--------\n  Requisite Failures\n  ------------------\n  SELECTED FILESETS:  The\n\n"
    .. "    acme.tool 7.2.4.0                         # Acme Tool\n\n  MISSING REQUISITES:  The\n\n    acme.rte v=6     # Base\n\n"
    .. "  << End of Failure Section >>\n")
  lu.assertEquals(out:causes(), { "missing requisites: acme.rte v=6", "acme.tool 7.2.4.0 (Requisite Failures)" })
  lu.assertEquals(out:evidence(), "SELECTED FILESETS: acme.tool 7.2.4.0  # Acme Tool\nMISSING REQUISITES: acme.rte v=6  # Base")
  local text = { "installp:  APPLYING software for:\n        acme.one 1.0.0.0\n\nall is well\n",
    "installp:  APPLYING software for:\n        acme.two 1.0.0.0\n        acme.three 1.0.0.0\n\nacme: no licence here\n",
    "Finished processing all filesets.  (Total time:  1 secs).\n", "Installation Summary\n--\n", "acme.one 1.0.0.0 USR APPLY SUCCESS\n",
    "acme.two 1.0.0.0 USR APPLY ALREADY\nacme.three 1.0.0.0 USR APPLY FAILED\nacme.four 1.0.0.0 USR APPLY CANCELLED\n" }
  out = output.new { { fileset = "acme.four", level = "1.0.0.0" } }
  local done = {}
  for i, piece in ipairs(text) do
    out:add(piece)
    done[i] = out:done()
  end
  out:finish()
  lu.assertEquals(done, { 0, 1, 3, 3, 3, 3 })
  lu.assertEquals(out:causes(), { "acme.three 1.0.0.0 USR FAILED; acme.four 1.0.0.0 USR CANCELLED" })
  lu.assertEquals(out:evidence(), "acme: no licence here")
  lu.assertEquals(out:summary()[2], { name = "acme.two", level = "1.0.0.0", part = "USR", event = "APPLY", result = "ALREADY" })
  lu.assertEquals({ output.read("nothing"):causes(), output.read("nothing"):evidence() }, { {} })
  -- A failure that is counted, and of which no section tells.
  lu.assertEquals(output.read("FILESET STATISTICS\n---\n    3  FAILED pre-installation verification\n"):causes(),
    { "3 filesets failed the verification of installp" })
end

function TestInstallpRun:test_a_name_that_may_be_one_of_several_is_told_with_them()
  local known = {}
  for i = 1, 20 do known[i] = { fileset = ("acme.device.of.a.long.name.n%02d"):format(i), level = "1.0.0.0" } end
  local out = output.read("Installation Summary\n-\nacme.device.of.a.long.name. 1.0.0.0  USR  APPLY FAILED\n", known)
  lu.assertStrMatches(out:causes()[1],
    "acme.device.of.a.long.name. %(cut by installp: one of acme.device.of.a.long.name.n01; .*n12 and 8 more%) 1.0.0.0 USR FAILED")
end

-- Real outputs, which are not part of the sources.
function TestInstallpRun:test_transcripts_of_real_runs()
  local dir = os.getenv "ALTMIG_TRANSCRIPTS" or DATA_DIR .. "/../../../shared/reference/transcripts"
  local chef = sys.read_file(dir .. "/30_installp_preview_and_apply_chef.txt")
  local ksys = sys.read_file(dir .. "/31_installp_already_installed_ksys.txt")
  if not chef or not ksys then lu.skip "no transcripts beside the source tree" end
  local preview, apply = chef:match("^(.-)\n# CMD: installp %-aXY(.*)$")
  local out = output.read(preview)
  lu.assertEquals({ #out.room, out.room[3].name, out.room[3].needed, out.room[3].free }, { 3, "/opt", 291496, 132640 })
  lu.assertEquals({ out:section("SUCCESSES")[1].name, out.counts["Total to be installed"], out:causes() }, { "chef", 1, {} })
  out = output.read(apply)
  lu.assertEquals(out:summary(), { { name = "chef", level = "12.0.0.1", part = "USR", event = "APPLY", result = "SUCCESS" },
    { name = "chef", level = "12.0.0.1", part = "ROOT", event = "APPLY", result = "SUCCESS" } })
  lu.assertEquals({ out:done(), out.reader:said(1) }, { 1,
    "Restoring files, please wait.\n14485 files restored.\nThank you for installing Chef!\n" })
  out = output.read(ksys)
  lu.assertEquals({ #out.noted, out.noted[6].name, out.noted[18].text, out:causes() }, { 18, "ksys.main.msg.DE_DE.cmds",
    "Already installed", {} })
end
