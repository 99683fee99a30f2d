-- SPDX-License-Identifier: MIT
-- Names, addresses and identifiers of a site become others of the same form, each everywhere the same: what a
-- parser takes stays what it takes, and what belongs together still does. First everything is collected, then
-- texts are changed; what was collected must not be anywhere in what is sent, which leak() looks for.
--
-- Known are host names (of nim.lua, of mounts, exports and what `host` says), addresses, machine identifiers, MAC
-- addresses, and the identifiers of disks and volume groups. Names of disks, logical volumes, file systems,
-- filesets and processes stay as they are; the README of a bundle says so.

local aix = require "altmig.aix.output"
local sorted_keys = require "altmig.sorted_keys"

local anonymise = {}

---@class altmig.probe.Anonymiser
---@field known table<string, table>   what is replaced, in lower case -> { kind, word }
---@field order table[]?               once it is frozen: all but identifiers, longest first
---@field identifiers table[]?         there may be thousands: they are looked up, not looked for
local Anonymiser = {}
Anonymiser.__index = Anonymiser

---@return altmig.probe.Anonymiser
function anonymise.new() return setmetatable({ known = {} }, Anonymiser) end

-- Words that say nothing of a site, or that commands print by themselves.
local generic = {}
for word in ([[localhost loopback localdomain localhost.localdomain master client nim root none null host hostname mount test sh
  boot usr lpp aix ibm engine node]]):gmatch "%S+" do
  generic[word] = true
end

local SHORT <const> = 4 -- a shorter name is replaced only where it stands alone

local function collect(self, kind, text, fields)
  assert(not self.order, "collected after texts were changed")
  local key = text:lower()
  if self.known[key] then return end
  fields = fields or {}
  fields.kind, fields.key = kind, key
  self.known[key] = fields
end

local function is_v4(text)
  local parts = { text:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)$" }
  for i = 1, 4 do
    if (tonumber(parts[i]) or 256) > 255 then return false end
  end
  return true
end

local function is_v6(text)
  if not text:find "^[%x:]+$" or not text:find "%x" then return false end
  if text:find ":::" or text:find "::.*::" or text:find "^:[^:]" or text:find "[^:]:$" then return false end
  for part in text:gmatch "%x+" do
    if #part > 4 then return false end
  end
  local _, colons = text:gsub(":", "")
  return colons == 7 and not text:find "::" or colons < 8 and text:find "::" ~= nil
end

--- An address of the site; those of this host itself, and masks, are none.
---@param text string?
function Anonymiser:address(text)
  if not text then return end
  text = text:gsub("^::ffff:", "")
  if is_v4(text) then
    if not text:find "^127%." and not text:find "^0%." and not text:find "^255%." then collect(self, "v4", text) end
  elseif is_v6(text) and text ~= "::1" and text ~= "::" then
    collect(self, "v6", text)
  end
end

--- The name of a host, with or without its domain, or an address.
---@param text string?
function Anonymiser:name(text)
  text = text and text:match "^[%w][%w%._%-]*$"
  if not text then return end
  if is_v4(text) then return self:address(text) end
  local short, domain = text:match "^([^.]+)%.(.+)$"
  if #text < 2 or generic[text:lower()] or text:find "^%d+$" then return end
  if domain then
    if not generic[domain:lower()] then collect(self, "domain", domain) end
    collect(self, "full", text, { short = short:lower(), domain = domain:lower() })
    text = short
    if generic[text:lower()] or text:find "^%d+$" then return end
  end
  collect(self, "name", text)
end

--- The identifier of a machine, or the address of an adapter: twelve hexadecimal digits and the like.
---@param text string?
function Anonymiser:serial(text)
  text = text and text:match "^%w+$"
  if text and #text >= 6 and not text:find "^0+$" then collect(self, "serial", text) end
end

-- The identifiers in a text: words of 16 hexadecimal digits and more. One of 32 may be one of 16 and zeros.
local function each_identifier(text, fn)
  for word in text:gmatch "%f[%w]%x+%f[%W]" do
    if #word >= 16 and word:find "[^0]" then fn(#word == 32 and word:find "^%x+0000000000000000$" and word:sub(1, 16) or word) end
  end
end

-- Words of a dump of a disk's record belong together: the identifier is cut at their ends.
local function words_of_dump(text)
  local words = {}
  for line in text:gmatch "[^\n]+" do
    for word in (line:match "^%x+%s+([%x%s]+)|?" or ""):gmatch "%f[%x]%x%x%x%x%x%x%x%x%f[%X]" do words[#words + 1] = word end
  end
  return words
end

-- What commands name, by the row that asked them.
local from = {}

function from.hostname(self, text) self:name(text:match "^%S+") end
function from.uname(self, text) self:serial(text:match "^%S+") end
from["engine-address"] = function(self, text) self:address(text:match "^[%x.:]+") end
function from.host(self, text)
  for word in text:gsub("[,%s]+", " "):gmatch "%S+" do
    if word ~= "is" and word ~= "Aliases:" then
      self:name(word)
      self:address(word)
    end
  end
end
function from.mount(self, text)
  for _, row in ipairs(aix.mounts(text)) do self:name(row.node ~= "" and row.node or nil) end
end
local host_lists = { rw = true, ro = true, root = true, access = true }
function from.exportfs(self, text)
  for _, row in ipairs(aix.exportfs(text)) do
    for option, list in row.flags:gmatch "%f[%l](%l+)=([^,%s]+)" do
      for name in (host_lists[option] and list or ""):gmatch "[^:]+" do self:name(name) end
    end
  end
end
function from.lsnim(self, text)
  for name, value in pairs(aix.lsnim_l(text)) do
    if name == "cpuid" then self:serial(value:match "%S+") end
    if name:find "^if%d" then
      local network, host, adapter = value:match "^(%S+)%s+(%S+)%s*(%S*)"
      self:name(network)
      self:name(host)
      self:serial(adapter ~= "0" and adapter or nil)
    end
  end
end
from["lvm-record"] = function(self, text)
  local words = words_of_dump(text)
  if #words >= 5 then each_identifier(table.concat(words, "", 2, 5), function(id) collect(self, "identifier", id) end) end
end

--- Collects what an answer names.
---@param answer altmig.probe.Answer
---@param levels boolean?   numbers with dots are none of addresses
function Anonymiser:read(answer, levels)
  if answer.binary then return end
  if from[answer.row] and answer.status == 0 then from[answer.row](self, answer.stdout) end
  for _, text in ipairs { answer.stdout, answer.stderr, answer.problem or "" } do
    each_identifier(text, function(id) collect(self, "identifier", id) end)
    for word in text:gmatch "%f[%w]%x%x:%x%x:%x%x:%x%x:%x%x:%x%x%f[%W]" do collect(self, "mac", word) end
    if not levels then
      for word in text:gmatch "%f[%w.]%d+%.%d+%.%d+%.%d+%f[^%w.]" do self:address(word) end
    end
    for word in text:gmatch "%f[%w:]%x*:[%x:]+%f[^%w:]" do self:address(is_v6(word) and word or nil) end
  end
end

-- Pseudonyms --------------------------------------------------------------------------------------

local forms = {}
function forms.v4(n) return n < 255 and ("192.0.2.%d"):format(n) or ("198.18.%d.%d"):format(n >> 8 & 255, n & 255) end
function forms.v6(n) return ("2001:db8::%x"):format(n) end
function forms.mac(n) return ("02:00:00:00:%02x:%02x"):format(n >> 8 & 255, n & 255) end
function forms.serial(n, key) return (("0"):rep(#key) .. ("%X"):format(n)):sub(-#key):gsub("^0", "F") end
function forms.identifier(n, key) return "00f0" .. (("0"):rep(#key) .. ("%x"):format(n)):sub(-(#key - 4)) end

-- A beginning of pseudonyms that holds nothing of what they stand for.
local function prefix(self, candidates)
  for _, word in ipairs(candidates) do
    local free = true
    for key in pairs(self.known) do free = free and not word:find(key, 1, true) end
    if free then return word end
  end
  return candidates[1]
end

local function freeze(self)
  local host, domain = prefix(self, { "host", "box", "lpar", "zz" }), prefix(self, { "domain", "site", "zone", "qq" })
  forms.name = function(n) return host .. n end
  forms.domain = function(n) return ("%s%d.example"):format(domain, n) end
  local counts = {}
  self.order, self.identifiers = {}, {}
  for _, key in ipairs(sorted_keys(self.known)) do
    local one = self.known[key]
    local list = one.kind == "identifier" and self.identifiers or self.order
    list[#list + 1] = one
    if one.kind ~= "full" then
      -- None that is a real one.
      repeat
        counts[one.kind] = (counts[one.kind] or 0) + 1
        one.word = forms[one.kind](counts[one.kind], key)
      until not self.known[one.word:lower()]
    end
  end
  for _, one in ipairs(self.order) do
    if one.kind == "full" then
      local short, rest = self.known[one.short], self.known[one.domain]
      one.word = ("%s.%s"):format(short and short.word or one.short, rest and rest.word or one.domain)
    end
  end
  table.sort(self.order, function(a, b)
    if #a.key ~= #b.key then return #a.key > #b.key end
    return a.key < b.key
  end)
end

-- Whether a name stands alone at a place: digits and dots go on with an address, letters with a short name.
local alone = {
  v4 = "[%d.]", v6 = "[%x:]", mac = "[%x:]",
}

local function stands_alone(one, text, first, last)
  local pattern = alone[one.kind] or (#one.key < SHORT and "%w")
  if not pattern then return true end
  local before, after = text:sub(first - 1, first - 1), text:sub(last + 1, last + 1)
  if one.kind == "v4" and after == "." and not text:sub(last + 2, last + 2):find "%d" then after = "" end -- the end of a sentence
  return not (first > 1 and before:find(pattern)) and not after:find(pattern)
end

-- The identifier that a run of hexadecimal digits holds, and where.
local function identifier_in(self, run)
  run = run:lower()
  local whole = self.known[run]
  if whole and whole.kind == "identifier" then return whole, 1, #run end
  if #run == 16 then return nil end
  local head = self.known[run:sub(1, 16)]
  if head and head.kind == "identifier" then return head, 1, 16 end
  for _, one in ipairs(self.identifiers) do
    local first, last = run:find(one.key, 1, true)
    if first then return one, first, last end
  end
end

-- Calls fn for the identifiers in a text, and puts what it returns there.
local function replace_identifiers(self, text, fn)
  return (text:gsub("%x+", function(run)
    if #run < 16 then return nil end
    local one, first, last = identifier_in(self, run)
    if not one then return nil end
    return run:sub(1, first - 1) .. fn(one) .. replace_identifiers(self, run:sub(last + 1), fn)
  end))
end

-- Calls fn for each place of a known word, and puts what it returns there. `lower` is the text in lower case.
local function replace(text, lower, one, fn)
  local parts, at = {}, 1
  local first, last = lower:find(one.key, 1, true)
  if not first then return text, lower end
  while first do
    if stands_alone(one, lower, first, last) then
      parts[#parts + 1] = text:sub(at, first - 1)
      parts[#parts + 1] = fn(text:sub(first, last))
      at = last + 1
    end
    first, last = lower:find(one.key, last + 1, true)
  end
  parts[#parts + 1] = text:sub(at)
  text = table.concat(parts)
  return text, text:lower()
end

--- A text with the site's own names, addresses and identifiers replaced.
---@param text string
---@return string
function Anonymiser:text(text)
  if not self.order then freeze(self) end
  text = text:gsub("[\1\2]", "?")
  local lower = text:lower()
  for i, one in ipairs(self.order) do
    -- Nothing that is known has so few digits and nothing else.
    text, lower = replace(text, lower, one, function() return ("\1%d\2"):format(i) end)
  end
  text = replace_identifiers(self, text, function(one) return one.word end)
  return (text:gsub("\1(%d+)\2", function(i) return self.order[tonumber(i)].word end))
end

--- The same of a dump of a disk's record, whose words are cut in other places.
---@param text string
---@return string
function Anonymiser:dump(text)
  local words = words_of_dump(text)
  if #words < 2 then return self:text(text) end
  local rest = table.concat(words, "", 2)
  local changed = self:text(rest:sub(1, 32))
  if changed:lower() == rest:sub(1, 32):lower() then changed = ("0"):rep(math.min(32, #rest)) end
  changed = (changed .. ("0"):rep(#rest)):sub(1, #rest)
  local n, out = 0, {}
  for line in text:gmatch "[^\n]*\n?" do
    local head, hex = line:match "^(%x+%s+)([%x%s]+)|"
    if head then
      hex = hex:gsub("%f[%x]%x%x%x%x%x%x%x%x%f[%X]", function(word)
        n = n + 1
        return n == 1 and word or changed:sub(8 * (n - 2) + 1, 8 * (n - 1)):upper()
      end)
      out[#out + 1] = head .. hex .. "|................|\n"
    else
      out[#out + 1] = self:text(line)
    end
  end
  return table.concat(out)
end

local function raw(hex) return (hex:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end)) end

--- Bytes with the same length: what is known becomes x, identifiers become zeros.
---@param data string
---@return string
function Anonymiser:bytes(data)
  if not self.order then freeze(self) end
  local lower = data:lower()
  for _, one in ipairs(self.order) do
    if #one.key >= SHORT then data, lower = replace(data, lower, one, function(found) return ("x"):rep(#found) end) end
  end
  data = replace_identifiers(self, data, function(one) return ("x"):rep(#one.key) end)
  for _, one in ipairs(self.identifiers) do
    local bytes, first, last = #one.key % 2 == 0 and raw(one.key), nil, nil
    if bytes then first, last = data:find(bytes, 1, true) end
    while first do
      data = data:sub(1, first - 1) .. ("\0"):rep(#bytes) .. data:sub(last + 1)
      first, last = data:find(bytes, last + 1, true)
    end
  end
  return data
end

--- Something known that is still in a text; nil if nothing is.
---@param text string
---@return string? word
function Anonymiser:leak(text)
  if not self.order then freeze(self) end
  local lower = text:lower()
  for _, one in ipairs(self.order) do
    local first, last = lower:find(one.key, 1, true)
    while first do
      if stands_alone(one, lower, first, last) then return one.key end
      first, last = lower:find(one.key, last + 1, true)
    end
  end
  for run in lower:gmatch "%x+" do
    local one = #run >= 16 and identifier_in(self, run)
    if one then return one.key end
  end
  return nil
end

return anonymise
