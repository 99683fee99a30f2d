-- SPDX-License-Identifier: MIT
-- The front of the POSIX tools: `aixlua` runs it when it is called by the name of one (/usr/bin/ls and the others are
-- links to it). What AIX would refuse (lab.contract) is refused; the rest is busybox's, but where the same words mean or
-- print something else on AIX.

local contract = require "lab.contract"
local sys = require "altmig.sys"

local BUSYBOX = "/usr/lpp/lab/bin/busybox"

local name, args = arg[1], { table.unpack(arg, 2) }

local function quit(status, message) error({ message = message, status = status }, 0) end

local function busybox(words)
  local _, message = sys.exec { BUSYBOX, name, table.unpack(words) }
  quit(126, ("%s: %s"):format(name, message))
end

-- A program by its path: busybox would start its own applet of that name, past this front.
local function program(word)
  if not word or word:find("/", 1, true) then return word end
  for dir in (os.getenv "PATH" or "/usr/bin"):gmatch("[^:]+") do
    local entry = sys.stat(dir .. "/" .. word)
    if entry and entry.type == "file" then return dir .. "/" .. word end
  end
  return word
end

-- What busybox prints, read here. Standard input and errors stay the caller's.
local function output(words)
  local quoted = {}
  for i, word in ipairs(words) do quoted[i] = "'" .. word:gsub("'", "'\\''") .. "'" end
  local pipe = assert(io.popen(("exec %s %s %s"):format(BUSYBOX, name, table.concat(quoted, " ")), "r"))
  local text = pipe:read("a")
  local _, _, status = pipe:close()
  return text, status
end

local function has(letter)
  for _, word in ipairs(args) do
    if word == "--" or word:sub(1, 1) ~= "-" then return false end
    if word:find(letter, 2, true) then return true end
  end
  return false
end

local tools = {}

-- Devices have their numbers as "major,minor" without busybox's widths, days two digits.
function tools.ls()
  if not (has "l" or has "g" or has "n" or has "o") then return busybox(args) end
  local text, status = output(args)
  io.write((text:gsub("[^\n]+", function(line)
    local head, major, minor, rest = line:match("^([bc]%S+%s+%d+%s+%S+%s+%S+%s+)(%d+),%s*(%d+)(.*)$")
    if head then line = ("%s%3d,%3d%s"):format(head, major, minor, rest) end
    return (line:gsub("^([-bcdlps]%S+%s.- %u%l%l )( %d )", function(before, day) return before .. "0" .. day:sub(2) end, 1))
  end)))
  return status
end

-- Numbers in columns of their own, also a single one.
function tools.wc()
  local wanted, files, at = {}, {}, 1
  while args[at] and args[at]:match("^%-.") do
    if args[at] == "--" then
      at = at + 1
      break
    end
    for letter in args[at]:sub(2):gmatch(".") do wanted[letter == "m" and "c" or letter == "k" and "c" or letter] = true end
    at = at + 1
  end
  table.move(args, at, #args, 1, files)
  if not next(wanted) then wanted = { l = true, w = true, c = true } end
  local total, status = { l = 0, w = 0, c = 0 }, 0
  local function show(counts, label)
    local out = {}
    for _, letter in ipairs { "l", "w", "c" } do
      if wanted[letter] then out[#out + 1] = ("%8d"):format(counts[letter]) end
    end
    print(table.concat(out) .. (label and " " .. label or ""))
  end
  local function count(file)
    local counts, inside = { l = 0, w = 0, c = 0 }, false
    while true do
      local block = file:read(65536)
      if not block then break end
      counts.c = counts.c + #block
      counts.l = counts.l + select(2, block:gsub("\n", ""))
      if wanted.w then
        local _, words = block:gsub("%S+", "")
        if inside and block:match("^%S") then words = words - 1 end
        counts.w, inside = counts.w + words, block:match("%S$") ~= nil
      end
    end
    for letter in pairs(total) do total[letter] = total[letter] + counts[letter] end
    return counts
  end
  if #files == 0 then show(count(io.stdin)) end
  for _, path in ipairs(files) do
    local file = path == "-" and io.stdin or io.open(path, "rb")
    if file and sys.stat(path) and sys.stat(path).type == "dir" then file = nil end
    if file then
      show(count(file), path)
    else
      io.stderr:write(("wc: 0653-755 Cannot open %s.\n"):format(path))
      status = 1
    end
  end
  if #files > 1 then show(total, "total") end
  return status
end

-- The statistics end with a full stop, and there is no line about bytes and seconds.
function tools.dd()
  local report = os.tmpname()
  local pid, message = sys.spawn({ BUSYBOX, "dd", table.unpack(args) }, { stderr = report })
  if not pid then quit(1, "dd: " .. message) end
  local exit = sys.wait(pid)
  if not exit then
    sys.kill(pid)
    exit = sys.wait(pid)
  end
  for line in (sys.read_file(report) or ""):gmatch("[^\n]+") do
    if line:match("^%d+%+%d+ records ") then
      io.stderr:write(line, ".\n")
    elseif not line:match("^%d+ bytes") then
      io.stderr:write(line, "\n")
    end
  end
  os.remove(report)
  return exit and exit.status or 1
end

-- -p prints whole paragraphs: the lines between empty lines.
function tools.grep()
  if not has "p" then return busybox(args) end
  local words, separator = {}, "^%s*$"
  for _, word in ipairs(args) do
    local stuck = word:match("^%-p(.+)$")
    if stuck then
      separator = stuck
    elseif word ~= "-p" then
      words[#words + 1] = word
    end
  end
  local paragraphs, matches = { {} }, {}
  local input = #words > 1 and not words[#words]:match("^%-") and words[#words] or nil
  local text
  if input and sys.stat(input) then
    text = sys.read_file(input)
    words[#words] = nil
  else
    text = io.read("a")
  end
  local result = sys.run({ BUSYBOX, "grep", "-n", table.unpack(words) }, { stdin = text or "" })
  for number in (result and result.stdout or ""):gmatch("(%d+)[:%-][^\n]*\n") do matches[tonumber(number)] = true end
  local number = 0
  for line in (text or ""):gmatch("([^\n]*)\n?") do
    number = number + 1
    if line:match(separator) then
      paragraphs[#paragraphs + 1] = {}
    else
      local paragraph = paragraphs[#paragraphs]
      paragraph[#paragraph + 1] = line
      paragraph.found = paragraph.found or matches[number]
    end
  end
  local found = false
  for _, paragraph in ipairs(paragraphs) do
    if paragraph.found then
      print(table.concat(paragraph, "\n") .. "\n")
      found = true
    end
  end
  return found and 0 or 1
end

-- -n never replaces; without it a file that is there is replaced. A link to a directory is followed: GNU's -n is
-- something else.
function tools.ln()
  local symbolic, never, at = has "s", has "n" and not has "f", 1
  while args[at] and args[at]:match("^%-.") and args[at] ~= "--" do at = at + 1 end
  if args[at] == "--" then at = at + 1 end
  local operands = { table.unpack(args, at) }
  local into = operands[#operands]
  if #operands > 1 then
    operands[#operands] = nil
  else
    into = operands[1]:match("([^/]*)/*$")
  end
  local status = 0
  for _, source in ipairs(operands) do
    local target, entry = into, sys.stat(into)
    if entry and entry.type == "dir" then target = into .. "/" .. source:match("([^/]*)/*$") end
    local there = sys.lstat(target)
    local ok, message
    if there and (never or there.type == "dir") then
      ok, message = nil, ("0653-421 %s exists.\n Specify -f to remove."):format(target)
    else
      if there then sys.remove(target) end
      local result = sys.run { BUSYBOX, "ln", symbolic and "-s" or "-f", "--", source, target }
      ok, message = result and result.status == 0, result and "0653-422 " .. result.stderr:gsub("%s+$", "") or "ln"
    end
    if not ok then
      io.stderr:write("ln: ", message, "\n")
      status = 2
    end
  end
  return status
end

-- Backslashes are taken apart, and there is no -e.
function tools.echo()
  local words, newline = args, true
  if words[1] == "-n" then
    newline, words = false, { table.unpack(words, 2) }
  end
  local text = table.concat(words, " ")
  local plain = { a = "\a", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", v = "\v", ["\\"] = "\\" }
  local out, i = {}, 1
  while i <= #text do
    local ch, following = text:sub(i, i), text:sub(i + 1, i + 1)
    local octal = text:match("^\\0([0-7]?[0-7]?[0-7]?)", i)
    if octal then
      out[#out + 1] = string.char((tonumber(octal, 8) or 0) % 256)
      i = i + 2 + #octal
    elseif ch == "\\" and following == "c" then
      io.write(table.concat(out))
      return 0
    elseif ch == "\\" and plain[following] then
      out[#out + 1] = plain[following]
      i = i + 2
    else
      out[#out + 1] = ch
      i = i + 1
    end
  end
  io.write(table.concat(out), newline and "\n" or "")
  return 0
end

function tools.xargs()
  local words, at = { table.unpack(args) }, 1
  local spec = contract.commands.xargs.flags
  while words[at] and words[at]:match("^%-.") and words[at] ~= "--" do
    -- A flag with its argument apart takes one word more.
    local letter = words[at]:sub(-1)
    if #words[at] == 2 and spec:find(letter .. ":[^:]") then at = at + 1 end
    at = at + 1
  end
  if words[at] == "--" then at = at + 1 end
  words[at] = program(words[at] or "echo")
  return busybox(words)
end

function tools.find()
  local words = { table.unpack(args) }
  for i, word in ipairs(words) do
    if (word == "-exec" or word == "-ok") and words[i + 1] then words[i + 1] = program(words[i + 1]) end
  end
  return busybox(words)
end

function tools.time()
  local words, at = { table.unpack(args) }, 1
  while words[at] and words[at]:match("^%-.") do at = at + 1 end
  words[at] = program(words[at])
  return busybox(words)
end

function tools.printenv()
  if not args[1] then
    name = "env"
    return busybox(args)
  end
  local value = os.getenv(args[1])
  if value then print(value) end
  return value and 0 or 1
end

local message, status = contract.refusal(name, args)
if message and name == "sleep" and (args[1] or ""):match("^%d*%.%d+$") and #args == 1 then
  -- Whether a fraction is an error is known from no public text.
  local ok, zero = pcall(function() return require("lab.quirk").is("sleep-fraction", "zero") end)
  if ok and zero then
    args, message = { args[1]:match("^%d+") or "0" }, nil
  end
end
if message then quit(status, message) end
return (tools[name] or busybox)(args)
