-- SPDX-License-Identifier: MIT
-- altmig installp index: what a directory of installp images has, by what the images say.

local err = require "altmig.err"
local installp = require "altmig.installp"
local json = require "altmig.json"
local nim = require "altmig.nim"
local options = require "altmig.options"
local output = require "altmig.ui.output"
local state = require "altmig.run.state"
local sys = require "altmig.sys"

local JSON <const> = { "json", "json", text = "one JSON object instead of a table" }
local NIM <const> = { "nim", "nim", arg = "FILE", text = "resources, where DIR is the name of an lpp_source" }
local STATE <const> = { "state", "state", arg = "DIR", text = "where what was read is remembered (default $ALTMIG_STATE)" }

options.define("altmig installp index", { operands = "DIR", text = "the filesets of every image, RPMs and interim fixes", flags = {
  JSON, { "toc", "toc", text = "not supported yet: write a .toc" }, NIM, STATE } })

local command = {
  summary = "say what a directory of installp images has",
  usage = options.usage("altmig installp", [[
  DIR is a directory, an nfs:// URL or the name of an lpp_source. Every image says itself what it has; file
  names and a .toc are not believed. What is no image is named on standard error and left out.]]),
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

--- The index of DIR; what was skipped is said on stderr.
local function source_of(word, opts)
  local opened, place = {}, nil
  local ok, result = xpcall(function()
    place = installp.place(word, world(opts, opened))
    local cache = ("%s/lpp_source/%s"):format(state.dir(opts), sys.sha256(place.key):sub(1, 32))
    return installp.index(place, { cache = cache })
  end, err.wrap)
  if place then place.close() end
  if opened.master then opened.master:close() end
  if not ok then error(result, 0) end
  for _, problem in ipairs(result.problems) do
    output.complain("altmig installp: skipped %s: %s", problem.file, problem.message)
  end
  if result.unremembered then output.complain("altmig installp: what was read is not remembered: %s", result.unremembered) end
  return result
end

-- Columns as wide as their longest word.
local function table_of(rows)
  local widths = {}
  for _, row in ipairs(rows) do
    for i, word in ipairs(row) do widths[i] = math.max(widths[i] or 0, #word) end
  end
  for _, row in ipairs(rows) do
    local words = {}
    for i, word in ipairs(row) do
      words[i] = i < #row and word .. (" "):rep(widths[i] - #word) or word
    end
    output.print("%s", table.concat(words, "  "))
  end
end

local function one(operands)
  if #operands ~= 1 then err.usage(command.usage) end
  return operands[1]
end

function actions.index(args)
  local opts, operands = options.parse(args, "altmig installp index")
  if opts.toc then
    err.usage("altmig installp index: --toc is not supported yet: the form of the first lines of a .toc is not documented; "
      .. "run 'inutoc DIR' on AIX")
  end
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
  table_of(rows)
  return 0
end

return command
