-- SPDX-License-Identifier: MIT
-- SysckMerge: the database of sysck, which must name what is there.

local records = require "altmig.merge.records"

local sysck = { methods = {} }

-- What the new level says of its files is right for them; the site's stricter access stays.
local classes = { { name = "class", class = "list" } }
for _, name in ipairs { "owner", "group", "mode", "acl" } do classes[#classes + 1] = { name = name, class = "user" } end

function sysck.methods.SysckMerge(entry, this)
  local path = entry.files[1]
  local input = this:input(path)
  local result = this:records({ file = path, default = "system", classes = classes, fold_case = true }, input)
  local text, gone = result.text, {}
  if result.status == "merged" then
    local shipped = records.by_key(records.readable(input.n, path))
    for _, record in ipairs(records.parse(text, path)) do
      local kind = (record.attributes.type or ""):upper()
      if not shipped[record.key] and not kind:match("_DEV$") and record.key:sub(1, 1) == "/"
        and not this:exists(record.key) then
        gone[record.key] = true
        this:note("warning", path, record.key, "none", "the file does not exist in the new level: dropped")
      end
    end
    if next(gone) then text = records.without(text, path, gone) end
  end
  if text then this:write(path, text) end
  return result.status == "absent" and "new" or result.status
end

return sysck
