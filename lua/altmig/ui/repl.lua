-- SPDX-License-Identifier: MIT
-- The prompt. Lua expressions and statements with the migration object `m` and the altmig modules;
-- lines that begin with a colon are commands. Looking is free; what changes something, by a command or
-- through `m`, needs :rw first, which takes the client's lock (altmig.gate refuses it until then).

local mode = require "altmig.mode"
local complete = require "altmig.ui.complete"
local err = require "altmig.err"
local escape = require "altmig.escape"
local gate = require "altmig.gate"
local line = require "altmig.line"
local output = require "altmig.ui.output"
local printer = require "altmig.ui.print"
local sorted_keys = require "altmig.sorted_keys"
local sys = require "altmig.sys"

local repl = {}

local LEAVE <const> = setmetatable({}, { __tostring = function() return "the prompt is left" end })

---@class altmig.repl.Context
---@field m altmig.Migration?   # the migration, when there is one
---@field env table             # globals of the prompt; _G behind them
---@field leave integer?        # set: the prompt ends with this status

---@class altmig.repl.Command
---@field help string           # one line, beginning with the arguments
---@field run fun(ctx: altmig.repl.Context, args: string[])   # args.text: all that follows the name

--- The commands by name. Modules and scripts may add theirs.
---@type table<string, altmig.repl.Command>
repl.commands = {}

--- altmig modules that are there as globals of the prompt, loaded when first named.
repl.modules = { "bff", "bosboot", "journal", "json", "merge", "nim", "odm", "ssh", "swvpd", "sys",
  "tree" }

local function is_module(name)
  for _, module in ipairs(repl.modules) do
    if module == name then return true end
  end
  return false
end

-- Modules whose connections to hosts are for looking, as m's are, until :rw.
local guarded = {}

function guarded.tree(m, module)
  return setmetatable({ nfs = function(...)
    local tree, message, code = module.nfs(...)
    if not tree then return nil, message, code end
    return gate.tree(m, tree)
  end }, { __index = module })
end

function guarded.ssh(m, module)
  return setmetatable({ connect = function(...)
    local session, message, code = module.connect(...)
    if not session then return nil, message, code end
    return gate.session(m, session, "ssh")
  end }, { __index = module })
end

local function new_environment(m)
  return setmetatable({}, {
    __index = function(env, name)
      local value = _G[name]
      if value ~= nil or not is_module(name) then return value end
      local ok, module = pcall(require, "altmig." .. name)
      if not ok then return nil end
      if m and guarded[name] then module = guarded[name](m, module) end
      rawset(env, name, module)
      return module
    end,
  })
end

-- os.exit leaves the prompt in order instead of ending the program on the spot: what the prompt made
-- must go first.
local function exit_in_order(ctx)
  local real = os.exit
  rawset(os, "exit", function(status)
    ctx.leave = (status == nil or status == true) and 0 or math.tointeger(status) or 1
    error(LEAVE, 0)
  end)
  return setmetatable({}, { __close = function() rawset(os, "exit", real) end })
end

local function say(text)
  output.print(text)
  output.flush()
end

local complain = output.complain

-- Errors ------------------------------------------------------------------------------------------

--- Message handler: keeps error objects, adds the traceback of the code that was typed.
local function trace(e)
  if rawequal(e, LEAVE) then return e end
  if type(e) == "table" then
    e = err.wrap(e)
    local text = { escape.line(("[%s] %s"):format(e.code, e.message)) }
    for _, name in ipairs { "host", "command", "output", "remedy" } do
      if e[name] and e[name] ~= "" then text[#text + 1] = ("  %s: %s"):format(name, (e[name]:gsub("\n", "\n    "))) end
    end
    return debug.traceback(table.concat(text, "\n"), 2)
  end
  return debug.traceback(err.text(e):gsub("\n", "\n  "), 2)
end

--- The traceback without the frames of the prompt itself.
local function shorten(text)
  return (text:gsub("\n[^\n]*%[C%]: in function 'xpcall'.*$", ""))
end

local function is_interrupt(text)
  return sys.cancelled() and text:find("interrupted", 1, true) ~= nil
end

--- Calls fn; prints what went wrong. Returns whether it went well, and the results.
local function protected(fn, ...)
  local results = table.pack(xpcall(fn, trace, ...))
  if results[1] then return true, results end
  if rawequal(results[2], LEAVE) then return false end
  local text = err.text(results[2])
  complain(is_interrupt(text) and "interrupted" or shorten(text))
  return false
end

-- Commands ----------------------------------------------------------------------------------------

local function need_migration(ctx)
  if ctx.m then return true end
  complain("there is no migration here; 'altmig repl CLIENT' loads one")
  return false
end

local function need_writable(ctx, name)
  if not need_migration(ctx) then return false end
  if not ctx.m:looking() then return true end
  complain((":%s can change things; type :rw first (it takes the client's lock)"):format(name))
  return false
end

repl.commands.help = {
  help = "[NAME]          the commands, or what is known of a global name",
  run = function(ctx, args)
    local name = args[1] and args[1]:gsub("^:", "")
    if name and not repl.commands[name] then
      say(("%s = %s"):format(name, printer.pretty(ctx.env[name], { depth = 2 })))
      return
    end
    for _, command in ipairs(sorted_keys(repl.commands)) do
      if not name or name == command then
        say(("  :%-8s %s"):format(command, repl.commands[command].help))
      end
    end
    if name then return end
    say "  Anything else is Lua: an expression is printed, _ is the last value, m the migration."
    say("  Modules: " .. table.concat(repl.modules, " "))
  end,
}

repl.commands.phases = {
  help = "                the phases and how far they are",
  run = function(ctx)
    if not need_migration(ctx) then return end
    for _, phase in ipairs(ctx.m:phases()) do
      output.print("  %2d  %-6s  %s", phase.n, phase.state, phase.title)
    end
  end,
}

repl.commands.rw = {
  help = "                take the client's lock, so that commands and m may change things",
  run = function(ctx)
    if not need_migration(ctx) then return end
    local ok, e = xpcall(ctx.m.writable, err.wrap, ctx.m)
    if not ok then
      complain(("%s%s"):format(e.code and "[" .. e.code .. "] " or "", e.message))
      if e.remedy then complain("  remedy: " .. e.remedy) end
      return
    end
    say "writable"
  end,
}

repl.commands.resume = {
  help = "[N]             go on at the first open phase, or at phase N",
  run = function(ctx, args)
    local first
    if args[1] then
      first = math.tointeger(tonumber(args[1]))
      if not first or first < 1 or first > 12 then
        complain(":resume " .. args.text .. ": a phase is a number from 1 to 12")
        return
      end
    end
    if not need_writable(ctx, "resume") then return end
    local status = ctx.m:resume(first)
    say(("resume: status %s"):format(tostring(status)))
  end,
}

-- Runs a command line on a host of the migration.
local function shell(ctx, args, name, role)
  if args.text == "" then
    complain((":%s: which command?"):format(name))
    return
  end
  if not need_writable(ctx, name) then return end
  local result, message, code = ctx.m[role]:script(args.text, {}, {
    timeout = 0, -- whoever sits there has Ctrl-C
    on_line = function(text, stream) if stream == "stderr" then complain(text) else say(text) end end,
  })
  if not result then
    complain(("%s%s"):format(code and "[" .. code .. "] " or "", message))
  elseif result.signal then
    complain("ended by signal " .. result.signal)
  elseif result.status ~= 0 then
    complain(("exit status %d"):format(result.status))
  end
end

repl.commands.sh = {
  help = "CMD             run a command line on the client",
  run = function(ctx, args) shell(ctx, args, "sh", "client") end,
}

repl.commands.master = {
  help = "CMD             run a command line on the master",
  run = function(ctx, args) shell(ctx, args, "master", "master") end,
}

local function show_difference(file, from, to)
  if not file then return end
  for _, text in ipairs(require("altmig.preview.diff").lines(file.result, { from = from, to = to })) do say(text) end
end

local function list_differences(m)
  local saveconf = require "altmig.save"
  local files = require("altmig.preview").files(m.alt, saveconf.root, require("altmig.report").new())
  for _, file in ipairs(files) do
    output.print("  %5d + %5d -  %-10s %s", file.result.added, file.result.removed, file.policy, file.path)
  end
  say(("%d files differ from what was saved; :diff PATH shows one"):format(#files))
end

repl.commands.diff = {
  help = "[PATH]          what was saved against what its merge gives and what is in the copy; alone: the files",
  run = function(ctx, args)
    if not need_migration(ctx) then return end
    local path = args.text
    if not ctx.m:result_of("save_configuration") then
      -- What is in the save area of the copy then is of an earlier migration.
      return complain "nothing was saved yet: phase 5 has not begun; altmig migrate --dry-run shows what it would do"
    end
    if path == "" then return list_differences(ctx.m) end
    local found = require("altmig.preview").one(ctx.m.alt, require("altmig.save").root, path)
    output.print("%s: %s%s", path, found.policy, #found.methods > 0 and ", by " .. table.concat(found.methods, ", ") or "")
    local to = found.same and " (merged, and in the copy)" or " (as its merge gives it)"
    if not found.merged then say "  the merge gives what was saved" end
    show_difference(found.merged, path .. " (yours)", path .. to)
    if found.same then return end
    say "  the copy has something else:"
    if not found.live then say "  what was saved" end
    show_difference(found.live, path .. " (yours)", path .. " (in the copy)")
  end,
}

repl.commands.quit = {
  help = "                leave (so does the end of input)",
  run = function(ctx) ctx.leave = 0 end,
}

local function run_command(ctx, text)
  local name, rest = text:match "^:%s*([%w_]*)%s*(.-)%s*$"
  local command = repl.commands[name]
  if not command then
    complain((":%s is no command; :help lists them"):format(name))
    return
  end
  local args = { text = rest }
  for word in rest:gmatch "%S+" do args[#args + 1] = word end
  protected(command.run, ctx, args)
end

-- Lua ---------------------------------------------------------------------------------------------

--- Whether the text only lacks its end. Lua 5.4 says "near <eof>", without quotes.
local function is_incomplete(message)
  return message:find "<eof>$" ~= nil
end

--- The text as an expression, else as a statement. Without chunk: the message, and whether more
--- lines could make it one.
local function compile(ctx, text)
  -- The newline matters: without it an unfinished string would look like a text that goes on.
  local chunk, expression = load("return " .. text .. "\n", "=input", "t", ctx.env)
  if chunk then return chunk end
  local message
  chunk, message = load(text .. "\n", "=input", "t", ctx.env)
  if chunk then return chunk end
  if is_incomplete(message) then return nil, message, true end
  if is_incomplete(expression) then return nil, expression, true end
  return nil, message, false
end

--- How wide values may be printed.
local function width()
  return (sys.terminal_width() or 80) - 1
end

local function evaluate(ctx, chunk)
  local ok, results = protected(chunk)
  if not ok or results.n == 1 then return end
  rawset(ctx.env, "_", results[2])
  protected(function()
    for i = 2, results.n do say(printer.pretty(results[i], { width = width() })) end
  end)
end

--- Reads on until the chunk is complete. Returns it and its text; no chunk when there is nothing to
--- run, no text when it was given up.
local function read_chunk(ctx, reader, text)
  while true do
    local chunk, message, incomplete = compile(ctx, text)
    if chunk then return chunk, text end
    local more
    if incomplete then
      local line_read, _, code = reader:read ">> "
      if code == "CANCELLED" then return nil, nil end
      more = line_read
    end
    if more == nil then
      complain(message)
      return nil, text
    end
    text = text .. "\n" .. more
  end
end

-- The loop ----------------------------------------------------------------------------------------

local function completer(ctx)
  return function(before)
    local names, typed
    local command = before:match "^:([%w_]*)$"
    if command then
      names, typed = {}, command
      for name in pairs(repl.commands) do
        if name:sub(1, #command) == command then names[#names + 1] = name end
      end
      table.sort(names)
    else
      local first = before:match "([%a_][%w_]*)[%.:][%w_%.:]*$"
      if first and is_module(first) then local _ = ctx.env[first] end -- loads it
      names, typed = complete.names(ctx.env, before, repl.modules)
    end
    if #names == 0 then return nil end
    local insert = complete.common(names):sub(#typed + 1)
    if #names == 1 or insert ~= "" then return insert end
    return nil, complete.columns(names, width())
  end
end

local function remember(reader, text)
  if text == nil or text:find "^%s*$" then return end
  local lower = text:lower()
  if lower:find "password" or lower:find "passphrase" then return end
  local ok, message = reader:remember(text)
  if not ok then complain(message) end
end

--- One turn: a line (or a chunk of several), and what it says.
local function turn(ctx, reader)
  local text, message, code = reader:read(ctx.m and not ctx.m:looking() and "altmig# " or "altmig> ")
  if code == "CANCELLED" then return end
  if text == nil then
    if message then complain(message) end
    ctx.leave = message and 1 or 0
    return
  end
  if text:find "^%s*$" then return end
  if text:find "^%s*:[^:]" then
    remember(reader, text)
    run_command(ctx, text:gsub("^%s+", ""))
    return
  end
  local chunk
  chunk, text = read_chunk(ctx, reader, text)
  remember(reader, text)
  if chunk then evaluate(ctx, chunk) end
end

--- Where the history is kept: the state directory.
local function history_file(options)
  local dir = options.state_dir
  if not dir then
    local ok, migration = pcall(require, "altmig.migration")
    if ok and migration.state_dir then dir = migration.state_dir(options.opts or {}) end
  end
  if not dir or not sys.makedirs(dir, mode.PRIVATE_DIR) then return nil end
  return dir .. "/history"
end

---@class altmig.repl.Options
---@field m altmig.Migration?    # the migration to work on
---@field message string?        # said first
---@field opts table?            # options of the command line (state)
---@field state_dir string?      # where the history is kept; default: that of the migrations

--- Opens the prompt and returns when it is left.
---@param options altmig.repl.Options?
---@return integer status
function repl.run(options)
  options = options or {}
  local ctx = { m = options.m, env = new_environment(options.m) }
  rawset(ctx.env, "m", options.m)
  local _ <close> = exit_in_order(ctx)
  local reader <close> = assert(line.open {
    history = sys.isatty(0) and history_file(options) or nil,
    complete = completer(ctx),
  })
  if options.message then say(options.message) end
  if reader:editing() then say(":help lists the commands; Ctrl-D leaves.") end
  line.ready()
  while not ctx.leave do
    -- A signal can come between two commands as well: then this very loop is what it stops.
    local ok, message = pcall(turn, ctx, reader)
    if not ok then complain(is_interrupt(err.text(message)) and "interrupted" or err.text(message)) end
    if line.ready() == "TERM" then ctx.leave = ctx.leave or 130 end
  end
  return ctx.leave
end

return repl
