-- SPDX-License-Identifier: MIT
local lu = require "luaunit"
local options = require "altmig.options"

local function refused(fn, ...)
  local ok, e = pcall(fn, ...)
  lu.assertFalse(ok)
  lu.assertEquals(e.code, "USAGE")
  return e.message
end

TestOptions = {}

function TestOptions:test_the_flags_of_a_run()
  local opts = options.for_migration(options.parse({ "-c", "adachi-AIX7", "-l", "lpp", "-sspot", "-d", "hdisk2 hdisk3", "-YV",
    "-P", "3,1 2" }, "nimadm"), "nimadm")
  lu.assertEquals(opts.client, "adachi-AIX7")
  lu.assertEquals(opts.spot, "spot")
  lu.assertEquals(opts.disks, { "hdisk2", "hdisk3" })
  lu.assertEquals(opts.phases, { 1, 2, 3 })
  lu.assertTrue(opts.verbose)
end

function TestOptions:test_the_flags_of_a_cleanup()
  local function parsed(...) return options.for_cleanup(options.parse({ "-C", "-c", "x", "-s", "s", ... }, "nimadm"), "nimadm") end
  lu.assertEquals(parsed("--disk", " hdisk2  hdisk3", "--yes").disk, "hdisk2 hdisk3")
  lu.assertStrContains(refused(parsed, "--yes"), "--yes confirms --disk")
  lu.assertStrContains(refused(parsed, "--yes", "-F"), "--yes confirms --disk")
  lu.assertStrContains(refused(parsed, "--disk", "hdisk2;x"), "is not a disk name")
  lu.assertStrContains(refused(parsed, "--disk", " "), "names no disk")
  for _, flag in ipairs { "--disk=hdisk2", "--yes" } do
    lu.assertStrContains(refused(options.parse, { flag }, "altmig check"), "unknown flag")
  end
end

function TestOptions:test_disks_whose_content_a_migration_overwrites()
  local function parsed(...)
    return options.for_migration(options.parse({ "-cx", "-ll", "-ss", "-d", "hdisk2 hdisk3", "-Y", ... }, "nimadm"), "nimadm")
  end
  lu.assertEquals(parsed("--disk", " hdisk3 ", "--yes").disk, "hdisk3")
  lu.assertStrContains(refused(parsed, "--yes"), "--yes confirms --disk")
  lu.assertStrContains(refused(parsed, "--disk", "hdisk1"), "it is none of the target disks")
  lu.assertStrContains(refused(parsed, "--disk", "hdisk"), "it is none of the target disks")
  lu.assertStrContains(refused(parsed, "--disk", "hdisk2 $x"), "is not a disk name")
end

function TestOptions:test_a_bundle_is_a_name_or_a_file_that_is_there()
  local function parsed(word)
    return options.for_migration(options.parse({ "-cx", "-ll", "-ss", "-dhdisk2", "-Y", "-b", word }, "nimadm"), "nimadm").installp_bundle
  end
  lu.assertEquals(parsed "site", "site")
  lu.assertEquals(parsed "/dev/../dev/null", "/dev/null")
  lu.assertStrContains(refused(parsed, "./none.bnd"), "nimadm: flag -b ./none.bnd: ")
end

function TestOptions:test_what_is_not_supported_is_refused_by_name()
  for _, flag in ipairs { "-j", "-O", "-T" } do
    lu.assertStrContains(refused(options.parse, { "-c", "x", flag, "y" }, "nimadm"), "flag " .. flag .. " is not supported yet")
  end
  lu.assertStrContains(refused(options.parse, { "--html" }, "altmig status"), "unknown flag --html")
  lu.assertStrContains(refused(options.parse, { "--report", "x" }, "altmig check"), "unknown flag --report")
  lu.assertEquals(options.parse({ "--report=x.html" }, "nimadm").report, "x.html")
  lu.assertStrContains(refused(options.parse, { "--dry-run" }, "altmig check"), "unknown flag --dry-run")
  lu.assertStrContains(refused(options.parse, { "--restore-via", "tape" }, "nimadm"), "--restore-via tape: nfs or stream")
  lu.assertStrContains(refused(options.parse, { "--restore-via", "stream" }, "altmig status"), "unknown flag --restore-via")
  lu.assertStrContains(refused(options.parse, { "-k" }, "nimadm"), "unknown flag -k")
end

-- One word per flag, with an argument where it takes one, as a user would type it.
local function typed(flag)
  local word = (#flag == 1 and "-" or "--") .. flag
  local line = options.help("altmig migrate") .. "\n" .. options.help("altmig report") .. "\n"
  return line:find("\n?  " .. word:gsub("%-", "%%-") .. " %u[%u_]* ") and { word, flag == "color" and "never" or "nfs" } or { word }
end

local every_flag = { "c", "l", "s", "d", "Y", "a", "z", "P", "B", "r", "e", "i", "o", "m", "C", "F", "D", "E", "repl-on-error", "V", "v",
  "q", "script", "from", "restore-via", "baseline", "dry-run", "verify-restore", "report", "html", "json", "color", "nim", "state" }

-- Written down a second time, by hand: what each command takes.
local taken = {
  ["altmig status"] = "json color nim state",
  ["altmig report"] = "V v html json color nim state",
  ["altmig cleanup"] = "s F D V v q json color nim state",
  ["altmig repl"] = "script color nim state",
  ["altmig resume"] = "F D E repl-on-error V v q script from restore-via verify-restore report json color nim state",
  ["altmig check"] = "c l s d Y a z B r e i o m q script restore-via baseline json color nim state",
  ["nimadm"] = "c l s d Y a z P B r e i o m C F D E repl-on-error V v q script from restore-via dry-run report json color nim state",
  ["altmig migrate"] = "c l s d Y a z P B r e i o m C F D E repl-on-error V v q script from restore-via dry-run report json color nim "
    .. "state baseline verify-restore",
}

function TestOptions:test_every_command_takes_its_flags_and_refuses_all_others()
  local seen = 0
  for who, list in pairs(taken) do
    local set, help = {}, options.help(who)
    for flag in list:gmatch("%S+") do set[flag] = true end
    for _, flag in ipairs(every_flag) do
      local word = (#flag == 1 and "-" or "--") .. flag
      local listed = ("\n" .. help):find("\n  " .. word:gsub("%-", "%%-") .. "[ \n]") ~= nil
      lu.assertEquals(listed, set[flag] or false, who .. " --help: " .. word)
      if set[flag] and flag ~= "C" then
        options.parse(typed(flag), who)
      elseif not set[flag] then
        local message = refused(options.parse, typed(flag), who)
        lu.assertStrContains(message, ("%s: unknown flag %s (it is a flag of "):format(who, word))
        lu.assertStrContains(message, ("'%s --help'"):format(who))
        seen = seen + 1
      end
    end
    lu.assertStrContains(refused(options.parse, { "-k" }, who), who .. ": unknown flag -k;")
    lu.assertStrContains(refused(options.parse, { "--json=yes" }, who),
      set.json and "--json takes no argument" or "unknown flag --json")
  end
  lu.assertTrue(seen > 100)
end

function TestOptions:test_where_a_refused_flag_belongs()
  lu.assertStrContains(refused(options.parse, { "lpar", "-d", "hdisk3" }, "altmig resume"),
    "altmig resume: unknown flag -d (it is a flag of altmig check, altmig migrate, altmig update, nimadm); "
    .. "'altmig resume --help' lists the flags")
  lu.assertStrContains(refused(options.parse, { "-qr" }, "altmig cleanup"), "unknown flag -r")
  lu.assertStrContains(refused(options.parse, { "-d" }, "altmig repl"), "unknown flag -d")
end

function TestOptions:test_flags_that_go_with_cleanup()
  for _, who in ipairs { "nimadm", "altmig migrate" } do
    lu.assertEquals(options.parse({ "-C", "-c", "x", "-s", "spot", "-FDE" }, who), { cleanup = true, client = "x", spot = "spot",
      force = true, debug = true, repl_on_error = true })
    for _, words in ipairs { { "-C", "-d", "hdisk3" }, { "-r", "-C" }, { "--from", "3", "-C" }, { "-YC" } } do
      lu.assertStrContains(refused(options.parse, words, who), who .. " -C: unknown flag ")
    end
  end
end

function TestOptions:test_resources_debugging_and_mount_options()
  local opts = options.for_migration(options.parse({ "-cx", "-ll", "-ss", "-dhdisk2", "-Y", "-e", "out", "-i", "image", "-obosinst",
    "-m", "-o rsize=65536, wsize=65536", "-DE" }, "nimadm"), "nimadm")
  lu.assertEquals({ opts.exclude_files, opts.image_data, opts.bosinst_data }, { "out", "image", "bosinst" })
  lu.assertEquals(opts.mount_options, "rsize=65536,wsize=65536")
  lu.assertTrue(opts.debug and opts.repl_on_error)
end

function TestOptions:test_mount_options_that_weaken_the_mount_are_refused_by_name()
  lu.assertEquals(options.mount_options("vers=3,nodev,proto=tcp,sec=sys,timeo=600", "x"), "vers=3,nodev,proto=tcp,sec=sys,timeo=600")
  for _, word in ipairs { "dev", "vers=4", "vers", "nfsvers=2", "soft", "ro", "bg", "a b", "x;rm", "x=$(id)", "-t", "=" } do
    lu.assertStrContains(refused(options.mount_options, "rsize=4096," .. word, "nimadm"), ("option '%s'"):format(word))
  end
  refused(options.mount_options, "", "nimadm")
  refused(options.mount_options, " , ,", "nimadm")
end

function TestOptions:test_color_is_one_of_three()
  lu.assertEquals(options.parse({ "--color=never" }, "altmig status").color, "never")
  lu.assertEquals(options.parse({ "--color", "always" }, "altmig report").color, "always")
  lu.assertStrContains(refused(options.parse, { "--color", "pink" }, "altmig check"), "--color pink: auto, always or never")
  refused(options.parse, { "--color" }, "altmig check")
end

function TestOptions:test_color_and_no_color()
  local color, sys = require "altmig.ui.color", require "altmig.sys"
  local getenv, isatty, env = sys.getenv, sys.isatty, {}
  sys.getenv = function(name) return env[name] end
  sys.isatty = function() return true end
  lu.assertEquals(tostring(color.paint({}, 1, "warning", "x")), "\27[33mx\27[0m")
  lu.assertEquals(color.paint({ color = "never" }, 1, "warning", "x"), "x")
  env.NO_COLOR = "1"
  lu.assertEquals(color.paint({}, 1, "warning", "x"), "x")
  lu.assertEquals(color.paint({ color = "auto" }, 1, "warning", "x"), "x")
  lu.assertTrue(color.wanted({ color = "always" }, 1))
  env.NO_COLOR, env.TERM = "", "dumb"
  lu.assertFalse(color.wanted({}, 1))
  env.TERM = "vt100"
  lu.assertTrue(color.wanted({}, 1))
  sys.isatty = function() return false end
  lu.assertFalse(color.wanted({}, 1))
  sys.getenv, sys.isatty = getenv, isatty
end

function TestOptions:test_the_way_of_the_restore()
  lu.assertEquals(options.parse({ "--restore-via", "nfs", "-q" }, "nimadm"), { quiet = true, restore_via = "nfs" })
  lu.assertEquals(options.parse({ "--restore-via=stream" }, "altmig migrate"), { restore_via = "stream" })
end

function TestOptions:test_arguments_that_are_numbers_or_one_of_some_words()
  options.define("x make", { operands = "FILE [NAME ...]", flags = {
    { "n", "n", arg = "N", number = true, needed = true, text = "a number" },
    { "way", "way", arg = "WAY", words = { "up", "down" }, text = "a word" },
    { "q", "q", arg = "Q", empty = true, text = "any text" } } })
  lu.assertEquals(options.synopsis("x make"), "x make -n N [--way WAY] [-q Q] FILE [NAME ...]")
  lu.assertEquals({ options.parse({ "-n7", "f", "--way=up", "-q", "", "--", "-n" }, "x make") },
    { { n = 7, way = "up", q = "" }, { "f", "-n" } })
  for _, word in ipairs { "x", "-1", "1.5", "0x7", "" } do refused(options.parse, { "-n", word }, "x make") end
  lu.assertStrContains(refused(options.parse, { "--way", "up down" }, "x make"), "--way up down: up or down")
  -- Letters of nimadm that are not supported yet are its own.
  lu.assertStrContains(refused(options.parse, { "-j" }, "x make"), "x make: unknown flag -j;")
end

function TestOptions:test_behind_an_operand_nothing_is_a_flag_where_the_rest_is_a_scripts()
  options.define("x run", { operands = "FILE [ARG ...]", leading = true, flags = { { "check", "check", text = "only look" } } })
  lu.assertEquals({ options.parse({ "--check", "f", "--check", "-x" }, "x run") }, { { check = true }, { "f", "--check", "-x" } })
  lu.assertEquals({ options.parse({ "--", "--check" }, "x run") }, { {}, { "--check" } })
  lu.assertEquals({ options.parse({ "-" , "-n" }, "x run") }, { {}, { "-", "-n" } })
end

function TestOptions:test_missing_and_contradicting_flags()
  lu.assertStrContains(refused(options.for_migration, { client = "a", lpp_source = "l", spot = "s" }, "nimadm"), "-d DISK is missing")
  lu.assertStrContains(refused(options.for_migration, { client = "a", lpp_source = "l", spot = "s", disks = "hdisk1" }, "nimadm"), "-Y")
  lu.assertStrContains(refused(options.for_migration, { client = "a", lpp_source = "l", spot = "s", disks = "hdisk1",
    licenses = true, no_bootlist = true, reboot = true }, "nimadm"), "exclude each other")
  lu.assertStrContains(refused(options.parse, { "-c" }, "nimadm"), "needs an argument")
end

function TestOptions:test_names_that_would_leave_the_state_directory()
  refused(options.check_name, "../etc", "x")
  refused(options.check_name, ".hidden", "x")
  refused(options.check_name, "a/b", "x")
  refused(options.for_migration, { client = "a", lpp_source = "l", spot = "s", licenses = true, disks = "hdisk1;rm" }, "nimadm")
end

function TestOptions:test_phases()
  for _, text in ipairs { "0", "13", "1-3", "x", "," } do refused(options.phases, text, "nimadm") end
  lu.assertEquals(options.phases("12, 1,1", "nimadm"), { 1, 12 })
end

function TestOptions:test_a_baseline_is_altmigs_own_flag()
  lu.assertEquals(options.parse({ "--baseline", "lpp71" }, "altmig migrate"), { baseline = "lpp71" })
  lu.assertEquals(options.parse({ "--baseline=/export/lpp71" }, "altmig check"), { baseline = "/export/lpp71" })
  lu.assertStrContains(refused(options.parse, { "--baseline", "x" }, "nimadm"), "unknown flag --baseline")
  lu.assertStrContains(refused(options.parse, { "--baseline" }, "altmig migrate"), "flag --baseline needs an argument")
end
