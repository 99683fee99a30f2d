-- SPDX-License-Identifier: MIT
-- The options of an export, as exportfs and /etc/exports have them: "ro,access=a:b,root=a". A line is one for
-- all hosts, so that letting one host in, and taking it out again, is arithmetic on its lists. Pure functions.

local exports = {}

---@class altmig.aix.ExportOption
---@field name string
---@field value string?  what is behind "="; nil where there is none

---@param text string  with or without the "-" in front
---@return altmig.aix.ExportOption[]
local function parse(text)
  local list = {}
  for word in text:gsub("^%s*%-", ""):gmatch("[^,%s]+") do
    local name, value = word:match("^([^=]+)=(.*)$")
    list[#list + 1] = { name = name or word, value = value }
  end
  return list
end

local function format(options)
  local words = {}
  for i, option in ipairs(options) do words[i] = option.value and option.name .. "=" .. option.value or option.name end
  return table.concat(words, ",")
end

local function hosts_of(option)
  local list = {}
  for host in (option.value or ""):gmatch("[^:]+") do list[#list + 1] = host end
  return list
end

-- The option of that name, and how many there are: a line may have them once for each flavour of security.
local function find(options, name)
  local found, count = nil, 0
  for _, option in ipairs(options) do
    if option.name == name then
      found, count = found or option, count + 1
    end
  end
  return found, count
end

local function lists(option, host)
  for _, one in ipairs(option and hosts_of(option) or {}) do
    if one:lower() == host:lower() then return true end
  end
  return false
end

--- Lines of /etc/exports, and what exportfs lists: "DIR", blanks, "-OPTIONS"; comments are left out.
---@param text string
---@return { path: string, flags: string, line: string }[]
function exports.lines(text)
  local rows = {}
  for line in text:gmatch("[^\n]+") do
    local path, flags = line:match("^%s*([^#%s]%S*)%s*(.*)$")
    if path then rows[#rows + 1] = { path = path, flags = flags, line = line } end
  end
  return rows
end

--- The row of a directory; nil if there is none.
---@param text string
---@param path string
---@return { path: string, flags: string, line: string }?
function exports.line_of(text, path)
  for _, row in ipairs(exports.lines(text)) do
    if row.path == path then return row end
  end
end

-- As a set: the order of options and of hosts says nothing, and sec=sys is what holds where nothing is said.
local function as_set(text)
  local set = {}
  for _, option in ipairs(parse(text)) do
    local hosts = hosts_of(option)
    table.sort(hosts)
    local word = option.value and option.name .. "=" .. table.concat(hosts, ":") or option.name
    if not (option.name == "sec" and (word == "sec=sys" or word == "sec=unix" or word == "sec=sys:unix")) then set[word] = true end
  end
  return set
end

--- Whether two texts of options mean the same.
---@param a string
---@param b string
---@return boolean
function exports.same(a, b)
  local x, y = as_set(a), as_set(b)
  for word in pairs(x) do
    if not y[word] then return false end
  end
  for word in pairs(y) do
    if not x[word] then return false end
  end
  return true
end

--- Whether a host may mount it, as its root. Without a list of hosts everybody may mount; root of a host is
--- nobody unless it is in root=, or nobody is root.
---@param text string
---@param host string
---@return boolean access, boolean root
function exports.admits(text, host)
  local options = parse(text)
  local access, anon = find(options, "access"), find(options, "anon")
  return not access or lists(access, host), anon ~= nil and anon.value == "0" or lists(find(options, "root"), host)
end

--- A new export for one host, to read, as root.
---@param host string
---@return string
function exports.read_only(host) return ("ro,root=%s,access=%s"):format(host, host) end

--- A new export for some hosts, to write, as root.
---@param hosts string[]
---@return string
function exports.writable(hosts)
  local list = table.concat(hosts, ":")
  return ("rw=%s,root=%s,access=%s"):format(list, list, list)
end

-- Adds a host to the list of an option; makes the option where there is none.
local function add(options, name, host)
  local option = find(options, name)
  if not option then
    options[#options + 1] = { name = name, value = host }
  elseif (option.value or "") == "" then
    option.value = host
  else
    option.value = option.value .. ":" .. host
  end
end

--- The same options with root access for the host, nobody else's access changed.
---@param text string
---@param host string
---@return string
function exports.with_root(text, host)
  local options = parse(text)
  if not lists(find(options, "root"), host) then add(options, "root", host) end
  return format(options)
end

--- The options with which the host may read as root, and the lists it was added to for it; everything else is
--- kept. Nil, and why, where that cannot be done by adding it to lists: "root" where there is no list of hosts
--- and root may not read, "sections" where options are there more than once.
---@param text string
---@param host string
---@return string? options, string[]|string added
function exports.with_client(text, host)
  local options = parse(text)
  for _, name in ipairs { "access", "root", "anon" } do
    local _, count = find(options, name)
    if count > 1 then return nil, "sections" end
  end
  local may_mount, may_read = exports.admits(text, host)
  local added = {}
  if not find(options, "access") then
    if not may_read then return nil, "root" end
    return format(options), added
  end
  if not may_mount then
    add(options, "access", host)
    added[#added + 1] = "access"
  end
  if not may_read then
    add(options, "root", host)
    added[#added + 1] = "root"
  end
  return format(options), added
end

--- The options without the host in the lists that are named, and whether anybody is left who may mount it. An
--- empty list of hosts would let everybody in: where it is told that nobody is left, the text is for nothing.
---@param text string
---@param host string
---@param from string[]
---@return string options, boolean left
function exports.without_client(text, host, from)
  local options, left = parse(text), true
  for _, name in ipairs(from) do
    for i = #options, 1, -1 do
      local option = options[i]
      if option.name == name and lists(option, host) then
        local others = {}
        for _, one in ipairs(hosts_of(option)) do
          if one:lower() ~= host:lower() then others[#others + 1] = one end
        end
        option.value = table.concat(others, ":")
        if #others == 0 then
          table.remove(options, i)
          if name == "access" then left = false end
        end
      end
    end
  end
  return format(options), left
end

--- In which of the lists access= and root= of one text a host is that is not in the same list of another: what was
--- added to the other, if it was made of it. An absent list of the other says nothing about access.
---@param text string
---@param other string
---@param host string
---@return string[]
function exports.added_to(text, other, host)
  local here, there, added = parse(text), parse(other), {}
  for _, name in ipairs { "access", "root" } do
    if lists(find(here, name), host) and not lists(find(there, name), host) then added[#added + 1] = name end
  end
  return added
end

--- Whether an export has nothing but what read_only() writes, for any number of hosts.
---@param text string
---@return boolean
function exports.is_read_only(text)
  local known = { ro = false, access = true, root = true, sec = true }
  local seen = {}
  for _, option in ipairs(parse(text)) do
    if known[option.name] == nil or known[option.name] ~= (option.value ~= nil) or seen[option.name] then return false end
    if option.name == "sec" and option.value ~= "sys" then return false end
    seen[option.name] = true
  end
  return seen.ro and seen.access or false
end

return exports
