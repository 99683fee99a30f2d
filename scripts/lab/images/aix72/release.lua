-- SPDX-License-Identifier: MIT
-- AIX 7.2 as the lab plays it. In "requisites" {base} is the level of the technology level's base images.

return {
  version = "7.2",
  boot_blocks = 61441, -- of a real 7.2 boot image
  programs = {
    "/usr/sbin/shdaemon", "/usr/lib/methods/cfgvnic", "/usr/lib/drivers/vnicdd", "/usr/bin/rksh",
    "/usr/bin/rksh93", "/usr/sbin/nfs_fhpd", "/usr/lib/security/PAM", "/usr/lib/security/PAM_64", "/usr/sbin/multibos",
    "/usr/lib/drivers/pse/pckt", "/usr/lib/security/NIS64",
  },
  dates = { ["openssh.base.client"] = "2344", ["openssh.base.server"] = "2344", ["openssl.base"] = "2346" },
  requisites = {
    ["bos.net.tcp.client_core"] = "*prereq bos.rte.net {base}\n*prereq bos.rte.libc {base}\n",
    ["bos.net.tcp.client"] = "*prereq bos.net.tcp.client_core {base}\n*coreq bos.net.nfs.client {base}\n",
    ["bos.net.tcp.server"] = "*prereq bos.net.tcp.client {base}\n",
    ["bos.net.nfs.client"] = "*prereq bos.net.tcp.client {base}\n",
    ["bos.sysmgt.nim.client"] = "*prereq bos.net.tcp.client {base}\n*prereq bos.net.nfs.client {base}\n",
    ["bos.sysmgt.serv_aid"] = "*prereq bos.rte.serv_aid {base}\n",
    ["bos.sysmgt.sysbr"] = "*coreq bos.sysmgt.serv_aid {base}\n",
    ["bos.perf.tools"] = "*prereq bos.perf.perfstat {base}\n*ifreq bos.sysmgt.serv_aid {base}\n",
    ["bos.perf.perfstat"] = ">0 {\n*prereq bos.mp64 {base}\n*prereq bos.mp 7.2.0.0\n}\n",
    ["bos.alt_disk_install.rte"] = "*prereq bos.sysmgt.sysbr 7.2.0.0\n",
    ["devices.chrp.base.rte"] = "*prereq bos.rte.methods {base}\n",
    ["devices.vdevice.IBM.v-scsi.rte"] = "*prereq devices.chrp.base.rte {base}\n",
    ["devices.vdevice.IBM.l-lan.rte"] = "*prereq devices.chrp.base.rte {base}\n",
    ["openssh.base.client"] = "*prereq openssl.base 3.0.8.1000\n",
    ["openssh.base.server"] = "*coreq openssh.base.client 9.2.112.2400\n",
    ["openssl.base"] = "*prereq bos.rte.libc 7.1.0.0\n",
  },
  levels = {
    { level = "7200-05-06-2320", time = 1684195200, usual = true, filesets = {
      ["bos.mp64"] = "7.2.5.201", ["bos.rte"] = "7.2.5.200", ["bos.rte.archive"] = "7.2.5.102",
      ["bos.rte.boot"] = "7.2.5.200", ["bos.rte.bosinst"] = "7.2.5.101", ["bos.rte.commands"] = "7.2.5.200",
      ["bos.rte.console"] = "7.2.5.100", ["bos.rte.control"] = "7.2.5.200", ["bos.rte.cron"] = "7.2.5.101",
      ["bos.rte.devices"] = "7.2.5.100", ["bos.rte.diag"] = "7.2.5.100", ["bos.rte.edit"] = "7.2.5.101",
      ["bos.rte.filesystem"] = "7.2.5.201", ["bos.rte.ILS"] = "7.2.5.100", ["bos.rte.install"] = "7.2.5.201",
      ["bos.rte.libc"] = "7.2.5.202", ["bos.rte.libcfg"] = "7.2.5.100", ["bos.rte.libpthreads"] = "7.2.5.201",
      ["bos.rte.libs"] = "7.2.5.200", ["bos.rte.lvm"] = "7.2.5.201", ["bos.rte.methods"] = "7.2.5.200",
      ["bos.rte.misc_cmds"] = "7.2.5.101", ["bos.rte.net"] = "7.2.5.200", ["bos.rte.odm"] = "7.2.5.100",
      ["bos.rte.printers"] = "7.2.5.100", ["bos.rte.security"] = "7.2.5.201", ["bos.rte.serv_aid"] = "7.2.5.200",
      ["bos.rte.shell"] = "7.2.5.201", ["bos.rte.streams"] = "7.2.5.100", ["bos.rte.tty"] = "7.2.5.101",
      ["bos.net.tcp.client_core"] = "7.2.5.201", ["bos.net.tcp.client"] = "7.2.5.201",
      ["bos.net.tcp.server"] = "7.2.5.200", ["bos.net.nfs.client"] = "7.2.5.201",
      ["bos.sysmgt.nim.client"] = "7.2.5.201", ["bos.sysmgt.serv_aid"] = "7.2.5.200",
      ["bos.sysmgt.sysbr"] = "7.2.5.200", ["bos.perf.tools"] = "7.2.5.200", ["bos.perf.perfstat"] = "7.2.5.200",
      ["bos.alt_disk_install.rte"] = "7.2.5.101", ["devices.chrp.base.rte"] = "7.2.5.200",
      ["devices.vdevice.IBM.v-scsi.rte"] = "7.2.5.200", ["devices.vdevice.IBM.l-lan.rte"] = "7.2.5.201",
      ["openssh.base.client"] = "9.2.112.2400", ["openssh.base.server"] = "9.2.112.2400",
      ["openssl.base"] = "3.0.10.1001", ["bos.sysmgt.nim.master"] = "7.2.5.201",
      ["bos.sysmgt.nim.spot"] = "7.2.5.201",
    }, fixes = { { "IJ44425", "REMOUNT AFTER RESTORE CAN HANG", "bos.rte.filesystem:7.2.5.201", "mount hangs" } } },
  },
}
