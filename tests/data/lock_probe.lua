-- SPDX-License-Identifier: MIT
-- Tries to take the lock file named by its argument and prints how that went.
local sys = require "altmig.sys"
local lock, _, code = sys.lock(arg[1], { text = "probe" })
print(lock and "free" or code)
