-- SPDX-License-Identifier: MIT
-- What lslpp prints of a software database (altmig.swvpd). The colon forms of -L and -l follow real
-- output, the others the manual page. altmig.aix reads the colon forms of -L and -l.

local err = require "altmig.err"

local lslpp = {}

local LINE = "  " .. ("-"):rep(76)
local HEADERS = {
  Lc = "#Package Name:Fileset:Level:State:PTF Id:Fix State:Type:Description:Destination Dir.:Uninstaller:Message Catalog:"
    .. "Message Set:Message Number:Parent:Automatic:EFIX Locked:Install Path:Build Date\n",
  lc = "#Fileset:Level:PTF Id:State:Type:Description:EFIX Locked\n",
  hc = "#Path:Fileset:Level:PTF Id:Action:Status:Date:Time\n",
  fc = "#Path:Fileset:File\n",
  wc = "#File:Fileset:Type\n",
  L = "  Fileset                      Level  State  Type  Description (Uninstaller)\n" .. LINE .. "\n",
  l = "  Fileset                      Level  State      Description         \n" .. LINE .. "\n",
  h = "  Fileset         Level     Action       Status       Date         Time        \n" .. LINE .. "\n",
  f = "  Fileset               File\n" .. LINE .. "\n",
  w = "  File                                        Fileset               Type\n" .. LINE .. "\n",
}
local LEGEND = "\n\nState codes:\n A -- Applied.\n B -- Broken.\n C -- Committed.\n E -- EFIX Locked.\n"
  .. " O -- Obsolete.  (partially migrated to newer version)\n ? -- Inconsistent State...Run lppchk -v.\n"

--- A name with * and ? as a Lua pattern.
---@param word string
---@return string
function lslpp.pattern(word)
  if word == "all" then return "" end
  return "^" .. word:gsub("%p", "%%%0"):gsub("%%%*", ".*"):gsub("%%%?", ".") .. "$"
end

-- Whether a name is among those asked for, and which of those were never met.
local function matcher(names)
  local patterns, met = {}, {}
  for _, word in ipairs(names) do patterns[word] = lslpp.pattern(word) end
  local function matches(text)
    local found = #names == 0
    for word, pattern in pairs(patterns) do
      if text:find(pattern) then found, met[word] = true, true end
    end
    return found
  end
  local function missing()
    local list = {}
    for _, word in ipairs(names) do
      if word ~= "all" and not met[word] then list[#list + 1] = word end
    end
    return list
  end
  return matches, missing
end

-- Filesets by name as a sorted list of those that match.
local function sorted(filesets, matches)
  local list = {}
  for name, row in pairs(filesets) do
    if matches(name) then list[#list + 1] = row end
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

-- An empty field of -Lc is one blank.
local function field(text) return text ~= "" and text or " " end

local forms = {}

function forms.L(db, colons, _, matches, put)
  for _, row in ipairs(sorted(err.check(db:filesets()), matches)) do
    local letter = row.inconsistent and "?" or row.state_name:sub(1, 1)
    local kind = row.update and "F" or " "
    if colons then
      put("%s:%s:%s: :%s:%s:%s:%s: : : : : : :0:0:/:%s\n", row.package, row.name, row.level, field(row.ptf), letter, kind,
        row.description, field(row.date))
    else
      put("  %-26s %10s    %s     %s    %s\n", row.name, row.level, letter, kind, row.description)
    end
  end
end

-- Calls fn(directory, fileset, part) for the filesets of each part that has any; without colons their lines stand
-- between the directory and an empty line.
local function by_part(db, colons, directories, matches, put, fn)
  err.check(db:each_part(function(part, filesets)
    local list = sorted(filesets, matches)
    if #list == 0 then return end
    if not colons then put("Path: %s\n", directories[part]) end
    for _, row in ipairs(list) do fn(directories[part], row, part) end
    if not colons then put("\n") end
  end))
end

function forms.l(db, colons, directories, matches, put)
  by_part(db, colons, directories, matches, put, function(dir, row)
    if colons then
      put("%s:%s:%s:%s:%s:%s:%s:\n", dir, row.name, row.level, row.ptf, row.state_name, row.update and "F" or "I",
        row.description)
    else
      put("  %-26s %10s  %-9s  %s\n", row.name, row.level, row.state_name, row.description)
    end
  end)
end

-- 1 is seen for installed filesets, 2 for those of the base system, 1 of complete ones.
local actions, statuses = { "COMMIT", "COMMIT" }, { "COMPLETE" }

local function put_event(event, colons, dir, put)
  local action, status = actions[event.event] or event.event, statuses[event.state] or event.state
  if colons then
    put("%s:%s:%s:%s:%s:%s:%s:%s\n", dir, event.fileset, event.level, event.ptf, action, status,
      os.date("!%m/%d/%y", event.time), os.date("!%H;%M;%S", event.time))
  else
    put("  %23s   %-11s  %-11s  %-11s  %s\n", event.level, action, status, os.date("!%m/%d/%y", event.time),
      os.date("!%H:%M:%S", event.time))
  end
end

-- Rows of the database by part and fileset.
local function by_fileset(rows)
  local of = {}
  for _, row in ipairs(rows) do
    local key = row.part .. " " .. row.fileset
    of[key] = of[key] or {}
    table.insert(of[key], row)
  end
  return function(part, fileset) return of[part .. " " .. fileset] or {} end
end

function forms.h(db, colons, directories, matches, put)
  local events_of = by_fileset(err.check(db:history()))
  by_part(db, colons, directories, matches, put, function(dir, row, part)
    if not colons then put("  %s\n", row.name) end
    for _, event in ipairs(events_of(part, row.name)) do put_event(event, colons, dir, put) end
  end)
end

function forms.f(db, colons, directories, matches, put)
  local files_of = by_fileset(err.check(db:files()))
  by_part(db, colons, directories, matches, put, function(dir, row, part)
    if not colons then put("  %s %s\n", row.name, row.level) end
    for _, file in ipairs(files_of(part, row.name)) do
      if colons then put("%s:%s %s:%s\n", dir, row.name, row.level, file.path) else put("%24s%s\n", "", file.path) end
    end
  end)
end

local kinds = { file = "File", dir = "Directory", link = "Symlink" }

function forms.w(db, colons, _, matches, put)
  for _, file in ipairs(err.check(db:files())) do
    if matches(file.path) then
      put(colons and "%s:%s:%s\n" or "  %-43s %-21s %s\n", file.path, file.fileset, kinds[file.type] or "File")
    end
  end
end

--- What lslpp prints; see altmig.swvpd. Raises for flags that are not supported.
---@param db altmig.swvpd.Database
---@param flags string
---@param names string[]
---@param directories table<string, string>   # of the parts
---@return string text, string[] missing   # names that match nothing
function lslpp.format(db, flags, names, directories)
  local letters, form = flags:match("^%-?(%a+)$"), nil
  local function unsupported()
    err.raise { code = "UNSUPPORTED", message = ("lslpp: flags '%s' are not supported"):format(flags) }
  end
  for letter in (letters or ""):gmatch("%a") do
    if forms[letter] and not form then
      form = letter
    elseif not letter:match("[acq]") then
      unsupported()
    end
  end
  if not form then unsupported() end
  local colons, quiet = letters:find("c", 1, true) ~= nil, letters:find("q", 1, true) ~= nil
  local matches, missing = matcher(names)
  local out = {}
  local function put(text, ...) out[#out + 1] = text:format(...) end
  forms[form](db, colons, directories, matches, put)
  if not quiet and (#out > 0 or #names == 0) then
    table.insert(out, 1, HEADERS[form .. (colons and "c" or "")])
    if form == "L" and not colons then put(LEGEND) end
  end
  return table.concat(out), missing()
end

return lslpp
