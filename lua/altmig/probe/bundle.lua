-- SPDX-License-Identifier: MIT
-- What a probe was told, as one tar of readable files that can be sent: made with the site's own names replaced,
-- and read with no trust in whoever made it.

local anonymise = require "altmig.probe.anonymise"
local battery = require "altmig.probe.battery"
local err = require "altmig.err"
local json = require "altmig.json"
local mode = require "altmig.mode"
local ssh = require "altmig.ssh"
local sys = require "altmig.sys"
local ustar = require "altmig.probe.ustar"

local bundle = {}

local FOLDER <const> = "altmig-probe/"
local VERSION <const> = 1

local README <const> = [[
Answers of an AIX client and its NIM master to `altmig probe`, and what altmig
made of them. Nothing of it is executable; read it before you send it.

  rows.json       assumption, what was observed, verdict
  answers.json    which command was asked, with its status
  answers/*.txt   what the command printed; .err: on standard error;
                  .hex: the same of bytes that are no text

Replaced, each by the same word everywhere: names and domains of hosts,
addresses, MAC addresses, machine identifiers, PVIDs, identifiers of volume
groups. The PVID in a boot record is not even read into this file.

Not replaced: names of disks, logical volumes, file systems, mount points,
filesets, processes, users in listings of files, NIM resources. Look for what
you do not want to tell, and edit the files; `tar cf` makes a bundle again.

Not in it: passwords, keys, contents of configuration files.

  altmig probe --replay FILE

prints the table of a bundle.
]]

local function hex_dump(data)
  local lines = {}
  for at = 1, #data, 16 do
    local piece = data:sub(at, at + 15)
    lines[#lines + 1] = ("%08x  %s"):format(at - 1, (piece:gsub(".", function(c) return ("%02x "):format(c:byte()) end):gsub(" $", "")))
  end
  return table.concat(lines, "\n") .. "\n"
end

-- The bytes of a dump; nil for a line of another form.
local function bytes_of(dump)
  local parts = {}
  for line in dump:gmatch "[^\n]+" do
    local hex = line:match "^%x+  ([%x ]+)$"
    if not hex then return nil end
    parts[#parts + 1] = hex:gsub("(%x%x) ?", function(pair) return string.char(tonumber(pair, 16)) end)
  end
  return table.concat(parts)
end

-- ---- making ----

--- Collects everything that must not be told: what the hosts said, and what nim.lua says of them.
---@param ctx altmig.probe.Context
---@return altmig.probe.Anonymiser
local function collect(ctx)
  local a = anonymise.new()
  local function of_host(resource)
    a:name(resource.name)
    a:name(resource.address)
    a:name(resource.ssh.host)
    a:address(resource.ssh.host)
    a:address(resource.address)
    a:name((resource.nfs or {}).host)
    a:address((resource.nfs or {}).host)
    local jump = resource.ssh.jump
    if type(jump) == "string" then jump = ssh.target(jump) end
    if jump then
      a:name(jump.host)
      a:address(jump.host)
    end
  end
  of_host(ctx.nim:master())
  for name in pairs(ctx.nim.data.clients or {}) do of_host(ctx.nim:client(name)) end
  a:name(ctx.nim:engine_address())
  a:address(ctx.nim:engine_address())
  a:name(sys.hostname())
  for _, answer in ipairs(ctx.answers) do
    a:read(answer, battery.get(answer.row).levels)
    for _, word in ipairs(answer.argv) do a:address(word) end
  end
  return a
end

-- An answer with everything replaced. Binary ones keep their length.
local function anonymous(a, answer)
  local copy = { row = answer.row, host = answer.host, status = answer.status, signal = answer.signal, binary = answer.binary,
    instance = answer.instance and a:text(answer.instance), stderr = a:text(answer.stderr), env = answer.env,
    problem = answer.problem and a:text(answer.problem), reason = answer.reason and a:text(answer.reason), argv = {} }
  for i, word in ipairs(answer.argv) do copy.argv[i] = a:text(word) end
  if answer.binary then
    copy.stdout = a:bytes(answer.stdout)
  else
    copy.stdout = answer.row == "lvm-record" and a:dump(answer.stdout) or a:text(answer.stdout)
  end
  return copy
end

--- The answers as they are told to others.
---@param ctx altmig.probe.Context
---@return altmig.probe.Answer[] answers, altmig.probe.Anonymiser a
function bundle.anonymous(ctx)
  local a, list = collect(ctx), {}
  for i, answer in ipairs(ctx.answers) do list[i] = anonymous(a, answer) end
  return list, a
end

local function encode(value) return err.check(json.encode(value, { indent = 1, sort = true, lossy = true })) .. "\n" end

--- The files of a bundle.
---@param answers altmig.probe.Answer[]   anonymous
---@param rows table[]                    the table made of them
---@return { name: string, data: string }[]
function bundle.files(answers, rows)
  local index, files = json.array {}, {}
  for i, answer in ipairs(answers) do
    local base = ("answers/%03d-%s-%s%s"):format(i, answer.host, answer.row,
      answer.instance and "-" .. answer.instance:gsub("[^%w_]", "_"):sub(1, 20) or "")
    local entry = { row = answer.row, host = answer.host, instance = answer.instance, argv = json.array(answer.argv), env = answer.env,
      status = answer.status, signal = answer.signal, problem = answer.problem, reason = answer.reason, binary = answer.binary }
    if answer.stdout ~= "" then
      entry.stdout = base .. (answer.binary and ".hex" or ".txt")
      files[#files + 1] = { name = FOLDER .. entry.stdout, data = answer.binary and hex_dump(answer.stdout) or answer.stdout }
    end
    if answer.stderr ~= "" then
      entry.stderr = base .. ".err"
      files[#files + 1] = { name = FOLDER .. entry.stderr, data = answer.stderr }
    end
    index[i] = entry
  end
  table.insert(files, 1, { name = FOLDER .. "README", data = README })
  table.insert(files, 2, { name = FOLDER .. "rows.json", data = encode(json.array(rows)) })
  table.insert(files, 3, { name = FOLDER .. "answers.json", data = encode { version = VERSION, answers = index } })
  return files
end

--- Writes a bundle. Raises, with nothing written, when something known is still in it.
---@param path string
---@param answers altmig.probe.Answer[]
---@param rows table[]
---@param a altmig.probe.Anonymiser
function bundle.write(path, answers, rows, a)
  local files = bundle.files(answers, rows)
  for _, file in ipairs(files) do
    local word = not file.name:find "README$" and a:leak(file.data)
    if word then
      err.raise { code = "BUNDLE_LEAK", message = ("bundle: %s still has '%s' in it; it was not written"):format(file.name, word),
        remedy = "report this with the form of the name; without --bundle the table is printed all the same" }
    end
  end
  err.check(sys.write_file(path, ustar.pack(files, math.floor(sys.time())), { mode = mode.PRIVATE_FILE }))
end

-- ---- reading ----

local function bad(path, text) err.raise { code = "BUNDLE", message = ("bundle: %s: %s"):format(path, text) } end

local function text_or_nil(value) return type(value) == "string" and value or nil end

-- An entry of the index, of its types; nil for anything else.
local function entry_of(one, files)
  if type(one) ~= "table" or type(one.row) ~= "string" or (one.host ~= "client" and one.host ~= "master") then return nil end
  local answer = { row = one.row, host = one.host, instance = text_or_nil(one.instance), problem = text_or_nil(one.problem),
    reason = text_or_nil(one.reason), signal = text_or_nil(one.signal), binary = one.binary == true or nil, argv = {},
    status = math.type(one.status) == "integer" and one.status or nil }
  for i, word in ipairs(type(one.argv) == "table" and one.argv or {}) do answer.argv[i] = tostring(word) end
  for _, stream in ipairs { "stdout", "stderr" } do
    local name = one[stream]
    answer[stream] = name == nil and "" or type(name) == "string" and files[FOLDER .. name]
    if not answer[stream] then return nil end
  end
  if answer.binary and answer.stdout ~= "" then answer.stdout = bytes_of(answer.stdout) end
  return answer.stdout and answer or nil
end

--- The answers of a bundle. Raises BUNDLE for one that is none.
---@param path string
---@return altmig.probe.Answer[]
function bundle.read(path)
  local data = err.check(sys.read_file(path, ustar.max + (16 << 20)))
  local files, message = ustar.unpack(data)
  if not files then bad(path, message:gsub("^bundle: ", "")) end
  local text = files[FOLDER .. "answers.json"]
  if not text then bad(path, FOLDER .. "answers.json is not in it") end
  local index, why = json.decode(text)
  if type(index) ~= "table" then bad(path, "answers.json: " .. tostring(why or "no object")) end
  if index.version ~= VERSION then
    bad(path, ("it is of version %s, and this altmig reads version %d"):format(tostring(index.version), VERSION))
  end
  local list = {}
  for i, one in ipairs(type(index.answers) == "table" and index.answers or {}) do
    list[i] = entry_of(one, files)
    if not list[i] then bad(path, ("answer %d is not of its form"):format(i)) end
  end
  return list
end

return bundle
