-- SPDX-License-Identifier: MIT
-- A migration at the prompt is there for looking until :rw: until then nothing may change a host, the
-- copy, the journal or what else this host keeps of the migration. What changes something goes through
-- few places (a step, a session, the tree of the copy, the journal), and each of them asks here.
--
-- It guards against a mistake, not against who sits there: the prompt is Lua, and what it opens by
-- other means than `m` (io.open, altmig.migration) is its own.

local err = require "altmig.err"

local gate = {}

local WHY <const> = "the prompt is for looking only"
local REMEDY <const> = "type :rw first: it takes the client's lock"

-- Migrations that are for looking, and trees to freeze with them. Not fields: m is the prompt's.
local closed = setmetatable({}, { __mode = "k" })
local trees = setmetatable({}, { __mode = "k" })

--- Whether a migration is for looking only.
---@param m altmig.Migration
---@return boolean
function gate.is_closed(m) return closed[m] ~= nil end

--- Raises READ_ONLY when the migration is for looking only.
---@param m altmig.Migration
---@param what string    # what was about to be done: "step export"
function gate.check(m, what)
  if closed[m] then err.raise { code = "READ_ONLY", message = ("%s: refused: %s"):format(what, WHY), remedy = REMEDY } end
end

-- An object whose methods are refused while the gate is closed, but for those named in `reads`.
local function proxy(m, object, name, reads)
  return setmetatable({}, {
    __index = function(_, key)
      local value = object[key]
      if type(value) ~= "function" then return value end
      return function(_, ...)
        if not reads[key] then gate.check(m, ("%s: %s"):format(name, key)) end
        return value(object, ...)
      end
    end,
    __close = function() object:close() end,
  })
end

local session_reads = { get = true, open = true, reconnect = true, close = true }
local journal_reads = { records = true, close = true }

--- A session that runs nothing and puts nothing while the gate is closed: what a command does cannot be
--- known, so none is run.
---@param m altmig.Migration
---@param session any
---@param name string    # of the host, for messages
function gate.session(m, session, name) return proxy(m, session, name, session_reads) end

-- One that was closed needs no freezing.
local function freeze(tree, why)
  if tostring(tree) ~= "tree (closed)" then tree:freeze(why) end
end

--- A tree that is frozen while the gate is closed.
---@param m altmig.Migration
---@param tree any
function gate.tree(m, tree)
  trees[m] = trees[m] or setmetatable({}, { __mode = "k" })
  trees[m][tree] = true
  if closed[m] then freeze(tree, ("%s; %s"):format(WHY, REMEDY)) end
  return tree
end

--- Guards the sessions and the journal that a migration has now.
---@param m altmig.Migration
function gate.guard(m)
  for _, role in ipairs { "client", "master" } do
    local host = m[role]
    if host and host.session and not host.guarded then
      host.session, host.guarded = gate.session(m, host.session, host.name), true
    end
  end
  if m.journal and not m.journal_guarded then
    m.journal, m.journal_guarded = proxy(m, m.journal, "journal", journal_reads), true
  end
end

--- From now on the migration is for looking only.
---@param m altmig.Migration
function gate.close(m)
  closed[m] = true
  gate.guard(m)
  for tree in pairs(trees[m] or {}) do gate.tree(m, tree) end
end

--- The migration may be changed (again).
---@param m altmig.Migration
function gate.open(m)
  closed[m] = nil
  for tree in pairs(trees[m] or {}) do
    freeze(tree, nil)
  end
end

return gate
