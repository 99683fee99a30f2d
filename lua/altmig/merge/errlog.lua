-- SPDX-License-Identifier: MIT
-- convert_errlog: the error log of the old level.

local class = require "altmig.merge.class"
local err = require "altmig.err"

local errlog = { methods = {} }

local header_bytes = 16

-- The level the log was written by, for its name.
local function old_level(this)
  for _, row in ipairs(class.saved_rows(this, "/usr/lib/objrepos/lpp")) do
    if row.name == "bos.rte" then return ("%d.%d.%d.%d"):format(row.ver, row.rel, row.mod, row.fix) end
  end
  return "old"
end

-- Its format belongs to its level and is not public. It is history, not configuration: kept aside, where
-- errpt -i reads it; the error daemon makes a new one. The templates are the new level's.
function errlog.methods.convert_errlog(entry, this)
  local path = entry.files[1]
  local input = this:input(path)
  for _, row in ipairs(class.saved_rows(this, "/etc/objrepos/SWservAt")) do
    if row.attribute == "errlog_file" and row.value ~= path then
      this:note("note", row.value, nil, "C", "the error log of this system: left where it is")
    end
  end
  if not input.c or input.c == "" then return "new" end
  if input.n and #input.n >= header_bytes and input.n:sub(1, header_bytes) == input.c:sub(1, header_bytes) then
    this:write(path, input.c)
    this:note("note", path, nil, "C", "the new level's log begins alike: kept in use")
    return "kept"
  end
  local aside = path .. "." .. old_level(this)
  local stat = err.check(this.ctx.saved_stat(path))
  this:write(aside, input.c, { mode = stat.mode, uid = stat.uid, gid = stat.gid })
  if input.n then this:leave_new(path) else this:remove_index(path) end
  this:note("note", path, nil, "merged", ("kept as %s (errpt -i); a new log is begun"):format(aside))
  return "merged"
end

return errlog
