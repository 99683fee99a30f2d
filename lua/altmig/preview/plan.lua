-- SPDX-License-Identifier: MIT
-- The plan of an installation, as it is shown.

local json = require "altmig.json"
local output = require "altmig.ui.output"

local show = {}

--- Columns as wide as their longest word.
---@param rows string[][]
function show.table(rows)
  local widths = {}
  for _, row in ipairs(rows) do
    for i, word in ipairs(row) do widths[i] = math.max(widths[i] or 0, #word) end
  end
  for _, row in ipairs(rows) do
    local words = {}
    for i, word in ipairs(row) do
      words[i] = i < #row and word .. (" "):rep(widths[i] - #word) or word
    end
    output.print("%s", (table.concat(words, "  "):gsub(" +$", "")))
  end
end

local function section(title, rows)
  if #rows == 0 then return end
  output.print("%s", title)
  show.table(rows)
  output.print("")
end

-- "a 1.0.0.0 needs *prereq b 2.0.0.0; b 2.0.0.0 needs ...: c is not there"
---@param failure altmig.plan.Failure
---@return string
function show.sentence(failure)
  local words = {}
  for i, link in ipairs(failure.chain) do
    words[i] = ("%s %s%s"):format(link.fileset, link.level, link.requisite and " needs " .. link.requisite or "")
  end
  return (#words > 0 and table.concat(words, "; ") .. ": " or "") .. failure.reason
end

local function step_row(step)
  local note = step.by and ("for %s %s"):format(step.by.fileset, step.by.level) or ""
  if step.locked then note = note .. (note == "" and "" or ", ") .. "locked by an interim fix" end
  if step.licence then note = note .. (note == "" and "" or ", ") .. "has a licence" end
  return { step.action, step.fileset, step.from or "-", step.level, step.image, note }
end

--- Prints what there is to say of a plan.
---@param made altmig.Plan
function show.print(made)
  local rows = { { "ACTION", "FILESET", "FROM", "TO", "IMAGE", "" } }
  for i, step in ipairs(made.steps) do rows[i + 1] = step_row(step) end
  section("In this order:", #made.steps > 0 and rows or {})
  local function list(of, fn)
    local out = {}
    for i, row in ipairs(of) do out[i] = fn(row) end
    return out
  end
  section("Cannot be installed:", list(made.failed, function(row) return { row.fileset, row.level or "-", show.sentence(row) } end))
  section("A lower level is taken:", list(made.held, function(row) return { row.fileset, row.level, show.sentence(row) } end))
  section("Superseded:", list(made.superseded, function(row) return { row.fileset, row.level, "by " .. row.by, row.image } end))
  section("RPMs and interim fixes:", list(made.others, function(row) return { row.kind, row.name, row.image or "no image has it" } end))
  section("Not in the new release:", list(made.obsolete, function(row)
    return { row.name, row.level, row.state, row.reason .. (row.loses and "; lost with it: " .. row.loses or "") }
  end))
  section("Left alone:", list(made.left, function(row) return { row.fileset, row.level, row.reason } end))
  local group = made.group
  rows = { { "FILE SYSTEM", "NEEDED", "OF THAT TEMPORARY", "FREE", "MUST GROW TO", group and "PARTITIONS" } }
  for i, row in ipairs(made.space) do
    rows[i + 1] = { row.mount, tostring(row.needed), tostring(row.temporary), tostring(row.free or "-"), tostring(row.grow_to or "-"),
      group and tostring(row.partitions or "-") }
  end
  section("Room, in blocks of 512 bytes:", #made.space > 0 and rows or {})
  if group then output.print("Volume group: %s", show.partitions(group)) end
  if made.paging > 0 then output.print("Paging space: %d blocks", made.paging) end
end

local function megabytes(blocks) return ("%d MB"):format((blocks + 2047) // 2048) end

-- "2 partitions (128 MB)"
local function counted(count, group)
  local total = count <= math.maxinteger // group.partition and count * group.partition or math.maxinteger - 2047
  return ("%d partition%s (%s)"):format(count, count == 1 and "" or "s", megabytes(total))
end

--- What file systems must grow by, and what there is: "2 partitions (128 MB) of 64 MB are needed, 10 (640 MB) are free".
---@param group altmig.plan.Group
---@return string
function show.partitions(group)
  return ("%s of %s needed, %s free"):format(counted(group.needed, group), megabytes(group.partition), counted(group.free, group))
end

--- What must grow, in words.
---@param rows altmig.plan.Room[]
---@param root string?    before the mount points
---@return string
function show.growth(rows, root)
  local list = {}
  for _, row in ipairs(rows) do
    if row.grow_to then
      list[#list + 1] = ("%s%s by %s (%d blocks of 512 bytes are needed, %d are free)"):format(root or "",
        root and row.mount == "/" and "" or row.mount,
        row.partitions and ("%d partition%s"):format(row.partitions, row.partitions == 1 and "" or "s") or
          ("%d blocks"):format(row.grow_to - row.size), row.needed, row.free)
    end
  end
  return table.concat(list, ", ")
end

---@param made altmig.Plan
---@return string
function show.count(made)
  return ("%d to install, %d cannot be installed,%s %d left alone"):format(#made.steps, #made.failed,
    #made.obsolete > 0 and (" %d not in the new release,"):format(#made.obsolete) or "", #made.left)
end

--- The plan as it goes into JSON: its lists are lists also where they are empty.
---@param made altmig.Plan
---@return table
function show.document(made)
  local document = { paging = made.paging, group = made.group }
  for _, name in ipairs { "steps", "failed", "held", "superseded", "others", "obsolete", "left",
    "space" } do
    document[name] = json.array(made[name])
  end
  for _, list in ipairs { made.failed, made.held } do
    for _, row in ipairs(list) do json.array(row.chain) end
  end
  for _, row in ipairs(made.obsolete) do json.array(row.replaced_by) end
  return document
end

return show
