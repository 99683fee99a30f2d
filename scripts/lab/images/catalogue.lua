-- SPDX-License-Identifier: MIT
-- The filesets that the releases of the lab have, as far as they are the same in all of them. kind: "bos" comes with the
-- BOS image, "image" is installed by installp from an image of its package, "master" is on the NIM master alone, "site"
-- is the customer's own. Which of them a release has, at which level and with which requisites, is in its release.lua.
-- The order is that of the software database.

local list = {}

local function add(kind, name, description, more)
  local fileset = more or {}
  fileset.kind, fileset.name, fileset.description = kind, name, description
  fileset.package = fileset.package or name:match("^[^.]+%.[^.]+")
  list[#list + 1] = fileset
end

add("bos", "bos.mp64", "Base Operating System 64-bit Multiprocessor Runtime", { bosboot = "B", root = true })
add("bos", "bos.rte", "Base Operating System Runtime", { root = true })
add("bos", "bos.rte.archive", "Archive Commands")
add("bos", "bos.rte.boot", "Boot Commands", { bosboot = "b" })
add("bos", "bos.rte.bosinst", "Base OS Install Commands")
add("bos", "bos.rte.commands", "Commands")
add("bos", "bos.rte.console", "Console")
add("bos", "bos.rte.control", "System Control Commands")
add("bos", "bos.rte.cron", "Batch Operations", { root = true })
add("bos", "bos.rte.devices", "Base Device Drivers", { root = true })
add("bos", "bos.rte.diag", "Diagnostics")
add("bos", "bos.rte.edit", "Editors")
add("bos", "bos.rte.filesystem", "Filesystem Administration", { root = true })
add("bos", "bos.rte.ILS", "International Language Support")
add("bos", "bos.rte.install", "LPP Install Commands", { root = true })
add("bos", "bos.rte.libc", "libc Library")
add("bos", "bos.rte.libcfg", "libcfg Library")
add("bos", "bos.rte.libpthreads", "pthreads Library")
add("bos", "bos.rte.libs", "libs Library")
add("bos", "bos.rte.lvm", "Logical Volume Manager")
add("bos", "bos.rte.methods", "Device Config Methods")
add("bos", "bos.rte.misc_cmds", "Miscellaneous Commands")
add("bos", "bos.rte.net", "Network", { root = true })
add("bos", "bos.rte.odm", "Object Data Manager")
add("bos", "bos.rte.printers", "Front End Printer Support", { root = true })
add("bos", "bos.rte.security", "Base Security Function", { root = true })
add("bos", "bos.rte.serv_aid", "Error Log Service Aids", { root = true })
add("bos", "bos.rte.shell", "Shells (bsh, ksh, csh)", { root = true })
add("bos", "bos.rte.streams", "Streams Libraries")
add("bos", "bos.rte.tty", "Base TTY Support and Commands")
add("image", "bos.net.tcp.client_core", "TCP/IP Client Core Support")
add("image", "bos.net.tcp.client", "TCP/IP Client Support", { root = true })
add("image", "bos.net.tcp.server", "TCP/IP Server")
add("image", "bos.net.nfs.client", "Network File System Client", { root = true })
add("image", "bos.net.ncs", "Network Computing System 1.5.1")
add("image", "bos.sysmgt.nim.client", "Network Install Manager - Client Tools", { root = true })
add("image", "bos.sysmgt.serv_aid", "Software Error Logging and Dump Service Aids")
add("image", "bos.sysmgt.sysbr", "System Backup and BOS Install Utilities")
add("image", "bos.perf.tools", "Base Performance Tools")
add("image", "bos.perf.perfstat", "Performance Statistics Interface")
add("image", "bos.alt_disk_install.rte", "Alternate Disk Installation Runtime", { not_on_client = true })
add("image", "devices.chrp.base.rte", "RISC CHRP Base Device Runtime", { package = "devices.chrp.base", bosboot = "b" })
add("image", "devices.vdevice.IBM.v-scsi.rte", "Virtual SCSI Client Support", { package = "devices.vdevice.IBM.v-scsi", bosboot = "b" })
add("image", "devices.vdevice.IBM.l-lan.rte", "Virtual I/O Ethernet Software", { package = "devices.vdevice.IBM.l-lan", bosboot = "b" })
add("image", "devices.common.IBM.atm.rte", "Common ATM Software", { package = "devices.common.IBM.atm", root = true })
add("image", "openssh.base.client", "Open Secure Shell Commands")
add("image", "openssh.base.server", "Open Secure Shell Server", { root = true })
add("image", "openssl.base", "Open Secure Socket Layer")
add("master", "bos.sysmgt.nim.master", "Network Install Manager - Master Tools")
add("master", "bos.sysmgt.nim.spot", "Network Install Manager - SPOT")
add("site", "acme.tools.rte", "ACME Application Tools", { root = true,
  level = "3.4.0.2", date = "1712", requisites = "*prereq bos.rte.libc 6.1.0.0\n" })

return list
