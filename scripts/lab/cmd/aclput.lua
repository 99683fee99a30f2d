#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/bin/aclput
-- part: all
-- aclput [-i inAclFile] FileObject: sets the access control list of a file from its text.

local acl = require "lab.acl"
local getopt = require "lab.getopt"

local function usage() error { message = "Usage: aclput [-i inAclFile] FileObject", status = 2 } end

local options, names = getopt(arg, "i:", usage)
if #names ~= 1 then usage() end
local input = options.i and assert(io.open(options.i)) or io.stdin
local ok, message = acl.put(names[1], input:read("a"))
if not ok then error { message = ("aclput: %s: %s"):format(names[1], message), status = 1 } end
