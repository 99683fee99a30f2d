-- SPDX-License-Identifier: MIT
-- Puts the filesets of an image on the system: files of the usr part, root part with the handling
-- of configuration files, control scripts, software database.

local bff = require "altmig.bff"
local bigar = require "altmig.bigar"
local instremove = require "lab.instremove"
local instscript = require "lab.instscript"
local instwork = require "lab.instwork"
local lines = require "altmig.lines"
local modes = require "altmig.mode"
local odm = require "lab.odm"
local swvpd = require "lab.swvpd"
local sys = require "altmig.sys"

local instapply = {}

local SAVE = "/lpp/save.config"

local function parent(path) return path:match("^(.+)/[^/]*$") or "/" end

-- Control files of a library: member name -> data.
local function unpack_library(data, name)
  local members, message = bigar.parse(data, name)
  if not members then return nil, message end
  local out = {}
  for _, member in ipairs(members) do out[member.name] = member.data end
  return out
end

-- Inventory stanzas as the software database wants them.
local function read_inventory(text)
  local files, current = {}, nil
  for line in (text or ""):gmatch("[^\n]+") do
    local path = line:match("^(/%S*):%s*$")
    local name, value = line:match("^%s+(%w+)%s*=%s*(.-)%s*$")
    if path then
      current = { path = path, type = "file", size = 0, checksum = 0 }
      files[#files + 1] = current
    elseif current and name == "type" then
      current.type = value == "DIRECTORY" and "dir" or value == "SYMLINK" and "link" or "file"
    elseif current and name == "target" then
      current.target = value
    elseif current and name == "size" then
      current.size = value == "VOLATILE" and -1 or tonumber(value) or 0
    elseif current and name == "checksum" then
      current.checksum = value == "VOLATILE" and -1 or tonumber(value:match("%d+")) or 0
    end
  end
  return files
end

-- A member's path on the system; nil for a name that would leave it.
local function safe_path(name)
  local path = "/" .. name:gsub("^%./", ""):gsub("^/+", ""):gsub("/+$", "")
  for part in path:gmatch("[^/]+") do
    if part == ".." or part == "." then return nil end
  end
  return path
end

local function write_member(archive, member, path)
  local ok, message = sys.makedirs(parent(path), modes.DIR)
  if not ok then return nil, message end
  if member.type == "dir" then
    if not sys.lstat(path) then ok, message = sys.mkdir(path, modes.DIR) end
  elseif member.type == "link" then
    sys.remove(path)
    ok, message = sys.symlink(member.target, path)
  elseif member.type == "file" then
    local temporary = path .. ".inst"
    local file
    file, message = io.open(temporary, "wb")
    if not file then return nil, message end
    repeat
      local piece
      piece, message = archive:read_some(member, 1 << 16)
      ok = piece and file:write(piece)
    until not ok or piece == ""
    local closed, why = file:close()
    if not ok or not closed then
      sys.remove(temporary)
      return nil, message or why or "write failed"
    end
    ok, message = sys.rename(temporary, path)
  else
    ok, message = sys.mknod(path, member.type, member.mode, member.rdev_major or 0, member.rdev_minor or 0)
  end
  if not ok then return nil, message end
  if sys.getuid() == 0 then sys.lchown(path, member.uid, member.gid) end
  if member.type == "link" then return true end
  sys.chmod(path, member.mode & modes.ALL)
  return sys.utime(path, member.mtime, member.mtime)
end

-- Restores the wanted members (name -> true) of an image; returns how many.
local function restore(image, wanted)
  local archive, message = bff.open(image)
  if not archive then return nil, message end
  local count = 0
  while true do
    local member
    member, message = archive:next()
    if not member then break end
    if wanted[member.name] then
      local path = safe_path(member.name)
      local ok
      if path then ok, message = write_member(archive, member, path) else message = "bad member name" end
      if not ok then
        archive:close()
        return nil, ("%s: %s: %s"):format(image, member.name, message)
      end
      count = count + 1
    end
  end
  archive:close()
  if message then return nil, image .. ": " .. message end
  return count
end

-- The control libraries of an image: usr part, root part or nil.
local function libraries(item)
  local base = "./usr/lpp/" .. item.package
  if item.kind == "S" then base = ("%s/%s/%s"):format(base, item.name, item.level) end
  local names = { [base .. "/liblpp.a"] = "usr", [base .. "/inst_root/liblpp.a"] = "root" }
  local archive, message = bff.open(item.image)
  if not archive then return nil, message end
  local out = {}
  while true do
    local member
    member, message = archive:next()
    if not member then break end
    local part = names[member.name]
    if part then
      local data
      data, message = archive:read(member, 64 << 20)
      if data then out[part], message = unpack_library(data, member.name) end
      if not out[part] then break end
    end
  end
  archive:close()
  if message then return nil, item.image .. ": " .. message end
  if not out.usr then return nil, item.image .. ": no control library" end
  return out
end

-- Runs a control script of a fileset; true when there is none.
local function run_script(item, library, part, name, say)
  local text = library[item.name .. "." .. name]
  if not text then return true end
  local dir = (part == "root" and "/lpp/" or "/usr/lpp/") .. item.package
  sys.makedirs(dir, modes.DIR)
  local path = ("%s/%s.%s"):format(dir, item.name, name)
  local ok, message = sys.write_file(path, text, { mode = modes.PROGRAM, atomic = false })
  if not ok then return nil, message end
  ok, message = instscript.run(path, { INUTREE = part, INULIBDIR = dir, INUTEMPDIR = "/tmp", INUSAVE = "0",
    INUSAVEDIR = dir .. "/" .. item.level .. ".save", INUEXPAND = "1", INUVERIFY = "0", INUROOT = "/", MIGSAVE = SAVE }, item, name, say)
  sys.remove(path)
  return ok, message
end

local function copy_file(from, to)
  local stat, message = sys.lstat(from)
  if not stat then return nil, message end
  sys.makedirs(parent(to), modes.DIR)
  if stat.type == "link" then
    sys.remove(to)
    return sys.symlink(sys.readlink(from), to)
  end
  local data
  data, message = sys.read_file(from)
  if not data then return nil, message end
  local ok
  ok, message = sys.write_file(to, data, { mode = stat.mode & modes.ALL, atomic = true })
  if not ok then return nil, message end
  if sys.getuid() == 0 then sys.lchown(to, stat.uid, stat.gid) end
  return sys.utime(to, stat.mtime, stat.mtime)
end

-- What an attempt before this one has saved is the site's; what is active now may not be.
local function save_copy(path)
  if sys.lstat(SAVE .. path) then return true end
  return copy_file(path, SAVE .. path)
end

-- Puts one file of the root part in its place. What its method says about the site's file is done
-- here: the vendor's file and the site's, one active, the other in the save directory.
local function place(item, path, method)
  local shipped = ("/usr/lpp/%s/inst_root%s"):format(item.package, path)
  local present = sys.lstat(path)
  if not present or not method then return copy_file(shipped, path) end
  if method == "preserve" then return true end
  if method == "hold_new" then return copy_file(shipped, SAVE .. path) end
  local ok, message = save_copy(path)
  if not ok then return nil, message end
  return copy_file(shipped, path)
end

-- What the fileset says of its configuration files: path -> method.
local function methods_of(item, library)
  local methods = {}
  for _, line in ipairs(lines.filled(library[item.name .. ".cfgfiles"])) do
    local path, method = line:match("^(%S+)%s+(%S+)")
    if path then methods[safe_path(path) or ""] = method end
  end
  return methods
end

-- What post_i made of the saved files that are to be merged takes the place of the new ones.
local function place_merged(item, library)
  for path, method in pairs(methods_of(item, library)) do
    if method == "auto_merge" and sys.lstat(SAVE .. path) then
      local ok, message = copy_file(SAVE .. path, path)
      if ok then ok, message = sys.remove(SAVE .. path) end
      if not ok then return nil, message end
    end
  end
  return true
end

local function apply_root(item, library)
  local methods = methods_of(item, library)
  for _, name in ipairs(lines.filled(library[item.name .. ".al"])) do
    local path = safe_path(name)
    local ok, message = false, "bad path"
    if path then ok, message = place(item, path, methods[path]) end
    if not ok then return nil, ("%s: %s: %s"):format(item.name, name, message) end
  end
  return true
end

-- Files the old level had and the new one has not: gone, unless another fileset owns them.
local function remove_obsolete(db, item, old_files)
  local owned = {}
  for _, row in ipairs(db.stores.usr:get("inventory") or {}) do owned[row.loc0] = true end
  local removed = 0
  for _, path in ipairs(old_files) do
    if not owned[path] and path:match("^/usr/") and sys.lstat(path) and sys.remove(path) then removed = removed + 1 end
  end
  return removed
end

local function fileset_row(item)
  return { name = item.name, level = item.level, package = item.package, description = item.description,
    has_root = item.content == "B", date = item.date, prereq = item.prereq, update = item.kind == "S", time = os.time(),
    state = swvpd.states.applying }
end

local function old_paths(db, item)
  local row = item.kind ~= "S" and db:find("usr", item.name)
  local out = {}
  for _, file in ipairs(row and db.stores.usr:get("inventory", "lpp_id = " .. row.lpp_id) or {}) do out[#out + 1] = file.loc0 end
  return out
end

-- Records a part and commits it, so that what is installed is known even if the next step is cut off.
local function record(db, part, item, library)
  local ok, message = db:record(part, fileset_row(item), read_inventory(library[item.name .. ".inventory"]))
  if ok then ok, message = db:commit() end
  return ok, message
end

-- The fix: stanzas that a fileset brings, in the fix database in place of those of their names.
local function record_fixes(item, library)
  local text = library[item.name .. ".fixdata"]
  if not text then return true end
  local rows = {}
  for line in text:gmatch("[^\n]+") do
    local name, value = line:match('^%s+(%w+)%s*=%s*"(.*)"%s*$')
    if line:match("^fix:") then
      rows[#rows + 1] = {}
    elseif name and #rows > 0 then
      rows[#rows][name] = value:gsub("\\n", "\n")
    end
  end
  local store <close> = odm.open("/usr/lib/objrepos")
  for _, row in ipairs(rows) do
    store:delete("fix", "name = " .. row.name)
    local ok, message = store:add("fix", row)
    if not ok then return nil, message end
  end
  return store:commit()
end

local function first_failure(steps)
  for _, step in ipairs(steps) do
    local ok, message = step()
    if not ok then return nil, message or "failed" end
  end
  return true
end

--- Installs filesets of one image, in their order.
---@param items lab.instplan.Item[] all of one image
---@param say fun(line: string) takes the output
---@param broken table<string, boolean> names that failed before; what fails here is added
---@return {name: string, level: string, part: string, result: string}[] rows
function instapply.image(items, say, broken)
  local rows = {}
  local function row(item, part, result) rows[#rows + 1] = { name = item.name, level = item.level, part = part, result = result } end
  local libs, message = libraries(items[1])
  local db = swvpd.open()
  if not libs then
    say("installp: " .. message)
    for _, item in ipairs(items) do
      broken[item.name] = true
      row(item, "USR", "FAILED")
    end
    return rows
  end
  local restored = 0
  local function failed(item, part, why)
    say("installp: " .. why)
    broken[item.name] = true
    db:close()
    if sys.lstat("/var/adm/sw/inst/" .. item.name) then instwork.undo(db, item.name) end
    row(item, part, "FAILED")
  end
  say("Restoring files, please wait.")
  for _, item in ipairs(items) do
    local ok, why
    local count
    local wanted, before = {}, old_paths(db, item)
    local paths = {}
    for _, name in ipairs(lines.filled(libs.usr[item.name .. ".al"])) do
      wanted[name] = true
      paths[#paths + 1] = safe_path(name)
    end
    ok, why = first_failure {
      function() return instwork.begin(db, item, paths) end,
      function() return run_script(item, libs.usr, "usr", "pre_i", say) end,
      function() return record(db, "usr", item, libs.usr) end,
      function()
        count, why = restore(item.image, wanted)
        return count, why
      end,
      function() return instremove.keep("usr", item, libs.usr) end,
      function() return record_fixes(item, libs.usr) end,
      function() return run_script(item, libs.usr, "usr", "post_i", say) end,
      function() return run_script(item, libs.usr, "usr", "config", say) end,
    }
    restored = restored + (count or 0)
    if not ok then
      failed(item, "USR", why)
    else
      remove_obsolete(db, item, before)
      row(item, "USR", "SUCCESS")
      if item.content ~= "B" then
        assert(instwork.finish(db, item))
      else
        local root = libs.root or {}
        ok, why = first_failure {
          function() return run_script(item, root, "root", "pre_i", say) end,
          function() return apply_root(item, root) end,
          function() return instremove.keep("root", item, root) end,
          function() return record(db, "root", item, root) end,
          function() return run_script(item, root, "root", "post_i", say) end,
          function() return place_merged(item, root) end,
          function() return run_script(item, root, "root", "config", say) end,
          function() return instwork.finish(db, item) end,
        }
        if ok then row(item, "ROOT", "SUCCESS") else failed(item, "ROOT", why) end
      end
    end
  end
  say(("%d files restored."):format(restored))
  db:close()
  return rows
end

return instapply
