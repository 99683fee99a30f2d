-- altmig odm get|show|add|delete|change|create: the odm commands on binary classes.

local cli = require "altmig.cli"
local escape = require "altmig.escape"
local odm = require "altmig.odm"
local odm_c = require "altmig.odm.c"
local output = require "altmig.ui.output"
local sys = require "altmig.sys"

local command = {
  summary = "read and change ODM classes, as the odm commands of AIX",
  usage = [[
usage: altmig odm get [-q CRITERIA] CLASS ...
       altmig odm show CLASS ...
       altmig odm add [FILE ...]                     standard input without FILE
       altmig odm delete -o CLASS [-q CRITERIA]
       altmig odm change -o CLASS [-q CRITERIA] [FILE]
       altmig odm create [-p] [-c | -h] FILE ...     FILE.cre: -c classes only, -h FILE.h and FILE.c only,
                                                     -p through the C preprocessor
the directory is $ODMDIR, else /etc/objrepos; create writes C files to the current one; get and show
print byte for byte, but on a terminal control characters are escaped (\\x1b)]],
}

local function fail(message) cli.fail(1, "altmig odm: " .. escape.line(message)) end

local function check(value, message)
  if value == nil then fail(message) end
  return value
end

--- Options, a colon after the letters of those with an argument, then operands. Others are refused
--- by name.
local function parse(args, allowed)
  local options, rest, i = {}, {}, 1
  while i <= #args do
    local letter, attached = args[i]:match("^%-(%a)(.*)$")
    local colon = letter and allowed:match(letter .. "(:?)")
    if not letter or #rest > 0 then
      rest[#rest + 1] = args[i]
    elseif not colon then
      cli.usage(("altmig odm: flag -%s is not supported\n%s"):format(letter, command.usage))
    elseif colon == "" then
      options[letter] = true
      if attached ~= "" then
        args[i] = "-" .. attached
        i = i - 1
      end
    else
      if attached == "" then
        i = i + 1
        attached = args[i]
      end
      if not attached then cli.usage(("altmig odm: flag -%s needs an argument"):format(letter)) end
      options[letter] = attached
    end
    i = i + 1
  end
  return options, rest
end

local function open() return check(odm.open(odm.directory())) end

local function input(path)
  if not path then return io.read("a") end
  return check(sys.read_file(path))
end

-- Stanzas of a file, or of standard input.
local function stanzas(path)
  local list, message = odm.parse(input(path))
  if not list then fail((path and path .. ": " or "") .. message) end
  return list
end

local actions = {}

function actions.get(args)
  local options, classes = parse(args, "q:")
  if #classes == 0 then cli.usage(command.usage) end
  local store <close> = open()
  for _, class in ipairs(classes) do output.data(check(store:format(class, options.q))) end
  return 0
end

function actions.show(args)
  local _, classes = parse(args, "")
  if #classes == 0 then cli.usage(command.usage) end
  local store <close> = open()
  for _, class in ipairs(classes) do output.data(odm.definition(class, check(store:class(class)))) end
  return 0
end

function actions.add(args)
  local _, paths = parse(args, "")
  local store <close> = open()
  for i = 1, math.max(#paths, 1) do
    for _, entry in ipairs(stanzas(paths[i])) do
      local ok, message = store:add(entry.class, entry.fields)
      if not ok then fail(("%s: line %d: %s"):format(paths[i] or "standard input", entry.line, message)) end
    end
  end
  check(store:commit())
  return 0
end

function actions.delete(args)
  local options, rest = parse(args, "o:q:")
  if not options.o or #rest > 0 then cli.usage(command.usage) end
  local store <close> = open()
  local count = check(store:delete(options.o, options.q))
  check(store:commit())
  output.print("0518-307 odmdelete: %d objects deleted.", count)
  return 0
end

function actions.change(args)
  local options, rest = parse(args, "o:q:")
  if not options.o or #rest > 1 then cli.usage(command.usage) end
  local list = stanzas(rest[1])
  if #list ~= 1 or list[1].class ~= options.o then
    fail(("%s: one object of class %s was expected"):format(rest[1] or "standard input", options.o))
  end
  local store <close> = open()
  check(store:change(options.o, options.q, list[1].fields))
  check(store:commit())
  return 0
end

-- The text of a class definition file, through the C preprocessor when asked.
local function definition_text(path, preprocess)
  if not preprocess then return input(path) end
  check(sys.stat(path))
  local result, message, code = sys.run { "cpp", "-P", path }
  if not result then
    fail(code == "ENOENT" and "flag -p needs the C preprocessor, and there is no cpp on this host" or message)
  end
  if result.status ~= 0 then
    cli.fail(1, ("altmig odm: cpp %s: status %s\n%s"):format(path, result.status or result.signal, result.stderr))
  end
  return result.stdout
end

-- NAME.h and NAME.c of NAME.cre, in the current directory.
local function write_c(path, classes)
  local base = path:match("[^/]+$"):gsub("%.cre$", "")
  check(sys.write_file(base .. ".h", odm_c.header(classes), { mode = 420 }))
  check(sys.write_file(base .. ".c", odm_c.source(classes, base .. ".h"), { mode = 420 }))
end

function actions.create(args)
  local options, paths = parse(args, "chp")
  if #paths == 0 then cli.usage(command.usage) end
  if options.c and options.h then cli.usage("altmig odm: -c and -h exclude each other\n" .. command.usage) end
  local all = {}
  for i, path in ipairs(paths) do
    if not path:match("%.[^/.]*$") then path = path .. ".cre" end
    local classes, message = odm.definitions(definition_text(path, options.p))
    if not classes then fail(path .. ": " .. message) end
    paths[i], all[i] = path, classes
  end
  if not options.h then
    local store <close> = open()
    for _, classes in ipairs(all) do
      for _, class in ipairs(classes) do check(store:create(class.name, class.descriptors)) end
    end
    check(store:commit())
  end
  for i, classes in ipairs(options.c and {} or all) do write_c(paths[i], classes) end
  return 0
end

function command.run(args)
  local action = actions[table.remove(args, 1) or ""]
  if not action then cli.usage(command.usage) end
  return action(args)
end

return command
