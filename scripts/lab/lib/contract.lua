-- SPDX-License-Identifier: MIT
-- Holds command lines against the contract (lab.contract_commands): what AIX would refuse. The one checker for both
-- sides: the lab's commands refuse by it, the tests look at every command line the engine sent.

local table_of = require "lab.contract_commands"

local contract = { commands = table_of.commands, absent = table_of.absent }

local unpack = table.unpack

local function base(name) return (name:match("([^/]*)$")) end

local function has(letters, letter) return letters:find(letter, 1, true) ~= nil end

-- Whether a word is one of a list of words.
local function listed(words, word)
  for one in words:gmatch("%S+") do
    if one == word then return true end
  end
  return false
end

-- nil: no such flag; else false, true (an argument) or "optional" (one that sticks to it).
local function takes(flags, letter)
  if letter == ":" then return nil end
  local at = flags:find(letter, 1, true)
  if not at then return nil end
  if flags:sub(at + 1, at + 1) ~= ":" then return false end
  return flags:sub(at + 2, at + 2) == ":" and "optional" or true
end

-- Whether an argument is what a row's `values` say.
local function value_fits(want, value)
  if want == "@words" then
    return value ~= "" and not value:find("^%s") and not value:find("%s$") and not value:find("%s%s") and not value:find("[^%S ]")
  end
  if want:sub(1, 1) == "^" then return value:find(want) ~= nil end
  for one in want:gmatch("[^|]+") do
    if one == value then return true end
  end
  return false
end

local function check_list(spec, letter, value, said)
  local known = spec.style == nil and spec.keys and spec.keys[letter]
  if not known then return end
  for part in (value .. ","):gmatch("([^,]*),") do
    local key = part:match("^[^=]*")
    if not listed(known, key) then said(("-%s: AIX has no option '%s'"):format(letter, key)) end
  end
end

-- getopt the POSIX way: the first operand ends the flags. Returns the flags seen (letter -> list of arguments) and the
-- operands; `at` is where these begin.
local function parse(spec, args, said)
  local flags, seen, i = spec.flags, {}, 1
  while i <= #args do
    local word = args[i]
    if word == "--" then
      i = i + 1
      break
    end
    if word:sub(1, 2) == "--" then
      said("long option " .. word, "Not a recognized flag: -")
    elseif word:sub(1, 1) ~= "-" or word == "-" then
      break
    elseif spec.digits and word:match("^%-%d+$") then
      seen.digits = { word }
    elseif spec.signals and (word:match("^%-%d+$") or word:match("^%-%u[%u%d]*$")) then
      seen.signal = { word }
    else
      local at = 2
      while at <= #word do
        local letter = word:sub(at, at)
        at = at + 1
        local kind = takes(flags, letter)
        if kind == nil then
          local elsewhere = spec.refuse and listed(spec.refuse, "-" .. letter) and " (GNU or busybox only)" or ""
          said(("no flag -%s%s"):format(letter, elsewhere), "Not a recognized flag: " .. letter)
        else
          local value = false
          if kind == true then
            if at <= #word then
              value = word:sub(at)
            elseif args[i + 1] then
              i = i + 1
              value = args[i]
            else
              said(("-%s needs an argument"):format(letter), "A flag requires a parameter: " .. letter)
              value = ""
            end
            at = #word + 1
            local want = spec.values and spec.values[letter]
            if want and not value_fits(want, value) then said(("-%s: '%s' is not a value AIX takes"):format(letter, value)) end
            check_list(spec, letter, value, said)
          elseif kind == "optional" then
            value = word:sub(at)
            at = #word + 1
          end
          seen[letter] = seen[letter] or {}
          table.insert(seen[letter], value)
        end
      end
    end
    i = i + 1
  end
  return seen, { unpack(args, i) }, i
end

-- The letters of a group that were given.
local function chosen(group, seen)
  local out = {}
  for letter in group:gmatch(".") do
    if seen[letter] then out[#out + 1] = letter end
  end
  return out
end

local function together(spec, seen, count, said)
  for letter in (spec.required or ""):gmatch(".") do
    if not seen[letter] then said(("-%s is required"):format(letter)) end
  end
  for _, group in ipairs(spec.exclusive or {}) do
    local both = chosen(group, seen)
    if #both > 1 then said(("-%s exclude each other"):format(table.concat(both, " and -"))) end
  end
  for letter, wanted in pairs(spec.needs or {}) do
    for _, want in ipairs(seen[letter] and wanted or {}) do
      local ok = false
      for one in want:gmatch("[^|]+") do
        if one:sub(1, 1) == "@" then
          ok = ok or count >= tonumber(one:sub(2))
        else
          ok = ok or seen[one] ~= nil
        end
      end
      if not ok then said(("-%s needs %s"):format(letter, (want:gsub("@1", "an operand")))) end
    end
  end
  for _, group in ipairs(spec.one_of or {}) do
    local given = chosen(group, seen)
    if #given > 1 and not spec.one_of_loose then said(("one of -%s only"):format(table.concat(given, " -"))) end
    if #given == 0 and not spec.one_of_optional and not spec.one_of_loose then
      said(("one of -%s is needed"):format((group:gsub(".", "%0 -"):sub(1, -3))))
    end
  end
end

-- installp: which letters together are an operation.
local function operation(spec, seen, said)
  local every, letters, known = {}, {}, {}
  for _, set in ipairs(spec.one_of_sets) do
    known[set] = true
    for letter in set:gmatch(".") do every[letter] = true end
  end
  for letter in pairs(every) do
    if seen[letter] then letters[#letters + 1] = letter end
  end
  table.sort(letters)
  local name = table.concat(letters)
  if not known[name] then
    said(("operation '%s': one of -%s is needed"):format(name, table.concat(spec.one_of_sets, " -")))
  end
end

local function operands_fit(spec, seen, operands, said)
  local count = #operands
  local low, high = spec.operands[1], spec.operands[2]
  for letter, least in pairs(spec.min_operands_unless or {}) do
    if not seen[letter] then low = math.max(low, least) end
  end
  if count < low then said(("%d operands, at least %d needed"):format(count, low)) end
  if high and count > high then said(("operands %s: at most %d"):format(table.concat(operands, " ", high + 1), high)) end
  for _, word in ipairs(operands) do
    if word:match("^%-%a") and not spec.inner and not spec.shell then
      said(("'%s' comes after an operand: AIX takes it as an operand"):format(word), false)
    end
    if spec.abs_operands and word:sub(1, 1) ~= "/" then said(("operand '%s' is not an absolute path"):format(word)) end
    if spec.operand_is and not word:find(spec.operand_is) then said(("operand '%s'"):format(word)) end
  end
  for letter in (spec.flag_needs_operand or ""):gmatch(".") do
    if seen[letter] and count == 0 then said(("-%s needs an operand"):format(letter)) end
  end
  for letter, other in pairs(spec.flag_needs_operand_unless or {}) do
    if seen[letter] and not seen[other] and count == 0 then said(("-%s needs an operand"):format(letter)) end
  end
  if count > 0 and spec.operands_need and #chosen(spec.operands_need, seen) == 0 then
    said(("an operand is for -%s only"):format(spec.operands_need:sub(1, 1)))
  end
end

-- mkboot makes an image from a kernel (or expander) and a RAM file system; only with -d, -c, -l, -h it makes none.
local function mkboot(seen, said)
  for letter in pairs(seen) do
    if not has("dclh", letter) then
      if not seen.k and not seen.e then said("an image needs -k or -e") end
      if not seen.f then said("an image needs -f FILESYSTEM") end
      return
    end
  end
end

-- Whether a basic regular expression has what GNU adds to it: \+ \? \|.
local function gnu_expression(text)
  return text:gsub("\\\\", ""):match("\\[+?|]")
end

-- What arguments mean, where that differs.
local meanings = {}

function meanings.sed(seen, operands, said)
  local scripts = { unpack(seen.e or {}) }
  if not seen.e and not seen.f then scripts[1] = operands[1] end
  for _, text in ipairs(scripts) do
    local added = gnu_expression(text)
    if added then said(("'%s' is not of a basic regular expression"):format(added)) end
    if text:match("^%s*0,/") or text:match("[;\n{]%s*0,/") then said("there is no line 0") end
  end
end

function meanings.grep(seen, operands, said)
  if seen.E or seen.F then return end
  local patterns = { unpack(seen.e or {}) }
  if not seen.e and not seen.f then patterns[1] = operands[1] end
  for _, text in ipairs(patterns) do
    local added = gnu_expression(text)
    if added then said(("'%s' is not of a basic regular expression"):format(added)) end
  end
end

function meanings.awk(seen, operands, said)
  for word in (not seen.f and operands[1] or ""):gmatch("%f[%w_](%a+)%s*%(") do
    if listed("gensub strftime systime mktime asort asorti patsplit", word) then said("awk has no function " .. word) end
  end
end

function meanings.head(seen, _, said)
  for _, value in ipairs(seen.n or {}) do
    if value:match("^%-") then said(("-n %s: all but the last lines"):format(value)) end
  end
end

function meanings.date(_, operands, said)
  if (operands[1] or ""):match("%%%d*N") then said("there is no %N") end
end

-- A command that goes by getopt. Returns commands inside it: the script of sh -c, the words of xargs.
local function check_getopt(name, spec, args, said)
  if spec.words and args[1] and args[1]:sub(1, 1) ~= "-" then return nil end
  local seen, operands = parse(spec, args, said)
  operands_fit(spec, seen, operands, said)
  together(spec, seen, #operands, said)
  if spec.one_of_sets then operation(spec, seen, said) end
  if spec.apply_needs_selection and #chosen("acru", seen) > 0 and #operands == 0 and not seen.f then
    said("no fileset, no -f list and not 'all'")
  end
  if spec.mkboot then mkboot(seen, said) end
  if meanings[name] then meanings[name](seen, operands, said) end
  if name == "chfs" then
    for _, value in ipairs(seen.a or {}) do
      if value:lower():match("^size=") and not value:match("^size=[+-]?%d+[MGmg]?$") then
        said(("-a %s is not a size"):format(value))
      end
    end
  end
  if spec.shell and seen.c then
    if not operands[1] then
      said("-c needs a script")
      return nil
    end
    return { script = operands[1], params = { unpack(operands, 3) } }
  end
  if spec.inner and operands[1] then return { argv = operands } end
end

local function check_test(name, spec, args, said)
  args = { unpack(args) }
  if name == "[" then
    if args[#args] ~= "]" then return said("no closing ]") end
    args[#args] = nil
  end
  for _, word in ipairs(args) do
    if word == "==" then said("'==' is not of test") end
  end
  local first, second = args[1], args[2]
  if #args == 2 and first:sub(1, 1) == "-" then
    local letter = first:sub(2)
    if #letter ~= 1 or not has(spec.unary, letter) then said("no primary " .. first) end
  end
  if #args == 3 and not listed(spec.binary, second) and first ~= "!" and first ~= "(" and second ~= "-a" and second ~= "-o" then
    said("no operator " .. second)
  end
end

local function check_dd(spec, args, said)
  for _, word in ipairs(args) do
    local key, value = word:match("^([^=]*)=(.*)$")
    if not key or not listed(spec.keys, key) then
      said(("operand '%s'"):format(word))
    elseif key == "conv" and value ~= "x" then
      for one in value:gmatch("[^,]+") do
        if not listed("ascii block ebcdic ibm iblock lcase noerror notrunc oblock pblock punblock swab sync ucase unblock", one) then
          said(("conv=%s"):format(one))
        end
      end
    elseif not listed("if of conv", key) and not ("x" .. value):match("^[x%dbkw]+$") then
      said(("%s=%s: sizes are blocks, or have b, k or w behind them"):format(key, value))
    end
  end
end

local function check_find(spec, args, said)
  for _, word in ipairs(args) do
    if listed(spec.refuse, word) then said("no primary " .. word, "bad option " .. word) end
  end
end

---------------------------------------------------------------- shell text

-- What other shells have and ksh88 has not: Lua patterns over a script whose quoted text, comments and here documents
-- are blanked out (`bare`), so that no word of a message is taken for shell.
local not_ksh88 = {
  { "%f[%w_]local%s", "local", command = true }, { "<<<", "<<<" }, { "&>", "&>" }, { "|&%s*[^%s]", "|& with a command" },
  { "%[%[[^%]]*=~", "=~" }, { "%$'", "$'...'" }, { "%f[%w_]pipefail%f[^%w_]", "pipefail" }, { "{%d+%.%.%d+}", "{1..n}" },
  { "%f[%w_]declare%s", "declare", command = true }, { "%f[%w_]source%s", "source", command = true },
  { "%${[%w_]+%^", "${x^}" }, { "%${[%w_]+,", "${x,}" }, { "%${[%w_]+:%-?%d", "${x:n:m}" }, { "%${[%w_]+/", "${x/a/b}" },
  { "[<>]%(", "<()" }, { "%f[%w_]echo%s+%-[eE]+%f[%s\0]", "echo -e", command = true },
  { "%f[%w_]read%s+%-[pantdN]", "read with bash flags", command = true }, { "%f[%w_]mapfile%f[^%w_]", "mapfile", command = true },
  { "%f[%w_]shopt%f[^%w_]", "shopt", command = true },
}

local keywords = {}
for word in ("if then else elif fi while until do done for in case esac { } ! function time exec eval command"):gmatch("%S+") do
  keywords[word] = true
end
local assignment = "^[%a_][%w_]*="

local read_shell

-- The positions after a command: shift and set move them; nil where they are not known any more.
local function moved(params, words)
  local name = words[1][1]
  if name == "shift" then
    local count = words[2] == nil and 1 or words[2][2] and math.tointeger(tonumber(words[2][1]))
    return count and { unpack(params, count + 1) } or nil
  end
  if name ~= "set" or not words[2] or words[2][1] ~= "--" then return params end
  local list = {}
  for i = 3, #words do
    if not words[i][2] then return nil end
    list[#list + 1] = words[i][1]
  end
  return list
end

-- Reads a shell text once: its simple commands as lists of { text, literal }, and the text with quoted stretches,
-- comments and here documents blanked. What cannot be split is left out. `params` are $1, $2 ... as far as known.
function read_shell(text, params)
  local commands, words, word, literal, used = {}, {}, {}, true, false
  local bare, pending = {}, {}
  local quote, i, depth = nil, 1, 0
  local outer = {} -- what a $( interrupted
  local function end_word()
    if used then
      local text_of = table.concat(word)
      words[#words + 1] = { text_of, literal or text_of == "[" }
    end
    word, literal, used = {}, true, false
  end
  local function end_command()
    end_word()
    if words[1] then
      commands[#commands + 1] = words
      params = params and moved(params, words)
    end
    words = {}
  end
  if text:find("%f[%w_][%a_][%w_]*%(%)") then params = nil end -- a function has positions of its own
  -- After a line with <<WORD: the lines up to that word are data.
  local function skip_documents()
    for _, document in ipairs(pending) do
      while i < #text do
        local stop = text:find("\n", i + 1, true) or #text + 1
        local line = text:sub(i + 1, stop - 1)
        i = stop
        if document.tabs then line = line:gsub("^\t+", "") end
        bare[#bare + 1] = "\n"
        if line == document.word then break end
      end
    end
    pending = {}
  end
  while i <= #text do
    local ch = text:sub(i, i)
    local arithmetic = quote ~= "'" and ch == "$" and text:match("^%$(%(%b()%))", i)
    if arithmetic then
      for inner in arithmetic:gmatch("%$(%b())") do
        for _, command in ipairs((read_shell(inner:sub(2, -2), params))) do commands[#commands + 1] = command end
      end
      bare[#bare + 1] = "$" .. arithmetic
      literal, used = false, true
      i = i + #arithmetic
    elseif quote ~= "'" and ch == "$" and text:sub(i + 1, i + 1) == "(" then
      outer[#outer + 1] = { words = words, word = word, quote = quote, depth = depth }
      words, word, literal, used, quote, depth = {}, {}, true, false, nil, 0
      bare[#bare + 1] = "$("
      i = i + 1
    elseif quote ~= "'" and ch == "$" and params and params[tonumber(text:match("^%$(%d)", i)) or text:match("^%${(%d)}", i)] then
      local value = params[tonumber(text:match("^%${?(%d)", i))]
      word[#word + 1] = value
      used = true
      bare[#bare + 1] = "$1"
      i = i + (text:match("^%${%d}", i) and 3 or 1)
    elseif ch == ")" and not quote and depth == 0 and outer[1] then
      end_command()
      local saved = table.remove(outer)
      words, word, quote, depth = saved.words, saved.word, saved.quote, saved.depth
      literal, used = false, true
      bare[#bare + 1] = ")"
    elseif quote == "'" then
      if ch == "'" then
        quote = nil
        bare[#bare + 1] = "'"
      else
        word[#word + 1] = ch
        bare[#bare + 1] = " "
      end
    elseif quote == '"' then
      if ch == '"' then
        quote = nil
        bare[#bare + 1] = '"'
      elseif ch == "\\" and i < #text then
        i = i + 1
        word[#word + 1] = text:sub(i, i)
        bare[#bare + 1] = "  "
      else
        if ch == "$" or ch == "`" then literal = false end
        word[#word + 1] = ch
        -- Expansions work in double quotes too, words and operators do not.
        bare[#bare + 1] = ch:match("[&|<>';]") and " " or ch
      end
    elseif ch == "'" or ch == '"' then
      quote, used = ch, true
      bare[#bare + 1] = ch
    elseif ch == "\\" and i < #text then
      i = i + 1
      local next_ch = text:sub(i, i)
      if next_ch ~= "\n" then
        word[#word + 1] = next_ch
        used = true
      end
      bare[#bare + 1] = "  "
    elseif ch == "#" and not used then
      local stop = text:find("\n", i, true) or #text + 1
      bare[#bare + 1] = (" "):rep(stop - i)
      i = stop - 1
    elseif ch == " " or ch == "\t" then
      end_word()
      bare[#bare + 1] = ch
    elseif ch:match("[\n;&|()`]") then
      end_command()
      depth = depth + (ch == "(" and 1 or ch == ")" and -1 or 0)
      bare[#bare + 1] = ch
      if ch == "\n" and pending[1] then skip_documents() end
    elseif ch == "<" or ch == ">" then
      if used and #word == 1 and word[1]:match("^%d$") then word, used = {}, false end
      end_word()
      local operator = text:match("^<<%-?", i) or text:match("^[<>]&", i) or text:match("^>[>|]", i) or ch
      bare[#bare + 1] = operator
      i = i + #operator
      local blanks = text:match("^[ \t]*", i)
      bare[#bare + 1] = blanks
      i = i + #blanks
      -- The file, descriptor or word after it: no word of the command.
      local target = {}
      while i <= #text do
        local piece = text:match("^'[^']*'", i) or text:match('^"[^"]*"', i) or text:match("^[^%s;&|()<>]", i)
        if not piece then break end
        target[#target + 1] = #piece > 1 and piece:sub(2, -2) or (piece ~= "\\" and piece or "")
        bare[#bare + 1] = #piece > 1 and (" "):rep(#piece) or piece
        i = i + #piece
      end
      if operator:sub(1, 2) == "<<" and target[1] then
        pending[#pending + 1] = { word = table.concat(target), tabs = operator == "<<-" }
      end
      i = i - 1
    else
      used = true
      if ch:match("[$`*?%[]") then literal = false end
      word[#word + 1] = ch
      bare[#bare + 1] = ch
    end
    i = i + 1
  end
  end_command()
  while outer[1] do
    words, used = table.remove(outer).words, false
    end_command()
  end
  return commands, table.concat(bare)
end

-- Whether what a pattern found at `at` is where a command begins.
local function at_command(bare, at)
  local before = bare:sub(1, at - 1):match("([^%s])[ \t]*$") or ""
  if before == "" or before:match("[;&|(){`]") or bare:sub(1, at - 1):match("\n[ \t]*$") then return true end
  local word = bare:sub(1, at - 1):match("([%a]+)[ \t]+$")
  return word ~= nil and keywords[word] == true
end

---@param text string
---@param params string[]?
---@return string[] violations what ksh88 has not
---@return table[] commands lists of words, "x" for what is not literal; partial: a flag is not, so it cannot be checked
local function read_script(text, params)
  local commands, bare = read_shell(text, params)
  local found, out = {}, {}
  for _, row in ipairs(not_ksh88) do
    local at = bare:find(row[1])
    while at and row.command and not at_command(bare, at) do at = bare:find(row[1], at + 1) end
    if at then found[#found + 1] = "script: ksh88 has no " .. row[2] end
  end
  for _, words in ipairs(commands) do
    while words[1] and (keywords[words[1][1]] or words[1][1]:match(assignment)) do table.remove(words, 1) end
    if words[1] and words[1][2] then
      local argv = {}
      for k, word in ipairs(words) do
        local flag = word[1]:sub(1, 1) == "-"
        if flag and not word[2] then argv.partial = true end
        -- Of NAME=$value the name is known.
        argv[k] = (word[2] or flag) and word[1] or (word[1]:match("^%a+=") or "") .. "x"
      end
      out[#out + 1] = argv
    end
  end
  return found, out
end

-- A host is sent the same few scripts again and again, and to read one costs a hundred times what its check costs.
local MOST_READ <const> = 500
local was_read, count_read = {}, 0

-- The same, read once. What it returns is shared: it is looked at and never changed.
local function script(text, params)
  local key = params and ("%d\0%s\0%s"):format(#params, table.concat(params, "\0"), text) or text
  local both = was_read[key]
  if not both then
    if count_read == MOST_READ then was_read, count_read = {}, 0 end
    both = { read_script(text, params) }
    was_read[key], count_read = both, count_read + 1
  end
  return both[1], both[2]
end

---------------------------------------------------------------- the verdicts

-- The command behind prefixes: name, arguments, where it stands; nil when there is none.
local function strip_prefixes(argv, found, inside)
  local name, args = base(argv[1]), { unpack(argv, 2) }
  while contract.commands[name] and contract.commands[name].prefix do
    local spec, who = contract.commands[name], name
    local _, rest = parse(spec, args, function(text) found[#found + 1] = inside .. who .. ": " .. text end)
    if spec.prefix == "chroot" then
      if #rest < 2 then
        found[#found + 1] = inside .. "chroot: a directory and a command are needed"
        return nil
      end
      if rest[1]:sub(1, 1) ~= "/" then
        found[#found + 1] = ("%schroot: '%s' is not an absolute path"):format(inside, rest[1])
      end
      table.remove(rest, 1)
    elseif spec.prefix == "env" then
      while rest[1] and rest[1]:match(assignment) do table.remove(rest, 1) end
    end
    if not rest[1] then return nil end
    inside = inside .. name .. " "
    name, args = base(rest[1]), { unpack(rest, 2) }
  end
  return name, args, inside
end

-- Checks the flags and operands of one command. Returns what is inside of it.
local function check_one(name, spec, args, said)
  local style = spec.style or "getopt"
  if style == "test" then
    check_test(name, spec, args, said)
  elseif style == "dd" then
    check_dd(spec, args, said)
  elseif style == "find" then
    check_find(spec, args, said)
  elseif style == "getopt" then
    return check_getopt(name, spec, args, said)
  end
end

local check

local function check_script(text, params, inside, found)
  local words, commands = script(text, params)
  for _, violation in ipairs(words) do found[#found + 1] = inside .. violation end
  for _, argv in ipairs(commands) do
    if not argv.partial then check(argv, inside .. "script ", found) end
  end
  return #commands
end

function check(argv, inside, found)
  local name, args
  name, args, inside = strip_prefixes(argv, found, inside)
  if not name then return end
  local in_script = inside:match("script $") ~= nil
  local spec = contract.commands[name]
  if not spec then
    if contract.absent[name] then
      found[#found + 1] = inside .. name .. ": AIX has no such program"
    elseif not in_script then
      found[#found + 1] = inside .. name .. ": not in the contract"
    end
    return
  end
  -- What the brackets of a script hold is seldom literal.
  if spec.style == "test" and in_script then
    for _, word in ipairs(args) do
      if word == "==" then found[#found + 1] = inside .. name .. ": '==' is not of test" end
    end
    return
  end
  local more = check_one(name, spec, args, function(text) found[#found + 1] = inside .. name .. ": " .. text end)
  if more and more.script then
    check_script(more.script, more.params, inside .. name .. ": ", found)
  elseif more then
    check(more.argv, inside .. name .. " script ", found)
  end
end

--- What AIX would refuse of a command line; an empty list when nothing.
---@param argv string[]
---@return string[] violations
function contract.check(argv)
  if type(argv) ~= "table" or type(argv[1]) ~= "string" then return { "not a list of words" } end
  for _, word in ipairs(argv) do
    if type(word) ~= "string" then return { "not a list of words" } end
  end
  local found = {}
  check(argv, "", found)
  return found
end

--- What AIX would refuse of a text that is given to a shell on standard input.
---@param text string
---@param params string[]? its $1, $2 ...
---@return string[] violations
---@return integer commands how many simple commands were looked at
function contract.check_script(text, params)
  local found = {}
  return found, check_script(text, params, "", found)
end

local function nothing() end

--- What a command line is once prefixes (chroot, env, nohup) are off, and whether it reads a script from standard
--- input; then every simple command in it goes to `visit`: those of scripts, of xargs, and the text that is given.
---@param argv string[]
---@param text string? what a shell gets on standard input
---@param visit fun(name: string, args: string[])
---@return boolean reads_script
function contract.each(argv, text, visit)
  local name, args = strip_prefixes(argv, {}, "")
  if not name then return false end
  visit(name, args)
  local spec = contract.commands[name]
  if not spec or not (spec.shell or spec.inner) then return false end
  local seen, operands = parse(spec, args, nothing)
  local function all(source, params)
    local _, commands = script(source, params)
    for _, command in ipairs(commands) do contract.each(command, nil, visit) end
  end
  if spec.inner then
    if operands[1] then contract.each(operands, nil, visit) end
    return false
  end
  if seen.c then
    if operands[1] then all(operands[1], { unpack(operands, 3) }) end
    return false
  end
  if operands[1] and not seen.s then return false end
  if text then all(text, operands) end
  return true
end

--- The operands of a command by its row, and the flags that were given.
---@param name string
---@param args string[]
---@return table<string, any[]> flags, string[] operands
function contract.parse(name, args)
  local spec = contract.commands[name]
  if not spec or not spec.flags then return {}, args end
  return parse(spec, args, nothing)
end

local function usage_of(name, spec)
  if spec.usage then return spec.usage end
  local plain, with = {}, {}
  for letter, colons in (spec.flags or ""):gmatch("([^:])(:*)") do
    if colons == "" then plain[#plain + 1] = letter else with[#with + 1] = ("[-%s value]"):format(letter) end
  end
  local out = { name }
  if plain[1] then out[#out + 1] = "[-" .. table.concat(plain) .. "]" end
  if with[1] then out[#out + 1] = table.concat(with, " ") end
  if not spec.operands or spec.operands[2] ~= 0 then out[#out + 1] = "[operand ...]" end
  return table.concat(out, " ")
end

--- The answer of a command of AIX to arguments that it does not take: for the commands of the lab.
---@param name string
---@param args string[]
---@return string? message nil: it takes them
---@return integer? status
function contract.refusal(name, args)
  local spec = contract.commands[name]
  local first
  -- A word after an operand is an operand, whatever it looks like: the command itself finds no such file.
  local function said(_, message)
    if message == false then return end
    first = first or message or ""
  end
  if not spec then
    -- Without a row the rule that holds everywhere: there are no long options.
    for _, word in ipairs(args) do
      if word == "--" or word:sub(1, 1) ~= "-" then break end
      if word:sub(1, 2) == "--" then return ("%s: Not a recognized flag: -\nUsage: %s [operand ...]"):format(name, name), 1 end
    end
    return nil
  end
  if spec.prefix then
    local _, rest = parse(spec, args, said)
    if spec.prefix == "chroot" and #rest < 2 then said("", "") end
  else
    check_one(name, spec, args, said)
  end
  if not first then return nil end
  local usage = "Usage: " .. usage_of(name, spec)
  return first ~= "" and ("%s: %s\n%s"):format(name, first, usage) or usage, spec.status or 1
end

return contract
