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
    if bootlist and not bootlist.set then
      m:warn(("altmig: %s is not rebooted: its bootlist was left alone, so that it would come up as it is"):format(m.name))
      return
    end
    m:say(("altmig: rebooting %s."):format(m.name))
    m:unlock_client()
    m.rebooting = true
    m.client:script("nohup shutdown -Fr >/dev/null 2>&1 </dev/null &", {}, { timeout = 60 })
  end,
}

--- Last words of a run: what the administrator has to look at.
function finish.summarize(m)
  local notes = m:result_of("merge_summary")
  if notes and notes.unavailable > 0 then
    m:say(("altmig: %d merge methods were not available; %d files need a look: see %s and /lpp/save.config on the new system.")
      :format(notes.unavailable, notes.files, m.log_path))
  end
  local count = m:collected():count()
  m:say(("altmig: %d conflict%s, %d to do by hand: altmig report %s (%s/report.json)."):format(count.conflict,
    count.conflict == 1 and "" or "s", count.todo, m.name, m.state))
end

return finish
