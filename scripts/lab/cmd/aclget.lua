#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/bin/aclget
-- part: all
-- aclget [-o outAclFile] FileObject: the access control list of a file, as text.

local acl = require "lab.acl"
local getopt = require "lab.getopt"

local function usage() error { message = "Usage: aclget [-o outAclFile] FileObject", status = 2 } end

local options, names = getopt(arg, "o:", usage)
if #names ~= 1 then usage() end
local text, message = acl.text(names[1])
if not text then error { message = "aclget: " .. message, status = 1 } end
local out = options.o and assert(io.open(options.o, "w")) or io.stdout
out:write(text)
out:close()
