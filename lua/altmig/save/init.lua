-- SPDX-License-Identifier: MIT
-- Saves what a migration could overwrite, into the copy itself, and gives the merges their inputs.
--
--   <root>/PATH                 C: the site's file, with its owner, mode and time
--   <root>/.altmig/old/PATH     O: what the old level shipped
--   <root>/.altmig/site/PATH    C once more, of files that installp may handle in phase 6: it uses
--                               <root>/PATH for its own ends
--   <root>/.altmig/new/PATH     N: what the new level ships, taken after the restore
--   <root>/.altmig/links.json   links in the place of files; C of what a method merges as text is then what
--                               the link leads to
--   <root>/.altmig/manifest.json, new.json     what lies there, with digests; written last
--   <root>/.altmig/report/METHOD               what each merge decided
--
-- Where O comes from, in this order; the manifest says which it was for each file:
--   "baseline"   images of the old level (--baseline)
--   "inst_root"  the pristine root part that the old level's filesets keep below /usr/lpp
--   "vpd"        the software database says that the site never changed the file: O is C
--   "none"       not known; `modified` says whether the software database knows it as changed
--
-- A manifest is written last and atomically: where there is one, everything it names is there.

local json = require "altmig.json"
local policy = require "altmig.merge.policy"
local mode = require "altmig.mode"
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
---@field base "baseline"|"inst_root"|"vpd"|"none"   # where O comes from
---@field modified boolean?   # base "none": changed since it was installed
---@field method string?      # title of the merge method
---@field fileset string?     # the fileset whose cfgfiles gave the policy
---@field installp boolean?   # a fileset that phase 6 installs brings the file
---@field link boolean?       # it is what a link in the path's place leads to

local function is_missing(code) return code == "ENOENT" or code == "ENOTDIR" or code == "OUTSIDE_TREE" or code == "ELOOP" end

local function private(root, part) return root .. "/.altmig" .. part end

-- The content of a regular file; false when there is none. A site's method merges what a link leads to;
-- other links are followed if `follow` says so.
local function read_file(tree, path, follow)
  local stat, message, code = tree:stat(path, { follow = follow or policy.is_claimed(path) })
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

--- Whether the table names the file: it is saved in any case.
---@param path string
---@return boolean
function saveconf.is_listed(path) return policy.of(path) ~= nil end

-- Directories of the save area are for root alone, whatever lies in them.
local function put(tree, path, data, opts)
  local ok, message, code = tree:makedirs(parent(path), mode.PRIVATE_DIR)
  if not ok then return nil, message, code end
  return tree:write(path, data, opts)
end

--- Root part of bos: where the restore brings the new level's pristine copies.
saveconf.bos_root = "/usr/lpp/bos/inst_root"

-- The pristine root parts that the old level's filesets keep, of every package.
local function pristine_roots(tree)
  local names, message, code = tree:list("/usr/lpp")
  if not names then
    if is_missing(code) then return {} end
    return nil, message, code
  end
  local roots = {}
  for _, name in ipairs(names) do
    local dir = "/usr/lpp/" .. name .. "/inst_root"
    if dir ~= saveconf.bos_root and tree:exists(dir) then roots[#roots + 1] = dir end
  end
  if tree:exists(saveconf.bos_root) then table.insert(roots, 1, saveconf.bos_root) end
  return roots
end

-- A pristine copy of a path; false when no fileset has it.
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
  return put(tree, path, json.encode({ version = 1, files = files }, { sort = true }), { mode = mode.PRIVATE_FILE })
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

---@class altmig.saveconf.Sources    what is known of the old level, and which files matter beside the table
---@field rows altmig.policy.Row[]?           # of cfgfiles, below the table
---@field inventory altmig.inventory.Table?
---@field changed string[]?                   # files outside /etc and /var known to be changed by the site
---@field installed string[]?                 # files that filesets of phase 6 bring
---@field baseline table<string, string>?     # path -> digest of O, which lies in the save area already

-- O of a file with this content: content or false, where it comes from, and whether the site changed it.
local function find_old(tree, roots, path, data, sources)
  if sources.baseline and sources.baseline[path] then return true, "baseline" end
  local old, message, code = pristine(tree, roots, path)
  if old == nil then return nil, message, code end
  if old then return old, "inst_root" end
  local changed
  if sources.inventory then changed = sources.inventory:changed(path, data) end
  if changed == false then return data, "vpd" end
  return false, "none", changed
end

local function absolute(name) return "/" .. name:gsub("^%./", ""):gsub("^/+", "") end

-- Names of members as paths, each once, without those that lead upwards.
local function plain_paths(names, seen, list)
  for _, name in ipairs(names) do
    local path = absolute(name)
    if not seen[path] and not (path .. "/"):find("/../", 1, true) then
      seen[path] = true
      list[#list + 1] = path
    end
  end
end

-- Whether an unlisted file is worth saving: it differs from what the old level shipped, or nobody
-- knows what that was.
local function differs(tree, roots, path, sources)
  local data, stat, code = read_file(tree, path)
  if not data then return data, stat, code end
  local old, message, what = find_old(tree, roots, path, data, sources)
  if old == nil then return nil, message, what end
  if message == "baseline" then return sources.baseline[path] ~= sys.sha256(data) end
  return old ~= data
end

-- Where a link of the site's leads, if one lies in the path's place; false if none does.
local function link_target(tree, path)
  local stat, message, code = tree:stat(path)
  if not stat and not is_missing(code) then return nil, message, code end
  return stat and stat.type == "link" and stat.target or false
end

-- What the table, or else a fileset's list, says of a path.
local function row_of(path, rows)
  local row = policy.of(path)
  for _, other in ipairs(not row and rows or {}) do
    if other.path == path then return other end
  end
  return row or { policy = "unlisted" }
end

-- The links in the place of files that methods merge as text.
local function linked_files(tree, files, seen, in_image)
  for _, row in ipairs(policy.rows) do
    local path = row.path
    if not seen[path] and not path:find("*", 1, true) and policy.is_followed(path) then
      local link, message, code = link_target(tree, path)
      if link == nil then return nil, message, code end
      if link then
        files[#files + 1] = { path = path, policy = row.policy, method = row.method, installp = in_image[path], link = link }
        seen[path] = true
      end
    end
  end
  return true
end

--- What to save: every file of the policy table and of the filesets' own lists that is there, and
--- every other file that an archive member would overwrite and that differs from what the old level
--- shipped; below /etc and /var also where that is not known. A link in the place of a member, or of a
--- file that a method merges, comes with its target: the restore replaces it.
---@param tree table
---@param names string[]      # members of the archive: "./etc/x", "etc/x" or "/etc/x"
---@param sources altmig.saveconf.Sources?
---@return { path: string, policy: string, method: string?, fileset: string?, installp: boolean?, link: string? }[]? files   # sorted
---@return string? message
---@return string? code
function saveconf.candidates(tree, names, sources)
  sources = sources or {}
  local rows, message, code = policy.expand(tree, sources.rows)
  if not rows then return nil, message, code end
  local roots
  roots, message, code = pristine_roots(tree)
  if not roots then return nil, message, code end
  local files, seen, others, in_image = {}, {}, {}, {}
  for _, name in ipairs(sources.installed or {}) do in_image[absolute(name)] = true end
  for path, row in pairs(rows) do
    local link
    if policy.is_claimed(path) then link, message, code = link_target(tree, path) end
    if link == nil and code then return nil, message, code end
    files[#files + 1] = { path = path, policy = row.policy, method = row.method, fileset = row.fileset,
      installp = in_image[path], link = link or nil }
    seen[path] = true
  end
  local ok
  ok, message, code = linked_files(tree, files, seen, in_image)
  if not ok then return nil, message, code end
  for _, list in ipairs { names, sources.installed or {} } do
    local below = {}
    for _, name in ipairs(list) do
      local path = absolute(name)
      if path:match("^/etc/") or path:match("^/var/") then below[#below + 1] = path end
    end
    plain_paths(below, seen, others)
  end
  plain_paths(sources.changed or {}, seen, others)
  for _, path in ipairs(others) do
    local worth
    worth, message, code = differs(tree, roots, path, sources)
    if worth == nil then return nil, message, code end
    local link = false
    if not worth then link, message, code = link_target(tree, path) end
    if link == nil then return nil, message, code end
    if worth then
      files[#files + 1] = { path = path, policy = "unlisted", installp = in_image[path] }
    elseif link then
      local row = row_of(path, sources.rows)
      files[#files + 1] = { path = path, policy = row.policy, method = row.method, fileset = row.fileset, link = link }
    end
  end
  table.sort(files, function(a, b) return a.path < b.path end)
  return files
end

--- Puts O of a file from a baseline into the save area; for saveconf.save's `baseline`.
---@param tree table
---@param root string?
---@param path string
---@param data string
---@return string? digest
---@return string? message
---@return string? code
function saveconf.put_old(tree, root, path, data)
  local ok, message, code = put(tree, private(root or saveconf.root, "/old") .. path, data, { mode = mode.PRIVATE_FILE })
  if not ok then return nil, message, code end
  return sys.sha256(data)
end

local function save_one(tree, root, roots, file, sources)
  local data, stat, code = read_file(tree, file.path, file.link and policy.is_followed(file.path))
  if not data then return data, stat, code end
  local entry = { path = file.path, policy = file.policy or "unlisted", size = #data, mode = stat.mode, uid = stat.uid,
    gid = stat.gid, mtime = stat.mtime, sha256 = sys.sha256(data), method = file.method, fileset = file.fileset,
    installp = file.installp, link = file.link and true or nil }
  local attributes = { mode = stat.mode, uid = stat.uid, gid = stat.gid, mtime = stat.mtime }
  local ok, message
  ok, message, code = put(tree, root .. file.path, data, attributes)
  if ok and file.installp then ok, message, code = put(tree, private(root, "/site") .. file.path, data, attributes) end
  if not ok then return nil, message, code end
  local old, base, modified = find_old(tree, roots, file.path, data, sources)
  if old == nil then return nil, base, modified end
  entry.base, entry.modified = base, modified
  if base == "baseline" then
    entry.old = sources.baseline[file.path]
  elseif old then
    entry.old, message, code = saveconf.put_old(tree, root, file.path, old)
    if not entry.old then return nil, message, code end
  end
  return entry
end

--- The save area itself: for root alone.
---@param tree table
---@param root string?
---@return true? ok
---@return string? message
---@return string? code
function saveconf.prepare(tree, root)
  root = root or saveconf.root
  local ok, message, code = tree:makedirs(parent(root), mode.DIR)
  if ok then ok, message, code = tree:makedirs(private(root, ""), mode.PRIVATE_DIR) end
  if ok then ok, message, code = tree:chmod(root, mode.PRIVATE_DIR) end
  return ok, message, code
end

local lists = { "/manifest.json", "/new.json", "/active.json", "/links.json", "/installp.log" }

-- A system that was migrated before has the lists and reports of that run in its save area: what they say
-- of a new level is not true of this one.
local function forget(tree, root)
  local paths = {}
  for _, name in ipairs(lists) do paths[#paths + 1] = private(root, name) end
  for _, name in ipairs(tree:list(private(root, "/report")) or {}) do paths[#paths + 1] = private(root, "/report/") .. name end
  for _, path in ipairs(paths) do
    local ok, message, code = tree:remove(path)
    if not ok and not is_missing(code) then return nil, message, code end
  end
  return true
end

--- Copies the files and their old shipped defaults into the save area. Before the restore only.
---@param tree table
---@param root string?        # default "/lpp/save.config"
---@param files ({ path: string, policy: string }|string)[]   # from candidates
---@param sources altmig.saveconf.Sources?
---@return { files: integer, bytes: integer, old: integer, bases: table<string, integer>, unlisted: string[] }? result
---@return string? message
---@return string? code
function saveconf.save(tree, root, files, sources)
  root, sources = root or saveconf.root, sources or {}
  local ok, message, code = saveconf.prepare(tree, root)
  if ok then ok, message, code = forget(tree, root) end
  if not ok then return nil, message, code end
  local roots
  roots, message, code = pristine_roots(tree)
  if not roots then return nil, message, code end
  local entries, links = json.array(), {}
  local result = { files = 0, bytes = 0, old = 0, unlisted = {}, bases = { baseline = 0, inst_root = 0, vpd = 0, none = 0 } }
  for _, file in ipairs(files) do
    if type(file) == "string" then
      local row = policy.of(file) or { policy = "unlisted" }
      file = { path = file, policy = row.policy, method = row.method }
    end
    if file.link then
      links[#links + 1] = { path = file.path, policy = file.policy, method = file.method, fileset = file.fileset,
        target = encode_path(file.link) }
    end
    local entry
    entry, message, code = save_one(tree, root, roots, file, sources)
    if entry == nil then return nil, message, code end
    if entry then
      entries[#entries + 1] = entry
      result.files, result.bytes = result.files + 1, result.bytes + entry.size
      result.bases[entry.base] = result.bases[entry.base] + 1
      if entry.old then result.old = result.old + 1 end
      if entry.policy == "unlisted" then table.insert(result.unlisted, entry.path) end
    end
  end
  ok, message, code = saveconf.keep_list(tree, root, "links", links)
  if ok then ok, message, code = write_json(tree, private(root, "/manifest.json"), entries) end
  if not ok then return nil, message, code end
  return result
end

--- What the new level shipped, by path, as keep_shipped noted it; nil, message, "SAVE_MISSING" before.
---@param tree table
---@param root string?
---@return table<string, { path: string, sha256: string, mode: integer, uid: integer, gid: integer }>? entries
---@return string? message
---@return string? code
function saveconf.shipped(tree, root)
  root = root or saveconf.root
  local value, message, code = read_json(tree, private(root, "/new.json"))
  if value == nil then return nil, message, code end
  if not value then return nil, ("manifest: %s: the new level's files were not kept"):format(root), "SAVE_MISSING" end
  local entries = {}
  for _, entry in ipairs(value.files) do entries[entry.path] = entry end
  return entries
end

--- Digest of the file that is active; false when there is none.
---@param tree table
---@param path string
---@return string|false|nil digest
---@return string? message
---@return string? code
function saveconf.digest(tree, path)
  local data, message, code = read_file(tree, path, policy.is_followed(path))
  if not data then return data, message, code end
  return sys.sha256(data)
end

--- A list of entries with a path, kept in the save area beside the manifest.
---@param tree table
---@param root string?
---@param name string
---@param entries { path: string }[]
---@return true? ok
---@return string? message
---@return string? code
function saveconf.keep_list(tree, root, name, entries)
  return write_json(tree, private(root or saveconf.root, "/" .. name .. ".json"), json.array(entries))
end

--- What keep_list kept, by path; false when nothing was.
---@param tree table
---@param root string?
---@param name string
---@return table<string, table>|false|nil entries
---@return string? message
---@return string? code
function saveconf.kept_list(tree, root, name)
  local value, message, code = read_json(tree, private(root or saveconf.root, "/" .. name .. ".json"))
  if not value then return value, message, code end
  local entries = {}
  for _, entry in ipairs(value.files) do entries[entry.path] = entry end
  return entries
end

--- The links that lay in the place of files, by path.
---@param tree table
---@param root string?
---@return table<string, { path: string, policy: string, method: string?, fileset: string?, target: string }>? links
---@return string? message
---@return string? code
function saveconf.links(tree, root)
  local links, message, code = saveconf.kept_list(tree, root, "links")
  if links == nil then return nil, message, code end
  for _, link in pairs(links or {}) do link.target = decode_path(link.target) end
  return links or {}
end

--- Whether a link still lies where it lay.
---@param tree table
---@param link { path: string, target: string }
---@return boolean? same
---@return string? message
---@return string? code
function saveconf.is_linked(tree, link)
  local target, message, code = link_target(tree, link.path)
  if target == nil then return nil, message, code end
  return target == link.target
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
  if data then return data, live and stat or { mode = mode.PRIVATE_FILE, uid = 0, gid = 0 } end
  -- The new level has no such file: what lies there is the site's. The names are those of all files
  -- below /etc and /var and of those that methods of the site merge.
  local listed = path:match("^/etc/") or path:match("^/var/") or policy.is_claimed(path)
  if carried and not carried[path] and listed then return false end
  return live, stat
end

--- Keeps what the new level shipped of every file that was saved or is in the policy table. After the
--- restore and before anything is put back or merged; done once: a second call finds the list of the
--- first and changes nothing, since the live files may be merged by then.
---@param tree table
---@param root string?
---@param names string[]?     # files of the archive, at least those of the policy table
---@param roots string[]?     # pristine root parts that the archive brought; default: that of bos
---@return boolean? ok
---@return string? message
---@return string? code
function saveconf.keep_shipped(tree, root, names, roots)
  root, roots = root or saveconf.root, roots or { saveconf.bos_root }
  local carried = names and {}
  for _, name in ipairs(names or {}) do carried[name] = true end
  local done, message, code = read_json(tree, private(root, "/new.json"))
  if done ~= false then return done and true, message, code end
  local entries, rows
  entries, message, code = saveconf.manifest(tree, root)
  if not entries then return nil, message, code end
  rows, message, code = policy.expand(tree)
  if not rows then return nil, message, code end
  local paths, files = {}, json.array()
  for path in pairs(entries) do paths[#paths + 1] = path end
  for path in pairs(rows) do
    if not entries[path] then paths[#paths + 1] = path end
  end
  local links
  links, message, code = saveconf.links(tree, root)
  if not links then return nil, message, code end
  for path in pairs(links) do
    if not entries[path] and not rows[path] then paths[#paths + 1] = path end
  end
  table.sort(paths)
  for _, path in ipairs(paths) do
    local data, stat
    data, stat, code = find_new(tree, roots, path, entries[path], carried)
    if data == nil then return nil, stat, code end
    if data then
      local ok
      ok, message, code = put(tree, private(root, "/new") .. path, data, { mode = mode.PRIVATE_FILE })
      if not ok then return nil, message, code end
      files[#files + 1] = { path = path, sha256 = sys.sha256(data), mode = stat.mode, uid = stat.uid, gid = stat.gid }
    end
  end
  return write_json(tree, private(root, "/new.json"), files)
end

--- Whether the site's file is made active again. What a fileset says is to be merged, and no method
--- of ours merges, is the site's unless the site never changed it.
---@param entry altmig.saveconf.Entry
---@return boolean
function saveconf.is_put_back(entry)
  if entry.policy == "preserve" or entry.policy == "hold_new" then return true end
  return entry.policy == "merge" and not entry.method and entry.old ~= entry.sha256
end

-- Puts one link back. A directory of the new level in its place stays: the report says that it is active.
local function restore_link(tree, path, link)
  local same, message, code = saveconf.is_linked(tree, link)
  if same == nil then return nil, message, code end
  if same then return true end
  local ok
  ok, message, code = tree:remove(path)
  if ok or is_missing(code) then return tree:symlink(link.target, path) end
  if code == "ENOTEMPTY" or code == "EEXIST" then return true end
  return nil, message, code
end

-- What the new level shipped, in the place of a link that leads to no file.
local function put_new(tree, root, path, new)
  local data, message, code = tree:read(private(root, "/new") .. path, saveconf.max)
  if not data then return nil, message, code end
  local ok
  ok, message, code = tree:remove(path)
  if not ok then return nil, message, code end
  return tree:write(path, data, { mode = new.mode, uid = new.uid, gid = new.gid })
end

-- Whether a link leads to a file inside the tree that is not the one in the place of `path`.
local function leads_to_file(tree, link, path)
  local target, message, code = tree:resolve(link)
  local stat
  if target then stat, message, code = tree:stat(target) end
  if not stat and not is_missing(code) then return nil, message, code end
  return stat ~= nil and stat.type == "file" and target ~= path
end

-- Puts back a link that a method writes through, if it still leads to a file: the restore may have taken
-- that, or made a link to this very path of it. `new` stays then.
local function restore_through(tree, root, path, link, new)
  local same, message, code = saveconf.is_linked(tree, link)
  if same == nil then return nil, message, code end
  local tried = path .. ".altmig-link"
  local ok, leads
  ok, message, code = tree:remove(tried)
  if ok or is_missing(code) then ok, message, code = tree:symlink(link.target, tried) end
  if ok then leads, message, code = leads_to_file(tree, tried, path) end
  if leads == nil then return nil, message, code end
  if leads and not same then return tree:rename(tried, path) end
  ok, message, code = tree:remove(tried)
  if ok and not leads and same then return put_new(tree, root, path, new) end
  return ok, message, code
end

-- Links of files that stay the site's, and of those that a method writes through. The latter only where
-- the new level brings a file: what it has as a link, or not at all, nothing took the place of.
local function restore_links(tree, root, entries)
  local shipped, links, message, code
  links, message, code = saveconf.links(tree, root)
  if not links then return nil, message, code end
  shipped, message, code = saveconf.shipped(tree, root)
  if not shipped then return nil, message, code end
  for path, link in pairs(links) do
    local through = entries[path] and policy.is_followed(path) and not policy.is_claimed(path) and shipped[path]
    local ok = true
    if through then
      ok, message, code = restore_through(tree, root, path, link, through)
    elseif link.policy == "preserve" or link.policy == "hold_new" or policy.is_claimed(path) then
      ok, message, code = restore_link(tree, path, link)
    end
    if not ok then return nil, message, code end
  end
  return true
end

--- Puts back every file of the policies preserve and hold_new as the site had it, and those of merge
--- that have no method. Links that lay in a file's place too, but for the latter: those of preserve and
--- hold_new, and those that a method writes through.
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
    if saveconf.is_put_back(entry) then paths[#paths + 1] = path end
  end
  table.sort(paths)
  local linked
  linked, message, code = restore_links(tree, root, entries)
  if not linked then return nil, message, code end
  for _, path in ipairs(paths) do
    local entry = entries[path]
    local data, ok
    data, message, code = tree:read(root .. path, saveconf.max)
    if not data then return nil, message, code end
    if sys.sha256(data) ~= entry.sha256 then
      return nil, ("restore: %s%s: content changed"):format(root, path), "SAVE_DAMAGED"
    end
    ok, message, code = tree:makedirs(parent(path) == "" and "/" or parent(path), mode.DIR)
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
  if type(tree) == "userdata" then tree = tree:plain() end -- a script gives m.alt, and merges look at what calls return
  root = root or saveconf.root
  local entries, shipped
  local function load()
    if entries then return end
    entries = checked(saveconf.manifest(tree, root))
    shipped = checked(saveconf.shipped(tree, root))
  end
  -- What a link leads to is merged only if the new level brings a file in the link's place: else it is
  -- merged, if at all, where it lies.
  local function saved_entry(path)
    load()
    local entry = entries[path]
    return entry and not (entry.link and not shipped[path] and not policy.is_claimed(path)) and entry or nil
  end
  local function content(path, digest)
    local data = checked(tree:read(path, saveconf.max))
    if sys.sha256(data) ~= digest then error({ code = "SAVE_DAMAGED", message = ("read: %s: content changed"):format(path) }, 0) end
    return data
  end
  return {
    tree = tree,
    saved = function(path)
      local entry = saved_entry(path)
      return entry and content(root .. path, entry.sha256)
    end,
    saved_stat = saved_entry,
    shipped_old = function(path)
      local entry = saved_entry(path)
      return entry and entry.old and content(private(root, "/old") .. path, entry.old) or nil
    end,
    modified = function(path)
      load()
      return entries[path] and entries[path].modified
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
      return put(tree, private(root, "/report/") .. title:gsub("[^%w._-]", "_"), text, { mode = mode.PRIVATE_FILE })
    end,
  }
end

return saveconf
