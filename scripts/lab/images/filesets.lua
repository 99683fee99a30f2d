-- SPDX-License-Identifier: MIT
-- The filesets of the two levels. kind: "bos" comes with the BOS image, "image" is installed by
-- installp from an image of its package, "site" is the customer's own. old and new: the level in
-- AIX 7.1 TL5 and 7.2 TL5; a fileset without one of them is not part of that release.

local list = {}

local function add(kind, name, old, new, description, more)
  local fileset = more or {}
  fileset.kind, fileset.name, fileset.old, fileset.new = kind, name, old, new
  fileset.description = description
  fileset.package = fileset.package or name:match("^[^.]+%.[^.]+")
  list[#list + 1] = fileset
end

local bos = {
  { "bos.mp64", 33, 201, "Base Operating System 64-bit Multiprocessor Runtime", { bosboot = "B", root = true } },
  { "bos.rte", 30, 200, "Base Operating System Runtime", { root = true } },
  { "bos.rte.archive", 30, 102, "Archive Commands" },
  { "bos.rte.boot", 32, 200, "Boot Commands", { bosboot = "b" } },
  { "bos.rte.bosinst", 30, 101, "Base OS Install Commands" },
  { "bos.rte.commands", 31, 200, "Commands" },
  { "bos.rte.console", 0, 100, "Console" },
  { "bos.rte.control", 31, 200, "System Control Commands" },
  { "bos.rte.cron", 30, 101, "Batch Operations", { root = true } },
  { "bos.rte.devices", 0, 100, "Base Device Drivers", { root = true } },
  { "bos.rte.diag", 30, 100, "Diagnostics" },
  { "bos.rte.edit", 31, 101, "Editors" },
  { "bos.rte.filesystem", 32, 201, "Filesystem Administration", { root = true } },
  { "bos.rte.ILS", 30, 100, "International Language Support" },
  { "bos.rte.install", 32, 201, "LPP Install Commands", { root = true } },
  { "bos.rte.libc", 34, 202, "libc Library" },
  { "bos.rte.libcfg", 30, 100, "libcfg Library" },
  { "bos.rte.libpthreads", 31, 201, "pthreads Library" },
  { "bos.rte.libs", 30, 200, "libs Library" },
  { "bos.rte.lvm", 32, 201, "Logical Volume Manager" },
  { "bos.rte.methods", 30, 200, "Device Config Methods" },
  { "bos.rte.misc_cmds", 30, 101, "Miscellaneous Commands" },
  { "bos.rte.net", 30, 200, "Network", { root = true } },
  { "bos.rte.odm", 30, 100, "Object Data Manager" },
  { "bos.rte.printers", 0, 100, "Front End Printer Support", { root = true } },
  { "bos.rte.security", 32, 201, "Base Security Function", { root = true } },
  { "bos.rte.serv_aid", 31, 200, "Error Log Service Aids", { root = true } },
  { "bos.rte.shell", 31, 201, "Shells (bsh, ksh, csh)", { root = true } },
  { "bos.rte.streams", 30, 100, "Streams Libraries" },
  { "bos.rte.tty", 30, 101, "Base TTY Support and Commands" },
}
for _, row in ipairs(bos) do
  add("bos", row[1], "7.1.5." .. row[2], "7.2.5." .. row[3], row[4], row[5])
end

add("image", "bos.net.tcp.client_core", nil, "7.2.5.201", "TCP/IP Client Core Support",
  { prereq = "*prereq bos.rte.net 7.2.5.0\n*prereq bos.rte.libc 7.2.5.0\n" })
add("image", "bos.net.tcp.client", "7.1.5.33", "7.2.5.201", "TCP/IP Client Support", { root = true,
  prereq = "*prereq bos.net.tcp.client_core 7.2.5.0\n*coreq bos.net.nfs.client 7.2.5.0\n" })
add("image", "bos.net.tcp.server", "7.1.5.31", "7.2.5.200", "TCP/IP Server",
  { prereq = "*prereq bos.net.tcp.client 7.2.5.0\n" })
add("image", "bos.net.nfs.client", "7.1.5.32", "7.2.5.201", "Network File System Client",
  { root = true, prereq = "*prereq bos.net.tcp.client 7.2.5.0\n" })
add("image", "bos.net.ncs", "7.1.0.0", nil, "Network Computing System 1.5.1")
add("image", "bos.sysmgt.nim.client", "7.1.5.32", "7.2.5.201", "Network Install Manager - Client Tools",
  { root = true, prereq = "*prereq bos.net.tcp.client 7.2.5.0\n*prereq bos.net.nfs.client 7.2.5.0\n" })
add("image", "bos.sysmgt.serv_aid", "7.1.5.31", "7.2.5.200", "Software Error Logging and Dump Service Aids",
  { prereq = "*prereq bos.rte.serv_aid 7.2.5.0\n" })
add("image", "bos.sysmgt.sysbr", "7.1.5.32", "7.2.5.200", "System Backup and BOS Install Utilities",
  { prereq = "*coreq bos.sysmgt.serv_aid 7.2.5.0\n" })
add("image", "bos.perf.tools", "7.1.5.31", "7.2.5.200", "Base Performance Tools",
  { prereq = "*prereq bos.perf.perfstat 7.2.5.0\n*ifreq bos.sysmgt.serv_aid 7.2.5.0\n" })
add("image", "bos.perf.perfstat", "7.1.5.31", "7.2.5.200", "Performance Statistics Interface",
  { prereq = ">0 {\n*prereq bos.mp64 7.2.5.0\n*prereq bos.mp 7.2.0.0\n}\n" })
add("image", "bos.alt_disk_install.rte", nil, "7.2.5.101", "Alternate Disk Installation Runtime",
  { prereq = "*prereq bos.sysmgt.sysbr 7.2.0.0\n", not_on_client = true })
add("image", "devices.chrp.base.rte", "7.1.5.31", "7.2.5.200", "RISC CHRP Base Device Runtime",
  { bosboot = "b", package = "devices.chrp.base", prereq = "*prereq bos.rte.methods 7.2.5.0\n" })
add("image", "devices.vdevice.IBM.v-scsi.rte", "7.1.5.30", "7.2.5.200", "Virtual SCSI Client Support",
  { bosboot = "b", package = "devices.vdevice.IBM.v-scsi", prereq = "*prereq devices.chrp.base.rte 7.2.5.0\n" })
add("image", "devices.vdevice.IBM.l-lan.rte", "7.1.5.30", "7.2.5.201", "Virtual I/O Ethernet Software",
  { bosboot = "b", package = "devices.vdevice.IBM.l-lan", prereq = "*prereq devices.chrp.base.rte 7.2.5.0\n" })
add("image", "devices.common.IBM.atm.rte", "7.1.2.0", nil, "Common ATM Software",
  { package = "devices.common.IBM.atm", root = true })
add("image", "openssh.base.client", "7.5.102.1500", "9.2.112.2400", "Open Secure Shell Commands",
  { date = "2344", prereq = "*prereq openssl.base 3.0.8.1000\n" })
add("image", "openssh.base.server", "7.5.102.1500", "9.2.112.2400", "Open Secure Shell Server",
  { date = "2344", root = true, prereq = "*coreq openssh.base.client 9.2.112.2400\n" })
add("image", "openssl.base", "1.0.2.1801", "3.0.10.1001", "Open Secure Socket Layer",
  { date = "2346", package = "openssl.base", prereq = "*prereq bos.rte.libc 7.1.0.0\n" })
add("master", "bos.sysmgt.nim.master", nil, "7.2.5.201", "Network Install Manager - Master Tools")
add("master", "bos.sysmgt.nim.spot", nil, "7.2.5.201", "Network Install Manager - SPOT")
add("site", "acme.tools.rte", "3.4.0.2", nil, "ACME Application Tools",
  { package = "acme.tools", root = true, date = "1712", prereq = "*prereq bos.rte.libc 6.1.0.0\n" })

return list
