-- SPDX-License-Identifier: MIT
-- The tables of scripts/lab/images hold together: what one names the others have.

local lu = require "luaunit"
local resource = require "altmig.resource"

local has_sys = pcall(require, "altmig.sys")

table.insert(package.searchers, 2, function(name)
  local short = name:match("^lab%.([%w_]+)$")
  local text, origin = resource.read("scripts/lab/lib/" .. (short or "?") .. ".lua")
  return text and assert(load(text, origin, "t"))
end)

TestLabReleases = {}

function TestLabReleases:setUp()
  if not has_sys then lu.skip("this program has no altmig.sys") end
  self.release, self.config = require "lab.release", require "lab.config"
  self.swvpd = require "lab.swvpd"
end

function TestLabReleases:test_a_level_is_found_by_each_of_its_names()
  local function level(name) return assert(self.release.find(name)).level end
  lu.assertEquals(level "7200-05", self.config.default.to)
  lu.assertEquals(level "7200-05-06", self.config.default.to)
  lu.assertEquals(level "7200-05-06-2320", self.config.default.to)
  lu.assertEquals(level "7100-05", self.config.default.from)
  lu.assertEquals(level "7300-03", "7300-03-01-2520")
  lu.assertEquals(level "7300-03-00", "7300-03-00-2446")
end

function TestLabReleases:test_an_unknown_level_is_refused_with_those_known()
  for _, name in ipairs { "7300-09", "7200-05-06-2321", "7.3", "7200", "7200-05-0", "" } do
    local level, message = self.release.find(name)
    lu.assertNil(level, name)
    for _, known in ipairs { "7100-05-03-1846", "7200-05-06-2320", "7300-03-01-2520" } do lu.assertStrContains(message, known) end
  end
end

function TestLabReleases:test_no_level_takes_a_fileset_back()
  local before = {}
  for _, one in ipairs(self.release.levels()) do
    lu.assertTrue(not before.level or before.level.level < one.level, one.level)
    -- Media of an early 7.3 have an older OpenSSH than the web packs that 7.2 came to.
    if before.level and before.level.version ~= one.version then before = {} end
    for _, fileset in ipairs(one.filesets) do
      local old = before[fileset.name]
      lu.assertTrue(not old or self.swvpd.compare(old, fileset.level) <= 0, ("%s: %s of %s"):format(one.level, fileset.name, fileset.level))
      before[fileset.name] = fileset.level
    end
    before.level = one
  end
end

-- A system of a level has all that its filesets ask of each other.
function TestLabReleases:test_requisites_hold_within_a_level()
  local requisites = require "lab.requisite"
  for _, one in ipairs(self.release.levels()) do
    for _, fileset in ipairs(one.filesets) do
      lu.assertNotStrContains(fileset.requisites, "{base}")
      for _, need in ipairs(requisites.parse(fileset.requisites)) do
        lu.assertTrue(requisites.holds(need, function(name) return one.levels[name] end),
          ("%s: %s: %s"):format(one.level, fileset.name, fileset.requisites))
      end
    end
  end
end

function TestLabReleases:test_fix_data_name_what_the_level_has()
  for _, one in ipairs(self.release.levels()) do
    local seen = {}
    for _, fix in ipairs(self.release.fixes(one)) do
      seen[fix.name] = true
      for name, level in fix.filesets:gmatch("([^\n:]+):([%d.]+)") do
        local have = one.levels[name]
        lu.assertTrue(not have or self.swvpd.compare(have, level) >= 0, ("%s: %s: %s %s"):format(one.level, fix.name, name, level))
      end
    end
    lu.assertTrue(seen[one.technology_level .. "_AIX_ML"], one.level)
  end
end

function TestLabReleases:test_the_boot_image_fits_into_what_the_release_asks_of_hd5()
  for _, one in ipairs(self.release.levels()) do
    lu.assertTrue(one.boot_blocks > 40000 and one.boot_blocks <= 81920, one.level) -- 40 MB
  end
end

-- Every change of a release's table has what it changes, and every level comes to files and classes.
function TestLabReleases:test_files_and_classes_of_every_level_can_be_made()
  for _, one in ipairs(self.release.levels()) do
    lu.assertStrContains(self.release.files(one)["/etc/motd"].data, "AIX Version " .. one.version)
    lu.assertTrue(#self.release.predefined(one).PdAt > 5, one.level)
    lu.assertTrue(#self.release.shipped(one).SRCsubsys > 5, one.level)
  end
  -- What a later release changes is not changed in an older one that is made after it.
  local function maxuproc(name)
    for _, row in ipairs(self.release.predefined(assert(self.release.find(name))).PdAt) do
      if row.attribute == "maxuproc" then return row.deflt end
    end
  end
  lu.assertEquals(maxuproc "7200-05", "256")
  lu.assertEquals(maxuproc "7100-05", "128")
end

function TestLabReleases:test_resources_have_the_names_of_their_levels()
  local function names(from, to)
    local r = self.config.resources(from, to)
    return { r.lpp_source.name, r.spot.name, r.baseline.name, r.spot.location }
  end
  lu.assertEquals(names(self.config.default.from, self.config.default.to), { "lpp_source_AIX72TL5", "spot_AIX72TL5",
    "lpp_source_AIX71TL5", "/export/nim/spot/spot_AIX72TL5/usr" })
  lu.assertEquals(names("7300-03-00-2446", "7300-03-01-2520"), { "lpp_source_AIX73TL3SP1", "spot_AIX73TL3SP1",
    "lpp_source_AIX73TL3SP0", "/export/nim/spot/spot_AIX73TL3SP1/usr" })
  lu.assertEquals(self.config.update_resources("7100-05-06-2016").spot.name, "spot_AIX71TL5SP6")
end
