-- SPDX-License-Identifier: MIT
-- The error object of the flow: what happened, on which host, what to do next.

---@class altmig.Error
---@field code string        upper-case name
---@field message string     "operation: subject: reason", one line whatever names it quotes
---@field host string?       the host it happened on
---@field command string?    the command line that failed
---@field output string?     what that command printed (its end)
---@field record string?     where that command is recorded: "record 118 of STATE/CLIENT/commands.jsonl"
---@field remedy string?     what to do next
---@field job_left boolean?  a job was left behind that may still go on
---@field status integer?    exit status of altmig, when not 1
---@field phase integer?     filled in by the flow
---@field traceback string?  for mistakes in scripts
---@field explained boolean?  it was printed already

local escape = require "altmig.escape"

local err = {}

local mt = {}
mt.__index = mt
mt.__tostring = function(e) return e.message end
err.mt = mt

--- Text of any value, whatever its __tostring does.
---@param value any
---@return string
function err.text(value)
  local ok, text = pcall(tostring, value)
  if ok then return text end
  return ("a %s that cannot be made into text"):format(type(value))
end

-- Fields that whoever raised it may have given any value: each has a form that all code here relies on.
local forms = {}
for _, name in ipairs { "host", "command", "output", "record", "remedy", "traceback" } do
  forms[name] = function(value) return err.text(value) end
end
function forms.code(value)
  if type(value) == "number" then return tostring(value) end
  return type(value) == "string" and value ~= "" and escape.line(value) or nil
end
function forms.message(value) return err.text(value) end
function forms.status(value)
  value = math.type(value) == "integer" and value or nil
  return value and value > 0 and value < 256 and value or nil
end
function forms.phase(value) return math.type(value) == "integer" and value or nil end
forms.job_left = function(value) return value and true or nil end
forms.explained = forms.job_left

-- A field of a table that may be anything: a metatable that raises gives nothing.
local function field(e, name)
  local ok, value = pcall(function() return e[name] end)
  if ok then return value end
  return nil
end

-- The message of a failure is one line, whatever the names in it hold. What the command line says of itself
-- (a usage, the trace of a mistake) has lines.
local has_lines = { USAGE = true, EXIT = true, INTERNAL = true }

-- Brings the fields into their form, in place.
local function normalise(e, from)
  for name, form in pairs(forms) do
    local value = field(from, name)
    if value ~= nil then value = form(value) end
    rawset(e, name, value)
  end
  e.code = e.code or "SCRIPT"
  e.message = e.message or ("a table without a message was raised")
  if not has_lines[e.code] then e.message = escape.line(e.message) end
  return e
end

--- Raises an error object.
---@param fields altmig.Error
function err.raise(fields)
  if type(fields.message) == "string" then fields.message = escape.line(fields.message) end
  error(setmetatable(fields, mt), 0)
end

--- Raised by commands for a wrong command line: printed as it is, exit status 2.
---@param message string   may have lines: a usage
function err.usage(message) error(setmetatable({ code = "USAGE", message = message }, mt), 0) end

--- Raised by commands to end with a message and a status.
---@param status integer
---@param message string
function err.exit(status, message) error(setmetatable({ code = "EXIT", status = status, message = message }, mt), 0) end

--- Raises unless `value` is true-ish: turns the `nil, message, code` of the C modules into an error.
---@generic T
---@param value T?
---@param message string?
---@param code string?
---@param extra table?   more fields of the error object (host, remedy)
---@return T
function err.check(value, message, code, extra)
  if value then return value end
  local e = { code = code or "FAILED", message = message or "unknown error" }
  for k, v in pairs(extra or {}) do e[k] = v end
  err.raise(e)
end

--- For a function that returns nil, message, code while its own code raises: what `fn` returns, or these three of
--- the error object it raised. A mistake in a script goes on as it is.
---@param fn function
function err.returned(fn, ...)
  local function pass(ok, value, ...)
    if ok then return value, ... end
    if type(value) == "table" and value.code then return nil, value.message, value.code end
    error(value, 0)
  end
  return pass(pcall(fn, ...))
end

--- Whether a code says that there is nothing at a path.
---@param code string?
---@return boolean
function err.is_absent(code) return code == "ENOENT" or code == "ENOTDIR" end

--- The same of a path whose links may lead out of the tree, or nowhere.
---@param code string?
---@return boolean
function err.leads_nowhere(code) return err.is_absent(code) or code == "OUTSIDE_TREE" or code == "ELOOP" end

--- What a function of a script returned: its first value. Raises when that is nil (or false) and more
--- follows, which says why, as the C modules and pcall do.
---@param value any
---@param message any
---@param code any
---@return any
function err.result(value, message, code)
  if value or message == nil then return value end
  if type(message) == "table" then error(err.wrap(message), 0) end
  err.raise { code = forms.code(code) or "FAILED", message = err.text(message) }
end

--- Makes an error object of whatever was raised, nil included: it has a code and a message that are
--- strings, and every other field is absent or of its type. A plain Lua error gets its traceback.
--- Never raises. Meant as the message handler of xpcall.
---@param e any
---@return altmig.Error
function err.wrap(e)
  if type(e) == "table" then
    if getmetatable(e) == mt then return normalise(e, e) end
    local wrapped = setmetatable({}, mt)
    for name, value in next, e do -- what a site adds for its own hooks
      if type(name) == "string" and forms[name] == nil then rawset(wrapped, name, value) end
    end
    normalise(wrapped, e)
    if field(e, "message") == nil then
      wrapped.message = escape.line("a table was raised: " .. err.text(e))
      wrapped.traceback = wrapped.traceback or debug.traceback(wrapped.message, 2)
    end
    return wrapped
  end
  local text = err.text(e)
  if text:find("interrupted", 1, true) then
    return setmetatable({ code = "CANCELLED", message = "interrupted" }, mt)
  end
  if type(e) ~= "string" then text = ("a %s was raised: %s"):format(type(e), text) end
  text = escape.line(text)
  return setmetatable({ code = "SCRIPT", message = text, traceback = debug.traceback(text, 2) }, mt)
end

return err
