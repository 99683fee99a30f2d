-- SPDX-License-Identifier: MIT
-- age(data, seed): a class file as a system leaves it, with stale bytes behind strings and in padding. It is
-- the lab's, so that its systems and the tests have classes of one kind.

local resource = require "altmig.resource"

local text, origin = resource.read "scripts/lab/lib/odmstale.lua"
return assert(load(assert(text, "no scripts/lab/lib/odmstale.lua"), origin, "t"))()
