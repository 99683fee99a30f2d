-- SPDX-License-Identifier: MIT
-- Boot images: having AIX build one and write it to a disk, and judging what is there.
--
-- bosboot runs in the copy on the executor and builds into a file; mkboot runs on the client and
-- writes that file and the boot record to the disk. The two can be split so (inferred: boot-image-apart).

local core = require "altmig.bosboot_core"

---@class altmig.BootVerdict: altmig.BootInspection
---@field verdict "bootable"|"not bootable"

local bosboot = {}

---Judges a boot image, the beginning of a disk, or the first sector of one.
---@param source string|userdata   # the bytes, or an altmig.reader
---@return altmig.BootVerdict?
---@return string? message
---@return string? code
function bosboot.inspect(source)
  local found, message, code = core.inspect(source)
  if not found then return nil, message, code end
  found.verdict = found.problem and "not bootable" or "bootable"
  return found
end

---The size of the image in blocks of 512 bytes, from what bosboot printed.
---@param output string
---@return integer?
function bosboot.blocks(output)
  local blocks = output:match("bosboot: Boot image is (%d+) 512 byte blocks")
  return blocks and math.tointeger(tonumber(blocks))
end

local function failed(what, result)
  local text = (result.stdout .. result.stderr):gsub("%s+$", "")
  return nil, ("%s: %s: %s"):format(what, result.signal or ("exit status %d"):format(result.status),
    text ~= "" and text or "no output"), "BOSBOOT"
end

---Builds a boot image of the system that `exec` runs commands in.
---@param exec {run: fun(self, argv: string[], opts: table?): table?, string?, string?}
---@param opts {root: string?, file: string, on_line: function?}   # root: chroot there; file: path inside
---@return integer? blocks
---@return string? message
---@return string? code
function bosboot.build(exec, opts)
  assert(opts.file, "bosboot.build: file missing")
  local result, message, code = exec:run({ "bosboot", "-a", "-b", opts.file },
    { chroot = opts.root, on_line = opts.on_line, timeout = 0 })
  if not result then return nil, message, code end
  if result.status ~= 0 then return failed("bosboot " .. opts.file, result) end
  local blocks = bosboot.blocks(result.stdout)
  if not blocks then return nil, ("bosboot: %s: no size in its output"):format(opts.file), "BOSBOOT" end
  return blocks
end

---Writes an image and the boot record to a disk of the client.
---@param client {run: fun(self, argv: string[], opts: table?): table?, string?, string?}
---@param opts {image: string, disk: string, lv: string?, mkboot: string?}
---@return true?
---@return string? message
---@return string? code
function bosboot.write(client, opts)
  assert(opts.image and opts.disk, "bosboot.write: image or disk missing")
  local result, message, code = client:run({ opts.mkboot or "/usr/sbin/mkboot", "-d", "/dev/" .. opts.disk,
    "-l", "/dev/" .. (opts.lv or "alt_hd5"), "-b", opts.image }, { timeout = 0 })
  if not result then return nil, message, code end
  if result.status ~= 0 then return failed("mkboot " .. opts.disk, result) end
  return true
end

return bosboot
