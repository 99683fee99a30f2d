-- SPDX-License-Identifier: MIT
-- Phase 12, the end of a good run: the SPOT, jobs and scratch files go.

local aix = require "altmig.aix.output"
local withdraw = require "altmig.run.withdraw"

---@class altmig.Migration
local finish = { steps = {} }

-- A phase that is run again may have made them again, so this is never taken as done.
local function never() return false end

finish.steps.clean_master = {
  holds = never,
  run = function(m)
    m:unmount_all(true, "all")
  end,
}
finish.steps.clean_client = {
  holds = never,
  run = function(m)
    m:unexport_all()
    m:remove_spot()
    m:remove_resources()
    withdraw.remove_jobs(m, m.client)
    withdraw.remove_jobs(m, m.master)
  end,
}

-- -r: reboots the client from the migrated disk.
finish.steps.reboot_client = {
  run = function(m)
    local _, by_name = aix.lspv(m.client:must { "lspv" })
    if by_name[m.disks[1]] and by_name[m.disks[1]].vg == "rootvg" then return end -- an earlier attempt did it
    local bootlist = m:result_of("set_bootlist")
    if not (bootlist and bootlist.set) then
      m:warn(("altmig: %s is not rebooted: its bootlist was left alone, so that it would come up as it is"):format(m.name))
      return
    end
    m:say(("altmig: rebooting %s."):format(m.name))
    m:unlock_client()
    m.rebooting = true
    m.client:script("nohup shutdown -Fr >/dev/null 2>&1 </dev/null &", {}, { timeout = 60 })
  end,
}

-- alt_disk_copy -P3 leaves the bootlist to set_bootlist, which a flow that was copied from an older one lacks.
local function mind_bootlist(m)
  local closed = false
  for _, done in pairs(m.record.done) do
    closed = closed or done.step == "alt_disk_copy" and type(done.result) == "table" and done.result.phase == 3
  end
  if not closed or m.opts.no_bootlist or m:result_of("set_bootlist") then return end
  m:warn(("altmig: the bootlist of %s was not set: the flow script has no m:set_bootlist() after alt_disk_copy of phase 3\n"
    .. "  remedy: add it (scripts/migrate.lua has it in phase 11), then: altmig resume %s --from 11; or on %s: "
    .. "bootlist -m normal %s"):format(m.name, m.name, m.name, table.concat(m.disks, " ")))
end

--- Last words of a run: what the administrator has to look at.
function finish.summarize(m)
  local notes = m:result_of("merge_summary")
  if notes and notes.unavailable > 0 then
    m:say(("altmig: %d merge methods were not available; %d files need a look: see %s and /lpp/save.config on the new system.")
      :format(notes.unavailable, notes.files, m.log_path))
  end
  mind_bootlist(m)
  local count = m:collected():count()
  m:say(("altmig: %d conflict%s, %d to do by hand: altmig report %s (%s/report.json)."):format(count.conflict,
    count.conflict == 1 and "" or "s", count.todo, m.name, m.state))
end

return finish
