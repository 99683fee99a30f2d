-- SPDX-License-Identifier: MIT
-- Restoring a BOS-like archive over NFS, beside the raw requests, the same requests one after the other,
-- the library's synchronous requests, tar over ssh and a local copy; all in the same run, against the
-- same server. Run it by tests/bench/restore.

local bff = require "altmig.bff"
local json = require "altmig.json"
local sys = require "altmig.sys"
local tree = require "altmig.tree"

local here = arg[0]:match("^(.*)/[^/]*$")
package.path = here .. "/../?.lua;" .. package.path
local server = require "nfs_server"

local why = server.missing()
if why then
  io.stderr:write("restore: ", why, "\n")
  os.exit(1)
end
server.go_private(arg[0], table.unpack(arg, 1))

local BASE <const> = server.base
local BIN <const> = os.getenv("ALTMIG_BIN")
local HELPERS <const> = BIN:gsub("bin/altmig$", "tests/")

local options = { files = 20000, pairs = 5, rtt = "0,1,5", slow = true, large = true }
do
  local i = 1
  while arg[i] do
    local name, value = arg[i]:match("^%-%-(.*)"), arg[i + 1]
    if name == "no-slow" or name == "no-large" then
      options[name:sub(4)] = false
    elseif name and value and (name == "json" or name == "files" or name == "pairs" or name == "rtt") then
      options[name] = math.type(options[name]) and assert(math.tointeger(tonumber(value)), "bad number") or value
      i = i + 1
    else
      io.stderr:write("restore: unknown option ", arg[i], "\n")
      os.exit(2)
    end
    i = i + 1
  end
end

local function median(list)
  table.sort(list)
  return list[(#list + 1) // 2]
end

-- What is restored: sizes 16 KiB * u^2 (5.3 KiB in the mean, 2 % empty), 20 files a directory.
local SLOW_FILES <const> = 400

--- Lines "d PATH" and "f SIZE PATH" of the first `files` files, and the archive of it.
local function make_plan(files, archive)
  math.randomseed(20260101)
  local words, pieces = {}, {}
  for i = 1, 3000 do
    local letters = {}
    for j = 1, math.random(2, 9) do letters[j] = string.char(97 + math.floor(26 * math.random() ^ 2)) end
    words[i] = table.concat(letters)
  end
  for i = 1, 20000 do pieces[i] = words[1 + math.floor(3000 * math.random() ^ 2)] end
  local text, lines, bytes = table.concat(pieces, " "), {}, 0
  local w = archive and assert(bff.create(archive, { pack = true }))
  for i = 0, files - 1 do
    local top, dir = "/usr/lib/d" .. i // 640, ("/usr/lib/d%d/e%d"):format(i // 640, i // 20)
    local new = i == 0 and { "/usr", "/usr/lib", top, dir } or i % 640 == 0 and { top, dir } or i % 20 == 0 and { dir } or {}
    for _, path in ipairs(new) do
      lines[#lines + 1] = "d " .. path
      if w then assert(w:add { name = "." .. path, type = "dir", mode = 493, uid = 2, gid = 2, mtime = 1500000000 }) end
    end
    local size = i % 50 == 0 and 0 or math.floor(16384 * math.random() ^ 2)
    local at = math.random(1, #text - size)
    local path = ("%s/f%d"):format(dir, i)
    lines[#lines + 1] = ("f %d %s"):format(size, path)
    bytes = bytes + size
    if w then
      assert(w:add { name = "." .. path, type = "file", mode = i % 100 == 0 and 2541 or 420, uid = 2, gid = 2,
        mtime = 1500000000, data = text:sub(at, at + size - 1) })
    end
  end
  if w then assert(w:close()) end
  return table.concat(lines, "\n") .. "\n", bytes
end

local SSH_PORT <const> = 2222
local proxies = {}
--- Ports of NFS and MOUNT (and sshd) with a round-trip time of `rtt` milliseconds.
local function ports(rtt)
  if rtt == 0 then return 2049, 20048, SSH_PORT end
  local base = 30000 + math.floor(rtt * 100)
  if not proxies[rtt] then
    proxies[rtt] = assert(sys.spawn({ HELPERS .. "bench_delay", tostring(math.floor(rtt * 500)), base .. ":2049",
      base + 1 .. ":20048", base + 2 .. ":" .. SSH_PORT }, { stdout = BASE .. "/out" }))
    sys.sleep(0.1)
  end
  return base, base + 1, base + 2
end

local function server_cpu()
  local fields = sys.read_file("/proc/" .. server.pid .. "/stat"):match("%) (.*)")
  local n, ticks = 0, 0
  for field in fields:gmatch("%S+") do
    n = n + 1
    if n == 12 or n == 13 then ticks = ticks + tonumber(field) end
  end
  return ticks / 100
end

local function must(argv)
  local r = assert(sys.run(argv))
  if r.status ~= 0 then error(table.concat(argv, " ") .. ": " .. r.stderr) end
  return r.stdout
end

local function clear()
  server.empty("main")
  sys.sleep(0.2)
end

-- Where the keys of our sshd are known, on any port.
local function known_hosts()
  local known = BASE .. "/ssh/known_hosts"
  if not sys.stat(known) then
    assert(sys.write_file(known, "[127.0.0.1]:* " .. sys.read_file(BASE .. "/ssh/host.pub")))
  end
  return known
end

--- One work of the engine: "restore" into an empty tree, any other upon what is there. With an identity through
--- sshd, whose connections to the server have no delay.
local function engine(work, rtt, archive, identity)
  if work == "restore" then clear() end
  local nfs, mount, ssh_port = ports(rtt)
  if identity then nfs, mount = ports(0) end
  local cpu = server_cpu()
  local argv = { BIN, "run", here .. "/restore_once.lua", work, server.url("main", ("?nfsport=%d&mountport=%d"):format(nfs, mount)),
    archive }
  if identity then table.move({ tostring(ssh_port), identity, known_hosts() }, 1, 3, #argv + 1, argv) end
  local out = must(argv)
  local seconds, requests, files, peak, own = out:match("(%S+) (%d+) (%d+) (%d+) (%S+)")
  return { seconds = tonumber(seconds), requests = tonumber(requests), files = tonumber(files), peak = tonumber(peak),
    cpu = tonumber(own), server_cpu = server_cpu() - cpu }
end

local function altmig(rtt, archive) return engine("restore", rtt, archive) end

local sshd

local function through_ssh(rtt, archive) return sshd and engine("restore", rtt, archive, sshd.identity) or {} end

local function load(mode, rtt, plan)
  clear()
  local nfs, mount = ports(rtt)
  local cpu = server_cpu()
  local seconds, requests, own = must({ HELPERS .. "bench_nfsload", mode, "127.0.0.1", BASE .. "/main", tostring(nfs),
    tostring(mount), plan }):match("(%S+) (%d+) (%S+)")
  return { seconds = tonumber(seconds), requests = tonumber(requests), cpu = tonumber(own), server_cpu = server_cpu() - cpu }
end

--- An sshd for root with keys of its own; nil and why when there is none.
local function start_sshd()
  for _, program in ipairs { "/usr/sbin/sshd", "/usr/bin/ssh", "/usr/bin/ssh-keygen" } do
    if not sys.stat(program) then return nil, program .. " is not there" end
  end
  local dir = BASE .. "/ssh"
  assert(sys.mkdir(dir, 448))
  assert(sys.makedirs("/run/sshd", 493))
  for _, name in ipairs { "host", "user" } do must { "ssh-keygen", "-q", "-N", "", "-t", "ed25519", "-f", dir .. "/" .. name } end
  must { "cp", dir .. "/user.pub", dir .. "/authorized_keys" }
  -- A login shell without start-up files: bash reads ~/.bashrc even for one command.
  must { "sh", "-c", ("sed 's,^\\(root:.*:\\)[^:]*$,\\1/bin/sh,' /etc/passwd >%s/passwd && mount --bind %s/passwd /etc/passwd")
    :format(dir, dir) }
  assert(sys.write_file(dir .. "/config", table.concat({ "Port " .. SSH_PORT, "ListenAddress 127.0.0.1", "HostKey " .. dir .. "/host",
    "PidFile " .. dir .. "/pid", "AuthorizedKeysFile " .. dir .. "/authorized_keys", "StrictModes no", "UsePAM no",
    "PermitRootLogin prohibit-password", "PrintMotd no", "UseDNS no" }, "\n") .. "\n"))
  local pid = assert(sys.spawn({ "/usr/sbin/sshd", "-D", "-f", dir .. "/config", "-E", dir .. "/log" }, { stdout = BASE .. "/out" }))
  sys.sleep(0.5)
  return { pid = pid, identity = dir .. "/user" }
end

local function tar_ssh(rtt, source)
  clear()
  local _, _, port = ports(rtt)
  local started = sys.clock()
  must { "sh", "-c", ("tar -C %s -cf - . | ssh -F /dev/null -i %s -p %d -o StrictHostKeyChecking=no -o BatchMode=yes "
    .. "-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR root@127.0.0.1 tar -C %s/main -xpf -"):format(source,
    sshd.identity, port, BASE) }
  return { seconds = sys.clock() - started }
end

-- The engine's own path: the filter, its SSH session, and a native restorer at the other end.
local function stream(rtt, archive)
  clear()
  local _, _, port = ports(rtt)
  local out = must { BIN, "run", here .. "/restore_stream.lua", tostring(port), sshd.identity, known_hosts(), archive,
    BIN, "bff", "extract", "-C", BASE .. "/main", "-" }
  local seconds, files, peak, own = out:match("(%S+) (%d+) (%d+) (%S+)")
  return { seconds = tonumber(seconds), files = tonumber(files), peak = tonumber(peak), cpu = tonumber(own) }
end

local function copy(source)
  clear()
  local started = sys.clock()
  must { "cp", "-a", source .. "/.", BASE .. "/main" }
  return { seconds = sys.clock() - started }
end

-- ---- preparation ----

server.bring_up { main = "3g" }
assert(sys.mkdir(BASE .. "/reference", 493))
local plan, bytes = make_plan(options.files, BASE .. "/bos")
assert(sys.write_file(BASE .. "/plan", plan))
assert(sys.write_file(BASE .. "/slow", (make_plan(SLOW_FILES))))
local reference
do
  local t <close> = assert(tree.at(BASE .. "/reference", { sync = false }))
  local a <close> = assert(bff.open(BASE .. "/bos"))
  assert(t:restore(a))
  reference = assert(t:digest("/"))
end
local sshd_why
sshd, sshd_why = start_sshd()

local rows = {}
local _, directories = plan:gsub("d /", "")
io.stdout:write(("%d files, %d directories, %.0f MB, packed archive of %.0f MB; %d paired runs, medians\n"):format(options.files,
  directories, bytes / 1e6, sys.stat(BASE .. "/bos").size / 1e6, options.pairs))
print(("%-14s %6s %9s %8s %9s %9s %8s %8s"):format("", "RTT ms", "seconds", "ratio", "RPC/file", "peak KiB", "CPU s", "server"))

local function add(name, rtt, r, ratio, note)
  rows[#rows + 1] = { name = name, rtt_ms = rtt, seconds = r.seconds, ratio = ratio, rpcs_per_file = r.rpcs, peak_kib = r.peak,
    cpu_seconds = r.cpu, server_cpu_seconds = r.server_cpu, note = note }
  local function cell(format, value) return value and format:format(value) or "-" end
  print(("%-14s %6g %9s %8s %9s %9s %8s %8s %s"):format(name, rtt, cell("%.2f", r.seconds), cell("%.2f", ratio),
    cell("%.2f", r.rpcs), cell("%d", r.peak), cell("%.2f", r.cpu), cell("%.2f", r.server_cpu), note or ""))
end

--- Runs all of them alternately, each round in the other order; medians of every figure.
local function paired(count, ...)
  local runs, results = { ... }, {}
  for i = 1, #runs do results[i] = {} end
  for round = 1, count do
    for at = 1, #runs do
      local i = round % 2 == 1 and at or #runs + 1 - at
      for key, value in pairs(runs[i]()) do
        results[i][key] = results[i][key] or {}
        table.insert(results[i][key], value)
      end
    end
  end
  for _, result in ipairs(results) do
    for key, list in pairs(result) do result[key] = median(list) end
  end
  return table.unpack(results)
end

local function per_file(r, files)
  r.rpcs = r.requests and r.requests > 0 and r.requests / files or nil
  return r
end

-- ---- the rows ----

local scale = options.files / SLOW_FILES
local function scaled(mode, rtt)
  local r = load(mode, rtt, BASE .. "/slow")
  r.rpcs = r.requests > 0 and r.requests / SLOW_FILES or nil
  r.seconds, r.server_cpu = r.seconds * scale, nil
  return r
end

-- Reading and unpacking alone, beside writing as many bytes: what of the engine's time is the archive's.
do
  local data = ("0123456789abcdef"):rep(bytes // 16)
  local unpack, write = paired(options.pairs, function()
    local started = sys.clock()
    assert(bff.verify(BASE .. "/bos"))
    return { seconds = sys.clock() - started }
  end, function()
    local started = sys.clock()
    assert(sys.write_file(BASE .. "/reference-copy", data, { atomic = false }))
    return { seconds = sys.clock() - started }
  end)
  add("bff-packed", 0, unpack, write.seconds / unpack.seconds, ("%.0f MB/s of packed members; share of a plain write of the bytes")
    :format(bytes / unpack.seconds / 1e6))
  assert(sys.remove(BASE .. "/reference-copy"))
end

for text in options.rtt:gmatch("[^,]+") do
  local rtt = assert(tonumber(text), "bad --rtt")
  local own, through, limit, tar, streamed = paired(options.pairs,
    function() return altmig(rtt, BASE .. "/bos") end,
    function() return through_ssh(rtt, BASE .. "/bos") end,
    function() return load("limit-2", rtt, BASE .. "/plan") end,
    sshd and function() return tar_ssh(rtt, BASE .. "/reference") end or function() return {} end,
    sshd and function() return stream(rtt, BASE .. "/bos") end or function() return {} end)
  if sshd then
    local t <close> = assert(tree.at(BASE .. "/main"))
    assert(t:digest("/") == reference, "the streamed tree is not what it should be")
  end
  clear()
  local whole = altmig(rtt, BASE .. "/bos")
  do
    local t <close> = assert(tree.at(BASE .. "/main"))
    assert(whole.files == options.files and t:digest("/") == reference, "the restored tree is not what it should be")
  end
  add("altmig", rtt, per_file(own, options.files), 1)
  if sshd then add("through-ssh", rtt, per_file(through, options.files), through.seconds / own.seconds, "of altmig's own time") end
  add("limit", rtt, per_file(limit, options.files), limit.seconds / own.seconds, "share of it that altmig reaches")
  for _, n in ipairs { 1, 4 } do
    local other = paired(math.min(options.pairs, 3), function() return load("limit-" .. n, rtt, BASE .. "/plan") end)
    add("limit-" .. n, rtt, per_file(other, options.files), limit.seconds / other.seconds,
      ("over %d connection%s: times faster than over two"):format(n, n > 1 and "s" or ""))
  end
  altmig(rtt, BASE .. "/bos")
  for _, work in ipairs { "verify", "digest", "copy" } do
    local r = paired(math.min(options.pairs, 3), function()
      if work == "copy" then must { "rm", "-rf", BASE .. "/main/copy" } end
      return engine(work, rtt, BASE .. "/bos")
    end)
    local one = options.slow and rtt <= 1 and work ~= "copy" and engine(work .. "-one", rtt, BASE .. "/bos")
    add(work, rtt, per_file(r, options.files), one and one.seconds / r.seconds or nil, one and "times faster than one in flight")
    if one then add(work .. "-one", rtt, per_file(one, options.files), 1) end
  end
  if options.slow then
    local note = ("%d files, scaled"):format(SLOW_FILES)
    local one = scaled("one", rtt)
    add("one-in-flight", rtt, one, one.seconds / own.seconds, note)
    local synchronous = scaled("synchronous", rtt)
    add("synchronous", rtt, synchronous, synchronous.seconds / own.seconds, note)
  end
  if sshd then
    add("tar-ssh", rtt, tar, tar.seconds / own.seconds)
    add("altmig-stream", rtt, streamed, streamed.seconds / tar.seconds, "of tar-ssh's time")
  else
    print("tar-ssh        not run: " .. sshd_why)
  end
  if rtt == 0 then
    local plain = paired(options.pairs, function() return copy(BASE .. "/reference") end)
    add("local", rtt, plain, plain.seconds / own.seconds)
  end
end
print("nfs-cp         not run: " .. (sys.stat("/usr/bin/nfs-cp") and "it copies one file a call" or "not installed"))

if options.large then
  local count, size = 16, 64 << 20
  local data, lines = ("0123456789abcdef"):rep(size >> 4), {}
  local w = assert(bff.create(BASE .. "/large", {}))
  must { "rm", "-rf", BASE .. "/reference" }
  assert(sys.mkdir(BASE .. "/reference", 493))
  for i = 1, count do
    assert(w:add { name = "./big" .. i, type = "file", mode = 420, data = data })
    assert(sys.write_file(("%s/reference/big%d"):format(BASE, i), data, { atomic = false }))
    lines[i] = ("f %d /big%d\n"):format(size, i)
  end
  assert(w:close())
  assert(sys.write_file(BASE .. "/plan", table.concat(lines)))
  altmig(0, BASE .. "/large") -- the first gigabyte that a server takes costs it more than any after it
  local own, through, bulk, tar = paired(options.pairs, function() return altmig(0, BASE .. "/large") end,
    function() return through_ssh(0, BASE .. "/large") end,
    function() return load("bulk", 0, BASE .. "/plan") end,
    sshd and function() return tar_ssh(0, BASE .. "/reference") end or function() return {} end)
  own.rpcs, bulk.rpcs = own.requests / count, bulk.requests / count
  print(("%d files of %d MiB"):format(count, size >> 20))
  add("altmig-large", 0, own, 1, ("%.0f MB/s"):format(count * size / own.seconds / 1e6))
  if sshd then
    through.rpcs = through.requests / count
    add("through-ssh-large", 0, through, through.seconds / own.seconds, "of altmig-large's own time")
  end
  add("limit-large", 0, bulk, bulk.seconds / own.seconds, "share of raw 1 MiB WRITEs")
  if sshd then add("tar-ssh-large", 0, tar, tar.seconds / own.seconds) end
end

if options.json then
  assert(sys.write_file(options.json, assert(json.encode(json.array(rows), { indent = 2, sort = true })) .. "\n"))
end
if sshd then sys.kill(sshd.pid, "TERM") end
