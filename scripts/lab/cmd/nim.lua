#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/nim
-- part: master
-- nim -o define -t Type -a server=master -a location=Path Name: resources that are one file; nim -o remove Name.

local getopt = require "lab.getopt"
local odm = require "lab.odm"
local odmcmd = require "lab.odmcmd"
local sys = require "altmig.sys"

local usage = odmcmd.usage("nim", "nim -o Operation [-F] [-t Type] [-a Attribute=Value ...] Object ...")
local options, names = getopt(arg, "a:+Fo:t:", usage)
if not options.o or #names ~= 1 then usage() end
local name = names[1]

-- Errors nest.
local function fail(text, ...)
  io.stderr:write('0042-001 nim: processing error encountered on "master":\n   ', text:format(...), "\n")
  os.exit(1, true)
end

local attributes = {}
for _, word in ipairs(options.a or {}) do
  local key, value = word:match("^([%w_]+)=(.*)$")
  if not key then usage("An attribute is Attribute=Value") end
  attributes[key] = value
end

local store <close> = odm.open("/etc/objrepos")

local function need(value, message) return value or fail("%s", message) end

local operations = {}

local of_one_file = { installp_bundle = true, script = true, exclude_files = true, image_data = true, bosinst_data = true }

function operations.define()
  if not of_one_file[options.t or ""] then usage("Resources of type " .. tostring(options.t) .. " are not defined in the lab.") end
  local location = need(attributes.location, '0042-023 m_mkres: the attribute "location" is required')
  need(attributes.server == "master", '0042-023 m_mkres: the attribute "server" is required')
  if not sys.stat(location) then fail("0042-154 c_stat: the file or directory \"%s\" does not exist", location) end
  local last = 0
  for _, object in ipairs(store:get("nim_object") or {}) do
    if object.name == name then fail('0042-081 m_mkres: "%s" already exists', name) end
    last = math.max(last, tonumber(object.id) or 0)
  end
  local id = tostring(last + 1)
  assert(store:add("nim_object", { name = name, class = "resources", type = options.t, id = id }))
  for seqno, pair in ipairs { { "Rstate", "ready for use" }, { "prev_state", "unavailable for use" }, { "location", location },
    { "alloc_count", "0" }, { "server", "master" } } do
    assert(store:add("nim_attr", { id = id, attribute = pair[1], value = pair[2], seqno = seqno }))
  end
  assert(store:commit())
end

function operations.remove()
  local object = store:first("nim_object", "name = '" .. name .. "'")
  if not object then fail('0042-053 there is no NIM object named "%s"', name) end
  store:delete("nim_attr", "id = '" .. object.id .. "'")
  store:delete("nim_object", "name = '" .. name .. "'")
  assert(store:commit())
end

if not operations[options.o] then usage("The operation " .. options.o .. " is not in the lab.") end
operations[options.o]()
