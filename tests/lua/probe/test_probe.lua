-- SPDX-License-Identifier: MIT
-- altmig probe without a host: the table of assumptions and who refers to it, judges, what a probe does to hosts.

local lu = require "luaunit"
local assumptions = require "altmig.probe.assumptions"
local battery = require "altmig.probe.battery"
local capture = require "altmig.probe.capture"
local err = require "altmig.err"
local host = require "altmig.run.host"
local judge = require "altmig.probe.judge"
local probe = require "altmig.probe"
local resource = require "altmig.resource"
local shell = require "altmig.probe.shell"
local sys = require "altmig.sys"

local ROOT <const> = DATA_DIR .. "/../.."
local BIN <const> = os.getenv "ALTMIG_BIN"

TestAssumptions = {}

function TestAssumptions:test_each_has_an_identifier_a_sentence_and_who_answers_it()
  local seen = {}
  for _, one in ipairs(assumptions.list) do
    lu.assertNotNil(one.id:match "^[%a][%w%-]+$", one.id)
    lu.assertNil(seen[one.id], one.id .. " is there twice")
    seen[one.id] = true
    lu.assertNotNil(one.text:match "^%S.*[.]$", one.id)
    lu.assertTrue(one.state == "open" or (one.state == "confirmed" or one.state == "refuted") and one.by ~= nil, one.id)
    if one.needs ~= "migration" then lu.assertNotNil(battery.get(one.row), one.id .. ": no row " .. tostring(one.row)) end
    lu.assertIs(assumptions.get(one.id), one)
  end
  lu.assertTrue(#assumptions.list > 70)
end

function TestAssumptions:test_each_row_and_each_answer_of_the_shell_is_of_one()
  local names = {}
  for _, row in ipairs(battery.rows) do
    lu.assertNil(names[row.name], row.name)
    names[row.name] = true
    lu.assertNotNil(assumptions.get(row.assumption), row.name)
    lu.assertTrue((row.ask == nil) ~= (row.act == nil), row.name .. " asks or acts")
  end
  for _, one in ipairs(shell.expected) do
    lu.assertNotNil(assumptions.get(one.assumption), one.key)
    lu.assertStrContains(shell.script, 'echo "' .. one.key .. "=")
  end
end

-- Calls fn(path, text) for what a reader of the manual or of the sources sees of a file: all of a text, the comments of
-- a source.
local function each_text(fn)
  local function look(folder)
    for _, name in ipairs(assert(sys.list(ROOT .. "/" .. folder))) do
      local path = folder .. "/" .. name
      if sys.list(ROOT .. "/" .. path) then
        look(path)
      elseif name:find "%.md$" then
        fn(path, assert(sys.read_file(ROOT .. "/" .. path)))
      elseif name:find "%.lua$" or name:find "%.[ch]$" then
        local comments = {}
        local text = assert(sys.read_file(ROOT .. "/" .. path))
        for comment in text:gmatch(name:find "lua$" and "%-%-[^\n]*" or "/%*.-%*/") do comments[#comments + 1] = comment end
        fn(path, table.concat(comments, "\n"))
      end
    end
  end
  look "lua"
  look "engine"
  for _, name in ipairs { "README.md", "tests/README.md" } do fn(name, assert(sys.read_file(ROOT .. "/" .. name))) end
end

-- What is said to be inferred in a text, without an identifier that the table knows.
local function unnamed(text)
  text = text:gsub("\n%s*[-*]* ", " "):gsub('"inferred[^"]*"', "")
  for before, rest in text:gmatch "(.?)[Ii][Nn][Ff][Ee][Rr][Rr][Ee][Dd]([^\n]*)" do
    local id = before == "(" and rest:match "^: ([%w%-]+)%f[^%w%-]"
    if not id then return "inferred" .. rest end
    if not assumptions.get(id) then return id end
  end
end

function TestAssumptions:test_what_is_inferred_has_an_identifier_of_the_table()
  for _, good in ipairs { "a (inferred: lspv-layout).", "(inferred:\n-- lspv-layout; why)", 'source: "inferred"', "nothing" } do
    lu.assertNil(unnamed(good), good)
  end
  for _, bad in ipairs { "it is inferred.", "Inferred: it", "(inferred: no-such-thing)", "(inferred)", "INFERRED" } do
    lu.assertNotNil(unnamed(bad), bad)
  end
  local count = 0
  each_text(function(path, text)
    lu.assertNil(unnamed(text), path .. ": say (inferred: ID), with an ID of lua/altmig/probe/assumptions.lua")
    count = count + select(2, text:gsub("%(inferred:", ""))
  end)
  lu.assertTrue(count > 10)
end

function TestAssumptions:test_the_list_is_printed()
  local r = assert(sys.run({ BIN, "probe", "--list" }, { env = { LANG = "C.UTF-8" } }))
  lu.assertEquals(r.status, 0, r.stderr)
  for _, one in ipairs(assumptions.list) do lu.assertStrContains(r.stdout, ("\n" .. one.id .. ": open"):sub(2)) end
  lu.assertStrContains(r.stdout, "(altmig probe --write-test, row namefs)")
  r = assert(sys.run { BIN, "probe", "--list", "--json" })
  lu.assertEquals(select(2, r.stdout:gsub('"event":"assumption"', "")), #assumptions.list)
  for words, what in pairs { ["--list -c x"] = "exclude each other", ["--replay x --list"] = "exclude each other",
    [""] = "-c CLIENT is missing", ["-c x y"] = "unexpected operand", ["--list --write-test"] = "exclude each other",
    ["-c x --yes"] = "nothing without it", ["-c x --scratch-disk hdisk2"] = "nothing without it",
    ["-c x --write-test --yes --scratch-disk hdisk2"] = "needs -s SPOT",
    ["-c x -s y --write-test --scratch-disk /dev/x"] = "no name of a disk",
    ["-c x -s y --write-test --scratch-disk hdisk2"] = "was not confirmed",
    ["-c x --write-test"] = "was not confirmed" } do
    local argv = { BIN, "probe" }
    for word in words:gmatch "%S+" do argv[#argv + 1] = word end
    r = assert(sys.run(argv))
    lu.assertEquals(r.status, 2, words)
    lu.assertStrContains(r.stderr, what)
  end
end

--- On a terminal the name of the disk is typed again; any other word, yes too, is none.
function TestAssumptions:test_the_disk_is_typed_again_on_a_terminal()
  if not sys.run { "script", "--version" } then lu.skip "script(1) of util-linux is not here" end
  local function typed(word)
    local command = ("( sleep 0.2; echo %s; sleep 0.2 ) | script -qec '%s probe -c x -s y --nim /nonexistent/nim.lua --write-test "
      .. "--scratch-disk hdisk2' /dev/null"):format(word, BIN)
    return assert(sys.run { "sh", "-c", command }).stdout
  end
  for _, word in ipairs { "yes", "hdisk3", "hdisk22" } do
    local said = typed(word)
    lu.assertStrContains(said, "Type the name of the disk again")
    lu.assertStrContains(said, "everything on it is lost")
    lu.assertStrContains(said, "was not confirmed; nothing was done")
  end
  local said = typed "hdisk2"
  lu.assertNotStrContains(said, "was not confirmed")
  lu.assertStrContains(said, "/nonexistent/nim.lua")
end

-- ---- judges ----

TestJudges = {}

local function answer(row, stdout, fields)
  local a = { row = row, host = "client", argv = {}, stdout = stdout, stderr = "", status = 0 }
  for k, v in pairs(fields or {}) do a[k] = v end
  return a
end

local function verdict(...)
  local a = answer(...)
  return probe.judge(a, { a })[1]
end

function TestJudges:test_lines_that_a_parser_passes_over_are_told()
  local v = verdict("lspv", "hdisk0          00c3545039af54e2                    rootvg          active      \n"
    .. "hdisk1          none                                None            \n")
  lu.assertEquals({ v.verdict, v.rows, v.unmatched }, { "accepted", 2, nil })
  v = verdict("lspv", "hdisk0 00c3545039af54e2 rootvg active\nlspv: a warning of many words\n")
  lu.assertEquals({ v.verdict, v.rows, v.unmatched }, { "partial", 1, { "lspv: a warning of many words" } })
  v = verdict("lspv", "nothing of that kind\n")
  lu.assertEquals({ v.verdict, v.rows, v.reason }, { "rejected", 0, "no row in 1 lines" })
  v = verdict("lspv", "", { status = 1, stderr = "0516-1 lspv: no\nmore\n" })
  lu.assertEquals({ v.verdict, v.reason }, { "rejected", "status 1: 0516-1 lspv: no" })
end

function TestJudges:test_headings_are_no_rows()
  local v = verdict("df", "Filesystem    1024-blocks      Free %Used    Iused %Iused Mounted on\n"
    .. "/dev/hd4           262144    120000   55%    12000    40% /\n/proc                   -         -    -         -     -  /proc\n")
  lu.assertEquals({ v.verdict, v.rows }, { "accepted", 2 })
  v = verdict("mount", "  node       mounted        mounted over    vfs       date        options      \n"
    .. "-------- ---------------  ---------------  ------ ------------ --------------- \n"
    .. "         /dev/hd4         /                jfs2   Jan 05 10:00 rw,log=/dev/hd8 \n"
    .. "srv1     /export/a b      /mnt/images      nfs3   Jan 05 10:02 ro,hard,intr    \n")
  lu.assertEquals({ v.verdict, v.rows, #v.unmatched }, { "partial", 1, 1 })
end

function TestJudges:test_answers_that_are_none_and_failures_of_a_parser()
  lu.assertEquals(verdict("trustchk", "", { status = 127 }).verdict, "not asked")
  lu.assertEquals(verdict("lspv", "", { status = 127 }).verdict, "rejected")
  lu.assertEquals(verdict("toc", "", { reason = "there is no .toc" }).reason, "there is no .toc")
  lu.assertEquals(verdict("lspv", "", { problem = "no end within 300 seconds" }).verdict, "rejected")
  lu.assertEquals(verdict("of-a-later-altmig", "x").verdict, "not asked")
  local real = battery.get("lspv").judge
  battery.get("lspv").judge = function() error "a mistake" end
  local v = verdict("lspv", "x")
  battery.get("lspv").judge = real
  lu.assertEquals(v.verdict, "rejected")
  lu.assertStrContains(v.reason, "the parser failed")
end

function TestJudges:test_every_judge_bears_any_answer()
  local texts = { "", "\n", "x\n", ("a b c d e f g h\n"):rep(50), "\0\1\255\n", (":"):rep(300) .. "\n", "host is is is\n", "123\n" }
  for _, row in ipairs(battery.rows) do
    for _, text in ipairs(texts) do
      for _, status in ipairs { 0, 1, 3 } do
        local a = answer(row.name, text, { status = status })
        for _, v in ipairs(probe.judge(a, { a })) do
          lu.assertNotStrContains(v.reason or "", "the parser failed", false, row.name)
          lu.assertNotNil(v.verdict)
        end
      end
    end
  end
end

function TestJudges:test_the_shell_is_judged_key_by_key()
  local a = answer("shell", "umask=0077\numask=x\nfile_limit=\narithmetic=-2147483648\nln_n=0\nkill_l=TERM\nenv_ODMDIR=/alt/etc/objrepos\n")
  local by_name = {}
  for _, v in ipairs(probe.judge(a, { a })) do by_name[v.row] = v end
  lu.assertEquals(by_name["shell.kill_l"].verdict, "accepted")
  lu.assertEquals(by_name["shell.ln_n"].verdict, "rejected")
  lu.assertEquals(by_name["shell.ln_n"].assumption, "ln-n-keeps")
  lu.assertEquals(by_name["shell.file_limit"].verdict, "not asked")
  lu.assertEquals(by_name["shell.env_ODMDIR"].verdict, "rejected")
  lu.assertStrContains(by_name["shell.trap"].reason, "no answer")
  a = answer("shell", "umask=0077\nend=ok\n") -- of an altmig that asked less
  lu.assertEquals(#probe.judge(a, { a }), 1)
end

function TestJudges:test_the_script_of_the_shell_gives_every_answer_here()
  local dir = os.tmpname()
  sys.remove(dir)
  assert(sys.mkdir(dir, 448))
  local r = assert(sys.run({ "sh", "-s", dir }, { stdin = shell.script }))
  os.execute("rm -rf " .. dir)
  lu.assertEquals(r.status, 0, r.stderr)
  lu.assertStrContains(r.stdout, "end=ok")
  for _, one in ipairs(shell.expected) do lu.assertStrContains(r.stdout, one.key .. "=") end
end

-- ---- trials ----

TestTrials = {}

local function facts(...)
  local text = {}
  for name, value in table.concat({ ... }, "\n"):gmatch "([%l%-]+)=([^\n]*)" do text[#text + 1] = name .. ": " .. value .. "\n" end
  return table.concat(text)
end

local function judged(row, text)
  local by_name = {}
  local a = answer(row, text)
  for _, v in ipairs(probe.judge(a, { a })) do by_name[v.row:match "%.(.*)$" or ""] = v end
  return by_name
end

function TestTrials:test_namefs()
  local good = "directory=ok\nseen=ok\nlisted=ok\numount=ok\nfile=ok\nfile-umount=ok\ndevice=status 1: mount: no\nmixed=status 1: x\n"
  local v = judged("namefs", facts(good, "below=ok", "moved=ok", "shown=where it is"))
  for name, one in pairs(v) do lu.assertEquals(one.verdict, "accepted", name) end
  lu.assertEquals(v.device.assumption, "namefs-device")
  v = judged("namefs", facts((good:gsub("device=[^\n]*", "device=ok"):gsub("seen=ok", "seen=status 1")), "moved=ok", "shown=where it was"))
  lu.assertEquals({ v[""].verdict, v.device.verdict, v.moved.verdict, v.file.verdict }, { "rejected", "rejected", "rejected", "accepted" })
  lu.assertEquals(judged("namefs", facts(good, "moved=status 1: busy")).moved.verdict, "accepted")
  lu.assertEquals(judged("namefs", "").moved.verdict, "rejected")
end

function TestTrials:test_nodev()
  local good = "numbers=ok\nmknod=ok\nmknod-private=ok\nmount=ok\nlaid-over=ok\nopen-private=ok\numount-private=ok\numount=ok\n"
  local v = judged("nodev", facts(good, "open-nodev=status 1: no such device"))
  lu.assertEquals({ v[""].verdict, v.private.verdict }, { "accepted", "accepted" })
  v = judged("nodev", facts(good, "open-nodev=ok"))
  lu.assertEquals({ v[""].verdict, v[""].reason }, { "rejected", "the device can be opened" })
  lu.assertEquals(judged("nodev", facts "numbers=ok").private.verdict, "rejected")
end

function TestTrials:test_export_and_boot_image()
  local v = judged("export", facts("export=ok\nlisted=ok\nunexport=ok\nwithdrawn=ok\nnfs=ok\nwrite=ok\nchown=no\nreaddirplus=refused"))
  lu.assertEquals({ v[""].verdict, v.engine.verdict, v.engine.reason, v.readdirplus.verdict, v.master.verdict },
    { "accepted", "rejected", "chown: no", "rejected", "rejected" })
  v = judged("bosboot", facts("bosboot=ok\nblocks=61441\nfile=ok\nboot-volume=written\nheaders=ok"))
  lu.assertEquals({ v[""].verdict, v[""].observed, v["boot-volume"].verdict, v.headers.verdict },
    { "accepted", "61441 blocks", "rejected", "accepted" })
end

function TestTrials:test_without_the_flag_nothing_is_tried()
  for _, row in ipairs(battery.rows) do
    if row.write then
      local a = answer(row.name, "", { reason = "needs --write-test" })
      lu.assertEquals(probe.judge(a, { a })[1].verdict, "not asked")
    end
  end
end

-- ---- what is sent ----

TestWhatIsAsked = {}

table.insert(package.searchers, 2, function(name)
  local short = name:match("^lab%.([%w_]+)$")
  local text, origin = resource.read("scripts/lab/lib/" .. (short or "?") .. ".lua")
  return text and assert(load(text, origin, "t"))
end)

local samples = {
  lspv = "hdisk0 00c3545039af54e2 rootvg active\n", ["lsvg-l"] = "rootvg:\nhd5 boot 1 1 1 closed/syncd N/A\n",
  ["lslv-m"] = "hd5:N/A\nLP    PP1  PV1\n0001  0001 hdisk0\n", ["lpp-files"] = ".toc\nbos\n",
  ["engine-address"] = "10.0.0.1 4000 10.0.0.2 22\n", mount = "         /dev/hd4  /  jfs2 Jan 05 10:00 rw\n", exportfs = "/home -ro\n",
  oslevel = "7100-05-03-1846\n",
}

-- A context whose hosts answer by samples and keep what they were asked.
local function context(fail_at)
  local ctx = { name = "lpar7", dirs = {}, hosts = {}, answers = {}, said = {}, unreachable = {}, asked = {} }
  ctx.say = function(text) ctx.said[#ctx.said + 1] = text end
  ctx.client_resource = { name = "lpar7", ssh = { host = "lpar7.site.example" } }
  ctx.nim = { data = { clients = {} }, master = function() return { name = "nim01", ssh = { host = "nim01" } } end,
    engine_address = function() end }
  ctx.spot = { name = "s", location = "/export/spot/s/usr", host = "master" }
  ctx.lpp_source = { name = "l", location = "/export/l", host = "master" }
  local open = host.connect
  ctx.restore = function() host.connect = open end
  host.connect = function(role, of)
    local h = { name = of.name, role = role, revive = function() end, close = function() end }
    function h.must_script(_, text, args) return h.run(h, args, { script = text }).stdout end
    function h.run(_, argv, opts)
      local script = opts and opts.script
      if script then argv = { "sh", "-s", table.unpack(argv) } end
      ctx.asked[#ctx.asked + 1] = { role = role, argv = argv, script = script }
      if fail_at and table.concat(argv, " "):find(fail_at, 1, true) then
        err.raise { code = "CANCELLED", message = "interrupted" }
      end
      local name
      for _, row in ipairs(battery.rows) do
        if type(row.ask) == "table" and table.concat(row.ask, " ") == table.concat(argv, " ") then name = row.name end
      end
      if script == "echo $SSH_CONNECTION" then name = "engine-address" end
      if argv[1] == "lslv" then name = "lslv-m" end
      if argv[1] == "ls" and argv[2] == "-a" then name = "lpp-files" end
      if argv[1] == "ls" and argv[3] == "/dev/null" then name = "null" end
      if argv[1] == "df" then name = "df" end
      return { status = 0, stdout = samples[name] or "", stderr = "" }
    end
    function h.script(self, text, args) return self:run(args or {}, { script = text }) end
    function h.exported(_, path) return ctx.exported ~= nil and path ~= nil end
    function h.must(self, argv, opts) return self:run(argv, opts).stdout end
    function h.exports() return ctx.exported or {} end
    h.session = { run = function() return { status = 0, stdout = "", stderr = "" } end, methods = function() return {} end,
      open = function() return nil, "no", "SSH_CHANNEL" end,
      job = function() return nil, "no", "JOB_START" end }
    return h
  end
  return ctx
end

function TestWhatIsAsked:test_every_command_line_is_of_the_contract()
  local contract = require "lab.contract"
  local ctx = context()
  capture.run(ctx, error, function() end)
  ctx.restore()
  local deliberate, count = {}, 0
  for _, one in ipairs(ctx.asked) do
    local line = table.concat(one.argv, " ")
    local found = contract.check(one.argv)
    if one.script then table.move(contract.check_script(one.script), 1, 99, #found + 1, found) end
    -- What is asked to see what a wrong flag gives, and what sleep makes of a fraction.
    if line:find " %-%?$" or one.script == shell.script and #found == 1 then
      deliberate[line:gsub("altmig%-probe%-%x+", "DIR")] = #found
    else
      lu.assertEquals(found, {}, line)
    end
    count = count + 1
    lu.assertNil(line:find "savebase" or line:find "mkboot" or line:find "of="
      or one.argv[1] ~= "dump" and line:find "%-X" or line:find "chpv", line)
    if one.role == "master" and not line:find "^sh %-c printf" then lu.assertNil(line:find "hdisk" or line:find "/dev/r", line) end
  end
  lu.assertTrue(count > 70)
  lu.assertEquals(deliberate["sh -s /tmp/DIR"], 1)
  local usage = 0
  for line, n in pairs(deliberate) do
    if line:find " %-%?$" then
      lu.assertTrue(n > 0, line)
      usage = usage + 1
    end
  end
  lu.assertEquals(usage, 4)
end

--- What trials send that write: the ones on a disk have their records, which the lab's test holds against it.
function TestWhatIsAsked:test_every_command_line_of_the_trials_is_of_the_contract()
  local contract = require "lab.contract"
  local tree = require "altmig.tree"
  local nfs = tree.nfs
  tree.nfs = function() return nil, "no NFS here" end
  samples.df, samples.null = "Filesystem 1024-blocks Free %Used Iused %Iused Mounted on\n/dev/hd3 4000000 3000000 1% 9 1% /tmp\n",
    "crw-rw-rw-    1 root     system        2,  2 Jan 05 10:00 /dev/null\n"
  local ctx = context()
  ctx.write = true
  local ok, e = pcall(capture.run, ctx, error, function() end)
  tree.nfs = nfs
  ctx.restore()
  lu.assertTrue(ok, tostring(e))
  local seen = {}
  for _, one in ipairs(ctx.asked) do
    local line = table.concat(one.argv, " ")
    if not line:find " %-%?$" and one.script ~= shell.script then
      lu.assertEquals(contract.check(one.argv), {}, line)
      if one.script then lu.assertEquals((contract.check_script(one.script, { table.unpack(one.argv, 3) })), {}, one.script) end
    end
    local word = one.argv[1]
    seen[word == "sh" and one.script or word .. (one.argv[2] and " " .. one.argv[2] or "")] = true
    lu.assertNil(line:find "savebase" or line:find "mkboot" or line:find "of=/dev"
      or one.argv[1] ~= "dump" and line:find "%-X" or line:find "chpv", line)
  end
  for _, line in ipairs { "mount -v", "mount -o", "exportfs -i", "exportfs -u", "bosboot -a", 'echo x >"$1"' } do
    lu.assertTrue(seen[line], line)
  end
  for _, a in ipairs(ctx.answers) do
    if a.row == "disk" then lu.assertEquals(a.reason, "needs --scratch-disk DISK") end
  end
end

function TestTrials:test_what_a_disk_shows()
  local good = "cut-begun=ok\ncut-left=the group, varied on\ncut-removed=ok\ncut-record=there\ncut-free=0\ncut-member=in none\nclone=ok\n"
    .. "copies=2\ncopies-of-clone=1\nagain=status 1: 0505-126 no\nagain-left=as before\nboot-image=ok\nboot-way=plain\nboot-written=ok\n"
    .. "boot-verdict=good\nsleep=ok\nwake=ok\nwake-names=as before\nexported=ok\n"
    .. "unmounted-exported=status 1: busy\nwithdrawn=ok\nunmounted=ok\nremoved=ok\nremoved-record=there\nremoved-free=0\n"
    .. "cleared-record=none\ncleared-free=1\nbootlist=as before\n"
  local all = judged("disk", facts(good))
  for name, one in pairs(all) do lu.assertEquals(one.verdict, "accepted", name) end
  local function with(key, value, name, wanted)
    local text = ("\n" .. good):gsub("\n" .. key:gsub("%-", "%%-") .. "=[^\n]*", value and ("\n%s=%s"):format(key, value) or "")
    for of, one in pairs(judged("disk", facts(text))) do
      lu.assertEquals(one.verdict, of == name and wanted or "accepted", ("%s=%s: %s"):format(key, tostring(value), of))
    end
  end
  with("cut-left", "no group", "", "rejected")
  with("cut-removed", "status 1: no", "", "rejected")
  with("cut-begun", "it ended before", "", "not asked")
  with("cut-record", "none", "over-record", "not asked")
  with("clone", "0505-126", "over-record", "rejected")
  with("again", "ok", "again", "rejected")
  with("again-left", "no group", "again", "rejected")
  with("boot-image", "0301-150", "image", "rejected")
  with("boot-verdict", "unknown", "boot", "rejected")
  with("wake", "status 1", "wake", "rejected")
  with("wake-names", "alt_alt_hd5", "wake", "rejected")
  with("unmounted-exported", "ok", "export", "rejected")
  with("unmounted", "status 1", "export", "rejected")
  with("removed-record", "none", "record", "rejected")
  with("cleared-record", "there", "record", "rejected")
  with("removed-free", "1", "free", "rejected")
  with("copies-of-clone", "2", "size", "rejected")
  with("copies", "1", "size", "not asked")
  with("bootlist", "hdisk2", "bootlist", "rejected")
end

-- Directories that were named, made and removed, by what was said and asked.
local function directories(ctx)
  local made, removed = {}, {}
  for _, one in ipairs(ctx.asked) do
    if one.argv[1] == "mkdir" then
      lu.assertEquals({ one.argv[2], one.argv[3] }, { "-m", "700" })
      lu.assertStrContains(table.concat(ctx.said, "\n"), one.argv[4])
      made[one.argv[4]] = true
    elseif one.argv[1] == "rm" then
      lu.assertEquals(one.argv[2], "-rf")
      removed[one.argv[3]] = true
    end
  end
  return made, removed
end

function TestWhatIsAsked:test_the_directory_is_named_first_and_always_removed()
  for _, fail_at in ipairs { false, "lspv", "getlvodm -v", "mkdir" } do
    local ctx = context(fail_at or nil)
    local ok, e = pcall(capture.run, ctx, error, function() end)
    ctx.restore()
    lu.assertEquals(ok, not fail_at)
    if fail_at then lu.assertEquals(e.code, "CANCELLED") end
    local made, removed = directories(ctx)
    lu.assertNotNil(next(made))
    lu.assertEquals(removed, made)
  end
end

--- Removing a directory over a mount would remove what is mounted there.
function TestWhatIsAsked:test_a_directory_with_something_mounted_below_stays()
  for _, stuck in ipairs { false, true } do
    local ctx = context()
    ctx.write = true
    local list, unmounted, unexported, said = nil, {}, {}, {}
    local connect = host.connect
    host.connect = function(role, of)
      local h = connect(role, of)
      local run = h.run
      function h.run(_, argv, opts)
        if argv[1] == "mkdir" and argv[2] == "-m" then
          list = list or { "         /x  " .. argv[4] .. "/a/b  namefs Jan 05 10:00 rw\n",
            "         /x  /elsewhere  namefs Jan 05 10:00 rw\n" }
          ctx.exported = ctx.exported or { { path = argv[4] .. "/e" }, { path = argv[4] .. "-other" } }
        elseif argv[1] == "umount" then
          unmounted[#unmounted + 1] = argv[#argv]
          if not stuck then list[1] = "" end
          return { status = stuck and 1 or 0, stdout = "", stderr = "" }
        elseif argv[1] == "mount" and #argv == 1 then
          return { status = 0, stdout = table.concat(list), stderr = "" }
        elseif argv[1] == "exportfs" and argv[2] == "-u" then
          unexported[#unexported + 1] = argv[3]
        end
        return run(h, argv, opts)
      end
      return h
    end
    -- Not the trials themselves: what they leave.
    local rows = battery.rows
    battery.rows = {}
    capture.run(ctx, function(text) said[#said + 1] = text end, function() end)
    battery.rows = rows
    host.connect = connect
    ctx.restore()
    local _, removed = directories(ctx)
    local client = ctx.dirs.client
    lu.assertEquals(unmounted[1], client .. "/a/b")
    lu.assertEquals(unexported[1], client .. "/e")
    for _, at in ipairs(unmounted) do lu.assertNotEquals(at, "/elsewhere") end
    for _, path in ipairs(unexported) do lu.assertNotEquals(path, client .. "-other") end
    lu.assertEquals(removed[client] or false, not stuck)
    if stuck then lu.assertStrContains(said[1], "is left there") end
  end
end

function TestWhatIsAsked:test_a_host_that_cannot_be_reached_costs_its_own_rows()
  local ctx = context()
  local connect = host.connect
  host.connect = function(role, of)
    if role == "master" then err.raise { code = "SSH_CONNECT", message = "no route" } end
    return connect(role, of)
  end
  capture.run(ctx, error, function() end)
  host.connect = connect
  ctx.restore()
  local verdicts = { client = {}, master = {} }
  for _, a in ipairs(ctx.answers) do
    for _, v in ipairs(probe.judge(a, ctx.answers)) do verdicts[a.host][v.verdict] = true end
  end
  lu.assertEquals(verdicts.master, { ["not asked"] = true })
  lu.assertTrue(verdicts.client.accepted)
end

function TestWhatIsAsked:test_a_judge_names_what_it_does_not_take()
  lu.assertEquals(judge.complaint { status = 2, stdout = "", stderr = "\n  x: no such flag\nusage" }, "status 2: x: no such flag")
  lu.assertEquals(judge.complaint { signal = "TERM", stdout = "", stderr = "" }, "signal TERM")
end
