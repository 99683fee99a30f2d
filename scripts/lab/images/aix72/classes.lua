-- SPDX-License-Identifier: MIT
-- How the object classes of AIX 7.2 differ from those of 7.1: rows that it drops, changes ({ which, to what }) and adds.

local rows = ...
local device, attribute, subsystem = rows.device, rows.attribute, rows.subsystem

local chrp, vdisk = "sys/node/chrp", "disk/vscsi/vdisk"

return {
  predefined = {
    PdDv = {
      drop = { { uniquetype = "adapter/pci/14107c00" } },
      change = { { { uniquetype = chrp }, { msgno = 2 } } },
      add = { device("adapter", "vdevice", "IBM,vnic", "ent", "vnicdd", "/etc/methods/define", "/usr/lib/methods/cfgvnic") },
    },
    PdAt = {
      drop = { { uniquetype = "adapter/pci/14107c00" } },
      change = {
        { { uniquetype = chrp, attribute = "maxuproc" }, { deflt = "256" } },
        { { uniquetype = vdisk, attribute = "queue_depth" }, { deflt = "8" } },
        { { uniquetype = vdisk, attribute = "algorithm" }, { values = "fail_over,shortest_queue" } },
        { { uniquetype = "adapter/vdevice/IBM,v-scsi", attribute = "vscsi_path_to" }, { deflt = "30" } },
        { { uniquetype = "adapter/vdevice/IBM,l-lan", attribute = "min_buf_tiny" }, { deflt = "2048" } },
      },
      add = {
        attribute("adapter/vdevice/IBM,vnic", "failover", "true", "true,false"),
        attribute(chrp, "signpolicy", "none", "none,low,medium,high"),
      },
    },
    PdAtXtd = {
      change = { { { uniquetype = vdisk, attribute = "queue_depth" }, { sequence = "2" } } },
      add = { { uniquetype = "adapter/vdevice/IBM,vnic", attribute = "failover", classification = "B", sequence = "1",
        description = "Failover" } },
    },
    sm_menu_opt = {
      change = { { { next_id = "_assist" }, { text = "Software License and Usage Management" } } },
      add = { { id_seq_num = "030", id = "top_menu", next_id = "vnic", text = "Virtual NIC Adapters", next_type = "m" } },
    },
    sm_name_hdr = {
      change = { { { id = "enet_sel" }, { name = "Ethernet Adapter or vNIC" } } },
      add = { { id = "vnic_sel", next_id = "lsvnic", name = "Virtual NIC Adapter", type = "j", next_type = "d" } },
    },
    sm_cmd_hdr = {
      change = { { { id = "oslevel_s" }, { cmd_to_exec = "/usr/bin/oslevel -s" } } },
      add = { { id = "lsvnic", option_id = "lsvnic_opt", has_name_select = "n", name = "List vNIC Adapters",
        cmd_to_exec = "/usr/sbin/lsdev -Cc adapter -t IBM,vnic", exec_mode = "P" } },
    },
    sm_cmd_opt = { add = { { id_seq_num = "010", id = "lsvnic_opt", name = "Adapter", entry_type = "t" } } },
    GAI = {
      change = { { { Adapter_Id = 2 }, { Module_Path = "/usr/lpp/X11/bin/loadGXT145_64" } } },
      add = { { Adapter_Id = 3, Module_Key = "GXT155", Module_Path = "/usr/lpp/X11/bin/loadGXT155" } },
    },
  },
  shipped = {
    Config_Rules = { change = {
      { { rule = "/usr/lib/methods/deflvm" }, { seq = 12 } },
      { { rule = "/etc/methods/startcons" }, { rule = "/etc/methods/ptynode" } },
    } },
    SRCsubsys = {
      drop = { { grpname = "ncs" } },
      change = {
        { { subsysname = "inetd" }, { signorm = 15 } },
        { { subsysname = "syslogd" }, { cmdargs = "-r" } },
        { { subsysname = "xntpd" }, { action = 1 } },
      },
      add = { subsystem("nfs_fhpd", "/usr/sbin/nfs_fhpd", "nfs") },
    },
    SRCextmeth = { add = { { action = 2, subsysname = "nfs_fhpd", method = "/usr/sbin/nfsd_start", methargs = "-f", user = "root" } } },
    SWservAt = {
      change = {
        { { attribute = "boot_logsize" }, { deflt = "131072", value = "131072" } },
        { { attribute = "dump_compress" }, { deflt = "ON", value = "ON" } },
      },
      add = { { attribute = "dump_type", deflt = "fw-assisted", value = "fw-assisted" } },
    },
    errnotify = { add = { { en_persistenceflg = 1, en_name = "pwr_ela", en_class = "H",
      en_method = "/usr/lpp/diagnostics/bin/diagela $1" } } },
  },
}
