-- The error object of the flow: what happened, on which host, what to do next.

---@class altmig.Error
---@field code string        upper-case name
---@field message string     "operation: subject: reason"
---@field host string?       the host it happened on
---@field command string?    the command line that failed
---@field output string?     what that command printed (its end)
---@field remedy string?     what to do next
---@field unsettled boolean?  a job was left behind that may still go on
---@field status integer?    exit status of altmig, when not 1
---@field phase integer?     filled in by the flow
---@field traceback string?  for mistakes in scripts

local err = {}

local mt = {}
mt.__index = mt
mt.__tostring = function(e) return e.message end
err.mt = mt

--- Raises an error object.
---@param fields altmig.Error
function err.raise(fields)
  error(setmetatable(fields, mt), 0)
end

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

--- Makes an error object of whatever was raised; a plain Lua error gets its traceback.
--- Meant as the message handler of xpcall.
function err.wrap(e)
  if getmetatable(e) == mt then return e end
  if type(e) == "table" and e.message then return setmetatable(e, mt) end
  local text = tostring(e)
  if text:find("interrupted", 1, true) then
    return setmetatable({ code = "CANCELLED", message = "interrupted" }, mt)
  end
  return setmetatable({ code = "SCRIPT", message = text, traceback = debug.traceback(text, 2) }, mt)
end

return err
