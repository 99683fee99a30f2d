-- SPDX-License-Identifier: MIT
-- What the default lab is made of.

local config = {
  version = 1,
  network = "10.77.0.0/24",
  prefix = 24,
  engine = { name = "altmig-engine", address = "10.77.0.1" },
  hosts = {
    { name = "adachi-nim", address = "10.77.0.2", role = "master",
      disks = { { "hdisk0", 20480 } } },
    { name = "adachi-AIX7", address = "10.77.0.3", role = "client",
      disks = { { "hdisk0", 20480 }, { "hdisk1", 10240 }, { "hdisk2", 20480 } } },
  },
  -- Levels (lab.release) of the client and of what it is migrated to, where nothing else is asked for: the field report's.
  default = { from = "7100-05-03-1846", to = "7200-05-06-2320" },
  -- Modules of the engine that the systems of the lab use too, and where they are below lua/altmig; there altmig.NAME
  -- is lib/altmig_NAME.lua, with "_" for ".".
  engine_modules = { { "aix.output", "aix/output" }, { "aix.lslpp", "aix/lslpp" }, { "odm", "odm/init" },
    { "aix.requisite", "aix/requisite" }, { "swvpd", "aix/swvpd" }, { "mode", "mode" }, { "lines", "lines" },
    { "err", "err" }, { "sorted_keys", "sorted_keys" } },
}

--- The description of a host.
---@param name string
---@return table?
function config.host(name)
  for _, host in ipairs(config.hosts) do
    if host.name == name then return host end
  end
end

-- The name that resources of a level have: AIX72TL5, with its service pack AIX71TL5SP6.
local function name_of(level, with_service_pack)
  local version, technology, service = level:match("^(%d%d)00%-(%d%d)%-(%d%d)")
  return ("AIX%sTL%d%s"):format(version, tonumber(technology), with_service_pack and ("SP%d"):format(tonumber(service)) or "")
end

---@class lab.config.Resource
---@field name string
---@field location string
---@field level string

---@param kind string lpp_source or spot
---@param level string
---@param with_service_pack boolean?
---@return lab.config.Resource
local function resource(kind, level, with_service_pack)
  local name = name_of(level, with_service_pack)
  if kind == "spot" then name = "spot_" .. name end
  return { name = kind == "spot" and name or "lpp_source_" .. name, level = level,
    location = ("/export/nim/%s/%s%s"):format(kind, name, kind == "spot" and "/usr" or "") }
end

--- The NIM resources of a lab: lpp_source and spot to migrate with, baseline, which the client came from.
---@param from string level of the client
---@param to string
---@return {lpp_source: lab.config.Resource, spot: lab.config.Resource, baseline: lab.config.Resource}
function config.resources(from, to)
  -- Two service packs of one technology level are told apart by their names.
  local same = name_of(from) == name_of(to)
  return { lpp_source = resource("lpp_source", to, same), spot = resource("spot", to, same), baseline = resource("lpp_source", from, same) }
end

--- Those that the scenario update-source makes: a later level of the client's own release.
---@param level string
---@return {lpp_source: lab.config.Resource, spot: lab.config.Resource}
function config.update_resources(level)
  return { lpp_source = resource("lpp_source", level, true), spot = resource("spot", level, true) }
end

--- The levels that a lab was brought up with.
---@param dir string where the lab has its files
---@return {from: string, to: string}
function config.levels(dir)
  local text = require "altmig.sys".read_file(dir .. "/lab.json")
  local settings = text and require "altmig.json".decode(text) or {}
  return { from = settings.from or config.default.from, to = settings.to or config.default.to }
end

--- The NIM resources of a lab that is there.
---@param dir string where the lab has its files
function config.resources_of(dir)
  local levels = config.levels(dir)
  return config.resources(levels.from, levels.to)
end

--- Lines of /etc/hosts for every name of the lab.
---@return string
function config.hosts_text()
  local lines = { "127.0.0.1\tloopback localhost", config.engine.address .. "\t" .. config.engine.name }
  for _, host in ipairs(config.hosts) do lines[#lines + 1] = host.address .. "\t" .. host.name end
  return table.concat(lines, "\n") .. "\n"
end

return config
