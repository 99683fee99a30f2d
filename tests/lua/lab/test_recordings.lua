-- SPDX-License-Identifier: MIT
-- The checks of recorded commands (tests/recordings.lua), on records written by hand; and the commands that the engine's
-- remedies tell an administrator to type.

local json = require "altmig.json"
local lu = require "luaunit"
local resource = require "altmig.resource"
require "altmig.cmd.lab" -- makes lab.NAME loadable

local contract = require "lab.contract"
local recordings = require "recordings"

local world = { master = "nim1", disks = { hdisk2 = true }, groups = { altinst_rootvg = true } }

local function record(host, argv, script)
  return { time = 1700000000, host = host, argv = argv, script = script, status = 0, seconds = 0.1, stdout = "", stderr = "" }
end

local good = {
  record("c1", { "lspv" }), record("c1", { "df", "-k", "/", "/usr" }), record("c1", { "chpv", "-C", "hdisk2" }),
  record("c1", { "alt_disk_install", "-X" }), record("c1", { "alt_rootvg_op", "-X", "altinst_rootvg" }),
  record("c1", { "savebase", "-o", "/alt_inst/etc/objrepos", "-d", "/dev/alt_hd5" }),
  record("c1", { "dd", "if=/tmp/image", "of=/dev/ralt_hd5", "bs=512" }),
  record("c1", { "sh", "-s", "/dev/rhdisk2" }, 'dd if=/tmp/record of="$1" bs=512 count=1'),
  record("c1", { "sh", "-s", "/dev/rhdisk0" }, 'dd if="$1" of=/tmp/record bs=512 count=1'),
  record("c1", { "sh", "-s" }, "exportfs -u /alt_inst; umount /alt_inst; df -k /tmp >/dev/null"),
  record("nim1", { "mount", "-o", "nodev", "c1:/alt_inst", "/c1_alt/alt_inst" }),
  record("nim1", { "mount", "-v", "namefs", "/export/lpp", "/c1_alt/alt_inst/lpp" }),
  record("nim1", { "sh", "-s" }, "echo x >/dev/null"), record("nim1", { "chroot", "/c1_alt", "sh", "-c", "ls /tmp" }),
  record("c1", { "sh", "/tmp/altmig/job" }), record("nim1", { "xargs", "ls", "-l" }),
}

local bad = {
  { record("c1", { "savebase" }), "running boot device" }, { record("c1", { "savebase", "-d", "/dev/alt_hd5" }), "running boot device" },
  { record("c1", { "sh", "-s" }, "cd /; savebase -v"), "running boot device" },
  { record("nim1", { "ls", "-l", "/dev/hd5" }), "/dev/hd5 in a command to the master" },
  { record("nim1", { "sh", "-s", "hdisk2" }, "echo $1"), "hdisk2 in a command to the master" },
  { record("nim1", { "sh", "-s" }, "ls -l /dev/rhdisk0"), "in a command to the master" },
  { record("nim1", { "mount", "-v", "namefs", "/dev/null", "/c1_alt/dev/null" }), "namefs mount of the device" },
  { record("nim1", { "mount", "/dev/null", "/c1_alt/dev/null" }), "namefs mount of the device" },
  { record("c1", { "df", "-k" }), "without an operand" }, { record("c1", { "umount", "-f" }), "without an operand" },
  { record("c1", { "sh", "-c", "x=`df -k`" }), "without an operand" }, { record("c1", { "exportfs", "-ua" }), "of everything" },
  { record("c1", { "exportfs", "-u" }), "-u needs" },
  { record("c1", { "alt_rootvg_op", "-X", "old_rootvg" }), "does not name as ours" },
  { record("c1", { "chpv", "-C", "hdisk2", "hdisk3" }), "chpv of hdisk3" }, { record("c1", { "chpv", "-C", "/dev/hdisk3" }), "chpv of" },
  { record("c1", { "chroot", "/a", "chpv", "-c", "hdisk0" }), "chpv of hdisk0" },
  { record("c1", { "dd", "if=/tmp/x", "of=/dev/rhdisk0" }), "dd to /dev/rhdisk0" },
  { record("c1", { "dd", "if=/x", "of=/dev/hd5" }), "dd to /dev/hd5" },
  { record("c1", { "sh", "-s", "/dev/rhdisk0" }, 'dd if=/tmp/record of="$1" bs=512'), "dd to /dev/rhdisk0" },
  { record("c1", { "sh", "-s" }, 'dd if=/tmp/record of="$d" bs=512'), "that the record does not show" },
  { record("c1", { "sh", "-s" }), "not in the record" }, { record("c1", { "nohup", "ksh", "-s", "a" }), "not in the record" },
  { record("c1", { "sh" }), "not in the record" }, { record("c1", { "env", "A=1", "sh", "-s" }), "not in the record" },
  { record("c1", { "sh", "-s" }, "sleep 0.1"), "sleep: operand" }, { record("c1", { "sh", "-s", "-h" }, "df $1 /"), "no flag -h" },
  { record("c1", { "sh", "-s" }, "local x"), "ksh88 has no local" }, { record("c1", { "frobnicate" }), "not in the contract" },
  { record("c1", "lspv"), "not a list of words" }, { record("c1", {}), "not a list of words" },
}

TestRecordings = {}

function TestRecordings:test_what_may_be_sent()
  for _, one in ipairs(good) do
    lu.assertEquals(table.concat((recordings.check(one, world)), "\n"), "", json.encode(one.argv) .. " " .. (one.script or ""))
  end
end

function TestRecordings:test_what_may_not()
  for _, row in ipairs(bad) do
    local found = table.concat((recordings.check(row[1], world)), "\n")
    lu.assertStrContains(found, row[2], false, json.encode(row[1].argv) .. " " .. (row[1].script or ""))
  end
end

function TestRecordings:test_a_file_of_records_is_counted_line_by_line()
  local lines = {}
  for i, one in ipairs(good) do lines[i] = json.encode(one) end
  lines[#lines + 1] = json.encode(bad[1][1])
  lines[#lines + 1] = "{ cut"
  local found, records, commands = recordings.check_file(table.concat(lines, "\n") .. "\n", world)
  lu.assertEquals(#found, 2, table.concat(found, "\n"))
  lu.assertStrContains(found[1], '["savebase"]')
  lu.assertStrContains(found[2], "is no object")
  lu.assertEquals(records, #lines)
  lu.assertTrue(commands > #lines, "the commands of scripts are counted as well")
end

---------------------------------------------------------------- remedies

-- String literals of a Lua text with the line they begin on; comments are left out.
local function literals(text)
  local out, i, line = {}, 1, 1
  while i <= #text do
    local ch = text:sub(i, i)
    local long = text:match("^%[(=*)%[", i)
    if text:match("^%-%-", i) then
      local level = text:match("^%-%-%[(=*)%[", i)
      local stop = level and select(2, text:find("]" .. level .. "]", i, true)) or (text:find("\n", i, true) or #text + 1) - 1
      line = line + select(2, text:sub(i, stop):gsub("\n", ""))
      i = stop + 1
    elseif ch == '"' or ch == "'" then
      local j = i + 1
      while j <= #text and text:sub(j, j) ~= ch do j = j + (text:sub(j, j) == "\\" and 2 or 1) end
      out[#out + 1] = { text = text:sub(i + 1, j - 1):gsub("\\(.)", "%1"), line = line, from = i, to = j }
      i = j + 1
    elseif long then
      local stop = select(2, text:find("]" .. long .. "]", i, true)) or #text
      out[#out + 1] = { text = text:sub(i, stop), line = line, from = i, to = stop }
      line = line + select(2, text:sub(i, stop):gsub("\n", ""))
      i = stop + 1
    else
      if ch == "\n" then line = line + 1 end
      i = i + 1
    end
  end
  return out
end

-- Joins literals that ".." joins.
local function sentences(text)
  local out = {}
  for _, literal in ipairs(literals(text)) do
    local last = out[#out]
    if last and text:sub(last.to + 1, literal.from - 1):match("^%s*%.%.%s*$") then
      last.text, last.to = last.text .. literal.text, literal.to
    else
      out[#out + 1] = literal
    end
  end
  return out
end

-- Whether what is assigned here is a remedy: the last name before the text that is given a value, or the function's name.
local function is_remedy(text, from)
  local before, last = text:sub(math.max(1, from - 600), from - 1), nil
  for name in before:gmatch("([%w_.%]]+)%s*=%f[^=]") do last = name end
  local named = before:match(".*function ([%w_.:]+)") or ""
  last = last or ""
  return last:lower():find("remed") ~= nil or named:find("remed") ~= nil or (last:find("%]$") and before:find("remed")) ~= nil
end

-- Words of the language that end a command line in a sentence.
local prose = {}
for word in ("for each below that lists on and it if then is of the to in there again after before with says by as at while "
  .. "when goes has was may must under from into a an this its which where does not no takes"):gmatch("%S+") do prose[word] = true end

-- The command lines that a sentence tells to type: what stands between punctuation and begins with the name of a command
-- and something that only an argument can be.
local function commands_in(sentence)
  local out = {}
  -- Shell text of the engine's own is checked where it is recorded.
  if sentence:find("[$`|]") then return out end
  local text = sentence:gsub("%%%-?%d*[sd]", "/x"):gsub("%%%%", "%%")
  text = text:gsub("[%(%)\n]", ";"):gsub("[:,] ", ";"):gsub("; ", ";"):gsub(" or ", ";"):gsub(" and ", ";"):gsub("   +", ";") .. ";"
  for clause in text:gmatch("([^;]*);") do
    local words = {}
    for word in clause:gsub("^%s+", ""):gsub("%.$", ""):gmatch("%S+") do
      if word:match("^[<>]") or (words[1] and prose[word]) then break end
      if not prose[word] then words[#words + 1] = word:match("^%u[%u_]+$") and "/x" or word end
    end
    while words[1] and (words[1]:match("^[%u_]+=")) do table.remove(words, 1) end
    local name = words[1] and words[1]:match("([^/]+)$")
    local follows = words[2] or ""
    -- nimadm is a program of this engine too, with flags of its own.
    local known = name and contract.commands[name] and name ~= "nimadm"
    local open = follows == "/x" and (words[3] or ""):match("^%-") -- flags are put in there
    if known and not open and (follows:match("^[-/]") or follows:match("^hdisk")) then
      out[#out + 1] = words
    end
  end
  return out
end

function TestRecordings:test_the_commands_of_remedies_are_accepted_by_aix()
  local tried, wrong = 0, {}
  for _, file in ipairs(resource.list("lua/altmig/")) do
    if file:match("%.lua$") and not file:match("/cmd/lab") then
      local text = assert(resource.read(file))
      for _, sentence in ipairs(sentences(text)) do
        local typed = commands_in(sentence.text)
        for _, words in ipairs(typed[1] and is_remedy(text, sentence.from) and typed or {}) do
          tried = tried + 1
          for _, violation in ipairs(contract.check(words)) do
            -- A command may be named by a flag alone: what is missing is put there by the code, or by the reader.
            local incomplete = violation:find("needs an argument") or violation:find("needed$") or violation:find("an operand$")
              or violation:find("is required$") or violation:find("needs %w$") or violation:find("'' is not a value", 1, true)
              or violation:find("AIX has no option '/x'", 1, true) -- a list of options that the code puts in
            if not incomplete then
              wrong[#wrong + 1] = ("%s:%d: %s\n  %s"):format(file, sentence.line, violation, table.concat(words, " "))
            end
          end
        end
      end
    end
  end
  lu.assertEquals(table.concat(wrong, "\n"), "")
  lu.assertTrue(tried > 25, tried)
end

function TestRecordings:test_a_remedy_that_aix_refuses_would_be_found()
  local found = commands_in("look first (df -h /x); then alt_rootvg_op -W -S, or: bootlist -k DIR when it is there")
  lu.assertEquals(#found, 3)
  for _, words in ipairs(found) do lu.assertTrue(#contract.check(words) > 0, words[1]) end
  lu.assertEquals(commands_in("mount it there and find out who sleeps; the host is gone"), {})
end
