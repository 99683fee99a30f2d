-- SPDX-License-Identifier: MIT
-- What commands do while scripts of filesets run in the copy: scripts of a system that is being changed from outside,
-- under the kernel of another host. A chroot keeps their files apart, and nothing else: a subsystem that they stop, a
-- process that they end, a device that they configure, an error that they log is that of the executor.
--
-- So one program stands for these commands. It changes what the command would change in files of the copy (object
-- classes, /etc/inittab), says of what is not there that it is done, and refuses what reaches past the copy. It is
-- plain sh, for the ksh88 of the copy, and uses programs that only know files: awk, cp, mv, odmget, odmadd, odmchange,
-- odmdelete. What it does is a line each of a file that the engine reads: a word, the command, its arguments.
--
-- altmig.run.isolation lays it over the commands and takes it away again.

local isolated = {}

--- Where in the copy the program writes what it did, and keeps stanzas for odmadd; the directory is altmig's.
isolated.work = "/tmp/.altmig"
isolated.log = isolated.work .. "/commands"

--- Directories of AIX that have commands.
isolated.directories = { "/usr/bin", "/usr/sbin", "/sbin", "/etc", "/usr/ucb" }

---@class altmig.isolated.Group
---@field [1] string        # names
---@field refused string?   # why they are refused
---@field idle string?      # why nothing is to be done; of neither the program knows what they do

---@type altmig.isolated.Group[]
isolated.groups = {
  { "stopsrc refresh lssrc rmssys mkssys chssys rmserver mkserver rmnotify mknotify" },
  { "lsitab rmitab mkitab chitab" },
  { "ps fuser mount init telinit kill" },
  { "rmdev chdev" },
  { "errupdate errlogger errclear errstop errpt", idle = "the error log is that of another system" },
  { "slibclean setkst", idle = "the kernel is that of another system" },
  { "startsrc errdemon", refused = "nothing is started: the system of this copy does not run" },
  { "killall skill", refused = "the processes are those of another system" },
  { "shutdown reboot halt fasthalt fastboot", refused = "it would end the system that runs" },
  { "cfgmgr mkdev", refused = "devices are configured when the new system starts" },
  { "bosboot bootlist savebase mkboot sysdumpstart sysdumpdev", refused = "boot disks and dump are those of another system" },
  { "umount unmount exportfs swapon swapoff swap mkps rmps chps", refused = "file systems are those of another system" },
  { "varyonvg varyoffvg importvg exportvg mkvg extendvg reducevg chvg mklv rmlv chlv extendlv crfs chfs rmfs",
    refused = "volume groups are those of another system" },
  { "ifconfig route no nfso ioo vmo schedo lvmo raso strload audit ipcrm acct",
    refused = "the kernel is that of another system" },
}

--- Every command that is covered, by name.
---@return string[]
function isolated.names()
  local list = {}
  for _, group in ipairs(isolated.groups) do
    for name in group[1]:gmatch("%S+") do list[#list + 1] = name end
  end
  table.sort(list)
  return list
end

local head <const> = [=[
#!/usr/bin/sh
# Stands for a command of this system while another host removes filesets from it: altmig help security.
unset ENV
PATH=/usr/bin:/usr/sbin:/etc
LC_ALL=C
ODMDIR=/etc/objrepos
export PATH LC_ALL ODMDIR
name=${0##*/}
all=$*

note() {
  printf '%s %s %s\n' "$1" "$name" "$all" >>/tmp/.altmig/commands 2>/dev/null
}
refuse() {
  note refused
  printf '%s: altmig: refused: %s\n' "$name" "$1" >&2
  exit 1
}
fail() {
  note failed
  printf '%s: altmig: %s\n' "$name" "$1" >&2
  exit 1
}
# What is not there is as it was to be.
absent() {
  note absent
  exit 0
}
idle() {
  note idle
  exit 0
}
changed() {
  note changed
  exit 0
}

# A name that may stand in a criterion; a value that may stand in a stanza.
plain() {
  case $1 in
  ''|*[!A-Za-z0-9_.:/-]*) fail "'$1' is no name" ;;
  esac
}
text() {
  case $1 in
  *\"*|*\\*|*"
"*) fail "'$1' holds a quote, a backslash or a line break" ;;
  esac
}
has() {
  found=`odmget -q "$2" "$1" 2>/dev/null`
  [ -n "$found" ]
}
delete() {
  has "$1" "$2" || return 0
  odmdelete -o "$1" -q "$2" >/dev/null || fail "odmdelete -o $1 failed"
}
stanza() {
  printf '%s\n' "$1" >/tmp/.altmig/stanza || fail "/tmp/.altmig/stanza cannot be written"
}
add() {
  stanza "$1"
  odmadd /tmp/.altmig/stanza >/dev/null || fail "odmadd failed"
}
change() {
  stanza "$3"
  odmchange -o "$1" -q "$2" /tmp/.altmig/stanza >/dev/null || fail "odmchange -o $1 failed"
}

# Fields of a stanza, one after the other.
fields=
string() {
  text "$2"
  fields="$fields
	$1 = \"$2\""
}
number() {
  case $2 in
  ''|*[!0-9-]*) fail "'$2' is no number" ;;
  esac
  fields="$fields
	$1 = $2"
}
default() {
  case $fields in
  *"
	$2 = "*) ;;
  *) "$1" "$2" "$3" ;;
  esac
}

# /etc/inittab, replaced at once.
listed() {
  ID=$1 awk -F: '($1 "") == ENVIRON["ID"] { found = 1 } END { exit !found }' /etc/inittab
}
put_inittab() {
  mv -f /etc/.inittab.altmig-new /etc/inittab || fail "/etc/inittab cannot be replaced"
  changed
}

children() {
  odmget -q "parent='$1'" CuDv 2>/dev/null | awk -F\" '$1 ~ /^[ \t]*name = $/ { print $2 }'
}

case $name in
stopsrc|refresh)
  idle
  ;;
lssrc)
  subsystem= group=
  while getopts adlSg:h:o:P:p:s:t: flag
  do
    case $flag in
    s) subsystem=$OPTARG ;;
    g) group=$OPTARG ;;
    esac
  done
  odmget SRCsubsys 2>/dev/null | S=$subsystem G=$group awk -F\" '
    function row() {
      if (n == "" || s != "" && n != s || g != "" && of != g) return
      if (!found++) printf("%s\n", "Subsystem         Group            PID          Status ")
      printf(" %-16s %-16s              inoperative\n", n, of)
    }
    BEGIN { s = ENVIRON["S"]; g = ENVIRON["G"] }
    /^SRCsubsys:/ { row(); n = ""; of = "" }
    $1 ~ /^[ \t]*subsysname = $/ { n = $2 }
    $1 ~ /^[ \t]*grpname = $/ { of = $2 }
    END { row(); exit !found }' && exit 0
  if [ -n "$group" ]
  then echo "0513-086 The $group Group is not on file." >&2
  else echo "0513-085 The $subsystem Subsystem is not on file." >&2
  fi
  exit 1
  ;;
rmssys)
  subsystem=
  while getopts s: flag
  do
    case $flag in
    s) subsystem=$OPTARG ;;
    *) fail "usage: rmssys -s Subsystem" ;;
    esac
  done
  plain "$subsystem"
  has SRCsubsys "subsysname='$subsystem'" || absent
  delete SRCsubsvr "subsysname='$subsystem'"
  delete SRCnotify "notifyname='$subsystem'"
  delete SRCsubsys "subsysname='$subsystem'"
  changed
  ;;
mkssys|chssys)
  subsystem=
  while getopts a:DdE:e:f:G:I:i:Km:n:Oo:p:QqRSs:t:u:w: flag
  do
    case $flag in
    s) subsystem=$OPTARG ;;
    t) string synonym "$OPTARG" ;;
    a) string cmdargs "$OPTARG" ;;
    p) string path "$OPTARG" ;;
    u) number uid "$OPTARG" ;;
    i) string standin "$OPTARG" ;;
    o) string standout "$OPTARG" ;;
    e) string standerr "$OPTARG" ;;
    R) number action 1 ;;
    O) number action 2 ;;
    Q) number multi 1 ;;
    q) number multi 0 ;;
    I) number contact 1; number svrkey "$OPTARG" ;;
    m) number svrmtype "$OPTARG" ;;
    S) number contact 2 ;;
    K) number contact 3 ;;
    n) number signorm "$OPTARG" ;;
    f) number sigforce "$OPTARG" ;;
    E) number priority "$OPTARG" ;;
    G) string grpname "$OPTARG" ;;
    w) number waittime "$OPTARG" ;;
    d) number display 1 ;;
    D) number display 0 ;;
    *) fail "a flag of it is not known" ;;
    esac
  done
  plain "$subsystem"
  if [ $name = chssys ]
  then
    has SRCsubsys "subsysname='$subsystem'" || fail "0513-085 The $subsystem Subsystem is not on file."
    [ -n "$fields" ] || idle
    change SRCsubsys "subsysname='$subsystem'" "SRCsubsys:$fields"
    changed
  fi
  if has SRCsubsys "subsysname='$subsystem'"
  then fail "0513-081 The $subsystem Subsystem definition already exists."
  fi
  string subsysname "$subsystem"
  for one in synonym cmdargs path grpname
  do default string $one ''
  done
  for one in standin standout standerr
  do default string $one /dev/console
  done
  for one in uid auditid multi svrkey svrmtype signorm sigforce
  do default number $one 0
  done
  default number action 2
  default number contact 3
  default number priority 20
  default number display 1
  default number waittime 20
  add "SRCsubsys:$fields"
  changed
  ;;
mkserver|rmserver)
  subsystem= type= code=
  while getopts c:s:t: flag
  do
    case $flag in
    c) code=$OPTARG ;;
    s) subsystem=$OPTARG ;;
    t) type=$OPTARG ;;
    *) fail "a flag of it is not known" ;;
    esac
  done
  plain "$type"
  if [ $name = rmserver ]
  then
    has SRCsubsvr "sub_type='$type'" || absent
    delete SRCsubsvr "sub_type='$type'"
    changed
  fi
  plain "$subsystem"
  string sub_type "$type"
  string subsysname "$subsystem"
  number sub_code "$code"
  add "SRCsubsvr:$fields"
  changed
  ;;
mknotify|rmnotify)
  of= method=
  while getopts m:n: flag
  do
    case $flag in
    m) method=$OPTARG ;;
    n) of=$OPTARG ;;
    *) fail "a flag of it is not known" ;;
    esac
  done
  plain "$of"
  if [ $name = rmnotify ]
  then
    has SRCnotify "notifyname='$of'" || absent
    delete SRCnotify "notifyname='$of'"
    changed
  fi
  string notifyname "$of"
  string notifymethod "$method"
  add "SRCnotify:$fields"
  changed
  ;;
lsitab)
  if [ "$1" = -a ]
  then
    awk '!/^:/' /etc/inittab
    exit 0
  fi
  [ -n "$1" ] && listed "$1" || exit 1
  ID=$1 awk -F: '($1 "") == ENVIRON["ID"]' /etc/inittab
  exit 0
  ;;
rmitab)
  [ -n "$1" ] || fail "usage: rmitab Identifier"
  listed "$1" || absent
  cp -p /etc/inittab /etc/.inittab.altmig-new &&
    ID=$1 awk -F: '($1 "") != ENVIRON["ID"]' /etc/inittab >/etc/.inittab.altmig-new || fail "/etc/inittab cannot be written"
  put_inittab
  ;;
mkitab|chitab)
  after=
  while getopts i: flag
  do
    case $flag in
    i) after=$OPTARG ;;
    *) fail "usage: $name [-i Identifier] Record" ;;
    esac
  done
  shift `expr $OPTIND - 1`
  case $1 in
  ?*:*:*:*) ;;
  *) fail "a record is Identifier:RunLevel:Action:Command" ;;
  esac
  id=${1%%:*}
  if [ $name = mkitab ]
  then
    if listed "$id"
    then fail "$id is in /etc/inittab already"
    fi
    listed "$after" || after=
  else
    listed "$id" || fail "$id is not in /etc/inittab"
  fi
  cp -p /etc/inittab /etc/.inittab.altmig-new &&
    ID=$id RECORD=$1 AFTER=$after awk -F: '
      ($1 "") == ENVIRON["ID"] { print ENVIRON["RECORD"]; done = 1; next }
      { print }
      ENVIRON["AFTER"] != "" && ($1 "") == ENVIRON["AFTER"] { print ENVIRON["RECORD"]; done = 1 }
      END { if (!done) print ENVIRON["RECORD"] }' /etc/inittab >/etc/.inittab.altmig-new || fail "/etc/inittab cannot be written"
  put_inittab
  ;;
ps)
  # No process of this system runs here.
  headings="     PID    TTY  TIME CMD"
  while getopts :AadeF:fG:g:kL:lMmNn:o:Pp:Tt:U:u:XZ flag
  do
    case $flag in
    f) headings="     UID     PID    PPID   C    STIME    TTY  TIME CMD" ;;
    F|o) headings= ;;
    p) note idle; exit 1 ;;
    esac
  done
  [ -z "$headings" ] || echo "$headings"
  idle
  ;;
fuser)
  while getopts :cdfkKuVx flag
  do
    case $flag in
    k|K) refuse 'the processes are those of another system' ;;
    esac
  done
  idle
  ;;
mount)
  [ $# -eq 0 ] || refuse 'file systems are those of another system'
  echo "  node       mounted        mounted over    vfs       date        options      "
  echo "-------- ---------------  ---------------  ------ ------------ --------------- "
  idle
  ;;
init|telinit)
  case $1 in
  q|Q) idle ;;
  esac
  refuse 'it would reach the system that runs'
  ;;
kill)
  if [ "$1" = -l ]
  then
    kill "$@"
    exit $?
  fi
  refuse 'the processes are those of another system'
  ;;
rmdev)
  device= parent= delete= below=
  while getopts df:ghl:p:qRS flag
  do
    case $flag in
    l) device=$OPTARG ;;
    p) parent=$OPTARG ;;
    d) delete=yes ;;
    R) below=yes ;;
    f) fail "-f is not known here" ;;
    esac
  done
  plain "$device$parent"
  queue=$device
  if [ -n "$parent" ]
  then
    queue=`children "$parent"`
    below=yes
  else
    has CuDv "name='$device'" || absent
    others=`children "$device"`
    [ -z "$delete" ] || [ -n "$below" ] || [ -z "$others" ] || fail "$device has children: $others"
  fi
  list=
  while [ -n "$queue" ]
  do
    set -- $queue
    [ $# -gt 0 ] || break
    one=$1
    shift
    queue=$*
    plain "$one"
    case " $list " in
    *" $one "*) ;;
    *)
      list="$one $list"
      [ -z "$below" ] || queue="$queue "`children "$one"`
      ;;
    esac
  done
  [ -n "$list" ] || absent
  for one in $list
  do
    if [ -z "$delete" ]
    then change CuDv "name='$one'" "CuDv:
	status = 0"
    else
      for class in CuAt CuVPD CuDep CuDv
      do delete $class "name='$one'"
      done
      delete CuDep "dependency='$one'"
      delete CuDvDr "value3='$one'"
    fi
  done
  changed
  ;;
chdev)
  device= pairs=
  while getopts a:f:hl:p:PqTU flag
  do
    case $flag in
    l) device=$OPTARG ;;
    a) pairs="$pairs $OPTARG" ;;
    f|p) fail "-$flag is not known here" ;;
    esac
  done
  plain "$device"
  has CuDv "name='$device'" || fail "$device is not in the object class CuDv"
  kind=`odmget -q "name='$device'" CuDv | awk -F\" '$1 ~ /^[ \t]*PdDvLn = $/ { print $2 }'`
  set -f
  for pair in $pairs
  do
    attribute=${pair%%=*}
    value=${pair#*=}
    [ "$attribute" != "$pair" ] || fail "'$pair' is no Attribute=Value"
    plain "$attribute"
    fields=
    string value "$value"
    if has CuAt "name='$device' and attribute='$attribute'"
    then change CuAt "name='$device' and attribute='$attribute'" "CuAt:$fields"
    else
      more=`ODMDIR=/usr/lib/objrepos odmget -q "uniquetype='$kind' and attribute='$attribute'" PdAt 2>/dev/null |
        awk '/^[ \t]*(type|generic|rep|nls_index) = /'`
      [ -n "$more" ] || fail "$device has no attribute $attribute"
      string name "$device"
      string attribute "$attribute"
      add "CuAt:$fields
$more"
    fi
  done
  changed
  ;;
]=]

-- The built-in commands of ksh that POSIX wants as programs are one file with several names, kill among them.
local tail <const> = [=[
alias|bg|cd|command|fc|fg|getopts|hash|jobs|read|type|ulimit|umask|unalias|wait)
  "$name" "$@"
  exit $?
  ;;
*)
  refuse 'altmig does not know this command'
  ;;
esac
]=]

--- The program, for every command: it goes by the name that it is called by.
---@return string
function isolated.program()
  local parts = { head }
  for _, group in ipairs(isolated.groups) do
    local names = group[1]:gsub("%s+", "|")
    if group.refused then
      parts[#parts + 1] = ("%s)\n  refuse '%s'\n  ;;\n"):format(names, group.refused)
    elseif group.idle then
      parts[#parts + 1] = ("%s)\n  # %s\n  idle\n  ;;\n"):format(names, group.idle)
    end
  end
  parts[#parts + 1] = tail
  return table.concat(parts)
end

---@class altmig.isolated.Act
---@field what "refused"|"failed"|"absent"|"idle"|"changed"
---@field command string
---@field arguments string

local whats <const> = { refused = true, failed = true, absent = true, idle = true, changed = true }

--- What the log says. Lines of another form are a part of arguments.
---@param text string
---@return altmig.isolated.Act[]
function isolated.acts(text)
  local known, list = {}, {}
  for _, name in ipairs(isolated.names()) do known[name] = true end
  for line in text:gmatch("[^\n]+") do
    local what, command, arguments = line:match("^(%l+) (%S+) ?(.*)$")
    if what and whats[what] and known[command] then
      list[#list + 1] = { what = what, command = command, arguments = arguments }
    end
  end
  return list
end

return isolated
