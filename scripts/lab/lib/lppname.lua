-- SPDX-License-Identifier: MIT
-- The lpp_name file of an installp image: which filesets it holds and what they need.

local swvpd = require "lab.swvpd"

local lppname = {}

---@class lab.lppname.Fileset
---@field name string
---@field level string
---@field bosboot string N, B, b or Y
---@field content string U (usr), B (usr and root) or H (share)
---@field description string
---@field date string build date YYWW, "" when unknown
---@field prereq string requisite lines, verbatim
---@field sizes {dir: string, blocks: integer, temporary: integer}[]
---@field fixes string[]

---@class lab.lppname.Image
---@field package string
---@field kind string I (install) or S (update)
---@field filesets lab.lppname.Fileset[]

--- Formats an image's lpp_name.
---@param image lab.lppname.Image
---@return string
function lppname.format(image)
  local out = { ("4 R %s %s {\n"):format(image.kind or "I", image.package) }
  for _, f in ipairs(image.filesets) do
    local comment = f.date and f.date ~= "" and " # " .. f.date or ""
    out[#out + 1] = ("%s %s 01 %s %s en_US %s%s\n[\n"):format(f.name, f.level, f.bosboot or "N", f.content or "U",
      f.description, comment)
    out[#out + 1] = (f.prereq or "") .. "%\n"
    for _, size in ipairs(f.sizes or {}) do out[#out + 1] = ("%s %d %d\n"):format(size.dir, size.blocks, size.temporary or 0) end
    out[#out + 1] = "%\n%\n%\n"
    for _, fix in ipairs(f.fixes or {}) do out[#out + 1] = fix .. "\n" end
    out[#out + 1] = "%\n]\n"
  end
  out[#out + 1] = "}\n"
  return table.concat(out)
end

-- Puts a line of section 1 to 5 where it belongs.
local function take(f, section, line)
  if section == 1 then
    f.prereq = f.prereq .. line .. "\n"
  elseif section == 2 then
    local dir, blocks, temporary = line:match("^%s*(%S+)%s+(%d+)%s*(%d*)")
    if dir then
      table.insert(f.sizes, { dir = dir, blocks = tonumber(blocks), temporary = tonumber(temporary) or 0 })
    end
  elseif section == 5 then
    table.insert(f.fixes, line)
  end
end

--- Reads an lpp_name.
---@param text string
---@return lab.lppname.Image?
---@return string? message
function lppname.parse(text)
  local image, current, section
  for line in text:gmatch("[^\n]+") do
    local kind, package = line:match("^%s*4%s+%u%s+(%u+)%s+(%S+)%s*{")
    if kind then
      image = { kind = kind, package = package, filesets = {} }
    elseif not image then
      return nil, "lpp_name: its first line is not understood"
    elseif section then
      if line:match("^%s*%]") then
        current, section = nil, nil
      elseif line:match("^%s*%%%s*$") then
        section = section + 1
      else
        take(current, section, line)
      end
    elseif line:match("^%s*%[%s*$") then
      if not current then return nil, "lpp_name: '[' without a fileset" end
      section = 1
    elseif not line:match("^%s*}") then
      local name, level, bosboot, content, rest = line:match("^%s*(%S+)%s+(%S+)%s+%d+%s+(%S)%s+(%S)%s+%S+%s*(.*)$")
      local numbers = level and swvpd.parse_level(level)
      if not numbers then return nil, "lpp_name: '" .. line .. "' is no fileset" end
      local description, date = rest:match("^(.-)%s*#%s*(.-)%s*$")
      current = { name = name, level = swvpd.format_level(numbers), bosboot = bosboot, content = content,
        description = description or rest, date = date or "", prereq = "", sizes = {}, fixes = {} }
      table.insert(image.filesets, current)
    end
  end
  if not image then return nil, "lpp_name: empty" end
  return image
end

return lppname
