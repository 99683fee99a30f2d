-- SPDX-License-Identifier: MIT
-- A report as text for a terminal and as one HTML page that needs nothing else. All of it comes from
-- files of a client, so nothing is printed as it is: no control character reaches a terminal, no
-- markup a browser.

local escape_text = require "altmig.escape"
local report = require "altmig.report"

local print_report = {}

--- Entries of one file shown in the text where nothing has to be done; the rest is counted.
print_report.few = 8

local function plain(value) return escape_text.line(tostring(value)) end

local chosen_words = { C = "yours", N = "the new level's", merged = "merged", none = "none" }

--- The entries by group and file, in the order they were made.
---@param document table   # as of Report:document
---@return { name: string, title: string, count: integer, files: { file: string, entries: table[] }[] }[]
function print_report.sections(document)
  local sections, by_name = {}, {}
  for i, group in ipairs(report.groups) do
    sections[i] = { name = group.name, title = group.title, count = 0, files = {}, by_file = {} }
    by_name[group.name] = sections[i]
  end
  for _, entry in ipairs(document.entries) do
    local section = by_name[entry.group]
    local name = entry.file or entry.method or "the migration"
    local file = section.by_file[name]
    if not file then
      file = { file = name, entries = {} }
      section.by_file[name] = file
      table.insert(section.files, file)
    end
    table.insert(file.entries, entry)
    section.count = section.count + 1
  end
  return sections
end

--- What is known of the old level's defaults.
---@param baseline table|string|nil
---@return string
function print_report.baseline(baseline)
  if type(baseline) ~= "table" then return baseline and tostring(baseline) or "nothing was saved yet" end
  if not baseline.old then return ("%s files saved"):format(tostring(baseline.files)) end
  local from = baseline.from
  return ("the old level's defaults are known for %s of %s saved files%s"):format(tostring(baseline.old), tostring(baseline.files),
    from and (": %s from images of --baseline, %s from pristine root parts, %s that the site never changed"):format(tostring(from.baseline),
      tostring(from.inst_root), tostring(from.vpd)) or "")
end

--- How many filesets came, went and changed.
---@param list { name: string, old: string?, new: string? }[]
---@return string
function print_report.filesets(list)
  local count = { changed = 0, same = 0, new = 0, gone = 0 }
  for _, row in ipairs(list) do
    local what = not row.old and "new" or not row.new and "gone" or row.old == row.new and "same" or "changed"
    count[what] = count[what] + 1
  end
  return ("%d at another level, %d as they were, %d new, %d gone"):format(count.changed, count.same, count.new, count.gone)
end

local function fileset_levels(row) return row.old or "not installed", row.new or "not installed" end

local function levels_text(head)
  local from = head.levels and head.levels.client or "?"
  local to = head.target and ("%s.%s"):format(tostring(head.target.version), tostring(head.target.release)) or "?"
  return ("%s to %s"):format(from, head.updated_to or to)
end

--- The head: pairs of a word and a text.
---@param document table
---@return { [1]: string, [2]: string }[]
function print_report.head(document)
  local head, state, count = document.head, document.state or {}, document.count
  local rows = { { "client", head.client or state.client or "?" }, { "levels", levels_text(head) },
    { "resources", ("lpp_source %s, SPOT %s, disks %s"):format(head.lpp_source or "?", head.spot or "?",
      table.concat(head.disks or {}, " ")) } }
  if head.started then rows[#rows + 1] = { "started", head.started } end
  rows[#rows + 1] = { "state", ("%s%s%s"):format(state.state or "not known", state.last_phase and (", phase %s"):format(state.last_phase)
    or "", state.time and (", last entry " .. state.time) or "") }
  if state.failure then rows[#rows + 1] = { "failure", state.failure } end
  rows[#rows + 1] = { "baseline", print_report.baseline(head.baseline) }
  if head.filesets then rows[#rows + 1] = { "filesets", print_report.filesets(head.filesets) } end
  rows[#rows + 1] = { "counts", ("%d kept from you, %d new from the release, %d conflict%s, %d to do by hand"):format(count.kept,
    count.new, count.conflict, count.conflict == 1 and "" or "s", count.todo) }
  return rows
end

local function subject(entry)
  local words = {}
  for _, name in ipairs { "key", "attribute" } do
    if entry[name] then words[#words + 1] = entry[name] end
  end
  return table.concat(words, " ")
end

local function values(entry)
  local list = {}
  for _, pair in ipairs { { "o", "old level" }, { "c", "yours" }, { "n", "new level" } } do
    if entry[pair[1]] then list[#list + 1] = { pair[2], entry[pair[1]] } end
  end
  if #list > 0 and entry.chosen then list[#list + 1] = { "active", chosen_words[entry.chosen] or entry.chosen } end
  return list
end

local function text_entry(lines, entry)
  local about = subject(entry)
  lines[#lines + 1] = ("    %s%s"):format(about ~= "" and plain(about) .. ": " or "", plain(entry.rule))
  local list = {}
  for i, pair in ipairs(values(entry)) do list[i] = ("%s: %s"):format(pair[1], plain(pair[2])) end
  if #list > 0 then lines[#lines + 1] = "        " .. table.concat(list, "  |  ") end
end

--- Sections as text.
---@param sections table[]
---@param opts { all: boolean? }?   # all: no file's entries are cut short
---@return string
function print_report.section_text(sections, opts)
  local lines = {}
  for _, section in ipairs(sections) do
    lines[#lines + 1] = ("\n%s (%d)"):format(section.title, section.count)
    local cut = not (opts and opts.all) and (section.name == "kept" or section.name == "new")
    for _, file in ipairs(section.files) do
      lines[#lines + 1] = "  " .. plain(file.file)
      for i, entry in ipairs(file.entries) do
        if cut and i > print_report.few then
          lines[#lines + 1] = ("    and %d more (-V shows them)"):format(#file.entries - print_report.few)
          break
        end
        text_entry(lines, entry)
      end
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

--- The report as text.
---@param document table
---@param opts { all: boolean? }?
---@return string
function print_report.text(document, opts)
  local lines = {}
  for _, row in ipairs(print_report.head(document)) do lines[#lines + 1] = ("%-10s %s\n"):format(row[1], plain(row[2])) end
  lines[#lines + 1] = print_report.section_text(print_report.sections(document), opts)
  if opts and opts.all and document.head.filesets then
    lines[#lines + 1] = ("\nFilesets (%d)\n"):format(#document.head.filesets)
    for _, row in ipairs(document.head.filesets) do
      local old, new = fileset_levels(row)
      lines[#lines + 1] = ("  %-40s %-15s %s\n"):format(plain(row.name), plain(old), plain(new))
    end
  end
  return table.concat(lines)
end

-- HTML --------------------------------------------------------------------------------------------

local entities = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

--- A value as HTML text, for elements and quoted attributes.
---@param value any
---@return string
function print_report.escape(value)
  return (plain(value):gsub("[&<>\"']", entities))
end
local escape = print_report.escape

local style = [[
body { font: 15px/1.45 sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em; color: #222; background: #fff }
th { text-align: left; padding-right: 1em; vertical-align: top; font-weight: normal; color: #666 }
h2 { border-bottom: 2px solid #999; margin-top: 1.6em }
#conflict h2 { border-color: #c60 } #todo h2 { border-color: #b00 }
code, td.v { font-family: monospace; overflow-wrap: anywhere }
summary { cursor: pointer; font-family: monospace; padding: .2em 0 }
ul { margin: .2em 0 .8em } li { margin: .3em 0 }
.values { color: #555 } .values b { font-weight: normal; color: #888 }]]

local function html_entry(out, entry)
  local about = subject(entry)
  out[#out + 1] = "<li>"
  if about ~= "" then out[#out + 1] = ("<code>%s</code>: "):format(escape(about)) end
  out[#out + 1] = escape(entry.rule)
  local list = {}
  for i, pair in ipairs(values(entry)) do list[i] = ("<b>%s</b> <code>%s</code>"):format(pair[1], escape(pair[2])) end
  if #list > 0 then out[#out + 1] = ('<div class="values">%s</div>'):format(table.concat(list, " &middot; ")) end
  out[#out + 1] = "</li>\n"
end

local function html_filesets(out, list)
  out[#out + 1] = ('<section id="filesets"><h2>Filesets (%d)</h2>\n<details><summary>%s</summary>\n<table>\n'):format(#list,
    escape(print_report.filesets(list)))
  out[#out + 1] = "<tr><th>fileset</th><th>old level</th><th>new level</th></tr>\n"
  for _, row in ipairs(list) do
    local old, new = fileset_levels(row)
    out[#out + 1] = ("<tr><td><code>%s</code></td><td>%s</td><td>%s</td></tr>\n"):format(escape(row.name), escape(old), escape(new))
  end
  out[#out + 1] = "</table></details></section>\n"
end

local function html_section(out, section)
  out[#out + 1] = ('<section id="%s"><h2>%s (%d)</h2>\n'):format(section.name, section.title, section.count)
  local open = section.name ~= "kept" and section.name ~= "new" and " open" or ""
  for _, file in ipairs(section.files) do
    out[#out + 1] = ("<details%s><summary>%s (%d)</summary><ul>\n"):format(open, escape(file.file), #file.entries)
    for _, entry in ipairs(file.entries) do html_entry(out, entry) end
    out[#out + 1] = "</ul></details>\n"
  end
  out[#out + 1] = "</section>\n"
end

--- The report as one HTML page: no scripts, nothing from elsewhere.
---@param document table
---@return string
function print_report.html(document)
  local title = "Migration of " .. escape(document.head.client or "?")
  local out = { '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n',
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src \'unsafe-inline\'">\n',
    ("<title>%s</title>\n<style>\n%s\n</style></head><body>\n<h1>%s</h1>\n<table>\n"):format(title, style, title) }
  for _, row in ipairs(print_report.head(document)) do
    out[#out + 1] = ("<tr><th>%s</th><td>%s</td></tr>\n"):format(row[1], escape(row[2]))
  end
  out[#out + 1] = "</table>\n<p>"
  local sections = print_report.sections(document)
  for i = #sections, 1, -1 do
    out[#out + 1] = ('<a href="#%s">%s (%d)</a> '):format(sections[i].name, sections[i].title, sections[i].count)
  end
  out[#out + 1] = "</p>\n"
  for _, section in ipairs(sections) do html_section(out, section) end
  if document.head.filesets then html_filesets(out, document.head.filesets) end
  out[#out + 1] = "</body></html>\n"
  return table.concat(out)
end

--- By the end of a file's name: .html, .json, else text with everything.
---@param document table
---@param path string
---@return string
function print_report.for_file(document, path)
  if path:match("%.html?$") then return print_report.html(document) end
  if path:match("%.json$") then return require("altmig.json").encode(document, { indent = 2, sort = true, lossy = true }) .. "\n" end
  return print_report.text(document, { all = true })
end

return print_report
