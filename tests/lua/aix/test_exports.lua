-- SPDX-License-Identifier: MIT
-- Arithmetic on the options of an export: one line is for all hosts.

local exports = require "altmig.aix.exports"
local lu = require "luaunit"

TestExportOptions = {}

function TestExportOptions:test_options_are_compared_as_a_set()
  for _, pair in ipairs { { "ro,root=a,access=a:b", "access=b:a,ro,root=a" }, { "-ro,access=a", "ro,access=a" },
    { "ro,access=a", "sec=sys,ro,access=a" },
    { "ro,access=a,sec=sys:unix", "ro,access=a" }, { "", "-" } } do
    lu.assertTrue(exports.same(pair[1], pair[2]), pair[1] .. " and " .. pair[2])
    lu.assertTrue(exports.same(pair[2], pair[1]), pair[1] .. " and " .. pair[2])
  end
  for _, pair in ipairs { { "ro,access=a", "ro" }, { "ro,access=a", "rw,access=a" }, { "ro,access=a", "ro,access=a:b" },
    { "ro", "ro,sec=krb5" }, { "root=a", "access=a" }, { "ro", "ro,anon=0" }, { "rw=a", "rw" } } do
    lu.assertFalse(exports.same(pair[1], pair[2]), pair[1] .. " and " .. pair[2])
    lu.assertFalse(exports.same(pair[2], pair[1]), pair[1] .. " and " .. pair[2])
  end
end

function TestExportOptions:test_a_client_is_added_to_the_lists_that_stand_there()
  for text, wanted in pairs {
    ["-ro,access=a:b,root=a"] = { "ro,access=a:b:c,root=a:c", { "access", "root" } },
    ["rw=a,access=a:c,sec=sys"] = { "rw=a,access=a:c,sec=sys,root=c", { "root" } },
    ["ro,root=c:a,access=a"] = { "ro,root=c:a,access=a:c", { "access" } },
    ["ro,anon=0,access=a"] = { "ro,anon=0,access=a:c", { "access" } },
    ["ro,access="] = { "ro,access=c,root=c", { "access", "root" } },
    ["ro,access=C,root=c"] = { "ro,access=C,root=c", {} }, -- names of hosts have no case
    ["ro,access=cc:xc,root=c.d"] = { "ro,access=cc:xc:c,root=c.d:c", { "access", "root" } },
    ["ro,access=a,root=a,vers=3:4,noauto"] = { "ro,access=a:c,root=a:c,vers=3:4,noauto", { "access", "root" } },
    -- No list: everybody may mount, and it is left as it is.
    ["ro,root=c"] = { "ro,root=c", {} }, ["ro,anon=0"] = { "ro,anon=0", {} },
  } do
    lu.assertEquals({ exports.with_client(text, "c") }, wanted, text)
  end
end

function TestExportOptions:test_what_cannot_be_done_by_a_list_is_refused()
  for text, why in pairs { ["ro"] = "root", [""] = "root", ["-"] = "root", ["ro,root=a"] = "root", ["rw=a:c"] = "root",
    ["ro,anon=-2"] = "root", ["sec=sys,ro,access=a,sec=krb5,access=b"] = "sections", ["ro,root=a,access=a,root=b"] = "sections" } do
    lu.assertEquals({ exports.with_client(text, "c") }, { nil, why }, text)
  end
  lu.assertEquals(exports.with_root("ro,root=a", "c"), "ro,root=a:c")
  lu.assertEquals(exports.with_root("ro", "c"), "ro,root=c")
  lu.assertEquals(exports.with_root("-ro,root=C", "c"), "ro,root=C")
end

function TestExportOptions:test_only_the_client_is_taken_out_and_an_empty_list_is_never_left()
  for _, case in ipairs {
    { "-ro,access=a:c:b,root=a:c", { "access", "root" }, "ro,access=a:b,root=a", true },
    { "ro,access=a:c,root=c", { "root" }, "ro,access=a:c", true },
    { "ro,access=c,root=c", { "access", "root" }, "ro", false },
    { "ro,access=c,root=a", { "access" }, "ro,root=a", false },
    { "ro,access=cc:a", { "access", "root" }, "ro,access=cc:a", true },
    { "ro", { "access", "root" }, "ro", true },
    { "ro,access=C:a", { "access" }, "ro,access=a", true },
  } do
    lu.assertEquals({ exports.without_client(case[1], "c", case[2]) }, { case[3], case[4] }, case[1])
  end
end

-- Whatever was added is taken out again, also when others came and went meanwhile.
function TestExportOptions:test_adding_and_taking_out_is_nothing()
  math.randomseed(20261127)
  local hosts = { "a", "b", "c", "dd", "e.f", "10.0.0.1" }
  local function some(of)
    local list = {}
    for _, host in ipairs(of) do
      if math.random(2) == 1 then list[#list + 1] = host end
    end
    return #list > 0 and table.concat(list, ":") or of[1]
  end
  for _ = 1, 500 do
    local words = { math.random(2) == 1 and "ro" or "rw", "access=" .. some(hosts) }
    if math.random(2) == 1 then words[#words + 1] = "root=" .. some(hosts) end
    if math.random(3) == 1 then words[#words + 1] = "sec=sys" end
    local before, ours, other = table.concat(words, ","), "me", hosts[math.random(#hosts)]
    local text, added = exports.with_client(before, ours)
    local with_other, others = exports.with_client(text, other)
    lu.assertEquals({ exports.admits(with_other, ours) }, { true, true }, before)
    lu.assertEquals(exports.added_to(text, before, ours), added)
    local after, left = exports.without_client(exports.without_client(with_other, ours, added), other, others)
    lu.assertTrue(left)
    lu.assertTrue(exports.same(after, before), before .. " became " .. after)
  end
end

function TestExportOptions:test_lines_of_a_file_and_of_the_list()
  local text = "# comment\n\n/export/a -ro,access=x:y\n  /export/b\t\t-rw\n/export/c\n"
  lu.assertEquals(exports.line_of(text, "/export/a").flags, "-ro,access=x:y")
  lu.assertEquals(exports.line_of(text, "/export/b").flags, "-rw")
  lu.assertEquals(exports.line_of(text, "/export/c").flags, "")
  lu.assertNil(exports.line_of(text, "/export"))
  lu.assertNil(exports.line_of(text, "#"))
end

function TestExportOptions:test_what_altmig_writes_is_known_by_its_form()
  for _, text in ipairs { exports.read_only("c"), "-access=c:d,ro,root=c", "ro,access=c", "ro,access=c,root=c,sec=sys" } do
    lu.assertTrue(exports.is_read_only(text), text)
  end
  for _, text in ipairs { "ro", "rw,access=c", "ro,root=c", "ro,access=c,anon=0", "ro=c,access=c", "ro,access=c,sec=krb5",
    "ro,access=c,access=d", "" } do
    lu.assertFalse(exports.is_read_only(text), text)
  end
end
