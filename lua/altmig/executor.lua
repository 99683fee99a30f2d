-- The executor: the host that runs AIX programs of the new release inside the client's copy, in a
-- chroot of its own mounts of the client's file systems.

local err = require "altmig.err"

---@class altmig.Executor
---@field host altmig.Host
---@field root string   where the copy is mounted on that host
local executor = {}
executor.__index = executor

---@param m altmig.Migration
---@return altmig.Executor
function executor.new(m)
  return setmetatable({ host = m.master, base = ("/%s_alt"):format(m.name), root = ("/%s_alt/alt_inst"):format(m.name) },
    executor)
end

--- Where the executor sees a path of the copy's mount points ("/alt_inst/usr").
function executor:mount_point(filesystem)
  return self.base .. filesystem
end

local function inside(self, opts)
  local copy = {}
  for k, v in pairs(opts or {}) do copy[k] = v end
  copy.chroot = self.root
  return copy
end

function executor:run(argv, opts) return self.host:run(argv, inside(self, opts)) end
function executor:must(argv, opts) return self.host:must(argv, inside(self, opts)) end
function executor:job(id, argv, opts) return self.host:job(id, argv, inside(self, opts)) end

--- Whether the executor sees the copy, its /usr included.
---@return boolean
function executor:sees_copy()
  return self.host:holds { "test", "-d", self.root .. "/usr/bin" }
end

--- Raises unless the copy is mounted on the executor: a chroot into an empty directory would say
--- only that a command was not found.
function executor:check()
  if not self:sees_copy() then
    err.raise { code = "NOT_MOUNTED", host = self.host.name,
      message = ("%s: the client's copy is not mounted at %s"):format(self.host.name, self.root) }
  end
end

return executor
