-- SPDX-License-Identifier: MIT
-- What lab.images builds systems from, where the big program is not there: its data, and programs of the host.

local sys = require "altmig.sys"

local buildfiles = {}

--- lab.images reads its data as the big program's resources; here they are files of the lab.
---@param lab string   where the lab has its files
function buildfiles.provide(lab)
  local resource = {}
  function resource.read(name)
    local path = name:match "^scripts/lab/(.*)$"
    return path and sys.read_file(lab .. "/" .. path) or nil
  end
  function resource.list(prefix)
    local names, dir = {}, prefix:match "^scripts/lab/(%w+)/$"
    for _, name in ipairs(dir and sys.list(lab .. "/" .. dir) or {}) do names[#names + 1] = prefix .. name end
    return names
  end
  package.preload["altmig.resource"] = function() return resource end
end

local function first_of(names)
  for _, name in ipairs(names) do
    if sys.stat(name) then return name end
  end
  error({ message = names[1] .. ": not found; is its package installed?" }, 0)
end

--- The programs that every system of the lab has, for the options of lab.images.
---@param opts table
---@param lab string
function buildfiles.add_programs(opts, lab)
  opts.aixlua = lab .. "/bin/aixlua"
  opts.busybox = first_of { "/bin/busybox", "/usr/bin/busybox" }
  opts.ksh = first_of { "/bin/mksh-static", "/usr/bin/mksh-static" }
end

return buildfiles
