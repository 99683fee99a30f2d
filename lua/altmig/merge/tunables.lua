-- SPDX-License-Identifier: MIT
-- /etc/tunables/nextboot: what the site tuned goes along. What the new level does not know any more becomes a
-- comment: the tuning commands only ignore it (documented), but nobody would see that it does nothing. Defaults that
-- changed are told, since a tunable that nobody set changes with them.

local core = require "altmig.merge_core"
local levels = require "altmig.merge.levels"
local lines = require "altmig.lines"
local policy = require "altmig.merge.policy"

local tunables = { methods = {} }

local mark = "#"

-- What the release knows: names by stanza; nil for a release without a list.
local function known_names(ctx)
  local found
  for _, row in ipairs(levels.tunables) do
    local from, to = levels.number(row.from), levels.number(ctx.target)
    if to and to >= from then found = row end
  end
  return found
end

-- The lines of a tunables file with stanza and name where one is set. Everything behind "#" is a comment.
local function settings(text)
  local list, stanza = {}, nil
  for i, line in ipairs(lines.split(text)) do
    local code = line:gsub("#.*", "")
    local header = code:match("^%s*([%w_]+)%s*:%s*$")
    local name = not header and code:match("^%s*([^%s=]+)%s*=")
    if header then stanza = header end
    list[i] = { line = line, stanza = stanza, name = name }
  end
  return list
end

local function comment_unknown(this, path, text, row)
  local out = {}
  for i, setting in ipairs(settings(text)) do
    local names = setting.name and row.names[setting.stanza]
    local restricted = levels.restricted[setting.stanza or ""] or {}
    out[i] = setting.line
    if names and not names[setting.name] and not restricted[setting.name] then
      out[i] = mark .. setting.line
      this:report { { severity = "todo", file = path, key = setting.stanza, attribute = setting.name, chosen = "none",
        c = setting.line:match("=%s*(.-)%s*$"), rule = ("AIX %s lists no such tunable of %s: commented out; if it is a restricted one, "
          .. "take the mark away (%s -F -a names those)"):format(row.from, setting.stanza, setting.stanza) } }
    end
  end
  return lines.join(out)
end

-- The site did not set it, so that its value changes with the default.
local function tell_defaults(this, path, text)
  local set = {}
  for _, setting in ipairs(settings(text)) do
    if setting.name then set[setting.stanza .. " " .. setting.name] = true end
  end
  for _, row in ipairs(levels.defaults) do
    if levels.concerns(row, this.ctx.target, this.ctx.source) and not set[row.stanza .. " " .. row.name] then
      this:report { { severity = "warning", group = "values",
        file = path, key = row.stanza, attribute = row.name, o = row.was, n = row.is, chosen = "N",
        rule = ("the default changes with AIX %s: %s; to keep the old one: %s"):format(row.from, row.text, row.remedy) } }
    end
  end
end

function tunables.methods.tunables_mig(entry, this)
  local path = entry.files[1]
  if policy.is_claimed(path) then return "new" end -- by a method of the site's
  local input = this:input(path)
  tell_defaults(this, path, input.c or "")
  local text, status = input.c, "kept"
  if not input.c or core.whole(path, input) == "new" then text, status = input.n, "new" end
  if not text then return "new" end
  local row = status ~= "new" and known_names(this.ctx)
  if row then
    local changed = comment_unknown(this, path, text, row)
    if changed ~= text then text, status = changed, "merged" end
  end
  this:write(path, text)
  return status
end

return tunables
