#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/nim
-- part: master
-- nim -o Operation: define -t Type -a server=master -a location=Path Name (resources that are one file) and remove Name;
-- update -a packages=Names -a source=Directory of an lpp_source; cust -a lpp_source=Name -a filesets=Names of a SPOT;
-- check of either.

local getopt = require "lab.getopt"
local instapply = require "lab.instapply"
local instplan = require "lab.instplan"
local lpar = require "lpar"
local modes = require "altmig.mode"
local odm = require "lab.odm"
local odmcmd = require "lab.odmcmd"
local swvpd = require "lab.swvpd"
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

-- A resource of a type; where it is.
local function location_of(wanted, type_name)
  local object = store:first("nim_object", "name = '" .. wanted .. "'")
  if not object then fail('0042-053 there is no NIM object named "%s"', wanted) end
  if object.type ~= type_name then fail('0042-058 "%s" is not of type %s', wanted, type_name) end
  return assert(store:first("nim_attr", "id = '" .. object.id .. "' AND attribute = 'location'")).value
end

local function words_of(text)
  local list = {}
  for word in (text or ""):gmatch("%S+") do list[#list + 1] = word end
  return list
end

local function read(path) return assert(sys.read_file(path)) end

-- The images of a directory that hold one of these filesets or packages.
local function images_of(dir, wanted)
  local below = dir .. "/installp/ppc"
  local items = instplan.media(sys.stat(below) and below or dir) or {}
  local found, missing, all = {}, {}, {}
  for _, word in ipairs(wanted) do
    local any = false
    for _, item in ipairs(items) do
      if word == "all" or item.name == word or item.package == word or item.package:sub(1, #word + 1) == word .. "." then
        any = true
        if not found[item.image] then all[#all + 1] = item.image end
        found[item.image] = true
      end
    end
    if not any then missing[#missing + 1] = word end
  end
  return all, missing
end

function operations.update()
  local location = location_of(name, "lpp_source")
  local source = need(attributes.source, '0042-023 m_update: the attribute "source" is required')
  local images, missing = images_of(source, words_of(need(attributes.packages, '0042-023 m_update: the attribute "packages" is required')))
  if #missing > 0 then fail("0042-175 c_copy: %s is not on %s", table.concat(missing, " "), source) end
  for _, image in ipairs(images) do
    assert(sys.write_file(location .. "/installp/ppc/" .. image:match("[^/]*$"), read(image), { mode = modes.FILE }))
  end
end

-- Installs in the SPOT, which is a system of its own to installp. The images come along for the time of it.
function operations.cust()
  local root = location_of(name, "spot"):gsub("/usr$", "")
  local source = location_of(need(attributes.lpp_source, '0042-023 m_cust: the attribute "lpp_source" is required'), "lpp_source")
  local filesets = words_of(need(attributes.filesets, '0042-023 m_cust: the attribute "filesets" is required'))
  local images, missing = images_of(source, filesets)
  if #missing > 0 then fail("0042-175 c_installp: %s is not in the lpp_source", table.concat(missing, " ")) end
  local work = "/tmp/cust"
  assert(sys.makedirs(root .. work, modes.DIR))
  for _, image in ipairs(images) do assert(sys.write_file(root .. work .. "/" .. image:match("[^/]*$"), read(image))) end
  assert(lpar.chroot(root))
  local db = swvpd.open()
  local levels, selection = {}, {}
  for fileset, row in pairs(assert(db:filesets())) do levels[fileset] = row.level end
  db:close()
  for i, fileset in ipairs(filesets) do selection[i] = { name = fileset } end
  local plan = instplan.plan(assert(instplan.media(work)), selection, levels,
    { force = (attributes.installp_flags or ""):find("F", 1, true) ~= nil })
  local broken = {}
  if #plan.install > 0 then instapply.image(plan.install, print, broken) end
  for _, image in ipairs(images) do sys.remove(work .. "/" .. image:match("[^/]*$")) end
  sys.remove(work)
  sys.remove "/tmp"
  if #plan.failed > 0 or next(broken) then fail("0042-175 c_installp: an unexpected result was returned by installp") end
end

function operations.check() end

if not operations[options.o] then usage("The operation " .. options.o .. " is not in the lab.") end
operations[options.o]()
