-- SPDX-License-Identifier: MIT
-- What a migration decided, for the administrator: one entry for each decision of a merge and for
-- whatever else a step has to tell. Kept in <state>/<client>/report.json, which is written again and
-- atomically before a step is recorded as done.
--
-- An entry belongs to the step that made it. A step that is run again (after a failure, a kill, by
-- hand) begins with none of its own, so that a resumed run has no entry twice and loses none of those
-- made before.

local err = require "altmig.err"
local json = require "altmig.json"
local mode = require "altmig.mode"
local sys = require "altmig.sys"

local report = {}

---@alias altmig.report.Group "kept"|"new"|"conflict"|"values"|"todo"

---@class altmig.report.Entry
---@field rule string         # why, or what happened
---@field severity "note"|"warning"|"conflict"|"todo"|"error"|nil   # default "note"
---@field group altmig.report.Group?   # default: report.group_of
---@field method string?      # title of the merge method, or what reported it
---@field file string?
---@field key string?
---@field attribute string?
---@field o string?           # values of the old level, the site and the new level; never secrets
---@field c string?
---@field n string?
---@field chosen string?      # "C", "N", "merged" or "none"
---@field step string?        # filled in: the step that made it
---@field phase integer?      # filled in

local fields = { "rule", "severity", "group", "method", "file", "key", "attribute", "o", "c", "n", "chosen" }
local severities = { note = true, warning = true, conflict = true, todo = true, error = true }

--- The groups in the order they are shown.
report.groups = {
  { name = "kept", title = "Kept from you" },
  { name = "new", title = "New from the release" },
  { name = "conflict", title = "Conflicts" },
  { name = "values", title = "Values that change by themselves" },
  { name = "todo", title = "To do by hand" },
}
local known_groups = {}
for _, group in ipairs(report.groups) do known_groups[group.name] = true end

--- No value or rule is longer.
report.longest = 1024

-- Secrets -----------------------------------------------------------------------------------------

--- Attributes whose values are never shown. The merges mask them already; this is the last net.
report.secret_attributes = {}
for name in ([[password spassword passwd bindpwd bindpw ldapsslkeypwd sslkeypwd keypwd passphrase secret auth_secret
  community privpasswd authpasswd]]):gmatch("%S+") do report.secret_attributes[name] = true end

--- Files with one secret a line or record: no value of theirs is shown.
report.secret_files = {}
for path in ([[/etc/security/pwdhist.dir /etc/security/pwdhist.pag /etc/krb5/krb5.keytab /etc/uucp/Systems
  /etc/ppp/pap-secrets /etc/ppp/chap-secrets]]):gmatch("%S+") do report.secret_files[path] = true end

-- Attributes of password rules, which have the word in their names and no secret in their values.
local no_secret = { passwordcheck = true, pwdprompt = true, herald = true }

--- Whether the values of this attribute may not be shown.
---@param name string?
---@return boolean
function report.is_secret(name)
  if not name then return false end
  name = name:lower():match("^%s*(.-)%s*$")
  if report.secret_attributes[name] then return true end
  return not no_secret[name] and (name:find("passw", 1, true) or name:find("pwd$")) ~= nil
end

--- A text without what looks like a secret inside it: hashes, private keys, and NAME=VALUE of a password.
---@param text string
---@param word (fun(secret: string): string)?   # what stands in its place; default "<secret>"
---@return string
function report.mask(text, word)
  word = word or function() return "<secret>" end
  local function named(name, value)
    return report.is_secret(name:match("^(.-)%s*=")) and name .. word(value) or nil
  end
  -- The end of a key may be cut off. A name is tried where it begins, so that long text costs no more than its length.
  text = text:gsub("%-%-%-%-%-BEGIN [%u ]*PRIVATE KEY%-%-%-%-%-.-%-%-%-%-%-END [%u ]*PRIVATE KEY%-%-%-%-%-", word)
  text = text:gsub("%-%-%-%-%-BEGIN [%u ]*PRIVATE KEY%-%-%-%-%-.*", word)
  text = text:gsub("%f[%w_%-]([%w_%-]*[Pp][Aa][Ss][Ss][Ww][%w_%-]*%s*=%s*)([^%s,;:\"'<]+)", named)
  text = text:gsub("%f[%w_%-]([%w_%-]*[Pp][Ww][Dd]%s*=%s*)([^%s,;:\"'<]+)", named)
  text = text:gsub("{%w+}[%w%./%+=%$]+", word) -- {ssha256}06$...
  return (text:gsub("%$[%w%-]+%$[%w%./%+=%$]+", word)) -- $6$...
end

--- A value of an entry as it may be shown.
---@param entry { file: string?, key: string?, attribute: string? }
---@param value string?
---@return string?
function report.safe_value(entry, value)
  if value == nil then return nil end
  if report.is_secret(entry.attribute) or report.secret_files[entry.file or ""]
    or (not entry.attribute and report.is_secret(entry.key)) then
    return "<secret>"
  end
  return report.mask(value)
end

-- Entries -----------------------------------------------------------------------------------------

--- Where an entry is shown.
---@param entry altmig.report.Entry
---@return altmig.report.Group
function report.group_of(entry)
  if entry.group then return entry.group end
  if entry.severity == "conflict" then return "conflict" end
  if entry.severity and entry.severity ~= "note" then return "todo" end
  -- What the site removed and stays removed is the site's as well.
  if entry.chosen == "none" then return entry.rule:find("by the site: stays", 1, true) and "kept" or "new" end
  return entry.chosen == "N" and "new" or "kept"
end

local function shortened(value)
  return #value > report.longest and value:sub(1, report.longest) .. "..." or value
end

-- A copy with known fields only, all of them texts.
local function cleaned(entry)
  if type(entry) ~= "table" or type(entry.rule) ~= "string" then error("report_entry: an entry is a table with a rule", 3) end
  local copy = {}
  for _, name in ipairs(fields) do
    if entry[name] ~= nil then copy[name] = shortened(tostring(entry[name])) end
  end
  copy.severity = copy.severity or "note"
  if not severities[copy.severity] then error(("report_entry: severity '%s'"):format(copy.severity), 3) end
  if copy.group and not known_groups[copy.group] then error(("report_entry: group '%s'"):format(copy.group), 3) end
  for _, name in ipairs { "o", "c", "n" } do copy[name] = report.safe_value(copy, copy[name]) end
  for _, name in ipairs { "key", "rule" } do copy[name] = copy[name] and report.mask(copy[name]) end
  return copy
end

---@class altmig.Report
---@field path string?   # nil: in memory only
---@field head table     # client, run, started, levels, ...
---@field entries altmig.report.Entry[]
---@field dirty boolean
local Report = {}
Report.__index = Report

--- A report without entries. path: where save puts it.
---@param path string?
---@param head table?
---@return altmig.Report
function report.new(path, head)
  return setmetatable({ path = path, head = head or {}, entries = {}, dirty = false }, Report)
end

--- Reads a report. Raises ENOENT when there is none, REPORT_DAMAGED when it is none.
---@param path string
---@return altmig.Report
function report.load(path)
  local value, message = json.decode(err.check(sys.read_file(path)))
  if type(value) ~= "table" or type(value.head) ~= "table" or type(value.entries) ~= "table" then
    err.raise { code = "REPORT_DAMAGED", message = ("report: %s: %s"):format(path, message or "not a report") }
  end
  local self = report.new(path, value.head)
  for _, entry in ipairs(value.entries) do
    if type(entry) == "table" and type(entry.rule) == "string" then self.entries[#self.entries + 1] = entry end
  end
  return self
end

--- Forgets what a step has told before: it begins again.
---@param step string
function Report:begin(step)
  local kept = {}
  for _, entry in ipairs(self.entries) do
    if entry.step ~= step then kept[#kept + 1] = entry end
  end
  self.dirty = self.dirty or #kept ~= #self.entries
  self.entries = kept
end

---@param entry altmig.report.Entry
---@param step string?
---@param phase integer?
function Report:add(entry, step, phase)
  local copy = cleaned(entry)
  copy.step, copy.phase = step, phase
  self.entries[#self.entries + 1] = copy
  self.dirty = true
end

--- Facts of the whole run.
---@param more table
function Report:tell(more)
  for name, value in pairs(more) do self.head[name] = value end
  self.dirty = true
end

--- The report as a plain table, with the counts of its groups.
---@return table
function Report:document()
  local count = {}
  for _, group in ipairs(report.groups) do count[group.name] = 0 end
  local entries = json.array {}
  for i, entry in ipairs(self.entries) do
    local copy = {}
    for name, value in pairs(entry) do copy[name] = value end
    copy.group = report.group_of(entry)
    count[copy.group] = count[copy.group] + 1
    entries[i] = copy
  end
  return { version = 1, head = self.head, count = count, entries = entries }
end

--- How many entries each group has.
---@return table<altmig.report.Group, integer>
function Report:count() return self:document().count end

--- Writes the report if there is something new in it.
function Report:save()
  if not self.dirty or not self.path then return end
  err.check(sys.write_file(self.path, json.encode(self:document(), { lossy = true, sort = true }) .. "\n",
    { mode = mode.PRIVATE_FILE, atomic = true }))
  self.dirty = false
end

-- The report of the migration that m is -------------------------------------------------------------

--- Opens the report of m's run; one of an earlier run is begun again.
---@param m altmig.Migration
---@return altmig.Report
function report.open(m)
  if m.opts.no_log then return report.new(nil) end
  local path = m.state .. "/report.json"
  local run = m.record and m.record.start and m.record.start.run
  local ok, found = xpcall(report.load, err.wrap, path)
  if ok and (not run or found.head.run == run) then return found end
  local new = report.new(path, { client = m.name, run = run })
  if not ok and found.code == "REPORT_DAMAGED" then
    err.check(sys.rename(path, path .. ".bad"))
    new:add { severity = "warning", rule = found.message .. ": kept as report.json.bad, begun again" }
  end
  return new
end

return report
