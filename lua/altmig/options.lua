-- SPDX-License-Identifier: MIT
-- The flags and operands of every command. The parser, --help, the lists in the topics of altmig.help and the
-- completion of shells are all made from the tables here. A flag that a command does not take is refused by
-- name, never ignored; so is one that is not supported yet.

local err = require "altmig.err"
local sorted_keys = require "altmig.sorted_keys"
local sys = require "altmig.sys"

local options = {}

---@class altmig.options.Flag
---@field [1] string    # its name: a letter, or a word
---@field [2] string    # the field of the parsed options
---@field arg string?   # what its argument is called; none without
---@field words string[]?   # what the argument may be; anything without
---@field needed boolean?   # the command does nothing without it
---@field number boolean?   # the argument is a number, 0 or greater
---@field begins string?   # what the argument begins with, where the letter is another flag without one in another form
---@field empty boolean?   # "" is an argument too
---@field form boolean?    # it is the name of the form: no part of its synopsis
---@field word string   # its name as it is typed
---@field text string   # for --help; "\n" breaks the line

-- In the order of --help.
local flags = {
  { "c", "client", arg = "CLIENT", text = "the NIM client" },
  { "l", "lpp_source", arg = "LPP_SOURCE", text = "the images of the new release" },
  { "s", "spot", arg = "SPOT", text = "the SPOT of the new release" },
  { "d", "disks", arg = "DISKS", text = "target disks of the client, one word: \"hdisk1 hdisk2\"" },
  { "Y", "licenses", text = "accept the licences of the new release" },
  { "a", "pre_script", arg = "SCRIPT", text = "script resource to run in phase 4" },
  { "z", "post_script", arg = "SCRIPT", text = "the same for phase 7" },
  { "b", "installp_bundle", arg = "BUNDLE", text = "installp_bundle resource, of nim.lua or the master's NIM database: more\n"
    .. "to install in phase 6; with a slash, a file" },
  { "P", "phases", arg = "PHASES", begins = "^%d", text = "only these phases (\"1,2,3\")" },
  { "B", "no_bootlist", text = "leave the bootlist alone" },
  { "accept-boot-image", "accept_boot_image", text = "set the bootlist although the boot image was not judged good" },
  { "accept", "accept", arg = "ID[=REASON],...", text = "go on although preflight found these; only what puts nothing but the\n"
    .. "copy at risk can be accepted" },
  { "r", "reboot", text = "reboot the client at the end" },
  { "e", "exclude_files", arg = "EXCLUDE", text = "exclude_files resource, for phase 1" },
  { "i", "image_data", arg = "IMAGE", text = "image_data resource: sizes of the copy" },
  { "o", "bosinst_data", arg = "BOSINST", text = "bosinst_data resource for the copy" },
  { "m", "mount_options", arg = "OPTS", text = "options of the NFS mounts on the master" },
  { "C", "cleanup", text = "destroy the copy, and remove everything else of a migration" },
  { "F", "force", text = "break a lock left on the client" },
  { "U", "update",
    text = "update the client's own release (a technology level, a service pack)\n"
    .. "instead of migrating: altmig update" },
  { "ifix", "ifix", arg = "HOW", words = { "keep", "remove", "auto" },
    text = "of an update, interim fixes of the copy: auto (default) removes those\nwhose fileset is updated, "
    .. "and puts back what still applies;\nremove takes all away, keep none" },
  { "disk", "disk", arg = "DISK",
    text = "of a cleanup: destroy altinst_rootvg although it is not known to be\n"
    .. "altmig's; DISK names all its disks (\"hdisk2 hdisk3\"). Of a migration:\n"
    .. "overwrite a target disk that carries the record of a volume group\n"
    .. "which nobody here knows. On a terminal they must be typed again" },
  { "yes", "yes", text = "where there is no terminal: --disk, or --write-test of probe, is meant" },
  { "D", "debug", text = "every command and its status to the log" },
  { "E", "repl_on_error", text = "prompt where a serious error happens" },
  { "repl-on-error", "repl_on_error", text = "the same as -E" },
  { "V", "verbose", text = "verbose" },
  { "v", "verbose", text = "the same as -V" },
  { "q", "quiet", text = "no output but errors; of check: no evidence, with --to the table alone" },
  { "script", "script", arg = "FILE", text = "your own copy of scripts/migrate.lua, of an update scripts/update.lua" },
  { "from", "from", arg = "N", text = "start at phase N" },
  { "restore-via", "restore_via", arg = "WAY", words = { "nfs", "stream" },
    text = "how the base system travels: nfs, or stream: through SSH into the\n"
    .. "client's own restore, with what NFS does not carry (ACLs, TCB)" },
  { "baseline", "baseline", arg = "LPP", text = "what the old level shipped: an lpp_source, directory or nfs:// URL\n"
    .. "of the client's present level; merges are three-way then" },
  { "to", "to", arg = "V.R", text = "only what a move to this release would meet, for planning; -c names\n"
    .. "clients (\"lpar1 lpar2\"), and is all of them where it is left out" },
  { "dry-run", "dry_run", text = "change nothing: what preflight finds, and a diff of every file the\nmerges would change" },
  { "verify-restore", "verify_restore", text = "read the restored files back and compare them with the image;\n"
    .. "after installp, look at every file of the software database" },
  { "values", "values", text = "of verify: what the client had before, of disks, sys0 and tunables,\n"
    .. "against what it has now that the new release is booted" },
  { "report", "report", arg = "FILE", text = "the report at the end, also of a failure; .html, .json or text by\nits name" },
  { "bundle", "bundle", arg = "FILE", text = "of probe: the answers as one tar to send, names of the site replaced;\n"
    .. "of installp plan: an installp_bundle, lines I:, R: and E:" },
  { "installed", "installed", arg = "PATH", text = "what the system has: a file with the lines of lslpp, or its root" },
  { "df", "df", arg = "FILE", text = "what df printed there, in kilobytes: which file systems must grow" },
  { "lsvg", "lsvg", arg = "FILE", text = "what lsvg VG and lsvg -l VG printed there: whether it has the partitions" },
  { "no-restore", "no_restore", text = "the base system is not restored, whatever its release" },
  { "toc", "toc", text = "write the .toc of the directory, as inutoc does" },
  { "write-test", "write_test",
    text = "also try what looking does not show: mounts, an export, a boot image\nin a file; says what, and asks" },
  { "scratch-disk", "scratch_disk", arg = "DISK", text = "with --write-test: also try a clone, its removal and a boot image\n"
    .. "on this disk of the client, which nobody needs" },
  { "replay", "replay", arg = "FILE", text = "the table of a bundle; no host is asked" },
  { "list", "list", text = "what altmig takes for true of AIX and has not seen, and how it stands" },
  { "html", "html", text = "one page on stdout that needs nothing else" },
  { "json", "json", text = "one JSON object a line instead of text; of report and\ninstallp: one document" },
  { "color", "color", arg = "WHEN", words = { "auto", "always", "never" }, text = "auto, always or never (NO_COLOR is honoured)" },
  { "nim", "nim", arg = "FILE", text = "resources (default $ALTMIG_NIM, then /etc/altmig/nim.lua)" },
  { "state", "state", arg = "DIR", text = "journals and logs (default $ALTMIG_STATE; root: /var/adm/ras/alt_mig)" },
}

-- What IBM's nimadm has and this one has not yet.
local not_yet = { j = true, A = true, S = true, W = true, T = true, O = true, N = true, n = true, f = true }

local common = "color nim state "
local of_nimadm = common .. "c l s d Y a z b P B accept accept-boot-image r e i o m C F disk yes D E repl-on-error V v q script from"
  .. " restore-via dry-run report json "
local of_cleanup = common .. "s F disk yes D V v q json "
local operands_of_migration = "-c CLIENT -l LPP_SOURCE -s SPOT -d DISKS -Y"

---@class altmig.options.Command
---@field operands string                # what follows in the synopsis, beside flags that need not be there
---@field flags string|altmig.options.Flag[]   # names of flags of this file, or flags of its own
---@field text string?                   # what it does, where the command has several forms
---@field leading boolean?               # its flags end at the first operand
---@field words string[]|(fun(): string[])|nil   # what the operand may be
---@field list altmig.options.Flag[]     # its flags in the order of --help
---@field set table<string, altmig.options.Flag>   # the same by name
---@field shared boolean                 # its flags are of this file

-- By the names of messages. "NAME -C" are the flags that go with -C.
---@type table<string, altmig.options.Command>
local commands = {}
local order = {} -- of their definition

local by_name = {}
for _, flag in ipairs(flags) do by_name[flag[1]] = flag end

local function written(name) return (#name == 1 and "-" or "--") .. name end

--- Defines a command. Its flags are names of those above, or a list of its own.
---@param who string
---@param command table
function options.define(who, command)
  command.set, command.list, command.shared = {}, {}, type(command.flags) == "string"
  if command.shared then
    for name in command.flags:gmatch("%S+") do command.set[name] = assert(by_name[name], name) end
  end
  for _, flag in ipairs(command.shared and flags or command.flags or {}) do
    flag.word = written(flag[1])
    if not command.shared or command.set[flag[1]] then
      command.list[#command.list + 1], command.set[flag[1]] = flag, flag
    end
  end
  commands[who] = command
  order[#order + 1] = who
end

options.define("nimadm", { operands = operands_of_migration, flags = of_nimadm .. "U ifix " })
options.define("nimadm -C", { operands = "-c CLIENT -s SPOT", flags = of_cleanup .. "C c E repl-on-error " }) -- IBM's has -E
options.define("nimadm -M", { operands = "", flags = {
  { "M", "levels", form = true, text = "the level of bos.alt_disk_install on the master, in the SPOT and in the\n"
    .. "lpp_source: brought into agreement" },
  { "s", "spot", arg = "SPOT", needed = true, text = "the SPOT" },
  { "l", "lpp_source", arg = "LPP_SOURCE", needed = true, text = "the lpp_source" },
  { "d", "source", arg = "SOURCE", text = "a directory or device of the master with its images" },
  { "P", "preview", text = "show the levels, and what would be done; change nothing" },
  { "F", "force", text = "bring a level down too; and while a migration uses the SPOT" },
  { "json", "json", text = "one JSON object instead of text" }, by_name.color, by_name.nim, by_name.state,
}, text = "bring the levels of bos.alt_disk_install into agreement" })
options.define("altmig migrate", { operands = operands_of_migration, flags = of_nimadm .. "baseline verify-restore " })
options.define("altmig migrate -C", { operands = "-c CLIENT -s SPOT", flags = of_cleanup .. "C c E repl-on-error " })
options.define("altmig update", { operands = operands_of_migration,
  flags = common .. "c l s d Y a z b P B r e i o m F disk yes D E repl-on-error V v q script from dry-run report json ifix "
    .. "verify-restore "
    .. "accept accept-boot-image " })
options.define("altmig check", { operands = "-c CLIENT -l LPP_SOURCE -s SPOT -d DISKS",
  flags = common .. "c l s d Y a z b U ifix B accept r e i o m q script restore-via baseline to json " })
options.define("altmig resume", { operands = "CLIENT",
  flags = common .. "F D E accept-boot-image repl-on-error V v q script from restore-via verify-restore report json " })
options.define("altmig cleanup", { operands = "CLIENT", flags = of_cleanup })
options.define("altmig status", { operands = "[CLIENT ...]", flags = common .. "json " })
options.define("altmig probe", { operands = "-c CLIENT [-l LPP_SOURCE] [-s SPOT]",
  flags = common .. "c l s bundle write-test scratch-disk yes replay list json " })
options.define("altmig report", { operands = "CLIENT", flags = common .. "V v html json " })
options.define("altmig verify", { operands = "CLIENT", flags = common .. "json values " })
options.define("altmig installp index", { operands = "DIR", flags = common .. "toc json ",
  text = "the filesets of every image, RPMs and interim fixes" })
options.define("altmig installp plan", { operands = "DIR [FILESET [LEVEL] ...]",
  flags = common .. "installed bundle df lsvg no-restore json ",
  text = "what would be installed, in which order, what is missing, what room it needs" })
options.define("altmig repl", { operands = "[CLIENT]", flags = common .. "script " })

-- The command whose --help lists a set of flags.
local function command_of(who) return (who:gsub(" %-C$", "")) end

local function refuse(who, name)
  local homes = {}
  local shared = commands[who].shared and by_name[name]
  for _, other in ipairs(sorted_keys(commands)) do
    if shared and commands[other].set[name] == shared and command_of(other) == other then homes[#homes + 1] = other end
  end
  local home = ""
  if #homes > 0 then home = (" (it is a flag of %s)"):format(table.concat(homes, ", ")) end
  err.usage(("%s: unknown flag %s%s; '%s --help' lists the flags"):format(who, written(name), home, command_of(who)))
end

--- The lines of --help on the flags of a command.
---@param who string
---@return string
function options.help(who)
  local lines = {}
  for _, flag in ipairs(commands[who].list) do
    local left = flag.word .. (flag.arg and " " .. flag.arg or "")
    lines[#lines + 1] = ("  %-18s %s"):format(left, (flag.text:gsub("\n", "\n" .. (" "):rep(21))))
  end
  return table.concat(lines, "\n")
end

--- "altmig odm get [-q CRITERIA] CLASS ...": flags of its own by name, those of the table above as FLAGS.
---@param who string
---@return string
function options.synopsis(who)
  local command, words = commands[who], { who }
  if not command.shared then
    for _, flag in ipairs(command.list) do
      local word = flag.word .. (flag.arg and " " .. flag.arg or "")
      if not flag.form then words[#words + 1] = flag.needed and word or "[" .. word .. "]" end
    end
  end
  if command.operands ~= "" then words[#words + 1] = command.operands end
  if command.shared then words[#words + 1] = "[FLAGS]" end
  return table.concat(words, " ")
end

--- The commands of a name, with its forms: "altmig odm" -> "altmig odm get", "altmig odm show", ...
---@param name string?   # all without
---@return string[]
function options.commands(name)
  local list = {}
  for _, who in ipairs(order) do
    if not name or who == name or who:sub(1, #name + 1) == name .. " " then list[#list + 1] = who end
  end
  return list
end

---@param who string
---@return altmig.options.Command?
function options.command(who) return commands[who] end

--- The flags that commands share.
---@return altmig.options.Flag[]
function options.shared() return flags end

--- Whether a flag of IBM's nimadm is refused as not supported yet.
---@param name string
function options.is_not_yet(name) return not_yet[name] == true end

--- The text of --help: every form of a command, then what each does, with its flags. A form "NAME -C" has those of NAME.
---@param name string
---@param text string?   # what is said between the forms and the flags
---@return string
function options.usage(name, text)
  local lines, forms = {}, options.commands(name)
  for i, who in ipairs(forms) do lines[i] = (i == 1 and "usage: " or "       ") .. options.synopsis(who) end
  if text then lines[#lines + 1] = text end
  for _, who in ipairs(forms) do
    local of_this, list = commands[who], options.help(who)
    if of_this.text and (#forms > 1 or list == "") then lines[#lines + 1] = who .. ": " .. of_this.text end
    if list ~= "" and command_of(who) == who then lines[#lines + 1] = list end
  end
  return table.concat(lines, "\n")
end

local function is_one_of(text, words)
  for _, word in ipairs(words) do
    if word == text then return true end
  end
  return false
end

--- Whether a letter is among the flags of a command line, which may be of another form of the command: a letter that
--- takes an argument has the rest of its word, or the next word if that does not look like flags.
---@param args string[]
---@param who string
---@param letter string
---@return boolean
function options.has_flag(args, who, letter)
  local i = 1
  while i <= #args do
    local word, takes_next = args[i], false
    if word == "--" then return false end
    if word:match("^%-%w") then
      for at = 2, #word do
        local one = word:sub(at, at)
        if one == letter then return true end
        local flag, rest = commands[who].set[one], word:sub(at + 1)
        if flag and flag.arg and not (flag.begins and rest ~= "" and not rest:match(flag.begins)) then
          takes_next = at == #word and not (args[i + 1] or ""):match("^%-%a")
          break
        end
      end
    elseif word:match("^%-%-[^=]+$") then
      local flag = commands[who].set[word:sub(3)]
      takes_next = flag ~= nil and flag.arg ~= nil
    end
    i = i + (takes_next and 2 or 1)
  end
  return false
end

-- Splits the words; `used` lists the flags that were given, by name.
local function split(args, who)
  local opts, operands, used = {}, {}, {}
  local command, i = commands[who], 1
  local function take(name, attached, has_value)
    local flag = command.set[name]
    if not flag and not_yet[name] and command.set.C == by_name.C then
      err.usage(("%s: flag %s is not supported yet"):format(who, written(name)))
    end
    if not flag then refuse(who, name) end
    used[#used + 1] = name
    if not flag.arg then
      if has_value then err.usage(("%s: flag %s takes no argument"):format(who, written(name))) end
      opts[flag[2]] = true
      return
    end
    if not has_value then
      i = i + 1
      attached = args[i]
    end
    if attached == nil or attached == "" and not flag.empty then err.usage(("%s: flag %s needs an argument"):format(who, written(name))) end
    if flag.number and not attached:find "^%d+$" then
      err.usage(("%s: flag %s %s: not a number"):format(who, written(name), attached))
    end
    if flag.words and not is_one_of(attached, flag.words) then
      local words = table.concat(flag.words, ", "):gsub(", (%S+)$", " or %1")
      err.usage(("%s: %s %s: %s"):format(who, written(name), attached, words))
    end
    opts[flag[2]] = flag.number and math.tointeger(tonumber(attached)) or attached
  end
  while i <= #args do
    local word = args[i]
    local ended = command.leading and (#word < 2 or word:sub(1, 1) ~= "-")
    if word == "--" or ended then
      table.move(args, ended and i or i + 1, #args, #operands + 1, operands)
      break
    elseif word:sub(1, 2) == "--" then
      local name, equals, attached = word:match("^%-%-([^=]*)(=?)(.*)$")
      if #name == 1 then err.usage(("%s: unknown flag %s; '%s --help' lists the flags"):format(who, word, command_of(who))) end
      take(name, attached, equals ~= "")
    elseif word:sub(1, 1) == "-" and #word > 1 then
      local rest = word:sub(2)
      while rest ~= "" do
        local letter = rest:sub(1, 1)
        rest = rest:sub(2)
        local flag = command.set[letter]
        if flag and flag.arg then
          take(letter, rest, rest ~= "")
          rest = ""
        else
          take(letter)
        end
      end
    else
      operands[#operands + 1] = word
    end
    i = i + 1
  end
  return opts, operands, used
end

--- Splits a command line into options and operands. A flag that the command does not take is a usage
--- error that says which command does.
---@param args string[]
---@param who string          the command, as it is named in messages: "nimadm", "altmig migrate"
---@return table opts, string[] operands
function options.parse(args, who)
  local opts, operands, used = split(args, who)
  local mode = opts.cleanup and commands[who .. " -C"] and who .. " -C" or who
  for _, name in ipairs(used) do
    if not commands[mode].set[name] then refuse(mode, name) end
  end
  return opts, operands
end

--- "1,2" or "1 2" -> { 1, 2 } in ascending order; a usage error for anything else.
---@param text string
---@param who string
---@return integer[]
function options.phases(text, who)
  local seen, list = {}, {}
  for word in text:gmatch("[^%s,]+") do
    local n = math.tointeger(tonumber(word))
    if not n or n < 1 or n > 12 then err.usage(("%s: -P %s: phases are numbers from 1 to 12"):format(who, text)) end
    if not seen[n] then list[#list + 1] = n end
    seen[n] = true
  end
  if #list == 0 then err.usage(("%s: -P needs at least one phase"):format(who)) end
  table.sort(list)
  return list
end

-- What the mounts of the copy rest on: no device of it may be opened on the master, every write must
-- arrive, and the protocol is the one the engine speaks.
local function mount_option_problem(word)
  local name, value = word:match("^([%w_]+)=([%w_%.:/%-]+)$")
  name = name or word:match("^[%w_]+$")
  if not name then return "is no mount option" end
  if name == "vers" or name == "nfsvers" then
    return value ~= "3" and "must be 3: the engine and the master must see the same files" or nil
  end
  if name == "dev" then return "would let a device name of the copy reach a disk of the master" end
  if name == "suid" or name == "rw" or name == "nodev" or name == "hard" then return nil end
  if name == "ro" or name == "noexec" then return "the programs of phase 6 run and write there" end
  if name == "soft" then return "a write that times out would be lost without a word" end
  if name == "bg" then return "the phase must not go on before the mount is there" end
  return nil
end

--- Flag -m: options for the NFS mounts of the copy on the master, checked. "-o a,b" and "a,b" both do.
---@param text string
---@param who string
---@return string
function options.mount_options(text, who)
  local list = {}
  local plain = text:gsub("^%s*%-o%s*", "")
  for word in plain:gmatch("[^,]+") do
    word = word:match("^%s*(.-)%s*$")
    local problem = mount_option_problem(word)
    if problem then err.usage(("%s: flag -m: option '%s': %s"):format(who, word, problem)) end
    list[#list + 1] = word
  end
  if #list == 0 then err.usage(who .. ": flag -m names no mount option") end
  return table.concat(list, ",")
end

-- --disk and --yes.
local function check_disk(opts, who)
  if opts.yes and not opts.disk then
    err.usage(who .. ": --yes confirms --disk DISK, and is nothing without it; -F only breaks a lock")
  end
  if opts.disk then
    local names = {}
    for name in opts.disk:gmatch("%S+") do
      if not name:match("^[%w_%.]+$") then err.usage(("%s: --disk: '%s' is not a disk name"):format(who, name)) end
      names[#names + 1] = name
    end
    if #names == 0 then err.usage(who .. ": --disk names no disk") end
    opts.disk = table.concat(names, " ")
  end
end

--- Checks the flags of a cleanup.
---@param opts table
---@param who string
function options.for_cleanup(opts, who)
  options.check_name(opts.client, who)
  check_disk(opts, who)
  return opts
end

--- Checks what a migration needs and brings the values into shape.
---@param opts table
---@param who string
function options.for_migration(opts, who)
  for _, need in ipairs { { "client", "-c CLIENT" }, { "lpp_source", "-l LPP_SOURCE" }, { "spot", "-s SPOT" },
    { "disks", "-d DISK" } } do
    if not opts[need[1]] then err.usage(("%s: flag %s is missing"):format(who, need[2])) end
  end
  opts.licenses = opts.licenses or os.getenv("ADM_ACCEPT_LICENSES") == "yes" or nil -- phase 6 asks
  if not opts.licenses then
    err.usage(who .. ": the licences of the new release must be accepted: flag -Y, or ADM_ACCEPT_LICENSES=yes")
  end
  check_disk(opts, who)
  if opts.ifix and not opts.update then err.usage(who .. ": --ifix is for an update: -U, or altmig update") end
  if opts.update and opts.restore_via then err.usage(who .. ": --restore-via: an update (-U) restores no base operating system") end
  if opts.no_bootlist and opts.reboot then err.usage(who .. ": flags -B and -r exclude each other") end
  local disks = {}
  for disk in opts.disks:gmatch("%S+") do
    if not disk:match("^[%w_%.]+$") then err.usage(("%s: '%s' is not a disk name"):format(who, disk)) end
    disks[#disks + 1] = disk
  end
  if #disks == 0 then err.usage(who .. ": flag -d names no disk") end
  opts.disks = disks
  for name in (opts.disk or ""):gmatch("%S+") do
    if not (" " .. table.concat(disks, " ") .. " "):find(" " .. name .. " ", 1, true) then
      err.usage(("%s: --disk %s: it is none of the target disks (-d %s)"):format(who, name, table.concat(disks, " ")))
    end
  end
  if opts.accept then opts.accept = options.accepted(opts.accept, who) end
  if (opts.installp_bundle or ""):find("/", 1, true) then
    local path, why = sys.realpath(opts.installp_bundle) -- a resume may begin in another directory
    if not path then err.usage(("%s: flag -b %s: %s"):format(who, opts.installp_bundle, why)) end
    opts.installp_bundle = path
  end
  if opts.mount_options then opts.mount_options = options.mount_options(opts.mount_options, who) end
  if opts.phases then opts.phases = options.phases(opts.phases, who) end
  if opts.from then opts.from = options.phases(opts.from, who)[1] end
  options.check_name(opts.client, who)
  return opts
end

--- Findings that are accepted, with their reasons: "ID=REASON,ID".
---@param text string
---@param who string
---@return table<string, string>   id -> reason, or ""
function options.accepted(text, who)
  local list = {}
  for part in text:gmatch("[^,]+") do
    local id, reason = part:match("^%s*([%l%d%-_]+)%s*=?(.*)$")
    if not id then
      err.usage(("%s: --accept %s: '%s' is no id of a finding; altmig check shows them in brackets"):format(who, text, part))
    end
    list[id] = reason
  end
  return list
end

--- What a preflight needs: the flags of a migration, without the licences.
---@param opts table
---@param who string
function options.for_check(opts, who)
  local accepted = opts.licenses
  opts.licenses = true
  options.for_migration(opts, who)
  opts.licenses = accepted
  return opts
end

-- What altmig check --to goes with.
local with_to = { to = true, client = true, accept = true, quiet = true, json = true, nim = true, state = true, color = true }

--- What altmig check --to needs: the release, and which clients. `opts.clients` is nil where all are meant.
---@param opts table
---@param who string
function options.for_plan(opts, who)
  local releases = require "altmig.run.checks.releases"
  local to = releases.named(opts.to)
  if not to then
    err.usage(("%s: --to %s: the releases that are known are %s"):format(who, opts.to, table.concat(releases.names(), ", ")))
  end
  for name in pairs(opts) do
    if not with_to[name] then
      for _, flag in ipairs(commands[who].list) do
        if flag[2] == name then
          err.usage(("%s: --to names a release only, and does not go with %s; without --to the check is of a migration"):format(who,
            flag.word))
        end
      end
    end
  end
  opts.to = to
  if opts.client then
    opts.clients = {}
    for name in opts.client:gmatch("%S+") do opts.clients[#opts.clients + 1] = options.check_name(name, who) end
    if #opts.clients == 0 then err.usage(("%s: flag -c names no client"):format(who)) end
  end
  if opts.accept then opts.accept = options.accepted(opts.accept, who) end
  return opts
end

--- A client's name becomes a file name and a directory: it must look like a host name.
function options.check_name(name, who)
  if not name:match("^[%w][%w%._%-]*$") then err.usage(("%s: '%s' is not a client name"):format(who, name)) end
  return name
end

return options
