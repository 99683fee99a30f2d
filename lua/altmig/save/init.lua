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
--   <root>/.altmig/levels.json                 from which release to which
--   <root>/.altmig/manifest.json, new.json     what is there, with digests; written last
--   <root>/.altmig/report/METHOD               what each merge decided
--
-- Where O comes from, in this order; the manifest says which it was for each file:
--   "baseline"   images of the old level (--baseline)
--   "inst_root"  the pristine root part that the old level's filesets keep below /usr/lpp
--   "vpd"        the software database says that the site never changed the file: O is C
--   "none"       not known; `modified` says whether the software database knows it as changed
--
-- A manifest is written last and atomically: where there is one, everything it names is there.
--
-- What fails is raised, an error object; only verify returns its verdict.

local err = require "altmig.err"
local json = require "altmig.json"
local policy = require "altmig.merge.policy"
local mode = require "altmig.mode"
local sorted_keys = require "altmig.sorted_keys"
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

local check = err.check

-- The same of what may not be there: nil then.
local function if_there(value, message, code)
  if not value and err.leads_nowhere(code) then return nil end
  return check(value, message, code)
end

local function damaged(message) err.raise { code = "SAVE_DAMAGED", message = message } end

local function private(root, part) return root .. "/.altmig" .. part end

-- The content of a regular file; false when there is none. A site's method merges what a link leads to;
-- other links are followed if `follow` says so.
local function read_file(tree, path, follow)
  local stat = if_there(tree:stat(path, { follow = follow or policy.is_claimed(path) }))
  if not stat or stat.type ~= "file" then return false end
  return check(tree:read(path, saveconf.max)), stat
end

local function parent(path) return path:match("^(.*)/[^/]*$") end

--- Whether the table names the file: it is saved in any case.
---@param path string
---@return boolean
function saveconf.is_listed(path) return policy.of(path) ~= nil end

-- Directories of the save area are for root alone, whatever is in them.
local function put(tree, path, data, opts)
  check(tree:makedirs(parent(path), mode.PRIVATE_DIR))
  check(tree:write(path, data, opts))
end

--- Root part of bos: where the restore brings the new level's pristine copies.
saveconf.bos_root = "/usr/lpp/bos/inst_root"

-- The pristine root parts that the old level's filesets keep, of every package.
local function pristine_roots(tree)
  local roots = {}
  for _, name in ipairs(if_there(tree:list("/usr/lpp")) or {}) do
    local dir = "/usr/lpp/" .. name .. "/inst_root"
    if dir ~= saveconf.bos_root and tree:exists(dir) then roots[#roots + 1] = dir end
  end
  if tree:exists(saveconf.bos_root) then table.insert(roots, 1, saveconf.bos_root) end
  return roots
end

-- A pristine copy of a path; false when no fileset has it.
local function pristine(tree, roots, path)
  for _, root in ipairs(roots) do
    local data = read_file(tree, root .. path)
    if data then return data end
  end
  return false
end

--- Digests of what the filesets of a tree ship, as their root parts have it; nil for a path that none has.
---@param tree table
---@return fun(path: string): string?
function saveconf.pristine_digests(tree)
  local roots
  return function(path)
    roots = roots or pristine_roots(tree)
    local data = pristine(tree, roots, path)
    return data and sys.sha256(data) or nil
  end
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
  put(tree, path, json.encode({ version = 1, files = files }, { sort = true }), { mode = mode.PRIVATE_FILE })
end

-- The entries of a list by path; false when there is no such list.
local function read_json(tree, path)
  local data = read_file(tree, path)
  if not data then return false end
  local value, message = json.decode(data)
  if type(value) ~= "table" or type(value.files) ~= "table" then
    damaged(("manifest: %s: %s"):format(path, message or "not a manifest"))
  end
  local entries = {}
  for _, entry in ipairs(value.files) do
    entry.path = decode_path(entry.path)
    entries[entry.path] = entry
  end
  return entries
end

local function must_have(entries, root, message)
  if entries then return entries end
  err.raise { code = "SAVE_MISSING", message = ("manifest: %s: %s"):format(root, message) }
end

---@class altmig.saveconf.Sources    what is known of the old level, and which files matter beside the table
---@field rows altmig.policy.Row[]?           # of cfgfiles, below the table
---@field inventory altmig.inventory.Table?
---@field changed string[]?                   # files outside /etc and /var known to be changed by the site
---@field installed string[]?                 # files that filesets of phase 6 bring
---@field baseline table<string, string>?     # path -> digest of O, which is in the save area already
---@field levels { from: string?, to: string? }?   # releases as "7.2": what the merges may ask

-- O of a file with this content: content or false, where it comes from, and whether the site changed it.
local function find_old(tree, roots, path, data, sources)
  if sources.baseline and sources.baseline[path] then return true, "baseline" end
  local old = pristine(tree, roots, path)
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
  local data = read_file(tree, path)
  if not data then return false end
  local old, base = find_old(tree, roots, path, data, sources)
  if base == "baseline" then return sources.baseline[path] ~= sys.sha256(data) end
  return old ~= data
end

-- Where a link of the site's leads, if one is in the path's place; false if none is.
local function link_target(tree, path)
  local stat = if_there(tree:stat(path))
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
    if not seen[path] and not path:find("*", 1, true) and (row.link or policy.is_followed(path)) then
      local link = link_target(tree, path)
      if link then
        files[#files + 1] = { path = path, policy = row.policy, method = row.method, installp = in_image[path], link = link }
        seen[path] = true
      end
    end
  end
end

--- What to save: every file of the policy table and of the filesets' own lists that is there, and
--- every other file that an archive member would overwrite and that differs from what the old level
--- shipped; below /etc and /var also where that is not known. A link in the place of a member, or of a
--- file that a method merges, comes with its target: the restore replaces it.
---@param tree table
---@param names string[]      # members of the archive: "./etc/x", "etc/x" or "/etc/x"
---@param sources altmig.saveconf.Sources?
---@return { path: string, policy: string, method: string?, fileset: string?, installp: boolean?, link: string? }[] files   # sorted
function saveconf.candidates(tree, names, sources)
  sources = sources or {}
  local rows, roots = policy.expand(tree, sources.rows), pristine_roots(tree)
  local files, seen, others, in_image = {}, {}, {}, {}
  for _, name in ipairs(sources.installed or {}) do in_image[absolute(name)] = true end
  for path, row in pairs(rows) do
    files[#files + 1] = { path = path, policy = row.policy, method = row.method, fileset = row.fileset,
      installp = in_image[path], link = policy.is_claimed(path) and link_target(tree, path) or nil }
    seen[path] = true
  end
  linked_files(tree, files, seen, in_image)
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
    local worth = differs(tree, roots, path, sources)
    local link = not worth and link_target(tree, path)
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
---@return string digest
function saveconf.put_old(tree, root, path, data)
  put(tree, private(root or saveconf.root, "/old") .. path, data, { mode = mode.PRIVATE_FILE })
  return sys.sha256(data)
end

-- The entry of the manifest; nil when there is no such file.
local function save_one(tree, root, roots, file, sources)
  local data, stat = read_file(tree, file.path, file.link and policy.is_followed(file.path))
  if not data then return nil end
  local entry = { path = file.path, policy = file.policy or "unlisted", size = #data, mode = stat.mode, uid = stat.uid,
    gid = stat.gid, mtime = stat.mtime, sha256 = sys.sha256(data), method = file.method, fileset = file.fileset,
    installp = file.installp, link = file.link and true or nil }
  local attributes = { mode = stat.mode, uid = stat.uid, gid = stat.gid, mtime = stat.mtime }
  put(tree, root .. file.path, data, attributes)
  if file.installp then put(tree, private(root, "/site") .. file.path, data, attributes) end
  local old
  old, entry.base, entry.modified = find_old(tree, roots, file.path, data, sources)
  if entry.base == "baseline" then
    entry.old = sources.baseline[file.path]
  elseif old then
    entry.old = saveconf.put_old(tree, root, file.path, old)
  end
  return entry
end

--- The save area itself: for root alone.
---@param tree table
---@param root string?
function saveconf.prepare(tree, root)
  root = root or saveconf.root
  check(tree:makedirs(parent(root), mode.DIR))
  check(tree:makedirs(private(root, ""), mode.PRIVATE_DIR))
  check(tree:chmod(root, mode.PRIVATE_DIR))
end

local lists = { "/manifest.json", "/new.json", "/active.json", "/links.json", "/levels.json", "/installed.json", "/installp.log" }

-- A system that was migrated before has the lists and reports of that run in its save area: what they say
-- of a new level is not true of this one.
local function forget(tree, root)
  local paths = {}
  for _, name in ipairs(lists) do paths[#paths + 1] = private(root, name) end
  for _, name in ipairs(tree:list(private(root, "/report")) or {}) do paths[#paths + 1] = private(root, "/report/") .. name end
  for _, path in ipairs(paths) do if_there(tree:remove(path)) end
end

--- Copies the files and their old shipped defaults into the save area. Before the restore only.
---@param tree table
---@param root string?        # default "/lpp/save.config"
---@param files ({ path: string, policy: string }|string)[]   # from candidates
---@param sources altmig.saveconf.Sources?
---@return { files: integer, bytes: integer, old: integer, bases: table<string, integer>, unlisted: string[] } result
function saveconf.save(tree, root, files, sources)
  root, sources = root or saveconf.root, sources or {}
  saveconf.prepare(tree, root)
  forget(tree, root)
  local roots, entries, links = pristine_roots(tree), json.array(), {}
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
    local entry = save_one(tree, root, roots, file, sources)
    if entry then
      entries[#entries + 1] = entry
      result.files, result.bytes = result.files + 1, result.bytes + entry.size
      result.bases[entry.base] = result.bases[entry.base] + 1
      if entry.old then result.old = result.old + 1 end
      if entry.policy == "unlisted" then table.insert(result.unlisted, entry.path) end
    end
  end
  saveconf.keep_list(tree, root, "links", links)
  if sources.levels then
    put(tree, private(root, "/levels.json"), json.encode(sources.levels, { sort = true }), { mode = mode.PRIVATE_FILE })
  end
  write_json(tree, private(root, "/manifest.json"), entries)
  return result
end

--- What the new level shipped, by path, as keep_shipped noted it; raises "SAVE_MISSING" before.
---@param tree table
---@param root string?
---@return table<string, { path: string, sha256: string, mode: integer, uid: integer, gid: integer }> entries
function saveconf.shipped(tree, root)
  root = root or saveconf.root
  return must_have(read_json(tree, private(root, "/new.json")), root, "the new level's files were not kept")
end

--- Digest of the file that is active; false when there is none.
---@param tree table
---@param path string
---@return string|false digest
function saveconf.digest(tree, path)
  local data = read_file(tree, path, policy.is_followed(path))
  return data and sys.sha256(data)
end

--- A list of entries with a path, kept in the save area beside the manifest.
---@param tree table
---@param root string?
---@param name string
---@param entries { path: string }[]
function saveconf.keep_list(tree, root, name, entries)
  write_json(tree, private(root or saveconf.root, "/" .. name .. ".json"), json.array(entries))
end

--- What keep_list kept, by path; false when nothing was.
---@param tree table
---@param root string?
---@param name string
---@return table<string, table>|false entries
function saveconf.kept_list(tree, root, name)
  return read_json(tree, private(root or saveconf.root, "/" .. name .. ".json"))
end

--- The links that were in the place of files, by path.
---@param tree table
---@param root string?
---@return table<string, { path: string, policy: string, method: string?, fileset: string?, target: string }> links
function saveconf.links(tree, root)
  local links = saveconf.kept_list(tree, root, "links") or {}
  for _, link in pairs(links) do link.target = decode_path(link.target) end
  return links
end

--- Whether a link still is where it was, with the same target.
---@param tree table
---@param link { path: string, target: string }
---@return boolean
function saveconf.is_linked(tree, link) return link_target(tree, link.path) == link.target end

--- The manifest, by path; raises "SAVE_MISSING" when nothing was saved to the end.
---@param tree table
---@param root string?
---@return table<string, altmig.saveconf.Entry> entries
function saveconf.manifest(tree, root)
  root = root or saveconf.root
  return must_have(read_json(tree, private(root, "/manifest.json")), root, "nothing was saved")
end

local function check_digest(tree, path, digest)
  local data = read_file(tree, path)
  if not data then damaged(("verify: %s: missing"):format(path)) end
  if sys.sha256(data) ~= digest then damaged(("verify: %s: content changed"):format(path)) end
end

local function verify(tree, root)
  for path, entry in pairs(saveconf.manifest(tree, root)) do
    check_digest(tree, root .. path, entry.sha256)
    if entry.old then check_digest(tree, private(root, "/old") .. path, entry.old) end
  end
  return true
end

--- Whether everything the manifest names is there as it was saved.
---@param tree table
---@param root string?
---@return boolean? ok
---@return string? message   # the first file at fault
---@return string? code      # "SAVE_MISSING" | "SAVE_DAMAGED"
function saveconf.verify(tree, root) return err.returned(verify, tree, root or saveconf.root) end

-- N of a path: the live file, unless the archive left the site's one there; then the pristine copy.
local function find_new(tree, roots, path, entry, carried)
  local live, stat = read_file(tree, path)
  if live and not (entry and sys.sha256(live) == entry.sha256) then return live, stat end
  local data = pristine(tree, roots, path)
  if data then return data, live and stat or { mode = mode.PRIVATE_FILE, uid = 0, gid = 0 } end
  -- The new level has no such file: what is there is the site's. The names are those of all files
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
function saveconf.keep_shipped(tree, root, names, roots)
  root, roots = root or saveconf.root, roots or { saveconf.bos_root }
  local carried = names and {}
  for _, name in ipairs(names or {}) do carried[name] = true end
  if read_json(tree, private(root, "/new.json")) then return end
  local entries, paths, files = saveconf.manifest(tree, root), {}, json.array()
  for _, set in ipairs { entries, policy.expand(tree), saveconf.links(tree, root) } do
    for path in pairs(set) do paths[path] = true end
  end
  for _, path in ipairs(sorted_keys(paths)) do
    local data, stat = find_new(tree, roots, path, entries[path], carried)
    if data then
      put(tree, private(root, "/new") .. path, data, { mode = mode.PRIVATE_FILE })
      files[#files + 1] = { path = path, sha256 = sys.sha256(data), mode = stat.mode, uid = stat.uid, gid = stat.gid }
    end
  end
  write_json(tree, private(root, "/new.json"), files)
end

-- What installp brought of a file that was saved: what it put in the place of the one that was active, or beside it,
-- or into the pristine root part of its package.
local function find_installed(tree, root, entry, active)
  local live, stat = read_file(tree, entry.path)
  if live and sys.sha256(live) ~= active then return live, stat end
  local beside = read_file(tree, root .. entry.path)
  if beside and sys.sha256(beside) ~= entry.sha256 then return beside, live and stat or entry end
  local data = pristine(tree, pristine_roots(tree), entry.path)
  return data, live and stat or entry
end

--- Keeps what installp brought of these files as what the new level ships. Each once: later the live one is merged.
---@param tree table
---@param root string?
---@param paths string[]
---@return string[] found
function saveconf.keep_installed(tree, root, paths)
  root = root or saveconf.root
  local entries, active = saveconf.manifest(tree, root), saveconf.kept_list(tree, root, "active") or {}
  local shipped, kept = saveconf.shipped(tree, root), saveconf.kept_list(tree, root, "installed") or {}
  local found, changed = {}, false
  for _, path in ipairs(paths) do
    local entry = entries[path]
    if entry and entry.installp and active[path] and not kept[path] then
      local data, stat = find_installed(tree, root, entry, active[path].sha256)
      if data then
        put(tree, private(root, "/new") .. path, data, { mode = mode.PRIVATE_FILE })
        shipped[path] = { path = path, sha256 = sys.sha256(data), mode = stat.mode, uid = stat.uid, gid = stat.gid }
        kept[path], changed = { path = path }, true
      end
    end
    if kept[path] then found[#found + 1] = path end
  end
  if changed then
    for name, set in pairs { new = shipped, installed = kept } do
      local list = json.array()
      for _, path in ipairs(sorted_keys(set)) do list[#list + 1] = set[path] end
      write_json(tree, private(root, "/" .. name .. ".json"), list)
      for _, entry in ipairs(list) do entry.path = decode_path(entry.path) end
    end
  end
  return found
end

--- Puts the site's files back that installp replaced, where the table says that it must not (row.again).
---@param tree table
---@param root string?
---@return string[] paths
function saveconf.put_back_again(tree, root)
  root = root or saveconf.root
  local entries, list = saveconf.manifest(tree, root), {}
  for _, path in ipairs(sorted_keys(entries)) do
    local entry = entries[path]
    local row = entry.installp and policy.of(path)
    if row and row.again and saveconf.digest(tree, path) ~= entry.sha256 then
      local data = read_file(tree, private(root, "/site") .. path)
      if not data or sys.sha256(data) ~= entry.sha256 then
        damaged(("restore: %s%s: content changed"):format(private(root, "/site"), path))
      end
      check(tree:makedirs(parent(path) == "" and "/" or parent(path), mode.DIR))
      check(tree:write(path, data, { mode = entry.mode, uid = entry.uid, gid = entry.gid, mtime = entry.mtime }))
      list[#list + 1] = path
    end
  end
  return list
end

--- Notes what is active of the files that installp may handle: all of them as they were saved. For an update, which merges
--- nothing before installp.
---@param tree table
---@param root string?
function saveconf.note_active(tree, root)
  root = root or saveconf.root
  local active, entries = {}, saveconf.manifest(tree, root)
  for _, path in ipairs(sorted_keys(entries)) do
    if entries[path].installp then active[#active + 1] = { path = path, sha256 = entries[path].sha256 } end
  end
  saveconf.keep_list(tree, root, "active", active)
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
  if saveconf.is_linked(tree, link) then return end
  local ok, message, code = tree:remove(path)
  if ok or err.leads_nowhere(code) then
    check(tree:symlink(link.target, path))
  elseif code ~= "ENOTEMPTY" and code ~= "EEXIST" then
    check(ok, message, code)
  end
end

-- What the new level shipped, in the place of a link that leads to no file.
local function put_new(tree, root, path, new)
  local data = check(tree:read(private(root, "/new") .. path, saveconf.max))
  check(tree:remove(path))
  check(tree:write(path, data, { mode = new.mode, uid = new.uid, gid = new.gid }))
end

-- Whether a link leads to a file inside the tree that is not the one in the place of `path`.
local function leads_to_file(tree, link, path)
  local target = if_there(tree:resolve(link))
  local stat = target and if_there(tree:stat(target))
  return stat ~= nil and stat.type == "file" and target ~= path
end

-- Puts back a link that a method writes through, if it still leads to a file: the restore may have taken
-- that, or made a link to this very path of it. `new` stays then.
local function restore_through(tree, root, path, link, new)
  local same, tried = saveconf.is_linked(tree, link), path .. ".altmig-link"
  if_there(tree:remove(tried))
  check(tree:symlink(link.target, tried))
  local leads = leads_to_file(tree, tried, path)
  if leads and not same then
    check(tree:rename(tried, path))
  else
    check(tree:remove(tried))
    if same and not leads then put_new(tree, root, path, new) end
  end
end

-- Links of files that stay the site's, and of those that a method writes through. The latter only where
-- the new level brings a file: what it has as a link, or not at all, nothing took the place of.
local function restore_links(tree, root, entries)
  local shipped = saveconf.shipped(tree, root)
  for path, link in pairs(saveconf.links(tree, root)) do
    local through = entries[path] and policy.is_followed(path) and not policy.is_claimed(path) and shipped[path]
    if through then
      restore_through(tree, root, path, link, through)
    elseif link.policy == "preserve" or link.policy == "hold_new" or policy.is_claimed(path) then
      restore_link(tree, path, link)
    end
  end
end

--- Puts back every file of the policies preserve and hold_new as the site had it, and those of merge
--- that have no method. Links that were in a file's place too, but for the latter: those of preserve and
--- hold_new, and those that a method writes through.
---@param tree table
---@param root string?
---@return { files: integer } result
function saveconf.restore_preserved(tree, root)
  root = root or saveconf.root
  local entries, count = saveconf.manifest(tree, root), 0
  restore_links(tree, root, entries)
  for _, path in ipairs(sorted_keys(entries)) do
    local entry = entries[path]
    if saveconf.is_put_back(entry) then
      local data = check(tree:read(root .. path, saveconf.max))
      if sys.sha256(data) ~= entry.sha256 then damaged(("restore: %s%s: content changed"):format(root, path)) end
      check(tree:makedirs(parent(path) == "" and "/" or parent(path), mode.DIR))
      check(tree:write(path, data, { mode = entry.mode, uid = entry.uid, gid = entry.gid, mtime = entry.mtime }))
      count = count + 1
    end
  end
  return { files = count }
end

-- The releases of a migration, as saved; empty where nothing is known.
local function levels_of(tree, root)
  local data = read_file(tree, private(root, "/levels.json"))
  local value = data and json.decode(data)
  return type(value) == "table" and value or {}
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
    entries, shipped = saveconf.manifest(tree, root), saveconf.shipped(tree, root)
  end
  -- What a link leads to is merged only if the new level brings a file in the link's place: else it is
  -- merged, if at all, where it is.
  local function saved_entry(path)
    load()
    local entry = entries[path]
    return entry and not (entry.link and not shipped[path] and not policy.is_claimed(path)) and entry or nil
  end
  local function content(path, digest)
    local data = check(tree:read(path, saveconf.max))
    if sys.sha256(data) ~= digest then damaged(("read: %s: content changed"):format(path)) end
    return data
  end
  local levels = levels_of(tree, root)
  return {
    tree = tree,
    source = type(levels.from) == "string" and levels.from or nil,
    target = type(levels.to) == "string" and levels.to or nil,
    saved = function(path)
      local entry = saved_entry(path)
      -- installp uses the save area for its own ends.
      local at = entry and entry.installp and private(root, "/site") or root
      return entry and content(at .. path, entry.sha256)
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
      put(tree, private(root, "/report/") .. title:gsub("[^%w._-]", "_"), text, { mode = mode.PRIVATE_FILE })
    end,
  }
end

return saveconf
