-- SPDX-License-Identifier: MIT
-- What filesets take besides the files that the lab has of them, which are small: size lines as the lpp_name of such a
-- package has them, directory or keyword, blocks of 512 bytes that stay, blocks for the time of the installation.

return {
  ["bos.net.tcp.client"] = { { "/usr/sbin", 62000 }, { "/usr/lib/nls", 9000 }, { "/var/adm", 8000 }, { "INSTWORK", 880, 480 } },
  ["bos.net.tcp.client_core"] = { { "/usr/sbin", 21000 }, { "INSTWORK", 160, 80 } },
  ["bos.net.tcp.server"] = { { "/usr/sbin", 24000 }, { "INSTWORK", 200, 100 } },
  ["bos.net.nfs.client"] = { { "/usr/sbin", 17000 }, { "/usr/lib/drivers", 6000 }, { "INSTWORK", 240, 120 } },
  ["bos.sysmgt.nim.client"] = { { "/usr/lpp/bos.sysmgt/nim", 12000 }, { "INSTWORK", 200, 100 } },
  ["bos.sysmgt.serv_aid"] = { { "/usr/lib/ras", 14000 }, { "/var/adm/ras", 90000 }, { "INSTWORK", 200, 100 } },
  ["bos.sysmgt.sysbr"] = { { "/usr/bin", 9000 }, { "INSTWORK", 120, 60 } },
  ["bos.perf.tools"] = { { "/usr/bin", 26000 }, { "/var/perf", 9000 }, { "INSTWORK", 320, 160 } },
  ["bos.perf.perfstat"] = { { "/usr/lib", 7000 }, { "INSTWORK", 80, 40 } },
  ["devices.chrp.base.rte"] = { { "/usr/lib/methods", 5000 }, { "/usr/lib/boot", 3000 }, { "INSTWORK", 120, 60 } },
  ["openssl.base"] = { { "/usr/lib", 82000 }, { "/var/ssl", 26000 }, { "INSTWORK", 320, 160 } },
  ["openssh.base.client"] = { { "/usr/bin", 24000 }, { "INSTWORK", 160, 80 } },
  ["openssh.base.server"] = { { "/usr/sbin", 20000 }, { "INSTWORK", 160, 80 } },
  ["rpm.rte"] = { { "/usr/opt/rpm", 34000 }, { "/opt/freeware", 138000 }, { "INSTWORK", 480, 240 } },
}
