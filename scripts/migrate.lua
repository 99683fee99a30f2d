-- SPDX-License-Identifier: MIT
-- The twelve phases of an alternate disk migration, as nimadm runs them.
--
-- Copy this file, change it for your site and run it with: altmig migrate --script FILE ...
-- `m` is the migration: m.client and m.master are the hosts, m.exec runs commands of the new release
-- inside the copy, m.alt is the copy's file tree (its writes raise when they fail), m.disks the target
-- disks. What changes something is a step: it is journalled, and a resumed run does not repeat it. Wrap
-- your own in m:step(name, fn).

local flow = require "altmig.flow"
local merge = require "altmig.merge"

return flow.new {
  [1] = { "Cloning altinst_rootvg on client, Phase 1.",
    run = function(m)
      m:provide_spot()
      m:record_values()
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
      m:hand_over("engine")
      m:save_configuration()
      m:check_space()
      m:restore_bos()
      m:keep_bosinst_data()
      m:merge_configuration(merge.methods)
    end },

  [6] = { "Installing and migrating software.",
    run = function(m)
      -- Flags of installp -a: requisites too, larger file systems, licences (by -Y alone), no boot image: phase 8 makes it.
      m:install_software { flags = m.opts.licenses and "gXYb" or "gXb" }
      m:verify_software()
      m:compare_values()
    end },

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
