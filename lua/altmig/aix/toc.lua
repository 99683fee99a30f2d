-- SPDX-License-Identifier: MIT
-- The table of contents of a directory of images, as inutoc writes it: a line of numbers, then for each image its name
-- and its lpp_name (inferred: toc-form). It is made of what the images say at the moment it is written.
--
-- It is read by programs of AIX that take a line for what it looks like. So a file whose name is more than letters,
-- digits and ._+@%=,:- has no entry, and of an image nothing counts that is behind the end of its lpp_name.

local toc = {}

--- The name of the file.
toc.name = ".toc"

-- Of the directory of the installp images: other kinds and directories have no entries.
local function base_of(image) return image.file:match("^installp/ppc/([^/]+)$") or image.file:match("^[^/]+$") end

-- A name that is one word for every reader.
local function is_plain(name) return name:match("^[%w_][%w._+@%%=,:%-]*$") ~= nil end

---@class altmig.toc.Made
---@field text string
---@field file string              # where it belongs, below the place: "installp/ppc/.toc"
---@field count integer            # entries
---@field left_out { file: string, message: string }[]

--- The table of contents of an index that was made with `texts`.
---@param source altmig.installp.Source
---@param time integer?            # of its first line; default now
---@return altmig.toc.Made
function toc.make(source, time)
  local entries, left_out, file = {}, {}, toc.name
  for _, image in ipairs(source.images) do
    local base = base_of(image)
    if image.file:find("/", 1, true) and base then file = "installp/ppc/" .. toc.name end
    if image.kind ~= "installp" then
      left_out[#left_out + 1] = { file = image.file, message = image.kind == "rpm" and "an RPM package, which geninstall finds by itself"
        or "an interim fix, which emgr takes by its name" }
    elseif not base then
      left_out[#left_out + 1] = { file = image.file, message = "it is not in the directory of the table" }
    elseif not is_plain(base) then
      left_out[#left_out + 1] = { file = image.file, message = "its name cannot stand in a .toc: rename it" }
    else
      -- Behind the last brace there may be anything, as the entry of another image.
      entries[#entries + 1] = ("%s %s\n"):format(base, image.text:match("^%s*(.*})"))
    end
  end
  local head = ("0 %s %d\n"):format(os.date("!%m%d%H%M%S%y", time), #entries)
  return { text = head .. table.concat(entries), file = file, count = #entries, left_out = left_out }
end

return toc
