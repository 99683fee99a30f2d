-- altmig odm get|show|add|delete|change|create: the odm commands on binary classes.

local cli = require "altmig.cli"
local odm = require "altmig.odm"
local sys = require "altmig.sys"

local command = {
  summary = "read and change ODM classes, as the odm commands of AIX",
  usage = [[
usage: altmig odm get [-q CRITERIA] CLASS ...
       altmig odm show CLASS ...
       altmig odm add [FILE ...]                     standard input without FILE
       altmig odm delete -o CLASS [-q CRITERIA]
       altmig odm change -o CLASS [-q CRITERIA] [FILE]
       altmig odm create [-c] FILE ...               classes only, no C files
the directory is $ODMDIR, else /etc/objrepos]],
}

local function fail(message) cli.fail(1, "altmig odm: " .. message) end

local function check(value, message)
  if value == nil then fail(message) end
  return value
end

--- Options with an argument (letters in `allowed`), then operands. Others are refused by name.
local function parse(args, allowed)
  local options, rest, i = {}, {}, 1
  while i <= #args do
    local letter, attached = args[i]:match("^%-(%a)(.*)$")
    if not letter or #rest > 0 then
      rest[#rest + 1] = args[i]
    elseif letter == "c" and allowed:find("c", 1, true) and attached == "" then
      options.c = true
    elseif not allowed:find(letter, 1, true) then
      cli.usage(("altmig odm: flag -%s is not supported\n%s"):format(letter, command.usage))
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
  local options, classes = parse(args, "q")
  if #classes == 0 then cli.usage(command.usage) end
  local store <close> = open()
  for _, class in ipairs(classes) do io.write(check(store:format(class, options.q))) end
  return 0
end

function actions.show(args)
  local _, classes = parse(args, "")
  if #classes == 0 then cli.usage(command.usage) end
  local store <close> = open()
  for _, class in ipairs(classes) do io.write(odm.definition(class, check(store:class(class)))) end
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
  local options, rest = parse(args, "oq")
  if not options.o or #rest > 0 then cli.usage(command.usage) end
  local store <close> = open()
  local count = check(store:delete(options.o, options.q))
  check(store:commit())
  print(("0518-307 odmdelete: %d objects deleted."):format(count))
  return 0
end

function actions.change(args)
  local options, rest = parse(args, "oq")
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

function actions.create(args)
  local _, paths = parse(args, "c")
  if #paths == 0 then cli.usage(command.usage) end
  local store <close> = open()
  for _, path in ipairs(paths) do
    local classes, message = odm.definitions(input(path))
    if not classes then fail(path .. ": " .. message) end
    for _, class in ipairs(classes) do check(store:create(class.name, class.descriptors)) end
  end
  check(store:commit())
  return 0
end

function command.run(args)
  local action = actions[table.remove(args, 1) or ""]
  if not action then cli.usage(command.usage) end
  return action(args)
end

return command
