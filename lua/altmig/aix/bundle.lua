-- SPDX-License-Identifier: MIT
-- The text of an installp_bundle: a line for each thing to install. "I:" or no prefix: a fileset, package or pattern,
-- perhaps with its level; "R:" an RPM; "E:" an interim fix, the file in the emgr/ppc of the lpp_source. "#" begins a
-- comment.

local aix = require "altmig.aix.output"
local err = require "altmig.err"
local obsolete = require "altmig.aix.obsolete"

local bundle = {}

--- A longer text is no list that somebody wrote.
bundle.max = 1 << 20
local MOST <const> = 10000
-- So many wrong lines are enough to see what is wrong.
local MANY <const> = 5

---@class altmig.bundle.Line
---@field kind "installp"|"rpm"|"ifix"
---@field name string
---@field level string?
---@field line integer

local kinds = { I = "installp", R = "rpm", E = "ifix" }

-- One line: what it asks for, nil for none; or nil and what is wrong with it.
local function read(text)
  if text:find("[%z\1-\8\11-\31\127]") then return nil, "it holds bytes that are no text" end
  local words = {}
  for word in text:gsub("^%s*#.*", ""):gsub("%s#.*", ""):gmatch("%S+") do words[#words + 1] = word end
  if #words == 0 then return nil end
  local prefix, name = words[1]:match("^(%a+):(.*)$")
  name = prefix and name or words[1]
  local kind = kinds[prefix or "I"]
  if not kind then return nil, "a line begins with I:, R: or E:, or with the name of a fileset" end
  if name == "" then return nil, "there is no name" end
  -- One that begins with "-" or holds anything else would be no name to installp, geninstall or emgr either.
  local allowed = kind == "ifix" and "^[%w][%w_.+%-]*$" or "^[%w*?][%w_.+%-*?]*$"
  if #name > 255 or not name:match(allowed) then return nil, "this is no name" end
  local level = words[2]
  if level and kind ~= "installp" then return nil, "only a fileset has a level" end
  if level and (not level:match("^%d+%.%d+%.%d+%.%d+$") or level:find(("%d"):rep(10))) then return nil, "a level is four numbers" end
  if words[3] then return nil, "a line is a name and perhaps a level" end
  return { kind = kind, name = name, level = level }
end

--- The lines of a bundle. Raises with the number of each wrong line.
---@param text string
---@param name string?    # of the bundle, for messages
---@return altmig.bundle.Line[]
function bundle.parse(text, name)
  local list, wrong, number, more = {}, {}, 0, 0
  for line in (text:gsub("\r?\n?$", "") .. "\n"):gmatch("(.-)\r?\n") do
    number = number + 1
    local one, problem = read(line)
    if one then
      one.line = number
      list[#list + 1] = one
    elseif problem and #wrong < MANY then
      wrong[#wrong + 1] = ("line %d (%s): %s"):format(number, #line > 60 and line:sub(1, 57) .. "..." or line, problem)
    elseif problem then
      more = more + 1
    end
  end
  if #list > MOST then wrong[#wrong + 1] = ("more than %d lines"):format(MOST) end
  if #wrong > 0 then
    err.raise { code = "BUNDLE", message = ("installp_bundle%s: %s%s"):format(name and " " .. name or "", table.concat(wrong, "; "),
      more > 0 and ("; and %d wrong lines more"):format(more) or "") }
  end
  return list
end

--- Whether a name is one that a word of a bundle means: the word itself, or one that fits it as a pattern.
---@param word string
---@param name string
---@return boolean
function bundle.means(word, name)
  return word == name or word:find("[*?]") ~= nil and name:find(obsolete.lua_pattern(word)) ~= nil
end

-- The names by which a line may mean a file of an lpp_source: an RPM with or without its version and release, an
-- interim fix with or without its date.
local function names_of(kind, file)
  if kind == "ifix" then
    local label = file:match("^(.+)%.epkg%.Z$")
    if not label then return {} end
    return { file, label, label:match("^(.+)%.%d+$") }
  end
  local rpm = aix.rpm_image(file)
  if not rpm then return { file:match("%.rpm$") and file or nil } end
  return { file, rpm.name, rpm.package, ("%s-%s"):format(rpm.name, rpm.level:match("^[^-]*")) }
end

--- The file that an R: or E: line means, of the names of those in RPMS/ppc or emgr/ppc: the one of the highest level.
---@param one altmig.bundle.Line
---@param files string[]
---@return string?
function bundle.find(one, files)
  local best, best_level
  for _, file in ipairs(files) do
    local meant = false
    for _, name in ipairs(names_of(one.kind, file)) do meant = meant or bundle.means(one.name, name) end
    local rpm = meant and one.kind == "rpm" and aix.rpm_image(file)
    local level = rpm and rpm.level or file
    if meant and (not best or aix.compare_levels(level, best_level) > 0) then best, best_level = file, level end
  end
  return best
end

return bundle
