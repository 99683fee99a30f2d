-- SPDX-License-Identifier: MIT
-- What an LPAR's NFS server gives away. apply() takes the list as /etc/xtab has it and returns when
-- the server does exactly that.

local config = require "lab.config"
local lpar = require "lpar"
local quirk = require "lab.quirk"
local service = require "lab.service"
local stale = require "lab.stale"
local sys = require "altmig.sys"

local exports = {}

local function words(text)
  local list = {}
  for word in (text or ""):gmatch "[^:]+" do list[#list + 1] = word end
  return list
end

local known = { ro = "flag", rw = "either", root = "hosts", access = "hosts", anon = "value", sec = "value",
  vers = "value", secure = "flag", noacl = "flag", acl = "flag", noauto = "flag", public = "flag", refer = false,
  replicas = false, nfs4rootonly = false }

--- The options of one line of /etc/exports ("-" in front is allowed).
---@param text string "ro,access=a:b,root=c"
---@return table? options { ro = true, rw = true|{...}, root = {...}, access = {...}, anon = "-2", ... }
---@return string? message
---@return string? code
function exports.parse(text)
  local options = {}
  for word in (text or ""):gsub("^%-", ""):gmatch "[^,%s]+" do
    local name, value = word:match "^([%w_]+)=?(.*)$"
    local has_value = word:find("=", 1, true) ~= nil
    local kind = name and known[name]
    if not kind then return nil, ("unknown option: %s"):format(word), "EXPORT_OPTION" end
    if kind == "flag" or (kind == "either" and not has_value) then
      options[name] = true
    elseif kind == "value" then
      options[name] = value
    else
      options[name] = words(value)
    end
  end
  if options.ro and options.rw then return nil, "options ro and rw exclude each other", "EXPORT_OPTION" end
  return options
end

--- Reads lines "/path -options" as in /etc/exports and /etc/xtab.
---@param text string
---@return { path: string, options: string }[]
function exports.read(text)
  local list = {}
  for line in text:gsub("\\\n", " "):gmatch "[^\n]+" do
    local path, rest = line:match "^%s*(/%S*)%s*(.-)%s*$"
    if path then list[#list + 1] = { path = path, options = (rest:gsub("^%-", "")) } end
  end
  return list
end

local function set(list)
  local result = {}
  for _, item in ipairs(list or {}) do result[item] = true end
  return result
end

-- One address each: what AIX's rules give a host of that name.
local function client_blocks(options)
  local named, order, blocks = {}, {}, {}
  for _, list in ipairs { options.access or {}, options.root or {}, type(options.rw) == "table" and options.rw or {} } do
    for _, name in ipairs(list) do
      local address, message, code = lpar.resolve(name)
      local warned = not address and quirk.is("exportfs-unknown-host", "warning")
      if not address and not warned then return nil, message, code end
      -- A host that calls is known by the name that its address leads back to.
      if warned or name ~= address and quirk.is("reverse-lookup", "fails") then goto next end
      if not named[address] then
        named[address] = {}
        order[#order + 1] = address
      end
      named[address][name] = true
      ::next::
    end
  end
  local access, root = set(options.access), set(options.root)
  local writers = type(options.rw) == "table" and set(options.rw)
  local function any(names, wanted)
    for name in pairs(names) do
      if wanted[name] then return true end
    end
    return false
  end
  local function kind(names)
    if options.access and not any(names, access) then return "None" end
    if options.ro or (writers and not any(names, writers)) then return "RO" end
    return "RW"
  end
  local function block(clients, names)
    local squash = any(names, root) and "No_Root_Squash" or "Root_Squash"
    blocks[#blocks + 1] = ("  CLIENT { Clients = %s; Access_Type = %s; Squash = %s; Protocols = 3; }"):format(clients,
      kind(names), squash)
  end
  for _, address in ipairs(order) do block(address, named[address]) end
  if not options.access then block("*", {}) end
  return table.concat(blocks, "\n")
end

-- Handles hold the export's number, so a path keeps its number over changes and restarts.
local function export_id(path, taken)
  local id = sys.cksum(path) % 60000 + 1
  while taken[id] do id = id % 60000 + 1 end
  taken[id] = true
  return id
end

local function quote(path) return '"' .. path:gsub('["\\]', "\\%0") .. '"' end

local function build(list, outside)
  local text, taken = {}, {}
  table.sort(list, function(a, b) return a.path < b.path end)
  for _, entry in ipairs(list) do
    local options, message, code = exports.parse(entry.options)
    if not options then return nil, message, code end
    local clients
    clients, message, code = client_blocks(options)
    if not clients then return nil, message, code end
    local anonymous = tonumber(options.anon) or -2
    text[#text + 1] = ("EXPORT {\n  Export_Id = %d; Path = %s; Pseudo = %s;\n  Anonymous_Uid = %d; Anonymous_Gid = %d;\n"
      .. "%s  FSAL { Name = VFS; }\n%s\n}\n"):format(export_id(entry.path, taken),
      quote(outside .. "/root" .. (entry.path == "/" and "" or entry.path)), quote(entry.path), anonymous, anonymous,
      quirk.is("readdirplus", "refused") and "  DisableReaddirPlus = true;\n" or "", clients)
  end
  return table.concat(text)
end

local function reloads(log)
  local _, count = (sys.read_file(log) or ""):gsub("Reread exports complete", "")
  return count
end

-- The server holds a descriptor on every exported file system; it must be gone before umount works.
local function held(pid, path, proc, root)
  for _, fd in ipairs(sys.list(("%s/%d/fd"):format(proc, pid)) or {}) do
    local target = sys.readlink(("%s/%d/fd/%s"):format(proc, pid, fd))
    if target == root .. path or target == path then return true end
  end
  return false
end

--- Hosts of an export's lists that have no address.
---@param text string
---@return string[]
function exports.unknown_hosts(text)
  local options, list = exports.parse(text) or {}, {}
  for _, hosts in ipairs { options.access or {}, options.root or {}, type(options.rw) == "table" and options.rw or {} } do
    for _, name in ipairs(hosts) do
      if not lpar.resolve(name) and not list[name] then
        list[name], list[#list + 1] = true, name
      end
    end
  end
  return list
end

--- Makes the NFS server export exactly this list, and waits until it does. While the server is
--- stopped only its configuration changes.
---@param list { path: string, options: string }[] options as in /etc/exports
---@return true?
---@return string? message
---@return string? code
function exports.apply(list)
  local world, message, code = lpar.world()
  if not world then return nil, message, code end
  local outside = ("%s/lpars/%s"):format(world.lab, world.host)
  local here = world.prefix .. outside
  local text, ok
  text, message, code = build(list, outside)
  if not text then return nil, message, code end
  local old = sys.read_file(here .. "/etc/exports.conf") or ""
  local pid = service.pid "nfsd"
  if text == old and pid then return true end
  local log = here .. "/log/nfsd.log"
  local before = reloads(log)
  ok, message, code = sys.write_file(here .. "/etc/exports.conf", text, { atomic = false })
  if not ok then return nil, message, code end
  if not pid then return true end
  lpar.kill(pid, "HUP")
  local proc = world.prefix == "" and here .. "/root/proc" or "/proc"
  local wanted, gone = {}, {}
  for _, entry in ipairs(list) do wanted[entry.path] = true end
  for path in old:gmatch 'Pseudo = "(.-)"' do
    if not wanted[path] then gone[#gone + 1] = path end
  end
  if #gone > 0 then stale.mark(world.host, gone) end
  local deadline = sys.time() + 10
  repeat
    local waiting = reloads(log) <= before
    for _, path in ipairs(gone) do waiting = waiting or held(pid, path, proc, outside .. "/root") end
    if not waiting then return true end
    sys.sleep(0.01)
  until sys.time() > deadline or not service.pid "nfsd"
  return nil, "the NFS server does not take its new exports; see log/nfsd.log", "NFSD"
end

--- Whether the server of another host takes root of this one for nobody: it is not in root= of the export that
--- gives the path away.
---@param node string
---@param path string
---@return boolean
function exports.squashes(node, path)
  local world, address = assert(lpar.world()), lpar.resolve(node)
  local own = lpar.resolve(world.host)
  local _, server = (sys.read_file(("%s/run/%s.pid"):format(world.path, tostring(address))) or ""):match "^(%d+) (%S+)"
  local text = server and sys.read_file(("%s/lpars/%s/etc/exports.conf"):format(world.path, server)) or ""
  local best, longest
  for at, block in text:gmatch 'EXPORT {\n[^\n]*Pseudo = "(.-)";(.-)\n}\n' do
    if (at == "/" or path == at or path:sub(1, #at + 1) == at .. "/") and #at > (longest or -1) then best, longest = block, #at end
  end
  if not best or best:match "Anonymous_Uid = (%-?%d+)" == "0" then return false end
  local squash = best:match("Clients = " .. own:gsub("%.", "%%.") .. ";[^}]*Squash = ([%w_]+)")
    or best:match "Clients = %*;[^}]*Squash = ([%w_]+)"
  return squash ~= "No_Root_Squash"
end

--- The exports the server has now.
---@return string[] paths
function exports.current()
  local world = lpar.world()
  local paths = {}
  if not world then return paths end
  local text = sys.read_file(("%s/lpars/%s/etc/exports.conf"):format(world.path, world.host)) or ""
  for path in text:gmatch 'Pseudo = "(.-)"' do paths[#paths + 1] = path end
  return paths
end

exports.engine = config.engine

return exports
