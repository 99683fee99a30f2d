-- SPDX-License-Identifier: MIT
-- The resources of a site: NIM master, clients, lpp_sources, SPOTs, scripts. Read from nim.lua.

local err = require "altmig.err"
local sandbox = require "altmig.sandbox"
local sorted_keys = require "altmig.sorted_keys"
local ssh = require "altmig.ssh"
local trusted = require "altmig.run.trusted"

---@class altmig.nim.Host
---@field name string
---@field ssh table          options of altmig.ssh.connect
---@field nfs table?         { host = name or address for NFS, options = "nfsport=...", via = "ssh" or "direct" }
---@field executor string?   "master" (default)
---@field address string?    how the other hosts name this one, where it differs from its NIM name

---@class altmig.nim.Resource
---@field name string
---@field location string    absolute path
---@field host string        "master" or "local"
---@field nfs string?        nfs:// URL the engine host may read it from

---@class altmig.Nim
local nim = {}
nim.__index = nim

local hosts = { master = true, ["local"] = true }
local kinds = { "lpp_source", "spot", "script", "installp_bundle", "mksysb", "exclude_files", "image_data", "bosinst_data" }

local function fail(path, text, code)
  err.raise { code = code or "NIM_FILE", message = ("nim: %s: %s"):format(path, text) }
end

-- "user@host:port", or a table as ssh is one.
local function check_jump(path, what, jump)
  if jump == nil then return end
  if type(jump) == "string" then
    local target, message = ssh.target(jump)
    if not target then fail(path, ("%s: ssh.jump: %s"):format(what, message)) end
  elseif type(jump) ~= "table" or type(jump.host) ~= "string" then
    fail(path, what .. ": ssh.jump needs \"user@host:port\" or a table with host = \"...\"")
  elseif jump.jump ~= nil then
    fail(path, what .. ": ssh.jump: one host in between, not several", "UNSUPPORTED")
  end
end

local ways = { ssh = true, direct = true }

local function check_nfs(path, what, host)
  local nfs = host.nfs
  if nfs ~= nil and type(nfs) ~= "table" then fail(path, what .. ": nfs needs a table") end
  nfs = nfs or {}
  for _, key in ipairs { "host", "options" } do
    if nfs[key] ~= nil and type(nfs[key]) ~= "string" then fail(path, ("%s: nfs.%s needs a text"):format(what, key)) end
  end
  if nfs.host and not nfs.host:match "^[%w%.:_%%%-]+$" then
    fail(path, what .. ": nfs.host needs the name or the address of a host")
  end
  if nfs.via ~= nil and not ways[nfs.via] then fail(path, ("%s: nfs.via is \"ssh\" or \"direct\""):format(what)) end
  -- The client's exports would name the host in between, and NFS would not take that way.
  if host.ssh.jump ~= nil and not nfs.via and what ~= "master" then
    fail(path, what .. ": ssh.jump: say how NFS gets there: nfs = { via = \"ssh\" }, or via = \"direct\" (and engine = "
      .. "{ address = ... }) where it needs no host in between")
  end
end

-- Names become parts of paths, of messages, and words of commands.
local function check_name(path, what, name)
  if type(name) ~= "string" or not name:match "^%w[%w%._%-]*$" or #name > 255 or name:find("..", 1, true) then
    fail(path, ("%s: a name begins with a letter or digit, and has letters, digits, '.', '_' and '-'"):format(what))
  end
end

-- What one host calls another: it goes into lists of exports, which end at blanks and colons.
local function check_node(path, what, name)
  if name ~= nil then check_name(path, what, name) end
end

local function check_host(path, what, host)
  if type(host) ~= "table" or type(host.ssh) ~= "table" then fail(path, what .. " needs a table with ssh = { ... }") end
  local node = host.ssh.host
  if node ~= nil and (type(node) ~= "string" or not node:match "^[%w%.:_%%%-]+$") then
    fail(path, what .. ": ssh.host needs the name or the address of a host")
  end
  check_node(path, what .. ": address", host.address)
  if host.ssh.become ~= nil then fail(path, ("%s: ssh.become is not supported yet"):format(what), "UNSUPPORTED") end
  check_jump(path, what, host.ssh.jump)
  check_nfs(path, what, host)
  if host.executor ~= nil and host.executor ~= "master" then
    fail(path, ("%s: executor '%s' is not supported yet"):format(what, tostring(host.executor)), "UNSUPPORTED")
  end
end

-- Of a resource: its location goes into commands, and into lists that end at blanks.
local function check_resource(path, what, resource)
  local location = type(resource) == "table" and resource.location
  if type(location) ~= "string" or location:sub(1, 1) ~= "/" then fail(path, what .. ' needs location = "/absolute/path"') end
  local bad = location:match "[%c%s'\"`$;&|<>()*?%[%]{}\\!#]"
  if bad then fail(path, ("%s: its location has the character %q"):format(what, bad)) end
  if (location .. "/"):find("/../", 1, true) then fail(path, what .. ": its location has '..'") end
  if resource.host ~= nil and not hosts[resource.host] then fail(path, what .. ': host is "master" or "local"') end
  if resource.nfs ~= nil and (type(resource.nfs) ~= "string" or not resource.nfs:match "^nfs://") then
    fail(path, what .. ': nfs needs "nfs://host/path"')
  end
end

-- A table of the file, or none.
local function set_of(path, data, key)
  local set = data[key]
  if set == nil then return {} end
  if type(set) ~= "table" then fail(path, key .. " is no table") end
  return set
end

--- Where nim.lua is looked for when no option names it.
function nim.default_path()
  return os.getenv("ALTMIG_NIM") or "/etc/altmig/nim.lua"
end

--- Reads and checks the resource file. It is code, so nobody else may have written it; it runs with an
--- empty environment and is text only.
---@param path string?
---@return altmig.Nim
function nim.load(path)
  path = path or nim.default_path()
  local text = trusted.read(path, "nim", "NIM_FILE",
    "write the resources of your site there, or name the file with --nim or ALTMIG_NIM")
  local data, problem = sandbox.evaluate(text, path)
  if problem then fail(path, problem) end
  if type(data) ~= "table" then fail(path, "does not return a table") end
  if type(data.master) ~= "table" or not data.master.name then fail(path, "no master = { name = ..., ssh = { ... } }") end
  check_name(path, "master", data.master.name)
  check_host(path, "master", data.master)
  for name, client in pairs(set_of(path, data, "clients")) do
    check_name(path, ("client '%s'"):format(tostring(name)), name)
    check_host(path, ("client '%s'"):format(name), client)
  end
  if set_of(path, data, "engine").address ~= nil then check_node(path, "engine: address", data.engine.address) end
  for _, kind in ipairs(kinds) do
    for name, resource in pairs(set_of(path, data, kind)) do
      local what = ("%s '%s'"):format(kind, tostring(name))
      check_name(path, what, name)
      check_resource(path, what, resource)
    end
  end
  return setmetatable({ path = path, data = data }, nim)
end

local function names_of(set)
  local names = sorted_keys(set or {})
  return #names > 0 and table.concat(names, ", ") or "none"
end

---@return altmig.nim.Host
function nim:master()
  return self.data.master
end

--- A client by its NIM name; raises UNKNOWN_CLIENT with the names that are known.
---@param name string
---@return altmig.nim.Host
function nim:client(name)
  local client = (self.data.clients or {})[name]
  if not client then
    err.raise { code = "UNKNOWN_CLIENT",
      message = ("nim: there is no client named '%s' in %s; known: %s"):format(name, self.path, names_of(self.data.clients)) }
  end
  local host = {}
  for k, v in pairs(client) do host[k] = v end
  host.name = name
  return host
end

--- Whether there is a resource of that kind and name.
---@param kind string
---@param name string
---@return boolean
function nim:has(kind, name) return (self.data[kind] or {})[name] ~= nil end

--- A resource by kind ("lpp_source", "spot", "script") and name.
---@param kind string
---@param name string
---@return altmig.nim.Resource
function nim:resource(kind, name)
  local resource = (self.data[kind] or {})[name]
  if not resource then
    err.raise { code = "UNKNOWN_" .. kind:upper(),
      message = ("nim: there is no %s named '%s' in %s; known: %s"):format(kind, name, self.path, names_of(self.data[kind])) }
  end
  return { name = name, kind = kind, location = resource.location, host = resource.host or "master", nfs = resource.nfs }
end

--- All resources of a kind, sorted by name.
---@param kind string
---@return altmig.nim.Resource[]
function nim:resources(kind)
  local list = {}
  for i, name in ipairs(sorted_keys(self.data[kind] or {})) do list[i] = self:resource(kind, name) end
  return list
end

--- How other hosts reach one of these.
---@param host altmig.nim.Host
---@return string
function nim.node_of(host) return host.address or host.name end

--- How other hosts reach the engine host (for exports), when the site names it.
---@return string?
function nim:engine_address()
  return self.data.engine and self.data.engine.address
end

return nim
