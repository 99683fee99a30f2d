-- SPDX-License-Identifier: MIT
-- What the findings of the C merges say: the words of reports. The C side knows names only.

local findings = {}

-- Of files: by name (engine/bind/l_merge.c).
local sentences = {
  ["account added"] = "new in this level: added, locked",
  ["account returned"] = "removed by the site, but the system needs it: added, locked",
  ["account obsolete"] = "no longer shipped: kept, it may own files",
  ["account renumbered"] = "the image's files carry another number for this name",
  ["no password"] = "account without a password: kept, look at it",
  ["no shadow"] = "account without a stanza: cannot log in",
  ["open hash"] = "password hash in the public file: kept (<secret>); pwdck moves it",
  ["absent before"] = "absent before the migration",
  ["obsolete file"] = "no longer shipped",
  ["same"] = "the same in both levels",
  ["theirs"] = "not changed by the site",
  ["ours"] = "not changed by the new level",
  ["both: ours"] = "both changed it: the site's value stays",
  ["both: theirs"] = "both changed it: the new level's value",
  ["invalid"] = "the site's value is not valid in the new level",
  ["lists"] = "lists merged",
  ["new attribute"] = "new attribute",
  ["held column"] = "a column is kept, since a later one would take its place",
  ["new record"] = "new record",
  ["new or removed"] = "not in the old file: a removal cannot be told",
  ["not admitted"] = "new record for nothing on this system",
  ["collision"] = "both levels brought a record of this name",
  ["removed"] = "removed by the site: stays removed",
  ["returned"] = "removed by the site, but the system needs it",
  ["disabled"] = "commented out by the site: stays so",
  ["old only"] = "only in the old file: kept",
  ["dropped"] = "no longer shipped and not changed by the site: dropped",
  ["obsolete"] = "no longer shipped: kept",
}

-- A number that the new level reserves for one name and another has here. The names may be of any length.
sentences["id taken"] = function(d)
  return ("reserved %s %s already assigned to %s: not added; restored files with this %s belong to the wrong name"):format(
    d.attribute, d.detail, d.c:sub(1, 32), d.attribute)
end
-- What the parser of a file says has its own words.
sentences.parser = function(d) return d.detail end

--- Puts the rule of each decision in the place of its finding.
---@param decisions altmig.merge.Decision[]
---@return altmig.merge.Decision[] decisions
function findings.say(decisions)
  for _, d in ipairs(decisions) do
    local sentence = sentences[d.finding] or error(("no words for the finding '%s'"):format(d.finding))
    d.rule = type(sentence) == "function" and sentence(d) or sentence
    d.finding, d.detail = nil, nil
  end
  return decisions
end

-- Of objects of classes: what was chosen, how grave that is, and why; "unknown" where O is not known.
local objects = {
  ["field theirs"] = { "N", "note", "not changed by the site" },
  ["field ours"] = { "C", "note", "changed by the site" },
  ["field system"] = { "N", "conflict", "both changed it: the new level's value" },
  ["field user"] = { "C", "conflict", "both changed it: the site's value stays" },
  ["object theirs"] = { "N", "note", "not changed by the site" },
  ["object ours"] = { "C", "note", "changed by the site" },
  ["object conflict"] = { "N", "conflict", "objects of the new level are not mixed with others" },
  ["removed"] = { "none", "note", "removed by the site: stays removed" },
  ["removed changed"] = { "none", "warning", "removed by the site: stays removed" },
  ["returned"] = { "N", "warning", "removed by the site, but the system needs it" },
  ["new"] = { "N", "note", "new object", unknown = "not in the old class: a removal cannot be told" },
  ["added"] = { "C", "note", "added by the site", unknown = "only in the old class: kept" },
  ["changed obsolete"] = { "C", "warning", "no longer shipped, changed by the site: kept" },
}
local unknown_field = "levels differ, old default not known: the site's value stays"

--- What a finding of odm_core says.
---@param kind string
---@param old_class_known boolean
---@param old_value_known boolean
---@return string chosen, string severity, string rule
function findings.of_object(kind, old_class_known, old_value_known)
  local finding = objects[kind]
  local rule = not old_class_known and finding.unknown or finding[3]
  if kind == "field user" and not old_value_known then rule = unknown_field end
  return finding[1], finding[2], rule
end

return findings
