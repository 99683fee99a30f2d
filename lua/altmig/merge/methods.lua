-- SPDX-License-Identifier: MIT
-- The merge methods of phase 5, in nimadm's order.

local families = {}
for _, name in ipairs { "users", "stanza", "table", "odm", "smit", "swvpd", "role", "sysck", "ldap", "errlog", "start",
  "tunables" } do
  families[#families + 1] = require("altmig.merge." .. name)
end

---@class altmig.merge.Method
---@field name string
---@field argument string?
---@field title string        # what nimadm prints
---@field kind "text"|"odm"|"errlog"|"sysck"
---@field files string[]
---@field run altmig.merge.Run
---@field site boolean?       # added by merge.define
---@field own boolean?        # none of nimadm's

---@alias altmig.merge.Run fun(method: altmig.merge.Method, task: altmig.merge.Task): string

local methods = {}

---@type altmig.merge.Method[]
methods.list = {}

local function run_of(title)
  for _, family in ipairs(families) do
    if family.methods[title] then return family.methods[title] end
  end
  error("no module has the merge method " .. title)
end

local function method(kind, name, argument, files)
  local title = argument and name .. " " .. argument or name
  methods.list[#methods.list + 1] = { name = name, argument = argument, title = title, kind = kind, files = files, run = run_of(title) }
end

-- Files of a directory.
local function below(dir, names)
  local files = {}
  for name in names:gmatch("%S+") do files[#files + 1] = dir .. "/" .. name end
  return files
end

local etc, usr, share = "/etc/objrepos", "/usr/lib/objrepos", "/usr/share/lib/objrepos"
local vpd = "lpp product history inventory"

method("odm", "ODM_merge", "Config_Rules", below(etc, "Config_Rules"))
method("odm", "ODM_merge", "SRCextmeth", below(etc, "SRCextmeth"))
method("odm", "ODM_merge", "SRCsubsys", below(etc, "SRCsubsys"))
method("odm", "ODM_merge", "SWservAt", below(etc, "SWservAt"))
method("text", "ODM_merge", "pse.conf", { "/etc/pse.conf" })
method("text", "privcmds_mig", nil, { "/etc/security/privcmds" })
method("text", "privdevs_mig", nil, { "/etc/security/privdevs" })
method("text", "ODM_merge", "vfs", { "/etc/vfs" })
method("text", "ODM_merge", "xtiso.conf", { "/etc/xtiso.conf" })
method("odm", "ODM_merge", "PdAtXtd", below(usr, "PdAtXtd"))
method("odm", "ODM_merge", "PdDv", below(usr, "PdDv"))
method("odm", "convert_errnotify", nil, below(etc, "errnotify"))
method("text", "passwd_mig", nil, { "/etc/passwd", "/etc/security/passwd" })
method("text", "login_mig", nil, { "/etc/security/login.cfg" })
method("text", "user_mrg", nil, { "/etc/security/user" })
method("text", "secur_mig", nil,
  below("/etc/security", "limits environ pwdalg.cfg smitacl.user smitacl.group audit/config audit/objects audit/events user.roles"))
method("text", "RoleMerge", nil, { "/etc/security/roles", "/etc/security/authorizations" })
-- These two run twice: once for each place their files are known by. Both places are usually one file.
method("text", "methods_mig", nil, { "/etc/methods.cfg" })
method("text", "mkusr_mig", nil, { "/etc/security/mkuser.default", "/etc/security/mkuser.sys" })
method("text", "methods_mig", nil, { "/usr/lib/security/methods.cfg" })
method("text", "mkusr_mig", nil, { "/usr/lib/security/mkuser.default", "/usr/lib/security/mkuser.sys" })
method("text", "group_mig", nil, { "/etc/group", "/etc/security/group" })
method("text", "ldapcfg_mig", nil, { "/etc/security/ldap/ldap.cfg" })
method("text", "ldapmap_mig", nil, below("/etc/security/ldap", "aixuser.map aixgroup.map aixid.map 2307user.map 2307group.map "
  .. "2307aixuser.map 2307aixgroup.map sfu30user.map sfu30group.map"))
method("text", "secvarscfg_mig", nil, { "/etc/secvars.cfg" })
method("errlog", "convert_errlog", nil, { "/var/adm/ras/errlog", "/var/adm/ras/errtmplt" })
method("odm", "ODM_merge", "GAI", below(usr, "GAI"))
method("odm", "ODM_merge", "PdAt", below(usr, "PdAt"))
method("odm", "merge_smit_db", nil, below(usr, "sm_menu_opt sm_name_hdr sm_cmd_hdr sm_cmd_opt"))
method("odm", "ODM_merge", "fix", below(usr, "fix"))
local repositories = below(usr, vpd)
for _, dir in ipairs { etc, share } do table.move(below(dir, vpd), 1, 4, #repositories + 1, repositories) end
method("odm", "merge_swvpds", nil, repositories)
method("sysck", "SysckMerge", nil, { "/etc/security/sysck.cfg" })
method("text", "nscontrol_mig", nil, { "/etc/nscontrol.conf" })

-- Methods of altmig's own, behind those of nimadm: files that nimadm's leave as they were or replace.
local function own(name, files)
  method("text", name, nil, files)
  methods.list[#methods.list].own = true
end

own("inittab_mig", { "/etc/inittab" })
own("rc_mig", { "/etc/rc.tcpip", "/etc/rc.nfs" })
own("inetd_mig", { "/etc/inetd.conf" })
own("environment_mig", { "/etc/environment" })
own("tunables_mig", { "/etc/tunables/nextboot" })

--- The first method of this title or name.
---@param name string
---@return altmig.merge.Method?
function methods.find(name)
  for _, entry in ipairs(methods.list) do
    if entry.title == name or entry.name == name then return entry end
  end
  return nil
end

return methods
