-- SPDX-License-Identifier: MIT
-- What end to end tests do with the lab: one instance per test file, in a directory of its own.

local lu = require "luaunit"
local sys = require "altmig.sys"

local lab = { client = "adachi-AIX7", master = "adachi-nim" }

local bin = os.getenv("ALTMIG_BIN")
lab.dir = os.getenv("ALTMIG_TEST_LAB") or ("/var/tmp/altmig-e2e-%d"):format(sys.getpid())

--- Skips the test, with the reason, where a lab cannot be.
function lab.require_root()
  if sys.getuid() ~= 0 then lu.skip("the lab needs root") end
end

--- Runs altmig with the lab's environment. Returns status, stdout, stderr.
function lab.altmig(argv, opts)
  opts = opts or {}
  opts.env = { ALTMIG_LAB = lab.dir }
  local result = assert(sys.run({ bin, table.unpack(argv) }, opts))
  return result.status or 128, result.stdout, result.stderr
end

--- altmig lab ...; fails the test unless it ends with status 0.
function lab.must(...)
  local status, out, problem = lab.altmig { "lab", ... }
  lu.assertEquals(status, 0, table.concat({ ... }, " ") .. ": " .. out .. problem)
  return out
end

--- Runs altmig (or nimadm) on the lab's engine host.
function lab.engine(program, argv, opts)
  local path = bin:gsub("altmig$", program)
  return lab.altmig({ "lab", "exec", path, table.unpack(argv) }, opts)
end

--- Starts the program on the engine host and returns its pid; output goes to a file.
function lab.engine_spawn(program, argv, output)
  local path = bin:gsub("altmig$", program)
  local words = {}
  for i, word in ipairs(argv) do words[i] = "'" .. word .. "'" end
  return assert(sys.spawn({ "/bin/sh", "-c", ("exec '%s' lab exec '%s' %s >'%s' 2>&1"):format(bin, path,
    table.concat(words, " "), output) }, { env = { ALTMIG_LAB = lab.dir }, detach = true }))
end

-- Process ids below one, deepest last; other labs of the machine have processes of the same names.
local function descendants(pid, list)
  for _, name in ipairs(sys.list("/proc") or {}) do
    local parent = name:match("^%d+$") and (sys.read_file("/proc/" .. name .. "/stat") or ""):match("%) %a (%d+)")
    if parent and tonumber(parent) == pid then
      list[#list + 1] = tonumber(name)
      descendants(tonumber(name), list)
    end
  end
  return list
end

--- Kills what engine_spawn started, with everything below it, as a crash of the engine host would; or sends it
--- another signal. Waits for its end.
---@param signal string?
function lab.kill(pid, signal)
  for _, one in ipairs(descendants(pid, { pid })) do sys.kill(one, signal or "KILL") end
  sys.wait(pid)
end

--- Runs a shell command on a host of the lab; fails the test unless it ends with status 0.
function lab.on(host, command)
  return lab.must("ssh", host, command)
end

--- The same, returning status and output.
function lab.try_on(host, command)
  return lab.altmig { "lab", "ssh", host, command }
end

-- Of a migration with a lpp_source and a SPOT; lab.up makes them those of the levels it was asked for.
local function flags_with(lpp_source, spot) return { "-c", lab.client, "-l", lpp_source, "-s", spot, "-d", "hdisk2", "-Y" } end

lab.flags = flags_with("lpp_source_AIX72TL5", "spot_AIX72TL5")

--- Gives a test class a lab of its own, whose every test begins with the disks as they were at first.
function lab.fresh_for_each(class)
  function class:setupClass()
    if sys.getuid() ~= 0 then return end
    lab.up()
    lab.must("save", "fresh")
  end
  function class:teardownClass() lab.down() end
  function class:setUp()
    lab.require_root()
    if self.used then lab.must("load", "fresh") end
    self.used = true
  end
end

--- Brings the lab up; a client of `from` and what migrates it to `to`, where given.
---@param from string? "7200-05"
---@param to string?
function lab.up(from, to)
  local words = { "up", "--quiet" }
  if from then words = { "up", "--quiet", "--from", from, "--to", to } end
  lab.must(table.unpack(words))
  if from then
    local status = assert(require "altmig.json".decode(lab.must("status", "--json")))
    lab.flags = flags_with(status.lpp_source, status.spot)
  end
end

-- Where recordings of commands are kept for e2e/test_recordings, which looks at those of all files.
function lab.recordings_dir()
  return os.getenv "ALTMIG_RECORDINGS" or bin:gsub("[^/]*$", "") .. "../e2e-recordings"
end

--- Keeps the recordings of this file's lab, with its journals, which say what may be destroyed.
function lab.keep_recordings()
  local file
  for _, word in ipairs(arg or {}) do file = file or word:match("(test_[%w_]+)%.lua$") end
  local into = ("%s/%s"):format(lab.recordings_dir(), file or "test")
  os.execute(("rm -rf '%s'"):format(into))
  for _, place in ipairs { "state", "state/probe" } do -- migrations, and trials of altmig probe
    for _, client in ipairs(sys.list(("%s/%s"):format(lab.dir, place)) or {}) do
      local from, to = ("%s/%s/%s"):format(lab.dir, place, client), ("%s/%s%s"):format(into, place:match("/.*") and "probe-" or "", client)
      if sys.stat(from .. "/commands.jsonl") then
        assert(sys.makedirs(to, 448))
        os.execute(("cp '%s'/commands.jsonl* '%s'/journal '%s/' 2>/dev/null"):format(from, from, to))
      end
    end
  end
end

function lab.down()
  if sys.getuid() ~= 0 then return end
  lab.keep_recordings()
  lab.altmig { "lab", "down" }
  os.execute("rm -rf '" .. lab.dir .. "'")
end

return lab
