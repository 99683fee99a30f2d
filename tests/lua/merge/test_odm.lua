-- SPDX-License-Identifier: MIT
-- Golden cases and properties of the methods that merge object classes.

local lu = require "luaunit"
local core = require "altmig.odm_core"
local merge = require "altmig.merge"
local merge_case = require "merge_case"
local odm = require "altmig.odm"
local odm_stale = require "odm_stale"
local sys = require "altmig.sys"

local etc, usr, share = "/etc/objrepos/", "/usr/lib/objrepos/", "/usr/share/lib/objrepos/"

-- Layouts, cut to what the tests need.
local layouts = assert(odm.definitions [[
class Config_Rules { short phase; short seq; long boot_mask; char rule[256]; };
class SRCsubsys { char subsysname[30]; char synonym[30]; char cmdargs[1024]; char path[1024]; long uid;
  short action; short signorm; short waittime; char grpname[30]; };
class SRCextmeth { long action; char subsysname[30]; char method[1024]; char user[30]; };
class SWservAt { char attribute[24]; char deflt[256]; char value[256]; };
class PdDv { char type[16]; char class[16]; char subclass[16]; char DvDr[16]; char uniquetype[48]; };
class PdAt { char uniquetype[48]; char attribute[16]; char deflt[256]; char values[256]; char type[8]; char rep[8]; };
class PdAtXtd { char uniquetype[48]; char attribute[16]; vchar operation[16]; vchar operation_value[256]; vchar help[256]; };
class CuDv { char name[16]; link PdDv PdDv uniquetype PdDvLn[48]; };
class CuAt { char name[16]; char attribute[16]; char value[256]; };
class errnotify { long en_pid; char en_name[16]; short en_persistenceflg; char en_method[255]; };
class errnotify_new { long en_pid; char en_name[16]; short en_persistenceflg; char en_dup[6]; char en_method[20]; };
class GAI { long Adapter_Id; char Module_Key[11]; };
class fix { char name[16]; char abstract[60]; vchar filesets[64]; };
class sm_menu_opt { char id_seq_num[17]; char id[65]; char next_id[65]; vchar text[1025]; char next_type[2]; char alias[2]; };
class sm_name_hdr { char id[65]; vchar name[1025]; };
class sm_cmd_hdr { char id[65]; vchar option_id[65]; vchar cmd_to_exec[1025]; };
class sm_cmd_opt { char id_seq_num[17]; char id[65]; vchar name[1025]; };
class lpp { char name[145]; short state; long cp_flag; short ver; short rel; short mod; short fix; short lpp_id; };
class product { char lpp_name[145]; short update; short ver; short rel; short mod; short fix; };
class history { short lpp_id; short event; short ver; short rel; short mod; short fix; long time; };
class inventory { short lpp_id; short file_type; vchar loc0[1024]; };
]])

local descriptors = {}
for _, layout in ipairs(layouts) do descriptors[layout.name] = layout.descriptors end

-- The bytes of a class with these objects.
local function class(name, rows, layout)
  local image = assert(core.create(name, name, descriptors[layout or name]))
  for _, row in ipairs(rows) do assert(image:add(row)) end
  local data, strings = image:images()
  return { odm_stale.age(data, name), strings }
end

local dir, t

-- Runs a method. inputs: path = { o = image, c = image, n = image }. The live class is N before.
local function run(title, inputs, files)
  local said = { warnings = {}, decisions = {} }
  local function part(name)
    return function(path)
      local base = path:gsub("%.vc$", "")
      local image = inputs[base] and inputs[base][name]
      return image and image[base == path and 1 or 2] or nil
    end
  end
  for _, repository in ipairs { etc, usr, share } do assert(t:makedirs(repository:sub(1, -2))) end
  for _, path in ipairs(files or {}) do
    assert(t:makedirs(path:match("^(.*)/")))
    assert(t:write(path, "x"))
  end
  for path, input in pairs(inputs) do
    if input.n and not t:exists(path) then
      assert(t:write(path, input.n[1]))
      if input.n[2] then assert(t:write(path .. ".vc", input.n[2])) end
    end
  end
  local result = assert(merge.run(title, {
    tree = t, saved = part "c", shipped_old = part "o", shipped_new = part "n",
    saved_stat = function() return { mode = 420, uid = sys.getuid(), gid = sys.getuid() } end,
    warn = function(line) table.insert(said.warnings, line) end,
    report = function(d) table.insert(said.decisions, d) end,
  }))
  lu.assertEquals(result.decisions, #said.decisions)
  return result.status, said
end

local function live(path)
  local directory, name = path:match("^(.*)/([^/]*)$")
  local store <close> = assert(odm.open(t, directory))
  return assert(store:get(name))
end

local function by(rows, ...)
  local map, names = {}, { ... }
  for _, row in ipairs(rows) do
    local key = {}
    for i, name in ipairs(names) do key[i] = tostring(row[name]) end
    map[table.concat(key, " ")] = row
  end
  return map
end

local function find(said, key, attribute)
  for _, d in ipairs(said.decisions) do
    if d.key == key and d.attribute == attribute then return d end
  end
end

TestMergeOdm = {}

function TestMergeOdm:setUp()
  t, dir = merge_case.open()
end

function TestMergeOdm:tearDown()
  merge_case.close(t, dir)
end

local function rule(phase, seq, program) return { phase = phase, seq = seq, boot_mask = 0, rule = program } end

function TestMergeOdm:test_start_rules()
  local inputs = { [etc .. "Config_Rules"] = {
    o = class("Config_Rules", { rule(2, 10, "/etc/methods/defsys"), rule(2, 5, "/etc/methods/a"), rule(2, 7, "/etc/methods/gone") }),
    c = class("Config_Rules", { rule(2, 10, "/etc/methods/defsys"), rule(2, 6, "/etc/methods/a"), rule(2, 7, "/etc/methods/gone"),
      rule(2, 20, "/usr/lib/methods/startacme -x"), rule(2, 21, "/nowhere/start") }),
    n = class("Config_Rules", { rule(2, 12, "/etc/methods/defsys"), rule(2, 8, "/etc/methods/a"), rule(2, 0, "/new") }) } }
  local status, said = run("ODM_merge Config_Rules", inputs, { "/usr/lib/methods/startacme" })
  lu.assertEquals(status, "merged")
  local rows = live(etc .. "Config_Rules")
  local map = by(rows, "rule")
  lu.assertEquals(#rows, 4)
  lu.assertEquals(map["/etc/methods/defsys"].seq, 12)
  lu.assertEquals(map["/etc/methods/a"].seq, 6)
  lu.assertEquals(map["/usr/lib/methods/startacme -x"].seq, 20)
  lu.assertNotNil(map["/new"])
  lu.assertStrContains(find(said, "2 0 /nowhere/start").rule, "does not exist")
  lu.assertEquals(find(said, "2 0 /etc/methods/a", "seq").severity, "conflict")
end

function TestMergeOdm:test_start_rules_without_the_old_class()
  local inputs = { [etc .. "Config_Rules"] = {
    c = class("Config_Rules", { rule(2, 10, "/etc/methods/defsys"), rule(2, 5, "/usr/lib/perf/cfg load") }),
    n = class("Config_Rules", { rule(2, 12, "/etc/methods/defsys"), rule(2, 5, "/usr/lib/perf/cfg load -q") }) } }
  local _, said = run("ODM_merge Config_Rules", inputs, { "/usr/lib/perf/cfg" })
  local rows = live(etc .. "Config_Rules")
  lu.assertEquals(#rows, 2)
  lu.assertEquals(rows[1].seq, 12)
  lu.assertStrContains(find(said, "2 0 /usr/lib/perf/cfg load").rule, "other arguments")
end

local function subsystem(name, more)
  local row = { subsysname = name, path = "/usr/sbin/" .. name, action = 2, signorm = 0, waittime = 20, grpname = "tcpip" }
  for field, value in pairs(more or {}) do row[field] = value end
  return row
end

function TestMergeOdm:test_subsystems_field_by_field()
  local inputs = { [etc .. "SRCsubsys"] = {
    o = class("SRCsubsys", { subsystem "inetd", subsystem "glbd", subsystem("snmpd", { waittime = 20 }), subsystem "deleted",
      subsystem "wrap" }),
    c = class("SRCsubsys", { subsystem("inetd", { cmdargs = "-t 100", action = 1 }), subsystem "glbd",
      subsystem("snmpd", { waittime = 60, signorm = 15 }), subsystem("acmed", { synonym = "x" }), subsystem("wrap",
        { path = "/opt/site/wrap" }) }),
    n = class("SRCsubsys", { subsystem("inetd", { path = "/usr/lib/inetd", action = 2 }), subsystem("snmpd", { waittime = 30,
      signorm = 9 }),
      subsystem("fresh", { synonym = "x" }), subsystem "deleted", subsystem("wrap", { path = "/usr/lib/wrap" }) }) } }
  local status, said = run("ODM_merge SRCsubsys", inputs, { "/opt/site/wrap" })
  lu.assertEquals(status, "merged")
  local map = by(live(etc .. "SRCsubsys"), "subsysname")
  lu.assertEquals(map.inetd.cmdargs, "-t 100")
  lu.assertEquals(map.inetd.path, "/usr/lib/inetd")
  lu.assertEquals(map.inetd.action, 1)
  lu.assertEquals(map.snmpd.waittime, 60) -- both changed it: the site's
  lu.assertEquals(map.snmpd.signorm, 9) -- both changed it, but it must fit the program
  lu.assertEquals(map.wrap.path, "/opt/site/wrap")
  lu.assertNil(map.glbd)
  lu.assertNil(map.deleted)
  lu.assertNotNil(map.fresh)
  lu.assertNotNil(map.acmed)
  lu.assertStrContains(find(said, "acmed", nil).rule, "added by the site")
  lu.assertEquals(find(said, "deleted").rule, "removed by the site: stays removed")
  local seen = false
  for _, d in ipairs(said.decisions) do seen = seen or d.rule:find("synonym x is also of fresh", 1, true) ~= nil end
  lu.assertTrue(seen)
end

function TestMergeOdm:test_external_methods_need_their_subsystem()
  local function method(name) return { action = 1, subsysname = name, method = "/m", user = "root" } end
  local inputs = {
    [etc .. "SRCsubsys"] = { c = class("SRCsubsys", { subsystem "acmed" }), n = class("SRCsubsys", { subsystem "inetd" }) },
    [etc .. "SRCextmeth"] = { c = class("SRCextmeth", { method "acmed", method "ghost" }), n = class("SRCextmeth", { method "inetd" }) },
  }
  run("ODM_merge SRCextmeth", inputs)
  local map = by(live(etc .. "SRCextmeth"), "subsysname")
  lu.assertNotNil(map.acmed)
  lu.assertNotNil(map.inetd)
  lu.assertNil(map.ghost)
end

local function service(attribute, deflt, value) return { attribute = attribute, deflt = deflt, value = value or deflt } end

function TestMergeOdm:test_service_attributes()
  local inputs = {
    [etc .. "CuDv"] = { c = class("CuDv", { { name = "hd6" } }) },
    [etc .. "SWservAt"] = {
      o = class("SWservAt", { service("alog_type", "boot"), service("boot_logsize", "4096"), service("errlog_size", "1048576"),
        service("alog_type", "nim"), service("nim_logsize", "1") }),
      c = class("SWservAt", { service("alog_type", "boot"), service("boot_logsize", "4096"), service("errlog_size", "1048576", "4194304"),
        service("alog_type", "acme"), service("acme_logname", "/var/acme.log"), service("primary", "/dev/x", "/dev/gone") }),
      n = class("SWservAt", { service("alog_type", "boot"), service("boot_logsize", "131072"), service("errlog_size", "2097152"),
        service("alog_type", "nim"), service("nim_logsize", "2"), service("alog_type", "fresh") }) } }
  local _, said = run("ODM_merge SWservAt", inputs)
  local map = by(live(etc .. "SWservAt"), "attribute", "value")
  lu.assertNotNil(map["boot_logsize 131072"])
  lu.assertEquals(map["errlog_size 4194304"].deflt, "2097152")
  lu.assertNotNil(map["alog_type acme"])
  lu.assertNotNil(map["acme_logname /var/acme.log"])
  lu.assertNotNil(map["alog_type fresh"])
  lu.assertNil(map["alog_type nim"]) -- the site removed it, and what belongs to it goes too
  lu.assertNil(map["nim_logsize 2"])
  lu.assertStrContains(find(said, "primary", "value").rule, "no device")
end

local function device(class_name, subclass, kind, driver)
  return { type = kind, class = class_name, subclass = subclass, DvDr = driver,
    uniquetype = class_name .. "/" .. subclass .. "/" .. kind }
end

local function predefined()
  return {
    [etc .. "CuDv"] = { c = class("CuDv", { { name = "hdisk0", PdDvLn = "disk/vscsi/vdisk" }, { name = "atm0",
      PdDvLn = "adapter/pci/atm" } }) },
    [etc .. "CuAt"] = { c = class("CuAt", { { name = "hdisk0", attribute = "alg", value = "old" } }) },
    [usr .. "PdDv"] = {
      o = class("PdDv", { device("disk", "vscsi", "vdisk", "a"), device("adapter", "pci", "atm", "a"), device("adapter", "pci",
        "tok", "a") }),
      c = class("PdDv", { device("disk", "vscsi", "vdisk", "mine"), device("adapter", "pci", "atm", "a"), device("adapter", "pci",
        "tok", "a"),
        device("disk", "fcp", "acme", "acmedd") }),
      n = class("PdDv", { device("disk", "vscsi", "vdisk", "b"), device("adapter", "vdevice", "vnic", "b") }) } }
end

function TestMergeOdm:test_predefined_devices()
  local status, said = run("ODM_merge PdDv", predefined())
  lu.assertEquals(status, "merged")
  local map = by(live(usr .. "PdDv"), "uniquetype")
  lu.assertEquals(map["disk/vscsi/vdisk"].DvDr, "b")
  lu.assertEquals(map["disk/fcp/acme"].DvDr, "acmedd")
  lu.assertNotNil(map["adapter/pci/atm"]) -- a device of this system needs it
  lu.assertNil(map["adapter/pci/tok"])
  lu.assertEquals(find(said, "disk/vscsi/vdisk").severity, "conflict")
end

local function attribute(kind, name, deflt, values, more)
  local row = { uniquetype = kind, attribute = name, deflt = deflt, values = values, type = "R", rep = "nr" }
  for field, value in pairs(more or {}) do row[field] = value end
  return row
end

function TestMergeOdm:test_predefined_attributes()
  local disk = "disk/vscsi/vdisk"
  local inputs = predefined()
  inputs[usr .. "PdAt"] = {
    o = class("PdAt", { attribute(disk, "depth", "3", "1-64,1"), attribute(disk, "depth2", "3", "1-64,1"), attribute(disk, "alg",
      "a", "a,b"),
      attribute(disk, "same", "1", "1-9,1"), attribute(disk, "group", "1", "1,2", { type = "G" }) }),
    c = class("PdAt", { attribute(disk, "depth", "0x20", "1-64,1"), attribute(disk, "depth2", "64", "1-64,1"), attribute(disk,
      "alg", "a", "a,b"),
      attribute(disk, "same", "1", "1-9,1"), attribute(disk, "group", "2", "1,2", { type = "G" }),
      attribute("disk/fcp/acme", "x", "1", ""), attribute("adapter/pci/tok", "x", "1", "") }),
    n = class("PdAt", { attribute(disk, "depth", "8", "8-256,8"), attribute(disk, "depth2", "8", "1-32,1"), attribute(disk, "alg",
      "b", "b,c"),
      attribute(disk, "same", "2", "1-9,1"), attribute(disk, "group", "3", "1,2,3", { type = "G" }) }) }
  local _, said = run("ODM_merge PdAt", inputs)
  local map = by(live(usr .. "PdAt"), "uniquetype", "attribute")
  lu.assertEquals(map[disk .. " depth"].deflt, "0x20")
  lu.assertEquals(map[disk .. " depth"].values, "8-256,8")
  lu.assertEquals(map[disk .. " depth2"].deflt, "8") -- 64 is out of the new range: this one alone is reset
  lu.assertEquals(map[disk .. " alg"].deflt, "b")
  lu.assertEquals(map[disk .. " group"].deflt, "3")
  lu.assertNotNil(map["disk/fcp/acme x"])
  lu.assertNil(map["adapter/pci/tok x"])
  lu.assertStrContains(find(said, "hdisk0", "same").rule, "follows the default")
  lu.assertStrContains(find(said, "hdisk0", "alg").rule, "not among b,c")
end

function TestMergeOdm:test_which_values_an_attribute_admits()
  lu.assertTrue(require("altmig.merge.odm").admits("5", "1-64,1", true))
  lu.assertTrue(require("altmig.merge.odm").admits("0x10", "8-256,8", true))
  lu.assertFalse(require("altmig.merge.odm").admits("9", "8-256,8", true))
  lu.assertFalse(require("altmig.merge.odm").admits("65", "1-64,1", true))
  lu.assertTrue(require("altmig.merge.odm").admits("0", "0,30-3600,1", true))
  lu.assertTrue(require("altmig.merge.odm").admits("0x40000", "0x20000,0x40000", true))
  lu.assertFalse(require("altmig.merge.odm").admits("c", "a,b", false))
  lu.assertTrue(require("altmig.merge.odm").admits("anything", "", false))
  lu.assertFalse(require("altmig.merge.odm").admits("x", "1-9,1", true))
end

function TestMergeOdm:test_extended_attributes()
  local function row(kind, more)
    more.uniquetype = kind
    return more
  end
  local inputs = predefined()
  inputs[usr .. "PdAtXtd"] = {
    c = class("PdAtXtd", { row("disk/vscsi/vdisk", { attribute = "depth", help = "old" }),
      row("disk/fcp/acme", { operation = "list", operation_value = "1" }), row("disk/fcp/acme", { operation = "list",
        operation_value = "2" }),
      row("nowhere/x/y", { attribute = "z" }) }),
    n = class("PdAtXtd", { row("disk/vscsi/vdisk", { attribute = "depth", help = "new" }) }) }
  run("ODM_merge PdAtXtd", inputs)
  local rows = live(usr .. "PdAtXtd")
  lu.assertEquals(#rows, 3)
  lu.assertEquals(rows[1].help, "new")
end

function TestMergeOdm:test_error_notification_takes_the_new_layout()
  local function row(name, more)
    local object = { en_name = name, en_persistenceflg = 1, en_method = "/m " .. name }
    for field, value in pairs(more or {}) do object[field] = value end
    return object
  end
  local inputs = { [etc .. "errnotify"] = {
    c = class("errnotify", { row "diagela", row("acme", { en_method = "/opt/acme/bin/alert \"$1\"" }), row("proc", { en_pid = 77 }),
      row("volatile", { en_persistenceflg = 0 }), row "", row("", { en_method = "/other" }) }),
    n = class("errnotify", { row "diagela", row "fresh" }, "errnotify_new") } }
  local status, said = run("convert_errnotify", inputs)
  lu.assertEquals(status, "merged")
  local rows = live(etc .. "errnotify")
  local map = by(rows, "en_name")
  lu.assertEquals(#rows, 5)
  lu.assertEquals(map.acme.en_method, "/opt/acme/bin/alert") -- 19 bytes is what the new level has room for
  lu.assertEquals(map.acme.en_dup, "")
  lu.assertNil(map.proc)
  lu.assertNil(map.volatile)
  lu.assertStrContains(find(said, "acme", "en_method").rule, "cut to the 19 bytes")
end

function TestMergeOdm:test_fixes()
  local function row(name, filesets) return { name = name, abstract = name, filesets = filesets } end
  local function fileset(name, id) return { name = name, state = 5, ver = 7, rel = 1, mod = 0, fix = 0, lpp_id = id } end
  local inputs = {
    [usr .. "lpp"] = { c = class("lpp", { fileset("bos.rte", 1), fileset("acme.rte", 2) }), n = class("lpp", { fileset("bos.rte", 1) }) },
    [usr .. "fix"] = {
      c = class("fix", { row("IV1", "bos.rte:7.1.5.0\n"), row("IV2", "acme.rte:1.0.0.1\n"), row("IV3",
        "bos.rte:7.1.5.1\nacme.rte:1.0.0.1\n") }),
      n = class("fix", { row("IV3", "bos.rte:7.2.5.1\n"), row("IV4", "bos.rte:7.2.5.1\n") }) } }
  run("ODM_merge fix", inputs)
  local map = by(live(usr .. "fix"), "name")
  lu.assertNil(map.IV1)
  lu.assertNotNil(map.IV2)
  lu.assertEquals(map.IV3.filesets, "bos.rte:7.2.5.1\nacme.rte:1.0.0.1\n")
  lu.assertNotNil(map.IV4)
end

function TestMergeOdm:test_graphics_adapters_are_whole_objects()
  local function row(id, key) return { Adapter_Id = id, Module_Key = key } end
  lu.assertEquals(run("ODM_merge GAI", {}), "new") -- normal without graphics
  local inputs = { [usr .. "GAI"] = { o = class("GAI", { row(1, "a"), row(2, "b") }),
    c = class("GAI", { row(1, "a"), row(2, "b"), row(3, "c") }), n = class("GAI", { row(1, "z") }) } }
  run("ODM_merge GAI", inputs)
  local map = by(live(usr .. "GAI"), "Adapter_Id", "Module_Key")
  lu.assertNotNil(map["1 z"])
  lu.assertNotNil(map["3 c"])
  lu.assertNil(map["2 b"])
end

function TestMergeOdm:test_smit_dialogs_come_from_one_side()
  local function header(id, options, command) return { id = id, option_id = options, cmd_to_exec = command } end
  local function option(id, number, name) return { id = id, id_seq_num = number, name = name } end
  local function item(id, next_id, text) return { id = id, next_id = next_id, id_seq_num = "010", text = text, next_type = "m",
    alias = "" } end
  local inputs = {
    [usr .. "sm_menu_opt"] = {
      c = class("sm_menu_opt", { item("top_menu", "swdist", "Old"), item("top_menu", "acme", "ACME"), item("top_menu", "void", "Void") }),
      n = class("sm_menu_opt", { item("top_menu", "swdist", "New"), item("top_menu", "more", "More") }) },
    [usr .. "sm_name_hdr"] = { c = class("sm_name_hdr", { { id = "acme", name = "ACME" } }), n = class("sm_name_hdr", {}) },
    [usr .. "sm_cmd_hdr"] = {
      o = class("sm_cmd_hdr", { header("level", "level_opt", "old"), header("disk", "disk_opt", "d") }),
      c = class("sm_cmd_hdr", { header("level", "level_opt", "old"), header("disk", "disk_opt", "site"), header("acme_d",
        "acme_opt", "/opt/a") }),
      n = class("sm_cmd_hdr", { header("level", "level_opt", "new"), header("disk", "disk_opt", "d") }) },
    [usr .. "sm_cmd_opt"] = {
      o = class("sm_cmd_opt", { option("level_opt", "010", "a"), option("disk_opt", "010", "x") }),
      c = class("sm_cmd_opt", { option("level_opt", "010", "a"), option("level_opt", "015", "site"), option("disk_opt", "010", "y"),
        option("acme_opt", "010", "A") }),
      n = class("sm_cmd_opt", { option("level_opt", "010", "b"), option("level_opt", "020", "c"), option("disk_opt", "010", "x") }) },
  }
  local status, said = run("merge_smit_db", inputs)
  lu.assertEquals(status, "merged")
  local headers = by(live(usr .. "sm_cmd_hdr"), "id")
  local options = by(live(usr .. "sm_cmd_opt"), "id", "id_seq_num")
  lu.assertEquals(headers.level.cmd_to_exec, "new") -- both changed the dialog: the new level's, whole
  lu.assertEquals(options["level_opt 010"].name, "b")
  lu.assertNil(options["level_opt 015"])
  lu.assertEquals(headers.disk.cmd_to_exec, "site") -- the vendor left it alone
  lu.assertEquals(options["disk_opt 010"].name, "y")
  lu.assertNotNil(headers.acme_d)
  lu.assertNotNil(options["acme_opt 010"])
  lu.assertEquals(find(said, "level_opt").severity, "conflict")
  local menus = by(live(usr .. "sm_menu_opt"), "next_id")
  lu.assertEquals(menus.swdist.text, "New")
  lu.assertNotNil(menus.acme)
  lu.assertNotNil(menus.more)
  lu.assertStrContains(find(said, "top_menu void m ").rule, "only in the old class")
  lu.assertEquals(#live(usr .. "sm_name_hdr"), 1)
end

-- --- the software database ---------------------------------------------------------------------------

local function fileset(name, level, id, more)
  local v, r, m, f = level:match("(%d+)%.(%d+)%.(%d+)%.(%d+)")
  local row = { name = name, state = 5, cp_flag = 0x111, ver = v, rel = r, mod = m, fix = f, lpp_id = id }
  for field, value in pairs(more or {}) do row[field] = value end
  return row
end

local function product(name, level, update)
  local v, r, m, f = level:match("(%d+)%.(%d+)%.(%d+)%.(%d+)")
  return { lpp_name = name, update = update or 0, ver = v, rel = r, mod = m, fix = f }
end

local function event(id, time) return { lpp_id = id, event = 1, ver = 7, rel = 1, mod = 0, fix = 0, time = time } end
local function file(id, path, kind) return { lpp_id = id, file_type = kind or 0, loc0 = path } end

local function databases()
  return {
    [usr .. "lpp"] = {
      c = class("lpp", { fileset("__SWVPD_CTL__", "0.0.0.0", 5), fileset("acme.rte", "3.4.0.2", 1), fileset("bos.rte", "7.1.5.0", 2),
        fileset("old.opt", "7.1.0.0", 3), fileset("broken.rte", "1.0.0.0", 4, { state = 1, cp_flag = 0x113 }) }),
      n = class("lpp", { fileset("__SWVPD_CTL__", "0.0.0.0", 3), fileset("bos.rte", "7.2.5.0", 1), fileset("bos.new", "7.2.5.0", 2) }) },
    [usr .. "product"] = {
      c = class("product", { product("acme.rte", "3.4.0.0"), product("acme.rte", "3.4.0.2", 1), product("bos.rte", "7.1.5.0"),
        product("bos.rte", "7.1.5.1", 1), product("old.opt", "7.1.0.0"), product("broken.rte", "1.0.0.0") }),
      n = class("product", { product("bos.rte", "7.2.5.0"), product("bos.new", "7.2.5.0") }) },
    [usr .. "history"] = {
      c = class("history", { event(1, 10), event(2, 20), event(2, 30), event(9, 1) }),
      n = class("history", { event(1, 100), event(2, 200) }) },
    [usr .. "inventory"] = {
      c = class("inventory", { file(1, "/opt/acme/bin/x"), file(1, "/usr/bin/shared"), file(2, "/unix"), file(3, "/usr/bin/new"),
        file(3, "/usr", 1), file(4, "/x") }),
      n = class("inventory", { file(1, "/unix"), file(2, "/usr/bin/new"), file(2, "/usr/bin/shared"), file(2, "/usr", 1) }) },
    [etc .. "lpp"] = { c = class("lpp", { fileset("acme.rte", "3.4.0.1", 1) }), n = class("lpp", { fileset("bos.rte", "7.2.5.0", 1) }) },
    [etc .. "product"] = { c = class("product", { product("acme.rte", "3.4.0.1") }), n = class("product", { product("bos.rte",
      "7.2.5.0") }) },
    [etc .. "history"] = { c = class("history", { event(1, 10) }), n = class("history", {}) },
    [etc .. "inventory"] = { c = class("inventory", { file(1, "/etc/acme") }), n = class("inventory", { file(1, "/etc/rc") }) },
  }
end

function TestMergeOdm:test_software_database()
  local status, said = run("merge_swvpds", databases())
  lu.assertEquals(status, "merged")
  local rows = live(usr .. "lpp")
  local lpp = by(rows, "name")
  lu.assertEquals(lpp["bos.rte"].lpp_id, 1)
  lu.assertEquals(lpp["bos.rte"].rel, 2)
  lu.assertEquals(lpp["acme.rte"].lpp_id, 3)
  lu.assertEquals(lpp["old.opt"].lpp_id, 4)
  lu.assertEquals(lpp["broken.rte"].lpp_id, 5)
  lu.assertEquals(lpp["__SWVPD_CTL__"].lpp_id, 6)
  local products = by(live(usr .. "product"), "lpp_name", "update", "rel")
  lu.assertNotNil(products["acme.rte 1 4"])
  lu.assertNil(products["bos.rte 1 1"])
  lu.assertEquals(#live(usr .. "product"), 6)
  local history = {}
  for i, row in ipairs(live(usr .. "history")) do history[i] = row.lpp_id .. ":" .. row.time end
  lu.assertEquals(table.concat(history, " "), "2:200 3:10 1:20 1:30 1:100") -- in each fileset the old comes first
  local files = by(live(usr .. "inventory"), "loc0", "lpp_id")
  lu.assertNotNil(files["/opt/acme/bin/x 3"])
  lu.assertNil(files["/usr/bin/shared 3"])
  lu.assertNotNil(files["/usr/bin/shared 2"])
  lu.assertNil(files["/usr/bin/new 4"])
  lu.assertNotNil(files["/usr 4"])
  lu.assertEquals(by(live(etc .. "lpp"), "name")["acme.rte"].lpp_id, 2)
  lu.assertNotNil(by(live(etc .. "inventory"), "loc0", "lpp_id")["/etc/acme 2"])
  local text = {}
  for _, d in ipairs(said.decisions) do text[#text + 1] = d.file .. " " .. d.key .. " " .. d.rule end
  local all = table.concat(text, "\n")
  lu.assertStrContains(all, "old.opt obsolete")
  lu.assertStrContains(all, "broken.rte was in state 1")
  lu.assertStrContains(all, "acme.rte usr part is at 3.4.0.2, root part at 3.4.0.1")
  lu.assertStrContains(all, "broken.rte its root part is not recorded")
  lu.assertStrContains(all, "9 history of a number that no fileset has")
end

function TestMergeOdm:test_numbers_run_out_and_are_found()
  local inputs = databases()
  inputs[usr .. "lpp"].n = class("lpp", { fileset("bos.rte", "7.2.5.0", 32767), fileset("bos.new", "7.2.5.0", 2) })
  run("merge_swvpds", inputs)
  local lpp = by(live(usr .. "lpp"), "name")
  lu.assertEquals(lpp["acme.rte"].lpp_id, 1)
  lu.assertEquals(lpp["old.opt"].lpp_id, 3)
end

function TestMergeOdm:test_a_repository_that_the_new_level_lacks_stays()
  local inputs = databases()
  for _, name in ipairs { "lpp", "product", "history", "inventory" } do
    inputs[share .. name] = { c = inputs[etc .. name].c }
  end
  run("merge_swvpds", inputs)
  lu.assertEquals(by(live(share .. "lpp"), "name")["acme.rte"].lpp_id, 1)
  lu.assertEquals(#live(share .. "inventory"), 1)
end

function TestMergeOdm:test_a_broken_repository_costs_only_itself()
  local inputs = databases()
  inputs[etc .. "product"].c = { "no class at all" }
  local status, said = run("merge_swvpds", inputs)
  lu.assertEquals(status, "unparsable")
  lu.assertStrContains(said.warnings[1], etc .. "product")
  lu.assertNil(by(live(etc .. "lpp"), "name")["acme.rte"])
  lu.assertNotNil(by(live(usr .. "lpp"), "name")["acme.rte"])
end

-- --- what holds for all -------------------------------------------------------------------------------

function TestMergeOdm:test_a_class_nobody_can_read_leaves_the_new_one()
  local inputs = { [etc .. "SRCsubsys"] = { c = { "rubbish" }, n = class("SRCsubsys", { subsystem "inetd" }) } }
  assert(t:makedirs "/etc/objrepos")
  assert(t:write(etc .. "SRCsubsys", "half a merge"))
  local status, said = run("ODM_merge SRCsubsys", inputs)
  lu.assertEquals(status, "unparsable")
  lu.assertStrContains(said.warnings[1], "/etc/objrepos/SRCsubsys")
  lu.assertStrContains(said.warnings[1], "new one active, yours in save.config")
  lu.assertEquals(t:read(etc .. "SRCsubsys"), inputs[etc .. "SRCsubsys"].n[1])
  lu.assertEquals(t:read(etc .. "SRCsubsys.vc"), inputs[etc .. "SRCsubsys"].n[2])
end

local function random_rows(random, count)
  local rows = {}
  for i = 1, count do
    if random(3) > 1 then
      rows[#rows + 1] = subsystem("s" .. i, { cmdargs = "a" .. random(3), waittime = random(3), signorm = random(3) })
    end
  end
  return rows
end

function TestMergeOdm:test_properties_over_random_classes()
  local path = etc .. "SRCsubsys"
  math.randomseed(7)
  for _ = 1, 40 do
    local o, c, n = random_rows(math.random, 8), random_rows(math.random, 10), random_rows(math.random, 9)
    local image = { o = class("SRCsubsys", o), c = class("SRCsubsys", c), n = class("SRCsubsys", n) }
    run("ODM_merge SRCsubsys", { [path] = { o = image.o, c = image.o, n = image.n } })
    lu.assertEquals(t:read(path), image.n[1]) -- nothing changed by the site
    run("ODM_merge SRCsubsys", { [path] = { o = image.o, c = image.c, n = image.o } })
    local ours = core.parse(path, image.c[1], image.c[2]):get()
    lu.assertEquals(by(live(path), "subsysname"), by(ours, "subsysname")) -- nothing changed by the vendor
    local inputs = { [path] = image }
    run("ODM_merge SRCsubsys", inputs)
    local once, strings = t:read(path), t:read(path .. ".vc")
    run("ODM_merge SRCsubsys", inputs)
    lu.assertEquals(t:read(path), once)
    lu.assertEquals(t:read(path .. ".vc"), strings)
    local merged = by(live(path), "subsysname")
    local old = by(o, "subsysname")
    for _, row in ipairs(c) do
      if not old[row.subsysname] then lu.assertNotNil(merged[row.subsysname]) end -- what the site added stays
    end
    image.c = { once, strings }
    run("ODM_merge SRCsubsys", inputs)
    lu.assertEquals(by(live(path), "subsysname"), merged) -- merging the result again changes nothing
  end
end
