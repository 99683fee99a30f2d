-- SPDX-License-Identifier: MIT
-- AIX 7.1 as the lab plays it. "levels": from the oldest on; each names what it brings, the rest is as before. A level
-- that is asked for by its technology level alone is the "usual" one. "programs": files of the usr part beside the common ones.

return {
  version = "7.1",
  tunables = { -- some of what the tuning commands list with -a
    ioo = { j2_inodeCacheSize = "400", j2_metadataCacheSize = "400", maxpgahead = "8" },
    no = { rfc1323 = "0", tcp_keepidle = "14400", ipforwarding = "0", tcp_pmtu_discover = "1" }, -- the last is synthetic: 7.2 has it too
    vmo = { ["minperm%"] = "3", lgpg_regions = "0" },
    schedo = { timeslice = "1" }, raso = { biostat = "0" }, nfso = { nfs_v3_server_readdirplus = "1" },
  },
  boot_blocks = 53276, -- of a real 7.1 boot image
  programs = {
    "/usr/lib/hal_hfi.o", "/usr/lib/hal_hfi64.o", "/usr/hfi/hal/lib/hal_hfi.o", "/usr/sbin/mkatmpvc",
    "/usr/sbin/atmsvcd", "/usr/lib/ncs/bin/glbd", "/usr/lib/ncs/bin/llbd", "/usr/lib/methods/cfgatm", "/usr/sbin/snappd",
    "/usr/sbin/xntpd", "/usr/sbin/sendmail", "/usr/sbin/named", "/usr/bin/nsupdate", "/usr/sbin/dnssec-keygen",
    "/usr/bin/ftp", "/usr/sbin/ftpd", "/usr/bin/telnet", "/usr/sbin/telnetd", "/usr/sbin/snmpd", "/usr/bin/traceroute",
    "/usr/sbin/rshd", "/usr/lib/libcrypto.a", "/usr/lib/libssl.a", "/usr/lib/libcrypto_compat.a", "/usr/lib/libssl_compat.a",
  },
  links = { ["/usr/lib/sendmail"] = "/usr/sbin/sendmail" },
  dates = { ["openssh.base.client"] = "2344", ["openssh.base.server"] = "2344", ["openssl.base"] = "2346" },
  requisites = {},
  levels = {
    { level = "7100-05-03-1846", time = 1541980800, usual = true, filesets = {
      ["bos.mp64"] = "7.1.5.33", ["bos.rte"] = "7.1.5.30", ["bos.rte.archive"] = "7.1.5.30",
      ["bos.rte.boot"] = "7.1.5.32", ["bos.rte.bosinst"] = "7.1.5.30", ["bos.rte.commands"] = "7.1.5.31",
      ["bos.rte.console"] = "7.1.5.0", ["bos.rte.control"] = "7.1.5.31", ["bos.rte.cron"] = "7.1.5.30",
      ["bos.rte.devices"] = "7.1.5.0", ["bos.rte.diag"] = "7.1.5.30", ["bos.rte.edit"] = "7.1.5.31",
      ["bos.rte.filesystem"] = "7.1.5.32", ["bos.rte.ILS"] = "7.1.5.30", ["bos.rte.install"] = "7.1.5.32",
      ["bos.rte.libc"] = "7.1.5.34", ["bos.rte.libcfg"] = "7.1.5.30", ["bos.rte.libpthreads"] = "7.1.5.31",
      ["bos.rte.libs"] = "7.1.5.30", ["bos.rte.lvm"] = "7.1.5.32", ["bos.rte.methods"] = "7.1.5.30",
      ["bos.rte.misc_cmds"] = "7.1.5.30", ["bos.rte.net"] = "7.1.5.30", ["bos.rte.odm"] = "7.1.5.30",
      ["bos.rte.printers"] = "7.1.5.0", ["bos.rte.security"] = "7.1.5.32", ["bos.rte.serv_aid"] = "7.1.5.31",
      ["bos.rte.shell"] = "7.1.5.31", ["bos.rte.streams"] = "7.1.5.30", ["bos.rte.tty"] = "7.1.5.30",
      ["bos.net.tcp.client"] = "7.1.5.33", ["bos.net.tcp.server"] = "7.1.5.31", ["bos.net.nfs.client"] = "7.1.5.32",
      ["bos.net.ncs"] = "7.1.0.0", ["bos.sysmgt.nim.client"] = "7.1.5.32", ["bos.sysmgt.serv_aid"] = "7.1.5.31",
      ["bos.sysmgt.sysbr"] = "7.1.5.32", ["bos.perf.tools"] = "7.1.5.31", ["bos.perf.perfstat"] = "7.1.5.31",
      ["devices.chrp.base.rte"] = "7.1.5.31", ["devices.vdevice.IBM.v-scsi.rte"] = "7.1.5.30",
      ["devices.vdevice.IBM.l-lan.rte"] = "7.1.5.30", ["devices.common.IBM.atm.rte"] = "7.1.2.0",
      ["openssh.base.client"] = "7.5.102.1500", ["openssh.base.server"] = "7.5.102.1500",
      ["openssl.base"] = "1.0.2.1801", ["rpm.rte"] = "3.0.5.52",
    }, fixes = { { "IV99999", "LSVG MAY LOOP", "bos.rte.lvm:7.1.5.32", "lsvg loops" } } },
    { level = "7100-05-06-2016", time = 1587772800, filesets = {
      ["bos.mp64"] = "7.1.5.43", ["bos.rte"] = "7.1.5.40", ["bos.rte.archive"] = "7.1.5.40",
      ["bos.rte.boot"] = "7.1.5.42", ["bos.rte.bosinst"] = "7.1.5.40", ["bos.rte.commands"] = "7.1.5.41",
      ["bos.rte.control"] = "7.1.5.41", ["bos.rte.cron"] = "7.1.5.40", ["bos.rte.diag"] = "7.1.5.40",
      ["bos.rte.edit"] = "7.1.5.41", ["bos.rte.filesystem"] = "7.1.5.42", ["bos.rte.ILS"] = "7.1.5.40",
      ["bos.rte.install"] = "7.1.5.42", ["bos.rte.libc"] = "7.1.5.44", ["bos.rte.libcfg"] = "7.1.5.40",
      ["bos.rte.libpthreads"] = "7.1.5.41", ["bos.rte.libs"] = "7.1.5.40", ["bos.rte.lvm"] = "7.1.5.42",
      ["bos.rte.methods"] = "7.1.5.40", ["bos.rte.misc_cmds"] = "7.1.5.40", ["bos.rte.net"] = "7.1.5.40",
      ["bos.rte.odm"] = "7.1.5.40", ["bos.rte.security"] = "7.1.5.42", ["bos.rte.serv_aid"] = "7.1.5.41",
      ["bos.rte.shell"] = "7.1.5.41", ["bos.rte.streams"] = "7.1.5.40", ["bos.rte.tty"] = "7.1.5.40",
      ["bos.net.tcp.client"] = "7.1.5.43", ["bos.net.tcp.server"] = "7.1.5.41", ["bos.net.nfs.client"] = "7.1.5.42",
      ["bos.sysmgt.nim.client"] = "7.1.5.42", ["bos.sysmgt.serv_aid"] = "7.1.5.41", ["bos.sysmgt.sysbr"] = "7.1.5.42",
      ["bos.perf.tools"] = "7.1.5.41", ["bos.perf.perfstat"] = "7.1.5.41", ["devices.chrp.base.rte"] = "7.1.5.41",
      ["devices.vdevice.IBM.v-scsi.rte"] = "7.1.5.40", ["devices.vdevice.IBM.l-lan.rte"] = "7.1.5.40",
    }, fixes = { { "IJ20001", "LS MAY LOOP", "bos.rte.commands:7.1.5.41", "LS MAY LOOP" } } },
    { level = "7100-05-12-2336", time = 1694131200, filesets = {
      ["bos.mp64"] = "7.1.5.51", ["bos.rte.libc"] = "7.1.5.52", ["bos.rte.security"] = "7.1.5.50",
      ["bos.rte.install"] = "7.1.5.50", ["bos.net.tcp.client"] = "7.1.5.51",
    } },
  },
}
