-- SPDX-License-Identifier: MIT
-- FILESET.cfgfiles: what a fileset wants done with its configuration files when it is migrated.
--
-- One line a file: "./etc/example.conf hold_new", the path relative to the part. The keywords and
-- their meaning are IBM's (documented); the BOS's own list has the same form (inferred: cfgfiles-of-bos). The
-- rows stand below the built-in table of altmig.policy: where both name a file the table wins, and
-- the difference is reported. Nothing a list says can lose a file: a keyword nobody knows counts as
-- user_merge, which keeps the site's file, and a path that leads out of its part is refused.

local err = require "altmig.err"
local escape = require "altmig.escape"
local policy = require "altmig.merge.policy"

local cfgfiles = {}

--- No list is longer than this; bos.rte's has some hundred lines.
cfgfiles.max_lines = 20000

-- keyword -> policy. auto_merge without a merge method of ours leaves the site's file active.
local policies = {
  preserve = "preserve", v4preserve = "preserve", hold_new = "hold_new", auto_merge = "merge",
  user_merge = "user_merge", other = "user_merge", new = "new",
}

---@class altmig.cfgfiles.Row : altmig.policy.Row
---@field fileset string
---@field code string         # the keyword, as it was written

---@class altmig.cfgfiles.Finding
---@field file string         # the configuration file, or the list at fault
---@field fileset string
---@field severity "note"|"conflict"|"error"
---@field rule string
---@field chosen string

--- A control file's path made absolute; nil and why for one that is none. `odd` when it is not
--- written as "./path".
---@param text string
---@return string? path
---@return string? why
---@return boolean? odd
function cfgfiles.path(text)
  if text:find("[%c\127]") then return nil, "holds bytes that are no text" end
  if #text > 1023 then return nil, "is longer than 1023 bytes" end
  local rest = text:match("^%./(.*)$") or text
  for part in (rest .. "/"):gmatch("(.-)/") do
    if part == ".." then return nil, "leads upwards" end
  end
  local path = "/" .. rest:gsub("/+", "/"):gsub("^/", "")
  repeat
    local count
    path, count = path:gsub("/%./", "/")
  until count == 0
  if path == "/" or path:sub(-1) == "/" or path:match("/%.$") then return nil, "is a directory" end
  return path, nil, "." .. path ~= text
end

local function printable(text)
  if #text > 80 then text = text:sub(1, 80) .. "..." end
  return escape.line(text)
end

--- Reads one list.
---@param text string
---@param fileset string
---@param origin string       # where the list is, for messages
---@return altmig.cfgfiles.Row[] rows
---@return altmig.cfgfiles.Finding[] findings
function cfgfiles.parse(text, fileset, origin)
  local rows, findings, number = {}, {}, 0
  local function find(severity, file, chosen, rule, ...)
    findings[#findings + 1] = { file = file, fileset = fileset, severity = severity, chosen = chosen,
      rule = ("%s line %d: "):format(origin, number) .. rule:format(...) }
  end
  for line in (text .. "\n"):gmatch("(.-)\r?\n") do
    number = number + 1
    if number > cfgfiles.max_lines then
      find("error", origin, "none", "more than %d lines: the rest is not read", cfgfiles.max_lines)
      break
    end
    local name, code = line:match("^%s*(%S+)%s*(.*)$")
    code = code and code:match("^(.*%S)") or ""
    if name and name:sub(1, 1) ~= "#" then
      local path, why, odd = cfgfiles.path(name)
      if not path then
        find("error", origin, "none", "path '%s' %s: not followed", printable(name), why)
      else
        if not policies[code] then
          find("error", path, "N", code == "" and "no keyword: counts as user_merge" or "unknown keyword '%s': counts as user_merge",
            printable(code))
        end
        if odd then find("note", path, "none", "path '%s' is not written as ./path", printable(name)) end
        rows[#rows + 1] = { path = path, policy = policies[code] or "user_merge", source = "documented", fileset = fileset,
          code = code, literal = true }
      end
    end
  end
  return rows, findings
end

-- Which file is active under a policy: the site's (C) or the new level's (N); merged is the site's.
local active = { preserve = "C", hold_new = "C", merge = "C", user_merge = "N", new = "N" }

--- The rows of all lists below the built-in table: one a file, first come. What contradicts the table
--- or an earlier list is a finding.
---@param rows altmig.cfgfiles.Row[]
---@param by_installp table<string, boolean>?   # files that installp puts into place in phase 6
---@return altmig.cfgfiles.Row[] extra
---@return altmig.cfgfiles.Finding[] findings
function cfgfiles.below_table(rows, by_installp)
  local extra, by_path, findings = {}, {}, {}
  for _, row in ipairs(rows) do
    local first = policy.of(row.path)
    local who = first and "altmig's table" or nil
    if not first then
      first = by_path[row.path]
      who = first and "fileset " .. first.fileset
    end
    if not first then
      by_path[row.path] = row
      extra[#extra + 1] = row
    elseif first.policy ~= row.policy then
      local installp = by_installp and by_installp[row.path]
      findings[#findings + 1] = { file = row.path, fileset = row.fileset, chosen = active[installp and row.policy or first.policy],
        severity = (installp or active[first.policy] == active[row.policy]) and "note" or "conflict",
        rule = ("fileset %s says %s, %s says %s, which counts%s"):format(row.fileset, printable(row.code), who, first.policy,
          installp and " until installp does as the fileset says" or "") }
    end
  end
  return extra, findings
end

--- The lists among the members of a control library: FILESET -> text.
---@param members { name: string, data: string }[]
---@return table<string, string>
function cfgfiles.of_library(members)
  local lists = {}
  for _, member in ipairs(members) do
    local fileset = member.name:match("^(.+)%.cfgfiles$")
    if fileset and not lists[fileset] then lists[fileset] = member.data end
  end
  return lists
end

--- The places of one package, below /usr/lpp/PACKAGE, where the old level may have left lists.
cfgfiles.places = { "", "/inst_root", "/deinstl" }

-- The names in a directory; none where there is no directory.
local function list_of(tree, dir)
  local names, message, code = tree:list(dir)
  return names or err.is_absent(code) and {} or err.raise { code = code, message = message }
end

--- Lists that the old level left on the client: /usr/lpp/PACKAGE/FILESET.cfgfiles and below its
--- inst_root and deinstl. Only for filesets that no image speaks for (`known`).
---@param tree table
---@param known table<string, any>
---@return altmig.cfgfiles.Row[] rows
---@return altmig.cfgfiles.Finding[] findings
function cfgfiles.on_client(tree, known)
  local rows, findings = {}, {}
  for _, package in ipairs(list_of(tree, "/usr/lpp")) do
    for _, place in ipairs(cfgfiles.places) do
      local dir = "/usr/lpp/" .. package .. place
      for _, name in ipairs(list_of(tree, dir)) do
        local fileset = name:match("^(.+)%.cfgfiles$")
        if fileset and not known[fileset] then
          local text, message, code = tree:read(dir .. "/" .. name, 4 << 20)
          if text then
            local more, problems = cfgfiles.parse(text, fileset, dir .. "/" .. name)
            table.move(more, 1, #more, #rows + 1, rows)
            table.move(problems, 1, #problems, #findings + 1, findings)
          elseif code ~= "E2BIG" and code ~= "EISDIR" and not err.is_absent(code) then
            err.raise { code = code, message = message }
          else
            findings[#findings + 1] = { file = dir .. "/" .. name, fileset = fileset, severity = "error", chosen = "none",
              rule = message }
          end
        end
      end
    end
  end
  return rows, findings
end

return cfgfiles
