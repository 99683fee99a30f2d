-- SPDX-License-Identifier: MIT
-- Phases 2 and 10: the client's exports, and the checks that they are the copy and nothing else.

local aix = require "altmig.aix.output"
local err = require "altmig.err"
local export_options = require "altmig.aix.exports"
local footprint = require "altmig.run.footprint"
local nfs_route = require "altmig.run.nfs_route"
local nim = require "altmig.nim"

---@class altmig.Migration
local exports = { steps = {} }

local function not_mounted(m, at, text)
  err.raise { code = "ALT_NOT_MOUNTED", host = m.name,
    message = ("ALT_NOT_MOUNTED: %s: %s: %s; nothing was written"):format(m.name, at, text),
    remedy = ("its export would serve a directory of the running rootvg. Look with 'mount' and 'lsvg -l altinst_rootvg' on %s. "
      .. "If none of the copy's file systems is mounted (the client was rebooted): altmig resume %s opens the copy again "
      .. "(alt_rootvg_op -W). If only some are not: mount %s there, then resume. To give the copy up and destroy it: "
      .. "nimadm -C -c %s -s %s"):format(m.name, m.name, at, m.name, m.opts.spot or "SPOT") }
end

--- Checks on the client that a path of the copy is a mounted logical volume of altinst_rootvg, and that
--- this is the group that the run made.
local function check_mounted(m, mounts)
  m:check_copy()
  local volumes = {}
  for _, lv in ipairs(aix.lsvg_l(m.client:run({ "lsvg", "-l", "altinst_rootvg" }).stdout)) do
    volumes["/dev/" .. lv.name] = true
  end
  local devices = {}
  -- By name: without operands df asks every NFS server of the client, and waits for one that is down.
  for _, row in ipairs(aix.df_k(m.client:must { "df", "-k", table.unpack(mounts) })) do devices[row.mount] = row.device end
  for _, at in ipairs(mounts) do
    if not devices[at] then not_mounted(m, at, "no file system is mounted there") end
    if not volumes[devices[at]] then
      not_mounted(m, at, devices[at] .. ", which is mounted there, is not a logical volume of altinst_rootvg")
    end
  end
end

-- The hosts that get access to the copy, as the client names them: the executor, and who calls for the engine.
local function export_hosts(m)
  local engine, master = nfs_route.caller(m), nim.node_of(m.nim:master())
  return master == engine and { master } or { master, engine }
end

-- Exports one file system of the copy, not persistently, with root access.
exports.steps.export = {
  until_phase = 9,
  run = function(m, _, filesystem)
    m:say(("Exporting %s from client."):format(filesystem))
    check_mounted(m, { filesystem })
    m.client:must({ "exportfs", "-i", "-o", export_options.writable(export_hosts(m)), filesystem },
      { remedy = ("is the NFS server of %s active (lssrc -g nfs)? is a parent already exported (exportfs)?"):format(m.name) })
    return true
  end,
  holds = function(m, _, filesystem)
    local there, flags = m.client:exported(filesystem)
    return there and export_options.same(flags, export_options.writable(export_hosts(m)))
  end,
}

-- Records what each export serves (fsid and root handle), so that a later look can tell whether it
-- is still the same file system. A copy that was opened again may have others.
exports.steps.record_exports = {
  until_phase = 9,
  run = function(m)
    m:check_mounts()
    local recorded = {}
    for _, mount in ipairs(m.alt:mounts()) do recorded[mount.at] = { fsid = mount.fsid, handle = mount.handle } end
    m.record.woken = nil
    return recorded
  end,
  holds = function(m) return not m.record.woken end,
}

--- Withdraws every export of the copy, deepest first.
function exports.unexport_all(m)
  for _, row in ipairs(m.client:exports()) do
    if footprint.is_of_copy(row.path) then m.client:must { "exportfs", "-u", row.path } end
  end
end

--- Checks on the client that every file system of the copy is mounted. Raises ALT_NOT_MOUNTED.
function exports.check_mounts(m)
  local mounts = {}
  for mount in m:alt_filesystems() do mounts[#mounts + 1] = mount end
  check_mounted(m, mounts)
end

--- Checks that all exports are the copy: by the client's own commands, and by what the NFS server
--- answers. Raises ALT_NOT_MOUNTED. Called before the first write, after each reconnect, at resume.
function exports.check_exports(m, copy)
  m:check_mounts()
  local recorded = m:result_of("record_exports")
  if not recorded then return true end
  for _, mount in ipairs((copy or m.alt):mounts()) do
    local known = recorded[mount.at]
    if not known or known.fsid ~= mount.fsid or known.handle ~= mount.handle then
      not_mounted(m, "/alt_inst" .. (mount.at == "/" and "" or mount.at),
        "its export serves another file system than in phase 2")
    end
  end
  return true
end

return exports
