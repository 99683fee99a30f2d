-- SPDX-License-Identifier: MIT
-- The resources of flags -e, -i and -o: read where they are, checked, and given to the client.

local err = require "altmig.err"
local mode = require "altmig.mode"
local footprint = require "altmig.run.footprint"
local imagedata = require "altmig.imagedata"
local sys = require "altmig.sys"

---@class altmig.Migration
local resources = { steps = {} }

local kinds = footprint.resource_kinds
local LARGEST <const> = 1 << 20
local MOST_PATTERNS <const> = 1000

-- A pattern that matches one of these would leave a copy that is no system.
local essential = { "./etc/passwd", "./etc/filesystems", "./etc/objrepos/CuDv", "./usr/lib/objrepos/lpp", "./usr/bin/ksh",
  "./usr/sbin/bosboot", "./unix", "./sbin/rc.boot" }

local function fail(resource, code, text)
  err.raise { code = code, status = 3, message = ("%s %s (%s): %s"):format(resource.kind, resource.name, resource.location, text) }
end

--- Text of a resource's file, from the master or the engine host.
local function read(m, resource)
  local text, message, code
  if resource.host == "local" then
    local st = sys.stat(resource.location)
    if st and st.size > LARGEST then fail(resource, "TOO_LARGE", "larger than 1 MB") end
    text, message, code = sys.read_file(resource.location)
  else
    text, message, code = m.master.session:get(resource.location, LARGEST)
  end
  if not text then fail(resource, code or "RESOURCE", message or "cannot be read") end
  return text
end

--- Patterns of an exclude list, as grep takes them. Raises for what would leave more out than meant.
local function patterns(resource, text)
  if text == "" then fail(resource, "EXCLUDE_FILES", "the list is empty") end
  if text:sub(-1) ~= "\n" then fail(resource, "EXCLUDE_FILES", "the last line does not end: the file is truncated") end
  local list = {}
  for line in text:gmatch("(.-)\n") do
    local function refuse(why) fail(resource, "EXCLUDE_FILES", ("line %d: %s"):format(#list + 1, why)) end
    if line:match("^%s*$") then refuse("an empty pattern matches every file") end
    if line:find("[%z\1-\8\10-\31\127]") then refuse("holds bytes that are no text") end
    if #line > 1024 then refuse("longer than 1024 bytes") end
    if #list == MOST_PATTERNS then refuse(("more than %d patterns"):format(MOST_PATTERNS)) end
    list[#list + 1] = line
  end
  return list
end

-- grep of the client says what the patterns mean; it is the one alt_disk_copy will use.
local function try_patterns(m, resource, list)
  for i, pattern in ipairs(list) do
    local result = m.client:run({ "grep", "-e", pattern }, { stdin = table.concat(essential, "\n") .. "\n" })
    if result.status == 0 then
      fail(resource, "EXCLUDE_FILES", ("line %d: '%s' leaves out %s, without which the copy is no system"):format(i, pattern,
        result.stdout:match("[^\n]+") or "?"))
    elseif result.status ~= 1 then
      fail(resource, "EXCLUDE_FILES", ("line %d: grep does not take '%s': %s"):format(i, pattern, result.stderr:match("[^\n]*")))
    end
  end
end

local checkers = {}

function checkers.exclude_files(m, resource, text)
  local list = patterns(resource, text)
  try_patterns(m, resource, list)
  return list
end

local function stanzas(reader)
  return function(_, resource, text)
    local doc, message, code = imagedata.parse(text, resource.location)
    local said
    if doc then said, message, code = reader(doc) end
    if not said then fail(resource, code, message) end
    return said
  end
end
checkers.image_data = stanzas(imagedata.image)
checkers.bosinst_data = stanzas(imagedata.bosinst)

--- Reads and checks a resource; returns its text and what it says. Raises with status 3.
---@param kind "exclude_files"|"image_data"|"bosinst_data"
function resources.read_resource(m, kind)
  local resource = m[kind]
  local text = read(m, resource)
  return text, checkers[kind](m, resource, text)
end

--- The kinds of these resources that the command line names.
function resources.named_resources(m)
  local list = {}
  for _, kind in ipairs(kinds) do
    if m[kind] then list[#list + 1] = kind end
  end
  return list
end

-- Puts a resource's file on the client, where alt_disk_copy reads it. What was checked is what is
-- put: a file changed since preflight is checked again.
resources.steps.provide_resource = {
  until_phase = 11,
  run = function(m, _, kind)
    local path = footprint.resource(m.name, kind)
    local text = m:read_resource(kind)
    err.check(m.client.session:put(text, path, { mode = mode.PRIVATE_FILE }))
    return { path = path, sha256 = sys.sha256(text) }
  end,
  -- A resource that was corrected since then is put there again.
  holds = function(m, result, kind)
    local text = m.client.session:get(result.path, LARGEST)
    return text ~= nil and sys.sha256(text) == result.sha256 and sys.sha256((m:read_resource(kind))) == result.sha256
  end,
}

--- Takes the files of all kinds away again.
function resources.remove_resources(m)
  for _, kind in ipairs(kinds) do
    m.client:must { "rm", "-f", footprint.resource(m.name, kind) }
  end
end

-- -o: the copy gets the file as /bosinst.data, where BOS looks for it.
resources.steps.write_bosinst_data = {
  run = function(m)
    local text = m:read_resource("bosinst_data")
    err.check(m.alt:write("/bosinst.data", text, { mode = mode.FILE, uid = 0, gid = 0 }))
    m:report_entry { file = "/bosinst.data", severity = "note", method = "resource", chosen = "N",
      rule = ("is the bosinst_data resource %s; it stays on the migrated system"):format(m.bosinst_data.name) }
    return { sha256 = sys.sha256(text) }
  end,
}

function resources.keep_bosinst_data(m)
  if m.bosinst_data then m:write_bosinst_data() end
end

return resources
