-- SPDX-License-Identifier: MIT
-- What the default lab is made of.

local config = {
  version = 1,
  network = "10.77.0.0/24",
  prefix = 24,
  engine = { name = "altmig-engine", address = "10.77.0.1" },
  hosts = {
    { name = "adachi-nim", address = "10.77.0.2", level = "7200-05-06", role = "master",
      disks = { { "hdisk0", 20480 } } },
    { name = "adachi-AIX7", address = "10.77.0.3", level = "7100-05-03", role = "client",
      disks = { { "hdisk0", 20480 }, { "hdisk1", 10240 }, { "hdisk2", 20480 } } },
  },
  lpp_source = { name = "lpp_source_AIX72TL5", location = "/export/nim/lpp_source/AIX72TL5" },
  -- Modules of the engine that the systems of the lab use too, and where they are below lua/altmig; there altmig.NAME
  -- is lib/altmig_NAME.lua, with "_" for ".".
  engine_modules = { { "aix.output", "aix/output" }, { "aix.lslpp", "aix/lslpp" }, { "odm", "odm/init" },
    { "aix.requisite", "aix/requisite" }, { "swvpd", "aix/swvpd" }, { "mode", "mode" }, { "lines", "lines" },
    { "err", "err" }, { "sorted_keys", "sorted_keys" } },
  baseline = { name = "lpp_source_AIX71TL5", location = "/export/nim/lpp_source/AIX71TL5" }, -- what the client came from
  -- Made by the scenario update-source: a later service pack of the client's own release.
  update = { lpp_source = { name = "lpp_source_AIX71TL5SP6", location = "/export/nim/lpp_source/AIX71TL5SP6" },
    spot = { name = "spot_AIX71TL5SP6", location = "/export/nim/spot/spot_AIX71TL5SP6/usr" } },
  spot = { name = "spot_AIX72TL5", location = "/export/nim/spot/spot_AIX72TL5/usr" },
}

--- The description of a host.
---@param name string
---@return table?
function config.host(name)
  for _, host in ipairs(config.hosts) do
    if host.name == name then return host end
  end
end

--- Lines of /etc/hosts for every name of the lab.
---@return string
function config.hosts_text()
  local lines = { "127.0.0.1\tloopback localhost", config.engine.address .. "\t" .. config.engine.name }
  for _, host in ipairs(config.hosts) do lines[#lines + 1] = host.address .. "\t" .. host.name end
  return table.concat(lines, "\n") .. "\n"
end

return config
