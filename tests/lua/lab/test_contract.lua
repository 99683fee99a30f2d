-- SPDX-License-Identifier: MIT
-- The contract of AIX commands (scripts/lab/lib/contract_commands.lua) and its checker.

local json = require "altmig.json"
local lu = require "luaunit"
local resource = require "altmig.resource"

local has_sys, sys = pcall(require, "altmig.sys")

table.insert(package.searchers, 2, function(name)
  local short = name:match("^lab%.([%w_]+)$")
  local text, origin = resource.read("scripts/lab/lib/" .. (short or "?") .. ".lua")
  return text and assert(load(text, origin, "t"))
end)

local contract = require "lab.contract"

-- Command lines and whether AIX refuses them.
local cases = {
  { { "lspv" }, 0 }, { { "lspv", "-l" }, 1 }, { { "ls", "-l", "/dev" }, 0 }, { { "ls", "/dev", "-l" }, 1 },
  { { "ls", "--color" }, 1 }, { { "df", "-k" }, 0 }, { { "df", "-h" }, 1 },
  { { "mkboot", "-d", "/dev/hdisk1", "-l", "/dev/hd5", "-b", "/tmp/image" }, 1 }, { { "mkboot", "-d", "/dev/hdisk0", "-c" }, 0 },
  { { "mkboot", "-d", "/dev/hdisk0", "-k", "/unix", "-f", "/tmp/fs", "-b", "-i" }, 0 },
  { { "alt_disk_copy", "-M", "7.2", "-P1", "-d", "hdisk1 hdisk2" }, 0 }, { { "alt_disk_copy", "-P1", "hdisk1" }, 1 },
  { { "alt_disk_copy", "-P4", "-d", "hdisk1" }, 1 }, { { "alt_rootvg_op", "-X", "altinst_rootvg" }, 0 },
  { { "alt_rootvg_op", "-W" }, 1 }, { { "alt_rootvg_op", "-W", "-S" }, 1 },
  { { "installp", "-apgXY", "-d", "/x", "-f", "/l" }, 0 }, { { "installp", "-agF", "-d", "/x", "all" }, 1 },
  { { "installp", "-ag", "-d", "/x" }, 1 }, { { "installp", "-C" }, 0 }, { { "mount", "-v", "namefs", "/a", "/b" }, 0 },
  { { "mount", "-t", "nfs", "a:/b", "/c" }, 0 }, { { "mount", "-o", "bind", "/a", "/b" }, 1 },
  { { "mount", "--bind", "/a", "/b" }, 1 }, { { "umount", "-f", "/a" }, 0 }, { { "umount", "-l", "/a" }, 1 },
  { { "exportfs", "-i", "-o", "rw=a:b,root=a:b,access=a:b", "/a" }, 0 }, { { "exportfs", "-o", "no_root_squash", "/a" }, 1 },
  { { "chfs", "-a", "size=+100", "/a" }, 0 }, { { "chfs", "-a", "size=+10%", "/a" }, 1 },
  { { "sh", "-c", 'cat "$1" | head -n 3', "sh", "/a" }, 0 }, { { "sh", "-c", "x=1; local y" }, 1 },
  { { "sh", "-c", "ls --color /a" }, 1 }, { { "sh", "-c", "sleep 0.1 2>/dev/null || sleep 1" }, 1 },
  { { "/usr/sbin/chroot", "/a", "lslpp", "-Lqc" }, 0 }, { { "env", "LC_ALL=C", "df", "-h" }, 1 }, { { "test", "-e", "/a" }, 0 },
  { { "test", "a", "==", "b" }, 1 }, { { "dd", "if=/a", "bs=512", "count=1" }, 0 }, { { "dd", "if=/a", "status=none" }, 1 },
  { { "sleep", "0.1" }, 1 }, { { "kill", "-9", "123" }, 0 }, { { "bootlist", "-m", "normal", "-o" }, 0 },
  { { "bootlist", "-o" }, 1 }, { { "restore", "-xqf", "-" }, 0 }, { { "xargs", "-0", "ls" }, 1 },
  { { "lslpp", "-Lqc", "bos.rte" }, 0 }, { { "lslpp", "-L", "-h" }, 1 }, { { "bosboot", "-b", "/x" }, 1 },
  { { "savebase", "-o", "/a", "-d", "/dev/hd5" }, 0 },
}

-- What a reader of quotes, documents and substitutions sees, and one that looks at the bare text does not.
local shell_cases = {
  { "grep 'x$' /a", 0, "a dollar at the end of a quoted word is no $'...'" },
  { "echo 'a <<< b &> c'", 0, "quoted operators are text" },
  { "# local x\n: # <<<", 0, "comments" },
  { "cat <<'E'\nlocal x\ndf -h\nE\ndf -k /a", 0, "here documents are data" },
  { "cat <<E\nx\nE\ndf -h", 1, "what follows a here document is not" },
  { "cat <<-E\n\tdf -h\n\tE\ndf -h", 1, "its end may stand behind tabs" },
  { 'x="$(sed -i s/a/b/ /a)"', 1, "a substitution in double quotes is a command" },
  { "x=$(df -k /a) y=$((1 + (2))) z", 0, "arithmetic is none" },
  { "x=$((3 + $(sleep 0.1)))", 1, "a substitution in arithmetic is one" },
  { 'if [ "$a" == b ]; then :; fi', 1, "== of the test" },
  { "if [ $# -eq 0 ]; then :; fi; echo local x; ls /local /source", 0, "words that are operands" },
  { "case $a in x) local y ;; esac", 1, "local in a branch" },
  { "while read -r a; do :; done </a", 0, "read -r" },
  { "read -t 3 a", 1, "read with a time limit" },
  { "f=$(mktemp)", 1, "a program AIX does not have" },
  { "exec readlink -f /a", 1, "behind a keyword" },
  { "A=1 B=2 df -h", 1, "behind assignments" },
  { "find /a -name b -print0 | xargs -0 rm", 1, "in a pipe" },
  { "ls /a 2>&1 >/dev/null | sed -E s/a/b/", 1, "behind redirections" },
  { "echo ${x:1:2}", 1, "substring" }, { 'echo "${x/a/b}"', 1, "replacement in double quotes" }, { "echo ${x:-/a/b}", 0, "a default" },
  { "diff <(ls /a) /b", 1, "process substitution" }, { "`df -h`", 1, "backquotes" }, { "cat <<< x", 1, "here string" },
  { "sed 's/a\\+/b/' /x", 1, "GNU's \\+ of sed" }, { "sed -n -e '0,/x/p' /x", 1, "line 0" },
  { "sed 's/a\\\\+/b/; s/[+|]//' /x", 0, "an escaped backslash" }, { "grep 'a\\|b' /x", 1, "GNU's \\| of grep" },
  { "grep -E 'a\\|b' /x", 0, "a literal bar" }, { "awk '{ print gensub(/a/, \"b\", 1) }' /x", 1, "gawk" },
  { "awk '{ print $1 }' /x", 0, "awk" }, { "head -n -1 /x", 1, "all but" }, { "date +%s.%N", 1, "nanoseconds" },
  { "dd if=/a bs=1M", 1, "suffix M" }, { "dd if=/a bs=64k conv=sync,noerror count=2x3", 0, "sizes" },
  { "dd if=/a conv=fsync", 1, "fsync" }, { 'dd if="$1" bs="$2" conv=$3', 0, "values that are not known" },
  { "tar -czf /x /a", 1, "tar -z" }, { "tar cf - /a", 0, "tar without a dash" }, { "nice -n 5 df -h", 1, "behind nice" },
}

TestContract = {}

function TestContract:test_command_lines()
  for _, case in ipairs(cases) do
    local found = contract.check(case[1])
    lu.assertEquals(#found > 0, case[2] == 1, json.encode(case[1]) .. ": " .. table.concat(found, "; "))
  end
end

function TestContract:test_shell_text()
  for _, case in ipairs(shell_cases) do
    local found = contract.check_script(case[1])
    lu.assertEquals(#found > 0, case[2] == 1, case[3] .. ": " .. table.concat(found, "; "))
    local inside = contract.check { "sh", "-c", case[1] }
    lu.assertEquals(#inside, #found, case[3])
  end
end

function TestContract:test_positions_of_a_script_move()
  local params = { "/dir", "job", "7", "size" }
  local function wrong(text) return #contract.check_script(text, params) end
  lu.assertEquals(wrong "dd if=/x bs=1 count=$3", 0)
  lu.assertEquals(wrong "dd if=/x bs=1 count=$4", 1, "size is no number of blocks")
  lu.assertEquals(wrong "d=$1\nshift\ndd if=/x bs=1 count=$2", 0)
  lu.assertEquals(wrong "shift 2\ndd if=/x bs=1 count=$2", 1)
  lu.assertEquals(wrong 'set -- a "$3"\ndd if=/x bs=1 count=$2', 0)
  lu.assertEquals(wrong "set -- `date`\ndd if=/x bs=1 count=$4", 0, "not known any more")
  lu.assertEquals(wrong "f() {\ndd if=/x bs=1 count=$4\n}\nf 3 3 3 3", 0, "a function has its own")
end

function TestContract:test_what_is_no_command_line()
  lu.assertEquals(contract.check {}, { "not a list of words" })
  lu.assertEquals(contract.check { "ls", 1 }, { "not a list of words" })
  lu.assertStrContains(contract.check({ "frobnicate" })[1], "not in the contract")
  lu.assertStrContains(contract.check({ "chroot", "/a" })[1], "a directory and a command")
end

-- Text that breaks off anywhere ends, and in time.
function TestContract:test_any_text_is_read_to_its_end()
  local text = "x=\"$(a `b` $((1+2)) 'c' <<E\nd\nE\n)\" f <<-'G' # h\n\ti\n\tG\ncase $j in k) l;; esac ${m:-n} >|o 2>&1 \\\np"
  for cut = 0, #text do contract.check_script(text:sub(1, cut)) end
  contract.check_script(("$("):rep(2000))
  contract.check_script(("<<E "):rep(2000) .. "\n")
end

-- Rows are complete: what a row names is a flag of the row.
function TestContract:test_rows()
  local count = 0
  for name, row in pairs(contract.commands) do
    count = count + 1
    lu.assertNotNil(row.say:match("^[DTK]$"), name)
    local function flag(letter) lu.assertNotNil(row.flags:find(letter, 1, true), name .. " has no -" .. letter) end
    if not row.style then lu.assertNotNil(row.operands, name) end
    for _, groups in ipairs { row.exclusive or {}, row.one_of or {}, row.one_of_sets or {}, { row.required }, { row.operands_need } } do
      for _, group in ipairs(groups) do group:gsub(".", flag) end
    end
    for letter in pairs(row.values or {}) do flag(letter) end
    for letter in pairs(row.needs or {}) do flag(letter) end
    for word in (not row.style and row.refuse or ""):gmatch("%-(%w)") do
      lu.assertNil(row.flags:find(word, 1, true), ("%s: -%s is taken and refused"):format(name, word))
    end
  end
  lu.assertTrue(count > 140, count)
end

function TestContract:test_refusal_in_the_words_of_aix()
  local message, status = contract.refusal("df", { "-h" })
  lu.assertEquals(message, "df: Not a recognized flag: h\nUsage: " .. contract.commands.df.usage)
  lu.assertEquals(status, 1)
  message, status = contract.refusal("sed", { "-i", "s/a/b/", "/a" })
  lu.assertStrContains(message, "sed: Not a recognized flag: i\nUsage: sed ")
  lu.assertEquals(status, 2)
  lu.assertStrContains(contract.refusal("ls", { "--color" }), "ls: Not a recognized flag: -\n")
  lu.assertStrContains(contract.refusal("du", { "--max-depth=1" }), "du: Not a recognized flag: -\n")
  lu.assertStrContains(contract.refusal("bootlist", { "-m" }), "A flag requires a parameter: m\n")
  lu.assertEquals((contract.refusal("alt_rootvg_op", { "-W", "-S" })), "Usage: " .. contract.commands.alt_rootvg_op.usage)
  lu.assertNil(contract.refusal("ls", { "/dev", "-l" }), "a word after an operand is an operand")
  lu.assertNil(contract.refusal("ls", { "-la", "/dev" }))
  lu.assertNil(contract.refusal("env", { "A=1", "df", "-h" }), "the command behind it refuses by itself")
end

---------------------------------------------------------------- the same verdicts as the reference checker

local function reference_checker()
  for _, dir in ipairs { SHARED_DIR or "", "/work/shared/reference" } do
    if has_sys and sys.stat(dir .. "/tools/argv_check.py") then return dir .. "/tools/argv_check.py" end
  end
end

-- Many command lines of each row: every letter alone, in pairs, with an argument stuck and apart, operands before
-- and after, what is refused.
local function variations()
  local out = {}
  local function add(...) out[#out + 1] = { ... } end
  local values = { M = "7.2", P = "12", m = "normal", o = "ro", v = "jfs2", O = "r", d = "hdisk1", a = "x=1", X = "32",
    E = "warn", p = "ro" }
  local known = {}
  for name, row in pairs(contract.commands) do
    if not row.added then known[name] = row end
  end
  for name, row in pairs(known) do
    add(name)
    for n = 1, 4 do add(name, table.unpack({ "/a", "/b", "/c", "/d" }, 1, n)) end
    for word in (row.refuse or ""):gmatch("%S+") do add(name, word, "/a") end
    add(name, "--help")
    add(name, "--", "/a", "-x")
    add(name, "/a", "-x")
    add(name, "-")
    add(name, "0.1")
    add(name, "5")
    for _, letter in ipairs { "Q", "7", ":", "~" } do add(name, "-" .. letter) end
    local letters = {}
    for letter, colon in (row.flags or ""):gmatch("([^:])(:*)") do letters[#letters + 1] = { letter, colon == ":" } end
    for i, one in ipairs(letters) do
      local value = values[one[1]] or "v"
      if one[2] then
        add(name, "-" .. one[1] .. value)
        add(name, "-" .. one[1], value, "/a")
        add(name, "-" .. one[1], "bad value", "/a", "/b")
      else
        add(name, "-" .. one[1] .. "x")
      end
      add(name, "-" .. one[1])
      add(name, "-" .. one[1], "/a")
      for k = i + 1, #letters do
        local other = letters[k]
        add(name, "-" .. one[1] .. (one[2] and value or ""), "-" .. other[1] .. (other[2] and (values[other[1]] or "v") or ""), "/a")
      end
    end
    add("chroot", "/a", name, "/b")
    add("env", "A=1", name, "-~")
    add("nohup", name, "--x")
    add("xargs", name, "-~")
    add("sh", "-c", name .. " -~ /a; " .. name .. " | cat")
  end
  for _, case in ipairs(cases) do out[#out + 1] = case[1] end
  for _, key in ipairs { "ro", "rw=a:b", "bind", "nolock", "vers=3,proto=tcp", "ro,fsid=0", "" } do
    add("mount", "-o", key, "a:/b", "/c")
    add("exportfs", "-o", key, "/c")
  end
  for _, primary in ipairs { "-e", "-N", "-v", "-nt", "=", "==", "-a" } do
    add("test", primary, "/a")
    add("[", primary, "/a", "]")
    add("test", "a", primary, "b")
  end
  add("dd", "of=/a", "oflag=direct")
  add("find", "/a", "-maxdepth", "1")
  for _, text in ipairs { "local x", "a; declare -i y", "cat <<<x", "x=${a:1:2}", "echo ${a/b/c}", "read -p x y", "set -o pipefail",
    "for i in {1..3}; do :; done", "ls -l /a && df -h", "x=`sleep 0.5`", "if ls -Z /a; then :; fi", "A=1 df -h /", "[[ a =~ b ]]" } do
    add("sh", "-c", text)
    add("ksh", "-c", text, "ksh", "/a")
  end
  return out
end

function TestContract:test_the_verdicts_of_the_reference_checker()
  local reference = reference_checker()
  if not reference then lu.skip("no reference samples beside the source tree") end
  local lines, text = variations(), {}
  for i, argv in ipairs(lines) do text[i] = json.encode(argv) end
  local input = os.tmpname()
  assert(sys.write_file(input, table.concat(text, "\n") .. "\n"))
  local result, message = sys.run({ "/bin/sh", "-c", 'python3 "$1" <"$2"', "sh", reference, input }, { timeout = 60 })
  os.remove(input)
  if not result then lu.skip("python3: " .. tostring(message)) end
  lu.assertStrContains(result.stdout, ("%d command lines, "):format(#lines))
  local refused = {}
  for line in result.stdout:gmatch("[^\n]+") do
    if line:sub(1, 1) == "[" then refused[json.encode(json.decode(line))] = true end
  end
  local wrong = {}
  for i, argv in ipairs(lines) do
    local found = contract.check(argv)
    if (#found > 0) ~= (refused[text[i]] == true) then
      wrong[#wrong + 1] = ("%s: here %s, there %s"):format(text[i], table.concat(found, "; "), refused[text[i]] and "refused" or "taken")
    end
  end
  lu.assertTrue(#lines > 8000, #lines)
  lu.assertEquals(table.concat(wrong, "\n", 1, math.min(#wrong, 12)), "", #wrong .. " of " .. #lines)
end
