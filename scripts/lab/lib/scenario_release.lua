-- SPDX-License-Identifier: MIT
-- altmig lab scenario NAME: what a client, or its master, has that stands in the way of a newer release. Each makes the
-- trouble that the finding of its name tells of, on the lab as it is. They can be made one after the other.

local config = require "lab.config"
local lpar = require "lab.lpar"

local CLIENT <const> = "adachi-AIX7"
local MASTER <const> = "adachi-nim"

return function(scenario)
  local function define(name, summary, fn)
    scenario.define(name, summary, function(...)
      fn(...)
      return summary
    end)
  end

  local function on_client(name, summary, command)
    define(name, summary, function() scenario.sh(CLIENT, command) end)
  end

  -- What the machine is: lines of lab.machine.
  local function is(name, summary, lines)
    on_client(name, summary, ("printf '%%s\\n' %s >> /usr/lpp/lab/machine"):format(lines))
  end

  -- Filesets that are installed and hold nothing, as "NAME LEVEL".
  local function record(...)
    local lines = {}
    for i, text in ipairs { ... } do lines[i] = ("%q"):format(text) end
    scenario.inside(CLIENT, ([[
      local swvpd = require "lab.swvpd"
      local db = swvpd.open()
      for _, text in ipairs { %s } do
        local name, level = text:match("^(%%S+) (%%S+)$")
        assert(db:record("usr", { name = name, level = level, package = name, description = name, date = "1846" }, {}))
      end
      assert(db:commit())]]):format(table.concat(lines, ", ")))
  end

  local function has(name, summary, ...)
    local filesets = { ... }
    define(name, summary, function() record(table.unpack(filesets)) end)
  end

  -- A row of an object class of the client.
  local function row(class, fields)
    scenario.inside(CLIENT, ([[
      local store = require("lab.odm").open("/etc/objrepos")
      assert(store:add(%q, %s))
      assert(store:commit())]]):format(class, fields))
  end

  local function attribute(device, name, value)
    row("CuAt", ("{ name = %q, attribute = %q, value = %q, type = 'R', generic = 'DU', rep = 's', nls_index = 0 }"):format(device, name,
      value))
  end

  -- A daemon that the controller knows and that runs.
  local function daemon(name)
    row("SRCsubsys", ("{ subsysname = %q, path = '/usr/sbin/%s', standin = '/dev/console', standout = '/dev/console', "
      .. "standerr = '/dev/console', action = 2, contact = 3, signorm = 15, sigforce = 9, display = 1, waittime = 20, priority = 20, "
      .. "grpname = 'tcpip' }"):format(name, name))
    scenario.sh(CLIENT, "startsrc -s " .. name)
  end

  is("processor", "the client runs in POWER7 mode on a POWER9", "processor=9 mode=7")
  is("memory", "the client has 2048 MB of memory", "memory=2048")
  is("model-level", "the client is on a Power S1024", "model=IBM,9105-42A")
  is("boot-level", "the boot area of the client's disk names no level", "boot_level=0.0")
  is("caa-cluster", "the client is a node of a cluster", "cluster=labcluster")
  is("kernel-extension", "a kernel extension of the site is loaded on the client", "kext=/opt/acme/bin/acmek")
  is("openssl-objects", "a daemon of the client has an old library of OpenSSL loaded",
    "'loaded=acmed:/usr/lib/libcrypto_compat.a[libcrypto.so]'")
  define("encrypted-lv", "a logical volume of the client's rootvg is encrypted", function()
    record "bos.hdcrypt 7.2.5.0"
    scenario.sh(CLIENT, "echo encrypted=hd10opt >> /usr/lpp/lab/machine")
  end)
  define("infiniband", "the client has an InfiniBand adapter", function()
    row("CuDv", "{ name = 'iba0', status = 1, chgstatus = 2, ddins = '', location = 'U78CB.001.WZS0001-P1-C3-T1', parent = '', "
      .. "connwhere = '', PdDvLn = 'adapter/pciex/b3154a63' }")
  end)

  -- Where hd5 is and what it has; `change` is Lua text about vgda and hd5. They can be made in any order.
  local function boot_volume(name, summary, change)
    define(name, summary, function()
      scenario.inside(CLIENT, [[
        local disk, lvm = require "lab.disk", require "lab.lvm"
        local vgda = assert(lvm.snapshot():group "rootvg").vgda
        local hd5 = assert(disk.lv_find(vgda, "hd5"))
        ]] .. change .. [[

        assert(disk.vgda_write(vgda))
        local store = require("lab.odm").open("/etc/objrepos")
        for _, lv in ipairs(vgda.lvs) do
          assert(store:change("CuAt", "name = " .. lv.name .. " AND attribute = size", { value = tostring(lv.lps) }))
        end
        assert(store:commit())]])
    end)
  end

  boot_volume("hd5-size", "the client's hd5 has 32 MB, in partitions of 16 MB", [[
    disk.vg_repartition(vgda, 16)
    local count = 32 // vgda.pp_mb
    -- Of its partitions the middle ones: those beside each other still are, and those apart too.
    hd5.pps = hd5.pps and table.move(hd5.pps, (hd5.lps - count) // 2 + 1, (hd5.lps + count) // 2, 1, {})
    hd5.lps = count]])
  boot_volume("hd5-pieces", "the client's hd5 is in two pieces", [[
    if hd5.lps < 2 then disk.vg_repartition(vgda, vgda.pp_mb // 2) end
    hd5.pps = disk.lv_partitions(vgda, hd5)
    for i = hd5.lps // 2 + 1, hd5.lps do hd5.pps[i] = hd5.pps[i] + 1 end]])
  boot_volume("hd5-place", "the client's hd5 is beyond the first 4 GB of its disk", [[
    hd5.pps = disk.lv_partitions(vgda, hd5)
    for i = 1, hd5.lps do hd5.pps[i] = hd5.pps[i] + 4096 // vgda.pp_mb end]])
  define("rootvg-major", "rootvg of the client has another major number than 10", function()
    scenario.inside(CLIENT, [[
      local store = require("lab.odm").open("/etc/objrepos")
      local major = tostring(math.tointeger(require("lab.lvm").free_major(store)))
      assert(store:change("CuDvDr", "resource = devno AND value1 = '10'", { value1 = major }))
      assert(store:commit())]])
  end)
  define("known-apar", "the client has a 16 Gb Fibre Channel adapter, of which faults are known at some levels of 7.3", function()
    row("CuDv", "{ name = 'fcs0', status = 1, chgstatus = 2, ddins = '', location = 'U78CB.001.WZS0001-P1-C4-T1', parent = '', "
      .. "connwhere = '', PdDvLn = 'adapter/pciex/df1000e21410f103' }")
  end)
  define("ap-pcm", "the disk of the client's rootvg is driven by the Active/Passive PCM", function()
    attribute("hdisk0", "PCM", "PCM/friend/otherapdisk")
  end)
  define("signature-policy", "the client takes signed images only", function() attribute("sys0", "signpolicy", "high") end)

  has("trusted-aix", "the client has Trusted AIX", "bos.mls.rte 7.1.5.0", "bos.mls.lib 7.1.5.0")
  has("trusted-surveyor", "the client has Trusted Surveyor", "powersc.ts.client 1.1.0.0")
  has("rsct-removed", "the client has filesets of RSCT that are gone", "rsct.lapi.rte 3.1.5.0", "rsct.vsd.vsdd 4.1.0.28")
  has("rsct-compat", "the client has filesets of RSCT for old clusters", "rsct.basic.sp 3.2.5.0")
  has("sdd", "the client has SDD", "devices.sdd.71.rte 1.7.2.8")
  has("multipath", "the client has SDDPCM", "devices.sddpcm.71.rte 2.6.6.0")
  has("cluster", "the client has PowerHA", "cluster.es.server.rte 7.2.0.0")
  has("java8-32bit", "the client has a 32-bit Java 8 that does not load", "Java8.jre 8.0.0.635")
  has("java-old", "the client has Java 7", "Java7_64.jre 7.0.0.700")
  has("cifs", "the client has the CIFS client", "bos.cifs_fs.rte 7.1.5.0")
  has("ldap-server", "the client has an LDAP server", "idsldap.srv64bit64.rte 6.4.0.15")
  has("ipsec-db", "the client has the key manager of IPsec without its directory", "bos.net.ipsec.keymgt 7.1.5.0")
  define("kerberos", "the client uses Kerberos", function()
    record "krb5.client.rte 1.16.1.2"
    scenario.sh(CLIENT, "mkdir -p /etc/krb5 && echo '[libdefaults]' > /etc/krb5/krb5.conf")
  end)
  define("named", "named runs on the client", function()
    record "bos.net.tcp.bind 7.1.5.0"
    daemon "named"
  end)
  define("ldap-keys", "the client's users come from LDAP", function() daemon "secldapclntd" end)
  define("dsm-properties", "the client has settings of the Distributed Systems Manager", function()
    record "dsm.core 7.1.5.0"
    scenario.sh(CLIENT, "mkdir -p /etc/ibm/sysmgt/dsm/overrides && echo timeout=10 > /etc/ibm/sysmgt/dsm/overrides/dsm.properties")
  end)
  define("yum", "the client has yum and no dnf", function()
    scenario.inside(CLIENT, "require('lab.rpm').record { name = 'yum', level = '3.4.3-8', time = 1600424172, summary = 'yum' }")
  end)

  on_client("efs", "Encrypted File Systems are enabled on the client", "mkdir -p /var/efs/efs_admin")
  on_client("ssh-config", "the client's sshd_config names a cipher that is gone",
    "echo 'Ciphers aes256-ctr,arcfour' >> /etc/ssh/sshd_config")
  on_client("ssh-host-key", "the client's only host key is a DSA key",
    "cd /etc/ssh && rm -f ssh_host_*_key ssh_host_*_key.pub && echo key > ssh_host_dsa_key")
  on_client("ssh-user-key", "root of the client has a DSA key among its authorized keys",
    "mkdir -p /.ssh && echo 'ssh-dss AAAAB3 old@example' >> /.ssh/authorized_keys")
  on_client("openssl-cnf", "the client's openssl.cnf asks for an engine",
    "mkdir -p /var/ssl && echo 'engine_id = pkcs11' >> /var/ssl/openssl.cnf")
  on_client("ntp-conf", "the client's ntp.conf has a word of NTP version 3", "echo 'authenticate yes' >> /etc/ntp.conf; startsrc -s xntpd")
  on_client("sendmail-link", "/usr/lib/sendmail of the client is a link of the site",
    "rm -f /usr/lib/sendmail; ln -s /opt/acme/bin/acmemail /usr/lib/sendmail")
  on_client("bos-inst", "/bos_inst is left of a standby BOS of the client", "mkdir -p /bos_inst")

  -- Levels: what only a check with lpp_source and SPOT sees.

  -- A row of the class of fixes of a system, or of a SPOT.
  local function fix(host, directory, name, filesets)
    scenario.sh(host, ([[export ODMDIR=%s
      printf '\nfix:\n\tname = "%s"\n\tabstract = "x"\n\ttype = "p"\n\tfilesets = "%s\\n\\\n"\n\tsymptom = ""\n' > /tmp/fix.add
      odmadd /tmp/fix.add; s=$?; rm -f /tmp/fix.add; exit $s]]):format(directory, name, filesets))
  end
  local function level_of_bos(host) return scenario.sh(host, "lslpp -Lqc bos.rte"):match("^[^:]*:[^:]*:([%d.]+):") end

  define("build-date", "the client was built after the SPOT", function()
    local release = scenario.sh(CLIENT, "oslevel -s"):match("^(%d%d)00")
    fix(CLIENT, "/usr/lib/objrepos", release .. "-09-019952_SP", "bos.rte:" .. level_of_bos(CLIENT))
  end)
  define("simages", "NIM says that the lpp_source lacks images", function()
    scenario.sh(MASTER, [[odmget -q "attribute=simages" nim_attr | sed 's/"yes"/"no"/' > /tmp/simages &&
      odmdelete -q attribute=simages -o nim_attr && odmadd /tmp/simages; s=$?; rm -f /tmp/simages; exit $s]])
  end)
  define("nim-security", "the master has the security fix of NIM, and the client has not", function()
    fix(MASTER, "/usr/lib/objrepos", "IJ55968", "bos.rte:" .. level_of_bos(MASTER))
  end)
  define("master-older", "the NIM master is a technology level behind the SPOT", function()
    local release = scenario.sh(MASTER, "oslevel -s"):match("^(%d%d)00")
    scenario.sh(MASTER, [[export ODMDIR=/usr/lib/objrepos
      for name in `odmget -q type=p fix | sed -n 's/^.*name = "\([-0-9]*_SP\)".*$/\1/p'`
      do odmdelete -q name=$name -o fix || exit 1; done]])
    fix(MASTER, "/usr/lib/objrepos", release .. "-00-012001_SP", "bos.rte:" .. level_of_bos(MASTER))
  end)
  define("spot-source", "the SPOT is at a higher level than the lpp_source", function()
    local spot = config.resources_of(lpar.dir()).spot
    scenario.sh(MASTER, ([[export ODMDIR=%s/lib/objrepos
      odmget -q name=bos.rte.libc lpp | sed 's/fix = [0-9]*/fix = 999/' > /tmp/spot && odmdelete -q name=bos.rte.libc -o lpp &&
      odmadd /tmp/spot; s=$?; rm -f /tmp/spot; exit $s]]):format(spot.location))
  end)
  define("newer-on-client", "the client's OpenSSL is newer than that of the lpp_source", function() record "openssl.base 3.0.99.1000" end)
end
