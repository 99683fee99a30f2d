-- SPDX-License-Identifier: MIT
-- What the tests of merge methods share: a tree of their own, a method run on the inputs of a case,
-- and what it said.

local lu = require "luaunit"
local merge = require "altmig.merge"
local sys = require "altmig.sys"
local tree = require "altmig.tree"

local case = {}

--- An empty tree, and its directory. close() takes both away.
function case.open()
  local dir = os.tmpname()
  os.remove(dir)
  assert(sys.mkdir(dir, 448))
  return assert(tree.at(dir)), dir
end

function case.close(t, dir)
  t:close()
  os.execute("rm -rf '" .. dir .. "'")
end

function case.put(t, path, data, mode)
  local parent = path:match("^(.*)/")
  assert(t:makedirs(parent ~= "" and parent or "/"))
  assert(t:write(path, data, { mode = mode or 420 }))
end

--- Runs a method on inputs = { path = { o=, c=, n=, mode= } }; the live file is N before. files: others
--- that are there. Returns the status and what was said.
function case.run(t, method, inputs, files)
  local said = { warnings = {}, decisions = {} }
  local function part(name)
    return function(path) return inputs[path] and inputs[path][name] end
  end
  for path, input in pairs(inputs) do
    assert(t:makedirs(path:match("^(.*)/")))
    if input.n and not t:exists(path) then case.put(t, path, input.n) end
  end
  for _, path in ipairs(files or {}) do case.put(t, path, "x") end
  local result = assert(merge.run(method, {
    tree = t, saved = part "c", shipped_old = part "o", shipped_new = part "n",
    saved_stat = function(path)
      local input = inputs[path]
      return input and input.c and { mode = input.mode or 420, uid = sys.getuid(), gid = sys.getuid() } or nil
    end,
    new_stat = function(path) return inputs[path] and inputs[path].n and { mode = 420, uid = sys.getuid(), gid = sys.getuid() } or nil end,
    warn = function(line) table.insert(said.warnings, line) end,
    report = function(d) table.insert(said.decisions, d) end,
  }))
  lu.assertEquals(result.decisions, #said.decisions)
  return result.status, said
end

--- The function raises an error object of this code.
function case.raises(code, fn, ...)
  local ok, problem = pcall(fn, ...)
  lu.assertFalse(ok)
  lu.assertEquals(problem.code, code)
end

--- The decision about a key or its attribute.
function case.said_about(said, key, attribute)
  for _, d in ipairs(said.decisions) do
    if d.key == key and d.attribute == attribute then return d end
  end
end

--- What was decided, a line each: key, attribute, chosen, rule, C and N.
function case.text_of(said)
  local lines = {}
  for _, d in ipairs(said.decisions) do
    lines[#lines + 1] = ("%s %s %s %s %s %s"):format(d.key or "-", d.attribute or "-", d.chosen, d.rule, d.c or "-", d.n or "-")
  end
  return table.concat(lines, "\n")
end

return case
