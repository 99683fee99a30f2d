-- SPDX-License-Identifier: MIT
-- The topics: lua/altmig/help/NAME.md, one source for a browser, a terminal (altmig help NAME) and man pages.
-- A topic begins with "# altmig-NAME(SECTION): summary", has lines of at most 79 columns and no tables. Lists of
-- commands and flags stand between comments and are made from altmig.options; the file has the same text, for
-- the browser, and engine/cmake/docs.lua writes it there.

local assumptions = require "altmig.probe.assumptions"
local options = require "altmig.options"
local resource = require "altmig.resource"

local help = {}

local FOLDER <const> = "lua/altmig/help/"
local WIDTH <const> = 79

---@class altmig.help.Topic
---@field name string      "flow"
---@field man string       "altmig-flow"
---@field section string   "7"
---@field summary string
---@field text string      Markdown, the first line left out

--- The names of the topics, in order.
---@return string[]
function help.names()
  local names = {}
  for _, path in ipairs(resource.list(FOLDER)) do names[#names + 1] = path:match "([%w.]+)%.md$" end
  return names
end

-- Lists of commands and flags ---------------------------------------------------------------------

local function fill(text, first, others)
  local lines, line = {}, first
  for word in text:gmatch "%S+" do
    if #line + #word >= WIDTH and line ~= others then lines[#lines + 1], line = line:gsub(" $", ""), others end
    line = line .. word .. " "
  end
  lines[#lines + 1] = line:gsub(" $", "")
  return table.concat(lines, "\n")
end

-- A code span is one word: it is not broken.
local function flag_entry(flag)
  local span = ("`%s%s`:"):format(flag.word, flag.arg and "\0" .. flag.arg or "")
  local text = flag.text:gsub("%f[%S]%-%-?%a[%l-]*", "`%0`"):gsub("%$%u[%u_]+", "`%0`"):gsub("%f[%S]/[%w/_.]+", "`%0`")
  return (fill(span .. " " .. text, "- ", "  "):gsub("%z", " "))
end

-- A command: its forms, and the flags of each.
local function command_text(name, command)
  local who = name == "nimadm" and name or "altmig " .. name
  local lines, synopses = { "### " .. who, "", fill(command.summary:gsub("^%l", string.upper) .. ".", "", ""), "", "```" }, {}
  for i, form in ipairs(options.commands(who)) do synopses[i] = options.synopsis(form) end
  lines[#lines + 1] = table.concat(synopses, "\n") .. "\n```"
  local function paragraph(text) lines[#lines + 1] = "\n" .. fill(text, "", ""):gsub("%z", " ") end
  for _, form in ipairs(options.commands(who)) do
    local what, words = options.command(form), {}
    local span = "`" .. form:gsub(" ", "\0") .. "`"
    for i, flag in ipairs(what.list) do words[i] = what.shared and "`" .. flag.word .. "`" or flag_entry(flag) end
    if what.text then paragraph(span .. ": " .. what.text .. ".") end
    if what.shared then
      paragraph("Flags of " .. span .. ": " .. table.concat(words, " "))
    elseif #words > 0 then
      lines[#lines + 1] = "\n" .. table.concat(words, "\n")
    end
  end
  return table.concat(lines, "\n")
end

local blocks = {}

--- Every command but nimadm, which has a topic of its own.
function blocks.commands()
  local names, commands = require("altmig.cli").commands()
  local parts = {}
  for _, name in ipairs(names) do
    if name ~= "nimadm" then parts[#parts + 1] = command_text(name, commands[name]) end
  end
  return table.concat(parts, "\n\n")
end

--- The flags of a command, or all that commands share.
function blocks.flags(who)
  local lines = {}
  for i, flag in ipairs(who == "" and options.shared() or options.command(who).list) do lines[i] = flag_entry(flag) end
  return table.concat(lines, "\n")
end

--- What altmig takes for true of AIX.
function blocks.assumptions()
  local lines = {}
  for i, one in ipairs(assumptions.list) do
    local state = one.state ~= "open" and (" %s."):format(assumptions.state(one):gsub("^%l", string.upper)) or ""
    local how = one.needs == "write-test" and " A trial would show it." or one.needs == "scratch-disk" and " A disk to lose would show it."
      or one.needs == "migration" and " A migration shows it." or ""
    lines[i] = fill(("%s: %s%s%s"):format(one.id, one.text, state, how), "- ", "  ")
  end
  return table.concat(lines, "\n")
end

--- The text with its lists as the tables of altmig.options have them.
---@param text string
---@return string
function help.expand(text)
  return (text:gsub("(<!%-%- (%l+) ?([%l ]*) %-%->\n).-(<!%-%- end %-%->)", function(begin, block, argument, finish)
    return begin .. "\n" .. blocks[block](argument) .. "\n\n" .. finish
  end))
end

-- Topics ------------------------------------------------------------------------------------------

--- A topic by the name of its file, or of its man page: "flow", "altmig-flow", "altmig-flow(7)".
---@param name string
---@return altmig.help.Topic?
function help.topic(name)
  name = name:gsub("%(%d%)$", "")
  if not name:find "^[%w.-]+$" then return nil end
  local text = resource.read(FOLDER .. name .. ".md") or resource.read(FOLDER .. name:gsub("^altmig%-", "") .. ".md")
  if not text then return nil end
  local man, section, summary, rest = text:match "^# (%S+)%((%d)%): ([^\n]+)\n+(.*)$"
  return { name = man:gsub("^altmig%-", ""), man = man, section = section, summary = summary, text = help.expand(rest) }
end

-- Calls prose(text) for what is outside of code blocks and code(text) inside; joins what they return.
local function walk(text, prose, code)
  local parts, at = {}, 1
  for before, block, after in text:gmatch "()```%l*\n(.-)```\n?()" do
    parts[#parts + 1] = prose(text:sub(at, before - 1))
    parts[#parts + 1] = code(block)
    at = after
  end
  parts[#parts + 1] = prose(text:sub(at))
  return table.concat(parts)
end

--- A topic as plain text for a terminal.
---@param topic altmig.help.Topic
---@return string
function help.plain(topic)
  local function prose(text)
    text = ("\n" .. text):gsub("\n<!%-%-[^\n]*%-%->\n?", "\n"):gsub("\n## ([^\n]+)", function(title) return "\n" .. title:upper() end)
      :gsub("\n### ", "\n"):gsub("%[([^%]]+)%]%([^)]+%)", "%1"):gsub("\n%- `(%-)", "\n  `%1"):gsub("`([^`]+)`", "%1")
      :gsub("%*%*([^*]+)%*%*", "%1"):gsub("\n\n\n+", "\n\n")
    return text:sub(2)
  end
  local function code(text) return (("\n" .. text):gsub("\n([^\n])", "\n    %1"):sub(2)) end
  return ("%s(%s): %s\n\n%s"):format(topic.man, topic.section, topic.summary, walk(topic.text, prose, code))
end

--- A topic as the Markdown that lowdown makes a man page of.
---@param topic altmig.help.Topic
---@return string
function help.man(topic)
  local function prose(text)
    text = ("\n" .. text):gsub("\n<!%-%-[^\n]*%-%->", ""):gsub("\n## ([^\n]+)", function(title) return "\n# " .. title:upper() end)
      :gsub("\n### ", "\n## "):gsub("%[([%w.-]+)(%(%d%))%]%([^)]+%)", "**%1**%2"):gsub("%[([^%]]+)%]%([^)]+%)", "%1")
    return text:sub(2)
  end
  local function code(text) return "```\n" .. text .. "```\n" end
  return ("# NAME\n\n%s - %s\n\n# DESCRIPTION\n\n%s"):format(topic.man, topic.summary, walk(topic.text, prose, code))
end

-- Names that were meant ---------------------------------------------------------------------------

-- How many letters must be changed, added, left out or exchanged with their neighbour to get from a to b.
local function distance(a, b)
  local rows = {}
  for i = 0, #a do
    rows[i] = { [0] = i }
    for j = 1, i == 0 and #b or 0 do rows[0][j] = j end
  end
  for i = 1, #a do
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      local least = math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        least = math.min(least, rows[i - 2][j - 2] + 1)
      end
      rows[i][j] = least
    end
  end
  return rows[#a][#b]
end

--- The name nearest to a word that is none; nil if none is near.
---@param word string
---@param names string[]
---@return string?
function help.meant(word, names)
  word = word:lower():gsub("^altmig%-", "")
  local best, least = nil, math.max(2, #word // 3) + 1
  if #word > 40 then return nil end
  for _, name in ipairs(names) do
    local changes = name:sub(1, #word) == word and #word > 1 and 1 or distance(word, name)
    if changes < least and changes < #name then best, least = name, changes end
  end
  return best
end

return help
