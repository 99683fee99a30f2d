-- SPDX-License-Identifier: MIT
-- What looking does not show: trials that write, all of them in the private directories of the probe and only with
-- --write-test. Each is a row of the battery whose `act` returns what happened as lines of text, so that a bundle
-- is judged as the hosts are. What a trial mounts or exports it takes away itself; capture looks for it again.

local aix = require "altmig.aix.output"
local bosboot = require "altmig.bosboot"
local disk = require "altmig.probe.disk"
local err = require "altmig.err"
local judge = require "altmig.probe.judge"
local nfs_route = require "altmig.run.nfs_route"
local nim = require "altmig.nim"
local tree = require "altmig.tree"

local trial = {}

--- What --write-test does, for whoever has to agree.
trial.announcement = [[
--write-test tries on both hosts what looking does not show, each time below one
directory of its own in /tmp, and takes all of it away again:
  on the master   namefs mounts of directories and files, one of /dev/null that
                  should be refused, a nodev mount with a copy of /dev/null in it,
                  a directory that is moved while something is mounted below it
  on the client   an export of one directory to this host and to the master
                  (exportfs -i, not persistent), written by both
  on the client   bosboot -a -b FILE: an image into a file of some 40 MB in /tmp;
                  should it write the boot logical volume as well, that is the
                  image of the running system once more
]]

-- Steps of a trial: each a name, whether it went well, and what was said where it did not.
local function recorder(h)
  local self = { lines = {} }
  function self.note(name, value) self.lines[#self.lines + 1] = ("%s: %s\n"):format(name, (tostring(value):gsub("%s+", " "))) end
  -- What a command, or a text of sh with an argument, answered; true when its status is 0.
  local function take(name, result)
    local answer = { status = result.status, signal = result.signal, stdout = result.stdout, stderr = result.stderr }
    self.note(name, result.status == 0 and "ok" or judge.complaint(answer))
    return result.status == 0
  end
  function self.run(name, ...) return take(name, h:run { ... }) end
  function self.script(name, text, ...) return take(name, h:script(text, { ... })) end
  function self.text() return table.concat(self.lines) end
  return self
end

local WRITE <const> = 'echo x >"$1"'

local function fact(answer, name) return ("\n" .. answer.stdout):match("\n" .. name:gsub("%-", "%%-") .. ": ([^\n]*)\n") end
trial.fact = fact

local function is_mounted(h, at)
  for _, row in ipairs(aix.mounts(h:must { "mount" })) do
    if row.at == at then return true end
  end
  return false
end

-- Of a verdict: accepted if every fact is "ok".
local function all_ok(answer, names, observed)
  for _, name in ipairs(names) do
    local value = fact(answer, name)
    if value ~= "ok" then return { verdict = "rejected", rows = 0, reason = ("%s: %s"):format(name, value or "not tried") } end
  end
  return { verdict = "accepted", rows = 1, observed = observed }
end

local function named(name, assumption, verdict)
  verdict.name, verdict.assumption = name, assumption
  return verdict
end

-- namefs, on the master ------------------------------------------------------------------------------

function trial.namefs(ctx)
  local h, d = ctx.hosts.master, ctx.dirs.master .. "/namefs"
  local r = recorder(h)
  h:must { "mkdir", "-p", d .. "/from", d .. "/to", d .. "/old/below" }
  h:must_script(': >"$1" && : >"$2" && : >"$3"', { d .. "/from/seen", d .. "/file", d .. "/other" })
  if r.run("directory", "mount", "-v", "namefs", d .. "/from", d .. "/to") then
    r.run("seen", "test", "-f", d .. "/to/seen")
    r.note("listed", is_mounted(h, d .. "/to") and "ok" or "not in the mount table")
    r.run("umount", "umount", d .. "/to")
  end
  if r.run("file", "mount", "-v", "namefs", d .. "/file", d .. "/other") then r.run("file-umount", "umount", d .. "/other") end
  if r.run("device", "mount", "-v", "namefs", "/dev/null", d .. "/other") then r.run("device-umount", "umount", d .. "/other") end
  if r.run("mixed", "mount", "-v", "namefs", d .. "/file", d .. "/to") then r.run("mixed-umount", "umount", d .. "/to") end
  if r.run("below", "mount", "-v", "namefs", d .. "/from", d .. "/old/below") then
    if r.run("moved", "mv", d .. "/old", d .. "/new") then
      r.note("shown", is_mounted(h, d .. "/new/below") and "where it is" or is_mounted(h, d .. "/old/below") and "where it was"
        or "nowhere")
    end
    if not r.run("umount-new", "umount", d .. "/new/below") then r.run("umount-old", "umount", d .. "/old/below") end
  end
  return r.text()
end

local function refused(answer, name)
  local said = fact(answer, name)
  if not said then return { verdict = "rejected", rows = 0, reason = name .. ": not tried" } end
  if said == "ok" then return { verdict = "rejected", rows = 0, reason = "it is mounted" } end
  return { verdict = "accepted", rows = 1, observed = said }
end

function trial.judge_namefs(answer)
  local moved, shown = fact(answer, "moved"), fact(answer, "shown")
  local astray
  if moved and moved ~= "ok" then
    astray = { verdict = "accepted", rows = 1, observed = "cannot be moved: " .. moved }
  elseif shown == "where it is" or shown == "nowhere" then
    astray = { verdict = "accepted", rows = 1, observed = "shown " .. shown }
  else
    astray = { verdict = "rejected", rows = 0, reason = shown and "shown " .. shown or "below: " .. (fact(answer, "below") or "not tried") }
  end
  return { all_ok(answer, { "directory", "seen", "listed", "umount" }, "a directory over a directory"),
    named("file", "namefs-directory", all_ok(answer, { "file", "file-umount" }, "a file over a file")),
    named("device", "namefs-device", refused(answer, "device")),
    named("mixed", "namefs-directory", refused(answer, "mixed")),
    named("moved", "mount-astray", astray) }
end

-- nodev, and a directory of devices over it, on the master --------------------------------------------

-- Major and minor of the master's own /dev/null.
local function null_numbers(h)
  local major, minor = h:must({ "ls", "-l", "/dev/null" }):match "^c%S+%s+%d+%s+%S+%s+%S+%s+(%d+),%s*(%d+)%s"
  return major, minor
end

function trial.nodev(ctx)
  local h, d = ctx.hosts.master, ctx.dirs.master .. "/nodev"
  local r = recorder(h)
  local major, minor = null_numbers(h)
  r.note("numbers", major and "ok" or "ls -l /dev/null is not understood")
  if not major then return r.text() end
  h:must { "mkdir", "-p", d .. "/from/dev", d .. "/over", d .. "/devices" }
  r.run("mknod", "mknod", d .. "/from/null", "c", major, minor)
  r.run("mknod-private", "mknod", d .. "/devices/null", "c", major, minor)
  if r.run("mount", "mount", "-v", "namefs", "-o", "nodev", d .. "/from", d .. "/over") then
    r.script("open-nodev", WRITE, d .. "/over/null")
    if r.run("laid-over", "mount", "-v", "namefs", d .. "/devices", d .. "/over/dev") then
      r.script("open-private", WRITE, d .. "/over/dev/null")
      r.run("umount-private", "umount", d .. "/over/dev")
    end
    r.run("umount", "umount", d .. "/over")
  end
  return r.text()
end

function trial.judge_nodev(answer)
  local opened = fact(answer, "open-nodev")
  local refuses = all_ok(answer, { "numbers", "mknod", "mount" }, opened)
  if refuses.verdict == "accepted" and (not opened or opened == "ok") then
    refuses = { verdict = "rejected", rows = 0, reason = "the device can be opened" }
  end
  return { refuses, named("private", "private-dev",
    all_ok(answer, { "mknod-private", "laid-over", "open-private", "umount-private", "umount" }, "a device in a directory laid over it")) }
end

-- An export of the client, written by this host and by the master --------------------------------------

-- As nfs_route takes it.
local function reached(ctx)
  return { name = ctx.name, client = ctx.hosts.client, client_resource = ctx.client_resource, nim = ctx.nim }
end

-- What the engine host (or who calls for it) and the master are called in an export.
local function export_hosts(ctx)
  if nfs_route.is_ssh(ctx.client_resource) then return nfs_route.caller(reached(ctx)), nim.node_of(ctx.nim:master()) end
  local address
  for _, answer in ipairs(ctx.answers) do
    if answer.row == "engine-address" and answer.host == "client" then address = answer.stdout:match "^[%x.:]+" end
  end
  address = (ctx.nim:engine_address() or address or ""):gsub("^::ffff:", "")
  return address, nim.node_of(ctx.nim:master())
end

-- Files of the engine's kinds through its own NFS client.
local function write_through_nfs(r, ctx, path)
  local url, via = nfs_route.of(reached(ctx))
  local t, message = tree.nfs { { at = "/", url = url(path) }, via = via, timeout = 30, retry = 5, guard = function() return true end }
  r.note("nfs", t and "ok" or message)
  if not t then return end
  local ok, e = xpcall(function()
    local function step(name, value, why) r.note(name, value and "ok" or why) end
    step("write", t:write("/file", ("x"):rep(200000), { mode = 384 }))
    step("chown", t:chown("/file", 7, 7))
    step("symlink", t:symlink("../file", "/link"))
    step("mkdir", t:mkdir("/dir"))
    step("read-back", t:read "/file" == ("x"):rep(200000), "other content")
    local st = t:stat "/file"
    step("owner", st and st.uid == 7 and st.mode == 384, st and ("uid %d, mode %o"):format(st.uid, st.mode) or "no such file")
    step("list", t:list "/")
    local mount = (t:mounts() or {})[1] or {} -- after a list: only one shows whether READDIRPLUS is taken
    r.note("sizes", ("READ %s, WRITE %s bytes"):format(mount.read_max, mount.write_max))
    r.note("readdirplus", mount.plain_lists and "refused" or "taken")
  end, err.wrap)
  t:close()
  if not ok then error(e, 0) end
end

-- The mount of phase 3, and a directory laid over one of it.
local function mount_on_master(ctx, path)
  local h = ctx.hosts.master
  local r, d = recorder(h), ctx.dirs.master .. "/nfs"
  h:must { "mkdir", "-p", d .. "/mount", d .. "/devices" }
  local source = ("%s:%s"):format(nim.node_of(ctx.client_resource), path)
  if r.run("master-mount", "mount", "-o", "rw,vers=3,nodev,hard,intr", source, d .. "/mount") then
    r.run("master-sees", "test", "-f", d .. "/mount/file")
    r.script("master-writes", WRITE, d .. "/mount/written")
    if r.run("over-nfs", "mount", "-v", "namefs", d .. "/devices", d .. "/mount/dir") then
      r.run("over-nfs-umount", "umount", d .. "/mount/dir")
    end
    if not r.run("master-umount", "umount", d .. "/mount") then r.run("master-umount-f", "umount", "-f", d .. "/mount") end
  end
  return r
end

function trial.export(ctx)
  local h, d = ctx.hosts.client, ctx.dirs.client .. "/export"
  local engine, master = export_hosts(ctx)
  if engine == "" or engine:find ":" then return nil, "the address of this host cannot be in an export" end
  local r = recorder(h)
  h:must { "mkdir", d }
  local hosts = engine .. ":" .. master
  if not r.run("export", "exportfs", "-i", "-o", ("rw=%s,root=%s,access=%s"):format(hosts, hosts, hosts), d) then return r.text() end
  local ok, e = xpcall(function()
    r.note("listed", h:exported(d) and "ok" or "not listed")
    write_through_nfs(r, ctx, d)
    r.run("client-sees", "test", "-f", d .. "/file")
    if ctx.hosts.master and not ctx.unreachable.master then
      local other = mount_on_master(ctx, d)
      for _, line in ipairs(other.lines) do r.lines[#r.lines + 1] = line end
      if fact({ stdout = other.text() }, "master-writes") == "ok" then r.run("client-sees-master", "test", "-f", d .. "/written") end
    end
  end, err.wrap)
  r.run("unexport", "exportfs", "-u", d)
  r.note("withdrawn", not h:exported(d) and "ok" or "it is still listed")
  if not ok then error(e, 0) end
  return r.text()
end

function trial.judge_export(answer)
  local plus = fact(answer, "readdirplus")
  return {
    all_ok(answer, { "export", "listed", "unexport", "withdrawn" }, "exported to two hosts and withdrawn"),
    named("engine", "export-root", all_ok(answer, { "nfs", "write", "chown", "symlink", "mkdir", "read-back", "owner", "client-sees" },
      fact(answer, "sizes"))),
    named("readdirplus", "nfs-readdirplus", plus == "taken" and { verdict = "accepted", rows = 1, observed = plus }
      or { verdict = "rejected", rows = 0, reason = plus and "READDIR is asked instead" or "not tried" }),
    named("master", "mount-options", all_ok(answer, { "master-mount", "master-sees", "master-writes", "client-sees-master",
      "master-umount" }, "rw,vers=3,nodev,hard,intr")),
    named("over-nfs", "namefs-directory", all_ok(answer, { "over-nfs", "over-nfs-umount" }, "a directory over one on an NFS mount")),
  }
end

-- bosboot into a file, on the client --------------------------------------------------------------------

local ROOM <const> = 160 << 20 -- of /tmp: the image, and what bosboot makes beside it

local function tmp_room(h)
  for _, row in ipairs(aix.df_k(h:must { "df", "-k", "/tmp" })) do
    if row.free then return row.free end
  end
  return 0
end

local function boot_volume_sum(h, lv)
  return h:must_script('dd if="$1" bs=65536 2>/dev/null | cksum', { "/dev/r" .. lv }, { timeout = 900 })
end

function trial.bosboot(ctx)
  local h, file = ctx.hosts.client, ctx.dirs.client .. "/image"
  local r = recorder(h)
  local room = tmp_room(h)
  if room < ROOM then return nil, ("/tmp of the client has %d MB free, %d are needed"):format(room >> 20, ROOM >> 20) end
  local lv
  for _, row in ipairs(aix.lsvg_l(h:must { "lsvg", "-l", "rootvg" })) do
    if row.type == "boot" and not row.name:find "^bos_" and row.name:find "^[%w_%.]+$" then lv = lv or row.name end
  end
  if not lv then return nil, "lsvg -l rootvg names no boot logical volume" end
  local before = boot_volume_sum(h, lv)
  local result = h:run({ "bosboot", "-a", "-b", file }, { timeout = 1800 })
  r.note("bosboot", result.status == 0 and "ok" or judge.complaint(result))
  r.note("blocks", bosboot.blocks(result.stdout .. result.stderr) or "no size in its output")
  r.run("file", "test", "-s", file)
  r.note("boot-volume", boot_volume_sum(h, lv) == before and "as before" or "written")
  local head = h:run { "dd", "if=" .. file, "bs=4096", "count=1" }
  local found, message = bosboot.inspect(head.stdout)
  r.note("headers", found and found.image and "ok" or found and found.problem or message)
  h:must { "rm", "-f", file }
  return r.text()
end

function trial.judge_bosboot(answer)
  local volume = fact(answer, "boot-volume")
  return {
    all_ok(answer, { "bosboot", "file" }, (fact(answer, "blocks") or "?") .. " blocks"),
    named("boot-volume", "bosboot-file-only", volume == "as before" and { verdict = "accepted", rows = 1, observed = volume }
      or { verdict = "rejected", rows = 0, reason = volume or "not tried" }),
    named("headers", "boot-image", all_ok(answer, { "headers" }, "headers as altmig.bosboot reads them")),
  }
end

-- A disk that nobody needs, on the client ---------------------------------------------------------------

function trial.disk(ctx) return disk.try(ctx, recorder) end

function trial.judge_disk(answer) return disk.judge(answer, fact) end

--- The rows, for the battery.
trial.rows = {
  { name = "namefs", on = "master", assumption = "namefs-directory", act = trial.namefs, judge = trial.judge_namefs },
  { name = "nodev", on = "master", assumption = "nodev-refuses", act = trial.nodev, judge = trial.judge_nodev },
  { name = "export", on = "client", assumption = "export-options", act = trial.export, judge = trial.judge_export },
  { name = "bosboot", on = "client", assumption = "bosboot-into-file", act = trial.bosboot, judge = trial.judge_bosboot },
  { name = "disk", on = "client", assumption = "clone-failed", act = trial.disk, judge = trial.judge_disk },
}

return trial
