-- SPDX-License-Identifier: MIT
-- Rows of the ODM classes that a level ships: predefined devices (usr part) and the classes of
-- /etc/objrepos that the base system brings. Devices of a machine are made in lab.devices.

local function device(class, subclass, kind, prefix, driver, define, configure, more)
  local row = { type = kind, class = class, subclass = subclass, prefix = prefix, devid = "", base = 1, has_vpd = 1,
    detectable = 1, chgstatus = 0, bus_ext = 0, fru = 1, led = 1, setno = 1, msgno = 1, catalog = "devices.cat",
    DvDr = driver, Define = define, Configure = configure, Change = "/etc/methods/chggen", Unconfigure = "/etc/methods/ucfgdevice",
    Undefine = "/etc/methods/undefine", Start = "", Stop = "", inventory_only = 0,
    uniquetype = class .. "/" .. subclass .. "/" .. kind }
  for name, value in pairs(more or {}) do row[name] = value end
  return row
end

local function attribute(uniquetype, name, deflt, values, more)
  local row = { uniquetype = uniquetype, attribute = name, deflt = deflt, values = values, width = "", type = "R",
    generic = "DU", rep = "sl", nls_index = 1 }
  for field, value in pairs(more or {}) do row[field] = value end
  return row
end

local function subsystem(name, path, group, more)
  local row = { subsysname = name, synonym = "", cmdargs = "", path = path, uid = 0, auditid = 0, standin = "/dev/console",
    standout = "/dev/console", standerr = "/dev/console", action = 2, multi = 0, contact = 3, svrkey = 0, svrmtype = 0,
    priority = 20, signorm = 0, sigforce = 0, display = 1, waittime = 20, grpname = group }
  for field, value in pairs(more or {}) do row[field] = value end
  return row
end

local number = { rep = "nr", width = "" }

local function predefined(new)
  local PdDv = {
    device("sys", "node", "chrp", "sys", "", "/usr/lib/methods/defsys", "/usr/lib/methods/cfgsys_chrp", { msgno = new and 2 or 1 }),
    device("disk", "vscsi", "vdisk", "hdisk", "scsidisk", "/etc/methods/define", "/etc/methods/cfgscsidisk"),
    device("adapter", "vdevice", "IBM,v-scsi", "vscsi", "vscsi_initdd", "/etc/methods/define", "/usr/lib/methods/cfg_vclient"),
    device("adapter", "vdevice", "IBM,l-lan", "ent", "vioentdd", "/etc/methods/define", "/usr/lib/methods/cfgvioent"),
    device("if", "EN", "en", "en", "if_en", "/etc/methods/defif", "/etc/methods/cfgif", { has_vpd = 0 }),
    device("tcpip", "TCPIP", "inet", "inet", "", "/etc/methods/definet", "/etc/methods/cfginet", { has_vpd = 0 }),
    device("logical_volume", "vgsubclass", "vgtype", "", "hd_pin", "/usr/sbin/varyonvg", "", { has_vpd = 0 }),
    device("logical_volume", "lvsubclass", "lvtype", "", "hd_pin", "", "", { has_vpd = 0 }),
    device("tty", "vdevice", "hvterm1", "vty", "hvterm1", "/etc/methods/define", "/usr/lib/methods/cfgvty"),
  }
  local PdAt = {
    attribute("sys/node/chrp", "maxuproc", new and "256" or "128", "40-131072,1", number),
    attribute("sys/node/chrp", "ncargs", "256", "256-1024,1", number),
    attribute("sys/node/chrp", "fullcore", "false", "true,false"),
    attribute("sys/node/chrp", "autorestart", "true", "true,false"),
    attribute("disk/vscsi/vdisk", "queue_depth", new and "8" or "3", "1-256,1", number),
    attribute("disk/vscsi/vdisk", "max_transfer", "0x40000", "0x20000,0x40000,0x80000,0x100000"),
    attribute("disk/vscsi/vdisk", "pvid", "none", "", { generic = "D" }),
    attribute("disk/vscsi/vdisk", "algorithm", "fail_over", new and "fail_over,shortest_queue" or "fail_over"),
    attribute("adapter/vdevice/IBM,v-scsi", "vscsi_path_to", new and "30" or "0", "0,30-3600,1", number),
    attribute("adapter/vdevice/IBM,l-lan", "min_buf_tiny", new and "2048" or "512", "512-2048,1", number),
    attribute("if/EN/en", "mtu", "1500", "60-65390,1", number),
    attribute("if/EN/en", "netaddr", "", "", { generic = "DU" }),
    attribute("tcpip/TCPIP/inet", "hostname", "localhost", "", {}),
    attribute("logical_volume/vgsubclass/vgtype", "vgserial_id", "none", "", { generic = "D" }),
    attribute("logical_volume/lvsubclass/lvtype", "lvserial_id", "none", "", { generic = "D" }),
  }
  if new then
    PdDv[#PdDv + 1] = device("adapter", "vdevice", "IBM,vnic", "ent", "vnicdd", "/etc/methods/define", "/usr/lib/methods/cfgvnic")
    PdAt[#PdAt + 1] = attribute("adapter/vdevice/IBM,vnic", "failover", "true", "true,false")
  else
    PdDv[#PdDv + 1] = device("adapter", "pci", "14107c00", "atm", "atmdd", "/etc/methods/define", "/usr/lib/methods/cfgatm")
    PdAt[#PdAt + 1] = attribute("adapter/pci/14107c00", "use_alt_addr", "no", "yes,no")
  end
  return {
    PdDv = PdDv,
    PdAt = PdAt,
    PdCn = {
      { uniquetype = "adapter/vdevice/IBM,v-scsi", connkey = "vscsi", connwhere = "" },
      { uniquetype = "sys/node/chrp", connkey = "vdevice", connwhere = "0" },
    },
    PdAtXtd = {
      { uniquetype = "disk/vscsi/vdisk", attribute = "queue_depth", classification = "B", sequence = new and "2" or "1",
        description = "Queue DEPTH" },
      new and { uniquetype = "adapter/vdevice/IBM,vnic", attribute = "failover", classification = "B", sequence = "1",
        description = "Failover" } or nil,
    },
    sm_menu_opt = {
      { id_seq_num = "010", id = "top_menu", next_id = "swdist", text = "Software Installation and Maintenance",
        text_msg_file = "smit.cat", text_msg_set = 2, text_msg_id = 20, next_type = "m" },
      { id_seq_num = "020", id = "top_menu", next_id = "_assist",
        text = new and "Software License and Usage Management" or "Software License Management", next_type = "m" },
      new and { id_seq_num = "030", id = "top_menu", next_id = "vnic", text = "Virtual NIC Adapters", next_type = "m" } or nil,
    },
    sm_name_hdr = {
      { id = "enet_sel", next_id = "oslevel_s", name = new and "Ethernet Adapter or vNIC" or "Ethernet Adapter", type = "j",
        next_type = "d" },
      new and { id = "vnic_sel", next_id = "lsvnic", name = "Virtual NIC Adapter", type = "j", next_type = "d" } or nil,
    },
    sm_cmd_hdr = {
      { id = "oslevel_s", option_id = "oslevel_opt", has_name_select = "n", name = "Show Operating System Level",
        cmd_to_exec = new and "/usr/bin/oslevel -s" or "/usr/bin/oslevel -r", exec_mode = "P" },
      { id = "lsps_a", option_id = "", has_name_select = "n", name = "List All Paging Spaces", cmd_to_exec = "/usr/sbin/lsps -a" },
      new and { id = "lsvnic", option_id = "lsvnic_opt", has_name_select = "n", name = "List vNIC Adapters",
        cmd_to_exec = "/usr/sbin/lsdev -Cc adapter -t IBM,vnic", exec_mode = "P" } or nil,
    },
    sm_cmd_opt = {
      { id_seq_num = "010", id = "oslevel_opt", name = "Level", entry_type = "t" },
      new and { id_seq_num = "010", id = "lsvnic_opt", name = "Adapter", entry_type = "t" } or nil,
    },
    GAI = {
      { Adapter_Id = 1, Module_Key = "GXT135", Module_Path = "/usr/lpp/X11/bin/loadGXT135" },
      { Adapter_Id = 2, Module_Key = "GXT145", Module_Path = new and "/usr/lpp/X11/bin/loadGXT145_64" or "/usr/lpp/X11/bin/loadGXT145" },
      new and { Adapter_Id = 3, Module_Key = "GXT155", Module_Path = "/usr/lpp/X11/bin/loadGXT155" } or nil,
    },
    fix = new and {
      { name = "7200-05_AIX_ML", abstract = "AIX 7200-05 Update", type = "p",
        filesets = "bos.rte:7.2.5.0\nbos.mp64:7.2.5.0\nbos.rte.install:7.2.5.0\n", symptom = "AIX 7200-05 Update\n" },
      { name = "72-05-062320_SP", abstract = "AIX 7200-05-06 Service Pack", type = "p",
        filesets = "bos.rte:7.2.5.200\nbos.mp64:7.2.5.201\nbos.rte.libc:7.2.5.202\nbos.rte.install:7.2.5.201\n",
        symptom = "Service Pack\n" },
      { name = "IJ44425", abstract = "REMOUNT AFTER RESTORE CAN HANG", type = "f", filesets = "bos.rte.filesystem:7.2.5.201\n",
        symptom = "mount hangs\n" },
    } or {
      { name = "7100-05_AIX_ML", abstract = "AIX 7100-05 Update", type = "p",
        filesets = "bos.rte:7.1.5.0\nbos.mp64:7.1.5.0\nbos.rte.install:7.1.5.0\n", symptom = "AIX 7100-05 Update\n" },
      { name = "71-05-031846_SP", abstract = "AIX 7100-05-03 Service Pack", type = "p",
        filesets = "bos.rte:7.1.5.30\nbos.mp64:7.1.5.33\nbos.rte.libc:7.1.5.34\nbos.rte.install:7.1.5.32\n",
        symptom = "Service Pack\n" },
      { name = "IV99999", abstract = "LSVG MAY LOOP", type = "f", filesets = "bos.rte.lvm:7.1.5.32\n", symptom = "lsvg loops\n" },
    },
  }
end

local function shipped(new)
  local SRCsubsys = {
    subsystem("inetd", "/usr/sbin/inetd", "tcpip", { signorm = new and 15 or 0 }),
    subsystem("syslogd", "/usr/sbin/syslogd", "ras", { cmdargs = new and "-r" or "" }),
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
    subsystem("xntpd", "/usr/sbin/xntpd", "tcpip", { action = new and 1 or 2 }),
    subsystem("clcomd", "/usr/sbin/clcomd", "caa", { action = 1 }),
  }
  if not new then
    SRCsubsys[#SRCsubsys + 1] = subsystem("glbd", "/usr/lib/ncs/bin/glbd", "ncs")
    SRCsubsys[#SRCsubsys + 1] = subsystem("llbd", "/usr/lib/ncs/bin/llbd", "ncs")
  else
    SRCsubsys[#SRCsubsys + 1] = subsystem("nfs_fhpd", "/usr/sbin/nfs_fhpd", "nfs")
  end
  return {
    Config_Rules = {
      { phase = 1, seq = 10, boot_mask = 0, rule = "/etc/methods/defsys" },
      { phase = 1, seq = new and 12 or 5, boot_mask = 0, rule = "/usr/lib/methods/deflvm" },
      { phase = 2, seq = 10, boot_mask = 0, rule = "/etc/methods/defsys" },
      { phase = 2, seq = new and 12 or 5, boot_mask = 0, rule = "/usr/lib/methods/deflvm" },
      { phase = 2, seq = 19, boot_mask = 0, rule = new and "/etc/methods/ptynode" or "/etc/methods/startcons" },
      { phase = 2, seq = 0, boot_mask = 0, rule = "/usr/lib/perf/cfg_perfstat load" },
      { phase = 3, seq = 10, boot_mask = 0, rule = "/etc/methods/defsys" },
    },
    SRCsubsys = SRCsubsys,
    SRCextmeth = {
      { action = 2, subsysname = "nfsd", method = "/usr/sbin/nfsd_start", methargs = "", user = "root" },
      new and { action = 2, subsysname = "nfs_fhpd", method = "/usr/sbin/nfsd_start", methargs = "-f", user = "root" } or nil,
    },
    SRCsubsvr = { { sub_type = "ftp", subsysname = "inetd", sub_code = 21 } },
    SRCnotify = {},
    SWservAt = {
      { attribute = "errlog_file", deflt = "/var/adm/ras/errlog", value = "/var/adm/ras/errlog" },
      { attribute = "errlog_size", deflt = "1048576", value = "1048576" },
      { attribute = "alog_type", deflt = "boot", value = "boot" },
      { attribute = "boot_logname", deflt = "/var/adm/ras/bootlog", value = "/var/adm/ras/bootlog" },
      { attribute = "boot_logsize", deflt = new and "131072" or "4096", value = new and "131072" or "4096" },
      { attribute = "primary", deflt = "/dev/sysdumpnull", value = "/dev/lg_dumplv" },
      { attribute = "dump_compress", deflt = new and "ON" or "OFF", value = new and "ON" or "OFF" },
      new and { attribute = "dump_type", deflt = "fw-assisted", value = "fw-assisted" } or nil,
    },
    errnotify = {
      { en_persistenceflg = 1, en_name = "diagela", en_class = "H", en_method = "/usr/lpp/diagnostics/bin/diagela $1" },
      new and { en_persistenceflg = 1, en_name = "pwr_ela", en_class = "H", en_method = "/usr/lpp/diagnostics/bin/diagela $1" } or nil,
    },
  }
end

return {
  --- Classes of /usr/lib/objrepos.
  predefined = predefined,
  --- Classes of /etc/objrepos that the base system ships.
  shipped = shipped,
}
