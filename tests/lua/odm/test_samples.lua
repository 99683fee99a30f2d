-- SPDX-License-Identifier: MIT
-- Object classes of real systems, which are not part of the sources: those below the reference samples, or
-- below the directory that ALTMIG_OBJREPOS names (a copy of /usr/lib/objrepos will do).

local lu = require "luaunit"
local core = require "altmig.odm_core"
local merge_case = require "merge_case"
local sys = require "altmig.sys"

local MAGIC = "\0\13\207\172"

-- All classes below a directory: { path, name, data, strings }.
local function classes_below(dir, out)
  for _, name in ipairs(sys.list(dir) or {}) do
    local path = dir .. "/" .. name
    local stat = sys.lstat(path)
    if stat and stat.type == "dir" then
      classes_below(path, out)
    elseif stat and stat.type == "file" and not name:match "%.vc$" then
      local data = sys.read_file(path)
      if data and data:sub(1, 4) == MAGIC then
        out[#out + 1] = { path = path, name = name, data = data, strings = sys.read_file(path .. ".vc") }
      end
    end
  end
  return out
end

local function samples()
  local own, out = os.getenv "ALTMIG_OBJREPOS", {}
  if own then return classes_below(own, out) end
  classes_below(SHARED_DIR .. "/samples", out)
  return classes_below(SHARED_DIR .. "/cases", out)
end

local function open(sample) return assert(core.parse(sample.path, sample.data, sample.strings)) end

-- Another value of the descriptor's type than the one that is there.
local function other(descriptor, value)
  if type(value) == "number" then return value == 1 and 2 or 1 end
  if descriptor.type == "binary" or descriptor.size and descriptor.size < 2 then return nil end
  return value == "z" and "y" or "z"
end

TestOdmSamples = {}

function TestOdmSamples:setUp()
  self.samples = samples()
  lu.skipIf(#self.samples == 0, "no class of a real system is there")
end

function TestOdmSamples:test_every_field_changes_alone_and_back()
  for _, sample in ipairs(self.samples) do
    local image <close> = open(sample)
    lu.assertEquals(image:writable(), true, sample.path)
    local rows, slots = image:rows()
    for i = 1, math.min(#rows, 50) do
      for _, descriptor in ipairs(image:descriptors()) do
        local name, was = descriptor.name, rows[i][descriptor.name]
        local now = other(descriptor, was)
        if now ~= nil then
          assert(image:set(slots[i], { [name] = now }))
          local changed = image:rows()[i]
          lu.assertEquals(changed[name], now)
          changed[name] = was
          lu.assertEquals(changed, rows[i], sample.path)
          assert(image:set(slots[i], { [name] = was }))
          if descriptor.type ~= "vchar" and not descriptor.external then
            local data = image:images()
            lu.assertEquals(#data, #sample.data)
          end
        end
      end
    end
    lu.assertEquals(image:rows(), rows, sample.path)
  end
end

-- The bytes of a class with one object changed and one added.
local function edited(sample, key, field, value, more)
  local image <close> = open(sample)
  local rows, slots = image:rows()
  assert(image:set(slots[1], { [field] = value }))
  if more then
    local row = {}
    for name, was in pairs(rows[#rows]) do row[name] = was end
    row[key] = "zz.altmig"
    assert(image:add(row))
  end
  return { image:images() }
end

local merges = {
  { title = "ODM_merge PdAt", class = "PdAt", key = "uniquetype", ours = "deflt", theirs = "width" },
  { title = "ODM_merge PdDv", class = "PdDv", key = "uniquetype", ours = "led", theirs = "catalog" },
  { title = "merge_smit_db", class = "sm_cmd_opt", key = "id", ours = "help_msg_id", theirs = "entry_type" },
  { title = "merge_smit_db", class = "sm_menu_opt", key = "next_id", ours = "help_msg_id", theirs = "text" },
  { title = "merge_swvpds", class = "lpp", key = "name", ours = "description", theirs = "group",
    with = { "product", "history", "inventory" } },
}

function TestOdmSamples:test_classes_of_a_real_system_merge()
  local tried = 0
  for _, sample in ipairs(self.samples) do
    for _, method in ipairs(merges) do
      if method.class == sample.name and #open(sample):get() > 1 then
        local path = "/usr/lib/objrepos/" .. sample.name
        local c = edited(sample, method.key, method.ours, "7", true)
        local n = edited(sample, method.key, method.theirs, "8")
        local inputs = {}
        for i, suffix in ipairs { "", ".vc" } do
          inputs[path .. suffix] = { o = i == 1 and sample.data or sample.strings, c = c[i], n = n[i] }
          for _, name in ipairs(method.with or {}) do
            local same = sys.read_file(sample.path:match "^.*/" .. name .. suffix)
            inputs["/usr/lib/objrepos/" .. name .. suffix] = { o = same, c = same, n = same }
          end
        end
        local t, dir = merge_case.open()
        local ok, problem = pcall(function()
          local status, said = merge_case.run(t, method.title, inputs)
          lu.assertEquals(status, "merged", sample.path)
          lu.assertEquals(said.warnings, {}, sample.path)
          local result <close> = assert(core.parse(path, t:read(path), t:read(path .. ".vc")))
          local there <close> = open(sample)
          lu.assertTrue(#result:get() >= #there:get(), sample.path)
        end)
        merge_case.close(t, dir)
        if not ok then error(problem, 0) end
        tried = tried + 1
      end
    end
  end
  lu.skipIf(tried == 0, "no class that a method merges is there")
end
