-- SPDX-License-Identifier: MIT
-- The installp_bundle of flag -b: more to install in phase 6 than the client has. Its name is that of a resource of
-- nim.lua, or of the master's NIM database, which says where its file is; with a slash in it, it is a file of the
-- engine host.

local aix = require "altmig.aix.output"
local bundles = require "altmig.aix.bundle"
local err = require "altmig.err"
local plan = require "altmig.aix.plan"
local sys = require "altmig.sys"

---@class altmig.Migration
local bundle = {}

---@class altmig.run.Bundle
---@field name string
---@field location string     # "/export/site.bnd on nim01"
---@field text string
---@field lines altmig.bundle.Line[]

local CODE <const> = "INSTALLP_BUNDLE"

local function fail(word, host, text, remedy)
  err.raise { code = CODE, status = 3, host = host, message = ("installp_bundle %s: %s"):format(word, text),
    remedy = remedy or ("correct it, or leave -b %s out"):format(word) }
end

-- Where the NIM database of the master has its file.
local function of_nim(m, word)
  local argv = { "lsnim", "-l", word }
  local result = m.master:run(argv)
  local object = result.status == 0 and aix.lsnim_l(result.stdout) or {}
  local said = (result.stderr .. result.stdout):match("[^\n]*")
  if not object.location then
    fail(word, m.master.name, ("nim.lua has no such resource, and lsnim -l %s on %s names no location%s"):format(word, m.master.name,
      result.status ~= 0 and said ~= "" and ": " .. said or ""),
      ("on %s: lsnim -t installp_bundle lists them; a file of the engine host is named with a slash: ./%s"):format(m.master.name, word))
  end
  if object.type ~= "installp_bundle" then
    fail(word, m.master.name, ("it is of type %s, not installp_bundle"):format(tostring(object.type)),
      ("on %s: lsnim -t installp_bundle lists them"):format(m.master.name))
  end
  if object.location:sub(1, 1) ~= "/" then fail(word, m.master.name, ("its location is %q"):format(object.location)) end
  return object.location
end

local function of_engine_host(word, path)
  local st, message = sys.stat(path)
  if not st or st.type ~= "file" then fail(word, "engine host", message or path .. " is no file") end
  if st.size > bundles.max then fail(word, "engine host", "it is larger than 1 MB") end
  local text, why = sys.read_file(path, bundles.max)
  return text or fail(word, "engine host", why), path
end

local function of_master(m, word, path)
  local text, message = m.master.session:get(path, bundles.max)
  return text or fail(word, m.master.name, message), ("%s on %s"):format(path, m.master.name)
end

local function read(m, word)
  if word:find("/", 1, true) then return of_engine_host(word, word) end
  local resource = m.nim:has("installp_bundle", word) and m.nim:resource("installp_bundle", word)
  if resource and resource.host == "local" then return of_engine_host(word, resource.location) end
  return of_master(m, word, resource and resource.location or of_nim(m, word))
end

--- The bundle of -b, read once; nil without one. Raises with status 3 where it cannot be read, or has wrong lines.
---@return altmig.run.Bundle?
function bundle.installp_bundle(m)
  local word = m.opts.installp_bundle
  if not word then return nil end
  local known = m.bundle_read
  if not known then
    local text, location = read(m, word)
    local ok, lines = xpcall(plan.bundle, err.wrap, text, word)
    if not ok then
      if lines.code ~= "BUNDLE" then error(lines, 0) end
      err.raise { code = CODE, status = 3, message = lines.message, remedy = ("correct %s, then run it again"):format(location) }
    end
    known = { name = word, location = location, text = text, lines = lines }
    m.bundle_read = known
  end
  return known
end

--- Whether an error is one of the bundle.
---@param e altmig.Error
---@return boolean
function bundle.is_of_bundle(e) return e.code == CODE end

--- The files that the bundle's lines of a kind mean, of those in a directory of the lpp_source, in the order of the
--- lines, each once.
---@param kind "rpm"|"ifix"
---@param files string[]
---@return string[] files, string[] missing   names that none of them is for
function bundle.bundle_files(m, kind, files)
  local asked, list, missing, seen = m:installp_bundle(), {}, {}, {}
  for _, one in ipairs(asked and asked.lines or {}) do
    local file = one.kind == kind and bundles.find(one, files)
    if file and not seen[file] then
      list[#list + 1], seen[file] = file, true
    elseif one.kind == kind and not file then
      missing[#missing + 1] = one.name
    end
  end
  return list, missing
end

return bundle
