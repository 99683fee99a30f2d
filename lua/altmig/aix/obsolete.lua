-- SPDX-License-Identifier: MIT
-- Filesets that a release no longer has: which, what takes their place, what a system loses with them. Images say a
-- part of this themselves (supersede lines, the member `namelist` of a control library; altmig.aix.plan reads both);
-- the rest is documented in release notes only, and is the table `rules`.
--
-- A rule is for a system that comes from a release below its own to that release or a later one. Of several the one
-- of the latest release counts, and among those the one that names most of the fileset.

local aix = require "altmig.aix.output"
local err = require "altmig.err"

local obsolete = {}

---@class altmig.obsolete.Rule
---@field release string           # the first that no longer has it: "7.3"
---@field fileset string           # a name, or a pattern with * and ?
---@field below string?            # only where the system has it below this level
---@field replaced_by string[]?    # filesets that take its place
---@field brings boolean?          # false: they are installed only where they were asked for
---@field keep boolean?            # it stays on the system as it is; nothing removes it
---@field loses string?            # what a system loses with it: "a sentence without a full stop"
---@field source string            # the document that says so

local NOTES <const> = "IBM's release notes of AIX 7.3, at second hand"
local DRIVER <const> = "IBM, the recommended multipath driver for AIX"
local LOG <const> = "published log of a nimadm migration from 7.1 to 7.2"

-- Drivers of disks stay: the copy boots from such a disk, perhaps, and its devices are made with them.
---@type altmig.obsolete.Rule[]
obsolete.rules = {
  { release = "7.3", fileset = "bos.net.tcp.bind", replaced_by = { "bind.rte" }, brings = false,
    loses = "named: BIND 9.18 of bind.rte is in /usr/sbin/isc_bind", source = NOTES },
  { release = "7.3", fileset = "bos.net.tcp.bind_utils", replaced_by = { "bind.rte" }, brings = false,
    loses = "the tools of BIND, of which dnssec-coverage, dnssec-keymgr and dnssec-checkds are in bind.rte neither",
    source = NOTES },
  { release = "7.3", fileset = "bos.cifs_fs.*", loses = "the CIFS client file system (SMB 1): it is on the Expansion Pack",
    source = NOTES },
  { release = "7.3", fileset = "Java5*", keep = true, loses = "no media has it", source = NOTES },
  { release = "7.3", fileset = "Java6*", keep = true, loses = "no media has it", source = NOTES },
  { release = "7.3", fileset = "Java7*", keep = true, loses = "no media has it", source = NOTES },
  { release = "7.3", fileset = "idsldap.srv*", keep = true, loses = "support: 10.0 takes its place, from 6.4.0.25 on",
    source = NOTES },
  { release = "7.3", fileset = "devices.sdd.*", keep = true, loses = "its disks lose their paths: change to AIX_AAPCM before the "
    .. "migration (manage_disk_drivers)", source = NOTES },
  { release = "7.3", fileset = "devices.sddpcm.*", keep = true, loses = "it is not supported: change to AIX_AAPCM before the "
    .. "migration (manage_disk_drivers)", source = DRIVER },
  { release = "7.3", fileset = "rsct.compat.*.sp", loses = "compatibility of RSCT with PSSP",
    source = NOTES },
  { release = "7.3", fileset = "rsct.compat.*.hacmp", loses = "compatibility of RSCT with old HACMP",
    source = NOTES },
  { release = "7.3", fileset = "rsct.vsd*", loses = "virtual shared disks of RSCT",
    source = NOTES },
  { release = "7.3", fileset = "rsct.lapi.rte", loses = "the low-level application programming interface of RSCT",
    source = NOTES },
  { release = "7.2", fileset = "bos.net.ncs", loses = "the location brokers of the Network Computing System",
    source = LOG },
  { release = "7.2", fileset = "devices.common.IBM.atm.rte", loses = "ATM adapters and their daemons",
    source = LOG },
}

local function is_string(value) return type(value) == "string" and value ~= "" end
local function is_flag(value) return type(value) == "boolean" end
local function is_release(value) return is_string(value) and value:match("^%d+%.%d+$") ~= nil end
local function is_level(value) return is_string(value) and value:match("^%d+%.%d+%.%d+%.%d+$") ~= nil end
local function is_pattern(value) return is_string(value) and value:match("^[%w_.+%-*?]+$") ~= nil end

local function is_names(value)
  if type(value) ~= "table" or #value == 0 then return false end
  for key, name in pairs(value) do
    if math.type(key) ~= "integer" or not is_pattern(name) or name:find("[*?]") then return false end
  end
  return true
end

local fields <const> = { release = is_release, fileset = is_pattern, source = is_string, below = is_level, replaced_by = is_names,
  brings = is_flag, keep = is_flag, loses = is_string }
local needed <const> = { "release", "fileset", "source" }

--- Raises where a rule is not as it must be.
---@param rules altmig.obsolete.Rule[]
function obsolete.check(rules)
  local seen = {}
  for i, rule in ipairs(rules) do
    local function refuse(what) err.raise { code = "OBSOLETE", message = ("obsolete filesets: rule %d (%s): %s"):format(i,
      tostring(rule.fileset), what) } end
    for _, field in ipairs(needed) do
      if rule[field] == nil then refuse(field .. " is missing") end
    end
    for field, value in pairs(rule) do
      if not fields[field] then refuse(("there is no field %s"):format(tostring(field))) end
      if not fields[field](value) then refuse(("%s is %s"):format(field, tostring(value))) end
    end
    if rule.keep and rule.replaced_by then refuse "what is kept is not replaced" end
    local key = rule.release .. " " .. rule.fileset .. " " .. (rule.below or "")
    if seen[key] then refuse(("the same as rule %d"):format(seen[key])) end
    seen[key] = i
  end
end

local function lua_pattern(text)
  return "^" .. text:gsub("[%^%$%(%)%%%.%[%]%+%-]", "%%%0"):gsub("%*", ".*"):gsub("%?", ".") .. "$"
end
obsolete.lua_pattern = lua_pattern

-- How many characters of a rule's fileset are no wildcards; a name is above all patterns.
local function weight(rule)
  local count = #(rule.fileset:gsub("[*?]", ""))
  return count + (count == #rule.fileset and 1000 or 0)
end

---@class altmig.obsolete.Rules
---@field names table<string, altmig.obsolete.Rule[]>
---@field patterns { pattern: string, rule: altmig.obsolete.Rule }[]
local Rules = {}
Rules.__index = Rules

-- The later release first, then what names more, then in the order of the table.
local function rank(list)
  local place = {}
  for i, rule in ipairs(list) do place[rule] = i end
  table.sort(list, function(a, b)
    local order = aix.compare_levels(a.release, b.release)
    if order ~= 0 then return order > 0 end
    if weight(a) ~= weight(b) then return weight(a) > weight(b) end
    return place[a] < place[b]
  end)
end

--- The rules for a system that is brought from a release to a higher one; none where it is not higher.
---@param from string              # "7.2", or a level
---@param to string
---@param rules altmig.obsolete.Rule[]?   # default: those of this file
---@return altmig.obsolete.Rules
function obsolete.between(from, to, rules)
  rules = rules or obsolete.rules
  obsolete.check(rules)
  from, to = from:match("^%d+%.%d+") or from, to:match("^%d+%.%d+") or to
  local list = {}
  for _, rule in ipairs(rules) do
    if aix.compare_levels(from, rule.release) < 0 and aix.compare_levels(rule.release, to) <= 0 then list[#list + 1] = rule end
  end
  rank(list)
  local self = setmetatable({ names = {}, patterns = {} }, Rules)
  for i, rule in ipairs(list) do
    if rule.fileset:find("[*?]") then
      self.patterns[#self.patterns + 1] = { pattern = lua_pattern(rule.fileset), rule = rule, rank = i }
    else
      local of_name = self.names[rule.fileset] or {}
      of_name[#of_name + 1], self.names[rule.fileset] = { rule = rule, rank = i }, of_name
    end
  end
  return self
end

--- The rule for a fileset of the system; nil: none.
---@param name string
---@param level string             # that the system has
---@return altmig.obsolete.Rule?
function Rules:of(name, level)
  local best
  local function look(one)
    local below = one.rule.below
    if (not best or one.rank < best.rank) and (not below or aix.compare_levels(level, below) < 0) then best = one end
  end
  for _, one in ipairs(self.names[name] or {}) do look(one) end
  for _, one in ipairs(self.patterns) do
    if name:find(one.pattern) then look(one) end
  end
  return best and best.rule
end

return obsolete
