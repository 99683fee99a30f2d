-- SPDX-License-Identifier: MIT
-- The twelve phases of an update on an alternate disk (altmig update, nimadm -U): a technology level or service pack of
-- the client's own release.
--
-- Phases 1 to 4 and 9 to 12 are those of a migration; no base operating system is restored and nothing is merged. The
-- programs of the copy, installp before all, run on the client itself in the copy: its kernel is of the same release,
-- and no other host has to run programs that the client could have written.
--
-- Copy this file, change it for your site and run it with: altmig update --script FILE ... (see scripts/migrate.lua).

local flow = require "altmig.flow"

return flow.new {
  [1] = { "Cloning altinst_rootvg on client, Phase 1.",
    run = function(m)
      m:provide_spot()
      m:installed_filesets()
      m:alt_disk_copy { phase = 1, disks = m.disks }
      m:list_alt_filesystems()
    end,
    undo = function(m) m:alt_rootvg_op { "-X", "altinst_rootvg" } end },

  [2] = { "Exporting alt_inst filesystems from client $client\nto NIM master $master:",
    run = function(m)
      for filesystem in m:alt_filesystems() do m:export(filesystem) end
      m:record_exports()
    end,
    undo = function(m) m:unexport_all() end },

  [3] = { "NFS mounting client's alt_inst filesystems on the NIM master:",
    run = function(m)
      for filesystem in m:alt_filesystems() do m:mount(filesystem) end
      m:mount_images()
    end,
    undo = function(m) m:unmount_all() end },

  [4] = { run = function(m) m:customize(m.pre_script) end },

  [5] = { "Saving system configuration files.",
    run = function(m)
      m:say("altmig: an update restores no base operating system and merges nothing.")
      m:keep_bosinst_data()
    end },

  [6] = { "Installing and updating software.",
    run = function(m)
      m:provide_images()
      local list = m:select_updates()
      m:remove_interim_fixes(list)
      -- Flags of installp -a: requisites too, larger file systems, licences (by -Y alone), no boot image: phase 8 makes it.
      m:install_updates(list, { flags = m.opts.licenses and "gXYb" or "gXb" })
      m:restore_interim_fixes()
      m:remove_images()
      m:verify_software()
      m:verify_level()
    end,
    undo = function(m) m:remove_images() end },

  [7] = { run = function(m) m:customize(m.post_script) end },

  [8] = { "Creating client boot image.",
    run = function(m) m:make_bootable() end,
    undo = function(m) m:restore_boot_records(m.disks) end },

  [9] = { "Unmounting client mounts on the NIM master.",
    run = function(m)
      m:unmount_all()
      m:clear_copy()
      m:close_copy()
    end },

  [10] = { "Unexporting alt_inst filesystems on client $client:",
    run = function(m) m:unexport_all() end },

  [11] = { "Cloning altinst_rootvg on client, Phase 3.",
    run = function(m)
      m:alt_disk_copy { phase = 3, disks = m.disks }
      m:set_bootlist()
    end },

  [12] = { "Cleaning up alt_disk_migration on the NIM master.",
    run = function(m)
      m:clean_master()
      m:say("Cleaning up alt_disk_migration on client " .. m.name .. ".")
      m:clean_client()
      if m.opts.reboot then m:reboot_client() end
    end },
}
