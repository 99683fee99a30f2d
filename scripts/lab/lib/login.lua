-- SPDX-License-Identifier: MIT
-- The sessions that sites give root: another shell than ksh, another environment. The file "login" of the
-- lab's directory, one NAME=VALUE a line, is what aixlua --enter reads for every session of the engine.

local config = require "lab.config"
local lpar = require "lab.lpar"
local sys = require "altmig.sys"

local login = {}

local SHELLS <const> = "/usr/lpp/lab/shells"

--- Programs of this machine that play the shells of the toolbox and of AIX; the first that is there.
local programs = { bash = { "/bin/bash" }, csh = { "/bin/tcsh", "/bin/bsd-csh" }, ksh93 = { "/bin/ksh93" } }

local environments = {
  plain = {},
  ja_JP = { "LANG=ja_JP", "LC_ALL=ja_JP", "LC_MESSAGES=ja_JP" },
  odmdir = { "ODMDIR=/usr/share/lib/objrepos" },
  noclobber = { "ENV=/etc/site.env" },
  talkative = { "ENV=/etc/site.env" },
}

local env_files = {
  noclobber = "set -o noclobber\nalias ls='ls -l' rm='rm -i' cp='cp -i'\n",
  talkative = "echo '*** Authorised use only. Today is a change window. ***'\n",
}

-- Copies a program and the libraries it is bound to into the rootvg of a host; runs beside the host's daemons.
local put_shell = [[
local lpar, modes, sys = require "lpar", require "altmig.mode", require "altmig.sys"
local program, name, root = arg[1], arg[2], ("%s/lpars/%s/root"):format(lpar.world().lab, lpar.world().host)
local dir = root .. "/usr/lpp/lab/shells"
assert(sys.makedirs(dir, modes.DIR))
local needed = assert(lpar.outside { "ldd", program })
local loader
for line in needed.stdout:gmatch("[^\n]+") do
  local path = line:match("=> (/%S+)") or line:match("^%s+(/%S+)")
  if path then
    local result = assert(lpar.outside { "cp", "-L", path, dir .. "/" .. path:match("[^/]+$") })
    assert(result.status == 0, result.stderr)
    if not line:find("=>", 1, true) then loader = path:match("[^/]+$") end
  end
end
assert(lpar.outside { "cp", "-L", program, ("%s/%s.program"):format(dir, name) })
local start = ("#!/usr/bin/ksh\nexec %s/%s --argv0 %s --library-path %s %s/%s.program \"$@\"\n"):format("/usr/lpp/lab/shells", loader,
  name, "/usr/lpp/lab/shells", "/usr/lpp/lab/shells", name)
assert(sys.write_file(dir .. "/" .. name, start, { mode = modes.PROGRAM, atomic = false }))
]]

local put_env_file = [[
local lpar, modes, sys = require "lpar", require "altmig.mode", require "altmig.sys"
local file = ("%s/lpars/%s/root/etc/site.env"):format(lpar.world().lab, lpar.world().host)
if arg[1] == "" then sys.remove(file) else assert(sys.write_file(file, arg[1], { mode = modes.FILE, atomic = false })) end
]]

local function on_every_host(text, ...)
  for _, host in ipairs(config.hosts) do
    local result, message = lpar.lua(host.name, text, ...)
    if not result or result.status ~= 0 then error({ message = ("%s: %s"):format(host.name, message or result.stderr) }, 0) end
  end
end

--- Makes it so for every session from now on.
---@param dir string          of the lab
---@param shell string        ksh, bash, csh or ksh93
---@param environment string  one of the names above
function login.install(dir, shell, environment)
  local lines = table.move(environments[environment], 1, #environments[environment], 1, {})
  if shell ~= "ksh" then
    local program
    for _, path in ipairs(programs[shell]) do program = program or sys.stat(path) and path end
    if not program then
      error({ message = ("this machine has no %s to play %s (Debian packages bash, tcsh, ksh93u+m)"):format(
        table.concat(programs[shell], " or "), shell) }, 0)
    end
    on_every_host(put_shell, program, shell)
    lines[#lines + 1] = ("SHELL=%s/%s"):format(SHELLS, shell)
  end
  on_every_host(put_env_file, env_files[environment] or "")
  if #lines == 0 then
    sys.remove(dir .. "/login")
    return
  end
  assert(sys.write_file(dir .. "/login", table.concat(lines, "\n") .. "\n"))
end

return login
