-- SPDX-License-Identifier: MIT
-- Readers for the output of AIX commands. Pure functions: text in, tables out. All split on blanks,
-- since column widths differ between releases; all expect LC_ALL=C.

local aix = {}

local function lines(text)
  return (text:gsub("\r", "") .. "\n"):gmatch("(.-)\n")
end

local function words_of(line)
  local words = {}
  for word in line:gmatch("%S+") do words[#words + 1] = word end
  return words
end

-- Patterns with a lazy middle and blanks behind it take the square of a line's length.
local function trimmed(text) return text:match("^(.*%S)") or "" end

---@class altmig.aix.Disk
---@field name string
---@field pvid string?   nil for "none"
---@field vg string?     nil for "None"
---@field state string?  "active", "concurrent", "locked" or nil

--- `lspv` without operands.
---@param text string
---@return altmig.aix.Disk[] disks, table<string, altmig.aix.Disk> by_name
function aix.lspv(text)
  local list, by_name = {}, {}
  for line in lines(text) do
    local name, pvid, vg, state = line:match("^(%S+)%s+(%S+)%s+(%S+)%s*(%S*)")
    if name then
      local disk = { name = name, pvid = pvid ~= "none" and pvid or nil, vg = vg ~= "None" and vg or nil,
        state = state ~= "" and state or nil }
      list[#list + 1], by_name[name] = disk, disk
    end
  end
  return list, by_name
end

--- `lsvg VG`: { pp_size = MB, total_pps, free_pps, used_pps, state, id }.
function aix.lsvg(text)
  local function number(label) return tonumber(text:match(label .. ":%s*(%d+)")) end
  local size = number("PP SIZE")
  if size and text:match("PP SIZE:%s*%d+%s*[Gg]iga") then size = size * 1024 end
  return {
    name = text:match("VOLUME GROUP:%s*(%S+)"),
    id = aix.vg_identifier(text:match("VG IDENTIFIER:%s*(%x+)")),
    state = text:match("VG STATE:%s*(%S+)"),
    pp_size = size,
    total_pps = number("TOTAL PPs"),
    free_pps = number("FREE PPs"),
    used_pps = number("USED PPs"),
  }
end

--- An identifier of a volume group as all commands can be compared by it: 32 digits, lower case. Older
--- groups have 16, which some commands print alone and others with zeros behind.
---@param text string?
---@return string?
function aix.vg_identifier(text)
  local id = text and text:match("^%s*(%x+)%s*$")
  if not id or #id > 32 or not id:find("[^0]") then return nil end
  return id:lower() .. ("0"):rep(32 - #id)
end

--- `getlvodm -j DISK`: the identifier of the group that the ODM has the disk in, false if it is in none (AIX says
--- so with a status that is not 0 and 0516-320 or 0516-1396), or nil if the answer tells neither.
---@param result { status: integer?, stdout: string, stderr: string }
---@return string|false|nil
function aix.member_of(result)
  if result.status == 0 then return aix.vg_identifier(result.stdout) end
  local text = result.stdout .. result.stderr
  if result.status and (text:find("0516-320", 1, true) or text:find("0516-1396", 1, true)) then return false end
  return nil
end

--- `lquerypv -h /dev/DISK E00 20`: whether LVM finds a record of a volume group there, and the group's
--- identifier as far as the dump shows all of it.
---@param text string
---@return boolean found, string? vgid
function aix.lvm_record(text)
  local words = {}
  for line in lines(text) do
    for word in (line:match("^%x+%s+([%x%s]+)|?") or ""):gmatch("%x+") do words[#words + 1] = #word == 8 and word or "?" end
  end
  if words[1] ~= "5F4C564D" and words[1] ~= "5f4c564d" then return false end -- "_LVM"
  local id = table.concat(words, "", 2, math.min(5, #words))
  return true, #id == 32 and aix.vg_identifier(id) or nil
end

--- `lsvg -l VG`: one row per logical volume, in its order.
---@return { name: string, type: string, lps: integer, pps: integer, pvs: integer, state: string, mount: string? }[]
function aix.lsvg_l(text)
  local rows = {}
  for line in lines(text) do
    local name, kind, lps, pps, pvs, state, mount =
      line:match("^(%S+)%s+(%S+)%s+(%d+)%s+(%d+)%s+(%d+)%s+(%S+)%s+(.*)$")
    if name then
      mount = trimmed(mount)
      rows[#rows + 1] = { name = name, type = kind, lps = tonumber(lps), pps = tonumber(pps), pvs = tonumber(pvs),
        state = state, mount = mount ~= "N/A" and mount ~= "" and mount or nil }
    end
  end
  return rows
end

--- `df -k`: { device, total, free (bytes, nil for pseudo file systems), mount }.
function aix.df_k(text)
  local rows = {}
  for line in lines(text) do
    local device, total, free, mount = line:match("^(%S+)%s+(%S+)%s+(%S+)%s+%S+%s+%S+%s+%S+%s+(/.*)$")
    if device then
      rows[#rows + 1] = { device = device, total = tonumber(total) and tonumber(total) * 1024,
        free = tonumber(free) and tonumber(free) * 1024, mount = mount }
    end
  end
  return rows
end

---@class altmig.aix.Mount
---@field node string     "" for what is the host's own
---@field source string
---@field at string
---@field vfs string
---@field options string

--- `mount` without operands: one row a mount, in its order. A line that is not of its form (a path with
--- blanks in it) has no row.
---@param text string
---@return altmig.aix.Mount[]
function aix.mounts(text)
  local rows = {}
  for line in lines(text) do
    local before, options = line:match("^(.-)%s%u%l%l%s+%d%d?%s+%d%d:%d%d%s*(.*)$")
    local words = words_of(before or "")
    local is_local = line:match("^%s") ~= nil
    if #words == (is_local and 3 or 4) then
      if is_local then table.insert(words, 1, "") end
      rows[#rows + 1] = { node = words[1], source = words[2], at = words[3], vfs = words[4], options = trimmed(options) }
    end
  end
  return rows
end

---@class altmig.aix.Listed
---@field type "file"|"dir"|"link"|"char"|"block"|"fifo"|"socket"
---@field mode integer     permission bits, with set user, set group and sticky
---@field owner string     name or number, as ls was asked
---@field group string
---@field size integer?    not of devices
---@field major integer?   of devices
---@field minor integer?
---@field name string      of a link with " -> TARGET" behind it

local listed_types = { ["-"] = "file", d = "dir", l = "link", c = "char", b = "block", p = "fifo", s = "socket" }

-- The bits of "rwsr-xr-t".
local function mode_bits(text)
  local bits = 0
  for i = 1, 9 do
    local letter = text:sub(i, i)
    local third = (i - 1) // 3 -- of user, group, others
    if letter:match("[rwxst]") then bits = bits | 1 << (9 - i) end
    if letter:match("[sStT]") then bits = bits | 1 << (11 - third) end
  end
  return bits
end

--- `ls -l`, also with -d and -n: one row a line of its form, in its order.
---@param text string
---@return altmig.aix.Listed[]
function aix.ls_l(text)
  local rows = {}
  for line in lines(text) do
    local kind, bits, owner, group, rest = line:match("^([%-dlcbps])([rwxsStT%-]+)%S*%s+%d+%s+(%S+)%s+(%S+)%s+(%S.*)$")
    if kind and #bits == 9 then
      local row = { type = listed_types[kind], mode = mode_bits(bits), owner = owner, group = group }
      local major, minor, after = rest:match("^(%d+),%s*(%d+)%s+(%S.*)$")
      if major then
        row.major, row.minor = math.tointeger(tonumber(major)), math.tointeger(tonumber(minor))
      else
        local size
        size, after = rest:match("^(%d+)%s+(%S.*)$")
        row.size = math.tointeger(tonumber(size))
      end
      row.name = after and after:match("^%u%l%l%s+%d%d?%s+[%d:]+%s(.+)$")
      local whole = (row.major and row.minor) or (not major and row.size)
      if row.name and whole then rows[#rows + 1] = row end
    end
  end
  return rows
end

-- The colon-separated fields of a line.
local function fields(line)
  local list = {}
  for text in (line .. ":"):gmatch("([^:]*):") do list[#list + 1] = text end
  return list
end

-- An empty field is one blank.
local function filled(text) return text ~= " " and text or "" end

-- Of the fields of `lslpp -Lc`: seven, the description, which may hold colons, and ten more.
local FIELDS_BEFORE, FIELDS_AFTER = 7, 10

--- `lslpp -Lqc`, with or without its header: fileset -> { package, fileset, level, ptf, state, type,
--- description, efix_locked, date }. Level fields of RPMs are kept as text; a fileset listed twice keeps
--- the higher level.
function aix.lslpp_Lqc(text)
  local filesets = {}
  for line in lines(text) do
    local field = fields(line)
    -- It is in the date of an RPM that there are colons, in the description of others.
    local first = FIELDS_BEFORE + 1
    local last = field[FIELDS_BEFORE] == "R" and first or math.max(#field - FIELDS_AFTER, first)
    if field[first] and field[2] ~= "" and not line:match("^#") then
      local old = filesets[field[2]]
      if not old or aix.compare_levels(field[3], old.level) > 0 then
        filesets[field[2]] = { package = field[1], fileset = field[2], level = field[3], ptf = filled(field[5]),
          state = field[6], type = field[7], description = table.concat(field, ":", first, last),
          efix_locked = field[last + 8] == "1", date = filled(table.concat(field, ":", math.min(last + 10, #field + 1))) }
      end
    end
  end
  return filesets
end

--- What the name of an RPM image says: "acme-lib-2.0-1.aix7.2.ppc.rpm"; nil where it is none.
---@param file string
---@return { name: string, level: string, package: string }?
function aix.rpm_image(file)
  local package = file:match("^([%w_%.%+%-]+)%.%w+%.rpm$") -- without the machine
  package = package and package:gsub("%.aix[%d%.]*$", "")
  local name, level = (package or ""):match("^(.+)%-([^%-]+%-[^%-]+)$")
  return name and { name = name, level = level, package = package } or nil
end

--- The name of an RPM that `lslpp -Lqc` lists; its row names package, version and release in one word.
---@param row { fileset: string, level: string, type: string }
---@return string?
function aix.rpm_name(row)
  if row.type ~= "R" then return nil end
  local tail = "-" .. row.level
  return row.fileset:sub(-#tail) == tail and row.fileset:sub(1, -#tail - 1) or row.fileset
end

--- `lslpp -lqc`, with or without its header: list of { path, fileset, level, ptf, state, type, description,
--- efix_locked }, a row for each part. The states are words ("COMMITTED").
function aix.lslpp_lqc(text)
  local list = {}
  for line in lines(text) do
    local field = fields(line)
    if field[7] and line:match("^/") then
      -- AIX 4.3 has no last column; a description may hold colons.
      local locked = field[8] and field[#field]
      local last = (locked == "" or locked == "EFIXLOCKED") and #field - 1 or #field
      list[#list + 1] = { path = field[1], fileset = field[2], level = field[3], ptf = field[4], state = field[5], type = field[6],
        description = table.concat(field, ":", 7, last), efix_locked = last < #field and locked == "EFIXLOCKED" }
    end
  end
  return list
end

--- `installp -L -d DIR`: list of { package, fileset, level, type ("I" install, "S" update), description }.
function aix.installp_L(text)
  local list = {}
  for line in lines(text) do
    local package, fileset, level, _, kind, rest = line:match("^([^:]+):([^:]+):([^:]*):([^:]*):([^:]*):(.*)$")
    if fileset then
      list[#list + 1] = { package = package, fileset = fileset, level = level, type = kind,
        description = rest:match("^[^:]*:[^:]*:[^:]*:[^:]*:[^:]*:[^:]*:([^:]*)") or "" }
    end
  end
  return list
end

--- Compares two VRMF levels: -1, 0 or 1. Missing parts count as 0.
function aix.compare_levels(a, b)
  local left, right = (a or ""):gmatch("%d+"), (b or ""):gmatch("%d+")
  while true do
    local x, y = left(), right()
    if not x and not y then return 0 end
    x, y = tonumber(x or 0), tonumber(y or 0)
    if x ~= y then return x < y and -1 or 1 end
  end
end

--- "7100-05-03-1846" -> { version = 7, release = 1, tl = 5, sp = 3, build = 1846 }; nil when it is not an oslevel. The
--- build is year and week, and is not there where the text has none, or 0000.
function aix.oslevel(text)
  local v, r, tl, sp, rest = text:match("^%s*(%d)(%d)00%-(%d+)%-(%d+)([%d-]*)%s*$")
  if not v then return nil end
  local build = tonumber(rest:match("^%-(%d%d%d%d)$") or 0)
  return { version = tonumber(v), release = tonumber(r), tl = tonumber(tl), sp = tonumber(sp), build = build > 0 and build or nil }
end

--- `bootlist -m normal -o`: disks in their order, one row for each path of a disk; nil for "-", a device that is gone.
---@return { disk: string, blv: string? }[]
function aix.bootlist(text)
  local rows = {}
  for line in lines(text) do
    local disk, rest = line:match("^%s*(%a[%w_%.]*)(.*)$")
    if disk and (rest == "" or rest:find("^%s")) then rows[#rows + 1] = { disk = disk, blv = rest:match("%sblv=(%S+)") } end
  end
  return rows
end

--- `lslv -m LV`: the physical partitions of the logical ones, in their order: of the first copy, and of each. Of a
--- disk that is missing the name is its identifier, or "?".
---@return { lp: integer, pp: integer, disk: string, copies: { pp: integer, disk: string }[] }[]
function aix.lslv_m(text)
  local rows = {}
  for line in lines(text) do
    local lp, pp, disk = line:match("^(%d+)%s+(%d+)%s+(%S+)")
    lp, pp = math.tointeger(tonumber(lp)), math.tointeger(tonumber(pp))
    local copies = {}
    for number, name in (lp and pp and line:match("^%d+%s+(.*)$") or ""):gmatch("(%d+)%s+(%S+)") do
      local at = math.tointeger(tonumber(number))
      if at then copies[#copies + 1] = { pp = at, disk = name } end
    end
    if lp and pp then rows[#rows + 1] = { lp = lp, pp = pp, disk = disk, copies = copies } end
  end
  return rows
end

--- `exportfs`: what is exported, and with which options.
---@return { path: string, flags: string, line: string }[]
function aix.exportfs(text)
  local list = {}
  for line in lines(text) do
    local path, flags = line:match("^(%S+)%s*(.*)$")
    if path then list[#list + 1] = { path = path, flags = flags, line = line } end
  end
  return list
end

--- `lssrc`: subsystem -> state ("active", "inoperative"), and its line.
---@return table<string, { state: string, line: string }>
function aix.lssrc(text)
  local rows = {}
  for line in lines(text) do
    local words = words_of(line)
    local state = words[#words]
    -- The header is not indented. Group and process id may be missing.
    if line:find("^%s") and #words >= 2 and state:find("^%l+$") then rows[words[1]] = { state = state, line = line } end
  end
  return rows
end

--- `lsnim -l NAME`: attribute -> value.
---@return table<string, string>
function aix.lsnim_l(text)
  local list = {}
  for line in lines(text) do
    local name, value = line:match("^[ \t]+(%S+)[ \t]*=[ \t]*(.*)$")
    if name then list[name] = value end
  end
  return list
end

--- `host NAME`, `host ADDRESS`: "NAME is ADDRESS,  Aliases: ..." of AIX, or the forms of bind's: "NAME has address
--- ADDRESS", "7.0.0.10.in-addr.arpa domain name pointer NAME."; nil when it is none of them.
---@return string? name, string? address
function aix.host(text)
  local name, address = text:match("^(%S+) is ([%x%.:]+)")
  if not name then name, address = text:match("^(%S+) has address (%d+%.%d+%.%d+%.%d+)") end
  if name then return name, address end
  local d, c, b, a, pointer = text:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)%.in%-addr%.arpa domain name pointer (%S-)%.?%s")
  return pointer, pointer and ("%s.%s.%s.%s"):format(a, b, c, d)
end

--- `emgr -P`: the filesets that interim fixes lock.
---@return { fileset: string, label: string }[]
function aix.emgr_P(text)
  local rows = {}
  for line in lines(text) do
    local name, label = line:match("^(%S+)%s+installp%s+(%S+)%s*$")
    if label and name ~= "PACKAGE" then rows[#rows + 1] = { fileset = name, label = label } end
  end
  return rows
end

--- `instfix -i`: the technology levels and service packs of which not all filesets were found.
---@return string[]
function aix.incomplete_levels(text)
  local list = {}
  for line in lines(text) do
    local name = line:match("^%s*Not all filesets for (%S+) were found%.%s*$")
    if name and (name:match("_AIX_ML$") or name:match("^%d%d%-%d%d%-%d+_SP$")) then list[#list + 1] = name end
  end
  return list
end

--- `instfix -icqk NAME`: list of { keyword, fileset, wanted, installed, status }; "-" is below the level, "=" at it, "+"
--- above it, "!" not there.
function aix.instfix_icq(text)
  local list = {}
  for line in lines(text) do
    local keyword, fileset, wanted, installed, status = line:match("^([^:#]+):([^:]+):([^:]*):([^:]*):([^:]*):")
    if fileset then
      list[#list + 1] = { keyword = keyword, fileset = fileset, wanted = wanted, installed = installed, status = status }
    end
  end
  return list
end

--- `prtconf -m`: MB.
---@return integer?
function aix.prtconf_m(text) return math.tointeger(tonumber(text:match("^Memory Size: (%d+) MB\n$"))) end

--- `prtconf`: what its lines say of the machine, each where it is there: the model ("9105-42A"), the numbers of the
--- processor and of the compatibility mode it runs in, megabytes of memory, and the firmware.
---@return { model: string?, processor: integer?, mode: integer?, memory: integer?, firmware: string? }
function aix.prtconf(text)
  local function number(pattern) return math.tointeger(tonumber(text:match("\n" .. pattern))) end
  text = "\n" .. text
  return { model = text:match("\nSystem Model: *IBM,([%w%-]+)"), processor = number("Processor Type: *PowerPC_POWER(%d+)"),
    mode = number("Processor Implementation Mode: *POWER *(%d+)"), memory = number("Memory Size: (%d+) MB"),
    firmware = text:match("\nPlatform Firmware level: *(%S+)") }
end

--- `lsattr -El proc0 -a type`: the number in PowerPC_POWERn.
---@return integer?
function aix.processor(text) return math.tointeger(tonumber(text:match("POWER(%d+)"))) end

--- `lsattr -El DEVICE -a NAME`: the value; nil where the device has no such attribute.
---@return string?
function aix.attribute(text, name)
  for line in lines(text) do
    local words = words_of(line)
    if words[1] == name and words[2] then return words[2] end
  end
end

--- `genkex`: the files of the kernel extensions that are loaded, each once, in their order. nil where no row of the
--- text is one.
---@return string[]?
function aix.genkex(text)
  local list, seen = {}, {}
  for line in lines(text) do
    local path = line:match("^%s*%x+%s+%x+%s+(/%S+)%s*$")
    if path and not seen[path] then list[#list + 1] = path end
    if path then seen[path] = true end
  end
  return list[1] and list or nil
end

--- `genld -l`: processes with what they have loaded, { name, objects }; members of a library stand in brackets.
---@return { name: string, objects: string[] }[]
function aix.genld(text)
  local list, process = {}, nil
  for line in lines(text) do
    local name = line:match("Proc_name:%s*(%S+)")
    if name then
      process = { name = name, objects = {} }
      list[#list + 1] = process
    end
    local object = line:match("^%s*%x+%s+(%S+)%s*$")
    if object and process then process.objects[#process.objects + 1] = object end
  end
  return list
end

--- `blvset -d DISK -g level`: version and release that the boot area of a disk names; 0 and 0 where it names none.
---@return integer? version, integer? release
function aix.blvset_level(text)
  local version, release = text:match("^%s*(%d+)%.(%d+)%s*$")
  return math.tointeger(tonumber(version)), math.tointeger(tonumber(release))
end

--- `hdcryptmgr showvg` and `hdcryptmgr showlv VG`: name -> whether it is encrypted.
---@return table<string, boolean>
function aix.encrypted(text)
  local list = {}
  for line in lines(text) do
    local words = words_of(line)
    if words[2] == "yes" or words[2] == "no" then list[words[1]] = words[2] == "yes" end
  end
  return list
end

--- `lscluster -c`: the name of the cluster; false where it says that there is none, nil where it says nothing known.
---@return string|false|nil
function aix.cluster(text)
  local name = text:match("Cluster Name:?%s+(%S+)")
  if name then return name end
  if text:lower():match("not active") or text:lower():match("no cluster") or text:match("not configured") then return false end
end

--- `lsdev -Cc CLASS -F "name:physloc:description"`.
---@return { name: string, place: string, text: string }[]
function aix.lsdev_places(text)
  local list = {}
  for line in lines(text) do
    local name, place, description = line:match("^([%w_%.]+):([^:]*):(.*)$")
    if name then list[#list + 1] = { name = name, place = place, text = description } end
  end
  return list
end

--- `odmget fix`: what each fix wants, name -> fileset -> level. Its list has several lines, each of which ends with the
--- two characters of a newline.
---@return table<string, table<string, string>>
function aix.odmget_fix(text)
  local fixes, fix, inside = {}, nil, false
  for line in lines(text) do
    local name = line:match('^%s+name = "([^"]*)"')
    local field = name or line:match("^%s+(%l+) = ") or line:match("^%l+:$")
    if name then
      fix = {}
      fixes[name] = fix
    end
    if field then inside = field == "filesets" end
    if inside and fix then
      for word in line:gsub("\\n", " "):gmatch('[^%s"\\]+') do
        local fileset, level = word:match("^([%w_%.%-]+):([%d%.]+)$")
        if fileset then fix[fileset] = level end
      end
    end
  end
  return fixes
end

--- "72-05-062320_SP", the name of the fix that is a service pack, as oslevel -s writes it: "7200-05-06-2320".
---@return string?
function aix.service_pack(name)
  local release, tl, sp, date = name:match("^(%d%d)%-(%d%d)%-(%d%d)(%d%d%d%d)_SP$")
  return release and ("%s00-%s-%s-%s"):format(release, tl, sp, date) or name:match("^(%d%d00%-%d%d%-%d%d%-%d%d%d%d)_SP$")
end

--- `date -u "+%Y %m %d %H %M %S"`: seconds since 1970; `date` of AIX has no form for that.
---@return integer?
function aix.date(text)
  local y, mo, d, h, mi, s = text:match("^(%d%d%d%d) (%d%d) (%d%d) (%d%d) (%d%d) (%d%d)\n$")
  if not y then return nil end
  y, mo = tonumber(y), tonumber(mo)
  -- Days of the civil calendar, counted from March.
  if mo <= 2 then y, mo = y - 1, mo + 12 end
  local days = 365 * y + y // 4 - y // 100 + y // 400 + (153 * (mo - 3) + 2) // 5 + tonumber(d) - 719469
  return math.tointeger(((days * 24 + tonumber(h)) * 60 + tonumber(mi)) * 60 + tonumber(s))
end

--- `getconf DISK_SIZE /dev/DISK`: MB.
---@return integer?
function aix.disk_size(text) return math.tointeger(tonumber(text:match("^%s*(%d+)%s*$"))) end

--- `ls -l /dev`: the special files.
---@return { major: integer, name: string }[]
function aix.devices(text)
  local rows = {}
  for line in lines(text) do
    local words = words_of(line)
    local major = math.tointeger(tonumber((words[5] or ""):match("^(%d+),")))
    if major and #words > 6 and line:find("^[bc]") then rows[#rows + 1] = { major = major, name = words[#words] } end
  end
  return rows
end

--- `ldd FILE`: the libraries it needs, without their members. /unix is the kernel.
---@return string[]
function aix.ldd(text)
  local list = {}
  for line in lines(text) do
    local path = line:match("^%s+(/[^%s(]+)")
    if path and path ~= "/unix" then list[#list + 1] = path end
  end
  return list
end

--- `dump -H FILE`: the import file strings INDEX, PATH (empty: by the search path of line 0), BASE, MEMBER. A
--- library by its path, or { base, search } of one that is looked for.
---@return (string|{ base: string, search: string })[]
function aix.dump_H(text)
  local list, search = {}, "/usr/lib:/lib"
  local from = text:find("Import File Strings", 1, true)
  for line in (from and text:sub(from) or ""):gmatch("[^\n]+") do
    local index, rest = line:match("^%s*(%d+)%s+(%S.*)$")
    local words = words_of(rest or "")
    if index == "0" then
      search = words[1] or search
    elseif words[1] and words[1]:sub(1, 1) == "/" and words[2] then
      if words[2] ~= "unix" then list[#list + 1] = words[1] .. "/" .. words[2] end
    elseif words[1] then
      list[#list + 1] = { base = words[1], search = search }
    end
  end
  return list
end

--- `odmget` output: list of tables field -> value (strings without quotes, numbers as numbers).
function aix.odmget(text)
  local objects, object = {}, nil
  for line in lines(text) do
    if line:match("^%S+:%s*$") then
      object = { class = line:match("^(%S+):") }
      objects[#objects + 1] = object
    elseif object then
      local field, value = line:match("^%s+(%S+)%s*=%s*(.*)$")
      if field then
        value = trimmed(value)
        object[field] = value:match('^"(.*)"$') or tonumber(value) or value
      end
    end
  end
  return objects
end

return aix
