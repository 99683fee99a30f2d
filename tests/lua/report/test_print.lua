-- SPDX-License-Identifier: MIT
local lu = require "luaunit"
local print_report = require "altmig.report.print"
local report = require "altmig.report"

TestReportPrint = {}

local hostile = "<script>alert('x')</script>&\"\27]0;title\7\n\xff"

local function document(entries, head)
  local r = report.new(nil, head or { client = "lpar7", levels = { client = "7100-05-03-1846" }, target = { version = 7, release = 2 },
    lpp_source = "lpp", spot = "spot", disks = { "hdisk2" }, baseline = { files = 9, old = 4 } })
  for _, entry in ipairs(entries) do r:add(entry) end
  local d = r:document()
  d.state = { state = "stopped", last_phase = 6, failure = "installp failed" }
  return d
end

local function all_hostile()
  return document({ { rule = hostile, file = hostile, key = hostile, attribute = hostile, o = hostile, c = hostile, n = hostile,
    chosen = hostile, method = hostile } }, { client = hostile, lpp_source = hostile, spot = hostile, disks = { hostile },
    started = hostile, levels = { client = hostile }, target = { version = hostile, release = hostile }, baseline = hostile,
    filesets = { { name = hostile, old = hostile, new = hostile }, { name = hostile } } })
end

function TestReportPrint:test_html_holds_no_markup_of_a_client()
  local d = all_hostile()
  d.state = { state = hostile, last_phase = hostile, time = hostile, failure = hostile }
  local html = print_report.html(d)
  lu.assertNotStrContains(html, "<script")
  lu.assertNotStrContains(html, "alert('")
  lu.assertNil(html:find("[%z\1-\9\11-\31\127]"))
  lu.assertNotNil(utf8.len(html))
  lu.assertStrContains(html, "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;")
  -- every "<" begins a tag of ours
  for tag in html:gmatch("<%f[%w/!]/?(!?%a%w*)") do
    lu.assertStrContains(" !DOCTYPE html head meta title style body h1 h2 table tr th td p a section details summary ul li div b code ",
      " " .. tag .. " ")
  end
end

function TestReportPrint:test_filesets_with_both_levels()
  local d = document({}, { filesets = { { name = "acme.rte", old = "1.0.0.0", new = "1.0.0.0" }, { name = "bos.new", new = "7.2.0.0" },
    { name = "bos.net", old = "7.1.5.0", new = "7.2.5.1" }, { name = "bos.old", old = "7.1.0.0" } } })
  lu.assertStrContains(print_report.text(d), "filesets   1 at another level, 1 as they were, 1 new, 1 gone\n")
  lu.assertNotStrContains(print_report.text(d), "7.2.5.1")
  lu.assertStrContains(print_report.text(d, { all = true }), "  bos.net                                  7.1.5.0         7.2.5.1\n")
  lu.assertStrContains(print_report.html(d), "<tr><td><code>bos.new</code></td><td>not installed</td><td>7.2.0.0</td></tr>")
end

function TestReportPrint:test_html_needs_nothing_from_elsewhere()
  local html = print_report.html(document {})
  for _, word in ipairs { "http:", "https:", "src=", "@import", "url(", "<link" } do lu.assertNotStrContains(html, word) end
end

function TestReportPrint:test_text_sends_no_control_characters_to_a_terminal()
  local text = print_report.text(all_hostile(), { all = true })
  lu.assertNil(text:find("[%z\1-\9\11-\31\127-\255]"))
  lu.assertStrContains(text, "\\x1b]0;title\\x07")
end

function TestReportPrint:test_the_groups_come_in_order_with_their_counts()
  local text = print_report.text(document {
    { rule = "b", severity = "conflict", chosen = "C", file = "/f" }, { rule = "c", severity = "error", file = "/f" },
    { rule = "a", chosen = "C", file = "/f", key = "k", attribute = "at", c = "mine", n = "theirs" },
    { rule = "d", chosen = "N", file = "/g" } })
  local at = 1
  for _, line in ipairs { "levels     7100-05-03-1846 to 7.2", "state      stopped, phase 6", "failure    installp failed",
    "known for 4 of 9 saved files", "1 kept from you, 1 new from the release, 1 conflict, 1 to do by hand", "Kept from you (1)\n  /f\n",
    "k at: a\n        yours: mine  |  new level: theirs  |  active: yours\n", "New from the release (1)\n  /g\n    d\n",
    "Conflicts (1)\n  /f\n    b\n", "To do by hand (1)\n  /f\n    c\n" } do
    local from, to = text:find(line, at, true)
    lu.assertNotNil(from, line .. "\nin:\n" .. text)
    at = to
  end
end

function TestReportPrint:test_long_lists_are_cut_only_where_nothing_is_to_be_done()
  local entries = {}
  for i = 1, 20 do
    entries[#entries + 1] = { rule = "note" .. i, chosen = "N", file = "/f" }
    entries[#entries + 1] = { rule = "todo" .. i, severity = "todo", file = "/f" }
  end
  local text = print_report.text(document(entries))
  lu.assertStrContains(text, "and 12 more")
  lu.assertNotStrContains(text, "note9")
  lu.assertStrContains(text, "todo20")
  lu.assertStrContains(print_report.text(document(entries), { all = true }), "note20")
end
