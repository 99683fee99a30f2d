-- SPDX-License-Identifier: MIT
-- Options of a command, by the rules of POSIX getopt: letters may be bundled, an argument may stick
-- to its letter, "--" ends the options.

local contract = require "lab.contract"

local command = (arg and arg[0] or ""):match("[^/]*$")

---@param args string[]
---@param letters string a colon after a letter says that it takes an argument, "+" that it may repeat
---@param usage fun(message: string|nil) called for a bad option; must not return
---@return table<string, any> options letter -> true, argument, or list of arguments
---@return string[] operands
return function(args, letters, usage)
  local options, at = {}, 1
  while args[at] do
    local word = args[at]
    if word == "--" then
      at = at + 1
      break
    end
    if word:sub(1, 1) ~= "-" or word == "-" then break end
    local i = 2
    while i <= #word do
      local letter = word:sub(i, i)
      local found = letter:match("%w") and letters:find(letter, 1, true)
      if not found then
        -- The contract was asked before the command began: what comes this far is a flag of AIX.
        local row = contract.commands[command]
        if row and (row.flags or ""):find(letter, 1, true) then
          error({ message = ("%s: -%s is a flag of AIX, but the lab does not play it"):format(command, letter), status = 1 }, 0)
        end
        return usage("Not a recognized flag: " .. letter)
      end
      if letters:sub(found + 1, found + 1) ~= ":" then
        options[letter] = true
      else
        local value = i < #word and word:sub(i + 1) or nil
        if not value then
          at = at + 1
          value = args[at]
        end
        if not value then return usage("The flag " .. letter .. " requires an argument") end
        if letters:sub(found + 2, found + 2) == "+" then
          options[letter] = options[letter] or {}
          table.insert(options[letter], value)
        else
          options[letter] = value
        end
        break
      end
      i = i + 1
    end
    at = at + 1
  end
  return options, table.move(args, at, #args, 1, {})
end
