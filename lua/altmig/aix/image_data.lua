-- SPDX-License-Identifier: MIT
-- image.data and bosinst.data: stanzas of fields, as mkszfile and the BOS installation write them.
-- The document keeps every line it was read from, so that fields and stanzas nobody here knows stay
-- as they are and where they are.

local err = require "altmig.err"
local escape = require "altmig.escape"

local imagedata = {}

---@class altmig.imagedata.Field
---@field name string
---@field value string
---@field line integer

---@class altmig.imagedata.Stanza
---@field name string
---@field line integer
---@field fields altmig.imagedata.Field[]
---@field by_name table<string, altmig.imagedata.Field>
local Stanza = {}
Stanza.__index = Stanza

---@class altmig.imagedata.Document
---@field origin string
---@field lines string[]      as read, without the newlines
---@field stanzas altmig.imagedata.Stanza[]
local Document = {}
Document.__index = Document

local LONGEST_LINE <const> = 4096
local MOST_LINES <const> = 100000

local function fail(origin, line, code, ...)
  err.raise { code = code, message = ("image.data: %s: line %d: %s"):format(origin, line, string.format(...)) }
end

local function printable(text) return escape.line(text:sub(1, 40)) end

local function parse(text, origin)
  origin = origin or "image.data"
  local doc = setmetatable({ origin = origin, lines = {}, stanzas = {} }, Document)
  local stanza, number, at = nil, 0, 1
  while at <= #text do
    number = number + 1
    local stop = text:find("\n", at, true)
    local line = text:sub(at, (stop or #text + 1) - 1)
    if not stop then fail(origin, number, "IMAGE_DATA_TRUNCATED", "the last line does not end: the file is truncated") end
    if #line > LONGEST_LINE then fail(origin, number, "IMAGE_DATA", "longer than %d bytes", LONGEST_LINE) end
    if number > MOST_LINES then fail(origin, number, "IMAGE_DATA", "more than %d lines", MOST_LINES) end
    if line:find("[%z\1-\8\11-\31\127]") then fail(origin, number, "IMAGE_DATA", "holds bytes that are no text") end
    doc.lines[number] = line
    local is_comment = line:match("^%s*#") ~= nil -- mkszfile writes some between stanzas; they stay where they are
    if line:match("^%s*$") then
      stanza = nil
    elseif not is_comment and line:match("^%S") then
      local name = line:match("^([%a_][%w_]*):%s*$") or line:match("^([%a_][%w_]*):%s*#")
      if not name then fail(origin, number, "IMAGE_DATA", "'%s' is no stanza name and colon", printable(line)) end
      if stanza then fail(origin, number, "IMAGE_DATA", "no blank line before stanza %s", name) end
      stanza = setmetatable({ name = name, line = number, fields = {}, by_name = {} }, Stanza)
      doc.stanzas[#doc.stanzas + 1] = stanza
    elseif not is_comment then
      local name, value = line:match("^%s+([%w_%-]+)%s*=%s*(.-)%s*$")
      if not name then fail(origin, number, "IMAGE_DATA", "'%s' is no field", printable(line)) end
      if not stanza then fail(origin, number, "IMAGE_DATA", "field %s stands in no stanza", name) end
      if stanza:get(name) then
        fail(origin, number, "IMAGE_DATA", "stanza %s has field %s twice", stanza.name, name)
      end
      stanza.fields[#stanza.fields + 1] = { name = name, value = value, line = number }
      stanza.by_name[name] = stanza.fields[#stanza.fields]
    end
    at = stop + 1
  end
  if #doc.stanzas == 0 then fail(origin, number, "IMAGE_DATA_TRUNCATED", "there is no stanza") end
  return doc
end

--- Reads a file's text.
---@param text string
---@param origin string?  its name, for messages
---@return altmig.imagedata.Document? document
---@return string? message
---@return string? code     IMAGE_DATA or IMAGE_DATA_TRUNCATED
function imagedata.parse(text, origin) return err.returned(parse, text, origin) end

--- Value of a field; nil when the stanza has none of that name.
---@param name string
---@return string?
function Stanza:get(name)
  local field = self.by_name[name]
  return field and field.value
end

--- The stanzas of a name, in their order.
---@param name string
---@return altmig.imagedata.Stanza[]
function Document:all(name)
  local list = {}
  for _, stanza in ipairs(self.stanzas) do
    if stanza.name == name then list[#list + 1] = stanza end
  end
  return list
end

local function set(self, stanza, name, value)
  if value:find("[%c]") then fail(self.origin, stanza.line, "IMAGE_DATA", "a value is one line of text") end
  for _, field in ipairs(stanza.fields) do
    if field.name == name then
      local line = self.lines[field.line]
      local head, tail = line:match("^(%s+[%w_%-]+%s*=%s*)"), line:match("(%s*)$")
      if field.value == "" then tail = "" end
      self.lines[field.line] = head .. value .. tail
      field.value = value
      return true
    end
  end
  fail(self.origin, stanza.line, "IMAGE_DATA", "stanza %s has no field %s", stanza.name, name)
end

--- Changes a field that is there; what stands around its value stays.
---@param stanza altmig.imagedata.Stanza
---@param name string
---@param value string
---@return true?
---@return string? message
---@return string? code
function Document:set(stanza, name, value) return err.returned(set, self, stanza, name, value) end

--- The text of the document: what was read, byte for byte, but for what was set.
---@return string
function Document:format() return table.concat(self.lines, "\n") .. "\n" end

-- nil where the value is empty: templates leave numbers out, and alt_disk_copy has to choose, as the installation does.
local function number_in(doc, stanza, name, least, most)
  local text = stanza:get(name)
  if text == "" then return nil end
  local value = text and text:match("^%d%d?%d?%d?%d?%d?%d?%d?%d?$") and tonumber(text)
  if value and value >= least and value <= most then return value end
  fail(doc.origin, stanza.line, "IMAGE_DATA", "stanza %s: %s=%s, expected %d to %d", stanza.name, name,
    text and printable(text) or " is missing", least, most)
end

local function yes_or_no(doc, stanza, name)
  local text = stanza:get(name)
  if text == nil or text == "" or text == "yes" or text == "no" then return text == "yes" and "yes" or "no" end
  fail(doc.origin, stanza.line, "IMAGE_DATA", "%s= %s, expected yes or no", name, printable(text))
end

---@class altmig.imagedata.Volume
---@field name string
---@field type string
---@field lps integer?      none: alt_disk_copy chooses
---@field copies integer
---@field label string?

local function volumes(doc, vg)
  local list, seen = {}, {}
  for _, stanza in ipairs(doc:all "lv_data") do
    local name = stanza:get "LOGICAL_VOLUME" or ""
    if not name:match("^[%a_][%w_%.%-]*$") then
      fail(doc.origin, stanza.line, "IMAGE_DATA", "lv_data: LOGICAL_VOLUME= '%s' is no name", printable(name))
    end
    if seen[name] then fail(doc.origin, stanza.line, "IMAGE_DATA", "logical volume %s is there twice", name) end
    seen[name] = true
    if (stanza:get "VOLUME_GROUP" or "") ~= vg then
      fail(doc.origin, stanza.line, "IMAGE_DATA", "logical volume %s belongs to another volume group than %s", name, vg)
    end
    local lps = number_in(doc, stanza, "LPs", 1, 999999)
    local copies = stanza:get "COPIES" and number_in(doc, stanza, "COPIES", 1, 3) or 1
    list[#list + 1] = { name = name, type = stanza:get "TYPE" or "", lps = lps, copies = copies, label = stanza:get "LABEL" }
    list.boot = list.boot or stanza:get "TYPE" == "boot"
  end
  if not list.boot then fail(doc.origin, #doc.lines, "IMAGE_DATA_TRUNCATED", "there is no lv_data of type boot") end
  for _, stanza in ipairs(doc:all "fs_data") do
    local lv = (stanza:get "FS_LV" or ""):match("^/dev/(.+)$")
    if not lv or not seen[lv] then
      fail(doc.origin, stanza.line, "IMAGE_DATA", "fs_data of %s: FS_LV= '%s' is no logical volume of this file",
        printable(stanza:get "FS_NAME" or "?"), printable(stanza:get "FS_LV" or ""))
    end
  end
  return list
end

local function image(doc)
  if #doc:all "image_data" ~= 1 then fail(doc.origin, 1, "IMAGE_DATA", "one stanza image_data is needed") end
  local groups = doc:all "vg_data"
  if #groups ~= 1 then fail(doc.origin, 1, "IMAGE_DATA", "one stanza vg_data is needed") end
  local vg = groups[1]:get "VGNAME" or ""
  if vg ~= "rootvg" then
    fail(doc.origin, groups[1].line, "IMAGE_DATA", "vg_data: VGNAME= '%s', expected rootvg", printable(vg))
  end
  local pp_mb = number_in(doc, groups[1], "PPSIZE", 1, 131072)
  if pp_mb and pp_mb & (pp_mb - 1) ~= 0 then
    fail(doc.origin, groups[1].line, "IMAGE_DATA", "vg_data: PPSIZE= %d is no power of two", pp_mb)
  end
  local policy = (doc:all "logical_volume_policy")[1]
  local shrink = policy and yes_or_no(doc, policy, "SHRINK") or "no"
  return { pp_mb = pp_mb, shrink = shrink, volumes = volumes(doc, vg) }
end

--- What an image.data must say to make a rootvg of it.
---@param doc altmig.imagedata.Document
---@return {pp_mb: integer?, shrink: string, volumes: altmig.imagedata.Volume[]}? image
---@return string? message
---@return string? code
function imagedata.image(doc) return err.returned(image, doc) end

local methods = { overwrite = true, preserve = true, migrate = true, erase_only = true }

local function bosinst(doc)
  local flow = doc:all "control_flow"
  if #flow ~= 1 then fail(doc.origin, 1, "IMAGE_DATA", "bosinst.data needs one stanza control_flow") end
  local method = flow[1]:get "INSTALL_METHOD"
  if method and method ~= "" and not methods[method] then
    fail(doc.origin, flow[1].line, "IMAGE_DATA", "INSTALL_METHOD = %s is no method", printable(method))
  end
  local disks = {}
  for _, stanza in ipairs(doc:all "target_disk_data") do
    local name = stanza:get "HDISKNAME"
    if name and name ~= "" then
      if not name:match("^[%w_]+$") then
        fail(doc.origin, stanza.line, "IMAGE_DATA", "HDISKNAME = '%s' is no disk name", printable(name))
      end
      disks[#disks + 1] = name
    end
  end
  return { method = method ~= "" and method or nil, disks = disks }
end

--- What a bosinst.data must say: its control_flow, and the disks it names.
---@param doc altmig.imagedata.Document
---@return {method: string?, disks: string[]}? bosinst
---@return string? message
---@return string? code
function imagedata.bosinst(doc) return err.returned(bosinst, doc) end

return imagedata
