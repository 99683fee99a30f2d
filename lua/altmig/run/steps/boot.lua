-- SPDX-License-Identifier: MIT
-- Phase 8, the boot image: built into a file by the executor, checked by the engine, put on the alternate disks
-- by the client. And the end of phase 11: what is there is judged once more, and the bootlist is set.

local bosboot = require "altmig.bosboot"
local err = require "altmig.err"
local footprint = require "altmig.run.footprint"

---@class altmig.Migration
local boot = { steps = {} }

local image_file = footprint.boot_image

-- A host as altmig.bosboot knows one: what changes something is a job, which outlives a lost connection. One step
-- has several; the id of each is that of the step with a word for it in the middle, the first one's that itself.
local function with_jobs(host, ctx, first)
  return { session = host.session or host.runner.session, run = function(_, argv, opts, changes)
    if not changes then return host:run(argv, { timeout = opts.timeout, script = opts.script }) end
    local id = ctx.job_id
    if changes ~= first then id = id:gsub("%-%x+%-%d+$", "_" .. changes:gsub("[^%w]", "_") .. "%0") end
    if ctx.begun then ctx.begun.job = id end -- the one that may still run if this process loses it
    return host:job(id, argv, {})
  end }
end

-- A command that failed is that to the administrator, whoever sent it.
local function code_of(code) return code == "BOSBOOT" and "COMMAND" or code end

-- A plain file in the /dev of the executor's chroot, which is a directory made for it. A client has its own /dev there.
local function device_file(m)
  return m.exec.runner == m.exec.host and m.place_in_private_dev and function(name)
    m:place_in_private_dev(name)
    return function() m:remove_from_private_dev(name) end
  end or nil
end

boot.steps.build_boot_image = {
  run = function(m, ctx)
    local blocks, way, code = bosboot.build(with_jobs(m.exec, ctx, "plain"), { file = image_file, device_file = device_file(m),
      log = function(line) m:detail(line) end, on_line = function(line) m:say(line) end })
    if not blocks then
      err.raise { code = code_of(code), host = m.exec.runner.name, command = "bosboot -a -b " .. image_file, output = way,
        record = m.exec.runner.last_record, message = ("%s: %s"):format(m.exec.runner.name, way),
        remedy = ("bosboot must be able to build the image in the copy: every way that was tried, and what it printed, is in %s; "
          .. "fix that, then resume"):format(m.log_path) }
    end
    if way ~= "plain" then m:detail(("altmig: the boot image was built the other way: %s"):format(way)) end
    return { blocks = blocks, way = way }
  end,
  holds = function(m) return m.alt:exists(image_file) end,
}

-- Reads the image as the firmware would; one that is damaged never reaches a disk.
boot.steps.check_boot_image = {
  run = function(m, _, blocks)
    local image = err.check(m.alt:open(image_file))
    local found, message, code = bosboot.inspect(image)
    image:close()
    if not found or found.verdict == "bad" then
      err.raise { code = code or "BOOT_IMAGE", host = m.master.name,
        message = ("boot image %s of %d blocks: %s"):format(image_file, blocks, message or found.problem or found.verdict),
        remedy = "bosboot made an image that cannot boot; look at its output, then resume from phase 8" }
    end
    if found.verdict == "unknown" then
      m:warn(("altmig: the boot image is not what is known of boot images: %s; it is written, and the bootlist will be left alone"):format(
        found.problem))
    end
    return { verdict = found.verdict, problem = found.problem }
  end,
}

local remedies = {
  BOOT_SECTOR_FOREIGN = "look whose the disk is; a disk that is free has nothing but zeros or AIX's own record in its first sector "
    .. "(dd if=/dev/rDISK bs=512 count=1 | od -x)",
  BOOT_PLACE_SIZE = "enlarge hd5 of the client's rootvg, then destroy this copy and begin again: nimadm -C -c %s -s %s",
  BOOT_VOLUME = "lslv -m alt_hd5 says where it is: it must be in one piece on each disk, as hd5 of the client's rootvg must. Make that "
    .. "again in one piece, then destroy this copy and begin again: nimadm -C -c %s -s %s",
  BOOT_PLACE = "the copy is whole but for its boot record, which was not written. Report this with the output of lsvg altinst_rootvg "
    .. "and lslv -m alt_hd5; the copy is removed by nimadm -C -c %s -s %s",
}

local function hex(bytes) return (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end
local function unhex(text) return (text:gsub("%x%x", function(c) return string.char(tonumber(c, 16)) end)) end

local function tell(m, problems)
  for _, problem in ipairs(problems) do m:warn("altmig: " .. problem) end
end

boot.steps.write_boot_image = {
  run = function(m, ctx, disks)
    m:say(("Writing boot image to client's alternate boot disk %s."):format(disks[1]))
    m:check_copy()
    local verdict, written, code = bosboot.write(with_jobs(m.client, ctx, "image"), { image = footprint.root .. image_file, disks = disks,
      root = footprint.root, keep = function(disk, sector)
        local record = { event = "boot_record", disk = disk, vg = m.record.copy and m.record.copy.vg, sector = hex(sector) }
        m:note(record)
        m.record.boot_records[disk] = m.record.boot_records[disk] or record
      end })
    if not verdict then
      err.raise { code = code_of(code), host = m.name, record = m.client.last_record, message = ("%s: %s"):format(m.name, written),
        remedy = (remedies[code] or "see what the command said; then resume"):format(m.name, m.spot.name) }
    end
    tell(m, written.problems)
    m:detail(("altmig: boot image, boot record and save-base area: %s"):format(verdict))
    return written
  end,
}

--- All of phase 8.
function boot.make_bootable(m)
  m:hand_over("executor")
  local image = m:build_boot_image()
  m:hand_over("engine")
  m:check_boot_image(image.blocks)
  m:write_boot_image(m.disks)
  m.copy:remove(image_file)
end

--- Puts back what was in the first sectors of the disks before phase 8, as far as they are of this copy.
---@param disks string[]
function boot.restore_boot_records(m, disks)
  for _, disk in ipairs(disks) do
    local record = m.record.boot_records[disk]
    if record and m.record.copy and record.vg == m.record.copy.vg then
      local ok, message = bosboot.put_back(m.client, { disk = disk, sector = unhex(record.sector), file = footprint.boot_record })
      if ok then
        m:note { event = "boot_record_back", disk = disk }
        m.record.boot_records[disk] = nil
      else
        m:warn(("altmig: %s: the boot record of %s was not put back: %s\n  remedy: chpv -c %s removes it, once the disk is free"):format(
          m.name, disk, message, disk))
      end
    end
  end
end

-- What is there now, by the disks, wherever alt_disk_copy has put names.
local function judge(m)
  local written = m:result_of("write_boot_image")
  if not written then return { verdict = "unknown", problems = { "no boot image was written by this migration" }, disks = {} } end
  local judged, message, code = bosboot.judge(m.client, written)
  if not judged then
    err.raise { code = code_of(code), host = m.name, record = m.client.last_record, message = ("%s: %s"):format(m.name, message),
      remedy = "the disks of the copy could not be read; resume looks once more" }
  end
  local image = m:result_of("check_boot_image")
  if judged.verdict == "good" and image and image.verdict ~= "good" and not judged.rewritten then
    judged.verdict, judged.problems = image.verdict, { image.problem }
  end
  if judged.rewritten then m:detail("altmig: alt_disk_copy wrote a boot image of its own") end
  return judged
end

local function boot_disks(m, judged)
  local there, list = {}, {}
  for _, disk in ipairs(judged.disks) do there[disk.disk] = true end
  for _, disk in ipairs(m.disks) do
    if there[disk] then list[#list + 1] = disk end
  end
  return #list > 0 and list or { m.disks[1] }
end

local function change_bootlist(m, disks)
  local argv = { "bootlist", "-m", "normal", table.unpack(disks) }
  m.client:must(argv, { remedy = "the copy is finished; set the bootlist by hand, then resume" })
  local first = m.client:must({ "bootlist", "-m", "normal", "-o" }):match("^%s*(%S+)")
  if first ~= disks[1] then
    err.raise { code = "BOOTLIST", host = m.name, command = table.concat(argv, " "),
      message = ("%s: the bootlist begins with %s, not with %s"):format(m.name, tostring(first), disks[1]),
      remedy = ("on %s: %s; then resume"):format(m.name, table.concat(argv, " ")) }
  end
  m:say(("Bootlist is set to the boot disk: %s blv=hd5"):format(disks[1]))
end

-- What to type where the bootlist is left alone.
local function leave_bootlist(m, judged, disks)
  local type_it = "bootlist -m normal " .. table.concat(disks, " ")
  local problems = table.concat(judged.problems, "; ")
  m:report_entry { method = "boot", key = disks[1], severity = "todo", chosen = "none",
    rule = ("the bootlist was left alone, the boot image is %s: %s"):format(judged.verdict, problems) }
  if judged.verdict == "bad" then
    err.raise { code = "BOOT_NOT_GOOD", host = m.name,
      message = ("%s: the copy on %s would not boot: %s; the bootlist is left alone"):format(m.name, disks[1], problems),
      remedy = ("destroy the copy and begin again: nimadm -C -c %s -s %s. If you put it in order yourself: altmig resume %s judges it "
        .. "once more. If you know that it boots: altmig resume %s --accept-boot-image, or on %s: %s"):format(m.name, m.spot.name, m.name,
          m.name, m.name, type_it) }
  end
  m:warn(("altmig: whether the copy on %s boots is not known: %s; the bootlist of %s is left alone\n  remedy: if you know that it does, "
    .. "on %s: %s   (--accept-boot-image takes it so at once)"):format(disks[1], problems, m.name, m.name, type_it))
end

-- Phase 11: alt_disk_copy leaves the bootlist alone (-B), and may have written image and record itself.
boot.steps.set_bootlist = {
  run = function(m)
    m:check_copy()
    local judged = judge(m)
    local disks = boot_disks(m, judged)
    m:event { event = "boot_verdict", verdict = judged.verdict, problems = judged.problems }
    local result = { verdict = judged.verdict, problems = judged.problems, set = false }
    if m.opts.no_bootlist then
      tell(m, judged.problems)
      return result
    end
    if judged.verdict ~= "good" and not m.opts.accept_boot_image then
      leave_bootlist(m, judged, disks)
      return result
    end
    tell(m, judged.problems)
    if judged.verdict ~= "good" then m:say("altmig: the boot image is taken as it is: --accept-boot-image.") end
    change_bootlist(m, disks)
    result.set = true
    return result
  end,
}

return boot
