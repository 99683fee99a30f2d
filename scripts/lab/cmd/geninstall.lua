#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/sbin/geninstall
-- part: all
-- geninstall -d MEDIA {-f LIST | R:PACKAGE ...}: installs RPM images of MEDIA/RPMS/ppc. Filesets (I:) are not
-- emulated: installp takes them.

local getopt = require "lab.getopt"
local odmcmd = require "lab.odmcmd"
local quirk = require "lab.quirk"
local rpm = require "lab.rpm"
local sys = require "altmig.sys"

local usage = odmcmd.usage("geninstall", "geninstall -d Media [-I installpFlags] [-p] [-F] [-Y] {-f File | Package ... | all}")
local options, words = getopt(arg, "Dd:EFf:I:kLpR:Tt:uYZ", usage)
if not options.d or options.u or options.L then usage("Only installing is supported here.") end
for line in (options.f and assert(sys.read_file(options.f)) or ""):gmatch("[^\n]+") do words[#words + 1] = line:match("^%s*(%S+)") end
if #words == 0 then usage() end

local images, directory = {}, options.d .. "/RPMS/ppc"
for _, file in ipairs(sys.list(directory) or {}) do
  local name, level = rpm.read_image(directory .. "/" .. file)
  if name then images[name .. "-" .. level] = { name = name, level = level } end
end
local status = 0
print("Validating RPM package selections.\n")
for _, word in ipairs(words) do
  local package = word:match("^R:(.+)$")
  local image = package and images[package]
  if not image then
    print(("geninstall: %s is not found on %s."):format(word, options.d))
    status = 1
  elseif quirk.is("rpm-in-copy", "fails") then
    print("error: cannot open Packages database in /opt/freeware/packages")
    status = 1
  elseif not options.p then
    print(package)
    rpm.record { name = image.name, level = image.level, time = os.time(), summary = "A package" }
  end
end
return status
