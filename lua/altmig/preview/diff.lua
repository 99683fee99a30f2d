-- SPDX-License-Identifier: MIT
-- What changes in a file, hunk by hunk, and why: the output of diff -u with the decisions of the
-- merges that touch each hunk. Secrets are replaced before anything is compared. The program is used because it
-- can be stopped when two files take too long; libgit2 has the same as a library (git_diff_buffers), without such
-- a limit, and is a large dependency for a preview.

local err = require "altmig.err"
local escape = require "altmig.escape"
local lines = require "altmig.lines"
local mode = require "altmig.mode"
local report = require "altmig.report"
local scratch = require "altmig.run.scratch"
local sys = require "altmig.sys"

local diff = {}

---@class altmig.diff.Hunk
---@field header string        # @@ -1,3 +1,4 @@
---@field lines string[]       # with " ", "-", "+" in front
---@field old integer          # line in the old text
---@field new integer
---@field reasons string[]?

---@class altmig.diff.Result
---@field hunks altmig.diff.Hunk[]
---@field added integer
---@field removed integer
---@field binary string?       # in place of hunks

--- Lines of one file that are shown; the rest is counted.
diff.longest = 400
--- Reasons of one hunk that are shown.
diff.reasons_shown = 8
-- Looking for the decisions of every hunk costs their product: above this it is not done.
local work_max = 4e6
local seconds = 120

-- Secrets -----------------------------------------------------------------------------------------

-- One word for one secret in both texts, so that a change of it still shows.
local function secret_words()
  local words, count = {}, 0
  return function(value)
    if not words[value] then
      count = count + 1
      words[value] = ("<secret %d>"):format(count)
    end
    return words[value]
  end
end

-- No password: locked, none, or "look in the other file".
local open_passwords = { [""] = true, ["!"] = true, ["*"] = true, ["x"] = true }

-- Lines of SNMP configuration that hold community names or keys: all behind their keyword is one.
local snmp_files = { ["/etc/snmpd.conf"] = true, ["/etc/snmpdv3.conf"] = true, ["/etc/clsnmp.conf"] = true }
local snmp_open = { logging = true, smux = true, snmpd = true, sysobjectid = true, syscontact = true, syslocation = true,
  view = true, vacm_view = true, ["snmpd.conf"] = true }

local function snmp_line(line, word)
  local start, keyword, value = line:match("^(%s*)(%S+)%s+(%S.*)$")
  if not keyword or keyword:sub(1, 1) == "#" or snmp_open[keyword:lower()] then return line end
  return start .. keyword .. " " .. word(value)
end

--- A function that replaces the secrets of a text; use one for all texts that are compared.
---@param path string
---@return fun(text: string): string
function diff.masker(path)
  local word = secret_words()
  local function line_of(line)
    local start, name, mark, value = line:match("^(%s*)([%w_%-%.]+)(%s*[=:]%s*)(.-)%s*$")
    if name and report.is_secret(name) then
      return open_passwords[value] and line or start .. name .. mark .. word(value)
    end
    if path == "/etc/passwd" or path == "/etc/group" then
      local account, field, rest = line:match("^([^:]*):([^:]*)(:.*)$")
      if account and not open_passwords[field] then return account .. ":" .. word(field) .. rest end
    end
    if snmp_files[path] then return snmp_line(line, word) end
    return report.mask(line, word)
  end
  return function(text)
    if report.secret_files[path] or text:find("PRIVATE KEY-----", 1, true) then return word(text) .. "\n" end
    return (text:gsub("[^\n]+", line_of))
  end
end

-- Comparing ---------------------------------------------------------------------------------------

local function run_diff(old, new)
  local dir = scratch.directory()
  local ok, result, message, code = pcall(function()
    for name, text in pairs { old = old, new = new } do
      err.check(sys.write_file(dir .. "/" .. name, text, { mode = mode.PRIVATE_FILE, atomic = false }))
    end
    return sys.run({ "diff", "-u", "old", "new" }, { cwd = dir, env = { LC_ALL = "C" }, timeout = seconds })
  end)
  for _, name in ipairs { "old", "new" } do sys.remove(dir .. "/" .. name) end
  sys.rmdir(dir)
  if not ok then error(result, 0) end
  return result, message, code
end

local function parse(text)
  local result, hunk = { hunks = {}, added = 0, removed = 0 }, nil
  for line in text:gmatch("([^\n]*)\n") do
    local old, new = line:match("^@@ %-(%d+),?%d* %+(%d+),?%d* @@")
    if old then
      hunk = { header = line, lines = {}, old = tonumber(old), new = tonumber(new) }
      table.insert(result.hunks, hunk)
    elseif hunk then
      table.insert(hunk.lines, line)
      local sign = line:sub(1, 1)
      if sign == "+" then result.added = result.added + 1 end
      if sign == "-" then result.removed = result.removed + 1 end
    end
  end
  return result
end

-- One hunk that replaces everything: for what diff cannot do in its time.
local function whole(old, new)
  local a, b = lines.split(old), lines.split(new)
  local hunk = { header = ("@@ -1,%d +1,%d @@"):format(#a, #b), lines = {}, old = 1, new = 1 }
  for _, line in ipairs(a) do hunk.lines[#hunk.lines + 1] = "-" .. line end
  for _, line in ipairs(b) do hunk.lines[#hunk.lines + 1] = "+" .. line end
  return { hunks = { hunk }, added = #b, removed = #a }
end

--- Compares two texts whose secrets are masked; nil when they are the same.
---@param old string
---@param new string
---@return altmig.diff.Result?
function diff.compare(old, new)
  if old == new then return nil end
  if old:find("\0", 1, true) or new:find("\0", 1, true) then
    return { hunks = {}, added = 0, removed = 0, binary = ("binary: %d bytes before, %d after"):format(#old, #new) }
  end
  local result, message, code = run_diff(old, new)
  if not result and code == "CANCELLED" then err.check(result, message, code) end
  if not result or result.status ~= 1 then return whole(old, new) end
  return parse(result.stdout)
end

-- Reasons -----------------------------------------------------------------------------------------

-- For each line the text of its record: the stanza (or object) it is in, else the line itself.
local function records_of(text)
  local list = lines.split(text)
  local stanzas = text:find("^%S[^\n]*:%s*\n[ \t]+%S") or text:find("\n%S[^\n]*:%s*\n[ \t]+%S")
  local records, first = {}, nil
  local function close(last)
    if not first then return end
    local whole_text = table.concat(list, "\n", first, last)
    for i = first, last do records[i] = { head = list[first], text = whole_text, first = i == first } end
    first = nil
  end
  for i, line in ipairs(list) do
    if stanzas and line:match("^%S[^\n]*:%s*$") and not line:match("^[#*]") then
      close(i - 1)
      first = i
    elseif not first or line:match("^%s*$") or not line:match("^%s") then
      close(i - 1)
      records[i] = { head = line, text = line, first = true }
    end
  end
  close(#list)
  return records
end

local function words_of(text)
  local words = {}
  for word in text:gmatch("[^%s,]+") do words[#words + 1] = word end
  return words
end

-- Whether a decision is about one of the changed records of a hunk.
local function touches(decision, words, changed)
  if not decision.key then return true end
  for _, record in ipairs(changed) do
    local about = record.stanza == decision.key
    if not about and not record.stanza then
      about = true
      for _, word in ipairs(words) do about = about and record.text:find(word, 1, true) ~= nil end
    end
    if about and (not decision.attribute or record.whole or record.line:find(decision.attribute, 1, true)) then return true end
  end
  return false
end

local function changed_records(hunk, old, new)
  local list, a, b = {}, hunk.old, hunk.new
  -- A side with no lines is numbered by the line before it.
  for _, line in ipairs(hunk.lines) do
    local sign = line:sub(1, 1)
    local record = sign == "-" and old[a] or sign == "+" and new[b] or nil
    if record then
      local name = record.text ~= record.head and record.head:match("^(%S[^\n]*):%s*$") or nil
      list[#list + 1] = { line = line:sub(2), text = record.text, whole = record.first,
        stanza = name and not record.text:find('\n\t[%w_]+ = ["%d]') and name or nil }
    end
    if sign == "-" or sign == " " then a = a + 1 end
    if sign == "+" or sign == " " then b = b + 1 end
  end
  return list
end

local function reason(decision)
  local about = (decision.key or "") .. (decision.attribute and " " .. decision.attribute or "")
  return ("%s%s%s"):format(about ~= "" and about .. ": " or "", decision.rule, decision.method and " [" .. decision.method .. "]" or "")
end

--- Gives every hunk the reasons of the decisions that touch it; `otherwise` where none does.
---@param result altmig.diff.Result
---@param old string
---@param new string
---@param decisions altmig.report.Entry[]   # of this file
---@param otherwise string
function diff.explain(result, old, new, decisions, otherwise)
  if #decisions * (result.added + result.removed) > work_max then
    local text = ("%d decisions; 'altmig report' lists them after the run"):format(#decisions)
    for _, hunk in ipairs(result.hunks) do hunk.reasons = { text } end
    return
  end
  local a, b, words = records_of(old), records_of(new), {}
  for i, decision in ipairs(decisions) do words[i] = words_of(decision.key or "") end
  for _, hunk in ipairs(result.hunks) do
    local changed, seen = changed_records(hunk, a, b), {}
    hunk.reasons = {}
    for i, decision in ipairs(decisions) do
      if touches(decision, words[i], changed) then
        local text = reason(decision)
        if not seen[text] then table.insert(hunk.reasons, text) end
        seen[text] = true
      end
    end
    if #hunk.reasons == 0 then hunk.reasons[1] = otherwise end
  end
end

--- The hunks as lines for a terminal.
---@param result altmig.diff.Result
---@param opts { all: boolean?, brief: boolean?, from: string, to: string }   # brief: the count alone, unless all
---@return string[]
function diff.lines(result, opts)
  local out = { "--- " .. escape.line(opts.from), "+++ " .. escape.line(opts.to) }
  if result.binary then out[#out + 1] = result.binary end
  if opts.brief and not opts.all then
    out[#out + 1] = ("%d lines added, %d removed (-V shows them)"):format(result.added, result.removed)
    return out
  end
  local shown = 0
  for _, hunk in ipairs(result.hunks) do
    out[#out + 1] = hunk.header
    for i, text in ipairs(hunk.reasons or {}) do
      if i > diff.reasons_shown and not opts.all then
        out[#out + 1] = ("# and %d more reasons"):format(#hunk.reasons - diff.reasons_shown)
        break
      end
      out[#out + 1] = "# " .. escape.line(text)
    end
    for i, line in ipairs(hunk.lines) do
      shown = shown + 1
      if shown > diff.longest and not opts.all then
        out[#out + 1] = ("... %d more lines of this hunk, %d changed lines in all"):format(#hunk.lines - i + 1,
          result.added + result.removed)
        return out
      end
      out[#out + 1] = escape.lines(line)
    end
  end
  return out
end

return diff
