-- SPDX-License-Identifier: MIT
local lu = require "luaunit"
local acl = require "altmig.aix.acl"
local err = require "altmig.err"
local bff = require "altmig.bff"
local sys = require "altmig.sys"

TestAcl = {}

local head = ("<I4I4I2I2I2I2")
local function list(length, ...) return head:pack(length, 0x02000800, 9, 7, 5, 0) .. table.concat { ... } end
local function entry(kind, access, ...)
  local ids = {}
  for _, id in ipairs { ... } do ids[#ids + 1] = ("<I2I2>I4"):pack(8, id[1], id[2]) end
  local body = table.concat(ids)
  return ("<I2I2"):pack(4 + #body, kind << 14 | access) .. body
end

function TestAcl:test_entries_of_all_kinds()
  local body = entry(1, 6, { 2, 214 }) .. entry(2, 7, { 1, 5 }, { 2, 6 }) .. entry(3, 1, { 1, 0xFFFFFFFE })
  local decoded = acl.decode(list(16 + #body, body, ("\0"):rep(4)))
  lu.assertEquals(decoded, { mode = 2048, enabled = true, owner = 7, group = 5, other = 0, entries = {
    { kind = "permit", access = 6, ids = { { type = "g", id = 214 } } },
    { kind = "deny", access = 7, ids = { { type = "u", id = 5 }, { type = "g", id = 6 } } },
    { kind = "specify", access = 1, ids = { { type = "u", id = 0xFFFFFFFE } } } } })
  lu.assertEquals(acl.text(decoded, { u = { [0] = "root", [5] = "joe" }, g = { [6] = "staff" } }, 0, 6), [[
*
* ACL_type   AIXC
*
attributes: SUID
base permissions
    owner(root):  rwx
    group(staff):  r-x
    others:  ---
extended permissions
    enabled
    permit   rw-     g:214
    deny     rwx     u:joe,g:staff
    specify  --x     u:4294967294
]])
end

function TestAcl:test_no_length_is_believed()
  local good = entry(1, 6, { 2, 214 })
  for _, bytes in ipairs { "", list(16):sub(1, 15), list(8), list(17, "x"), list(28, good:sub(1, 11)), list(0xFFFFFFFF, good),
    list(28, "\0\0" .. good:sub(3)), list(28, "\255\255" .. good:sub(3)), list(28, ("<I2I2"):pack(12, 6) .. good:sub(5)),
    list(28, good:sub(1, 4) .. ("<I2I2"):pack(0, 2) .. good:sub(9)), list(28, good:sub(1, 4) .. ("<I2I2"):pack(12, 2) .. good:sub(9)),
    list(28, good:sub(1, 4) .. ("<I2I2"):pack(8, 3) .. good:sub(9)), list(20, "\4\0\0\64") } do
    local value, message, code = err.returned(acl.decode, bytes)
    lu.assertNil(value, ("%q"):format(bytes))
    lu.assertEquals(code, "ACL_FORMAT", message)
  end
  math.randomseed(7)
  for _ = 1, 2000 do
    local bytes = {}
    for i, byte in ipairs { list(28, good):byte(1, -1) } do bytes[i] = string.char(math.random() < 0.1 and math.random(0, 255) or byte) end
    err.returned(acl.decode, table.concat(bytes))
  end
end

function TestAcl:test_a_list_of_a_real_archive()
  local path = SHARED_DIR and SHARED_DIR .. "/reference/samples/test_acl.bff"
  if not path or not sys.stat(path) then lu.skip "no sample archives" end
  local a <close> = assert(bff.open(path))
  for m in a:members() do
    if m.acl and #m.acl > 16 then lu.assertNotNil(acl.decode(m.acl)) end
  end
end
