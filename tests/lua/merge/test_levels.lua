-- SPDX-License-Identifier: MIT
-- The merges between every two releases that the lab has tables of, over the files that these ship: what nobody edited
-- is the new level's, what the site edited is found again or told, what is new is there, and a second time changes
-- nothing. A release that is added to scripts/lab/images is tried without a word here.

local lu = require "luaunit"
local case = require "merge_case"
local core = require "altmig.merge_core"
local levels = require "altmig.merge.levels"
local merge = require "altmig.merge"
local resource = require "altmig.resource"
local sys = require "altmig.sys"

table.insert(package.searchers, 2, function(name)
  local short = name:match("^lab%.([%w_]+)$")
  local text, origin = resource.read("scripts/lab/lib/" .. (short or "?") .. ".lua")
  return text and assert(load(text, origin, "t"))
end)

local release = require "lab.release"

TestMergeLevels = {}

local t, dir

function TestMergeLevels:setUp() t, dir = case.open() end
function TestMergeLevels:tearDown() case.close(t, dir) end

-- The last level of every release, and its files.
local function releases()
  local list, by_version = {}, {}
  for _, level in ipairs(release.levels()) do
    if not by_version[level.version] then list[#list + 1] = level.version end
    by_version[level.version] = level
  end
  for i, version in ipairs(list) do list[i] = { version = version, files = release.files(by_version[version]) } end
  return list
end

local function each_pair(fn)
  local list = releases()
  lu.assertTrue(#list >= 3)
  for i = 1, #list do
    for k = i + 1, #list do fn(list[i], list[k]) end
  end
end

local function text_of(files, path) return files[path] and files[path].type == "file" and files[path].data or nil end

local text_methods = {}
for _, method in ipairs(merge.methods) do
  if method.kind == "text" or method.kind == "sysck" then text_methods[#text_methods + 1] = method end
end

-- What a site made of a shipped text: `edit(text, path)`; nil for a file it left alone.
local function run(old, new, edit)
  local site, said = {}, {}
  local function c(path)
    if site[path] == nil then
      local shipped = text_of(old.files, path)
      site[path] = shipped and edit(shipped, path) or shipped or false
    end
    return site[path] or nil
  end
  local function n(path) return text_of(new.files, path) end
  local stat = { mode = 420, uid = sys.getuid(), gid = sys.getuid() }
  local ctx = { tree = t, source = old.version, target = new.version, saved = c, shipped_new = n,
    shipped_old = function(path) return text_of(old.files, path) end, saved_stat = function(path) return c(path) and stat end,
    new_stat = function(path) return n(path) and stat end, report = function(d) said[#said + 1] = d end }
  local out = {}
  for _, method in ipairs(text_methods) do
    for _, path in ipairs(method.files) do
      if n(path) and not t:exists(path) then case.put(t, path, n(path)) end
    end
  end
  for round = 1, 2 do
    for _, method in ipairs(text_methods) do
      local result = assert(merge.run(method, ctx))
      lu.assertNotEquals(result.status, "unparsable", method.title)
      for _, path in ipairs(method.files) do
        local text = t:read(path)
        if round == 2 then lu.assertEquals(text, out[path], path .. " a second time") end
        out[path] = text
      end
    end
    if round == 1 then -- the result as what was saved: nothing changes any more
      for path, text in pairs(out) do
        if site[path] ~= nil then site[path] = text or false end
      end
    end
  end
  return out, said, c
end

local function told(said, path, key, attribute)
  for _, d in ipairs(said) do
    local same_key, same_attribute = not key or d.key == key or d.key == nil, not attribute or not d.attribute or d.attribute == attribute
    if d.file == path and same_key and same_attribute then return true end
  end
  return false
end

local stanza_file = {}
for path in ([[/etc/security/login.cfg /etc/security/user /etc/security/limits /etc/security/environ /etc/security/pwdalg.cfg
  /etc/security/audit/config /etc/security/audit/objects /etc/security/audit/events /etc/security/roles /etc/security/privcmds
  /etc/security/privdevs /etc/security/sysck.cfg /etc/secvars.cfg /etc/nscontrol.conf /etc/methods.cfg /etc/security/smitacl.user
  /etc/security/smitacl.group /etc/security/mkuser.default /etc/security/group /etc/security/passwd /etc/security/user.roles
  /etc/security/authorizations]]):gmatch("%S+") do stanza_file[path] = true end

local function by_key(text, path)
  local map = {}
  for _, record in ipairs(assert(core.parse(text or "", path))) do map[record.key] = record.attributes end
  return map
end

-- Lines that are no comment, as a set of words.
local function facts(text)
  local set = {}
  for line in (text or ""):gmatch("[^\n]+") do
    if not line:match("^%s*[#*:]") then set[(line:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", ""))] = true end
  end
  return set
end

function TestMergeLevels:test_what_nobody_edited_is_the_new_levels()
  each_pair(function(old, new)
    self:tearDown()
    self:setUp()
    local out, said = run(old, new, function() return nil end)
    for path, text in pairs(out) do
      local n, o = text_of(new.files, path), text_of(old.files, path)
      if n and text ~= n then
        -- Nothing of the new level is missing; what is there besides was kept on purpose, and is told.
        local where = ("%s to %s: %s"):format(old.version, new.version, path)
        local have = facts(text)
        local pair = path:gsub("/security", "")
        for fact in pairs(facts(n)) do lu.assertTrue(have[fact] or told(said, path) or told(said, pair), where .. ": " .. fact) end
        -- An account that stays is told once, where its name is.
        lu.assertTrue(told(said, path) or told(said, pair), where)
        lu.assertNotNil(o, where)
      end
    end
  end)
end

-- Every stanza with another value, one that is added, one that is taken away; of other files a line that is added.
local function edits(text, path)
  local lines, stanza, last = {}, nil, nil
  for line in text:gmatch("([^\n]*)\n") do
    if stanza_file[path] and line:match("^[^%s*#].*:%s*$") then stanza, last = line:match("^(.-):"), nil end
    local lead, name, value = line:match("^(%s+)([%w_]+)%s*=%s*(.-)%s*$")
    if stanza_file[path] and stanza and name and not last and value ~= "" and not value:match("[\",/]") and name ~= "id" then
      line, last = ("%s%s = %s1"):format(lead, name, value), name
    end
    lines[#lines + 1] = line
  end
  local added = { ["/etc/inittab"] = "acme:2:once:/opt/acme/start", ["/etc/environment"] = "ACME=1", ["/etc/vfs"] = "acmefs 40 none none",
    ["/etc/inetd.conf"] = "acme stream tcp nowait root /opt/acme/d d", ["/etc/rc.tcpip"] = 'start /opt/acme/d "$src_running"',
    ["/etc/passwd"] = "acme:!:1234:1::/home/acme:/usr/bin/ksh", ["/etc/group"] = "acme:!:1234:acme",
    ["/etc/pse.conf"] = "d acmepse - /dev/acmepse", ["/etc/xtiso.conf"] = "d+ xtiso acme /dev/xti/acme" }
  if stanza_file[path] then
    lines[#lines + 1] = "\nacme:\n\tsite = yes"
  elseif added[path] then
    lines[#lines + 1] = added[path]
  end
  return table.concat(lines, "\n") .. "\n"
end

local function check_edits(old, new)
  local out, said = run(old, new, edits)
  for path, text in pairs(out) do
    local o, n = text_of(old.files, path), text_of(new.files, path)
    local c = o and edits(o, path)
    local where = ("%s to %s: %s"):format(old.version, new.version, path)
    if c and stanza_file[path] then
      local was, site, is, shipped = by_key(o, path), by_key(c, path), by_key(text, path), by_key(n, path)
      for key, attributes in pairs(site) do
        for name, value in pairs(attributes) do
          local edited = not was[key] or was[key][name] ~= value
          lu.assertTrue(not edited or (is[key] and is[key][name] == value) or told(said, path, key, name),
            ("%s: %s %s = %s is lost"):format(where, key, name, value))
        end
      end
      for key, attributes in pairs(shipped) do
        lu.assertTrue(is[key] ~= nil or told(said, path, key), ("%s: %s is missing"):format(where, key))
        for name in pairs(is[key] and attributes or {}) do
          lu.assertTrue(is[key][name] ~= nil or told(said, path, key, name), ("%s: %s %s is missing"):format(where, key, name))
        end
      end
    elseif c then
      local was, have, shipped = facts(o), facts(text), facts(n)
      for fact in pairs(facts(c)) do lu.assertTrue(was[fact] or have[fact], ("%s: %s is lost"):format(where, fact)) end
      for fact in pairs(shipped) do
        lu.assertTrue(have[fact] or told(said, path), ("%s: %s is missing"):format(where, fact))
      end
    end
  end
  return out
end

function TestMergeLevels:test_every_edit_is_found_again_and_every_new_record_is_there()
  each_pair(function(old, new)
    self:tearDown()
    self:setUp()
    check_edits(old, new)
  end)
end

-- Passwords of every algorithm that the old level has, and of none: not one is changed, and each has its algorithm.
function TestMergeLevels:test_passwords_of_old_algorithms_stay_valid()
  each_pair(function(old, new)
    self:tearDown()
    self:setUp()
    local hashes, accounts = { "AbCdEfGhIjKlM" }, {}
    for key in pairs(by_key(text_of(old.files, "/etc/security/pwdalg.cfg"), "x")) do
      hashes[#hashes + 1] = ("{%s}06$salt$hash"):format(key)
    end
    local out = run(old, new, function(text, path)
      if path ~= "/etc/passwd" and path ~= "/etc/security/passwd" then return nil end
      for i, hash in ipairs(hashes) do
        text = text .. (path == "/etc/passwd" and ("u%d:!:%d:1::/:/usr/bin/ksh\n"):format(i, 5000 + i)
          or ("\nu%d:\n\tpassword = %s\n\tlastupdate = 1\n"):format(i, hash))
        accounts["u" .. i] = hash
      end
      return text
    end)
    lu.assertTrue(#hashes > 1)
    local known, is = by_key(out["/etc/security/pwdalg.cfg"], "x"), by_key(out["/etc/security/passwd"], "x")
    for name, hash in pairs(accounts) do
      lu.assertEquals(is[name].password, hash)
      local algorithm = hash:match("^{(.-)}")
      lu.assertTrue(not algorithm or known[algorithm] ~= nil, ("%s to %s: %s"):format(old.version, new.version, tostring(algorithm)))
    end
    local usw = by_key(out["/etc/security/login.cfg"], "x").usw
    lu.assertEquals(usw.pwd_algorithm, by_key(text_of(old.files, "/etc/security/login.cfg"), "x").usw.pwd_algorithm)
  end)
end

function TestMergeLevels:test_rows_of_the_tables_of_levels()
  local sources = { documented = true, seen = true, digest = true, ours = true }
  for _, list in ipairs { levels.words, levels.defaults, levels.tunables } do
    for _, row in ipairs(list) do
      lu.assertTrue(sources[row.source] == true, tostring(row.source))
      lu.assertNotNil(levels.number(row.from))
    end
  end
  for stanza, names in pairs(levels.restricted) do
    for name in pairs(names) do
      for _, row in ipairs(levels.tunables) do
        lu.assertTrue(row.names[stanza] == nil or not row.names[stanza][name], stanza .. " " .. name .. " is in both lists")
      end
    end
  end
end
