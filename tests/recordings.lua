-- SPDX-License-Identifier: MIT
-- Holds the recordings of a migration (STATE/CLIENT/commands.jsonl) against the contract, and against what a table of
-- flags cannot say: which disks and volume groups may be destroyed, and what never goes to the master.

local json = require "altmig.json"
local contract = require "lab.contract"

local recordings = {}

---@class recordings.World
---@field master string           the master's name, as records have it
---@field disks table<string, boolean>  those that the journal names as targets
---@field groups table<string, boolean> volume groups that are the copy's

--- What the records of a journal say is ours: the disks that a run was told to use, and those of the copies it made.
---@param records table[]
---@param master string
---@return recordings.World
function recordings.world(records, master)
  local world = { master = master, disks = {}, groups = { altinst_rootvg = true } }
  for _, record in ipairs(records) do
    local lists = { record.disks, type(record.options) == "table" and record.options.disks }
    for _, list in pairs(lists) do
      for _, disk in ipairs(type(list) == "table" and list or {}) do world.disks[disk] = true end
    end
  end
  return world
end

-- Special files that have the same numbers everywhere and hold nothing.
local harmless = { null = true, zero = true, tty = true, random = true, urandom = true, error = true, stdin = true, stdout = true }

local function device_in(text)
  local disk = text:match("%f[%w_]r?hdisk%d+%f[^%w_]")
  if disk then return disk end
  for name in text:gmatch("/dev/([%w_]+)") do
    if not harmless[name] then return "/dev/" .. name end
  end
end

local function base(word) return (word:gsub("^/dev/r?", "")) end

-- What one simple command may not do, whatever its flags.
local rules = {}

function rules.savebase(_, flags)
  if not (flags.o and flags.d) then return "savebase without both -o and -d writes to the running boot device" end
end

local function needs_operand(name, what)
  rules[name] = function(_, _, operands)
    if #operands == 0 then return what end
  end
end
needs_operand("df", "df without an operand asks every server of the host")
needs_operand("umount", "umount without an operand")
rules.unmount = rules.umount

function rules.exportfs(_, flags, operands)
  if flags.u and (#operands == 0 or flags.a) then return "exportfs -u of everything" end
end

function rules.mount(_, flags, operands)
  local source = operands[2] and operands[1]
  if source and source:match("^/dev/") and (flags.v and flags.v[1] == "namefs" or harmless[source:sub(6)]) then
    return "a namefs mount of the device " .. source
  end
end

local function removes(world, _, operands)
  local group = operands[1] or "altinst_rootvg"
  if not world.groups[group] then return ("-X of %s, which the journal does not name as ours"):format(group) end
end

function rules.alt_rootvg_op(world, flags, operands)
  if flags.X then return removes(world, flags, operands) end
end
rules.alt_disk_install = rules.alt_rootvg_op

function rules.chpv(world, _, operands)
  for _, disk in ipairs(operands) do
    if not world.disks[base(disk)] then return ("chpv of %s, which the journal does not name as ours"):format(disk) end
  end
end

function rules.dd(world, _, operands)
  for _, word in ipairs(operands) do
    local device = word:match("^of=/dev/(.+)$")
    local name = device and base("/dev/" .. device)
    if name and not harmless[name] and not world.disks[name] and not name:match("^alt_") then
      return ("dd to /dev/%s, which the journal does not name as ours"):format(device)
    elseif word:match("^of=x$") then
      return "dd to a place that the record does not show"
    end
  end
end

--- What is wrong with one record.
---@param record table
---@param world recordings.World
---@return string[] violations
---@return integer commands  the command line itself and those of its script
function recordings.check(record, world)
  local argv = record.argv
  local found = contract.check(argv)
  if type(argv) ~= "table" or type(argv[1]) ~= "string" then return found, 0 end
  local count = 0
  local has_text = type(record.script) == "string"
  local reads = contract.each(argv, has_text and record.script or nil, function(name, args)
    count = count + 1
    local rule = rules[name]
    local flags, operands = contract.parse(name, args)
    local violation = rule and rule(world, flags, operands)
    if violation then found[#found + 1] = violation end
  end)
  if reads and not has_text then found[#found + 1] = "the text that the shell was given is not in the record" end
  if has_text then
    local words = {}
    -- What stands behind the shell and its flags: $1, $2 ... of the text.
    for i = #argv, 1, -1 do
      if argv[i] == "-s" or argv[i]:match("/?k?sh$") then break end
      table.insert(words, 1, argv[i])
    end
    for _, violation in ipairs((contract.check_script(record.script, words))) do found[#found + 1] = violation end
  end
  if record.host == world.master then
    local all = { record.script or "" }
    for _, word in ipairs(argv) do all[#all + 1] = word end
    for _, text in ipairs(all) do
      local device = type(text) == "string" and device_in(text)
      if device then found[#found + 1] = ("%s in a command to the master"):format(device) end
    end
  end
  return found, count
end

--- Checks the text of a file of recordings, one object a line.
---@param text string
---@param world recordings.World
---@return string[] violations each with its command line
---@return integer records
---@return integer commands
function recordings.check_file(text, world)
  local found, records, commands = {}, 0, 0
  for line in text:gmatch("[^\n]+") do
    records = records + 1
    local record = json.decode(line)
    if type(record) ~= "table" then
      found[#found + 1] = ("line %d is no object: %s"):format(records, line:sub(1, 80))
    else
      local violations, count = recordings.check(record, world)
      commands = commands + count
      for _, violation in ipairs(violations) do
        found[#found + 1] = ("%s: %s\n  %s"):format(tostring(record.host), violation, json.encode(record.argv or false))
      end
    end
  end
  return found, records, commands
end

return recordings
