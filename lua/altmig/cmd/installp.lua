-- SPDX-License-Identifier: MIT
-- altmig installp index|plan: what a directory of installp images has, by what the images say, and what becomes of
-- a system when they are installed on it.

local aix = require "altmig.aix.output"
local err = require "altmig.err"
local installp = require "altmig.installp"
local json = require "altmig.json"
local nim = require "altmig.nim"
local options = require "altmig.options"
local output = require "altmig.ui.output"
local plan = require "altmig.aix.plan"
local planned = require "altmig.run.plan"
local show_plan = require "altmig.preview.plan"
local sys = require "altmig.sys"
local toc = require "altmig.aix.toc"

local command = {
  summary = "say what installp images have, and what installing them comes to",
  usage = options.usage("altmig installp", [[
  DIR is a directory, an nfs:// URL or the name of an lpp_source. Every image says itself what it has; file
  names and a .toc are not believed. What is no image is named on standard error and left out.
  A FILESET may be a package, a pattern or "all"; without any, what becomes of all that the system has.
  The status of a plan is 1 if something in it cannot be had.]]),
}

local actions = {}
command.actions = actions

-- The master, connected for what only it can read.
local function world(opts, opened)
  return function()
    local resources = nim.load(opts.nim)
    opened.master = require("altmig.run.host").connect("master", resources:master())
    return { nim = resources, master = opened.master }
  end
end

--- The index of DIR; what was skipped is said on stderr. `use` is called with place and index while the place is open.
local function source_of(word, opts, use)
  local opened, place = {}, nil
  local ok, result = xpcall(function()
    place = installp.place(word, world(opts, opened))
    local source = installp.index(place, { cache = planned.cache(opts, place), texts = use ~= nil })
    if use then use(place, source) end
    return source
  end, err.wrap)
  if place then place.close() end
  if opened.master then opened.master:close() end
  if not ok then error(result, 0) end
  for _, problem in ipairs(result.problems) do
    output.complain(problem.listed and "altmig installp: %s: its control library cannot be read, installp will fail on it: %s"
      or "altmig installp: skipped %s: %s", problem.file, problem.message)
  end
  if result.unremembered then output.complain("altmig installp: what was read is not remembered: %s", result.unremembered) end
  return result
end

local function one(operands)
  if #operands ~= 1 then err.usage(command.usage) end
  return operands[1]
end

-- --toc: the table of contents, in the place of the one that is there.
local function write_toc(word, opts)
  local made
  local source = source_of(word, opts, function(place, source)
    made = toc.make(source)
    place.write(made.file, made.text)
  end)
  for _, row in ipairs(made.left_out) do output.complain("altmig installp: no entry for %s: %s", row.file, row.message) end
  if opts.json then
    output.json({ source = source.name, file = made.file, entries = made.count, left_out = json.array(made.left_out),
      problems = json.array(source.problems) }, { sort = true, lossy = true })
  else
    output.print("altmig installp index: %s: %s has %d images", source.name, made.file, made.count)
  end
  return 0
end

function actions.index(args)
  local opts, operands = options.parse(args, "altmig installp index")
  if opts.toc then return write_toc(one(operands), opts) end
  local source = source_of(one(operands), opts)
  if opts.json then
    output.json({ source = source.name, images = json.array(source.images), problems = json.array(source.problems) },
      { sort = true, lossy = true })
    return 0
  end
  local rows = { { "FILESET", "LEVEL", "TYPE", "IMAGE" } }
  for _, row in ipairs(source:filesets()) do
    rows[#rows + 1] = { row.fileset.name, row.fileset.level, row.image.type, row.image.file }
  end
  for _, image in ipairs(source.images) do
    if image.kind ~= "installp" then rows[#rows + 1] = { image.name, image.level or "-", image.kind, image.file } end
  end
  show_plan.table(rows)
  return 0
end

---------------------------------------------------------------- the plan

-- Operands: names, each perhaps with a level behind it.
local function selection(words)
  local list = {}
  for i = 2, #words do
    if plan.level(words[i]) and list[1] and not list[#list].level then
      list[#list].level = words[i]
    else
      local name, level = words[i]:match("^(%S+)%s+(%S+)$") -- one word, as installp takes it
      list[#list + 1] = { name = name or words[i], level = level }
    end
  end
  return #list > 0 and list or nil
end

-- What lsvg printed of a volume group, and lsvg -l of its logical volumes, in one file.
local function volume_group(path)
  local text = err.check(sys.read_file(path, 1 << 20))
  local vg, copies = aix.lsvg(text), {}
  for _, lv in ipairs(aix.lsvg_l(text)) do
    if lv.mount then copies[lv.mount] = math.tointeger(math.max(1, lv.pps // math.max(1, lv.lps))) end
  end
  if not vg.pp_size or not vg.free_pps or not next(copies) then
    err.raise { code = "LSVG", message = ("altmig installp plan: %s: this is not the output of lsvg VG and lsvg -l VG"):format(path) }
  end
  return { name = vg.name, partition = math.tointeger(vg.pp_size * 2048), free = math.tointeger(vg.free_pps) }, copies
end

-- Blocks of 512 bytes, from df with kilobytes or with blocks.
local function filesystems(path, copies)
  local text = err.check(sys.read_file(path, 1 << 20))
  local unit = text:match("1024%-blocks") and 512 or text:match("512%-blocks") and 1024
  local list = {}
  for _, row in ipairs(unit and aix.df_k(text) or {}) do
    if row.free and row.total then
      list[#list + 1] = { mount = row.mount, free = math.tointeger(row.free // unit), size = math.tointeger(row.total // unit),
        copies = copies and copies[row.mount] }
    end
  end
  if #list == 0 then
    err.raise { code = "DF", message = ("altmig installp plan: %s: this is not the output of df -k"):format(path) }
  end
  return list
end

-- Whether all of it can be had.
local function is_whole(made)
  for _, row in ipairs(made.others) do
    if not row.image then return false end
  end
  return #made.failed == 0
end

function actions.plan(args)
  local opts, operands = options.parse(args, "altmig installp plan")
  if not operands[1] then err.usage(command.usage) end
  local select = selection(operands)
  if not opts.installed and not opts.bundle and not select then
    err.usage("altmig installp plan: nothing is selected: name filesets, or say with --installed what the system has")
  end
  if opts.lsvg and not opts.df then err.usage("altmig installp plan: --lsvg needs --df: what the file systems have") end
  local group, copies
  if opts.lsvg then group, copies = volume_group(opts.lsvg) end
  local made = source_of(operands[1], opts):plan {
    installed = opts.installed and plan.installed_at(opts.installed) or nil,
    select = select or not opts.installed and {} or nil,
    bundle = opts.bundle and err.check(sys.read_file(opts.bundle, 1 << 20)) or nil,
    filesystems = opts.df and filesystems(opts.df, copies) or nil,
    group = group,
    restore = not opts.no_restore and nil or false,
  }
  if opts.json then
    output.json(show_plan.document(made), { sort = true, lossy = true })
  else
    show_plan.print(made)
    output.print("altmig installp plan: %s", show_plan.count(made))
  end
  return is_whole(made) and 0 or 1
end

return command
