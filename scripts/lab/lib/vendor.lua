-- SPDX-License-Identifier: MIT
-- A fileset of another vendor: acme.cfg.rte, with a configuration file for each keyword of cfgfiles, edited by the site,
-- and a post_i that merges one of them, fails without a licence and waits where it is told to. The client has 1.0.0.0,
-- an image has 2.0.0.0.

local modes = require "altmig.mode"
local packages = require "lab.packages"
local swvpd = require "lab.swvpd"
local sys = require "altmig.sys"

local vendor = { package = "acme.cfg", fileset = "acme.cfg.rte" }

local keywords <const> = { "preserve", "hold_new", "auto_merge", "user_merge", "other" }

--- The configuration file of a keyword.
---@param keyword string
---@return string
function vendor.path(keyword) return ("/etc/acme/%s.conf"):format(keyword) end

local function text(keyword, level) return ("# acme.cfg %s, %s\nport = 80\n"):format(level, keyword) end

-- It edits the saved file, which installp then puts into place.
local post_i = [[
#!/usr/bin/ksh
if [ -f /etc/acme/unlicensed ]; then
  echo "acme.cfg.rte: this system has no licence: remove /etc/acme/unlicensed" >&2
  exit 1
fi
if [ -f /etc/acme/wait ]; then
  echo "acme.cfg.rte: waiting until /etc/acme/wait is gone"
  while [ -f /etc/acme/wait ]; do sleep 1; done
fi
saved=$MIGSAVE/etc/acme/auto_merge.conf
[ -f "$saved" ] || exit 0
{ cat /etc/acme/auto_merge.conf; grep "^site" "$saved"; } >/tmp/acme.$$ && cat /tmp/acme.$$ >"$saved"
status=$?
rm -f /tmp/acme.$$
exit $status
]]

--- Puts 1.0.0.0 on the system that this runs on; the site's line is in every file.
---@param licensed boolean
function vendor.install(licensed)
  local db, files = swvpd.open(), {}
  for _, keyword in ipairs(keywords) do
    local path, shipped = vendor.path(keyword), text(keyword, "1.0.0.0")
    for at, data in pairs { [path] = shipped .. "site = 1\n", ["/usr/lpp/acme.cfg/inst_root" .. path] = shipped } do
      assert(sys.makedirs(at:match("^(.*)/"), modes.DIR))
      assert(sys.write_file(at, data, { mode = modes.FILE }))
    end
    files[#files + 1] = { path = path, type = "file", size = -1, checksum = -1 }
  end
  if not licensed then assert(sys.write_file("/etc/acme/unlicensed", "")) end
  local fileset = { name = vendor.fileset, level = "1.0.0.0", package = vendor.package, description = "Acme configuration",
    has_root = true, date = "1801", prereq = "", time = 1514764800 }
  assert(db:record("usr", fileset, {}))
  assert(db:record("root", fileset, files))
  assert(db:commit())
end

--- Writes the image of 2.0.0.0.
---@param directory string
function vendor.write_image(directory)
  local files, cfgfiles = {}, {}
  for i, keyword in ipairs(keywords) do
    local path = vendor.path(keyword)
    files[i] = { path = path, type = "file", mode = modes.FILE, uid = 0, gid = 0, mtime = 1640995200, data = text(keyword, "2.0.0.0") }
    cfgfiles[i] = { path = path, method = keyword }
  end
  assert(packages.write(directory .. "/acme.cfg.2.0.0.0.I", { package = vendor.package, kind = "I", mtime = 1640995200, filesets = { {
    name = vendor.fileset, level = "2.0.0.0", content = "B", bosboot = "N", description = "Acme configuration", date = "2201", prereq = "",
    files = files, cfgfiles = cfgfiles, root_scripts = { post_i = post_i } } } }))
end

return vendor
