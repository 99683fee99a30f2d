-- SPDX-License-Identifier: MIT
-- The contract: what the commands of AIX 7.1 to 7.3 accept, as far as a migration can need them. The lab refuses
-- what is not here (lab.contract.refusal), the tests hold every command line of the engine against it
-- (lab.contract.check). It follows the public manuals and public transcripts, never what the engine sends: a row
-- is changed when a document, or a real system, says otherwise, and for nothing else. tests/README.md says how.
--
-- A row:
--   say       how sure it is: "D" the IBM documentation, "T" a public transcript, "K" general knowledge of the system
--             that nobody has verified
--   flags     as for getopt: ":" after a letter that takes an argument, "::" where the argument must stick to it
--   operands  { at least, at most }; no second number: any
--   required, exclusive, one_of, one_of_sets, needs, ...   letters that belong or do not belong together: needs maps
--             a letter to what must be there as well ("a|@1": -a, or an operand); one_of_loose: more than one may be,
--             one_of_optional: none may be; operands_need: operands belong to these letters only
--   values    what an argument may be: words with "|" between them, a Lua pattern (with "^"), or "@words"
--   keys      names of an option list, by the letter of its flag
--   refuse    what GNU or busybox take and AIX does not: for the messages of the tests, refused is all that is not listed
--   status    of a wrong command line, where it is not 1; usage: the text that AIX prints for it, shortened
--   style     "test", "dd", "find": not getopt at all; "any": what it likes
--   prefix    a command follows; shell: -c has a script; inner: the operands are a command

local commands = {
  ["["] = { say = "K", style = "test", unary = "bcdefghkLnprsStuwxzOG", binary = "= != -eq -ne -gt -ge -lt -le -nt -ot -ef" },
  aclget = { say = "K", flags = "o:t:", operands = { 1, 1 } },
  aclput = { say = "K", flags = "i:Rt:v", operands = { 1, 1 }, refuse = "-m -x" },
  alt_disk_copy = { say = "D", flags = "Bb:c:Dd:e:F:f:gI:i:jl:M:nOP:R:rSs:TuVw:x:", operands = { 0, 0 }, required = "d",
    exclusive = { "Br" }, values = { M = "^%d+%.%d+$", P = "1|2|3|12|23|123|all", d = "@words" },
    refuse = "-C -W -X -q -v -p -h",
    usage = "alt_disk_copy -d targets [-i image.data] [-s script] [-b bundle] [-I installp_flags] [-l images] [-f "
      .. "fix_bundle] [-F fixes] [-e exclude] [-w filesets] [-n] [-P phases] [-c console] [-x script] [-R resolv_conf] [-D] "
      .. "[-B] [-V] [-r] [-O] [-T] [-S] [-g]",
    note = "-j and -M are not in the manual; seen in transcripts of nimadm. Disks are one argument." },
  alt_disk_install = { say = "D", flags = "Bb:Cc:Dd:e:F:f:gI:i:jKkL:l:M:nOP:p:qR:rSs:TVv:Ww:Xyz", operands = { 0 },
    refuse = "-h" },
  alt_disk_mksysb = { say = "D", flags = "BCc:Dd:gi:KkL:m:nOP:p:R:rSs:TVyz", operands = { 0, 0 }, required = "md" },
  alt_rootvg_op = { say = "D", flags = "Ab:CDd:F:f:I:l:qR:Ss:tVv:Ww:X", operands = { 0, 1 }, exclusive = { "Xd", "Sd" },
    needs = { q = { "d" }, v = { "d" }, W = { "d" }, t = { "S" } }, one_of = { "qvWSXC" }, operands_need = "X",
    refuse = "-h -M -P -B",
    usage = "alt_rootvg_op {-X [volume_group] | -W -d disk | -S [-t] | -q -d disk | -v name -d disk | -C [-R resolv_conf] "
      .. "[-s script] [-b bundle] [-I flags] [-l images] [-f bundle] [-F fixes] [-w filesets]} [-D]" },
  awk = { say = "K", flags = "F:f:juv:", operands = { 0 } },
  backup = { say = "K", flags = "0123456789b:c:E:e:f:iL:l:opqUuvwZ", operands = { 0 } },
  basename = { say = "K", flags = "", operands = { 1, 2 } },
  bootinfo = { say = "K", flags = "BbeKkmo:P:pq:rs:Ttyz", operands = { 0, 0 } },
  bootlist = { say = "D", flags = "Ff:im:orVv", operands = { 0 }, required = "m", exclusive = { "or" },
    values = { m = "normal|service|both|prevboot" },
    usage = "bootlist {-m mode} [-r] [-o] [[-i] [-V] [-F] | [[-f file] [device [attr=value ...] ...]]] [-v]" },
  bosboot = { say = "D", flags = "ab:Dd:Ik:Ll:M:O:p:qr:T:Uvw:", operands = { 0, 0 }, exclusive = { "ID" },
    needs = { v = { "d" } }, one_of = { "avrw" }, values = { M = "primary|standby|both|Norm|Serv|Both" }, refuse = "-h",
    usage = "bosboot {-a | -v} [-d device] [-p proto] [-k kernel] [-l lvdev] [-b file] [-D | -I] [-LMTq]" },
  cat = { say = "K", flags = "benqrSstuvZ", operands = { 0 }, refuse = "-A -E -T" },
  chfs = { say = "D", flags = "A:a:d:m:n:p:t:u:", operands = { 1, 1 },
    values = { A = "yes|no", a = "^[A-Za-z_][%w_-]*=[^\n]*$", p = "ro|rw", t = "yes|no" },
    usage = "chfs [-n nodename] [-m newmtpt] [-u mtgroup] [-A {yes|no}] [-p {ro|rw}] [-t {yes|no}] [-a attr=value] [-d "
      .. "attr] filesystem" },
  chgrp = { say = "K", flags = "fHhLPR", operands = { 2 } },
  chitab = { say = "K", flags = "", operands = { 1, 1 } },
  chlv = { say = "K", flags = "a:b:c:d:e:G:L:m:n:o:P:p:R:r:s:T:t:U:u:v:w:x:z:", operands = { 1 } },
  chmod = { say = "K", flags = "fHhLPR", operands = { 2 } },
  chown = { say = "K", flags = "fHhLPR", operands = { 2 } },
  chpv = { say = "K", flags = "a:Cch:i:m:Pp:S:v:", operands = { 1 }, exclusive = { "cC" },
    values = { a = "^[yn]$", v = "^[ar]$" },
    usage = "chpv [-h hotspare] [-a allocation] [-v availability] [-c] [-C] [-p mirrorpool | -P] physicalvolume ..." },
  chroot = { say = "K", flags = "", operands = { 2 }, prefix = "chroot", usage = "chroot Directory Command [Argument ...]" },
  chsignpolicy = { say = "K", flags = "ps:", operands = { 0, 0 } },
  cksum = { say = "K", flags = "", operands = { 0 }, refuse = "-a" },
  cmp = { say = "K", flags = "ls", operands = { 2, 2 }, status = 2 },
  cp = { say = "K", flags = "dE:efHhIiLPpRrU", operands = { 2 }, refuse = "-a -u -T -t -n -v" },
  cut = { say = "K", flags = "b:c:d:f:nrs", operands = { 0 } },
  date = { say = "K", flags = "a:nt:u", operands = { 0, 1 }, refuse = "-d -I -R -r" },
  dd = { say = "K", style = "dd", keys = "if of ibs obs bs cbs files skip fskip seek count conv span",
    refuse = "status iflag oflag" },
  df = { say = "K", flags = "gIikMmPsT:tv", operands = { 0 }, exclusive = { "kmg", "PI", "PM" },
    refuse = "-h -a -l -x -B -H", usage = "df [-P] | [-IMitv] [-gkm] [-s] [-T VFSType] [FileSystem ...] [File ...]" },
  dirname = { say = "K", flags = "", operands = { 1, 1 } },
  dump = { say = "K", flags = "acdgHhlnopRrsTtuvX:z:", operands = { 1 }, values = { X = "32|64|32_64|d64|any" } },
  echo = { say = "K", style = "any" },
  egrep = { say = "K", flags = "bce:f:hilnp::qsvwxy", operands = { 0 }, status = 2 },
  emgr = { say = "D", flags = "a:bCcde:f:Ii:kL:lMmn:oPpqR:rUu:v:w:X", operands = { 0, 1 }, one_of = { "leiCrcMURPd" },
    one_of_loose = true },
  env = { say = "K", flags = "i", operands = { 0 }, prefix = "env", refuse = "-u -S -0" },
  errpt = { say = "K", flags = "A:acDd:e:Fg:i:J:j:K:kLl:m:N:n:R:r:S:s:T:t:uv:y:z:", operands = { 0 } },
  exportfs = { say = "D", flags = "aFf:io:uV:v", operands = { 0, 1 }, needs = { F = { "u" }, u = { "a|@1" }, o = { "@1" } },
    abs_operands = true,
    keys = { o = "ro rw access root anon secure sec vers public exname refer replicas deleg proto noauto noexec "
      .. "nopersistent" }, refuse = "-r -s -h",
    usage = "exportfs [-a] [-v] [-u] [-i] [-f file] [-F] [-o options] [-V version] [directory]" },
  exportvg = { say = "K", flags = "", operands = { 1, 1 } },
  ["false"] = { say = "K", flags = "", operands = { 0 } },
  fgrep = { say = "K", flags = "bce:f:hilnqsvwxy", operands = { 0 }, status = 2 },
  find = { say = "K", style = "find", refuse = "-maxdepth -mindepth -print0 -printf -delete -quit -regex" },
  gencopy = { say = "K", flags = "Bb:Dd:f:LSt:UuXY", operands = { 0 } },
  geninstall = { say = "K", flags = "Dd:EFf:I:kLpR:Tt:uYZ", operands = { 0 } },
  getconf = { say = "K", flags = "av:", operands = { 0, 2 }, refuse = "-h",
    usage = "getconf [-v specification] system_var | getconf [-v specification] path_var pathname | getconf -a" },
  getlvodm = { say = "K", flags = "A:a:B:b:C:cD:d:E:eF:f:G:g:H:hj:k:Ll:M:m:p:R:r:s:t:u:v:w:y:z:", operands = { 0, 0 } },
  grep = { say = "K", flags = "bcEe:Ff:HhiLlnp::qRrsuvwxy", operands = { 0 }, refuse = "-o -P -A -B -C -m -z -Z", status = 2,
    usage = "grep [-r] [-R] [-H] [-L] [-E|-F] [-c|-l|-q] [-insvxbhwyu] [-p[parasep]] -e pattern_list ... [-f pattern_file "
      .. "...] [file ...]" },
  grpck = { say = "K", flags = "npty", operands = { 1 } },
  head = { say = "K", flags = "c:n:", operands = { 0 }, digits = true },
  host = { say = "K", flags = "46aCc:ilm:N:nR:rt:vW:wz", operands = { 1, 2 } },
  hostname = { say = "K", flags = "s", operands = { 0, 1 }, refuse = "-f -i -I -d" },
  id = { say = "K", flags = "Gglnpru", operands = { 0, 1 } },
  importvg = { say = "K", flags = "cFfLnORV:xy:", operands = { 1 } },
  installp = { say = "D", flags = "AaBbCcDd:Ee:Ff:gIiLlM:NO:pQqR:rSsTt:uV:vwXYZ:z:", operands = { 0 },
    exclusive = { "Fg", "Cd" }, apply_needs_selection = true,
    one_of_sets = { "a", "ac", "c", "r", "u", "C", "l", "L", "A", "i", "s" }, values = { O = "^[rsu]+$" },
    refuse = "-h -y -n",
    usage = "installp [-R path] {-a | -ac [-N]} [-eVdEYbSBDIpQqvXFgOtwz] {FilesetName [Level] ... | -f ListFile | all}" },
  instfix = { say = "K", flags = "acd:f:ik:pqrSTt:v", operands = { 0 } },
  inutoc = { say = "K", flags = "", operands = { 0, 1 } },
  ipl_varyon = { say = "K", flags = "cd:iv:", operands = { 0 } },
  kill = { say = "K", flags = "ls:", operands = { 0 }, signals = true },
  ksh = { say = "K", flags = "acefhikmno:r::stuvx", operands = { 0 }, shell = true, status = 2 },
  ldd = { say = "K", flags = "", operands = { 1 } },
  ln = { say = "K", flags = "fns", operands = { 1 }, exclusive = { "fn" }, refuse = "-r -T -v -t" },
  lppchk = { say = "K", flags = "cflm:O:R:uv", operands = { 0 }, one_of = { "cflv" } },
  lquerypv = { say = "K", flags = "Aacg:h:LN:nPpstuV", operands = { 0, 2 } },
  lqueryvg = { say = "K", flags = "AacDFg:LNnPp:sTtVvX", operands = { 0 } },
  ls = { say = "K", flags = "1AabCcdEeFfgHiLlmNnopqRrSstUuXx", operands = { 0 }, refuse = "-h -B -I -T -Z -w", status = 2,
    usage = "ls [-1ACFHLNRabcdefgilmnopqrstuxEUXS] [File ...]" },
  lsattr = { say = "K", flags = "a:c:DEF:f:Hl:OPRs:t:Z:", operands = { 0 }, one_of = { "EDROP" }, one_of_loose = true },
  lsdev = { say = "K", flags = "Cc:F:f:Hhl:Pp:r:S:s:t:x:", operands = { 0, 0 } },
  lsfs = { say = "K", flags = "aclqu:v:", operands = { 0 }, exclusive = { "cl" } },
  lsitab = { say = "K", flags = "a", operands = { 0, 1 } },
  lslpp = { say = "D", flags = "aBb:cdEefhIiJLlO:pqR:S::vw", operands = { 0 }, one_of = { "dEfhilLpwSe" },
    one_of_optional = true, values = { O = "^[rsu]+$" }, refuse = "-n -A",
    usage = "lslpp {-d|-E|-f|-h|-i|-l|-L|-p} [-a] [-c] [-J] [-q] [-I] [-O {r|s|u}] [FilesetName ... | all]" },
  lslv = { say = "D", flags = "Llmn:p:", operands = { 0, 1 }, exclusive = { "lm" }, flag_needs_operand = "lm",
    min_operands_unless = { p = 1 },
    usage = "lslv [-L] [-l | -m] [-n physicalvolume] logicalvolume | lslv [-L] [-n physicalvolume] -p physicalvolume "
      .. "[logicalvolume]" },
  lsnim = { say = "K", flags = "a:c:GgLlOPpq:s:t:Z", operands = { 0 }, exclusive = { "cts" } },
  lsps = { say = "K", flags = "aclst:", operands = { 0 } },
  lspv = { say = "D", flags = "LlMn:Ppuv:", operands = { 0, 1 }, exclusive = { "lpM" }, flag_needs_operand = "lpMnv",
    refuse = "-a -h -s",
    usage = "lspv [-L] [-P] [-l | -p | -M] [-n descriptorphysicalvolume] [-v volumegroupid] physicalvolume" },
  lssrc = { say = "K", flags = "adg:h:ln:o:P:p:Ss:t:", operands = { 0, 0 }, one_of = { "agspt" },
    usage = "lssrc [-h host] {-a | -g group | -s subsystem | -l -s subsystem | -p pid | -t type ...} [-S [-d]]" },
  lsuser = { say = "K", flags = "acfR:", operands = { 1 } },
  lsvg = { say = "D", flags = "iLlMmn:oPp", operands = { 0 }, exclusive = { "lMp", "ol", "op", "oM" },
    flag_needs_operand_unless = { M = "i", l = "i", p = "i" }, refuse = "-a -v -s",
    usage = "lsvg [-o] [-L] | [-n physicalvolume] | [-i] [-l | -M | -p] [-m] volumegroup ..." },
  lswpar = { say = "K", flags = "A:a:BbcDdILMNqRSs:Tt:Xx", operands = { 0 } },
  lvlstmajor = { say = "K", flags = "", operands = { 0, 0 } },
  migratepv = { say = "K", flags = "il:", operands = { 2 } },
  mkboot = { say = "D", flags = "bcDd:e:f:hIik:Ll:p:rsw", operands = { 0, 0 }, required = "d", exclusive = { "ke" },
    mkboot = true,
    usage = "mkboot -d Device [-b] [-D] [-c] [-h] [-i] [-I] [-l LVdev] {-k Kernel | -e Expander} [-L] [-s] [-r] [-p "
      .. "Offset] [-w] -f FileSystem",
    note = "-b takes no argument; an image needs -k or -e and -f and goes to standard output; -c alone zeroes the boot "
      .. "record." },
  mkdir = { say = "K", flags = "em:p", operands = { 1 }, refuse = "-v" },
  mkitab = { say = "K", flags = "i:", operands = { 1, 1 } },
  mklv = { say = "K", flags = "a:b:C:c:d:e:G:iL:m:O:o:P:p:R:r:S:s:T:t:U:u:v:w:x:Y:y:", operands = { 2 } },
  mknfs = { say = "K", flags = "BIN", operands = { 0, 0 }, exclusive = { "NIB" } },
  mknfsexp = { say = "K", flags = "a:Bc:D:d:e:f:G:g:h:INnPpr:S:st:V:v:Xx", operands = { 0, 0 }, required = "d",
    exclusive = { "NIB", "sn" } },
  mksysb = { say = "K", flags = "Aab:CDeF:GiMmNPpTt:VvXx:Z", operands = { 1, 1 } },
  mkszfile = { say = "D", flags = "d:GmNXx:", operands = { 0, 0 } },
  mount = { say = "D", flags = "aF:fn:o:prt:V:v:", operands = { 0, 2 }, needs = { v = { "@1" }, o = { "@1" } },
    values = { v = "jfs|jfs2|nfs|nfs3|nfs4|namefs|cdrfs|udfs|procfs|cachefs|autofs|sfs|smbfs|stnfs|ahafs|pmemfs" },
    keys = { o = "ro rw bg fg hard soft intr nointr nodev nosuid vers proto timeo retrans rsize wsize port sec acregmin "
      .. "acregmax acdirmin acdirmax actimeo noac llock cio dio cior biods grpid posix retry release norelease rbr rbw rbrw "
      .. "log maxpout minpout noguard remount shortdev nfsvers proxy noauto secure removable atime noatime nocto "
      .. "nonambuffs" }, refuse = "-l -b -B -i",
    usage = "mount [-f] [-n node] [-o options] [-p] [-r] [-v vfs] [-F file] [-t type | [device | node:directory] "
      .. "directory | all | -a]" },
  mv = { say = "K", flags = "dE:efIi", operands = { 2 }, refuse = "-v -T -t -n" },
  nfso = { say = "K", flags = "aDd:Fh:L::o:prx", operands = { 0 } },
  nim = { say = "K", flags = "a:Fo:t:", operands = { 0 }, required = "o" },
  nimadm = { say = "D", flags = "Aa:Bb:Cc:Dd:Ee:Fi:j:l:Mm:N:O:o:P:rSs:T:UVWYz:", operands = { 0, 0 },
    exclusive = { "Br", "CWS" } },
  nohup = { say = "K", flags = "p:", operands = { 0 }, prefix = "nohup" },
  odmadd = { say = "K", flags = "", operands = { 1, 1 } },
  odmchange = { say = "K", flags = "o:q:", operands = { 1, 1 }, required = "o",
    usage = "odmchange -o classname [-q criteria] [filename]" },
  odmdelete = { say = "K", flags = "o:q:", operands = { 0, 0 }, required = "o",
    usage = "odmdelete -o classname [-q criteria]" },
  odmget = { say = "K", flags = "q:", operands = { 1 }, refuse = "-h -o", usage = "odmget [-q criteria] classname ..." },
  odmshow = { say = "K", flags = "", operands = { 1 } },
  oslevel = { say = "D", flags = "fg:l:qrsw", operands = { 0, 0 }, exclusive = { "lgq" },
    usage = "oslevel [-l level | -g level | -q] [-r | -s] [-f]" },
  printf = { say = "K", style = "any" },
  prtconf = { say = "K", flags = "ckLmsv", operands = { 0, 0 } },
  ps = { say = "K", flags = "@AadeF:fG:g:kL:lMmNn:o:Pp:Tt:U:u:XZ", operands = { 0 }, words = true, refuse = "-C -q" },
  pwd = { say = "K", flags = "LP", operands = { 0, 0 } },
  pwdck = { say = "K", flags = "lnpty", operands = { 1 } },
  refresh = { say = "K", flags = "g:h:p:s:", operands = { 0, 0 } },
  restore = { say = "D", flags = "aBb:dE:ef:hI:iL:lMmnOP:QqRrs:TtvX:xy", operands = { 0 }, one_of = { "xtTrRiXP" },
    values = { E = "force|ignore|warn" }, refuse = "-C -z -c",
    usage = "restore {-x | -T | -t | -r | -R | -i | -X number | -P string} [-d] [-e] [-M] [-n] [-O] [-Q] [-q] [-v] [-b "
      .. "number] [-L label] [-f device] [-s number] [-E {force|ignore|warn}] [file ...]" },
  rm = { say = "K", flags = "efiRr", operands = { 1 }, refuse = "-v -d" },
  rmdir = { say = "K", flags = "p", operands = { 1 }, refuse = "-v" },
  rmitab = { say = "K", flags = "", operands = { 1, 1 } },
  rmlv = { say = "K", flags = "Bfp:", operands = { 1 } },
  rmnfsexp = { say = "K", flags = "Bd:Ff:INV:", operands = { 0, 0 }, required = "d", exclusive = { "NIB" } },
  rmvg = { say = "K", flags = "", operands = { 1, 1 } },
  rpcinfo = { say = "K", flags = "abdlmn:psT:tuv", operands = { 0 } },
  savebase = { say = "D", flags = "d:mo:v", operands = { 0, 0 }, usage = "savebase [-o path] [-d file] [-v]" },
  sed = { say = "K", flags = "ae:f:nu", operands = { 0 }, refuse = "-i -r -E -s -z", status = 2,
    usage = "sed [-n] [-a] [-u] Script [File ...] | sed [-n] [-a] [-u] [-e Script] ... [-f Script_file] ... [File ...]" },
  sh = { say = "K", flags = "acefhikmno:r::stuvx", operands = { 0 }, shell = true, status = 2 },
  showmount = { say = "K", flags = "ade", operands = { 0, 1 } },
  shutdown = { say = "K", flags = "cdFhiklmprt:uv", operands = { 0 }, refuse = "-P -H" },
  sleep = { say = "K", flags = "", operands = { 1, 1 }, operand_is = "^%d+$", usage = "sleep Seconds" },
  sort = { say = "K", flags = "Abcdfik:Mmno:rT:t:uy:z:", operands = { 0 }, status = 2 },
  startsrc = { say = "K", flags = "a:e:g:h:o:p:s:t:", operands = { 0, 0 }, one_of = { "sgt" },
    usage = "startsrc [-a arg] [-e env] [-h host] {-s subsystem | -g group | -t type}" },
  stopsrc = { say = "K", flags = "acfg:h:o:P:p:s:t:", operands = { 0, 0 }, one_of = { "agspt" }, one_of_loose = true },
  sum = { say = "K", flags = "ior", operands = { 0 }, refuse = "-s" },
  sysdumpdev = { say = "K", flags = "C:cdef:iKLlP:p:rS:s:t:v:z:", operands = { 0 } },
  tail = { say = "K", flags = "b:c:fk:m:n:r", operands = { 0 }, digits = true, refuse = "-F -q -s" },
  tee = { say = "K", flags = "ai", operands = { 0 } },
  test = { say = "K", style = "test", unary = "bcdefghkLnprsStuwxzOG", binary = "= != -eq -ne -gt -ge -lt -le -nt -ot -ef" },
  touch = { say = "K", flags = "acfmr:t:", operands = { 1 } },
  tr = { say = "K", flags = "ACcds", operands = { 1, 2 } },
  ["true"] = { say = "K", flags = "", operands = { 0 } },
  trustchk = { say = "K", flags = "a:d:g:il:n:pq:RrSs:t:u:v:y:", operands = { 0 } },
  umask = { say = "K", flags = "S", operands = { 0, 1 } },
  umount = { say = "D", flags = "afn:t:", operands = { 0, 1 }, refuse = "-l -r -v -i",
    usage = "umount [-f] [-a] | [all | allr | device | directory | file | filesystem | -n node | -t type]" },
  uname = { say = "K", flags = "aFfLlMmnprS:sTuvWXx", operands = { 0, 0 }, refuse = "-o -i" },
  uniq = { say = "K", flags = "cdfn:s:u", operands = { 0 } },
  unmount = { say = "D", flags = "afn:t:", operands = { 0, 1 }, refuse = "-l -r -v -i" },
  usrck = { say = "K", flags = "blnpty", operands = { 1 } },
  varyoffvg = { say = "K", flags = "s", operands = { 1, 1 } },
  varyonvg = { say = "K", flags = "abcdFfM:nOprstu", operands = { 1, 1 } },
  wc = { say = "K", flags = "cklmw", operands = { 0 }, refuse = "-L" },
  who = { say = "K", flags = "AabdHilmpqrsTtuwX", operands = { 0, 2 } },
  xargs = { say = "K", flags = "E:e::I:i::L:l::n:ps:tx", operands = { 0 }, inner = true, refuse = "-0 -r -P -d -a",
    usage = "xargs [-ptx] [-E string] [-I string | -L number | -n number] [-s size] [command [argument ...]]" },
}

-- Commands that the reference of the contract has no row for; general knowledge, like the rows with "K".
for name, row in pairs {
  cfgmgr = { flags = "fi:l:p:sv", operands = { 0, 0 } },
  diff = { flags = "bcC:D:efhilnrS:stU:uw", operands = { 2, 2 }, refuse = "-q -N -y -a", status = 2 },
  du = { flags = "agHkLlmrsx", operands = { 0 }, refuse = "-h -c -d" },
  mirrorvg = { flags = "c:mp:QSs", operands = { 1 } },
  mkfifo = { flags = "m:", operands = { 1 } },
  mknod = { flags = "", operands = { 2, 4 } },
  multibos = { flags = "ab:Be:f:i:L:l:MmnNpRSstuXx", operands = { 0, 0 } },
  nice = { flags = "n:", operands = { 0 }, digits = true, prefix = "nohup" },
  niminit = { flags = "a:v", operands = { 0, 0 } },
  od = { flags = "A:aBbCcDdeFfHhIij:LlN:OoPpSst:vw::Xx", operands = { 0 } },
  printenv = { flags = "", operands = { 0, 1 } },
  sync = { flags = "", operands = { 0, 0 } },
  tar = { flags = "b:BC:cDdEFf:hiL:lmN:opRrS:stTUuvwXxZ", operands = { 0 }, words = true, refuse = "-z -j -J -a" },
} do
  row.say, row.added = "K", true
  commands[name] = row
end

-- Commands by which a client is looked at before it goes to 7.3, each with the page of IBM's documentation it is from.
for name, row in pairs {
  blvset = { flags = "d:g:p:", operands = { 0, 1 }, values = { g = "level|menu" }, say = "T" }, -- migrating a multibos instance of AIX
  genkex = { flags = "dh", operands = { 0, 0 }, say = "D" },                                    -- genkex command
  genld = { flags = "a:dhlu", operands = { 0, 0 }, needs = { d = { "l" } }, say = "D" },        -- genld command
  hdcryptmgr = { style = "any", say = "D" },             -- hdcryptmgr command: an action, then flags and a device
  lscluster = { flags = "cdgimns", operands = { 0 }, one_of = { "cdgims" }, say = "D" },        -- lscluster command
} do
  row.added = true
  commands[name] = row
end

-- The tuning commands share their syntax (IBM, Performance Tools: Common syntax for tuning commands; -K of 7.3).
for name in ("ioo no raso schedo vmo"):gmatch("%S+") do
  commands[name] = { say = "D", flags = "aDd:Fh::KL::o:prx::", operands = { 0, 0 }, exclusive = { "pr" }, added = true }
end

-- Programs of other systems that AIX does not have: a script that names one works on a host with a toolbox at best.
local absent = {}
for name in ([[
base64 bash fallocate free getent gmake gsed gtar mktemp nproc numfmt pgrep pkill pidof readlink realpath seq setsid
sha1sum sha256sum md5sum shuf ss stat systemctl tac timeout truncate watch
]]):gmatch("%S+") do absent[name] = true end

return { commands = commands, absent = absent }
