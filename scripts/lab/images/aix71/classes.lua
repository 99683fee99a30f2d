-- SPDX-License-Identifier: MIT
-- Rows of the object classes that AIX 7.1 ships: predefined ones (usr part) and those of /etc/objrepos that the base
-- system brings. Devices of a machine are made in lab.devices. A class that is named here exists, if only without rows.

local rows = ...
local device, attribute, number, subsystem = rows.device, rows.attribute, rows.number, rows.subsystem

return {
  predefined = {
    PdDv = { add = {
      device("sys", "node", "chrp", "sys", "", "/usr/lib/methods/defsys", "/usr/lib/methods/cfgsys_chrp"),
      device("disk", "vscsi", "vdisk", "hdisk", "scsidisk", "/etc/methods/define", "/etc/methods/cfgscsidisk"),
      device("adapter", "vdevice", "IBM,v-scsi", "vscsi", "vscsi_initdd", "/etc/methods/define", "/usr/lib/methods/cfg_vclient"),
      device("adapter", "vdevice", "IBM,l-lan", "ent", "vioentdd", "/etc/methods/define", "/usr/lib/methods/cfgvioent"),
      device("if", "EN", "en", "en", "if_en", "/etc/methods/defif", "/etc/methods/cfgif", { has_vpd = 0 }),
      device("tcpip", "TCPIP", "inet", "inet", "", "/etc/methods/definet", "/etc/methods/cfginet", { has_vpd = 0 }),
      device("logical_volume", "vgsubclass", "vgtype", "", "hd_pin", "/usr/sbin/varyonvg", "", { has_vpd = 0 }),
      device("logical_volume", "lvsubclass", "lvtype", "", "hd_pin", "", "", { has_vpd = 0 }),
      device("tty", "vdevice", "hvterm1", "vty", "hvterm1", "/etc/methods/define", "/usr/lib/methods/cfgvty"),
      device("adapter", "pci", "14107c00", "atm", "atmdd", "/etc/methods/define", "/usr/lib/methods/cfgatm"),
      device("adapter", "pciex", "b315151014", "iba", "ibadd", "/etc/methods/define", "/usr/lib/methods/cfgiba"),
    } },
    PdAt = { add = {
      number("sys/node/chrp", "maxuproc", "128", "40-131072,1"),
      number("sys/node/chrp", "ncargs", "256", "256-1024,1"),
      attribute("sys/node/chrp", "fullcore", "false", "true,false"),
      attribute("sys/node/chrp", "autorestart", "true", "true,false"),
      number("disk/vscsi/vdisk", "queue_depth", "3", "1-256,1"),
      attribute("disk/vscsi/vdisk", "max_transfer", "0x40000", "0x20000,0x40000,0x80000,0x100000"),
      attribute("disk/vscsi/vdisk", "pvid", "none", "", { generic = "D" }),
      attribute("disk/vscsi/vdisk", "algorithm", "fail_over", "fail_over"),
      number("adapter/vdevice/IBM,v-scsi", "vscsi_path_to", "0", "0,30-3600,1"),
      number("adapter/vdevice/IBM,l-lan", "min_buf_tiny", "512", "512-2048,1"),
      number("if/EN/en", "mtu", "1500", "60-65390,1"),
      attribute("if/EN/en", "netaddr", "", ""),
      attribute("tcpip/TCPIP/inet", "hostname", "localhost", ""),
      attribute("logical_volume/vgsubclass/vgtype", "vgserial_id", "none", "", { generic = "D" }),
      attribute("logical_volume/lvsubclass/lvtype", "lvserial_id", "none", "", { generic = "D" }),
      attribute("disk/vscsi/vdisk", "reserve_policy", "single_path", "no_reserve,single_path"),
      attribute("adapter/pci/14107c00", "use_alt_addr", "no", "yes,no"),
      attribute("adapter/pciex/b315151014", "superpacket", "off", "on,off"),
    } },
    PdCn = { add = {
      { uniquetype = "adapter/vdevice/IBM,v-scsi", connkey = "vscsi", connwhere = "" },
      { uniquetype = "sys/node/chrp", connkey = "vdevice", connwhere = "0" },
    } },
    PdAtXtd = { add = {
      { uniquetype = "disk/vscsi/vdisk", attribute = "queue_depth", classification = "B", sequence = "1", description = "Queue DEPTH" },
    } },
    sm_menu_opt = { add = {
      { id_seq_num = "010", id = "top_menu", next_id = "swdist", text = "Software Installation and Maintenance",
        text_msg_file = "smit.cat", text_msg_set = 2, text_msg_id = 20, next_type = "m" },
      { id_seq_num = "020", id = "top_menu", next_id = "_assist", text = "Software License Management", next_type = "m" },
    } },
    sm_name_hdr = { add = {
      { id = "enet_sel", next_id = "oslevel_s", name = "Ethernet Adapter", type = "j", next_type = "d" },
    } },
    sm_cmd_hdr = { add = {
      { id = "oslevel_s", option_id = "oslevel_opt", has_name_select = "n", name = "Show Operating System Level",
        cmd_to_exec = "/usr/bin/oslevel -r", exec_mode = "P" },
      { id = "lsps_a", option_id = "", has_name_select = "n", name = "List All Paging Spaces", cmd_to_exec = "/usr/sbin/lsps -a" },
    } },
    sm_cmd_opt = { add = {
      { id_seq_num = "010", id = "oslevel_opt", name = "Level", entry_type = "t" },
    } },
    GAI = { add = {
      { Adapter_Id = 1, Module_Key = "GXT135", Module_Path = "/usr/lpp/X11/bin/loadGXT135" },
      { Adapter_Id = 2, Module_Key = "GXT145", Module_Path = "/usr/lpp/X11/bin/loadGXT145" },
    } },
  },
  shipped = {
    Config_Rules = { add = {
      { phase = 1, seq = 10, boot_mask = 0, rule = "/etc/methods/defsys" },
      { phase = 1, seq = 5, boot_mask = 0, rule = "/usr/lib/methods/deflvm" },
      { phase = 2, seq = 10, boot_mask = 0, rule = "/etc/methods/defsys" },
      { phase = 2, seq = 5, boot_mask = 0, rule = "/usr/lib/methods/deflvm" },
      { phase = 2, seq = 19, boot_mask = 0, rule = "/etc/methods/startcons" },
      { phase = 2, seq = 0, boot_mask = 0, rule = "/usr/lib/perf/cfg_perfstat load" },
      { phase = 3, seq = 10, boot_mask = 0, rule = "/etc/methods/defsys" },
    } },
    SRCsubsys = { add = {
      subsystem("inetd", "/usr/sbin/inetd", "tcpip"),
      subsystem("syslogd", "/usr/sbin/syslogd", "ras"),
      subsystem("portmap", "/usr/sbin/portmap", "portmap"),
      subsystem("biod", "/usr/sbin/biod", "nfs", { cmdargs = "32" }),
      subsystem("nfsd", "/usr/sbin/nfsd", "nfs", { cmdargs = "3891" }),
      subsystem("rpc.mountd", "/usr/sbin/rpc.mountd", "nfs", { cmdargs = "-n" }),
      subsystem("rpc.statd", "/usr/sbin/rpc.statd", "nfs"),
      subsystem("rpc.lockd", "/usr/sbin/rpc.lockd", "nfs"),
      subsystem("nfsrgyd", "/usr/sbin/nfsrgyd", "nfs"),
      subsystem("gssd", "/usr/sbin/gssd", "nfs"),
      subsystem("nimsh", "/usr/sbin/nimsh", "nimclient", { cmdargs = "-s" }),
      subsystem("sshd", "/usr/sbin/sshd", "ssh", { cmdargs = "-D" }),
      subsystem("xntpd", "/usr/sbin/xntpd", "tcpip"),
      subsystem("clcomd", "/usr/sbin/clcomd", "caa", { action = 1 }),
      subsystem("sendmail", "/usr/lib/sendmail", "mail", { cmdargs = "-bd -q30m" }),
      subsystem("snmpd", "/usr/sbin/snmpd", "tcpip"),
      subsystem("hostmibd", "/usr/sbin/hostmibd", "tcpip"),
      subsystem("snmpmibd", "/usr/sbin/snmpmibd", "tcpip"),
      subsystem("aixmibd", "/usr/sbin/aixmibd", "tcpip"),
      subsystem("named", "/usr/sbin/named", "tcpip"),
      subsystem("glbd", "/usr/lib/ncs/bin/glbd", "ncs"),
      subsystem("llbd", "/usr/lib/ncs/bin/llbd", "ncs"),
    } },
    SRCextmeth = { add = {
      { action = 2, subsysname = "nfsd", method = "/usr/sbin/nfsd_start", methargs = "", user = "root" },
    } },
    SRCsubsvr = { add = { { sub_type = "ftp", subsysname = "inetd", sub_code = 21 } } },
    SRCnotify = {},
    SWservAt = { add = {
      { attribute = "errlog_file", deflt = "/var/adm/ras/errlog", value = "/var/adm/ras/errlog" },
      { attribute = "errlog_size", deflt = "1048576", value = "1048576" },
      { attribute = "alog_type", deflt = "boot", value = "boot" },
      { attribute = "boot_logname", deflt = "/var/adm/ras/bootlog", value = "/var/adm/ras/bootlog" },
      { attribute = "boot_logsize", deflt = "4096", value = "4096" },
      { attribute = "primary", deflt = "/dev/sysdumpnull", value = "/dev/lg_dumplv" },
      { attribute = "dump_compress", deflt = "OFF", value = "OFF" },
    } },
    errnotify = { add = {
      { en_persistenceflg = 1, en_name = "diagela", en_class = "H", en_method = "/usr/lpp/diagnostics/bin/diagela $1" },
    } },
  },
}
