-- SPDX-License-Identifier: MIT
-- Bundles of altmig probe: nothing of a site survives in one, it is judged like the hosts, and a hostile one gives
-- nothing but an error.

local lu = require "luaunit"
local anonymise = require "altmig.probe.anonymise"
local bundle = require "altmig.probe.bundle"
local json = require "altmig.json"
local probe = require "altmig.probe"
local sys = require "altmig.sys"
local ustar = require "altmig.probe.ustar"

local DIR = os.tmpname()

local function path_of(name)
  if not sys.stat(DIR) or sys.stat(DIR).type ~= "dir" then
    sys.remove(DIR)
    assert(sys.mkdir(DIR, 448))
  end
  return DIR .. "/" .. name
end

-- What a site would not tell, in the forms commands have it.
local planted = { "lpar7", "LPAR7", "corp.example.com", "lpar7.corp.example.com", "nim01", "nimmaster", "backup-srv", "dbhost",
  "10.20.30.40",
"192.168.7.9", "fe80::1:2:3", "2001:db9::7", "00f6eaf21be15e0a", "00F6EAF21BE15E0A", "00f6eaf200004c000000016b94f02d31",
  "00F6EAF24C00", "fa:16:3e:aa:bb:cc", "FA163EAABBCC", "engine-host1", "10.20.30.41", "c0507609abcd0012", "other-lpar" }

local mount_text = "  node       mounted        mounted over    vfs       date        options      \n"
  .. "-------- ---------------  ---------------  ------ ------------ --------------- \n"
  .. "         /dev/hd4         /                jfs2   Jan 05 10:00 rw,log=/dev/hd8 \n"
  .. "backup-srv /export/lpar7_backup /mnt/lpar7 nfs3   Jan 05 10:02 ro,hard,intr    \n"
  .. "zz9      /x               /zz99            nfs3   Jan 05 10:02 ro,hard,intr    \n"

local outputs = {
  { "uname", "client", "00F6EAF24C00\n" }, { "hostname", "client", "lpar7\n" }, { "hostname", "master", "nimmaster\n" },
  { "engine-address", "client", "10.20.30.41 40022 10.20.30.40 22\n" },
  { "host", "client", "engine-host1.corp.example.com is 10.20.30.41,  Aliases:   engine-host1\n", "engine" },
  { "oslevel", "client", "7100-05-03-1846\n" }, { "mount", "client", mount_text },
  { "exportfs", "client", "/home -rw=dbhost:nim01,root=dbhost,access=192.168.7.9:nim01\n/data -sec=sys,ro\n" },
  { "lslpp-L", "client", "bos.rte:bos.rte:7.1.5.33: : :C:F:Base of LPAR7: : : : : : :0:0:/:1845\n" },
  { "lspv", "client", "hdisk0          00f6eaf21be15e0a                    rootvg          active      \n"
    .. "hdisk1          none                                None                        \n" },
  { "lsvg", "client", "VOLUME GROUP:       rootvg                   VG IDENTIFIER:  00f6eaf200004c000000016b94f02d31\n"
    .. "VG STATE:           active                   PP SIZE:        64 megabyte(s)\n"
    .. "VG PERMISSION:      read/write               TOTAL PPs:      639 (40896 megabytes)\n"
    .. "MAX LVs:            256                      FREE PPs:       400 (25600 megabytes)\nLVs:  12   USED PPs: 239 (15296 megabytes)\n" },
  { "lvm-record", "client", "00000E00   5F4C564D 00F6EAF2 00004C00 0000016B  |_LVM......L....k|\n"
    .. "00000E10   94F02D31 00000800 00000800 00000080  |..-1............|\n", "hdisk0" },
  { "odmget-cudvdr", "client", "\nCuDvDr:\n\tresource = \"devno\"\n\tvalue1 = \"10\"\n\tvalue3 = \"c0507609abcd0012\"\n" },
  { "lsnim", "master", "lpar7:\n   class          = machines\n   if1            = net_corp lpar7.corp.example.com FA163EAABBCC ent\n"
    .. "   cpuid          = 00F6EAF24C00\n   Cstate         = ready for a NIM operation\n" },
  { "ps-comm", "client", "COMMAND\nlpar7agent\n" },
  { "lppchk", "client", "lppchk: seen on lpar7.corp.example.com and fe80::1:2:3, 2001:db9::7; card fa:16:3e:aa:bb:cc\n" },
  { "rpcinfo", "client", "   program vers proto   port  service\n    100003    3   tcp   2049  nfs\n"
    .. "    100005    3   tcp  32767  mountd\n" },
}

local function world()
  local ctx = { name = "lpar7", answers = {} }
  ctx.client_resource = { name = "lpar7", ssh = { host = "lpar7.corp.example.com" } }
  local clients = { lpar7 = ctx.client_resource, ["other-lpar"] = { name = "other-lpar", ssh = { host = "10.20.30.40" } } }
  ctx.nim = { data = { clients = clients }, client = function(_, name) return clients[name] end, engine_address = function() end,
    master = function() return { name = "nim01", address = "nimmaster.corp.example.com", ssh = { host = "nim01" } } end }
  for i, one in ipairs(outputs) do
    ctx.answers[i] = { row = one[1], host = one[2], instance = one[4], argv = { "sh", "host", "LPAR7", "10.20.30.40" }, status = 0,
      stdout = one[3], stderr = "warning: 10.20.30.40 of lpar7\n" }
  end
  ctx.answers[#ctx.answers + 1] = { row = "boot-record", host = "client", argv = { "dd" }, status = 0, stderr = "", binary = true,
    stdout = "\201\194\212\193" .. ("\0"):rep(100) .. "\0\246\234\242\27\225\94\10" .. "LPAR7 nim01" .. ("\255"):rep(60) }
  ctx.answers[#ctx.answers + 1] = { row = "toc", host = "master", argv = {}, stdout = "", stderr = "", reason = "lpar7 has no .toc" }
  return ctx
end

local function made()
  local ctx = world()
  local answers, a = bundle.anonymous(ctx)
  local rows = probe.table_of(answers)
  local path = path_of "bundle.tar"
  bundle.write(path, answers, rows, a)
  return path, ctx, answers, rows
end

TestBundles = {}

function TestBundles:tearDown() os.execute(("rm -rf '%s'"):format(DIR)) end

function TestBundles:test_nothing_of_the_site_survives_anywhere()
  local path, ctx = made()
  local before = json.encode(ctx.answers, { lossy = true }):lower()
  local data = assert(sys.read_file(path))
  local lower = data:lower()
  local seen = 0
  for _, word in ipairs(planted) do
    if before:find(word:lower(), 1, true) then seen = seen + 1 end
    lu.assertNil(lower:find(word:lower(), 1, true), word .. " is in the bundle")
  end
  lu.assertTrue(seen > #planted - 3, "what is planted is in the answers")
  local hex = lower:gsub("%x%x%x%x%x%x%x%x  ", ""):gsub("[ \n]", "")
  lu.assertNil(hex:find "00f6eaf21be15e0a", "the PVID as bytes")
  lu.assertNil(hex:find "6c70617237", "the name as bytes")
  lu.assertNil(hex:find("94f02d31", 1, true), "the identifier in a dump")
  lu.assertNil(data:find "%f[%w]zz9%f[%W]")
  lu.assertEquals(sys.stat(path).mode, 384)
end

function TestBundles:test_what_belongs_together_still_does()
  local _, _, answers = made()
  local by_row = {}
  for _, answer in ipairs(answers) do by_row[answer.row .. " " .. answer.host] = answer.stdout end
  local name = by_row["hostname client"]:match "%S+"
  lu.assertNotEquals(name, "lpar7")
  lu.assertEquals(by_row["lsnim master"]:match "^(%S+):", name)
  lu.assertStrContains(by_row["mount client"], "/export/" .. name .. "_backup")
  lu.assertStrContains(by_row["mount client"], "/zz99") -- a short name is replaced where it stands alone
  lu.assertEquals(by_row["uname client"]:match "%S+", by_row["lsnim master"]:match "cpuid%s+= (%S+)")
  lu.assertStrContains(by_row["lslpp-L client"], "7.1.5.33")
  lu.assertStrContains(by_row["lspv client"], "none                                None")
  local id = by_row["lsvg client"]:match "IDENTIFIER:%s+(%x+)"
  lu.assertEquals(#id, 32)
  local words = by_row["lvm-record client"]:gsub("|[^\n]*", ""):gsub("%x+   ", "", 1):gsub("\n%x+   ", " ")
  lu.assertEquals((words:gsub("%s", ""):sub(9, 40):lower()), id)
end

function TestBundles:test_a_bundle_is_judged_like_the_hosts()
  local path, ctx, _, rows = made()
  local live, replayed = probe.table_of(ctx.answers), probe.table_of(bundle.read(path))
  lu.assertEquals(replayed, rows)
  lu.assertEquals(#replayed, #live)
  local accepted = 0
  for i, one in ipairs(live) do
    lu.assertEquals({ replayed[i].row, replayed[i].verdict, replayed[i].rows }, { one.row, one.verdict, one.rows })
    if one.verdict == "accepted" then accepted = accepted + 1 end
  end
  lu.assertTrue(accepted > 10)
end

function TestBundles:test_any_tar_unpacks_it()
  local path = made()
  local r = assert(sys.run { "tar", "tf", path })
  lu.assertEquals(r.status, 0, r.stderr)
  lu.assertStrContains(r.stdout, "altmig-probe/README\n")
  lu.assertStrContains(r.stdout, "altmig-probe/answers/001-client-uname.txt\n")
  -- And one that was looked at, changed and packed again is read.
  assert(sys.run { "tar", "xf", path, "-C", DIR })
  assert(sys.write_file(DIR .. "/altmig-probe/answers/002-client-hostname.txt", "changed\n"))
  lu.assertEquals(assert(sys.run { "tar", "cf", DIR .. "/again.tar", "-C", DIR, "altmig-probe" }).status, 0)
  local answers = bundle.read(DIR .. "/again.tar")
  lu.assertEquals(answers[2].stdout, "changed\n")
end

function TestBundles:test_what_would_leak_is_not_written()
  local ctx = world()
  local answers, a = bundle.anonymous(ctx)
  answers[1].stdout = answers[1].stdout .. "LPAR7\n"
  local path = path_of "leak.tar"
  local ok, e = pcall(bundle.write, path, answers, {}, a)
  lu.assertFalse(ok)
  lu.assertEquals(e.code, "BUNDLE_LEAK")
  lu.assertNil(sys.stat(path))
end

--- Identifiers are found inside longer runs of digits; thousands of them cost no time of their own.
function TestBundles:test_many_disks_are_replaced_in_good_time()
  local a, lines = anonymise.new(), {}
  for i = 1, 4000 do lines[i] = ("hdisk%d 00f6eaf2%08x None\n"):format(i, i * 7919) end
  local text = table.concat(lines)
  a:read { row = "lspv", host = "client", status = 0, stdout = text, stderr = "" }
  local began = sys.clock()
  local out = a:text(text)
  lu.assertTrue(sys.clock() - began < 2, ("%.1f seconds"):format(sys.clock() - began))
  lu.assertNil(out:find "00f6eaf2")
  lu.assertNil(a:leak(out))
  lu.assertNil(a:text("0x" .. ("00f6eaf2%08x"):format(7919):upper() .. "ff"):lower():find "00f6eaf2")
  lu.assertNotNil(a:leak("id=" .. ("00f6eaf2%08x"):format(7919) .. ("0"):rep(16)))
end

function TestBundles:test_pseudonyms_are_no_names_of_the_site()
  local a = anonymise.new()
  for _, name in ipairs { "host1", "host", "domain1", "box2", "lpar7" } do a:name(name) end
  a:address "192.0.2.1"
  local text = a:text "host1 box2 192.0.2.1 192.0.2.11 lpar7 /dev/hdisk1"
  lu.assertNil(a:leak(text))
  lu.assertNil(text:find "192%.0%.2%.1%f[^%d]")
  lu.assertStrContains(text, "192.0.2.11")
  lu.assertStrContains(text, "/dev/hdisk1")
end

-- ---- hostile bundles ----

TestTar = {}

function TestTar:tearDown() os.execute(("rm -rf '%s'"):format(DIR)) end

local files = { { name = "a/b", data = "x" }, { name = "a/c", data = ("y"):rep(1000) }, { name = "d", data = "" } }

-- The same tar with one header changed; its checksum made right again.
local function changed(data, at, offset, bytes)
  local head = data:sub(at, at + 511)
  head = head:sub(1, offset) .. bytes .. head:sub(offset + #bytes + 1)
  local sum = 256
  for i = 1, 512 do
    if i < 149 or i > 156 then sum = sum + head:byte(i) end
  end
  head = head:sub(1, 148) .. ("%06o\0 "):format(sum) .. head:sub(157)
  return data:sub(1, at - 1) .. head .. data:sub(at + 512)
end

function TestTar:test_what_is_packed_is_unpacked()
  local out = assert(ustar.unpack(ustar.pack(files, 0)))
  for _, file in ipairs(files) do lu.assertEquals(out[file.name], file.data) end
end

function TestTar:test_links_devices_and_names_that_lead_elsewhere_are_refused()
  local data = ustar.pack({ { name = "abc/def", data = "x" } }, 0)
  local at = 513 -- behind the directory
  local function refused(text, what)
    local out, message, code = ustar.unpack(text)
    lu.assertNil(out, what)
    lu.assertEquals(code, "BUNDLE")
    lu.assertStrContains(message, what)
  end
  for kind in ("1234567gxLK"):gmatch "." do
    if kind ~= "5" then refused(changed(data, at, 156, kind), "neither a file nor a directory") end
  end
  for _, name in ipairs { "/etc/pa", "../x\0\0\0", "a/../bc", "a//b\0\0\0", "a/./b\0\0", "a\nb\0\0\0\0" } do
    refused(changed(data, at, 0, name), "is no name of a bundle")
  end
  refused(changed(data, at, 124, "77777777777"), "larger than a bundle can be")
  refused(changed(data, at, 124, "-0000000001"), "is no number")
  refused(changed(data, at, 124, "00000010000"), "ends too early")
  refused(changed(data, 1, 124, "00000000001"), "a directory with content")
  refused(data:sub(1, 512) .. data:sub(513, 1536) .. data:sub(513), "there twice")
  refused(data:sub(1, 520) .. "Z" .. data:sub(522), "damaged")
  refused(("x"):rep(1024), "no tar")
  refused("", "ends too early")
  local many = {}
  for i = 1, ustar.count_max + 1 do many[i] = { name = "f" .. i, data = "" } end
  refused(ustar.pack(many, 0), "larger than a bundle can be")
end

function TestTar:test_every_cut_and_every_changed_byte_is_an_answer_or_an_error()
  local data = ustar.pack(files, 0)
  for at = 0, #data - 1, 97 do
    local out, message, code = ustar.unpack(data:sub(1, at))
    lu.assertTrue(out ~= nil or message ~= nil and code == "BUNDLE")
  end
  for at = 1, 1536, 5 do
    local out, message = ustar.unpack(data:sub(1, at - 1) .. "\255" .. data:sub(at + 1))
    lu.assertTrue(out ~= nil or message ~= nil)
  end
end

function TestTar:test_an_index_that_is_none_is_an_error()
  local function refused(index, what)
    local path = path_of "bad.tar"
    local inside = { { name = "altmig-probe/answers.json", data = index }, { name = "altmig-probe/x", data = "y" } }
    assert(sys.write_file(path, ustar.pack(inside, 0)))
    local ok, e = pcall(bundle.read, path)
    lu.assertFalse(ok, index)
    lu.assertEquals(e.code, "BUNDLE")
    lu.assertStrContains(e.message, what)
  end
  refused("{", "answers.json")
  refused("[]", "version")
  refused('{"version":99,"answers":[]}', "of version 99")
  refused('{"version":1,"answers":[{"row":"lspv","host":"client","stdout":"../../etc/passwd"}]}', "not of its form")
  refused('{"version":1,"answers":[{"row":"lspv","host":"elsewhere"}]}', "not of its form")
  refused('{"version":1,"answers":[{"row":"lspv","host":"client","stdout":7}]}', "not of its form")
  refused('{"version":1,"answers":[{"row":"lspv","host":"client","binary":true,"stdout":"x"}]}', "not of its form")
  assert(sys.write_file(path_of "empty.tar", ustar.pack({ { name = "x", data = "" } }, 0)))
  local ok, e = pcall(bundle.read, path_of "empty.tar")
  lu.assertFalse(ok)
  lu.assertStrContains(e.message, "is not in it")
end

-- ---- bundles that somebody sent ----

TestSent = {}

function TestSent:test_each_gives_its_table()
  local count = 0
  for _, name in ipairs(assert(sys.list(DATA_DIR .. "/probe"))) do
    if name:find "%.tar$" then
      local wanted = assert(json.decode(assert(sys.read_file(DATA_DIR .. "/probe/" .. name:gsub("tar$", "json")))))
      local rows = probe.table_of(bundle.read(DATA_DIR .. "/probe/" .. name))
      lu.assertEquals(#rows, #wanted, name)
      for i, one in ipairs(rows) do
        lu.assertEquals({ one.host, one.row, one.instance, one.verdict, one.rows },
          { wanted[i].host, wanted[i].row, wanted[i].instance, wanted[i].verdict, wanted[i].rows }, name)
      end
      count = count + 1
    end
  end
  lu.assertTrue(count > 0)
end
