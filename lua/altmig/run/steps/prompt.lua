-- SPDX-License-Identifier: MIT
-- What a prompt leaves behind: the lock and the mark it took, the mounts and exports it made.

local aix = require "altmig.aix.output"
local err = require "altmig.err"

-- What is mounted and exported of a migration now: { "mount /x" = { host, undo = argv }, ... }.
local function reachable(migration, m)
  local found = {}
  local function add(host, kind, path, undo)
    found[("%s %s on %s"):format(kind, path, host.name)] = { host = host, path = path, undo = undo }
  end
  for line in m.client:must({ "exportfs" }):gmatch("[^\n]+") do
    local path = line:match("^(%S+)")
    if path == "/alt_inst" or path:sub(1, 10) == "/alt_inst/" then add(m.client, "export", path, { "exportfs", "-u", path }) end
  end
  for _, row in ipairs(aix.mounts(m.master:must { "mount" })) do
    if row.at:sub(1, #m.exec.base + 1) == m.exec.base .. "/" then
      add(m.master, "mount", row.at, row.vfs == "namefs" and { "umount", row.at } or { "umount", "-f", row.at })
    end
  end
  local spot = m:spot_command(""):match("^(/[^/]+)") -- where it is mounted on the client
  if migration.mounted(m.client, spot) then add(m.client, "mount", spot, { "umount", spot }) end
  if m.spot and migration.exported(m.master, m.spot.location) then
    add(m.master, "export", m.spot.location, { "exportfs", "-u", m.spot.location })
  end
  return found
end

return function(migration)
  --- What the hosts show of the migration, before the prompt changes something.
  migration.method("reachable", function(m) return reachable(migration, m) end)

  -- Takes one thing away. A mount of the copy is not unmounted where a link on its path leads elsewhere.
  local function take_away(m, thing)
    if thing.host ~= m.master or thing.undo[1] ~= "umount" then return thing.host:must(thing.undo) end
    local any = "dir file other none"
    local result = m.exec:at_plain(thing.path, { way = any, last = any, argv = thing.undo, doing = "it was not unmounted" })
    if result.status ~= 0 then err.raise(m.master:failure(thing.undo, result)) end
  end

  --- Takes away what came since `before`; raises with all that could not be taken away. Where there was
  --- nothing, all goes, as after a failure: fn() does that.
  ---@param before table
  ---@param fn fun()
  migration.method("withdraw_since", function(m, before, fn)
    if next(before) == nil then return fn() end
    local now = reachable(migration, m)
    local list = {}
    for name, thing in pairs(now) do
      if not before[name] then list[#list + 1] = thing end
    end
    -- The copy's mounts before the exports they are of, deepest first.
    table.sort(list, function(a, b)
      if a.undo[1] ~= b.undo[1] then return a.undo[1] > b.undo[1] end
      return a.path > b.path
    end)
    local problems = {}
    for _, thing in ipairs(list) do
      local ok, e = xpcall(take_away, err.wrap, m, thing)
      if not ok then problems[#problems + 1] = e.message end
    end
    if #problems > 0 then err.raise { code = "WITHDRAW", message = table.concat(problems, "; ") } end
  end)
end
