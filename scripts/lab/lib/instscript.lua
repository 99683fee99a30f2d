-- SPDX-License-Identifier: MIT
-- Running a control script of a fileset, as installp does.

local sys = require "altmig.sys"

local instscript = {}

--- Runs the script at `path`. Its status is its word on whether the fileset can go on.
---@param path string
---@param env table<string, string>
---@param item { package: string, name: string }
---@param name string                  # of the script: "post_i"
---@param say fun(line: string)        # takes what it prints
---@return true? ok, string? message
function instscript.run(path, env, item, name, say)
  local result, message = sys.run({ "/usr/bin/ksh", path }, { env = env, on_line = function(line) say(line) end })
  if not result then return nil, message end
  if result.status ~= 0 then
    return nil, ("%s: the %s script of %s ended with status %s"):format(item.package, name, item.name,
      tostring(result.status or result.signal))
  end
  return true
end

return instscript
