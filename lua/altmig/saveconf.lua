-- Saves what a migration could overwrite, into the copy itself, and gives the merges their inputs.
--
--   <root>/PATH                 C: the site's file, with its owner, mode and time
--   <root>/.altmig/old/PATH     O: what the old level shipped (its pristine root part)
--   <root>/.altmig/new/PATH     N: what the new level ships, taken after the restore
--   <root>/.altmig/manifest.json, new.json     what lies there, with digests; written last
--   <root>/.altmig/report/METHOD               what each merge decided
--
-- A manifest is written last and atomically: where there is one, everything it names is there.

local json = require "altmig.json"
local policy = require "altmig.policy"
local sys = require "altmig.sys"

local saveconf = {}

saveconf.root = "/lpp/save.config"
--- No configuration file is larger; the largest are the classes of the software database.
saveconf.max = 512 << 20

---@class altmig.saveconf.Entry
---@field path string
---@field policy string       # as in altmig.policy; "unlisted" for files only the archive names
---@field size integer
---@field mode integer
---@field uid integer
---@field gid integer
---@field mtime integer
---@field sha256 string
---@field old string?         # digest of O

local function is_missing(code) return code == "ENOENT" or code == "ENOTDIR" or code == "OUTSIDE_TREE" or code == "ELOOP" end

local function private(root, part) return root .. "/.altmig" .. part end

-- The content of a regular file; false when there is none. A site's method merges what a link leads to.
local function read_file(tree, path)
  local stat, message, code = tree:stat(path, { follow = policy.is_claimed(path) })
  if not stat then
    if is_missing(code) then return false end
    return nil, message, code
  end
  if stat.type ~= "file" then return false end
  local data
  data, message, code = tree:read(path, saveconf.max)
  if not data then return nil, message, code end
  return data, stat
end

local function parent(path) return path:match("^(.*)/[^/]*$") end

-- Directories of the save area are for root alone, whatever lies in them.
local function put(tree, path, data, opts)
  local ok, message, code = tree:makedirs(parent(path), 448) -- 0700
  if not ok then return nil, message, code end
  return tree:write(path, data, opts)
end

-- The pristine root parts that the old level's filesets keep: bos and its parts.
local function pristine_roots(tree)
  local names, message, code = tree:list("/usr/lpp")
  if not names then
    if is_missing(code) then return {} end
    return nil, message, code
  end
  local roots = {}
  for _, name in ipairs(names) do
    if name:match("^bos") and tree:exists("/usr/lpp/" .. name .. "/inst_root") then
      roots[#roots + 1] = "/usr/lpp/" .. name .. "/inst_root"
    end
  end
  return roots
end

-- O (or, after the restore, the pristine N) of a path; false when no fileset has it.
local function pristine(tree, roots, path)
  for _, root in ipairs(roots) do
    local data, message, code = read_file(tree, root .. path)
    if data or data == nil then return data, message, code end
  end
  return false
end

-- JSON holds UTF-8 only, file names any bytes: other names are written as "hex:...".
local function encode_path(path)
  if utf8.len(path) then return path end
  return "hex:" .. path:gsub(".", function(c) return ("%02x"):format(c:byte()) end)
end

local function decode_path(text)
  local hex = text:match("^hex:(%x*)$")
  if not hex then return text end
  return (hex:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
end

local function write_json(tree, path, files)
  for _, entry in ipairs(files) do entry.path = encode_path(entry.path) end
  return put(tree, path, json.encode({ version = 1, files = files }, { sort = true }), { mode = 384 }) -- 0600
end

local function read_json(tree, path)
  local data, message, code = read_file(tree, path)
  if not data then return data, message, code end
  local value
  value, message = json.decode(data)
  if type(value) ~= "table" or type(value.files) ~= "table" then
    return nil, ("manifest: %s: %s"):format(path, message or "not a manifest"), "SAVE_DAMAGED"
  end
  for _, entry in ipairs(value.files) do entry.path = decode_path(entry.path) end
  return value
end

--- What to save: every file of the policy table that is there, and every archive member below /etc or
--- /var that would overwrite a file that differs from what the old level shipped, or where that is
--- not known.
---@param tree table
---@param names string[]      # members of the archive: "./etc/x", "etc/x" or "/etc/x"
---@return { path: string, policy: string }[]? files   # sorted
---@return string? message
---@return string? code
function saveconf.candidates(tree, names)
  local rows, message, code = policy.expand(tree)
  if not rows then return nil, message, code end
  local roots
  roots, message, code = pristine_roots(tree)
  if not roots then return nil, message, code end
  local files, seen = {}, {}
  for path, row in pairs(rows) do
    files[#files + 1] = { path = path, policy = row.policy }
    seen[path] = true
  end
  for _, name in ipairs(names) do
    local path = "/" .. name:gsub("^%./", ""):gsub("^/+", "")
    if (path:match("^/etc/") or path:match("^/var/")) and not seen[path] and not path:find("/../", 1, true) then
      seen[path] = true
      local old, data
      data, message, code = read_file(tree, path)
      if data == nil then return nil, message, code end
      if data then
        old, message, code = pristine(tree, roots, path)
        if old == nil then return nil, message, code end
        if old ~= data then files[#files + 1] = { path = path, policy = "unlisted" } end
      end
    end
  end
  table.sort(files, function(a, b) return a.path < b.path end)
  return files
end

local function save_one(tree, root, roots, file)
  local data, stat, code = read_file(tree, file.path)
  if not data then return data, stat, code end
  local entry = { path = file.path, policy = file.policy or "unlisted", size = #data, mode = stat.mode, uid = stat.uid,
    gid = stat.gid, mtime = stat.mtime, sha256 = sys.sha256(data) }
  local ok, message
  ok, message, code = put(tree, root .. file.path, data,
    { mode = stat.mode, uid = stat.uid, gid = stat.gid, mtime = stat.mtime })
  if not ok then return nil, message, code end
  local old
  old, message, code = pristine(tree, roots, file.path)
  if old == nil then return nil, message, code end
  if old then
    ok, message, code = put(tree, private(root, "/old") .. file.path, old, { mode = 384 }) -- 0600
    if not ok then return nil, message, code end
    entry.old = sys.sha256(old)
  end
  return entry
end

--- Copies the files and their old shipped defaults into the save area. Before the restore only.
---@param tree table
---@param root string?        # default "/lpp/save.config"
---@param files ({ path: string, policy: string }|string)[]   # from candidates
---@return { files: integer, bytes: integer, old: integer, unlisted: string[] }? result
---@return string? message
---@return string? code
function saveconf.save(tree, root, files)
  root = root or saveconf.root
  local ok, message, code = tree:makedirs(parent(root), 493) -- 0755
  if ok then ok, message, code = tree:makedirs(private(root, ""), 448) end
  if ok then ok, message, code = tree:chmod(root, 448) end
  if not ok then return nil, message, code end
  local roots
  roots, message, code = pristine_roots(tree)
  if not roots then return nil, message, code end
  local entries, result = json.array(), { files = 0, bytes = 0, old = 0, unlisted = {} }
  for _, file in ipairs(files) do
    if type(file) == "string" then file = { path = file, policy = (policy.of(file) or { policy = "unlisted" }).policy } end
    local entry
    entry, message, code = save_one(tree, root, roots, file)
    if entry == nil then return nil, message, code end
    if entry then
      entries[#entries + 1] = entry
      result.files, result.bytes = result.files + 1, result.bytes + entry.size
      if entry.old then result.old = result.old + 1 end
      if entry.policy == "unlisted" then table.insert(result.unlisted, entry.path) end
    end
  end
  ok, message, code = write_json(tree, private(root, "/manifest.json"), entries)
  if not ok then return nil, message, code end
  return result
end

--- The manifest, by path. nil, message, "SAVE_MISSING" when nothing was saved to the end.
---@param tree table
---@param root string?
---@return table<string, altmig.saveconf.Entry>? entries
---@return string? message
---@return string? code
function saveconf.manifest(tree, root)
  root = root or saveconf.root
  local value, message, code = read_json(tree, private(root, "/manifest.json"))
  if value == nil then return nil, message, code end
  if not value then return nil, ("manifest: %s: nothing was saved"):format(root), "SAVE_MISSING" end
  local entries = {}
  for _, entry in ipairs(value.files) do entries[entry.path] = entry end
  return entries
end

local function check_digest(tree, path, digest)
  local data, message, code = read_file(tree, path)
  if data == nil then return nil, message, code end
  if not data then return nil, ("verify: %s: missing"):format(path), "SAVE_DAMAGED" end
  if sys.sha256(data) ~= digest then return nil, ("verify: %s: content changed"):format(path), "SAVE_DAMAGED" end
  return true
end

--- Whether everything the manifest names is there as it was saved.
---@param tree table
---@param root string?
---@return boolean? ok
---@return string? message   # the first file at fault
---@return string? code      # "SAVE_MISSING" | "SAVE_DAMAGED"
function saveconf.verify(tree, root)
  root = root or saveconf.root
  local entries, message, code = saveconf.manifest(tree, root)
  if not entries then return nil, message, code end
  for path, entry in pairs(entries) do
    local ok
    ok, message, code = check_digest(tree, root .. path, entry.sha256)
    if ok and entry.old then ok, message, code = check_digest(tree, private(root, "/old") .. path, entry.old) end
    if not ok then return nil, message, code end
  end
  return true
end

-- N of a path: the live file, unless the archive left the site's one there; then the pristine copy.
local function find_new(tree, roots, path, entry, carried)
  local live, stat, code = read_file(tree, path)
  if live == nil then return nil, stat, code end
  if live and not (entry and sys.sha256(live) == entry.sha256) then return live, stat end
  local data, message
  data, message, code = pristine(tree, roots, path)
  if data == nil then return nil, message, code end
  if data then return data, live and stat or { mode = 384, uid = 0, gid = 0 } end
  -- The new level has no such file: what lies there is the site's.
  if carried and not carried[path] and policy.is_claimed(path) then return false end
  return live, stat
end

--- Keeps what the new level shipped of every file that was saved or is in the policy table. After the
--- restore and before anything is put back or merged; done once: a second call finds the list of the
--- first and changes nothing, since the live files may be merged by then.
---@param tree table
---@param root string?
---@param names string[]?     # files of the archive, at least those of the policy table
---@return boolean? ok
---@return string? message
---@return string? code
function saveconf.keep_shipped(tree, root, names)
  root = root or saveconf.root
  local carried = names and {}
  for _, name in ipairs(names or {}) do carried[name] = true end
  local done, message, code = read_json(tree, private(root, "/new.json"))
  if done ~= false then return done and true, message, code end
  local entries, rows, roots
  entries, message, code = saveconf.manifest(tree, root)
  if not entries then return nil, message, code end
  rows, message, code = policy.expand(tree)
  if not rows then return nil, message, code end
  roots, message, code = pristine_roots(tree)
  if not roots then return nil, message, code end
  local paths, files = {}, json.array()
  for path in pairs(entries) do paths[#paths + 1] = path end
  for path in pairs(rows) do
    if not entries[path] then paths[#paths + 1] = path end
  end
  table.sort(paths)
  for _, path in ipairs(paths) do
    local data, stat
    data, stat, code = find_new(tree, roots, path, entries[path], carried)
    if data == nil then return nil, stat, code end
    if data then
      local ok
      ok, message, code = put(tree, private(root, "/new") .. path, data, { mode = 384 })
      if not ok then return nil, message, code end
      files[#files + 1] = { path = path, sha256 = sys.sha256(data), mode = stat.mode, uid = stat.uid, gid = stat.gid }
    end
  end
  return write_json(tree, private(root, "/new.json"), files)
end

--- Puts back every file of the policies preserve and hold_new as the site had it.
---@param tree table
---@param root string?
---@return { files: integer }? result
---@return string? message
---@return string? code
function saveconf.restore_preserved(tree, root)
  root = root or saveconf.root
  local entries, message, code = saveconf.manifest(tree, root)
  if not entries then return nil, message, code end
  local paths, count = {}, 0
  for path, entry in pairs(entries) do
    if entry.policy == "preserve" or entry.policy == "hold_new" then paths[#paths + 1] = path end
  end
  table.sort(paths)
  for _, path in ipairs(paths) do
    local entry = entries[path]
    local data, ok
    data, message, code = tree:read(root .. path, saveconf.max)
    if not data then return nil, message, code end
    if sys.sha256(data) ~= entry.sha256 then
      return nil, ("restore: %s%s: content changed"):format(root, path), "SAVE_DAMAGED"
    end
    ok, message, code = tree:makedirs(parent(path) == "" and "/" or parent(path), 493) -- 0755
    if not ok then return nil, message, code end
    ok, message, code = tree:write(path, data, { mode = entry.mode, uid = entry.uid, gid = entry.gid, mtime = entry.mtime })
    if not ok then return nil, message, code end
    count = count + 1
  end
  return { files = count }
end

-- Raised and caught by merge.run: the readers of a context have no second result.
local function checked(value, message, code)
  if value == nil then error({ code = code, message = message }, 0) end
  return value
end

--- What merge.run reads from: functions over the save area. The caller adds report, log and warn.
---@param tree table
---@param root string?
---@return table context
function saveconf.context(tree, root)
  root = root or saveconf.root
  local entries, shipped
  local function load()
    if entries then return end
    entries = checked(saveconf.manifest(tree, root))
    shipped = {}
    local value = checked(read_json(tree, private(root, "/new.json")))
    if not value then error({ code = "SAVE_MISSING", message = ("manifest: %s: the new level's files were not kept"):format(root) }, 0) end
    for _, entry in ipairs(value.files) do shipped[entry.path] = entry end
  end
  local function content(path, digest)
    local data = checked(tree:read(path, saveconf.max))
    if sys.sha256(data) ~= digest then error({ code = "SAVE_DAMAGED", message = ("read: %s: content changed"):format(path) }, 0) end
    return data
  end
  return {
    tree = tree,
    saved = function(path)
      load()
      return entries[path] and content(root .. path, entries[path].sha256)
    end,
    saved_stat = function(path)
      load()
      return entries[path]
    end,
    shipped_old = function(path)
      load()
      local entry = entries[path]
      return entry and entry.old and content(private(root, "/old") .. path, entry.old) or nil
    end,
    shipped_new = function(path)
      load()
      return shipped[path] and content(private(root, "/new") .. path, shipped[path].sha256)
    end,
    new_stat = function(path)
      load()
      return shipped[path]
    end,
    save_report = function(title, text)
      return put(tree, private(root, "/report/") .. title:gsub("[^%w._-]", "_"), text, { mode = 384 })
    end,
  }
end

return saveconf
