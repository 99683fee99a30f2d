-- SPDX-License-Identifier: MIT
-- altmig odm get|show|add|delete|change|create: the odm commands on binary classes.

local err = require "altmig.err"
local escape = require "altmig.escape"
local mode = require "altmig.mode"
local odm = require "altmig.odm"
local odm_c = require "altmig.odm.c"
local options = require "altmig.options"
local output = require "altmig.ui.output"
local sys = require "altmig.sys"

local CRITERIA <const> = { "q", "criteria", arg = "CRITERIA", empty = true,
  text = "only the objects that fit, as name=hdisk0 and parent like vscsi*" }
local CLASS <const> = { "o", "class", arg = "CLASS", needed = true, text = "the object class" }

options.define("altmig odm get", { operands = "CLASS ...", flags = { CRITERIA }, text = "objects as stanzas" })
options.define("altmig odm show", { operands = "CLASS ...", text = "the definition of a class" })
options.define("altmig odm add", { operands = "[FILE ...]", text = "adds the objects of stanzas; standard input without FILE" })
options.define("altmig odm delete", { operands = "", flags = { CLASS, CRITERIA }, text = "deletes objects" })
options.define("altmig odm change", { operands = "[FILE]", flags = { CLASS, CRITERIA },
  text = "changes objects to the values of one stanza" })
options.define("altmig odm create", { operands = "FILE ...", text = "makes classes and C files from FILE.cre", flags = {
  { "p", "preprocess", text = "through the C preprocessor first" },
  { "c", "classes_only", text = "classes only" },
  { "h", "c_only", text = "FILE.h and FILE.c only" },
} })

local command = {
  summary = "read and change ODM classes, as the odm commands of AIX",
  usage = options.usage("altmig odm", [[
the directory is $ODMDIR, else /etc/objrepos; create writes C files to the current one; get and show
print byte for byte, but on a terminal control characters are escaped (\x1b)]]),
}

local function fail(message) err.exit(1, "altmig odm: " .. escape.line(message)) end

local function check(value, message)
  if value == nil then fail(message) end
  return value
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
command.actions = actions

function actions.get(args)
  local opts, classes = options.parse(args, "altmig odm get")
  if #classes == 0 then err.usage(command.usage) end
  local store <close> = open()
  for _, class in ipairs(classes) do output.data(check(store:format(class, opts.criteria))) end
  return 0
end

function actions.show(args)
  local _, classes = options.parse(args, "altmig odm show")
  if #classes == 0 then err.usage(command.usage) end
  local store <close> = open()
  for _, class in ipairs(classes) do output.data(odm.definition(class, check(store:class(class)))) end
  return 0
end

function actions.add(args)
  local _, paths = options.parse(args, "altmig odm add")
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
  local opts, rest = options.parse(args, "altmig odm delete")
  if not opts.class or #rest > 0 then err.usage(command.usage) end
  local store <close> = open()
  local count = check(store:delete(opts.class, opts.criteria))
  check(store:commit())
  output.print("0518-307 odmdelete: %d objects deleted.", count)
  return 0
end

function actions.change(args)
  local opts, rest = options.parse(args, "altmig odm change")
  if not opts.class or #rest > 1 then err.usage(command.usage) end
  local list = stanzas(rest[1])
  if #list ~= 1 or list[1].class ~= opts.class then
    fail(("%s: one object of class %s was expected"):format(rest[1] or "standard input", opts.class))
  end
  local store <close> = open()
  check(store:change(opts.class, opts.criteria, list[1].fields))
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
    err.exit(1, ("altmig odm: cpp %s: status %s\n%s"):format(path, result.status or result.signal, result.stderr))
  end
  return result.stdout
end

-- NAME.h and NAME.c of NAME.cre, in the current directory.
local function write_c(path, classes)
  local base = path:match("[^/]+$"):gsub("%.cre$", "")
  check(sys.write_file(base .. ".h", odm_c.header(classes), { mode = mode.FILE }))
  check(sys.write_file(base .. ".c", odm_c.source(classes, base .. ".h"), { mode = mode.FILE }))
end

function actions.create(args)
  local opts, paths = options.parse(args, "altmig odm create")
  if #paths == 0 then err.usage(command.usage) end
  if opts.classes_only and opts.c_only then err.usage("altmig odm: -c and -h exclude each other\n" .. command.usage) end
  local all = {}
  for i, path in ipairs(paths) do
    if not path:match("%.[^/.]*$") then path = path .. ".cre" end
    local classes, message = odm.definitions(definition_text(path, opts.preprocess))
    if not classes then fail(path .. ": " .. message) end
    paths[i], all[i] = path, classes
  end
  if not opts.c_only then
    local store <close> = open()
    for _, classes in ipairs(all) do
      for _, class in ipairs(classes) do check(store:create(class.name, class.descriptors)) end
    end
    check(store:commit())
  end
  for i, classes in ipairs(opts.classes_only and {} or all) do write_c(paths[i], classes) end
  return 0
end

return command
