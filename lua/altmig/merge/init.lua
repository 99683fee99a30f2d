-- The merge methods of phase 5: which there are, in nimadm's order, and how one is run.
--
-- A method computes from what was saved (C: the site's file, O and N: what the old and the new level
-- ship) and never from the live file, so running it again gives the same bytes. It never stops a
-- migration for a conflict or for a file it cannot read: it picks, and reports.

local escape = require "altmig.escape"
local core = require "altmig.merge_core"
local secrets = require "altmig.report"

local merge = {}

---@class altmig.merge.Method
---@field name string
---@field argument string?
---@field title string        # what nimadm prints
---@field kind "text"|"odm"|"errlog"|"sysck"
---@field files string[]
---@field available boolean
---@field site boolean?       # added by merge.define

---@class altmig.merge.Context
---@field tree table                               # altmig.tree of the copy
---@field saved fun(path: string): string?         # C
---@field saved_stat fun(path: string): table?     # its mode, uid, gid
---@field shipped_old fun(path: string): string?   # O
---@field shipped_new fun(path: string): string?   # N, as kept before any merge
---@field new_stat fun(path: string): table?
---@field modified (fun(path: string): boolean?)?  # where O is unknown: did the site change it
---@field report fun(decision: altmig.merge.Decision)?
---@field log fun(line: string)?
---@field warn fun(line: string)?
---@field save_report fun(title: string, text: string)?

---@alias altmig.merge.Run fun(method: altmig.merge.Method, job: altmig.merge.Job): string, integer?

-- What a running method needs. Fails by raising { code, message }; merge.run turns that into results.
---@class altmig.merge.Job
---@field ctx altmig.merge.Context
local Job = {}
Job.__index = Job

local function fail(code, message) error({ code = code, message = message }, 0) end

local function checked(value, message, code)
  if value == nil or value == false then fail(code or "EIO", message or "unknown failure") end
  return value
end

-- O, C and N of a path. Where one level has a link in the path's place, the file it leads to counts.
---@return altmig.merge.Input
function Job:input(path)
  local ctx = self.ctx
  local input = { o = ctx.shipped_old(path), c = ctx.saved(path), n = ctx.shipped_new(path) }
  if not input.o and ctx.modified then input.modified = ctx.modified(path) end
  if input.c and not input.n then
    local target = ctx.tree:resolve(path)
    if target and target ~= path then
      input.n, input.o = ctx.shipped_new(target), input.o or ctx.shipped_old(target)
    end
  end
  return input
end

local function shown(value) return value == nil and "-" or value end

-- One line of the report: PATH KEY ATTRIBUTE O=.. C=.. N=.. -> chosen=C (rule)
-- What is secret is not in it, whatever a method passes: the lines go to the log.
local function report_line(d)
  local function value(v) return shown(v and secrets.safe_value(d, tostring(v))) end
  local line = d.file
  if d.key then line = line .. " " .. secrets.mask(tostring(d.key)) end -- a key may be a whole line
  if d.attribute then line = ("%s %s"):format(line, d.attribute) end
  if d.o or d.c or d.n then line = ("%s O=%s C=%s N=%s"):format(line, value(d.o), value(d.c), value(d.n)) end
  return escape.line(("%s -> chosen=%s (%s: %s)"):format(line, d.chosen, d.severity, secrets.mask(d.rule)))
end

---@param decisions altmig.merge.Decision[]
function Job:report(decisions)
  for _, decision in ipairs(decisions) do
    local line = report_line(decision)
    self.count = self.count + 1
    self.lines[#self.lines + 1] = line
    if self.ctx.report then self.ctx.report(decision) end
    if decision.severity == "error" then
      self:warn(("altmig: %s: %s: %s"):format(self.method.title, secrets.mask(tostring(decision.key or decision.file)),
        secrets.mask(decision.rule)))
    elseif decision.severity ~= "note" and self.ctx.log then
      self.ctx.log("altmig: " .. line)
    end
  end
end

function Job:warn(line)
  if self.ctx.warn then self.ctx.warn(escape.line(line)) end
end

-- The files whose content or existence tells who has which rights are never left with a wider mode
-- than either level gave them; the owner is the site's.
function Job:access(path)
  local c, n = self.ctx.saved_stat(path), self.ctx.new_stat and self.ctx.new_stat(path)
  local stat = c or n or { mode = 384, uid = 0, gid = 0 }
  local mode = stat.mode
  if c and n then mode = c.mode & n.mode end
  return { mode = mode, uid = stat.uid, gid = stat.gid }
end

-- Makes `text` the live file. opts: mode, uid, gid; default: Job:access.
function Job:write(path, text, opts)
  opts = opts or self:access(path)
  local stat = self.ctx.tree:stat(path, { follow = true })
  if stat and stat.type == "file" and stat.mode == opts.mode and stat.uid == opts.uid and stat.gid == opts.gid
    and stat.size == #text and self.ctx.tree:read(path) == text then
    return
  end
  checked(self.ctx.tree:write(path, text, opts))
end

--- Removes an index that is derived from a file and no longer matches it.
function Job:remove_index(path)
  local ok, message, code = self.ctx.tree:remove(path)
  if not ok and code ~= "ENOENT" and code ~= "ENOTDIR" then fail(code, message) end
end

-- Of several files of one method: merged if one is, kept if one is, else new.
local function joined(statuses)
  for _, wanted in ipairs { "merged", "kept" } do
    for _, status in ipairs(statuses) do
      if status == wanted then return wanted end
    end
  end
  return "new"
end

-- N becomes the live file again: what a rerun or a failed parse must leave. Through a link of the
-- site's it gets no wider mode than the file it leads to had, and the same owner.
function Job:leave_new(path)
  local n = self.ctx.shipped_new(path)
  if not n then return end
  local stat = self.ctx.tree:stat(path)
  local linked = stat and stat.type == "link"
  self:write(path, n, not linked and self.ctx.new_stat and self.ctx.new_stat(path) or nil)
end

local function is_syntax(problem) return problem.code == "CONFIG_SYNTAX" end

--- Every file of a method on its own: one that cannot be read costs only itself.
---@param paths string[]
---@param fn fun(path: string): string            # its status
---@param broken (fun(path: string, problem: table))?   # default: the new file active, and a line of the report
---@param costs (fun(problem: table): boolean?)?  # which troubles cost only the file; default: its syntax
---@return string status
function Job:each_file(paths, fn, broken, costs)
  local statuses, any = {}, false
  for _, path in ipairs(paths) do
    local ok, result = pcall(fn, path)
    if ok then
      statuses[#statuses + 1] = result == "absent" and "new" or result
    elseif type(result) == "table" and (costs or is_syntax)(result) then
      any = true
      if broken then
        broken(path, result)
      else
        self:leave_new(path)
        self:broken(path, result.message)
      end
    else
      error(result, 0)
    end
  end
  return any and "unparsable" or joined(statuses)
end

-- The implemented methods, by title.
---@type table<string, altmig.merge.Run>
local handlers = {}

---@type altmig.merge.Method[]
merge.methods = {}

local function method(kind, name, argument, files)
  local title = argument and name .. " " .. argument or name
  merge.methods[#merge.methods + 1] = { name = name, argument = argument, title = title, kind = kind, files = files, available = false }
end

local function class(dir, ...)
  local files = {}
  for _, name in ipairs { ... } do files[#files + 1] = dir .. "/" .. name end
  return files
end

local etc, usr = "/etc/objrepos", "/usr/lib/objrepos"
local vpd = { "lpp", "product", "history", "inventory" }

method("odm", "ODM_merge", "Config_Rules", class(etc, "Config_Rules"))
method("odm", "ODM_merge", "SRCextmeth", class(etc, "SRCextmeth"))
method("odm", "ODM_merge", "SRCsubsys", class(etc, "SRCsubsys"))
method("odm", "ODM_merge", "SWservAt", class(etc, "SWservAt"))
method("text", "ODM_merge", "pse.conf", { "/etc/pse.conf" })
method("text", "privcmds_mig", nil, { "/etc/security/privcmds" })
method("text", "privdevs_mig", nil, { "/etc/security/privdevs" })
method("text", "ODM_merge", "vfs", { "/etc/vfs" })
method("text", "ODM_merge", "xtiso.conf", { "/etc/xtiso.conf" })
method("odm", "ODM_merge", "PdAtXtd", class(usr, "PdAtXtd"))
method("odm", "ODM_merge", "PdDv", class(usr, "PdDv"))
method("odm", "convert_errnotify", nil, class(etc, "errnotify"))
method("text", "passwd_mig", nil, { "/etc/passwd", "/etc/security/passwd" })
method("text", "login_mig", nil, { "/etc/security/login.cfg" })
method("text", "user_mrg", nil, { "/etc/security/user" })
method("text", "secur_mig", nil, { "/etc/security/limits", "/etc/security/environ", "/etc/security/pwdalg.cfg",
  "/etc/security/smitacl.user", "/etc/security/smitacl.group", "/etc/security/audit/config",
  "/etc/security/audit/objects", "/etc/security/audit/events" })
method("text", "RoleMerge", nil, { "/etc/security/roles", "/etc/security/authorizations" })
-- These two run twice: once for each place their files are known by. Both places are usually one file.
method("text", "methods_mig", nil, { "/etc/methods.cfg" })
method("text", "mkusr_mig", nil, { "/etc/security/mkuser.default", "/etc/security/mkuser.sys" })
method("text", "methods_mig", nil, { "/usr/lib/security/methods.cfg" })
method("text", "mkusr_mig", nil, { "/usr/lib/security/mkuser.default", "/usr/lib/security/mkuser.sys" })
method("text", "group_mig", nil, { "/etc/group", "/etc/security/group" })
method("text", "ldapcfg_mig", nil, { "/etc/security/ldap/ldap.cfg" })
method("text", "ldapmap_mig", nil, { "/etc/security/ldap/aixuser.map", "/etc/security/ldap/aixgroup.map",
  "/etc/security/ldap/aixid.map", "/etc/security/ldap/2307user.map", "/etc/security/ldap/2307group.map",
  "/etc/security/ldap/2307aixuser.map", "/etc/security/ldap/2307aixgroup.map", "/etc/security/ldap/sfu30user.map",
  "/etc/security/ldap/sfu30group.map" })
method("text", "secvarscfg_mig", nil, { "/etc/secvars.cfg" })
method("errlog", "convert_errlog", nil, { "/var/adm/ras/errlog", "/var/adm/ras/errtmplt" })
method("odm", "ODM_merge", "GAI", class(usr, "GAI"))
method("odm", "ODM_merge", "PdAt", class(usr, "PdAt"))
method("odm", "merge_smit_db", nil, class(usr, "sm_menu_opt", "sm_name_hdr", "sm_cmd_hdr", "sm_cmd_opt"))
method("odm", "ODM_merge", "fix", class(usr, "fix"))
method("odm", "merge_swvpds", nil, {})
for _, dir in ipairs { usr, etc, "/usr/share/lib/objrepos" } do
  table.move(class(dir, table.unpack(vpd)), 1, #vpd, #merge.methods[#merge.methods].files + 1, merge.methods[#merge.methods].files)
end
method("sysck", "SysckMerge", nil, { "/etc/security/sysck.cfg" })
method("text", "nscontrol_mig", nil, { "/etc/nscontrol.conf" })

--- Gives the methods of this title their implementation.
---@param title string
---@param run altmig.merge.Run?   # nil: it has none any more
function merge.register(title, run)
  handlers[title] = run
  for _, entry in ipairs(merge.methods) do
    if entry.title == title then entry.available = run ~= nil end
  end
end

--- The first method of this title or name.
---@param name string
---@return altmig.merge.Method?
function merge.method(name)
  for _, entry in ipairs(merge.methods) do
    if entry.title == name or entry.name == name then return entry end
  end
  return nil
end

-- Text configuration that nothing can merge yet: the site's file is active as it was.
local function unavailable(entry, job)
  local ctx = job.ctx
  for _, path in ipairs(entry.files) do
    local c = ctx.saved(path)
    if c and entry.kind == "text" then
      local stat = checked(ctx.saved_stat(path))
      checked(ctx.tree:write(path, c, { mode = stat.mode, uid = stat.uid, gid = stat.gid }))
      job:warn(("altmig: %s not available, %s: yours kept"):format(entry.title, path))
    elseif c then
      job:warn(("altmig: %s not available, %s: new one active, yours in save.config"):format(entry.title, path))
    end
  end
  return "unavailable"
end

-- The site's file cannot be read: the new level's is active, nothing of the site's is lost.
function Job:broken(path, message, active)
  message = secrets.mask(message)
  self.count = self.count + 1
  self.lines[#self.lines + 1] = message
  if self.ctx.report then self.ctx.report { severity = "error", file = path, chosen = active and "C" or "N", rule = message } end
  self:warn(("altmig: %s: %s: %s"):format(self.method.title, message, active or "new one active, yours in save.config"))
end

local function unparsable(entry, job, e)
  for _, path in ipairs(entry.files) do
    if entry.kind == "odm" then merge.leave_new_class(job, path) else job:leave_new(path) end
  end
  job:broken(entry.files[1], e.message)
  return "unparsable"
end

local function perform(entry, job)
  local run = handlers[entry.title]
  if not run then return unavailable(entry, job) end
  local ok, result = pcall(run, entry, job)
  if ok then return result end
  if type(result) == "table" and is_syntax(result) then return unparsable(entry, job, result) end
  error(result, 0)
end

--- Runs one method. Conflicts are no failure; only what cannot be read or written is.
---@param entry altmig.merge.Method|string   # or its title or name
---@param ctx altmig.merge.Context
---@return { status: "merged"|"kept"|"new"|"unavailable"|"unparsable", decisions: integer }? result
---@return string? message
---@return string? code
function merge.run(entry, ctx)
  if type(entry) == "string" then
    entry = merge.method(entry) or error(("no merge method '%s'"):format(entry), 2)
  end
  local job = setmetatable({ ctx = ctx, method = entry, count = 0, lines = {} }, Job)
  local ok, result = pcall(function()
    local status = perform(entry, job)
    if #job.lines > 0 and ctx.save_report then
      checked(ctx.save_report(entry.title, table.concat(job.lines, "\n") .. "\n"))
    end
    return status
  end)
  if ok then return { status = result, decisions = job.count } end
  if type(result) == "table" and result.code then return nil, result.message, result.code end
  error(result, 0)
end

-- One stanza file: policy plus path. Returns the status.
local function merge_stanza(job, path, rules)
  local spec = { file = path }
  for key, value in pairs(rules) do spec[key] = value end
  local result = checked(core.records(spec, job:input(path)))
  job:report(result.decisions)
  if result.text then job:write(path, result.text) end
  return result.status
end

require "altmig.merge.users"(merge, checked, joined)
require "altmig.merge.stanza"(merge, checked, joined, merge_stanza)
require "altmig.merge.table"(merge, checked)
require "altmig.merge.odm"(merge, checked)
require "altmig.merge.smit"(merge)
require "altmig.merge.swvpd"(merge, joined)
require "altmig.merge.rest"(merge, checked, joined)
require "altmig.merge.check"(merge)
require "altmig.merge.site"(merge, checked)

return merge
