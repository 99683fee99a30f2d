-- SPDX-License-Identifier: MIT
-- What happens to each configuration file of the base operating system in a migration.
--
-- Nobody outside IBM knows this table (inferred: policy-content). IBM's own list (the cfgfiles of bos.rte and of its parts)
-- is not public; what is known comes from manual pages, from the names of the merge methods and from
-- what those files are. It is data on purpose: correct it here, no code depends on a row.
--
--   preserve    the site's file is put back over the new one
--   hold_new    the site's file is active again, the new one is kept aside
--   merge       a merge method makes the active file of both
--   user_merge  the new file is active, the site's is kept for the administrator
--   new         the new file is active; the site's is kept, nobody is expected to look at it
--
-- Filesets bring lists of their own (altmig.cfgfiles); their rows stand below this table.
--
-- source: "documented" (the file and its role are; its handling here never is), or "inferred".
-- A path may end in "/*" (the files of a directory) or "/**" (all files below it), or have "*" in its
-- last part.

local err = require "altmig.err"

local policy = {}

---@class altmig.policy.Row
---@field path string
---@field policy "preserve"|"hold_new"|"merge"|"user_merge"|"new"
---@field method string?      # title of the merge method
---@field source "documented"|"inferred"|"site"
---@field note string?
---@field again boolean?      # of preserve: put back once more when installp replaced it
---@field link boolean?       # it is a link: where it led is told if it leads elsewhere afterwards
---@field literal boolean?    # path is a name, not a pattern

---@type altmig.policy.Row[]
policy.rows = {}

--- Accounts and groups without which the system does not run: they return, locked, when the site removed them.
policy.mandatory = {
  accounts = { "root", "daemon", "bin", "sys", "adm", "nobody" },
  groups = { "system", "staff", "bin", "sys", "adm", "security", "nobody" },
}

--- Methods that never ask what the old level shipped.
---@type table<string, boolean>
policy.without_default = { merge_swvpds = true, convert_errlog = true }

local function add(how, source, paths, method, note)
  for path in paths:gmatch("%S+") do
    policy.rows[#policy.rows + 1] = { path = path, policy = how, source = source, method = method, note = note }
  end
end

-- What no fileset of phase 6 may take away either.
local function keep(source, paths, note)
  local first = #policy.rows + 1
  add("preserve", source, paths, nil, note)
  for i = first, #policy.rows do policy.rows[i].again = true end
end

-- A class and its companion of long strings.
local function classes(how, source, dir, names, method, note)
  for name in names:gmatch("%S+") do
    add(how, source, ("%s/%s %s/%s.vc"):format(dir, name, dir, name), method, note)
  end
end

-- Accounts and security.
add("merge", "documented", "/etc/passwd /etc/security/passwd", "passwd_mig")
add("merge", "documented", "/etc/group /etc/security/group", "group_mig")
add("merge", "documented", "/etc/security/login.cfg", "login_mig")
add("merge", "documented", "/etc/security/user", "user_mrg")
add("merge", "inferred", "/etc/security/limits /etc/security/environ /etc/security/pwdalg.cfg /etc/security/smitacl.user "
  .. "/etc/security/smitacl.group /etc/security/audit/config /etc/security/audit/objects /etc/security/audit/events "
  .. "/etc/security/user.roles", "secur_mig", "files by elimination: nothing names them")
add("merge", "documented", "/etc/security/roles /etc/security/authorizations", "RoleMerge")
add("merge", "documented", "/etc/methods.cfg /usr/lib/security/methods.cfg", "methods_mig")
add("merge", "documented", "/etc/security/mkuser.default /etc/security/mkuser.sys "
  .. "/usr/lib/security/mkuser.default /usr/lib/security/mkuser.sys", "mkusr_mig")
add("merge", "inferred", "/etc/security/ldap/ldap.cfg", "ldapcfg_mig")
add("merge", "documented", "/etc/security/ldap/*.map", "ldapmap_mig")
add("merge", "documented", "/etc/secvars.cfg", "secvarscfg_mig")
add("merge", "documented", "/etc/nscontrol.conf", "nscontrol_mig")
add("merge", "documented", "/etc/security/privcmds", "privcmds_mig")
add("merge", "documented", "/etc/security/privdevs", "privdevs_mig")
add("merge", "documented", "/etc/security/sysck.cfg", "SysckMerge")
add("preserve", "documented", "/etc/security/privfiles /etc/security/lastlog /etc/security/portlog "
  .. "/etc/security/failedlogin /etc/security/pwdhist.dir /etc/security/pwdhist.pag /etc/security/mkuser.sys.custom "
  .. "/etc/security/domains /etc/security/domobjs /etc/security/services /etc/security/rtc/* /etc/security/tsd/tepolicies.dat "
  .. "/etc/security/certificates/** /etc/security/ldap/proxy.ldif.template", nil, "data of the site, not of a level")
keep("inferred", "/etc/ssh/*", "other host keys than before lock out whoever knows the host")
add("preserve", "inferred", "/etc/krb5/* /etc/krb5.conf /etc/pam.conf /etc/sudoers /etc/sudoers.d/* "
  .. "/.ssh/* /root/.ssh/* /.rhosts /.profile /etc/hosts.equiv /etc/hosts.lpd")

-- Start-up and the system's own environment.
add("merge", "inferred", "/etc/inittab", "inittab_mig", "entries of a level start its daemons; the site's stay, and what it switched off")
add("merge", "inferred", "/etc/rc.tcpip /etc/rc.nfs", "rc_mig", "the new script, with the daemons off that the site had off")
add("merge", "inferred", "/etc/inetd.conf", "inetd_mig", "the same of services")
add("merge", "inferred", "/etc/environment", "environment_mig", "the site's values, what is new in the level besides")
add("merge", "documented", "/etc/tunables/nextboot", "tunables_mig", "the tuning commands ignore what they do not know")
add("preserve", "inferred", "/etc/profile /etc/csh.login /etc/csh.cshrc /etc/rc.local /etc/motd "
  .. "/etc/filesystems /etc/swapspaces /etc/dumpdates /etc/tunables/lastboot /etc/trcfmt.site")
add("preserve", "inferred", "/etc/rc.d/rc2.d/* /etc/rc.d/rc3.d/* /etc/rc.d/init.d/*", nil, "start scripts of the site's products")
add("user_merge", "inferred", "/etc/rc /etc/rc.net /etc/rc.bsdnet /etc/security/.profile", nil,
  "scripts that call programs of their level")
add("preserve", "inferred", "/etc/syslog.conf /etc/ntp.conf /etc/snmpd.conf /etc/snmpdv3.conf /etc/aliases /etc/mail/aliases "
  .. "/etc/mail/sendmail.cf /etc/sendmail.cf")
add("preserve", "inferred", "/var/spool/cron/crontabs/* /var/spool/cron/atjobs/* /var/adm/cron/cron.allow /var/adm/cron/cron.deny "
  .. "/var/adm/cron/at.allow /var/adm/cron/at.deny /var/adm/cron/queuedefs")
add("preserve", "inferred", "/etc/qconfig /etc/qconfig.bin /etc/uucp/*")

-- Links that choose among several programs. A migration sets them as the new level has them (IBM APAR IV91473 is of the
-- first); the program that they led to may not be there any more, so that they are only told.
for _, path in ipairs { "/usr/lib/sendmail", "/usr/sbin/xntpd", "/usr/sbin/named" } do
  policy.rows[#policy.rows + 1] = { path = path, policy = "user_merge", source = "documented", link = true }
end

-- Network.
add("preserve", "documented", "/etc/hosts /etc/resolv.conf /etc/netsvc.conf /etc/irs.conf /etc/networks /etc/gateways /etc/exports "
  .. "/etc/xtab /etc/rmtab /etc/bootptab /etc/dhcpcd.ini /etc/dhcpsd.cnf /etc/niminfo /etc/netgroup /etc/auto_master "
  .. "/etc/ethers /etc/ftpusers /etc/ftpaccess.ctl /etc/named.conf /etc/hosts.allow /etc/hosts.deny")
add("user_merge", "documented", "/var/ssl/openssl.cnf", nil, "OpenSSL 3 has symbols of its own in it: IBM says to save it before")
keep("inferred", "/etc/ibm/sysmgt/dsm/overrides/dsm.properties", "its fileset puts its own in the place")
add("user_merge", "inferred", "/etc/services /etc/protocols /etc/rpc", nil, "both sides add lines to them")

-- Tables that ODM_merge merges as flat records.
add("merge", "documented", "/etc/vfs", "ODM_merge vfs")
add("merge", "documented", "/etc/pse.conf", "ODM_merge pse.conf")
add("merge", "inferred", "/etc/xtiso.conf", "ODM_merge xtiso.conf")
add("preserve", "documented", "/etc/pse_tune.conf")

-- ODM: what the system is made of stays; what a level predefines comes again.
classes("preserve", "inferred", "/etc/objrepos", "CuDv CuAt CuDep CuDvDr CuVPD CuPath CuPathAt CuData CuOdm", nil,
  "the devices of this system")
classes("preserve", "inferred", "/etc/objrepos", "SRCsubsvr SRCnotify", nil, "not among the methods, so presumably carried whole")
classes("merge", "documented", "/etc/objrepos", "Config_Rules", "ODM_merge Config_Rules")
classes("merge", "documented", "/etc/objrepos", "SRCextmeth", "ODM_merge SRCextmeth")
classes("merge", "documented", "/etc/objrepos", "SRCsubsys", "ODM_merge SRCsubsys")
classes("merge", "documented", "/etc/objrepos", "SWservAt", "ODM_merge SWservAt")
classes("merge", "documented", "/etc/objrepos", "errnotify", "convert_errnotify")
classes("merge", "documented", "/usr/lib/objrepos", "PdDv", "ODM_merge PdDv")
classes("merge", "documented", "/usr/lib/objrepos", "PdAt", "ODM_merge PdAt")
classes("merge", "documented", "/usr/lib/objrepos", "PdAtXtd", "ODM_merge PdAtXtd")
classes("merge", "inferred", "/usr/lib/objrepos", "GAI", "ODM_merge GAI")
classes("merge", "documented", "/usr/lib/objrepos", "fix", "ODM_merge fix")
classes("merge", "documented", "/usr/lib/objrepos", "sm_menu_opt sm_name_hdr sm_cmd_hdr sm_cmd_opt", "merge_smit_db")
for _, dir in ipairs { "/usr/lib/objrepos", "/etc/objrepos", "/usr/share/lib/objrepos" } do
  classes("merge", "documented", dir, "lpp product history inventory", "merge_swvpds")
end

-- The error log is history in a format of its level.
add("merge", "inferred", "/var/adm/ras/errlog /var/adm/ras/errtmplt", "convert_errlog")

--- Gives a file to a site's own merge method, whatever the table says of it.
---@param path string
---@param method string
function policy.claim(path, method)
  table.insert(policy.rows, 1, { path = path, policy = "merge", method = method, source = "site" })
end

--- Takes a claim back.
---@param path string
function policy.release(path)
  for i, row in ipairs(policy.rows) do
    if row.source ~= "site" then return end
    if row.path == path then return table.remove(policy.rows, i) end
  end
end

--- Whether a method of the site's merges this file. Claimed files are followed over links.
---@param path string
---@return boolean
function policy.is_claimed(path)
  for _, row in ipairs(policy.rows) do
    if row.source ~= "site" then return false end
    if row.path == path then return true end
  end
  return false
end

-- Classes are two files that are replaced together, and the error log is history: neither is followed.
local function is_text(row) return not row.path:find("/objrepos/", 1, true) and row.method ~= "convert_errlog" end

--- Whether the site's file is the one that a link in its place leads to: what a method merges as text.
---@param path string
---@return boolean
function policy.is_followed(path)
  local row = policy.of(path)
  return row ~= nil and row.policy == "merge" and row.method ~= nil and is_text(row)
end

---@param row altmig.policy.Row
---@return string? directory, string? pattern, boolean? deep
local function pattern_of(row)
  if row.literal then return nil end
  local dir, last = row.path:match("^(.*)/([^/]*)$")
  if not last:find("*", 1, true) then return nil end
  if last == "**" then return dir, ".", true end
  return dir, "^" .. last:gsub("%*", "\0"):gsub("%p", "%%%0"):gsub("%z", ".*") .. "$", false
end

-- The paths of the files of one row that the tree has.
local function expand_row(tree, row, found)
  local dir, pattern, deep = pattern_of(row)
  if not dir then return found(row.path) end
  local names, message, code = tree:list(dir)
  if not names and err.leads_nowhere(code) then return end
  for _, name in ipairs(err.check(names, message, code)) do
    local path = dir .. "/" .. name
    local stat = deep and tree:stat(path)
    if stat and stat.type == "dir" then
      expand_row(tree, { path = path .. "/**" }, found)
    elseif name:match(pattern) then
      found(path)
    end
  end
end

--- The files of the table that the tree has, by path.
---@param tree table    # altmig.tree
---@param extra altmig.policy.Row[]?   # rows below those of the table
---@return table<string, altmig.policy.Row> rows
function policy.expand(tree, extra)
  local rows = {}
  local all = table.move(extra or {}, 1, #(extra or {}), #policy.rows + 1, table.move(policy.rows, 1, #policy.rows, 1, {}))
  for _, row in ipairs(all) do
    expand_row(tree, row, function(path)
      if rows[path] then return end
      local stat, message, code = tree:stat(path, { follow = row.source == "site" })
      if not stat and not err.leads_nowhere(code) then err.check(stat, message, code) end
      if stat and stat.type == "file" then rows[path] = row end
    end)
  end
  return rows
end

--- The row that covers a path, or nil.
---@param path string
---@return altmig.policy.Row?
function policy.of(path)
  for _, row in ipairs(policy.rows) do
    local dir, pattern, deep = pattern_of(row)
    if not dir then
      if row.path == path then return row end
    elseif path:sub(1, #dir + 1) == dir .. "/" then
      local rest = path:sub(#dir + 2)
      if deep or (not rest:find("/", 1, true) and rest:match(pattern)) then return row end
    end
  end
  return nil
end

return policy
