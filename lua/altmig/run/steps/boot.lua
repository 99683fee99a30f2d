-- SPDX-License-Identifier: MIT
-- Phase 8: the boot image. Built into a file by the executor, checked by the engine, written on the
-- client to the alternate disk, read back and compared.

local aix = require "altmig.aix.output"
local bosboot = require "altmig.bosboot"
local err = require "altmig.err"
local footprint = require "altmig.run.footprint"

---@class altmig.Migration
local boot = { steps = {} }

local image_file = footprint.boot_image

boot.steps.build_boot_image = {
  run = function(m, ctx)
    local argv = { "bosboot", "-a", "-b", image_file }
    local result = m.exec:job(ctx.job_id, argv, { on_line = function(line) m:say(line) end })
    local blocks = tonumber(result.stdout:match("Boot image is (%d+) 512 byte blocks"))
    if result.status ~= 0 or not blocks then
      err.raise(m.exec.host:failure(argv, result, "bosboot must be able to build the image in the copy; fix that, then resume"))
    end
    return { blocks = blocks }
  end,
  holds = function(m) return m.alt:exists(image_file) end,
}

-- Reads the image as the firmware would; one that is damaged never reaches a disk.
boot.steps.check_boot_image = {
  run = function(m, _, blocks)
    local image = err.check(m.alt:open(image_file))
    local found, message, code = bosboot.inspect(image)
    image:close()
    if not found or found.verdict ~= "bootable" then
      err.raise { code = code or "BOOT_IMAGE", host = m.master.name,
        message = ("boot image %s of %d blocks: %s"):format(image_file, blocks, message or found.problem or found.verdict),
        remedy = "bosboot made an image that cannot boot; look at its output, then resume from phase 8" }
    end
    return { verdict = found.verdict }
  end,
}

local function boot_volume_bytes(m)
  local pp_size = aix.lsvg(m.client:must { "lsvg", "altinst_rootvg" }).pp_size
  for _, lv in ipairs(aix.lsvg_l(m.client:must { "lsvg", "-l", "altinst_rootvg" })) do
    if lv.name == "alt_hd5" and pp_size then return lv.lps * pp_size * 1024 * 1024 end
  end
  err.raise { code = "NO_BOOT_LV", host = m.name, message = ("%s: altinst_rootvg has no logical volume alt_hd5"):format(m.name) }
end

boot.steps.write_boot_image = {
  runs_spot = true,
  run = function(m, ctx, disk, blocks)
    m:say(("Writing boot image to client's alternate boot disk %s."):format(disk))
    m:check_copy()
    local room = boot_volume_bytes(m)
    if blocks * 512 > room then
      err.raise { code = "ENOSPC", host = m.name,
        message = ("%s: the boot image has %d blocks, alt_hd5 room for %d"):format(m.name, blocks, room // 512),
        remedy = ("enlarge hd5 of the client's rootvg, then destroy this copy and begin again: nimadm -C -c %s -s %s"):format(m.name,
          m.spot.name) }
    end
    local file = "/alt_inst" .. image_file
    local argv = { m:spot_command "mkboot", "-d", "/dev/" .. disk, "-l", "/dev/alt_hd5", "-b", file }
    local result = m.client:job(ctx.job_id, argv, { on_line = function(line) m:detail(line) end })
    if result.status ~= 0 then err.raise(m.client:failure(argv, result)) end
    m.client:must_script('dd if="$1" bs=512 count="$2" 2>/dev/null | cmp - "$3"', { "/dev/ralt_hd5", tostring(blocks), file },
      { timeout = 900,
        remedy = ("what was read back from %s differs from the image: check the disk"):format(disk) })
    local record = m.client:must_script('dd if="$1" bs=512 count=1 2>/dev/null', { "/dev/r" .. disk })
    local found, message, code = bosboot.inspect(record)
    if not found or found.verdict ~= "bootable" then
      err.raise { code = code or "BOOT_RECORD", host = m.name,
        message = ("%s: boot record of %s: %s"):format(m.name, disk, message or found.problem or found.verdict) }
    end
  end,
}

--- All of phase 8.
function boot.make_bootable(m)
  m:hand_over("executor")
  local image = m:build_boot_image()
  m:hand_over("engine")
  m:check_boot_image(image.blocks)
  m:write_boot_image(m.disks[1], image.blocks)
  m.copy:remove(image_file)
end

return boot
