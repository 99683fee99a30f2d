-- SPDX-License-Identifier: MIT
-- Signed installp images. AIX keeps the signature in a form that is not public, behind the archive; this one is the lab's
-- own: a last block with a mark and a digest of all before it. What the policy of a system (attribute signpolicy of sys0)
-- makes of an image without one is as documented: none does not look, low tells, medium and high refuse.

local odm = require "lab.odm"
local sys = require "altmig.sys"

local signature = {}

local BLOCK <const>, MARK <const> = 512, "LAB SIGNATURE 1\0"

--- Signs an image.
---@param path string
---@return boolean? ok
---@return string? message
function signature.sign(path)
  local text, message = sys.read_file(path)
  if not text then return nil, message end
  local block = MARK .. sys.sha256(text)
  local file
  file, message = io.open(path, "ab")
  if not file then return nil, message end
  local ok = file:write(block .. ("\0"):rep(BLOCK - #block))
  return file:close() and ok and true
end

--- Whether an image is signed, and as it was signed.
---@param path string
---@return "signed"|"unsigned"|"broken"
function signature.state(path)
  local text = sys.read_file(path) or ""
  local block = text:sub(-BLOCK)
  if #text < BLOCK or block:sub(1, #MARK) ~= MARK then return "unsigned" end
  return block:sub(#MARK + 1, #MARK + 64) == sys.sha256(text:sub(1, -BLOCK - 1)) and "signed" or "broken"
end

--- The policy of the running system: what its sys0 says, or the release's default; "none" where there is no such thing.
---@return string
function signature.policy()
  local row = odm.open("/etc/objrepos"):first("CuAt", "name = sys0 AND attribute = signpolicy")
  if row then return row.value end
  row = odm.open("/usr/lib/objrepos"):first("PdAt", "uniquetype = 'sys/node/chrp' AND attribute = signpolicy")
  return row and row.deflt or "none"
end

return signature
