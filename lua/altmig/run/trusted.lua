-- SPDX-License-Identifier: MIT
-- Files that are run as code: the resources of a site (nim.lua) and its flow script.

local err = require "altmig.err"
local sys = require "altmig.sys"

local trusted = {}

--- No resource file and no script is larger.
trusted.max = 16 << 20

--- Text of a file that nobody but root and who runs altmig can have written. Raises otherwise.
---@param path string
---@param what string       # in front of messages: "nim", "flow"
---@param code string?      # of the error; default: the one of the failure
---@param missing string    # what to do where there is no such file
---@return string
function trusted.read(path, what, code, missing)
  local text, message, why = sys.read_trusted(path, trusted.max)
  if text then return text end
  local remedy = missing
  if why == "UNTRUSTED" then
    remedy = "it is run as code: it, every directory above it and every link on the way must belong to root or to who runs "
      .. "altmig, and nobody else may write there (chown, chmod go-w), or put it elsewhere"
  end
  err.raise { code = code or why, message = ("%s: %s"):format(what, message:gsub("^read: ", "")), remedy = remedy }
end

return trusted
