-- SPDX-License-Identifier: MIT
-- nimadm -M: the level of bos.alt_disk_install on the NIM master, in the SPOT and in the lpp_source. They must agree: the
-- client runs the SPOT's programs, the master those of its own. Shown, and brought into agreement.
--
-- What is installed is the level of the source (-d), else the highest that any of the three has. A level is brought
-- down only with -F.

local aix = require "altmig.aix.output"
local err = require "altmig.err"
local host = require "altmig.run.host"
local installp = require "altmig.installp"
local nim = require "altmig.nim"
local state = require "altmig.run.state"

local level = {}

--- The package and its filesets; a release need not have the second.
level.package = "bos.alt_disk_install"
level.filesets = { "bos.alt_disk_install.rte", "bos.alt_disk_install.boot_images" }

-- NIM makes every image of a package known; this may take its time.
local LONG <const> = 7200

---@class altmig.alt_disk_level.Row
---@field fileset string
---@field master string?       # levels; nil where it is not there
---@field spot string?
---@field lpp_source string?   # the highest of its images
---@field source string?
---@field target string?       # what is to be installed everywhere
---@field agree boolean

---@class altmig.alt_disk_level.Act
---@field where "lpp_source"|"spot"|"master"
---@field what string          # for a human
---@field argv string[]        # on the master

---@class altmig.alt_disk_level.Sync
---@field master altmig.Host
---@field spot altmig.nim.Resource
---@field lpp_source altmig.nim.Resource
---@field source string?       # a directory or device of the master
---@field force boolean?
local Sync = {}
Sync.__index = Sync

local wanted = {}
for _, name in ipairs(level.filesets) do wanted[name] = true end

local function higher(list, name, found)
  if found and (not list[name] or aix.compare_levels(found, list[name]) > 0) then list[name] = found end
end

local function of_master(self)
  local list = {}
  local result = self.master:run { "lslpp", "-lqc", table.unpack(level.filesets) } -- not 0 where it lacks one of them
  for _, row in ipairs(aix.lslpp_lqc(result.stdout)) do
    if wanted[row.fileset] then higher(list, row.fileset, row.level) end
  end
  return list
end

local function of_spot(self)
  local list = {}
  for _, name in ipairs(level.filesets) do
    local result = self.master:run({ "odmget", "-q", "name=" .. name, "lpp" },
      { env = { ODMDIR = self.spot.location .. "/lib/objrepos" } })
    for _, object in ipairs(aix.odmget(result.stdout)) do
      if object.name == name and object.ver then
        higher(list, name, ("%s.%s.%s.%s"):format(object.ver, object.rel, object.mod, object.fix))
      end
    end
  end
  return list
end

-- Where installp finds the images of a directory: in its installp/ppc, if it has one.
local function images_in(self, place)
  local below = place .. "/installp/ppc"
  return self.master:holds { "test", "-d", below } and below or place
end

-- The levels that there are images of, all of them by fileset.
local function of_images(self, place, what)
  local list, all = {}, {}
  local text = self.master:must({ "installp", "-L", "-d", images_in(self, place) },
    { timeout = LONG, remedy = ("%s on %s must have images of installp"):format(what, self.master.name) })
  for _, row in ipairs(aix.installp_L(text)) do
    if wanted[row.fileset] then
      higher(list, row.fileset, row.level)
      all[row.fileset] = all[row.fileset] or {}
      all[row.fileset][row.level] = true
    end
  end
  return list, all
end

-- One fileset: where it is to be at which level.
local function row_of(self, name, found)
  local row = { fileset = name, master = found.master[name], spot = found.spot[name], lpp_source = found.lpp_source[name],
    source = found.source and found.source[name] }
  if self.source then
    row.target = row.source
  else
    for _, where in ipairs { "master", "spot", "lpp_source" } do
      if row[where] and (not row.target or aix.compare_levels(row[where], row.target) > 0) then row.target = row[where] end
    end
  end
  row.agree = row.target == nil and not (row.master or row.spot)
    or row.target ~= nil and row.master == row.target and row.spot == row.target
    and (found.of_lpp_source[name] or {})[row.target] == true
  return row
end

--- Looks at all of them; changes nothing.
---@return altmig.alt_disk_level.Row[] rows
function Sync:look()
  local found = { master = of_master(self), spot = of_spot(self) }
  found.lpp_source, found.of_lpp_source = of_images(self, self.lpp_source.location, "lpp_source " .. self.lpp_source.name)
  if self.source then found.source, found.of_source = of_images(self, self.source, self.source) end
  self.found = found
  local rows = {}
  for _, name in ipairs(level.filesets) do
    local row = row_of(self, name, found)
    if row.target or row.master or row.spot then rows[#rows + 1] = row end
  end
  if #rows == 0 or rows[1].fileset ~= level.filesets[1] or not rows[1].target then
    err.raise { code = "NO_ALT_DISK_INSTALL", host = self.master.name,
      message = ("%s is not to be had: neither %s nor the SPOT has it, and there is no image of it in %s"):format(level.filesets[1],
        self.master.name, self.source or "lpp_source " .. self.lpp_source.name),
      remedy = ("name a directory or device of %s that has its image: -d DIRECTORY"):format(self.master.name) }
  end
  return rows
end

local function refuse(message, remedy)
  err.raise { code = "LEVELS", message = message, remedy = remedy }
end

-- What is to be done at one place for these filesets, or why it cannot be.
local function lowered(self, rows, where, name)
  for _, row in ipairs(rows) do
    if row.target and row[where] and aix.compare_levels(row[where], row.target) > 0 and not self.force then
      refuse(("%s has %s %s, which is higher than %s"):format(name, row.fileset, row[where], row.target),
        "name a source of the higher level with -d, or bring the level down with -F")
    end
  end
end

local function differing(rows, where)
  local list, down = {}, false
  for _, row in ipairs(rows) do
    if row.target and row[where] ~= row.target then
      list[#list + 1] = row
      down = down or row[where] ~= nil and aix.compare_levels(row[where], row.target) > 0
    end
  end
  return list, down
end

local function names_of(rows)
  local list = {}
  for i, row in ipairs(rows) do list[i] = row.fileset end
  return list
end

--- What brings them into agreement, in order. Raises where it cannot be done.
---@param rows altmig.alt_disk_level.Row[]
---@return altmig.alt_disk_level.Act[]
function Sync:plan(rows)
  local acts, lpp, spot = {}, self.lpp_source, self.spot
  lowered(self, rows, "master", "NIM master " .. self.master.name)
  lowered(self, rows, "spot", "SPOT " .. spot.name)
  local missing = {}
  for _, row in ipairs(rows) do
    local there = self.found.of_lpp_source[row.fileset] or {}
    if row.target and not there[row.target] then missing[#missing + 1] = ("%s %s"):format(row.fileset, row.target) end
    if row.target and row.lpp_source and aix.compare_levels(row.lpp_source, row.target) > 0 then
      refuse(("lpp_source %s has %s %s, which is higher than %s: NIM would install that"):format(lpp.name, row.fileset, row.lpp_source,
        row.target), ("take the image out of %s and run: nim -o check %s; or leave -d out"):format(lpp.location, lpp.name))
    end
  end
  if #missing > 0 and not self.source then
    refuse(("there is no image of %s in lpp_source %s"):format(table.concat(missing, ", "), lpp.name),
      ("name a directory or device of %s that has it: nimadm -M -s %s -l %s -d DIRECTORY"):format(self.master.name, spot.name, lpp.name))
  end
  local function act(where, what, argv) acts[#acts + 1] = { where = where, what = what, argv = argv } end
  if #missing > 0 then
    act("lpp_source", ("copies %s to lpp_source %s"):format(table.concat(missing, ", "), lpp.name),
      { "nim", "-o", "update", "-a", "packages=" .. level.package, "-a", "source=" .. images_in(self, self.source), lpp.name })
  end
  local list, down = differing(rows, "spot")
  if #list > 0 then
    local argv = { "nim", "-o", "cust", "-a", "lpp_source=" .. lpp.name, "-a", "filesets=" .. table.concat(names_of(list), " ") }
    if down then argv[#argv + 1], argv[#argv + 2] = "-a", "installp_flags=-aFXY" end
    argv[#argv + 1] = spot.name
    act("spot", ("installs %s in SPOT %s"):format(table.concat(names_of(list), " "), spot.name), argv)
  end
  list, down = differing(rows, "master")
  if #list > 0 then
    local filesets = {}
    for i, row in ipairs(list) do filesets[i] = { fileset = row.fileset, level = row.target } end
    act("master", ("installs %s on NIM master %s"):format(table.concat(names_of(list), " "), self.master.name),
      installp.argv { operation = "apply", flags = down and "FXY" or "gXY", device = images_in(self, lpp.location), filesets = filesets })
  end
  return acts
end

--- Does it. Raises where a command fails, or where the levels do not agree afterwards.
---@param acts altmig.alt_disk_level.Act[]
---@param say fun(act: altmig.alt_disk_level.Act)
---@return altmig.alt_disk_level.Row[] rows   # as they are then
function Sync:run(acts, say)
  for _, act in ipairs(acts) do
    say(act)
    self.master:must(act.argv, { timeout = LONG,
      remedy = ("see what %s says there, remove the cause, then the same command again"):format(act.argv[1]) })
  end
  local rows = self:look()
  for _, row in ipairs(rows) do
    if not row.agree then
      err.raise { code = "LEVELS", host = self.master.name, status = 1,
        message = ("%s still differs: %s on the master, %s in SPOT %s, %s in lpp_source %s"):format(row.fileset, row.master or "none",
          row.spot or "none", self.spot.name, row.lpp_source or "none", self.lpp_source.name),
        remedy = ("look at the output of the commands on %s: lslpp -l, nim -o showlog %s"):format(self.master.name, self.spot.name) }
    end
  end
  return rows
end

-- A SPOT is not changed under a migration that may run programs of it.
local function refuse_used(opts)
  local used = {}
  for _, client in ipairs(state.list(opts)) do
    local ok, now = pcall(state.read, opts, client)
    if ok and now and now.start and not now.ended and now.start.options.spot == opts.spot then used[#used + 1] = client end
  end
  if #used > 0 and not opts.force then
    refuse(("SPOT %s is in use: the migration of %s is not over"):format(opts.spot, table.concat(used, ", ")),
      ("altmig resume %s, or nimadm -C -c %s -s %s; or change the SPOT all the same with -F"):format(used[1], used[1], opts.spot))
  end
end

--- Connects to the master.
---@param opts { spot: string, lpp_source: string, source: string?, force: boolean?, preview: boolean?, nim: string?, state: string? }
---@param fn fun(sync: altmig.alt_disk_level.Sync): any
---@return any
function level.with(opts, fn)
  local resources = nim.load(opts.nim)
  local sync = setmetatable({ spot = resources:resource("spot", opts.spot), lpp_source = resources:resource("lpp_source", opts.lpp_source),
    source = opts.source, force = opts.force }, Sync)
  if not opts.preview then refuse_used(opts) end
  sync.master = host.connect("master", resources:master())
  local ok, result = xpcall(fn, err.wrap, sync)
  sync.master:close()
  if not ok then error(result, 0) end
  return result
end

--- The places, for a table: which field of a row is of which.
---@return { [1]: string, [2]: string }[]
function Sync:places()
  local list = { { "master", "NIM master " .. self.master.name }, { "spot", "SPOT " .. self.spot.name },
    { "lpp_source", "lpp_source " .. self.lpp_source.name } }
  if self.source then list[4] = { "source", self.source } end
  return list
end

return level
