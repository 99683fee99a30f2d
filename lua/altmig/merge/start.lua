-- SPDX-License-Identifier: MIT
-- The methods for what starts at boot, and for the environment it starts in. nimadm has none for these files: they
-- are altmig's own. What the site had switched off stays off; what is new in the level comes.

local keyed = require "altmig.merge.keyed"
local levels = require "altmig.merge.levels"
local policy = require "altmig.merge.policy"

local start = { methods = {} }

local function set(text)
  local names = {}
  for name in text:gmatch("%S+") do names[name] = true end
  return names
end

---------------------------------------------------------------- inittab

local actions = set "respawn wait once boot bootwait powerfail powerwait off hold ondemand initdefault sysinit"

local inittab = {
  mark = ":",
  record = function(content)
    local id, action = content:match("^([^:#%s]+):[^:]*:(%l+):")
    return actions[action or ""] and id or nil
  end,
  off = function(text) return text:match("^[:#]+(.*)$") end,
}

-- The program of a command line; nil where the shell finds it.
local function program_of(command) return command:match("^%s*(/[^%s;&|<>\"']+)") end

---------------------------------------------------------------- scripts that start daemons

-- "start /usr/sbin/inetd ...", "start nfsd /usr/sbin/nfsd", "startsrc -s nfsd": by the name of the daemon.
local function daemon_of(content)
  local path = content:match("^%s*start%s+(/[^%s\"';]+)") or content:match("^%s*start%s+[%w%._%-]+%s+(/[^%s\"';]+)")
  if path then return path:match("[^/]+$") end
  if not content:match("^%s*[%w/]*startsrc%s") then return nil end
  return content:match("%s%-s%s*([%w%._%-]+)")
end

local opening, closing = set "if for while until case select", set "fi done esac"

local script = {
  mark = "#",
  record = daemon_of,
  off = function(text) return text:match("^%s*:%s*#%s?(.*)$") or text:match("^%s*#+[ \t]?(.*)$") end,
  -- A list of commands must not become empty: the shell would refuse the script.
  switch_off = function(body, nested)
    return nested and body:match("^%s*") .. ": # " .. body:match("^%s*(.*)$") or "#" .. body
  end,
  nested = function(items)
    local inside, depth = {}, 0
    for i, item in ipairs(items) do
      inside[i] = depth > 0
      for word in (item.comment and "" or item.text:gsub("#.*", "")):gmatch("[^%s;&|]+") do
        if opening[word] or word == "{" or word:match("%(%){?$") and word:sub(-1) == "{" then
          depth = depth + 1
        elseif closing[word] or word == "}" then
          depth = math.max(0, depth - 1)
        end
      end
    end
    return inside
  end,
}

local function squeezed(text) return (text:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", "")) end

---------------------------------------------------------------- inetd.conf

local kinds = set "stream dgram raw rdm seqpacket sunrpc_tcp sunrpc_udp"

-- tcp6 takes what tcp takes too: it is the same service.
local function service_of(content)
  local name, kind, protocol, waits = content:match("^(%S+)%s+(%S+)%s+(%S+)%s+(%a+)[%.%d]*%s+%S+%s+%S")
  if not kinds[kind or ""] or not waits:match("wait$") then return nil end
  return name .. " " .. protocol:gsub("%d+$", "")
end

local inetd = { mark = "#", record = service_of, off = function(text) return text:match("^#+%s*(.*)$") end }

---------------------------------------------------------------- environment

local environment = { mark = "#", record = function(content) return content:match("^([%a_][%w_]*)=") end }

-- Where the system is and how it speaks is nobody's default.
local of_the_place = set "TZ LANG LC_ALL LC_COLLATE LC_CTYPE LC_MESSAGES LC_MONETARY LC_NUMERIC LC_TIME"

-- The site's list with the parts that the new level added to its own.
local function with_new_parts(key, o, c, n)
  if key ~= "PATH" and key ~= "NLSPATH" then return nil end
  local have = {}
  for _, text in ipairs { o, c } do
    for part in text:gsub("^[^=]*=", ""):gmatch("[^:]+") do have[part] = true end
  end
  local out = c
  for part in n:gsub("^[^=]*=", ""):gmatch("[^:]+") do
    if not have[part] then out = out .. ":" .. part end
    have[part] = true
  end
  return out
end

---------------------------------------------------------------- the methods

local function last_part(key) return (key:gsub(" %(%d+%)$", "")) end

local rules = {
  ["/etc/inittab"] = function(this)
    return { grammar = inittab, mandatory = set "init brc rc srcmstr",
      was_there = function(key) return levels.inittab[last_part(key)] == true end,
      exists = function(body)
        local program = program_of(body:match("^[^:]*:[^:]*:[^:]*:(.*)$") or "")
        if program then return this:exists(program) end
        return nil
      end }
  end,
  ["/etc/inetd.conf"] = function(this)
    return { grammar = inetd, same = function(a, b) return squeezed(a) == squeezed(b) end,
      was_there = function(key) return levels.services[key:match("^%S+")] == true end,
      exists = function(body)
        local program = body:match("^%S+%s+%S+%s+%S+%s+%S+%s+%S+%s+(/%S+)")
        if program then return this:exists(program) end
        return nil
      end }
  end,
  ["/etc/environment"] = function() return { grammar = environment, held = of_the_place, combine = with_new_parts } end,
}

local function of_script(this)
  return { grammar = script, same = function(a, b) return squeezed(a) == squeezed(b) end,
    was_there = function(key) return levels.daemons[last_part(key)] == true end,
    exists = function(body)
      local program = body:match("^%s*start%s+.-(/[^%s\"';]+)")
      if program then return this:exists(program) end
      return nil
    end }
end

local function merge_files(entry, this)
  return this:each_file(entry.files, function(path)
    if policy.is_claimed(path) then return "new" end -- by a method of the site's
    local how = (rules[path] or of_script)(this)
    how.file = path
    local text, status = keyed.merge(this, how, this:input(path))
    if text then this:write(path, text) end
    return status
  end)
end

for _, title in ipairs { "inittab_mig", "rc_mig", "inetd_mig", "environment_mig" } do start.methods[title] = merge_files end

return start
