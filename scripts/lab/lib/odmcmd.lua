-- SPDX-License-Identifier: MIT
-- What the odm* commands share: usage, failure, reading stanza input.

local odm = require "lab.odm"
local sys = require "altmig.sys"

local odmcmd = {}

--- Ends the command with a message.
function odmcmd.fail(name, message)
  io.stderr:write(name, ": ", message, "\n")
  os.exit(1, true)
end

--- A usage function for lab.getopt.
function odmcmd.usage(name, synopsis)
  return function(message)
    if message then io.stderr:write(name, ": ", message, "\n") end
    io.stderr:write("Usage: ", synopsis, "\n")
    os.exit(1, true)
  end
end

--- The store the command works on, and a function that ends the command when a call fails.
function odmcmd.open(name)
  local store = odm.open(odm.directory())
  return store, function(value, message)
    if value == nil then
      store:close()
      odmcmd.fail(name, message)
    end
    return value
  end
end

--- The objects of a stanza file, or of standard input when there is no file.
function odmcmd.read(name, path)
  local text, message
  if path then
    text, message = sys.read_file(path)
  else
    text = io.read("a")
  end
  local list
  if text then list, message = odm.parse(text) end
  if not list then odmcmd.fail(name, (path and path .. ": " or "") .. message) end
  return list
end

return odmcmd
