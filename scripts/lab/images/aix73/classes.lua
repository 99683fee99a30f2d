-- SPDX-License-Identifier: MIT
-- How the object classes of AIX 7.3 differ from those of 7.2. New attributes of sys0 and the defaults of disks are those
-- of a public system of 7.3 TL4 and of the release notes; the other rows stand for what is not public.

local rows = ...
local device, attribute, number, subsystem = rows.device, rows.attribute, rows.number, rows.subsystem

local chrp, vdisk, nvme = "sys/node/chrp", "disk/vscsi/vdisk", "adapter/pciex/4f11c80014"

return {
  predefined = {
    PdDv = {
      drop = { { uniquetype = "adapter/pciex/b315151014" } }, -- InfiniBand
      change = { { { uniquetype = chrp }, { msgno = 3 } } },
      add = { device("adapter", "pciex", "4f11c80014", "nvme", "nvmedd", "/etc/methods/define", "/usr/lib/methods/cfgnvme") },
    },
    PdAt = {
      drop = { { uniquetype = "adapter/pciex/b315151014" } },
      change = {
        { { uniquetype = vdisk, attribute = "algorithm" }, { deflt = "shortest_queue" } },
        { { uniquetype = vdisk, attribute = "reserve_policy" }, { deflt = "no_reserve" } },
        { { uniquetype = vdisk, attribute = "queue_depth" }, { deflt = "32" } },
      },
      add = {
        attribute(chrp, "secure_boot", "Policy_0(Disabled)", "", { generic = "D" }),
        attribute(chrp, "clouddev", "0", "0,1"),
        attribute(chrp, "sed_config", "select", "all,off,select"),
        number(nvme, "queue_depth", "64", "1-256,1"),
      },
    },
    PdAtXtd = {
      change = { { { uniquetype = vdisk, attribute = "queue_depth" }, { sequence = "3" } } },
      add = { { uniquetype = nvme, attribute = "queue_depth", classification = "B", sequence = "1", description = "Queue DEPTH" } },
    },
    sm_menu_opt = {
      change = { { { next_id = "_assist" }, { text = "Software License, Usage and Signature Management" } } },
      add = { { id_seq_num = "040", id = "top_menu", next_id = "pks", text = "Platform Keystore", next_type = "m" } },
    },
    sm_name_hdr = { add = { { id = "pks_sel", next_id = "lspks", name = "Platform Keystore Object", type = "j", next_type = "d" } } },
    sm_cmd_hdr = { add = { { id = "lspks", option_id = "lspks_opt", has_name_select = "n", name = "List Keystore Objects",
      cmd_to_exec = "/usr/sbin/pksctl list", exec_mode = "P" } } },
    sm_cmd_opt = { add = { { id_seq_num = "010", id = "lspks_opt", name = "Object", entry_type = "t" } } },
    GAI = { add = { { Adapter_Id = 4, Module_Key = "GXT165", Module_Path = "/usr/lpp/X11/bin/loadGXT165" } } },
    -- The catalogue of signed software, which exists since 7.2 TL4; its descriptors are not public.
    dsc_inventory = { add = { { name = "bos.rte", signer = "IBM", state = 1 }, { name = "bos.mp64", signer = "IBM", state = 1 } } },
  },
  shipped = {
    Config_Rules = { add = { { phase = 2, seq = 21, boot_mask = 0, rule = "/usr/lib/methods/cfgpks" } } },
    SRCsubsys = {
      change = { { { subsysname = "gssd" }, { cmdargs = "-n" } } },
      add = {
        subsystem("nimhttp", "/usr/sbin/nimhttp", "nimclient"),
        subsystem("lldpd", "/usr/sbin/lldpd", "tcpip"),
        subsystem("ikev2d", "/usr/sbin/ikev2d", "ike"),
        subsystem("ksys_vmmon", "/usr/sbin/ksys_vmmon", "ksys"),
        subsystem("aso", "/usr/lib/perf/aso", "aso"),
        subsystem("pfcdaemon", "/usr/sbin/pfcdaemon", "tcpip"),
      },
    },
    SRCextmeth = { add = { { action = 2, subsysname = "nimhttp", method = "/usr/sbin/nimhttp_start", methargs = "", user = "root" } } },
    SWservAt = {
      change = { { { attribute = "boot_logsize" }, { deflt = "262144", value = "262144" } } },
      add = { { attribute = "sed_log", deflt = "off", value = "off" } },
    },
    errnotify = { add = { { en_persistenceflg = 1, en_name = "pks_ela", en_class = "S",
      en_method = "/usr/sbin/pksctl event $1" } } },
  },
}
