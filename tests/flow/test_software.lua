-- SPDX-License-Identifier: MIT
-- Phase 6 in the fake world: the plan is what installp gets, its preview is held against it, and a failure leaves what
-- a resume goes on from.

local lu = require "luaunit"
local json = require "altmig.json"
local sys = require "altmig.sys"
local world = require "fake_world"

local fails, image = world.fails, world.image

TestSoftware = {}

local function lpp_row(fileset, row)
  return ("/usr/lib/objrepos:%s:%s::%s:I:x: \n"):format(fileset, row.level, row.state or "COMMITTED")
end

-- The filesets of the client (w.had) and of the copy (w.have), and an installp that installs the list file.
-- w.fails[fileset] = what its script says: it ends BROKEN, and installp goes no further.
world.fixture(TestSoftware, function(w)
  w.had = { ["bos.net"] = { level = "7.1.5.0" }, ["acme.a"] = { level = "1.0.0.0" }, ["acme.b"] = { level = "1.0.0.0" } }
  w.have, w.fails, w.lists = {}, {}, {}
  for fileset, row in pairs(w.had) do w.have[fileset] = { level = row.level } end
  w.software = w.have -- what is there is what installp left
  w.images = { image("acme.b", "2.0.0.0"), image("acme.a", "2.0.0.0", "*prereq acme.b 2.0.0.0\n"), image("bos.net", "7.2.5.0") }
  w.answers.lslpp = function(_, host, argv, opts)
    if argv[2] ~= "-lqc" then return w.handlers.lslpp(w, host, argv, opts) end
    local out = {}
    for fileset, row in pairs(opts and opts.chroot and w.have or w.had) do out[#out + 1] = lpp_row(fileset, row) end
    return table.concat(out)
  end
  w.on_run = function(_, argv, opts)
    if argv[1] == "sh" and (opts.script or argv[3]) == 'cat > "$1"' then w.list = opts.stdin end
  end
  w.answers.installp = function(_, _, argv)
    if argv[2] == "-L" then return w.media or "" end
    if argv[2] == "-Cb" then
      w.cleaned = (w.cleaned or 0) + 1
      for _, row in pairs(w.have) do row.state = row.state == "APPLYING" and not w.stuck and "BROKEN" or row.state end
      return "", w.clean_status or 0
    end
    if argv[2]:match("^%-ap") then return w.preview and w.preview(w.list) or "" end
    w.lists[#w.lists + 1], w.flags = w.list, argv[2]
    local out, rows = {}, {}
    for fileset, level in w.list:gmatch("(%S+) (%S+)\n") do
      out[#out + 1] = ("installp:  APPLYING software for:\n        %s %s\n\nRestoring files, please wait.\n"):format(fileset, level)
      local why = w.fails[fileset]
      w.have[fileset] = { level = level, state = why and "BROKEN" or nil }
      rows[#rows + 1] = ("%-27s %-15s USR         APPLY       %s\n"):format(fileset:sub(1, 27), level, why and "FAILED" or "SUCCESS")
      if why then
        out[#out + 1] = why .. "\n"
        break
      end
    end
    return table.concat(out) .. "Finished processing all filesets.  (Total time:  1 secs).\n" .. ("x\n"):rep(20)
      .. "Installation Summary\n--------------------\n" .. table.concat(rows), w.list:find("fails") and 1 or 0
  end
end)

local function report(w)
  local list = {}
  for _, entry in ipairs(json.decode(sys.read_file(w.dir .. "/state/lpar/report.json")).entries) do
    if entry.method == "software" then list[#list + 1] = entry.severity .. ": " .. entry.rule end
  end
  table.sort(list)
  return list
end

local function migrate(w, more) return w.migration.migrate(w.opts(more)) end
local function resume(w)
  return w.migration.resume { client = "lpar", quiet = true, nim = w.dir .. "/nim.lua", state = w.dir .. "/state" }
end

-- The stock flow, with other flags in phase 6.
local function script_with(w, flags)
  local path = w.dir .. "/site.lua"
  assert(sys.write_file(path, ("local flow = load(require('altmig.resource').read('scripts/migrate.lua'))()\n"
    .. "flow.phases[6].run = function(m) m:install_software { flags = %q } end\nreturn flow\n"):format(flags), { mode = 384 }))
  return path
end

local successes = "SUCCESSES\n---------\n  Selected Filesets\n  -----------------\n%s\n  << End of Success Section >>\n"

function TestSoftware:test_installp_gets_the_plan_in_its_order()
  local w = self.w
  lu.assertEquals(migrate(w), 0)
  lu.assertEquals({ w.lists, w.flags, w.cleaned }, { { "acme.b 2.0.0.0\nacme.a 2.0.0.0\nbos.net 7.2.5.0\n" }, "-agXYb" })
  lu.assertEquals(w.planned_levels, { ["acme.a"] = "2.0.0.0", ["acme.b"] = "2.0.0.0", ["bos.net"] = "7.2.5.0" })
  lu.assertStrContains(world.log_text(w), "3 of 3 filesets")
end

function TestSoftware:test_a_base_level_and_its_update_are_both_in_the_list()
  local w = self.w
  w.images = { image("acme.a", "2.0.0.0"), image("acme.a", "2.0.0.7", "", "S"), image("acme.a", "2.0.0.5", "", "S") }
  lu.assertEquals(migrate(w), 0)
  lu.assertEquals(w.lists, { "acme.a 2.0.0.0\nacme.a 2.0.0.7\n" })
end

function TestSoftware:test_flags_are_those_of_the_flow_and_licences_need_their_flag()
  local w = self.w
  local path = script_with(w, "gXbS")
  local ok, e = pcall(migrate, w, { script = path })
  lu.assertTrue(ok, not ok and e.message)
  lu.assertEquals(w.flags, "-agXbS")
  lu.assertEquals(world.count(w, "installp %-apgXS "), 1)
end

function TestSoftware:test_without_the_flag_no_licence_is_accepted()
  local w = self.w
  lu.assertEquals(migrate(w, { licenses = false }), 0)
  lu.assertEquals(w.flags, "-agXb")
end

function TestSoftware:test_a_flag_that_installp_has_not_ends_phase_6_before_installp()
  local w = self.w
  local path = script_with(w, "gXyb")
  local e = fails(migrate, w, { script = path })
  lu.assertEquals(e.code, "INSTALLP_REQUEST")
  lu.assertEquals(world.count(w, "installp %-a"), 0)
end

function TestSoftware:test_what_the_preview_takes_besides_counts_and_is_told()
  local w = self.w
  w.preview = function()
    return successes:format("  acme.b 2.0.0.0   # b\n  acme.a 2.0.0.0   # a\n  bos.net 7.2.5.0   # net\n  acme.more 3.0.0.0   # more\n")
  end
  lu.assertEquals(migrate(w), 0)
  lu.assertStrContains(w.lists[1], "acme.more 3.0.0.0\n")
  lu.assertStrContains(table.concat(report(w), "\n"), "note: installp takes more than the plan has, as requisites: acme.more 3.0.0.0")
  lu.assertEquals(w.planned_levels["acme.more"], "3.0.0.0")
end

function TestSoftware:test_what_the_preview_leaves_out_is_told_and_still_wanted()
  local w = self.w
  w.preview = function()
    return successes:format("  acme.b 2.0.0.0   # b\n  bos.net 7.2.5.0   # net\n")
      .. "Pre-installation Failure/Warning Summary\n----\nacme.a                    2.0.0.0         Already installed\n"
  end
  lu.assertEquals(migrate(w), 0)
  lu.assertStrContains(w.lists[1], "acme.a 2.0.0.0\n")
  lu.assertEquals(report(w)[1], "warning: the plan has what the preview of installp does not take: acme.a 2.0.0.0 (Already installed)")
end

local function failure(fileset)
  return ("FAILURES\n--------\n  Requisite Failures\n  ------------------\n  SELECTED FILESETS:  The\n\n    %s   # x\n\n"
    .. "  MISSING REQUISITES:  The\n\n    acme.none v=3    # Base Level Fileset\n\n  << End of Failure Section >>\n"):format(fileset)
end

function TestSoftware:test_what_the_plan_has_and_the_preview_refuses_ends_the_phase_with_the_section()
  local w = self.w
  w.preview = function() return failure "acme.a 2.0.0.0" end
  local e = fails(migrate, w)
  lu.assertEquals({ e.code, e.phase, #w.lists }, { "INSTALLP", 6, 0 })
  lu.assertStrContains(e.message, "missing requisites: acme.none v=3. acme.a 2.0.0.0 (Requisite Failures). altmig's plan has it all")
  lu.assertEquals(e.output, "SELECTED FILESETS: acme.a 2.0.0.0  # x\nMISSING REQUISITES: acme.none v=3  # Base Level Fileset")
  w.preview = nil
  lu.assertEquals(resume(w), 0)
end

-- A requisite of two readings: installp is asked, and its answer counts.
function TestSoftware:test_what_the_plan_cannot_decide_installp_does()
  local w = self.w
  w.images[2] = image("acme.a", "2.0.0.0", "*prereq acme.none v=2 r>1\n")
  w.preview = function(list) return list:find("acme.a", 1, true) and failure "acme.a 2.0.0.0" or "" end
  lu.assertEquals(migrate(w), 0)
  lu.assertEquals(w.lists, { "acme.b 2.0.0.0\nbos.net 7.2.5.0\n" })
  lu.assertEquals(report(w)[1], "todo: filesets stay at their level, since installp does not take the new one: "
    .. "acme.a 2.0.0.0 (Requisite Failures)")
  lu.assertNil(w.planned_levels["acme.a"])
end

function TestSoftware:test_what_the_plan_cannot_decide_is_installed_where_installp_takes_it()
  local w = self.w
  w.images[2] = image("acme.a", "2.0.0.0", "*prereq acme.none v=2 r>1\n")
  lu.assertEquals(migrate(w), 0)
  lu.assertEquals(w.lists, { "acme.b 2.0.0.0\nbos.net 7.2.5.0\nacme.a 2.0.0.0\n" })
end

function TestSoftware:test_what_certainly_cannot_be_installed_is_not_tried()
  local w = self.w
  lu.assertEquals(migrate(w, { phases = { 1, 2, 3, 4, 5 } }), 0)
  w.images[2] = image("acme.a", "2.0.0.0", "*prereq acme.none 2.0.0.0\n")
  local e = fails(migrate, w, { phases = { 6 } })
  lu.assertEquals({ e.code, e.phase }, { "INSTALLP", 6 })
  lu.assertStrContains(e.message, "phase 6 cannot install acme.a 2.0.0.0: ")
  lu.assertStrContains(e.message, "acme.none is not there, no image has it")
  lu.assertEquals(world.count(w, "installp %-a"), 0)
  -- Unless the administrator knows better; then installp is asked.
  lu.assertEquals(migrate(w, { phases = { 6 }, accept = { ["missing-requisite"] = "" } }), 0)
  lu.assertStrContains(w.lists[1], "acme.a 2.0.0.0\n")
end

function TestSoftware:test_what_installp_lists_and_no_image_says_is_told()
  local w = self.w
  w.media = "acme:acme.a:3.0.0.0::I:C:::::N:A::::0:1:\nacme:acme.a:2.0.0.0::I:C:::::N:A::::0:1:\nx:x.y:1.0.0.0::I:C:::::N:A::::0:1:\n"
  lu.assertEquals(migrate(w), 0)
  lu.assertEquals(report(w)[1], "warning: installp lists what no image of the lpp_source says to hold, so the plan has not got it: "
    .. "acme.a 3.0.0.0")
end

function TestSoftware:test_a_failed_script_is_told_with_what_it_said_and_a_resume_installs_the_rest()
  local w = self.w
  w.fails["acme.a"] = "acme: /etc/acme.licence is not there\n0503-434 installp:  There are incomplete installation operations"
  local e = fails(migrate, w)
  lu.assertEquals({ e.code, e.phase }, { "INSTALLP", 6 })
  lu.assertStrContains(e.message, "acme.a 2.0.0.0 USR FAILED")
  lu.assertStrContains(e.output, "acme: /etc/acme.licence is not there\n0503-434 ")
  lu.assertNotStrContains(e.output, "x\nx")
  w.fails = {}
  lu.assertEquals(resume(w), 0)
  lu.assertEquals(w.lists, { "acme.b 2.0.0.0\nacme.a 2.0.0.0\nbos.net 7.2.5.0\n", "acme.a 2.0.0.0\nbos.net 7.2.5.0\n" })
  lu.assertEquals(w.cleaned, 1)
  lu.assertStrContains(world.log_text(w), "1 of 3 filesets are installed already")
end

function TestSoftware:test_what_a_killed_installp_left_is_cleaned_up_first()
  local w = self.w
  w.have["acme.b"] = { level = "2.0.0.0", state = "APPLYING" }
  w.clean_status = 1 -- nothing is documented of it
  lu.assertEquals(migrate(w), 0)
  lu.assertEquals(w.cleaned, 1)
  lu.assertStrContains(w.lists[1], "acme.b 2.0.0.0\n", "what -C cannot bring back is installed again")
  lu.assertStrContains(world.log_text(w), "cleaning up what an installp that did not end has left: acme.b APPLYING.")
end

function TestSoftware:test_a_clean_up_that_does_not_help_ends_the_phase()
  local w = self.w
  w.have["acme.b"], w.stuck = { level = "2.0.0.0", state = "APPLYING" }, true
  local e = fails(migrate, w)
  lu.assertEquals({ e.code, #w.lists }, { "INSTALLP", 0 })
  lu.assertStrContains(e.message, "did not clean up: acme.b APPLYING")
end

-- A fileset that was broken on the client before is no trace of this installp.
function TestSoftware:test_what_was_broken_before_is_not_cleaned_up()
  local w = self.w
  w.had["acme.old"] = { level = "1.0.0.0", state = "BROKEN" }
  w.have["acme.old"] = w.had["acme.old"]
  lu.assertEquals(migrate(w), 0)
  lu.assertNil(w.cleaned)
end

-- Killed with its host: no status is left of the job. The same resume does what it has not done.
function TestSoftware:test_a_job_that_is_gone_is_done_again_at_once()
  local w = self.w
  w.job_fails = function(argv)
    if argv[1] ~= "installp" then return nil end
    w.job_fails = nil
    w.have["acme.b"] = { level = "2.0.0.0", state = "APPLYING" }
    return "CANCELLED"
  end
  fails(migrate, w)
  w.running = function() return false end
  lu.assertEquals(resume(w), 0)
  lu.assertEquals({ w.cleaned, w.lists }, { 1, { "acme.b 2.0.0.0\nacme.a 2.0.0.0\nbos.net 7.2.5.0\n" } })
  lu.assertStrContains(world.log_text(w), "installp of an earlier attempt was cut off on nim")
end

-- Killed while the engine was gone: the job has ended by a signal.
function TestSoftware:test_a_job_that_was_killed_meanwhile_is_done_again_at_once()
  local w = self.w
  w.job_fails = function(argv)
    if argv[1] ~= "installp" then return nil end
    w.job_fails = nil
    w.have["acme.b"] = { level = "2.0.0.0", state = "APPLYING" }
    return "CANCELLED"
  end
  fails(migrate, w)
  local id = w.jobs[#w.jobs]
  w.ended[id] = { wait = function() return { signal = "KILL", stdout = "", stderr = "" } end, poll = function() return "done" end,
    cancel = function() return true end, remove = function()
      w.ended[id] = nil
      return true
    end }
  lu.assertEquals(resume(w), 0)
  lu.assertEquals({ w.cleaned, w.lists }, { 1, { "acme.b 2.0.0.0\nacme.a 2.0.0.0\nbos.net 7.2.5.0\n" } })
end

function TestSoftware:test_a_level_that_is_not_the_planned_one_is_in_the_report()
  local w = self.w
  w.software = { ["bos.net"] = { level = "7.2.6.0" }, ["acme.a"] = { level = "2.0.0.0" }, ["acme.b"] = { level = "2.0.0.0" },
    ["acme.new"] = { level = "1.0.0.0" } }
  lu.assertEquals(migrate(w), 0)
  lu.assertEquals(report(w), { "note: acme.new: the plan has none, the copy has 1.0.0.0",
    "note: bos.net: the plan has 7.2.5.0, the copy has 7.2.6.0" })
end
