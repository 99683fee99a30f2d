#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/chfs
-- part: all
-- chfs -a size=[+]N[M|G] FS: grows a file system, in whole physical partitions. -a NAME=VALUE sets an
-- attribute in /etc/filesystems, -A yes|no its mounting at boot, -p ro|rw its permissions.

local disk = require "lab.disk"
local filesystems = require "lab.filesystems"
local getopt = require "lab.getopt"
local lpar = require "lpar"
local lvm = require "lab.lvm"
local odm = require "lab.odm"
local odmcmd = require "lab.odmcmd"

local usage = odmcmd.usage("chfs", "chfs [-A {yes|no}] [-p {ro|rw}] -a Attribute=Value ... FileSystem")
local options, operands = getopt(arg, "A:a:+p:", usage)
if #operands ~= 1 then usage() end
local file = lvm.check(filesystems.open())
local stanza = file:get(operands[1])
if not stanza then
  odmcmd.fail("chfs", ("0506-915 No record in /etc/filesystems for %s."):format(operands[1]))
end

local units = { [""] = 512, M = 1 << 20, G = 1 << 30 }

-- The size wanted, in bytes, from "+N", "N", "NM", "NG" and the size now.
local function wanted(text, now)
  local sign, number, unit = text:match("^([+-]?)(%d+)([MG]?)$")
  if not number or #number > 15 then odmcmd.fail("chfs", ("0506-920 %s is not a valid size."):format(text)) end
  local bytes = math.tointeger(tonumber(number)) * units[unit]
  if sign == "-" or (sign == "" and bytes < now) then
    odmcmd.fail("chfs", ("%s cannot be made smaller."):format(stanza.at))
  end
  return sign == "+" and now + bytes or bytes
end

local function resize(text)
  local snapshot = lvm.snapshot()
  local lv, group = snapshot:lv(stanza.attributes.dev:match("[^/]+$"))
  if not lv then odmcmd.fail("chfs", ("0506-917 %s: its volume group is not varied on."):format(stanza.at)) end
  local pp = group.vgda.pp_mb << 20
  local now = lv.lps * pp
  local lps = (wanted(text, now) + pp - 1) // pp - lv.lps
  if lps > 0 then
    local mounted
    for _, m in ipairs(snapshot:mounts()) do
      if m.lv == lv.name then mounted = m.at end
    end
    local world = lvm.check(lpar.world())
    local outside = mounted and ("%s/lpars/%s/root%s"):format(world.lab, world.host, mounted)
    local ok, message, code = disk.lv_grow(group.vgda, lv, lps, outside)
    if not ok and code == "ENOSPC" then
      io.stderr:write(lvm.no_partitions, "\n0516-788 extendlv: Unable to extend logical volume.\n")
      os.exit(1, true)
    end
    if not ok then odmcmd.fail("chfs", message) end
    local store = odm.open("/etc/objrepos")
    lvm.check(store:change("CuAt", "name = '" .. lv.name .. "' AND attribute = size", { value = tostring(lv.lps) }))
    lvm.check(store:commit())
  end
  print(("Filesystem size changed to %d"):format(lv.lps * pp // 512))
end

local function set(name, value)
  if not stanza.attributes[name] then table.insert(stanza.order, name) end
  stanza.attributes[name] = value
  lvm.check(file:save())
end

if options.A then set("mount", options.A == "yes" and "true" or "false") end
if options.p then set("options", options.p) end
for _, word in ipairs(options.a or {}) do
  local name, value = word:match("^([%w_]+)=(.*)$")
  if not name then usage() end
  if name == "size" then resize(value) else set(name, value) end
end
