-- SPDX-License-Identifier: MIT
-- What each release of AIX asks of a machine, and what it takes no longer: a table for each. The checks beside this
-- file read it; a limit, the name of a fileset or a word of a file that is of one release stands here and nowhere else.
--
-- Every row says where it is from. What is known at second hand only makes a warning, never an inhibitor.

local releases = {}

local source <const> = {
  notes = "IBM's release notes of AIX 7.3, at second hand",
  role = "IBM's Ansible role nim_alt_disk_migration",
  checks = "IBM, BOS pre_migration and post_migration checks",
  migrating = "IBM, migrating AIX",
  nimadm = "IBM, preparing for an alternate disk migration",
  builds = "IBM, questions about NIM: build dates of filesets",
  power10 = "IBM Redbooks, Power10 scale-out servers",
  openssl = "IBM, README of openssl 3.0.8 for AIX",
  openssh = "IBM technote: OpenSSH 9.2 disables ssh-rsa",
  upstream = "OpenSSH release notes",
  efs = "IBM technote: ssh and Encrypted File Systems",
  sendmail = "IBM, APAR IV91473",
  encryption = "IBM, encrypted logical volumes",
  nim_fix = "IBM, README of the security fix of NIM",
  signed = "IBM, trusted installation; a report on the policies medium and high",
  multipath = "IBM, the recommended multipath driver for AIX",
  image = "a table of third parties, of an image of 7.3 TL4",
  dnf = "a report on yum under AIX 7.3",
  apars = "a public list of APARs",
  field = "boot images of 7.2: 61,441 blocks",
  transcript = "a public transcript of nimadm",
  ntp = "the reference manual of NTP version 4",
  ours = "altmig's own rule",
}
releases.source = source

--- Of IBM's requirements for nimadm, of the master and of the client alike, in MB; below the second a client does not
--- even start its migration.
releases.memory = { wanted = 4096, least = 512, source = source.nimadm }

--- The major number of rootvg.
releases.rootvg_major = { number = 10, source = source.checks }

--- Filesets of products that are IBM's and of the release itself: a kernel extension of one of these is replaced or
--- removed with it. Lua patterns.
releases.own_filesets = { "^bos%.", "^devices%.", "^mcr%.", "^security%.", "^rsct%.", "^perfagent%.", "^X11%.", "^wio%.", "^printers%.",
  "^sysmgt%.", "^sysmgtlib%.", "^cas%.", "^rpc%.", "^ifor_ls%.", "^cluster%.", "^storfwork%.", "^dsm%.", "^artex%.", "^clic%.",
  "^krb5%.", "^infocenter%.", "^invscout%.", "^ldap", "^lum%.", "^network%.", "^pkcs11" }

---@class altmig.checks.Fileset
---@field names string[]      # Lua patterns of its name
---@field level string?      # only this one
---@field id string          # of the finding
---@field severity ("inhibitor"|"warning"|"info")?   # warning if it says nothing
---@field what string
---@field remedy string      # FILESETS in it are the names that were found
---@field source string

---@class altmig.checks.Release
---@field name string
---@field processor { least: integer, source: string }        # n of POWERn, of the mode the partition runs in
---@field boot_volume { least: integer, least_source: string, wanted: integer, within: integer, source: string }   # MB; `within`
--- MB of the disk. Below `least` the migration is refused.
---@field disk { wanted: integer, source: string }?           # MB
---@field filesets altmig.checks.Fileset[]
---@field adapters table[]?, pcms table<string, table>?, ssh table?, openssl table?, ntp table?, named table?, tunables table?
---@field yum table?, mixed_source table?, ldap table?, dsm table?, kerberos table?, models table<string, table>?, apars table[]?

local AIX_MPIO <const> = "it is not supported from 7.3 on: change to AIX MPIO before the migration (manage_disk_drivers)"
local THEIR_LEVEL <const> = "its level must support the new release, or update it in phase 6 (-b)"

--- Products whose level must go with the release, whichever it is.
---@type altmig.checks.Fileset[]
releases.attention = {
  { names = { "^cluster%.es%.server%.rte$" }, id = "cluster", what = "PowerHA is installed", source = source.ours,
    remedy = "its level must support the new release; stop cluster services for the reboot" },
  { names = { "^EMCpower%." }, id = "multipath", what = "PowerPath is installed", source = source.ours, remedy = THEIR_LEVEL },
  { names = { "^DLManager" }, id = "multipath", what = "HDLM is installed", source = source.ours, remedy = THEIR_LEVEL },
  { names = { "^devices%.sddpcm%." }, id = "multipath", what = "SDDPCM is installed", source = source.multipath, remedy = AIX_MPIO },
}

--- Of a release by its number (7.2: 702) what it asks, and what was left behind in it.
---@type table<integer, altmig.checks.Release>
releases.list = {
  [702] = {
    name = "7.2",
    processor = { least = 7, source = source.migrating },
    boot_volume = { least = 32, least_source = source.field, wanted = 32, within = 4096, source = source.field },
    filesets = {},
    models = {
      ["9105-41B"] = { name = "S1014", virtual = { "7200-04-02", "7200-05-01" }, direct = { "7200-04-06", "7200-05-04" } },
      ["9105-22A"] = { name = "S1022", virtual = { "7200-04-02", "7200-05-01" }, direct = { "7200-04-06", "7200-05-04" } },
      ["9105-22B"] = { name = "S1022s", virtual = { "7200-04-02", "7200-05-01" }, direct = { "7200-04-06", "7200-05-04" } },
      ["9105-42A"] = { name = "S1024", virtual = { "7200-04-02", "7200-05-01" }, direct = { "7200-04-06", "7200-05-04" } },
    },
  },

  [703] = {
    name = "7.3",
    processor = { least = 8, source = source.role },
    -- 7.3's own image was never seen; that of 7.2 has 30 MB.
    boot_volume = { least = 32, least_source = source.field, wanted = 40, within = 4096, source = source.notes },
    disk = { wanted = 20480, source = source.notes },

    filesets = {
      { names = { "^bos%.mls%." }, id = "trusted-aix", source = source.notes,
        what = "Trusted AIX is gone, and IBM's migration refuses a system that was installed with it",
        remedy = "install the new release instead of a migration; Domain RBAC is what takes its place" },
      { names = { "^powersc%.ts" }, id = "trusted-surveyor", source = source.notes,
        what = "Trusted Surveyor is not supported, and stops IBM's migration",
        remedy = "installp -u FILESETS   (in every WPAR as well)" },
      { names = { "^rsct%.vsd", "^rsct%.lapi%.rte" }, id = "rsct-removed", source = source.notes,
        what = "RSCT 3.3 has no Virtual Shared Disk and no LAPI, and its update fails beside them",
        remedy = "nothing: phase 6 removes them from the copy first; but what uses them does not run on the migrated system" },
      { names = { "^rsct%..*%.sp$", "^rsct%..*%.hacmp$" }, id = "rsct-compat", severity = "info", source = source.notes,
        what = "RSCT 3.3 has no filesets for old clusters (.sp, .hacmp)",
        remedy = "nothing, unless a program of an old cluster needs them" },
      { names = { "^devices%.sdd%." }, id = "sdd", source = source.notes,
        what = "the multipath driver SDD is gone: its disks lose their paths", remedy = AIX_MPIO },
      { names = { "^Java8%." }, level = "8.0.0.635", id = "java8-32bit", source = source.notes,
        what = "this level of the 32-bit Java 8 cannot load its VM", remedy = "update it (8.0.0.636 or later), or go back to 8.0.0.630" },
      { names = { "^Java[67]%.", "^Java[67]_64%." }, id = "java-old", severity = "info", source = source.notes,
        what = "Java 6 and 7 are not on the media any more, and stay as they are", remedy = "move what needs them to Java 8" },
      { names = { "^bos%.cifs_fs%." }, id = "cifs", source = source.notes, what = "the CIFS client has moved to the Expansion Pack",
        remedy = "lsfs -v cifs shows what is mounted so; have the image at hand, or use the SMB client" },
      { names = { "^idsldap%.srv" }, id = "ldap-server", source = source.notes,
        what = "this LDAP server (ISDS 6.4) is out of support; from TL2 on 10.0 takes its place",
        remedy = "plan its own migration (6.4.0.25, then 10.0.0.1)" },
    },

    -- Devices by what lsdev says of them, and path control modules by the attribute PCM.
    adapters = {
      { "^iba?%d", "IB QDR", id = "infiniband", source = source.notes, what = "the InfiniBand adapters 5283 and 5285 are not supported",
        remedy = "look at its feature code; replace it, or leave it without its network" },
    },
    pcms = {
      ["PCM/friend/otherapdisk"] = { id = "ap-pcm", source = source.notes,
        what = "the AIX Active/Passive PCM is gone: the system would lose paths, or its disk",
        remedy = "change to AIX_AAPCM before the migration (manage_disk_drivers), and boot once with it" },
    },

    -- What is below this level learns of all that came with OpenSSH 9. The words of files that are gone are in
    -- altmig.merge.levels, which the merges read as well.
    ssh = { since = "9.2", source = source.openssh, keys = source.upstream },
    -- What a running program may have loaded that is gone.
    openssl = { source = source.openssl, objects = { "libcrypto_compat%.a", "libssl_compat%.a", "libcrypto%.so%.0%.9%.8",
      "libssl%.so%.0%.9%.8" } },
    ntp = { source = source.ntp },
    named = { source = source.notes, fileset = "bos.net.tcp.bind", replaced_by = "bind.rte", at = "/usr/sbin/isc_bind",
      tools = { "dnssec-coverage", "dnssec-keymgr", "dnssec-checkds" } },
    tunables = { source = source.image, memory = 4096, stanza = "ioo" },
    yum = { source = source.dnf },
    mixed_source = { fileset = "bos.net.tcp.sendmail", base = "^7%.3%.0%.", source = source.notes,
      what = "phase 6 may print that libcrypto_compat.a is not found, until the update is installed; a SPOT made of it may lack images",
      remedy = "nothing if the updates are all there; an image_data resource where images of the SPOT are said to be missing" },
    ldap = { source = source.notes, keys = { "defaulthomedirectory", "defaultloginshell" }, since = "7.3 TL3" },
    dsm = { source = source.notes },
    kerberos = { source = source.checks },

    -- The lowest levels, by technology level, with virtual and with direct I/O.
    models = {
      ["9105-41B"] = { name = "S1014", virtual = { "7300-00-01" }, direct = { "7300-00-02" } },
      ["9105-22A"] = { name = "S1022", virtual = { "7300-00-01" }, direct = { "7300-00-02" } },
      ["9105-22B"] = { name = "S1022s", virtual = { "7300-00-01" }, direct = { "7300-00-02" } },
      ["9105-42A"] = { name = "S1024", virtual = { "7300-00-01" }, direct = { "7300-00-02" } },
      ["9028-21B"] = { name = "S1012", virtual = { "7300-00-02" }, direct = { "7300-01-04", "7300-02-02" } },
    },
    -- Faults that are known of a technology level; `adapter`: only where lsdev shows such a one.
    apars = {
      { tl = 3, apar = "IJ57303", adapter = "16Gb", what = "a fault of 16 Gb Fibre Channel adapters" },
      { tl = 4, apar = "IJ57378", adapter = "16Gb", what = "a fault of 16 Gb Fibre Channel adapters" },
      { tl = 3, apar = "IJ59564", what = "a fault of bos.mp64" },
    },
  },
}

--- The APARs of the security fix of NIM.
releases.nim_apars = { "IJ55968", "IJ56230", "IJ56113", "IJ55897" }

---@param release { version: integer, release: integer }
---@return integer
function releases.number(release) return release.version * 100 + release.release end

--- "7.3" -> { version = 7, release = 3 }; nil where no table knows it.
---@param text string
---@return { version: integer, release: integer }?
function releases.named(text)
  for number, row in pairs(releases.list) do
    if row.name == text then return { version = number // 100, release = number % 100 } end
  end
end

--- The names that --to takes.
---@return string[]
function releases.names()
  local names = {}
  for _, row in pairs(releases.list) do names[#names + 1] = row.name end
  table.sort(names)
  return names
end

--- What a release asks: its own row, or that of the nearest one before it.
---@param release { version: integer, release: integer }
---@return altmig.checks.Release?
function releases.of(release)
  local wanted, best = releases.number(release), nil
  for number in pairs(releases.list) do
    if number <= wanted and (not best or number > best) then best = number end
  end
  return releases.list[best]
end

--- The releases that are entered on the way from one to another, the last included, in their order. A client of which
--- the release is not known is taken for the oldest.
---@param from { version: integer, release: integer }?
---@param to { version: integer, release: integer }
---@return altmig.checks.Release[]
function releases.entered(from, to)
  local numbers, list = {}, {}
  for number in pairs(releases.list) do
    if number <= releases.number(to) and number > (from and releases.number(from) or 0) then numbers[#numbers + 1] = number end
  end
  table.sort(numbers)
  for i, number in ipairs(numbers) do list[i] = releases.list[number] end
  return list
end

return releases
